/*
 * noun_token - tokens: make, list, remove, save and bring back; PINs and users are in noun_token_pin.c.
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
#include "base/file.h"
#include "tools/confirm.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/pin.h"
#include "tools/text.h"
#include "tools/token_place.h"
#include "tools/token_tpm.h"
#include "tools/token_words.h"

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

static enum inro_err token_create_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	SCOPED(secret) so = { 0 };
	SCOPED(secret) user = { 0 };
	SCOPED(buf) words = { 0 };
	const char *label = call_arg(c, 0), *backend = call_opt(c, "backend");
	enum inro_err e = token_words(c, &words);
	if (!e)
		e = token_place_any(&p);
	if (!e)
		e = token_place_admin(&p);
	if (!e)
		e = token_place_free_label(&p, label, "take another label");
	if (!e)
		e = take_both_pins(c, label, &so, &user);
	if (e)
		return e;
	struct inro_new_token t = {
		.label = inro_text_of(bytes_of(label)),
		.backend = inro_text_of(bytes_of(backend)),
		.config = inro_text_of(buf_bytes(&words)),
		.so_pin = inro_text_of(secret_bytes(&so)),
		.user_pin = inro_text_of(secret_bytes(&user)),
	};
	CK_SLOT_ID slot = 0;
	e = ck_err(p.module, p.admin->create_first(&t, call_has(c, "expire"), &slot), "create");
	if (e)
		return err_context(e, "token '%s'", label);
	return json_give(json_pack("{s:o s:s s:I}", "label", json_of_text(label), "backend",
				   backend ? backend : "soft", "slot", (json_int_t)slot),
			 ret);
}

/* What goes with it: a person is told, as far as the token tells. */
static enum inro_err ask_delete(const struct call *c, const struct token_place *p)
{
	static struct inro_token_status s;
	char what[160];
	bool known = p->admin->status(p->token.slot, &s) == CKR_OK;
	snprintf(what, sizeof what, known && s.private_keys ? "that removes token '%s' for good, with %lu private %s"
							     : "that removes token '%s' for good, with every key in it",
		 p->token.label, (unsigned long)s.private_keys, s.private_keys == 1 ? "key" : "keys");
	return confirm_person(c, what);
}

static enum inro_err token_delete_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	SCOPED(secret) so = { 0 };
	const char *label = p.token.label;
	const struct ca_guard guard = { .token = label, .serial = p.token.serial };
	AUTO(free_chars) char *lost = NULL;
	bool force = call_has(c, "force");
	enum inro_err e = token_place_open(call_arg(c, 0), &p);
	if (!e)
		e = token_place_admin(&p);
	if (!e)
		e = office_guard(c, &guard, "needed", &lost);
	if (!e)
		e = ask_delete(c, &p);
	if (!e && !force)
		e = pin_take(c, PIN_SO, label, false, &so);
	if (!e)
		e = ck_err(p.module,
			   force ? p.admin->destroy_locked(p.token.slot)
				 : p.admin->destroy(p.token.slot, inro_text_of(secret_bytes(&so))),
			   "destroy");
	return e ? e : json_give(json_pack("{s:o s:s}", "label", json_of_text(label), "lost", lost), ret);
}

/* ---- list, show ---- */

static void add_status(const struct token_place *p, const struct ck_token *t, json_t *doc)
{
	static struct inro_token_status s;
	if (!p->admin || p->admin->status(t->slot, &s) != CKR_OK)
		return;
	json_object_set_new(doc, "backend", json_string(s.backend));
	json_object_set_new(doc, "tries_left",
			    t->info.flags & CKF_USER_PIN_INITIALIZED ? json_integer((json_int_t)s.tries_left_user)
								     : json_null());
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
static json_t *problem_json(const struct token_place *p, const struct ck_token *t)
{
	CK_TOKEN_INFO info;
	if (t->state == CKR_OK)
		return json_null();
	CK_RV rv = ck_module_functions(p->module)->C_GetTokenInfo(t->slot, &info);
	return text_json(bytes_of(err_detail(ck_err(p->module, rv, "C_GetTokenInfo"))));
}

static json_t *token_json(const struct token_place *p, const struct ck_token *t)
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
	SCOPED(token_place) p = { 0 };
	struct ck_token *tokens = NULL;
	size_t n = 0;
	enum inro_err e = token_place_any(&p);
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
	SCOPED(token_place) p = { 0 };
	enum inro_err e = token_place_open(call_arg(c, 0), &p);
	if (e)
		return e;
	json_t *doc = token_json(&p, &p.token);
	json_object_set_new(doc, "tpm", token_facts_json(p.admin, p.token.slot));
	return json_give(doc, ret);
}

/* ---- check ---- */

static enum inro_err token_check_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	SCOPED(secret) pin = { 0 };
	struct inro_check found;
	enum inro_err e = token_place_open(call_arg(c, 0), &p);
	if (!e)
		e = token_place_admin(&p);
	if (!e && pin_is_given(c, PIN_USER))
		e = pin_take(c, PIN_USER, p.token.label, false, &pin);
	if (!e)
		e = ck_err(p.module,
			   p.admin->check(p.token.slot, inro_text_of(secret_bytes(&pin)), &found),
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

static enum inro_err token_backup_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	SCOPED(secret) pass = { 0 };
	const char *path = call_opt(c, "out");
	enum inro_err e = token_place_open(call_arg(c, 0), &p);
	if (!e)
		e = token_place_admin(&p);
	if (!e)
		e = pin_take(c, PIN_PASS, p.token.label, true, &pass);
	if (!e)
		e = ck_err(p.module,
			   p.admin->save(p.token.slot, inro_text_of(bytes_of(path)),
					 inro_text_of(secret_bytes(&pass))),
			   "backup");
	return e ? e
		 : json_give(json_pack("{s:o s:o}", "label", text_json(bytes_of(p.token.label)),
				       "file", json_of_text(path)),
			     ret);
}

static enum inro_err find_slot(struct token_place *p, CK_SLOT_ID slot)
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

static enum inro_err restore_file(const struct call *c, struct token_place *p, CK_SLOT_ID *slot)
{
	SCOPED(secret) pass = { 0 };
	const char *path = call_arg(c, 0);
	struct inro_text from = inro_text_of(bytes_of(path));
	if (token_file_is_plain(path))
		return ck_err(p->module, p->admin->restore(from, slot), "restore");
	if (access(path, R_OK) != 0)
		return file_err(errno, path);
	enum inro_err e = pin_take(c, PIN_PASS, path, false, &pass);
	return e ? e
		 : ck_err(p->module, p->admin->load(from, inro_text_of(secret_bytes(&pass)), slot),
			  "restore");
}

/* A backup opens nothing on another TPM, nor when its token was deleted since. */
static enum inro_err say_if_shut(const struct token_place *p)
{
	struct inro_check found;
	enum inro_err e =
		ck_err(p->module, p->admin->check(p->token.slot, inro_text_of(BYTES_NONE), &found),
		       "check");
	return e ? err_context(e, "token '%s' is back, but can't be used", p->token.label) : INRO_OK;
}

static enum inro_err token_restore_run(const struct call *c, json_t **ret)
{
	SCOPED(token_place) p = { 0 };
	CK_SLOT_ID slot = 0;
	enum inro_err e = token_place_any(&p);
	if (!e)
		e = token_place_admin(&p);
	if (!e)
		e = restore_file(c, &p, &slot);
	if (!e)
		e = find_slot(&p, slot);
	if (!e)
		e = say_if_shut(&p);
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
	  .summary = "Creates a token, with its SO PIN and its PIN",
	  .args = ARGS({ .name = "LABEL", .help = "its label, up to 32 bytes" }),
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
	  .empty = "there is no token yet; 'inro token create LABEL' makes one, --home or INRO_HOME says where" },
	{ .name = "show",
	  .summary = "Shows a token",
	  .args = ARGS(ARG_LABEL),
	  .run = token_show_run,
	  .least = LEAST_NONE,
	  .reads = true,
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
			 .help = "also when a CA needs a key in it" },
		       OPT_YES),
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
	  .summary = "Sets a new PIN by means of the SO PIN",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS(OPT_USER, OPT_EXPIRE,
		       { .name = "so",
			 .kind = OPT_FLAG,
			 .help = "the named user is a security officer" }),
	  .shared = { pin_unblock_opts },
	  .check = token_pin_unblock_check,
	  .run = token_pin_unblock_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' has a new PIN" },
	{ .name = "user add",
	  .summary = "Adds a named user of the token, with a PIN of their own",
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
	  .summary = "Removes a named user from the token",
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
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is whole: {objects} {objects:object|objects} read, {seals} {seals:seal|seals} "
		  "opened" },
	{ .name = "backup",
	  .summary = "Backs a token up to an encrypted file, also while it is in use",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS({ .name = "out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "the new file" }),
	  .shared = { pin_pass_opts },
	  .check = out_file_check,
	  .run = token_backup_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is saved in {file}" },
	{ .name = "restore",
	  .summary = "Restores a token from a backup file",
	  .args = ARGS({ .name = "FILE", .help = "what 'inro token backup' wrote" }),
	  .shared = { pin_pass_opts },
	  .run = token_restore_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "token '{label}' is back" },
	{ .name = "rebuild",
	  .summary =
		  "Rebuilds a token whose keys are in this machine's TPM, and tries each key",
	  .args = ARGS({ .name = "FILE", .help = "what 'inro token backup' wrote" }),
	  .shared = { pin_user_opts, pin_pass_opts },
	  .run = token_rebuild_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "label", "LABEL" }, { "id", "ID" }, { "in_tpm", "IN THE TPM" },
			     { "works", "WORKS" }, { "problem", "PROBLEM" }),
	  .empty = "the token is back; there is no key in it" },
	{ .name = "root",
	  .summary = "Exports the storage root of a token's TPM, for which keys can be wrapped",
	  .args = ARGS(ARG_LABEL),
	  .opts = OPTS({ .name = "out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "the public area (TPM2B_PUBLIC, as tpm2-tools have it)" }),
	  .check = out_file_check,
	  .run = token_root_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "the storage root {name} is in {file}" },
	{ .name = "import",
	  .summary = "Imports a token of SoftHSM's: same label, PINs, keys and ids",
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
			 .help = "skip what can't be imported, and report it" }),
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
