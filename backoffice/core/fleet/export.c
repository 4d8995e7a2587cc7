/* export - devices as CSV that import takes, or as a JSON object a line; see import.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/import.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/json.h"
#include "base/clock.h"

/* The last group's path: devices of one group come one after the other, mostly. */
struct exporting {
	struct core *c;
	FILE *to;
	int64_t group;
	char *path;
	struct buf line;
};

static const char *const headings[] = { "id",		"name",	 "state",  "ip",     "mac",
					"host",		"os",	 "group",  "serial", "anchor",
					"anchor_store", "attrs", "created" };

/* The values in the order of the headings; anchor and created are in rooms. */
struct cells {
	const char *at[ARRAY_LEN(headings)];
	struct buf anchor;
	char created[32];
};

static void fill_cells(const struct device *d, const char *path, struct cells *x)
{
	const char *const values[] = { d->device_id,
				       d->name,
				       device_state_names[d->state],
				       d->ip,
				       d->mac,
				       d->hostname,
				       d->os,
				       path,
				       d->serial,
				       (const char *)x->anchor.p,
				       d->anchor.n ? anchor_store_names[d->anchor_store] : "",
				       d->attrs,
				       x->created };

	clock_format(d->created_ms / 1000, x->created, sizeof x->created);
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		x->at[i] = text_or_empty(values[i]);
}

static void csv_line(const struct cells *x, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		csv_add(out, x->at[i], i == 0);
	buf_add_str(out, "\r\n");
}

static void json_line(const struct cells *x, struct buf *out)
{
	AUTO(json_drop) json_t *object = json_object();
	AUTO(free_chars) char *text = NULL;

	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		if (*x->at[i])
			json_object_set_new(object, headings[i],
					    strcmp(headings[i], "attrs") == 0
						    ? json_loads(x->at[i], 0, NULL)
						    : json_string(x->at[i]));
	text = json_dumps(object, JSON_COMPACT);
	if (text)
		buf_addf(out, "%s\n", text);
	else
		out->err = INRO_E_NO_MEMORY;
}

static void (*const lines[EXPORT_FORMAT__MAX])(const struct cells *, struct buf *) = {
	[EXPORT_CSV] = csv_line,
	[EXPORT_JSON_LINES] = json_line,
};

static enum inro_err put(struct exporting *x)
{
	enum inro_err e = buf_err(&x->line);

	if (e == INRO_OK && fwrite(x->line.p, 1, x->line.n, x->to) != x->line.n)
		e = err_set(INRO_E_IO, "the list can't be written on");
	buf_reset(&x->line);
	return e;
}

static enum inro_err export_one(struct exporting *x, const struct device *d,
				enum export_format format)
{
	struct cells cells = { 0 };
	enum inro_err e = INRO_OK;

	if (!x->path || x->group != d->grp)
		e = device_group_path(x->c, d, &x->path);
	x->group = d->grp;
	device_anchor_text(d, &cells.anchor);
	buf_add_u8(&cells.anchor, 0);
	if (e == INRO_OK)
		e = buf_err(&cells.anchor);
	if (e == INRO_OK) {
		fill_cells(d, x->path, &cells);
		lines[format](&cells, &x->line);
		e = put(x);
	}
	buf_clear(&cells.anchor);
	return e;
}

static enum inro_err export_heading(struct exporting *x, enum export_format format)
{
	if (format != EXPORT_CSV)
		return INRO_OK;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		csv_add(&x->line, headings[i], i == 0);
	buf_add_str(&x->line, "\r\n");
	return put(x);
}

static enum inro_err export_page(struct exporting *x, struct device_search *s, char **cursor,
				 enum export_format format, int64_t *rows)
{
	SCOPED(device_found) found = { 0 };
	enum inro_err e;

	s->after = *cursor;
	e = device_search(x->c, s, &found);
	for (size_t i = 0; e == INRO_OK && i < found.n; i++, ++*rows)
		e = export_one(x, &found.items[i], format);
	free(*cursor);
	*cursor = found.next;
	found.next = NULL;
	return e;
}

enum inro_err export_devices(struct core *c, const struct device_search *s,
			     enum export_format format, FILE *to, int64_t *ret_rows)
{
	struct exporting x = { .c = c, .to = to };
	struct device_search page = *s;
	AUTO(free_chars) char *cursor = NULL;
	int64_t rows = 0;
	enum inro_err e = export_heading(&x, format);

	page.limit = 0;
	do {
		if (e == INRO_OK)
			e = export_page(&x, &page, &cursor, format, &rows);
	} while (e == INRO_OK && cursor);
	buf_clear(&x.line);
	free(x.path);
	if (e == INRO_OK)
		*ret_rows = rows;
	return e;
}
