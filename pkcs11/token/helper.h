/*
 * helper - the protected authentication path: a program that asks a person for a PIN.
 *
 * `pin-helper` in the settings names it.  It is run without arguments, with its standard input from
 * /dev/null, and says the PIN as one line on its standard output, then ends with status 0.  What it
 * is asked for is in its environment: INRO_ASK ("login", "old" or "new"; a new one it asks for
 * twice), INRO_ASK_USER ("user", "so" or a name), INRO_ASK_TOKEN (the label).
 *
 * 1. It is only run when it and its folder belong to root or to who runs us, and others can't write
 *    them.
 * 2. It gets none of our descriptors, no PIN of ours, and 120 seconds.
 * 3. No lock is held while it runs.
 */
#ifndef INRO_PKCS11_TOKEN_HELPER_H
#define INRO_PKCS11_TOKEN_HELPER_H

#include "base/secret.h"

struct question {
	const char *ask, *user, *token;
};

/* INRO_E_ARG when no helper is set, INRO_E_CONFIG when it may not be run, INRO_E_CANCELLED when it
 * gives no PIN. */
MUST_CHECK enum inro_err helper_ask(const struct question *q, struct secret *ret);

#endif
