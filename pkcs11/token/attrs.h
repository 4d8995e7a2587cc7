/*
 * attrs - a set of attributes and their values, in Cryptoki's own form.
 *
 * 1. Sorted by type; a type is there once.
 * 2. It owns its values and wipes them when they go.
 * 3. What is implied reads like any other, but is neither stored nor bound: an object that was made
 *    before the attribute was known goes on to open.
 * 4. Values are as a caller of C_GetAttributeValue gets them (CK_ULONG in the machine's form); the
 *    form on disk is record.h's.
 */
#ifndef INRO_PKCS11_TOKEN_ATTRS_H
#define INRO_PKCS11_TOKEN_ATTRS_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"

#define ATTR_SMALL 16 /* values up to this size need no memory of their own */

struct attr {
	CK_ATTRIBUTE_TYPE type;
	uint32_t n;
	bool implied; /* nobody has set it: it is what its kind says when there is none */
	union {
		uint8_t small[ATTR_SMALL];
		uint8_t *heap;
	} v;
};

struct attrs {
	struct attr *a;
	size_t n, cap;
};

void attrs_clear(struct attrs *s);
/* Adds or replaces. */
MUST_CHECK enum inro_err attrs_set(struct attrs *s, CK_ATTRIBUTE_TYPE type, struct bytes value);
MUST_CHECK enum inro_err attrs_set_bool(struct attrs *s, CK_ATTRIBUTE_TYPE type, bool value);
MUST_CHECK enum inro_err attrs_set_ulong(struct attrs *s, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
/* Makes what attrs_set() has just set one that is implied. */
void attrs_imply(struct attrs *s, CK_ATTRIBUTE_TYPE type);
void attrs_remove(struct attrs *s, CK_ATTRIBUTE_TYPE type);
MUST_CHECK enum inro_err attrs_copy(const struct attrs *from, struct attrs *ret);

struct bytes attr_value(const struct attr *a);
/* NULL when it is not there. */
const struct attr *attrs_find(const struct attrs *s, CK_ATTRIBUTE_TYPE type);
bool attrs_has(const struct attrs *s, CK_ATTRIBUTE_TYPE type);
/* No bytes when it is not there. */
struct bytes attrs_bytes(const struct attrs *s, CK_ATTRIBUTE_TYPE type);
/* `otherwise` when it is not there. */
bool attrs_bool(const struct attrs *s, CK_ATTRIBUTE_TYPE type, bool otherwise);
CK_ULONG attrs_ulong(const struct attrs *s, CK_ATTRIBUTE_TYPE type, CK_ULONG otherwise);

#endif
