/* test_core_clock - a clock that is set back or was ahead: nothing is issued before the last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/bulk.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/tenant.h"
#include "backoffice/pki/cert.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define T0	    INT64_C(1800000000)
#define HOUR	    3600
#define YEAR	    (365 * 86400)

static int setup(void **state)
{
	clock_set_test(T0);
	return office_setup(state, "clock");
}

static enum inro_err issue(struct core *c, struct cred *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };

	office_csr(office_ec, "machine", &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, ret);
}

static enum inro_err list(struct core *c, struct crl_info *ret)
{
	SCOPED(buf) crl = { 0 };

	return ca_crl(c, "issuing", 0, &crl, ret);
}

static long long recorded(void)
{
	return office_ask(office_db,
			  "SELECT count(*) + (SELECT sum(crl_number) FROM ca) FROM credential");
}

static void assert_nothing_issued(struct core *c)
{
	const struct bulk_order order = { .ca = "issuing", .profile = "tls-client" };
	const struct ca_request root = { .name = "late", .token = "ca", .subject = "/CN=Late" };
	struct cred_bulk *bulk = NULL;
	SCOPED(cred) cred = { 0 };
	SCOPED(ca_view) view = { 0 };
	struct crl_info info;
	long long before = recorded();

	FAILS(INRO_E_STATE, issue(c, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "inro db clock"));
	FAILS(INRO_E_STATE, list(c, &info));
	FAILS(INRO_E_STATE, cred_bulk_open(c, &order, &bulk));
	FAILS(INRO_E_STATE, ca_create(c, &root, &view));
	assert_int_equal(recorded(), before);
}

static void test_set_back(void **state)
{
	struct core *c = *state;
	SCOPED(cred) one = { 0 };
	SCOPED(cred) two = { 0 };
	SCOPED(cred) gone = { 0 };
	struct crl_info info;
	char ref[32];

	OK(issue(c, &one));
	OK(list(c, &info));
	clock_set_test(T0 - HOUR);
	assert_nothing_issued(c);
	/* What protects goes on. */
	snprintf(ref, sizeof ref, "id:%lld", (long long)one.rec.id);
	OK(cred_revoke(c, ref, &(struct cred_revocation) { 0 }, &gone));
	clock_set_test(T0 + 100);
	OK(issue(c, &two));
	OK(list(c, &info));
	assert_int_equal(info.entries, 1);
	assert_true(info.this_update >= T0 + 100);
}

/* A correction by some seconds stops nobody: it is issued at the later time. */
static void test_set_back_a_little(void **state)
{
	struct core *c = *state;
	SCOPED(cred) one = { 0 };
	SCOPED(cred) two = { 0 };
	struct crl_info before, after;

	OK(issue(c, &one));
	OK(list(c, &before));
	clock_set_test(T0 - ISSUE_TIME_SLACK / 2);
	OK(issue(c, &two));
	assert_true(two.rec.not_before >= one.rec.not_before);
	OK(list(c, &after));
	assert_true(after.this_update >= before.this_update && after.number > before.number);
}

static void test_was_ahead(void **state)
{
	struct core *c = *state;
	struct core_options o = office_options();
	struct issue_times t;
	SCOPED(cred) ahead = { 0 };
	SCOPED(cred) after = { 0 };
	struct core *lesser;

	clock_set_test(T0 + YEAR);
	OK(issue(c, &ahead));
	clock_set_test(T0 + HOUR);
	assert_nothing_issued(c);
	OK(issue_times(c, &t));
	assert_true(t.last >= T0 + YEAR && t.clock < T0 + 2 * HOUR);
	o.role = ROLE_OPERATOR;
	lesser = office_open_as(office_db, o);
	FAILS(INRO_E_ACCESS, issue_time_accept(lesser, NULL, &t));
	core_close(lesser);
	assert_nothing_issued(c);
	OK(issue_time_accept(c, "battery of the clock", &t));
	OK(issue(c, &after));
	assert_int_equal(office_ask(office_db,
				    "SELECT count(*) FROM event WHERE action = 'clock.accept' "
				    "AND outcome = 'done'"),
			 1);
	clock_set_test(T0 - HOUR);
	assert_nothing_issued(c);
}

static void test_of_all_tenants(void **state)
{
	struct core *c = *state;
	struct core_options o = office_options();
	SCOPED(tenant) t = { 0 };
	SCOPED(cred) cred = { 0 };
	struct issue_times times;
	struct core *other;
	char theirs[48];

	OK(issue(c, &cred));
	OK(tenant_add(c, "acme", &t));
	o.tenant = "acme";
	other = office_open_as(office_db, o);
	clock_set_test(T0 - HOUR);
	snprintf(theirs, sizeof theirs, "%s-acme", office_label);
	const struct ca_request root = { .name = theirs, .token = "ca", .subject = "/CN=Acme" };
	SCOPED(ca_view) view = { 0 };

	FAILS(INRO_E_STATE, ca_create(other, &root, &view));
	FAILS(INRO_E_ACCESS, issue_time_accept(other, NULL, &times));
	core_close(other);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_set_back),
		T(test_set_back_a_little),
		T(test_was_ahead),
		T(test_of_all_tenants),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
