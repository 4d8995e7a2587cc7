/*
 * rate - how often each of many may do something: so many times a second on average, and a burst before that.
 *
 * 1. The table has a fixed size (128 KiB): who is forgotten first is who has been quiet longest.  Whoever is
 *    forgotten has a whole burst again.  Who shares a place with whom nobody outside can tell (keyed.h).
 * 2. Any thread may call.
 */
#ifndef INRO_BASE_RATE_H
#define INRO_BASE_RATE_H

#include <stdint.h>

#include "base/bytes.h"

struct rate;
/* each_second: up to a million; 0: as often as anybody likes.  burst_seconds: as many times at once as come together
 * in that time.  NULL when memory is short. */
struct rate *rate_new(unsigned each_second, unsigned burst_seconds);
void rate_free(struct rate *r); /* NULL is fine */
/* 0: counted, he may.  Else the seconds after which he may again; that he asked is not counted.  now_us: of a clock that
 * does not go back. */
unsigned rate_take(struct rate *r, struct bytes who, int64_t now_us);

#endif
