/* noun_key_import - keys of files and NSS databases into a token, and public keys out of one. */
#include <stdio.h>
#include <string.h>

#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/import/keyfile.h"
#include "tools/key_source.h"
#include "tools/made_key.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/pin.h"
#include "tools/text.h"

#define SECRET_KEY_MAX ((size_t)4 << 10) /* octets of its file */

/* ---- where the key comes from ---- */

static const char *const file_options[] = { "in", "p12" };

static const char *file_of(const struct call *c)
{
	const char *path = call_arg(c, 0);

	for (size_t i = 0; !path && i < ARRAY_LEN(file_options); i++)
		path = call_opt(c, file_options[i]);
	return path;
}

/* Whatever is in the file: there is no certificate in it that could have one. */
static bool has_no_name(const struct call *c)
{
	return call_has(c, "secret") || call_has(c, "wrapped");
}

enum inro_err key_import_check(const struct call *c)
{
	size_t n = call_has(c, "nss") + (size_t)call_has(c, "wrapped");

	n += call_arg(c, 0) != NULL;
	for (size_t i = 0; i < ARRAY_LEN(file_options); i++)
		n += call_has(c, file_options[i]);
	if (n != 1)
		return err_set(INRO_E_ARG, "a key comes from one place: give FILE, --nss DIR or "
					   "--wrapped FILE");
	if (call_has(c, "wrapped") && (call_has(c, "extractable") || call_has(c, "hex")))
		return err_set(INRO_E_ARG, "a wrapped key goes into the TPM as it is and stays "
					   "there: no --extractable, no --hex");
	if (call_has(c, "auth-source") && !call_has(c, "wrapped"))
		return err_set(INRO_E_ARG, "--auth-source goes with --wrapped");
	if (call_has(c, "secret") && call_has(c, "nss"))
		return err_set(INRO_E_ARG,
			       "--secret says what is in FILE, it does not go with --nss");
	if (call_has(c, "hex") && !call_has(c, "secret"))
		return err_set(INRO_E_ARG, "--hex says how a --secret is written");
	if (call_has(c, "nss") != call_has(c, "nickname"))
		return err_set(INRO_E_ARG, "--nss DIR and --nickname NAME go together");
	if (has_no_name(c) && !call_has(c, "label"))
		return err_set(INRO_E_ARG, "the key has no name of its own; give --label");
	return INRO_OK;
}

static enum inro_err ask_passphrase(void *arg, struct secret *ret)
{
	const struct call *c = arg;

	return pin_take(c, PIN_FILE, file_of(c), false, ret);
}

static enum inro_err read_source(const struct call *c, struct keyfile *f)
{
	SCOPED(buf) content = { .secret = true };
	const char *path = file_of(c);
	enum inro_err e;

	if (!path)
		return keyfile_read_nss(call_opt(c, "nss"), call_opt(c, "nickname"),
					call_opt(c, "nss-pin-source"), f);
	e = file_read(path, KEYFILE_MAX, &content);
	if (e)
		return e;
	e = keyfile_read(buf_bytes(&content), ask_passphrase, (void *)(uintptr_t)c, f);
	return e ? err_context(e, "'%s'", path) : INRO_OK;
}

/* ---- what it becomes ---- */

/* `usual` is what it may do when nothing is said. */
bool key_source_may(const struct call *c, const char *use, const char *usual)
{
	const char *uses[CALL_MAX_OPTS];
	size_t n = call_opts(c, "usage", uses);

	for (size_t i = 0; i < n; i++)
		if (strcmp(uses[i], use) == 0)
			return true;
	return !n && strcmp(use, usual) == 0;
}

static const char *default_label(const struct call *c, const struct keyfile *f)
{
	if (call_has(c, "nickname"))
		return call_opt(c, "nickname");
	return f->n && f->certs[0].name[0] ? f->certs[0].name : NULL;
}

static enum inro_err plan_import(const struct call *c, const struct keyfile *f, struct made_key *n)
{
	const char *usual = token_pkcs8_agrees(secret_bytes(&f->pkcs8)) ? "derive" : "sign";

	n->plan.decrypt = key_source_may(c, "decrypt", usual);
	n->plan.derive = key_source_may(c, "derive", usual);
	n->plan.no_sign = !key_source_may(c, "sign", usual);
	n->plan.extractable = call_has(c, "extractable");
	if (!n->plan.label)
		n->plan.label = default_label(c, f);
	if (!n->plan.id.n)
		n->plan.id = f->pkcs8.n ? BYTES(f->id, sizeof f->id)
					: BYTES(f->certs[0].id, sizeof f->certs[0].id);
	if (!n->plan.label)
		return err_set(INRO_E_ARG, "the key has no name of its own; give --label");
	if (f->pkcs8.n && f->n && !f->certs[0].of_key)
		return err_set(
			INRO_E_ARG,
			"none of the certificates in the file is the key's; import them from "
			"different files");
	return INRO_OK;
}

/* The key's certificate, or the only one, is called like the key; the others of the chain have
 * their own names and ids. */
static void plan_certs(const struct keyfile *f, const struct token_key_plan *plan,
		       struct token_cert *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct keyfile_cert *k = &f->certs[i];
		bool own = k->of_key || (!f->pkcs8.n && i == 0);

		out[i] = (struct token_cert) {
			.id = own ? plan->id : BYTES(k->id, sizeof k->id),
			.label = own || !k->name[0] ? plan->label : k->name,
			.der = buf_bytes(&k->der),
		};
	}
}

static json_t *made_json(const struct made_key *n)
{
	if (n->key)
		return key_json(n->token, n->key);
	return plain_json(n->token, "certificate", P11_CERT, &n->plan);
}

static enum inro_err store(const struct keyfile *f, struct made_key *n, json_t **ret)
{
	struct token_cert certs[KEYFILE_CERTS];
	json_t *doc = NULL;
	enum inro_err e;

	plan_certs(f, &n->plan, certs);
	if (f->pkcs8.n)
		e = token_bundle_import(n->token, &n->plan, secret_bytes(&f->pkcs8), certs, f->n,
					&n->key);
	else
		e = token_certs_import(n->token, certs, f->n);
	if (e)
		return e;
	doc = made_json(n);
	json_object_set_new(doc, "certificates", json_integer((json_int_t)f->n));
	return json_give(doc, ret);
}

/* ---- secret keys ---- */

/* Their usual use and the length of an HMAC key as it should be are the token's own business. */
static const struct {
	CK_KEY_TYPE type;
	const char *usual;
} secrets[] = {
	{ CKK_AES, "decrypt" },		{ CKK_INRO_TWINE, "decrypt" }, { CKK_CHACHA20, "decrypt" },
	{ CKK_GENERIC_SECRET, "sign" }, { CKK_SHA_1_HMAC, "sign" },    { CKK_SHA256_HMAC, "sign" },
	{ CKK_SHA384_HMAC, "sign" },	{ CKK_SHA512_HMAC, "sign" },   { CKK_HKDF, "derive" },
};

const char *const key_import_secrets[] = { "aes",	"twine",       "chacha20",    "generic",
					   "hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512",
					   "hkdf",	NULL };

_Static_assert(ARRAY_LEN(secrets) + 1 == ARRAY_LEN(key_import_secrets), "a word for each type");

static size_t secret_row(const char *word)
{
	size_t i = 0;

	while (strcmp(key_import_secrets[i], word) != 0) /* the parser has checked it */
		i++;
	return i;
}

static enum inro_err from_hex(const struct buf *text, struct secret *ret)
{
	SCOPED(secret) s = { 0 };
	struct bytes digits = buf_bytes(text);
	size_t n = 0;
	enum inro_err e;

	while (digits.n && (digits.p[digits.n - 1] == '\n' || digits.p[digits.n - 1] == '\r'))
		digits.n--;
	e = secret_new(digits.n / 2 + 1, &s);
	if (!e)
		e = hex_decode(digits, s.p, s.n, &n);
	if (e)
		return err_set(INRO_E_SYNTAX, "it is not hex digits, an even number of them");
	secret_shrink(&s, n);
	*ret = s;
	s = (struct secret) { 0 };
	return INRO_OK;
}

CK_KEY_TYPE key_source_type(const char *word)
{
	return secrets[secret_row(word)].type;
}

enum inro_err key_source_secret(const char *path, bool hex, struct secret *ret)
{
	SCOPED(buf) content = { .secret = true };
	enum inro_err e = file_read(path, SECRET_KEY_MAX, &content);

	if (e) /* which names the file */
		return e;
	if (!content.n)
		e = err_set(INRO_E_SYNTAX, "it is empty");
	if (!e)
		e = hex ? from_hex(&content, ret) : secret_copy(buf_bytes(&content), ret);
	return e ? err_context(e, "'%s'", path) : INRO_OK;
}

static enum inro_err import_secret(const struct call *c, json_t **ret)
{
	SCOPED(made_key) n = { 0 };
	SCOPED(secret) value = { 0 };
	SCOPED(buf) id = { 0 };
	json_t *doc = NULL;
	size_t row = secret_row(call_opt(c, "secret"));
	const char *usual = secrets[row].usual;
	struct token_secret_plan plan = {
		.type = secrets[row].type,
		.crypt = key_source_may(c, "decrypt", usual),
		.mac = key_source_may(c, "sign", usual),
		.derive = key_source_may(c, "derive", usual),
		.wrap = key_source_may(c, "wrap", usual),
		.extractable = call_has(c, "extractable"),
	};
	enum inro_err e = key_source_secret(file_of(c), call_has(c, "hex"), &value);

	if (!e)
		e = plan_key(c, &n);
	plan.label = n.plan.label;
	plan.id = n.plan.id;
	if (!e)
		e = token_secret_import(n.token, &plan, secret_bytes(&value), &id);
	if (e)
		return e;
	n.plan.id = buf_bytes(&id);
	doc = plain_json(n.token, call_opt(c, "secret"), P11_SECRET_KEY, &n.plan);
	json_object_set_new(doc, "certificates", json_integer(0));
	return json_give(doc, ret);
}

enum inro_err key_import_run(const struct call *c, json_t **ret)
{
	SCOPED(made_key) n = { 0 };
	SCOPED(keyfile) f = { 0 };
	enum inro_err e;

	if (call_has(c, "wrapped"))
		return key_import_wrapped(c, ret);
	if (call_has(c, "secret"))
		return import_secret(c, ret);
	e = read_source(c, &f);
	if (!e)
		e = plan_key(c, &n);
	if (!e)
		e = plan_import(c, &f, &n);
	return e ? e : store(&f, &n, ret);
}

/* ---- export ---- */

enum inro_err key_export_run(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(buf) spki = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	struct token_entry k;
	struct bytes whole;
	enum inro_err e;

	if (call_has(c, "tss2") || call_has(c, "to"))
		return key_export_wrapped(c, ret);
	e = p11_uri_parse(call_arg(c, 0), &uri);
	if (!e)
		e = open_for_list(c, &uri, &t);
	if (!e)
		e = one_seen(c, t, &uri, &k);
	if (!e)
		e = token_entry_spki(t, &k, &spki);
	if (e)
		return e;
	whole = buf_bytes(&spki);
	return json_give(json_pack("{s:o s:o s:s s:o}", "label", text_json(bytes_of(k.label)), "id",
				   json_of_hex(BYTES(k.id, k.id_n)), "what", "public key", "pem",
				   json_of_pem(PEM_PUBLIC_KEY, &whole, 1)),
			 ret);
}
