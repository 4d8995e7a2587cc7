/* test_core_life - what happens to certificates after they were issued: revoked, held, retired,
 * expired; revocation lists. */
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

static long entry_reason(X509_CRL *crl, const struct office_issued *i)
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
	struct office_issued i;
	X509_CRL *crl;

	office_issue(c, &i);
	assert_int_equal(office_verdict(c, &i), X509_V_OK);
	OK(cred_revoke(c, i.ref, &why, &cred));
	assert_int_equal(cred.state, CRED_REVOKED);
	assert_string_equal(cred.reason, "keyCompromise");
	assert_int_equal(office_verdict(c, &i), X509_V_ERR_CERT_REVOKED);
	crl = fresh_crl(c, "issuing", 0, &info);
	assert_int_equal(info.entries, 1);
	assert_int_equal(entry_reason(crl, &i), 1);
	X509_CRL_free(crl);
	cred_clear(&cred);
	FAILS(INRO_E_STATE, cred_revoke(c, i.ref, &why, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "retire"));
	cred_clear(&i.cred);
}

static void check_state(struct core *c, const struct office_issued *i, enum cred_state state,
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
	struct office_issued first, second, held, third, other;
	struct crl_info info;
	X509_CRL *crl;

	office_issue(c, &first);
	office_issue(c, &second);
	office_issue(c, &held);
	office_issue(c, &third);
	office_issue_key(c, other_key, &other);
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
	struct office_issued i;
	char sql[160];

	office_issue(c, &i);
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
	struct office_issued issued[ARRAY_LEN(reasons)], spare;
	struct cred_revocation why = { 0 };
	struct core *c = *state;
	SCOPED(cred) cred = { 0 };
	struct crl_info info;
	X509_CRL *crl;

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		EVP_PKEY *own = office_key("P-256"); /* a compromised key takes all it has along */

		office_issue_key(c, own, &issued[i]);
		EVP_PKEY_free(own);
	}
	office_issue(c, &spare);
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

static void test_hold_and_release(void **state)
{
	const struct cred_revocation why = { .reason = "keyCompromise" };
	struct core *c = *state;
	struct crl_info info;
	struct office_issued i;
	X509_CRL *crl;
	int64_t since;

	office_issue(c, &i);
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
	assert_int_equal(office_verdict(c, &i), X509_V_OK);
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
	struct office_issued i;

	office_issue(c, &i);
	FAILS(INRO_E_STATE, cred_move(c, i.ref, VERB_RETIRE, NULL, &cred));
	FAILS(INRO_E_STATE, cred_move(c, i.ref, VERB_ARCHIVE, NULL, &cred));
	FAILS(INRO_E_ARG, cred_move(c, i.ref, VERB_REVOKE, NULL, &cred));
	OK(cred_revoke(c, i.ref, &why, &cred));
	cred_clear(&cred);
	OK(cred_move(c, i.ref, VERB_RETIRE, "replaced", &cred));
	assert_int_equal(cred.state, CRED_RETIRED);
	assert_int_equal(office_verdict(c, &i), X509_V_ERR_CERT_REVOKED);
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
	struct office_issued dead, held;
	int64_t end;

	office_issue(c, &dead);
	office_issue(c, &held);
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

/* ---- destroyed ---- */

static void end(struct core *c, const char *ref)
{
	SCOPED(cred) revoked = { 0 };
	SCOPED(cred) retired = { 0 };

	OK(cred_revoke(c, ref, &(struct cred_revocation) { .reason = "superseded" }, &revoked));
	OK(cred_retire(c, ref, NULL, NULL, &retired));
}

static char other[24];

/* Another program has found that this certificate has the key, too, and left the key where it is. */
static void destroy_other(void)
{
	char sql[96];

	office_before_write = NULL;
	snprintf(sql, sizeof sql, "UPDATE credential SET state = 'destroyed' WHERE id = %s", other + 3);
	office_sql(office_db, sql);
	office_sql(office_db, "UPDATE tally SET n = n - 1 WHERE name = 'certificate/retired'");
}

/* Two certificates of one key, destroyed at once: it goes with the second. */
static void test_destroyed_at_once(void **state)
{
	const struct provision_request r = { .device = "d", .token = "line", .label = office_label, .ca = "issuing",
					     .profile = "tls-client" };
	SCOPED(provision_result) p = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(cred) next = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(buf) evidence = { 0 };
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	char ref[24];

	OK(device_add(*state, "d", NULL, &d));
	OK(device_provision(*state, &r, &p));
	snprintf(ref, sizeof ref, "id:%lld", (long long)p.cert.rec.id);
	OK(cred_renew(*state, ref, &(struct cred_renewal) { 0 }, &next));
	snprintf(other, sizeof other, "id:%lld", (long long)next.rec.id);
	end(*state, ref);
	end(*state, other);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 1);
	office_before_write = destroy_other;
	OK(cred_destroy(*state, ref, NULL, &evidence, &gone));
	assert_int_equal(gone.rec.state, CRED_DESTROYED);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	buf_add_u8(&evidence, 0);
	OK(buf_err(&evidence));
	assert_non_null(strstr((const char *)evidence.p, "deleted; a search for it afterwards found nothing"));
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
		cmocka_unit_test_setup_teardown(test_hold_and_release, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_retire_and_archive, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_expiry, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_crl_numbers_and_dates, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_crl_that_is_not_signed, setup,
						office_teardown),
		cmocka_unit_test_setup_teardown(test_crl_without_pin, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_destroyed_at_once, setup, office_teardown),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
