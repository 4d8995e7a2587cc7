/* fuzz_csv - rows of any file: bounded, and what was read is read again as it was written. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "backoffice/core/csv.h"
#include "backoffice/core/import.h"

static void write_row(const struct csv *r, struct buf *out)
{
	for (size_t i = 0; i < r->n; i++)
		csv_add(out, r->fields[i], i == 0);
	buf_add_str(out, "\r\n");
}

/* One row that was read, written and read again.  A row of one empty field is an empty line. */
static void again(const struct csv *first)
{
	static struct csv second;
	SCOPED(buf) text = { 0 };

	write_row(first, &text);
	FUZZ_REQUIRE(buf_err(&text) == INRO_OK);
	if (text.n <= 2 || text.n > CSV_LINE_MAX || !strncmp(first->fields[0], "\xef\xbb\xbf", 3))
		return;
	memset(&second, 0, sizeof second);
	second.from = fmemopen(text.p, text.n, "r");
	FUZZ_REQUIRE(second.from);
	FUZZ_REQUIRE(csv_next(&second) == INRO_OK && !second.ended);
	FUZZ_REQUIRE(second.n == first->n);
	for (size_t i = 0; i < first->n; i++)
		FUZZ_REQUIRE(!strcmp(first->fields[i], second.fields[i]));
	fclose(second.from);
}

static void all_rows(const uint8_t *data, size_t size, enum charset charset)
{
	static struct csv r;
	struct import_header header;
	uint8_t nothing = 0;
	int64_t line = 0;

	memset(&r, 0, sizeof r);
	r.charset = charset;
	r.from = fmemopen(size ? (void *)(uintptr_t)data : &nothing, size ? size : 1, "r");
	FUZZ_REQUIRE(r.from);
	while (!r.ended && !r.lost) {
		enum inro_err e = csv_next(&r);

		FUZZ_REQUIRE(r.line > line && r.n <= CSV_FIELDS_MAX);
		line = r.line;
		if (e != INRO_OK || r.ended)
			continue;
		again(&r);
		if (import_header(&r, &header) == INRO_OK)
			FUZZ_REQUIRE(header.n == r.n);
	}
	fclose(r.from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int i = 0; i < CHARSET__MAX; i++)
		all_rows(data, size, (enum charset)i);
	return 0;
}
