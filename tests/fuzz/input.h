/* input - a fuzzer's bytes, taken off the front.  When they are used up zeros come. */
#ifndef INRO_TESTS_FUZZ_INPUT_H
#define INRO_TESTS_FUZZ_INPUT_H

#include <string.h>

#include "base/bytes.h"

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

#endif
