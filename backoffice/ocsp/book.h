/*
 * book - who answers for which CA's key, as one look at the database found it.
 *
 * 1. A book never changes; another one takes its place.  Who has it open keeps it (book_hold()).
 */
#ifndef INRO_BACKOFFICE_OCSP_BOOK_H
#define INRO_BACKOFFICE_OCSP_BOOK_H

#include <stdatomic.h>

#include "backoffice/core/status.h"
#include "backoffice/pki/ocsp.h"

struct issuer {
	int64_t ca, generation, mark;
	char *name, *tenant;
	struct ocsp_names names;
	int64_t not_before, not_after; /* of the CA's certificate */
	int64_t minutes, signer_until;
	char *key_uri;		/* NULL: nobody answers yet */
	struct blob spki;	/* of that key */
	bool itself;		/* the CA's own */
	const struct pki_sig *sig;
	struct buf responder, certs; /* as ocsp_add_responder() and ocsp_add_certs() */
	_Atomic int64_t paused_until; /* ms of the clock that never jumps: its token failed */
};

struct book {
	atomic_int held;
	struct issuer *items;
	size_t n;
};

/* `before` (may be NULL): who was paused there is paused here. */
MUST_CHECK enum inro_err book_read(struct core *c, const struct book *before, struct book **ret);
struct book *book_hold(struct book *b);
void book_release(struct book *b); /* NULL is fine */
void book_release_ptr(struct book **b);

/* The CA of that name whose key the certificate's id names; NULL: none. */
struct issuer *book_find(const struct book *b, struct bytes tenant, struct bytes ca,
			 const struct ocsp_cert_id *id);

#endif
