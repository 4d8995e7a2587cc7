/*
 * cold - token objects of which this process keeps only the handle: found and not looked into yet, or
 * let go of (warm.h).
 *
 * A token's maps hold an odd number for such a one in place of a pointer to its object: by_handle
 * its row, by_row its handle.  So ten thousand handles are no more than two entries each.
 */
#ifndef INRO_PKCS11_TOKEN_COLD_H
#define INRO_PKCS11_TOKEN_COLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cryptoki/cryptoki.h"

struct cold {
	int64_t row;
	bool private, secret; /* CKA_PRIVATE; a private or secret key */
};

/* Whether a map's entry is one. */
bool cold_is(const void *entry);
/* False: the numbers are too large for an entry, the object stays. */
bool cold_fits(int64_t row, CK_OBJECT_HANDLE handle);
/* Of by_handle. */
void *cold_entry(struct cold c);
struct cold cold_of(const void *entry);
/* Of by_row. */
void *cold_handle_entry(CK_OBJECT_HANDLE handle);
CK_OBJECT_HANDLE cold_handle(const void *entry);

#endif
