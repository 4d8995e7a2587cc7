/* issue_time - see issue_time.h. */
#include "backoffice/core/issue_time.h"

#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/confirm.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/setting.h"
#include "base/clock.h"

#define LAST_SETTING "clock.last"

static enum inro_err last_time(struct core *c, int64_t *ret)
{
	AUTO(free_chars) char *value = NULL;
	enum inro_err e = setting_get(c, LAST_SETTING, &value);

	if (e == INRO_OK)
		*ret = value ? strtoll(value, NULL, 10) : 0;
	return e;
}

static enum inro_err write_last(struct core *c, int64_t at)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)at);
	return setting_set(c, LAST_SETTING, text);
}

static enum inro_err is_behind(int64_t now, int64_t last)
{
	char clock[32], issued[32];

	clock_format(now, clock, sizeof clock);
	clock_format(last, issued, sizeof issued);
	return err_set(INRO_E_STATE,
		       "this machine's clock says %s, but something was issued at %s already: set "
		       "the clock right; if that time was wrong, see 'inro db clock'",
		       clock, issued);
}

enum inro_err issue_now(struct core *c, int64_t *ret)
{
	int64_t now = clock_now(), last = 0;
	enum inro_err e = last_time(c, &last);

	if (e != INRO_OK)
		return e;
	if (last - now > ISSUE_TIME_SLACK)
		return is_behind(now, last);
	*ret = now > last ? now : last;
	return INRO_OK;
}

static enum inro_err is_taken_back(int64_t at)
{
	char began[32], clock[32];

	clock_format(at, began, sizeof began);
	clock_format(clock_now(), clock, sizeof clock);
	return err_set(INRO_E_STATE,
		       "this began at %s by a clock that was set right meanwhile, to %s: nothing was "
		       "issued; try again",
		       began, clock);
}

enum inro_err issue_now_keep(struct core *c, int64_t at)
{
	int64_t last = 0;
	enum inro_err e = last_time(c, &last);

	if (e != INRO_OK)
		return e;
	if (last - at > ISSUE_TIME_OPEN)
		return is_behind(at, last);
	if (at > last && issue_time_is_ahead(at))
		return is_taken_back(at);
	return at > last ? write_last(c, at) : INRO_OK;
}

enum inro_err issue_now_kept(struct core *c, int64_t at)
{
	int64_t last = 0;
	enum inro_err e = last_time(c, &last);

	return e == INRO_OK && last < at ? is_taken_back(at) : e;
}

bool issue_time_is_ahead(int64_t at)
{
	return at - clock_now() > ISSUE_TIME_SLACK;
}

enum inro_err issue_time_changed(struct core *c, int64_t *ret)
{
	int64_t now = clock_now(), last = 0;
	enum inro_err e = last_time(c, &last);

	*ret = now > last ? now : last;
	return e;
}

enum inro_err issue_times(struct core *c, struct issue_times *ret)
{
	ret->clock = clock_now();
	return last_time(c, &ret->last);
}

struct accepting {
	const char *why;
	struct issue_times *out;
};

/* By time it can't be told any more what a complete list from then has had: all is repeated until there is another. */
static void forget_scope(void *record, const void *arg)
{
	(void)arg;
	((struct crl_scope *)record)->full_at = ISSUE_TIME_EVER;
}

static enum inro_err forget_scopes_ahead(struct core *c, int64_t now)
{
	const struct store_cond ahead = { .field = "full_at", .op = STORE_GT, .number = now };
	const struct store_query q = { .conds = &ahead, .n = 1 }; /* of all tenants */

	return core_change_all(c, &crl_scope_type, &q, forget_scope, NULL);
}

static void forget_list(void *record, const void *arg)
{
	struct ca *ca = record;

	(void)arg;
	ca->crl_at = 0;
	ca->updated_ms = clock_now_ms();
}

/* Another's lists bear their own CA's time. */
static enum inro_err forget_cas_ahead(struct core *c, int64_t now)
{
	const struct store_cond ahead[] = {
		{ .field = "kind", .number = CA_LOCAL },
		{ .field = "crl_at", .op = STORE_GT, .number = now },
	};
	const struct store_query q = { STORE_WHERE(ahead) }; /* of all tenants */

	return core_change_all(c, &ca_type, &q, forget_list, NULL);
}

static enum inro_err forget_lists_ahead(struct core *c, int64_t now)
{
	enum inro_err e = forget_scopes_ahead(c, now);

	return e == INRO_OK ? forget_cas_ahead(c, now) : e;
}

static enum inro_err accept_work(struct core *c, void *arg)
{
	struct accepting *a = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "clock.accept", "database", store_name(c->store),
					   EVENT_DONE, &detail };
	enum inro_err e = issue_times(c, a->out);

	detail_int(&detail, "clock", a->out->clock);
	detail_int(&detail, "last", a->out->last);
	detail_text(&detail, "why", a->why);
	if (e == INRO_OK)
		e = write_last(c, a->out->clock);
	if (e == INRO_OK)
		e = forget_lists_ahead(c, a->out->clock);
	if (e == INRO_OK)
		e = confirm_shorten(c, a->out->clock);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err may_accept(const struct core *c)
{
	if (c->tenant != TENANT_DEFAULT)
		return err_set(INRO_E_ACCESS,
			       "the clock concerns all tenants; the tenant 'default' "
			       "decides");
	return core_require(c, ROLE_ADMIN, "accept the clock's time");
}

enum inro_err issue_time_accept(struct core *c, const char *why, struct issue_times *ret)
{
	struct issue_times times = { 0 };
	struct accepting a = { why, &times };
	enum inro_err e = may_accept(c);

	if (e == INRO_OK)
		e = core_write(c, accept_work, &a);
	if (e != INRO_OK)
		return audit_refused(c, "clock.accept", "database", store_name(c->store), e);
	*ret = (struct issue_times) { times.clock, times.clock };
	return INRO_OK;
}
