/* rate - see rate.h. */
#include "base/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed.h"

#define PLACES 8192
#define WAYS   8 /* places that one may have */

struct one {
	uint64_t key;
	int64_t paid_us; /* when all that he did is paid off */
};

struct rate {
	pthread_mutex_t lock;
	unsigned each_second;
	int64_t burst_us;
	struct one all[PLACES];
};

struct rate *rate_new(unsigned each_second, unsigned burst_seconds)
{
	struct rate *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	r->each_second = each_second;
	r->burst_us = (int64_t)burst_seconds * 1000000;
	return r;
}

void rate_free(struct rate *r)
{
	if (r)
		pthread_mutex_destroy(&r->lock);
	free(r);
}

/* His own place, or the one that was quiet longest. */
static struct one *find(struct rate *r, uint64_t key)
{
	struct one *s = &r->all[key % (PLACES / WAYS) * WAYS], *oldest = s;

	for (int i = 0; i < WAYS; i++) {
		if (s[i].key == key)
			return &s[i];
		if (s[i].paid_us < oldest->paid_us)
			oldest = &s[i];
	}
	*oldest = (struct one) { .key = key };
	return oldest;
}

unsigned rate_take(struct rate *r, struct bytes who, int64_t now_us)
{
	uint64_t key = keyed_hash(who);
	int64_t wait;
	struct one *s;

	if (!r->each_second)
		return 0;
	pthread_mutex_lock(&r->lock);
	s = find(r, key);
	if (s->paid_us < now_us)
		s->paid_us = now_us;
	wait = s->paid_us - now_us - r->burst_us;
	if (wait < 0)
		s->paid_us += 1000000 / r->each_second;
	pthread_mutex_unlock(&r->lock);
	return wait < 0 ? 0 : (unsigned)(wait / 1000000) + 1;
}
