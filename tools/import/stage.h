/*
 * stage - a home inside the real one, where a token is made before anybody can see it.
 *
 * 1. One stage at a time in a home: `.import.lock` is held for as long as it is there.
 * 2. What a killed program left there is removed by the next one that takes the lock.
 * 3. INRO_HOME names the stage from stage_begin() to stage_leave() or stage_clear(): no module may
 *    be open over either of these.
 */
#ifndef INRO_TOOLS_IMPORT_STAGE_H
#define INRO_TOOLS_IMPORT_STAGE_H

#include "base/err.h"
#include "base/own.h"

#include <stdbool.h>

struct stage {
	char *home;   /* the real one */
	char *before; /* INRO_HOME as it was; NULL: not set */
	char *path;   /* the stage's own */
	int lock;
	bool inside;
};

#define STAGE_NONE                                                                                 \
	{                                                                                          \
		.lock = -1                                                                         \
	}

MUST_CHECK enum inro_err stage_begin(struct stage *ret);
/* INRO_HOME is again what it was; the stage's files are still there. */
void stage_leave(struct stage *s);
/* Leaves, and removes the stage and everything in it. */
void stage_clear(struct stage *s);

#endif
