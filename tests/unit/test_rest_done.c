/* test_rest_done - what is done is answered as done; what can't be answered is not done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "backoffice/core/account.h"
#include "backoffice/core/cred.h"
#include "backoffice/rest/engine.h"
#include "backoffice/rest/rest.h"
#include "backoffice/rest/rows.h"
#include "tests/lib/ask.h"
#include "tests/lib/keyed.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define DB    "rest-done.db"

static struct keyed office;

static int setup(void **state)
{
	(void)state;
	keyed_open("rest-done", &office);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keyed_close(&office);
	return 0;
}

static const struct rest_row *row_of(const char *command)
{
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			if (!strcmp(row->command, command))
				return row;
	fail_msg("no route for %s", command);
	return NULL;
}

static enum inro_err run(const char *command, const char *of, json_t **ret)
{
	const char *const args[HTTP_ARGS_MAX] = { of };
	const struct http_peer peer = { .address = "192.0.2.7" };
	struct rest r = { .core = office.c, .row = row_of(command), .args = args, .in = json_object(), .peer = &peer };
	enum inro_err e = r.row->run(&r, ret);

	json_decref(r.in);
	return e;
}

/* An account that wrong tries keep out is disabled, and for how long they do can't be read. */
static void test_account(void **state)
{
	static const char password[] = "Correct-horse-4";
	SCOPED(account) boss = { 0 };
	SCOPED(account) a = { 0 };
	json_t *doc = NULL;

	(void)state;
	OK(account_add(office.c, &(struct account_new) { .name = "boss", .role = ROLE_ADMIN, .password = bytes_of(password) },
		       &boss));
	OK(account_add(office.c, &(struct account_new) { .name = "locked", .role = ROLE_OPERATOR, .password = bytes_of(password) },
		       &a));
	office_sql(DB, "UPDATE account SET locked_until = 99999999999 WHERE name = 'locked'");
	office_sql(DB, "INSERT INTO setting (tenant, name, value) VALUES (1, 'password.lock', 'long')");
	assert_int_equal(run("user show", "locked", &doc), INRO_E_DAMAGED);
	OK(run("user disable", "locked", &doc));
	assert_string_equal(json_string_value(json_object_get(doc, "state")), "disabled");
	assert_true(json_is_string(json_object_get(doc, "locked_until")));
	assert_null(json_object_get(doc, "approvers_lacking"));
	json_decref(doc);
	office_sql(DB, "INSERT INTO setting (tenant, name, value) VALUES (1, 'four-eyes.ca', '1')");
	OK(run("user delete", "locked", &doc));
	assert_int_equal(json_integer_value(json_object_get(doc, "approvers_lacking")), 1);
	json_decref(doc);
}

/* The name of its device can't be read: then nothing is recorded, and said, but that it was refused. */
static void test_certificate(void **state)
{
	json_t *doc = NULL;
	char id[24];

	(void)state;
	snprintf(id, sizeof id, "id:%lld",
		 (long long)office_ask(DB, "SELECT min(c.id) FROM credential c, device d WHERE d.id = c.device AND "
					   "d.device_id = 'dev-0' AND c.state = 'active' AND c.kind = 'certificate'"));
	office_sql(DB, "UPDATE device SET state = 'x' || state WHERE device_id = 'dev-0'");
	assert_int_not_equal(run("cert hold", id, &doc), INRO_OK);
	assert_int_equal(office_ask(DB, "SELECT count(*) FROM credential WHERE state = 'suspended'"), 0);
	office_sql(DB, "UPDATE device SET state = substr(state, 2) WHERE device_id = 'dev-0'");
	OK(run("cert hold", id, &doc));
	assert_int_equal(office_ask(DB, "SELECT count(*) FROM credential WHERE state = 'suspended'"), 1);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_account),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, setup, teardown);
}
