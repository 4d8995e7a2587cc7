#include "pkcs11/soft/parts.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/own.h"

struct parts {
	atomic_uint refs;
	pthread_mutex_t lock;
	const struct parts_kind *kind;
	void *stream;
	/* or collected: */
	void *key;
	enum key_use use;
	struct use_spec spec; /* borrows from `params` */
	struct buf params;
	struct buf all;
	bool over;
};

void parts_ref(struct parts *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
}

void parts_unref(struct parts *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (p->stream)
		p->kind->free_stream(p->stream);
	if (p->key)
		p->kind->unref_key(p->key);
	buf_clear(&p->params);
	buf_clear(&p->all);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

void parts_unref_ptr(struct parts **p)
{
	parts_unref(*p);
}

static void ref_item(void *item)
{
	parts_ref(item);
}

static void unref_item(void *item)
{
	parts_unref(item);
}

const struct table_kind parts_table = { .ref = ref_item, .unref = unref_item };

bool parts_instance(pthread_rwlock_t *gate, struct table *keys, const struct table_kind *of,
		    struct table *ops)
{
	bool gated = !pthread_rwlock_init(gate, NULL);
	bool keyed = gated && !table_init(keys, of);

	if (keyed && !table_init(ops, &parts_table))
		return true;
	if (keyed)
		table_free(keys);
	if (gated)
		(void)pthread_rwlock_destroy(gate);
	return false;
}

static struct parts *empty(void)
{
	struct parts *p = calloc(1, sizeof *p);

	if (p && pthread_mutex_init(&p->lock, NULL)) {
		free(p);
		p = NULL;
	}
	if (p)
		atomic_init(&p->refs, 1);
	return p;
}

/* The borrowed fields, one behind the other in `params`. */
static enum inro_err copy_spec(struct parts *p, const struct use_spec *spec)
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

enum inro_err parts_new(const struct parts_kind *kind, void *key, void *stream,
			const struct use *what, struct parts **ret)
{
	AUTO(parts_unref_ptr) struct parts *p = empty();
	enum inro_err e;

	if (!p) {
		if (stream)
			kind->free_stream(stream);
		if (key)
			kind->unref_key(key);
		return INRO_E_NO_MEMORY;
	}
	p->kind = kind;
	p->key = key;
	p->stream = stream;
	p->use = what->use;
	p->all.secret = true;
	p->all.max = kind->max;
	e = stream ? INRO_OK : copy_spec(p, what->spec);
	if (e)
		return e;
	*ret = p;
	p = NULL;
	return INRO_OK;
}

static enum inro_err collect(struct parts *p, struct bytes in, size_t *ret_n)
{
	enum inro_err e;

	if (p->over)
		return err_set(INRO_E_STATE, "the operation is over");
	buf_add(&p->all, in);
	e = buf_err(&p->all);
	p->over = e != INRO_OK;
	if (e == INRO_E_TOO_BIG)
		return err_set(INRO_E_DATA_LENGTH, "this key takes no input of this length");
	if (!e)
		*ret_n = 0;
	return e;
}

static enum inro_err use_collected(struct parts *p, struct room out, size_t *ret_n)
{
	const struct use what = { .use = p->use, .spec = &p->spec };
	enum inro_err e;

	if (p->over)
		return err_set(INRO_E_STATE, "the operation is over");
	e = p->kind->use(p->key, &what, buf_bytes(&p->all), out, ret_n);
	p->over = e != INRO_E_TOO_SMALL;
	return e;
}

enum inro_err parts_step(struct parts *p, struct bytes in, struct room out, size_t *ret_n)
{
	enum inro_err e;

	pthread_mutex_lock(&p->lock);
	e = p->stream ? p->kind->step(p->stream, in, out, ret_n) : collect(p, in, ret_n);
	pthread_mutex_unlock(&p->lock);
	return e;
}

enum inro_err parts_last(struct parts *p, struct room out, size_t *ret_n)
{
	enum inro_err e;

	pthread_mutex_lock(&p->lock);
	e = p->stream ? p->kind->last(p->stream, out, ret_n) : use_collected(p, out, ret_n);
	pthread_mutex_unlock(&p->lock);
	return e;
}

/* ---- keys in software ---- */

static void unref_any(void *key)
{
	anykey_unref(key);
}

static enum inro_err use_any(void *key, const struct use *what, struct bytes in, struct room out,
			     size_t *ret_n)
{
	return anykey_use(key, what, in, out, ret_n);
}

static enum inro_err step_secret(void *stream, struct bytes in, struct room out, size_t *ret_n)
{
	return skey_step(stream, in, out, ret_n);
}

static enum inro_err last_secret(void *stream, struct room out, size_t *ret_n)
{
	return skey_last(stream, out, ret_n);
}

static void free_secret(void *stream)
{
	skey_op_free(stream);
}

/* max: the longest input of a private key that the core has not hashed: pure signatures of a whole
 * message. */
static const struct parts_kind in_software = {
	.unref_key = unref_any,
	.use = use_any,
	.step = step_secret,
	.last = last_secret,
	.free_stream = free_secret,
	.max = (size_t)16 << 20,
};

enum inro_err parts_begin(struct anykey *k, const struct use *what, struct parts **ret)
{
	struct skey_op *op = NULL;
	enum inro_err e = k->secret ? skey_begin(k->secret, what->use, what->spec, &op) : INRO_OK;

	return e ? e : parts_new(&in_software, op ? NULL : anykey_ref(k), op, what, ret);
}
