/*
 * dhkem_kdf - the tables and the key derivation of DHKEM (RFC 9180, 4.1 and 7.1): what is the same whoever made the
 * shared secrets.
 */
#ifndef INRO_PROVIDER_DHKEM_KDF_H
#define INRO_PROVIDER_DHKEM_KDF_H

#include <openssl/evp.h>

#include "base/bytes.h"

/* One KEM (RFC 9180, table 2), with lengths in bytes: of what an agreement gives, of a public key, of the secret. */
struct dhkem {
	const char *group; /* as libcrypto calls it; of X25519 and X448 the kind of key */
	uint16_t id;
	const char *digest;
	size_t shared, public, secret;
};

/* NULL: there is none for keys of this kind or on this curve. */
const struct dhkem *dhkem_of(const EVP_PKEY *key);

/* ExtractAndExpand (4.1): `shared` is what the agreement gave, or the two of them; `context` the public keys.  k->secret
 * bytes are written. */
MUST_CHECK enum inro_err dhkem_derive(OSSL_LIB_CTX *libctx, const struct dhkem *k, struct bytes shared,
				      struct bytes context, uint8_t *out);

#endif
