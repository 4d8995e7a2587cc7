/*
 * door - the local socket at which programs of the device ask the agent: one line in, one line of
 * JSON out.
 *
 *   status   what the last round left (inro agent status)
 *   renew    a round is begun now
 *   look     a round is begun now, which does what is due
 *
 * 1. A few at a time; a line is short; who says nothing for a while is sent away.
 * 2. Who may ask is said by the socket's mode and group.
 */
#ifndef INRO_TOOLS_WATCH_DOOR_H
#define INRO_TOOLS_WATCH_DOOR_H

#include <poll.h>

#include "tools/agent/settings.h"

#define DOOR_GUESTS  8
#define DOOR_SECONDS 5

enum door_wish { DOOR_NOTHING, DOOR_LOOK, DOOR_RENEW };

struct door_guest {
	int fd; /* -1: a free place */
	int64_t until_ms;
	char line[64];
	size_t n;
};
struct door {
	int fd; /* -1: none */
	char *path;
	struct door_guest guests[DOOR_GUESTS];
};

MUST_CHECK enum inro_err door_open(const struct agent_settings *s, struct door *ret);
void door_close(struct door *d);

/* What to wait for; at most 1 + DOOR_GUESTS places.  How many. */
size_t door_polls(const struct door *d, struct pollfd *ret);
/* Serves whoever is ready; the greatest wish that was said. */
enum door_wish door_serve(struct door *d, const struct agent_settings *s);

#endif
