/*
 * kdf_prf - a pseudo-random function, keyed once and run many times: HMAC (RFC 2104) and AES-CMAC
 * (SP 800-38B).
 *
 * One owner, one thread.
 */
#ifndef INRO_PKCS11_TOKEN_KDF_PRF_H
#define INRO_PKCS11_TOKEN_KDF_PRF_H

#include <openssl/evp.h>

#include "pkcs11/token/backend.h"

#define PRF_MAX 64 /* bytes of output */

struct prf {
	EVP_MAC_CTX *keyed;
	EVP_MAC_CTX *running; /* between prf_start() and prf_end() */
	size_t n;	      /* bytes of output */
};

/* mech: a hash or its HMAC (CKM_SHA256, CKM_SHA256_HMAC), or CKM_AES_CMAC.  INRO_E_MECHANISM_PARAM
 * for another, INRO_E_KEY_SIZE for a key that AES has not. */
MUST_CHECK enum inro_err prf_open(CK_MECHANISM_TYPE mech, struct bytes key, struct prf *ret);
void prf_clear(struct prf *p);

MUST_CHECK enum inro_err prf_start(struct prf *p);
MUST_CHECK enum inro_err prf_add(struct prf *p, struct bytes x);
/* p->n bytes to out. */
MUST_CHECK enum inro_err prf_end(struct prf *p, uint8_t *out);

/* Bytes of output of prf_open(mech); 0 for what is none. */
size_t prf_size(CK_MECHANISM_TYPE mech);

#endif
