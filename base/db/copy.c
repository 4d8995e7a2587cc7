/* copy - a store as one file: a consistent copy of one in use, and the check of one. */
#include "base/db/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static enum inro_err sync_file(const char *path)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return file_err(errno, path);
	return INRO_OK;
}

static enum inro_err vacuum_into(struct db *d, const char *path)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, "VACUUM INTO ?1", &s);

	if (e != INRO_OK)
		return e;
	db_bind_text(s, 1, path);
	return db_run(s);
}

/* Written beside it and then given its name, so that the name never shows half a copy; a name that
 * is there by then stays what it is. */
static enum inro_err copy_beside(struct db *d, const char *part, const char *path)
{
	enum inro_err e = db_make_file(part);

	if (e != INRO_OK)
		return e;
	e = vacuum_into(d, part);
	if (e == INRO_E_FULL) /* SQLite tells of the database that is read */
		e = err_set(e, "'%s': no space left on the device; free some and try again", path);
	if (e == INRO_OK)
		e = sync_file(part);
	if (e == INRO_OK)
		e = file_take_name(part, path);
	unlink(part);
	return e;
}

static enum inro_err name_beside(const char *path, const char *ending, char **ret)
{
	if (asprintf(ret, "%s%s", path, ending) >= 0)
		return INRO_OK;
	*ret = NULL;
	return err_set(INRO_E_NO_MEMORY, "no memory for a path");
}

enum inro_err db_check_free(const char *path)
{
	static const char *const logs[] = { "-wal", "-journal" };
	enum inro_err e = access(path, F_OK) == 0 ? file_err(EEXIST, path) : INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(logs); i++) {
		AUTO(free_chars) char *log = NULL;

		e = name_beside(path, logs[i], &log);
		if (e == INRO_OK && access(log, F_OK) == 0)
			e = err_set(INRO_E_EXISTS, "'%s' is left of another database: move it away, or take another name",
				    log);
	}
	return e;
}

enum inro_err db_copy_to(struct db *d, const char *path)
{
	AUTO(free_chars) char *to = NULL;
	AUTO(free_chars) char *part = NULL;
	enum inro_err e = db_plain_path(path, &to);

	if (e != INRO_OK)
		return e;
	e = db_check_free(to);
	if (e != INRO_OK)
		return e;
	if (asprintf(&part, "%s.%ld.part", to, (long)getpid()) < 0) {
		part = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	unlink(part); /* left by one that was killed */
	return copy_beside(d, part, to);
}

enum inro_err db_check_closed(const char *path)
{
	AUTO(free_chars) char *log = NULL;
	enum inro_err e = name_beside(path, "-wal", &log);

	if (e != INRO_OK || access(log, F_OK) != 0)
		return e;
	return err_set(INRO_E_IO, "'%s' can't be put into its file; is the disk full?", log);
}

void db_remove(const char *path)
{
	static const char *const beside[] = { "", "-wal", "-shm", "-journal" };
	SCOPED(err_kept) kept = err_keep();

	for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
		AUTO(free_chars) char *name = NULL;

		if (asprintf(&name, "%s%s", path, beside[i]) < 0)
			name = NULL;
		else
			(void)unlink(name);
	}
}

enum inro_err db_fold(struct db *d)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, "PRAGMA wal_checkpoint(TRUNCATE)", &s);
	bool row;

	if (e == INRO_OK)
		e = db_step(s, &row);
	if (e != INRO_OK)
		return e;
	/* blocked, pages in the log, pages brought over */
	if (!row || db_int(s, 0) != 0 || db_int(s, 1) != 0 || db_int(s, 2) != 0)
		e = err_set(INRO_E_BUSY, "%s '%s': its log can't be emptied; try again", d->what,
			    d->path);
	db_reset(s);
	return e;
}

enum inro_err db_check(struct db *d)
{
	struct db_stmt *s;
	enum inro_err e = db_stmt(d, "PRAGMA quick_check(1)", &s);
	bool row;

	if (e == INRO_OK)
		e = db_step(s, &row);
	if (e != INRO_OK)
		return e;
	if (!row || strcmp(db_text(s, 0), "ok") != 0)
		e = err_set(INRO_E_DAMAGED, "%s '%s': %s; restore it from a backup", d->what,
			    d->path, row ? db_text(s, 0) : "the check gave no answer");
	db_reset(s);
	return e;
}
