/*
 * watch - waits, and starts a round when one is due: the part of the agent that is always there.
 *
 * 1. The first round is at once; each says when the next is.  Without a word of it the next is after
 *    `retry`, doubled up to `retry-max`.
 * 2. It wakes also when the clock is set, when it gets SIGHUP (the file is read again), and when it
 *    is asked to (door.h).  SIGTERM and SIGINT end it, after the round that is at work.
 * 3. It links no libcrypto and opens no token.
 */
#ifndef INRO_TOOLS_WATCH_WATCH_H
#define INRO_TOOLS_WATCH_WATCH_H

#include "tools/agent/settings.h"

/* Until a signal ends it. */
MUST_CHECK enum inro_err watch_run(const char *config);

#endif
