/*
 * stmt - prepared statements, kept by the address of their text, and transactions.
 *
 * 1. A statement that is handed out holds no lock and no parameter.
 * 2. A failed bind is remembered and told by the next step, which then does nothing.
 */
#include "base/db/internal.h"

#include <stdlib.h>

#include "base/forkgate.h"

struct db_stmt {
	struct db *db;
	sqlite3_stmt *sqlite;
	const char *sql;
	struct db_stmt *next;
	int bind_rc; /* the first failure since it was handed out */
	bool used;   /* bound or stepped since it was reset */
};

static size_t bucket_of(const char *sql)
{
	uintptr_t a = (uintptr_t)sql;

	return (size_t)((a >> 3) ^ (a >> 9)) % DB_STMT_BUCKETS;
}

static enum inro_err stmt_new(struct db *d, const char *sql, struct db_stmt **ret)
{
	struct db_stmt *s = calloc(1, sizeof *s);
	size_t at = bucket_of(sql);
	enum inro_err e;
	int rc;

	if (!s)
		return err_set(INRO_E_NO_MEMORY, "no memory for a statement");
	rc = sqlite3_prepare_v3(d->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->sqlite, NULL);
	e = db_fail(d, rc, sql);
	if (e != INRO_OK) {
		free(s);
		return e;
	}
	s->db = d;
	s->sql = sql;
	s->next = d->stmts[at];
	d->stmts[at] = s;
	*ret = s;
	return INRO_OK;
}

static enum inro_err kept(struct db *d, const char *sql_literal, struct db_stmt **ret)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	struct db_stmt *s = d->stmts[bucket_of(sql_literal)];

	while (s && s->sql != sql_literal)
		s = s->next;
	if (!s)
		return stmt_new(d, sql_literal, ret);
	if (s->used)
		db_reset(s);
	*ret = s;
	return INRO_OK;
}

enum inro_err db_stmt(struct db *d, const char *sql_literal, struct db_stmt **ret)
{
	/* Nothing is read or written beside what should have been undone. */
	if (d->torn)
		db_rollback(d);
	if (d->torn)
		return err_set(INRO_E_IO, "%s '%s': a change that failed can't be undone yet",
			       d->what, d->path);
	return kept(d, sql_literal, ret);
}

void db_stmts_free(struct db *d)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	for (size_t i = 0; i < DB_STMT_BUCKETS; i++) {
		while (d->stmts[i]) {
			struct db_stmt *s = d->stmts[i];

			d->stmts[i] = s->next;
			sqlite3_finalize(s->sqlite);
			free(s);
		}
	}
}

static void bound(struct db_stmt *s, int rc)
{
	s->used = true;
	if (rc != SQLITE_OK && s->bind_rc == SQLITE_OK)
		s->bind_rc = rc;
}

void db_bind_int(struct db_stmt *s, int at, int64_t v)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	bound(s, sqlite3_bind_int64(s->sqlite, at, v));
}

void db_bind_bytes(struct db_stmt *s, int at, struct bytes v)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	/* A null pointer would make it NULL, and an empty value is not a missing one. */
	const void *p = v.n ? v.p : (const uint8_t *)"";

	bound(s, sqlite3_bind_blob64(s->sqlite, at, p, v.n, SQLITE_STATIC));
}

void db_bind_text(struct db_stmt *s, int at, const char *v)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	bound(s, sqlite3_bind_text(s->sqlite, at, v, -1, SQLITE_STATIC));
}

enum inro_err db_step(struct db_stmt *s, bool *ret_row)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	enum inro_err e = INRO_OK;
	int rc = s->bind_rc;

	s->used = true;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->sqlite);
	if (rc == SQLITE_ROW) {
		*ret_row = true;
		return INRO_OK;
	}
	if (rc != SQLITE_DONE)
		e = db_fail(s->db, rc, s->sql);
	else
		*ret_row = false;
	db_reset(s);
	return e;
}

enum inro_err db_run(struct db_stmt *s)
{
	enum inro_err e = INRO_OK;
	bool row = true;

	while (e == INRO_OK && row)
		e = db_step(s, &row);
	return e;
}

/* ---- visiting ---- */

struct db_row {
	sqlite3_value **values;
};

struct db_visit {
	db_row_fn *fn;
	void *arg;
	enum inro_err e;
	unsigned rows;
};

/* So often a fork may come between: SQLite holds none of its locks while it calls us. */
#define FORK_EACH 4096

static void visit_row(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct db_visit *v = ((struct db *)sqlite3_user_data(context))->visit;
	const struct db_row row = { values };

	(void)n;
	if (!v) {
		sqlite3_result_error(context, "rows are given to db_visit() only", -1);
		return;
	}
	if (++v->rows % FORK_EACH == 0)
		fork_gate_step_in(fork_gate_step_out());
	v->e = v->fn(v->arg, &row);
	if (v->e != INRO_OK)
		sqlite3_result_error_code(context, SQLITE_ABORT);
}

static void visit_end(sqlite3_context *context)
{
	sqlite3_result_null(context);
}

enum inro_err db_visit_ready(struct db *d)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	int rc = sqlite3_create_function_v2(d->sqlite, "each_row", -1,
					    SQLITE_UTF8 | SQLITE_DIRECTONLY, d, NULL, visit_row,
					    visit_end, NULL);

	return db_fail(d, rc, "making a function");
}

enum inro_err db_visit(struct db_stmt *s, db_row_fn *fn, void *arg)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	struct db_visit visit = { .fn = fn, .arg = arg };
	int rc = s->bind_rc;

	s->used = true;
	s->db->visit = &visit;
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
		rc = sqlite3_step(s->sqlite);
	s->db->visit = NULL;
	/* What fn says of its error is not lost to SQLite's words. */
	if (visit.e == INRO_OK && rc != SQLITE_DONE)
		visit.e = db_fail(s->db, rc, s->sql);
	db_reset(s);
	return visit.e;
}

int64_t db_row_int(const struct db_row *r, int column)
{
	return sqlite3_value_int64(r->values[column]);
}

struct bytes db_row_bytes(const struct db_row *r, int column)
{
	const void *p = sqlite3_value_blob(r->values[column]);

	return BYTES(p, p ? (size_t)sqlite3_value_bytes(r->values[column]) : 0);
}

void db_reset(struct db_stmt *s)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	sqlite3_reset(s->sqlite);
	sqlite3_clear_bindings(s->sqlite);
	s->bind_rc = SQLITE_OK;
	s->used = false;
}

int64_t db_int(struct db_stmt *s, int column)
{
	return sqlite3_column_int64(s->sqlite, column);
}

struct bytes db_bytes(struct db_stmt *s, int column)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	const void *p = sqlite3_column_blob(s->sqlite, column);

	return BYTES(p, p ? (size_t)sqlite3_column_bytes(s->sqlite, column) : 0);
}

const char *db_text(struct db_stmt *s, int column)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	const unsigned char *t = sqlite3_column_text(s->sqlite, column);

	return t ? (const char *)t : "";
}

bool db_is_null(struct db_stmt *s, int column)
{
	return sqlite3_column_type(s->sqlite, column) == SQLITE_NULL;
}

enum inro_err db_exec(struct db *d, const char *sql)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	int rc = sqlite3_exec(d->sqlite, sql, NULL, NULL, NULL);

	return db_fail(d, rc, "running a script");
}

enum inro_err db_query_int(struct db *d, const char *sql, int64_t *ret)
{
	struct db_stmt *s = NULL;
	enum inro_err e = db_stmt(d, sql, &s);
	bool row = false;

	if (e == INRO_OK)
		e = db_step(s, &row);
	if (e != INRO_OK)
		return e;
	*ret = row ? db_int(s, 0) : 0;
	db_reset(s);
	return INRO_OK;
}

static enum inro_err run_literal(struct db *d, const char *sql)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, sql, &s);

	return e == INRO_OK ? db_run(s) : e;
}

static const char rollback_sql[] = "ROLLBACK";
static const char commit_sql[] = "COMMIT";

/* What ends a transaction is prepared before one begins: then it takes no memory. */
static enum inro_err prepare_ends(struct db *d)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, rollback_sql, &s);

	return e == INRO_OK ? db_stmt(d, commit_sql, &s) : e;
}

static enum inro_err begin(struct db *d, const char *sql)
{
	enum inro_err e = prepare_ends(d);

	if (e != INRO_OK)
		return e;
	if (db_in_transaction(d))
		return err_set(INRO_E_STATE, "%s '%s': a transaction is open already", d->what,
			       d->path);
	return run_literal(d, sql);
}

enum inro_err db_begin(struct db *d)
{
	return begin(d, "BEGIN IMMEDIATE");
}

enum inro_err db_begin_read(struct db *d)
{
	enum inro_err e = begin(d, "BEGIN");
	int64_t ignored;

	if (e != INRO_OK)
		return e;
	/* BEGIN alone looks at nothing; the view is that of the first read. */
	e = db_query_int(d, "PRAGMA user_version", &ignored);
	if (e != INRO_OK)
		db_rollback(d);
	return e;
}

enum inro_err db_commit(struct db *d)
{
	enum inro_err e;

	/* A full disk or a failed write ends the transaction by itself. */
	if (!db_in_transaction(d))
		return err_set(INRO_E_STATE, "%s '%s': there is no transaction to commit", d->what,
			       d->path);
	e = run_literal(d, commit_sql);
	if (e != INRO_OK)
		db_rollback(d);
	return e;
}

void db_rollback(struct db *d)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	struct db_stmt *s;

	if (db_in_transaction(d) && kept(d, rollback_sql, &s) == INRO_OK) {
		(void)sqlite3_step(s->sqlite);
		(void)sqlite3_reset(s->sqlite);
	}
	d->torn = db_in_transaction(d);
}

bool db_in_transaction(const struct db *d)
{
	return !sqlite3_get_autocommit(d->sqlite);
}

int64_t db_last_id(struct db *d)
{
	return sqlite3_last_insert_rowid(d->sqlite);
}

int64_t db_changes(struct db *d)
{
	return sqlite3_changes64(d->sqlite);
}
