/* where - pages of what meets conditions; see where.h. */
#include "backoffice/core/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"

static const struct where_field device_fields[] = {
	{ "id", "device_id", WHERE_TEXT },
	{ "name", "name", WHERE_TEXT },
	{ "ip", "ip", WHERE_TEXT },
	{ "mac", "mac", WHERE_TEXT },
	{ "host", "hostname", WHERE_TEXT },
	{ "os", "os", WHERE_TEXT },
	{ "serial", "serial", WHERE_TEXT },
	{ "state", "state", WHERE_NAME },
	{ "group", "grp", WHERE_GROUP },
	{ "anchor", "anchor_kind", WHERE_NAME },
	{ "anchor_store", "anchor_store", WHERE_NAME },
	{ "created", "created_ms", WHERE_MS },
	{ "updated", "updated_ms", WHERE_MS },
	{ "deleted", "deleted_ms", WHERE_MS },
	{ 0 },
};
/* Those of store/sql: (tenant, FIELD, id), (grp, state, id), (tenant, state, id). */
static const struct where_index device_indexes[] = {
	{ { "device_id" }, NULL, false },
	{ { "mac" }, NULL, false },
	{ { "serial" }, NULL, false },
	{ { "ip" }, NULL, false },
	{ { "name" }, NULL, false },
	{ { "hostname" }, NULL, false },
	{ { "grp", "state" }, NULL, false },
	{ { 0 }, "device_id", true },
	{ { 0 }, "name", true },
	{ { 0 }, "hostname", true },
	{ { 0 }, "mac", true },
	{ { 0 }, "ip", true },
	{ { "grp" }, "state", false },
	{ { "state" }, NULL, false },
	{ { 0 }, "name", false },
	{ { 0 }, "hostname", false },
	{ { 0 }, "mac", false },
	{ { 0 }, "ip", false },
	{ { 0 }, "device_id", false },
};
const struct where_kind where_devices = { &device_type, device_fields, device_indexes,
					  ARRAY_LEN(device_indexes) };

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
	return op == STORE_EQ	? order == 0
	       : op == STORE_NE ? order != 0
	       : op == STORE_LT ? order < 0
				: order >= 0;
}

static bool meets(const struct field *f, const struct store_cond *c, const void *row)
{
	const char *text = is_text(f) ? text_of(f, row) : "";
	int64_t number = is_text(f) ? *text != 0 : number_of(f, row);

	if (c->op == STORE_NONE || c->op == STORE_SOME)
		return (number != 0) == (c->op == STORE_SOME);
	if (c->op == STORE_IN)
		return is_one_of(number, c);
	if (c->op == STORE_PREFIX)
		return strncmp(text, c->text, strlen(c->text)) == 0;
	/* A time that is not set is neither before nor after another. */
	if (f->kind == FIELD_REF && !number && c->op != STORE_NE)
		return false;
	if (is_text(f))
		return judge(c->op, strcmp(text, c->text));
	return judge(c->op, number < c->number ? -1 : number > c->number);
}

static bool meets_all(const struct where *w, const void *row)
{
	for (size_t i = 0; i < w->n; i++)
		if (!meets(record_field(w->kind->type, w->conds[i].field), &w->conds[i], row))
			return false;
	return true;
}

/* ---- which way the rows are walked ---- */

static const struct store_cond *cond_of(const struct where *w, const char *field, enum store_op op)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->conds[i].op == op && strcmp(w->conds[i].field, field) == 0)
			return &w->conds[i];
	return NULL;
}

static bool index_fits(const struct where *w, const struct where_index *x)
{
	for (size_t i = 0; i < ARRAY_LEN(x->eq) && x->eq[i]; i++)
		if (!cond_of(w, x->eq[i], STORE_EQ))
			return false;
	return !x->prefix || cond_of(w, x->order, STORE_PREFIX);
}

/* The column that people call so, and an order there is; NULL: none. */
static const struct where_index *sorted_by(const struct where_kind *k, const char *sort)
{
	for (const struct where_field *f = k->fields; f->name; f++)
		for (size_t i = 0; strcmp(f->name, sort) == 0 && i < k->indexes_n; i++) {
			const struct where_index *x = &k->indexes[i];

			if (!x->eq[0] && !x->prefix && strcmp(x->order, f->field) == 0)
				return x;
		}
	return NULL;
}

static enum inro_err choose(const struct where *w, const char *sort, const struct where_index **ret)
{
	const struct where_kind *k = w->kind;
	size_t i = 0;

	if (sort) {
		*ret = sorted_by(k, sort);
		return *ret ? INRO_OK
			    : err_set(INRO_E_ARG, "a %s list can't be in the order of '%s'",
				      k->type->what, sort);
	}
	/* Orders without a condition are for `sort`, but for the last. */
	while (i + 1 < k->indexes_n &&
	       (!index_fits(w, &k->indexes[i]) || (!k->indexes[i].eq[0] && !k->indexes[i].prefix)))
		i++;
	*ret = &k->indexes[i];
	return INRO_OK;
}

static void drive(struct core *c, const struct where *w, const struct where_index *x,
		  struct store_cond *conds, struct store_query *q)
{
	const struct store_cond *prefix = x->order ? cond_of(w, x->order, STORE_PREFIX) : NULL;

	*q = (struct store_query) { .conds = conds, .order = x->order, .limit = WHERE_SCAN };
	conds[q->n++] = (struct store_cond) { .field = "tenant", .number = c->tenant };
	for (size_t i = 0; i < ARRAY_LEN(x->eq) && x->eq[i]; i++)
		conds[q->n++] = *cond_of(w, x->eq[i], STORE_EQ);
	if (prefix)
		conds[q->n++] = *prefix;
}

/* ---- cursors: hex of the order's name, the place in it, the row's number ---- */

struct place {
	uint8_t bytes[1024];
	char text[1024];
};

static enum inro_err read_place(struct bytes in, const char *order, struct store_query *q,
				struct place *room)
{
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
	    id > INT64_MAX || number > INT64_MAX || text.n >= sizeof room->text ||
	    (text.n && memchr(text.p, 0, text.n)))
		return err_set(INRO_E_ARG, "this cursor is not of this search");
	snprintf(room->text, sizeof room->text, "%.*s", (int)text.n, (const char *)text.p);
	q->after = (int64_t)id;
	q->at = (struct store_place) { .number = (int64_t)number, .text = room->text };
	return INRO_OK;
}

static enum inro_err take_cursor(const char *cursor, struct store_query *q, struct place *room)
{
	size_t n = 0;

	if (!cursor || !*cursor)
		return INRO_OK;
	if (hex_decode(bytes_of(cursor), room->bytes, sizeof room->bytes, &n) != INRO_OK)
		return err_set(INRO_E_ARG, "this is no cursor of a list");
	return read_place(BYTES(room->bytes, n), q->order, q, room);
}

static enum inro_err make_cursor(const struct record_type *t, const char *order, const void *row,
				 char **ret)
{
	const struct field *f = order ? record_field(t, order) : NULL;
	SCOPED(buf) raw = { 0 };
	SCOPED(buf) hex = { 0 };
	enum inro_err e;

	buf_add_field(&raw, bytes_of(text_or_empty(order)));
	buf_add_field(&raw, bytes_of(f && is_text(f) ? text_of(f, row) : ""));
	buf_add_u64(&raw, f && !is_text(f) ? (uint64_t)number_of(f, row) : 0);
	buf_add_u64(&raw, (uint64_t)number_of(&t->fields[0], row));
	e = buf_err(&raw);
	buf_add_hex(&hex, buf_bytes(&raw));
	buf_add_u8(&hex, 0);
	if (e == INRO_OK)
		e = buf_err(&hex);
	return e == INRO_OK ? text_set(ret, (const char *)hex.p) : e;
}

/* ---- a page ---- */

struct walk {
	const struct where *w;
	const char *order;
	char *items, *next;
	size_t n, limit, seen;
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
	fits = meets_all(k->w, row);
	if (k->seen == WHERE_SCAN || (fits && k->n + 1 == k->limit))
		e = make_cursor(t, k->order, row, &k->next);
	if (e == INRO_OK && fits) {
		memcpy(k->items + k->n++ * t->size, row, t->size);
		memset(row, 0, t->size);
	}
	return e;
}

static enum inro_err walk_page(struct core *c, const struct where *w, struct store_query *q,
			       struct walk *k)
{
	enum inro_err e = store_each(c->store, w->kind->type, q, walk_row, k);
	bool more = e == INRO_E_TOO_SMALL || (e == INRO_OK && k->seen == WHERE_SCAN);

	if (e != INRO_OK && e != INRO_E_TOO_SMALL)
		return e;
	if (!more) {
		free(k->next);
		k->next = NULL;
	}
	return INRO_OK;
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
	enum inro_err e = choose(w, page->sort, &x);

	if (e == INRO_OK && k.limit > PAGE_MAX)
		e = err_set(INRO_E_ARG, "a page has up to %d entries, not %zu", PAGE_MAX, k.limit);
	if (e != INRO_OK)
		return e;
	drive(c, w, x, conds, &q);
	k.order = q.order;
	e = take_cursor(page->after, &q, &room);
	k.items = e == INRO_OK ? calloc(k.limit, t->size) : NULL;
	if (e == INRO_OK && !k.items)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a page of %zu", k.limit);
	if (e == INRO_OK)
		e = walk_page(c, w, &q, &k);
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
