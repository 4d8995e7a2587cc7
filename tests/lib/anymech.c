#include "base/cryptoki/admin.h"
#include "tests/lib/anymech.h"

#include <string.h>

#include "base/own.h"

#define RSA_HASHED(A, B)                                                                           \
	{ CKM_##A##_RSA_PKCS, ANY_RSA, PAR_NONE, IN_ANY, CKM_##B, false },                         \
	{                                                                                          \
		CKM_##A##_RSA_PKCS_PSS, ANY_RSA, PAR_PSS, IN_ANY, CKM_##B, false                   \
	}
#define EC_HASHED(A, B)                                                                            \
	{                                                                                          \
		CKM_ECDSA_##A, ANY_EC, PAR_NONE, IN_ANY, CKM_##B, false                            \
	}
#define PQ_HASHED(A)                                                                               \
	{ CKM_HASH_ML_DSA_##A, ANY_ML_DSA, PAR_NONE, IN_ANY, CKM_##A, false },                     \
	{                                                                                          \
		CKM_HASH_SLH_DSA_##A, ANY_SLH_DSA, PAR_NONE, IN_ANY, CKM_##A, false                \
	}
#define HASH(A)                                                                                    \
	{ CKM_##A, ANY_NONE, PAR_NONE, IN_ANY, CKM_##A, false },                                   \
		{ CKM_##A##_HMAC, ANY_HMAC, PAR_NONE, IN_ANY, CKM_##A, false },                    \
		{ CKM_##A##_HMAC_GENERAL, ANY_HMAC, PAR_MAC_N, IN_ANY, CKM_##A, false },           \
	{                                                                                          \
		CKM_##A##_KEY_GEN, ANY_HMAC, PAR_NONE, IN_ANY, CKM_##A, false                      \
	}
#define ONE(type, key, param, input, whole)                                                        \
	{                                                                                          \
		type, key, param, input, 0, whole                                                  \
	}

static const struct any_mech rows[] = {
	ONE(CKM_RSA_PKCS_KEY_PAIR_GEN, ANY_RSA, PAR_NONE, IN_ANY, true),
	ONE(CKM_RSA_PKCS, ANY_RSA, PAR_NONE, IN_MODULUS, true),
	ONE(CKM_RSA_X_509, ANY_RSA, PAR_NONE, IN_MODULUS, true),
	ONE(CKM_RSA_PKCS_OAEP, ANY_RSA, PAR_OAEP, IN_MODULUS, true),
	{ CKM_RSA_PKCS_PSS, ANY_RSA, PAR_PSS, IN_HASH, CKM_SHA256, true },
	ONE(CKM_RSA_AES_KEY_WRAP, ANY_RSA, PAR_RSA_AES, IN_ANY, true),
	RSA_HASHED(SHA1, SHA_1),
	RSA_HASHED(SHA224, SHA224),
	RSA_HASHED(SHA256, SHA256),
	RSA_HASHED(SHA384, SHA384),
	RSA_HASHED(SHA512, SHA512),
	RSA_HASHED(SHA3_224, SHA3_224),
	RSA_HASHED(SHA3_256, SHA3_256),
	RSA_HASHED(SHA3_384, SHA3_384),
	RSA_HASHED(SHA3_512, SHA3_512),
	ONE(CKM_EC_KEY_PAIR_GEN, ANY_EC, PAR_NONE, IN_ANY, true),
	{ CKM_ECDSA, ANY_EC, PAR_NONE, IN_HASH, CKM_SHA256, true },
	EC_HASHED(SHA1, SHA_1),
	EC_HASHED(SHA224, SHA224),
	EC_HASHED(SHA256, SHA256),
	EC_HASHED(SHA384, SHA384),
	EC_HASHED(SHA512, SHA512),
	EC_HASHED(SHA3_224, SHA3_224),
	EC_HASHED(SHA3_256, SHA3_256),
	EC_HASHED(SHA3_384, SHA3_384),
	EC_HASHED(SHA3_512, SHA3_512),
	ONE(CKM_ECDH1_DERIVE, ANY_EC, PAR_ECDH, IN_ANY, true),
	ONE(CKM_ECDH1_COFACTOR_DERIVE, ANY_EC, PAR_ECDH, IN_ANY, true),
	ONE(CKM_ECDH_AES_KEY_WRAP, ANY_EC, PAR_ECDH_AES, IN_ANY, true),
	ONE(CKM_EC_EDWARDS_KEY_PAIR_GEN, ANY_EDWARDS, PAR_NONE, IN_ANY, true),
	ONE(CKM_EDDSA, ANY_EDWARDS, PAR_NONE, IN_ANY, true),
	ONE(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, ANY_MONTGOMERY, PAR_NONE, IN_ANY, true),
	ONE(CKM_ML_DSA_KEY_PAIR_GEN, ANY_ML_DSA, PAR_NONE, IN_ANY, true),
	ONE(CKM_ML_DSA, ANY_ML_DSA, PAR_NONE, IN_ANY, false),
	{ CKM_HASH_ML_DSA, ANY_ML_DSA, PAR_HASH, IN_HASH, CKM_SHA256, true },
	ONE(CKM_SLH_DSA_KEY_PAIR_GEN, ANY_SLH_DSA, PAR_NONE, IN_ANY, true),
	ONE(CKM_SLH_DSA, ANY_SLH_DSA, PAR_NONE, IN_ANY, false),
	{ CKM_HASH_SLH_DSA, ANY_SLH_DSA, PAR_HASH, IN_HASH, CKM_SHA256, true },
	PQ_HASHED(SHA224),
	PQ_HASHED(SHA256),
	PQ_HASHED(SHA384),
	PQ_HASHED(SHA512),
	PQ_HASHED(SHA3_224),
	PQ_HASHED(SHA3_256),
	PQ_HASHED(SHA3_384),
	PQ_HASHED(SHA3_512),
	ONE(CKM_ML_KEM_KEY_PAIR_GEN, ANY_ML_KEM, PAR_NONE, IN_ANY, true),
	ONE(CKM_ML_KEM, ANY_ML_KEM, PAR_NONE, IN_ANY, true),
	HASH(SHA_1),
	HASH(SHA224),
	HASH(SHA256),
	HASH(SHA384),
	HASH(SHA512),
	HASH(SHA512_224),
	HASH(SHA512_256),
	HASH(SHA3_224),
	HASH(SHA3_256),
	HASH(SHA3_384),
	HASH(SHA3_512),
	HASH(BLAKE2B_160),
	HASH(BLAKE2B_256),
	HASH(BLAKE2B_384),
	HASH(BLAKE2B_512),
	ONE(CKM_AES_KEY_GEN, ANY_AES, PAR_NONE, IN_ANY, true),
	ONE(CKM_AES_ECB, ANY_AES, PAR_NONE, IN_BLOCKS, false),
	ONE(CKM_AES_CBC, ANY_AES, PAR_IV16, IN_BLOCKS, false),
	ONE(CKM_AES_CBC_PAD, ANY_AES, PAR_IV16, IN_ANY, false),
	ONE(CKM_AES_CTR, ANY_AES, PAR_CTR, IN_ANY, false),
	ONE(CKM_AES_CTS, ANY_AES, PAR_IV16, IN_16_UP, false),
	ONE(CKM_AES_GCM, ANY_AES, PAR_GCM, IN_ANY, false),
	ONE(CKM_AES_CCM, ANY_AES, PAR_CCM, IN_EXACTLY_N, false),
	ONE(CKM_AES_CMAC, ANY_AES, PAR_NONE, IN_ANY, false),
	ONE(CKM_AES_CMAC_GENERAL, ANY_AES, PAR_MAC_N, IN_ANY, false),
	ONE(CKM_AES_GMAC, ANY_AES, PAR_GCM, IN_ANY, false),
	ONE(CKM_AES_OFB, ANY_AES, PAR_IV16, IN_ANY, false),
	ONE(CKM_AES_CFB1, ANY_AES, PAR_IV16, IN_ANY, false),
	ONE(CKM_AES_CFB8, ANY_AES, PAR_IV16, IN_ANY, false),
	ONE(CKM_AES_CFB128, ANY_AES, PAR_IV16, IN_ANY, false),
	ONE(CKM_AES_KEY_WRAP, ANY_AES, PAR_NONE, IN_ANY, true),
	ONE(CKM_AES_KEY_WRAP_KWP, ANY_AES, PAR_NONE, IN_ANY, true),
	ONE(CKM_AES_XTS_KEY_GEN, ANY_XTS, PAR_NONE, IN_ANY, true),
	ONE(CKM_AES_XTS, ANY_XTS, PAR_IV16, IN_16_UP, false),
	ONE(CKM_CHACHA20_KEY_GEN, ANY_CHACHA, PAR_NONE, IN_ANY, true),
	ONE(CKM_CHACHA20, ANY_CHACHA, PAR_CHACHA, IN_ANY, false),
	ONE(CKM_CHACHA20_POLY1305, ANY_CHACHA, PAR_POLY, IN_ANY, false),
	ONE(CKM_INRO_TWINE_KEY_GEN, ANY_TWINE, PAR_NONE, IN_ANY, true),
	ONE(CKM_INRO_TWINE_ECB, ANY_TWINE, PAR_NONE, IN_BLOCKS, false),
	ONE(CKM_INRO_TWINE_CBC, ANY_TWINE, PAR_IV8, IN_BLOCKS, false),
	ONE(CKM_INRO_TWINE_CBC_PAD, ANY_TWINE, PAR_IV8, IN_ANY, false),
	ONE(CKM_INRO_TWINE_CTR, ANY_TWINE, PAR_CTR8, IN_ANY, false),
	ONE(CKM_INRO_TWINE_CMAC, ANY_TWINE, PAR_NONE, IN_ANY, false),
	ONE(CKM_INRO_TWINE_CMAC_GENERAL, ANY_TWINE, PAR_MAC_4, IN_ANY, false),
	ONE(CKM_GENERIC_SECRET_KEY_GEN, ANY_GENERIC, PAR_NONE, IN_ANY, true),
	ONE(CKM_PKCS5_PBKD2, ANY_GENERIC, PAR_PBKD2, IN_ANY, true),
	ONE(CKM_CONCATENATE_BASE_AND_KEY, ANY_GENERIC, PAR_OTHER_KEY, IN_ANY, true),
	ONE(CKM_CONCATENATE_BASE_AND_DATA, ANY_GENERIC, PAR_STRING, IN_ANY, true),
	ONE(CKM_CONCATENATE_DATA_AND_BASE, ANY_GENERIC, PAR_STRING, IN_ANY, true),
	ONE(CKM_SP800_108_COUNTER_KDF, ANY_GENERIC, PAR_COUNTER, IN_ANY, true),
	ONE(CKM_SP800_108_FEEDBACK_KDF, ANY_GENERIC, PAR_FEEDBACK, IN_ANY, true),
	ONE(CKM_HKDF_KEY_GEN, ANY_HKDF, PAR_NONE, IN_ANY, true),
	ONE(CKM_HKDF_DERIVE, ANY_HKDF, PAR_HKDF, IN_ANY, true),
	ONE(CKM_HKDF_DATA, ANY_HKDF, PAR_HKDF, IN_ANY, true),
};

const struct any_mech *anymech_find(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].type == type)
			return &rows[i];
	}
	return NULL;
}

static const struct hash {
	CK_MECHANISM_TYPE hash, keys;
	CK_ULONG n;
	CK_RSA_PKCS_MGF_TYPE mgf;
} hashes[] = {
	{ CKM_SHA_1, CKM_SHA_1_KEY_GEN, 20, CKG_MGF1_SHA1 },
	{ CKM_SHA224, CKM_SHA224_KEY_GEN, 28, CKG_MGF1_SHA224 },
	{ CKM_SHA256, CKM_SHA256_KEY_GEN, 32, CKG_MGF1_SHA256 },
	{ CKM_SHA384, CKM_SHA384_KEY_GEN, 48, CKG_MGF1_SHA384 },
	{ CKM_SHA512, CKM_SHA512_KEY_GEN, 64, CKG_MGF1_SHA512 },
	{ CKM_SHA512_224, CKM_SHA512_224_KEY_GEN, 28, 0 },
	{ CKM_SHA512_256, CKM_SHA512_256_KEY_GEN, 32, 0 },
	{ CKM_SHA3_224, CKM_SHA3_224_KEY_GEN, 28, CKG_MGF1_SHA3_224 },
	{ CKM_SHA3_256, CKM_SHA3_256_KEY_GEN, 32, CKG_MGF1_SHA3_256 },
	{ CKM_SHA3_384, CKM_SHA3_384_KEY_GEN, 48, CKG_MGF1_SHA3_384 },
	{ CKM_SHA3_512, CKM_SHA3_512_KEY_GEN, 64, CKG_MGF1_SHA3_512 },
	{ CKM_BLAKE2B_160, CKM_BLAKE2B_160_KEY_GEN, 20, 0 },
	{ CKM_BLAKE2B_256, CKM_BLAKE2B_256_KEY_GEN, 32, 0 },
	{ CKM_BLAKE2B_384, CKM_BLAKE2B_384_KEY_GEN, 48, 0 },
	{ CKM_BLAKE2B_512, CKM_BLAKE2B_512_KEY_GEN, 64, 0 },
};

static const struct hash *hash_of(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		if (hashes[i].hash == type)
			return &hashes[i];
	}
	return NULL;
}

CK_ULONG anymech_hash_n(CK_MECHANISM_TYPE type)
{
	const struct hash *h = hash_of(type);

	return h ? h->n : 0;
}

/* ---- parameters ---- */

static CK_BYTE iv[16] = { 1, 2, 3 };
static CK_BYTE zero_counter[4], text[] = "a label or salt of some length";
static CK_BYTE point[133 + 3];
static CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
static struct inro_twine_ctr_params ctr8 = { .ulCounterBits = 64 };
static CK_GCM_PARAMS gcm = { .pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
static CK_CCM_PARAMS ccm = { .pNonce = iv, .ulNonceLen = 12, .ulMACLen = 16 };
static CK_MAC_GENERAL_PARAMS mac_n = 12, mac_4 = 4;
static CK_CHACHA20_PARAMS chacha = {
	.pBlockCounter = zero_counter, .blockCounterBits = 32, .pNonce = iv, .ulNonceBits = 96
};
static CK_SALSA20_CHACHA20_POLY1305_PARAMS poly = { .pNonce = iv, .ulNonceLen = 12 };
static CK_RSA_PKCS_PSS_PARAMS pss;
static CK_RSA_PKCS_OAEP_PARAMS oaep = { .hashAlg = CKM_SHA256,
					.mgf = CKG_MGF1_SHA256,
					.source = CKZ_DATA_SPECIFIED };
static CK_HASH_SIGN_ADDITIONAL_CONTEXT hashed = { .hash = CKM_SHA256 };
static CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes = { .ulAESKeyBits = 256, .pOAEPParams = &oaep };
static CK_ECDH_AES_KEY_WRAP_PARAMS ecdh_aes = { .ulAESKeyBits = 256, .kdf = CKD_SHA256_KDF };
static CK_ECDH1_DERIVE_PARAMS ecdh = { .kdf = CKD_SHA256_KDF, .pPublicData = point };
static CK_HKDF_PARAMS hkdf = { .bExtract = CK_TRUE,
			       .bExpand = CK_TRUE,
			       .prfHashMechanism = CKM_SHA256,
			       .ulSaltType = CKF_HKDF_SALT_DATA,
			       .pSalt = text,
			       .ulSaltLen = 16,
			       .pInfo = text,
			       .ulInfoLen = 4 };
static CK_SP800_108_COUNTER_FORMAT counter = { .ulWidthInBits = 32 };
static CK_PRF_DATA_PARAM counter_fields[] = {
	{ CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof counter },
	{ CK_SP800_108_BYTE_ARRAY, text, sizeof text },
};
static CK_SP800_108_KDF_PARAMS counter_kdf = { .prfType = CKM_SHA256_HMAC,
					       .ulNumberOfDataParams = 2,
					       .pDataParams = counter_fields };
static CK_PRF_DATA_PARAM feedback_fields[] = {
	{ CK_SP800_108_ITERATION_VARIABLE, NULL, 0 },
	{ CK_SP800_108_BYTE_ARRAY, text, sizeof text },
};
static CK_SP800_108_FEEDBACK_KDF_PARAMS feedback_kdf = { .prfType = CKM_SHA256_HMAC,
							 .ulNumberOfDataParams = 2,
							 .pDataParams = feedback_fields };
static CK_PKCS5_PBKD2_PARAMS2 pbkd2 = { .saltSource = CKZ_SALT_SPECIFIED,
					.pSaltSourceData = text,
					.ulSaltSourceDataLen = 16,
					.iterations = 1000,
					.prf = CKP_PKCS5_PBKD2_HMAC_SHA256,
					.pPassword = text,
					.ulPasswordLen = 12 };
static CK_OBJECT_HANDLE other_key;
static CK_KEY_DERIVATION_STRING_DATA string = { .pData = text, .ulLen = 16 };

static const CK_MECHANISM params[PAR__MAX] = {
	[PAR_IV16] = { 0, iv, sizeof iv },
	[PAR_IV8] = { 0, iv, 8 },
	[PAR_CTR8] = { 0, &ctr8, sizeof ctr8 },
	[PAR_MAC_4] = { 0, &mac_4, sizeof mac_4 },
	[PAR_CTR] = { 0, &ctr, sizeof ctr },
	[PAR_GCM] = { 0, &gcm, sizeof gcm },
	[PAR_CCM] = { 0, &ccm, sizeof ccm },
	[PAR_MAC_N] = { 0, &mac_n, sizeof mac_n },
	[PAR_CHACHA] = { 0, &chacha, sizeof chacha },
	[PAR_POLY] = { 0, &poly, sizeof poly },
	[PAR_PSS] = { 0, &pss, sizeof pss },
	[PAR_OAEP] = { 0, &oaep, sizeof oaep },
	[PAR_HASH] = { 0, &hashed, sizeof hashed },
	[PAR_RSA_AES] = { 0, &rsa_aes, sizeof rsa_aes },
	[PAR_ECDH_AES] = { 0, &ecdh_aes, sizeof ecdh_aes },
	[PAR_ECDH] = { 0, &ecdh, sizeof ecdh },
	[PAR_HKDF] = { 0, &hkdf, sizeof hkdf },
	[PAR_COUNTER] = { 0, &counter_kdf, sizeof counter_kdf },
	[PAR_FEEDBACK] = { 0, &feedback_kdf, sizeof feedback_kdf },
	[PAR_PBKD2] = { 0, &pbkd2, sizeof pbkd2 },
	[PAR_OTHER_KEY] = { 0, &other_key, sizeof other_key },
	[PAR_STRING] = { 0, &string, sizeof string },
};

CK_MECHANISM anymech_mechanism(const struct any_mech *r, CK_SESSION_HANDLE s, CK_ULONG n,
			       CK_OBJECT_HANDLE other)
{
	const struct hash *h = hash_of(r->hash);
	CK_MECHANISM m = params[r->param];

	m.mechanism = r->type;
	ccm.ulDataLen = n;
	other_key = other;
	if (r->param == PAR_PSS)
		pss = (CK_RSA_PKCS_PSS_PARAMS) { h->hash, h->mgf, h->n };
	if (r->param == PAR_ECDH)
		ecdh.ulPublicDataLen = module_bytes(s, other, CKA_EC_POINT, point, sizeof point);
	return m;
}

/* ---- keys ---- */

static const uint8_t p224[] = { 6, 5, 0x2b, 0x81, 4, 0, 0x21 };
static const uint8_t ed25519[] = { 6, 3, 0x2b, 0x65, 0x70 }, ed448[] = { 6, 3, 0x2b, 0x65, 0x71 };
static const uint8_t x25519[] = { 6, 3, 0x2b, 0x65, 0x6e }, x448[] = { 6, 3, 0x2b, 0x65, 0x6f };

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define YES(t)                                                                                     \
	{                                                                                          \
		t, &yes, sizeof yes                                                                \
	}
#define NO(t)                                                                                      \
	{                                                                                          \
		t, &no, sizeof no                                                                  \
	}

static const struct family {
	CK_MECHANISM_TYPE maker;
	struct {
		const uint8_t *p;
		size_t n;
	} params[2]; /* smallest, largest */
	CK_ULONG sets[2];
	CK_ATTRIBUTE public[4], private[6];
	CK_ULONG public_n, private_n;
} families[ANY__MAX] = {
	[ANY_RSA] = { CKM_RSA_PKCS_KEY_PAIR_GEN,
		      { { NULL, 0 } },
		      { 0, 0 },
		      { YES(CKA_VERIFY), YES(CKA_VERIFY_RECOVER), YES(CKA_ENCRYPT), YES(CKA_WRAP) },
		      { YES(CKA_EXTRACTABLE), NO(CKA_SENSITIVE), YES(CKA_SIGN),
			YES(CKA_SIGN_RECOVER), YES(CKA_DECRYPT), YES(CKA_UNWRAP) },
		      4,
		      6 },
	[ANY_EC] = { CKM_EC_KEY_PAIR_GEN,
		     { { p224, sizeof p224 }, { module_p521, sizeof module_p521 } },
		     { 0, 0 },
		     { YES(CKA_VERIFY), YES(CKA_WRAP) },
		     { YES(CKA_EXTRACTABLE), NO(CKA_SENSITIVE), YES(CKA_SIGN), YES(CKA_DERIVE),
		       YES(CKA_UNWRAP) },
		     2,
		     5 },
	[ANY_EDWARDS] = { CKM_EC_EDWARDS_KEY_PAIR_GEN,
			  { { ed25519, sizeof ed25519 }, { ed448, sizeof ed448 } },
			  { 0, 0 },
			  { YES(CKA_VERIFY) },
			  { YES(CKA_EXTRACTABLE), NO(CKA_SENSITIVE), YES(CKA_SIGN) },
			  1,
			  3 },
	[ANY_MONTGOMERY] = { CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
			     { { x25519, sizeof x25519 }, { x448, sizeof x448 } },
			     { 0, 0 },
			     { YES(CKA_WRAP) },
			     { YES(CKA_EXTRACTABLE), NO(CKA_SENSITIVE), YES(CKA_DERIVE),
			       YES(CKA_UNWRAP) },
			     1,
			     4 },
	[ANY_ML_DSA] = { CKM_ML_DSA_KEY_PAIR_GEN,
			 { { NULL, 0 } },
			 { CKP_ML_DSA_44, CKP_ML_DSA_87 },
			 { YES(CKA_VERIFY) },
			 { YES(CKA_SIGN) },
			 1,
			 1 },
	[ANY_SLH_DSA] = { CKM_SLH_DSA_KEY_PAIR_GEN,
			  { { NULL, 0 } },
			  { CKP_SLH_DSA_SHA2_128F, CKP_SLH_DSA_SHA2_256F },
			  { YES(CKA_VERIFY) },
			  { YES(CKA_SIGN) },
			  1,
			  1 },
	[ANY_ML_KEM] = { CKM_ML_KEM_KEY_PAIR_GEN,
			 { { NULL, 0 } },
			 { CKP_ML_KEM_512, CKP_ML_KEM_1024 },
			 { YES(CKA_ENCAPSULATE) },
			 { YES(CKA_DECAPSULATE) },
			 1,
			 1 },
};

static const CK_MECHANISM_TYPE secret_makers[ANY__MAX] = {
	[ANY_AES] = CKM_AES_KEY_GEN,	     [ANY_XTS] = CKM_AES_XTS_KEY_GEN,
	[ANY_CHACHA] = CKM_CHACHA20_KEY_GEN, [ANY_GENERIC] = CKM_GENERIC_SECRET_KEY_GEN,
	[ANY_HKDF] = CKM_HKDF_KEY_GEN,	     [ANY_TWINE] = CKM_INRO_TWINE_KEY_GEN,
};

static struct module_pair make_pair(const struct family *f, CK_SESSION_HANDLE s, CK_ULONG size,
				    bool largest)
{
	CK_MECHANISM m = { f->maker, NULL, 0 };
	CK_ATTRIBUTE public[5] = { A_ULONG(CKA_MODULUS_BITS, size) }, private[6];
	/* Out here: a literal's life ends with the branch that it stands in. */
	const CK_ATTRIBUTE curve =
		A_BYTES(CKA_EC_PARAMS, f->params[largest].p, f->params[largest].n);
	const CK_ATTRIBUTE set = A_ULONG(CKA_PARAMETER_SET, f->sets[largest]);
	struct module_pair p = { 0 };

	if (f->params[0].p)
		public[0] = curve;
	if (f->sets[0])
		public[0] = set;
	memcpy(public + 1, f->public, sizeof f->public);
	memcpy(private, f->private, sizeof private);
	OK(p11->C_GenerateKeyPair(s, &m, public, 1 + f->public_n, private, f->private_n, &p.public,
				  &p.private));
	return p;
}

/* A derivation takes no template of a key's uses; nor has every type all of them. */
static struct module_pair make_secret(CK_MECHANISM_TYPE maker, CK_SESSION_HANDLE s, CK_ULONG n)
{
	CK_MECHANISM m = { maker, NULL, 0 };
	CK_ATTRIBUTE t[MOVING_MAX + 1] = { A_ULONG(CKA_VALUE_LEN, n) };
	CK_OBJECT_HANDLE key = 0;

	OK(p11->C_GenerateKey(s, &m, t, 1 + moving_template(M_OPEN | M_ALL_USES, t + 1), &key));
	return (struct module_pair) { key, key };
}

/* Raw RSA is for keys that name it. */
static struct module_pair make_raw_rsa(CK_SESSION_HANDLE s, CK_ULONG size)
{
	struct family f = families[ANY_RSA];
	CK_MECHANISM_TYPE raw = CKM_RSA_X_509;

	f.public[3] = (CK_ATTRIBUTE) { CKA_ALLOWED_MECHANISMS, &raw, sizeof raw };
	f.private[5] = f.public[3];
	return make_pair(&f, s, size, false);
}

static CK_ULONG size_of(const struct any_mech *r, const CK_MECHANISM_INFO *info, bool largest)
{
	CK_ULONG n = largest ? info->ulMaxKeySize : info->ulMinKeySize;

	return r->type == CKM_GENERIC_SECRET_KEY_GEN ? n / 8 : n;
}

static struct module_pair make_key(const struct any_mech *r, CK_SESSION_HANDLE s, CK_ULONG size,
				   bool largest)
{
	if (r->type == CKM_RSA_X_509)
		return make_raw_rsa(s, size);
	if (families[r->key].maker || r->key == ANY_RSA)
		return make_pair(&families[r->key], s, size, largest);
	if (r->key == ANY_HMAC)
		return make_secret(hash_of(r->hash)->keys, s, size);
	return make_secret(secret_makers[r->key], s, size);
}

static struct made {
	CK_SESSION_HANDLE s;
	enum any_key key;
	CK_MECHANISM_TYPE hash; /* or raw RSA */
	CK_ULONG size;
	bool largest;
	struct module_pair pair;
} made[128];
static size_t n_made;

void anymech_forget(void)
{
	n_made = 0;
}

struct module_pair anymech_key(const struct any_mech *r, CK_SESSION_HANDLE s,
			       const CK_MECHANISM_INFO *info, bool largest)
{
	CK_ULONG size = size_of(r, info, largest);
	CK_MECHANISM_TYPE special =
		r->key == ANY_HMAC || r->type == CKM_RSA_X_509 ? (r->hash ? r->hash : r->type) : 0;

	for (size_t i = 0; i < n_made; i++) {
		const struct made *k = &made[i];

		if (k->s == s && k->key == r->key && k->hash == special && k->size == size &&
		    k->largest == largest)
			return k->pair;
	}
	struct module_pair p = make_key(r, s, size, largest);

	MUST(n_made < ARRAY_LEN(made));
	made[n_made++] = (struct made) { s, r->key, special, size, largest, p };
	return p;
}

CK_ULONG anymech_input(const struct any_mech *r, CK_SESSION_HANDLE s, struct module_pair key)
{
	CK_BYTE modulus[1024];

	if (r->input == IN_HASH)
		return anymech_hash_n(r->hash);
	if (r->input != IN_MODULUS)
		return r->input == IN_ANY || r->input == IN_EXACTLY_N ? 77 : 80;
	if (r->type == CKM_RSA_X_509)
		return module_bytes(s, key.public, CKA_MODULUS, modulus, sizeof modulus);
	return 190;
}
