/* doings - see doings.h. */
#include "tests/backend/doings.h"

#include "base/cryptoki/admin.h"

const uint8_t ramp[64] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
			   16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
			   32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
			   48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63 };

#define AES_SIZES                                                                                  \
	{ CKK_AES, 16 },                                                                           \
	{                                                                                          \
		CKK_AES, 32                                                                        \
	}
#define TWINE_SIZES                                                                                \
	{ CKK_INRO_TWINE, 10 },                                                                    \
	{                                                                                          \
		CKK_INRO_TWINE, 16                                                                 \
	}
#define HMAC_ROWS(name, key, n)                                                                    \
	{ CKM_##name##_HMAC, USE_SIGN, { CKK_GENERIC_SECRET, 1 }, { key, 50 }, .unit = 1 },        \
	{                                                                                          \
		CKM_##name##_HMAC_GENERAL, USE_SIGN, { CKK_GENERIC_SECRET, 1 }, { key, 64 },       \
			.tag_n = (n) / 2, .unit = 1                                                \
	}

const struct doing doings[] = {
	HMAC_ROWS(SHA_1, CKK_SHA_1_HMAC, 20),
	HMAC_ROWS(SHA224, CKK_SHA224_HMAC, 28),
	HMAC_ROWS(SHA256, CKK_SHA256_HMAC, 32),
	HMAC_ROWS(SHA384, CKK_SHA384_HMAC, 48),
	HMAC_ROWS(SHA512, CKK_SHA512_HMAC, 64),
	HMAC_ROWS(SHA512_224, CKK_SHA512_224_HMAC, 28),
	HMAC_ROWS(SHA512_256, CKK_SHA512_256_HMAC, 32),
	HMAC_ROWS(SHA3_224, CKK_SHA3_224_HMAC, 28),
	HMAC_ROWS(SHA3_256, CKK_SHA3_256_HMAC, 32),
	HMAC_ROWS(SHA3_384, CKK_SHA3_384_HMAC, 48),
	HMAC_ROWS(SHA3_512, CKK_SHA3_512_HMAC, 64),
	HMAC_ROWS(BLAKE2B_512, CKK_BLAKE2B_512_HMAC, 64),
	{ CKM_AES_CMAC, USE_SIGN, AES_SIZES, .unit = 1 },
	{ CKM_AES_CMAC_GENERAL, USE_SIGN, AES_SIZES, .tag_n = 8, .unit = 1 },
	{ CKM_AES_GMAC, USE_SIGN, AES_SIZES, .iv_n = 12, .unit = 1 },
	{ CKM_AES_ECB, USE_ENCRYPT, AES_SIZES, .unit = 16 },
	{ CKM_AES_CBC, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 16 },
	{ CKM_AES_CBC_PAD, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CTR, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .counter_bits = 32, .unit = 1 },
	{ CKM_AES_OFB, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CFB1, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CFB8, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CFB128, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CTS, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1, .least_n = 16 },
	{ CKM_AES_XTS,
	  USE_ENCRYPT,
	  { CKK_AES_XTS, 32 },
	  { CKK_AES_XTS, 64 },
	  .iv_n = 16,
	  .unit = 1,
	  .least_n = 16 },
	{ CKM_AES_GCM, USE_ENCRYPT, AES_SIZES, .iv_n = 12, .ad_n = 20, .unit = 1, .whole = true },
	{ CKM_AES_CCM, USE_ENCRYPT, AES_SIZES, .iv_n = 12, .ad_n = 20, .tag_n = 12, .unit = 1,
	  .whole = true },
	{ CKM_AES_KEY_WRAP, USE_ENCRYPT, AES_SIZES, .unit = 8, .least_n = 16 },
	{ CKM_AES_KEY_WRAP_KWP, USE_ENCRYPT, AES_SIZES, .unit = 1, .least_n = 1 },
	{ CKM_INRO_TWINE_ECB, USE_ENCRYPT, TWINE_SIZES, .unit = 8 },
	{ CKM_INRO_TWINE_CBC, USE_ENCRYPT, TWINE_SIZES, .iv_n = 8, .unit = 8 },
	{ CKM_INRO_TWINE_CBC_PAD, USE_ENCRYPT, TWINE_SIZES, .iv_n = 8, .unit = 1 },
	{ CKM_INRO_TWINE_CTR, USE_ENCRYPT, TWINE_SIZES, .iv_n = 8, .counter_bits = 32, .unit = 1 },
	{ CKM_INRO_TWINE_CMAC, USE_SIGN, TWINE_SIZES, .unit = 1 },
	{ CKM_INRO_TWINE_CMAC_GENERAL, USE_SIGN, TWINE_SIZES, .tag_n = 4, .unit = 1 },
	{ CKM_CHACHA20,
	  USE_ENCRYPT,
	  { CKK_CHACHA20, 32 },
	  { CKK_CHACHA20, 32 },
	  .iv_n = 16,
	  .counter_bits = 64,
	  .unit = 1 },
	{ CKM_CHACHA20_POLY1305,
	  USE_ENCRYPT,
	  { CKK_CHACHA20, 32 },
	  { CKK_CHACHA20, 32 },
	  .iv_n = 12,
	  .ad_n = 5,
	  .unit = 1,
	  .whole = true },
	{ CKM_DES3_ECB, USE_DECRYPT, { CKK_DES3, 24 }, { CKK_DES3, 24 }, .unit = 8 },
	{ CKM_DES3_CBC, USE_DECRYPT, { CKK_DES3, 24 }, { CKK_DES3, 24 }, .iv_n = 8, .unit = 8 },
	{ CKM_DES3_CBC_PAD, USE_DECRYPT, { CKK_DES3, 24 }, { CKK_DES3, 24 }, .iv_n = 8, .unit = 8 },
};
const size_t doings_n = ARRAY_LEN(doings);

const struct doing *doing_find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < doings_n; i++)
		if (doings[i].mech == mech)
			return &doings[i];
	return NULL;
}

struct use_spec doing_spec(const struct doing *d, size_t n)
{
	return (struct use_spec) { .mech = d->mech,
				   .iv = BYTES(ramp + 1, d->iv_n),
				   .ad = BYTES(ramp + 9, d->ad_n),
				   .tag_n = d->tag_n,
				   .counter_bits = d->counter_bits,
				   .data_n = d->mech == CKM_AES_CCM ? n : 0 };
}

backend_key ramp_key(CK_KEY_TYPE type, size_t n)
{
	return import_secret(secret_spec(type, n), BYTES(ramp, n));
}
