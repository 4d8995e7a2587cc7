/*
 * crypt - the host's side of the TPM's cryptography, on libcrypto.
 *
 * TCG TPM 2.0 Library part 1: KDFa (11.4.10.2), KDFe (11.4.10.3), CFB parameter encryption (21.3),
 * sessions' salt and the seeds of duplication and credentials (annex B and C).
 *
 * What is fetched is fetched once for each OSSL_LIB_CTX.  Any thread may call anything here.
 */
#ifndef INRO_TPM_WIRE_CRYPT_H
#define INRO_TPM_WIRE_CRYPT_H

#include <openssl/evp.h>

#include "tpm/wire/wire.h"

/* Which library context is used from now on: asked at every use, so that a forked child may have
 * another.  NULL (the default): libcrypto's own. */
void crypt_use(enum inro_err (*context)(OSSL_LIB_CTX **ret));
MUST_CHECK enum inro_err crypt_context(OSSL_LIB_CTX **ret);
/* How a key's context is made from the algorithm's usual name ("EC", "RSA") from now on, where an
 * ENGINE of the process may have taken that name over.  NULL (the default): by that name. */
void crypt_use_keys(EVP_PKEY_CTX *(*key_ctx)(OSSL_LIB_CTX *ctx, const char *algorithm));

/* TPM2_ALG_SHA1, SHA256, SHA384, SHA512; 0 for others. */
size_t crypt_hash_size(TPM2_ALG_ID hash);
MUST_CHECK enum inro_err crypt_hash_md(TPM2_ALG_ID hash,
				       const EVP_MD **ret); /* INRO_E_UNSUPPORTED */
/* The hash of up to n parts. */
MUST_CHECK enum inro_err crypt_hash(TPM2_ALG_ID hash, const struct bytes *parts, size_t n,
				    TPM2B_DIGEST *ret);
MUST_CHECK enum inro_err crypt_hmac(TPM2_ALG_ID hash, struct bytes key, const struct bytes *parts,
				    size_t n, TPM2B_DIGEST *ret);
/* What goes into KDFa and KDFe (part 1, 11.4.10.2 and 11.4.10.3). */
struct crypt_kdf {
	TPM2_ALG_ID hash;
	struct bytes secret; /* KDFa's key; KDFe's z, the x-coordinate of the agreed point */
	const char *label;
	struct bytes u, v; /* contextU and contextV, partyUInfo and partyVInfo */
	size_t bits;	   /* of output: a multiple of 8, at most 65536 */
};
/* bits / 8 bytes of out are filled. */
MUST_CHECK enum inro_err crypt_kdfa(const struct crypt_kdf *what, uint8_t *out);
MUST_CHECK enum inro_err crypt_kdfe(const struct crypt_kdf *what, uint8_t *out);
/* AES-CFB128 in place; key 16 or 32 bytes, iv 16. */
MUST_CHECK enum inro_err crypt_cfb(struct bytes key, struct bytes iv, bool encrypt, uint8_t *data,
				   size_t n);

/* A fresh secret for the holder of a TPM's decryption key: `label` is "SECRET" (sessions),
 * "DUPLICATE" or "IDENTITY".  RSA keys by OAEP, ECC keys by ECDH and KDFe; ret_encrypted is the
 * content of a TPM2B_ENCRYPTED_SECRET, *ret_seed as long as the key's name algorithm's hash. */
MUST_CHECK enum inro_err crypt_seed(const TPMT_PUBLIC *to, const char *label,
				    struct secret *ret_seed, struct buf *ret_encrypted);

/* The Name: nameAlg || H(public area).  INRO_E_UNSUPPORTED for another hash. */
MUST_CHECK enum inro_err crypt_name(const TPMT_PUBLIC *pub, TPM2B_NAME *ret);
MUST_CHECK enum inro_err crypt_nv_name(const TPMS_NV_PUBLIC *pub, TPM2B_NAME *ret);

/* SubjectPublicKeyInfo (DER) of an RSA or ECC key, and back: only what a TPM's template needs
 * (type, size, curve, exponent, point) is set in *ret_pub. */
MUST_CHECK enum inro_err crypt_spki(const TPMT_PUBLIC *pub, struct buf *ret_spki);
MUST_CHECK enum inro_err crypt_public_of_spki(struct bytes spki, TPMT_PUBLIC *ret_pub);

/* Whether a TPM's signature of the message (not of its digest) is good; the key given as a public
 * area.  INRO_E_SIGNATURE; INRO_E_UNSUPPORTED for SHA-1. */
MUST_CHECK enum inro_err crypt_verify(const TPMT_PUBLIC *by, struct bytes message,
				      const TPMT_SIGNATURE *sig);

#endif
