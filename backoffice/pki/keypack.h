/*
 * keypack - a private key that was made for somebody, signed by who made it: SignedData (RFC 5652 5)
 * of an AsymmetricKeyPackage (RFC 5958), as RFC 7030 4.4.2 and RFC 9483 4.1.6 put it into an
 * envelope.
 *
 * 1. The signature is made outside, by a key in a token.
 * 2. What comes out has the private key in the clear: into a buf that is secret.
 */
#ifndef INRO_BACKOFFICE_PKI_KEYPACK_H
#define INRO_BACKOFFICE_PKI_KEYPACK_H

#include "backoffice/pki/cert.h"

typedef enum inro_err keypack_sign(void *arg, const struct pki_sig *sig, struct bytes message,
				   struct buf *ret);

struct keypack_signer {
	const struct cert *cert;
	const struct pki_sig *sig; /* that its key makes */
	keypack_sign *sign;
	void *arg;
};

/* SignedData, without a ContentInfo around it; appended. */
MUST_CHECK enum inro_err keypack_make(struct bytes pkcs8, const struct keypack_signer *signer,
				      struct buf *ret);

#endif
