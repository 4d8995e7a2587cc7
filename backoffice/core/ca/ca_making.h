/*
 * ca_making - what making a CA, and making its next key, carry from step to step.
 *
 * 1. The order is ca_making_check(), ca_making_key(), ca_making_csr(), ca_making_certify().
 * 2. A new key is deleted again unless fresh.keep is set.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_MAKING_H
#define INRO_BACKOFFICE_CORE_CA_MAKING_H

#include "backoffice/core/ca/ca_eyes.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/keyring.h"

struct ca_making {
	const struct ca_request *in;
	struct ca parent; /* id 0: a root */
	struct new_key fresh;
	struct token_key *key;
	struct ca ca;
	struct ca_eyes eyes;
	struct buf subject, csr, uri; /* the last one a C string */
	struct buf constraints;	      /* names that it may certify, DER; empty: any */
	/* As in struct issuing; their `arg` is this. */
	issuing_fn *after_sign, *record;
};
void ca_making_clear(struct ca_making *m);

/* That the wish makes sense by itself. */
MUST_CHECK enum inro_err ca_making_check(const struct ca_request *r);
/* The key that is there, or a new one, which no CA has or will have.  m->subject is set. */
MUST_CHECK enum inro_err ca_making_key(struct core *c, struct ca_making *m);
MUST_CHECK enum inro_err ca_making_csr(struct ca_making *m);
MUST_CHECK enum inro_err ca_making_certify(struct core *c, struct ca_making *m);
/* What a record says of any certificate: kind, subject, validity, hashes, and that it changes now. */
MUST_CHECK enum inro_err ca_fill_cert(struct core *c, const struct cert *cert, struct credential *rec);
/* A record of a CA's own certificate, but for own_ca, ca, ca_generation and key_uri. */
MUST_CHECK enum inro_err ca_own_fill(struct core *c, const struct cert *cert, struct credential *rec);
/* In the transaction: it is recorded, or found.  One that a CA of this back office made is there
 * already, as nobody's in particular. */
MUST_CHECK enum inro_err ca_own_record(struct core *c, struct credential *rec);
/* What is asked for, as the body of a proposal. */
MUST_CHECK enum inro_err ca_making_propose(struct ca_making *m);
/* Name constraints, for the audit and for who approves. */
MUST_CHECK enum inro_err ca_detail_limits(struct buf *body, struct bytes constraints);
/* A pending CA of this name whose key is there, or one that is pending with this key already. */
MUST_CHECK enum inro_err ca_await(struct core *c, const char *name, const char *key_uri,
				  struct bytes subject);
/* INRO_E_EXISTS when anything but a CA has a certificate of this tenant for this key.  For a key that is a CA's already:
 * what others say of it since, who have seen its request, takes it from nobody. */
MUST_CHECK enum inro_err ca_check_no_leaf(struct core *c, const struct pubkey *key);
/* For a key that a CA is to have.  The same also of other tenants, where their records say that it is in a token, and when
 * a CA has this key, or one that waits for its certificate. */
MUST_CHECK enum inro_err ca_check_own_key(struct core *c, const struct pubkey *key);

#endif
