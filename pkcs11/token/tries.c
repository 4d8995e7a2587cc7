#include "pkcs11/token/tries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"

#define WAIT_MS 60000

static enum inro_err wait_for(int lock, int kind)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t end = clock_monotonic_ms() + WAIT_MS;

	while (flock(lock, kind | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return file_err(errno, "the lock of a token's PIN");
		if (clock_monotonic_ms() >= end)
			return err_set(INRO_E_BUSY, "too many programs are logging in at once; try "
						    "again");
		nanosleep(&pause, NULL);
	}
	return INRO_OK;
}

enum inro_err tries_enter(const char *home, CK_SLOT_ID slot, bool alone, int *ret_lock)
{
	AUTO(free_chars) char *token = NULL;
	AUTO(free_chars) char *path = NULL;
	AUTO(close_fd) int lock = -1;
	enum inro_err e = home_path(home, slot, &token);

	if (e)
		return e;
	if (asprintf(&path, "%s" HOME_TRIES, token) < 0) {
		path = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return home_err(errno, path);
	file_give(path);
	e = wait_for(lock, alone ? LOCK_EX : LOCK_SH);
	if (e)
		return e;
	*ret_lock = lock;
	lock = -1;
	return INRO_OK;
}

enum inro_err tries_alone(int lock)
{
	return wait_for(lock, LOCK_EX);
}

void tries_leave(int *lock)
{
	if (*lock >= 0)
		(void)flock(*lock, LOCK_UN);
	close_fd(lock);
}
