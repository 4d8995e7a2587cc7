/*
 * proposal - what takes more than the one who asks for it: four eyes, and requests that wait for
 * approval.
 *
 * 1. Nobody approves what he asked for himself, and nobody approves twice.
 * 2. What is approved is what was shown: the body is kept byte for byte, and is done only with the
 *    same action, subject and body.
 * 3. An approval counts as long as its account may approve: not one that was disabled or deleted, or became an auditor's.
 * 4. It is done once.  States move by LIFE_PROPOSAL (lifecycle.h); each decision is an audit event.
 */
#ifndef INRO_BACKOFFICE_CORE_PROPOSAL_H
#define INRO_BACKOFFICE_CORE_PROPOSAL_H

#include "backoffice/core/core.h"

#define PROPOSAL_BODY_MAX ((size_t)256 << 10) /* room for the longest request as PEM, and its names */
#define PROPOSAL_NEED_MAX 16

/* NULL, empty: not given. */
struct proposal_plan {
	const char *action;  /* as in the audit, "ca.create" */
	const char *subject; /* "ca:root" */
	struct bytes body;   /* what is to be done, by its action; people are shown it */
	int64_t need;	     /* approvals by others, 1 to PROPOSAL_NEED_MAX */
	const char *why;
	const char *request_id; /* who asks again by it gets this one again */
};

struct proposal_filter {
	const char *action;		  /* NULL: any */
	const enum proposal_state *state; /* NULL: any */
};

struct proposal_list {
	struct proposal *items;
	size_t n;
	int64_t next;
};
void proposal_list_clear(struct proposal_list *l);

/* An open proposal of the one at work (an operator at least).  With a request_id that there is, the
 * one that it made, or INRO_E_EXISTS when that is about something else. */
MUST_CHECK enum inro_err proposal_open(struct core *c, const struct proposal_plan *p,
				       struct proposal *ret);
/* The same in a write transaction of the caller's (core_write), who records refusals. */
MUST_CHECK enum inro_err proposal_open_inside(struct core *c, const struct proposal_plan *p,
					      struct proposal *ret);
/* The newest one of the one at work about this very thing that is open or approved.
 * INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err proposal_mine(struct core *c, const struct proposal_plan *p,
				       struct proposal *ret);
MUST_CHECK enum inro_err proposal_get(struct core *c, int64_t id, struct proposal *ret);
MUST_CHECK enum inro_err proposal_find(struct core *c, const struct proposal_filter *f,
				       const struct page *page, struct proposal_list *ret);

/* How many of its approvals count today. */
MUST_CHECK enum inro_err proposal_approvals(struct core *c, const struct proposal *rec, int64_t *ret);

/* VERB_APPROVE: the last one that it takes makes it approved.  VERB_REJECT: by one who may approve.
 * VERB_WITHDRAW: by the one who asked, or an administrator.  why may be NULL. */
MUST_CHECK enum inro_err proposal_decide(struct core *c, int64_t id, enum verb verb,
					 const char *why, struct proposal *ret);

/* The same in a write transaction of the caller's. */
MUST_CHECK enum inro_err proposal_decide_inside(struct core *c, int64_t id, enum verb verb,
						const char *why, struct proposal *ret);

/* What it is about is gone: withdrawn, whoever asked for it and whoever is at work. */
MUST_CHECK enum inro_err proposal_drop_inside(struct core *c, int64_t id, const char *why);

/* INRO_OK when this very thing is approved and not done yet, and asked for by the one at work.
 * need and request_id of the plan don't count.  INRO_E_STATE, INRO_E_POLICY. */
MUST_CHECK enum inro_err proposal_check(struct core *c, int64_t id, const struct proposal_plan *p);
/* In the write transaction that does it: checks again, by whoever it is done, and it is done. */
MUST_CHECK enum inro_err proposal_done(struct core *c, int64_t id, const struct proposal_plan *p,
				       int64_t result);

#endif
