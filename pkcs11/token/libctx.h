/*
 * libctx - the token's own corner of libcrypto.
 *
 * 1. One OSSL_LIB_CTX a process, made at first use, with the default provider loaded by hand and no
 *    configuration file: it never meets our own provider and takes no part in the application's
 *    property queries.
 * 2. What is fetched is fetched once and kept.
 * 3. It is never freed.  libcrypto keeps a handler for every thread that drew random numbers in a
 *    context and runs it when the thread ends, which may be after C_Finalize: freeing would leave
 *    that handler with a dangling pointer.  C_Initialize after C_Finalize finds the same context.
 * 4. A forked child gets a new one, because the parent's threads may have held its locks; the
 *    parent's stays where it is, for the keys that still point into it.
 * 5. Once libcrypto has been shut down (its atexit handler may run before C_Finalize) nothing of it
 *    is touched again: libcrypto_gone().
 *
 * Everything here may be called by any thread at any time.
 */
#ifndef INRO_PKCS11_TOKEN_LIBCTX_H
#define INRO_PKCS11_TOKEN_LIBCTX_H

#include <openssl/evp.h>

#include "base/cryptoki/cryptoki.h"
#include "base/err.h"
#include "base/libcrypto/libcrypto.h"

/* The longest hash there is here. */
#define LIBCTX_MAX_HASH 64

MUST_CHECK enum inro_err libctx_get(OSSL_LIB_CTX **ret);

/* The hash named by its Cryptoki mechanism (CKM_SHA256); kept, not the caller's to free.
 * INRO_E_MECHANISM for another, and for one that this libcrypto is built without. */
MUST_CHECK enum inro_err libctx_md(CK_MECHANISM_TYPE hash, const EVP_MD **ret);

/* Its size in bytes and libcrypto's name; 0 and NULL for another mechanism. */
size_t libctx_md_size(CK_MECHANISM_TYPE hash);
const char *libctx_md_name(CK_MECHANISM_TYPE hash);

/* Kept objects: never the caller's to free. */
MUST_CHECK enum inro_err libctx_aes_256_gcm(const EVP_CIPHER **ret);
MUST_CHECK enum inro_err libctx_scrypt(EVP_KDF **ret);
MUST_CHECK enum inro_err libctx_hkdf(EVP_KDF **ret);
MUST_CHECK enum inro_err libctx_pbkdf2(EVP_KDF **ret);
MUST_CHECK enum inro_err libctx_hmac(EVP_MAC **ret);
MUST_CHECK enum inro_err libctx_cmac(EVP_MAC **ret);

#endif
