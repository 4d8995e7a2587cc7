/*
 * ahead - items that other threads work on before it is their turn.
 *
 * 1. Whoever waits for an item that nobody has begun works, too: with no thread to be had, or one
 *    processor, everything is done by the caller, each item when it is waited for.
 * 2. Items are begun in their order, each once, by one thread.
 * 3. No thread is left when ahead_clear() returns.  They take no signals.
 */
#ifndef INRO_BASE_AHEAD_H
#define INRO_BASE_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define AHEAD_THREADS 3
#define AHEAD_MAX     512

/* Items don't share what they change; what an item left is seen by who has waited for it. */
typedef void ahead_fn(void *arg, size_t item);

struct ahead {
	ahead_fn *fn;
	void *arg;
	size_t n, next; /* items in all; the first that nobody has begun */
	bool done[AHEAD_MAX];
	bool ready; /* there are a lock and a condition */
	pthread_mutex_t lock;
	pthread_cond_t one_done;
	pthread_t threads[AHEAD_THREADS];
	size_t threads_n;
};

/* What came of an item, with its words, which are a thread's own: for whoever waits for it. */
struct verdict {
	enum inro_err e;
	char *words;
};
/* Keeps the error and what was said last, and gives it back. */
enum inro_err verdict_keep(struct verdict *v, enum inro_err e);
/* The same in the thread that calls. */
MUST_CHECK enum inro_err verdict_say(const struct verdict *v);
void verdict_clear(struct verdict *v);

/* Of up to AHEAD_MAX items; none is worked on yet.  *a stays where it is. */
void ahead_begin(struct ahead *a, ahead_fn *fn, void *arg, size_t n);
/* Lets threads work on the items: as many as there are processors besides this one. */
void ahead_run(struct ahead *a);
/* The item is done when this returns. */
void ahead_wait(struct ahead *a, size_t item);
/* Items that nobody has begun are left.  Harmless for what was never begun. */
void ahead_clear(struct ahead *a);

#endif
