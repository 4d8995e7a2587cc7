/*
 * objects - what a session does with objects: make, look for, read, change, remove.
 *
 * Functions want the session's lock held and no other.  Templates are the caller's memory.
 * PKCS#11 3.0 5.7 (objects), 5.18.2 (C_GenerateKeyPair).
 */
#ifndef INRO_PKCS11_TOKEN_OBJECTS_H
#define INRO_PKCS11_TOKEN_OBJECTS_H

#include "pkcs11/token/session.h"
#include "pkcs11/token/template.h"

struct pair_request {
	const CK_MECHANISM *mech;
	struct template public, private;
};

MUST_CHECK enum inro_err objects_create(struct session *s, struct template t,
					CK_OBJECT_HANDLE *ret);
/* Both or none. */
MUST_CHECK enum inro_err objects_generate_pair(struct session *s, const struct pair_request *what,
					       CK_OBJECT_HANDLE *ret_public,
					       CK_OBJECT_HANDLE *ret_private);
MUST_CHECK enum inro_err objects_copy(struct session *s, CK_OBJECT_HANDLE from, struct template t,
				      CK_OBJECT_HANDLE *ret);
MUST_CHECK enum inro_err objects_change(struct session *s, CK_OBJECT_HANDLE handle,
					struct template t);
MUST_CHECK enum inro_err objects_destroy(struct session *s, CK_OBJECT_HANDLE handle);
/* Fills what it can and marks the rest with CK_UNAVAILABLE_INFORMATION; the error is that of the
 * last one that could not be given. */
MUST_CHECK enum inro_err objects_read(struct session *s, CK_OBJECT_HANDLE handle,
				      CK_ATTRIBUTE *attrs, CK_ULONG n);
MUST_CHECK enum inro_err objects_size(struct session *s, CK_OBJECT_HANDLE handle, CK_ULONG *ret);

MUST_CHECK enum inro_err objects_find_begin(struct session *s, struct template t);
MUST_CHECK enum inro_err objects_find_next(struct session *s, CK_OBJECT_HANDLE *out, CK_ULONG max,
					   CK_ULONG *ret_n);
MUST_CHECK enum inro_err objects_find_end(struct session *s);

/* Gives new objects their handles, in the store or in the session, and takes over nothing: the
 * references stay the caller's.  The token's lock held. */
MUST_CHECK enum inro_err objects_keep(struct session *s, struct object *const *list, size_t n);

#endif
