/*
 * op_crypt - encrypting, decrypting and recovering, by the rules of slots.
 *
 * How long the output will be is known beforehand, but for three: what padding hides (CBC-PAD, KWP,
 * RSA) is known to lie under a bound.  A caller with less room than that is served from a buffer
 * of ours.
 */
#include <string.h>

#include "pkcs11/token/op_private.h"
#include "pkcs11/token/skey.h"

struct bound {
	size_t n;
	bool exact;
};

static bool pads(const struct op *op)
{
	return op->use.mech->traits & MECH_PAD;
}

static bool decrypts(const struct op *op)
{
	return op_kinds[op->slot].use == USE_DECRYPT;
}

/* RSA: what goes in shows in the result; what comes out of encryption fills the modulus.  A signature
 * is looked at before the room for what is in it (PKCS#11 3.2 5.15.6). */
static struct bound pair_bound(const struct op *op)
{
	if (op_kinds[op->slot].use == USE_VERIFY_RECOVER)
		return (struct bound) { op->out_n, false };
	return (struct bound) { op->out_n,
				!decrypts(op) || op->use.mech->type == CKM_RSA_X_509 };
}

static enum inro_err bound_of(struct op *op, size_t n, struct bound *ret)
{
	size_t size = 0;
	enum inro_err e;

	if (op->use.mech->key != KEY_SECRET) {
		*ret = pair_bound(op);
		return INRO_OK;
	}
	e = skey_size(&op->use.spec, op_kinds[op->slot].use, n, &size);
	if (!e)
		*ret = (struct bound) { size, !(decrypts(op) && pads(op)) };
	return e;
}

/* By way of a buffer, for a caller that may have room enough. */
static enum inro_err roundabout(struct op *op, struct bytes in, size_t bound, struct op_out out)
{
	SCOPED(buf) plain = { .secret = true };
	uint8_t *p = buf_extend(&plain, bound);
	size_t n = 0;
	enum inro_err e = buf_err(&plain);

	if (!e)
		e = op_whole(op, &op->use.spec, in, (struct room) { p, bound }, &n);
	if (e || op_answered(n, out, &e))
		return e;
	if (n > 0)
		memcpy(out.p, p, n);
	*out.len = n;
	op_stop(op);
	return INRO_OK;
}

static enum inro_err straight(struct op *op, struct bytes in, struct op_out out)
{
	size_t n = 0;
	enum inro_err e = op_whole(op, &op->use.spec, in, (struct room) { out.p, *out.len }, &n);

	op_stop(op);
	if (!e)
		*out.len = n;
	return e;
}

/* CCM wants to know the length before; one that was given with the parameter must be right, but
 * some give that of the ciphertext when they decrypt. */
static enum inro_err set_length(struct op *op, size_t n)
{
	CK_ULONG *given = &op->use.spec.data_n;
	size_t tag = decrypts(op) ? op->use.spec.tag_n : 0;

	if (op->use.mech->type != CKM_AES_CCM || n < tag)
		return INRO_OK;
	if (*given != n && *given != n - tag)
		return err_set(decrypts(op) ? INRO_E_CIPHERTEXT_LENGTH : INRO_E_DATA_LENGTH,
			       "%zu bytes; the parameter says %lu", n, *given);
	*given = n - tag;
	return INRO_OK;
}

static enum inro_err crypt_all(struct op *op, struct bytes in, struct op_out out)
{
	struct bound bound = { 0 };
	enum inro_err e = set_length(op, in.n);

	if (!e)
		e = bound_of(op, in.n, &bound);
	if (e)
		return e;
	if ((bound.exact || !out.p) && op_answered(bound.n, out, &e))
		return e;
	e = op_check_login(op);
	if (e)
		return e;
	return *out.len >= bound.n ? straight(op, in, out) : roundabout(op, in, bound.n, out);
}

static bool makes(enum op_slot slot)
{
	return slot == OP_SIGN || slot == OP_DIGEST;
}

enum inro_err op_once(struct session *s, enum op_slot slot, struct bytes in, struct op_out out)
{
	struct op *op;
	enum inro_err e = op_get_whole(s, slot, &op);

	if (e)
		return e;
	if (makes(slot))
		return op_make_once(op, in, out);
	return op_after(op, crypt_all(op, in, out));
}

/* ---- parts ---- */

static size_t block_size(const struct op *op)
{
	return op->use.mech->traits & MECH_BLOCK_8 ? 8 : 16;
}

/* What the next n bytes bring out: a block cipher gives whole blocks, and holds the last one back
 * when there is padding to be taken off. */
size_t op_step_size(const struct op *op, size_t n)
{
	unsigned traits = op->use.mech->traits;
	size_t block = block_size(op), held, there;

	if (op->way == WAY_COLLECTED)
		return 0;
	if (!(traits & (MECH_BLOCK | MECH_PAD)))
		return n;
	held = (size_t)(op->fed % block);
	if (traits & MECH_PAD && decrypts(op)) {
		held = op->fed ? (size_t)((op->fed - 1) % block) + 1 : 0;
		there = held + n;
		return there ? there - ((there - 1) % block + 1) : 0;
	}
	there = held + n;
	return there - there % block;
}

static enum inro_err take_part(struct op *op, struct bytes part, struct op_out out)
{
	size_t n = 0;
	enum inro_err e;

	if (op->way == WAY_WHOLE)
		return op_feed(op, part);
	if (op_answered(op_step_size(op, part.n), out, &e))
		return e;
	e = op_check_login(op);
	if (e)
		return e;
	op->parts = true;
	if (op->way == WAY_COLLECTED)
		e = op_collect(op, part);
	else
		e = op_stream_step(op, part, (struct room) { out.p, *out.len }, &n);
	if (!e)
		*out.len = n;
	return e;
}

enum inro_err op_step(struct session *s, enum op_slot slot, struct bytes part, struct op_out out)
{
	struct op *op;
	enum inro_err e = op_get(s, slot, &op);

	return e ? e : op_after(op, take_part(op, part, out));
}

static struct bound last_bound(const struct op *op)
{
	unsigned traits = op->use.mech->traits;

	if (traits & MECH_AEAD)
		return (struct bound) { op->use.spec.tag_n, true };
	if (traits & MECH_PAD)
		return (struct bound) { block_size(op), !decrypts(op) };
	return (struct bound) { 0, true };
}

static enum inro_err stream_end(struct op *op, struct op_out out)
{
	struct bound bound = last_bound(op);
	size_t n = 0;
	enum inro_err e;

	if ((bound.exact || !out.p) && op_answered(bound.n, out, &e))
		return e;
	e = op_check_login(op);
	if (e)
		return e;
	op->parts = true;
	e = op_stream_last(op, (struct room) { out.p, *out.len }, &n);
	if (!e || e == INRO_E_TOO_SMALL)
		*out.len = n;
	if (!e)
		op_stop(op);
	return e;
}

static enum inro_err end_parts(struct op *op, struct op_out out)
{
	if (op->way == WAY_WHOLE)
		return op_feed(op, BYTES_NONE);
	if (op->way == WAY_STREAMED)
		return stream_end(op, out);
	return crypt_all(op, buf_bytes(&op->held), out);
}

enum inro_err op_final(struct session *s, enum op_slot slot, struct op_out out)
{
	struct op *op;
	enum inro_err e;

	if (makes(slot))
		return op_make_final(s, slot, out);
	e = op_get(s, slot, &op);
	return e ? e : op_after(op, end_parts(op, out));
}
