#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define PIECE 16384

struct errno_row {
	int err;
	enum inro_err code;
};

static const struct errno_row errno_rows[] = {
	{ ENOENT, INRO_E_NOT_FOUND }, { ENOTDIR, INRO_E_NOT_FOUND }, { EEXIST, INRO_E_EXISTS },
	{ EACCES, INRO_E_ACCESS },    { EPERM, INRO_E_ACCESS },	     { EROFS, INRO_E_ACCESS },
	{ ENOSPC, INRO_E_FULL },      { EDQUOT, INRO_E_FULL },	     { EFBIG, INRO_E_FULL },
	{ ENOMEM, INRO_E_NO_MEMORY }, { ENAMETOOLONG, INRO_E_ARG },  { ELOOP, INRO_E_ARG },
};

enum inro_err file_err_code(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(errno_rows); i++)
		if (errno_rows[i].err == err)
			return errno_rows[i].code;
	return INRO_E_IO;
}

enum inro_err file_err(int err, const char *path)
{
	enum inro_err code = file_err_code(err);

	return err_set(code, "%s: %s", path, strerror(err));
}

char *file_join(const char *dir, const char *name)
{
	char *s = NULL;

	return asprintf(&s, "%s/%s", dir, name) < 0 ? NULL : s;
}

enum inro_err file_uri_path(const char *said, const char **ret)
{
	static const char scheme[] = "file:", here[] = "localhost";
	const size_t n = strlen(scheme);
	bool is_uri = strncasecmp(said, scheme, n) == 0;
	const char *path = is_uri ? said + n : said;

	if (is_uri && strncmp(path, "//", 2) == 0) {
		const char *host = path + 2;

		path = host + strcspn(host, "/");
		if (path != host && ((size_t)(path - host) != strlen(here) ||
				     strncasecmp(host, here, strlen(here)) != 0))
			return err_set(INRO_E_UNSUPPORTED,
				       "'%.*s' in %s is a host, and only files of this one are "
				       "read: write file:/PATH",
				       (int)(path - host), host, said);
	}
	if (!*path)
		return err_set(INRO_E_ARG, "'%s' names no file: write file:/PATH", said);
	*ret = path;
	return INRO_OK;
}

enum inro_err file_stdin(int *ret_fd)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL), fd;

	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
		return err_set(INRO_E_ARG, "standard input is closed; name a file, or put something into the command");
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return file_err(errno, "standard input");
	*ret_fd = fd;
	return INRO_OK;
}

/* It can't be read: whoever does is told that it is closed. */
void file_keep_stdin(void)
{
	int fd = fcntl(STDIN_FILENO, F_GETFD) < 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	if (fd > STDIN_FILENO)
		close(fd);
}

static enum inro_err open_read(const char *path, int *ret_fd)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return file_stdin(ret_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_err(errno, path);
	*ret_fd = fd;
	return INRO_OK;
}

/* The next piece; 0 bytes at the end. */
static enum inro_err read_some(int fd, const char *path, uint8_t *p, size_t n, size_t *ret)
{
	ssize_t got;

	do {
		got = read(fd, p, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return file_err(errno, path);
	*ret = (size_t)got;
	return INRO_OK;
}

/* Into the buffer itself: what is read may be a secret. */
static enum inro_err read_piece(int fd, const char *path, struct buf *b, size_t *ret)
{
	size_t before = b->n, got = 0;
	uint8_t *p = buf_extend(b, PIECE);

	if (!p)
		return buf_err(b);
	enum inro_err e = read_some(fd, path, p, PIECE, &got);

	buf_truncate(b, before + got);
	*ret = got;
	return e;
}

static enum inro_err read_whole(int fd, const char *path, size_t max, struct buf *ret)
{
	size_t n = 1, total = 0;
	enum inro_err e = INRO_OK;

	while (!e && n > 0) {
		e = read_piece(fd, path, ret, &n);
		total += e ? 0 : n;
		if (!e && total > max)
			e = err_set(INRO_E_TOO_BIG, "%s: larger than %zu bytes", path, max);
	}
	return e;
}

enum inro_err file_read(const char *path, size_t max, struct buf *ret)
{
	AUTO(close_fd) int fd = -1;
	enum inro_err e = open_read(path, &fd);

	return e ? e : read_whole(fd, path, max, ret);
}

struct other_kind {
	mode_t mode;
	const char *name;
};

static const struct other_kind other_kinds[] = {
	{ S_IFDIR, "a folder" }, { S_IFIFO, "a named pipe" }, { S_IFSOCK, "a socket" },
	{ S_IFCHR, "a device" }, { S_IFBLK, "a device" },
};

static enum inro_err must_be_regular(const char *path, const struct stat *st)
{
	const char *name = "something else";

	if (S_ISREG(st->st_mode))
		return INRO_OK;
	for (size_t i = 0; i < ARRAY_LEN(other_kinds); i++)
		if ((st->st_mode & S_IFMT) == other_kinds[i].mode)
			name = other_kinds[i].name;
	return err_set(INRO_E_ARG, "%s: is %s, not a regular file", path, name);
}

/* Asked before it is opened, since that alone can move a device; and of what came to be open, since
 * another may have taken the name by then. */
enum inro_err file_read_regular(const char *path, size_t max, struct buf *ret)
{
	AUTO(close_fd) int fd = -1;
	struct stat st;
	enum inro_err e = stat(path, &st) < 0 ? file_err(errno, path) : must_be_regular(path, &st);

	if (e)
		return e;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return file_err(errno, path);
	e = must_be_regular(path, &st);
	return e ? e : read_whole(fd, path, max, ret);
}

static size_t line_length(struct bytes text)
{
	const uint8_t *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	size_t n = end ? (size_t)(end - text.p) : text.n;

	return n && text.p[n - 1] == '\r' ? n - 1 : n;
}

enum inro_err file_read_secret(const char *path, struct secret *ret)
{
	AUTO(close_fd) int fd = -1;
	SCOPED(secret) s = { 0 };
	size_t have = 0, n = 1;
	enum inro_err e = open_read(path, &fd);

	if (!e)
		e = secret_new(SECRET_MAX_PIN + 2, &s);
	while (!e && n > 0 && have < s.n && !memchr(s.p, '\n', have)) {
		e = read_some(fd, path, s.p + have, s.n - have, &n);
		have += e ? 0 : n;
	}
	if (e)
		return e;
	n = line_length(BYTES(s.p, have));
	if (n > SECRET_MAX_PIN)
		return err_set(INRO_E_TOO_BIG, "%s: its first line is longer than %d bytes", path,
			       SECRET_MAX_PIN);
	return secret_copy(BYTES(s.p, n), ret);
}

enum inro_err file_sync_dir(const char *path)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? file_err(errno, path) : INRO_OK;
}

static enum inro_err sync_parent(const char *path)
{
	AUTO(free_chars) char *copy = strdup(path);

	return copy ? file_sync_dir(dirname(copy)) : INRO_E_NO_MEMORY;
}

/* What is written: all pieces of it. */
struct source {
	bytes_pull *pull;
	void *arg;
};

/* The whole at once, and then nothing. */
static enum inro_err pull_once(void *arg, struct bytes *ret)
{
	struct bytes *left = arg;

	*ret = *left;
	*left = BYTES_NONE;
	return INRO_OK;
}

static enum inro_err write_piece(int fd, const char *path, struct bytes piece)
{
	while (piece.n) {
		ssize_t n = write(fd, piece.p, piece.n);

		if (n < 0 && errno != EINTR)
			return file_err(errno, path);
		if (n > 0)
			piece = BYTES(piece.p + n, piece.n - (size_t)n);
	}
	return INRO_OK;
}

static enum inro_err write_all(int fd, const char *path, struct source from)
{
	struct bytes piece = BYTES_NONE;
	enum inro_err e;

	do {
		e = from.pull(from.arg, &piece);
		if (!e)
			e = write_piece(fd, path, piece);
	} while (!e && piece.n);
	if (e)
		return e;
	/* A pipe or a device has nothing to sync. */
	return fsync(fd) < 0 && errno != EINVAL ? file_err(errno, path) : INRO_OK;
}

/* What is new is ours. */
static struct stat of_ours(mode_t mode)
{
	return (struct stat) { .st_mode = mode, .st_uid = (uid_t)-1, .st_gid = (gid_t)-1 };
}

/* A file of our own whose mode we may not set is where none is kept: on FAT, which has that of its
 * mount. */
static int set_mode(int fd, mode_t mode)
{
	struct stat st;

	if (fchmod(fd, mode) == 0)
		return 0;
	if (errno == EPERM && fstat(fd, &st) == 0 && st.st_uid == geteuid())
		return 0;
	errno = EPERM;
	return -1;
}

/* Who may not give a file to another user may still give it to a group of his. */
static int shape(int fd, const struct stat *like)
{
	if (fchown(fd, like->st_uid, like->st_gid) != 0)
		(void)!fchown(fd, (uid_t)-1, like->st_gid);
	return set_mode(fd, like->st_mode & 07777);
}

/* template ends in XXXXXX and becomes the name; errors name the file that is meant. */
static enum inro_err write_temporary(const char *path, char *template, const struct stat *like,
				     struct source content)
{
	AUTO(close_fd) int fd = mkostemp(template, O_CLOEXEC);
	enum inro_err e;

	if (fd < 0)
		return file_err(errno, path);
	e = shape(fd, like) < 0 ? file_err(errno, path) : write_all(fd, path, content);
	if (e)
		unlink(template);
	return e;
}

/* link() is how a name is taken only if it is free; FAT, on a memory stick, has no links. */
static int take_name(const char *made, const char *path)
{
	if (link(made, path) == 0) {
		(void)unlink(made);
		return 0;
	}
	return errno == EPERM ? renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_NOREPLACE) : -1;
}

static enum inro_err take_name_synced(const char *made, const char *path, bool shared)
{
	enum inro_err e;

	if (take_name(made, path) != 0)
		return file_err(errno, path);
	e = sync_parent(path);
	if (e && !shared)
		unlink(path); /* what is told to have failed is not there */
	return e;
}

enum inro_err file_take_name(const char *made, const char *path)
{
	return take_name_synced(made, path, false);
}

enum inro_err file_take_shared_name(const char *made, const char *path)
{
	return take_name_synced(made, path, true);
}

/* Gives the temporary its name. */
static enum inro_err place(const char *temporary, const char *path, bool replace)
{
	enum inro_err e;

	if (!replace)
		e = file_take_name(temporary, path);
	else
		e = rename(temporary, path) != 0 ? file_err(errno, path) : sync_parent(path);
	if (e)
		unlink(temporary);
	return e;
}

static enum inro_err write_file(const char *path, const struct stat *like, struct source content,
				bool replace)
{
	AUTO(free_chars) char *temporary = NULL;
	enum inro_err e;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return INRO_E_NO_MEMORY;
	}
	e = write_temporary(path, temporary, like, content);
	return e ? e : place(temporary, path, replace);
}

/* A device, a pipe: what is put there is written into it, never in its place. */
static enum inro_err write_into(const char *path, struct source content)
{
	AUTO(close_fd) int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? file_err(errno, path) : write_all(fd, path, content);
}

/* The file that a name leads to over links.  Those who could read it still can. */
static enum inro_err write_over(const char *path, struct source content)
{
	AUTO(free_chars) char *file = realpath(path, NULL);
	struct stat st;

	if (!file || lstat(file, &st) != 0)
		return file_err(errno, path);
	if (!S_ISREG(st.st_mode)) /* another has put something there since it was looked at */
		return err_set(INRO_E_IO, "%s: is another file than a moment ago", path);
	return write_file(file, &st, content, true);
}

static enum inro_err write_there(const char *path, mode_t mode, struct source content)
{
	const struct stat new = of_ours(mode);
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? write_file(path, &new, content, true)
				       : file_err(errno, path);
	if (S_ISDIR(st.st_mode))
		return file_err(EISDIR, path);
	if (S_ISREG(st.st_mode))
		return write_over(path, content);
	return write_into(path, content);
}

enum inro_err file_write_pulled(const char *path, mode_t mode, bytes_pull *pull, void *arg)
{
	return write_there(path, mode, (struct source) { pull, arg });
}

static enum inro_err link_file(int fd, const char *temporary)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) == 0)
		return INRO_OK;
	return err_set(INRO_E_UNSUPPORTED, "%s: %s", temporary, strerror(errno));
}

static enum inro_err name_file(int fd, const char *path, const struct stat *like)
{
	AUTO(free_chars) char *temporary = NULL;
	uint64_t chance; /* the folder may be other machines', too */
	enum inro_err e = random_fill(&chance, sizeof chance);

	if (e)
		return e;
	if (asprintf(&temporary, "%s.%016" PRIx64 ".new", path, chance) < 0) {
		temporary = NULL;
		return INRO_E_NO_MEMORY;
	}
	if (shape(fd, like) < 0 || fsync(fd) < 0)
		return file_err(errno, path);
	e = link_file(fd, temporary);
	return e ? e : place(temporary, path, true);
}

/* The folder of a file that is there or can be made. */
static FILE *spool_beside(const char *path)
{
	AUTO(free_chars) char *real = realpath(path, NULL);
	AUTO(free_chars) char *copy = strdup(real ? real : path);
	struct stat st;
	FILE *f;
	int fd;

	if (!copy || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
		return NULL;
	fd = open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w+");
	if (fd >= 0 && !f)
		close(fd);
	return f;
}

FILE *file_spool(const char *path)
{
	FILE *f = path ? spool_beside(path) : NULL;

	return f ? f : tmpfile();
}

enum inro_err file_name_it(int fd, const char *path, mode_t mode)
{
	AUTO(free_chars) char *real = realpath(path, NULL);
	struct stat st = of_ours(S_IFREG | mode);

	if (!real && errno != ENOENT)
		return file_err(errno, path);
	if (real && stat(real, &st) != 0)
		return file_err(errno, path);
	if (!S_ISREG(st.st_mode))
		return err_set(INRO_E_UNSUPPORTED, "'%s' is no file", path);
	return name_file(fd, real ? real : path, &st);
}

struct spooled {
	FILE *from;
	uint8_t room[1 << 14];
};

static enum inro_err pull_spool(void *arg, struct bytes *ret)
{
	struct spooled *s = arg;
	size_t n = fread(s->room, 1, sizeof s->room, s->from);

	*ret = BYTES(s->room, n);
	return ferror(s->from) ? file_err(errno, "a temporary file") : INRO_OK;
}

enum inro_err file_save_spool(FILE *spool, const char *path, mode_t mode)
{
	struct spooled s = { .from = spool };
	enum inro_err e = fflush(spool) == 0 ? file_name_it(fileno(spool), path, mode) : file_err(errno, path);

	if (e != INRO_E_UNSUPPORTED)
		return e;
	rewind(spool);
	return file_write_pulled(path, mode, pull_spool, &s);
}

enum inro_err file_write(const char *path, mode_t mode, struct bytes content)
{
	return file_write_pulled(path, mode, pull_once, &content);
}

enum inro_err file_check_target(const char *path)
{
	AUTO(free_chars) char *real = realpath(path, NULL);
	AUTO(free_chars) char *copy = strdup(real ? real : path);
	struct stat st = { 0 };
	bool there = stat(path, &st) == 0; /* a pipe behind /dev/fd has no real path */

	if (!copy)
		return INRO_E_NO_MEMORY;
	if (real && !there)
		return file_err(errno, path);
	if (S_ISDIR(st.st_mode))
		return file_err(EISDIR, path);
	if (there && !S_ISREG(st.st_mode))
		return access(path, W_OK) != 0 ? file_err(errno, path) : INRO_OK;
	return access(dirname(copy), W_OK | X_OK) != 0 ? file_err(errno, path) : INRO_OK;
}

enum inro_err file_write_new(const char *path, mode_t mode, struct bytes content)
{
	const struct stat new = of_ours(mode);

	return write_file(path, &new, (struct source) { pull_once, &content }, false);
}

void file_give_fd(int fd, int dir)
{
	struct stat made, folder;

	if (geteuid() != 0 || fstat(fd, &made) != 0 || fstat(dir, &folder) != 0)
		return;
	if (made.st_uid != 0 || folder.st_uid == 0 || (S_ISREG(made.st_mode) && made.st_nlink != 1))
		return;
	(void)!fchown(fd, folder.st_uid, folder.st_gid);
}

void file_give(const char *path)
{
	static const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	AUTO(free_chars) char *copy = strdup(path);
	AUTO(close_fd) int fd = -1;
	AUTO(close_fd) int dir = -1;

	if (geteuid() != 0 || !copy)
		return;
	fd = open(path, flags);
	dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && dir >= 0)
		file_give_fd(fd, dir);
}

static enum inro_err make_one_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) == 0) {
		file_give(path);
		return sync_parent(path);
	}
	if (errno == EEXIST && stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? INRO_OK : file_err(ENOTDIR, path);
	return file_err(errno, path);
}

enum inro_err file_make_dir(const char *path)
{
	AUTO(free_chars) char *part = strdup(path);
	struct stat st;
	enum inro_err e = INRO_OK;

	if (!part)
		return INRO_E_NO_MEMORY;
	for (char *p = part + 1; !e && *part && (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (stat(part, &st) != 0)
			e = make_one_dir(part);
		*p = '/';
	}
	return e ? e : make_one_dir(path);
}

static enum inro_err wait_for_lock(int fd, const char *path, int timeout_ms)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t end = clock_monotonic_ms() + timeout_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return file_err(errno, path);
		if (clock_monotonic_ms() >= end)
			return err_set(INRO_E_BUSY, "%s: locked by another process; try again",
				       path);
		nanosleep(&pause, NULL);
	}
	return INRO_OK;
}

enum inro_err file_lock(const char *path, int timeout_ms, int *ret_fd)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	enum inro_err e = fd < 0 ? file_err(errno, path) : wait_for_lock(fd, path, timeout_ms);

	if (!e)
		file_give(path);
	if (e)
		close_fd(&fd);
	else
		*ret_fd = fd;
	return e;
}
