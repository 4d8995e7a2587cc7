/* test_core_approval - requests wait where that is wanted, and become exactly what was approved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/bulk.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/proposal.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/tally.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static char db[40];
static struct core *alice, *bob;

static struct core *as(const char *who, enum role role)
{
	struct core_options o = office_options();

	o.actor = who;
	o.role = role;
	return office_open_as(db, o);
}

static void add_device(const char *id, const char *group)
{
	SCOPED(device) d = { 0 };

	OK(device_add(alice, id,
		      &(struct device_fields) { .group = group }, &d));
}

static int setup(void **state)
{
	static unsigned n;
	SCOPED(device_group) g = { 0 };

	(void)state;
	snprintf(db, sizeof db, "approval-%u.db", n);
	alice = as("alice", ROLE_ADMIN);
	bob = as("bob", ROLE_OPERATOR);
	snprintf(db, sizeof db, "approval-%u", n++);
	office_make_cas(alice, db);
	strcat(db, ".db");
	OK(group_add(alice, "careful", "{\"approve\": true}", &g));
	add_device("dev", "careful");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(alice);
	core_close(bob);
	office_pin = OFFICE_PIN;
	return 0;
}

static enum inro_err ask_as(struct core *c, const char *request_id, struct cred *ret)
{
	static struct buf csr;
	struct cred_request r = { .ca = "issuing",
				  .profile = "tls-client",
				  .device = "dev",
				  .request_id = request_id,
				  .days = 20 };

	if (!csr.n)
		office_csr(office_ec, "dev", &csr);
	r.csr = buf_bytes(&csr);
	return cred_issue(c, &r, ret);
}

/* A request of alice's; its number as text. */
static void ask(char ref[static 24])
{
	SCOPED(cred) cred = { 0 };

	OK(ask_as(alice, NULL, &cred));
	assert_int_equal(cred.state, CRED_REQUESTED);
	assert_int_equal(cred.rec.cert.n, 0);
	snprintf(ref, 24, "id:%lld", (long long)cred.rec.id);
}

static int64_t counted(const char *name)
{
	int64_t n = 0;

	OK(tally_get(alice, name, &n));
	return n;
}

static size_t events(const char *where)
{
	SCOPED(event_found) f = { 0 };

	OK(audit_search(alice, &(struct audit_search) { .where = where }, &f));
	return f.n;
}

static void test_approved(void **state)
{
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) other = { 0 };
	SCOPED(device) d = { 0 };
	char ref[24];
	int asked;

	(void)state;
	asked = office_asked;
	ask(ref);
	assert_int_equal(office_asked, asked); /* the CA's key is not needed to ask */
	assert_int_equal(counted("certificate/requested"), 1);
	FAILS(INRO_E_POLICY, cred_approve(alice, ref, NULL, &cred));
	OK(cred_approve(bob, ref, "seen", &cred));
	assert_int_equal(cred.state, CRED_ACTIVE);
	assert_string_equal(cred.device_id, "dev");
	assert_int_equal((cred.rec.not_after - cred.rec.not_before) / 86400, 20);
	assert_int_equal(office_verify(alice, "issuing", &cred.rec.cert, BYTES_NONE), X509_V_OK);
	OK(cred_get(alice, ref, &other));
	assert_int_equal(other.rec.id, cred.rec.id);
	assert_int_equal(counted("certificate/requested") + counted("certificate/pending"), 0);
	assert_int_equal(counted("certificate/active"), 3);
	OK(tally_check(alice));
	OK(device_get(alice, "dev", &d));
	assert_int_equal(d.state, DEVICE_ACTIVE);
	assert_int_equal(events("action=certificate.request actor=alice"), 1);
	assert_int_equal(events("action=certificate.approve actor=bob outcome=done"), 1);
	assert_int_equal(events("action=proposal.done actor=bob"), 1);
	cred_clear(&cred);
	FAILS(INRO_E_STATE, cred_approve(bob, ref, NULL, &cred)); /* once */
}

static void test_rejected(void **state)
{
	SCOPED(cred) cred = { 0 };
	char ref[24];

	(void)state;
	ask(ref);
	OK(cred_reject(bob, ref, "nobody knows it", &cred));
	assert_int_equal(cred.state, CRED_RETIRED);
	assert_string_equal(cred.rec.cause, "nobody knows it");
	cred_clear(&cred);
	FAILS(INRO_E_STATE, cred_approve(bob, ref, NULL, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "archive"));
	ask(ref);
	OK(cred_reject(alice, ref, NULL, &cred)); /* takes it back */
	assert_int_equal(cred.state, CRED_RETIRED);
	OK(tally_check(alice));
}

/* The same request gets the same answer, whatever became of it. */
static void test_idempotent(void **state)
{
	SCOPED(cred) first = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(cred) issued = { 0 };
	SCOPED(cred) after = { 0 };
	char ref[24];

	(void)state;
	OK(ask_as(alice, "r-1", &first));
	OK(ask_as(alice, "r-1", &again));
	assert_int_equal(again.rec.id, first.rec.id);
	assert_int_equal(again.state, CRED_REQUESTED);
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	OK(cred_approve(bob, ref, NULL, &issued));
	OK(ask_as(alice, "r-1", &after));
	assert_int_equal(after.rec.id, first.rec.id);
	assert_int_equal(after.state, CRED_ACTIVE);
	assert_string_equal(after.rec.request_id, "r-1");
}

/* Approved while the CA's token is away: it waits on, and goes on with the same call. */
static void test_without_token(void **state)
{
	struct core_options o = office_options();
	SCOPED(cred) cred = { 0 };
	char ref[24];

	(void)state;
	ask(ref);
	o.actor = "carol";
	o.role = ROLE_OPERATOR;
	o.ask_pin = NULL;
	struct core *carol = office_open_as(db, o);

	FAILS(INRO_E_PIN_MISSING, cred_approve(carol, ref, NULL, &cred));
	assert_non_null(strstr(err_detail(INRO_E_PIN_MISSING), "approved and not issued yet"));
	core_close(carol);
	OK(cred_get(alice, ref, &cred));
	assert_int_equal(cred.state, CRED_PENDING);
	cred_clear(&cred);
	OK(cred_approve(alice, ref, NULL, &cred)); /* who asked may issue what others approved */
	assert_int_equal(cred.state, CRED_ACTIVE);
}

/* What would be another certificate than was approved is none. */
static void test_changed_meanwhile(void **state)
{
	SCOPED(profile_version) v = { 0 };
	SCOPED(cred) cred = { 0 };
	char ref[24];

	(void)state;
	ask(ref);
	OK(profile_give(alice, bytes_of(profile_builtin_text("tls-client")), "tls-client.ini",
			PROFILE_ANOTHER, &v));
	FAILS(INRO_E_STATE, cred_approve(bob, ref, NULL, &cred));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "another version of its profile"));
	OK(cred_get(alice, ref, &cred));
	assert_int_equal(cred.state, CRED_PENDING);
	cred_clear(&cred);
	OK(cred_reject(bob, ref, NULL, &cred));
	assert_int_equal(cred.state, CRED_RETIRED);
}

static void test_decided_as_a_proposal(void **state)
{
	const struct proposal_filter open = { .action = "certificate.issue" };
	SCOPED(proposal_list) l = { 0 };
	SCOPED(proposal) p = { 0 };
	SCOPED(cred) cred = { 0 };
	char ref[24];

	(void)state;
	ask(ref);
	OK(proposal_find(alice, &open, NULL, &l));
	assert_int_equal(l.n, 1);
	OK(proposal_decide(bob, l.items[0].id, VERB_APPROVE, NULL, &p));
	OK(cred_approve(alice, ref, NULL, &cred));
	assert_int_equal(cred.state, CRED_ACTIVE);
	cred_clear(&cred);
	proposal_list_clear(&l);
	proposal_clear(&p);
	ask(ref);
	OK(proposal_find(alice, &open, NULL, &l));
	OK(proposal_decide(bob, l.items[1].id, VERB_REJECT, NULL, &p));
	FAILS(INRO_E_STATE, cred_approve(bob, ref, NULL, &cred));
	OK(cred_reject(alice, ref, NULL, &cred));
}

static void test_refused(void **state)
{
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) asked = { 0 };
	struct core *eve = as("eve", ROLE_AUDITOR);
	AUTO(free_chars) char *json = NULL;
	size_t revoked;
	char ref[24];

	(void)state;
	ask(ref);
	FAILS(INRO_E_ACCESS, cred_approve(eve, ref, NULL, &cred));
	FAILS(INRO_E_ACCESS, cred_reject(eve, ref, NULL, &cred));
	FAILS(INRO_E_NOT_FOUND, cred_approve(bob, "id:999", NULL, &cred));
	FAILS(INRO_E_STATE, cred_approve(bob, "id:1", NULL, &cred)); /* the root's */
	FAILS(INRO_E_STATE, cred_reject(bob, "id:1", NULL, &cred));
	FAILS(INRO_E_STATE, cred_revoke(bob, ref, &(struct cred_revocation) { 0 }, &cred));
	OK(cred_get(eve, ref, &asked));
	OK(cred_asked(eve, &asked, &json));
	assert_non_null(strstr(json, "\"subject\":\"CN=dev\""));
	assert_non_null(strstr(json, "BEGIN CERTIFICATE REQUEST"));
	core_close(eve);
	OK(device_delete(alice, "dev", NULL, &revoked));
	OK(cred_get(alice, ref, &cred));
	assert_int_equal(cred.state, CRED_RETIRED);
	assert_int_equal(revoked, 0);
	OK(tally_check(alice));
}

/* ---- by the profile, without a device or a group ---- */

static void give_profile(const char *text)
{
	SCOPED(profile_version) v = { 0 };

	OK(profile_give(alice, bytes_of(text), "profile.ini", PROFILE_NEW, &v));
}

static void give_slow(void)
{
	give_profile("[profile]\nname = slow\n[validity]\nperiod = 9d\n[key]\n"
		     "types = ec-p256\n[issuing]\napprove = yes\n");
}

static void ask_slow(char ref[static 24])
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "slow" };

	office_csr(office_ec, "slow", &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(alice, &r, &cred));
	assert_int_equal(cred.state, CRED_REQUESTED);
	assert_int_equal(cred.rec.cert.n, 0);
	snprintf(ref, 24, "id:%lld", (long long)cred.rec.id);
}

static void test_profile_wants_it(void **state)
{
	struct cred_renewal renewal = { .days = 3 };
	SCOPED(cred) cred = { 0 };
	SCOPED(cred) next = { 0 };
	SCOPED(buf) csr = { 0 };
	char ref[24];

	(void)state;
	give_slow();
	ask_slow(ref);
	FAILS(INRO_E_POLICY, cred_approve(alice, ref, NULL, &cred)); /* not one's own */
	OK(cred_approve(bob, ref, NULL, &cred));
	assert_int_equal(cred.state, CRED_ACTIVE);
	assert_int_equal(office_verify(alice, "issuing", &cred.rec.cert, BYTES_NONE), X509_V_OK);
	office_csr(office_ec, "slow", &csr);
	renewal.csr = buf_bytes(&csr);
	OK(cred_renew(alice, ref, &renewal, &next)); /* what was approved goes on */
	assert_int_equal(next.state, CRED_ACTIVE);
	OK(tally_check(alice));
}

/* Ways to a certificate that can't wait say so, and leave nothing. */
static void test_profile_and_ways_that_cannot_wait(void **state)
{
	const struct bulk_order order = { .ca = "issuing", .profile = "slow" };
	const struct provision_request p = { .device = "plain", .token = "line", .ca = "issuing",
					     .profile = "slow" };
	const struct ca_request ca = { .name = "more", .parent = "root", .token = "ca",
				       .label = "more", .subject = "CN=More",
				       .profile = "slow-ca" };
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	SCOPED(provision_result) out = { 0 };
	SCOPED(ca_view) made = { 0 };
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	int asked = office_asked;

	(void)state;
	give_slow();
	give_profile("[profile]\nname = slow-ca\n[validity]\nperiod = 9d\n[key]\n"
		     "types = ec-p256\n[usage]\nkey_usage = keyCertSign cRLSign\n[constraints]\nca = yes\n"
		     "[issuing]\napprove = yes\n");
	add_device("plain", NULL);
	FAILS(INRO_E_STATE, cred_bulk_open(alice, &order, &bulk));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "inro cert issue --csr"));
	assert_int_equal(office_asked, asked);
	FAILS(INRO_E_STATE, device_provision(alice, &p, &out));
	FAILS(INRO_E_POLICY, ca_create(alice, &ca, &made));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "four-eyes.ca"));
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	assert_int_equal(counted("certificate/requested"), 0);
}

static bool is_withdrawn(const char *ref)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM proposal WHERE subject = 'certificate:%s' AND state = "
		 "'withdrawn'",
		 ref + strlen("id:"));
	return office_ask(db, sql) == 1;
}

/* By an operator: one that alice asked for, one that was approved and could not be issued. */
static void test_device_deleted(void **state)
{
	SCOPED(cred) cred = { 0 };
	char open[24], approved[24];
	struct audit_report r = { 0 };
	size_t revoked;

	(void)state;
	ask(approved);
	ask(open);
	office_pin = NULL;
	assert_int_not_equal(cred_approve(bob, approved, NULL, &cred), INRO_OK);
	office_pin = OFFICE_PIN;
	assert_int_equal(counted("certificate/pending"), 1);
	OK(device_delete(bob, "dev", "scrapped", &revoked));
	assert_true(is_withdrawn(open));
	assert_true(is_withdrawn(approved));
	assert_int_equal(counted("certificate/pending"), 0);
	assert_int_equal(events("action=proposal.withdraw"), 2);
	FAILS(INRO_E_STATE, cred_approve(bob, open, NULL, &cred));
	OK(audit_verify(alice, &r));
	OK(tally_check(alice));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_approved),	   T(test_rejected),
		T(test_idempotent),	   T(test_without_token),
		T(test_changed_meanwhile), T(test_decided_as_a_proposal),
		T(test_refused),	   T(test_profile_wants_it),
		T(test_profile_and_ways_that_cannot_wait), T(test_device_deleted),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
