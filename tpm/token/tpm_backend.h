/*
 * tpm_backend - keys in a TPM 2.0 behind backend.h; what the TPM can't do is done by the software
 * backend under a master key that the TPM keeps.
 */
#ifndef INRO_TPM_TOKEN_TPM_BACKEND_H
#define INRO_TPM_TOKEN_TPM_BACKEND_H

#include "pkcs11/token/backend.h"

extern const struct backend_ops backend_tpm;

#endif
