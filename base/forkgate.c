/* forkgate - a lock that everybody inside shares and a fork takes alone. */
#include "base/forkgate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* Commits are inside, and a disk may take its time; a fork itself takes little. */
#define FORK_WAITS_MS	 2000
#define VISITOR_WAITS_MS 200

/* A fork that waits goes before further visitors, or busy ones would keep it off for ever. */
#define GATE_OPEN PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP

static pthread_rwlock_t gate = GATE_OPEN;
static pthread_once_t once = PTHREAD_ONCE_INIT;
enum fork_state { NO_FORK, FORKING, STUCK };

/* Of the fork that has the gate.  STUCK: it waits for one of us. */
static _Atomic(enum fork_state) now;
static _Thread_local unsigned depth;
static _Thread_local bool holds; /* what could not be waited for is not held */
static _Thread_local bool forks_alone;

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void before_fork(void)
{
	struct timespec until = in_ms(FORK_WAITS_MS);

	forks_alone = pthread_rwlock_clockwrlock(&gate, CLOCK_MONOTONIC, &until) == 0;
	if (forks_alone)
		atomic_store(&now, FORKING);
}

static void after_fork_in_parent(void)
{
	if (!forks_alone)
		return;
	forks_alone = false;
	atomic_store(&now, NO_FORK);
	pthread_rwlock_unlock(&gate);
}

static void after_fork_in_child(void)
{
	gate = (pthread_rwlock_t)GATE_OPEN;
	atomic_store(&now, NO_FORK);
	forks_alone = holds = false;
}

static void watch_fork(void)
{
	(void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Whether the fork that has the gate gives it back in time. */
static bool outlast_fork(void)
{
	struct timespec until = in_ms(VISITOR_WAITS_MS);
	enum fork_state forking = FORKING;

	if (pthread_rwlock_clockrdlock(&gate, CLOCK_MONOTONIC, &until) == 0)
		return true;
	(void)atomic_compare_exchange_strong(&now, &forking, STUCK);
	return false;
}

/* False as well in a thread that forks and comes here from another library's prepare handler. */
static bool take_gate(void)
{
	bool taken = pthread_rwlock_tryrdlock(&gate) == 0;

	while (!taken && !forks_alone && atomic_load(&now) != STUCK)
		taken = outlast_fork();
	return taken;
}

static void enter_at(unsigned level)
{
	(void)pthread_once(&once, watch_fork);
	holds = take_gate();
	depth = level;
}

void fork_gate_enter(void)
{
	if (depth > 0)
		depth++;
	else
		enter_at(1);
}

static void give_up(void)
{
	depth = 0;
	if (holds)
		pthread_rwlock_unlock(&gate);
	holds = false;
}

void fork_gate_leave(void)
{
	if (depth > 1)
		depth--;
	else
		give_up();
}

unsigned fork_gate_step_out(void)
{
	unsigned level = depth;

	if (level > 0)
		give_up();
	return level;
}

void fork_gate_step_in(unsigned level)
{
	if (level > 0)
		enter_at(level);
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
