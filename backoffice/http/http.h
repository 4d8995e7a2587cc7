/*
 * http - the HTTP/1.1 server under every protocol of the back office: what a handler sees, and how a
 * server is started.
 *
 * 1. A request reaches its handler whole: head and body are within their limits, the path is
 *    decoded, the method, the scheme and the type of the body are the route's.
 * 2. What two readers could understand differently (two lengths, a length beside chunks, a folded
 *    or misspelt header, a body where none belongs) is refused with 400 and ends the connection.
 * 3. A handler runs in a worker thread; a row with HTTP_HERE runs in the thread of the connection,
 *    takes microseconds and does no I/O.  A client that goes away stops nothing that has begun.
 * 4. The queue before the workers is bounded: what does not fit is answered 503 with Retry-After.  So is what one
 *    address or account may send in a time: 429.
 * 5. Time is bounded from the first byte of a request to its last, not between two bytes.
 * 6. No header or status line can be injected: values with control characters are left out.
 */
#ifndef INRO_BACKOFFICE_HTTP_HTTP_H
#define INRO_BACKOFFICE_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define HTTP_ARGS_MAX	 4
#define HTTP_HEADERS_MAX 64
#define HTTP_QUERY_MAX	 32

/* ---- what a handler sees ---- */

struct http_header {
	const char *name, *value;
};

struct http_headers {
	struct http_header list[HTTP_HEADERS_MAX];
	size_t n;
};

/* Who is at the other end of the connection; the same for all its requests. */
struct http_peer {
	char address[48]; /* without the port */
	bool tls;
	/* DER of the certificate whose key the client has proved to have; empty: none.  Every TLS
	 * connection is asked for one.  The chain was NOT looked at: whether it is one of ours and
	 * still good is for the handler (network.h). */
	struct bytes cert;
	bool bound; /* the bindings below are known: once a handler returned HTTP_BINDINGS */
	struct bytes tls_unique;   /* RFC 5929, TLS 1.2; empty: none */
	struct bytes tls_exporter; /* RFC 9266, 32 bytes; empty: none */
};

/* The next piece of a long answer, into an empty *ret; *ret_end with the last one.  Called by any
 * worker, `worker` is that one's; the next piece is asked for when the client has taken the one
 * before.  An error cuts the connection, so that the client sees that the answer is not whole. */
typedef enum inro_err http_more(void *arg, void *worker, struct buf *ret, bool *ret_end);

/* A body that many answers share, such as a list of a hundred megabytes. */
struct http_shared;
/* Takes the content over; one reference is the caller's.  NULL when memory is short: *content stays. */
struct http_shared *http_shared_new(struct buf *content);
struct http_shared *http_shared_hold(struct http_shared *s);
void http_shared_release(struct http_shared *s); /* NULL is fine; any thread */
struct bytes http_shared_bytes(const struct http_shared *s);

struct http_answer {
	int status;	  /* 200 when the handler is called */
	const char *type; /* Content-Type: a text that stays; NULL: none */
	struct buf body;
	struct http_shared *shared; /* in place of body; the engine releases it */
	struct {		    /* in place of body: sent in chunks */
		http_more *more;
		void (*end)(void *arg); /* always called once, also when the client has gone; any thread */
		void *arg;
	} stream;
	struct buf headers; /* by http_answer_header() */
	/* The engine's. */
	unsigned wait; /* seconds, said with a 429 */
	uint64_t id;
	char *fault;   /* what the log is told of what went wrong here, */
	char *refusal; /* and why what was asked was refused */
};

/* Adds a header.  A name that is no token, or a value with control characters, is left out. */
void http_answer_header(struct http_answer *a, const char *name, const char *value);
/* Replaces what is in the answer by a problem document (RFC 9457), application/problem+json.  Headers
 * stay; detail may be NULL.  The log of this request has the detail of a 4xx, too. */
void http_problem(struct http_answer *a, int status, const char *detail);
/* The same with the status of the error, as when a handler returns it; err_detail() where a client may
 * see it.  The table is total. */
void http_problem_of(struct http_answer *a, enum inro_err e);
/* The log of this request tells the error, and the first of many: for protocols that answer 200 to what
 * went wrong here. */
void http_fault(struct http_answer *a, enum inro_err e);
/* It tells why this was refused: for protocols that answer 200 to that, too.  The last one counts. */
void http_refused(struct http_answer *a, const char *why);
/* What a client is told of an error: its detail where the client may see it. */
const char *http_words_of(enum inro_err e);
int http_status_of(enum inro_err e);

struct http_call { /* valid until the handler returns */
	const char *method; /* GET for a HEAD, too */
	const char *path;   /* as it came, without the query */
	const char *args[HTTP_ARGS_MAX]; /* what {…} of the pattern matched: decoded, UTF-8, no control
					    character, no '/', never empty */
	size_t n_args;
	const struct http_headers *headers;
	struct bytes body;
	const struct http_peer *peer;
	void *worker; /* what worker_begin made for this thread; NULL in the connection's thread */
	uint64_t id;  /* of this request, as in the log */
	struct http_answer *answer;
	const struct http_headers *query; /* its parameters, decoded ('+' is a space), in their order */
	struct http_accounts *accounts; /* http_account()'s; NULL: they are not counted */
};

/* One request more of an account or a device, once it is known who asks; both 0: nobody's.  INRO_E_BUSY when there
 * are too many: the handler returns it, and the answer is 429 with Retry-After. */
enum inro_err http_account(const struct http_call *call, int64_t account, int64_t device);

/* The value of a header that came once; several of one name are joined by ", ".  NULL: none. */
const char *http_header(const struct http_call *c, const char *name);
/* Does If-None-Match name this entity tag (with its quotes), be it as a weak one (RFC 9110 13.1.2)?  Then the answer is
 * 304. */
bool http_unchanged(const struct http_call *c, const char *etag);
/* The same by If-Modified-Since, which counts only without If-None-Match. */
bool http_not_modified(const struct http_call *c, int64_t last_modified);

/* INRO_OK: the answer goes out as it stands.  An error: its problem document goes out in place of the
 * answer; of an error that is ours and not the client's it shows only the request's number. */
typedef enum inro_err http_handler(struct http_call *call, void *arg);

/* What a HTTP_HERE handler returns to be called again by a worker. */
#define HTTP_LATER INRO_E__MAX
/* What one in a worker returns, before it has changed anything, to be called again with peer->bound. */
#define HTTP_BINDINGS (INRO_E__MAX + 1)

enum http_flag {
	HTTP_PLAIN = 1, /* may also come without TLS */
	HTTP_HERE = 2,	/* runs in the connection's thread */
};

struct http_route {
	const char *method;  /* "GET" answers HEAD, too */
	const char *pattern; /* "/v1/devices/{id}"; a last segment "{name...}" takes the rest with its '/' */
	unsigned flags;
	http_handler *run;
	void *arg;	  /* NULL: that of the table */
	size_t body_max;  /* 0: it has none */
	const char *type; /* accepted Content-Type without its parameters; NULL: any */
};

/* The rows of one protocol. */
struct http_table {
	const struct http_route *routes;
	size_t n;
	void *arg;
};

/* ---- a server ---- */

struct http_listen {
	const char *at; /* "127.0.0.1:8443", "[::1]:0", ":443" for all addresses */
	int fd;		/* a listening socket that was inherited, when `at` is NULL; it is taken over */
	bool tls;
};

struct http_limits { /* 0: what stands behind */
	size_t header;		 /* bytes of request line and headers, 16384 */
	unsigned request_seconds; /* from a request's first byte to its last, 20; more for bodies, by 4 KiB/s */
	unsigned idle_seconds;	 /* between two requests, 60 */
	unsigned handshake_seconds; /* of TLS, 10 */
	unsigned connections;	 /* 10000 in all, */
	unsigned per_peer;	 /* 1000 from one address (IPv6: a /64) */
	unsigned queue;		 /* requests that wait for a worker, 1024 */
	/* Requests for workers a second, on average of ten seconds: 2000 from one address (as above, and as IPv4 by
	 * NAT64), 2000 of one account or device; what is over it is answered 429.  1000000: as many as come. */
	unsigned peer_rate, account_rate;
};

struct ssl_ctx_st;
struct http_server;

struct http_options {
	const struct http_listen *listen;
	size_t n_listen;
	const struct http_table *tables;
	size_t n_tables;
	unsigned threads; /* of connections; 0: one a core, 8 at most */
	unsigned workers; /* 0: two a core, 16 at least: what they write at once goes to disk at once */
	struct http_limits limits;
	struct ssl_ctx_st *tls; /* http_tls_prepare() was called for it; the server holds a reference */
	/* In each worker's own thread.  An error ends the start.  NULL: call->worker is NULL. */
	enum inro_err (*worker_begin)(void *arg, void **ret);
	void (*worker_end)(void *arg, void *worker);
	void *worker_arg;
	int log_fd; /* a JSON line a request; -1: none */
};

/* The tables' rows must stay, and what the callbacks get. */
MUST_CHECK enum inro_err http_server_start(const struct http_options *o, struct http_server **ret);
/* INRO_E_ARG: it is not ADDRESS:PORT.  Nothing is looked up. */
MUST_CHECK enum inro_err http_listen_check(const char *at);
/* A socket that listens there, for http_listen.fd: for who gives up his rights before he starts. */
MUST_CHECK enum inro_err http_listen_open(const char *at, int *ret_fd);
/* The port of the i-th listener. */
unsigned http_server_port(const struct http_server *s, size_t i);
/* New connections are refused; at a socket that was inherited they wait for who has it next.  Idle ones
 * are closed, what has begun is finished, also a handshake and the request behind it.  Returns when all is done or
 * after so many seconds.  How many connections were left. */
size_t http_server_drain(struct http_server *s, unsigned seconds);
/* Ends every connection and thread; NULL is fine. */
void http_server_stop(struct http_server *s);
void http_server_stop_ptr(struct http_server **s); /* for AUTO() */

/* Versions, ciphers, tickets that change their key, no renegotiation, no compression; with `certs` a
 * client is asked for a certificate, and may have none. */
MUST_CHECK enum inro_err http_tls_prepare(struct ssl_ctx_st *ctx, bool certs);
/* New connections get this one; any thread. */
void http_tls_swap(struct http_server *s, struct ssl_ctx_st *ctx);

struct http_stats {
	uint64_t connections;	/* open now */
	uint64_t accepted, refused; /* since the start; refused: over a limit */
	uint64_t handshakes_failed;
	uint64_t timeouts;
	uint64_t requests;
	uint64_t queued, queue_full; /* waiting now; answered 503 since the start */
	uint64_t peer_over, account_over; /* answered 429 since the start */
	uint64_t workers, workers_busy;
};
void http_server_stats(const struct http_server *s, struct http_stats *ret);
/* The same and the requests by route, status and time, as Prometheus reads it (text, 0.0.4). */
void http_server_metrics(const struct http_server *s, struct buf *out);

#endif
