/* stage - made with mkdtemp(3), removed with nftw(3). */
#include "tools/import/stage.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/homedir.h"

#define PREFIX	     ".import-"
#define LOCK	     ".import.lock"
#define LOCK_WAIT_MS 60000

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void sweep(const char *home)
{
	DIR *d = opendir(home);
	const struct dirent *entry;

	while (d && (entry = readdir(d)) != NULL) {
		AUTO(free_chars) char *path = NULL;

		if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) != 0)
			continue;
		path = file_join(home, entry->d_name);
		if (path)
			remove_tree(path);
	}
	if (d)
		closedir(d);
}

static enum inro_err lock_home(struct stage *s)
{
	AUTO(free_chars) char *path = file_join(s->home, LOCK);

	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	return file_lock(path, LOCK_WAIT_MS, &s->lock);
}

static enum inro_err make(struct stage *s)
{
	s->path = file_join(s->home, PREFIX "XXXXXX");
	if (!s->path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	if (mkdtemp(s->path))
		return INRO_OK;
	free(s->path);
	s->path = NULL;
	return file_err(errno, s->home);
}

static enum inro_err enter(struct stage *s)
{
	const char *before = getenv("INRO_HOME");

	s->before = before ? strdup(before) : NULL;
	if ((before && !s->before) || setenv("INRO_HOME", s->path, 1) != 0)
		return err_set(INRO_E_NO_MEMORY, "no memory for the environment");
	s->inside = true;
	return INRO_OK;
}

enum inro_err stage_begin(struct stage *ret)
{
	SCOPED(stage) s = STAGE_NONE;
	enum inro_err e = homedir(true, &s.home);

	if (!e)
		e = lock_home(&s);
	if (e)
		return e;
	sweep(s.home);
	e = make(&s);
	if (!e)
		e = enter(&s);
	if (e)
		return e;
	*ret = s;
	s = (struct stage)STAGE_NONE;
	return INRO_OK;
}

void stage_leave(struct stage *s)
{
	if (s->inside && s->before)
		(void)setenv("INRO_HOME", s->before, 1);
	else if (s->inside)
		(void)unsetenv("INRO_HOME");
	s->inside = false;
}

void stage_clear(struct stage *s)
{
	stage_leave(s);
	if (s->path)
		remove_tree(s->path);
	close_fd(&s->lock);
	free(s->path);
	free(s->before);
	free(s->home);
	*s = (struct stage)STAGE_NONE;
}
