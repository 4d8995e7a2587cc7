#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t test_offset_ms;

static int64_t read_ms(clockid_t id)
{
	struct timespec t = { 0 };

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	return read_ms(CLOCK_REALTIME) + atomic_load(&test_offset_ms);
}

int64_t clock_now(void)
{
	return clock_now_ms() / 1000;
}

int64_t clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

bool clock_is_over(int64_t at_ms, int64_t ms)
{
	return llabs(clock_now_ms() - at_ms) >= ms;
}

bool clock_holds(int64_t now, int64_t until, int64_t longest)
{
	return until > now && until - now <= longest;
}

void clock_set_test(int64_t unix_seconds)
{
	int64_t offset = unix_seconds ? unix_seconds * 1000 - read_ms(CLOCK_REALTIME) : 0;

	atomic_store(&test_offset_ms, offset);
}

void clock_format(int64_t unix_seconds, char *out, size_t cap)
{
	time_t t = (time_t)unix_seconds;
	struct tm tm = { 0 };

	if (!gmtime_r(&t, &tm) || strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, cap, "?");
}

bool clock_parse(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	char again[32];
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	if (!end || *end)
		return false;
	*ret = (int64_t)timegm(&tm);
	clock_format(*ret, again, sizeof again);
	return *ret > 0 && strcmp(again, text) == 0; /* strptime() takes the 31st of any month */
}

bool clock_parse_http(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, " %a, %d %b %Y %H:%M:%S GMT ", &tm) : NULL;

	if (!end || *end)
		return false;
	*ret = (int64_t)timegm(&tm);
	return *ret > 0;
}
