/*
 * fetch - one HTTPS request to the service and its answer.
 *
 * 1. The service is believed by the CAs of one file and no others; TLS 1.2 at least; nothing is
 *    followed to another place.  What a captive portal says is never an answer.
 * 2. Certificates are looked at as of `believed`, so that a device whose clock is not set yet can
 *    speak at all.
 * 3. An answer is bounded in size and time.
 */
#ifndef INRO_TOOLS_AGENT_FETCH_H
#define INRO_TOOLS_AGENT_FETCH_H

#include <stdbool.h>

#include "base/bytes.h"

#define FETCH_MAX ((size_t)256 << 10)

/* How all requests of one round go out. */
struct fetch_way {
	const char *server, *trust, *proxy; /* proxy NULL: none */
	int64_t timeout;		    /* seconds */
	int64_t believed;		    /* seconds since 1970 */
};

/* Who asks: by id and pre-shared key, or by a certificate (a PEM file with its chain, and the URI of
 * its key). */
struct fetch_who {
	const char *id;
	struct bytes psk;
	const char *cert, *key_uri;
};

struct fetch {
	const char *path;	       /* "/.well-known/est/…" */
	const char *type;	       /* of the body; NULL: GET */
	const char *encoding;	       /* Content-Transfer-Encoding; NULL: none */
	struct bytes body;
	/* out */
	long status;
	char answer_type[128];
	int64_t retry_after; /* seconds; 0: not said */
	int64_t date;	     /* of the service; 0: not said */
	struct buf answer;
};
void fetch_clear(struct fetch *f);

/* INRO_OK: there is an answer, whatever it says.  INRO_E_BUSY: the service is not there now.
 * INRO_E_SIGNATURE: somebody else is there. */
MUST_CHECK enum inro_err fetch_run(const struct fetch_way *way, const struct fetch_who *who,
				   struct fetch *f);

#endif
