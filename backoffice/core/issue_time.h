/*
 * issue_time - the time at which something is issued: never before that of what was issued last.
 *
 * 1. The greatest time at which a certificate or a revocation list was issued is kept in the
 *    database (setting clock.last), for all tenants, in the transaction that records it.
 * 2. A clock that stands a little behind it, as after a correction, issues at that time; one that
 *    stands further behind issues nothing.  Revoking, disabling and reading go on.
 * 3. A time that was wrong, because the clock was ahead, is taken back by an administrator alone,
 *    and the audit says so.
 */
#ifndef INRO_BACKOFFICE_CORE_ISSUE_TIME_H
#define INRO_BACKOFFICE_CORE_ISSUE_TIME_H

#include "backoffice/core/core.h"

#define ISSUE_TIME_EVER	 1  /* since when all is told: the first second of all, for 0 is no time in a condition */
#define ISSUE_TIME_OTHERS 3600 /* seconds that another server's clock may be ahead for what it locks */
#define ISSUE_TIME_SLACK 60  /* seconds that a clock may be set back */
#define ISSUE_TIME_OPEN	 900 /* that may lie between issue_now() and issue_now_keep() */

/* INRO_E_STATE when the clock stands behind what was issued last. */
MUST_CHECK enum inro_err issue_now(struct core *c, int64_t *ret);
/* In the write transaction that records what was issued at that time of issue_now(); INRO_E_STATE where that was by a
 * clock that was ahead and has been set right since. */
MUST_CHECK enum inro_err issue_now_keep(struct core *c, int64_t at);
/* In a write transaction, of a time that issue_now_keep() took in another one before: INRO_E_STATE where it was taken
 * back by issue_time_accept() since. */
MUST_CHECK enum inro_err issue_now_kept(struct core *c, int64_t at);

/* Whether this is the time of something that was issued when the clock was ahead: more than a clock that issues may stand
 * behind. */
bool issue_time_is_ahead(int64_t at);
/* In a write transaction: when something changes that the next list tells, as its time is compared with theirs: this
 * clock's time, and not before that of any list there is. */
MUST_CHECK enum inro_err issue_time_changed(struct core *c, int64_t *ret);

struct issue_times {
	int64_t clock, last; /* last 0: nothing was issued yet */
};
MUST_CHECK enum inro_err issue_times(struct core *c, struct issue_times *ret);
/* From now on the clock's time counts, whatever was issued: for an administrator of the tenant
 * "default". */
MUST_CHECK enum inro_err issue_time_accept(struct core *c, const char *why,
					   struct issue_times *ret);

#endif
