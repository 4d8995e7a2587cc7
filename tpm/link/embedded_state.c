/* embedded_state - one file that is always whole, under a lock between processes. */
#include "tpm/link/embedded_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tpm/wire/crypt.h"

#define STATE	 "state"
#define NEW	 "state.new"
#define LOCK	 "lock"
#define QUEUE	 "queue"
#define VERSION	 1
#define MAGIC_N	 8
#define SUM_N	 32
#define HEADER_N (MAGIC_N + 4 + 4 + SUM_N)
#define MAX_N	 (1u << 20)

/* A turn of another process is over in microseconds, or after the making of an RSA key. */
#define FIRST_PAUSE_NS 20000
#define LAST_PAUSE_NS  300000
#define QUEUE_EVERY_MS 3

static const uint8_t magic[MAGIC_N] = { 'I', 'N', 'R', 'O', '-', 'T', 'P', 'M' };

enum inro_err state_init(const char *home, struct state *ret)
{
	struct state s = STATE_NONE;

	s.dir = file_join(home, "tpm");
	if (!s.dir)
		return INRO_E_NO_MEMORY;
	*ret = s;
	return INRO_OK;
}

static void close_all(struct state *s)
{
	close_fd(&s->known_fd);
	close_fd(&s->lock_fd);
	close_fd(&s->queue_fd);
	close_fd(&s->dir_fd);
}

void state_clear(struct state *s)
{
	close_all(s);
	free(s->dir);
	*s = STATE_NONE;
}

static enum inro_err failed(const struct state *s, const char *name)
{
	int err = errno;

	return err_set(file_err_code(err), "%s/%s: %s", s->dir, name, strerror(err));
}

static enum inro_err open_file(struct state *s, const char *name, int *ret_fd)
{
	*ret_fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*ret_fd < 0)
		return failed(s, name);
	file_give_fd(*ret_fd, s->dir_fd);
	return INRO_OK;
}

static enum inro_err open_locks(struct state *s)
{
	enum inro_err e = file_make_dir(s->dir);

	if (e)
		return err_context(e, "the embedded TPM's folder");
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return failed(s, ".");
	e = open_file(s, LOCK, &s->lock_fd);
	return e ? e : open_file(s, QUEUE, &s->queue_fd);
}

static enum inro_err wait_for(const struct state *s, int fd, int64_t end)
{
	struct timespec pause = { .tv_nsec = FIRST_PAUSE_NS };

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return failed(s, LOCK);
		if (clock_monotonic_ms() >= end)
			return err_set(INRO_E_BUSY,
				       "%s: other processes have the embedded TPM and keep it; try "
				       "again",
				       s->dir);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < LAST_PAUSE_NS)
			pause.tv_nsec *= 2;
	}
	return INRO_OK;
}

static enum inro_err stand_in_queue(struct state *s, int timeout_ms)
{
	int64_t end = clock_monotonic_ms() + timeout_ms;
	enum inro_err e = wait_for(s, s->queue_fd, end);

	if (e)
		return e;
	e = wait_for(s, s->lock_fd, end);
	(void)flock(s->queue_fd, LOCK_UN);
	s->queued_ms = clock_monotonic_ms();
	return e;
}

/* The hot path of who is alone: past the queue. */
static bool just_lock(const struct state *s)
{
	return clock_monotonic_ms() - s->queued_ms < QUEUE_EVERY_MS &&
	       flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0;
}

/* A lock file that was deleted locks nobody out. */
static bool lock_is_there(const struct state *s)
{
	struct stat st;

	return fstat(s->lock_fd, &st) == 0 && st.st_nlink > 0;
}

static enum inro_err lock_once(struct state *s, int timeout_ms)
{
	enum inro_err e = s->queue_fd < 0 ? open_locks(s) : INRO_OK;

	if (e || just_lock(s))
		return e;
	return stand_in_queue(s, timeout_ms);
}

enum inro_err state_lock(struct state *s, int timeout_ms)
{
	enum inro_err e = lock_once(s, timeout_ms);

	if (!e && !lock_is_there(s)) {
		close_all(s);
		e = lock_once(s, timeout_ms);
	}
	if (e)
		close_all(s);
	return e;
}

void state_unlock(struct state *s)
{
	/* By name, not by close(): a child that was forked in the middle has the descriptor too. */
	if (s->lock_fd >= 0)
		(void)flock(s->lock_fd, LOCK_UN);
}

void state_drop_lock(struct state *s)
{
	close_fd(&s->queue_fd);
	close_fd(&s->lock_fd);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_nlink == b->st_nlink && a->st_size == b->st_size &&
	       same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

/* One that another has taken the place of has lost its name. */
bool state_is_known(const struct state *s)
{
	struct stat st;

	return s->known_fd >= 0 && fstat(s->known_fd, &st) == 0 && same_file(&st, &s->known);
}

/* From now on this file, of which the descriptor is kept, is what is in memory. */
static enum inro_err know(struct state *s, int *fd)
{
	close_fd(&s->known_fd);
	if (fstat(*fd, &s->known) < 0)
		return failed(s, STATE);
	s->known_fd = *fd;
	*fd = -1;
	return INRO_OK;
}

static enum inro_err damaged(const struct state *s, const char *how)
{
	return err_set(INRO_E_DAMAGED,
		       "%s/" STATE ": the embedded TPM's state is damaged (%s) and was left as it "
		       "is: put a copy of it back, or move it away for a new TPM without any keys",
		       s->dir, how);
}

static enum inro_err later_version(const struct state *s)
{
	return err_set(INRO_E_VERSION,
		       "%s/" STATE ": the embedded TPM's state was written by a later version of "
		       "this program",
		       s->dir);
}

/* Over the header's fields before the checksum, and the content. */
static enum inro_err checksum(struct bytes fields, struct bytes content, TPM2B_DIGEST *ret)
{
	return crypt_hash(TPM2_ALG_SHA256, (struct bytes[]) { fields, content }, 2, ret);
}

static enum inro_err check_sum(const struct state *s, struct bytes fields, struct bytes sum,
			       struct bytes content)
{
	TPM2B_DIGEST is;
	enum inro_err e = checksum(fields, content, &is);

	if (e)
		return e;
	return bytes_equal(BYTES(is.buffer, is.size), sum) ? INRO_OK : damaged(s, "its checksum");
}

static enum inro_err check_content(const struct state *s, struct bytes file, struct bytes *ret)
{
	struct bytes rest = file, name, sum;
	uint32_t version, n;

	if (read_bytes(&rest, MAGIC_N, &name) || read_u32(&rest, &version) || read_u32(&rest, &n) ||
	    read_bytes(&rest, SUM_N, &sum))
		return damaged(s, "too short");
	if (!bytes_equal(name, BYTES(magic, MAGIC_N)))
		return damaged(s, "not such a file");
	if (version > VERSION)
		return later_version(s);
	if (n != rest.n)
		return damaged(s, "its length");
	*ret = rest;
	return check_sum(s, BYTES(file.p, HEADER_N - SUM_N), sum, rest);
}

static enum inro_err read_all(const struct state *s, int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno != EINTR)
			return failed(s, STATE);
		if (got == 0)
			return damaged(s, "it shrank while it was read");
		p += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return INRO_OK;
}

static enum inro_err read_file(const struct state *s, int fd, struct buf *ret)
{
	struct stat st;
	uint8_t *p;

	if (fstat(fd, &st) < 0)
		return failed(s, STATE);
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_N)
		return damaged(s, "not such a file");
	if (st.st_size == 0)
		return damaged(s, "empty");
	p = buf_extend(ret, (size_t)st.st_size);
	return p ? read_all(s, fd, p, (size_t)st.st_size) : buf_err(ret);
}

enum inro_err state_read(struct state *s, struct buf *ret)
{
	AUTO(close_fd)
	int fd = openat(s->dir_fd, STATE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	SCOPED(buf) file = { .secret = true };
	struct bytes content;
	enum inro_err e;

	close_fd(&s->known_fd);
	if (fd < 0)
		return failed(s, STATE);
	e = read_file(s, fd, &file);
	if (!e)
		e = check_content(s, buf_bytes(&file), &content);
	if (e)
		return e;
	buf_add(ret, content);
	e = buf_err(ret);
	return e ? e : know(s, &fd);
}

static enum inro_err write_all(const struct state *s, int fd, struct bytes x)
{
	while (x.n > 0) {
		ssize_t n = write(fd, x.p, x.n);

		if (n < 0 && errno != EINTR)
			return failed(s, STATE);
		if (n > 0)
			x = BYTES(x.p + n, x.n - (size_t)n);
	}
	return fsync(fd) < 0 ? failed(s, STATE) : INRO_OK;
}

static enum inro_err with_header(struct bytes content, struct buf *ret)
{
	TPM2B_DIGEST sum;
	enum inro_err e;

	buf_add(ret, BYTES(magic, MAGIC_N));
	buf_add_u32(ret, VERSION);
	buf_add_u32(ret, (uint32_t)content.n);
	e = buf_err(ret);
	if (!e)
		e = checksum(buf_bytes(ret), content, &sum);
	if (e)
		return e;
	buf_add(ret, BYTES(sum.buffer, sum.size));
	buf_add(ret, content);
	return buf_err(ret);
}

static enum inro_err replace(const struct state *s)
{
	if (renameat(s->dir_fd, NEW, s->dir_fd, STATE) < 0)
		return failed(s, STATE);
	return fsync(s->dir_fd) < 0 ? failed(s, ".") : INRO_OK;
}

enum inro_err state_write(struct state *s, struct bytes content)
{
	static const int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	SCOPED(buf) file = { .secret = true };
	AUTO(close_fd) int fd = -1;
	enum inro_err e = with_header(content, &file);

	if (e)
		return e;
	fd = openat(s->dir_fd, NEW, flags, 0600);
	if (fd < 0 && errno == ENOENT)
		return err_set(INRO_E_IO, "%s: the folder was taken away", s->dir);
	if (fd < 0)
		return failed(s, NEW);
	file_give_fd(fd, s->dir_fd);
	e = write_all(s, fd, buf_bytes(&file));
	if (!e)
		e = replace(s);
	if (e)
		(void)unlinkat(s->dir_fd, NEW, 0); /* a full disk wants the room */
	return e ? e : know(s, &fd);
}
