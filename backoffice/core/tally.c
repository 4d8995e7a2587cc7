/* tally - see tally.h. */
#include "backoffice/core/tally.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"

static enum inro_err one_more(struct tallying *t)
{
	size_t cap = t->cap ? t->cap * 2 : 64;
	struct tally_delta *more;

	if (t->n < t->cap)
		return INRO_OK;
	more = realloc(t->items, cap * sizeof *more);
	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu counts", cap);
	t->items = more;
	t->cap = cap;
	return INRO_OK;
}

enum inro_err tally_add(struct core *c, int64_t delta, const char *format, ...)
{
	struct tallying *t = &c->open.tallying;
	struct tally_delta *to;
	enum inro_err e = delta ? one_more(t) : INRO_OK;
	va_list args;
	int n;

	if (e != INRO_OK || !delta)
		return e;
	to = &t->items[t->n];
	to->tenant = c->tenant;
	va_start(args, format);
	n = vsnprintf(to->name, sizeof to->name, format, args);
	va_end(args);
	if (n < 0 || n > TALLY_NAME_MAX)
		return err_set(INRO_E_ARG, "a count's name is longer than %d", TALLY_NAME_MAX);
	to->n = delta;
	t->n++;
	return INRO_OK;
}

size_t tally_mark(const struct core *c)
{
	return c->open.tallying.n;
}

void tally_back(struct core *c, size_t mark)
{
	if (mark < c->open.tallying.n)
		c->open.tallying.n = mark;
}

static enum inro_err find(struct core *c, int64_t tenant, const char *name, struct tally *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = tenant },
		{ .field = "name", .text = name },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

static enum inro_err write_one(struct core *c, const struct tally_delta *d)
{
	SCOPED(tally) row = { .tenant = d->tenant };
	enum inro_err e = d->n ? find(c, d->tenant, d->name, &row) : INRO_OK;

	if (d->n == 0)
		return INRO_OK;
	if (e == INRO_E_NOT_FOUND)
		e = text_set(&row.name, d->name);
	if (e != INRO_OK)
		return e;
	row.n += d->n;
	return row.id ? store_update(c->store, &row) : store_insert(c->store, &row);
}

static int by_name(const void *a, const void *b)
{
	const struct tally_delta *x = a, *y = b;

	if (x->tenant != y->tenant)
		return x->tenant < y->tenant ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Sums what has one name into the last of them. */
static void sum(struct tallying *t)
{
	if (t->n > 1)
		qsort(t->items, t->n, sizeof *t->items, by_name);
	for (size_t i = 1; i < t->n; i++)
		if (!by_name(&t->items[i - 1], &t->items[i])) {
			t->items[i].n += t->items[i - 1].n;
			t->items[i - 1].n = 0;
		}
}

/* Those of one tenant, from `from` on; *ret_end: behind the last. */
static enum inro_err foresee_some(struct core *c, size_t from, struct store_place *names, size_t *ret_end)
{
	const struct tallying *t = &c->open.tallying;
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = t->items[from].tenant },
		{ .field = "name" },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	struct store_alike alike = { &q, 1, names, 0 };
	size_t i = from;

	for (; i < t->n && t->items[i].tenant == t->items[from].tenant; i++)
		if (t->items[i].n)
			names[alike.n++] = (struct store_place) { .text = t->items[i].name };
	*ret_end = i;
	return store_foresee(c->store, &tally_type, &alike);
}

static enum inro_err foresee(struct core *c)
{
	size_t n = c->open.tallying.n;
	struct store_place *names = calloc(n ? n : 1, sizeof *names);
	enum inro_err e = names ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for %zu counts", n);

	for (size_t i = 0; e == INRO_OK && i < n;)
		e = foresee_some(c, i, names, &i);
	free(names);
	return e;
}

/* All or none of them: their answers come with those of the commit. */
enum inro_err tally_flush(struct core *c)
{
	struct tallying *t = &c->open.tallying;
	enum inro_err e = INRO_OK;

	sum(t);
	if (t->n > 1)
		e = foresee(c);
	store_defer(c->store);
	for (size_t i = 0; e == INRO_OK && i < t->n; i++)
		e = write_one(c, &t->items[i]);
	t->n = 0;
	return e;
}

enum inro_err tally_get(struct core *c, const char *name, int64_t *ret)
{
	SCOPED(tally) row = { 0 };
	enum inro_err e = find(c, c->tenant, name, &row);

	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	*ret = row.n;
	return INRO_OK;
}

/* ---- counted anew ---- */

static enum inro_err compare(struct core *c, const char *name, int64_t counted)
{
	int64_t kept;
	enum inro_err e = tally_get(c, name, &kept);

	if (e != INRO_OK || kept == counted)
		return e;
	return err_set(INRO_E_DAMAGED, "the count '%s' says %lld, there are %lld", name,
		       (long long)kept, (long long)counted);
}

static enum inro_err check_state(struct core *c, const struct device_group *g, int state)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "state", .number = state },
		{ .field = "grp", .number = g ? g->id : 0 },
	};
	const struct store_query q = { .conds = conds, .n = g ? 3 : 2 };
	char name[TALLY_NAME_MAX + 1];
	int64_t n;
	enum inro_err e = store_count(c->store, &device_type, &q, &n);

	if (g)
		snprintf(name, sizeof name, "group/%lld/%s", (long long)g->id,
			 device_state_names[state]);
	else
		snprintf(name, sizeof name, "device/%s", device_state_names[state]);
	return e == INRO_OK ? compare(c, name, n) : e;
}

static enum inro_err check_states(struct core *c, const struct device_group *g)
{
	enum inro_err e = INRO_OK;

	for (int state = 0; e == INRO_OK && state < DEVICE_STATE__MAX; state++)
		e = check_state(c, g, state);
	return e;
}

static enum inro_err check_creds(struct core *c, int kind, int state)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "state", .number = state },
		{ .field = "kind", .number = kind },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	char name[TALLY_NAME_MAX + 1];
	int64_t n;
	enum inro_err e = store_count(c->store, &credential_type, &q, &n);

	snprintf(name, sizeof name, "%s/%s", cred_kind_names[kind], cred_state_names[state]);
	return e == INRO_OK ? compare(c, name, n) : e;
}

static enum inro_err check_kinds(struct core *c)
{
	enum inro_err e = INRO_OK;

	for (int kind = 0; kind < CRED_KIND__MAX; kind++)
		for (int state = 0; e == INRO_OK && state < CRED_STATE__MAX; state++)
			e = check_creds(c, kind, state);
	return e;
}

static enum inro_err check_all(struct core *c)
{
	const struct store_cond mine = { .field = "tenant", .number = c->tenant };
	const struct store_query q = { .conds = &mine, .n = 1 };
	void *groups = NULL;
	size_t n = 0;
	enum inro_err e = check_states(c, NULL);

	if (e == INRO_OK)
		e = check_kinds(c);
	if (e == INRO_OK)
		e = core_all(c, &device_group_type, &q, &groups, &n);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = check_states(c, (struct device_group *)groups + i);
	list_free(&device_group_type, groups, n);
	return e;
}

enum inro_err tally_check(struct core *c)
{
	enum inro_err e = store_begin(c->store, STORE_READ);

	if (e != INRO_OK)
		return e;
	e = check_all(c);
	store_rollback(c->store);
	return e;
}
