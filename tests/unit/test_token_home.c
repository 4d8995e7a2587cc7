/* test_token_home - a token is there, whole, or it is not: whatever write fails, whenever its maker
 * or remover was killed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/file.h"
#include "pkcs11/token/home.h"
#include "pkcs11/token/store_internal.h"
#include "tests/lib/scratch.h"

#define SERIAL "0123456789abcdef"

static const char *path_of(const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "tokens/%s", name);
	return scratch_path(path);
}

static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static enum inro_err fill(const char *path, const void *arg)
{
	struct token_row row = { .label = "made", .label_n = 4, .serial = SERIAL };

	(void)arg;
	snprintf(row.backend, sizeof row.backend, "soft");
	return store_create(path, &row);
}

static enum inro_err make(CK_SLOT_ID *ret)
{
	*ret = 0;
	return home_make(scratch_dir(), fill, NULL, ret);
}

/* ---- failing system calls ---- */

static int calls_left, failed; /* -1: none fails */
static int failing;

static bool fails(int call)
{
	if (call != failing || calls_left < 0)
		return false;
	if (calls_left > 0) {
		calls_left--;
		return false;
	}
	failed++;
	errno = ENOSPC;
	return true;
}

static ssize_t failing_write(int fd, const void *p, size_t n, off_t at)
{
	return fails(0) ? -1 : pwrite(fd, p, n, at);
}

static int failing_truncate(int fd, off_t n)
{
	return fails(1) ? -1 : ftruncate(fd, n);
}

/* SQLite's way to get room for its shared memory. */
static int failing_allocate(int fd, off_t at, off_t n)
{
	return fails(2) ? ENOSPC : posix_fallocate(fd, at, n);
}

/* The file that takes the place of another at the moment at which that is opened. */
static const char *arriving, *place;

static int open_after_arrival(const char *path, int flags, int mode)
{
	if (arriving && strcmp(path, place) == 0) {
		assert_int_equal(rename(arriving, place), 0);
		arriving = NULL;
	}
	return open(path, flags, mode);
}

static const struct {
	const char *names[2];
	sqlite3_syscall_ptr instead;
} fakes[] = {
	{ { "open", "open" }, (sqlite3_syscall_ptr)open_after_arrival },
	{ { "pwrite", "pwrite64" }, (sqlite3_syscall_ptr)failing_write },
	{ { "ftruncate", "ftruncate" }, (sqlite3_syscall_ptr)failing_truncate },
	{ { "fallocate", "fallocate" }, (sqlite3_syscall_ptr)failing_allocate },
};

static bool half; /* the folder can't be read to its end */
struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);

struct dirent *__wrap_readdir(DIR *d)
{
	if (!half)
		return __real_readdir(d);
	errno = EIO;
	return NULL;
}

/* Another logs in there as soon as it has its name, and then its folder can't be synced. */
static CK_SLOT_ID used_then; /* 0: as ever */
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static void use_it(CK_SLOT_ID made)
{
	const struct who user = { .type = CKU_USER };
	char *path = NULL;
	struct store *s = NULL;

	assert_int_equal(home_path(scratch_dir(), made, &path), INRO_OK);
	assert_int_equal(store_open(path, true, &s), INRO_OK);
	assert_int_equal(store_set_auth(s, &user, bytes_of("his"), false), INRO_OK);
	store_close(s);
	free(path);
}

int __wrap_fsync(int fd)
{
	CK_SLOT_ID made = used_then;
	struct stat st;

	if (made == 0 || fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode) || !home_has(scratch_dir(), made))
		return __real_fsync(fd);
	used_then = 0;
	use_it(made);
	errno = EIO;
	return -1;
}

static int set_fakes(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	(void)state;
	calls_left = -1;
	for (size_t i = 0; i < ARRAY_LEN(fakes); i++)
		for (size_t k = 0; k < 2; k++)
			vfs->xSetSystemCall(vfs, fakes[i].names[k], fakes[i].instead);
	return 0;
}

static void check_whole(CK_SLOT_ID slot)
{
	char *path = NULL;
	struct store *s = NULL;
	struct token_row row = { 0 };

	assert_int_equal(home_path(scratch_dir(), slot, &path), INRO_OK);
	assert_int_equal(store_open(path, true, &s), INRO_OK);
	assert_int_equal(store_token(s, &row), INRO_OK);
	assert_string_equal(row.serial, SERIAL);
	token_row_clear(&row);
	store_close(s);
	free(path);
}

static int things_made(void)
{
	DIR *d = opendir(scratch_path("tokens"));
	const struct dirent *entry;
	int n = 0;

	while ((entry = readdir(d)) != NULL)
		n += strncmp(entry->d_name, ".new-", 5) == 0;
	closedir(d);
	return n;
}

/* From the n-th call on, every one fails; the next n, until none has failed. */
static void fail_from_each(int call)
{
	enum inro_err e = INRO_E_FULL;
	CK_SLOT_ID slot;
	int n = 0;

	for (failed = 1; failed; n++) {
		failing = call;
		failed = 0;
		calls_left = n;
		e = make(&slot);
		calls_left = -1;
		if (!e)
			check_whole(slot);
		assert_int_equal(things_made(), 0);
	}
	assert_int_equal(e, INRO_OK);
}

static void what_is_told_is_there(void **state)
{
	(void)state;
	for (int call = 0; call < (int)ARRAY_LEN(fakes); call++)
		fail_from_each(call);
}

/* Only the file itself: its log is written, the content never comes over. */
static enum inro_err fill_log_only(const char *path, const void *arg)
{
	sqlite3 *db;
	int rc = sqlite3_open(path, &db);

	(void)arg;
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (!rc)
		rc = sqlite3_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE token (one)", NULL,
				  NULL, NULL);
	sqlite3_close(db);
	return rc ? INRO_E_IO : INRO_OK;
}

/* Tokens that can't be seen are not gone, nor is one's number free. */
static void half_a_folder_is_none(void **state)
{
	SCOPED(home_slots) slots = { 0 };
	CK_SLOT_ID slot;

	(void)state;
	assert_int_equal(make(&slot), INRO_OK);
	half = true;
	assert_int_equal(home_list(scratch_dir(), &slots), INRO_E_IO);
	assert_int_equal(make(&slot), INRO_E_IO);
	half = false;
	assert_int_equal(home_list(scratch_dir(), &slots), INRO_OK);
}

static void a_log_is_not_left_behind(void **state)
{
	CK_SLOT_ID slot = 0;
	SCOPED(home_slots) before = { 0 };
	SCOPED(home_slots) after = { 0 };

	(void)state;
	assert_int_equal(home_list(scratch_dir(), &before), INRO_OK);
	assert_int_equal(home_make(scratch_dir(), fill_log_only, NULL, &slot), INRO_E_IO);
	assert_int_equal(home_list(scratch_dir(), &after), INRO_OK);
	assert_int_equal(after.n, before.n);
	assert_int_equal(things_made(), 0);
}

/* Its maker is told; what another has made there stays. */
static void one_that_is_used_at_once_stays(void **state)
{
	const struct who user = { .type = CKU_USER };
	SCOPED(auth_row) row = { 0 };
	SCOPED(home_slots) before = { 0 };
	char *path = NULL;
	struct store *s = NULL;
	CK_SLOT_ID slot;

	(void)state;
	assert_int_equal(home_list(scratch_dir(), &before), INRO_OK);
	used_then = before.empty;
	assert_int_equal(make(&slot), INRO_E_IO);
	assert_non_null(strstr(err_detail(INRO_E_IO), "the token is there, in slot"));
	assert_int_equal(used_then, 0);
	assert_int_equal(slot, before.empty);
	check_whole(slot);
	assert_int_equal(home_path(scratch_dir(), slot, &path), INRO_OK);
	assert_int_equal(store_open(path, true, &s), INRO_OK);
	assert_int_equal(store_auth(s, &user, &row), INRO_OK);
	assert_true(bytes_is(buf_bytes(&row.auth), "his"));
	store_close(s);
	free(path);
	assert_int_equal(things_made(), 0);
}

/* ---- what the killed have left behind ---- */

static const char *const leftovers[] = { ".new-00112233", ".new-00112233-wal", ".new-00112233-shm",
					 "last.Ab12Cd",	  "000777.token-wal",  "000777.token-shm" };

static const char *const not_leftovers[] = { "last", "lock", ".lock", "000001.token", "notes.txt" };

static void leave(void)
{
	for (size_t i = 0; i < ARRAY_LEN(leftovers); i++)
		assert_int_equal(file_write(path_of(leftovers[i]), 0600, bytes_of("x")), INRO_OK);
}

static void check_swept(void)
{
	for (size_t i = 0; i < ARRAY_LEN(leftovers); i++)
		assert_false(is_there(leftovers[i]));
	for (size_t i = 0; i < ARRAY_LEN(not_leftovers); i++)
		assert_true(is_there(not_leftovers[i]));
}

static void leftovers_are_swept(void **state)
{
	CK_SLOT_ID slot, gone;

	(void)state;
	assert_int_equal(make(&gone), INRO_OK);
	assert_int_equal(home_remove(scratch_dir(), gone), INRO_OK);
	assert_int_equal(file_write(path_of("lock"), 0600, BYTES_NONE), INRO_OK);
	assert_int_equal(file_write(path_of("notes.txt"), 0600, BYTES_NONE), INRO_OK);
	leave();
	assert_int_equal(make(&slot), INRO_OK);
	assert_int_equal(slot, gone + 1);
	check_swept();
	leave();
	home_sweep(scratch_dir());
	check_swept();
	check_whole(slot);
}

/* Another maker at work: its file is not swept, ours waits. */
static enum inro_err fill_slowly(const char *path, const void *arg)
{
	int *done = (int *)(uintptr_t)arg;

	if (write(done[1], "x", 1) != 1)
		return INRO_E_IO;
	usleep(200000);
	return fill(path, NULL);
}

static int make_slowly(void *arg)
{
	CK_SLOT_ID slot = 0;

	return home_make(scratch_dir(), fill_slowly, arg, &slot) ? 1 : 0;
}

static void a_makers_file_is_not_swept(void **state)
{
	int ready[2], status;
	CK_SLOT_ID slot;
	char c;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0)
		_exit(make_slowly(ready));
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(make(&slot), INRO_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	check_whole(slot);
	check_whole(slot - 1);
	close(ready[0]);
	close(ready[1]);
}

/* ---- a file that comes or is replaced while it is opened ---- */

static void check_writable(struct store *s)
{
	struct token_row row = { 0 };

	assert_int_equal(store_token(s, &row), INRO_OK);
	assert_int_equal(store_begin(s), INRO_OK);
	assert_int_equal(store_finish(s->db, INRO_OK), INRO_OK);
	token_row_clear(&row);
	store_close(s);
}

static char *made_file(const char *name)
{
	char *path = strdup(scratch_path(name));

	assert_int_equal(fill(path, NULL), INRO_OK);
	return path;
}

static void one_that_is_replaced_meanwhile_is_no_removed_one(void **state)
{
	char *before = made_file("opened"), *after = made_file("restored");
	struct store *s;

	(void)state;
	place = before;
	arriving = after;
	assert_int_equal(store_open(before, true, &s), INRO_OK);
	assert_null(arriving);
	check_writable(s);
	unlink(before);
	free(before);
	free(after);
}

#define ARRIVALS 300

static void *arrive(void *arg)
{
	const char *const *names = arg;

	return link(names[0], names[1]) == 0 ? arg : NULL;
}

static void one_that_comes_meanwhile_is_no_removed_one(void **state)
{
	char *whole = made_file("whole");
	const char *names[2] = { whole, scratch_path("coming") };

	(void)state;
	for (int i = 0; i < ARRIVALS; i++) {
		enum inro_err e = INRO_E_NOT_FOUND;
		struct store *s;
		pthread_t maker;
		void *linked;

		assert_int_equal(pthread_create(&maker, NULL, arrive, (void *)(uintptr_t)names), 0);
		while (e == INRO_E_NOT_FOUND)
			e = store_open(names[1], true, &s);
		assert_int_equal(pthread_join(maker, &linked), 0);
		assert_non_null(linked);
		assert_int_equal(e, INRO_OK);
		check_writable(s);
		assert_int_equal(unlink(names[1]), 0);
	}
	unlink(whole);
	free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_is_there),
		cmocka_unit_test(half_a_folder_is_none),
		cmocka_unit_test(a_log_is_not_left_behind),
		cmocka_unit_test(one_that_is_used_at_once_stays),
		cmocka_unit_test(leftovers_are_swept),
		cmocka_unit_test(a_makers_file_is_not_swept),
		cmocka_unit_test(one_that_is_replaced_meanwhile_is_no_removed_one),
		cmocka_unit_test(one_that_comes_meanwhile_is_no_removed_one),
	};

	return cmocka_run_group_tests(tests, set_fakes, NULL);
}
