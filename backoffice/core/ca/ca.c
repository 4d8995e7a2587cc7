/* ca - certification authorities made and shown; see ca.h. */
#include "backoffice/core/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/internal.h"
#include "base/clock.h"
#include "base/der.h"

#define CA_DEPTH_MAX 16
#define CA_NAME_MAX  64

enum inro_err ca_check_name(const char *name)
{
	return core_check_name("a CA's name", name, CA_NAME_MAX, "._-");
}

enum inro_err ca_load(struct core *c, const char *name, struct ca *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "name", .text = name },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = ca_check_name(name);

	if (e == INRO_OK)
		e = store_find(c->store, &q, ret);
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no CA '%s'; 'inro ca list' shows the ones there are", name);
	return e;
}

enum inro_err ca_own_credential(struct core *c, const struct ca *ca, struct credential *ret)
{
	uint8_t print[PKI_DIGEST_MAX];
	struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "fingerprint" },
	};
	const struct store_query q = { STORE_WHERE(conds), .keep = STORE_KEEP };
	enum inro_err e;

	if (!ca->cert.n)
		return INRO_OK; /* it never had one */
	e = pki_digest(PKI_SHA256, blob_bytes(&ca->cert), print);
	conds[1].bytes = BYTES(print, pki_hash_octets(PKI_SHA256));
	if (e == INRO_OK)
		e = store_find(c->store, &q, ret);
	if (e == INRO_E_NOT_FOUND)
		return err_set(INRO_E_DAMAGED, "the record of CA '%s's certificate is gone",
			       ca->name);
	return e;
}

static const char *const state_objections[CA_STATE__MAX] = {
	[CA_REVOKED] = "is revoked",
	[CA_RETIRED] = "is retired",
	[CA_PENDING] = "waits for its certificate",
};

/* NULL: nothing against it. */
static const char *objection(const struct ca *ca, const struct credential *own, int64_t now)
{
	if (ca->state != CA_ACTIVE)
		return state_objections[ca->state];
	if (own->state != CRED_ACTIVE && own->state != CRED_SUPERSEDED)
		return own->state == CRED_SUSPENDED ? "is on hold" : "has no valid certificate";
	if (ca->not_after < now)
		return "has expired";
	return ca->not_before > now ? "is not valid yet" : NULL;
}

/* Which CA, from this one up to its root, stands in the way of issuing, and why. */
struct obstacle {
	struct ca ca;
	const char *why; /* NULL: none does */
};

static enum inro_err load_place(struct core *c, int64_t id, int64_t generation, struct ca *ret)
{
	enum inro_err e;

	ca_clear(ret);
	e = store_get(c->store, id, ret);
	return e == INRO_OK ? ca_as_of(c, generation, ret) : e;
}

/* From a CA's key to the one that certified it, of the CA above; *id 0: it is a root, or what is
 * above is not here. */
static void step_up(const struct credential *own, int64_t *id, int64_t *generation)
{
	*id = own->ca == own->own_ca ? 0 : own->ca;
	*generation = own->ca_generation;
}

/* What is above the highest CA that is ours. */
static enum inro_err add_foreign(const struct ca *ca, struct chain *l)
{
	struct bytes rest = blob_bytes(&ca->chain), one;
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && rest.n && l->n < CA_DEPTH_MAX) {
		e = der_take_whole(&rest, DER_SEQUENCE, &one);
		if (e == INRO_OK)
			e = blob_set(&l->certs[l->n++], one);
	}
	return e;
}

static void add_cert(struct ca *ca, struct chain *l)
{
	l->certs[l->n++] = ca->cert;
	ca->cert = (struct blob) { 0 };
}

/* l: gets the certificates on the way; NULL: they are not wanted. */
static enum inro_err find_obstacle(struct core *c, const struct ca *start, int64_t now,
				   struct obstacle *o, struct chain *l)
{
	int64_t id = start->id, generation = start->generation;
	enum inro_err e = INRO_OK;

	for (int depth = 0; e == INRO_OK && id && !o->why; depth++) {
		SCOPED(credential) own = { 0 };

		if (depth == CA_DEPTH_MAX)
			return err_set(INRO_E_DAMAGED, "CA '%s' has no root", start->name);
		e = load_place(c, id, generation, &o->ca);
		if (e == INRO_OK)
			e = ca_own_credential(c, &o->ca, &own);
		if (e == INRO_OK)
			o->why = objection(&o->ca, &own, now);
		if (e == INRO_OK && l)
			add_cert(&o->ca, l);
		step_up(&own, &id, &generation);
	}
	return e;
}

static enum inro_err usable(struct core *c, const struct ca *ca, int64_t now, struct chain *l)
{
	struct obstacle o = { 0 };
	enum inro_err e = find_obstacle(c, ca, now, &o, l);

	if (e == INRO_OK && o.why && o.ca.id == ca->id)
		e = err_set(INRO_E_STATE, "CA '%s' issues nothing: it %s", ca->name, o.why);
	else if (e == INRO_OK && o.why)
		e = err_set(INRO_E_STATE, "CA '%s' issues nothing: CA '%s' above it %s", ca->name,
			    o.ca.name, o.why);
	if (e == INRO_OK && l)
		e = add_foreign(&o.ca, l);
	ca_clear(&o.ca);
	return e;
}

enum inro_err ca_usable(struct core *c, const struct ca *ca, int64_t now)
{
	return usable(c, ca, now, NULL);
}

static enum inro_err new_chain(struct chain *ret)
{
	ret->certs = calloc(CA_DEPTH_MAX, sizeof *ret->certs);
	return ret->certs ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a chain");
}

enum inro_err ca_usable_chain(struct core *c, const struct ca *ca, int64_t now, struct chain *ret)
{
	SCOPED(chain) l = { 0 };
	enum inro_err e = new_chain(&l);

	if (e == INRO_OK)
		e = usable(c, ca, now, &l);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct chain) { 0 };
	return INRO_OK;
}

void ca_view_clear(struct ca_view *v)
{
	ca_clear(&v->rec);
	free(v->parent_name);
	free(v->why_not);
	ca_policy_clear(&v->policy);
	*v = (struct ca_view) { 0 };
}

static enum inro_err view_obstacle(struct core *c, struct ca_view *v)
{
	struct obstacle o = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = find_obstacle(c, &v->rec, clock_now(), &o, NULL);

	if (e == INRO_OK && o.why) {
		buf_addf(&text, "%s %s", o.ca.id == v->rec.id ? "it" : o.ca.name, o.why);
		v->why_not = buf_take_str(&text);
		if (!v->why_not)
			e = INRO_E_NO_MEMORY;
	}
	ca_clear(&o.ca);
	return e;
}

static enum inro_err view(struct core *c, struct ca *rec, struct ca_view *ret)
{
	SCOPED(ca_view) v = { .rec = *rec };
	SCOPED(credential) own = { 0 };
	SCOPED(ca) parent = { 0 };
	enum inro_err e;

	*rec = (struct ca) { 0 };
	e = ca_own_credential(c, &v.rec, &own);
	v.credential = own.id;
	if (e == INRO_OK && v.rec.parent)
		e = store_get(c->store, v.rec.parent, &parent);
	if (e == INRO_OK)
		e = text_set(&v.parent_name, parent.name);
	if (e == INRO_OK)
		e = view_obstacle(c, &v);
	if (e == INRO_OK)
		e = ca_policy_read(&v.rec, &v.policy);
	if (e != INRO_OK)
		return e;
	*ret = v;
	v = (struct ca_view) { 0 };
	return INRO_OK;
}

enum inro_err ca_get(struct core *c, const char *name, struct ca_view *ret)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, name, &ca);

	return e == INRO_OK ? view(c, &ca, ret) : e;
}

void ca_list_clear(struct ca_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		ca_view_clear(&l->items[i]);
	free(l->items);
	*l = (struct ca_list) { 0 };
}

static enum inro_err view_all(struct core *c, struct ca *recs, size_t n, struct ca_list *l)
{
	enum inro_err e = INRO_OK;

	l->items = calloc(n ? n : 1, sizeof *l->items);
	if (!l->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", n);
	for (; e == INRO_OK && l->n < n; l->n++)
		e = view(c, &recs[l->n], &l->items[l->n]);
	return e;
}

enum inro_err ca_find(struct core *c, const struct page *page, struct ca_list *ret)
{
	const struct store_cond cond = { .field = "tenant", .number = c->tenant };
	struct store_query q = { .conds = &cond, .n = 1 };
	SCOPED(ca_list) l = { 0 };
	struct core_rows rows = { 0 };
	enum inro_err e = core_page(c, &ca_type, &q, page, &rows);

	if (e == INRO_OK)
		e = view_all(c, rows.items, rows.n, &l);
	list_free(&ca_type, rows.items, rows.n);
	if (e != INRO_OK)
		return e;
	l.next = rows.next;
	*ret = l;
	l = (struct ca_list) { 0 };
	return INRO_OK;
}

void chain_clear(struct chain *l)
{
	for (size_t i = 0; i < l->n; i++)
		blob_clear(&l->certs[i]);
	free(l->certs);
	*l = (struct chain) { 0 };
}

static enum inro_err climb(struct core *c, int64_t id, int64_t generation, struct chain *l)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && id && l->n < CA_DEPTH_MAX) {
		SCOPED(credential) own = { 0 };

		e = load_place(c, id, generation, &ca);
		if (e == INRO_OK)
			e = ca_own_credential(c, &ca, &own);
		if (e != INRO_OK)
			break;
		step_up(&own, &id, &generation);
		add_cert(&ca, l);
	}
	return e == INRO_OK ? add_foreign(&ca, l) : e;
}

enum inro_err ca_chain_of(struct core *c, int64_t ca, int64_t generation, struct chain *ret)
{
	SCOPED(chain) l = { 0 };
	enum inro_err e = new_chain(&l);

	if (e == INRO_OK)
		e = climb(c, ca, generation, &l);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct chain) { 0 };
	return INRO_OK;
}

enum inro_err ca_chain(struct core *c, const char *name, unsigned generation, struct chain *ret)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, name, &ca);

	if (e == INRO_OK && !ca.cert.n)
		e = err_set(INRO_E_STATE, "CA '%s' has no certificate", name);
	return e == INRO_OK ? ca_chain_of(c, ca.id, (int64_t)generation, ret) : e;
}

static enum inro_err move(struct core *c, struct ca *ca, enum verb verb, const char *why)
{
	SCOPED(buf) detail = { 0 };
	char action[32];
	const struct audit_entry entry = { action, "ca", ca->name, EVENT_DONE, &detail };
	int to;
	enum inro_err e = lifecycle_move(LIFE_CA, (int)ca->state, verb, c->role, &to);

	if (e != INRO_OK)
		return err_context(e, "CA '%s'", ca->name);
	snprintf(action, sizeof action, "ca.%s", verb_names[verb]);
	detail_text(&detail, "from", ca_state_names[ca->state]);
	ca->state = (enum ca_state)to;
	detail_text(&detail, "to", ca_state_names[to]);
	detail_text(&detail, "why", why);
	ca->updated_ms = clock_now_ms();
	e = store_update(c->store, ca);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

enum inro_err ca_revoked(struct core *c, const struct credential *rec)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = store_get(c->store, rec->own_ca, &ca);

	if (e != INRO_OK || !bytes_equal(blob_bytes(&ca.cert), blob_bytes(&rec->cert)))
		return e;
	return move(c, &ca, VERB_REVOKE, "its certificate was revoked");
}

struct step {
	const char *name, *why;
	enum verb verb;
};

/* *ret_done: it was a key after the first one that was waited for, and the CA goes on. */
static enum inro_err cancel_next(struct core *c, const struct ca *ca, const char *why,
				 bool *ret_done)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.cancel", "ca", ca->name, EVENT_DONE, &detail };
	SCOPED(ca_generation) next = { 0 };
	enum inro_err e = ca_next_key(c, ca->id, &next);

	*ret_done = e == INRO_OK;
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK)
		e = core_require(c, ROLE_ADMIN, "cancel a CA's next key");
	if (e == INRO_OK)
		e = ca_drop_next(c, ca);
	detail_text(&detail, "key", next.key_uri);
	detail_text(&detail, "why", why);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err step_work(struct core *c, void *arg)
{
	const struct step *s = arg;
	SCOPED(ca) ca = { 0 };
	bool done = false;
	enum inro_err e = ca_load(c, s->name, &ca);

	if (e == INRO_OK && s->verb == VERB_CANCEL)
		e = cancel_next(c, &ca, s->why, &done);
	return e == INRO_OK && !done ? move(c, &ca, s->verb, s->why) : e;
}

enum inro_err ca_move(struct core *c, const char *name, enum verb verb, const char *why,
		      struct ca_view *ret)
{
	struct step s = { name, why, verb };
	enum inro_err e = core_check_text("the reason", why, 255);

	if (e == INRO_OK && verb != VERB_RETIRE && verb != VERB_CANCEL)
		e = err_set(INRO_E_ARG, "a CA is retired or cancelled, not '%s'", verb_names[verb]);
	if (e == INRO_OK)
		e = core_write(c, step_work, &s);
	if (e != INRO_OK)
		return audit_refused(c, verb == VERB_CANCEL ? "ca.cancel" : "ca.retire", "ca", name,
				     e);
	return ca_get(c, name, ret);
}
