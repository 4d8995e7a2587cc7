/* rule - the tables. */
#include "pkcs11/token/rule.h"

#include <string.h>

#define BOTH (RULE_CREATE | RULE_GEN)
#define MUST (RULE_CREATE | RULE_CREATE_MUST)

/* A use that a key is allowed: given at any time, bound into the seal. */
#define USE (BOTH | RULE_SET | RULE_POLICY)

static const struct attr_rule storage[] = {
	{ CKA_CLASS, ATTR_ULONG, DEFAULT_NONE, MUST | RULE_GEN | RULE_POLICY | RULE_COLUMN },
	{ CKA_TOKEN, ATTR_BOOL, DEFAULT_FALSE, BOTH | RULE_COPY | RULE_COLUMN },
	{ CKA_LABEL, ATTR_TEXT, DEFAULT_EMPTY, BOTH | RULE_SET | RULE_POLICY | RULE_COLUMN },
	{ CKA_UNIQUE_ID, ATTR_TEXT, DEFAULT_NONE, RULE_COLUMN },
	{ CKA_MODIFIABLE, ATTR_BOOL, DEFAULT_TRUE, BOTH | RULE_COPY | RULE_POLICY },
	{ CKA_COPYABLE, ATTR_BOOL, DEFAULT_TRUE, BOTH | RULE_SET | RULE_LOWER | RULE_POLICY },
	{ CKA_DESTROYABLE, ATTR_BOOL, DEFAULT_TRUE, BOTH | RULE_COPY | RULE_POLICY },
};

static const struct attr_rule data[] = {
	{ CKA_PRIVATE, ATTR_BOOL, DEFAULT_FALSE,
	  RULE_CREATE | RULE_COPY | RULE_RAISE | RULE_POLICY | RULE_COLUMN },
	{ CKA_APPLICATION, ATTR_TEXT, DEFAULT_EMPTY, RULE_CREATE | RULE_SET | RULE_SEALED },
	{ CKA_OBJECT_ID, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SET | RULE_SEALED },
	{ CKA_VALUE, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SET | RULE_SEALED },
};

static const struct attr_rule certificate[] = {
	{ CKA_PRIVATE, ATTR_BOOL, DEFAULT_FALSE,
	  RULE_CREATE | RULE_COPY | RULE_RAISE | RULE_POLICY | RULE_COLUMN },
	{ CKA_CERTIFICATE_TYPE, ATTR_ULONG, DEFAULT_ZERO, RULE_CREATE },
	{ CKA_TRUSTED, ATTR_BOOL, DEFAULT_FALSE, RULE_CREATE | RULE_POLICY | RULE_FALSE_ONLY },
	{ CKA_CERTIFICATE_CATEGORY, ATTR_ULONG, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_CHECK_VALUE, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE },
	{ CKA_ID, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SET | RULE_POLICY | RULE_COLUMN },
	{ CKA_SUBJECT, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_SEALED },
	{ CKA_ISSUER, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_SET | RULE_SEALED },
	{ CKA_SERIAL_NUMBER, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_SET | RULE_SEALED },
	{ CKA_START_DATE, ATTR_DATE, DEFAULT_EMPTY, RULE_CREATE | RULE_SET },
	{ CKA_END_DATE, ATTR_DATE, DEFAULT_EMPTY, RULE_CREATE | RULE_SET },
	{ CKA_PUBLIC_KEY_INFO, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_DERIVED | RULE_SEALED },
	{ CKA_VALUE, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_SEALED },
};

static const struct attr_rule key[] = {
	{ CKA_KEY_TYPE, ATTR_ULONG, DEFAULT_NONE, MUST | RULE_GEN | RULE_POLICY | RULE_COLUMN },
	{ CKA_ID, ATTR_BYTES, DEFAULT_EMPTY, BOTH | RULE_SET | RULE_POLICY | RULE_COLUMN },
	{ CKA_START_DATE, ATTR_DATE, DEFAULT_EMPTY, BOTH | RULE_SET },
	{ CKA_END_DATE, ATTR_DATE, DEFAULT_EMPTY, BOTH | RULE_SET },
	{ CKA_SUBJECT, ATTR_BYTES, DEFAULT_EMPTY, BOTH | RULE_SET },
	{ CKA_DERIVE, ATTR_BOOL, DEFAULT_FALSE, USE },
	{ CKA_LOCAL, ATTR_BOOL, DEFAULT_NONE, RULE_POLICY },
	{ CKA_KEY_GEN_MECHANISM, ATTR_ULONG, DEFAULT_NONE, RULE_POLICY },
	{ CKA_ALLOWED_MECHANISMS, ATTR_ULONGS, DEFAULT_NONE, BOTH | RULE_POLICY },
	{ CKA_PUBLIC_KEY_INFO, ATTR_BYTES, DEFAULT_NONE, BOTH | RULE_DERIVED | RULE_POLICY },
};

static const struct attr_rule public_key[] = {
	{ CKA_PRIVATE, ATTR_BOOL, DEFAULT_FALSE,
	  BOTH | RULE_COPY | RULE_RAISE | RULE_POLICY | RULE_COLUMN },
	{ CKA_ENCRYPT, ATTR_BOOL, DEFAULT_FALSE, USE },
	{ CKA_VERIFY, ATTR_BOOL, DEFAULT_TRUE, USE },
	{ CKA_VERIFY_RECOVER, ATTR_BOOL, DEFAULT_FALSE, USE },
	{ CKA_WRAP, ATTR_BOOL, DEFAULT_FALSE, USE },
	{ CKA_TRUSTED, ATTR_BOOL, DEFAULT_FALSE, BOTH | RULE_POLICY | RULE_FALSE_ONLY },
};

static const struct attr_rule private_key[] = {
	{ CKA_PRIVATE, ATTR_BOOL, DEFAULT_TRUE,
	  BOTH | RULE_COPY | RULE_RAISE | RULE_POLICY | RULE_COLUMN },
	{ CKA_SENSITIVE, ATTR_BOOL, DEFAULT_TRUE, BOTH | RULE_SET | RULE_RAISE | RULE_POLICY },
	{ CKA_DECRYPT, ATTR_BOOL, DEFAULT_FALSE, USE },
	{ CKA_SIGN, ATTR_BOOL, DEFAULT_TRUE, USE },
	{ CKA_SIGN_RECOVER, ATTR_BOOL, DEFAULT_FALSE, USE },
	{ CKA_UNWRAP, ATTR_BOOL, DEFAULT_FALSE, USE },
	{ CKA_EXTRACTABLE, ATTR_BOOL, DEFAULT_FALSE, BOTH | RULE_SET | RULE_LOWER | RULE_POLICY },
	{ CKA_ALWAYS_SENSITIVE, ATTR_BOOL, DEFAULT_NONE, RULE_POLICY },
	{ CKA_NEVER_EXTRACTABLE, ATTR_BOOL, DEFAULT_NONE, RULE_POLICY },
	{ CKA_WRAP_WITH_TRUSTED, ATTR_BOOL, DEFAULT_FALSE,
	  BOTH | RULE_SET | RULE_RAISE | RULE_POLICY },
	{ CKA_ALWAYS_AUTHENTICATE, ATTR_BOOL, DEFAULT_FALSE, BOTH | RULE_POLICY | RULE_FALSE_ONLY },
};

static const struct attr_rule rsa_public[] = {
	{ CKA_MODULUS, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_MODULUS_BITS, ATTR_ULONG, DEFAULT_NONE, RULE_GEN | RULE_GEN_MUST | RULE_PART },
	{ CKA_PUBLIC_EXPONENT, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_GEN | RULE_PART },
};

static const struct attr_rule rsa_private[] = {
	{ CKA_MODULUS, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_PUBLIC_EXPONENT, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_PRIVATE_EXPONENT, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
	{ CKA_PRIME_1, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
	{ CKA_PRIME_2, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
	{ CKA_EXPONENT_1, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
	{ CKA_EXPONENT_2, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
	{ CKA_COEFFICIENT, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
};

static const struct attr_rule ec_public[] = {
	{ CKA_EC_PARAMS, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_GEN | RULE_GEN_MUST | RULE_PART },
	{ CKA_EC_POINT, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_PART },
};

static const struct attr_rule ec_private[] = {
	{ CKA_EC_PARAMS, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_EC_POINT, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_PART },
	{ CKA_VALUE, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
};

#define LIST(table)                                                                                \
	{                                                                                          \
		table, ARRAY_LEN(table)                                                            \
	}
#define NO_KEY_TYPE CK_UNAVAILABLE_INFORMATION

static const struct object_kind kinds[] = {
	{ CKO_DATA, NO_KEY_TYPE, KEY_NONE, "data object", { LIST(storage), LIST(data) } },
	{ CKO_CERTIFICATE,
	  NO_KEY_TYPE,
	  KEY_NONE,
	  "certificate",
	  { LIST(storage), LIST(certificate) } },
	{ CKO_PUBLIC_KEY,
	  CKK_RSA,
	  KEY_RSA,
	  "RSA public key",
	  { LIST(storage), LIST(key), LIST(public_key), LIST(rsa_public) } },
	{ CKO_PUBLIC_KEY,
	  CKK_EC,
	  KEY_EC,
	  "EC public key",
	  { LIST(storage), LIST(key), LIST(public_key), LIST(ec_public) } },
	{ CKO_PRIVATE_KEY,
	  CKK_RSA,
	  KEY_RSA,
	  "RSA private key",
	  { LIST(storage), LIST(key), LIST(private_key), LIST(rsa_private) } },
	{ CKO_PRIVATE_KEY,
	  CKK_EC,
	  KEY_EC,
	  "EC private key",
	  { LIST(storage), LIST(key), LIST(private_key), LIST(ec_private) } },
};

const struct object_kind *rule_kind_at(size_t i)
{
	return i < ARRAY_LEN(kinds) ? &kinds[i] : NULL;
}

const struct object_kind *rule_kind(CK_OBJECT_CLASS class, CK_KEY_TYPE key_type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].class == class && kinds[i].key_type == key_type)
			return &kinds[i];
	}
	return NULL;
}

bool rule_class_known(CK_OBJECT_CLASS class)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].class == class)
			return true;
	}
	return false;
}

bool rule_class_is_key(CK_OBJECT_CLASS class)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].class == class)
			return kinds[i].key != KEY_NONE;
	}
	return false;
}

const struct attr_rule *rule_at(const struct object_kind *kind, size_t i)
{
	for (size_t l = 0; l < RULE_LISTS; l++) {
		if (i < kind->lists[l].n)
			return &kind->lists[l].rules[i];
		i -= kind->lists[l].n;
	}
	return NULL;
}

const struct attr_rule *rule_find(const struct object_kind *kind, CK_ATTRIBUTE_TYPE type)
{
	const struct attr_rule *r;

	for (size_t i = 0; (r = rule_at(kind, i)) != NULL; i++) {
		if (r->type == type)
			return r;
	}
	return NULL;
}

static bool bool_ok(struct bytes v)
{
	return v.n == sizeof(CK_BBOOL) && v.p[0] <= CK_TRUE;
}

static bool ulong_ok(struct bytes v)
{
	return v.n == sizeof(CK_ULONG);
}

static bool ulongs_ok(struct bytes v)
{
	return v.n % sizeof(CK_ULONG) == 0;
}

static bool bytes_ok(struct bytes v)
{
	(void)v;
	return true;
}

static bool date_ok(struct bytes v)
{
	if (v.n != 0 && v.n != sizeof(CK_DATE))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	}
	return true;
}

static bool number_ok(struct bytes v)
{
	return v.n > 0;
}

static bool (*const forms[ATTR_KIND__MAX])(struct bytes) = {
	[ATTR_BOOL] = bool_ok,	   [ATTR_ULONG] = ulong_ok, [ATTR_BYTES] = bytes_ok,
	[ATTR_TEXT] = bytes_ok,	   [ATTR_DATE] = date_ok,   [ATTR_NUMBER] = number_ok,
	[ATTR_ULONGS] = ulongs_ok,
};

enum inro_err rule_check_value(const struct attr_rule *rule, struct bytes value)
{
	if (!forms[rule->kind](value))
		return err_set(INRO_E_ATTR_VALUE,
			       "the value of attribute 0x%lx has %zu bytes or a "
			       "form that it can't have",
			       rule->type, value.n);
	if ((rule->flags & RULE_FALSE_ONLY) && value.p[0] != CK_FALSE)
		return err_set(INRO_E_ATTR_VALUE, "attribute 0x%lx can't be true on this token",
			       rule->type);
	return INRO_OK;
}
