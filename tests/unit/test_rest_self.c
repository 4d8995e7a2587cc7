/* test_rest_self - what a device is told of itself is all that it has in use, however much it had before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "backoffice/core/network.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/where.h"
#include "backoffice/rest/rest.h"
#include "base/clock.h"
#include "tests/lib/ask.h"
#include "tests/lib/keyed.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define PSK   "a7Kq9mX2pL4wR8tV6yBn3cD5"
#define DB    "rest-self.db"

static struct keyed office;
static struct core *worker;

static int setup(void **state)
{
	SCOPED(psk_new) p = { 0 };

	(void)state;
	keyed_open("rest-self", &office);
	OK(psk_issue(office.c, "dev-0", bytes_of(PSK), &p));
	worker = office_open(DB);
	OK(core_become(worker, NULL));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(worker);
	keyed_close(&office);
	clock_set_test(0);
	return 0;
}

/* Records of dev-0 that are over, more than a search looks at for one page. */
static void had_before(const char *kind, const char *state)
{
	char sql[600];

	snprintf(sql, sizeof sql,
		 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
		 "INSERT INTO credential (tenant, kind, state, device, profile, subject, key_uri, not_before, "
		 "not_after, reason, created_ms, updated_ms) SELECT d.tenant, '%s', '%s', d.id, '', '', '', 0, %lld, "
		 "0, 0, 0 FROM n, device d WHERE d.device_id = 'dev-0'",
		 WHERE_SCAN + 50, kind, state, (long long)(KEYED_NOW + 1000));
	office_sql(DB, sql);
}

/* The caller's. */
static json_t *told(void)
{
	static const char who[] = "dev-0:" PSK;
	struct http_table table = rest_table();
	struct http_answer a;
	char authorization[80] = "Basic ";
	json_t *doc;

	EVP_EncodeBlock((unsigned char *)authorization + 6, (const unsigned char *)who, sizeof who - 1);
	assert_int_equal(ask_run(&(struct ask) { .table = &table,
						 .method = "GET",
						 .path = "/v1/device/self",
						 .authorization = authorization,
						 .core = worker },
				 &a),
			 200);
	doc = json_loadb((const char *)a.body.p, a.body.n, 0, NULL);
	assert_non_null(doc);
	ask_clear(&a);
	return doc;
}

static bool has(const json_t *doc, const char *list, int64_t id)
{
	const json_t *items = json_object_get(doc, list), *one;
	size_t i;

	json_array_foreach(items, i, one)
		if (json_integer_value(json_object_get(one, "id")) == id)
			return true;
	return false;
}

static size_t so_many(const json_t *doc, const char *list)
{
	return json_array_size(json_object_get(doc, list));
}

static void test_certificates(void **state)
{
	int64_t last;
	json_t *doc;

	(void)state;
	had_before("certificate", "revoked");
	last = keyed_certify_more(office.c, "dev-0", office.keys[0]);
	doc = told();
	assert_int_equal(so_many(doc, "certificates"), 2); /* the first is on the first page */
	assert_true(has(doc, "certificates", last));
	json_decref(doc);
}

/* One that is held is told, too; another device's are not. */
static void test_keys(void **state)
{
	char first[24], last[24], another[24];
	SCOPED(buf) value = { 0 };
	SCOPED(symkey) held = { 0 };
	json_t *doc;

	(void)state;
	had_before("key", "destroyed");
	keyed_make(office.c, "dev-0", "aes-128", first, &value);
	OK(symkey_move(office.c, first, VERB_HOLD, NULL, &held));
	had_before("key", "destroyed");
	keyed_make(office.c, "dev-0", "aes-128", last, &value);
	keyed_make(office.c, "dev-1", "aes-128", another, &value);
	doc = told();
	assert_int_equal(so_many(doc, "secrets"), 2);
	assert_true(has(doc, "secrets", atoll(first)));
	assert_true(has(doc, "secrets", atoll(last)));
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_keys),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, setup, teardown);
}
