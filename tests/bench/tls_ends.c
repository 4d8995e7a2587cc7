/* tls_ends - see tls_ends.h. */
#include "tests/bench/tls_ends.h"

#include <openssl/x509v3.h>

#include "tests/bench/bench.h"

static X509 *make_cert(EVP_PKEY *key, const char *name, const struct tls_ca *by)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
						 by->cert ? "CA:FALSE" : "critical,CA:TRUE");

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
				   -1, 0);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_issuer_name(cert, by->cert ? X509_get_subject_name(by->cert) : subject);
	X509_add_ext(cert, ca, -1);
	X509_EXTENSION_free(ca);
	bench_need(X509_set_pubkey(cert, key) && X509_sign(cert, by->key, EVP_sha256()) > 0,
		   "a certificate");
	return cert;
}

/* Read anew in the context that it is for: what is found of its key belongs there. */
static X509 *cert_in(OSSL_LIB_CTX *libctx, const X509 *cert)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	const unsigned char *at = der;
	X509 *copy = X509_new_ex(libctx, NULL);

	bench_need(n > 0 && d2i_X509(&copy, &at, n), "a certificate can't be read");
	OPENSSL_free(der);
	return copy;
}

static SSL_CTX *make_end(const struct tls_server *end, const SSL_METHOD *method,
			 const struct tls_ca *ca)
{
	SSL_CTX *c = SSL_CTX_new_ex(end->libctx, end->properties, method);
	X509 *made = make_cert(end->key, "end", ca), *cert = cert_in(end->libctx, made);
	X509 *root = cert_in(end->libctx, ca->cert);

	bench_need(c && SSL_CTX_use_certificate(c, cert) == 1 &&
			   SSL_CTX_use_PrivateKey(c, end->key) == 1 &&
			   SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 &&
			   SSL_CTX_set_num_tickets(c, 0) == 1 &&
			   X509_STORE_add_cert(SSL_CTX_get_cert_store(c), root) == 1,
		   "an end of TLS");
	if (!end->alone)
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_free(made);
	X509_free(cert);
	X509_free(root);
	return c;
}

struct tls_ends tls_ends_new(const struct tls_server *server, const struct tls_ca *ca)
{
	struct tls_server client = { .libctx = server->alone ? NULL : server->libctx };
	struct tls_ends e;

	client.key = EVP_PKEY_Q_keygen(client.libctx, NULL, "EC", "P-256");
	e.server = make_end(server, TLS_server_method(), ca);
	e.client = make_end(&client, TLS_client_method(), ca);
	EVP_PKEY_free(client.key);
	return e;
}

void tls_handshake(const struct tls_ends *ends)
{
	SSL *server = SSL_new(ends->server), *client = SSL_new(ends->client);
	BIO *a = NULL, *b = NULL;

	bench_need(server && client && BIO_new_bio_pair(&a, 65536, &b, 65536), "a connection");
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 8 && !(SSL_is_init_finished(server) && SSL_is_init_finished(client));
	     i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	bench_need(SSL_is_init_finished(server) && SSL_is_init_finished(client) &&
			   SSL_get_verify_result(client) == X509_V_OK,
		   "a handshake");
	SSL_free(server);
	SSL_free(client);
}

struct tls_ca tls_ca_new(void)
{
	struct tls_ca ca = { EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), NULL };

	ca.cert = make_cert(ca.key, "CA", &ca);
	return ca;
}

void tls_ca_free(struct tls_ca ca)
{
	X509_free(ca.cert);
	EVP_PKEY_free(ca.key);
}

void tls_ends_free(struct tls_ends e)
{
	SSL_CTX_free(e.server);
	SSL_CTX_free(e.client);
}
