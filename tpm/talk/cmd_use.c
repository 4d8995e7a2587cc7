/* cmd_use - what keys and sealed objects do (part 3: 12.7, 14, 15, 17, 20.2). */
#include "tpm/talk/cmd_private.h"

#include <string.h>

/* A command on one key by its authValue. */
static struct tpm_command on_key(TPM2_CC cc, const struct tpm_ref *key, struct bytes auth)
{
	return (struct tpm_command) { .cc = cc, .handles = { *key }, .auths = { by_auth(auth) } };
}

enum inro_err cmd_unseal(struct tpm *t, const struct tpm_ref *object, const struct tpm_auth *by,
			 struct secret *ret)
{
	struct tpm_command c = { .cc = TPM2_CC_Unseal, .handles = { *object }, .auths = { *by } };
	SCOPED(buf) params = { 0 };

	return cmd_ask_secret(t, &c, &params, TPM2_MAX_SYM_DATA, ret);
}

enum inro_err cmd_sign(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
		       struct bytes digest, const TPMT_SIG_SCHEME *scheme, TPMT_SIGNATURE *ret)
{
	struct tpm_command c = on_key(TPM2_CC_Sign, key, auth);
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	struct bytes in;
	enum inro_err e;

	wire_add_2b(&params, digest);
	wire_add_sig_scheme(&params, scheme);
	wire_add_null_hashcheck(&params);
	e = cmd_send(t, &c, &params, NULL, &answer);
	if (e)
		return e;
	in = buf_bytes(&answer);
	e = wire_read_signature(&in, ret);
	return e ? e : wire_end(in);
}

/* libtpms answers TPM_RC_FAILURE to a ciphertext whose padding is bad, and is as well as before: a
 * peer that sends such a thing must not look like a broken TPM. */
static enum inro_err bad_ciphertext(enum inro_err e)
{
	uint32_t rc = rc_plain(tpm_last_rc());

	if (rc == TPM2_RC_FAILURE || rc == TPM2_RC_VALUE || rc == TPM2_RC_SIZE)
		return err_set(INRO_E_CIPHERTEXT, "what was to be decrypted is not for this key");
	return e;
}

enum inro_err cmd_rsa_decrypt(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
			      const struct rsa_ciphertext *what, struct secret *ret)
{
	struct tpm_command c = on_key(TPM2_CC_RSA_Decrypt, key, auth);
	SCOPED(buf) params = { 0 };
	enum inro_err e;

	wire_add_2b(&params, what->octets);
	wire_add_rsa_decrypt(&params, what->scheme);
	wire_add_2b(&params, what->label);
	e = cmd_ask_secret(t, &c, &params, TPM2_MAX_RSA_KEY_BYTES, ret);
	return e ? bad_ciphertext(e) : INRO_OK;
}

enum inro_err cmd_ecdh_zgen(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
			    const TPMS_ECC_POINT *peer, TPMS_ECC_POINT *ret)
{
	struct tpm_command c = on_key(TPM2_CC_ECDH_ZGen, key, auth);
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	struct bytes in;
	enum inro_err e;

	c.secret_out = true;
	wire_add_point(&params, peer);
	e = cmd_send(t, &c, &params, NULL, &answer);
	if (e)
		return e;
	in = buf_bytes(&answer);
	e = wire_read_point(&in, ret);
	return e ? e : wire_end(in);
}

/* Messages and what comes of them may be secrets: one-time passwords, derived keys. */
static struct tpm_command secretly(struct tpm_command c)
{
	c.secret_in = c.secret_out = true;
	return c;
}

enum inro_err cmd_hmac(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
		       TPM2_ALG_ID hash, struct bytes in, TPM2B_DIGEST *ret)
{
	struct tpm_command c = secretly(on_key(TPM2_CC_HMAC, key, auth));
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	struct bytes rest;
	enum inro_err e;

	wire_add_2b(&params, in);
	wire_add_u16(&params, hash);
	e = cmd_send(t, &c, &params, NULL, &answer);
	if (e)
		return e;
	rest = buf_bytes(&answer);
	e = cmd_read_digest(&rest, ret);
	return e ? e : wire_end(rest);
}

enum inro_err cmd_hmac_start(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
			     struct bytes sequence_auth, TPM2_ALG_ID hash, uint32_t *ret_sequence)
{
	struct tpm_command c = on_key(TPM2_CC_HMAC_Start, key, auth);
	SCOPED(buf) params = { .secret = true };

	c.secret_in = true;
	wire_add_2b(&params, sequence_auth);
	wire_add_u16(&params, hash);
	return cmd_send(t, &c, &params, ret_sequence, NULL);
}

enum inro_err cmd_sequence_update(struct tpm *t, uint32_t sequence, struct bytes auth,
				  struct bytes in)
{
	struct tpm_ref ref = ref_of(sequence);
	struct tpm_command c = on_key(TPM2_CC_SequenceUpdate, &ref, auth);
	SCOPED(buf) params = { 0 };

	c.secret_in = true;
	wire_add_2b(&params, in);
	return cmd_tell(t, &c, &params);
}

enum inro_err cmd_sequence_complete(struct tpm *t, uint32_t sequence, struct bytes auth,
				    struct bytes in, TPM2B_DIGEST *ret)
{
	struct tpm_ref ref = ref_of(sequence);
	struct tpm_command c = secretly(on_key(TPM2_CC_SequenceComplete, &ref, auth));
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	struct bytes rest;
	enum inro_err e;

	wire_add_2b(&params, in);
	buf_add_u32(&params, TPM2_RH_NULL);
	e = cmd_send(t, &c, &params, NULL, &answer);
	if (e)
		return e;
	rest = buf_bytes(&answer);
	e = cmd_read_digest(&rest, ret);
	if (!e)
		e = cmd_skip_ticket(&rest);
	return e ? e : wire_end(rest);
}

static void add_step(struct buf *params, const struct cipher_step *step)
{
	size_t iv = step->mode == TPM2_ALG_ECB ? 0 : sizeof step->iv;

	wire_add_2b(params, step->in);
	buf_add_u8(params, step->decrypt);
	wire_add_u16(params, step->mode);
	wire_add_2b(params, BYTES(step->iv, iv));
}

static enum inro_err take_step(struct bytes in, struct cipher_step *step, size_t *ret_n)
{
	struct bytes data, iv;
	enum inro_err e = wire_read_2b(&in, step->cap, &data);

	if (!e)
		e = wire_read_2b(&in, sizeof step->iv, &iv);
	if (!e)
		e = wire_end(in);
	if (e)
		return e;
	if (data.n)
		memcpy(step->out, data.p, data.n);
	if (iv.n)
		memcpy(step->iv, iv.p, iv.n);
	*ret_n = data.n;
	return INRO_OK;
}

enum inro_err cmd_encrypt_decrypt(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
				  struct cipher_step *step, size_t *ret_n)
{
	struct tpm_command c = secretly(on_key(TPM2_CC_EncryptDecrypt2, key, auth));
	SCOPED(buf) params = { 0 };
	SCOPED(buf) answer = { 0 };
	enum inro_err e;

	if (step->cap < step->in.n)
		return err_set(INRO_E_TOO_SMALL, "the room is smaller than what is ciphered");
	add_step(&params, step);
	e = cmd_send(t, &c, &params, NULL, &answer);
	return e ? e : take_step(buf_bytes(&answer), step, ret_n);
}
