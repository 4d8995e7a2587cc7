/*
 * tls_ends - both ends of TLS 1.3 in one process, for the benchmarks.
 *
 * What fails ends the program.
 */
#ifndef INRO_TESTS_BENCH_TLS_ENDS_H
#define INRO_TESTS_BENCH_TLS_ENDS_H

#include <stdbool.h>

#include <openssl/ssl.h>

struct tls_ends {
	SSL_CTX *server, *client;
};

struct tls_ca {
	EVP_PKEY *key;
	X509 *cert;
};

/* A CA in the default context. */
struct tls_ca tls_ca_new(void);
void tls_ca_free(struct tls_ca ca);

/* A server; the key stays the caller's. */
struct tls_server {
	OSSL_LIB_CTX *libctx;
	EVP_PKEY *key;
	const char *properties; /* of what it fetches */
	bool alone; /* it asks for no certificate; the client is in the default context */
};

/* With a client that has a P-256 key of its own, in the same context. */
struct tls_ends tls_ends_new(const struct tls_server *server, const struct tls_ca *ca);
void tls_ends_free(struct tls_ends e);

/* A full handshake over a pair of BIOs, in which both show and verify a certificate.  Any thread.
 */
void tls_handshake(const struct tls_ends *ends);

#endif
