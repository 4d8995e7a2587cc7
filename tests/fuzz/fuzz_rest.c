/* fuzz_rest - bodies for every route: what is taken is an object that fits its row, and is taken again as it is. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "backoffice/rest/rows.h"

static void again(const struct rest_field *fields, json_t *in)
{
	char *text = json_dumps(in, JSON_COMPACT);
	json_t *second = NULL;

	FUZZ_REQUIRE(text);
	FUZZ_REQUIRE(rest_read(bytes_of(text), &second) == INRO_OK);
	FUZZ_REQUIRE(rest_check(fields, second, REST_MEMBER) == INRO_OK && json_equal(in, second));
	json_decref(second);
	free(text);
}

static void try_row(const struct rest_row *row, struct bytes body)
{
	json_t *in = NULL;

	if (rest_read(body, &in) == INRO_OK && rest_check(row->in, in, REST_MEMBER) == INRO_OK) {
		for (const struct rest_field *f = row->in; f && f->name; f++)
			FUZZ_REQUIRE(!f->required || json_object_get(in, f->name));
		again(row->in, in);
	}
	json_decref(in);
}

/* The first octet says which row. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	if (!size || size > REST_BODY_MAX)
		return 0;
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			if (at++ % 256 == data[0])
				try_row(row, BYTES(data + 1, size - 1));
	return 0;
}
