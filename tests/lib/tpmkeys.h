/*
 * tpmkeys - a TPM as tests of tpm/talk want it, and keys made there for a moment.
 *
 * What can't be done fails the test.  The turn is held, but for tpmkeys_open().
 */
#ifndef INRO_TESTS_LIB_TPMKEYS_H
#define INRO_TESTS_LIB_TPMKEYS_H

#include "tests/lib/swtpm.h"
#include "tpm/talk/resident.h"
#include "tpm/talk/root.h"

/* The struct tpm of this process for that TPM, in a home of the test's own. */
struct tpm *tpmkeys_open(const struct swtpm *s);

/* Attributes of a key with userWithAuth and noDA that the TPM makes, or that is made of a value. */
#define TPMKEYS_MADE                                                                               \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)
#define TPMKEYS_GIVEN                                                                              \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH |               \
	 TPMA_OBJECT_NODA)

TPMT_PUBLIC tpmkeys_ecc(TPM2_ECC_CURVE curve, TPMA_OBJECT attributes);
TPMT_PUBLIC tpmkeys_rsa(TPMA_OBJECT attributes);
/* For a MAC with any hash: a TPM wants sign and decrypt for that. */
TPMT_PUBLIC tpmkeys_hmac(TPMA_OBJECT attributes);
TPMT_PUBLIC tpmkeys_aes(uint16_t bits, TPMA_OBJECT attributes);
TPMT_PUBLIC tpmkeys_sealed(TPMA_OBJECT attributes);
/* A restricted signing key on P-256, ECDSA with SHA-256: what certifies. */
TPMT_PUBLIC tpmkeys_restricted(void);

struct tpmkey {
	struct tpm_ref ref; /* its name is in `name`: not to be copied */
	TPM2B_NAME name;
	TPM2B_PUBLIC pub;
	struct blob blob;
};
/* A child of the storage root, in the TPM. */
void tpmkeys_make(struct tpm *t, const TPMT_PUBLIC *template, struct bytes auth, struct bytes data,
		  struct tpmkey *ret);
/* The same of a blob that is there; it is taken over. */
void tpmkeys_load(struct tpm *t, struct blob *b, struct tpmkey *ret);
/* Out of the TPM and forgotten. */
void tpmkeys_drop(struct tpm *t, struct tpmkey *k);

#endif
