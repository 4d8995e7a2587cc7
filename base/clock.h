/* clock - the time of day that a test can set, and the time that never jumps. */
#ifndef INRO_BASE_CLOCK_H
#define INRO_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_now(void);	  /* seconds since 1970, UTC */
int64_t clock_now_ms(void);	  /* milliseconds since 1970 */
int64_t clock_monotonic_ms(void); /* for time-outs; unaffected by clock_set_test() */

/* What was noted at `at_ms` and holds for so long: over when that has passed, and where `at_ms` lies as far ahead. Then a
 * clock that was ahead noted it and has been set right: waited for, it would hold for as long as the clock was wrong. */
bool clock_is_over(int64_t at_ms, int64_t ms);
/* Whether something holds until then that was made for at most so long: not what a clock that was ahead made. */
bool clock_holds(int64_t now, int64_t until, int64_t longest);

/* Tests only: from now on clock_now() starts at this second and goes on from there; 0 ends it. */
void clock_set_test(int64_t unix_seconds);

/* "2026-11-21T01:09:47Z"; cap >= 21. */
void clock_format(int64_t unix_seconds, char *out, size_t cap);
/* The same read; false for what is no such time, or before 1970.  NULL is none. */
bool clock_parse(const char *text, int64_t *ret);
/* "Sat, 21 Nov 2026 01:09:47 GMT" (RFC 9110 5.6.7), with spaces and an end of line around it. */
bool clock_parse_http(const char *text, int64_t *ret);

#endif
