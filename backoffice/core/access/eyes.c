/* eyes - see eyes.h. */
#include "backoffice/core/eyes.h"

#include "backoffice/core/internal.h"
#include "backoffice/core/setting.h"
#include "base/clock.h"

#define DAY_MS INT64_C(86400000)

static const char *const settings[] = {
	[EYES_CA] = "four-eyes.ca",
	[EYES_ARCHIVE] = "four-eyes.archive",
	[EYES_ACCOUNTS] = "four-eyes.accounts",
};

static enum inro_err greatest(struct core *c, int64_t *ret)
{
	enum inro_err e = INRO_OK;
	int64_t n = 0, one = 0;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(settings); i++) {
		e = setting_number(c, settings[i], &one);
		n = one > n ? one : n;
	}
	if (e == INRO_OK)
		*ret = n;
	return e;
}

static enum inro_err is_said(struct core *c, const char *name, bool *ret)
{
	AUTO(free_chars) char *value = NULL;
	enum inro_err e = setting_get(c, name, &value);

	*ret = value && *value;
	return e;
}

enum inro_err eyes_need(struct core *c, enum eyes what, int64_t *ret)
{
	bool said = true;
	enum inro_err e = INRO_OK;

	if (what == EYES_RULES)
		return greatest(c, ret);
	if (what == EYES_ACCOUNTS)
		e = is_said(c, settings[what], &said);
	if (e != INRO_OK)
		return e;
	return said ? setting_number(c, settings[what], ret) : greatest(c, ret);
}

enum inro_err eyes_others(struct core *c, int64_t *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "state", .number = ACCOUNT_ACTIVE },
		{ .field = "role", .op = STORE_NE, .number = ROLE_AUDITOR },
		{ .field = "name", .op = STORE_NE, .text = c->actor },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_count(c->store, &account_type, &q, ret);
}

static enum inro_err count_people(struct core *c, int64_t tenant, const int64_t *roles, size_t n, int64_t *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = tenant },
		{ .field = "state", .number = ACCOUNT_ACTIVE },
		{ .field = "role", .op = STORE_IN, .numbers = roles, .n = n },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_count(c->store, &account_type, &q, ret);
}

enum inro_err eyes_lacking(struct core *c, int64_t *ret)
{
	static const int64_t roles[] = { ROLE_ADMIN, ROLE_OPERATOR };
	int64_t need = 0, here = 0, visitors = 0;
	enum inro_err e = eyes_need(c, EYES_ACCOUNTS, &need);

	if (e == INRO_OK && need)
		e = count_people(c, c->tenant, roles, ARRAY_LEN(roles), &here);
	if (e == INRO_OK && need && c->tenant != TENANT_DEFAULT) /* default/NAME, its administrators alone */
		e = count_people(c, TENANT_DEFAULT, roles, 1, &visitors);
	if (e == INRO_OK)
		*ret = need && need + 1 > here + visitors ? need + 1 - here - visitors : 0;
	return e;
}

static enum inro_err enough_people(struct core *c, const struct proposal *p)
{
	int64_t n = 0;
	enum inro_err e = proposal_approvals(c, p, &n);

	if (e == INRO_OK && p->state == PROPOSAL_APPROVED && n < p->need)
		e = err_set(INRO_E_POLICY,
			    "%lld approval(s) of proposal %lld hold no longer, by their age (four-eyes.days) or "
			    "as whoever gave them may no longer approve anything: propose it anew",
			    (long long)(p->need - n), (long long)p->id);
	return e;
}

/* Enough of them, by what holds today, and not too long ago. */
static enum inro_err still_good(struct core *c, const struct proposal *p, int64_t need)
{
	int64_t days = 0;
	enum inro_err e = setting_number(c, "four-eyes.days", &days);

	if (e == INRO_OK && p->need < need)
		e = err_set(INRO_E_POLICY,
			    "proposal %lld was made when %lld approval(s) were enough; now it "
			    "takes %lld: propose it anew",
			    (long long)p->id, (long long)p->need, (long long)need);
	if (e == INRO_OK && p->state == PROPOSAL_APPROVED && clock_is_over(p->updated_ms, days * DAY_MS + 1))
		e = err_set(INRO_E_POLICY,
			    "proposal %lld was approved more than %lld days ago: propose it anew",
			    (long long)p->id, (long long)days);
	return e == INRO_OK ? enough_people(c, p) : e;
}

/* The one that was made about it, if that can still be done; else a new one. */
static enum inro_err propose(struct core *c, const struct proposal_plan *plan, int64_t need, struct proposal *ret)
{
	SCOPED(proposal) before = { 0 };
	struct proposal_plan asked = *plan;
	enum inro_err e = proposal_mine(c, plan, &before);

	asked.need = need;
	if (e == INRO_OK)
		e = still_good(c, &before, need);
	if (e == INRO_E_NOT_FOUND || e == INRO_E_POLICY)
		return proposal_open(c, &asked, ret);
	if (e != INRO_OK)
		return e;
	*ret = before;
	before = (struct proposal) { 0 };
	return INRO_OK;
}

static enum inro_err ask(struct core *c, const struct proposal_plan *plan, int64_t need)
{
	SCOPED(proposal) p = { 0 };
	enum inro_err e = propose(c, plan, need, &p);

	if (e != INRO_OK)
		return e;
	if (p.state == PROPOSAL_APPROVED)
		return err_set(INRO_E_APPROVAL,
			       "that is approved as proposal %lld; the same command with "
			       "--proposal %lld does it",
			       (long long)p.id, (long long)p.id);
	return err_set(INRO_E_APPROVAL,
		       "that takes %lld other(s): proposal %lld waits for 'inro proposal approve "
		       "%lld', then the same command with --proposal %lld does it",
		       (long long)need, (long long)p.id, (long long)p.id, (long long)p.id);
}

static enum inro_err good_by_id(struct core *c, int64_t id, int64_t need)
{
	SCOPED(proposal) p = { 0 };
	enum inro_err e = proposal_get(c, id, &p);

	return e == INRO_OK ? still_good(c, &p, need) : e;
}

enum inro_err eyes_check(struct core *c, enum eyes what, const struct proposal_plan *plan,
			 int64_t proposal)
{
	int64_t need = 0;
	enum inro_err e = eyes_need(c, what, &need);

	if (e != INRO_OK)
		return e;
	if (!proposal)
		return need ? ask(c, plan, need) : INRO_OK;
	e = proposal_check(c, proposal, plan);
	return e == INRO_OK ? good_by_id(c, proposal, need) : e;
}

enum inro_err eyes_done(struct core *c, enum eyes what, const struct proposal_plan *plan,
			int64_t proposal, int64_t result)
{
	int64_t need = 0;
	enum inro_err e = eyes_need(c, what, &need);

	if (e == INRO_OK && !proposal && need)
		e = err_set(INRO_E_STATE, "by now that takes others' approval; try again");
	if (e != INRO_OK || !proposal)
		return e;
	e = good_by_id(c, proposal, need);
	return e == INRO_OK ? proposal_done(c, proposal, plan, result) : e;
}
