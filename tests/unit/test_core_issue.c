/* test_core_issue - from a request to a certificate that libcrypto accepts, and every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/x509v3.h>

#include "backoffice/core/group.h"
#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/token/token.h"
#include "base/clock.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DAY	    86400

static EVP_PKEY *ec, *rsa, *weak;

static int group_setup(void **state)
{
	(void)state;
	office_tokens();
	ec = office_key("P-256");
	rsa = office_key("rsa:2048");
	weak = office_key("rsa:1024");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(weak);
	return 0;
}

static int setup(void **state)
{
	return office_setup(state, "issue");
}

static void add_device(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, NULL, &d));
}

static enum inro_err issue_for(struct core *c, EVP_PKEY *key, const char *cn, const char *device,
			       struct cred *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = device };

	office_csr(key, cn, &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, ret);
}

static long long count(const char *what)
{
	char sql[512];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", what);
	return office_ask(office_db, sql);
}

/* A group's policy says of what type its devices' keys are; symmetric types say nothing of pairs.
 */
static void test_key_types_of_a_group(void **state)
{
	struct core *c = *state;
	const struct device_fields in = { .group = "line" };
	const struct group_change aes = { .policy = "{\"key_types\":[\"aes-128\"]}" };
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) now = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(cred) cred = { 0 };

	OK(group_add(c, "line", "{\"key_types\":[\"ec-p384\",\"rsa-3072\"]}", &g));
	OK(device_add(c, "d", &in, &d));
	assert_int_equal(issue_for(c, ec, "d", "d", &cred), INRO_E_POLICY);
	OK(group_update(c, "line", &aes, &now));
	OK(issue_for(c, ec, "d", "d", &cred));
}

static void test_issue(void **state)
{
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	SCOPED(device) d = { 0 };
	X509 *x;

	add_device(c, "dev-0001");
	OK(issue_for(c, ec, "dev-0001", "dev-0001", &cred));
	assert_int_equal(cred.state, CRED_ACTIVE);
	assert_string_equal(cred.device_id, "dev-0001");
	assert_string_equal(cred.ca_name, "issuing");
	assert_string_equal(cred.rec.subject, "CN=dev-0001");
	assert_string_equal(cred.rec.profile, "tls-client");
	assert_null(cred.reason);
	assert_int_equal(cred.rec.fingerprint.n, 32);
	assert_int_equal(cred.rec.key_hash.n, 32);
	assert_in_range(cred.rec.serial.n, 8, 20);
	assert_int_equal(cred.rec.serial.p[0] & 0x80, 0);
	assert_int_equal(office_verify(c, "issuing", &cred.rec.cert, BYTES_NONE), X509_V_OK);
	x = office_x509(&cred.rec.cert);
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 1);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), ec), 1);
	X509_free(x);
	OK(device_get(c, "dev-0001", &d));
	assert_int_equal(d.state, DEVICE_ACTIVE);
}

static void test_rsa_and_japanese(void **state)
{
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };

	OK(issue_for(c, rsa, "プレス機 '1'; --", NULL, &cred));
	assert_non_null(strstr(cred.rec.subject, "プレス機 '1'"));
	assert_null(cred.device_id);
	assert_int_equal(office_verify(c, "issuing", &cred.rec.cert, BYTES_NONE), X509_V_OK);
}

static void hex_of(const struct blob *b, char *out, size_t cap)
{
	SCOPED(buf) text = { 0 };

	buf_add_hex(&text, blob_bytes(b));
	buf_add_u8(&text, 0);
	OK(buf_err(&text));
	snprintf(out, cap, "%s", (const char *)text.p);
}

static void gives(struct core *c, const char *ref, int64_t id)
{
	SCOPED(cred) cred = { 0 };

	OK(cred_get(c, ref, &cred));
	assert_int_equal(cred.rec.id, id);
}

static void test_names_of_a_certificate(void **state)
{
	static const char *const none[] = { "999", "id:x", "serial:00",	 "sha256:0011",
					    "zz",  "-1",   "0123456789", "1 OR 1=1" };
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	char hex[80], ref[100];

	OK(issue_for(c, ec, "x", NULL, &cred));
	snprintf(ref, sizeof ref, "%lld", (long long)cred.rec.id);
	gives(c, ref, cred.rec.id);
	snprintf(ref, sizeof ref, "id:%lld", (long long)cred.rec.id);
	gives(c, ref, cred.rec.id);
	hex_of(&cred.rec.serial, hex, sizeof hex);
	gives(c, hex, cred.rec.id);
	snprintf(ref, sizeof ref, "serial:00%s", hex);
	gives(c, ref, cred.rec.id);
	hex_of(&cred.rec.fingerprint, hex, sizeof hex);
	gives(c, hex, cred.rec.id);
	snprintf(ref, sizeof ref, "sha256:%.2s:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4, hex + 6);
	gives(c, ref, cred.rec.id);
	cred_clear(&cred);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		FAILS(INRO_E_NOT_FOUND, cred_get(c, none[i], &cred));
	FAILS(INRO_E_ARG, cred_get(c, "", &cred));
	FAILS(INRO_E_ARG, cred_get(c, NULL, &cred));
}

static void test_lists(void **state)
{
	const enum cred_state active = CRED_ACTIVE, expired = CRED_EXPIRED;
	const struct {
		struct cred_filter f;
		int64_t later;
		size_t n;
	} cases[] = {
		{ { .device = "d1" }, 0, 2 },
		{ { .device = "d2" }, 0, 1 },
		{ { .ca = "issuing" }, 0, 3 },
		{ { .ca = "root" }, 0, 2 }, /* its own and the issuing CA's */
		{ { .state = &active }, 0, 5 },
		{ { .state = &expired }, 0, 0 },
		{ { .due_days = 30 }, 0, 0 },
		{ { .due_days = 30 }, 380 * DAY, 3 },
		{ { .due_days = 30, .device = "d1" }, 380 * DAY, 2 },
		{ { .state = &expired }, 400 * DAY, 3 },
		{ { .state = &expired, .device = "d2" }, 400 * DAY, 1 },
		{ { .state = &active }, 400 * DAY, 2 },
	};
	struct core *c = *state;
	int64_t now = clock_now();

	add_device(c, "d1");
	add_device(c, "d2");
	for (int i = 0; i < 3; i++) {
		SCOPED(cred) cred = { 0 };

		OK(issue_for(c, i < 2 ? ec : rsa, i < 2 ? "d1" : "d2", i < 2 ? "d1" : "d2", &cred));
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct cred_search s = { .filter = cases[i].f };
		SCOPED(cred_found) l = { 0 };

		clock_set_test(now + cases[i].later);
		OK(cred_search(c, &s, &l));
		if (l.n != cases[i].n)
			fail_msg("case %zu: %zu", i, l.n);
	}
	{
		const struct cred_search nobody = { .filter.device = "nobody" };
		SCOPED(cred_found) l = { 0 };

		FAILS(INRO_E_NOT_FOUND, cred_search(c, &nobody, &l));
	}
}

static void refused(struct core *c, const struct cred_request *r, enum inro_err e)
{
	long long before = count("credential"), events = count("event WHERE outcome = 'refused'");
	SCOPED(cred) cred = { 0 };

	FAILS(e, cred_issue(c, r, &cred));
	assert_int_equal(count("credential"), before);
	assert_int_equal(count("event WHERE outcome = 'refused'"), events + 1);
}

static void test_refused_requests(void **state)
{
	struct core *c = *state;
	SCOPED(buf) good = { 0 };
	SCOPED(buf) poor = { 0 };
	SCOPED(buf) twin = { 0 };
	SCOPED(ca_view) ca = { 0 };
	const struct ca_request twin_ca = {
		.name = "twin", .subject = "CN=Twin", .token = "ca", .label = office_label
	};
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };

	OK(ca_create(c, &twin_ca, &ca));
	office_csr(ec, "x", &good);
	office_csr(weak, "x", &poor);
	r.csr = buf_bytes(&poor);
	refused(c, &r, INRO_E_POLICY);
	r.csr = buf_bytes(&good);
	r.profile = "no-such-profile";
	refused(c, &r, INRO_E_NOT_FOUND);
	r.profile = NULL;
	refused(c, &r, INRO_E_ARG);
	r.profile = "sub-ca";
	refused(c, &r, INRO_E_POLICY);
	r.profile = "tls-client";
	r.ca = "root";
	office_csr(ec, "Twin", &twin);
	r.csr = buf_bytes(&twin);
	refused(c, &r, INRO_E_POLICY); /* a CA's name */
	r.csr = buf_bytes(&good);
	r.ca = "nobody";
	refused(c, &r, INRO_E_NOT_FOUND);
	r.ca = "'; DROP TABLE ca; --";
	refused(c, &r, INRO_E_ARG);
	r.ca = "issuing";
	r.device = "nobody";
	refused(c, &r, INRO_E_NOT_FOUND);
	r.device = NULL;
	r.csr = bytes_of("hello");
	refused(c, &r, INRO_E_SYNTAX);
	r.csr = BYTES_NONE;
	refused(c, &r, INRO_E_SYNTAX);
	good.p[good.n - 1] ^= 1; /* the signature's last octet */
	r.csr = buf_bytes(&good);
	refused(c, &r, INRO_E_SIGNATURE);
}

static void test_refused_devices(void **state)
{
	struct core *c = *state;
	SCOPED(buf) csr = { 0 };
	SCOPED(device) d = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = "d" };
	size_t n;

	office_csr(ec, "d", &csr);
	r.csr = buf_bytes(&csr);
	add_device(c, "d");
	OK(device_switch(c, "d", VERB_DISABLE, NULL, &d));
	refused(c, &r, INRO_E_STATE);
	OK(device_delete(c, "d", NULL, &n));
	refused(c, &r, INRO_E_NOT_FOUND);
	office_csr(ec, "somebody-else", &csr);
	r.csr = buf_bytes(&csr);
	add_device(c, "d");
	refused(c, &r, INRO_E_POLICY);
}

static void test_pins(void **state)
{
	struct core *c;
	struct core_options o = office_options();
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };
	SCOPED(cred) cred = { 0 };

	core_close(*state); /* a login is the whole process's */
	office_csr(ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	o.ask_pin = NULL;
	c = office_open_as(office_db, o);
	refused(c, &r, INRO_E_PIN_MISSING);
	core_close(c);
	c = office_open(office_db);
	*state = c;
	office_pin = NULL;
	refused(c, &r, INRO_E_PIN_MISSING);
	office_pin = "000000";
	refused(c, &r, INRO_E_PIN_WRONG);
	office_pin = OFFICE_PIN;
	office_asked = 0;
	OK(cred_issue(c, &r, &cred));
	cred_clear(&cred);
	OK(cred_issue(c, &r, &cred));
	assert_int_equal(office_asked, 1);
}

static void test_a_missing_token(void **state)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };

	office_csr(ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	office_sql(office_db, "UPDATE ca SET key_uri = 'pkcs11:token=gone;object=x;type=private'");
	refused(*state, &r, INRO_E_NOT_FOUND);
	/* Another CA's key: found, but not the one in the certificate. */
	office_sql(office_db,
		   "UPDATE ca SET key_uri = (SELECT key_uri FROM credential WHERE own_ca = 1)");
	refused(*state, &r, INRO_E_CONFIG);
}

/* What is recorded of a URI names the key; it opens nothing. */
/* A key in token "ca" that no CA has: of one that was given up. */
static void spare_key(struct core *c, struct ca_view *ret)
{
	const struct ca_request r = {
		.name = "spare", .subject = "CN=Spare", .token = "ca", .external = true
	};

	OK(ca_create(c, &r, ret));
	ca_view_clear(ret);
	OK(ca_move(c, "spare", VERB_CANCEL, NULL, ret));
}

static void test_a_key_reference_opens_nothing(void **state)
{
	static const char *const uris[] = {
		"pkcs11:token=line;object=x?pin-value=424242",
		"pkcs11:token=line;object=x?pin-source=/secret/424242",
	};
	struct core *c = *state;
	SCOPED(buf) csr = { 0 };
	SCOPED(ca_view) spare = { 0 };
	SCOPED(ca_view) v = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };
	struct ca_request twin = { .name = "twin", .subject = "CN=Twin" };
	char uri[600];

	office_csr(ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		SCOPED(cred) cred = { 0 };

		r.key_uri = uris[i];
		OK(cred_issue(c, &r, &cred));
		assert_string_equal(cred.rec.key_uri, "pkcs11:token=line;object=x");
	}
	spare_key(c, &spare);
	snprintf(uri, sizeof uri, "%s?pin-value=" OFFICE_PIN, spare.rec.key_uri);
	twin.key_uri = uri;
	OK(ca_create(c, &twin, &v));
	assert_null(strstr(v.rec.key_uri, "pin"));
	assert_int_equal(count("credential WHERE key_uri LIKE '%pin%'"), 0);
	assert_int_equal(count("ca WHERE key_uri LIKE '%pin%'"), 0);
	assert_true(office_said(c, "tls-client") > 0);
	assert_int_equal(office_said(c, "424242"), 0);
	assert_int_equal(office_said(c, OFFICE_PIN), 0);
}

static void test_days(void **state)
{
	struct core *c = *state;
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .days = 5 };
	SCOPED(cred) cred = { 0 };
	int64_t now = clock_now();

	office_csr(ec, "x", &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &cred));
	assert_in_range(cred.rec.not_after, now + 5 * DAY - 1, now + 5 * DAY + 60);
	r.days = 398;
	refused(c, &r, INRO_E_POLICY);
	r.days = 4000000;
	refused(c, &r, INRO_E_ARG);
}

static void test_cas(void **state)
{
	struct core *c = *state;
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_list) l = { 0 };
	SCOPED(chain) chain = { 0 };
	SCOPED(cred) own = { 0 };
	char ref[32];

	OK(ca_get(c, "issuing", &v));
	assert_string_equal(v.parent_name, "root");
	assert_null(v.why_not);
	assert_string_equal(v.rec.profile, "sub-ca");
	assert_string_equal(v.rec.subject, "CN=Issuing,O=Example");
	OK(ca_find(c, NULL, &l));
	assert_int_equal(l.n, 2);
	assert_null(l.items[0].parent_name);
	OK(ca_chain(c, "issuing", 0, &chain));
	assert_int_equal(chain.n, 2);
	assert_int_equal(office_verify(c, "root", &chain.certs[0], BYTES_NONE), X509_V_OK);
	assert_int_equal(office_verify(c, "root", &chain.certs[1], BYTES_NONE), X509_V_OK);
	snprintf(ref, sizeof ref, "%lld", (long long)v.credential);
	OK(cred_get(c, ref, &own));
	assert_string_equal(own.own_ca_name, "issuing");
	assert_string_equal(own.ca_name, "root");
}

static void ca_refused(struct core *c, const struct ca_request *r, enum inro_err e)
{
	size_t keys = office_count("ca", CKO_PRIVATE_KEY),
	       pubs = office_count("ca", CKO_PUBLIC_KEY);
	long long cas = count("ca"), creds = count("credential");
	SCOPED(ca_view) v = { 0 };

	FAILS(e, ca_create(c, r, &v));
	assert_int_equal(office_count("ca", CKO_PRIVATE_KEY), keys);
	assert_int_equal(office_count("ca", CKO_PUBLIC_KEY), pubs);
	assert_int_equal(count("ca"), cas);
	assert_int_equal(count("credential"), creds);
}

static void test_refused_cas(void **state)
{
	const struct ca_request good = { .name = "new", .subject = "CN=New", .token = "ca" };
	struct core *c = *state;
	struct ca_request r = good;

	r.name = "root";
	ca_refused(c, &r, INRO_E_EXISTS);
	r.name = "a b";
	ca_refused(c, &r, INRO_E_ARG);
	r = good;
	r.subject = "";
	ca_refused(c, &r, INRO_E_ARG);
	r.subject = "New";
	ca_refused(c, &r, INRO_E_SYNTAX);
	r = good;
	r.parent = "nobody";
	ca_refused(c, &r, INRO_E_NOT_FOUND);
	r.parent = "issuing"; /* path length 0 */
	ca_refused(c, &r, INRO_E_POLICY);
	r = good;
	r.profile = "tls-client";
	ca_refused(c, &r, INRO_E_POLICY);
	r.profile = "nothing";
	ca_refused(c, &r, INRO_E_NOT_FOUND);
	r = good;
	r.key_type = "rsa-17";
	ca_refused(c, &r, INRO_E_UNSUPPORTED);
	r = good;
	r.key_type = "rsa-2048"; /* the profile wants 3072 */
	ca_refused(c, &r, INRO_E_POLICY);
	r = good;
	r.key_uri = "pkcs11:token=ca;object=x";
	ca_refused(c, &r, INRO_E_ARG);
	r.token = NULL;
	ca_refused(c, &r, INRO_E_NOT_FOUND);
	r = good;
	r.token = "nowhere";
	ca_refused(c, &r, INRO_E_NOT_FOUND);
}

/* A run that ended after the key was made; and a key of that label that is somebody's. */
static void test_a_ca_with_the_key_that_is_left(void **state)
{
	struct core *c = *state;
	struct ca_request r = {
		.name = "left", .subject = "CN=Left", .token = "ca", .label = office_label
	};
	SCOPED(p11_uri) u = { 0 };
	struct token_key_plan plan = { .label = office_label };
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	SCOPED(ca_view) v = { 0 };
	size_t keys;

	OK(p11_uri_parse("pkcs11:token=ca", &u));
	OK(pki_key_kind_find("ec-p256", &plan.kind));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	OK(token_key_generate(t, &plan, &k));
	keys = office_count("ca", CKO_PRIVATE_KEY);
	r.key_type = "ec-p384";
	ca_refused(c, &r, INRO_E_EXISTS);
	r.key_type = NULL;
	OK(ca_create(c, &r, &v));
	assert_int_equal(office_count("ca", CKO_PRIVATE_KEY), keys);
	r.name = "second";
	ca_refused(c, &r, INRO_E_EXISTS); /* now it is in use */
}

static void test_a_ca_on_a_key_that_is_there(void **state)
{
	struct core *c = *state;
	SCOPED(ca_view) root = { 0 };
	SCOPED(ca_view) spare = { 0 };
	SCOPED(ca_view) v = { 0 };
	struct ca_request r = { .name = "twin", .subject = "CN=Twin" };

	OK(ca_get(c, "root", &root));
	r.key_uri = root.rec.key_uri;
	ca_refused(c, &r, INRO_E_EXISTS); /* two CAs don't have one key */
	spare_key(c, &spare);
	r.key_uri = spare.rec.key_uri;
	OK(ca_create(c, &r, &v));
	assert_string_equal(v.rec.key_uri, spare.rec.key_uri);
	r.subject = "nonsense";
	r.name = "third";
	ca_refused(c, &r, INRO_E_SYNTAX); /* and the key is not deleted */
}

static void test_a_ca_with_a_japanese_name(void **state)
{
	struct core *c = *state;
	SCOPED(ca_view) v = { 0 };
	struct ca_request r = { .name = "jp",
				.subject = "/C=JP/O=株式会社 '例'/CN=発行局",
				.token = "ca",
				.label = "鍵 ';--" };

	OK(ca_create(c, &r, &v));
	assert_string_equal(v.rec.subject, "CN=発行局,O=株式会社 '例',C=JP");
	assert_int_equal(office_verify(c, "jp", &v.rec.cert, BYTES_NONE), X509_V_OK);
}

static void test_revoked_ca_issues_nothing(void **state)
{
	const struct cred_revocation why = { .reason = "cACompromise" };
	struct core *c = *state;
	SCOPED(ca_view) v = { 0 };
	SCOPED(cred) own = { 0 };
	SCOPED(cred) cred = { 0 };
	char ref[32];

	OK(ca_get(c, "root", &v));
	snprintf(ref, sizeof ref, "%lld", (long long)v.credential);
	OK(cred_move(c, ref, VERB_HOLD, NULL, &own));
	FAILS(INRO_E_STATE, issue_for(c, ec, "x", NULL, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "root"));
	cred_clear(&own);
	OK(cred_move(c, ref, VERB_RELEASE, NULL, &own));
	OK(issue_for(c, ec, "x", NULL, &cred));
	cred_clear(&cred);
	cred_clear(&own);
	ca_view_clear(&v);
	OK(ca_get(c, "issuing", &v));
	snprintf(ref, sizeof ref, "%lld", (long long)v.credential);
	OK(cred_revoke(c, ref, &why, &own));
	assert_string_equal(own.reason, "cACompromise");
	ca_view_clear(&v);
	OK(ca_get(c, "issuing", &v));
	assert_int_equal(v.rec.state, CA_REVOKED);
	assert_string_equal(v.why_not, "it is revoked");
	FAILS(INRO_E_STATE, issue_for(c, ec, "x", NULL, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "revoked"));
}

static void test_retired_and_expired_ca(void **state)
{
	struct core *c = *state;
	SCOPED(ca_view) v = { 0 };
	SCOPED(cred) cred = { 0 };

	clock_set_test(clock_now() + INT64_C(3660) * DAY);
	FAILS(INRO_E_STATE, issue_for(c, ec, "x", NULL, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "expired"));
	clock_set_test(0);
	OK(ca_move(c, "root", VERB_RETIRE, "the end", &v));
	assert_int_equal(v.rec.state, CA_RETIRED);
	FAILS(INRO_E_STATE, issue_for(c, ec, "x", NULL, &cred));
	ca_view_clear(&v);
	FAILS(INRO_E_STATE, ca_move(c, "root", VERB_RETIRE, NULL, &v));
	FAILS(INRO_E_ARG, ca_move(c, "root", VERB_REVOKE, NULL, &v));
}

static void nameless_csr(struct buf *ret)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int n;

	assert_int_equal(X509_REQ_set_pubkey(req, ec), 1);
	assert_true(X509_REQ_sign(req, ec, EVP_sha256()) > 0);
	n = i2d_X509_REQ(req, &der);
	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	X509_REQ_free(req);
}

/* Whose names are alternative ones alone: all that is done with a certificate is done with it. */
static void test_no_subject(void **state)
{
	static const char nameless[] = "[profile]\nname = nameless\n[validity]\nperiod = 7d\n[key]\ntypes = ec-p256\n"
				       "[subject]\nrequired =\n[san]\nallowed = DNS\ndefault = DNS:${device.id}.example\n"
				       "[usage]\nkey_usage = digitalSignature\n";
	const struct cred_revocation why = { .reason = "superseded" };
	const struct cred_search mine = { .where = "kind=certificate device=d" };
	struct core *c = *state;
	struct cred_request r = { .ca = "issuing", .profile = "nameless", .device = "d", .request_id = "one" };
	struct cred_renewal next = { 0 };
	SCOPED(profile_version) v = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) same = { 0 };
	SCOPED(cred) second = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(cred_found) f = { 0 };
	char ref[24];

	OK(profile_give(c, bytes_of(nameless), "nameless.ini", PROFILE_NEW, &v));
	add_device(c, "d");
	nameless_csr(&csr);
	r.csr = next.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &first));
	assert_null(first.rec.subject);
	assert_int_equal(office_verify(c, "issuing", &first.rec.cert, BYTES_NONE), X509_V_OK);
	OK(cred_issue(c, &r, &same));
	assert_int_equal(same.rec.id, first.rec.id);
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	OK(cred_renew(c, ref, &next, &second));
	assert_null(second.rec.subject);
	OK(cred_search(c, &mine, &f));
	assert_int_equal(f.n, 2);
	OK(cred_revoke(c, ref, &why, &gone));
	assert_int_equal(gone.state, CRED_REVOKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_subject, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_issue, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_key_types_of_a_group, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_rsa_and_japanese, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_names_of_a_certificate, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_lists, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_refused_requests, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_refused_devices, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_pins, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_a_missing_token, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_a_key_reference_opens_nothing, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_days, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_cas, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_refused_cas, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_a_ca_with_the_key_that_is_left, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_a_ca_on_a_key_that_is_there, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_a_ca_with_a_japanese_name, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_revoked_ca_issues_nothing, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_retired_and_expired_ca, setup,
						office_teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
