/*
 * crl - a CA's revocation list: what is on it, its number and its dates.
 *
 * 1. The number is committed before the list is signed: two lists never share one, and a crash
 *    only leaves a gap.
 * 2. That there is a new list, and since when, is recorded after it was signed and before it
 * leaves.
 */
#include <stdlib.h>

#include "backoffice/core/internal.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

#define DAY_SECONDS	 86400
#define CRL_DAYS_DEFAULT 7
#define CRL_DAYS_MAX	 3650

struct listing {
	const char *name;
	unsigned days;
	struct ca ca;
	int64_t last_at; /* thisUpdate of the list before */
	struct cert cert;
	struct token_key *key;
	struct crl crl;
	struct crl_info info;
};

static void listing_clear(struct listing *l)
{
	ca_clear(&l->ca);
	cert_clear(&l->cert);
	crl_clear(&l->crl);
}

static enum inro_err add_entry(void *arg, void *record)
{
	struct listing *l = arg;
	const struct credential *rec = record;
	const struct crl_entry entry = {
		.serial = blob_bytes(&rec->serial),
		.revoked_at = rec->revoked_at,
		.reason = (enum crl_reason)rec->reason,
		.invalid_since = rec->invalid_at,
	};

	l->info.entries++;
	return crl_add(&l->crl, &entry);
}

/* RFC 5280 3.3: an entry stays until it has been on one list issued past the certificate's end. */
static enum inro_err add_entries(struct core *c, struct listing *l)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = l->ca.id },
		{ .field = "revoked_at", .op = STORE_SOME },
		{ .field = "not_after", .op = STORE_GE, .number = l->last_at },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_each(c->store, &credential_type, &q, add_entry, l);
}

static enum inro_err take_number(struct core *c, struct listing *l)
{
	l->last_at = l->ca.crl_at;
	l->info.number = ++l->ca.crl_number;
	l->info.this_update = clock_now();
	l->info.next_update = l->info.this_update + (int64_t)l->days * DAY_SECONDS;
	if (l->info.next_update > l->ca.not_after)
		l->info.next_update = l->ca.not_after;
	l->ca.updated_ms = clock_now_ms();
	return store_update(c->store, &l->ca);
}

/* After the signature. */
static enum inro_err record_work(struct core *c, void *arg)
{
	const struct listing *l = arg;
	SCOPED(buf) detail = { 0 };
	SCOPED(ca) ca = { 0 };
	const struct audit_entry entry = { "ca.crl", "ca", l->name, EVENT_DONE, &detail };
	enum inro_err e = ca_load(c, l->name, &ca);

	if (e != INRO_OK)
		return e;
	if (ca.crl_at < l->info.this_update)
		ca.crl_at = l->info.this_update;
	ca.updated_ms = clock_now_ms();
	detail_int(&detail, "number", l->info.number);
	detail_int(&detail, "next_update", l->info.next_update);
	e = store_update(c->store, &ca);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* The number and the entries are of one moment: nothing is revoked in between. */
static enum inro_err listing_work(struct core *c, void *arg)
{
	struct listing *l = arg;
	enum inro_err e;

	ca_clear(&l->ca);
	e = ca_load(c, l->name, &l->ca);
	if (e == INRO_OK && l->ca.not_after <= clock_now())
		e = err_set(INRO_E_STATE, "CA '%s' has expired and signs no more lists", l->name);
	if (e == INRO_OK)
		e = take_number(c, l);
	return e == INRO_OK ? add_entries(c, l) : e;
}

static enum inro_err sign(struct listing *l, struct buf *ret_der)
{
	const struct crl_head head = {
		.issuer = &l->cert,
		.number = (uint64_t)l->info.number,
		.this_update = l->info.this_update,
		.next_update = l->info.next_update,
	};
	const struct pki_sig *sig;
	SCOPED(buf) tbs = { .max = CRL_MAX };
	SCOPED(buf) signature = { 0 };
	enum inro_err e = crl_tbs(&l->crl, &head, &tbs, &sig);

	if (e == INRO_OK)
		e = token_key_sign(l->key, sig, buf_bytes(&tbs), &signature);
	if (e == INRO_OK)
		e = pki_signed(buf_bytes(&tbs), sig, buf_bytes(&signature), ret_der);
	return e;
}

static enum inro_err make(struct core *c, struct listing *l, struct buf *ret_der)
{
	SCOPED(buf) der = { 0 };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "make a CRL");

	if (e == INRO_OK)
		e = ca_load(c, l->name, &l->ca);
	if (e == INRO_OK)
		e = cert_read(blob_bytes(&l->ca.cert), &l->cert);
	if (e == INRO_OK) /* a missing PIN must not cost a number */
		e = ca_key(c, &l->ca, &l->cert, &l->key);
	crl_begin(&l->crl);
	if (e == INRO_OK)
		e = core_write(c, listing_work, l);
	if (e == INRO_OK)
		e = sign(l, &der);
	if (e != INRO_OK)
		return e;
	buf_add(ret_der, buf_bytes(&der));
	e = buf_err(ret_der);
	return e == INRO_OK ? core_write(c, record_work, l) : e;
}

enum inro_err ca_crl(struct core *c, const char *name, unsigned days, struct buf *ret_der,
		     struct crl_info *ret_info)
{
	SCOPED(listing) l = { .name = name, .days = days ? days : CRL_DAYS_DEFAULT };
	enum inro_err e;

	if (l.days > CRL_DAYS_MAX)
		e = err_set(INRO_E_ARG, "a CRL lives up to %d days", CRL_DAYS_MAX);
	else
		e = make(c, &l, ret_der);
	if (e != INRO_OK)
		return audit_refused(c, "ca.crl", "ca", name, e);
	*ret_info = l.info;
	return INRO_OK;
}
