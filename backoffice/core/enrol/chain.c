/* chain - the certificates of a CA for who is to trust it; see enrol_chain() in enrol.h. */
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/enrol.h"
#include "base/clock.h"

#define DEPTH_MAX 16

static enum inro_err add(struct chain *l, const struct blob *der)
{
	struct blob *more;
	enum inro_err e;

	if (!der->n)
		return INRO_OK;
	more = realloc(l->certs, (l->n + 1) * sizeof *more);
	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for a chain");
	l->certs = more;
	l->certs[l->n] = (struct blob) { 0 };
	e = blob_set(&l->certs[l->n], blob_bytes(der));
	l->n += e == INRO_OK;
	return e;
}

/* RFC 4210 4.4: the old root by itself and by the new one, the new one by the old. */
static enum inro_err add_generation(struct chain *l, const struct ca_generation *g, int64_t now)
{
	enum inro_err e = INRO_OK;

	if (!g->cert.n || g->not_after < now)
		return INRO_OK;
	e = add(l, &g->cert);
	if (e == INRO_OK)
		e = add(l, &g->old_with_new);
	return e == INRO_OK ? add(l, &g->new_with_old) : e;
}

static enum inro_err root_of(struct core *c, const char *name, struct ca *ret)
{
	enum inro_err e = ca_load(c, name, ret);

	for (int depth = 0; e == INRO_OK && ret->parent && depth < DEPTH_MAX; depth++) {
		int64_t above = ret->parent;

		ca_clear(ret);
		e = store_get(c->store, above, ret);
	}
	return e;
}

static enum inro_err add_rollovers(struct core *c, const char *name, struct chain *l)
{
	SCOPED(ca) root = { 0 };
	struct ca_keys keys = { 0 };
	enum inro_err e = root_of(c, name, &root);

	if (e == INRO_OK)
		e = ca_keys(c, root.name, &keys);
	for (size_t i = 0; e == INRO_OK && i < keys.n; i++)
		e = add_generation(l, &keys.items[i].rec, clock_now());
	ca_keys_clear(&keys);
	return e;
}

enum inro_err enrol_chain(struct core *c, const char *ca, struct chain *ret)
{
	SCOPED(chain) l = { 0 };
	enum inro_err e = ca_chain(c, ca, 0, &l);

	if (e == INRO_OK)
		e = add_rollovers(c, ca, &l);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct chain) { 0 };
	return INRO_OK;
}
