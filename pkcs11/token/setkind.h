/*
 * setkind - the parameter sets (base/cryptoki/paramset.h) by the kinds of key that the token has.
 * Whether this libcrypto has them is pkey_kind_offered()'s to say.
 */
#ifndef INRO_PKCS11_TOKEN_SETKIND_H
#define INRO_PKCS11_TOKEN_SETKIND_H

#include "base/cryptoki/paramset.h"
#include "pkcs11/token/backend.h"

/* INRO_E_PARAMETER_SET. */
MUST_CHECK enum inro_err setkind_find(enum key_kind kind, CK_ULONG set,
				      const struct param_set **ret);
enum key_kind setkind_of(const struct param_set *set);

#endif
