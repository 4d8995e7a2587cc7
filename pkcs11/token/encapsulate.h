/*
 * encapsulate - C_EncapsulateKey and C_DecapsulateKey.
 *
 * A key that is encapsulated or decapsulated is a derived one.  A question for the length makes
 * none.
 * Functions want the session's lock held and no other.  PKCS#11 3.2 5.18.8, 5.18.9; FIPS 203.
 */
#ifndef INRO_PKCS11_TOKEN_ENCAPSULATE_H
#define INRO_PKCS11_TOKEN_ENCAPSULATE_H

#include "pkcs11/token/objects.h"

struct encapsulate_request {
	const CK_MECHANISM *mech;
	CK_OBJECT_HANDLE key;
	struct template t;
};

/* *len: room and then size of the ciphertext; out NULL asks for it. */
MUST_CHECK enum inro_err encapsulate_key(struct session *s, const struct encapsulate_request *what,
					 uint8_t *out, CK_ULONG *len, CK_OBJECT_HANDLE *ret);
MUST_CHECK enum inro_err decapsulate_key(struct session *s, const struct encapsulate_request *what,
					 struct bytes ciphertext, CK_OBJECT_HANDLE *ret);

#endif
