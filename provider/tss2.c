/* tss2 - see tss2.h. */
#include "provider/tss2.h"

#include <string.h>

#include <openssl/provider.h>

#include "base/der.h"

/* 2.23.133.10.1, and what the last number says. */
static const uint8_t family[] = { DER_OID, 6, 0x67, 0x81, 0x05, 0x0a, 0x01 };
enum last_arc { LOADABLE = 3, IMPORTABLE = 4, SEALED = 5 };

/* TPM_ALG_ID of a public area (TPM 2.0 Part 2, 6.3). */
static const struct {
	uint16_t alg;
	CK_KEY_TYPE type;
	CK_ATTRIBUTE_TYPE use; /* beside signing */
} kinds[] = {
	{ 0x0001, CKK_RSA, CKA_DECRYPT },
	{ 0x0023, CKK_EC, CKA_DERIVE },
};

struct file {
	bool has_auth;
	size_t kind;
};

/* The OID stands behind the SEQUENCE and one to three bytes of length. */
bool tss2_is(struct bytes head)
{
	size_t n = head.n < 5 + sizeof family ? head.n : 5 + sizeof family;

	return n > 2 && head.p[0] == DER_SEQUENCE &&
	       memmem(head.p + 2, n - 2, family, sizeof family) != NULL;
}

bool tss2_is_left(const struct prov *p)
{
	return !core_setting(&p->core, SETTING_TSS2_TOKEN) && OSSL_PROVIDER_available(NULL, "tpm2");
}

/* emptyAuth [0]: true, and nothing has to be known to use the key.  Some write 1 for true. */
static bool says_empty(struct bytes in)
{
	struct bytes v;

	return der_only(in, DER_BOOLEAN, &v) == INRO_OK && v.n == 1 && v.p[0] != 0;
}

static enum inro_err read_fields(struct bytes *in, struct file *ret)
{
	struct der d;
	enum inro_err e = INRO_OK;

	while (!e && in->n && der_peek(*in) != DER_INTEGER) {
		e = der_next(in, &d);
		if (!e && d.tag == DER_CONTEXT_CONSTRUCTED)
			ret->has_auth = !says_empty(d.value);
	}
	return e;
}

static enum inro_err read_kind(struct bytes pub, struct file *ret)
{
	unsigned alg = pub.n < 4 ? 0U : (unsigned)pub.p[2] << 8 | pub.p[3];

	for (ret->kind = 0; ret->kind < ARRAY_LEN(kinds); ret->kind++)
		if (kinds[ret->kind].alg == alg)
			return INRO_OK;
	return err_set(INRO_E_UNSUPPORTED, "the " TSS2_PEM " is neither an RSA nor an EC key");
}

static enum inro_err refuse_sealed(struct bytes oid)
{
	if (oid.n && oid.p[oid.n - 1] == SEALED)
		return err_set(INRO_E_UNSUPPORTED, "the " TSS2_PEM " holds sealed data, which is "
						   "no key: tpm2_unseal is for such files");
	return INRO_OK;
}

static enum inro_err read_file(struct bytes der, struct file *ret)
{
	struct bytes seq, oid, parent, pub;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	*ret = (struct file) { .has_auth = true };
	if (!e)
		e = der_take(&seq, DER_OID, &oid);
	if (!e && refuse_sealed(oid))
		return INRO_E_UNSUPPORTED;
	if (!e)
		e = read_fields(&seq, ret);
	if (!e)
		e = der_take(&seq, DER_INTEGER, &parent);
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &pub);
	if (e)
		return err_set(INRO_E_SYNTAX, "the " TSS2_PEM " is damaged: make the file anew");
	return read_kind(pub, ret);
}

static const struct inro_admin *admin_of(const struct seat *s)
{
	const struct inro_admin *admin = ck_module_admin(s->m);

	return admin && admin->version.minor >= 2 ? admin : NULL;
}

static enum inro_err take(struct seat *s, const struct file *f, const struct inro_wrapped *w,
			  CK_OBJECT_HANDLE *ret, CK_RV *ret_rv)
{
	const struct inro_admin *admin = admin_of(s);
	CK_SESSION_HANDLE anchor = seat_anchor(s);
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = kinds[f->kind].type;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &no, sizeof no },	     { CKA_PRIVATE, &yes, sizeof yes },
		{ CKA_SENSITIVE, &yes, sizeof yes }, { CKA_EXTRACTABLE, &no, sizeof no },
		{ CKA_SIGN, &yes, sizeof yes },	     { kinds[f->kind].use, &yes, sizeof yes },
	};

	if (!admin)
		return err_set(INRO_E_UNSUPPORTED, "%s takes no " TSS2_PEM, ck_module_path(s->m));
	if (anchor == CK_INVALID_HANDLE)
		return err_set(INRO_E_SESSION_COUNT, "too many sessions: the " TSS2_PEM " needs "
						     "one that stays open");
	*ret_rv = admin->take(anchor, w, template, ARRAY_LEN(template), ret);
	return ck_err(s->m, *ret_rv, "take");
}

/* A wrong authorisation value is tried once: the TPM counts them, and then refuses them all. */
static enum inro_err take_once(struct seat *s, const struct file *f, const struct inro_wrapped *w,
			       CK_OBJECT_HANDLE *ret)
{
	SCOPED(secret) both = { 0 };
	CK_RV rv = CKR_OK;
	enum inro_err e = secret_new(w->file.n + w->auth.n, &both);

	if (e)
		return e;
	memcpy(both.p, w->file.p, w->file.n);
	memcpy(both.p + w->file.n, w->auth.p, w->auth.n);
	if (token_refused_file(s, secret_bytes(&both)))
		return err_set(INRO_E_PIN_WRONG,
			       "its authorisation value was refused before; it was not tried "
			       "again, so that the TPM does not lock: correct it and start the "
			       "program anew");
	e = take(s, f, w, ret, &rv);
	if (rv == CKR_WRAPPED_KEY_INVALID)
		token_note_refused_file(s, secret_bytes(&both));
	return e;
}

enum inro_err tss2_load(struct seat *s, struct bytes der, struct bytes auth, CK_OBJECT_HANDLE *ret)
{
	const struct inro_wrapped wrapped = { { (const char *)der.p, der.n },
					      { (const char *)auth.p, auth.n } };
	struct file f;
	CK_RV rv;
	enum inro_err e = read_file(der, &f);

	if (e)
		return e;
	return auth.n ? take_once(s, &f, &wrapped, ret) : take(s, &f, &wrapped, ret, &rv);
}

/* ---- which token ---- */

static enum inro_err read_setting(const struct prov *p, struct p11_uri *ret)
{
	const char *setting = core_setting(&p->core, SETTING_TSS2_TOKEN);
	enum inro_err e = INRO_OK;

	if (!setting)
		return INRO_OK;
	if (p11_uri_is(setting))
		e = p11_uri_parse(setting, ret);
	else
		e = p11_uri_name_token(setting, ret);
	return e ? err_context(e, "the setting " SETTING_TSS2_TOKEN) : INRO_OK;
}

static enum inro_err ask_status(struct seat *s, void *arg)
{
	const struct inro_admin *admin = admin_of(s);

	if (!admin)
		return INRO_E_UNSUPPORTED;
	return ck_err(s->m, admin->status(seat_slot(s), arg), "status");
}

/* False, too, where that can't be told: such a token can't take the file either. */
static bool is_in_tpm(struct token *t)
{
	struct inro_token_status status;

	return token_run(t, ask_status, &status) == INRO_OK && strcmp(status.backend, "tpm") == 0;
}

static size_t keep_those_in_tpm(struct token **tokens, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (is_in_tpm(tokens[i]))
			tokens[kept++] = tokens[i];
	return kept;
}

/* The setting `token` is about keys in tokens; it helps to choose where it can. */
static size_t prefer_usual(const struct prov *p, struct token **tokens, size_t n)
{
	const char *usual = core_setting(&p->core, SETTING_TOKEN);

	for (size_t i = 0; usual && n > 1 && i < n; i++)
		if (strcmp(token_label(tokens[i]), usual) == 0) {
			tokens[0] = tokens[i];
			return 1;
		}
	return n;
}

static enum inro_err not_one_token(struct token **tokens, size_t n)
{
	SCOPED(buf) names = { 0 };

	if (n == 0)
		return err_set(INRO_E_NOT_FOUND,
			       "a " TSS2_PEM " needs a token in a TPM, and there is none: make one "
			       "with inro token create --backend tpm, or name it with the "
			       "setting " SETTING_TSS2_TOKEN);
	for (size_t i = 0; i < n && i < 8; i++)
		buf_addf(&names, "%s'%s'", i ? ", " : "", token_label(tokens[i]));
	buf_add_u8(&names, 0);
	return err_set(INRO_E_AMBIGUOUS,
		       "a " TSS2_PEM " may be loaded into any of the tokens %s: say which with the "
		       "setting " SETTING_TSS2_TOKEN,
		       buf_err(&names) ? "" : (const char *)names.p);
}

static enum inro_err choose_token(struct prov *p, const struct p11_uri *wanted, struct token **ret)
{
	SCOPED(token_choice) tokens = { 0 };
	size_t n;
	enum inro_err e = tokens_named(p, wanted, &tokens);

	if (e)
		return err_context(e, "loading a " TSS2_PEM);
	n = keep_those_in_tpm(tokens.all, tokens.n);
	n = prefer_usual(p, tokens.all, n);
	if (n != 1)
		return not_one_token(tokens.all, n);
	*ret = tokens.all[0];
	return INRO_OK;
}

/* ---- a key of it ---- */

struct loading {
	struct token *token;
	const struct object_file *file;
	const struct pin_source *from;
	struct key **ret;
};

static enum inro_err load_in(struct seat *s, void *arg)
{
	const struct loading *a = arg;
	struct object *o = NULL;
	CK_OBJECT_HANDLE handle;
	enum inro_err e = token_login(a->token, s, a->from);

	if (!e)
		e = object_new_of_file(a->token, s, a->file, &o, &handle);
	if (!e)
		e = key_of_object(token_prov(a->token), s, handle, o, a->ret);
	if (e)
		object_free(o);
	return e;
}

enum inro_err tss2_open(struct prov *p, struct bytes der, const struct pin_source *program,
			struct key **ret)
{
	SCOPED(p11_uri) token_uri = { 0 };
	SCOPED(secret) auth = { 0 };
	struct pin_source from = { .uri = &token_uri };
	struct object_file file = { .der = der, .source = &token_uri };
	struct loading loading = { .file = &file, .from = &from, .ret = ret };
	struct token *t = NULL;
	struct file f;
	enum inro_err e = read_file(der, &f);

	if (!e)
		e = read_setting(p, &token_uri);
	if (!e)
		e = choose_token(p, &token_uri, &t);
	if (!e && f.has_auth) {
		e = pin_of_file(p, program, &auth);
	} else {
		from.ask = program->ask;
		from.arg = program->arg;
	}
	if (e)
		return e;
	file.auth = secret_bytes(&auth);
	loading.token = t;
	return token_run(t, load_in, &loading);
}
