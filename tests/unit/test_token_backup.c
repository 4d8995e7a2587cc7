/* Tokens saved and brought back encrypted, checked, removed without a PIN; what can only be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/raw_sql.h"
#include "tests/lib/scratch.h"

#define PASS "correct horse"

static CK_RV save(CK_SLOT_ID slot, const char *path, const char *pass)
{
	return p11_admin->save(slot, module_text(path), module_text(pass));
}

static CK_RV load(const char *path, const char *pass, CK_SLOT_ID *slot)
{
	return p11_admin->load(module_text(path), module_text(pass), slot);
}

static void expect_to_sign(CK_SLOT_ID slot)
{
	CK_ATTRIBUTE mine[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	CK_SESSION_HANDLE s = module_open(slot, false);
	CK_OBJECT_HANDLE key = 0;
	uint8_t sig[64];

	OK(module_login(s, CKU_USER, USER_PIN));
	MUST(module_find(s, mine, 1, &key) >= 1);
	OK(module_sign(s, key, sig));
	OK(p11->C_CloseSession(s));
}

static CK_SLOT_ID token_with_key(void)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = module_user(&slot);

	(void)module_ec(s, true, false);
	OK(p11->C_CloseSession(s));
	return slot;
}

/* What one that was killed has left beside it, and this one has its number. */
static void a_copy_left_behind_blocks_nothing(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	char name[64], path[512];

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("again.bak"));
	snprintf(name, sizeof name, "again.bak.%ld.copy", (long)getpid());
	scratch_file(name, "x", 1);
	(void)save(slot, path, PASS);
	assert_int_equal(access(scratch_path(name), F_OK), -1);
	(void)unlink(path);
	OK(save(slot, path, PASS));
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
}

static void saved_while_in_use_and_brought_back(void **state)
{
	CK_SLOT_ID slot, back = 0;
	CK_SESSION_HANDLE s = module_user(&slot);
	char path[512];
	struct stat st;

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("one.bak"));
	(void)module_ec(s, true, false);
	OK(save(slot, path, PASS));
	GIVES(CKR_ACTION_PROHIBITED, save(slot, path, PASS));
	GIVES(CKR_PIN_LEN_RANGE, save(slot, scratch_path("two.bak"), "short"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	(void)module_ec(s, true, false); /* is not in it */
	OK(p11->C_CloseSession(s));
	GIVES(CKR_ACTION_PROHIBITED, load(path, PASS, &back)); /* the label is there */
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	GIVES(CKR_PIN_INCORRECT, load(path, "correct hearse", &back));
	OK(load(path, PASS, &back));
	expect_to_sign(back);
}

/* Nothing of the token can be read in the file: not its label, nor SQLite's first words. */
struct saving {
	CK_SLOT_ID slot;
	char path[400];
};

static void *save_it(void *in)
{
	const struct saving *w = in;

	OK(save(w->slot, w->path, PASS));
	return NULL;
}

/* Whether a call for the token was answered while its copy was being encrypted. */
static bool goes_on_meanwhile(CK_SESSION_HANDLE s, const struct saving *w)
{
	char part[450];
	CK_SESSION_INFO info;
	pthread_t thread;
	bool answered = false;

	snprintf(part, sizeof part, "%s.%ld.part", w->path, (long)getpid());
	assert_int_equal(pthread_create(&thread, NULL, save_it, (void *)(uintptr_t)w), 0);
	for (int i = 0; i < 20000 && access(part, F_OK) != 0 && access(w->path, F_OK) != 0; i++)
		usleep(200);
	OK(p11->C_GetSessionInfo(s, &info));
	answered = access(part, F_OK) == 0;
	pthread_join(thread, NULL);
	unlink(w->path);
	return answered;
}

/* On a busy machine the encryption may be at its end before anybody else has had a turn. */
static void a_token_that_is_saved_goes_on(void **state)
{
	struct saving w;
	CK_SESSION_HANDLE s = module_user(&w.slot);
	bool answered = false;

	(void)state;
	snprintf(w.path, sizeof w.path, "%s", scratch_path("meanwhile.bak"));
	for (int i = 0; i < 10 && !answered; i++)
		answered = goes_on_meanwhile(s, &w);
	assert_true(answered);
	OK(p11->C_CloseSession(s));
}

static void a_backup_tells_nothing(void **state)
{
	CK_SLOT_ID slot = module_token("a very plain label");
	const char *path = scratch_path("blind.bak");
	static char text[1 << 20];

	(void)state;
	OK(save(slot, path, PASS));
	FILE *f = fopen(path, "rb");
	size_t n = fread(text, 1, sizeof text, f);

	fclose(f);
	assert_null(memmem(text, n, "a very plain", 12));
	assert_null(memmem(text, n, "SQLite", 6));
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
}

static void flip(const char *path, long at)
{
	FILE *f = fopen(path, "r+b");

	fseek(f, at, SEEK_SET);
	int c = fgetc(f);

	fseek(f, at, SEEK_SET);
	fputc(c ^ 1, f);
	fclose(f);
}

static void a_changed_backup_is_refused(void **state)
{
	CK_SLOT_ID slot = token_with_key(), back = 0;
	char path[512];
	struct stat st;

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("flip.bak"));
	OK(save(slot, path, PASS));
	OK(p11_admin->destroy(slot, module_text(SO_PIN)));
	assert_int_equal(stat(path, &st), 0);
	for (long at = 0; at < st.st_size; at += at < 64 ? 7 : (long)st.st_size / 5) {
		flip(path, at);
		MUST(load(path, PASS, &back) != CKR_OK);
		flip(path, at);
	}
	assert_int_equal(truncate(path, st.st_size - 20), 0);
	GIVES(CKR_DEVICE_ERROR, load(path, PASS, &back));
}

/* ---- check ---- */

static void a_check_reads_everything(void **state)
{
	CK_SLOT_ID slot = token_with_key();
	struct inro_check c;

	(void)state;
	OK(p11_admin->check(slot, (struct inro_text) { 0 }, &c));
	assert_int_equal(c.damaged, 0);
	assert_int_equal(c.sealed, 0);
	OK(p11_admin->check(slot, module_text(USER_PIN), &c));
	assert_int_equal(c.objects, 2);
	assert_int_equal(c.sealed, 1);
	assert_int_equal(c.damaged, 0);
	GIVES(CKR_PIN_INCORRECT, p11_admin->check(slot, module_text("000000"), &c));
	raw_sql(module_token_file(slot),
		"UPDATE object SET label = x'41' WHERE class = 3"); /* bound to the seal */
	OK(p11_admin->check(slot, module_text(USER_PIN), &c));
	assert_int_equal(c.damaged, 1);
	assert_non_null(strstr(c.first, "object "));
	raw_sql(module_token_file(slot), "UPDATE object SET attrs = x'00'");
	OK(p11_admin->check(slot, (struct inro_text) { 0 }, &c));
	assert_int_equal(c.damaged, 1); /* the public one: the other is not seen without a PIN */
}

/* ---- what is gone ---- */

static bool file_has(const char *path, const void *what, size_t n)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t got = f ? fread(text, 1, sizeof text, f) : 0;

	if (f)
		fclose(f);
	return memmem(text, got, what, n) != NULL;
}

/* The first bytes of what a query finds in the token's file. */
#define FOUND 64

static void take_from(CK_SLOT_ID slot, const char *query, uint8_t found[FOUND])
{
	sqlite3_stmt *q;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(module_token_file(slot), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_true(sqlite3_column_bytes(q, 0) >= FOUND);
	memcpy(found, sqlite3_column_blob(q, 0), FOUND);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

/* In the file, or in the log beside it. */
static bool token_has(CK_SLOT_ID slot, const uint8_t found[FOUND])
{
	const char *path = module_token_file(slot);
	char wal[520];

	snprintf(wal, sizeof wal, "%s-wal", path);
	return file_has(path, found, FOUND) || file_has(wal, found, FOUND);
}

static void initialising_anew_leaves_nothing(void **state)
{
	CK_SLOT_ID slot = token_with_key();
	CK_UTF8CHAR label[32];
	uint8_t sealed[FOUND];

	(void)state;
	take_from(slot, "SELECT sealed FROM object WHERE class = 3", sealed);
	assert_true(token_has(slot, sealed));
	memset(label, ' ', sizeof label);
	OK(p11->C_InitToken(slot, module_pin(SO_PIN), 8, label));
	assert_false(token_has(slot, sealed));
}

/* With his record and his PIN somebody who was removed would open all that there is. */
static void who_is_removed_leaves_nothing(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true);
	struct inro_user ann = { .name = module_text("ann"),
				 .type = CKU_USER,
				 .pin = module_text("annas pin") };
	uint8_t record[FOUND];

	(void)state;
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_add(s, &ann));
	take_from(slot, "SELECT auth FROM users", record);
	assert_true(token_has(slot, record));
	OK(p11_admin->user_delete(s, ann.name));
	assert_false(token_has(slot, record));
	OK(p11->C_CloseSession(s));
}

/* ---- a locked officer ---- */

static void a_locked_officer_is_no_dead_end(void **state)
{
	CK_SLOT_ID slot = module_token("dead end"), other;
	CK_SESSION_HANDLE s = module_open(slot, true);

	(void)state;
	GIVES(CKR_SESSION_EXISTS, p11_admin->destroy_locked(slot));
	for (int i = 0; i < 10; i++) {
		GIVES(CKR_FUNCTION_REJECTED,
		      (p11->C_CloseSession(s), p11_admin->destroy_locked(slot)));
		s = module_open(slot, true);
		GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_SO, "00000000"));
	}
	OK(p11->C_CloseSession(s));
	OK(p11_admin->destroy_locked(slot));
	other = module_token("dead end");
	assert_true(other > slot);
}

/* ---- what can only be read ---- */

static void start_with(const char *settings)
{
	setenv("INRO_CONFIG", scratch_file("inro.conf", settings, strlen(settings)), 1);
	OK(p11->C_Initialize(NULL));
}

static void keys_of_read_only_tokens_are_used(void **state)
{
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_SLOT_ID slot = token_with_key(), n_slots[64];
	CK_UTF8CHAR label[32];
	CK_OBJECT_HANDLE o;
	CK_ULONG n = 64;

	(void)state;
	memset(label, ' ', sizeof label);
	OK(p11->C_Finalize(NULL));
	start_with("[token]\nread-only = yes\n");
	assert_true(module_info(slot).flags & CKF_WRITE_PROTECTED);
	expect_to_sign(slot);
	CK_SESSION_HANDLE s = module_open(slot, true);

	GIVES(CKR_TOKEN_WRITE_PROTECTED, p11->C_CreateObject(s, data, 2, &o));
	GIVES(CKR_TOKEN_WRITE_PROTECTED,
	      p11->C_SetPIN(s, module_pin(USER_PIN), 6, module_pin("222222"), 6));
	CK_SESSION_HANDLE ro = module_open(slot, false);

	/* of the two reasons the token's */
	GIVES(CKR_TOKEN_WRITE_PROTECTED, p11->C_CreateObject(ro, data, 2, &o));
	GIVES(CKR_TOKEN_WRITE_PROTECTED,
	      p11->C_SetPIN(ro, module_pin(USER_PIN), 6, module_pin("222222"), 6));
	OK(p11->C_CloseSession(ro));
	for (int i = 0; i < 10; i++)
		GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, "000000"));
	GIVES(CKR_PIN_LOCKED, module_login(s, CKU_USER, USER_PIN)); /* from this program */
	OK(p11->C_CloseSession(s));
	GIVES(CKR_TOKEN_WRITE_PROTECTED, p11->C_InitToken(slot, module_pin(SO_PIN), 8, label));
	GIVES(CKR_TOKEN_WRITE_PROTECTED, p11_admin->destroy(slot, module_text(SO_PIN)));
	OK(p11->C_GetSlotList(CK_TRUE, n_slots, &n));
	GIVES(CKR_TOKEN_WRITE_PROTECTED,
	      p11->C_InitToken(n_slots[n - 1], module_pin(SO_PIN), 8, label));
	OK(p11->C_Finalize(NULL));
	start_with("");
	expect_to_sign(slot); /* nothing was counted in the file */
}

/* Another user's view of the home: he can read it and not write. */
static int as_nobody(void *slot)
{
	CK_SLOT_ID id = *(CK_SLOT_ID *)slot;

	if (setgid(65534) != 0 || setuid(65534) != 0)
		return 77;
	OK(p11->C_Initialize(NULL));
	MUST(module_info(id).flags & CKF_WRITE_PROTECTED);
	expect_to_sign(id);
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void let_all_read(const char *name)
{
	char path[600];

	snprintf(path, sizeof path, "%s", scratch_path(name));
	assert_int_equal(chmod(path, 0755), 0);
}

static void another_user_may_read(void **state)
{
	CK_SLOT_ID slot = token_with_key();
	char path[512];
	int status;

	(void)state;
	if (getuid() != 0)
		skip();
	snprintf(path, sizeof path, "%s", module_token_file(slot));
	let_all_read("");
	let_all_read("home");
	let_all_read("home/tokens");
	assert_int_equal(chmod(path, 0644), 0);
	OK(p11->C_Finalize(NULL));
	for (int with_owner = 0; with_owner < 2; with_owner++) {
		if (with_owner) {
			OK(p11->C_Initialize(NULL));
			(void)module_open(slot, true);
		}
		status = scratch_child(as_nobody, &slot);
		assert_int_equal(status, 0);
	}
	OK(p11->C_CloseAllSessions(slot));
}

/* A file system that is read-only, also for its owner and for root. */
static int on_read_only_disk(void *slot)
{
	const char *home = scratch_path("home");

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(home, home, NULL, MS_BIND, NULL) != 0 ||
	    mount(NULL, home, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0)
		return 77;
	OK(p11->C_Initialize(NULL));
	MUST(module_info(*(CK_SLOT_ID *)slot).flags & CKF_WRITE_PROTECTED);
	expect_to_sign(*(CK_SLOT_ID *)slot);
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void a_read_only_disk_will_do(void **state)
{
	CK_SLOT_ID slot = token_with_key();

	(void)state;
	OK(p11->C_Finalize(NULL));
	int status = scratch_child(on_read_only_disk, &slot);

	OK(p11->C_Initialize(NULL));
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_left_behind_blocks_nothing),
		cmocka_unit_test(saved_while_in_use_and_brought_back),
		cmocka_unit_test(a_token_that_is_saved_goes_on),
		cmocka_unit_test(a_backup_tells_nothing),
		cmocka_unit_test(a_changed_backup_is_refused),
		cmocka_unit_test(a_check_reads_everything),
		cmocka_unit_test(initialising_anew_leaves_nothing),
		cmocka_unit_test(who_is_removed_leaves_nothing),
		cmocka_unit_test(a_locked_officer_is_no_dead_end),
		cmocka_unit_test(keys_of_read_only_tokens_are_used),
		cmocka_unit_test(another_user_may_read),
		cmocka_unit_test(a_read_only_disk_will_do),
	};

	return cmocka_run_group_tests_name("saving, checking, reading", tests, module_setup,
					   module_teardown);
}
