/*
 * foreseen - answers to queries that are going to be asked one by one (store_foresee()), to the end of a
 * transaction.
 *
 * 1. What is given out is what the database would say now.  It was read in this transaction, in which nobody else writes
 *    or one steady view is seen; and a change of this transaction's own makes all answers forgotten that it may be in:
 *    those with the row that is written, those for the value that it has in the varied field, and where that can't be
 *    told all of the table's.
 * 2. Nothing is known after a part of the transaction was undone, nor of more rows than FORESEEN_ROWS.
 * 3. What is given out is the caller's copy.
 */
#ifndef INRO_BACKOFFICE_STORE_FORESEEN_H
#define INRO_BACKOFFICE_STORE_FORESEEN_H

#include "backoffice/store/store.h"

#define FORESEEN_SETS 8
#define FORESEEN_ROWS 4096

struct foreseen;

MUST_CHECK enum inro_err foreseen_new(struct foreseen **ret);
void foreseen_free(struct foreseen *f); /* NULL is fine */
/* A transaction begins or ends, or a part of it is undone. */
void foreseen_forget(struct foreseen *f);
/* Asks the database. */
MUST_CHECK enum inro_err foreseen_read(struct store *s, const struct record_type *t, const struct store_alike *a);
/* As store_each() does it; *ret_known: it is done, else the database is to be asked. */
MUST_CHECK enum inro_err foreseen_each(const struct foreseen *f, const struct record_type *t,
				       const struct store_query *q, store_row_fn *row, void *arg, bool *ret_known);
/* Something is written: r NULL: any row of that type may be. */
void foreseen_written(struct foreseen *f, const struct record_type *t, const void *r);

#endif
