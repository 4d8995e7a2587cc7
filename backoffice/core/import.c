/* import - see import.h. */
#include "backoffice/core/import.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"

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

/* A row as fields of a device, with what they borrow. */
struct row {
	const char *values[IMPORT_COLUMN__MAX]; /* NULL: says nothing */
	struct device_fields fields;
	struct device_anchor anchor;
	uint8_t hash[ANCHOR_HASH];
};

static enum inro_err row_anchor(struct row *r)
{
	const char *store = r->values[IMPORT_ANCHOR_STORE];
	int at = store ? name_index(anchor_store_names, ANCHOR_STORE__MAX, store) : ANCHOR_UNKNOWN;
	enum inro_err e;

	if (at < 0)
		return err_set(INRO_E_ARG,
			       "anchor_store is software, hardware or unknown, not '%.64s'", store);
	if (!r->values[IMPORT_ANCHOR])
		return INRO_OK;
	e = device_anchor_parse(r->values[IMPORT_ANCHOR], r->hash, &r->anchor);
	r->anchor.store = (enum anchor_store)at;
	r->fields.anchor = &r->anchor;
	return e;
}

static enum inro_err row_fields(const struct import_header *h, char *const *fields, size_t n,
				struct row *r)
{
	if (n != h->n)
		return err_set(INRO_E_SYNTAX, "the row has %zu fields, not %zu", n, h->n);
	for (size_t i = 0; i < n; i++)
		if (*fields[i])
			r->values[h->columns[i]] = fields[i];
	if (!r->values[IMPORT_ID])
		return err_set(INRO_E_ARG, "the row has no id");
	r->fields = (struct device_fields) {
		.name = r->values[IMPORT_NAME],
		.ip = r->values[IMPORT_IP],
		.mac = r->values[IMPORT_MAC],
		.hostname = r->values[IMPORT_HOST],
		.os = r->values[IMPORT_OS],
		.serial = r->values[IMPORT_SERIAL],
		.group = r->values[IMPORT_GROUP],
		.attrs = r->values[IMPORT_ATTRS],
	};
	return row_anchor(r);
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(text_or_empty(a), text_or_empty(b)) == 0;
}

static bool same_device(const struct device *a, const struct device *b)
{
	return same_text(a->name, b->name) && same_text(a->ip, b->ip) &&
	       same_text(a->mac, b->mac) && same_text(a->hostname, b->hostname) &&
	       same_text(a->os, b->os) && same_text(a->serial, b->serial) &&
	       same_text(a->attrs, b->attrs) && a->grp == b->grp &&
	       a->anchor_kind == b->anchor_kind && a->anchor_store == b->anchor_store &&
	       bytes_equal(blob_bytes(&a->anchor), blob_bytes(&b->anchor));
}

/* The device is there. */
static enum inro_err row_again(struct core *c, const struct device *was, const struct row *r,
			       bool update, enum import_outcome *ret)
{
	const char *id = r->values[IMPORT_ID];
	SCOPED(device) now = { 0 };
	enum inro_err e = device_load(c, id, &now);

	if (e == INRO_OK)
		e = device_set_fields(c, &now, &r->fields);
	if (e != INRO_OK)
		return e;
	*ret = IMPORT_SAME;
	if (same_device(was, &now))
		return INRO_OK;
	if (!update)
		return err_set(INRO_E_EXISTS, "device '%s' is there with other values", id);
	device_clear(&now);
	*ret = IMPORT_UPDATED;
	return device_update_inside(c, id, &r->fields, &now);
}

enum inro_err import_row(struct core *c, const struct import_header *h, char *const *fields,
			 size_t n, bool update, enum import_outcome *ret)
{
	SCOPED(device) d = { 0 };
	struct row r = { 0 };
	enum inro_err e = row_fields(h, fields, n, &r);

	if (e != INRO_OK)
		return e;
	e = device_load(c, r.values[IMPORT_ID], &d);
	if (e == INRO_OK)
		return row_again(c, &d, &r, update, ret);
	if (e != INRO_E_NOT_FOUND)
		return e;
	*ret = IMPORT_ADDED;
	return device_add_inside(c, r.values[IMPORT_ID], &r.fields, &d);
}

/* ---- a file, in batches ---- */

/* A row that was read, with what came of it. */
struct pending {
	int64_t line;
	char *text; /* its fields, one behind the other with their NULs */
	size_t n;
	enum import_outcome outcome;
	char *why; /* of a bad one */
};

struct importing {
	const struct import_options *o;
	struct import_header header;
	struct csv csv;
	struct pending rows[IMPORT_BATCH];
	size_t n;
};

static enum inro_err set_bad(struct pending *p, enum inro_err why)
{
	p->outcome = IMPORT_BAD;
	return text_set(&p->why, err_detail(why));
}

/* What is about one row, not about the database or this machine. */
static bool is_rows_fault(enum inro_err e)
{
	static const enum inro_err others[] = { INRO_E_NO_MEMORY, INRO_E_IO,	  INRO_E_FULL,
						INRO_E_BUSY,	  INRO_E_DAMAGED, INRO_E_VERSION };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (e == others[i])
			return false;
	return e != INRO_OK;
}

static enum inro_err do_row(struct core *c, struct importing *im, struct pending *p)
{
	char *fields[CSV_FIELDS_MAX], *at = p->text;
	enum inro_err e = core_savepoint(c), undone;

	for (size_t i = 0; i < p->n; i++) {
		fields[i] = at;
		at += strlen(at) + 1;
	}
	if (e != INRO_OK)
		return e;
	e = import_row(c, &im->header, fields, p->n, im->o->update, &p->outcome);
	if (e == INRO_OK)
		return core_release(c);
	if (!is_rows_fault(e))
		return e;
	e = set_bad(p, e);
	undone = core_rollback_to(c);
	return e == INRO_OK ? undone : e;
}

static enum inro_err batch_work(struct core *c, void *arg)
{
	struct importing *im = arg;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < im->n; i++)
		if (im->rows[i].text)
			e = do_row(c, im, &im->rows[i]);
	return e;
}

static void clear_batch(struct importing *im)
{
	for (size_t i = 0; i < im->n; i++) {
		free(im->rows[i].text);
		free(im->rows[i].why);
		im->rows[i] = (struct pending) { 0 };
	}
	im->n = 0;
}

static enum inro_err keep_row(const struct csv *csv, struct pending *p)
{
	size_t size = 0;
	char *at;

	for (size_t i = 0; i < csv->n; i++)
		size += strlen(csv->fields[i]) + 1;
	p->text = at = malloc(size);
	if (!at)
		return err_set(INRO_E_NO_MEMORY, "no memory for a row");
	for (size_t i = 0; i < csv->n; i++)
		at = stpcpy(at, csv->fields[i]) + 1;
	p->n = csv->n;
	return INRO_OK;
}

/* Up to a batch of rows; bad ones are in it too. */
static enum inro_err read_batch(struct importing *im)
{
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && im->n < IMPORT_BATCH) {
		struct pending *p = &im->rows[im->n];

		e = csv_next(&im->csv);
		if (im->csv.ended || im->csv.lost)
			return e;
		im->n++;
		p->line = im->csv.line;
		e = e == INRO_OK ? keep_row(&im->csv, p) : set_bad(p, e);
	}
	return e;
}

static void report_batch(const struct importing *im, struct import_report *ret)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct pending *p = &im->rows[i];

		ret->rows++;
		ret->counts[p->outcome]++;
		if (p->outcome == IMPORT_BAD && im->o->bad)
			im->o->bad(im->o->arg, p->line, p->why);
	}
}

static enum inro_err run_batches(struct core *c, struct importing *im, struct import_report *ret)
{
	enum inro_err e = csv_next(&im->csv);

	if (e == INRO_OK && im->csv.ended)
		return err_set(INRO_E_SYNTAX, "the file is empty; its first row names the columns");
	if (e == INRO_OK)
		e = import_header(&im->csv, &im->header);
	while (e == INRO_OK && !im->csv.ended) {
		e = read_batch(im);
		if (e == INRO_OK && im->n)
			e = core_write(c, batch_work, im);
		if (e == INRO_OK)
			report_batch(im, ret);
		clear_batch(im);
	}
	clear_batch(im);
	return e;
}

enum inro_err import_devices(struct core *c, FILE *from, const struct import_options *o,
			     struct import_report *ret)
{
	struct importing *im;
	enum inro_err e = core_require(c, ROLE_OPERATOR, "import devices");

	*ret = (struct import_report) { 0 };
	if (e != INRO_OK)
		return audit_refused(c, "device.import", "device", "*", e);
	im = calloc(1, sizeof *im);
	if (!im)
		return err_set(INRO_E_NO_MEMORY, "no memory to import");
	im->o = o;
	im->csv.from = from;
	e = run_batches(c, im, ret);
	free(im);
	return e;
}
