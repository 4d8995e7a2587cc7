/*
 * tpm_ak - the attestation key: a restricted signing key beside the endorsement key, which signs
 * nothing but the TPM's own words.
 *
 * 1. One a TPM and home: its blob is INRO_HOME/tpm/ak-<EK's name>.  It is no secret; without it a
 *    new key is made, which has to be proven anew.
 * 2. It is no child of the storage root, so it is no resident: it is in the TPM for a step.
 * 3. The turn is held, with room for two objects.
 */
#ifndef INRO_TPM_TOKEN_TPM_AK_H
#define INRO_TPM_TOKEN_TPM_AK_H

#include "tpm/talk/root.h"

struct ak {
	struct tpm_ref ref;
	TPM2B_NAME name;
	struct blob blob;
};
/* In the TPM, under that endorsement key. */
MUST_CHECK enum inro_err ak_load(struct tpm *t, const struct ek *ek, struct ak *ret);
/* Out of the TPM and forgotten. */
void ak_end(struct tpm *t, struct ak *ak);

/* root_ek_auth(), and its end. */
void ek_auth_end(struct tpm *t, struct tpm_auth *auth);

#endif
