/* test_core_ahead - the clock was ahead for a while and was set right: what was noted by it neither lasts nor leaves
 * anything out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/audit.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/crl.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/lease.h"
#include "backoffice/core/network.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/status.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define T0	    INT64_C(1800000000)
#define HOUR	    3600
#define DAY	    86400
#define AHEAD	    (T0 + 500 * DAY) /* by then every certificate of a device has ended */
#define PASSWORD    "correct horse battery"

static int setup(void **state)
{
	clock_set_test(T0);
	return office_setup(state, "ahead");
}

/* As a person does who was told by `inro db clock`. */
static void set_right(struct core *c)
{
	struct issue_times t;

	clock_set_test(T0 + HOUR);
	OK(issue_time_accept(c, "battery", &t));
}

static void revoke(struct core *c, const struct office_issued *i, enum verb verb)
{
	SCOPED(cred) moved = { 0 };

	if (verb == VERB_REVOKE)
		OK(cred_revoke(c, i->ref, &(struct cred_revocation) { 0 }, &moved));
	else
		OK(cred_move(c, i->ref, verb, NULL, &moved));
}

static size_t entries(struct core *c, bool delta)
{
	const struct crl_wish w = { .ca = "issuing", .delta = delta };
	SCOPED(crl) list = { 0 };
	struct crl_info info;

	OK(ca_crl_list(c, &w, &list, &info));
	return info.entries;
}

/* ---- lists ---- */

static void test_entries_stay(void **state)
{
	struct core *c = *state;
	struct office_issued i = { 0 };

	office_issue(c, &i);
	revoke(c, &i, VERB_REVOKE);
	assert_int_equal(entries(c, false), 1);
	clock_set_test(AHEAD);
	assert_int_equal(entries(c, false), 1); /* past its end, once */
	assert_int_equal(entries(c, false), 0);
	set_right(c);
	assert_int_equal(entries(c, false), 1);
	assert_int_equal(entries(c, false), 1);
	cred_clear(&i.cred);
}

/* A certificate, and a complete list that was made by this clock without it. */
static void listed_at(struct core *c, struct office_issued *i, int64_t at)
{
	office_issue(c, i);
	clock_set_test(at);
	assert_int_equal(entries(c, false), 0);
}

/* What is between is on the delta, whatever it thinks of the list before. */
static void test_deltas_have_all(void **state)
{
	struct core *c = *state;
	struct office_issued i = { 0 };

	listed_at(c, &i, AHEAD);
	clock_set_test(T0 + HOUR);
	revoke(c, &i, VERB_REVOKE);
	set_right(c);
	assert_int_equal(entries(c, true), 1);
	cred_clear(&i.cred);
}

/* The complete list is from a time that comes yet: what is revoked before it comes is on each delta behind it, too. */
static void test_deltas_past_it(void **state)
{
	struct core *c = *state;
	struct office_issued i = { 0 };

	listed_at(c, &i, T0 + 2 * HOUR);
	set_right(c);
	revoke(c, &i, VERB_REVOKE);
	assert_int_equal(entries(c, true), 1);
	clock_set_test(T0 + 3 * HOUR);
	assert_int_equal(entries(c, true), 1);
	cred_clear(&i.cred);
}

/* And on those that are given out, which continue the list that was. */
static void test_published_deltas_past_it(void **state)
{
	struct core *c = *state;
	const struct crl_wish full = { .ca = "issuing" }, delta = { .ca = "issuing", .delta = true };
	struct office_issued i = { 0 };
	struct crl_info info;

	office_issue(c, &i);
	clock_set_test(T0 + 2 * HOUR);
	OK(crl_publish(c, &full, &info));
	set_right(c);
	revoke(c, &i, VERB_REVOKE);
	clock_set_test(T0 + 3 * HOUR);
	OK(crl_publish(c, &delta, &info));
	assert_int_equal(info.entries, 1);
	cred_clear(&i.cred);
}

/* A clock that is set right while a list is signed, and the time in the database with it. */
static void set_right_meanwhile(void)
{
	char sql[128];

	snprintf(sql, sizeof sql, "UPDATE setting SET value = '%lld' WHERE name = 'clock.last'", (long long)(T0 + HOUR));
	office_trigger(office_db, "back", "AFTER UPDATE OF crl_number ON ca", sql);
}

static void test_list_of_a_time_that_is_gone(void **state)
{
	struct core *c = *state;
	const struct crl_wish w = { .ca = "issuing" };
	struct office_issued i = { 0 };
	struct crl_info info;

	office_issue(c, &i);
	clock_set_test(AHEAD);
	set_right_meanwhile();
	FAILS(INRO_E_STATE, crl_publish(c, &w, &info));
	office_trigger_drop(office_db, "back");
	clock_set_test(T0 + HOUR);
	assert_non_null(strstr(err_detail(INRO_E_STATE), "try again"));
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM crl_scope"), 0);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM crl_piece"), 0);
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM ca WHERE crl_at > 0"), 0);
	OK(crl_publish(c, &w, &info));
	assert_in_range(info.this_update, T0 + HOUR, T0 + HOUR + 60);
	cred_clear(&i.cred);
}

/* Decided about by a clock that was set right since: recorded, that would be the time of all that follows again. */
static void test_issued_at_a_time_that_is_gone(void **state)
{
	struct core *c = *state;
	int64_t at = 0;

	clock_set_test(AHEAD);
	OK(issue_now(c, &at));
	set_right(c);
	FAILS(INRO_E_STATE, issue_now_keep(c, at));
	OK(issue_now(c, &at));
	assert_in_range(at, T0 + HOUR, T0 + HOUR + 60);
}

/* Until there is another list it is not known when the last one was made. */
static void test_keys_show_no_time(void **state)
{
	struct core *c = *state;
	const struct ca_rollover r = { .name = "root", .token = "ca", .label = "ahead-2" };
	const struct crl_wish was = { .ca = "root", .generation = 1 }, is = { .ca = "root" };
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) now = { 0 };
	SCOPED(crl) list = { 0 };
	SCOPED(crl) second = { 0 };
	SCOPED(ca_keys) keys = { 0 };
	struct crl_info info;

	OK(ca_rollover(c, &r, &v));
	clock_set_test(T0 + 2 * HOUR);
	OK(ca_crl_list(c, &was, &list, &info));
	OK(ca_crl_list(c, &is, &second, &info));
	set_right(c);
	OK(ca_keys(c, "root", &keys));
	assert_int_equal(keys.n, 1);
	assert_int_not_equal(keys.items[0].lists.full_number, 0);
	assert_int_equal(keys.items[0].lists.full_at, 0);
	assert_int_equal(keys.items[0].lists.full_next, 0);
	OK(ca_get(c, "root", &now));
	assert_int_equal(now.rec.crl_at, 0);
}

/* Another server's clock was ahead by so little that it may issue: the list is from a second that is to come for who
 * revokes behind it. */
static void test_two_clocks(void **state)
{
	struct core *c = *state;
	struct office_issued i = { 0 };

	office_issue(c, &i);
	clock_set_test(T0 + HOUR + ISSUE_TIME_SLACK / 2);
	assert_int_equal(entries(c, false), 0);
	clock_set_test(T0 + HOUR);
	revoke(c, &i, VERB_HOLD);
	assert_int_equal(entries(c, true), 1);
	/* and who may not issue at all still revokes */
	clock_set_test(T0 + 2 * HOUR);
	assert_int_equal(entries(c, false), 1);
	clock_set_test(T0 + HOUR);
	revoke(c, &i, VERB_RELEASE);
	clock_set_test(T0 + 3 * HOUR);
	assert_int_equal(entries(c, true), 1);
	assert_int_equal(entries(c, false), 0);
	cred_clear(&i.cred);
}

/* ---- duties ---- */

static int64_t signer_begins(struct core *c)
{
	SCOPED(status_issuers) l = { 0 };
	int64_t begins = 0;

	OK(status_issuers(c, &l));
	for (size_t i = 0; i < l.n; i++) {
		SCOPED(cert) cert = { 0 };

		if (strcmp(l.items[i].name, "issuing") != 0 || !l.items[i].signer.n)
			continue;
		OK(cert_read(blob_bytes(&l.items[i].signer), &cert));
		begins = cert.not_before;
	}
	return begins;
}

static int64_t list_from(struct core *c)
{
	struct crl_out out;

	OK(crl_newest(c, &(struct crl_wish) { .ca = "issuing" }, &out));
	return out.this_update;
}

static void run(struct core *c, const char *name)
{
	for (const struct duty *d = duties; d->name; d++)
		if (strcmp(d->name, name) == 0)
			OK(d->run(c));
}

static void test_signers_and_lists(void **state)
{
	struct core *c = *state;
	int64_t events;

	clock_set_test(AHEAD);
	run(c, "ocsp-signers");
	run(c, "crl");
	assert_true(signer_begins(c) > T0 + DAY && list_from(c) >= AHEAD);
	clock_set_test(T0 + HOUR);
	events = office_ask(office_db, "SELECT count(*) FROM event");
	for (const struct duty *d = duties; d->name; d++)
		if (strcmp(d->name, "ocsp-signers") == 0 || strcmp(d->name, "crl") == 0)
			FAILS(INRO_E_STATE, d->run(c));
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM event"), events); /* each half minute */
	assert_int_equal(signer_begins(c), 0); /* nobody believes an answer of that one */
	set_right(c);
	run(c, "ocsp-signers");
	run(c, "crl");
	assert_in_range(signer_begins(c), T0, T0 + HOUR);
	assert_in_range(list_from(c), T0 + HOUR, T0 + HOUR + 60);
	events = office_ask(office_db, "SELECT count(*) FROM credential");
	run(c, "ocsp-signers");
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM credential"), events);
}

/* The one from before goes on, where there is one. */
static void test_the_signer_before(void **state)
{
	struct core *c = *state;
	int64_t begins;

	run(c, "ocsp-signers");
	begins = signer_begins(c);
	clock_set_test(T0 + 29 * DAY);
	run(c, "ocsp-signers");
	assert_true(signer_begins(c) > begins);
	clock_set_test(T0 + HOUR);
	assert_int_equal(signer_begins(c), begins);
}

static int done;

static void count_done(void *arg, const char *duty, enum inro_err e)
{
	(void)arg;
	(void)duty;
	done += e == INRO_OK;
}

static void test_leases(void **state)
{
	struct core *c = *state;
	const struct duty_watch watch = { .told = count_done };
	bool mine = false;
	int64_t left = 0, wait;
	int all;

	if (office_on_postgres())
		skip(); /* its own clock is asked */
	clock_set_test(AHEAD);
	OK(lease_take(c, "work", "another", LEASE_LONGEST_MS, &mine));
	OK(duty_tick(c, DUTY_QUICK, &watch, &wait));
	all = done;
	assert_true(all > 5);
	set_right(c);
	done = 0;
	OK(duty_tick(c, DUTY_QUICK, &watch, &wait));
	assert_int_equal(done, all);
	OK(lease_left(c, "work", &left));
	assert_int_equal(left, 0);
	OK(lease_take(c, "work", "me", LEASE_LONGEST_MS, &mine));
	assert_true(mine);
	OK(lease_left(c, "work", &left));
	assert_in_range(left, LEASE_LONGEST_MS - 60000, LEASE_LONGEST_MS);
	FAILS(INRO_E_ARG, lease_take(c, "work", "me", LEASE_LONGEST_MS + 1, &mine));
}

static void test_the_audit_is_signed(void **state)
{
	struct core *c = *state;
	bool due = false;

	OK(setting_change(c, "audit.minutes", "10", 0));
	clock_set_test(T0 + 60);
	OK(audit_is_due(c, &due));
	assert_false(due);
	clock_set_test(T0 - HOUR);
	OK(audit_is_due(c, &due));
	assert_true(due);
}

/* ---- people and devices ---- */

/* What is shown is what holds. */
static void locked_until(struct core *c, int64_t from, bool locked)
{
	SCOPED(account) bob = { 0 };
	SCOPED(credential) key = { 0 };
	int64_t account = -1, psk = -1;

	OK(account_get(c, "bob", &bob));
	OK(account_locked_until(c, &bob, &account));
	OK(psk_show(c, "dev", &key));
	OK(psk_locked_until(c, "dev", &key, &psk));
	assert_true(bob.locked_until > T0 && key.locked_until > T0);
	assert_in_range(account, from, locked ? from + HOUR : from);
	assert_in_range(psk, from, locked ? from + HOUR : from);
}

static void test_nobody_is_locked_for_good(void **state)
{
	struct core *c = *state;
	const struct account_new bob = { .name = "bob", .role = ROLE_OPERATOR, .password = bytes_of(PASSWORD) };
	const struct account_new first = { .name = "alice", .role = ROLE_ADMIN, .password = bytes_of(PASSWORD) };
	SCOPED(account) made = { 0 };
	SCOPED(psk_new) psk = { 0 };
	struct core_who who;
	struct core *other;

	OK(account_add(c, &first, &made));
	account_clear(&made);
	OK(account_add(c, &bob, &made));
	office_add_device(c, "dev", NULL);
	OK(psk_issue(c, "dev", BYTES_NONE, &psk));
	other = office_open(office_db);
	clock_set_test(AHEAD);
	for (int i = 0; i < 5; i++)
		FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", bytes_of("wrong")));
	FAILS(INRO_E_PIN_LOCKED, psk_verify(c, "dev", secret_bytes(&psk.value)));
	for (int i = 0; i < 6; i++)
		FAILS(INRO_E_LOGIN, who_by_account(other, "bob", bytes_of("wrong"), &who));
	locked_until(c, AHEAD, true);
	clock_set_test(T0 + HOUR);
	locked_until(c, 0, false);
	OK(psk_verify(c, "dev", secret_bytes(&psk.value)));
	OK(who_by_account(other, "bob", bytes_of(PASSWORD), &who));
	core_close(other);
}

/* One try, and then they are locked as ever. */
static void test_no_more_tries(void **state)
{
	struct core *c = *state;
	SCOPED(psk_new) psk = { 0 };

	office_add_device(c, "dev", NULL);
	OK(psk_issue(c, "dev", BYTES_NONE, &psk));
	clock_set_test(AHEAD);
	for (int i = 0; i < 5; i++)
		FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", bytes_of("wrong")));
	clock_set_test(T0 + HOUR);
	FAILS(INRO_E_PIN_WRONG, psk_verify(c, "dev", bytes_of("wrong")));
	clock_set_test(T0 + HOUR + 60);
	FAILS(INRO_E_PIN_LOCKED, psk_verify(c, "dev", secret_bytes(&psk.value)));
	clock_set_test(T0 + HOUR + 901);
	OK(psk_verify(c, "dev", secret_bytes(&psk.value)));
}

static void test_sessions_end(void **state)
{
	struct core *c = *state;
	const struct account_new bob = { .name = "bob", .role = ROLE_OPERATOR, .password = bytes_of(PASSWORD) };
	const struct account_new first = { .name = "alice", .role = ROLE_ADMIN, .password = bytes_of(PASSWORD) };
	SCOPED(account) made = { 0 };
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };
	struct core_who who;
	char text[PASS_TEXT_MAX];

	OK(account_add(c, &first, &made));
	account_clear(&made);
	OK(account_add(c, &bob, &made));
	clock_set_test(AHEAD);
	OK(who_by_account(c, "bob", bytes_of(PASSWORD), &who));
	OK(pass_session(c, &who, &value, &p));
	snprintf(text, sizeof text, "%.*s", (int)value.n, (const char *)value.p);
	OK(who_by_session(c, text, &who));
	clock_set_test(AHEAD - 600); /* another server's clock */
	OK(who_by_session(c, text, &who));
	clock_set_test(T0 + HOUR);
	FAILS(INRO_E_LOGIN, who_by_session(c, text, &who));
	OK(core_become(c, NULL));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_entries_stay),	   T(test_deltas_have_all),
		T(test_deltas_past_it),	   T(test_published_deltas_past_it), T(test_list_of_a_time_that_is_gone),
		T(test_issued_at_a_time_that_is_gone),
		T(test_keys_show_no_time),
		T(test_two_clocks),	   T(test_signers_and_lists),
		T(test_the_signer_before), T(test_leases),
		T(test_the_audit_is_signed), T(test_nobody_is_locked_for_good),
		T(test_no_more_tries),	   T(test_sessions_end),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
