/*
 * cert - the facts of a certificate (RFC 5280 4.1), for CA import, lists, checks and issuing.
 */
#ifndef INRO_BACKOFFICE_PKI_CERT_H
#define INRO_BACKOFFICE_PKI_CERT_H

#include "backoffice/pki/ext.h"
#include "backoffice/pki/pubkey.h"

#define CERT_MAX	 ((size_t)96 << 10)
#define CERT_SERIAL_MAX	 20
#define CERT_FINGERPRINT 32
/* 9999-12-31 23:59:59 UTC: no expiry (RFC 5280 4.1.2.5) */
#define CERT_FOREVER INT64_C(253402300799)

struct cert {
	struct buf der;		      /* owned; everything below borrows from it */
	struct bytes tbs;	      /* whole: what is signed */
	struct bytes serial;	      /* magnitude, no leading zero */
	struct bytes issuer, subject; /* Names, whole */
	int64_t not_before, not_after;
	struct pubkey key;
	struct ext_facts ext;
	const struct pki_sig *sig;
	struct bytes signature;
	uint8_t fingerprint[CERT_FINGERPRINT]; /* SHA-256 of the DER */
	bool self_issued;		       /* issuer == subject, octet for octet */
};

/* PEM (its first certificate) or DER.  INRO_E_SYNTAX, INRO_E_UNSUPPORTED, INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err cert_read(struct bytes input, struct cert *ret);
/* A TBSCertificate alone, borrowed: no signature, no fingerprint, der empty. */
MUST_CHECK enum inro_err cert_read_tbs(struct bytes tbs, struct cert *ret);
/* *c, which cert_read_tbs() read, gets signature and fingerprint of the certificate that was made of
 * it, and borrows from both; der stays empty.  INRO_E_SYNTAX when that is not its TBSCertificate,
 * the algorithm that is in it and a signature; INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err cert_complete(struct cert *c, struct bytes der);
void cert_clear(struct cert *c);
/* The certificate's signature by this key. INRO_E_SIGNATURE. */
MUST_CHECK enum inro_err cert_verify(const struct cert *c, const struct pubkey *issuer);
/* May its key sign messages: digitalSignature, if it has a key usage (RFC 5280 4.2.1.3). */
bool cert_may_sign(const struct cert *c);
/* May this certificate be a CA: CA flag, keyCertSign if it has a key usage, and a subject.
 * INRO_E_POLICY with the reason. */
MUST_CHECK enum inro_err cert_check_ca(const struct cert *c);

/* A new serial: 16 random octets, the first from 0x40 to 0x7f, so always positive and of one
 * length; 126 bits of chance. */
#define CERT_SERIAL_OCTETS 16
MUST_CHECK enum inro_err cert_serial(uint8_t ret[static CERT_SERIAL_OCTETS]);

#endif
