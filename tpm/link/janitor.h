/*
 * janitor - a thread that looks after a connection while nobody uses it.
 *
 * 1. It calls `tidy` with the lock held, and again after as many milliseconds as that says or when
 *    the word changes; it ends by itself when there is nothing to come back for.
 * 2. All signals are blocked in it: they are the application's.
 * 3. In a forked child there is none, and the lock may be anything: no function may be called
 *    there.
 */
#ifndef INRO_TPM_LINK_JANITOR_H
#define INRO_TPM_LINK_JANITOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct janitor {
	pthread_mutex_t lock;
	long (*tidy)(void *of); /* 0: done */
	void *of;
	atomic_uint *word, own_word;
	bool runs, done; /* under the lock */
	atomic_bool stop;
	pthread_t thread;
};

void janitor_init(struct janitor *j, long (*tidy)(void *of), void *of);
/* Another word to watch; before the first janitor_call(). */
void janitor_watch(struct janitor *j, atomic_uint *word);
/* Under the lock: there is something to look after.  False when no thread can be made. */
bool janitor_call(struct janitor *j);
/* Ends the thread and waits for it. */
void janitor_end(struct janitor *j);
void janitor_lock(struct janitor *j);
void janitor_unlock(struct janitor *j);

#endif
