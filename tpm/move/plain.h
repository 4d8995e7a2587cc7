/* plain - the plain form of a key (PKCS#8 or a bare value) as a TPM's public area and sensitive
 * value. */
#ifndef INRO_TPM_MOVE_PLAIN_H
#define INRO_TPM_MOVE_PLAIN_H

#include "tpm/move/wrap.h"

/* Type, parameters and, for a pair, the unique field.  INRO_E_SYNTAX, INRO_E_KEY_SIZE,
 * INRO_E_KEY_TYPE, INRO_E_UNSUPPORTED. */
MUST_CHECK enum inro_err plain_public(TPM2_ALG_ID type, struct bytes plain, TPMT_PUBLIC *ret);
/* What stands in TPMT_SENSITIVE.sensitive: a prime, a scalar, a key's value.  Borrows. */
MUST_CHECK enum inro_err plain_sensitive(TPM2_ALG_ID type, struct bytes plain, struct bytes *ret);
/* The leading zeros that `sensitive` needs to be as long as the TPM wants it. */
size_t plain_padding(const TPMT_PUBLIC *pub, struct bytes sensitive);

#endif
