/*
 * est_ask - the client's side of EST (RFC 7030, 8951): what a CA's certificates are, and a certificate for
 * a request.
 *
 * 1. Nothing of an answer is believed but that it came by an authenticated way: whose key a certificate
 *    is for, and who signed it, is for the caller to see.
 */
#ifndef INRO_BACKOFFICE_FETCH_EST_ASK_H
#define INRO_BACKOFFICE_FETCH_EST_ASK_H

#include "backoffice/fetch/fetch.h"

#define EST_CERTS_MAX 16

/* Certificates that came together, DER. */
struct est_certs {
	struct buf ders[EST_CERTS_MAX];
	size_t n;
};
void est_certs_clear(struct est_certs *c);

/* A certs-only CMS in base64 (RFC 7030 4.1.3); bounded. */
MUST_CHECK enum inro_err est_read(struct bytes body, struct est_certs *ret);

MUST_CHECK enum inro_err est_cacerts(const struct fetch_way *way, const char *label,
				     struct est_certs *ret);

/* What time it is there, by whatever it answers to that question; 0: it does not say. */
MUST_CHECK enum inro_err est_date(const struct fetch_way *way, const char *label, int64_t *ret);

struct est_asked {
	const char *label; /* "": none */
	bool again; /* with the certificate that is to be renewed */
	struct bytes csr;
	/* out */
	bool waits; /* for a person; ask again after `retry_after` seconds */
	bool refused; /* by the service, for what was asked; another request may fare better */
	int64_t retry_after, date;
	struct est_certs certs;
};
MUST_CHECK enum inro_err est_enroll(const struct fetch_way *way, const struct fetch_who *who,
				    struct est_asked *a);

/* Whether this status says no to what was asked, and not to who asks, to the moment or to the way. */
bool est_is_refusal(long status);

#endif
