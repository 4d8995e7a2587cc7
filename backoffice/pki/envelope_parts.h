/* envelope_parts - what the ways to envelope a key are made of. */
#ifndef INRO_BACKOFFICE_PKI_ENVELOPE_PARTS_H
#define INRO_BACKOFFICE_PKI_ENVELOPE_PARTS_H

#include "backoffice/pki/envelope.h"

#define ENVELOPE_KEK 32 /* octets of what wraps a content key */

/* RFC 5649, whatever the length. */
MUST_CHECK enum inro_err envelope_aes_kwp(struct bytes kek, struct bytes key, struct buf *ret);

/* RSA-OAEP with SHA-256 in both places; appended. */
MUST_CHECK enum inro_err envelope_oaep(EVP_PKEY *rsa, struct bytes plain, struct buf *ret);

/* A pair on the curve of that key; the caller's. */
MUST_CHECK enum inro_err envelope_ephemeral(EVP_PKEY *like, EVP_PKEY **ret);
/* Its public key: X9.62's uncompressed point, or RFC 7748's octets; appended. */
MUST_CHECK enum inro_err envelope_point(EVP_PKEY *own, struct buf *ret);
MUST_CHECK enum inro_err envelope_agree(EVP_PKEY *own, EVP_PKEY *other, struct secret *ret);
/* "X963KDF" or "SSKDF" with SHA-256. */
MUST_CHECK enum inro_err envelope_kdf(const char *name, struct bytes z, struct bytes info,
				      uint8_t out[static ENVELOPE_KEK]);

#endif
