/* map - linear probing, at most three quarters full; removal closes the gap, so there are no
 * tombstones. */
#include "pkcs11/token/map.h"

#include <stdlib.h>

#define FIRST_CAP 16

static size_t home_of(const struct map *m, uint64_t key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15ULL) >> 32) & (m->cap - 1);
}

/* Where the key is, or the free place where it would go. */
static size_t place_of(const struct map *m, uint64_t key)
{
	size_t i = home_of(m, key);

	while (m->e[i].key != 0 && m->e[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void map_clear(struct map *m)
{
	free(m->e);
	*m = (struct map) { 0 };
}

void *map_get(const struct map *m, uint64_t key)
{
	if (m->cap == 0 || key == 0)
		return NULL;
	return m->e[place_of(m, key)].value;
}

static enum inro_err grow(struct map *m)
{
	struct map bigger = { .cap = m->cap ? m->cap * 2 : FIRST_CAP, .n = m->n };

	bigger.e = calloc(bigger.cap, sizeof *bigger.e);
	if (!bigger.e)
		return err_set(INRO_E_NO_MEMORY, "no memory for a table of %zu", bigger.cap);
	for (size_t i = 0; i < m->cap; i++) {
		if (m->e[i].key != 0)
			bigger.e[place_of(&bigger, m->e[i].key)] = m->e[i];
	}
	free(m->e);
	*m = bigger;
	return INRO_OK;
}

enum inro_err map_reserve(struct map *m, size_t n)
{
	enum inro_err e = INRO_OK;

	while (!e && n > 0 && (m->n + n - 1) * 4 >= m->cap * 3)
		e = grow(m);
	return e;
}

enum inro_err map_put(struct map *m, uint64_t key, void *value)
{
	enum inro_err e = map_reserve(m, 1);

	if (e)
		return e;
	size_t i = place_of(m, key);

	if (m->e[i].key == 0)
		m->n++;
	m->e[i] = (struct map_entry) { .key = key, .value = value };
	return INRO_OK;
}

void map_set(struct map *m, uint64_t key, void *value)
{
	m->e[place_of(m, key)].value = value;
}

/* Moves what follows back into the gap as far as probing needs it. */
static void close_gap(struct map *m, size_t gap)
{
	size_t mask = m->cap - 1;

	for (size_t i = (gap + 1) & mask; m->e[i].key != 0; i = (i + 1) & mask) {
		size_t home = home_of(m, m->e[i].key);

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		m->e[gap] = m->e[i];
		gap = i;
	}
	m->e[gap] = (struct map_entry) { 0 };
}

void map_remove(struct map *m, uint64_t key)
{
	if (m->cap == 0 || key == 0)
		return;
	size_t i = place_of(m, key);

	if (m->e[i].key == 0)
		return;
	m->n--;
	close_gap(m, i);
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->cap) {
		const struct map_entry *e = &m->e[(*at)++];

		if (e->key != 0)
			return e->value;
	}
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

enum inro_err map_keys(const struct map *m, uint64_t **ret, size_t *ret_n)
{
	uint64_t *keys = NULL;
	size_t n = 0;

	if (m->n > 0) {
		keys = calloc(m->n, sizeof *keys);
		if (!keys)
			return err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", m->n);
	}
	for (size_t i = 0; i < m->cap && n < m->n; i++) {
		if (m->e[i].key != 0)
			keys[n++] = m->e[i].key;
	}
	if (n > 0)
		qsort(keys, n, sizeof *keys, ascending);
	*ret = keys;
	*ret_n = n;
	return INRO_OK;
}
