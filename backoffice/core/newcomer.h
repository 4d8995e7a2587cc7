/*
 * newcomer - a device that is registered in the very transaction that records its first certificate:
 * neither is there without the other.
 */
#ifndef INRO_BACKOFFICE_CORE_NEWCOMER_H
#define INRO_BACKOFFICE_CORE_NEWCOMER_H

#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"

struct psk_new;
struct newcomer {
	const struct device_fields *fields;
	struct psk_new *psk; /* made and recorded with it, empty before; NULL: none */
	struct device made;  /* out */
};
void newcomer_clear(struct newcomer *n);

/* r->device is its id, which nobody has; r has no request_id.  Takes the roles of both moves.  What
 * would wait for approval, or for a CA elsewhere, is refused: INRO_E_STATE, INRO_E_UNSUPPORTED; else
 * as device_add_with() and cred_issue(). */
MUST_CHECK enum inro_err cred_issue_newcomer(struct core *c, const struct cred_request *r,
					     struct newcomer *n, struct cred *ret);

/* One of many. */
struct newcomer_row {
	struct cred_request request; /* csr none: it is registered without a certificate */
	struct newcomer newcomer;
	bool skip; /* it stays undone */
	/* out */
	bool done;   /* it is on record, with its certificate */
	bool unsure; /* the answer to the commit was lost: whether it is on record is not known, so do it not again */
	struct cred cert; /* empty where memory was lacking to describe it */
};
void newcomer_row_clear(struct newcomer_row *row);

#define NEWCOMERS_MAX 500
/* The same for many, up to NEWCOMERS_MAX, in one transaction, as far as nothing speaks against them.  All
 * want a certificate, of one CA by one profile for the same number of days, or none does.  Of a row that
 * is neither done nor unsure nothing is on record, not even a refusal: one by one, by cred_issue_newcomer()
 * or device_add_with() with a psk_new that is empty again, it is done or is told why not. */
void cred_issue_newcomers(struct core *c, struct newcomer_row *rows, size_t n);

/* INRO_E_EXISTS: somebody has that id. */
MUST_CHECK enum inro_err newcomer_is_new(struct core *c, const char *id);
/* For issue.c.  The device as it will be, under an id that no row has. */
struct making;
MUST_CHECK enum inro_err newcomer_draft(struct core *c, struct making *j);
/* In the write transaction, before the certificate is: the device, active, is there and the
 * certificate its. */
MUST_CHECK enum inro_err newcomer_record(struct core *c, struct making *j);

#endif
