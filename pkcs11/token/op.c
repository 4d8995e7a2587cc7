/* op - begin, one step, parts, end. */
#include "pkcs11/token/op.h"

#include <string.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/session.h"

/* What makes the slots differ. */
static const struct {
	enum key_use use;
	CK_OBJECT_CLASS class; /* of its key */
	CK_ATTRIBUTE_TYPE permits;
	const char *name;
} slots[OP__MAX] = {
	[OP_SIGN] = { USE_SIGN, CKO_PRIVATE_KEY, CKA_SIGN, "signing" },
	[OP_VERIFY] = { USE_VERIFY, CKO_PUBLIC_KEY, CKA_VERIFY, "verifying" },
	[OP_DIGEST] = { USE_DIGEST, 0, 0, "hashing" },
};

void op_end(struct op *op)
{
	EVP_MD_CTX *md = op->md;

	loaded_key_unref(op->key);
	pkey_unref(op->pub);
	mech_use_clear(&op->use);
	op->parts = false;
	op->key = NULL;
	op->pub = NULL;
	op->out_n = 0;
	op->md = md;
}

void op_clear(struct op *op)
{
	op_end(op);
	if (op->md && !libctx_gone())
		EVP_MD_CTX_free(op->md);
	op->md = NULL;
}

/* ---- begin ---- */

static enum inro_err start_hash(struct op *op)
{
	const EVP_MD *md;
	enum inro_err e;

	if (op->use.mech->digest == 0)
		return INRO_OK;
	e = libctx_md(op->use.mech->digest, &md);
	if (e)
		return e;
	if (!op->md)
		op->md = EVP_MD_CTX_new();
	if (!op->md)
		return err_set(INRO_E_NO_MEMORY, "no memory for a hash");
	return EVP_DigestInit_ex2(op->md, md, NULL) ? INRO_OK : libctx_err("starting a hash");
}

static bool mechanism_allowed(const struct object *key, CK_MECHANISM_TYPE mech)
{
	const struct attr *a = attrs_find(&key->attrs, CKA_ALLOWED_MECHANISMS);
	struct bytes list = a ? attr_value(a) : BYTES_NONE;

	for (; list.n > 0; list = BYTES(list.p + sizeof mech, list.n - sizeof mech)) {
		if (memcmp(list.p, &mech, sizeof mech) == 0)
			return true;
	}
	return !a;
}

static enum inro_err check_key(const struct object *key, enum op_slot slot, const struct mech *m)
{
	if (key->class != slots[slot].class)
		return err_set(INRO_E_KEY_TYPE, "%s needs a %s key", slots[slot].name,
			       slot == OP_SIGN ? "private" : "public");
	if (key->kind->key != m->key)
		return err_set(INRO_E_KEY_TYPE, "mechanism 0x%lx does not fit an %s", m->type,
			       key->kind->name);
	if (!attrs_bool(&key->attrs, slots[slot].permits, false))
		return err_set(INRO_E_KEY_USE, "the key's attributes do not permit %s",
			       slots[slot].name);
	if (!mechanism_allowed(key, m->type))
		return err_set(INRO_E_MECHANISM,
			       "mechanism 0x%lx is not among those allowed for "
			       "the key",
			       m->type);
	return INRO_OK;
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

/* Every signature of a key has one length: RSA's modulus, twice EC's order. */
static enum inro_err signature_size(const struct object *key, size_t *ret)
{
	const struct curve *curve;
	enum inro_err e;

	if (key->kind->key == KEY_RSA) {
		*ret = attrs_bytes(&key->attrs, CKA_MODULUS).n;
		return INRO_OK;
	}
	e = curve_find(attrs_bytes(&key->attrs, CKA_EC_PARAMS), &curve);
	if (!e)
		*ret = 2 * curve->field;
	return e;
}

static enum inro_err take_key(struct op *op, enum op_slot slot, struct object *key)
{
	struct loaded_key *loaded = NULL;
	struct pkey *pub = NULL;
	enum inro_err e = check_key(key, slot, op->use.mech);

	if (!e)
		e = signature_size(key, &op->out_n);
	if (!e)
		e = slot == OP_SIGN ? object_key(key, &loaded) : object_public(key, &pub);
	if (e)
		return e;
	op->key = loaded ? loaded_key_ref(loaded) : NULL;
	op->pub = pub ? pkey_ref(pub) : NULL;
	return INRO_OK;
}

static enum inro_err prepare(struct session *s, struct op *op, const struct op_init *what)
{
	struct token *t = s->token;
	struct object *key = NULL;
	enum inro_err e = mech_open(what->mech, slots[what->slot].use,
				    t->ops->mechanisms(t->backend), &op->use);

	if (e)
		return e;
	if (what->slot == OP_DIGEST) {
		op->out_n = libctx_md_size(op->use.mech->digest);
		return start_hash(op);
	}
	token_lock(t);
	e = find_key(t, what->key, &key);
	if (!e)
		e = take_key(op, what->slot, key);
	token_unlock(t);
	return e ? e : start_hash(op);
}

enum inro_err op_begin(struct session *s, const struct op_init *what)
{
	struct op *op = &s->ops[what->slot];

	if (!what->mech) {
		op_end(op);
		return INRO_OK;
	}
	if (op->use.mech)
		return err_set(INRO_E_OP_ACTIVE, "%s has begun already in this session",
			       slots[what->slot].name);
	enum inro_err e = prepare(s, op, what);

	if (e)
		op_end(op);
	return e;
}

/* ---- steps ---- */

static enum inro_err add_to_hash(struct op *op, struct bytes in)
{
	if (in.n == 0 || EVP_DigestUpdate(op->md, in.p, in.n))
		return INRO_OK;
	return libctx_err("hashing");
}

static enum inro_err end_hash(struct op *op, uint8_t out[EVP_MAX_MD_SIZE], size_t *ret_n)
{
	unsigned n = 0;

	if (!EVP_DigestFinal_ex(op->md, out, &n))
		return libctx_err("ending a hash");
	*ret_n = n;
	return INRO_OK;
}

/* The private key's own part, with the gate held so that no logout comes between. */
static enum inro_err use_key(struct op *op, const struct use_spec *spec, struct bytes in,
			     uint8_t *out, size_t cap, size_t *ret_n)
{
	struct token *t = op->key->token;
	enum inro_err e;

	token_enter_gate(t);
	if (!loaded_key_is_live(op->key))
		e = err_set(INRO_E_LOGIN, "the user has logged out since the operation began");
	else
		e = t->ops->use(t->backend, &(struct use) { op->key->key, USE_SIGN, spec }, in,
				(struct room) { out, cap }, ret_n);
	token_leave_gate(t);
	return e;
}

/* Turns what was hashed, or the input as it is, into what the raw mechanism takes. */
static enum inro_err raw_input(struct op *op, struct bytes in, struct use_spec *ret_spec,
			       struct buf *room, struct bytes *ret_in)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t n = 0;
	enum inro_err e;

	if (op->use.mech->digest == 0) {
		*ret_spec = op->use.spec;
		*ret_in = in;
		return INRO_OK;
	}
	e = end_hash(op, hash, &n);
	if (!e)
		e = pkey_raw_form(&op->use.spec, BYTES(hash, n), ret_spec, room);
	*ret_in = buf_bytes(room);
	return e;
}

static enum inro_err sign(struct op *op, struct bytes in, uint8_t *out, size_t cap, size_t *ret_n)
{
	SCOPED(buf) room = { 0 };
	struct use_spec spec;
	enum inro_err e = raw_input(op, in, &spec, &room, &in);

	return e ? e : use_key(op, &spec, in, out, cap, ret_n);
}

static enum inro_err verify(struct op *op, struct bytes in, struct bytes sig)
{
	SCOPED(buf) room = { 0 };
	struct use_spec spec;
	enum inro_err e;

	if (sig.n != op->out_n)
		return err_set(INRO_E_SIGNATURE_LENGTH,
			       "a signature of %zu bytes; this key's have "
			       "%zu",
			       sig.n, op->out_n);
	e = raw_input(op, in, &spec, &room, &in);
	return e ? e : pkey_verify(op->pub, &spec, in, sig);
}

static enum inro_err check_active(const struct op *op, enum op_slot slot)
{
	return op->use.mech ? INRO_OK
			    : err_set(INRO_E_OP_NOT_INITIALIZED, "%s has not begun in this session",
				      slots[slot].name);
}

static enum inro_err check_whole(const struct op *op, enum op_slot slot)
{
	enum inro_err e = check_active(op, slot);

	if (!e && op->parts)
		return err_set(INRO_E_OP_ACTIVE, "%s has begun in parts and ends in parts",
			       slots[slot].name);
	return e;
}

/* The length query of PKCS#11 3.0 5.2: true when the caller is answered already. */
static bool answered(const struct op *op, const uint8_t *out, CK_ULONG *len, enum inro_err *ret)
{
	CK_ULONG room = *len;

	if (out && room >= op->out_n)
		return false;
	*len = op->out_n;
	*ret = out ? err_set(INRO_E_TOO_SMALL, "%zu bytes are needed, %lu are there", op->out_n,
			     room)
		   : INRO_OK;
	return true;
}

static enum inro_err produce(struct op *op, enum op_slot slot, struct bytes in, uint8_t *out,
			     CK_ULONG *len)
{
	size_t n = 0;
	enum inro_err e = slot == OP_DIGEST ? end_hash(op, out, &n) : sign(op, in, out, *len, &n);

	if (!e)
		*len = n;
	op_end(op);
	return e;
}

enum inro_err op_once(struct session *s, enum op_slot slot, struct bytes in, uint8_t *out,
		      CK_ULONG *len)
{
	struct op *op = &s->ops[slot];
	enum inro_err e = check_whole(op, slot);

	if (e == INRO_E_OP_ACTIVE)
		op_end(op);
	if (e || answered(op, out, len, &e))
		return e;
	if (op->use.mech->digest != 0)
		e = add_to_hash(op, in);
	if (e) {
		op_end(op);
		return e;
	}
	return produce(op, slot, in, out, len);
}

enum inro_err op_update(struct session *s, enum op_slot slot, struct bytes part)
{
	struct op *op = &s->ops[slot];
	enum inro_err e = check_active(op, slot);

	if (e)
		return e;
	if (op->use.mech->digest == 0)
		e = err_set(INRO_E_UNSUPPORTED, "mechanism 0x%lx takes its input in one piece",
			    op->use.mech->type);
	else
		e = add_to_hash(op, part);
	op->parts = true;
	if (e)
		op_end(op);
	return e;
}

/* An end without any part is that of an empty message, if the mechanism hashes. */
static enum inro_err check_parts(const struct op *op, enum op_slot slot)
{
	enum inro_err e = check_active(op, slot);

	if (!e && op->use.mech->digest == 0)
		return err_set(INRO_E_UNSUPPORTED, "mechanism 0x%lx takes its input in one piece",
			       op->use.mech->type);
	return e;
}

enum inro_err op_final(struct session *s, enum op_slot slot, uint8_t *out, CK_ULONG *len)
{
	struct op *op = &s->ops[slot];
	enum inro_err e = check_parts(op, slot);

	if (e == INRO_E_UNSUPPORTED)
		op_end(op);
	if (e || answered(op, out, len, &e))
		return e;
	return produce(op, slot, BYTES_NONE, out, len);
}

enum inro_err op_verify_once(struct session *s, struct bytes in, struct bytes sig)
{
	struct op *op = &s->ops[OP_VERIFY];
	enum inro_err e = check_whole(op, OP_VERIFY);

	if (!e && op->use.mech->digest != 0)
		e = add_to_hash(op, in);
	if (!e)
		e = verify(op, in, sig);
	op_end(op);
	return e;
}

enum inro_err op_verify_final(struct session *s, struct bytes sig)
{
	struct op *op = &s->ops[OP_VERIFY];
	enum inro_err e = check_parts(op, OP_VERIFY);

	if (!e)
		e = verify(op, BYTES_NONE, sig);
	op_end(op);
	return e;
}
