/*
 * people - who may use a token: PINs tried and changed, logins, named users.
 *
 * 1. A PIN is tried only after a try was taken away durably (but see token.h, 5).
 * 2. A PIN that is tried but has an impossible form is wrong, and costs no try; one that is set is
 *    refused by its form: INRO_E_PIN_FORMAT (length), INRO_E_PIN_INVALID (not text),
 *    INRO_E_PIN_WEAK (pin-classes).
 * 3. Who must change a PIN is logged in, and can do nothing else before: session_enter() of the
 *    library's callers gives INRO_E_PIN_EXPIRED (PKCS#11 3.2 5.1.6).
 * The token's lock is held by the caller; a function that tries a PIN lets go of it meanwhile
 * (trial.h, 3).
 */
#ifndef INRO_PKCS11_TOKEN_PEOPLE_H
#define INRO_PKCS11_TOKEN_PEOPLE_H

#include "pkcs11/token/token.h"

/* No lock needed. */
MUST_CHECK enum inro_err token_check_new_pin(struct bytes pin);

/* Whether a login would be tried now, whatever the PIN. */
MUST_CHECK enum inro_err token_may_login(struct token *t, const struct who *who);
MUST_CHECK enum inro_err token_login(struct token *t, const struct who *who, struct bytes pin);
MUST_CHECK enum inro_err token_logout(struct token *t);
/* Who is logged in; the name is the token's. */
struct who token_who(const struct token *t);
/* Proves a PIN without a login; counted as any try. */
MUST_CHECK enum inro_err token_prove_pin(struct token *t, const struct who *who, struct bytes pin);
/* The PIN of him who is logged in, once more; the login stays whatever comes of it. */
MUST_CHECK enum inro_err token_prove_login(struct token *t, struct bytes pin);

/* By the SO who is logged in: a new PIN and all tries for the user, or for a named one. */
MUST_CHECK enum inro_err token_init_pin(struct token *t, const struct who *who, struct bytes pin,
					bool must_change);
/* Of him who is logged in, else of the user; the name is the token's. */
struct who token_whose_pin(const struct token *t);
/* Of him for whom it was asked for; INRO_E_LOGIN or INRO_E_ANOTHER_USER_LOGGED_IN when that is not
 * token_whose_pin() any more. */
MUST_CHECK enum inro_err token_set_pin(struct token *t, const struct who *who, struct bytes old_pin,
				       struct bytes new_pin);

/* By the SO who is logged in.  A name is 1 to STORE_MAX_USER bytes of text. */
MUST_CHECK enum inro_err token_user_add(struct token *t, const struct who *who, struct bytes pin,
					bool must_change);
MUST_CHECK enum inro_err token_user_delete(struct token *t, struct bytes name);

/* After the token's row was read anew: is the login still to change its PIN, is he still there? */
MUST_CHECK enum inro_err token_reread_login(struct token *t);

#endif
