/* test_core_life - what happens to certificates after they were issued: revoked, held, renewed,
 * expired; revocation lists; provisioned devices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/core/provision.h"
#include "backoffice/token/token.h"
#include "base/clock.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DAY	    86400

static int setup(void **state)
{
	return office_setup(state, "life");
}

struct issued {
	char ref[24];
	struct cred cred;
};

static void issue_key(struct core *c, EVP_PKEY *key, struct issued *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };

	office_csr(key, "x", &csr);
	r.csr = buf_bytes(&csr);
	*ret = (struct issued) { 0 };
	OK(cred_issue(c, &r, &ret->cred));
	snprintf(ret->ref, sizeof ret->ref, "id:%lld", (long long)ret->cred.rec.id);
}

static void issue(struct core *c, struct issued *ret)
{
	issue_key(c, office_ec, ret);
}

/* What libcrypto says of the certificate with a fresh list of the issuing CA. */
static int verdict(struct core *c, const struct issued *i)
{
	SCOPED(buf) crl = { 0 };
	struct crl_info info;

	OK(ca_crl(c, "issuing", 0, &crl, &info));
	return office_verify(c, "issuing", &i->cred.rec.cert, buf_bytes(&crl));
}

static X509_CRL *fresh_crl(struct core *c, const char *ca, unsigned days, struct crl_info *info)
{
	SCOPED(buf) der = { 0 };
	const unsigned char *p;
	X509_CRL *crl;

	OK(ca_crl(c, ca, days, &der, info));
	p = der.p;
	crl = d2i_X509_CRL(NULL, &p, (long)der.n);
	assert_non_null(crl);
	assert_ptr_equal(p, der.p + der.n);
	return crl;
}

static long entry_reason(X509_CRL *crl, const struct issued *i)
{
	X509 *x = office_x509(&i->cred.rec.cert);
	X509_REVOKED *entry = NULL;
	ASN1_ENUMERATED *code;
	long reason;

	assert_int_equal(X509_CRL_get0_by_cert(crl, &entry, x), 1);
	code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
	reason = code ? ASN1_ENUMERATED_get(code) : 0;
	ASN1_ENUMERATED_free(code);
	X509_free(x);
	return reason;
}

static void test_revoke(void **state)
{
	const struct cred_revocation why = { .reason = "keyCompromise",
					     .invalid_at = clock_now() - DAY,
					     .why = "見つかった '; --" };
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	struct crl_info info;
	struct issued i;
	X509_CRL *crl;

	issue(c, &i);
	assert_int_equal(verdict(c, &i), X509_V_OK);
	OK(cred_revoke(c, i.ref, &why, &cred));
	assert_int_equal(cred.state, CRED_REVOKED);
	assert_string_equal(cred.reason, "keyCompromise");
	assert_int_equal(verdict(c, &i), X509_V_ERR_CERT_REVOKED);
	crl = fresh_crl(c, "issuing", 0, &info);
	assert_int_equal(info.entries, 1);
	assert_int_equal(entry_reason(crl, &i), 1);
	X509_CRL_free(crl);
	cred_clear(&cred);
	FAILS(INRO_E_STATE, cred_revoke(c, i.ref, &why, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "retire"));
	cred_clear(&i.cred);
}

static void check_state(struct core *c, const struct issued *i, enum cred_state state,
			const char *reason)
{
	SCOPED(cred) cred = { 0 };

	OK(cred_get(c, i->ref, &cred));
	assert_int_equal(cred.state, state);
	if (reason)
		assert_string_equal(text_or_empty(cred.reason), reason);
	else
		assert_null(cred.reason);
}

/* The other certificates of a compromised key go with it; those of other keys, and any for another
 * reason, stay. */
static void test_compromised_key_takes_all_along(void **state)
{
	const struct cred_revocation plain = { .reason = "superseded" };
	const struct cred_revocation why = { .reason = "keyCompromise",
					     .invalid_at = clock_now() - DAY,
					     .why = "lost" };
	struct core *c = *state;
	EVP_PKEY *other_key = office_key("P-256");
	SCOPED(cred) cred = { 0 };
	struct issued first, second, held, third, other;
	struct crl_info info;
	X509_CRL *crl;

	issue(c, &first);
	issue(c, &second);
	issue(c, &held);
	issue(c, &third);
	issue_key(c, other_key, &other);
	OK(cred_move(c, held.ref, VERB_HOLD, NULL, &cred));
	cred_clear(&cred);
	OK(cred_revoke(c, third.ref, &plain, &cred));
	assert_int_equal(cred.kin_n, 0);
	cred_clear(&cred);
	check_state(c, &first, CRED_ACTIVE, NULL);
	OK(cred_revoke(c, first.ref, &why, &cred));
	assert_int_equal(cred.kin_n, 2);
	assert_true(cred.kin[0].revoked && cred.kin[1].revoked);
	assert_int_equal(cred.kin[0].id + cred.kin[1].id, second.cred.rec.id + held.cred.rec.id);
	check_state(c, &second, CRED_REVOKED, "keyCompromise");
	check_state(c, &held, CRED_REVOKED, "keyCompromise");
	check_state(c, &third, CRED_REVOKED, "superseded");
	check_state(c, &other, CRED_ACTIVE, NULL);
	assert_int_equal(office_ask(office_db,
				    "SELECT count(*) FROM event "
				    "WHERE action = 'certificate.revoke' AND outcome = 'done'"),
			 4);
	crl = fresh_crl(c, "issuing", 0, &info);
	assert_int_equal(info.entries, 4);
	assert_int_equal(entry_reason(crl, &second), 1);
	assert_int_equal(entry_reason(crl, &held), 1);
	X509_CRL_free(crl);
	EVP_PKEY_free(other_key);
	cred_clear(&first.cred);
	cred_clear(&second.cred);
	cred_clear(&held.cred);
	cred_clear(&third.cred);
	cred_clear(&other.cred);
}

/* A CA's certificate is no matter of passing: it is told, and stands. */
static void test_compromised_key_of_a_ca_is_told(void **state)
{
	const struct cred_revocation why = { .reason = "keyCompromise" };
	struct core *c = *state;
	SCOPED(ca_view) ca = { 0 };
	SCOPED(cred) cred = { 0 };
	struct issued i;
	char sql[160];

	issue(c, &i);
	OK(ca_get(c, "issuing", &ca));
	snprintf(sql, sizeof sql,
		 "UPDATE credential SET key_hash = (SELECT key_hash FROM credential WHERE id = "
		 "%lld) "
		 "WHERE id = %lld",
		 (long long)ca.credential, (long long)i.cred.rec.id);
	office_sql(office_db, sql);
	OK(cred_revoke(c, i.ref, &why, &cred));
	assert_int_equal(cred.kin_n, 1);
	assert_int_equal(cred.kin[0].id, ca.credential);
	assert_false(cred.kin[0].revoked);
	ca_view_clear(&ca);
	OK(ca_get(c, "issuing", &ca));
	assert_int_equal(ca.rec.state, CA_ACTIVE);
	cred_clear(&i.cred);
}

static void test_reasons(void **state)
{
	static const struct {
		const char *name;
		long code;
	} reasons[] = {
		{ NULL, 0 },
		{ "unspecified", 0 },
		{ "keyCompromise", 1 },
		{ "cACompromise", 2 },
		{ "affiliationChanged", 3 },
		{ "superseded", 4 },
		{ "cessationOfOperation", 5 },
		{ "privilegeWithdrawn", 9 },
		{ "aACompromise", 10 },
	};
	static const char *const bad[] = { "certificateHold", "removeFromCRL", "because", "" };
	struct issued issued[ARRAY_LEN(reasons)], spare;
	struct cred_revocation why = { 0 };
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	struct crl_info info;
	X509_CRL *crl;

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		EVP_PKEY *own = office_key("P-256"); /* a compromised key takes all it has along */

		issue_key(c, own, &issued[i]);
		EVP_PKEY_free(own);
	}
	issue(c, &spare);
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		SCOPED(cred) done = { 0 };

		why.reason = reasons[i].name;
		OK(cred_revoke(c, issued[i].ref, &why, &done));
	}
	crl = fresh_crl(c, "issuing", 0, &info);
	assert_int_equal(info.entries, ARRAY_LEN(reasons));
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		assert_int_equal(entry_reason(crl, &issued[i]), reasons[i].code);
		cred_clear(&issued[i].cred);
	}
	X509_CRL_free(crl);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		why.reason = bad[i];
		FAILS(INRO_E_ARG, cred_revoke(c, spare.ref, &why, &cred));
	}
	why = (struct cred_revocation) { .invalid_at = clock_now() + 100 };
	FAILS(INRO_E_ARG, cred_revoke(c, spare.ref, &why, &cred));
	why = (struct cred_revocation) { 0 };
	FAILS(INRO_E_NOT_FOUND, cred_revoke(c, "id:999", &why, &cred));
	cred_clear(&spare.cred);
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

static void test_hold_and_release(void **state)
{
	const struct cred_revocation why = { .reason = "keyCompromise" };
	struct core *c = *state;
	struct crl_info info;
	struct issued i;
	X509_CRL *crl;
	int64_t since;

	issue(c, &i);
	{
		SCOPED(cred) cred = { 0 };

		OK(cred_move(c, i.ref, VERB_HOLD, "lost?", &cred));
		assert_int_equal(cred.state, CRED_SUSPENDED);
		assert_string_equal(cred.reason, "certificateHold");
		FAILS(INRO_E_STATE, cred_move(c, i.ref, VERB_HOLD, NULL, &cred));
	}
	crl = fresh_crl(c, "issuing", 0, &info);
	assert_int_equal(entry_reason(crl, &i), 6);
	X509_CRL_free(crl);
	{
		SCOPED(cred) cred = { 0 };

		OK(cred_move(c, i.ref, VERB_RELEASE, NULL, &cred));
		assert_null(cred.reason);
	}
	assert_int_equal(verdict(c, &i), X509_V_OK);
	{
		SCOPED(cred) held = { 0 };
		SCOPED(cred) revoked = { 0 };

		OK(cred_move(c, i.ref, VERB_HOLD, NULL, &held));
		since = held.rec.revoked_at;
		clock_set_test(clock_now() + DAY);
		OK(cred_revoke(c, i.ref, &why, &revoked));
		assert_int_equal(revoked.rec.revoked_at, since);
		assert_int_equal(revoked.rec.reason, 1);
	}
	cred_clear(&i.cred);
}

static void test_retire_and_archive(void **state)
{
	const struct cred_revocation why = { 0 };
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	struct issued i;

	issue(c, &i);
	FAILS(INRO_E_STATE, cred_move(c, i.ref, VERB_RETIRE, NULL, &cred));
	FAILS(INRO_E_STATE, cred_move(c, i.ref, VERB_ARCHIVE, NULL, &cred));
	FAILS(INRO_E_ARG, cred_move(c, i.ref, VERB_REVOKE, NULL, &cred));
	OK(cred_revoke(c, i.ref, &why, &cred));
	cred_clear(&cred);
	OK(cred_move(c, i.ref, VERB_RETIRE, "replaced", &cred));
	assert_int_equal(cred.state, CRED_RETIRED);
	assert_int_equal(verdict(c, &i), X509_V_ERR_CERT_REVOKED);
	cred_clear(&cred);
	OK(cred_move(c, i.ref, VERB_ARCHIVE, NULL, &cred));
	assert_int_equal(cred.state, CRED_ARCHIVED);
	cred_clear(&i.cred);
}

static void test_expiry(void **state)
{
	const struct cred_revocation why = { 0 };
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	struct crl_info info;
	struct issued dead, held;
	int64_t end;

	issue(c, &dead);
	issue(c, &held);
	OK(cred_move(c, held.ref, VERB_HOLD, NULL, &cred));
	cred_clear(&cred);
	end = dead.cred.rec.not_after;
	clock_set_test(end);
	OK(cred_get(c, dead.ref, &cred));
	assert_int_equal(cred.state, CRED_ACTIVE);
	cred_clear(&cred);
	clock_set_test(end + DAY);
	OK(cred_get(c, dead.ref, &cred));
	assert_int_equal(cred.state, CRED_EXPIRED);
	assert_int_equal(cred.rec.state, CRED_ACTIVE);
	cred_clear(&cred);
	FAILS(INRO_E_STATE, cred_revoke(c, dead.ref, &why, &cred));
	FAILS(INRO_E_STATE, cred_move(c, held.ref, VERB_RELEASE, NULL, &cred));
	OK(cred_move(c, dead.ref, VERB_RETIRE, NULL, &cred));
	assert_int_equal(cred.state, CRED_RETIRED);
	assert_null(cred.reason);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM event "
					       "WHERE action = 'certificate.expire'"),
			 1);
	/* RFC 5280 3.3: on one list past its end, then gone. */
	X509_CRL_free(fresh_crl(c, "issuing", 0, &info));
	assert_int_equal(info.entries, 1);
	clock_set_test(end + 2 * DAY);
	X509_CRL_free(fresh_crl(c, "issuing", 0, &info));
	assert_int_equal(info.entries, 0);
	cred_clear(&dead.cred);
	cred_clear(&held.cred);
}

static void test_crl_numbers_and_dates(void **state)
{
	struct core *c = *state;
	struct core *again;
	struct crl_info info;
	SCOPED(buf) der = { 0 };
	SCOPED(ca_view) v = { 0 };
	ASN1_INTEGER *number;
	X509_CRL *crl;

	for (int i = 1; i <= 3; i++) {
		crl = fresh_crl(c, "root", 0, &info);
		assert_int_equal(info.number, i);
		assert_int_equal(info.next_update - info.this_update, 7 * DAY);
		number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
		assert_int_equal(ASN1_INTEGER_get(number), i);
		ASN1_INTEGER_free(number);
		X509_CRL_free(crl);
	}
	again = office_open(office_db);
	X509_CRL_free(fresh_crl(again, "root", 30, &info));
	assert_int_equal(info.number, 4);
	assert_int_equal(info.next_update - info.this_update, 30 * DAY);
	core_close(again);
	FAILS(INRO_E_ARG, ca_crl(c, "root", 4000, &der, &info));
	FAILS(INRO_E_NOT_FOUND, ca_crl(c, "nobody", 0, &der, &info));
	OK(ca_get(c, "issuing", &v));
	clock_set_test(v.rec.not_after - DAY);
	X509_CRL_free(fresh_crl(c, "issuing", 0, &info));
	assert_int_equal(info.next_update, v.rec.not_after);
	clock_set_test(v.rec.not_after + DAY);
	FAILS(INRO_E_STATE, ca_crl(c, "issuing", 0, &der, &info));
}

/* A list that can't be signed costs no number. */
/* The number is spent; that there is a list is only recorded once it is signed. */
static void test_crl_that_is_not_signed(void **state)
{
	struct core *c = *state;
	SCOPED(ca_view) v = { 0 };
	SCOPED(p11_uri) u = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	SCOPED(buf) der = { 0 };
	struct crl_info info;
	long long at;
	size_t n;

	X509_CRL_free(fresh_crl(c, "issuing", 0, &info));
	at = office_ask(office_db, "SELECT crl_at FROM ca WHERE name = 'issuing'");
	OK(ca_get(c, "issuing", &v));
	OK(p11_uri_parse(v.rec.key_uri, &u));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	OK(token_delete(t, BYTES(u.id, u.id_n), TOKEN_KEYS, &n));
	clock_set_test(clock_now() + DAY);
	assert_int_not_equal(ca_crl(c, "issuing", 0, &der, &info), INRO_OK);
	assert_int_equal(der.n, 0);
	assert_int_equal(office_ask(office_db, "SELECT crl_number FROM ca WHERE name = 'issuing'"),
			 2);
	assert_int_equal(office_ask(office_db, "SELECT crl_at FROM ca WHERE name = 'issuing'"), at);
	assert_int_equal(office_ask(office_db,
				    "SELECT count(*) FROM event WHERE action = 'ca.crl' AND "
				    "outcome = 'done'"),
			 1);
}

static void test_crl_without_pin(void **state)
{
	struct crl_info info;
	SCOPED(buf) der = { 0 };
	struct core *c;

	(void)state;
	office_pin = NULL;
	c = office_open(office_db);
	FAILS(INRO_E_PIN_MISSING, ca_crl(c, "root", 0, &der, &info));
	office_pin = OFFICE_PIN;
	OK(ca_crl(c, "root", 0, &der, &info));
	assert_int_equal(info.number, 1);
	core_close(c);
}

static void add_device(struct core *c, const char *id, const struct device_fields *f)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, f, &d));
}

static void provision(struct core *c, const char *id, struct issued *ret)
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
	struct issued i;

	add_device(c, office_label, NULL);
	office_asked = 0;
	provision(c, office_label, &i);
	assert_true(office_asked <= 1); /* "ca" is open already */
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 1);
	assert_int_equal(office_count("line", CKO_CERTIFICATE), certs + 1);
	assert_int_equal(verdict(c, &i), X509_V_OK);
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
	struct issued i;

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

static void test_renew_with_the_same_key(void **state)
{
	const struct cred_renewal same = { 0 };
	struct core *c = *state;
	size_t keys, certs;
	SCOPED(cred) next = { 0 };
	SCOPED(cred) old = { 0 };
	SCOPED(cred) none = { 0 };
	struct issued i;

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
	assert_int_equal(verdict(c, &i), X509_V_ERR_CERT_REVOKED);
	cred_clear(&i.cred);
}

static void test_renew_with_a_new_key(void **state)
{
	const struct cred_renewal fresh = { .new_key = true };
	struct core *c = *state;
	SCOPED(cred) second = { 0 };
	SCOPED(cred) third = { 0 };
	char ref[24], name[64];
	struct issued i;

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
	struct issued i;
	char ref[24];

	issue(c, &i);
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
	struct issued i;
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
	assert_int_equal(verdict(c, &i), X509_V_ERR_CERT_REVOKED);
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
		cmocka_unit_test_setup_teardown(test_revoke, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_compromised_key_takes_all_along, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_compromised_key_of_a_ca_is_told, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_reasons, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_renewal_of_another, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_hold_and_release, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_retire_and_archive, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_expiry, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_crl_numbers_and_dates, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_crl_that_is_not_signed, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_crl_without_pin, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_refused, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_names, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_with_the_key_that_is_left, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_with_the_certificate_that_is_left,
						setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_provision_checks_first, setup,
						office_teardown),
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
