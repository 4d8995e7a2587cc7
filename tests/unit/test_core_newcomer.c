/* test_core_newcomer - a device and its first certificate in one transaction: both, or neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/newcomer.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/tally.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static int setup(void **state)
{
	return office_setup(state, "newcomer");
}

static long long count(const char *table)
{
	char sql[128];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	return office_ask(office_db, sql);
}

struct asked {
	const char *id, *ca, *profile, *group;
	bool other_key;
	const char *request_id;
};

static enum inro_err ask(struct core *c, const struct asked *a, struct psk_new *psk,
			 struct newcomer *n, struct cred *ret)
{
	const struct device_fields fields = { .name = "A new one", .group = a->group };
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = a->ca ? a->ca : "issuing",
				  .profile = a->profile ? a->profile : "tls-client",
				  .device = a->id,
				  .request_id = a->request_id };
	EVP_PKEY *own = a->other_key ? office_key("P-256") : NULL;
	enum inro_err e;

	office_csr(own ? own : office_ec, a->id, &csr);
	EVP_PKEY_free(own);
	r.csr = buf_bytes(&csr);
	n->fields = &fields;
	n->psk = psk;
	e = cred_issue_newcomer(c, &r, n, ret);
	n->fields = NULL;
	return e;
}

static void test_both(void **state)
{
	SCOPED(newcomer) n = { 0 };
	SCOPED(newcomer) second = { 0 };
	SCOPED(psk_new) psk = { 0 };
	SCOPED(cred) cert = { 0 };
	SCOPED(device) d = { 0 };

	OK(ask(*state, &(struct asked) { .id = "press-1" }, &psk, &n, &cert));
	assert_int_equal(n.made.state, DEVICE_ACTIVE);
	assert_string_equal(n.made.name, "A new one");
	assert_string_equal(cert.device_id, "press-1");
	assert_int_equal(cert.rec.device, n.made.id);
	OK(device_get(*state, "press-1", &d));
	assert_int_equal(d.id, n.made.id);
	assert_int_equal(d.state, DEVICE_ACTIVE);
	OK(psk_verify(*state, "press-1", secret_bytes(&psk.value)));
	cred_clear(&cert);
	OK(ask(*state, &(struct asked) { .id = "press-2", .other_key = true }, NULL, &second, &cert));
	OK(tally_check(*state));
}

static const struct {
	struct asked asked;
	enum inro_err error;
} refused[] = {
	{ { .id = "there", .other_key = true }, INRO_E_EXISTS },
	{ { .id = "new", .ca = "none", .other_key = true }, INRO_E_NOT_FOUND },
	{ { .id = "new", .profile = "none", .other_key = true }, INRO_E_NOT_FOUND },
	{ { .id = "new", .group = "none", .other_key = true }, INRO_E_NOT_FOUND },
	{ { .id = "new", .group = "careful", .other_key = true }, INRO_E_STATE },
	{ { .id = "new", .group = "rsa", .other_key = true }, INRO_E_POLICY },
	{ { .id = "new", .request_id = "r", .other_key = true }, INRO_E_ARG },
	{ { .id = "not an id", .other_key = true }, INRO_E_ARG },
	{ { .id = "new" }, INRO_E_POLICY }, /* the key of "there" */
};

static void test_neither(void **state)
{
	SCOPED(newcomer) there = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) rsa = { 0 };
	long long creds, events;

	OK(ask(*state, &(struct asked) { .id = "there" }, NULL, &there, &first));
	OK(group_add(*state, "careful", "{\"approve\": true}", &g));
	OK(group_add(*state, "rsa", "{\"key_types\": [\"rsa-3072\"]}", &rsa));
	creds = count("credential");
	events = count("event");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		SCOPED(newcomer) n = { 0 };
		SCOPED(cred) cert = { 0 };
		SCOPED(psk_new) psk = { 0 };

		FAILS(refused[i].error, ask(*state, &refused[i].asked, &psk, &n, &cert));
		assert_int_equal(count("credential"), creds);
		assert_int_equal(count("device"), 1);
		assert_int_equal(count("event"), events + 1 + (long long)i);
	}
	OK(tally_check(*state));
}

/* What fails behind the device, in the transaction, takes it along. */
static void test_undone(void **state)
{
	SCOPED(newcomer) n = { 0 };
	SCOPED(newcomer) again = { 0 };
	SCOPED(cred) cert = { 0 };

	office_trigger(office_db, "no_cert", "BEFORE INSERT ON credential",
		       office_on_postgres() ? "RAISE EXCEPTION 'no'" : "SELECT RAISE(ABORT, 'no')");
	assert_int_not_equal(ask(*state, &(struct asked) { .id = "press-1" }, NULL, &n, &cert), INRO_OK);
	office_trigger_drop(office_db, "no_cert");
	assert_int_equal(count("device"), 0);
	OK(ask(*state, &(struct asked) { .id = "press-1" }, NULL, &again, &cert));
	OK(tally_check(*state));
}

/* An auditor does neither; an operator both. */
static void test_roles(void **state)
{
	struct core_options o = office_options();
	SCOPED(newcomer) n = { 0 };
	SCOPED(newcomer) good = { 0 };
	SCOPED(cred) cert = { 0 };
	struct core *by;

	(void)state;
	o.role = ROLE_AUDITOR;
	by = office_open_as(office_db, o);
	FAILS(INRO_E_ACCESS, ask(by, &(struct asked) { .id = "press-1" }, NULL, &n, &cert));
	core_close(by);
	o.role = ROLE_OPERATOR;
	by = office_open_as(office_db, o);
	OK(ask(by, &(struct asked) { .id = "press-1" }, NULL, &good, &cert));
	core_close(by);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_both), T(test_neither), T(test_undone), T(test_roles) };

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
