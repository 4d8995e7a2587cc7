/* sql - statements written from the record tables; see sql.h. */
#include "backoffice/store/sql.h"

#include <string.h>

#include "backoffice/store/delta.h"
#include "backoffice/store/pack.h"

/* Its arrays are long, and what is not used of them is not written. */
struct sql *sql_start(struct sql *s, char mark)
{
	s->mark = mark;
	s->type = NULL;
	s->pieces_n = s->n = 0;
	s->packed = (struct buf) { 0 };
	s->behind = NULL;
	s->too_long = s->has_prefix = s->backward = s->same = false;
	s->gives_id = mark == '$';
	s->varied = NULL;
	s->among = NULL;
	s->id = 0;
	return s;
}

void sql_clear(struct sql *s)
{
	buf_clear(&s->packed);
}

static const enum sql_kind field_kinds[] = {
	[FIELD_INT] = SQL_INT,	  [FIELD_REF] = SQL_INT,   [FIELD_TEXT] = SQL_TEXT,
	[FIELD_BLOB] = SQL_BYTES, [FIELD_NAME] = SQL_TEXT, [FIELD_SPARSE] = SQL_TEXT,
	[FIELD_LENT] = SQL_BYTES, [FIELD_PACKED] = SQL_TEXT,
	[FIELD_MODEL] = SQL_BYTES, [FIELD_LIKE] = SQL_BYTES,
};

enum sql_kind sql_field_kind(const struct field *f)
{
	return field_kinds[f->kind];
}

static struct sql_value value_int(int64_t number)
{
	return (struct sql_value) { .kind = SQL_INT, .number = number };
}

static struct sql_value value_text(const char *text)
{
	return (struct sql_value) { .kind = SQL_TEXT, .text = text_or_empty(text) };
}

static struct sql_value value_bytes(struct bytes bytes)
{
	return (struct sql_value) { .kind = SQL_BYTES, .bytes = bytes };
}

/* One mechanism for a field of a record and for the value of a condition. */
static enum inro_err value_of(const struct field *f, const struct store_cond *c,
			      struct sql_value *ret)
{
	if (f->kind == FIELD_NAME) {
		if (c->number < 0 || (size_t)c->number >= f->names_n)
			return err_set(INRO_E_ARG, "no %s has the number %lld", f->name,
				       (long long)c->number);
		*ret = value_text(f->names[c->number]);
	} else if (f->kind == FIELD_TEXT || f->kind == FIELD_PACKED) {
		*ret = value_text(c->text);
	} else if (f->kind == FIELD_SPARSE) {
		*ret = c->text && *c->text ? value_text(c->text)
					   : (struct sql_value) { .kind = SQL_NULL };
	} else if (sql_field_kind(f) == SQL_BYTES) {
		*ret = c->bytes.n ? value_bytes(c->bytes) : (struct sql_value) { .kind = SQL_NULL };
	} else {
		*ret = value_int(c->number);
		if (f->kind == FIELD_REF && c->number == 0)
			ret->kind = SQL_NULL;
	}
	return INRO_OK;
}

enum inro_err sql_field_value(const struct field *f, const void *r, struct sql_value *ret)
{
	const char *at = (const char *)r + f->offset;
	struct store_cond c = { 0 };
	struct blob blob;
	int name;

	switch (f->kind) {
	case FIELD_INT:
	case FIELD_REF:
		memcpy(&c.number, at, sizeof c.number);
		break;
	case FIELD_TEXT:
	case FIELD_SPARSE:
	case FIELD_PACKED:
		memcpy(&c.text, at, sizeof c.text);
		break;
	case FIELD_BLOB:
	case FIELD_MODEL:
	case FIELD_LIKE:
		memcpy(&blob, at, sizeof blob);
		c.bytes = blob_bytes(&blob);
		break;
	case FIELD_NAME:
		memcpy(&name, at, sizeof name);
		c.number = name;
		break;
	case FIELD_LENT:
		memcpy(&c.bytes, at, sizeof c.bytes);
		break;
	}
	return value_of(f, &c, ret);
}

static void say(struct sql *s, const void *piece)
{
	s->too_long = s->too_long || s->pieces_n == SQL_PIECES_MAX;
	if (!s->too_long)
		s->pieces[s->pieces_n++] = piece;
}

/* To be read, or those that a row is written with. */
static void say_columns(struct sql *s, bool read)
{
	say(s, read ? (const void *)s->type : s->type->fields);
}

/* Appends a parameter mark and remembers its value. */
static enum inro_err add_value(struct sql *s, struct sql_value v)
{
	if (s->n == SQL_VALUES_MAX)
		return err_set(INRO_E_TOO_BIG, "a query has more than %d values", SQL_VALUES_MAX);
	s->values[s->n++] = v;
	say(s, SQL_MARK);
	return INRO_OK;
}

static enum inro_err finish(const struct sql *s, enum inro_err e)
{
	if (e == INRO_OK && s->too_long)
		e = err_set(INRO_E_TOO_BIG, "a query has more than %d parts", SQL_PIECES_MAX);
	return e;
}

/* ---- rows that are written ---- */

static enum inro_err pack_value(struct sql *s, const struct field *f, const void *r,
				struct sql_value *v)
{
	enum inro_err e = INRO_OK;

	if (f->kind == FIELD_PACKED) {
		e = pack_text(v->text, &s->packed);
		v->text = (const char *)s->packed.p;
	} else if (f->kind == FIELD_LIKE && v->bytes.n) {
		e = delta_tell(field_model(f, r), v->bytes, &s->packed);
		v->bytes = buf_bytes(&s->packed);
	}
	return e;
}

static enum inro_err add_field(struct sql *s, const struct field *f, const void *r)
{
	struct sql_value v;
	enum inro_err e = sql_field_value(f, r, &v);

	if (e == INRO_OK)
		e = pack_value(s, f, r, &v);
	return e == INRO_OK ? add_value(s, v) : e;
}

/* The one writer that there is may take the greatest id and one more. */
static enum inro_err add_id(struct sql *s, const struct record_type *t, const void *r)
{
	struct sql_value v;
	enum inro_err e = sql_field_value(&t->fields[0], r, &v);

	if (e != INRO_OK)
		return e;
	if (v.number == 0)
		v.number = s->id;
	if (v.number == 0 && s->gives_id) {
		say(s, "(SELECT coalesce(max(id), 0) + 1 FROM ");
		say(s, t->table);
		say(s, ")");
		return INRO_OK;
	}
	if (v.number == 0)
		v.kind = SQL_NULL;
	return add_value(s, v);
}

static enum inro_err sql_insert(struct sql *s, const struct record_type *t, const void *r)
{
	enum inro_err e;

	say(s, "INSERT INTO ");
	say(s, t->table);
	say(s, " (");
	say_columns(s, false);
	say(s, ") VALUES (");
	e = add_id(s, t, r);
	for (size_t i = 1; i < t->n && e == INRO_OK; i++) {
		if (t->fields[i].kind == FIELD_MODEL)
			continue;
		say(s, ", ");
		e = add_field(s, &t->fields[i], r);
	}
	say(s, s->gives_id ? ") ON CONFLICT DO NOTHING RETURNING id" : ")");
	return finish(s, e);
}

static enum inro_err sql_update(struct sql *s, const struct record_type *t, const void *r)
{
	enum inro_err e = INRO_OK;
	struct sql_value v;

	say(s, "UPDATE ");
	say(s, t->table);
	say(s, " SET ");
	for (size_t i = 1; i < t->n && e == INRO_OK; i++) {
		if (t->fields[i].kind == FIELD_MODEL)
			continue;
		say(s, i > 1 ? ", " : "");
		say(s, t->fields[i].name);
		say(s, " = ");
		e = add_field(s, &t->fields[i], r);
	}
	say(s, " WHERE id = ");
	if (e == INRO_OK)
		e = sql_field_value(&t->fields[0], r, &v);
	if (e == INRO_OK)
		e = add_value(s, v);
	return finish(s, e);
}

enum inro_err sql_row(struct sql *s, const struct record_type *t, const void *r, enum sql_write how)
{
	s->type = t;
	return how == SQL_INSERT ? sql_insert(s, t, r) : sql_update(s, t, r);
}

/* ---- conditions ---- */

static const char *const comparisons[] = {
	[STORE_EQ] = " = ",  [STORE_NE] = " <> ", [STORE_LT] = " < ",
	[STORE_LE] = " <= ", [STORE_GT] = " > ",  [STORE_GE] = " >= ",
};

/* What the place that a page begins behind says already.  A second bound on one side would be the
 * one that the index is entered by, and all before the place be walked through. */
static bool is_implied(const struct sql *s, const struct field *f, enum store_op op)
{
	if (f != s->behind)
		return false;
	if (s->same && (op == STORE_LT || op == STORE_LE || op == STORE_GT || op == STORE_GE))
		return true;
	return s->backward ? op == STORE_LT || op == STORE_LE : op == STORE_GT || op == STORE_GE;
}

/* Not a parameter: an index of some states alone is found only by a word that stands there, and
 * SQLite plans anew with each value that might decide about one. */
static enum inro_err add_name(struct sql *s, const char *name)
{
	say(s, "'");
	say(s, name);
	say(s, "'");
	return INRO_OK;
}

/* What the index has of it: the same bound on its head, but that others may have that too. */
static enum inro_err add_head(struct sql *s, const struct field *f, enum store_op op,
			      struct sql_value v)
{
	static const char *const looser[] = {
		[STORE_EQ] = " = ",  [STORE_LT] = " <= ", [STORE_LE] = " <= ",
		[STORE_GT] = " >= ", [STORE_GE] = " >= ",
	};
	enum inro_err e;

	if (!f->head || v.kind != SQL_BYTES || (size_t)op >= ARRAY_LEN(looser) || !looser[op])
		return INRO_OK;
	if (v.bytes.n > RECORD_HEAD)
		v.bytes.n = RECORD_HEAD;
	say(s, f->head);
	say(s, looser[op]);
	e = add_value(s, v);
	say(s, " AND ");
	return e;
}

static bool may_be_none(const struct field *f)
{
	return f->kind == FIELD_REF || f->kind == FIELD_SPARSE || sql_field_kind(f) == SQL_BYTES;
}

/* What is not there is other than any value; to a database it is neither that nor the same. */
static enum inro_err add_other(struct sql *s, const struct field *f, struct sql_value v)
{
	enum inro_err e;

	say(s, "(");
	say(s, f->name);
	say(s, comparisons[STORE_NE]);
	e = add_value(s, v);
	say(s, " OR ");
	say(s, f->name);
	say(s, " IS NULL)");
	return e;
}

static enum inro_err add_bound(struct sql *s, const struct field *f, enum store_op op,
			       struct sql_value v)
{
	enum inro_err e;

	if (op == STORE_NE && may_be_none(f) && v.kind != SQL_NULL)
		return add_other(s, f, v);
	if (is_implied(s, f, op)) {
		say(s, "1 = 1");
		return INRO_OK;
	}
	e = add_head(s, f, op, v);
	if (e != INRO_OK)
		return e;
	say(s, f->name);
	say(s, comparisons[op]);
	return f->kind == FIELD_NAME ? add_name(s, v.text) : add_value(s, v);
}

static enum inro_err add_prefix(struct sql *s, const struct field *f, const struct store_cond *c)
{
	bool text = f->kind == FIELD_TEXT || f->kind == FIELD_SPARSE;
	struct bytes prefix = text ? bytes_of(text_or_empty(c->text)) : c->bytes;
	struct bytes end;
	enum inro_err e;

	if (s->has_prefix || (!text && sql_field_kind(f) != SQL_BYTES))
		return err_set(INRO_E_ARG, "'%s' can't be searched by its beginning", f->name);
	if (prefix.n > SQL_PREFIX_MAX)
		return err_set(INRO_E_TOO_BIG, "the beginning of '%s' to look for is too long",
			       f->name);
	s->has_prefix = true;
	e = add_bound(s, f, STORE_GE, text ? value_text(c->text) : value_bytes(prefix));
	if (e != INRO_OK || !sql_prefix_end(s, prefix, text, &end))
		return e;
	say(s, " AND ");
	return add_bound(s, f, STORE_LT, text ? value_text(s->prefix_end) : value_bytes(end));
}

/* Said as in the index of those with capitals alone; `lower` folds A to Z in both kinds of database (COLLATE "C"). */
static enum inro_err add_small(struct sql *s, const struct field *f, const struct store_cond *c)
{
	if (f->kind != FIELD_TEXT)
		return err_set(INRO_E_ARG, "'%s' can't be searched in small letters", f->name);
	say(s, f->name);
	say(s, " <> lower(");
	say(s, f->name);
	say(s, ") AND lower(");
	say(s, f->name);
	say(s, ") = ");
	return add_value(s, value_text(c->text));
}

/* The last one is said again up to a power of two, so that there are few texts to prepare. */
static enum inro_err add_set(struct sql *s, const struct field *f, const struct store_cond *c)
{
	enum inro_err e = INRO_OK;
	size_t room = 1;

	if (c->n == 0 || c->n > STORE_IN_MAX || sql_field_kind(f) == SQL_BYTES ||
	    f->kind == FIELD_TEXT || f->kind == FIELD_SPARSE)
		return err_set(INRO_E_ARG, "'%s' can't be one of %zu numbers", f->name, c->n);
	while (room < c->n)
		room *= 2;
	say(s, f->name);
	say(s, " IN (");
	for (size_t i = 0; e == INRO_OK && i < room; i++) {
		size_t at = i < c->n ? i : c->n - 1;
		struct sql_value v;

		say(s, i ? ", " : "");
		e = value_of(f, &(struct store_cond) { .number = c->numbers[at] }, &v);
		if (e == INRO_OK)
			e = add_value(s, v);
	}
	say(s, ")");
	return e;
}

static bool has_prefix_of_bytes(const struct record_type *t, const struct store_query *q)
{
	for (size_t i = 0; i < q->n; i++) {
		const struct field *f =
			q->conds[i].op == STORE_PREFIX ? record_field(t, q->conds[i].field) : NULL;

		if (f && sql_field_kind(f) == SQL_BYTES)
			return true;
	}
	return false;
}

/* Nothing but ids beside the tenant. */
static bool is_by_id(const struct store_query *q)
{
	for (size_t i = 1; i < q->n; i++)
		if (!q->conds[i].field || strcmp(q->conds[i].field, "id") != 0)
			return false;
	return true;
}

/* SQLite takes any index that begins with the tenant for one that finds few rows, and sorts them:
 * where there is a better way, the plus keeps it from that. */
static bool hides_tenant(const struct sql *s, const struct record_type *t,
			 const struct store_query *q)
{
	if (s->mark != '?' || !q->n || q->conds[0].op != STORE_EQ ||
	    strcmp(q->conds[0].field, "tenant") != 0)
		return false;
	return (is_by_id(q) && !q->order) || has_prefix_of_bytes(t, q);
}

/* Stored otherwise than it is shown, or not in this table. */
static bool is_packed(const struct field *f)
{
	return f->kind == FIELD_PACKED || f->kind == FIELD_LIKE || f->kind == FIELD_MODEL;
}

static enum inro_err add_any(struct sql *s, const char *name, enum sql_kind kind, struct sql_value array)
{
	static const char *const ends[] = { [SQL_INT] = "::bigint[])", [SQL_TEXT] = "::text[])", [SQL_BYTES] = "::bytea[])" };
	enum inro_err e;

	say(s, name);
	say(s, " = ANY(");
	e = add_value(s, array);
	say(s, ends[kind]);
	return e;
}

static enum inro_err add_among(struct sql *s, const struct field *f)
{
	enum inro_err e = f->head ? add_any(s, f->head, sql_field_kind(f), s->among[1]) : INRO_OK;

	if (f->head)
		say(s, " AND ");
	return e == INRO_OK ? add_any(s, f->name, sql_field_kind(f), s->among[0]) : e;
}

static enum inro_err add_cond(struct sql *s, const struct record_type *t,
			      const struct store_cond *c)
{
	const struct field *f = record_field(t, c->field);
	struct sql_value v;
	enum inro_err e;

	if (!f)
		return err_set(INRO_E_ARG, "a %s has no field '%s'", t->what, c->field);
	if (is_packed(f) && !(f->kind == FIELD_LIKE && (c->op == STORE_NONE || c->op == STORE_SOME)))
		return err_set(INRO_E_ARG, "'%s' can't be searched", f->name);
	if (c == s->varied)
		return add_among(s, f);
	if (c->op == STORE_PREFIX)
		return add_prefix(s, f, c);
	if (c->op == STORE_IN)
		return add_set(s, f, c);
	if (c->op == STORE_SMALL)
		return add_small(s, f, c);
	if (c->op == STORE_NONE || c->op == STORE_SOME) {
		say(s, f->name);
		say(s, c->op == STORE_SOME ? " IS NOT NULL" : " IS NULL");
		return INRO_OK;
	}
	e = value_of(f, c, &v);
	return e == INRO_OK ? add_bound(s, f, c->op, v) : e;
}

static enum inro_err add_conds(struct sql *s, const struct record_type *t,
			       const struct store_query *q)
{
	const char *join = "";
	enum inro_err e = INRO_OK;

	if (q->n > STORE_COND_MAX)
		return err_set(INRO_E_TOO_BIG, "a query has more than %d conditions",
			       STORE_COND_MAX);
	say(s, hides_tenant(s, t, q) ? " WHERE ((+" : " WHERE ((");
	for (size_t i = 0; i < q->n && e == INRO_OK; i++) {
		bool other = q->conds[i].op == STORE_OR;

		say(s, other ? ") OR (" : join);
		join = other ? "" : " AND ";
		if (!other)
			e = add_cond(s, t, &q->conds[i]);
	}
	say(s, q->n ? "))" : "1 = 1))");
	return e;
}

/* The order's value in the row that was seen last. */
static enum inro_err place_value(const struct field *f, const struct store_query *q,
				 struct sql_value *ret)
{
	const struct store_cond at = { .number = q->at.number,
				       .text = q->at.text,
				       .bytes = q->at.bytes };
	enum inro_err e = value_of(f, &at, ret);

	if (e == INRO_OK && ret->kind == SQL_NULL)
		return err_set(INRO_E_ARG, "the place in the order of '%s' has no value", f->name);
	return e;
}

/* Rows behind the one with this id and, in this order's field (NULL: none), this value: in SQLite
 * those of the same value, or those of values behind it, since it finds a row by both in an index
 * only when they are asked for one by one. */
enum after { AFTER, AFTER_SAME, AFTER_OTHERS };

static enum inro_err add_after(struct sql *s, const struct field *f, const struct store_query *q,
			       enum after which)
{
	static const enum store_op ways[] = { STORE_GT, STORE_LT };
	const char *than = q->backward ? " < " : " > ";
	const struct sql_value id = value_int(q->after);
	struct sql_value v;
	enum inro_err e;

	if (!f) {
		say(s, " AND id");
		say(s, than);
		return add_value(s, id);
	}
	e = place_value(f, q, &v);
	say(s, " AND ");
	if (e == INRO_OK)
		e = add_head(s, f, which == AFTER_SAME ? STORE_EQ : ways[q->backward], v);
	say(s, which == AFTER ? "(" : "");
	say(s, f->name);
	say(s, which == AFTER ? ", id)" : "");
	say(s, which == AFTER_SAME ? " = " : than);
	say(s, which == AFTER ? "(" : "");
	if (e == INRO_OK)
		e = add_value(s, v);
	if (which == AFTER_OTHERS || e != INRO_OK)
		return e;
	say(s, which == AFTER ? ", " : " AND id");
	say(s, which == AFTER ? "" : than);
	e = add_value(s, id);
	say(s, which == AFTER ? ")" : "");
	return e;
}

static void add_order_by(struct sql *s, const char *name, const char *way)
{
	say(s, name);
	say(s, way);
	say(s, ", ");
}

static void add_order(struct sql *s, const struct field *f, const struct store_query *q)
{
	const char *way = q->backward ? " DESC" : "";

	say(s, " ORDER BY ");
	if (f && f->head)
		add_order_by(s, f->head, way);
	if (f)
		add_order_by(s, f->name, way);
	say(s, "id");
	say(s, way);
}

static enum inro_err add_limit(struct sql *s, const struct store_query *q)
{
	if (!q->limit)
		return INRO_OK;
	say(s, " LIMIT ");
	return add_value(s, value_int((int64_t)q->limit));
}

/* Then the row at the place may have met another than the one with the bound. */
static bool has_alternatives(const struct store_query *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->conds[i].op == STORE_OR)
			return true;
	return false;
}

static enum inro_err add_rows(struct sql *s, const struct record_type *t,
			      const struct store_query *q, const struct field *f, enum after which)
{
	enum inro_err e;

	s->has_prefix = false;
	s->behind = q->after && !has_alternatives(q) ? f : NULL;
	s->backward = q->backward;
	s->same = which == AFTER_SAME;
	say(s, "SELECT ");
	say_columns(s, true);
	say(s, " FROM ");
	say(s, t->table);
	e = add_conds(s, t, q);
	if (f && may_be_none(f)) {
		say(s, " AND ");
		say(s, f->name);
		say(s, " IS NOT NULL");
	}
	if (e == INRO_OK && q->after)
		e = add_after(s, f, q, which);
	if (!q->unordered && !q->any_first)
		add_order(s, f, q);
	return e == INRO_OK ? add_limit(s, q) : e;
}

static enum inro_err add_both(struct sql *s, const struct record_type *t,
			      const struct store_query *q, const struct field *f)
{
	enum inro_err e;

	say(s, "SELECT * FROM (");
	e = add_rows(s, t, q, f, AFTER_SAME);
	say(s, ") UNION ALL SELECT * FROM (");
	if (e == INRO_OK)
		e = add_rows(s, t, q, f, AFTER_OTHERS);
	say(s, ")");
	return e == INRO_OK ? add_limit(s, q) : e;
}

enum inro_err sql_select(struct sql *s, const struct record_type *t, const struct store_query *q)
{
	const struct field *f = q->order ? record_field(t, q->order) : NULL;
	enum inro_err e;

	s->type = t;
	if (q->order && (!f || is_packed(f)))
		return finish(s, err_set(INRO_E_ARG, "a %s has no field '%s' to order by", t->what,
				      q->order));
	if (f == &t->fields[0])
		f = NULL;
	if (f && q->after && s->mark == '?')
		e = add_both(s, t, q, f);
	else
		e = add_rows(s, t, q, f, AFTER);
	return finish(s, e);
}

enum inro_err sql_visit(struct sql *s, const struct record_type *t, const struct store_query *q)
{
	s->type = t;
	say(s, "SELECT each_row(");
	say_columns(s, true);
	say(s, ") FROM ");
	say(s, t->table);
	return finish(s, add_conds(s, t, q));
}

enum inro_err sql_delete(struct sql *s, const struct record_type *t, const struct store_query *q)
{
	s->type = t;
	say(s, "DELETE FROM ");
	say(s, t->table);
	return finish(s, add_conds(s, t, q));
}

enum inro_err sql_count(struct sql *s, const struct record_type *t, const struct store_query *q)
{
	s->type = t;
	say(s, "SELECT count(*) FROM ");
	say(s, t->table);
	return finish(s, add_conds(s, t, q));
}
