/* test_rest_rows - the table of routes is whole, its pages say what it says, and inputs are taken as rows say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/rest/engine.h"
#include "backoffice/rest/rest.h"
#include "backoffice/rest/rows.h"
#include "base/file.h"

#define OK(x) assert_int_equal(x, INRO_OK)

typedef void row_check(const struct rest_row *row);

static size_t each_row(row_check *check)
{
	size_t n = 0;

	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++, n++)
			check(row);
	return n;
}

static void check_fields(const struct rest_row *row, const struct rest_field *fields, bool answer)
{
	for (const struct rest_field *f = fields; f && f->name; f++) {
		assert_true((unsigned)f->kind < REST_KIND__MAX);
		assert_int_equal(f->words != NULL, f->kind == REST_WORD);
		if (!answer && (f->kind == REST_ARRAY || f->kind == REST_ANY))
			fail_msg("%s %s takes '%s' of no kind", row->method, row->pattern, f->name);
		if (!answer && f->kind == REST_NUMBER)
			assert_true(f->min < f->max);
		for (const struct rest_field *g = fields; g != f; g++)
			if (!strcmp(f->name, g->name))
				fail_msg("%s %s has '%s' twice", row->method, row->pattern, f->name);
	}
}

static void check_row(const struct rest_row *row)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
	size_t known = 0;

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		known += !strcmp(methods[i], row->method);
	assert_int_equal(known, 1);
	assert_memory_equal(row->pattern, "/v1/", 4);
	assert_non_null(row->summary);
	assert_non_null(row->run);
	if (rest_row_of(row->command) != row)
		fail_msg("%s %s: '%s' is another's", row->method, row->pattern, row->command);
	assert_true(row->out || !(row->flags & REST_LIST));
	check_fields(row, row->in, false);
	check_fields(row, row->out ? row->out->fields : NULL, true);
}

/* A list has no ETag: If-Match is for one thing.  Nor has a secret, which is opened outside of transactions. */
static void test_read_by(void **state)
{
	static const char *const by[][2] = {
		{ "device update", "device show" }, { "secret delete", "secret show" }, { "psk issue", NULL },
		{ "device add", NULL },		    { "ca key remove", NULL },		{ "device enable", NULL },
		{ "profile set", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(by); i++)
		assert_ptr_equal(rest_reading_row(rest_row_of(by[i][0])), rest_row_of(by[i][1]));
}

/* By the operationId, too; both are one command's. */
static void test_called(void **state)
{
	(void)state;
	assert_ptr_equal(rest_row_of("secret-seal-key-set"), rest_row_of("secret seal-key set"));
	assert_ptr_equal(rest_row_of("ca crl import"), rest_row_of("ca crl-import"));
	assert_non_null(rest_row_of("ca-crl-import"));
	assert_null(rest_row_of("ca_crl_import"));
	assert_null(rest_row_of("secret"));
	assert_null(rest_row_of("secret "));
	assert_null(rest_row_of(""));
	assert_null(rest_row_of(NULL));
}

/* Is there a route of that path, whatever its parameters are called? */
static bool is_a_place(const char *pattern)
{
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++) {
			const char *a = pattern, *b = row->pattern;

			while (*a && (*a == *b || *b == '{'))
				if (*b == '{')
					a += strcspn(a, "/"), b += strcspn(b, "/");
				else
					a++, b++;
			if (!*a && !*b)
				return true;
		}
	return false;
}

static bool has_member(const struct rest_row *row, const char *name, size_t n)
{
	for (const struct rest_field *f = row->out->fields; f && f->name; f++)
		if (strlen(f->name) == n && !memcmp(f->name, name, n))
			return true;
	return false;
}

static void check_made(const struct rest_row *row)
{
	const char *place = rest_place(row);

	if (row->status == 201 && !place)
		fail_msg("%s %s makes something that is nowhere", row->method, row->pattern);
	if (!place)
		return;
	if (!is_a_place(place))
		fail_msg("%s %s: no route is %s", row->method, row->pattern, place);
	for (const char *open = place; (open = strchr(open, '{')); open++)
		if (!has_member(row, open + 1, strcspn(open + 1, ".}")))
			fail_msg("%s %s does not answer what %s takes", row->method, row->pattern, place);
}

static void test_made(void **state)
{
	static const struct {
		const char *pattern, *doc, *where;
	} rows[] = {
		{ "/v1/devices/{id}", "{\"id\":\"a\"}", "/v1/devices/a" },
		{ "/v1/devices/{id}/psk", "{\"id\":\"00:11 %/\\u00e9\"}", "/v1/devices/00%3A11%20%25%2F%C3%A9/psk" },
		{ "/v1/groups/{path...}", "{\"path\":\"a/b c\"}", "/v1/groups/a/b%20c" },
		{ "/v1/jobs/{id}", "{\"id\":7}", "/v1/jobs/7" },
		{ "/v1/seal-key", "{}", "/v1/seal-key" },
		{ "/v1/jobs/{id}", "{\"waits\":true}", NULL },
		{ "/v1/jobs/{id}", "{\"id\":null}", NULL },
	};

	(void)state;
	each_row(check_made);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) where = { 0 };
		json_t *doc = json_loads(rows[i].doc, 0, NULL);

		assert_int_equal(rest_made(rows[i].pattern, doc, &where), rows[i].where != NULL);
		buf_add_u8(&where, 0);
		if (rows[i].where)
			assert_string_equal((const char *)where.p, rows[i].where);
		json_decref(doc);
	}
}

static void test_rows(void **state)
{
	(void)state;
	assert_int_equal(each_row(check_row), rest_table().n);
}

/* Rows by which the server would open a key. */
static void test_key_members(void **state)
{
	static const char *const rows[][2] = {
		{ "ca import", "key" },		 { "ca key add", "key" }, { "ca create", "key" },
		{ "ca rollover", "key" },	 { "cert issue", "key_uri" },
		{ "secret seal-key set", "key" }, { "secret reseal", "key" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct rest_field *f = rest_row_of(rows[i][0])->in;

		while (strcmp(f->name, rows[i][1]))
			f++;
		if (!f->key_uri)
			fail_msg("%s takes any URI", rows[i][0]);
	}
}

static json_t *document(void)
{
	SCOPED(buf) text = { 0 };
	json_t *doc;

	rest_openapi(&text);
	OK(buf_err(&text));
	doc = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	return doc;
}

/* Every route is in the document, and nothing else. */
static void test_document(void **state)
{
	json_t *doc = document(), *paths = json_object_get(doc, "paths"), *item, *op;
	const struct http_table table = rest_table();
	const char *path, *method;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < table.n; i++) {
		char lower[8];

		snprintf(lower, sizeof lower, "%s", table.routes[i].method);
		for (char *s = lower; *s; s++)
			*s = (char)(*s | 0x20);
		if (!json_object_get(json_object_get(paths, table.routes[i].pattern), lower))
			fail_msg("%s %s is not in the document", lower, table.routes[i].pattern);
	}
	json_object_foreach(paths, path, item) {
		json_object_foreach(item, method, op)
			n++;
	}
	assert_int_equal(n, table.n);
	json_decref(doc);
}

/* 401 is about who asks: no error of a token of ours is. */
static void test_told(void **state)
{
	const struct rest_row *crl = rest_row_of("ca crl"), *password = rest_row_of("user own-passwd");

	(void)state;
	for (int e = INRO_OK + 1; e < INRO_E__MAX; e++)
		if (http_status_of(rest_told(crl, (enum inro_err)e)) == 401)
			fail_msg("%s is 401", err_name((enum inro_err)e));
	assert_int_equal(http_status_of(rest_told(password, INRO_E_LOGIN)), 401);
	assert_int_equal(rest_told(crl, INRO_E_LOGIN), INRO_E_TOKEN);
	assert_int_equal(rest_told(NULL, INRO_E_LOGIN), INRO_E_TOKEN);
	assert_int_equal(http_status_of(INRO_E_PIN_WRONG), 500);
	assert_int_equal(http_status_of(INRO_E_PIN_LOCKED), 500);
	assert_non_null(strstr(http_words_of(INRO_E_PIN_WRONG), "inro serve --pin-source"));
	assert_non_null(strstr(http_words_of(INRO_E_PIN_LOCKED), "inro token pin unblock"));
}

static void test_page(void **state)
{
	SCOPED(buf) doc = { 0 };
	SCOPED(buf) table = { 0 };
	char path[4096];

	(void)state;
	snprintf(path, sizeof path, "%s/docs/http-api.md", getenv("INRO_TEST_SOURCE"));
	OK(file_read(path, 1 << 20, &doc));
	buf_add_u8(&doc, 0);
	rest_print(&table);
	buf_add_u8(&table, 0);
	if (!strstr((const char *)doc.p, (const char *)table.p))
		fail_msg("docs/http-api.md does not have the rows that tests/print_rest prints");
}

/* ---- inputs ---- */

static const struct rest_field fields[] = {
	{ .name = "text", .kind = REST_TEXT, .min = 1, .max = 4 },
	{ .name = "must", .kind = REST_BOOL, .required = true },
	{ .name = "word", .kind = REST_WORD, .words = CHOICE("a", "b") },
	{ .name = "number", .kind = REST_NUMBER, .min = 0, .max = 10 },
	{ .name = "time", .kind = REST_TIME },
	{ .name = "texts", .kind = REST_TEXTS, .max = 4 },
	{ .name = "object", .kind = REST_OBJECT },
	IN_KEY("key", false, "a key"),
	{ 0 },
};

static const struct {
	const char *text;
	enum inro_err e;
	const char *says;
} inputs[] = {
	{ "{\"must\":true}", INRO_OK, NULL },
	{ " {\"must\":false,\"text\":null}\n", INRO_OK, NULL },
	{ "{\"must\":true,\"text\":\"abcd\",\"word\":\"b\",\"number\":10,\"texts\":[\"a\"],\"object\":{}}",
	  INRO_OK, NULL },
	{ "{\"must\":true,\"time\":\"2026-11-21T01:09:47Z\"}", INRO_OK, NULL },
	{ "", INRO_E_SYNTAX, "not JSON" },
	{ "{}", INRO_E_ARG, "'must' is missing" },
	{ "{\"must\":null}", INRO_E_ARG, "'must' is missing" },
	{ "{\"must\":1}", INRO_E_ARG, "'must' is true or false" },
	{ "{\"must\":true,\"text\":\"\"}", INRO_E_ARG, "'text' has" },
	{ "{\"must\":true,\"text\":\"abcde\"}", INRO_E_ARG, "'text' has" },
	{ "{\"must\":true,\"text\":[]}", INRO_E_ARG, "'text' is a text" },
	{ "{\"must\":true,\"word\":\"c\"}", INRO_E_ARG, "'word' is one of a, b" },
	{ "{\"must\":true,\"word\":7}", INRO_E_ARG, "'word' is one of" },
	{ "{\"must\":true,\"number\":11}", INRO_E_ARG, "'number' is a whole number from 0 to 10" },
	{ "{\"must\":true,\"number\":-1}", INRO_E_ARG, "'number'" },
	{ "{\"must\":true,\"number\":1.0}", INRO_E_ARG, "'number'" },
	{ "{\"must\":true,\"number\":1e999}", INRO_E_SYNTAX, "not JSON" },
	{ "{\"must\":true,\"number\":123456789012345678901234567890}", INRO_E_SYNTAX, "not JSON" },
	{ "{\"must\":true,\"time\":\"2026-02-31T00:00:00Z\"}", INRO_E_ARG, "'time'" },
	{ "{\"must\":true,\"time\":\"2026-11-21\"}", INRO_E_ARG, "'time'" },
	{ "{\"must\":true,\"time\":0}", INRO_E_ARG, "'time'" },
	{ "{\"must\":true,\"texts\":[1]}", INRO_E_ARG, "'texts' is a text" },
	{ "{\"must\":true,\"texts\":\"a\"}", INRO_E_ARG, "'texts' is an array" },
	{ "{\"must\":true,\"object\":[]}", INRO_E_ARG, "'object' is an object" },
	{ "{\"must\":true,\"other\":1}", INRO_E_ARG, "no member 'other' here; there are text, must" },
	{ "{\"must\":true,\"must\":true}", INRO_E_SYNTAX, "duplicate" },
	{ "[true]", INRO_E_SYNTAX, "a JSON object" },
	{ "{\"must\":true}x", INRO_E_SYNTAX, "not JSON" },
	{ "{\"must\":true,\"text\":\"\\ud800\"}", INRO_E_SYNTAX, "not JSON" },
	{ "{\"must\":true,\"text\":\"\xc0\x80\"}", INRO_E_SYNTAX, "not JSON" },
	{ "{\"must\":true,\"te\\u0000xt\":1}", INRO_E_SYNTAX, "not JSON" },
	{ "{\"object\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", INRO_E_SYNTAX, "nested deeper" },
	{ "{\"must\":true,\"text\":\"[[[[\"}", INRO_OK, NULL }, /* in a text it is none */
	{ "{\"must\":true,\"text\":\"\\\"[[\"}", INRO_OK, NULL },
	{ "{\"must\":true,\"key\":\"pkcs11:token=a;object=b;id=%01?x-vendor=1\"}", INRO_OK, NULL },
	{ "{\"must\":true,\"key\":\"\"}", INRO_OK, NULL },
	{ "{\"must\":true,\"key\":\"pkcs11:token=a?module-path=/tmp/m.so\"}", INRO_E_ARG, "'key' names no module, file or PIN" },
	{ "{\"must\":true,\"key\":\"pkcs11:?module-name=m\"}", INRO_E_ARG, "'key' names no module, file or PIN" },
	{ "{\"must\":true,\"key\":\"pkcs11:token=a?pin-source=file:/etc/passwd\"}", INRO_E_ARG, "'key' names no module, file or PIN" },
	{ "{\"must\":true,\"key\":\"pkcs11:token=a?pin-value=1234\"}", INRO_E_ARG, "'key' names no module, file or PIN" },
	{ "{\"must\":true,\"key\":\"pkcs11:token=a?pin-value=\"}", INRO_E_ARG, "'key' names no module, file or PIN" },
	{ "{\"must\":true,\"key\":\"pkcs11:token=a?module-path=\"}", INRO_E_ARG, "'key' names no module, file or PIN" },
	{ "{\"must\":true,\"key\":\"no URI\"}", INRO_E_SYNTAX, NULL },
};

static enum inro_err take(struct bytes text)
{
	json_t *in = NULL;
	enum inro_err e = rest_read(text, &in);

	if (e == INRO_OK)
		e = rest_check(fields, in, REST_MEMBER);
	json_decref(in);
	return e;
}

static void test_inputs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		enum inro_err e = take(bytes_of(inputs[i].text));

		if (e != inputs[i].e)
			fail_msg("%s: %s", inputs[i].text, err_detail(e));
		if (inputs[i].says && !strstr(err_detail(e), inputs[i].says))
			fail_msg("%s: says '%s'", inputs[i].text, err_detail(e));
	}
}

/* Cut anywhere it is refused, and nothing is lost. */
static void test_cut(void **state)
{
	const char *whole = inputs[2].text;

	(void)state;
	for (size_t n = 0; n < strlen(whole); n++)
		assert_int_equal(take(BYTES(whole, n)), INRO_E_SYNTAX);
}

static void test_many_texts(void **state)
{
	SCOPED(buf) text = { 0 };

	(void)state;
	buf_add_str(&text, "{\"must\":true,\"texts\":[\"a\"");
	for (int i = 0; i < REST_TEXTS_MAX; i++)
		buf_add_str(&text, ",\"a\"");
	buf_add_str(&text, "]}");
	assert_int_equal(take(buf_bytes(&text)), INRO_E_ARG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_made),   cmocka_unit_test(test_document),
		cmocka_unit_test(test_page),   cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_cut),    cmocka_unit_test(test_many_texts),
		cmocka_unit_test(test_key_members), cmocka_unit_test(test_read_by),
		cmocka_unit_test(test_called), cmocka_unit_test(test_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
