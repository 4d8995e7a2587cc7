/*
 * load - many clients of one server: so many connections at once, one request after the other on each.
 *
 * 1. A client is a thread that waits for its answer; what is measured is what they have got.
 * 2. An answer with another status than the wanted one, or that is not good, ends the program.
 */
#ifndef INRO_TESTS_BENCH_LOAD_H
#define INRO_TESTS_BENCH_LOAD_H

#include <openssl/ssl.h>

#include "base/bytes.h"

struct load {
	unsigned port;
	SSL_CTX *tls;	    /* NULL: without */
	unsigned clients;   /* connections at once */
	bool new_each;	    /* a connection a request, not resumed */
	struct bytes request; /* head and body, as they go out */
	/* In place of request: the n-th of client `who`, into an empty buffer.  Any thread. */
	void (*make)(void *arg, unsigned who, unsigned long n, struct buf *ret);
	void *arg;
	int status;	    /* 0: 200 */
	bool (*good)(const char *answer); /* NULL: an answer of that status is */
	double seconds;
};

struct load_result {
	double rate;	       /* answers a second */
	double p50_ms, p99_ms; /* from the first byte of the request (of the connection, with new_each) */
	unsigned long n;
	double cpu_us; /* of the client's threads, for one answer */
};

void load_run(const struct load *l, struct load_result *ret);

/* A TLS server that does nothing else: accept, read once, write `answer`, close.  Ends with the
 * program. */
unsigned load_bare_server(SSL_CTX *ctx, const char *answer, unsigned threads);
/* A P-256 key with a self-signed certificate in a context of a server. */
SSL_CTX *load_server_ctx(void);

#endif
