/*
 * pool - the worker threads, and the bounded queue before them.
 *
 * 1. A worker that could not begin ends the start: a server without its database does not listen.
 */
#include <stdlib.h>

#include "backoffice/http/engine.h"

struct worker {
	struct pool *pool;
	pthread_t thread;
	bool runs;
	enum { WORKER_NEW, WORKER_READY, WORKER_FAILED } state;
	struct err_kept why;
};

struct pool {
	struct http_server *server;
	pthread_mutex_t lock;
	pthread_cond_t work, begun;
	struct exchange *first, **last;
	uint64_t waiting, busy;
	size_t max, n;
	bool stops;
	struct worker *workers;
};

static struct exchange *take(struct pool *p)
{
	struct exchange *x;

	pthread_mutex_lock(&p->lock);
	while (!p->first && !p->stops)
		pthread_cond_wait(&p->work, &p->lock);
	x = p->stops ? NULL : p->first;
	if (x) {
		p->first = x->next;
		if (!p->first)
			p->last = &p->first;
		p->waiting--;
		p->busy++;
	}
	pthread_mutex_unlock(&p->lock);
	return x;
}

static void done(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->busy--;
	pthread_mutex_unlock(&p->lock);
}

static void say_begun(struct worker *w, enum inro_err e)
{
	pthread_mutex_lock(&w->pool->lock);
	w->state = e ? WORKER_FAILED : WORKER_READY;
	if (e)
		w->why = err_keep();
	pthread_cond_signal(&w->pool->begun);
	pthread_mutex_unlock(&w->pool->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct http_options *o = &w->pool->server->o;
	struct exchange *x;
	void *own = NULL;
	enum inro_err e = o->worker_begin ? o->worker_begin(o->worker_arg, &own) : INRO_OK;

	say_begun(w, e);
	while (e == INRO_OK && (x = take(w->pool))) {
		exchange_run(x, own);
		done(w->pool);
		loop_post(x->loop, x);
	}
	if (e == INRO_OK && o->worker_end)
		o->worker_end(o->worker_arg, own);
	return NULL;
}

/* One after the other: the first may have a database to bring up to date. */
static enum inro_err start_one(struct pool *p, struct worker *w)
{
	enum inro_err e = INRO_OK;

	w->pool = p;
	if (pthread_create(&w->thread, NULL, work, w) != 0)
		return err_set(INRO_E_NO_MEMORY, "a worker thread can't be started");
	w->runs = true;
	pthread_mutex_lock(&p->lock);
	while (w->state == WORKER_NEW)
		pthread_cond_wait(&p->begun, &p->lock);
	if (w->state == WORKER_FAILED)
		e = err_set(w->why.code, "%s", w->why.text);
	pthread_mutex_unlock(&p->lock);
	return e;
}

enum inro_err pool_start(struct http_server *s, unsigned workers, struct pool **ret)
{
	struct pool *p = calloc(1, sizeof *p);
	enum inro_err e = INRO_OK;

	if (!p || !(p->workers = calloc(workers, sizeof *p->workers))) {
		free(p);
		return err_set(INRO_E_NO_MEMORY, "no memory for %u workers", workers);
	}
	p->server = s;
	p->max = s->o.limits.queue;
	p->last = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->begun, NULL);
	*ret = p;
	while (e == INRO_OK && p->n < workers)
		e = start_one(p, &p->workers[p->n++]);
	return e;
}

bool pool_add(struct pool *p, struct exchange *x)
{
	bool fits;

	pthread_mutex_lock(&p->lock);
	fits = !p->stops && (x->streams || x->unbound || p->waiting < p->max);
	if (fits) {
		x->next = NULL;
		*p->last = x;
		p->last = &x->next;
		p->waiting++;
	}
	pthread_mutex_unlock(&p->lock);
	if (fits)
		pthread_cond_signal(&p->work); /* who wakes up finds the lock free */
	return fits;
}

void pool_counts(struct pool *p, uint64_t *ret_waiting, uint64_t *ret_busy, uint64_t *ret_all)
{
	pthread_mutex_lock(&p->lock);
	*ret_waiting = p->waiting;
	*ret_busy = p->busy;
	*ret_all = p->n;
	pthread_mutex_unlock(&p->lock);
}

static void give_back(struct pool *p)
{
	while (p->first) {
		struct exchange *x = p->first;

		p->first = x->next;
		loop_post(x->loop, x);
	}
	p->last = &p->first;
}

void pool_stop(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stops = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->n; i++)
		if (p->workers[i].runs)
			pthread_join(p->workers[i].thread, NULL);
	give_back(p);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->begun);
	free(p->workers);
	free(p);
}
