/* change - C_CopyObject, C_SetAttributeValue, C_DestroyObject. */
#include "pkcs11/token/objects.h"

#define CHANGE_TRIES 16

/* A key's twin: its secret, sealed for the twin and loaded from that. */
static enum inro_err copy_key(struct object *from, struct object *to)
{
	SCOPED(buf) binding = { 0 };
	SCOPED(buf) sealed = { 0 };
	struct token *t = from->token;
	struct loaded_key *key;
	backend_key twin;
	enum inro_err e = object_load(from, &key);

	object_binding(to, &binding);
	if (!e)
		e = buf_err(&binding);
	if (!e)
		e = t->ops->seal_key(t->backend, key->key, buf_bytes(&binding), &sealed);
	if (!e)
		e = t->ops->load(t->backend, buf_bytes(&sealed), buf_bytes(&binding), &twin);
	return e ? e : loaded_key_new(t, twin, atomic_load(&t->login_epoch), &to->key);
}

/* What has the officer's trust afterwards must have had it before: sealed anew or copied, a word
 * that somebody has written into the file would become the token's own. */
static enum inro_err check_trust(const struct object *from, const struct attrs *then)
{
	return attrs_bool(then, CKA_TRUSTED, false) ? object_check_trust(from) : INRO_OK;
}

static unsigned officer(const struct session *s)
{
	return s->token->login == CKU_SO ? RULE_OFFICER : 0;
}

static enum inro_err copy(struct session *s, CK_OBJECT_HANDLE handle, struct template t,
			  struct object **ret)
{
	struct object *from;
	enum inro_err e = objects_get(s->token, handle, &from);

	if (e)
		return e;
	if (!attrs_bool(&from->attrs, CKA_COPYABLE, true))
		return err_set(INRO_E_ACTION_PROHIBITED, "the object may not be copied");
	e = object_new(s->token, from->kind, ret);
	if (!e)
		e = attrs_copy(&from->attrs, &(*ret)->attrs);
	if (!e)
		e = template_change(t, from->kind, RULE_SET | RULE_COPY | officer(s),
				    &(*ret)->attrs);
	/* Before the secret is touched: the copy may be one that this session can't keep. */
	if (!e)
		e = session_may_keep(s, *ret);
	if (!e)
		e = check_trust(from, &(*ret)->attrs);
	if (!e && object_has_secret(from))
		e = copy_key(from, *ret);
	return e ? e : objects_keep(s, ret, 1);
}

enum inro_err objects_copy(struct session *s, CK_OBJECT_HANDLE from, struct template t,
			   CK_OBJECT_HANDLE *ret)
{
	AUTO(object_unref_ptr) struct object *o = NULL;
	enum inro_err e = template_check(t);

	if (e)
		return e;
	token_lock(s->token);
	e = copy(s, from, t, &o);
	token_unlock(s->token);
	if (!e)
		*ret = o->handle;
	return e;
}

/* Puts the changed attributes in place and in the store; on failure the old ones are back. */
static enum inro_err store_change(struct object *o, struct attrs *changed)
{
	SCOPED(record) r = { 0 };
	struct attrs old = o->attrs;
	struct loaded_key *key;
	enum inro_err e = INRO_OK;

	if (o->row && object_has_secret(o))
		e = object_load(o, &key);
	if (!e)
		e = check_trust(o, changed);
	if (e)
		return e;
	o->attrs = *changed;
	o->version++;
	if (o->row)
		e = object_record(o, &r);
	if (!e && o->row)
		e = store_update(o->token->store, &r);
	if (e) {
		o->attrs = old;
		o->version--;
		return e;
	}
	*changed = old;
	return INRO_OK;
}

/* INRO_E_OBJECT_HANDLE also when another process changed it between our look and our write. */
static enum inro_err change_once(struct session *s, CK_OBJECT_HANDLE handle, struct template t)
{
	SCOPED(attrs) attrs = { 0 };
	struct object *o;
	enum inro_err e = token_look(s->token, true);

	if (!e)
		e = objects_get(s->token, handle, &o);
	if (!e)
		e = session_may_write(s, o->row != 0, o->private);
	if (e)
		return e;
	if (!attrs_bool(&o->attrs, CKA_MODIFIABLE, true))
		return err_set(INRO_E_ACTION_PROHIBITED, "the object may not be changed");
	e = attrs_copy(&o->attrs, &attrs);
	if (!e)
		e = template_change(t, o->kind, RULE_SET | officer(s), &attrs);
	if (!e)
		e = session_may_be(s, &attrs);
	return e ? e : store_change(o, &attrs);
}

static enum inro_err change(struct session *s, CK_OBJECT_HANDLE handle, struct template t)
{
	enum inro_err e = INRO_E_OBJECT_HANDLE;

	for (int tries = 0; e == INRO_E_OBJECT_HANDLE && tries < CHANGE_TRIES; tries++)
		e = change_once(s, handle, t);
	return e;
}

enum inro_err objects_change(struct session *s, CK_OBJECT_HANDLE handle, struct template t)
{
	enum inro_err e = template_check(t);

	if (e)
		return e;
	token_lock(s->token);
	e = change(s, handle, t);
	token_unlock(s->token);
	return e;
}

static enum inro_err destroy(struct session *s, CK_OBJECT_HANDLE handle)
{
	struct object *o;
	enum inro_err e = objects_get(s->token, handle, &o);

	if (!e)
		e = session_may_write(s, o->row != 0, o->private);
	if (e)
		return e;
	if (!attrs_bool(&o->attrs, CKA_DESTROYABLE, true))
		return err_set(INRO_E_ACTION_PROHIBITED, "the object may not be destroyed");
	if (o->row)
		e = store_delete(s->token->store, o->row);
	if (!e || e == INRO_E_OBJECT_HANDLE)
		object_drop(o);
	return e;
}

enum inro_err objects_destroy(struct session *s, CK_OBJECT_HANDLE handle)
{
	token_lock(s->token);
	enum inro_err e = destroy(s, handle);

	token_unlock(s->token);
	return e;
}
