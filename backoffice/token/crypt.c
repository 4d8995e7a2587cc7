/*
 * crypt - secret keys of a token at work: sealing with AES-GCM, MACs, random octets.
 *
 * 1. A sealed text is nonce (12 octets, from the token's generator), ciphertext, tag (16).
 * 2. A key whose value is known outside works as a session object that is destroyed at once.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/token/internal.h"

struct token_secret {
	struct token *token;
	CK_OBJECT_HANDLE handle;
	unsigned epoch;
	char *label; /* NULL: the URI named none */
	struct buf id;
};

void token_secret_free(struct token_secret *s)
{
	if (!s)
		return;
	free(s->label);
	buf_clear(&s->id);
	free(s);
}

void token_secret_free_ptr(struct token_secret **s)
{
	token_secret_free(*s);
	*s = NULL;
}

static enum inro_err find_object(struct token_secret *s)
{
	static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	struct token *t = s->token;
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	enum inro_err e = token_ready(t);

	template_add_ulong(&tpl, CKA_CLASS, &class);
	if (s->id.n)
		template_add(&tpl, CKA_ID, buf_bytes(&s->id));
	if (s->label)
		template_add(&tpl, CKA_LABEL, bytes_of(s->label));
	if (!e)
		e = ck_find(t->module, t->session, tpl.a, tpl.n, found, ARRAY_LEN(found), &n);
	if (!e && n != 1)
		e = err_set(n ? INRO_E_AMBIGUOUS : INRO_E_NOT_FOUND,
			    "%s secret key '%s' in token '%s'", n ? "more than one" : "no",
			    s->label ? s->label : "(by its id)", t->info.label);
	if (e)
		return e;
	s->handle = found[0];
	s->epoch = t->epoch;
	return INRO_OK;
}

enum inro_err token_secret_find(struct token *t, const struct p11_uri *uri,
				struct token_secret **ret)
{
	AUTO(token_secret_free_ptr) struct token_secret *s = calloc(1, sizeof *s);
	enum inro_err e;

	if (!s)
		return err_set(INRO_E_NO_MEMORY, "no memory for a key");
	if (!uri->object && !uri->has_id)
		return err_set(INRO_E_ARG, "a key's URI has object= or id=");
	s->token = t;
	s->label = uri->object ? strdup(uri->object) : NULL;
	if (uri->has_id)
		buf_add(&s->id, BYTES(uri->id, uri->id_n));
	if (buf_err(&s->id) || (uri->object && !s->label))
		return err_set(INRO_E_NO_MEMORY, "no memory for a key");
	e = find_object(s);
	if (e)
		return e;
	*ret = s;
	s = NULL;
	return INRO_OK;
}

static enum inro_err check_kind(struct token_secret *s)
{
	struct token *t = s->token;
	CK_ULONG type = 0, octets = 0;
	bool extractable = true, sensitive = false;
	enum inro_err e = ck_attr_ulong(t->module, t->session, s->handle, CKA_KEY_TYPE, &type);

	if (!e)
		e = ck_attr_ulong(t->module, t->session, s->handle, CKA_VALUE_LEN, &octets);
	if (!e)
		e = ck_attr_bool(t->module, t->session, s->handle, CKA_EXTRACTABLE, &extractable);
	if (!e)
		e = ck_attr_bool(t->module, t->session, s->handle, CKA_SENSITIVE, &sensitive);
	if (e)
		return e;
	if (type != CKK_AES || octets != 32)
		return err_set(INRO_E_KEY_TYPE, "what seals is an AES-256 key");
	if (extractable || !sensitive)
		return err_set(INRO_E_POLICY, "what seals is a key that can't leave its token");
	return INRO_OK;
}

/* ---- sealing ---- */

struct gcm_call {
	bool seal;
	struct bytes aad, in;
	uint8_t *out;
	CK_ULONG cap, n;
	uint8_t nonce[TOKEN_SEAL_NONCE];
};

static void *unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

static enum inro_err gcm_once(struct token_secret *s, struct gcm_call *g)
{
	CK_GCM_PARAMS params = { .pIv = g->nonce,
				 .ulIvLen = sizeof g->nonce,
				 .ulIvBits = sizeof g->nonce * 8,
				 .pAAD = unconst(g->aad.p),
				 .ulAADLen = g->aad.n,
				 .ulTagBits = TOKEN_SEAL_TAG * 8 };
	CK_MECHANISM mech = { CKM_AES_GCM, &params, sizeof params };
	struct token *t = s->token;
	enum inro_err e = token_ready(t);

	if (!e && s->epoch != t->epoch)
		e = find_object(s);
	g->n = g->cap;
	if (!e && g->seal)
		e = ck_err(t->module, t->f->C_EncryptInit(t->session, &mech, s->handle),
			   "C_EncryptInit");
	if (!e && !g->seal)
		e = ck_err(t->module, t->f->C_DecryptInit(t->session, &mech, s->handle),
			   "C_DecryptInit");
	if (e)
		return e;
	if (g->seal)
		e = ck_err(t->module,
			   t->f->C_Encrypt(t->session, unconst(g->in.p), g->in.n, g->out, &g->n),
			   "C_Encrypt");
	else
		e = ck_err(t->module,
			   t->f->C_Decrypt(t->session, unconst(g->in.p), g->in.n, g->out, &g->n),
			   "C_Decrypt");
	return e ? e : ck_fits(t->module, g->n, g->cap, g->seal ? "C_Encrypt" : "C_Decrypt");
}

static enum inro_err gcm(struct token_secret *s, struct gcm_call *g)
{
	enum inro_err e = gcm_once(s, g);

	if (token_is_lost(e)) {
		token_lose(s->token);
		e = gcm_once(s, g);
	}
	return e;
}

enum inro_err token_secret_seal(struct token_secret *s, struct bytes aad, struct bytes plain,
				struct buf *ret)
{
	struct gcm_call g = { .seal = true, .aad = aad, .in = plain };
	SCOPED(secret) nonce = { 0 };
	enum inro_err e = token_random(s->token, sizeof g.nonce, &nonce);

	if (e)
		return e;
	memcpy(g.nonce, nonce.p, sizeof g.nonce);
	buf_add(ret, BYTES(g.nonce, sizeof g.nonce));
	g.cap = plain.n + TOKEN_SEAL_TAG;
	g.out = buf_extend(ret, g.cap);
	if (buf_err(ret))
		return buf_err(ret);
	e = gcm(s, &g);
	if (!e && g.n != g.cap)
		e = err_set(INRO_E_TOKEN, "token '%s' made %lu octets of %zu", s->token->info.label,
			    g.n, plain.n);
	return e;
}

enum inro_err token_secret_open(struct token_secret *s, struct bytes aad, struct bytes sealed,
				struct secret *ret)
{
	struct gcm_call g = { .aad = aad };
	SCOPED(secret) plain = { 0 };
	struct bytes nonce;
	enum inro_err e = read_bytes(&sealed, TOKEN_SEAL_NONCE, &nonce);

	if (e || sealed.n <= TOKEN_SEAL_TAG)
		return err_set(INRO_E_DAMAGED, "a sealed secret of %zu octets", sealed.n);
	memcpy(g.nonce, nonce.p, nonce.n);
	g.in = sealed;
	g.cap = sealed.n; /* room for modules that want as much as went in */
	e = secret_new(g.cap, &plain);
	g.out = plain.p;
	if (!e)
		e = gcm(s, &g);
	if (e)
		return e;
	secret_shrink(&plain, g.n);
	*ret = plain;
	plain = (struct secret) { 0 };
	return INRO_OK;
}

/* ---- random, MACs ---- */

enum inro_err token_secret_check_seal(struct token_secret *s)
{
	SCOPED(buf) sealed = { 0 };
	SCOPED(secret) opened = { 0 };
	enum inro_err e = check_kind(s);

	if (!e)
		e = token_secret_seal(s, BYTES_NONE, bytes_of("inro"), &sealed);
	return e ? e : token_secret_open(s, BYTES_NONE, buf_bytes(&sealed), &opened);
}

enum inro_err token_random(struct token *t, size_t n, struct secret *ret)
{
	SCOPED(secret) made = { 0 };
	enum inro_err e = token_ready(t);

	if (!e)
		e = secret_new(n, &made);
	if (!e)
		e = ck_err(t->module, t->f->C_GenerateRandom(t->session, made.p, made.n),
			   "C_GenerateRandom");
	if (e)
		return e;
	*ret = made;
	made = (struct secret) { 0 };
	return INRO_OK;
}

static enum inro_err session_key(struct token *t, const struct token_mac *m, CK_OBJECT_HANDLE *ret)
{
	static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	struct template tpl = { 0 };

	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add_ulong(&tpl, CKA_KEY_TYPE, &m->type);
	template_add_bool(&tpl, CKA_TOKEN, false);
	template_add_bool(&tpl, CKA_SENSITIVE, true);
	template_add_bool(&tpl, CKA_EXTRACTABLE, false);
	template_add_bool(&tpl, CKA_SIGN, true);
	template_add_bool(&tpl, CKA_VERIFY, true);
	template_add(&tpl, CKA_VALUE, m->key);
	return ck_err(t->module, t->f->C_CreateObject(t->session, tpl.a, tpl.n, ret),
		      "C_CreateObject");
}

enum inro_err token_mac_verify(struct token *t, const struct token_mac *m, struct bytes message,
			       struct bytes mac)
{
	CK_MECHANISM mech = { m->mech, NULL, 0 };
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	enum inro_err e = token_ready(t);

	if (!e)
		e = session_key(t, m, &key);
	if (e)
		return e;
	e = ck_err(t->module, t->f->C_VerifyInit(t->session, &mech, key), "C_VerifyInit");
	if (!e)
		e = ck_err(t->module,
			   t->f->C_Verify(t->session, unconst(message.p), message.n, unconst(mac.p),
					  mac.n),
			   "C_Verify");
	(void)t->f->C_DestroyObject(t->session, key);
	return e == INRO_E_SIGNATURE_LENGTH ? INRO_E_SIGNATURE : e;
}
