/* op_message - messages that are signed and verified; what begins and ends them all. */
#include "pkcs11/token/op_message.h"

#include "pkcs11/token/op_private.h"

enum inro_err op_message_over(struct op *op, enum inro_err e)
{
	enum inro_err again;

	if (e == INRO_E_TOO_SMALL || (e == INRO_E_LOGIN && op->waits))
		return e;
	if (op_is_dead(op)) {
		op_stop(op);
		return e;
	}
	again = op_again(op);
	if (again)
		op_stop(op);
	return e ? e : again;
}

enum inro_err op_message_spoilt(struct session *s, enum op_slot slot, enum inro_err e)
{
	struct op *op = s->ops[slot];

	return op && op->use.mech && op->parts ? op_message_over(op, e) : e;
}

enum inro_err op_message_get(struct session *s, enum op_slot slot, bool parts, struct op **ret)
{
	enum inro_err e = op_get(s, slot, ret);

	if (e || (*ret)->parts == parts)
		return e;
	if (parts)
		return err_set(INRO_E_OP_NOT_INITIALIZED, "no message has begun");
	return err_set(INRO_E_OP_ACTIVE, "a message has begun in parts and is not at its end");
}

static enum inro_err make(struct op *op, struct bytes data, struct op_out out)
{
	size_t n = 0;
	enum inro_err e;

	if (op_answered(op->out_n, out, &e))
		return e;
	e = op_check_login(op);
	if (!e && op->parts)
		e = op_feed(op, data);
	if (!e)
		e = op_make(op, data, (struct room) { out.p, *out.len }, &n);
	e = op_message_over(op, e);
	if (!e)
		*out.len = n;
	return e;
}

static enum inro_err check(struct op *op, struct bytes data, struct bytes sig)
{
	enum inro_err e = op_check_login(op);

	if (!e && op->parts)
		e = op_feed(op, data);
	if (!e)
		e = op_check(op, data, sig);
	return op_message_over(op, e);
}

enum inro_err op_message_sign(struct session *s, bool parts, struct bytes data, struct op_out out)
{
	struct op *op;
	enum inro_err e = op_message_get(s, OP_MESSAGE_SIGN, parts, &op);

	return e ? e : make(op, data, out);
}

enum inro_err op_message_verify(struct session *s, bool parts, struct bytes data, struct bytes sig)
{
	struct op *op;
	enum inro_err e = op_message_get(s, OP_MESSAGE_VERIFY, parts, &op);

	return e ? e : check(op, data, sig);
}

enum inro_err op_message_begin(struct session *s, enum op_slot slot)
{
	struct op *op;
	enum inro_err e = op_message_get(s, slot, false, &op);

	if (e)
		return e;
	if (op->way == WAY_WHOLE)
		return op_feed(op, BYTES_NONE);
	op->parts = true;
	return INRO_OK;
}

enum inro_err op_message_update(struct session *s, enum op_slot slot, struct bytes part)
{
	struct op *op;
	enum inro_err e = op_message_get(s, slot, true, &op);

	if (!e)
		e = op_check_login(op);
	if (e)
		return e;
	e = op_feed(op, part);
	return e ? op_message_over(op, e) : e;
}

enum inro_err op_message_final(struct session *s, enum op_slot slot)
{
	struct op *op;
	enum inro_err e = op_get(s, slot, &op);

	if (!e)
		op_stop(op);
	return e;
}
