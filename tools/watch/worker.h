/*
 * worker - the process that does a round: `inro agent once`, started when it is due.
 *
 * What needs keys, libcrypto and a network lives only as long as a round; what waits in between is
 * small, knows no secret, and is not taken down by whatever befalls a round.
 */
#ifndef INRO_TOOLS_WATCH_WORKER_H
#define INRO_TOOLS_WATCH_WORKER_H

#include <sys/types.h>

#include "tools/agent/settings.h"

struct worker_task {
	bool renew;	   /* now, due or not */
	const char *ended; /* no round: only the word that the one before was ended, and why; NULL: a round */
};

/* Starts it.  INRO_E_NO_MEMORY, INRO_E_CONFIG. */
MUST_CHECK enum inro_err worker_start(const struct agent_settings *s, const struct worker_task *task, pid_t *ret);

/* Seconds that the last round wants to pass before the next; 0 when it left no word. */
int64_t worker_wait(const struct agent_settings *s);

/* The `inro` beside this program, of the caller's; NULL when it can't be told. */
char *worker_program(void);

#endif
