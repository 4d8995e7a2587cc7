/* test_core_claimed - a CA whose key waits for its certificate, and who has that key certified meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static int setup(void **state)
{
	return office_setup(state, "claimed");
}

/* CA "mine", which waits. */
static void create(struct core *c, struct ca_view *ret)
{
	const struct ca_request r = {
		.name = "mine", .subject = "CN=Mine", .token = "line", .label = office_label, .external = true
	};

	OK(ca_create(c, &r, ret));
}

/* A certificate that is no CA's for the key of its request, which is said to be at that place. */
static void claim(struct core *c, const struct ca_view *v, const char *key_uri)
{
	const struct cred_request r = {
		.ca = "issuing", .profile = "tls-client", .csr = blob_bytes(&v->rec.csr), .key_uri = key_uri
	};
	SCOPED(cred) out = { 0 };

	OK(cred_issue(c, &r, &out));
}

static enum inro_err activate(struct core *c, const struct ca_view *v)
{
	const struct cred_request r = { .ca = "root", .profile = "sub-ca", .csr = blob_bytes(&v->rec.csr) };
	struct ca_activation in = { 0 };
	SCOPED(ca_view) done = { 0 };
	SCOPED(cred) made = { 0 };

	OK(ca_certify(c, &r, &made));
	in.cert = blob_bytes(&made.rec.cert);
	return ca_activate(c, "mine", &in, &done);
}

/* Who has seen the request can say in another tenant that he has the key: that takes it from nobody. */
static void test_by_another_tenant(void **state)
{
	char label[48];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(ca_view) v = { 0 };

	create(*state, &v);
	claim(theirs, &v, "pkcs11:token=x;object=y");
	OK(activate(*state, &v));
	core_close(theirs);
}

/* What is on record for it in its own tenant makes it no CA's key any more. */
static void test_by_ones_own(void **state)
{
	char label[48];
	struct core *theirs = office_open_plant2(*state, label);
	SCOPED(ca_view) v = { 0 };

	create(*state, &v);
	claim(theirs, &v, "pkcs11:token=x;object=y");
	office_sql(office_db, "UPDATE credential SET tenant = 1 WHERE key_uri = 'pkcs11:token=x;object=y'");
	FAILS(INRO_E_EXISTS, activate(*state, &v));
	core_close(theirs);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)
	const struct CMUnitTest tests[] = {
		T(test_by_another_tenant),
		T(test_by_ones_own),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
