/* test_store_open - finding the database, and refusing what is not one. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/store/store.h"
#include "base/db/db.h"
#include "base/file.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static void url_of(const char *name, char *out, size_t cap)
{
	snprintf(out, cap, "sqlite:%s", scratch_path(name));
}

static void refused(const char *url, enum inro_err e, const char *words)
{
	struct store *s = NULL;

	assert_int_equal(store_open(url, &s), e);
	assert_null(s);
	if (!strstr(err_detail(e), words))
		fail_msg("'%s' does not say '%s'", err_detail(e), words);
}

static void test_urls(void **state)
{
	(void)state;
	/* libpq quotes what it can't read, and that is where the password is */
	refused("postgresql://u:secret%zz@h/db", INRO_E_ARG, "postgresql://USER@");
	assert_null(strstr(err_detail(INRO_E_ARG), "secret"));
	refused("mysql:secret", INRO_E_UNSUPPORTED, "mysql");
	assert_null(strstr(err_detail(INRO_E_UNSUPPORTED), "secret"));
	refused("backoffice.db", INRO_E_ARG, "sqlite:PATH");
	refused("sqlite:", INRO_E_ARG, "sqlite:PATH");
}

static void test_default_places(void **state)
{
	char path[4096], url[4200];
	struct store *s;

	(void)state;
	snprintf(path, sizeof path, "%s/home", scratch_dir());
	setenv("INRO_HOME", path, 1);
	unsetenv("INRO_DB");
	OK(store_open(NULL, &s));
	assert_non_null(strstr(store_name(s), "/home/backoffice.db"));
	store_close(s);
	url_of("elsewhere.db", url, sizeof url);
	setenv("INRO_DB", url, 1);
	OK(store_open(NULL, &s));
	assert_string_equal(store_name(s), url + strlen("sqlite:"));
	store_close(s);
	unsetenv("INRO_DB");
	store_close(NULL);
}

static void *open_it(void *url)
{
	struct store *s = NULL;
	enum inro_err e = store_open(url, &s);

	store_close(s);
	return e == INRO_OK ? NULL : url;
}

/* Threads that open what is not there yet make it once, and nobody takes away what another is making. */
static void test_made_by_many(void **state)
{
	char url[4096], name[32];
	pthread_t t[8];
	void *failed;

	(void)state;
	for (int round = 0; round < 4; round++) {
		snprintf(name, sizeof name, "many-%d.db", round);
		url_of(name, url, sizeof url);
		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			assert_int_equal(pthread_create(&t[i], NULL, open_it, url), 0);
		for (size_t i = 0; i < ARRAY_LEN(t); i++) {
			assert_int_equal(pthread_join(t[i], &failed), 0);
			assert_null(failed);
		}
	}
}

static const char *used_then; /* another uses that one as soon as it is there, and its folder can't be synced */
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static void use_it(const char *url)
{
	char name[] = "said", value[] = "kept";
	struct setting in = { .tenant = 1, .name = name, .value = value };
	struct store *s;

	OK(store_open_as(url, STORE_EXISTING, &s));
	OK(store_begin(s, STORE_WRITE));
	OK(store_insert(s, &in));
	OK(store_commit(s));
	store_close(s);
}

int __wrap_fsync(int fd)
{
	const char *url = used_then;
	struct stat st;

	if (!url || fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode))
		return __real_fsync(fd);
	used_then = NULL;
	use_it(url);
	errno = EIO;
	return -1;
}

/* Who makes it is told; what another was told to be recorded stays. */
static void test_used_at_once(void **state)
{
	const struct store_cond conds[] = { { .field = "name", .text = "said" } };
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(setting) out = { 0 };
	struct store *s = NULL;
	char url[4200];

	(void)state;
	url_of("at-once.db", url, sizeof url);
	used_then = url;
	assert_int_equal(store_open(url, &s), INRO_E_IO);
	assert_null(used_then);
	OK(store_open_as(url, STORE_EXISTING, &s));
	OK(store_find(s, &q, &out));
	assert_string_equal(out.value, "kept");
	store_close(s);
}

static void test_not_a_database(void **state)
{
	static const char text[] =
		"this is a shopping list, not a database, and a long one at that; "
		"there are more than a hundred octets of it, so it has a header.";
	char url[4200];

	(void)state;
	scratch_file("list.db", text, sizeof text);
	url_of("list.db", url, sizeof url);
	refused(url, INRO_E_DAMAGED, "list.db");
}

/* Reading makes nothing; a file that lost what it had is not one that is just being made. */
static void test_nothing_there_or_empty(void **state)
{
	char url[4200], home[4096];
	struct store *s = NULL;

	(void)state;
	url_of("missing.db", url, sizeof url);
	assert_int_equal(store_open_as(url, STORE_EXISTING, &s), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "missing.db"));
	assert_int_not_equal(access(scratch_path("missing.db"), F_OK), 0);
	snprintf(home, sizeof home, "%s/mistyped", scratch_dir());
	setenv("INRO_HOME", home, 1);
	assert_int_equal(store_open_as(NULL, STORE_EXISTING, &s), INRO_E_NOT_FOUND);
	assert_int_not_equal(access(home, F_OK), 0);
	assert_null(s);

	scratch_file("empty.db", "", 0);
	url_of("empty.db", url, sizeof url);
	refused(url, INRO_E_DAMAGED, "is empty; restore it from a backup");

	url_of("made.db", url, sizeof url);
	OK(store_open(url, &s));
	store_close(s);
	OK(store_open_as(url, STORE_EXISTING, &s));
	store_close(s);
}

static void test_foreign_and_newer(void **state)
{
	static const char *const sql[] = { "CREATE TABLE t(a)" };
	const struct db_schema foreign = {
		.application_id = 0x41414141, .migrations = sql, .n = 1, .what = "other"
	};
	char url[4200];
	struct store *s;
	struct db *d;

	(void)state;
	OK(db_open(scratch_path("foreign.db"), DB_CREATE, &foreign, &d));
	db_close(d);
	url_of("foreign.db", url, sizeof url);
	refused(url, INRO_E_DAMAGED, "foreign.db");

	url_of("newer.db", url, sizeof url);
	OK(store_open(url, &s));
	store_close(s);
	{
		sqlite3 *raw;

		assert_int_equal(sqlite3_open(scratch_path("newer.db"), &raw), SQLITE_OK);
		assert_int_equal(sqlite3_exec(raw, "PRAGMA user_version = 999", NULL, NULL, NULL),
				 SQLITE_OK);
		sqlite3_close(raw);
	}
	refused(url, INRO_E_VERSION, "999");
}

/* Every page but the first overwritten: the header still looks well. */
static void test_damaged(void **state)
{
	SCOPED(buf) file = { 0 };
	SCOPED(device) d = { 0 };
	char url[4200];
	struct store *s = NULL;
	enum inro_err e;

	(void)state;
	url_of("damaged.db", url, sizeof url);
	OK(store_open(url, &s));
	store_close(s);
	s = NULL;
	OK(file_read(scratch_path("damaged.db"), 1 << 24, &file));
	assert_true(file.n > 8192);
	memset(file.p + 4096, 0xa5, file.n - 4096);
	OK(file_write(scratch_path("damaged.db"), 0600, buf_bytes(&file)));
	e = store_open(url, &s);
	if (e == INRO_OK)
		e = store_get(s, 1, &d);
	assert_int_equal(e, INRO_E_DAMAGED);
	store_close(s);
}

static void test_a_place_that_is_none(void **state)
{
	char url[4200];

	(void)state;
	snprintf(url, sizeof url, "sqlite:%s/no/such/folder/x.db", scratch_dir());
	refused(url, INRO_E_NOT_FOUND, "no/such/folder");
	snprintf(url, sizeof url, "sqlite:%s", scratch_dir());
	refused(url, INRO_E_DAMAGED, "not a file");
}

static void test_unwritable(void **state)
{
	char url[4200], dir[4096];
	struct store *s = NULL;

	(void)state;
	if (geteuid() == 0)
		skip(); /* root writes anywhere */
	snprintf(dir, sizeof dir, "%s/locked", scratch_dir());
	assert_int_equal(mkdir(dir, 0500), 0);
	snprintf(url, sizeof url, "sqlite:%s/x.db", dir);
	assert_int_equal(store_open(url, &s), INRO_E_ACCESS);
	chmod(dir, 0700);
}

/* A name that this build does not know is damage, not a default. */
static void test_unknown_state(void **state)
{
	SCOPED(device) d = { 0 };
	char url[4200];
	struct store *s;
	sqlite3 *raw;

	(void)state;
	url_of("unknown.db", url, sizeof url);
	OK(store_open(url, &s));
	assert_int_equal(sqlite3_open(scratch_path("unknown.db"), &raw), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw,
				      "INSERT INTO device (id, tenant, device_id, name, ip, mac, "
				      "hostname, os, state, created_ms, updated_ms) VALUES "
				      "(1,1,'a','','','','','','haunted',0,0)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(raw);
	assert_int_equal(store_get(s, 1, &d), INRO_E_DAMAGED);
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "haunted"));
	assert_null(d.device_id);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_default_places),
		cmocka_unit_test(test_made_by_many),
		cmocka_unit_test(test_used_at_once),
		cmocka_unit_test(test_not_a_database),
		cmocka_unit_test(test_foreign_and_newer),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_a_place_that_is_none),
		cmocka_unit_test(test_nothing_there_or_empty),
		cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_unknown_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
