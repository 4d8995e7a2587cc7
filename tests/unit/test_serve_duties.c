/* test_serve_duties - which failures of duties are news. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "backoffice/serve/parts.h"

/* Two that fail in turn are told once each, and again when it is something else or had been over. */
static void test_news(void **state)
{
	static struct said s;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(said_is_new(&s, "crl", "no PIN"), i == 0);
		assert_int_equal(said_is_new(&s, "ocsp", "no token"), i == 0);
		assert_false(said_is_new(&s, "renewal", NULL));
	}
	assert_true(said_is_new(&s, "crl", "no token"));
	assert_false(said_is_new(&s, "ocsp", "no token"));
	assert_false(said_is_new(&s, "crl", NULL));
	assert_true(said_is_new(&s, "crl", "no token"));
	assert_false(said_is_new(&s, "crl", "no token"));
}

/* More of them than there are places for: each is told, and none in another's place. */
static void test_many(void **state)
{
	static struct said s;
	static char names[SAID_MAX + 2][16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(names[i], sizeof names[i], "duty-%zu", i);
		assert_true(said_is_new(&s, names[i], "why"));
	}
	assert_false(said_is_new(&s, names[SAID_MAX - 1], "why"));
	assert_true(said_is_new(&s, names[SAID_MAX], "why"));
	assert_false(said_is_new(&s, names[0], NULL));
	assert_true(said_is_new(&s, names[SAID_MAX], "why"));
	assert_false(said_is_new(&s, names[SAID_MAX], "why"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
