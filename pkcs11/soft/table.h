/*
 * table - what an instance holds under numbers: its loaded keys, its operations in parts.
 *
 * 1. A number is given once in the life of the table, also across table_drop_all().
 * 2. Items are counted by their own functions: what table_get() gives stays whole for its user when
 *    another thread drops it.
 * 3. Looking up costs one array access under a lock held for a few instructions.
 */
#ifndef INRO_PKCS11_SOFT_TABLE_H
#define INRO_PKCS11_SOFT_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct table_kind {
	void (*ref)(void *item);
	void (*unref)(void *item);
};

struct table {
	const struct table_kind *kind;
	pthread_mutex_t lock;
	struct table_slot *slots;
	size_t n, cap;
	size_t first_free; /* 1 + index, 0: none */
	uint64_t given;
};

MUST_CHECK enum inro_err table_init(struct table *t, const struct table_kind *kind);
/* Without the lock, which a forked child may find held: nobody else uses the table any more. */
void table_free(struct table *t);

/* Takes the item over when it succeeds; the number is never 0. */
MUST_CHECK enum inro_err table_add(struct table *t, void *item, uint64_t *ret);
/* One more owner of it; NULL if there is none of that number. */
void *table_get(struct table *t, uint64_t id);
void table_drop(struct table *t, uint64_t id);
void table_drop_all(struct table *t);

#endif
