/* test_core_bulk - many requests in one transaction: each for itself, and each only once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509_vfy.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/bulk.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "base/clock.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define N	    6

static EVP_PKEY *ec, *weak;
static struct buf csrs[N];
static int group_setup(void **state)
{
	(void)state;
	office_tokens();
	ec = office_key("P-256");
	weak = office_key("rsa:1024");
	for (size_t i = 0; i < N; i++) {
		char cn[16];

		snprintf(cn, sizeof cn, "dev-%zu", i);
		office_csr(ec, cn, &csrs[i]);
	}
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(ec);
	EVP_PKEY_free(weak);
	for (size_t i = 0; i < N; i++)
		buf_clear(&csrs[i]);
	return 0;
}

static int setup(void **state)
{
	return office_setup(state, "bulk");
}

static const struct bulk_order order = { .ca = "issuing", .profile = "tls-client" };

static struct bulk_row rows[N];

/* The requests with these numbers, in one call. */
static enum inro_err issue(struct core *c, const size_t *which, size_t n)
{
	struct cred_bulk *bulk = NULL;
	enum inro_err e;

	for (size_t i = 0; i < N; i++)
		bulk_row_clear(&rows[i]);
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct bulk_row) { .csr = buf_bytes(&csrs[which[i]]) };
	OK(cred_bulk_open(c, &order, &bulk));
	e = cred_bulk_issue(bulk, rows, n);
	cred_bulk_close(bulk);
	return e;
}

#define ISSUE(c, ...)                                                                              \
	issue(c, (const size_t[]) { __VA_ARGS__ },                                                 \
	      sizeof((const size_t[]) { __VA_ARGS__ }) / sizeof(size_t))

static size_t events(struct core *c, const char *action, enum event_outcome outcome)
{
	const struct audit_filter f = { .action = action };
	SCOPED(event_list) l = { 0 };
	size_t n = 0;

	OK(audit_find(c, &f, NULL, &l));
	for (size_t i = 0; i < l.n; i++)
		n += l.items[i].outcome == outcome;
	return n;
}

static size_t certs(struct core *c)
{
	const struct cred_search s = { .filter.ca = "issuing" };
	SCOPED(cred_found) l = { 0 };

	OK(cred_search(c, &s, &l));
	return l.n;
}

static void assert_done(struct core *c, size_t from, size_t n, bool again)
{
	for (size_t i = from; i < n; i++) {
		OK(rows[i].error);
		assert_int_equal(rows[i].again, again);
		assert_int_equal(office_verify(c, "issuing", &rows[i].rec.cert, BYTES_NONE),
				 X509_V_OK);
	}
}

static void test_many(void **state)
{
	struct core *c = *state;
	size_t before = events(c, "certificate.issue", EVENT_DONE);

	OK(ISSUE(c, 0, 1, 2, 3));
	assert_done(c, 0, 4, false);
	assert_string_equal(rows[3].rec.subject, "CN=dev-3");
	assert_int_equal(certs(c), 4);
	assert_int_equal(events(c, "certificate.issue", EVENT_DONE), before + 4);
	OK(ISSUE(c, 0, 1, 2, 3));
	assert_done(c, 0, 4, true);
	assert_string_equal(rows[3].rec.subject, "CN=dev-3");
	assert_int_equal(certs(c), 4);
	assert_int_equal(events(c, "certificate.issue", EVENT_DONE), before + 4);
}

/* Known ones behind a new one, and one that is there twice. */
static void test_mixed(void **state)
{
	struct core *c = *state;

	OK(ISSUE(c, 1, 2));
	OK(ISSUE(c, 0, 1, 2, 3));
	assert_done(c, 0, 1, false);
	assert_done(c, 1, 3, true);
	assert_done(c, 3, 4, false);
	assert_int_equal(certs(c), 4);
	OK(ISSUE(c, 4, 5, 4));
	assert_done(c, 0, 2, false);
	assert_done(c, 2, 3, true);
	assert_true(bytes_equal(blob_bytes(&rows[0].rec.serial), blob_bytes(&rows[2].rec.serial)));
	assert_int_equal(certs(c), 6);
}

/* The first certificate of a new second, which sets the time of the last one. */
static void test_twice_in_a_new_second(void **state)
{
	struct core *c = *state;

	OK(ISSUE(c, 0));
	clock_set_test(clock_now() + 100);
	OK(ISSUE(c, 1, 2, 2, 3));
	assert_done(c, 0, 2, false);
	assert_done(c, 2, 3, true);
	assert_done(c, 3, 4, false);
	assert_true(bytes_equal(blob_bytes(&rows[1].rec.serial), blob_bytes(&rows[2].rec.serial)));
	OK(ISSUE(c, 1, 2, 2, 3));
	assert_done(c, 0, 4, true);
	assert_int_equal(certs(c), 4);
}

/* What happens to dev-1 while the first of three is recorded. */
static void meanwhile(struct core *c, const char *state, enum inro_err told)
{
	struct cred_bulk *bulk = NULL;
	struct bulk_row some[3] = { 0 };
	static const char *const ids[] = { "dev-0", "dev-1", "dev-2" };
	struct buf asked[3] = { 0 };
	EVP_PKEY *key;
	char sql[200];

	for (size_t i = 0; i < ARRAY_LEN(some); i++) {
		SCOPED(device) d = { 0 };

		OK(device_add(c, ids[i], NULL, &d));
		key = office_key("P-256");
		office_csr(key, ids[i], &asked[i]);
		EVP_PKEY_free(key);
		some[i] = (struct bulk_row) { .csr = buf_bytes(&asked[i]), .device = ids[i] };
	}
	office_sql(office_db, "CREATE TABLE commits (n INTEGER)");
	office_trigger(office_db, "counts", "AFTER UPDATE ON audit_head",
		       "INSERT INTO commits VALUES (1)");
	snprintf(sql, sizeof sql, "UPDATE device SET state = '%s' WHERE device_id = 'dev-1'",
		 state);
	office_trigger(office_db, "meanwhile", "AFTER INSERT ON credential", sql);
	OK(cred_bulk_open(c, &order, &bulk));
	clock_set_test(clock_now() + 100);
	OK(cred_bulk_issue(bulk, some, 3));
	OK(some[0].error);
	FAILS(told, some[1].error);
	assert_non_null(strstr(some[1].why, "dev-1"));
	assert_int_equal(some[1].rec.id, 0);
	OK(some[2].error);
	assert_int_equal(certs(c), 2);
	assert_int_equal(events(c, "certificate.issue", EVENT_REFUSED), 1);
	/* What is well, and what is not: one transaction each, however many rows there are. */
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM commits"), 2);
	for (size_t i = 0; i < ARRAY_LEN(some); i++) {
		bulk_row_clear(&some[i]);
		buf_clear(&asked[i]);
	}
	cred_bulk_close(bulk);
}

static void test_a_device_that_is_disabled_meanwhile(void **state)
{
	meanwhile(*state, "disabled", INRO_E_STATE);
}

static void test_a_device_that_is_deleted_meanwhile(void **state)
{
	meanwhile(*state, "deleted", INRO_E_STATE);
}

static void test_refused(void **state)
{
	struct core *c = *state;
	struct cred_bulk *bulk = NULL;
	SCOPED(buf) short_key = { 0 };
	struct bulk_row some[4] = { { .csr = buf_bytes(&csrs[0]) },
				    { .csr = bytes_of("rubbish"), .name = "bad.csr" },
				    { .name = "weak.csr" },
				    { .csr = buf_bytes(&csrs[1]) } };
	uint8_t *last;

	office_csr(weak, "weak", &short_key);
	some[2].csr = buf_bytes(&short_key);
	last = &csrs[1].p[csrs[1].n - 1];
	*last ^= 1;
	OK(cred_bulk_open(c, &order, &bulk));
	OK(cred_bulk_issue(bulk, some, 4));
	*last ^= 1;
	OK(some[0].error);
	FAILS(INRO_E_SYNTAX, some[1].error);
	FAILS(INRO_E_POLICY, some[2].error);
	assert_non_null(strstr(some[2].why, "2048"));
	FAILS(INRO_E_SIGNATURE, some[3].error);
	assert_int_equal(some[3].rec.id, 0);
	assert_int_equal(certs(c), 1);
	assert_int_equal(events(c, "certificate.issue", EVENT_REFUSED), 3);
	FAILS(INRO_E_ARG, cred_bulk_issue(bulk, some, BULK_MAX + 1));
	for (size_t i = 0; i < 4; i++)
		bulk_row_clear(&some[i]);
	cred_bulk_close(bulk);
}

static void test_devices(void **state)
{
	struct core *c = *state;
	struct cred_bulk *bulk = NULL;
	SCOPED(device) one = { 0 };
	SCOPED(device) two = { 0 };
	SCOPED(device) off = { 0 };
	struct bulk_row some[3] = { { .csr = buf_bytes(&csrs[0]), .device = "dev-0" },
				    { .csr = buf_bytes(&csrs[1]), .device = "dev-1" },
				    { .csr = buf_bytes(&csrs[2]), .device = "dev-0" } };

	OK(device_add(c, "dev-0", NULL, &one));
	OK(device_add(c, "dev-1", NULL, &two));
	OK(device_switch(c, "dev-1", VERB_DISABLE, NULL, &off));
	OK(cred_bulk_open(c, &order, &bulk));
	OK(cred_bulk_issue(bulk, some, 3));
	OK(some[0].error);
	assert_int_equal(some[0].rec.device, one.id);
	FAILS(INRO_E_STATE, some[1].error);
	FAILS(INRO_E_POLICY, some[2].error);
	for (size_t i = 0; i < 3; i++)
		bulk_row_clear(&some[i]);
	cred_bulk_close(bulk);
	device_clear(&one);
	OK(device_get(c, "dev-0", &one));
	assert_int_equal(one.state, DEVICE_ACTIVE);
}

static void test_what_is_revoked_is_not_handed_out(void **state)
{
	struct core *c = *state;
	const struct cred_revocation why = { .reason = "cessationOfOperation" };
	SCOPED(cred) gone = { 0 };
	char ref[32];

	OK(ISSUE(c, 0, 1));
	snprintf(ref, sizeof ref, "id:%lld", (long long)rows[1].rec.id);
	OK(cred_revoke(c, ref, &why, &gone));
	OK(ISSUE(c, 0, 1, 2));
	assert_done(c, 0, 1, true);
	FAILS(INRO_E_STATE, rows[1].error);
	assert_non_null(strstr(rows[1].why, "revoked"));
	assert_done(c, 2, 3, false);
	assert_int_equal(certs(c), 3);
}

static void test_orders(void **state)
{
	struct core *c = *state;
	struct cred_bulk *bulk = NULL;
	struct bulk_order bad = order;

	bad.profile = "sub-ca";
	FAILS(INRO_E_POLICY, cred_bulk_open(c, &bad, &bulk));
	bad = (struct bulk_order) { .ca = "nobody", .profile = "tls-client" };
	FAILS(INRO_E_NOT_FOUND, cred_bulk_open(c, &bad, &bulk));
	assert_null(bulk);
	assert_int_equal(events(c, "certificate.issue", EVENT_REFUSED), 2);
}

static void test_a_ca_that_is_retired_meanwhile(void **state)
{
	struct core *c = *state;
	struct cred_bulk *bulk = NULL;
	struct bulk_row one = { .csr = buf_bytes(&csrs[0]) };

	OK(cred_bulk_open(c, &order, &bulk));
	office_sql(office_db, "UPDATE ca SET state = 'retired' WHERE name = 'issuing'");
	FAILS(INRO_E_STATE, cred_bulk_issue(bulk, &one, 1));
	assert_int_equal(one.rec.id, 0);
	office_sql(office_db,
		   "UPDATE ca SET state = 'active', generation = 2 WHERE name = 'issuing'");
	FAILS(INRO_E_STATE, cred_bulk_issue(bulk, &one, 1));
	bulk_row_clear(&one);
	cred_bulk_close(bulk);
	assert_int_equal(certs(c), 0);
}

static enum inro_err single(struct core *c, size_t which, const char *id, struct cred *ret)
{
	const struct cred_request r = { .csr = buf_bytes(&csrs[which]),
					.ca = "issuing",
					.profile = "tls-client",
					.request_id = id };

	return cred_issue(c, &r, ret);
}

static void test_a_request_id(void **state)
{
	struct core *c = *state;
	SCOPED(cred) first = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(cred) other = { 0 };
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) foreign = { 0 };

	OK(single(c, 0, "order-1", &first));
	OK(single(c, 0, "order-1", &again));
	assert_int_equal(first.rec.id, again.rec.id);
	assert_int_equal(certs(c), 1);
	OK(single(c, 0, "order-2", &other));
	assert_int_not_equal(first.rec.id, other.rec.id);
	office_csr(key, "dev-0", &foreign);
	{
		const struct cred_request r = { .csr = buf_bytes(&foreign),
						.ca = "issuing",
						.profile = "tls-client",
						.request_id = "order-1" };
		SCOPED(cred) none = { 0 };

		FAILS(INRO_E_EXISTS, cred_issue(c, &r, &none));
	}
	EVP_PKEY_free(key);
	assert_int_equal(certs(c), 2);
}

static void add_device(struct core *c, const char *id, const char *group)
{
	const struct device_fields f = { .group = group };
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, &f, &d));
}

/* All requests of this file have one key. */
static void test_one_key_in_one_call(void **state)
{
	static const char *const devices[] = { NULL, "dev-1", "dev-2", NULL };
	struct core *c = *state;
	struct cred_bulk *bulk = NULL;

	add_device(c, "dev-1", NULL);
	add_device(c, "dev-2", NULL);
	OK(cred_bulk_open(c, &order, &bulk));
	for (size_t i = 0; i < N; i++)
		bulk_row_clear(&rows[i]);
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		rows[i] = (struct bulk_row) { .csr = buf_bytes(&csrs[i]), .device = devices[i] };
	OK(cred_bulk_issue(bulk, rows, ARRAY_LEN(devices)));
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		assert_int_equal(rows[i].error, i == 2 ? INRO_E_POLICY : INRO_OK);
	assert_non_null(strstr(rows[2].why, "of this run"));
	bulk_row_clear(&rows[0]);
	rows[0] = (struct bulk_row) { .csr = buf_bytes(&csrs[2]), .device = "dev-2" };
	OK(cred_bulk_issue(bulk, rows, 1));
	FAILS(INRO_E_POLICY, rows[0].error);
	assert_non_null(strstr(rows[0].why, "'dev-1'"));
	cred_bulk_close(bulk);
}

/* Each group's own, and as it is when the next lot of requests is looked at. */
static void test_policies_of_groups(void **state)
{
	static const char *const devices[] = { "dev-0", "dev-1", "dev-2", "dev-3" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	const struct group_change change = { .policy = "{\"approve\":true}" };
	struct cred_bulk *bulk = NULL;

	OK(group_add(c, "open", NULL, &g));
	device_group_clear(&g);
	OK(group_add(c, "rsa", "{\"key_types\":[\"rsa-2048\"]}", &g));
	device_group_clear(&g);
	add_device(c, "dev-0", "open");
	add_device(c, "dev-1", "rsa");
	add_device(c, "dev-2", "open");
	add_device(c, "dev-3", "rsa");
	OK(cred_bulk_open(c, &order, &bulk));
	for (size_t i = 0; i < N; i++)
		bulk_row_clear(&rows[i]);
	for (size_t i = 0; i < 2; i++)
		rows[i] = (struct bulk_row) { .csr = buf_bytes(&csrs[i]), .device = devices[i] };
	rows[2] = (struct bulk_row) { .csr = buf_bytes(&csrs[3]), .device = devices[3] };
	OK(cred_bulk_issue(bulk, rows, 3));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(rows[i].error, i ? INRO_E_POLICY : INRO_OK);
	assert_non_null(strstr(rows[1].why, "has no ec-p256 keys"));
	OK(group_update(c, "open", &change, &g));
	bulk_row_clear(&rows[0]);
	rows[0] = (struct bulk_row) { .csr = buf_bytes(&csrs[2]), .device = devices[2] };
	OK(cred_bulk_issue(bulk, rows, 1));
	FAILS(INRO_E_STATE, rows[0].error);
	cred_bulk_close(bulk);
}

static struct bulk_lot rows_of(size_t from, size_t end)
{
	for (size_t i = from; i < end; i++) {
		bulk_row_clear(&rows[i]);
		rows[i] = (struct bulk_row) { .csr = buf_bytes(&csrs[i]) };
	}
	return (struct bulk_lot) { &rows[from], end - from };
}

/* What is read ahead is used when it is what comes, and nowhere else. */
static void test_read_ahead(void **state)
{
	struct core *c = *state;
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	struct bulk_lot lots[] = { rows_of(0, 1), rows_of(1, 3), rows_of(3, 4), rows_of(4, 5) };

	OK(cred_bulk_open(c, &order, &bulk));
	OK(cred_bulk_issue_ahead(bulk, lots[0], lots[1]));
	OK(cred_bulk_issue_ahead(bulk, lots[1], lots[2]));
	assert_done(c, 0, 3, false);
	/* Not what it was told. */
	OK(cred_bulk_issue_ahead(bulk, rows_of(0, 2), lots[3]));
	assert_done(c, 0, 2, true);
	/* The same row, with another request in it, and one that is none. */
	rows[4].csr = buf_bytes(&csrs[3]);
	OK(cred_bulk_issue_ahead(bulk, lots[3], rows_of(3, 4)));
	assert_done(c, 4, 5, false);
	rows[3].csr.n--;
	OK(cred_bulk_issue_ahead(bulk, lots[2], lots[3]));
	FAILS(INRO_E_SYNTAX, rows[3].error);
	cred_bulk_forget(bulk);
	OK(cred_bulk_issue_ahead(bulk, rows_of(3, 4), rows_of(4, 5)));
	assert_done(c, 3, 4, true);
	assert_true(rows[3].rec.id > 0 && certs(c) == 4);
}

static enum inro_err until_third(void *arg)
{
	return ++*(int *)arg == 3 ? err_set(INRO_E_CANCELLED, "somebody ended it") : INRO_OK;
}

/* Whoever has it made may end it between two rows; nobody refused anything. */
static void test_ended_in_the_middle(void **state)
{
	struct core *c = *state;
	int asked = 0;
	const struct bulk_order ends = { .ca = "issuing",
					 .profile = "tls-client",
					 .goes_on = until_third,
					 .arg = &asked };
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;

	for (size_t i = 0; i < N; i++)
		bulk_row_clear(&rows[i]);
	for (size_t i = 0; i < N; i++)
		rows[i] = (struct bulk_row) { .csr = buf_bytes(&csrs[i]) };
	OK(cred_bulk_open(c, &ends, &bulk));
	FAILS(INRO_E_CANCELLED, cred_bulk_issue(bulk, rows, N));
	assert_int_equal(asked, 3);
	assert_int_equal(certs(c), 0);
	assert_int_equal(events(c, "certificate.issue", EVENT_REFUSED), 0);
	OK(cred_bulk_issue(bulk, rows, N));
	assert_int_equal(asked, 3 + N);
	assert_done(c, 0, N, false);
}

static enum inro_err compromise(void *arg)
{
	const struct cred_revocation why = { .reason = "keyCompromise" };
	struct core *other;
	SCOPED(cred) gone = { 0 };

	if (!*(const char *)arg)
		return INRO_OK;
	other = office_open(office_db);
	OK(cred_revoke(other, arg, &why, &gone));
	core_close(other);
	*(char *)arg = '\0';
	return INRO_OK;
}

/* A key that was good when that was decided, and is not when its certificate is recorded. */
static void test_compromised_meanwhile(void **state)
{
	struct core *c = *state;
	const struct cred_request r = { .ca = "issuing",
					.profile = "tls-client",
					.csr = buf_bytes(&csrs[1]) };
	char ref[32];
	const struct bulk_order o = {
		.ca = "issuing", .profile = "tls-client", .goes_on = compromise, .arg = ref
	};
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	SCOPED(cred) first = { 0 };

	OK(cred_issue(c, &r, &first));
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	bulk_row_clear(&rows[0]);
	rows[0] = (struct bulk_row) { .csr = buf_bytes(&csrs[1]) };
	OK(cred_bulk_open(c, &o, &bulk));
	OK(cred_bulk_issue(bulk, rows, 1));
	FAILS(INRO_E_POLICY, rows[0].error);
	assert_non_null(strstr(rows[0].why, "revoked"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_key_in_one_call, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_policies_of_groups, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_read_ahead, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_ended_in_the_middle, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_compromised_meanwhile, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_mixed, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_twice_in_a_new_second, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_a_device_that_is_disabled_meanwhile, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_a_device_that_is_deleted_meanwhile, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_devices, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_revoked_is_not_handed_out, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_orders, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_a_ca_that_is_retired_meanwhile, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_a_request_id, setup, office_teardown),
	};
	int failed = cmocka_run_group_tests(tests, group_setup, group_teardown);

	for (size_t i = 0; i < N; i++)
		bulk_row_clear(&rows[i]);
	return failed;
}
