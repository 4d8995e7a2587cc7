/*
 * swtpm - the software TPM as another process: commands on its data channel, a unix socket or TCP.
 *
 * It serves one connection at a time; the next one waits in the socket's queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tpm/link/wired.h"

#define CONNECT_MS 10000
#define HOST	   "127.0.0.1"
#define PORT	   "2321"

struct swtpm {
	struct wired wired;
	char *path, *host, *port;
};

static struct swtpm *swtpm_of(struct wired *w)
{
	return (struct swtpm *)w;
}

static char **value_of(struct swtpm *s, struct bytes name)
{
	struct {
		const char *name;
		char **value;
	} known[] = { { "path", &s->path }, { "host", &s->host }, { "port", &s->port } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (bytes_is(name, known[i].name))
			return known[i].value;
	return NULL;
}

static enum inro_err take_word(struct swtpm *s, struct bytes *words)
{
	struct bytes name, value;
	enum inro_err e = link_take_word(words, &name, &value);
	char **at;

	if (e)
		return e;
	at = value_of(s, name);
	if (!at || *at || !value.n)
		return err_set(INRO_E_CONFIG, "%s: path=SOCKET or host=H,port=P, each once",
			       s->wired.tcti);
	*at = strndup((const char *)value.p, value.n);
	return *at ? INRO_OK : INRO_E_NO_MEMORY;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text >= '1' && *text <= '9' && !*end && n <= 65535;
}

static enum inro_err check(const struct swtpm *s)
{
	if (s->path && (s->host || s->port))
		return err_set(INRO_E_CONFIG, "%s: either path or host and port", s->wired.tcti);
	if (s->path && strlen(s->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(INRO_E_CONFIG, "%s: the path of a socket is too long",
			       s->wired.tcti);
	if (s->port && !is_port(s->port))
		return err_set(INRO_E_CONFIG, "%s: '%s' is no port", s->wired.tcti, s->port);
	return INRO_OK;
}

static enum inro_err parse(struct wired *w, struct bytes rest)
{
	enum inro_err e = INRO_OK;

	while (!e && rest.n)
		e = take_word(swtpm_of(w), &rest);
	return e ? e : check(swtpm_of(w));
}

static void clear(struct wired *w)
{
	free(swtpm_of(w)->path);
	free(swtpm_of(w)->host);
	free(swtpm_of(w)->port);
}

static int connected_in_time(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int err = ETIMEDOUT, ready;

	do
		ready = poll(&p, 1, wait_ms);
	while (ready < 0 && errno == EINTR);
	if (ready > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
		err = errno;
	return err;
}

/* 0 or an errno; w->fd is then nothing. */
static int try_address(struct wired *w, int family, const struct sockaddr *a, socklen_t n)
{
	int wait_ms = w->link.haste_ms ? w->link.haste_ms : CONNECT_MS;
	static const int yes = 1;
	int err = 0;

	w->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return errno;
	if (connect(w->fd, a, n) < 0)
		err = errno == EINPROGRESS ? connected_in_time(w->fd, wait_ms) : errno;
	if (!err && fcntl(w->fd, F_SETFL, 0) < 0)
		err = errno;
	if (!err && family != AF_UNIX)
		(void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (err)
		wired_close_fd(w);
	return err;
}

static int try_path(struct wired *w, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return try_address(w, AF_UNIX, (const struct sockaddr *)&a, sizeof a);
}

static enum inro_err try_host(struct wired *w, int *ret_err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	const char *host = swtpm_of(w)->host, *port = swtpm_of(w)->port;
	struct addrinfo *all;
	int r = getaddrinfo(host ? host : HOST, port ? port : PORT, &hints, &all);

	if (r != 0)
		return err_set(INRO_E_IO, "%s: the host is not known (%s)", w->tcti,
			       gai_strerror(r));
	*ret_err = ENOENT;
	for (struct addrinfo *a = all; a && *ret_err; a = a->ai_next)
		*ret_err = try_address(w, a->ai_family, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(all);
	return INRO_OK;
}

static enum inro_err connect_error(const struct wired *w, int err)
{
	if (err == EAGAIN) /* the queue of a unix socket is full */
		return INRO_E_BUSY;
	if (err == ENOENT || err == ECONNREFUSED)
		return err_set(INRO_E_IO,
			       "%s: nobody listens there: start swtpm, or correct the words",
			       w->tcti);
	if (err == EACCES)
		return err_set(INRO_E_ACCESS, "%s: this user may not use the socket", w->tcti);
	return err_set(INRO_E_IO, "%s: no connection (%s)", w->tcti, strerror(err));
}

static enum inro_err open_socket(struct wired *w)
{
	const char *path = swtpm_of(w)->path;
	int err = 0;
	enum inro_err e = INRO_OK;

	if (path)
		err = try_path(w, path);
	else
		e = try_host(w, &err);
	return e || !err ? e : connect_error(w, err);
}

/* A child that was forked meanwhile does not keep it open. */
static void close_socket(struct wired *w)
{
	(void)shutdown(w->fd, SHUT_RDWR);
	wired_close_fd(w);
}

static enum inro_err send_command(struct wired *w, struct bytes command)
{
	while (command.n) {
		ssize_t n = send(w->fd, command.p, command.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return err_set(INRO_E_IO, "%s: the connection is lost (%m)", w->tcti);
		if (n > 0)
			command = BYTES(command.p + n, command.n - (size_t)n);
	}
	return INRO_OK;
}

static const struct plug plug = {
	.size = sizeof(struct swtpm),
	.can_hang_up = true,
	.parse = parse,
	.clear = clear,
	.open = open_socket,
	.close = close_socket,
	.send = send_command,
	.receive = wired_receive_stream,
};

static enum inro_err make(struct bytes rest, const char *home, struct link **ret)
{
	return wired_make(&link_swtpm, &plug, rest, home, ret);
}

const struct link_kind link_swtpm = {
	.scheme = "swtpm",
	.make = make,
	WIRED_BARE,
};
