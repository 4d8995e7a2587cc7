/* cmd_send - parameters out, answers in: what all commands have in common. */
#include "tpm/talk/cmd_private.h"

#include <string.h>

enum inro_err cmd_send(struct tpm *t, struct tpm_command *c, const struct buf *params,
		       uint32_t *ret_handle, struct buf *ret)
{
	SCOPED(buf) nothing = { 0 };
	enum inro_err e = buf_err(params);

	if (e)
		return e;
	if (ret)
		ret->secret = c->secret_out;
	c->params = buf_bytes(params);
	return tpm_run(t, c, ret_handle, ret ? ret : &nothing);
}

enum inro_err cmd_tell(struct tpm *t, struct tpm_command *c, const struct buf *params)
{
	SCOPED(buf) answer = { 0 };
	enum inro_err e = cmd_send(t, c, params, NULL, &answer);

	return e ? e : wire_end(buf_bytes(&answer));
}

enum inro_err cmd_ask(struct tpm *t, struct tpm_command *c, const struct buf *params, size_t max,
		      struct buf *answer, struct bytes *ret, struct bytes *rest)
{
	struct bytes in;
	enum inro_err e = cmd_send(t, c, params, NULL, answer);

	if (e)
		return e;
	in = buf_bytes(answer);
	e = wire_read_2b(&in, max, ret);
	if (rest)
		*rest = in;
	return e || rest ? e : wire_end(in);
}

enum inro_err cmd_ask_secret(struct tpm *t, struct tpm_command *c, const struct buf *params,
			     size_t max, struct secret *ret)
{
	SCOPED(buf) answer = { 0 };
	struct bytes x;
	enum inro_err e;

	c->secret_out = true;
	e = cmd_ask(t, c, params, max, &answer, &x, NULL);
	return e ? e : secret_copy(x, ret);
}

enum inro_err cmd_read_digest(struct bytes *in, TPM2B_DIGEST *ret)
{
	struct bytes x;
	enum inro_err e = wire_read_2b(in, sizeof ret->buffer, &x);

	if (e)
		return e;
	*ret = (TPM2B_DIGEST) { .size = (UINT16)x.n };
	if (x.n)
		memcpy(ret->buffer, x.p, x.n);
	return INRO_OK;
}

static enum inro_err read_name(struct bytes *in, TPM2B_NAME *ret)
{
	struct bytes x;
	enum inro_err e = wire_read_2b(in, sizeof ret->name, &x);

	if (e)
		return e;
	*ret = (TPM2B_NAME) { .size = (UINT16)x.n };
	if (x.n)
		memcpy(ret->name, x.p, x.n);
	return INRO_OK;
}

enum inro_err cmd_read_name_of(struct bytes *in, const TPM2B_NAME *own, TPM2B_NAME *ret)
{
	TPM2B_NAME x;
	enum inro_err e = read_name(in, &x);

	if (e)
		return e;
	if (!bytes_equal(BYTES(x.name, x.size), BYTES(own->name, own->size)))
		return err_set(INRO_E_DAMAGED, "the TPM's answer was altered on its way: a Name is "
					       "another's");
	*ret = x;
	return INRO_OK;
}

enum inro_err cmd_skip_ticket(struct bytes *in)
{
	struct bytes digest;
	uint16_t tag;
	uint32_t hierarchy;
	enum inro_err e = wire_read_u16(in, &tag);

	if (!e)
		e = read_u32(in, &hierarchy);
	return e ? e : wire_read_2b(in, sizeof(TPMU_HA), &digest);
}

enum inro_err cmd_take_whole(struct bytes *in, size_t max, struct buf *ret)
{
	struct bytes start = *in, x;
	enum inro_err e = wire_read_2b(in, max, &x);

	if (e)
		return e;
	buf_add(ret, BYTES(start.p, x.n + 2));
	return buf_err(ret);
}

enum inro_err cmd_skip_creation(struct bytes *in)
{
	struct bytes data, digest;
	enum inro_err e = wire_read_2b(in, sizeof(TPMS_CREATION_DATA), &data);

	if (!e)
		e = wire_read_2b(in, sizeof(TPMU_HA), &digest);
	return e ? e : cmd_skip_ticket(in);
}

void cmd_add_area(struct buf *b, const TPMT_PUBLIC *area)
{
	size_t begun = wire_begin_2b(b);

	wire_add_public_area(b, area);
	wire_end_2b(b, begun);
}
