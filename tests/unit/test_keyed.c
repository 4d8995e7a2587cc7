/* test_keyed - SipHash's published values; what strangers choose does not fall on one place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/keyed.h"
#include "base/own.h"
#include "base/rate.h"

/* The reference implementation's vectors: key 00 … 0f, message 00 … n-1. */
static void test_vectors(void **state)
{
	static const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	static const struct {
		size_t n;
		uint64_t is;
	} known[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
	};
	uint8_t message[16];

	(void)state;
	for (size_t i = 0; i < sizeof message; i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		assert_true(keyed_hash_by(key, BYTES(message, known[i].n)) == known[i].is);
	assert_true(keyed_hash(BYTES(message, 16)) == keyed_hash(BYTES(message, 16)));
	assert_false(keyed_hash(BYTES(message, 16)) == keyed_hash(BYTES(message, 15)));
}

/* FNV-1a, which rate.c and its like used to place by: anybody can work it out. */
static uint64_t fnv(struct bytes who)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < who.n; i++)
		h = (h ^ who.p[i]) * UINT64_C(1099511628211);
	return h;
}

/* Addresses that were chosen to share one place push nobody's count out of the table. */
static void test_chosen(void **state)
{
	struct rate *r = rate_new(1, 5);
	uint8_t who[16] = { 0x20, 0x01, 0x0d, 0xb8 }, first[16];
	uint64_t place = 0;
	size_t chosen = 0, again = 0;

	(void)state;
	assert_non_null(r);
	for (uint32_t i = 0; chosen < 20; i++) {
		memcpy(who + 4, &i, sizeof i);
		if (chosen && fnv(BYTES(who, 16)) % 1024 != place)
			continue;
		place = fnv(BYTES(who, 16)) % 1024;
		if (!chosen++)
			memcpy(first, who, sizeof first);
		for (int n = 0; n < 9; n++)
			(void)rate_take(r, BYTES(who, 16), 0);
	}
	for (int n = 0; n < 9; n++)
		again += !rate_take(r, BYTES(first, 16), 0);
	assert_int_equal(again, 0);
	rate_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
