/* view - see view.h. */
#include "backoffice/core/view.h"

#include "backoffice/core/internal.h"
#include "backoffice/core/readers.h"

/* A store of several cores' for the time of the view, if there is one. */
static void borrow(struct core *c)
{
	struct store *lent = readers_take(c->readers, c->store);

	if (!lent)
		return;
	c->own = c->store;
	c->store = lent;
}

static void give_back(struct core *c)
{
	struct store *lent = c->store;

	if (!c->own)
		return;
	c->store = c->own;
	c->own = NULL;
	readers_give(c->readers, lent);
}

static void drop(struct core *c)
{
	readers_drop(c->readers, c->store);
	c->store = c->own;
	c->own = NULL;
}

enum inro_err core_view(struct core *c, struct core_view *ret)
{
	enum inro_err e;

	if (c->changing || c->viewing)
		return INRO_OK;
	borrow(c);
	e = store_begin(c->store, STORE_READ);
	if (e == INRO_E_BUSY) /* as its own would be, and that has waited enough */
		give_back(c);
	else if (e != INRO_OK && c->own) { /* the next would come upon it, too */
		drop(c);
		e = store_begin(c->store, STORE_READ);
	}
	if (e != INRO_OK)
		return e;
	c->viewing = true;
	ret->c = c;
	return INRO_OK;
}

void core_view_end(struct core *c)
{
	if (!c->viewing)
		return;
	c->viewing = false;
	store_rollback(c->store);
	give_back(c);
}

void core_view_clear(struct core_view *v)
{
	if (v->c)
		core_view_end(v->c);
	*v = (struct core_view) { 0 };
}
