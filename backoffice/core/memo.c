/* memo - a few places, taken in turn; see memo.h. */
#include "backoffice/core/memo.h"

#include <stdlib.h>

#include "backoffice/core/internal.h"

struct memo {
	struct memo_place {
		const struct memo_kind *kind; /* NULL: empty */
		struct buf text;
		void *value;
	} places[MEMO_PLACES];
	unsigned turn; /* whose place is taken next */
};

static void place_clear(struct memo_place *p)
{
	if (p->value)
		p->kind->clear(p->value);
	free(p->value);
	buf_clear(&p->text);
	*p = (struct memo_place) { 0 };
}

void memo_free(struct memo *m)
{
	for (size_t i = 0; m && i < MEMO_PLACES; i++)
		place_clear(&m->places[i]);
	free(m);
}

enum inro_err memo_find(struct core *c, const struct memo_kind *k, struct bytes text, void *ret,
			bool *ret_known)
{
	*ret_known = false;
	for (size_t i = 0; c->memo && i < MEMO_PLACES; i++) {
		const struct memo_place *p = &c->memo->places[i];

		if (p->kind != k || !bytes_equal(buf_bytes(&p->text), text))
			continue;
		*ret_known = true;
		return k->copy(p->value, ret);
	}
	return INRO_OK;
}

static struct memo_place *next_place(struct core *c)
{
	if (!c->memo)
		c->memo = calloc(1, sizeof *c->memo);
	return c->memo ? &c->memo->places[c->memo->turn++ % MEMO_PLACES] : NULL;
}

void memo_keep(struct core *c, const struct memo_kind *k, struct bytes text, const void *value)
{
	struct memo_place *at = next_place(c), made = { .kind = k };

	if (!at)
		return;
	buf_add(&made.text, text);
	made.value = calloc(1, k->size);
	if (!made.value || buf_err(&made.text) != INRO_OK || k->copy(value, made.value) != INRO_OK) {
		place_clear(&made);
		err_reset();
		return;
	}
	place_clear(at);
	*at = made;
}
