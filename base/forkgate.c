/* forkgate - a lock that everybody inside shares and a fork takes alone. */
#include "base/forkgate.h"

#include <pthread.h>

/* A fork that waits goes before further visitors, or busy ones would keep it off for ever. */
#define GATE_OPEN PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP

static pthread_rwlock_t gate = GATE_OPEN;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local unsigned depth;

static void before_fork(void)
{
	pthread_rwlock_wrlock(&gate);
}

static void after_fork_in_parent(void)
{
	pthread_rwlock_unlock(&gate);
}

static void after_fork_in_child(void)
{
	gate = (pthread_rwlock_t)GATE_OPEN;
}

static void watch_fork(void)
{
	(void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void fork_gate_enter(void)
{
	if (depth++ > 0)
		return;
	(void)pthread_once(&once, watch_fork);
	pthread_rwlock_rdlock(&gate);
}

void fork_gate_leave(void)
{
	if (--depth == 0)
		pthread_rwlock_unlock(&gate);
}

struct fork_pass fork_pass_take(void)
{
	fork_gate_enter();
	return (struct fork_pass) { 0 };
}

void fork_pass_clear(struct fork_pass *pass)
{
	(void)pass;
	fork_gate_leave();
}
