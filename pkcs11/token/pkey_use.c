/*
 * pkey_use - signing and verifying.
 *
 * 1. A mechanism with a hash in its name is its raw mechanism on the hash: one table row, no code.
 * 2. A prepared context belongs to one thread from take() to give(); the pool's slots change hands
 *    by one atomic exchange.
 */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "base/der.h"
#include "base/own.h"

/* SEQUENCE of two INTEGERs of at most 67 octets, with room to spare. */
#define MAX_DER_SIG 160
/* Cryptoki bounds raw ECDSA input nowhere; longer than any hash, it is a message by mistake. */
#define MAX_ECDSA_INPUT LIBCTX_MAX_HASH
#define PKCS1_OVERHEAD	11

/* Sorted by mechanism.  name, what it comes down to, the hash in its name */
#define MECHANISMS(ROW)                                                                            \
	ROW(CKM_RSA_PKCS, CKM_RSA_PKCS, 0)                                                         \
	ROW(CKM_SHA1_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA_1)                                            \
	ROW(CKM_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, 0)                                                 \
	ROW(CKM_SHA1_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA_1)                                    \
	ROW(CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA256)                                         \
	ROW(CKM_SHA384_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA384)                                         \
	ROW(CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA512)                                         \
	ROW(CKM_SHA256_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA256)                                 \
	ROW(CKM_SHA384_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA384)                                 \
	ROW(CKM_SHA512_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA512)                                 \
	ROW(CKM_SHA224_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA224)                                         \
	ROW(CKM_SHA224_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA224)                                 \
	ROW(CKM_ECDSA, CKM_ECDSA, 0)                                                               \
	ROW(CKM_ECDSA_SHA1, CKM_ECDSA, CKM_SHA_1)                                                  \
	ROW(CKM_ECDSA_SHA224, CKM_ECDSA, CKM_SHA224)                                               \
	ROW(CKM_ECDSA_SHA256, CKM_ECDSA, CKM_SHA256)                                               \
	ROW(CKM_ECDSA_SHA384, CKM_ECDSA, CKM_SHA384)                                               \
	ROW(CKM_ECDSA_SHA512, CKM_ECDSA, CKM_SHA512)

struct mechanism {
	CK_MECHANISM_TYPE mech, raw, hash;
};

#define AS_ROW(m, r, h)	 { .mech = (m), .raw = (r), .hash = (h) },
#define AS_TYPE(m, r, h) m,

static const struct mechanism mechanisms[] = { MECHANISMS(AS_ROW) };

const CK_MECHANISM_TYPE *pkey_mechanisms(void)
{
	static const CK_MECHANISM_TYPE all[] = { MECHANISMS(AS_TYPE) CK_UNAVAILABLE_INFORMATION };

	return all;
}

/* What stands before the hash in a DigestInfo (RFC 8017 9.2, note 1). */
struct digest_info {
	CK_MECHANISM_TYPE hash;
	struct bytes prefix;
};

#define PREFIX(s)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}
#define SHA2_INFO "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02"

static const struct digest_info digest_infos[] = {
	{ CKM_SHA_1, PREFIX("\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14") },
	{ CKM_SHA224, PREFIX("\x30\x2d\x30\x0d" SHA2_INFO "\x04\x05\x00\x04\x1c") },
	{ CKM_SHA256, PREFIX("\x30\x31\x30\x0d" SHA2_INFO "\x01\x05\x00\x04\x20") },
	{ CKM_SHA384, PREFIX("\x30\x41\x30\x0d" SHA2_INFO "\x02\x05\x00\x04\x30") },
	{ CKM_SHA512, PREFIX("\x30\x51\x30\x0d" SHA2_INFO "\x03\x05\x00\x04\x40") },
};

/* ---- the raw mechanisms ---- */

static enum inro_err check_ecdsa(const struct pkey *k, const struct use_spec *spec, size_t n)
{
	(void)k;
	(void)spec;
	return n >= 1 && n <= MAX_ECDSA_INPUT
		       ? INRO_OK
		       : err_set(INRO_E_DATA_LENGTH,
				 "CKM_ECDSA takes a hash of 1 to %d bytes, not "
				 "%zu",
				 MAX_ECDSA_INPUT, n);
}

static enum inro_err check_pkcs1(const struct pkey *k, const struct use_spec *spec, size_t n)
{
	(void)spec;
	return n <= k->sig_len - PKCS1_OVERHEAD
		       ? INRO_OK
		       : err_set(INRO_E_DATA_LENGTH,
				 "CKM_RSA_PKCS with this key takes at most %zu "
				 "bytes, not %zu",
				 k->sig_len - PKCS1_OVERHEAD, n);
}

static enum inro_err check_pss(const struct pkey *k, const struct use_spec *spec, size_t n)
{
	size_t hash = libctx_md_size(spec->digest), room = (k->bits - 1 + 7) / 8;

	if (!hash || !libctx_md_size(spec->mgf_digest))
		return err_set(INRO_E_MECHANISM_PARAM, "PSS with a hash that is not offered here");
	if (spec->salt_len > room - hash - 2)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a PSS salt of %lu bytes is too long for "
			       "this key",
			       spec->salt_len);
	if (n != hash)
		return err_set(INRO_E_DATA_LENGTH, "PSS takes a hash of %zu bytes, not %zu", hash,
			       n);
	return INRO_OK;
}

struct raw {
	CK_MECHANISM_TYPE mech;
	enum key_kind kind;
	int padding;
	enum inro_err (*check)(const struct pkey *k, const struct use_spec *spec, size_t n);
};

static const struct raw raws[] = {
	{ .mech = CKM_RSA_PKCS,
	  .kind = KEY_RSA,
	  .padding = RSA_PKCS1_PADDING,
	  .check = check_pkcs1 },
	{ .mech = CKM_RSA_PKCS_PSS,
	  .kind = KEY_RSA,
	  .padding = RSA_PKCS1_PSS_PADDING,
	  .check = check_pss },
	{ .mech = CKM_ECDSA, .kind = KEY_EC, .check = check_ecdsa },
};

static const struct mechanism *mechanism_find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (mechanisms[i].mech == mech)
			return &mechanisms[i];
	return NULL;
}

static const struct raw *raw_find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(raws); i++)
		if (raws[i].mech == mech)
			return &raws[i];
	return NULL;
}

CK_MECHANISM_TYPE pkey_mech_hash(CK_MECHANISM_TYPE mech)
{
	const struct mechanism *m = mechanism_find(mech);

	return m ? m->hash : 0;
}

/* ---- hashed to raw ---- */

static void add_digest_info(CK_MECHANISM_TYPE hash, struct buf *b)
{
	for (size_t i = 0; i < ARRAY_LEN(digest_infos); i++)
		if (digest_infos[i].hash == hash)
			buf_add(b, digest_infos[i].prefix);
}

enum inro_err pkey_raw_form(const struct use_spec *spec, struct bytes hash,
			    struct use_spec *ret_spec, struct buf *ret_in)
{
	const struct mechanism *m = mechanism_find(spec->mech);
	struct use_spec raw = *spec;

	if (!m || !m->hash)
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx hashes nothing", spec->mech);
	if (hash.n != libctx_md_size(m->hash))
		return err_set(INRO_E_DATA_LENGTH, "a hash of %zu bytes is not %s", hash.n,
			       libctx_md_name(m->hash));
	if (m->raw == CKM_RSA_PKCS_PSS && spec->digest != m->hash)
		return err_set(INRO_E_MECHANISM_PARAM, "the hash in the PSS parameters is not the "
						       "mechanism's");
	raw.mech = m->raw;
	if (m->raw == CKM_RSA_PKCS)
		add_digest_info(m->hash, ret_in);
	buf_add(ret_in, hash);
	if (ret_in->err)
		return buf_err(ret_in);
	*ret_spec = raw;
	return INRO_OK;
}

static enum inro_err hash_message(CK_MECHANISM_TYPE hash, struct bytes in, uint8_t *out,
				  struct bytes *ret)
{
	const EVP_MD *md;
	unsigned n = 0;
	enum inro_err e = libctx_md(hash, &md);

	if (e)
		return e;
	if (EVP_Digest(in.p, in.n, out, &n, md, NULL) != 1)
		return libctx_err("hashing");
	*ret = BYTES(out, n);
	return INRO_OK;
}

/* What is signed or verified in the end: *spec and *in are rewritten if the mechanism hashes. */
static enum inro_err reduce(const struct pkey *k, struct use_spec *spec, struct bytes *in,
			    struct buf *room, const struct raw **ret)
{
	const struct mechanism *m = mechanism_find(spec->mech);
	const struct raw *raw = m ? raw_find(m->raw) : NULL;
	uint8_t digest[LIBCTX_MAX_HASH];
	struct bytes hash = BYTES_NONE;
	enum inro_err e = libctx_alive();

	if (e)
		return e;
	if (!raw)
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx does not sign", spec->mech);
	if (raw->kind != pkey_kind(k))
		return err_set(INRO_E_KEY_TYPE, "mechanism 0x%lx is not for this type of key",
			       spec->mech);
	if (m->hash) {
		e = hash_message(m->hash, *in, digest, &hash);
		if (!e)
			e = pkey_raw_form(spec, hash, spec, room);
		if (!e)
			*in = buf_bytes(room);
	}
	if (!e)
		e = raw->check(k, spec, in->n);
	if (!e)
		*ret = raw;
	return e;
}

/* ---- prepared contexts ---- */

struct prepared {
	EVP_PKEY_CTX *ctx;
	bool verify;
	struct use_spec spec;
};

static void prepared_free(struct prepared *p)
{
	if (!p)
		return;
	EVP_PKEY_CTX_free(p->ctx);
	OPENSSL_free(p);
}

static bool fits(const struct prepared *p, bool verify, const struct use_spec *spec)
{
	return p->verify == verify && p->spec.mech == spec->mech &&
	       p->spec.digest == spec->digest && p->spec.mgf_digest == spec->mgf_digest &&
	       p->spec.salt_len == spec->salt_len;
}

/* Back into an empty slot; when all are full, something else makes room, so that a key used in a
 * new way does not stay slow. */
static void give(struct pkey *k, struct prepared *p)
{
	static atomic_uint turn;
	unsigned victim;

	for (size_t i = 0; i < PKEY_POOL; i++) {
		struct prepared *empty = NULL;

		if (atomic_compare_exchange_strong_explicit(
			    &k->pool[i], &empty, p, memory_order_release, memory_order_relaxed))
			return;
	}
	victim = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % PKEY_POOL;
	prepared_free(atomic_exchange_explicit(&k->pool[victim], p, memory_order_acq_rel));
}

static struct prepared *take(struct pkey *k, bool verify, const struct use_spec *spec)
{
	for (size_t i = 0; i < PKEY_POOL; i++) {
		struct prepared *p;

		if (!atomic_load_explicit(&k->pool[i], memory_order_relaxed))
			continue;
		p = atomic_exchange_explicit(&k->pool[i], NULL, memory_order_acquire);
		if (p && fits(p, verify, spec))
			return p;
		if (p)
			give(k, p);
	}
	return NULL;
}

void pkey_pool_clear(struct pkey *k)
{
	for (size_t i = 0; i < PKEY_POOL; i++)
		prepared_free(atomic_exchange(&k->pool[i], NULL));
}

static bool set_up(struct prepared *p, const struct raw *raw)
{
	int padding = raw->padding, salt = (int)p->spec.salt_len;
	const char *md = libctx_md_name(p->spec.digest), *mgf = libctx_md_name(p->spec.mgf_digest);
	OSSL_PARAM params[5] = { OSSL_PARAM_construct_end() }, *next = params;

	/* OSSL_PARAM has no const; the names are only read */
	if (padding)
		*next++ = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &padding);
	if (padding == RSA_PKCS1_PSS_PADDING) {
		*next++ = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
							   (char *)(uintptr_t)md, 0);
		*next++ = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST,
							   (char *)(uintptr_t)mgf, 0);
		*next++ = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt);
	}
	*next = OSSL_PARAM_construct_end();
	return (p->verify ? EVP_PKEY_verify_init_ex(p->ctx, params)
			  : EVP_PKEY_sign_init_ex(p->ctx, params)) > 0;
}

static struct prepared *prepared_new(struct pkey *k, bool verify, const struct use_spec *spec,
				     const struct raw *raw)
{
	struct prepared *p = OPENSSL_zalloc(sizeof *p);

	if (!p)
		return NULL;
	p->verify = verify;
	p->spec = *spec;
	p->spec.label = BYTES_NONE; /* borrowed, and not part of a signature */
	p->ctx = EVP_PKEY_CTX_new_from_pkey(k->libctx, k->evp, NULL);
	if (p->ctx && set_up(p, raw))
		return p;
	prepared_free(p);
	return NULL;
}

/* NULL with libcrypto's reason in its queue. */
static struct prepared *prepare(struct pkey *k, bool verify, const struct use_spec *spec,
				const struct raw *raw)
{
	struct prepared *p = take(k, verify, spec);

	return p ? p : prepared_new(k, verify, spec, raw);
}

/* ---- r || s and its DER ---- */

static enum inro_err sig_from_der(struct bytes der, size_t field, uint8_t *out)
{
	struct bytes seq, number;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	for (int i = 0; !e && i < 2; i++, out += field) {
		e = der_take_unsigned(&seq, &number);
		if (!e && number.n > field)
			e = INRO_E_CRYPTO;
		if (e)
			break;
		memset(out, 0, field - number.n);
		memcpy(out + field - number.n, number.p, number.n);
	}
	return e ? err_set(INRO_E_CRYPTO, "libcrypto made a signature that can't be read")
		 : INRO_OK;
}

static void sig_to_der(struct bytes sig, struct buf *der)
{
	size_t seq = der_begin(der, DER_SEQUENCE), field = sig.n / 2;

	der_add_unsigned(der, BYTES(sig.p, field));
	der_add_unsigned(der, BYTES(sig.p + field, field));
	der_end(der, seq);
}

/* ---- the two operations ---- */

static enum inro_err run_sign(const struct pkey *k, struct prepared *p, struct bytes in,
			      uint8_t *out)
{
	uint8_t der[MAX_DER_SIG];
	size_t n = k->curve ? sizeof der : k->sig_len;

	if (EVP_PKEY_sign(p->ctx, k->curve ? der : out, &n, in.p, in.n) <= 0)
		return libctx_err("signing");
	if (k->curve)
		return sig_from_der(BYTES(der, n), k->curve->field, out);
	return n == k->sig_len
		       ? INRO_OK
		       : err_set(INRO_E_CRYPTO, "libcrypto made a signature of %zu bytes", n);
}

enum inro_err pkey_sign(struct pkey *k, const struct use_spec *spec, struct bytes in, uint8_t *out,
			size_t cap, size_t *ret_n)
{
	KEEP_LIBCTX_ERRORS();
	SCOPED(buf) room = { 0 };
	struct use_spec s = *spec;
	const struct raw *raw = NULL;
	struct prepared *p;
	enum inro_err e;

	if (!k->is_private)
		return err_set(INRO_E_KEY_TYPE, "a public key does not sign");
	e = reduce(k, &s, &in, &room, &raw);
	if (e)
		return e;
	if (cap < k->sig_len) {
		*ret_n = k->sig_len;
		return INRO_E_TOO_SMALL;
	}
	p = prepare(k, false, &s, raw);
	if (!p)
		return libctx_err("preparing a signature");
	e = run_sign(k, p, in, out);
	if (e) {
		prepared_free(p);
		return e;
	}
	give(k, p);
	*ret_n = k->sig_len;
	return INRO_OK;
}

enum inro_err pkey_verify(struct pkey *k, const struct use_spec *spec, struct bytes in,
			  struct bytes sig)
{
	KEEP_LIBCTX_ERRORS();
	SCOPED(buf) room = { 0 };
	SCOPED(buf) der = { 0 };
	struct use_spec s = *spec;
	const struct raw *raw = NULL;
	struct prepared *p;
	int verdict;
	enum inro_err e = reduce(k, &s, &in, &room, &raw);

	if (!e && sig.n != k->sig_len)
		e = err_set(INRO_E_SIGNATURE_LENGTH,
			    "a signature of this key has %zu bytes, not %zu", k->sig_len, sig.n);
	if (!e && k->curve) {
		sig_to_der(sig, &der);
		e = buf_err(&der);
		sig = buf_bytes(&der);
	}
	if (e)
		return e;
	p = prepare(k, true, &s, raw);
	if (!p)
		return libctx_err("preparing a verification");
	verdict = EVP_PKEY_verify(p->ctx, sig.p, sig.n, in.p, in.n);
	give(k, p);
	if (verdict == 1)
		return INRO_OK;
	return libctx_err("verifying") == INRO_E_NO_MEMORY
		       ? INRO_E_NO_MEMORY
		       : err_set(INRO_E_SIGNATURE, "the signature does not verify");
}
