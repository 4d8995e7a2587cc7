/* warm - a list from the last used to the first, through the objects themselves. */
#include "pkcs11/token/warm.h"

#include "pkcs11/token/object.h"

static void enter(struct warm *w, struct object *o)
{
	o->is_warm = true;
	o->colder = w->first;
	if (w->first)
		w->first->warmer = o;
	else
		w->last = o;
	w->first = o;
	w->n++;
}

void warm_leave(struct object *o)
{
	struct warm *w = &o->token->warm;

	if (!o->is_warm)
		return;
	if (o->warmer)
		o->warmer->colder = o->colder;
	else
		w->first = o->colder;
	if (o->colder)
		o->colder->warmer = o->warmer;
	else
		w->last = o->warmer;
	o->warmer = o->colder = NULL;
	o->is_warm = false;
	w->n--;
}

void warm_touch(struct object *o)
{
	struct warm *w = &o->token->warm;

	if (w->first == o)
		return;
	warm_leave(o);
	enter(w, o);
	if (w->n > WARM_MAX)
		object_cool(w->last);
}
