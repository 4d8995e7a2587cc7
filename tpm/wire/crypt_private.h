/*
 * crypt_private - what the files of crypt share: algorithms by their numbers, and keys of
 * libcrypto made from public areas.
 */
#ifndef INRO_TPM_WIRE_CRYPT_PRIVATE_H
#define INRO_TPM_WIRE_CRYPT_PRIVATE_H

#include "base/libcrypto/libcrypto.h"
#include "tpm/wire/crypt.h"

/* The longest coordinate of a curve offered: P-521's. */
#define CRYPT_MAX_FIELD 66
/* An uncompressed point of that curve. */
#define CRYPT_MAX_POINT (1 + 2 * CRYPT_MAX_FIELD)

/* For keys of an algorithm; NULL with libcrypto's reason in its queue. */
EVP_PKEY_CTX *crypt_key_ctx(OSSL_LIB_CTX *lib, const char *algorithm);

/* libcrypto's name of a hash; NULL for one that is not offered. */
const char *crypt_hash_name(TPM2_ALG_ID hash);

struct tpm_curve {
	TPM2_ECC_CURVE id;
	const char *name;  /* libcrypto's */
	const char *other; /* its other name there, which a key may tell; NULL when none */
	uint16_t bits;
	struct bytes oid;
};
/* INRO_E_UNSUPPORTED */
MUST_CHECK enum inro_err crypt_curve(TPM2_ECC_CURVE id, const struct tpm_curve **ret);
size_t crypt_curve_bytes(const struct tpm_curve *c);

/* The key in a public area, of the context now in use.  A point that is not on its curve is
 * INRO_E_PUBLIC_KEY. */
MUST_CHECK enum inro_err crypt_key(const TPMT_PUBLIC *pub, EVP_PKEY **ret);
/* An EC key's coordinates, each as long as the field. */
MUST_CHECK enum inro_err crypt_key_point(const EVP_PKEY *key, size_t field, TPMS_ECC_POINT *ret);

void free_pkey(EVP_PKEY **key);		/* for AUTO() */
void free_pkey_ctx(EVP_PKEY_CTX **ctx); /* for AUTO() */

#endif
