/* account - accounts made and changed; see account.h, and login.c for who gets in. */
#include "backoffice/core/account.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/eyes.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/login.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/verifier.h"
#include "base/clock.h"

#define DIFFERENT_MIN 5 /* characters of a password */

void account_list_clear(struct account_list *l)
{
	list_free(&account_type, l->items, l->n);
	*l = (struct account_list) { 0 };
}

enum inro_err account_get(struct core *c, const char *name, struct account *ret)
{
	enum inro_err e = account_load(c, c->tenant, name, ret);

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no account '%s'; 'inro user list' shows the ones there are",
			       text_or_empty(name));
	return e;
}

enum inro_err account_find(struct core *c, bool with_deleted, const struct page *page,
			   struct account_list *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "state", .op = STORE_NE, .number = ACCOUNT_DELETED },
	};
	struct store_query q = { .conds = conds, .n = with_deleted ? 1 : 2 };
	struct core_rows rows = { 0 };
	enum inro_err e = core_page(c, &account_type, &q, page, &rows);

	if (e == INRO_OK)
		*ret = (struct account_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

/* ---- passwords ---- */

static size_t different_in(struct bytes text)
{
	bool seen[256] = { false };
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		n += !seen[text.p[i]];
		seen[text.p[i]] = true;
	}
	return n;
}

/* What everybody would try first: the name, also with something around it. */
static bool has_name(struct bytes password, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; n && i + n <= password.n; i++)
		if (strncasecmp((const char *)password.p + i, name, n) == 0)
			return true;
	return false;
}

static enum inro_err check_password(struct core *c, const char *name, struct bytes password)
{
	int64_t length = 0, classes = 0;
	enum inro_err e = setting_number(c, "password.length", &length);

	if (e == INRO_OK)
		e = setting_number(c, "password.classes", &classes);
	if (e != INRO_OK)
		return e;
	if (password.n < (size_t)length || password.n > ACCOUNT_PASSWORD_MAX)
		return err_set(INRO_E_POLICY, "a password has %lld to %d bytes, not %zu",
			       (long long)length, ACCOUNT_PASSWORD_MAX, password.n);
	if (core_classes(password) < classes)
		return err_set(INRO_E_POLICY,
			       "a password has %lld of upper case, lower case, digits and others",
			       (long long)classes);
	if (different_in(password) < DIFFERENT_MIN)
		return err_set(INRO_E_POLICY, "a password has %d different characters or more",
			       DIFFERENT_MIN);
	if (has_name(password, name))
		return err_set(INRO_E_POLICY, "the account's name is not part of its password");
	return INRO_OK;
}

static enum inro_err make_verifier(struct core *c, const char *name, struct bytes password,
				   struct blob *ret)
{
	SCOPED(buf) made = { 0 };
	enum inro_err e = check_password(c, name, password);

	if (e == INRO_OK)
		e = verifier_make(password, VERIFIER_COST_CHOSEN, &made);
	return e == INRO_OK ? blob_set(ret, buf_bytes(&made)) : e;
}

/* ---- one change ---- */

struct account_step {
	const char *action, *name;
	int64_t proposal;
	bool eyes; /* it takes others where the settings say so */
	struct proposal_plan plan;
	/* In the transaction: changes the record, which is then written. */
	enum inro_err (*change)(struct core *c, struct account_step *s, struct account *rec);
	enum role role;
	enum verb verb;
	struct blob verifier; /* new one; empty: none */
	bool fresh;	      /* there is no such account yet */
	bool first;	      /* nor any other */
	struct account made;
};

static void step_clear(struct account_step *s)
{
	blob_clear(&s->verifier);
	account_clear(&s->made);
}

static enum inro_err load_or_new(struct core *c, const struct account_step *s, struct account *ret)
{
	if (!s->fresh)
		return account_get(c, s->name, ret);
	ret->tenant = c->tenant;
	ret->created_ms = clock_now_ms();
	return text_set(&ret->name, s->name);
}

static enum inro_err write_account(struct core *c, const struct account_step *s,
				   struct account *rec)
{
	enum inro_err e;

	rec->updated_ms = clock_now_ms();
	if (!s->fresh)
		return store_update(c->store, rec);
	e = store_insert(c->store, rec);
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is or was an account '%s': a name is given once", s->name);
	return e;
}

static enum inro_err note_account(struct core *c, const struct account_step *s,
				  const struct account *rec)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { s->action, "user", rec->name, EVENT_DONE, &detail };

	detail_text(&detail, "role", role_names[rec->role]);
	detail_text(&detail, "state", account_state_names[rec->state]);
	detail_text(&detail, "password", rec->verifier.n ? "yes" : "no");
	if (s->first)
		detail_text(&detail, "first", "yes");
	return audit_append(c, &entry);
}

static enum inro_err step_account(struct core *c, void *arg)
{
	struct account_step *s = arg;
	SCOPED(account) rec = { 0 };
	enum inro_err e = load_or_new(c, s, &rec);

	if (e == INRO_OK)
		e = s->change(c, s, &rec);
	if (e == INRO_OK)
		e = write_account(c, s, &rec);
	if (e == INRO_OK)
		e = login_still_possible(c);
	if (e == INRO_OK && s->eyes)
		e = eyes_done(c, EYES_ACCOUNTS, &s->plan, s->proposal, rec.id);
	if (e == INRO_OK)
		e = note_account(c, s, &rec);
	if (e != INRO_OK)
		return e;
	account_clear(&s->made);
	s->made = rec;
	rec = (struct account) { 0 };
	return INRO_OK;
}

static enum inro_err run_account(struct core *c, struct account_step *s, struct account *ret)
{
	SCOPED(buf) subject = { 0 };
	enum inro_err e;

	buf_addf(&subject, "user:%s", s->name);
	buf_add_u8(&subject, 0);
	s->plan.action = s->action;
	s->plan.subject = (const char *)subject.p;
	e = buf_err(&subject);
	if (e == INRO_OK && s->eyes)
		e = eyes_check(c, EYES_ACCOUNTS, &s->plan, s->proposal);
	if (e == INRO_OK)
		e = core_write(c, step_account, s);
	if (e != INRO_OK)
		return e;
	*ret = s->made;
	s->made = (struct account) { 0 };
	return INRO_OK;
}

/* One way out for all of them. */
static enum inro_err finish_account(struct core *c, struct account_step *s, enum inro_err e,
				    struct account *ret)
{
	if (e == INRO_OK)
		e = run_account(c, s, ret);
	step_clear(s);
	return e == INRO_OK ? e : audit_refused(c, s->action, "user", text_or_empty(s->name), e);
}

/* ---- the changes ---- */

static struct bytes role_body(enum role role)
{
	static const char *const bodies[ROLE__MAX] = {
		[ROLE_AUDITOR] = "{\"role\":\"auditor\"}",
		[ROLE_OPERATOR] = "{\"role\":\"operator\"}",
		[ROLE_ADMIN] = "{\"role\":\"administrator\"}",
	};

	return bytes_of(bodies[role]);
}

static enum inro_err change_new(struct core *c, struct account_step *s, struct account *rec)
{
	(void)c;
	rec->role = s->role;
	rec->state = ACCOUNT_ACTIVE;
	return blob_set(&rec->verifier, blob_bytes(&s->verifier));
}

/* Who makes the first account must be able to get in by it, and then to make others. */
static enum inro_err check_first(struct core *c, const struct account_new *in, bool *ret_first)
{
	bool needed = true;
	enum inro_err e = login_is_needed(c, &needed);

	if (e != INRO_OK || needed)
		return e;
	*ret_first = true;
	if (c->tenant != TENANT_DEFAULT || in->role != ROLE_ADMIN)
		return err_set(INRO_E_POLICY, "the first account of a database is an "
					      "administrator's of the tenant 'default'");
	return INRO_OK;
}

static enum inro_err check_new(struct core *c, const struct account_new *in)
{
	bool os = false;
	enum inro_err e = core_check_name("an account's name", in->name, ACCOUNT_NAME_MAX, "._@-");

	if (e == INRO_OK)
		e = core_require(c, ROLE_ADMIN, "add an account");
	if (e == INRO_OK && (unsigned)in->role >= ROLE__MAX)
		e = err_set(INRO_E_ARG, "that is no role");
	if (e == INRO_OK && !in->password.n)
		e = setting_is(c, "accounts", "os", &os);
	if (e == INRO_OK && !in->password.n && !os)
		e = err_set(INRO_E_POLICY, "an account without a password is for the setting "
					   "accounts = os");
	return e;
}

enum inro_err account_add(struct core *c, const struct account_new *in, struct account *ret)
{
	struct account_step s = { .action = "user.add",
				  .name = in->name,
				  .proposal = in->proposal,
				  .change = change_new,
				  .role = in->role,
				  .fresh = true };
	enum inro_err e = check_new(c, in);

	if (e == INRO_OK)
		e = check_first(c, in, &s.first);
	s.eyes = !s.first; /* there is nobody else yet */
	if (e == INRO_OK)
		s.plan.body = role_body(in->role);
	if (e == INRO_OK && in->password.n)
		e = make_verifier(c, in->name, in->password, &s.verifier);
	return finish_account(c, &s, e, ret);
}

static enum inro_err refuse_deleted(const struct account *rec)
{
	if (rec->state != ACCOUNT_DELETED)
		return INRO_OK;
	return err_set(INRO_E_STATE, "account '%s' is deleted", rec->name);
}

static enum inro_err change_role(struct core *c, struct account_step *s, struct account *rec)
{
	(void)c;
	rec->role = s->role;
	return refuse_deleted(rec);
}

enum inro_err account_set_role(struct core *c, const char *name, enum role role, int64_t proposal,
			       struct account *ret)
{
	struct account_step s = { .action = "user.set",
				  .name = name,
				  .proposal = proposal,
				  .eyes = true,
				  .change = change_role,
				  .role = role };
	enum inro_err e = core_require(c, ROLE_ADMIN, "change an account");

	if (e == INRO_OK && (unsigned)role >= ROLE__MAX)
		e = err_set(INRO_E_ARG, "that is no role");
	if (e == INRO_OK)
		s.plan.body = role_body(role);
	return finish_account(c, &s, e, ret);
}

static enum inro_err change_state(struct core *c, struct account_step *s, struct account *rec)
{
	int to;
	enum inro_err e = lifecycle_move(LIFE_ACCOUNT, (int)rec->state, s->verb, c->role, &to);

	if (e != INRO_OK)
		return err_context(e, "account '%s'", rec->name);
	rec->state = (enum account_state)to;
	if (to == ACCOUNT_DELETED)
		blob_clear(&rec->verifier);
	return INRO_OK;
}

enum inro_err account_move(struct core *c, const char *name, enum verb verb, int64_t proposal,
			   struct account *ret)
{
	static const char *const actions[VERB__MAX] = {
		[VERB_ENABLE] = "user.enable",
		[VERB_DISABLE] = "user.disable",
		[VERB_DELETE] = "user.delete",
	};
	struct account_step s = { .name = name,
				  .proposal = proposal,
				  .eyes = verb == VERB_ENABLE,
				  .change = change_state,
				  .verb = verb };

	if ((unsigned)verb >= VERB__MAX || !actions[verb])
		return err_set(INRO_E_ARG, "an account is enabled, disabled or deleted");
	s.action = actions[verb];
	return finish_account(c, &s, core_require(c, ROLE_ADMIN, "change an account"), ret);
}

/* Who knows the new password begins anew. */
static enum inro_err change_password(struct core *c, struct account_step *s, struct account *rec)
{
	enum inro_err e = refuse_deleted(rec);

	(void)c;
	rec->fails = rec->locked_until = 0;

	return e == INRO_OK ? blob_set(&rec->verifier, blob_bytes(&s->verifier)) : e;
}

/* *ret: the caller's own name, when it is his own password. */
static enum inro_err whose(struct core *c, const char *name, char **ret)
{
	SCOPED(account) own = { 0 };
	enum inro_err e;

	if (!c->account)
		return name ? INRO_OK
			    : err_set(INRO_E_STATE, "there are no accounts yet; 'inro user add' makes "
						    "the first");
	e = store_get(c->store, c->account, &own);
	if (e != INRO_OK || own.tenant != c->tenant || (name && strcmp(name, own.name) != 0))
		return e;
	*ret = own.name;
	own.name = NULL;
	return INRO_OK;
}

enum inro_err account_set_password(struct core *c, const char *name, struct bytes password,
				   int64_t proposal, struct account *ret)
{
	AUTO(free_chars) char *own = NULL;
	struct account_step s = { .action = "user.passwd",
				  .name = name,
				  .proposal = proposal,
				  .change = change_password };
	enum inro_err e = whose(c, name, &own);

	s.eyes = !own;
	if (own)
		s.name = own;
	else if (e == INRO_OK && !name)
		e = err_set(INRO_E_ARG, "default's accounts change their passwords in the tenant "
					"'default'");
	if (e == INRO_OK && !own)
		e = core_require(c, ROLE_ADMIN, "set another's password");
	if (e == INRO_OK)
		e = make_verifier(c, s.name, password, &s.verifier);
	return finish_account(c, &s, e, ret);
}

static enum inro_err change_release(struct core *c, struct account_step *s, struct account *rec)
{
	(void)c;
	(void)s;
	rec->fails = rec->locked_until = 0;
	return refuse_deleted(rec);
}

enum inro_err account_release(struct core *c, const char *name, struct account *ret)
{
	struct account_step s = { .action = "user.release",
				  .name = name,
				  .change = change_release };

	return finish_account(c, &s, core_require(c, ROLE_ADMIN, "release an account"), ret);
}
