/* test_db - what base/db promises: durable, refused when foreign, whole or not at all. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/things.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const char *const others[] = { "CREATE TABLE thing(id INTEGER PRIMARY KEY)" };
static const struct db_schema other = {
	.application_id = 0x41414141, .migrations = others, .n = 1, .what = "other store"
};

static void test_create(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("new.db");
	struct stat st;

	(void)state;
	assert_int_equal(stat(scratch_path("new.db"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	OK(things_add(d, "x"));
	assert_int_equal(stat(scratch_path("new.db-wal"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(things_ask(d, "PRAGMA user_version"), 1);
	assert_int_equal(things_ask(d, "PRAGMA application_id"), 0x496e7231);
}

static void test_durable_settings(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("pragmas.db");
	struct db_stmt *s;
	bool row;

	(void)state;
	OK(db_stmt(d, "PRAGMA journal_mode", &s));
	OK(db_step(s, &row));
	assert_string_equal(db_text(s, 0), "wal");
	db_reset(s);
	assert_int_equal(things_ask(d, "PRAGMA synchronous"), 2);
	assert_int_equal(things_ask(d, "PRAGMA foreign_keys"), 1);
	assert_int_equal(things_ask(d, "PRAGMA trusted_schema"), 0);
	assert_int_equal(things_ask(d, "PRAGMA secure_delete"), 1);
}

static void test_no_file(void **state)
{
	struct db *d = NULL;

	(void)state;
	assert_int_equal(db_open(scratch_path("none.db"), DB_READ_WRITE, &things_v1, &d),
			 INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "none.db"));
	assert_int_equal(db_open(scratch_path("none/x.db"), DB_CREATE, &things_v1, &d),
			 INRO_E_NOT_FOUND);
	assert_int_equal(db_open("", DB_CREATE, &things_v1, &d), INRO_E_ARG);
	assert_int_equal(db_open(scratch_dir(), DB_READ_WRITE, &things_v1, &d), INRO_E_DAMAGED);
	assert_null(d);
	assert_int_equal(access(scratch_path("none.db"), F_OK), -1);
}

static void test_name_is_a_plain_name(void **state)
{
	struct db *d = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(chdir(scratch_dir()), 0);
	OK(db_open("file:a?mode=memory", DB_CREATE, &things_v1, &d));
	db_close(d);
	assert_int_equal(stat("file:a?mode=memory", &st), 0);
	assert_true(st.st_size > 0);
	OK(db_open(":memory:", DB_CREATE, &things_v1, &d));
	db_close(d);
	assert_int_equal(stat(":memory:", &st), 0);
	assert_true(st.st_size > 0);
}

static void test_migrate(void **state)
{
	struct db *d = things_open("grow.db");

	(void)state;
	OK(things_add(d, "old"));
	db_close(d);
	assert_int_equal(db_open(scratch_path("grow.db"), DB_READ_ONLY, &things_v2, &d),
			 INRO_E_VERSION);
	OK(db_open(scratch_path("grow.db"), DB_READ_WRITE, &things_v2, &d));
	assert_int_equal(things_ask(d, "PRAGMA user_version"), 2);
	assert_int_equal(things_count(d), 2);
	assert_int_equal(things_ask(d, "SELECT count(*) FROM thing WHERE note IS NULL"), 2);
	db_close(d);
}

static void test_later_version_is_refused(void **state)
{
	struct db *d = NULL;

	(void)state;
	OK(db_open(scratch_path("later.db"), DB_CREATE, &things_v2, &d));
	db_close(d);
	d = NULL;
	assert_int_equal(db_open(scratch_path("later.db"), DB_READ_WRITE, &things_v1, &d),
			 INRO_E_VERSION);
	assert_non_null(strstr(err_detail(INRO_E_VERSION), "version 2"));
	assert_null(d);
	OK(db_open(scratch_path("later.db"), DB_READ_WRITE, &things_v2, &d));
	db_close(d);
}

static void test_foreign_file_is_refused(void **state)
{
	struct db *d = NULL;
	sqlite3 *raw;

	(void)state;
	db_close(things_open("foreign.db"));
	assert_int_equal(db_open(scratch_path("foreign.db"), DB_CREATE, &other, &d),
			 INRO_E_DAMAGED);
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "foreign.db"));
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "other store"));

	/* another program's database without an application id is not adopted */
	assert_int_equal(sqlite3_open(scratch_path("theirs.db"), &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, "CREATE TABLE theirs(x)", 0, 0, 0), SQLITE_OK);
	sqlite3_close(raw);
	assert_int_equal(db_open(scratch_path("theirs.db"), DB_CREATE, &things_v1, &d),
			 INRO_E_DAMAGED);
	assert_null(d);
	assert_int_equal(sqlite3_open(scratch_path("theirs.db"), &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, "INSERT INTO theirs VALUES(1)", 0, 0, 0), SQLITE_OK);
	sqlite3_close(raw);
	assert_int_equal(access(scratch_path("theirs.db-wal"), F_OK), -1);
}

static void test_not_sqlite(void **state)
{
	static const char text[] = "This is a text that somebody put where a store should be.\n";
	enum db_mode modes[] = { DB_READ_WRITE, DB_CREATE, DB_READ_ONLY };
	const char *path = scratch_file("text.db", text, sizeof text - 1);
	char back[sizeof text] = "";
	struct db *d = NULL;
	FILE *f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		assert_int_equal(db_open(path, modes[i], &things_v1, &d), INRO_E_DAMAGED);
		assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "text.db"));
		assert_null(d);
	}
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fread(back, 1, sizeof back, f), sizeof text - 1);
	fclose(f);
	assert_string_equal(back, text);
}

static void test_empty_file(void **state)
{
	const char *path = scratch_file("empty.db", "", 0);
	struct db *d = NULL;

	(void)state;
	assert_int_equal(db_open(path, DB_READ_WRITE, &things_v1, &d), INRO_E_DAMAGED);
	assert_int_equal(db_open(path, DB_READ_ONLY, &things_v1, &d), INRO_E_DAMAGED);
	OK(db_open(path, DB_CREATE, &things_v1, &d));
	db_close(d);
}

static void test_rollback(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("rollback.db");

	(void)state;
	OK(db_begin(d));
	assert_true(db_in_transaction(d));
	OK(things_add(d, "a"));
	assert_int_equal(db_begin(d), INRO_E_STATE);
	db_rollback(d);
	assert_false(db_in_transaction(d));
	db_rollback(d);
	assert_int_equal(things_count(d), 0);
	assert_int_equal(db_commit(d), INRO_E_STATE);
	OK(db_begin(d));
	OK(things_add(d, "a"));
	OK(db_commit(d));
	assert_int_equal(things_count(d), 1);
}

struct sizes {
	int64_t sum;
	size_t octets, rows;
	enum inro_err end; /* with the second row */
};

static enum inro_err add_size(void *arg, const struct db_row *r)
{
	struct sizes *s = arg;

	s->sum += db_row_int(r, 0);
	s->octets += db_row_bytes(r, 1).n;
	if (++s->rows == 2 && s->end)
		return err_set(s->end, "enough");
	return INRO_OK;
}

static enum inro_err visit(struct db *d, int64_t above, struct sizes *s)
{
	struct db_stmt *st;

	OK(db_stmt(d, "SELECT each_row(size, data) FROM thing WHERE id > ?1", &st));
	db_bind_int(st, 1, above);
	return db_visit(st, add_size, s);
}

static void test_visit(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("visit.db");
	struct sizes all = { 0 }, none = { 0 }, some = { .end = INRO_E_POLICY };
	struct db_stmt *st;
	bool row;

	(void)state;
	OK(db_exec(d, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
		      "INSERT INTO thing(name, size, data) SELECT i, i, x'010203' FROM n;"
		      "INSERT INTO thing(name) VALUES ('neither')"));
	OK(visit(d, 0, &all));
	assert_int_equal(all.rows, 10000);
	assert_int_equal(all.sum, 9999 * 5000);
	assert_int_equal(all.octets, 9999 * 3);
	OK(visit(d, 10000, &none));
	assert_int_equal(none.rows, 0);
	assert_int_equal(visit(d, 0, &some), INRO_E_POLICY);
	assert_string_equal(err_detail(INRO_E_POLICY), "enough");
	assert_int_equal(some.rows, 2);
	/* Nowhere else: neither stepped to nor in a schema that somebody edited. */
	OK(db_stmt(d, "SELECT each_row(id) FROM thing", &st));
	assert_int_not_equal(db_step(st, &row), INRO_OK);
	OK(db_exec(d, "CREATE VIEW v AS SELECT each_row(id) FROM thing"));
	assert_int_not_equal(db_exec(d, "SELECT * FROM v"), INRO_OK);
}

static void test_constraints(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("constraints.db");

	(void)state;
	OK(things_add(d, "twice"));
	assert_int_equal(things_add(d, "twice"), INRO_E_EXISTS);
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "thing.name"));
	assert_int_equal(things_add(d, NULL), INRO_E_ARG);
	assert_int_equal(db_exec(d, "INSERT INTO thing(name, size) VALUES('x', -1)"), INRO_E_ARG);
	assert_int_equal(db_exec(d, "INSERT INTO part VALUES(77)"), INRO_E_STATE);
	assert_int_equal(db_exec(d, "INSERT INTO part VALUES(\"77\")"), INRO_E_DAMAGED);
	OK(things_add(d, "after a failure the statement works again"));
	assert_int_equal(things_count(d), 2);
}

static void test_statements_are_kept(void **state)
{
	static const char sql[] = "SELECT ?1, ?2, ?3";
	AUTO(db_close_ptr) struct db *d = things_open("stmt.db");
	struct db_stmt *a, *b;
	bool row;

	(void)state;
	OK(db_stmt(d, sql, &a));
	db_bind_int(a, 1, INT64_MIN);
	db_bind_bytes(a, 2, BYTES("a\0b", 3));
	db_bind_text(a, 3, "text");
	OK(db_step(a, &row));
	assert_true(row);
	assert_true(db_int(a, 0) == INT64_MIN);
	assert_true(bytes_equal(db_bytes(a, 1), BYTES("a\0b", 3)));
	assert_string_equal(db_text(a, 2), "text");
	OK(db_stmt(d, sql, &b));
	assert_ptr_equal(a, b);
	OK(db_step(b, &row));
	assert_true(db_is_null(b, 0) && db_is_null(b, 1) && db_is_null(b, 2));
	assert_string_equal(db_text(b, 2), "");
	OK(db_stmt(d, sql, &b));
	db_bind_bytes(b, 1, BYTES_NONE);
	OK(db_step(b, &row));
	assert_false(db_is_null(b, 0));
	assert_int_equal(db_bytes(b, 0).n, 0);
	OK(db_step(b, &row));
	assert_false(row);
}

static void test_binding_failures(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("bind.db");
	struct db_stmt *s;
	bool row = true;

	(void)state;
	OK(db_stmt(d, "INSERT INTO thing(name) VALUES (?1)", &s));
	db_bind_text(s, 1, "half");
	db_bind_int(s, 2, 1);
	assert_int_equal(db_step(s, &row), INRO_E_ARG);
	assert_true(row); /* nothing is written on failure */
	assert_int_equal(things_count(d), 0);
	OK(db_stmt(d, "INSERT INTO thing(name, data) VALUES ('big', ?1)", &s));
	db_bind_bytes(s, 1, BYTES("", (size_t)65 << 20));
	assert_int_equal(db_run(s), INRO_E_TOO_BIG);
	assert_int_equal(things_count(d), 0);
	assert_int_equal(db_stmt(d, "SELECT nonsense", &s), INRO_E_DAMAGED);
}

static void test_second_connection(void **state)
{
	AUTO(db_close_ptr) struct db *a = things_open("two.db");
	AUTO(db_close_ptr) struct db *b = NULL;
	int64_t before, after;

	(void)state;
	OK(db_open(scratch_path("two.db"), DB_READ_WRITE, &things_v1, &b));
	db_busy_timeout(b, 60);
	OK(db_begin(a));
	assert_int_equal(db_begin(b), INRO_E_BUSY);
	assert_non_null(strstr(err_detail(INRO_E_BUSY), "try again"));
	OK(db_data_version(b, &before));
	OK(things_add(a, "seen after the commit only"));
	assert_int_equal(things_count(b), 0);
	OK(db_commit(a));
	assert_int_equal(things_count(b), 1);
	OK(db_data_version(b, &after));
	assert_true(before != after);
	OK(things_add(b, "own writes do not count"));
	OK(db_data_version(b, &before));
	assert_true(before == after);
}

static void test_steady_view(void **state)
{
	AUTO(db_close_ptr) struct db *a = things_open("view.db");
	AUTO(db_close_ptr) struct db *b = NULL;

	(void)state;
	OK(db_open(scratch_path("view.db"), DB_READ_ONLY, &things_v1, &b));
	OK(db_begin_read(b));
	OK(things_add(a, "later"));
	assert_int_equal(things_count(b), 0);
	OK(db_commit(b));
	assert_int_equal(things_count(b), 1);
	assert_int_equal(things_add(b, "no"), INRO_E_ACCESS);
}

static void *hold_briefly(void *arg)
{
	struct db *d = arg;

	usleep(100 * 1000);
	return db_commit(d) == INRO_OK ? d : NULL;
}

static void test_waits_for_the_other(void **state)
{
	AUTO(db_close_ptr) struct db *a = things_open("wait.db");
	AUTO(db_close_ptr) struct db *b = NULL;
	pthread_t t;
	void *done;

	(void)state;
	OK(db_open(scratch_path("wait.db"), DB_READ_WRITE, &things_v1, &b));
	OK(db_begin(a));
	assert_int_equal(pthread_create(&t, NULL, hold_briefly, a), 0);
	OK(db_begin(b));
	OK(db_commit(b));
	pthread_join(t, &done);
	assert_ptr_equal(done, a);
}

static void test_last_id_and_changes(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("ids.db");

	(void)state;
	OK(db_exec(d, "INSERT INTO thing(id, name) VALUES (41, 'a')"));
	OK(things_add(d, "b"));
	assert_int_equal(db_last_id(d), 42);
	OK(db_exec(d, "UPDATE thing SET size = 1"));
	assert_int_equal(db_changes(d), 2);
}

static void test_copy(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("from.db");
	struct db *c = NULL;
	struct stat st;

	(void)state;
	OK(things_add(d, "a"));
	OK(db_copy_to(d, scratch_path("copy.db")));
	assert_int_equal(stat(scratch_path("copy.db"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(scratch_path("copy.db-wal"), F_OK), -1);
	assert_int_equal(db_copy_to(d, scratch_path("copy.db")), INRO_E_EXISTS);
	assert_int_equal(db_copy_to(d, scratch_path("nowhere/copy.db")), INRO_E_NOT_FOUND);
	OK(db_open(scratch_path("copy.db"), DB_READ_ONLY, &things_v1, &c));
	assert_int_equal(things_count(c), 1);
	OK(db_check(c));
	db_close(c);
	OK(db_begin(d));
	assert_int_not_equal(db_copy_to(d, scratch_path("open.db")), INRO_OK);
	assert_int_equal(access(scratch_path("open.db"), F_OK), -1);
	db_rollback(d);
}

static int leave_open(void *arg)
{
	struct db *d = things_open(arg);

	return things_add(d, "a") != INRO_OK;
}

/* What a killed process, or a full disk, leaves beside a database is seen, and goes with it. */
static void test_closed_and_removed(void **state)
{
	(void)state;
	assert_int_equal(scratch_child(leave_open, (void *)(uintptr_t) "left.db"), 0);
	assert_int_equal(db_check_closed(scratch_path("left.db")), INRO_E_IO);
	db_close(things_open("left.db"));
	OK(db_check_closed(scratch_path("left.db")));
	db_remove(scratch_path("left.db"));
	assert_int_equal(scratch_child(leave_open, (void *)(uintptr_t) "left.db"), 0);
	scratch_file("left.db-journal", "x", 1);
	db_remove(scratch_path("left.db"));
	for (const char *const *end = (const char *const[]) { "", "-wal", "-shm", "-journal", NULL }; *end; end++) {
		char name[32];

		snprintf(name, sizeof name, "left.db%s", *end);
		assert_int_equal(access(scratch_path(name), F_OK), -1);
	}
}

static void test_failing_migration(void **state)
{
	static const char *const bad[] = { "CREATE TABLE a(x)",
					   "CREATE TABLE b(x); SELECT nonsense" };
	const struct db_schema schema = {
		.application_id = 7, .migrations = bad, .n = 2, .what = "bad store"
	};
	const struct db_schema first = {
		.application_id = 7, .migrations = bad, .n = 1, .what = "bad store"
	};
	struct db *d = NULL;

	(void)state;
	assert_int_equal(db_open(scratch_path("bad.db"), DB_CREATE, &schema, &d), INRO_E_DAMAGED);
	assert_null(d);
	OK(db_open(scratch_path("bad.db"), DB_READ_WRITE, &first, &d));
	assert_int_equal(things_ask(d, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
	db_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_durable_settings),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_name_is_a_plain_name),
		cmocka_unit_test(test_migrate),
		cmocka_unit_test(test_later_version_is_refused),
		cmocka_unit_test(test_foreign_file_is_refused),
		cmocka_unit_test(test_not_sqlite),
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_rollback),
		cmocka_unit_test(test_visit),
		cmocka_unit_test(test_constraints),
		cmocka_unit_test(test_statements_are_kept),
		cmocka_unit_test(test_binding_failures),
		cmocka_unit_test(test_second_connection),
		cmocka_unit_test(test_steady_view),
		cmocka_unit_test(test_waits_for_the_other),
		cmocka_unit_test(test_last_id_and_changes),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_closed_and_removed),
		cmocka_unit_test(test_failing_migration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
