/* device_move - a device's moves through its life, and what ends with it; see device.h and fleet.h. */
#include "backoffice/core/device_row.h"

#include "backoffice/core/approval.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/move.h"
#include "backoffice/core/psk.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

struct step {
	const char *id, *why;
	enum verb verb;
	size_t revoked;
	struct device *out;
};

/* "device012.1558882353284": a name that is nobody's again. */
static enum inro_err rename_deleted(struct device *d)
{
	SCOPED(buf) name = { 0 };
	enum inro_err e;

	d->deleted_ms = clock_now_ms();
	buf_addf(&name, "%s.%lld", d->name && *d->name ? d->name : d->device_id,
		 (long long)d->deleted_ms);
	buf_add_u8(&name, 0);
	e = buf_err(&name);
	return e == INRO_OK ? text_set(&d->name, (const char *)name.p) : e;
}

/* The record in its new state, and the counts with it. */
static enum inro_err write_move(struct core *c, struct device *d, int to)
{
	enum inro_err e = device_count(c, d, -1);

	d->state = (enum device_state)to;
	d->updated_ms = clock_now_ms();
	if (e == INRO_OK && to == DEVICE_DELETED)
		e = rename_deleted(d);
	if (e == INRO_OK)
		e = store_update_row(c->store, to == DEVICE_DELETED ? &device_end_type : &device_move_type, d);
	return e == INRO_OK ? device_count(c, d, 1) : e;
}

static enum inro_err record_move(struct core *c, const struct device *d, const struct step *s,
				 enum device_state from, int to)
{
	SCOPED(buf) detail = { 0 };
	SCOPED(buf) action = { 0 };
	enum inro_err e;

	buf_addf(&action, "device.%s", verb_names[s->verb]);
	buf_add_u8(&action, 0);
	detail_text(&detail, "from", device_state_names[from]);
	detail_text(&detail, "to", device_state_names[to]);
	detail_text(&detail, "why", s->why);
	e = buf_err(&action);
	return e == INRO_OK ? device_event(c, (const char *)action.p, d, &detail) : e;
}

/* The move of a loaded device, with its event. */
static enum inro_err move(struct core *c, struct device *d, const struct step *s)
{
	const enum device_state from = d->state;
	int to;
	enum inro_err e = lifecycle_move(LIFE_DEVICE, (int)from, s->verb, c->role, &to);

	if (e != INRO_OK)
		return err_context(e, "device '%s'", d->device_id);
	e = device_touch(c, d);
	if (e == INRO_OK)
		e = write_move(c, d, to);
	return e == INRO_OK ? record_move(c, d, s, from, to) : e;
}

static const struct step activate = { .verb = VERB_ACTIVATE };

enum inro_err device_activate_loaded(struct core *c, struct device *d)
{
	enum inro_err e = device_may_have(d);

	if (e != INRO_OK)
		return e;
	return d->state == DEVICE_REGISTERED ? move(c, d, &activate) : device_touch(c, d);
}

/* The row is written once, as it will be; its events are those of both moves. */
enum inro_err device_add_active(struct core *c, const char *id, const struct device_fields *f,
				struct psk_new *psk, struct device *ret)
{
	const enum device_state from = DEVICE_REGISTERED;
	int to;
	enum inro_err e = lifecycle_move(LIFE_DEVICE, (int)from, VERB_ACTIVATE, c->role, &to);

	device_clear(ret);
	if (e == INRO_OK)
		e = device_add_as(c, id, f, (enum device_state)to, ret);
	if (e == INRO_OK && psk)
		e = psk_issue_in(c, ret, psk);
	if (e == INRO_OK)
		e = device_touch(c, ret);
	return e == INRO_OK ? record_move(c, ret, &activate, from, to) : e;
}

enum inro_err device_activate(struct core *c, int64_t id)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = store_get(c->store, id, &d);

	return e == INRO_OK ? device_activate_loaded(c, &d) : e;
}

/* What is destroyed, retired or archived is over without that, and so is what has expired. */
static bool could_be_used(const struct credential *rec)
{
	int to;

	if (rec->not_after < clock_now() || (rec->revoked_at && rec->state != CRED_SUSPENDED))
		return false;
	return lifecycle_move(life_of_cred(rec->kind), (int)rec->state, VERB_REVOKE, ROLE_ADMIN,
			      &to) == INRO_OK;
}

/* Its certificates are counted. */
static enum inro_err revoke_one(struct core *c, struct credential *rec, struct step *s)
{
	const struct cred_change change = { .verb = VERB_REVOKE,
				       .reason = CRL_CESSATION,
				       .why = "device deleted" };

	s->revoked += rec->kind == CRED_CERTIFICATE;
	return cred_apply(c, rec, &change);
}

/* Nobody waits for this certificate any more. */
static enum inro_err cancel_one(struct core *c, struct credential *rec)
{
	const struct cred_change change = { .verb = VERB_CANCEL, .why = "device deleted" };
	enum inro_err e = cred_apply(c, rec, &change);

	return e == INRO_OK ? approval_drop(c, rec->id, change.why) : e;
}

static enum inro_err end_one(struct core *c, struct credential *rec, struct step *s)
{
	if (could_be_used(rec))
		return revoke_one(c, rec, s);
	if (rec->state == CRED_REQUESTED || rec->state == CRED_PENDING)
		return cancel_one(c, rec);
	return INRO_OK;
}

/* Everything of the device that could still be used, or become so. */
static enum inro_err end_all(struct core *c, const struct device *d, struct step *s)
{
	const struct store_cond its = { .field = "device", .number = d->id };
	const struct store_query q = { .conds = &its, .n = 1 };
	void *list = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &credential_type, &q, &list, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = end_one(c, (struct credential *)list + i, s);
	list_free(&credential_type, list, n);
	return e;
}

static enum inro_err apply_step(struct core *c, struct device *d, struct step *s)
{
	enum inro_err e = move(c, d, s);

	s->revoked = 0;
	return e == INRO_OK && s->verb == VERB_DELETE ? end_all(c, d, s) : e;
}

static enum inro_err step_work(struct core *c, void *arg)
{
	struct step *s = arg;
	SCOPED(device) d = { 0 };
	enum inro_err e = device_load(c, s->id, &d);

	if (e == INRO_OK)
		e = apply_step(c, &d, s);
	if (e != INRO_OK)
		return e;
	device_clear(s->out);
	*s->out = d;
	d = (struct device) { 0 };
	return INRO_OK;
}

enum inro_err device_move_loaded(struct core *c, struct device *d, enum verb verb, const char *why,
				 size_t *ret_revoked)
{
	struct step s = { .why = why, .verb = verb };
	enum inro_err e = core_check_text("the reason", why, DEVICE_FIELD_MAX);

	if (e == INRO_OK)
		e = apply_step(c, d, &s);
	if (e == INRO_OK)
		*ret_revoked = s.revoked;
	return e;
}

static enum inro_err run_step(struct core *c, struct step *s, struct device *ret)
{
	SCOPED(buf) action = { 0 };
	enum inro_err e;

	buf_addf(&action, "device.%s", verb_names[s->verb]);
	buf_add_u8(&action, 0);
	e = buf_err(&action);
	if (e == INRO_OK)
		e = core_check_text("the reason", s->why, DEVICE_FIELD_MAX);
	if (e != INRO_OK)
		return e;
	e = device_commit(c, step_work, s, s->out, ret);
	if (e == INRO_OK)
		return e;
	return audit_refused(c, (const char *)action.p, "device", s->id, e);
}

enum inro_err device_switch(struct core *c, const char *id, enum verb verb, const char *why,
			    struct device *ret)
{
	struct device made = { 0 };
	struct step s = { id, why, verb, 0, &made };

	if (verb != VERB_ENABLE && verb != VERB_DISABLE)
		return err_set(INRO_E_ARG, "a device is enabled or disabled, not '%s'",
			       verb_names[verb]);
	return run_step(c, &s, ret);
}

enum inro_err device_delete(struct core *c, const char *id, const char *why, size_t *ret_revoked)
{
	struct device made = { 0 };
	struct step s = { id, why, VERB_DELETE, 0, &made };
	SCOPED(device) gone = { 0 };
	enum inro_err e = run_step(c, &s, &gone);

	if (e == INRO_OK)
		*ret_revoked = s.revoked;
	return e;
}
