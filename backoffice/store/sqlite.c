/*
 * sqlite - the embedded store, on base/db.
 *
 * 1. A statement's text is kept by the store as long as the database is open, one copy of each:
 *    base/db keeps prepared statements by the address of their text.
 * 2. Whoever writes has room for the pages that many random places in the indexes are in: with the
 *    little that SQLite takes by itself they are read again for each commit.  Who only reads has not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoffice/store/backend.h"
#include "backoffice/store/sql.h"
#include "backoffice/store/texts.h"
#include "base/clock.h"
#include "base/db/db.h"
#include "base/file.h"
#include "base/forkgate.h"
#include "base/secret.h"

#define SQLITE_STORE_APPLICATION 0x496e7242 /* "InrB" */

extern const char *const store_sqlite_migrations[];
extern const size_t store_sqlite_migrations_n;

struct sqlite_store {
	struct store store;
	struct db *db;
	struct texts texts;
	bool writes; /* it has written, and has room for that */
};

static struct sqlite_store *own(struct store *s)
{
	return (struct sqlite_store *)(void *)s;
}

static void sqlite_close(struct store *s)
{
	struct sqlite_store *q = own(s);

	db_close(q->db);
	texts_clear(&q->texts);
	free(q);
}

static const struct db_schema *schema(void)
{
	static struct db_schema s = {
		.application_id = SQLITE_STORE_APPLICATION,
		.migrations = store_sqlite_migrations,
		.what = "back office database",
	};

	s.n = store_sqlite_migrations_n;
	return &s;
}

static enum inro_err make_part(const char *part)
{
	struct db *d = NULL;
	enum inro_err e = db_open(part, DB_CREATE, schema(), &d);

	if (e == INRO_OK)
		e = db_fold(d);
	db_close(d);
	return e;
}

/* A number of its own: threads, and containers that share the folder, have one process id. */
static enum inro_err name_part(const char *path, char **ret)
{
	uint64_t n;
	enum inro_err e = random_fill((uint8_t *)&n, sizeof n);

	if (e == INRO_OK && asprintf(ret, "%s.%016" PRIx64 ".part", path, n) < 0) {
		*ret = NULL;
		e = err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	return e;
}

/* Made under another name and then given its own: an empty file of that name is never one that is
 * just being made, but one that lost what it had.  Who comes second uses what is there, and may have
 * something on record in it already when its folder can't be synced. */
static enum inro_err make_file(const char *path)
{
	AUTO(free_chars) char *part = NULL;
	enum inro_err e = file_check_target(path);

	if (e != INRO_OK) /* told of the name that the caller knows */
		return e;
	e = name_part(path, &part);
	if (e == INRO_OK)
		e = make_part(part);
	if (e == INRO_OK)
		e = file_take_shared_name(part, path);
	if (part)
		db_remove(part);
	return e == INRO_E_EXISTS ? INRO_OK : e;
}

/* Opened for writing it would be brought to this program's version, which those who use it may not know. */
static enum inro_err check_target(const char *path)
{
	struct db *d = NULL;
	enum inro_err e = db_open(path, DB_READ_ONLY, schema(), &d);

	db_close(d);
	return e == INRO_E_VERSION ? store_not_new(path) : INRO_OK;
}

static enum inro_err open_file(const char *path, enum store_opening how, struct db **ret)
{
	struct stat st;
	bool missing = stat(path, &st) != 0 && errno == ENOENT;
	enum inro_err e = INRO_OK;

	if (missing && how == STORE_EXISTING)
		return err_set(INRO_E_NOT_FOUND,
			       "there is no back office at '%s'; is --home or INRO_DB right? The "
			       "first change makes one",
			       path);
	if (missing)
		e = make_file(path);
	else if (how == STORE_TARGET)
		e = check_target(path);
	return e == INRO_OK ? db_open(path, DB_READ_WRITE, schema(), ret) : e;
}

static enum inro_err sqlite_open(const char *place, enum store_opening how, struct store **ret)
{
	struct sqlite_store *q;
	enum inro_err e;

	if (!*place)
		return err_set(INRO_E_ARG, "sqlite: needs a path, as in sqlite:PATH");
	q = calloc(1, sizeof *q);
	if (!q || !(q->store.name = strdup(place))) {
		free(q);
		return err_set(INRO_E_NO_MEMORY, "no memory for a store");
	}
	q->store.ops = &sqlite_store_ops;
	e = open_file(place, how, &q->db);
	if (e != INRO_OK) {
		store_close(&q->store);
		return e;
	}
	*ret = &q->store;
	return INRO_OK;
}

/* Memory for pages, and pages in the log before they are put into the file: what many commits change is
 * put there once. */
#define WRITER_ROOM "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000"

static enum inro_err make_room(struct sqlite_store *q)
{
	enum inro_err e = q->writes ? INRO_OK : db_exec(q->db, WRITER_ROOM);

	q->writes = true;
	return e;
}

/* This program may have been open for long, and a later one have made the form another one since: what is written would
 * be of a form that is no more.  Looked at under the write lock; page 1 is at hand then. */
static enum inro_err check_form(struct db *d)
{
	struct db_stmt *st;
	bool row = false;
	enum inro_err e = db_stmt(d, "PRAGMA user_version", &st);

	if (e == INRO_OK)
		e = db_step(st, &row);
	if (e == INRO_OK) {
		e = store_check_form("the database", row ? db_int(st, 0) : 0);
		db_reset(st);
	}
	if (e != INRO_OK)
		db_rollback(d);
	return e;
}

static enum inro_err sqlite_begin(struct store *s, enum store_access access)
{
	struct db *d = own(s)->db;
	enum inro_err e = access == STORE_READ ? INRO_OK : make_room(own(s));

	if (e == INRO_OK)
		e = access == STORE_READ ? db_begin_read(d) : db_begin(d);
	if (e == INRO_OK && access != STORE_READ)
		e = check_form(d);
	if (e != INRO_OK || access != STORE_LOAD)
		return e;
	e = db_exec(d, "PRAGMA defer_foreign_keys = ON");
	if (e != INRO_OK)
		db_rollback(d);
	return e;
}

static enum inro_err sqlite_commit(struct store *s, bool writing)
{
	(void)writing;
	return db_commit(own(s)->db);
}

static void sqlite_rollback(struct store *s)
{
	db_rollback(own(s)->db);
}

/* What ends a savepoint by going back leaves it open in SQLite. */
static const char *const savings[SAVE__MAX][2] = {
	[SAVE_BEGIN] = { "SAVEPOINT part", NULL },
	[SAVE_END] = { "RELEASE part", NULL },
	[SAVE_BACK] = { "ROLLBACK TO part", "RELEASE part" },
};

static enum inro_err sqlite_save(struct store *s, enum store_saving what)
{
	enum inro_err e = INRO_OK;
	struct db_stmt *st;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(savings[what]) && savings[what][i]; i++) {
		e = db_stmt(own(s)->db, savings[what][i], &st);
		if (e == INRO_OK)
			e = db_run(st);
	}
	return e;
}

static void bind_value(struct db_stmt *st, int at, const struct sql_value *v)
{
	switch (v->kind) {
	case SQL_NULL: /* what is not bound is NULL */
		break;
	case SQL_INT:
		db_bind_int(st, at, v->number);
		break;
	case SQL_TEXT:
		db_bind_text(st, at, v->text);
		break;
	case SQL_BYTES:
		db_bind_bytes(st, at, v->bytes);
		break;
	}
}

/* The statement with its values bound; it borrows them from *sql. */
static enum inro_err prepare(struct store *s, const struct sql *sql, struct db_stmt **ret)
{
	struct text_kept *kept;
	enum inro_err e = sql_text(sql, &own(s)->texts, &kept);

	if (e == INRO_OK)
		e = db_stmt(own(s)->db, kept->text, ret);
	for (size_t i = 0; e == INRO_OK && i < sql->n; i++)
		bind_value(*ret, (int)i + 1, &sql->values[i]);
	return e;
}

static enum inro_err run(struct store *s, const struct sql *sql)
{
	struct db_stmt *st;
	enum inro_err e = prepare(s, sql, &st);

	return e == INRO_OK ? db_run(st) : e;
}

static enum inro_err say_exists(enum inro_err e, const struct record_type *t)
{
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is such a %s already", t->what);
	return e;
}

static enum inro_err write_row(struct store *s, const struct record_type *t, const void *r,
			       enum sql_write how)
{
	SCOPED(sql) sql;
	struct db_stmt *st;
	enum inro_err e = sql_row(sql_start(&sql, '?'), t, r, how);
	SCOPED(fork_pass) pass = fork_pass_take(); /* one for all that is bound */

	if (e == INRO_OK)
		e = prepare(s, &sql, &st);
	return e == INRO_OK ? say_exists(db_run(st), t) : e;
}

static enum inro_err sqlite_insert(struct store *s, const struct record_type *t, const void *r,
				   int64_t *ret_id)
{
	enum inro_err e = write_row(s, t, r, SQL_INSERT);

	if (e == INRO_OK)
		*ret_id = db_last_id(own(s)->db);
	return e;
}

static enum inro_err sqlite_update(struct store *s, const struct record_type *t, const void *r,
				   int64_t *ret_rows)
{
	enum inro_err e = write_row(s, t, r, SQL_UPDATE);

	if (e == INRO_OK)
		*ret_rows = db_changes(own(s)->db);
	return e;
}

static enum inro_err sqlite_erase(struct store *s, const struct record_type *t,
				  const struct store_query *q, int64_t *ret_rows)
{
	SCOPED(sql) sql;
	enum inro_err e = sql_delete(sql_start(&sql, '?'), t, q);

	if (e == INRO_OK)
		e = run(s, &sql);
	if (e == INRO_E_STATE)
		e = err_set(e, "a %s that something else refers to is not deleted", t->what);
	if (e == INRO_OK)
		*ret_rows = db_changes(own(s)->db);
	return e;
}

static struct sql_value column(struct db_stmt *st, const struct field *f, int at)
{
	struct sql_value v = { .kind = sql_field_kind(f) };

	if (v.kind == SQL_INT)
		v.number = db_int(st, at);
	else if (v.kind == SQL_TEXT)
		v.text = db_text(st, at);
	else
		v.bytes = db_bytes(st, at);
	return v;
}

/* Most columns of a row are numbers: they go by the short way. */
static enum inro_err load_column(struct db_stmt *st, const struct field *f, int at, void *record)
{
	struct sql_value v;
	int64_t number;

	if (f->kind == FIELD_INT || f->kind == FIELD_REF) {
		number = db_int(st, at);
		memcpy((char *)record + f->offset, &number, sizeof number);
		return INRO_OK;
	}
	v = column(st, f, at);
	return sql_field_load(f, &v, record);
}

static enum inro_err load_row(struct db_stmt *st, const struct record_type *t, void *record)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < record_columns(t); i++)
		e = load_column(st, &t->fields[i], (int)i, record);
	return e;
}

static enum inro_err walk(struct db_stmt *st, const struct record_type *t, void *record,
			  store_row_fn *row, void *arg)
{
	enum inro_err e = INRO_OK;
	bool there = true;

	while (e == INRO_OK) {
		e = db_step(st, &there);
		if (e != INRO_OK || !there)
			break;
		e = load_row(st, t, record);
		if (e == INRO_OK)
			e = row(arg, record);
		record_clear(t, record);
	}
	db_reset(st);
	return e;
}

/* A walk whose rows are not stepped to. */
struct tour {
	const struct record_type *t;
	size_t columns;
	void *record;
	store_row_fn *row;
	void *arg;
};

static enum inro_err tour_row(void *arg, const struct db_row *r)
{
	struct tour *tour = arg;
	const struct field *f = tour->t->fields;
	struct bytes lent;
	int64_t number;

	for (size_t i = 0; i < tour->columns; i++) {
		char *at = (char *)tour->record + f[i].offset;

		if (f[i].kind == FIELD_LENT) {
			lent = db_row_bytes(r, (int)i);
			memcpy(at, &lent, sizeof lent);
		} else {
			number = db_row_int(r, (int)i);
			memcpy(at, &number, sizeof number);
		}
	}
	return tour->row(tour->arg, tour->record);
}

static enum inro_err walk_as(struct db_stmt *st, const struct store_query *q, struct tour *tour)
{
	return q->unordered ? db_visit(st, tour_row, tour)
			    : walk(st, tour->t, tour->record, tour->row, tour->arg);
}

static enum inro_err sqlite_each(struct store *s, const struct record_type *t,
				 const struct store_query *q, store_row_fn *row, void *arg)
{
	SCOPED(sql) sql;
	struct tour tour = { t, record_columns(t), NULL, row, arg };
	struct db_stmt *st;
	enum inro_err e = (q->unordered ? sql_visit : sql_select)(sql_start(&sql, '?'), t, q);

	if (e == INRO_OK)
		e = prepare(s, &sql, &st);
	if (e != INRO_OK)
		return e;
	tour.record = calloc(1, t->size);
	if (!tour.record)
		return err_set(INRO_E_NO_MEMORY, "no memory for a %s", t->what);
	e = walk_as(st, q, &tour);
	free(tour.record);
	return e;
}

static enum inro_err sqlite_count(struct store *s, const struct record_type *t,
				  const struct store_query *q, int64_t *ret)
{
	SCOPED(sql) sql;
	struct db_stmt *st;
	bool row = false;
	enum inro_err e = sql_count(sql_start(&sql, '?'), t, q);

	if (e == INRO_OK)
		e = prepare(s, &sql, &st);
	if (e == INRO_OK)
		e = db_step(st, &row);
	if (e == INRO_OK && row) {
		*ret = db_int(st, 0);
		db_reset(st);
	}
	return e;
}

static enum inro_err sqlite_now(struct store *s, int64_t *ret_ms)
{
	(void)s;
	*ret_ms = clock_now_ms();
	return INRO_OK;
}

static enum inro_err check_references(struct db *d)
{
	struct db_stmt *st;
	enum inro_err e = db_stmt(d, "PRAGMA foreign_key_check", &st);
	bool row = false;

	if (e == INRO_OK)
		e = db_step(st, &row);
	if (e != INRO_OK || !row)
		return e;
	e = err_set(INRO_E_DAMAGED,
		    "row %lld of '%s' refers to a '%s' that is not there; restore it from a backup",
		    (long long)db_int(st, 1), db_text(st, 0), db_text(st, 2));
	db_reset(st);
	return e;
}

static enum inro_err sqlite_check(struct store *s)
{
	enum inro_err e = db_check(own(s)->db);

	return e == INRO_OK ? check_references(own(s)->db) : e;
}

static enum inro_err sqlite_patience(struct store *s, int ms)
{
	db_busy_timeout(own(s)->db, ms);
	return INRO_OK;
}

enum inro_err store_file_name(const char *made, const char *path)
{
	enum inro_err e = db_check_closed(made);

	if (e == INRO_OK)
		e = db_check_free(path);
	return e == INRO_OK ? file_take_name(made, path) : e;
}

enum inro_err store_file_part(const char *path, char **ret)
{
	enum inro_err e = db_check_free(path);

	return e == INRO_OK ? name_part(path, ret) : e;
}

void store_file_remove(const char *path)
{
	db_remove(path);
}

static enum inro_err sqlite_backup(struct store *s, const char *path)
{
	return db_copy_to(own(s)->db, path);
}

const struct store_ops sqlite_store_ops = {
	.keeps_pages = true,
	.open = sqlite_open,
	.close = sqlite_close,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.save = sqlite_save,
	.insert = sqlite_insert,
	.update = sqlite_update,
	.erase = sqlite_erase,
	.each = sqlite_each,
	.count = sqlite_count,
	.now = sqlite_now,
	.check = sqlite_check,
	.patience = sqlite_patience,
	.backup = sqlite_backup,
};
