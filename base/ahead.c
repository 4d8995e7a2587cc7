/* ahead - see ahead.h. */
#include "base/ahead.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum inro_err verdict_keep(struct verdict *v, enum inro_err e)
{
	verdict_clear(v);
	v->e = e;
	if (e != INRO_OK)
		v->words = strdup(err_detail(e));
	return e;
}

enum inro_err verdict_say(const struct verdict *v)
{
	return v->e == INRO_OK ? v->e : err_set(v->e, "%s", v->words ? v->words : err_name(v->e));
}

void verdict_clear(struct verdict *v)
{
	free(v->words);
	*v = (struct verdict) { 0 };
}

void ahead_begin(struct ahead *a, ahead_fn *fn, void *arg, size_t n)
{
	memset(a, 0, sizeof *a);
	a->fn = fn;
	a->arg = arg;
	a->n = n < AHEAD_MAX ? n : AHEAD_MAX;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->one_done, NULL);
	a->ready = true;
}

/* The lock is held, and given up meanwhile; false when nothing is left to begin. */
static bool do_next(struct ahead *a)
{
	size_t item = a->next;

	if (item >= a->n)
		return false;
	a->next++;
	pthread_mutex_unlock(&a->lock);
	a->fn(a->arg, item);
	pthread_mutex_lock(&a->lock);
	a->done[item] = true;
	pthread_cond_signal(&a->one_done);
	return true;
}

static void *work(void *arg)
{
	struct ahead *a = arg;

	pthread_mutex_lock(&a->lock);
	while (do_next(a))
		;
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static size_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

void ahead_run(struct ahead *a)
{
	size_t want = processors() - 1;
	sigset_t all, before;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return;
	while (a->threads_n < want && a->threads_n < AHEAD_THREADS &&
	       pthread_create(&a->threads[a->threads_n], NULL, work, a) == 0)
		a->threads_n++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void ahead_wait(struct ahead *a, size_t item)
{
	pthread_mutex_lock(&a->lock);
	while (item < a->n && !a->done[item])
		if (!do_next(a))
			pthread_cond_wait(&a->one_done, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

void ahead_clear(struct ahead *a)
{
	if (!a->ready)
		return;
	pthread_mutex_lock(&a->lock);
	a->n = a->next;
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < a->threads_n; i++)
		pthread_join(a->threads[i], NULL);
	pthread_cond_destroy(&a->one_done);
	pthread_mutex_destroy(&a->lock);
	a->ready = false;
}
