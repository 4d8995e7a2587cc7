/*
 * issue - a request becomes a recorded certificate: proof of possession, profile, serial,
 * signature, one transaction.
 *
 * 1. What the CA and the device are is looked at twice: before the CA's key is used, and again in
 * the transaction that records the certificate.
 * 2. A certificate that was signed and could not be recorded is forgotten: it never leaves.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/ca_policy.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define SERIAL_TRIES 3
#define DAY_SECONDS  86400
#define DAYS_MAX     36525

/* Everything that the steps of one issue share. */
struct making {
	struct issuing *in;
	struct profile profile;
	struct csr csr;
	struct cert issuer; /* empty for a root */
	struct device device;
	struct token_key *key; /* that signs */
	uint8_t serial[CERT_SERIAL_OCTETS];
	struct buf der, key_ref, crl_url; /* the latter two: C strings, empty: none */
};

static void making_clear(struct making *j)
{
	profile_clear(&j->profile);
	csr_clear(&j->csr);
	cert_clear(&j->issuer);
	device_clear(&j->device);
	buf_clear(&j->der);
	buf_clear(&j->key_ref);
	buf_clear(&j->crl_url);
}

static enum inro_err load_profile(struct making *j)
{
	const struct cred_request *r = j->in->request;
	enum inro_err e;

	if (!r->profile)
		return err_set(INRO_E_ARG, "a certificate needs a profile; 'inro profile list' "
					   "shows the ones there are");
	if (r->days > DAYS_MAX)
		return err_set(INRO_E_ARG, "%u days are more than %d", r->days, DAYS_MAX);
	e = profile_builtin(r->profile, &j->profile);
	if (e == INRO_OK && j->profile.ca != j->in->makes_ca)
		e = err_set(INRO_E_POLICY, "profile '%s' is %sfor CAs", r->profile,
			    j->profile.ca ? "" : "not ");
	return e;
}

/* A URI that is no URI is refused before anything is signed; what is kept of it opens nothing. */
static enum inro_err load_key_ref(struct making *j)
{
	const char *uri = j->in->request->key_uri;

	return uri ? core_key_ref(uri, &j->key_ref) : INRO_OK;
}

static enum inro_err load_device(struct core *c, struct making *j)
{
	const char *id = j->in->request->device;
	enum inro_err e = id ? device_load(c, id, &j->device) : INRO_OK;

	return e == INRO_OK && id ? device_may_have(&j->device) : e;
}

static enum inro_err load_request(struct core *c, struct making *j)
{
	const struct cred_request *r = j->in->request;
	enum inro_err e = load_key_ref(j);

	if (e == INRO_OK)
		e = csr_read(r->csr, &j->csr);
	if (e == INRO_OK)
		e = csr_verify(&j->csr);
	return e == INRO_OK ? load_device(c, j) : e;
}

static enum inro_err load_issuer(struct core *c, struct making *j)
{
	const struct ca *ca = j->in->ca;
	enum inro_err e;

	if (!ca) {
		j->key = j->in->self;
		return INRO_OK;
	}
	e = ca_usable(c, ca, clock_now());
	if (e == INRO_OK)
		e = cert_read(blob_bytes(&ca->cert), &j->issuer);
	return e == INRO_OK ? ca_key(c, ca, &j->issuer, &j->key) : e;
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

/* The request's wish with the profile's word.  `granted` holds what *ret borrows. */
static enum inro_err make_issue(struct making *j, struct buf *granted, struct issue *ret)
{
	const struct issuing *i = j->in;
	int64_t now = clock_now();
	enum inro_err e = grant(j, granted);

	if (e != INRO_OK)
		return e;
	*ret = (struct issue) {
		.profile = &j->profile,
		.issuer = i->ca ? &j->issuer : NULL,
		.key = &j->csr.key,
		.subject = j->csr.subject,
		.sans = j->csr.ext.sans,
		.vars = { .device_id = j->device.device_id,
			  .device_name = j->device.name,
			  .ca_name = i->ca ? i->ca->name : i->ca_name },
		.granted = buf_bytes(granted),
		.serial = BYTES(j->serial, sizeof j->serial),
		.now = now,
		.path_len = EXT_PATH_LEN_NONE,
		.crl_url = j->crl_url.n ? (const char *)j->crl_url.p : NULL,
	};
	if (i->request->days)
		ret->not_after = now + (int64_t)i->request->days * DAY_SECONDS;
	return INRO_OK;
}

static enum inro_err make_tbs(struct making *j, struct issued *ret)
{
	SCOPED(buf) granted = { 0 };
	struct issue in;
	enum inro_err e = make_issue(j, &granted, &in);

	return e == INRO_OK ? issue_tbs(&in, ret) : e;
}

/* A leaf that is called like a CA could be taken for it by whoever compares names alone. */
static enum inro_err refuse_ca_name(struct core *c, const struct making *j, struct bytes subject)
{
	SCOPED(buf) text = { 0 };
	SCOPED(ca) ca = { 0 };
	struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "subject" },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	enum inro_err e;

	if (j->in->makes_ca)
		return INRO_OK;
	e = dn_text(subject, &text);
	buf_add_u8(&text, 0);
	if (e == INRO_OK)
		e = buf_err(&text);
	if (e != INRO_OK)
		return e;
	conds[1].text = (const char *)text.p;
	e = store_find(c->store, &q, &ca);
	if (e == INRO_OK)
		return err_set(INRO_E_POLICY, "the subject is the name of CA '%s'", ca.name);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err sign(struct making *j, const struct issued *issued)
{
	SCOPED(buf) signature = { 0 };
	enum inro_err e = token_key_sign(j->key, issued->sig, buf_bytes(&issued->tbs), &signature);

	buf_reset(&j->der);
	if (e == INRO_OK)
		e = pki_signed(buf_bytes(&issued->tbs), issued->sig, buf_bytes(&signature),
			       &j->der);
	return e;
}

static enum inro_err fill_subject(struct making *j, struct bytes name)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = dn_text(name, &text);

	buf_add_u8(&text, 0);
	if (e == INRO_OK)
		e = buf_err(&text);
	return e == INRO_OK ? text_set(&j->in->rec.subject, (const char *)text.p) : e;
}

static enum inro_err fill_hashes(struct credential *rec, const struct cert *cert)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(PKI_SHA256, cert->key.spki, hash);

	if (e == INRO_OK)
		e = blob_set(&rec->key_hash, BYTES(hash, pki_hash_octets(PKI_SHA256)));
	if (e == INRO_OK)
		e = blob_set(&rec->fingerprint, BYTES(cert->fingerprint, CERT_FINGERPRINT));
	if (e == INRO_OK)
		e = blob_set(&rec->serial, cert->serial);
	if (e == INRO_OK)
		e = blob_set(&rec->cert, buf_bytes(&cert->der));
	return e;
}

/* The record, from the certificate as it came out: what is stored is what anybody will read. */
static enum inro_err fill_record(struct core *c, struct making *j)
{
	struct credential *rec = &j->in->rec;
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(buf_bytes(&j->der), &cert);

	if (e == INRO_OK)
		e = cert_verify(&cert, j->in->ca ? &j->issuer.key : &cert.key);
	if (e != INRO_OK)
		return err_context(e, "the token's signature on a new certificate");
	rec->tenant = c->tenant;
	rec->kind = CRED_CERTIFICATE;
	rec->state = CRED_ACTIVE;
	rec->device = j->device.id;
	rec->ca = j->in->ca ? j->in->ca->id : 0;
	rec->ca_generation = j->in->ca ? j->in->ca->generation : 1;
	rec->not_before = cert.not_before;
	rec->not_after = cert.not_after;
	rec->created_ms = rec->updated_ms = clock_now_ms();
	e = fill_hashes(rec, &cert);
	if (e == INRO_OK)
		e = fill_subject(j, cert.subject);
	if (e == INRO_OK)
		e = text_set(&rec->profile, j->in->request->profile);
	if (e == INRO_OK)
		e = text_set(&rec->key_uri, (const char *)j->key_ref.p);
	return e;
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
	detail_text(&detail, "device", j->device.device_id);
	detail_text(&detail, "subject", rec->subject);
	detail_hex(&detail, "serial", blob_bytes(&rec->serial));
	detail_hex(&detail, "sha256", blob_bytes(&rec->fingerprint));
	detail_int(&detail, "not_after", rec->not_after);
	if (rec->replaces)
		detail_int(&detail, "replaces", rec->replaces);
	return audit_append(c, &entry);
}

static enum inro_err recheck_ca(struct core *c, const struct ca *before)
{
	SCOPED(ca) now = { 0 };
	enum inro_err e;

	if (!before)
		return INRO_OK;
	e = store_get(c->store, before->id, &now);
	return e == INRO_OK ? ca_usable(c, &now, clock_now()) : e;
}

static enum inro_err record_work(struct core *c, void *arg)
{
	struct making *j = arg;
	struct issuing *i = j->in;
	enum inro_err e = recheck_ca(c, i->ca);

	if (e == INRO_OK && j->device.id)
		e = device_activate(c, j->device.id);
	if (e == INRO_OK && i->before)
		e = i->before(c, i);
	i->rec.id = 0;
	if (e == INRO_OK)
		e = store_insert(c->store, &i->rec);
	return e == INRO_OK ? record_issue(c, j) : e;
}

/* One certificate with one serial, recorded. */
static enum inro_err try_serial(struct core *c, struct making *j)
{
	SCOPED(issued) issued = { 0 };
	enum inro_err e = cert_serial(j->serial);

	buf_reset(&j->crl_url);
	if (e == INRO_OK && j->in->ca)
		e = ca_crl_url(j->in->ca, BYTES(j->serial, sizeof j->serial), &j->crl_url);
	if (e == INRO_OK)
		e = make_tbs(j, &issued);
	if (e == INRO_OK)
		e = refuse_ca_name(c, j, buf_bytes(&issued.subject));
	if (e == INRO_OK)
		e = sign(j, &issued);
	if (e == INRO_OK)
		e = fill_record(c, j);
	return e == INRO_OK ? core_write(c, record_work, j) : e;
}

enum inro_err issue_foresee(struct core *c, struct issuing *i, const struct issue_wish *wish)
{
	SCOPED(making) j = { .in = i };
	SCOPED(buf) granted = { 0 };
	struct issue in;
	enum inro_err e = load_profile(&j);

	if (e == INRO_OK)
		e = load_device(c, &j);
	if (e == INRO_OK)
		e = load_issuer(c, &j);
	j.csr.key.type = wish->kind->type;
	j.csr.key.bits = wish->kind->bits;
	j.csr.subject = wish->subject;
	j.csr.ext.sans = wish->sans;
	if (e == INRO_OK)
		e = make_issue(&j, &granted, &in);
	return e == INRO_OK ? issue_check(&in) : e;
}

enum inro_err issue_run(struct core *c, struct issuing *i)
{
	SCOPED(making) j = { .in = i };
	enum inro_err e = load_profile(&j);

	if (e == INRO_OK)
		e = load_request(c, &j);
	if (e == INRO_OK)
		e = load_issuer(c, &j);
	if (e != INRO_OK)
		return e;
	e = INRO_E_BUSY;
	for (int tries = 0; tries < SERIAL_TRIES; tries++) {
		e = try_serial(c, &j);
		if (e != INRO_E_EXISTS || i->taken)
			break;
	}
	return e;
}

static enum inro_err issue_under(struct core *c, const struct cred_request *r, struct cred *ret)
{
	SCOPED(ca) ca = { 0 };
	struct issuing i = { .request = r, .ca = &ca };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "issue a certificate");

	if (e == INRO_OK)
		e = ca_load(c, r->ca, &ca);
	if (e == INRO_OK)
		e = issue_run(c, &i);
	if (e == INRO_OK)
		e = cred_view(c, &i.rec, ret);
	credential_clear(&i.rec);
	return e;
}

enum inro_err cred_issue(struct core *c, const struct cred_request *r, struct cred *ret)
{
	enum inro_err e = issue_under(c, r, ret);

	return e == INRO_OK ? e : audit_refused(c, "certificate.issue", "ca", r->ca, e);
}
