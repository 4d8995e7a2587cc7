/*
 * texts - the texts of statements that a store has prepared, each kept once, found by a hash.
 *
 * 1. A text keeps its address and its number as long as the set is not cleared.
 * 2. Finding one takes the same time however many there are.
 * 3. A text that depends on nothing but a kind of record needs not be written to be found: it has a
 *    place by whose it is.
 */
#ifndef INRO_BACKOFFICE_STORE_TEXTS_H
#define INRO_BACKOFFICE_STORE_TEXTS_H

#include "base/bytes.h"

struct text_kept {
	const char *text;
	size_t number; /* from 0, in the order of coming */
	int64_t mark;  /* the owner's; 0 at first */
};

#define TEXTS_KNOWN 128

struct texts {
	struct text_kept **table; /* open addressing; size a power of two */
	size_t size, n;
	struct text_known {
		const void *whose;
		unsigned which;
		struct text_kept *kept;
	} known[TEXTS_KNOWN];
	size_t known_n;
};

/* The kept one of this text; it is put in when it is not there. */
MUST_CHECK enum inro_err texts_keep(struct texts *t, const char *text, struct text_kept **ret);
/* The place of the text `which` of theirs, for the caller to put the kept one in; NULL: there are no
 * more places. */
struct text_kept **texts_place(struct texts *t, const void *whose, unsigned which);
void texts_clear(struct texts *t);

#endif
