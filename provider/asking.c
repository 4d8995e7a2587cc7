/* asking - see asking.h. */
#include "provider/asking.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/process.h"

#define PLACES	      32
#define NAP_MS	      5
#define NAPS_A_SECOND (1000 / NAP_MS)

/* Whose process or thread is gone is free. */
struct place {
	pid_t process, thread;
	struct asked what;
};

/* Guarded by `looking`, the process that is at it: what a fork left behind is nobody's. */
static struct place places[PLACES];
static _Atomic pid_t looking;

static void look(void)
{
	const pid_t me = process_id();
	pid_t who = 0;

	while (!atomic_compare_exchange_weak(&looking, &who, me)) {
		if (who != me)
			continue;
		who = 0;
		(void)sched_yield();
	}
}

static void look_away(void)
{
	atomic_store(&looking, 0);
}

static bool is_taken(const struct place *p)
{
	return p->process == process_id() &&
	       (syscall(SYS_tgkill, p->process, p->thread, 0) == 0 || errno != ESRCH);
}

static struct place *place_of(const struct asked *what)
{
	for (size_t i = 0; i < PLACES; i++)
		if (places[i].what.of == what->of && places[i].what.which == what->which &&
		    is_taken(&places[i]))
			return &places[i];
	return NULL;
}

static unsigned take_place(const struct asked *what)
{
	for (unsigned i = 0; i < PLACES; i++) {
		if (is_taken(&places[i]))
			continue;
		places[i] = (struct place) { process_id(), gettid(), *what };
		return i + 1;
	}
	return 0;
}

/* False: another thread has it. */
static bool try_turn(const struct asked *what, struct asking *ret)
{
	const struct place *p;
	bool others;

	look();
	p = place_of(what);
	others = p && p->thread != gettid();
	if (!p)
		ret->at = take_place(what);
	look_away();
	return !others;
}

void asking_begin(const struct asked *what, unsigned seconds, struct asking *ret)
{
	static const struct timespec nap = { .tv_nsec = NAP_MS * 1000000 };

	for (unsigned n = 0; !try_turn(what, ret); n++) {
		if (n >= seconds * NAPS_A_SECOND)
			return;
		nanosleep(&nap, NULL);
	}
}

void asking_clear(struct asking *a)
{
	struct place *p = a->at ? &places[a->at - 1] : NULL;

	a->at = 0;
	if (!p)
		return;
	look();
	if (p->process == process_id() && p->thread == gettid())
		*p = (struct place) { 0 };
	look_away();
}

struct asked asked_file(const struct stat *st)
{
	return (struct asked) { st->st_dev, st->st_ino };
}

struct asked asked_program(const struct token *t)
{
	return (struct asked) { UINT64_MAX, (uintptr_t)t };
}
