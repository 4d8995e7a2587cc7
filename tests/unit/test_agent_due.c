/* When the agent renews, retries, and which clock it believes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tools/agent/due.h"

#define DAY  86400
#define FROM 1800000000
#define TO   (FROM + 90 * DAY)

static int64_t at(int64_t before, int64_t every, int64_t jitter, uint32_t seed)
{
	const struct due_rules r = { .before = before, .every = every, .jitter = jitter };

	return due_at(&r, FROM, TO, seed);
}

static void renewal(void **state)
{
	(void)state;
	assert_int_equal(at(0, 0, 0, 7), TO - 30 * DAY);
	assert_int_equal(at(10 * DAY, 0, 0, 7), TO - 10 * DAY);
	assert_int_equal(at(0, 5 * DAY, 0, 7), FROM + 5 * DAY);
	/* the earlier of both; never before its life or behind it */
	assert_int_equal(at(10 * DAY, 200 * DAY, 0, 7), TO - 10 * DAY);
	/* as long as its life: that would be always */
	assert_int_equal(at(90 * DAY, 0, 0, 7), TO - 30 * DAY);
	assert_int_equal(at(1000 * DAY, 0, 0, 7), TO - 30 * DAY);
	assert_int_equal(at(90 * DAY - 1, 0, DAY, 7000), FROM);
}

static void jitter(void **state)
{
	int64_t least = TO, most = 0;

	(void)state;
	for (uint32_t seed = 0; seed < 100000; seed += 13) {
		int64_t t = at(0, 0, 3600, seed);

		assert_true(t <= TO - 30 * DAY && t >= TO - 30 * DAY - 3600);
		least = t < least ? t : least;
		most = t > most ? t : most;
	}
	assert_true(most - least > 3000);
	/* a tenth of the life at most, and of the interval */
	assert_true(at(0, 0, 1000 * DAY, 0xffffffff) >= TO - 30 * DAY - 9 * DAY);
	assert_true(at(0, 100, 1000 * DAY, 0xffffffff) >= FROM + 90);
	/* the same each time, another for another device and certificate */
	assert_int_equal(due_seed("a", bytes_of("1")), due_seed("a", bytes_of("1")));
	assert_int_not_equal(due_seed("a", bytes_of("1")), due_seed("b", bytes_of("1")));
	assert_int_not_equal(due_seed("a", bytes_of("1")), due_seed("a", bytes_of("2")));
}

static void odd_dates(void **state)
{
	const struct due_rules r = { .before = DAY };

	(void)state;
	assert_int_equal(due_at(&r, FROM, FROM, 1), FROM);
	assert_int_equal(due_at(&r, FROM, FROM - 5, 1), FROM);
	assert_true(due_at(&r, 0, INT64_C(253402300799), 1) > 0);
}

static void retries(void **state)
{
	struct due_retry r = { .first = 30, .longest = 3600 };

	(void)state;
	for (r.failures = 1; r.failures < 40; r.failures++) {
		int64_t longest = r.failures > 7 ? 3600 : INT64_C(30) << (r.failures - 1);

		if (longest > 3600)
			longest = 3600;
		for (uint32_t random = 0; random < 5000; random += 7) {
			int64_t t = due_retry(&r, random);

			assert_true(t >= longest / 2 && t <= longest && t > 0);
		}
	}
	/* with little left, no wait takes more than a tenth of it, nor less than the first */
	r.left = 6000;
	assert_true(due_retry(&r, 0) <= 600);
	r.left = 20;
	assert_true(due_retry(&r, 0) <= 30);
	r.first = r.longest = 1;
	assert_int_equal(due_retry(&r, 1), 1);
}

static void clocks(void **state)
{
	(void)state;
	struct due_known k = { .least = FROM };

	assert_int_equal(due_believe(0, &k), FROM);
	assert_int_equal(due_believe(FROM + 5, &k), FROM + 5);
	/* not set when the service was heard, and set since */
	k = (struct due_known) { .least = FROM, .heard = FROM + 100, .heard_at = 50 };
	assert_int_equal(due_believe(60, &k), FROM + 100);
	assert_int_equal(due_believe(FROM + 200, &k), FROM + 200);
	/* a little off is not wrong */
	k.heard_at = k.heard + 10;
	assert_int_equal(due_believe(k.heard_at + 5, &k), k.heard_at + 5);
	/* ahead, and going on from there; then set back */
	k.heard_at = k.heard + 86400;
	assert_int_equal(due_believe(k.heard_at + 5, &k), k.heard + 5);
	assert_int_equal(due_believe(k.heard + 7, &k), k.heard + 7);
	assert_int_equal(due_believe(0, &k), k.heard);
}

/* One wrong date of the service, or a clock that jumped, shuts no way to a right one. */
static void ways_out(void **state)
{
	const int64_t now = FROM + 500;
	struct due_known k = { .least = FROM };
	int64_t t[DUE_TIMES];

	(void)state;
	/* nothing heard: this clock, and what has been */
	assert_int_equal(due_times(now, &k, t), 2);
	assert_int_equal(t[0], now);
	assert_int_equal(t[1], FROM);
	/* no clock: what has been alone */
	assert_int_equal(due_times(5, &k, t), 1);
	assert_int_equal(t[0], FROM);
	/* the service said a time far ahead, or far behind, once */
	k = (struct due_known) { .least = FROM, .heard = FROM + 900 * DAY, .heard_at = FROM + 1 };
	assert_int_equal(due_times(now, &k, t), 3);
	assert_int_equal(t[0], k.heard);
	assert_int_equal(t[1], now);
	k = (struct due_known) { .least = FROM, .heard = FROM - 900 * DAY, .heard_at = FROM + 1 };
	assert_int_equal(due_times(now, &k, t), 2);
	assert_int_equal(t[0], FROM);
	assert_int_equal(t[1], now);
	/* this clock jumped ahead since */
	k = (struct due_known) { .least = FROM, .heard = FROM + 7, .heard_at = FROM + 7 };
	assert_int_equal(due_times(now + 900 * DAY, &k, t), 3);
	assert_int_equal(t[0], now + 900 * DAY);
	assert_int_equal(t[1], FROM + 7);
	assert_int_equal(t[2], FROM);
	/* what is heard next counts alone: neither of the wrong ones is a floor */
	k.heard = k.heard_at = now;
	assert_int_equal(due_believe(now, &k), now);
}

static void held_back(void **state)
{
	struct due_clock c = { .believed = FROM + 1000, .now = FROM + 1000, .since = FROM + 1000 };

	(void)state;
	/* due long ago, but it came just now */
	assert_int_equal(due_hold_back(FROM + 600, FROM, &c), FROM + 1300);
	c.now = c.believed = FROM + 1100;
	assert_int_equal(due_hold_back(FROM + 600, FROM, &c), FROM + 1300);
	c.now = c.believed = FROM + 1300;
	assert_int_equal(due_hold_back(FROM + 600, FROM, &c), FROM + 600);
	/* not due yet */
	c = (struct due_clock) { .believed = FROM + 1, .now = FROM + 1, .since = FROM };
	assert_int_equal(due_hold_back(FROM + 600, FROM, &c), FROM + 600);
	/* the clock was set back since, or nobody knows */
	c = (struct due_clock) { .believed = FROM + 700, .now = FROM + 700, .since = FROM + 5000 };
	assert_int_equal(due_hold_back(FROM + 600, FROM, &c), FROM + 600);
	c.since = 0;
	assert_int_equal(due_hold_back(FROM + 600, FROM, &c), FROM + 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewal), cmocka_unit_test(jitter), cmocka_unit_test(odd_dates),
		cmocka_unit_test(retries), cmocka_unit_test(clocks),
		cmocka_unit_test(held_back), cmocka_unit_test(ways_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
