/* op - begin, end, logins. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/op_private.h"
#include "pkcs11/token/people.h"
#include "pkcs11/token/roles.h"
#include "pkcs11/token/settings.h"

const struct op_kind op_kinds[OP__MAX] = {
	[OP_SIGN] = { USE_SIGN, USE_SIGN, CKA_SIGN, CKO_PRIVATE_KEY, "signing", CKF_SIGN },
	[OP_VERIFY] = { USE_VERIFY, USE_SIGN, CKA_VERIFY, CKO_PUBLIC_KEY, "verifying", CKF_VERIFY },
	[OP_DIGEST] = { USE_DIGEST, 0, 0, 0, "hashing", CKF_DIGEST },
	[OP_ENCRYPT] = { USE_ENCRYPT, USE_ENCRYPT, CKA_ENCRYPT, CKO_PUBLIC_KEY, "encrypting",
			 CKF_ENCRYPT },
	[OP_DECRYPT] = { USE_DECRYPT, USE_DECRYPT, CKA_DECRYPT, CKO_PRIVATE_KEY, "decrypting",
			 CKF_DECRYPT },
	[OP_SIGN_RECOVER] = { USE_SIGN_RECOVER, USE_SIGN_RECOVER, CKA_SIGN_RECOVER, CKO_PRIVATE_KEY,
			      "signing with recovery", CKF_SIGN_RECOVER },
	[OP_VERIFY_RECOVER] = { USE_VERIFY_RECOVER, 0, CKA_VERIFY_RECOVER, CKO_PUBLIC_KEY,
				"verifying with recovery", CKF_VERIFY_RECOVER },
	[OP_VERIFY_SIGNATURE] = { USE_VERIFY, USE_SIGN, CKA_VERIFY, CKO_PUBLIC_KEY,
				  "verifying a signature", CKF_VERIFY },
	[OP_MESSAGE_SIGN] = { USE_SIGN, USE_SIGN, CKA_SIGN, CKO_PRIVATE_KEY, "signing messages",
			      CKF_MESSAGE_SIGN },
	[OP_MESSAGE_VERIFY] = { USE_VERIFY, USE_SIGN, CKA_VERIFY, CKO_PUBLIC_KEY,
				"verifying messages", CKF_MESSAGE_VERIFY },
	[OP_MESSAGE_ENCRYPT] = { USE_ENCRYPT, USE_ENCRYPT, CKA_ENCRYPT, CKO_PUBLIC_KEY,
				 "encrypting messages", CKF_MESSAGE_ENCRYPT },
	[OP_MESSAGE_DECRYPT] = { USE_DECRYPT, USE_DECRYPT, CKA_DECRYPT, CKO_PRIVATE_KEY,
				 "decrypting messages", CKF_MESSAGE_DECRYPT },
};

/* ---- end ---- */

/* After a logout the backend has none of them any more. */
static void end_stream(struct op *op)
{
	if (op->stream == 0)
		return;
	token_enter_gate(op->token);
	if (loaded_key_is_live(op->key))
		op->token->ops->op_end(op->token->backend, op->stream);
	token_leave_gate(op->token);
	op->stream = 0;
}

void op_stop(struct op *op)
{
	end_stream(op);
	loaded_key_unref(op->key);
	pkey_unref(op->pub);
	op->key = NULL;
	op->pub = NULL;
	mech_use_clear(&op->use);
	if (op->held.p)
		buf_clear(&op->held);
	if (op->sig.p)
		buf_clear(&op->sig);
	if (op->message)
		op_message_free(op->message);
	op->message = NULL;
	op->parts = op->always = op->waits = op->users = false;
	op->fed = 0;
	op->out_n = 0;
}

void op_end(struct session *s, enum op_slot slot)
{
	if (s->ops[slot])
		op_stop(s->ops[slot]);
}

void op_cancel(struct session *s, CK_FLAGS flags)
{
	for (int i = 0; i < OP__MAX; i++) {
		if (flags & op_kinds[i].cancel)
			op_end(s, (enum op_slot)i);
	}
}

static void op_free(struct op *op)
{
	op_stop(op);
	if (op->md && !libcrypto_gone())
		EVP_MD_CTX_free(op->md);
	free(op);
}

void op_clear_all(struct session *s)
{
	for (int i = 0; i < OP__MAX; i++) {
		if (s->ops[i])
			op_free(s->ops[i]);
		s->ops[i] = NULL;
	}
}

bool op_is_dead(const struct op *op)
{
	if (op->key && !loaded_key_is_live(op->key))
		return true;
	return op->users && op->epoch != atomic_load(&op->token->login_epoch);
}

/* ---- begin ---- */

static enum inro_err start_hash(struct op *op)
{
	const EVP_MD *md;
	enum inro_err e = libctx_md(op->use.mech->digest, &md);

	if (e)
		return e;
	if (!op->md)
		op->md = EVP_MD_CTX_new();
	if (!op->md)
		return err_set(INRO_E_NO_MEMORY, "no memory for a hash");
	return EVP_DigestInit_ex2(op->md, md, NULL) ? INRO_OK : libcrypto_err("starting a hash");
}

enum inro_err op_again(struct op *op)
{
	end_stream(op);
	if (op->held.p)
		buf_clear(&op->held);
	op->parts = false;
	op->fed = 0;
	op->waits = op->always;
	return op->way == WAY_HASHED ? start_hash(op) : INRO_OK;
}

static enum op_way choose_way(const struct op *op)
{
	unsigned traits = op->use.mech->traits;
	enum key_use use = op_kinds[op->slot].use;

	if (op->use.mech->digest != 0)
		return WAY_HASHED;
	if (traits & MECH_COLLECT || (traits & MECH_AEAD && use == USE_DECRYPT))
		return WAY_COLLECTED;
	if (traits & MECH_ONE_PART || op->use.mech->key != KEY_SECRET)
		return WAY_WHOLE;
	return WAY_STREAMED;
}

/* CKA_ALLOWED_MECHANISMS; some mechanisms are only for keys that name them. */
static bool mechanism_allowed(const struct object *key, const struct mech *m)
{
	return policy_mechanism(&key->attrs, m->type) &&
	       (!(m->traits & MECH_BY_KEY) || attrs_has(&key->attrs, CKA_ALLOWED_MECHANISMS));
}

static enum inro_err check_kind(const struct object *key, enum op_slot slot, const struct mech *m)
{
	const struct op_kind *kind = &op_kinds[slot];

	if (!mech_takes(m, key->kind->key, key->kind->key_type))
		return err_set(INRO_E_KEY_TYPE, "mechanism 0x%lx does not fit an %s", m->type,
			       key->kind->name);
	if (key->kind->key != KEY_SECRET && key->class != kind->pair)
		return err_set(INRO_E_KEY_TYPE, "%s needs a %s key", kind->name,
			       kind->pair == CKO_PRIVATE_KEY ? "private" : "public");
	if (!attrs_bool(&key->attrs, kind->permits, false))
		return err_set(INRO_E_KEY_USE, "the key's attributes do not permit %s", kind->name);
	if (!mechanism_allowed(key, m))
		return err_set(INRO_E_MECHANISM,
			       "mechanism 0x%lx is not among those allowed for the key", m->type);
	return INRO_OK;
}

/* Old data may have been signed and encrypted with small keys. */
static bool small_is_fine(enum op_slot slot)
{
	enum key_use use = op_kinds[slot].use;

	return settings_get()->legacy && (use == USE_VERIFY || use == USE_DECRYPT);
}

static enum inro_err check_size(const struct object *key, enum op_slot slot, const struct mech *m)
{
	CK_ULONG n = attrs_ulong(&key->attrs, CKA_VALUE_LEN, 0);

	if (key->kind->key != KEY_SECRET || n == 0 || mech_takes_size(m, n) || small_is_fine(slot))
		return INRO_OK;
	return err_set(INRO_E_KEY_SIZE, "mechanism 0x%lx does not take a key of %lu bytes", m->type,
		       n);
}

static enum inro_err find_key(struct token *t, CK_OBJECT_HANDLE handle, struct object **ret)
{
	enum inro_err e = objects_get(t, handle, ret);

	if (e == INRO_E_OBJECT_HANDLE)
		return err_set(INRO_E_KEY_HANDLE, "there is no key with handle %lu", handle);
	if (!e && (*ret)->kind->key == KEY_NONE)
		return err_set(INRO_E_KEY_HANDLE, "handle %lu is not that of a key", handle);
	return e;
}

/* Every signature of a key has one length, every MAC of a mechanism. */
static enum inro_err take_size(struct op *op, struct object *key)
{
	struct pkey *pub;
	enum inro_err e;

	if (key->kind->key == KEY_SECRET) {
		op->out_n =
			op->use.spec.tag_n ? op->use.spec.tag_n : mech_mac_size(op->use.mech->raw);
		return INRO_OK;
	}
	e = object_public(key, &pub);
	if (!e)
		op->out_n = pkey_sig_len(pub);
	return e;
}

/* The token's lock is held. */
static enum inro_err take_key(struct op *op, struct object *key)
{
	struct loaded_key *loaded = NULL;
	struct pkey *pub = NULL;
	bool here = key->class == CKO_PUBLIC_KEY;
	enum inro_err e = check_kind(key, op->slot, op->use.mech);

	if (!e)
		e = check_size(key, op->slot, op->use.mech);
	if (!e)
		e = take_size(op, key);
	if (!e)
		e = here ? object_public(key, &pub) : object_key(key, &loaded);
	if (!e)
		e = roles_may_use(key, op_kinds[op->slot].use);
	if (e)
		return e;
	op->key = here ? NULL : loaded_key_ref(loaded);
	op->pub = here ? pkey_ref(pub) : NULL;
	op->users = key->private;
	op->epoch = atomic_load(&op->token->login_epoch);
	op->always = !here && attrs_bool(&key->attrs, CKA_ALWAYS_AUTHENTICATE, false);
	op->waits = op->always;
	return INRO_OK;
}

static enum inro_err prepare(struct session *s, struct op *op, const struct op_init *what)
{
	struct token *t = s->token;
	struct object *key = NULL;
	enum inro_err e;

	if (what->slot == OP_DIGEST) {
		op->out_n = libctx_md_size(op->use.mech->digest);
		return start_hash(op);
	}
	token_lock(t);
	e = find_key(t, what->key, &key);
	if (!e)
		e = take_key(op, key);
	token_unlock(t);
	if (!e && op->way == WAY_HASHED)
		e = start_hash(op);
	return e;
}

enum inro_err op_prepare(struct session *s, struct op *op, const struct op_init *what)
{
	struct token *t = s->token;
	bool messages = what->slot == OP_MESSAGE_ENCRYPT || what->slot == OP_MESSAGE_DECRYPT;
	enum inro_err e = (messages ? mech_open_message : mech_open)(
		what->mech, op_kinds[what->slot].use, t->ops->mechanisms(t->backend), &op->use);

	if (e)
		return e;
	op->slot = what->slot;
	op->token = t;
	op->way = choose_way(op);
	e = prepare(s, op, what);
	if (e)
		op_stop(op);
	return e;
}

static enum inro_err get_room(struct session *s, enum op_slot slot, struct op **ret)
{
	if (!s->ops[slot])
		s->ops[slot] = calloc(1, sizeof(struct op));
	*ret = s->ops[slot];
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for an operation");
}

static enum inro_err keep_signature(struct op *op, struct bytes sig)
{
	enum inro_err e = op_sig_fits(op, sig.n);

	if (e)
		return e;
	buf_add(&op->sig, sig);
	return buf_err(&op->sig);
}

/* 5.2 of 3.0: no mechanism ends what is active; before 3.0 it was only a mistake. */
static enum inro_err give_up(struct session *s, enum op_slot slot)
{
	if (!s->ops[slot] || !s->ops[slot]->use.mech)
		return err_set(INRO_E_ARG, "no mechanism is given, and nothing is active");
	op_end(s, slot);
	return INRO_OK;
}

enum inro_err op_begin(struct session *s, const struct op_init *what)
{
	struct op *op;
	enum inro_err e;

	if (!what->mech)
		return give_up(s, what->slot);
	e = get_room(s, what->slot, &op);
	if (!e && op->use.mech && op_is_dead(op))
		op_stop(op);
	if (!e && op->use.mech)
		e = err_set(INRO_E_OP_ACTIVE, "%s has begun already in this session",
			    op_kinds[what->slot].name);
	if (!e)
		e = op_prepare(s, op, what);
	if (e || what->slot != OP_VERIFY_SIGNATURE)
		return e;
	e = keep_signature(op, what->sig);
	if (e)
		op_stop(op);
	return e;
}

/* ---- what is active ---- */

enum inro_err op_get(struct session *s, enum op_slot slot, struct op **ret)
{
	if (!s->ops[slot] || !s->ops[slot]->use.mech)
		return err_set(INRO_E_OP_NOT_INITIALIZED, "%s has not begun in this session",
			       op_kinds[slot].name);
	*ret = s->ops[slot];
	return INRO_OK;
}

enum inro_err op_get_whole(struct session *s, enum op_slot slot, struct op **ret)
{
	enum inro_err e = op_get(s, slot, ret);

	if (e || !(*ret)->parts)
		return e;
	op_stop(*ret);
	return err_set(INRO_E_OP_ACTIVE, "%s has begun in parts and ends in parts",
		       op_kinds[slot].name);
}

enum inro_err op_check_login(const struct op *op)
{
	if (op->waits)
		return err_set(INRO_E_LOGIN,
			       "each use of this key takes a login (CKU_CONTEXT_SPECIFIC)");
	return INRO_OK;
}

enum inro_err op_after(struct op *op, enum inro_err e)
{
	if (e && e != INRO_E_TOO_SMALL && !(e == INRO_E_LOGIN && op->waits))
		op_stop(op);
	return e;
}

/* ---- logins ---- */

static struct op *waiting(const struct session *s)
{
	for (int i = 0; i < OP__MAX; i++) {
		if (s->ops[i] && s->ops[i]->use.mech && s->ops[i]->waits)
			return s->ops[i];
	}
	return NULL;
}

enum inro_err op_may_login(const struct session *s)
{
	return waiting(s) ? INRO_OK
			  : err_set(INRO_E_OP_NOT_INITIALIZED,
				    "no operation waits for its own login");
}

enum inro_err op_login(struct session *s, struct bytes pin)
{
	struct op *op = waiting(s);
	enum inro_err e = op_may_login(s);

	if (e)
		return e;
	token_lock(s->token);
	e = token_prove_login(s->token, pin);
	token_unlock(s->token);
	if (!e)
		op->waits = false;
	return e;
}
