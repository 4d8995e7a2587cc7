/*
 * settings - what inro.conf sets for the module: its section [token] (base/conf.h says which file).
 *
 * 1. Read once, by C_Initialize; what is in force then stays until the next C_Initialize.
 * 2. A setting that is not known or has a wrong value is an error with its line: a slip of the pen
 *    must not leave a token weaker than was meant.  Other sections are not looked at.
 * 3. settings_get() takes no lock and may be called from any thread; what it gave stays readable
 *    for ever, also beyond a C_Finalize.
 */
#ifndef INRO_PKCS11_TOKEN_SETTINGS_H
#define INRO_PKCS11_TOKEN_SETTINGS_H

#include <stdbool.h>

#include "base/conf.h"

struct settings {
	bool legacy;	/* old mechanisms and small keys, for verifying and decrypting old data */
	bool strict;	/* `policy = strict`: the policy of tokens made from now on */
	bool read_only; /* no token is written to */
	unsigned pin_min, pin_max; /* bytes of a new PIN */
	unsigned pin_classes;	/* how many of lower, upper, digit and other a new PIN must have */
	const char *pin_helper; /* absolute path of the program that asks for a PIN; NULL: none */
};

/* Never NULL; the defaults before the first settings_load(). */
const struct settings *settings_get(void);

/* Reads the file and puts it in force.  INRO_E_CONFIG with file and line; nothing has changed
 * then. */
MUST_CHECK enum inro_err settings_load(void);

/* The rows of [token], for manual pages and their test. */
struct settings_row {
	const char *key, *values, *help; /* key NULL ends the table */
};
extern const struct settings_row settings_rows[];

#endif
