/*
 * inherit - what a process has found out and its forked children go by.
 *
 * A daemon clears the environment of its workers and takes their rights away: what they then found
 * by themselves would be something else.
 *
 * 1. A note is there for the children of the process that made it, and for theirs; never for that
 *    process itself, which looks anew each time.
 * 2. A text once given stays valid: notes are never freed.  The same note again is not kept twice.
 */
#ifndef INRO_BASE_INHERIT_H
#define INRO_BASE_INHERIT_H

#include <stdatomic.h>

#include "base/bytes.h"

struct inherit_note;

struct inherit {
	_Atomic(struct inherit_note *) latest;
};

/* NULL: this process made the latest note itself, or there is none.  Any thread. */
const char *inherited(const struct inherit *i);
/* The text of a note that says the same; NULL: there is none. */
const char *inherit_text(const struct inherit *i, const char *text);
MUST_CHECK enum inro_err inherit_leave(struct inherit *i, const char *text);

#endif
