/*
 * key_type - the kinds of keys, a row each: parameters and operations (key.h).
 *
 * The parameters are those that libcrypto's own provider has for the kind.
 */
#include "provider/key.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* clang-format off */
#define RSA_PUBLIC                                                                                 \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),                                             \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)
#define EC_PUBLIC                                                                                  \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),                               \
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0)
#define RSA_PRIVATE                                                                                \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0),                                             \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, NULL, 0),                                       \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, NULL, 0),                                       \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, NULL, 0),                                     \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, NULL, 0),                                     \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL, 0)
/* What a key of RSA-PSS may be bound to (RFC 8017 A.2.3). */
#define PSS_BOUNDS                                                                                 \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, NULL, 0),                               \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MASKGENFUNC, NULL, 0),                          \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, NULL, 0),                          \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, NULL)
#define EC_PRIVATE                                                                                 \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),                                          \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL)
#define STRING_PUBLIC OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0)
#define STRING_PRIVATE OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0)
#define STRING_SEED OSSL_PARAM_octet_string(KEY_SEED, NULL, 0)
/* clang-format on */

static const OSSL_PARAM rsa_public[] = { RSA_PUBLIC, OSSL_PARAM_END };
static const OSSL_PARAM rsa_all[] = { RSA_PUBLIC, RSA_PRIVATE, OSSL_PARAM_END };
static const OSSL_PARAM pss_public[] = { RSA_PUBLIC, PSS_BOUNDS, OSSL_PARAM_END };
static const OSSL_PARAM pss_all[] = { RSA_PUBLIC, RSA_PRIVATE, PSS_BOUNDS, OSSL_PARAM_END };
static const OSSL_PARAM ec_public[] = { EC_PUBLIC, OSSL_PARAM_END };
static const OSSL_PARAM ec_all[] = { EC_PUBLIC, EC_PRIVATE, OSSL_PARAM_END };
static const OSSL_PARAM string_public[] = { STRING_PUBLIC, OSSL_PARAM_END };
static const OSSL_PARAM string_all[] = { STRING_PUBLIC, STRING_PRIVATE, OSSL_PARAM_END };
static const OSSL_PARAM seed_all[] = { STRING_PUBLIC, STRING_PRIVATE, STRING_SEED, OSSL_PARAM_END };

/* A key whose halves are strings of bytes: the kinds after RSA and EC. */
#define STRINGS(kind_name, kind_type)                                                              \
	.name = (kind_name), .type = (kind_type), .public_part = OSSL_PKEY_PARAM_PUB_KEY,          \
	.private_part = OSSL_PKEY_PARAM_PRIV_KEY, .public_params = string_public

#define EDWARDS(name)                                                                              \
	{                                                                                          \
		STRINGS(name, CKK_EC_EDWARDS), .signature = "INRO-EDDSA",                          \
					       .all_params = string_all                            \
	}
#define DHKEM .kem = "INRO-DHKEM", .kem_since = 0x30200000UL
#define MONTGOMERY(name)                                                                           \
	{                                                                                          \
		STRINGS(name, CKK_EC_MONTGOMERY),                                                  \
			.exchange = "INRO-XDH", DHKEM, .all_params = string_all                    \
	}
#define ML_DSA(name)                                                                               \
	{                                                                                          \
		STRINGS(name, CKK_ML_DSA), .signature = "INRO-ML-DSA", .all_params = seed_all      \
	}
#define ML_KEM(name)                                                                               \
	{                                                                                          \
		STRINGS(name, CKK_ML_KEM), .kem = "INRO-ML-KEM", .all_params = seed_all            \
	}
#define SLH_DSA(name)                                                                              \
	{                                                                                          \
		STRINGS(name, CKK_SLH_DSA), .signature = "INRO-SLH-DSA", .all_params = seed_all    \
	}

const struct key_type key_types[KEY_TYPE__MAX] = {
	[KEY_TYPE_rsa] = { .name = "RSA",
			   .type = CKK_RSA,
			   .public_part = OSSL_PKEY_PARAM_RSA_N,
			   .private_part = OSSL_PKEY_PARAM_RSA_D,
			   .signature = "INRO-RSA",
			   .cipher = "INRO-RSA",
			   .kem = "INRO-RSA",
			   .public_params = rsa_public,
			   .all_params = rsa_all },
	[KEY_TYPE_rsa_pss] = { .name = "RSA-PSS",
			       .type = CKK_RSA,
			       .public_part = OSSL_PKEY_PARAM_RSA_N,
			       .private_part = OSSL_PKEY_PARAM_RSA_D,
			       .signature = "INRO-RSA",
			       .cipher = "INRO-RSA", /* refused when it is set up, as libcrypto does */
			       .kem = "INRO-RSA",    /* and so is that */
			       .public_params = pss_public,
			       .all_params = pss_all },
	[KEY_TYPE_ec] = { .name = "EC",
			  .type = CKK_EC,
			  .has_group = true,
			  .public_part = OSSL_PKEY_PARAM_PUB_KEY,
			  .private_part = OSSL_PKEY_PARAM_PRIV_KEY,
			  .signature = "INRO-ECDSA",
			  .exchange = "INRO-ECDH",
			  DHKEM,
			  .public_params = ec_public,
			  .all_params = ec_all },
	[KEY_TYPE_ed25519] = EDWARDS("ED25519"),
	[KEY_TYPE_ed448] = EDWARDS("ED448"),
	[KEY_TYPE_x25519] = MONTGOMERY("X25519"),
	[KEY_TYPE_x448] = MONTGOMERY("X448"),
	[KEY_TYPE_ml_dsa_44] = ML_DSA("ML-DSA-44"),
	[KEY_TYPE_ml_dsa_65] = ML_DSA("ML-DSA-65"),
	[KEY_TYPE_ml_dsa_87] = ML_DSA("ML-DSA-87"),
	[KEY_TYPE_ml_kem_512] = ML_KEM("ML-KEM-512"),
	[KEY_TYPE_ml_kem_768] = ML_KEM("ML-KEM-768"),
	[KEY_TYPE_ml_kem_1024] = ML_KEM("ML-KEM-1024"),
	[KEY_TYPE_slh_dsa_sha2_128s] = SLH_DSA("SLH-DSA-SHA2-128s"),
	[KEY_TYPE_slh_dsa_sha2_128f] = SLH_DSA("SLH-DSA-SHA2-128f"),
	[KEY_TYPE_slh_dsa_sha2_192s] = SLH_DSA("SLH-DSA-SHA2-192s"),
	[KEY_TYPE_slh_dsa_sha2_192f] = SLH_DSA("SLH-DSA-SHA2-192f"),
	[KEY_TYPE_slh_dsa_sha2_256s] = SLH_DSA("SLH-DSA-SHA2-256s"),
	[KEY_TYPE_slh_dsa_sha2_256f] = SLH_DSA("SLH-DSA-SHA2-256f"),
	[KEY_TYPE_slh_dsa_shake_128s] = SLH_DSA("SLH-DSA-SHAKE-128s"),
	[KEY_TYPE_slh_dsa_shake_128f] = SLH_DSA("SLH-DSA-SHAKE-128f"),
	[KEY_TYPE_slh_dsa_shake_192s] = SLH_DSA("SLH-DSA-SHAKE-192s"),
	[KEY_TYPE_slh_dsa_shake_192f] = SLH_DSA("SLH-DSA-SHAKE-192f"),
	[KEY_TYPE_slh_dsa_shake_256s] = SLH_DSA("SLH-DSA-SHAKE-256s"),
	[KEY_TYPE_slh_dsa_shake_256f] = SLH_DSA("SLH-DSA-SHAKE-256f"),
};
