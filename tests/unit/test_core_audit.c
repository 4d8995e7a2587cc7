/* test_core_audit - the chain stands, and every kind of tampering shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define EVENTS 9

static char db[32];

static int setup(void **state)
{
	static unsigned n;
	struct core *c;
	char id[16];

	snprintf(db, sizeof db, "audit-%u.db", n++);
	c = office_open(db);
	for (int i = 1; i <= EVENTS; i++) {
		const struct device_fields f = { .name = "名前 \"'\\" };
		SCOPED(device) d = { 0 };

		snprintf(id, sizeof id, "dev-%d", i);
		OK(device_add(c, id, &f, &d));
	}
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static void broken_at(struct core *c, int64_t id)
{
	struct audit_report r = { 0 };

	assert_int_equal(audit_verify(c, &r), INRO_E_DAMAGED);
	assert_int_equal(r.broken, id);
	assert_non_null(r.what);
}

static void test_whole(void **state)
{
	struct audit_report r = { .broken = 5 };

	OK(audit_verify(*state, &r));
	assert_int_equal(r.count, EVENTS);
	assert_int_equal(r.broken, 0);
	assert_null(r.what);
}

static void test_empty(void **state)
{
	struct core *c = office_open("audit-empty.db");
	struct audit_report r = { .count = 5 };

	(void)state;
	OK(audit_verify(c, &r));
	assert_int_equal(r.count, 0);
	core_close(c);
}

/* One change, and the event that verification must name. */
static const struct tampering {
	const char *what, *sql;
	int64_t broken;
} tamperings[] = {
	{ "actor", "UPDATE event SET actor = 'somebody' WHERE id = 4", 4 },
	{ "time", "UPDATE event SET at_ms = at_ms + 1 WHERE id = 1", 1 },
	{ "action", "UPDATE event SET action = 'device.delete' WHERE id = 9", 9 },
	{ "subject", "UPDATE event SET subject = 'device:x' WHERE id = 2", 2 },
	{ "outcome", "UPDATE event SET outcome = 'refused' WHERE id = 3", 3 },
	{ "detail", "UPDATE event SET detail = detail || ' ' WHERE id = 5", 5 },
	{ "field border",
	  "UPDATE event SET action = action || 'd', subject = substr(subject, 2) "
	  "WHERE id = 5",
	  5 },
	{ "hash", "UPDATE event SET hash = zeroblob(32) WHERE id = 7", 7 },
	{ "no hash", "UPDATE event SET hash = NULL WHERE id = 7", 7 },
	{ "unknown outcome", "UPDATE event SET outcome = 'perhaps' WHERE id = 6", 6 },
	{ "deletion", "DELETE FROM event WHERE id = 4", 4 },
	{ "first deleted", "DELETE FROM event WHERE id = 1", 1 },
	{ "renumbered",
	  "DELETE FROM event WHERE id = 4; UPDATE event SET id = 4 WHERE id = 5;"
	  "UPDATE event SET id = 5 WHERE id = 6",
	  4 },
	{ "swap",
	  "UPDATE event SET id = 100 WHERE id = 3; UPDATE event SET id = 3 WHERE id = 4;"
	  "UPDATE event SET id = 4 WHERE id = 100",
	  3 },
	{ "cut off", "DELETE FROM event WHERE id > 6", 7 },
	{ "all gone", "DELETE FROM event", 1 },
	{ "added",
	  "INSERT INTO event SELECT 10, tenant, at_ms, actor, action, subject, outcome, "
	  "detail, hash FROM event WHERE id = 9",
	  10 },
	{ "head back", "UPDATE audit_head SET count = 8", 9 },
	{ "head hash", "UPDATE audit_head SET hash = zeroblob(32)", 9 },
	{ "head gone", "DELETE FROM audit_head", 9 },
};

static void test_tampering(void **state)
{
	struct core *c = *state;
	char sql[512];

	for (size_t i = 0; i < ARRAY_LEN(tamperings); i++) {
		const struct tampering *t = &tamperings[i];

		office_sql(db, "CREATE TABLE event_kept AS SELECT * FROM event;"
			       "CREATE TABLE head_kept AS SELECT * FROM audit_head");
		office_sql(db, t->sql);
		print_message("%s\n", t->what);
		broken_at(c, t->broken);
		snprintf(sql, sizeof sql,
			 "DELETE FROM event; INSERT INTO event SELECT * FROM event_kept;"
			 "DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM head_kept;"
			 "DROP TABLE event_kept; DROP TABLE head_kept");
		office_sql(db, sql);
		test_whole(state);
	}
}

/* What comes after a cut-off end is refused rather than chained to it. */
static void test_no_events_behind_a_wrong_head(void **state)
{
	struct core *c = *state;
	SCOPED(device) d = { 0 };

	office_sql(db, "UPDATE audit_head SET count = 5");
	assert_int_equal(device_add(c, "late", NULL, &d), INRO_E_DAMAGED);
	assert_int_equal(device_get(c, "late", &d), INRO_E_NOT_FOUND);
}

static void test_listing(void **state)
{
	struct audit_filter f = { .subject = "device:dev-3" };
	const struct page page = { .limit = 4 };
	struct core *c = *state;

	{
		SCOPED(event_list) l = { 0 };

		OK(audit_find(c, &f, NULL, &l));
		assert_int_equal(l.n, 1);
		assert_string_equal(l.items[0].action, "device.add");
		assert_string_equal(l.items[0].actor, "tester");
		assert_string_equal(l.items[0].detail, "{\"name\":\"名前 \\\"'\\\\\"}");
	}
	f = (struct audit_filter) { .actor = "tester", .newest_first = true };
	{
		SCOPED(event_list) l = { 0 };

		OK(audit_find(c, &f, &page, &l));
		assert_int_equal(l.n, 4);
		assert_int_equal(l.items[0].id, EVENTS);
		assert_int_equal(l.next, EVENTS - 3);
	}
	f.actor = "' OR 1=1 --";
	{
		SCOPED(event_list) l = { 0 };

		OK(audit_find(c, &f, &page, &l));
		assert_int_equal(l.n, 0);
	}
}

/* Pages of more rows than are asked for at one time, of all sizes. */
static void test_long_pages(void **state)
{
	static const size_t limits[] = { 15, 16, 17, 79, 80, 81, 100, 0 };
	const size_t all = 100;
	char id[16];

	for (size_t i = EVENTS; i < all; i++) {
		SCOPED(device) d = { 0 };

		snprintf(id, sizeof id, "more-%zu", i);
		OK(device_add(*state, id, NULL, &d));
	}
	for (size_t i = 0; i < 2 * ARRAY_LEN(limits); i++) {
		const struct audit_filter f = { .newest_first = i % 2 };
		struct page page = { .limit = limits[i / 2] };
		size_t n = 0;

		do {
			SCOPED(event_list) l = { 0 };

			OK(audit_find(*state, &f, &page, &l));
			for (size_t k = 0; k < l.n; k++, n++)
				assert_int_equal(l.items[k].id, i % 2 ? all - n : n + 1);
			assert_true(l.n == page.limit || !l.next);
			page.after = l.next;
		} while (page.after);
		assert_int_equal(n, all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_pages, setup, teardown),
		cmocka_unit_test(test_empty),
		cmocka_unit_test_setup_teardown(test_tampering, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_events_behind_a_wrong_head, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_listing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
