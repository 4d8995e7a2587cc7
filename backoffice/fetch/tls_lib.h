/*
 * tls_lib - a library context for TLS: libcrypto's own provider, but of its decoders only those that
 * read the key of a certificate.  libcrypto 3.0 looks through all of them for each certificate that it
 * reads, and that is as much as a signature's verification.
 *
 * 1. What is not decoded is all as it is in any other context: algorithms, groups, kinds of keys.
 */
#ifndef INRO_BACKOFFICE_FETCH_TLS_LIB_H
#define INRO_BACKOFFICE_FETCH_TLS_LIB_H

#include <openssl/types.h>

/* Both the caller's: OSSL_PROVIDER_unload(), then OSSL_LIB_CTX_free().  NULL: libcrypto gives none. */
OSSL_LIB_CTX *tls_lib_new(OSSL_PROVIDER **ret);

#endif
