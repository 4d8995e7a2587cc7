/*
 * setting - named words that a tenant keeps in the database: which key seals, which signs.
 *
 * Nothing secret is ever one.
 */
#ifndef INRO_BACKOFFICE_CORE_SETTING_H
#define INRO_BACKOFFICE_CORE_SETTING_H

#include "backoffice/core/core.h"

#define SETTING_NAME_MAX  64
#define SETTING_VALUE_MAX 4096

/* The tenant's value in memory of the caller's; NULL when it has none. */
MUST_CHECK enum inro_err setting_get(struct core *c, const char *name, char **ret);
/* In a write transaction (core_write); the caller audits.  NULL or "" is kept as the empty text. */
MUST_CHECK enum inro_err setting_set(struct core *c, const char *name, const char *value);

#endif
