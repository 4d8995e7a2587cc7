/* hardware - what keys in a TPM can do besides: through the vendor interface (admin.h, 1.2). */
#include "backoffice/token/internal.h"

#define USUAL_ROOM                                                                                 \
	((CK_ULONG)8192) /* more than any answer but a very long chain of certificates             \
			  */

static enum inro_err need_admin(struct token *t, const struct inro_admin **ret)
{
	const struct inro_admin *admin = ck_module_admin(t->module);

	if (!admin)
		return err_set(INRO_E_UNSUPPORTED, "%s can't do that: it is not Inro's module",
			       ck_module_path(t->module));
	if (admin->version.minor < 2)
		return err_set(INRO_E_UNSUPPORTED, "%s is of an earlier version than this program",
			       ck_module_path(t->module));
	*ret = admin;
	return INRO_OK;
}

static struct inro_text text_of(struct bytes b)
{
	return (struct inro_text) { .p = (const char *)b.p, .n = b.n };
}

/* ---- questions, with an answer of a length that is not known before ---- */

struct question {
	CK_RV (*ask)(const struct question *q, CK_BYTE *out, CK_ULONG *n);
	const char *name;
	const struct inro_admin *admin;
	struct token *t;
	CK_ULONG fact;
	CK_OBJECT_HANDLE key;
	struct bytes in, auth;
};

static CK_RV ask_tell(const struct question *q, CK_BYTE *out, CK_ULONG *n)
{
	return q->admin->tell(q->t->info.slot, q->fact, out, n);
}

static CK_RV ask_answer(const struct question *q, CK_BYTE *out, CK_ULONG *n)
{
	return q->admin->answer(q->t->info.slot, text_of(q->in), out, n);
}

static CK_RV ask_attest(const struct question *q, CK_BYTE *out, CK_ULONG *n)
{
	return q->admin->attest(q->t->session, q->key, text_of(q->in), out, n);
}

static CK_RV ask_give(const struct question *q, CK_BYTE *out, CK_ULONG *n)
{
	return q->admin->give(q->t->session, q->key, text_of(q->in), text_of(q->auth), out, n);
}

static enum inro_err ask(struct token *t, struct question *q, struct buf *ret)
{
	CK_ULONG n = USUAL_ROOM;
	CK_RV rv = CKR_BUFFER_TOO_SMALL;
	enum inro_err e = need_admin(t, &q->admin);

	q->t = t;
	for (int tries = 0; !e && rv == CKR_BUFFER_TOO_SMALL && tries < 3; tries++) {
		uint8_t *room;

		buf_reset(ret);
		room = buf_extend(ret, n);
		if (!room)
			return buf_err(ret);
		rv = q->ask(q, room, &n);
	}
	if (!e)
		e = ck_err(t->module, rv, q->name);
	buf_truncate(ret, e ? 0 : n);
	return e;
}

enum inro_err token_tell(struct token *t, CK_ULONG fact, struct buf *ret)
{
	struct question q = { .ask = ask_tell, .name = "tell", .fact = fact };

	return ask(t, &q, ret);
}

enum inro_err token_answer(struct token *t, struct bytes challenge, struct buf *ret)
{
	struct question q = { .ask = ask_answer, .name = "answer", .in = challenge };

	return ask(t, &q, ret);
}

/* The object with the secret. */
static enum inro_err find_key(struct token *t, const struct token_entry *entry,
			      CK_OBJECT_HANDLE *ret)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_OBJECT_CLASS class = entry->type == P11_SECRET_KEY ? CKO_SECRET_KEY : CKO_PRIVATE_KEY;
	CK_ULONG n = 0;
	enum inro_err e = token_ready(t);

	if (!e && !entry->id_n)
		e = err_set(INRO_E_ARG, "'%s' has no id, so its objects can't be told from others",
			    entry->label);
	if (!e)
		e = token_find_entry(t, class, entry, &found, &n);
	if (!e && n != 1)
		e = err_set(n ? INRO_E_AMBIGUOUS : INRO_E_NOT_FOUND,
			    "token '%s' has %lu keys with the id of '%s'", t->info.label, n,
			    entry->label);
	if (!e)
		*ret = found[0];
	return e;
}

enum inro_err token_key_attest(struct token *t, const struct token_entry *entry, struct bytes nonce,
			       struct buf *ret)
{
	struct question q = { .ask = ask_attest, .name = "attest", .in = nonce };
	enum inro_err e = find_key(t, entry, &q.key);

	return e ? e : ask(t, &q, ret);
}

enum inro_err token_key_give(struct token *t, const struct token_entry *entry,
			     struct bytes new_parent, struct bytes auth, struct buf *ret)
{
	struct question q = { .ask = ask_give, .name = "give", .in = new_parent, .auth = auth };
	enum inro_err e = find_key(t, entry, &q.key);

	return e ? e : ask(t, &q, ret);
}

/* ---- in ---- */

static enum inro_err take(struct token *t, const struct token_wrapped *w, struct template *tpl,
			  CK_OBJECT_HANDLE *ret)
{
	const struct inro_wrapped wrapped = { text_of(w->file), text_of(w->auth) };
	const struct inro_admin *admin;
	enum inro_err e = need_admin(t, &admin);

	return e ? e
		 : ck_err(t->module, admin->take(t->session, &wrapped, tpl->a, tpl->n, ret),
			  "take");
}

static const CK_ATTRIBUTE_TYPE rsa_parts[] = { CKA_MODULUS, CKA_PUBLIC_EXPONENT };
static const CK_ATTRIBUTE_TYPE ec_parts[] = { CKA_EC_PARAMS, CKA_EC_POINT };

/* The public half, of what the private one tells. */
static enum inro_err create_public(struct token *t, const struct token_key_plan *plan,
				   struct bytes id, CK_KEY_TYPE type, struct token_pair *pair)
{
	static const CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	const CK_ATTRIBUTE_TYPE *parts = type == CKK_RSA ? rsa_parts : ec_parts;
	SCOPED(buf) first = { 0 };
	SCOPED(buf) second = { 0 };
	struct template tpl = { 0 };
	enum inro_err e = ck_attr(t->module, t->session, pair->private_key, parts[0], &first);

	if (!e)
		e = ck_attr(t->module, t->session, pair->private_key, parts[1], &second);
	if (e)
		return e;
	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add_ulong(&tpl, CKA_KEY_TYPE, &type);
	template_public(&tpl, plan, id);
	template_add(&tpl, parts[0], buf_bytes(&first));
	template_add(&tpl, parts[1], buf_bytes(&second));
	return ck_err(t->module, t->f->C_CreateObject(t->session, tpl.a, tpl.n, &pair->public_key),
		      "C_CreateObject");
}

static enum inro_err take_pair(struct token *t, const struct token_key_plan *plan, struct bytes id,
			       const struct token_wrapped *w, struct token_pair *ret)
{
	static const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	struct template tpl = { 0 };
	enum inro_err e;

	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add_ulong(&tpl, CKA_KEY_TYPE, &w->type);
	template_private(&tpl, plan, id);
	template_wishes(&tpl, plan);
	e = take(t, w, &tpl, &ret->private_key);
	if (e)
		return e;
	e = create_public(t, plan, id, w->type, ret);
	if (e)
		(void)t->f->C_DestroyObject(t->session, ret->private_key);
	return e;
}

enum inro_err token_key_take(struct token *t, const struct token_key_plan *plan,
			     const struct token_wrapped *w, struct token_key **ret)
{
	SCOPED(buf) id = { 0 };
	struct token_pair pair;
	enum inro_err e = token_key_place(t, plan, &id);

	if (!e)
		e = take_pair(t, plan, buf_bytes(&id), w, &pair);
	return e ? e : token_key_adopt(t, &pair, plan, buf_bytes(&id), ret);
}

enum inro_err token_secret_take(struct token *t, const struct token_secret_plan *plan,
				const struct token_wrapped *w, struct buf *ret_id)
{
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE made;
	enum inro_err e = token_secret_name(t, plan, ret_id);

	if (e)
		return e;
	template_secret(&tpl, plan, buf_bytes(ret_id));
	return take(t, w, &tpl, &made);
}
