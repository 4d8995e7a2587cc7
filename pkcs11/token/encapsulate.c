/* encapsulate - ML-KEM's two directions. */
#include "pkcs11/token/encapsulate.h"

#include <string.h>

#include "base/cryptoki/paramset.h"
#include "pkcs11/token/party.h"
#include "pkcs11/token/policy.h"

#define LEAST_PART 16

/* Planned with the token's lock held and done without it. */
struct capsule {
	struct mech_use use;
	struct loaded_key *key; /* decapsulation: a reference */
	struct buf spki;	/* encapsulation */
	size_t ciphertext;	/* bytes */
	struct object *made;
	struct key_spec spec;
};

static void capsule_clear(struct capsule *c)
{
	loaded_key_unref(c->key);
	object_unref(c->made);
	buf_clear(&c->spki);
	mech_use_clear(&c->use);
}

static enum inro_err set_size(struct key_spec *spec)
{
	if (spec->n == 0)
		spec->n = PARAMSET_SHARED;
	return spec->n >= LEAST_PART && spec->n <= PARAMSET_SHARED
		       ? INRO_OK
		       : err_set(INRO_E_KEY_SIZE, "a shared secret gives %d to %d bytes, not %zu",
				 LEAST_PART, PARAMSET_SHARED, spec->n);
}

static enum inro_err plan_made(struct session *s, const struct object *by, struct template t,
			       CK_ATTRIBUTE_TYPE from, struct capsule *c)
{
	struct draft d = { .use = RULE_DERIVE,
			   .t = t,
			   .class = CKO_SECRET_KEY,
			   .key_type = CKK_GENERIC_SECRET,
			   .type_is_free = true,
			   .from = &by->attrs,
			   .from_type = from };
	enum inro_err e = objects_draft_locked(s, &d, &c->made, &c->spec);

	if (!e)
		e = set_size(&c->spec);
	return e ? e : policy_inherit(&by->attrs, t, &c->made->attrs);
}

static enum inro_err ciphertext_size(const struct object *key, size_t *ret)
{
	const struct param_set *set;
	enum inro_err e =
		paramset_find(CKK_ML_KEM, attrs_ulong(&key->attrs, CKA_PARAMETER_SET, 0), &set);

	if (!e)
		*ret = set->out;
	return e;
}

static enum inro_err plan(struct session *s, const struct encapsulate_request *what,
			  enum key_use use, struct capsule *c)
{
	struct object *key;
	enum inro_err e = party_find(s->token, what->key, use, c->use.mech, &key);

	if (!e)
		e = ciphertext_size(key, &c->ciphertext);
	if (e)
		return e;
	if (use == USE_DECAPSULATE) {
		c->key = loaded_key_ref(key->key);
		return plan_made(s, key, what->t, CKA_DECAPSULATE_TEMPLATE, c);
	}
	buf_add(&c->spki, attrs_bytes(&key->attrs, CKA_PUBLIC_KEY_INFO));
	e = buf_err(&c->spki);
	return e ? e : plan_made(s, key, what->t, CKA_ENCAPSULATE_TEMPLATE, c);
}

static enum inro_err begin(struct session *s, const struct encapsulate_request *what,
			   enum key_use use, struct capsule *c)
{
	struct token *t = s->token;
	enum inro_err e = mech_open(what->mech, use, t->ops->mechanisms(t->backend), &c->use);

	if (e)
		return e;
	token_lock(t);
	e = plan(s, what, use, c);
	token_unlock(t);
	return e;
}

static enum inro_err keep(struct session *s, struct capsule *c, struct adoption *a)
{
	enum inro_err e;

	a->how.birth = KEY_DERIVED;
	e = object_adopt(c->made, a);
	if (e)
		return e;
	token_lock(s->token);
	if (!loaded_key_is_live(c->made->key))
		e = err_set(INRO_E_LOGIN, "the user logged out while the key was made");
	else
		e = objects_keep(s, &c->made, 1);
	token_unlock(s->token);
	return e;
}

static enum inro_err encapsulate(struct session *s, struct capsule *c, struct buf *ret)
{
	struct token *t = s->token;
	struct adoption a = { 0 };
	enum inro_err e;

	token_enter_gate(t);
	a.epoch = atomic_load(&t->login_epoch);
	e = t->ops->encapsulate(t->backend, buf_bytes(&c->spki), &c->use.spec, &c->spec, ret,
				&a.key);
	token_leave_gate(t);
	return e ? e : keep(s, c, &a);
}

enum inro_err encapsulate_key(struct session *s, const struct encapsulate_request *what,
			      uint8_t *out, CK_ULONG *len, CK_OBJECT_HANDLE *ret)
{
	SCOPED(capsule) c = { 0 };
	SCOPED(buf) ciphertext = { 0 };
	CK_ULONG room = *len;
	enum inro_err e = begin(s, what, USE_ENCAPSULATE, &c);

	if (e)
		return e;
	*len = c.ciphertext;
	if (!out)
		return INRO_OK;
	if (room < c.ciphertext)
		return err_set(INRO_E_TOO_SMALL, "%zu bytes are needed, %lu are there",
			       c.ciphertext, room);
	e = encapsulate(s, &c, &ciphertext);
	if (e)
		return e;
	*len = ciphertext.n;
	memcpy(out, ciphertext.p, ciphertext.n);
	*ret = c.made->handle;
	return INRO_OK;
}

enum inro_err decapsulate_key(struct session *s, const struct encapsulate_request *what,
			      struct bytes ciphertext, CK_OBJECT_HANDLE *ret)
{
	SCOPED(capsule) c = { 0 };
	struct token *t = s->token;
	struct adoption a = { 0 };
	enum inro_err e = begin(s, what, USE_DECAPSULATE, &c);

	if (!e && ciphertext.n != c.ciphertext)
		e = err_set(INRO_E_WRAPPED_LENGTH, "a ciphertext of %zu bytes, not %zu",
			    ciphertext.n, c.ciphertext);
	if (e)
		return e;
	token_enter_gate(t);
	a.epoch = atomic_load(&t->login_epoch);
	if (!loaded_key_is_live(c.key))
		e = err_set(INRO_E_LOGIN, "the user has logged out");
	else
		e = t->ops->decapsulate(t->backend, c.key->key, &c.use.spec, ciphertext, &c.spec,
					&a.key);
	token_leave_gate(t);
	if (!e)
		e = keep(s, &c, &a);
	if (!e)
		*ret = c.made->handle;
	return e;
}
