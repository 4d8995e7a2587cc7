/*
 * session - starts and ends sessions (part 3, 11.1; part 1, 19.6).
 *
 * A session is good in the epoch in which it was made.  In another it is gone from the TPM: it is
 * forgotten, not flushed, since its handle may be another's.
 */
#include "tpm/talk/session.h"

#include <stdlib.h>
#include <string.h>

#include "tpm/talk/root.h"
#include "tpm/talk/talk_private.h"

static const TPMT_SYM_DEF aes_cfb = { .algorithm = TPM2_ALG_AES,
				      .keyBits.aes = 128,
				      .mode.aes = TPM2_ALG_CFB };

bool session_alive(const struct tpm *t, const struct tpm_session *s)
{
	return s->handle && s->epoch == t->epoch;
}

uint32_t session_handle(const struct tpm_session *s)
{
	return s->handle;
}

void session_forget(struct tpm_session *s)
{
	secret_clear(&s->key);
	*s = (struct tpm_session) { 0 };
}

void session_flush(struct tpm *t, struct tpm_session *s)
{
	if (session_alive(t, s))
		cmd_let_go(t, s->handle);
	session_forget(s);
}

void session_flush_all(struct tpm *t)
{
	session_flush(t, &t->main);
	for (size_t i = 0; i < MAX_SESSIONS; i++)
		session_flush(t, &t->brief[i]);
}

/* ---- starting one ---- */

struct start {
	TPM2_SE type;
	uint32_t salt_key; /* TPM2_RH_NULL: not salted */
	struct bytes name; /* of the salt's key */
	struct secret salt;
	struct buf encrypted_salt;
};

static void start_clear(struct start *s)
{
	secret_clear(&s->salt);
	buf_clear(&s->encrypted_salt);
}

static enum inro_err add_salt(struct tpm *t, struct start *s)
{
	const struct root *root;
	enum inro_err e = root_get(t, &root);

	if (e)
		return e;
	s->salt_key = root->ref.handle;
	s->name = root->ref.name;
	return crypt_seed(&root->pub.publicArea, "SECRET", &s->salt, &s->encrypted_salt);
}

/* The key comes of the salt and both nonces; without a salt there is none. */
static enum inro_err take_answer(struct tpm_session *s, const struct start *how,
				 struct bytes answer)
{
	struct bytes nonce, caller = BYTES(s->nonce_caller, SESSION_DIGEST);
	enum inro_err e = wire_read_2b(&answer, SESSION_DIGEST, &nonce);

	if (!e)
		e = wire_end(answer);
	if (e || nonce.n != SESSION_DIGEST)
		return err_set(INRO_E_TOKEN, "the TPM's nonce of a new session can't be read");
	memcpy(s->nonce_tpm, nonce.p, nonce.n);
	if (!how->salt.n)
		return INRO_OK;
	e = secret_new(SESSION_DIGEST, &s->key);
	if (e)
		return e;
	return crypt_kdfa(&(struct crypt_kdf) { .hash = TPM2_ALG_SHA256,
						.secret = secret_bytes(&how->salt),
						.label = "ATH",
						.u = nonce,
						.v = caller,
						.bits = 8 * SESSION_DIGEST },
			  s->key.p);
}

static void add_params(struct buf *b, const struct start *how, struct bytes nonce)
{
	wire_add_2b(b, nonce);
	wire_add_2b(b, buf_bytes(&how->encrypted_salt));
	buf_add_u8(b, how->type);
	wire_add_sym_def(b, &aes_cfb);
	wire_add_u16(b, TPM2_ALG_SHA256);
}

static enum inro_err send_start(struct tpm *t, const struct start *how, struct tpm_session *s,
				struct buf *answer)
{
	SCOPED(buf) params = { 0 };
	struct tpm_command c = { .cc = TPM2_CC_StartAuthSession,
				 .handles = { { .handle = how->salt_key, .name = how->name },
					      { .handle = TPM2_RH_NULL } } };
	enum inro_err e = random_fill(s->nonce_caller, SESSION_DIGEST);

	if (e)
		return e;
	add_params(&params, how, BYTES(s->nonce_caller, SESSION_DIGEST));
	e = buf_err(&params);
	if (e)
		return e;
	c.params = buf_bytes(&params);
	return tpm_run(t, &c, &s->handle, answer);
}

/* `s` is empty, and stays so when it can't be started. */
static enum inro_err session_start(struct tpm *t, TPM2_SE type, bool salted, struct tpm_session *s)
{
	SCOPED(start) how = { .type = type, .salt_key = TPM2_RH_NULL };
	SCOPED(buf) answer = { 0 };
	enum inro_err e = salted ? add_salt(t, &how) : INRO_OK;

	if (!e)
		e = send_start(t, &how, s, &answer);
	if (e) {
		session_forget(s);
		return e;
	}
	s->epoch = t->epoch;
	e = take_answer(s, &how, buf_bytes(&answer));
	if (e)
		session_flush(t, s);
	return e;
}

static bool can_salt(const struct tpm *t)
{
	return t->how == TPM_BY_HMAC && !t->roots.finding;
}

enum inro_err session_main(struct tpm *t)
{
	struct tpm_session *s = &t->main;

	if (session_alive(t, s) && s->uses < SESSION_LIFE)
		return INRO_OK;
	session_flush(t, s);
	return session_start(t, TPM2_SE_HMAC, true, s);
}

enum inro_err session_ready(struct tpm *t)
{
	return session_main(t);
}

enum inro_err session_brief(struct tpm *t, struct tpm_session *s)
{
	session_flush(t, s);
	return session_start(t, TPM2_SE_HMAC, can_salt(t), s);
}

enum inro_err session_policy(struct tpm *t, struct tpm_session **ret)
{
	struct tpm_session *s = calloc(1, sizeof *s);
	enum inro_err e;

	if (!s)
		return err_set(INRO_E_NO_MEMORY, "no memory for a session of the TPM");
	e = session_start(t, TPM2_SE_POLICY, can_salt(t), s);
	if (e) {
		free(s);
		return e;
	}
	*ret = s;
	return INRO_OK;
}

void session_end(struct tpm *t, struct tpm_session *s)
{
	if (!s)
		return;
	session_flush(t, s);
	free(s);
}
