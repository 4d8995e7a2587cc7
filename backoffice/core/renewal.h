/*
 * renewal - the steps of a renewal, for one certificate (renew.c) and for many (job_renew.c).
 *
 * 1. The order is renewal_read(), renewal_csr(), an issue by renewal_request() with `granted` and
 * renewal_supersede(), and when that is recorded renewal_deliver().
 */
#ifndef INRO_BACKOFFICE_CORE_RENEWAL_H
#define INRO_BACKOFFICE_CORE_RENEWAL_H

#include "backoffice/core/internal.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/keyring.h"
#include "backoffice/pki/cert.h"

struct renewal {
	const struct cred_renewal *in;
	struct credential old;
	struct cert cert; /* the old one, read */
	struct device device;
	struct new_key fresh;
	struct token *token;   /* NULL: the request came from outside */
	bool same_key;	       /* as the old certificate's; of such a request */
	bool new_key;	       /* one is to be made: as asked for, or as the profile says */
	int64_t overlap;       /* seconds that the old one is meant to stay beside the new one */
	struct token_key *key; /* the one to certify */
	struct buf csr, uri;
};
void renewal_clear(struct renewal *r);

/* `old` may be renewed; its certificate and its device. */
MUST_CHECK enum inro_err renewal_read(struct core *c, struct renewal *r);
/* Looks at the request that was given, or makes one with the key in the token. */
MUST_CHECK enum inro_err renewal_csr(struct core *c, struct renewal *r);
/* What to issue; borrows from r. */
struct cred_request renewal_request(const struct renewal *r, const char *ca);
/* For struct issuing: `before`, with the renewal as `arg`. */
MUST_CHECK enum inro_err renewal_supersede(struct core *c, struct issuing *i);
/* From here on it has happened: what fails is said, not undone. */
MUST_CHECK enum inro_err renewal_deliver(struct renewal *r, const struct credential *rec);

#endif
