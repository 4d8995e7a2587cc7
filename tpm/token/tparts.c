/*
 * tparts - one operation in parts with a key in the TPM.
 *
 * 1. What a private key or a MAC works on is collected and done at the end; a cipher goes through
 *    as it comes, as skey_parts.c does it: the same sizes at each step.
 * 2. `held` is the input that waits for its block to be full, and in padded decryption the last
 *    block.
 */
#include "tpm/token/tkey_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

struct cipher {
	struct tkey *key;
	enum key_use use;
	const struct smech *m;
	struct tkey_stream stream;
	uint8_t held[MAX_BLOCK], last[MAX_BLOCK];
	size_t held_n, last_n; /* last: what padded decryption gives at the end */
	bool unpadded, over;
	uint64_t total, reach; /* bytes taken, bytes that may be */
};

/* How much of `there` bytes waits. */
static size_t held_of(const struct cipher *p, size_t there)
{
	if (p->m->form == FORM_PADDED && p->use == USE_DECRYPT)
		return there ? (there - 1) % MAX_BLOCK + 1 : 0;
	return p->m->form == FORM_STREAM ? 0 : there % MAX_BLOCK;
}

/* What waited and what came, together: the output may be in the input's place and would run ahead
 * of it. */
static enum inro_err feed_joined(struct cipher *p, struct bytes in, uint8_t *out, size_t n)
{
	SCOPED(buf) whole = { .secret = true };
	enum inro_err e;

	buf_add(&whole, BYTES(p->held, p->held_n));
	buf_add(&whole, in);
	e = buf_err(&whole);
	if (!e && n)
		e = tkey_stream_feed(&p->stream, BYTES(whole.p, n), out);
	if (e)
		return e;
	p->held_n = whole.n - n;
	memcpy(p->held, whole.p + n, p->held_n);
	return INRO_OK;
}

static enum inro_err feed(struct cipher *p, struct bytes in, struct room out, size_t *ret_n)
{
	size_t there = p->held_n + in.n, n = there - held_of(p, there);
	enum inro_err e = INRO_OK;

	if (out.cap < n) {
		*ret_n = n;
		return INRO_E_TOO_SMALL;
	}
	if (in.n > p->reach - p->total)
		e = err_set(INRO_E_DATA_LENGTH, "the counter would come round");
	else if (n == in.n && !p->held_n)
		e = tkey_stream_feed(&p->stream, in, out.p);
	else
		e = feed_joined(p, in, out.p, n);
	p->over = e != INRO_OK;
	p->total += in.n;
	if (!e)
		*ret_n = n;
	return e;
}

static enum inro_err last_whole(const struct cipher *p, size_t *ret_n)
{
	*ret_n = 0;
	if (!p->held_n)
		return INRO_OK;
	return err_set(p->use == USE_DECRYPT ? INRO_E_CIPHERTEXT_LENGTH : INRO_E_DATA_LENGTH,
		       "the input does not end with a whole block");
}

static enum inro_err last_pad(struct cipher *p, struct room out, size_t *ret_n)
{
	size_t left = MAX_BLOCK - p->held_n;

	*ret_n = MAX_BLOCK;
	if (out.cap < MAX_BLOCK)
		return INRO_E_TOO_SMALL;
	memset(p->held + p->held_n, (int)left, left);
	return tkey_stream_feed(&p->stream, BYTES(p->held, MAX_BLOCK), out.p);
}

/* Once; then it waits for room. */
static enum inro_err unpad(struct cipher *p)
{
	enum inro_err e;

	if (p->held_n != MAX_BLOCK)
		return err_set(INRO_E_CIPHERTEXT_LENGTH,
			       "the ciphertext does not end with a whole block");
	e = tkey_stream_feed(&p->stream, BYTES(p->held, MAX_BLOCK), p->last);
	if (!e)
		e = skey_unpad(p->last, MAX_BLOCK, &p->last_n);
	p->unpadded = !e;
	return e;
}

static enum inro_err last_unpad(struct cipher *p, struct room out, size_t *ret_n)
{
	enum inro_err e = p->unpadded ? INRO_OK : unpad(p);

	return e ? e : tkey_give(BYTES(p->last, p->last_n), out, ret_n);
}

static enum inro_err last_of(struct cipher *p, struct room out, size_t *ret_n)
{
	if (p->m->form != FORM_PADDED)
		return last_whole(p, ret_n);
	return p->use == USE_DECRYPT ? last_unpad(p, out, ret_n) : last_pad(p, out, ret_n);
}

static enum inro_err check_alive(const struct cipher *p)
{
	return p->over ? err_set(INRO_E_STATE, "the operation is over") : INRO_OK;
}

/* ---- as parts want it ---- */

static enum inro_err step_cipher(void *stream, struct bytes in, struct room out, size_t *ret_n)
{
	enum inro_err e = check_alive(stream);

	return e ? e : feed(stream, in, out, ret_n);
}

static enum inro_err last_cipher(void *stream, struct room out, size_t *ret_n)
{
	struct cipher *p = stream;
	enum inro_err e = check_alive(p);

	if (e)
		return e;
	e = last_of(p, out, ret_n);
	p->over = e != INRO_E_TOO_SMALL;
	return e;
}

static void free_cipher(void *stream)
{
	struct cipher *p = stream;

	tkey_unref(p->key);
	wipe(p, sizeof *p);
	free(p);
}

static void unref_key(void *key)
{
	tkey_unref(key);
}

static enum inro_err use_key(void *key, const struct use *what, struct bytes in, struct room out,
			     size_t *ret_n)
{
	return tkey_use(key, what, in, out, ret_n);
}

static const struct parts_kind in_tpm = {
	.unref_key = unref_key,
	.use = use_key,
	.step = step_cipher,
	.last = last_cipher,
	.free_stream = free_cipher,
	.max = TKEY_MAX_COLLECTED,
};

static enum inro_err cipher_new(struct tkey *k, const struct smech *m, const struct use *what,
				struct cipher **ret)
{
	struct cipher *p = calloc(1, sizeof *p);

	if (!p)
		return INRO_E_NO_MEMORY;
	p->key = tkey_ref(k);
	p->use = what->use;
	p->m = m;
	tkey_stream_start(&p->stream, k, m, what);
	p->reach = smech_reach(m, what->spec);
	*ret = p;
	return INRO_OK;
}

enum inro_err tparts_begin(struct tkey *k, const struct use *what, struct parts **ret)
{
	const struct smech *m = NULL;
	struct cipher *stream = NULL;
	enum inro_err e = INRO_OK;

	if (k->kind == KEY_SECRET)
		e = tkey_secret_check(k, what, &m);
	if (!e && m && !smech_is_mac(m))
		e = cipher_new(k, m, what, &stream);
	return e ? e : parts_new(&in_tpm, stream ? NULL : tkey_ref(k), stream, what, ret);
}
