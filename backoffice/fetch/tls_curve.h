/*
 * tls_curve - the keys of most certificates, on P-256 and P-384, decoded in a fifth of the usual instructions.
 *
 * libcrypto 3.0 computes a curve's constants anew for each key that it decodes.  Here a key is the copy of one that has
 * them, and gets its point; whether that is on the curve is checked as ever.
 */
#ifndef INRO_BACKOFFICE_FETCH_TLS_CURVE_H
#define INRO_BACKOFFICE_FETCH_TLS_CURVE_H

#include <openssl/core.h>

struct tls_curve_from {
	const OSSL_DISPATCH *core;    /* what the provider is given by libcrypto */
	const OSSL_DISPATCH *decoder; /* the usual one for EC keys: has what is on other curves, or written otherwise */
	const OSSL_DISPATCH *keymgmt; /* the usual one for EC keys */
	void *provider;		      /* the context of both */
};

/* A decoder to take the place of the usual one; it is the process's, made once.  That one itself where something is
 * missing. */
const OSSL_DISPATCH *tls_curve_decoder(const struct tls_curve_from *from);

#endif
