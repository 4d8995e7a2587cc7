/* Words in a file of the agent's: kept, found whole, bounded. */
#include "tools/agent/wordlist.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/scratch.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/own.h"

static void reopened(struct wordlist *w)
{
	wordlist_clear(w);
	assert_int_equal(wordlist_open(scratch_dir(), "w", w), INRO_OK);
}

static void kept(void **state)
{
	SCOPED(wordlist) w = { 0 };

	(void)state;
	reopened(&w);
	assert_string_equal(wordlist_text(&w), "");
	assert_int_equal(wordlist_drop(&w, "a"), INRO_OK);
	assert_int_equal(wordlist_add(&w, "ab"), INRO_OK);
	assert_int_equal(wordlist_add(&w, "b"), INRO_OK);
	assert_int_equal(wordlist_add(&w, "ab"), INRO_OK);
	reopened(&w);
	assert_string_equal(wordlist_text(&w), "ab b");
	assert_true(wordlist_has(&w, "b"));
	assert_false(wordlist_has(&w, "a"));
	assert_int_equal(wordlist_add(&w, "c"), INRO_OK);
	assert_int_equal(wordlist_drop(&w, "b"), INRO_OK);
	assert_string_equal(wordlist_text(&w), "ab c");
	assert_int_equal(wordlist_drop(&w, "c"), INRO_OK);
	reopened(&w);
	assert_string_equal(wordlist_text(&w), "ab");
	assert_int_equal(wordlist_drop(&w, "ab"), INRO_OK);
	reopened(&w);
	assert_string_equal(wordlist_text(&w), "");
	assert_int_equal(wordlist_add(&w, "d"), INRO_OK);
	assert_int_equal(wordlist_drop_all(&w), INRO_OK);
	assert_int_equal(wordlist_drop_all(&w), INRO_OK);
	assert_int_not_equal(access(scratch_path("w"), F_OK), 0);
}

static void put(void **state)
{
	SCOPED(wordlist) w = { 0 };

	(void)state;
	reopened(&w);
	assert_true(wordlist_is_new(&w));
	assert_int_equal(wordlist_put(&w, ""), INRO_OK);
	assert_false(wordlist_is_new(&w));
	reopened(&w);
	assert_false(wordlist_is_new(&w));
	assert_int_equal(wordlist_put(&w, "a bc"), INRO_OK);
	reopened(&w);
	assert_true(wordlist_has(&w, "a") && wordlist_has(&w, "bc"));
	assert_int_equal(wordlist_put(&w, "d"), INRO_OK);
	reopened(&w);
	assert_string_equal(wordlist_text(&w), "d");
	assert_int_equal(wordlist_drop(&w, "d"), INRO_OK);
	reopened(&w);
	assert_false(wordlist_is_new(&w));
	assert_int_equal(wordlist_drop_all(&w), INRO_OK);
	assert_true(wordlist_is_new(&w));
}

static void bounded(void **state)
{
	SCOPED(wordlist) w = { 0 };
	char word[33];

	(void)state;
	reopened(&w);
	for (int i = 0; i < 140; i++) {
		snprintf(word, sizeof word, "%032d", i);
		assert_int_equal(wordlist_add(&w, word), INRO_OK);
	}
	reopened(&w);
	assert_true(wordlist_has(&w, word));
	assert_false(wordlist_has(&w, "00000000000000000000000000000000"));
	assert_int_equal(wordlist_drop_all(&w), INRO_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(kept), cmocka_unit_test(put),
					   cmocka_unit_test(bounded) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
