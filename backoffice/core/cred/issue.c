/*
 * issue - a request becomes a recorded certificate: proof of possession, profile, serial,
 * signature, one transaction.
 *
 * 1. What the CA and the device are is looked at twice: before the CA's key is used, and again in
 * the transaction that records the certificate.
 * 2. A certificate that was signed and could not be recorded is forgotten: it never leaves.
 */
#include "backoffice/core/issuing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/approval.h"
#include "backoffice/core/asks.h"
#include "backoffice/core/attested.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/challenge.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/key_use.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/move.h"
#include "backoffice/core/newcomer.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/view.h"
#include "backoffice/pki/crmf.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define SERIAL_TRIES   3
#define DAY_SECONDS    86400
#define REQUEST_ID_MAX 128

void making_clear(struct making *j)
{
	csr_clear(&j->csr);
	device_clear(&j->device);
	vars_room_clear(&j->vars);
	issued_clear(&j->issued);
	buf_clear(&j->subject);
	buf_clear(&j->der);
	buf_clear(&j->key_ref);
	buf_clear(&j->crl_url);
}

/* A URI that is no URI is refused before anything is signed; what is kept of it opens nothing, and is held against the
 * key wherever it is followed (key_check_hash()). */
static enum inro_err load_key_ref(struct making *j)
{
	const char *uri = j->in->request->key_uri;

	return uri ? core_key_ref(uri, &j->key_ref) : INRO_OK;
}

enum inro_err making_device(struct core *c, struct making *j)
{
	const char *id = j->in->request->device;

	if (j->in->newcomer)
		return newcomer_draft(c, j);
	return id ? device_load(c, id, &j->device) : INRO_OK;
}

static enum inro_err read_csr(const struct cred_request *r, struct csr *ret)
{
	return r->crmf ? crmf_read(r->csr, ret) : csr_read(r->csr, ret);
}

enum inro_err making_parse(struct making *j)
{
	enum inro_err e = load_key_ref(j);

	if (e == INRO_OK)
		e = read_csr(j->in->request, &j->csr);
	return e == INRO_OK ? pubkey_print(&j->csr.key, j->key_hash) : e;
}

enum inro_err making_read(struct core *c, struct making *j)
{
	enum inro_err e = making_parse(j);

	return e == INRO_OK ? making_device(c, j) : e;
}

enum inro_err making_verify(const struct making *j)
{
	/* A key of a size that nobody takes costs no verification. */
	enum inro_err e = profile_check_key(&j->desk->profile, &j->csr.key);

	return e == INRO_OK ? csr_verify(&j->csr) : e;
}

enum inro_err making_admit(const struct making *j)
{
	return j->device.id ? device_may_have(&j->device) : INRO_OK;
}

enum inro_err making_prove(const struct making *j)
{
	enum inro_err e = making_verify(j);

	return e == INRO_OK ? making_admit(j) : e;
}

/* The names that this device may ask for: its record's and those that the operator gives it. */
static enum inro_err grant(const struct making *j, struct buf *ret)
{
	const struct cred_request *r = j->in->request;
	enum inro_err e = device_names(&j->device, san_kinds(j->csr.ext.sans), ret);

	for (size_t i = 0; e == INRO_OK && i < r->sans_n; i++)
		e = san_add(ret, r->sans[i]);
	buf_add(ret, j->in->granted);
	return e == INRO_OK ? buf_err(ret) : e;
}

/* A CA's request says its own name constraints; who certifies it may say others. */
static struct bytes constraints_of(const struct making *j)
{
	const struct cred_request *r = j->in->request;

	if (!j->in->makes_ca)
		return BYTES_NONE;
	return r->constraints.n ? r->constraints : j->csr.ext.limits;
}

/* The request's wish with the profile's word.  `granted` holds what *ret borrows. */
static enum inro_err make_issue(struct core *c, struct making *j, struct buf *granted,
				struct issue *ret)
{
	const struct issuing *i = j->in;
	int64_t now = j->desk->now;
	struct dn_vars vars = { .ca_name = i->ca ? i->ca->name : i->ca_name,
				.ca_generation = j->desk->generation };
	enum inro_err e = grant(j, granted);

	vars_room_clear(&j->vars);
	if (e == INRO_OK)
		e = vars_of_device(c, &j->device, j->desk->wanted, &j->vars, &vars);

	if (e != INRO_OK)
		return e;
	*ret = (struct issue) {
		.profile = &j->desk->profile,
		.issuer = i->ca ? &j->desk->issuer : NULL,
		.key = &j->csr.key,
		.subject = j->csr.subject,
		.sans = j->csr.ext.sans,
		.vars = vars,
		.granted = buf_bytes(granted),
		.serial = BYTES(j->serial, sizeof j->serial),
		.now = now,
		.path_len = i->request->path_len ? (int)*i->request->path_len : EXT_PATH_LEN_NONE,
		.crl_url = j->crl_url.n ? (const char *)j->crl_url.p : NULL,
		.constraints = constraints_of(j),
		.limits = &j->desk->limits,
		.bounds = i->ca ? &j->desk->bounds : NULL,
	};
	if (i->request->days)
		ret->not_after = now + (int64_t)i->request->days * DAY_SECONDS;
	return INRO_OK;
}

static enum inro_err make_tbs(struct core *c, struct making *j)
{
	SCOPED(buf) granted = { 0 };
	struct issue in;
	enum inro_err e = make_issue(c, j, &granted, &in);

	issued_clear(&j->issued);
	return e == INRO_OK ? issue_tbs(&in, &j->issued) : e;
}

static enum inro_err fill_subject(struct making *j)
{
	enum inro_err e;

	buf_reset(&j->subject);
	e = dn_text(buf_bytes(&j->issued.subject), &j->subject);
	buf_add_u8(&j->subject, 0);
	return e == INRO_OK ? buf_err(&j->subject) : e;
}

static enum inro_err is_ca_name(const struct ca *ca)
{
	return err_set(INRO_E_POLICY, "the subject is the name of CA '%s'", ca->name);
}

static enum inro_err compare_cas(const struct issue_desk *d, const char *subject)
{
	for (size_t i = 0; i < d->cas_n; i++)
		if (strcmp(text_or_empty(d->cas[i].subject), subject) == 0)
			return is_ca_name(&d->cas[i]);
	return INRO_OK;
}

/* A leaf that is called like a CA could be taken for it by whoever compares names alone. */
static enum inro_err refuse_ca_name(struct core *c, const struct making *j)
{
	const char *subject = (const char *)j->subject.p;
	SCOPED(ca) ca = { 0 };
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "subject", .text = subject },
	};
	const struct store_query q = {
		STORE_WHERE(conds), .limit = 1, .any_first = true, .keep = STORE_KEEP_NOT
	};
	enum inro_err e;

	if (j->in->makes_ca || !*subject) /* a CA has one */
		return INRO_OK;
	if (j->desk->cas)
		return compare_cas(j->desk, subject);
	e = store_find(c->store, &q, &ca);
	if (e == INRO_OK)
		return is_ca_name(&ca);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

enum inro_err desk_read_cas(struct core *c, struct issue_desk *d)
{
	const struct store_cond mine = { .field = "tenant", .number = c->tenant };
	const struct store_query q = { .conds = &mine, .n = 1 };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &ca_type, &q, &items, &n);

	if (e != INRO_OK)
		return e;
	desk_forget_policies(d);
	list_free(&ca_type, d->cas, d->cas_n);
	d->cas = items;
	d->cas_n = n;
	e = issue_now(c, &d->now);
	return e == INRO_OK ? key_use_moment(c, &d->moment) : e;
}

struct bytes making_key(const struct making *j)
{
	return BYTES(j->key_hash, PUBKEY_PRINT);
}

static enum inro_err check_key(struct core *c, const struct making *j)
{
	const struct key_claim claim = { .hash = making_key(j),
					 .device = &j->device,
					 .for_ca = j->in->makes_ca,
					 .only_once = !j->desk->profile.reuse_key,
					 .placed = j->key_ref.n };

	return key_use_check(c, &claim);
}

/* What the device's group says: who may work on it, its types of keys and profiles, what it gets by itself. */
static enum inro_err heed_group(struct core *c, const struct making *j)
{
	const struct policy *p;
	char type[PUBKEY_NAME_MAX];
	enum inro_err e = INRO_OK;

	if (!j->device.id)
		return e;
	e = desk_policy(c, j->desk, j->device.grp, &p);
	if (e == INRO_OK)
		e = device_touch_by(c, &j->device, p);
	pubkey_name(&j->csr.key, type, sizeof type);
	if (e == INRO_OK && !policy_takes_type(p, type, policy_type_is_pair))
		e = err_set(INRO_E_POLICY,
			    "the policy of the group of device '%s' has no %s keys",
			    j->device.device_id, type);
	if (e == INRO_OK && !policy_takes_profile(p, j->desk->profile.name))
		e = err_set(INRO_E_POLICY,
			    "the policy of the group of device '%s' has no profile '%s' among its profiles",
			    j->device.device_id, j->desk->profile.name);
	return e == INRO_OK ? asks_check(c, j, p) : e;
}

/* Where it finds the revocation list that it would be on. */
static enum inro_err fill_crl_url(struct making *j)
{
	const struct bytes serial = BYTES(j->serial, sizeof j->serial);
	const struct ca_policy *lists;
	enum inro_err e = desk_lists(j->desk, &lists);

	return e == INRO_OK ? ca_policy_url(j->desk->ca, lists->crl_url,
					    ca_policy_shard(lists, serial), &j->crl_url)
			    : e;
}

enum inro_err making_plan(struct core *c, struct making *j)
{
	enum inro_err e = blocklist_check(j->desk->blocklist, &j->csr.key);

	if (e == INRO_OK)
		e = heed_group(c, j);
	if (e == INRO_OK)
		e = check_key(c, j);
	if (e == INRO_OK)
		e = attested_check(j);
	if (e == INRO_OK)
		e = challenge_check(c, j);
	buf_reset(&j->crl_url);
	if (e == INRO_OK)
		e = cert_serial(j->serial);
	if (e == INRO_OK && j->in->ca)
		e = fill_crl_url(j);
	if (e == INRO_OK)
		e = make_tbs(c, j);
	if (e == INRO_OK)
		e = fill_subject(j);
	return e == INRO_OK ? refuse_ca_name(c, j) : e;
}

static enum inro_err sign(struct core *c, struct making *j)
{
	const struct issued *issued = &j->issued;
	SCOPED(buf) signature = { 0 };
	enum inro_err e =
		ca_sign(c, &j->desk->signer, issued->sig, buf_bytes(&issued->tbs), &signature);

	buf_reset(&j->der);
	if (e == INRO_OK)
		e = pki_signed(buf_bytes(&issued->tbs), issued->sig, buf_bytes(&signature),
			       &j->der);
	return e;
}

/* What a search goes by. */
static enum inro_err fill_algorithms(struct credential *rec, const struct cert *cert)
{
	char key[PUBKEY_NAME_MAX];
	enum inro_err e;

	pubkey_name(&cert->key, key, sizeof key);
	e = text_set(&rec->algorithm, key);
	return e == INRO_OK ? text_set(&rec->signature, cert->sig->name) : e;
}

/* hash: of the key. */
static enum inro_err fill_facts(struct credential *rec, const struct cert *cert, struct bytes hash,
				struct bytes der)
{
	enum inro_err e = blob_set(&rec->key_hash, hash);

	if (e == INRO_OK)
		e = blob_set(&rec->fingerprint, BYTES(cert->fingerprint, CERT_FINGERPRINT));
	if (e == INRO_OK)
		e = blob_set(&rec->serial, cert->serial);
	if (e == INRO_OK)
		e = blob_set(&rec->cert, der);
	return e == INRO_OK ? fill_algorithms(rec, cert) : e;
}

enum inro_err cred_fill_hashes(struct credential *rec, const struct cert *cert)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pubkey_print(&cert->key, hash);

	return e == INRO_OK ? fill_facts(rec, cert, BYTES(hash, PUBKEY_PRINT),
					 buf_bytes(&cert->der))
			    : e;
}

enum inro_err making_fill_texts(struct making *j)
{
	struct credential *rec = &j->in->rec;
	const struct cred_request *r = j->in->request;
	enum inro_err e = text_set(&rec->subject, (const char *)j->subject.p);

	if (e == INRO_OK)
		e = text_set(&rec->profile, r->profile);
	if (e == INRO_OK)
		e = text_set(&rec->key_uri, (const char *)j->key_ref.p);
	if (e == INRO_OK && r->request_id)
		e = text_set(&rec->request_id, r->request_id);
	return e;
}

/* A token that signs wrongly is found out before anything it signed is out in the world. */
static enum inro_err check_signature(struct issue_desk *d, const struct cert *cert)
{
	enum inro_err e;

	if (d->verify_each ? d->signatures++ % d->verify_each != 0
			   : !token_key_verify(d->signer.key))
		return INRO_OK;
	e = cert_verify(cert, d->ca ? &d->issuer.key : &cert->key);
	if (e != INRO_OK)
		return err_context(e, "the token's signature on a new certificate");
	token_key_right(d->signer.key);
	return INRO_OK;
}

/* The request's key is in the certificate, octet for octet: it has the hash that was computed. */
static enum inro_err check_same_key(const struct making *j, const struct cert *cert)
{
	return bytes_equal(cert->key.spki, j->csr.key.spki)
		       ? INRO_OK
		       : err_set(INRO_E_CRYPTO, "a new certificate has not the key of its request");
}

/* The record, from the certificate as it came out: what is stored is what anybody will read. */
static enum inro_err fill_record(struct core *c, struct making *j)
{
	struct credential *rec = &j->in->rec;
	struct cert cert = j->issued.read; /* borrows */
	enum inro_err e = cert_complete(&cert, buf_bytes(&j->der));

	if (e == INRO_OK)
		e = check_same_key(j, &cert);
	if (e == INRO_OK)
		e = check_signature(j->desk, &cert);
	if (e != INRO_OK)
		return e;
	rec->tenant = c->tenant;
	rec->kind = CRED_CERTIFICATE;
	rec->state = CRED_ACTIVE;
	rec->device = j->device.id;
	rec->ca = j->in->ca ? j->in->ca->id : 0;
	rec->ca_generation = j->in->ca ? j->in->ca->generation : 1;
	rec->profile_version = j->desk->profile.version;
	rec->not_before = cert.not_before;
	rec->not_after = cert.not_after;
	rec->created_ms = rec->updated_ms = clock_now_ms();
	rec->confirm_by = j->in->request->confirm_by;
	e = fill_facts(rec, &cert, making_key(j), buf_bytes(&j->der));
	return e == INRO_OK ? making_fill_texts(j) : e;
}

enum inro_err making_sign(struct core *c, struct making *j)
{
	enum inro_err e = sign(c, j);

	return e == INRO_OK ? fill_record(c, j) : e;
}

static enum inro_err record_issue(struct core *c, const struct making *j)
{
	const struct credential *rec = &j->in->rec;
	SCOPED(buf) detail = { 0 };
	char name[24];
	const struct audit_entry entry = { "certificate.issue", "certificate", name, EVENT_DONE,
					   &detail };

	snprintf(name, sizeof name, "%lld", (long long)rec->id);
	detail_text(&detail, "ca", j->in->ca ? j->in->ca->name : j->in->ca_name);
	detail_text(&detail, "profile", rec->profile);
	if (rec->profile_version)
		detail_int(&detail, "profile_version", rec->profile_version);
	detail_text(&detail, "device", j->device.device_id);
	detail_text(&detail, "subject", rec->subject);
	detail_hex(&detail, "serial", blob_bytes(&rec->serial));
	detail_hex(&detail, "sha256", blob_bytes(&rec->fingerprint));
	detail_int(&detail, "not_after", rec->not_after);
	if (rec->replaces)
		detail_int(&detail, "replaces", rec->replaces);
	detail_text(&detail, "key", j->in->key_made);
	if (j->in->agreed)
		detail_int(&detail, "proposal", j->in->agreed->proposal->id);
	if (j->in->given)
		detail_int(&detail, "given", 1);
	return audit_append(c, &entry);
}

enum inro_err making_record(struct core *c, struct making *j)
{
	struct issuing *i = j->in;
	enum inro_err e = j->desk->keys_stand ? INRO_OK : check_key(c, j);

	if (e == INRO_OK && i->newcomer)
		e = newcomer_record(c, j);
	else if (e == INRO_OK && j->device.id)
		e = device_activate(c, j->device.id);
	if (e == INRO_OK && i->before)
		e = i->before(c, i);
	i->rec.id = 0;
	if (e == INRO_OK)
		e = i->agreed ? approval_done(c, j) : cred_insert(c, &i->rec);
	if (e == INRO_OK)
		e = ca_delegate_recorded(c, &i->rec, i->answers);
	return e == INRO_OK ? record_issue(c, j) : e;
}

static enum inro_err record_work(struct core *c, void *arg)
{
	struct making *j = arg;
	enum inro_err e = desk_recheck(c, j->desk);

	return e == INRO_OK ? making_record(c, j) : e;
}

/* One certificate with one serial, recorded. */
static enum inro_err try_serial(struct core *c, struct making *j)
{
	SCOPED(core_view) view = { 0 };
	enum inro_err e = core_view(c, &view);

	if (e == INRO_OK)
		e = making_plan(c, j);
	core_view_end(c); /* the key comes next */
	if (e == INRO_OK && j->in->agreed)
		e = approval_check(j);
	if (e == INRO_OK)
		e = making_sign(c, j);
	if (e == INRO_OK && j->in->after_sign)
		e = j->in->after_sign(c, j->in);
	return e == INRO_OK ? core_write(c, record_work, j) : e;
}

enum inro_err issue_foresee(struct core *c, struct issuing *i, const struct issue_wish *wish)
{
	SCOPED(issue_desk) desk = { 0 };
	SCOPED(making) j = { .in = i, .desk = &desk };
	SCOPED(buf) granted = { 0 };
	struct issue in;
	enum inro_err e = desk_open(c, i, &desk);

	if (e == INRO_OK)
		e = making_device(c, &j);
	if (e == INRO_OK && j.device.id)
		e = device_may_have(&j.device);
	if (e == INRO_OK)
		e = attested_refuse(&desk.profile);
	if (e == INRO_OK && !i->makes_ca)
		e = approval_refuse(c, &desk, j.device.grp);
	if (e == INRO_OK)
		e = desk_unlock(c, i, &desk);
	j.csr.key.type = wish->kind->type;
	j.csr.key.bits = wish->kind->bits;
	j.csr.subject = wish->subject;
	j.csr.ext.sans = wish->sans;
	if (e == INRO_OK)
		e = make_issue(c, &j, &granted, &in);
	return e == INRO_OK ? issue_check(&in) : e;
}

static enum inro_err find_request(struct core *c, const char *id, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "request_id", .text = id },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };

	return store_find(c->store, &q, ret);
}

static bool is_same(const struct making *j, struct bytes key, const struct credential *rec)
{
	return rec->kind == CRED_CERTIFICATE && rec->ca == (j->desk->ca ? j->desk->ca->id : 0) &&
	       rec->replaces == (j->in->renews ? j->in->renewed : 0) && rec->device == j->device.id &&
	       strcmp(text_or_empty(rec->profile), j->desk->profile.name) == 0 &&
	       bytes_equal(key, blob_bytes(&rec->key_hash));
}

/* "job:JOB:CERTIFICATE" is the id of a row of a job (job_renew.c): who had it before could keep that row from its
 * certificate, and have others handed out by the job. */
static bool is_of_job(const char *id)
{
	return strncmp(id, "job:", 4) == 0 && id[4 + strspn(id + 4, "0123456789")] == ':';
}

enum inro_err making_again(struct core *c, struct making *j)
{
	const char *id = j->in->request->request_id;
	SCOPED(credential) rec = { 0 };
	enum inro_err e;

	if (!id)
		return INRO_E_NOT_FOUND;
	e = core_check_text("a request id", id, REQUEST_ID_MAX);
	if (e == INRO_OK)
		e = find_request(c, id, &rec);
	if (e == INRO_E_NOT_FOUND && is_of_job(id))
		return err_set(INRO_E_ARG, "request ids like '%s' are those of jobs: choose another", id);
	if (e != INRO_OK)
		return e;
	if (!is_same(j, making_key(j), &rec))
		return err_set(INRO_E_EXISTS, "the request id '%s' belongs to another request", id);
	credential_clear(&j->in->rec);
	j->in->rec = rec;
	rec = (struct credential) { 0 };
	return INRO_OK;
}

static enum inro_err issue_anew(struct core *c, struct making *j)
{
	enum inro_err e = INRO_E_BUSY;

	for (int tries = 0; tries < SERIAL_TRIES; tries++) {
		e = try_serial(c, j);
		if (e != INRO_E_EXISTS || j->in->taken)
			break;
		/* Another may have had the same request meanwhile. */
		if (!j->in->agreed && making_again(c, j) == INRO_OK)
			return INRO_OK;
	}
	return e;
}

/* A first certificate, and no CA's: does it wait for a person? */
static enum inro_err must_wait(struct core *c, struct making *j, bool *ret)
{
	const struct issuing *i = j->in;
	enum inro_err e;

	*ret = false;
	if (i->makes_ca || i->agreed)
		return INRO_OK;
	if (i->renews) {
		e = asks_trusted(c, &j->desk->profile, i->renewed);
		j->in->given = e == INRO_OK && c->device && asks_is_trusted(&j->desk->profile);
		return e;
	}
	e = i->may_wait ? approval_needed(c, j->desk, j->device.grp, ret) : approval_refuse(c, j->desk, j->device.grp);
	return e == INRO_OK && !*ret ? asks_trusted(c, &j->desk->profile, 0) : e;
}

/* It was not issued before. */
static enum inro_err issue_or_keep(struct core *c, struct making *j)
{
	bool wait = false, elsewhere = j->in->ca && ca_connector_of(j->in->ca);
	enum inro_err e = must_wait(c, j, &wait);

	if (e == INRO_OK)
		e = wait || elsewhere ? desk_issuer(c, j->desk) : desk_unlock(c, j->in, j->desk);
	if (e != INRO_OK)
		return e;
	if (wait)
		return approval_keep(c, j);
	if (elsewhere && j->in->newcomer)
		return err_set(INRO_E_UNSUPPORTED, "CA '%s' is elsewhere and answers later: register the "
						   "device by itself, then ask for its certificate",
			       j->in->ca->name);
	return elsewhere ? order_keep(c, j) : issue_anew(c, j);
}

enum inro_err issue_run(struct core *c, struct issuing *i)
{
	SCOPED(issue_desk) desk = { 0 };
	SCOPED(making) j = { .in = i, .desk = &desk };
	enum inro_err e = desk_open(c, i, &desk);

	if (e == INRO_OK)
		e = making_read(c, &j);
	if (e == INRO_OK)
		e = making_prove(&j);
	if (e != INRO_OK)
		return e;
	e = i->agreed ? INRO_E_NOT_FOUND : making_again(c, &j);
	return e == INRO_E_NOT_FOUND ? issue_or_keep(c, &j) : e;
}

enum inro_err issue_shown(struct core *c, struct issuing *i, struct cred *ret)
{
	const struct cred_names known = { i->request->device, i->ca ? i->ca->name : NULL };
	enum inro_err e = issue_run(c, i);

	if (e == INRO_OK)
		e = cred_view_named(c, &i->rec, known, ret);
	credential_clear(&i->rec);
	return e;
}

static enum inro_err issue_under(struct core *c, const struct cred_request *r, struct cred *ret)
{
	SCOPED(ca) ca = { 0 };
	struct issuing i = { .request = r, .ca = &ca, .may_wait = true };
	SCOPED(own) own = { 0 };
	SCOPED(core_view) view = { 0 };
	enum inro_err e = core_own(c, core_is_device(c, r->device), "issue a certificate", &own);

	if (e == INRO_OK)
		e = core_view(c, &view);
	if (e == INRO_OK)
		e = ca_load(c, r->ca, &ca);
	return e == INRO_OK ? issue_shown(c, &i, ret) : e;
}

enum inro_err cred_issue(struct core *c, const struct cred_request *r, struct cred *ret)
{
	enum inro_err e = issue_under(c, r, ret);

	return e == INRO_OK ? e : audit_refused(c, "certificate.issue", "ca", r->ca, e);
}
