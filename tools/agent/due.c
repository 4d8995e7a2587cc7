/* due - see due.h. */
#include "tools/agent/due.h"

#include <stdbool.h>
#include <string.h>

#define FNV_START 2166136261U
#define FNV_PRIME 16777619U
#define CLOCKS_DIFFER 300 /* seconds, and none is wrong */

static uint32_t mix(uint32_t h, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		h = (h ^ b.p[i]) * FNV_PRIME;
	return h;
}

/* FNV-1a: spreads well enough over seconds; nothing secret hangs on it. */
uint32_t due_seed(const char *id, struct bytes serial)
{
	return mix(mix(FNV_START, bytes_of(id)), serial);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t planned(const struct due_rules *r, int64_t since, int64_t not_after)
{
	int64_t life = not_after - since;
	int64_t at = not_after - life / 3;

	if (r->before && r->before < life) /* else it would be due all its life */
		at = not_after - r->before;
	if (r->every)
		at = least(at, since + r->every);
	return at;
}

int64_t due_at(const struct due_rules *r, int64_t since, int64_t not_after, uint32_t seed)
{
	int64_t life = not_after - since;
	int64_t spread = least(r->jitter, life / 10);
	int64_t at;

	if (life <= 0)
		return since;
	at = planned(r, since, not_after);
	if (r->every)
		spread = least(spread, r->every / 10);
	if (spread > 0)
		at -= (int64_t)seed % (spread + 1);
	return at < since ? since : at;
}

int64_t due_retry(const struct due_retry *r, uint32_t random)
{
	int64_t wait = r->first;

	for (unsigned i = 1; i < r->failures && wait < r->longest; i++)
		wait *= 2;
	wait = least(wait, r->longest);
	if (r->left > 0 && r->left / 10 < wait)
		wait = r->left / 10 > r->first ? r->left / 10 : r->first;
	wait -= (int64_t)(random % ((uint64_t)wait / 2 + 1));
	return wait > 0 ? wait : 1;
}

int64_t due_hold_back(int64_t at, int64_t from, const struct due_clock *c)
{
	int64_t passed = c->now - c->since, rest = (at - from) / 2 - passed;

	if (!c->since || passed < 0 || rest <= 0 || at >= c->believed + rest)
		return at;
	return c->believed + rest;
}

int64_t due_believe(int64_t now, const struct due_known *known)
{
	int64_t ahead = known->heard_at - known->heard;
	int64_t least = known->heard > known->least ? known->heard : known->least;

	if (known->heard && ahead > CLOCKS_DIFFER && now >= known->heard_at)
		now -= ahead;
	return now < least ? least : now;
}

static bool has(const int64_t *times, size_t n, int64_t t)
{
	for (size_t i = 0; i < n; i++)
		if (times[i] == t)
			return true;
	return false;
}

size_t due_times(int64_t now, const struct due_known *known, int64_t ret[static DUE_TIMES])
{
	const int64_t all[DUE_TIMES] = { due_believe(now, known), now, known->heard, known->least };
	size_t n = 0;

	for (size_t i = 0; i < DUE_TIMES; i++)
		if (all[i] >= known->least && !has(ret, n, all[i]))
			ret[n++] = all[i];
	return n;
}
