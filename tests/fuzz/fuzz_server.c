/*
 * fuzz_server - what anybody sends to the server's socket: heads, bodies, several requests one behind the other.
 *
 * 1. The first byte says in pieces of what length it is sent; it comes to the same answers as in one piece, but
 *    that the server goes when it sees that the client has gone: of one of the two there may be more.
 * 2. Every answer is one of HTTP, none says that the server is broken, and in the end the connection is closed.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backoffice/http/http.h"
#include "tests/lib/scratch.h"

#define REQUESTS_MAX 16384
#define ANSWERS_MAX  ((size_t)1 << 20)
#define STATUS_MAX   512
#define PATIENCE_MS  10000

static const char line[] = "HTTP/1.1 ";

/* ---- the server ---- */

static enum inro_err h_args(struct http_call *call, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < call->n_args; i++)
		buf_addf(&call->answer->body, "%zu ", strlen(call->args[i]));
	for (size_t i = 0; i < call->query->n; i++)
		buf_addf(&call->answer->body, "%zu,", strlen(call->query->list[i].value));
	return buf_err(&call->answer->body);
}

static enum inro_err h_body(struct http_call *call, void *arg)
{
	(void)arg;
	buf_addf(&call->answer->body, "%zu", call->body.n);
	return buf_err(&call->answer->body);
}

static enum inro_err h_later(struct http_call *call, void *arg)
{
	(void)arg;
	return call->worker ? INRO_OK : HTTP_LATER;
}

static enum inro_err h_unchanged(struct http_call *call, void *arg)
{
	(void)arg;
	if (http_unchanged(call, "\"v1\"") || http_not_modified(call, 1700000000))
		call->answer->status = 304;
	return INRO_OK;
}

static const struct http_route routes[] = {
	{ "GET", "/healthz", HTTP_PLAIN | HTTP_HERE, h_args, NULL, 0, NULL },
	{ "GET", "/a/{b}/c/{d}", HTTP_PLAIN, h_args, NULL, 0, NULL },
	{ "GET", "/crl/{rest...}", HTTP_PLAIN | HTTP_HERE, h_unchanged, NULL, 0, NULL },
	{ "GET", "/later", HTTP_PLAIN | HTTP_HERE, h_later, NULL, 0, NULL },
	{ "GET", "/secret", 0, h_args, NULL, 0, NULL },
	{ "POST", "/v1/devices", HTTP_PLAIN, h_body, NULL, 4096, "application/json" },
	{ "PATCH", "/v1/devices/{id}", HTTP_PLAIN, h_body, NULL, 64, NULL },
	{ "DELETE", "/v1/devices/{id}", HTTP_PLAIN, h_args, NULL, 0, NULL },
};

static struct sockaddr_un where = { .sun_family = AF_UNIX };

static enum inro_err begin(void *arg, void **ret)
{
	*ret = arg;
	return INRO_OK;
}

static void end(void *arg, void *worker)
{
	(void)arg, (void)worker;
}

static void serve(void)
{
	static struct http_server *server;
	static const struct http_table table = { .routes = routes, .n = ARRAY_LEN(routes) };
	struct http_listen at = { .fd = -1 };
	const struct http_options o = { .listen = &at, .n_listen = 1, .tables = &table, .n_tables = 1, .threads = 1,
					.workers = 1, .log_fd = -1, .worker_begin = begin, .worker_end = end,
					.worker_arg = &where,
					.limits = { .header = 4096, .peer_rate = 1000000, .account_rate = 1000000,
						    .request_seconds = 5, .idle_seconds = 5 } };

	if (server)
		return;
	at.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	snprintf(where.sun_path, sizeof where.sun_path, "%s", scratch_path("http"));
	FUZZ_REQUIRE(at.fd >= 0 && !bind(at.fd, (struct sockaddr *)&where, sizeof where) && !listen(at.fd, 16));
	FUZZ_REQUIRE(http_server_start(&o, &server) == INRO_OK);
}

/* ---- a client ---- */

/* What there is of answers; whether the server ended it. */
static bool receive(int fd, struct buf *out)
{
	uint8_t room[4096];
	ssize_t n = recv(fd, room, sizeof room, MSG_DONTWAIT);

	if (n > 0)
		buf_add(out, BYTES(room, (size_t)n));
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static bool wait_for(int fd, short what)
{
	struct pollfd p = { .fd = fd, .events = what };
	int n;

	do /* the fuzzer has an alarm */
		n = poll(&p, 1, PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	FUZZ_REQUIRE(n == 1);
	return (p.revents & POLLOUT) != 0;
}

/* Until the server closes it, as it has to when nothing more comes. */
static void talk(struct bytes in, size_t piece, struct buf *out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ended = false;

	FUZZ_REQUIRE(fd >= 0 && !connect(fd, (struct sockaddr *)&where, sizeof where));
	while (!ended && in.n) {
		size_t n = in.n < piece ? in.n : piece;
		ssize_t sent = wait_for(fd, POLLIN | POLLOUT) ? send(fd, in.p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

		ended = receive(fd, out) || (sent < 0 && errno != EAGAIN);
		if (sent > 0)
			in = BYTES(in.p + sent, in.n - (size_t)sent);
	}
	(void)shutdown(fd, SHUT_WR);
	while (!ended) {
		(void)wait_for(fd, POLLIN);
		ended = receive(fd, out);
	}
	close(fd);
}

/* Takes one answer off the front: its status.  What answers HEAD has no body, whatever its length says. */
static int take_answer(struct bytes *in)
{
	static const char length[] = "Content-Length: ";
	const uint8_t *end = memmem(in->p, in->n, "\r\n\r\n", 4), *at;
	size_t body = 0, head;
	int status;

	FUZZ_REQUIRE(end && in->n > sizeof line && !memcmp(in->p, line, sizeof line - 1));
	status = atoi((const char *)in->p + sizeof line - 1);
	head = (size_t)(end - in->p) + 4;
	at = memmem(in->p, head, length, sizeof length - 1);
	if (at)
		body = strtoul((const char *)at + sizeof length - 1, NULL, 10);
	*in = BYTES(in->p + head, in->n - head);
	if (in->n >= sizeof line && !memcmp(in->p, line, sizeof line - 1))
		body = 0;
	body = body < in->n ? body : in->n;
	*in = BYTES(in->p + body, in->n - body);
	return status;
}

/* One behind the other; 100 is said where it is waited for only. */
static size_t statuses(struct buf *answers, int ret[static STATUS_MAX])
{
	struct bytes in = buf_bytes(answers);
	size_t n = 0;

	while (n < STATUS_MAX && in.n) {
		ret[n] = take_answer(&in);
		FUZZ_REQUIRE(ret[n] >= 100 && ret[n] < 600 && ret[n] != 500);
		n += ret[n] >= 200;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int one[STATUS_MAX], many[STATUS_MAX];
	SCOPED(buf) whole = { .max = ANSWERS_MAX };
	SCOPED(buf) parts = { .max = ANSWERS_MAX };
	size_t n, m;

	if (size < 2 || size > REQUESTS_MAX)
		return 0;
	serve();
	talk(BYTES(data + 1, size - 1), size, &whole);
	talk(BYTES(data + 1, size - 1), 1 + data[0] % 64, &parts);
	n = statuses(&whole, one);
	m = statuses(&parts, many);
	FUZZ_REQUIRE(!memcmp(one, many, (n < m ? n : m) * sizeof one[0]));
	return 0;
}
