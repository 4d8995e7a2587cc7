/* wrap_private - what wrap.c and unwrap.c share; for them alone. */
#ifndef INRO_PKCS11_TOKEN_WRAP_PRIVATE_H
#define INRO_PKCS11_TOKEN_WRAP_PRIVATE_H

#include "pkcs11/token/mech.h"

/* The associated data of the call; they stay borrowed.  INRO_E_MECHANISM for what takes none. */
MUST_CHECK enum inro_err wrap_set_ad(struct mech_use *u, bool authenticated, struct bytes ad);

#endif
