/* roll - all links of this process. */
#include "tpm/link/roll.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct roll_entry *all;

static void before_fork(void)
{
	(void)pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
	(void)pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
	lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for (struct roll_entry *x = all; x; x = x->next)
		x->after_fork(x->of);
}

static void watch_fork(void)
{
	(void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void roll_add(struct roll_entry *x)
{
	(void)pthread_once(&once, watch_fork);
	(void)pthread_mutex_lock(&lock);
	x->next = all;
	all = x;
	(void)pthread_mutex_unlock(&lock);
}

void roll_remove(struct roll_entry *x)
{
	struct roll_entry **at = &all;

	(void)pthread_mutex_lock(&lock);
	while (*at && *at != x)
		at = &(*at)->next;
	if (*at)
		*at = x->next;
	(void)pthread_mutex_unlock(&lock);
}

/* The code of the threads goes away with the module; and who forgot to free a link leaves nothing
 * in a TPM all the same.  A thread that exit() overtakes in a turn is not waited for: it has neither this
 * lock nor the janitor's, which is held for no longer than parting takes. */
__attribute__((destructor)) static void part_with_all(void)
{
	(void)pthread_mutex_lock(&lock);
	for (struct roll_entry *x = all; x; x = x->next)
		if (x->part)
			x->part(x->of);
	(void)pthread_mutex_unlock(&lock);
}
