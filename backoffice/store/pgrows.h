/*
 * pgrows - rows that a PostgreSQL server is sent as one statement, and values that it looks for by one: each column, or
 * what is looked for, is an array in libpq's binary form.
 *
 * What a row costs a server beside the row itself (a message, a plan that is started and ended, an answer) is as much as
 * writing it; so it is paid once for many.
 */
#ifndef INRO_BACKOFFICE_STORE_PGROWS_H
#define INRO_BACKOFFICE_STORE_PGROWS_H

#include "backoffice/store/sql.h"

struct pg_array {
	struct buf b;
	uint32_t n;
};

/* kind: of the column, which the value is of or SQL_NULL. */
void pg_array_add(struct pg_array *a, enum sql_kind kind, const struct sql_value *v);
/* As a parameter; `kind` as above, of all. */
MUST_CHECK enum inro_err pg_array_value(struct pg_array *a, struct sql_value *ret);
void pg_array_clear(struct pg_array *a);

#define PG_ROWS_MAX   64
#define PG_ROWS_BYTES (256u << 10)

/* Rows of one type that are all new, or all updated. */
struct pg_rows {
	const struct record_type *type;
	enum sql_write how;
	size_t n, bytes;
	int64_t ids[PG_ROWS_MAX];
	const struct field *fields[SQL_VALUES_MAX]; /* in the order of sql_row()'s values */
	struct pg_array columns[SQL_VALUES_MAX];
	size_t columns_n;
};

/* None yet, of all that were zero. */
void pg_rows_begin(struct pg_rows *rows, const struct record_type *t, enum sql_write how);
bool pg_rows_full(const struct pg_rows *rows);
bool pg_rows_have(const struct pg_rows *rows, int64_t id);
/* One more, as sql_row() built it. */
void pg_rows_add(struct pg_rows *rows, int64_t id, const struct sql *row);
/* All of them: the statement's text, and its values in *s, which borrow from the rows. */
MUST_CHECK enum inro_err pg_rows_sql(struct pg_rows *rows, struct texts *texts, struct sql *s,
				     struct text_kept **ret);
void pg_rows_reset(struct pg_rows *rows); /* none; keeps the memory */
void pg_rows_clear(struct pg_rows *rows);

#endif
