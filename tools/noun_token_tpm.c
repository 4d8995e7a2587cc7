/* noun_token_tpm - what tokens with a TPM have besides: its facts, its root, keys that outlive
 * their records. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/token/token.h"
#include "base/file.h"
#include "tools/made_key.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"
#include "tools/token_place.h"
#include "tools/token_tpm.h"
#include "tpm/wire/crypt.h"

/* ---- facts ---- */

static struct bytes take_until(struct bytes *in, char end)
{
	const uint8_t *at = in->n ? memchr(in->p, end, in->n) : NULL;
	struct bytes taken = BYTES(in->p, at ? (size_t)(at - in->p) : in->n);
	size_t used = taken.n + (at ? 1 : 0);

	*in = BYTES(in->p + used, in->n - used);
	return taken;
}

static json_t *facts_json(struct bytes text)
{
	json_t *doc = json_object();

	while (text.n) {
		struct bytes line = take_until(&text, '\n'), name = take_until(&line, '=');
		char key[64] = "";

		if (name.n == 0 || name.n >= sizeof key)
			continue;
		memcpy(key, name.p, name.n);
		json_object_set_new(doc, key, text_json(line));
	}
	return doc;
}

json_t *token_facts_json(const struct inro_admin *admin, CK_SLOT_ID slot)
{
	CK_BYTE text[4096];
	CK_ULONG n = sizeof text;

	if (!admin || admin->version.minor < 2 ||
	    admin->tell(slot, INRO_FACT_ABOUT, text, &n) != CKR_OK)
		return json_null();
	return facts_json(BYTES(text, n));
}

/* ---- root ---- */

static enum inro_err write_root(struct token *t, const char *path, TPM2B_NAME *ret_name)
{
	SCOPED(buf) area = { 0 };
	struct bytes in;
	TPM2B_PUBLIC pub;
	enum inro_err e = token_tell(t, INRO_FACT_ROOT, &area);

	in = buf_bytes(&area);
	if (!e)
		e = wire_read_public(&in, &pub);
	if (!e)
		e = crypt_name(&pub.publicArea, ret_name);
	return e ? e : file_write(path, 0644, buf_bytes(&area));
}

enum inro_err token_root_run(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	TPM2B_NAME name;
	const char *path = call_opt(c, "out");
	enum inro_err e = p11_uri_name_token(call_arg(c, 0), &uri);

	if (!e)
		e = token_open_public(&uri, &t);
	if (!e)
		e = write_root(t, path, &name);
	return e ? e
		 : json_give(json_pack("{s:o s:o s:o}", "label",
				       text_json(bytes_of(token_label(t))), "name",
				       json_of_hex(BYTES(name.name, name.size)), "file",
				       json_of_text(path)),
			     ret);
}

/* ---- rebuild ---- */

/* A key in the TPM is loaded there when it is given a new auth value, which is then forgotten; what
 * is sealed has been opened by the check of the whole token. */
static enum inro_err try_key(struct token *t, const struct token_entry *k)
{
	SCOPED(secret) auth = { 0 };
	SCOPED(buf) file = { 0 };
	enum inro_err e;

	if (k->place != CK_INRO_PLACE_TPM)
		return INRO_OK;
	e = secret_random(32, &auth);
	return e ? e : token_key_give(t, k, BYTES_NONE, secret_bytes(&auth), &file);
}

static bool stays_inside(enum inro_err e)
{
	return e == INRO_E_ACTION_PROHIBITED || e == INRO_E_KEY_UNEXTRACTABLE;
}

/* One that may not be given out is loaded for evidence of it. */
static enum inro_err try_inside(struct token *t, const struct token_entry *k)
{
	static const uint8_t nonce[32];
	SCOPED(buf) evidence = { 0 };

	return token_key_attest(t, k, BYTES(nonce, sizeof nonce), &evidence);
}

/* Where the TPM gives no evidence nobody says that such a key does not work. */
static json_t *key_state(struct token *t, const struct token_entry *k)
{
	enum inro_err e = try_key(t, k);
	bool inside = stays_inside(e);
	json_t *works;

	if (inside)
		e = try_inside(t, k);
	works = e == INRO_OK ? json_true() : inside ? json_null() : json_false();
	return json_pack("{s:o s:o s:b s:o s:o}", "label", text_json(bytes_of(k->label)), "id",
			 json_of_hex(BYTES(k->id, k->id_n)), "in_tpm",
			 k->place == CK_INRO_PLACE_TPM, "works", works, "problem",
			 e ? text_json(bytes_of(err_detail(e))) : json_null());
}

static enum inro_err list_states(CK_SLOT_ID slot, struct bytes pin, json_t *list)
{
	const struct p11_uri uri = { .has_slot_id = true, .slot_id = slot };
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(free_entries) struct token_entry *entries = NULL;
	size_t n = 0;
	enum inro_err e = token_open(&uri, pin, &t);

	if (!e)
		e = token_list(t, &uri, &entries, &n);
	for (size_t i = 0; !e && i < n; i++)
		if (entries[i].has_private)
			json_array_append_new(list, key_state(t, &entries[i]));
	return e;
}

static enum inro_err rebuild(const struct call *c, struct ck_module *m, struct bytes pin,
			     CK_SLOT_ID *ret_slot)
{
	SCOPED(secret) pass = { 0 };
	const struct inro_admin *admin = ck_module_admin(m);
	const char *path = call_arg(c, 0);
	enum inro_err e = INRO_OK;

	if (!admin || admin->version.minor < 2)
		return err_set(INRO_E_UNSUPPORTED, "%s can't do that", ck_module_path(m));
	if (!token_file_is_plain(path))
		e = pin_take(c, PIN_PASS, path, false, &pass);
	return e ? e
		 : ck_err(m,
			  admin->rebuild(inro_text_of(bytes_of(path)), inro_text_of(secret_bytes(&pass)),
					 inro_text_of(pin), ret_slot),
			  "rebuild");
}

enum inro_err token_rebuild_run(const struct call *c, json_t **ret)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	SCOPED(secret) pin = { 0 };
	CK_SLOT_ID slot = 0;
	json_t *list = json_array();
	enum inro_err e = ck_module_open(NULL, &m);

	if (!e)
		e = pin_take(c, PIN_USER, call_arg(c, 0), false, &pin);
	if (!e)
		e = rebuild(c, m, secret_bytes(&pin), &slot);
	if (!e)
		e = list_states(slot, secret_bytes(&pin), list);
	return json_give_or_drop(e, list, ret);
}
