/* ending - see ending.h. */
#include "pkcs11/token/ending.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/libcrypto/libcrypto.h"

#define WAIT_NS INT64_C(2000000000) /* for those inside */
#define KEEP_NS INT64_C(1000000000) /* who wants out, while libcrypto frees what it has */
#define NAP_NS	1000000

static _Atomic(pid_t) ender; /* the thread; 0: not yet */
static _Atomic int64_t over; /* when nobody is kept any more */
static _Atomic bool watched; /* wait_for_those_inside() will be called */
static bool (*nobody_inside)(void);

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void nap(void)
{
	static const struct timespec t = { .tv_nsec = NAP_NS };

	nanosleep(&t, NULL);
}

static void wait_for_those_inside(void)
{
	int64_t until = now_ns() + WAIT_NS;

	atomic_store(&over, until + KEEP_NS);
	atomic_store(&ender, gettid());
	while (!nobody_inside() && now_ns() < until)
		nap();
	atomic_store(&over, now_ns() + KEEP_NS);
}

void ending_watch(bool (*is_empty)(void))
{
	static atomic_flag is_watched = ATOMIC_FLAG_INIT;

	if (libcrypto_gone() || atomic_flag_test_and_set(&is_watched))
		return;
	nobody_inside = is_empty;
	libcrypto_before_end(wait_for_those_inside);
	atomic_store(&watched, true);
}

/* libcrypto is gone, and wait_for_those_inside() is still to be called: by which thread is not known
 * yet, and the first one is the likeliest. */
static bool ends_soon(void)
{
	int64_t unset = 0;

	if (!atomic_load(&watched) || !libcrypto_gone() || gettid() == getpid())
		return false;
	(void)atomic_compare_exchange_strong(&over, &unset, now_ns() + WAIT_NS);
	return true;
}

bool ending_keeps(void)
{
	pid_t by = atomic_load(&ender);

	return (by != 0 ? by != gettid() : ends_soon()) && now_ns() < atomic_load(&over);
}

void ending_keep(void)
{
	while (ending_keeps())
		nap();
}
