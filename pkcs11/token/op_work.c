/* op_work - hashing, collecting, streaming, and the one step with a key. */
#include <string.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/op_private.h"

bool op_answered(size_t need, struct op_out out, enum inro_err *ret)
{
	CK_ULONG room = *out.len;

	if (out.p && room >= need)
		return false;
	*out.len = need;
	*ret = out.p ? err_set(INRO_E_TOO_SMALL, "%zu bytes are needed, %lu are there", need, room)
		     : INRO_OK;
	return true;
}

/* ---- with a key ---- */

static enum inro_err gone(void)
{
	return err_set(INRO_E_LOGIN, "the user has logged out since the operation began");
}

/* The secret's own part, with the gate held so that no logout comes between. */
static enum inro_err use_key(struct op *op, const struct use_spec *spec, struct bytes in,
			     struct room out, size_t *ret_n)
{
	struct token *t = op->token;
	struct use what = { op->key->key, op_kinds[op->slot].does, spec };
	enum inro_err e;

	token_enter_gate(t);
	e = op_is_dead(op) ? gone() : t->ops->use(t->backend, &what, in, out, ret_n);
	token_leave_gate(t);
	return e;
}

static enum inro_err use_public(struct op *op, const struct use_spec *spec, struct bytes in,
				struct room out, size_t *ret_n)
{
	if (op_is_dead(op))
		return gone();
	if (op_kinds[op->slot].use == USE_VERIFY_RECOVER)
		return pkey_verify_recover(op->pub, spec, in, out, ret_n);
	return pkey_encrypt(op->pub, spec, in, out, ret_n);
}

enum inro_err op_whole(struct op *op, const struct use_spec *spec, struct bytes in, struct room out,
		       size_t *ret_n)
{
	return op->key ? use_key(op, spec, in, out, ret_n) : use_public(op, spec, in, out, ret_n);
}

/* ---- parts ---- */

enum inro_err op_collect(struct op *op, struct bytes in)
{
	if (in.n > OP_MAX_COLLECTED - op->held.n)
		return err_set(op_kinds[op->slot].use == USE_DECRYPT ? INRO_E_CIPHERTEXT_LENGTH
								     : INRO_E_DATA_LENGTH,
			       "more than %zu bytes can't be collected", OP_MAX_COLLECTED);
	op->held.secret = op_kinds[op->slot].use == USE_ENCRYPT;
	buf_add(&op->held, in);
	return buf_err(&op->held);
}

/* The gate is held. */
static enum inro_err begin_stream(struct op *op)
{
	struct token *t = op->token;
	struct use what = { op->key->key, op_kinds[op->slot].does, &op->use.spec };

	if (op_is_dead(op))
		return gone();
	return op->stream ? INRO_OK : t->ops->op_begin(t->backend, &what, &op->stream);
}

enum inro_err op_stream_step(struct op *op, struct bytes in, struct room out, size_t *ret_n)
{
	struct token *t = op->token;
	enum inro_err e;

	token_enter_gate(t);
	e = begin_stream(op);
	if (!e)
		e = t->ops->op_step(t->backend, op->stream, in, out, ret_n);
	token_leave_gate(t);
	if (!e)
		op->fed += in.n;
	return e;
}

enum inro_err op_stream_last(struct op *op, struct room out, size_t *ret_n)
{
	struct token *t = op->token;
	enum inro_err e;

	token_enter_gate(t);
	e = begin_stream(op);
	if (!e)
		e = t->ops->op_last(t->backend, op->stream, out, ret_n);
	token_leave_gate(t);
	return e;
}

static enum inro_err add_to_hash(struct op *op, struct bytes in)
{
	if (in.n == 0 || EVP_DigestUpdate(op->md, in.p, in.n))
		return INRO_OK;
	return libcrypto_err("hashing");
}

static enum inro_err add_to_mac(struct op *op, struct bytes in)
{
	size_t none = 0;

	return op_stream_step(op, in, (struct room) { 0 }, &none);
}

static enum inro_err refuse_part(struct op *op, struct bytes in)
{
	(void)in;
	return err_set(INRO_E_UNSUPPORTED, "mechanism 0x%lx takes its input in one piece",
		       op->use.mech->type);
}

enum inro_err op_feed(struct op *op, struct bytes in)
{
	static enum inro_err (*const ways[])(struct op *, struct bytes) = {
		[WAY_HASHED] = add_to_hash,
		[WAY_WHOLE] = refuse_part,
		[WAY_COLLECTED] = op_collect,
		[WAY_STREAMED] = add_to_mac,
	};

	return ways[op->way](op, in);
}

/* ---- signatures ---- */

static enum inro_err end_hash(struct op *op, uint8_t out[EVP_MAX_MD_SIZE], size_t *ret_n)
{
	unsigned n = 0;

	if (!EVP_DigestFinal_ex(op->md, out, &n))
		return libcrypto_err("ending a hash");
	*ret_n = n;
	return INRO_OK;
}

/* What was hashed, as the raw mechanism takes it; collected; or the input as it is. */
static enum inro_err raw_input(struct op *op, struct bytes in, struct use_spec *ret_spec,
			       struct buf *room, struct bytes *ret_in)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t n = 0;
	enum inro_err e;

	if (op->way != WAY_HASHED) {
		*ret_spec = op->use.spec;
		*ret_in = op->parts ? buf_bytes(&op->held) : in;
		return INRO_OK;
	}
	e = end_hash(op, hash, &n);
	if (!e)
		e = pkey_raw_form(&op->use.spec, BYTES(hash, n), ret_spec, room);
	*ret_in = buf_bytes(room);
	wipe(hash, sizeof hash);
	return e;
}

static enum inro_err make_hash(struct op *op, struct room out, size_t *ret_n)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t n = 0;
	enum inro_err e = end_hash(op, hash, &n);

	if (!e && n > out.cap)
		e = err_set(INRO_E_TOO_SMALL, "the hash has %zu bytes", n);
	if (!e) {
		memcpy(out.p, hash, n);
		*ret_n = n;
	}
	wipe(hash, sizeof hash); /* a key to its caller, perhaps */
	return e;
}

/* In one step too: a hashed mechanism's input is fed first. */
static enum inro_err feed_whole(struct op *op, struct bytes in)
{
	return op->way == WAY_HASHED && !op->parts ? add_to_hash(op, in) : INRO_OK;
}

enum inro_err op_make(struct op *op, struct bytes in, struct room out, size_t *ret_n)
{
	SCOPED(buf) room = { 0 };
	struct use_spec spec;
	enum inro_err e = feed_whole(op, in);

	if (!e && op->slot == OP_DIGEST)
		return make_hash(op, out, ret_n);
	if (!e && op->way == WAY_STREAMED && op->parts)
		return op_stream_last(op, out, ret_n);
	if (!e)
		e = raw_input(op, in, &spec, &room, &in);
	return e ? e : use_key(op, &spec, in, out, ret_n);
}

static enum inro_err check_mac(struct op *op, struct bytes in, struct bytes sig)
{
	uint8_t mac[LIBCTX_MAX_HASH];
	size_t n = 0;
	enum inro_err e = op_make(op, in, (struct room) { mac, sizeof mac }, &n);

	if (!e && !secret_equal(BYTES(mac, n), sig))
		e = err_set(INRO_E_SIGNATURE, "the MAC does not verify");
	wipe(mac, sizeof mac);
	return e;
}

enum inro_err op_sig_fits(const struct op *op, size_t n)
{
	if (op->pub)
		return pkey_sig_fits(op->pub, n);
	return n == op->out_n
		       ? INRO_OK
		       : err_set(INRO_E_SIGNATURE_LENGTH,
				 "a MAC of %zu bytes; this operation's have %zu", n, op->out_n);
}

enum inro_err op_check(struct op *op, struct bytes in, struct bytes sig)
{
	SCOPED(buf) room = { 0 };
	struct use_spec spec;
	enum inro_err e;

	e = op_sig_fits(op, sig.n);
	if (e)
		return e;
	if (op->key)
		return check_mac(op, in, sig);
	e = op_is_dead(op) ? gone() : feed_whole(op, in);
	if (!e)
		e = raw_input(op, in, &spec, &room, &in);
	return e ? e : pkey_verify(op->pub, &spec, in, sig);
}
