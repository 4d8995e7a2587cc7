/* test_core_profile - profiles in the database: versions, what a name means, whose they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/bulk.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tenant.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static int setup(void **state)
{
	return office_setup(state, "profile");
}

/* A profile whose certificates are valid for so many days. */
static enum inro_err give(struct core *c, const char *name, int days, enum profile_giving how,
			  int64_t *ret_version)
{
	SCOPED(profile_version) v = { 0 };
	char text[256];
	enum inro_err e;

	snprintf(text, sizeof text,
		 "[profile]\nname = %s\n[validity]\nperiod = %dd\n[key]\ntypes = ec-p256\n[usage]\n"
		 "key_usage = digitalSignature\n",
		 name, days);
	e = profile_give(c, bytes_of(text), "test.ini", how, &v);
	if (ret_version)
		*ret_version = v.version;
	return e;
}

static enum inro_err issue(struct core *c, const char *profile, struct cred *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = profile };

	office_csr(office_ec, "machine", &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, ret);
}

static int64_t days_of(const struct cred *cred)
{
	return (cred->rec.not_after - cred->rec.not_before) / 86400;
}

static void test_versions(void **state)
{
	struct core *c = *state;
	SCOPED(cred) one = { 0 };
	SCOPED(cred) two = { 0 };
	SCOPED(profile_list) l = { 0 };
	SCOPED(profile_version) old = { 0 };
	int64_t version;

	OK(give(c, "pump", 7, PROFILE_NEW, &version));
	assert_int_equal(version, 1);
	FAILS(INRO_E_EXISTS, give(c, "pump", 8, PROFILE_NEW, NULL));
	OK(issue(c, "pump", &one));
	OK(give(c, "pump", 30, PROFILE_ANOTHER, &version));
	assert_int_equal(version, 2);
	OK(issue(c, "pump", &two));
	assert_int_equal(days_of(&one), 7);
	assert_int_equal(one.rec.profile_version, 1);
	assert_int_equal(days_of(&two), 30);
	assert_int_equal(two.rec.profile_version, 2);
	OK(profile_history(c, "pump", &l));
	assert_int_equal(l.n, 2);
	assert_true(l.items[0].ended_ms != 0 && l.items[1].ended_ms == 0);
	assert_string_equal(l.items[0].actor, "tester");
	OK(profile_text(c, "pump", 1, &old));
	assert_non_null(memmem(old.body.p, old.body.n, "7d", 2));
	FAILS(INRO_E_NOT_FOUND, profile_text(c, "pump", 9, &old));
}

static void test_removed(void **state)
{
	struct core *c = *state;
	SCOPED(profile_version) gone = { 0 };
	SCOPED(profile) p = { 0 };
	SCOPED(cred) cred = { 0 };
	int64_t version;

	FAILS(INRO_E_NOT_FOUND, profile_remove(c, "pump", NULL, &gone));
	OK(give(c, "pump", 7, PROFILE_NEW, NULL));
	OK(profile_remove(c, "pump", "no more pumps", &gone));
	FAILS(INRO_E_NOT_FOUND, issue(c, "pump", &cred));
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "tls-client"));
	FAILS(INRO_E_NOT_FOUND, give(c, "pump", 9, PROFILE_ANOTHER, NULL));
	OK(give(c, "pump", 9, PROFILE_NEW, &version));
	assert_int_equal(version, 2);
	OK(profile_load(c, "pump", &p));
	assert_int_equal(p.version, 2);
}

static enum inro_err remove_pump(struct core *c)
{
	SCOPED(profile_version) gone = { 0 };

	return profile_remove(c, "pump", NULL, &gone);
}

static void set_policy(struct core *c, const char *policy)
{
	SCOPED(device_group) g = { 0 };

	OK(group_update(c, "plant", &(struct group_change) { .policy = policy }, &g));
}

/* What a policy names stays, and the error tells whose policy it is. */
static void test_named(void **state)
{
	static const char *const naming[] = { "{\"profile\":\"pump\"}",
					      "{\"profiles\":[\"tls-client\",\"pump\"]}" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(profile_version) gone = { 0 };

	OK(give(c, "pump", 7, PROFILE_NEW, NULL));
	OK(group_add(c, "plant", NULL, &g));
	for (size_t i = 0; i < ARRAY_LEN(naming); i++) {
		set_policy(c, naming[i]);
		FAILS(INRO_E_STATE, remove_pump(c));
		assert_non_null(strstr(err_detail(INRO_E_STATE), "group 'plant' names profile 'pump'"));
	}
	set_policy(c, "{\"profile\":\"tls-client\"}");
	OK(setting_change(c, "policy", naming[0], 0));
	FAILS(INRO_E_STATE, remove_pump(c));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "the setting 'policy'"));
	OK(setting_change(c, "policy", "{}", 0));
	OK(remove_pump(c));
	/* that of a name that is built in, too: the built-in one counts again */
	OK(give(c, "tls-client", 3, PROFILE_ANOTHER, NULL));
	OK(profile_remove(c, "tls-client", NULL, &gone));
}

/* What it names can't be told: it is said whose it is, and to set it anew is the way on. */
static void test_named_by_who_knows(void **state)
{
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };

	OK(give(c, "pump", 7, PROFILE_NEW, NULL));
	OK(group_add(c, "plant", NULL, &g));
	office_sql(office_db, "UPDATE device_group SET policy = '{\"profile\": 7' WHERE path = 'plant'");
	FAILS(INRO_E_STATE, remove_pump(c));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "policy of group 'plant'"));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "set that policy anew"));
	set_policy(c, "{}");
	OK(remove_pump(c));
}

/* A policy of a group that is gone names nothing. */
static void test_named_by_none(void **state)
{
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) gone = { 0 };

	OK(give(c, "pump", 7, PROFILE_NEW, NULL));
	OK(group_add(c, "plant", "{\"profile\":\"pump\"}", &g));
	FAILS(INRO_E_STATE, remove_pump(c));
	OK(group_delete(c, "plant", &gone));
	OK(remove_pump(c));
}

static void test_built_in(void **state)
{
	struct core *c = *state;
	SCOPED(cred) mine = { 0 };
	SCOPED(cred) theirs = { 0 };
	SCOPED(profile_version) gone = { 0 };

	FAILS(INRO_E_EXISTS, give(c, "tls-client", 3, PROFILE_NEW, NULL));
	FAILS(INRO_E_STATE, profile_remove(c, "tls-client", NULL, &gone));
	OK(give(c, "tls-client", 3, PROFILE_ANOTHER, NULL));
	OK(issue(c, "tls-client", &mine));
	assert_int_equal(days_of(&mine), 3);
	OK(profile_remove(c, "tls-client", NULL, &gone));
	OK(issue(c, "tls-client", &theirs));
	assert_int_equal(theirs.rec.profile_version, 0);
	assert_int_equal(days_of(&theirs), 397);
}

static void test_refused(void **state)
{
	struct core *c = *state;
	struct core_options o = office_options();
	SCOPED(profile_version) v = { 0 };
	struct core *other;

	FAILS(INRO_E_CONFIG, profile_give(c, bytes_of("[profile]\nname = x\nmore = 1\n"), "x.ini",
					  PROFILE_NEW, &v));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "x.ini"));
	OK(give(c, "pump", 7, PROFILE_NEW, NULL));
	o.role = ROLE_OPERATOR;
	other = office_open_as(office_db, o);
	FAILS(INRO_E_ACCESS, give(other, "valve", 7, PROFILE_NEW, NULL));
	FAILS(INRO_E_ACCESS, give(other, "pump", 7, PROFILE_ANOTHER, NULL));
	FAILS(INRO_E_ACCESS, profile_remove(other, "pump", NULL, &v));
	core_close(other);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM profile_version"), 1);
	assert_int_equal(office_ask(office_db,
				    "SELECT count(*) FROM event WHERE outcome = 'refused' AND "
				    "action LIKE 'profile.%'"),
			 3);
}

static void test_other_tenant(void **state)
{
	struct core *c = *state;
	struct core_options o = office_options();
	SCOPED(tenant) t = { 0 };
	SCOPED(profile) p = { 0 };
	struct core *other;

	OK(give(c, "pump", 7, PROFILE_NEW, NULL));
	OK(tenant_add(c, "acme", &t));
	o.tenant = "acme";
	other = office_open_as(office_db, o);
	FAILS(INRO_E_NOT_FOUND, profile_load(other, "pump", &p));
	assert_null(strstr(err_detail(INRO_E_NOT_FOUND), "there are pump"));
	OK(give(other, "pump", 8, PROFILE_NEW, NULL));
	core_close(other);
	OK(profile_load(c, "pump", &p));
	assert_int_equal(p.seconds, 7 * 86400);
}

/* Who has read a profile that is changed before the certificate is recorded tries again. */
static void test_changed_meanwhile(void **state)
{
	struct core *c = *state;
	const struct bulk_order order = { .ca = "issuing", .profile = "pump" };
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	SCOPED(buf) csr = { 0 };
	struct bulk_row row = { 0 };

	OK(give(c, "pump", 7, PROFILE_NEW, NULL));
	OK(cred_bulk_open(c, &order, &bulk));
	OK(give(c, "pump", 8, PROFILE_ANOTHER, NULL));
	office_csr(office_ec, "machine", &csr);
	row.csr = buf_bytes(&csr);
	FAILS(INRO_E_STATE, cred_bulk_issue(bulk, &row, 1));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "changed meanwhile"));
	bulk_row_clear(&row);
	assert_int_equal(
		office_ask(office_db, "SELECT count(*) FROM credential WHERE profile = 'pump'"), 0);
}

static void test_variables_of_the_record(void **state)
{
	struct core *c = *state;
	const struct device_fields f = { .group = "plant",
					 .serial = "SN-7",
					 .attrs = "{\"line\":7,\"safe\":true,\"who\":\"\u5370\"}" };
	struct cred_request r = { .ca = "issuing", .profile = "vars", .device = "pump-1" };
	SCOPED(device_group) g = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(profile_version) v = { 0 };
	SCOPED(cred) cred = { 0 };
	SCOPED(buf) csr = { 0 };

	OK(group_add(c, "plant", NULL, &g));
	OK(device_add(c, "pump-1", &f, &d));
	OK(profile_give(
		c,
		bytes_of("[profile]\nname = vars\n[validity]\nperiod = 1d\n[key]\ntypes = ec-p256\n"
			 "[usage]\nkey_usage = digitalSignature\n[subject]\nsource = profile\n"
			 "allowed = CN O OU serialNumber L ST\ndefault = CN=${device.id},"
			 "serialNumber=${device.serial},O=${device.group},OU=${device.attr.line},"
			 "L=${device.attr.safe},ST=${device.attr.who}\n"),
		"vars.ini", PROFILE_NEW, &v));
	office_csr(office_ec, "anything", &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &cred));
	assert_string_equal(cred.rec.subject, "CN=pump-1,serialNumber=SN-7,O=plant,OU=7,L=true,"
					      "ST=\xe5\x8d\xb0");
}

static void test_approval_wanted(void **state)
{
	struct core *c = *state;
	SCOPED(profile_version) v = { 0 };
	SCOPED(cred) cred = { 0 };

	OK(profile_give(
		c,
		bytes_of("[profile]\nname = slow\n[validity]\nperiod = 1d\n[key]\ntypes = ec-p256\n"
			 "[issuing]\napprove = yes\n"),
		"slow.ini", PROFILE_NEW, &v));
	OK(issue(c, "slow", &cred));
	assert_int_equal(cred.state, CRED_REQUESTED);
}

/* ---- one key, one owner ---- */

static void add_device(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, NULL, &d));
}

static enum inro_err issue_for(struct core *c, EVP_PKEY *key, const char *device,
			       const char *profile, struct cred *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = profile, .device = device };

	office_csr(key, device ? device : "machine", &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, ret);
}

static void assert_key_refused(struct core *c, const char *device, const char *says)
{
	SCOPED(cred) cred = { 0 };
	long long before = office_ask(office_db, "SELECT count(*) FROM credential");

	FAILS(INRO_E_POLICY, issue_for(c, office_ec, device, "tls-client", &cred));
	if (!strstr(err_detail(INRO_E_POLICY), says))
		fail_msg("'%s' is not in '%s'", says, err_detail(INRO_E_POLICY));
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM credential"), before);
}

static void test_key_of_another_device(void **state)
{
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) again = { 0 };
	size_t revoked;

	add_device(c, "one");
	add_device(c, "two");
	OK(issue_for(c, office_ec, "one", "tls-client", &cred));
	assert_key_refused(c, "two", "that of device 'one'");
	OK(issue_for(c, office_ec, "one", "tls-client", &again));
	OK(device_delete(c, "one", NULL, &revoked));
	assert_key_refused(c, "two", "that of device 'one'");
	add_device(c, "one");
	cred_clear(&again);
	OK(issue_for(c, office_ec, "one", "tls-client", &again));
}

static void test_compromised_key(void **state)
{
	struct core *c = *state;
	const struct cred_revocation why = { .reason = "keyCompromise" };
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) gone = { 0 };
	char ref[32];

	OK(issue_for(c, office_ec, NULL, "tls-client", &cred));
	snprintf(ref, sizeof ref, "id:%lld", (long long)cred.rec.id);
	OK(cred_revoke(c, ref, &why, &gone));
	assert_key_refused(c, NULL, "compromised");
}

static void test_one_certificate_a_key(void **state)
{
	struct core *c = *state;
	SCOPED(profile_version) v = { 0 };
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) more = { 0 };
	const struct cred_renewal same = { .new_key = false };
	SCOPED(buf) csr = { 0 };
	struct cred_renewal with_csr;
	char ref[32];

	OK(profile_give(c,
			bytes_of("[profile]\nname = once\n[validity]\nperiod = 9d\n[key]\n"
				 "types = ec-p256\n[renewal]\nreuse_key = no\n"),
			"once.ini", PROFILE_NEW, &v));
	OK(issue_for(c, office_ec, NULL, "once", &cred));
	FAILS(INRO_E_POLICY, issue_for(c, office_ec, NULL, "once", &more));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "a new key for each certificate"));
	office_csr(office_ec, "machine", &csr);
	with_csr = same;
	with_csr.csr = buf_bytes(&csr);
	snprintf(ref, sizeof ref, "id:%lld", (long long)cred.rec.id);
	FAILS(INRO_E_POLICY, cred_renew(c, ref, &with_csr, &more));
	assert_int_equal(
		office_ask(office_db, "SELECT count(*) FROM credential WHERE profile = 'once'"), 1);
	OK(issue_for(c, office_ec, NULL, "tls-client", &more));
}

/* Two requests of one run. */
static void test_one_key_in_one_run(void **state)
{
	struct core *c = *state;
	const struct bulk_order order = { .ca = "issuing", .profile = "tls-client" };
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	SCOPED(buf) one = { 0 };
	SCOPED(buf) two = { 0 };
	struct bulk_row rows[2] = { { .device = "one" }, { .device = "two" } };

	add_device(c, "one");
	add_device(c, "two");
	office_csr(office_ec, "one", &one);
	office_csr(office_ec, "two", &two);
	rows[0].csr = buf_bytes(&one);
	rows[1].csr = buf_bytes(&two);
	OK(cred_bulk_open(c, &order, &bulk));
	OK(cred_bulk_issue(bulk, rows, 2));
	OK(rows[0].error);
	FAILS(INRO_E_POLICY, rows[1].error);
	assert_non_null(strstr(rows[1].why, "same key"));
	for (size_t i = 0; i < 2; i++)
		bulk_row_clear(&rows[i]);
	rows[1] = (struct bulk_row) { .device = "two", .csr = buf_bytes(&two) };
	OK(cred_bulk_issue(bulk, rows + 1, 1));
	FAILS(INRO_E_POLICY, rows[1].error);
	assert_non_null(strstr(rows[1].why, "that of device 'one'"));
	bulk_row_clear(&rows[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

/* ---- challenge passwords ---- */

static void challenge_profile(struct core *c, const char *name, const char *challenge)
{
	SCOPED(profile_version) v = { 0 };
	char text[256];

	snprintf(text, sizeof text,
		 "[profile]\nname = %s\n[validity]\nperiod = 9d\n[key]\ntypes = ec-p256\n[usage]\n"
		 "key_usage = digitalSignature\n[issuing]\nchallenge = %s\n",
		 name, challenge);
	OK(profile_give(c, bytes_of(text), "test.ini", PROFILE_NEW, &v));
}

static void csr_with(EVP_PKEY *key, struct bytes challenge, struct buf *ret)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int n;

	assert_true(X509_REQ_set_pubkey(req, key));
	if (challenge.n)
		assert_true(X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword,
						      MBSTRING_UTF8, challenge.p,
						      (int)challenge.n));
	assert_true(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
					       (const unsigned char *)"machine", -1, -1, 0));
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	n = i2d_X509_REQ(req, &der);
	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	X509_REQ_free(req);
}

static EVP_PKEY *device_key;

static enum inro_err ask(struct core *c, const char *profile, const char *device,
			 struct bytes challenge)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = profile, .device = device };

	csr_with(device_key, challenge, &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, &cred);
}

static void test_challenge(void **state)
{
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(device) bare = { 0 };
	SCOPED(psk_new) psk = { 0 };
	struct bytes right, wrong = bytes_of("Wrong-1234567890");

	OK(device_add(c, "d1", NULL, &d));
	OK(device_add(c, "d2", NULL, &bare));
	OK(psk_issue(c, "d1", BYTES_NONE, &psk));
	right = secret_bytes(&psk.value);
	device_key = office_key("P-256");
	challenge_profile(c, "asks", "checked");
	challenge_profile(c, "wants", "required");
	OK(ask(c, "asks", "d2", wrong)); /* it has none to compare */
	FAILS(INRO_E_POLICY, ask(c, "wants", "d2", wrong));
	EVP_PKEY_free(device_key);
	device_key = office_ec;
	OK(ask(c, "asks", "d1", BYTES_NONE));
	OK(ask(c, "asks", "d1", right));
	FAILS(INRO_E_POLICY, ask(c, "asks", "d1", wrong));
	OK(ask(c, "wants", "d1", right));
	FAILS(INRO_E_POLICY, ask(c, "wants", "d1", BYTES_NONE));
	FAILS(INRO_E_POLICY, ask(c, "wants", NULL, right));
	FAILS(INRO_E_POLICY, ask(c, "wants", "d1", wrong));
	for (int i = 0; i < 4; i++)
		FAILS(INRO_E_POLICY, ask(c, "wants", "d1", wrong));
	FAILS(INRO_E_ACCESS, ask(c, "wants", "d1", right));
	FAILS(INRO_E_PIN_LOCKED, psk_verify(c, "d1", right));
	OK(psk_release(c, "d1"));
	OK(ask(c, "wants", "d1", right));
}

/* In bulk each request is compared, and stands alone. */
static void test_challenge_in_bulk(void **state)
{
	const struct bulk_order order = { .ca = "issuing", .profile = "wants" };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) psk = { 0 };
	struct buf csrs[3] = { 0 };
	struct bulk_row rows[3] = { 0 };
	struct cred_bulk *bulk = NULL;

	OK(device_add(c, "d1", NULL, &d));
	OK(psk_issue(c, "d1", BYTES_NONE, &psk));
	challenge_profile(c, "wants", "required");
	csr_with(office_ec, bytes_of("Wrong-1234567890"), &csrs[0]);
	csr_with(office_ec, BYTES_NONE, &csrs[1]);
	csr_with(office_ec, secret_bytes(&psk.value), &csrs[2]);
	for (size_t i = 0; i < 3; i++)
		rows[i] = (struct bulk_row) { .csr = buf_bytes(&csrs[i]), .device = "d1" };
	OK(cred_bulk_open(c, &order, &bulk));
	OK(cred_bulk_issue(bulk, rows, 3));
	assert_int_equal(rows[0].error, INRO_E_POLICY);
	assert_int_equal(rows[1].error, INRO_E_POLICY);
	assert_int_equal(rows[2].error, INRO_OK);
	cred_bulk_close(bulk);
	for (size_t i = 0; i < 3; i++) {
		bulk_row_clear(&rows[i]);
		buf_clear(&csrs[i]);
	}
}

/* Without the PIN that opens the pre-shared keys no request can be judged, and none is refused. */
static void test_challenge_without_pin(void **state)
{
	const struct bulk_order order = { .ca = "issuing", .profile = "wants" };
	const struct seal_key_request seal = { .token = "line" };
	struct core *c = *state, *other;
	SCOPED(device) d = { 0 };
	SCOPED(psk_new) psk = { 0 };
	SCOPED(buf) csr = { 0 };
	AUTO(free_chars) char *uri = NULL;
	struct cred_bulk *bulk = NULL;
	struct bulk_row row = { .device = "d1" };

	OK(seal_key_set(c, &seal, &uri));
	OK(device_add(c, "d1", NULL, &d));
	OK(psk_issue(c, "d1", BYTES_NONE, &psk));
	challenge_profile(c, "wants", "required");
	csr_with(office_ec, secret_bytes(&psk.value), &csr);
	row.csr = buf_bytes(&csr);
	other = office_open(office_db);
	OK(cred_bulk_open(other, &order, &bulk));
	office_pin = NULL;
	FAILS(INRO_E_TOKEN, cred_bulk_issue(bulk, &row, 1));
	OK(row.error);
	office_pin = OFFICE_PIN;
	OK(cred_bulk_issue(bulk, &row, 1));
	OK(row.error);
	assert_int_not_equal(row.rec.id, 0);
	bulk_row_clear(&row);
	cred_bulk_close(bulk);
	core_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_versions),
		T(test_removed),
		T(test_named),
		T(test_named_by_who_knows), T(test_named_by_none),
		T(test_built_in),
		T(test_refused),
		T(test_other_tenant),
		T(test_changed_meanwhile),
		T(test_variables_of_the_record),
		T(test_approval_wanted),
		T(test_key_of_another_device),
		T(test_compromised_key),
		T(test_one_certificate_a_key),
		T(test_one_key_in_one_run),
		T(test_challenge),
		T(test_challenge_in_bulk),
		T(test_challenge_without_pin),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
