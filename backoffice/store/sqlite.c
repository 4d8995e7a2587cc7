/*
 * sqlite - the embedded store, on base/db.
 *
 * 1. A statement's text is kept by the store as long as the database is open, one copy of each:
 *    base/db keeps prepared statements by the address of their text.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/store/backend.h"
#include "backoffice/store/sql.h"
#include "backoffice/store/texts.h"
#include "base/db/db.h"

#define SQLITE_STORE_APPLICATION 0x496e7242 /* "InrB" */

extern const char *const store_sqlite_migrations[];
extern const size_t store_sqlite_migrations_n;

struct sqlite_store {
	struct store store;
	struct db *db;
	struct texts texts;
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

static enum inro_err sqlite_open(const char *place, struct store **ret)
{
	const struct db_schema schema = {
		.application_id = SQLITE_STORE_APPLICATION,
		.migrations = store_sqlite_migrations,
		.n = store_sqlite_migrations_n,
		.what = "back office database",
	};
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
	e = db_open(place, DB_CREATE, &schema, &q->db);
	if (e != INRO_OK) {
		store_close(&q->store);
		return e;
	}
	*ret = &q->store;
	return INRO_OK;
}

static enum inro_err sqlite_begin(struct store *s, enum store_access access)
{
	return access == STORE_WRITE ? db_begin(own(s)->db) : db_begin_read(own(s)->db);
}

static enum inro_err sqlite_commit(struct store *s)
{
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
	enum inro_err e = texts_keep(&own(s)->texts, (const char *)sql->text.p, &kept);

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

static enum inro_err sqlite_insert(struct store *s, const struct record_type *t, const void *r,
				   int64_t *ret_id)
{
	SCOPED(sql) sql = { .mark = '?' };
	enum inro_err e = sql_insert(&sql, t, r);

	if (e == INRO_OK)
		e = say_exists(run(s, &sql), t);
	if (e == INRO_OK)
		*ret_id = db_last_id(own(s)->db);
	return e;
}

static enum inro_err sqlite_update(struct store *s, const struct record_type *t, const void *r,
				   int64_t *ret_rows)
{
	SCOPED(sql) sql = { .mark = '?' };
	enum inro_err e = sql_update(&sql, t, r);

	if (e == INRO_OK)
		e = say_exists(run(s, &sql), t);
	if (e == INRO_OK)
		*ret_rows = db_changes(own(s)->db);
	return e;
}

static enum inro_err sqlite_erase(struct store *s, const struct record_type *t,
				  const struct store_query *q, int64_t *ret_rows)
{
	SCOPED(sql) sql = { .mark = '?' };
	enum inro_err e = sql_delete(&sql, t, q);

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

static enum inro_err load_row(struct db_stmt *st, const struct record_type *t, void *record)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < t->n; i++) {
		struct sql_value v = column(st, &t->fields[i], (int)i);

		e = sql_field_load(&t->fields[i], &v, record);
	}
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

static enum inro_err sqlite_each(struct store *s, const struct record_type *t,
				 const struct store_query *q, store_row_fn *row, void *arg)
{
	SCOPED(sql) sql = { .mark = '?' };
	struct db_stmt *st;
	void *record;
	enum inro_err e = sql_select(&sql, t, q);

	if (e == INRO_OK)
		e = prepare(s, &sql, &st);
	if (e != INRO_OK)
		return e;
	record = calloc(1, t->size);
	if (!record)
		return err_set(INRO_E_NO_MEMORY, "no memory for a %s", t->what);
	e = walk(st, t, record, row, arg);
	free(record);
	return e;
}

static enum inro_err sqlite_count(struct store *s, const struct record_type *t,
				  const struct store_query *q, int64_t *ret)
{
	SCOPED(sql) sql = { .mark = '?' };
	struct db_stmt *st;
	bool row = false;
	enum inro_err e = sql_count(&sql, t, q);

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

static enum inro_err sqlite_check(struct store *s)
{
	return db_check(own(s)->db);
}

const struct store_ops sqlite_store_ops = {
	.scheme = "sqlite:",
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
	.check = sqlite_check,
};
