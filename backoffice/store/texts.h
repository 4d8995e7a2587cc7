/*
 * texts - the texts of statements that a store has prepared, each kept once.
 *
 * 1. A text keeps its address and its number as long as the set is not cleared.
 * 2. It is found without being written: by the addresses of the constants that it is written from, in their
 *    order.  Finding one takes the same time however many there are.
 */
#ifndef INRO_BACKOFFICE_STORE_TEXTS_H
#define INRO_BACKOFFICE_STORE_TEXTS_H

#include "base/bytes.h"

struct text_key {
	const void *const *pieces;
	size_t n;
};

struct text_kept {
	const char *text;
	size_t number; /* from 0, in the order of coming */
	int64_t mark;  /* the owner's; 0 at first */
	size_t pieces_n;
	const void *pieces[];
};

struct texts {
	struct text_kept **table; /* open addressing; size a power of two */
	size_t size, n;
};

/* NULL: there is none. */
struct text_kept *texts_find(const struct texts *t, struct text_key key);
/* Keeps a copy of the text, which there was none of. */
MUST_CHECK enum inro_err texts_keep(struct texts *t, struct text_key key, const char *text,
				    struct text_kept **ret);
void texts_clear(struct texts *t);

#endif
