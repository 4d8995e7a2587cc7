/* helper - spawned, read from a pipe, waited for. */
#include "pkcs11/token/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"
#include "pkcs11/token/settings.h"

#define WAIT_MS	   120000
#define ENV_MAX	   512
#define ENV_OURS   3
#define GIVE_UP_MS 2000

static enum inro_err check_owner(const char *path, mode_t type)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_set(INRO_E_CONFIG, "pin-helper: %s: %s", path, strerror(errno));
	if ((st.st_mode & S_IFMT) != type)
		return err_set(INRO_E_CONFIG, "pin-helper: %s is not a program", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(INRO_E_CONFIG, "pin-helper: %s belongs to somebody else", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH) && !(type == S_IFDIR && st.st_mode & S_ISVTX))
		return err_set(INRO_E_CONFIG, "pin-helper: others can write %s", path);
	return INRO_OK;
}

static enum inro_err check_program(const char *path)
{
	AUTO(free_chars) char *dir = strdup(path);

	if (!dir)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	char *slash = strrchr(dir, '/');

	slash[slash == dir] = '\0';
	enum inro_err e = check_owner(path, S_IFREG);

	return e ? e : check_owner(dir, S_IFDIR);
}

/* ---- its environment ---- */

struct environment {
	char *vars[ENV_MAX + ENV_OURS + 1];
	char *ours[ENV_OURS];
};

static void environment_clear(struct environment *v)
{
	for (size_t i = 0; i < ENV_OURS; i++)
		free(v->ours[i]);
}

/* PINs and what was asked before don't go on. */
static bool goes_on(const char *var)
{
	static const char *const not [] = { "INRO_PIN=", "INRO_SO_PIN=",   "INRO_NEW_PIN=",
					    "INRO_ASK=", "INRO_ASK_USER=", "INRO_ASK_TOKEN=" };

	for (size_t i = 0; i < ARRAY_LEN(not ); i++)
		if (strncmp(var, not [i], strlen(not [i])) == 0)
			return false;
	return true;
}

static enum inro_err add_ours(struct environment *v, size_t i, const char *name, const char *value)
{
	if (asprintf(&v->ours[i], "%s=%s", name, value) < 0) {
		v->ours[i] = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for the PIN helper");
	}
	return INRO_OK;
}

static enum inro_err make_environment(const struct question *q, struct environment *v)
{
	size_t n = 0;
	enum inro_err e = add_ours(v, 0, "INRO_ASK", q->ask);

	if (!e)
		e = add_ours(v, 1, "INRO_ASK_USER", q->user);
	if (!e)
		e = add_ours(v, 2, "INRO_ASK_TOKEN", q->token);
	for (char **var = environ; var && *var && n < ENV_MAX; var++)
		if (goes_on(*var))
			v->vars[n++] = *var;
	for (size_t i = 0; i < ENV_OURS; i++)
		v->vars[n++] = v->ours[i];
	v->vars[n] = NULL;
	return e;
}

/* ---- running it ---- */

static int set_files(posix_spawn_file_actions_t *files, int out)
{
	int err = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);

	if (!err)
		err = posix_spawn_file_actions_adddup2(files, out, 1);
	return err ? err : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

/* Signals as a new program expects them, whatever the host has done to its own. */
static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int err = posix_spawnattr_setsigmask(attr, &none);

	if (!err)
		err = posix_spawnattr_setsigdefault(attr, &all);
	return err ? err
		   : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static enum inro_err start(const char *path, char **env, int out, pid_t *ret)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	int err = set_files(&files, out);

	if (!err)
		err = set_signals(&attr);
	if (!err)
		err = posix_spawn(ret, path, &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return err ? err_set(INRO_E_CONFIG, "pin-helper: %s: %s", path, strerror(err)) : INRO_OK;
}

static enum inro_err no_pin(const char *why)
{
	return err_set(INRO_E_CANCELLED, "the PIN helper gave no PIN: %s", why);
}

/* Until its end of file, or a line and a little more. */
static enum inro_err read_out(int in, struct secret *room, size_t *ret_n)
{
	int64_t end = clock_monotonic_ms() + WAIT_MS;
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = in, .events = POLLIN };
		int64_t left = end - clock_monotonic_ms();

		if (left <= 0)
			return no_pin("it took too long");
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		ssize_t got = read(in, room->p + n, room->n - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return no_pin("its output can't be read");
		n += (size_t)got;
		if (got == 0 || n == room->n)
			break;
	}
	*ret_n = n;
	return INRO_OK;
}

/* Waits a little, then ends it.  The host may have reaped it: then its line is what counts. */
static bool ended_well(pid_t pid, bool at_once)
{
	int64_t end = clock_monotonic_ms() + (at_once ? 0 : GIVE_UP_MS);
	int status = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0 && clock_monotonic_ms() < end)
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	if (got == 0) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return false;
	}
	return got < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static enum inro_err take_line(struct secret *room, size_t n)
{
	const uint8_t *end = n ? memchr(room->p, '\n', n) : NULL;
	size_t len = end ? (size_t)(end - room->p) : 0;

	if (!end || len == 0)
		return no_pin("it did not say a line");
	if (len > SECRET_MAX_PIN)
		return no_pin("its line is too long");
	secret_shrink(room, len);
	return INRO_OK;
}

static enum inro_err run(const char *path, char **env, struct secret *room)
{
	int ends[2];
	size_t n = 0;
	pid_t pid = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return file_err(errno, "a pipe to the PIN helper");
	AUTO(close_fd) int in = ends[0];
	enum inro_err e = start(path, env, ends[1], &pid);

	close(ends[1]);
	if (e)
		return e;
	e = read_out(in, room, &n);
	bool well = ended_well(pid, e != INRO_OK);

	if (!e && !well)
		e = no_pin("it failed");
	return e ? e : take_line(room, n);
}

enum inro_err helper_ask(const struct question *q, struct secret *ret)
{
	const char *path = settings_get()->pin_helper;
	SCOPED(environment) v = { 0 };
	SCOPED(secret) room = { 0 };
	enum inro_err e;

	if (!path)
		return err_set(INRO_E_ARG, "no PIN is given and no pin-helper is set");
	e = check_program(path);
	if (!e)
		e = make_environment(q, &v);
	if (!e)
		e = secret_new(SECRET_MAX_PIN + 2, &room);
	if (!e)
		e = run(path, v.vars, &room);
	if (e)
		return e;
	*ret = room;
	room = (struct secret) { 0 };
	return INRO_OK;
}
