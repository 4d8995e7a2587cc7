/* hook - see hook.h. */
#include "tools/agent/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define VARIABLES 6

struct hook_env {
	char *items[VARIABLES];
};

static void hook_env_clear(struct hook_env *e)
{
	for (size_t i = 0; i < VARIABLES; i++)
		free(e->items[i]);
}

static bool make_env(const struct agent_settings *s, unsigned generation, const char *secrets,
		     struct hook_env *e)
{
	return asprintf(&e->items[0], "INRO_AGENT_ID=%s", s->id) > 0 &&
	       asprintf(&e->items[1], "INRO_AGENT_CERT=%s/live/%s", s->dir, s->cert_file) > 0 &&
	       asprintf(&e->items[2], "INRO_AGENT_KEY=%s/live/%s", s->dir, s->key_file) > 0 &&
	       asprintf(&e->items[3], "INRO_AGENT_CA=%s/live/%s", s->dir, s->ca_file) > 0 &&
	       asprintf(&e->items[4], "INRO_AGENT_GENERATION=%u", generation) > 0 &&
	       asprintf(&e->items[5], "INRO_AGENT_SECRETS=%s", secrets) > 0;
}

static void become_command(const char *command, const struct hook_env *e)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (nothing >= 0)
		dup2(nothing, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO); /* what we say ourselves is there, as JSON perhaps */
	(void)syscall(SYS_close_range, 3U, ~0U, 0U);
	for (size_t i = 0; i < VARIABLES; i++)
		putenv(e->items[i]);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static pid_t the_round; /* of this keeper */

/* Others may signal the whole group, too: the command's own, or who stops the service. */
static void on_orphaned(int signal)
{
	(void)signal;
	if (getppid() != the_round)
		kill(0, SIGKILL);
}

/* Heads the group of the command's processes, and ends it when the round ends before it (round-max): the next round
 * runs the command again, and not beside itself. */
static void become_keeper(pid_t round, const char *command, const struct hook_env *e)
{
	int status = 0;
	pid_t child;

	the_round = round;
	setpgid(0, 0);
	signal(SIGTERM, on_orphaned);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != round)
		_exit(127);
	child = fork();
	if (child == 0)
		become_command(command, e);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0)
		_exit(127);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* 0: ended well; else its status, -1 when it was ended for want of an end. */
static int wait_for(pid_t child)
{
	int64_t end = clock_monotonic_ms() + HOOK_SECONDS * 1000;
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (clock_monotonic_ms() > end) {
			kill(-child, SIGKILL);
			waitpid(child, &status, 0);
			return -1;
		}
		poll(NULL, 0, 10);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static enum inro_err run_one(const char *command, const struct hook_env *e)
{
	pid_t child, round = getpid();
	int status;

	/* Who started us may have had it ignored, and then nobody hears how a child ended. */
	signal(SIGCHLD, SIG_DFL);
	child = fork();
	if (child < 0)
		return err_set(INRO_E_NO_MEMORY, "no process for '%s': %s", command,
			       strerror(errno));
	if (child == 0)
		become_keeper(round, command, e);
	status = wait_for(child);
	if (status == 0)
		return INRO_OK;
	return status < 0 ? err_set(INRO_E_CONFIG, "'%s' did not end within %d seconds", command,
				    HOOK_SECONDS) :
			    err_set(INRO_E_CONFIG, "'%s' ended with status %d", command, status);
}

enum inro_err hook_run_all(const struct agent_settings *s, unsigned generation,
			   const char *secrets)
{
	SCOPED(hook_env) e = { 0 };
	enum inro_err first = INRO_OK, now;
	char why[ERR_DETAIL_MAX] = "";

	if (!make_env(s, generation, secrets, &e))
		return err_set(INRO_E_NO_MEMORY, "no memory for the commands");
	for (size_t i = 0; i < s->hooks.n; i++) {
		now = run_one(s->hooks.items[i], &e);
		if (now == INRO_OK || first != INRO_OK)
			continue;
		first = now;
		snprintf(why, sizeof why, "%s", err_detail(now));
	}
	return first == INRO_OK ? INRO_OK : err_set(first, "after-renewal: %s", why);
}

enum inro_err hook_run_named(const struct agent_settings *s, unsigned generation, const char *name)
{
	SCOPED(hook_env) e = { 0 };
	size_t n = strlen(name);

	/* the name ends at the first '=' of the setting, wherever the one that asks would have it end */
	for (size_t i = 0; i < s->commands.n; i++) {
		const char *c = s->commands.items[i];

		if (strcspn(c, "=") != n || c[n] != '=' || strncmp(c, name, n) != 0)
			continue;
		return make_env(s, generation, "", &e) ? run_one(c + n + 1, &e) :
							 agent_no_memory();
	}
	return err_set(INRO_E_NOT_FOUND, "this device has no command '%s'", name);
}
