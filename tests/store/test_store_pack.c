/* test_store_pack - texts that are stored in fewer octets, and what is no packed text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/store/pack.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define SHA   "8665d0e265297e472c1b60bbce1d892bb36dc1b962eb7e3b37cfe5a00ef22f54"
#define MOST  4096

static size_t comes_back(const char *text)
{
	SCOPED(buf) packed = { 0 };
	SCOPED(buf) again = { 0 };

	OK(pack_text(text, &packed));
	assert_int_equal(strlen((const char *)packed.p) + 1, packed.n);
	OK(unpack_text((const char *)packed.p, &again));
	assert_string_equal((const char *)again.p, text);
	return packed.n - 1;
}

/* A text, and how many octets it may take at most. */
static const struct {
	const char *text;
	size_t most;
} texts[] = {
	{ "", 0 },
	{ "{}", 1 },
	{ "{\"ca\":\"issuing\",\"profile\":\"tls-client\",\"device\":\"dev-00019999\",\"algorithm\":\"ec-p256\","
	  "\"subject\":\"CN=dev-00019999\",\"serial\":\"6e1d1ff7edc064bea5265d9e10f14bc2\",\"sha256\":\"" SHA
	  "\",\"not_after\":1820276621}",
	  120 },
	{ "{\"serial\":\"SN0000019999\",\"name\":\"camera 19999\",\"ip\":\"10.0.78.31\",\"mac\":"
	  "\"00:11:00:00:4e:1f\",\"hostname\":\"host-00019999\",\"os\":\"Linux\"}",
	  78 },
	{ "{\"from\":\"active\",\"to\":\"disabled\"}", 2 },
	{ "a text that is no JSON", 22 },
	{ "\"", 1 },
	{ "\"\"\"\"{{{,,,", 10 },
	{ "\"0123456789abcde\"", 17 },				 /* an odd one, a short one */
	{ "\"0123456789abcdef\"", 17 },
	{ "\"0000000000000000000000000000000000000000\"", 50 }, /* no group but zeros */
	{ "\"ffffffffffffffff", 17 },
	{ "\"0123456789ABCDEF0123\"", 22 },
	{ "\"" SHA SHA "00\"", 160 }, /* longer than one run */
	{ "{\"name\":\"\xe5\x90\x8d\xe5\x89\x8d \\\" \\\\ \\u0007\"}", 26 },
	{ "\x01\x02\t\n\x1d\x1e\x1f\x7f", 15 },
	{ "\xff\xfe\xc2\x80\xc2", 5 }, /* no UTF-8 */
	{ "\"\xc2\x80" "0123456789abcdef", 21 },
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t n = comes_back(texts[i].text);

		if (n > texts[i].most)
			fail_msg("%s takes %zu octets", texts[i].text, n);
	}
}

/* Of what such texts are made of, in any order. */
static void test_any(void **state)
{
	static const char *const parts[] = { "{", "}", "\"", ",", ":", "\"ca\":\"", "\",\"", "subject", "CN=",
					     SHA, "00", "a", "7", "\x01", "\x1d", "\x1e", "\xc2\x80", "\\",
					     "\",\"sha256\":\"", "0123456789abcdef", "not_after\":" };
	char text[MOST];

	(void)state;
	srandom(7);
	for (int round = 0; round < 20000; round++) {
		size_t n = 0;

		for (long left = random() % 12; left >= 0; left--) {
			const char *part = parts[(size_t)random() % ARRAY_LEN(parts)];

			memcpy(text + n, part, strlen(part));
			n += strlen(part);
		}
		text[n] = 0;
		comes_back(text);
	}
}

/* What was written by a version is read by each later one. */
static void test_written_before(void **state)
{
	static const struct {
		const char *packed, *text;
	} rows[] = {
		{ "{\"name\":\"plain\"}", "{\"name\":\"plain\"}" },
		{ "\x03issuing\x04tls-client\x05" "d1\x02",
		  "{\"ca\":\"issuing\",\"profile\":\"tls-client\",\"device\":\"d1\"}" },
		{ "\x1d\x37", "{\"from\":\"active\",\"to\":\"disabled\"}" },
		{ "{\"x\":\"\x1e\x38\xc2\x80\x48\x68\x56\x3c\x26\x57\x4d\x77\x40\x02",
		  "{\"x\":\"0123456789abcdef\"}" },
		{ "\x1f\x49", "\t" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) text = { 0 };
		enum inro_err e = unpack_text(rows[i].packed, &text);

		OK(e);
		assert_string_equal((const char *)text.p, rows[i].text);
	}
}

static void test_damaged(void **state)
{
	static const char *const packed[] = {
		"\x1d", "\x1d\x2f", "\x1d\x7f", "\x1d\xff", "\x1e", "\x1e\x2f", "\x1e\x37zzzzzzzzzzz", "\x1e\x38",
		"\x1e\x38zzz", "\x1e\x71", "\x1e\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x1f", "\x1f\x40",
		"\x1f\x60", "\x09", "\x0a", "\x0d", "{}\0368aaaaaaaaaz", /* bits behind the last octet */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
		SCOPED(buf) text = { 0 };

		if (unpack_text(packed[i], &text) != INRO_E_DAMAGED)
			fail_msg("%zu was unpacked", i);
	}
}

/* No other octet in the place of one says the same, and nothing is read behind the end. */
static void test_one_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		SCOPED(buf) packed = { 0 };

		OK(pack_text(texts[i].text, &packed));
		for (size_t at = 0; at + 1 < packed.n; at++)
			for (int c = 1; c < 256; c++) {
				SCOPED(buf) again = { 0 };
				uint8_t was = packed.p[at];

				packed.p[at] = (uint8_t)c;
				if (c != was && unpack_text((const char *)packed.p, &again) == INRO_OK)
					assert_string_not_equal((const char *)again.p, texts[i].text);
				packed.p[at] = was;
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),	       cmocka_unit_test(test_any),
		cmocka_unit_test(test_written_before), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_one_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
