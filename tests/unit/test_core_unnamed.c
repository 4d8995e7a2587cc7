/* test_core_unnamed - requests that do not say whom they are from: each is accounted for, by one event for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/network.h"
#include "backoffice/core/unnamed.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static char db[32];

static int setup(void **state)
{
	static unsigned n;

	snprintf(db, sizeof db, "unnamed-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	struct audit_report r;

	OK(audit_verify(*state, &r));
	core_close(*state);
	return 0;
}

static void refuse(struct core *c, const char *from, int times)
{
	OK(core_peer(c, from));
	for (int i = 0; i < times; i++)
		assert_int_equal(unnamed_refused(c, err_set(INRO_E_LOGIN, "say who you are")), INRO_E_LOGIN);
	assert_string_equal(err_detail(INRO_E_LOGIN), "say who you are");
}

/* The details of all events of them. */
static void told(struct core *c, struct buf *ret)
{
	const struct audit_filter all = { .action = "request.login" };
	SCOPED(event_list) l = { 0 };

	buf_reset(ret);
	OK(audit_find(c, &all, NULL, &l));
	for (size_t i = 0; i < l.n; i++) {
		assert_int_equal(l.items[i].outcome, EVENT_REFUSED);
		buf_addf(ret, "%s\n", l.items[i].detail);
	}
	buf_add_u8(ret, 0);
	OK(buf_err(ret));
}

static bool says(const struct buf *b, const char *words)
{
	return strstr((const char *)b->p, words) != NULL;
}

static void test_one_event(void **state)
{
	struct core *c = *state;
	SCOPED(buf) b = { 0 };

	OK(unnamed_tell(c));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event"), 0);
	refuse(c, "192.0.2.7", 3);
	refuse(c, "2001:db8::1", 1);
	refuse(c, "2001:db8::2", 1); /* the same network */
	OK(unnamed_tell(c));
	OK(unnamed_tell(c));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event"), 1);
	told(c, &b);
	assert_true(says(&b, "\"count\":5,"));
	assert_true(says(&b, "192.0.2.7 3, 2001:db8:"));
	assert_true(says(&b, " 2\""));
	assert_false(says(&b, "others"));
}

/* However many addresses there are, an event has a bounded size. */
static void test_many_addresses(void **state)
{
	struct core *c = *state;
	SCOPED(buf) b = { 0 };
	char from[32];

	for (int i = 1; i <= UNNAMED_PLACES + 20; i++) {
		snprintf(from, sizeof from, "192.0.2.%d", i);
		refuse(c, from, 2);
	}
	refuse(c, "192.0.2.1", 1);
	OK(unnamed_tell(c));
	told(c, &b);
	assert_true(says(&b, "\"count\":73,"));
	assert_true(says(&b, "\"from\":\"192.0.2.1 3, 192.0.2.2 2,"));
	assert_false(says(&b, "192.0.2.17"));
	assert_true(says(&b, "\"others\":40"));
}

/* What the database did not take is told with what came since. */
static void test_told_later(void **state)
{
	struct core *c = *state;
	SCOPED(buf) b = { 0 };

	office_trigger(db, "no_event", "BEFORE INSERT ON event",
		       office_on_postgres() ? "RAISE EXCEPTION 'no'" : "SELECT RAISE(ABORT, 'no')");
	refuse(c, "192.0.2.7", 3);
	assert_int_not_equal(unnamed_tell(c), INRO_OK);
	office_trigger_drop(db, "no_event");
	refuse(c, "192.0.2.7", 1);
	refuse(c, "192.0.2.8", 1);
	OK(unnamed_tell(c));
	told(c, &b);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event"), 1);
	assert_true(says(&b, "\"count\":5,"));
	assert_true(says(&b, "\"from\":\"192.0.2.7 4, 192.0.2.8 1\""));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What is not looked at any more, because so much was wrong from there, is counted with them. */
static void test_too_many_tries(void **state)
{
	struct core *c = *state;
	struct core_who who;
	SCOPED(buf) b = { 0 };
	char want[32];
	int busy = 0;

	OK(core_peer(c, "198.51.100.1"));
	for (int i = 0; i < 60; i++)
		busy += who_by_api_token(c, "inro_token_none", &who) == INRO_E_BUSY;
	assert_in_range(busy, 1, 59);
	assert_int_equal(who_by_account(c, "nobody", bytes_of("x"), &who), INRO_E_BUSY);
	OK(core_become(c, &(struct core_who) { .tenant = TENANT_DEFAULT, .role = ROLE_ADMIN, .actor = "server" }));
	OK(unnamed_tell(c));
	told(c, &b);
	snprintf(want, sizeof want, "198.51.100.1 %d", busy + 1);
	assert_true(says(&b, want));
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_one_event), T(test_many_addresses), T(test_told_later),
					    T(test_too_many_tries) };

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
