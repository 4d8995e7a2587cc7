/*
 * wrap - C_WrapKey and C_UnwrapKey, with and without associated data.
 *
 * 1. policy.h decides; what it asks of the families' roles is on disk before a blob or a handle is
 *    given out.  A question for the length has no effect.
 * 2. An unwrapped key is of the class and type that its template says and its blob fits; it is
 *    neither CKA_LOCAL nor CKA_TRUSTED, and its history is that of one that was outside.
 * 3. Whatever is wrong with a blob is one answer.
 * Functions want the session's lock held and no other.  PKCS#11 3.2 5.18.3, 5.18.4, 5.18.6, 5.18.7.
 */
#ifndef INRO_PKCS11_TOKEN_WRAP_H
#define INRO_PKCS11_TOKEN_WRAP_H

#include "pkcs11/token/objects.h"

struct wrap_request {
	const CK_MECHANISM *mech;
	CK_OBJECT_HANDLE by, key;
	bool authenticated; /* with associated data: AEADs only, the tag apart, in the parameter */
	struct bytes ad;
};

/* *len: room and then size; out NULL asks for the size. */
MUST_CHECK enum inro_err wrap_key(struct session *s, const struct wrap_request *what, uint8_t *out,
				  CK_ULONG *len);

struct unwrap_request {
	const CK_MECHANISM *mech;
	CK_OBJECT_HANDLE by;
	struct bytes blob;
	struct template t;
	bool authenticated;
	struct bytes ad;
};

MUST_CHECK enum inro_err unwrap_key(struct session *s, const struct unwrap_request *what,
				    CK_OBJECT_HANDLE *ret);

#endif
