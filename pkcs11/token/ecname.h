/* ecname - CKA_EC_PARAMS as an OID, whether it came as one or as a curve's name (PKCS#11 3.0
 * 2.3.3: PrintableString). */
#ifndef INRO_PKCS11_TOKEN_ECNAME_H
#define INRO_PKCS11_TOKEN_ECNAME_H

#include "base/bytes.h"

/* An OID is given back as it is; INRO_E_CURVE for a name that is not known. */
MUST_CHECK enum inro_err ecname_params(struct bytes given, struct bytes *ret_params);

#endif
