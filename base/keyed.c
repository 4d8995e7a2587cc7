/* keyed - see keyed.h. */
#include "base/keyed.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/secret.h"

static uint64_t own_key[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void draw(void)
{
	if (random_fill(own_key, sizeof own_key) == INRO_OK)
		return;
	err_reset();
	own_key[0] = (uint64_t)clock_monotonic_ms();
	own_key[1] = (uint64_t)(uintptr_t)own_key;
}

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void rounds(uint64_t v[static 4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static uint64_t word_of(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	while (n--)
		w = w << 8 | p[n];
	return w;
}

static void take(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

uint64_t keyed_hash_by(const uint64_t key[static 2], struct bytes what)
{
	uint64_t v[4] = { key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
			  key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573) };
	size_t at = 0;

	for (; what.n - at >= 8; at += 8)
		take(v, word_of(what.p + at, 8));
	take(v, (uint64_t)what.n << 56 | word_of(what.p + at, what.n - at));
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t keyed_hash(struct bytes what)
{
	(void)pthread_once(&once, draw);
	return keyed_hash_by(own_key, what);
}
