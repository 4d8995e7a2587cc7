/* turn - a queue of threads, each of which waits on its own stack. */
#include "tpm/talk/turn.h"

#include <stddef.h>

struct turn_waiter {
	pthread_cond_t called;
	bool mine;
	struct turn_waiter *next;
};

void turn_init(struct turn *t)
{
	*t = (struct turn) { .lock = PTHREAD_MUTEX_INITIALIZER };
}

void turn_clear(struct turn *t)
{
	pthread_mutex_destroy(&t->lock);
}

/* The lock is held. */
static void wait_for(struct turn *t)
{
	struct turn_waiter w = { .called = PTHREAD_COND_INITIALIZER };

	if (t->last)
		t->last->next = &w;
	else
		t->first = &w;
	t->last = &w;
	while (!w.mine)
		pthread_cond_wait(&w.called, &t->lock);
	pthread_cond_destroy(&w.called);
}

void turn_take(struct turn *t)
{
	pthread_mutex_lock(&t->lock);
	if (t->taken)
		wait_for(t);
	t->taken = true;
	pthread_mutex_unlock(&t->lock);
}

bool turn_try(struct turn *t)
{
	bool free;

	pthread_mutex_lock(&t->lock);
	free = !t->taken;
	t->taken = true;
	pthread_mutex_unlock(&t->lock);
	return free;
}

/* It stays taken when somebody waits: he has it now. */
void turn_give(struct turn *t)
{
	struct turn_waiter *next;

	pthread_mutex_lock(&t->lock);
	next = t->first;
	t->taken = next != NULL;
	if (next) {
		t->first = next->next;
		t->last = t->first ? t->last : NULL;
		next->mine = true;
		pthread_cond_signal(&next->called);
	}
	pthread_mutex_unlock(&t->lock);
}
