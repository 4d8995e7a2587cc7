/* fetch - see fetch.h. */
#include "backoffice/fetch/fetch.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "backoffice/fetch/curl.h"
#include "base/file.h"
#include "base/clock.h"
#include "base/libcrypto/verify_at.h"
#include "base/log.h"
#include "base/own.h"
#include "base/secret.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

struct going {
	const struct curl_calls *curl;
	const struct fetch_way *way;
	const struct fetch_who *who;
	struct fetch *fetch;
	CURL *handle;
	struct curl_slist *headers;
	char *url;
	char why[CURL_ERROR_SIZE];
	enum inro_err tls; /* what readying the client's side came to */
	char tls_why[ERR_DETAIL_MAX];
};

void fetch_clear(struct fetch *f)
{
	buf_clear(&f->answer);
}

static void going_clear(struct going *g)
{
	if (g->headers)
		g->curl->curl_slist_free_all(g->headers);
	if (g->handle)
		g->curl->curl_easy_cleanup(g->handle);
	free(g->url);
	*g = (struct going) { 0 };
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct going *g = arg;

	buf_add(&g->fetch->answer, BYTES(p, size * n));
	return buf_err(&g->fetch->answer) == INRO_OK ? size * n : 0;
}

#define CHAIN_MAX ((size_t)256 << 10)

static enum inro_err use_key(const struct going *g, SSL_CTX *ctx)
{
	const struct fetch_who *w = g->who;
	SCOPED(buf) file = { 0 };
	EVP_PKEY *key = NULL;
	enum inro_err e = *g->way->room ? INRO_OK : keyroom_open(g->way->room);

	if (e == INRO_OK && w->cert)
		e = file_read(w->cert, CHAIN_MAX, &file);
	if (e == INRO_OK)
		e = keyroom_key(*g->way->room, w->key_uri, "the certificate's key", &g->way->pins,
				&key);
	if (e == INRO_OK)
		e = keyroom_use(ctx, NULL, w->cert ? buf_bytes(&file) : w->cert_pem, key,
				"the client certificate");
	EVP_PKEY_free(key);
	return e;
}

static enum inro_err ready_tls(struct going *g, SSL_CTX *ctx)
{
	verify_at(SSL_CTX_get0_param(ctx), g->way->believed);
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
		return err_set(INRO_E_CRYPTO, "TLS 1.2 is not to be had");
	return g->who && g->who->key_uri ? use_key(g, ctx) : INRO_OK;
}

static CURLcode on_tls(CURL *handle, void *ctx, void *arg)
{
	struct going *g = arg;

	(void)handle;
	g->tls = ready_tls(g, ctx);
	if (g->tls == INRO_OK)
		return CURLE_OK;
	snprintf(g->tls_why, sizeof g->tls_why, "%s", err_detail(g->tls));
	return CURLE_ABORTED_BY_CALLBACK;
}

static void add_header(struct going *g, const char *name, const char *value)
{
	char line[192];
	struct curl_slist *more;

	snprintf(line, sizeof line, "%s: %s", name, value);
	more = g->curl->curl_slist_append(g->headers, line);
	if (more)
		g->headers = more;
}

static bool set_text(struct going *g, CURLoption o, const char *value)
{
	return g->curl->curl_easy_setopt(g->handle, o, value) == CURLE_OK;
}

static bool set_long(struct going *g, CURLoption o, long value)
{
	return g->curl->curl_easy_setopt(g->handle, o, value) == CURLE_OK;
}

static bool set_pointer(struct going *g, CURLoption o, void *value)
{
	return g->curl->curl_easy_setopt(g->handle, o, value) == CURLE_OK;
}

static bool set_body_in(struct going *g)
{
	return g->curl->curl_easy_setopt(g->handle, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       set_pointer(g, CURLOPT_WRITEDATA, g);
}

static bool set_way(struct going *g)
{
	const struct fetch_way *w = g->way;
	long seconds = (long)w->timeout;

	return set_text(g, CURLOPT_URL, g->url) && 
	       set_text(g, CURLOPT_PROTOCOLS_STR, w->plain ? "http,https" : "https") &&
	       set_long(g, CURLOPT_FOLLOWLOCATION, 0) && set_long(g, CURLOPT_NOSIGNAL, 1) &&
	       set_long(g, CURLOPT_TIMEOUT, seconds) && set_long(g, CURLOPT_CONNECTTIMEOUT, seconds) &&
	       set_text(g, CURLOPT_PROXY, w->proxy ? w->proxy : "") &&
	       set_long(g, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1) &&
	       set_long(g, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
	       set_pointer(g, CURLOPT_ERRORBUFFER, g->why);
}

static bool set_cas(struct going *g)
{
	const struct fetch_way *w = g->way;
	struct curl_blob blob = { (void *)(uintptr_t)w->trust_pem.p, w->trust_pem.n, CURL_BLOB_COPY };

	if (w->trust && !blob.len)
		return set_text(g, CURLOPT_CAINFO, w->trust);
	/* What is empty trusts nobody, and not whom libcurl would. */
	return set_text(g, CURLOPT_CAINFO, NULL) &&
	       (!blob.len || set_pointer(g, CURLOPT_CAINFO_BLOB, &blob));
}

static bool set_trust(struct going *g)
{
	return set_cas(g) && set_text(g, CURLOPT_CAPATH, NULL) &&
	       set_long(g, CURLOPT_SSL_VERIFYPEER, 1) && set_long(g, CURLOPT_SSL_VERIFYHOST, 2) &&
	       g->curl->curl_easy_setopt(g->handle, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
	       set_pointer(g, CURLOPT_SSL_CTX_DATA, g);
}

/* No user name has a ':' (RFC 7617, section 2). */
static char *user_name(const char *id)
{
	SCOPED(buf) name = { 0 };

	for (; *id; id++)
		if (*id == ':')
			buf_add_str(&name, "%3A");
		else
			buf_add_u8(&name, (uint8_t)*id);
	return buf_take_str(&name);
}

static bool set_who(struct going *g)
{
	AUTO(free_chars) char *name = NULL;
	SCOPED(secret) psk = { 0 };
	const struct fetch_who *w = g->who;

	if (!w || !w->id)
		return true;
	name = user_name(w->id);
	if (!name || secret_new(w->psk.n + 1, &psk) != INRO_OK)
		return false;
	memcpy(psk.p, w->psk.p, w->psk.n);
	return set_long(g, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) &&
	       set_text(g, CURLOPT_USERNAME, name) &&
	       set_text(g, CURLOPT_PASSWORD, (const char *)psk.p);
}

static bool set_body_out(struct going *g)
{
	const struct fetch *f = g->fetch;

	if (f->type) {
		add_header(g, "Content-Type", f->type);
		if (f->encoding)
			add_header(g, "Content-Transfer-Encoding", f->encoding);
		add_header(g, "Expect", "");
		/* A server of OpenSSL's takes a kept connection that ends for the end of the transaction. */
		if (g->way->plain)
			add_header(g, "Connection", "close");
		if (!set_long(g, CURLOPT_POST, 1) ||
		    !set_long(g, CURLOPT_POSTFIELDSIZE, (long)f->body.n) ||
		    !set_pointer(g, CURLOPT_POSTFIELDS, (void *)(uintptr_t)f->body.p))
			return false;
	}
	return set_pointer(g, CURLOPT_HTTPHEADER, g->headers);
}

/* Nobody there, or the way there is broken: worth another try. */
static bool is_absence(CURLcode c)
{
	static const CURLcode absent[] = { CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST,
					   CURLE_COULDNT_CONNECT,	CURLE_OPERATION_TIMEDOUT,
					   CURLE_GOT_NOTHING,		CURLE_SEND_ERROR,
					   CURLE_RECV_ERROR,		CURLE_PARTIAL_FILE,
					   CURLE_SSL_CONNECT_ERROR };

	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (absent[i] == c)
			return true;
	return false;
}

/* libcurl has no code for it, only what libssl says. */
static bool is_plain(CURLcode c, const char *why)
{
	return c == CURLE_SSL_CONNECT_ERROR && strstr(why, "wrong version number");
}

static enum inro_err failed(const struct going *g, CURLcode c)
{
	const char *why = *g->why ? g->why : g->curl->curl_easy_strerror(c);

	if (g->tls != INRO_OK)
		return err_set(g->tls, "%s", g->tls_why);
	if (c == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(INRO_E_SIGNATURE,
			       "who answers at %s is not the service that %s vouches for (%s); is "
			       "there a portal in between?",
			       g->way->server, g->way->trust ? g->way->trust : "its CA's file", why);
	if (c == CURLE_SSL_CACERT_BADFILE && g->way->trust)
		return err_set(INRO_E_CONFIG, "%s can't be read, or has no certificate in it (PEM)", g->way->trust);
	if (buf_err(&g->fetch->answer) == INRO_E_TOO_BIG)
		return err_set(INRO_E_TOO_BIG, "the answer of %s is longer than %zu bytes",
			       g->way->server, FETCH_MAX);
	return err_set(is_absence(c) ? INRO_E_BUSY : INRO_E_CONFIG, "%s can't be reached: %s%s", g->way->server, why,
		       is_plain(c, why) ? "; who answers does not speak TLS: is there a portal in between?" : "");
}

static void note_answer(struct going *g)
{
	const struct curl_calls *curl = g->curl;
	struct fetch *f = g->fetch;
	char *type = NULL;
	curl_off_t wait = 0;

	curl->curl_easy_getinfo(g->handle, CURLINFO_RESPONSE_CODE, &f->status);
	curl->curl_easy_getinfo(g->handle, CURLINFO_CONTENT_TYPE, &type);
	curl->curl_easy_getinfo(g->handle, CURLINFO_RETRY_AFTER, &wait);
	snprintf(f->answer_type, sizeof f->answer_type, "%s", type ? type : "");
	f->retry_after = wait;
}

static bool time_of(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return false;
	*ret = timegm(&tm);
	return true;
}

/* Whose certificate is not valid at the time that he says says a wrong one. */
static bool may_be_now(const struct going *g, int64_t date)
{
	struct curl_tlssessioninfo *tls = NULL;
	const X509 *cert = NULL;
	int64_t from = 0, to = 0;

	if (g->curl->curl_easy_getinfo(g->handle, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls &&
	    tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals)
		cert = SSL_get0_peer_certificate(tls->internals);
	if (!cert) /* not by TLS */
		return true;
	return time_of(X509_get0_notBefore(cert), &from) &&
	       time_of(X509_get0_notAfter(cert), &to) && from <= date && date <= to;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char name[] = "Date:";
	struct going *g = arg;
	char line[64];
	size_t len = size * n;

	if (len > sizeof name - 1 && len < sizeof line &&
	    strncasecmp(p, name, sizeof name - 1) == 0) {
		memcpy(line, p + sizeof name - 1, len - sizeof name + 1);
		line[len - sizeof name + 1] = 0;
		if (!clock_parse_http(line, &g->fetch->date) || !may_be_now(g, g->fetch->date))
			g->fetch->date = 0;
	}
	return len;
}

static bool set_up(struct going *g)
{
	return set_way(g) && set_trust(g) && set_who(g) && set_body_out(g) && set_body_in(g) &&
	       g->curl->curl_easy_setopt(g->handle, CURLOPT_HEADERFUNCTION, on_header) ==
		       CURLE_OK &&
	       set_pointer(g, CURLOPT_HEADERDATA, g);
}

enum inro_err fetch_run(const struct fetch_way *way, const struct fetch_who *who, struct fetch *f)
{
	SCOPED(going) g = { .way = way, .who = who, .fetch = f };
	CURLcode c;
	enum inro_err e = curl_load(&g.curl);

	if (e != INRO_OK)
		return e;
	buf_clear(&f->answer);
	f->answer.max = FETCH_MAX;
	f->answer.secret = true; /* it may hold a key */
	g.handle = g.curl->curl_easy_init();
	if (!g.handle || asprintf(&g.url, "%s%s", way->server, f->path) < 0)
		return err_set(INRO_E_NO_MEMORY, "no memory to ask %s", way->server);
	if (!set_up(&g))
		return err_set(INRO_E_CONFIG, "libcurl refuses a setting; install libcurl4 7.85 or "
					      "later");
	c = g.curl->curl_easy_perform(g.handle);
	if (c != CURLE_OK)
		return failed(&g, c);
	note_answer(&g);
	log_debug("fetch: %s: %ld, %zu bytes", f->path, f->status, f->answer.n);
	return INRO_OK;
}
