/*
 * evidence_maker - evidence as a TPM would give it, made by libcrypto alone: so that each part of
 * it can be otherwise.
 *
 * An RSA endorsement key with a certificate under a root of its own, both in files of the scratch
 * folder, an attestation key and a key on P-256.
 */
#ifndef INRO_TESTS_LIB_EVIDENCE_MAKER_H
#define INRO_TESTS_LIB_EVIDENCE_MAKER_H

#include <openssl/evp.h>

#include "tpm/move/evidence.h"

struct maker {
	EVP_PKEY *ek_key, *ak_key, *key_key;
	TPM2B_PUBLIC ek, ak, key;
	const char *chain; /* name of the EK's certificate, DER, in the scratch folder */
	const char *above; /* the same of its issuer's; NULL: a root's */
	uint8_t nonce[32];
	size_t nonce_n;
	uint32_t magic;
	uint16_t type;
	const TPM2B_PUBLIC *about; /* whose Name is certified; NULL: the key's */
	EVP_PKEY *signer;	   /* NULL: the attestation key */
};

/* Folder of the root's certificate. */
const char *maker_roots(void);
void maker_new(struct maker *m);
/* The same of keys that there are, which it takes over, without a certificate. */
void maker_of(struct maker *m, EVP_PKEY *ek, EVP_PKEY *ak, EVP_PKEY *key);
void maker_free(struct maker *m);
/* As evidence_read() takes it. */
void maker_make(const struct maker *m, struct buf *ret);
void maker_ak_name(const struct maker *m, TPM2B_NAME *ret);
void maker_ek_name(const struct maker *m, TPM2B_NAME *ret);
/* What TPM2_ActivateCredential gives for a challenge (TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET); false
 * where it is for another endorsement key or attestation key. */
bool maker_activate(const struct maker *m, struct bytes challenge, struct secret *ret);
/* Another certificate for the endorsement key: `how` is what follows `openssl x509 -new`. */
void maker_certify(const char *name, const char *how);
/* A CA below the root, NAME.der and NAME.pem, NAME.key: openssl's words for its key, and the
 * section of the configuration with its extensions. */
void maker_ca(const char *name, const char *key, const char *section);

#endif
