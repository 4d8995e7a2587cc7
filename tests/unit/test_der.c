/* test_der - DER is read strictly and written in its one form (X.690 8 to 11, RFC 5280 4.1.2.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/der.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* A literal as bytes, without its NUL. */
#define LIT(s) BYTES(s, sizeof(s) - 1)

static void assert_refused(struct bytes in)
{
	struct bytes before = in;
	struct der d;

	assert_int_equal(der_next(&in, &d), INRO_E_SYNTAX);
	assert_ptr_equal(in.p, before.p);
	assert_int_equal(in.n, before.n);
}

static void test_next(void **state)
{
	struct bytes in = LIT("\x04\x02"
			      "ab"
			      "\x05\x00");
	struct der d;

	(void)state;
	assert_int_equal(der_peek(in), DER_OCTET_STRING);
	OK(der_next(&in, &d));
	assert_int_equal(d.tag, DER_OCTET_STRING);
	assert_true(bytes_is(d.value, "ab"));
	assert_true(bytes_is(d.whole, "\x04\x02"
				      "ab"));
	OK(der_next(&in, &d));
	assert_int_equal(d.tag, DER_NULL);
	assert_int_equal(d.value.n, 0);
	assert_int_equal(der_peek(in), -1);
	assert_refused(in);
}

static void test_lengths(void **state)
{
	(void)state;
	assert_refused(LIT("\x04"));
	assert_refused(LIT("\x04\x01"));
	assert_refused(LIT("\x30\x80\x00\x00")); /* indefinite */
	assert_refused(LIT("\x04\x81\x01"
			   "a"));		 /* long form for a short length */
	assert_refused(LIT("\x04\x82\x00\x80")); /* leading zero */
	assert_refused(LIT("\x04\x81"));
	assert_refused(LIT("\x04\x85\x01\x00\x00\x00\x00")); /* five octets */
	assert_refused(LIT("\x04\x84\x10\x00\x00\x00"));     /* 2^28 */
	assert_refused(LIT("\x04\x84\xff\xff\xff\xff"
			   "abc"));
	assert_refused(LIT("\x1f\x01\x00")); /* a tag of two octets */
	assert_refused(LIT("\xbf\x20\x01\x00"));
	assert_refused(BYTES_NONE);
}

static void round_of_length(size_t n)
{
	SCOPED(buf) b = { 0 };
	struct bytes in, value;
	uint8_t *content = calloc(1, n + 1);

	assert_non_null(content);
	der_add(&b, DER_OCTET_STRING, BYTES(content, n));
	OK(buf_err(&b));
	in = buf_bytes(&b);
	OK(der_take(&in, DER_OCTET_STRING, &value));
	assert_int_equal(value.n, n);
	assert_int_equal(in.n, 0);
	free(content);
}

static void test_every_form_of_length(void **state)
{
	static const size_t sizes[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 20 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		round_of_length(sizes[i]);
}

/* Reads an integer, a string and a nested sequence, all of it. */
static enum inro_err read_sample(struct bytes in)
{
	struct bytes seq, inner, x;
	int64_t v;
	enum inro_err e = der_only(in, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_int(&seq, &v);
	if (!e)
		e = der_take(&seq, DER_UTF8_STRING, &x);
	if (!e)
		e = der_take(&seq, DER_SEQUENCE, &inner);
	return e ? e : der_take(&inner, DER_OID, &x);
}

static void test_truncated_anywhere(void **state)
{
	SCOPED(buf) b = { 0 };
	size_t outer = der_begin(&b, DER_SEQUENCE), inner;

	(void)state;
	der_add_int(&b, 300);
	der_add(&b, DER_UTF8_STRING, bytes_of("some text"));
	inner = der_begin(&b, DER_SEQUENCE);
	der_add_oid(&b, "1.2.840.10045.2.1");
	der_end(&b, inner);
	der_end(&b, outer);
	OK(buf_err(&b));
	OK(read_sample(buf_bytes(&b)));
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(read_sample(BYTES(b.p, n)), INRO_E_SYNTAX);
	buf_add_u8(&b, 0);
	assert_int_equal(read_sample(buf_bytes(&b)), INRO_E_SYNTAX);
}

static void test_take_the_right_tag(void **state)
{
	struct bytes in = LIT("\x04\x01"
			      "a"),
		     before = in, x;

	(void)state;
	assert_int_equal(der_take(&in, DER_UTF8_STRING, &x), INRO_E_SYNTAX);
	assert_int_equal(der_take_whole(&in, DER_SEQUENCE, &x), INRO_E_SYNTAX);
	assert_int_equal(in.n, before.n);
	OK(der_take_whole(&in, DER_OCTET_STRING, &x));
	assert_int_equal(x.n, 3);
}

static void assert_int(const char *der, size_t n, int64_t want)
{
	SCOPED(buf) b = { 0 };
	struct bytes in = BYTES(der, n);
	int64_t v;

	der_add_int(&b, want);
	assert_true(bytes_equal(buf_bytes(&b), in));
	OK(der_take_int(&in, &v));
	assert_true(v == want);
	assert_int_equal(in.n, 0);
}

#define INT(lit, want) assert_int(lit, sizeof(lit) - 1, want)

static void test_integers(void **state)
{
	(void)state;
	INT("\x02\x01\x00", 0);
	INT("\x02\x01\x7f", 127);
	INT("\x02\x02\x00\x80", 128);
	INT("\x02\x01\xff", -1);
	INT("\x02\x01\x80", -128);
	INT("\x02\x02\xff\x7f", -129);
	INT("\x02\x08\x7f\xff\xff\xff\xff\xff\xff\xff", INT64_MAX);
	INT("\x02\x08\x80\x00\x00\x00\x00\x00\x00\x00", INT64_MIN);
}

static void test_bad_integers(void **state)
{
	static const struct bytes bad[] = {
		{ (const uint8_t *)"\x02\x00", 2 },
		{ (const uint8_t *)"\x02\x02\x00\x7f", 4 },
		{ (const uint8_t *)"\x02\x02\xff\x80", 4 },
		{ (const uint8_t *)"\x02\x09\x00\x80\x00\x00\x00\x00\x00\x00\x00", 11 },
		{ (const uint8_t *)"\x03\x01\x00", 3 },
	};
	int64_t v = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct bytes in = bad[i];

		assert_int_equal(der_take_int(&in, &v), INRO_E_SYNTAX);
		assert_ptr_equal(in.p, bad[i].p);
		assert_int_equal(v, 7);
	}
}

static void test_unsigned(void **state)
{
	SCOPED(buf) b = { 0 };
	struct bytes in, x;

	(void)state;
	der_add_unsigned(&b, LIT("\x00\x00\x80\x01"));
	der_add_unsigned(&b, BYTES_NONE);
	der_add_unsigned(&b, LIT("\x00\x00"));
	der_add_unsigned(&b, LIT("\x7f"));
	assert_true(bytes_equal(buf_bytes(&b), LIT("\x02\x03\x00\x80\x01"
						   "\x02\x01\x00"
						   "\x02\x01\x00"
						   "\x02\x01\x7f")));
	in = buf_bytes(&b);
	OK(der_take_unsigned(&in, &x));
	assert_true(bytes_equal(x, LIT("\x80\x01")));
	OK(der_take_unsigned(&in, &x));
	assert_true(bytes_equal(x, LIT("\x00")));
	in = LIT("\x02\x01\x80");
	assert_int_equal(der_take_unsigned(&in, &x), INRO_E_SYNTAX);
	assert_int_equal(in.n, 3);
}

static void test_bits(void **state)
{
	SCOPED(buf) b = { 0 };
	struct bytes in, x;

	(void)state;
	der_add_bits(&b, LIT("\xb1"));
	assert_true(bytes_equal(buf_bytes(&b), LIT("\x03\x02\x00\xb1")));
	in = buf_bytes(&b);
	OK(der_take_bits(&in, &x));
	assert_true(bytes_equal(x, LIT("\xb1")));
	in = LIT("\x03\x02\x01\xb0");
	assert_int_equal(der_take_bits(&in, &x), INRO_E_SYNTAX);
	in = LIT("\x03\x00");
	assert_int_equal(der_take_bits(&in, &x), INRO_E_SYNTAX);
	assert_int_equal(in.n, 2);
}

static void test_bool(void **state)
{
	SCOPED(buf) b = { 0 };

	(void)state;
	der_add_bool(&b, true);
	der_add_bool(&b, false);
	assert_true(bytes_equal(buf_bytes(&b), LIT("\x01\x01\xff\x01\x01\x00")));
}

static void assert_oid(const char *text, struct bytes der)
{
	SCOPED(buf) b = { 0 };
	char back[128];
	struct bytes oid;

	der_add_oid(&b, text);
	OK(buf_err(&b));
	assert_true(bytes_equal(buf_bytes(&b), der));
	OK(der_only(der, DER_OID, &oid));
	OK(der_oid_text(oid, back, sizeof back));
	assert_string_equal(back, text);
}

static void test_oids(void **state)
{
	(void)state;
	assert_oid("1.2.840.10045.2.1", LIT("\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"));
	assert_oid("0.0", LIT("\x06\x01\x00"));
	assert_oid("1.39", LIT("\x06\x01\x4f"));
	assert_oid("2.0", LIT("\x06\x01\x50"));
	assert_oid("2.999.3", LIT("\x06\x03\x88\x37\x03"));
	assert_oid("2.5.29.19", LIT("\x06\x03\x55\x1d\x13"));
	assert_oid("1.3.9223372036854775807",
		   LIT("\x06\x0a\x2b\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
}

static void test_bad_oids(void **state)
{
	static const char *const texts[] = {
		"",	"1",	 "1.",	 ".1",	 "3.1",	 "1.40",   "1..2",
		"1.2.", "1.2.x", "1.2 ", "1.-2", "01.2", "1.2.03", "1.2.9223372036854775808"
	};
	char out[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		SCOPED(buf) b = { 0 };

		der_add_oid(&b, texts[i]);
		assert_int_equal(buf_err(&b), INRO_E_SYNTAX);
	}
	assert_int_equal(der_oid_text(BYTES_NONE, out, sizeof out), INRO_E_SYNTAX);
	assert_int_equal(der_oid_text(LIT("\x2a\x86"), out, sizeof out), INRO_E_SYNTAX);
	assert_int_equal(der_oid_text(LIT("\x2a\x80\x01"), out, sizeof out), INRO_E_SYNTAX);
	assert_int_equal(
		der_oid_text(LIT("\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), out, sizeof out),
		INRO_E_SYNTAX);
	assert_int_equal(der_oid_text(LIT("\x2a\x86\x48\x86\xf7"), out, 3), INRO_E_SYNTAX);
	assert_int_equal(der_oid_text(LIT("\x2a\x03\x04\x05"), out, sizeof out), INRO_E_TOO_BIG);
	OK(der_oid_text(LIT("\x2a\x03\x04"), out, sizeof out));
	assert_string_equal(out, "1.2.3.4");
}

struct moment {
	int64_t seconds;
	const char *der;
};

static const struct moment moments[] = {
	{ 0, "\x17\x0d"
	     "700101000000Z" },
	{ -631152000, "\x17\x0d"
		      "500101000000Z" }, /* 1950 */
	{ 951782400, "\x17\x0d"
		     "000229000000Z" },
	{ 1795223387, "\x17\x0d"
		      "261121010947Z" },
	{ 2524607999, "\x17\x0d"
		      "491231235959Z" },
	{ 2524608000, "\x18\x0f"
		      "20500101000000Z" },
	{ 253402300799, "\x18\x0f"
			"99991231235959Z" },
};

static void test_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		SCOPED(buf) b = { 0 };
		struct bytes in;
		int64_t back = 0;

		der_add_time(&b, moments[i].seconds);
		assert_true(bytes_is(buf_bytes(&b), moments[i].der));
		in = buf_bytes(&b);
		OK(der_take_time(&in, &back));
		assert_true(back == moments[i].seconds);
	}
}

/* As the C library counts them, and what it would take for the next month's is no time. */
static void day_is(int year, int month, int day)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day,
			 .tm_hour = 23, .tm_min = 59, .tm_sec = 58 };
	struct tm back = tm;
	time_t want = timegm(&back);
	char text[64];
	struct bytes in;
	int64_t t = 0;

	snprintf(text, sizeof text, "\x18\x0f%04d%02d%02d235958Z", year, month, day);
	in = bytes_of(text);
	if (back.tm_mday == day) {
		OK(der_take_time(&in, &t));
		assert_true(t == want);
	} else {
		assert_int_equal(der_take_time(&in, &t), INRO_E_SYNTAX);
	}
}

static void test_every_month_of_every_year(void **state)
{
	(void)state;
	for (int year = 0; year <= 9999; year++)
		for (int month = 1; month <= 12; month++) {
			day_is(year, month, 1);
			for (int day = 28; day <= 31; day++)
				day_is(year, month, day);
		}
}

static const char *const bad_times[] = {
	"\x17\x0d"
	"261321010947Z", /* month 13 */
	"\x17\x0d"
	"260021010947Z",
	"\x17\x0d"
	"260100010947Z",
	"\x17\x0d"
	"260132010947Z",
	"\x17\x0d"
	"260431010947Z", /* 31 April */
	"\x17\x0d"
	"260229010947Z", /* 29 February of a common year */
	"\x17\x0d"
	"261121240000Z",
	"\x17\x0d"
	"261121016047Z",
	"\x17\x0d"
	"261121010960Z",
	"\x17\x0d"
	"261121010947z",
	"\x17\x0d"
	"2611210109-7Z",
	"\x17\x0d"
	"26112101 947Z",
	"\x17\x0b"
	"2611210109Z", /* no seconds */
	"\x17\x11"
	"261121010947+0100", /* an offset */
	"\x18\x0f"
	"20261321010947Z",
	"\x18\x0f"
	"2o261121010947Z",
	"\x18\x11"
	"20261121010947.5Z",
	"\x18\x0d"
	"261121010947Z",
	"\x17\x0f"
	"20261121010947Z",
	"\x13\x0d"
	"261121010947Z",
};

static void test_bad_times(void **state)
{
	SCOPED(buf) b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_times); i++) {
		struct bytes in = bytes_of(bad_times[i]);
		int64_t v = 7;

		assert_int_equal(der_take_time(&in, &v), INRO_E_SYNTAX);
		assert_int_equal(in.n, strlen(bad_times[i]));
		assert_int_equal(v, 7);
	}
	der_add_time(&b, INT64_C(253402300800)); /* year 10000 */
	assert_int_equal(buf_err(&b), INRO_E_ARG);
	buf_reset(&b);
	der_add_time(&b, -631152001); /* 1949 */
	assert_int_equal(buf_err(&b), INRO_E_ARG);
	assert_int_equal(b.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_every_form_of_length),
		cmocka_unit_test(test_truncated_anywhere),
		cmocka_unit_test(test_take_the_right_tag),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_bad_integers),
		cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_oids),
		cmocka_unit_test(test_bad_oids),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_every_month_of_every_year),
		cmocka_unit_test(test_bad_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
