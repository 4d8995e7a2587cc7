/*
 * lease - work that one process at a time does, whatever machine it is on.
 *
 * 1. A lease is a row of the database: whose it is, and until when, by the database's clock.  It is
 *    taken and made longer in a write transaction, so that of two who want it one gets it.
 * 2. Who has it and is gone loses it by time alone: nobody waits longer than it was taken for.  One that lasts longer
 *    than any is taken for is nobody's: the database's clock was ahead when it was taken, and was set right.
 * 3. It guards against work that is done twice, not against harm: what it is about must stand if a
 *    holder was stopped for longer than his lease and goes on.
 * 4. It stays somebody's for a while when the work is done, so that nobody looks at it too soon.
 */
#ifndef INRO_BACKOFFICE_CORE_LEASE_H
#define INRO_BACKOFFICE_CORE_LEASE_H

#include "backoffice/core/core.h"

#define LEASE_HOLDER_MAX 128
#define LEASE_LONGEST_MS 3600000

/* "HOST/PID/NUMBER": this process as a holder, another one with each call. */
MUST_CHECK enum inro_err lease_holder(char ret[static LEASE_HOLDER_MAX + 1]);
/* Whether the process that made this name may still be there: on another machine it may. */
bool lease_holder_lives(const char *holder);

/* Takes what is nobody's now, or is his already, for so long.  *ret_mine false: another one's.  INRO_E_ARG here and where
 * it is left: longer than LEASE_LONGEST_MS. */
MUST_CHECK enum inro_err lease_take(struct core *c, const char *name, const char *holder,
				    int64_t ms, bool *ret_mine);
/* The work is over: it is nobody's, but for so long there is nothing to do.  Nothing happens when it
 * was lost. */
MUST_CHECK enum inro_err lease_leave(struct core *c, const char *name, const char *holder,
				     int64_t ms);
/* It is nobody's when its holder was a process of this machine that is no more. */
MUST_CHECK enum inro_err lease_bury(struct core *c, const char *name);
/* How long until it can be taken by others, 0: now. */
MUST_CHECK enum inro_err lease_left(struct core *c, const char *name, int64_t *ret_ms);

#endif
