/*
 * bulk_batch - a lot of requests at work: read and decided about (bulk.c), then recorded (bulk_record.c).
 */
#ifndef INRO_BACKOFFICE_CORE_CRED_BULK_BATCH_H
#define INRO_BACKOFFICE_CORE_CRED_BULK_BATCH_H

#include "backoffice/core/bulk.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issuing.h"
#include "base/ahead.h"

#define BULK_ID_CHARS 65 /* hex of a SHA-256 and its NUL */

struct cred_bulk {
	struct core *c;
	char *ca_name, *profile;
	unsigned days;
	enum inro_err (*goes_on)(void *arg);
	void *arg;
	bool left; /* by goes_on() */
	struct ca ca;
	struct issue_desk desk;
	struct batch *next; /* begun while the one before it was issued; NULL: none */
};

/* A row at work. */
struct work {
	struct bulk_row *row;
	struct cred_request request;
	struct issuing in;
	struct making j;
	char id[BULK_ID_CHARS];
	struct verdict read, verified; /* what was found out about the request alone */
	bool was_verified;
	bool made;	    /* signed, to be recorded */
	enum inro_err fell; /* why it could not be recorded with the others */
};

/* Open addressing, never more than half full; the hashes are places by themselves. */
#define KEY_PLACES 1024
_Static_assert(KEY_PLACES >= 2 * BULK_MAX, "a place for each key");

struct batch {
	struct cred_bulk *bulk;
	struct work *works;
	size_t n;
	const struct work *keys[KEY_PLACES]; /* made ones, the first of each key */
	bool all_new; /* those that nobody has read yet, as far as one can guess */
	struct ahead ahead;
};
_Static_assert(AHEAD_MAX >= BULK_MAX, "a batch is read ahead");

/* It is refused, with the words that were said last. */
void bulk_row_refused(struct bulk_row *row, enum inro_err e);
/* What was issued under its id before, if anything was, is the row's. */
MUST_CHECK enum inro_err bulk_look_up(struct core *c, struct work *w);
/* Hands out what w->in.rec is, as long as it is of use: INRO_E_STATE. */
MUST_CHECK enum inro_err bulk_give_again(struct work *w);
/* All in one transaction; when a row of it can't be, without those that are known, and at last with
 * a savepoint for each. */
MUST_CHECK enum inro_err bulk_record(struct batch *b);

#endif
