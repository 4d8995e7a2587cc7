/*
 * settings - what inro.conf sets for the command (base/conf.h says which file that is).
 *
 * 1. A setting stands in for an environment variable; the variable and the option win.
 * 2. An unknown section or key is refused by name: a slip of the pen must not go unnoticed.
 */
#ifndef INRO_TOOLS_SETTINGS_H
#define INRO_TOOLS_SETTINGS_H

#include "base/err.h"

struct conf_setting {
	const char *key; /* in [inro]; NULL ends the table */
	const char *env;
	const char *help;
};

extern const struct conf_setting settings_table[];

/* Reads the file and sets what the environment lacks.  INRO_E_CONFIG with file and key. */
MUST_CHECK enum inro_err settings_apply(void);

#endif
