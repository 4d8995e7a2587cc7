/*
 * issue - a request becomes a recorded certificate; cred.h and bulk.h are for callers.
 */
#ifndef INRO_BACKOFFICE_CORE_ISSUE_H
#define INRO_BACKOFFICE_CORE_ISSUE_H

#include "backoffice/core/cred.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/issue.h"
#include "backoffice/token/token.h"

/* issue.c: serial, hashes, algorithms and DER of a record, from its certificate. */
MUST_CHECK enum inro_err cred_fill_hashes(struct credential *rec, const struct cert *cert);
struct issuing;
struct agreed;
struct newcomer;
typedef enum inro_err issuing_fn(struct core *c, struct issuing *i);
struct issuing {
	const struct cred_request *request;
	const struct ca *ca;	/* who issues; rec.ca is set from it */
	struct token_key *self; /* of a root: signs its own certificate; ca is NULL then */
	const char *ca_name;	/* for ${ca.name}; NULL: ca's */
	int64_t ca_generation;	/* for ${ca.generation} of a root; others: ca's */
	struct bytes granted;	/* names that a device may have beside its record's */
	bool makes_ca;		/* the profile must be one for CAs, or must not */
	/* Runs once it is signed and rec is filled, before the transaction; may be NULL. */
	issuing_fn *after_sign;
	/* Runs in the transaction, before the record is written; may be NULL. */
	issuing_fn *before;
	void *arg;
	const char *key_made; /* how, for the audit; NULL: not here */
	bool may_wait; /* in the place of a certificate, a request may come of it (approval.h) */
	bool renews;   /* of one that was approved: waits for nobody */
	int64_t renewed; /* which one it takes over from; 0: none of a device's */
	bool given;	 /* set here: a person gave that, or one before it (asks_trusted()) */
	/* It answers for the CA (status.h): as lists, by an earlier key too, and when the CA issues
	 * no more. */
	bool answers;
	const struct agreed *agreed; /* it did wait; NULL: it did not */
	struct newcomer *newcomer; /* the device, which is registered with it; NULL: it is there */
	bool taken;	       /* set by `before`: INRO_E_EXISTS is not about the serial */
	struct credential rec; /* out */
};
/* What a request will ask for, before there is a key to sign it. */
struct issue_wish {
	const struct pki_key_kind *kind;
	struct bytes subject, sans; /* as struct issue */
};
/* Everything that issue_run() would refuse by profile, device or CA; the CA's key is looked up, so
 * that its PIN is there.  request.csr is not looked at. */
MUST_CHECK enum inro_err issue_foresee(struct core *c, struct issuing *i,
				       const struct issue_wish *wish);
MUST_CHECK enum inro_err issue_run(struct core *c, struct issuing *i);
/* The same; i->rec goes, what a caller is told of it stays. */
MUST_CHECK enum inro_err issue_shown(struct core *c, struct issuing *i, struct cred *ret);

#endif
