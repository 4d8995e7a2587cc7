/*
 * crypt_fetch - libcrypto's algorithms, fetched once for each OSSL_LIB_CTX, with contexts that wait
 * for their next use.
 *
 * 1. What was fetched is kept as long as the process: so does the token keep its context.
 * 2. Making a context costs more than a HMAC does.  Spare ones are handed from user to user without
 *    a lock, which a forked child could find held; they are given back without a trace of key or
 *    data.
 */
#ifndef INRO_TPM_WIRE_CRYPT_FETCH_H
#define INRO_TPM_WIRE_CRYPT_FETCH_H

#include <stdatomic.h>

#include "tpm/wire/crypt_private.h"

#define FETCH_SPARES  4
#define FETCH_HASHES  4
#define FETCH_CIPHERS 2

struct spares {
	_Atomic(void *) at[FETCH_SPARES];
};

void *spare_take(struct spares *s); /* NULL when there is none */
/* False when there are enough: the caller frees it. */
MUST_CHECK bool spare_give(struct spares *s, void *x);

struct fetched_hash {
	const char *name;
	size_t size;
	EVP_MD *md;
	EVP_MAC *hmac;
	struct spares digests, macs; /* EVP_MD_CTX, EVP_MAC_CTX with the hash set */
};

struct fetched_cipher {
	EVP_CIPHER *cipher;
	struct spares spares; /* EVP_CIPHER_CTX */
};

struct fetched {
	OSSL_LIB_CTX *ctx;
	struct fetched *next;
	EVP_MAC *hmac;
	struct fetched_hash hash[FETCH_HASHES];
	struct fetched_cipher cipher[FETCH_CIPHERS];
};

MUST_CHECK enum inro_err fetched_get(struct fetched **ret);
MUST_CHECK enum inro_err fetched_hash(TPM2_ALG_ID hash, struct fetched_hash **ret);
/* By the key's length: INRO_E_ARG for another. */
MUST_CHECK enum inro_err fetched_cipher(size_t key, struct fetched_cipher **ret);

#endif
