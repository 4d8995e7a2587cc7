/* door - see door.h. */
#include "tools/watch/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define STATUS_MAX ((size_t)64 << 10)

static enum inro_err make_folder(const char *path)
{
	AUTO(free_chars) char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return agent_no_memory();
	*slash = 0;
	return *dir && access(dir, F_OK) != 0 ? file_make_dir(dir) : INRO_OK;
}

/* Is somebody there, or too busy to answer?  A socket that nobody listens on is one that was left. */
static bool is_answered(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool there = fd >= 0 && (connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 ||
				 errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return there;
}

static enum inro_err listen_at(const char *path, int *ret)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof a.sun_path)
		return err_set(INRO_E_TOO_BIG, "socket: %s is longer than %zu bytes", path,
			       sizeof a.sun_path - 1);
	strcpy(a.sun_path, path);
	if (is_answered(&a))
		return err_set(INRO_E_BUSY, "an agent answers at %s already", path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return err_set(INRO_E_EXISTS, "socket: %s is there and is none; name another place", path);
	(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
	    chmod(path, 0660) == 0 && listen(fd, DOOR_GUESTS) == 0) {
		*ret = fd;
		return INRO_OK;
	}
	if (fd >= 0)
		close(fd);
	return file_err(errno, path);
}

enum inro_err door_open(const struct agent_settings *s, struct door *ret)
{
	struct door d = { .fd = -1, .path = strdup(s->socket) };
	enum inro_err e = d.path ? make_folder(d.path) : agent_no_memory();

	for (size_t i = 0; i < DOOR_GUESTS; i++)
		d.guests[i].fd = -1;
	if (e == INRO_OK)
		e = listen_at(d.path, &d.fd);
	if (e != INRO_OK) {
		free(d.path);
		return e;
	}
	*ret = d;
	return INRO_OK;
}

static void send_away(struct door_guest *g)
{
	close(g->fd);
	*g = (struct door_guest) { .fd = -1 };
}

void door_close(struct door *d)
{
	for (size_t i = 0; i < DOOR_GUESTS; i++)
		if (d->guests[i].fd >= 0)
			send_away(&d->guests[i]);
	if (d->fd >= 0) {
		close(d->fd);
		(void)unlink(d->path);
	}
	free(d->path);
	*d = (struct door) { .fd = -1 };
}

size_t door_polls(const struct door *d, struct pollfd *ret)
{
	size_t n = 0;

	ret[n++] = (struct pollfd) { .fd = d->fd, .events = POLLIN };
	for (size_t i = 0; i < DOOR_GUESTS; i++)
		if (d->guests[i].fd >= 0)
			ret[n++] = (struct pollfd) { .fd = d->guests[i].fd, .events = POLLIN };
	return n;
}

/* Whoever does not read is not waited for. */
static void say(int fd, struct bytes text)
{
	while (text.n) {
		ssize_t n = send(fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0)
			return;
		text = BYTES(text.p + n, text.n - (size_t)n);
	}
}

static void say_status(int fd, const struct agent_settings *s)
{
	AUTO(free_chars) char *path = file_join(s->dir, "status.json");
	SCOPED(buf) text = { 0 };

	if (!path || file_read_regular(path, STATUS_MAX, &text) != INRO_OK)
		buf_add_str(&text, "{\"error\":\"no round has ended yet\"}");
	buf_add_u8(&text, '\n');
	if (buf_err(&text) == INRO_OK)
		say(fd, buf_bytes(&text));
}

static enum door_wish answer(const struct door_guest *g, const struct agent_settings *s)
{
	static const struct {
		const char *word;
		enum door_wish wish;
	} words[] = { { "status", DOOR_NOTHING }, { "look", DOOR_LOOK }, { "renew", DOOR_RENEW } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].word, g->line) != 0)
			continue;
		if (words[i].wish == DOOR_NOTHING)
			say_status(g->fd, s);
		else
			say(g->fd, bytes_of("{\"started\":true}\n"));
		return words[i].wish;
	}
	say(g->fd, bytes_of("{\"error\":\"say status, look or renew\"}\n"));
	return DOOR_NOTHING;
}

/* One line, then the guest goes. */
static enum door_wish listen_to(struct door_guest *g, const struct agent_settings *s)
{
	enum door_wish wish = DOOR_NOTHING;
	ssize_t n = recv(g->fd, g->line + g->n, sizeof g->line - 1 - g->n, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (clock_monotonic_ms() > g->until_ms)
			send_away(g);
		return wish;
	}
	if (n > 0)
		g->n += (size_t)n;
	g->line[g->n] = 0;
	end = strpbrk(g->line, "\r\n");
	if (!end && n > 0 && g->n < sizeof g->line - 1)
		return wish;
	if (end)
		*end = 0;
	if (g->n)
		wish = answer(g, s);
	send_away(g);
	return wish;
}

static void welcome(struct door *d)
{
	int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; fd >= 0 && i < DOOR_GUESTS; i++) {
		if (d->guests[i].fd >= 0)
			continue;
		d->guests[i] = (struct door_guest) {
			.fd = fd, .until_ms = clock_monotonic_ms() + DOOR_SECONDS * 1000
		};
		return;
	}
	if (fd >= 0)
		close(fd);
}

enum door_wish door_serve(struct door *d, const struct agent_settings *s)
{
	enum door_wish most = DOOR_NOTHING;

	welcome(d);
	for (size_t i = 0; i < DOOR_GUESTS; i++) {
		enum door_wish wish =
			d->guests[i].fd >= 0 ? listen_to(&d->guests[i], s) : DOOR_NOTHING;

		if (wish > most)
			most = wish;
	}
	return most;
}
