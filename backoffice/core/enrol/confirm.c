/* confirm - see confirm.h. */
#include "backoffice/core/confirm.h"

#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/duty.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

#define SWEEP_MAX 1000 /* at one time; the others have the next one */

enum inro_err confirm_find(struct core *c, const char *transaction, int64_t device, struct cred *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "request_id", .text = transaction },
		{ .field = "device", .number = device },
		{ .field = "kind", .number = CRED_CERTIFICATE },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	SCOPED(credential) rec = { 0 };
	enum inro_err e = store_find(c->store, &q, &rec);

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "there is no such transaction");
	return e == INRO_OK ? cred_view(c, &rec, ret) : e;
}

static enum inro_err record(struct core *c, int64_t id)
{
	char name[24];
	const struct audit_entry entry = { "certificate.confirm", "certificate", name, EVENT_DONE,
					   NULL };

	snprintf(name, sizeof name, "%lld", (long long)id);
	return audit_append(c, &entry);
}

static enum inro_err done_work(struct core *c, void *arg)
{
	const int64_t *id = arg;
	SCOPED(credential) rec = { 0 };
	enum inro_err e = store_get(c->store, *id, &rec);

	if (e != INRO_OK || !rec.confirm_by)
		return e;
	rec.confirm_by = 0;
	rec.updated_ms = clock_now_ms();
	e = store_update(c->store, &rec);
	return e == INRO_OK ? record(c, *id) : e;
}

enum inro_err confirm_done(struct core *c, const struct cred *cred)
{
	int64_t id = cred->rec.id;

	return cred->rec.confirm_by ? core_write(c, done_work, &id) : INRO_OK;
}

/* ---- what nobody confirmed ---- */

static enum inro_err end_work(struct core *c, void *arg)
{
	const int64_t *id = arg;
	const struct cred_change change = { .verb = VERB_REVOKE,
				       .reason = CRL_CESSATION,
				       .why = "its holder did not confirm it in time" };
	SCOPED(credential) rec = { 0 };
	enum inro_err e = store_get(c->store, *id, &rec);

	/* Another server was there first, or he has confirmed it now. */
	if (e != INRO_OK || rec.state != CRED_ACTIVE || !rec.confirm_by ||
	    rec.confirm_by >= clock_now())
		return e;
	rec.confirm_by = 0;
	/* Nobody will use it, and what has ended can't be revoked: it would stop the sweep for good. */
	if (cred_shown_state(&rec, clock_now()) == CRED_EXPIRED)
		return store_update(c->store, &rec);
	return cred_apply(c, &rec, &change);
}

static enum inro_err end_one(struct core *c, const void *record)
{
	int64_t id = ((const struct credential *)record)->id;

	return core_write(c, end_work, &id);
}

enum inro_err confirm_sweep(struct core *c)
{
	const struct store_cond overdue[] = {
		{ .field = "confirm_by", .op = STORE_SOME },
		{ .field = "confirm_by", .op = STORE_LT, .number = clock_now() },
		{ .field = "state", .number = CRED_ACTIVE },
		{ .field = "tenant", .number = c->tenant },
	};
	const struct store_query q = { STORE_WHERE(overdue), .limit = SWEEP_MAX };

	return duty_each(c, &credential_type, &q, end_one);
}

/* ---- by a clock that was ahead ---- */

static void shorten(void *record, const void *until)
{
	((struct credential *)record)->confirm_by = *(const int64_t *)until;
}

enum inro_err confirm_shorten(struct core *c, int64_t now)
{
	const int64_t until = now + CONFIRM_APPROVED;
	const struct store_cond longer = { .field = "confirm_by", .op = STORE_GT, .number = until };
	const struct store_query q = { .conds = &longer, .n = 1 };

	return core_change_all(c, &credential_type, &q, shorten, &until);
}
