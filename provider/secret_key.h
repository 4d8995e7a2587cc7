/*
 * secret_key - secret keys of a token, for MACs and ciphers.
 *
 * 1. They are named by the parameter SECRET_KEY_URI; what is held is an object, never a value.
 * 2. From OpenSSL 3.5 on the same object is an EVP_SKEY (OSSL_OP_SKEYMGMT): found by that
 *    parameter or made new in the token, told by its URI, exported to nobody.
 * 3. The numbers of 3.5's functions are part of its ABI; they stand here because the headers of
 *    before do not have them.
 */
#ifndef INRO_PROVIDER_SECRET_KEY_H
#define INRO_PROVIDER_SECRET_KEY_H

#include "provider/object.h"

#define SECRET_KEY_URI "pkcs11_uri"

#ifndef OSSL_OP_SKEYMGMT
#define OSSL_OP_SKEYMGMT		       15
#define OSSL_FUNC_SKEYMGMT_FREE		       1
#define OSSL_FUNC_SKEYMGMT_IMPORT	       2
#define OSSL_FUNC_SKEYMGMT_EXPORT	       3
#define OSSL_FUNC_SKEYMGMT_GENERATE	       4
#define OSSL_FUNC_SKEYMGMT_GET_KEY_ID	       5
#define OSSL_FUNC_SKEYMGMT_IMP_SETTABLE_PARAMS 6
#define OSSL_FUNC_SKEYMGMT_GEN_SETTABLE_PARAMS 7
#define OSSL_FUNC_CIPHER_ENCRYPT_SKEY_INIT     19
#define OSSL_FUNC_CIPHER_DECRYPT_SKEY_INIT     20
#define OSSL_FUNC_MAC_INIT_SKEY		       13
#endif

/* Puts the key that the parameters name, if they name one, in the place of *key. */
MUST_CHECK enum inro_err secret_key_set(struct prov *p, const OSSL_PARAM params[],
					struct object **key);

/* Is it of this kind, and of so many bytes (0: any)?  INRO_E_KEY_TYPE or INRO_E_KEY_SIZE when not;
 * `what` needs it. */
MUST_CHECK enum inro_err secret_key_fits(const struct object *key, CK_KEY_TYPE type, size_t size,
					 const char *what);

#endif
