/* texts - a hash set with open addressing, never more than half full; see texts.h. */
#include "backoffice/store/texts.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS_START 64

/* FNV-1a: the texts are ours, nobody chooses them to collide. */
static size_t hash_of(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ (h >> 32));
}

/* Where the text is, or where it would go. */
static struct text_kept **place_of(struct text_kept **table, size_t size, const char *text)
{
	size_t at = hash_of(text) & (size - 1);

	while (table[at] && strcmp(table[at]->text, text) != 0)
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
			*place_of(table, size, t->table[i]->text) = t->table[i];
	free(t->table);
	t->table = table;
	t->size = size;
	return INRO_OK;
}

enum inro_err texts_keep(struct texts *t, const char *text, struct text_kept **ret)
{
	enum inro_err e = grow(t);
	struct text_kept **at, *one;
	size_t n = strlen(text) + 1;

	if (e != INRO_OK)
		return e;
	at = place_of(t->table, t->size, text);
	if (!*at) {
		one = malloc(sizeof *one + n);
		if (!one)
			return err_set(INRO_E_NO_MEMORY, "no memory for a statement");
		memcpy(one + 1, text, n);
		*one = (struct text_kept) { .text = (char *)(one + 1), .number = t->n++ };
		*at = one;
	}
	*ret = *at;
	return INRO_OK;
}

struct text_kept **texts_place(struct texts *t, const void *whose, unsigned which)
{
	for (size_t i = 0; i < t->known_n; i++)
		if (t->known[i].whose == whose && t->known[i].which == which)
			return &t->known[i].kept;
	if (t->known_n == TEXTS_KNOWN)
		return NULL;
	t->known[t->known_n] = (struct text_known) { .whose = whose, .which = which };
	return &t->known[t->known_n++].kept;
}

void texts_clear(struct texts *t)
{
	for (size_t i = 0; i < t->size; i++)
		free(t->table[i]);
	free(t->table);
	*t = (struct texts) { 0 };
}
