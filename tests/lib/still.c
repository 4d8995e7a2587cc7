/* still - see still.h. */
#include "tests/lib/still.h"

#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"

int64_t __real_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void);

static _Atomic int64_t stands_at; /* 0: it goes on */

int64_t __wrap_clock_monotonic_ms(void)
{
	int64_t at = atomic_load(&stands_at);

	return at ? at : __real_clock_monotonic_ms();
}

void still_clock(bool stands)
{
	atomic_store(&stands_at, stands ? __real_clock_monotonic_ms() : 0);
}
