/* janitor - a thread that looks after a connection while nobody uses it. */
#include "tpm/link/janitor.h"

#include <signal.h>

#include "tpm/link/futex.h"

#define STACK_SIZE ((size_t)256 << 10)

void janitor_init(struct janitor *j, long (*tidy)(void *of), void *of)
{
	*j = (struct janitor) { .lock = PTHREAD_MUTEX_INITIALIZER, .tidy = tidy, .of = of };
	j->word = &j->own_word;
}

void janitor_watch(struct janitor *j, atomic_uint *word)
{
	j->word = word;
}

void janitor_lock(struct janitor *j)
{
	(void)pthread_mutex_lock(&j->lock);
}

void janitor_unlock(struct janitor *j)
{
	(void)pthread_mutex_unlock(&j->lock);
}

static void *work(void *arg)
{
	struct janitor *j = arg;
	long ms = 1;

	while (ms) {
		unsigned seen = atomic_load(j->word);

		janitor_lock(j);
		ms = atomic_load(&j->stop) ? 0 : j->tidy(j->of);
		j->done = ms == 0;
		janitor_unlock(j);
		if (ms)
			futex_sleep(j->word, seen, ms);
	}
	return NULL;
}

static bool create(struct janitor *j)
{
	sigset_t everything, before;
	pthread_attr_t a;
	int err;

	if (pthread_attr_init(&a) != 0)
		return false;
	(void)pthread_attr_setstacksize(&a, STACK_SIZE);
	sigfillset(&everything);
	(void)pthread_sigmask(SIG_SETMASK, &everything, &before);
	err = pthread_create(&j->thread, &a, work, j);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&a);
	return err == 0;
}

bool janitor_call(struct janitor *j)
{
	if (j->runs && !j->done)
		return true;
	if (j->runs)
		(void)pthread_join(j->thread, NULL);
	j->done = false;
	j->runs = create(j);
	return j->runs;
}

void janitor_end(struct janitor *j)
{
	if (!j->runs)
		return;
	atomic_store(&j->stop, true);
	futex_wake(j->word);
	(void)pthread_join(j->thread, NULL);
	j->runs = false;
	atomic_store(&j->stop, false);
}
