/*
 * eyes - four eyes: what one person may not do alone where the tenant's settings say so.
 *
 *   e = eyes_check(c, EYES_CA, &plan, proposal);            outside, before a token is used
 *   ...                                                     then, in the write transaction:
 *   e = eyes_done(c, EYES_CA, &plan, proposal, id);
 *
 * 1. The settings say how many others must approve; none: eyes_check() lets it pass.
 * 2. Asked without a proposal where one is needed, it makes one (or names the one that the same
 *    person made about the same thing) and returns INRO_E_APPROVAL, which says what to do next and
 *    is not recorded as a refusal.  The caller checks the role and the request before.
 * 3. How many it takes is what the settings say when it is done, not only when it was proposed.
 * 4. Accounts, and these settings, take as many as anything else does: who could make a second
 *    account or lower the number alone would have all the eyes himself.
 */
#ifndef INRO_BACKOFFICE_CORE_EYES_H
#define INRO_BACKOFFICE_CORE_EYES_H

#include "backoffice/core/proposal.h"

enum eyes {
	EYES_CA,       /* a CA is made, imported, activated or gets another key */
	EYES_ARCHIVE,  /* an archived key leaves */
	EYES_ACCOUNTS, /* somebody gets an account, a role or a password */
	EYES_RULES,    /* how many it takes */
	EYES__MAX
};

/* How many others must approve; 0: nobody. */
MUST_CHECK enum inro_err eyes_need(struct core *c, enum eyes what, int64_t *ret);

/* How many accounts beside the one at work could approve: active ones of operators at least. */
MUST_CHECK enum inro_err eyes_others(struct core *c, int64_t *ret);

/* How many people are missing of those that it takes to give somebody an account, a role or a password, one who asks and
 * the others who approve; 0: none.  While some are, it can't be done, nor can `enable`. */
MUST_CHECK enum inro_err eyes_lacking(struct core *c, int64_t *ret);

/* plan->need is not looked at.  INRO_E_APPROVAL; INRO_E_STATE, INRO_E_POLICY and INRO_E_ACCESS as
 * proposal_check(). */
MUST_CHECK enum inro_err eyes_check(struct core *c, enum eyes what, const struct proposal_plan *plan,
				    int64_t proposal);
/* In the write transaction that does it; with the same plan. */
MUST_CHECK enum inro_err eyes_done(struct core *c, enum eyes what, const struct proposal_plan *plan,
				   int64_t proposal, int64_t result);

#endif
