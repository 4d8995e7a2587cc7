/*
 * bulk - many requests to one CA by one profile, recorded up to BULK_MAX in one transaction.
 *
 * 1. A request stands or falls alone: one that is refused changes nothing for the others.
 * 2. Who asks again gets what there is: a request is known by the hash of its octets with CA,
 *    profile and device, and gets one certificate, also when a run was cut short.
 * 3. A certificate leaves only after the transaction that recorded it.
 * 4. Of the signatures that the CA's token makes the first and every BULK_VERIFY_EACH-th are
 *    verified before they are recorded, also by cred_issue_newcomers(); cred_issue() verifies as
 *    token_key_verify() says.
 */
#ifndef INRO_BACKOFFICE_CORE_BULK_H
#define INRO_BACKOFFICE_CORE_BULK_H

#include "backoffice/core/cred.h"

#define BULK_MAX	 500
#define BULK_VERIFY_EACH 64

struct bulk_order {
	const char *ca, *profile;
	unsigned days; /* 0: the profile's */
	/* Before each row, since a token may take its time; what it returns ends the batch, and is no
	 * refusal.  NULL: nothing. */
	enum inro_err (*goes_on)(void *arg);
	void *arg;
};

struct bulk_row {
	struct bytes csr;   /* PKCS#10, DER or PEM */
	const char *device; /* NULL: none */
	const char *name;   /* for the audit of a refusal: a file's; NULL: none */
	/* out */
	enum inro_err error; /* INRO_OK: rec is its certificate */
	char *why;	     /* of the error */
	bool again;	     /* it had been issued before */
	struct credential rec;
};
void bulk_row_clear(struct bulk_row *r);

struct cred_bulk;

/* Looks at CA and profile and readies the CA's key.  The order is copied.  A refusal is recorded.
 * Used by c's thread; c outlives it. */
MUST_CHECK enum inro_err cred_bulk_open(struct core *c, const struct bulk_order *o,
					struct cred_bulk **ret);
void cred_bulk_close(struct cred_bulk *b); /* NULL is fine */
void cred_bulk_close_ptr(struct cred_bulk **b);
/* Up to BULK_MAX rows.  An error of its own means that the token, the database or the CA is the
 * reason, and the next call will likely fail, too: only rows that are `again` have a certificate
 * then, and what was recorded of the others is handed out when it is asked for again. */
MUST_CHECK enum inro_err cred_bulk_issue(struct cred_bulk *b, struct bulk_row *rows, size_t n);
struct bulk_lot {
	struct bulk_row *rows;
	size_t n;
};
/* The same of `lot`; of `next`, which the next call will be given (n 0: that is not known), other
 * threads, where there are processors, read and verify requests while this lot is recorded and up
 * to the next call.  Its rows and what they point to stay as they are until then, until
 * cred_bulk_forget() or until b is closed; nothing but time is lost when the next call is given
 * something else. */
MUST_CHECK enum inro_err cred_bulk_issue_ahead(struct cred_bulk *b, struct bulk_lot lot,
					       struct bulk_lot next);
void cred_bulk_forget(struct cred_bulk *b); /* what was read ahead */

#endif
