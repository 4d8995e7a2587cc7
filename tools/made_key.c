/* made_key - see made_key.h. */
#include "tools/made_key.h"

#include <stdlib.h>

#include "backoffice/pki/pem.h"
#include "backoffice/pki/pubkey.h"
#include "tools/office.h"
#include "tools/pin.h"
#include "tools/text.h"

void free_entries(struct token_entry **p)
{
	free(*p);
}

/* The token that the PIN is asked for is called by its label, however it was named. */
static enum inro_err take_pin(const struct call *c, const struct p11_uri *uri, struct secret *ret)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct ck_token t;
	enum inro_err e = ck_module_open(uri->module_path, &m);
	if (!e)
		e = ck_token_one(m, uri, &t);
	return e ? e : pin_take(c, PIN_USER, t.label, false, ret);
}

enum inro_err open_logged_in(const struct call *c, const struct p11_uri *uri, struct token **ret)
{
	SCOPED(secret) pin = { 0 };
	enum inro_err e = INRO_OK;
	if (!uri->has_pin_value && !uri->pin_source)
		e = take_pin(c, uri, &pin);
	return e ? e : token_open(uri, secret_bytes(&pin), ret);
}

json_t *key_json(const struct token *t, const struct token_key *k)
{
	SCOPED(buf) uri = { 0 };
	struct bytes spki = token_key_spki(k);
	struct pubkey pub;
	char type[PUBKEY_NAME_MAX] = "unknown";
	if (!pubkey_read(spki, &pub))
		pubkey_name(&pub, type, sizeof type);
	token_key_uri(k, &uri);
	return json_pack("{s:o s:o s:o s:s s:o s:o}", "label",
			 text_json(bytes_of(token_key_label(k))), "token",
			 text_json(bytes_of(token_label(t))), "id", json_of_hex(token_key_id(k)),
			 "type", type, "uri", text_json(buf_bytes(&uri)), "public_key",
			 json_of_pem(PEM_PUBLIC_KEY, &spki, 1));
}

json_t *plain_json(const struct token *t, const char *type, enum p11_uri_type uri_type,
		   const struct token_key_plan *plan)
{
	SCOPED(buf) text = { 0 };
	struct p11_uri uri = {
		.token = (char *)(uintptr_t)token_label(t),
		.object = (char *)(uintptr_t)plan->label,
		.type = uri_type,
	};

	p11_uri_print(&uri, &text);
	return json_pack("{s:s s:o s:o s:o s:o}", "type", type, "label",
			 text_json(bytes_of(plan->label)), "token",
			 text_json(bytes_of(token_label(t))), "id", json_of_hex(plan->id), "uri",
			 text_json(buf_bytes(&text)));
}

void made_key_clear(struct made_key *n)
{
	token_key_free(n->key);
	token_close(n->token);
	p11_uri_clear(&n->uri);
}

enum inro_err plan_key(const struct call *c, struct made_key *n)
{
	const char *id = call_opt(c, "id");
	n->plan.label = call_opt(c, "label");
	enum inro_err e = INRO_OK;
	if (id) {
		e = hex_decode(bytes_of(id), n->id, sizeof n->id, &n->plan.id.n);
		n->plan.id.p = n->id;
	}
	if (!e)
		e = p11_uri_name_token(call_opt(c, "token"), &n->uri);
	return e ? e : open_logged_in(c, &n->uri, &n->token);
}

enum inro_err open_for_list(const struct call *c, const struct p11_uri *uri, struct token **ret)
{
	return call_has(c, "login") ? open_logged_in(c, uri, ret) : token_open_public(uri, ret);
}

enum inro_err one_entry(struct token *t, const struct p11_uri *uri, const char *text,
			struct token_entry *ret)
{
	AUTO(free_entries) struct token_entry *entries = NULL;
	size_t n = 0;
	enum inro_err e = token_list(t, uri, &entries, &n);
	if (!e && n == 0)
		e = err_set(INRO_E_NOT_FOUND,
			    "nothing in token '%s' is named by %s; see 'inro key "
			    "list --token %s'",
			    token_label(t), text, token_label(t));
	if (!e && n > 1)
		e = err_set(INRO_E_AMBIGUOUS, "%zu keys are named by %s; %s", n, text,
			    uri->object && uri->has_id
				    ? "give each an id of its own first, as by pkcs11-tool --set-id"
				    : "add an id or a label");
	if (!e)
		*ret = entries[0];
	return e;
}

enum inro_err one_seen(const struct call *c, struct token *t, const struct p11_uri *uri, struct token_entry *ret)
{
	enum inro_err e = one_entry(t, uri, call_arg(c, 0), ret);
	if (e != INRO_E_NOT_FOUND || call_has(c, "login"))
		return e;
	return err_set(e, "nothing in token '%s' is named by %s; with --login private and secret keys are seen too",
		       token_label(t), call_arg(c, 0));
}
