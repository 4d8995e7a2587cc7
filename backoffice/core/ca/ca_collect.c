/*
 * ca_collect - certificates that come from a CA elsewhere; see ca.h.
 *
 * 1. What that CA did not sign, what has expired, is a CA's, or has names that the CAs above may not
 *    certify, is refused.  Rules of good form are told and no more: it is signed already.
 * 2. It is the answer to the request that waits for its key; the device is the request's.
 */
#include <stdio.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_above.h"
#include "backoffice/core/ca/ca_end.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/key_use.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/lint.h"
#include "base/clock.h"

struct collecting {
	const struct ca_incoming *in;
	int64_t request; /* the only one that it may be for; 0: any that waits */
	struct ca ca;
	struct cert issuer;
};

static void collecting_clear(struct collecting *k)
{
	ca_clear(&k->ca);
	cert_clear(&k->issuer);
}

/* One certificate. */
struct arrival {
	struct collecting *k;
	struct cert cert;
	struct buf subject;    /* C string */
	struct credential rec; /* what it becomes */
	struct buf warnings;   /* C string at the end */
	size_t linted;	       /* of warnings, before it is compared with its request */
	bool known, unrequested;
};

static void arrival_clear(struct arrival *a)
{
	cert_clear(&a->cert);
	buf_clear(&a->subject);
	credential_clear(&a->rec);
	buf_clear(&a->warnings);
}

/* ---- is it good ---- */

static enum inro_err check_signed(const struct arrival *a)
{
	const struct collecting *k = a->k;
	enum inro_err e = INRO_OK;

	if (!bytes_equal(a->cert.issuer, k->issuer.subject))
		e = err_set(INRO_E_SIGNATURE, "it names another issuer");
	if (e == INRO_OK)
		e = cert_verify(&a->cert, &k->issuer.key);
	return e == INRO_OK ? e : err_context(e, "CA '%s' has not signed it", k->ca.name);
}

static enum inro_err check_arrival(struct core *c, const struct arrival *a)
{
	enum inro_err e = check_signed(a);

	if (e == INRO_OK && a->cert.ext.ca)
		e = err_set(INRO_E_POLICY, "it is a CA's: 'inro ca activate' takes that of a CA of "
					   "ours");
	if (e == INRO_OK && a->cert.not_after < clock_now())
		e = err_set(INRO_E_POLICY, "it has expired");
	if (e == INRO_OK)
		e = ca_above_names(c, &a->cert, a->k->ca.id, a->k->ca.generation);
	return e;
}

static void add_warning(void *arg, const struct lint_rule *rule)
{
	struct arrival *a = arg;

	buf_addf(&a->warnings, "%s%s: %s", a->warnings.n ? "; " : "", rule->name, rule->wrong);
}

static enum inro_err read_arrival(struct core *c, struct arrival *a, struct bytes der)
{
	enum inro_err e = cert_read(der, &a->cert);

	if (e == INRO_OK)
		e = check_arrival(c, a);
	if (e == INRO_OK)
		e = dn_text(a->cert.subject, &a->subject);
	buf_add_u8(&a->subject, 0);
	if (e == INRO_OK)
		e = buf_err(&a->subject);
	if (e == INRO_OK)
		lint_all(&a->cert, &a->k->issuer, add_warning, a);
	a->linted = a->warnings.n;
	return e;
}

/* ---- whose it is ---- */

static enum inro_err find_known(struct core *c, const struct arrival *a, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "fingerprint", .bytes = BYTES(a->cert.fingerprint, CERT_FINGERPRINT) },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

/* The one with the same subject, else the oldest. */
static void choose_request(struct arrival *a, struct credential *rows, size_t n)
{
	size_t best = 0;

	for (size_t i = n; i; i--)
		if (strcmp(text_or_empty(rows[i - 1].subject), (const char *)a->subject.p) == 0)
			best = i - 1;
	a->rec = rows[best];
	rows[best] = (struct credential) { 0 };
}

static enum inro_err find_request(struct core *c, struct arrival *a)
{
	uint8_t hash[PKI_DIGEST_MAX];
	struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "key_hash" },
		{ .field = "ca", .number = a->k->ca.id },
		{ .field = "state", .number = CRED_PENDING },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = pubkey_print(&a->cert.key, hash);

	conds[1].bytes = BYTES(hash, PUBKEY_PRINT);
	if (e == INRO_OK)
		e = core_all(c, &credential_type, &q, &rows, &n);
	if (e == INRO_OK && n)
		choose_request(a, rows, n);
	list_free(&credential_type, rows, n);
	if (e == INRO_OK && !n && !a->k->in->unrequested)
		e = err_set(INRO_E_NOT_FOUND, "no request to CA '%s' waits for its key", a->k->ca.name);
	a->unrequested = !n;
	return e;
}

/* The request that was sent, and its key. */
static enum inro_err find_expected(struct core *c, struct arrival *a)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pubkey_print(&a->cert.key, hash);

	if (e == INRO_OK)
		e = core_by_id(c, &credential_type, a->k->request, &a->rec);
	if (e == INRO_OK && a->rec.state != CRED_PENDING)
		e = err_set(INRO_E_STATE, "request %lld is %s by now", (long long)a->k->request,
			    cred_state_names[a->rec.state]);
	if (e == INRO_OK &&
	    !bytes_equal(BYTES(hash, PUBKEY_PRINT), blob_bytes(&a->rec.key_hash)))
		e = err_set(INRO_E_POLICY, "the certificate that came is for another key than that of request "
					   "%lld",
			    (long long)a->k->request);
	return e;
}

static enum inro_err check_known(const struct arrival *a)
{
	if (!a->k->request || a->rec.id == a->k->request)
		return INRO_OK;
	return err_set(INRO_E_POLICY, "the certificate that came is that of record %lld",
		       (long long)a->rec.id);
}

/* Another's key gets no second owner. */
static enum inro_err check_owner(struct core *c, const struct arrival *a)
{
	SCOPED(device) device = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];
	struct key_claim claim = { .device = &device };
	enum inro_err e = pubkey_print(&a->cert.key, hash);

	claim.hash = BYTES(hash, PUBKEY_PRINT);
	if (e == INRO_OK && a->rec.device)
		e = store_get(c->store, a->rec.device, &device);
	if (e == INRO_OK && device.id)
		e = device_may_have(&device);
	return e == INRO_OK ? key_use_check(c, &claim) : e;
}

/* ---- recorded ---- */

static enum inro_err tell_arrival(struct core *c, const struct arrival *a)
{
	SCOPED(buf) detail = { 0 };
	char name[24];
	const struct audit_entry entry = { "certificate.import", "certificate", name, EVENT_DONE,
					   &detail };

	snprintf(name, sizeof name, "%lld", (long long)a->rec.id);
	detail_text(&detail, "ca", a->k->ca.name);
	detail_text(&detail, "subject", a->rec.subject);
	detail_hex(&detail, "serial", blob_bytes(&a->rec.serial));
	detail_hex(&detail, "sha256", blob_bytes(&a->rec.fingerprint));
	detail_int(&detail, "not_after", a->rec.not_after);
	if (a->unrequested)
		detail_int(&detail, "unrequested", 1);
	return audit_append(c, &entry);
}

static enum inro_err fill_arrived(struct core *c, struct arrival *a)
{
	struct credential *rec = &a->rec;
	enum inro_err e = text_set(&rec->subject, (const char *)a->subject.p);

	rec->tenant = c->tenant;
	rec->kind = CRED_CERTIFICATE;
	rec->state = CRED_ACTIVE;
	rec->ca = a->k->ca.id;
	rec->ca_generation = a->k->ca.generation;
	rec->not_before = a->cert.not_before;
	rec->not_after = a->cert.not_after;
	rec->updated_ms = clock_now_ms();
	if (!rec->created_ms)
		rec->created_ms = rec->updated_ms;
	return e == INRO_OK ? cred_fill_hashes(rec, &a->cert) : e;
}

static enum inro_err insert_arrived(struct core *c, struct arrival *a)
{
	int64_t request = a->rec.id;
	enum inro_err e = fill_arrived(c, a);

	if (e == INRO_OK && a->rec.device)
		e = device_activate(c, a->rec.device);
	if (e == INRO_OK)
		e = request ? cred_replace(c, request, &a->rec) : cred_insert(c, &a->rec);
	if (e == INRO_OK)
		e = ca_delegate_recorded(c, &a->rec, false);
	if (e == INRO_OK && request)
		e = ca_order_drop(c, request);
	if (e == INRO_E_EXISTS)
		return err_set(e, "CA '%s' has another certificate with that serial", a->k->ca.name);
	return e == INRO_OK ? tell_arrival(c, a) : e;
}

static enum inro_err arrive_work(struct core *c, void *arg)
{
	struct arrival *a = arg;
	enum inro_err e;

	credential_clear(&a->rec);
	buf_truncate(&a->warnings, a->linted);
	e = find_known(c, a, &a->rec);
	a->known = e == INRO_OK;
	if (e == INRO_OK)
		return check_known(a);
	if (e != INRO_E_NOT_FOUND)
		return e;
	e = a->k->request ? find_expected(c, a) : find_request(c, a);
	if (e == INRO_OK)
		e = check_owner(c, a);
	if (e == INRO_OK && a->rec.subject &&
	    strcmp(a->rec.subject, (const char *)a->subject.p) != 0)
		buf_addf(&a->warnings, "%sits subject is not the one that was asked for: %s",
			 a->warnings.n ? "; " : "", a->rec.subject);
	return e == INRO_OK ? insert_arrived(c, a) : e;
}

/* ---- all of them ---- */

static void refused(struct ca_collected *one, enum inro_err e)
{
	one->error = e;
	one->why = err_detail(e);
}

/* The reason is this certificate, and not the database. */
static bool is_about_it(enum inro_err e)
{
	return e != INRO_E_NO_MEMORY && e != INRO_E_BUSY && e != INRO_E_IO && e != INRO_E_FULL &&
	       e != INRO_E_DAMAGED;
}

static enum inro_err take_one(struct core *c, struct collecting *k, struct bytes der,
			      ca_collected_fn *fn, void *arg)
{
	SCOPED(arrival) a = { .k = k };
	struct ca_collected one = { 0 };
	enum inro_err e = read_arrival(c, &a, der);

	if (e == INRO_OK)
		e = core_write(c, arrive_work, &a);
	if (e == INRO_OK)
		e = cred_view(c, &a.rec, &one.cred);
	else
		e = audit_refused(c, "certificate.import", "ca", k->ca.name, e);
	if (e != INRO_OK && !is_about_it(e))
		return e;
	if (e != INRO_OK)
		refused(&one, e);
	buf_add_u8(&a.warnings, 0);
	one.known = a.known;
	one.unrequested = a.unrequested && !a.known;
	one.warnings = buf_err(&a.warnings) == INRO_OK ? (const char *)a.warnings.p : "";
	fn(arg, &one);
	cred_clear(&one.cred);
	return INRO_OK;
}

static enum inro_err open_desk(struct core *c, const char *name, struct collecting *k)
{
	enum inro_err e = core_require(c, ROLE_OPERATOR, "take in a certificate");

	if (e == INRO_OK)
		e = ca_load(c, name, &k->ca);
	if (e == INRO_OK && !ca_connector_of(&k->ca))
		e = err_set(INRO_E_STATE, "CA '%s' is here and makes its certificates itself", name);
	return e == INRO_OK ? cert_read(blob_bytes(&k->ca.cert), &k->issuer) : e;
}

enum inro_err ca_collect(struct core *c, const char *name, const struct ca_incoming *in,
			 ca_collected_fn *fn, void *arg)
{
	SCOPED(collecting) k = { .in = in };
	enum inro_err e = open_desk(c, name, &k);
	bool more = true;

	if (e != INRO_OK)
		return audit_refused(c, "certificate.import", "ca", name, e);
	while (e == INRO_OK && more) {
		struct bytes der = BYTES_NONE;

		e = ca_connector_of(&k.ca)->collect(c, &k.ca, in, &der);
		more = e == INRO_OK && der.n;
		if (more)
			e = take_one(c, &k, der, fn, arg);
	}
	return e;
}

enum inro_err ca_take(struct core *c, const struct ca *ca, int64_t request, struct bytes der,
		      ca_collected_fn *fn, void *arg)
{
	static const struct ca_incoming in = { 0 };
	struct collecting k = { .in = &in, .request = request, .ca = *ca };
	enum inro_err e = cert_read(blob_bytes(&ca->cert), &k.issuer);

	if (e == INRO_OK)
		e = take_one(c, &k, der, fn, arg);
	cert_clear(&k.issuer);
	return e;
}
