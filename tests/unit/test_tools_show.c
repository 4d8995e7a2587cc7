/* What people see: widths, escapes, tables, records and sentences. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "tools/nouns.h"
#include "tools/show.h"
#include "tools/text.h"

static void assert_safe(const char *in, size_t n, const char *want)
{
	SCOPED(buf) out = { 0 };
	text_add_safe(BYTES(in, n), &out);
	AUTO(free_chars) char *s = buf_take_str(&out);
	assert_string_equal(s, want);
}

#define SAFE(in, want) assert_safe(in, sizeof(in) - 1, want)

static void test_safe(void **state)
{
	(void)state;
	SAFE("Press 1", "Press 1");
	SAFE("プレス機", "プレス機");
	SAFE("\033[2J", "\\u{1b}[2J");
	SAFE("a\nb\tc\0d", "a\\u{a}b\\u{9}c\\u{0}d");
	SAFE("\x7f\xc2\x9b", "\\u{7f}\\u{9b}"); /* DEL and the one-byte CSI */
	SAFE("\xe2\x80\xae"
	     "evil",
	     "\\u{202e}evil");
	SAFE("\xff\xc0\xaf", "\\xff\\xc0\\xaf");	  /* not UTF-8, overlong */
	SAFE("\xed\xa0\x80", "\\xed\\xa0\\x80");	  /* a surrogate */
	SAFE("\xe3\x83", "\\xe3\\x83");			  /* cut short */
	SAFE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(text_width(bytes_of("abc")), 3);
	assert_int_equal(text_width(bytes_of("プレス機")), 8);
	assert_int_equal(text_width(bytes_of("é")), 1);
	assert_int_equal(text_width(bytes_of("e\xcc\x81")), 1); /* a combining accent */
	assert_int_equal(text_width(BYTES_NONE), 0);
}

static void test_json_text(void **state)
{
	(void)state;
	json_t *s = text_json(BYTES("a\xff"
				    "b",
				    3));
	assert_string_equal(json_string_value(s), "a\xef\xbf\xbd"
						  "b");
	json_decref(s);
	s = text_json(BYTES_NONE);
	assert_string_equal(json_string_value(s), "");
	json_decref(s);
}

static char *shown(const struct cmd_verb *v, bool json, const char *doc_text)
{
	SCOPED(buf) out = { 0 };
	struct call c = { .verb = v, .json = json };
	json_t *doc = json_loads(doc_text, 0, NULL);
	assert_non_null(doc);
	assert_int_equal(show_result(&c, doc, &out), INRO_OK);
	json_decref(doc);
	return buf_take_str(&out);
}

static void assert_shown(const struct cmd_verb *v, const char *doc, const char *want)
{
	AUTO(free_chars) char *s = shown(v, false, doc);
	assert_string_equal(s, want);
}

static const struct cmd_verb table = {
	.name = "list",
	.shape = SHOW_TABLE,
	.columns = COLUMNS({ "id", "ID" }, { "name", "NAME" }, { "on", "ON" }),
	.empty = "nothing",
};

static void test_table(void **state)
{
	(void)state;
	assert_shown(&table, "[]", "nothing\n");
	assert_shown(&table,
		     "[{\"id\":1,\"name\":\"プレス\",\"on\":true},"
		     "{\"id\":22,\"name\":\"a\\u001b[1m\",\"on\":false},{\"id\":3}]",
		     "ID  NAME        ON\n"
		     "1   プレス      yes\n"
		     "22  a\\u{1b}[1m  no\n"
		     "3   -           -\n");
}

static void test_record(void **state)
{
	(void)state;
	const struct cmd_verb record = {
		.name = "show",
		.shape = SHOW_RECORD,
		.columns = COLUMNS({ "id", "Id" }, { "names", "Names" }, { "list", "Of" }),
	};
	assert_shown(
		&record,
		"{\"id\":\"x\",\"names\":[\"DNS:a\",\"DNS:b\"],\"list\":[{\"a\":1,\"b\":\"c\"}]}",
		"Id     x\nNames  DNS:a, DNS:b\nOf     a=1 b=c\n");
	assert_shown(&record, "{\"id\":\"x\",\"list\":[{\"a\":1},{\"a\":2}]}",
		     "Id     x\nNames  -\nOf     a=1\n       a=2\n");
}

static void test_said(void **state)
{
	(void)state;
	const struct cmd_verb said = {
		.name = "create",
		.shape = SHOW_SAID,
		.said = "token '{label}' is made ({backend})",
	};
	assert_shown(&said, "{\"label\":\"a\\nb\",\"backend\":\"soft\"}",
		     "token 'a\\u{a}b' is made (soft)\n");
}

static void test_steps(void **state)
{
	(void)state;
	const struct cmd_verb steps = {
		.name = "do",
		.shape = SHOW_STEPS,
		.columns = COLUMNS({ "step", "STEP" }, { "result", "RESULT" }),
		.said = "done with {x}",
	};
	assert_shown(&steps,
		     "{\"x\":1,\"file\":\"f\",\"steps\":[{\"step\":\"key\",\"result\":\"a\"},"
		     "{\"step\":\"request\",\"result\":\"b\"}]}",
		     "key      a\nrequest  b\ndone with 1\nit is in f\n");
}

static void test_pem_and_file(void **state)
{
	(void)state;
	const struct cmd_verb pem = { .name = "x", .shape = SHOW_PEM, .said = "in {file}" };
	assert_shown(&pem, "{\"pem\":\"-----\\n\"}", "-----\n");
	assert_shown(&pem, "{\"pem\":\"-----\\n\",\"file\":\"f\"}", "in f\n");
	assert_shown(&pem, "{\"summary\":\"all is well\"}", "all is well\n");
}

static void test_json(void **state)
{
	(void)state;
	AUTO(free_chars) char *s = shown(&table, true, "[{\"id\":1}]");
	json_t *back = json_loads(s, 0, NULL);
	assert_int_equal(json_array_size(back), 1);
	assert_int_equal(s[strlen(s) - 1], '\n');
	AUTO(free_chars) char *real = shown(&table, true, "{\"seconds\":0.275}");
	assert_non_null(strstr(real, "\"seconds\": 0.275\n"));
	json_decref(back);
	/* A page is an array like the whole. */
	AUTO(free_chars) char *page = shown(&table, true, "{\"items\":[{\"id\":1},{\"id\":2}],\"next\":\"07\"}");
	back = json_loads(page, 0, NULL);
	assert_int_equal(json_array_size(back), 2);
	json_decref(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_safe),	     cmocka_unit_test(test_width),
		cmocka_unit_test(test_json_text),    cmocka_unit_test(test_table),
		cmocka_unit_test(test_record),	     cmocka_unit_test(test_said),
		cmocka_unit_test(test_pem_and_file), cmocka_unit_test(test_json),
		cmocka_unit_test(test_steps),
	};
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
