/*
 * pg - a connection to a PostgreSQL database, and how its failures are told.
 *
 * 1. The URL, which may hold a password, is in a struct secret; no name and no error text has it.
 * 2. A lost connection is INRO_E_BUSY, and stays it while nobody answers: what was not committed is
 * undone, and the same again works as soon as a server is there.  It is made anew by pg_alive(), never
 * inside a transaction.
 * 3. Each connection has a number; what was prepared on an earlier one is prepared again.
 * 4. A child of fork() neither uses nor ends its parent's connection.
 */
#ifndef INRO_BACKOFFICE_STORE_PG_H
#define INRO_BACKOFFICE_STORE_PG_H

#include <sys/types.h>

#include "backoffice/store/pq.h"
#include "base/secret.h"

#define PG_PATIENCE_MS 10000

struct pg {
	const struct pq *pq;
	PGconn *conn; /* NULL: none now */
	struct secret url;
	char *name; /* "postgresql://host:port/database" */
	pid_t owner;
	int64_t number; /* of the connection, from 1 */
	int patience_ms;
	int hosts; /* that the URL names: each has its part of PG_PATIENCE_MS */
	bool away; /* nobody was there when it was last tried */
};

/* Connects.  `url` is copied; g->name names the database, without what is secret in it. */
MUST_CHECK enum inro_err pg_open(struct pg *g, const char *url);
void pg_close(struct pg *g);

/* Outside a transaction: the connection, made anew when it was lost; waits for a server that is
 * being restarted, as long as for a lock, but only the first time that it is in vain. */
MUST_CHECK enum inro_err pg_alive(struct pg *g);
bool pg_is_lost(const struct pg *g);
/* It is lost from now on. */
void pg_drop(struct pg *g);
/* How long this and every wait for a lock may take. */
MUST_CHECK enum inro_err pg_set_patience(struct pg *g, int ms);

/* Statements without parameters, separated by semicolons. */
MUST_CHECK enum inro_err pg_script(struct pg *g, const char *sql);
/* The same; the first column of the last one's first row, "" when there is none, as text.  INRO_E_TOO_BIG
 * when that does not fit: half an answer is none. */
MUST_CHECK enum inro_err pg_ask(struct pg *g, const char *sql, char *out, size_t cap);
/* What went wrong, from a result or, without one, the connection; clears the result.  INRO_OK when
 * nothing did. */
MUST_CHECK enum inro_err pg_result(struct pg *g, PGresult *r);

/* The code for an SQLSTATE, by the table; "00000" is INRO_OK. */
enum inro_err pg_code(const char *sqlstate);

#endif
