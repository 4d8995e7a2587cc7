/* wrap - C_WrapKey, C_WrapKeyAuthenticated. */
#include "pkcs11/token/wrap.h"

#include <string.h>

#include "pkcs11/token/nest.h"
#include "pkcs11/token/party.h"
#include "pkcs11/token/roles.h"

/* SP 800-38D 8.2.2: so many random bits that no nonce comes twice. */
#define FRESH_BITS 96

/* One wrapping, planned with the token's lock held and done without it. */
struct wrapping {
	struct mech_use use;
	struct room tag;       /* where the caller has it apart */
	struct loaded_key *by; /* references; the secret half, if there is one */
	struct loaded_key *key;
	struct buf spki; /* of a public wrapping key */
	struct role_claim claim;
};

static void wrapping_clear(struct wrapping *w)
{
	loaded_key_unref(w->by);
	loaded_key_unref(w->key);
	buf_clear(&w->spki);
	mech_use_clear(&w->use);
}

/* 5.18.3: as C_FindObjects would match. */
static enum inro_err check_template(const struct object *by, const struct object *key)
{
	SCOPED(attrs) want = { 0 };
	enum inro_err e = nest_read(attrs_bytes(&by->attrs, CKA_WRAP_TEMPLATE), &want);

	for (size_t i = 0; i < want.n && !e; i++) {
		const struct attr *has = attrs_find(&key->attrs, want.a[i].type);

		if (!has || !bytes_equal(attr_value(has), attr_value(&want.a[i])))
			e = err_set(INRO_E_KEY_HANDLE,
				    "CKA_WRAP_TEMPLATE does not let this key wrap one whose "
				    "attribute 0x%lx is otherwise",
				    want.a[i].type);
	}
	return e;
}

static bool chose_iv(const struct mech_use *u)
{
	bool kw = u->mech->type == CKM_AES_KEY_WRAP || u->mech->type == CKM_AES_KEY_WRAP_KWP;

	return kw && u->spec.iv.n > 0;
}

static enum inro_err check_rules(const struct object *by, const struct object *half,
				 const struct object *key, struct wrapping *w)
{
	struct policy_wrapping p = { .mech = w->use.mech->type,
				     .own_nonce = w->use.fresh_bits >= FRESH_BITS,
				     .chosen_iv = chose_iv(&w->use),
				     .aes_bits = (unsigned)w->use.spec.aes_bits,
				     .by = &by->attrs,
				     .half = half ? &half->attrs : NULL,
				     .key = &key->attrs };
	enum inro_err e = policy_wrap(&p, &w->claim);

	return e ? e : check_template(by, key);
}

/* The public key as it crosses; its private half, if it is here, stands for the family. */
static enum inro_err take_public(struct object *by, struct object *half, struct wrapping *w)
{
	buf_add(&w->spki, attrs_bytes(&by->attrs, CKA_PUBLIC_KEY_INFO));
	if (half)
		w->by = loaded_key_ref(half->key);
	return buf_err(&w->spki);
}

static enum inro_err plan(struct token *t, const struct wrap_request *what, struct wrapping *w)
{
	struct object *by = NULL, *half = NULL, *key = NULL;
	/* The look for the target may find that the login is over, which ends them. */
	AUTO(object_unref_ptr) struct object *by_held = NULL;
	AUTO(object_unref_ptr) struct object *half_held = NULL;
	struct loaded_key *loaded = NULL;
	enum inro_err e = party_find(t, what->by, USE_WRAP, w->use.mech, &by);

	if (!e)
		by_held = object_ref(by);
	if (!e && by->class == CKO_PUBLIC_KEY) /* which may read any number of keys */
		e = party_half(by, &half);
	if (!e && half)
		half_held = object_ref(half);
	if (!e)
		e = party_target(t, what->key, &key);
	if (!e)
		e = object_check_trust(by);
	if (!e)
		e = check_rules(by, half, key, w);
	if (!e)
		e = object_key(key, &loaded);
	if (e)
		return e;
	w->key = loaded_key_ref(loaded);
	if (by->class == CKO_PUBLIC_KEY)
		return take_public(by, half, w);
	w->by = loaded_key_ref(by->key);
	return INRO_OK;
}

static enum inro_err make_blob(struct token *t, const struct wrapping *w, struct buf *ret)
{
	struct wrap_key by = { .spki = buf_bytes(&w->spki) };
	enum inro_err e;

	if (by.spki.n == 0)
		by.key = w->by->key;
	token_enter_gate(t);
	if (!loaded_key_is_live(w->key))
		e = err_set(INRO_E_LOGIN, "the user has logged out");
	else
		e = t->ops->wrap(t->backend, &by, &w->use.spec, w->key->key, ret);
	token_leave_gate(t);
	if (e == INRO_E_DATA_LENGTH)
		e = err_set(INRO_E_KEY_SIZE, "the key has a length that can't be wrapped so");
	return e;
}

/* The roles are on record before the caller has a byte. */
static enum inro_err claim(struct token *t, const struct wrapping *w)
{
	unsigned before;
	enum inro_err e;

	if (!w->by)
		return INRO_OK;
	token_lock(t);
	e = roles_claim(w->by, &w->claim, &before);
	token_unlock(t);
	return e;
}

/* The whole of it, or the tag behind it apart. */
static enum inro_err give(struct token *t, const struct wrapping *w, struct bytes blob,
			  uint8_t *out, CK_ULONG *len)
{
	CK_ULONG room = *len;
	size_t n = blob.n - w->tag.cap;
	enum inro_err e = INRO_OK;

	if (out && room >= n)
		e = claim(t, w);
	if (e)
		return e;
	*len = n;
	if (out && room < n)
		return err_set(INRO_E_TOO_SMALL, "%zu bytes are needed, %lu are there", n, room);
	if (out && n > 0)
		memcpy(out, blob.p, n);
	if (out && w->tag.cap > 0)
		memcpy(w->tag.p, blob.p + n, w->tag.cap);
	return INRO_OK;
}

static enum inro_err open_mech(struct token *t, const struct wrap_request *what,
			       struct wrapping *w)
{
	const CK_MECHANISM_TYPE *can = t->ops->mechanisms(t->backend);

	if (!what->authenticated)
		return mech_open(what->mech, USE_WRAP, can, &w->use);
	return mech_open_sealing(&(struct mech_sealing) { what->mech, USE_WRAP, what->ad }, can,
				 &w->use, &w->tag);
}

enum inro_err wrap_key(struct session *s, const struct wrap_request *what, uint8_t *out,
		       CK_ULONG *len)
{
	SCOPED(wrapping) w = { 0 };
	SCOPED(buf) blob = { 0 };
	struct token *t = s->token;
	enum inro_err e = open_mech(t, what, &w);

	if (e)
		return e;
	token_lock(t);
	e = plan(t, what, &w);
	token_unlock(t);
	if (!e)
		e = make_blob(t, &w, &blob);
	return e ? e : give(t, &w, buf_bytes(&blob), out, len);
}
