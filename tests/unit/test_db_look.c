/* test_db_look - db_data_version(): a commit of another connection is seen, whatever comes between two
 * looks, and SQLite is asked after a commit alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/db/internal.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const char *const steps[] = { "CREATE TABLE thing(name TEXT)" };
static const struct db_schema schema = {
	.application_id = 0x496e7231, .migrations = steps, .n = 1, .what = "test store"
};

static struct db *open_as(const char *name, enum db_mode mode)
{
	struct db *d = NULL;

	OK(db_open(scratch_path(name), mode, &schema, &d));
	return d;
}

static void add(struct db *d)
{
	OK(db_exec(d, "INSERT INTO thing VALUES ('one more')"));
}

static int64_t version_of(struct db *d)
{
	int64_t v = 0;

	OK(db_data_version(d, &v));
	return v;
}

/* What is ours or was rolled back does not count. */
static void test_commits(void **state)
{
	AUTO(db_close_ptr) struct db *a = open_as("look.db", DB_CREATE);
	AUTO(db_close_ptr) struct db *b = open_as("look.db", DB_READ_WRITE);
	int64_t seen;

	(void)state;
	for (int i = 0; i < 50; i++) {
		seen = version_of(b);
		assert_true(version_of(b) == seen);
		add(b);
		assert_true(version_of(b) == seen);
		if (i % 7 == 3)
			OK(db_fold(a)); /* the log begins anew, which SQLite may count */
		seen = version_of(b);
		OK(db_begin(a));
		add(a);
		assert_true(version_of(b) == seen);
		if (i % 3 == 0)
			db_rollback(a);
		else
			OK(db_commit(a));
		assert_int_equal(version_of(b) != seen, i % 3 != 0);
	}
}

/* A look within a steady view answers for the view, and does not hide the commit from the next. */
static void test_within_a_view(void **state)
{
	AUTO(db_close_ptr) struct db *a = open_as("looks.db", DB_CREATE);
	AUTO(db_close_ptr) struct db *b = open_as("looks.db", DB_READ_WRITE);
	int64_t seen;

	(void)state;
	(void)version_of(b);
	seen = version_of(b);
	OK(db_begin_read(b));
	OK(db_exec(b, "SELECT count(*) FROM thing"));
	add(a);
	assert_true(version_of(b) == seen);
	assert_true(version_of(b) == seen);
	db_rollback(b);
	assert_true(version_of(b) != seen);
}

struct traced {
	unsigned statements;
};

static int count_statement(unsigned what, void *arg, void *a, void *b)
{
	struct traced *t = arg;

	(void)what;
	(void)a;
	(void)b;
	t->statements++;
	return 0;
}

/* SQLite is asked after a commit alone. */
static void test_who_is_asked(void **state)
{
	AUTO(db_close_ptr) struct db *a = open_as("asks.db", DB_CREATE);
	AUTO(db_close_ptr) struct db *b = open_as("asks.db", DB_READ_WRITE);
	struct traced t = { 0 };

	(void)state;
	(void)version_of(b);
	(void)version_of(b);
	assert_int_equal(sqlite3_trace_v2(b->sqlite, SQLITE_TRACE_STMT, count_statement, &t), 0);
	for (int i = 0; i < 20; i++)
		(void)version_of(b);
	assert_int_equal(t.statements, 0);
	add(a);
	for (int i = 0; i < 20; i++)
		(void)version_of(b);
	assert_int_equal(t.statements, 1);
}

static int write_elsewhere(void *arg)
{
	struct db *d = open_as(arg, DB_READ_WRITE);

	add(d);
	db_close(d);
	return 0;
}

static void test_other_process(void **state)
{
	static char name[] = "far.db";
	AUTO(db_close_ptr) struct db *a = open_as(name, DB_CREATE);
	int64_t seen = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		(void)version_of(a);
		seen = version_of(a);
		assert_int_equal(scratch_child(write_elsewhere, name), 0);
		assert_true(version_of(a) != seen);
	}
}

/* One that only reads asks SQLite each time. */
static void test_reader(void **state)
{
	AUTO(db_close_ptr) struct db *a = open_as("read.db", DB_CREATE);
	AUTO(db_close_ptr) struct db *b = open_as("read.db", DB_READ_ONLY);
	int64_t seen;

	(void)state;
	(void)version_of(b);
	seen = version_of(b);
	add(a);
	assert_true(version_of(b) != seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commits),	      cmocka_unit_test(test_within_a_view),
		cmocka_unit_test(test_who_is_asked),  cmocka_unit_test(test_other_process),
		cmocka_unit_test(test_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
