/* crypt - the library context of the back office: the default provider, no configuration file. */
#ifndef INRO_BACKOFFICE_PKI_CRYPT_H
#define INRO_BACKOFFICE_PKI_CRYPT_H

#include <openssl/evp.h>

#include "backoffice/pki/alg.h"

/* NULL when libcrypto can't give one.  Made once, kept until the process ends; any thread. */
OSSL_LIB_CTX *crypt_libctx(void);
const EVP_MD *crypt_md(enum pki_hash h);
/* Where a protocol names things by it and nothing hangs on its strength. */
const EVP_MD *crypt_sha1(void);
/* A key that has the parameters of this EC curve and nothing else; NULL when there is none. */
EVP_PKEY *crypt_group(enum pki_key key);
/* Empties libcrypto's error queue; its first reason goes to the debug log and into the detail. */
enum inro_err crypt_err(const char *what);

#endif
