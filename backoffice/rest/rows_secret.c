/* rows_secret - symmetric keys, and the key that seals what is secret. */
#include <string.h>

#include "backoffice/core/seal.h"
#include "backoffice/core/symkey.h"
#include "backoffice/pki/pem.h"
#include "backoffice/rest/lists.h"
#include "backoffice/rest/secrets.h"
#include "backoffice/show/doc.h"

static enum inro_err list_keys(struct rest *r, json_t **ret)
{
	int at = rest_word(r, "state", cred_state_names, CRED_STATE__MAX);
	enum cred_state state = (enum cred_state)at;
	const struct symkey_search s = {
		.where = rest_text(r, "where"),
		.filter = { rest_text(r, "device"), rest_text(r, "type"), at < 0 ? NULL : &state },
		.sort = rest_text(r, "sort"),
		.after = rest_text(r, "after"),
		.limit = (size_t)rest_number(r, "limit", 0),
	};
	SCOPED(symkey_found) l = { 0 };
	json_t *items = json_array();
	enum inro_err e = symkey_search(r->core, &s, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_symkey(&l.items[i]));
	return rest_give_page(e, items, l.next, ret);
}

enum inro_err rest_issue_key(struct rest *r, const char *device, json_t **ret)
{
	SCOPED(symkey) k = { 0 };
	const struct symkey_request in = { device, rest_text(r, "type"), rest_text(r, "name"),
					   rest_number(r, "days", 0) };
	enum inro_err e = symkey_issue(r->core, &in, &k);

	return e == INRO_OK ? json_give(json_of_symkey(&k), ret) : e;
}

static enum inro_err issue_key(struct rest *r, json_t **ret)
{
	return rest_issue_key(r, rest_text(r, "device"), ret);
}

static enum inro_err show_key(struct rest *r, json_t **ret)
{
	SCOPED(symkey) k = { 0 };
	enum inro_err e = symkey_get(r->core, r->args[0], &k);

	return e == INRO_OK ? json_give(json_of_symkey(&k), ret) : e;
}

enum inro_err rest_renew_key(struct rest *r, json_t **ret)
{
	SCOPED(symkey) k = { 0 };
	enum inro_err e = symkey_renew(r->core, r->args[0], rest_number(r, "grace", -1), &k);

	return e == INRO_OK ? json_give(json_of_symkey(&k), ret) : e;
}

/* As text: hex, a JWE, or PEM. */
static void add_key_text(enum symkey_form form, struct bytes given, struct buf *text)
{
	if (form == SYMKEY_JWE)
		buf_add(text, given);
	else if (form == SYMKEY_CMS || form == SYMKEY_CMS_AUTH)
		pem_add(text, "CMS", given);
	else
		buf_add_hex(text, given);
}

static enum inro_err give_delivered(const struct symkey *k, enum symkey_form form, struct bytes given,
				    json_t **ret)
{
	SCOPED(buf) text = { .secret = true };
	json_t *doc = json_of_symkey(k);

	add_key_text(form, given, &text);
	if (doc && buf_err(&text) == INRO_OK) {
		json_object_set_new(doc, "form", json_string(symkey_form_names[form]));
		json_object_set_new(doc, "key", text_json(buf_bytes(&text)));
	}
	return json_give_or_drop(buf_err(&text), doc, ret);
}

enum inro_err rest_get_key(struct rest *r, json_t **ret)
{
	int form = rest_word(r, "form", symkey_form_names, SYMKEY_FORM__MAX);
	const struct symkey_delivery d = { (enum symkey_form)(form < 0 ? SYMKEY_RAW : form),
					   rest_text(r, "under"), rest_text(r, "certificate"),
					   rest_number(r, "proposal", 0) };
	SCOPED(buf) given = { .secret = true };
	SCOPED(symkey) k = { 0 };
	enum inro_err e = symkey_deliver(r->core, r->args[0], &d, &k, &given);

	return e == INRO_OK ? give_delivered(&k, d.form, buf_bytes(&given), ret) : e;
}

static enum inro_err verify_mac(struct rest *r)
{
	SCOPED(buf) message = { 0 };
	SCOPED(buf) mac = { 0 };
	enum inro_err e = rest_hex(r, "message", &message);

	if (e == INRO_OK)
		e = rest_hex(r, "mac", &mac);
	return e == INRO_OK ? symkey_verify_mac(r->core, r->args[0], buf_bytes(&message), buf_bytes(&mac))
			    : e;
}

static enum inro_err verify_value(struct rest *r)
{
	SCOPED(buf) value = { .secret = true };
	enum inro_err e = rest_hex(r, "key", &value);

	return e == INRO_OK ? symkey_verify(r->core, r->args[0], buf_bytes(&value)) : e;
}

static enum inro_err verify_key(struct rest *r, json_t **ret)
{
	bool mac = rest_given(r, "mac");
	enum inro_err e;

	if (mac != rest_given(r, "message") || mac == rest_given(r, "key"))
		return err_set(INRO_E_ARG, "the members are 'key', or 'mac' and 'message'");
	e = mac ? verify_mac(r) : verify_value(r);
	if (e != INRO_OK && e != INRO_E_PIN_WRONG && e != INRO_E_SIGNATURE)
		return e;
	return json_give(json_pack("{s:s s:b}", "id", r->args[0], "verified", e == INRO_OK), ret);
}

static enum inro_err move_key(struct rest *r, enum verb verb, json_t **ret)
{
	SCOPED(symkey) k = { 0 };
	enum inro_err e = symkey_move(r->core, r->args[0], verb, rest_text(r, "why"), &k);

	return e == INRO_OK ? json_give(json_of_symkey(&k), ret) : e;
}

#define STEP(name, verb)                                                                           \
	static enum inro_err name##_key(struct rest *r, json_t **ret)                              \
	{                                                                                          \
		return move_key(r, verb, ret);                                                     \
	}
STEP(hold, VERB_HOLD)
STEP(release, VERB_RELEASE)
STEP(revoke, VERB_REVOKE)
STEP(retire, VERB_RETIRE)
STEP(archive, VERB_ARCHIVE)
#undef STEP

static enum inro_err destroy_with_statement(struct rest *r, json_t **ret)
{
	SCOPED(symkey) k = { 0 };
	SCOPED(buf) evidence = { 0 };
	enum inro_err e = symkey_destroy(r->core, r->args[0], rest_text(r, "why"), &evidence, &k);

	if (e == INRO_OK)
		e = json_give(json_of_symkey(&k), ret);
	if (e == INRO_OK)
		json_object_set_new(*ret, "evidence",
				    json_loadb((const char *)evidence.p, evidence.n, 0, NULL));
	return e;
}

static enum inro_err destroy_key(struct rest *r, json_t **ret)
{
	return rest_true(r, "evidence") ? destroy_with_statement(r, ret) : move_key(r, VERB_DESTROY, ret);
}

/* ---- the key that seals ---- */

static enum inro_err show_seal_key(struct rest *r, json_t **ret)
{
	AUTO(free_chars) char *uri = NULL;
	enum inro_err e = seal_key_uri(r->core, &uri);

	return e == INRO_OK ? json_give(json_pack("{s:o}", "uri", json_of_text(uri)), ret) : e;
}

static enum inro_err read_seal_key(const struct rest *r, struct seal_key_request *ret)
{
	*ret = (struct seal_key_request) { rest_text(r, "key"), rest_text(r, "token") };
	return !ret->uri == !ret->token ? err_set(INRO_E_ARG, "the member 'key' or 'token'") : INRO_OK;
}

static enum inro_err set_seal_key(struct rest *r, json_t **ret)
{
	AUTO(free_chars) char *uri = NULL;
	struct seal_key_request in;
	enum inro_err e = read_seal_key(r, &in);

	if (e == INRO_OK)
		e = seal_key_set(r->core, &in, &uri);
	return e == INRO_OK ? json_give(json_pack("{s:o}", "uri", json_of_text(uri)), ret) : e;
}

static enum inro_err rotate_seal_key(struct rest *r, json_t **ret)
{
	SCOPED(reseal_report) done = { 0 };
	struct seal_key_request in;
	enum inro_err e = read_seal_key(r, &in);

	if (e == INRO_OK)
		e = seal_rotate(r->core, &in, &done);
	if (e != INRO_OK)
		return e;
	return json_give(json_pack("{s:o s:I s:I}", "uri", json_of_text(done.uri), "secrets",
				   (json_int_t)done.done, "unread", (json_int_t)done.unread),
			 ret);
}

/* ---- the rows ---- */

#define KEY_OUT                                                                                    \
	OUT_COUNT("id"), OUT_TEXT("serial"), OUT_TEXT("device"), OUT_TEXT("type"), OUT_TEXT("name"), \
		OUT_HAS("state"), OUT_TIME("not_before"), OUT_TIME("not_after"),                   \
		OUT_TIME("good_until"), OUT_NUMBER("replaces")

const struct rest_shape rest_symkey = { "Secret", FIELDS(KEY_OUT) };
const struct rest_shape rest_told_key = { "ToldSecret",
					  FIELDS(KEY_OUT, OUT_HAS("form"), OUT_HAS("key")) };

static const struct rest_shape destroyed = { "DestroyedSecret", FIELDS(KEY_OUT, OUT_OBJECT("evidence")) };

static const struct rest_shape seal_key = { "SealKey", FIELDS(OUT_TEXT("uri")) };
static const struct rest_shape resealed = { "Resealed", FIELDS(OUT_TEXT("uri"), OUT_COUNT("secrets"),
							       OUT_COUNT("unread")) };

#define SEAL_KEY                                                                                   \
	IN_KEY("key", false, "the URI of an AES-256 key that can't leave its token"),              \
		IN_TEXT("token", "the token in which one is made")
#define KEYS "/v1/secrets"
#define MOVE(word, text)                                                                           \
	{                                                                                          \
		"POST", KEYS "/{key}/" #word, "secret " #word, text, ROLE_OPERATOR, 0, 0,          \
			FIELDS(IN_WHY), &rest_symkey, word##_key                                   \
	}

const struct rest_row rest_secret_rows[] = {
	{ "GET", KEYS, "secret list", "Lists symmetric keys", ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_TEXT("where", "only those, as 'state=active device.group=line1'"),
		 IN_TEXT("device", "of this device"), IN_TEXT("type", "of this type"),
		 IN_WORD("state", "only those in this state", "active", "suspended", "superseded",
			 "revoked", "expired", "retired", "archived", "destroyed"),
		 IN_WORD("sort", "in this order", "id", "expires"), IN_PAGE),
	  &rest_symkey, list_keys },
	{ "POST", KEYS, "secret issue", "Generates a symmetric key for a device", ROLE_OPERATOR, 0, 201,
	  FIELDS(IN_MUST("device", "whose it is"), REST_KEY_IN), &rest_symkey, issue_key },
	{ "GET", KEYS "/{key}", "secret show", "Shows the record of a key: by id or serial",
	  ROLE_AUDITOR, 0, 0, NULL, &rest_symkey, show_key },
	{ "POST", KEYS "/{key}/renew", "secret renew",
	  "Generates the successor of a key", ROLE_OPERATOR, 0, 201,
	  FIELDS(REST_GRACE), &rest_symkey, rest_renew_key },
	{ "POST", KEYS "/{key}/get", "secret get", "Exports a key", ROLE_OPERATOR, REST_SECRET, 0,
	  FIELDS(REST_FORM, IN_PROPOSAL), &rest_told_key, rest_get_key },
	{ "POST", KEYS "/{key}/verify", "secret verify",
	  "Checks whether this is the key, or its MAC of a message",
	  ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_TEXT("key", "hex"), IN_TEXT("mac", "hex"),
		 { .name = "message", .kind = REST_TEXT, .max = 131072, .help = "hex" }),
	  &rest_verified, verify_key },
	MOVE(hold, "Suspends a key"),
	MOVE(release, "Releases it from hold"),
	MOVE(revoke, "Revokes a key"),
	MOVE(retire, "Retires a key that nothing uses any more"),
	MOVE(archive, "Archives a retired key"),
	{ "DELETE", KEYS "/{key}", "secret delete",
	  "Destroys a key; its record stays", ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_WHY, IN_BOOL("evidence", "with a statement of what was wiped, signed by the audit's key if there is one")),
	  &destroyed, destroy_key },
	{ "GET", "/v1/seal-key", "secret seal-key",
	  "Shows the key of a token that seals secrets", ROLE_ADMIN, 0,
	  0, NULL, &seal_key, show_seal_key },
	{ "POST", "/v1/seal-key", "secret seal-key set", "Sets, once, the key that seals secrets",
	  ROLE_ADMIN, 0, 201, FIELDS(SEAL_KEY), &seal_key, set_seal_key },
	{ "POST", "/v1/seal-key/rotate", "secret reseal", "Seals every secret anew with another key",
	  ROLE_ADMIN, 0, 0, FIELDS(SEAL_KEY), &resealed, rotate_seal_key },
	{ 0 },
};
