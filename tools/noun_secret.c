/* noun_secret - symmetric keys, and the key that seals what is secret. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/device.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/symkey.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/many.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/pages.h"
#include "tools/text.h"

#define MESSAGE_MAX ((size_t)16 << 20)

/* ---- issue, renew, list, show, moves ---- */

static enum inro_err secret_issue_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(symkey) k = { 0 };
	const struct symkey_request r = { .device = call_arg(c, 0),
					  .type = call_opt(c, "type"),
					  .name = call_opt(c, "name"),
					  .days = call_number(c, "days", 0) };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = symkey_issue(core, &r, &k);
	return e ? e : json_give(json_of_symkey(&k), ret);
}

static enum inro_err secret_renew_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(symkey) k = { 0 };
	long grace = call_has(c, "no-grace") ? 0 : call_number(c, "grace", -1);
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = symkey_renew(core, call_arg(c, 0), grace, &k);
	return e ? e : json_give(json_of_symkey(&k), ret);
}

/* For people: one that another has taken the place of is good until its grace is over, not until its own end. */
static json_t *listed_key(const struct symkey *k, bool json)
{
	json_t *doc = json_of_symkey(k);
	if (!json && k->state == CRED_SUPERSEDED && k->rec.grace_until &&
	    k->rec.grace_until < k->rec.not_after)
		json_object_set(doc, "not_after", json_object_get(doc, "good_until"));
	return doc;
}

static enum inro_err key_page(struct core *core, const struct call *c,
			      const struct where_page *page, json_t *list, char **ret_next)
{
	const char *wanted = call_opt(c, "state");
	int at = wanted ? name_index(cred_state_names, CRED_STATE__MAX, wanted) : 0;
	enum cred_state state = (enum cred_state)at;
	const struct symkey_search s = {
		.where = call_opt(c, "where"),
		.filter = { call_opt(c, "device"), call_opt(c, "type"), wanted ? &state : NULL },
		.sort = page->sort,
		.after = page->after,
		.limit = page->limit,
	};
	SCOPED(symkey_found) l = { 0 };
	enum inro_err e = symkey_search(core, &s, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, listed_key(&l.items[i], c->json));
	*ret_next = l.next;
	l.next = NULL;
	return e;
}

static enum inro_err secret_list_run(const struct call *c, json_t **ret)
{
	return office_search(c, key_page, ret);
}

static enum inro_err secret_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(symkey) k = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = symkey_get(core, call_arg(c, 0), &k);
	return e ? e : json_give(json_of_symkey(&k), ret);
}

static const struct {
	const char *word;
	enum verb verb;
} moves[] = {
	{ "hold", VERB_HOLD },	   { "release", VERB_RELEASE }, { "revoke", VERB_REVOKE },
	{ "retire", VERB_RETIRE }, { "archive", VERB_ARCHIVE }, { "delete", VERB_DESTROY },
};

static enum inro_err secret_move_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(symkey) k = { 0 };
	enum verb verb = VERB_HOLD;
	for (size_t i = 0; i < ARRAY_LEN(moves); i++)
		if (!strcmp(moves[i].word, c->verb->name))
			verb = moves[i].verb;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = symkey_move(core, call_arg(c, 0), verb, call_opt(c, "why"), &k);
	return e ? e : json_give(json_of_symkey(&k), ret);
}

static enum inro_err secret_delete_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(symkey) k = { 0 };
	SCOPED(buf) evidence = { 0 };
	const char *path = call_opt(c, "evidence");
	if (!path)
		return secret_move_run(c, ret);
	enum inro_err e = office_new_file(path);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = symkey_destroy(core, call_arg(c, 0), call_opt(c, "why"), &evidence, &k);
	if (!e)
		e = json_give(json_of_symkey(&k), ret);
	return e ? e : office_evidence(c, buf_bytes(&evidence), *ret);
}

/* ---- get ---- */

static struct symkey_delivery delivery_of(const struct call *c)
{
	int at = name_index(symkey_form_names, SYMKEY_FORM__MAX, call_opt(c, "form"));
	return (struct symkey_delivery) { .form = (enum symkey_form)at,
					  .under = call_opt(c, "under"),
					  .certificate = call_opt(c, "certificate"),
					  .proposal = call_number(c, "proposal", 0) };
}

static bool is_clear(const struct call *c)
{
	return !strcmp(call_opt(c, "form"), symkey_form_names[SYMKEY_RAW]);
}

static enum inro_err check_bulk(const struct call *c)
{
	if (call_arg(c, 0))
		return err_set(INRO_E_ARG, "give KEY, or one of --devices, --where and --all");
	if (call_has(c, "proposal"))
		return err_set(INRO_E_ARG, "--proposal is about one KEY");
	return many_check(c);
}

static enum inro_err secret_get_check(const struct call *c)
{
	const char *form = call_opt(c, "form");
	if (!form)
		return INRO_OK;
	if (is_clear(c) && !call_has(c, "clear"))
		return err_set(INRO_E_ARG, "raw is the key itself: say --clear when it may be seen "
					   "on the way");
	if (!strcmp(form, symkey_form_names[SYMKEY_AES_KW]) && !call_has(c, "under"))
		return err_set(INRO_E_ARG, "aes-kw goes with --under KEY");
	if (many_said(c))
		return check_bulk(c);
	return call_arg(c, 0) ? INRO_OK : err_set(INRO_E_ARG, "KEY is missing");
}

/* What was delivered as text: hex, a JWE, or PEM. */
static void add_text(const struct symkey_delivery *d, struct bytes given, struct buf *text)
{
	if (d->form == SYMKEY_JWE)
		buf_add(text, given);
	else if (d->form == SYMKEY_CMS || d->form == SYMKEY_CMS_AUTH)
		pem_add(text, "CMS", given);
	else
		buf_add_hex(text, given);
}

static enum inro_err deliver(struct core *core, const char *ref, const struct symkey_delivery *d,
			     json_t **ret)
{
	SCOPED(buf) given = { .secret = true };
	SCOPED(buf) text = { .secret = true };
	SCOPED(symkey) k = { 0 };
	enum inro_err e = symkey_deliver(core, ref, d, &k, &given);
	if (e)
		return e;
	add_text(d, buf_bytes(&given), &text);
	json_t *doc = json_of_symkey(&k);
	if (!doc || buf_err(&text))
		return json_give_or_drop(INRO_E_NO_MEMORY, doc, ret);
	json_object_set_new(doc, "form", json_string(symkey_form_names[d->form]));
	json_object_set_new(doc, "key", text_json(buf_bytes(&text)));
	*ret = doc;
	return INRO_OK;
}

/* For people the key alone, a line of its own. */
static enum inro_err as_text(const struct call *c, json_t *doc)
{
	SCOPED(buf) text = { .secret = true };
	const char *key = json_string_value(json_object_get(doc, "key"));
	if (c->json && !call_has(c, "out"))
		return INRO_OK;
	buf_add_str(&text, key);
	if (text.n && text.p[text.n - 1] != '\n')
		buf_add_u8(&text, '\n');
	if (buf_err(&text))
		return buf_err(&text);
	json_object_set_new(doc, "pem", text_json(buf_bytes(&text)));
	json_object_set_new(doc, "private", json_true());
	if (call_has(c, "out")) {
		json_object_del(doc, "key"); /* it is in the file */
		json_object_set_new(doc, "keys", json_integer(1));
	}
	return INRO_OK;
}

static enum inro_err get_one(struct core *core, const struct call *c, json_t **ret)
{
	struct symkey_delivery d = delivery_of(c);
	json_t *doc = NULL;
	enum inro_err e = deliver(core, call_arg(c, 0), &d, &doc);
	if (!e)
		e = as_text(c, doc);
	return json_give_or_drop(e, doc, ret);
}

/* ---- get, of many ---- */

struct giving {
	struct many *many;
	const char *device;
};

static enum inro_err give_page(void *arg, const char *after, char **ret_next)
{
	static const enum cred_state active = CRED_ACTIVE;
	const struct giving *to = arg;
	struct many *m = to->many;
	const char *device = to->device;
	const struct symkey_search s = { .filter = { .device = device, .state = &active }, .after = after };
	SCOPED(symkey_found) l = { 0 };
	enum inro_err e = symkey_search(m->core, &s, &l);
	if (e)
		many_failed(m, device, NULL, e);
	for (size_t i = 0; i < l.n; i++) {
		char ref[24];
		json_t *doc = NULL;
		snprintf(ref, sizeof ref, "%lld", (long long)l.items[i].rec.id);
		e = deliver(m->core, ref, m->arg, &doc);
		if (e)
			many_failed(m, device, ref, e);
		else
			many_add(m, doc);
		m->done += !e;
		if (many_ends(e))
			return e;
	}
	*ret_next = l.next;
	l.next = NULL;
	return INRO_OK;
}

static enum inro_err give_all(struct many *m, const char *device)
{
	return pages_each(give_page, &(struct giving) { m, device });
}

static enum inro_err get_many(struct core *core, const struct call *c, json_t **ret)
{
	const struct symkey_delivery delivery = delivery_of(c);
	struct many m = { .core = core, .one = give_all, .arg = &delivery };
	enum inro_err e = many_run(&m, c);
	return e ? e : many_give(&m, json_pack("{s:s}", "form", call_opt(c, "form")), ret);
}

static enum inro_err secret_get_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	if (e)
		return e;
	return call_arg(c, 0) ? get_one(core, c, ret) : get_many(core, c, ret);
}

/* ---- verify ---- */

static enum inro_err secret_verify_check(const struct call *c)
{
	if (call_has(c, "mac") != call_has(c, "message") ||
	    call_has(c, "mac") == call_has(c, "key-source"))
		return err_set(INRO_E_ARG, "--mac and --message, or --key-source");
	return INRO_OK;
}

static enum inro_err verify_mac(struct core *core, const struct call *c)
{
	SCOPED(buf) message = { 0 };
	uint8_t mac[64];
	size_t n = 0;
	enum inro_err e = hex_decode(bytes_of(call_opt(c, "mac")), mac, sizeof mac, &n);
	if (e)
		return err_set(e, "--mac is up to %zu octets in hex", sizeof mac);
	e = file_read(call_opt(c, "message"), MESSAGE_MAX, &message);
	return e ? e : symkey_verify_mac(core, call_arg(c, 0), buf_bytes(&message), BYTES(mac, n));
}

static enum inro_err verify_value(struct core *core, const struct call *c)
{
	SCOPED(secret) text = { 0 };
	SCOPED(secret) value = { 0 };
	size_t n = 0;
	enum inro_err e = file_read_secret(call_opt(c, "key-source"), &text);
	if (!e)
		e = secret_new(text.n / 2 + 1, &value);
	if (!e && hex_decode(secret_bytes(&text), value.p, value.n, &n))
		e = err_set(INRO_E_ARG, "the key in the file is one line of hex digits");
	return e ? e : symkey_verify(core, call_arg(c, 0), BYTES(value.p, n));
}

static enum inro_err secret_verify_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = call_has(c, "mac") ? verify_mac(core, c) : verify_value(core, c);
	return e ? e : json_give(json_pack("{s:s s:b}", "id", call_arg(c, 0), "verified", 1), ret);
}

/* ---- the key that seals ---- */

static struct seal_key_request seal_request(const struct call *c, const char *uri)
{
	return (struct seal_key_request) { .uri = call_opt(c, uri), .token = call_opt(c, "token") };
}

static enum inro_err seal_key_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(free_chars) char *uri = NULL;
	struct seal_key_request r = seal_request(c, "key");
	enum inro_err e = office_open(c, &core);
	if (!e && (r.uri || r.token))
		e = seal_key_set(core, &r, &uri);
	else if (!e)
		e = seal_key_uri(core, &uri);
	return e ? e : json_give(json_pack("{s:o}", "uri", json_of_text(uri)), ret);
}

static enum inro_err one_of(const struct call *c, const char *uri, bool none)
{
	size_t n = (size_t)call_has(c, uri) + (size_t)call_has(c, "token");
	if (n == 1 || (n == 0 && none))
		return INRO_OK;
	return err_set(INRO_E_ARG, "either --%s or --token is given", uri);
}

static enum inro_err seal_key_check(const struct call *c)
{
	return one_of(c, "key", true);
}

static enum inro_err reseal_check(const struct call *c)
{
	return one_of(c, "to", false);
}

static enum inro_err reseal_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(reseal_report) r = { 0 };
	struct seal_key_request to = seal_request(c, "to");
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = seal_rotate(core, &to, &r);
	if (!e && r.unread)
		e = err_set(INRO_E_DAMAGED,
			    "sealed by the new key: %lld; %lld did not open (damaged, or the key that "
			    "sealed them is not there) and stay as they are, the first in record %lld",
			    (long long)r.done, (long long)r.unread, (long long)r.first);
	return e ? e
		 : json_give(json_pack("{s:s s:I}", "uri", r.uri, "secrets", (json_int_t)r.done),
			     ret);
}

/* ---- the rows ---- */

#define OPT_MAKE_IN                                                                                \
	{                                                                                          \
		.name = "token", .arg = "LABEL", .kind = OPT_TEXT,                                 \
		.help = "make the key in this token"                                               \
	}

#define SECRET_TYPES                                                                               \
	WORDS("aes-128", "aes-192", "aes-256", "twine-80", "twine-128", "chacha20", "hmac-256",    \
	      "hmac-384", "hmac-512", "generic-128", "generic-256", "generic-512")
#define OPT_SECRET_TYPE(must)                                                                      \
	{                                                                                          \
		.name = "type", .arg = "TYPE", .kind = OPT_CHOICE, .choices = SECRET_TYPES,        \
		.required = must, .help = "kind of key"                                            \
	}
#define ARG_KEY                                                                                    \
	{                                                                                          \
		.name = "KEY", .help = "its id or its serial"                                      \
	}
#define KEY_COLUMNS                                                                                \
	COLUMNS({ "id", "Id" }, { "serial", "Serial" }, { "device", "Device" },                    \
		{ "type", "Type" }, { "name", "Name" }, { "state", "State" },                      \
		{ "not_before", "Issued" }, { "not_after", "Until" },                              \
		{ "good_until", "Good until" }, { "replaces", "Replaces" })
#define KEY_SAID "{type} key {id} of device '{device}' is {state}"
#define SECRET_MOVE(word, text)                                                                    \
	{                                                                                          \
		.name = word, .summary = text, .args = ARGS(ARG_KEY), .opts = OPTS(OPT_WHY),       \
		.run = secret_move_run, .least = LEAST_OPERATOR,                                             \
		.shape = SHOW_SAID, .said = KEY_SAID                                                 \
	}

const struct cmd_verb secret_verbs[] = {
	{ .name = "issue",
	  .summary = "Generates a symmetric key for a device",
	  .args = ARGS({ .name = "DEVICE", .help = "the device's id" }),
	  .opts = OPTS(
		  OPT_SECRET_TYPE(true),
		  { .name = "name", .arg = "TEXT", .kind = OPT_TEXT, .help = "what it is for" },
		  OPT_DAYS("days that it is valid; default: as the policy says")),
	  .shared = { pin_user_opts },
	  .run = secret_issue_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = KEY_SAID },
	{ .name = "list",
	  .summary = "Lists symmetric keys",
	  .opts = OPTS({ .name = "device",
			 .arg = "ID",
			 .kind = OPT_TEXT,
			 .help = "only of this device" },
		       { .name = "state",
			 .arg = "STATE",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("active", "suspended", "superseded", "revoked", "expired",
					  "retired", "archived", "destroyed"),
			 .help = "only in this state" },
		       OPT_SECRET_TYPE(false),
		       OPT_SEARCH("device.group=line1 expires<30d", "id", "expires")),
	  .run = secret_list_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "device", "DEVICE" }, { "type", "TYPE" },
			     { "name", "NAME" }, { "state", "STATE" }, { "not_after", "UNTIL" },
			     { "serial", "SERIAL" }),
	  .empty = "no key is found; 'inro secret issue DEVICE' makes one" },
	{ .name = "show",
	  .summary = "Shows the record of a key, not the key itself",
	  .args = ARGS(ARG_KEY),
	  .run = secret_show_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_RECORD,
	  .columns = KEY_COLUMNS },
	{ .name = "get",
	  .summary = "Exports a key wrapped for its device, or the active keys of many devices",
	  .args = ARGS({ .name = "KEY", .optional = true, .help = "its id or its serial" }),
	  .opts = OPTS({ .name = "form",
			 .arg = "FORM",
			 .kind = OPT_CHOICE,
			 .required = true,
			 .choices = WORDS("raw", "aes-kw", "jwe", "cms", "cms-auth", "pkcs11"),
			 .help = "under another AES key of the device (hex), to its certificate "
				 "(jwe, cms, cms-auth; pkcs11: for C_UnwrapKey, hex), or the key "
				 "itself in hex" },
		       { .name = "under",
			 .arg = "KEY",
			 .kind = OPT_TEXT,
			 .help = "the AES key of aes-kw: its id or serial" },
		       { .name = "certificate",
			 .arg = "CERT",
			 .kind = OPT_TEXT,
			 .help = "to this one of the device's certificates; its newest when not "
				 "said" },
		       { .name = "clear",
			 .kind = OPT_FLAG,
			 .help = "allow the key to be seen on the way; raw needs this" },
		       OPT_PROPOSAL,
		       { .name = "devices",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "all active keys of these devices, one id per line" },
		       { .name = "where",
			 .arg = "WORDS",
			 .kind = OPT_TEXT,
			 .help = "the same of the devices that this finds; see 'inro device list "
				 "--help'" },
		       { .name = "all", .kind = OPT_FLAG, .help = "the same of every device" },
		       { .name = "out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "write it to this file, of many devices as JSON lines; only "
				 "its owner can read it" }),
	  .shared = { pin_user_opts },
	  .check = secret_get_check,
	  .run = secret_get_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_PEM,
	  .said = "{keys} {keys:key is|keys are} in {file}, as {form}" },
	{ .name = "renew",
	  .summary = "Replaces a key by a new one; the old one stays valid for a grace period",
	  .args = ARGS(ARG_KEY),
	  .opts = OPTS({ .name = "grace",
			 .arg = "SECONDS",
			 .kind = OPT_NUMBER,
			 .zero = "no-grace",
			 .help = "seconds that the old one stays valid; default: as the policy "
				 "says" },
		       { .name = "no-grace",
			 .kind = OPT_FLAG,
			 .help = "the old one is invalid at once" }),
	  .shared = { pin_user_opts },
	  .run = secret_renew_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "{type} key {id} of device '{device}' is {state}, in place of {replaces}" },
	{ .name = "verify",
	  .summary = "Checks whether a key is the recorded one, or whether a MAC was made with it",
	  .args = ARGS(ARG_KEY),
	  .opts = OPTS({ .name = "key-source",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "file with the key in hex" },
		       { .name = "mac",
			 .arg = "HEX",
			 .kind = OPT_HEX,
			 .help = "HMAC, or CMAC of an AES or TWINE key" },
		       { .name = "message",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "what the MAC is of" }),
	  .shared = { pin_user_opts },
	  .check = secret_verify_check,
	  .run = secret_verify_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "key {id}: it is the right one" },
	SECRET_MOVE("hold", "Suspends a key"),
	SECRET_MOVE("release", "Resumes a suspended key"),
	SECRET_MOVE("revoke", "Revokes a key for good"),
	SECRET_MOVE("retire", "Retires a key that nothing uses any more"),
	SECRET_MOVE("archive", "Keeps a retired key for data of its time"),
	{ .name = "delete",
	  .summary = "Destroys a key; its record stays",
	  .args = ARGS(ARG_KEY),
	  .opts = OPTS(OPT_EVIDENCE, OPT_WHY),
	  .shared = { pin_user_opts },
	  .run = secret_delete_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = KEY_SAID },
	{ .name = "seal-key",
	  .summary = "Shows, or sets once, the key of a token that seals secrets",
	  .opts = OPTS(OPT_MAKE_IN, { .name = "key",
				      .arg = "URI",
				      .kind = OPT_URI,
				      .help = "an AES-256 key that can't leave its token" }),
	  .shared = { pin_user_opts },
	  .check = seal_key_check,
	  .run = seal_key_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "secrets are sealed by {uri}" },
	{ .name = "reseal",
	  .summary = "Seals every secret anew with another key",
	  .opts = OPTS(OPT_MAKE_IN, { .name = "to",
				      .arg = "URI",
				      .kind = OPT_URI,
				      .help = "the other key, an AES-256 key that can't leave its "
					      "token" }),
	  .shared = { pin_user_opts },
	  .check = reseal_check,
	  .run = reseal_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "{secrets} {secrets:secret is|secrets are} sealed anew, by {uri}" },
	{ 0 },
};
