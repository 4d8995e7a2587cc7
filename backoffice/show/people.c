/* people - accounts, tenants and settings as documents. */
#include "backoffice/show/doc.h"

#include <stdlib.h>

#include "backoffice/core/account.h"
#include "backoffice/core/eyes.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tenant.h"

static enum inro_err account_doc(const struct account *a, int64_t until, json_t **ret)
{
	return json_give(json_pack("{s:o s:s s:s s:b s:o s:I s:o s:o}", "name", json_of_text(a->name), "role",
				   role_names[a->role], "state", account_state_names[a->state], "password",
				   a->verifier.n != 0, "locked_until", json_of_time(until), "wrong_tries",
				   (json_int_t)a->fails, "seen", json_of_time(a->seen_ms / 1000), "created",
				   json_of_time(a->created_ms / 1000)),
			 ret);
}

enum inro_err json_of_account(struct core *core, const struct account *a, json_t **ret)
{
	int64_t until = 0;
	enum inro_err e = account_locked_until(core, a, &until);

	return e ? e : account_doc(a, until, ret);
}

enum inro_err json_of_changed_account(struct core *core, const struct account *a, json_t **ret)
{
	int64_t until = 0, lacking = 0;
	enum inro_err e;

	if (account_locked_until(core, a, &until))
		until = a->locked_until;
	e = account_doc(a, until, ret);
	if (!e && !eyes_lacking(core, &lacking) && lacking)
		json_object_set_new(*ret, "approvers_lacking", json_integer(lacking));
	return e;
}

json_t *json_of_tenant(const struct tenant *t)
{
	return json_pack("{s:o s:o}", "name", json_of_text(t->name), "created",
			 json_of_time(t->created_ms / 1000));
}

enum inro_err json_of_setting(struct core *core, const struct setting_rule *r, json_t **ret)
{
	AUTO(free_chars) char *set = NULL;
	AUTO(free_chars) char *value = NULL;
	AUTO(free_chars) char *values = NULL;
	SCOPED(buf) words = { 0 };
	enum inro_err e = setting_get(core, r->name, &set);
	if (!e)
		e = setting_in_force(core, r->name, &value);
	setting_values(r, &words);
	values = buf_take_str(&words);
	if (e)
		return e;
	return json_give(json_pack("{s:s s:o s:b s:s s:o s:s}", "name", r->name, "value",
				   json_of_text(value), "set", set && *set, "scope",
				   r->whole ? "database" : "tenant", "values",
				   json_of_text(values), "what", r->help),
			 ret);
}

enum inro_err json_of_pass(struct core *core, const struct pass *p, json_t **ret)
{
	AUTO(free_chars) char *account = NULL;
	enum inro_err e = pass_account(core, p, &account);

	if (e)
		return e;
	return json_give(json_pack("{s:I s:s s:s s:o s:s s:o s:o s:o s:o s:o}", "id",
				   (json_int_t)p->id, "kind", pass_kind_names[p->kind], "name", p->name,
				   "account", json_of_text(account), "role", role_names[p->role],
				   "commands", json_of_text(p->verbs), "until", json_of_time(p->until),
				   "ended", json_of_time(p->ended_ms / 1000), "seen",
				   json_of_time(p->seen_ms / 1000), "created",
				   json_of_time(p->created_ms / 1000)),
			 ret);
}
