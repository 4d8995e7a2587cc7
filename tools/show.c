/*
 * show - tables, records and sentences, all from one JSON document.
 *
 * A column's key names a member of the object; a member that is missing or null shows as "-".
 */
#include "tools/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/text.h"

#define REAL_DIGITS 6 /* of seconds and rates; what is counted is an integer */

static void add_list(json_t *list, struct buf *out);
static void add_members(json_t *object, struct buf *out);

/* One value on one line. */
static void add_value(json_t *v, struct buf *out)
{
	if (json_is_string(v))
		text_add_safe(BYTES(json_string_value(v), json_string_length(v)), out);
	else if (json_is_integer(v))
		buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		buf_add_str(out, json_is_true(v) ? "yes" : "no");
	else if (json_array_size(v))
		add_list(v, out);
	else if (json_object_size(v))
		add_members(v, out);
	else
		buf_add_str(out, "-");
}

static void add_list(json_t *list, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		buf_add_str(out, i ? ", " : "");
		add_value(json_array_get(list, i), out);
	}
}

static void add_members(json_t *object, struct buf *out)
{
	const char *key;
	json_t *value;
	bool first = true;
	json_object_foreach(object, key, value)
	{
		buf_addf(out, "%s%s=", first ? "" : " ", key);
		add_value(value, out);
		first = false;
	}
}

static void pad(struct buf *out, size_t n)
{
	while (n--)
		buf_add_u8(out, ' ');
}

/* ---- tables ---- */

static size_t value_width(json_t *v)
{
	SCOPED(buf) text = { 0 };
	add_value(v, &text);
	return text_width(buf_bytes(&text));
}

static size_t column_width(json_t *rows, const struct cmd_column *column)
{
	size_t width = strlen(column->heading);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *v = json_object_get(json_array_get(rows, i), column->key);
		size_t w = value_width(v);
		width = w > width ? w : width;
	}
	return width;
}

static void add_cell(struct buf *out, struct bytes text, size_t width, bool last)
{
	buf_add(out, text);
	if (!last)
		pad(out, width - text_width(text) + 2);
}

static void add_row(json_t *row, const struct cmd_column *columns, const size_t *widths,
		    struct buf *out)
{
	for (size_t k = 0; columns[k].key; k++) {
		SCOPED(buf) text = { 0 };
		if (row)
			add_value(json_object_get(row, columns[k].key), &text);
		else
			buf_add_str(&text, columns[k].heading);
		add_cell(out, buf_bytes(&text), widths[k], !columns[k + 1].key);
	}
	buf_add_u8(out, '\n');
}

static bool has_value(json_t *rows, const char *key)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *v = json_object_get(json_array_get(rows, i), key);
		if (v && !json_is_null(v))
			return true;
	}
	return false;
}

static void add_rows(const struct cmd_verb *v, json_t *rows, bool heading, struct buf *out)
{
	struct cmd_column columns[CMD_MAX_COLUMNS + 1] = { 0 };
	size_t widths[CMD_MAX_COLUMNS] = { 0 }, n = 0;
	for (const struct cmd_column *k = v->columns; k->key && n < CMD_MAX_COLUMNS; k++)
		if (!v->rare || strcmp(k->key, v->rare) != 0 || has_value(rows, k->key))
			columns[n++] = *k;
	for (size_t k = 0; columns[k].key && k < CMD_MAX_COLUMNS; k++)
		widths[k] = column_width(rows, &columns[k]);
	if (heading)
		add_row(NULL, columns, widths, out);
	for (size_t i = 0; i < json_array_size(rows); i++)
		add_row(json_array_get(rows, i), columns, widths, out);
}

/* An array; or a page of one, {"items": [...], "next": CURSOR}. */
static void show_table(const struct cmd_verb *v, json_t *doc, struct buf *out)
{
	json_t *rows = json_is_object(doc) ? json_object_get(doc, "items") : doc;
	const char *next = json_string_value(json_object_get(doc, "next"));
	if (json_array_size(rows))
		add_rows(v, rows, true, out);
	else
		buf_addf(out, "%s\n", v->empty);
	if (next)
		buf_addf(out, "there are more: --after %s\n", next);
}

/* ---- the other shapes ---- */

/* Several objects are a line each. */
static void add_lines(json_t *list, size_t indent, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i) {
			buf_add_u8(out, '\n');
			pad(out, indent);
		}
		add_value(json_array_get(list, i), out);
	}
}

static void show_record(const struct cmd_verb *v, json_t *doc, struct buf *out)
{
	size_t width = 0;
	for (const struct cmd_column *k = v->columns; k->key; k++)
		width = strlen(k->heading) > width ? strlen(k->heading) : width;
	for (const struct cmd_column *k = v->columns; k->key; k++) {
		json_t *value = json_object_get(doc, k->key);

		add_cell(out, bytes_of(k->heading), width, false);
		if (json_is_object(json_array_get(value, 0)))
			add_lines(value, width + 2, out);
		else
			add_value(value, out);
		buf_add_u8(out, '\n');
	}
}

/* Of "{key:one|many}" the word for the number. */
static void add_word(json_t *doc, const char *key, struct bytes words, struct buf *out)
{
	const char *bar = memchr(words.p, '|', words.n);
	size_t one = bar ? (size_t)(bar - (const char *)words.p) : words.n;
	bool many = bar && json_integer_value(json_object_get(doc, key)) != 1;

	buf_add(out, many ? BYTES(bar + 1, words.n - one - 1) : BYTES(words.p, one));
}

/* "token {label} is made", with each {key} filled in, and {key:one|many} by its number. */
static void show_said(const struct cmd_verb *v, json_t *doc, struct buf *out)
{
	const char *s = v->said;
	for (const char *open; (open = strchr(s, '{')); s = strchr(open, '}') + 1) {
		char key[32] = "";
		size_t n = strcspn(open + 1, ":}"), all = strcspn(open + 1, "}");
		buf_add(out, BYTES(s, (size_t)(open - s)));
		snprintf(key, sizeof key, "%.*s", (int)n, open + 1);
		if (n < all)
			add_word(doc, key, BYTES(open + 2 + n, all - n - 1), out);
		else
			add_value(json_object_get(doc, key), out);
	}
	buf_addf(out, "%s\n", s);
}

static void show_steps(const struct cmd_verb *v, json_t *doc, struct buf *out)
{
	json_t *file = json_object_get(doc, "file");
	add_rows(v, json_object_get(doc, "steps"), false, out);
	show_said(v, doc, out);
	if (file) {
		buf_add_str(out, "it is in ");
		add_value(file, out);
		buf_add_u8(out, '\n');
	}
}

static void show_raw(json_t *doc, const char *key, struct buf *out)
{
	json_t *v = json_object_get(doc, key);
	buf_add(out, BYTES(json_string_value(v), json_string_length(v)));
}

static void show_summary(json_t *doc, struct buf *out)
{
	if (!json_object_get(doc, "summary"))
		return;
	show_raw(doc, "summary", out);
	buf_add_u8(out, '\n');
}

static void show_pem(const struct cmd_verb *v, json_t *doc, struct buf *out)
{
	(void)v;
	if (json_object_get(doc, "pem"))
		show_raw(doc, "pem", out);
	else
		show_summary(doc, out);
}

static void show_text(const struct cmd_verb *v, json_t *doc, struct buf *out)
{
	(void)v;
	show_raw(doc, "text", out);
}

static void (*const shapes[SHOW__SHAPES])(const struct cmd_verb *, json_t *, struct buf *) = {
	[SHOW_SAID] = show_said,   [SHOW_TABLE] = show_table, [SHOW_RECORD] = show_record,
	[SHOW_STEPS] = show_steps, [SHOW_PEM] = show_pem,     [SHOW_TEXT] = show_text,
};

/* A part of a list is an array like the whole; its cursor is told beside it (out.c). */
static void show_json(const struct cmd_verb *v, json_t *doc, struct buf *out)
{
	json_t *items = v->shape == SHOW_TABLE ? json_object_get(doc, "items") : NULL;
	AUTO(free_chars) char *text = json_dumps(items ? items : doc, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(REAL_DIGITS));
	if (!text) {
		out->err = INRO_E_NO_MEMORY;
		return;
	}
	buf_addf(out, "%s\n", text);
	wipe(text, strlen(text)); /* it may have a key in it */
}

enum inro_err show_result(const struct call *c, json_t *doc, struct buf *out)
{
	if (c->json)
		show_json(c->verb, doc, out);
	else if (json_object_get(doc, "file") && json_object_get(doc, "summary"))
		show_summary(doc, out);
	else if (json_object_get(doc, "file") && c->verb->said && c->verb->shape != SHOW_STEPS)
		show_said(c->verb, doc, out);
	else
		shapes[c->verb->shape](c->verb, doc, out);
	return buf_err(out);
}
