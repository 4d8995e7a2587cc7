/*
 * crmf - certificate requests of CMP (RFC 4211): one CertReqMsg, read into what a PKCS#10 request is read
 * into, so that all that follows is the same.
 *
 * 1. Reading is as strict and bounded as csr_read(), which it stands beside.
 * 2. Possession is proved by a signature over the CertRequest (RFC 4211 4.1).  Another proof, none, and
 *    the word of a registration authority are INRO_E_UNSUPPORTED.
 */
#ifndef INRO_BACKOFFICE_PKI_CRMF_H
#define INRO_BACKOFFICE_PKI_CRMF_H

#include "backoffice/pki/csr.h"

#define PEM_CRMF "CERTIFICATE REQUEST MESSAGE"

/* DER or PEM.  csr_verify() proves possession; subject empty: the template has none. */
MUST_CHECK enum inro_err crmf_read(struct bytes input, struct csr *ret);

/* What is only CMP's; borrows from the message. */
struct crmf_facts {
	int64_t id;				/* certReqId */
	struct bytes old_issuer, old_serial;	/* Name whole, magnitude; of the control oldCertID; empty: none */
};
MUST_CHECK enum inro_err crmf_read_facts(struct bytes der, struct crmf_facts *ret);

/* A CertTemplate's issuer (Name, whole) and serial (magnitude), as a revocation has them. */
MUST_CHECK enum inro_err crmf_read_id(struct bytes certtemplate, struct bytes *ret_issuer,
				      struct bytes *ret_serial);

#endif
