/*
 * x509 - the fields of a certificate's TBSCertificate, as they stand in it (RFC 5280 4.1).
 *
 * For whoever wants a field or two of anybody's certificate.  Nothing is judged here but the order
 * and the tags; backoffice/pki/cert.h judges.
 */
#ifndef INRO_BASE_X509_H
#define INRO_BASE_X509_H

#include "base/der.h"

/* All point into what was read. */
struct x509 {
	struct bytes version; /* content of [0]; none in version 1 */
	struct bytes serial, algorithm, issuer, subject, spki; /* whole elements */
	struct bytes validity;				       /* content */
	struct bytes rest; /* behind the key: unique identifiers, extensions */
};

/* A TBSCertificate.  INRO_E_SYNTAX. */
MUST_CHECK enum inro_err x509_read_tbs(struct bytes tbs, struct x509 *ret);
/* A certificate; what stands behind its TBSCertificate is not looked at. */
MUST_CHECK enum inro_err x509_read(struct bytes der, struct x509 *ret);

#endif
