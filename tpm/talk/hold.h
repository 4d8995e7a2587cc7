/*
 * hold - what a struct tpm remembers of objects: the residents in the TPM and the storage root.
 *
 * Zeros are a good beginning of both.  Touched within a turn only, but for `freed`.
 */
#ifndef INRO_TPM_TALK_HOLD_H
#define INRO_TPM_TALK_HOLD_H

#include <stdatomic.h>

#include "tpm/talk/root.h"

/* Every TPM has room for that many transient objects (PC Client profile), every resource manager
 * gives them to each of its clients. */
#define RESIDENT_SLOTS 3

struct resident;

struct residents {
	struct resident *in[RESIDENT_SLOTS]; /* those in the TPM, used last first */
	size_t n;
	size_t slots;			  /* of this epoch; fewer when others have taken some */
	uint64_t epoch;			  /* whose handles they are */
	_Atomic(struct resident *) freed; /* wait for the next turn */
};

struct roots {
	struct root root;
	bool known;
	bool seen;	    /* it was looked at or proved once */
	bool proved;	    /* ... in this epoch; false: it is taken to be the expected one */
	bool doubted;	    /* what was expected was not there: it is looked at from now on */
	bool another;	    /* the last look found one there that it is not */
	bool refused;	    /* its auth was, and the TPM counted that: it is not tried again */
	bool finding;	    /* right now: commands must do without a session salted to it */
	uint64_t epoch;	    /* when it was looked at, or taken, last */
	struct buf context; /* of a primary: loads it again */
};

/* Memory only: nothing is sent.  Also in a forked child. */
void residents_clear(struct residents *r);
void roots_clear(struct roots *r);

/* Room for n transient objects, the storage root not counted, if that can be; `keep` stays (may be
 * NULL). */
void residents_room(struct tpm *t, size_t n, const struct resident *keep);
/* After a command failed because the TPM is full: one more leaves, false when that was not why or
 * none can. */
bool residents_shrink(struct tpm *t, const struct resident *keep);
/* A transient storage root leaves the TPM; it comes back when it is asked for. */
void root_let_go(struct tpm *t);
/* Whether nothing has shown in this epoch that the root is the expected one. */
bool root_is_assumed(const struct tpm *t);
/* A command that was authorised by a session salted to it was done: it has that key. */
void root_proved(struct tpm *t);
/* One was not: it is looked at when it is asked for next. */
void root_doubt(struct tpm *t);
/* Its auth was refused, and counted. */
void root_refuse(struct tpm *t);
/* Whether `handle` is a persistent storage root's. */
bool root_is_at(const struct tpm *t, uint32_t handle);
/* Whether a storage root that is not persistent is in the TPM or may have to go there. */
bool root_takes_slot(const struct tpm *t);

#endif
