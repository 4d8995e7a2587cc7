/* crypt_verify - signatures of TPMs, verified by libcrypto. */
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "base/own.h"
#include "tpm/wire/crypt_private.h"

static void free_md_ctx(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void free_ecdsa(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

static void free_octets(unsigned char **x)
{
	OPENSSL_free(*x);
}

/* ---- the signature in the form that libcrypto takes ---- */

static enum inro_err form_rsa(const TPMU_SIGNATURE *sig, struct buf *ret)
{
	if (sig->rsassa.sig.size > sizeof sig->rsassa.sig.buffer)
		return err_set(INRO_E_ARG, "a signature is longer than its array");
	buf_add(ret, BYTES(sig->rsassa.sig.buffer, sig->rsassa.sig.size));
	return buf_err(ret);
}

static bool set_number(const TPM2B_ECC_PARAMETER *x, BIGNUM **ret)
{
	*ret = x->size > sizeof x->buffer ? NULL : BN_bin2bn(x->buffer, x->size, NULL);
	return *ret != NULL;
}

static ECDSA_SIG *ecdsa_of(const TPMS_SIGNATURE_ECC *sig)
{
	ECDSA_SIG *ret = ECDSA_SIG_new();
	BIGNUM *r = NULL, *s = NULL;

	if (ret && set_number(&sig->signatureR, &r) && set_number(&sig->signatureS, &s) &&
	    ECDSA_SIG_set0(ret, r, s) > 0)
		return ret;
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(ret);
	return NULL;
}

static enum inro_err form_ecdsa(const TPMU_SIGNATURE *sig, struct buf *ret)
{
	AUTO(free_ecdsa) ECDSA_SIG *ecdsa = ecdsa_of(&sig->ecdsa);
	AUTO(free_octets) unsigned char *der = NULL;
	int n = ecdsa ? i2d_ECDSA_SIG(ecdsa, &der) : -1;

	if (n <= 0)
		return libcrypto_err("reading a TPM's signature");
	buf_add(ret, BYTES(der, (size_t)n));
	return buf_err(ret);
}

static const struct kind {
	TPM2_ALG_ID id, key;
	int padding; /* of RSA; 0 for others */
	enum inro_err (*form)(const TPMU_SIGNATURE *sig, struct buf *ret);
} kinds[] = {
	{ TPM2_ALG_RSASSA, TPM2_ALG_RSA, RSA_PKCS1_PADDING, form_rsa },
	{ TPM2_ALG_RSAPSS, TPM2_ALG_RSA, RSA_PKCS1_PSS_PADDING, form_rsa },
	{ TPM2_ALG_ECDSA, TPM2_ALG_ECC, 0, form_ecdsa },
};

static const struct kind *kind_find(TPM2_ALG_ID sig, TPM2_ALG_ID key)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].id == sig && kinds[i].key == key)
			return &kinds[i];
	return NULL;
}

/* ---- verification ---- */

static bool verify_init(EVP_MD_CTX *ctx, const struct kind *kind, const char *hash,
			OSSL_LIB_CTX *lib, EVP_PKEY *key)
{
	EVP_PKEY_CTX *inner;

	if (!ctx || EVP_DigestVerifyInit_ex(ctx, &inner, hash, lib, NULL, key, NULL) <= 0)
		return false;
	return !kind->padding || EVP_PKEY_CTX_set_rsa_padding(inner, kind->padding) > 0;
}

static enum inro_err verify(const struct kind *kind, const char *hash, EVP_PKEY *key,
			    struct bytes message, struct bytes sig)
{
	AUTO(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	OSSL_LIB_CTX *lib;
	enum inro_err e = crypt_context(&lib);

	if (e)
		return e;
	if (!verify_init(ctx, kind, hash, lib, key))
		return libcrypto_err("verifying a TPM's signature");
	return EVP_DigestVerify(ctx, sig.p, sig.n, message.p, message.n) == 1
		       ? INRO_OK
		       : err_set(INRO_E_SIGNATURE, "the signature is not that of this TPM's key");
}

enum inro_err crypt_verify(const TPMT_PUBLIC *by, struct bytes message, const TPMT_SIGNATURE *sig)
{
	KEEP_LIBCRYPTO_ERRORS();
	const struct kind *kind = kind_find(sig->sigAlg, by->type);
	TPM2_ALG_ID hash = sig->signature.any.hashAlg;
	AUTO(free_pkey) EVP_PKEY *key = NULL;
	SCOPED(buf) formed = { 0 };
	const EVP_MD *md;
	enum inro_err e;

	if (!kind)
		return err_set(INRO_E_SIGNATURE, "the signature does not fit the TPM's key");
	if (hash == TPM2_ALG_SHA1)
		return err_set(INRO_E_UNSUPPORTED, "signatures over SHA-1 are not believed");
	e = crypt_hash_md(hash, &md);
	if (!e)
		e = crypt_key(by, &key);
	if (!e)
		e = kind->form(&sig->signature, &formed);
	return e ? e : verify(kind, crypt_hash_name(hash), key, message, buf_bytes(&formed));
}
