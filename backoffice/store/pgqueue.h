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

struct pg_change {
	const struct record_type *type;
	size_t rows; /* that it changes */
};

struct pg_queue {
	struct pg_change changes[PG_QUEUE_MAX]; /* whose answers are not read */
	size_t n;
	bool piped; /* the connection is in pipeline mode */
	enum inro_err fell;
	struct err_kept why;
};

/* The statement by its name, prepared on this connection, and the values of s. */
MUST_CHECK enum inro_err pg_queue_prepare(struct pg_queue *q, struct pg *g, struct text_kept *text, const struct sql *s,
					  struct pg_statement *ret);
/* A change of so many such rows; the server begins with it. */
MUST_CHECK enum inro_err pg_queue_add(struct pg_queue *q, struct pg *g, const struct pg_statement *st,
				      struct pg_change change);
/* What fell, of all that was added since the last drop: INRO_E_EXISTS, INRO_E_NOT_FOUND for a row that is not there, or
 * what the server said.  The connection is as any other then. */
MUST_CHECK enum inro_err pg_queue_settle(struct pg_queue *q, struct pg *g);
/* A query, sent behind what waits and in the same round: its results come from PQgetResult() up to NULL, then
 * pg_queue_asked().  While q->piped. */
MUST_CHECK enum inro_err pg_queue_ask(struct pg_queue *q, struct pg *g, const struct pg_statement *st);
void pg_queue_asked(struct pg_queue *q, struct pg *g);
/* What was to be sent could not be: as if an answer had said so. */
void pg_queue_fail(struct pg_queue *q, enum inro_err e);
/* Whatever was told of the transaction is over with it. */
void pg_queue_drop(struct pg_queue *q, struct pg *g);

enum inro_err pg_say_exists(enum inro_err e, const struct record_type *t);

#endif
