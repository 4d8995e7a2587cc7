/*
 * token_keys - a token with keys in it, of the module that is under test (chosen.h), and libcrypto
 * contexts that use it.
 *
 * INRO_HOME is a scratch folder, the modules are those of INRO_TEST_BUILD.  Everything ends the
 * program when it fails: it is what the tests stand on.
 */
#ifndef INRO_TESTS_LIB_TOKEN_KEYS_H
#define INRO_TESTS_LIB_TOKEN_KEYS_H

#include <openssl/evp.h>

#include "base/cryptoki/client.h"
#include "tests/lib/tap_p11.h"

#define TOKEN_KEYS_PIN "123456"

/* Token `line1`, in a TPM if INRO_TEST_TPM is libtpms or the tcti of a swtpm, with the pairs "ec"
 * (P-256, id 01) and "rsa" (2048 bits, id 02). */
void token_keys_make(void);

/* A pair to be made in `line1`. */
struct token_pair {
	const char *label;
	CK_BYTE id;
	CK_MECHANISM_TYPE maker;
	CK_ATTRIBUTE kind;		   /* of the public key: curve, size or parameter set */
	CK_ATTRIBUTE_TYPE use, public_use; /* what each half may do; 0: the public half nothing */
	CK_ATTRIBUTE more;		   /* of the private key; of length 0: none */
};
void token_keys_add_pair(const struct token_pair *pair);

/* One more P-256 pair in `line1`; lone: without its public object. */
void token_keys_add(const char *label, CK_BYTE id);
void token_keys_add_lone(const char *label, CK_BYTE id);
/* P-256 pairs "key-FROM" to the one before "key-TO", by one login. */
void token_keys_add_many(int from, int to);

/* The whole of an RSA or EC key, to decrypt and derive with by any mechanism; its public half where
 * the module does not find it by itself. */
void token_keys_import(const char *label, CK_BYTE id, EVP_PKEY *key);

/* The whole of a key of any kind that libcrypto 3.0 has, to sign, decrypt and derive with; by these mechanisms alone
 * where there are any. */
struct token_import {
	const char *label;
	CK_BYTE id;
	EVP_PKEY *key;
	const CK_MECHANISM_TYPE *mechs;
	size_t mechs_n;
};
void token_keys_import_whole(const struct token_import *import);

/* A secret key of this value, to make MACs with; one of AES encrypts and decrypts as well. */
void token_keys_import_secret(const char *label, CK_BYTE id, CK_KEY_TYPE type, struct bytes value);

/* A context of its own with these providers, loaded in this order; NULL ends the list. */
OSSL_LIB_CTX *token_keys_libctx(const char *first, const char *second);
/* One whose configuration activates default and inro, with these settings in inro's section, as a
 * program's openssl.cnf does. */
OSSL_LIB_CTX *token_keys_libctx_configured(const char *settings);
/* The settings that are installed for all programs of a machine, openssl-inro-machine.cnf; for
 * benchmarks, in which INRO_BENCH_SETTINGS takes their place. */
const char *token_keys_machine_settings(void);
/* Its providers are unloaded first. */
void token_keys_libctx_free(OSSL_LIB_CTX *libctx);

/* A private key by URI; NULL when the provider has none.  The store's end is a clean one. */
EVP_PKEY *token_keys_load(OSSL_LIB_CTX *libctx, const char *uri);

/* Whether the key, RSA or EC, signs a few bytes. */
bool token_keys_sign(OSSL_LIB_CTX *libctx, EVP_PKEY *key);
/* Whether an error in libcrypto's queue has these words in its detail; else the first is printed.
 * The queue is emptied. */
bool token_keys_error_says(const char *words);

/* The module becomes tap-p11.so (tap_p11.h) before the one that it was, and is loaded: its knobs,
 * and the functions as another user of it in this process has them.  After token_keys_make(). */
struct tap *token_keys_tap(CK_FUNCTION_LIST **ret_functions);

/* Wrong PINs that `line1` still takes. */
CK_ULONG token_keys_tries_left(void);

#endif
