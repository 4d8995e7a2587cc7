/*
 * builtin - objects that nobody has made: the profiles that the token follows and its mechanisms.
 *
 * 1. They are there when they are asked for by their class or by an attribute that only they have,
 *    and hidden from other searches: programs list and delete what a search without a class finds.
 * 2. Each has one handle, the same for all sessions; nobody changes, copies or destroys it.
 * PKCS#11 3.2 4.13 (CKO_MECHANISM), 4.14 (CKO_PROFILE).  There are no hardware features, and no
 * validation that anybody has given.
 */
#ifndef INRO_PKCS11_TOKEN_BUILTIN_H
#define INRO_PKCS11_TOKEN_BUILTIN_H

#include "pkcs11/token/object.h"
#include "pkcs11/token/template.h"

/* Whether a search looks for them. */
bool builtin_wanted(struct template like);
/* Makes them if that was not done yet: token.own.  The token's lock held. */
MUST_CHECK enum inro_err builtin_make(struct token *t);

#endif
