/* still - the clock that never jumps stands while a test wants it to; for programs that are linked with
 * --wrap=clock_monotonic_ms.  What waits by it waits for ever then. */
#ifndef INRO_TESTS_LIB_STILL_H
#define INRO_TESTS_LIB_STILL_H

#include <stdbool.h>

void still_clock(bool stands);

#endif
