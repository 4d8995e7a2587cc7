/* httpd - see httpd.h. */
#include "tests/lib/httpd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#define ANSWER_MS 10000

void httpd_self_signed(const char *name, EVP_PKEY **ret_key, X509 **ret_cert)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *dn = X509_get_subject_name(cert);

	assert_non_null(key);
	assert_int_equal(X509_set_version(cert, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(dn, "CN", MBSTRING_ASC, (const void *)name, -1, -1, 0);
	X509_set_issuer_name(cert, dn);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	*ret_key = key;
	*ret_cert = cert;
}

static SSL_CTX *server_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key;
	X509 *cert;

	httpd_self_signed("localhost", &key, &cert);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	assert_int_equal(http_tls_prepare(ctx, true), INRO_OK);
	EVP_PKEY_free(key);
	X509_free(cert);
	return ctx;
}

void httpd_start(struct httpd *h, const struct http_table *table, const struct http_options *more,
		 bool tls)
{
	static const struct http_listen at[] = { { .at = "127.0.0.1:0" },
						 { .at = "127.0.0.1:0", .tls = true } };
	struct http_options o = more ? *more : (struct http_options) { .log_fd = -1 };

	*h = (struct httpd) { .ctx = tls ? server_ctx() : NULL };
	o.listen = at;
	o.n_listen = tls ? 2 : 1;
	o.tables = table;
	o.n_tables = 1;
	o.tls = h->ctx;
	assert_int_equal(http_server_start(&o, &h->server), INRO_OK);
	h->plain = http_server_port(h->server, 0);
	h->tls = http_server_port(h->server, 1);
}

void httpd_stop(struct httpd *h)
{
	http_server_stop(h->server);
	SSL_CTX_free(h->ctx);
	*h = (struct httpd) { 0 };
}

static int connect_to(int fd, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	return connect(fd, (const void *)&to, sizeof to);
}

void httpd_connect_with(int fd, unsigned port)
{
	assert_int_equal(connect_to(fd, port), 0);
}

bool httpd_may_connect(unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool may = connect_to(fd, port) == 0;

	close(fd);
	return may;
}

int httpd_connect(unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	httpd_connect_with(fd, port);
	return fd;
}

void httpd_send(int fd, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

static bool is_whole(const struct buf *b)
{
	const char *text = (const char *)b->p, *body = httpd_body(text), *length;

	if (!body || !(length = strcasestr(text, "\r\nContent-Length: ")) || length > body)
		return false;
	return strlen(body) >= strtoul(length + 18, NULL, 10);
}

static char *read_until(int fd, int ms, bool (*enough)(const struct buf *))
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	SCOPED(buf) all = { 0 };

	for (;;) {
		char piece[4096];
		ssize_t n = poll(&p, 1, ms) == 1 ? read(fd, piece, sizeof piece) : 0;

		if (n > 0)
			buf_add(&all, BYTES(piece, (size_t)n));
		buf_add_u8(&all, 0);
		all.n--;
		if (n <= 0 || (enough && enough(&all)))
			return buf_take_str(&all);
	}
}

char *httpd_read(int fd, int ms)
{
	return read_until(fd, ms, NULL);
}

char *httpd_ask(unsigned port, const char *request)
{
	int fd = httpd_connect(port);
	char *answer;

	httpd_send(fd, request);
	answer = read_until(fd, ANSWER_MS, is_whole);
	close(fd);
	return answer;
}

int httpd_status(const char *answer)
{
	return answer && !strncmp(answer, "HTTP/1.1 ", 9) ? atoi(answer + 9) : 0;
}

const char *httpd_body(const char *answer)
{
	const char *end = answer ? strstr(answer, "\r\n\r\n") : NULL;

	return end ? end + 4 : NULL;
}
