/* check - reads everything in a token once. */
#ifndef INRO_PKCS11_TOKEN_CHECK_H
#define INRO_PKCS11_TOKEN_CHECK_H

#include "pkcs11/token/token.h"

struct check_report {
	size_t objects, sealed, damaged;
	char first[256]; /* what is wrong with the first one that is damaged */
};

/* Every page of the file, every object, and every seal when `pin` is not empty and nobody but the
 * user is logged in; a login that was not there before is not there after.  The token's lock
 * held.  INRO_E_DAMAGED when the file itself is; what is wrong with single objects is in the
 * report.  INRO_E_TOKEN when it is sure that no user's PIN opens it, INRO_E_DAMAGED when the
 * record of his PIN is no record (guards_open()). */
MUST_CHECK enum inro_err token_check(struct token *t, struct bytes pin, struct check_report *ret);
/* Whether what this row describes can be opened by the user's PIN here, where its hardware may be
 * another: as backend_ops.unlock().  Needs no token. */
MUST_CHECK enum inro_err check_opens(const struct token_row *row, struct bytes pin);

#endif
