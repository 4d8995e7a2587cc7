/*
 * fork - opens files so that a forked child holds locks of its own.
 *
 * SQLite keeps one record of locks a process for each file, found by device and inode, because
 * POSIX locks belong to the process.  A child inherits the record but not the locks: a connection
 * that it opens would rely on locks nobody holds, and another program that closes the store as the
 * last one would remove the log with the child's commits in it.
 *
 * 1. In a process that did not open the first store itself, our files show a device number of
 *    their own while SQLite opens them, so that it begins a new record.
 * 2. Nobody else's files are touched: the change applies to the thread and the moment of our open.
 * 3. struct stat is SQLite's, not ours: on ARMv7 ours may be longer, so this file is compiled for times
 *    as the libraries have them.
 */
#include "base/db/internal.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/forkgate.h"

static _Atomic pid_t first; /* the process that opened the first store */

static __thread pid_t opening_for; /* 0 outside our open, and in that process */

static int marked_fstat(int fd, struct stat *st)
{
	int rc = fstat(fd, st);

	if (rc == 0)
		st->st_dev ^= (dev_t)opening_for << 32;
	return rc;
}

/* No lock: another thread of the parent may have held it when this process was forked. */
static pid_t mark(void)
{
	pid_t me = getpid();
	pid_t nobody = 0;
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	if (atomic_compare_exchange_strong(&first, &nobody, me) || nobody == me || !vfs)
		return 0;
	vfs->xSetSystemCall(vfs, "fstat", (sqlite3_syscall_ptr)marked_fstat);
	return me;
}

int db_connect(const char *path, int flags, sqlite3 **ret)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	int rc;

	opening_for = mark();
	rc = sqlite3_open_v2(path, ret, flags, "unix");
	opening_for = 0;
	return rc;
}
