/* test_conf - settings: order, later lines win, unreadable ones are refused with their line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/conf.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static struct conf *parse(const char *text)
{
	struct conf *c = NULL;

	OK(conf_parse(bytes_of(text), "test.conf", &c));
	return c;
}

static void test_get(void **state)
{
	AUTO(conf_free_ptr)
	struct conf *c = parse("; a comment\n# another\ntop = 1\n[a]\n"
			       "x = first\ny=two words  \nx = second\n"
			       "[b]\nx = pkcs11:token=a;object=b\nempty =\n");
	const char *section, *key, *value;

	(void)state;
	assert_string_equal(conf_get(c, "", "top"), "1");
	assert_string_equal(conf_get(c, "a", "x"), "second");
	assert_string_equal(conf_get(c, "a", "y"), "two words");
	assert_string_equal(conf_get(c, "b", "x"), "pkcs11:token=a;object=b");
	assert_string_equal(conf_get(c, "b", "empty"), "");
	assert_null(conf_get(c, "b", "y"));
	assert_null(conf_get(c, "c", "x"));
	assert_string_equal(conf_get_nth(c, "a", "x", 0), "first");
	assert_string_equal(conf_get_nth(c, "a", "x", 1), "second");
	assert_null(conf_get_nth(c, "a", "x", 2));
	assert_int_equal(conf_count(c), 6);
	conf_item(c, 2, &section, &key, &value);
	assert_string_equal(section, "a");
	assert_string_equal(key, "y");
	assert_string_equal(value, "two words");
	assert_int_equal(conf_line(c, 0), 3);
	assert_int_equal(conf_line(c, 4), 9);
	assert_string_equal(conf_name(c), "test.conf");
}

static void test_empty(void **state)
{
	AUTO(conf_free_ptr) struct conf *c = parse("");

	(void)state;
	assert_int_equal(conf_count(c), 0);
	conf_free(NULL);
}

static void test_too_many(void **state)
{
	SCOPED(buf) text = { 0 };
	struct conf *c = NULL;

	(void)state;
	for (int i = 0; i < 4096; i++)
		buf_addf(&text, "k%d = v\n", i);
	OK(conf_parse(buf_bytes(&text), "many.conf", &c));
	conf_free(c);
	buf_add_str(&text, "one = more\n");
	assert_int_equal(conf_parse(buf_bytes(&text), "many.conf", &c), INRO_E_TOO_BIG);
	assert_string_equal(err_detail(INRO_E_TOO_BIG), "many.conf: more than 4096 items");
}

static void assert_refused(struct bytes text, const char *word)
{
	struct conf *c = NULL;

	assert_int_equal(conf_parse(text, "test.conf", &c), INRO_E_CONFIG);
	assert_null(c);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "test.conf"));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), word));
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused(bytes_of("[a]\nx = 1\nnonsense\n"), "line 3");
	assert_refused(bytes_of("[a\nx = 1\n"), "line 1");
	assert_refused(BYTES("[a]\nx = 1\0y = 2\n", 16), "NUL");
}

/* A value is there whole or refused: half a path is another file. */
static void test_long_lines(void **state)
{
	char text[5000], value[4200];

	(void)state;
	for (size_t n = 100; n < sizeof value; n += n > 180 && n < 210 ? 1 : 7) {
		struct conf *c = NULL;
		enum inro_err e;

		memset(value, '=', n);
		value[n] = '\0';
		snprintf(text, sizeof text, "[a]\nx = %s\ny = 1\n", value);
		e = conf_parse(bytes_of(text), "test.conf", &c);
		assert_int_equal(e, n <= 4092 ? INRO_OK : INRO_E_CONFIG);
		if (e == INRO_OK) {
			assert_string_equal(conf_get(c, "a", "x"), value);
			assert_int_equal(conf_count(c), 2);
		} else {
			assert_non_null(strstr(err_detail(e), "line 2"));
		}
		conf_free(c);
	}
}

/* A long value is read as a short one is: blanks around it and what is said behind it do not belong to it. */
static void test_long_is_as_short(void **state)
{
	static const struct {
		const char *before, *behind;
	} forms[] = { { "x=", "\n" }, { "x = ", "  \r\n" }, { "x : ", "\t; why\n" }, { "  x =\t", " ;=:\n" }, { "x = ", "" } };
	char value[1000], text[1200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		for (size_t n = 1; n < sizeof value; n += n < 180 ? 13 : n < 210 ? 1 : 97) {
			AUTO(conf_free_ptr) struct conf *c = NULL;

			memset(value, 'v', n);
			value[n] = '\0';
			snprintf(text, sizeof text, "[a]\n%s%s%s", forms[i].before, value, forms[i].behind);
			c = parse(text);
			assert_string_equal(conf_get(c, "a", "x"), value);
			assert_int_equal(conf_count(c), 1);
		}
	/* What has no separator where one is looked for is no setting. */
	memset(value, 'k', 300);
	memcpy(value + 300, "=1\n", 4);
	assert_refused(bytes_of(value), "line 1");
}

static void test_long_section(void **state)
{
	char text[300], name[200];

	(void)state;
	for (size_t n = 40; n < 120; n++) {
		struct conf *c = NULL;

		memset(name, 's', n);
		name[n] = '\0';
		snprintf(text, sizeof text, "[%s]\nx = 1\n", name);
		if (conf_parse(bytes_of(text), "test.conf", &c) == INRO_OK)
			assert_string_equal(conf_get(c, name, "x"), "1");
		else
			assert_true(n > 47);
		conf_free(c);
	}
}

static void test_indented(void **state)
{
	AUTO(conf_free_ptr) struct conf *c = parse("[a]\n  x = 1\n\ty = 2\n  [b]\n  x = 3 ; why\n");

	(void)state;
	assert_string_equal(conf_get(c, "a", "x"), "1");
	assert_string_equal(conf_get(c, "a", "y"), "2");
	assert_string_equal(conf_get(c, "b", "x"), "3");
	assert_int_equal(conf_count(c), 3);
}

static void test_long_comment(void **state)
{
	char text[600];
	AUTO(conf_free_ptr) struct conf *c = NULL;

	(void)state;
	memset(text, '=', sizeof text);
	text[0] = '#';
	memcpy(text + 590, "\nx = 1\n", 8);
	c = parse(text);
	assert_int_equal(conf_count(c), 1);
}

static void test_open(void **state)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	const char *path = scratch_file("a.conf", "[a]\nx = 1\n", 10);

	(void)state;
	OK(conf_open(path, &c));
	assert_string_equal(conf_get(c, "a", "x"), "1");
	assert_string_equal(conf_name(c), path);
	conf_free_ptr(&c);
	assert_null(c);
	assert_int_equal(conf_open(scratch_path("none.conf"), &c), INRO_E_NOT_FOUND);
	setenv("INRO_CONFIG", path, 1);
	OK(conf_open(NULL, &c));
	assert_string_equal(conf_get(c, "a", "x"), "1");
	conf_free_ptr(&c);
	setenv("INRO_CONFIG", scratch_path("none.conf"), 1);
	assert_int_equal(conf_open(NULL, &c), INRO_E_NOT_FOUND);
	unsetenv("INRO_CONFIG");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),	   cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_empty),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_lines), cmocka_unit_test(test_long_is_as_short),
		cmocka_unit_test(test_long_section),
		cmocka_unit_test(test_indented),   cmocka_unit_test(test_long_comment),
		cmocka_unit_test(test_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
