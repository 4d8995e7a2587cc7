/*
 * csr - PKCS#10 certification requests (RFC 2986): strict reading, proof of possession, making.
 *
 * 1. Reading is bounded (CSR_MAX) and done before libcrypto sees a byte of it.
 * 2. What a request asks for is only a wish: the profile decides.
 */
#ifndef INRO_BACKOFFICE_PKI_CSR_H
#define INRO_BACKOFFICE_PKI_CSR_H

#include "backoffice/pki/ext.h"
#include "backoffice/pki/pubkey.h"

#define CSR_MAX ((size_t)96 << 10) /* octets of DER: room for what SLH-DSA signs; PEM_MAX(CSR_MAX) as PEM */

struct csr {
	struct buf der;	      /* owned; everything below borrows from it */
	struct buf spki;      /* of a CertReqMsg (crmf.h): owned, what the key borrows from */
	struct bytes info;    /* CertificationRequestInfo, whole: what is signed */
	struct bytes subject; /* Name, whole */
	struct pubkey key;
	struct ext_facts ext;	/* what the extensionRequest attribute asks for */
	struct bytes challenge; /* challengePassword's characters; empty: none */
	/* Under which key of the device one that is made for it is to be wrapped (RFC 7030 4.4.1): a
	 * symmetric one, or the pair of a certificate.  Empty: not said. */
	struct bytes wrap_secret, wrap_pair;
	const struct pki_sig *sig;
	struct bytes signature;
};

/* PEM or DER, nothing behind it.  Not verified: csr_verify(). */
MUST_CHECK enum inro_err csr_read(struct bytes input, struct csr *ret);
/* Proof of possession: the request is signed by the key in it. INRO_E_SIGNATURE. */
MUST_CHECK enum inro_err csr_verify(const struct csr *c);
void csr_clear(struct csr *c);

struct csr_plan {
	struct bytes subject; /* Name, whole */
	struct bytes spki;
	struct bytes sans;	 /* GeneralNames content; empty: none */
	unsigned key_usage, eku; /* 0: not asked for */
	struct bytes challenge;	 /* empty: none; ASCII or UTF-8 */
	struct bytes limits;	 /* name constraints of a CA (limits_join()); empty: none */
};

/* The bytes to sign, appended; pki_signed() makes the request of them. */
MUST_CHECK enum inro_err csr_info(const struct csr_plan *plan, struct buf *ret_info);

#endif
