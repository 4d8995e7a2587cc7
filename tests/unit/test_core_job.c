/* test_core_job - bulk work: each kind, bad rows, a job that is cut off and resumed, cancelled, or
 * done by two at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/job.h"
#include "backoffice/core/tally.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define ROWS	    1200

static char db[32];

static int setup(void **state)
{
	static unsigned n;

	snprintf(db, sizeof db, "job-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static const char *devices_file(const char *name, int from, int n, const char *os)
{
	SCOPED(buf) text = { 0 };

	buf_add_str(&text, "id,name,os\n");
	for (int i = from; i < from + n; i++)
		buf_addf(&text, "d%05d,device %d,%s\n", i, i, os);
	OK(buf_err(&text));
	return scratch_file(name, text.p, text.n);
}

static enum inro_err start(struct core *c, const char *kind, const char *arg, const char *value,
			   int64_t *ret_id)
{
	const struct job_arg args[] = { { arg, value } };
	const struct job_order o = { kind, args, arg ? 1 : 0 };
	SCOPED(job) j = { 0 };
	enum inro_err e = job_start(c, &o, &j);

	*ret_id = j.id;
	return e;
}

static void expect(const struct job *j, int64_t done, int64_t same, int64_t failed)
{
	if (j->done != done || j->same != same || j->failed != failed)
		fail_msg("job %lld (%s): %lld done, %lld same, %lld failed", (long long)j->id,
			 j->kind, (long long)j->done, (long long)j->same, (long long)j->failed);
}

static void does(struct core *c, const char *kind, const char *arg, const char *value, int64_t done,
		 int64_t same, int64_t failed)
{
	SCOPED(job) j = { 0 };
	int64_t id;
	enum inro_err e = start(c, kind, arg, value, &id);

	if (e == INRO_OK)
		e = job_run(c, id, NULL, &j);
	if (e != INRO_OK)
		fail_msg("%s: %s", kind, err_detail(e));
	assert_int_equal(j.state, JOB_DONE);
	expect(&j, done, same, failed);
	assert_int_equal(j.total, done + same + failed);
}

static void whole(struct core *c)
{
	struct audit_report r;

	OK(audit_verify(c, &r));
	OK(tally_check(c));
}

static void counts(struct core *c, const char *name, int64_t n)
{
	int64_t is;

	OK(tally_get(c, name, &is));
	assert_int_equal(is, n);
}

static void test_kinds(void **state)
{
	struct core *c = *state;

	does(c, "register", "in", devices_file("a.csv", 0, ROWS, "x"), ROWS, 0, 0);
	does(c, "register", "in", devices_file("a.csv", 10, ROWS, "x"), 10, ROWS - 10, 0);
	does(c, "register", "in", devices_file("b.csv", 0, 3, "y"), 0, 0, 3);
	does(c, "update", "in", devices_file("b.csv", ROWS, 20, "y"), 10, 0, 10);
	does(c, "disable", "where", "name^=device", ROWS + 10, 0, 0);
	counts(c, "device/disabled", ROWS + 10);
	does(c, "disable", "where", "", 0, ROWS + 10, 0);
	does(c, "enable", "where", "os=y", 10, 0, 0);
	does(c, "enable", "in", devices_file("c.csv", ROWS, 11, "z"), 0, 10, 1);
	does(c, "delete", "where", "name^=device state=disabled", ROWS, 0, 0);
	counts(c, "device/deleted", ROWS);
	counts(c, "device/active", 10);
	does(c, "delete", "where", "", 10, 0, 0);
	does(c, "delete", "where", "", 0, 0, 0);
	whole(c);
}

/* What a job does to its rows does not bring them before it again, whatever index it walks by. */
static void test_walks_once(void **state)
{
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };

	OK(group_add(c, "g", NULL, &g));
	for (int i = 0; i < 1100; i++) {
		const struct device_fields f = { .name = "n", .group = i % 2 ? "g" : NULL };
		SCOPED(device) d = { 0 };
		char id[16];

		snprintf(id, sizeof id, "x%d", i);
		OK(device_add(c, id, &f, &d));
	}
	does(c, "disable", "where", "group=g", 550, 0, 0);
	does(c, "enable", "where", "group=g", 550, 0, 0);
	does(c, "disable", "where", "group^=g name^=n", 550, 0, 0);
	does(c, "delete", "where", "name^=n", 1100, 0, 0);
	whole(c);
}

static void test_json_lines(void **state)
{
	static const char lines[] = "\xef\xbb\xbf{\"id\": \"a\", \"name\": \"プレス\", \"attrs\": "
				    "{\"shift\": 2}, \"Host "
				    "Name\": \"h\"}\n"
				    "\n"
				    "{\"id\": \"b\", \"colour\": \"red\"}\n"
				    "{\"id\": \"c\", \"id\": \"d\"}\n"
				    "{\"id\": 7}\n"
				    "[]\n"
				    "{\"id\": \"e\", \"name\": \"a\\u0000b\"}\n"
				    "{\"id\": \"f\", \"host\": \"h\", \"hostname\": \"i\"}\n"
				    "{\"name\": \"nobody\"}\n"
				    "{\"id\": \"last\", \"ip\": null, \"state\": \"active\"}";
	static const char again[] = "{\"id\": \"a\", \"host\": \"\"}\n";
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(job_error_list) l = { 0 };
	int64_t id;

	OK(start(c, "register", "in", scratch_file("l.jsonl", lines, sizeof lines - 1), &id));
	OK(job_run(c, id, NULL, &j));
	expect(&j, 2, 0, 7);
	OK(device_get(c, "a", &d));
	assert_string_equal(d.name, "プレス");
	assert_string_equal(d.attrs, "{\"shift\":2}");
	assert_string_equal(d.hostname, "h");
	OK(job_errors(c, id, NULL, &l));
	assert_int_equal(l.n, 7);
	assert_string_equal(l.items[0].name, "line 3");
	assert_non_null(strstr(l.items[0].why, "colour"));
	does(c, "update", "in", scratch_file("m.jsonl", again, strlen(again)), 1, 0, 0);
	device_clear(&d);
	OK(device_get(c, "a", &d));
	assert_null(d.hostname);
}

static void test_errors_file(void **state)
{
	static const char first[] = "line 2\tINRO_E_ARG\tthe IP address is like";
	struct core *c = *state;
	SCOPED(buf) text = { 0 };
	SCOPED(buf) told = { 0 };
	SCOPED(job) j = { 0 };
	int64_t id;
	size_t n = 0;

	buf_add_str(&text, "id,ip\n");
	for (int i = 0; i < 1500; i++)
		buf_addf(&text, "d%d,%s\n", i, i % 3 ? "192.0.2.1" : "nowhere");
	OK(start(c, "register", "in", scratch_file("e.csv", text.p, text.n), &id));
	OK(job_run(c, id, NULL, &j));
	expect(&j, 1000, 0, 500);
	OK(job_errors_write(c, id, scratch_path("e.errors")));
	OK(file_read(scratch_path("e.errors"), 1 << 20, &told));
	for (size_t i = 0; i < told.n; i++)
		n += told.p[i] == '\n';
	assert_int_equal(n, 500);
	assert_memory_equal(told.p, first, strlen(first));
	whole(c);
}

static void test_refused(void **state)
{
	static const struct {
		const char *kind, *arg, *value, *says;
	} rows[] = {
		{ "polish", NULL, NULL, "register, update" },
		{ "register", NULL, NULL, "needs --in" },
		{ "register", "where", "id=a", "takes no --where" },
		{ "register", "in", "/nowhere/at/all", "No such file" },
		{ "disable", NULL, NULL, "give one of" },
		{ "disable", "where", "colour=red", "its fields are" },
		{ "disable", "where", "id=\x01", "control" },
	};
	struct core_options o = office_options();
	struct core *c = *state, *auditor;
	int64_t id;
	SCOPED(job) j = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum inro_err e = start(c, rows[i].kind, rows[i].arg, rows[i].value, &id);

		assert_int_not_equal(e, INRO_OK);
		if (!strstr(err_detail(e), rows[i].says))
			fail_msg("%s: %s", rows[i].kind, err_detail(e));
	}
	FAILS(INRO_E_NOT_FOUND, job_run(c, 1, NULL, &j));
	OK(start(c, "disable", "where", "", &id));
	o.role = ROLE_AUDITOR;
	auditor = office_open_as(db, o);
	FAILS(INRO_E_ACCESS, job_run(auditor, id, NULL, &j));
	FAILS(INRO_E_ACCESS, job_cancel(auditor, id, NULL, &j));
	FAILS(INRO_E_ACCESS, start(auditor, "disable", "where", "", &id));
	core_close(auditor);
	whole(c);
}

/* ---- two at once ---- */

struct other {
	struct core *c;
	int64_t lots;
	bool cancels;
};

static void meddle(void *arg, const struct job *j)
{
	struct other *o = arg;
	SCOPED(job) seen = { 0 };

	if (o->lots++)
		return;
	FAILS(INRO_E_BUSY, job_run(o->c, j->id, NULL, &seen));
	if (o->cancels)
		OK(job_cancel(o->c, j->id, "enough", &seen));
}

static void test_two(void **state)
{
	struct core *c = *state;
	struct other o = { .c = office_open(db) };
	const struct job_watch w = { .told = meddle, .arg = &o };
	SCOPED(job) j = { 0 };
	int64_t id;

	OK(start(c, "register", "in", devices_file("t.csv", 0, ROWS, "x"), &id));
	OK(job_run(c, id, &w, &j));
	expect(&j, ROWS, 0, 0);
	job_clear(&j);
	FAILS(INRO_E_STATE, job_run(c, id, NULL, &j));
	o = (struct other) { .c = o.c, .cancels = true };
	OK(start(c, "disable", "where", "", &id));
	FAILS(INRO_E_CANCELLED, job_run(c, id, &w, &j));
	expect(&j, 500, 0, 0);
	counts(c, "device/disabled", 500);
	job_clear(&j);
	FAILS(INRO_E_STATE, job_run(c, id, NULL, &j));
	core_close(o.c);
	whole(c);
}

/* Another took it over, as after a lease that ran out: who had it writes nothing more. */
static void steal(void *arg, const struct job *j)
{
	(void)j;
	if (!*(int *)arg)
		office_sql(db, "UPDATE job SET lease_by = 'elsewhere/1/1'");
	++*(int *)arg;
}

static void test_lost_lease(void **state)
{
	struct core *c = *state;
	int lots = 0;
	const struct job_watch w = { .told = steal, .arg = &lots };
	SCOPED(job) j = { 0 };
	int64_t id;

	OK(start(c, "register", "in", devices_file("s.csv", 0, ROWS, "x"), &id));
	FAILS(INRO_E_STATE, job_run(c, id, &w, &j));
	counts(c, "device/registered", 500);
	job_clear(&j);
	FAILS(INRO_E_BUSY, job_run(c, id, NULL, &j));
	office_sql(db, "UPDATE job SET lease_until_ms = 1");
	OK(job_run(c, id, NULL, &j));
	expect(&j, ROWS, 0, 0);
	whole(c);
}

/* A server whose clock is wrong takes no work from another, where a database has a clock of its own. */
static void test_clock_of_the_database(void **state)
{
	struct core *c = *state;
	int lots = 0;
	const struct job_watch w = { .told = steal, .arg = &lots };
	SCOPED(job) j = { 0 };
	int64_t id;

	if (!office_on_postgres())
		skip();
	OK(start(c, "register", "in", devices_file("c.csv", 0, ROWS, "x"), &id));
	clock_set_test(clock_now() - 86400); /* its lease is as long as any */
	FAILS(INRO_E_STATE, job_run(c, id, &w, &j));
	clock_set_test(clock_now() + 2 * 86400);
	job_clear(&j);
	FAILS(INRO_E_BUSY, job_run(c, id, NULL, &j));
	clock_set_test(0);
	office_sql(db, "UPDATE job SET lease_until_ms = 1");
	OK(job_run(c, id, NULL, &j));
	expect(&j, ROWS, 0, 0);
}

/* Killed between its last lot and its end: nothing is done or counted again. */
static void test_last_lot(void **state)
{
	struct core *c = *state;
	const struct {
		const char *kind, *arg, *value;
	} rows[] = {
		{ "register", "in", devices_file("l.csv", 0, ROWS, "x") },
		{ "disable", "where", "name^=device" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(job) j = { 0 };
		int64_t id;

		OK(start(c, rows[i].kind, rows[i].arg, rows[i].value, &id));
		OK(job_run(c, id, NULL, &j));
		job_clear(&j);
		office_sql(db, "UPDATE job SET state = 'failed'");
		OK(job_run(c, id, NULL, &j));
		expect(&j, ROWS, 0, 0);
	}
	whole(c);
}

/* A file of Windows in Japan: also the second lot of one that was left is read as such. */
static bool ends_soon(void *arg)
{
	return --*(int *)arg < 0;
}

static void test_shift_jis(void **state)
{
	struct core *c = *state;
	struct job_arg args[] = { { "in", NULL }, { "encoding", "shift_jis" } };
	const struct job_order o = { "register", args, ARRAY_LEN(args) };
	int lots = 1;
	const struct job_watch w = { .ends = ends_soon, .arg = &lots };
	SCOPED(buf) text = { 0 };
	SCOPED(job) made = { 0 };
	SCOPED(job) left = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(device) d = { 0 };
	int64_t id;

	FAILS(INRO_E_ARG, start(c, "disable", "encoding", "shift_jis", &id));
	buf_add_str(&text, "\x83\x66\x83\x6f\x83\x43\x83\x58ID,name\r\n");
	for (int i = 0; i < ROWS; i++)
		buf_addf(&text, "s%d,\x83\x76\x83\x8c\x83\x58 \x95\x5c %d\r\n", i, i);
	OK(buf_err(&text));
	args[0].value = scratch_file("sjis.csv", text.p, text.n);
	OK(job_start(c, &o, &made));
	assert_int_equal(made.total, ROWS);
	OK(job_run(c, made.id, &w, &left));
	assert_int_equal(left.done, 500);
	OK(job_run(c, made.id, NULL, &j));
	expect(&j, ROWS, 0, 0);
	OK(device_get(c, "s1199", &d));
	assert_string_equal(d.name, "プレス 表 1199");
	whole(c);
}

static void test_other_file(void **state)
{
	struct core *c = *state;
	SCOPED(job) j = { 0 };
	int64_t id;

	OK(start(c, "register", "in", devices_file("o.csv", 0, 20, "x"), &id));
	devices_file("o.csv", 0, 21, "x");
	FAILS(INRO_E_POLICY, job_run(c, id, NULL, &j));
	assert_int_equal(j.state, JOB_FAILED);
	assert_non_null(strstr(j.said, "not the file"));
	job_clear(&j);
	devices_file("o.csv", 0, 20, "x");
	OK(job_run(c, id, NULL, &j));
	expect(&j, 20, 0, 0);
	assert_null(j.said);
}

/* Rows that come while it runs are not what it is about. */
static void add_one(void *arg, const struct job *j)
{
	SCOPED(device) d = { 0 };
	char id[32];

	snprintf(id, sizeof id, "z%lld", (long long)j->done);
	OK(device_add(arg, id, NULL, &d));
}

static void test_settled(void **state)
{
	struct core *c = *state;
	const struct job_watch w = { .told = add_one, .arg = c };
	SCOPED(job) j = { 0 };
	int64_t id;

	does(c, "register", "in", devices_file("n.csv", 0, 600, "x"), 600, 0, 0);
	OK(start(c, "delete", "where", "", &id));
	OK(job_run(c, id, &w, &j));
	expect(&j, 600, 0, 0);
	counts(c, "device/registered", 2);
}

/* The first lot is at work when another job has all of its rows. */
static void take_all(void *arg, const struct job *j)
{
	struct other *o = arg;

	if (!o->lots++)
		does(o->c, "delete", "where", "state=registered", j->total - 500, 0, 0);
}

static void test_fits_no_more(void **state)
{
	struct core *c = *state;
	struct other o = { .c = office_open(db) };
	const struct job_watch w = { .told = take_all, .arg = &o };
	SCOPED(job) j = { 0 };
	int64_t id;

	does(c, "register", "in", devices_file("p.csv", 0, ROWS, "x"), ROWS, 0, 0);
	OK(start(c, "delete", "where", "state=registered", &id));
	OK(job_run(c, id, &w, &j));
	expect(&j, 500, 0, 0);
	assert_int_equal(j.total, ROWS);
	assert_int_equal(job_passed(&j), ROWS - 500);
	core_close(o.c);
	whole(c);
}

static struct core *another;
static int64_t at_work;

/* Before the first write of the job when it runs, which is that of its first lot: that was found by then. */
static void delete_one(void)
{
	SCOPED(job) j = { 0 };
	void (*self)(void) = office_before_write;
	size_t revoked;

	office_before_write = NULL;
	OK(job_get(another, at_work, &j));
	if (j.state == JOB_RUNNING)
		OK(device_delete(another, "d00019", NULL, &revoked));
	else
		office_before_write = self;
}

/* What another has deleted after it was found is deleted: that is no fault. */
static void test_deleted_meanwhile(void **state)
{
	struct core *c = *state;
	SCOPED(job) j = { 0 };
	SCOPED(device) again = { 0 };

	does(c, "register", "in", devices_file("q.csv", 0, 20, "x"), 20, 0, 0);
	OK(start(c, "delete", "where", "", &at_work));
	another = office_open(db);
	office_before_write = delete_one;
	OK(job_run(c, at_work, NULL, &j));
	assert_null(office_before_write);
	core_close(another);
	expect(&j, 19, 1, 0);
	OK(device_add(c, "d00019", NULL, &again));
}

/* Lines of a file are counted when all are read: its last line may have no end, and some are empty.
 */
static void test_lines_counted(void **state)
{
	static const char text[] = "id\na\n\nb";
	struct core *c = *state;
	SCOPED(job) j = { 0 };
	int64_t id;

	OK(start(c, "register", "in", scratch_file("u.csv", text, sizeof text - 1), &id));
	OK(job_run(c, id, NULL, &j));
	assert_int_equal(j.total, job_rows(&j));
	assert_int_equal(job_passed(&j), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walks_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_of_the_database, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_lot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shift_jis, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fits_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
