/*
 * due - when the agent does what: pure arithmetic over times.
 *
 * 1. A certificate is renewed within its life, whatever the settings say.
 * 2. Devices that got their certificates at one moment don't come back at one moment, and a device
 *    comes back at the same one after a restart: the jitter is drawn from id and serial.
 */
#ifndef INRO_TOOLS_AGENT_DUE_H
#define INRO_TOOLS_AGENT_DUE_H

#include "base/bytes.h"

struct due_rules {
	int64_t before, every; /* seconds; 0: not said */
	int64_t jitter;
};

/* A number for this device and certificate, the same each time. */
uint32_t due_seed(const char *id, struct bytes serial);

/* When a certificate that came at `since` and ends at `not_after` is to be renewed. */
int64_t due_at(const struct due_rules *r, int64_t since, int64_t not_after, uint32_t seed);

/* How long to wait after so many failures in a row (from 1): twice as long each time, somewhere in
 * the upper half; `left` (0: nothing runs out) is what the certificate has, of which no wait takes
 * more than a tenth. */
struct due_retry {
	int64_t first, longest;
	unsigned failures;
	int64_t left;
};
int64_t due_retry(const struct due_retry *r, uint32_t random);

/* What is due at `at` and came, or began, at `from`, held back where the clock that says it is due
 * is, or was, ahead: half of the time between the two has to pass here, too. */
struct due_clock {
	int64_t believed; /* the time of day */
	int64_t now;	  /* what this clock says, believed or not */
	int64_t since;	  /* what it said when the thing came; 0: not known */
};
int64_t due_hold_back(int64_t at, int64_t from, const struct due_clock *c);

/* What is known of the time of day. */
struct due_known {
	int64_t least;	  /* it has been; 0: nothing */
	int64_t heard;	  /* what the service said last; 0: nothing */
	int64_t heard_at; /* and this clock then */
};
/* Time of day that is believed.  A clock that stands before what has been is not set yet; one that
 * was ahead of the service's and goes on from there is ahead by as much. */
int64_t due_believe(int64_t now, const struct due_known *known);

/* Every time of day that it may be, for want of a better one, none before `least`; first the one that
 * is believed.  How many there are. */
#define DUE_TIMES 4
size_t due_times(int64_t now, const struct due_known *known, int64_t ret[static DUE_TIMES]);

#endif
