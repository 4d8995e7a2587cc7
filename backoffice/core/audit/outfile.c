/* outfile - see outfile.h. */
#include "backoffice/core/audit/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum inro_err outfile_open(const char *path, struct outfile *ret)
{
	SCOPED(outfile) o = { .path = strdup(path) };
	SCOPED(buf) part = { 0 };
	enum inro_err e = file_check_target(path);
	int fd;

	if (e != INRO_OK)
		return e;
	buf_addf(&part, "%s.part", path);
	o.part = buf_take_str(&part);
	if (!o.path || !o.part)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	fd = open(o.part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return file_err(errno, o.part);
	o.f = fdopen(fd, "w");
	if (!o.f) {
		close(fd);
		return err_set(INRO_E_NO_MEMORY, "no memory for a file");
	}
	*ret = o;
	o = (struct outfile) { 0 };
	return INRO_OK;
}

enum inro_err outfile_add(struct outfile *o, struct bytes x)
{
	return fwrite(x.p, 1, x.n, o->f) == x.n ? INRO_OK : file_err(errno, o->part);
}

static enum inro_err settle(struct outfile *o)
{
	bool good = fflush(o->f) == 0 && fsync(fileno(o->f)) == 0;
	int why = errno;

	good = fclose(o->f) == 0 && good;
	o->f = NULL;
	return good ? INRO_OK : file_err(why ? why : errno, o->part);
}

static enum inro_err sync_folder(const char *path)
{
	AUTO(free_chars) char *dir = strdup(path);
	char *end = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	if (end)
		end[end == dir] = 0;
	return file_sync_dir(end ? dir : ".");
}

enum inro_err outfile_keep(struct outfile *o, bool fresh)
{
	enum inro_err e = settle(o);

	if (e != INRO_OK)
		return e;
	if (fresh)
		return file_take_name(o->part, o->path);
	return rename(o->part, o->path) != 0 ? file_err(errno, o->path) : sync_folder(o->path);
}

void outfile_clear(struct outfile *o)
{
	if (o->f)
		fclose(o->f);
	if (o->part)
		unlink(o->part);
	free(o->path);
	free(o->part);
	*o = (struct outfile) { 0 };
}
