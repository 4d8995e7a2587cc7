/* test_db - what base/db promises: durable, refused when foreign, whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/db/db.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const char *const steps[] = {
	"CREATE TABLE thing(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BLOB,"
	" size INTEGER CHECK (size >= 0));"
	"CREATE TABLE part(thing INTEGER NOT NULL REFERENCES thing(id))",
	"ALTER TABLE thing ADD COLUMN note TEXT; INSERT INTO thing(name) VALUES ('from step 2')",
};
static const struct db_schema v1 = {
	.application_id = 0x496e7231, .migrations = steps, .n = 1, .what = "test store"
};
static const struct db_schema v2 = {
	.application_id = 0x496e7231, .migrations = steps, .n = 2, .what = "test store"
};
static const struct db_schema other = {
	.application_id = 0x41414141, .migrations = steps, .n = 1, .what = "other store"
};

static struct db *open_new(const char *name)
{
	struct db *d = NULL;

	OK(db_open(scratch_path(name), DB_CREATE, &v1, &d));
	assert_non_null(d);
	return d;
}

static int64_t ask(struct db *d, const char *sql)
{
	struct db_stmt *s;
	bool row;
	int64_t v;

	OK(db_stmt(d, sql, &s));
	OK(db_step(s, &row));
	assert_true(row);
	v = db_int(s, 0);
	db_reset(s);
	return v;
}

static enum inro_err add(struct db *d, const char *name)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, "INSERT INTO thing(name) VALUES (?1)", &s);

	if (e != INRO_OK)
		return e;
	db_bind_text(s, 1, name);
	return db_run(s);
}

static int64_t things(struct db *d)
{
	return ask(d, "SELECT count(*) FROM thing");
}

static void test_create(void **state)
{
	AUTO(db_close_ptr) struct db *d = open_new("new.db");
	struct stat st;

	(void)state;
	assert_int_equal(stat(scratch_path("new.db"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	OK(add(d, "x"));
	assert_int_equal(stat(scratch_path("new.db-wal"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ask(d, "PRAGMA user_version"), 1);
	assert_int_equal(ask(d, "PRAGMA application_id"), 0x496e7231);
}

static void test_durable_settings(void **state)
{
	AUTO(db_close_ptr) struct db *d = open_new("pragmas.db");
	struct db_stmt *s;
	bool row;

	(void)state;
	OK(db_stmt(d, "PRAGMA journal_mode", &s));
	OK(db_step(s, &row));
	assert_string_equal(db_text(s, 0), "wal");
	db_reset(s);
	assert_int_equal(ask(d, "PRAGMA synchronous"), 2);
	assert_int_equal(ask(d, "PRAGMA foreign_keys"), 1);
	assert_int_equal(ask(d, "PRAGMA trusted_schema"), 0);
	assert_int_equal(ask(d, "PRAGMA secure_delete"), 1);
}

static void test_no_file(void **state)
{
	struct db *d = NULL;

	(void)state;
	assert_int_equal(db_open(scratch_path("none.db"), DB_READ_WRITE, &v1, &d),
			 INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "none.db"));
	assert_int_equal(db_open(scratch_path("none/x.db"), DB_CREATE, &v1, &d), INRO_E_NOT_FOUND);
	assert_int_equal(db_open("", DB_CREATE, &v1, &d), INRO_E_ARG);
	assert_int_equal(db_open(scratch_dir(), DB_READ_WRITE, &v1, &d), INRO_E_DAMAGED);
	assert_null(d);
	assert_int_equal(access(scratch_path("none.db"), F_OK), -1);
}

static void test_name_is_a_plain_name(void **state)
{
	struct db *d = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(chdir(scratch_dir()), 0);
	OK(db_open("file:a?mode=memory", DB_CREATE, &v1, &d));
	db_close(d);
	assert_int_equal(stat("file:a?mode=memory", &st), 0);
	assert_true(st.st_size > 0);
	OK(db_open(":memory:", DB_CREATE, &v1, &d));
	db_close(d);
	assert_int_equal(stat(":memory:", &st), 0);
	assert_true(st.st_size > 0);
}

static void test_migrate(void **state)
{
	struct db *d = open_new("grow.db");

	(void)state;
	OK(add(d, "old"));
	db_close(d);
	assert_int_equal(db_open(scratch_path("grow.db"), DB_READ_ONLY, &v2, &d), INRO_E_VERSION);
	OK(db_open(scratch_path("grow.db"), DB_READ_WRITE, &v2, &d));
	assert_int_equal(ask(d, "PRAGMA user_version"), 2);
	assert_int_equal(things(d), 2);
	assert_int_equal(ask(d, "SELECT count(*) FROM thing WHERE note IS NULL"), 2);
	db_close(d);
}

static void test_later_version_is_refused(void **state)
{
	struct db *d = NULL;

	(void)state;
	OK(db_open(scratch_path("later.db"), DB_CREATE, &v2, &d));
	db_close(d);
	d = NULL;
	assert_int_equal(db_open(scratch_path("later.db"), DB_READ_WRITE, &v1, &d), INRO_E_VERSION);
	assert_non_null(strstr(err_detail(INRO_E_VERSION), "version 2"));
	assert_null(d);
	OK(db_open(scratch_path("later.db"), DB_READ_WRITE, &v2, &d));
	db_close(d);
}

static void test_foreign_file_is_refused(void **state)
{
	struct db *d = NULL;
	sqlite3 *raw;

	(void)state;
	db_close(open_new("foreign.db"));
	assert_int_equal(db_open(scratch_path("foreign.db"), DB_CREATE, &other, &d),
			 INRO_E_DAMAGED);
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "foreign.db"));
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "other store"));

	/* another program's database without an application id is not adopted */
	assert_int_equal(sqlite3_open(scratch_path("theirs.db"), &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, "CREATE TABLE theirs(x)", 0, 0, 0), SQLITE_OK);
	sqlite3_close(raw);
	assert_int_equal(db_open(scratch_path("theirs.db"), DB_CREATE, &v1, &d), INRO_E_DAMAGED);
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
		assert_int_equal(db_open(path, modes[i], &v1, &d), INRO_E_DAMAGED);
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
	assert_int_equal(db_open(path, DB_READ_WRITE, &v1, &d), INRO_E_DAMAGED);
	assert_int_equal(db_open(path, DB_READ_ONLY, &v1, &d), INRO_E_DAMAGED);
	OK(db_open(path, DB_CREATE, &v1, &d));
	db_close(d);
}

static void test_rollback(void **state)
{
	AUTO(db_close_ptr) struct db *d = open_new("rollback.db");

	(void)state;
	OK(db_begin(d));
	assert_true(db_in_transaction(d));
	OK(add(d, "a"));
	assert_int_equal(db_begin(d), INRO_E_STATE);
	db_rollback(d);
	assert_false(db_in_transaction(d));
	db_rollback(d);
	assert_int_equal(things(d), 0);
	assert_int_equal(db_commit(d), INRO_E_STATE);
	OK(db_begin(d));
	OK(add(d, "a"));
	OK(db_commit(d));
	assert_int_equal(things(d), 1);
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
	AUTO(db_close_ptr) struct db *d = open_new("visit.db");
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
	AUTO(db_close_ptr) struct db *d = open_new("constraints.db");

	(void)state;
	OK(add(d, "twice"));
	assert_int_equal(add(d, "twice"), INRO_E_EXISTS);
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "thing.name"));
	assert_int_equal(add(d, NULL), INRO_E_ARG);
	assert_int_equal(db_exec(d, "INSERT INTO thing(name, size) VALUES('x', -1)"), INRO_E_ARG);
	assert_int_equal(db_exec(d, "INSERT INTO part VALUES(77)"), INRO_E_STATE);
	assert_int_equal(db_exec(d, "INSERT INTO part VALUES(\"77\")"), INRO_E_DAMAGED);
	OK(add(d, "after a failure the statement works again"));
	assert_int_equal(things(d), 2);
}

static void test_statements_are_kept(void **state)
{
	static const char sql[] = "SELECT ?1, ?2, ?3";
	AUTO(db_close_ptr) struct db *d = open_new("stmt.db");
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
	AUTO(db_close_ptr) struct db *d = open_new("bind.db");
	struct db_stmt *s;
	bool row = true;

	(void)state;
	OK(db_stmt(d, "INSERT INTO thing(name) VALUES (?1)", &s));
	db_bind_text(s, 1, "half");
	db_bind_int(s, 2, 1);
	assert_int_equal(db_step(s, &row), INRO_E_ARG);
	assert_true(row); /* nothing is written on failure */
	assert_int_equal(things(d), 0);
	OK(db_stmt(d, "INSERT INTO thing(name, data) VALUES ('big', ?1)", &s));
	db_bind_bytes(s, 1, BYTES("", (size_t)65 << 20));
	assert_int_equal(db_run(s), INRO_E_TOO_BIG);
	assert_int_equal(things(d), 0);
	assert_int_equal(db_stmt(d, "SELECT nonsense", &s), INRO_E_DAMAGED);
}

static void test_second_connection(void **state)
{
	AUTO(db_close_ptr) struct db *a = open_new("two.db");
	AUTO(db_close_ptr) struct db *b = NULL;
	int64_t before, after;

	(void)state;
	OK(db_open(scratch_path("two.db"), DB_READ_WRITE, &v1, &b));
	db_busy_timeout(b, 60);
	OK(db_begin(a));
	assert_int_equal(db_begin(b), INRO_E_BUSY);
	assert_non_null(strstr(err_detail(INRO_E_BUSY), "try again"));
	OK(db_data_version(b, &before));
	OK(add(a, "seen after the commit only"));
	assert_int_equal(things(b), 0);
	OK(db_commit(a));
	assert_int_equal(things(b), 1);
	OK(db_data_version(b, &after));
	assert_true(before != after);
	OK(add(b, "own writes do not count"));
	OK(db_data_version(b, &before));
	assert_true(before == after);
}

static void test_steady_view(void **state)
{
	AUTO(db_close_ptr) struct db *a = open_new("view.db");
	AUTO(db_close_ptr) struct db *b = NULL;

	(void)state;
	OK(db_open(scratch_path("view.db"), DB_READ_ONLY, &v1, &b));
	OK(db_begin_read(b));
	OK(add(a, "later"));
	assert_int_equal(things(b), 0);
	OK(db_commit(b));
	assert_int_equal(things(b), 1);
	assert_int_equal(add(b, "no"), INRO_E_ACCESS);
}

static void *hold_briefly(void *arg)
{
	struct db *d = arg;

	usleep(100 * 1000);
	return db_commit(d) == INRO_OK ? d : NULL;
}

static void test_waits_for_the_other(void **state)
{
	AUTO(db_close_ptr) struct db *a = open_new("wait.db");
	AUTO(db_close_ptr) struct db *b = NULL;
	pthread_t t;
	void *done;

	(void)state;
	OK(db_open(scratch_path("wait.db"), DB_READ_WRITE, &v1, &b));
	OK(db_begin(a));
	assert_int_equal(pthread_create(&t, NULL, hold_briefly, a), 0);
	OK(db_begin(b));
	OK(db_commit(b));
	pthread_join(t, &done);
	assert_ptr_equal(done, a);
}

static void test_last_id_and_changes(void **state)
{
	AUTO(db_close_ptr) struct db *d = open_new("ids.db");

	(void)state;
	OK(db_exec(d, "INSERT INTO thing(id, name) VALUES (41, 'a')"));
	OK(add(d, "b"));
	assert_int_equal(db_last_id(d), 42);
	OK(db_exec(d, "UPDATE thing SET size = 1"));
	assert_int_equal(db_changes(d), 2);
}

static void test_copy(void **state)
{
	AUTO(db_close_ptr) struct db *d = open_new("from.db");
	struct db *c = NULL;
	struct stat st;

	(void)state;
	OK(add(d, "a"));
	OK(db_copy_to(d, scratch_path("copy.db")));
	assert_int_equal(stat(scratch_path("copy.db"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(scratch_path("copy.db-wal"), F_OK), -1);
	assert_int_equal(db_copy_to(d, scratch_path("copy.db")), INRO_E_EXISTS);
	assert_int_equal(db_copy_to(d, scratch_path("nowhere/copy.db")), INRO_E_NOT_FOUND);
	OK(db_open(scratch_path("copy.db"), DB_READ_ONLY, &v1, &c));
	assert_int_equal(things(c), 1);
	OK(db_check(c));
	db_close(c);
	OK(db_begin(d));
	assert_int_not_equal(db_copy_to(d, scratch_path("open.db")), INRO_OK);
	assert_int_equal(access(scratch_path("open.db"), F_OK), -1);
	db_rollback(d);
}

static void scribble(const char *path, off_t at)
{
	static const char junk[512] = { 0x5a, 0x5a, 0x5a, 0x5a };
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
	close(fd);
}

static void test_damage_is_found(void **state)
{
	struct db *d = open_new("hurt.db");

	(void)state;
	for (int i = 0; i < 400; i++) {
		char name[64];

		snprintf(name, sizeof name, "a thing with a rather long name, number %d", i);
		OK(add(d, name));
	}
	OK(db_check(d));
	db_close(d);
	scribble(scratch_path("hurt.db"), 4096);
	scribble(scratch_path("hurt.db"), 4 * 4096);
	OK(db_open(scratch_path("hurt.db"), DB_READ_WRITE, &v1, &d));
	assert_int_equal(db_check(d), INRO_E_DAMAGED);
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "hurt.db"));
	db_close(d);
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
	assert_int_equal(ask(d, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
	db_close(d);
}

static void test_full(void **state)
{
	AUTO(db_close_ptr) struct db *d = open_new("full.db");
	struct db_stmt *s;

	(void)state;
	OK(db_exec(d, "PRAGMA max_page_count = 20"));
	OK(db_begin(d));
	OK(add(d, "kept out with the rest"));
	OK(db_stmt(d, "INSERT INTO thing(name, data) VALUES ('big', zeroblob(200000))", &s));
	assert_int_equal(db_run(s), INRO_E_FULL);
	assert_non_null(strstr(err_detail(INRO_E_FULL), "free some space"));
	db_rollback(d);
	assert_int_equal(things(d), 0);
	OK(add(d, "small"));
}

static int write_past_limit(void *arg)
{
	struct rlimit small = { 200000, 200000 };
	struct db *d = NULL;
	enum inro_err e;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	if (db_open(scratch_path("limit.db"), DB_CREATE, &v1, &d) != INRO_OK)
		return 1;
	if (setrlimit(RLIMIT_FSIZE, &small) != 0)
		return 2;
	e = db_exec(d, "INSERT INTO thing(name, data) VALUES ('big', zeroblob(900000))");
	if ((e != INRO_E_FULL && e != INRO_E_IO) || !strstr(err_detail(e), "limit.db"))
		return 3;
	if (add(d, "small") != INRO_OK || things(d) != 1)
		return 4;
	db_close(d);
	return 0;
}

static void test_file_limit(void **state)
{
	(void)state;
	assert_int_equal(scratch_child(write_past_limit, NULL), 0);
}

static ssize_t broken_disk(int fd, const void *p, size_t n, off_t at)
{
	(void)fd;
	(void)p;
	(void)n;
	(void)at;
	errno = EIO;
	return -1;
}

static int write_to_broken_disk(void *arg)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
	struct db *d = NULL;
	enum inro_err e;

	(void)arg;
	if (db_open(scratch_path("broken.db"), DB_CREATE, &v1, &d) != INRO_OK)
		return 1;
	vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)broken_disk);
	vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)broken_disk);
	e = add(d, "lost");
	if (e != INRO_E_IO || !strstr(err_detail(e), "broken.db"))
		return 2;
	vfs->xSetSystemCall(vfs, "pwrite", NULL);
	vfs->xSetSystemCall(vfs, "pwrite64", NULL);
	if (add(d, "kept") != INRO_OK || things(d) != 1)
		return 3;
	db_close(d);
	return 0;
}

static void test_io_error(void **state)
{
	(void)state;
	assert_int_equal(scratch_child(write_to_broken_disk, NULL), 0);
}

static int open_and_add(const char *path, int who)
{
	for (int i = 0; i < 20; i++) {
		struct db *d = NULL;
		char name[32];

		snprintf(name, sizeof name, "%d/%d", who, i);
		if (db_open(path, DB_CREATE, &v2, &d) != INRO_OK)
			return 1;
		if (add(d, name) != INRO_OK)
			return 2;
		db_close(d);
	}
	return 0;
}

/* Four programs make, migrate, open, write and close one store at the same time. */
static void test_many_processes(void **state)
{
	const char *path = scratch_path("many.db");
	struct db *d = NULL;
	int status, all = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(open_and_add(path, i));
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		all |= status;
	}
	assert_int_equal(all, 0);
	OK(db_open(path, DB_READ_WRITE, &v2, &d));
	assert_int_equal(things(d), 81);
	OK(db_check(d));
	db_close(d);
}

static int add_until_killed(int fd)
{
	struct db *d = NULL;

	if (db_open(scratch_path("kill.db"), DB_CREATE, &v1, &d) != INRO_OK)
		return 1;
	for (int i = 0;; i++) {
		char name[32];

		snprintf(name, sizeof name, "%d", i);
		if (add(d, name) != INRO_OK || write(fd, "+", 1) != 1)
			return 1;
	}
}

static void test_kill(void **state)
{
	struct db *d = NULL;
	int64_t acknowledged = 0;
	int ends[2];
	char c;
	pid_t pid;

	(void)state;
	scratch_dir();
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		_exit(add_until_killed(ends[1]));
	close(ends[1]);
	while (acknowledged < 20 && read(ends[0], &c, 1) == 1)
		acknowledged++;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (read(ends[0], &c, 1) == 1)
		acknowledged++;
	close(ends[0]);
	OK(db_open(scratch_path("kill.db"), DB_READ_WRITE, &v1, &d));
	assert_true(acknowledged >= 20);
	assert_true(things(d) >= acknowledged);
	OK(db_check(d));
	db_close(d);
}

struct forked {
	struct db *parents;
	int parent_closed; /* readable once the parent has closed its connection */
};

static int use_after_fork(void *arg)
{
	struct forked *f = arg;
	struct db *d = NULL;
	char c;

	db_close(f->parents);
	if (db_open(scratch_path("fork.db"), DB_READ_WRITE, &v1, &d) != INRO_OK)
		return 1;
	if (add(d, "child before") != INRO_OK)
		return 2;
	if (read(f->parent_closed, &c, 1) != 1)
		return 3;
	/* ends without a close: what it added must be there all the same */
	return add(d, "child after") == INRO_OK ? 0 : 4;
}

/* The child's connection must hold locks of its own, or the parent, closing as the last one,
 * would take the log away from under it. */
static void test_fork(void **state)
{
	struct db *d = open_new("fork.db");
	struct forked f = { .parents = d };
	int ends[2], status;
	pid_t pid;

	(void)state;
	OK(add(d, "parent"));
	assert_int_equal(pipe(ends), 0);
	f.parent_closed = ends[0];
	pid = fork();
	if (pid == 0)
		_exit(use_after_fork(&f));
	while (things(d) < 2)
		usleep(1000);
	OK(add(d, "parent again"));
	db_close(d);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
	OK(db_open(scratch_path("fork.db"), DB_READ_WRITE, &v1, &d));
	assert_int_equal(things(d), 4);
	db_close(d);
}

static atomic_bool enough;

static void *keep_busy(void *arg)
{
	struct db *d = NULL;
	struct db_stmt *s;
	bool row;

	while (!enough) {
		if (db_open(arg, DB_READ_WRITE, &v1, &d) != INRO_OK)
			return arg;
		for (int i = 0; i < 100; i++)
			if (db_stmt(d, "SELECT group_concat(name) FROM thing", &s) != INRO_OK ||
			    db_step(s, &row) != INRO_OK)
				return arg;
		db_close(d);
	}
	return NULL;
}

static int read_in_child(void *arg)
{
	struct db *d = NULL;

	alarm(20);
	if (db_open(arg, DB_READ_WRITE, &v1, &d) != INRO_OK || things(d) != 20)
		return 1;
	db_close(d);
	return 0;
}

/* A child must not inherit a lock that a thread of its parent held inside SQLite. */
static void fork_beside_threads(void)
{
	AUTO(db_close_ptr) struct db *d = open_new("busy.db");
	char path[512];
	pthread_t t[2];
	void *failed[2];
	int bad = 0;

	snprintf(path, sizeof path, "%s", scratch_path("busy.db"));
	for (int i = 0; i < 20; i++)
		OK(db_exec(d, "INSERT INTO thing(name) VALUES (hex(randomblob(30)))"));
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, keep_busy, path), 0);
	for (int i = 0; i < 60 && !bad; i++)
		bad = scratch_child(read_in_child, path);
	enough = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], &failed[i]);
	assert_int_equal(bad, 0);
	assert_true(!failed[0] && !failed[1]);
}

static void test_fork_while_others_work(void **state)
{
	(void)state;
	if (!SCRATCH_BUSY_FORKS)
		skip();
	fork_beside_threads();
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
		cmocka_unit_test(test_damage_is_found),
		cmocka_unit_test(test_failing_migration),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_file_limit),
		cmocka_unit_test(test_io_error),
		cmocka_unit_test(test_many_processes),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_fork_while_others_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
