/* mech_table - a row a mechanism, sorted by type (a test checks that). */
#include "pkcs11/token/keyder.h"
#include "pkcs11/token/mech_private.h"

#define BOTH	(USE_SIGN | USE_VERIFY)
#define CRYPT	(USE_ENCRYPT | USE_DECRYPT)
#define RECOVER (USE_SIGN_RECOVER | USE_VERIFY_RECOVER)
#define MOVE	(USE_WRAP | USE_UNWRAP)
#define CAPSULE (USE_ENCAPSULATE | USE_DECAPSULATE)

#define EC_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)
/* Edwards and Montgomery curves go by OID or by name (6.3.3). */
#define CURVE_FLAGS (CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME)

#define EC_MIN_BITS 224
#define EC_MAX_BITS 521
#define HMAC_MIN    14 /* 112 bits: SP 800-131A */
#define SECRET_MAX  16384

/* kind, kind, types, uses, sizes, flags */
#define RSA(uses)	 KEY_RSA, 0, NULL, uses, RSA_MIN_BITS, RSA_MAX_BITS, 0
#define EC(uses)	 KEY_EC, 0, NULL, uses, EC_MIN_BITS, EC_MAX_BITS, EC_FLAGS
#define AGREE(uses)	 KEY_EC, KEY_MONTGOMERY, NULL, uses, EC_MIN_BITS, EC_MAX_BITS, EC_FLAGS
#define EDWARDS(uses)	 KEY_EDWARDS, 0, NULL, uses, 255, 448, CURVE_FLAGS
#define MONTGOMERY(uses) KEY_MONTGOMERY, 0, NULL, uses, 255, 448, CURVE_FLAGS
#define ML_DSA(uses)	 KEY_ML_DSA, 0, NULL, uses, 1312, 2592, 0
#define SLH_DSA(uses)	 KEY_SLH_DSA, 0, NULL, uses, 32, 64, 0
#define ML_KEM(uses)	 KEY_ML_KEM, 0, NULL, uses, 800, 1568, 0
#define DIGEST		 KEY_NONE, 0, NULL, USE_DIGEST, 0, 0, 0
#define AES(uses)	 KEY_SECRET, 0, aes_types, uses, 16, 32, 0
#define XTS(uses)	 KEY_SECRET, 0, xts_types, uses, 32, 64, 0
#define CHACHA(uses)	 KEY_SECRET, 0, chacha_types, uses, 32, 32, 0
#define DES3(uses)	 KEY_SECRET, 0, des3_types, uses, 24, 24, 0
#define HMAC(types)	 KEY_SECRET, 0, types, BOTH, HMAC_MIN, SECRET_MAX, 0
#define HMAC_KEY(types)	 KEY_SECRET, 0, types, USE_GENERATE, HMAC_MIN, SECRET_MAX, 0
#define GENERIC_KEY	 KEY_SECRET, 0, generic_types, USE_GENERATE, 8, 8 * SECRET_MAX, 0
#define HKDF_KEY	 KEY_SECRET, 0, hkdf_types, USE_GENERATE, 1, SECRET_MAX, 0
#define PBKD2		 KEY_SECRET, 0, NULL, USE_GENERATE, 1, SECRET_MAX, 0
#define DERIVE(types)	 KEY_SECRET, 0, types, USE_DERIVE, 1, SECRET_MAX, 0

/* The first is what the mechanism that makes keys makes. */
#define TYPES(name, ...)                                                                           \
	static const CK_KEY_TYPE name[] = { __VA_ARGS__, CK_UNAVAILABLE_INFORMATION }

TYPES(aes_types, CKK_AES);
TYPES(xts_types, CKK_AES_XTS);
TYPES(chacha_types, CKK_CHACHA20);
TYPES(des3_types, CKK_DES3);
TYPES(generic_types, CKK_GENERIC_SECRET);
TYPES(hkdf_types, CKK_HKDF, CKK_GENERIC_SECRET);
TYPES(hmac_sha_1, CKK_SHA_1_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha224, CKK_SHA224_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha256, CKK_SHA256_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha384, CKK_SHA384_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha512, CKK_SHA512_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha512_224, CKK_SHA512_224_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha512_256, CKK_SHA512_256_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha3_224, CKK_SHA3_224_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha3_256, CKK_SHA3_256_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha3_384, CKK_SHA3_384_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_sha3_512, CKK_SHA3_512_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_blake2b_160, CKK_BLAKE2B_160_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_blake2b_256, CKK_BLAKE2B_256_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_blake2b_384, CKK_BLAKE2B_384_HMAC, CKK_GENERIC_SECRET);
TYPES(hmac_blake2b_512, CKK_BLAKE2B_512_HMAC, CKK_GENERIC_SECRET);

const struct mech mech_rows[] = {
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, 0, CKM_RSA_PKCS, RSA(USE_GENERATE_PAIR), mech_par_none, 0 },
	{ CKM_RSA_PKCS, 0, CKM_RSA_PKCS, RSA(BOTH | CRYPT | RECOVER | MOVE), mech_par_none,
	  MECH_ONE_PART },
	{ CKM_RSA_X_509, 0, CKM_RSA_X_509, RSA(BOTH | CRYPT | RECOVER), mech_par_none,
	  MECH_ONE_PART | MECH_BY_KEY },
	{ CKM_SHA1_RSA_PKCS, CKM_SHA_1, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_RSA_PKCS_OAEP, 0, CKM_RSA_PKCS_OAEP, RSA(CRYPT | MOVE), mech_par_oaep,
	  MECH_ONE_PART },
	{ CKM_RSA_PKCS_PSS, 0, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, MECH_ONE_PART },
	{ CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_ML_KEM_KEY_PAIR_GEN, 0, CKM_ML_KEM, ML_KEM(USE_GENERATE_PAIR), mech_par_none, 0 },
	{ CKM_ML_KEM, 0, CKM_ML_KEM, ML_KEM(CAPSULE), mech_par_none, 0 },
	{ CKM_ML_DSA_KEY_PAIR_GEN, 0, CKM_ML_DSA, ML_DSA(USE_GENERATE_PAIR), mech_par_none, 0 },
	{ CKM_ML_DSA, 0, CKM_ML_DSA, ML_DSA(BOTH), mech_par_context, MECH_COLLECT },
	{ CKM_HASH_ML_DSA, 0, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_hash_context, MECH_ONE_PART },
	{ CKM_HASH_ML_DSA_SHA224, CKM_SHA224, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context, 0 },
	{ CKM_HASH_ML_DSA_SHA256, CKM_SHA256, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context, 0 },
	{ CKM_HASH_ML_DSA_SHA384, CKM_SHA384, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context, 0 },
	{ CKM_HASH_ML_DSA_SHA512, CKM_SHA512, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context, 0 },
	{ CKM_HASH_ML_DSA_SHA3_224, CKM_SHA3_224, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_HASH_ML_DSA_SHA3_256, CKM_SHA3_256, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_HASH_ML_DSA_SHA3_384, CKM_SHA3_384, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_HASH_ML_DSA_SHA3_512, CKM_SHA3_512, CKM_HASH_ML_DSA, ML_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_SLH_DSA_KEY_PAIR_GEN, 0, CKM_SLH_DSA, SLH_DSA(USE_GENERATE_PAIR), mech_par_none, 0 },
	{ CKM_SLH_DSA, 0, CKM_SLH_DSA, SLH_DSA(BOTH), mech_par_context, MECH_COLLECT },
	{ CKM_HASH_SLH_DSA, 0, CKM_HASH_SLH_DSA, SLH_DSA(BOTH), mech_par_hash_context,
	  MECH_ONE_PART },
	{ CKM_HASH_SLH_DSA_SHA224, CKM_SHA224, CKM_HASH_SLH_DSA, SLH_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_HASH_SLH_DSA_SHA256, CKM_SHA256, CKM_HASH_SLH_DSA, SLH_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_HASH_SLH_DSA_SHA384, CKM_SHA384, CKM_HASH_SLH_DSA, SLH_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_HASH_SLH_DSA_SHA512, CKM_SHA512, CKM_HASH_SLH_DSA, SLH_DSA(BOTH), mech_par_context,
	  0 },
	{ CKM_HASH_SLH_DSA_SHA3_224, CKM_SHA3_224, CKM_HASH_SLH_DSA, SLH_DSA(BOTH),
	  mech_par_context, 0 },
	{ CKM_HASH_SLH_DSA_SHA3_256, CKM_SHA3_256, CKM_HASH_SLH_DSA, SLH_DSA(BOTH),
	  mech_par_context, 0 },
	{ CKM_HASH_SLH_DSA_SHA3_384, CKM_SHA3_384, CKM_HASH_SLH_DSA, SLH_DSA(BOTH),
	  mech_par_context, 0 },
	{ CKM_HASH_SLH_DSA_SHA3_512, CKM_SHA3_512, CKM_HASH_SLH_DSA, SLH_DSA(BOTH),
	  mech_par_context, 0 },
	{ CKM_SHA256_RSA_PKCS, CKM_SHA256, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA384_RSA_PKCS, CKM_SHA384, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA512_RSA_PKCS, CKM_SHA512, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_SHA224_RSA_PKCS, CKM_SHA224, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_SHA512_224, CKM_SHA512_224, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA512_224_HMAC, 0, CKM_SHA512_224_HMAC, HMAC(hmac_sha512_224), mech_par_none,
	  MECH_MAC },
	{ CKM_SHA512_224_HMAC_GENERAL, 0, CKM_SHA512_224_HMAC, HMAC(hmac_sha512_224),
	  mech_par_mac_n, MECH_MAC },
	{ CKM_SHA512_256, CKM_SHA512_256, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA512_256_HMAC, 0, CKM_SHA512_256_HMAC, HMAC(hmac_sha512_256), mech_par_none,
	  MECH_MAC },
	{ CKM_SHA512_256_HMAC_GENERAL, 0, CKM_SHA512_256_HMAC, HMAC(hmac_sha512_256),
	  mech_par_mac_n, MECH_MAC },
	{ CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224, CKM_RSA_PKCS, RSA(BOTH), mech_par_none, 0 },
	{ CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, CKM_RSA_PKCS_PSS, RSA(BOTH), mech_par_pss, 0 },
	{ CKM_DES3_ECB, 0, CKM_DES3_ECB, DES3(USE_DECRYPT), mech_par_none,
	  MECH_LEGACY | MECH_BLOCK },
	{ CKM_DES3_CBC, 0, CKM_DES3_CBC, DES3(USE_DECRYPT), mech_par_iv8,
	  MECH_LEGACY | MECH_BLOCK },
	{ CKM_DES3_CBC_PAD, 0, CKM_DES3_CBC_PAD, DES3(USE_DECRYPT), mech_par_iv8,
	  MECH_LEGACY | MECH_PAD },
	{ CKM_SHA_1, CKM_SHA_1, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA_1_HMAC, 0, CKM_SHA_1_HMAC, HMAC(hmac_sha_1), mech_par_none, MECH_MAC },
	{ CKM_SHA_1_HMAC_GENERAL, 0, CKM_SHA_1_HMAC, HMAC(hmac_sha_1), mech_par_mac_n, MECH_MAC },
	{ CKM_SHA256, CKM_SHA256, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA256_HMAC, 0, CKM_SHA256_HMAC, HMAC(hmac_sha256), mech_par_none, MECH_MAC },
	{ CKM_SHA256_HMAC_GENERAL, 0, CKM_SHA256_HMAC, HMAC(hmac_sha256), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA224, CKM_SHA224, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA224_HMAC, 0, CKM_SHA224_HMAC, HMAC(hmac_sha224), mech_par_none, MECH_MAC },
	{ CKM_SHA224_HMAC_GENERAL, 0, CKM_SHA224_HMAC, HMAC(hmac_sha224), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA384, CKM_SHA384, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA384_HMAC, 0, CKM_SHA384_HMAC, HMAC(hmac_sha384), mech_par_none, MECH_MAC },
	{ CKM_SHA384_HMAC_GENERAL, 0, CKM_SHA384_HMAC, HMAC(hmac_sha384), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA512, CKM_SHA512, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA512_HMAC, 0, CKM_SHA512_HMAC, HMAC(hmac_sha512), mech_par_none, MECH_MAC },
	{ CKM_SHA512_HMAC_GENERAL, 0, CKM_SHA512_HMAC, HMAC(hmac_sha512), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA3_256, CKM_SHA3_256, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA3_256_HMAC, 0, CKM_SHA3_256_HMAC, HMAC(hmac_sha3_256), mech_par_none, MECH_MAC },
	{ CKM_SHA3_256_HMAC_GENERAL, 0, CKM_SHA3_256_HMAC, HMAC(hmac_sha3_256), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA3_256_KEY_GEN, 0, CKM_SHA3_256_HMAC, HMAC_KEY(hmac_sha3_256), mech_par_none, 0 },
	{ CKM_SHA3_224, CKM_SHA3_224, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA3_224_HMAC, 0, CKM_SHA3_224_HMAC, HMAC(hmac_sha3_224), mech_par_none, MECH_MAC },
	{ CKM_SHA3_224_HMAC_GENERAL, 0, CKM_SHA3_224_HMAC, HMAC(hmac_sha3_224), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA3_224_KEY_GEN, 0, CKM_SHA3_224_HMAC, HMAC_KEY(hmac_sha3_224), mech_par_none, 0 },
	{ CKM_SHA3_384, CKM_SHA3_384, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA3_384_HMAC, 0, CKM_SHA3_384_HMAC, HMAC(hmac_sha3_384), mech_par_none, MECH_MAC },
	{ CKM_SHA3_384_HMAC_GENERAL, 0, CKM_SHA3_384_HMAC, HMAC(hmac_sha3_384), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA3_384_KEY_GEN, 0, CKM_SHA3_384_HMAC, HMAC_KEY(hmac_sha3_384), mech_par_none, 0 },
	{ CKM_SHA3_512, CKM_SHA3_512, 0, DIGEST, mech_par_none, 0 },
	{ CKM_SHA3_512_HMAC, 0, CKM_SHA3_512_HMAC, HMAC(hmac_sha3_512), mech_par_none, MECH_MAC },
	{ CKM_SHA3_512_HMAC_GENERAL, 0, CKM_SHA3_512_HMAC, HMAC(hmac_sha3_512), mech_par_mac_n,
	  MECH_MAC },
	{ CKM_SHA3_512_KEY_GEN, 0, CKM_SHA3_512_HMAC, HMAC_KEY(hmac_sha3_512), mech_par_none, 0 },
	{ CKM_GENERIC_SECRET_KEY_GEN, 0, CKM_SHA256_HMAC, GENERIC_KEY, mech_par_none,
	  MECH_SIZE_BITS },
	{ CKM_CONCATENATE_BASE_AND_KEY, 0, CKM_CONCATENATE_BASE_AND_KEY, DERIVE(NULL),
	  mech_par_other_key, 0 },
	{ CKM_CONCATENATE_BASE_AND_DATA, 0, CKM_CONCATENATE_BASE_AND_DATA, DERIVE(NULL),
	  mech_par_string, 0 },
	{ CKM_CONCATENATE_DATA_AND_BASE, 0, CKM_CONCATENATE_DATA_AND_BASE, DERIVE(NULL),
	  mech_par_string, 0 },
	{ CKM_SP800_108_COUNTER_KDF, 0, CKM_SP800_108_COUNTER_KDF, DERIVE(NULL), mech_par_counter,
	  0 },
	{ CKM_SP800_108_FEEDBACK_KDF, 0, CKM_SP800_108_FEEDBACK_KDF, DERIVE(NULL),
	  mech_par_feedback, 0 },
	{ CKM_PKCS5_PBKD2, 0, CKM_PKCS5_PBKD2, PBKD2, mech_par_pbkd2, 0 },
	{ CKM_EC_KEY_PAIR_GEN, 0, CKM_ECDSA, EC(USE_GENERATE_PAIR), mech_par_none, 0 },
	{ CKM_ECDSA, 0, CKM_ECDSA, EC(BOTH), mech_par_none, MECH_ONE_PART },
	{ CKM_ECDSA_SHA1, CKM_SHA_1, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA224, CKM_SHA224, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA256, CKM_SHA256, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA384, CKM_SHA384, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA512, CKM_SHA512, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA3_224, CKM_SHA3_224, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA3_256, CKM_SHA3_256, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA3_384, CKM_SHA3_384, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDSA_SHA3_512, CKM_SHA3_512, CKM_ECDSA, EC(BOTH), mech_par_none, 0 },
	{ CKM_ECDH1_DERIVE, 0, CKM_ECDH1_DERIVE, AGREE(USE_DERIVE), mech_par_ecdh, 0 },
	{ CKM_ECDH1_COFACTOR_DERIVE, 0, CKM_ECDH1_COFACTOR_DERIVE, EC(USE_DERIVE), mech_par_ecdh,
	  0 },
	{ CKM_ECDH_AES_KEY_WRAP, 0, CKM_ECDH_AES_KEY_WRAP, AGREE(MOVE), mech_par_ecdh_aes, 0 },
	{ CKM_RSA_AES_KEY_WRAP, 0, CKM_RSA_AES_KEY_WRAP, RSA(MOVE), mech_par_rsa_aes, 0 },
	{ CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, CKM_EDDSA, EDWARDS(USE_GENERATE_PAIR), mech_par_none, 0 },
	{ CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
	  MONTGOMERY(USE_GENERATE_PAIR), mech_par_none, 0 },
	{ CKM_EDDSA, 0, CKM_EDDSA, EDWARDS(BOTH), mech_par_eddsa, MECH_ONE_PART },
	{ CKM_AES_XTS, 0, CKM_AES_XTS, XTS(CRYPT), mech_par_iv16, MECH_COLLECT },
	{ CKM_AES_XTS_KEY_GEN, 0, CKM_AES_XTS, XTS(USE_GENERATE), mech_par_none, 0 },
	{ CKM_AES_KEY_GEN, 0, CKM_AES_ECB, AES(USE_GENERATE), mech_par_none, 0 },
	{ CKM_AES_ECB, 0, CKM_AES_ECB, AES(CRYPT), mech_par_none, MECH_BLOCK },
	{ CKM_AES_CBC, 0, CKM_AES_CBC, AES(CRYPT | MOVE), mech_par_iv16, MECH_BLOCK },
	{ CKM_AES_CBC_PAD, 0, CKM_AES_CBC_PAD, AES(CRYPT | MOVE), mech_par_iv16, MECH_PAD },
	{ CKM_AES_CTR, 0, CKM_AES_CTR, AES(CRYPT), mech_par_ctr, 0 },
	{ CKM_AES_GCM, 0, CKM_AES_GCM, AES(CRYPT | MOVE), mech_par_gcm, MECH_AEAD },
	{ CKM_AES_CCM, 0, CKM_AES_CCM, AES(CRYPT | MOVE), mech_par_ccm, MECH_AEAD | MECH_COLLECT },
	{ CKM_AES_CTS, 0, CKM_AES_CTS, AES(CRYPT), mech_par_iv16, MECH_COLLECT },
	{ CKM_AES_CMAC, 0, CKM_AES_CMAC, AES(BOTH), mech_par_none, MECH_MAC },
	{ CKM_AES_CMAC_GENERAL, 0, CKM_AES_CMAC, AES(BOTH), mech_par_mac_n, MECH_MAC },
	{ CKM_AES_GMAC, 0, CKM_AES_GMAC, AES(BOTH), mech_par_gmac, MECH_MAC },
	{ CKM_CHACHA20_KEY_GEN, 0, CKM_CHACHA20, CHACHA(USE_GENERATE), mech_par_none, 0 },
	{ CKM_CHACHA20, 0, CKM_CHACHA20, CHACHA(CRYPT), mech_par_chacha, 0 },
	{ CKM_AES_OFB, 0, CKM_AES_OFB, AES(CRYPT), mech_par_iv16, 0 },
	{ CKM_AES_CFB8, 0, CKM_AES_CFB8, AES(CRYPT), mech_par_iv16, 0 },
	{ CKM_AES_CFB128, 0, CKM_AES_CFB128, AES(CRYPT), mech_par_iv16, 0 },
	{ CKM_AES_CFB1, 0, CKM_AES_CFB1, AES(CRYPT), mech_par_iv16, 0 },
	{ CKM_AES_KEY_WRAP, 0, CKM_AES_KEY_WRAP, AES(MOVE), mech_par_kw, 0 },
	{ CKM_AES_KEY_WRAP_KWP, 0, CKM_AES_KEY_WRAP_KWP, AES(MOVE), mech_par_kwp, MECH_PAD },
	{ CKM_SHA_1_KEY_GEN, 0, CKM_SHA_1_HMAC, HMAC_KEY(hmac_sha_1), mech_par_none, 0 },
	{ CKM_SHA224_KEY_GEN, 0, CKM_SHA224_HMAC, HMAC_KEY(hmac_sha224), mech_par_none, 0 },
	{ CKM_SHA256_KEY_GEN, 0, CKM_SHA256_HMAC, HMAC_KEY(hmac_sha256), mech_par_none, 0 },
	{ CKM_SHA384_KEY_GEN, 0, CKM_SHA384_HMAC, HMAC_KEY(hmac_sha384), mech_par_none, 0 },
	{ CKM_SHA512_KEY_GEN, 0, CKM_SHA512_HMAC, HMAC_KEY(hmac_sha512), mech_par_none, 0 },
	{ CKM_SHA512_224_KEY_GEN, 0, CKM_SHA512_224_HMAC, HMAC_KEY(hmac_sha512_224), mech_par_none,
	  0 },
	{ CKM_SHA512_256_KEY_GEN, 0, CKM_SHA512_256_HMAC, HMAC_KEY(hmac_sha512_256), mech_par_none,
	  0 },
	{ CKM_BLAKE2B_160, CKM_BLAKE2B_160, 0, DIGEST, mech_par_none, 0 },
	{ CKM_BLAKE2B_160_HMAC, 0, CKM_BLAKE2B_160_HMAC, HMAC(hmac_blake2b_160), mech_par_none,
	  MECH_MAC },
	{ CKM_BLAKE2B_160_HMAC_GENERAL, 0, CKM_BLAKE2B_160_HMAC, HMAC(hmac_blake2b_160),
	  mech_par_mac_n, MECH_MAC },
	{ CKM_BLAKE2B_160_KEY_GEN, 0, CKM_BLAKE2B_160_HMAC, HMAC_KEY(hmac_blake2b_160),
	  mech_par_none, 0 },
	{ CKM_BLAKE2B_256, CKM_BLAKE2B_256, 0, DIGEST, mech_par_none, 0 },
	{ CKM_BLAKE2B_256_HMAC, 0, CKM_BLAKE2B_256_HMAC, HMAC(hmac_blake2b_256), mech_par_none,
	  MECH_MAC },
	{ CKM_BLAKE2B_256_HMAC_GENERAL, 0, CKM_BLAKE2B_256_HMAC, HMAC(hmac_blake2b_256),
	  mech_par_mac_n, MECH_MAC },
	{ CKM_BLAKE2B_256_KEY_GEN, 0, CKM_BLAKE2B_256_HMAC, HMAC_KEY(hmac_blake2b_256),
	  mech_par_none, 0 },
	{ CKM_BLAKE2B_384, CKM_BLAKE2B_384, 0, DIGEST, mech_par_none, 0 },
	{ CKM_BLAKE2B_384_HMAC, 0, CKM_BLAKE2B_384_HMAC, HMAC(hmac_blake2b_384), mech_par_none,
	  MECH_MAC },
	{ CKM_BLAKE2B_384_HMAC_GENERAL, 0, CKM_BLAKE2B_384_HMAC, HMAC(hmac_blake2b_384),
	  mech_par_mac_n, MECH_MAC },
	{ CKM_BLAKE2B_384_KEY_GEN, 0, CKM_BLAKE2B_384_HMAC, HMAC_KEY(hmac_blake2b_384),
	  mech_par_none, 0 },
	{ CKM_BLAKE2B_512, CKM_BLAKE2B_512, 0, DIGEST, mech_par_none, 0 },
	{ CKM_BLAKE2B_512_HMAC, 0, CKM_BLAKE2B_512_HMAC, HMAC(hmac_blake2b_512), mech_par_none,
	  MECH_MAC },
	{ CKM_BLAKE2B_512_HMAC_GENERAL, 0, CKM_BLAKE2B_512_HMAC, HMAC(hmac_blake2b_512),
	  mech_par_mac_n, MECH_MAC },
	{ CKM_BLAKE2B_512_KEY_GEN, 0, CKM_BLAKE2B_512_HMAC, HMAC_KEY(hmac_blake2b_512),
	  mech_par_none, 0 },
	{ CKM_CHACHA20_POLY1305, 0, CKM_CHACHA20_POLY1305, CHACHA(CRYPT | MOVE), mech_par_poly1305,
	  MECH_AEAD },
	{ CKM_HKDF_DERIVE, 0, CKM_HKDF_DERIVE, DERIVE(hkdf_types), mech_par_hkdf, 0 },
	{ CKM_HKDF_DATA, 0, CKM_HKDF_DERIVE, DERIVE(hkdf_types), mech_par_hkdf, 0 },
	{ CKM_HKDF_KEY_GEN, 0, CKM_HKDF_DERIVE, HKDF_KEY, mech_par_none, 0 },
};

const size_t mech_rows_n = ARRAY_LEN(mech_rows);
