/* import - see import.h. */
#include "backoffice/core/import.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/batch.h"
#include "backoffice/core/fleet.h"

/* A row as fields of a device, with what they borrow. */
struct row {
	const char *const *values;
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

static enum inro_err row_fields(const struct import_line *l, struct row *r)
{
	r->values = l->values;
	if (l->error)
		return err_set(l->error, "%s", text_or_empty(l->why));
	if (!r->values[IMPORT_ID])
		return err_set(INRO_E_ARG, "the row has no id");
	if (r->values[IMPORT_CSR])
		return err_set(INRO_E_ARG, "a request ('csr') is for jobs that issue");
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
			       enum import_mode mode, enum import_outcome *ret)
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
	if (mode == IMPORT_ADD)
		return err_set(INRO_E_EXISTS, "device '%s' is there with other values", id);
	device_clear(&now);
	*ret = IMPORT_UPDATED;
	return device_update_inside(c, id, &r->fields, &now);
}

enum inro_err import_row(struct core *c, const struct import_line *l, enum import_mode mode,
			 enum import_outcome *ret)
{
	SCOPED(device) d = { 0 };
	struct row r = { 0 };
	enum inro_err e = row_fields(l, &r);

	if (e != INRO_OK)
		return e;
	e = device_load(c, r.values[IMPORT_ID], &d);
	if (e == INRO_OK)
		return row_again(c, &d, &r, mode, ret);
	if (e != INRO_E_NOT_FOUND || mode == IMPORT_CHANGE)
		return e;
	*ret = IMPORT_ADDED;
	return device_add_inside(c, r.values[IMPORT_ID], &r.fields, &d);
}

enum inro_err import_anchor_before(struct core *c, const struct import_line *l,
				   enum import_outcome outcome, char **ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e;

	*ret = NULL;
	if (!l->values[IMPORT_ANCHOR] || outcome == IMPORT_SAME)
		return INRO_OK;
	e = device_load(c, l->values[IMPORT_ID], &d);
	return e == INRO_OK ? device_anchor_before(c, &d, ret) : e;
}

enum inro_err import_foresee(struct core *c, const struct import_line *lines, size_t n)
{
	const char *ids[BATCH_MAX];

	n = n < BATCH_MAX ? n : BATCH_MAX;
	for (size_t i = 0; i < n; i++)
		ids[i] = lines[i].error ? NULL : lines[i].values[IMPORT_ID];
	return device_foresee(c, ids, n);
}

/* ---- a file, in batches ---- */

struct importing {
	const struct import_options *o;
	struct import_source source;
	struct import_line lines[BATCH_MAX];
	enum import_outcome outcomes[BATCH_MAX];
	struct batch_result results[BATCH_MAX];
	char *before[BATCH_MAX]; /* the deleted device that had its trust anchor; mostly NULL */
	size_t n;
};

/* A batch that is begun anew comes here again. */
static enum inro_err tell_before(struct core *c, struct importing *im, size_t i)
{
	free(im->before[i]);
	im->before[i] = NULL;
	return import_anchor_before(c, &im->lines[i], im->outcomes[i], &im->before[i]);
}

static enum inro_err batch_row(struct core *c, void *arg, size_t i)
{
	struct importing *im = arg;
	enum inro_err e = import_row(c, &im->lines[i], im->o->update ? IMPORT_SET : IMPORT_ADD,
				     &im->outcomes[i]);

	return e == INRO_OK ? tell_before(c, im, i) : e;
}

static enum inro_err foresee(struct core *c, void *arg)
{
	const struct importing *im = arg;

	return import_foresee(c, im->lines, im->n);
}

static enum inro_err read_batch(struct importing *im)
{
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && im->n < BATCH_MAX) {
		struct import_line *l = &im->lines[im->n];

		e = import_read(&im->source, l);
		if (e != INRO_OK || im->source.csv.ended)
			return e;
		im->n++;
		im->results[im->n - 1].skip = l->error != INRO_OK;
	}
	return e;
}

static void report_row(const struct importing *im, size_t i, struct import_report *ret)
{
	const struct batch_result *r = &im->results[i];
	const struct import_line *l = &im->lines[i];
	bool bad = r->skip || r->error;

	ret->rows++;
	ret->counts[bad ? IMPORT_BAD : im->outcomes[i]]++;
	if (bad && im->o->bad)
		im->o->bad(im->o->arg, l->number, r->skip ? l->why : r->why);
	if (bad || !im->before[i])
		return;
	ret->again++;
	if (im->o->again)
		im->o->again(im->o->arg, l->number, l->values[IMPORT_ID], im->before[i]);
}

static void end_batch(struct importing *im, struct import_report *ret)
{
	for (size_t i = 0; i < im->n; i++) {
		if (ret)
			report_row(im, i, ret);
		import_line_clear(&im->lines[i]);
		batch_result_clear(&im->results[i]);
		free(im->before[i]);
		im->before[i] = NULL;
	}
	im->n = 0;
}

static enum inro_err run_batches(struct core *c, struct importing *im, struct import_report *ret)
{
	struct batch b = { .begin = foresee, .row = batch_row, .arg = im, .results = im->results };
	enum inro_err e = import_open(&im->source);

	while (e == INRO_OK && !im->source.csv.ended) {
		e = read_batch(im);
		b.n = im->n;
		if (e == INRO_OK && im->n)
			e = batch_write(c, &b);
		end_batch(im, e == INRO_OK ? ret : NULL);
	}
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
	im->source.csv.from = from;
	im->source.csv.charset = o->charset;
	im->source.format = o->format;
	e = run_batches(c, im, ret);
	free(im);
	return e;
}
