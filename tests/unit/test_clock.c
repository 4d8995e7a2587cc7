/* test_clock - the time that a test sets, the one that never jumps, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "base/clock.h"

static void test_set(void **state)
{
	int64_t steady = clock_monotonic_ms();

	(void)state;
	clock_set_test(1000000);
	assert_in_range(clock_now(), 1000000, 1000001);
	assert_in_range(clock_now_ms(), 1000000000, 1000001000);
	assert_in_range(clock_monotonic_ms() - steady, 0, 1000);
	clock_set_test(0);
	assert_in_range(clock_now() - (int64_t)time(NULL), 0, 1);
}

/* What is noted, and holds for a time, by a clock that is then set back. */
static void test_set_back(void **state)
{
	int64_t now = 1000000;

	(void)state;
	clock_set_test(now);
	assert_false(clock_is_over(now * 1000, 60000));
	assert_true(clock_is_over((now - 60) * 1000, 60000));
	assert_false(clock_is_over((now + 30) * 1000, 60000));
	assert_true(clock_is_over((now + 90) * 1000, 60000));
	clock_set_test(0);
	assert_true(clock_holds(now, now + 60, 60));
	assert_false(clock_holds(now, now, 60));
	assert_false(clock_holds(now, now + 61, 60));
}

static void test_format(void **state)
{
	char out[21];

	(void)state;
	clock_format(0, out, sizeof out);
	assert_string_equal(out, "1970-01-01T00:00:00Z");
	clock_format(1795223387, out, sizeof out);
	assert_string_equal(out, "2026-11-21T01:09:47Z");
	clock_format(253402300799, out, sizeof out);
	assert_string_equal(out, "9999-12-31T23:59:59Z");
}

static void test_parse(void **state)
{
	static const char *const bad[] = { NULL, "", "2026-11-21", "2026-11-21T01:09:47",
					   "2026-02-30T01:09:47Z", "2026-11-21T01:09:47Z ",
					   "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z" };
	int64_t t = 0;

	(void)state;
	assert_true(clock_parse("2026-11-21T01:09:47Z", &t));
	assert_int_equal(t, 1795223387);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(clock_parse(bad[i], &t));
}

static void test_parse_http(void **state)
{
	static const char *const bad[] = { NULL, "", "Sat, 21 Nov 2026 01:09:47", "2026-11-21T01:09:47Z",
					   "Thu, 01 Jan 1970 00:00:00 GMT",
					   "Sat, 21 Nov 2026 01:09:47 GMT x" };
	int64_t t = 0;

	(void)state;
	assert_true(clock_parse_http(" Sat, 21 Nov 2026 01:09:47 GMT\r\n", &t));
	assert_int_equal(t, 1795223387);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(clock_parse_http(bad[i], &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set), cmocka_unit_test(test_set_back),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
