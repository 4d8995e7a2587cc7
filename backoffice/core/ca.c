/* ca - certification authorities made and shown; see ca.h. */
#include "backoffice/core/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca_policy.h"
#include "backoffice/core/internal.h"
#include "base/clock.h"
#include "base/der.h"

#define CA_DEPTH_MAX 16
#define CA_NAME_MAX  64

static enum inro_err check_name(const char *name)
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
	enum inro_err e = check_name(name);

	if (e == INRO_OK)
		e = store_find(c->store, &q, ret);
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no CA '%s'; 'inro ca list' shows the ones there are", name);
	return e;
}

/* The record of the CA's own certificate: the newest. */
static enum inro_err own_credential(struct core *c, const struct ca *ca, struct credential *ret)
{
	const struct store_cond own = { .field = "own_ca", .number = ca->id };
	const struct store_query q = { .conds = &own, .n = 1, .limit = 1, .backward = true };
	enum inro_err e = store_find(c->store, &q, ret);

	if (e == INRO_E_NOT_FOUND && !ca->cert.n)
		return INRO_OK; /* it never had one */
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

static enum inro_err find_obstacle(struct core *c, const struct ca *start, int64_t now,
				   struct obstacle *o)
{
	int64_t id = start->id;
	enum inro_err e = INRO_OK;

	for (int depth = 0; e == INRO_OK && id && !o->why; depth++) {
		SCOPED(credential) own = { 0 };

		if (depth == CA_DEPTH_MAX)
			return err_set(INRO_E_DAMAGED, "CA '%s' has no root", start->name);
		ca_clear(&o->ca);
		e = store_get(c->store, id, &o->ca);
		if (e == INRO_OK)
			e = own_credential(c, &o->ca, &own);
		if (e == INRO_OK)
			o->why = objection(&o->ca, &own, now);
		id = o->ca.parent;
	}
	return e;
}

enum inro_err ca_usable(struct core *c, const struct ca *ca, int64_t now)
{
	struct obstacle o = { 0 };
	enum inro_err e = find_obstacle(c, ca, now, &o);

	if (e == INRO_OK && o.why && o.ca.id == ca->id)
		e = err_set(INRO_E_STATE, "CA '%s' issues nothing: it %s", ca->name, o.why);
	else if (e == INRO_OK && o.why)
		e = err_set(INRO_E_STATE, "CA '%s' issues nothing: CA '%s' above it %s", ca->name,
			    o.ca.name, o.why);
	ca_clear(&o.ca);
	return e;
}

enum inro_err ca_key(struct core *c, const struct ca *ca, const struct cert *cert,
		     struct token_key **ret)
{
	struct token_key *key;
	enum inro_err e = core_key(c, ca->key_uri, &key);

	if (e != INRO_OK)
		return err_context(e, "the key of CA '%s'", ca->name);
	if (!bytes_equal(token_key_spki(key), cert->key.spki))
		return err_set(INRO_E_CONFIG,
			       "the key at %s is not the one in CA '%s's certificate", ca->key_uri,
			       ca->name);
	*ret = key;
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
	enum inro_err e = find_obstacle(c, &v->rec, clock_now(), &o);

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
	e = own_credential(c, &v.rec, &own);
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
	void *recs = NULL;
	size_t n = 0;
	enum inro_err e = core_page(c, &ca_type, &q, page, &recs, &n, &l.next);

	if (e == INRO_OK)
		e = view_all(c, recs, n, &l);
	list_free(&ca_type, recs, n);
	if (e != INRO_OK)
		return e;
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

enum inro_err ca_chain(struct core *c, const char *name, struct chain *ret)
{
	struct chain l = { .certs = calloc(CA_DEPTH_MAX, sizeof *l.certs) };
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, name, &ca);

	if (!l.certs)
		return err_set(INRO_E_NO_MEMORY, "no memory for a chain");
	if (e == INRO_OK && !ca.cert.n)
		e = err_set(INRO_E_STATE, "CA '%s' has no certificate", name);
	while (e == INRO_OK && l.n < CA_DEPTH_MAX) {
		int64_t parent = ca.parent;

		l.certs[l.n++] = ca.cert;
		ca.cert = (struct blob) { 0 };
		if (!parent)
			break;
		ca_clear(&ca);
		e = store_get(c->store, parent, &ca);
	}
	if (e == INRO_OK)
		e = add_foreign(&ca, &l);
	if (e != INRO_OK) {
		chain_clear(&l);
		return e;
	}
	*ret = l;
	return INRO_OK;
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

enum inro_err ca_revoked(struct core *c, int64_t id)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = store_get(c->store, id, &ca);

	return e == INRO_OK ? move(c, &ca, VERB_REVOKE, "its certificate was revoked") : e;
}

struct step {
	const char *name, *why;
	enum verb verb;
};

static enum inro_err step_work(struct core *c, void *arg)
{
	const struct step *s = arg;
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, s->name, &ca);

	return e == INRO_OK ? move(c, &ca, s->verb, s->why) : e;
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

/* What making a CA carries from step to step. */
struct making {
	const struct ca_request *in;
	struct ca parent; /* id 0: a root */
	struct new_key fresh;
	struct token_key *key;
	struct ca ca;
	struct buf subject, csr, uri;
};

static void making_clear(struct making *m)
{
	ca_clear(&m->parent);
	ca_clear(&m->ca);
	new_key_clear(&m->fresh);
	buf_clear(&m->subject);
	buf_clear(&m->csr);
	buf_clear(&m->uri);
}

static enum inro_err check_request(struct core *c, struct making *m)
{
	const struct ca_request *r = m->in;
	SCOPED(ca) other = { 0 };
	enum inro_err e = check_name(r->name);

	if (e != INRO_OK)
		return e;
	if (!r->subject || !*r->subject)
		return err_set(INRO_E_ARG, "a CA needs a subject");
	if (!r->key_uri == !r->token)
		return err_set(INRO_E_ARG, "a CA has either the URI of its key or the token to "
					   "make one in");
	if (r->external && (r->parent || r->profile || r->days))
		return err_set(INRO_E_ARG, "a CA that others certify has no parent, profile or days "
					   "of ours");
	e = ca_load(c, r->name, &other);
	if (e == INRO_OK)
		return err_set(INRO_E_EXISTS, "there is a CA '%s' already", r->name);
	if (e == INRO_E_NOT_FOUND)
		e = r->parent ? ca_load(c, r->parent, &m->parent) : INRO_OK;
	return e == INRO_OK && m->parent.id ? ca_usable(c, &m->parent, clock_now()) : e;
}

static enum inro_err fill_ca(struct core *c, struct making *m, const struct credential *rec)
{
	struct ca *ca = &m->ca;
	enum inro_err e;

	ca->id = 0;
	ca->tenant = c->tenant;
	ca->parent = m->parent.id;
	ca->state = CA_ACTIVE;
	ca->generation = 1;
	ca->not_before = rec->not_before;
	ca->not_after = rec->not_after;
	ca->created_ms = ca->updated_ms = rec->created_ms;
	e = text_set(&ca->name, m->in->name);
	if (e == INRO_OK)
		e = text_set(&ca->subject, rec->subject);
	if (e == INRO_OK)
		e = text_set(&ca->key_uri, rec->key_uri);
	if (e == INRO_OK)
		e = text_set(&ca->profile, rec->profile);
	if (e == INRO_OK)
		e = blob_set(&ca->cert, blob_bytes(&rec->cert));
	return e;
}

/* In the transaction that records the certificate, before it: the CA that it belongs to. */
static enum inro_err record_ca(struct core *c, struct issuing *i)
{
	struct making *m = i->arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.create", "ca", m->in->name, EVENT_DONE, &detail };
	enum inro_err e = fill_ca(c, m, &i->rec);

	if (e == INRO_OK)
		e = store_insert(c->store, &m->ca);
	if (e == INRO_E_EXISTS) {
		i->taken = true;
		return err_set(e, "there is a CA '%s' already", m->in->name);
	}
	i->rec.own_ca = m->ca.id;
	i->rec.ca = i->ca ? i->ca->id : m->ca.id;
	detail_text(&detail, "subject", m->ca.subject);
	detail_text(&detail, "parent", m->parent.name);
	detail_text(&detail, "key", m->ca.key_uri);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* `request` is what the result borrows. */
static struct issuing making_issue(struct making *m, struct cred_request *request)
{
	const struct ca_request *r = m->in;
	bool root = !m->parent.id;

	*request = (struct cred_request) {
		.csr = buf_bytes(&m->csr),
		.profile = r->profile ? r->profile
			   : root     ? "root-ca"
				      : "sub-ca",
		.key_uri = (const char *)m->uri.p,
		.days = r->days,
	};
	return (struct issuing) {
		.request = request,
		.ca = root ? NULL : &m->parent,
		.self = root ? m->key : NULL,
		.ca_name = r->name,
		.makes_ca = true,
		.before = record_ca,
		.arg = m,
	};
}

/* All that can be known to fail is looked at before a key is made. */
static enum inro_err foresee(struct core *c, struct making *m, const struct pki_key_kind *kind)
{
	const struct issue_wish wish = { .kind = kind, .subject = buf_bytes(&m->subject) };
	struct cred_request request;
	struct issuing i = making_issue(m, &request);

	return issue_foresee(c, &i, &wish);
}

/* A key of that label is a run's that was cut short, unless something has been certified for it. */
static enum inro_err make_key(struct core *c, struct making *m)
{
	const struct ca_request *r = m->in;
	struct new_key_plan plan = { .label = r->label ? r->label : r->name };
	SCOPED(credential) rec = { 0 };
	SCOPED(buf) token = { 0 };
	enum inro_err e = new_key_kind(r->key_type, &plan.kind);

	if (e == INRO_OK)
		e = core_token_uri(r->token, &token);
	if (e == INRO_OK && !r->external)
		e = foresee(c, m, plan.kind);
	plan.token_uri = (const char *)token.p;
	if (e == INRO_OK)
		e = new_key_or_left(c, &plan, &m->fresh, &rec);
	if (e == INRO_OK && rec.id)
		e = err_set(INRO_E_EXISTS,
			    "token '%s' has a key with label '%.64s' already, which certificate "
			    "%lld is for",
			    r->token, plan.label, (long long)rec.id);
	m->key = m->fresh.key;
	return e;
}

/* Two CAs with one key could each be taken for the other. */
static enum inro_err check_own_key(struct core *c, struct making *m)
{
	uint8_t hash[PKI_DIGEST_MAX];
	struct store_cond conds[] = {
		{ .field = "key_hash" },
		{ .field = "own_ca", .op = STORE_SOME },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	SCOPED(credential) rec = { 0 };
	enum inro_err e = pki_digest(PKI_SHA256, token_key_spki(m->key), hash);

	conds[0].bytes = BYTES(hash, pki_hash_octets(PKI_SHA256));
	if (e == INRO_OK)
		e = store_find(c->store, &q, &rec);
	if (e == INRO_OK)
		return err_set(INRO_E_EXISTS, "another CA has this key");
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err get_key(struct core *c, struct making *m)
{
	enum inro_err e = dn_parse(m->in->subject, NULL, &m->subject);

	if (e == INRO_OK)
		e = m->in->key_uri ? core_key(c, m->in->key_uri, &m->key) : make_key(c, m);
	if (e == INRO_OK)
		e = check_own_key(c, m);
	if (e != INRO_OK)
		return e;
	token_key_uri(m->key, &m->uri);
	buf_add_u8(&m->uri, 0);
	return buf_err(&m->uri);
}

/* The CA's own request, like anybody else's: what proves that the key is there. */
static enum inro_err get_csr(struct making *m)
{
	const struct key_csr in = { .key = m->key, .subject = buf_bytes(&m->subject) };

	return key_csr(&in, &m->csr);
}

static enum inro_err certify(struct core *c, struct making *m)
{
	struct cred_request request;
	struct issuing i = making_issue(m, &request);
	enum inro_err e = issue_run(c, &i);

	credential_clear(&i.rec);
	return e;
}

static enum inro_err fill_pending(struct core *c, struct making *m)
{
	struct ca *ca = &m->ca;
	SCOPED(buf) subject = { 0 };
	enum inro_err e = dn_text(buf_bytes(&m->subject), &subject);

	ca->tenant = c->tenant;
	ca->state = CA_PENDING;
	ca->generation = 1;
	ca->created_ms = ca->updated_ms = clock_now_ms();
	buf_add_u8(&subject, 0);
	if (e == INRO_OK)
		e = buf_err(&subject);
	if (e == INRO_OK)
		e = text_set(&ca->subject, (const char *)subject.p);
	if (e == INRO_OK)
		e = text_set(&ca->name, m->in->name);
	if (e == INRO_OK)
		e = text_set(&ca->key_uri, (const char *)m->uri.p);
	return e == INRO_OK ? blob_set(&ca->csr, buf_bytes(&m->csr)) : e;
}

static enum inro_err pending_work(struct core *c, void *arg)
{
	struct making *m = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.create", "ca", m->in->name, EVENT_DONE, &detail };
	enum inro_err e;

	m->ca.id = 0;
	e = store_insert(c->store, &m->ca);
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is a CA '%s' already", m->in->name);
	detail_text(&detail, "subject", m->ca.subject);
	detail_text(&detail, "key", m->ca.key_uri);
	detail_text(&detail, "to", ca_state_names[CA_PENDING]);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* Its certificate is another's to make. */
static enum inro_err await(struct core *c, struct making *m)
{
	enum inro_err e = fill_pending(c, m);

	return e == INRO_OK ? core_write(c, pending_work, m) : e;
}

static enum inro_err create(struct core *c, const struct ca_request *r, struct ca_view *ret)
{
	SCOPED(making) m = { .in = r };
	enum inro_err e = core_require(c, ROLE_ADMIN, "create a CA");

	if (e == INRO_OK)
		e = check_request(c, &m);
	if (e == INRO_OK)
		e = get_key(c, &m);
	if (e == INRO_OK)
		e = get_csr(&m);
	if (e == INRO_OK)
		e = r->external ? await(c, &m) : certify(c, &m);
	if (e != INRO_OK)
		return e;
	m.fresh.keep = true;
	return view(c, &m.ca, ret);
}

enum inro_err ca_create(struct core *c, const struct ca_request *r, struct ca_view *ret)
{
	enum inro_err e = create(c, r, ret);

	return e == INRO_OK ? e : audit_refused(c, "ca.create", "ca", r->name, e);
}
