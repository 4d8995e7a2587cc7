/* noun_user - accounts of who works here. */
#include "backoffice/core/account.h"

#include "base/clock.h"
#include "tools/nouns.h"
#include "tools/office.h"

static enum inro_err role_of(const struct call *c, enum role *ret)
{
	int at = name_index(role_names, ROLE__MAX, call_opt(c, "role"));
	if (at < 0)
		return err_set(INRO_E_ARG, "'%s' is no role", call_opt(c, "role"));
	*ret = (enum role)at;
	return INRO_OK;
}

/* What is urgent is done; how it is undone is said while somebody can still do something about it. */
static enum inro_err give_changed(struct core *core, const struct account *a, json_t **ret)
{
	enum inro_err e = json_of_changed_account(core, a, ret);
	json_int_t lacking = e ? 0 : json_integer_value(json_object_get(*ret, "approvers_lacking"));
	if (lacking)
		fprintf(stderr,
			"inro: note: for four eyes %lld more operators or administrators would be needed: nobody gets an "
			"account, a role or a password now, or is enabled again (docs/accounts.md, Locked out)\n",
			(long long)lacking);
	return e;
}

static enum inro_err user_add_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(account) a = { 0 };
	SCOPED(secret) password = { 0 };
	struct account_new in = { .name = call_arg(c, 0),
				  .proposal = call_number(c, "proposal", 0) };
	enum inro_err e = role_of(c, &in.role);
	if (!e)
		e = office_open(c, &core);
	if (!e && !call_has(c, "no-password"))
		e = pin_take(c, PIN_NEW_PASSWORD, in.name, true, &password);
	in.password = secret_bytes(&password);
	if (!e)
		e = account_add(core, &in, &a);
	return e ? e : give_changed(core, &a, ret);
}

static enum inro_err user_page(struct core *core, const struct call *c, const struct page *page,
			       json_t *list, int64_t *ret_next)
{
	SCOPED(account_list) l = { 0 };
	enum inro_err e = account_find(core, call_has(c, "all"), page, &l);
	for (size_t i = 0; !e && i < l.n; i++) {
		json_t *doc = NULL;
		e = json_of_account(core, &l.items[i], &doc);
		json_array_append_new(list, doc);
	}
	*ret_next = l.next;
	return e;
}

static enum inro_err user_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, user_page, ret);
}

typedef enum inro_err user_work(struct core *core, const struct call *c, struct account *ret);

/* One way for all that changes one account. */
static enum inro_err with_account(const struct call *c, user_work *work, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(account) a = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = work(core, c, &a);
	return e ? e : give_changed(core, &a, ret);
}

static enum inro_err user_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(account) a = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = account_get(core, call_arg(c, 0), &a);
	return e ? e : json_of_account(core, &a, ret);
}

static enum inro_err set_work(struct core *core, const struct call *c, struct account *ret)
{
	enum role role;
	enum inro_err e = role_of(c, &role);
	return e ? e
		 : account_set_role(core, call_arg(c, 0), role, call_number(c, "proposal", 0), ret);
}

static enum inro_err enable_work(struct core *core, const struct call *c, struct account *ret)
{
	return account_move(core, call_arg(c, 0), VERB_ENABLE, call_number(c, "proposal", 0), ret);
}

static enum inro_err disable_work(struct core *core, const struct call *c, struct account *ret)
{
	return account_move(core, call_arg(c, 0), VERB_DISABLE, 0, ret);
}

static enum inro_err delete_work(struct core *core, const struct call *c, struct account *ret)
{
	return account_move(core, call_arg(c, 0), VERB_DELETE, 0, ret);
}

static enum inro_err release_work(struct core *core, const struct call *c, struct account *ret)
{
	return account_release(core, call_arg(c, 0), ret);
}

static enum inro_err passwd_work(struct core *core, const struct call *c, struct account *ret)
{
	SCOPED(secret) password = { 0 };
	const char *name = call_arg(c, 0);
	enum inro_err e = pin_take(c, PIN_NEW_PASSWORD, name ? name : "one's own", true, &password);
	return e ? e
		 : account_set_password(core, name, secret_bytes(&password),
					call_number(c, "proposal", 0), ret);
}

#define RUN(what)                                                                                  \
	static enum inro_err user_##what##_run(const struct call *c, json_t **ret)                 \
	{                                                                                          \
		return with_account(c, what##_work, ret);                                          \
	}
RUN(set)
RUN(enable)
RUN(disable)
RUN(delete)
RUN(release)
RUN(passwd)
#undef RUN

/* ---- the rows ---- */

#define ARG_USER                                                                                   \
	{                                                                                          \
		.name = "NAME", .help = "the account's name"                                       \
	}
#define OPT_ROLE                                                                                   \
	{                                                                                          \
		.name = "role", .arg = "ROLE", .kind = OPT_CHOICE, .required = true,               \
		.choices = WORDS("auditor", "operator", "administrator"),                          \
		.help = "what it may do: read, work, or everything"                                \
	}
#define USER_STEP(word, does, function, sentence)                                                  \
	{                                                                                          \
		.name = word, .summary = does, .args = ARGS(ARG_USER), .run = function,            \
		.least = LEAST_ADMIN, .shape = SHOW_SAID, .said = sentence                         \
	}

const struct cmd_verb user_verbs[] = {
	{ .name = "add",
	  .summary = "Creates an account",
	  .args = ARGS({ .name = "NAME",
			 .help = "1 to 64 of letters, digits and . _ @ -; never given twice" }),
	  .opts = OPTS(OPT_ROLE,
		       { .name = "no-password",
			 .kind = OPT_FLAG,
			 .help = "known by the operating system alone (setting accounts = os)" },
		       OPT_PROPOSAL),
	  .shared = { pin_password_opts },
	  .run = user_add_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "account '{name}' ({role}) is made" },
	{ .name = "list",
	  .summary = "Lists accounts",
	  .opts = OPTS({ .name = "all", .kind = OPT_FLAG, .help = "also deleted ones" }),
	  .run = user_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "name", "NAME" }, { "role", "ROLE" }, { "state", "STATE" },
			     { "locked_until", "LOCKED UNTIL" }, { "seen", "SEEN" },
			     { "created", "CREATED" }),
	  .rare = "locked_until",
	  .empty = "there is no account: whoever can open the database is an administrator" },
	{ .name = "show",
	  .summary = "Shows an account",
	  .args = ARGS(ARG_USER),
	  .run = user_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "name", "Name" }, { "role", "Role" }, { "state", "State" },
			     { "password", "Password" }, { "wrong_tries", "Wrong tries" },
			     { "locked_until", "Locked until" }, { "seen", "Seen" },
			     { "created", "Created" }) },
	{ .name = "set",
	  .summary = "Changes the role of an account",
	  .args = ARGS(ARG_USER),
	  .opts = OPTS(OPT_ROLE, OPT_PROPOSAL),
	  .run = user_set_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "account '{name}' is {role}" },
	{ .name = "passwd",
	  .summary = "Sets one's own password or, as an administrator, another's",
	  .args = ARGS({ .name = "NAME",
			 .optional = true,
			 .help = "the account; default: one's own" }),
	  .opts = OPTS(OPT_PROPOSAL),
	  .shared = { pin_password_opts },
	  .run = user_passwd_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_SAID,
	  .said = "account '{name}' has another password" },
	USER_STEP("disable", "Disables an account: nobody can log in with it", user_disable_run,
		  "account '{name}' is disabled"),
	{ .name = "enable",
	  .summary = "Enables a disabled account again",
	  .args = ARGS(ARG_USER),
	  .opts = OPTS(OPT_PROPOSAL),
	  .run = user_enable_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "account '{name}' is {state}" },
	USER_STEP("release", "Resets the count of wrong passwords, and so unlocks an account", user_release_run,
		  "account '{name}' is released"),
	USER_STEP("delete", "Closes an account for good", user_delete_run,
		  "account '{name}' is deleted"),
	{ .name = "token add",
	  .summary = "Creates a token, certificate or key that lets a program in over the network; "
		     "it is shown only once",
	  .args = ARGS({ .name = "NAME", .help = "what it is called" }),
	  .opts = OPTS({ .name = "role",
			 .arg = "ROLE",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("auditor", "operator", "administrator"),
			 .help = "at most this role; default: auditor" },
		       { .name = "commands",
			 .arg = "LIST",
			 .kind = OPT_TEXT,
			 .help = "the commands it is for, as 'device *, cert list'; default: all" },
		       OPT_DAYS("days until it expires; default: never"),
		       { .name = "account",
			 .arg = "NAME",
			 .kind = OPT_TEXT,
			 .help = "the account; default: one's own" },
		       { .name = "key",
			 .kind = OPT_FLAG,
			 .help = "a key of the first of two stages (setting network.stages)" },
		       { .name = "certificate",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "in place of a token, this client certificate" }),
	  .check = user_token_check,
	  .run = user_token_add_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "id", "Id" }, { "kind", "Kind" }, { "name", "Name" },
			     { "account", "Account" }, { "role", "Role" }, { "commands", "Commands" },
			     { "until", "Until" }, { "token", "Token" }) },
	{ .name = "token list",
	  .summary = "Lists the credentials of accounts beside passwords: sessions, tokens, "
		     "certificates, keys",
	  .opts = OPTS({ .name = "all", .kind = OPT_FLAG, .help = "ended ones too" }),
	  .run = user_token_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "kind", "KIND" }, { "name", "NAME" },
			     { "account", "ACCOUNT" }, { "role", "ROLE" }, { "commands", "COMMANDS" },
			     { "until", "UNTIL" }, { "seen", "SEEN" }, { "ended", "ENDED" }),
	  .rare = "ended",
	  .empty = "there is no token" },
	{ .name = "token revoke",
	  .summary = "Revokes a session, token, certificate or key",
	  .args = ARGS({ .name = "ID", .number = "token's", .help = "its number; see 'inro user token list'" }),
	  .run = user_token_revoke_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_SAID,
	  .said = "{kind} '{name}' is revoked" },
	{ 0 },
};
