/*
 * duty - what has to be done from time to time by one of the servers that share a database.
 *
 * 1. A duty is a row of a table: its name, how often, and a function.  Which server does it is
 *    settled by a lease (lease.h), each time anew: none is special, and who is killed is followed.
 * 2. A duty that fails is tried again soon; it stops no other one.
 * 3. Quick ones and long ones are in lanes of their own: whatever a job takes, lists come in time.
 *    A lane is one thread's, which calls duty_tick() with a struct core of its own.
 * 4. The core is an administrator's of the tenant "default", and works for all tenants.
 */
#ifndef INRO_BACKOFFICE_CORE_DUTY_H
#define INRO_BACKOFFICE_CORE_DUTY_H

#include "backoffice/core/core.h"

enum duty_lane { DUTY_QUICK, DUTY_LONG, DUTY_LANE__MAX };

struct duty {
	const char *name;
	enum duty_lane lane;
	int64_t every_ms, again_ms; /* again: when it failed */
	int64_t lease_ms;	    /* how long one has it who does not answer */
	/* For one tenant after the other, or once. */
	bool each_tenant;
	enum inro_err (*run)(struct core *c);
};
extern const struct duty duties[]; /* name NULL behind the last */

/* Who does what, said to the log: error INRO_OK when it was done. */
typedef void duty_told(void *arg, const char *duty, enum inro_err error);
/* Does what is due in a lane and nobody else is at; *ret_wait_ms: when to come again.  Also of use
 * outside of a server: everything that is due is done when it returns. */
MUST_CHECK enum inro_err duty_tick(struct core *c, enum duty_lane lane, duty_told *told, void *arg,
				   int64_t *ret_wait_ms);

/* From a duty's function, between two steps: makes its lease longer.  INRO_E_BUSY: another one has
 * it by now, and this one stops. */
MUST_CHECK enum inro_err duty_goes_on(struct core *c);

#endif
