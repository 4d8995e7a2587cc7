/*
 * ca_generation - the keys that a CA had, has and will have (RFC 4210 4.4, RFC 9810 4.4).
 *
 * 1. The present key is in the CA's record; earlier ones, and one whose certificate is waited for,
 *    have a record of their own.
 * 2. An earlier key issues nothing; it signs revocation lists of what it signed, under the settings
 *    that the CA had then: certificates name the addresses of those lists.
 */
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/move.h"
#include "base/clock.h"

static enum inro_err load(struct core *c, int64_t ca, int64_t number, struct ca_generation *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca },
		{ .field = "number", .number = number },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

static void swap_blobs(struct blob *a, struct blob *b)
{
	struct blob kept = *a;

	*a = *b;
	*b = kept;
}

static void swap_texts(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

/* What is of a key, not of the CA. */
static void swap(struct ca *ca, struct ca_generation *g)
{
	swap_texts(&ca->key_uri, &g->key_uri);
	swap_texts(&ca->settings, &g->settings);
	swap_blobs(&ca->cert, &g->cert);
	swap_blobs(&ca->chain, &g->chain);
	swap_blobs(&ca->csr, &g->csr);
	ca->not_before = g->not_before;
	ca->not_after = g->not_after;
	ca->generation = g->number;
}

enum inro_err ca_as_of(struct core *c, int64_t generation, struct ca *ca)
{
	SCOPED(ca_generation) g = { 0 };
	enum inro_err e;

	if (!generation || generation == ca->generation)
		return INRO_OK;
	e = load(c, ca->id, generation, &g);
	if (e == INRO_E_NOT_FOUND || (e == INRO_OK && !g.cert.n))
		return err_set(INRO_E_NOT_FOUND, "CA '%s' has had keys 1 to %lld", ca->name,
			       (long long)ca->generation);
	if (e == INRO_OK)
		swap(ca, &g);
	return e;
}

static enum inro_err use_key(struct core *c, const struct ca *ca, ca_key_fn *fn, void *arg)
{
	return ca->cert.n && ca->not_after > clock_now() ? fn(c, ca, arg) : INRO_OK;
}

enum inro_err ca_each_key(struct core *c, const struct ca *ca, ca_key_fn *fn, void *arg)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca->id },
		{ .field = "cert", .op = STORE_SOME },
		{ .field = "needed_until", .op = STORE_GE, .number = clock_now() },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = use_key(c, ca, fn, arg);

	if (e == INRO_OK)
		e = core_all(c, &ca_generation_type, &q, &rows, &n);
	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		SCOPED(ca) then = { 0 };

		e = store_get(c->store, ca->id, &then);
		if (e == INRO_OK)
			e = ca_as_of(c, ((struct ca_generation *)rows)[i].number, &then);
		if (e == INRO_OK)
			e = use_key(c, &then, fn, arg);
	}
	list_free(&ca_generation_type, rows, n);
	return e;
}

enum inro_err ca_key_needed(struct core *c, const struct credential *rec)
{
	SCOPED(ca_generation) g = { 0 };
	int64_t until;
	enum inro_err e = rec->ca ? load(c, rec->ca, rec->ca_generation, &g) : INRO_E_NOT_FOUND;

	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e; /* the present key */
	until = rec->not_after < g.not_after ? rec->not_after : g.not_after;
	if (!g.cert.n || until <= g.needed_until)
		return INRO_OK;
	g.needed_until = until;
	return store_update(c->store, &g);
}

enum inro_err ca_next_key(struct core *c, int64_t ca, struct ca_generation *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca },
		{ .field = "cert", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

/* ---- the next key takes over ---- */

/* It signs no more, so that this is known for good. */
static enum inro_err find_end(struct core *c, struct ca_generation *g)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = g->ca },
		{ .field = "ca_generation", .number = g->number },
	};
	const struct store_query q = {
		STORE_WHERE(conds), .order = "not_after", .backward = true, .limit = 1
	};
	SCOPED(credential) last = { 0 };
	enum inro_err e = store_find(c->store, &q, &last);

	g->needed_until = last.not_after < g->not_after ? last.not_after : g->not_after;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err keep_old(struct core *c, const struct ca *ca, const struct ca_turn *t)
{
	SCOPED(ca_generation) g = {
		.tenant = ca->tenant,
		.ca = ca->id,
		.number = ca->generation,
		.not_before = ca->not_before,
		.not_after = ca->not_after,
		.created_ms = clock_now_ms(),
	};
	enum inro_err e = text_set(&g.key_uri, ca->key_uri);

	if (e == INRO_OK && ca->settings)
		e = text_set(&g.settings, ca->settings);
	if (e == INRO_OK)
		e = blob_set(&g.cert, blob_bytes(&ca->cert));
	if (e == INRO_OK)
		e = blob_set(&g.chain, blob_bytes(&ca->chain));
	if (e == INRO_OK)
		e = blob_set(&g.new_with_old, t->new_with_old);
	if (e == INRO_OK)
		e = blob_set(&g.old_with_new, t->old_with_new);
	if (e == INRO_OK)
		e = find_end(c, &g);
	return e == INRO_OK ? store_insert(c->store, &g) : e;
}

enum inro_err ca_drop_next(struct core *c, const struct ca *ca)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca->id },
		{ .field = "cert", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t n;

	return store_delete(c->store, &ca_generation_type, &q, &n);
}

static enum inro_err take_next(struct ca *ca, const struct ca *next)
{
	enum inro_err e = text_set(&ca->key_uri, next->key_uri);

	ca->parent = next->parent;
	ca->not_before = next->not_before;
	ca->not_after = next->not_after;
	ca->generation++;
	ca->crl_at = 0;
	ca->updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = text_set(&ca->subject, next->subject);
	if (e == INRO_OK)
		e = ca_policy_turn(ca, next);
	if (e == INRO_OK)
		e = blob_set(&ca->cert, blob_bytes(&next->cert));
	if (e == INRO_OK)
		e = blob_set(&ca->chain, blob_bytes(&next->chain));
	return e == INRO_OK ? blob_set(&ca->csr, blob_bytes(&next->csr)) : e;
}

enum inro_err ca_turn(struct core *c, struct ca *ca, struct ca_turn *t)
{
	const struct cred_change supersede = { .verb = VERB_SUPERSEDE };
	SCOPED(credential) old = { 0 };
	enum inro_err e = ca_own_credential(c, ca, &old);

	t->ret_replaces = old.id;
	if (e == INRO_OK)
		e = cred_apply(c, &old, &supersede);
	if (e == INRO_OK)
		e = ca_drop_next(c, ca);
	if (e == INRO_OK)
		e = keep_old(c, ca, t);
	if (e == INRO_OK)
		e = take_next(ca, t->next);
	return e == INRO_OK ? store_update(c->store, ca) : e;
}

/* ---- showing them ---- */

void ca_keys_clear(struct ca_keys *l)
{
	for (size_t i = 0; i < l->n; i++) {
		ca_generation_clear(&l->items[i].rec);
		crl_scope_clear(&l->items[i].lists);
	}
	free(l->items);
	*l = (struct ca_keys) { 0 };
}

/* The list that was published last of what the key signed; of shards, of the one published
 * longest ago. */
static enum inro_err add_lists(struct core *c, struct ca_key_view *v)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = v->rec.ca },
		{ .field = "generation", .number = v->rec.number },
	};
	const struct store_query q = { STORE_WHERE(conds), .order = "full_at", .limit = 1 };
	enum inro_err e = store_find(c->store, &q, &v->lists);

	if (e == INRO_OK && v->lists.full_at == ISSUE_TIME_EVER)
		v->lists.full_at = v->lists.full_next = 0;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

enum inro_err ca_keys(struct core *c, const char *name, struct ca_keys *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(ca_keys) l = { 0 };
	struct store_cond mine = { .field = "ca" };
	const struct store_query q = { .conds = &mine, .n = 1 };
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = ca_load(c, name, &ca);

	mine.number = ca.id;
	if (e == INRO_OK)
		e = core_all(c, &ca_generation_type, &q, &rows, &n);
	if (e == INRO_OK && !(l.items = calloc(n ? n : 1, sizeof *l.items)))
		e = err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", n);
	for (; e == INRO_OK && l.n < n; l.n++) {
		struct ca_generation *row = (struct ca_generation *)rows + l.n;

		l.items[l.n].rec = *row;
		*row = (struct ca_generation) { 0 };
		e = add_lists(c, &l.items[l.n]);
	}
	list_free(&ca_generation_type, rows, n);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct ca_keys) { 0 };
	return INRO_OK;
}
