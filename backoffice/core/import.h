/*
 * import - devices from a CSV file or JSON lines, and into one.
 *
 * 1. Fields of CSV are separated by commas, or by semicolons when the first row has more of those ("sep=;" before it says
 * so, too). The first row names the columns, in any order and case: id, name, IP, MAC, host, OS,
 * group, serial, anchor, anchor_store, attrs, and csr where certificates are asked for ("Device ID", "MAC address" and the like are taken
 * too); state, created, updated and deleted are passed over.  Any other is refused.  An empty field
 * says nothing.  A first row with an IP or MAC address in its place is a device already: the columns are id, name, IP, MAC,
 * host, OS then, and what is missing at the end of a row is empty.  A JSON line is an object with members of these names; null says nothing, "" takes
 * a field away.
 * 2. Rows are done BATCH_MAX (batch.h) in a transaction, each for itself: of a bad row nothing is
 * done, and it is told with its line.
 * 3. To do the same file again changes nothing: a device that is there as the row says is counted
 * as the same. One that is there otherwise is a bad row, unless the import updates.
 */
#ifndef INRO_BACKOFFICE_CORE_IMPORT_H
#define INRO_BACKOFFICE_CORE_IMPORT_H

#include "backoffice/core/csv.h"
#include "backoffice/core/device.h"

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
	IMPORT_CSR, /* for jobs that issue: base64, or PEM in a JSON line */
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

/* A row as it was read. */
struct import_line {
	int64_t number;				/* of the line */
	const char *values[IMPORT_COLUMN__MAX]; /* in `text`; NULL: says nothing */
	char *text;
	enum inro_err error; /* it could not be read, and why */
	char *why;
};
void import_line_clear(struct import_line *l);

enum import_format { IMPORT_CSV, IMPORT_JSON_LINES };

/* By the file's name: .jsonl and .ndjson are JSON lines, others CSV. */
enum import_format import_format_of(const char *path);

struct import_place {
	int64_t offset, line;
};

struct import_source {
	struct csv csv; /* csv.from and csv.charset are the caller's */
	enum import_format format;
	struct import_header header;
	struct import_place start; /* where the rows begin that are not "sep=;" */
	bool bare; /* no row names the columns */
	bool held; /* the first row was read, and can't be gone back to */
};
/* Reads what is before the first row of devices. */
MUST_CHECK enum inro_err import_open(struct import_source *s);
/* The next row, bad ones too; at the end INRO_OK and s->csv.ended.  Fails when the file can't be
 * read on. */
MUST_CHECK enum inro_err import_read(struct import_source *s, struct import_line *ret);
/* The place behind the row that was read last, and back to it. */
struct import_place import_tell(const struct import_source *s);
MUST_CHECK enum inro_err import_seek(struct import_source *s, struct import_place at);

enum import_mode {
	IMPORT_ADD,    /* one that is there otherwise is a bad row */
	IMPORT_SET,    /* ... is changed */
	IMPORT_CHANGE, /* and one that is not there is a bad row */
};
/* In a transaction: so many rows come next, BATCH_MAX at most; see store_foresee(). */
MUST_CHECK enum inro_err import_foresee(struct core *c, const struct import_line *lines, size_t n);
/* One row, in a write transaction; what a failed one has written the caller undoes. */
MUST_CHECK enum inro_err import_row(struct core *c, const struct import_line *l,
				    enum import_mode mode, enum import_outcome *ret);

/* The deleted device of another id that had the trust anchor of a row which was added or changed; NULL: there is none.
 * In the transaction of the row. */
MUST_CHECK enum inro_err import_anchor_before(struct core *c, const struct import_line *l,
					      enum import_outcome outcome, char **ret);

struct import_options {
	bool update;
	enum import_format format;
	enum charset charset;
	/* Called for each bad row, once; may be NULL. */
	void (*bad)(void *arg, int64_t line, const char *why);
	/* Called for each device that is added or changed with the trust anchor of a deleted one of another id; may be NULL. */
	void (*again)(void *arg, int64_t line, const char *id, const char *before);
	void *arg;
};
struct import_report {
	int64_t rows;			     /* without the one that names the columns */
	int64_t counts[IMPORT_OUTCOME__MAX]; /* what came of them */
	int64_t again;			     /* how many have the trust anchor of a deleted device */
};
/* *ret is written on failure too: what was done until then. */
MUST_CHECK enum inro_err import_devices(struct core *c, FILE *from, const struct import_options *o,
					struct import_report *ret);

enum export_format { EXPORT_CSV, EXPORT_JSON_LINES, EXPORT_FORMAT__MAX };
/* What the search finds, page by page (s->after and s->limit don't count). */
MUST_CHECK enum inro_err export_devices(struct core *c, const struct device_search *s,
					enum export_format format, FILE *to, int64_t *ret_rows);

#endif
