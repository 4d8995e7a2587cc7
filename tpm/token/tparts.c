/*
 * tparts - one operation in parts with a key in the TPM.
 *
 * 1. What a private key or a MAC works on is collected and done at the end; a cipher goes through
 * as it comes, as skey_parts.c does it: the same sizes at each step.
 * 2. `held` is the input that waits for its block to be full, and in padded decryption the last
 *    block.
 */
#include "tpm/token/tkey_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

struct tparts {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct tkey *key;
	enum key_use use;
	struct use_spec spec; /* borrows from `params` */
	struct buf params;
	bool over;
	/* collected */
	const struct smech *m; /* NULL: a pair */
	struct buf all;
	/* ciphers */
	struct tkey_stream stream;
	uint8_t held[MAX_BLOCK], last[MAX_BLOCK];
	size_t held_n, last_n; /* last: what padded decryption gives at the end */
	bool unpadded;
	uint64_t total, reach; /* bytes taken, bytes that may be */
};

void tparts_ref(struct tparts *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
}

void tparts_unref(struct tparts *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	tkey_unref(p->key);
	buf_clear(&p->params);
	buf_clear(&p->all);
	(void)pthread_mutex_destroy(&p->lock);
	wipe(p, sizeof *p);
	free(p);
}

void tparts_unref_ptr(struct tparts **p)
{
	tparts_unref(*p);
}

static enum inro_err parts_new(struct tparts **ret)
{
	struct tparts *p = calloc(1, sizeof *p);

	if (!p)
		return INRO_E_NO_MEMORY;
	if (pthread_mutex_init(&p->lock, NULL)) {
		free(p);
		return INRO_E_NO_MEMORY;
	}
	atomic_init(&p->refs, 1);
	p->all.secret = true;
	p->all.max = TKEY_MAX_COLLECTED;
	*ret = p;
	return INRO_OK;
}

/* The borrowed fields, one behind the other in `params`. */
static enum inro_err copy_spec(struct tparts *p, const struct use_spec *spec)
{
	struct bytes *fields[] = { &p->spec.label, &p->spec.iv, &p->spec.ad, &p->spec.peer };
	const uint8_t *at;
	enum inro_err e;

	p->spec = *spec;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_add(&p->params, *fields[i]);
	e = buf_err(&p->params);
	if (e)
		return e;
	at = p->params.p;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		fields[i]->p = at;
		at = at ? at + fields[i]->n : NULL;
	}
	return INRO_OK;
}

static bool is_cipher(const struct tparts *p)
{
	return p->m && !smech_is_mac(p->m);
}

enum inro_err tparts_begin(struct tkey *k, const struct use *what, struct tparts **ret)
{
	AUTO(tparts_unref_ptr) struct tparts *p = NULL;
	enum inro_err e = parts_new(&p);

	if (!e && k->kind == KEY_SECRET)
		e = tkey_secret_check(k, what, &p->m);
	if (!e)
		e = copy_spec(p, what->spec);
	if (e)
		return e;
	p->key = tkey_ref(k);
	p->use = what->use;
	if (is_cipher(p)) {
		tkey_stream_start(&p->stream, k, p->m, what);
		p->reach = smech_reach(p->m, what->spec);
	}
	*ret = p;
	p = NULL;
	return INRO_OK;
}

static enum inro_err check_alive(const struct tparts *p)
{
	return p->over ? err_set(INRO_E_STATE, "the operation is over") : INRO_OK;
}

/* ---- collected ---- */

static enum inro_err collect(struct tparts *p, struct bytes in, size_t *ret_n)
{
	enum inro_err e;

	buf_add(&p->all, in);
	e = buf_err(&p->all);
	p->over = e != INRO_OK;
	if (e == INRO_E_TOO_BIG)
		return err_set(INRO_E_DATA_LENGTH, "a key in a TPM takes no input of this length");
	if (!e)
		*ret_n = 0;
	return e;
}

static enum inro_err use_collected(struct tparts *p, struct room out, size_t *ret_n)
{
	const struct use what = { .use = p->use, .spec = &p->spec };

	return tkey_use(p->key, &what, buf_bytes(&p->all), out, ret_n);
}

/* ---- ciphers ---- */

/* How much of `there` bytes waits. */
static size_t held_of(const struct tparts *p, size_t there)
{
	if (p->m->form == FORM_PADDED && p->use == USE_DECRYPT)
		return there ? (there - 1) % MAX_BLOCK + 1 : 0;
	return p->m->form == FORM_STREAM ? 0 : there % MAX_BLOCK;
}

/* What waited and what came, together: the output may be in the input's place and would run ahead
 * of it. */
static enum inro_err feed_joined(struct tparts *p, struct bytes in, uint8_t *out, size_t n)
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

static enum inro_err feed(struct tparts *p, struct bytes in, struct room out, size_t *ret_n)
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

static enum inro_err last_whole(const struct tparts *p, size_t *ret_n)
{
	*ret_n = 0;
	if (!p->held_n)
		return INRO_OK;
	return err_set(p->use == USE_DECRYPT ? INRO_E_CIPHERTEXT_LENGTH : INRO_E_DATA_LENGTH,
		       "the input does not end with a whole block");
}

static enum inro_err last_pad(struct tparts *p, struct room out, size_t *ret_n)
{
	size_t left = MAX_BLOCK - p->held_n;

	*ret_n = MAX_BLOCK;
	if (out.cap < MAX_BLOCK)
		return INRO_E_TOO_SMALL;
	memset(p->held + p->held_n, (int)left, left);
	return tkey_stream_feed(&p->stream, BYTES(p->held, MAX_BLOCK), out.p);
}

/* Once; then it waits for room. */
static enum inro_err unpad(struct tparts *p)
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

static enum inro_err last_unpad(struct tparts *p, struct room out, size_t *ret_n)
{
	enum inro_err e = p->unpadded ? INRO_OK : unpad(p);

	return e ? e : tkey_give(BYTES(p->last, p->last_n), out, ret_n);
}

static enum inro_err last_of(struct tparts *p, struct room out, size_t *ret_n)
{
	if (!is_cipher(p))
		return use_collected(p, out, ret_n);
	if (p->m->form != FORM_PADDED)
		return last_whole(p, ret_n);
	return p->use == USE_DECRYPT ? last_unpad(p, out, ret_n) : last_pad(p, out, ret_n);
}

/* ---- one after the other ---- */

enum inro_err tparts_step(struct tparts *p, struct bytes in, struct room out, size_t *ret_n)
{
	enum inro_err e;

	pthread_mutex_lock(&p->lock);
	e = check_alive(p);
	if (!e)
		e = is_cipher(p) ? feed(p, in, out, ret_n) : collect(p, in, ret_n);
	pthread_mutex_unlock(&p->lock);
	return e;
}

enum inro_err tparts_last(struct tparts *p, struct room out, size_t *ret_n)
{
	enum inro_err e;

	pthread_mutex_lock(&p->lock);
	e = check_alive(p);
	if (!e) {
		e = last_of(p, out, ret_n);
		p->over = e != INRO_E_TOO_SMALL;
	}
	pthread_mutex_unlock(&p->lock);
	return e;
}
