/* ending - see ending.h. */
#include "pkcs11/token/ending.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/libcrypto/libcrypto.h"

#define WAIT_NS INT64_C(2000000000) /* for those inside */
#define KEEP_NS (2 * WAIT_NS)	    /* from when it begins */
#define NAP_NS	1000000

static _Atomic(pid_t) ender; /* the thread; 0: not yet */
static _Atomic int64_t over; /* when nobody is kept any more */
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
	int64_t begun = now_ns();

	atomic_store(&over, begun + KEEP_NS);
	atomic_store(&ender, gettid());
	while (!nobody_inside() && now_ns() < begun + WAIT_NS)
		nap();
}

void ending_watch(bool (*is_empty)(void))
{
	static atomic_flag watched = ATOMIC_FLAG_INIT;

	if (atomic_flag_test_and_set(&watched))
		return;
	nobody_inside = is_empty;
	libcrypto_before_end(wait_for_those_inside);
}

bool ending_keeps(void)
{
	pid_t by = atomic_load(&ender);

	return by != 0 && by != gettid() && now_ns() < atomic_load(&over);
}

void ending_keep(void)
{
	while (ending_keeps())
		nap();
}
