#include "tests/lib/scratch.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static pid_t owner;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void remove_all(void)
{
	if (getpid() == owner)
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void die(const char *what)
{
	perror(what);
	exit(99);
}

const char *scratch_dir(void)
{
	if (*dir)
		return dir;
	snprintf(dir, sizeof dir, "/tmp/inro-test-XXXXXX");
	if (!mkdtemp(dir))
		die(dir);
	owner = getpid();
	atexit(remove_all);
	return dir;
}

const char *scratch_path(const char *name)
{
	static char rooms[8][512];
	static unsigned next;
	char *room = rooms[next++ % 8];

	snprintf(room, sizeof rooms[0], "%s/%s", scratch_dir(), name);
	return room;
}

const char *scratch_file(const char *name, const void *content, size_t n)
{
	const char *path = scratch_path(name);
	FILE *f = fopen(path, "we");

	if (!f || fwrite(content, 1, n, f) != n || fclose(f) != 0)
		die(path);
	return path;
}

size_t scratch_entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	if (!d)
		die(path);
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

int scratch_child(int (*f)(void *), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(f(arg));
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
