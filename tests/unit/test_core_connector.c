/* test_core_connector - a CA elsewhere: requests that wait for it, with and without approval, and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/ca/secret_ref.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/reach.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tests/lib/foreign.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static char db[40];
static struct core *alice, *bob;
static EVP_PKEY *leaf, *other;
static struct foreign far;

static int group_setup(void **state)
{
	(void)state;
	office_tokens();
	leaf = office_key("P-256");
	other = office_key("P-256");
	foreign_open(&far, "far", 1);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(leaf);
	EVP_PKEY_free(other);
	foreign_close(&far);
	return 0;
}

static struct core *as(const char *who, enum role role)
{
	struct core_options o = office_options();

	o.actor = who;
	o.role = role;
	return office_open_as(db, o);
}

static int setup(void **state)
{
	static unsigned n;
	SCOPED(ca_view) v = { 0 };
	SCOPED(device_group) g = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(device) d2 = { 0 };

	(void)state;
	snprintf(db, sizeof db, "connector-%u.db", n++);
	alice = as("alice", ROLE_ADMIN);
	bob = as("bob", ROLE_OPERATOR);
	OK(foreign_connect(&far, alice, (struct ca_connection) { .name = "far" }, &v));
	assert_int_equal(v.rec.kind, CA_FILE);
	assert_null(v.why_not);
	OK(group_add(alice, "careful", "{\"approve\": true}", &g));
	OK(device_add(alice, "slow", &(struct device_fields) { .group = "careful" }, &d));
	OK(device_add(alice, "plain", NULL, &d2));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(alice);
	core_close(bob);
	return 0;
}

static void ask(struct core *c, const char *device, const char *id, struct cred *ret)
{
	struct cred_request r = {
		.ca = "far", .profile = "tls-client", .device = device, .request_id = id
	};
	SCOPED(buf) csr = { 0 };

	office_csr(leaf, device ? device : "x", &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, ret));
	assert_int_equal(ret->rec.cert.n, 0);
}

static size_t waiting(void)
{
	SCOPED(ca_orders) l = { 0 };

	OK(ca_orders(alice, "far", NULL, &l));
	return l.n;
}

/* The answer to one certificate. */
static struct foreign_brought bring(X509 *x, bool unrequested)
{
	const struct foreign_brought b = foreign_bring(bob, "far", x, unrequested);

	X509_free(x);
	return b;
}

static enum cred_state state_of(int64_t id)
{
	char ref[24];
	SCOPED(cred) cred = { 0 };

	snprintf(ref, sizeof ref, "id:%lld", (long long)id);
	OK(cred_get(alice, ref, &cred));
	return cred.state;
}

static void test_plain(void **state)
{
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(device) d = { 0 };

	(void)state;
	ask(alice, "plain", "one", &cred);
	assert_int_equal(cred.state, CRED_PENDING);
	ask(alice, "plain", "one", &again);
	assert_int_equal(again.rec.id, cred.rec.id);
	assert_int_equal(waiting(), 1);
	assert_int_equal(bring(foreign_certify(&far, "plain", other, 1), false).error, INRO_E_NOT_FOUND);
	assert_int_equal(waiting(), 1);
	OK(bring(foreign_certify(&far, "plain", leaf, 1), false).error);
	assert_int_equal(state_of(cred.rec.id), CRED_ACTIVE);
	assert_int_equal(waiting(), 0);
	OK(device_get(alice, "plain", &d));
	assert_int_equal(d.state, DEVICE_ACTIVE);
	assert_int_equal(office_ask(db, "SELECT n FROM tally WHERE name = 'certificate/pending'"), 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'certificate.import' "
					"AND outcome = 'done'"),
			 1);
}

static void test_table(void **state)
{
	const struct ca here = { .kind = CA_LOCAL }, file = { .kind = CA_FILE };
	enum ca_kind kind = CA_LOCAL;

	(void)state;
	assert_null(ca_connector_of(&here));
	for (int k = 0; k < CA_KIND__MAX; k++) {
		const struct ca_connector *by = ca_connector_of(&(struct ca) { .kind = (enum ca_kind)k });

		assert_true(!by || (by->name && by->request && by->collect && by->revoke));
		assert_true(!by || (!by->ask == !by->cas && !by->ask == !by->schemes));
	}
	assert_string_equal(ca_connector_of(&file)->name, "file");
	OK(ca_connector_find("file", &kind));
	assert_int_equal(kind, CA_FILE);
	FAILS(INRO_E_ARG, ca_connector_find("carrier pigeon", &kind));
}

/* Where a password is: what is on record, and what is read of it. */
static void test_secret_refs(void **state)
{
	static const char *const bad[] = { "", "hunter2", "file:", "env:", "FILE:/x", "pass:x", "credential:" };
	SCOPED(secret) s = { 0 };
	SCOPED(secret) t = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		FAILS(INRO_E_ARG, secret_ref_check(bad[i]));
	FAILS(INRO_E_UNSUPPORTED, secret_ref_check("file://host/etc/pw"));
	FAILS(INRO_E_UNSUPPORTED, secret_ref_read("file://host/etc/pw", &s));
	OK(secret_ref_check("file://localhost/etc/pw"));
	FAILS(INRO_E_CONFIG, secret_ref_read("env:NO_SUCH_NAME_HERE", &s));
	assert_int_not_equal(secret_ref_read("file:no such file", &s), INRO_OK);
	unsetenv("CREDENTIALS_DIRECTORY");
	FAILS(INRO_E_CONFIG, secret_ref_read("credential:pw", &s));
	setenv("CONNECTOR_PASSWORD", "of the environment", 1);
	OK(secret_ref_read("env:CONNECTOR_PASSWORD", &s));
	assert_true(bytes_is(secret_bytes(&s), "of the environment"));
	OK(file_write(scratch_path("pw"), 0600, bytes_of("of a file\nand no more\n")));
	setenv("CREDENTIALS_DIRECTORY", scratch_dir(), 1);
	OK(secret_ref_read("credential:pw", &t));
	assert_true(bytes_is(secret_bytes(&t), "of a file"));
}

static void test_unrequested(void **state)
{
	struct foreign_brought one;

	(void)state;
	one = bring(foreign_certify(&far, "nobody", other, 1), true);
	OK(one.error);
	assert_true(one.unrequested);
	/* The key of the CA itself is nobody else's. */
	assert_int_equal(bring(foreign_certify(&far, "far too", far.key, 1), true).error, INRO_E_POLICY);
}

static void test_approval(void **state)
{
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) approved = { 0 };
	char ref[24];

	(void)state;
	ask(alice, "slow", NULL, &cred);
	assert_int_equal(cred.state, CRED_REQUESTED);
	assert_int_equal(waiting(), 0);
	assert_int_equal(bring(foreign_certify(&far, "slow", leaf, 1), false).error, INRO_E_NOT_FOUND);
	snprintf(ref, sizeof ref, "id:%lld", (long long)cred.rec.id);
	OK(cred_approve(bob, ref, NULL, &approved));
	assert_int_equal(approved.state, CRED_PENDING);
	assert_int_equal(approved.rec.id, cred.rec.id);
	assert_int_equal(waiting(), 1);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM proposal WHERE state = 'done'"), 1);
	OK(bring(foreign_certify(&far, "slow", leaf, 1), false).error);
	assert_int_equal(state_of(cred.rec.id), CRED_ACTIVE);
}

static void test_given_up(void **state)
{
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) gone = { 0 };
	char ref[24];
	size_t n;

	(void)state;
	ask(alice, "plain", NULL, &cred);
	snprintf(ref, sizeof ref, "id:%lld", (long long)cred.rec.id);
	FAILS(INRO_E_STATE, cred_approve(bob, ref, NULL, &gone));
	OK(cred_reject(bob, ref, "not needed", &gone));
	assert_int_equal(waiting(), 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM ca_order"), 0);
	cred_clear(&cred);
	ask(alice, "plain", NULL, &cred);
	OK(device_delete(alice, "plain", NULL, &n));
	assert_int_equal(waiting(), 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM ca_order"), 0);
	assert_int_equal(bring(foreign_certify(&far, "plain", leaf, 1), false).error, INRO_E_NOT_FOUND);
}

/* Each of a key of its own. */
static int64_t ask_anew(void)
{
	SCOPED(cred) cred = { 0 };
	EVP_PKEY *kept = leaf;

	leaf = office_key("P-256");
	ask(alice, "plain", NULL, &cred);
	EVP_PKEY_free(leaf);
	leaf = kept;
	return cred.rec.id;
}

static void test_pages(void **state)
{
	struct page page = { .limit = 2 };
	SCOPED(ca_orders) l = { 0 };
	SCOPED(cred) gone = { 0 };
	int64_t ids[5];
	char ref[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = ask_anew();
	snprintf(ref, sizeof ref, "id:%lld", (long long)ids[1]);
	OK(cred_reject(bob, ref, NULL, &gone));
	OK(ca_orders(alice, "far", &page, &l));
	assert_int_equal(l.n, 2);
	assert_int_equal(l.items[0].rec.credential, ids[0]);
	assert_int_equal(l.items[1].rec.credential, ids[2]);
	assert_int_not_equal(l.next, 0);
	page.after = l.next;
	ca_orders_clear(&l);
	OK(ca_orders(alice, "far", &page, &l));
	assert_int_equal(l.n, 2);
	assert_int_equal(l.items[1].rec.credential, ids[4]);
	assert_string_equal(l.items[1].device_id, "plain");
	assert_int_equal(l.next, 0);
	page = (struct page) { .limit = PAGE_MAX + 1 };
	ca_orders_clear(&l);
	FAILS(INRO_E_ARG, ca_orders(alice, "far", &page, &l));
}

/* A request whose record is gone, as by a backup that was put together from two, hides no others. */
static void test_gone(void **state)
{
	struct page page = { .limit = 1 };
	SCOPED(ca_orders) l = { 0 };
	int64_t ids[3];
	char sql[96];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = ask_anew();
	if (office_on_postgres())
		office_sql(db, "ALTER TABLE ca_order DROP CONSTRAINT ca_order_credential_fkey");
	snprintf(sql, sizeof sql, "DELETE FROM credential WHERE id = %lld", (long long)ids[0]);
	office_sql(db, sql);
	assert_int_equal(waiting(), 2);
	OK(ca_orders(alice, "far", &page, &l));
	assert_int_equal(l.n, 1);
	assert_int_equal(l.items[0].rec.credential, ids[1]);
	page.after = l.next;
	ca_orders_clear(&l);
	OK(ca_orders(alice, "far", &page, &l));
	assert_int_equal(l.n, 1);
	assert_int_equal(l.items[0].rec.credential, ids[2]);
	assert_int_equal(l.next, 0);
}

/* A certificate that may not sign messages is told before anything is on record, by who gives it. */
static void test_client_certificate(void **state)
{
	struct ca_way_wish w = { .url = "http://127.0.0.1:1/cmp",
				 .key_uri = "pkcs11:token=office;object=ra;type=private" };
	const struct ca_connection in = { .name = "near", .by = "cmp", .way = &w };
	struct foreign there, cannot;
	SCOPED(buf) der = { 0 };
	SCOPED(buf) pem = { 0 };

	(void)state;
	foreign_open(&there, "there", 30);
	foreign_open_for(&cannot, "cannot", 30, "critical,keyAgreement");
	foreign_der(cannot.cert, &der);
	pem_add(&pem, PEM_CERT, buf_bytes(&der));
	w.cert = buf_bytes(&pem);
	FAILS(INRO_E_POLICY, foreign_connect(&there, alice, in, NULL));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "no digitalSignature in its key usage"));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM ca WHERE name = 'near'"), 0);
	buf_reset(&der);
	buf_reset(&pem);
	foreign_der(far.cert, &der);
	pem_add(&pem, PEM_CERT, buf_bytes(&der));
	w.cert = buf_bytes(&pem);
	OK(foreign_connect(&there, alice, in, NULL));
	foreign_close(&there);
	foreign_close(&cannot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test(test_secret_refs),
		cmocka_unit_test_setup_teardown(test_unrequested, setup, teardown),
		cmocka_unit_test_setup_teardown(test_approval, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_certificate, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
