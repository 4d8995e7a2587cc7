/*
 * tls - how connections are encrypted: versions, ciphers, tickets, and the certificate now in use.
 *
 * 1. A ticket's key seals for an hour and opens for another one; it never leaves the process.  Two
 *    servers open no tickets of each other: their clients shake hands in full.
 * 2. Any certificate is taken from a client that has its key: who that is, is decided above.
 * 3. AES-128 comes first, with SHA-256: processors have instructions for it, and the dozens of hashes of a
 *    handshake by SHA-384 take a tenth of its time.
 * 4. Who shows a certificate by TLS 1.3 gets no ticket: it would hold the certificate, and to put it
 *    there libssl reads it a second time, which takes as long as its signature does.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <string.h>

#include "backoffice/http/engine.h"
#include "base/clock.h"
#include "base/secret.h"

#define TICKET_MS      3600000
#define TICKET_SECONDS 7200
#define CIPHERS12                                                                                  \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

struct ticket_key {
	uint8_t name[16], aes[32], mac[32];
	int64_t until_ms; /* seals until then, opens for as long again */
};

struct tickets {
	pthread_mutex_t lock;
	struct ticket_key now, before;
};

static int tickets_index = -1;
static pthread_once_t index_once = PTHREAD_ONCE_INIT;

static void free_tickets(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct tickets *t = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	OPENSSL_clear_free(t, sizeof *t);
}

static void make_index(void)
{
	tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_tickets);
}

static bool new_key(struct ticket_key *k, int64_t now)
{
	if (random_fill(k, sizeof *k) != INRO_OK)
		return false;
	k->until_ms = now + TICKET_MS;
	return true;
}

/* The key that seals now. */
static bool sealing_key(struct tickets *t, struct ticket_key *ret)
{
	int64_t now = clock_monotonic_ms();
	bool good = true;

	pthread_mutex_lock(&t->lock);
	if (now >= t->now.until_ms) {
		t->before = t->now;
		good = new_key(&t->now, now);
	}
	*ret = t->now;
	pthread_mutex_unlock(&t->lock);
	return good;
}

/* 1: as it is; 2: it opens, but a new ticket is due; 0: not one of ours. */
static int opening_key(struct tickets *t, const uint8_t *name, struct ticket_key *ret)
{
	int64_t now = clock_monotonic_ms();
	int found = 0;

	pthread_mutex_lock(&t->lock);
	if (memcmp(name, t->now.name, sizeof t->now.name) == 0) {
		*ret = t->now;
		found = now < t->now.until_ms ? 1 : 2;
	} else if (t->before.until_ms && memcmp(name, t->before.name, sizeof t->before.name) == 0) {
		*ret = t->before;
		found = 2;
	}
	pthread_mutex_unlock(&t->lock);
	return found && now < ret->until_ms + TICKET_MS ? found : 0;
}

static bool set_keys(EVP_CIPHER_CTX *c, EVP_MAC_CTX *m, struct ticket_key *k, uint8_t *iv, int seal)
{
	char sha[] = "SHA256";
	OSSL_PARAM with[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(m, with) == 1 &&
	       EVP_CipherInit_ex(c, EVP_aes_256_cbc(), NULL, k->aes, iv, seal) == 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c,
		     EVP_MAC_CTX *m, int seal)
{
	struct tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index);
	struct ticket_key k;
	int found = 1;

	if (seal) {
		if (!sealing_key(t, &k) || random_fill(iv, EVP_MAX_IV_LENGTH) != INRO_OK)
			return -1;
		memcpy(name, k.name, sizeof k.name);
	} else {
		found = opening_key(t, name, &k);
	}
	if (found && !set_keys(c, m, &k, iv, seal))
		found = -1;
	wipe(&k, sizeof k);
	return found;
}

static enum inro_err rotate_tickets(SSL_CTX *ctx)
{
	struct tickets *t = OPENSSL_zalloc(sizeof *t);

	pthread_once(&index_once, make_index);
	if (!t || tickets_index < 0)
		return err_set(INRO_E_NO_MEMORY, "no memory for TLS");
	pthread_mutex_init(&t->lock, NULL);
	SSL_CTX_set_ex_data(ctx, tickets_index, t);
	SSL_CTX_set_timeout(ctx, TICKET_SECONDS);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
	return INRO_OK;
}

static int any_cert(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	(void)arg;
	return SSL_set_num_tickets(ssl, 0);
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
			   const unsigned char *in, unsigned int inlen, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, outlen, ours,
				     sizeof ours - 1, in, inlen) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

enum inro_err http_tls_prepare(SSL_CTX *ctx, bool certs)
{
	static const unsigned char where[] = "inro";

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	SSL_CTX_set_num_tickets(ctx, 1);
	if (certs) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_cert_verify_callback(ctx, any_cert, NULL);
	}
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS12) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, CIPHERS13) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, where, sizeof where - 1) != 1)
		return err_set(INRO_E_CRYPTO, "libssl refuses the versions or ciphers of TLS");
	return rotate_tickets(ctx);
}

void http_tls_swap(struct http_server *s, SSL_CTX *ctx)
{
	SSL_CTX *before;

	SSL_CTX_up_ref(ctx);
	pthread_mutex_lock(&s->tls_lock);
	before = s->tls;
	s->tls = ctx;
	pthread_mutex_unlock(&s->tls_lock);
	SSL_CTX_free(before);
}

SSL *server_ssl_new(struct http_server *s)
{
	SSL *ssl;

	pthread_mutex_lock(&s->tls_lock);
	ssl = s->tls ? SSL_new(s->tls) : NULL;
	pthread_mutex_unlock(&s->tls_lock);
	ERR_clear_error();
	return ssl;
}
