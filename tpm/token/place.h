/*
 * place - whether a new key goes into the TPM or into memory under the TPM's seal.
 *
 * 1. Asked for by CKA_INRO_PLACE: that place or INRO_E_UNSUPPORTED.
 * 2. Else the TPM, when it can hold the key, the key is not extractable, and the TPM does
 *    everything that its uses and CKA_ALLOWED_MECHANISMS can mean.  Secret keys of a session, and
 *    derived and unwrapped ones, are sealed where keys may be: they are many and short-lived.
 * 3. Else sealed, unless the token has nothing but its TPM (`sealed=no`): INRO_E_UNSUPPORTED.
 */
#ifndef INRO_TPM_TOKEN_PLACE_H
#define INRO_TPM_TOKEN_PLACE_H

#include "pkcs11/token/backend.h"
#include "tpm/token/words.h"

enum place_born { PLACE_GENERATED, PLACE_IMPORTED, PLACE_UNWRAPPED, PLACE_DERIVED };

MUST_CHECK enum inro_err place_choose(const struct words *w, const struct key_spec *spec,
				      enum place_born born, enum key_place *ret);

/* What a token does that has nothing but its TPM: those of `all` (ended by
 * CK_UNAVAILABLE_INFORMATION) that the TPM does; *ret is the caller's to free. */
MUST_CHECK enum inro_err place_mechanisms(uint32_t caps, const CK_MECHANISM_TYPE *all,
					  CK_MECHANISM_TYPE **ret);
/* The sizes of keys that it does one of them with: *min and *max (bits; of secret keys bytes) come
 * closer together where the TPM takes fewer. */
void place_sizes(uint32_t caps, CK_MECHANISM_TYPE mech, CK_ULONG *min, CK_ULONG *max);

#endif
