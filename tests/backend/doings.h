/*
 * doings - what a secret key of a backend can do: one row a mechanism, for the programs that try each.
 */
#ifndef INRO_TESTS_BACKEND_DOINGS_H
#define INRO_TESTS_BACKEND_DOINGS_H

#include "tests/backend/fixture.h"

struct size {
	CK_KEY_TYPE type;
	size_t n;
};

struct doing {
	CK_MECHANISM_TYPE mech;
	enum key_use use; /* USE_SIGN, USE_ENCRYPT, USE_DECRYPT: old data only */
	struct size least, most;
	size_t iv_n, ad_n;
	CK_ULONG tag_n, counter_bits;
	size_t unit; /* bytes that an input is a multiple of */
	size_t least_n;
	bool whole; /* AEAD: decrypts in one step only */
};

/* A row for each of skey_mechanisms(). */
extern const struct doing doings[];
extern const size_t doings_n;
const struct doing *doing_find(CK_MECHANISM_TYPE mech); /* NULL: no row */

/* 0, 1, 2, ...: what keys, IVs and inputs are made of. */
extern const uint8_t ramp[64];
/* Its parameters for an input of n bytes. */
struct use_spec doing_spec(const struct doing *d, size_t n);
/* A key of the ramp's first n bytes in the fixture's token. */
backend_key ramp_key(CK_KEY_TYPE type, size_t n);

#endif
