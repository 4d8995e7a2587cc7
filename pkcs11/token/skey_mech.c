/*
 * skey_mech - the table of what secret keys do: one row a mechanism, and what can be told from the
 * row alone.
 *
 * 1. Sorted by mechanism; what is listed is this table without what libcrypto here lacks.
 * 2. CKM_AES_CTS is CBC-CS1 of SP 800-38A's addendum, the one whose whole blocks are CBC's: the
 *    standard only refers to the addendum.
 */
#include "base/cryptoki/admin.h"
#include "pkcs11/token/skey_private.h"

#include <stdio.h>
#include <stdlib.h>

#define HMAC(name, key, md, size)                                                                  \
	{ .mech = CKM_##name##_HMAC,                                                               \
	  .form = FORM_HMAC,                                                                       \
	  .type = (key),                                                                           \
	  .hash = (md),                                                                            \
	  .block = 1,                                                                              \
	  .tag = (size) },                                                                         \
	{                                                                                          \
		.mech = CKM_##name##_HMAC_GENERAL, .form = FORM_HMAC, .type = (key), .hash = (md), \
		.block = 1, .tag = (size), .tag_min = 1, .tag_step = 1                             \
	}
#define AES(mode)   .type = CKK_AES, .aes = (mode)
#define TWINE(mode) .type = CKK_INRO_TWINE, .twine = (mode)
#define DES3(name)  .type = CKK_DES3, .cipher = (name), .old = true
#define IV(n)	    .iv_min = (n), .iv_max = (n)
#define BLOCKS(n)   .form = FORM_BLOCKS, .block = (n)
#define PADDED(n)   .form = FORM_PADDED, .block = (n)
#define STREAM	    .form = FORM_STREAM, .block = 1
#define WHOLE(n)    .form = FORM_WHOLE, .block = 1, .least = (n)
#define TAG(n, min) .tag = (n), .tag_min = (min), .tag_step = 1

/* Tags shorter than 96 bits are neither made nor believed (SP 800-38D appendix C). */
#define GCM_MIN_TAG 12

static const struct smech rows[] = {
	HMAC(SHA512_224, CKK_SHA512_224_HMAC, "SHA2-512/224", 28),
	HMAC(SHA512_256, CKK_SHA512_256_HMAC, "SHA2-512/256", 32),
	{ .mech = CKM_DES3_ECB, DES3("DES-EDE3-ECB"), BLOCKS(8) },
	{ .mech = CKM_DES3_CBC, DES3("DES-EDE3-CBC"), BLOCKS(8), IV(8) },
	{ .mech = CKM_DES3_CBC_PAD, DES3("DES-EDE3-CBC"), PADDED(8), IV(8) },
	HMAC(SHA_1, CKK_SHA_1_HMAC, "SHA1", 20),
	HMAC(SHA256, CKK_SHA256_HMAC, "SHA2-256", 32),
	HMAC(SHA224, CKK_SHA224_HMAC, "SHA2-224", 28),
	HMAC(SHA384, CKK_SHA384_HMAC, "SHA2-384", 48),
	HMAC(SHA512, CKK_SHA512_HMAC, "SHA2-512", 64),
	HMAC(SHA3_256, CKK_SHA3_256_HMAC, "SHA3-256", 32),
	HMAC(SHA3_224, CKK_SHA3_224_HMAC, "SHA3-224", 28),
	HMAC(SHA3_384, CKK_SHA3_384_HMAC, "SHA3-384", 48),
	HMAC(SHA3_512, CKK_SHA3_512_HMAC, "SHA3-512", 64),
	{ .mech = CKM_AES_XTS, .type = CKK_AES_XTS, .aes = "XTS", WHOLE(16), IV(16) },
	{ .mech = CKM_AES_ECB, AES("ECB"), BLOCKS(16) },
	{ .mech = CKM_AES_CBC, AES("CBC"), BLOCKS(16), IV(16) },
	{ .mech = CKM_AES_CBC_PAD, AES("CBC"), PADDED(16), IV(16) },
	{ .mech = CKM_AES_CTR, AES("CTR"), STREAM, IV(16), .counter = 16 },
	{ .mech = CKM_AES_GCM,
	  AES("GCM"),
	  .form = FORM_AEAD,
	  .block = 1,
	  .iv_min = 1,
	  .iv_max = 128,
	  TAG(16, GCM_MIN_TAG) },
	{ .mech = CKM_AES_CCM,
	  AES("CCM"),
	  .form = FORM_CCM,
	  .block = 1,
	  .iv_min = 7,
	  .iv_max = 13,
	  .tag = 16,
	  .tag_min = 4,
	  .tag_step = 2 },
	{ .mech = CKM_AES_CTS, AES("CBC-CTS"), WHOLE(16), IV(16) },
	{ .mech = CKM_AES_CMAC, AES("CBC"), .form = FORM_CMAC, .block = 1, .tag = 16 },
	{ .mech = CKM_AES_CMAC_GENERAL, AES("CBC"), .form = FORM_CMAC, .block = 1, TAG(16, 1) },
	{ .mech = CKM_AES_GMAC,
	  AES("GCM"),
	  .form = FORM_GMAC,
	  .block = 1,
	  .iv_min = 1,
	  .iv_max = 128,
	  .tag = 16,
	  .tag_min = 12,
	  .tag_step = 1 },
	{ .mech = CKM_CHACHA20,
	  .type = CKK_CHACHA20,
	  .cipher = "ChaCha20",
	  STREAM,
	  IV(16),
	  .counter = 64 },
	{ .mech = CKM_AES_OFB, AES("OFB"), STREAM, IV(16) },
	{ .mech = CKM_AES_CFB8, AES("CFB8"), STREAM, IV(16) },
	{ .mech = CKM_AES_CFB128, AES("CFB"), STREAM, IV(16) },
	{ .mech = CKM_AES_CFB1, AES("CFB1"), STREAM, IV(16) },
	{ .mech = CKM_AES_KEY_WRAP, AES("WRAP"), .form = FORM_KW, .block = 8, .least = 16, IV(8) },
	{ .mech = CKM_AES_KEY_WRAP_KWP,
	  AES("WRAP-PAD"),
	  .form = FORM_KWP,
	  .block = 8,
	  .least = 1,
	  IV(4) },
	HMAC(BLAKE2B_512, CKK_BLAKE2B_512_HMAC, "BLAKE2B-512", 64),
	{ .mech = CKM_CHACHA20_POLY1305,
	  .type = CKK_CHACHA20,
	  .cipher = "ChaCha20-Poly1305",
	  .form = FORM_AEAD,
	  .block = 1,
	  IV(12),
	  TAG(16, 16) },
	{ .mech = CKM_INRO_TWINE_ECB, TWINE("ECB"), BLOCKS(8) },
	{ .mech = CKM_INRO_TWINE_CBC, TWINE("CBC"), BLOCKS(8), IV(8) },
	{ .mech = CKM_INRO_TWINE_CBC_PAD, TWINE("CBC"), PADDED(8), IV(8) },
	{ .mech = CKM_INRO_TWINE_CTR, TWINE("CTR"), STREAM, IV(8), .counter = 8 },
	{ .mech = CKM_INRO_TWINE_CMAC, TWINE("CBC"), .form = FORM_CMAC, .block = 1, .tag = 8 },
	{ .mech = CKM_INRO_TWINE_CMAC_GENERAL,
	  TWINE("CBC"),
	  .form = FORM_CMAC,
	  .block = 1,
	  TAG(8, 1) },
};

const struct smech *smech_find(CK_MECHANISM_TYPE mech)
{
	size_t low = 0, high = ARRAY_LEN(rows);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (rows[mid].mech == mech)
			return &rows[mid];
		if (rows[mid].mech < mech)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const char *smech_cipher(const struct smech *m, size_t n, char room[24])
{
	size_t bits = 8 * (m->type == CKK_AES_XTS ? n / 2 : n);

	if (!m->aes && !m->twine)
		return m->cipher;
	(void)snprintf(room, 24, "%s-%zu-%s", m->aes ? "AES" : "TWINE", bits,
		       m->aes ? m->aes : m->twine);
	return room;
}

bool smech_is_mac(const struct smech *m)
{
	return m->form <= FORM_GMAC;
}

bool smech_is_aead(const struct smech *m)
{
	return m->form == FORM_AEAD || m->form == FORM_CCM;
}

size_t smech_tag(const struct smech *m, const struct use_spec *spec)
{
	return m->tag_min && spec->tag_n ? spec->tag_n : m->tag;
}

/* ---- what is there ---- */

static bool is_there(OSSL_LIB_CTX *ctx, const struct smech *m)
{
	char room[24];
	EVP_MD *md = m->hash ? EVP_MD_fetch(ctx, m->hash, NULL) : NULL;
	EVP_CIPHER *cipher =
		m->hash ? NULL
			: EVP_CIPHER_fetch(ctx, smech_cipher(m, m->twine ? 16 : 32, room), NULL);
	bool there = md || cipher;

	EVP_MD_free(md);
	EVP_CIPHER_free(cipher);
	return there;
}

static void fill(CK_MECHANISM_TYPE *list)
{
	KEEP_LIBCRYPTO_ERRORS();
	OSSL_LIB_CTX *ctx;

	if (libctx_get(&ctx) == INRO_OK)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (is_there(ctx, &rows[i]))
				*list++ = rows[i].mech;
	*list = CK_UNAVAILABLE_INFORMATION;
}

const CK_MECHANISM_TYPE *skey_mechanisms(void)
{
	static const CK_MECHANISM_TYPE none[] = { CK_UNAVAILABLE_INFORMATION };
	static _Atomic(CK_MECHANISM_TYPE *) known;
	CK_MECHANISM_TYPE *seen = atomic_load(&known), *made;

	if (seen)
		return seen;
	made = calloc(ARRAY_LEN(rows) + 1, sizeof *made);
	if (!made)
		return none;
	fill(made);
	/* threads that come first together each make one */
	if (atomic_compare_exchange_strong(&known, &seen, made))
		return made;
	free(made);
	return seen;
}

/* ---- parameters ---- */

static enum inro_err bad_param(const struct use_spec *spec, const char *what)
{
	return err_set(INRO_E_MECHANISM_PARAM, "mechanism 0x%lx: %s", spec->mech, what);
}

static enum inro_err check_iv(const struct smech *m, const struct use_spec *spec)
{
	bool standard = !spec->iv.n && (m->form == FORM_KW || m->form == FORM_KWP);

	if (standard || (spec->iv.n >= m->iv_min && spec->iv.n <= m->iv_max))
		return INRO_OK;
	return bad_param(spec, "an IV of this length does not do");
}

static enum inro_err check_tag(const struct smech *m, const struct use_spec *spec)
{
	if (!m->tag_min || !spec->tag_n)
		return INRO_OK;
	if (spec->tag_n >= m->tag_min && spec->tag_n <= m->tag && spec->tag_n % m->tag_step == 0)
		return INRO_OK;
	return bad_param(spec, "a tag of this length does not do");
}

/* CTR's counts whole blocks from its end; ChaCha20's is a part of its state. */
static bool is_big_counter(const struct smech *m)
{
	return m->counter <= MAX_BLOCK;
}

static enum inro_err check_counter(const struct smech *m, const struct use_spec *spec)
{
	CK_ULONG bits = spec->counter_bits;
	bool fits = is_big_counter(m) ? bits >= 1 && bits <= 8 * (CK_ULONG)m->counter
				      : bits == 32 || bits == 64;

	return !m->counter || fits ? INRO_OK
				   : bad_param(spec, "a counter of this width does not do");
}

static bool type_does(const struct smech *m, CK_KEY_TYPE type)
{
	return m->type == type || (m->form == FORM_HMAC && type == CKK_GENERIC_SECRET);
}

static bool use_does(const struct smech *m, enum key_use use)
{
	if (smech_is_mac(m))
		return use == USE_SIGN;
	return use == USE_DECRYPT || (use == USE_ENCRYPT && !m->old);
}

enum inro_err smech_check(CK_KEY_TYPE type, const struct use_spec *spec, enum key_use use,
			  const struct smech **ret)
{
	const struct smech *m = smech_find(spec->mech);
	enum inro_err e;

	if (!m || !use_does(m, use))
		return err_set(INRO_E_MECHANISM,
			       "mechanism 0x%lx does not do this with a secret "
			       "key",
			       spec->mech);
	if (!type_does(m, type))
		return err_set(INRO_E_KEY_TYPE, "mechanism 0x%lx is not for this type of key",
			       spec->mech);
	e = check_iv(m, spec);
	if (!e)
		e = check_tag(m, spec);
	if (!e)
		e = check_counter(m, spec);
	if (!e)
		*ret = m;
	return e;
}

/* ---- lengths ---- */

/* The counter block's last (CTR: big endian) or first (ChaCha20: little endian) bits as a number;
 * *ret_high: whether everything above 64 bits is ones. */
static uint64_t counter_value(const struct smech *m, const struct use_spec *spec, bool *ret_high)
{
	size_t n = (spec->counter_bits + 7) / 8;
	uint64_t low = 0;

	*ret_high = true;
	for (size_t i = 0; i < n; i++) {
		bool big = is_big_counter(m);
		uint8_t byte = spec->iv.p[big ? spec->iv.n - 1 - i : i];
		unsigned bits = i == spec->counter_bits / 8 ? spec->counter_bits % 8 : 8;
		uint8_t mask = (uint8_t)((1u << bits) - 1);

		if (i < 8)
			low |= (uint64_t)(byte & mask) << 8 * i;
		else if ((byte & mask) != mask)
			*ret_high = false;
	}
	return low;
}

uint64_t smech_reach(const struct smech *m, const struct use_spec *spec)
{
	uint64_t value, blocks;
	bool high;

	if (!m->counter)
		return UINT64_MAX;
	value = counter_value(m, spec, &high);
	if (!high)
		return UINT64_MAX;
	blocks = spec->counter_bits < 64 ? ((uint64_t)1 << spec->counter_bits) - value : 0 - value;
	/* 0 is 2^64 */
	return !blocks || blocks > UINT64_MAX / m->counter ? UINT64_MAX : blocks * m->counter;
}

static bool plain_fits(const struct smech *m, const struct use_spec *spec, size_t n)
{
	bool blocks = m->form == FORM_BLOCKS || m->form == FORM_KW;
	size_t length_bytes = 15 - spec->iv.n; /* CCM's L */

	if (n < m->least || (blocks && n % m->block) || n > smech_reach(m, spec))
		return false;
	if (m->form != FORM_CCM)
		return true;
	return n == spec->data_n && (length_bytes >= sizeof n || n >> 8 * length_bytes == 0);
}

/* Bytes that a ciphertext is longer than its plaintext. */
static size_t overhead(const struct smech *m, const struct use_spec *spec)
{
	if (smech_is_aead(m))
		return smech_tag(m, spec);
	return m->form == FORM_KW || m->form == FORM_KWP ? m->block : 0;
}

static bool cipher_fits(const struct smech *m, const struct use_spec *spec, size_t n)
{
	size_t more = overhead(m, spec);

	if (n < more)
		return false;
	if (m->form == FORM_PADDED || m->form == FORM_KWP)
		return n > more && n % m->block == 0;
	return plain_fits(m, spec, n - more);
}

enum inro_err smech_check_length(const struct smech *m, const struct use_spec *spec,
				 enum key_use use, size_t n)
{
	if (use == USE_DECRYPT)
		return cipher_fits(m, spec, n)
			       ? INRO_OK
			       : err_set(INRO_E_CIPHERTEXT_LENGTH,
					 "mechanism 0x%lx gives no ciphertext of %zu bytes",
					 spec->mech, n);
	return plain_fits(m, spec, n)
		       ? INRO_OK
		       : err_set(INRO_E_DATA_LENGTH, "mechanism 0x%lx does not take %zu bytes",
				 spec->mech, n);
}

enum inro_err skey_size(const struct use_spec *spec, enum key_use use, size_t n, size_t *ret)
{
	const struct smech *m = smech_find(spec->mech);
	size_t more = m ? overhead(m, spec) : 0;
	enum inro_err e;

	if (!m)
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx is not for secret keys",
			       spec->mech);
	if (smech_is_mac(m)) {
		*ret = smech_tag(m, spec);
		return INRO_OK;
	}
	e = smech_check_length(m, spec, use, n);
	if (e)
		return e;
	if (use == USE_DECRYPT)
		*ret = n - more;
	else if (m->form == FORM_PADDED)
		*ret = n / m->block * m->block + m->block;
	else
		*ret = (m->form == FORM_KWP ? (n + 7) / 8 * 8 : n) + more;
	return INRO_OK;
}
