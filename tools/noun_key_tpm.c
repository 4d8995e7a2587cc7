/*
 * noun_key_tpm - keys as files that only a TPM can use: wrapped for one, taken in, given out.
 *
 * Wrapping needs no token and no TPM: the public area of a storage root is enough.
 */
#include <string.h>

#include "backoffice/pki/pubkey.h"
#include "base/file.h"
#include "tools/import/keyfile.h"
#include "tools/key_source.h"
#include "tools/made_key.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"
#include "tpm/move/tpmfile.h"
#include "tpm/move/wrap.h"

#define MAX_FILE ((size_t)16 << 10)

static enum inro_err take_auth(const struct call *c, struct secret *ret)
{
	const char *path = call_opt(c, "auth-source");

	return path ? file_read_secret(path, ret) : INRO_OK;
}

/* ---- a storage root ---- */

static enum inro_err read_root(const char *path, struct buf *ret_text, TPM2B_PUBLIC *ret)
{
	struct bytes in;
	enum inro_err e = file_read(path, MAX_FILE, ret_text);

	if (e)
		return e;
	in = buf_bytes(ret_text);
	e = wire_read_public(&in, ret);
	if (!e)
		e = wire_end(in);
	return e ? err_set(INRO_E_SYNTAX,
			   "'%s' is no public area of a storage root (TPM2B_PUBLIC): see 'inro "
			   "token root'",
			   path)
		 : INRO_OK;
}

/* ---- wrap-for ---- */

enum inro_err key_wrap_check(const struct call *c)
{
	if (call_has(c, "hex") && !call_has(c, "secret"))
		return err_set(INRO_E_ARG, "--hex says how a --secret is written");
	return INRO_OK;
}

static enum inro_err ask_passphrase(void *arg, struct secret *ret)
{
	const struct call *c = arg;

	return pin_take(c, PIN_FILE, call_opt(c, "in"), false, ret);
}

static enum inro_err pair_type(struct bytes pkcs8, TPM2_ALG_ID *ret)
{
	TPMT_PUBLIC pub;
	struct wrap_what what = { .type = TPM2_ALG_RSA, .plain = pkcs8 };
	enum inro_err e = wrap_template(&what, &pub);

	if (e == INRO_E_KEY_TYPE) {
		what.type = TPM2_ALG_ECC;
		e = wrap_template(&what, &pub);
	}
	if (!e)
		*ret = what.type;
	return e;
}

static enum inro_err read_pair(const struct call *c, struct secret *ret, TPM2_ALG_ID *ret_type)
{
	SCOPED(keyfile) f = { 0 };
	SCOPED(buf) content = { .secret = true };
	const char *path = call_opt(c, "in");
	enum inro_err e = file_read(path, KEYFILE_MAX, &content);

	if (e)
		return e;
	e = keyfile_read(buf_bytes(&content), ask_passphrase, (void *)(uintptr_t)c, &f);
	if (!e && !f.pkcs8.n)
		e = err_set(INRO_E_NOT_FOUND, "there is no private key in it");
	if (!e)
		e = pair_type(secret_bytes(&f.pkcs8), ret_type);
	if (e)
		return err_context(e, "'%s'", path);
	*ret = f.pkcs8;
	f.pkcs8 = (struct secret) { 0 };
	return INRO_OK;
}

static const struct {
	CK_KEY_TYPE type;
	TPM2_ALG_ID alg;
} secret_kinds[] = {
	{ CKK_AES, TPM2_ALG_SYMCIPHER },	 { CKK_GENERIC_SECRET, TPM2_ALG_KEYEDHASH },
	{ CKK_SHA_1_HMAC, TPM2_ALG_KEYEDHASH },	 { CKK_SHA256_HMAC, TPM2_ALG_KEYEDHASH },
	{ CKK_SHA384_HMAC, TPM2_ALG_KEYEDHASH }, { CKK_SHA512_HMAC, TPM2_ALG_KEYEDHASH },
};

static enum inro_err read_secret(const struct call *c, struct secret *ret, TPM2_ALG_ID *ret_type)
{
	const char *word = call_opt(c, "secret");
	CK_KEY_TYPE type = key_source_type(word);

	for (size_t i = 0; i < ARRAY_LEN(secret_kinds); i++)
		if (secret_kinds[i].type == type) {
			*ret_type = secret_kinds[i].alg;
			return key_source_secret(call_opt(c, "in"), call_has(c, "hex"), ret);
		}
	return err_set(INRO_E_UNSUPPORTED, "a TPM holds no keys of the kind %s", word);
}

struct wrapped {
	struct buf pub, dup, seed;
};

static void wrapped_clear(struct wrapped *w)
{
	buf_clear(&w->pub);
	buf_clear(&w->dup);
	buf_clear(&w->seed);
}

/* As PEM: for whom it is, its own TPM knows. */
static enum inro_err write_pem(const struct tpmfile *k, struct buf *ret)
{
	SCOPED(buf) der = { 0 };
	enum inro_err e = tpmfile_write(k, &der);

	return e ? e : tpmfile_pem(buf_bytes(&der), ret);
}

static enum inro_err wrap(const struct call *c, const TPM2B_PUBLIC *root, struct buf *ret_pem)
{
	SCOPED(secret) plain = { 0 };
	SCOPED(secret) auth = { 0 };
	SCOPED(wrapped) w = { 0 };
	struct wrap_what what = { .duplicable = call_has(c, "duplicable") };
	enum inro_err e = call_has(c, "secret") ? read_secret(c, &plain, &what.type)
						: read_pair(c, &plain, &what.type);

	if (!e)
		e = take_auth(c, &auth);
	what.plain = secret_bytes(&plain);
	what.auth = secret_bytes(&auth);
	if (!e)
		e = wrap_for(&root->publicArea, &what, &w.pub, &w.dup, &w.seed);
	return e ? e
		 : write_pem(&(struct tpmfile) { .type = TPMFILE_IMPORTABLE,
						 .empty_auth = auth.n == 0,
						 .parent = TPM2_RH_OWNER,
						 .pub = buf_bytes(&w.pub),
						 .priv = buf_bytes(&w.dup),
						 .secret = buf_bytes(&w.seed) },
			     ret_pem);
}

enum inro_err key_wrap_run(const struct call *c, json_t **ret)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) pem = { 0 };
	TPM2B_PUBLIC root;
	enum inro_err e = read_root(call_arg(c, 0), &text, &root);

	if (!e)
		e = wrap(c, &root, &pem);
	return e ? e
		 : json_give(
			   json_pack("{s:b s:o}", "private", 1, "pem", text_json(buf_bytes(&pem))),
			   ret);
}

/* ---- import --wrapped ---- */

struct coming {
	struct buf der;
	TPM2B_PUBLIC pub;
	struct secret auth;
};

static void coming_clear(struct coming *w)
{
	buf_clear(&w->der);
	secret_clear(&w->auth);
}

static enum inro_err read_wrapped(const struct call *c, struct coming *w)
{
	SCOPED(buf) text = { .secret = true };
	struct tpmfile k;
	struct bytes pub = BYTES_NONE;
	const char *path = call_opt(c, "wrapped");
	enum inro_err e = file_read(path, MAX_FILE, &text);

	if (e)
		return e;
	e = tpmfile_read_any(buf_bytes(&text), &w->der, &k);
	if (!e) {
		pub = k.pub;
		e = wire_read_public(&pub, &w->pub);
	}
	if (!e)
		e = wire_end(pub);
	if (e)
		return err_context(e, "'%s'", path);
	return take_auth(c, &w->auth);
}

static bool is_pair(const struct coming *w)
{
	return w->pub.publicArea.type == TPM2_ALG_RSA || w->pub.publicArea.type == TPM2_ALG_ECC;
}

/* SHA-1 of the public key's bits, as for other keys of files. */
static enum inro_err pair_id(const struct coming *w, struct made_key *n)
{
	SCOPED(buf) spki = { 0 };
	TPM2B_DIGEST hash;
	struct pubkey pub;
	enum inro_err e = crypt_spki(&w->pub.publicArea, &spki);

	if (!e)
		e = pubkey_read(buf_bytes(&spki), &pub);
	if (!e)
		e = crypt_hash(TPM2_ALG_SHA1, &pub.key_bits, 1, &hash);
	if (e)
		return e;
	memcpy(n->id, hash.buffer, hash.size);
	n->plan.id = BYTES(n->id, hash.size);
	return INRO_OK;
}

static bool may_leave(const struct coming *w)
{
	const TPMT_PUBLIC *pub = &w->pub.publicArea;

	return pub->authPolicy.size && !(pub->objectAttributes & TPMA_OBJECT_FIXEDPARENT);
}

static json_t *taken_json(json_t *doc)
{
	if (doc)
		json_object_set_new(doc, "certificates", json_integer(0));
	return doc;
}

static enum inro_err take_pair(const struct call *c, const struct coming *w, struct made_key *n,
			       json_t **ret)
{
	bool rsa = w->pub.publicArea.type == TPM2_ALG_RSA;
	const struct token_wrapped wrapped = { .type = rsa ? CKK_RSA : CKK_EC,
					       .file = buf_bytes(&w->der),
					       .auth = secret_bytes(&w->auth) };
	enum inro_err e = n->plan.id.n ? INRO_OK : pair_id(w, n);

	n->plan.decrypt = rsa && key_source_may(c, "decrypt", "sign");
	n->plan.derive = key_source_may(c, "derive", "sign");
	n->plan.no_sign = !key_source_may(c, "sign", "sign");
	n->plan.duplicable = may_leave(w);
	if (!e)
		e = token_key_take(n->token, &n->plan, &wrapped, &n->key);
	return e ? e : json_give(taken_json(key_json(n->token, n->key)), ret);
}

static json_t *secret_json(const struct made_key *n, const char *type)
{
	SCOPED(buf) text = { 0 };
	struct p11_uri uri = { .token = (char *)(uintptr_t)token_label(n->token),
			       .object = (char *)(uintptr_t)n->plan.label,
			       .type = P11_SECRET_KEY };

	p11_uri_print(&uri, &text);
	return json_pack("{s:s s:o s:o s:o s:o}", "type", type, "label",
			 text_json(bytes_of(n->plan.label)), "token",
			 text_json(bytes_of(token_label(n->token))), "id", json_of_hex(n->plan.id),
			 "uri", text_json(buf_bytes(&text)));
}

/* A TPM does not tell for which hash an HMAC key was made: --secret may. */
static enum inro_err take_secret(const struct call *c, const struct coming *w, struct made_key *n,
				 json_t **ret)
{
	SCOPED(buf) id = { 0 };
	bool aes = w->pub.publicArea.type == TPM2_ALG_SYMCIPHER;
	const char *word = call_opt(c, "secret"), *usual = aes ? "decrypt" : "sign";
	struct token_secret_plan plan = {
		.label = n->plan.label,
		.id = n->plan.id,
		.type = word  ? key_source_type(word)
			: aes ? CKK_AES
			      : CKK_GENERIC_SECRET,
		.crypt = key_source_may(c, "decrypt", usual),
		.mac = key_source_may(c, "sign", usual),
	};
	const struct token_wrapped wrapped = { .file = buf_bytes(&w->der),
					       .auth = secret_bytes(&w->auth) };
	enum inro_err e = token_secret_take(n->token, &plan, &wrapped, &id);

	if (e)
		return e;
	n->plan.id = buf_bytes(&id);
	return json_give(taken_json(secret_json(n, word ? word : aes ? "aes" : "generic")), ret);
}

enum inro_err key_import_wrapped(const struct call *c, json_t **ret)
{
	SCOPED(coming) w = { 0 };
	SCOPED(made_key) n = { 0 };
	enum inro_err e = read_wrapped(c, &w);

	if (!e)
		e = plan_key(c, &n);
	if (e)
		return e;
	return is_pair(&w) ? take_pair(c, &w, &n, ret) : take_secret(c, &w, &n, ret);
}

/* ---- export --tss2, --to ---- */

enum inro_err key_export_check(const struct call *c)
{
	if (call_has(c, "auth-source") && !call_has(c, "tss2") && !call_has(c, "to"))
		return err_set(INRO_E_ARG, "--auth-source goes with --tss2 or --to");
	return INRO_OK;
}

static enum inro_err give(const struct call *c, struct token *t, const struct token_entry *k,
			  struct buf *ret_pem)
{
	SCOPED(buf) root = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(secret) auth = { 0 };
	TPM2B_PUBLIC pub;
	enum inro_err e = take_auth(c, &auth);

	if (!e && call_has(c, "to"))
		e = read_root(call_opt(c, "to"), &root, &pub);
	if (!e)
		e = token_key_give(t, k, buf_bytes(&root), secret_bytes(&auth), &der);
	return e ? e : tpmfile_pem(buf_bytes(&der), ret_pem);
}

enum inro_err key_export_wrapped(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(buf) pem = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	struct token_entry k;
	enum inro_err e = p11_uri_parse(call_arg(c, 0), &uri);

	if (!e)
		e = open_logged_in(c, &uri, &t);
	if (!e)
		e = one_entry(t, &uri, call_arg(c, 0), &k);
	if (!e)
		e = give(c, t, &k, &pem);
	if (e)
		return e;
	return json_give(json_pack("{s:o s:o s:s s:b s:o}", "label", text_json(bytes_of(k.label)),
				   "id", json_of_hex(BYTES(k.id, k.id_n)), "what", "wrapped key",
				   "private", 1, "pem", text_json(buf_bytes(&pem))),
			 ret);
}
