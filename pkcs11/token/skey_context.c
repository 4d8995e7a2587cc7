/*
 * skey_context - libcrypto's contexts with a key in them, kept ready.
 *
 * 1. A prepared context belongs to one thread from take to give; the pool's slots change hands by
 *    one atomic exchange.
 * 2. The key schedule is made once for a context; a message sets its IV.  CCM alone is keyed anew
 *    when a size changes, because libcrypto puts both sizes into the keyed state.
 */
#include "pkcs11/token/skey_private.h"

#include <string.h>

#include <openssl/core_names.h>

/* EVP takes ints. */
#define FEED_MAX ((size_t)1 << 30)
/* More than this is not kept from one message to the next. */
#define SCRATCH_KEPT ((size_t)64 << 10)

static void free_cipher(EVP_CIPHER **p)
{
	EVP_CIPHER_free(*p);
}

static void free_mac(EVP_MAC **p)
{
	EVP_MAC_free(*p);
}

void prepared_free(struct prepared_secret *p)
{
	if (!p)
		return;
	EVP_CIPHER_CTX_free(p->cipher);
	EVP_MAC_CTX_free(p->mac);
	secret_clear(&p->scratch);
	OPENSSL_free(p);
}

/* ---- the pool ---- */

/* Back into an empty slot; when all are full, something else makes room, so that a key used in a
 * new way does not stay slow. */
void prepared_give(struct skey *k, struct prepared_secret *p)
{
	static atomic_uint turn;
	unsigned victim;

	for (size_t i = 0; i < SKEY_POOL; i++) {
		struct prepared_secret *empty = NULL;

		if (atomic_compare_exchange_strong_explicit(
			    &k->pool[i], &empty, p, memory_order_release, memory_order_relaxed))
			return;
	}
	victim = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % SKEY_POOL;
	prepared_free(atomic_exchange_explicit(&k->pool[victim], p, memory_order_acq_rel));
}

static struct prepared_secret *from_pool(struct skey *k, const struct smech *m, bool encrypt)
{
	for (size_t i = 0; i < SKEY_POOL; i++) {
		struct prepared_secret *p;

		if (!atomic_load_explicit(&k->pool[i], memory_order_relaxed))
			continue;
		p = atomic_exchange_explicit(&k->pool[i], NULL, memory_order_acquire);
		if (p && p->m == m && p->encrypt == encrypt)
			return p;
		if (p)
			prepared_give(k, p);
	}
	return NULL;
}

void skey_pool_clear(struct skey *k)
{
	for (size_t i = 0; i < SKEY_POOL; i++)
		prepared_free(atomic_exchange(&k->pool[i], NULL));
}

/* ---- new ones ---- */

static bool new_mac(struct prepared_secret *p, const struct skey *k, OSSL_LIB_CTX *ctx)
{
	bool hmac = p->m->form == FORM_HMAC;
	AUTO(free_mac) EVP_MAC *mac = EVP_MAC_fetch(ctx, hmac ? "HMAC" : "CMAC", NULL);
	char room[24];
	const char *name = hmac ? p->m->hash : smech_cipher(p->m, k->value.n, room);
	/* OSSL_PARAM has no const; the name is only read */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(hmac ? OSSL_MAC_PARAM_DIGEST
						      : OSSL_MAC_PARAM_CIPHER,
						 (char *)(uintptr_t)name, 0),
		OSSL_PARAM_construct_end(),
	};

	p->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	return p->mac && EVP_MAC_init(p->mac, k->value.p, k->value.n, params) == 1;
}

static bool new_cipher(struct prepared_secret *p, const struct skey *k, OSSL_LIB_CTX *ctx)
{
	char room[24];
	AUTO(free_cipher)
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(ctx, smech_cipher(p->m, k->value.n, room), NULL);

	p->cipher = cipher ? EVP_CIPHER_CTX_new() : NULL;
	if (!p->cipher)
		return false;
	EVP_CIPHER_CTX_set_flags(p->cipher, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	return EVP_CipherInit_ex2(p->cipher, cipher, k->value.p, NULL, p->encrypt, NULL) == 1;
}

enum inro_err prepared_take(struct skey *k, const struct smech *m, bool encrypt,
			    struct prepared_secret **ret)
{
	struct prepared_secret *p = from_pool(k, m, encrypt);
	bool by_mac = m->form == FORM_HMAC || m->form == FORM_CMAC;
	OSSL_LIB_CTX *ctx;
	enum inro_err e = p ? INRO_OK : libctx_get(&ctx);

	if (e)
		return e;
	if (!p) {
		p = OPENSSL_zalloc(sizeof *p);
		if (!p)
			return INRO_E_NO_MEMORY;
		p->m = m;
		p->encrypt = encrypt;
		if (!(by_mac ? new_mac(p, k, ctx) : new_cipher(p, k, ctx))) {
			e = libcrypto_err("preparing a secret key");
			prepared_free(p);
			return e;
		}
	}
	*ret = p;
	return INRO_OK;
}

/* ---- a message ---- */

static struct bytes iv_of(const struct smech *m, const struct use_spec *spec)
{
	/* RFC 3394 2.2.3.1, RFC 5649 3 */
	if (!spec->iv.n && m->form == FORM_KW)
		return BYTES("\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6", 8);
	return !spec->iv.n && m->form == FORM_KWP ? BYTES("\xa6\x59\x59\xa6", 4) : spec->iv;
}

static bool set_sizes(struct prepared_secret *p, const struct skey *k, size_t iv_n, size_t tag_n)
{
	bool ccm = p->m->form == FORM_CCM, fixed = p->m->iv_min == p->m->iv_max;

	if (iv_n != p->iv_n && !fixed &&
	    EVP_CIPHER_CTX_ctrl(p->cipher, EVP_CTRL_AEAD_SET_IVLEN, (int)iv_n, NULL) != 1)
		return false;
	if (ccm && (iv_n != p->iv_n || tag_n != p->tag_n) &&
	    (EVP_CIPHER_CTX_ctrl(p->cipher, EVP_CTRL_AEAD_SET_TAG, (int)tag_n, NULL) != 1 ||
	     EVP_CipherInit_ex2(p->cipher, NULL, k->value.p, NULL, p->encrypt, NULL) != 1))
		return false;
	p->iv_n = iv_n;
	p->tag_n = tag_n;
	return true;
}

/* Before 3.0.3 libcrypto says yes to an EVP_MAC_init() without a key and begins nothing: what
 * follows would be the MAC of something else (openssl/openssl issue 17811). */
#define STARTS_WITHOUT_KEY 0x30000030L

static bool start_mac(struct prepared_secret *p, const struct skey *k)
{
	if (OpenSSL_version_num() >= STARTS_WITHOUT_KEY)
		return EVP_MAC_init(p->mac, NULL, 0, NULL) == 1;
	return EVP_MAC_init(p->mac, k->value.p, k->value.n, NULL) == 1;
}

enum inro_err prepared_start(struct prepared_secret *p, const struct skey *k,
			     const struct use_spec *spec)
{
	struct bytes iv = iv_of(p->m, spec);
	bool done;

	if (p->mac)
		done = start_mac(p, k);
	else
		done = set_sizes(p, k, iv.n, smech_tag(p->m, spec)) &&
		       EVP_CipherInit_ex2(p->cipher, NULL, NULL, iv.p, p->encrypt, NULL) == 1 &&
		       EVP_CIPHER_CTX_set_padding(p->cipher, p->m->form == FORM_PADDED) == 1;
	return done ? INRO_OK : libcrypto_err("starting with a secret key");
}

bool prepared_feed(struct prepared_secret *p, struct bytes in, uint8_t *out, size_t *ret_n)
{
	size_t total = 0;

	if (p->mac)
		return EVP_MAC_update(p->mac, in.p, in.n) == 1;
	while (in.n) {
		size_t some = in.n < FEED_MAX ? in.n : FEED_MAX;
		int n = 0;

		if (EVP_CipherUpdate(p->cipher, out ? out + total : NULL, &n, in.p, (int)some) != 1)
			return false;
		total += (size_t)n;
		in = BYTES(in.p + some, in.n - some);
	}
	if (ret_n)
		*ret_n = total;
	return true;
}

enum inro_err prepared_scratch(struct prepared_secret *p, size_t n, uint8_t **ret)
{
	enum inro_err e = INRO_OK;

	if (p->scratch.n < n) {
		secret_clear(&p->scratch);
		e = secret_new(n < 4096 ? 4096 : n, &p->scratch);
	}
	if (!e)
		*ret = p->scratch.p;
	return e;
}

void prepared_done(struct prepared_secret *p, size_t n)
{
	if (p->scratch.n > SCRATCH_KEPT)
		secret_clear(&p->scratch);
	else if (n <= p->scratch.n)
		wipe(p->scratch.p, n);
}

enum inro_err skey_unpad(const uint8_t *last, size_t block, size_t *ret)
{
	uint32_t n = last[block - 1], size = (uint32_t)block, bad;

	/* all ones above bit 8 for n == 0 and for n > block */
	bad = (n - 1) >> 8 | (size - n) >> 8;
	for (uint32_t i = 0; i < size; i++) {
		/* all ones where byte i counts from the end as padding */
		uint32_t inside = (uint32_t)0 - ((i - n) >> 31);

		bad |= inside & (last[size - 1 - i] ^ n);
	}
	if (bad)
		return err_set(INRO_E_CIPHERTEXT, "the ciphertext does not decrypt");
	*ret = block - n;
	return INRO_OK;
}
