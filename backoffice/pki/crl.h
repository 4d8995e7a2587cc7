/*
 * crl - certificate revocation lists (RFC 5280 5), version 2, built entry by entry.
 *
 * The order is crl_begin(), crl_add() for each entry, crl_tbs(), a signature, pki_signed().
 * An entry costs some 40 octets until crl_tbs(); at most CRL_MAX octets in all.
 */
#ifndef INRO_BACKOFFICE_PKI_CRL_H
#define INRO_BACKOFFICE_PKI_CRL_H

#include "backoffice/pki/cert.h"

#define CRL_MAX ((size_t)256 << 20)

/* RFC 5280 5.3.1; 7 is not used. */
enum crl_reason {
	CRL_UNSPECIFIED = 0,
	CRL_KEY_COMPROMISE = 1,
	CRL_CA_COMPROMISE = 2,
	CRL_AFFILIATION_CHANGED = 3,
	CRL_SUPERSEDED = 4,
	CRL_CESSATION = 5,
	CRL_HOLD = 6,
	CRL_REMOVE = 8, /* in delta lists only */
	CRL_PRIVILEGE_WITHDRAWN = 9,
	CRL_AA_COMPROMISE = 10,
	CRL_REASON__MAX
};

/* "keyCompromise" …; NULL for a number that is none. */
const char *crl_reason_name(unsigned reason);
/* Any case.  INRO_E_ARG names the ones there are. */
MUST_CHECK enum inro_err crl_reason_find(const char *name, enum crl_reason *ret);

struct crl {
	struct buf entries;
	size_t n;
};

void crl_clear(struct crl *c);
void crl_begin(struct crl *c);

struct crl_entry {
	struct bytes serial; /* magnitude */
	int64_t revoked_at;
	enum crl_reason reason; /* CRL_UNSPECIFIED: no reason is written */
	int64_t invalid_since;	/* 0: not known */
};

MUST_CHECK enum inro_err crl_add(struct crl *c, const struct crl_entry *e);

struct crl_head {
	const struct cert *issuer;
	uint64_t number;
	int64_t this_update, next_update;
	enum pki_hash hash; /* PKI_HASH_NONE: by the strength of the CA's key */
};

/* The bytes to sign, appended, and how.  INRO_E_POLICY when the issuer may not sign lists,
 * INRO_E_ARG when next_update is not after this_update. */
MUST_CHECK enum inro_err crl_tbs(const struct crl *c, const struct crl_head *head,
				 struct buf *ret_tbs, const struct pki_sig **ret_sig);

#endif
