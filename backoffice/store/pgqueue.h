/*
 * pgqueue - changes that are sent to a PostgreSQL server without waiting for its answers (libpq's pipeline mode).
 *
 * 1. The answers are read, in their order, before anything else is asked of the connection, and at the latest
 *    before a commit: nothing is committed whose answers were not all read and good.
 * 2. The first failure is kept, and is what each call says until the transaction is over.  The server has given the
 *    transaction up by then, or is told to: pg_queue_drop(), then ROLLBACK.
 */
#ifndef INRO_BACKOFFICE_STORE_PGQUEUE_H
#define INRO_BACKOFFICE_STORE_PGQUEUE_H

#include "backoffice/store/pg.h"
#include "backoffice/store/record.h"
#include "backoffice/store/sql.h"

/* The answers that libpq may have to keep while it sends. */
#define PG_QUEUE_MAX 1024

/* A prepared statement and its values as libpq takes them; borrows from a struct sql. */
struct pg_statement {
	char name[24];
	int n;
	uint64_t numbers[SQL_VALUES_MAX];
	const char *values[SQL_VALUES_MAX];
	int lengths[SQL_VALUES_MAX], formats[SQL_VALUES_MAX];
};

MUST_CHECK enum inro_err pg_bind(struct pg_statement *st, size_t at, const struct sql_value *v);

struct pg_queue {
	const struct record_type *rows[PG_QUEUE_MAX]; /* a change of one row each, whose answer is not read */
	size_t n;
	bool piped; /* the connection is in pipeline mode */
	enum inro_err fell;
	struct err_kept why;
};

/* A change of one such row, sent when there is enough of them or an answer is wanted. */
MUST_CHECK enum inro_err pg_queue_add(struct pg_queue *q, struct pg *g, const struct pg_statement *st,
				      const struct record_type *t);
/* What fell, of all that was added since the last drop: INRO_E_EXISTS, INRO_E_NOT_FOUND for a row that is not there, or
 * what the server said.  The connection is as any other then. */
MUST_CHECK enum inro_err pg_queue_settle(struct pg_queue *q, struct pg *g);
/* A query, sent behind what waits and in the same round: its results come from PQgetResult() up to NULL, then
 * pg_queue_asked().  While q->piped. */
MUST_CHECK enum inro_err pg_queue_ask(struct pg_queue *q, struct pg *g, const struct pg_statement *st);
void pg_queue_asked(struct pg_queue *q, struct pg *g);
/* Whatever was told of the transaction is over with it. */
void pg_queue_drop(struct pg_queue *q, struct pg *g);

enum inro_err pg_say_exists(enum inro_err e, const struct record_type *t);

#endif
