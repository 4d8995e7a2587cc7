/*
 * roles - what families of keys have done, on record: the memory behind policy.h.
 *
 * 1. A role is on disk before what it stands for is given out; where it can't be written
 *    (a read-only token), the operation is refused.
 * 2. Looking and adding are one transaction: of two processes that want roles which exclude each
 *    other, one gets its own.
 * 3. A family is what the backend says it is: copies, twins that were brought or unwrapped, and
 *    both halves of a pair.
 * Functions want the token's lock held.
 */
#ifndef INRO_PKCS11_TOKEN_ROLES_H
#define INRO_PKCS11_TOKEN_ROLES_H

#include "pkcs11/token/object.h"
#include "pkcs11/token/policy.h"

/* Claims for the family of a loaded key.  claim->refusal when what it forbids is there.
 * *ret_roles: what the family had done before. */
MUST_CHECK enum inro_err roles_claim(struct loaded_key *key, const struct role_claim *claim,
				     unsigned *ret_roles);

/* Whether a key, which is loaded if it is private or secret, may be used so: INRO_E_KEY_USE.  It
 * costs nothing while no key of the token has wrapped a sensitive one. */
MUST_CHECK enum inro_err roles_may_use(struct object *o, enum key_use use);

#endif
