/*
 * nest - attributes that hold attributes: CKA_WRAP_TEMPLATE and its like.
 *
 * 1. In an object such a value is a list as record.h writes it: sorted by type, each type once, the
 *    same on every machine.  Only at the border is it an array of CK_ATTRIBUTE.
 * 2. It is bounded before memory is taken, and one deep: a template in a template is refused.
 * PKCS#11 3.2 4.9 to 4.11 (CKA_..._TEMPLATE), 5.7.5 (array attributes).
 */
#ifndef INRO_PKCS11_TOKEN_NEST_H
#define INRO_PKCS11_TOKEN_NEST_H

#include "pkcs11/token/attrs.h"

#define NEST_MAX       8192 /* bytes of a list */
#define NEST_MAX_ATTRS 64

/* From a caller's array (the value of a template attribute), appended.  INRO_E_ATTR_VALUE for what
 * can't be one or names an attribute that no key can be given. */
MUST_CHECK enum inro_err nest_write(struct bytes array, struct buf *ret);
/* A list as its attributes, added.  INRO_E_DAMAGED. */
MUST_CHECK enum inro_err nest_read(struct bytes list, struct attrs *ret);
/* Into a caller's attribute, in the steps of the standard: how many; their types and lengths; their
 * values.  INRO_E_TOO_SMALL. */
MUST_CHECK enum inro_err nest_give(struct bytes list, CK_ATTRIBUTE *ret);

#endif
