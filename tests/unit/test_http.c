/* test_http - the HTTP engine as a client sees it: routes, bodies, answers, keep-alive, refusals. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/httpd.h"

static const char *query_of(const struct http_call *c, const char *name)
{
	for (size_t i = 0; i < c->query->n; i++)
		if (!strcmp(c->query->list[i].name, name))
			return c->query->list[i].value;
	return NULL;
}

static enum inro_err h_hello(struct http_call *c, void *arg)
{
	const char *name = query_of(c, "name");

	(void)arg;
	c->answer->type = "text/plain";
	buf_addf(&c->answer->body, "hello %s", name ? name : "you");
	return INRO_OK;
}

static enum inro_err h_thing(struct http_call *c, void *arg)
{
	(void)arg;
	c->answer->type = "text/plain";
	for (size_t i = 0; i < c->n_args; i++)
		buf_addf(&c->answer->body, "[%s]", c->args[i]);
	http_answer_header(c->answer, "X-Good", "yes");
	http_answer_header(c->answer, "X-Bad", "a\r\nSet-Cookie: b");
	return INRO_OK;
}

static enum inro_err h_echo(struct http_call *c, void *arg)
{
	(void)arg;
	c->answer->type = "application/octet-stream";
	c->answer->status = 201;
	buf_add(&c->answer->body, c->body);
	return INRO_OK;
}

static enum inro_err h_fail(struct http_call *c, void *arg)
{
	(void)arg;
	if (!strcmp(c->args[0], "ours"))
		return err_set(INRO_E_IO, "the disk with the secret name is broken");
	return err_set(INRO_E_NOT_FOUND, "no device is called '%s'", c->args[0]);
}

struct counting {
	unsigned at, end;
	bool fails;
	unsigned *ended;
};

static enum inro_err more(void *arg, void *worker, struct buf *ret, bool *ret_end)
{
	struct counting *n = arg;

	(void)worker;
	if (n->fails && n->at == 2)
		return err_set(INRO_E_IO, "gone");
	if (n->at % 3 != 1) /* a piece may be empty */
		buf_addf(ret, "{\"n\":%u}\n", n->at);
	*ret_end = ++n->at == n->end;
	return INRO_OK;
}

static unsigned streams_ended;

static void end_counting(void *arg)
{
	__atomic_add_fetch(&streams_ended, 1, __ATOMIC_SEQ_CST);
	free(arg);
}

static enum inro_err h_stream(struct http_call *c, void *arg)
{
	struct counting *n = calloc(1, sizeof *n);

	(void)arg;
	n->end = 10;
	n->fails = query_of(c, "fail") != NULL;
	c->answer->type = "application/x-ndjson";
	c->answer->stream.more = more;
	c->answer->stream.end = end_counting;
	c->answer->stream.arg = n;
	return INRO_OK;
}

static enum inro_err h_later(struct http_call *c, void *arg)
{
	(void)arg;
	if (!c->worker)
		return HTTP_LATER;
	buf_add_str(&c->answer->body, "worker");
	return INRO_OK;
}

static const struct http_route routes[] = {
	{ "GET", "/hello", HTTP_PLAIN | HTTP_HERE, h_hello, NULL, 0, NULL },
	{ "GET", "/later", HTTP_PLAIN | HTTP_HERE, h_later, NULL, 0, NULL },
	{ "GET", "/things/{id}/parts/{part}", HTTP_PLAIN, h_thing, NULL, 0, NULL },
	{ "DELETE", "/things/{id}/parts/{part}", HTTP_PLAIN, h_thing, NULL, 0, NULL },
	{ "GET", "/rest/{path...}", HTTP_PLAIN, h_thing, NULL, 0, NULL },
	{ "POST", "/echo", HTTP_PLAIN, h_echo, NULL, 100000, NULL },
	{ "POST", "/typed", HTTP_PLAIN, h_echo, NULL, 100, "application/json" },
	{ "GET", "/fail/{how}", HTTP_PLAIN, h_fail, NULL, 0, NULL },
	{ "GET", "/stream", HTTP_PLAIN, h_stream, NULL, 0, NULL },
	{ "GET", "/secure", 0, h_hello, NULL, 0, NULL },
};
static const struct http_table table = { routes, ARRAY_LEN(routes), NULL };

static enum inro_err begin(void *arg, void **ret)
{
	*ret = arg;
	return INRO_OK;
}

static struct httpd h;

static int start(void **state)
{
	static int worker;
	struct http_options o = {
		.threads = 2,
		.workers = 2,
		.worker_begin = begin,
		.worker_arg = &worker,
		.limits = { .header = 2048, .request_seconds = 1, .idle_seconds = 2 },
		.log_fd = -1,
	};

	(void)state;
	httpd_start(&h, &table, &o, false);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	httpd_stop(&h);
	return 0;
}

#define HOST " HTTP/1.1\r\nHost: x\r\n"

static void expect(const char *request, int status, const char *part)
{
	char *answer = httpd_ask(h.plain, request);

	if (httpd_status(answer) != status || (part && !strstr(answer, part)))
		fail_msg("to '%s' the answer is '%s', not %d with '%s'", request, answer, status,
			 part ? part : "");
	free(answer);
}

static void test_routes(void **state)
{
	(void)state;
	expect("GET /hello" HOST "\r\n", 200, "hello you");
	expect("GET /hello?name=a%20b+c" HOST "\r\n", 200, "hello a b c");
	expect("GET http://x/hello" HOST "\r\n", 200, "hello you");
	expect("GET http://x?/hello" HOST "\r\n", 400, "path");
	expect("GET http:///hello" HOST "\r\n", 400, "path");
	expect("\r\nGET /hello" HOST "\r\n", 200, "hello you");
	expect("GET /later" HOST "\r\n", 200, "worker");
	expect("GET /things/a%2Db/parts/%C3%A4" HOST "\r\n", 200, "[a-b][\xc3\xa4]");
	expect("GET /rest/a/b%2Fc" HOST "\r\n", 200, "[a/b/c]");
	expect("GET /rest/MEUw//8=" HOST "\r\n", 200, "[MEUw//8=]"); /* OCSP's base64 may be so */
	expect("GET //hello" HOST "\r\n", 404, "application/problem+json");
	expect("GET /things//parts/b" HOST "\r\n", 404, "application/problem+json");
	expect("GET /things/a/../parts/b" HOST "\r\n", 400, "application/problem+json");
	expect("HEAD /hello" HOST "Connection: close\r\n\r\n", 200, "Content-Length: 9");
	expect("GET /nothing" HOST "\r\n", 404, "application/problem+json");
	expect("PUT /things/a/parts/b" HOST "\r\n", 405, "Allow: GET, HEAD, DELETE\r\n");
	expect("GET /secure" HOST "\r\n", 403, "TLS");
	expect("GET /fail/x" HOST "\r\n", 404, "no device is called 'x'");
}

static void test_no_injection(void **state)
{
	char *answer = httpd_ask(h.plain, "GET /things/a/parts/b" HOST "\r\n");

	(void)state;
	assert_non_null(strstr(answer, "X-Good: yes\r\n"));
	assert_null(strstr(answer, "Set-Cookie"));
	free(answer);
	answer = httpd_ask(h.plain, "GET /fail/ours" HOST "\r\n");
	assert_int_equal(httpd_status(answer), 500);
	assert_null(strstr(answer, "secret"));
	free(answer);
}

static void test_bodies(void **state)
{
	(void)state;
	expect("POST /echo" HOST "Content-Length: 5\r\n\r\nabcde", 201, "\r\n\r\nabcde");
	expect("POST /echo" HOST "Content-Length: 0\r\n\r\n", 201, "Content-Length: 0");
	expect("POST /echo" HOST "\r\n", 201, "Content-Length: 0");
	expect("POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n",
	       201, "\r\n\r\nabcde");
	expect("POST /echo" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 100, NULL);
	expect("POST /echo" HOST "Content-Length: 100001\r\n\r\n", 413, "longer");
	expect("POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n186A1\r\n", 413, "longer");
	expect("POST /typed" HOST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415,
	       "application/json");
	expect("POST /typed" HOST "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: "
	       "2\r\n\r\n{}",
	       201, "{}");
	expect("GET /hello" HOST "Content-Length: 3\r\n\r\nabc", 413, "no body");
}

/* What two readers could understand differently, or nobody can read. */
static const struct {
	const char *request;
	int status;
} bad[] = {
	{ "GET /hello HTTP/1.1\r\n\r\n", 400 },
	{ "GET /hello" HOST "Host: y\r\n\r\n", 400 },
	{ "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
	{ "GET /hello\r\nHost: x\r\n\r\n", 400 },
	{ "GET  /hello" HOST "\r\n", 400 },
	{ "GET hello" HOST "\r\n", 400 },
	{ "G(T /hello" HOST "\r\n", 400 },
	{ "GET /hello" HOST "A: b\r\n c\r\n\r\n", 400 },
	{ "GET /hello" HOST "A : b\r\n\r\n", 400 },
	{ "GET /hello" HOST "A: b\001\r\n\r\n", 400 },
	{ "GET /hello" HOST "nothing\r\n\r\n", 400 },
	{ "GET /hello" HOST "A: b\n\r\n", 400 },
	{ "GET /hello HTTP/1.1\nHost: x\n\n", 400 },
	{ "GET /../hello" HOST "\r\n", 400 },
	{ "GET /%2e%2E/hello" HOST "\r\n", 400 },
	{ "GET /things/%00/parts/x" HOST "\r\n", 404 },
	{ "GET /things/a%2fb/parts/x" HOST "\r\n", 404 },
	{ "GET /things/%ff/parts/x" HOST "\r\n", 404 },
	{ "GET /things/%4/parts/x" HOST "\r\n", 404 },
	{ "GET /hello?name=%00" HOST "\r\n", 400 },
	{ "POST /echo" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400 },
	{ "POST /echo" HOST "Content-Length: 5, 5\r\n\r\nabcde", 400 },
	{ "POST /echo" HOST "Content-Length: +5\r\n\r\nabcde", 400 },
	{ "POST /echo" HOST "Content-Length: 0x5\r\n\r\nabcde", 400 },
	{ "POST /echo" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400 },
	{ "POST /echo" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "POST /echo" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "POST /echo" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	{ "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
	{ "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400 },
	{ "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400 },
	{ "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\nGET /hello HTTP/1.1\r\n\r\n", 400 },
	{ "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nT v\r\n\r\n", 400 },
	{ "POST /echo" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400 },
	{ "POST /echo" HOST "Expect: magic\r\n\r\n", 417 },
	{ "HEAD /hello" HOST "Content-Length: 3\r\n\r\nabc", 413 },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = httpd_connect(h.plain);
		char *answer;

		httpd_send(fd, bad[i].request);
		shutdown(fd, SHUT_WR);
		answer = httpd_read(fd, 5000);
		if (httpd_status(answer) != bad[i].status)
			fail_msg("to '%s' the answer is '%s', not %d", bad[i].request, answer,
				 bad[i].status);
		if (bad[i].status != 404)
			assert_non_null(strstr(answer, "Connection: close\r\n"));
		assert_null(strstr(httpd_body(answer), "}\nHTTP/1.1 "));
		free(answer);
		close(fd);
	}
}

static void test_too_long(void **state)
{
	char request[8192];

	(void)state;
	snprintf(request, sizeof request, "GET /hello HTTP/1.1\r\nHost: x\r\nA: %04000d\r\n\r\n", 0);
	expect(request, 431, NULL);
	strcpy(request, "GET /hello HTTP/1.1\r\nHost: x\r\n");
	for (size_t i = 0; i < HTTP_HEADERS_MAX; i++)
		strcat(request, "A: b\r\n");
	strcat(request, "\r\n");
	expect(request, 431, NULL);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void test_keep_alive(void **state)
{
	int fd = httpd_connect(h.plain);
	char *answer;

	(void)state;
	httpd_send(fd, "GET /hello" HOST "\r\nGET /later" HOST "\r\nPOST /echo" HOST
		       "Content-Length: 3\r\n\r\nabcGET /hello" HOST "Connection: close\r\n\r\nGET /hello"
		       HOST "\r\n");
	answer = httpd_read(fd, 5000);
	assert_int_equal(count(answer, "HTTP/1.1 200 OK"), 3);
	assert_int_equal(count(answer, "HTTP/1.1 201 Created"), 1);
	assert_int_equal(count(answer, "Connection: close"), 1);
	free(answer);
	close(fd);
	expect("GET /hello HTTP/1.0\r\n\r\n", 200, "Connection: close");
	expect("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, "Connection: keep-alive");
}

static void test_streams(void **state)
{
	unsigned before = streams_ended;
	int fd = httpd_connect(h.plain);
	char *answer;

	(void)state;
	httpd_send(fd, "GET /stream" HOST "\r\nHEAD /stream" HOST "\r\nGET /hello" HOST
		       "Connection: close\r\n\r\n");
	answer = httpd_read(fd, 5000);
	assert_int_equal(count(answer, "Transfer-Encoding: chunked"), 2);
	assert_int_equal(count(answer, "8\r\n{\"n\":"), 7);
	assert_int_equal(count(answer, "\r\n0\r\n\r\nHTTP/1.1 200"), 1);
	assert_int_equal(count(answer, "hello you"), 1);
	free(answer);
	close(fd);
	fd = httpd_connect(h.plain);
	httpd_send(fd, "GET /stream?fail=1" HOST "\r\n");
	answer = httpd_read(fd, 5000);
	assert_int_equal(httpd_status(answer), 200);
	assert_null(strstr(answer, "\r\n0\r\n\r\n"));
	free(answer);
	close(fd);
	fd = httpd_connect(h.plain);
	httpd_send(fd, "GET /stream HTTP/1.0\r\n\r\n");
	answer = httpd_read(fd, 5000);
	assert_null(strstr(answer, "chunked"));
	assert_int_equal(count(answer, "{\"n\":"), 7);
	free(answer);
	close(fd);
	assert_int_equal(streams_ended - before, 4);
}

/* A byte now and then keeps no connection open. */
static void test_slow(void **state)
{
	int fd = httpd_connect(h.plain);
	const char *request = "POST /echo" HOST "Content-Length: 400\r\n\r\n";
	char *answer;

	(void)state;
	httpd_send(fd, request);
	for (int i = 0; i < 15; i++) {
		if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
			break;
		usleep(100000);
	}
	answer = httpd_read(fd, 100);
	assert_int_equal(httpd_status(answer), 408);
	free(answer);
	close(fd);
}

static void test_metrics(void **state)
{
	SCOPED(buf) text = { 0 };
	struct http_stats n;

	(void)state;
	http_server_metrics(h.server, &text);
	buf_add_u8(&text, 0);
	assert_int_equal(buf_err(&text), INRO_OK);
	assert_non_null(strstr((char *)text.p, "inro_http_requests_total{method=\"GET\",route=\"/hello\""
					       ",status=\"200\"} "));
	assert_non_null(strstr((char *)text.p, "le=\"+Inf\""));
	http_server_stats(h.server, &n);
	assert_true(n.requests > 50 && n.timeouts >= 1 && n.workers == 2);
}

/* As a client got it, or as a proxy handed it on. */
static void test_unchanged(void **state)
{
	static const struct {
		const char *header;
		bool same;
	} cases[] = {
		{ "\"a\"", true },   { "W/\"a\"", true },  { "\"b\", W/\"a\"", true },
		{ "*", true },       { "\"b\"", false },   { "W/\"b\"", false },
		{ "a", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_headers headers = { .list = { { "If-None-Match", cases[i].header } }, .n = 1 };

		assert_int_equal(http_unchanged(&(struct http_call) { .headers = &headers }, "\"a\""),
				 cases[i].same);
	}
}

/* ---- the log ---- */

/* Requests for nothing, sent ahead: some with a path that makes a long line, some with a short one; the answers. */
static size_t ask_ahead(unsigned port, int longs, int shorts)
{
	static const char gone[] = "HTTP/1.1 404";
	SCOPED(buf) text = { 0 };
	int fd = httpd_connect(port);
	size_t n = 0;
	char *answers;

	for (int i = 0; i < longs + shorts + 1; i++) {
		buf_add_str(&text, "GET /");
		for (int k = 0; k < 500 && (i < longs || i == longs + shorts); k++)
			buf_add_u8(&text, '"');
		buf_add_str(&text, i < longs + shorts ? HOST "\r\n" : HOST "Connection: close\r\n\r\n");
	}
	buf_add_u8(&text, 0);
	assert_int_equal(buf_err(&text), INRO_OK);
	httpd_send(fd, (const char *)text.p);
	answers = httpd_read(fd, 5000);
	close(fd);
	for (const char *at = answers; (at = strstr(at, gone)); at++)
		n++;
	free(answers);
	return n;
}

/* A reader of the log that takes its time holds up nobody, however long the lines are. */
static void test_log(void **state)
{
	char lines[8192];
	int ends[2];
	struct httpd own;
	struct http_options o = { .threads = 1, .workers = 1, .limits = { .header = 2048 } };

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BUF) >= PIPE_BUF);
	o.log_fd = ends[1];
	httpd_start(&own, &table, &o, false);
	for (int shorts = 0; shorts < 8; shorts++) {
		size_t n = ask_ahead(own.plain, 2, shorts);

		if (n != (size_t)shorts + 3) /* it hangs in there: end that, too */
			close(ends[0]);
		assert_int_equal(n, shorts + 3);
		while (read(ends[0], lines, sizeof lines) > 0)
			;
	}
	httpd_stop(&own);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),	   cmocka_unit_test(test_no_injection),
		cmocka_unit_test(test_bodies),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),   cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_streams),	   cmocka_unit_test(test_slow),
		cmocka_unit_test(test_metrics),	   cmocka_unit_test(test_unchanged),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
