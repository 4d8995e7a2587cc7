/*
 * cred_search - certificates found, also by what they are due for; see cred.h.
 *
 * 1. What is due is judged by the policy of the device's group as it is now; a CA's own certificate
 *    has none.
 */
#include <stdlib.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/move.h"
#include "backoffice/core/where.h"
#include "base/clock.h"

#define DAY_SECONDS INT64_C(86400)

const char *const cred_due_names[CRED_DUE__MAX] = {
	[CRED_DUE_NOT] = "",	  [CRED_DUE_EXPIRES] = "expires", [CRED_DUE_OVERDUE] = "overdue",
	[CRED_DUE_BOTH] = "both", [CRED_DUE_WANTED] = "wanted",	  [CRED_DUE_EXPIRED] = "expired",
};

void cred_found_clear(struct cred_found *f)
{
	for (size_t i = 0; i < f->n; i++)
		cred_clear(&f->items[i]);
	free(f->items);
	free(f->next);
	*f = (struct cred_found) { 0 };
}

/* ---- conditions ---- */

enum inro_err cred_where(struct core *c, enum cred_kind kind, const struct cred_filter *f,
			 struct where *w)
{
	SCOPED(device) d = { 0 };
	SCOPED(ca) ca = { 0 };
	enum inro_err e = where_add(w, (struct store_cond) { .field = "kind", .number = kind });

	if (e == INRO_OK && f->device)
		e = device_get(c, f->device, &d);
	if (e == INRO_OK && f->device)
		e = where_add(w, (struct store_cond) { .field = "device", .number = d.id });
	if (e == INRO_OK && f->ca)
		e = ca_load(c, f->ca, &ca);
	if (e == INRO_OK && f->ca)
		e = where_add(w, (struct store_cond) { .field = "ca", .number = ca.id });
	return e;
}

/* ---- what is due ---- */

struct renew_time {
	int64_t group, days;
};

struct due_judge {
	struct core *c;
	int64_t now, days;	  /* asked for */
	struct renew_time *known; /* group 0: those in none */
	size_t n;
	int64_t longest; /* days of the earliest renewal */
};

static void due_judge_clear(struct due_judge *j)
{
	free(j->known);
}

static enum inro_err learn_group(struct due_judge *j, int64_t group)
{
	SCOPED(policy) p = { 0 };
	enum inro_err e = policy_of_group(j->c, group, &p);

	if (e != INRO_OK)
		return e;
	j->known[j->n++] = (struct renew_time) { group, p.renew_days };
	if (p.renew_days > j->longest)
		j->longest = p.renew_days;
	return INRO_OK;
}

/* The time of renewal of every group. */
static enum inro_err learn_groups(struct due_judge *j)
{
	const struct store_cond mine = { .field = "tenant", .number = j->c->tenant };
	const struct store_query q = { .conds = &mine, .n = 1 };
	void *groups = NULL;
	size_t n = 0;
	enum inro_err e = core_all(j->c, &device_group_type, &q, &groups, &n);

	j->known = calloc(n + 1, sizeof *j->known);
	if (e == INRO_OK && !j->known)
		e = err_set(INRO_E_NO_MEMORY, "no memory for %zu groups", n);
	if (e == INRO_OK)
		e = learn_group(j, 0);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = learn_group(j, ((struct device_group *)groups + i)->id);
	list_free(&device_group_type, groups, n);
	return e;
}

static int64_t renew_days_of(const struct due_judge *j, int64_t group)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->known[i].group == group)
			return j->known[i].days;
	return 0;
}

static enum inro_err renewal_of(const struct due_judge *j, const struct credential *rec,
				int64_t *ret_days)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = INRO_OK;

	*ret_days = 0;
	if (rec->own_ca)
		return INRO_OK;
	if (rec->device)
		e = store_get(j->c->store, rec->device, &d);
	*ret_days = renew_days_of(j, d.grp);
	return e;
}

static enum inro_err judge_due(const struct due_judge *j, const struct credential *rec,
			       enum cred_due *ret)
{
	static const enum cred_due words[2][2] = { { CRED_DUE_NOT, CRED_DUE_OVERDUE },
						   { CRED_DUE_EXPIRES, CRED_DUE_BOTH } };
	int64_t days = 0, left = rec->not_after - j->now;
	enum inro_err e = renewal_of(j, rec, &days);

	*ret = words[left < j->days * DAY_SECONDS][left < days * DAY_SECONDS];
	if (rec->wanted_at)
		*ret = CRED_DUE_WANTED;
	if (left < 0)
		*ret = CRED_DUE_EXPIRED;
	return e;
}

/* Those are due whenever they end. */
static enum inro_err any_wanted(struct core *c, bool *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "wanted_at", .op = STORE_SOME },
		{ .field = "state", .number = CRED_ACTIVE },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	SCOPED(credential) one = { 0 };
	enum inro_err e = store_find(c->store, &q, &one);

	*ret = e == INRO_OK;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* Recorded as active: neither renewed nor ended by anybody. */
static enum inro_err add_due(const struct due_judge *j, const struct cred_filter *f,
			     struct where *w)
{
	int64_t ahead = j->days > j->longest ? j->days : j->longest;
	bool wanted = false;
	enum inro_err e;

	if (f->state && *f->state != CRED_ACTIVE)
		return err_set(INRO_E_ARG, "only active certificates come due, not %s ones",
			       cred_state_names[*f->state]);
	w->as_recorded = true;
	e = where_add(w, (struct store_cond) { .field = "state", .number = CRED_ACTIVE });
	if (e == INRO_OK)
		e = where_add(w, (struct store_cond) { .field = "not_after",
						       .op = STORE_GE,
						       .number = j->now - j->days * DAY_SECONDS });
	if (e == INRO_OK)
		e = any_wanted(j->c, &wanted);
	if (e == INRO_OK && !wanted)
		e = where_add(w, (struct store_cond) { .field = "not_after",
						       .op = STORE_LT,
						       .number = j->now + ahead * DAY_SECONDS });
	return e;
}

struct asked {
	const struct cred_filter *filter;
	struct due_judge *judge;
};

static enum inro_err add_filter(struct core *c, void *arg, struct where *w)
{
	const struct asked *asked = arg;
	const struct cred_filter *f = asked->filter;
	struct due_judge *j = asked->judge;
	enum inro_err e = cred_where(c, CRED_CERTIFICATE, f, w);

	*j = (struct due_judge) { .c = c, .now = clock_now(), .days = f->due_days };
	if (e == INRO_OK && f->due_days)
		e = learn_groups(j);
	if (e == INRO_OK && f->due_days)
		return add_due(j, f, w);
	if (e == INRO_OK && f->state)
		e = where_add(w, where_cred_state(*f->state));
	return e;
}

/* ---- what was found ---- */

static enum inro_err add_item(struct due_judge *j, struct credential *rec, struct cred_found *f)
{
	enum cred_due due = CRED_DUE_NOT;
	enum inro_err e = j->days ? judge_due(j, rec, &due) : INRO_OK;

	if (e != INRO_OK || (j->days && due == CRED_DUE_NOT))
		return e;
	e = cred_view(j->c, rec, &f->items[f->n]);
	if (e == INRO_OK)
		f->items[f->n++].due = due;
	return e;
}

static enum inro_err add_items(struct due_judge *j, struct credential *recs, size_t n,
			       struct cred_found *f)
{
	enum inro_err e = INRO_OK;

	f->items = calloc(n ? n : 1, sizeof *f->items);
	if (!f->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", n);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = add_item(j, &recs[i], f);
	return e;
}

enum inro_err cred_search(struct core *c, const struct cred_search *s, struct cred_found *ret)
{
	SCOPED(due_judge) judge = { 0 };
	struct asked asked = { &s->filter, &judge };
	const struct where_ask ask = {
		s->where, add_filter, &asked, { s->after, s->sort, s->limit, false }
	};
	SCOPED(cred_found) f = { 0 };
	void *recs = NULL;
	size_t n = 0;
	enum inro_err e = where_search(c, &where_creds, &ask, &recs, &n, &f.next);

	if (e == INRO_OK)
		e = add_items(&judge, recs, n, &f);
	list_free(&credential_type, recs, n);
	if (e != INRO_OK)
		return e;
	*ret = f;
	f = (struct cred_found) { 0 };
	return INRO_OK;
}
