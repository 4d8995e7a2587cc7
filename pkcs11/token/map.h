/*
 * map - from a number (handle, row, slot) to a pointer, in constant time.
 *
 * 1. Key 0 is never in it.
 * 2. It owns its table, not what the pointers point to.
 * 3. No lock of its own: its owner's.
 */
#ifndef INRO_PKCS11_TOKEN_MAP_H
#define INRO_PKCS11_TOKEN_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct map_entry {
	uint64_t key; /* 0: free */
	void *value;
};

struct map {
	struct map_entry *e;
	size_t n, cap; /* cap: 0 or a power of two */
};

void map_clear(struct map *m);
/* NULL when it is not there. */
void *map_get(const struct map *m, uint64_t key);
/* Room for n more: as many map_put() can't fail. */
MUST_CHECK enum inro_err map_reserve(struct map *m, size_t n);
/* Adds or replaces; key != 0. */
MUST_CHECK enum inro_err map_put(struct map *m, uint64_t key, void *value);
/* Replaces the value of a key that is in it. */
void map_set(struct map *m, uint64_t key, void *value);
void map_remove(struct map *m, uint64_t key);
/* The next value from *at (begin with 0), NULL at the end.  Nothing may be put or removed between
 * the calls. */
void *map_next(const struct map *m, size_t *at);
/* Every key, ascending, in memory of the caller's (free()); NULL with *ret_n 0 when it is empty. */
MUST_CHECK enum inro_err map_keys(const struct map *m, uint64_t **ret, size_t *ret_n);

#endif
