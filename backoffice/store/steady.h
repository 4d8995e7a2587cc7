/*
 * steady - rows that seldom change and are read all the time (CAs, profiles, groups, settings): kept
 * by a store as it found them, under a stamp of the database's.
 *
 * 1. The stamp is a row of the table `setting` that holds chance.  A transaction that writes a steady
 * row writes the stamp anew, whoever's process it is; so two transactions that see the same stamp
 * see the same steady rows.  Chance, and no count: a database that was restored or lost its last
 * commits with a server does not come to the same one again.
 * 2. What is kept counts only in a transaction, and after the stamp was read in that same one.
 * Outside of transactions, and after a steady row was written in this one, the database is asked.
 * 3. That a row is not there is kept, too.
 * 4. It is bounded, whatever is asked for; what is given out is the caller's copy.
 * 5. A device is not steady: the one that was read last by its number is known to the end of its transaction,
 * and no longer than until something is written in it or a savepoint begins or ends.
 */
#ifndef INRO_BACKOFFICE_STORE_STEADY_H
#define INRO_BACKOFFICE_STORE_STEADY_H

#include "backoffice/store/store.h"

struct steady;

/* The row that meets the query, as store_find_row(), of what is kept.  *ret_known: it, or that there
 * is none (INRO_E_NOT_FOUND without a detail), is what came back; else the database is to be asked,
 * and told by steady_keep(). */
MUST_CHECK enum inro_err steady_find(struct store *s, const struct record_type *t,
				     const struct store_query *q, void *ret, bool *ret_known);
/* What the database said: record NULL: there is no such row. */
void steady_keep(struct store *s, const struct record_type *t, const struct store_query *q,
		 const void *record);

MUST_CHECK enum inro_err steady_new(struct steady **ret);
void steady_free(struct steady *k); /* NULL is fine */
/* A transaction begins. */
void steady_begin(struct store *s, enum store_access access);
/* Something is written: r NULL: any of that type may be. */
void steady_written(struct store *s, const struct record_type *t, const void *r);
/* A savepoint begins or ends. */
void steady_saved(struct store *s);
/* It is about to be committed: writes the stamp, when that is due. */
MUST_CHECK enum inro_err steady_commit(struct store *s);

#endif
