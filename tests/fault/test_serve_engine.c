/*
 * test_serve_engine - the HTTP engine under clients that are slow, gone, too many or hostile, and without
 * descriptors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/lib/httpd.h"

#define PIECE 4000
#define HOST	" HTTP/1.1\r\nHost: x\r\n"
#define GET(at) "GET " at HOST "\r\n"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint done, streams_ended;

static enum inro_err h_hello(struct http_call *c, void *arg)
{
	(void)arg;
	buf_add_str(&c->answer->body, "hello");
	return INRO_OK;
}

/* Works as long as the test holds the gate. */
static enum inro_err h_wait(struct http_call *c, void *arg)
{
	(void)arg;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	done++;
	buf_add_str(&c->answer->body, "worked");
	return INRO_OK;
}

static enum inro_err h_big(struct http_call *c, void *arg)
{
	uint8_t *p = buf_extend(&c->answer->body, 20000000);

	(void)arg;
	memset(p, 'x', 20000000);
	return INRO_OK;
}

static enum inro_err more(void *arg, void *worker, struct buf *ret, bool *ret_end)
{
	(void)arg;
	(void)worker;
	memset(buf_extend(ret, PIECE), 'x', PIECE);
	*ret_end = false;
	return INRO_OK;
}

static void end_stream(void *arg)
{
	(void)arg;
	streams_ended++;
}

static enum inro_err h_endless(struct http_call *c, void *arg)
{
	(void)arg;
	c->answer->stream.more = more;
	c->answer->stream.end = end_stream;
	return INRO_OK;
}

static enum inro_err h_echo(struct http_call *c, void *arg)
{
	(void)arg;
	buf_add(&c->answer->body, c->body);
	return INRO_OK;
}

static const struct http_route routes[] = {
	{ "GET", "/hello", HTTP_PLAIN | HTTP_HERE, h_hello, NULL, 0, NULL },
	{ "GET", "/wait", HTTP_PLAIN, h_wait, NULL, 0, NULL },
	{ "GET", "/big", HTTP_PLAIN, h_big, NULL, 0, NULL },
	{ "GET", "/endless", HTTP_PLAIN, h_endless, NULL, 0, NULL },
	{ "POST", "/echo", HTTP_PLAIN, h_echo, NULL, 65536, NULL },
};
static const struct http_table table = { routes, ARRAY_LEN(routes), NULL };

static void serve(struct httpd *h, struct http_options o, bool tls)
{
	o.log_fd = -1;
	o.threads = 2;
	o.workers = o.workers ? o.workers : 2;
	httpd_start(h, &table, &o, tls);
}

static void answers(const struct httpd *h)
{
	char *answer = httpd_ask(h->plain, GET("/hello"));

	assert_int_equal(httpd_status(answer), 200);
	free(answer);
}

static void wait_until(bool (*holds)(const struct httpd *), const struct httpd *h, int64_t ms)
{
	int64_t end = clock_monotonic_ms() + ms;

	while (!holds(h)) {
		if (clock_monotonic_ms() > end)
			fail_msg("it does not come to pass");
		usleep(5000);
	}
}

static struct http_stats stats_of(const struct httpd *h)
{
	struct http_stats s;

	http_server_stats(h->server, &s);
	return s;
}

static bool is_deserted(const struct httpd *h)
{
	return stats_of(h).connections == 0;
}

/* ---- clients that take their time ---- */

static bool closed(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, ms) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static void test_slow(void **state)
{
	const struct http_options o = { .limits = { .request_seconds = 1, .idle_seconds = 1, .handshake_seconds = 1 } };
	struct httpd h;
	int silent, head, half, tls, reader;
	char *answer;

	(void)state;
	serve(&h, o, true);
	silent = httpd_connect(h.plain);
	head = httpd_connect(h.plain);
	half = httpd_connect(h.plain);
	tls = httpd_connect(h.tls);
	reader = httpd_connect(h.plain);
	httpd_send(half, "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nab");
	httpd_send(tls, "\x16\x03\x01\x02");
	httpd_send(reader, GET("/endless"));
	for (int i = 0; i < 40; i++) { /* a byte now and then is no sign of life */
		char byte = "GET /hello"[i % 10];

		if (send(head, &byte, 1, MSG_NOSIGNAL) != 1)
			break;
		usleep(100000);
	}
	assert_true(closed(silent, 3000));
	answer = httpd_read(head, 3000);
	assert_int_equal(httpd_status(answer), 408);
	free(answer);
	answer = httpd_read(half, 3000);
	assert_int_equal(httpd_status(answer), 408);
	free(answer);
	assert_true(closed(tls, 3000));
	close(silent), close(head), close(half), close(tls);
	answers(&h);
	/* who does not read is waited for, but not for ever; the time grows with what is to be sent */
	close(reader);
	wait_until(is_deserted, &h, 10000);
	assert_int_equal(streams_ended, 1);
	httpd_stop(&h);
}

static bool has_timeout(const struct httpd *h)
{
	return stats_of(h).timeouts >= 1;
}

/* A client that never reads has its answer taken away, and its stream an end. */
static void test_no_reader(void **state)
{
	const struct http_options o = { .limits = { .request_seconds = 1 } };
	struct httpd h;
	int fd, small = 4096;

	(void)state;
	streams_ended = 0;
	serve(&h, o, false);
	fd = httpd_connect(h.plain);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	httpd_send(fd, GET("/endless"));
	wait_until(has_timeout, &h, 60000);
	wait_until(is_deserted, &h, 1000);
	assert_int_equal(streams_ended, 1);
	close(fd);
	httpd_stop(&h);
}

/* ---- clients that are gone ---- */

static void test_gone(void **state)
{
	struct httpd h;
	const struct linger rst = { 1, 0 };
	unsigned before = done;

	(void)state;
	serve(&h, (struct http_options) { .workers = 4 }, false);
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 20; i++) {
		int fd = httpd_connect(h.plain);

		httpd_send(fd, i % 2 ? GET("/wait") GET("/hello") : GET("/wait"));
		usleep(2000);
		if (i % 3)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
		close(fd);
	}
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < 20; i++) { /* in mid-answer */
		int fd = httpd_connect(h.plain);
		char some[1000];

		httpd_send(fd, i % 2 ? GET("/big") : GET("/endless"));
		assert_true(recv(fd, some, sizeof some, 0) > 0);
		if (i % 3)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
		close(fd);
	}
	wait_until(is_deserted, &h, 10000);
	answers(&h);
	httpd_stop(&h);
	assert_true(done > before); /* what had begun was finished */
	assert_int_equal(streams_ended, 11);
}

/* Who has shut down his side still listens. */
static void test_half_closed(void **state)
{
	struct httpd h;
	int fd;
	char *answer;

	(void)state;
	serve(&h, (struct http_options) { 0 }, false);
	fd = httpd_connect(h.plain);
	pthread_mutex_lock(&gate);
	httpd_send(fd, GET("/wait"));
	shutdown(fd, SHUT_WR);
	usleep(50000);
	pthread_mutex_unlock(&gate);
	answer = httpd_read(fd, 5000);
	assert_non_null(strstr(answer, "worked"));
	free(answer);
	close(fd);
	httpd_stop(&h);
}

/* ---- too many ---- */

static bool is_waiting(const struct httpd *h)
{
	struct http_stats s = stats_of(h);

	return s.workers_busy == 2 && s.queued == 3;
}

static void test_queue(void **state)
{
	struct httpd h;
	int fds[5];
	char *answer;

	(void)state;
	serve(&h, (struct http_options) { .limits = { .queue = 3 } }, false);
	pthread_mutex_lock(&gate);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = httpd_connect(h.plain);
		httpd_send(fds[i], GET("/wait"));
		usleep(20000);
	}
	wait_until(is_waiting, &h, 5000);
	answer = httpd_ask(h.plain, GET("/wait"));
	assert_int_equal(httpd_status(answer), 503);
	assert_non_null(strstr(answer, "Retry-After: "));
	free(answer);
	answers(&h); /* what needs no worker goes on */
	assert_int_equal(stats_of(&h).queue_full, 1);
	pthread_mutex_unlock(&gate);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		answer = httpd_read(fds[i], 200);
		assert_int_equal(httpd_status(answer), 200);
		free(answer);
		close(fds[i]);
	}
	httpd_stop(&h);
}

static void test_per_peer(void **state)
{
	struct httpd h;
	int fds[6];
	size_t refused = 0;

	(void)state;
	serve(&h, (struct http_options) { .limits = { .per_peer = 4 } }, false);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = httpd_connect(h.plain);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		refused += closed(fds[i], 300);
	assert_int_equal(refused, 2);
	assert_int_equal(stats_of(&h).refused, 2);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	wait_until(is_deserted, &h, 5000);
	answers(&h);
	httpd_stop(&h);
}

/* So many of ten seconds at once, then 429; what needs no worker goes on. */
static void test_peer_rate(void **state)
{
	struct httpd h;
	size_t over = 0;

	(void)state;
	serve(&h, (struct http_options) { .limits = { .peer_rate = 1 } }, false);
	for (int i = 0; i < 14; i++) {
		char *answer = httpd_ask(h.plain, GET("/wait"));

		if (httpd_status(answer) == 429) {
			assert_non_null(strstr(answer, "\r\nRetry-After: "));
			assert_non_null(strstr(answer, "application/problem+json"));
			over++;
		} else {
			assert_int_equal(httpd_status(answer), 200);
		}
		free(answer);
	}
	assert_in_range(over, 1, 30); /* on a slow machine some are paid off meanwhile */
	assert_int_equal(stats_of(&h).peer_over, over);
	answers(&h);
	httpd_stop(&h);
}

#define IDLE 5000

static bool all_are_in(const struct httpd *h)
{
	return stats_of(h).connections == IDLE;
}

static void test_idle(void **state)
{
	const struct http_options o = { .limits = { .per_peer = IDLE + 10, .idle_seconds = 60 } };
	struct rlimit r;
	struct httpd h;
	int *fds;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	if (r.rlim_max < 2 * IDLE + 100)
		skip();
	serve(&h, o, false); /* it raises the limit, for both sides here */
	fds = calloc(IDLE, sizeof *fds);
	assert_non_null(fds);
	for (size_t i = 0; i < IDLE; i++)
		fds[i] = httpd_connect(h.plain);
	wait_until(all_are_in, &h, 20000);
	for (size_t i = 0; i < 20; i++)
		answers(&h);
	for (size_t i = 0; i < IDLE; i += 500) { /* and those are alive */
		char some[100];

		httpd_send(fds[i], GET("/hello"));
		assert_true(recv(fds[i], some, sizeof some, 0) > 0);
	}
	assert_int_equal(http_server_drain(h.server, 10), 0);
	for (size_t i = 0; i < IDLE; i++)
		close(fds[i]);
	free(fds);
	httpd_stop(&h);
}

static size_t were_refused;

static bool all_are_counted(const struct httpd *h)
{
	return stats_of(h).refused >= were_refused;
}

/* No descriptor left: connections are refused, and nothing spins or is lost afterwards. */
static void test_no_descriptors(void **state)
{
	struct httpd h;
	struct rlimit r, before;
	int waiting[4], spare[64];
	size_t n = 0, refused = 0;

	(void)state;
	serve(&h, (struct http_options) { 0 }, false);
	answers(&h);
	wait_until(is_deserted, &h, 5000);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	r = before;
	r.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	while (n < ARRAY_LEN(spare) && (spare[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		httpd_connect_with(waiting[i], h.plain);
		refused += closed(waiting[i], 1000);
	}
	assert_true(refused >= ARRAY_LEN(waiting) - 1); /* a spare one may serve for one of them */
	were_refused = refused;
	wait_until(all_are_counted, &h, 5000); /* what is closed is counted after that */
	while (n)
		close(spare[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		close(waiting[i]);
	answers(&h);
	httpd_stop(&h);
}

/* ---- the end ---- */

static void *drain(void *arg)
{
	struct httpd *h = arg;

	return (void *)(uintptr_t)http_server_drain(h->server, 10);
}

static bool refuses(const struct httpd *h)
{
	return !httpd_may_connect(h->plain);
}

static void test_drain(void **state)
{
	struct httpd h;
	pthread_t thread;
	void *left = h.server;
	int busy, idle;
	char *answer, some[1000];

	(void)state;
	serve(&h, (struct http_options) { 0 }, false);
	busy = httpd_connect(h.plain);
	idle = httpd_connect(h.plain);
	httpd_send(idle, GET("/hello"));
	assert_true(recv(idle, some, sizeof some, 0) > 0);
	pthread_mutex_lock(&gate);
	httpd_send(busy, GET("/wait") GET("/wait"));
	usleep(50000);
	assert_int_equal(pthread_create(&thread, NULL, drain, &h), 0);
	assert_true(closed(idle, 3000));
	wait_until(refuses, &h, 3000);
	pthread_mutex_unlock(&gate);
	answer = httpd_read(busy, 5000);
	assert_int_equal(httpd_status(answer), 200);
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	assert_null(strstr(strstr(answer, "worked"), "HTTP/1.1"));
	free(answer);
	pthread_join(thread, &left);
	assert_null(left);
	close(busy), close(idle);
	httpd_stop(&h);
}

/* ---- the end, with a connection that is new ---- */

static bool one_is_in(const struct httpd *h)
{
	return stats_of(h).connections == 1;
}

/* The client's half of a handshake, and a request behind it. */
static bool ask_by_tls(int fd, char *ret, int cap)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	bool good;
	int n;

	good = SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1 &&
	       SSL_write(ssl, GET("/hello"), sizeof(GET("/hello")) - 1) > 0;
	n = good ? SSL_read(ssl, ret, cap - 1) : 0;
	ret[n > 0 ? n : 0] = 0;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return n > 0;
}

static void test_drain_handshake(void **state)
{
	char answer[1000] = "";
	struct httpd h;
	pthread_t thread;
	void *left = h.server;
	int fd;

	(void)state;
	serve(&h, (struct http_options) { 0 }, true);
	fd = httpd_connect(h.tls);
	wait_until(one_is_in, &h, 5000);
	assert_int_equal(pthread_create(&thread, NULL, drain, &h), 0);
	wait_until(refuses, &h, 5000);
	usleep(50000); /* both threads of the server know */
	assert_true(ask_by_tls(fd, answer, sizeof answer));
	assert_int_equal(httpd_status(answer), 200);
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	pthread_join(thread, &left);
	assert_null(left);
	close(fd);
	httpd_stop(&h);
}

/* One that never asks holds up nobody for long; nor does one that is used. */
static void test_drain_silent(void **state)
{
	int64_t before = clock_monotonic_ms();
	struct httpd h;
	int fd;

	(void)state;
	serve(&h, (struct http_options) { .limits.idle_seconds = 60 }, false);
	fd = httpd_connect(h.plain);
	wait_until(one_is_in, &h, 5000);
	assert_int_equal(http_server_drain(h.server, 30), 0);
	assert_true(clock_monotonic_ms() - before < 20000);
	close(fd);
	httpd_stop(&h);
}

/* Stopped with everything under way. */
static void test_stop(void **state)
{
	struct httpd h;
	int fds[12];

	(void)state;
	serve(&h, (struct http_options) { 0 }, true);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		static const char *const what[] = { GET("/endless"), GET("/big"), GET("/wait"), "GET", "" };

		fds[i] = httpd_connect(i % 4 ? h.plain : h.tls);
		if (i % 5 != 4)
			httpd_send(fds[i], what[i % 5]);
	}
	usleep(100000);
	httpd_stop(&h);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

/* ---- anything at all ---- */

static void test_noise(void **state)
{
	struct httpd h;
	unsigned seed = 4711;

	(void)state;
	serve(&h, (struct http_options) { .limits = { .request_seconds = 2 } }, true);
	for (int i = 0; i < 400; i++) {
		char noise[600];
		size_t n = (size_t)rand_r(&seed) % sizeof noise;
		int fd = httpd_connect(i % 2 ? h.plain : h.tls);
		static const char head[] = "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n";

		for (size_t k = 0; k < n; k++)
			noise[k] = (char)(rand_r(&seed) % (i % 3 ? 256 : 64));
		if (i % 4 == 1)
			httpd_send(fd, head);
		if (n && send(fd, noise, n, MSG_NOSIGNAL) < 0)
			assert_int_not_equal(n, 0);
		close(fd);
	}
	answers(&h);
	wait_until(is_deserted, &h, 10000);
	httpd_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow),	cmocka_unit_test(test_no_reader),
		cmocka_unit_test(test_gone),	cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_queue),	cmocka_unit_test(test_per_peer), cmocka_unit_test(test_peer_rate),
		cmocka_unit_test(test_idle),	cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_drain),	cmocka_unit_test(test_drain_handshake),
		cmocka_unit_test(test_drain_silent), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
