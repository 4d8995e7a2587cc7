/*
 * import - devices from a CSV file and into one.
 *
 * 1. The first row names the columns, in any order and case: id, name, IP, MAC, host, OS, group,
 * serial, anchor, anchor_store, attrs ("Device ID", "MAC address" and the like are taken too);
 * state, created, updated and deleted are passed over.  Any other is refused.  An empty field says
 * nothing.
 * 2. Rows are done IMPORT_BATCH in a transaction, each for itself: of a bad row nothing is done,
 * and it is told with its line.
 * 3. To do the same file again changes nothing: a device that is there as the row says is counted
 * as the same. One that is there otherwise is a bad row, unless the import updates.
 */
#ifndef INRO_BACKOFFICE_CORE_IMPORT_H
#define INRO_BACKOFFICE_CORE_IMPORT_H

#include "backoffice/core/csv.h"
#include "backoffice/core/device.h"

#define IMPORT_BATCH 500

enum import_column {
	IMPORT_ID,
	IMPORT_NAME,
	IMPORT_IP,
	IMPORT_MAC,
	IMPORT_HOST,
	IMPORT_OS,
	IMPORT_GROUP,
	IMPORT_SERIAL,
	IMPORT_ANCHOR,
	IMPORT_ANCHOR_STORE,
	IMPORT_ATTRS,
	IMPORT_PASSED_OVER,
	IMPORT_COLUMN__MAX
};

/* What each column of a file is. */
struct import_header {
	enum import_column columns[CSV_FIELDS_MAX];
	size_t n;
};

enum import_outcome { IMPORT_ADDED, IMPORT_UPDATED, IMPORT_SAME, IMPORT_BAD, IMPORT_OUTCOME__MAX };

/* From the row that names the columns.  INRO_E_ARG. */
MUST_CHECK enum inro_err import_header(const struct csv *row, struct import_header *ret);
/* One row, in a write transaction; what a failed one has written the caller undoes. */
MUST_CHECK enum inro_err import_row(struct core *c, const struct import_header *h,
				    char *const *fields, size_t n, bool update,
				    enum import_outcome *ret);

struct import_options {
	bool update;
	/* Called for each bad row, once; may be NULL. */
	void (*bad)(void *arg, int64_t line, const char *why);
	void *arg;
};
struct import_report {
	int64_t rows;			     /* without the one that names the columns */
	int64_t counts[IMPORT_OUTCOME__MAX]; /* what came of them */
};
/* *ret is written on failure too: what was done until then. */
MUST_CHECK enum inro_err import_devices(struct core *c, FILE *from, const struct import_options *o,
					struct import_report *ret);

enum export_format { EXPORT_CSV, EXPORT_JSON_LINES, EXPORT_FORMAT__MAX };
/* What the search finds, page by page (s->after and s->limit don't count). */
MUST_CHECK enum inro_err export_devices(struct core *c, const struct device_search *s,
					enum export_format format, FILE *to, int64_t *ret_rows);

#endif
