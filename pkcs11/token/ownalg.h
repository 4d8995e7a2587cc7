/*
 * ownalg - the default provider's key algorithms under names of our own, so that no engine gets a
 * key.
 *
 * An ENGINE that took RSA or EC over takes them over in the whole process: libcrypto looks an
 * algorithm's usual name up among the engines first, in every OSSL_LIB_CTX, also for a key that a
 * provider made.  libp11's engine does so, to come to this very module: signing would go round in a
 * circle, and with paddings lost on the way.  A name that only we know is looked up in providers.
 *
 * 1. The provider "inro-keys" of a context holds nothing of its own: the code and the state are the
 *    default provider's of that context, which stays loaded as long.
 * 2. Key managers have only the new name; signatures, ciphers, exchanges and KEMs both, because a
 *    key manager may name them either way.
 */
#ifndef INRO_PKCS11_TOKEN_OWNALG_H
#define INRO_PKCS11_TOKEN_OWNALG_H

#include <stdbool.h>

#include <openssl/evp.h>

/* Loads it into a context; false with libcrypto's reason in its queue.  Any thread; the provider is
 * given back with OSSL_PROVIDER_unload(). */
bool ownalg_load(OSSL_LIB_CTX *ctx, const OSSL_PROVIDER *standard, OSSL_PROVIDER **ret);

/* For keys of an algorithm by its usual name ("EC", "RSA", "ED25519"); NULL with libcrypto's reason
 * in its queue. */
EVP_PKEY_CTX *ownalg_key_ctx(OSSL_LIB_CTX *ctx, const char *algorithm);

#endif
