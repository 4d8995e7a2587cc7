#include "backoffice/core/ca_guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/cryptoki/uri.h"

/* A place of a key that is on record. */
struct spot {
	int64_t ca, generation;
	bool hit; /* it is what was asked about */
};

struct search {
	const struct ca_guard *in;
	struct spot *spots;
	size_t n, cap;
};

void ca_guarded_clear(struct ca_guarded *g)
{
	free(g->name);
	*g = (struct ca_guarded) { 0 };
}

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

static enum inro_err is_hit(const struct ca_guard *in, const char *key_uri, bool *ret)
{
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = p11_uri_parse(key_uri, &u);

	/* A serial number is of one token alone; its label can be given anew. */
	*ret = u.serial && in->serial ? strcmp(u.serial, in->serial) == 0
				      : may_be(u.token, in->token);
	*ret = *ret && is_key(&u, in);
	return e;
}

static enum inro_err add_spot(void *arg, const char *key_uri, int64_t ca, int64_t generation)
{
	struct search *s = arg;
	struct spot spot = { ca, generation, false };
	enum inro_err e = is_hit(s->in, key_uri, &spot.hit);

	if (e == INRO_OK && s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 16;
		struct spot *more = realloc(s->spots, cap * sizeof *more);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for the keys of CAs");
		s->spots = more;
		s->cap = cap;
	}
	if (e == INRO_OK)
		s->spots[s->n++] = spot;
	return e;
}

struct each_key {
	ca_guard_fn *fn;
	void *arg;
};

static enum inro_err tell_key(const struct each_key *each, const char *key_uri, int64_t ca,
			      int64_t generation)
{
	return key_uri && *key_uri ? each->fn(each->arg, key_uri, ca, generation) : INRO_OK;
}

/* One that never had a certificate, and waits for none, needs no key. */
static enum inro_err look_at_ca(void *arg, void *record)
{
	const struct ca *ca = record;

	if (ca->state == CA_RETIRED && !ca->cert.n)
		return INRO_OK;
	return tell_key(arg, ca->key_uri, ca->id, ca->generation);
}

static enum inro_err look_at_key(void *arg, void *record)
{
	const struct ca_generation *g = record;

	return tell_key(arg, g->key_uri, g->ca, g->number);
}

static enum inro_err look_at_place(void *arg, void *record)
{
	const struct ca_place *p = record;

	return tell_key(arg, p->key_uri, p->ca, p->generation);
}

enum inro_err ca_guard_each(struct store *store, ca_guard_fn *fn, void *arg)
{
	const struct store_query all = { .n = 0 };
	struct each_key each = { fn, arg };
	enum inro_err e = store_each(store, &ca_type, &all, look_at_ca, &each);

	if (e == INRO_OK)
		e = store_each(store, &ca_generation_type, &all, look_at_key, &each);
	return e == INRO_OK ? store_each(store, &ca_place_type, &all, look_at_place, &each) : e;
}

static size_t copies_of(const struct search *s, const struct spot *spot)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += !s->spots[i].hit && s->spots[i].ca == spot->ca &&
		     s->spots[i].generation == spot->generation;
	return n;
}

static enum inro_err choose(struct store *store, const struct search *s, struct ca_guarded *ret)
{
	const struct spot *worst = NULL;
	SCOPED(ca) ca = { 0 };
	enum inro_err e;

	for (size_t i = 0; i < s->n; i++)
		if (s->spots[i].hit && (!worst || copies_of(s, &s->spots[i]) < copies_of(s, worst)))
			worst = &s->spots[i];
	if (!worst)
		return INRO_OK;
	e = store_get(store, worst->ca, &ca);
	ret->copies = copies_of(s, worst);
	return e == INRO_OK ? text_set(&ret->name, ca.name) : e;
}

static enum inro_err look(struct store *store, struct search *s, struct ca_guarded *ret)
{
	enum inro_err e = ca_guard_each(store, add_spot, s);

	return e == INRO_OK ? choose(store, s, ret) : e;
}

enum inro_err ca_guard(const struct ca_guard *g, struct ca_guarded *ret)
{
	struct search s = { .in = g };
	struct store *store = NULL;
	enum inro_err e = store_open_as(NULL, STORE_EXISTING, &store);

	*ret = (struct ca_guarded) { 0 };
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK)
		e = look(store, &s, ret);
	store_close(store);
	free(s.spots);
	return e;
}
