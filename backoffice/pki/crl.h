/*
 * crl - certificate revocation lists (RFC 5280 5), version 2: complete, delta, of a part.
 *
 * 1. The order is crl_begin(), crl_add() for each entry, crl_frame(), crl_to_sign(), a signature,
 *    crl_signed(); then crl_save(), or crl_pull() gives the list's DER, piece by piece, crl_rewind()
 *    again.
 * 2. Entries are in a temporary file without a name, never all in memory, unless the CA's kind of
 *    key signs a message without hashing it first (Ed25519, ML-DSA): then once, to be signed.
 * 3. At most CRL_MAX octets of entries.
 */
#ifndef INRO_BACKOFFICE_PKI_CRL_H
#define INRO_BACKOFFICE_PKI_CRL_H

#include <stdio.h>
#include <sys/types.h>

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

/* Tag, length and date of times from begin to end. */
struct crl_day {
	int64_t begin, end;
	uint8_t head[8];
};

struct crl {
	FILE *entries;
	size_t gap;	     /* octets of it that are kept free before them */
	uint8_t *room;	     /* those that are not yet in the file; what is read of it again */
	size_t pending;	     /* octets of them */
	size_t octets, n;    /* in the file; entries in all */
	struct crl_day day;  /* of the last entry */
	struct buf before, after;
	const struct pki_sig *sig; /* from crl_frame() */
	int stage;
	size_t at; /* entries that were pulled */
};

void crl_clear(struct crl *c); /* also what was never begun */
/* beside: the file that the list is for, so that crl_save() can name what was made there instead of
 * writing it a second time; NULL: none. */
MUST_CHECK enum inro_err crl_begin(struct crl *c, const char *beside);

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
	uint64_t base; /* of a delta: the complete list that it continues; 0: it is complete */
	int64_t this_update, next_update;
	const char *part_url;  /* the distribution point that this is all of; NULL: of everything */
	const char *delta_url; /* where this list's deltas are; NULL: not said */
	enum pki_hash hash;    /* PKI_HASH_NONE: by the strength of the CA's key */
};

/* Before the first entry, for crl_save(): the head that crl_frame() will be given, as far as it is
 * known; what is of another length then costs a copy. */
MUST_CHECK enum inro_err crl_expect(struct crl *c, const struct crl_head *head);
/* INRO_E_POLICY when the issuer may not sign lists, INRO_E_ARG when next_update is not after
 * this_update. */
MUST_CHECK enum inro_err crl_frame(struct crl *c, const struct crl_head *head);
/* What is signed by c->sig, appended: the digest of the TBSCertList, or itself where the scheme
 * has no hash. */
MUST_CHECK enum inro_err crl_to_sign(struct crl *c, struct buf *ret);
MUST_CHECK enum inro_err crl_signed(struct crl *c, struct bytes signature);

/* The whole list as a file, as file_write() does it. */
MUST_CHECK enum inro_err crl_save(struct crl *c, const char *path, mode_t mode);
void crl_rewind(struct crl *c);
bytes_pull crl_pull; /* of a struct crl: TBSCertList, or the whole once it is signed */
/* All of that at once, appended. */
MUST_CHECK enum inro_err crl_whole(struct crl *c, struct buf *ret);

#endif
