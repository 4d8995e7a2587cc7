/* test_store_faults - what becomes of a store when others, the disk or the server fail it. */
#include <glob.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/store/pgschema.h"
#include "backoffice/store/store.h"
#include "tests/lib/pgproxy.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

extern const char *const store_sqlite_migrations[];

static bool on_postgres; /* the kind that the tests of both run on */

static const char *url_of(const char *name)
{
	static char url[600];

	if (on_postgres)
		return postgres_url(name);
	snprintf(url, sizeof url, "sqlite:%s.db", scratch_path(name));
	return url;
}

static struct store *open_url(const char *url)
{
	struct store *s = NULL;

	OK(store_open(url, &s));
	assert_non_null(s);
	return s;
}

static enum inro_err add(struct store *s, const char *id)
{
	SCOPED(device) d = { .tenant = 1 };

	OK(text_set(&d.device_id, id));
	return store_insert(s, &d);
}

static void add_one(struct store *s, const char *id)
{
	OK(store_begin(s, STORE_WRITE));
	OK(add(s, id));
	OK(store_commit(s));
}

static int64_t count(struct store *s)
{
	const struct store_query all = { 0 };
	int64_t n = -1;

	OK(store_count(s, &device_type, &all, &n));
	return n;
}

static void says(enum inro_err e, const char *words)
{
	if (!strstr(err_detail(e), words))
		fail_msg("'%s' does not say '%s'", err_detail(e), words);
}

/* ---- both kinds ---- */

static void test_locked_by_another(void **state)
{
	struct store *one, *two;

	(void)state;
	one = open_url(url_of("locked"));
	two = open_url(url_of("locked"));
	OK(store_patience(two, 30));
	OK(store_begin(one, STORE_WRITE));
	OK(add(one, "a"));
	FAILS(INRO_E_BUSY, store_begin(two, STORE_WRITE));
	says(INRO_E_BUSY, "another program is writing");
	OK(store_begin(two, STORE_READ)); /* who reads does not wait */
	assert_int_equal(count(two), 0);
	store_rollback(two);
	OK(store_commit(one));
	add_one(two, "b");
	assert_int_equal(count(one), 2);
	store_close(one);
	store_close(two);
}

/* Both try every serial: each is given once, whoever was first. */
static int take_serials(void *arg)
{
	struct store *s = open_url(arg);
	int mine = 0;

	for (int i = 0; i < 60; i++) {
		SCOPED(credential) c = { .tenant = 1, .ca = 1 };
		char serial[16];

		snprintf(serial, sizeof serial, "%d", i);
		OK(blob_set(&c.serial, bytes_of(serial)));
		OK(store_begin(s, STORE_WRITE));
		if (store_insert(s, &c) == INRO_OK)
			mine++;
		OK(store_commit(s));
	}
	store_close(s);
	return mine;
}

static void test_no_serial_twice(void **state)
{
	SCOPED(ca) ca = { .tenant = 1 };
	const struct store_query all = { 0 };
	char url[600];
	struct store *s;
	int status = -1, mine;
	int64_t n;
	pid_t pid;

	(void)state;
	snprintf(url, sizeof url, "%s", url_of("serials"));
	s = open_url(url);
	OK(store_begin(s, STORE_WRITE));
	OK(store_insert(s, &ca));
	OK(store_commit(s));
	store_close(s);
	pid = fork();
	if (pid == 0)
		_exit(take_serials(url));
	mine = take_serials(url);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(mine + WEXITSTATUS(status), 60);
	s = open_url(url);
	OK(store_count(s, &credential_type, &all, &n));
	assert_int_equal(n, 60);
	OK(store_check(s));
	store_close(s);
}

static int open_and_close(void *arg)
{
	struct store *s = NULL;
	enum inro_err e = store_open(arg, &s);

	store_close(s);
	return (int)e;
}

static void test_made_by_many_at_once(void **state)
{
	char url[600];
	struct store *s;
	pid_t pids[4];
	int status;

	(void)state;
	snprintf(url, sizeof url, "%s", url_of("many"));
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(open_and_close(url));
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	s = open_url(url);
	add_one(s, "a");
	store_close(s);
}

static int load_badly(struct store *s, enum inro_err *ret)
{
	SCOPED(device_group) g = { .tenant = 1, .id = 1, .parent = 2 };

	OK(store_begin(s, STORE_LOAD));
	OK(text_set(&g.path, "a/b"));
	OK(store_insert(s, &g));
	*ret = store_commit(s);
	return 0;
}

static void test_references_in_a_load(void **state)
{
	SCOPED(device_group) child = { .tenant = 1, .id = 1, .parent = 2 };
	SCOPED(device_group) parent = { .tenant = 1, .id = 2 };
	struct store *s;
	enum inro_err e;

	(void)state;
	s = open_url(url_of("load"));
	load_badly(s, &e);
	assert_int_equal(e, INRO_E_STATE);
	OK(text_set(&child.path, "a/b"));
	OK(text_set(&parent.path, "a"));
	OK(store_begin(s, STORE_WRITE));
	FAILS(INRO_E_STATE, store_insert(s, &child));
	store_rollback(s);
	OK(store_begin(s, STORE_LOAD));
	child.id = 1;
	OK(store_insert(s, &child));
	OK(store_insert(s, &parent));
	OK(store_commit(s));
	OK(store_check(s));
	store_close(s);
}

/* ---- SQLite ---- */

static int fill_up(void *arg)
{
	struct store *s = open_url(arg);
	enum inro_err e = INRO_OK;
	struct rlimit small = { .rlim_cur = 1 << 19, .rlim_max = 1 << 19 };
	int kept = 0;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (; e == INRO_OK && kept < 100; kept++) {
		SCOPED(device) d = { .tenant = 1 };
		char id[16], name[20001];

		snprintf(id, sizeof id, "d%d", kept);
		memset(name, 'x', sizeof name - 1);
		name[sizeof name - 1] = 0;
		OK(text_set(&d.device_id, id));
		OK(text_set(&d.name, name));
		e = store_begin(s, STORE_WRITE);
		if (e == INRO_OK)
			e = store_insert(s, &d);
		e = e == INRO_OK ? store_commit(s) : e;
	}
	/* it is told as such, and the store still reads */
	if (e != INRO_E_FULL && e != INRO_E_IO && e != INRO_E_TOO_BIG)
		return 200;
	store_rollback(s);
	return count(s) == kept - 1 ? kept - 1 : 201;
}

static void test_full_disk(void **state)
{
	char url[600];
	struct store *s;
	int kept;

	(void)state;
	snprintf(url, sizeof url, "%s", url_of("full"));
	store_close(open_url(url));
	kept = scratch_child(fill_up, url);
	assert_in_range(kept, 1, 99);
	s = open_url(url);
	assert_int_equal(count(s), kept);
	OK(store_check(s));
	add_one(s, "again");
	store_close(s);
}

static int make_on_full(void *arg)
{
	struct rlimit small = { .rlim_cur = 1 << 17, .rlim_max = 1 << 17 };
	struct store *s = NULL;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	return store_open(arg, &s) == INRO_OK;
}

/* A database that could not be made leaves nothing of what was written for it. */
static void test_not_made(void **state)
{
	char url[600], pattern[600];
	glob_t found;

	(void)state;
	snprintf(url, sizeof url, "sqlite:%s", scratch_path("never.db"));
	snprintf(pattern, sizeof pattern, "%s*", scratch_path("never.db"));
	assert_int_equal(scratch_child(make_on_full, url), 0);
	assert_int_equal(glob(pattern, 0, NULL, &found), GLOB_NOMATCH);
}

/* ---- PostgreSQL ---- */

static void test_server_killed(void **state)
{
	struct store *s;

	(void)state;
	s = open_url(url_of("killed"));
	add_one(s, "kept");
	OK(store_begin(s, STORE_WRITE));
	OK(add(s, "lost"));
	postgres_crash();
	FAILS(INRO_E_BUSY, add(s, "lost too"));
	says(INRO_E_BUSY, "try again");
	FAILS(INRO_E_BUSY, store_commit(s));
	assert_int_equal(count(s), 1);
	postgres_crash(); /* while nothing is open: nobody needs to know */
	assert_int_equal(count(s), 1);
	postgres_crash();
	add_one(s, "next");
	assert_int_equal(count(s), 2);
	store_close(s);
}

static void test_server_gone(void **state)
{
	struct store *s;

	(void)state;
	s = open_url(url_of("gone"));
	OK(store_patience(s, 30));
	postgres_kill();
	FAILS(INRO_E_BUSY, store_begin(s, STORE_WRITE));
	says(INRO_E_BUSY, "is the server running?");
	says(INRO_E_BUSY, "/gone");
	postgres_start();
	add_one(s, "a");
	store_close(s);
}

static void refused(const char *url, enum inro_err e, const char *words)
{
	struct store *s = NULL;

	assert_int_equal(store_open(url, &s), e);
	assert_null(s);
	says(e, words);
}

/* A listener whose queue is full: who connects hears nothing, as from a machine that is off. */
static unsigned silent_port(int fds[static 4])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t n = sizeof at;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fds[0], (void *)&at, sizeof at), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(getsockname(fds[0], (void *)&at, &n), 0);
	for (int i = 1; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (void *)&at, sizeof at);
	}
	return ntohs(at.sin_port);
}

/* One that refuses, one that is silent, the one that is there. */
static void test_several_hosts(void **state)
{
	const char *dir;
	char url[600];
	struct store *s = NULL;
	int fds[4];

	(void)state;
	dir = strchr(strstr(url_of("several"), "?host="), '=') + 1;
	snprintf(url, sizeof url,
		 "postgresql://inro@/several?host=%s/nothing,127.0.0.1,%s&port=5432,%u,5432"
		 "&target_session_attrs=read-write",
		 scratch_dir(), dir, silent_port(fds));
	OK(store_open(url, &s));
	add_one(s, "a");
	postgres_crash();
	add_one(s, "b");
	assert_int_equal(count(s), 2);
	store_close(s);
	postgres_sql("several", "ALTER DATABASE several SET default_transaction_read_only = on");
	refused(url, INRO_E_IO, "is the server running?");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

static void cut_at_commit(enum pgproxy_cut what, enum inro_err want, int64_t rows)
{
	struct store *s = open_url(pgproxy_url(url_of("cut")));

	OK(store_begin(s, STORE_WRITE));
	OK(add(s, what == PGPROXY_BEFORE ? "before" : "after"));
	pgproxy_cut_next(what);
	FAILS(want, store_commit(s));
	assert_int_equal(count(s), rows);
	add_one(s, what == PGPROXY_BEFORE ? "next" : "last");
	store_close(s);
}

/* Whether it is done is asked, not guessed. */
static void test_answer_to_a_commit_lost(void **state)
{
	(void)state;
	cut_at_commit(PGPROXY_BEFORE, INRO_E_BUSY, 0);
	cut_at_commit(PGPROXY_AFTER, INRO_OK, 2);
}

static void test_not_ours(void **state)
{
	struct store *s = NULL;

	(void)state;
	(void)postgres_url("others");
	postgres_sql("others", "CREATE TABLE customers (id int)");
	refused(postgres_url("others"), INRO_E_DAMAGED, "tables of another program");
	assert_int_equal(postgres_sql("others", "SELECT count(*) FROM pg_tables WHERE schemaname "
						"= 'public'"),
			 1);
	FAILS(INRO_E_NOT_FOUND, store_open_as(postgres_url("bare"), STORE_EXISTING, &s));
	assert_int_equal(
		postgres_sql("bare", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
		0);
	store_close(open_url(postgres_url("newer")));
	postgres_sql("newer", "UPDATE inro_schema SET version = 999");
	refused(postgres_url("newer"), INRO_E_VERSION, "999");
	postgres_sql("newer", "UPDATE inro_schema SET application = 'chess'");
	refused(postgres_url("newer"), INRO_E_DAMAGED, "not a back office's");
	postgres_sql("bare", "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE "
			     "template0");
	refused(postgres_url("ascii"), INRO_E_CONFIG, "createdb -E UTF8");
}

/* Half a version, or half a list of what is damaged, would be taken for a whole one. */
static void test_long_answer(void **state)
{
	struct pg g = { 0 };
	char out[8];

	(void)state;
	OK(pg_open(&g, postgres_url("asked")));
	OK(pg_ask(&g, "SELECT 1; SELECT '1234567'", out, sizeof out));
	assert_string_equal(out, "1234567");
	FAILS(INRO_E_TOO_BIG, pg_ask(&g, "SELECT '12345678'", out, sizeof out));
	says(INRO_E_TOO_BIG, "more than 7 bytes");
	assert_string_equal(out, "1234567");
	OK(pg_ask(&g, "SELECT NULL", out, sizeof out));
	assert_string_equal(out, "");
	FAILS(INRO_E_DAMAGED, pg_ask(&g, "SELECT '12345678' FROM nowhere", out, sizeof out));
	/* Also where it is not read: not the version of a program that is not this one. */
	store_close(open_url(postgres_url("longer")));
	postgres_sql("longer", "ALTER TABLE inro_schema ALTER version TYPE TEXT USING version || repeat(' ', 100)");
	refused(postgres_url("longer"), INRO_E_TOO_BIG, "an answer of more than 63 bytes");
	pg_close(&g);
}

static void test_who_may_not(void **state)
{
	char url[600];
	const char *host;

	(void)state;
	host = strstr(postgres_url("who"), "?host=");
	snprintf(url, sizeof url, "postgresql://stranger:geheim@/who%s", host);
	refused(url, INRO_E_ACCESS, "pg_hba.conf");
	assert_null(strstr(err_detail(INRO_E_ACCESS), "geheim"));
	snprintf(url, sizeof url, "postgres://inro:geheim@/nowhere%s", host);
	refused(url, INRO_E_NOT_FOUND, "createdb");
	assert_null(strstr(err_detail(INRO_E_NOT_FOUND), "geheim"));
	snprintf(url, sizeof url, "postgres://inro:geheim@/who?host=%s/nothing", scratch_dir());
	refused(url, INRO_E_IO, "is the server running?");
	assert_null(strstr(err_detail(INRO_E_IO), "geheim"));
}

static void test_upgrade(void **state)
{
	AUTO(free_chars) char *sql = NULL;
	SCOPED(device) d = { 0 };
	struct pg g = { 0 };
	struct store *s;

	(void)state;
	OK(pg_open(&g, postgres_url("older")));
	OK(pg_words(store_sqlite_migrations[0], &sql));
	OK(pg_script(&g, sql));
	OK(pg_script(
		&g,
		"CREATE TABLE inro_schema (application TEXT, version BIGINT);" PG_COMMIT_TABLE ";"
		"INSERT INTO inro_schema VALUES ('inro back office', 1);"
		"INSERT INTO device VALUES (1, 1, 'old', '', '', '', '', '', 'active', 5, 6)"));
	pg_close(&g);
	s = open_url(postgres_url("older"));
	OK(store_get(s, 1, &d));
	assert_string_equal(d.device_id, "old");
	assert_int_equal(d.anchor_kind, ANCHOR_NONE);
	store_close(s);
	assert_true(postgres_sql("older", "SELECT version FROM inro_schema") >= 2);
}

static void test_words_of_migrations(void **state)
{
	static const char from[] =
		"CREATE TABLE t ( -- INTEGER TEXT\n\tid INTEGER PRIMARY KEY, b BLOB, "
		"TEXTS TEXT, c INTEGER REFERENCES u (id), d DEFAULT 'TEXT (id)');";
	AUTO(free_chars) char *to = NULL;

	(void)state;
	OK(pg_words(from, &to));
	assert_string_equal(to,
			    "CREATE TABLE t ( -- INTEGER TEXT\n\tid BIGINT PRIMARY KEY, b BYTEA, "
			    "TEXTS TEXT COLLATE \"C\", c BIGINT REFERENCES u (id) DEFERRABLE "
			    "INITIALLY IMMEDIATE, d DEFAULT 'TEXT (id)');");
}

static void test_codes(void **state)
{
	static const struct {
		const char *state;
		enum inro_err err;
	} rows[] = {
		{ "00000", INRO_OK },	       { "23505", INRO_E_EXISTS },
		{ "23503", INRO_E_STATE },     { "40001", INRO_E_BUSY },
		{ "40P01", INRO_E_BUSY },      { "55P03", INRO_E_BUSY },
		{ "57014", INRO_E_BUSY },      { "57P01", INRO_E_BUSY },
		{ "57P03", INRO_E_BUSY },      { "08006", INRO_E_BUSY },
		{ "53100", INRO_E_FULL },      { "53200", INRO_E_NO_MEMORY },
		{ "53300", INRO_E_BUSY },      { "28P01", INRO_E_ACCESS },
		{ "3D000", INRO_E_NOT_FOUND }, { "42501", INRO_E_ACCESS },
		{ "42P01", INRO_E_DAMAGED },   { "22021", INRO_E_ARG },
		{ "22003", INRO_E_TOO_BIG },   { "25006", INRO_E_ACCESS },
		{ "XX001", INRO_E_DAMAGED },   { "58030", INRO_E_IO },
		{ "99999", INRO_E_IO },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(pg_code(rows[i].state), rows[i].err);
}

static void test_text_that_is_none(void **state)
{
	struct store *s;

	(void)state;
	s = open_url(url_of("odd"));
	OK(store_begin(s, STORE_WRITE));
	FAILS(INRO_E_ARG, add(s, "\xff\xfe"));
	FAILS(INRO_E_STATE, store_commit(s)); /* the server gave it up then; it is said */
	assert_int_equal(count(s), 0);
	store_close(s);
}

static int run_both(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locked_by_another),
		cmocka_unit_test(test_no_serial_twice),
		cmocka_unit_test(test_made_by_many_at_once),
		cmocka_unit_test(test_references_in_a_load),
	};

	return _cmocka_run_group_tests(name, tests, ARRAY_LEN(tests), NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest sqlite[] = {
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_not_made),
		cmocka_unit_test(test_words_of_migrations),
		cmocka_unit_test(test_codes),
	};
	const struct CMUnitTest postgres[] = {
		cmocka_unit_test(test_server_killed),
		cmocka_unit_test(test_server_gone),
		cmocka_unit_test(test_several_hosts),
		cmocka_unit_test(test_answer_to_a_commit_lost),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_who_may_not),
		cmocka_unit_test(test_long_answer),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_text_that_is_none),
	};
	int failed = run_both("sqlite, both") + cmocka_run_group_tests(sqlite, NULL, NULL);

	on_postgres = postgres_installed();
	if (!on_postgres)
		return failed;
	postgres_durable();
	return failed + run_both("postgres, both") + cmocka_run_group_tests(postgres, NULL, NULL);
}
