/* limit - see limit.h. */
#include "backoffice/core/limit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/keyed.h"

#define PLACES 1024
#define WAYS   4 /* places that one source may have */

/* Tries are counted in milliseconds of waiting that they cost. */
struct source {
	char from[64];
	int64_t full_ms; /* when all is paid off */
};

static struct source sources[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(const char *from)
{
	return keyed_hash(bytes_of(from)) % (PLACES / WAYS) * WAYS;
}

/* The source's own place; else the one that was quiet longest, when it is to be taken. */
static struct source *find_source(const char *from, bool take)
{
	struct source *s = &sources[place_of(from)], *oldest = s;

	for (int i = 0; i < WAYS; i++) {
		if (strncmp(s[i].from, from, sizeof s->from - 1) == 0)
			return &s[i];
		if (s[i].full_ms < oldest->full_ms)
			oldest = &s[i];
	}
	if (!take)
		return NULL;
	*oldest = (struct source) { 0 };
	memcpy(oldest->from, from, strnlen(from, sizeof oldest->from - 1));
	return oldest;
}

enum inro_err limit_check(const char *from)
{
	int64_t now = clock_monotonic_ms();
	const struct source *s;
	bool full;

	pthread_mutex_lock(&lock);
	s = find_source(from, false);
	full = s && s->full_ms - now >= (int64_t)LIMIT_BURST * LIMIT_EACH_MS;
	pthread_mutex_unlock(&lock);
	if (!full)
		return INRO_OK;
	return err_set(INRO_E_BUSY, "too many wrong tries from %s; wait a few seconds", from);
}

void limit_wrong(const char *from)
{
	int64_t now = clock_monotonic_ms();
	struct source *s;

	pthread_mutex_lock(&lock);
	s = find_source(from, true);
	s->full_ms = (s->full_ms > now ? s->full_ms : now) + LIMIT_EACH_MS;
	pthread_mutex_unlock(&lock);
}

void limit_forget(void)
{
	pthread_mutex_lock(&lock);
	memset(sources, 0, sizeof sources);
	pthread_mutex_unlock(&lock);
}
