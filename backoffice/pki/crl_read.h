/*
 * crl_read - a revocation list of somebody else's (RFC 5280 5), read: what an import goes on from.
 *
 * 1. Complete lists of their issuer's own certificates only: a delta, a list of a part, an indirect
 *    one and one with a critical extension that is not known are INRO_E_UNSUPPORTED.
 */
#ifndef INRO_BACKOFFICE_PKI_CRL_READ_H
#define INRO_BACKOFFICE_PKI_CRL_READ_H

#include "backoffice/pki/crl.h"

#define CRL_NUMBER_MAX 20 /* octets, RFC 5280 5.2.3 */

struct crl_facts {
	struct buf der; /* owned; everything below borrows from it */
	struct bytes tbs, issuer, entries;
	int64_t this_update, number; /* 0: it has none, or a long one */
	bool long_number;	     /* of more than 63 bits */
	const struct pki_sig *sig;
	struct bytes signature;
};

/* PEM or DER.  INRO_E_SYNTAX, INRO_E_UNSUPPORTED, INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err crl_read(struct bytes input, struct crl_facts *ret);
void crl_facts_clear(struct crl_facts *f);
/* That this CA made it.  INRO_E_SIGNATURE. */
MUST_CHECK enum inro_err crl_verify(const struct crl_facts *f, const struct cert *issuer);
/* The next entry off the front of f->entries. */
MUST_CHECK enum inro_err crl_next(struct bytes *entries, struct crl_entry *ret);

#endif
