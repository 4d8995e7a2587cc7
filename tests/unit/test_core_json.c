/* test_core_json - answers are written as jansson writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "backoffice/core/json.h"

#define SECRET "Secret-0123456789-abcdef"

/* Blocks that json.c gives up for jansson, and those of them that have the secret still. */
static bool watches;
static size_t given_up, unwiped;

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
	size_t n = p && watches ? malloc_usable_size(p) : 0;

	given_up += n != 0;
	unwiped += n && memmem(p, n, SECRET, sizeof SECRET - 1);
	__real_free(p);
}

static void test_wiped(void **state)
{
	static const char text[] = "{\"psk\": \"" SECRET "\", \"keys\": [\"" SECRET "\"]}";
	json_t *doc;

	(void)state;
	json_wipes();
	watches = true;
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	assert_int_equal(json_object_set_new(doc, SECRET, json_sprintf("%s and more", SECRET)), 0);
	assert_int_equal(json_object_del(doc, "psk"), 0);
	json_decref(doc);
	watches = false;
	assert_true(given_up > 8);
	assert_int_equal(unwiped, 0);
}

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
		cmocka_unit_test(test_wiped), cmocka_unit_test(test_documents),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
