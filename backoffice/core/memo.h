/*
 * memo - what was read from a text before (a profile, the policies of a group): a request reads the
 * same few texts that the one before it did.
 *
 * 1. It is known by the whole text and nothing else, so it can't be stale: another text is another
 * place.  What a text is refused for is not kept.
 * 2. A core keeps MEMO_PLACES, whoever asks for what; what is given out is the caller's copy.
 */
#ifndef INRO_BACKOFFICE_CORE_MEMO_H
#define INRO_BACKOFFICE_CORE_MEMO_H

#include "base/bytes.h"

#define MEMO_PLACES 32

struct core;
struct memo; /* of a core */

struct memo_kind {
	size_t size;
	enum inro_err (*copy)(const void *from, void *to); /* into an empty one */
	void (*clear)(void *value);
};

/* *ret_known: what the text says is in ret, which was empty. */
MUST_CHECK enum inro_err memo_find(struct core *c, const struct memo_kind *k, struct bytes text,
				   void *ret, bool *ret_known);
/* What it was found to say; without memory it is read again the next time. */
void memo_keep(struct core *c, const struct memo_kind *k, struct bytes text, const void *value);
void memo_free(struct memo *m); /* NULL is fine */

#endif
