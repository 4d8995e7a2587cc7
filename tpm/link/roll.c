/* roll - all connections of this process. */
#include "tpm/link/roll.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct wired *all;

static void before_fork(void)
{
	(void)pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
	(void)pthread_mutex_unlock(&lock);
}

/* Otherwise the TPM would find the connection open as long as any child lives, and the turn of a
 * parent that is killed would not end. */
static void after_fork_in_child(void)
{
	lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for (struct wired *w = all; w; w = w->next) {
		wired_close_fd(w);
		if (w->ledger)
			ledger_close_fd(w->ledger);
	}
}

static void watch_fork(void)
{
	(void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void roll_add(struct wired *w)
{
	(void)pthread_once(&once, watch_fork);
	(void)pthread_mutex_lock(&lock);
	w->next = all;
	all = w;
	(void)pthread_mutex_unlock(&lock);
}

void roll_remove(struct wired *w)
{
	struct wired **at = &all;

	(void)pthread_mutex_lock(&lock);
	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
	(void)pthread_mutex_unlock(&lock);
}

/* The code of the threads goes away with the module; and who forgot to free a link leaves nothing
 * in a TPM all the same.  A thread that exit() overtakes in a turn is not waited for: it has neither this
 * lock nor the janitor's, which is held for no longer than parting takes. */
__attribute__((destructor)) static void part_with_all(void)
{
	(void)pthread_mutex_lock(&lock);
	for (struct wired *w = all; w; w = w->next)
		if (link_is_ours(&w->link))
			wired_part(w);
	(void)pthread_mutex_unlock(&lock);
}
