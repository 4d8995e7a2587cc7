/*
 * fetch - one HTTP request to a service elsewhere and its answer.
 *
 * 1. The service is believed by the CAs that are named and no others; TLS 1.2 at least; nothing is
 *    followed to another place.  What a captive portal says is never an answer.
 * 2. Certificates are looked at as of `believed`, so that a device whose clock is not set yet can
 *    speak at all.
 * 3. An answer is bounded in size and time.
 */
#ifndef INRO_BACKOFFICE_FETCH_FETCH_H
#define INRO_BACKOFFICE_FETCH_FETCH_H

#include <stdbool.h>

#include "backoffice/fetch/keyroom.h"
#include "base/bytes.h"

#define FETCH_MAX ((size_t)256 << 10)

/* How all requests of one round go out. */
struct fetch_way {
	const char *server;	/* "https://HOST:PORT", a path may follow */
	const char *trust;	/* PEM file of CAs */
	struct bytes trust_pem; /* the CAs themselves; with a file, in place of what is in it */
	bool plain;		/* http: may be asked too: what is asked for protects itself */
	const char *proxy;	/* NULL: none */
	int64_t timeout;	/* seconds */
	int64_t believed;	/* seconds since 1970 */
	struct keyroom **room; /* opened for the first key of a token, and the caller's to close */
	struct keyroom_pins pins;
};

/* Who asks: by id and pre-shared key, or by a certificate with its chain (a PEM file, or what is in
 * it) and the URI of its key. */
struct fetch_who {
	const char *id; /* a ':' in it goes as %3A, as our service reads it */
	struct bytes psk;
	const char *cert, *key_uri;
	struct bytes cert_pem;
};

struct fetch {
	const char *path;	       /* behind the server: "/.well-known/est/…" */
	const char *type;	       /* of the body; NULL: GET */
	const char *encoding;	       /* Content-Transfer-Encoding; NULL: none */
	struct bytes body;
	/* out */
	long status;
	char answer_type[128];
	int64_t retry_after; /* seconds; 0: not said */
	int64_t date;	     /* of the service; 0: not said, or not of the time of its certificate */
	struct buf answer;
};
void fetch_clear(struct fetch *f);
/* A status that says: not now.  The server is away, or has too much to do. */
static inline bool fetch_is_later(long status)
{
	return status >= 500 || status == 429;
}

/* INRO_OK: there is an answer, whatever it says.  INRO_E_BUSY: the service is not there now.
 * INRO_E_SIGNATURE: somebody else is there. */
MUST_CHECK enum inro_err fetch_run(const struct fetch_way *way, const struct fetch_who *who,
				   struct fetch *f);

#endif
