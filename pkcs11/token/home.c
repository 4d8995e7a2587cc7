/* home - reading, making and removing the files of tokens. */
#include "pkcs11/token/home.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "pkcs11/token/settings.h"

#define SUFFIX	    ".token"
#define MAKING	    ".new-"
#define LIFE	    "-life-" /* behind a token's name: how often it was initialised anew */
#define SLOT_DIGITS 6
#define SLOT_MAX    999999
#define LOCK_MS	    10000

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static enum inro_err folder(const char *home, char **ret)
{
	*ret = file_join(home, "tokens");
	return *ret ? INRO_OK : INRO_E_NO_MEMORY;
}

bool home_slot_ok(CK_SLOT_ID slot)
{
	return slot > 0 && slot <= SLOT_MAX;
}

/* 0 when the name is not that of a token's file. */
static CK_SLOT_ID slot_of_name(const char *name)
{
	CK_SLOT_ID slot = 0;

	for (int i = 0; i < SLOT_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		slot = slot * 10 + (CK_SLOT_ID)(name[i] - '0');
	}
	return strcmp(name + SLOT_DIGITS, SUFFIX) == 0 ? slot : 0;
}

static enum inro_err path_in(const char *dir, CK_SLOT_ID slot, char **ret)
{
	if (asprintf(ret, "%s/%0*lu" SUFFIX, dir, SLOT_DIGITS, slot) < 0) {
		*ret = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	return INRO_OK;
}

enum inro_err home_path(const char *home, CK_SLOT_ID slot, char **ret)
{
	AUTO(free_chars) char *dir = NULL;
	enum inro_err e = folder(home, &dir);

	return e ? e : path_in(dir, slot, ret);
}

bool home_has(const char *home, CK_SLOT_ID slot)
{
	AUTO(free_chars) char *path = NULL;

	return home_slot_ok(slot) && !home_path(home, slot, &path) && access(path, F_OK) == 0;
}

void home_slots_clear(struct home_slots *s)
{
	free(s->ids);
	free(s->lives);
	*s = (struct home_slots) { 0 };
}

static enum inro_err add_slot(struct home_slots *s, CK_SLOT_ID slot)
{
	if ((s->n & (s->n + 1)) == 0) { /* 0, 1, 3, 7 ...: room for as many again */
		CK_SLOT_ID *more = realloc(s->ids, (s->n * 2 + 1) * sizeof *more);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu slots", s->n);
		s->ids = more;
	}
	s->ids[s->n++] = slot;
	return INRO_OK;
}

/* malloc(0) may give NULL. */
static void *copy_of(const void *p, size_t n)
{
	void *copy = malloc(n + 1);

	if (copy && n > 0)
		memcpy(copy, p, n);
	return copy;
}

enum inro_err home_slots_copy(const struct home_slots *s, struct home_slots *ret)
{
	SCOPED(home_slots) copy = { .n = s->n, .empty = s->empty, .n_lives = s->n_lives };

	copy.ids = copy_of(s->ids, s->n * sizeof *s->ids);
	copy.lives = copy_of(s->lives, s->n_lives * sizeof *s->lives);
	if (!copy.ids || !copy.lives)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu slots", s->n);
	*ret = copy;
	copy = (struct home_slots) { 0 };
	return INRO_OK;
}

static int by_slot(const void *a, const void *b)
{
	CK_SLOT_ID x = ((const struct home_life *)a)->slot, y = ((const struct home_life *)b)->slot;

	return (x > y) - (x < y);
}

unsigned home_life(const struct home_slots *s, size_t i)
{
	struct home_life wanted = { .slot = s->ids[i] };
	const struct home_life *found =
		s->n_lives ? bsearch(&wanted, s->lives, s->n_lives, sizeof *s->lives, by_slot)
			   : NULL;

	return found ? found->life : 0;
}

static enum inro_err add_life(struct home_slots *s, const char *name)
{
	char token[SLOT_DIGITS + sizeof SUFFIX];
	size_t front = sizeof token - 1 + strlen(LIFE);

	if (strlen(name) <= front || strncmp(name + sizeof token - 1, LIFE, strlen(LIFE)) != 0)
		return INRO_OK;
	memcpy(token, name, sizeof token - 1);
	token[sizeof token - 1] = '\0';
	struct home_life one = { .slot = slot_of_name(token),
				 .life = (unsigned)strtoul(name + front, NULL, 10) };

	if (one.slot == 0)
		return INRO_OK;
	struct home_life *more = realloc(s->lives, (s->n_lives + 1) * sizeof *more);

	if (!more)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu slots", s->n_lives);
	s->lives = more;
	more[s->n_lives++] = one;
	return INRO_OK;
}

/* The highest of a slot counts: one who was killed has left two. */
static void sort_lives(struct home_slots *s)
{
	size_t n = 1;

	qsort(s->lives, s->n_lives, sizeof *s->lives, by_slot);
	for (size_t i = 1; i < s->n_lives; i++) {
		struct home_life *last = &s->lives[n - 1], one = s->lives[i];

		if (one.slot != last->slot)
			s->lives[n++] = one;
		else if (one.life > last->life)
			last->life = one.life;
	}
	s->n_lives = n;
}

void home_note_life(const char *home, CK_SLOT_ID slot, unsigned life)
{
	AUTO(free_chars) char *path = NULL;
	AUTO(free_chars) char *name = NULL;
	AUTO(free_chars) char *before = NULL;

	if (home_path(home, slot, &path))
		return;
	if (asprintf(&name, "%s" LIFE "%u", path, life) < 0)
		name = NULL;
	if (asprintf(&before, "%s" LIFE "%u", path, life - 1) < 0)
		before = NULL;
	if (!name || mknod(name, S_IFREG | 0600, 0) != 0)
		return;
	file_give(name);
	if (before)
		unlink(before);
}

static int ascending(const void *a, const void *b)
{
	CK_SLOT_ID x = *(const CK_SLOT_ID *)a, y = *(const CK_SLOT_ID *)b;

	return (x > y) - (x < y);
}

void home_slots_sort(struct home_slots *s)
{
	if (s->n > 0)
		qsort(s->ids, s->n, sizeof *s->ids, ascending);
}

/* The highest slot id of a removed token. */
static enum inro_err last_removed(const char *dir, CK_SLOT_ID *ret)
{
	AUTO(free_chars) char *path = file_join(dir, "last");
	SCOPED(buf) text = { 0 };
	CK_SLOT_ID slot = 0;

	*ret = 0;
	if (!path)
		return INRO_E_NO_MEMORY;
	enum inro_err e = file_read(path, SLOT_DIGITS + 1, &text);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	for (size_t i = 0; !e && i < text.n && text.p[i] != '\n'; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return err_set(INRO_E_DAMAGED, "%s: not a number", path);
		slot = slot * 10 + (CK_SLOT_ID)(text.p[i] - '0');
	}
	*ret = slot;
	return e;
}

enum inro_err home_err(int err, const char *path)
{
	if (err != EACCES)
		return file_err(err, path);
	return err_set(INRO_E_CONFIG,
		       "%s can't be read by user %u: the folder of the tokens and all in it must "
		       "belong to the user that the program runs as (chown -R)",
		       path, (unsigned)geteuid());
}

static enum inro_err read_names(const char *dir, struct home_slots *s)
{
	AUTO(close_dir) DIR *d = opendir(dir);
	const struct dirent *entry;
	enum inro_err e = INRO_OK;

	if (!d)
		return errno == ENOENT ? INRO_OK : home_err(errno, dir);
	for (errno = 0; !e && (entry = readdir(d)) != NULL; errno = 0) {
		CK_SLOT_ID slot = slot_of_name(entry->d_name);

		e = slot != 0 ? add_slot(s, slot) : add_life(s, entry->d_name);
	}
	return e || errno == 0 ? e : home_err(errno, dir); /* half a folder is none */
}

enum inro_err home_list(const char *home, struct home_slots *ret)
{
	AUTO(free_chars) char *dir = NULL;
	SCOPED(home_slots) s = { 0 };
	CK_SLOT_ID last = 0;
	enum inro_err e = folder(home, &dir);

	if (!e)
		e = read_names(dir, &s);
	if (!e)
		e = last_removed(dir, &last);
	if (e)
		return e;
	home_slots_sort(&s);
	if (s.n > 0 && s.ids[s.n - 1] > last)
		last = s.ids[s.n - 1];
	if (s.n_lives > 0)
		sort_lives(&s);
	s.empty = last + 1;
	*ret = s;
	s = (struct home_slots) { 0 };
	return INRO_OK;
}

/* What a finished file has beside it would not come along when it gets its name. */
static enum inro_err check_alone(const char *made)
{
	AUTO(free_chars) char *wal = NULL;

	if (asprintf(&wal, "%s-wal", made) < 0) {
		wal = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	return access(wal, F_OK) == 0
		       ? err_set(INRO_E_IO, "%s: the new token could not be written into one file",
				 made)
		       : INRO_OK;
}

/* A file that got its name has no other any more. */
static bool is_named(const char *made)
{
	return access(made, F_OK) != 0 && errno == ENOENT;
}

/* Gives the finished file its name; only one maker gets it.  From then on any program may log in
 * there and make keys: it keeps the name when only the folder can't be synced. */
static enum inro_err take_slot(const char *dir, const char *made, CK_SLOT_ID slot)
{
	AUTO(free_chars) char *path = NULL;

	if (!home_slot_ok(slot))
		return err_set(INRO_E_FULL, "no slot is left in %s", dir);
	enum inro_err e = path_in(dir, slot, &path);

	if (!e)
		e = file_take_shared_name(made, path);
	return e && is_named(made)
		       ? err_context(e, "the token is there, in slot %lu, but may not outlast a power cut",
				     slot)
		       : e;
}

static enum inro_err take_next_slot(const char *home, const char *dir, const char *made,
				    CK_SLOT_ID *slot)
{
	enum inro_err e = INRO_E_EXISTS;

	while (e == INRO_E_EXISTS) {
		SCOPED(home_slots) s = { 0 };

		e = home_list(home, &s);
		if (e)
			return e;
		*slot = s.empty;
		e = take_slot(dir, made, s.empty);
	}
	return e;
}

static enum inro_err temporary_name(const char *dir, char **ret)
{
	uint64_t unique;
	enum inro_err e = random_fill(&unique, sizeof unique);

	if (e)
		return e;
	if (asprintf(ret, "%s/" MAKING "%016llx", dir, (unsigned long long)unique) < 0) {
		*ret = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	return INRO_OK;
}

/* The file and what SQLite may have put beside it. */
static void remove_files(const char *path)
{
	static const char *const beside[] = { "",	  "-wal",     "-shm",
					      "-journal", HOME_TRIES, STORE_OLD "1" };

	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		AUTO(free_chars) char *name = NULL;

		if (asprintf(&name, "%s%s", path, beside[i]) < 0)
			name = NULL;
		else
			unlink(name);
	}
}

/* Whether it can only have been left behind: nobody makes or removes a token while we hold the
 * lock.  What stands beside a token (a log, an old version) is left over when
 * it is gone. */
static bool is_leftover(const char *dir, const char *name)
{
	AUTO(free_chars) char *token = NULL;
	char of[SLOT_DIGITS + sizeof SUFFIX];

	if (strncmp(name, MAKING, strlen(MAKING)) == 0 || strncmp(name, "last.", 5) == 0)
		return true;
	if (strlen(name) < sizeof of || !strchr("-.", name[sizeof of - 1]))
		return false;
	memcpy(of, name, sizeof of - 1);
	of[sizeof of - 1] = '\0';
	token = slot_of_name(of) ? file_join(dir, of) : NULL;
	return token && access(token, F_OK) != 0;
}

static void sweep(const char *dir)
{
	AUTO(close_dir) DIR *d = opendir(dir);
	const struct dirent *entry;

	while (d && (entry = readdir(d)) != NULL)
		if (is_leftover(dir, entry->d_name))
			unlinkat(dirfd(d), entry->d_name, 0);
}

/* Makers and removers take turns. */
static enum inro_err lock_folder(const char *dir, int *ret_fd)
{
	AUTO(free_chars) char *lock = file_join(dir, ".lock");

	return lock ? file_lock(lock, LOCK_MS, ret_fd) : INRO_E_NO_MEMORY;
}

enum inro_err home_make(const char *home, home_fill *fill, const void *arg, CK_SLOT_ID *slot)
{
	AUTO(free_chars) char *dir = NULL;
	AUTO(free_chars) char *made = NULL;
	AUTO(close_fd) int lock = -1;
	enum inro_err e = folder(home, &dir);

	if (settings_get()->read_only)
		return err_set(INRO_E_TOKEN_WRITE_PROTECTED, "no token is made: the settings say "
							     "read-only");
	if (!e)
		e = file_make_dir(dir);
	if (!e)
		e = lock_folder(dir, &lock);
	if (!e)
		e = temporary_name(dir, &made);
	if (e)
		return e;
	sweep(dir);
	e = fill(made, arg);
	if (!e)
		e = check_alone(made);
	if (!e)
		file_give(made);
	if (!e)
		e = *slot ? take_slot(dir, made, *slot) : take_next_slot(home, dir, made, slot);
	remove_files(made);
	return e;
}

/* `last` never goes back: its writers hold the lock. */
static enum inro_err raise_last(const char *dir, CK_SLOT_ID slot)
{
	AUTO(free_chars) char *path = file_join(dir, "last");
	char text[SLOT_DIGITS + 2];
	CK_SLOT_ID last;

	if (!path)
		return INRO_E_NO_MEMORY;
	enum inro_err e = last_removed(dir, &last);

	if (e || last >= slot)
		return e;
	snprintf(text, sizeof text, "%0*lu\n", SLOT_DIGITS, slot % (SLOT_MAX + 1));
	e = file_write(path, 0600, bytes_of(text));
	if (!e)
		file_give(path);
	return e;
}

void home_forget_old(const char *home, CK_SLOT_ID slot)
{
	AUTO(free_chars) char *path = NULL;

	if (home_path(home, slot, &path))
		return;
	for (int version = 1; version < STORE_VERSION; version++) {
		AUTO(free_chars) char *old = NULL;

		if (asprintf(&old, "%s" STORE_OLD "%d", path, version) < 0)
			old = NULL;
		else
			unlink(old);
	}
}

enum inro_err home_remove(const char *home, CK_SLOT_ID slot)
{
	AUTO(free_chars) char *dir = NULL;
	AUTO(free_chars) char *path = NULL;
	AUTO(close_fd) int lock = -1;
	enum inro_err e = folder(home, &dir);

	if (!e)
		e = path_in(dir, slot, &path);
	if (!e)
		e = lock_folder(dir, &lock);
	if (!e)
		e = raise_last(dir, slot);
	if (e)
		return e;
	return unlink(path) == 0 ? file_sync_dir(dir) : file_err(errno, path);
}

void home_sweep(const char *home)
{
	AUTO(free_chars) char *dir = NULL;
	AUTO(close_fd) int lock = -1;

	if (!folder(home, &dir) && !lock_folder(dir, &lock))
		sweep(dir);
}
