/* pgrows - see pgrows.h. */
#include "backoffice/store/pgrows.h"

#include <endian.h>
#include <string.h>

/* ---- an array (array_recv() of the server) ---- */

#define HEADER 20u /* dimensions, whether some are NULL, the type; how many, and the first one's number */

static const struct {
	uint32_t oid;
	const char *cast;
} kinds[] = {
	[SQL_INT] = { 20, "::bigint[]" },
	[SQL_TEXT] = { 25, "::text[]" },
	[SQL_BYTES] = { 17, "::bytea[]" },
};

static void begin(struct pg_array *a, enum sql_kind kind)
{
	buf_add_u32(&a->b, 1);
	buf_add_u32(&a->b, 1);
	buf_add_u32(&a->b, kinds[kind].oid);
	buf_add_u32(&a->b, 0); /* pg_array_value() */
	buf_add_u32(&a->b, 1);
}

void pg_array_add(struct pg_array *a, enum sql_kind kind, const struct sql_value *v)
{
	if (!a->n++)
		begin(a, kind);
	if (v->kind == SQL_NULL) {
		buf_add_u32(&a->b, UINT32_MAX);
	} else if (kind == SQL_INT) {
		buf_add_u32(&a->b, sizeof(uint64_t));
		buf_add_u64(&a->b, (uint64_t)v->number);
	} else {
		buf_add_field(&a->b, kind == SQL_TEXT ? bytes_of(v->text) : v->bytes);
	}
}

enum inro_err pg_array_value(struct pg_array *a, struct sql_value *ret)
{
	const uint32_t n = htobe32(a->n);
	enum inro_err e = buf_err(&a->b);

	if (e != INRO_OK)
		return e;
	if (a->b.n < HEADER)
		return err_set(INRO_E_ARG, "an array without values");
	memcpy(a->b.p + HEADER - 2 * sizeof n, &n, sizeof n);
	*ret = (struct sql_value) { .kind = SQL_BYTES, .bytes = buf_bytes(&a->b) };
	return INRO_OK;
}

void pg_array_clear(struct pg_array *a)
{
	buf_clear(&a->b);
	a->n = 0;
}

/* ---- rows ---- */

bool pg_rows_full(const struct pg_rows *rows)
{
	return rows->n == PG_ROWS_MAX || rows->bytes >= PG_ROWS_BYTES;
}

bool pg_rows_have(const struct pg_rows *rows, int64_t id)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->ids[i] == id)
			return true;
	return false;
}

static void add_column(struct pg_rows *rows, const struct field *f)
{
	if (f->kind != FIELD_MODEL)
		rows->fields[rows->columns_n++] = f;
}

/* An update has the id last. */
void pg_rows_begin(struct pg_rows *rows, const struct record_type *t, enum sql_write how)
{
	rows->type = t;
	rows->how = how;
	rows->columns_n = 0;
	if (how == SQL_INSERT)
		add_column(rows, &t->fields[0]);
	for (size_t i = 1; i < t->n; i++)
		add_column(rows, &t->fields[i]);
	if (how == SQL_UPDATE)
		add_column(rows, &t->fields[0]);
}

void pg_rows_add(struct pg_rows *rows, int64_t id, const struct sql *row)
{
	rows->bytes = 0;
	for (size_t i = 0; i < row->n && i < rows->columns_n; i++) {
		struct pg_array *a = &rows->columns[i];

		pg_array_add(a, sql_field_kind(rows->fields[i]), &row->values[i]);
		rows->bytes += a->b.n;
	}
	rows->ids[rows->n++] = id;
}

/* unnest($1::bigint[], ...): a row for each place in the arrays. */
static void write_arrays(const struct pg_rows *rows, struct buf *b)
{
	buf_add_str(b, "unnest(");
	for (size_t i = 0; i < rows->columns_n; i++)
		buf_addf(b, "%s$%zu%s", i ? ", " : "", i + 1, kinds[sql_field_kind(rows->fields[i])].cast);
	buf_add_str(b, ")");
}

static void write_names(const struct pg_rows *rows, struct buf *b)
{
	for (size_t i = 0; i < rows->columns_n; i++)
		buf_addf(b, "%s%s", i ? ", " : "", rows->fields[i]->name);
}

static void write_insert(const struct pg_rows *rows, struct buf *b)
{
	buf_addf(b, "INSERT INTO %s (", rows->type->table);
	write_names(rows, b);
	buf_add_str(b, ") SELECT * FROM ");
	write_arrays(rows, b);
}

static void write_update(const struct pg_rows *rows, struct buf *b)
{
	buf_addf(b, "UPDATE %s SET ", rows->type->table);
	for (size_t i = 0; i + 1 < rows->columns_n; i++)
		buf_addf(b, "%s%s = its.%s", i ? ", " : "", rows->fields[i]->name, rows->fields[i]->name);
	buf_add_str(b, " FROM ");
	write_arrays(rows, b);
	buf_add_str(b, " AS its (");
	write_names(rows, b);
	buf_addf(b, ") WHERE %s.id = its.id", rows->type->table);
}

static enum inro_err text_of(const struct pg_rows *rows, struct texts *texts, struct text_kept **ret)
{
	static const char of_rows[] = "rows";
	const void *const pieces[] = { of_rows, rows->type, rows->how == SQL_UPDATE ? of_rows : of_rows + 1 };
	const struct text_key key = { pieces, ARRAY_LEN(pieces) };
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	*ret = texts_find(texts, key);
	if (*ret)
		return INRO_OK;
	(rows->how == SQL_UPDATE ? write_update : write_insert)(rows, &text);
	buf_add_u8(&text, 0);
	e = buf_err(&text);
	return e == INRO_OK ? texts_keep(texts, key, (const char *)text.p, ret) : e;
}

enum inro_err pg_rows_sql(struct pg_rows *rows, struct texts *texts, struct sql *s, struct text_kept **ret)
{
	enum inro_err e = text_of(rows, texts, ret);

	s->n = rows->columns_n;
	for (size_t i = 0; e == INRO_OK && i < s->n; i++)
		e = pg_array_value(&rows->columns[i], &s->values[i]);
	return e;
}

void pg_rows_reset(struct pg_rows *rows)
{
	for (size_t i = 0; i < SQL_VALUES_MAX; i++) {
		buf_reset(&rows->columns[i].b);
		rows->columns[i].n = 0;
	}
	rows->n = rows->bytes = 0;
}

void pg_rows_clear(struct pg_rows *rows)
{
	for (size_t i = 0; i < SQL_VALUES_MAX; i++)
		pg_array_clear(&rows->columns[i]);
	rows->n = rows->bytes = 0;
}
