/*
 * est - the agent's side of EST (RFC 7030): what a CA's certificates are, and a certificate for a
 * request.
 *
 * 1. A certificate is taken only for the key that was asked for, signed by a CA that the service
 *    named over the same authenticated way, and valid at the believed time.
 */
#ifndef INRO_TOOLS_AGENT_EST_H
#define INRO_TOOLS_AGENT_EST_H

#include "tools/agent/fetch.h"
#include "tools/agent/pair.h"

/* Certificates that came together, DER. */
struct est_certs {
	struct buf ders[PAIR_CERTS_MAX];
	size_t n;
};
void est_certs_clear(struct est_certs *c);

/* A certs-only CMS in base64 (RFC 7030 4.1.3); bounded. */
MUST_CHECK enum inro_err est_read(struct bytes body, struct est_certs *ret);

MUST_CHECK enum inro_err est_cacerts(const struct fetch_way *way, const char *label,
				     struct est_certs *ret);

struct est_asked {
	const char *label;
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

/* What is to be installed, of what came: borrows from both. */
struct est_pick {
	struct bytes leaf, chain[PAIR_CERTS_MAX], cas[PAIR_CERTS_MAX];
	size_t chain_n, cas_n;
};
MUST_CHECK enum inro_err est_pick(const struct est_certs *issued, const struct est_certs *cas,
				  struct bytes spki, int64_t believed, struct est_pick *ret);

#endif
