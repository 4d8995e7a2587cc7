/* weak - see weak.h. */
#include "backoffice/pki/weak.h"

#include <openssl/bn.h>
#include <string.h>

#define EXPONENT_MIN_OCTETS 3 /* 65537 is 01 00 01 */
#define FERMAT_STEPS	    100
#define RSA_BITS_MIN	    2048

static void bn_free(BIGNUM **n)
{
	BN_free(*n);
}

static void ctx_free(BN_CTX **c)
{
	BN_CTX_free(*c);
}

bool weak_size_holds(const struct pubkey *k)
{
	return !k->modulus.n || k->bits >= RSA_BITS_MIN;
}

bool weak_exponent_holds(const struct pubkey *k)
{
	return !k->modulus.n || k->exponent.n >= EXPONENT_MIN_OCTETS;
}

/* ---- factors ---- */

/* The primes from 3 to 751, as many in each product as there is room for. */
static const uint64_t products[] = {
	UINT64_C(307444891294245705),  UINT64_C(3749562977351496827), UINT64_C(4343678784233766587),
	UINT64_C(538945254996352681),  UINT64_C(3534749459194562711), UINT64_C(61247129307885343),
	UINT64_C(166996819598798201),  UINT64_C(473141564456317433),  UINT64_C(1101659633899205489),
	UINT64_C(2370246348458581727), UINT64_C(4340108409515894501), UINT64_C(8324078717718009703),
	UINT64_C(30150641449095443),   UINT64_C(43889293834596251),   UINT64_C(60888412234461547),
	UINT64_C(83850965748659689),   UINT64_C(122610116602749401),  UINT64_C(302257554191),
};

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

bool weak_has_factor(unsigned prime)
{
	for (size_t i = 0; i < ARRAY_LEN(products); i++)
		if (products[i] % prime == 0)
			return true;
	return false;
}

/* NULL of a key that is not RSA. */
static BIGNUM *modulus(const struct pubkey *k)
{
	return k->modulus.n ? BN_bin2bn(k->modulus.p, (int)k->modulus.n, NULL) : NULL;
}

/* BN_mod_word() takes half of this where a long has 32 bits. */
static uint64_t rest_of(const BIGNUM *n, uint64_t by)
{
	AUTO(bn_free) BIGNUM *m = BN_new(), *rest = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	uint8_t octets[8];
	uint64_t ret = 0;

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(by >> (56 - 8 * i));
	if (m && rest && ctx && BN_bin2bn(octets, sizeof octets, m) && BN_mod(rest, n, m, ctx) &&
	    BN_bn2binpad(rest, octets, sizeof octets) == sizeof octets)
		for (size_t i = 0; i < sizeof octets; i++)
			ret = ret << 8 | octets[i];
	BN_CTX_free(ctx);
	return ret;
}

bool weak_factors_hold(const struct pubkey *k)
{
	AUTO(bn_free) BIGNUM *n = modulus(k);

	for (size_t i = 0; n && i < ARRAY_LEN(products); i++)
		if (gcd(products[i], rest_of(n, products[i])) != 1)
			return false;
	return true;
}

/* ---- ROCA ---- */

static const struct {
	unsigned prime, order; /* of 65537 modulo it; where it is prime - 1 nothing shows */
} roca[] = {
	{ 11, 2 },   { 13, 6 },	  { 17, 8 },   { 19, 9 },   { 37, 3 },	 { 53, 26 },
	{ 61, 20 },  { 71, 35 },  { 73, 24 },  { 79, 13 },  { 97, 6 },	 { 103, 51 },
	{ 107, 53 }, { 109, 54 }, { 127, 42 }, { 151, 50 }, { 157, 78 },
};

bool weak_roca_at(size_t i, unsigned *ret_prime, unsigned *ret_order)
{
	if (i >= ARRAY_LEN(roca))
		return false;
	*ret_prime = roca[i].prime;
	*ret_order = roca[i].order;
	return true;
}

static unsigned power(unsigned base, unsigned exponent, unsigned prime)
{
	unsigned result = 1;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			result = result * base % prime;
		base = base * base % prime;
	}
	return result;
}

/* The multiplicative group of a prime is cyclic: the powers of 65537 are what its order takes to
 * one. */
bool weak_roca_holds(const struct pubkey *k)
{
	AUTO(bn_free) BIGNUM *n = modulus(k);

	for (size_t i = 0; n && i < ARRAY_LEN(roca); i++) {
		unsigned rest = (unsigned)BN_mod_word(n, roca[i].prime);

		if (power(rest, roca[i].order, roca[i].prime) != 1)
			return true;
	}
	return !n;
}

/* ---- close primes ---- */

struct fermat {
	BN_CTX *ctx;
	BIGNUM *a, *rest, *x, *y; /* of the context */
};

/* x: the greatest number whose square is not above n (Newton's method, from above). */
static bool root(struct fermat *f, const BIGNUM *n)
{
	BN_zero(f->x);
	if (!BN_set_bit(f->x, (BN_num_bits(n) + 1) / 2))
		return false;
	for (;;) {
		if (!BN_div(f->y, NULL, n, f->x, f->ctx) || !BN_add(f->y, f->y, f->x) ||
		    !BN_rshift1(f->y, f->y))
			return false;
		if (BN_cmp(f->y, f->x) >= 0)
			return true;
		BN_swap(f->x, f->y);
	}
}

/* What a square can be modulo 64 and 45045 rules out most numbers at little cost. */
static bool may_be_square(const BIGNUM *n)
{
	const uint64_t mod64 = UINT64_C(0x0202021202030213); /* bit r: r is a square modulo 64 */
	static const unsigned primes[] = { 5, 7, 11, 13 };
	uint64_t rest = BN_mod_word(n, 64 * 5005);

	if (!(mod64 >> rest % 64 & 1))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(primes); i++) {
		unsigned r = (unsigned)(rest % primes[i]);

		if (r && power(r, (primes[i] - 1) / 2, primes[i]) != 1)
			return false;
	}
	return true;
}

static bool is_square(struct fermat *f, const BIGNUM *n)
{
	return BN_is_zero(n) ||
	       (may_be_square(n) && root(f, n) && BN_sqr(f->y, f->x, f->ctx) && !BN_cmp(f->y, n));
}

/* n = a² - b² for an a that is hardly greater than the root of n. */
static bool finds_primes(struct fermat *f, const BIGNUM *n)
{
	if (!root(f, n) || !BN_copy(f->a, f->x))
		return false;
	for (int i = 0; i <= FERMAT_STEPS; i++) {
		if (!BN_sqr(f->rest, f->a, f->ctx) || !BN_sub(f->rest, f->rest, n))
			return false;
		if (!BN_is_negative(f->rest) && is_square(f, f->rest))
			return true;
		if (!BN_add_word(f->a, 1))
			return false;
	}
	return false;
}

bool weak_close_holds(const struct pubkey *k)
{
	AUTO(bn_free) BIGNUM *n = modulus(k);
	AUTO(ctx_free) BN_CTX *ctx = n ? BN_CTX_new() : NULL;
	struct fermat f = { .ctx = ctx };
	bool found;

	if (!ctx)
		return true;
	BN_CTX_start(ctx);
	f.a = BN_CTX_get(ctx);
	f.rest = BN_CTX_get(ctx);
	f.x = BN_CTX_get(ctx);
	f.y = BN_CTX_get(ctx);
	found = f.y && finds_primes(&f, n);
	BN_CTX_end(ctx);
	return !found;
}

/* ---- small order ---- */

/* y of the points of edwards25519 whose order divides 8, with the encodings that are not reduced;
 * the sign bit is left out. */
static const uint8_t small_order[][32] = {
	{ 0 },
	{ 1 },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
};

/* 2^255 - 20, - 19 and - 18 are -1, 0 and 1. */
static bool is_near_prime(const uint8_t y[static 32])
{
	for (size_t i = 1; i < 31; i++)
		if (y[i] != 0xff)
			return false;
	return (y[31] & 0x7f) == 0x7f && y[0] >= 0xec && y[0] <= 0xee;
}

bool weak_order_holds(const struct pubkey *k)
{
	uint8_t y[32];

	if (k->type != PKI_ED25519 || k->key_bits.n != sizeof y)
		return true;
	memcpy(y, k->key_bits.p, sizeof y);
	y[31] &= 0x7f;
	for (size_t i = 0; i < ARRAY_LEN(small_order); i++)
		if (!memcmp(y, small_order[i], sizeof y))
			return false;
	return !is_near_prime(y);
}
