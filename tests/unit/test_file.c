/* test_file - files are whole or absent, private, bounded; locks hold between processes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static void assert_content(const char *path, const char *want)
{
	SCOPED(buf) b = { 0 };

	OK(file_read(path, 1000, &b));
	assert_true(bytes_is(buf_bytes(&b), want));
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_write(void **state)
{
	const char *path = scratch_path("w/file");

	(void)state;
	OK(file_make_dir(scratch_path("w")));
	OK(file_write(path, 0600, bytes_of("one")));
	assert_content(path, "one");
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(chmod(path, 0640), 0);
	OK(file_write(path, 0644, bytes_of("two")));
	assert_content(path, "two");
	assert_int_equal(mode_of(path), 0640); /* it was there */
	assert_int_equal(file_write_new(path, 0600, bytes_of("three")), INRO_E_EXISTS);
	assert_content(path, "two");
	OK(file_write_new(scratch_path("w/new"), 0600, BYTES_NONE));
	assert_content(scratch_path("w/new"), "");
	assert_int_equal(mode_of(scratch_path("w/new")), 0600);
	assert_int_equal(scratch_entries(scratch_path("w")), 2); /* no temporaries stay */
	assert_int_equal(file_write(scratch_path("none/file"), 0600, BYTES_NONE), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "none/file"));
}

/* A program that reads it by its group goes on reading it after root has written it anew. */
static void test_owner(void **state)
{
	const uid_t nobody = 65534;
	char path[600];
	struct stat st;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	OK(file_make_dir(scratch_path("o")));
	snprintf(path, sizeof path, "%s", scratch_path("o/file"));
	OK(file_write(path, 0640, bytes_of("one")));
	assert_int_equal(chown(path, nobody, nobody), 0);
	OK(file_write(path, 0600, bytes_of("two")));
	assert_content(path, "two");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, nobody);
	assert_int_equal(st.st_gid, nobody);
	assert_int_equal(st.st_mode & 07777, 0640);
	fd = open(scratch_path("o"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(file_name_it(fd, path, 0600), INRO_OK);
	close(fd);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, nobody);
	assert_int_equal(st.st_gid, nobody);
	OK(file_write(scratch_path("o/new"), 0600, BYTES_NONE));
	assert_int_equal(stat(scratch_path("o/new"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static int write_pipe(void *arg)
{
	return file_write(arg, 0600, bytes_of("piped")) == INRO_OK ? 0 : 1;
}

/* /dev/fd is nobody's to write in, and what it leads to is no path. */
static int pipe_is_a_target(void *arg)
{
	char path[40];
	int ends[2];

	(void)arg;
	if ((geteuid() == 0 && setuid(65534) != 0) || prctl(PR_SET_DUMPABLE, 1) != 0 || pipe(ends) != 0)
		return 1;
	snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
	return file_check_target(path) == INRO_OK ? 0 : 2;
}

static void test_targets(void **state)
{
	char path[600], link[600];
	struct stat st;
	int fd;

	(void)state;
	OK(file_make_dir(scratch_path("to/folder")));
	snprintf(path, sizeof path, "%s", scratch_path("to/file"));
	snprintf(link, sizeof link, "%s", scratch_path("to/link"));
	OK(file_write(path, 0600, bytes_of("one")));
	assert_int_equal(symlink("file", link), 0);
	OK(file_check_target(link));
	OK(file_write(link, 0600, bytes_of("two")));
	assert_content(path, "two");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_not_equal(file_check_target(scratch_path("to/folder")), INRO_OK);
	assert_int_not_equal(file_write(scratch_path("to/folder"), 0600, BYTES_NONE), INRO_OK);
	assert_int_equal(file_check_target(scratch_path("to/none/x")), INRO_E_NOT_FOUND);
	OK(file_check_target(scratch_path("to/new")));
	assert_int_equal(scratch_child(pipe_is_a_target, NULL), 0);
	OK(file_write("/dev/null", 0600, bytes_of("gone")));
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	snprintf(path, sizeof path, "%s", scratch_path("to/pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(scratch_child(write_pipe, path), 0);
	assert_int_equal(read(fd, link, sizeof link), 5);
	close(fd);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
}

static int nameless(const char *content)
{
	int fd = open(scratch_path("n"), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	return fd;
}

static void name_it(const char *content, const char *path, enum inro_err want)
{
	int fd = nameless(content);

	assert_int_equal(file_name_it(fd, path, 0644), want);
	close(fd);
}

/* Where it has only to be named; else where it can be made. */
static dev_t device_of_spool(const char *path)
{
	FILE *f = file_spool(path);
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_true(fputs("spooled", f) >= 0 && fflush(f) == 0);
	if (path && strstr(path, "/spool"))
		OK(file_name_it(fileno(f), path, 0600));
	fclose(f);
	return st.st_dev;
}

static void test_spool(void **state)
{
	const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char path[64];
	struct stat there, temporary;

	(void)state;
	snprintf(path, sizeof path, "%s/spool.%d", shm, (int)getpid());
	assert_int_equal(stat(shm, &there), 0);
	assert_int_equal(stat("/tmp", &temporary), 0);
	assert_int_equal(device_of_spool(path), there.st_dev);
	assert_content(path, "spooled");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(device_of_spool("/dev/null"), temporary.st_dev);
	assert_int_equal(device_of_spool("/none/x"), temporary.st_dev);
	assert_int_equal(device_of_spool(NULL), temporary.st_dev);
}

/* A file that gets its name late does what a written one does. */
static void test_name_it(void **state)
{
	char path[600], link[600];
	struct stat st;

	(void)state;
	OK(file_make_dir(scratch_path("n/folder")));
	snprintf(path, sizeof path, "%s", scratch_path("n/file"));
	snprintf(link, sizeof link, "%s", scratch_path("n/link"));
	name_it("one", path, INRO_OK);
	assert_content(path, "one");
	assert_int_equal(mode_of(path), 0644);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(symlink("file", link), 0);
	name_it("two", link, INRO_OK);
	assert_content(path, "two");
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	name_it("three", scratch_path("n/folder"), INRO_E_UNSUPPORTED);
	name_it("three", "/dev/null", INRO_E_UNSUPPORTED);
	name_it("three", "/proc/none", INRO_E_UNSUPPORTED);
	name_it("three", scratch_path("n/none/x"), INRO_E_UNSUPPORTED);
	assert_content(path, "two");
	assert_int_equal(scratch_entries(scratch_path("n")), 3);
}

static bool no_links; /* as on FAT */
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);

int __wrap_link(const char *from, const char *to)
{
	if (!no_links)
		return __real_link(from, to);
	errno = EPERM;
	return -1;
}

static bool no_modes;
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);

int __wrap_fchmod(int fd, mode_t mode)
{
	if (!no_modes)
		return __real_fchmod(fd, mode);
	errno = EPERM;
	return -1;
}

/* On FAT a file is written all the same, with the mode that it has there. */
static void test_no_modes(void **state)
{
	const char *path = scratch_path("no-mode");

	(void)state;
	no_modes = true;
	OK(file_write(path, 0640, BYTES("one", 3)));
	OK(file_write(path, 0640, BYTES("two", 3)));
	no_modes = false;
	assert_content(path, "two");
}

static const char *then_a_link; /* what realpath() gives becomes one as soon as it is given */
char *__real_realpath(const char *path, char *room);
char *__wrap_realpath(const char *path, char *room);

char *__wrap_realpath(const char *path, char *room)
{
	char *real = __real_realpath(path, room);

	if (real && then_a_link) {
		unlink(real);
		assert_int_equal(symlink(then_a_link, real), 0);
	}
	return real;
}

/* What another puts in a file's place in the middle of it gives it nothing of its own. */
static void test_exchanged(void **state)
{
	const char *path = scratch_path("exchanged");

	(void)state;
	OK(file_write(path, 0600, BYTES("one", 3)));
	then_a_link = "/dev/null";
	assert_int_equal(file_write(path, 0600, BYTES("secret", 6)), INRO_E_IO);
	then_a_link = NULL;
	assert_int_equal(unlink(path), 0);
}

static void take_names(void)
{
	char made[600], path[600];

	snprintf(made, sizeof made, "%s", scratch_path("t/made"));
	snprintf(path, sizeof path, "%s", scratch_path("t/name"));
	OK(file_write(made, 0600, BYTES("one", 3)));
	OK(file_take_name(made, path));
	assert_content(path, "one");
	assert_int_equal(access(made, F_OK), -1);
	assert_int_equal(file_take_name(made, scratch_path("t/other")), INRO_E_NOT_FOUND);
	OK(file_write(made, 0600, BYTES("two", 3)));
	assert_int_equal(file_take_name(made, path), INRO_E_EXISTS);
	assert_content(path, "one");
	assert_int_equal(file_write_new(path, 0600, BYTES("two", 3)), INRO_E_EXISTS);
	assert_int_equal(unlink(path), 0);
	OK(file_write_new(path, 0600, BYTES("two", 3)));
	assert_content(path, "two");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(made), 0);
	assert_int_equal(scratch_entries(scratch_path("t")), 0);
}

static void test_take_name(void **state)
{
	(void)state;
	OK(file_make_dir(scratch_path("t")));
	take_names();
	no_links = true;
	take_names();
	no_links = false;
}

static int write_too_much(void *arg)
{
	struct rlimit small = { 1000, 1000 };
	static const uint8_t content[5000];

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &small) != 0)
		return 99;
	return file_write(arg, 0600, BYTES(content, sizeof content)) == INRO_E_FULL ? 0 : 1;
}

static void test_failed_write_keeps_the_old(void **state)
{
	char path[600];

	(void)state;
	OK(file_make_dir(scratch_path("full")));
	strncpy(path, scratch_path("full/file"), sizeof path - 1);
	path[sizeof path - 1] = '\0';
	OK(file_write(path, 0600, bytes_of("old")));
	assert_int_equal(scratch_child(write_too_much, path), 0);
	assert_content(path, "old");
	assert_int_equal(scratch_entries(scratch_path("full")), 1);
}

static void test_read_bound(void **state)
{
	const char *path = scratch_file("bound", "12345", 5);
	SCOPED(buf) b = { 0 };

	(void)state;
	OK(file_read(path, 5, &b));
	assert_int_equal(b.n, 5);
	buf_reset(&b);
	assert_int_equal(file_read(path, 4, &b), INRO_E_TOO_BIG);
	assert_non_null(strstr(err_detail(INRO_E_TOO_BIG), "bound"));
	assert_int_equal(file_read("/dev/zero", 100000, &b), INRO_E_TOO_BIG);
	assert_int_equal(file_read(scratch_path("none"), 10, &b), INRO_E_NOT_FOUND);
	assert_int_equal(file_read(scratch_dir(), 10, &b), INRO_E_IO);
	assert_int_equal(file_read("/dev/null/x", 10, &b), INRO_E_NOT_FOUND);
}

static int read_unreadable(void *arg)
{
	SCOPED(buf) b = { 0 };

	if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0))
		return 99;
	return file_read(arg, 10, &b) == INRO_E_ACCESS ? 0 : 1;
}

static void test_unreadable(void **state)
{
	char path[600];

	(void)state;
	strncpy(path, scratch_file("secret", "x", 1), sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_int_equal(chmod(scratch_dir(), 0755), 0);
	assert_int_equal(chmod(path, 0000), 0);
	assert_int_equal(scratch_child(read_unreadable, path), 0);
}

static void assert_secret(const char *content, size_t n, const char *want)
{
	SCOPED(secret) s = { 0 };

	OK(file_read_secret(scratch_file("pin", content, n), &s));
	assert_true(bytes_is(secret_bytes(&s), want));
}

/* A pipe that nobody writes to would be waited for. */
static void test_read_regular(void **state)
{
	static const struct {
		const char *name, *says;
	} others[] = { { "r/pipe", "pipe: is a named pipe, not a regular file" },
		       { "r/link-pipe", "is a named pipe" },
		       { "r/socket", "is a socket" },
		       { "r/null", "is a device" },
		       { "r", "is a folder" } };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	SCOPED(buf) b = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	OK(file_make_dir(scratch_path("r")));
	snprintf(at.sun_path, sizeof at.sun_path, "%s", scratch_path("r/socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	close(fd);
	assert_int_equal(mkfifo(scratch_path("r/pipe"), 0600), 0);
	assert_int_equal(symlink("pipe", scratch_path("r/link-pipe")), 0);
	assert_int_equal(symlink("/dev/null", scratch_path("r/null")), 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_int_equal(file_read_regular(scratch_path(others[i].name), 9, &b),
				 INRO_E_ARG);
		assert_non_null(strstr(err_detail(INRO_E_ARG), others[i].says));
	}
	OK(file_write(scratch_path("r/file"), 0600, bytes_of("content")));
	assert_int_equal(symlink("file", scratch_path("r/link")), 0);
	OK(file_read_regular(scratch_path("r/link"), 9, &b));
	assert_true(bytes_equal(buf_bytes(&b), bytes_of("content")));
	assert_int_equal(file_read_regular(scratch_path("r/file"), 6, &b), INRO_E_TOO_BIG);
	assert_int_equal(symlink("gone", scratch_path("r/dangling")), 0);
	assert_int_equal(file_read_regular(scratch_path("r/dangling"), 9, &b), INRO_E_NOT_FOUND);
}

static void test_read_secret(void **state)
{
	SCOPED(secret) s = { 0 };
	char longest[300];
	int ends[2];

	(void)state;
	assert_secret("1234\n", 5, "1234");
	assert_secret("1234", 4, "1234");
	assert_secret("1234\r\n", 6, "1234");
	assert_secret(" 12 \nmore\n", 10, " 12 ");
	assert_secret("\n", 1, "");
	memset(longest, 'x', sizeof longest);
	longest[255] = '\n';
	OK(file_read_secret(scratch_file("pin", longest, 256), &s));
	assert_int_equal(s.n, 255);
	secret_clear(&s);
	longest[255] = 'x';
	assert_int_equal(file_read_secret(scratch_file("pin", longest, 256), &s), INRO_E_TOO_BIG);
	assert_null(strstr(err_detail(INRO_E_TOO_BIG), "xxx"));
	assert_int_equal(file_read_secret(scratch_path("none"), &s), INRO_E_NOT_FOUND);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "12", 2), 2);
	assert_int_equal(write(ends[1], "34\n", 3), 3);
	assert_true(snprintf(longest, sizeof longest, "/dev/fd/%d", ends[0]) > 0);
	OK(file_read_secret(longest, &s)); /* the writer's end stays open */
	assert_true(bytes_is(secret_bytes(&s), "1234"));
	close(ends[0]);
	close(ends[1]);
}

static void test_make_dir(void **state)
{
	(void)state;
	OK(file_make_dir(scratch_path("d/e/f")));
	assert_int_equal(mode_of(scratch_path("d")), 0700);
	assert_int_equal(mode_of(scratch_path("d/e/f")), 0700);
	OK(file_make_dir(scratch_path("d/e/f")));
	OK(file_make_dir(scratch_path("d/e/g/")));
	OK(file_sync_dir(scratch_path("d")));
	scratch_file("d/file", "", 0);
	assert_int_equal(file_make_dir(scratch_path("d/file")), INRO_E_NOT_FOUND);
	assert_int_equal(file_make_dir(scratch_path("d/file/x")), INRO_E_NOT_FOUND);
	assert_int_equal(file_sync_dir(scratch_path("none")), INRO_E_NOT_FOUND);
	assert_int_not_equal(file_make_dir(""), INRO_OK);
}

static int lock_in_child(void *arg)
{
	int fd;

	return (int)file_lock(arg, 30, &fd);
}

static void test_lock(void **state)
{
	char path[600];
	int fd = -1, again = -1;
	int64_t start = clock_monotonic_ms();

	(void)state;
	strncpy(path, scratch_path("lock"), sizeof path - 1);
	path[sizeof path - 1] = '\0';
	OK(file_lock(path, 0, &fd));
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(scratch_child(lock_in_child, path), INRO_E_BUSY);
	assert_true(clock_monotonic_ms() - start >= 30);
	assert_int_equal(file_lock(path, 0, &again), INRO_E_BUSY); /* not for a second time here */
	close(fd);
	assert_int_equal(scratch_child(lock_in_child, path), INRO_OK);
	assert_int_equal(file_lock(scratch_path("none/lock"), 0, &fd), INRO_E_NOT_FOUND);
}

static uid_t owner_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

/* Root in a folder of somebody else's; never what has a second name or is a link. */
static void test_give(void **state)
{
	AUTO(close_fd) int fd = -1;

	(void)state;
	if (geteuid() != 0)
		skip();
	OK(file_make_dir(scratch_path("theirs")));
	assert_int_equal(chown(scratch_path("theirs"), 65534, 65534), 0);
	OK(file_make_dir(scratch_path("theirs/a/b")));
	assert_int_equal(owner_of(scratch_path("theirs/a/b")), 65534);
	OK(file_lock(scratch_path("theirs/lock"), 0, &fd));
	assert_int_equal(owner_of(scratch_path("theirs/lock")), 65534);
	scratch_file("mine", "x", 1);
	assert_int_equal(link(scratch_path("mine"), scratch_path("theirs/linked")), 0);
	assert_int_equal(symlink(scratch_path("mine"), scratch_path("theirs/symlink")), 0);
	file_give(scratch_path("theirs/linked"));
	file_give(scratch_path("theirs/symlink"));
	file_give(scratch_path("theirs/none"));
	assert_int_equal(owner_of(scratch_path("mine")), 0);
	assert_int_equal(owner_of(scratch_path("theirs/symlink")), 0);
}

static void test_err(void **state)
{
	(void)state;
	assert_int_equal(file_err(ENOENT, "x"), INRO_E_NOT_FOUND);
	assert_int_equal(file_err(EEXIST, "x"), INRO_E_EXISTS);
	assert_int_equal(file_err(EROFS, "x"), INRO_E_ACCESS);
	assert_int_equal(file_err(ENOSPC, "x"), INRO_E_FULL);
	assert_int_equal(file_err(EIO, "x"), INRO_E_IO);
	assert_string_equal(err_detail(INRO_E_IO), "x: Input/output error");
}

static void assert_path(const char *said, const char *want)
{
	const char *path = NULL;

	OK(file_uri_path(said, &path));
	assert_string_equal(path, want);
	assert_true(path >= said && path <= said + strlen(said));
}

static void assert_no_path(const char *said, enum inro_err why, const char *told)
{
	const char *path = NULL;

	assert_int_equal(file_uri_path(said, &path), why);
	assert_non_null(strstr(err_detail(why), told));
	assert_null(path);
}

static void test_uri_path(void **state)
{
	static const char *const empty[] = { "", "file:", "FILE:", "file://", "file://localhost" };
	static const char *const elsewhere[] = { "file://host/x",	    "file://host",	  "file://localhost.example/x",
						 "file://local/x",	    "file://127.0.0.1/x", "file://localhost:1/x",
						 "file://user@localhost/x", "file://%2fx" };

	(void)state;
	assert_path("/x", "/x");
	assert_path("x", "x");
	assert_path("//no/uri", "//no/uri");
	assert_path("files:/x", "files:/x");
	assert_path("file", "file");
	assert_path("file:/x", "/x");
	assert_path("file:x", "x");
	assert_path("file:x//y", "x//y");
	assert_path("file:///x", "/x");
	assert_path("file:////x", "//x");
	assert_path("file://localhost/x", "/x");
	assert_path("FiLe://LocalHost/X", "/X");
	assert_path("file:/a%20b%00", "/a%20b%00");
	assert_path("file://localhost/%2f", "/%2f");
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		assert_no_path(empty[i], INRO_E_ARG, "names no file");
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		assert_no_path(elsewhere[i], INRO_E_UNSUPPORTED, "is a host");
		assert_no_path(elsewhere[i], INRO_E_UNSUPPORTED, elsewhere[i]);
	}
}

static void test_join(void **state)
{
	AUTO(free_chars) char *path = file_join("a", "b");

	(void)state;
	assert_string_equal(path, "a/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_name_it),
		cmocka_unit_test(test_take_name),
		cmocka_unit_test(test_failed_write_keeps_the_old),
		cmocka_unit_test(test_read_bound),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_no_modes),
		cmocka_unit_test(test_exchanged),
		cmocka_unit_test(test_read_regular),
		cmocka_unit_test(test_read_secret),
		cmocka_unit_test(test_spool),
		cmocka_unit_test(test_make_dir),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_give),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_uri_path),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
