/*
 * bench_serve - the HTTP engine alone: requests that need a worker and such that need none, on connections
 * that stay and on new ones, and a bare TLS server beside it.
 *
 *   bench_serve [SECONDS [CLIENTS]]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/http/http.h"
#include "tests/bench/bench.h"
#include "tests/bench/load.h"

#define TURNS  5
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"ok\"}\n"

static enum inro_err h_ok(struct http_call *c, void *arg)
{
	(void)arg;
	c->answer->type = "application/json";
	buf_add_str(&c->answer->body, "{\"status\":\"ok\"}\n");
	return INRO_OK;
}

static const struct http_route routes[] = {
	{ "GET", "/here", HTTP_PLAIN | HTTP_HERE, h_ok, NULL, 0, NULL },
	{ "GET", "/work", HTTP_PLAIN, h_ok, NULL, 0, NULL },
};

#define HERE "GET /here HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define WORK "GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void print_one(const char *what, struct load l)
{
	struct load_result r;

	load_run(&l, &r);
	printf("%-42s %9.0f /s   p50 %6.2f ms   p99 %6.2f ms\n", what, r.rate, r.p50_ms, r.p99_ms);
}

/* Ours and the bare server, in turns. */
static void print_ratio(struct load ours, struct load bare)
{
	double ratios[TURNS], rates[TURNS], raw[TURNS];

	for (int i = 0; i < TURNS; i++) {
		struct load_result a, b;

		load_run(&ours, &a);
		load_run(&bare, &b);
		rates[i] = a.rate;
		raw[i] = b.rate;
		ratios[i] = a.rate / b.rate;
	}
	printf("%-42s %9.0f /s   bare %7.0f /s   ratio %.2f\n", "TLS, a new connection each",
	       bench_median(rates, TURNS), bench_median(raw, TURNS), bench_median(ratios, TURNS));
}

int main(int argc, char **argv)
{
	static const struct http_table table = { routes, ARRAY_LEN(routes), NULL };
	static const struct http_listen at[] = { { .at = "127.0.0.1:0" },
						 { .at = "127.0.0.1:0", .tls = true } };
	double seconds = argc > 1 ? atof(argv[1]) : 2;
	unsigned clients = argc > 2 ? (unsigned)atoi(argv[2]) : 16;
	SSL_CTX *ctx = load_server_ctx(), *client = SSL_CTX_new(TLS_client_method());
	struct http_options o = { .listen = at,
				  .n_listen = 2,
				  .tables = &table,
				  .n_tables = 1,
				  .tls = ctx,
				  .limits = { .peer_rate = 1000000 },
				  .log_fd = -1 };
	struct http_server *s = NULL;
	struct load l = { .clients = clients, .seconds = seconds }, bare;

	signal(SIGPIPE, SIG_IGN);
	bench_need(!http_tls_prepare(ctx, true) && !http_server_start(&o, &s), "the server");
	bench_print_machine();
	l.port = http_server_port(s, 0);
	l.request = bytes_of(HERE);
	print_one("plain, kept, in the connection's thread", l);
	l.request = bytes_of(WORK);
	print_one("plain, kept, by a worker", l);
	l.port = http_server_port(s, 1);
	l.tls = client;
	print_one("TLS, kept, by a worker", l);
	l.new_each = true;
	l.seconds = seconds / TURNS;
	bare = l;
	bare.port = load_bare_server(load_server_ctx(), ANSWER, 4);
	print_ratio(l, bare);
	http_server_stop(s);
	SSL_CTX_free(ctx);
	SSL_CTX_free(client);
	return 0;
}
