/*
 * renew - a successor for a certificate: same CA, profile, subject and device; same key or a new
 * one.
 *
 * 1. The old one is superseded in the transaction that records the new one: there is never a moment
 *    with two active ones or none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/group.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/move.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/renewal.h"
#include "backoffice/pki/crmf.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define LABEL_TRIES 1000

void renewal_clear(struct renewal *r)
{
	credential_clear(&r->old);
	cert_clear(&r->cert);
	device_clear(&r->device);
	new_key_clear(&r->fresh);
	buf_clear(&r->csr);
	buf_clear(&r->uri);
}

#define DAY_SECONDS INT64_C(86400)
#define RULES_MS    1000

/* What the profile says, and where it says nothing the policy of the group.  Many renewals one
 * behind the other ask once a second. */
static enum inro_err load_rules(struct core *c, const char *name, int64_t group,
				const struct renewal_rules **ret)
{
	struct renewal_rules *known = &c->renewals[(uint64_t)group % RENEWAL_RULES];
	int64_t now = clock_monotonic_ms();
	SCOPED(profile) p = { 0 };
	SCOPED(policy) policy = { 0 };
	enum inro_err e;

	*ret = known;
	if (known->until_ms > now && known->group == group && strcmp(known->profile, name) == 0)
		return INRO_OK;
	e = profile_load(c, name, &p);
	if (e == INRO_OK)
		e = policy_of_group(c, group, &policy);
	*known = (struct renewal_rules) {
		.group = group,
		.until_ms = e == INRO_OK && strlen(name) < sizeof known->profile ? now + RULES_MS
										 : 0,
		.only_once = !p.reuse_key,
		.overlap = p.overlap ? p.overlap : policy.overlap_days * DAY_SECONDS,
	};
	snprintf(known->profile, sizeof known->profile, "%s", name);
	return e;
}

enum inro_err renewal_read(struct core *c, struct renewal *r)
{
	const enum cred_state state = cred_shown_state(&r->old, clock_now());
	const struct renewal_rules *rules;
	int to;
	enum inro_err e = INRO_OK;

	if (r->old.own_ca)
		e = err_set(INRO_E_UNSUPPORTED, "a CA's certificate is not renewed; 'inro ca "
						"rollover' gives the CA another key");
	else if (!r->old.profile)
		e = err_set(INRO_E_UNSUPPORTED,
			    "certificate %lld came from elsewhere and has no profile to renew it by; issue a "
			    "new one (inro cert issue)",
			    (long long)r->old.id);
	if (e == INRO_OK)
		e = lifecycle_move(LIFE_CERTIFICATE, (int)state, VERB_SUPERSEDE, c->role, &to);
	if (e == INRO_E_STATE && state == CRED_SUPERSEDED)
		e = err_set(e, "certificate %lld was renewed already: renew the one that replaced it",
			    (long long)r->old.id);
	if (e == INRO_OK)
		e = cert_read(blob_bytes(&r->old.cert), &r->cert);
	if (e == INRO_OK && r->old.device)
		e = store_get(c->store, r->old.device, &r->device);
	if (e == INRO_OK)
		e = load_rules(c, r->old.profile, r->device.grp, &rules);
	if (e != INRO_OK)
		return e;
	r->new_key = r->in->new_key || rules->only_once;
	r->overlap = rules->overlap;
	return e;
}

/* Length of the label without the ".2" that an earlier renewal gave it. */
static size_t stem_of(const char *label)
{
	const char *dot = strrchr(label, '.');
	const char *digits = dot ? dot + 1 + (dot[1] == 'r') : "";
	bool counted =
		dot && dot != label && *digits && strspn(digits, "0123456789") == strlen(digits);

	return counted ? (size_t)(dot - label) : strlen(label);
}

/* "press-1", "press-1.2", "press-1.3": the first that no key in the token has. */
static enum inro_err make_next(struct core *c, struct renewal *r, struct new_key_plan plan,
			       const char *before)
{
	char label[256];
	enum inro_err e = INRO_E_EXISTS;

	plan.label = label;
	for (int i = 2; e == INRO_E_EXISTS && i < LABEL_TRIES; i++) {
		snprintf(label, sizeof label, "%.*s.%d", (int)stem_of(before), before, i);
		e = new_key_make(c, &plan, &r->fresh);
	}
	return e;
}

/* "press-1.r17", of certificate 17: what a run that was cut short has left is found again. */
static enum inro_err make_or_find(struct core *c, struct renewal *r, struct new_key_plan plan,
				  const char *before)
{
	SCOPED(credential) rec = { 0 };
	char label[256], owner[KEY_OWNER_MAX];
	enum inro_err e;

	snprintf(label, sizeof label, "%.*s.r%lld", (int)stem_of(before), before,
		 (long long)r->old.id);
	plan.label = label;
	e = new_key_or_left(c, &plan, &r->fresh, &rec);
	if (e == INRO_OK && rec.id)
		e = err_set(INRO_E_EXISTS, "there is a key '%s' already, %s", label, key_owner(c, &rec, owner));
	return e;
}

static enum inro_err make_key(struct core *c, struct renewal *r)
{
	SCOPED(p11_uri) uri = { 0 };
	char type[PUBKEY_NAME_MAX];
	struct new_key_plan plan = { .token_uri = r->old.key_uri };
	SCOPED(profile) profile = { 0 };
	const char *before;
	enum inro_err e = p11_uri_parse(r->old.key_uri, &uri);

	if (e != INRO_OK)
		return e;
	pubkey_name(&r->cert.key, type, sizeof type);
	e = new_key_kind(r->in->key_type ? r->in->key_type : type, &plan.kind);
	if (e == INRO_OK)
		e = profile_load(c, text_or_empty(r->old.profile), &profile);
	if (e != INRO_OK)
		return e;
	new_key_uses(&profile, &plan);
	before = uri.object ? uri.object : text_or_empty(r->device.device_id);
	e = r->in->again ? make_or_find(c, r, plan, before) : make_next(c, r, plan, before);
	r->key = r->fresh.key;
	return e;
}

/* What was said to be its place may be another key's. */
static enum inro_err key_of_record(const struct renewal *r)
{
	enum inro_err e = key_check_hash(r->key, blob_bytes(&r->old.key_hash));

	return e == INRO_OK ? e : err_context(e, "the key of certificate %lld", (long long)r->old.id);
}

static enum inro_err get_key(struct core *c, struct renewal *r)
{
	enum inro_err e;

	if (!r->old.key_uri)
		return err_set(INRO_E_ARG,
			       "the key of certificate %lld is in no token known here; "
			       "give a request (CSR) signed by it",
			       (long long)r->old.id);
	e = core_key_recorded(c, r->old.key_uri);
	if (e == INRO_OK)
		e = core_token(c, r->old.key_uri, &r->token);
	if (e == INRO_OK)
		e = r->new_key ? make_key(c, r) : core_key(c, r->old.key_uri, &r->key);
	if (e == INRO_OK && !r->new_key)
		e = key_of_record(r);
	if (e != INRO_OK)
		return e;
	token_key_uri(r->key, &r->uri);
	buf_add_u8(&r->uri, 0);
	return buf_err(&r->uri);
}

/* A request that asks for what the old certificate has. */
static enum inro_err get_csr(struct core *c, struct renewal *r)
{
	struct key_csr in = { .subject = r->cert.subject, .sans = r->cert.ext.sans };
	enum inro_err e = get_key(c, r);

	in.key = r->key;
	return e == INRO_OK ? key_csr(&in, &r->csr) : e;
}

enum inro_err renewal_supersede(struct core *c, struct issuing *i)
{
	struct renewal *r = i->arg;
	const struct cred_change change = { .verb = VERB_SUPERSEDE };
	SCOPED(credential) old = { 0 };
	enum inro_err e = store_get(c->store, r->old.id, &old);

	i->rec.replaces = r->old.id;
	old.grace_until = clock_now() + r->overlap;
	if (old.grace_until > old.not_after)
		old.grace_until = old.not_after;
	return e == INRO_OK ? cred_apply(c, &old, &change) : e;
}

static enum inro_err check_names(const struct renewal *r, struct bytes names)
{
	SCOPED(buf) text = { 0 };
	struct san s;
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && names.n) {
		e = san_next(&names, &s);
		if (e != INRO_OK || san_has(r->cert.ext.sans, &s))
			continue;
		san_one_text(&s, &text);
		e = buf_err(&text);
		if (e == INRO_OK)
			e = err_set(INRO_E_POLICY,
				    "the request wants the name %.*s, which certificate %lld has "
				    "not; issue a new one for it",
				    (int)text.n, (const char *)text.p, (long long)r->old.id);
	}
	return e;
}

/* A request from outside is for what the old certificate says, or for less of its names. */
static enum inro_err check_csr(struct renewal *r)
{
	SCOPED(csr) csr = { 0 };
	enum inro_err e = r->in->crmf ? crmf_read(r->in->csr, &csr) : csr_read(r->in->csr, &csr);

	if (e != INRO_OK)
		return e;
	r->same_key = pubkey_same(&csr.key, &r->cert.key);
	if (!bytes_equal(csr.subject, r->cert.subject))
		return err_set(INRO_E_POLICY,
			       "the request's subject is not that of certificate %lld; issue a new "
			       "one for another subject",
			       (long long)r->old.id);
	return check_names(r, csr.ext.sans);
}

/* Where the certified key is; NULL: not known here. */
static const char *key_place(const struct renewal *r)
{
	if (r->token)
		return (const char *)r->uri.p;
	return r->same_key ? r->old.key_uri : NULL;
}

enum inro_err renewal_csr(struct core *c, struct renewal *r)
{
	return r->in->csr.n ? check_csr(r) : get_csr(c, r);
}

struct cred_request renewal_request(const struct renewal *r, const char *ca)
{
	return (struct cred_request) {
		.csr = r->token ? buf_bytes(&r->csr) : r->in->csr,
		.ca = ca,
		.profile = r->old.profile,
		.device = r->device.device_id,
		.key_uri = key_place(r),
		.days = r->in->days,
		.request_id = r->in->request_id,
		.crmf = r->in->crmf,
		.confirm_by = r->in->confirm_by,
		.attested = r->in->attested,
	};
}

static enum inro_err certify(struct core *c, struct renewal *r, struct credential *ret)
{
	SCOPED(ca) ca = { 0 };
	struct cred_request request;
	struct issuing i = { .request = &request,
			     .ca = &ca,
			     .granted = r->cert.ext.sans,
			     .renews = true,
			     .renewed = r->old.id,
			     .before = renewal_supersede,
			     .arg = r };
	enum inro_err e = store_get(c->store, r->old.ca, &ca);

	request = renewal_request(r, ca.name);
	if (e == INRO_OK)
		e = issue_run(c, &i);
	if (e == INRO_OK)
		*ret = i.rec;
	else
		credential_clear(&i.rec);
	return e;
}

enum inro_err renewal_deliver(struct renewal *r, const struct credential *rec)
{
	enum inro_err e;

	r->fresh.keep = true;
	if (!r->token)
		return INRO_OK;
	e = key_store_cert(r->token, r->key, rec, !r->new_key || r->in->again);
	return e == INRO_OK ? e
			    : err_context(e, "certificate %lld was issued but is not in the token",
					  (long long)rec->id);
}

/* The old one is superseded by now: asked first, before that stands in the way. */
static enum inro_err renewed_before(struct core *c, const struct renewal *r, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "request_id", .text = r->in->request_id },
		{ .field = "replaces", .number = r->old.id },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };

	return r->in->request_id ? store_find(c->store, &q, ret) : INRO_E_NOT_FOUND;
}

static enum inro_err renew_anew(struct core *c, struct renewal *r, struct credential *ret)
{
	enum inro_err e = renewal_read(c, r);

	if (e == INRO_OK)
		e = renewal_csr(c, r);
	if (e == INRO_OK)
		e = certify(c, r, ret);
	new_key_unsure(&r->fresh, e);
	return e == INRO_OK ? renewal_deliver(r, ret) : e;
}

static enum inro_err renew(struct core *c, const char *ref, struct renewal *r, struct cred *ret)
{
	SCOPED(credential) rec = { 0 };
	SCOPED(own) own = { 0 };
	enum inro_err e = cred_load(c, ref, &r->old);

	if (e == INRO_OK)
		e = core_own(c, c->device && c->device == r->old.device, "renew a certificate", &own);
	if (e == INRO_OK)
		e = renewed_before(c, r, &rec);
	if (e == INRO_E_NOT_FOUND && r->old.id)
		e = renew_anew(c, r, &rec);
	return e == INRO_OK ? cred_view(c, &rec, ret) : e;
}

enum inro_err cred_renew(struct core *c, const char *ref, const struct cred_renewal *in,
			 struct cred *ret)
{
	SCOPED(renewal) r = { .in = in };
	enum inro_err e;

	if (in->csr.n && in->new_key)
		e = err_set(INRO_E_ARG, "a request (CSR) brings its own key: "
					"no new one is made for it");
	else
		e = renew(c, ref, &r, ret);
	return e == INRO_OK ? e : audit_refused(c, "certificate.renew", "certificate", ref, e);
}
