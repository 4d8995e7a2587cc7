#include "pkcs11/soft/parts.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/own.h"

/* The longest input of a private key that the core has not hashed: pure signatures of a whole
 * message. */
#define MAX_COLLECTED ((size_t)16 << 20)

struct parts {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct skey_op *secret;
	/* or a pair: */
	struct anykey *key;
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
	skey_op_free(p->secret);
	anykey_unref(p->key);
	buf_clear(&p->params);
	buf_clear(&p->all);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

void parts_unref_ptr(struct parts **p)
{
	parts_unref(*p);
}

static enum inro_err parts_new(struct parts **ret)
{
	struct parts *p = calloc(1, sizeof *p);

	if (!p)
		return INRO_E_NO_MEMORY;
	if (pthread_mutex_init(&p->lock, NULL)) {
		free(p);
		return INRO_E_NO_MEMORY;
	}
	atomic_init(&p->refs, 1);
	*ret = p;
	return INRO_OK;
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

enum inro_err parts_begin(struct anykey *k, const struct use *what, struct parts **ret)
{
	AUTO(parts_unref_ptr) struct parts *p = NULL;
	enum inro_err e = parts_new(&p);

	if (e)
		return e;
	if (k->secret) {
		e = skey_begin(k->secret, what->use, what->spec, &p->secret);
	} else {
		e = copy_spec(p, what->spec);
		p->key = anykey_ref(k);
		p->use = what->use;
		p->all.secret = true;
		p->all.max = MAX_COLLECTED;
	}
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
		return err_set(INRO_E_DATA_LENGTH, "a private key takes no input of this length");
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
	e = anykey_use(p->key, &what, buf_bytes(&p->all), out, ret_n);
	p->over = e != INRO_E_TOO_SMALL;
	return e;
}

enum inro_err parts_step(struct parts *p, struct bytes in, struct room out, size_t *ret_n)
{
	enum inro_err e;

	pthread_mutex_lock(&p->lock);
	e = p->secret ? skey_step(p->secret, in, out, ret_n) : collect(p, in, ret_n);
	pthread_mutex_unlock(&p->lock);
	return e;
}

enum inro_err parts_last(struct parts *p, struct room out, size_t *ret_n)
{
	enum inro_err e;

	pthread_mutex_lock(&p->lock);
	e = p->secret ? skey_last(p->secret, out, ret_n) : use_collected(p, out, ret_n);
	pthread_mutex_unlock(&p->lock);
	return e;
}
