/* service - what systemd hands to a service and is told by it (sd_listen_fds(3), sd_notify(3)). */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backoffice/http/text.h"
#include "backoffice/serve/parts.h"
#include "base/clock.h"
#include "base/notify.h"

#define FIRST_FD 3

static long number(const char *name)
{
	const char *text = getenv(name);
	int64_t n = 0;

	return text && number_read(text, &n) ? (long)n : 0;
}

static bool is_plain(const char *names, size_t i)
{
	while (names && i--) {
		names = strchr(names, ':');
		names += names != NULL;
	}
	return names && (!strcmp(names, "http") || !strncmp(names, "http:", 5));
}

enum inro_err service_sockets(struct http_listen *list, size_t max, size_t *n)
{
	const char *names = getenv("LISTEN_FDNAMES");
	long fds = number("LISTEN_PID") == getpid() ? number("LISTEN_FDS") : 0;

	if (fds < 0 || (size_t)fds > max - *n)
		return err_set(INRO_E_TOO_BIG, "%ld sockets were handed over, and there is room for %zu",
			       fds, max - *n);
	for (size_t i = 0; i < (size_t)fds; i++)
		list[(*n)++] = (struct http_listen) { .fd = FIRST_FD + (int)i,
						      .tls = !is_plain(names, i) };
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return INRO_OK;
}

enum inro_err service_become(const char *user)
{
	char room[4096];
	struct passwd pw, *found = NULL;

	if (getpwnam_r(user, &pw, room, sizeof room, &found) != 0 || !found)
		return err_set(INRO_E_ARG, "there is no user '%s'", user);
	if (geteuid() == pw.pw_uid && getuid() == pw.pw_uid)
		return INRO_OK;
	if (initgroups(pw.pw_name, pw.pw_gid) != 0 ||
	    setresgid(pw.pw_gid, pw.pw_gid, pw.pw_gid) != 0 ||
	    setresuid(pw.pw_uid, pw.pw_uid, pw.pw_uid) != 0)
		return err_set(INRO_E_ACCESS, "can't become user '%s': %s", user, strerror(errno));
	return INRO_OK;
}

void service_tell(const char *state)
{
	enum inro_err e = notify(state);

	if (e != INRO_OK)
		service_say("systemd was not told", "why", err_detail(e));
}

int64_t service_watchdog_ms(void)
{
	return number("WATCHDOG_USEC") / 2000;
}

void service_say(const char *event, const char *key, const char *value)
{
	SCOPED(buf) line = { 0 };
	char now[32];

	clock_format(clock_now(), now, sizeof now);
	buf_addf(&line, "{\"time\":\"%s\",\"event\":", now);
	text_add_json(&line, bytes_of(event));
	if (key) {
		buf_addf(&line, ",\"%s\":", key);
		text_add_json(&line, bytes_of(value));
	}
	buf_add_str(&line, "}\n");
	if (!buf_err(&line) && write(STDERR_FILENO, line.p, line.n) < 0)
		return; /* there is nowhere else to tell it */
}
