/*
 * tally - how many there are of what, kept in the transaction of each change.
 *
 * 1. Names are "device/STATE", "group/ID/STATE" (a group's own devices), "KIND/STATE" for
 * credentials.
 * 2. What is added inside a write transaction is written once, by core_write() before it commits;
 * work that is undone takes its counts with it.
 * 3. Nothing scans: to ask costs one row, whatever it counts.
 */
#ifndef INRO_BACKOFFICE_CORE_TALLY_H
#define INRO_BACKOFFICE_CORE_TALLY_H

#include "backoffice/core/core.h"

#define TALLY_NAME_MAX 63

/* Inside a write transaction.  0 adds nothing. */
MUST_CHECK enum inro_err tally_add(struct core *c, int64_t delta, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* 0 for what was never counted. */
MUST_CHECK enum inro_err tally_get(struct core *c, const char *name, int64_t *ret);

/* For a row that may be undone alone (a savepoint): what was added since the mark is taken back. */
size_t tally_mark(const struct core *c);
void tally_back(struct core *c, size_t mark);

/* Counts all devices and credentials anew.  INRO_E_DAMAGED names the first count that is another. */
MUST_CHECK enum inro_err tally_check(struct core *c);

#endif
