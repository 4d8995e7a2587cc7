/* test_err - every code has its own name and words; details belong to a thread and to a code. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/own.h"

static void test_total_and_unique(void **state)
{
	(void)state;
	for (int i = 0; i < INRO_E__MAX; i++) {
		const char *name = err_name((enum inro_err)i), *text = err_text((enum inro_err)i);

		assert_int_equal(strncmp(name, i ? "INRO_E_" : "INRO_OK", 7), 0);
		assert_string_not_equal(name, "INRO_E_?");
		assert_true(strlen(text) > 3);
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(name, err_name((enum inro_err)j));
			assert_string_not_equal(text, err_text((enum inro_err)j));
		}
	}
	assert_string_equal(err_name(INRO_E__MAX), "INRO_E_?");
	assert_string_equal(err_name((enum inro_err)9999), "INRO_E_?");
	assert_non_null(err_text((enum inro_err)9999));
}

static void test_detail(void **state)
{
	(void)state;
	err_reset();
	assert_string_equal(err_detail(INRO_E_IO), err_text(INRO_E_IO));
	assert_int_equal(err_set(INRO_E_IO, "disk %d", 3), INRO_E_IO);
	assert_string_equal(err_detail(INRO_E_IO), "disk 3");
	assert_string_equal(err_detail(INRO_E_BUSY), err_text(INRO_E_BUSY));
	assert_int_equal(err_context(INRO_E_IO, "reading %s", "x"), INRO_E_IO);
	assert_string_equal(err_detail(INRO_E_IO), "reading x: disk 3");
	assert_int_equal(err_context(INRO_E_BUSY, "y"), INRO_E_BUSY);
	assert_string_equal(err_detail(INRO_E_BUSY), "y: in use by another; try again");
	err_reset();
	assert_string_equal(err_detail(INRO_E_BUSY), err_text(INRO_E_BUSY));
}

static void test_detail_outlives_clearing_up(void **state)
{
	(void)state;
	assert_int_equal(err_set(INRO_E_IO, "first"), INRO_E_IO);
	{
		SCOPED(err_kept) kept = err_keep();

		assert_int_equal(err_set(INRO_E_FULL, "meanwhile"), INRO_E_FULL);
		err_reset();
	}
	assert_string_equal(err_detail(INRO_E_IO), "first");
}

static void test_detail_may_quote_itself(void **state)
{
	(void)state;
	assert_int_equal(err_set(INRO_E_IO, "first"), INRO_E_IO);
	assert_int_equal(err_set(INRO_E_FULL, "then: %s", err_detail(INRO_E_IO)), INRO_E_FULL);
	assert_string_equal(err_detail(INRO_E_FULL), "then: first");
}

/* A terminal takes U+009B for ESC [, and U+202E turns the line round; other languages stay. */
static void test_other_steering_characters(void **state)
{
	(void)state;
	assert_int_equal(err_set(INRO_E_ARG, "a\xc2\x9b"
					     "2J \xe2\x80\xae"
					     "b \xe2\x81\xa6 \x9b \xc3( \xed\xa0\x80"),
			 INRO_E_ARG);
	assert_string_equal(err_detail(INRO_E_ARG), "a??2J ???b ??? ? ?( ???");
	assert_int_equal(err_set(INRO_E_ARG, "\xe5\x8d\xb0\xe7\xb1\xa0 \xc3\xa9 \xf0\x9f\x94\x91"),
			 INRO_E_ARG);
	assert_string_equal(err_detail(INRO_E_ARG),
			    "\xe5\x8d\xb0\xe7\xb1\xa0 \xc3\xa9 \xf0\x9f\x94\x91");
}

static void test_control_characters(void **state)
{
	(void)state;
	assert_int_equal(err_set(INRO_E_ARG, "a\x1b[2Jb\nc\x7f"), INRO_E_ARG);
	assert_string_equal(err_detail(INRO_E_ARG), "a?[2Jb?c?");
}

static void test_long_detail(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	assert_int_equal(err_set(INRO_E_ARG, "%s", text), INRO_E_ARG);
	assert_int_equal(strlen(err_detail(INRO_E_ARG)), 511);
	assert_int_equal(err_context(INRO_E_ARG, "front"), INRO_E_ARG);
	assert_int_equal(strlen(err_detail(INRO_E_ARG)), 511);
	assert_int_equal(strncmp(err_detail(INRO_E_ARG), "front: xxx", 10), 0);
}

static void *other_thread(void *arg)
{
	*(int *)arg = strcmp(err_detail(INRO_E_ARG), err_text(INRO_E_ARG));
	err_record(INRO_E_ARG, "theirs");
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t;
	int differs = 1;

	(void)state;
	assert_int_equal(err_set(INRO_E_ARG, "ours"), INRO_E_ARG);
	assert_int_equal(pthread_create(&t, NULL, other_thread, &differs), 0);
	pthread_join(t, NULL);
	assert_int_equal(differs, 0);
	assert_string_equal(err_detail(INRO_E_ARG), "ours");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_total_and_unique),
		cmocka_unit_test(test_detail),
		cmocka_unit_test(test_detail_outlives_clearing_up),
		cmocka_unit_test(test_detail_may_quote_itself),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_other_steering_characters),
		cmocka_unit_test(test_long_detail),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
