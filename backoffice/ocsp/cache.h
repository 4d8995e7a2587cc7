/*
 * cache - signed answers, each about one certificate, in bounded memory.
 *
 * 1. An answer is found by its CA's key, by how that is named in the question, and by the serial.
 * 2. When it is full, what was asked for longest ago goes.
 * 3. cache_drop() takes away all answers about a certificate; what is put in after it by somebody
 *    who looked at the database before is refused (cache_put()).
 * All functions may be called from any thread.
 */
#ifndef INRO_BACKOFFICE_OCSP_CACHE_H
#define INRO_BACKOFFICE_OCSP_CACHE_H

#include "backoffice/pki/ocsp.h"

struct cache;

#define CACHE_ETAG 36 /* with its quotes and a NUL */

struct cache_key {
	int64_t ca, generation;
	const struct ocsp_cert_id *id; /* hash, with_null, serial */
};

/* An answer without what all of a signer's have in common (ocsp_signed()). */
struct cache_answer {
	struct bytes is_signed;
	char etag[CACHE_ETAG];
	int64_t mark; /* of who answered (status.h) */
	int64_t this_update, next_update, fresh_until;
};

MUST_CHECK enum inro_err cache_new(size_t octets, struct cache **ret);
void cache_free(struct cache *c); /* NULL is fine */

/* An answer by who has this mark, that is good at this time: one from before the clock was set back is not yet. */
struct cache_wish {
	struct cache_key key;
	int64_t mark, at;
	struct bytes certs; /* to be sent with it */
};
/* Appended to *ret_der as ocsp_whole() gives it.  False: there is none. */
bool cache_get(struct cache *c, const struct cache_wish *w, struct cache_answer *ret, struct buf *ret_der);

/* What is the number of drops now: to be asked for before the database is. */
uint64_t cache_drops(struct cache *c);
/* Keeps a copy, unless anything was dropped since `drops` was given, or there is no memory. */
void cache_put(struct cache *c, const struct cache_key *k, const struct cache_answer *a,
	       uint64_t drops);

/* Answers about this certificate, however its CA was named; serial empty: all there are. */
void cache_drop(struct cache *c, int64_t ca, int64_t generation, struct bytes serial);

void cache_size(struct cache *c, uint64_t *ret_entries, uint64_t *ret_octets);

#endif
