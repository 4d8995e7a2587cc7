/*
 * pkey_mech - the mechanisms of pairs: what each comes down to, and what it takes.
 *
 * A mechanism with a hash in its name is its raw mechanism on the hash: one row, no code.
 */
#include "pkcs11/token/pkey_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>

#include "base/cryptoki/hashes.h"
#include "base/der.h"
#include "base/own.h"

/* Cryptoki bounds raw ECDSA input nowhere; longer than any hash, it is a message by mistake. */
#define MAX_ECDSA_INPUT LIBCTX_MAX_HASH
#define MAX_CONTEXT	255 /* RFC 8032 5.1, 5.2; FIPS 204 5.2; FIPS 205 10.2 */

struct mechanism {
	CK_MECHANISM_TYPE mech;
	CK_MECHANISM_TYPE raw;	/* 0: makes pairs of this kind, and nothing here */
	CK_MECHANISM_TYPE hash; /* in its name */
	enum key_kind kind;	/* one that must be offered */
};

/* Sorted by mechanism. */
static const struct mechanism mechanisms[] = {
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, 0, 0, KEY_RSA },
	{ CKM_RSA_PKCS, CKM_RSA_PKCS, 0, KEY_RSA },
	{ CKM_RSA_X_509, CKM_RSA_X_509, 0, KEY_RSA },
	{ CKM_SHA1_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA_1, KEY_RSA },
	{ CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_OAEP, 0, KEY_RSA },
	{ CKM_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, 0, KEY_RSA },
	{ CKM_SHA1_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA_1, KEY_RSA },
	{ CKM_ML_KEM_KEY_PAIR_GEN, 0, 0, KEY_ML_KEM },
	{ CKM_ML_KEM, CKM_ML_KEM, 0, KEY_ML_KEM },
	{ CKM_ML_DSA_KEY_PAIR_GEN, 0, 0, KEY_ML_DSA },
	{ CKM_ML_DSA, CKM_ML_DSA, 0, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA, CKM_HASH_ML_DSA, 0, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA224, CKM_HASH_ML_DSA, CKM_SHA224, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA256, CKM_HASH_ML_DSA, CKM_SHA256, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA384, CKM_HASH_ML_DSA, CKM_SHA384, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA512, CKM_HASH_ML_DSA, CKM_SHA512, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_ML_DSA, CKM_SHA3_224, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_ML_DSA, CKM_SHA3_256, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_ML_DSA, CKM_SHA3_384, KEY_ML_DSA },
	{ CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_ML_DSA, CKM_SHA3_512, KEY_ML_DSA },
	{ CKM_SLH_DSA_KEY_PAIR_GEN, 0, 0, KEY_SLH_DSA },
	{ CKM_SLH_DSA, CKM_SLH_DSA, 0, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA, CKM_HASH_SLH_DSA, 0, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA224, CKM_HASH_SLH_DSA, CKM_SHA224, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA256, CKM_HASH_SLH_DSA, CKM_SHA256, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA384, CKM_HASH_SLH_DSA, CKM_SHA384, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA512, CKM_HASH_SLH_DSA, CKM_SHA512, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA3_224, CKM_HASH_SLH_DSA, CKM_SHA3_224, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA3_256, CKM_HASH_SLH_DSA, CKM_SHA3_256, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA3_384, CKM_HASH_SLH_DSA, CKM_SHA3_384, KEY_SLH_DSA },
	{ CKM_HASH_SLH_DSA_SHA3_512, CKM_HASH_SLH_DSA, CKM_SHA3_512, KEY_SLH_DSA },
	{ CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA256, KEY_RSA },
	{ CKM_SHA384_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA384, KEY_RSA },
	{ CKM_SHA512_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA512, KEY_RSA },
	{ CKM_SHA256_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA256, KEY_RSA },
	{ CKM_SHA384_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA384, KEY_RSA },
	{ CKM_SHA512_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA512, KEY_RSA },
	{ CKM_SHA224_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA224, KEY_RSA },
	{ CKM_SHA224_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA224, KEY_RSA },
	{ CKM_SHA3_256_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA3_256, KEY_RSA },
	{ CKM_SHA3_384_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA3_384, KEY_RSA },
	{ CKM_SHA3_512_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA3_512, KEY_RSA },
	{ CKM_SHA3_256_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA3_256, KEY_RSA },
	{ CKM_SHA3_384_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA3_384, KEY_RSA },
	{ CKM_SHA3_512_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA3_512, KEY_RSA },
	{ CKM_SHA3_224_RSA_PKCS, CKM_RSA_PKCS, CKM_SHA3_224, KEY_RSA },
	{ CKM_SHA3_224_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_SHA3_224, KEY_RSA },
	{ CKM_EC_KEY_PAIR_GEN, 0, 0, KEY_EC },
	{ CKM_ECDSA, CKM_ECDSA, 0, KEY_EC },
	{ CKM_ECDSA_SHA1, CKM_ECDSA, CKM_SHA_1, KEY_EC },
	{ CKM_ECDSA_SHA224, CKM_ECDSA, CKM_SHA224, KEY_EC },
	{ CKM_ECDSA_SHA256, CKM_ECDSA, CKM_SHA256, KEY_EC },
	{ CKM_ECDSA_SHA384, CKM_ECDSA, CKM_SHA384, KEY_EC },
	{ CKM_ECDSA_SHA512, CKM_ECDSA, CKM_SHA512, KEY_EC },
	{ CKM_ECDSA_SHA3_224, CKM_ECDSA, CKM_SHA3_224, KEY_EC },
	{ CKM_ECDSA_SHA3_256, CKM_ECDSA, CKM_SHA3_256, KEY_EC },
	{ CKM_ECDSA_SHA3_384, CKM_ECDSA, CKM_SHA3_384, KEY_EC },
	{ CKM_ECDSA_SHA3_512, CKM_ECDSA, CKM_SHA3_512, KEY_EC },
	{ CKM_ECDH1_DERIVE, CKM_ECDH1_DERIVE, 0, KEY_EC },
	/* the same thing: the cofactor of every curve here is 1, or in the function itself */
	{ CKM_ECDH1_COFACTOR_DERIVE, CKM_ECDH1_DERIVE, 0, KEY_EC },
	{ CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, 0, KEY_EDWARDS },
	{ CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, 0, KEY_MONTGOMERY },
	{ CKM_EDDSA, CKM_EDDSA, 0, KEY_EDWARDS },
};

static const struct mechanism *mechanism_find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (mechanisms[i].mech == mech)
			return &mechanisms[i];
	return NULL;
}

CK_MECHANISM_TYPE pkey_mech_hash(CK_MECHANISM_TYPE mech)
{
	const struct mechanism *m = mechanism_find(mech);

	return m ? m->hash : 0;
}

/* ---- what this libcrypto has ---- */

static bool offered(const struct mechanism *m)
{
	const EVP_MD *md;

	return pkey_kind_offered(m->kind) && (!m->hash || libctx_md(m->hash, &md) == INRO_OK);
}

/* Looked at once; threads that come first together each look, and one list stays. */
const CK_MECHANISM_TYPE *pkey_mechanisms(void)
{
	static const CK_MECHANISM_TYPE none[] = { CK_UNAVAILABLE_INFORMATION };
	static _Atomic(CK_MECHANISM_TYPE *) kept;
	CK_MECHANISM_TYPE *list = atomic_load_explicit(&kept, memory_order_acquire), *seen = NULL;
	size_t n = 0;

	if (list)
		return list;
	list = libcrypto_alive() ? NULL : calloc(ARRAY_LEN(mechanisms) + 1, sizeof *list);
	if (!list)
		return none;
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (offered(&mechanisms[i]))
			list[n++] = mechanisms[i].mech;
	list[n] = CK_UNAVAILABLE_INFORMATION;
	if (atomic_compare_exchange_strong(&kept, &seen, list))
		return list;
	free(list);
	return seen;
}

/* The signatures that name a hash by its OID take those of SHA-2 and SHA-3 (FIPS 204 5.4, FIPS 205
 * 10.2.2). */
bool pkey_hash_is_named(CK_MECHANISM_TYPE hash)
{
	return ck_hash_find(hash) && hash != CKM_SHA_1 && hash != CKM_MD5;
}

/* ---- the raw mechanisms ---- */

static enum inro_err too_long(const char *what, size_t max, size_t n)
{
	return err_set(INRO_E_DATA_LENGTH, "%s takes at most %zu bytes, not %zu", what, max, n);
}

static enum inro_err check_ecdsa(const struct pkey *k, const struct use_spec *spec,
				 enum key_use use, size_t n)
{
	(void)k;
	(void)spec;
	(void)use;
	return n >= 1 && n <= MAX_ECDSA_INPUT
		       ? INRO_OK
		       : err_set(INRO_E_DATA_LENGTH,
				 "CKM_ECDSA takes a hash of 1 to %d bytes, not %zu",
				 MAX_ECDSA_INPUT, n);
}

/* Contexts and prehashing where libcrypto has them is pkey_prepare()'s to find out. */
static enum inro_err check_context(const struct pkey *k, const struct use_spec *spec,
				   enum key_use use, size_t n)
{
	(void)k;
	(void)use;
	(void)n;
	return spec->ad.n <= MAX_CONTEXT
		       ? INRO_OK
		       : err_set(INRO_E_MECHANISM_PARAM,
				 "a signature's context has at most %d bytes, not %zu", MAX_CONTEXT,
				 spec->ad.n);
}

/* RFC 8032 8.3: a context that says nothing is none; libcrypto refuses it too. */
static enum inro_err check_eddsa(const struct pkey *k, const struct use_spec *spec,
				 enum key_use use, size_t n)
{
	bool is_25519 = k->curve->field == 32;

	if (is_25519 && spec->has_context && !spec->prehash && spec->ad.n == 0)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "Ed25519ctx without a context: leave the parameter out for Ed25519");
	return check_context(k, spec, use, n);
}

static enum inro_err check_prehashed(const struct pkey *k, const struct use_spec *spec,
				     enum key_use use, size_t n)
{
	size_t hash = libctx_md_size(spec->digest);

	if (!hash || !pkey_hash_is_named(spec->digest))
		return err_set(INRO_E_MECHANISM_PARAM, "hash 0x%lx is not one to sign with",
			       spec->digest);
	if (n != hash)
		return err_set(INRO_E_DATA_LENGTH, "%s has %zu bytes, not %zu",
			       libctx_md_name(spec->digest), hash, n);
	return check_context(k, spec, use, n);
}

static enum inro_err check_pkcs1(const struct pkey *k, const struct use_spec *spec,
				 enum key_use use, size_t n)
{
	size_t max = k->modulus.n - PKCS1_OVERHEAD;

	(void)spec;
	return use == USE_DECRYPT || use == USE_VERIFY_RECOVER || n <= max
		       ? INRO_OK
		       : too_long("CKM_RSA_PKCS with this key", max, n);
}

static enum inro_err check_x509(const struct pkey *k, const struct use_spec *spec, enum key_use use,
				size_t n)
{
	(void)spec;
	(void)use;
	return n <= k->modulus.n ? INRO_OK
				 : too_long("CKM_RSA_X_509 with this key", k->modulus.n, n);
}

static enum inro_err check_oaep(const struct pkey *k, const struct use_spec *spec, enum key_use use,
				size_t n)
{
	size_t hash = libctx_md_size(spec->digest), max = k->modulus.n - 2 * hash - 2;

	if (!hash || !libctx_md_size(spec->mgf_digest))
		return err_set(INRO_E_MECHANISM_PARAM, "OAEP with a hash that is not offered here");
	return use == USE_DECRYPT || n <= max ? INRO_OK
					      : too_long("OAEP with this key and hash", max, n);
}

static enum inro_err check_pss(const struct pkey *k, const struct use_spec *spec, enum key_use use,
			       size_t n)
{
	size_t hash = libctx_md_size(spec->digest), room = (k->bits - 1 + 7) / 8;

	(void)use;
	if (!hash || !libctx_md_size(spec->mgf_digest))
		return err_set(INRO_E_MECHANISM_PARAM, "PSS with a hash that is not offered here");
	if (spec->salt_len > room - hash - 2)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a PSS salt of %lu bytes is too long for this key", spec->salt_len);
	return n == hash ? INRO_OK
			 : err_set(INRO_E_DATA_LENGTH, "PSS takes a hash of %zu bytes, not %zu",
				   hash, n);
}

static enum inro_err check_agree(const struct pkey *k, const struct use_spec *spec,
				 enum key_use use, size_t n)
{
	(void)k;
	(void)spec;
	(void)use;
	(void)n;
	return INRO_OK;
}

#define KIND(x)	  (1u << (x))
#define SIGNATURE (USE_SIGN | USE_VERIFY)
#define RECOVERY  (USE_SIGN_RECOVER | USE_VERIFY_RECOVER)
#define CIPHER	  (USE_ENCRYPT | USE_DECRYPT | USE_WRAP | USE_UNWRAP)
#define PRIVATE                                                                                    \
	(USE_SIGN | USE_SIGN_RECOVER | USE_DECRYPT | USE_UNWRAP | USE_DERIVE | USE_DECAPSULATE)

static const struct pkey_raw raws[] = {
	{ .mech = CKM_RSA_PKCS,
	  .kinds = KIND(KEY_RSA),
	  .uses = SIGNATURE | RECOVERY | CIPHER,
	  .padding = RSA_PKCS1_PADDING,
	  .check = check_pkcs1 },
	{ .mech = CKM_RSA_X_509,
	  .kinds = KIND(KEY_RSA),
	  .uses = SIGNATURE | RECOVERY | CIPHER,
	  .padding = RSA_NO_PADDING,
	  .check = check_x509 },
	{ .mech = CKM_RSA_PKCS_OAEP,
	  .kinds = KIND(KEY_RSA),
	  .uses = CIPHER,
	  .padding = RSA_PKCS1_OAEP_PADDING,
	  .check = check_oaep },
	{ .mech = CKM_RSA_PKCS_PSS,
	  .kinds = KIND(KEY_RSA),
	  .uses = SIGNATURE,
	  .padding = RSA_PKCS1_PSS_PADDING,
	  .check = check_pss },
	{ .mech = CKM_ECDSA, .kinds = KIND(KEY_EC), .uses = SIGNATURE, .check = check_ecdsa },
	{ .mech = CKM_EDDSA, .kinds = KIND(KEY_EDWARDS), .uses = SIGNATURE, .check = check_eddsa },
	{ .mech = CKM_ML_DSA,
	  .kinds = KIND(KEY_ML_DSA),
	  .uses = SIGNATURE,
	  .check = check_context },
	{ .mech = CKM_HASH_ML_DSA,
	  .kinds = KIND(KEY_ML_DSA),
	  .uses = SIGNATURE,
	  .encoded = true,
	  .check = check_prehashed },
	{ .mech = CKM_SLH_DSA,
	  .kinds = KIND(KEY_SLH_DSA),
	  .uses = SIGNATURE,
	  .check = check_context },
	{ .mech = CKM_HASH_SLH_DSA,
	  .kinds = KIND(KEY_SLH_DSA),
	  .uses = SIGNATURE,
	  .encoded = true,
	  .check = check_prehashed },
	{ .mech = CKM_ML_KEM,
	  .kinds = KIND(KEY_ML_KEM),
	  .uses = USE_ENCAPSULATE | USE_DECAPSULATE,
	  .check = check_agree },
	{ .mech = CKM_ECDH1_DERIVE,
	  .kinds = KIND(KEY_EC) | KIND(KEY_MONTGOMERY),
	  .uses = USE_DERIVE,
	  .check = check_agree },
};

static const struct pkey_raw *raw_of(CK_MECHANISM_TYPE mech)
{
	const struct mechanism *m = mechanism_find(mech);

	for (size_t i = 0; m && i < ARRAY_LEN(raws); i++)
		if (raws[i].mech == m->raw)
			return &raws[i];
	return NULL;
}

bool pkey_mech_fits(CK_MECHANISM_TYPE mech, enum key_kind kind, enum key_use use)
{
	const struct pkey_raw *raw = raw_of(mech);
	bool hashed = pkey_mech_hash(mech) != 0;

	return raw && (raw->kinds & KIND(kind)) && (raw->uses & use) &&
	       (!hashed || (use & SIGNATURE));
}

enum inro_err pkey_raw_find(const struct pkey *k, CK_MECHANISM_TYPE mech, enum key_use use,
			    const struct pkey_raw **ret)
{
	const struct pkey_raw *raw = raw_of(mech);
	enum inro_err e = libcrypto_alive();

	if (e)
		return e;
	if (!raw || !(raw->uses & use))
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx is not for this use", mech);
	if (!(raw->kinds & KIND(k->kind)))
		return err_set(INRO_E_KEY_TYPE, "mechanism 0x%lx is not for this type of key",
			       mech);
	if ((use & PRIVATE) && !k->is_private)
		return err_set(INRO_E_KEY_TYPE, "a public key does not do this");
	*ret = raw;
	return INRO_OK;
}

/* ---- hashed to raw ---- */

enum inro_err pkey_raw_form(const struct use_spec *spec, struct bytes hash,
			    struct use_spec *ret_spec, struct buf *ret_in)
{
	const struct mechanism *m = mechanism_find(spec->mech);
	const struct ck_hash *h = m ? ck_hash_find(m->hash) : NULL;
	struct use_spec raw = *spec;

	if (!h)
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx hashes nothing", spec->mech);
	if (hash.n != libctx_md_size(m->hash))
		return err_set(INRO_E_DATA_LENGTH, "a hash of %zu bytes is not %s", hash.n,
			       libctx_md_name(m->hash));
	if (m->raw == CKM_RSA_PKCS_PSS && spec->digest != m->hash)
		return err_set(INRO_E_MECHANISM_PARAM, "the hash in the PSS parameters is not the "
						       "mechanism's");
	raw.mech = m->raw;
	if (m->raw == CKM_HASH_ML_DSA || m->raw == CKM_HASH_SLH_DSA)
		raw.digest = m->hash;
	if (m->raw == CKM_RSA_PKCS)
		buf_add(ret_in, h->digest_info);
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
		return libcrypto_err("hashing");
	*ret = BYTES(out, n);
	return INRO_OK;
}

/* Raw RSA takes a number below the modulus: leading zeros to its length (PKCS#11 3.2 6.1.11). */
static enum inro_err pad_number(const struct pkey *k, struct bytes *in, struct buf *room)
{
	size_t zeros = k->modulus.n - in->n;
	uint8_t *p = buf_extend(room, k->modulus.n);

	if (!p)
		return INRO_E_NO_MEMORY;
	memset(p, 0, zeros);
	if (in->n)
		memcpy(p + zeros, in->p, in->n);
	*in = buf_bytes(room);
	return memcmp(p, k->modulus.p, k->modulus.n) < 0
		       ? INRO_OK
		       : err_set(INRO_E_DATA_INVALID, "the number is not below the modulus");
}

/* M' of a hash: 1, the context with its length, the hash's OID, the hash (FIPS 204 algorithm 4,
 * FIPS 205 algorithm 23). */
static enum inro_err encode_prehashed(const struct use_spec *spec, struct bytes *in,
				      struct buf *room)
{
	const struct ck_hash *hash = ck_hash_find(spec->digest);
	SCOPED(buf) whole = { 0 };

	if (!hash)
		return err_set(INRO_E_MECHANISM_PARAM, "hash 0x%lx has no OID", spec->digest);
	buf_add_u8(&whole, 1);
	buf_add_u8(&whole, (uint8_t)spec->ad.n);
	buf_add(&whole, spec->ad);
	buf_add(&whole, hash->oid);
	buf_add(&whole, *in);
	if (whole.err)
		return buf_err(&whole);
	buf_clear(room); /* *in may be there */
	*room = whole;
	whole = (struct buf) { 0 };
	*in = buf_bytes(room);
	return INRO_OK;
}

enum inro_err pkey_reduce(const struct pkey *k, enum key_use use, struct use_spec *spec,
			  struct bytes *in, struct buf *room, const struct pkey_raw **ret)
{
	CK_MECHANISM_TYPE hash = pkey_mech_hash(spec->mech);
	const struct pkey_raw *raw;
	uint8_t digest[LIBCTX_MAX_HASH];
	struct bytes hashed = BYTES_NONE;
	enum inro_err e = pkey_raw_find(k, spec->mech, use, &raw);

	if (!e && hash && (use & ~(unsigned)SIGNATURE))
		e = err_set(INRO_E_MECHANISM, "mechanism 0x%lx signs and verifies only",
			    spec->mech);
	if (e)
		return e;
	if (hash) {
		e = hash_message(hash, *in, digest, &hashed);
		if (!e)
			e = pkey_raw_form(spec, hashed, spec, room);
		if (!e)
			*in = buf_bytes(room);
	}
	if (!e)
		e = raw->check(k, spec, use, in->n);
	if (!e && raw->padding == RSA_NO_PADDING)
		e = pad_number(k, in, room);
	if (!e && raw->encoded)
		e = encode_prehashed(spec, in, room);
	if (!e)
		*ret = raw;
	return e;
}
