/* sql_text - pieces become the text of a statement; see sql.h. */
#include "backoffice/store/sql.h"

static void write_columns(const struct record_type *t, bool read, struct buf *b)
{
	const char *join = "";

	for (size_t i = 0; i < record_columns(t); i++) {
		const struct field *f = &t->fields[i];

		if (f->kind == FIELD_MODEL && !read)
			continue;
		buf_add_str(b, join);
		buf_add_str(b, f->kind == FIELD_MODEL ? f->from : f->name);
		join = ", ";
	}
}

static void write_text(const struct sql *s, struct buf *b)
{
	unsigned mark = 0;

	for (size_t i = 0; i < s->pieces_n; i++) {
		const void *piece = s->pieces[i];

		if (piece == SQL_MARK)
			buf_addf(b, "%c%u", s->mark, ++mark);
		else if (piece == s->type || piece == s->type->fields)
			write_columns(s->type, piece == s->type, b);
		else
			buf_add_str(b, piece);
	}
	buf_add_u8(b, 0);
}

enum inro_err sql_text(const struct sql *s, struct texts *texts, struct text_kept **ret)
{
	const struct text_key key = { s->pieces, s->pieces_n };
	struct text_kept *kept = texts_find(texts, key);
	SCOPED(buf) text = { 0 };
	enum inro_err e = INRO_OK;

	if (!kept) {
		write_text(s, &text);
		e = buf_err(&text);
	}
	if (!kept && e == INRO_OK)
		e = texts_keep(texts, key, (const char *)text.p, &kept);
	if (e == INRO_OK)
		*ret = kept;
	return e;
}
