/* server - the whole: its sockets, routes and threads, started and ended in order. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backoffice/http/engine.h"
#include "backoffice/http/path.h"
#include "base/clock.h"

#define THREADS_MAX    8
#define WORKERS_LEAST  16
#define DRAIN_STEP_US  5000

static const struct http_limits usual = {
	.header = 16384,
	.request_seconds = 20,
	.idle_seconds = 60,
	.handshake_seconds = 10,
	.connections = 10000,
	.per_peer = 1000,
	.queue = 1024,
	.peer_rate = 2000,
	.account_rate = 2000,
};

static unsigned or_usual(unsigned given, unsigned usually)
{
	return given ? given : usually;
}

static void fill_limits(struct http_limits *l)
{
	l->header = l->header ? l->header : usual.header;
	l->request_seconds = or_usual(l->request_seconds, usual.request_seconds);
	l->idle_seconds = or_usual(l->idle_seconds, usual.idle_seconds);
	l->handshake_seconds = or_usual(l->handshake_seconds, usual.handshake_seconds);
	l->connections = or_usual(l->connections, usual.connections);
	l->per_peer = or_usual(l->per_peer, usual.per_peer);
	l->queue = or_usual(l->queue, usual.queue);
	l->peer_rate = or_usual(l->peer_rate, usual.peer_rate);
	l->account_rate = or_usual(l->account_rate, usual.account_rate);
}

static void fill_options(struct http_options *o)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = cores < 1 ? 1 : (unsigned)cores;

	fill_limits(&o->limits);
	o->threads = or_usual(o->threads, n < THREADS_MAX ? n : THREADS_MAX);
	o->workers = or_usual(o->workers, 2 * n > WORKERS_LEAST ? 2 * n : WORKERS_LEAST);
}

/* As many descriptors as this process may have. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* ---- routes ---- */

static enum inro_err fill_routes(struct http_server *s)
{
	size_t n = 1, at = 0;

	for (size_t i = 0; i < s->o.n_tables; i++)
		n += s->o.tables[i].n;
	s->routes = calloc(n, sizeof *s->routes);
	if (!s->routes)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu routes", n);
	s->n_routes = n;
	for (size_t i = 0; i < s->o.n_tables; i++)
		for (size_t k = 0; k < s->o.tables[i].n; k++, at++) {
			const struct http_route *row = &s->o.tables[i].routes[k];

			s->routes[at].row = row;
			s->routes[at].arg = row->arg ? row->arg : s->o.tables[i].arg;
		}
	return INRO_OK;
}

static void add_method(struct buf *allow, const char *method)
{
	buf_addf(allow, "%s%s%s", allow->n ? ", " : "", method,
		 strcmp(method, "GET") ? "" : ", HEAD");
}

static void set_args(struct http_call *c, const struct path_args *a)
{
	memcpy(c->args, a->args, sizeof c->args);
	c->n_args = a->n;
}

struct route *route_find(struct http_server *s, struct exchange *x, int *ret_status,
			 struct buf *allow)
{
	for (size_t i = 0; i + 1 < s->n_routes; i++) {
		struct route *r = &s->routes[i];
		struct path_args args;

		if (!path_match(r->row->pattern, x->call.path, x->room, &args))
			continue;
		if (strcmp(r->row->method, x->call.method) == 0) {
			set_args(&x->call, &args);
			return r;
		}
		add_method(allow, r->row->method);
	}
	buf_add_u8(allow, 0);
	allow->n -= allow->n > 0;
	*ret_status = allow->n ? 405 : 404;
	return NULL;
}

/* ---- beginning and end ---- */

static enum inro_err open_listeners(struct http_server *s)
{
	enum inro_err e = INRO_OK;

	s->listeners = calloc(s->o.n_listen ? s->o.n_listen : 1, sizeof *s->listeners);
	if (!s->listeners)
		return err_set(INRO_E_NO_MEMORY, "no memory for listeners");
	for (size_t i = 0; e == INRO_OK && i < s->o.n_listen; i++) {
		if (s->o.listen[i].tls && !s->tls)
			return err_set(INRO_E_CONFIG, "a TLS listener needs a key and a certificate");
		e = listener_open(&s->o.listen[i], &s->listeners[i]);
		s->n_listeners += e == INRO_OK;
	}
	return e;
}

static enum inro_err start_loops(struct http_server *s)
{
	enum inro_err e = INRO_OK;

	s->loops = calloc(s->o.threads, sizeof *s->loops);
	if (!s->loops)
		return err_set(INRO_E_NO_MEMORY, "no memory for threads");
	while (e == INRO_OK && s->n_loops < s->o.threads)
		e = loop_start(s, &s->loops[s->n_loops++]);
	return e;
}

/* Signals are the program's own thread's; a lost connection is no signal at all. */
static enum inro_err start_threads(struct http_server *s)
{
	sigset_t all, before;
	enum inro_err e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pool_start(s, s->o.workers, &s->pool);
	if (e == INRO_OK)
		e = start_loops(s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}

enum inro_err http_server_start(const struct http_options *o, struct http_server **ret)
{
	AUTO(http_server_stop_ptr) struct http_server *s = calloc(1, sizeof *s);
	enum inro_err e;

	if (!s || !(s->peers = peers_new()))
		return err_set(INRO_E_NO_MEMORY, "no memory for a server");
	pthread_mutex_init(&s->tls_lock, NULL);
	s->o = *o;
	fill_options(&s->o);
	s->peer_rate = rate_new(s->o.limits.peer_rate, RATE_BURST);
	s->accounts.rate = rate_new(s->o.limits.account_rate, RATE_BURST);
	if (!s->peer_rate || !s->accounts.rate)
		return err_set(INRO_E_NO_MEMORY, "no memory for a server");
	raise_descriptors();
	if (o->tls)
		http_tls_swap(s, o->tls);
	e = fill_routes(s);
	if (e == INRO_OK)
		e = open_listeners(s);
	if (e == INRO_OK)
		e = start_threads(s);
	if (e != INRO_OK)
		return e;
	*ret = s;
	s = NULL;
	return INRO_OK;
}

unsigned http_server_port(const struct http_server *s, size_t i)
{
	return i < s->n_listeners ? s->listeners[i].port : 0;
}

static void close_listeners(struct http_server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		close_fd(&s->listeners[i].fd);
	s->n_listeners = 0;
}

/* A socket that was handed over keeps its queue for who has it next. */
static void refuse_new(struct http_server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		if (s->listeners[i].own)
			shutdown(s->listeners[i].fd, SHUT_RDWR);
}

size_t http_server_drain(struct http_server *s, unsigned seconds)
{
	int64_t end = clock_monotonic_ms() + (int64_t)seconds * 1000;

	for (size_t i = 0; i < s->n_loops; i++)
		loop_tell(&s->loops[i], &s->loops[i].told_drain);
	refuse_new(s);
	while (s->stats.connections && clock_monotonic_ms() < end)
		usleep(DRAIN_STEP_US);
	return (size_t)s->stats.connections;
}

static void end_loops(struct http_server *s)
{
	for (size_t i = 0; i < s->n_loops; i++)
		loop_tell(&s->loops[i], &s->loops[i].told_stop);
	for (size_t i = 0; i < s->n_loops; i++)
		loop_end(&s->loops[i]);
}

void http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	pool_stop(s->pool);
	end_loops(s);
	pool_free(s->pool);
	close_listeners(s);
	free(s->listeners);
	free(s->loops);
	free(s->routes);
	peers_free(s->peers);
	rate_free(s->peer_rate);
	rate_free(s->accounts.rate);
	SSL_CTX_free(s->tls);
	pthread_mutex_destroy(&s->tls_lock);
	free(s);
}

void http_server_stop_ptr(struct http_server **s)
{
	http_server_stop(*s);
}
