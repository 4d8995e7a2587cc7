/*
 * pgschema - the tables of the back office in a PostgreSQL database: made, known again, brought up
 * to date.
 *
 * 1. The migrations are SQLite's, with a few words replaced.
 * 2. Name and version are in the table inro_schema, in the same transaction as the change that they
 * stand for.  A schema that has other tables, or a later version, is left as it is.
 */
#ifndef INRO_BACKOFFICE_STORE_PGSCHEMA_H
#define INRO_BACKOFFICE_STORE_PGSCHEMA_H

#include "backoffice/store/backend.h"
#include "backoffice/store/pg.h"

#define PG_APPLICATION "inro back office"
/* How many migrations made what is there. */
#define PG_ASK_VERSION "SELECT version FROM inro_schema WHERE application = '" PG_APPLICATION "'"
/* One writer at a time: taken first in each write transaction, held until its end. */
#define PG_TAKE_TURN "SELECT pg_advisory_xact_lock(1232957762, hashtext(current_schema()))"

/* The last change of each store that was opened; postgres.c says what for. */
#define PG_COMMIT_TABLE                                                                            \
	"CREATE TABLE inro_commit (client TEXT PRIMARY KEY, n BIGINT NOT NULL, at TIMESTAMPTZ "    \
	"NOT NULL)"

/* INRO_E_NOT_FOUND: the database is empty and not to be made.  INRO_E_DAMAGED, INRO_E_VERSION; INRO_E_EXISTS of
 * STORE_TARGET. */
MUST_CHECK enum inro_err pg_schema(struct pg *g, enum store_opening how);
/* Rewrites a migration; *ret is the caller's. */
MUST_CHECK enum inro_err pg_words(const char *sql, char **ret);

#endif
