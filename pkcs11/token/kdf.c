/* kdf - the derivations: one row a mechanism, each with its sizes and its work. */
#include "pkcs11/token/kdf.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "pkcs11/token/kdf_prf.h"
#include "pkcs11/token/libctx.h"

#define HKDF_MAX_BLOCKS 255 /* RFC 5869 2.3 */
#define MAX_OUTPUT	((size_t)1 << 20)

struct derivation {
	CK_MECHANISM_TYPE mech;
	enum inro_err (*size)(const struct use_spec *spec, struct bytes base, struct bytes other,
			      size_t *ret_fixed, size_t *ret_max);
	enum inro_err (*derive)(const struct use_spec *spec, struct bytes base, struct bytes other,
				struct secret *ret);
};

static enum inro_err no_prf(CK_MECHANISM_TYPE mech)
{
	return err_set(INRO_E_MECHANISM_PARAM, "0x%lx is no hash or PRF offered here", mech);
}

/* One run over one input. */
static enum inro_err prf_once(struct prf *prf, struct bytes in, uint8_t *out)
{
	enum inro_err e = prf_start(prf);

	if (!e)
		e = prf_add(prf, in);
	return e ? e : prf_end(prf, out);
}

/* As much of a block as there is room for, from *done on. */
static void take_block(const uint8_t *block, size_t n, struct secret *ret, size_t *done)
{
	size_t left = ret->n - *done;

	memcpy(ret->p + *done, block, n < left ? n : left);
	*done += n < left ? n : left;
}

/* ---- HKDF ---- */

static enum inro_err hkdf_size(const struct use_spec *spec, struct bytes base, struct bytes other,
			       size_t *ret_fixed, size_t *ret_max)
{
	size_t n = libctx_md_size(spec->digest);

	(void)base;
	(void)other;
	if (!n)
		return no_prf(spec->digest);
	if (spec->kdf < HKDF_EXTRACT || spec->kdf > HKDF_BOTH)
		return err_set(INRO_E_MECHANISM_PARAM, "HKDF extracts, expands, or both");
	*ret_fixed = spec->kdf == HKDF_EXTRACT ? n : 0;
	*ret_max = spec->kdf == HKDF_EXTRACT ? n : HKDF_MAX_BLOCKS * n;
	return INRO_OK;
}

/* No salt is a key of zeros (RFC 5869 2.2). */
static enum inro_err extract(const struct use_spec *spec, struct bytes base, struct bytes other,
			     uint8_t *out)
{
	static const uint8_t zeros[PRF_MAX];
	SCOPED(prf) prf = { 0 };
	struct bytes salt = spec->other ? other : spec->iv;
	enum inro_err e;

	if (salt.n == 0)
		salt = BYTES(zeros, libctx_md_size(spec->digest));
	e = prf_open(spec->digest, salt, &prf);
	return e ? e : prf_once(&prf, base, out);
}

static enum inro_err expand(const struct use_spec *spec, struct bytes key, struct secret *ret)
{
	SCOPED(prf) prf = { 0 };
	uint8_t block[PRF_MAX];
	size_t done = 0;
	enum inro_err e = prf_open(spec->digest, key, &prf);

	for (uint8_t i = 1; !e && done < ret->n; i++) {
		e = prf_start(&prf);
		if (!e && i > 1)
			e = prf_add(&prf, BYTES(block, prf.n));
		if (!e)
			e = prf_add(&prf, spec->ad);
		if (!e)
			e = prf_add(&prf, BYTES(&i, 1));
		if (!e)
			e = prf_end(&prf, block);
		if (!e)
			take_block(block, prf.n, ret, &done);
	}
	wipe(block, sizeof block);
	return e;
}

static enum inro_err hkdf(const struct use_spec *spec, struct bytes base, struct bytes other,
			  struct secret *ret)
{
	uint8_t prk[PRF_MAX];
	size_t n = libctx_md_size(spec->digest);
	enum inro_err e = INRO_OK;

	if (spec->kdf == HKDF_EXPAND)
		return expand(spec, base, ret);
	e = extract(spec, base, other, prk);
	if (!e && spec->kdf == HKDF_EXTRACT)
		memcpy(ret->p, prk, n);
	else if (!e)
		e = expand(spec, BYTES(prk, n), ret);
	wipe(prk, sizeof prk);
	return e;
}

/* ---- SP 800-108 ---- */

/* What one field of spec->label is fed as, for block i. */
struct kbkdf {
	struct prf prf;
	const struct use_spec *spec;
	uint32_t i;	       /* from 1 */
	size_t out_n;	       /* of all blocks that are wanted */
	struct bytes feedback; /* K(i-1) */
};

static enum inro_err bad_fields(void)
{
	return err_set(INRO_E_MECHANISM_PARAM, "the fields of an SP 800-108 input can't be read");
}

/* A number of 8 to 32 bits; one that does not fit is not cut short: two inputs would be one. */
static enum inro_err add_number(struct prf *prf, uint64_t x, uint8_t bits, bool little)
{
	uint8_t out[4];
	size_t n = bits / 8;

	if (bits % 8 || n < 1 || n > sizeof out)
		return bad_fields();
	if (x >> bits)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "%llu does not fit the %u bits of an SP 800-108 field",
			       (unsigned long long)x, bits);
	for (size_t i = 0; i < n; i++)
		out[little ? i : n - 1 - i] = (uint8_t)(x >> 8 * i);
	return prf_add(prf, BYTES(out, n));
}

static enum inro_err feed_counter(struct kbkdf *k, struct bytes *in)
{
	uint8_t bits, little;
	enum inro_err e = read_u8(in, &bits);

	if (!e)
		e = read_u8(in, &little);
	return e ? bad_fields() : add_number(&k->prf, k->i, bits, little);
}

static enum inro_err feed_length(struct kbkdf *k, struct bytes *in)
{
	uint8_t bits, little, segments;
	size_t n = k->out_n, block = k->prf.n, keys = k->spec->data_n;
	enum inro_err e = read_u8(in, &bits);

	if (!e)
		e = read_u8(in, &little);
	if (!e)
		e = read_u8(in, &segments);
	if (e)
		return bad_fields();
	if (segments)
		n = (n + block - 1) / block * block;
	else if (keys)
		n = keys;
	return add_number(&k->prf, (uint64_t)n * 8, bits, little);
}

static enum inro_err feed_bytes(struct kbkdf *k, struct bytes *in)
{
	struct bytes x;

	return read_field(in, &x) ? bad_fields() : prf_add(&k->prf, x);
}

static enum inro_err feed_feedback(struct kbkdf *k, struct bytes *in)
{
	(void)in;
	return k->spec->mech == CKM_SP800_108_FEEDBACK_KDF ? prf_add(&k->prf, k->feedback)
							   : bad_fields();
}

static enum inro_err (*const feeds[])(struct kbkdf *k, struct bytes *in) = {
	[KDF_COUNTER] = feed_counter,
	[KDF_LENGTH] = feed_length,
	[KDF_BYTES] = feed_bytes,
	[KDF_FEEDBACK] = feed_feedback,
};

static enum inro_err kbkdf_block(struct kbkdf *k, uint8_t *out)
{
	struct bytes in = k->spec->label;
	enum inro_err e = prf_start(&k->prf);

	while (!e && in.n) {
		uint8_t type = 0;

		e = read_u8(&in, &type);
		if (e || type >= ARRAY_LEN(feeds) || !feeds[type])
			return bad_fields();
		e = feeds[type](k, &in);
	}
	return e ? e : prf_end(&k->prf, out);
}

static enum inro_err kbkdf_size(const struct use_spec *spec, struct bytes base, struct bytes other,
				size_t *ret_fixed, size_t *ret_max)
{
	(void)base;
	(void)other;
	if (!prf_size(spec->digest))
		return no_prf(spec->digest);
	*ret_fixed = 0;
	*ret_max = MAX_OUTPUT;
	return INRO_OK;
}

static enum inro_err kbkdf(const struct use_spec *spec, struct bytes base, struct bytes other,
			   struct secret *ret)
{
	struct kbkdf k = { .spec = spec, .out_n = ret->n, .feedback = spec->iv };
	uint8_t block[PRF_MAX];
	size_t done = 0;
	enum inro_err e = prf_open(spec->digest, base, &k.prf);

	(void)other;
	for (k.i = 1; !e && done < ret->n; k.i++) {
		e = kbkdf_block(&k, block);
		if (!e)
			take_block(block, k.prf.n, ret, &done);
		k.feedback = BYTES(block, k.prf.n);
	}
	wipe(block, sizeof block);
	prf_clear(&k.prf);
	return e;
}

/* ---- PBKDF2 ---- */

static enum inro_err pbkdf2_size(const struct use_spec *spec, struct bytes base, struct bytes other,
				 size_t *ret_fixed, size_t *ret_max)
{
	(void)base;
	(void)other;
	if (!libctx_md_size(spec->digest))
		return no_prf(spec->digest);
	if (spec->rounds == 0)
		return err_set(INRO_E_MECHANISM_PARAM, "PBKDF2 without a number of rounds");
	*ret_fixed = 0;
	*ret_max = MAX_OUTPUT;
	return INRO_OK;
}

/* OSSL_PARAM has no const; what goes in is only read. */
static OSSL_PARAM octets(const char *name, struct bytes x)
{
	static uint8_t nothing;

	return OSSL_PARAM_construct_octet_string(name, x.n ? (void *)(uintptr_t)x.p : &nothing,
						 x.n);
}

static enum inro_err pbkdf2(const struct use_spec *spec, struct bytes base, struct bytes other,
			    struct secret *ret)
{
	int any_salt = 1; /* rounds and lengths are the caller's to bound */
	uint64_t rounds = spec->rounds;
	OSSL_PARAM params[] = {
		octets(OSSL_KDF_PARAM_PASSWORD, base),
		octets(OSSL_KDF_PARAM_SALT, spec->iv),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &rounds),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &any_salt),
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)libctx_md_name(spec->digest), 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *ctx;
	EVP_KDF *kdf;
	bool done;
	enum inro_err e = libctx_pbkdf2(&kdf);

	(void)other;
	if (e)
		return e;
	ctx = EVP_KDF_CTX_new(kdf);
	done = ctx && EVP_KDF_derive(ctx, ret->p, ret->n, params) == 1;
	EVP_KDF_CTX_free(ctx);
	return done ? INRO_OK : libcrypto_err("deriving from a password");
}

/* ---- concatenation ---- */

/* The two halves, in order. */
static void halves(const struct use_spec *spec, struct bytes base, struct bytes other,
		   struct bytes ret[2])
{
	bool data_first = spec->mech == CKM_CONCATENATE_DATA_AND_BASE;
	struct bytes second = spec->mech == CKM_CONCATENATE_BASE_AND_KEY ? other : spec->label;

	ret[0] = data_first ? second : base;
	ret[1] = data_first ? base : second;
}

static enum inro_err concat_size(const struct use_spec *spec, struct bytes base, struct bytes other,
				 size_t *ret_fixed, size_t *ret_max)
{
	struct bytes x[2];

	halves(spec, base, other, x);
	if (x[0].n == 0 || x[1].n == 0 || x[0].n > MAX_OUTPUT || x[1].n > MAX_OUTPUT)
		return err_set(INRO_E_MECHANISM_PARAM, "nothing, or too much, to concatenate");
	*ret_fixed = *ret_max = x[0].n + x[1].n;
	return INRO_OK;
}

static enum inro_err concat(const struct use_spec *spec, struct bytes base, struct bytes other,
			    struct secret *ret)
{
	struct bytes x[2];

	halves(spec, base, other, x);
	memcpy(ret->p, x[0].p, x[0].n);
	memcpy(ret->p + x[0].n, x[1].p, x[1].n);
	return INRO_OK;
}

/* ---- the table ---- */

static const struct derivation derivations[] = {
	{ CKM_CONCATENATE_BASE_AND_KEY, concat_size, concat },
	{ CKM_CONCATENATE_BASE_AND_DATA, concat_size, concat },
	{ CKM_CONCATENATE_DATA_AND_BASE, concat_size, concat },
	{ CKM_SP800_108_COUNTER_KDF, kbkdf_size, kbkdf },
	{ CKM_SP800_108_FEEDBACK_KDF, kbkdf_size, kbkdf },
	{ CKM_PKCS5_PBKD2, pbkdf2_size, pbkdf2 },
	{ CKM_HKDF_DERIVE, hkdf_size, hkdf },
	{ CKM_HKDF_DATA, hkdf_size, hkdf },
};

const CK_MECHANISM_TYPE *kdf_mechanisms(void)
{
	static const CK_MECHANISM_TYPE all[] = {
		CKM_CONCATENATE_BASE_AND_KEY,
		CKM_CONCATENATE_BASE_AND_DATA,
		CKM_CONCATENATE_DATA_AND_BASE,
		CKM_SP800_108_COUNTER_KDF,
		CKM_SP800_108_FEEDBACK_KDF,
		CKM_PKCS5_PBKD2,
		CKM_HKDF_DERIVE,
		CKM_HKDF_DATA,
		CK_UNAVAILABLE_INFORMATION,
	};

	return all;
}

static const struct derivation *find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(derivations); i++)
		if (derivations[i].mech == mech)
			return &derivations[i];
	return NULL;
}

enum inro_err kdf_size(const struct use_spec *spec, struct bytes base, struct bytes other,
		       size_t *ret_fixed, size_t *ret_max)
{
	const struct derivation *d = find(spec->mech);

	if (!d)
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx derives nothing", spec->mech);
	return d->size(spec, base, other, ret_fixed, ret_max);
}

enum inro_err kdf_derive(const struct use_spec *spec, struct bytes base, struct bytes other,
			 struct secret *ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	size_t fixed, max;
	enum inro_err e = libcrypto_alive();

	if (!e)
		e = kdf_size(spec, base, other, &fixed, &max);
	if (e)
		return e;
	if (ret->n == 0 || ret->n > max || (fixed && ret->n != fixed))
		return err_set(INRO_E_KEY_SIZE, "mechanism 0x%lx gives %s%zu bytes, not %zu",
			       spec->mech, fixed ? "" : "at most ", max, ret->n);
	return find(spec->mech)->derive(spec, base, other, ret);
}

/* ---- X9.63 ---- */

static const struct {
	CK_ULONG kdf;
	CK_MECHANISM_TYPE digest;
	bool counter_first; /* SP 800-56C one-step: u32 i || Z || info, else Z || u32 i || info */
} x963_kdfs[] = {
	{ CKD_SHA1_KDF, CKM_SHA_1, false },
	{ CKD_SHA224_KDF, CKM_SHA224, false },
	{ CKD_SHA256_KDF, CKM_SHA256, false },
	{ CKD_SHA384_KDF, CKM_SHA384, false },
	{ CKD_SHA512_KDF, CKM_SHA512, false },
	{ CKD_SHA3_224_KDF, CKM_SHA3_224, false },
	{ CKD_SHA3_256_KDF, CKM_SHA3_256, false },
	{ CKD_SHA3_384_KDF, CKM_SHA3_384, false },
	{ CKD_SHA3_512_KDF, CKM_SHA3_512, false },
	{ CKD_BLAKE2B_512_KDF, CKM_BLAKE2B_512, false },
	{ CKD_SHA1_KDF_SP800, CKM_SHA_1, true },
	{ CKD_SHA224_KDF_SP800, CKM_SHA224, true },
	{ CKD_SHA256_KDF_SP800, CKM_SHA256, true },
	{ CKD_SHA384_KDF_SP800, CKM_SHA384, true },
	{ CKD_SHA512_KDF_SP800, CKM_SHA512, true },
	{ CKD_SHA3_224_KDF_SP800, CKM_SHA3_224, true },
	{ CKD_SHA3_256_KDF_SP800, CKM_SHA3_256, true },
	{ CKD_SHA3_384_KDF_SP800, CKM_SHA3_384, true },
	{ CKD_SHA3_512_KDF_SP800, CKM_SHA3_512, true },
};

static size_t x963_row(CK_ULONG kdf)
{
	size_t row = 0;

	while (row < ARRAY_LEN(x963_kdfs) && x963_kdfs[row].kdf != kdf)
		row++;
	return row;
}

CK_MECHANISM_TYPE kdf_x963_digest(CK_ULONG kdf)
{
	size_t row = x963_row(kdf);

	return row < ARRAY_LEN(x963_kdfs) ? x963_kdfs[row].digest : 0;
}

static bool hash_three(EVP_MD_CTX *ctx, const EVP_MD *md, const struct bytes x[3], uint8_t *out)
{
	bool fine = EVP_DigestInit_ex2(ctx, md, NULL) == 1;

	for (size_t i = 0; fine && i < 3; i++)
		fine = x[i].n == 0 || EVP_DigestUpdate(ctx, x[i].p, x[i].n) == 1;
	return fine && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

static bool x963_blocks(EVP_MD_CTX *ctx, const EVP_MD *md, bool counter_first, struct bytes z,
			struct bytes info, struct secret *ret)
{
	uint8_t block[LIBCTX_MAX_HASH];
	size_t done = 0;
	bool fine = true;

	for (uint32_t i = 1; fine && done < ret->n; i++) {
		const uint8_t counter[4] = { (uint8_t)(i >> 24), (uint8_t)(i >> 16),
					     (uint8_t)(i >> 8), (uint8_t)i };
		struct bytes c = BYTES(counter, sizeof counter);

		fine = hash_three(ctx, md,
				  (const struct bytes[]) { counter_first ? c : z,
							   counter_first ? z : c, info },
				  block);
		if (fine)
			take_block(block, (size_t)EVP_MD_get_size(md), ret, &done);
	}
	wipe(block, sizeof block);
	return fine;
}

/* What is too much is taken off the leading end. */
static enum inro_err trailing(struct bytes z, struct secret *ret)
{
	if (ret->n > z.n)
		return err_set(INRO_E_KEY_SIZE, "the agreed secret has %zu bytes, %zu are wanted",
			       z.n, ret->n);
	memcpy(ret->p, z.p + z.n - ret->n, ret->n);
	return INRO_OK;
}

enum inro_err kdf_x963(const struct use_spec *spec, struct bytes z, struct secret *ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	const EVP_MD *md;
	EVP_MD_CTX *ctx;
	bool done;
	size_t row = x963_row(spec->kdf);
	enum inro_err e;

	if (ret->n == 0 || ret->n > MAX_OUTPUT)
		return err_set(INRO_E_KEY_SIZE, "%zu bytes are no key", ret->n);
	if (spec->kdf == CKD_NULL)
		return trailing(z, ret);
	if (row == ARRAY_LEN(x963_kdfs) || (spec->digest && spec->digest != x963_kdfs[row].digest))
		return err_set(INRO_E_MECHANISM_PARAM, "KDF 0x%lx is not offered here", spec->kdf);
	e = libctx_md(x963_kdfs[row].digest, &md);
	if (e)
		return e;
	ctx = EVP_MD_CTX_new();
	done = ctx && x963_blocks(ctx, md, x963_kdfs[row].counter_first, z, spec->ad, ret);
	EVP_MD_CTX_free(ctx);
	return done ? INRO_OK : libcrypto_err("deriving from an agreed secret");
}
