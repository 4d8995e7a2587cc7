/*
 * noun_token - tokens: make, list, remove, change their PINs, save and bring back.
 *
 * What Cryptoki has no function for goes through the module's own interface (admin.h); all else
 * through Cryptoki, so that it works with any module.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/ca_guard.h"
#include "base/cryptoki/client.h"
#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/pin.h"
#include "tools/text.h"
#include "tools/token_tpm.h"
#include "tools/token_words.h"

struct place {
	struct ck_module *module;
	const struct inro_admin *admin;
	struct ck_token token;
};

static void place_clear(struct place *p)
{
	ck_module_close(p->module);
	*p = (struct place) { 0 };
}

static struct inro_text text_of(struct bytes b)
{
	return (struct inro_text) { .p = (const char *)b.p, .n = b.n };
}

static enum inro_err open_module(struct place *p)
{
	enum inro_err e = ck_module_open(NULL, &p->module);
	if (e)
		return e;
	p->admin = ck_module_admin(p->module);
	return INRO_OK;
}

/* Version 1.1 of the module's own interface has it all. */
static enum inro_err need_admin(const struct place *p)
{
	if (p->admin && p->admin->version.minor >= 1)
		return INRO_OK;
	if (p->admin)
		return err_set(INRO_E_UNSUPPORTED, "%s is of an earlier version than this program",
			       ck_module_path(p->module));
	return err_set(INRO_E_UNSUPPORTED, "%s can't do that: it is not Inro's module",
		       ck_module_path(p->module));
}

/* The module and the one token of this name. */
static enum inro_err open_token(const char *name, struct place *p)
{
	SCOPED(p11_uri) uri = { 0 };
	enum inro_err e = p11_uri_name_token(name, &uri);
	if (!e)
		e = open_module(p);
	return e ? e : ck_token_one(p->module, &uri, &p->token);
}

/* ---- create, delete ---- */

static enum inro_err take_both_pins(const struct call *c, const char *label, struct secret *so,
				    struct secret *user)
{
	enum inro_err e = pin_take(c, PIN_SO, label, true, so);
	return e ? e : pin_take(c, PIN_USER, label, true, user);
}

static enum inro_err check_create(const struct call *c)
{
	const char *label = call_arg(c, 0);
	if (strncmp(label, "slot:", 5) != 0 && strncmp(label, "serial:", 7) != 0)
		return token_words_check(c);
	return err_set(INRO_E_ARG, "no label begins with 'slot:' or 'serial:': these name a token "
				   "without its label");
}

static enum inro_err check_free_label(struct place *p, const char *label)
{
	struct ck_token there;
	struct p11_uri uri = { .token = (char *)(uintptr_t)label };
	enum inro_err e = ck_token_one(p->module, &uri, &there);
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (e == INRO_OK || e == INRO_E_AMBIGUOUS)
		e = err_set(INRO_E_EXISTS,
			    "there is a token '%s' already; take another label, or remove it with "
			    "'inro token delete'",
			    label);
	return e;
}

static enum inro_err token_create_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	SCOPED(secret) so = { 0 };
	SCOPED(secret) user = { 0 };
	SCOPED(buf) words = { 0 };
	const char *label = call_arg(c, 0), *backend = call_opt(c, "backend");
	enum inro_err e = token_words(c, &words);
	if (!e)
		e = open_module(&p);
	if (!e)
		e = need_admin(&p);
	if (!e)
		e = check_free_label(&p, label);
	if (!e)
		e = take_both_pins(c, label, &so, &user);
	if (e)
		return e;
	struct inro_new_token t = {
		.label = text_of(bytes_of(label)),
		.backend = text_of(bytes_of(backend)),
		.config = text_of(buf_bytes(&words)),
		.so_pin = text_of(secret_bytes(&so)),
		.user_pin = text_of(secret_bytes(&user)),
	};
	CK_SLOT_ID slot = 0;
	e = ck_err(p.module, p.admin->create_first(&t, call_has(c, "expire"), &slot), "create");
	if (e)
		return err_context(e, "token '%s'", label);
	return json_give(json_pack("{s:s s:s s:I}", "label", label, "backend",
				   backend ? backend : "soft", "slot", (json_int_t)slot),
			 ret);
}

static enum inro_err token_delete_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	SCOPED(secret) so = { 0 };
	const char *label = p.token.label;
	const struct ca_guard guard = { .token = label, .serial = p.token.serial };
	AUTO(free_chars) char *lost = NULL;
	bool force = call_has(c, "force");
	enum inro_err e = open_token(call_arg(c, 0), &p);
	if (!e)
		e = need_admin(&p);
	if (!e)
		e = office_guard(c, &guard, "needed", &lost);
	if (!e && !force)
		e = pin_take(c, PIN_SO, label, false, &so);
	if (!e)
		e = ck_err(p.module,
			   force ? p.admin->destroy_locked(p.token.slot)
				 : p.admin->destroy(p.token.slot, text_of(secret_bytes(&so))),
			   "destroy");
	return e ? e : json_give(json_pack("{s:s s:s}", "label", label, "lost", lost), ret);
}

/* ---- list, show ---- */

static void add_status(const struct place *p, const struct ck_token *t, json_t *doc)
{
	static struct inro_token_status s;
	if (!p->admin || p->admin->status(t->slot, &s) != CKR_OK)
		return;
	json_object_set_new(doc, "backend", json_string(s.backend));
	json_object_set_new(doc, "tries_left", json_integer((json_int_t)s.tries_left_user));
	json_object_set_new(doc, "so_tries_left", json_integer((json_int_t)s.tries_left_so));
	json_object_set_new(doc, "tries_max", json_integer((json_int_t)s.tries_max));
	json_object_set_new(doc, "keys", json_integer((json_int_t)s.private_keys));
	json_object_set_new(doc, "certificates", json_integer((json_int_t)s.certificates));
	json_object_set_new(doc, "objects", json_integer((json_int_t)s.objects));
	json_object_set_new(doc, "store_version", json_integer((json_int_t)s.store_version));
	json_object_set_new(doc, "path", text_json(bytes_of(s.path)));
}

static const char *state_of(const struct ck_token *t)
{
	if (t->state != CKR_OK)
		return t->state == CKR_TOKEN_NOT_RECOGNIZED ? "damaged" : "unreadable";
	return t->info.flags & CKF_USER_PIN_LOCKED ? "locked" : "ready";
}

/* Why the token can't be used; null when it can. */
static json_t *problem_json(const struct place *p, const struct ck_token *t)
{
	CK_TOKEN_INFO info;
	if (t->state == CKR_OK)
		return json_null();
	CK_RV rv = ck_module_functions(p->module)->C_GetTokenInfo(t->slot, &info);
	return text_json(bytes_of(err_detail(ck_err(p->module, rv, "C_GetTokenInfo"))));
}

static json_t *token_json(const struct place *p, const struct ck_token *t)
{
	char model[sizeof t->info.model + 1], maker[sizeof t->info.manufacturerID + 1];
	p11_field_text(t->info.model, sizeof t->info.model, model, sizeof model);
	p11_field_text(t->info.manufacturerID, sizeof t->info.manufacturerID, maker, sizeof maker);
	json_t *doc = json_pack("{s:o s:s s:o s:o s:o s:o s:I}", "label", json_of_text(t->label),
				"state", state_of(t), "problem", problem_json(p, t), "serial",
				json_of_text(t->serial), "model", json_of_text(model),
				"manufacturer", json_of_text(maker), "slot", (json_int_t)t->slot);
	if (doc)
		add_status(p, t, doc);
	return doc;
}

static enum inro_err token_list_run(const struct call *c, json_t **ret)
{
	(void)c;
	SCOPED(place) p = { 0 };
	struct ck_token *tokens = NULL;
	size_t n = 0;
	enum inro_err e = open_module(&p);
	if (!e)
		e = ck_tokens(p.module, NULL, false, &tokens, &n);
	if (e)
		return e;
	json_t *doc = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(doc, token_json(&p, &tokens[i]));
	free(tokens);
	return json_give(doc, ret);
}

static enum inro_err token_show_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	enum inro_err e = open_token(call_arg(c, 0), &p);
	if (e)
		return e;
	json_t *doc = token_json(&p, &p.token);
	json_object_set_new(doc, "tpm", token_facts_json(p.admin, p.token.slot));
	return json_give(doc, ret);
}

/* ---- PINs ---- */

/* A session in which `user` is logged in with this PIN; closed with the module. */
static enum inro_err login(struct place *p, CK_USER_TYPE user, const struct secret *pin,
			   CK_SESSION_HANDLE *ret)
{
	enum inro_err e = ck_session_open(p->module, p->token.slot, true, ret);
	return e ? e : ck_login(p->module, *ret, user, secret_bytes(pin));
}

/* The same for a user with a name. */
static enum inro_err login_named(struct place *p, const char *name, CK_USER_TYPE type,
				 const struct secret *pin, CK_SESSION_HANDLE *ret)
{
	struct inro_user user = { .name = text_of(bytes_of(name)),
				  .type = type,
				  .pin = text_of(secret_bytes(pin)) };
	enum inro_err e = need_admin(p);
	if (!e)
		e = ck_session_open(p->module, p->token.slot, true, ret);
	return e ? e : ck_err(p->module, p->admin->user_login(*ret, &user), "C_LoginUser");
}

static enum inro_err token_pin_change_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	SCOPED(secret) old = { 0 };
	SCOPED(secret) fresh = { 0 };
	bool so = call_has(c, "so");
	const char *label = p.token.label, *name = call_opt(c, "user");
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = open_token(call_arg(c, 0), &p);
	if (!e)
		e = pin_take(c, so ? PIN_SO : PIN_USER, label, false, &old);
	if (!e && name)
		e = login_named(&p, name, so ? CKU_SO : CKU_USER, &old, &s);
	else if (!e)
		e = login(&p, so ? CKU_SO : CKU_USER, &old, &s);
	if (!e)
		e = pin_take(c, PIN_NEW, label, true, &fresh);
	if (!e)
		e = ck_err(
			p.module,
			ck_module_functions(p.module)->C_SetPIN(s, old.p, old.n, fresh.p, fresh.n),
			"C_SetPIN");
	return e ? e
		 : json_give(json_pack("{s:o s:s}", "label", text_json(bytes_of(label)), "pin",
				       so ? "SO" : "user"),
			     ret);
}

/* A session of the security officer. */
static enum inro_err so_session(const struct call *c, struct place *p, CK_SESSION_HANDLE *ret)
{
	SCOPED(secret) so = { 0 };
	enum inro_err e = open_token(call_arg(c, 0), p);
	if (!e)
		e = need_admin(p);
	if (!e)
		e = pin_take(c, PIN_SO, p->token.label, false, &so);
	return e ? e : login(p, CKU_SO, &so, ret);
}

static struct inro_user person(const struct call *c, const char *name, const struct secret *pin)
{
	return (struct inro_user) { .name = text_of(bytes_of(name)),
				    .type = call_has(c, "so") ? CKU_SO : CKU_USER,
				    .pin = text_of(secret_bytes(pin)),
				    .change_pin = call_has(c, "expire") };
}

static enum inro_err token_pin_unblock_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	SCOPED(secret) fresh = { 0 };
	const char *label = p.token.label;
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = so_session(c, &p, &s);
	if (!e)
		e = pin_take(c, PIN_NEW, label, true, &fresh);
	if (e)
		return e;
	struct inro_user user = person(c, call_opt(c, "user"), &fresh);
	e = ck_err(p.module, p.admin->user_pin(s, &user), "C_InitPIN");
	return e ? e : json_give(json_pack("{s:o}", "label", text_json(bytes_of(label))), ret);
}

/* ---- named users ---- */

static enum inro_err user_done(const struct place *p, const char *name, json_t **ret)
{
	return json_give(
		json_pack("{s:o s:s}", "token", text_json(bytes_of(p->token.label)), "user", name),
		ret);
}

static enum inro_err token_user_add_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	SCOPED(secret) fresh = { 0 };
	const char *name = call_arg(c, 1);
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = so_session(c, &p, &s);
	if (!e)
		e = pin_take(c, PIN_NEW, p.token.label, true, &fresh);
	if (e)
		return e;
	struct inro_user user = person(c, name, &fresh);
	e = ck_err(p.module, p.admin->user_add(s, &user), "user_add");
	return e ? e : user_done(&p, name, ret);
}

static enum inro_err token_user_delete_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	const char *name = call_arg(c, 1);
	CK_SESSION_HANDLE s = 0;
	enum inro_err e = so_session(c, &p, &s);
	if (!e)
		e = ck_err(p.module, p.admin->user_delete(s, text_of(bytes_of(name))),
			   "user_delete");
	return e ? e : user_done(&p, name, ret);
}

static json_t *user_json(const struct inro_user_status *u)
{
	return json_pack("{s:o s:s s:I s:b}", "user", text_json(bytes_of(u->name)), "role",
			 u->type == CKU_SO ? "SO" : "user", "tries_left", (json_int_t)u->tries_left,
			 "must_change", u->change_pin != CK_FALSE);
}

static enum inro_err read_users(struct place *p, struct inro_user_status **ret, CK_ULONG *ret_n)
{
	struct inro_user_status *list = NULL;
	CK_RV rv;
	/* one may be added between the two calls */
	do {
		free(list);
		list = NULL;
		rv = p->admin->user_list(p->token.slot, NULL, ret_n);
		if (rv == CKR_OK)
			list = calloc(*ret_n + 1, sizeof *list);
		if (rv == CKR_OK && !list)
			return INRO_E_NO_MEMORY;
		if (rv == CKR_OK)
			rv = p->admin->user_list(p->token.slot, list, ret_n);
	} while (rv == CKR_BUFFER_TOO_SMALL);
	*ret = list;
	return ck_err(p->module, rv, "user_list");
}

static enum inro_err token_user_list_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	struct inro_user_status *list = NULL;
	CK_ULONG n = 0;
	enum inro_err e = open_token(call_arg(c, 0), &p);
	if (!e)
		e = need_admin(&p);
	if (!e)
		e = read_users(&p, &list, &n);
	json_t *doc = e ? NULL : json_array();
	for (CK_ULONG i = 0; doc && i < n; i++)
		json_array_append_new(doc, user_json(&list[i]));
	free(list);
	return e ? e : json_give(doc, ret);
}

/* ---- check ---- */

static bool has_pin(const struct call *c)
{
	const char *value = getenv("INRO_PIN");
	return call_opt(c, "pin-source") || (value && value[0]);
}

static enum inro_err token_check_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	SCOPED(secret) pin = { 0 };
	struct inro_check found;
	enum inro_err e = open_token(call_arg(c, 0), &p);
	if (!e)
		e = need_admin(&p);
	if (!e && has_pin(c))
		e = pin_take(c, PIN_USER, p.token.label, false, &pin);
	if (!e)
		e = ck_err(p.module,
			   p.admin->check(p.token.slot, text_of(secret_bytes(&pin)), &found),
			   "check");
	if (!e && found.damaged > 0)
		e = err_set(INRO_E_DAMAGED, "token '%s': %lu of %lu objects are damaged; %s",
			    p.token.label, found.damaged, found.objects, found.first);
	return e ? e
		 : json_give(json_pack("{s:o s:I s:I}", "label", text_json(bytes_of(p.token.label)),
				       "objects", (json_int_t)found.objects, "seals",
				       (json_int_t)found.sealed),
			     ret);
}

/* ---- backup, restore ---- */

static enum inro_err check_backup(const struct call *c)
{
	if (strcmp(call_opt(c, "out"), "-") != 0)
		return INRO_OK;
	return err_set(INRO_E_ARG, "a token is saved in a new file, not on standard output");
}

static enum inro_err token_backup_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	SCOPED(secret) pass = { 0 };
	const char *path = call_opt(c, "out");
	enum inro_err e = open_token(call_arg(c, 0), &p);
	if (!e)
		e = need_admin(&p);
	if (!e)
		e = pin_take(c, PIN_PASS, p.token.label, true, &pass);
	if (!e)
		e = ck_err(p.module,
			   p.admin->save(p.token.slot, text_of(bytes_of(path)),
					 text_of(secret_bytes(&pass))),
			   "backup");
	return e ? e
		 : json_give(json_pack("{s:o s:s}", "label", text_json(bytes_of(p.token.label)),
				       "file", path),
			     ret);
}

static enum inro_err find_slot(struct place *p, CK_SLOT_ID slot)
{
	struct p11_uri uri = { .has_slot_id = true, .slot_id = slot };
	return ck_token_one(p->module, &uri, &p->token);
}

bool token_file_is_plain(const char *path)
{
	static const char first[] = "SQLite format 3";
	char head[sizeof first] = "";
	FILE *f = fopen(path, "rbe");
	bool is = f && fread(head, 1, sizeof head, f) == sizeof head &&
		  memcmp(head, first, sizeof first) == 0;
	if (f)
		fclose(f);
	return is;
}

static enum inro_err restore_file(const struct call *c, struct place *p, CK_SLOT_ID *slot)
{
	SCOPED(secret) pass = { 0 };
	const char *path = call_arg(c, 0);
	struct inro_text from = text_of(bytes_of(path));
	if (token_file_is_plain(path))
		return ck_err(p->module, p->admin->restore(from, slot), "restore");
	if (access(path, R_OK) != 0)
		return file_err(errno, path);
	enum inro_err e = pin_take(c, PIN_PASS, path, false, &pass);
	return e ? e
		 : ck_err(p->module, p->admin->load(from, text_of(secret_bytes(&pass)), slot),
			  "restore");
}

static enum inro_err token_restore_run(const struct call *c, json_t **ret)
{
	SCOPED(place) p = { 0 };
	CK_SLOT_ID slot = 0;
	enum inro_err e = open_module(&p);
	if (!e)
		e = need_admin(&p);
	if (!e)
		e = restore_file(c, &p, &slot);
	if (!e)
		e = find_slot(&p, slot);
	return e ? e : json_give(token_json(&p, &p.token), ret);
}

/* ---- the rows ---- */

#define ARG_LABEL                                                                                  \
	{                                                                                          \
		.name = "LABEL", .help = "the token's label; or slot:N, or serial:HEX"             \
	}
#define ARG_USER                                                                                   \
	{                                                                                          \
		.name = "USER", .help = "the user's name, up to 64 bytes"                          \
	}
#define OPT_USER                                                                                   \
	{                                                                                          \
		.name = "user", .arg = "USER", .kind = OPT_TEXT, .help = "of this named user"      \
	}
#define OPT_EXPIRE                                                                                 \
	{                                                                                          \
		.name = "expire", .kind = OPT_FLAG,                                                \
		.help = "the PIN must be changed before anything else is done with it"             \
	}
#define TOKEN_COLUMNS                                                                              \
	COLUMNS({ "label", "Label" }, { "state", "State" }, { "backend", "Backend" },              \
		{ "serial", "Serial" }, { "slot", "Slot" }, { "keys", "Keys" },                    \
		{ "certificates", "Certificates" }, { "tries_left", "PIN tries left" },            \
		{ "so_tries_left", "SO PIN tries left" }, { "path", "File" }, { "tpm", "TPM" })

const struct cmd_verb token_verbs[] = {
	{ .name = "create",
	  .summary = "Makes a token, its SO PIN and its PIN",
	  .args = ARGS({ .name = "LABEL", .help = "how it will be called, up to 32 bytes" }),
	  .opts = OPTS({ .name = "backend",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("soft", "tpm"),
			 .help = "where its keys live; soft: sealed in a file; tpm: in a TPM 2.0" },
		       OPT_EXPIRE),
	  .shared = { token_word_opts, pin_user_so_opts },
	  .check = check_create,
	  .run = token_create_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is made ({backend})" },
	{ .name = "list",
	  .summary = "Lists the tokens",
	  .run = token_list_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "label", "LABEL" }, { "state", "STATE" }, { "backend", "BACKEND" },
			     { "serial", "SERIAL" }, { "keys", "KEYS" },
			     { "certificates", "CERTIFICATES" }, { "tries_left", "PIN TRIES" },
			     { "slot", "SLOT" }, { "problem", "PROBLEM" }),
	  .rare = "problem",
	  .empty = "there is no token yet; 'inro token create LABEL' makes one" },
	{ .name = "show",
	  .summary = "Shows a token",
	  .args = ARGS(ARG_LABEL),
	  .run = token_show_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_RECORD,
	  .columns = TOKEN_COLUMNS },
	{ .name = "delete",
	  .summary = "Removes a token and every key in it",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS({ .name = "force",
			 .kind = OPT_FLAG,
			 .help = "without the SO PIN, when that is locked or nothing opens the "
				 "token any more" },
		       { .name = "needed",
			 .kind = OPT_FLAG,
			 .help = "also when a CA needs a key in it" }),
	  .shared = { pin_so_opts },
	  .run = token_delete_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is removed{lost}" },
	{ .name = "pin change",
	  .summary = "Changes the PIN",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS({ .name = "so", .kind = OPT_FLAG, .help = "the SO PIN, not the user's" },
		       OPT_USER),
	  .shared = { pin_change_opts },
	  .run = token_pin_change_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "the {pin} PIN of token '{label}' is changed" },
	{ .name = "pin unblock",
	  .summary = "Gives a new PIN, with the SO PIN",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS(OPT_USER, OPT_EXPIRE,
		       { .name = "so",
			 .kind = OPT_FLAG,
			 .help = "the named user is a security officer" }),
	  .shared = { pin_unblock_opts },
	  .run = token_pin_unblock_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' has a new PIN" },
	{ .name = "user add",
	  .summary = "Lets one more person use the token, with a PIN of his own",
	  .args = ARGS(ARG_LABEL, ARG_USER),
	  .opts = OPTS({ .name = "so", .kind = OPT_FLAG, .help = "as a security officer" },
		       OPT_EXPIRE),
	  .shared = { pin_unblock_opts },
	  .run = token_user_add_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "'{user}' can use token '{token}'" },
	{ .name = "user list",
	  .summary = "Lists the named users of a token",
	  .args = ARGS(ARG_LABEL),
	  .run = token_user_list_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "user", "USER" }, { "role", "ROLE" }, { "tries_left", "PIN TRIES" },
			     { "must_change", "MUST CHANGE" }),
	  .empty = "the token has no named users; 'inro token user add' makes one" },
	{ .name = "user delete",
	  .summary = "Takes a named user off the token",
	  .args = ARGS(ARG_LABEL, ARG_USER),
	  .shared = { pin_so_opts },
	  .run = token_user_delete_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "'{user}' can use token '{token}' no more" },
	{ .name = "check",
	  .summary = "Reads everything in a token; with the PIN, opens every seal",
	  .args = ARGS(ARG_LABEL),
	  .shared = { pin_user_opts },
	  .run = token_check_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is whole: {objects} objects read, {seals} seals opened" },
	{ .name = "backup",
	  .summary = "Saves a token, encrypted, in a file; also while it is in use",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS({ .name = "out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "the new file" }),
	  .shared = { pin_pass_opts },
	  .check = check_backup,
	  .run = token_backup_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is saved in {file}" },
	{ .name = "restore",
	  .summary = "Brings a token back from such a file",
	  .args = ARGS({ .name = "FILE", .help = "what 'inro token backup' wrote" }),
	  .shared = { pin_pass_opts },
	  .run = token_restore_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is back" },
	{ .name = "rebuild",
	  .summary =
		  "Brings a token back whose keys are in the TPM of this machine, and tries each",
	  .args = ARGS({ .name = "FILE", .help = "what 'inro token backup' wrote" }),
	  .shared = { pin_user_opts, pin_pass_opts },
	  .run = token_rebuild_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "label", "LABEL" }, { "id", "ID" }, { "in_tpm", "IN THE TPM" },
			     { "works", "WORKS" }, { "problem", "PROBLEM" }),
	  .empty = "the token is back; there is no key in it" },
	{ .name = "root",
	  .summary = "Writes the storage root of a token's TPM, for which keys can be wrapped",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS({ .name = "out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "the public area (TPM2B_PUBLIC, as tpm2-tools have it)" }),
	  .check = token_root_check,
	  .run = token_root_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "the storage root {name} is in {file}" },
	{ .name = "import",
	  .summary = "Makes a token like one of SoftHSM's: same label, PINs, keys and ids",
	  .opts = OPTS({ .name = "softhsm",
			 .arg = "DIR",
			 .kind = OPT_DIR,
			 .required = true,
			 .help = "the folder of SoftHSM's tokens, or of one; it is only read" },
		       { .name = "token",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "which of them, when there are more" },
		       { .name = "all", .kind = OPT_FLAG, .help = "every one of them" },
		       { .name = "skip-unsupported",
			 .kind = OPT_FLAG,
			 .help = "leave out what can't be taken, and say so" }),
	  .shared = { pin_user_so_opts },
	  .run = token_import_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "label", "LABEL" }, { "private_keys", "PRIVATE KEYS" },
			     { "public_keys", "PUBLIC KEYS" }, { "secret_keys", "SECRET KEYS" },
			     { "certificates", "CERTIFICATES" }, { "data", "DATA" },
			     { "not_taken", "NOT TAKEN" }),
	  .empty = "nothing was imported" },
	{ 0 },
};
