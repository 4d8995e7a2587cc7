/* import_read - the rows of a file of devices; see import.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/address.h"
#include "backoffice/core/import.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/json.h"

/* Without blanks, '_', '-' and in small letters. */
static const struct {
	const char *name;
	enum import_column column;
} names[] = {
	{ "id", IMPORT_ID },
	{ "deviceid", IMPORT_ID },
	{ "name", IMPORT_NAME },
	{ "devicename", IMPORT_NAME },
	{ "ip", IMPORT_IP },
	{ "ipaddress", IMPORT_IP },
	{ "mac", IMPORT_MAC },
	{ "macaddress", IMPORT_MAC },
	{ "host", IMPORT_HOST },
	{ "hostname", IMPORT_HOST },
	{ "os", IMPORT_OS },
	{ "osname", IMPORT_OS },
	{ "group", IMPORT_GROUP },
	{ "serial", IMPORT_SERIAL },
	{ "serialnumber", IMPORT_SERIAL },
	{ "anchor", IMPORT_ANCHOR },
	{ "trustanchor", IMPORT_ANCHOR },
	{ "anchorstore", IMPORT_ANCHOR_STORE },
	{ "attrs", IMPORT_ATTRS },
	{ "attributes", IMPORT_ATTRS },
	{ "csr", IMPORT_CSR },
	{ "デバイスid", IMPORT_ID },
	{ "デバイス名", IMPORT_NAME },
	{ "ipアドレス", IMPORT_IP },
	{ "macアドレス", IMPORT_MAC },
	{ "ホスト名", IMPORT_HOST },
	{ "os名", IMPORT_OS },
	{ "グループ", IMPORT_GROUP },
	{ "state", IMPORT_PASSED_OVER },
	{ "status", IMPORT_PASSED_OVER },
	{ "created", IMPORT_PASSED_OVER },
	{ "updated", IMPORT_PASSED_OVER },
	{ "deleted", IMPORT_PASSED_OVER },
};

static void plain_name(const char *from, char *to, size_t cap)
{
	size_t n = 0;

	for (; *from && n + 1 < cap; from++)
		if (!strchr(" _-", *from))
			to[n++] = (char)tolower((unsigned char)*from);
	to[n] = 0;
}

static enum inro_err name_column(const char *text, enum import_column *ret)
{
	char name[64];

	plain_name(text, name, sizeof name);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i].name, name) == 0) {
			*ret = names[i].column;
			return INRO_OK;
		}
	return err_set(INRO_E_ARG,
		       "no column is called '%.64s'; there are id, name, ip, mac, host, os, group, "
		       "serial, anchor, anchor_store and attrs",
		       text);
}

enum inro_err import_header(const struct csv *row, struct import_header *ret)
{
	struct import_header h = { .n = row->n };
	bool seen[IMPORT_COLUMN__MAX] = { 0 };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < row->n; i++) {
		e = name_column(row->fields[i], &h.columns[i]);
		if (e == INRO_OK && seen[h.columns[i]] && h.columns[i] != IMPORT_PASSED_OVER)
			e = err_set(INRO_E_ARG, "the column '%.64s' is there twice",
				    row->fields[i]);
		if (e == INRO_OK)
			seen[h.columns[i]] = true;
	}
	if (e == INRO_OK && !seen[IMPORT_ID])
		e = err_set(INRO_E_ARG,
			    "the first row names the columns, and there is no 'id' in it");
	if (e == INRO_OK)
		*ret = h;
	return e;
}

void import_line_clear(struct import_line *l)
{
	free(l->text);
	free(l->why);
	*l = (struct import_line) { 0 };
}

/* Values of a row, one behind the other with their NULs, before it is known where they end up. */
struct values {
	struct buf text;
	size_t at[IMPORT_COLUMN__MAX];
	bool is[IMPORT_COLUMN__MAX];
};

static void values_clear(struct values *v)
{
	buf_clear(&v->text);
}

static void add_value(struct values *v, enum import_column column, const char *value)
{
	v->is[column] = true;
	v->at[column] = v->text.n;
	buf_add_str(&v->text, value);
	buf_add_u8(&v->text, 0);
}

static enum inro_err give_values(struct values *v, struct import_line *ret)
{
	enum inro_err e = buf_err(&v->text);

	if (e != INRO_OK)
		return e;
	ret->text = buf_take_str(&v->text);
	if (!ret->text)
		return err_set(INRO_E_NO_MEMORY, "no memory for a row");
	for (size_t i = 0; i < IMPORT_COLUMN__MAX; i++)
		ret->values[i] = v->is[i] ? ret->text + v->at[i] : NULL;
	return INRO_OK;
}

static enum inro_err csv_values(const struct import_source *s, struct values *v)
{
	const struct import_header *h = &s->header;

	if (s->csv.n != h->n && !(s->bare && s->csv.n < h->n))
		return err_set(INRO_E_SYNTAX, "the row has %zu %s, not %zu", s->csv.n,
			       s->csv.n == 1 ? "field" : "fields", h->n);
	for (size_t i = 0; i < s->csv.n; i++)
		if (*s->csv.fields[i])
			add_value(v, h->columns[i], s->csv.fields[i]);
	return INRO_OK;
}

static enum inro_err json_value(struct values *v, const char *name, const json_t *value)
{
	const char *text = json_string_value(value);
	AUTO(free_chars) char *attrs = NULL;
	enum import_column column;
	enum inro_err e = name_column(name, &column);

	if (e != INRO_OK || json_is_null(value) || column == IMPORT_PASSED_OVER)
		return e;
	if (v->is[column])
		return err_set(INRO_E_ARG, "the field '%.64s' is there twice", name);
	if (column == IMPORT_ATTRS && json_is_object(value)) {
		e = json_object_write(value, &attrs);
		text = attrs;
	}
	if (e == INRO_OK && (!text || (!attrs && strlen(text) != json_string_length(value))))
		e = err_set(INRO_E_ARG, "'%.64s' is not %s", name,
			    column == IMPORT_ATTRS ? "an object" : "a text");
	if (e == INRO_OK)
		add_value(v, column, text);
	return e;
}

static enum inro_err json_values(const struct import_source *s, struct values *v)
{
	AUTO(json_drop) json_t *object = NULL;
	enum inro_err e = json_object_read("the row", s->csv.text, CSV_LINE_MAX, &object);

	for (void *at = e == INRO_OK ? json_object_iter(object) : NULL; e == INRO_OK && at;
	     at = json_object_iter_next(object, at))
		e = json_value(v, json_object_iter_key(at), json_object_iter_value(at));
	return e;
}

static const struct {
	enum inro_err (*next)(struct csv *r);
	enum inro_err (*values)(const struct import_source *s, struct values *v);
} formats[] = {
	[IMPORT_CSV] = { csv_next, csv_values },
	[IMPORT_JSON_LINES] = { csv_next_line, json_values },
};

static const enum import_column bare_columns[] = { IMPORT_ID,  IMPORT_NAME, IMPORT_IP,
						   IMPORT_MAC, IMPORT_HOST, IMPORT_OS };

/* A device, not the names of columns: no column is called like an address. */
static bool is_bare(const struct csv *row)
{
	char room[ADDRESS_MAX];

	return row->n <= ARRAY_LEN(bare_columns) &&
	       ((row->n > 2 && address_ip(row->fields[2], room)) ||
		(row->n > 3 && address_mac(row->fields[3], room)));
}

static bool names_some(const struct csv *row)
{
	enum import_column column;
	bool some = false;

	for (size_t i = 0; i < row->n; i++)
		some = some || name_column(row->fields[i], &column) == INRO_OK;
	err_reset();
	return some;
}

/* The first row is read again as one of devices. */
static enum inro_err begin_bare(struct import_source *s)
{
	s->bare = true;
	s->header.n = ARRAY_LEN(bare_columns);
	memcpy(s->header.columns, bare_columns, sizeof bare_columns);
	s->held = fseeko(s->csv.from, s->start.offset, SEEK_SET) != 0;
	if (!s->held)
		s->csv.line = s->start.line;
	return INRO_OK;
}

/* "sep=;" is how spreadsheets are told, and no row. */
static enum inro_err first_line(struct import_source *s)
{
	enum inro_err e = csv_next_line(&s->csv);

	if (!s->csv.ended && (!strncmp(s->csv.text, "\xff\xfe", 2) || !strncmp(s->csv.text, "\xfe\xff", 2)))
		return err_set(INRO_E_SYNTAX, "the file is in UTF-16; save it as UTF-8");
	if (e != INRO_OK || s->csv.ended)
		return e;
	if (strcmp(s->csv.text, "sep=;") != 0 && strcmp(s->csv.text, "sep=,") != 0) {
		s->csv.separator = csv_separator(s->csv.text);
		return INRO_OK;
	}
	s->csv.separator = s->csv.text[4];
	s->start = import_tell(s);
	return csv_next_line(&s->csv);
}

enum inro_err import_open(struct import_source *s)
{
	enum inro_err e;

	if (s->format != IMPORT_CSV)
		return INRO_OK;
	e = first_line(s);
	if (e == INRO_OK && s->csv.ended)
		return err_set(INRO_E_SYNTAX, "the file is empty; its first row names the columns");
	if (e == INRO_OK && s->csv.text[0] == '{')
		return err_set(INRO_E_ARG, "these are JSON lines, not CSV: give the format jsonl, or a file that is called "
					   "NAME.jsonl");
	if (e == INRO_OK)
		e = csv_split(&s->csv);
	if (e != INRO_OK)
		return err_context(e, "line %lld", (long long)s->csv.line);
	if (is_bare(&s->csv))
		return begin_bare(s);
	if (!names_some(&s->csv))
		return err_set(INRO_E_ARG,
			       "the first row neither names columns (id, name, ip, mac, host, os, ...) nor is a device "
			       "(id, name, IP, MAC, host, OS in this order, with one of the addresses at least); put a "
			       "row with the names before it");
	return import_header(&s->csv, &s->header);
}

static enum inro_err next_row(struct import_source *s)
{
	bool held = s->held;

	s->held = false;
	return held ? INRO_OK : formats[s->format].next(&s->csv);
}

enum inro_err import_read(struct import_source *s, struct import_line *ret)
{
	SCOPED(values) v = { 0 };
	enum inro_err e = next_row(s);

	if (s->csv.ended || s->csv.lost)
		return e;
	ret->number = s->csv.line;
	if (e == INRO_OK)
		e = formats[s->format].values(s, &v);
	if (e == INRO_OK)
		e = give_values(&v, ret);
	if (e == INRO_OK || e == INRO_E_NO_MEMORY)
		return e;
	ret->error = e;
	return text_set(&ret->why, err_detail(e));
}

enum import_format import_format_of(const char *path)
{
	const char *dot = strrchr(path, '.');
	bool lines = dot && (!strcmp(dot, ".jsonl") || !strcmp(dot, ".ndjson"));

	return lines ? IMPORT_JSON_LINES : IMPORT_CSV;
}

struct import_place import_tell(const struct import_source *s)
{
	return (struct import_place) { .offset = ftello(s->csv.from), .line = s->csv.line };
}

enum inro_err import_seek(struct import_source *s, struct import_place at)
{
	if (fseeko(s->csv.from, at.offset, SEEK_SET) != 0)
		return err_set(INRO_E_IO, "the file can't be read from %lld on",
			       (long long)at.offset);
	s->csv.line = at.line;
	return INRO_OK;
}
