/*
 * pglater - changes of a write transaction that wait for no answer (store_defer()), many rows a statement.
 *
 * 1. New rows get their ids here: from that of the table's first new row on, since nobody else writes.
 * 2. Rows of some tables wait until there are enough of them for one statement (pgrows.h).  They are sent before
 *    anything that could tell that they were not: a question about their table, what may refer to them, and what of
 *    their table must come behind them.  So the server sees every change in an order that gives what theirs would.
 * 3. What fails is told as pgqueue.h says.
 */
#ifndef INRO_BACKOFFICE_STORE_PGLATER_H
#define INRO_BACKOFFICE_STORE_PGLATER_H

#include "backoffice/store/pgqueue.h"
#include "backoffice/store/pgrows.h"

#define PG_TABLES_MAX 16
#define PG_WAITING    10 /* kinds of changes that wait for more of them */

/* The greatest id in a table. */
struct pg_last_id {
	const char *table;
	int64_t id;
};

struct pg_later {
	struct pg *pg;
	struct texts *texts;
	struct pg_queue queue;
	struct pg_last_id last[PG_TABLES_MAX];
	size_t last_n;
	struct pg_rows *waiting[PG_WAITING]; /* NULL: none so far */
};

void pg_later_clear(struct pg_later *l);

/* The record's own id or the one that it gets; 0: the database has to be asked. */
int64_t pg_later_id(struct pg_later *l, const struct record_type *t, const void *r);
/* A row came in; is_greatest: the database said so of its id. */
void pg_later_note_id(struct pg_later *l, const struct record_type *t, int64_t id, bool is_greatest);
void pg_later_forget_ids(struct pg_later *l);

/* id: of a new row. */
MUST_CHECK enum inro_err pg_later_write(struct pg_later *l, const struct record_type *t, const void *r,
					enum sql_write how, int64_t id);
/* Sends what waits, when some of it is of this table. */
MUST_CHECK enum inro_err pg_later_send(struct pg_later *l, const char *table);
/* Sends all and reads all answers: what fell, as pg_queue_settle(). */
MUST_CHECK enum inro_err pg_later_settle(struct pg_later *l);
/* The transaction is over, whatever became of it. */
void pg_later_drop(struct pg_later *l);

#endif
