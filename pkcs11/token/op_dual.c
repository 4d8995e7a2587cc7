/* op_dual - two operations over the same data; the key in a digest. */
#include "pkcs11/token/op_dual.h"

#include "pkcs11/token/op_private.h"
#include "pkcs11/token/policy.h"

/* Both must be active; an error ends both. */
struct pair {
	enum op_slot first, second;
};

static enum inro_err get_both(struct session *s, struct pair p, struct op **ret_second)
{
	struct op *first;
	enum inro_err e = op_get(s, p.first, &first);

	if (!e)
		e = op_get(s, p.second, ret_second);
	if (!e)
		e = op_check_login(first);
	return e ? e : op_check_login(*ret_second);
}

static enum inro_err after_both(struct session *s, struct pair p, enum inro_err e)
{
	if (e && e != INRO_E_TOO_SMALL) {
		op_end(s, p.first);
		op_end(s, p.second);
	}
	return e;
}

enum inro_err op_dual_encrypt(struct session *s, enum op_slot first, struct bytes part,
			      struct op_out out)
{
	struct pair p = { first, OP_ENCRYPT };
	struct op *cipher;
	enum inro_err e = get_both(s, p, &cipher);

	if (e)
		return e;
	if (cipher->way != WAY_WHOLE && op_answered(op_step_size(cipher, part.n), out, &e))
		return e;
	e = op_update(s, first, part);
	if (!e)
		e = op_step(s, OP_ENCRYPT, part, out);
	return after_both(s, p, e);
}

enum inro_err op_dual_decrypt(struct session *s, enum op_slot first, struct bytes part,
			      struct op_out out)
{
	struct pair p = { first, OP_DECRYPT };
	struct op *cipher;
	enum inro_err e = get_both(s, p, &cipher);

	if (e)
		return e;
	e = op_step(s, OP_DECRYPT, part, out);
	if (!e && out.p)
		e = op_update(s, first, BYTES(out.p, *out.len));
	return after_both(s, p, e);
}

/* ---- the key in a digest ---- */

static bool may_be_seen(const struct object *key)
{
	return key->kind->key == KEY_SECRET && policy_readable(&key->attrs);
}

static enum inro_err reveal(struct session *s, CK_OBJECT_HANDLE handle, struct secret *ret)
{
	struct token *t = s->token;
	struct loaded_key *loaded = NULL;
	struct object *key;
	enum inro_err e = objects_get(t, handle, &key);

	if (e == INRO_E_OBJECT_HANDLE || (!e && key->kind->key == KEY_NONE))
		return err_set(INRO_E_KEY_HANDLE, "there is no key with handle %lu", handle);
	if (!e && !may_be_seen(key))
		e = err_set(INRO_E_KEY_INDIGESTIBLE,
			    "only a secret key that may be read can be hashed");
	if (!e)
		e = object_key(key, &loaded);
	if (e)
		return e;
	token_enter_gate(t);
	e = t->ops->reveal(t->backend, loaded->key, ret);
	token_leave_gate(t);
	return e;
}

enum inro_err op_digest_key(struct session *s, CK_OBJECT_HANDLE key)
{
	SCOPED(secret) value = { 0 };
	struct op *op;
	enum inro_err e = op_get(s, OP_DIGEST, &op);

	if (e)
		return e;
	token_lock(s->token);
	e = reveal(s, key, &value);
	token_unlock(s->token);
	op->parts = true;
	if (!e)
		e = op_feed(op, secret_bytes(&value));
	return op_after(op, e);
}
