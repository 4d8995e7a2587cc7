/*
 * twins - one key in the TPM and in software: what one does the other does, errors included.
 */
#ifndef INRO_TESTS_LIB_TWINS_H
#define INRO_TESTS_LIB_TWINS_H

#include "pkcs11/soft/anykey.h"
#include "tests/lib/tpmways.h"

struct twins {
	struct anykey *soft;
	struct tkey *hard;
};

/* Made in software and imported.  There is one key for each spec, which must outlive the program's
 * tests: in static memory. */
struct twins twins_make(const struct key_spec *spec);
void twins_clear(struct twins *t);

/* One operation by both, each into cap bytes (at most 65536): the same error, size and bytes; a
 * signature that is another each time verifies.  The error. */
enum inro_err twins_use(const struct twins *t, enum key_use use, const struct use_spec *spec,
			struct bytes in, size_t cap);

/* 64 KiB of bytes that are always the same. */
struct bytes twins_data(size_t n);

#endif
