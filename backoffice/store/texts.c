/* texts - a hash set with open addressing, never more than half full; see texts.h. */
#include "backoffice/store/texts.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS_START 64

/* Addresses of ours: nobody chooses them to collide.  The multiplier is 2^64 by the golden ratio. */
static size_t hash_of(struct text_key key)
{
	uint64_t h = key.n;

	for (size_t i = 0; i < key.n; i++) {
		h = (h ^ (uintptr_t)key.pieces[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return (size_t)h;
}

static struct text_key key_of(const struct text_kept *kept)
{
	return (struct text_key) { kept->pieces, kept->pieces_n };
}

static bool is_of(const struct text_kept *kept, struct text_key key)
{
	return kept->pieces_n == key.n &&
	       memcmp(kept->pieces, key.pieces, key.n * sizeof *key.pieces) == 0;
}

/* Where the text is, or where it would go. */
static struct text_kept **place_of(struct text_kept **table, size_t size, struct text_key key)
{
	size_t at = hash_of(key) & (size - 1);

	while (table[at] && !is_of(table[at], key))
		at = (at + 1) & (size - 1);
	return &table[at];
}

static enum inro_err grow(struct texts *t)
{
	size_t size = t->size ? t->size * 2 : TEXTS_START;
	struct text_kept **table;

	if (t->size && t->n < t->size / 2)
		return INRO_OK;
	table = calloc(size, sizeof(struct text_kept *));
	if (!table)
		return err_set(INRO_E_NO_MEMORY, "no memory for statements");
	for (size_t i = 0; i < t->size; i++)
		if (t->table[i])
			*place_of(table, size, key_of(t->table[i])) = t->table[i];
	free(t->table);
	t->table = table;
	t->size = size;
	return INRO_OK;
}

struct text_kept *texts_find(const struct texts *t, struct text_key key)
{
	return t->size ? *place_of(t->table, t->size, key) : NULL;
}

enum inro_err texts_keep(struct texts *t, struct text_key key, const char *text,
			 struct text_kept **ret)
{
	size_t pieces = key.n * sizeof *key.pieces, n = strlen(text) + 1;
	struct text_kept *one;
	enum inro_err e = grow(t);

	if (e != INRO_OK)
		return e;
	one = malloc(sizeof *one + pieces + n);
	if (!one)
		return err_set(INRO_E_NO_MEMORY, "no memory for a statement");
	*one = (struct text_kept) { .number = t->n++, .pieces_n = key.n };
	memcpy(one->pieces, key.pieces, pieces);
	one->text = memcpy((char *)one->pieces + pieces, text, n);
	*place_of(t->table, t->size, key) = one;
	*ret = one;
	return INRO_OK;
}

void texts_clear(struct texts *t)
{
	for (size_t i = 0; i < t->size; i++)
		free(t->table[i]);
	free(t->table);
	*t = (struct texts) { 0 };
}
