/*
 * writers - the threads of one process that write to one database: in the order in which they come,
 * and those that wait at the same moment together, in one transaction with one commit.
 *
 * 1. A change stands or falls alone: its own actor, tenant and role are looked at, it has its own
 * event, and one that is refused leaves nothing behind and takes no other with it.
 * 2. Nobody is told that it is done before the commit; when that fails, it fails for all in it.
 * 3. Who is alone waits for nobody.
 * 4. Whoever is first does the work of those behind him, each with its own core.  All write by one
 * connection, which so knows the pages that it wrote: the cores are of the same database.
 */
#ifndef INRO_BACKOFFICE_CORE_WRITERS_H
#define INRO_BACKOFFICE_CORE_WRITERS_H

#include <stdint.h>

#include "base/err.h"

struct writers;

/* Of a database that is there; the URL as in struct core_options. */
MUST_CHECK enum inro_err writers_open(const char *db, struct writers **ret);
void writers_close(struct writers *w); /* behind the last of its cores; NULL is fine */

/* Since it was made, and just now. */
struct writers_stats {
	uint64_t changes; /* done or refused */
	uint64_t turns;	  /* in which they were: one transaction, unless something went wrong */
	uint64_t waiting;
};
void writers_stats(struct writers *w, struct writers_stats *ret);

#endif
