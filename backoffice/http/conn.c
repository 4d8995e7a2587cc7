/*
 * conn - a connection's life: handshake, requests one behind the other, and an end that the client
 * understands.
 *
 * 1. A callback of libevent never frees its connection under somebody's hands: it is marked as gone
 *    and freed by settle(), the last thing that each callback does.
 * 2. There is one exchange at a time; what a client sends ahead waits in the input buffer, which
 *    stops reading when it is full.
 * 3. After an answer that ends the connection while the client still sends, its bytes are read and
 *    thrown away for a moment: a reset would take the answer away from it.
 */
#include "backoffice/http/conn.h"
#include "backoffice/http/timer.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backoffice/http/path.h"
#include "backoffice/http/wire.h"
#include "base/clock.h"

#define LINGER_MS	 2000
#define FIRST_MS	 2000 /* that a new connection has for its request when the server ends */
#define SLOWEST_PER_SECOND 4096 /* bytes of a body */
#define INPUT_SLACK	 32768
#define CONTINUE_LINE	 "HTTP/1.1 100 Continue\r\n\r\n"
#define HEAD_ROOM	 512
#define PIECE_MAX	 16384 /* a record of TLS */

static void to_worker(struct conn *c);

static void settle(struct conn *c)
{
	if (c->state == CONN_GONE)
		conn_free(c);
}

static void set_timer(struct conn *c, int64_t ms)
{
	timer_start(c->timer, ms);
}

static int64_t patience(const struct conn *c, uint64_t bytes)
{
	return (int64_t)c->loop->server->o.limits.request_seconds * 1000 +
	       (int64_t)(bytes / SLOWEST_PER_SECOND) * 1000;
}

static struct evbuffer *input_of(struct conn *c)
{
	return bufferevent_get_input(c->bev);
}

/* ---- answers ---- */

static void go_idle(struct conn *c)
{
	c->state = CONN_IDLE;
	c->scanned = 0;
	set_timer(c, c->loop->draining ? FIRST_MS : (int64_t)c->loop->server->o.limits.idle_seconds * 1000);
}

/* Says that nothing more comes, and gives the client time to read it. */
static void linger(struct conn *c)
{
	if (c->ssl)
		SSL_shutdown(c->ssl);
	ERR_clear_error();
	if (c->eof || shutdown(bufferevent_getfd(c->bev), SHUT_WR) != 0) {
		c->state = CONN_GONE;
		return;
	}
	c->state = CONN_LINGER;
	evbuffer_drain(input_of(c), evbuffer_get_length(input_of(c)));
	set_timer(c, LINGER_MS);
}

static void finish(struct conn *c)
{
	struct exchange *x = c->x;
	bool close = x->close || x->stream_err || c->loop->draining;
	int64_t us = now_us() - x->began_us;

	stats_count(c->loop->server, x->route, x->answer.status, us);
	log_request(x, us);
	c->x = NULL;
	c->used = true;
	exchange_free(x);
	if (close)
		linger(c);
	else
		go_idle(c);
}

static void release_shared(const void *p, size_t n, void *arg)
{
	(void)p;
	(void)n;
	http_shared_release(arg);
}

static void release_buf(const void *p, size_t n, void *arg)
{
	struct buf *b = arg;

	(void)p;
	(void)n;
	buf_clear(b);
	free(b);
}

/* Secrets are not copied to where nobody wipes them. */
static void put_secret(struct evbuffer *out, struct buf *body)
{
	struct buf *own = malloc(sizeof *own);

	if (!own)
		return;
	*own = *body;
	*body = (struct buf) { 0 };
	if (evbuffer_add_reference(out, own->p, own->n, release_buf, own) != 0)
		release_buf(NULL, 0, own);
}

static void put_body(struct exchange *x, struct evbuffer *out)
{
	struct http_answer *a = &x->answer;
	struct bytes body = a->shared ? http_shared_bytes(a->shared) : buf_bytes(&a->body);

	x->sent += body.n;
	if (!body.n)
		return;
	if (a->shared &&
	    evbuffer_add_reference(out, body.p, body.n, release_shared, a->shared) == 0)
		a->shared = NULL;
	else if (a->body.secret)
		put_secret(out, &a->body);
	else
		evbuffer_add(out, body.p, body.n);
}

static void put_piece(struct exchange *x, struct evbuffer *out)
{
	if (x->answer.body.n && !x->old)
		evbuffer_add_printf(out, "%zx\r\n", x->answer.body.n);
	if (x->answer.body.n) {
		put_body(x, out);
		if (!x->old)
			evbuffer_add(out, "\r\n", 2);
	}
	if (x->last && !x->old)
		evbuffer_add(out, "0\r\n\r\n", 5);
	buf_reset(&x->answer.body);
}

/* Head and body side by side: they go out by one write, in one record of TLS. */
static void make_room(const struct exchange *x, struct evbuffer *out)
{
	const struct http_answer *a = &x->answer;
	size_t n = HEAD_ROOM + a->headers.n + a->body.n;

	if (!a->shared && !a->body.secret && n <= PIECE_MAX && evbuffer_expand(out, n) != 0)
		return; /* in two, then */
}

/* All that there was is with the client. */
static void on_drained(struct conn *c)
{
	if (c->x->streams && !c->x->last)
		to_worker(c);
	else
		finish(c);
}

/* What there is of the answer goes out; `c` may be gone afterwards. */
static void answer(struct conn *c)
{
	struct exchange *x = c->x;
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (x->stream_err) {
		c->state = CONN_GONE;
		return;
	}
	x->close = x->close || c->loop->draining || c->eof;
	if (!x->has_begun) {
		make_room(x, out);
		exchange_put_head(x, out);
	}
	x->has_begun = true;
	if (x->is_head)
		x->last = true;
	else if (x->streams)
		put_piece(x, out);
	else
		put_body(x, out);
	c->state = CONN_ANSWER;
	set_timer(c, patience(c, evbuffer_get_length(out)));
	if (!evbuffer_get_length(out))
		on_drained(c);
}

static void refuse(struct conn *c, int status, const char *why, bool close)
{
	c->x->close = c->x->close || close;
	c->x->streams = false;
	http_problem(&c->x->answer, status, why);
	answer(c);
}

/* To a worker; or the answer that there is no room. */
static void to_worker(struct conn *c)
{
	event_del(c->timer);
	c->state = CONN_WORK;
	c->x->queued = true;
	if (pool_add(c->loop->server->pool, c->x))
		return;
	c->x->queued = false;
	c->loop->server->stats.queue_full++;
	http_answer_header(&c->x->answer, "Retry-After", "2");
	refuse(c, 503, "too many requests wait already; try again", false);
}

/* What is answered here costs next to nothing; what a worker does is shared by all. */
static bool is_too_fast(struct conn *c)
{
	struct http_server *s = c->loop->server;
	uint8_t key[PEERS_KEY];
	unsigned wait;

	peers_key(&c->from, key);
	wait = rate_take(s->peer_rate, BYTES(key, sizeof key), now_us());
	if (!wait)
		return false;
	s->stats.peer_over++;
	c->x->streams = false;
	c->x->answer.wait = wait;
	http_problem_slow(&c->x->answer, "this address sends more requests than one may here; wait");
	answer(c);
	return true;
}

static void dispatch(struct conn *c)
{
	struct exchange *x = c->x;

	x->call.body = buf_bytes(&x->body);
	if (x->route->row->flags & HTTP_HERE && exchange_run_here(x) && !x->streams)
		answer(c);
	else if (!is_too_fast(c))
		to_worker(c);
}

/* ---- requests ---- */

static bool has_type(const struct exchange *x)
{
	const char *want = x->route->row->type, *is = http_header(&x->call, "Content-Type");
	size_t n = is ? strcspn(is, "; \t") : 0;

	return !want || (n == strlen(want) && !strncasecmp(is, want, n));
}

static void refuse_type(struct conn *c, bool close)
{
	char why[128];

	snprintf(why, sizeof why, "the body is to be of the type %s", c->x->route->row->type);
	refuse(c, 415, why, close);
}

/* What can be said before the body is there. */
static bool fits(struct conn *c, const struct wire_head *h)
{
	struct exchange *x = c->x;
	size_t max = x->route->row->body_max;
	bool has_body = h->chunked || h->length;

	if (!c->peer->seen.tls && !(x->route->row->flags & HTTP_PLAIN))
		refuse(c, 403, "this is only for TLS connections", has_body);
	else if (h->length > max || (h->chunked && !max))
		refuse(c, 413, max ? "the body is longer than is taken here" : "no body belongs here",
		       true);
	else if (max && !has_type(x))
		refuse_type(c, has_body);
	else
		return true;
	return false;
}

static void begin_body(struct conn *c, const struct wire_head *h)
{
	c->body = (struct body) {
		.chunked = h->chunked,
		.stage = h->chunked ? BODY_SIZE : BODY_DATA,
		.left = h->length,
		.max = c->x->route->row->body_max,
	};
	c->x->body.max = c->body.max + 1;
	c->state = CONN_BODY;
	if (h->expects_continue && !evbuffer_get_length(input_of(c)))
		bufferevent_write(c->bev, CONTINUE_LINE, sizeof CONTINUE_LINE - 1);
}

static void on_head(struct conn *c, size_t n)
{
	struct wire_head h = { .headers = &c->x->headers };
	struct exchange *x = c->x;
	SCOPED(buf) allow = { 0 };
	const char *why = NULL;
	int status = wire_head_read(x->head, n, &h, &why);

	x->close = h.close || status;
	x->old = !status && h.minor == 0;
	if (!status)
		status = exchange_address(x, &h, &why);
	if (status) {
		refuse(c, status, why, true);
		return;
	}
	x->route = route_find(c->loop->server, x, &status, &allow);
	if (status) {
		if (allow.n)
			http_answer_header(&x->answer, "Allow", (const char *)allow.p);
		refuse(c, status, status == 404 ? "there is nothing of that name"
						: "this method does not belong here",
		       h.chunked || h.length);
		return;
	}
	if (!fits(c, &h))
		return;
	if (h.chunked || h.length)
		begin_body(c, &h);
	else
		dispatch(c);
}

static bool begin_exchange(struct conn *c, size_t head)
{
	if (!c->peer && (c->peer = peer_new(&c->from)) && c->ssl)
		peer_learn_tls(c->peer, c->ssl);
	c->x = c->peer ? exchange_new(c) : NULL;
	if (c->x)
		c->x->head = malloc(head + 1);
	if (c->x && c->x->head) {
		c->x->head_n = head;
		return true;
	}
	c->state = CONN_GONE;
	return false;
}

/* False: there is nothing more to do for now. */
static bool read_head(struct conn *c)
{
	size_t max = c->loop->server->o.limits.header, n = evbuffer_get_length(input_of(c)), head;
	const uint8_t *p = evbuffer_pullup(input_of(c), (ev_ssize_t)(n < max ? n : max));

	if (!n || !p)
		return false;
	if (c->state == CONN_IDLE) {
		c->state = CONN_HEAD;
		c->began_ms = clock_monotonic_ms();
		set_timer(c, patience(c, 0));
	}
	head = wire_head_length(BYTES(p, n < max ? n : max), &c->scanned);
	if (head && head <= 2) { /* RFC 9112 2.2: an empty line before the request */
		evbuffer_drain(input_of(c), head);
		c->scanned = 0;
		return true;
	}
	if (!head && n < max)
		return false;
	if (!begin_exchange(c, head))
		return false;
	if (!head)
		refuse(c, 431, "the headers are longer than is taken here", true);
	else if (evbuffer_remove(input_of(c), c->x->head, head) == (int)head)
		on_head(c, head);
	return true;
}

static bool read_body(struct conn *c)
{
	const char *why = NULL;
	int status = wire_body_read(&c->body, input_of(c), &c->x->body, &why);
	bool open = c->body.chunked || c->body.left;

	if (status == 0) {
		int64_t left = c->began_ms + patience(c, c->body.taken) - clock_monotonic_ms();

		set_timer(c, left > 0 ? left : 1);
		return false;
	}
	if (status == 1)
		dispatch(c);
	else
		refuse(c, status, why, open);
	return true;
}

static bool throw_away(struct conn *c)
{
	evbuffer_drain(input_of(c), evbuffer_get_length(input_of(c)));
	return false;
}

static bool wait(struct conn *c)
{
	(void)c;
	return false;
}

static void feed(struct conn *c)
{
	static bool (*const steps[])(struct conn *) = {
		[CONN_HANDSHAKE] = wait, [CONN_IDLE] = read_head, [CONN_HEAD] = read_head,
		[CONN_BODY] = read_body, [CONN_WORK] = wait,	  [CONN_ANSWER] = wait,
		[CONN_LINGER] = throw_away, [CONN_GONE] = wait,
	};

	while (steps[c->state](c))
		;
	if (c->eof && c->state <= CONN_BODY)
		c->state = CONN_GONE;
}

/* ---- what libevent calls ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	(void)bev;
	feed(c);
	settle(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_ANSWER && !evbuffer_get_length(bufferevent_get_output(bev))) {
		on_drained(c);
		feed(c);
	}
	settle(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;
	bool waits = c->state == CONN_WORK || c->state == CONN_ANSWER;

	(void)bev;
	ERR_clear_error();
	if (what & BEV_EVENT_CONNECTED) {
		go_idle(c);
		feed(c);
	} else if (what & BEV_EVENT_EOF && !c->ssl && waits) {
		c->eof = true; /* it may still listen */
	} else {
		if (c->state == CONN_HANDSHAKE)
			c->loop->server->stats.handshakes_failed++;
		c->state = CONN_GONE;
	}
	settle(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state != CONN_IDLE && c->state != CONN_LINGER)
		c->loop->server->stats.timeouts++;
	if (c->state == CONN_BODY || (c->state == CONN_HEAD && begin_exchange(c, 0)))
		refuse(c, 408, "the request took too long to come", true);
	else
		c->state = CONN_GONE;
	settle(c);
}

/* ---- beginning and end ---- */

static struct bufferevent *new_bufferevent(struct loop *l, const struct accepted *in, SSL **ret_ssl)
{
	*ret_ssl = in->tls ? server_ssl_new(l->server) : NULL;
	if (in->tls && !*ret_ssl)
		return NULL;
	if (!in->tls)
		return bufferevent_socket_new(l->base, in->fd, BEV_OPT_CLOSE_ON_FREE);
	return bufferevent_openssl_socket_new(l->base, in->fd, *ret_ssl, BUFFEREVENT_SSL_ACCEPTING,
					      BEV_OPT_CLOSE_ON_FREE);
}

static void begin(struct conn *c)
{
	const struct http_limits *limits = &c->loop->server->o.limits;

	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, limits->header + INPUT_SLACK);
	if (c->ssl)
		bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
	c->state = c->ssl ? CONN_HANDSHAKE : CONN_IDLE;
	set_timer(c, (int64_t)(c->ssl ? limits->handshake_seconds : limits->idle_seconds) * 1000);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void link_in(struct loop *l, struct conn *c)
{
	c->loop = l;
	c->next = l->conns;
	c->back = &l->conns;
	if (c->next)
		c->next->back = &c->next;
	l->conns = c;
}

void conn_new(struct loop *l, const struct accepted *in)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c) {
		close(in->fd);
		accept_undo(l, &in->from);
		return;
	}
	c->from = in->from;
	link_in(l, c);
	c->timer = evtimer_new(l->base, on_timer, c);
	c->bev = new_bufferevent(l, in, &c->ssl);
	if (!c->bev && !c->ssl)
		close(in->fd);
	if (c->bev && c->timer)
		begin(c);
	else
		conn_free(c);
}

/* A request that nobody waits for any more. */
static void cut(struct exchange *x)
{
	int64_t us = now_us() - x->began_us;

	x->cut = true;
	stats_count(x->loop->server, x->route, x->answer.status, us);
	log_request(x, us);
	exchange_free(x);
}

static void let_go(struct conn *c)
{
	struct exchange *x = c->x;

	c->x = NULL;
	if (x && x->queued)
		x->conn = NULL;
	else if (x)
		cut(x);
}

void conn_free(struct conn *c)
{
	*c->back = c->next;
	if (c->next)
		c->next->back = c->back;
	if (c->x)
		let_go(c);
	if (c->ssl && c->bev && SSL_is_init_finished(c->ssl))
		SSL_shutdown(c->ssl);
	ERR_clear_error();
	if (c->bev)
		bufferevent_free(c->bev);
	if (c->timer)
		event_free(c->timer);
	accept_undo(c->loop, &c->from);
	peer_release(c->peer);
	free(c);
}

void conn_take_back(struct exchange *x)
{
	struct conn *c = x->conn;

	x->queued = false;
	if (!c) {
		cut(x);
		return;
	}
	if (x->unbound) {
		peer_learn_bindings(c->peer, c->ssl);
		to_worker(c);
	} else {
		answer(c);
		feed(c);
	}
	settle(c);
}

/* A client may lose a connection that it has used between two requests, and asks by another one.  Whose connection is
 * new has asked for nothing in vain yet: it ends its handshake, and has a moment for its request. */
static void drain_one(struct conn *c)
{
	if (c->state != CONN_IDLE || evbuffer_get_length(input_of(c)))
		return;
	if (c->used)
		conn_free(c);
	else
		set_timer(c, FIRST_MS);
}

void conn_drain_all(struct loop *l)
{
	for (struct conn *c = l->conns, *next; c; c = next) {
		next = c->next;
		drain_one(c);
	}
}

void conn_free_all(struct loop *l)
{
	while (l->conns)
		conn_free(l->conns);
}
