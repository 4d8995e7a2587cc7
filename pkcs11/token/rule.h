/*
 * rule - what each attribute of each class may be: the tables behind every template check.
 *
 * 1. A kind of object (class and key type) is a short list of rule lists, the common ones shared.
 * 2. rule_kinds.c has the tables, rule.c what is asked of them.  Nothing about an attribute is
 *    decided anywhere else: kind, when it may be given, default, one-way rules, what is bound into
 *    the seal, what is sealed.
 * PKCS#11 3.2 chapter 4 (objects) and, for the parts of keys, chapter 6.
 */
#ifndef INRO_PKCS11_TOKEN_RULE_H
#define INRO_PKCS11_TOKEN_RULE_H

#include "pkcs11/token/attrs.h"
#include "pkcs11/token/backend.h"

enum attr_kind {
	ATTR_BOOL,
	ATTR_ULONG,
	ATTR_CHOICE, /* a CK_ULONG of 0 to 3 */
	ATTR_TRUST,  /* one of CKT_: 0 to 4 */
	ATTR_BYTES,
	ATTR_TEXT,
	ATTR_DATE,
	ATTR_NUMBER,
	ATTR_ULONGS,
	ATTR_TEMPLATE, /* attributes in an attribute: nest.h */
	ATTR_KIND__MAX
};

enum {
	RULE_CREATE = 1 << 0,	   /* may be given to C_CreateObject */
	RULE_CREATE_MUST = 1 << 1, /* must be */
	RULE_GEN = 1 << 2,	   /* may be given when a key is generated */
	RULE_GEN_MUST = 1 << 3,
	RULE_SET = 1 << 4,	 /* may be changed by C_SetAttributeValue and C_CopyObject */
	RULE_COPY = 1 << 5,	 /* may be changed by C_CopyObject only */
	RULE_RAISE = 1 << 6,	 /* changes from false to true only */
	RULE_LOWER = 1 << 7,	 /* changes from true to false only */
	RULE_POLICY = 1 << 8,	 /* bound into the seal of what is secret in the object */
	RULE_SEALED = 1 << 9,	 /* stored sealed when the object is private */
	RULE_PART = 1 << 10,	 /* a part of the public key: derived from it, not stored */
	RULE_SECRET = 1 << 11,	 /* a part of the private key: never among the attributes */
	RULE_COLUMN = 1 << 12,	 /* has its own column in the store */
	RULE_DERIVED = 1 << 13,	 /* set by the token; if given, it must say the same */
	RULE_OFFICER = 1 << 14,	 /* becomes true only by the security officer */
	RULE_UNWRAP = 1 << 15,	 /* may be given when a key is unwrapped */
	RULE_DERIVE = 1 << 16,	 /* or derived, encapsulated, decapsulated */
	RULE_USE = 1 << 17,	 /* what the key may do */
	RULE_COMPUTED = 1 << 18, /* worked out from the key when it is asked for; if given, it must
				    say the same */
};

enum rule_default {
	DEFAULT_NONE,
	DEFAULT_FALSE,
	DEFAULT_TRUE,
	DEFAULT_EMPTY,
	DEFAULT_ZERO,
	DEFAULT_SHA_1, /* CKM_SHA_1 */
	DEFAULT_SOFT,  /* CK_INRO_PLACE_SOFT */
	DEFAULT_USE    /* true when the template asks for no use at all */
};

struct attr_rule {
	CK_ATTRIBUTE_TYPE type;
	enum attr_kind kind;
	enum rule_default def;
	unsigned flags;
};

struct rule_list {
	const struct attr_rule *rules;
	size_t n;
};

#define RULE_LISTS 6

struct object_kind {
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: it has none */
	enum key_kind key;    /* KEY_NONE: no key */
	const char *name;     /* for messages */
	struct rule_list lists[RULE_LISTS];
};

/* NULL when such objects are not offered, here or by this libcrypto. */
const struct object_kind *rule_kind(CK_OBJECT_CLASS class, CK_KEY_TYPE key_type);
bool rule_class_known(CK_OBJECT_CLASS class);
/* Whether its objects have CKA_KEY_TYPE. */
bool rule_class_is_typed(CK_OBJECT_CLASS class);
/* NULL when objects of this kind have no such attribute. */
const struct attr_rule *rule_find(const struct object_kind *kind, CK_ATTRIBUTE_TYPE type);
/* The i-th rule of all lists, NULL behind the last. */
const struct attr_rule *rule_at(const struct object_kind *kind, size_t i);
/* Every kind, also those that this libcrypto can't have: NULL behind the last. */
const struct object_kind *rule_kind_at(size_t i);
/* Whether values are CK_ULONGs: one, or a list. */
bool attr_kind_is_ulong(enum attr_kind kind);
/* The form of an attribute in whatever object it is: ATTR_KIND__MAX when there is no such. */
enum attr_kind rule_form(CK_ATTRIBUTE_TYPE type);

/* Length and form of a value: INRO_E_ATTR_VALUE. */
MUST_CHECK enum inro_err rule_check_value(const struct attr_rule *rule, struct bytes value);

#endif
