/*
 * httpd - an HTTP server inside a test program, and a client that says what it is told to, byte by byte.
 *
 * 1. Ports are picked by the kernel; everything ends with httpd_stop().
 */
#ifndef INRO_TESTS_LIB_HTTPD_H
#define INRO_TESTS_LIB_HTTPD_H

#include "backoffice/http/http.h"

struct httpd {
	struct http_server *server;
	unsigned plain, tls; /* ports; 0: there is none */
	struct ssl_ctx_st *ctx; /* the server's */
};

/* One table on a plain listener; `more` (may be NULL) has what else is to be set.  With `tls` there is
 * a TLS listener, too, with a self-signed certificate for "localhost", and clients are asked for one. */
void httpd_start(struct httpd *h, const struct http_table *table, const struct http_options *more,
		 bool tls);
void httpd_stop(struct httpd *h);

int httpd_connect(unsigned port);
void httpd_connect_with(int fd, unsigned port); /* a socket that is there already */
bool httpd_may_connect(unsigned port);
void httpd_send(int fd, const char *text);
/* Everything until the server closes, or nothing comes for `ms`; of the caller's (free()). */
char *httpd_read(int fd, int ms);
/* Connects, sends, reads one answer whole (until close or its Content-Length), closes. */
char *httpd_ask(unsigned port, const char *request);
/* The status of such an answer; 0: there is none. */
int httpd_status(const char *answer);
/* Behind the empty line. */
const char *httpd_body(const char *answer);

/* A key and a self-signed certificate for it; of the caller's. */
struct evp_pkey_st;
struct x509_st;
void httpd_self_signed(const char *name, struct evp_pkey_st **ret_key, struct x509_st **ret_cert);

#endif
