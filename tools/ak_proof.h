/*
 * ak_proof - what a verifier keeps of a challenge until it is answered: the secret, and whom it was
 * made for.  One line of hex in a file of his own.
 */
#ifndef INRO_TOOLS_AK_PROOF_H
#define INRO_TOOLS_AK_PROOF_H

#include "tpm/move/evidence.h"

struct ak_proof {
	struct secret secret;
	TPM2B_NAME ak, ek;
};

void ak_proof_clear(struct ak_proof *p);
MUST_CHECK enum inro_err ak_proof_write(const char *path, const struct ak_proof *p);
MUST_CHECK enum inro_err ak_proof_read(const char *path, struct ak_proof *ret);
/* An answer to it: hex, too. */
MUST_CHECK enum inro_err ak_proof_answer(const char *path, struct secret *ret);

#endif
