/* test_core_json - answers are written as jansson writes them, and what is plain is read as it reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/core/json.h"

static void same(const json_t *doc)
{
	SCOPED(buf) ours = { 0 };
	char *theirs = json_dumps(doc, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(theirs);
	buf_add_json(&ours, doc);
	buf_add_u8(&ours, 0);
	assert_int_equal(buf_err(&ours), INRO_OK);
	assert_string_equal((const char *)ours.p, theirs);
	free(theirs);
}

static void same_text(const char *text)
{
	json_t *doc = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(doc);
	same(doc);
	json_decref(doc);
}

static void test_documents(void **state)
{
	(void)state;
	same_text("{}");
	same_text("[]");
	same_text("[[],{},[{}],\"\",null,true,false]");
	same_text("{\"z\":1,\"a\":{\"\":[-1,9223372036854775807,-9223372036854775808]},\"m\":\"プレス機\"}");
	same_text("[0.0,1.5,-2e300,1e-7,0.1]");
	same_text("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u2028\"");
	same_text("{\"a\\n\\\"b\":\"-----BEGIN X-----\\nAAAA\\n-----END X-----\\n\"}");
}

/* Each octet that a text may have, also a NUL. */
static void test_octets(void **state)
{
	(void)state;
	for (int c = 0; c < 0x80; c++) {
		const char text[] = { 'x', (char)c, 'y' };
		json_t *doc = json_stringn(text, sizeof text);

		same(doc);
		json_decref(doc);
	}
}

/* What is plain is read as jansson reads it; *ret: it is. */
static bool read_same(const char *text, size_t n)
{
	json_t *ours = json_plain(BYTES(text, n));
	json_t *theirs = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	bool plain = ours != NULL;

	if (plain) {
		SCOPED(buf) written = { 0 };
		SCOPED(buf) theirs_written = { 0 };

		assert_true(json_equal(ours, theirs));
		buf_add_json(&written, ours); /* also the order of members */
		buf_add_json(&theirs_written, theirs);
		assert_true(bytes_equal(buf_bytes(&written), buf_bytes(&theirs_written)));
	}
	json_decref(ours);
	json_decref(theirs);
	return plain;
}

static const char *const plain[] = {
	"{\"id\":\"rest-1\",\"no_psk\":true,\"csr\":\"-----BEGIN X-----\\nAAAA\\n-----END X-----\\n\"}",
	" { \"a\" : [ 1 , -20 , 0 , 999999999999999999 , null , false , { } , [ ] , \"\" ] }\r\n\t",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\x7f\"", "\"プレス機\"", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", "7",
};

static const char *const left_to_jansson[] = {
	"", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{\"a\" 1}", "[01]", "[-0]", "[-]", "[1.5]", "[1e3]",
	"[9223372036854775807]", "[99999999999999999999]", "\"\\u0041\"", "\"\\x\"", "\"a\nb\"", "\"\xff\"",
	"\"\xed\xa0\x80\"", "[tru]", "[nul]", "{} {}", "[1]x", "\"", "\"\\", "{\"é\":1}", "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
	"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
};

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		assert_true(read_same(plain[i], strlen(plain[i])));
	for (size_t i = 0; i < ARRAY_LEN(left_to_jansson); i++)
		assert_false(read_same(left_to_jansson[i], strlen(left_to_jansson[i])));
	assert_false(read_same("[1]", 4)); /* a NUL behind it */
	assert_false(read_same("\"a\0b\"", 5));
}

/* Each text cut anywhere, and with any octet in any place. */
static void test_spoilt(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		size_t n = strlen(plain[i]);
		char text[256];

		assert_true(n < sizeof text);
		for (size_t at = 0; at < n; at++) {
			(void)read_same(plain[i], at);
			for (int c = 0; c < 256; c++) {
				memcpy(text, plain[i], n);
				text[at] = (char)c;
				(void)read_same(text, n);
			}
		}
	}
}

static void test_none(void **state)
{
	SCOPED(buf) b = { 0 };

	(void)state;
	buf_add_json(&b, NULL);
	assert_int_equal(buf_err(&b), INRO_E_NO_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_spoilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
