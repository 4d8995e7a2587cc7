/*
 * policy - the digests of policies, computed without a TPM (part 3, 23; part 1, 19.7).
 *
 * A digest begins as zeros of the hash's size; each step extends it as the command of that name
 * does in a session.  SHA-256 throughout: every session and every object of ours uses it.
 */
#ifndef INRO_TPM_WIRE_POLICY_H
#define INRO_TPM_WIRE_POLICY_H

#include "tpm/wire/crypt.h"

#define POLICY_SIZE 32

void policy_start(TPM2B_DIGEST *d);
MUST_CHECK enum inro_err policy_secret(TPM2B_DIGEST *d, const TPM2B_NAME *entity);
MUST_CHECK enum inro_err policy_command(TPM2B_DIGEST *d, TPM2_CC cc);
MUST_CHECK enum inro_err policy_auth_value(TPM2B_DIGEST *d);
/* 2 to 8 branches; what d was before does not matter. */
MUST_CHECK enum inro_err policy_or(TPM2B_DIGEST *d, const TPML_DIGEST *branches);
/* values: the concatenated PCR values' hash. */
MUST_CHECK enum inro_err policy_pcr(TPM2B_DIGEST *d, const TPML_PCR_SELECTION *which,
				    const TPM2B_DIGEST *values);

/* "sha256:0,2,7", several banks with '+': read with one clear error.  Text of at most 128 bytes. */
MUST_CHECK enum inro_err policy_read_pcrs(struct bytes text, TPML_PCR_SELECTION *ret);

#endif
