/*
 * cmp_ask - the bodies of CMP as the one who asks writes and reads them (RFC 9810 5.3, RFC 9483 4), beside those
 * of cmp.h.
 */
#ifndef INRO_BACKOFFICE_PKI_CMP_ASK_H
#define INRO_BACKOFFICE_PKI_CMP_ASK_H

#include "backoffice/pki/cmp.h"

/* Written with their tag, appended. */
void cmp_add_p10(struct buf *ret, struct bytes csr);
void cmp_add_poll_again(struct buf *ret, int64_t request);
/* As read by cmp_read_confirmation(); hash_alg is not looked at. */
void cmp_add_confirm(struct buf *ret, const struct cmp_confirmation *c);
/* rr of one certificate; reason as in a revocation list. */
void cmp_add_revocation(struct buf *ret, struct bytes issuer, struct bytes serial, unsigned reason);
/* genm with one type and nothing else. */
void cmp_add_question(struct buf *ret, struct bytes oid);

extern const struct bytes cmp_oid_ca_certs; /* id-it-caCerts */

/* PKIStatusInfo; borrows. */
struct cmp_said {
	int64_t status;	   /* enum cmp_status, or another of the RFC's */
	struct bytes text; /* the first of statusString; empty: none */
	uint32_t fails;	   /* bits, 1 << enum cmp_fail */
};
/* ip, cp and kup with one answer. */
struct cmp_came {
	int64_t request; /* certReqId */
	struct cmp_said said;
	struct bytes cert; /* empty: none */
};
MUST_CHECK enum inro_err cmp_read_answer(struct bytes body, struct cmp_came *ret);
/* The only one; *ret_after in seconds. */
MUST_CHECK enum inro_err cmp_read_poll(struct bytes body, int64_t *ret_request, int64_t *ret_after);
/* rp with one status. */
MUST_CHECK enum inro_err cmp_read_revoked(struct bytes body, struct cmp_said *ret);
MUST_CHECK enum inro_err cmp_read_error(struct bytes body, struct cmp_said *ret);
/* The next certificate of a CACertSeq's content. */
MUST_CHECK enum inro_err cmp_next_cert(struct bytes *certs, struct bytes *ret);

#endif
