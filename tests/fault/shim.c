/* shim - the calls that can be made to fail; each counts, then goes on to the real one. */
#include "tests/fault/shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static _Thread_local struct {
	enum fault_kind kind;
	unsigned left;
	bool on, hit;
} armed;

EXPORT void fault_arm(enum fault_kind kind, unsigned n, bool on)
{
	armed.kind = kind;
	armed.left = n;
	armed.on = on;
	armed.hit = false;
}

EXPORT bool fault_disarm(void)
{
	armed.kind = FAULT_NONE;
	return armed.hit;
}

static bool fails(enum fault_kind kind)
{
	if (armed.kind != kind)
		return false;
	if (armed.left > 1) {
		armed.left--;
		return false;
	}
	if (armed.hit && !armed.on)
		return false;
	armed.hit = true;
	return true;
}

static bool refused(enum fault_kind kind, int error)
{
	if (!fails(kind))
		return false;
	errno = error;
	return true;
}

static bool write_refused(void)
{
	return refused(FAULT_WRITE, EIO) || refused(FAULT_FULL, ENOSPC);
}

/* The C library's own, found once; dlsym() gives a pointer to no particular type. */
#define REAL(type, name)                                                                           \
	static type *real;                                                                         \
	if (!real) {                                                                               \
		void *found = dlsym(RTLD_NEXT, name);                                              \
		memcpy(&real, &found, sizeof real);                                                \
	}

EXPORT void *malloc(size_t n)
{
	return refused(FAULT_MALLOC, ENOMEM) ? NULL : __libc_malloc(n);
}

EXPORT void *calloc(size_t n, size_t size)
{
	return refused(FAULT_MALLOC, ENOMEM) ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t n)
{
	return refused(FAULT_MALLOC, ENOMEM) ? NULL : __libc_realloc(p, n);
}

typedef ssize_t write_fn(int, const void *, size_t);
typedef ssize_t pwrite_fn(int, const void *, size_t, off_t);
typedef int truncate_fn(int, off_t);
typedef int allocate_fn(int, off_t, off_t);
typedef int fd_fn(int);
typedef int open_fn(const char *, int, ...);
typedef int openat_fn(int, const char *, int, ...);
typedef int renameat_fn(int, const char *, int, const char *);
typedef int path_fn(const char *);
typedef int two_paths_fn(const char *, const char *);

EXPORT ssize_t write(int fd, const void *p, size_t n)
{
	REAL(write_fn, "write");
	return write_refused() ? -1 : real(fd, p, n);
}

/* A full disk takes the first half. */
static ssize_t half(pwrite_fn *real, int fd, const void *p, size_t n, off_t at)
{
	if (armed.kind == FAULT_FULL && n > 1)
		(void)!real(fd, p, n / 2, at);
	errno = armed.kind == FAULT_FULL ? ENOSPC : EIO;
	return -1;
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	REAL(pwrite_fn, "pwrite");
	return write_refused() ? half(real, fd, p, n, at) : real(fd, p, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	REAL(pwrite_fn, "pwrite64");
	return write_refused() ? half(real, fd, p, n, at) : real(fd, p, n, at);
}

EXPORT int ftruncate(int fd, off_t n)
{
	REAL(truncate_fn, "ftruncate");
	return write_refused() ? -1 : real(fd, n);
}

EXPORT int ftruncate64(int fd, off_t n)
{
	REAL(truncate_fn, "ftruncate64");
	return write_refused() ? -1 : real(fd, n);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t n)
{
	REAL(allocate_fn, "posix_fallocate");
	return write_refused() ? errno : real(fd, at, n);
}

EXPORT int fsync(int fd)
{
	REAL(fd_fn, "fsync");
	return refused(FAULT_SYNC, EIO) ? -1 : real(fd);
}

EXPORT int fdatasync(int fd)
{
	REAL(fd_fn, "fdatasync");
	return refused(FAULT_SYNC, EIO) ? -1 : real(fd);
}

static unsigned mode_of(int flags, va_list rest)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, unsigned) : 0;
}

EXPORT int open(const char *path, int flags, ...)
{
	REAL(open_fn, "open");
	va_list rest;

	va_start(rest, flags);
	unsigned mode = mode_of(flags, rest);

	va_end(rest);
	return refused(FAULT_OPEN, EMFILE) ? -1 : real(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	REAL(open_fn, "open64");
	va_list rest;

	va_start(rest, flags);
	unsigned mode = mode_of(flags, rest);

	va_end(rest);
	return refused(FAULT_OPEN, EMFILE) ? -1 : real(path, flags, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	REAL(openat_fn, "openat");
	va_list rest;

	va_start(rest, flags);
	unsigned mode = mode_of(flags, rest);

	va_end(rest);
	return refused(FAULT_OPEN, EMFILE) ? -1 : real(dir, path, flags, mode);
}

EXPORT int rename(const char *from, const char *to)
{
	REAL(two_paths_fn, "rename");
	return refused(FAULT_RENAME, EIO) ? -1 : real(from, to);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	REAL(renameat_fn, "renameat");
	return refused(FAULT_RENAME, EIO) ? -1 : real(from_dir, from, to_dir, to);
}

EXPORT int link(const char *from, const char *to)
{
	REAL(two_paths_fn, "link");
	return refused(FAULT_RENAME, EIO) ? -1 : real(from, to);
}

EXPORT int unlink(const char *path)
{
	REAL(path_fn, "unlink");
	return refused(FAULT_RENAME, EIO) ? -1 : real(path);
}
