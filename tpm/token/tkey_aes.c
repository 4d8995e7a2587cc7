/*
 * tkey_aes - AES in the TPM, 1024 bytes a command, each its own turn; the IV goes from one to the
 * next.
 *
 * A stream (CTR, CFB) whose text ends within a block is filled up with zeros: what comes out for
 * them is key stream, with which the next bytes are done here.
 */
#include "tpm/token/tkey_private.h"

#include <string.h>

#include "base/own.h"

struct chunk {
	struct bytes auth;
	struct cipher_step step;
};

/* Only what was done changes anything: it may be tried twice. */
static enum inro_err step_chunk(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct chunk *c = arg;
	struct cipher_step step = c->step;
	size_t n = 0;
	enum inro_err e = cmd_encrypt_decrypt(t, object, c->auth, &step, &n);

	if (!e && n != step.in.n)
		return err_set(INRO_E_TOKEN, "the TPM gave %zu bytes for %zu", n, step.in.n);
	if (!e)
		c->step = step;
	return e;
}

/* Whole blocks, up to 1024 bytes. */
static enum inro_err run_chunk(struct tkey_stream *s, struct bytes in, uint8_t *out)
{
	struct chunk c = { .auth = secret_bytes(&s->k->auth),
			   .step = { .decrypt = s->decrypt,
				     .mode = s->mode,
				     .in = in,
				     .out = out,
				     .cap = in.n } };
	enum inro_err e;

	memcpy(c.step.iv, s->iv, sizeof s->iv);
	e = resident_do(s->k->object, 0, step_chunk, &c);
	if (!e)
		memcpy(s->iv, c.step.iv, sizeof s->iv);
	return e;
}

/* ---- the block that the text does not fill ---- */

/* Bytes that the key stream at hand is enough for; what is left stays in *in. */
static uint8_t *use_up(struct tkey_stream *s, struct bytes *in, uint8_t *out)
{
	while (s->used && in->n) {
		uint8_t from = *in->p, to = from ^ s->key[s->used];

		s->fed[s->used] = s->decrypt ? from : to;
		s->used = (s->used + 1) % MAX_BLOCK;
		if (!s->used && s->mode == TPM2_ALG_CFB)
			memcpy(s->iv, s->fed, sizeof s->iv);
		*out++ = to;
		*in = BYTES(in->p + 1, in->n - 1);
	}
	return out;
}

static enum inro_err run_tail(struct tkey_stream *s, struct bytes in, uint8_t *out)
{
	uint8_t from[TKEY_CHUNK] = { 0 }, to[TKEY_CHUNK] = { 0 };
	size_t over = in.n % MAX_BLOCK, last = in.n - over;
	enum inro_err e;

	memcpy(from, in.p, in.n);
	e = run_chunk(s, BYTES(from, last + MAX_BLOCK), to);
	if (!e) {
		memcpy(out, to, in.n);
		memcpy(s->key, to + last, MAX_BLOCK);
		memcpy(s->fed, (s->decrypt ? from : to) + last, MAX_BLOCK);
		s->used = over;
	}
	wipe(from, sizeof from);
	wipe(to, sizeof to);
	return e;
}

/* ---- text of any length ---- */

enum inro_err tkey_stream_feed(struct tkey_stream *s, struct bytes in, uint8_t *out)
{
	enum inro_err e = INRO_OK;

	out = use_up(s, &in, out);
	while (!e && in.n) {
		size_t n = in.n < TKEY_CHUNK ? in.n : TKEY_CHUNK;
		struct bytes some = BYTES(in.p, n);

		e = n % MAX_BLOCK ? run_tail(s, some, out) : run_chunk(s, some, out);
		in = BYTES(in.p + n, in.n - n);
		out += n;
	}
	return e;
}

void tkey_stream_start(struct tkey_stream *s, struct tkey *k, const struct smech *m,
		       const struct use *what)
{
	*s = (struct tkey_stream) { .k = k,
				    .m = m,
				    .mode = tkey_secret_alg(k->caps, m->mech),
				    .decrypt = what->use == USE_DECRYPT };
	if (what->spec->iv.n == sizeof s->iv)
		memcpy(s->iv, what->spec->iv.p, sizeof s->iv);
}

void tkey_stream_clear(struct tkey_stream *s)
{
	wipe(s, sizeof *s);
}
