/* unwrap - C_UnwrapKey, C_UnwrapKeyAuthenticated. */
#include "pkcs11/token/party.h"
#include "pkcs11/token/roles.h"
#include "pkcs11/token/wrap.h"

/* More than any key, wrapped in any way. */
#define MAX_BLOB ((size_t)64 << 10)

/* One unwrapping, planned with the token's lock held and done without it. */
struct unwrapping {
	struct mech_use use;
	struct loaded_key *by; /* a reference */
	struct object *made;   /* the new one */
	struct key_spec spec;
	struct role_claim claim;
};

static void unwrapping_clear(struct unwrapping *u)
{
	loaded_key_unref(u->by);
	object_unref(u->made);
	mech_use_clear(&u->use);
}

/* Before the blob is tried: whether it opens is an answer, too. */
static enum inro_err look_at_roles(const struct unwrapping *u)
{
	struct role_claim only_look = u->claim;
	unsigned ignored;

	only_look.add = 0;
	return roles_claim(u->by, &only_look, &ignored);
}

static enum inro_err plan(struct session *s, const struct unwrap_request *what,
			  struct unwrapping *u)
{
	struct object *by;
	struct draft d = { .use = RULE_UNWRAP,
			   .t = what->t,
			   .class = CK_UNAVAILABLE_INFORMATION,
			   .key_type = CK_UNAVAILABLE_INFORMATION,
			   .from_type = CKA_UNWRAP_TEMPLATE };
	enum inro_err e = party_find(s->token, what->by, USE_UNWRAP, u->use.mech, &by);

	if (e)
		return e;
	d.from = &by->attrs;
	e = objects_draft_locked(s, &d, &u->made, &u->spec);
	if (!e && !object_has_secret(u->made))
		e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
			    "only secret and private keys come of unwrapping");
	if (e)
		return e;
	u->spec.params = BYTES_NONE; /* the blob says */
	policy_unwrap(&(struct policy_unwrapping) { .mech = u->use.mech->type,
						    .by = &by->attrs,
						    .made = &u->made->attrs },
		      &u->claim);
	u->by = loaded_key_ref(by->key);
	return look_at_roles(u);
}

/* With the gate held. */
static enum inro_err open_blob(struct token *t, const struct unwrapping *u, struct bytes blob,
			       struct adoption *ret, struct buf *ret_spki)
{
	enum inro_err e;

	if (!loaded_key_is_live(u->by))
		return err_set(INRO_E_LOGIN, "the user has logged out");
	e = t->ops->unwrap(t->backend, u->by->key, &u->use.spec, blob, &u->spec, &ret->key,
			   ret_spki);
	ret->epoch = atomic_load(&t->login_epoch);
	ret->spki = buf_bytes(ret_spki);
	return e;
}

static enum inro_err take_key(struct token *t, const struct unwrapping *u, struct bytes blob)
{
	SCOPED(buf) spki = { 0 };
	struct adoption a = { .how = { .birth = KEY_UNWRAPPED } };
	enum inro_err e;

	token_enter_gate(t);
	e = open_blob(t, u, blob, &a, &spki);
	token_leave_gate(t);
	return e ? e : object_adopt(u->made, &a);
}

/* The roles are on record before the caller has a handle. */
static enum inro_err keep(struct session *s, const struct unwrap_request *what,
			  const struct unwrapping *u)
{
	unsigned before = 0;
	enum inro_err e = roles_claim(u->by, &u->claim, &before);

	if (!e)
		e = policy_bind(before, what->t, &u->made->attrs);
	if (!e && !loaded_key_is_live(u->made->key))
		e = err_set(INRO_E_LOGIN, "the user logged out while the key was unwrapped");
	return e ? e : objects_keep(s, &u->made, 1);
}

static enum inro_err open_mech(struct token *t, const struct unwrap_request *what,
			       struct unwrapping *u, struct room *ret_tag)
{
	const CK_MECHANISM_TYPE *can = t->ops->mechanisms(t->backend);

	if (!what->authenticated)
		return mech_open(what->mech, USE_UNWRAP, can, &u->use);
	return mech_open_sealing(&(struct mech_sealing) { what->mech, USE_UNWRAP, what->ad }, can,
				 &u->use, ret_tag);
}

/* The backend has the tag behind the key. */
static enum inro_err join(struct bytes *blob, struct room tag, struct buf *room)
{
	if (tag.cap == 0)
		return INRO_OK;
	buf_add(room, *blob);
	buf_add(room, BYTES(tag.p, tag.cap));
	*blob = buf_bytes(room);
	return buf_err(room);
}

enum inro_err unwrap_key(struct session *s, const struct unwrap_request *what,
			 CK_OBJECT_HANDLE *ret)
{
	SCOPED(unwrapping) u = { 0 };
	SCOPED(buf) joined = { 0 };
	struct token *t = s->token;
	struct bytes blob = what->blob;
	struct room tag = { 0 };
	enum inro_err e = open_mech(t, what, &u, &tag);

	if (!e && (blob.n == 0 || blob.n > MAX_BLOB))
		e = err_set(INRO_E_WRAPPED_LENGTH, "a wrapped key of %zu bytes", blob.n);
	if (!e)
		e = join(&blob, tag, &joined);
	if (e)
		return e;
	token_lock(t);
	e = plan(s, what, &u);
	token_unlock(t);
	if (!e)
		e = take_key(t, &u, blob);
	/* C_UnwrapKey knows no other answer. */
	if (e == INRO_E_AEAD && !what->authenticated)
		e = err_set(INRO_E_WRAPPED, "the wrapped key is not whole");
	if (e)
		return e;
	token_lock(t);
	e = keep(s, what, &u);
	token_unlock(t);
	if (!e)
		*ret = u.made->handle;
	return e;
}
