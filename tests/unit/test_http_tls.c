/* test_http_tls - the HTTP engine over TLS: certificates of clients, channel bindings, tickets, another
 * certificate while it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/lib/httpd.h"

static enum inro_err h_who(struct http_call *c, void *arg)
{
	struct buf *out = &c->answer->body;

	(void)arg;
	if (!c->peer->bound)
		return HTTP_BINDINGS;
	c->answer->type = "text/plain";
	buf_addf(out, "tls=%d cert=", c->peer->tls);
	buf_add_hex(out, c->peer->cert);
	buf_add_str(out, " unique=");
	buf_add_hex(out, c->peer->tls_unique);
	buf_add_str(out, " exporter=");
	buf_add_hex(out, c->peer->tls_exporter);
	buf_add_str(out, ".");
	return INRO_OK;
}

static enum inro_err h_big(struct http_call *c, void *arg)
{
	uint8_t *p = buf_extend(&c->answer->body, 3000000);

	(void)arg;
	assert_non_null(p);
	memset(p, 'x', 3000000);
	return INRO_OK;
}

static enum inro_err h_echo(struct http_call *c, void *arg)
{
	(void)arg;
	buf_addf(&c->answer->body, "%zu", c->body.n);
	return INRO_OK;
}

static const struct http_route routes[] = {
	{ "GET", "/who", 0, h_who, NULL, 0, NULL },
	{ "GET", "/big", 0, h_big, NULL, 0, NULL },
	{ "POST", "/echo", 0, h_echo, NULL, 4000000, NULL },
};
static const struct http_table table = { routes, ARRAY_LEN(routes), NULL };
static struct httpd h;

static int start(void **state)
{
	(void)state;
	httpd_start(&h, &table, NULL, true);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	httpd_stop(&h);
	return 0;
}

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	EVP_PKEY *key;
	X509 *cert;
};

static void client_clear(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	EVP_PKEY_free(c->key);
	X509_free(c->cert);
	if (c->fd > 0)
		close(c->fd);
}

static void client_open(struct client *c, int version, bool with_cert)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_set_max_proto_version(c->ctx, version), 1);
	if (with_cert) {
		httpd_self_signed("somebody", &c->key, &c->cert);
		assert_int_equal(SSL_CTX_use_certificate(c->ctx, c->cert), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(c->ctx, c->key), 1);
	}
	c->ssl = SSL_new(c->ctx);
	c->fd = httpd_connect(h.tls);
	SSL_set_fd(c->ssl, c->fd);
}

static void connect_to(struct client *c, int version, bool with_cert)
{
	client_open(c, version, with_cert);
	assert_int_equal(SSL_connect(c->ssl), 1);
}

/* The answer of a request with "Connection: close", whole. */
static void ask(struct client *c, const char *request, struct buf *out)
{
	char piece[16384];
	int n;

	assert_true(SSL_write(c->ssl, request, (int)strlen(request)) > 0);
	while ((n = SSL_read(c->ssl, piece, sizeof piece)) > 0)
		buf_add(out, BYTES(piece, (size_t)n));
	assert_int_equal(SSL_get_error(c->ssl, n), SSL_ERROR_ZERO_RETURN);
	buf_add_u8(out, 0);
	assert_int_equal(buf_err(out), INRO_OK);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static bool has_hex(const struct buf *answer, const char *before, struct bytes value)
{
	SCOPED(buf) want = { 0 };

	buf_add_str(&want, before);
	buf_add_hex(&want, value);
	buf_add_u8(&want, 0);
	return strstr((const char *)answer->p, (const char *)want.p) != NULL;
}

static void see_peer(int version)
{
	SCOPED(client) c = { 0 };
	SCOPED(buf) answer = { 0 };
	uint8_t unique[64], exporter[32], *der = NULL;
	size_t n;
	int len;

	connect_to(&c, version, true);
	assert_int_equal(SSL_export_keying_material(c.ssl, exporter, sizeof exporter,
						    "EXPORTER-Channel-Binding", 24,
						    (const uint8_t *)"", 0, 1),
			 1);
	n = SSL_get_finished(c.ssl, unique, sizeof unique);
	len = i2d_X509(c.cert, &der);
	ask(&c, GET("/who"), &answer);
	assert_true(has_hex(&answer, "tls=1 cert=", BYTES(der, (size_t)len)));
	assert_true(has_hex(&answer, "exporter=", BYTES(exporter, sizeof exporter)));
	assert_true(has_hex(&answer, "unique=",
			    version == TLS1_2_VERSION ? BYTES(unique, n) : BYTES_NONE));
	OPENSSL_free(der);
}

static void test_peer(void **state)
{
	SCOPED(client) c = { 0 };
	SCOPED(buf) answer = { 0 };

	(void)state;
	see_peer(TLS1_2_VERSION);
	see_peer(TLS1_3_VERSION);
	connect_to(&c, TLS1_3_VERSION, false);
	ask(&c, GET("/who"), &answer);
	assert_non_null(strstr((char *)answer.p, "tls=1 cert= unique= exporter="));
}

static void see_ticket(int version, bool with_cert, int resumable)
{
	SCOPED(client) c = { 0 };
	SCOPED(buf) answer = { 0 };

	connect_to(&c, version, with_cert);
	ask(&c, GET("/who"), &answer);
	assert_int_equal(SSL_SESSION_is_resumable(SSL_get0_session(c.ssl)), resumable);
}

/* No ticket holds a client's certificate, but for TLS 1.2. */
static void test_ticket(void **state)
{
	(void)state;
	see_ticket(TLS1_3_VERSION, false, 1);
	see_ticket(TLS1_3_VERSION, true, 0);
	see_ticket(TLS1_2_VERSION, true, 1);
}

/* A certificate without its key is worth nothing. */
static void test_not_his_key(void **state)
{
	SCOPED(client) c = { 0 };
	EVP_PKEY *other;
	X509 *unused;
	char byte;
	int done;

	(void)state;
	client_open(&c, TLS1_3_VERSION, true);
	httpd_self_signed("other", &other, &unused);
	SSL_use_certificate(c.ssl, c.cert);
	/* A pair that does not fit can't be set: the certificate gets the other key afterwards. */
	X509_set_pubkey(c.cert, other);
	done = SSL_connect(c.ssl);
	if (done == 1)
		done = SSL_read(c.ssl, &byte, 1);
	assert_true(done <= 0);
	EVP_PKEY_free(other);
	X509_free(unused);
}

static void test_big(void **state)
{
	SCOPED(client) c = { 0 };
	SCOPED(buf) answer = { 0 };

	(void)state;
	connect_to(&c, TLS1_3_VERSION, false);
	ask(&c, GET("/big"), &answer);
	assert_true(answer.n > 3000000 && answer.n < 3001000);
}

static void test_big_body(void **state)
{
	static char body[3000000];
	SCOPED(client) c = { 0 };
	SCOPED(buf) answer = { 0 };
	const char *head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n"
			   "Connection: close\r\n\r\n";

	(void)state;
	connect_to(&c, TLS1_2_VERSION, false);
	assert_true(SSL_write(c.ssl, head, (int)strlen(head)) > 0);
	assert_int_equal(SSL_write(c.ssl, body, sizeof body - 1), sizeof body - 1);
	ask(&c, "x", &answer);
	assert_non_null(strstr((char *)answer.p, "\r\n\r\n3000000"));
}

static void test_swap(void **state)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SCOPED(client) c = { 0 };
	EVP_PKEY *key;
	X509 *cert, *seen;

	(void)state;
	httpd_self_signed("next", &key, &cert);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	assert_int_equal(http_tls_prepare(ctx, false), INRO_OK);
	http_tls_swap(h.server, ctx);
	SSL_CTX_free(ctx);
	connect_to(&c, TLS1_3_VERSION, false);
	seen = SSL_get0_peer_certificate(c.ssl);
	assert_int_equal(X509_cmp(seen, cert), 0);
	EVP_PKEY_free(key);
	X509_free(cert);
}

static void see_suite(const char *offered, const char *want)
{
	SCOPED(client) c = { 0 };

	client_open(&c, TLS1_3_VERSION, false);
	assert_int_equal(SSL_set_ciphersuites(c.ssl, offered), 1);
	assert_int_equal(SSL_connect(c.ssl), 1);
	assert_string_equal(SSL_get_cipher_name(c.ssl), want);
}

/* The server's choice, of what the client has. */
static void test_suites(void **state)
{
	static const char sha384[] = "TLS_AES_256_GCM_SHA384", sha256[] = "TLS_AES_128_GCM_SHA256",
			  chacha[] = "TLS_CHACHA20_POLY1305_SHA256";

	(void)state;
	see_suite("TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", sha256);
	see_suite(sha384, sha384);
	see_suite("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", sha384);
	see_suite("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", chacha);
}

/* Refused: an old version, another protocol; what is no TLS at all ends at once. */
static void test_refused(void **state)
{
	static const unsigned char h2[] = "\x02h2";
	SCOPED(client) old = { 0 };
	SCOPED(client) alpn = { 0 };
	struct http_stats before, after;
	char *answer;
	int fd;

	(void)state;
	http_server_stats(h.server, &before);
	client_open(&old, TLS1_1_VERSION, false);
	assert_int_not_equal(SSL_connect(old.ssl), 1);
	client_open(&alpn, TLS1_3_VERSION, false);
	SSL_set_alpn_protos(alpn.ssl, h2, sizeof h2 - 1);
	assert_int_not_equal(SSL_connect(alpn.ssl), 1);
	fd = httpd_connect(h.tls);
	httpd_send(fd, "GET /who HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = httpd_read(fd, 5000);
	assert_null(strstr(answer, "HTTP/1.1 200"));
	free(answer);
	close(fd);
	http_server_stats(h.server, &after);
	assert_true(after.handshakes_failed >= before.handshakes_failed + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer), cmocka_unit_test(test_not_his_key),
		cmocka_unit_test(test_big),  cmocka_unit_test(test_big_body),
		cmocka_unit_test(test_ticket), cmocka_unit_test(test_swap),
		cmocka_unit_test(test_suites),	cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
