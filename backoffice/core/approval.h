/*
 * approval - requests for certificates that wait for a person.
 *
 * 1. A request that waits is a credential, requested or pending, without a certificate; what it is
 *    for is the body of a proposal ("certificate.issue", "certificate:ID") that others approve.
 * 2. What was approved is exactly what is signed: the request itself, profile and its version, and
 *    subject and names as they were decided then; where they would be others now, nothing is.
 * 3. Approved and not issued (the CA's token was away) it stays pending, and goes on with the same
 *    call.  It is issued once.
 */
#ifndef INRO_BACKOFFICE_CORE_APPROVAL_H
#define INRO_BACKOFFICE_CORE_APPROVAL_H

#include "backoffice/core/issuing.h"
#include "backoffice/core/proposal.h"

/* What was approved. */
struct agreed {
	int64_t id;		      /* of the pending credential */
	const struct proposal *proposal; /* approved */
	struct bytes subject, sans;   /* DER, as decided */
	int64_t profile_version;
};

/* Must a request of this device (its group; 0: none) wait? */
MUST_CHECK enum inro_err approval_needed(struct core *c, struct issue_desk *d, int64_t group,
					 bool *ret);
/* INRO_E_STATE where it must: for ways to a certificate that can't wait. */
MUST_CHECK enum inro_err approval_refuse(struct core *c, struct issue_desk *d, int64_t group);
/* Keeps the request, read and proved, in place of an issue; in->rec is what waits. */
MUST_CHECK enum inro_err approval_keep(struct core *c, struct making *j);
/* in->rec as a request that was planned, in state requested; and, in the transaction that inserts it,
 * its event. */
MUST_CHECK enum inro_err approval_fill(struct core *c, struct making *j);
MUST_CHECK enum inro_err approval_tell(struct core *c, const struct making *j);
/* INRO_E_STATE unless what was planned is what was approved. */
MUST_CHECK enum inro_err approval_check(const struct making *j);
/* In the transaction that cancels a request without its being decided about: its proposal ends too. */
MUST_CHECK enum inro_err approval_drop(struct core *c, int64_t request, const char *why);
/* In the transaction that records the certificate: in->rec takes the place of what waited. */
MUST_CHECK enum inro_err approval_done(struct core *c, struct making *j);

#endif
