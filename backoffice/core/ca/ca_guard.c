#include "backoffice/core/ca_guard.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/store/store.h"
#include "base/cryptoki/uri.h"

struct search {
	const struct ca_guard *in;
	int64_t ca; /* whose; 0: none yet */
	char *name;
};

/* A URI that leaves something out can mean this one, too. */
static bool may_be(const char *in_uri, const char *it)
{
	return !in_uri || !it || strcmp(in_uri, it) == 0;
}

static bool is_key(const struct p11_uri *u, const struct ca_guard *g)
{
	if (!g->id.n)
		return true;
	if (u->has_id)
		return bytes_equal(BYTES(u->id, u->id_n), g->id);
	return may_be(u->object, g->label);
}

static enum inro_err compare(struct search *s, const char *key_uri, int64_t ca)
{
	SCOPED(p11_uri) u = { 0 };
	bool same;
	enum inro_err e;

	if (s->ca || !key_uri || !*key_uri)
		return INRO_OK;
	e = p11_uri_parse(key_uri, &u);
	if (e != INRO_OK)
		return e;
	/* A serial number is of one token alone; its label can be given anew. */
	same = u.serial && s->in->serial ? strcmp(u.serial, s->in->serial) == 0
					 : may_be(u.token, s->in->token);
	if (same && is_key(&u, s->in))
		s->ca = ca;
	return INRO_OK;
}

/* One that never had a certificate, and waits for none, needs no key. */
static enum inro_err look_at_ca(void *arg, void *record)
{
	const struct ca *ca = record;

	if (ca->state == CA_RETIRED && !ca->cert.n)
		return INRO_OK;
	return compare(arg, ca->key_uri, ca->id);
}

static enum inro_err look_at_key(void *arg, void *record)
{
	const struct ca_generation *g = record;

	return compare(arg, g->key_uri, g->ca);
}

static enum inro_err look(struct store *store, struct search *s)
{
	const struct store_query all = { .n = 0 };
	SCOPED(ca) ca = { 0 };
	enum inro_err e = store_each(store, &ca_type, &all, look_at_ca, s);

	if (e == INRO_OK)
		e = store_each(store, &ca_generation_type, &all, look_at_key, s);
	if (e == INRO_OK && s->ca)
		e = store_get(store, s->ca, &ca);
	return e == INRO_OK ? text_set(&s->name, ca.name) : e;
}

enum inro_err ca_guard(const struct ca_guard *g, char **ret)
{
	struct search s = { .in = g };
	struct store *store = NULL;
	enum inro_err e = store_open_as(NULL, STORE_EXISTING, &store);

	if (e == INRO_E_NOT_FOUND) {
		*ret = NULL;
		return INRO_OK;
	}
	if (e == INRO_OK)
		e = look(store, &s);
	store_close(store);
	if (e == INRO_OK)
		*ret = s.name;
	return e;
}
