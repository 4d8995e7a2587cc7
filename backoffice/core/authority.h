/*
 * authority - what other rooms need of CAs; ca.h is for callers.
 */
#ifndef INRO_BACKOFFICE_CORE_AUTHORITY_H
#define INRO_BACKOFFICE_CORE_AUTHORITY_H

#include "backoffice/core/ca.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/cert.h"

/* ca.c */
MUST_CHECK enum inro_err ca_check_name(const char *name);
MUST_CHECK enum inro_err ca_load(struct core *c, const char *name, struct ca *ret);
/* INRO_OK when it can issue at this time; INRO_E_STATE and why. */
MUST_CHECK enum inro_err ca_usable(struct core *c, const struct ca *ca, int64_t now);
/* The same, with what ca_chain_of() gives. */
MUST_CHECK enum inro_err ca_usable_chain(struct core *c, const struct ca *ca, int64_t now,
					 struct chain *ret);
/* Certificates of a CA's key of that generation (0: the present one) and those above. */
MUST_CHECK enum inro_err ca_chain_of(struct core *c, int64_t ca, int64_t generation,
				     struct chain *ret);
/* In a write transaction: a CA goes with its present certificate, not with an earlier one. */
MUST_CHECK enum inro_err ca_revoked(struct core *c, const struct credential *rec);
/* ca/delegate.c, in the transaction that records a certificate, also one that a CA elsewhere sent: one whose key signs
 * in the CA's place from now on is noted.  answers: a server had it made for that. */
MUST_CHECK enum inro_err ca_delegate_recorded(struct core *c, const struct credential *rec, bool answers);
/* The record of the CA's certificate; id 0 when it has none. */
MUST_CHECK enum inro_err ca_own_credential(struct core *c, const struct ca *ca,
					   struct credential *ret);

/* ca_activate.c: as ca_activate(), without a record of refusals; action: what is approved. */
MUST_CHECK enum inro_err ca_activate_as(struct core *c, const char *action, const char *name,
					const struct ca_activation *in);

/* ca_generation.c: the CA as it was with an earlier key: key, certificate, dates, settings and what
 * is above it; 0 and its present one leave it as it is.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err ca_as_of(struct core *c, int64_t generation, struct ca *ca);
/* The CA as it is, and as it was with each earlier key of which a certificate can be valid: keys that
 * lists are made with, and answers.  Without those that have no certificate, or one that is over. */
typedef enum inro_err ca_key_fn(struct core *c, const struct ca *ca, void *arg);
MUST_CHECK enum inro_err ca_each_key(struct core *c, const struct ca *ca, ca_key_fn *fn, void *arg);
/* In a write transaction, of a certificate that was issued before it came on record: an earlier key signs lists as long
 * as that is valid. */
MUST_CHECK enum inro_err ca_key_needed(struct core *c, const struct credential *rec);
/* The key that waits for its certificate.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err ca_next_key(struct core *c, int64_t ca, struct ca_generation *ret);
/* In a write transaction: it is waited for no longer. */
MUST_CHECK enum inro_err ca_drop_next(struct core *c, const struct ca *ca);
/* In a write transaction: the present key becomes an earlier one, *next the present one; of it what
 * is not said here (state, name, counters) stays.  The old certificate is superseded. */
struct ca_turn {
	struct ca *next; /* key_uri, cert, dates, parent, chain, subject, csr; settings as ca_policy_turn() has it */
	struct bytes new_with_old, old_with_new; /* none: not a root */
	int64_t ret_replaces; /* the record of the old certificate */
};
MUST_CHECK enum inro_err ca_turn(struct core *c, struct ca *ca, struct ca_turn *t);

#endif
