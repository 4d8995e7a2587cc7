/* test_core_proposal - nobody approves his own, and what was approved is what is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/proposal.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const struct proposal_plan plan = {
	.action = "ca.create",
	.subject = "ca:root",
	.body = BYTES_LIT("{\"subject\":\"CN=R\"}"),
	.need = 2,
	.why = "new plant",
};

static char db[32];

static int setup(void **state)
{
	static unsigned n;

	(void)state;
	snprintf(db, sizeof db, "proposal-%u.db", n++);
	return 0;
}

static struct core *as(const char *who, enum role role)
{
	return office_open_as(db, (struct core_options) { .actor = who, .role = role });
}

static int64_t open_one(const struct proposal_plan *p)
{
	struct core *c = as("alice", ROLE_OPERATOR);
	SCOPED(proposal) made = { 0 };
	int64_t id;

	OK(proposal_open(c, p, &made));
	assert_int_equal(made.state, PROPOSAL_OPEN);
	assert_string_equal(made.asked_by, "alice");
	id = made.id;
	core_close(c);
	return id;
}

/* What came of it, and the state that the proposal is in then. */
static void decide(const char *who, enum role role, int64_t id, enum verb verb,
		   enum inro_err expected, enum proposal_state state)
{
	struct core *c = as(who, role);
	SCOPED(proposal) made = { 0 };
	SCOPED(proposal) now = { 0 };

	assert_int_equal(proposal_decide(c, id, verb, "because", &made), expected);
	OK(proposal_get(c, id, &now));
	assert_int_equal(now.state, state);
	core_close(c);
}

static void test_two_others_approve(void **state)
{
	int64_t id = open_one(&plan);

	(void)state;
	decide("alice", ROLE_ADMIN, id, VERB_APPROVE, INRO_E_POLICY, PROPOSAL_OPEN);
	decide("eve", ROLE_AUDITOR, id, VERB_APPROVE, INRO_E_ACCESS, PROPOSAL_OPEN);
	decide("bob", ROLE_OPERATOR, id, VERB_APPROVE, INRO_OK, PROPOSAL_OPEN);
	decide("bob", ROLE_OPERATOR, id, VERB_APPROVE, INRO_E_POLICY, PROPOSAL_OPEN);
	decide("carol", ROLE_OPERATOR, id, VERB_APPROVE, INRO_OK, PROPOSAL_APPROVED);
	decide("dave", ROLE_OPERATOR, id, VERB_APPROVE, INRO_E_STATE, PROPOSAL_APPROVED);
}

static void test_rejected_and_withdrawn(void **state)
{
	int64_t id = open_one(&plan), other = open_one(&plan);

	(void)state;
	decide("bob", ROLE_OPERATOR, id, VERB_REJECT, INRO_OK, PROPOSAL_REFUSED);
	decide("carol", ROLE_OPERATOR, id, VERB_APPROVE, INRO_E_STATE, PROPOSAL_REFUSED);
	decide("alice", ROLE_OPERATOR, id, VERB_WITHDRAW, INRO_E_STATE, PROPOSAL_REFUSED);
	decide("bob", ROLE_OPERATOR, other, VERB_WITHDRAW, INRO_E_ACCESS, PROPOSAL_OPEN);
	decide("alice", ROLE_OPERATOR, other, VERB_WITHDRAW, INRO_OK, PROPOSAL_WITHDRAWN);
	decide("alice", ROLE_OPERATOR, other, VERB_REVOKE, INRO_E_ARG, PROPOSAL_WITHDRAWN);
}

struct doing {
	int64_t id;
	const struct proposal_plan *plan;
};

static enum inro_err done_work(struct core *c, void *arg)
{
	const struct doing *d = arg;

	return proposal_done(c, d->id, d->plan, 7);
}

static void test_done_as_proposed_and_once(void **state)
{
	int64_t id = open_one(&plan);
	struct proposal_plan other = plan;
	struct doing d = { id, &plan };
	struct core *c = as("alice", ROLE_OPERATOR);
	struct core *bob = as("bob", ROLE_ADMIN);
	SCOPED(proposal) now = { 0 };

	(void)state;
	assert_int_equal(proposal_check(c, id, &plan), INRO_E_STATE);
	decide("bob", ROLE_OPERATOR, id, VERB_APPROVE, INRO_OK, PROPOSAL_OPEN);
	assert_int_equal(core_write(c, done_work, &d), INRO_E_STATE);
	decide("carol", ROLE_OPERATOR, id, VERB_APPROVE, INRO_OK, PROPOSAL_APPROVED);
	other.body = bytes_of("{\"subject\":\"CN=S\"}");
	assert_int_equal(proposal_check(c, id, &other), INRO_E_POLICY);
	other = plan;
	other.subject = "ca:other";
	assert_int_equal(proposal_check(c, id, &other), INRO_E_POLICY);
	assert_int_equal(proposal_check(bob, id, &plan), INRO_E_ACCESS);
	core_close(bob);
	OK(proposal_check(c, id, &plan));
	OK(core_write(c, done_work, &d));
	OK(proposal_get(c, id, &now));
	assert_int_equal(now.state, PROPOSAL_DONE);
	assert_int_equal(now.result, 7);
	assert_int_equal(core_write(c, done_work, &d), INRO_E_STATE);
	core_close(c);
}

static void test_same_request_again(void **state)
{
	struct proposal_plan p = plan;
	struct core *c = as("alice", ROLE_OPERATOR);
	SCOPED(proposal) made = { 0 };
	int64_t id;

	(void)state;
	p.request_id = "req-1";
	id = open_one(&p);
	assert_int_equal(open_one(&p), id);
	p.body = bytes_of("other");
	assert_int_equal(proposal_open(c, &p, &made), INRO_E_EXISTS);
	core_close(c);
}

static void test_bounds(void **state)
{
	struct core *c = as("alice", ROLE_OPERATOR);
	struct core *auditor = as("eve", ROLE_AUDITOR);
	struct proposal_plan p = plan;
	SCOPED(proposal) made = { 0 };
	static char big[PROPOSAL_BODY_MAX + 1];

	(void)state;
	assert_int_equal(proposal_open(auditor, &plan, &made), INRO_E_ACCESS);
	p.need = 0;
	assert_int_equal(proposal_open(c, &p, &made), INRO_E_ARG);
	p.need = PROPOSAL_NEED_MAX + 1;
	assert_int_equal(proposal_open(c, &p, &made), INRO_E_ARG);
	p = plan;
	p.body = BYTES(big, sizeof big);
	assert_int_equal(proposal_open(c, &p, &made), INRO_E_TOO_BIG);
	assert_int_equal(proposal_get(c, 1, &made), INRO_E_NOT_FOUND);
	core_close(auditor);
	core_close(c);
}

/* What one tenant proposes is not there for another. */
static void test_other_tenant(void **state)
{
	int64_t id = open_one(&plan);
	SCOPED(proposal) made = { 0 };
	SCOPED(proposal_list) l = { 0 };
	struct core *c;

	(void)state;
	office_sql(db, "INSERT INTO tenant (id, name, created_ms) VALUES (2, 'other', 0)");
	c = office_open_as(db, (struct core_options) {
				       .actor = "bob", .role = ROLE_ADMIN, .tenant = "other" });
	assert_int_equal(proposal_decide(c, id, VERB_APPROVE, NULL, &made), INRO_E_NOT_FOUND);
	OK(proposal_find(c, NULL, NULL, &l));
	assert_int_equal(l.n, 0);
	core_close(c);
}

static void test_list(void **state)
{
	const enum proposal_state open = PROPOSAL_OPEN;
	const struct proposal_filter f = { .action = "ca.create", .state = &open };
	int64_t id = open_one(&plan);
	struct audit_report r = { 0 };
	SCOPED(proposal_list) l = { 0 };
	struct core *c;

	(void)state;
	(void)open_one(&plan);
	decide("bob", ROLE_OPERATOR, id, VERB_REJECT, INRO_OK, PROPOSAL_REFUSED);
	c = as("eve", ROLE_AUDITOR);
	OK(proposal_find(c, &f, NULL, &l));
	assert_int_equal(l.n, 1);
	OK(audit_verify(c, &r));
	assert_int_equal(r.count, 3);
	core_close(c);
}

/* What they are about may be long: a page ends before it is more than a reader wants at once. */
static void test_long_pages(void **state)
{
	static const uint8_t big[PROPOSAL_BODY_MAX] = { 'x' };
	const size_t each = PAGE_OCTETS / sizeof big, all = each + 3;
	struct core *c = as("alice", ROLE_OPERATOR);
	struct page page = { 0 };
	size_t n = 0, pages = 0;

	(void)state;
	for (size_t i = 0; i < all; i++) {
		struct proposal_plan p = plan;
		SCOPED(proposal) made = { 0 };

		p.body = BYTES(big, sizeof big);
		OK(proposal_open(c, &p, &made));
	}
	do {
		SCOPED(proposal_list) l = { 0 };

		OK(proposal_find(c, NULL, &page, &l));
		assert_in_range(l.n, 1, each);
		assert_true(l.items[0].id > page.after);
		n += l.n;
		page.after = l.next;
	} while (++pages < all && page.after);
	assert_int_equal(n, all);
	assert_int_equal(pages, 2);
	core_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_two_others_approve, setup),
		cmocka_unit_test_setup(test_rejected_and_withdrawn, setup),
		cmocka_unit_test_setup(test_done_as_proposed_and_once, setup),
		cmocka_unit_test_setup(test_same_request_again, setup),
		cmocka_unit_test_setup(test_bounds, setup),
		cmocka_unit_test_setup(test_other_tenant, setup),
		cmocka_unit_test_setup(test_list, setup),
		cmocka_unit_test_setup(test_long_pages, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
