/* test_store_upgrade - a token of version 1: read as it is, upgraded once, kept beside; roles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/own.h"
#include "pkcs11/token/store.h"
#include "tests/lib/module.h"
#include "tests/lib/raw_sql.h"
#include "tests/lib/scratch.h"

static int number(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *q;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	int n = sqlite3_column_int(q, 0);

	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

/* The tables as version 1 had them, filled from a token of today. */
static const char downgrade[] =
	"PRAGMA application_id = 0x496e726f; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;"
	"CREATE TABLE token (one INTEGER PRIMARY KEY CHECK (one = 1), label BLOB NOT NULL,"
	" serial TEXT NOT NULL, backend TEXT NOT NULL, config BLOB NOT NULL,"
	" auth_so BLOB NOT NULL, auth_user BLOB NOT NULL,"
	" tries_so INTEGER NOT NULL, tries_user INTEGER NOT NULL, generation INTEGER NOT NULL);"
	"CREATE TABLE object (row INTEGER PRIMARY KEY AUTOINCREMENT, uid BLOB NOT NULL UNIQUE,"
	" version INTEGER NOT NULL, class INTEGER NOT NULL, key_type INTEGER,"
	" private INTEGER NOT NULL, id BLOB, label BLOB NOT NULL, public_hash BLOB,"
	" attrs BLOB NOT NULL, sealed BLOB NOT NULL);"
	"CREATE INDEX object_class ON object (class, key_type);"
	"CREATE INDEX object_id ON object (id);"
	"CREATE INDEX object_label ON object (label);"
	"CREATE INDEX object_public_hash ON object (public_hash);"
	"INSERT INTO token SELECT one, label, serial, backend, config, auth_so, auth_user,"
	" tries_so, tries_user, generation FROM now.token;"
	"INSERT INTO object SELECT * FROM now.object;";

/* A token with a key pair, as version 1 left it; *path is a room of scratch_path(). */
static CK_SLOT_ID old_token(const char **path)
{
	static int n;
	char name[32], sql[sizeof downgrade + 512];
	CK_SLOT_ID slot;

	OK(p11->C_Initialize(NULL));
	CK_SESSION_HANDLE s = module_user(&slot);

	(void)module_ec(s, true, false);
	OK(p11->C_Finalize(NULL));
	*path = module_token_file(slot);
	snprintf(name, sizeof name, "old-%d.token", ++n);
	snprintf(sql, sizeof sql, "ATTACH '%s' AS now; %s DETACH now", *path, downgrade);
	raw_sql(scratch_path(name), sql);
	assert_int_equal(rename(scratch_path(name), *path), 0);
	return slot;
}

static void expect_key_that_signs(CK_SLOT_ID slot)
{
	CK_ATTRIBUTE mine[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	CK_SESSION_HANDLE s = module_open(slot, false);
	CK_OBJECT_HANDLE key = 0;
	uint8_t sig[64];

	OK(module_login(s, CKU_USER, USER_PIN));
	assert_int_equal(module_find(s, mine, 1, &key), 1);
	OK(module_sign(s, key, sig));
	OK(p11->C_CloseSession(s));
}

static const char *kept(const char *path)
{
	static char name[4200];

	snprintf(name, sizeof name, "%s.v1", path);
	return name;
}

static void it_is_upgraded_and_the_old_one_kept(void **state)
{
	const char *path;
	CK_SLOT_ID slot = old_token(&path);
	struct inro_token_status st;

	(void)state;
	OK(p11->C_Initialize(NULL));
	OK(p11_admin->status(slot, &st));
	assert_int_equal(st.store_version, STORE_VERSION);
	assert_int_equal(st.objects, 2);
	expect_key_that_signs(slot);
	OK(p11->C_Finalize(NULL));
	assert_int_equal(number(path, "PRAGMA user_version"), STORE_VERSION);
	assert_int_equal(number(path, "SELECT count(*) FROM users"), 0);
	assert_int_equal(number(path, "SELECT policy + change_so + change_user FROM token"), 0);
	assert_int_equal(number(kept(path), "PRAGMA user_version"), 1);
	assert_int_equal(number(kept(path), "SELECT count(*) FROM object"), 2);
	/* the token gone, its old version goes too */
	OK(p11->C_Initialize(NULL));
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	OK(p11->C_Finalize(NULL));
	assert_int_not_equal(access(kept(path), F_OK), 0);
}

static void several_upgrade_it_once(void **state)
{
	const char *path;
	CK_SLOT_ID slot = old_token(&path);
	pid_t pids[4];
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] > 0)
			continue;
		OK(p11->C_Initialize(NULL));
		expect_key_that_signs(slot);
		OK(p11->C_Finalize(NULL));
		_exit(0);
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(number(kept(path), "PRAGMA user_version"), 1);
	assert_int_equal(number(path, "PRAGMA user_version"), STORE_VERSION);
}

static void where_nothing_is_written_it_is_read_as_it_is(void **state)
{
	static const char read_only[] = "[token]\nread-only = yes\n";
	const char *path;
	CK_SLOT_ID slot = old_token(&path);

	(void)state;
	setenv("INRO_CONFIG", scratch_file("ro.conf", read_only, strlen(read_only)), 1);
	OK(p11->C_Initialize(NULL));
	expect_key_that_signs(slot);
	OK(p11->C_Finalize(NULL));
	unsetenv("INRO_CONFIG");
	assert_int_equal(number(path, "PRAGMA user_version"), 1);
	assert_int_not_equal(access(kept(path), F_OK), 0);
}

static void one_from_the_future_is_refused(void **state)
{
	const char *path;
	CK_SLOT_ID slot = old_token(&path);
	CK_SESSION_HANDLE s;
	struct store *store;

	(void)state;
	raw_sql(path, "PRAGMA user_version = 3");
	assert_int_equal(store_open(path, true, &store), INRO_E_VERSION);
	assert_int_equal(store_open(path, false, &store), INRO_E_VERSION);
	OK(p11->C_Initialize(NULL));
	GIVES(CKR_TOKEN_NOT_RECOGNIZED,
	      p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s));
	assert_non_null(strstr(p11_admin->last_error(), "version 3"));
	OK(p11->C_Finalize(NULL));
}

static uint32_t claimed(struct store *s, const struct store_role *role, uint32_t forbid)
{
	uint32_t before = 99;

	assert_int_equal(store_role_claim(s, role, forbid, &before), INRO_OK);
	return before;
}

static void roles_are_added_and_never_taken(void **state)
{
	struct token_row row = { .serial = "0123456789abcdef", .backend = "soft" };
	const struct store_role one = { .family = { 1 }, .bits = 1 };
	const struct store_role two = { .family = { 2 }, .bits = 2 };
	struct store_role more = { .family = { 1 }, .bits = 4 };
	const char *path = scratch_path("roles.token");
	struct store *s;
	uint32_t bits = 9;

	(void)state;
	assert_int_equal(store_create(path, &row), INRO_OK);
	assert_int_equal(store_open(path, true, &s), INRO_OK);
	assert_int_equal(store_token(s, &row), INRO_OK);
	assert_int_equal(store_role(s, one.family, &bits), INRO_OK);
	assert_int_equal(bits, 0);
	assert_int_equal(claimed(s, &one, 0), 0);
	assert_int_equal(claimed(s, &two, 0), 0);
	assert_int_equal(claimed(s, &more, 0), 1);
	more.bits = 8;
	assert_int_equal(claimed(s, &more, 1), 5); /* forbidden: nothing is added */
	assert_int_equal(store_role(s, one.family, &bits), INRO_OK);
	assert_int_equal(bits, 5);
	assert_int_equal(store_role(s, two.family, &bits), INRO_OK);
	assert_int_equal(bits, 2);
	store_close(s);
	assert_int_equal(store_open(path, false, &s), INRO_OK);
	assert_int_equal(claimed(s, &one, 0), 5); /* nothing to write */
	assert_int_equal(store_role_claim(s, &more, 0, &bits), INRO_E_TOKEN_WRITE_PROTECTED);
	store_close(s);
}

static int setup(void **state)
{
	(void)state;
	module_load();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_upgraded_and_the_old_one_kept),
		cmocka_unit_test(several_upgrade_it_once),
		cmocka_unit_test(where_nothing_is_written_it_is_read_as_it_is),
		cmocka_unit_test(one_from_the_future_is_refused),
		cmocka_unit_test(roles_are_added_and_never_taken),
	};

	return cmocka_run_group_tests_name("store upgrades", tests, setup, NULL);
}
