/*
 * ca_take_list - the revocation list of a CA elsewhere: our records follow it; see ca.h.
 *
 * 1. A record is revoked or held by it, never released: what we revoked or hold, and the list does
 *    not have, is counted, for that CA is yet to be told.
 * 2. An older list than the last one is refused.  A hold from before a release here does not undo that: it is counted.
 * 3. An entry that is there twice counts once.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_end.h"
#include "backoffice/core/ca/ca_follow.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/move.h"
#include "base/clock.h"

struct taking {
	const char *name;
	struct crl_facts list;
	struct ca_list_taken done;
	int64_t ca;
	struct bytes *serials; /* of the list, in order; borrowed */
	size_t n;
};

static void taking_clear(struct taking *t)
{
	crl_facts_clear(&t->list);
	free(t->serials);
}

static enum inro_err check_list(struct core *c, struct taking *t, struct bytes input)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(cert) cert = { 0 };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "take in a revocation list");

	if (e == INRO_OK)
		e = ca_load(c, t->name, &ca);
	if (e == INRO_OK && !ca_connector_of(&ca))
		e = err_set(INRO_E_STATE, "CA '%s' is here and makes its lists itself", t->name);
	if (e == INRO_OK)
		e = cert_read(blob_bytes(&ca.cert), &cert);
	if (e == INRO_OK)
		e = crl_read(input, &t->list);
	return e == INRO_OK ? crl_verify(&t->list, &cert) : e;
}

/* It has been on a list, and is no longer: since listed_at. */
static bool was_released_after(const struct credential *rec, int64_t held_at)
{
	return !rec->revoked_at && rec->listed_at && rec->listed_at >= held_at;
}

/* What can still be moved: one that has ended, or is out of use, stays as it is. */
static bool may_follow(const struct credential *rec, const struct crl_entry *entry)
{
	enum cred_state state = cred_shown_state(rec, clock_now());

	if (entry->reason == CRL_HOLD)
		return state == CRED_ACTIVE;
	return state == CRED_ACTIVE || state == CRED_SUSPENDED || state == CRED_SUPERSEDED;
}

enum inro_err ca_follow(struct core *c, struct credential *rec, const struct crl_entry *entry, enum ca_followed *ret)
{
	const struct cred_change change = { .verb = entry->reason == CRL_HOLD ? VERB_HOLD : VERB_REVOKE,
					    .reason = entry->reason,
					    .invalid_at = entry->invalid_since,
					    .at = entry->revoked_at,
					    .why = "on the list of its CA" };

	struct cred_kin *kin = NULL;
	size_t n = 0;
	enum inro_err e = INRO_OK;

	*ret = may_follow(rec, entry) ? FOLLOWED_MOVED : FOLLOWED_NOT;
	if (*ret == FOLLOWED_MOVED && entry->reason == CRL_HOLD && was_released_after(rec, entry->revoked_at))
		*ret = FOLLOWED_RELEASED;
	if (*ret == FOLLOWED_MOVED)
		e = cred_apply_key(c, rec, &change, &kin, &n);
	free(kin);
	return e;
}

static enum inro_err follow(struct core *c, struct taking *t, const struct crl_entry *entry)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = t->ca },
		{ .field = "serial", .bytes = entry->serial },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(credential) rec = { 0 };
	enum ca_followed followed = FOLLOWED_NOT;
	enum inro_err e = store_find(c->store, &q, &rec);

	t->done.foreign += e == INRO_E_NOT_FOUND;
	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	e = ca_follow(c, &rec, entry, &followed);
	t->done.changed += followed == FOLLOWED_MOVED;
	t->done.released += followed == FOLLOWED_RELEASED;
	if (e == INRO_OK && entry->reason != CRL_HOLD && rec.revoked_at) /* it knows */
		e = ca_order_drop(c, rec.id);
	return e;
}

static int in_order(const void *a, const void *b)
{
	const struct bytes *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return memcmp(x->p, y->p, x->n);
}

/* The entries can be read: they were. */
static enum inro_err sort_serials(struct taking *t)
{
	struct bytes entries = t->list.entries;
	struct crl_entry entry;
	enum inro_err e = INRO_OK;

	free(t->serials);
	t->n = 0;
	t->serials = calloc((size_t)t->done.entries + 1, sizeof *t->serials);
	if (!t->serials)
		return err_set(INRO_E_NO_MEMORY, "no memory for %lld entries", (long long)t->done.entries);
	while (e == INRO_OK && entries.n && t->n < (size_t)t->done.entries) {
		e = crl_next(&entries, &entry);
		t->serials[t->n++] = entry.serial;
	}
	qsort(t->serials, t->n, sizeof *t->serials, in_order);
	return e;
}

static enum inro_err count_one(void *arg, void *record)
{
	struct taking *t = arg;
	const struct listed *rec = record;

	t->done.unlisted += !bsearch(&rec->serial, t->serials, t->n, sizeof rec->serial, in_order);
	return INRO_OK;
}

static enum inro_err count_unlisted(struct core *c, struct taking *t)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = t->ca },
		{ .field = "listed_at", .op = STORE_SOME },
		{ .field = "revoked_at", .op = STORE_SOME },
		{ .field = "not_after", .op = STORE_GE, .number = t->list.this_update },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = sort_serials(t);

	return e == INRO_OK ? store_each(c->store, &listed_type, &q, count_one, t) : e;
}

static enum inro_err finish(struct core *c, struct taking *t, struct ca *ca)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.list", "ca", t->name, EVENT_DONE, &detail };
	enum inro_err e;

	ca->crl_number = t->list.number;
	ca->crl_at = t->list.this_update;
	ca->updated_ms = clock_now_ms();
	if (!t->list.long_number)
		detail_int(&detail, "number", t->list.number);
	detail_int(&detail, "this_update", t->list.this_update);
	detail_int(&detail, "changed", t->done.changed);
	detail_int(&detail, "unlisted", t->done.unlisted);
	detail_int(&detail, "released", t->done.released);
	e = store_update(c->store, ca);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err take_work(struct core *c, void *arg)
{
	struct taking *t = arg;
	struct bytes entries = t->list.entries;
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, t->name, &ca);

	t->done = (struct ca_list_taken) { .number = t->list.number, .long_number = t->list.long_number };
	t->ca = ca.id;
	if (e == INRO_OK && t->list.this_update < ca.crl_at)
		e = err_set(INRO_E_STATE, "the list is older than the last one of CA '%s'", t->name);
	for (; e == INRO_OK && entries.n; t->done.entries++) {
		struct crl_entry entry;

		e = crl_next(&entries, &entry);
		if (e == INRO_OK)
			e = follow(c, t, &entry);
	}
	if (e == INRO_OK)
		e = count_unlisted(c, t);
	return e == INRO_OK ? finish(c, t, &ca) : e;
}

enum inro_err ca_take_list(struct core *c, const char *name, struct bytes list,
			   struct ca_list_taken *ret)
{
	SCOPED(taking) t = { .name = name };
	enum inro_err e = check_list(c, &t, list);

	if (e == INRO_OK)
		e = core_write_alone(c, take_work, &t);
	if (e != INRO_OK)
		return audit_refused(c, "ca.list", "ca", name, e);
	*ret = t.done;
	return INRO_OK;
}
