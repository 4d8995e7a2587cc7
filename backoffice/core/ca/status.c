/* status - what is to be said of certificates, and who says it; see status.h. */
#include "backoffice/core/status.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_end.h"
#include "backoffice/core/ca/delegate.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/internal.h"
#include "base/clock.h"
#include "base/log.h"

#define KEPT_MS	   (INT64_C(3600) * 1000) /* changes; everybody has seen them after seconds */
#define FOLLOW_MAX 5000			  /* at a time */

/* ---- one certificate ---- */

static enum inro_err take_listed(void *arg, void *record)
{
	struct cred_status *s = arg;
	const struct listed *rec = record;

	*s = (struct cred_status) {
		.kind = rec->revoked_at ? STATUS_REVOKED : STATUS_GOOD,
		.revoked_at = rec->revoked_at,
		.reason = rec->reason,
		.invalid_at = rec->invalid_at,
		.not_after = rec->not_after,
	};
	return INRO_OK;
}

enum inro_err status_of(struct core *c, int64_t ca, int64_t generation, struct bytes serial,
			struct cred_status *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca },
		{ .field = "serial", .bytes = serial },
		{ .field = "ca_generation", .number = generation },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };

	*ret = (struct cred_status) { .kind = STATUS_UNKNOWN };
	return store_each(c->store, &listed_type, &q, take_listed, ret);
}

/* ---- changes ---- */

enum inro_err status_changed(struct core *c, const struct credential *rec)
{
	SCOPED(status_change) row = { .ca = rec->ca,
				      .generation = rec->ca_generation,
				      .at_ms = clock_now_ms() };
	enum inro_err e;

	if (rec->kind != CRED_CERTIFICATE || !rec->ca || !rec->serial.n)
		return INRO_OK;
	e = blob_set(&row.serial, blob_bytes(&rec->serial));
	if (e == INRO_OK)
		e = store_insert(c->store, &row);
	return e == INRO_OK ? ca_end_put(c, rec) : e;
}

static enum inro_err take_id(void *arg, void *record)
{
	*(int64_t *)arg = ((const struct status_change *)record)->id;
	return INRO_OK;
}

enum inro_err status_newest(struct core *c, int64_t *ret)
{
	const struct store_query q = { .backward = true, .limit = 1 };

	*ret = 0;
	return store_each(c->store, &status_change_type, &q, take_id, ret);
}

struct following {
	status_change_fn *fn;
	void *arg;
	int64_t at;
	size_t n;
	bool known; /* the change that was the last one before is still there */
};

static enum inro_err follow_one(void *arg, void *record)
{
	struct following *f = arg;
	const struct status_change *change = record;

	f->n++;
	if (change->id == f->at) {
		f->known = true;
		return INRO_OK;
	}
	/* The first one ever has nothing before it. */
	f->known = f->known || change->id == 1;
	f->at = change->id;
	if (f->known)
		f->fn(f->arg, change);
	return INRO_OK;
}

enum inro_err status_follow(struct core *c, int64_t *at, status_change_fn *fn, void *arg,
			    bool *ret_all)
{
	struct following f = { .fn = fn, .arg = arg };
	struct store_cond behind = { .field = "id", .op = STORE_GE };
	const struct store_query q = { .conds = &behind, .n = 1, .limit = FOLLOW_MAX };
	enum inro_err e = INRO_OK;

	*ret_all = false;
	do {
		f.n = 0;
		f.at = behind.number = *at;
		f.known = !*at;
		e = store_each(c->store, &status_change_type, &q, follow_one, &f);
		if (e == INRO_OK && f.known)
			*at = f.at;
	} while (e == INRO_OK && f.known && f.n == FOLLOW_MAX);
	if (e != INRO_OK || f.known)
		return e;
	*ret_all = true;
	return status_newest(c, at);
}

static enum inro_err purge_work(struct core *c, void *arg)
{
	struct store_cond conds[] = {
		{ .field = "id", .op = STORE_LT },
		{ .field = "at_ms", .op = STORE_LT, .number = clock_now_ms() - KEPT_MS },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t rows;
	enum inro_err e = status_newest(c, &conds[0].number);

	(void)arg;
	return e == INRO_OK ? store_delete(c->store, &status_change_type, &q, &rows) : e;
}

enum inro_err status_purge(struct core *c)
{
	return core_write_alone(c, purge_work, NULL);
}

/* ---- who answers ---- */

static void issuer_clear(struct status_issuer *i)
{
	free(i->name);
	free(i->tenant);
	free(i->key_uri);
	blob_clear(&i->cert);
	blob_clear(&i->signer);
}

void status_issuers_clear(struct status_issuers *l)
{
	for (size_t i = 0; i < l->n; i++)
		issuer_clear(&l->items[i]);
	free(l->items);
	*l = (struct status_issuers) { 0 };
}

static enum inro_err add_signer(struct core *c, struct status_issuer *i)
{
	SCOPED(credential) rec = { 0 };
	int64_t row;
	enum inro_err e = delegate_find(c, SIGNER_OCSP, i->ca, i->generation, &row, &rec);

	if (e != INRO_OK || !rec.id)
		return e;
	i->mark = rec.id; /* the row's own number may have been another's before: SQLite gives it again */
	i->signer_until = rec.not_after;
	e = text_set(&i->key_uri, rec.key_uri);
	return e == INRO_OK ? blob_set(&i->signer, blob_bytes(&rec.cert)) : e;
}

static enum inro_err fill_issuer(struct core *c, const struct ca *ca, const struct ca_policy *p,
				 struct status_issuer *i)
{
	SCOPED(tenant) t = { 0 };
	enum inro_err e = store_get(c->store, ca->tenant, &t);

	i->ca = ca->id;
	i->generation = ca->generation;
	i->minutes = p->ocsp_minutes;
	i->by_name = strcmp(text_or_empty(p->ocsp_id), "name") == 0;
	i->itself = strcmp(text_or_empty(p->ocsp_signs), "ca") == 0;
	i->signer_until = ca->not_after;
	if (e == INRO_OK)
		e = text_set(&i->name, ca->name);
	if (e == INRO_OK)
		e = text_set(&i->tenant, t.name);
	if (e == INRO_OK)
		e = blob_set(&i->cert, blob_bytes(&ca->cert));
	if (e == INRO_OK)
		e = i->itself ? text_set(&i->key_uri, ca->key_uri) : add_signer(c, i);
	/* Each of these is another answer. */
	i->mark = i->mark << 24 | (int64_t)i->minutes << 2 | i->by_name << 1 | i->itself;
	return e;
}

struct adding {
	const struct ca_policy *policy; /* as it is now, whichever key it is for */
	struct status_issuers *list;
};

static enum inro_err add_issuer(struct core *c, const struct ca *ca, void *arg)
{
	struct adding *a = arg;
	struct status_issuers *l = a->list;
	struct status_issuer *more;

	if (ca->not_before > clock_now())
		return INRO_OK;
	more = realloc(l->items, (l->n + 1) * sizeof *more);
	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", l->n + 1);
	l->items = more;
	more[l->n] = (struct status_issuer) { 0 };
	return fill_issuer(c, ca, a->policy, &more[l->n++]);
}

static enum inro_err add_ca(struct core *c, const struct ca *ca, struct status_issuers *l)
{
	SCOPED(ca_policy) p = { 0 };
	struct adding a = { &p, l };
	enum inro_err e = ca_policy_read(ca, &p);

	if (e != INRO_OK && e != INRO_E_NO_MEMORY) {
		log_debug("OCSP: nobody answers for CA '%s', whose settings do not read: %s", ca->name, err_detail(e));
		err_reset();
		return INRO_OK; /* the others are answered for */
	}
	if (e != INRO_OK || strcmp(text_or_empty(p.ocsp_signs), "off") == 0)
		return e;
	return ca_each_key(c, ca, add_issuer, &a);
}

enum inro_err status_issuers(struct core *c, struct status_issuers *ret)
{
	SCOPED(status_issuers) l = { 0 };
	void *cas = NULL;
	size_t n = 0;
	const struct store_cond here = { .field = "kind", .number = CA_LOCAL };
	const struct store_query q = { .conds = &here, .n = 1 };
	enum inro_err e = core_all(c, &ca_type, &q, &cas, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = add_ca(c, &((struct ca *)cas)[i], &l);
	list_free(&ca_type, cas, n);
	if (e != INRO_OK)
		return e;
	*ret = l;
	l = (struct status_issuers) { 0 };
	return INRO_OK;
}
