/*
 * parts - the parts of pairs: where each attribute's bytes are in struct key_parts.
 *
 * PKCS#11 3.2 6.1 (RSA), 6.3 (elliptic curves), 6.67 to 6.69 (ML-DSA, ML-KEM, SLH-DSA).
 */
#ifndef INRO_PKCS11_TOKEN_PARTS_H
#define INRO_PKCS11_TOKEN_PARTS_H

#include "pkcs11/token/keyder.h"
#include "pkcs11/token/template.h"

/* What a template says of such a key; borrows from it. */
MUST_CHECK enum inro_err parts_of(struct template t, const struct object_kind *of,
				  struct key_parts *ret);
/* The part of a private key that is this attribute; false when it has none or did not come with
 * it. */
bool parts_secret(const struct key_parts *parts, CK_ATTRIBUTE_TYPE type, struct bytes *ret);

#endif
