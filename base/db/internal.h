/* internal - what the files of base/db share: the connection, and how its failures are told. */
#ifndef INRO_BASE_DB_INTERNAL_H
#define INRO_BASE_DB_INTERNAL_H

#include <sys/types.h>

#include "base/db/db.h"

#define DB_STMT_BUCKETS 64
#define DB_INDEX_WORDS	24 /* two copies of 48 bytes */

/* What look.c knows of other connections' commits. */
struct db_look {
	const uint32_t *index; /* the header of the log's index, shared; NULL: not seen yet */
	bool known;	       /* `version` is of `header` */
	uint32_t header[DB_INDEX_WORDS];
	int64_t version;
};

struct db {
	sqlite3 *sqlite;
	pid_t owner; /* the process that opened it; see invariant 5 of db.h */
	char *path;
	const char *what;
	int busy_ms;
	int64_t busy_since; /* clock_monotonic_ms() of the first wait for a lock */
	int64_t version;
	bool frozen;
	bool logged; /* in WAL by our own connection */
	bool torn;   /* a transaction could not be rolled back yet */
	struct db_stmt *stmts[DB_STMT_BUCKETS];
	struct db_look look;
	struct db_visit *visit; /* the walk that is under way */
};

/* Makes the function that db_visit() needs. */
MUST_CHECK enum inro_err db_visit_ready(struct db *d);

/* An SQLite result as our error, "token store '/path': SQLite's words; advice" as detail; what was
 * being done (a statement's text) goes to the debug log only.  SQLITE_OK is INRO_OK. */
enum inro_err db_fail(const struct db *d, int rc, const char *doing);

/* sqlite3_open_v2(), safe in a forked child. */
int db_connect(const char *path, int flags, sqlite3 **ret);

/* Finalises every statement. */
void db_stmts_free(struct db *d);

/* One number from a query without parameters. */
MUST_CHECK enum inro_err db_query_int(struct db *d, const char *sql, int64_t *ret);

/* What changes when a writer comes to a frozen one's file, or has changed it. */
MUST_CHECK enum inro_err db_frozen_version(const struct db *d, int64_t *ret);

/* A file name that SQLite does not take for a URI or a database in memory.  Caller frees. */
MUST_CHECK enum inro_err db_plain_path(const char *path, char **ret);

/* Makes an empty file of mode 0600 without opening it: closing a descriptor of a database file
 * would drop every lock that this process holds on it.  INRO_E_EXISTS when it is there. */
MUST_CHECK enum inro_err db_make_file(const char *path);

#endif
