#include "tpm/token/pin_note.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/homedir.h"
#include "base/own.h"
#include "base/secret.h"

#define FRONT	   "pin-"
#define MAX_NOTE   8192 /* a path is in it */
#define HALF_AFTER 60 /* seconds after which a note that is not whole is nobody's */

/* Of this process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stray *mine;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
	(void)pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
	(void)pthread_mutex_unlock(&lock);
}

/* A note of a parent that is killed would be locked as long as any child lives. */
static void after_fork_in_child(void)
{
	lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for (struct stray *s = mine; s; s = s->next)
		close_fd(&s->fd);
}

static void watch_fork(void)
{
	(void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static enum inro_err folder(bool make, char **ret)
{
	AUTO(free_chars) char *home = NULL;
	AUTO(free_chars) char *dir = NULL;
	enum inro_err e = homedir(make, &home);

	if (e)
		return e;
	dir = file_join(home, "tpm");
	e = !dir ? INRO_E_NO_MEMORY : make ? file_make_dir(dir) : INRO_OK;
	if (e)
		return e;
	*ret = dir;
	dir = NULL;
	return INRO_OK;
}

static void free_one(struct stray *s)
{
	if (!s)
		return;
	close_fd(&s->fd);
	free(s->path);
	free(s);
}

static void free_stray(struct stray **s)
{
	free_one(*s);
}

void stray_free(struct stray *s)
{
	while (s) {
		struct stray *next = s->next;

		free_one(s);
		s = next;
	}
}

void stray_settle(struct stray *s)
{
	unlink(s->path);
}

static struct stray *stray_new(const char *dir, const char *name)
{
	struct stray *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->fd = -1;
	s->path = file_join(dir, name);
	if (s->path)
		return s;
	free(s);
	return NULL;
}

/* ---- writing ---- */

static enum inro_err write_note(const struct stray *s, struct bytes tcti, const char *dir)
{
	AUTO(free_chars) char *place = realpath(dir, NULL);
	SCOPED(buf) text = { 0 };
	struct stat st;
	enum inro_err e;

	if (!place || fstat(s->fd, &st) != 0)
		return file_err(errno, s->path);
	buf_add_field(&text, tcti);
	buf_add_field(&text, BYTES(s->policy.buffer, s->policy.size));
	buf_add_u64(&text, st.st_ino);
	buf_add_field(&text, bytes_of(place));
	e = buf_err(&text);
	if (e)
		return e;
	errno = EIO; /* what is short has no other reason */
	return write(s->fd, text.p, text.n) == (ssize_t)text.n && fsync(s->fd) == 0
		       ? INRO_OK
		       : file_err(errno, s->path);
}

static enum inro_err make_file(struct stray *s, struct bytes tcti, const char *dir)
{
	enum inro_err e;

	s->fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0 || flock(s->fd, LOCK_EX) < 0)
		return file_err(errno, s->path);
	file_give(s->path);
	e = write_note(s, tcti, dir);
	return e ? e : file_sync_dir(dir);
}

enum inro_err pin_note_begin(struct bytes tcti, const TPM2B_DIGEST *policy)
{
	AUTO(free_chars) char *dir = NULL;
	AUTO(free_stray) struct stray *s = NULL;
	char name[sizeof FRONT + 16];
	uint64_t unique;
	enum inro_err e = folder(true, &dir);

	if (!e)
		e = random_fill(&unique, sizeof unique);
	if (e)
		return e;
	snprintf(name, sizeof name, FRONT "%016llx", (unsigned long long)unique);
	s = stray_new(dir, name);
	if (!s)
		return INRO_E_NO_MEMORY;
	s->policy = *policy;
	e = make_file(s, tcti, dir);
	if (e) {
		unlink(s->path);
		return e;
	}
	(void)pthread_once(&once, watch_fork);
	pthread_mutex_lock(&lock);
	s->next = mine;
	mine = s;
	pthread_mutex_unlock(&lock);
	s = NULL;
	return INRO_OK;
}

static bool same(const TPM2B_DIGEST *a, const TPM2B_DIGEST *b)
{
	return bytes_equal(BYTES(a->buffer, a->size), BYTES(b->buffer, b->size));
}

static struct stray *take_mine(const TPM2B_DIGEST *policy)
{
	struct stray **at, *found;

	pthread_mutex_lock(&lock);
	for (at = &mine; *at && !same(&(*at)->policy, policy);)
		at = &(*at)->next;
	found = *at;
	if (found)
		*at = found->next;
	pthread_mutex_unlock(&lock);
	return found;
}

void pin_note_end(const TPM2B_DIGEST *policy, bool settled)
{
	AUTO(free_stray) struct stray *s = take_mine(policy);

	if (s && settled)
		stray_settle(s);
}

/* ---- reading ---- */

struct note {
	struct bytes tcti, policy;
	uint64_t file;
	struct bytes place;
};

static bool is_whole(struct bytes in, struct note *ret)
{
	return !read_field(&in, &ret->tcti) && !read_field(&in, &ret->policy) &&
	       !read_u64(&in, &ret->file) && !read_field(&in, &ret->place) && in.n == 0 &&
	       ret->policy.n > 0 && ret->policy.n <= sizeof(TPMU_HA);
}

/* A copy (of the whole home, say, or in a snapshot of its disk) nobody has locked, though its maker
 * may live, and what is made of it is recorded where the copy is not. */
static bool read_note(struct stray *s, struct bytes tcti, const char *place)
{
	uint8_t room[MAX_NOTE];
	ssize_t n = pread(s->fd, room, sizeof room, 0);
	struct note note;
	struct stat st;

	if (fstat(s->fd, &st) != 0)
		return false;
	if (!is_whole(BYTES(room, n > 0 ? (size_t)n : 0), &note)) {
		if (time(NULL) - st.st_mtime > HALF_AFTER)
			stray_settle(s);
		return false;
	}
	s->policy.size = (uint16_t)note.policy.n;
	memcpy(s->policy.buffer, note.policy.p, note.policy.n);
	return note.file == st.st_ino && bytes_equal(note.place, bytes_of(place)) &&
	       bytes_equal(note.tcti, tcti);
}

/* The name is looked at again: who had the lock may have settled it. */
static bool claim(struct stray *s)
{
	struct stat st;

	s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return s->fd >= 0 && flock(s->fd, LOCK_EX | LOCK_NB) == 0 && fstat(s->fd, &st) == 0 &&
	       S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static void look_at(const char *dir, const char *name, struct bytes tcti, struct stray **list)
{
	AUTO(free_stray) struct stray *s = NULL;

	if (strncmp(name, FRONT, strlen(FRONT)) != 0)
		return;
	s = stray_new(dir, name);
	if (!s || !claim(s) || !read_note(s, tcti, dir))
		return;
	s->next = *list;
	*list = s;
	s = NULL;
}

struct stray *pin_note_strays(struct bytes tcti)
{
	AUTO(free_chars) char *dir = NULL;
	SCOPED(err_kept) kept = err_keep();
	struct stray *list = NULL;
	const struct dirent *entry;
	AUTO(free_chars) char *place = folder(false, &dir) ? NULL : realpath(dir, NULL);
	DIR *d = place ? opendir(place) : NULL;

	while (d && (entry = readdir(d)) != NULL)
		look_at(place, entry->d_name, tcti, &list);
	if (d)
		closedir(d);
	return list;
}
