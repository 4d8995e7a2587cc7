/*
 * duty - what has to be done from time to time by one of the servers that share a database.
 *
 * 1. A duty is a row of a table: its name, how often, and a function.  Which server does it is
 *    settled by a lease (lease.h), each time anew: none is special, and who is killed is followed.
 * 2. A duty that fails is tried again soon; it stops no other one.
 * 3. Quick ones, long ones and those that wait for servers of others are in lanes of their own: whatever
 *    a job takes, lists come in time.
 *    A lane is one thread's, which calls duty_tick() with a struct core of its own.
 * 4. A duty whose pieces have leases of their own (jobs) is every server's: each takes what is nobody's.
 * 5. The core is an administrator's of the tenant "default", and works for all tenants.
 */
#ifndef INRO_BACKOFFICE_CORE_DUTY_H
#define INRO_BACKOFFICE_CORE_DUTY_H

#include "backoffice/core/core.h"

enum duty_lane { DUTY_QUICK, DUTY_LONG, DUTY_AWAY, DUTY_LANE__MAX };

struct duty {
	const char *name;
	enum duty_lane lane;
	int64_t every_ms, again_ms; /* again: when it failed */
	int64_t lease_ms; /* how long one has it who does not answer; 0: all do it, who settle each piece */
	/* For one tenant after the other, or once. */
	bool each_tenant;
	enum inro_err (*run)(struct core *c);
};
extern const struct duty duties[]; /* name NULL behind the last */

struct duty_watch {
	/* What was done, for the log: error INRO_OK when it was.  NULL: nobody listens. */
	void (*told)(void *arg, const char *duty, enum inro_err error);
	bool (*ends)(void *arg); /* true: the server ends, and what is long stops; NULL: false */
	void *arg;
};
/* Does what is due in a lane and nobody else is at; *ret_wait_ms: when to come again.  Also of use
 * outside of a server: everything that is due is done when it returns. */
MUST_CHECK enum inro_err duty_tick(struct core *c, enum duty_lane lane,
				   const struct duty_watch *w, int64_t *ret_wait_ms);

/* From a duty's function, between two steps: makes its lease longer.  INRO_E_BUSY: another one has
 * it by now, and this one stops. */
MUST_CHECK enum inro_err duty_goes_on(struct core *c);
/* Another server has it by now, or the one that it is done for wants to end: between two steps it is left. */
bool duty_stops(const struct core *c);
/* The first of what went wrong, and the words of others behind it: where one thing always fails, what fails beside it is
 * news.  All zero at first. */
struct duty_faults {
	enum inro_err first;
	size_t n;
	char why[ERR_DETAIL_MAX];
};
/* INRO_OK is none. */
void duty_note(struct duty_faults *f, enum inro_err e);
MUST_CHECK enum inro_err duty_say(const struct duty_faults *f);
/* For each row, one after the other until the duty stops; its lease is made longer now and then (a function that takes
 * long for one row does so itself).  What is wrong with one is no other's trouble: the first of
 * what went wrong is returned behind the last, with the words of some of the others.  Also outside of a duty. */
struct store_query;
struct record_type;
typedef enum inro_err duty_row_fn(struct core *c, const void *record);
MUST_CHECK enum inro_err duty_each(struct core *c, const struct record_type *t, const struct store_query *q,
				   duty_row_fn *fn);

#endif
