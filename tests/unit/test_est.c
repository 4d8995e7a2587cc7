/* test_est - the rows of EST, each called as the engine does it: who may, what comes, what is refused. */
#include <openssl/pkcs7.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/device.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/group.h"
#include "backoffice/core/network.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/psk.h"
#include "backoffice/est/body.h"
#include "backoffice/est/est.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"
#include "tests/lib/ask.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define NOW	    INT64_C(1790000000)
#define EST	    "/.well-known/est/"

static struct core *boss, *worker;
static char db[48];
static char basic[200]; /* of "dev" */
static const struct est_options options = { .retry_after = 5 };
static struct http_table table;

static void credentials(const char *id, const char *psk, char *out, size_t cap)
{
	SCOPED(buf) plain = { 0 };
	SCOPED(buf) text = { 0 };

	buf_addf(&plain, "%s:%s", id, psk);
	pem_add_lines(&text, buf_bytes(&plain));
	snprintf(out, cap, "Basic %.*s", (int)text.n - 1, (const char *)text.p);
}

static void add_device(const char *id, const char *group, const char *psk)
{
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) p = { 0 };

	OK(device_add(boss, id, &(struct device_fields) { .group = group }, &d));
	OK(psk_issue(boss, id, bytes_of(psk), &p));
}

static int setup(void **state)
{
	static unsigned n;
	SCOPED(device_group) g = { 0 };
	char name[40];

	(void)state;
	clock_set_test(NOW);
	table = (struct http_table) { est_routes, est_routes_n, (void *)(uintptr_t)&options };
	snprintf(name, sizeof name, "est-%u", n++);
	snprintf(db, sizeof db, "%s.db", name);
	boss = office_open(db);
	worker = office_open(db);
	office_make_cas(boss, name);
	OK(group_add(boss, "weak", "{\"plain_keys\": true}", &g));
	add_device("dev", NULL, "Secret-0123456789-abcdef");
	add_device("plain", "weak", "Secret-abcdef-0123456789");
	credentials("dev", "Secret-0123456789-abcdef", basic, sizeof basic);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(worker);
	core_close(boss);
	clock_set_test(0);
	office_pin = OFFICE_PIN;
	return 0;
}

/* ---- asking ---- */

static int get(const char *path, struct http_answer *a)
{
	return ask_run(&(struct ask) { .table = &table, .method = "GET", .path = path, .core = worker }, a);
}

static int post(const char *path, const char *authorization, struct bytes body,
		struct http_peer peer, struct http_answer *a)
{
	return ask_run(&(struct ask) { .table = &table,
				       .method = "POST",
				       .path = path,
				       .authorization = authorization,
				       .body = body,
				       .peer = peer,
				       .core = worker },
		       a);
}

static int drop(struct http_answer *a, int status)
{
	ask_clear(a);
	return status;
}

/* The status alone.  Of who is known each refusal is an event, and nothing else is one. */
static int try_post(const char *path, const char *authorization, const struct buf *body,
		    struct http_peer peer)
{
	struct http_answer a;
	size_t before = office_refusals(boss);
	int status = post(path, authorization, buf_bytes(body), peer, &a);

	if (status != 401)
		assert_int_equal(office_refusals(boss), before + (status >= 400));
	return drop(&a, status);
}

static int enrol(const char *authorization, const struct buf *body)
{
	return try_post(EST "issuing/simpleenroll", authorization, body, (struct http_peer) { 0 });
}

static void csr_text(EVP_PKEY *key, const char *cn, struct buf *ret)
{
	SCOPED(buf) der = { 0 };

	office_csr(key, cn, &der);
	buf_reset(ret);
	body_add(ret, buf_bytes(&der));
}

/* A challenge password in it. */
static void csr_bound(EVP_PKEY *key, const char *cn, const char *challenge, struct buf *ret)
{
	SCOPED(buf) der = { 0 };
	const unsigned char *at;
	unsigned char *out = NULL;
	X509_REQ *req;
	int n;

	office_csr(key, cn, &der);
	at = der.p;
	req = d2i_X509_REQ(NULL, &at, (long)der.n);
	assert_true(X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
					      (const unsigned char *)challenge, -1));
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	n = i2d_X509_REQ(req, &out);
	buf_reset(ret);
	body_add(ret, BYTES(out, (size_t)n));
	OPENSSL_free(out);
	X509_REQ_free(req);
}

/* The certificates of an answer, as libcrypto reads them. */
static int certs_in(struct bytes text, struct blob *ret_first)
{
	SCOPED(buf) der = { 0 };
	const unsigned char *at;
	unsigned char *first = NULL;
	PKCS7 *p7;
	int n;

	OK(pem_base64(text, &der));
	at = der.p;
	p7 = d2i_PKCS7(NULL, &at, (long)der.n);
	assert_non_null(p7);
	assert_true(PKCS7_type_is_signed(p7));
	n = sk_X509_num(p7->d.sign->cert);
	if (ret_first) {
		int octets = i2d_X509(sk_X509_value(p7->d.sign->cert, 0), &first);

		OK(blob_set(ret_first, BYTES(first, (size_t)octets)));
		OPENSSL_free(first);
	}
	PKCS7_free(p7);
	return n;
}

/* "dev" enrolled; the certificate is the caller's. */
static void enrolled_by(const struct buf *body, struct blob *ret)
{
	struct http_answer a;

	assert_int_equal(post(EST "issuing/simpleenroll", basic, buf_bytes(body),
			      (struct http_peer) { 0 }, &a),
			 200);
	assert_int_equal(certs_in(buf_bytes(&a.body), ret), 1);
	ask_clear(&a);
}

static void enrolled(EVP_PKEY *key, struct blob *ret)
{
	SCOPED(buf) body = { 0 };

	csr_text(key, "dev", &body);
	enrolled_by(&body, ret);
}

static struct http_peer with_cert(const struct blob *cert)
{
	return (struct http_peer) { .tls = true, .cert = blob_bytes(cert) };
}

/* ---- what anybody may have ---- */

static void test_cacerts(void **state)
{
	struct http_answer a;

	(void)state;
	assert_int_equal(get(EST "issuing/cacerts", &a), 200);
	assert_string_equal(a.type, "application/pkcs7-mime; smime-type=certs-only");
	assert_int_equal(certs_in(buf_bytes(&a.body), NULL), 2);
	ask_clear(&a);
	assert_int_equal(drop(&a, get(EST "issuing.tls-server/cacerts", &a)), 200);
	assert_int_equal(drop(&a, get(EST "nobody/cacerts", &a)), 404);
	assert_int_equal(drop(&a, get(EST "issuing.nothing/cacerts", &a)), 404);
	/* Without a label, where the server has none and nobody is known whose group would say one. */
	assert_int_equal(drop(&a, get(EST "cacerts", &a)), 404);
}

static void test_default_label(void **state)
{
	const struct est_options o = { .label = "root" };
	struct http_answer a;

	(void)state;
	table.arg = (void *)(uintptr_t)&o;
	assert_int_equal(get(EST "cacerts", &a), 200);
	assert_int_equal(certs_in(buf_bytes(&a.body), NULL), 1);
	ask_clear(&a);
}

static void test_csrattrs(void **state)
{
	SCOPED(buf) der = { 0 };
	struct http_answer a;

	(void)state;
	assert_int_equal(get(EST "issuing/csrattrs", &a), 200);
	assert_string_equal(a.type, "application/csrattrs");
	OK(pem_base64(buf_bytes(&a.body), &der));
	assert_true(der.n > 20);
	ask_clear(&a);
}

/* ---- who ---- */

static void test_who(void **state)
{
	SCOPED(buf) body = { 0 };
	SCOPED(device) d = { 0 };
	struct http_answer a;
	char wrong[200];

	(void)state;
	csr_text(office_ec, "dev", &body);
	assert_int_equal(post(EST "issuing/simpleenroll", NULL, buf_bytes(&body),
			      (struct http_peer) { 0 }, &a),
			 401);
	assert_true(ask_has_header(&a, "WWW-Authenticate: Basic"));
	ask_clear(&a);
	assert_int_equal(enrol("Basic", &body), 401);
	assert_int_equal(enrol("Basic !!!!", &body), 401);
	assert_int_equal(enrol("Basic ZGV2", &body), 401); /* no colon */
	assert_int_equal(enrol("Bearer abc", &body), 401);
	credentials("dev", "wrong", wrong, sizeof wrong);
	assert_int_equal(enrol(wrong, &body), 401);
	credentials("nobody", "wrong", wrong, sizeof wrong);
	assert_int_equal(enrol(wrong, &body), 401);
	assert_int_equal(enrol(basic, &body), 200);
	OK(device_switch(boss, "dev", VERB_DISABLE, "lost", &d));
	assert_int_equal(enrol(basic, &body), 401);
}

/* The certificate that dev has: good, revoked, nobody's. */
static void test_who_by_certificate(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	struct blob cert = { 0 };
	SCOPED(buf) body = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(cred_found) found = { 0 };
	struct cred_search s = { .filter = { .device = "dev" } };
	struct http_answer a;
	char ref[32];

	(void)state;
	enrolled(office_ec, &cert);
	csr_text(key, "dev", &body);
	assert_int_equal(try_post(EST "issuing/simpleenroll", NULL, &body, with_cert(&cert)), 200);
	OK(cred_search(boss, &s, &found));
	for (size_t i = 0; i < found.n; i++) {
		cred_clear(&gone);
		snprintf(ref, sizeof ref, "id:%lld", (long long)found.items[i].rec.id);
		OK(cred_revoke(boss, ref, &(struct cred_revocation) { 0 }, &gone));
	}
	assert_int_equal(try_post(EST "issuing/simpleenroll", NULL, &body, with_cert(&cert)), 401);
	assert_int_equal(ask_run(&(struct ask) { .table = &table,
						 .method = "GET",
						 .path = EST "issuing/cacerts",
						 .peer = with_cert(&cert),
						 .core = worker },
				 &a),
			 200); /* what anybody may have */
	ask_clear(&a);
	/* A certificate counts before a password. */
	assert_int_equal(try_post(EST "issuing/simpleenroll", basic, &body, with_cert(&cert)), 401);
	cert.p[cert.n / 2] ^= 1;
	assert_int_equal(try_post(EST "issuing/simpleenroll", NULL, &body, with_cert(&cert)), 401);
	free(cert.p);
	EVP_PKEY_free(key);
}

/* ---- enrolment ---- */

static void test_enrol_and_again(void **state)
{
	struct blob one = { 0 }, two = { 0 };
	SCOPED(buf) body = { 0 };

	(void)state;
	csr_text(office_ec, "dev", &body);
	enrolled_by(&body, &one);
	enrolled_by(&body, &two);
	assert_true(bytes_equal(blob_bytes(&one), blob_bytes(&two)));
	free(one.p);
	free(two.p);
}

static void test_bodies(void **state)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) one_line = { 0 };
	SCOPED(buf) body = { 0 };
	SCOPED(buf) pem = { 0 };

	(void)state;
	office_csr(office_ec, "dev", &der);
	body_add(&body, buf_bytes(&der));
	for (size_t i = 0; i < body.n; i++)
		if (body.p[i] != '\n')
			buf_add_u8(&one_line, body.p[i]);
	assert_int_equal(enrol(basic, &one_line), 200);
	pem_add(&pem, PEM_CSR, buf_bytes(&der));
	assert_int_equal(enrol(basic, &pem), 200);
	assert_int_equal(enrol(basic, &der), 400); /* no base64 */
	buf_truncate(&body, body.n / 2);
	assert_int_equal(enrol(basic, &body), 400);
	buf_reset(&body);
	assert_int_equal(enrol(basic, &body), 400);
	buf_add_str(&body, "AAAA====");
	assert_int_equal(enrol(basic, &body), 400);
}

static void test_another_devices_csr(void **state)
{
	SCOPED(buf) body = { 0 };

	(void)state;
	csr_text(office_ec, "plain", &body);
	assert_int_equal(enrol(basic, &body), 422);
}

static void test_wrong_possession(void **state)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) body = { 0 };

	(void)state;
	office_csr(office_ec, "dev", &der);
	der.p[der.n - 1] ^= 1;
	body_add(&body, buf_bytes(&der));
	assert_int_equal(enrol(basic, &body), 422);
}

static void test_approval(void **state)
{
	static const char text[] = "[profile]\nname = slow\n[validity]\nperiod = 30d\n[key]\ntypes = "
				   "ec-p256\n[issuing]\napprove = yes\n";
	SCOPED(profile_version) v = { 0 };
	SCOPED(buf) body = { 0 };
	SCOPED(cred) cred = { 0 };
	struct core_options o = office_options();
	struct core *other;
	struct http_answer a;
	char ref[32];
	long long id;

	(void)state;
	OK(profile_give(boss, bytes_of(text), "slow.ini", PROFILE_NEW, &v));
	csr_text(office_ec, "dev", &body);
	assert_int_equal(post(EST "issuing.slow/simpleenroll", basic, buf_bytes(&body),
			      (struct http_peer) { 0 }, &a),
			 202);
	assert_true(ask_has_header(&a, "Retry-After: 5"));
	buf_add_u8(&a.body, 0);
	assert_int_equal(sscanf((const char *)a.body.p, "request %lld waits", &id), 1);
	ask_clear(&a);
	o.actor = "bob";
	other = office_open_as(db, o);
	snprintf(ref, sizeof ref, "id:%lld", id);
	OK(cred_approve(other, ref, "yes", &cred));
	core_close(other);
	assert_int_equal(try_post(EST "issuing.slow/simpleenroll", basic, &body,
				  (struct http_peer) { 0 }),
			 200);
}

/* ---- bound to the connection ---- */

static void test_channel_binding(void **state)
{
	static const char text[] = "[profile]\nname = bound\n[validity]\nperiod = 30d\n[key]\ntypes = "
				   "ec-p256\n[issuing]\nchannel_binding = yes\n";
	static const char unique[] = "0123456789ab", exporter[] = "0123456789abcdef0123456789abcdef";
	const struct http_peer peer = { .tls = true,
					.tls_unique = BYTES_LIT(unique),
					.tls_exporter = BYTES_LIT(exporter) };
	const struct http_peer bare = { .tls = true };
	SCOPED(profile_version) v = { 0 };
	SCOPED(buf) body = { 0 };

	(void)state;
	OK(profile_give(boss, bytes_of(text), "bound.ini", PROFILE_NEW, &v));
	csr_text(office_ec, "dev", &body);
	assert_int_equal(try_post(EST "issuing.bound/simpleenroll", basic, &body, peer), 422);
	csr_bound(office_ec, "dev", "MDEyMzQ1Njc4OWFi", &body); /* unique */
	assert_int_equal(try_post(EST "issuing.bound/simpleenroll", basic, &body, peer), 200);
	assert_int_equal(try_post(EST "issuing/simpleenroll", basic, &body, peer), 200);
	assert_int_equal(try_post(EST "issuing.bound/simpleenroll", basic, &body, bare), 422);
	csr_bound(office_ec, "dev", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", &body);
	assert_int_equal(try_post(EST "issuing.bound/simpleenroll", basic, &body, peer), 200);
	csr_bound(office_ec, "dev", "something else", &body);
	assert_int_equal(try_post(EST "issuing/simpleenroll", basic, &body, peer), 422);
}

/* A device that asks gets nothing by which it would speak for the CA, or for more than itself. */
static void test_trusted_profiles(void **state)
{
	static const char *const profiles[] = { "ocsp-signer", "ra-signer", "code-signing" };
	static const char slow[] = "[profile]\nname = slow-signer\n[validity]\nperiod = 30d\n[key]\ntypes = ec-p256\n"
				   "[usage]\nkey_usage = digitalSignature\nextended = codeSigning\n"
				   "[issuing]\napprove = yes\n";
	SCOPED(profile_version) v = { 0 };
	SCOPED(buf) body = { 0 };
	SCOPED(buf) keyless = { 0 };
	char path[80], plain[200];

	(void)state;
	csr_text(office_ec, "dev", &body);
	csr_text(office_ec, "plain", &keyless);
	credentials("plain", "Secret-abcdef-0123456789", plain, sizeof plain);
	for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
		snprintf(path, sizeof path, EST "issuing.%s/simpleenroll", profiles[i]);
		assert_int_equal(try_post(path, basic, &body, (struct http_peer) { 0 }), 403);
		snprintf(path, sizeof path, EST "issuing.%s/serverkeygen", profiles[i]);
		assert_int_equal(try_post(path, plain, &keyless, (struct http_peer) { 0 }), 403);
	}
	OK(profile_give(boss, bytes_of(slow), "slow.ini", PROFILE_NEW, &v));
	assert_int_equal(try_post(EST "issuing.slow-signer/simpleenroll", basic, &body, (struct http_peer) { 0 }), 202);
}

/* ---- renewal ---- */

static void test_renewal(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	struct blob cert = { 0 }, next = { 0 };
	SCOPED(buf) body = { 0 };
	SCOPED(buf) foreign = { 0 };
	struct http_answer a;

	(void)state;
	enrolled(office_ec, &cert);
	csr_text(key, "dev", &body);
	csr_text(key, "plain", &foreign);
	/* who is known by his key alone is not asked for it again; who is not known is */
	assert_int_equal(try_post(EST "issuing/simplereenroll", basic, &body, (struct http_peer) { 0 }),
			 403);
	assert_int_equal(try_post(EST "issuing/simplereenroll", NULL, &body, (struct http_peer) { 0 }), 401);
	assert_int_equal(try_post(EST "issuing/simplereenroll", NULL, &foreign, with_cert(&cert)), 422);
	assert_int_equal(try_post(EST "root/simplereenroll", NULL, &body, with_cert(&cert)), 422);
	assert_int_equal(post(EST "issuing/simplereenroll", NULL, buf_bytes(&body), with_cert(&cert), &a),
			 200);
	assert_int_equal(certs_in(buf_bytes(&a.body), &next), 1);
	ask_clear(&a);
	/* The answer was lost; the old certificate is superseded by now. */
	assert_int_equal(post(EST "issuing/simplereenroll", NULL, buf_bytes(&body), with_cert(&cert), &a),
			 200);
	free(cert.p);
	cert = (struct blob) { 0 };
	assert_int_equal(certs_in(buf_bytes(&a.body), &cert), 1);
	assert_true(bytes_equal(blob_bytes(&cert), blob_bytes(&next)));
	ask_clear(&a);
	free(cert.p);
	free(next.p);
	EVP_PKEY_free(key);
}

/* ---- keys made here ---- */

static void test_key_in_the_clear(void **state)
{
	SCOPED(buf) body = { 0 };
	struct http_answer a;
	char plain[200];

	(void)state;
	credentials("plain", "Secret-abcdef-0123456789", plain, sizeof plain);
	csr_text(office_ec, "dev", &body);
	assert_int_equal(try_post(EST "issuing/serverkeygen", basic, &body, (struct http_peer) { 0 }),
			 422);
	csr_text(office_ec, "plain", &body);
	assert_int_equal(post(EST "issuing/serverkeygen", plain, buf_bytes(&body),
			      (struct http_peer) { .tls = true }, &a),
			 200);
	assert_string_equal(a.type, "multipart/mixed; boundary=" BODY_BOUNDARY);
	assert_true(a.body.secret);
	assert_non_null(memmem(a.body.p, a.body.n, "Content-Type: application/pkcs8\r\n", 33));
	assert_non_null(memmem(a.body.p, a.body.n, "--" BODY_BOUNDARY "--\r\n", 19));
	ask_clear(&a);
}

/* ---- ours to blame ---- */

static void test_token_locked(void **state)
{
	SCOPED(buf) body = { 0 };
	struct core *cold = office_open(db);

	(void)state;
	csr_text(office_ec, "dev", &body);
	office_pin = NULL;
	core_close(worker);
	worker = cold;
	assert_int_equal(enrol(basic, &body), 500);
	office_pin = OFFICE_PIN;
	assert_int_equal(enrol(basic, &body), 200);
}

static void test_expired_ca(void **state)
{
	SCOPED(buf) body = { 0 };

	(void)state;
	csr_text(office_ec, "dev", &body);
	clock_set_test(NOW + INT64_C(50) * 366 * 86400);
	assert_int_equal(enrol(basic, &body), 409);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_cacerts),
		T(test_default_label),
		T(test_csrattrs),
		T(test_who),
		T(test_who_by_certificate),
		T(test_enrol_and_again),
		T(test_bodies),
		T(test_another_devices_csr),
		T(test_wrong_possession),
		T(test_approval),
		T(test_channel_binding),
		T(test_renewal), T(test_trusted_profiles),
		T(test_key_in_the_clear),
		T(test_token_locked),
		T(test_expired_ca),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
