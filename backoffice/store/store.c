/* store - finds the kind of database by its URL and keeps the rules that all kinds share. */
#include "backoffice/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/store/backend.h"
#include "backoffice/store/foreseen.h"
#include "backoffice/store/steady.h"
#include "base/file.h"
#include "base/homedir.h"

extern const size_t store_sqlite_migrations_n;

static const struct {
	const char *scheme;
	const struct store_ops *ops;
} kinds[] = {
	{ "sqlite:", &sqlite_store_ops },
	{ "postgresql://", &postgres_store_ops },
	{ "postgres://", &postgres_store_ops },
};

static const char kinds_help[] = "write sqlite:PATH or postgresql://USER@HOST/DATABASE";

static enum inro_err refuse_url(const char *url)
{
	const char *end = strchr(url, ':');

	/* What follows the scheme may hold a password. */
	if (!end)
		return err_set(INRO_E_ARG, "'%s' names no database; %s", url, kinds_help);
	return err_set(INRO_E_UNSUPPORTED, "no store for '%.*s' databases; %s", (int)(end - url),
		       url, kinds_help);
}

static enum inro_err open_url(const char *url, enum store_opening how, struct store **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].scheme);

		if (strncmp(url, kinds[i].scheme, n) == 0)
			return kinds[i].ops->open(url + n, how, ret);
	}
	return refuse_url(url);
}

const char *store_url_path(const char *url)
{
	size_t n = strlen(kinds[0].scheme);

	return strncmp(url, kinds[0].scheme, n) == 0 && url[n] ? url + n : NULL;
}

static enum inro_err open_default(enum store_opening how, struct store **ret)
{
	AUTO(free_chars) char *home = NULL;
	AUTO(free_chars) char *path = NULL;
	enum inro_err e = homedir(how != STORE_EXISTING, &home);

	if (e != INRO_OK)
		return e;
	path = file_join(home, "backoffice.db");
	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	return sqlite_store_ops.open(path, how, ret);
}

enum inro_err store_open_as(const char *url, enum store_opening how, struct store **ret)
{
	struct store *s = NULL;
	enum inro_err e;

	if (!url)
		url = secure_getenv("INRO_DB");
	e = url && *url ? open_url(url, how, &s) : open_default(how, &s);
	if (e == INRO_OK)
		e = steady_new(&s->steady);
	if (e == INRO_OK)
		e = foreseen_new(&s->foreseen);
	if (e == INRO_OK)
		*ret = s;
	else
		store_close(s);
	return e;
}

enum inro_err store_open(const char *url, struct store **ret)
{
	return store_open_as(url, STORE_MAKE, ret);
}

int64_t store_version(void)
{
	return (int64_t)store_sqlite_migrations_n;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_rollback(s);
	steady_free(s->steady);
	foreseen_free(s->foreseen);
	free(s->name);
	s->ops->close(s);
}

bool store_keeps_pages(const struct store *s)
{
	return s->ops->keeps_pages;
}

const char *store_name(const struct store *s)
{
	return s->name;
}

enum inro_err store_check_form(const char *name, int64_t version)
{
	if (version == (int64_t)store_sqlite_migrations_n)
		return INRO_OK;
	return err_set(INRO_E_VERSION,
		       "%s has been brought to version %lld by another program, this one knows version %zu; start "
		       "the later one in its place",
		       name, (long long)version, store_sqlite_migrations_n);
}

enum inro_err store_not_new(const char *name)
{
	return err_set(INRO_E_EXISTS, "%s is not empty (it is a back office of another version); name a new database", name);
}

enum inro_err store_begin(struct store *s, enum store_access access)
{
	enum inro_err e;

	if (s->open)
		return err_set(INRO_E_STATE, "a transaction is open already");
	e = s->ops->begin(s, access);
	if (e == INRO_OK) {
		s->open = true;
		s->saved = s->defers = false;
		s->writing = access != STORE_READ;
		steady_begin(s, access);
	}
	return e;
}

enum inro_err store_commit(struct store *s)
{
	bool writing;
	enum inro_err e;

	if (!s->open)
		return err_set(INRO_E_STATE, "no transaction is open");
	e = store_settle(s);
	if (e == INRO_OK)
		e = steady_commit(s);
	if (e != INRO_OK) {
		SCOPED(err_kept) kept = err_keep();

		store_rollback(s);
		return e;
	}
	writing = s->writing;
	s->open = s->writing = false;
	foreseen_forget(s->foreseen);
	return s->ops->commit(s, writing);
}

void store_rollback(struct store *s)
{
	if (s->open)
		s->ops->rollback(s);
	s->open = s->writing = false;
	if (s->foreseen)
		foreseen_forget(s->foreseen);
}

static enum inro_err save(struct store *s, enum store_saving what)
{
	bool begins_it = what == SAVE_BEGIN;
	enum inro_err e;

	if (!s->writing || s->saved == begins_it)
		return err_set(INRO_E_STATE, begins_it ? "no write transaction, or saved already"
						       : "nothing was saved to go back to");
	e = store_settle(s);
	if (e == INRO_OK)
		e = s->ops->save(s, what);
	steady_saved(s);
	if (what == SAVE_BACK)
		foreseen_forget(s->foreseen);
	s->saved = e == INRO_OK && begins_it;
	return e;
}

enum inro_err store_savepoint(struct store *s)
{
	return save(s, SAVE_BEGIN);
}

enum inro_err store_release(struct store *s)
{
	return save(s, SAVE_END);
}

enum inro_err store_rollback_to(struct store *s)
{
	return save(s, SAVE_BACK);
}

void store_defer(struct store *s)
{
	s->defers = s->writing && !s->saved && s->ops->settle;
}

bool store_defers(const struct store *s)
{
	return s->defers;
}

enum inro_err store_settle(struct store *s)
{
	bool deferred = s->defers;

	s->defers = false;
	return deferred ? s->ops->settle(s) : INRO_OK;
}

static enum inro_err check_writing(const struct store *s, const struct record_type *t)
{
	if (s->writing)
		return INRO_OK;
	return err_set(INRO_E_STATE, "a %s is written in a write transaction only", t->what);
}

static void written(struct store *s, const struct record_type *t, const void *r)
{
	steady_written(s, t, r);
	foreseen_written(s->foreseen, t, r);
}

static int64_t *id_of(const struct record_type *t, void *r)
{
	return (int64_t *)(void *)((char *)r + t->fields[0].offset);
}

enum inro_err store_insert_row(struct store *s, const struct record_type *t, void *r)
{
	enum inro_err e = check_writing(s, t);
	int64_t id;

	if (e != INRO_OK)
		return e;
	e = s->ops->insert(s, t, r, &id);
	if (e == INRO_OK)
		*id_of(t, r) = id;
	written(s, t, r);
	return e;
}

enum inro_err store_update_row(struct store *s, const struct record_type *t, const void *r)
{
	enum inro_err e = check_writing(s, t);
	int64_t rows = 0;

	if (e == INRO_OK) {
		written(s, t, r);
		e = s->ops->update(s, t, r, &rows);
	}
	if (e == INRO_OK && rows != 1)
		e = err_set(INRO_E_NOT_FOUND, "no such %s", t->what);
	return e;
}

enum inro_err store_delete(struct store *s, const struct record_type *t,
			   const struct store_query *q, int64_t *ret_rows)
{
	enum inro_err e = check_writing(s, t);

	if (e != INRO_OK)
		return e;
	if (q->n == 0)
		return err_set(INRO_E_ARG, "all of a kind are not deleted at once");
	written(s, t, NULL);
	return s->ops->erase(s, t, q, ret_rows);
}

static enum inro_err check_unordered(const struct record_type *t, const struct store_query *q)
{
	if (q->after || q->limit || q->order || q->backward)
		return err_set(INRO_E_ARG, "what has no order has no pages");
	for (size_t i = 0; i < record_columns(t); i++) {
		enum field_kind k = t->fields[i].kind;

		if (k != FIELD_INT && k != FIELD_REF && k != FIELD_LENT)
			return err_set(INRO_E_ARG, "a %s is not read without an order", t->what);
	}
	return INRO_OK;
}

enum inro_err store_each(struct store *s, const struct record_type *t, const struct store_query *q,
			 store_row_fn *row, void *arg)
{
	bool known = false;
	enum inro_err e;

	if (q->limit > INT32_MAX)
		return err_set(INRO_E_ARG, "a list of %zu is too long", q->limit);
	e = q->unordered ? check_unordered(t, q) : INRO_OK;
	if (e == INRO_OK && s->open)
		e = foreseen_each(s->foreseen, t, q, row, arg, &known);
	return e == INRO_OK && !known ? s->ops->each(s, t, q, row, arg) : e;
}

enum inro_err store_foresee(struct store *s, const struct record_type *t, const struct store_alike *a)
{
	if (!s->open)
		return err_set(INRO_E_STATE, "no transaction is open to foresee a %s in", t->what);
	return foreseen_read(s, t, a);
}

struct one {
	const struct record_type *t;
	void *room;
	size_t n;
};

static enum inro_err take_one(void *arg, void *record)
{
	struct one *one = arg;

	if (one->n++ == 0) {
		memcpy(one->room, record, one->t->size);
		memset(record, 0, one->t->size);
	}
	return INRO_OK;
}

static enum inro_err read_one(struct store *s, const struct record_type *t,
			      const struct store_query *q, void *ret)
{
	struct one one = { .t = t };
	enum inro_err e;

	one.room = calloc(1, t->size);
	if (!one.room)
		return err_set(INRO_E_NO_MEMORY, "no memory for a %s", t->what);
	e = store_each(s, t, q, take_one, &one);
	if (e == INRO_OK && one.n < 2)
		steady_keep(s, t, q, one.n ? one.room : NULL);
	if (e == INRO_OK && one.n == 0)
		e = INRO_E_NOT_FOUND;
	if (e == INRO_OK && one.n > 1)
		e = err_set(INRO_E_AMBIGUOUS, "more than one such %s", t->what);
	if (e == INRO_OK)
		memcpy(ret, one.room, t->size);
	else
		record_clear(t, one.room);
	free(one.room);
	return e;
}

enum inro_err store_find_row(struct store *s, const struct record_type *t,
			     const struct store_query *q, void *ret)
{
	struct store_query two = *q;
	bool known = false;
	enum inro_err e;

	if (two.limit == 0 || two.limit > 2) {
		two.any_first = !two.order && !two.after;
		two.limit = 2;
	}
	e = steady_find(s, t, &two, ret, &known);
	if (e == INRO_OK && !known)
		e = read_one(s, t, &two, ret);
	return e == INRO_E_NOT_FOUND ? err_set(e, "no such %s", t->what) : e;
}

enum inro_err store_get_row(struct store *s, const struct record_type *t, int64_t id, void *ret)
{
	const struct store_cond by_id = { .field = "id", .number = id };

	return store_find_row(s, t, &(struct store_query) { .conds = &by_id, .n = 1 }, ret);
}

enum inro_err store_count(struct store *s, const struct record_type *t, const struct store_query *q,
			  int64_t *ret)
{
	return s->ops->count(s, t, q, ret);
}

void store_survey(struct store *s)
{
	SCOPED(err_kept) kept = err_keep();

	if (!s->open && s->ops->survey)
		(void)!s->ops->survey(s);
}

enum inro_err store_patience(struct store *s, int ms)
{
	return s->ops->patience(s, ms);
}

enum inro_err store_backup(struct store *s, const char *path)
{
	if (s->open)
		return err_set(INRO_E_STATE, "a transaction is open");
	return s->ops->backup(s, path);
}

enum inro_err store_now(struct store *s, int64_t *ret_ms)
{
	return s->ops->now(s, ret_ms);
}

enum inro_err store_check(struct store *s)
{
	return s->ops->check(s);
}
