/*
 * twine - the lightweight block cipher TWINE-80 and TWINE-128 (Suzaki, Minematsu, Morioka,
 * Kobayashi: "TWINE: A Lightweight Block Cipher for Multiple Platforms", SAC 2012).
 *
 * 1. No memory is looked up by a secret: the S-box is a constant in a register, shifted.
 * 2. libcrypto meets it as a cipher of the provider "inro-twine" in a context of ours: its CMAC
 *    (SP 800-38B) and its EVP calls work on it as on any other.
 */
#ifndef INRO_PKCS11_TOKEN_TWINE_H
#define INRO_PKCS11_TOKEN_TWINE_H

#include <openssl/provider.h>

#include "base/bytes.h"

#define TWINE_BLOCK  8
#define TWINE_ROUNDS 36

/* Round keys: eight nibbles each. */
struct twine {
	uint8_t rk[TWINE_ROUNDS][8];
};

/* 10 or 16 bytes; false: another length.  Who calls wipes *ret. */
bool twine_key(struct bytes key, struct twine *ret);
/* One block; in and out may be the same. */
void twine_encrypt(const struct twine *k, const uint8_t in[TWINE_BLOCK], uint8_t out[TWINE_BLOCK]);
void twine_decrypt(const struct twine *k, const uint8_t in[TWINE_BLOCK], uint8_t out[TWINE_BLOCK]);

/* Puts TWINE-80-ECB, -CBC and -CTR and the same of TWINE-128 into a context; NULL with libcrypto's
 * reason in its queue.  Given back with OSSL_PROVIDER_unload(). */
OSSL_PROVIDER *twine_load(OSSL_LIB_CTX *ctx);

#endif
