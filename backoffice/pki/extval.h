/*
 * extval - the value of an extension of a profile's own, as text: "TYPE:VALUE", with "critical, "
 * in front when it is.
 *
 * 1. A value is one DER element.  DER: gives its octets, in hexadecimal digits; the other types
 *    build it.
 * 2. Variables are filled in where the value is a text; a value never adds a second element.
 * docs/profiles.md lists the types; a test compares.
 */
#ifndef INRO_BACKOFFICE_PKI_EXTVAL_H
#define INRO_BACKOFFICE_PKI_EXTVAL_H

#include "backoffice/pki/dn.h"

#define EXTVAL_MAX 4096 /* octets of DER */

/* One Extension, appended.  INRO_E_SYNTAX, INRO_E_UNSUPPORTED (one that Inro writes itself),
 * INRO_E_NOT_FOUND (a variable without a value), INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err extval_add(struct buf *b, const char *oid, const char *value,
				    const struct dn_vars *vars);
bool extval_is_critical(const char *value);

/* The types, NULL behind the last, and what each one's value is. */
const char *extval_type_at(size_t i, const char **ret_help);

#endif
