/*
 * db - SQLite the way both stores use it: durable, one writer at a time, migrations forward.
 *
 * 1. WAL, synchronous=FULL, foreign_keys, busy_timeout, trusted_schema=OFF: what was committed is
 *    on disk.
 * 2. A write is BEGIN IMMEDIATE ... COMMIT; a failure rolls the whole back.
 * 3. The schema's version is PRAGMA user_version, raised inside the migration's own transaction;
 *    a file of a later version is refused (INRO_E_VERSION), one of another application
 *    (PRAGMA application_id) too (INRO_E_DAMAGED).
 * 4. A struct db belongs to one thread at a time.
 * 5. A child of fork() opens its own: it may only db_close() what its parent had open, which then
 *    leaves the parent's connection alone.
 */
#ifndef INRO_BASE_DB_DB_H
#define INRO_BASE_DB_DB_H

#include <sqlite3.h>

#include "base/bytes.h"

struct db;
struct db_stmt; /* a prepared statement, kept by its db until it is closed */

struct db_schema {
	uint32_t application_id;
	const char *const *migrations; /* SQL scripts; the n-th leads to version n+1 */
	size_t n;
	const char *what;  /* "token store", for error texts */
	int64_t read_from; /* the earliest version that DB_READ_ONLY opens; 0: only n */
	int cache_kib;	   /* memory for its pages; 0: what SQLite takes */
	/* Called before an older store is brought to a later version, in no transaction; when it
	 * fails the store is left as it is.  NULL: nothing. */
	enum inro_err (*before)(struct db *d, int64_t version, const char *path);
};

enum db_mode {
	DB_READ_WRITE,
	DB_CREATE,    /* makes the file (0600) if it is not there */
	DB_READ_ONLY, /* changes nothing, not even an older version; the file, its folder and the
			 file system need not be writable */
};

/* INRO_E_NOT_FOUND: no such file.  INRO_E_DAMAGED: not an SQLite file, not of this application, or
 * empty.  Several processes may open, make and migrate one file at once. */
MUST_CHECK enum inro_err db_open(const char *path, enum db_mode mode,
				 const struct db_schema *schema, struct db **ret);
/* A database of another program's, whatever its identity and version, for reading only. */
MUST_CHECK enum inro_err db_open_foreign(const char *path, const char *what, struct db **ret);
void db_close(struct db *d); /* NULL is fine */
void db_close_ptr(struct db **d);
/* The version that was found, or made, when it was opened. */
int64_t db_version(const struct db *d);
/* Opened for reading in a folder that can't be written, with no writer there: what a writer changes
 * from now on is not seen, and may be seen half.  When db_data_version() changes, open it anew. */
bool db_is_frozen(const struct db *d);
/* How long a write waits for another's before INRO_E_BUSY; ten seconds unless it is called. */
void db_busy_timeout(struct db *d, int ms);

MUST_CHECK enum inro_err db_begin(struct db *d);      /* IMMEDIATE */
MUST_CHECK enum inro_err db_begin_read(struct db *d); /* a steady view */
MUST_CHECK enum inro_err db_commit(struct db *d);     /* on failure: rolled back */
void db_rollback(struct db *d);			      /* harmless outside a transaction */
bool db_in_transaction(const struct db *d);

MUST_CHECK enum inro_err db_exec(struct db *d, const char *sql);

/* The prepared statement for this SQL text.  The text must be a literal: statements are kept by
 * its address and reused.  Reset and unbound when handed out; what is not bound then is NULL. */
MUST_CHECK enum inro_err db_stmt(struct db *d, const char *sql_literal, struct db_stmt **ret);
void db_bind_int(struct db_stmt *s, int at, int64_t v); /* at counts from 1 */
void db_bind_bytes(struct db_stmt *s, int at,
		   struct bytes v); /* a blob, empty when v is; borrowed until db_reset */
void db_bind_text(struct db_stmt *s, int at, const char *v); /* NULL is NULL; borrowed */
/* INRO_OK with *ret_row: a row is there or it is done.  Binding failures show here.
 * On done or error the statement is reset. */
MUST_CHECK enum inro_err db_step(struct db_stmt *s, bool *ret_row);
/* Runs to the end, ignoring rows. */
MUST_CHECK enum inro_err db_run(struct db_stmt *s);
void db_reset(struct db_stmt *s);
int64_t db_int(struct db_stmt *s, int column);	      /* from 0 */
struct bytes db_bytes(struct db_stmt *s, int column); /* valid until the next step or reset */
const char *db_text(struct db_stmt *s, int column);   /* never NULL; "" for NULL */
bool db_is_null(struct db_stmt *s, int column);

/* A row that is visited; its bytes are lent for the call. */
struct db_row;
int64_t db_row_int(const struct db_row *r, int column); /* from 0; 0 for NULL */
struct bytes db_row_bytes(const struct db_row *r, int column);
/* Must not use the database.  Anything but INRO_OK ends the walk and is returned. */
typedef enum inro_err db_row_fn(void *arg, const struct db_row *r);

/* Runs a statement of the form "SELECT each_row(a, b, ...) FROM ..." and gives fn a, b, ... of each
 * row, in no order: at half the cost of db_step() where there are very many. */
MUST_CHECK enum inro_err db_visit(struct db_stmt *s, db_row_fn *fn, void *arg);

int64_t db_last_id(struct db *d);
int64_t db_changes(struct db *d); /* rows of the last INSERT, UPDATE, DELETE */
/* Changes when another connection has written; costs a few microseconds after a write of anybody's,
 * else some reads of memory that all connections share. */
MUST_CHECK enum inro_err db_data_version(struct db *d, int64_t *ret);
/* Everything that was committed is in the file itself, on disk, and its log is empty: then the file
 * alone is the whole.  INRO_E_BUSY while another connection reads or writes. */
MUST_CHECK enum inro_err db_fold(struct db *d);
/* A consistent copy to a new file (0600, INRO_E_EXISTS when there is one), while in use; it is on
 * disk before this returns, without what was deleted, and needs no other file beside it. */
MUST_CHECK enum inro_err db_copy_to(struct db *d, const char *path);
/* INRO_E_EXISTS: there is a database of that name, or a log that the next one of that name would take for its own. */
MUST_CHECK enum inro_err db_check_free(const char *path);
/* INRO_OK: the last one who had it open has put all of its log into the file.  Where that failed he was not told. */
MUST_CHECK enum inro_err db_check_closed(const char *path);
/* Removes a database that nobody has open: the file, and what SQLite has beside it. */
void db_remove(const char *path);
/* PRAGMA quick_check: INRO_E_DAMAGED with the first finding. */
MUST_CHECK enum inro_err db_check(struct db *d);

#endif
