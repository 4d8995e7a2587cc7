/*
 * mechname - numbers of Cryptoki as names, and mechanisms by name.
 *
 * Every table is sorted by number and has each number once: the name the standard prefers today.
 */
#include "base/cryptoki/admin.h"
#include "base/cryptoki/mechname.h"
#include "base/cryptoki/mechtable.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define ROW(name)                                                                                  \
	{                                                                                          \
		name, #name                                                                        \
	}

/* clang-format off */
static const struct cryptoki_name classes[] = {
	ROW(CKO_DATA),
	ROW(CKO_CERTIFICATE),
	ROW(CKO_PUBLIC_KEY),
	ROW(CKO_PRIVATE_KEY),
	ROW(CKO_SECRET_KEY),
	ROW(CKO_HW_FEATURE),
	ROW(CKO_DOMAIN_PARAMETERS),
	ROW(CKO_MECHANISM),
	ROW(CKO_OTP_KEY),
	ROW(CKO_PROFILE),
	ROW(CKO_VALIDATION),
	ROW(CKO_TRUST),
};

static const struct cryptoki_name key_types[] = {
	ROW(CKK_RSA),
	ROW(CKK_DSA),
	ROW(CKK_DH),
	ROW(CKK_EC),
	ROW(CKK_X9_42_DH),
	ROW(CKK_KEA),
	ROW(CKK_GENERIC_SECRET),
	ROW(CKK_RC2),
	ROW(CKK_RC4),
	ROW(CKK_DES),
	ROW(CKK_DES2),
	ROW(CKK_DES3),
	ROW(CKK_CAST),
	ROW(CKK_CAST3),
	ROW(CKK_CAST128),
	ROW(CKK_RC5),
	ROW(CKK_IDEA),
	ROW(CKK_SKIPJACK),
	ROW(CKK_BATON),
	ROW(CKK_JUNIPER),
	ROW(CKK_CDMF),
	ROW(CKK_AES),
	ROW(CKK_BLOWFISH),
	ROW(CKK_TWOFISH),
	ROW(CKK_SECURID),
	ROW(CKK_HOTP),
	ROW(CKK_ACTI),
	ROW(CKK_CAMELLIA),
	ROW(CKK_ARIA),
	ROW(CKK_MD5_HMAC),
	ROW(CKK_SHA_1_HMAC),
	ROW(CKK_RIPEMD128_HMAC),
	ROW(CKK_RIPEMD160_HMAC),
	ROW(CKK_SHA256_HMAC),
	ROW(CKK_SHA384_HMAC),
	ROW(CKK_SHA512_HMAC),
	ROW(CKK_SHA224_HMAC),
	ROW(CKK_SEED),
	ROW(CKK_GOSTR3410),
	ROW(CKK_GOSTR3411),
	ROW(CKK_GOST28147),
	ROW(CKK_CHACHA20),
	ROW(CKK_POLY1305),
	ROW(CKK_AES_XTS),
	ROW(CKK_SHA3_224_HMAC),
	ROW(CKK_SHA3_256_HMAC),
	ROW(CKK_SHA3_384_HMAC),
	ROW(CKK_SHA3_512_HMAC),
	ROW(CKK_BLAKE2B_160_HMAC),
	ROW(CKK_BLAKE2B_256_HMAC),
	ROW(CKK_BLAKE2B_384_HMAC),
	ROW(CKK_BLAKE2B_512_HMAC),
	ROW(CKK_SALSA20),
	ROW(CKK_X2RATCHET),
	ROW(CKK_EC_EDWARDS),
	ROW(CKK_EC_MONTGOMERY),
	ROW(CKK_HKDF),
	ROW(CKK_SHA512_224_HMAC),
	ROW(CKK_SHA512_256_HMAC),
	ROW(CKK_SHA512_T_HMAC),
	ROW(CKK_HSS),
	ROW(CKK_XMSS),
	ROW(CKK_XMSSMT),
	ROW(CKK_ML_KEM),
	ROW(CKK_ML_DSA),
	ROW(CKK_SLH_DSA),
	ROW(CKK_INRO_TWINE),
};

static const struct cryptoki_name attrs[] = {
	ROW(CKA_CLASS),
	ROW(CKA_TOKEN),
	ROW(CKA_PRIVATE),
	ROW(CKA_LABEL),
	ROW(CKA_UNIQUE_ID),
	ROW(CKA_APPLICATION),
	ROW(CKA_VALUE),
	ROW(CKA_OBJECT_ID),
	ROW(CKA_ISSUER),
	ROW(CKA_SERIAL_NUMBER),
	ROW(CKA_AC_ISSUER),
	ROW(CKA_OWNER),
	ROW(CKA_ATTR_TYPES),
	ROW(CKA_TRUSTED),
	ROW(CKA_CERTIFICATE_CATEGORY),
	ROW(CKA_JAVA_MIDP_SECURITY_DOMAIN),
	ROW(CKA_URL),
	ROW(CKA_HASH_OF_SUBJECT_PUBLIC_KEY),
	ROW(CKA_HASH_OF_ISSUER_PUBLIC_KEY),
	ROW(CKA_NAME_HASH_ALGORITHM),
	ROW(CKA_CHECK_VALUE),
	ROW(CKA_SUBJECT),
	ROW(CKA_ID),
	ROW(CKA_SENSITIVE),
	ROW(CKA_ENCRYPT),
	ROW(CKA_DECRYPT),
	ROW(CKA_WRAP),
	ROW(CKA_UNWRAP),
	ROW(CKA_SIGN),
	ROW(CKA_SIGN_RECOVER),
	ROW(CKA_VERIFY),
	ROW(CKA_VERIFY_RECOVER),
	ROW(CKA_DERIVE),
	ROW(CKA_START_DATE),
	ROW(CKA_END_DATE),
	ROW(CKA_MODULUS),
	ROW(CKA_MODULUS_BITS),
	ROW(CKA_PUBLIC_EXPONENT),
	ROW(CKA_PRIVATE_EXPONENT),
	ROW(CKA_PRIME_1),
	ROW(CKA_PRIME_2),
	ROW(CKA_EXPONENT_1),
	ROW(CKA_EXPONENT_2),
	ROW(CKA_COEFFICIENT),
	ROW(CKA_PUBLIC_KEY_INFO),
	ROW(CKA_PRIME),
	ROW(CKA_SUBPRIME),
	ROW(CKA_BASE),
	ROW(CKA_PRIME_BITS),
	ROW(CKA_SUBPRIME_BITS),
	ROW(CKA_VALUE_BITS),
	ROW(CKA_VALUE_LEN),
	ROW(CKA_EXTRACTABLE),
	ROW(CKA_LOCAL),
	ROW(CKA_NEVER_EXTRACTABLE),
	ROW(CKA_ALWAYS_SENSITIVE),
	ROW(CKA_KEY_GEN_MECHANISM),
	ROW(CKA_MODIFIABLE),
	ROW(CKA_COPYABLE),
	ROW(CKA_DESTROYABLE),
	ROW(CKA_EC_PARAMS),
	ROW(CKA_EC_POINT),
	ROW(CKA_SECONDARY_AUTH),
	ROW(CKA_AUTH_PIN_FLAGS),
	ROW(CKA_ALWAYS_AUTHENTICATE),
	ROW(CKA_WRAP_WITH_TRUSTED),
	ROW(CKA_OTP_FORMAT),
	ROW(CKA_OTP_LENGTH),
	ROW(CKA_OTP_TIME_INTERVAL),
	ROW(CKA_OTP_USER_FRIENDLY_MODE),
	ROW(CKA_OTP_CHALLENGE_REQUIREMENT),
	ROW(CKA_OTP_TIME_REQUIREMENT),
	ROW(CKA_OTP_COUNTER_REQUIREMENT),
	ROW(CKA_OTP_PIN_REQUIREMENT),
	ROW(CKA_OTP_USER_IDENTIFIER),
	ROW(CKA_OTP_SERVICE_IDENTIFIER),
	ROW(CKA_OTP_SERVICE_LOGO),
	ROW(CKA_OTP_COUNTER),
	ROW(CKA_OTP_TIME),
	ROW(CKA_GOSTR3410_PARAMS),
	ROW(CKA_GOSTR3411_PARAMS),
	ROW(CKA_GOST28147_PARAMS),
	ROW(CKA_RESET_ON_INIT),
	ROW(CKA_HAS_RESET),
	ROW(CKA_PIXEL_X),
	ROW(CKA_PIXEL_Y),
	ROW(CKA_RESOLUTION),
	ROW(CKA_CHAR_ROWS),
	ROW(CKA_CHAR_COLUMNS),
	ROW(CKA_COLOR),
	ROW(CKA_BITS_PER_PIXEL),
	ROW(CKA_CHAR_SETS),
	ROW(CKA_ENCODING_METHODS),
	ROW(CKA_MIME_TYPES),
	ROW(CKA_REQUIRED_CMS_ATTRIBUTES),
	ROW(CKA_DEFAULT_CMS_ATTRIBUTES),
	ROW(CKA_SUPPORTED_CMS_ATTRIBUTES),
	ROW(CKA_PROFILE_ID),
	ROW(CKA_X2RATCHET_BAG),
	ROW(CKA_X2RATCHET_BAGSIZE),
	ROW(CKA_X2RATCHET_BOBS1STMSG),
	ROW(CKA_X2RATCHET_CKR),
	ROW(CKA_X2RATCHET_CKS),
	ROW(CKA_X2RATCHET_DHP),
	ROW(CKA_X2RATCHET_DHR),
	ROW(CKA_X2RATCHET_DHS),
	ROW(CKA_X2RATCHET_HKR),
	ROW(CKA_X2RATCHET_HKS),
	ROW(CKA_X2RATCHET_ISALICE),
	ROW(CKA_X2RATCHET_NHKR),
	ROW(CKA_X2RATCHET_NHKS),
	ROW(CKA_X2RATCHET_NR),
	ROW(CKA_X2RATCHET_NS),
	ROW(CKA_X2RATCHET_PNS),
	ROW(CKA_X2RATCHET_RK),
	ROW(CKA_HSS_LEVELS),
	ROW(CKA_HSS_LMS_TYPES),
	ROW(CKA_HSS_LMOTS_TYPES),
	ROW(CKA_HSS_KEYS_REMAINING),
	ROW(CKA_PARAMETER_SET),
	ROW(CKA_OBJECT_VALIDATION_FLAGS),
	ROW(CKA_VALIDATION_VERSION),
	ROW(CKA_VALIDATION_LEVEL),
	ROW(CKA_VALIDATION_MODULE_ID),
	ROW(CKA_VALIDATION_FLAG),
	ROW(CKA_VALIDATION_COUNTRY),
	ROW(CKA_VALIDATION_CERTIFICATE_IDENTIFIER),
	ROW(CKA_VALIDATION_CERTIFICATE_URI),
	ROW(CKA_VALIDATION_VENDOR_URI),
	ROW(CKA_VALIDATION_PROFILE),
	ROW(CKA_TRUST_SERVER_AUTH),
	ROW(CKA_TRUST_CLIENT_AUTH),
	ROW(CKA_TRUST_CODE_SIGNING),
	ROW(CKA_TRUST_EMAIL_PROTECTION),
	ROW(CKA_TRUST_IPSEC_IKE),
	ROW(CKA_TRUST_TIME_STAMPING),
	ROW(CKA_TRUST_OCSP_SIGNING),
	ROW(CKA_ENCAPSULATE),
	ROW(CKA_DECAPSULATE),
	ROW(CKA_HASH_OF_CERTIFICATE),
	ROW(CKA_PUBLIC_CRC64_VALUE),
	ROW(CKA_SEED),
	ROW(CKA_WRAP_TEMPLATE),
	ROW(CKA_UNWRAP_TEMPLATE),
	ROW(CKA_DERIVE_TEMPLATE),
	ROW(CKA_ALLOWED_MECHANISMS),
	ROW(CKA_ENCAPSULATE_TEMPLATE),
	ROW(CKA_DECAPSULATE_TEMPLATE),
};
/* clang-format on */

static struct cryptoki_names table(enum cryptoki_kind kind)
{
	static const struct cryptoki_names small[CRYPTOKI_KIND__MAX] = {
		[CRYPTOKI_CLASS] = { classes, ARRAY_LEN(classes) },
		[CRYPTOKI_KEY_TYPE] = { key_types, ARRAY_LEN(key_types) },
		[CRYPTOKI_ATTR] = { attrs, ARRAY_LEN(attrs) },
	};

	return kind == CRYPTOKI_MECH ? cryptoki_mechs : small[kind];
}

const struct cryptoki_name *cryptoki_names(enum cryptoki_kind kind, size_t *ret_n)
{
	struct cryptoki_names t = table(kind);

	*ret_n = t.n;
	return t.rows;
}

static int by_value(const void *key, const void *row)
{
	CK_ULONG a = *(const CK_ULONG *)key;
	CK_ULONG b = ((const struct cryptoki_name *)row)->value;

	return (a > b) - (a < b);
}

static const char *name_of(enum cryptoki_kind kind, CK_ULONG value)
{
	struct cryptoki_names t = table(kind);
	const struct cryptoki_name *row = bsearch(&value, t.rows, t.n, sizeof *t.rows, by_value);

	return row ? row->name : NULL;
}

const char *cryptoki_mech_name(CK_MECHANISM_TYPE mech)
{
	return name_of(CRYPTOKI_MECH, mech);
}

const char *cryptoki_attr_name(CK_ATTRIBUTE_TYPE attr)
{
	return name_of(CRYPTOKI_ATTR, attr);
}

const char *cryptoki_class_name(CK_OBJECT_CLASS class)
{
	return name_of(CRYPTOKI_CLASS, class);
}

const char *cryptoki_key_type_name(CK_KEY_TYPE type)
{
	return name_of(CRYPTOKI_KEY_TYPE, type);
}

static const struct cryptoki_name *find(struct cryptoki_names t, const char *name)
{
	static const char prefix[] = "CKM_";
	size_t skip = strncmp(name, prefix, sizeof prefix - 1) == 0 ? 0 : sizeof prefix - 1;

	for (size_t n = 0; n < t.n; n++)
		if (strcmp(t.rows[n].name + skip, name) == 0)
			return &t.rows[n];
	return NULL;
}

enum inro_err cryptoki_mech_by_name(const char *name, CK_MECHANISM_TYPE *ret)
{
	const struct cryptoki_name *row = find(cryptoki_mechs, name);

	if (!row)
		row = find(cryptoki_former_mechs, name);
	if (!row)
		return err_set(INRO_E_MECHANISM,
			       "PKCS#11 has no mechanism named '%.64s', give one like CKM_AES_GCM",
			       name);
	*ret = row->value;
	return INRO_OK;
}
