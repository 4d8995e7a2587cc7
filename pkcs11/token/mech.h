/*
 * mech - the mechanisms: one table for C_GetMechanismList, C_GetMechanismInfo and every operation.
 *
 * 1. Sorted by type.  What a token lists is this table without what its backend can't do.
 * 2. Parameters are checked and flattened here; nothing behind keeps a pointer of the caller's.
 * PKCS#11 3.0 2.1 (RSA), 2.3 (elliptic curves), 2.20 (SHA).
 */
#ifndef INRO_PKCS11_TOKEN_MECH_H
#define INRO_PKCS11_TOKEN_MECH_H

#include "pkcs11/token/backend.h"

struct mech;

typedef enum inro_err mech_param_fn(const struct mech *m, struct bytes param, struct use_spec *ret);

struct mech {
	CK_MECHANISM_TYPE type;
	CK_MECHANISM_TYPE digest; /* hashed by the core; 0: the input is taken as it is */
	CK_MECHANISM_TYPE raw;	  /* what the backend must do for it; 0: the core does all */
	enum key_kind key;
	unsigned uses; /* enum key_use */
	CK_ULONG min_bits, max_bits;
	CK_FLAGS flags; /* beside those of the uses */
	mech_param_fn *param;
};

/* NULL when there is none. */
const struct mech *mech_find(CK_MECHANISM_TYPE type);
/* In order; NULL behind the last. */
const struct mech *mech_at(size_t i);
/* Whether this backend can do what it needs. */
bool mech_offered(const struct mech *m, const CK_MECHANISM_TYPE *backend);
CK_FLAGS mech_flags(const struct mech *m);

/* The mechanism for this use with its parameter: INRO_E_MECHANISM, INRO_E_MECHANISM_PARAM. */
MUST_CHECK enum inro_err mech_open(CK_MECHANISM_TYPE type, struct bytes param, enum key_use use,
				   const CK_MECHANISM_TYPE *backend, const struct mech **ret,
				   struct use_spec *ret_spec);

#endif
