/*
 * test_cryptoki_header - our PKCS#11 3.2 header against the numbers of the standard: the place of
 * each function in its list, the layout of the parameters, and values from every group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/cryptoki/cryptoki.h"

/* The n-th function of a list, behind its version. */
#define SLOT(n) ((n) * sizeof(void (*)(void)))
#define AT_SLOT(list, function, n)                                                                 \
	_Static_assert(offsetof(struct list, function) == SLOT(n), #function " in " #list)
#define WORDS(type, n) _Static_assert(sizeof(type) == (n) * sizeof(CK_ULONG), #type)
#define MEMBER(type, member, n)                                                                    \
	_Static_assert(offsetof(type, member) == (n) * sizeof(CK_ULONG), #type "." #member)

_Static_assert(sizeof(CK_FUNCTION_LIST) == SLOT(69), "2.40 has 68 functions");
_Static_assert(sizeof(struct ck_functions_3_0) == SLOT(93), "3.0 has 92 functions");
_Static_assert(sizeof(struct ck_functions_3_2) == SLOT(105), "3.2 has 104 functions");
AT_SLOT(ck_functions_3_2, v3.v2.C_Initialize, 1);
AT_SLOT(ck_functions_3_2, v3.v2.C_WaitForSlotEvent, 68);
AT_SLOT(ck_functions_3_0, C_GetInterfaceList, 69);
AT_SLOT(ck_functions_3_0, C_LoginUser, 71);
AT_SLOT(ck_functions_3_0, C_MessageEncryptInit, 73);
AT_SLOT(ck_functions_3_0, C_MessageDecryptInit, 78);
AT_SLOT(ck_functions_3_0, C_MessageSignInit, 83);
AT_SLOT(ck_functions_3_0, C_MessageVerifyInit, 88);
AT_SLOT(ck_functions_3_0, C_MessageVerifyFinal, 92);
AT_SLOT(ck_functions_3_2, C_EncapsulateKey, 93);
AT_SLOT(ck_functions_3_2, C_DecapsulateKey, 94);
AT_SLOT(ck_functions_3_2, C_VerifySignatureInit, 95);
AT_SLOT(ck_functions_3_2, C_VerifySignature, 96);
AT_SLOT(ck_functions_3_2, C_VerifySignatureUpdate, 97);
AT_SLOT(ck_functions_3_2, C_VerifySignatureFinal, 98);
AT_SLOT(ck_functions_3_2, C_GetSessionValidationFlags, 99);
AT_SLOT(ck_functions_3_2, C_AsyncComplete, 100);
AT_SLOT(ck_functions_3_2, C_AsyncGetID, 101);
AT_SLOT(ck_functions_3_2, C_AsyncJoin, 102);
AT_SLOT(ck_functions_3_2, C_WrapKeyAuthenticated, 103);
AT_SLOT(ck_functions_3_2, C_UnwrapKeyAuthenticated, 104);

WORDS(CK_INTERFACE, 3);
WORDS(CK_GCM_PARAMS, 6);
WORDS(CK_CCM_PARAMS, 6);
WORDS(CK_GCM_MESSAGE_PARAMS, 6);
WORDS(CK_CCM_MESSAGE_PARAMS, 7);
WORDS(CK_GCM_WRAP_PARAMS, 7);
WORDS(CK_CCM_WRAP_PARAMS, 8);
WORDS(CK_CHACHA20_PARAMS, 4);
WORDS(CK_SALSA20_PARAMS, 3);
WORDS(CK_SALSA20_CHACHA20_POLY1305_PARAMS, 4);
WORDS(CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS, 3);
WORDS(CK_EDDSA_PARAMS, 3);
MEMBER(CK_EDDSA_PARAMS, ulContextDataLen, 1);
MEMBER(CK_EDDSA_PARAMS, pContextData, 2);
WORDS(CK_SIGN_ADDITIONAL_CONTEXT, 3);
WORDS(CK_HASH_SIGN_ADDITIONAL_CONTEXT, 4);
WORDS(CK_HKDF_PARAMS, 8);
_Static_assert(offsetof(CK_HKDF_PARAMS, bExpand) == 1, "two flags share a word");
MEMBER(CK_HKDF_PARAMS, prfHashMechanism, 1);
MEMBER(CK_HKDF_PARAMS, pInfo, 6);
WORDS(CK_PRF_DATA_PARAM, 3);
WORDS(CK_SP800_108_COUNTER_FORMAT, 2);
WORDS(CK_SP800_108_DKM_LENGTH_FORMAT, 3);
MEMBER(CK_SP800_108_DKM_LENGTH_FORMAT, bLittleEndian, 1);
WORDS(CK_DERIVED_KEY, 3);
WORDS(CK_SP800_108_KDF_PARAMS, 5);
WORDS(CK_SP800_108_FEEDBACK_KDF_PARAMS, 7);
MEMBER(CK_SP800_108_FEEDBACK_KDF_PARAMS, pIV, 4);
WORDS(CK_PKCS5_PBKD2_PARAMS, 9);
WORDS(CK_PKCS5_PBKD2_PARAMS2, 9);
WORDS(CK_IKE_PRF_DERIVE_PARAMS, 7);
WORDS(CK_IKE1_PRF_DERIVE_PARAMS, 9);
WORDS(CK_IKE1_EXTENDED_DERIVE_PARAMS, 5);
WORDS(CK_IKE2_PRF_PLUS_DERIVE_PARAMS, 5);
WORDS(CK_RSA_AES_KEY_WRAP_PARAMS, 2);
WORDS(CK_ECDH_AES_KEY_WRAP_PARAMS, 4);
WORDS(CK_ECDH1_DERIVE_PARAMS, 5);
WORDS(CK_KEY_DERIVATION_STRING_DATA, 2);
_Static_assert(sizeof(CK_AES_CTR_PARAMS) == sizeof(CK_ULONG) + 16, "CK_AES_CTR_PARAMS");
WORDS(CK_TLS12_MASTER_KEY_DERIVE_PARAMS, 6);
WORDS(CK_TLS12_KEY_MAT_PARAMS, 10);
WORDS(CK_TLS_KDF_PARAMS, 9);
WORDS(CK_ASYNC_DATA, 5);

/* One value from each group, and those others have got wrong. */
static void test_values(void **state)
{
	static const struct {
		CK_ULONG ours, standard;
	} rows[] = {
		{ CKO_PROFILE, 9 },
		{ CKO_TRUST, 11 },
		{ CKK_EC_EDWARDS, 0x40 },
		{ CKK_EC_MONTGOMERY, 0x41 },
		{ CKK_HKDF, 0x42 },
		{ CKK_ML_KEM, 0x49 },
		{ CKK_ML_DSA, 0x4a },
		{ CKK_SLH_DSA, 0x4b },
		{ CKA_UNIQUE_ID, 4 },
		{ CKA_PUBLIC_KEY_INFO, 0x129 },
		{ CKA_PARAMETER_SET, 0x61d },
		{ CKA_ENCAPSULATE_TEMPLATE, 0x4000062a },
		{ CKA_DECAPSULATE_TEMPLATE, 0x4000062b },
		{ CKA_DERIVE_TEMPLATE, 0x40000213 },
		{ CKA_TRUST_SERVER_AUTH, 0x62c },
		{ CKA_ENCAPSULATE, 0x633 },
		{ CKA_DECAPSULATE, 0x634 },
		{ CKA_SEED, 0x637 },
		{ CKM_ML_KEM_KEY_PAIR_GEN, 0xf },
		{ CKM_ML_KEM, 0x17 },
		{ CKM_ML_DSA, 0x1d },
		{ CKM_HASH_ML_DSA_SHAKE256, 0x2c },
		{ CKM_SLH_DSA, 0x2e },
		{ CKM_HASH_SLH_DSA_SHA224, 0x36 },
		{ CKM_HASH_SLH_DSA_SHAKE256, 0x3f },
		{ CKM_SHA3_224_RSA_PKCS_PSS, 0x67 },
		{ CKM_SHA3_224, 0x2b5 },
		{ CKM_SHAKE_256_KEY_DERIVE, 0x39c },
		{ CKM_SP800_108_COUNTER_KDF, 0x3ac },
		{ CKM_ECDSA_SHA3_512, 0x104a },
		{ CKM_EC_EDWARDS_KEY_PAIR_GEN, 0x1055 },
		{ CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0x1056 },
		{ CKM_EDDSA, 0x1057 },
		{ CKM_AES_XTS, 0x1071 },
		{ CKM_AES_KEY_WRAP_KWP, 0x210b },
		{ CKM_BLAKE2B_512_KEY_GEN, 0x401f },
		{ CKM_CHACHA20_POLY1305, 0x4021 },
		{ CKM_HKDF_DERIVE, 0x402a },
		{ CKP_SLH_DSA_SHAKE_256F, 12 },
		{ CKP_PKCS5_PBKD2_HMAC_SHA512_256, 8 },
		{ CKG_GENERATE_COUNTER_XOR, 4 },
		{ CKD_SHA3_512_KDF_SP800, 0x16 },
		{ CKH_DETERMINISTIC_REQUIRED, 2 },
		{ CKF_EC_CURVENAME, 0x04000000 },
		{ CKF_DECAPSULATE, 0x20000000 },
		{ CKF_SEED_RANDOM_REQUIRED, 0x02000000 },
		{ CKT_NOT_TRUSTED, 3 },
		{ CKR_AEAD_DECRYPT_FAILED, 0x42 },
		{ CKR_PARAMETER_SET_NOT_SUPPORTED, 0x209 },
	};

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++)
		assert_int_equal(rows[n].ours, rows[n].standard);
}

/* p11-kit's header counts these on from 0x1c0: no other module answers so. */
static void test_values_p11_kit_has_otherwise(void **state)
{
	(void)state;
	assert_int_equal(CKR_EXCEEDED_MAX_ITERATIONS, 0x1b5);
	assert_int_equal(CKR_FIPS_SELF_TEST_FAILED, 0x1b6);
	assert_int_equal(CKR_LIBRARY_LOAD_FAILED, 0x1b7);
	assert_int_equal(CKR_PIN_TOO_WEAK, 0x1b8);
	assert_int_equal(CKR_PUBLIC_KEY_INVALID, 0x1b9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_values_p11_kit_has_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
