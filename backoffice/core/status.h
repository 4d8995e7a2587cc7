/*
 * status - what is to be said of certificates on line: who says it for which CA's key, and what.
 *
 * 1. For each key of a CA another key answers, by a certificate that the CA's key made for it
 *    (RFC 6960 4.2.2.2); it is made and renewed here.  An earlier key has one too, as long as a
 *    certificate that it signed can be valid.
 * 2. What is to be said of a certificate stands in its record; of one that there is none of, nothing
 *    is known.
 * 3. Each change of it is a numbered row, written in the transaction that makes the change: who
 *    keeps answers follows the numbers and drops those that are no longer true.
 */
#ifndef INRO_BACKOFFICE_CORE_STATUS_H
#define INRO_BACKOFFICE_CORE_STATUS_H

#include "backoffice/core/core.h"
#include "backoffice/core/ca.h"

/* A key of a CA, and who answers for it. */
struct status_issuer {
	int64_t ca, generation;
	char *name, *tenant; /* of the CA, and whose it is */
	struct blob cert;    /* of this key */
	unsigned minutes;    /* that an answer is good */
	bool by_name;	     /* the responder's id */
	bool itself;	     /* the CA's key answers */
	char *key_uri;	     /* of who answers; NULL: nobody yet */
	struct blob signer;  /* his certificate; none: the CA itself */
	int64_t signer_until;
	int64_t mark; /* another number when something of this is another */
};
struct status_issuers {
	struct status_issuer *items;
	size_t n;
};
void status_issuers_clear(struct status_issuers *l);

/* Keys of all tenants' CAs for which somebody may answer now: valid ones, where the CA's policy does
 * not say that nobody does. */
MUST_CHECK enum inro_err status_issuers(struct core *c, struct status_issuers *ret);

enum status_kind { STATUS_UNKNOWN, STATUS_GOOD, STATUS_REVOKED };
struct cred_status {
	enum status_kind kind;
	int64_t revoked_at, reason, invalid_at; /* of a revoked one, as in a struct credential */
	int64_t not_after;			/* 0: not known */
};
/* Of the certificate of that serial that this key of the CA signed. */
MUST_CHECK enum inro_err status_of(struct core *c, int64_t ca, int64_t generation,
				   struct bytes serial, struct cred_status *ret);

/* In a write transaction: something else is to be said of it, also to its CA elsewhere. */
MUST_CHECK enum inro_err status_changed(struct core *c, const struct credential *rec);
/* Each change behind number *at, which becomes the last one's; *ret_all: they are not all there any
 * more, or the database is another one's copy: all that is kept may be wrong. */
typedef void status_change_fn(void *arg, const struct status_change *change);
MUST_CHECK enum inro_err status_follow(struct core *c, int64_t *at, status_change_fn *fn, void *arg,
				       bool *ret_all);
/* Where following begins: the last number so far. */
MUST_CHECK enum inro_err status_newest(struct core *c, int64_t *ret);

/* Who signs an answer: the key at the URI, when it is this one; or this key of the CA itself, in
 * whichever of its tokens works. */
struct status_signer {
	const char *key_uri;
	struct bytes spki;
	bool itself;
	int64_t ca, generation;
};
/* The answer `tbs` signed by him.  Whoever is at work; not inside a transaction. */
struct pki_sig;
MUST_CHECK enum inro_err status_sign(struct core *c, const struct status_signer *who,
				     const struct pki_sig *sig, struct bytes tbs, struct buf *ret);

/* ---- duties (duty.h), of one tenant ---- */

/* Makes and renews the certificates of those who answer. */
MUST_CHECK enum inro_err ocsp_signers_renew(struct core *c);
/* Changes that everybody has seen are forgotten. */
MUST_CHECK enum inro_err status_purge(struct core *c);

/* ---- settings ---- */

extern const char *const ocsp_signs_names[]; /* "delegated", "ca", "off"; NULL at the end */
struct ca_ocsp {
	unsigned minutes;	      /* 0: as it is */
	const char *signs, *id;	      /* "key", "name" */
	const char *token, *key_type; /* "": the CA's; all NULL: as they are */
};
/* Who answers from now on; one whose key or token is another is made anew. */
MUST_CHECK enum inro_err ca_set_ocsp(struct core *c, const char *name, const struct ca_ocsp *in,
				     struct ca_view *ret);

#endif
