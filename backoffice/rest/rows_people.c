/* rows_people - who works here: sessions, accounts, passes, tenants and settings. */
#include <string.h>

#include "backoffice/core/account.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tenant.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "backoffice/rest/lists.h"
#include "backoffice/show/doc.h"

/* ---- sessions ---- */

static json_t *who_doc(const struct core_who *who)
{
	return json_pack("{s:s s:s s:o}", "actor", who->actor, "role", role_word(who->role), "commands",
			 json_of_text(who->verbs));
}

static enum inro_err give_session(const struct core_who *who, const struct secret *value,
				  const struct pass *p, json_t **ret)
{
	json_t *doc = who_doc(who);

	if (doc) {
		json_object_set_new(doc, "id", json_integer((json_int_t)p->id));
		json_object_set_new(doc, "token", text_json(secret_bytes(value)));
		json_object_set_new(doc, "until", json_of_time(p->until));
	}
	return json_give(doc, ret);
}

static enum inro_err begin_session(struct rest *r, json_t **ret)
{
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };
	struct core_who who;
	enum inro_err e = who_by_account(r->core, rest_text(r, "name"),
					 bytes_of(rest_text(r, "password")), &who);

	if (e == INRO_OK)
		e = pass_session(r->core, &who, &value, &p);
	return e == INRO_OK ? give_session(&who, &value, &p, ret) : e;
}

static enum inro_err end_session(struct rest *r, json_t **ret)
{
	SCOPED(pass) p = { 0 };

	(void)ret;
	if (!r->who.pass)
		return err_set(INRO_E_STATE, "this request came by a password, not by a session");
	return pass_revoke(r->core, r->who.pass, &p);
}

static enum inro_err end_sessions(struct rest *r, json_t **ret)
{
	size_t n = 0;
	enum inro_err e = pass_logout(r->core, rest_text(r, "name"), &n);

	return e == INRO_OK ? json_give(json_pack("{s:I}", "ended", (json_int_t)n), ret) : e;
}

static enum inro_err tell_who(struct rest *r, json_t **ret)
{
	return json_give(who_doc(&r->who), ret);
}

/* ---- accounts ---- */

static enum inro_err list_users(struct rest *r, json_t **ret)
{
	SCOPED(account_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = account_find(r->core, rest_true(r, "all"), &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++) {
		json_t *doc = NULL;

		e = json_of_account(r->core, &l.items[i], &doc);
		json_array_append_new(items, doc);
	}
	return rest_give_numbered(e, items, l.next, ret);
}

static enum inro_err give_changed(enum inro_err e, const struct rest *r, const struct account *a, json_t **ret)
{
	return e == INRO_OK ? json_of_changed_account(r->core, a, ret) : e;
}

static enum role role_given(const struct rest *r, enum role otherwise)
{
	int at = rest_word(r, "role", role_names, ROLE__MAX);

	return at < 0 ? otherwise : (enum role)at;
}

static enum inro_err add_user(struct rest *r, json_t **ret)
{
	SCOPED(account) a = { 0 };
	const struct account_new in = { .name = rest_text(r, "name"),
					.role = role_given(r, ROLE_AUDITOR),
					.password = bytes_of(rest_text(r, "password")),
					.proposal = rest_number(r, "proposal", 0) };
	enum inro_err e = account_add(r->core, &in, &a);

	return give_changed(e, r, &a, ret);
}

static enum inro_err show_user(struct rest *r, json_t **ret)
{
	SCOPED(account) a = { 0 };
	enum inro_err e = account_get(r->core, r->args[0], &a);

	return e == INRO_OK ? json_of_account(r->core, &a, ret) : e;
}

static enum inro_err set_user(struct rest *r, json_t **ret)
{
	SCOPED(account) a = { 0 };
	enum inro_err e = account_set_role(r->core, r->args[0], role_given(r, ROLE_AUDITOR),
					   rest_number(r, "proposal", 0), &a);

	return give_changed(e, r, &a, ret);
}

static enum inro_err set_password(struct rest *r, const char *name, json_t **ret)
{
	SCOPED(account) a = { 0 };
	enum inro_err e = account_set_password(r->core, name, bytes_of(rest_text(r, "password")),
					       rest_number(r, "proposal", 0), &a);

	return give_changed(e, r, &a, ret);
}

static enum inro_err others_password(struct rest *r, json_t **ret)
{
	return set_password(r, r->args[0], ret);
}

/* Who has a session alone does not change the password that it began with. */
static enum inro_err own_password(struct rest *r, json_t **ret)
{
	struct core_who who;
	enum inro_err e = who_by_account(r->core, rest_text(r, "name"),
					 bytes_of(rest_text(r, "old_password")), &who);

	if (e == INRO_OK && who.account != r->who.account)
		e = err_set(INRO_E_LOGIN, "wrong name or password");
	if (e == INRO_OK)
		e = core_become(r->core, &r->who);
	return e == INRO_OK ? set_password(r, NULL, ret) : e;
}

static enum inro_err move_user(struct rest *r, enum verb verb, json_t **ret)
{
	SCOPED(account) a = { 0 };
	enum inro_err e =
		account_move(r->core, r->args[0], verb, rest_number(r, "proposal", 0), &a);

	return give_changed(e, r, &a, ret);
}

static enum inro_err enable_user(struct rest *r, json_t **ret)
{
	return move_user(r, VERB_ENABLE, ret);
}

static enum inro_err disable_user(struct rest *r, json_t **ret)
{
	return move_user(r, VERB_DISABLE, ret);
}

static enum inro_err delete_user(struct rest *r, json_t **ret)
{
	return move_user(r, VERB_DELETE, ret);
}

static enum inro_err release_user(struct rest *r, json_t **ret)
{
	SCOPED(account) a = { 0 };
	enum inro_err e = account_release(r->core, r->args[0], &a);

	return give_changed(e, r, &a, ret);
}

/* ---- passes ---- */

static enum inro_err give_pass(struct rest *r, const struct pass *p, json_t **ret)
{
	return json_of_pass(r->core, p, ret);
}

static enum inro_err list_passes(struct rest *r, json_t **ret)
{
	SCOPED(pass_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = pass_find(r->core, rest_true(r, "all"), &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++) {
		json_t *doc = NULL;

		e = give_pass(r, &l.items[i], &doc);
		json_array_append_new(items, doc);
	}
	return rest_give_numbered(e, items, l.next, ret);
}

/* The member `certificate`, which goes with that kind, as DER. */
static enum inro_err read_certificate(const struct rest *r, int kind, struct buf *ret)
{
	const char *pem = rest_text(r, "certificate");

	if ((kind == PASS_CERTIFICATE) != (pem != NULL))
		return err_set(INRO_E_ARG, "the member 'certificate' goes with the kind 'certificate'");
	return pem ? pem_or_der(bytes_of(pem), PEM_CERT, CERT_MAX, "certificate", ret) : INRO_OK;
}

static enum inro_err add_pass(struct rest *r, json_t **ret)
{
	SCOPED(secret) value = { 0 };
	SCOPED(buf) cert = { 0 };
	SCOPED(pass) p = { 0 };
	int kind = rest_word(r, "kind", pass_kind_names, PASS_KIND__MAX);
	struct pass_new in = { .kind = kind < 0 ? PASS_TOKEN : (enum pass_kind)kind,
				     .name = rest_text(r, "name"),
				     .account = rest_text(r, "account"),
				     .role = role_given(r, ROLE_AUDITOR),
				     .verbs = rest_text(r, "commands"),
				     .days = (unsigned)rest_number(r, "days", 0) };
	enum inro_err e = read_certificate(r, kind, &cert);

	in.cert = buf_bytes(&cert);
	in.unproved = in.cert.n && !(r->peer && bytes_equal(r->peer->cert, in.cert));
	if (e == INRO_OK)
		e = pass_add(r->core, &in, &value, &p);
	if (e == INRO_OK)
		e = give_pass(r, &p, ret);
	r->bare = !value.n;
	if (e == INRO_OK && value.n)
		json_object_set_new(*ret, "token", text_json(secret_bytes(&value)));
	return e;
}

static enum inro_err revoke_pass(struct rest *r, json_t **ret)
{
	SCOPED(pass) p = { 0 };
	int64_t id = 0;
	enum inro_err e = rest_id(r, 0, &id);

	(void)ret;
	return e == INRO_OK ? pass_revoke(r->core, id, &p) : e;
}

/* ---- tenants, settings ---- */

static enum inro_err list_tenants(struct rest *r, json_t **ret)
{
	SCOPED(tenant_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = tenant_find(r->core, &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_tenant(&l.items[i]));
	return rest_give_numbered(e, items, l.next, ret);
}

static enum inro_err add_tenant(struct rest *r, json_t **ret)
{
	SCOPED(tenant) t = { 0 };
	enum inro_err e = tenant_add(r->core, rest_text(r, "name"), &t);

	return e == INRO_OK ? json_give(json_of_tenant(&t), ret) : e;
}

static enum inro_err show_tenant(struct rest *r, json_t **ret)
{
	SCOPED(tenant) t = { 0 };
	enum inro_err e = tenant_get(r->core, r->args[0], &t);

	return e == INRO_OK ? json_give(json_of_tenant(&t), ret) : e;
}

static enum inro_err list_settings(struct rest *r, json_t **ret)
{
	json_t *items = json_array();
	enum inro_err e = INRO_OK;

	for (const struct setting_rule *s = setting_rules; e == INRO_OK && s->name; s++) {
		json_t *doc = NULL;

		e = json_of_setting(r->core, s, &doc);
		json_array_append_new(items, doc);
	}
	return rest_give_page(e, items, NULL, ret);
}

static enum inro_err show_setting(struct rest *r, json_t **ret)
{
	const struct setting_rule *rule;
	enum inro_err e = setting_rule_find(r->args[0], &rule);

	return e == INRO_OK ? json_of_setting(r->core, rule, ret) : e;
}

static enum inro_err change_setting(struct rest *r, json_t **ret)
{
	enum inro_err e = setting_change(r->core, r->args[0], rest_text(r, "value"),
					 rest_number(r, "proposal", 0));

	return e == INRO_OK ? show_setting(r, ret) : e;
}

/* ---- the rows ---- */

#define WHO_OUT OUT_HAS("actor"), OUT_HAS("role"), OUT_TEXT("commands")
#define ROLES	"auditor", "operator", "administrator"
#define PASS_OUT                                                                                   \
	OUT_COUNT("id"), OUT_HAS("kind"), OUT_HAS("name"), OUT_TEXT("account"), OUT_HAS("role"),   \
		OUT_TEXT("commands"), OUT_TIME("until"), OUT_TIME("ended"), OUT_TIME("seen"),      \
		OUT_TIME("created")

static const struct rest_shape who = { "Who", FIELDS(WHO_OUT) };
static const struct rest_shape session = {
	"Session", FIELDS(WHO_OUT, OUT_COUNT("id"), OUT_HAS("token"), OUT_TIME("until"))
};
static const struct rest_shape ended = { "EndedSessions", FIELDS(OUT_COUNT("ended")) };
static const struct rest_shape account = {
	"Account", FIELDS(OUT_HAS("name"), OUT_HAS("role"), OUT_HAS("state"), OUT_BOOL("password"),
			  OUT_TIME("locked_until"), OUT_COUNT("wrong_tries"), OUT_TIME("seen"),
			  OUT_TIME("created"), OUT_NUMBER("approvers_lacking"))
};
static const struct rest_shape pass = { "Pass", FIELDS(PASS_OUT) };
static const struct rest_shape new_pass = { "NewPass", FIELDS(PASS_OUT, OUT_TEXT("token")) };
static const struct rest_shape tenant = { "Tenant", FIELDS(OUT_HAS("name"), OUT_TIME("created")) };
static const struct rest_shape setting = {
	"Setting", FIELDS(OUT_HAS("name"), OUT_TEXT("value"), OUT_BOOL("set"), OUT_HAS("scope"),
			  OUT_TEXT("values"), OUT_HAS("what"))
};

#define NEW_PASSWORD(must)                                                                         \
	{                                                                                          \
		.name = "password", .kind = REST_TEXT, .required = must, .max = 255                \
	}
#define IN_NAME { .name = "name", .kind = REST_TEXT, .required = true, .min = 1, .max = 200, \
		  .help = "NAME, TENANT/NAME or TENANT/default/NAME" }

const struct rest_row rest_people_rows[] = {
	{ "POST", "/v1/sessions", "user login", "Begins a session with a password", ROLE_AUDITOR,
	  REST_OPEN | REST_PROVES | REST_SECRET, 201, FIELDS(IN_NAME, NEW_PASSWORD(true)), &session,
	  begin_session },
	{ "DELETE", "/v1/sessions/current", "user leave", "Ends the session of this request",
	  ROLE_AUDITOR, 0, 0, NULL, NULL, end_session },
	{ "DELETE", "/v1/sessions", "user logout", "Ends every session of an account", ROLE_AUDITOR, 0, 0,
	  FIELDS(IN_TEXT("name", "another's, by an administrator")), &ended, end_sessions },
	{ "GET", "/v1/whoami", "user whoami", "Shows who the request is from", ROLE_AUDITOR, 0, 0, NULL, &who,
	  tell_who },
	{ "GET", "/v1/users", "user list", "Lists accounts", ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_BOOL("all", "deleted ones too"), IN_PAGE), &account, list_users },
	{ "POST", "/v1/users", "user add", "Creates an account", ROLE_ADMIN, 0, 201,
	  FIELDS(IN_MUST("name", "never given twice"),
		 { .name = "role", .kind = REST_WORD, .required = true, .words = CHOICE(ROLES) },
		 NEW_PASSWORD(false), IN_PROPOSAL),
	  &account, add_user },
	{ "GET", "/v1/users/{name}", "user show", "Shows an account", ROLE_AUDITOR, 0, 0, NULL, &account,
	  show_user },
	{ "PATCH", "/v1/users/{name}", "user set", "Changes the role of an account", ROLE_ADMIN, 0, 0,
	  FIELDS({ .name = "role", .kind = REST_WORD, .required = true, .words = CHOICE(ROLES) },
		 IN_PROPOSAL),
	  &account, set_user },
	{ "DELETE", "/v1/users/{name}", "user delete", "Closes an account for good", ROLE_ADMIN, 0, 0, NULL,
	  &account, delete_user },
	{ "POST", "/v1/users/{name}/password", "user passwd", "Sets another's password", ROLE_ADMIN, 0, 0,
	  FIELDS(NEW_PASSWORD(true), IN_PROPOSAL), &account, others_password },
	{ "POST", "/v1/users/{name}/enable", "user enable", "Enables it again", ROLE_ADMIN, 0, 0,
	  FIELDS(IN_PROPOSAL), &account, enable_user },
	{ "POST", "/v1/users/{name}/disable", "user disable",
	  "Disables an account: nobody can log in with it", ROLE_ADMIN,
	  0, 0, NULL, &account, disable_user },
	{ "POST", "/v1/users/{name}/release", "user release",
	  "Resets the count of wrong tries, and so unlocks", ROLE_ADMIN, 0, 0, NULL,
	  &account, release_user },
	{ "POST", "/v1/password", "user own-passwd", "Sets one's own password", ROLE_AUDITOR, REST_PROVES, 0,
	  FIELDS(IN_NAME, { .name = "old_password", .kind = REST_TEXT, .required = true, .max = 255 },
		 NEW_PASSWORD(true)),
	  &account, own_password },
	{ "GET", "/v1/tokens", "user token list", "Lists sessions, tokens, certificates and keys",
	  ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_BOOL("all", "ended ones too"), IN_PAGE), &pass,
	  list_passes },
	{ "POST", "/v1/tokens", "user token add", "Creates an API token or a key of the first stage, or lets a client certificate in",
	  ROLE_AUDITOR, REST_SECRET, 201,
	  FIELDS(IN_MUST("name", "what it is called"), IN_WORD("kind", "token when not said", "token", "key", "certificate"),
		 IN_PEM("certificate", false, "of that kind: the client's, PEM; no token is given out"),
		 IN_TEXT("account", "another's, by an administrator"),
		 IN_WORD("role", "at most; auditor when not said", ROLES),
		 { .name = "commands", .kind = REST_TEXT, .max = 511,
		   .help = "what it is for, as 'device *, cert list'; all when not said" },
		 IN_NUMBER("days", 1, 3650, "until it ends; never when not said")),
	  &new_pass, add_pass },
	{ "DELETE", "/v1/tokens/{id}", "user token revoke",
	  "Revokes a session, token, certificate or key", ROLE_AUDITOR, 0, 0, NULL, NULL,
	  revoke_pass },
	{ "GET", "/v1/tenants", "tenant list", "Lists tenants", ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_PAGE),
	  &tenant, list_tenants },
	{ "POST", "/v1/tenants", "tenant add",
	  "Creates a tenant, which sees nothing of the others", ROLE_ADMIN,
	  0, 201, FIELDS(IN_MUST("name", "1 to 64 of letters, digits and . _ -")), &tenant, add_tenant },
	{ "GET", "/v1/tenants/{name}", "tenant show", "Shows a tenant", ROLE_AUDITOR, 0, 0, NULL, &tenant,
	  show_tenant },
	{ "GET", "/v1/settings", "setting list", "Lists settings", ROLE_AUDITOR, REST_LIST, 0, NULL,
	  &setting, list_settings },
	{ "GET", "/v1/settings/{name}", "setting get", "Shows a setting", ROLE_AUDITOR, 0, 0, NULL, &setting,
	  show_setting },
	{ "PUT", "/v1/settings/{name}", "setting set", "Changes a setting", ROLE_ADMIN, 0, 0,
	  FIELDS({ .name = "value", .kind = REST_TEXT, .required = true, .max = 8192 }, IN_PROPOSAL),
	  &setting, change_setting },
	{ "DELETE", "/v1/settings/{name}", "setting unset", "Resets a setting to its default", ROLE_ADMIN,
	  0, 0, FIELDS(IN_PROPOSAL), &setting, change_setting },
	{ 0 },
};
