/*
 * pss_pad - the padding of PSS, for tokens that have RSA without padding, but not the salt, hash or
 * mask that a program wants (a TPM knows salts of the hash's length only).
 */
#ifndef INRO_PROVIDER_PSS_PAD_H
#define INRO_PROVIDER_PSS_PAD_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/err.h"

struct pss_shape {
	const EVP_MD *md, *mgf1;
	size_t salt, bits; /* bytes; of the key */
};

/* EMSA-PSS-ENCODE (RFC 8017 9.1.1) with a random salt.  The result is as long as the key's modulus:
 * that is the room in out.  INRO_E_KEY_SIZE when it does not fit. */
MUST_CHECK enum inro_err pss_pad(const struct pss_shape *shape, struct bytes digest, uint8_t *out);

#endif
