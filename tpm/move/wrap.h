/*
 * wrap - a key made ready for the storage root of a TPM, on a machine that has no TPM (TPM2_Import
 * format: part 1, 23.3; annex B and C).  Outer wrapper only: HMAC and AES-CFB under a seed that is
 * encrypted to the root.
 */
#ifndef INRO_TPM_MOVE_WRAP_H
#define INRO_TPM_MOVE_WRAP_H

#include "tpm/wire/crypt.h"

/* What is to be wrapped: a pair by its PKCS#8 (RSA, EC), a secret key by its value. */
struct wrap_what {
	TPM2_ALG_ID type; /* TPM2_ALG_RSA, ECC, SYMCIPHER (AES), KEYEDHASH (HMAC) */
	struct bytes plain;
	struct bytes auth; /* the object's authValue */
	bool duplicable;   /* may be moved on by TPM2_Duplicate with its authValue */
	bool signs_only;   /* EC: the TPM will not agree on anything with it */
};

/* The public area that such a key has in a TPM: attributes as tkey makes them, not fixedTPM. */
MUST_CHECK enum inro_err wrap_template(const struct wrap_what *what, TPMT_PUBLIC *ret);
/* ret_pub: TPM2B_PUBLIC, ret_dup: TPM2B_PRIVATE, ret_seed: TPM2B_ENCRYPTED_SECRET, each with its
 * size. */
MUST_CHECK enum inro_err wrap_for(const TPMT_PUBLIC *root, const struct wrap_what *what,
				  struct buf *ret_pub, struct buf *ret_dup, struct buf *ret_seed);

/* TPM2_MakeCredential without a TPM: only who has both the EK and the object named gets `secret`.
 * Both with their sizes. */
MUST_CHECK enum inro_err wrap_credential(const TPMT_PUBLIC *ek, const TPM2B_NAME *object,
					 struct bytes secret, struct buf *ret_id_object,
					 struct buf *ret_encrypted);

#endif
