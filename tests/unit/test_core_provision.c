/* test_core_provision - devices with a key in a token here, from key to certificate; renewals, by the
 * key in its token or by a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509v3.h>

#include "backoffice/core/device.h"
#include "backoffice/core/provision.h"
#include "backoffice/token/token.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static int setup(void **state)
{
	return office_setup(state, "provision");
}

static void add_device(struct core *c, const char *id, const struct device_fields *f)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, f, &d));
}

static void provision(struct core *c, const char *id, struct office_issued *ret)
{
	const struct provision_request r = {
		.device = id, .token = "line", .ca = "issuing", .profile = "tls-client"
	};
	SCOPED(provision_result) out = { 0 };

	OK(device_provision(c, &r, &out));
	assert_int_equal(out.n, PROVISION_STAGE__MAX);
	for (size_t i = 0; i < out.n; i++) {
		assert_int_equal(out.steps[i].stage, i);
		assert_non_null(out.steps[i].text);
	}
	ret->cred = out.cert;
	out.cert = (struct cred) { 0 };
	snprintf(ret->ref, sizeof ret->ref, "id:%lld", (long long)ret->cred.rec.id);
}

static void test_provision(void **state)
{
	struct core *c = *state;
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	size_t certs = office_count("line", CKO_CERTIFICATE);
	SCOPED(device) d = { 0 };
	struct office_issued i;

	add_device(c, office_label, NULL);
	office_asked = 0;
	provision(c, office_label, &i);
	assert_true(office_asked <= 1); /* "ca" is open already */
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 1);
	assert_int_equal(office_count("line", CKO_CERTIFICATE), certs + 1);
	assert_int_equal(office_verdict(c, &i), X509_V_OK);
	assert_non_null(strstr(i.cred.rec.key_uri, "token=line"));
	assert_non_null(strstr(i.cred.rec.key_uri, office_label));
	assert_string_equal(i.cred.device_id, office_label);
	OK(device_get(c, office_label, &d));
	assert_int_equal(d.state, DEVICE_ACTIVE);
	cred_clear(&i.cred);
}

static void not_provisioned(struct core *c, const struct provision_request *r, enum inro_err e,
			    size_t steps)
{
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	size_t pubs = office_count("line", CKO_PUBLIC_KEY);
	long long creds = office_ask(office_db, "SELECT count(*) FROM credential");
	SCOPED(provision_result) out = { 0 };

	FAILS(e, device_provision(c, r, &out));
	assert_int_equal(out.n, steps);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	assert_int_equal(office_count("line", CKO_PUBLIC_KEY), pubs);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM credential"), creds);
}

static void test_provision_refused(void **state)
{
	const struct provision_request good = { .device = "d",
						.token = "line",
						.ca = "issuing",
						.profile = "tls-client",
						.label = office_label };
	const char *const names[] = { "DNS:bad name" };
	struct provision_request r = good;
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	struct office_issued i;

	not_provisioned(c, &r, INRO_E_NOT_FOUND, 0);
	add_device(c, "d", NULL);
	r.ca = "nobody";
	not_provisioned(c, &r, INRO_E_NOT_FOUND, 0);
	r = good;
	r.profile = "nothing";
	not_provisioned(c, &r, INRO_E_NOT_FOUND, 0);
	r = good;
	r.token = "nowhere";
	not_provisioned(c, &r, INRO_E_NOT_FOUND, 0);
	r = good;
	r.key_type = "des";
	not_provisioned(c, &r, INRO_E_UNSUPPORTED, 0);
	r = good;
	r.sans = names;
	r.sans_n = 1;
	not_provisioned(c, &r, INRO_E_SYNTAX, 0);
	r = good;
	r.subject = "CN=somebody-else";
	not_provisioned(c, &r, INRO_E_POLICY, 0);
	assert_non_null(
		strstr(err_detail(INRO_E_POLICY), "CN")); /* the reason survives the undoing */
	r = good;
	r.profile = "sub-ca";
	not_provisioned(c, &r, INRO_E_POLICY, 0);
	add_device(c, office_label, NULL);
	provision(c, office_label, &i);
	not_provisioned(c, &good, INRO_E_EXISTS, 0); /* the label is taken */
	cred_clear(&i.cred);
	OK(device_switch(c, "d", VERB_DISABLE, NULL, &d));
	not_provisioned(c, &good, INRO_E_STATE, 0);
}

static void test_provision_names(void **state)
{
	const struct device_fields f = { .hostname = "press1.example", .ip = "192.0.2.7" };
	const struct provision_request r = { .device = "d",
					     .token = "line",
					     .ca = "issuing",
					     .profile = "tls-server",
					     .label = office_label,
					     .key_type = "ec-p384" };
	SCOPED(provision_result) out = { 0 };
	struct core *c = *state;
	X509 *x;

	add_device(c, "d", &f);
	OK(device_provision(c, &r, &out));
	x = office_x509(&out.cert.rec.cert);
	assert_int_equal(X509_check_host(x, "press1.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(x)), 384);
	X509_free(x);
}

static struct provision_request line_request(const char *device)
{
	return (struct provision_request) {
		.device = device, .token = "line", .ca = "issuing", .profile = "tls-client"
	};
}

static void make_line_key(const char *name, const char *type)
{
	SCOPED(p11_uri) u = { 0 };
	struct token_key_plan plan = { .label = name };
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(token_key_free_ptr) struct token_key *k = NULL;

	OK(p11_uri_parse("pkcs11:token=line", &u));
	OK(pki_key_kind_find(type, &plan.kind));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	OK(token_key_generate(t, &plan, &k));
}

/* A run that ended after the key was made. */
static void test_provision_with_the_key_that_is_left(void **state)
{
	struct core *c = *state;
	struct provision_request r = line_request(office_label);
	SCOPED(provision_result) out = { 0 };
	SCOPED(provision_result) again = { 0 };
	size_t keys;

	add_device(c, office_label, NULL);
	make_line_key(office_label, "ec-p256");
	keys = office_count("line", CKO_PRIVATE_KEY);
	r.key_type = "ec-p384";
	FAILS(INRO_E_EXISTS, device_provision(c, &r, &again));
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "of another type"));
	provision_result_clear(&again);
	r.key_type = NULL;
	OK(device_provision(c, &r, &out));
	assert_non_null(strstr(out.steps[0].text, "it was there already"));
	assert_int_equal(out.n, PROVISION_STAGE__MAX);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	assert_int_equal(office_verify(c, "issuing", &out.cert.rec.cert, BYTES_NONE), X509_V_OK);
	FAILS(INRO_E_EXISTS, device_provision(c, &r, &again)); /* all is there */
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
}

/* A run that ended after the commit. */
static void test_provision_with_the_certificate_that_is_left(void **state)
{
	struct core *c = *state;
	struct provision_request r = line_request(office_label), other = line_request("other");
	SCOPED(provision_result) out = { 0 };
	SCOPED(provision_result) again = { 0 };
	SCOPED(provision_result) theirs = { 0 };
	SCOPED(p11_uri) u = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	SCOPED(buf) der = { 0 };
	size_t n;

	add_device(c, office_label, NULL);
	add_device(c, "other", NULL);
	OK(device_provision(c, &r, &out));
	OK(p11_uri_parse(out.cert.rec.key_uri, &u));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	OK(token_key_find(t, &u, &k));
	OK(token_delete(t, token_key_id(k), TOKEN_CERTS, &n));
	assert_int_equal(n, 1);
	other.label = office_label;
	FAILS(INRO_E_EXISTS, device_provision(c, &other, &theirs)); /* another device's key */
	r.profile = "mqtt-client";
	FAILS(INRO_E_EXISTS, device_provision(c, &r, &again));
	provision_result_clear(&again);
	r.profile = "tls-client";
	OK(device_provision(c, &r, &again));
	assert_int_equal(again.cert.rec.id, out.cert.rec.id);
	assert_int_equal(again.n, PROVISION_STAGE__MAX - 1); /* no request */
	assert_non_null(strstr(again.steps[1].text, "it was issued already"));
	OK(token_cert_find(t, token_key_id(k), &der));
	assert_true(bytes_equal(buf_bytes(&der), blob_bytes(&out.cert.rec.cert)));
}

/* The same, while the token has a certificate for another key under that id. */
static void test_provision_beside_a_strangers_certificate(void **state)
{
	struct core *c = *state;
	struct provision_request r = line_request(office_label);
	struct cred_request strangers = { .ca = "issuing", .profile = "tls-client" };
	SCOPED(provision_result) out = { 0 };
	SCOPED(provision_result) again = { 0 };
	SCOPED(provision_result) more = { 0 };
	SCOPED(p11_uri) u = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	SCOPED(cred) stranger = { 0 };
	SCOPED(buf) csr = { 0 };
	size_t n;

	add_device(c, office_label, NULL);
	office_csr(office_ec, "stranger", &csr);
	strangers.csr = buf_bytes(&csr);
	OK(cred_issue(c, &strangers, &stranger));
	OK(device_provision(c, &r, &out));
	OK(p11_uri_parse(out.cert.rec.key_uri, &u));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	OK(token_key_find(t, &u, &k));
	OK(token_delete(t, token_key_id(k), TOKEN_CERTS, &n));
	OK(token_cert_store(t, token_key_id(k), "stranger", blob_bytes(&stranger.rec.cert), false));
	OK(device_provision(c, &r, &again));
	assert_int_equal(again.cert.rec.id, out.cert.rec.id);
	OK(token_delete(t, token_key_id(k), TOKEN_CERTS, &n));
	assert_int_equal(n, 2);
	OK(token_cert_store(t, token_key_id(k), "own", blob_bytes(&out.cert.rec.cert), false));
	FAILS(INRO_E_EXISTS, device_provision(c, &r, &more));
}

/* What can be known to fail costs no key. */
static void test_provision_checks_first(void **state)
{
	static const char *const wild[] = { "DNS:*.example.com" };
	struct core *c = *state;
	struct provision_request r = line_request("d");
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	SCOPED(provision_result) out = { 0 };

	add_device(c, "d", NULL);
	r.label = office_label;
	r.subject = "CN=another";
	FAILS(INRO_E_POLICY, device_provision(c, &r, &out));
	assert_int_equal(out.n, 0);
	r.subject = NULL;
	r.sans = wild;
	r.sans_n = 1;
	FAILS(INRO_E_POLICY, device_provision(c, &r, &out));
	assert_int_equal(out.n, 0);
	r.sans_n = 0;
	r.profile = "code-signing";
	r.key_type = "rsa-2048";
	FAILS(INRO_E_POLICY, device_provision(c, &r, &out));
	assert_int_equal(out.n, 0);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
}

/* A renewal's request is for the same one; a key that came with it is in no token known here. */
static void test_renewal_of_another(void **state)
{
	struct core *c = *state;
	EVP_PKEY *other = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	SCOPED(cred) third = { 0 };
	struct cred_request r = { .ca = "issuing",
				  .profile = "tls-client",
				  .key_uri = "pkcs11:token=line;object=x" };
	struct cred_renewal again = { 0 };
	char ref[32];

	office_csr(office_ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &first));
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	office_csr(office_ec, "y", &csr);
	again.csr = buf_bytes(&csr);
	FAILS(INRO_E_POLICY, cred_renew(c, ref, &again, &second));
	assert_int_equal(
		office_ask(office_db, "SELECT count(*) FROM credential WHERE subject = 'CN=y'"), 0);
	office_csr(office_ec, "x", &csr);
	again.csr = buf_bytes(&csr);
	OK(cred_renew(c, ref, &again, &second));
	assert_string_equal(second.rec.key_uri, r.key_uri);
	snprintf(ref, sizeof ref, "id:%lld", (long long)second.rec.id);
	office_csr(other, "x", &csr);
	again.csr = buf_bytes(&csr);
	OK(cred_renew(c, ref, &again, &third));
	assert_null(third.rec.key_uri);
	EVP_PKEY_free(other);
}

static void test_renew_with_the_same_key(void **state)
{
	const struct cred_renewal same = { 0 };
	struct core *c = *state;
	size_t keys, certs;
	SCOPED(cred) next = { 0 };
	SCOPED(cred) old = { 0 };
	SCOPED(cred) none = { 0 };
	struct office_issued i;

	add_device(c, office_label, NULL);
	provision(c, office_label, &i);
	keys = office_count("line", CKO_PRIVATE_KEY);
	certs = office_count("line", CKO_CERTIFICATE);
	OK(cred_renew(c, i.ref, &same, &next));
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	assert_int_equal(office_count("line", CKO_CERTIFICATE), certs);
	assert_int_equal(next.rec.replaces, i.cred.rec.id);
	assert_string_equal(next.rec.subject, i.cred.rec.subject);
	assert_string_equal(next.rec.key_uri, i.cred.rec.key_uri);
	assert_string_equal(next.device_id, office_label);
	assert_true(bytes_equal(blob_bytes(&next.rec.key_hash), blob_bytes(&i.cred.rec.key_hash)));
	assert_int_equal(office_verify(c, "issuing", &next.rec.cert, BYTES_NONE), X509_V_OK);
	OK(cred_get(c, i.ref, &old));
	assert_int_equal(old.state, CRED_SUPERSEDED);
	FAILS(INRO_E_STATE, cred_renew(c, i.ref, &same, &none));
	cred_clear(&old);
	OK(cred_move(c, i.ref, VERB_RETIRE, NULL, &old));
	assert_string_equal(old.reason, "superseded");
	assert_int_equal(office_verdict(c, &i), X509_V_ERR_CERT_REVOKED);
	cred_clear(&i.cred);
}

static void test_renew_with_a_new_key(void **state)
{
	const struct cred_renewal fresh = { .new_key = true };
	struct core *c = *state;
	SCOPED(cred) second = { 0 };
	SCOPED(cred) third = { 0 };
	char ref[24], name[64];
	struct office_issued i;

	add_device(c, office_label, NULL);
	provision(c, office_label, &i);
	OK(cred_renew(c, i.ref, &fresh, &second));
	snprintf(name, sizeof name, "object=%s.2;", office_label);
	assert_non_null(strstr(second.rec.key_uri, name));
	assert_false(
		bytes_equal(blob_bytes(&second.rec.key_hash), blob_bytes(&i.cred.rec.key_hash)));
	snprintf(ref, sizeof ref, "id:%lld", (long long)second.rec.id);
	OK(cred_renew(c, ref, &fresh, &third));
	snprintf(name, sizeof name, "object=%s.3;", office_label);
	assert_non_null(strstr(third.rec.key_uri, name));
	cred_clear(&i.cred);
}

static void test_renew_by_request(void **state)
{
	struct cred_renewal r = { 0 };
	struct core *c = *state;
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) next = { 0 };
	SCOPED(ca_view) ca = { 0 };
	struct office_issued i;
	char ref[24];

	office_issue(c, &i);
	FAILS(INRO_E_ARG, cred_renew(c, i.ref, &r, &next)); /* no key here, no request given */
	office_csr(office_ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	r.new_key = true;
	FAILS(INRO_E_ARG, cred_renew(c, i.ref, &r, &next));
	r.new_key = false;
	OK(cred_renew(c, i.ref, &r, &next));
	assert_int_equal(next.rec.replaces, i.cred.rec.id);
	cred_clear(&next);
	OK(ca_get(c, "issuing", &ca));
	snprintf(ref, sizeof ref, "id:%lld", (long long)ca.credential);
	FAILS(INRO_E_UNSUPPORTED, cred_renew(c, ref, &r, &next));
	cred_clear(&i.cred);
}

static void test_deleting_a_device_revokes(void **state)
{
	const struct cred_renewal same = { 0 };
	struct core *c = *state;
	SCOPED(cred) next = { 0 };
	SCOPED(cred) held = { 0 };
	SCOPED(cred) after = { 0 };
	struct office_issued i;
	size_t n;

	add_device(c, office_label, NULL);
	provision(c, office_label, &i);
	OK(cred_renew(c, i.ref, &same, &next));
	{
		char ref[24];

		snprintf(ref, sizeof ref, "id:%lld", (long long)next.rec.id);
		OK(cred_move(c, ref, VERB_HOLD, NULL, &held));
	}
	OK(device_delete(c, office_label, "scrapped", &n));
	assert_int_equal(n, 2); /* the superseded one and the one on hold */
	assert_int_equal(office_verdict(c, &i), X509_V_ERR_CERT_REVOKED);
	OK(cred_get(c, i.ref, &after));
	assert_string_equal(after.reason, "cessationOfOperation");
	assert_string_equal(after.device_id, office_label);
	assert_int_equal(office_ask(office_db,
				    "SELECT count(*) FROM credential WHERE device IS NOT NULL "
				    "AND state <> 'revoked'"),
			 0);
	cred_clear(&i.cred);
}

static void test_csr(void **state)
{
	static const char *const sans[] = { "DNS:a.example", "URI:urn:x:1" };
	struct core_options o = office_options();
	struct csr_request r = { .subject = "/O=例/CN=press", .sans = sans, .sans_n = 2 };
	struct core *c = *state;
	SCOPED(ca_view) root = { 0 };
	SCOPED(buf) der = { 0 };
	const unsigned char *p;
	X509_REQ *req;

	OK(ca_get(c, "root", &root));
	r.key_uri = root.rec.key_uri;
	OK(csr_create(&o, &r, &der));
	p = der.p;
	req = d2i_X509_REQ(NULL, &p, (long)der.n);
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	X509_REQ_free(req);
	buf_reset(&der);
	r.key_uri = "pkcs11:token=ca;object=nothing;type=private";
	FAILS(INRO_E_NOT_FOUND, csr_create(&o, &r, &der));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_provision, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_refused, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_names, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_with_the_key_that_is_left, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_with_the_certificate_that_is_left,
						setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_beside_a_strangers_certificate,
						setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_checks_first, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_renewal_of_another, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_renew_with_the_same_key, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_renew_with_a_new_key, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_renew_by_request, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_deleting_a_device_revokes, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_csr, setup, office_teardown),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
