/* test_core_eyes - nobody does alone what takes others, nor makes it take fewer; and settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/eyes.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tenant.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const struct proposal_plan plan = {
	.action = "ca.create",
	.subject = "ca:root",
	.body = BYTES_LIT("{\"subject\":\"CN=R\"}"),
};

static char db[32];

static struct core *as(const char *who, enum role role)
{
	return office_open_as(db, (struct core_options) { .actor = who, .role = role });
}

static void account(const char *name, const char *role, const char *state)
{
	char sql[256];

	snprintf(sql, sizeof sql,
		 "INSERT INTO account (id, tenant, name, role, state, fails, created_ms, updated_ms) "
		 "SELECT coalesce(max(id), 0) + 1, 1, '%s', '%s', '%s', 0, 0, 0 FROM account",
		 name, role, state);
	office_sql(db, sql);
}

static int setup(void **state)
{
	static unsigned n;

	(void)state;
	snprintf(db, sizeof db, "eyes-%u.db", n++);
	core_close(as("alice", ROLE_ADMIN));
	account("alice", "administrator", "active");
	account("bob", "operator", "active");
	account("carol", "operator", "active");
	account("dave", "auditor", "active");
	account("eve", "operator", "disabled");
	return 0;
}

static int right_clock(void **state)
{
	(void)state;
	clock_set_test(0);
	return 0;
}

static void set(struct core *c, const char *name, const char *value)
{
	OK(setting_change(c, name, value, 0));
}

static enum inro_err approve(const char *who, int64_t id)
{
	struct core *c = as(who, ROLE_OPERATOR);
	SCOPED(proposal) p = { 0 };
	enum inro_err e = proposal_decide(c, id, VERB_APPROVE, NULL, &p);

	core_close(c);
	return e;
}

static int64_t newest(struct core *c)
{
	SCOPED(proposal) p = { 0 };
	const struct store_query q = { .limit = 1, .backward = true };

	OK(store_find(c->store, &q, &p));
	return p.id;
}

struct doing {
	enum eyes what;
	const struct proposal_plan *plan;
	int64_t id;
};

static enum inro_err done_work(struct core *c, void *arg)
{
	const struct doing *d = arg;

	return eyes_done(c, d->what, d->plan, d->id, 7);
}

static enum inro_err done(struct core *c, enum eyes what, int64_t id)
{
	struct doing d = { what, &plan, id };

	return core_write(c, done_work, &d);
}

static void test_nobody_asks_for_it(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t need = 9;

	(void)state;
	for (int what = 0; what < EYES__MAX; what++) {
		OK(eyes_need(c, (enum eyes)what, &need));
		assert_int_equal(need, 0);
		OK(eyes_check(c, (enum eyes)what, &plan, 0));
		OK(done(c, (enum eyes)what, 0));
	}
	core_close(c);
}

static void test_two_others(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id;

	(void)state;
	set(c, "four-eyes.ca", "2");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	assert_int_equal(done(c, EYES_CA, 0), INRO_E_STATE);
	id = newest(c);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL); /* the same again */
	assert_int_equal(newest(c), id);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_STATE);
	OK(approve("bob", id));
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_STATE);
	OK(approve("carol", id));
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	assert_non_null(strstr(err_detail(INRO_E_APPROVAL), "is approved"));
	OK(eyes_check(c, EYES_CA, &plan, id));
	OK(done(c, EYES_CA, id));
	assert_int_equal(done(c, EYES_CA, id), INRO_E_STATE);
	OK(eyes_check(c, EYES_ARCHIVE, &plan, 0));
	core_close(c);
}

/* What was asked is not a refusal. */
static void test_recorded_once(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);

	(void)state;
	set(c, "four-eyes.ca", "1");
	assert_int_equal(audit_refused(c, "ca.create", "ca", "root",
				       eyes_check(c, EYES_CA, &plan, 0)),
			 INRO_E_APPROVAL);
	core_close(c);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE outcome = 'refused'"), 0);
	assert_int_equal(
		office_ask(db, "SELECT count(*) FROM event WHERE action = 'proposal.open'"), 1);
}

static void test_more_than_when_it_was_proposed(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id;

	(void)state;
	set(c, "four-eyes.ca", "1");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve("bob", id));
	office_sql(db, "UPDATE setting SET value = '2' WHERE name = 'four-eyes.ca'");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_POLICY);
	assert_int_equal(done(c, EYES_CA, id), INRO_E_POLICY);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL); /* anew */
	assert_int_equal(newest(c), id + 1);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id + 1), INRO_E_STATE);
	core_close(c);
}

static void test_an_old_approval(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id;

	(void)state;
	set(c, "four-eyes.ca", "1");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve("bob", id));
	office_sql(db, "UPDATE proposal SET updated_ms = updated_ms - 2678400000");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_POLICY);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	assert_int_equal(newest(c), id + 1);
	core_close(c);
}

static void shift_approvals(int64_t days)
{
	clock_set_test(clock_now() + days * 86400);
}

/* Each of them is good for so long, not from the last one on; whose is over says it again, and counts once. */
static void test_each_approval_ages(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id;

	(void)state;
	set(c, "four-eyes.ca", "2");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve("bob", id));
	assert_int_equal(approve("bob", id), INRO_E_POLICY);
	shift_approvals(31);
	OK(approve("carol", id));
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_STATE); /* one of two */
	OK(approve("bob", id));
	OK(eyes_check(c, EYES_CA, &plan, id));
	shift_approvals(29);
	OK(eyes_check(c, EYES_CA, &plan, id));
	OK(done(c, EYES_CA, id));
	core_close(c);
}

/* Longer days make no two approvals of one person's. */
static void test_said_twice(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id;

	(void)state;
	set(c, "four-eyes.ca", "2");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve("bob", id));
	shift_approvals(31);
	OK(approve("bob", id));
	office_sql(db, "INSERT INTO setting (id, tenant, name, value) "
		       "SELECT max(id) + 1, 1, 'four-eyes.days', '300' FROM setting");
	assert_int_equal(approve("bob", id), INRO_E_POLICY);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_STATE);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM proposal WHERE state = 'open'"), 1);
	OK(approve("carol", id));
	OK(done(c, EYES_CA, id));
	core_close(c);
}

/* The first of two is over while the second is not. */
static void test_one_of_two_is_over(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id;

	(void)state;
	set(c, "four-eyes.ca", "2");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve("bob", id));
	shift_approvals(20);
	OK(approve("carol", id));
	OK(eyes_check(c, EYES_CA, &plan, id));
	shift_approvals(11);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_POLICY);
	assert_int_equal(done(c, EYES_CA, id), INRO_E_POLICY);
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	assert_int_equal(newest(c), id + 1);
	core_close(c);
}

static int64_t approved_by(struct core *c, const char *who)
{
	int64_t id;

	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve(who, id));
	OK(eyes_check(c, EYES_CA, &plan, id));
	return id;
}

static void is_worth_nothing(struct core *c, int64_t id)
{
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_POLICY);
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "may no longer approve"));
	assert_int_equal(done(c, EYES_CA, id), INRO_E_POLICY);
}

/* Whoever may approve nothing any more has approved nothing. */
static void test_an_approver_who_went(void **state)
{
	static const char *const ways[] = {
		"UPDATE account SET state = 'disabled' WHERE name = 'bob'",
		"UPDATE account SET state = 'deleted' WHERE name = 'bob'",
		"UPDATE account SET state = 'active', role = 'auditor' WHERE name = 'bob'",
	};
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id = 0;

	(void)state;
	set(c, "four-eyes.ca", "1");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		office_sql(db, "UPDATE account SET state = 'active', role = 'operator' WHERE name = 'bob'");
		id = approved_by(c, "bob");
		office_sql(db, ways[i]);
		is_worth_nothing(c, id);
		assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL); /* a new one */
		assert_int_equal(newest(c), id + 1);
		office_sql(db, "UPDATE proposal SET state = 'withdrawn'");
	}
	core_close(c);
}

/* The second approval makes up for none that is gone: a third is waited for. */
static void test_one_of_two_went(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t id;

	(void)state;
	account("frank", "operator", "active");
	set(c, "four-eyes.ca", "2");
	assert_int_equal(eyes_check(c, EYES_CA, &plan, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve("bob", id));
	office_sql(db, "UPDATE account SET state = 'disabled' WHERE name = 'bob'");
	OK(approve("carol", id));
	assert_int_equal(eyes_check(c, EYES_CA, &plan, id), INRO_E_STATE);
	OK(approve("frank", id));
	OK(eyes_check(c, EYES_CA, &plan, id));
	OK(done(c, EYES_CA, id));
	core_close(c);
}

/* Who could lower the number, or make accounts, would have all the eyes himself. */
static void test_the_number_is_guarded(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);
	int64_t need = 0, id;

	(void)state;
	set(c, "four-eyes.ca", "2");
	OK(eyes_need(c, EYES_ACCOUNTS, &need));
	assert_int_equal(need, 2);
	assert_int_equal(setting_change(c, "four-eyes.ca", "0", 0), INRO_E_APPROVAL);
	id = newest(c);
	assert_int_equal(setting_change(c, "four-eyes.accounts", "0", 0), INRO_E_APPROVAL);
	assert_int_equal(setting_change(c, "four-eyes.days", "3650", 0), INRO_E_APPROVAL);
	OK(approve("bob", id));
	OK(approve("carol", id));
	assert_int_equal(setting_change(c, "four-eyes.archive", "0", id), INRO_E_POLICY);
	assert_int_equal(setting_change(c, "four-eyes.ca", "1", id), INRO_E_POLICY);
	OK(setting_change(c, "four-eyes.ca", "0", id));
	OK(eyes_need(c, EYES_RULES, &need));
	assert_int_equal(need, 0);
	core_close(c);
}

/* Auditors and disabled ones can't approve: three can't be had. */
static void test_not_enough_people(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN);

	(void)state;
	assert_int_equal(setting_change(c, "four-eyes.ca", "3", 0), INRO_E_STATE);
	set(c, "four-eyes.ca", "2");
	core_close(c);
}

static int64_t lacking(struct core *c)
{
	int64_t n = 9;

	OK(eyes_lacking(c, &n));
	return n;
}

/* Who disables others is told when nobody could get an account any more; what default's administrators may, operators of
 * it may not. */
static void test_too_few_left(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN), *theirs;
	SCOPED(tenant) t = { 0 };

	(void)state;
	OK(tenant_add(c, "plant", &t));
	assert_int_equal(lacking(c), 0);
	set(c, "four-eyes.ca", "2");
	assert_int_equal(lacking(c), 0);
	office_sql(db, "UPDATE account SET state = 'disabled' WHERE name = 'carol'");
	assert_int_equal(lacking(c), 1);
	office_sql(db, "UPDATE account SET role = 'auditor' WHERE name = 'bob'");
	assert_int_equal(lacking(c), 2);
	office_sql(db, "INSERT INTO setting (id, tenant, name, value) SELECT max(id) + 1, 1, 'four-eyes.accounts', '0' FROM setting");
	office_sql(db, "INSERT INTO setting (id, tenant, name, value) SELECT max(s.id) + 1, max(t.id), 'four-eyes.ca', '1' "
		       "FROM setting s, tenant t WHERE t.name = 'plant'");
	core_close(c);
	c = as("alice", ROLE_ADMIN);
	assert_int_equal(lacking(c), 0);
	theirs = office_open_as(db, (struct core_options) { .actor = "default/alice", .role = ROLE_ADMIN, .tenant = "plant" });
	assert_int_equal(lacking(theirs), 1);
	office_sql(db, "UPDATE account SET role = 'operator' WHERE name = 'bob'");
	assert_int_equal(lacking(theirs), 1);
	office_sql(db, "UPDATE account SET role = 'administrator' WHERE name = 'bob'");
	assert_int_equal(lacking(theirs), 0);
	core_close(theirs);
	core_close(c);
}

/* ---- settings ---- */

static void test_bounds(void **state)
{
	static const struct {
		const char *name, *value;
		enum inro_err e;
	} rows[] = {
		{ "audit.every", "0", INRO_E_ARG },
		{ "audit.every", "1000001", INRO_E_ARG },
		{ "audit.every", "-1", INRO_E_ARG },
		{ "audit.every", "", INRO_E_ARG },
		{ "audit.every", "1e3", INRO_E_ARG },
		{ "audit.every", "99999999999999999999", INRO_E_ARG },
		{ "audit.key", "pkcs11:token=x", INRO_E_ARG },
		{ "policy", "{\"nonsense\":1}", INRO_E_ARG },
		{ "policy", "[]", INRO_E_SYNTAX },
		{ "no.such", "1", INRO_E_NOT_FOUND },
		{ "audit.every", "7", INRO_OK },
		{ "policy", "{ \"renew_days\" : 3 }", INRO_OK },
		{ "policy", NULL, INRO_OK },
		{ "seal.key", NULL, INRO_E_ARG },
	};
	struct core *c = as("alice", ROLE_ADMIN);
	struct core *bob = as("bob", ROLE_OPERATOR);
	int64_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(setting_change(c, rows[i].name, rows[i].value, 0), rows[i].e);
	OK(setting_number(c, "audit.every", &n));
	assert_int_equal(n, 7);
	assert_int_equal(setting_change(bob, "audit.every", "8", 0), INRO_E_ACCESS);
	set(c, "audit.every", NULL);
	OK(setting_number(bob, "audit.every", &n));
	assert_int_equal(n, 1000);
	office_sql(db, "UPDATE setting SET value = 'x' WHERE name = 'audit.every'");
	assert_int_equal(setting_number(c, "audit.every", &n), INRO_E_DAMAGED);
	core_close(bob);
	core_close(c);
}

/* What is of the whole database is one for all tenants, and only "default" sets it. */
static void test_tenants(void **state)
{
	struct core *c = as("alice", ROLE_ADMIN), *other;
	int64_t n = 0;

	(void)state;
	office_sql(db, "INSERT INTO tenant (id, name, created_ms) VALUES (2, 'other', 0)");
	other = office_open_as(db, (struct core_options) { .actor = "zoe",
							   .role = ROLE_ADMIN,
							   .tenant = "other" });
	set(c, "audit.every", "7");
	set(c, "four-eyes.ca", "2");
	OK(setting_number(other, "audit.every", &n));
	assert_int_equal(n, 7);
	OK(setting_number(other, "four-eyes.ca", &n));
	assert_int_equal(n, 0);
	assert_int_equal(setting_change(other, "audit.every", "8", 0), INRO_E_ACCESS);
	core_close(other);
	core_close(c);
}

/* Each of what makes a CA waits, is done with the very words that were approved, and once. */
static enum inro_err make_root(struct core *c, const char *subject, int64_t proposal)
{
	const struct ca_request r = {
		.name = "root", .subject = subject, .token = "ca", .label = db, .proposal = proposal
	};
	SCOPED(ca_view) v = { 0 };

	return ca_create(c, &r, &v);
}

static enum inro_err make_divided(struct core *c, int64_t proposal)
{
	const struct ca_settings lists = { CA_AS_IT_IS, CA_AS_IT_IS, CA_AS_IT_IS, 2, "http://x/${shard}", NULL };
	const struct ca_request r = { .name = "root", .subject = "/CN=Root", .token = "ca",
				      .label = db, .lists = &lists, .proposal = proposal };
	SCOPED(ca_view) v = { 0 };

	return ca_create(c, &r, &v);
}

static enum inro_err roll(struct core *c, int64_t proposal)
{
	const struct ca_rollover r = { .name = "root", .token = "ca", .proposal = proposal };
	SCOPED(ca_view) v = { 0 };

	return ca_rollover(c, &r, &v);
}

static void test_cas(void **state)
{
	struct core_options o = office_options();
	struct core *c;
	int64_t id;

	(void)state;
	o.actor = "alice";
	o.role = ROLE_ADMIN;
	c = office_open_as(db, o);
	set(c, "four-eyes.ca", "1");
	assert_int_equal(make_root(c, "/CN=Root", 0), INRO_E_APPROVAL);
	id = newest(c);
	assert_int_equal(make_root(c, "/CN=Root", id), INRO_E_STATE);
	OK(approve("bob", id));
	assert_int_not_equal(make_root(c, "/CN=Another", id), INRO_OK);
	assert_int_not_equal(make_divided(c, id), INRO_OK);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM ca"), 0);
	OK(make_root(c, "/CN=Root", id));
	assert_int_equal(roll(c, 0), INRO_E_APPROVAL);
	id = newest(c);
	OK(approve("carol", id));
	OK(roll(c, id));
	assert_int_not_equal(roll(c, id), INRO_OK);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM ca_generation"), 1);
	core_close(c);
}

static void test_rules(void **state)
{
	char path[4096];
	SCOPED(buf) doc = { 0 };
	SCOPED(buf) table = { 0 };

	(void)state;
	for (const struct setting_rule *r = setting_rules; r->name; r++) {
		assert_true(r == setting_rules || strcmp(r[-1].name, r->name) < 0);
		assert_non_null(r->help);
		assert_non_null(r->otherwise);
		assert_int_equal(r->words != NULL, r->kind == SETTING_WORD);
		assert_int_equal(r->by != NULL, r->kind == SETTING_KEPT);
		assert_true(r->kind != SETTING_NUMBER || r->min < r->max);
	}
	snprintf(path, sizeof path, "%s/docs/backoffice-settings.md", getenv("INRO_TEST_SOURCE"));
	OK(file_read(path, 1 << 20, &doc));
	buf_add_u8(&doc, 0);
	setting_print(&table);
	buf_add_u8(&table, 0);
	if (!strstr((const char *)doc.p, (const char *)table.p))
		fail_msg("docs/backoffice-settings.md does not have this table:\n%s", table.p);
}

static int tokens(void **state)
{
	(void)state;
	office_tokens();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nobody_asks_for_it, setup),
		cmocka_unit_test_setup(test_two_others, setup),
		cmocka_unit_test_setup(test_recorded_once, setup),
		cmocka_unit_test_setup(test_more_than_when_it_was_proposed, setup),
		cmocka_unit_test_setup(test_an_old_approval, setup),
		cmocka_unit_test_setup_teardown(test_each_approval_ages, setup, right_clock),
		cmocka_unit_test_setup_teardown(test_said_twice, setup, right_clock),
		cmocka_unit_test_setup_teardown(test_one_of_two_is_over, setup, right_clock),
		cmocka_unit_test_setup(test_an_approver_who_went, setup),
		cmocka_unit_test_setup(test_one_of_two_went, setup),
		cmocka_unit_test_setup(test_the_number_is_guarded, setup),
		cmocka_unit_test_setup(test_not_enough_people, setup),
		cmocka_unit_test_setup(test_too_few_left, setup),
		cmocka_unit_test_setup(test_bounds, setup),
		cmocka_unit_test_setup(test_tenants, setup),
		cmocka_unit_test_setup(test_cas, setup),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, tokens, NULL);
}
