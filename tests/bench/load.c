/* load - see load.h. */
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define ANSWER_MAX  ((size_t)512 << 10)
#define SAMPLES_MAX 400000

struct client {
	const struct load *load;
	unsigned who;
	pthread_t thread;
	uint64_t end;
	int fd;
	SSL *ssl;
	unsigned long n;
	double cpu_us;
	float *ms;
	char answer[ANSWER_MAX];
};

static int connect_to(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench_need(fd >= 0 && connect(fd, (const void *)&to, sizeof to) == 0, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static void open_client(struct client *c)
{
	c->fd = connect_to(c->load->port);
	if (!c->load->tls)
		return;
	c->ssl = SSL_new(c->load->tls);
	bench_need(c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1,
		   "TLS handshake");
}

static void close_client(struct client *c)
{
	if (c->ssl) {
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	close(c->fd);
	c->fd = -1;
}

static void put(struct client *c, struct bytes request)
{
	ssize_t n = c->ssl ? SSL_write(c->ssl, request.p, (int)request.n)
			   : send(c->fd, request.p, request.n, MSG_NOSIGNAL);

	bench_need(n == (ssize_t)request.n, "request");
}

/* A header among those that end at `end`; its value. */
static const char *header(const char *answer, const char *end, const char *name)
{
	const char *at = strcasestr(answer, name);

	return at && at < end ? at + strlen(name) : NULL;
}

/* Bytes of a whole answer; 0: more must come.  What follows the head in chunks ends with an empty one. */
static size_t whole(const char *answer, size_t n)
{
	static const char last[] = "\r\n0\r\n\r\n";
	const char *end = memmem(answer, n, "\r\n\r\n", 4);
	const char *length = end ? header(answer, end, "\r\nContent-Length: ") : NULL;
	size_t need = end ? (size_t)(end + 4 - answer) : 0, tail = sizeof last - 1;

	if (end && header(answer, end, "\r\nTransfer-Encoding: chunked"))
		return n >= need + tail - 2 && memcmp(answer + n - tail, last, tail) == 0 ? n : 0;
	if (length)
		need += strtoul(length, NULL, 10);
	return end && n >= need ? need : 0;
}

static void take(struct client *c)
{
	size_t n = 0;

	while (n == 0 || !whole(c->answer, n)) {
		size_t room = ANSWER_MAX - 1 - n;
		ssize_t got = c->ssl ? SSL_read(c->ssl, c->answer + n, (int)room)
				     : recv(c->fd, c->answer + n, room, 0);

		bench_need(got > 0 && room > 0, "answer");
		n += (size_t)got;
		c->answer[n] = '\0';
	}
	if (atoi(c->answer + 9) != (c->load->status ? c->load->status : 200)) {
		fprintf(stderr, "%s\n", c->answer);
		bench_need(false, "another status");
	}
	bench_need(!c->load->good || c->load->good(c->answer), "an answer that is good");
}

static void one(struct client *c)
{
	uint64_t began;
	SCOPED(buf) made = { 0 };
	struct bytes request = c->load->request;

	if (c->load->make) {
		c->load->make(c->load->arg, c->who, c->n, &made);
		request = buf_bytes(&made);
	}
	began = bench_ns(CLOCK_MONOTONIC);
	if (c->fd < 0)
		open_client(c);
	put(c, request);
	take(c);
	if (c->n < SAMPLES_MAX)
		c->ms[c->n] = (float)((double)(bench_ns(CLOCK_MONOTONIC) - began) / 1e6);
	c->n++;
	if (c->load->new_each)
		close_client(c);
}

static void *run(void *arg)
{
	struct client *c = arg;

	do
		one(c);
	while (bench_ns(CLOCK_MONOTONIC) < c->end);
	if (c->fd >= 0)
		close_client(c);
	c->cpu_us = (double)bench_ns(CLOCK_THREAD_CPUTIME_ID) / 1e3;
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void sum_up(struct client *all, unsigned n, double seconds, struct load_result *ret)
{
	size_t samples = 0, at = 0;
	float *ms;

	*ret = (struct load_result) { 0 };
	for (unsigned i = 0; i < n; i++) {
		ret->n += all[i].n;
		ret->cpu_us += all[i].cpu_us;
		samples += all[i].n < SAMPLES_MAX ? all[i].n : SAMPLES_MAX;
	}
	ms = malloc(samples * sizeof *ms);
	bench_need(ms != NULL, "memory");
	for (unsigned i = 0; i < n; i++) {
		size_t k = all[i].n < SAMPLES_MAX ? all[i].n : SAMPLES_MAX;

		memcpy(ms + at, all[i].ms, k * sizeof *ms);
		at += k;
	}
	qsort(ms, samples, sizeof *ms, by_size);
	ret->p50_ms = (double)ms[samples / 2];
	ret->p99_ms = (double)ms[samples * 99 / 100];
	ret->rate = (double)ret->n / seconds;
	ret->cpu_us /= ret->n ? (double)ret->n : 1;
	free(ms);
}

void load_run(const struct load *l, struct load_result *ret)
{
	struct client *all = calloc(l->clients, sizeof *all);
	uint64_t began = bench_ns(CLOCK_MONOTONIC);

	bench_need(all != NULL, "memory");
	for (unsigned i = 0; i < l->clients; i++) {
		all[i] = (struct client) { .load = l, .who = i, .fd = -1 };
		all[i].end = began + (uint64_t)(l->seconds * 1e9);
		all[i].ms = calloc(SAMPLES_MAX, sizeof *all[i].ms);
		bench_need(all[i].ms && pthread_create(&all[i].thread, NULL, run, &all[i]) == 0,
			   "a client");
	}
	for (unsigned i = 0; i < l->clients; i++)
		pthread_join(all[i].thread, NULL);
	sum_up(all, l->clients, (double)(bench_ns(CLOCK_MONOTONIC) - began) / 1e9, ret);
	for (unsigned i = 0; i < l->clients; i++)
		free(all[i].ms);
	free(all);
}

/* ---- what it is compared with ---- */

SSL_CTX *load_server_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	bench_need(ctx && key && cert, "a certificate");
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const void *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	bench_need(X509_sign(cert, key, EVP_sha256()) > 0 &&
			   SSL_CTX_use_certificate(ctx, cert) == 1 &&
			   SSL_CTX_use_PrivateKey(ctx, key) == 1,
		   "a certificate");
	EVP_PKEY_free(key);
	X509_free(cert);
	return ctx;
}

struct bare {
	SSL_CTX *ctx;
	const char *answer;
	int fd;
};

static void serve_one(const struct bare *b, int fd)
{
	SSL *ssl = SSL_new(b->ctx);
	char request[4096];

	if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 &&
	    SSL_read(ssl, request, sizeof request) > 0) {
		SSL_write(ssl, b->answer, (int)strlen(b->answer));
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	close(fd);
}

static void *accept_all(void *arg)
{
	const struct bare *b = arg;
	int fd;

	while ((fd = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		serve_one(b, fd);
	return NULL;
}

unsigned load_bare_server(SSL_CTX *ctx, const char *answer, unsigned threads)
{
	static struct bare b;
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t n = sizeof at;

	b = (struct bare) { ctx, answer, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench_need(bind(b.fd, (const void *)&at, sizeof at) == 0 && listen(b.fd, 1024) == 0 &&
			   getsockname(b.fd, (void *)&at, &n) == 0,
		   "a bare server");
	for (unsigned i = 0; i < threads; i++) {
		pthread_t t;

		bench_need(pthread_create(&t, NULL, accept_all, &b) == 0, "a bare server's thread");
		pthread_detach(t);
	}
	return ntohs(at.sin_port);
}
