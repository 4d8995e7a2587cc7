/* foreseen - see foreseen.h. */
#include "backoffice/store/foreseen.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/store/backend.h"
#include "backoffice/store/sql.h"

#define NO_ROW SIZE_MAX

struct kept_row {
	int64_t id;
	void *record;
	size_t next; /* of the same answer, by ids; NO_ROW */
};

struct answer {
	uint64_t hash;
	size_t at, n; /* the value, in `values` */
	size_t first;
	bool known;
};

/* Of queries that are alike. */
struct set {
	const struct record_type *type; /* NULL: none */
	const struct field *field;	/* that varies */
	size_t varied, conds_n;
	const struct field *conds[STORE_COND_MAX]; /* of all */
	struct buf key; /* the other conditions */
	struct buf values;
	struct answer *answers; /* open addressing; size a power of two */
	size_t size;
	struct kept_row *rows;
	size_t rows_n, rows_size;
};

struct foreseen {
	struct set sets[FORESEEN_SETS];
	size_t turn; /* whose place is taken next */
};

static void set_clear(struct set *s)
{
	for (size_t i = 0; i < s->rows_n; i++) {
		record_clear(s->type, s->rows[i].record);
		free(s->rows[i].record);
	}
	free(s->rows);
	free(s->answers);
	buf_clear(&s->key);
	buf_clear(&s->values);
	*s = (struct set) { 0 };
}

enum inro_err foreseen_new(struct foreseen **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a store");
}

void foreseen_forget(struct foreseen *f)
{
	for (size_t i = 0; i < FORESEEN_SETS; i++)
		set_clear(&f->sets[i]);
	f->turn = 0;
}

void foreseen_free(struct foreseen *f)
{
	if (f)
		foreseen_forget(f);
	free(f);
}

/* ---- which query it is ---- */

static void add_cond(struct buf *b, const struct store_cond *c)
{
	buf_add_field(b, bytes_of(text_or_empty(c->field)));
	buf_add_u8(b, (uint8_t)c->op);
	buf_add_u64(b, (uint64_t)c->number);
	buf_add_field(b, bytes_of(text_or_empty(c->text)));
	buf_add_field(b, c->bytes);
	for (size_t i = 0; c->op == STORE_IN && i < c->n; i++)
		buf_add_u64(b, (uint64_t)c->numbers[i]);
}

static enum inro_err add_others(struct buf *b, const struct store_query *q, size_t varied)
{
	for (size_t i = 0; i < q->n; i++)
		if (i != varied)
			add_cond(b, &q->conds[i]);
	return buf_err(b);
}

/* The octets of what the varied condition asks for; false: of none. */
static bool value_of(const struct field *f, int64_t number, const char *text, struct bytes bytes, uint64_t *room,
		     struct bytes *ret)
{
	enum sql_kind kind = sql_field_kind(f);

	*room = (uint64_t)number;
	*ret = kind == SQL_INT ? BYTES(room, sizeof *room) : kind == SQL_TEXT ? bytes_of(text_or_empty(text)) : bytes;
	return ret->n && (f->kind != FIELD_REF || number);
}

/* FNV-1a: who makes values collide waits for his own rows. */
static uint64_t hash_of(struct bytes value)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < value.n; i++)
		h = (h ^ value.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32 ^ 1;
}

/* Where it is, or where it would go. */
static struct answer *answer_to(const struct set *s, struct bytes value)
{
	uint64_t h = hash_of(value);
	size_t at = h & (s->size - 1);

	while (s->answers[at].n && !(s->answers[at].hash == h &&
				     bytes_equal(value, BYTES(s->values.p + s->answers[at].at, s->answers[at].n))))
		at = (at + 1) & (s->size - 1);
	return &s->answers[at];
}

static void forget_answer(struct set *s, struct bytes value)
{
	answer_to(s, value)->known = false;
}

/* ---- reading ---- */

static bool has_alternatives(const struct store_query *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->conds[i].op == STORE_OR)
			return true;
	return false;
}

static enum inro_err check(const struct record_type *t, const struct store_alike *a)
{
	const struct store_query *q = a->q;
	const struct store_cond *c = a->varied < q->n ? &q->conds[a->varied] : NULL;
	const struct field *f = c ? record_field(t, c->field) : NULL;
	bool plain = f && (f->kind == FIELD_INT || f->kind == FIELD_REF || f->kind == FIELD_TEXT ||
			   f->kind == FIELD_SPARSE || f->kind == FIELD_BLOB);

	if (!plain || c->op != STORE_EQ || (size_t)(f - t->fields) >= record_columns(t))
		return err_set(INRO_E_ARG, "a %s is not foreseen by '%s'", t->what, c ? c->field : "");
	if (q->n > STORE_COND_MAX || q->after || q->order || q->limit || q->backward || q->unordered)
		return err_set(INRO_E_ARG, "a page of a list is not foreseen");
	if (has_alternatives(q)) /* a row may meet them by another one's value */
		return err_set(INRO_E_ARG, "alternatives are not foreseen");
	return INRO_OK;
}

static enum inro_err begin_set(struct set *s, const struct record_type *t, const struct store_alike *a)
{
	enum inro_err e = add_others(&s->key, a->q, a->varied);

	s->type = t;
	s->field = record_field(t, a->q->conds[a->varied].field);
	s->varied = a->varied;
	s->conds_n = a->q->n;
	for (size_t i = 0; i < a->q->n; i++)
		s->conds[i] = record_field(t, a->q->conds[i].field);
	for (s->size = 16; s->size < 2 * a->n;)
		s->size *= 2;
	s->answers = calloc(s->size, sizeof *s->answers);
	if (e == INRO_OK && !s->answers)
		e = err_set(INRO_E_NO_MEMORY, "no memory for %zu answers", a->n);
	return e;
}

/* Those that are values, each once, into `ret`. */
static enum inro_err take_values(struct set *s, const struct store_alike *a, struct store_place *ret, size_t *ret_n)
{
	*ret_n = 0;
	for (size_t i = 0; i < a->n; i++) {
		const struct store_place *p = &a->values[i];
		struct answer *to;
		struct bytes value;
		uint64_t room;

		if (!value_of(s->field, p->number, p->text, p->bytes, &room, &value))
			continue;
		to = answer_to(s, value);
		if (to->n)
			continue;
		*to = (struct answer) { hash_of(value), s->values.n, value.n, NO_ROW, true };
		buf_add(&s->values, value);
		if (buf_err(&s->values) != INRO_OK)
			break;
		ret[(*ret_n)++] = *p;
	}
	return buf_err(&s->values);
}

static enum inro_err room_for_row(struct set *s)
{
	size_t size = s->rows_size ? s->rows_size * 2 : 64;
	struct kept_row *more;

	if (s->rows_n < s->rows_size)
		return INRO_OK;
	more = realloc(s->rows, size * sizeof *more);
	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu rows", size);
	s->rows = more;
	s->rows_size = size;
	return INRO_OK;
}

static void put_in_order(struct set *s, struct answer *to, size_t row)
{
	size_t *at = &to->first;

	while (*at != NO_ROW && s->rows[*at].id < s->rows[row].id)
		at = &s->rows[*at].next;
	s->rows[row].next = *at;
	*at = row;
}

static bool field_value(const struct field *f, const void *record, uint64_t *room, struct bytes *ret)
{
	struct sql_value v;

	if (sql_field_value(f, record, &v) != INRO_OK || v.kind == SQL_NULL)
		return false;
	return value_of(f, v.number, v.text, v.bytes, room, ret);
}

static enum inro_err take_row(void *arg, void *record)
{
	struct set *s = arg;
	struct kept_row *row;
	struct bytes value;
	uint64_t room;
	enum inro_err e = room_for_row(s);

	if (e != INRO_OK || !field_value(s->field, record, &room, &value))
		return e;
	row = &s->rows[s->rows_n];
	memcpy(&row->id, (const char *)record + s->type->fields[0].offset, sizeof row->id);
	row->record = malloc(s->type->size);
	if (!row->record)
		return err_set(INRO_E_NO_MEMORY, "no memory for a %s", s->type->what);
	memcpy(row->record, record, s->type->size);
	put_in_order(s, answer_to(s, value), s->rows_n++);
	memset(record, 0, s->type->size);
	return INRO_OK;
}

static enum inro_err read_set(struct store *s, struct set *set, const struct store_alike *a, struct store_place *values)
{
	struct store_query q = *a->q;
	struct store_alike some = { &q, a->varied, values, 0 };
	enum inro_err e = take_values(set, a, values, &some.n);

	q.any_first = true;
	q.limit = FORESEEN_ROWS + 1;
	if (e == INRO_OK && some.n)
		e = s->ops->among(s, set->type, &some, take_row, set);
	return e;
}

enum inro_err foreseen_read(struct store *s, const struct record_type *t, const struct store_alike *a)
{
	struct set *set = &s->foreseen->sets[s->foreseen->turn++ % FORESEEN_SETS];
	struct store_place *values;
	enum inro_err e = check(t, a);

	set_clear(set);
	if (e != INRO_OK || !a->n || !s->ops->among)
		return e;
	values = calloc(a->n, sizeof *values);
	if (!values)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu values", a->n);
	e = begin_set(set, t, a);
	if (e == INRO_OK)
		e = read_set(s, set, a, values);
	if (e != INRO_OK || set->rows_n > FORESEEN_ROWS)
		set_clear(set);
	free(values);
	return e;
}

/* ---- giving out ---- */

static bool is_like(const struct set *s, const struct record_type *t, const struct store_query *q)
{
	const struct store_cond *c = s->varied < q->n ? &q->conds[s->varied] : NULL;
	SCOPED(buf) key = { 0 };

	if (s->type != t || s->conds_n != q->n || !c || c->op != STORE_EQ || strcmp(c->field, s->field->name) != 0)
		return false;
	return add_others(&key, q, s->varied) == INRO_OK && bytes_equal(buf_bytes(&key), buf_bytes(&s->key));
}

static const struct answer *find(const struct set *s, const struct store_query *q)
{
	const struct store_cond *c = &q->conds[s->varied];
	const struct answer *a;
	struct bytes value;
	uint64_t room;

	if (!value_of(s->field, c->number, c->text, c->bytes, &room, &value))
		return NULL;
	a = answer_to(s, value);
	return a->n && a->known ? a : NULL;
}

static enum inro_err give(const struct set *s, const struct answer *a, size_t most, store_row_fn *row, void *arg)
{
	void *record = calloc(1, s->type->size);
	enum inro_err e = record ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a %s", s->type->what);

	for (size_t i = a->first, n = 0; e == INRO_OK && i != NO_ROW && (!most || n < most); i = s->rows[i].next, n++) {
		e = record_copy(s->type, s->rows[i].record, record);
		if (e == INRO_OK)
			e = row(arg, record);
		record_clear(s->type, record);
	}
	free(record);
	return e;
}

enum inro_err foreseen_each(const struct foreseen *f, const struct record_type *t, const struct store_query *q,
			    store_row_fn *row, void *arg, bool *ret_known)
{
	*ret_known = false;
	if (q->after || q->order || q->backward || q->unordered)
		return INRO_OK;
	for (size_t i = 0; i < FORESEEN_SETS; i++) {
		const struct set *s = &f->sets[i];
		const struct answer *a = s->type == t && is_like(s, t, q) ? find(s, q) : NULL;

		if (!a)
			continue;
		*ret_known = true;
		return give(s, a, q->limit, row, arg);
	}
	return INRO_OK;
}

/* ---- what is written ---- */

/* The answers that the row is in; whether there are any. */
static bool forget_row(struct set *s, int64_t id)
{
	bool found = false;

	for (size_t i = 0; i < s->rows_n; i++) {
		struct bytes value;
		uint64_t room;

		if (s->rows[i].id != id)
			continue;
		found = true;
		if (field_value(s->field, s->rows[i].record, &room, &value))
			forget_answer(s, value);
	}
	return found;
}

/* Whether a change of this type's fields may make a row meet the conditions, or no longer. */
static bool decides(const struct set *s, const struct record_type *t)
{
	for (size_t i = 0; i < s->conds_n; i++)
		if (record_field(t, s->conds[i]->name))
			return true;
	return false;
}

static void set_written(struct set *s, const struct record_type *t, const void *r)
{
	const struct field *varied = record_field(t, s->field->name);
	struct bytes value;
	uint64_t room;
	int64_t id;
	bool found;

	memcpy(&id, (const char *)r + t->fields[0].offset, sizeof id);
	found = forget_row(s, id);
	if (varied && field_value(varied, r, &room, &value))
		forget_answer(s, value);
	else if (!varied && !found && decides(s, t))
		set_clear(s); /* for which value is not known */
}

void foreseen_written(struct foreseen *f, const struct record_type *t, const void *r)
{
	for (size_t i = 0; i < FORESEEN_SETS; i++) {
		struct set *s = &f->sets[i];

		if (!s->type || strcmp(s->type->table, t->table) != 0)
			continue;
		if (r)
			set_written(s, t, r);
		else
			set_clear(s);
	}
}
