/* where - pages of what meets conditions; see where.h. */
#include "backoffice/core/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/view.h"
#include "base/utf8.h"

/* ---- does a row meet the conditions? ---- */

static int64_t number_of(const struct field *f, const void *row)
{
	const char *at = (const char *)row + f->offset;
	int64_t number;
	int name;

	if (f->kind == FIELD_NAME) {
		memcpy(&name, at, sizeof name);
		return name;
	}
	memcpy(&number, at, sizeof number);
	return number;
}

static const char *text_of(const struct field *f, const void *row)
{
	const char *text;

	memcpy(&text, (const char *)row + f->offset, sizeof text);
	return text_or_empty(text);
}

static bool is_text(const struct field *f)
{
	return f->kind == FIELD_TEXT || f->kind == FIELD_SPARSE;
}

static struct bytes blob_of(const struct field *f, const void *row)
{
	struct blob b;

	memcpy(&b, (const char *)row + f->offset, sizeof b);
	return blob_bytes(&b);
}

static bool is_one_of(int64_t number, const struct store_cond *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->numbers[i] == number)
			return true;
	return false;
}

/* order: of the row's value against the condition's. */
static bool judge(enum store_op op, int order)
{
	static const struct {
		bool less, equal, more;
	} holds[] = {
		[STORE_EQ] = { .equal = true }, [STORE_NE] = { .less = true, .more = true },
		[STORE_LT] = { .less = true },	[STORE_LE] = { .less = true, .equal = true },
		[STORE_GT] = { .more = true },	[STORE_GE] = { .equal = true, .more = true },
	};

	if ((size_t)op >= ARRAY_LEN(holds))
		return false;
	return order < 0 ? holds[op].less : order > 0 ? holds[op].more : holds[op].equal;
}

static bool begins(struct bytes value, struct bytes with)
{
	return value.n >= with.n && bytes_equal(BYTES(value.p, with.n), with);
}

static bool meets_bytes(struct bytes value, const struct store_cond *c)
{
	if (c->op == STORE_PREFIX)
		return begins(value, c->bytes);
	return judge(c->op, bytes_compare(value, c->bytes));
}

static bool meets_text(const char *value, const struct store_cond *c)
{
	if (c->op == STORE_PREFIX)
		return strncmp(value, c->text, strlen(c->text)) == 0;
	return judge(c->op, strcmp(value, c->text));
}

static bool meets_number(int64_t number, const struct store_cond *c)
{
	if (c->op == STORE_IN)
		return is_one_of(number, c);
	return judge(c->op, number < c->number ? -1 : number > c->number);
}

static bool is_set(const struct field *f, const void *row)
{
	if (is_text(f))
		return *text_of(f, row) != 0;
	return field_is_blob(f) ? blob_of(f, row).n != 0 : number_of(f, row) != 0;
}

static bool may_be_none(const struct field *f)
{
	return f->kind == FIELD_REF || f->kind == FIELD_SPARSE || field_is_blob(f);
}

/* As the store decides it. */
static bool meets(const struct field *f, const struct store_cond *c, const void *row)
{
	if (c->op == STORE_NONE || c->op == STORE_SOME)
		return is_set(f, row) == (c->op == STORE_SOME);
	/* What is not set is neither before nor after another, but other than it. */
	if (may_be_none(f) && !is_set(f, row))
		return c->op == STORE_NE;
	if (is_text(f))
		return meets_text(text_of(f, row), c);
	if (f->kind == FIELD_BLOB)
		return meets_bytes(blob_of(f, row), c);
	return meets_number(number_of(f, row), c);
}

/* What can't be read meets nothing. */
static bool meets_attr(const struct field *f, const char *name, const struct store_cond *c,
		       const void *row)
{
	SCOPED(buf) value = { 0 };
	bool set;

	if (attrs_value(text_of(f, row), name, &value) != INRO_OK)
		return false;
	set = value.n > 1;
	if (c->op == STORE_NONE || c->op == STORE_SOME)
		return set == (c->op == STORE_SOME);
	return set ? meets_text((const char *)value.p, c) : c->op == STORE_NE;
}

static bool meets_one(const struct where *w, size_t i, const struct record_type *t, const void *row)
{
	const struct store_cond *c = &w->conds[i];
	const struct field *f = record_field(t, c->field);

	return w->attr[i] ? meets_attr(f, w->attr[i], c, row) : meets(f, c, row);
}

/* All conditions on a row of that join; of NULL: on the row that is searched. */
static bool meets_all(const struct where *w, const struct where_join *of, const void *row)
{
	const struct where_kind *k = of ? of->kind : w->kind;
	struct where_room room;

	if (k->seen && !w->as_recorded)
		row = k->seen(row, &room);
	for (size_t i = 0; i < w->n; i++)
		if (w->of[i] == of && !meets_one(w, i, k->type, row))
			return false;
	return true;
}

/* ---- which way the rows are walked ---- */

static const struct store_cond *cond_of(const struct where *w, const char *field, enum store_op op)
{
	for (size_t i = 0; i < w->n; i++)
		if (!w->of[i] && w->conds[i].op == op && strcmp(w->conds[i].field, field) == 0)
			return &w->conds[i];
	return NULL;
}

static bool walk_fits(const struct where *w, const struct where_index *x)
{
	if (x->walk == WALK_PREFIX)
		return cond_of(w, x->order, STORE_PREFIX);
	return x->walk == WALK_ALL || cond_of(w, x->order, STORE_LT) ||
	       cond_of(w, x->order, STORE_GE);
}

static bool index_fits(const struct where *w, const struct where_index *x)
{
	for (size_t i = 0; i < ARRAY_LEN(x->eq) && x->eq[i]; i++)
		if (!cond_of(w, x->eq[i], STORE_EQ))
			return false;
	return walk_fits(w, x);
}

static const char *record_field_of(const struct where_kind *k, const char *name)
{
	for (const struct where_field *f = k->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f->field;
	return NULL;
}

static bool gives_order(const struct where *w, const struct where_index *x, const char *field)
{
	return x->walk == WALK_ALL && strcmp(x->order ? x->order : "id", field) == 0 &&
	       index_fits(w, x);
}

/* An index with the order that people call so; NULL: none. */
static const struct where_index *sorted_by(const struct where *w, const char *sort)
{
	const struct where_kind *k = w->kind;
	const char *field = record_field_of(k, sort);

	for (size_t i = 0; field && i < k->indexes_n; i++)
		if (gives_order(w, &k->indexes[i], field))
			return &k->indexes[i];
	return NULL;
}

/* Orders without a condition are for `sort`, but for the last. */
static bool is_for_sort(const struct where_index *x)
{
	return !x->eq[0] && x->walk == WALK_ALL;
}

/* The last one's order is one that stays, and so is that of numbers. */
static bool is_steady(const struct where_kind *k, const struct where_index *x)
{
	const char *stays = k->indexes[k->indexes_n - 1].order;

	return !x->order || (stays && strcmp(x->order, stays) == 0);
}

static bool index_serves(const struct where *w, const struct where_page *page,
			 const struct where_index *x)
{
	if (page->steady && !is_steady(w->kind, x))
		return false;
	return index_fits(w, x) && !is_for_sort(x);
}

static enum inro_err choose(const struct where *w, const struct where_page *page,
			    const struct where_index **ret)
{
	const struct where_kind *k = w->kind;
	const char *sort = page->sort;
	size_t i = 0;

	if (sort) {
		*ret = sorted_by(w, sort);
		return *ret ? INRO_OK
			    : err_set(INRO_E_ARG, "this %s list can't be in the order of '%s'",
				      k->type->what, sort);
	}
	while (i + 1 < k->indexes_n && !index_serves(w, page, &k->indexes[i]))
		i++;
	*ret = &k->indexes[i];
	return INRO_OK;
}

static void drive(struct core *c, const struct where *w, const struct where_index *x,
		  struct store_cond *conds, struct store_query *q)
{
	static const enum store_op bounds[] = { STORE_PREFIX, STORE_GE, STORE_LT };

	*q = (struct store_query) { .conds = conds, .order = x->order, .limit = WHERE_SCAN };
	conds[q->n++] = (struct store_cond) { .field = "tenant", .number = c->tenant };
	for (size_t i = 0; i < ARRAY_LEN(x->eq) && x->eq[i]; i++)
		conds[q->n++] = *cond_of(w, x->eq[i], STORE_EQ);
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		const struct store_cond *bound = cond_of(w, x->order ? x->order : "id", bounds[i]);

		if (bound)
			conds[q->n++] = *bound;
	}
}

/* ---- cursors: hex of the order's name, the place in it, the row's number ---- */

struct place {
	uint8_t bytes[1024];
	char text[1024];
};

static bool is_text_order(const struct record_type *t, const char *order)
{
	const struct field *f = order ? record_field(t, order) : NULL;

	return f && is_text(f);
}

static enum inro_err read_place(struct bytes in, const struct record_type *t, struct store_query *q,
				struct place *room)
{
	const char *order = q->order;
	struct bytes name, text;
	uint64_t number = 0, id = 0;
	enum inro_err e = read_field(&in, &name);

	if (e == INRO_OK)
		e = read_field(&in, &text);
	if (e == INRO_OK)
		e = read_u64(&in, &number);
	if (e == INRO_OK)
		e = read_u64(&in, &id);
	if (e != INRO_OK || in.n || !bytes_equal(name, bytes_of(text_or_empty(order))) || id == 0 ||
	    id > INT64_MAX || text.n >= sizeof room->text)
		return err_set(INRO_E_ARG, "this cursor is not of this search");
	if (is_text_order(t, order) && !utf8_is_text(text, NULL)) /* PostgreSQL takes nothing else */
		return err_set(INRO_E_ARG, "this cursor is not of this search");
	snprintf(room->text, sizeof room->text, "%.*s", (int)text.n, (const char *)text.p);
	q->after = (int64_t)id;
	q->at = (struct store_place) { .number = (int64_t)number,
				       .text = room->text,
				       .bytes = text };
	return INRO_OK;
}

static enum inro_err take_cursor(const char *cursor, const struct record_type *t, struct store_query *q,
				 struct place *room)
{
	size_t n = 0;

	if (!cursor || !*cursor)
		return INRO_OK;
	if (hex_decode(bytes_of(cursor), room->bytes, sizeof room->bytes, &n) != INRO_OK)
		return err_set(INRO_E_ARG, "this is no cursor of a list");
	return read_place(BYTES(room->bytes, n), t, q, room);
}

static struct bytes place_bytes(const struct field *f, const void *row)
{
	if (f && f->kind == FIELD_BLOB)
		return blob_of(f, row);
	return f && is_text(f) ? bytes_of(text_of(f, row)) : BYTES_NONE;
}

static uint64_t place_number(const struct field *f, const void *row)
{
	return f && !is_text(f) && f->kind != FIELD_BLOB ? (uint64_t)number_of(f, row) : 0;
}

static enum inro_err make_cursor(const struct record_type *t, const char *order, const void *row,
				 char **ret)
{
	const struct field *f = order ? record_field(t, order) : NULL;
	SCOPED(buf) raw = { 0 };
	SCOPED(buf) hex = { 0 };
	enum inro_err e;

	buf_add_field(&raw, bytes_of(text_or_empty(order)));
	buf_add_field(&raw, place_bytes(f, row));
	buf_add_u64(&raw, place_number(f, row));
	buf_add_u64(&raw, (uint64_t)number_of(&t->fields[0], row));
	e = buf_err(&raw);
	buf_add_hex(&hex, buf_bytes(&raw));
	buf_add_u8(&hex, 0);
	if (e == INRO_OK)
		e = buf_err(&hex);
	return e == INRO_OK ? text_set(ret, (const char *)hex.p) : e;
}

/* ---- a page ---- */

#define LOT_SPARE 16

struct walk {
	const struct where *w;
	const char *order;
	char *items, *next;
	size_t n, limit, seen;
	size_t end; /* how many are seen when these are all */
};

static enum inro_err walk_row(void *arg, void *row)
{
	struct walk *k = arg;
	const struct record_type *t = k->w->kind->type;
	enum inro_err e = INRO_OK;
	bool fits;

	if (k->n == k->limit) /* there is one more: the cursor stays where it is */
		return INRO_E_TOO_SMALL;
	k->seen++;
	fits = meets_all(k->w, NULL, row);
	if (k->seen == k->end || (fits && k->n + 1 == k->limit))
		e = make_cursor(t, k->order, row, &k->next);
	if (e == INRO_OK && fits) {
		memcpy(k->items + k->n++ * t->size, row, t->size);
		memset(row, 0, t->size);
	}
	return e;
}

/* As many as fill a page when all fit, then as many as do when the next are like those, then more at once: a database
 * may send all that it is asked for. */
static size_t next_lot(const struct walk *k, size_t lot)
{
	size_t most = lot * 8, like;

	if (!k->n || k->seen > k->limit + 1)
		return most;
	like = (k->limit + 1 - k->n) * k->seen / k->n;
	like += like / 8 + LOT_SPARE;
	return like < most ? like : most;
}

static enum inro_err walk_page(struct core *c, const struct where *w, struct store_query *q,
			       struct walk *k)
{
	struct place room;
	bool more = true;
	enum inro_err e = INRO_OK;

	for (size_t lot = k->limit + 1; e == INRO_OK && more && k->seen < WHERE_SCAN; lot = next_lot(k, lot)) {
		if (k->seen)
			e = take_cursor(k->next, w->kind->type, q, &room);
		q->limit = lot < WHERE_SCAN - k->seen ? lot : WHERE_SCAN - k->seen;
		k->end = k->seen + q->limit;
		if (e == INRO_OK)
			e = store_each(c->store, w->kind->type, q, walk_row, k);
		more = k->seen == k->end || e == INRO_E_TOO_SMALL;
	}
	if (e != INRO_OK && e != INRO_E_TOO_SMALL)
		return e;
	if (!more) {
		free(k->next);
		k->next = NULL;
	}
	return INRO_OK;
}

/* ---- what belongs to the rows ---- */

/* The next join that has conditions, behind this one; NULL: no more. */
static const struct where_join *next_join(const struct where *w, const struct where_join *j)
{
	for (j = j ? j + 1 : w->kind->joins; j && j->name; j++)
		for (size_t i = 0; i < w->n; i++)
			if (w->of[i] == j)
				return j;
	return NULL;
}

struct judging {
	const struct where *w;
	const struct where_join *join;
};

static enum inro_err judge_row(void *arg, void *row)
{
	const struct judging *g = arg;

	return meets_all(g->w, g->join, row) ? INRO_E_EXISTS : INRO_OK;
}

/* INRO_E_NOT_FOUND when none of those records meets the conditions. */
static enum inro_err find_joined(struct core *c, const struct where *w, const struct where_join *j,
				 const void *row)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = j->theirs,
		  .number = number_of(record_field(w->kind->type, j->mine), row) },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	struct judging g = { w, j };
	enum inro_err e = INRO_OK;

	if (conds[1].number)
		e = store_each(c->store, j->kind->type, &q, judge_row, &g);
	if (e == INRO_E_EXISTS)
		return INRO_OK;
	return e == INRO_OK ? INRO_E_NOT_FOUND : e;
}

static enum inro_err meets_joins(struct core *c, const struct where *w, const void *row)
{
	enum inro_err e = INRO_OK;

	for (const struct where_join *j = next_join(w, NULL); e == INRO_OK && j;
	     j = next_join(w, j))
		e = find_joined(c, w, j, row);
	return e;
}

static enum inro_err foresee_joined(struct core *c, const struct where_join *j, const struct walk *k)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = j->theirs },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	const struct field *mine = record_field(k->w->kind->type, j->mine);
	struct store_place *places = calloc(k->n, sizeof *places);
	const struct store_alike alike = { &q, 1, places, k->n };
	enum inro_err e = places ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for %zu rows", k->n);

	for (size_t i = 0; e == INRO_OK && i < k->n; i++)
		places[i].number = number_of(mine, k->items + i * k->w->kind->type->size);
	if (e == INRO_OK)
		e = store_foresee(c->store, j->kind->type, &alike);
	free(places);
	return e;
}

static enum inro_err judge_joined(struct core *c, const struct walk *k, bool *fits)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < k->n; i++) {
		e = meets_joins(c, k->w, k->items + i * k->w->kind->type->size);
		fits[i] = e == INRO_OK;
		e = e == INRO_E_NOT_FOUND ? INRO_OK : e;
	}
	return e;
}

/* What belongs to all rows is read at once; a database that goes away in the midst of it is asked row by row. */
static enum inro_err judge_page(struct core *c, const struct walk *k, bool *fits)
{
	SCOPED(core_view) view = { 0 };
	enum inro_err e = k->n ? core_view(c, &view) : INRO_OK;

	for (const struct where_join *j = next_join(k->w, NULL); e == INRO_OK && k->n && j; j = next_join(k->w, j))
		e = foresee_joined(c, j, k);
	if (e == INRO_OK)
		e = judge_joined(c, k, fits);
	core_view_clear(&view);
	return e == INRO_E_BUSY ? judge_joined(c, k, fits) : e;
}

/* Drops the rows of a page whose records don't fit; the cursor stays where it is. */
static enum inro_err keep_joined(struct core *c, const struct where *w, struct walk *k)
{
	const size_t size = w->kind->type->size;
	bool fits[PAGE_MAX];
	size_t kept = 0;
	enum inro_err e;

	if (!next_join(w, NULL))
		return INRO_OK;
	e = judge_page(c, k, fits);
	for (size_t i = 0; e == INRO_OK && i < k->n; i++) {
		char *row = k->items + i * size;

		if (!fits[i])
			record_clear(w->kind->type, row);
		else if (kept++ != i)
			memcpy(k->items + (kept - 1) * size, row, size);
	}
	if (e == INRO_OK)
		k->n = kept;
	return e;
}

enum inro_err where_find(struct core *c, const struct where *w, const struct where_page *page,
			 void **ret, size_t *ret_n, char **ret_next)
{
	const struct record_type *t = w->kind->type;
	struct store_cond conds[STORE_COND_MAX];
	struct walk k = { .w = w, .limit = page->limit ? page->limit : PAGE_MAX };
	const struct where_index *x;
	struct store_query q;
	struct place room;
	enum inro_err e = choose(w, page, &x);

	if (e == INRO_OK && k.limit > PAGE_MAX)
		e = err_set(INRO_E_ARG, "a page has up to %d entries, not %zu", PAGE_MAX, k.limit);
	if (e != INRO_OK)
		return e;
	drive(c, w, x, conds, &q);
	k.order = q.order;
	e = take_cursor(page->after, t, &q, &room);
	k.items = e == INRO_OK ? calloc(k.limit, t->size) : NULL;
	if (e == INRO_OK && !k.items)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a page of %zu", k.limit);
	if (e == INRO_OK)
		e = walk_page(c, w, &q, &k);
	if (e == INRO_OK)
		e = keep_joined(c, w, &k);
	if (e != INRO_OK) {
		list_free(t, k.items, k.n);
		free(k.next);
		return e;
	}
	*ret = k.items;
	*ret_n = k.n;
	*ret_next = k.next;
	return INRO_OK;
}

/* ---- how many ---- */

/* Which no store compares. */
static bool has_attrs(const struct where *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->attr[i])
			return true;
	return false;
}

static enum inro_err count_stored(struct core *c, const struct where *w, int64_t *ret)
{
	struct store_cond conds[STORE_COND_MAX];
	const struct store_query q = { .conds = conds, .n = w->n + 1 };

	memcpy(conds, w->conds, w->n * sizeof *conds);
	conds[w->n] = (struct store_cond) { .field = "tenant", .number = c->tenant };
	return store_count(c->store, w->kind->type, &q, ret);
}

static enum inro_err count_page(struct core *c, const struct where *w, struct where_page *page,
				char **cursor, int64_t *n)
{
	void *items = NULL;
	size_t found = 0;
	char *next = NULL;
	enum inro_err e;

	page->after = *cursor;
	e = where_find(c, w, page, &items, &found, &next);
	if (e != INRO_OK)
		return e;
	list_free(w->kind->type, items, found);
	*n += (int64_t)found;
	free(*cursor);
	*cursor = next;
	return INRO_OK;
}

enum inro_err where_count(struct core *c, const struct where *w, int64_t *ret)
{
	struct where_page page = { .steady = true };
	AUTO(free_chars) char *cursor = NULL;
	int64_t n = 0;
	enum inro_err e;

	if (!w->kind->seen && !next_join(w, NULL) && !has_attrs(w))
		return count_stored(c, w, ret);
	do
		e = count_page(c, w, &page, &cursor, &n);
	while (e == INRO_OK && cursor);
	*ret = n;
	return e;
}

enum inro_err where_search(struct core *c, const struct where_kind *kind,
			   const struct where_ask *ask, void **ret, size_t *ret_n, char **ret_next)
{
	SCOPED(where) w = { 0 };
	enum inro_err e = where_parse(c, kind, ask->where, &w);

	if (e == INRO_OK)
		e = ask->more(c, ask->arg, &w);
	return e == INRO_OK ? where_find(c, &w, &ask->page, ret, ret_n, ret_next) : e;
}
