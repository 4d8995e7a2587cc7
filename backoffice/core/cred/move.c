/*
 * move - what each legal move does to a certificate's record, and to what hangs on it.
 *
 * 1. A certificate that is past its end is recorded as expired before anything else happens to it.
 * 2. What is retired or later can't be used: it has expired or is on the CRL.
 * 3. A key that is known to others ends for all certificates that have it, in one transaction; the
 * certificate of a CA alone takes a decision of its own.
 * 4. Credentials are counted where they come in and where they move, and nowhere else.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/key_use.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/status.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"

static int64_t since(const struct cred_change *change, int64_t now)
{
	return change->at > 0 && change->at < now ? change->at : now;
}

/* On the CRL since the first of hold and revocation. */
static void put_on_crl(struct credential *rec, const struct cred_change *change, int64_t now)
{
	if (!rec->revoked_at)
		rec->revoked_at = since(change, now);
	rec->reason = change->reason;
	rec->invalid_at = change->invalid_at;
}

static void hold(struct credential *rec, const struct cred_change *change, int64_t now)
{
	rec->revoked_at = since(change, now);
	rec->reason = CRL_HOLD;
}

static void release(struct credential *rec, const struct cred_change *change, int64_t now)
{
	(void)change;
	(void)now;
	rec->revoked_at = rec->reason = rec->invalid_at = 0;
}

static void retire(struct credential *rec, const struct cred_change *change, int64_t now)
{
	(void)change;
	if (!rec->revoked_at && rec->not_after >= now) {
		rec->revoked_at = now;
		rec->reason = CRL_SUPERSEDED;
	}
}

/* Only the record of it stays. */
static void destroy(struct credential *rec, const struct cred_change *change, int64_t now)
{
	(void)change;
	(void)now;
	blob_clear(&rec->secret);
}

typedef void effect(struct credential *rec, const struct cred_change *change, int64_t now);
/* Moves that are not here change the state alone. */
static effect *const effects[VERB__MAX] = {
	[VERB_REVOKE] = put_on_crl,
	[VERB_HOLD] = hold,
	[VERB_RELEASE] = release,
	[VERB_RETIRE] = retire,
	[VERB_DESTROY] = destroy,
};

static void describe(const struct credential *rec, const struct cred_change *change, struct buf *detail)
{
	detail_text(detail, "to", cred_state_names[rec->state]);
	detail_text(detail, "subject", rec->subject);
	detail_hex(detail, "serial", blob_bytes(&rec->serial));
	if (rec->kind != CRED_CERTIFICATE)
		detail_text(detail, "algorithm", rec->algorithm);
	if (rec->revoked_at)
		detail_text(detail, "reason", crl_reason_name((unsigned)rec->reason));
	if (rec->invalid_at)
		detail_int(detail, "invalid_at", rec->invalid_at);
	if (change->with)
		detail_int(detail, "with", change->with);
	detail_text(detail, "cause", change->cause);
	detail_text(detail, "why", change->why);
}

static enum inro_err record_move(struct core *c, const struct credential *rec,
				 const struct cred_change *change, struct buf *detail)
{
	char action[64], name[24];
	const char *kind = cred_kind_names[rec->kind];
	const struct audit_entry entry = { action, kind, name, EVENT_DONE, detail };

	snprintf(action, sizeof action, "%s.%s", kind, verb_names[change->verb]);
	snprintf(name, sizeof name, "%lld", (long long)rec->id);
	return audit_append(c, &entry);
}

static enum inro_err count_state(struct core *c, const struct credential *rec, int64_t delta)
{
	return tally_add(c, delta, "%s/%s", cred_kind_names[rec->kind],
			 cred_state_names[rec->state]);
}

enum inro_err cred_insert(struct core *c, struct credential *rec)
{
	enum inro_err e = cred_take_form(c, rec);

	if (e == INRO_OK && seal_is(blob_bytes(&rec->secret)))
		e = seal_recheck(c, blob_bytes(&rec->secret));
	if (e == INRO_OK)
		e = store_insert(c->store, rec);
	return e == INRO_OK ? count_state(c, rec, 1) : e;
}

enum inro_err cred_replace(struct core *c, int64_t pending, struct credential *rec)
{
	SCOPED(credential) was = { 0 };
	int to;
	enum inro_err e = store_get(c->store, pending, &was);

	if (e == INRO_OK)
		e = lifecycle_move(life_of_cred(was.kind), (int)was.state, VERB_ISSUE, c->role,
				   &to);
	if (e == INRO_OK)
		e = count_state(c, &was, -1);
	if (e != INRO_OK)
		return e;
	rec->id = pending;
	e = cred_take_form(c, rec);
	if (e == INRO_OK && seal_is(blob_bytes(&rec->secret)))
		e = seal_recheck(c, blob_bytes(&rec->secret));
	if (e == INRO_OK)
		e = store_update(c->store, rec);
	return e == INRO_OK ? count_state(c, rec, 1) : e;
}

enum inro_err cred_count(struct core *c, enum cred_kind kind, enum cred_state state, int64_t *ret)
{
	char name[TALLY_NAME_MAX + 1];

	snprintf(name, sizeof name, "%s/%s", cred_kind_names[kind], cred_state_names[state]);
	return tally_get(c, name, ret);
}

static enum inro_err apply_one(struct core *c, struct credential *rec, const struct cred_change *change,
			       int64_t now)
{
	SCOPED(buf) detail = { 0 };
	const int64_t listed = rec->revoked_at, reason = rec->reason;
	/* A device may give up what is its own, and nothing more. */
	enum role role = change->verb == VERB_REVOKE ? core_role_for(c, rec->device) : c->role;
	int to;
	enum inro_err e =
		lifecycle_move(life_of_cred(rec->kind), (int)rec->state, change->verb, role, &to);

	if (e != INRO_OK)
		return err_context(e, "%s %lld", cred_kind_names[rec->kind], (long long)rec->id);
	detail_text(&detail, "from", cred_state_names[rec->state]);
	e = count_state(c, rec, -1);
	rec->state = (enum cred_state)to;
	if (e == INRO_OK)
		e = count_state(c, rec, 1);
	if (effects[change->verb])
		effects[change->verb](rec, change, now);
	if (e == INRO_OK && (rec->revoked_at || listed))
		e = issue_time_changed(c, &rec->listed_at);
	if (e == INRO_OK && change->cause)
		e = text_set(&rec->cause, change->cause);
	rec->updated_ms = clock_now_ms();
	describe(rec, change, &detail);
	if (e == INRO_OK)
		e = store_update_row(c->store, &credential_move_type, rec);
	if (e == INRO_OK && (rec->revoked_at != listed || rec->reason != reason))
		e = status_changed(c, rec);
	return e == INRO_OK ? record_move(c, rec, change, &detail) : e;
}

/* Whose credential it is. */
static enum inro_err touch_owner(struct core *c, const struct credential *rec)
{
	SCOPED(device) d = { 0 };
	enum inro_err e;

	if (!rec->device || c->role >= ROLE_ADMIN)
		return INRO_OK;
	e = store_get(c->store, rec->device, &d);
	return e == INRO_OK ? device_touch(c, &d) : e;
}

enum inro_err cred_apply(struct core *c, struct credential *rec, const struct cred_change *change)
{
	const struct cred_change expire = { .verb = VERB_EXPIRE };
	int64_t now = clock_now();
	enum inro_err e = touch_owner(c, rec);

	if (e == INRO_OK && cred_shown_state(rec, now) != rec->state)
		e = apply_one(c, rec, &expire, now);
	if (e == INRO_OK)
		e = apply_one(c, rec, change, now);
	if (e == INRO_OK && change->verb == VERB_CANCEL)
		e = ca_order_drop(c, rec->id);
	if (e == INRO_OK && change->verb == VERB_REVOKE && rec->own_ca)
		e = ca_revoked(c, rec);
	return e;
}

/* ---- all that have the key ---- */

/* Other certificates of the key that could be used. */
static enum inro_err find_kin(struct core *c, const struct credential *of, void **ret, size_t *ret_n)
{
	static const int64_t usable[] = { CRED_ACTIVE, CRED_SUSPENDED, CRED_SUPERSEDED };
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "key_hash", .bytes = blob_bytes(&of->key_hash) },
		{ .field = "id", .op = STORE_NE, .number = of->id },
		{ .field = "state", .op = STORE_IN, .numbers = usable, .n = ARRAY_LEN(usable) },
		{ .field = "not_after", .op = STORE_GE, .number = clock_now() },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return core_all(c, &credential_type, &q, ret, ret_n);
}

/* A device has no word in what is not its own: an operator who reads of it has. */
static enum inro_err leave_kin(struct core *c, const struct credential *rec, const struct cred_change *change)
{
	char name[24];
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "certificate.revoke", cred_kind_names[rec->kind], name, EVENT_REFUSED, &detail };

	snprintf(name, sizeof name, "%lld", (long long)rec->id);
	detail_text(&detail, "reason", crl_reason_name((unsigned)change->reason));
	detail_int(&detail, "with", change->with);
	detail_text(&detail, "why", "a device says so of a key that this certificate has, too, which is not the device's");
	return audit_append(c, &entry);
}

/* Whose they are doesn't matter to an operator: who may end one of them has said that the key is known. */
static enum inro_err revoke_kin(struct core *c, struct credential *items, size_t n,
				const struct cred_change *change, struct cred_kin *ret, size_t *ret_n)
{
	int64_t now = clock_now();
	enum inro_err e = INRO_OK;

	*ret_n = 0;
	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		if (core_role_for(c, items[i].device) < ROLE_OPERATOR) {
			e = leave_kin(c, &items[i], change);
			continue;
		}
		ret[*ret_n] = (struct cred_kin) { items[i].id, !items[i].own_ca };
		if (ret[(*ret_n)++].revoked)
			e = apply_one(c, &items[i], change, now);
	}
	return e;
}

enum inro_err cred_apply_key(struct core *c, struct credential *rec, const struct cred_change *change,
			     struct cred_kin **ret, size_t *ret_n)
{
	struct cred_change with = *change;
	struct cred_kin *kin;
	void *items = NULL;
	size_t n = 0, kin_n = 0;
	enum inro_err e = cred_apply(c, rec, change);

	if (e != INRO_OK || change->verb != VERB_REVOKE || rec->kind != CRED_CERTIFICATE ||
	    !key_use_ends(change->reason))
		return e;
	with.with = rec->id;
	with.at = 0;
	e = find_kin(c, rec, &items, &n);
	kin = calloc(n + 1, sizeof *kin);
	if (e == INRO_OK && !kin)
		e = err_set(INRO_E_NO_MEMORY, "no memory for the certificates of a key");
	if (e == INRO_OK)
		e = revoke_kin(c, items, n, &with, kin, &kin_n);
	list_free(&credential_type, items, n);
	if (e != INRO_OK) {
		free(kin);
		return e;
	}
	*ret = kin;
	*ret_n = kin_n;
	return INRO_OK;
}

struct named_change {
	const char *ref;
	struct cred_change change;
	struct credential rec;
	struct cred done;
	struct cred_kin *kin;
	size_t kin_n;
};

static void named_change_clear(struct named_change *n)
{
	credential_clear(&n->rec);
	cred_clear(&n->done);
	free(n->kin);
	n->kin = NULL;
	n->kin_n = 0;
}

static enum inro_err change_refused(struct core *c, const char *ref, enum verb verb,
				    enum inro_err e)
{
	char action[64];

	snprintf(action, sizeof action, "certificate.%s", verb_names[verb]);
	return audit_refused(c, action, "certificate", ref, e);
}

/* That it is on the list of a CA elsewhere is for that CA to say. */
static enum inro_err tell_ca(struct core *c, const struct credential *rec, bool *ret)
{
	SCOPED(ca) ca = { 0 };
	const struct ca_connector *by;
	enum inro_err e = rec->ca && rec->ca != rec->own_ca ? store_get(c->store, rec->ca, &ca) : INRO_OK;

	by = e == INRO_OK && ca.id ? ca_connector_of(&ca) : NULL;
	return by && rec->listed_at ? by->revoke(c, &ca, rec, ret) : e;
}

/* What is answered is read in the transaction: nothing that is done fails for it, or is recorded as refused. */
static enum inro_err change_work(struct core *c, void *arg)
{
	struct named_change *n = arg;
	enum inro_err e;

	named_change_clear(n);
	e = cred_load(c, n->ref, &n->rec);
	if (e == INRO_OK)
		e = cred_apply_key(c, &n->rec, &n->change, &n->kin, &n->kin_n);
	if (e == INRO_OK)
		e = cred_view(c, &n->rec, &n->done);
	return e == INRO_OK ? tell_ca(c, &n->done.rec, &n->done.tell_ca) : e;
}

static enum inro_err change_named(struct core *c, const char *ref, const struct cred_change *change,
				  struct cred *ret)
{
	struct named_change n = { .ref = ref, .change = *change };
	enum inro_err e = core_check_text("the reason", change->why, 255);

	if (e == INRO_OK)
		e = core_check_text("the cause", change->cause, 255);
	if (e == INRO_OK)
		e = core_write(c, change_work, &n);
	if (e == INRO_OK) {
		*ret = n.done;
		ret->kin = n.kin;
		ret->kin_n = n.kin_n;
		return INRO_OK;
	}
	named_change_clear(&n);
	return change_refused(c, ref, change->verb, e);
}

static enum inro_err read_reason(const char *name, enum crl_reason *ret)
{
	enum inro_err e;

	*ret = CRL_UNSPECIFIED;
	if (!name)
		return INRO_OK;
	e = crl_reason_find(name, ret);
	if (e != INRO_OK)
		return e;
	if (*ret == CRL_HOLD || *ret == CRL_REMOVE)
		return err_set(INRO_E_ARG, "'%s' is done by 'inro cert %s'", name,
			       *ret == CRL_HOLD ? "hold" : "release");
	return INRO_OK;
}

enum inro_err cred_revoke(struct core *c, const char *ref, const struct cred_revocation *r,
			  struct cred *ret)
{
	struct cred_change change = { .verb = VERB_REVOKE };
	enum crl_reason reason;
	enum inro_err e = read_reason(r->reason, &reason);

	if (e == INRO_OK && (r->invalid_at < 0 || r->invalid_at > clock_now()))
		e = err_set(INRO_E_ARG, "the invalidity date is not in the past");
	if (e != INRO_OK)
		return change_refused(c, ref, VERB_REVOKE, e);
	change.reason = reason;
	change.invalid_at = r->invalid_at;
	change.why = r->why;
	return change_named(c, ref, &change, ret);
}

enum inro_err cred_move(struct core *c, const char *ref, enum verb verb, const char *why,
			struct cred *ret)
{
	const struct cred_change change = { .verb = verb, .why = why };
	enum inro_err e;

	if (verb == VERB_HOLD || verb == VERB_RELEASE || verb == VERB_RETIRE ||
	    verb == VERB_ARCHIVE)
		return change_named(c, ref, &change, ret);
	e = err_set(INRO_E_ARG, "a certificate is held, released, retired or archived, not '%s'",
		    verb_names[verb]);
	return change_refused(c, ref, verb, e);
}

enum inro_err cred_retire(struct core *c, const char *ref, const char *cause, const char *why,
			  struct cred *ret)
{
	const struct cred_change change = { .verb = VERB_RETIRE, .why = why, .cause = cause };

	return change_named(c, ref, &change, ret);
}
