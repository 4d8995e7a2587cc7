/* tkey_secret - a whole input with a secret key: checks, room and padding as skey_use() has them.
 */
#include "tpm/token/tkey_private.h"

#include <string.h>

#include "base/own.h"

enum inro_err tkey_give(struct bytes from, struct room out, size_t *ret_n)
{
	*ret_n = from.n;
	if (from.n > out.cap)
		return INRO_E_TOO_SMALL;
	if (from.n)
		memcpy(out.p, from.p, from.n);
	return INRO_OK;
}

enum inro_err tkey_secret_check(const struct tkey *k, const struct use *what,
				const struct smech **ret)
{
	const struct smech *m = NULL;
	enum inro_err e = smech_check(k->type, what->spec, what->use, &m);

	if (e)
		return e;
	if (tkey_secret_alg(k->caps, m->mech) == TPM2_ALG_NULL)
		return err_set(INRO_E_KEY_TYPE,
			       "the TPM that this key is in does not do mechanism 0x%lx: a key for "
			       "it is made with place tpm-sealed",
			       m->mech);
	*ret = m;
	return INRO_OK;
}

/* ---- one form each ---- */

struct task {
	struct tkey *k;
	const struct smech *m;
	const struct use *what;
	struct bytes in;
};

static enum inro_err run_mac(const struct task *t, struct room out, size_t *ret_n)
{
	uint8_t whole[LIBCTX_MAX_HASH];
	enum inro_err e;

	if (t->in.n > TKEY_MAX_COLLECTED)
		return err_set(INRO_E_DATA_LENGTH, "a TPM's MAC takes no input of this length");
	e = tkey_mac(t->k, tkey_secret_alg(t->k->caps, t->m->mech), t->in, whole);
	return e ? e : tkey_give(BYTES(whole, smech_tag(t->m, t->what->spec)), out, ret_n);
}

/* As much out as in. */
static enum inro_err run_plain(const struct task *t, struct bytes in, uint8_t *out)
{
	struct tkey_stream s;
	enum inro_err e;

	tkey_stream_start(&s, t->k, t->m, t->what);
	e = tkey_stream_feed(&s, in, out);
	tkey_stream_clear(&s);
	return e;
}

static enum inro_err run_direct(const struct task *t, struct room out, size_t *ret_n)
{
	enum inro_err e = run_plain(t, t->in, out.p);

	if (!e)
		*ret_n = t->in.n;
	return e;
}

static enum inro_err run_pad(const struct task *t, struct secret *text, size_t *n)
{
	size_t left = text->n - t->in.n;

	if (t->in.n)
		memcpy(text->p, t->in.p, t->in.n);
	memset(text->p + t->in.n, (int)left, left);
	*n = text->n;
	return run_plain(t, secret_bytes(text), text->p);
}

static enum inro_err run_unpad(const struct task *t, struct secret *text, size_t *n)
{
	size_t left = 0;
	enum inro_err e = run_plain(t, t->in, text->p);

	if (!e)
		e = skey_unpad(text->p + text->n - MAX_BLOCK, MAX_BLOCK, &left);
	*n = text->n - MAX_BLOCK + left;
	return e;
}

/* In memory of its own: what is not good is not seen, and what is longer than the input does not
 * run over it. */
static enum inro_err run_padded(const struct task *t, struct room out, size_t *ret_n)
{
	SCOPED(secret) text = { 0 };
	bool decrypt = t->what->use == USE_DECRYPT;
	size_t more = decrypt ? 0 : MAX_BLOCK - t->in.n % MAX_BLOCK, n = 0;
	enum inro_err e = secret_new(t->in.n + more, &text);

	if (!e)
		e = (decrypt ? run_unpad : run_pad)(t, &text, &n);
	return e ? e : tkey_give(BYTES(text.p, n), out, ret_n);
}

static enum inro_err (*const runs[FORM__MAX])(const struct task *t, struct room out,
					      size_t *ret_n) = {
	[FORM_HMAC] = run_mac,
	[FORM_BLOCKS] = run_direct,
	[FORM_STREAM] = run_direct,
	[FORM_PADDED] = run_padded,
};

/* Only the work tells how much a padded ciphertext gives. */
static bool size_is_vague(const struct task *t)
{
	return t->what->use == USE_DECRYPT && t->m->form == FORM_PADDED;
}

enum inro_err tkey_secret_use(struct tkey *k, const struct use *what, struct bytes in,
			      struct room out, size_t *ret_n)
{
	struct task t = { .k = k, .what = what, .in = in };
	size_t need = 0;
	enum inro_err e = tkey_secret_check(k, what, &t.m);

	if (!e)
		e = skey_size(what->spec, what->use, in.n, &need);
	if (e)
		return e;
	if (out.cap < need && !size_is_vague(&t)) {
		*ret_n = need;
		return INRO_E_TOO_SMALL;
	}
	return runs[t.m->form](&t, out, ret_n);
}
