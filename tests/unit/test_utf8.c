/* test_utf8 - characters of RFC 3629 at every bound, and what is none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/utf8.h"

/* The first and the last of each length, and those beside what is left out. */
static const struct {
	uint32_t c;
	const char *octets;
} characters[] = {
	{ 0x1, "\x01" },
	{ 0x1f, "\x1f" },
	{ ' ', " " },
	{ '~', "~" },
	{ 0x7f, "\x7f" },
	{ 0x80, "\xc2\x80" },
	{ 0x9f, "\xc2\x9f" },
	{ 0xa0, "\xc2\xa0" },
	{ 0x7ff, "\xdf\xbf" },
	{ 0x800, "\xe0\xa0\x80" },
	{ 0x2028, "\xe2\x80\xa8" },
	{ 0x202e, "\xe2\x80\xae" },
	{ 0xd7ff, "\xed\x9f\xbf" },
	{ 0xe000, "\xee\x80\x80" },
	{ 0xfeff, "\xef\xbb\xbf" },
	{ 0xffff, "\xef\xbf\xbf" },
	{ 0x10000, "\xf0\x90\x80\x80" },
	{ 0x10ffff, "\xf4\x8f\xbf\xbf" },
};

static const char *const none[] = {
	"\x80", "\xbf",					   /* a continuation alone */
	"\xc0\x80", "\xc1\xbf",				   /* longer than need be */
	"\xe0\x80\x80", "\xe0\x9f\xbf",
	"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
	"\xed\xa0\x80", "\xed\xbf\xbf",			   /* surrogates */
	"\xf4\x90\x80\x80", "\xf5\x80\x80\x80",		   /* above U+10FFFF */
	"\xf7\xbf\xbf\xbf", "\xf8\x88\x80\x80\x80",
	"\xfc\x84\x80\x80\x80\x80", "\xfe", "\xff",
	"\xc2", "\xe2\x82", "\xe2", "\xf0\x9f\x98", "\xf0\x9f", "\xf0", /* cut */
	"\xc2" "a", "\xe2\x82" "a", "\xe2" "a\x82", "\xf0\x9f\x98" "a", "\xc2\xc2\x80", "\xe2\x82\xe2",
};

static void test_take(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(characters); i++) {
		struct bytes s = bytes_of(characters[i].octets);
		char room[8] = "";
		uint32_t c = 0;

		assert_int_equal(utf8_take(s, &c), s.n);
		assert_int_equal(c, characters[i].c);
		assert_int_equal(utf8_put(c, room), s.n);
		assert_string_equal(room, characters[i].octets);
		for (size_t n = 1; n < s.n; n++)
			assert_int_equal(utf8_take(BYTES(s.p, n), &c), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		uint32_t c = 7;

		assert_int_equal(utf8_take(bytes_of(none[i]), &c), 0);
		assert_int_equal(c, 7);
	}
}

/* All of them: what is made is read again, and surrogates are not. */
static void test_every_character(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char room[4];
		uint32_t again = 0;
		size_t n = utf8_put(c, room);
		bool surrogate = c >= 0xd800 && c <= 0xdfff;

		if (utf8_take(BYTES(room, n), &again) != (surrogate ? 0 : n) || (!surrogate && again != c))
			fail_msg("U+%04X is not read as it is written", c);
	}
}

static void test_text(void **state)
{
	static const char cut_off[] = "a\xf0\x9f\x98\x80";
	char around[16];

	(void)state;
	assert_true(utf8_is_text(BYTES_NONE, NULL));
	assert_true(utf8_is_text(BYTES_NONE, utf8_is_safe));
	assert_true(utf8_is_text(bytes_of("k\xc3\xa4se \xe5\x8d\xb0\xe7\xb1\xa0 \xf0\x9f\x98\x80"), utf8_is_safe));
	assert_true(utf8_is_text(BYTES(cut_off, 1), NULL));
	for (size_t n = 2; n < 5; n++)
		assert_false(utf8_is_text(BYTES(cut_off, n), NULL));
	assert_true(utf8_is_text(BYTES(cut_off, 5), NULL));
	assert_false(utf8_is_text(BYTES("", 1), NULL));
	assert_false(utf8_is_text(BYTES("a\0b", 3), NULL));
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_false(utf8_is_text(bytes_of(none[i]), NULL));
		snprintf(around, sizeof around, "a%s", none[i]);
		assert_false(utf8_is_text(bytes_of(around), NULL));
		snprintf(around, sizeof around, "%sz", none[i]);
		assert_false(utf8_is_text(bytes_of(around), NULL));
	}
}

/* Which may be in a text, by who asks. */
static void test_which(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(characters); i++) {
		uint32_t c = characters[i].c;
		struct bytes s = bytes_of(characters[i].octets);
		bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f), turns = c == 0x2028 || c == 0x202e;

		assert_true(utf8_is_text(s, NULL));
		assert_int_equal(utf8_is_text(s, utf8_is_plain), !control);
		assert_int_equal(utf8_is_text(s, utf8_is_safe), !control && !turns);
	}
	assert_false(utf8_is_plain(0));
}

static void defused(const char *text, utf8_may *may, const char *want)
{
	char room[64];

	snprintf(room, sizeof room, "%s", text);
	utf8_defuse(room, may);
	assert_string_equal(room, want);
	assert_true(utf8_is_text(bytes_of(room), may));
}

static void test_defuse(void **state)
{
	(void)state;
	defused("", utf8_is_safe, "");
	defused("k\xc3\xa4se", utf8_is_safe, "k\xc3\xa4se");
	defused("a\x1b[1mb\x7f", utf8_is_plain, "a?[1mb?");
	defused("a\xc2\x9b" "b", utf8_is_plain, "a??b");
	defused("a\xe2\x80\xae" "b", utf8_is_plain, "a\xe2\x80\xae" "b");
	defused("a\xe2\x80\xae" "b", utf8_is_safe, "a???b");
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		char text[16], want[16];
		size_t n;

		snprintf(text, sizeof text, "%s", none[i]);
		utf8_defuse(text, utf8_is_plain);
		n = strlen(none[i]);
		assert_int_equal(strlen(text), n);
		assert_int_equal(text[0], '?');
		snprintf(want, sizeof want, "%s", text);
		utf8_defuse(want, utf8_is_plain);
		assert_string_equal(text, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),  cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_text),  cmocka_unit_test(test_which),
		cmocka_unit_test(test_defuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
