/*
 * login - see login.h.
 *
 * What is told apart here (no such tenant, no such account, locked, disabled, wrong) is told apart
 * by nobody who stands outside: each of them costs one scrypt and gives one answer.
 */
#include "backoffice/core/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoffice/core/account.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/verifier.h"
#include "base/clock.h"

#define VISITOR	     "default/"
#define SETTLE_MS    10000 /* logins that run at once are through by then */
#define SETTLE_SHORT_MS 500 /* of the network: who waits holds a worker */
#define SETTLE_STEP  50
#define NAME_ROOM    (ACCOUNT_NAME_MAX + sizeof VISITOR)

enum inro_err tenant_id(struct core *c, const char *name, int64_t *ret)
{
	const struct store_cond by_name = { .field = "name", .text = name };
	SCOPED(tenant) t = { 0 };
	enum inro_err e;

	e = store_find(c->store, &((struct store_query) { .conds = &by_name, .n = 1 }), &t);
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no tenant '%s' in %s", name, store_name(c->store));
	if (e == INRO_OK)
		*ret = t.id;
	return e;
}

enum inro_err account_load(struct core *c, int64_t tenant, const char *name, struct account *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = tenant },
		{ .field = "name", .text = text_or_empty(name) },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

enum inro_err login_is_needed(struct core *c, bool *ret)
{
	SCOPED(account) first = { 0 };
	const struct store_query any = { .limit = 1 };
	enum inro_err e = store_find(c->store, &any, &first);

	*ret = e == INRO_OK;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* A pass may have given less than the account has. */
static bool role_holds(const struct core *c, const struct account *now)
{
	return c->pass || c->turn ? now->role >= c->role : now->role == c->role;
}

/* Of the tenants only their own accounts, and administrators of "default". */
static bool may_visit(const struct core *c, const struct account *now)
{
	return now->tenant == c->tenant || now->role == ROLE_ADMIN;
}

static enum inro_err pass_holds(struct core *c)
{
	SCOPED(pass) p = { 0 };
	enum inro_err e = c->pass ? store_get(c->store, c->pass, &p) : INRO_OK;

	if (e == INRO_E_NOT_FOUND || p.ended_ms)
		return err_set(INRO_E_ACCESS, "the pass by which '%s' came was revoked", c->actor);
	return e;
}

enum inro_err login_holds(struct core *c)
{
	SCOPED(account) now = { 0 };
	enum inro_err e;

	if (!c->account)
		return INRO_OK;
	e = store_get(c->store, c->account, &now);
	if (e == INRO_OK && now.state == ACCOUNT_ACTIVE && role_holds(c, &now) && may_visit(c, &now))
		return pass_holds(c);
	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	return err_set(INRO_E_ACCESS, "the account '%s' was changed meanwhile: it is not what it "
				      "was when this began", c->actor);
}

enum inro_err login_still_possible(struct core *c)
{
	bool os = false;
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = TENANT_DEFAULT },
		{ .field = "state", .number = ACCOUNT_ACTIVE },
		{ .field = "role", .number = ROLE_ADMIN },
		{ .field = "verifier", .op = STORE_SOME },
	};
	struct store_query q = { STORE_WHERE(conds) };
	int64_t n = 0;
	enum inro_err e = setting_is(c, "accounts", "os", &os);

	q.n -= os;
	if (e == INRO_OK)
		e = store_count(c->store, &account_type, &q, &n);
	if (e == INRO_OK && !n)
		e = err_set(INRO_E_STATE, "nobody could administer the back office any more: there "
					  "is always one active administrator of the tenant "
					  "'default' who can log in");
	return e;
}

/* ---- a try ---- */

struct login {
	const char *name;	/* of the account, without "default/" */
	const char *tenant;
	bool visits;
	struct account who;	/* id 0: nobody that could get in */
	int64_t wait_ms;	/* locked just now: others may be on their way in */
	int64_t patience_ms;	/* how long they are waited for */
};

static bool visits(const char *as)
{
	return strncmp(as, VISITOR, strlen(VISITOR)) == 0;
}

/* Loads the account when there is one that may try; anything else leaves nobody. */
static enum inro_err look(struct core *c, struct login *l)
{
	int64_t tenant = 0;
	enum inro_err e = tenant_id(c, l->visits ? "default" : l->tenant, &tenant);

	account_clear(&l->who);
	if (e == INRO_OK)
		e = account_load(c, tenant, l->name, &l->who);
	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	if (l->who.id && (l->who.state != ACCOUNT_ACTIVE || (l->visits && l->who.role != ROLE_ADMIN)))
		account_clear(&l->who);
	return INRO_OK;
}

/* Many logins of one account at once, all of them right, look like many wrong tries until the first
 * is through: a lock that is that young is looked at again. */
static int64_t settles_in(const struct account *who, int64_t lock_seconds)
{
	int64_t age = clock_now() - (who->locked_until - lock_seconds);

	/* Before its time: another server's clock is a little ahead. */
	return age >= 0 && age * 1000 < SETTLE_MS ? SETTLE_STEP : 0;
}

static bool is_locked(const struct account *who, int64_t now, int64_t lock_seconds)
{
	return clock_holds(now, who->locked_until, lock_seconds + ISSUE_TIME_OTHERS);
}

enum inro_err account_locked_until(struct core *c, const struct account *a, int64_t *ret)
{
	int64_t now = clock_now(), lock = 0;
	enum inro_err e = a->locked_until > now ? setting_number(c, "password.lock", &lock) : INRO_OK;

	if (e == INRO_OK)
		*ret = is_locked(a, now, lock) ? a->locked_until : 0;
	return e;
}

static enum inro_err count_try(struct core *c, void *arg)
{
	struct login *l = arg;
	int64_t now = clock_now(), tries = 0, lock = 0;
	enum inro_err e = look(c, l);

	l->wait_ms = 0;
	if (e == INRO_OK)
		e = setting_number(c, "password.tries", &tries);
	if (e == INRO_OK)
		e = setting_number(c, "password.lock", &lock);
	if (e != INRO_OK || !l->who.id)
		return e;
	if (is_locked(&l->who, now, lock)) {
		l->wait_ms = settles_in(&l->who, lock);
		account_clear(&l->who);
		return INRO_OK;
	}
	if (++l->who.fails >= tries)
		l->who.locked_until = now + lock;
	return store_update(c->store, &l->who);
}

static enum inro_err right_try(struct core *c, void *arg)
{
	const struct login *l = arg;
	SCOPED(account) now = { 0 };
	enum inro_err e = store_get(c->store, l->who.id, &now);

	now.fails = now.locked_until = 0;
	now.seen_ms = clock_now_ms();
	return e == INRO_OK ? store_update(c->store, &now) : e;
}

static void nap(int64_t ms)
{
	const struct timespec t = { .tv_nsec = (long)(ms * 1000000) };

	(void)nanosleep(&t, NULL);
}

static enum inro_err begin_try(struct core *c, struct login *l)
{
	int64_t until = clock_monotonic_ms() + l->patience_ms;
	enum inro_err e = core_write(c, count_try, l);

	while (e == INRO_OK && l->wait_ms && clock_monotonic_ms() < until) {
		nap(l->wait_ms);
		e = core_write(c, count_try, l);
	}
	return e;
}

static enum inro_err no_entry(void)
{
	return err_set(INRO_E_LOGIN, "wrong name or password, or the account is locked or disabled; "
				     "an administrator sees which: 'inro user show'");
}

/* As much work as a right one. */
static enum inro_err nobody(struct bytes password)
{
	SCOPED(buf) any = { 0 };
	enum inro_err e = verifier_make(password, VERIFIER_COST_CHOSEN, &any);

	return e == INRO_OK ? no_entry() : e;
}

static enum inro_err prove(struct core *c, struct login *l, struct bytes password)
{
	struct bytes verifier;
	enum inro_err e = begin_try(c, l);

	if (e != INRO_OK)
		return e;
	verifier = blob_bytes(&l->who.verifier);
	if (!l->who.id || !verifier.n)
		return nobody(password);
	e = verifier_check(verifier, password);
	if (e == INRO_E_PIN_WRONG)
		return no_entry();
	return e == INRO_OK ? core_write(c, right_try, l) : e;
}

static enum inro_err by_password(struct core *c, const struct core_options *o, struct login *l)
{
	SCOPED(secret) password = { 0 };
	char whom[NAME_ROOM];
	enum inro_err e;

	snprintf(whom, sizeof whom, "%s%s", l->visits ? VISITOR : "", l->name);
	if (!o->ask_password)
		return err_set(INRO_E_PIN_MISSING, "no way to ask for the password of '%s'", whom);
	e = o->ask_password(o->ask_arg, whom, &password);
	return e == INRO_OK ? prove(c, l, secret_bytes(&password)) : e;
}

/* The operating system has said who it is. */
static enum inro_err by_system(struct core *c, struct login *l)
{
	enum inro_err e = look(c, l);

	return e == INRO_OK && !l->who.id ? no_entry() : e;
}

static enum inro_err identify(struct core *c, const struct core_options *o, struct login *l)
{
	bool os = false;
	enum inro_err e = setting_is(c, "accounts", "os", &os);

	if (e == INRO_OK && !l->name && os)
		l->name = c->actor;
	if (e == INRO_OK && !l->name)
		e = err_set(INRO_E_LOGIN, "who is at work? say it by --as NAME or INRO_AS");
	if (e == INRO_OK && strlen(l->name) > ACCOUNT_NAME_MAX)
		e = err_set(INRO_E_ARG, "an account's name has up to %d characters",
			    ACCOUNT_NAME_MAX);
	if (e != INRO_OK)
		return e;
	return os && strcmp(l->name, c->actor) == 0 ? by_system(c, l) : by_password(c, o, l);
}

static enum inro_err who_of(struct core *c, const struct login *l, struct core_who *ret)
{
	struct core_who who = { .account = l->who.id, .role = l->who.role };
	enum inro_err e = tenant_id(c, l->tenant, &who.tenant);

	if (e != INRO_OK)
		return e;
	snprintf(who.actor, sizeof who.actor, "%s%s",
		 l->visits && who.tenant != TENANT_DEFAULT ? VISITOR : "", l->who.name);
	*ret = who;
	return INRO_OK;
}

/* From here on the core is his. */
static enum inro_err become(struct core *c, const struct login *l)
{
	struct core_who who;
	enum inro_err e = who_of(c, l, &who);

	return e == INRO_OK ? core_become(c, &who) : e;
}

static enum inro_err refuse_login(struct core *c, const struct login *l, enum inro_err e)
{
	struct err_kept kept = err_keep();

	/* Whose tenant it is not known to be: the refusal is the database's. */
	if (tenant_id(c, l->tenant, &c->tenant) != INRO_OK)
		c->tenant = TENANT_DEFAULT;
	err_kept_clear(&kept);
	return audit_refused(c, "user.login", "user", text_or_empty(l->name), e);
}

static enum inro_err nobody_yet(struct core *c, const struct core_options *o, const char *tenant)
{
	if (o->as && *o->as)
		return err_set(INRO_E_LOGIN, "there are no accounts yet: leave --as and INRO_AS "
						 "out; 'inro user add' makes the first");
	c->role = ROLE_ADMIN;
	return tenant_id(c, tenant, &c->tenant);
}

enum inro_err login_enter(struct core *c, const struct core_options *o)
{
	const char *as = o->as && *o->as ? o->as : NULL;
	bool visitor = as && visits(as), needed = true;
	struct login l = { .name = visitor ? as + strlen(VISITOR) : as,
			   .tenant = o->tenant ? o->tenant : "default",
			   .visits = visitor,
			   .patience_ms = SETTLE_MS };
	enum inro_err e = login_is_needed(c, &needed);

	if (e == INRO_OK && !needed)
		return nobody_yet(c, o, l.tenant);
	c->tenant = TENANT_DEFAULT; /* whose settings hold for logins */
	if (e == INRO_OK)
		e = identify(c, o, &l);
	if (e == INRO_E_LOGIN)
		e = refuse_login(c, &l, e);
	if (e == INRO_OK)
		e = become(c, &l);
	account_clear(&l.who);
	return e;
}

enum inro_err login_by_password(struct core *c, const char *tenant, const char *as,
				struct bytes password, struct core_who *ret)
{
	bool visitor = as && visits(as), needed = false;
	struct login l = { .name = visitor ? as + strlen(VISITOR) : text_or_empty(as),
			   .tenant = tenant ? tenant : "default",
			   .visits = visitor,
			   .patience_ms = SETTLE_SHORT_MS };
	enum inro_err e = login_is_needed(c, &needed);

	if (e == INRO_OK && !needed)
		return err_set(INRO_E_LOGIN, "there are no accounts yet; 'inro user add' makes the "
					     "first, on the machine itself");
	if (e == INRO_OK && (strlen(l.name) > ACCOUNT_NAME_MAX || password.n > ACCOUNT_PASSWORD_MAX))
		e = no_entry();
	c->tenant = TENANT_DEFAULT;
	if (e == INRO_OK)
		e = prove(c, &l, password);
	if (e == INRO_E_LOGIN)
		e = refuse_login(c, &l, e);
	if (e == INRO_OK)
		e = who_of(c, &l, ret);
	account_clear(&l.who);
	return e;
}
