/* test_rest_none - what does not exist is 404 at every route below it, and at none done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "backoffice/pki/pem.h"
#include "backoffice/http/status.h"
#include "backoffice/rest/engine.h"
#include "backoffice/rest/rest.h"
#include "backoffice/rest/rows.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static struct core *c;

static int setup(void **state)
{
	(void)state;
	c = office_open("rest-none.db");
	office_make_cas(c, "rest-none");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(c);
	return 0;
}

/* What a route needs beside what its row calls required, so that nothing else is refused. */
static const struct {
	const char *command, *in;
} needs[] = {
	{ "secret verify", "{\"key\":\"00\"}" },
	{ "ca rollover", "{\"token\":\"ca\"}" },
	{ "ca key add", "{\"token\":\"ca\"}" },
	{ "user passwd", "{\"password\":\"Correct-horse-4\"}" },
	{ 0 },
};

static json_t *any_value(const struct rest_field *f)
{
	switch (f->kind) {
	case REST_WORD:
		return json_string(f->words[0]);
	case REST_NUMBER:
		return json_integer((json_int_t)f->min);
	case REST_BOOL:
		return json_true();
	case REST_TIME:
		return json_string("2030-01-01T00:00:00Z");
	case REST_TEXTS:
		return json_array();
	case REST_OBJECT:
		return json_object();
	default:
		return json_string(f->key_uri ? "pkcs11:token=ca;object=none" : "none-such");
	}
}

static json_t *input_for(const struct rest_row *row)
{
	json_t *in = json_object();

	for (const struct rest_field *f = row->in; f && f->name; f++)
		if (f->required)
			json_object_set_new(in, f->name, any_value(f));
	for (size_t i = 0; needs[i].command; i++)
		if (!strcmp(needs[i].command, row->command)) {
			json_t *more = json_loads(needs[i].in, 0, NULL);

			assert_non_null(more);
			json_object_update(in, more);
			json_decref(more);
		}
	return in;
}

static int status_of(const struct rest_row *row, const char *of)
{
	const char *const args[HTTP_ARGS_MAX] = { of, of, of };
	const struct http_peer peer = { .address = "192.0.2.7" };
	struct rest r = { .core = c, .row = row, .args = args, .in = input_for(row), .peer = &peer };
	json_t *doc = NULL;
	enum inro_err e = rest_check_row(row, r.in, REST_MEMBER);

	if (e == INRO_OK)
		e = rest_told(row, row->run(&r, &doc));
	json_decref(doc);
	json_decref(r.in);
	return http_status_of(e);
}

/* By a name, and by a number where there are numbers. */
static void check_row(const struct rest_row *row)
{
	static const char *const nobody[] = { "none", "424242" };

	for (size_t i = 0; i < ARRAY_LEN(nobody); i++) {
		int status = status_of(row, nobody[i]);

		if (status != 404)
			fail_msg("%s %s with '%s': %d", row->method, row->pattern, nobody[i], status);
	}
}

static void test_routes(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			if (strchr(row->pattern, '{') && !(row->flags & REST_SELF)) {
				check_row(row);
				n++;
			}
	assert_in_range(n, 60, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, setup, teardown);
}
