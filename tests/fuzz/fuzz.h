/* fuzz - what a fuzz target offers and may assume. */
#ifndef INRO_TESTS_FUZZ_FUZZ_H
#define INRO_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, so that the fuzzer keeps the input. */
static inline void fuzz_require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

#define FUZZ_REQUIRE(condition) fuzz_require(!!(condition), #condition)

#endif
