/*
 * objects - what a session does with objects: make, look for, read, change, remove.
 *
 * Functions want the session's lock held and no other.  Templates are the caller's memory.
 * PKCS#11 3.2 5.7 (objects), 5.18.1 (C_GenerateKey), 5.18.2 (C_GenerateKeyPair).
 */
#ifndef INRO_PKCS11_TOKEN_OBJECTS_H
#define INRO_PKCS11_TOKEN_OBJECTS_H

#include "pkcs11/token/session.h"
#include "pkcs11/token/template.h"

struct pair_request {
	const CK_MECHANISM *mech;
	struct template public, private;
};

/* What a new object is made of. */
struct draft {
	/* RULE_CREATE, RULE_GEN, RULE_UNWRAP (C_UnwrapKey*) or RULE_DERIVE (C_DeriveKey,
	 * C_Encapsulate, C_Decapsulate) */
	unsigned use;
	struct template t;
	/* What the mechanism implies, CK_UNAVAILABLE_INFORMATION: the template must say it. */
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type;
	bool type_is_free; /* key_type is only what it is when the template does not say */
	/* A template of the base or unwrapping key (CKA_UNWRAP_TEMPLATE ...): what it has is added,
	 * what is given otherwise is INRO_E_TEMPLATE_INCONSISTENT.  NULL: none */
	const struct attrs *from;
	CK_ATTRIBUTE_TYPE from_type;
};

/* An object from a template: rules, defaults, whether this session may keep it; in no map yet, one
 * reference, the caller's.  *ret_spec says what key is to be made (kind KEY_NONE: no key), it
 * borrows from the template; n is 0 when CKA_VALUE_LEN was not given.  Then: policy, the backend,
 * object_adopt(), objects_keep().  INRO_E_TEMPLATE_INCOMPLETE, INRO_E_TEMPLATE_INCONSISTENT,
 * INRO_E_ATTR_..., INRO_E_SESSION_READ_ONLY, INRO_E_LOGIN, INRO_E_KEY_SIZE.  No lock is held but
 * the session's. */
MUST_CHECK enum inro_err objects_draft(struct session *s, const struct draft *what,
				       struct object **ret, struct key_spec *ret_spec);
/* The same with the token's lock held, for those who hold the base key. */
MUST_CHECK enum inro_err objects_draft_locked(struct session *s, const struct draft *what,
					      struct object **ret, struct key_spec *ret_spec);

MUST_CHECK enum inro_err objects_create(struct session *s, struct template t,
					CK_OBJECT_HANDLE *ret);
MUST_CHECK enum inro_err objects_generate(struct session *s, const CK_MECHANISM *mech,
					  struct template t, CK_OBJECT_HANDLE *ret);
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
/* The same without the lock, for objects whose keys were made without it: INRO_E_LOGIN when
 * somebody has logged out since. */
MUST_CHECK enum inro_err objects_keep_new(struct session *s, struct object *const *list, size_t n);

#endif
