/*
 * ecname - the elliptic curves that are offered: one table, by OID and by name.
 *
 * CKA_EC_PARAMS is an OID or a curve's name as PrintableString (PKCS#11 3.2 6.3, 6.3.5, 6.3.7; RFC
 * 8410 for the OIDs of Edwards and Montgomery curves).  Everything behind ecname_params() sees the
 * OID only, the one in struct curve.
 */
#ifndef INRO_PKCS11_TOKEN_ECNAME_H
#define INRO_PKCS11_TOKEN_ECNAME_H

#include "pkcs11/token/backend.h"

struct curve {
	enum key_kind kind;  /* KEY_EC, KEY_EDWARDS, KEY_MONTGOMERY */
	struct bytes params; /* the OID element, as in CKA_EC_PARAMS */
	const char *name;    /* libcrypto's: of the group, or of the type of key */
	int nid;	     /* KEY_EC */
	CK_ULONG bits;	     /* of the field */
	size_t field;	     /* bytes of a private value, and of a coordinate, r and s */
	size_t point;	     /* bytes of a public point: 04, X and Y; or RFC 8032's, RFC 7748's */
	size_t sig;	     /* bytes of a signature; 0: signs nothing */
	unsigned strength;   /* bits of security: SP 800-57 part 1 table 2, RFC 7748 7 */
};

/* INRO_E_CURVE for explicit parameters and for curves that are not offered. */
MUST_CHECK enum inro_err curve_find(struct bytes params, const struct curve **ret);
/* In order; NULL behind the last. */
const struct curve *curve_at(size_t i);

/* The params that curve_find() takes, from what a program gave: other OIDs of the same curve and
 * names give the table's OID, an OID that is not known is given back as it is; INRO_E_CURVE for a
 * name that is not known. */
MUST_CHECK enum inro_err ecname_params(struct bytes given, struct bytes *ret_params);

/* CKA_EC_POINT, or the other's point of a key agreement, as the bare point of this curve (NULL: of
 * any).  It may come bare, in a DER OCTET STRING or in a BIT STRING: PKCS#11 2.40, 3.0 and 3.1 say
 * and programs do different things for Edwards and Montgomery; the length tells which it is.
 * INRO_E_ATTR_VALUE. */
MUST_CHECK enum inro_err curve_point(const struct curve *curve, struct bytes given,
				     struct bytes *ret_point);

#endif
