/* crypt_seed - secrets that only the holder of a TPM's decryption key learns (part 1, B.10 and
 * C.6). */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "base/own.h"
#include "tpm/wire/crypt_private.h"

/* ---- RSA: a random seed by OAEP ---- */

static bool oaep_set(EVP_PKEY_CTX *ctx, const char *hash, const char *label)
{
	size_t n = strlen(label) + 1; /* its NUL is part of it */
	void *copy = OPENSSL_memdup(label, n);

	if (!copy || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) <= 0 ||
	    EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)n) <= 0) {
		OPENSSL_free(copy);
		return false;
	}
	return true;
}

static enum inro_err oaep(EVP_PKEY_CTX *ctx, struct bytes seed, struct buf *ret)
{
	uint8_t out[TPM2_MAX_RSA_KEY_BYTES];
	size_t n = sizeof out;

	if (EVP_PKEY_encrypt(ctx, out, &n, seed.p, seed.n) <= 0)
		return libcrypto_err("encrypting a secret for a TPM");
	buf_add(ret, BYTES(out, n));
	return buf_err(ret);
}

static enum inro_err seed_rsa(EVP_PKEY_CTX *ctx, const TPMT_PUBLIC *to, const char *label,
			      struct secret *ret_seed, struct buf *ret_encrypted)
{
	SCOPED(secret) seed = { 0 };
	enum inro_err e = secret_random(crypt_hash_size(to->nameAlg), &seed);

	if (e)
		return e;
	if (EVP_PKEY_encrypt_init(ctx) <= 0 || !oaep_set(ctx, crypt_hash_name(to->nameAlg), label))
		return libcrypto_err("encrypting a secret for a TPM");
	e = oaep(ctx, secret_bytes(&seed), ret_encrypted);
	if (e)
		return e;
	*ret_seed = seed;
	seed = (struct secret) { 0 };
	return INRO_OK;
}

/* ---- ECC: what a key that lives this once shares with it ---- */

static enum inro_err derive(EVP_PKEY *ours, EVP_PKEY *theirs, size_t field, struct secret *ret_z)
{
	AUTO(free_pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
	OSSL_LIB_CTX *lib;
	enum inro_err e = crypt_context(&lib);
	size_t n = field;

	if (!e)
		e = secret_new(field, ret_z);
	if (e)
		return e;
	ctx = EVP_PKEY_CTX_new_from_pkey(lib, ours, NULL);
	/* theirs is checked: a point of small order or off the curve would tell of ours */
	if (!ctx || EVP_PKEY_derive_init(ctx) <= 0 ||
	    EVP_PKEY_derive_set_peer_ex(ctx, theirs, 1) <= 0 ||
	    EVP_PKEY_derive(ctx, ret_z->p, &n) <= 0 || n != field)
		return libcrypto_err("agreeing on a secret with a TPM");
	return INRO_OK;
}

static enum inro_err make_key(const struct tpm_curve *c, EVP_PKEY **ret)
{
	AUTO(free_pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
	OSSL_LIB_CTX *lib;
	enum inro_err e = crypt_context(&lib);

	if (e)
		return e;
	ctx = crypt_key_ctx(lib, "EC");
	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_group_name(ctx, c->name) <= 0 || EVP_PKEY_generate(ctx, ret) <= 0)
		return libcrypto_err("making a key to agree on a secret with a TPM");
	return INRO_OK;
}

static enum inro_err kdf_seed(const TPMT_PUBLIC *to, const char *label, const struct secret *z,
			      const TPMS_ECC_POINT *ours, struct secret *ret)
{
	const TPM2B_ECC_PARAMETER *theirs = &to->unique.ecc.x;
	size_t n = crypt_hash_size(to->nameAlg);
	enum inro_err e = secret_new(n, ret);

	if (e)
		return e;
	return crypt_kdfe(&(struct crypt_kdf) { .hash = to->nameAlg,
						.secret = secret_bytes(z),
						.label = label,
						.u = BYTES(ours->x.buffer, ours->x.size),
						.v = BYTES(theirs->buffer, theirs->size),
						.bits = n * 8 },
			  ret->p);
}

/* TPM2B_ENCRYPTED_SECRET holds a TPMS_ECC_POINT, not a TPM2B of one. */
static enum inro_err put_point(const TPMS_ECC_POINT *p, struct buf *ret)
{
	wire_add_2b(ret, BYTES(p->x.buffer, p->x.size));
	wire_add_2b(ret, BYTES(p->y.buffer, p->y.size));
	return buf_err(ret);
}

static enum inro_err seed_ecc(EVP_PKEY *key, const TPMT_PUBLIC *to, const char *label,
			      struct secret *ret_seed, struct buf *ret_encrypted)
{
	AUTO(free_pkey) EVP_PKEY *ours = NULL;
	SCOPED(secret) z = { 0 };
	SCOPED(secret) seed = { 0 };
	TPMS_ECC_POINT point;
	const struct tpm_curve *c;
	enum inro_err e = crypt_curve(to->parameters.eccDetail.curveID, &c);

	if (!e)
		e = make_key(c, &ours);
	if (!e)
		e = derive(ours, key, crypt_curve_bytes(c), &z);
	if (!e)
		e = crypt_key_point(ours, crypt_curve_bytes(c), &point);
	if (!e)
		e = kdf_seed(to, label, &z, &point, &seed);
	if (!e)
		e = put_point(&point, ret_encrypted);
	if (e)
		return e;
	*ret_seed = seed;
	seed = (struct secret) { 0 };
	return INRO_OK;
}

static enum inro_err seed_for(EVP_PKEY *key, const TPMT_PUBLIC *to, const char *label,
			      struct secret *ret_seed, struct buf *ret_encrypted)
{
	AUTO(free_pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
	OSSL_LIB_CTX *lib;
	enum inro_err e;

	if (to->type == TPM2_ALG_ECC)
		return seed_ecc(key, to, label, ret_seed, ret_encrypted);
	e = crypt_context(&lib);
	if (e)
		return e;
	ctx = EVP_PKEY_CTX_new_from_pkey(lib, key, NULL);
	return ctx ? seed_rsa(ctx, to, label, ret_seed, ret_encrypted)
		   : libcrypto_err("encrypting a secret for a TPM");
}

enum inro_err crypt_seed(const TPMT_PUBLIC *to, const char *label, struct secret *ret_seed,
			 struct buf *ret_encrypted)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_pkey) EVP_PKEY *key = NULL;
	const EVP_MD *md;
	enum inro_err e = crypt_hash_md(to->nameAlg, &md);

	if (!e)
		e = crypt_key(to, &key);
	return e ? e : seed_for(key, to, label, ret_seed, ret_encrypted);
}
