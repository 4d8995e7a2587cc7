/* op_step - signing, verifying and hashing, by the rules of slots. */
#include "pkcs11/token/op_private.h"

static enum inro_err produce(struct op *op, struct bytes in, struct op_out out)
{
	size_t n = 0;
	enum inro_err e = op_make(op, in, (struct room) { out.p, *out.len }, &n);

	op_stop(op);
	if (!e)
		*out.len = n;
	return e;
}

enum inro_err op_make_once(struct op *op, struct bytes in, struct op_out out)
{
	enum inro_err e;

	if (op_answered(op->out_n, out, &e))
		return e;
	e = op_check_login(op);
	return e ? e : produce(op, in, out);
}

enum inro_err op_update(struct session *s, enum op_slot slot, struct bytes part)
{
	struct op *op;
	enum inro_err e = op_get(s, slot, &op);

	if (!e)
		e = op_check_login(op);
	if (e)
		return e;
	op->parts = true;
	return op_after(op, op_feed(op, part));
}

/* An end without any part is that of an empty message, if the mechanism takes parts. */
static enum inro_err get_parts(struct session *s, enum op_slot slot, struct op **ret)
{
	struct op *op;
	enum inro_err e = op_get(s, slot, &op);

	if (e)
		return e;
	if (op->way == WAY_WHOLE)
		return op_after(op, op_feed(op, BYTES_NONE));
	*ret = op;
	return INRO_OK;
}

enum inro_err op_make_final(struct session *s, enum op_slot slot, struct op_out out)
{
	struct op *op = NULL;
	enum inro_err e = get_parts(s, slot, &op);

	if (e || op_answered(op->out_n, out, &e))
		return e;
	e = op_check_login(op);
	if (e)
		return e;
	op->parts = true;
	return produce(op, BYTES_NONE, out);
}

static enum inro_err judge(struct op *op, struct bytes in, struct bytes sig)
{
	enum inro_err e = op_check_login(op);

	if (e)
		return e;
	e = op_check(op, in, sig);
	op_stop(op);
	return e;
}

enum inro_err op_verify_once(struct session *s, struct bytes in, struct bytes sig)
{
	struct op *op;
	enum inro_err e = op_get_whole(s, OP_VERIFY, &op);

	return e ? e : judge(op, in, sig);
}

static enum inro_err judge_parts(struct op *op, struct bytes sig)
{
	op->parts = true;
	return judge(op, BYTES_NONE, sig);
}

enum inro_err op_verify_final(struct session *s, struct bytes sig)
{
	struct op *op = NULL;
	enum inro_err e = get_parts(s, OP_VERIFY, &op);

	return e ? e : judge_parts(op, sig);
}

enum inro_err op_verify_signature_once(struct session *s, struct bytes in)
{
	struct op *op;
	enum inro_err e = op_get_whole(s, OP_VERIFY_SIGNATURE, &op);

	return e ? e : judge(op, in, buf_bytes(&op->sig));
}

enum inro_err op_verify_signature_final(struct session *s)
{
	struct op *op = NULL;
	enum inro_err e = get_parts(s, OP_VERIFY_SIGNATURE, &op);

	return e ? e : judge_parts(op, buf_bytes(&op->sig));
}
