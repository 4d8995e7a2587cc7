/* test_rate - so many a second and a burst, each for himself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/rate.h"

#define SECOND INT64_C(1000000)

static size_t taken(struct rate *r, const char *who, int64_t now, size_t tries)
{
	size_t n = 0;

	for (size_t i = 0; i < tries; i++)
		n += !rate_take(r, bytes_of(who), now);
	return n;
}

/* Ten of each second for three seconds at once; then what the time gives back. */
static void test_burst(void **state)
{
	struct rate *r = rate_new(10, 3);
	int64_t now = 1000 * SECOND;

	(void)state;
	assert_non_null(r);
	assert_int_equal(taken(r, "a", now, 100), 30);
	assert_int_equal(rate_take(r, bytes_of("a"), now), 1);
	assert_int_equal(taken(r, "b", now, 100), 30);
	assert_int_equal(taken(r, "a", now + SECOND / 10, 100), 1);
	assert_int_equal(taken(r, "a", now + SECOND, 100), 9);
	assert_int_equal(taken(r, "a", now + 60 * SECOND, 100), 30);
	rate_free(r);
}

/* Who is told how long to wait may again after that. */
static void test_wait(void **state)
{
	struct rate *r = rate_new(1, 5);
	int64_t now = 0;
	unsigned wait;

	(void)state;
	assert_int_equal(taken(r, "a", now, 9), 5);
	wait = rate_take(r, bytes_of("a"), now);
	assert_int_equal(wait, 1);
	assert_int_equal(rate_take(r, bytes_of("a"), now + (int64_t)wait * SECOND), 0);
	rate_free(r);
	rate_free(NULL);
}

/* So many others that the table can't hold them: they are not held up, nor is who is there all the time let off. */
static void test_many(void **state)
{
	struct rate *r = rate_new(1, 2);
	size_t mine = 0, theirs = 0;
	int64_t now = 0;
	char who[32];

	(void)state;
	for (int i = 0; i < 100000; i++, now += SECOND / 10000) {
		snprintf(who, sizeof who, "other %d", i);
		theirs += !rate_take(r, bytes_of(who), now);
		mine += !rate_take(r, bytes_of("a"), now);
	}
	assert_int_equal(theirs, 100000);
	assert_in_range(mine, 11, 13); /* ten seconds, and the burst */
	rate_free(r);
}

static void test_no_limit(void **state)
{
	struct rate *r = rate_new(0, 10);

	(void)state;
	assert_int_equal(taken(r, "a", 0, 1000), 1000);
	rate_free(r);
}

/* Addresses of one network have places of their own. */
static void test_neighbours(void **state)
{
	struct rate *r = rate_new(1, 2);
	uint8_t who[16] = { [12] = 192, [13] = 168, [14] = 1 };
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 2 * 200 * 3; i++) {
		who[15] = (uint8_t)(i / 3 % 200);
		n += !rate_take(r, BYTES(who, sizeof who), 1000 * SECOND);
	}
	assert_int_equal(n, 400);
	rate_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_no_limit),
	};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
