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

/* Time of day that is believed: a clock that stands before `known` (a moment that has been) is not
 * set yet. */
int64_t due_believe(int64_t now, int64_t known);

#endif
