/* test_bytes - bounded reading and writing: nothing past an end, the first failure is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* What was reserved is written in place, what is more moves it, and the bounds are the same. */
static void test_reserving(void **state)
{
	SCOPED(buf) b = { 0 };
	SCOPED(buf) small = { .max = 8 };
	const uint8_t *at;

	(void)state;
	buf_add_str(&b, "head");
	buf_reserve(&b, 5000);
	assert_int_equal(b.n, 4);
	at = b.p;
	for (int i = 0; i < 5000; i++)
		buf_add_u8(&b, (uint8_t)i);
	assert_ptr_equal(b.p, at);
	assert_int_equal(buf_err(&b), INRO_OK);
	assert_memory_equal(b.p, "head\0\1\2", 7);
	for (int i = 0; i < 5000; i++)
		buf_add_u8(&b, 7);
	assert_int_equal(b.n, 10004);
	assert_int_equal(b.p[5003], (uint8_t)4999);
	assert_int_equal(b.p[10003], 7);
	buf_reserve(&small, 8);
	assert_int_equal(buf_err(&small), INRO_OK);
	for (int i = 0; i < 9; i++)
		buf_add_u8(&small, 1);
	assert_int_equal(small.n, 8);
	assert_int_equal(buf_err(&small), INRO_E_TOO_BIG);
	buf_reset(&small);
	buf_reserve(&small, 9);
	assert_int_equal(buf_err(&small), INRO_E_TOO_BIG);
	assert_int_equal(small.n, 0);
}

static void test_compare(void **state)
{
	(void)state;
	assert_int_equal(bytes_of(NULL).n, 0);
	assert_int_equal(bytes_of("abc").n, 3);
	assert_true(bytes_equal(BYTES_NONE, BYTES("", 0)));
	assert_true(bytes_equal(BYTES("a\0b", 3), BYTES("a\0b", 3)));
	assert_false(bytes_equal(BYTES("a\0b", 3), BYTES("a\0c", 3)));
	assert_false(bytes_equal(BYTES("ab", 2), BYTES("abc", 3)));
	assert_true(bytes_is(BYTES("abc", 3), "abc"));
	assert_false(bytes_is(BYTES("abc", 3), "ab"));
	assert_true(bytes_compare(bytes_of("a"), bytes_of("b")) < 0);
	assert_true(bytes_compare(bytes_of("b"), bytes_of("abc")) > 0);
	assert_true(bytes_compare(bytes_of("a"), bytes_of("ab")) < 0);
	assert_true(bytes_compare(bytes_of("ab"), bytes_of("a")) > 0);
	assert_true(bytes_compare(BYTES("\xff", 1), BYTES("\x01", 1)) > 0);
	assert_int_equal(bytes_compare(BYTES_NONE, BYTES_NONE), 0);
}

static void test_read(void **state)
{
	struct bytes in = BYTES("\x01\x02\x03\x04\x05\x00\x00\x00\x00\x00\x00\x01\x00", 13), x;
	uint8_t a;
	uint32_t b;
	uint64_t c;

	(void)state;
	OK(read_u8(&in, &a));
	assert_int_equal(a, 1);
	OK(read_u32(&in, &b));
	assert_int_equal(b, 0x02030405);
	OK(read_u64(&in, &c));
	assert_int_equal(c, 0x100);
	assert_int_equal(in.n, 0);
	OK(read_bytes(&in, 0, &x));
	assert_int_equal(x.n, 0);
	assert_int_equal(read_u8(&in, &a), INRO_E_SYNTAX);
	in = BYTES_NONE;
	OK(read_bytes(&in, 0, &x));
	assert_int_equal(read_bytes(&in, 1, &x), INRO_E_SYNTAX);
}

static void test_short_reads_take_nothing(void **state)
{
	const struct bytes whole = BYTES("\x00\x00\x00\x04"
					 "abc",
					 7);
	struct bytes in, x = BYTES("x", 1);
	uint64_t v = 7;

	(void)state;
	in = whole;
	assert_int_equal(read_field(&in, &x), INRO_E_SYNTAX);
	assert_int_equal(read_u64(&in, &v), INRO_E_SYNTAX);
	assert_int_equal(read_bytes(&in, SIZE_MAX, &x), INRO_E_SYNTAX);
	assert_ptr_equal(in.p, whole.p);
	assert_int_equal(in.n, whole.n);
	assert_int_equal(x.n, 1);
	assert_int_equal(v, 7);
}

static void test_fields(void **state)
{
	SCOPED(buf) b = { 0 };
	struct bytes in, x;

	(void)state;
	buf_add_field(&b, bytes_of("one"));
	buf_add_field(&b, BYTES_NONE);
	OK(buf_err(&b));
	in = buf_bytes(&b);
	OK(read_field(&in, &x));
	assert_true(bytes_is(x, "one"));
	OK(read_field(&in, &x));
	assert_int_equal(x.n, 0);
	assert_int_equal(in.n, 0);
}

static void test_buf(void **state)
{
	SCOPED(buf) b = { 0 };

	(void)state;
	buf_add_u8(&b, 0xab);
	buf_add_u32(&b, 0x01020304);
	buf_add_u64(&b, 0x1122334455667788);
	buf_add_str(&b, "s");
	buf_addf(&b, "%d", 42);
	buf_add_hex(&b, BYTES("\x00\xfe", 2));
	OK(buf_err(&b));
	assert_true(bytes_equal(buf_bytes(&b), BYTES("\xab\x01\x02\x03\x04\x11\x22\x33\x44\x55\x66"
						     "\x77\x88"
						     "s42"
						     "00fe",
						     20)));
	buf_truncate(&b, 1);
	assert_int_equal(b.n, 1);
	memcpy(buf_insert(&b, 0, 2), "xy", 2);
	assert_true(bytes_equal(buf_bytes(&b), BYTES("xy\xab", 3)));
	buf_reset(&b);
	assert_int_equal(b.n, 0);
	buf_addf(&b, "%ls", L"\x20ac"); /* not in the C locale */
	assert_int_equal(buf_err(&b), INRO_E_TOO_BIG);
}

static void test_buf_grows(void **state)
{
	SCOPED(buf) b = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		buf_add_u32(&b, i);
	OK(buf_err(&b));
	assert_int_equal(b.n, 400000);
	for (uint32_t i = 0; i < 100000; i += 997) {
		struct bytes in = BYTES(b.p + 4 * (size_t)i, 4);
		uint32_t v;

		OK(read_u32(&in, &v));
		assert_int_equal(v, i);
	}
}

static void test_buf_bound(void **state)
{
	SCOPED(buf) b = { .max = 10 };

	(void)state;
	buf_add_str(&b, "12345678");
	buf_add_str(&b, "901");
	assert_int_equal(buf_err(&b), INRO_E_TOO_BIG);
	buf_add_str(&b, "9");
	assert_int_equal(buf_err(&b), INRO_E_TOO_BIG); /* the first failure stays */
	assert_int_equal(b.n, 8);
	assert_null(buf_extend(&b, 1));
	assert_null(buf_take_str(&b));
	buf_reset(&b);
	buf_add_str(&b, "1234567890");
	OK(buf_err(&b));
	assert_null(buf_extend(&b, SIZE_MAX));
	buf_clear(&b);
	assert_int_equal(b.max, 10);
	OK(buf_err(&b));
}

static void test_take_str(void **state)
{
	SCOPED(buf) b = { 0 };
	char *s;

	(void)state;
	s = buf_take_str(&b);
	assert_string_equal(s, "");
	free(s);
	buf_add_str(&b, "text");
	s = buf_take_str(&b);
	assert_string_equal(s, "text");
	assert_int_equal(b.n, 0);
	assert_null(b.p);
	free(s);
}

static int is_wiped(void *arg)
{
	const struct buf *b = arg;
	uint8_t any = 0;

	for (size_t i = 0; i < b->n; i++)
		any |= b->p[i];
	return any ? 1 : 0;
}

/* However it grows, a forked child sees nothing of it: no ordinary memory. */
static void test_secret_buf(void **state)
{
	SCOPED(buf) b = { .secret = true };
	SCOPED(buf) plain = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_add_u8(&b, (uint8_t)(i % 255 + 1));
	OK(buf_err(&b));
	assert_int_equal(b.p[19999], 19999 % 255 + 1);
	assert_int_equal(scratch_child(is_wiped, &b), 0);
	buf_clear(&b);
	assert_true(b.secret);
	buf_add_str(&b, "again");
	assert_int_equal(scratch_child(is_wiped, &b), 0);
	buf_add_str(&plain, "plain");
	assert_int_equal(scratch_child(is_wiped, &plain), 1);
}

static void test_hex(void **state)
{
	uint8_t out[2] = { 9, 9 };
	size_t n = 77;

	(void)state;
	OK(hex_decode(bytes_of("0aFf"), out, sizeof out, &n));
	assert_int_equal(n, 2);
	assert_memory_equal(out, "\x0a\xff", 2);
	OK(hex_decode(BYTES_NONE, out, sizeof out, &n));
	assert_int_equal(n, 0);
	n = 77;
	assert_int_equal(hex_decode(bytes_of("0"), out, sizeof out, &n), INRO_E_SYNTAX);
	assert_int_equal(hex_decode(bytes_of("0g"), out, sizeof out, &n), INRO_E_SYNTAX);
	assert_int_equal(hex_decode(bytes_of("@0"), out, sizeof out, &n), INRO_E_SYNTAX);
	assert_int_equal(hex_decode(bytes_of("00\x10"
					     "0"),
				    out, sizeof out, &n),
			 INRO_E_SYNTAX);
	assert_int_equal(hex_decode(bytes_of("000000"), out, sizeof out, &n), INRO_E_TOO_BIG);
	assert_int_equal(n, 77);
	assert_memory_equal(out, "\x0a\xff", 2);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
	} good[] = {
		{ "0", 0 },		      { "007", 7 },
		{ "-5", -5 },		      { "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
	};
	static const char *const bad[] = { "",	 "-",	" 5",  "\t5", "\n5", "+5", "--5", "5 ", "5x", "0x5",
					   "9223372036854775808", "-9223372036854775809", "99999999999999999999" };
	int64_t n = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (number_read(bad[i], &n))
			fail_msg("'%s' is a number", bad[i]);
	assert_int_equal(n, 77);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(number_read(good[i].text, &n));
		assert_true(n == good[i].n);
	}
	assert_string_equal(number_take("30d", &n), "d");
	assert_int_equal(n, 30);
	assert_null(number_take("99999999999999999999d", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_short_reads_take_nothing),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_buf_grows),
		cmocka_unit_test(test_buf_bound),
		cmocka_unit_test(test_take_str),
		cmocka_unit_test(test_secret_buf),
		cmocka_unit_test(test_reserving),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
