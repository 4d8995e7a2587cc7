/*
 * party - the keys that take part when keys move: found by handle and checked, with each call's own
 * errors.
 *
 * 1. What a key must be for a use is one row: attribute, classes, errors.
 * 2. Checks come in this order: the handle, class and type against the mechanism, the attribute
 *    that permits the use, CKA_ALLOWED_MECHANISMS, the size, the roles of its family.
 * Functions want the token's lock held.
 */
#ifndef INRO_PKCS11_TOKEN_PARTY_H
#define INRO_PKCS11_TOKEN_PARTY_H

#include "pkcs11/token/mech.h"
#include "pkcs11/token/object.h"

/* USE_WRAP, USE_UNWRAP, USE_DERIVE, USE_ENCAPSULATE, USE_DECAPSULATE.  Borrowed; private and secret
 * keys are loaded. */
MUST_CHECK enum inro_err party_find(struct token *t, CK_OBJECT_HANDLE handle, enum key_use use,
				    const struct mech *m, struct object **ret);
/* Any secret or private key, for what is done to it: INRO_E_KEY_HANDLE.  Not loaded. */
MUST_CHECK enum inro_err party_target(struct token *t, CK_OBJECT_HANDLE handle,
				      struct object **ret);
/* The private half of a public key, loaded: the one that was made here if there are several.
 * *ret is NULL when there is none to be seen. */
MUST_CHECK enum inro_err party_half(struct object *public, struct object **ret);

#endif
