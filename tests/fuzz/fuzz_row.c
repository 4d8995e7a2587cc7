/*
 * fuzz_row - a database whose rows are another's: whatever stands in one, each request is answered, and what is
 * answered is JSON.
 *
 * 1. An input is a request as fuzz_api has it, a zero, and edits: how many columns are read as they are, and what is
 *    read in place of the next one: '#' and a number in 8 octets, or a length below '#' and so many octets.
 * 2. No row is remembered from one request to the next.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "backoffice/store/sql.h"
#include "backoffice/store/steady.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/office.h"

#define NUMBER '#'

static struct bytes edits; /* that are still to come */
static unsigned untouched; /* columns until then */

/* ---- what is not as in the server ---- */

enum inro_err __wrap_steady_find(struct store *s, const struct record_type *t, const struct store_query *q, void *ret,
				 bool *ret_known);
enum inro_err __wrap_sql_field_load(const struct field *f, const struct sql_value *v, void *r);
enum inro_err __real_sql_field_load(const struct field *f, const struct sql_value *v, void *r);

enum inro_err __wrap_steady_find(struct store *s, const struct record_type *t, const struct store_query *q, void *ret,
				 bool *ret_known)
{
	(void)s, (void)t, (void)q, (void)ret;
	*ret_known = false;
	return INRO_OK;
}

static enum inro_err load_edit(const struct field *f, void *r)
{
	static char lent[256];
	struct sql_value v = { .text = lent };
	unsigned kind = input_u8(&edits);
	struct bytes octets = input_part(&edits, kind == NUMBER ? sizeof v.number : kind);

	memset(lent, 0, sizeof lent);
	if (octets.n)
		memcpy(lent, octets.p, octets.n);
	if (kind == NUMBER)
		memcpy(&v.number, lent, sizeof v.number);
	v.bytes = BYTES((const uint8_t *)lent, octets.n);
	return __real_sql_field_load(f, &v, r);
}

enum inro_err __wrap_sql_field_load(const struct field *f, const struct sql_value *v, void *r)
{
	if (!edits.n || untouched--)
		return __real_sql_field_load(f, v, r);
	enum inro_err e = load_edit(f, r);

	untouched = input_u8(&edits);
	return e;
}

static void request(struct bytes in)
{
	const uint8_t *end = in.n ? memchr(in.p, '\n', in.n) : NULL;
	size_t n = end ? (size_t)(end - in.p) : in.n;
	char *line = n < OFFICE_LINE_MAX ? strndup((const char *)in.p, n) : NULL;

	if (line)
		(void)office_ask(line, end ? BYTES(end + 1, in.n - n - 1) : BYTES_NONE);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
	size_t n = zero ? (size_t)(zero - data) : size;

	office_make();
	office_is_edited = true;
	edits = zero ? BYTES(zero + 1, size - n - 1) : BYTES_NONE;
	untouched = input_u8(&edits);
	request(BYTES(data, n));
	edits = BYTES_NONE;
	return 0;
}
