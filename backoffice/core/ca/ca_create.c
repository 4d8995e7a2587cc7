/* ca_create - CAs made, with the key that is there or a new one; see ca.h and ca_making.h. */
#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_making.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/csr.h"
#include "base/clock.h"

void ca_making_clear(struct ca_making *m)
{
	ca_clear(&m->parent);
	ca_clear(&m->ca);
	new_key_clear(&m->fresh);
	buf_clear(&m->subject);
	buf_clear(&m->csr);
	buf_clear(&m->uri);
	buf_clear(&m->constraints);
	ca_eyes_clear(&m->eyes);
}

enum inro_err ca_making_check(const struct ca_request *r)
{
	if (!r->key_uri == !r->token)
		return err_set(INRO_E_ARG, "a CA has either the URI of its key or the token to "
					   "make one in");
	if (r->external && (r->parent || r->profile || r->days || r->path_len))
		return err_set(INRO_E_ARG, "a CA that others certify has no parent, profile, days or "
					   "path length of ours");
	return INRO_OK;
}

/* Before a key is made for it. */
static enum inro_err set_lists(struct ca_making *m)
{
	SCOPED(ca) first = { .generation = 1 }; /* m->ca has no key yet, and so no number */
	enum inro_err e = text_set(&first.name, m->in->name);

	if (e == INRO_OK && m->in->lists)
		e = ca_policy_begin(&first, m->in->lists);
	return e == INRO_OK ? text_set(&m->ca.settings, first.settings) : e;
}

static enum inro_err check_request(struct core *c, struct ca_making *m)
{
	const struct ca_request *r = m->in;
	SCOPED(ca) other = { 0 };
	enum inro_err e = ca_check_name(r->name);

	if (e != INRO_OK)
		return e;
	if (!r->subject || !*r->subject)
		return err_set(INRO_E_ARG, "a CA needs a subject");
	e = ca_making_check(r);
	if (e == INRO_OK)
		e = set_lists(m);
	if (e != INRO_OK)
		return e;
	e = ca_load(c, r->name, &other);
	if (e == INRO_OK)
		return err_set(INRO_E_EXISTS, "there is a CA '%s' already", r->name);
	if (e == INRO_E_NOT_FOUND)
		e = r->parent ? ca_load(c, r->parent, &m->parent) : INRO_OK;
	return e == INRO_OK && m->parent.id ? ca_usable(c, &m->parent, clock_now()) : e;
}

static enum inro_err fill_ca(struct core *c, struct ca_making *m, const struct credential *rec)
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
	struct ca_making *m = i->arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.create", "ca", m->in->name, EVENT_DONE, &detail };
	enum inro_err e = ca_check_own_key(c, token_key_public(m->key));

	if (e != INRO_OK) {
		i->taken = true;
		return e;
	}
	e = fill_ca(c, m, &i->rec);
	if (e == INRO_OK)
		e = store_insert(c->store, &m->ca);
	if (e == INRO_E_EXISTS) {
		i->taken = true;
		return err_set(e, "there is a CA '%s' already", m->in->name);
	}
	if (e == INRO_OK)
		e = ca_eyes_done(c, &m->eyes, m->ca.id);
	i->rec.own_ca = m->ca.id;
	i->rec.ca = i->ca ? i->ca->id : m->ca.id;
	detail_text(&detail, "subject", m->ca.subject);
	detail_text(&detail, "parent", m->parent.name);
	detail_text(&detail, "key", m->ca.key_uri);
	detail_text(&detail, "settings", m->ca.settings);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* `request` is what the result borrows. */
static struct issuing making_issue(struct ca_making *m, struct cred_request *request)
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
		.path_len = r->path_len,
		.constraints = buf_bytes(&m->constraints),
	};
	return (struct issuing) {
		.request = request,
		.ca = root ? NULL : &m->parent,
		.self = root ? m->key : NULL,
		.ca_name = r->name,
		.ca_generation = m->ca.generation + 1, /* a first one, or the next */
		.makes_ca = true,
		.after_sign = m->after_sign,
		.before = m->record,
		.arg = m,
	};
}

/* All that can be known to fail is looked at before a key is made. */
static enum inro_err foresee(struct core *c, struct ca_making *m, const struct pki_key_kind *kind)
{
	const struct issue_wish wish = { .kind = kind, .subject = buf_bytes(&m->subject) };
	struct cred_request request;
	struct issuing i = making_issue(m, &request);

	return issue_foresee(c, &i, &wish);
}

/* A key of that label is a run's that was cut short, unless something has been certified for it. */
static enum inro_err make_key(struct core *c, struct ca_making *m)
{
	const struct ca_request *r = m->in;
	struct new_key_plan plan = { .label = r->label ? r->label : r->name };
	SCOPED(credential) rec = { 0 };
	SCOPED(buf) token = { 0 };
	char owner[KEY_OWNER_MAX];
	enum inro_err e = new_key_kind(r->key_type, &plan.kind);

	if (e == INRO_OK)
		e = core_token_uri(r->token, &token);
	if (e == INRO_OK && !r->external)
		e = foresee(c, m, plan.kind);
	plan.token_uri = (const char *)token.p;
	if (e == INRO_OK)
		e = new_key_or_left(c, &plan, &m->fresh, &rec);
	if (e == INRO_OK && rec.id)
		e = err_set(INRO_E_EXISTS, "token '%s' has a key with label '%.64s' already, %s", r->token,
			    plan.label, key_owner(c, &rec, owner));
	m->key = m->fresh.key;
	return e;
}

static enum inro_err another_has_it(void)
{
	return err_set(INRO_E_EXISTS, "another CA has this key, or will have");
}

static enum inro_err whose_it_is(const struct core *c, const struct credential *rec)
{
	if (rec->tenant == c->tenant)
		return another_has_it();
	return err_set(INRO_E_EXISTS,
		       "another tenant has this CA, or another with its key: a database has each in one tenant");
}

/* CAs that wait for their certificate, or for that of their next key. */
static enum inro_err compare_request(const struct blob *request, const struct pubkey *key)
{
	SCOPED(csr) csr = { 0 };
	enum inro_err e = request->n ? csr_read(blob_bytes(request), &csr) : INRO_OK;

	if (e == INRO_OK && request->n && pubkey_same(&csr.key, key))
		return another_has_it();
	return e;
}

static enum inro_err check_pending_keys(struct core *c, const struct pubkey *key)
{
	const struct store_cond pending = { .field = "state", .number = CA_PENDING };
	const struct store_query q = { .conds = &pending, .n = 1 }, all = { .n = 0 };
	void *cas = NULL, *next = NULL;
	size_t n = 0, next_n = 0;
	enum inro_err e = core_all(c, &ca_type, &q, &cas, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = compare_request(&((struct ca *)cas)[i].csr, key);
	if (e == INRO_OK)
		e = core_all(c, &ca_generation_type, &all, &next, &next_n);
	for (size_t i = 0; e == INRO_OK && i < next_n; i++)
		e = compare_request(&((struct ca_generation *)next)[i].csr, key);
	list_free(&ca_type, cas, n);
	list_free(&ca_generation_type, next, next_n);
	return e;
}

static enum inro_err with_key(struct core *c, const struct pubkey *key, void **ret, size_t *ret_n)
{
	uint8_t hash[PKI_DIGEST_MAX];
	struct store_cond conds[] = {
		{ .field = "key_hash" },
		{ .field = "fingerprint", .op = STORE_SOME }, /* a request is no certificate */
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = pubkey_print(key, hash);

	conds[0].bytes = BYTES(hash, PUBKEY_PRINT);
	return e == INRO_OK ? core_all(c, &credential_type, &q, ret, ret_n) : e;
}

/* That of a CA elsewhere, which one of ours certified, is no other's: it may be this very CA.  Of another tenant's
 * only a certificate for a key in a token counts: who has seen the CA's request can have one for its key. */
static enum inro_err refuse_leaf(const struct core *c, const struct credential *rec)
{
	SCOPED(cert) cert = { 0 };
	bool ours = rec->tenant == c->tenant;
	enum inro_err e = INRO_OK;

	if (!ours && !*text_or_empty(rec->key_uri))
		return e;
	e = rec->cert.n ? cert_read(blob_bytes(&rec->cert), &cert) : INRO_OK;
	if (e != INRO_OK || cert.ext.ca)
		return e;
	if (!ours)
		return err_set(INRO_E_EXISTS, "a certificate that is no CA's is for this key");
	return err_set(INRO_E_EXISTS,
		       "certificate %lld, which is no CA's, is for this key: a CA has one of its own",
		       (long long)rec->id);
}

/* Whoever has it could issue in the CA's name, and two CAs with one key could each be taken for the
 * other.  `whole`: CAs count, too, and what other tenants have. */
static enum inro_err check_owners(struct core *c, const struct pubkey *key, bool whole)
{
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = with_key(c, key, &items, &n);
	const struct credential *rows = items;

	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		if (!whole && rows[i].tenant != c->tenant)
			continue;
		if (!rows[i].own_ca)
			e = refuse_leaf(c, &rows[i]);
		else if (whole)
			e = whose_it_is(c, &rows[i]);
	}
	list_free(&credential_type, items, n);
	return e;
}

enum inro_err ca_check_no_leaf(struct core *c, const struct pubkey *key)
{
	return check_owners(c, key, false);
}

enum inro_err ca_check_own_key(struct core *c, const struct pubkey *key)
{
	enum inro_err e = check_owners(c, key, true);

	return e == INRO_OK ? check_pending_keys(c, key) : e;
}

static enum inro_err name_key(struct ca_making *m)
{
	token_key_uri(m->key, &m->uri);
	buf_add_u8(&m->uri, 0);
	return buf_err(&m->uri);
}

enum inro_err ca_making_key(struct core *c, struct ca_making *m)
{
	enum inro_err e =
		m->in->key_uri ? core_key(c, m->in->key_uri, &m->key) : make_key(c, m);

	if (e == INRO_OK)
		e = ca_check_own_key(c, token_key_public(m->key));
	return e == INRO_OK ? name_key(m) : e;
}

/* The CA's own request, like anybody else's: what proves that the key is there. */
enum inro_err ca_making_csr(struct ca_making *m)
{
	const struct key_csr in = { .key = m->key, .subject = buf_bytes(&m->subject),
				    .limits = buf_bytes(&m->constraints) };

	return key_csr(&in, &m->csr);
}

enum inro_err ca_making_certify(struct core *c, struct ca_making *m)
{
	struct cred_request request;
	struct issuing i = making_issue(m, &request);
	enum inro_err e = issue_run(c, &i);

	credential_clear(&i.rec);
	return e;
}

static enum inro_err fill_pending(struct core *c, struct ca_making *m)
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
	struct ca_making *m = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.create", "ca", m->in->name, EVENT_DONE, &detail };
	enum inro_err e;

	m->ca.id = 0;
	e = ca_check_own_key(c, token_key_public(m->key));
	if (e == INRO_OK)
		e = store_insert(c->store, &m->ca);
	else
		return e;
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is a CA '%s' already", m->in->name);
	if (e == INRO_OK && m->eyes.action)
		e = ca_eyes_done(c, &m->eyes, m->ca.id);
	detail_text(&detail, "subject", m->ca.subject);
	detail_text(&detail, "key", m->ca.key_uri);
	detail_text(&detail, "to", ca_state_names[CA_PENDING]);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

enum inro_err ca_detail_limits(struct buf *body, struct bytes constraints)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = limits_text(constraints, &text);

	buf_add_u8(&text, 0);
	if (e == INRO_OK)
		e = buf_err(&text);
	if (e == INRO_OK)
		detail_text(body, "name_constraints", (const char *)text.p);
	return e;
}

/* Its certificate is another's to make. */
static enum inro_err await(struct core *c, struct ca_making *m)
{
	enum inro_err e = fill_pending(c, m);

	return e == INRO_OK ? core_write(c, pending_work, m) : e;
}

static void propose_lists(struct buf *body, const struct ca_settings *in)
{
	const struct {
		const char *name;
		int64_t n;
	} numbers[] = { { "crl_days", in->crl_days },
			{ "crl_overlap_hours", in->overlap_hours },
			{ "delta_hours", in->delta_hours },
			{ "crl_shards", in->shards } };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].n != CA_AS_IT_IS)
			detail_int(body, numbers[i].name, numbers[i].n);
	detail_text(body, "crl_url", in->crl_url);
	detail_text(body, "delta_url", in->delta_url);
}

enum inro_err ca_making_propose(struct ca_making *m)
{
	const struct ca_request *r = m->in;
	struct buf *body = &m->eyes.body;
	enum inro_err e = INRO_OK;

	detail_text(body, "subject", r->subject);
	detail_text(body, "parent", r->parent);
	detail_text(body, "profile", r->profile);
	detail_text(body, "key", r->key_uri);
	detail_text(body, "token", r->token);
	detail_text(body, "key_type", r->key_type);
	detail_text(body, "label", r->label);
	if (r->days)
		detail_int(body, "days", r->days);
	if (r->path_len)
		detail_int(body, "path_len", *r->path_len);
	if (r->external)
		detail_int(body, "external", 1);
	if (r->lists)
		propose_lists(body, r->lists);
	if (m->constraints.n)
		e = ca_detail_limits(body, buf_bytes(&m->constraints));
	m->eyes.proposal = r->proposal;
	return e;
}

/* One that an import left is taken up again. */
static enum inro_err check_awaited(struct core *c, const struct ca_making *m, bool *ret_there)
{
	SCOPED(ca) there = { 0 };
	enum inro_err e = ca_load(c, m->in->name, &there);

	*ret_there = e == INRO_OK;
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK && (there.state != CA_PENDING ||
			     strcmp(there.key_uri, (const char *)m->uri.p) != 0))
		e = err_set(INRO_E_EXISTS, "there is a CA '%s' already", m->in->name);
	return e;
}

enum inro_err ca_await(struct core *c, const char *name, const char *key_uri, struct bytes subject)
{
	const struct ca_request r = { .name = name, .key_uri = key_uri, .external = true };
	SCOPED(ca_making) m = { .in = &r };
	bool there = false;
	enum inro_err e = core_key(c, key_uri, &m.key);

	buf_add(&m.subject, subject);
	if (e == INRO_OK)
		e = name_key(&m);
	if (e == INRO_OK)
		e = check_awaited(c, &m, &there);
	if (e != INRO_OK || there)
		return e;
	e = ca_making_csr(&m);
	return e == INRO_OK ? await(c, &m) : e;
}

static enum inro_err read_trees(const char *const *texts, size_t n, struct buf *ret)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = limits_add(ret, texts[i]);
	return e;
}

enum inro_err ca_read_constraints(const char *const *permit, size_t permit_n,
				  const char *const *exclude, size_t exclude_n, struct buf *ret)
{
	SCOPED(buf) in = { 0 };
	SCOPED(buf) out = { 0 };
	enum inro_err e = read_trees(permit, permit_n, &in);

	if (e == INRO_OK)
		e = read_trees(exclude, exclude_n, &out);
	return e == INRO_OK ? limits_join(buf_bytes(&in), buf_bytes(&out), ret) : e;
}

static enum inro_err copy_constraints(struct ca_making *m)
{
	buf_add(&m->constraints, m->in->constraints);
	return buf_err(&m->constraints);
}

static enum inro_err create(struct core *c, const struct ca_request *r, struct ca_view *ret)
{
	SCOPED(ca_making) m = { .in = r,
				.record = record_ca,
				.eyes = { .action = "ca.create" } };
	enum inro_err e = core_require(c, ROLE_ADMIN, "create a CA");

	if (e == INRO_OK)
		e = check_request(c, &m);
	if (e == INRO_OK)
		e = dn_parse(r->subject, NULL, &m.subject);
	if (e == INRO_OK)
		e = copy_constraints(&m);
	if (e == INRO_OK)
		e = ca_making_propose(&m);
	if (e == INRO_OK)
		e = ca_eyes_check(c, &m.eyes, r->name);
	if (e == INRO_OK)
		e = ca_making_key(c, &m);
	if (e == INRO_OK)
		e = ca_making_csr(&m);
	if (e == INRO_OK)
		e = r->external ? await(c, &m) : ca_making_certify(c, &m);
	new_key_unsure(&m.fresh, e);
	if (e != INRO_OK)
		return e;
	m.fresh.keep = true;
	return ca_get(c, r->name, ret);
}

enum inro_err ca_create(struct core *c, const struct ca_request *r, struct ca_view *ret)
{
	enum inro_err e = create(c, r, ret);

	return e == INRO_OK ? e : audit_refused(c, "ca.create", "ca", r->name, e);
}
