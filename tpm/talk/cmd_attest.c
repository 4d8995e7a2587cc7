/* cmd_attest - what a TPM says about its keys (part 3: 12.5, 18.2). */
#include "tpm/talk/cmd_private.h"

static const TPMT_SIG_SCHEME key_scheme = { .scheme = TPM2_ALG_NULL };

static enum inro_err read_certified(struct bytes in, struct buf *ret_attest,
				    TPMT_SIGNATURE *ret_sig)
{
	struct bytes attest;
	enum inro_err e = wire_read_2b(&in, sizeof(TPMS_ATTEST), &attest);

	if (!e)
		e = wire_read_signature(&in, ret_sig);
	if (!e)
		e = wire_end(in);
	if (e)
		return e;
	buf_add(ret_attest, attest);
	return buf_err(ret_attest);
}

enum inro_err cmd_certify(struct tpm *t, const struct certify *what, struct buf *ret_attest,
			  TPMT_SIGNATURE *ret_sig)
{
	struct tpm_command c = { .cc = TPM2_CC_Certify,
				 .handles = { *what->object, *what->by },
				 .auths = { by_auth(what->object_auth), by_auth(what->by_auth) } };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	enum inro_err e;

	wire_add_2b(&params, what->nonce);
	wire_add_sig_scheme(&params, &key_scheme);
	e = cmd_send(t, &c, &params, NULL, &answer);
	return e ? e : read_certified(buf_bytes(&answer), ret_attest, ret_sig);
}

enum inro_err cmd_activate_credential(struct tpm *t, const struct credential_blob *what,
				      struct secret *ret)
{
	struct tpm_command c = { .cc = TPM2_CC_ActivateCredential,
				 .handles = { *what->object, *what->ek },
				 .auths = { by_auth(what->object_auth), *what->ek_policy } };
	SCOPED(buf) params = { 0 };

	wire_add_2b(&params, what->id_object);
	wire_add_2b(&params, what->secret);
	return cmd_ask_secret(t, &c, &params, sizeof(TPMU_HA), ret);
}
