/* seed - see seed.h. */
#include "tools/agent/seed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"

#define SERIAL 16 /* octets */

static void free_found(struct token_entry **p)
{
	free(*p);
}

static void add(struct buf *words, struct bytes id)
{
	if (words->n)
		buf_add_u8(words, ' ');
	buf_add_hex(words, id);
}

static void add_serial(const json_t *told, struct buf *words)
{
	const char *hex = json_string_value(json_object_get(told, "serial"));
	uint8_t id[SERIAL];
	size_t n = 0;

	if (hex && hex_decode(bytes_of(hex), id, SERIAL, &n) == INRO_OK && n == SERIAL)
		add(words, BYTES(id, SERIAL));
}

static enum inro_err add_old(struct token *t, const json_t *told, struct buf *words)
{
	AUTO(free_found) struct token_entry *found = NULL;
	const struct token_entry *old = NULL;
	const char *name = json_string_value(json_object_get(told, "name"));
	char label[TOKEN_KEY_LABEL_MAX + 1];
	const struct p11_uri uri = { .type = P11_SECRET_KEY, .object = label };
	size_t n = 0, candidates = 0;
	enum inro_err e;

	if (!name || !json_is_string(json_object_get(told, "old_until")))
		return INRO_OK;
	snprintf(label, sizeof label, "%s.old", name);
	e = token_list(t, &uri, &found, &n);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		if (found[i].id_n == SERIAL) {
			old = &found[i];
			candidates++;
		}
	if (candidates == 1)
		add(words, BYTES(old->id, SERIAL));
	return e;
}

enum inro_err seed_own(struct token *t, const json_t *told, struct wordlist *own)
{
	SCOPED(buf) words = { 0 };
	enum inro_err e = INRO_OK;
	const json_t *one;

	if (!wordlist_is_new(own))
		return INRO_OK;
	for (size_t i = 0; e == INRO_OK && i < json_array_size(told); i++) {
		one = json_array_get(told, i);
		add_serial(one, &words);
		e = add_old(t, one, &words);
	}
	buf_add_u8(&words, 0);
	if (e == INRO_OK)
		e = buf_err(&words);
	return e == INRO_OK ? wordlist_put(own, (const char *)words.p) : e;
}
