/*
 * bundle - certificates as others take them, PKCS#7 and PKCS#12, and the key pair that a PKCS#12 is
 * for: made here, in memory.
 *
 * 1. The private key is in a struct secret as PKCS#8 and, while it is at work, in libcrypto, which
 *    wipes what it frees.
 * 2. PKCS#12 is PBES2 with AES-256-CBC and PBKDF2, HMAC-SHA-256, for key and certificates alike,
 *    under a MAC of SHA-256 (RFC 7292, 8018).
 */
#ifndef INRO_BACKOFFICE_PKI_BUNDLE_H
#define INRO_BACKOFFICE_PKI_BUNDLE_H

#include "backoffice/pki/alg.h"
#include "backoffice/pki/csr.h"
#include "base/secret.h"

#define BUNDLE_CERTS_MAX    16
#define BUNDLE_PASSWORD_MIN 8
#define BUNDLE_ROUNDS	    100000 /* of PBKDF2, for the key, the certificates and the MAC each */

/* A new pair: PKCS#8, DER.  INRO_E_UNSUPPORTED for a kind that libcrypto doesn't make. */
MUST_CHECK enum inro_err bundle_key(const struct pki_key_kind *kind, struct secret *ret);
/* The request by this key; plan->spki is not looked at.  Appended. */
MUST_CHECK enum inro_err bundle_csr(struct bytes pkcs8, const struct csr_plan *plan,
				    struct buf *ret);

/* SignedData without a signature (RFC 5652 5.1), DER; appended. */
MUST_CHECK enum inro_err bundle_pkcs7(const struct bytes *certs, size_t n, struct buf *ret);

struct bundle_p12 {
	struct bytes pkcs8, password; /* UTF-8, BUNDLE_PASSWORD_MIN octets at least */
	const char *name;	      /* friendlyName */
	const struct bytes *certs;    /* DER; the key's first */
	size_t n;
};
/* DER, appended.  INRO_E_PIN_FORMAT for a password that is too short. */
MUST_CHECK enum inro_err bundle_p12(const struct bundle_p12 *in, struct buf *ret);

#endif
