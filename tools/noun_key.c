/*
 * noun_key - keys in tokens: make, list, delete, bring in.
 *
 * Lists show what the token lets anybody see; --login shows what needs the PIN too.  A key's
 * private part is never shown: it does not leave its token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca_guard.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/pubkey.h"
#include "backoffice/token/token.h"
#include "base/file.h"
#include "tools/confirm.h"
#include "tools/key_source.h"
#include "tools/made_key.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/pin.h"
#include "tools/text.h"

/* ---- list, show ---- */

static json_t *uses_json(const struct token_entry *k)
{
	const struct {
		bool has;
		const char *name;
	} uses[] = { { k->sign, "sign" }, { k->decrypt, "decrypt" }, { k->derive, "derive" } };
	json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (uses[i].has)
			json_array_append_new(list, json_string(uses[i].name));
	return list;
}

static json_t *secret_type_json(const struct token_entry *k)
{
	const struct token_secret_kind *kind;
	for (size_t i = 0; (kind = token_secret_kind_at(i)); i++)
		if (kind->type == k->secret && kind->octets * 8 == k->bits)
			return json_string(kind->name);
	return json_null();
}

static json_t *type_json(const struct token_entry *k)
{
	if (k->type == P11_SECRET_KEY)
		return secret_type_json(k);
	const struct pki_key_kind *kind;
	for (size_t i = 0; (kind = pki_key_kind_at(i)); i++)
		if (kind->type == k->key && kind->bits == k->bits)
			return json_string(kind->name);
	const struct pki_key_type *type = pki_key_type(k->key);
	return type ? json_string(type->name) : json_null();
}

/* The URI of the whole pair: what is visible without a login is not all that it names. */
static json_t *uri_json(const struct token *t, const struct token_entry *k)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) whole = { 0 };
	SCOPED(p11_uri) uri = { 0 };
	token_entry_uri(t, k, &text);
	AUTO(free_chars) char *s = buf_take_str(&text);
	if (!s || p11_uri_parse(s, &uri))
		return NULL;
	if (k->has_public || k->has_private)
		uri.type = P11_ANY;
	p11_uri_print(&uri, &whole);
	return buf_err(&whole) ? NULL : text_json(buf_bytes(&whole));
}

/* By CK_INRO_PLACE_...; the first is nowhere. */
static const char *const places[] = { "any", "soft", "tpm-sealed", "tpm" };

static json_t *place_json(CK_ULONG place)
{
	return place && place < ARRAY_LEN(places) ? json_string(places[place]) : json_null();
}

static CK_ULONG place_of(const char *word)
{
	CK_ULONG i = 0;
	while (word && strcmp(places[i], word) != 0) /* the parser has checked it */
		i++;
	return i;
}

/* What only the private object tells is null as long as it is not seen. */
static json_t *entry_json(const struct token *t, const struct token_entry *k)
{
	bool seen = k->has_private;
	return json_pack("{s:o s:o s:o s:o s:o s:b s:o s:o s:o s:o}", "label",
			 text_json(bytes_of(k->label)), "token",
			 text_json(bytes_of(token_label(t))), "type", type_json(k), "id",
			 json_of_hex(BYTES(k->id, k->id_n)), "use",
			 seen ? uses_json(k) : json_null(), "certificate", k->has_cert,
			 "extractable", seen ? json_boolean(k->extractable) : json_null(),
			 "made_here", seen ? json_boolean(k->local) : json_null(), "place",
			 place_json(k->place), "uri", uri_json(t, k));
}

static enum inro_err add_entries(const struct call *c, const struct p11_uri *uri, json_t *list)
{
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(free_entries) struct token_entry *entries = NULL;
	size_t n = 0;
	enum inro_err e = open_for_list(c, uri, &t);
	if (!e)
		e = token_list(t, uri, &entries, &n);
	for (size_t i = 0; !e && i < n; i++)
		json_array_append_new(list, entry_json(t, &entries[i]));
	return e;
}

/* The list of the others is not less true for it. */
static void warn_unread(const struct ck_module *m, const struct ck_token *t)
{
	CK_TOKEN_INFO info;
	CK_RV rv = ck_module_functions(m)->C_GetTokenInfo(t->slot, &info);
	SCOPED(buf) why = { 0 };
	text_add_safe(bytes_of(err_detail(ck_err(m, rv, "C_GetTokenInfo"))), &why);
	fprintf(stderr, "inro: slot %lu is left out: %.*s\n", t->slot, (int)why.n,
		(const char *)why.p);
}

/* Every token that is there, one after the other. */
static enum inro_err add_all_tokens(const struct call *c, json_t *list)
{
	struct ck_module *m = NULL;
	struct ck_token *tokens = NULL;
	size_t n = 0;
	enum inro_err e = ck_module_open(NULL, &m);
	if (!e)
		e = ck_tokens(m, NULL, false, &tokens, &n);
	for (size_t i = 0; !e && i < n; i++) {
		const struct p11_uri uri = { .has_slot_id = true, .slot_id = tokens[i].slot };
		if (tokens[i].state == CKR_OK)
			e = add_entries(c, &uri, list);
		else
			warn_unread(m, &tokens[i]);
	}
	free(tokens);
	ck_module_close(m);
	return e;
}

static enum inro_err key_list_run(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	const char *label = call_opt(c, "token");
	json_t *list = json_array();
	enum inro_err e = INRO_OK;
	if (!label)
		e = add_all_tokens(c, list);
	else if (!(e = p11_uri_name_token(label, &uri)))
		e = add_entries(c, &uri, list);
	return json_give_or_drop(e, list, ret);
}

static enum inro_err key_show_run(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	struct token_entry k;
	enum inro_err e = p11_uri_parse(call_arg(c, 0), &uri);
	if (!e)
		e = open_for_list(c, &uri, &t);
	if (!e)
		e = one_seen(c, t, &uri, &k);
	return e ? e : json_give(entry_json(t, &k), ret);
}

/* ---- delete ---- */

/* A URI with a type means that part only; without one, the pair and its certificate.  A private key takes its public
 * half along, which nobody needs without it.  A secret key may have the id of a pair. */
static enum token_what what_of(const struct token_entry *k, enum p11_uri_type type)
{
	static const enum token_what parts[P11_TYPE__MAX] = {
		[P11_ANY] = TOKEN_PAIR_AND_CERTS,
		[P11_PRIVATE] = TOKEN_PAIR,
		[P11_PUBLIC] = TOKEN_PUBLICS,
		[P11_CERT] = TOKEN_CERTS,
	};
	return k->type == P11_SECRET_KEY ? TOKEN_SECRETS : parts[type];
}

/* A certificate alone is no loss. */
static enum inro_err guard_key(const struct call *c, struct token *t, const struct token_entry *k,
			       enum p11_uri_type type, char **ret)
{
	const struct ca_guard guard = { .token = token_label(t),
					.serial = token_serial(t),
					.id = BYTES(k->id, k->id_n),
					.label = k->label };
	if (what_of(k, type) != TOKEN_CERTS)
		return office_guard(c, &guard, "needed", ret);
	*ret = strdup("");
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
}

static enum inro_err ask_delete(const struct call *c, const struct token *t, const struct token_entry *k)
{
	char what[400];
	snprintf(what, sizeof what, "that deletes '%s' of token '%s' for good", k->label, token_label(t));
	return confirm_person(c, what);
}

static enum inro_err key_delete_check(const struct call *c)
{
	SCOPED(p11_uri) uri = { 0 };
	if (!call_has(c, "all") || p11_uri_parse(call_arg(c, 0), &uri) || uri.type == P11_CERT)
		return INRO_OK;
	return err_set(INRO_E_ARG, "--all is for certificates: a URI with type=cert");
}

/* A certificate is one of several that a key had: the URI's label tells which. */
static enum inro_err delete_it(const struct call *c, struct token *t, const struct p11_uri *uri,
			       const struct token_entry *k, size_t *ret_n)
{
	if (what_of(k, uri->type) != TOKEN_CERTS)
		return token_entry_delete(t, k, what_of(k, uri->type), ret_n);
	return token_certs_delete(t, BYTES(k->id, k->id_n), uri->object ? uri->object : "", call_has(c, "all"),
				  ret_n);
}

static enum inro_err key_delete_run(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	struct token_entry k;
	AUTO(free_chars) char *lost = NULL;
	size_t n = 0;
	enum inro_err e = p11_uri_parse(call_arg(c, 0), &uri);
	if (!e)
		e = open_logged_in(c, &uri, &t);
	if (!e)
		e = one_entry(t, &uri, call_arg(c, 0), &k);
	if (!e)
		e = guard_key(c, t, &k, uri.type, &lost);
	if (!e)
		e = ask_delete(c, t, &k);
	if (!e)
		e = delete_it(c, t, &uri, &k, &n);
	return e ? e
		 : json_give(json_pack("{s:o s:o s:I s:s}", "label", text_json(bytes_of(k.label)),
				       "id", json_of_hex(BYTES(k.id, k.id_n)), "objects",
				       (json_int_t)n, "lost", lost),
			     ret);
}

/* ---- generate ---- */

static const char *type_of(const struct call *c)
{
	return call_has(c, "type") ? call_opt(c, "type") : "ec-p256";
}

static enum inro_err generate_secret(const struct call *c, const struct token_secret_kind *kind,
				     json_t **ret)
{
	SCOPED(made_key) n = { 0 };
	SCOPED(buf) id = { 0 };
	enum inro_err e = plan_key(c, &n);
	const struct token_secret_plan plan = {
		.label = n.plan.label,
		.id = n.plan.id,
		.type = kind->type,
		.crypt = kind->crypt,
		.mac = !kind->crypt,
		.place = place_of(call_opt(c, "place")),
	};
	if (!e)
		e = token_secret_generate(n.token, &plan, kind, &id);
	n.plan.id = buf_bytes(&id);
	return e ? e : json_give(plain_json(n.token, kind->name, P11_SECRET_KEY, &n.plan), ret);
}

/* Where nothing is said the key does what its kind is for; else what is said, and nothing beside it. */
static void plan_uses(const struct call *c, struct token_key_plan *plan)
{
	if (!call_has(c, "usage"))
		return;
	plan->no_sign = !key_source_may(c, "sign", "");
	plan->decrypt = key_source_may(c, "decrypt", "");
	plan->derive = key_source_may(c, "derive", "");
}

/* Before a PIN is asked for. */
static enum inro_err key_generate_check(const struct call *c)
{
	bool secret = token_secret_kind_find(type_of(c)) != NULL;
	const struct pki_key_kind *kind;
	struct token_key_plan plan = { 0 };
	if (secret && call_has(c, "duplicable"))
		return err_set(INRO_E_ARG, "only key pairs are made duplicable");
	if (secret && call_has(c, "usage"))
		return err_set(INRO_E_ARG, "what a secret key does is told by its kind; --usage is for key pairs");
	if (!call_has(c, "usage"))
		return INRO_OK;
	enum inro_err e = pki_key_kind_find(type_of(c), &kind);
	plan_uses(c, &plan);
	if (!e && (!pki_key_signs(kind->type) || (plan.decrypt && kind->type != PKI_RSA) ||
		   (plan.derive && pki_key_type(kind->type)->family != PKI_EC)))
		e = err_set(INRO_E_ARG,
			    "--usage: RSA keys sign or decrypt, EC keys sign or derive; a key of type %s does what "
			    "its type is for", kind->name);
	return e;
}

static enum inro_err key_generate_run(const struct call *c, json_t **ret)
{
	SCOPED(made_key) n = { 0 };
	const struct token_secret_kind *secret = token_secret_kind_find(type_of(c));
	if (secret)
		return generate_secret(c, secret, ret);
	enum inro_err e = pki_key_kind_find(type_of(c), &n.plan.kind);
	if (!e)
		e = plan_key(c, &n);
	n.plan.place = place_of(call_opt(c, "place"));
	n.plan.duplicable = call_has(c, "duplicable");
	plan_uses(c, &n.plan);
	if (!e)
		e = token_key_generate(n.token, &n.plan, &n.key);
	return e ? e : json_give(key_json(n.token, n.key), ret);
}

/* ---- the rows ---- */

#define ARG_URI                                                                                    \
	{                                                                                          \
		.name = "URI", .uri = true, .help = "pkcs11:token=...;object=... or ;id=..."       \
	}
#define KEY_COLUMNS                                                                                \
	COLUMNS({ "label", "Label" }, { "token", "Token" }, { "type", "Type" }, { "id", "Id" },    \
		{ "use", "Use" }, { "certificate", "Certificate" },                                \
		{ "extractable", "Extractable" }, { "made_here", "Made in the token" },            \
		{ "place", "Place" }, { "uri", "URI" })
#define OPT_LABEL_MUST                                                                             \
	{                                                                                          \
		.name = "label", .arg = "LABEL", .kind = OPT_TEXT, .required = true,               \
		.help = "the key's label"                                                          \
	}
#define OPT_ID                                                                                     \
	{                                                                                          \
		.name = "id", .arg = "HEX", .kind = OPT_HEX,                                       \
		.help = "its CKA_ID; default: random"                                              \
	}

const struct cmd_verb key_verbs[] = {
	{ .name = "generate",
	  .summary = "Generates a key in a token",
	  .opts = OPTS(OPT_TOKEN(true), OPT_LABEL_MUST, OPT_KEY_TYPE_OF(ALL_KEY_TYPES), OPT_ID,
		       { .name = "place",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("tpm", "tpm-sealed", "soft"),
			 .help = "where the key is to be; else as the token does it" },
		       { .name = "duplicable",
			 .kind = OPT_FLAG,
			 .help = "it may be moved to another TPM: see 'inro key export --to'" },
		       { .name = "usage",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("sign", "decrypt", "derive"),
			 .repeatable = true,
			 .help = "what the private key may do; default: sign (X25519, X448: derive). "
				 "OPC UA's RSA keys want sign and decrypt" }),
	  .shared = { pin_user_opts },
	  .check = key_generate_check,
	  .run = key_generate_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "{type} key '{label}' is made: {uri}" },
	{ .name = "list",
	  .summary = "Lists keys, of one token or of all",
	  .opts = OPTS({ .name = "token",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "only this token's" },
		       OPT_LOGIN),
	  .shared = { pin_user_opts },
	  .run = key_list_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "token", "TOKEN" }, { "label", "LABEL" }, { "type", "TYPE" },
			     { "certificate", "CERT" }, { "id", "ID" }),
	  .empty = "there is no key; 'inro key generate' makes one" },
	{ .name = "show",
	  .summary = "Shows a key",
	  .args = ARGS(ARG_URI),
	  .opts = OPTS(OPT_LOGIN),
	  .shared = { pin_user_opts },
	  .run = key_show_run,
	  .least = LEAST_NONE,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = KEY_COLUMNS },
	{ .name = "delete",
	  .summary =
		  "Deletes a key pair and its certificate, or the part that the URI's type names",
	  .args = ARGS({ .name = "URI",
			 .uri = true,
			 .help = "pkcs11:token=...;object=... or ;id=...; with type=private the pair, with "
				 "type=public or type=cert that part of it" }),
	  .opts = OPTS({ .name = "needed",
			 .also = "force",
			 .kind = OPT_FLAG,
			 .help = "also a key that a CA needs" },
		       { .name = "all",
			 .kind = OPT_FLAG,
			 .help = "for type=cert: also several certificates" },
		       OPT_YES),
	  .shared = { pin_user_opts },
	  .check = key_delete_check,
	  .run = key_delete_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "'{label}' is deleted ({objects} {objects:object|objects}){lost}" },
	{ .name = "import",
	  .summary = "Imports a private key and its certificates into a token",
	  .args = ARGS(
		  { .name = "FILE",
		    .optional = true,
		    .help = "a key (PKCS#8, PKCS#1, SEC1), PKCS#12 or certificates, PEM or DER; "
			    "- is standard input" }),
	  .opts = OPTS(
		  OPT_TOKEN(true),
		  { .name = "label",
		    .arg = "LABEL",
		    .kind = OPT_TEXT,
		    .help = "the key's label; default: its certificate's" },
		  { .name = "id",
		    .arg = "HEX",
		    .kind = OPT_HEX,
		    .help = "its CKA_ID; default: SHA-1 of the public key" },
		  { .name = "in", .arg = "FILE", .kind = OPT_FILE, .help = "the same as FILE" },
		  { .name = "p12", .arg = "FILE", .kind = OPT_FILE, .help = "the same as FILE" },
		  { .name = "nss",
		    .arg = "DIR",
		    .kind = OPT_DIR,
		    .help = "an NSS database, read by pk12util" },
		  { .name = "nickname",
		    .arg = "NAME",
		    .kind = OPT_TEXT,
		    .help = "the key's certificate in it" },
		  { .name = "nss-pin-source",
		    .arg = "FILE",
		    .kind = OPT_FILE,
		    .help = "file with the database's password (else pk12util asks)" },
		  { .name = "secret",
		    .kind = OPT_CHOICE,
		    .choices = key_import_secrets,
		    .help = "FILE is a secret key of this kind, its octets as they are" },
		  { .name = "hex", .kind = OPT_FLAG, .help = "and written in hex digits" },
		  { .name = "usage",
		    .kind = OPT_CHOICE,
		    .choices = WORDS("sign", "decrypt", "derive", "wrap"),
		    .repeatable = true,
		    .help = "what the key may do, with the counterpart of each use; default: "
			    "what its kind is for, of a private key: sign" },
		  { .name = "extractable",
		    .kind = OPT_FLAG,
		    .help = "it may leave the token again, wrapped by another key" },
		  { .name = "wrapped",
		    .arg = "FILE",
		    .kind = OPT_FILE,
		    .help = "a TSS2 PRIVATE KEY, PEM or DER, for the TPM of this token: see 'inro "
			    "key wrap-for'" },
		  OPT_AUTH),
	  .shared = { pin_user_opts, pin_pass_opts },
	  .check = key_import_check,
	  .run = key_import_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "{type} '{label}' is in the token, certificates: {certificates}; {uri}" },
	{ .name = "export",
	  .summary = "Exports a key's public half, or the key wrapped for a TPM",
	  .args = ARGS(ARG_URI),
	  .opts = OPTS(OPT_LOGIN,
		       { .name = "tss2",
			 .kind = OPT_FLAG,
			 .help = "the key itself, as only its own TPM can use it: TSS2 PRIVATE "
				 "KEY" },
		       { .name = "to",
			 .arg = "ROOT",
			 .kind = OPT_FILE,
			 .help = "the same for the TPM with this storage root: what 'inro token "
				 "root' wrote there" },
		       OPT_AUTH),
	  .shared = { out_opts, pin_user_opts },
	  .check = key_export_check,
	  .run = key_export_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_PEM,
	  .said = "the {what} is in {file}" },
	{ .name = "attest",
	  .summary = "Writes the TPM's evidence that a key is in it",
	  .args = ARGS(ARG_URI),
	  .opts = OPTS(OPT_NONCE("what the verifier has asked for: 8 to 64 bytes"), OPT_OUT),
	  .shared = { pin_user_opts },
	  .check = key_attest_check,
	  .run = key_attest_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_PEM,
	  .said = "the evidence is in {file}" },
	{ .name = "wrap-for",
	  .summary = "Wraps a key from a file for the TPM of another machine; needs no TPM here",
	  .args = ARGS({ .name = "ROOT",
			 .help = "that TPM's storage root: what 'inro token root' wrote there" }),
	  .opts = OPTS({ .name = "in",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "the key: PKCS#8, PKCS#1, SEC1, PEM or DER" },
		       { .name = "secret",
			 .kind = OPT_CHOICE,
			 .choices = key_import_secrets,
			 .help = "FILE is a secret key of this kind, its octets as they are" },
		       { .name = "hex", .kind = OPT_FLAG, .help = "and written in hex digits" },
		       { .name = "duplicable",
			 .kind = OPT_FLAG,
			 .help = "it may be moved on from there to another TPM" },
		       OPT_AUTH),
	  .shared = { out_opts, pin_pass_opts },
	  .check = key_wrap_check,
	  .run = key_wrap_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_PEM,
	  .said = "the wrapped key is in {file}" },
	{ 0 },
};
