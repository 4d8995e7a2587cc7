/* twine - see twine.h; the names are those of the paper. */
#include "pkcs11/token/twine.h"

#include <string.h>

#include <openssl/crypto.h>

#define NIBBLES	    16
#define WK_MAX	    32
#define OVERFLOW_BY 0x43

/* C 0 F A 2 B 9 5 8 3 D 7 1 E 6 4, the first in the lowest bits. */
#define SBOX UINT64_C(0x46e17d3859b2af0c)

static uint8_t s(uint8_t x)
{
	return (uint8_t)(SBOX >> 4 * x & 15);
}

/* Where a nibble goes after a round, and where it came from. */
static const uint8_t pi[NIBBLES] = { 5, 0, 1, 4, 7, 12, 3, 8, 13, 6, 9, 2, 15, 10, 11, 14 };
static const uint8_t pi_back[NIBBLES] = { 1, 2, 11, 6, 3, 0, 9, 4, 7, 10, 13, 14, 5, 8, 15, 12 };

static void unpack(struct bytes from, uint8_t *nibbles)
{
	for (size_t i = 0; i < from.n; i++) {
		nibbles[2 * i] = from.p[i] >> 4;
		nibbles[2 * i + 1] = from.p[i] & 15;
	}
}

static void pack(const uint8_t nibbles[NIBBLES], uint8_t out[TWINE_BLOCK])
{
	for (size_t i = 0; i < TWINE_BLOCK; i++)
		out[i] = (uint8_t)(nibbles[2 * i] << 4 | nibbles[2 * i + 1]);
}

/* What sets the two key lengths apart. */
struct schedule {
	size_t octets;
	uint8_t taken[8]; /* the nibbles that are a round's key */
	bool third;	  /* WK23 ^= S(WK30) */
};
static const struct schedule schedules[] = {
	{ 10, { 1, 3, 4, 6, 13, 14, 15, 16 }, false },
	{ 16, { 2, 3, 12, 15, 17, 18, 28, 31 }, true },
};

static void rotate(uint8_t *wk, size_t n, size_t by)
{
	uint8_t head[4];

	memcpy(head, wk, by);
	memmove(wk, wk + by, n - by);
	memcpy(wk + n - by, head, by);
	OPENSSL_cleanse(head, sizeof head);
}

static void next_round(const struct schedule *p, uint8_t wk[WK_MAX], uint8_t con)
{
	wk[1] ^= s(wk[0]);
	wk[4] ^= s(wk[16]);
	if (p->third)
		wk[23] ^= s(wk[30]);
	wk[7] ^= con >> 3;
	wk[19] ^= con & 7;
	rotate(wk, 4, 1);
	rotate(wk, 2 * p->octets, 4);
}

static void fill(const struct schedule *p, struct bytes key, struct twine *ret)
{
	uint8_t wk[WK_MAX], con = 1;

	unpack(key, wk);
	for (size_t i = 0; i < TWINE_ROUNDS; i++) {
		for (size_t j = 0; j < 8; j++)
			ret->rk[i][j] = wk[p->taken[j]];
		next_round(p, wk, con);
		con = (uint8_t)(con << 1);
		if (con & 0x40)
			con ^= OVERFLOW_BY;
	}
	OPENSSL_cleanse(wk, sizeof wk);
}

bool twine_key(struct bytes key, struct twine *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(schedules); i++) {
		if (schedules[i].octets != key.n)
			continue;
		fill(&schedules[i], key, ret);
		return true;
	}
	return false;
}

static void mix(uint8_t x[NIBBLES], const uint8_t rk[8])
{
	for (size_t j = 0; j < 8; j++)
		x[2 * j + 1] ^= s(x[2 * j] ^ rk[j]);
}

static void move(uint8_t x[NIBBLES], const uint8_t to[NIBBLES])
{
	uint8_t y[NIBBLES];

	for (size_t h = 0; h < NIBBLES; h++)
		y[to[h]] = x[h];
	memcpy(x, y, NIBBLES);
}

void twine_encrypt(const struct twine *k, const uint8_t in[TWINE_BLOCK], uint8_t out[TWINE_BLOCK])
{
	uint8_t x[NIBBLES];

	unpack(BYTES(in, TWINE_BLOCK), x);
	for (size_t i = 0; i < TWINE_ROUNDS; i++) {
		mix(x, k->rk[i]);
		if (i + 1 < TWINE_ROUNDS)
			move(x, pi);
	}
	pack(x, out);
}

void twine_decrypt(const struct twine *k, const uint8_t in[TWINE_BLOCK], uint8_t out[TWINE_BLOCK])
{
	uint8_t x[NIBBLES];

	unpack(BYTES(in, TWINE_BLOCK), x);
	for (size_t i = TWINE_ROUNDS; i > 0; i--) {
		mix(x, k->rk[i - 1]);
		if (i > 1)
			move(x, pi_back);
	}
	pack(x, out);
}
