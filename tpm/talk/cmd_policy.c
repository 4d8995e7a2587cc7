/* cmd_policy - what extends a policy session's digest (part 3, 23). */
#include "tpm/talk/cmd_private.h"
#include "tpm/talk/session.h"
#include "tpm/talk/talk_private.h"

/* A policy command that names its session alone. */
static enum inro_err tell_session(struct tpm *t, TPM2_CC cc, const struct tpm_session *s,
				  const struct buf *params)
{
	struct tpm_command c = { .cc = cc, .handles = { ref_of(session_handle(s)) } };

	return cmd_tell(t, &c, params);
}

/* The ticket, and when it ends, are for policies that outlive their session. */
static enum inro_err skip_secret_answer(struct bytes in)
{
	struct bytes timeout;
	enum inro_err e = wire_read_2b(&in, sizeof(UINT64), &timeout);

	if (!e)
		e = cmd_skip_ticket(&in);
	return e ? e : wire_end(in);
}

enum inro_err cmd_policy_secret(struct tpm *t, const struct tpm_ref *entity, struct bytes auth,
				const struct tpm_session *s)
{
	struct tpm_command c = { .cc = TPM2_CC_PolicySecret,
				 .handles = { *entity, ref_of(session_handle(s)) },
				 .auths = { by_auth(auth) } };
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	enum inro_err e;

	wire_add_2b(&params, BYTES_NONE); /* nonceTPM: for expiration only */
	wire_add_2b(&params, BYTES_NONE); /* cpHashA */
	wire_add_2b(&params, BYTES_NONE); /* policyRef */
	buf_add_u32(&params, 0);	  /* expiration */
	e = cmd_send(t, &c, &params, NULL, &answer);
	return e ? e : skip_secret_answer(buf_bytes(&answer));
}

enum inro_err cmd_policy_command(struct tpm *t, const struct tpm_session *s, TPM2_CC cc)
{
	SCOPED(buf) params = { 0 };

	buf_add_u32(&params, cc);
	return tell_session(t, TPM2_CC_PolicyCommandCode, s, &params);
}

enum inro_err cmd_policy_or(struct tpm *t, const struct tpm_session *s, const TPML_DIGEST *branches)
{
	SCOPED(buf) params = { 0 };

	wire_add_digest_list(&params, branches);
	return tell_session(t, TPM2_CC_PolicyOR, s, &params);
}

enum inro_err cmd_policy_pcr(struct tpm *t, const struct tpm_session *s,
			     const TPML_PCR_SELECTION *which)
{
	SCOPED(buf) params = { 0 };

	wire_add_2b(&params, BYTES_NONE); /* the values as they are now */
	wire_add_pcr_selection(&params, which);
	return tell_session(t, TPM2_CC_PolicyPCR, s, &params);
}

enum inro_err cmd_policy_auth_value(struct tpm *t, struct tpm_session *s)
{
	SCOPED(buf) params = { 0 };
	enum inro_err e = tell_session(t, TPM2_CC_PolicyAuthValue, s, &params);

	if (!e)
		s->auth_value = true;
	return e;
}
