/* test_core_ca_lists - a CA that is, or was, elsewhere: its certificates, its lists, and what is decided here after them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/keyring.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"
#include "tests/lib/foreign.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static struct foreign far;

static int setup(void **state)
{
	return office_setup(state, "ca");
}

static void connect_file(struct core *c, const struct foreign *f)
{
	OK(foreign_connect(f, c, (struct ca_connection) { .name = "far" }, NULL));
}

static void collect(struct core *c, X509 *x, char ref[static 24])
{
	const struct foreign_brought b = foreign_bring(c, "far", x, true);

	OK(b.error);
	snprintf(ref, 24, "id:%lld", (long long)b.credential);
}

/* A certificate that nobody asked for has no profile to renew it by. */
static void test_no_profile(void **state)
{
	X509 *x = foreign_certify(&far, "x", office_ec, 30);
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) out = { 0 };
	struct cred_renewal r = { 0 };
	char ref[24];

	connect_file(*state, &far);
	collect(*state, x, ref);
	office_csr(office_ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	FAILS(INRO_E_UNSUPPORTED, cred_renew(*state, ref, &r, &out));
	assert_non_null(strstr(err_detail(INRO_E_UNSUPPORTED), "inro cert issue"));
	X509_free(x);
}

/* An entry that is there twice hides none that is missing; a compromised key ends for our own certificates, too. */
static void test_taken_list(void **state)
{
	const struct cred_revocation why = { .reason = "superseded" };
	EVP_PKEY *key = office_key("P-256");
	X509 *listed = foreign_certify(&far, "x", office_ec, 30), *missing = foreign_certify(&far, "y", key, 30);
	SCOPED(buf) list = { 0 };
	SCOPED(cred) out = { 0 };
	struct ca_list_taken t = { 0 };
	struct office_issued ours;
	char ref[24];

	connect_file(*state, &far);
	collect(*state, listed, ref);
	collect(*state, missing, ref);
	OK(cred_revoke(*state, ref, &why, &out));
	office_issue(*state, &ours);
	foreign_list_times(&far, 3, X509_get0_serialNumber(listed), CRL_KEY_COMPROMISE, 2, &list);
	OK(ca_take_list(*state, "far", buf_bytes(&list), &t));
	assert_int_equal(t.entries, 2);
	assert_int_equal(t.changed, 1);
	assert_int_equal(t.unlisted, 1);
	cred_clear(&out);
	OK(cred_get(*state, ours.ref, &out));
	assert_int_equal(out.state, CRED_REVOKED);
	cred_clear(&ours.cred);
	X509_free(listed);
	X509_free(missing);
	EVP_PKEY_free(key);
}

/* RFC 5280 6.3.3 (f) */
static void test_signs_no_lists(void **state)
{
	struct foreign mute;
	SCOPED(buf) list = { 0 };
	struct ca_list_taken t = { 0 };

	foreign_open_for(&mute, "far", 300, "critical,keyCertSign");
	connect_file(*state, &mute);
	foreign_list(&mute, 1, X509_get0_serialNumber(mute.cert), CRL_SUPERSEDED, &list);
	FAILS(INRO_E_POLICY, ca_take_list(*state, "far", buf_bytes(&list), &t));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "cRLSign"));
	foreign_close(&mute);
}

/* Its key, in token "ca" under that label. */
static void put_key(const struct foreign *f, char uri[static 96])
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(f->key);
	SCOPED(p11_uri) u = { 0 };
	struct token_key_plan plan = { .label = office_label };
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	unsigned char *der = NULL;
	int n = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);

	assert_true(n > 0);
	OK(p11_uri_parse("pkcs11:token=line", &u));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	OK(token_key_import(t, &plan, BYTES(der, (size_t)n), &k));
	snprintf(uri, 96, "pkcs11:token=line;object=%s", office_label);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
}

static void import_list(struct core *c, const struct foreign *f, const char *uri, struct bytes list,
			struct ca_imported *ret)
{
	SCOPED(buf) cert = { 0 };
	struct ca_import in = { .name = "moved", .key_uri = uri, .crl = list };
	SCOPED(ca_view) v = { 0 };

	foreign_der(f->cert, &cert);
	in.in.cert = buf_bytes(&cert);
	OK(ca_import(c, &in, ret, &v));
}

static void import(struct core *c, const struct foreign *f, const char *uri, int number, const X509 *leaf, int reason)
{
	SCOPED(buf) list = { 0 };
	struct ca_imported done = { 0 };

	foreign_list(f, number, X509_get0_serialNumber(leaf), reason, &list);
	import_list(c, f, uri, buf_bytes(&list), &done);
	assert_int_equal(done.listed, 1);
}

/* What was on hold with one list and is revoked for good with the next is so here. */
static void test_lists_of_an_import(void **state)
{
	struct foreign moved;
	X509 *leaf;
	char uri[96];

	foreign_open(&moved, "moved", 300);
	leaf = foreign_certify(&moved, "x", office_ec, 30);
	put_key(&moved, uri);
	import(*state, &moved, uri, 1, leaf, CRL_HOLD);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM credential WHERE state = 'suspended'"), 1);
	import(*state, &moved, uri, 2, leaf, CRL_KEY_COMPROMISE);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM credential WHERE state = 'revoked' AND "
					       "reason = 1"),
			 1);
	/* again, with nothing to do */
	import(*state, &moved, uri, 2, leaf, CRL_KEY_COMPROMISE);
	X509_free(leaf);
	foreign_close(&moved);
}

static int64_t in_state(const char *state)
{
	char sql[96];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM credential WHERE state = '%s'", state);
	return office_ask(office_db, sql);
}

static void release_only(struct core *c)
{
	char ref[24];
	SCOPED(cred) out = { 0 };

	snprintf(ref, sizeof ref, "id:%lld",
		 (long long)office_ask(office_db, "SELECT id FROM credential WHERE state = 'suspended'"));
	OK(cred_move(c, ref, VERB_RELEASE, NULL, &out));
}

/* A list of before undoes no release, whenever it is read again; a hold of after it is followed, and a revocation is. */
static void test_import_after_release(void **state)
{
	struct foreign moved;
	X509 *leaf;
	char uri[96];
	SCOPED(buf) old = { 0 };
	SCOPED(buf) later = { 0 };
	struct ca_imported done = { 0 };

	foreign_open(&moved, "moved", 300);
	leaf = foreign_certify(&moved, "x", office_ec, 30);
	put_key(&moved, uri);
	foreign_list(&moved, 1, X509_get0_serialNumber(leaf), CRL_HOLD, &old);
	import_list(*state, &moved, uri, buf_bytes(&old), &done);
	assert_int_equal(done.released, 0);
	release_only(*state);
	import_list(*state, &moved, uri, buf_bytes(&old), &done);
	assert_int_equal(done.listed, 1);
	assert_int_equal(done.released, 1);
	assert_int_equal(in_state("suspended"), 0);
	clock_set_test(clock_now() + 60);
	foreign_list(&moved, 2, X509_get0_serialNumber(leaf), CRL_HOLD, &later);
	import_list(*state, &moved, uri, buf_bytes(&later), &done);
	assert_int_equal(done.released, 0);
	assert_int_equal(in_state("suspended"), 1);
	release_only(*state);
	import(*state, &moved, uri, 3, leaf, CRL_KEY_COMPROMISE);
	assert_int_equal(in_state("revoked"), 1);
	clock_set_test(0);
	X509_free(leaf);
	foreign_close(&moved);
}

/* So with the list of a CA elsewhere: that CA is yet to be told. */
static void test_taken_after_release(void **state)
{
	X509 *x = foreign_certify(&far, "x", office_ec, 30);
	SCOPED(buf) list = { 0 };
	SCOPED(cred) out = { 0 };
	struct ca_list_taken t = { 0 };
	char ref[24];

	connect_file(*state, &far);
	collect(*state, x, ref);
	foreign_list(&far, 1, X509_get0_serialNumber(x), CRL_HOLD, &list);
	OK(ca_take_list(*state, "far", buf_bytes(&list), &t));
	assert_int_equal(t.changed, 1);
	OK(cred_move(*state, ref, VERB_RELEASE, NULL, &out));
	OK(ca_take_list(*state, "far", buf_bytes(&list), &t));
	assert_int_equal(t.changed, 0);
	assert_int_equal(t.released, 1);
	assert_int_equal(in_state("suspended"), 0);
	X509_free(x);
}

static int group_setup(void **state)
{
	int failed = office_with_key(state);

	foreign_open(&far, "far", 300);
	return failed;
}

static int group_teardown(void **state)
{
	foreign_close(&far);
	return office_drop_key(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_profile),
		TEST(test_taken_list),
		TEST(test_signs_no_lists),
		TEST(test_lists_of_an_import),
		TEST(test_import_after_release),
		TEST(test_taken_after_release),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
