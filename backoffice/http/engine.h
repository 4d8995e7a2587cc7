/*
 * engine - the inside of a server: threads of connections, workers, and what travels between them.
 *
 * 1. A connection belongs to one loop (a thread with an event base) and is touched by no other.
 * 2. An exchange (a request and its answer) is touched by its loop, or by a worker while it is queued
 *    or run there, never by both.  It does not need its connection: that may be gone when it returns.
 * 3. Loop → worker is the pool's queue, worker → loop is the loop's mailbox.  Nothing else is shared
 *    but counters.
 *
 *    connection:  HANDSHAKE → IDLE → HEAD → BODY → WORK → ANSWER → IDLE … → LINGER → gone
 */
#ifndef INRO_BACKOFFICE_HTTP_ENGINE_H
#define INRO_BACKOFFICE_HTTP_ENGINE_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <event2/buffer.h>

#include "backoffice/http/http.h"
#include "backoffice/http/status.h"
#include "base/rate.h"

/* ---- counts ---- */

#define STATS_BUCKETS 14

struct route_stats {
	_Atomic uint64_t by_status[STATUS_KNOWN_MAX];
	_Atomic uint64_t bucket[STATS_BUCKETS]; /* the last: longer than all */
	_Atomic uint64_t sum_us;
};

struct server_stats {
	_Atomic uint64_t connections, accepted, refused, handshakes_failed, timeouts, requests, queue_full,
		peer_over, log_lost;
};

/* ---- peers: how many connections each has ---- */

struct peers;
struct peers *peers_new(void);
void peers_free(struct peers *p);
/* Counts one more; false when it has `max` already, or memory is short. */
bool peers_enter(struct peers *p, const struct sockaddr_storage *from, unsigned max);
void peers_leave(struct peers *p, const struct sockaddr_storage *from);
/* What stands for the address in such counts. */
#define PEERS_KEY 16
void peers_key(const struct sockaddr_storage *from, uint8_t ret[static PEERS_KEY]);

/* Who is at the other end; held by the connection and its exchanges, all in one loop. */
struct peer {
	size_t refs;
	struct http_peer seen;
	uint8_t unique[64], exporter[32];
	struct buf cert;
};
struct peer *peer_new(const struct sockaddr_storage *from);
void peer_learn_tls(struct peer *p, SSL *ssl); /* once its handshake is done */
void peer_learn_bindings(struct peer *p, SSL *ssl); /* NULL: without TLS there are none */
struct peer *peer_hold(struct peer *p);
void peer_release(struct peer *p);

/* 429, with the wait of the answer. */
void http_problem_slow(struct http_answer *a, const char *detail);

/* ---- exchanges ---- */

struct route {
	const struct http_route *row;
	void *arg;
	struct route_stats stats;
};

struct conn;
struct loop;

struct exchange {
	struct exchange *next; /* in a queue or mailbox */
	struct conn *conn;     /* NULL: gone; the loop's */
	struct loop *loop;
	struct peer *peer;
	struct route *route;
	struct http_call call;
	struct http_answer answer;
	struct http_headers headers, query;
	struct buf body;
	size_t head_n;
	char *head, *room; /* texts that headers and arguments point into */
	int64_t began_us;
	bool is_head, close, old; /* HEAD; the connection ends with the answer; HTTP/1.0 */
	bool queued, cut; /* a worker has it or will; the client has gone */
	bool unbound; /* its handler is called again, when the bindings are known */
	bool has_begun, streams, last; /* the head of the answer is out; a piece of many; the last one */
	enum inro_err stream_err;
	uint64_t sent;
};

struct exchange *exchange_new(struct conn *c);
void exchange_free(struct exchange *x);
/* In a worker: the handler, or the next piece of its stream. */
void exchange_run(struct exchange *x, void *worker);
/* In the loop; false: a worker must do it. */
bool exchange_run_here(struct exchange *x);
/* Method, path, query.  0, or the status with which they are refused. */
struct wire_head;
int exchange_address(struct exchange *x, const struct wire_head *h, const char **ret_why);
/* Status line and headers. */
void exchange_put_head(struct exchange *x, struct evbuffer *out);

/* ---- workers ---- */

struct pool;
struct http_server;
MUST_CHECK enum inro_err pool_start(struct http_server *s, unsigned workers, struct pool **ret);
/* False: the queue is full.  What has begun is always taken. */
bool pool_add(struct pool *p, struct exchange *x);
void pool_stop(struct pool *p); /* what waits comes back unrun; takes no more */
void pool_free(struct pool *p);
void pool_counts(struct pool *p, uint64_t *ret_waiting, uint64_t *ret_busy, uint64_t *ret_all);

/* ---- loops ---- */

struct loop {
	struct http_server *server;
	pthread_t thread;
	bool runs;
	struct event_base *base;
	struct event *mail, *flush, *pause;
	struct acceptor { /* one a listener */
		struct loop *loop;
		const struct listener *at;
		struct event *event;
	} *acceptors;
	int mail_fd, spare_fd;
	pthread_mutex_t lock; /* of the mailbox */
	struct exchange *mail_first, **mail_last;
	bool told_drain, told_stop;
	bool draining;
	struct conn *conns; /* all of this loop */
	struct buf log;
};

MUST_CHECK enum inro_err loop_start(struct http_server *s, struct loop *l);
void loop_post(struct loop *l, struct exchange *x); /* any thread */
void loop_tell(struct loop *l, bool *word);	    /* any thread: told_drain or told_stop */
void loop_end(struct loop *l);			    /* after told_stop: waits, and frees all */

/* ---- connections ---- */

struct listener {
	int fd;
	bool tls, own; /* own: nobody else has the socket */
	unsigned port;
};

MUST_CHECK enum inro_err listener_open(const struct http_listen *at, struct listener *ret);
void loop_accept(evutil_socket_t fd, short what, void *arg); /* arg: the event's struct acceptor */
void loop_accept_again(evutil_socket_t fd, short what, void *arg);     /* arg: the loop */
void accept_undo(struct loop *l, const struct sockaddr_storage *from); /* one connection less */

struct accepted {
	int fd;
	bool tls;
	struct sockaddr_storage from;
};
void conn_new(struct loop *l, const struct accepted *in);
void conn_free(struct conn *c);
void conn_take_back(struct exchange *x); /* from a worker */
void conn_drain_all(struct loop *l);
void conn_free_all(struct loop *l);

/* ---- the whole ---- */

#define RATE_BURST 10 /* seconds, of which so many may come at once */

struct http_accounts {
	struct rate *rate;
	_Atomic uint64_t over;
};

struct http_server {
	struct http_options o;
	struct listener *listeners;
	size_t n_listeners;
	struct route *routes;
	size_t n_routes;     /* the last one stands for what fits none */
	struct loop *loops;
	size_t n_loops;
	struct pool *pool;
	struct peers *peers;
	struct rate *peer_rate;
	struct http_accounts accounts;
	struct server_stats stats;
	_Atomic uint64_t ids;
	pthread_mutex_t tls_lock;
	SSL_CTX *tls;
};

/* *ret_status: 404 or 405 when there is none; then *ret_allow names the methods. */
struct route *route_find(struct http_server *s, struct exchange *x, int *ret_status,
			 struct buf *allow);
SSL *server_ssl_new(struct http_server *s);

void stats_count(struct http_server *s, struct route *r, int status, int64_t us);
void log_request(struct exchange *x, int64_t us);
void log_flush(evutil_socket_t fd, short what, void *arg); /* arg: the loop */
int64_t now_us(void);

#endif
