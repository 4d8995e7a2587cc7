/* writers - the queue; see writers.h. */
#include "backoffice/core/writers.h"

#include <stdlib.h>

#include "backoffice/core/db/change.h"

#define TOGETHER_MAX 64

struct writers {
	pthread_mutex_t lock;
	struct store *store; /* by whom they write */
	struct change *first, **end; /* those that wait */
	bool busy;		     /* some are being done */
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
static void tell(struct change *m)
{
	while (m) {
		struct change *next = m->next;

		m->done = true;
		pthread_cond_signal(&m->turn);
		m = next;
	}
}

static void lead(struct writers *w)
{
	struct change *taken = take(w);

	w->busy = true;
	pthread_mutex_unlock(&w->lock);
	changes_do(taken, w->store);
	pthread_mutex_lock(&w->lock);
	w->busy = false;
	tell(taken);
	if (w->first)
		pthread_cond_signal(&w->first->turn);
}

void writers_do(struct writers *w, struct change *m)
{
	pthread_cond_init(&m->turn, NULL);
	pthread_mutex_lock(&w->lock);
	w->stats.waiting++;
	*w->end = m;
	w->end = &m->next;
	while (!m->done && (w->busy || w->first != m))
		pthread_cond_wait(&m->turn, &w->lock);
	if (!m->done)
		lead(w);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_destroy(&m->turn);
}

void writers_stats(struct writers *w, struct writers_stats *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->stats;
	pthread_mutex_unlock(&w->lock);
}
