/*
 * ocsp - answers about certificates on line (RFC 6960, RFC 5019): /ocsp/CA by GET and POST.
 *
 * 1. An answer is signed when it is asked for and kept, in bounded memory, until a quarter of its time
 *    is left; whoever asks in between gets the same one without database or token.
 * 2. What is kept is dropped when something else is to be said: responder_watch() follows the changes
 *    of the database, whoever made them.  An answer that was made while a change came in is given
 *    and not kept.
 * 3. An answer with a nonce, for several certificates, or about one that was never issued is signed
 *    each time.
 * 4. Without database or token what is kept is given until it ends; for the rest it is tryLater.
 */
#ifndef INRO_BACKOFFICE_OCSP_OCSP_H
#define INRO_BACKOFFICE_OCSP_OCSP_H

#include "backoffice/core/core.h"
#include "backoffice/http/http.h"

struct responder;

#define RESPONDER_CACHE ((size_t)32 << 20)
struct responder_options {
	size_t cache_octets; /* 0: RESPONDER_CACHE */
	const char *tenant;  /* whose CAs are named without a tenant; NULL: "default" */
};

/* Reads who answers; from then on any number of threads ask. */
MUST_CHECK enum inro_err responder_new(const struct responder_options *o, struct core *c,
				       struct responder **ret);
void responder_free(struct responder *r); /* NULL is fine; nobody asks any more */
void responder_free_ptr(struct responder **r);

/* Looks for changes and for other CAs: by one thread with a core of its own, every RESPONDER_WATCH_MS.
 * An error says that the database does not answer. */
#define RESPONDER_WATCH_MS 400
MUST_CHECK enum inro_err responder_watch(struct responder *r, struct core *c);

/* What goes back to who asked. */
struct responder_reply {
	struct buf body; /* an OCSPResponse, always */
	bool keeps;	 /* a cache in between may keep it; the rest is about that */
	char etag[36];	 /* with its quotes */
	int64_t this_update, next_update, fresh_until;
	enum inro_err fault; /* why none could be made just now, with its detail; the next ones wait for a while */
};
void responder_reply_clear(struct responder_reply *r);
/* core NULL: only what takes no database and no token.  INRO_E_BUSY: it takes them; every other
 * outcome is an answer. */
MUST_CHECK enum inro_err responder_answer(struct responder *r, struct core *c, const char *path,
					  struct bytes request, struct responder_reply *ret);

struct responder_stats {
	uint64_t kept, made, refused; /* answers since the start */
	uint64_t entries, octets;     /* in the cache now */
};
void responder_stats(struct responder *r, struct responder_stats *ret);
/* The same as Prometheus reads it (text, 0.0.4). */
void responder_metrics(struct responder *r, struct buf *out);

/* The rows; the table's arg is the struct responder.  The worker of a call is a struct core. */
extern const struct http_route responder_routes[];
extern const size_t responder_routes_n;

#endif
