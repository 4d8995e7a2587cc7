/* hardware - evidence, wrapped keys in and out, facts. */
#include "pkcs11/token/hardware.h"

#include "base/cryptoki/admin.h"
#include "pkcs11/token/party.h"

#define MAX_FILE ((size_t)16 << 10)

static enum inro_err unsupported(void)
{
	return err_set(INRO_E_UNSUPPORTED, "this token has no TPM: its keys are in software");
}

/* ---- evidence ---- */

/* With the gate held. */
static enum inro_err attest(struct token *t, const struct loaded_key *key, struct bytes nonce,
			    struct buf *ret)
{
	if (!loaded_key_is_live(key))
		return err_set(INRO_E_LOGIN, "the user has logged out");
	return t->ops->attest(t->backend, key->key, nonce, ret);
}

static enum inro_err attest_in_gate(struct token *t, const struct loaded_key *key,
				    struct bytes nonce, struct buf *ret)
{
	enum inro_err e;

	token_enter_gate(t);
	e = attest(t, key, nonce, ret);
	token_leave_gate(t);
	return e;
}

/* A reference to the key of a handle, loaded. */
static enum inro_err take_key(struct token *t, CK_OBJECT_HANDLE handle, struct object **ret_object,
			      struct loaded_key **ret)
{
	struct loaded_key *loaded = NULL;
	enum inro_err e = party_target(t, handle, ret_object);

	if (!e)
		e = object_key(*ret_object, &loaded);
	if (!e)
		*ret = loaded_key_ref(loaded);
	return e;
}

enum inro_err hardware_attest(struct session *s, CK_OBJECT_HANDLE key, struct bytes nonce,
			      struct buf *ret)
{
	struct token *t = s->token;
	struct object *o;
	struct loaded_key *loaded = NULL;
	enum inro_err e;

	if (!t->ops->attest)
		return unsupported();
	if (nonce.n == 0 || nonce.n > HARDWARE_NONCE)
		return err_set(INRO_E_ARG, "a nonce has 1 to %d bytes", HARDWARE_NONCE);
	token_lock(t);
	e = take_key(t, key, &o, &loaded);
	token_unlock(t);
	if (!e)
		e = attest_in_gate(t, loaded, nonce, ret);
	loaded_key_unref(loaded);
	return e;
}

enum inro_err hardware_evidence(struct object *o, struct buf *ret)
{
	static const uint8_t nonce[32];
	struct token *t = o->token;
	struct loaded_key *key;
	enum inro_err e;

	if (attrs_ulong(&o->attrs, CKA_INRO_PLACE, PLACE_SOFT) != PLACE_TPM || !t->ops->attest)
		return err_set(INRO_E_ATTR_TYPE, "the key is in no TPM that could give evidence");
	e = object_key(o, &key);
	return e ? e : attest_in_gate(t, key, BYTES(nonce, sizeof nonce), ret);
}

/* ---- in ---- */

struct taking {
	struct object *made;
	struct key_spec spec;
};

static enum inro_err plan_take(struct session *s, const struct take_request *what, struct taking *p)
{
	const struct draft draft = { .use = RULE_UNWRAP,
				     .t = what->t,
				     .class = CK_UNAVAILABLE_INFORMATION,
				     .key_type = CK_UNAVAILABLE_INFORMATION };
	enum inro_err e = objects_draft(s, &draft, &p->made, &p->spec);

	if (!e && !object_has_secret(p->made))
		e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
			    "only secret and private keys come of wrapped ones");
	if (!e && p->spec.extractable)
		e = err_set(INRO_E_TEMPLATE_INCONSISTENT,
			    "a key that goes into a TPM can't be extractable");
	return e;
}

static enum inro_err take(struct taking *p, const struct take_request *what)
{
	SCOPED(buf) spki = { 0 };
	struct token *t = p->made->token;
	struct adoption made = { .how = { .birth = KEY_UNWRAPPED } };
	enum inro_err e;

	token_enter_gate(t);
	made.epoch = atomic_load(&t->login_epoch);
	e = t->ops->take(t->backend, &p->spec, what->file, what->auth, &made.key, &spki);
	token_leave_gate(t);
	made.spki = buf_bytes(&spki);
	return e ? e : object_adopt(p->made, &made);
}

enum inro_err hardware_take(struct session *s, const struct take_request *what,
			    CK_OBJECT_HANDLE *ret)
{
	AUTO(object_unref_ptr) struct object *o = NULL;
	struct taking p = { 0 };
	enum inro_err e;

	if (!s->token->ops->take)
		return unsupported();
	if (what->file.n == 0 || what->file.n > MAX_FILE)
		return err_set(INRO_E_WRAPPED_LENGTH, "a wrapped key of %zu bytes", what->file.n);
	e = plan_take(s, what, &p);
	o = p.made;
	if (!e)
		e = take(&p, what);
	if (!e)
		e = objects_keep_new(s, &o, 1);
	if (!e)
		*ret = o->handle;
	return e;
}

/* ---- out ---- */

/* What sensitive keys come of: outside whoever knows the authValue would see them. */
static bool makes_keys(const struct object *o)
{
	return attrs_bool(&o->attrs, CKA_INRO_MOVER, false) ||
	       attrs_bool(&o->attrs, CKA_UNWRAP, false) || attrs_bool(&o->attrs, CKA_DERIVE, false);
}

/* What it is used for outside is no longer what its attributes say. */
static enum inro_err check_give(const struct object *o, const struct give_request *what)
{
	bool duplicable = attrs_bool(&o->attrs, CKA_INRO_DUPLICABLE, false);

	if (!attrs_bool(&o->attrs, CKA_COPYABLE, true))
		return err_set(INRO_E_ACTION_PROHIBITED, "the key may not be copied");
	if (attrs_bool(&o->attrs, CKA_ALWAYS_AUTHENTICATE, false))
		return err_set(INRO_E_ACTION_PROHIBITED,
			       "the key wants a login each time: outside nobody would ask for it");
	if (what->new_parent.n && !duplicable)
		return err_set(INRO_E_KEY_UNEXTRACTABLE,
			       "the key was not made duplicable: it stays in its TPM");
	if (makes_keys(o) && !duplicable)
		return err_set(INRO_E_KEY_UNEXTRACTABLE,
			       "the key moves or derives other keys, which would be readable "
			       "outside: it stays in the token");
	return INRO_OK;
}

static enum inro_err give(struct token *t, const struct loaded_key *key,
			  const struct give_request *what, struct buf *ret)
{
	enum inro_err e;

	token_enter_gate(t);
	if (!loaded_key_is_live(key))
		e = err_set(INRO_E_LOGIN, "the user has logged out");
	else
		e = t->ops->give(t->backend, key->key, what->new_parent, what->auth, ret);
	token_leave_gate(t);
	return e;
}

enum inro_err hardware_give(struct session *s, const struct give_request *what,
			    struct buf *ret_file)
{
	struct token *t = s->token;
	struct object *o = NULL;
	struct loaded_key *loaded = NULL;
	enum inro_err e;

	if (!t->ops->give)
		return unsupported();
	token_lock(t);
	e = take_key(t, what->key, &o, &loaded);
	if (!e)
		e = check_give(o, what);
	token_unlock(t);
	if (!e)
		e = give(t, loaded, what, ret_file);
	loaded_key_unref(loaded);
	return e;
}

/* ---- facts ---- */

enum inro_err hardware_tell(struct token *t, enum backend_fact what, struct buf *ret)
{
	return t->ops->tell ? t->ops->tell(t->backend, what, ret) : unsupported();
}

enum inro_err hardware_answer(struct token *t, struct bytes challenge, struct secret *ret)
{
	return t->ops->answer ? t->ops->answer(t->backend, challenge, ret) : unsupported();
}
