/*
 * test_core_enrol - what a device asks for itself: labels, the same request again, other devices'
 * names, renewals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/confirm.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/network.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"
#include "base/der.h"
#include "tests/lib/enrolling.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define NOW	    ENROLLING_NOW
#define DAY	    INT64_C(86400)

static struct enrolling who;
static struct core *c;
static struct device *const dev = &who.dev, *const other = &who.other;
static struct label *const tls = &who.tls;

static int setup(void **state)
{
	(void)state;
	enrolling_open("enrol", &who);
	c = who.c;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	enrolling_close(&who);
	return 0;
}

/* ---- labels ---- */

static void test_labels(void **state)
{
	struct label l;

	(void)state;
	OK(label_parse(c, "issuing", &l));
	assert_string_equal(l.ca, "issuing");
	assert_string_equal(l.profile, "");
	OK(label_parse(c, "issuing.tls-server", &l));
	assert_string_equal(l.ca, "issuing");
	assert_string_equal(l.profile, "tls-server");
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "issuing.nothing", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "nobody.tls-server", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "nobody", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "issuing.", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, ".tls-server", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "a b", &l));
}

static void test_labels_of_devices(void **state)
{
	struct label l;

	(void)state;
	OK(label_for(c, "issuing", dev, &l));
	assert_string_equal(l.profile, "tls-client");
	OK(label_for(c, "root", other, &l));
	assert_string_equal(l.ca, "root");
	assert_string_equal(l.profile, "mqtt-client");
	OK(label_for(c, "issuing.tls-server", other, &l));
	assert_string_equal(l.profile, "tls-server");
	OK(label_for(c, NULL, other, &l));
	assert_string_equal(l.ca, "issuing");
	FAILS(INRO_E_NOT_FOUND, label_for(c, NULL, dev, &l));
	OK(label_for(c, "issuing", NULL, &l));
	assert_string_equal(l.profile, "tls-client");
}

/* A CA may be called as a CA with a profile would be: the whole name counts first. */
static void test_label_with_dots(void **state)
{
	SCOPED(ca_view) v = { 0 };
	char key[60];
	struct label l;

	(void)state;
	snprintf(key, sizeof key, "%s-dot", who.name);
	OK(ca_create(c, &(struct ca_request) { .name = "issuing.tls-server",
					       .subject = "CN=Dotted",
					       .token = "ca",
					       .label = key },
		     &v));
	OK(label_parse(c, "issuing.tls-server", &l));
	assert_string_equal(l.ca, "issuing.tls-server");
	OK(label_parse(c, "issuing.tls-server.tls-client", &l));
	assert_string_equal(l.ca, "issuing.tls-server");
	assert_string_equal(l.profile, "tls-client");
}

/* ---- first certificates ---- */

static void test_the_same_request_again(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	SCOPED(cred) third = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_issue(c, &in, &first));
	assert_false(enrol_waits(&first));
	OK(enrol_issue(c, &in, &second));
	assert_int_equal(first.rec.id, second.rec.id);
	/* When its certificate has ended, it is a request for the next one. */
	clock_set_test(NOW + 400 * DAY);
	OK(enrol_issue(c, &in, &third));
	assert_int_not_equal(first.rec.id, third.rec.id);
}

static void test_a_revoked_one_is_not_given_again(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(cred) again = { 0 };
	char ref[32];
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_issue(c, &in, &first));
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	OK(cred_revoke(c, ref, &(struct cred_revocation) { .reason = "superseded" }, &gone));
	FAILS(INRO_E_POLICY, enrol_issue(c, &in, &again));
}

static void test_another_devices_name(void **state)
{
	static const char *const types[] = { "CN", "serialNumber", "UID" };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	struct enrol in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		enrolling_request(office_ec, types[i], "other", NULL, BYTES_NONE, &csr);
		in = enrolling_of(&who, dev, &csr);
		FAILS(INRO_E_POLICY, enrol_issue(c, &in, &cred));
		assert_non_null(strstr(err_detail(INRO_E_POLICY), "'other'"));
	}
	enrolling_request(office_ec, "CN", "nobody", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	FAILS(INRO_E_POLICY, enrol_issue(c, &in, &cred)); /* by the profile's bind */
	buf_truncate(&csr, csr.n - 1);
	in = enrolling_of(&who, dev, &csr);
	FAILS(INRO_E_SYNTAX, enrol_issue(c, &in, &cred));
}

/* ---- what a device gets by itself ---- */

/* The core works as "dev" from here on. */
static void become_dev(void)
{
	const struct core_who me = { .tenant = dev->tenant,
				     .actor = "device:dev",
				     .role = ROLE_DEVICE,
				     .device = dev->id };

	OK(core_become(c, &me));
}

/* What binds no name is no way to another device's, and a renewal goes on by the profile that was. */
static void test_names_without_bind(void **state)
{
	static const char *const cases[][2] = { /* as it is said, whose it is */
		{ "OTHER", "other" },	  { "oTHEr", "other" },	    { " Other ", "other" },
		{ "press-7", "Press-7" }, { "PRESS-7", "Press-7" }, { "Press-7", "Press-7" },
	};
	static const char loose[] = "[profile]\nname = loose\n[validity]\nperiod = 9d\n[key]\ntypes = ec-p256\n";
	static const char *const blank[] = { " other", "other ", "  other  " };
	struct cred_request r = { .ca = "issuing", .profile = "loose", .device = "dev" };
	SCOPED(profile_version) v = { 0 };
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) next = { 0 };
	SCOPED(cred) old = { 0 };
	SCOPED(cred) new = { 0 };
	SCOPED(device) press = { 0 };
	struct label signer;
	struct enrol in;

	(void)state;
	OK(profile_give(c, bytes_of(loose), "loose.ini", PROFILE_NEW, &v));
	OK(device_add(c, "Press-7", &(struct device_fields) { 0 }, &press));
	OK(label_for(c, "issuing.ocsp-signer", dev, &signer));
	enrolling_request(office_ec, "CN", "other", NULL, BYTES_NONE, &csr);
	enrolling_request(key, "CN", "thing", NULL, BYTES_NONE, &next);
	EVP_PKEY_free(key);
	become_dev();
	r.csr = buf_bytes(&csr);
	FAILS(INRO_E_POLICY, cred_issue(c, &r, &old));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "for device 'other'"));
	for (size_t i = 0; i < ARRAY_LEN(blank); i++) {
		enrolling_request(office_ec, "CN", blank[i], NULL, BYTES_NONE, &csr);
		r.csr = buf_bytes(&csr);
		FAILS(INRO_E_POLICY, cred_issue(c, &r, &old));
		assert_non_null(strstr(err_detail(INRO_E_POLICY), "for device 'other'"));
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char said[40];

		snprintf(said, sizeof said, "for device '%s'", cases[i][1]);
		enrolling_request(office_ec, "CN", cases[i][0], NULL, BYTES_NONE, &csr);
		r.csr = buf_bytes(&csr);
		FAILS(INRO_E_POLICY, cred_issue(c, &r, &old));
		assert_non_null(strstr(err_detail(INRO_E_POLICY), said));
	}
	enrolling_request(office_ec, "CN", "thing", NULL, BYTES_NONE, &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &old));
	in = enrolling_of(&who, dev, &next);
	in.label = &signer;
	OK(enrol_renew(c, &in, blob_bytes(&old.rec.cert), &new));
	assert_string_equal(new.rec.profile, "loose");
}

/* Its own id in other case, or one that is free again, is no other's. */
static void test_case_of_its_own(void **state)
{
	static const char loose[] = "[profile]\nname = loose\n[validity]\nperiod = 9d\n[key]\ntypes = ec-p256\n";
	static const char *const names[] = { "DEV", "Dev", "gone", "GONE", "Gone" };
	struct cred_request r = { .ca = "issuing", .profile = "loose", .device = "dev" };
	SCOPED(profile_version) v = { 0 };
	SCOPED(device) gone = { 0 };
	SCOPED(device) d = { 0 };
	size_t revoked;

	(void)state;
	OK(profile_give(c, bytes_of(loose), "loose.ini", PROFILE_NEW, &v));
	OK(device_add(c, "Gone", &(struct device_fields) { 0 }, &gone));
	OK(device_delete(c, "Gone", NULL, &revoked));
	FAILS(INRO_E_NOT_FOUND, device_called(c, "DEV", dev->id, &d));
	OK(device_called(c, "DEV", 0, &d));
	assert_int_equal(d.id, dev->id);
	become_dev();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		SCOPED(buf) csr = { 0 };
		SCOPED(cred) cred = { 0 };

		enrolling_request(office_ec, "CN", names[i], NULL, BYTES_NONE, &csr);
		r.csr = buf_bytes(&csr);
		OK(cred_issue(c, &r, &cred));
	}
}

static void give_signing(const char *extended, enum profile_giving how)
{
	SCOPED(profile_version) v = { 0 };
	char text[300];

	snprintf(text, sizeof text,
		 "[profile]\nname = signing\n[validity]\nperiod = 9d\n[key]\ntypes = ec-p256\n[usage]\nkey_usage = "
		 "digitalSignature\nextended = %s\n",
		 extended);
	OK(profile_give(c, bytes_of(text), "signing.ini", how, &v));
}

/* With a key of its own. */
static void first_signing(struct core *by, struct cred *ret)
{
	struct cred_request r = { .ca = "issuing", .profile = "signing", .device = "dev" };
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };

	enrolling_request(key, "CN", "dev", NULL, BYTES_NONE, &csr);
	EVP_PKEY_free(key);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(by, &r, ret));
}

/* *cred becomes its successor. */
static enum inro_err renew_signing(struct core *by, struct cred *cred)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) new = { 0 };
	struct cred_renewal r = { 0 };
	char ref[32];
	enum inro_err e;

	enrolling_request(key, "CN", "dev", NULL, BYTES_NONE, &csr);
	EVP_PKEY_free(key);
	r.csr = buf_bytes(&csr);
	snprintf(ref, sizeof ref, "id:%lld", (long long)cred->rec.id);
	e = cred_renew(by, ref, &r, &new);
	if (e != INRO_OK)
		return e;
	cred_clear(cred);
	*cred = new;
	new = (struct cred) { 0 };
	return INRO_OK;
}

/* What a device got for the asking, when it could, ends; what a person gave it renews as often as it has to, as long
 * as it is known who gave it. */
static void test_trusted_is_renewed_as_it_was_given(void **state)
{
	SCOPED(cred) got = { 0 };
	SCOPED(cred) given = { 0 };
	struct core *boss;
	char db[48], sql[100];
	int64_t operators;

	(void)state;
	snprintf(db, sizeof db, "%s.db", who.name);
	boss = office_open(db);
	give_signing("clientAuth", PROFILE_NEW);
	first_signing(boss, &given);
	operators = given.rec.id;
	become_dev();
	first_signing(c, &got);
	OK(renew_signing(c, &got));
	core_close(c);
	c = who.c = boss;
	give_signing("clientAuth codeSigning", PROFILE_ANOTHER);
	boss = office_open(db);
	become_dev();
	FAILS(INRO_E_ACCESS, renew_signing(c, &got));
	assert_non_null(strstr(err_detail(INRO_E_ACCESS), "an operator renews it"));
	OK(renew_signing(c, &given));
	OK(renew_signing(c, &given));
	/* Which the renewals say, too: one is enough that is still in the audit. */
	snprintf(sql, sizeof sql, "DELETE FROM event WHERE subject = 'certificate:%lld'", (long long)operators);
	office_sql(db, sql);
	OK(renew_signing(c, &given));
	OK(renew_signing(boss, &got));
	OK(renew_signing(c, &got));
	snprintf(sql, sizeof sql, "DELETE FROM event WHERE subject = 'certificate:%lld'", (long long)got.rec.id);
	office_sql(db, sql);
	FAILS(INRO_E_ACCESS, renew_signing(c, &got));
	assert_non_null(strstr(err_detail(INRO_E_ACCESS), "no longer in the audit"));
	core_close(boss);
}

/* A list of profiles is for whoever asks; the first one is the usual one. */
static void test_profiles_of_a_group(void **state)
{
	const struct cred_request r = { .ca = "issuing", .profile = "tls-server", .device = "dev" };
	struct cred_request asked = r;
	SCOPED(device_group) g = { 0 };
	SCOPED(device) moved = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	struct label l;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	asked.csr = buf_bytes(&csr);
	OK(group_add(c, "listed", "{\"profiles\": [\"mqtt-client\", \"tls-client\"]}", &g));
	OK(device_update(c, "dev", &(struct device_fields) { .group = "listed" }, &moved));
	OK(label_for(c, "issuing", &moved, &l));
	assert_string_equal(l.profile, "mqtt-client");
	FAILS(INRO_E_POLICY, cred_issue(c, &asked, &cred));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "has no profile 'tls-server'"));
	become_dev();
	FAILS(INRO_E_POLICY, cred_issue(c, &asked, &cred));
	asked.profile = "tls-client";
	OK(cred_issue(c, &asked, &cred));
}

/* Whoever asks again by a request that waits learns that; by one that was refused, that, for a day. */
static void test_waiting(void **state)
{
	static const char text[] = "[profile]\nname = slow\n[validity]\nperiod = 30d\n[key]\ntypes = "
				   "ec-p256\n[issuing]\napprove = yes\n";
	SCOPED(profile_version) v = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) asked = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(cred) refused = { 0 };
	SCOPED(cred) anew = { 0 };
	struct label slow;
	struct enrol in;
	char ref[32];

	(void)state;
	OK(profile_give(c, bytes_of(text), "slow.ini", PROFILE_NEW, &v));
	OK(label_for(c, "issuing.slow", dev, &slow));
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	in.label = &slow;
	OK(enrol_issue(c, &in, &asked));
	assert_true(enrol_waits(&asked));
	OK(enrol_issue(c, &in, &again));
	assert_int_equal(asked.rec.id, again.rec.id);
	snprintf(ref, sizeof ref, "id:%lld", (long long)asked.rec.id);
	OK(cred_reject(c, ref, "no", &refused));
	cred_clear(&again);
	FAILS(INRO_E_POLICY, enrol_issue(c, &in, &again));
	clock_set_test(NOW + 2 * DAY);
	OK(enrol_issue(c, &in, &anew));
	assert_true(enrol_waits(&anew));
	assert_int_not_equal(asked.rec.id, anew.rec.id);
}

/* ---- what has to be confirmed ---- */

static void test_confirmed_in_time_or_not(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) kept = { 0 };
	SCOPED(cred) lost = { 0 };
	SCOPED(cred) now = { 0 };
	SCOPED(cred) none = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	in.confirm_by = NOW + 600;
	in.transaction = "cmp-i-01";
	OK(enrol_issue(c, &in, &kept));
	in.transaction = "cmp-i-02";
	OK(enrol_issue(c, &in, &lost));
	assert_int_not_equal(kept.rec.id, lost.rec.id);
	OK(confirm_find(c, "cmp-i-01", dev->id, &now));
	assert_int_equal(now.rec.id, kept.rec.id);
	FAILS(INRO_E_NOT_FOUND, confirm_find(c, "cmp-i-01", other->id, &none));
	FAILS(INRO_E_NOT_FOUND, confirm_find(c, "cmp-i-03", dev->id, &none));
	OK(confirm_done(c, &now));
	OK(confirm_done(c, &now));
	OK(confirm_sweep(c));
	clock_set_test(NOW + 601);
	OK(confirm_sweep(c));
	OK(confirm_sweep(c));
	cred_clear(&now);
	OK(confirm_find(c, "cmp-i-01", dev->id, &now));
	assert_int_equal(now.state, CRED_ACTIVE);
	cred_clear(&now);
	OK(confirm_find(c, "cmp-i-02", dev->id, &now));
	assert_int_equal(now.state, CRED_REVOKED);
	assert_int_equal(now.rec.reason, CRL_CESSATION);
}

/* Issued by a clock that was ahead: nobody has until then to confirm it once that was set right. */
static void test_unconfirmed_by_a_clock_ahead(void **state)
{
	const int64_t ahead = NOW + 400 * DAY;
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) lost = { 0 };
	SCOPED(cred) now = { 0 };
	struct issue_times times;
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	clock_set_test(ahead);
	in.confirm_by = ahead + 600;
	in.transaction = "cmp-i-06";
	OK(enrol_issue(c, &in, &lost));
	clock_set_test(NOW);
	OK(issue_time_accept(c, "battery", &times));
	OK(confirm_sweep(c));
	OK(confirm_find(c, "cmp-i-06", dev->id, &now));
	assert_int_equal(now.state, CRED_ACTIVE);
	assert_in_range(now.rec.confirm_by, NOW + 1, NOW + CONFIRM_APPROVED + 60);
	cred_clear(&now);
	clock_set_test(NOW + CONFIRM_APPROVED + 61);
	OK(confirm_sweep(c));
	OK(confirm_find(c, "cmp-i-06", dev->id, &now));
	assert_int_equal(now.state, CRED_REVOKED);
}

/* It ended before anybody looked: nothing to revoke, and nothing that stops the sweep. */
static void test_expired_unconfirmed(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) lost = { 0 };
	SCOPED(cred) now = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	in.confirm_by = NOW + 600;
	in.transaction = "cmp-i-05";
	OK(enrol_issue(c, &in, &lost));
	clock_set_test(lost.rec.not_after + 1);
	OK(confirm_sweep(c));
	OK(confirm_find(c, "cmp-i-05", dev->id, &now));
	assert_int_equal(now.state, CRED_EXPIRED);
	assert_int_equal(now.rec.confirm_by, 0);
}

/* The same number for another key is another request. */
static void test_a_transaction_is_one_request(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) next = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	enrolling_request(key, "CN", "dev", NULL, BYTES_NONE, &next);
	in = enrolling_of(&who, dev, &csr);
	in.transaction = "cmp-i-09";
	OK(enrol_issue(c, &in, &first));
	in.csr = buf_bytes(&next);
	FAILS(INRO_E_EXISTS, enrol_issue(c, &in, &second));
	EVP_PKEY_free(key);
}

/* ---- renewals ---- */

static void test_renewal(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) next = { 0 };
	SCOPED(buf) named = { 0 };
	SCOPED(cred) old = { 0 };
	SCOPED(cred) new = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(cred) none = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	enrolling_request(key, "CN", "dev", NULL, BYTES_NONE, &next);
	enrolling_request(key, "O", "Elsewhere", NULL, BYTES_NONE, &named);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_issue(c, &in, &old));
	in = enrolling_of(&who, dev, &named);
	FAILS(INRO_E_POLICY, enrol_renew(c, &in, blob_bytes(&old.rec.cert), &none));
	in = enrolling_of(&who, other, &next);
	FAILS(INRO_E_POLICY, enrol_renew(c, &in, blob_bytes(&old.rec.cert), &none));
	in = enrolling_of(&who, dev, &next);
	OK(enrol_renew(c, &in, blob_bytes(&old.rec.cert), &new));
	assert_int_equal(new.rec.replaces, old.rec.id);
	/* The answer was lost: the same again. */
	OK(enrol_renew(c, &in, blob_bytes(&old.rec.cert), &again));
	assert_int_equal(new.rec.id, again.rec.id);
	EVP_PKEY_free(key);
}

/* One key, and a signature that is the same each time: the request has no octet that is new. */
static void test_renewal_by_the_first_request(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	SCOPED(cred) third = { 0 };
	SCOPED(cred) again = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_issue(c, &in, &first));
	OK(enrol_renew(c, &in, blob_bytes(&first.rec.cert), &second));
	assert_int_equal(second.rec.replaces, first.rec.id);
	OK(enrol_renew(c, &in, blob_bytes(&second.rec.cert), &third));
	assert_int_equal(third.rec.replaces, second.rec.id);
	OK(enrol_renew(c, &in, blob_bytes(&second.rec.cert), &again));
	assert_int_equal(again.rec.id, third.rec.id);
}

/* A request id that a first certificate has is not one for its successor. */
static void test_request_id_of_a_first_one(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(cred) none = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = "dev", .request_id = "mine" };
	struct cred_renewal n = { .request_id = "mine" };
	char ref[32];

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	r.csr = n.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &first));
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	FAILS(INRO_E_EXISTS, cred_renew(c, ref, &n, &none));
	n.request_id = "another";
	OK(cred_renew(c, ref, &n, &again));
	assert_int_equal(again.rec.replaces, first.rec.id);
	r.request_id = "another";
	FAILS(INRO_E_EXISTS, cred_issue(c, &r, &none));
}

static void test_renewal_of_another_ca(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) old = { 0 };
	SCOPED(cred) none = { 0 };
	struct label root;
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_issue(c, &in, &old));
	OK(label_for(c, "root", dev, &root));
	in.label = &root;
	FAILS(INRO_E_POLICY, enrol_renew(c, &in, blob_bytes(&old.rec.cert), &none));
}

/* ---- what is wanted ---- */

static void test_wanted(void **state)
{
	SCOPED(buf) mine = { 0 };
	SCOPED(buf) anybodys = { 0 };
	struct bytes seq;

	(void)state;
	OK(enrol_wanted(c, tls, dev, &mine));
	OK(der_only(buf_bytes(&mine), DER_SEQUENCE, &seq));
	assert_non_null(memmem(mine.p, mine.n, "\x0c\x03""dev", 5));
	OK(enrol_wanted(c, tls, NULL, &anybodys));
	assert_null(memmem(anybodys.p, anybodys.n, "dev", 3));
}

/* ---- certificates of CAs ---- */

static void test_chain(void **state)
{
	SCOPED(chain) before = { 0 };
	SCOPED(chain) after = { 0 };
	SCOPED(ca_view) v = { 0 };
	char key[60];

	(void)state;
	OK(enrol_chain(c, "issuing", &before));
	assert_int_equal(before.n, 2);
	snprintf(key, sizeof key, "%s-next", who.name);
	OK(ca_rollover(c, &(struct ca_rollover) { .name = "root", .token = "ca", .label = key }, &v));
	/* issuing is under the old key: the chain, and what leads from either root to the other. */
	OK(enrol_chain(c, "root", &after));
	assert_int_equal(after.n, 4);
	FAILS(INRO_E_NOT_FOUND, enrol_chain(c, "nobody", &before));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_labels),
		T(test_labels_of_devices),
		T(test_label_with_dots),
		T(test_the_same_request_again),
		T(test_a_revoked_one_is_not_given_again),
		T(test_another_devices_name),
		T(test_names_without_bind),
		T(test_case_of_its_own),
		T(test_trusted_is_renewed_as_it_was_given),
		T(test_profiles_of_a_group),
		T(test_waiting),
		T(test_confirmed_in_time_or_not),
		T(test_unconfirmed_by_a_clock_ahead), T(test_expired_unconfirmed),
		T(test_a_transaction_is_one_request),
		T(test_renewal),
		T(test_renewal_by_the_first_request),
		T(test_request_id_of_a_first_one),
		T(test_renewal_of_another_ca),
		T(test_wanted),
		T(test_chain),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
