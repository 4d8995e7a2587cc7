/*
 * tls_lib - a library context for the server's TLS: libcrypto's own provider, but of its decoders only those
 * that read the key of a certificate, and of all else what the server's suites, groups and certificates need.
 * libcrypto 3.0 looks through all that a context has for each certificate that it reads, and that is as much
 * as a signature's verification.  Keys on the curves that most have are decoded by tls_curve.h.
 *
 * 1. What a connection can agree on is all as it is in any other context: the suites that http_tls_prepare()
 *    names, groups, signatures, tickets.
 */
#ifndef INRO_BACKOFFICE_FETCH_TLS_LIB_H
#define INRO_BACKOFFICE_FETCH_TLS_LIB_H

#include <openssl/types.h>

/* Both the caller's: OSSL_PROVIDER_unload(), then OSSL_LIB_CTX_free().  NULL: libcrypto gives none. */
OSSL_LIB_CTX *tls_lib_new(OSSL_PROVIDER **ret);

#endif
