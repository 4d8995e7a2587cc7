/* pkey_private - what is inside a pkey; for pkey.c and pkey_use.c alone. */
#ifndef INRO_PKCS11_TOKEN_PKEY_PRIVATE_H
#define INRO_PKCS11_TOKEN_PKEY_PRIVATE_H

#include <stdatomic.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/pkey.h"

/* Prepared contexts kept per key: as many threads sign at once without making one. */
#define PKEY_POOL 8

struct prepared;

struct pkey {
	atomic_uint refs;
	EVP_PKEY *evp;
	OSSL_LIB_CTX *libctx;
	const struct curve *curve; /* NULL: RSA */
	bool is_private;
	CK_ULONG bits;
	size_t sig_len;
	uint8_t point[EC_MAX_POINT];
	struct buf spki;
	_Atomic(struct prepared *) pool[PKEY_POOL];
	struct pkey *left; /* the next one that outlived libcrypto */
};

/* Frees what the pool holds; the key's last owner calls it. */
void pkey_pool_clear(struct pkey *k);

#endif
