/* input - a fuzzer's bytes, taken off the front (when they are used up zeros come), and what must
 * hold of what was read of them. */
#ifndef INRO_TESTS_FUZZ_INPUT_H
#define INRO_TESTS_FUZZ_INPUT_H

#include <string.h>

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"

/* n of them, or those that are left. */
static inline struct bytes input_part(struct bytes *in, size_t n)
{
	struct bytes part = BYTES_NONE;

	return read_bytes(in, n < in->n ? n : in->n, &part) ? BYTES_NONE : part;
}

static inline void input_take(struct bytes *in, void *to, size_t n)
{
	struct bytes part = input_part(in, n);

	memset(to, 0, n);
	if (part.n)
		memcpy(to, part.p, part.n);
}

static inline uint8_t input_u8(struct bytes *in)
{
	struct bytes one = input_part(in, 1);

	return one.n ? *one.p : 0;
}

/* What points into what was read stays within. */
static inline void input_has(struct bytes whole, struct bytes part)
{
	if (part.n)
		FUZZ_REQUIRE(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

#endif
