/* agree - what a token key and another's public half agree on: ECDH, X25519 and X448 before any KDF. */
#ifndef INRO_PROVIDER_AGREE_H
#define INRO_PROVIDER_AGREE_H

#include <openssl/evp.h>

#include "provider/object.h"

struct agree {
	struct object *object;
	const EVP_PKEY *key; /* its public half */
	bool cofactor;	     /* the curve's cofactor takes part (SP 800-56A, 5.7.1.2) */
};

/* The public half of an EC, X25519 or X448 key in its usual form, a point uncompressed, whatever form its program wants
 * it to be written in; added to b. */
MUST_CHECK enum inro_err agree_public(const EVP_PKEY *key, struct buf *b);

/* The shared secret, from the token.  The peer's key is of the same kind and curve.  INRO_E_PUBLIC_KEY where the secret
 * of X25519 or X448 is zero (RFC 7748, section 6), whatever the token thinks of that. */
MUST_CHECK enum inro_err agree_by_token(const struct agree *a, const EVP_PKEY *peer, struct secret *ret);

#endif
