/*
 * bounds - what the CAs above a certificate leave to it beside names (limits.h): how many CAs there may be below one
 * another (RFC 5280 4.2.1.9, 6.1.4), and purposes.
 *
 * 1. RFC 5280 has the extended key usage of a CA say nothing of what is below it.  Verifiers have it bind that, OpenSSL and
 *    GnuTLS among them: where it is there, it counts.
 */
#ifndef INRO_BACKOFFICE_PKI_BOUNDS_H
#define INRO_BACKOFFICE_PKI_BOUNDS_H

#include "backoffice/pki/cert.h"

struct bounds {
	int cas;	   /* how many more CAs below one another; EXT_PATH_LEN_NONE: any number */
	unsigned purposes; /* those that all of them allow, EKU_SERVER_AUTH to EKU_TIME_STAMPING */
};

/* Above a root there is nothing. */
struct bounds bounds_none(void);
/* One more CA's certificate: from the root down to the CA that issues. */
void bounds_add(struct bounds *b, const struct cert *ca);

#endif
