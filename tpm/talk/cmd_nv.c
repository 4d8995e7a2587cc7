/* cmd_nv - NV indices (part 3, 31). */
#include "tpm/talk/cmd_private.h"

/* What every TPM reads and writes at once (TPM2_PT_NV_BUFFER_MAX is 768 on some). */
#define NV_PART 512

enum inro_err cmd_nv_define(struct tpm *t, struct bytes owner_auth, struct bytes auth,
			    const TPMS_NV_PUBLIC *pub)
{
	struct tpm_command c = { .cc = TPM2_CC_NV_DefineSpace,
				 .handles = { ref_of(TPM2_RH_OWNER) },
				 .auths = { by_auth(owner_auth) },
				 .secret_in = true };
	SCOPED(buf) params = { .secret = true };

	wire_add_2b(&params, auth);
	wire_add_nv_public(&params, pub);
	return cmd_tell(t, &c, &params);
}

enum inro_err cmd_nv_undefine(struct tpm *t, struct bytes owner_auth, const struct tpm_ref *index)
{
	struct tpm_command c = { .cc = TPM2_CC_NV_UndefineSpace,
				 .handles = { ref_of(TPM2_RH_OWNER), *index },
				 .auths = { by_auth(owner_auth) } };
	SCOPED(buf) params = { 0 };

	return cmd_tell(t, &c, &params);
}

static enum inro_err read_described(struct bytes in, uint32_t index, TPMS_NV_PUBLIC *ret,
				    TPM2B_NAME *ret_name)
{
	TPM2B_NAME own;
	enum inro_err e = wire_read_nv_public(&in, ret);

	if (!e && ret->nvIndex != index)
		e = err_set(INRO_E_DAMAGED, "the TPM tells of another NV index than it was asked");
	if (!e)
		e = crypt_nv_name(ret, &own);
	if (!e)
		e = cmd_read_name_of(&in, &own, ret_name);
	return e ? e : wire_end(in);
}

enum inro_err cmd_nv_read_public(struct tpm *t, uint32_t index, TPMS_NV_PUBLIC *ret,
				 TPM2B_NAME *ret_name)
{
	struct tpm_command c = { .cc = TPM2_CC_NV_ReadPublic, .handles = { ref_of(index) } };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	enum inro_err e = cmd_send(t, &c, &params, NULL, &answer);

	return e ? e : read_described(buf_bytes(&answer), index, ret, ret_name);
}

static enum inro_err read_part(struct tpm *t, struct tpm_command *c, size_t offset, size_t n,
			       struct buf *ret)
{
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	struct bytes x;
	enum inro_err e;

	wire_add_u16(&params, (uint16_t)n);
	wire_add_u16(&params, (uint16_t)offset);
	e = cmd_ask(t, c, &params, n, &answer, &x, NULL);
	if (e)
		return e;
	if (x.n != n)
		return err_set(INRO_E_SYNTAX, "the TPM gives less of an NV index than was asked");
	buf_add(ret, x);
	return buf_err(ret);
}

enum inro_err cmd_nv_read(struct tpm *t, const struct tpm_ref *who, const struct tpm_auth *by,
			  const struct tpm_ref *index, size_t n, struct buf *ret)
{
	struct tpm_command c = { .cc = TPM2_CC_NV_Read,
				 .handles = { *who, *index },
				 .auths = { *by } };
	enum inro_err e =
		n > UINT16_MAX ? err_set(INRO_E_TOO_BIG, "no NV index is that big") : INRO_OK;

	for (size_t at = 0; !e && at < n; at += NV_PART)
		e = read_part(t, &c, at, n - at < NV_PART ? n - at : NV_PART, ret);
	return e;
}

static enum inro_err write_part(struct tpm *t, struct tpm_command *c, size_t offset,
				struct bytes part)
{
	SCOPED(buf) params = { 0 };

	wire_add_2b(&params, part);
	wire_add_u16(&params, (uint16_t)offset);
	return cmd_tell(t, c, &params);
}

enum inro_err cmd_nv_write(struct tpm *t, const struct tpm_ref *who, const struct tpm_auth *by,
			   const struct tpm_ref *index, struct bytes data)
{
	struct tpm_command c = { .cc = TPM2_CC_NV_Write,
				 .handles = { *who, *index },
				 .auths = { *by } };

	if (data.n > NV_PART)
		return err_set(INRO_E_TOO_BIG, "%zu bytes do not go into an NV index at once",
			       data.n);
	return write_part(t, &c, 0, data);
}

enum inro_err cmd_nv_change_auth(struct tpm *t, const struct tpm_ref *index,
				 const struct tpm_auth *by, struct bytes new_auth)
{
	struct tpm_command c = { .cc = TPM2_CC_NV_ChangeAuth,
				 .handles = { *index },
				 .auths = { *by },
				 .secret_in = true };
	SCOPED(buf) params = { .secret = true };

	wire_add_2b(&params, new_auth);
	return cmd_tell(t, &c, &params);
}
