/* test_db_faults - a store that is damaged, meets a full or broken disk, is killed, and is shared
 * by processes. */
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
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/things.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* ---- damage, disks ---- */

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
	struct db *d = things_open("hurt.db");

	(void)state;
	for (int i = 0; i < 400; i++) {
		char name[64];

		snprintf(name, sizeof name, "a thing with a rather long name, number %d", i);
		OK(things_add(d, name));
	}
	OK(db_check(d));
	db_close(d);
	scribble(scratch_path("hurt.db"), 4096);
	scribble(scratch_path("hurt.db"), 4 * 4096);
	OK(db_open(scratch_path("hurt.db"), DB_READ_WRITE, &things_v1, &d));
	assert_int_equal(db_check(d), INRO_E_DAMAGED);
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "hurt.db"));
	db_close(d);
}

static void test_full(void **state)
{
	AUTO(db_close_ptr) struct db *d = things_open("full.db");
	struct db_stmt *s;

	(void)state;
	OK(db_exec(d, "PRAGMA max_page_count = 20"));
	OK(db_begin(d));
	OK(things_add(d, "kept out with the rest"));
	OK(db_stmt(d, "INSERT INTO thing(name, data) VALUES ('big', zeroblob(200000))", &s));
	assert_int_equal(db_run(s), INRO_E_FULL);
	assert_non_null(strstr(err_detail(INRO_E_FULL), "free some space"));
	db_rollback(d);
	assert_int_equal(things_count(d), 0);
	OK(things_add(d, "small"));
}

static int write_past_limit(void *arg)
{
	struct rlimit small = { 200000, 200000 };
	struct db *d = NULL;
	enum inro_err e;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	if (db_open(scratch_path("limit.db"), DB_CREATE, &things_v1, &d) != INRO_OK)
		return 1;
	if (setrlimit(RLIMIT_FSIZE, &small) != 0)
		return 2;
	e = db_exec(d, "INSERT INTO thing(name, data) VALUES ('big', zeroblob(900000))");
	if ((e != INRO_E_FULL && e != INRO_E_IO) || !strstr(err_detail(e), "limit.db"))
		return 3;
	if (things_add(d, "small") != INRO_OK || things_count(d) != 1)
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
	if (db_open(scratch_path("broken.db"), DB_CREATE, &things_v1, &d) != INRO_OK)
		return 1;
	vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)broken_disk);
	vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)broken_disk);
	e = things_add(d, "lost");
	if (e != INRO_E_IO || !strstr(err_detail(e), "broken.db"))
		return 2;
	vfs->xSetSystemCall(vfs, "pwrite", NULL);
	vfs->xSetSystemCall(vfs, "pwrite64", NULL);
	if (things_add(d, "kept") != INRO_OK || things_count(d) != 1)
		return 3;
	db_close(d);
	return 0;
}

static void test_io_error(void **state)
{
	(void)state;
	assert_int_equal(scratch_child(write_to_broken_disk, NULL), 0);
}

/* ---- processes ---- */

static int open_and_add(const char *path, int who)
{
	for (int i = 0; i < 20; i++) {
		struct db *d = NULL;
		char name[32];

		snprintf(name, sizeof name, "%d/%d", who, i);
		if (db_open(path, DB_CREATE, &things_v2, &d) != INRO_OK)
			return 1;
		if (things_add(d, name) != INRO_OK)
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
	OK(db_open(path, DB_READ_WRITE, &things_v2, &d));
	assert_int_equal(things_count(d), 81);
	OK(db_check(d));
	db_close(d);
}

static int add_until_killed(int fd)
{
	struct db *d = NULL;

	if (db_open(scratch_path("kill.db"), DB_CREATE, &things_v1, &d) != INRO_OK)
		return 1;
	for (int i = 0;; i++) {
		char name[32];

		snprintf(name, sizeof name, "%d", i);
		if (things_add(d, name) != INRO_OK || write(fd, "+", 1) != 1)
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
	OK(db_open(scratch_path("kill.db"), DB_READ_WRITE, &things_v1, &d));
	assert_true(acknowledged >= 20);
	assert_true(things_count(d) >= acknowledged);
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
	if (db_open(scratch_path("fork.db"), DB_READ_WRITE, &things_v1, &d) != INRO_OK)
		return 1;
	if (things_add(d, "child before") != INRO_OK)
		return 2;
	if (read(f->parent_closed, &c, 1) != 1)
		return 3;
	/* ends without a close: what it added must be there all the same */
	return things_add(d, "child after") == INRO_OK ? 0 : 4;
}

/* The child's connection must hold locks of its own, or the parent, closing as the last one,
 * would take the log away from under it. */
static void test_fork(void **state)
{
	struct db *d = things_open("fork.db");
	struct forked f = { .parents = d };
	int ends[2], status;
	pid_t pid;

	(void)state;
	OK(things_add(d, "parent"));
	assert_int_equal(pipe(ends), 0);
	f.parent_closed = ends[0];
	pid = fork();
	if (pid == 0)
		_exit(use_after_fork(&f));
	while (things_count(d) < 2)
		usleep(1000);
	OK(things_add(d, "parent again"));
	db_close(d);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
	OK(db_open(scratch_path("fork.db"), DB_READ_WRITE, &things_v1, &d));
	assert_int_equal(things_count(d), 4);
	db_close(d);
}

static atomic_bool enough;

static void *keep_busy(void *arg)
{
	struct db *d = NULL;
	struct db_stmt *s;
	bool row;

	while (!enough) {
		if (db_open(arg, DB_READ_WRITE, &things_v1, &d) != INRO_OK)
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
	if (db_open(arg, DB_READ_WRITE, &things_v1, &d) != INRO_OK || things_count(d) != 20)
		return 1;
	db_close(d);
	return 0;
}

/* A child must not inherit a lock that a thread of its parent held inside SQLite. */
static void fork_beside_threads(void)
{
	AUTO(db_close_ptr) struct db *d = things_open("busy.db");
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
		cmocka_unit_test(test_damage_is_found),
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
