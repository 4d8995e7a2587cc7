/*
 * derive - C_DeriveKey: key agreement and derivation.
 *
 * 1. What comes of a secret key is as sensitive as that and, if it may not be read, at least 16
 *    bytes long, every one of several keys: a short one could be found by trying, and with it the
 *    others of the same stream.
 * 2. Concatenation and extraction give the whole and nothing less.
 * 3. A data object (HKDF_DATA) comes of readable keys only.
 * 4. Several keys (SP 800-108) are made all or none, all in the token or all in the session.  When
 *    the template of one can't be had, its handle is CK_INVALID_HANDLE afterwards, the others' are as
 *    they were.
 * Functions want the session's lock held and no other.  PKCS#11 3.2 5.18.5.
 */
#ifndef INRO_PKCS11_TOKEN_DERIVE_H
#define INRO_PKCS11_TOKEN_DERIVE_H

#include "pkcs11/token/objects.h"

struct derive_request {
	const CK_MECHANISM *mech;
	CK_OBJECT_HANDLE base;
	struct template t;
};

MUST_CHECK enum inro_err derive_key(struct session *s, const struct derive_request *what,
				    CK_OBJECT_HANDLE *ret);

#endif
