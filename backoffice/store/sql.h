/*
 * sql - the statements that every SQL store needs, written from the record tables.
 *
 * 1. Names in a statement come from record.c alone, also those of states and kinds that rows are
 * compared with; every other value is a parameter.
 * 2. The same call with the same shape gives the same pieces, and those the same text, so that a store
 * prepares it once.  The text is written from the pieces when these have not been seen before: nothing but them
 * goes into it.
 * 3. The text keeps to what SQLite and PostgreSQL both take; parameters are ?1 or $1 by `mark`.
 * Only a page behind a place in an order is asked for otherwise, each in the way that its index is
 * used to the end.
 * 4. What has no value is other than any (STORE_NE), and neither less nor more.
 */
#ifndef INRO_BACKOFFICE_STORE_SQL_H
#define INRO_BACKOFFICE_STORE_SQL_H

#include "backoffice/store/store.h"
#include "backoffice/store/texts.h"

enum sql_kind { SQL_NULL, SQL_INT, SQL_TEXT, SQL_BYTES };

/* Borrows from the record or the condition. */
struct sql_value {
	enum sql_kind kind;
	int64_t number;
	const char *text;
	struct bytes bytes;
};

#define SQL_VALUES_MAX 64
#define SQL_PREFIX_MAX 256 /* a group's path with the slash behind it */

/* A piece of the text is a constant of this program, or stands for more: a type for its columns as they are
 * read, a type's fields for those that a row is written with, SQL_MARK for the next parameter. */
#define SQL_PIECES_MAX 512
#define SQL_MARK       NULL

struct sql {
	char mark; /* '?' or '$' */
	const struct record_type *type;
	const void *pieces[SQL_PIECES_MAX]; /* by their addresses, which last as long as the program */
	size_t pieces_n;
	bool too_long;
	struct sql_value values[SQL_VALUES_MAX];
	size_t n;
	struct buf packed; /* of the one FIELD_PACKED or FIELD_LIKE that a row may have */
	char prefix_end[SQL_PREFIX_MAX + 4]; /* of the one STORE_PREFIX that a query may have */
	bool has_prefix;
	/* The order's field, when the page begins behind a place in it; and whether only rows of
	 * the very value there are asked for. */
	const struct field *behind;
	bool backward, same;
	/* Of '$': this condition is met by any value of an array, and its field's head by any of a second one; NULL: none */
	const struct store_cond *varied;
	const struct sql_value *among;
	bool gives_id; /* of '$': an insert finds the id itself and returns it; no row when it EXISTS */
	int64_t id;    /* of a row that has none yet; 0: the database gives it */
};

/* Empty; returns s.  Before anything else of the struct is used. */
struct sql *sql_start(struct sql *s, char mark);
void sql_clear(struct sql *s);

/* Each builds into *s as sql_start() left it.  INRO_E_ARG names a condition that makes no sense. */
enum sql_write { SQL_INSERT, SQL_UPDATE };
MUST_CHECK enum inro_err sql_row(struct sql *s, const struct record_type *t, const void *r,
				 enum sql_write how);
MUST_CHECK enum inro_err sql_select(struct sql *s, const struct record_type *t,
				    const struct store_query *q);
/* "SELECT each_row(fields) ..." of db_visit(). */
MUST_CHECK enum inro_err sql_visit(struct sql *s, const struct record_type *t,
				   const struct store_query *q);
MUST_CHECK enum inro_err sql_delete(struct sql *s, const struct record_type *t,
				    const struct store_query *q);
MUST_CHECK enum inro_err sql_count(struct sql *s, const struct record_type *t,
				   const struct store_query *q);

/* The least value greater than all that begin with the prefix, in s; false when there is none. */
bool sql_prefix_end(struct sql *s, struct bytes prefix, bool text, struct bytes *ret);

/* The text of what was built. */
MUST_CHECK enum inro_err sql_text(const struct sql *s, struct texts *texts, struct text_kept **ret);

/* What a field of the record is as a value; INRO_E_ARG for an enum that is none. */
MUST_CHECK enum inro_err sql_field_value(const struct field *f, const void *r,
					 struct sql_value *ret);
/* Puts a column's value into the record.  INRO_E_DAMAGED for a name that is not known. */
MUST_CHECK enum inro_err sql_field_load(const struct field *f, const struct sql_value *v, void *r);
/* The kind of column that a field is read as. */
enum sql_kind sql_field_kind(const struct field *f);

#endif
