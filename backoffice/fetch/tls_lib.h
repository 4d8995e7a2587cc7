/*
 * tls_lib - a library context for TLS: libcrypto's own provider, but of its decoders only those that
 * read the key of a certificate, and of its ciphers and kinds of keys those that TLS has a use for.
 * libcrypto 3.0 looks through all of them for each certificate that it reads, and that is as much as a
 * signature's verification.  Keys on the curves that most have are decoded by tls_curve.h.
 *
 * 1. What a connection can agree on is all as it is in any other context: suites, groups, signatures.
 */
#ifndef INRO_BACKOFFICE_FETCH_TLS_LIB_H
#define INRO_BACKOFFICE_FETCH_TLS_LIB_H

#include <openssl/types.h>

/* Both the caller's: OSSL_PROVIDER_unload(), then OSSL_LIB_CTX_free().  NULL: libcrypto gives none. */
OSSL_LIB_CTX *tls_lib_new(OSSL_PROVIDER **ret);

#endif
