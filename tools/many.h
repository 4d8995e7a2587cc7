/*
 * many - a command that is about many devices: a line of JSON for each of them in the file of --out, which only its
 * owner reads.
 *
 * 1. What can't be done for one device is told in its line; the others are done.
 * 2. The lines may be secrets: they are wiped from memory.
 * 3. What is nowhere else once it is made is kept first (many_keep()), durably, in the file OUT.part.  It goes when OUT
 *    is there; a run that was killed, or that does not know whether a key is in force (INRO_E_IO), leaves it.  What is
 *    not in force of it is its last line at most, or what a line with "error" follows.
 */
#ifndef INRO_TOOLS_MANY_H
#define INRO_TOOLS_MANY_H

#include <jansson.h>

#include "base/bytes.h"
#include "tools/cmd.h"

struct core;

struct many {
	struct core *core;
	/* What is done for one; an error ends it all. */
	enum inro_err (*one)(struct many *m, const char *device);
	const void *arg;
	const char *out; /* --out */
	char *part;	 /* OUT.part, once something is kept in it */
	int part_fd;
	bool stuck; /* nothing more can be kept */
	bool doubt; /* what was kept last may be in force: the database could not be asked */
	struct buf lines;
	json_int_t done, failed; /* `one` counts what was done */
};

/* How many of --devices, --where and --all there are. */
int many_said(const struct call *c);
/* One of them, and --out. INRO_E_EXISTS: a run that was cut short has left its OUT.part. */
MUST_CHECK enum inro_err many_check(const struct call *c);
void many_add(struct many *m, json_t *doc); /* takes it over */
/* A line for OUT.part, on disk when this is over.  Takes the document over.  A failure ends it all (m->stuck). */
MUST_CHECK enum inro_err many_keep(struct many *m, json_t *doc);
/* A line of what could not be done; counted.  ref: which of the device's; NULL: none. */
void many_failed(struct many *m, const char *device, const char *ref, enum inro_err e);
/* Does an error concern all that follow as well? */
bool many_ends(enum inro_err e);
/* All that the options name, and the file. */
MUST_CHECK enum inro_err many_run(struct many *m, const struct call *c);
/* The answer, taken over, with how many there are and how many could not be done.  INRO_E_POLICY: some could not; the
 * answer is given all the same. */
MUST_CHECK enum inro_err many_give(const struct many *m, json_t *doc, json_t **ret);

#endif
