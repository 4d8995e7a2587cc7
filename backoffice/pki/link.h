/*
 * link - one CA's certificate said again by another key of the same CA (RFC 4210 4.4, RFC 9810
 * 4.4): new with old, old with new.
 *
 * 1. Subject, key, usages and constraints are those of the certificate that is said again; serial,
 *    dates, issuer, authority key identifier and signature are its own.
 */
#ifndef INRO_BACKOFFICE_PKI_LINK_H
#define INRO_BACKOFFICE_PKI_LINK_H

#include "backoffice/pki/cert.h"

struct link_plan {
	const struct cert *of, *issuer;
	int64_t not_before, not_after;
};

/* What is to be signed, and how.  INRO_E_POLICY when the issuer may not sign it. */
MUST_CHECK enum inro_err link_tbs(const struct link_plan *in, struct buf *ret,
				  const struct pki_sig **ret_sig);

#endif
