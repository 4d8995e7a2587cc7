/*
 * rule_kinds - the attributes of every kind of object.
 *
 * Defaults are those of a bare template: private and secret keys are sensitive, private and not
 * extractable, and do the one thing that their type is for.
 */
#include "base/cryptoki/admin.h"
#include "pkcs11/token/rule_kinds.h"

#define MADE (RULE_GEN | RULE_UNWRAP | RULE_DERIVE)
#define ANY  (RULE_CREATE | MADE)
#define MUST (RULE_CREATE | RULE_CREATE_MUST)
#define BOTH (RULE_CREATE | RULE_GEN)

/* A use of a public key comes and goes; one of a key with a secret only goes. */
#define USE	   (ANY | RULE_SET | RULE_POLICY | RULE_USE)
#define SECRET_USE (USE | RULE_LOWER)

static const struct attr_rule storage[] = {
	{ CKA_CLASS, ATTR_ULONG, DEFAULT_NONE, MUST | MADE | RULE_POLICY | RULE_COLUMN },
	{ CKA_TOKEN, ATTR_BOOL, DEFAULT_FALSE, ANY | RULE_COPY | RULE_COLUMN },
	{ CKA_LABEL, ATTR_TEXT, DEFAULT_EMPTY, ANY | RULE_SET | RULE_POLICY | RULE_COLUMN },
	{ CKA_UNIQUE_ID, ATTR_TEXT, DEFAULT_NONE, RULE_COLUMN },
	{ CKA_MODIFIABLE, ATTR_BOOL, DEFAULT_TRUE, ANY | RULE_COPY | RULE_LOWER | RULE_POLICY },
	{ CKA_COPYABLE, ATTR_BOOL, DEFAULT_TRUE, ANY | RULE_SET | RULE_LOWER | RULE_POLICY },
	{ CKA_DESTROYABLE, ATTR_BOOL, DEFAULT_TRUE, ANY | RULE_COPY | RULE_LOWER | RULE_POLICY },
};

/* What anyone may see unless it is said otherwise. */
static const struct attr_rule open_object[] = {
	{ CKA_PRIVATE, ATTR_BOOL, DEFAULT_FALSE,
	  ANY | RULE_COPY | RULE_RAISE | RULE_POLICY | RULE_COLUMN },
};

static const struct attr_rule hidden_object[] = {
	{ CKA_PRIVATE, ATTR_BOOL, DEFAULT_TRUE,
	  ANY | RULE_COPY | RULE_RAISE | RULE_POLICY | RULE_COLUMN },
};

/* Derived: CKM_HKDF_DATA. */
static const struct attr_rule data[] = {
	{ CKA_APPLICATION, ATTR_TEXT, DEFAULT_EMPTY,
	  RULE_CREATE | RULE_DERIVE | RULE_SET | RULE_SEALED },
	{ CKA_OBJECT_ID, ATTR_BYTES, DEFAULT_EMPTY,
	  RULE_CREATE | RULE_DERIVE | RULE_SET | RULE_SEALED },
	{ CKA_VALUE, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SET | RULE_SEALED },
	{ CKA_VALUE_LEN, ATTR_ULONG, DEFAULT_NONE, RULE_DERIVE | RULE_PART },
};

static const struct attr_rule certificate[] = {
	{ CKA_CERTIFICATE_TYPE, ATTR_ULONG, DEFAULT_ZERO, RULE_CREATE },
	{ CKA_TRUSTED, ATTR_BOOL, DEFAULT_FALSE,
	  RULE_CREATE | RULE_SET | RULE_POLICY | RULE_OFFICER },
	{ CKA_CERTIFICATE_CATEGORY, ATTR_CHOICE, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_CHECK_VALUE, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_DERIVED },
	{ CKA_ID, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SET | RULE_POLICY | RULE_COLUMN },
	{ CKA_SUBJECT, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_SEALED },
	{ CKA_ISSUER, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_SET | RULE_SEALED },
	{ CKA_SERIAL_NUMBER, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_SET | RULE_SEALED },
	{ CKA_START_DATE, ATTR_DATE, DEFAULT_NONE, RULE_CREATE | RULE_SET },
	{ CKA_END_DATE, ATTR_DATE, DEFAULT_NONE, RULE_CREATE | RULE_SET },
	{ CKA_PUBLIC_KEY_INFO, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_DERIVED | RULE_SEALED },
	{ CKA_VALUE, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SEALED },
	{ CKA_URL, ATTR_TEXT, DEFAULT_EMPTY, RULE_CREATE | RULE_SEALED },
	{ CKA_HASH_OF_SUBJECT_PUBLIC_KEY, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SEALED },
	{ CKA_HASH_OF_ISSUER_PUBLIC_KEY, ATTR_BYTES, DEFAULT_EMPTY, RULE_CREATE | RULE_SEALED },
	{ CKA_NAME_HASH_ALGORITHM, ATTR_ULONG, DEFAULT_SHA_1, RULE_CREATE },
	{ CKA_JAVA_MIDP_SECURITY_DOMAIN, ATTR_CHOICE, DEFAULT_ZERO, RULE_CREATE },
};

static const struct attr_rule trust[] = {
	{ CKA_ISSUER, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_SEALED },
	{ CKA_SERIAL_NUMBER, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_SEALED },
	{ CKA_HASH_OF_CERTIFICATE, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_SEALED },
	{ CKA_NAME_HASH_ALGORITHM, ATTR_ULONG, DEFAULT_SHA_1, RULE_CREATE },
	{ CKA_TRUST_SERVER_AUTH, ATTR_TRUST, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_TRUST_CLIENT_AUTH, ATTR_TRUST, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_TRUST_CODE_SIGNING, ATTR_TRUST, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_TRUST_EMAIL_PROTECTION, ATTR_TRUST, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_TRUST_IPSEC_IKE, ATTR_TRUST, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_TRUST_TIME_STAMPING, ATTR_TRUST, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
	{ CKA_TRUST_OCSP_SIGNING, ATTR_TRUST, DEFAULT_ZERO, RULE_CREATE | RULE_SET },
};

static const struct attr_rule ec_domain[] = {
	{ CKA_KEY_TYPE, ATTR_ULONG, DEFAULT_NONE, MUST | RULE_POLICY | RULE_COLUMN },
	{ CKA_LOCAL, ATTR_BOOL, DEFAULT_FALSE, RULE_POLICY },
	{ CKA_EC_PARAMS, ATTR_BYTES, DEFAULT_NONE, MUST },
};

static const struct attr_rule key[] = {
	{ CKA_KEY_TYPE, ATTR_ULONG, DEFAULT_NONE, MUST | MADE | RULE_POLICY | RULE_COLUMN },
	{ CKA_ID, ATTR_BYTES, DEFAULT_EMPTY, ANY | RULE_SET | RULE_POLICY | RULE_COLUMN },
	{ CKA_START_DATE, ATTR_DATE, DEFAULT_EMPTY, ANY | RULE_SET },
	{ CKA_END_DATE, ATTR_DATE, DEFAULT_EMPTY, ANY | RULE_SET },
	{ CKA_LOCAL, ATTR_BOOL, DEFAULT_NONE, RULE_POLICY },
	{ CKA_KEY_GEN_MECHANISM, ATTR_ULONG, DEFAULT_NONE, RULE_POLICY },
	{ CKA_ALLOWED_MECHANISMS, ATTR_ULONGS, DEFAULT_NONE, ANY | RULE_POLICY },
};

/* Either half of a pair. */
#define PAIR                                                                                       \
	{ CKA_SUBJECT, ATTR_BYTES, DEFAULT_EMPTY, ANY | RULE_SET },                                \
	{                                                                                          \
		CKA_PUBLIC_KEY_INFO, ATTR_BYTES, DEFAULT_NONE, ANY | RULE_DERIVED | RULE_POLICY    \
	}
#define NESTED(type)                                                                               \
	{                                                                                          \
		type, ATTR_TEMPLATE, DEFAULT_NONE, ANY | RULE_POLICY                               \
	}
/* CKA_TRUSTED is the security officer's word. */
#define TRUSTED                                                                                    \
	{                                                                                          \
		CKA_TRUSTED, ATTR_BOOL, DEFAULT_FALSE, ANY | RULE_SET | RULE_POLICY | RULE_OFFICER \
	}

static const struct attr_rule public_key[] = {
	PAIR,
	TRUSTED,
	NESTED(CKA_WRAP_TEMPLATE),
	NESTED(CKA_ENCAPSULATE_TEMPLATE),
};

/* A key with a secret, and its history. */
#define KEPT                                                                                       \
	{ CKA_SENSITIVE, ATTR_BOOL, DEFAULT_TRUE, ANY | RULE_SET | RULE_RAISE | RULE_POLICY },     \
		{ CKA_EXTRACTABLE, ATTR_BOOL, DEFAULT_FALSE,                                       \
		  ANY | RULE_SET | RULE_LOWER | RULE_POLICY },                                     \
		{ CKA_ALWAYS_SENSITIVE, ATTR_BOOL, DEFAULT_NONE, RULE_POLICY },                    \
		{ CKA_NEVER_EXTRACTABLE, ATTR_BOOL, DEFAULT_NONE, RULE_POLICY },                   \
		{ CKA_INRO_MOVER, ATTR_BOOL, DEFAULT_FALSE, RULE_POLICY },                         \
		{ CKA_INRO_PLACE, ATTR_ULONG, DEFAULT_SOFT, ANY | RULE_POLICY },                   \
		{ CKA_INRO_DUPLICABLE, ATTR_BOOL, DEFAULT_FALSE, ANY | RULE_POLICY },              \
	{                                                                                          \
		CKA_WRAP_WITH_TRUSTED, ATTR_BOOL, DEFAULT_FALSE,                                   \
			ANY | RULE_SET | RULE_RAISE | RULE_POLICY                                  \
	}

static const struct attr_rule private_key[] = {
	PAIR,
	KEPT,
	{ CKA_ALWAYS_AUTHENTICATE, ATTR_BOOL, DEFAULT_FALSE, ANY | RULE_POLICY },
	{ CKA_INRO_EVIDENCE, ATTR_BYTES, DEFAULT_NONE, RULE_COMPUTED },
	NESTED(CKA_UNWRAP_TEMPLATE),
	NESTED(CKA_DERIVE_TEMPLATE),
	NESTED(CKA_DECAPSULATE_TEMPLATE),
};

static const struct attr_rule secret_key[] = {
	KEPT,
	TRUSTED,
	{ CKA_VALUE_LEN, ATTR_ULONG, DEFAULT_NONE, ANY | RULE_POLICY | RULE_DERIVED },
	{ CKA_VALUE, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_SECRET },
	{ CKA_CHECK_VALUE, ATTR_BYTES, DEFAULT_NONE, ANY | RULE_COMPUTED },
	NESTED(CKA_WRAP_TEMPLATE),
	NESTED(CKA_UNWRAP_TEMPLATE),
	NESTED(CKA_DERIVE_TEMPLATE),
};

/*
 * Uses, and which of them a template has that asks for none: what the key's type is for, as
 * programs expect that say nothing (SunPKCS11).  Nothing moves keys but what was made to, except
 * that a bare RSA public key wraps: readable keys only (policy.h).
 */
#define PUBLIC_USES(name, encrypt, verify, recover, encapsulate)                                   \
	static const struct attr_rule name[] = {                                                   \
		{ CKA_ENCRYPT, ATTR_BOOL, encrypt, USE },                                          \
		{ CKA_VERIFY, ATTR_BOOL, verify, USE },                                            \
		{ CKA_VERIFY_RECOVER, ATTR_BOOL, recover, USE },                                   \
		{ CKA_WRAP, ATTR_BOOL, encrypt, USE },                                             \
		{ CKA_DERIVE, ATTR_BOOL, DEFAULT_FALSE, USE },                                     \
		{ CKA_ENCAPSULATE, ATTR_BOOL, encapsulate, USE },                                  \
	}

#define PRIVATE_USES(name, decrypt, sign, derive, decapsulate)                                     \
	static const struct attr_rule name[] = {                                                   \
		{ CKA_DECRYPT, ATTR_BOOL, decrypt, SECRET_USE },                                   \
		{ CKA_SIGN, ATTR_BOOL, sign, SECRET_USE },                                         \
		{ CKA_SIGN_RECOVER, ATTR_BOOL, decrypt, SECRET_USE },                              \
		{ CKA_UNWRAP, ATTR_BOOL, DEFAULT_FALSE, SECRET_USE },                              \
		{ CKA_DERIVE, ATTR_BOOL, derive, SECRET_USE },                                     \
		{ CKA_DECAPSULATE, ATTR_BOOL, decapsulate, SECRET_USE },                           \
	}

#define SECRET_USES(name, crypt, mac, derive)                                                      \
	static const struct attr_rule name[] = {                                                   \
		{ CKA_ENCRYPT, ATTR_BOOL, crypt, SECRET_USE },                                     \
		{ CKA_DECRYPT, ATTR_BOOL, crypt, SECRET_USE },                                     \
		{ CKA_SIGN, ATTR_BOOL, mac, SECRET_USE },                                          \
		{ CKA_VERIFY, ATTR_BOOL, mac, SECRET_USE },                                        \
		{ CKA_WRAP, ATTR_BOOL, DEFAULT_FALSE, SECRET_USE },                                \
		{ CKA_UNWRAP, ATTR_BOOL, DEFAULT_FALSE, SECRET_USE },                              \
		{ CKA_DERIVE, ATTR_BOOL, derive, SECRET_USE },                                     \
	}

#define YES DEFAULT_USE
#define NO  DEFAULT_FALSE

PUBLIC_USES(rsa_public_uses, YES, YES, YES, NO);
PUBLIC_USES(verifies, NO, YES, NO, NO);
PUBLIC_USES(agrees_public, NO, NO, NO, NO);
PUBLIC_USES(encapsulates, NO, NO, NO, YES);
PRIVATE_USES(rsa_private_uses, YES, YES, NO, NO);
PRIVATE_USES(signs_and_agrees, NO, YES, YES, NO);
PRIVATE_USES(signs, NO, YES, NO, NO);
PRIVATE_USES(agrees, NO, NO, YES, NO);
PRIVATE_USES(decapsulates, NO, NO, NO, YES);
SECRET_USES(crypts, YES, NO, NO);

SECRET_USES(macs, NO, YES, NO);
SECRET_USES(derives, NO, NO, YES);

/* ---- parts of pairs ---- */

static const struct attr_rule rsa_public[] = {
	{ CKA_MODULUS, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_MODULUS_BITS, ATTR_ULONG, DEFAULT_NONE, RULE_GEN | RULE_GEN_MUST | RULE_PART },
	{ CKA_PUBLIC_EXPONENT, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_GEN | RULE_PART },
};

static const struct attr_rule rsa_private[] = {
	{ CKA_MODULUS, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_PUBLIC_EXPONENT, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_PART },
	{ CKA_PRIVATE_EXPONENT, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
	{ CKA_PRIME_1, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_SECRET },
	{ CKA_PRIME_2, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_SECRET },
	{ CKA_EXPONENT_1, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_SECRET },
	{ CKA_EXPONENT_2, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_SECRET },
	{ CKA_COEFFICIENT, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_SECRET },
};

/* Also Edwards and Montgomery curves. */
static const struct attr_rule ec_public[] = {
	{ CKA_EC_PARAMS, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_GEN | RULE_GEN_MUST | RULE_PART },
	{ CKA_EC_POINT, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_PART },
};

static const struct attr_rule ec_private[] = {
	{ CKA_EC_PARAMS, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_EC_POINT, ATTR_BYTES, DEFAULT_NONE, RULE_CREATE | RULE_PART },
	{ CKA_VALUE, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
};

/* ML-DSA, SLH-DSA, ML-KEM. */
static const struct attr_rule set_public[] = {
	{ CKA_PARAMETER_SET, ATTR_ULONG, DEFAULT_NONE,
	  MUST | RULE_GEN | RULE_GEN_MUST | RULE_PART },
	{ CKA_VALUE, ATTR_BYTES, DEFAULT_NONE, MUST | RULE_PART },
};

static const struct attr_rule set_private[] = {
	{ CKA_PARAMETER_SET, ATTR_ULONG, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_SEED, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_SECRET },
	{ CKA_VALUE, ATTR_NUMBER, DEFAULT_NONE, RULE_CREATE | RULE_SECRET },
};

/* SLH-DSA: no seed beside the value. */
static const struct attr_rule seedless_private[] = {
	{ CKA_PARAMETER_SET, ATTR_ULONG, DEFAULT_NONE, MUST | RULE_PART },
	{ CKA_VALUE, ATTR_NUMBER, DEFAULT_NONE, MUST | RULE_SECRET },
};

/* ---- objects that the token has itself ---- */

static const struct attr_rule profile[] = {
	{ CKA_PROFILE_ID, ATTR_ULONG, DEFAULT_NONE, 0 },
};

static const struct attr_rule mechanism[] = {
	{ CKA_MECHANISM_TYPE, ATTR_ULONG, DEFAULT_NONE, 0 },
};

#define LIST(table)                                                                                \
	{                                                                                          \
		table, ARRAY_LEN(table)                                                            \
	}
#define NO_KEY_TYPE CK_UNAVAILABLE_INFORMATION

#define OPEN(class, name, list)                                                                    \
	{                                                                                          \
		class, NO_KEY_TYPE, KEY_NONE, name,                                                \
		{                                                                                  \
			LIST(storage), LIST(open_object), LIST(list)                               \
		}                                                                                  \
	}
#define PUBLIC(type, kind, name, uses, parts)                                                      \
	{                                                                                          \
		CKO_PUBLIC_KEY, type, kind, name " public key",                                    \
		{                                                                                  \
			LIST(storage), LIST(open_object), LIST(key), LIST(public_key), LIST(uses), \
				LIST(parts)                                                        \
		}                                                                                  \
	}
#define PRIVATE(type, kind, name, uses, parts)                                                     \
	{                                                                                          \
		CKO_PRIVATE_KEY, type, kind, name " private key",                                  \
		{                                                                                  \
			LIST(storage), LIST(hidden_object), LIST(key), LIST(private_key),          \
				LIST(uses), LIST(parts)                                            \
		}                                                                                  \
	}
#define SECRET(type, name, uses)                                                                   \
	{                                                                                          \
		CKO_SECRET_KEY, type, KEY_SECRET, name " key",                                     \
		{                                                                                  \
			LIST(storage), LIST(hidden_object), LIST(key), LIST(secret_key),           \
				LIST(uses)                                                         \
		}                                                                                  \
	}

const struct object_kind rule_kinds[] = {
	OPEN(CKO_DATA, "data object", data),
	OPEN(CKO_CERTIFICATE, "certificate", certificate),
	OPEN(CKO_TRUST, "trust object", trust),
	OPEN(CKO_PROFILE, "profile object", profile),
	OPEN(CKO_MECHANISM, "mechanism object", mechanism),
	{ CKO_DOMAIN_PARAMETERS,
	  CKK_EC,
	  KEY_NONE,
	  "EC domain parameters object",
	  { LIST(storage), LIST(open_object), LIST(ec_domain) } },
	PUBLIC(CKK_RSA, KEY_RSA, "RSA", rsa_public_uses, rsa_public),
	PUBLIC(CKK_EC, KEY_EC, "EC", verifies, ec_public),
	PUBLIC(CKK_EC_EDWARDS, KEY_EDWARDS, "Edwards", verifies, ec_public),
	PUBLIC(CKK_EC_MONTGOMERY, KEY_MONTGOMERY, "Montgomery", agrees_public, ec_public),
	PUBLIC(CKK_ML_DSA, KEY_ML_DSA, "ML-DSA", verifies, set_public),
	PUBLIC(CKK_SLH_DSA, KEY_SLH_DSA, "SLH-DSA", verifies, set_public),
	PUBLIC(CKK_ML_KEM, KEY_ML_KEM, "ML-KEM", encapsulates, set_public),
	PRIVATE(CKK_RSA, KEY_RSA, "RSA", rsa_private_uses, rsa_private),
	PRIVATE(CKK_EC, KEY_EC, "EC", signs_and_agrees, ec_private),
	PRIVATE(CKK_EC_EDWARDS, KEY_EDWARDS, "Edwards", signs, ec_private),
	PRIVATE(CKK_EC_MONTGOMERY, KEY_MONTGOMERY, "Montgomery", agrees, ec_private),
	PRIVATE(CKK_ML_DSA, KEY_ML_DSA, "ML-DSA", signs, set_private),
	PRIVATE(CKK_SLH_DSA, KEY_SLH_DSA, "SLH-DSA", signs, seedless_private),
	PRIVATE(CKK_ML_KEM, KEY_ML_KEM, "ML-KEM", decapsulates, set_private),
	SECRET(CKK_AES, "AES", crypts),
	SECRET(CKK_AES_XTS, "AES-XTS", crypts),
	SECRET(CKK_CHACHA20, "ChaCha20", crypts),
	SECRET(CKK_DES3, "triple DES", crypts),
	SECRET(CKK_INRO_TWINE, "TWINE", crypts),
	SECRET(CKK_GENERIC_SECRET, "generic secret", macs),
	SECRET(CKK_HKDF, "HKDF", derives),
	SECRET(CKK_SHA_1_HMAC, "SHA-1 HMAC", macs),
	SECRET(CKK_SHA224_HMAC, "SHA224 HMAC", macs),
	SECRET(CKK_SHA256_HMAC, "SHA256 HMAC", macs),
	SECRET(CKK_SHA384_HMAC, "SHA384 HMAC", macs),
	SECRET(CKK_SHA512_HMAC, "SHA512 HMAC", macs),
	SECRET(CKK_SHA512_224_HMAC, "SHA512/224 HMAC", macs),
	SECRET(CKK_SHA512_256_HMAC, "SHA512/256 HMAC", macs),
	SECRET(CKK_SHA3_224_HMAC, "SHA3-224 HMAC", macs),
	SECRET(CKK_SHA3_256_HMAC, "SHA3-256 HMAC", macs),
	SECRET(CKK_SHA3_384_HMAC, "SHA3-384 HMAC", macs),
	SECRET(CKK_SHA3_512_HMAC, "SHA3-512 HMAC", macs),
	SECRET(CKK_BLAKE2B_160_HMAC, "BLAKE2b-160 HMAC", macs),
	SECRET(CKK_BLAKE2B_256_HMAC, "BLAKE2b-256 HMAC", macs),
	SECRET(CKK_BLAKE2B_384_HMAC, "BLAKE2b-384 HMAC", macs),
	SECRET(CKK_BLAKE2B_512_HMAC, "BLAKE2b-512 HMAC", macs),
};

const size_t rule_kinds_n = ARRAY_LEN(rule_kinds);
