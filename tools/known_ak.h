/*
 * known_ak - the attestation keys that have answered a challenge: a text file, one a line, the
 * Name of the attestation key and that of its endorsement key, in hex.  Lines with # are remarks.
 */
#ifndef INRO_TOOLS_KNOWN_AK_H
#define INRO_TOOLS_KNOWN_AK_H

#include "tpm/move/evidence.h"

/* INRO_E_POLICY when the pair is not there. */
MUST_CHECK enum inro_err known_ak_find(const char *path, const TPM2B_NAME *ak,
				       const TPM2B_NAME *ek);
/* Adds the pair if it is not there; the file is made when it is missing. */
MUST_CHECK enum inro_err known_ak_add(const char *path, const TPM2B_NAME *ak, const TPM2B_NAME *ek);

#endif
