/*
 * tokens - do the tokens that the back office needs work here?
 *
 * 1. Those of the CAs that issue, of the key that signs the audit and of the keys that seal secrets, of
 *    every tenant.
 * 2. A token is opened once and then asked for a few random octets: a wrong PIN, one that is missing, a token that
 *    is gone are seen, a key that is gone is not.
 */
#ifndef INRO_BACKOFFICE_CORE_TOKENS_H
#define INRO_BACKOFFICE_CORE_TOKENS_H

#include "backoffice/core/core.h"

#define TOKENS_MAX 64 /* more are not looked at */

struct tokens {
	struct token_state {
		char name[72]; /* the label, or what the URI has of it; of the next one "LABEL/SERIAL" */
		char label[40], serial[24];
		enum inro_err error;
		char why[256];
	} items[TOKENS_MAX];
	size_t n;
};

/* An error of its own is the database's.  Not inside a transaction. */
MUST_CHECK enum inro_err tokens_look(struct core *c, struct tokens *ret);

#endif
