/*
 * csv - rows of a CSV file (RFC 4180), bounded.
 *
 * 1. A row is a line: CRLF or LF, UTF-8 or what `charset` says, and UTF-8 from here on; a byte order mark
 * at the start is passed over, and so are empty lines.  A quoted field may have separators and doubled quotes in it, but no end of line: no
 * field of ours may.
 * 2. What a spreadsheet would take for a formula (=, +, -, @, also the wide ones of East Asia, or a tab at the start,
 * also behind apostrophes) is written with an apostrophe before it, and read without that one.
 * 3. A row that can't be read (too long, a NUL, another encoding, a quote in the wrong place) is an error of its own;
 * the next call goes on behind it.
 */
#ifndef INRO_BACKOFFICE_CORE_CSV_H
#define INRO_BACKOFFICE_CORE_CSV_H

#include <stdio.h>

#include "backoffice/core/charset.h"
#include "base/bytes.h"

#define CSV_LINE_MAX   32768
#define CSV_FIELDS_MAX 64

struct csv {
	FILE *from;
	int64_t line; /* of the row that was read last, from 1 */
	bool ended;   /* there are no more rows */
	bool lost;    /* the file itself can't be read on */
	enum charset charset; /* of the file */
	char separator; /* 0: a comma */
	size_t n;
	char *fields[CSV_FIELDS_MAX]; /* until the next call */
	char text[CSV_LINE_MAX + 1];
};

/* The next row; at the end INRO_OK and `ended`.  INRO_E_SYNTAX, INRO_E_TOO_BIG; INRO_E_IO is
 * `lost`. */
MUST_CHECK enum inro_err csv_next(struct csv *r);
/* The same of a line that is no CSV: it is in r->text. */
MUST_CHECK enum inro_err csv_next_line(struct csv *r);
/* The fields of the line in r->text, which are cut apart in it. */
MUST_CHECK enum inro_err csv_split(struct csv *r);
/* Where spreadsheets write decimals with a comma they separate fields by semicolons: whichever there are more of in the
 * line, outside of quotes. */
char csv_separator(const char *line);
/* A field with what quotes it needs, appended; `first` has no comma before it. */
void csv_add(struct buf *out, const char *value, bool first);

#endif
