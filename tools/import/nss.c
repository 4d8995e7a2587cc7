/*
 * nss - a key out of an NSS database, by pk12util.
 *
 * NSS's own program knows its databases, old and new; it gives a key out as PKCS#12 only.  The file
 * is never on disk, and its password is made for this once: both are memory files, which pk12util
 * opens by its descriptors' names.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tools/import/keyfile.h"

#define PROGRAM	       "pk12util"
#define PASSWORD_BYTES ((size_t)24)

struct talk {
	struct secret password; /* in hex */
	int password_fd, out_fd, said_fd;
};

#define TALK_NONE                                                                                  \
	{                                                                                          \
		.password_fd = -1, .out_fd = -1, .said_fd = -1                                     \
	}

static void talk_clear(struct talk *t)
{
	secret_clear(&t->password);
	close_fd(&t->password_fd);
	close_fd(&t->out_fd);
	close_fd(&t->said_fd);
}

/* Inherited by the program that is started. */
static enum inro_err memory_file(const char *name, int *ret)
{
	*ret = memfd_create(name, 0);
	return *ret >= 0 ? INRO_OK : file_err(errno, name);
}

static enum inro_err make_password(struct talk *t)
{
	static const char digits[] = "0123456789abcdef";
	SCOPED(secret) random = { 0 };
	enum inro_err e = secret_random(PASSWORD_BYTES, &random);

	if (!e)
		e = secret_new(2 * PASSWORD_BYTES, &t->password);
	for (size_t i = 0; !e && i < t->password.n; i++)
		t->password.p[i] = (uint8_t)digits[random.p[i / 2] >> (i % 2 ? 0 : 4) & 15];
	if (!e && write(t->password_fd, t->password.p, t->password.n) != (ssize_t)t->password.n)
		e = file_err(errno, "password");
	return e;
}

static enum inro_err prepare(struct talk *t)
{
	enum inro_err e = memory_file("password", &t->password_fd);

	if (!e)
		e = memory_file("pkcs12", &t->out_fd);
	if (!e)
		e = memory_file("messages", &t->said_fd);
	return e ? e : make_password(t);
}

static enum inro_err spawn(const char *const argv[], const struct talk *t, pid_t *ret)
{
	posix_spawn_file_actions_t a;
	int rc = posix_spawn_file_actions_init(&a);

	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&a, 1, "/dev/null", O_WRONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&a, t->said_fd, 2);
	if (rc == 0)
		rc = posix_spawnp(ret, PROGRAM, &a, NULL, (char *const *)(uintptr_t)argv, environ);
	(void)posix_spawn_file_actions_destroy(&a);
	if (rc == ENOENT)
		return err_set(INRO_E_CONFIG, PROGRAM
			       " is not here; install libnss3-tools, or export the key on a "
			       "machine that has it and import the PKCS#12 file");
	return rc == 0 ? INRO_OK : file_err(rc, PROGRAM);
}

/* The last line that the program said. */
static enum inro_err failed(const struct talk *t, const char *dir, const char *nickname)
{
	char said[1024];
	ssize_t n = pread(t->said_fd, said, sizeof said - 1, 0);
	const char *last;

	said[n > 0 ? n : 0] = '\0';
	while (n > 0 && said[n - 1] == '\n')
		said[--n] = '\0';
	last = strrchr(said, '\n');
	return err_set(INRO_E_NOT_FOUND,
		       "'%s' in the NSS database '%s': %s; 'certutil -K -d %s' lists its keys",
		       nickname, dir, last ? last + 1 : said, dir);
}

static enum inro_err run(const char *const argv[], struct talk *t, bool *ret_done)
{
	pid_t pid = -1;
	int status = 0;
	enum inro_err e = spawn(argv, t, &pid);

	if (e)
		return e;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return file_err(errno, PROGRAM);
	*ret_done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return INRO_OK;
}

static enum inro_err export_key(const char *dir, const char *nickname, const char *pin_file,
				struct talk *t)
{
	char db[4096], out[32], password[32];
	const char *const argv[] = {
		PROGRAM,
		"-o",
		out,
		"-w",
		password,
		"-n",
		nickname,
		"-d",
		db,
		"-c",
		"AES-256-CBC",
		"-C",
		"AES-256-CBC",
		pin_file ? "-k" : NULL,
		pin_file,
		NULL,
	};
	bool done = false;
	enum inro_err e;

	if (snprintf(db, sizeof db, "sql:%s", dir) >= (int)sizeof db)
		return err_set(INRO_E_TOO_BIG, "a path of %zu bytes", strlen(dir));
	snprintf(out, sizeof out, "/dev/fd/%d", t->out_fd);
	snprintf(password, sizeof password, "/dev/fd/%d", t->password_fd);
	e = run(argv, t, &done);
	return e || done ? e : failed(t, dir, nickname);
}

static enum inro_err give_password(void *arg, struct secret *ret)
{
	const struct talk *t = arg;

	return secret_copy(secret_bytes(&t->password), ret);
}

static enum inro_err check_database(const char *dir)
{
	AUTO(free_chars) char *path = file_join(dir, "cert9.db");

	if (path && access(path, F_OK) == 0)
		return INRO_OK;
	return err_set(INRO_E_NOT_FOUND,
		       "'%s' is no NSS database: there is no cert9.db in it; one of the old kind "
		       "(cert8.db) is brought up by 'certutil --upgrade-merge'",
		       dir);
}

enum inro_err keyfile_read_nss(const char *dir, const char *nickname, const char *pin_file,
			       struct keyfile *ret)
{
	SCOPED(talk) t = TALK_NONE;
	SCOPED(buf) p12 = { 0 };
	char path[32];
	enum inro_err e = check_database(dir);

	if (!e)
		e = prepare(&t);
	if (!e)
		e = export_key(dir, nickname, pin_file, &t);
	if (e)
		return e;
	snprintf(path, sizeof path, "/dev/fd/%d", t.out_fd);
	e = file_read(path, KEYFILE_MAX, &p12);
	return e ? e : keyfile_read(buf_bytes(&p12), give_password, &t, ret);
}
