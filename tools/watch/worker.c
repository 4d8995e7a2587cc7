/* worker - see worker.h. */
#include "tools/watch/worker.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"

#define PROGRAM	   "inro"
#define STATUS_MAX ((size_t)64 << 10)

extern char **environ;

char *worker_program(void)
{
	char *self = process_program();
	char *slash = self ? strrchr(self, '/') : NULL;
	char *path = NULL;

	if (slash) {
		*slash = 0;
		path = file_join(self, PROGRAM);
	}
	free(self);
	return path;
}

/* The signals that the one who waits has set aside are the worker's again. */
static int spawn_clean(const char *program, char *const argv[], pid_t *ret)
{
	posix_spawnattr_t attr;
	sigset_t none;
	int rc = posix_spawnattr_init(&attr);

	if (rc)
		return rc;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(ret, program, NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return rc;
}

enum inro_err worker_start(const struct agent_settings *s, const struct worker_task *task, pid_t *ret)
{
	AUTO(free_chars) char *program = worker_program();
	const char *argv[] = { PROGRAM, "agent", "once", "--config", s->file, "--quiet", NULL, NULL, NULL };
	int rc;

	if (!program)
		return agent_no_memory();
	if (task->ended)
		argv[6] = "--ended", argv[7] = task->ended;
	else if (task->renew)
		argv[6] = "--renew";
	rc = spawn_clean(program, (char *const *)(uintptr_t)argv, ret);
	return rc ? err_set(INRO_E_CONFIG, "%s can't be started: %s", program, strerror(rc)) :
		    INRO_OK;
}

int64_t worker_wait(const struct agent_settings *s)
{
	static const char key[] = "\"wait\":";
	AUTO(free_chars) char *path = file_join(s->dir, "status.json");
	SCOPED(buf) text = { 0 };
	const char *at;

	if (!path || file_read_regular(path, STATUS_MAX, &text) != INRO_OK)
		return 0;
	buf_add_u8(&text, 0);
	at = buf_err(&text) == INRO_OK ? strstr((const char *)text.p, key) : NULL;
	return at ? strtoll(at + sizeof key - 1, NULL, 10) : 0;
}
