/* outfile - see outfile.h. */
#include "backoffice/core/audit/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static enum inro_err is_written(const char *part)
{
	return err_set(INRO_E_BUSY, "%s: another program is writing this file", part);
}

/* What a killed program left is written anew; what one is at is not touched.  Where there are no locks, as it is. */
static enum inro_err take_part(int fd, const char *part)
{
	struct stat mine, there;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return is_written(part);
	if (fstat(fd, &mine) != 0)
		return file_err(errno, part);
	if (stat(part, &there) != 0 || mine.st_dev != there.st_dev || mine.st_ino != there.st_ino)
		return is_written(part); /* it has its name by now */
	return ftruncate(fd, 0) != 0 ? file_err(errno, part) : INRO_OK;
}

static enum inro_err open_part(const char *part, FILE **ret)
{
	AUTO(close_fd) int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum inro_err e = fd < 0 ? file_err(errno, part) : take_part(fd, part);

	if (e != INRO_OK)
		return e;
	*ret = fdopen(fd, "w");
	if (!*ret)
		return err_set(INRO_E_NO_MEMORY, "no memory for a file");
	fd = -1;
	return INRO_OK;
}

static char *part_of(const char *path)
{
	SCOPED(buf) part = { 0 };

	buf_addf(&part, "%s.part", path);
	return buf_take_str(&part);
}

enum inro_err outfile_open(const char *path, struct outfile *ret)
{
	AUTO(free_chars) char *part = part_of(path);
	SCOPED(outfile) o = { .path = strdup(path) };
	enum inro_err e = file_check_target(path);

	if (e == INRO_OK && (!o.path || !part))
		e = err_set(INRO_E_NO_MEMORY, "no memory for a path");
	if (e == INRO_OK)
		e = open_part(part, &o.f);
	if (e != INRO_OK)
		return e;
	o.part = part;
	part = NULL;
	*ret = o;
	o = (struct outfile) { 0 };
	return INRO_OK;
}

enum inro_err outfile_add(struct outfile *o, struct bytes x)
{
	return fwrite(x.p, 1, x.n, o->f) == x.n ? INRO_OK : file_err(errno, o->part);
}

/* It stays open, and so locked, until it has its name. */
static enum inro_err settle(struct outfile *o)
{
	return fflush(o->f) == 0 && fsync(fileno(o->f)) == 0 ? INRO_OK : file_err(errno, o->part);
}

enum inro_err outfile_keep(struct outfile *o)
{
	enum inro_err e = settle(o);

	if (e == INRO_OK)
		e = file_take_name(o->part, o->path);
	if (e != INRO_OK)
		return e;
	free(o->part); /* who comes next may have one of that name */
	o->part = NULL;
	return INRO_OK;
}

void outfile_clear(struct outfile *o)
{
	if (o->part)
		unlink(o->part);
	if (o->f)
		fclose(o->f);
	free(o->path);
	free(o->part);
	*o = (struct outfile) { 0 };
}
