/*
 * listen - listening sockets, and what is done with each connection that comes.
 *
 * 1. All loops wait on the same sockets and take one connection a turn: who is free takes it, an
 *    inherited socket is nothing special, and none is lost with a loop that ends.
 * 2. When there are no descriptors left a spare one is given up to take the connection and close it, or
 *    nothing is accepted for a moment: it would else be reported as ready for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backoffice/http/engine.h"
#include "backoffice/http/timer.h"

#define BACKLOG  4096
#define PAUSE_MS 50

static enum inro_err split(const char *at, char *host, size_t cap, const char **ret_port)
{
	const char *colon = strrchr(at, ':');
	size_t n = colon ? (size_t)(colon - at) : 0;

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strtoul(colon + 1, NULL, 10) > 65535 || n >= cap)
		return err_set(INRO_E_ARG, "'%s' is not ADDRESS:PORT, as in 127.0.0.1:8443", at);
	if (n > 2 && at[0] == '[' && at[n - 1] == ']') {
		at++;
		n -= 2;
	}
	memcpy(host, at, n);
	host[n] = '\0';
	*ret_port = colon + 1;
	return INRO_OK;
}

enum inro_err http_listen_check(const char *at)
{
	char host[256];
	const char *port;

	return split(at, host, sizeof host, &port);
}

static int open_one(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, no = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

enum inro_err http_listen_open(const char *at, int *ret)
{
	const struct addrinfo want = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const char *port;
	char host[256];
	enum inro_err e = split(at, host, sizeof host, &port);
	int fd = -1;

	if (e != INRO_OK)
		return e;
	if (getaddrinfo(host[0] ? host : NULL, port, &want, &found) != 0)
		return err_set(INRO_E_ARG, "'%s' is no address to listen at", at);
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
		fd = open_one(a);
	freeaddrinfo(found);
	if (fd < 0)
		return err_set(INRO_E_IO, "can't listen at %s: %s", at, strerror(errno));
	*ret = fd;
	return INRO_OK;
}

enum inro_err listener_open(const struct http_listen *at, struct listener *ret)
{
	struct sockaddr_storage own = { 0 };
	socklen_t n = sizeof own;
	int fd = at->fd;
	enum inro_err e = at->at ? http_listen_open(at->at, &fd) : INRO_OK;

	if (e != INRO_OK)
		return e;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || getsockname(fd, (void *)&own, &n) != 0)
		return err_set(INRO_E_IO, "descriptor %d is no listening socket: %s", fd,
			       strerror(errno));
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*ret = (struct listener) { .fd = fd, .tls = at->tls, .own = at->at != NULL };
	if (own.ss_family == AF_INET)
		ret->port = ntohs(((struct sockaddr_in *)(void *)&own)->sin_port);
	else if (own.ss_family == AF_INET6)
		ret->port = ntohs(((struct sockaddr_in6 *)(void *)&own)->sin6_port);
	return INRO_OK;
}

/* ---- connections ---- */

void accept_undo(struct loop *l, const struct sockaddr_storage *from)
{
	peers_leave(l->server->peers, from);
	l->server->stats.connections--;
}

static bool admit(struct loop *l, const struct sockaddr_storage *from)
{
	struct http_server *s = l->server;

	s->stats.accepted++;
	if (++s->stats.connections > s->o.limits.connections ||
	    !peers_enter(s->peers, from, s->o.limits.per_peer)) {
		s->stats.connections--;
		s->stats.refused++;
		return false;
	}
	return true;
}

/* Nothing is accepted for a moment: the listener would be reported as ready all the time. */
static void pause_accepting(struct loop *l)
{
	for (size_t i = 0; i < l->server->n_listeners; i++)
		if (l->acceptors[i].event)
			event_del(l->acceptors[i].event);
	timer_start(l->pause, PAUSE_MS);
}

void loop_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	if (l->spare_fd < 0)
		l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < l->server->n_listeners; i++)
		if (l->acceptors[i].event)
			event_add(l->acceptors[i].event, NULL);
}

static void give_up_one(struct loop *l, int listener)
{
	int fd;

	close_fd(&l->spare_fd);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		l->server->stats.refused++;
	}
	l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (l->spare_fd < 0) /* another thread was faster */
		pause_accepting(l);
}

void loop_accept(evutil_socket_t listener, short what, void *arg)
{
	const struct acceptor *a = arg;
	struct accepted in = { .tls = a->at->tls };
	socklen_t n = sizeof in.from;
	int one = 1;

	(void)what;
	in.fd = accept4(listener, (void *)&in.from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (in.fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			give_up_one(a->loop, listener);
		else if (errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(a->loop);
		return;
	}
	if (!admit(a->loop, &in.from)) {
		close(in.fd);
		return;
	}
	setsockopt(in.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(in.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	conn_new(a->loop, &in);
}
