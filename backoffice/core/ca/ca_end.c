/* ca_end - see ca_end.h. */
#include "backoffice/core/ca/ca_end.h"

#include "backoffice/core/connector.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

bool ca_order_ends(const struct ca_order *order)
{
	return !order->csr.n;
}

bool ca_end_is_wanted(const struct credential *rec)
{
	return rec->kind == CRED_CERTIFICATE && rec->revoked_at && rec->reason != CRL_HOLD &&
	       rec->not_after >= clock_now();
}

enum inro_err ca_order_drop(struct core *c, int64_t credential)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "credential", .number = credential },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t n;

	return store_delete(c->store, &ca_order_type, &q, &n);
}

/* In place of the request that the certificate came for, where that is still there. */
static enum inro_err put_order(struct core *c, const struct ca *ca, const struct credential *rec)
{
	SCOPED(ca_order) order = { .tenant = rec->tenant,
				   .ca = ca->id,
				   .credential = rec->id,
				   .created_ms = clock_now_ms() };
	SCOPED(ca_order) there = { 0 };
	enum inro_err e = ca_order_of(c, rec->id, &there);

	if (e == INRO_OK && ca_order_ends(&there))
		return INRO_OK;
	if (e == INRO_OK)
		e = ca_order_drop(c, rec->id);
	if (e == INRO_OK || e == INRO_E_NOT_FOUND)
		e = ca_connector_of(ca)->request(c, ca, &order);
	return e == INRO_OK ? store_insert(c->store, &order) : e;
}

enum inro_err ca_end_put(struct core *c, const struct credential *rec)
{
	SCOPED(ca) ca = { 0 };
	const struct ca_connector *by;
	enum inro_err e;

	/* Thousands may be revoked one after the other, and a CA stays what it is. */
	if (!ca_end_is_wanted(rec) || !rec->ca || rec->ca == rec->own_ca || rec->ca == c->untold_ca)
		return INRO_OK;
	e = store_get(c->store, rec->ca, &ca);
	by = e == INRO_OK ? ca_connector_of(&ca) : NULL;
	if (by && by->end)
		return put_order(c, &ca, rec);
	if (e == INRO_OK)
		c->untold_ca = rec->ca;
	return e;
}
