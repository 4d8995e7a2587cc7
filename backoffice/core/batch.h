/*
 * batch - rows that are changed together, in one transaction, each for itself.
 *
 * 1. A row that can't be changed leaves nothing behind and takes no other with it.
 * 2. Where nothing is wrong, nothing is paid for it: only after a row has failed is the whole done
 * anew with a savepoint around each.
 */
#ifndef INRO_BACKOFFICE_CORE_BATCH_H
#define INRO_BACKOFFICE_CORE_BATCH_H

#include "backoffice/core/internal.h"

#define BATCH_MAX 500

struct batch_result {
	bool skip; /* by the caller: this row is not touched, nor is what is said of it */
	enum inro_err error;
	char *why;
};
/* As failed, with the words that were said last. */
MUST_CHECK enum inro_err batch_result_bad(struct batch_result *r, enum inro_err why);
void batch_result_clear(struct batch_result *r);

struct batch {
	/* Row i, in a write transaction; it may run more than once. */
	enum inro_err (*row)(struct core *c, void *arg, size_t i);
	core_work_fn *begin; /* before the rows, in the same transaction; NULL: nothing */
	core_work_fn *end;   /* behind the rows, in the same transaction; NULL: nothing */
	void *arg;	     /* of all three */
	struct batch_result *results;
	size_t n;
};
/* An error is about the database or this machine, and nothing is changed then. */
MUST_CHECK enum inro_err batch_write(struct core *c, const struct batch *b);
#endif
