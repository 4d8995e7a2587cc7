/* view - see view.h. */
#include "backoffice/core/view.h"

#include "backoffice/core/internal.h"

enum inro_err core_view(struct core *c, struct core_view *ret)
{
	enum inro_err e;

	if (c->changing || c->viewing)
		return INRO_OK;
	e = store_begin(c->store, STORE_READ);
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
}

void core_view_clear(struct core_view *v)
{
	if (v->c)
		core_view_end(v->c);
	*v = (struct core_view) { 0 };
}
