/*
 * writers - the queue; see writers.h.
 *
 * 1. While there are any, one of them leads: it does the work, then the first of those that came
 * meanwhile is told to lead.  Who is told anything is told it once, outside of the lock: it does not
 * wake up to wait for that.
 */
#include "backoffice/core/writers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "backoffice/core/db/change.h"

#define TOGETHER_MAX 64

struct writers {
	pthread_mutex_t lock;
	struct store *store; /* by whom they write */
	struct change *first, **end; /* those that wait */
	bool busy;		     /* somebody leads */
	struct writers_stats stats;
};

enum inro_err writers_open(const char *db, struct writers **ret)
{
	struct writers *w = calloc(1, sizeof *w);
	enum inro_err e;

	if (!w || pthread_mutex_init(&w->lock, NULL) != 0) {
		free(w);
		return err_set(INRO_E_NO_MEMORY, "no memory for a queue of writers");
	}
	w->end = &w->first;
	e = store_open_as(db, STORE_EXISTING, &w->store);
	if (e == INRO_OK)
		*ret = w;
	else
		writers_close(w);
	return e;
}

void writers_close(struct writers *w)
{
	if (!w)
		return;
	store_close(w->store);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* The first, and of those behind it what may go with it. */
static struct change *take(struct writers *w)
{
	struct change *first = w->first, *last = first;

	uint64_t n = 1;

	for (; n < TOGETHER_MAX && last->next && !first->alone && !last->next->alone; n++)
		last = last->next;
	w->stats.changes += n;
	w->stats.turns++;
	w->stats.waiting -= n;
	w->first = last->next;
	last->next = NULL;
	if (!w->first)
		w->end = &w->first;
	return first;
}

/* Whoever is told may be gone with his change at once. */
static void tell(struct change *m, struct change *but)
{
	while (m) {
		struct change *next = m->next;

		m->done = true;
		if (m != but)
			sem_post(&m->turn);
		m = next;
	}
}

static void lead(struct writers *w, struct change *own)
{
	struct change *taken, *next;

	pthread_mutex_lock(&w->lock);
	taken = take(w);
	pthread_mutex_unlock(&w->lock);
	changes_do(taken, w->store);
	pthread_mutex_lock(&w->lock);
	next = w->first;
	w->busy = next != NULL;
	pthread_mutex_unlock(&w->lock);
	if (next)
		sem_post(&next->turn);
	tell(taken, own);
}

/* Whether this one leads. */
static bool line_up(struct writers *w, struct change *m)
{
	bool leads;

	pthread_mutex_lock(&w->lock);
	w->stats.waiting++;
	*w->end = m;
	w->end = &m->next;
	leads = !w->busy;
	w->busy = true;
	pthread_mutex_unlock(&w->lock);
	return leads;
}

void writers_do(struct writers *w, struct change *m)
{
	sem_init(&m->turn, 0, 0);
	if (!line_up(w, m))
		while (sem_wait(&m->turn) != 0 && errno == EINTR)
			;
	if (!m->done)
		lead(w, m);
	sem_destroy(&m->turn);
}

void writers_stats(struct writers *w, struct writers_stats *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->stats;
	pthread_mutex_unlock(&w->lock);
}
