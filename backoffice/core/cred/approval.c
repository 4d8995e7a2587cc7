/* approval - see approval.h. */
#include "backoffice/core/approval.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/confirm.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/group.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/crmf.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define ACTION "certificate.issue"

static void drop_json(json_t **j)
{
	json_decref(*j);
}

/* ---- does it wait? ---- */

enum inro_err approval_needed(struct core *c, struct issue_desk *d, int64_t group, bool *ret)
{
	const struct policy *p;
	enum inro_err e = desk_policy(c, d, group, &p);

	if (e == INRO_OK)
		*ret = d->profile.approve || p->approve;
	return e;
}

enum inro_err approval_refuse(struct core *c, struct issue_desk *d, int64_t group)
{
	bool needed = false;
	enum inro_err e = approval_needed(c, d, group, &needed);

	if (e != INRO_OK || !needed)
		return e;
	return err_set(INRO_E_STATE,
		       "certificates by profile '%s' wait for approval here: ask for this one by "
		       "'inro cert issue --csr FILE'",
		       d->profile.name);
}

/* ---- what is asked for, as JSON ---- */

static json_t *hex_json(struct bytes b)
{
	SCOPED(buf) hex = { 0 };

	buf_add_hex(&hex, b);
	return json_stringn(hex.n ? (const char *)hex.p : "", hex.n);
}

static json_t *pem_json(const char *label, struct bytes der)
{
	SCOPED(buf) text = { 0 };

	pem_add(&text, label, der);
	return json_stringn((const char *)text.p, text.n);
}

static json_t *names_json(struct bytes sans)
{
	json_t *list = json_array();
	struct san one;

	while (sans.n && san_next(&sans, &one) == INRO_OK) {
		SCOPED(buf) text = { 0 };

		san_one_text(&one, &text);
		json_array_append_new(list, json_stringn((const char *)text.p, text.n));
	}
	return list;
}

static json_t *granted_json(const struct cred_request *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->sans_n; i++)
		json_array_append_new(list, json_string(r->sans[i]));
	return list;
}

/* Sorted, so that it is the same text for the same request. */
static char *body_of(const struct making *j)
{
	const struct cred_request *r = j->in->request;
	AUTO(drop_json) json_t *body = json_pack(
		"{s:s s:s s:I s:s* s:s s:o s:o s:o s:o s:I s:s* s:s* s:o}", "ca", j->in->ca->name,
		"profile", r->profile, "profile_version", (json_int_t)j->desk->profile.version,
		"device", j->device.device_id, "subject", (const char *)j->subject.p, "names",
		names_json(buf_bytes(&j->issued.sans)), "subject_der",
		hex_json(buf_bytes(&j->issued.subject)), "names_der",
		hex_json(buf_bytes(&j->issued.sans)), "granted", granted_json(r), "days",
		(json_int_t)r->days, "key", j->key_ref.n ? (const char *)j->key_ref.p : NULL,
		"request_id", r->request_id, "csr", pem_json(r->crmf ? PEM_CRMF : PEM_CSR, buf_bytes(&j->csr.der)));

	return body ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
}

/* ---- kept ---- */

struct keeping {
	struct making *j;
	char *body;
};

enum inro_err approval_fill(struct core *c, struct making *j)
{
	struct credential *rec = &j->in->rec;
	uint8_t hash[PKI_DIGEST_MAX];
	char key[PUBKEY_NAME_MAX];
	enum inro_err e = pubkey_print(&j->csr.key, hash);

	*rec = (struct credential) { .tenant = c->tenant,
				     .kind = CRED_CERTIFICATE,
				     .state = CRED_REQUESTED,
				     .device = j->device.id,
				     .ca = j->in->ca->id,
				     .ca_generation = j->in->ca->generation,
				     .profile_version = j->desk->profile.version,
				     .confirm_by = j->in->request->confirm_by };
	rec->created_ms = rec->updated_ms = clock_now_ms();
	pubkey_name(&j->csr.key, key, sizeof key);
	if (e == INRO_OK)
		e = blob_set(&rec->key_hash, BYTES(hash, PUBKEY_PRINT));
	if (e == INRO_OK)
		e = text_set(&rec->algorithm, key);
	return e == INRO_OK ? making_fill_texts(j) : e;
}

enum inro_err approval_tell(struct core *c, const struct making *j)
{
	const struct credential *rec = &j->in->rec;
	SCOPED(buf) detail = { 0 };
	char name[24];
	const struct audit_entry entry = { "certificate.request", "certificate", name, EVENT_DONE,
					   &detail };

	snprintf(name, sizeof name, "%lld", (long long)rec->id);
	detail_text(&detail, "ca", j->in->ca->name);
	detail_text(&detail, "profile", rec->profile);
	detail_text(&detail, "device", j->device.device_id);
	detail_text(&detail, "subject", rec->subject);
	detail_hex(&detail, "key", blob_bytes(&rec->key_hash));
	return audit_append(c, &entry);
}

static void subject_of(int64_t id, char out[static 40])
{
	snprintf(out, 40, "certificate:%lld", (long long)id);
}

static enum inro_err keep_work(struct core *c, void *arg)
{
	struct keeping *k = arg;
	struct credential *rec = &k->j->in->rec;
	struct proposal_plan plan = { .action = ACTION, .body = bytes_of(k->body), .need = 1 };
	SCOPED(proposal) p = { 0 };
	char subject[40];
	enum inro_err e;

	rec->id = 0;
	e = cred_insert(c, rec);
	subject_of(rec->id, subject);
	plan.subject = subject;
	if (e == INRO_OK)
		e = approval_tell(c, k->j);
	return e == INRO_OK ? proposal_open_inside(c, &plan, &p) : e;
}

enum inro_err approval_keep(struct core *c, struct making *j)
{
	struct keeping k = { .j = j };
	enum inro_err e = making_plan(c, j);

	if (e == INRO_OK)
		e = approval_fill(c, j);
	if (e == INRO_OK && !(k.body = body_of(j)))
		e = err_set(INRO_E_NO_MEMORY, "no memory for a request");
	if (e == INRO_OK)
		e = core_write(c, keep_work, &k);
	free(k.body);
	/* Another may have had the same request meanwhile. */
	return e == INRO_E_EXISTS ? making_again(c, j) : e;
}

/* ---- decided ---- */

struct deciding {
	const char *ref, *why;
	enum verb verb;
	struct credential rec;
	struct proposal proposal;
};

static void deciding_clear(struct deciding *d)
{
	credential_clear(&d->rec);
	proposal_clear(&d->proposal);
}

/* The proposal of this request. */
static enum inro_err proposal_of(struct core *c, int64_t id, struct proposal *ret)
{
	char subject[40];
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "action", .text = ACTION },
		{ .field = "subject", .text = subject },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .backward = true };

	subject_of(id, subject);
	return store_find(c->store, &q, ret);
}

enum inro_err approval_drop(struct core *c, int64_t request, const char *why)
{
	SCOPED(proposal) p = { 0 };
	enum inro_err e = proposal_of(c, request, &p);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e != INRO_OK || (p.state != PROPOSAL_OPEN && p.state != PROPOSAL_APPROVED))
		return e;
	return proposal_drop_inside(c, p.id, why);
}

static bool is_undecided(const struct proposal *p)
{
	return p->state == PROPOSAL_OPEN;
}

static enum inro_err decide(struct core *c, struct deciding *d, enum verb verb)
{
	int64_t id = d->proposal.id;

	proposal_clear(&d->proposal);
	return proposal_decide_inside(c, id, verb, d->why, &d->proposal);
}

static bool is_own(const struct core *c, const struct proposal *p)
{
	return strcmp(text_or_empty(p->asked_by), c->actor) == 0;
}

static enum inro_err approve_step(struct core *c, struct deciding *d)
{
	const struct cred_change change = { .verb = VERB_APPROVE, .why = d->why };
	enum inro_err e = INRO_OK;

	if (d->rec.state == CRED_REQUESTED && is_undecided(&d->proposal) && is_own(c, &d->proposal))
		return err_set(INRO_E_POLICY,
			       "nobody approves what he asked for himself; 'inro cert reject %lld' takes it back",
			       (long long)d->rec.id);
	if (d->rec.state == CRED_PENDING) /* approved before, and not issued */
		return core_require(c, ROLE_OPERATOR, "issue a certificate");
	if (d->rec.state == CRED_REQUESTED && is_undecided(&d->proposal))
		e = decide(c, d, VERB_APPROVE);
	if (e == INRO_OK && d->rec.state == CRED_REQUESTED &&
	    d->proposal.state != PROPOSAL_APPROVED)
		e = err_set(INRO_E_STATE, "request %lld was %s", (long long)d->rec.id,
			    proposal_state_names[d->proposal.state]);
	return e == INRO_OK ? cred_apply(c, &d->rec, &change) : e;
}

static enum inro_err reject_step(struct core *c, struct deciding *d)
{
	const struct cred_change change = { .verb = VERB_CANCEL, .why = d->why, .cause = d->why };
	bool own = is_own(c, &d->proposal);
	enum proposal_state state = d->proposal.state;
	enum inro_err e = INRO_OK;

	/* What was approved can't be issued any more once the request is retired: those who approved
	 * it may see to that, too. */
	if (state == PROPOSAL_OPEN || (own && state == PROPOSAL_APPROVED))
		e = decide(c, d, own ? VERB_WITHDRAW : VERB_REJECT);
	return e == INRO_OK ? cred_apply(c, &d->rec, &change) : e;
}

/* What waits for a CA elsewhere, and for nobody's approval. */
static enum inro_err decide_order(struct core *c, struct deciding *d)
{
	const struct cred_change cancel = { .verb = VERB_CANCEL, .why = d->why, .cause = d->why };

	if (d->verb == VERB_CANCEL)
		return cred_apply(c, &d->rec, &cancel);
	return err_set(INRO_E_STATE,
		       "request %lld waits for its certificate from elsewhere: 'inro cert import' takes "
		       "that in",
		       (long long)d->rec.id);
}

static enum inro_err decide_work(struct core *c, void *arg)
{
	struct deciding *d = arg;
	int to;
	enum inro_err e;

	deciding_clear(d);
	d->rec = (struct credential) { 0 };
	d->proposal = (struct proposal) { 0 };
	e = cred_load(c, d->ref, &d->rec);
	/* What is no request any more is refused by what is possible with it. */
	if (e == INRO_OK && d->rec.state != CRED_REQUESTED && d->rec.state != CRED_PENDING)
		e = lifecycle_move(LIFE_CERTIFICATE, (int)cred_shown_state(&d->rec, clock_now()),
				   d->verb, ROLE_ADMIN, &to);
	if (e != INRO_OK)
		return err_context(e, "certificate %s", d->ref);
	e = proposal_of(c, d->rec.id, &d->proposal);
	if (e == INRO_E_NOT_FOUND)
		return decide_order(c, d);
	if (e != INRO_OK)
		return e;
	return d->verb == VERB_APPROVE ? approve_step(c, d) : reject_step(c, d);
}

/* ---- issued ---- */

/* A request as it was kept; the texts are the JSON's. */
struct kept {
	json_t *body;
	struct cred_request request;
	struct agreed agreed;
	const char *sans[CRED_REQUEST_SANS];
	struct buf subject, names;
};

static void kept_clear(struct kept *k)
{
	json_decref(k->body);
	buf_clear(&k->subject);
	buf_clear(&k->names);
}

static enum inro_err read_hex(const char *hex, struct buf *ret)
{
	size_t n = strlen(hex) / 2;
	uint8_t *to = buf_extend(ret, n);

	if (!n)
		return INRO_OK;
	return to ? hex_decode(bytes_of(hex), to, n, &n) : buf_err(ret);
}

static void read_granted(struct kept *k, const json_t *list)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one)
	{
		if (k->request.sans_n < ARRAY_LEN(k->sans) && json_is_string(one))
			k->sans[k->request.sans_n++] = json_string_value(one);
	}
	k->request.sans = k->sans;
}

static enum inro_err read_kept(const struct deciding *d, struct kept *k)
{
	const char *csr, *ca, *profile, *subject, *names;
	json_t *granted;
	json_int_t days, version;
	struct cred_request *r = &k->request;
	enum inro_err e;

	k->body = json_loadb((const char *)d->proposal.body.p, d->proposal.body.n, 0, NULL);
	if (!k->body ||
	    json_unpack(k->body, "{s:s s:s s:I s:s s:s s:s s:o s:I s?:s s?:s s?:s}", "ca", &ca,
			"profile", &profile, "profile_version", &version, "subject_der", &subject,
			"names_der", &names, "csr", &csr, "granted", &granted, "days", &days,
			"device", &r->device, "key", &r->key_uri, "request_id",
			&r->request_id) != 0)
		return err_set(INRO_E_DAMAGED, "request %lld can't be read",
			       (long long)d->rec.id);
	r->ca = ca;
	r->profile = profile;
	r->csr = bytes_of(csr);
	r->crmf = strstr(csr, PEM_CRMF) != NULL;
	r->confirm_by = d->rec.confirm_by ? clock_now() + CONFIRM_APPROVED : 0;
	r->days = (unsigned)days;
	read_granted(k, granted);
	e = read_hex(subject, &k->subject);
	if (e == INRO_OK)
		e = read_hex(names, &k->names);
	k->agreed = (struct agreed) { d->rec.id, &d->proposal, buf_bytes(&k->subject),
				      buf_bytes(&k->names), version };
	return e;
}

static enum inro_err is_other(const struct making *j, const char *what)
{
	return err_set(INRO_E_STATE,
		       "request %lld would get another %s than was approved; reject it ('inro cert "
		       "reject') and ask anew",
		       (long long)j->in->agreed->id, what);
}

enum inro_err approval_check(const struct making *j)
{
	const struct agreed *a = j->in->agreed;

	if (j->desk->profile.version != a->profile_version)
		return is_other(j, "version of its profile");
	if (!bytes_equal(buf_bytes(&j->issued.subject), a->subject))
		return is_other(j, "subject");
	if (!bytes_equal(buf_bytes(&j->issued.sans), a->sans))
		return is_other(j, "list of names");
	return INRO_OK;
}

enum inro_err approval_done(struct core *c, struct making *j)
{
	const struct agreed *a = j->in->agreed;
	const struct proposal *p = a->proposal;
	const struct proposal_plan plan = { .action = p->action,
					    .subject = p->subject,
					    .body = blob_bytes(&p->body) };
	enum inro_err e = proposal_done(c, p->id, &plan, a->id);

	return e == INRO_OK ? cred_replace(c, a->id, &j->in->rec) : e;
}

static enum inro_err issue_kept(struct core *c, struct deciding *d, struct cred *ret)
{
	SCOPED(kept) k = { 0 };
	SCOPED(ca) ca = { 0 };
	struct issuing i = { .request = &k.request, .ca = &ca, .agreed = &k.agreed };
	enum inro_err e = read_kept(d, &k);

	if (e == INRO_OK)
		e = ca_load(c, k.request.ca, &ca);
	if (e == INRO_OK)
		e = issue_shown(c, &i, ret);
	if (e == INRO_OK)
		return e;
	return err_context(e, "request %lld is approved and not issued yet ('inro cert approve' goes "
			      "on)",
			   (long long)d->rec.id);
}

static enum inro_err run(struct core *c, struct deciding *d, struct cred *ret)
{
	enum inro_err e = core_check_text("the reason", d->why, 255);

	if (e == INRO_OK)
		e = core_write(c, decide_work, d);
	if (e != INRO_OK)
		return e;
	return d->verb == VERB_APPROVE ? issue_kept(c, d, ret) : cred_view(c, &d->rec, ret);
}

static enum inro_err decide_named(struct core *c, struct deciding *d, const char *action,
				  struct cred *ret)
{
	enum inro_err e = run(c, d, ret);

	deciding_clear(d);
	return e == INRO_OK ? e : audit_refused(c, action, "certificate", d->ref, e);
}

enum inro_err cred_approve(struct core *c, const char *ref, const char *why, struct cred *ret)
{
	struct deciding d = { .ref = ref, .why = why, .verb = VERB_APPROVE };

	return decide_named(c, &d, "certificate.approve", ret);
}

enum inro_err cred_reject(struct core *c, const char *ref, const char *why, struct cred *ret)
{
	struct deciding d = { .ref = ref, .why = why, .verb = VERB_CANCEL };

	return decide_named(c, &d, "certificate.reject", ret);
}

enum inro_err cred_asked(struct core *c, const struct cred *cred, char **ret_json)
{
	SCOPED(proposal) p = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = proposal_of(c, cred->rec.id, &p);

	if (e != INRO_OK)
		return e;
	buf_add(&text, blob_bytes(&p.body));
	*ret_json = buf_take_str(&text);
	return *ret_json ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a request");
}
