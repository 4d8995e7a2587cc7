/* peer - who is at the other end: address, certificate, channel bindings. */
#include <arpa/inet.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/http/engine.h"

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"

struct peer *peer_new(const struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *six = (const void *)from;
	const struct sockaddr_in *four = (const void *)from;
	struct peer *p = calloc(1, sizeof *p);
	char *out = p ? p->seen.address : NULL;

	if (!p)
		return NULL;
	p->refs = 1;
	if (from->ss_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, out, sizeof p->seen.address);
	else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, out, sizeof p->seen.address);
	else if (from->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, out, sizeof p->seen.address);
	return p;
}

struct peer *peer_hold(struct peer *p)
{
	p->refs++;
	return p;
}

void peer_release(struct peer *p)
{
	if (!p || --p->refs)
		return;
	buf_clear(&p->cert);
	free(p);
}

static void learn_cert(struct peer *p, SSL *ssl)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	int n = cert ? i2d_X509(cert, NULL) : 0;
	uint8_t *out = n > 0 ? buf_extend(&p->cert, (size_t)n) : NULL;

	if (out && i2d_X509(cert, &out) == n)
		p->seen.cert = buf_bytes(&p->cert);
}

/* RFC 5929 3.1: the first Finished message, which is the server's in a resumed handshake. */
static void learn_unique(struct peer *p, SSL *ssl)
{
	size_t n = SSL_session_reused(ssl) ? SSL_get_finished(ssl, p->unique, sizeof p->unique)
					   : SSL_get_peer_finished(ssl, p->unique, sizeof p->unique);

	if (n <= sizeof p->unique)
		p->seen.tls_unique = BYTES(p->unique, n);
}

/* Few ask for them, and to derive an exporter takes 64 000 instructions. */
void peer_learn_bindings(struct peer *p, SSL *ssl)
{
	p->seen.bound = true;
	if (!ssl)
		return;
	if (SSL_version(ssl) == TLS1_2_VERSION)
		learn_unique(p, ssl);
	if (SSL_export_keying_material(ssl, p->exporter, sizeof p->exporter, EXPORTER_LABEL,
				       sizeof EXPORTER_LABEL - 1, (const uint8_t *)"", 0, 1) == 1)
		p->seen.tls_exporter = BYTES(p->exporter, sizeof p->exporter);
}

void peer_learn_tls(struct peer *p, SSL *ssl)
{
	p->seen.tls = true;
	learn_cert(p, ssl);
}
