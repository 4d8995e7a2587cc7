/*
 * fuzz_api - any request to any route under /v1, on a database with a few devices: it is answered, what is
 * answered is JSON, and no request makes the server say that it is broken.
 *
 * An input is a request's line as office.h has it, a line's end and the body.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/fuzz/office.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t n = end ? (size_t)(end - data) : size;
	char *line = n < OFFICE_LINE_MAX ? strndup((const char *)data, n) : NULL;

	office_make();
	if (line)
		(void)office_ask(line, end ? BYTES(end + 1, size - n - 1) : BYTES_NONE);
	free(line);
	return 0;
}
