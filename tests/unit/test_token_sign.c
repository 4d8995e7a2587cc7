/* Operations of the module: lengths, parts, ends, refusals; signatures that verify and that don't.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

static CK_SESSION_HANDLE s; /* of the user, read-write */
static struct module_pair ec, rsa;
static uint8_t message[] = "a message of some length, signed and verified";

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(NULL);
	ec = module_ec(s, true, false);
	rsa = module_rsa(s, 2048, true, false);
	return 0;
}

static CK_RV sign_begin(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
	return p11->C_SignInit(s, &(CK_MECHANISM) { .mechanism = type }, key);
}

static CK_RV verify_begin(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
	return p11->C_VerifyInit(s, &(CK_MECHANISM) { .mechanism = type }, key);
}

static void lengths_are_asked_for_first(void **state)
{
	uint8_t sig[256];
	CK_ULONG n = 0;

	(void)state;
	OK(sign_begin(CKM_ECDSA_SHA256, ec.private));
	OK(p11->C_Sign(s, message, sizeof message, NULL, &n));
	assert_int_equal(n, 64);
	n = 63;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_Sign(s, message, sizeof message, sig, &n));
	assert_int_equal(n, 64);
	OK(p11->C_Sign(s, message, sizeof message, sig, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(s, message, sizeof message, sig, &n));
	OK(sign_begin(CKM_SHA256_RSA_PKCS, rsa.private));
	OK(p11->C_SignUpdate(s, message, 10));
	OK(p11->C_SignFinal(s, NULL, &n));
	assert_int_equal(n, 256);
	n = 255;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_SignFinal(s, sig, &n));
	OK(p11->C_SignUpdate(s, message + 10, sizeof message - 10));
	n = sizeof sig;
	OK(p11->C_SignFinal(s, sig, &n));
	OK(verify_begin(CKM_SHA256_RSA_PKCS, rsa.public));
	OK(p11->C_Verify(s, message, sizeof message, sig, n));
}

static void one_step_or_parts_but_not_both(void **state)
{
	uint8_t sig[64], hash[32];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(sign_begin(CKM_ECDSA_SHA256, ec.private));
	OK(p11->C_SignUpdate(s, message, 4));
	GIVES(CKR_OPERATION_ACTIVE, p11->C_Sign(s, message, 4, sig, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignUpdate(s, message, 4));
	OK(sign_begin(CKM_ECDSA, ec.private)); /* takes a hash in one piece */
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11->C_SignUpdate(s, message, 4));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(s, message, 4, sig, &n));
	OK(sign_begin(CKM_ECDSA, ec.private));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11->C_SignFinal(s, sig, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(s, sig, &n));
	/* parts, none of them, and one step: the same message, the same verdict */
	OK(p11->C_DigestInit(s, &(CK_MECHANISM) { .mechanism = CKM_SHA256 }));
	n = sizeof hash;
	OK(p11->C_Digest(s, message, sizeof message, hash, &n));
	OK(sign_begin(CKM_ECDSA, ec.private));
	n = sizeof sig;
	OK(p11->C_Sign(s, hash, sizeof hash, sig, &n));
	OK(verify_begin(CKM_ECDSA_SHA256, ec.public));
	for (size_t i = 0; i < sizeof message; i++)
		OK(p11->C_VerifyUpdate(s, message + i, 1));
	OK(p11->C_VerifyFinal(s, sig, n));
	OK(sign_begin(CKM_ECDSA_SHA384, ec.private));
	OK(p11->C_SignFinal(s, sig, &n)); /* the empty message */
	OK(verify_begin(CKM_ECDSA_SHA384, ec.public));
	OK(p11->C_Verify(s, NULL, 0, sig, n));
}

static void an_active_one_is_not_begun_again(void **state)
{
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(sign_begin(CKM_ECDSA_SHA256, ec.private));
	GIVES(CKR_OPERATION_ACTIVE, sign_begin(CKM_ECDSA_SHA256, ec.private));
	OK(verify_begin(CKM_ECDSA_SHA256, ec.public)); /* beside it */
	OK(p11_3->C_SessionCancel(s, CKF_VERIFY));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_VerifyUpdate(s, message, 1));
	OK(p11->C_SignInit(s, NULL, 0)); /* no mechanism: given up */
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(s, message, 4, sig, &n));
	OK(sign_begin(CKM_ECDSA_SHA256, ec.private));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Sign(s, NULL, 4, sig, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(s, message, 4, sig, &n));
	OK(sign_begin(CKM_ECDSA_SHA256, ec.private));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Sign(s, message, 4, sig, NULL));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(s, sig, &n));
}

static void wrong_beginnings(void **state)
{
	CK_OBJECT_HANDLE data;
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA) };

	(void)state;
	OK(p11->C_CreateObject(s, t, 1, &data));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, sign_begin(CKM_SHA256_RSA_PKCS, ec.private));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, sign_begin(CKM_ECDSA, rsa.private));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, sign_begin(CKM_ECDSA, ec.public));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, verify_begin(CKM_ECDSA, ec.private));
	GIVES(CKR_KEY_HANDLE_INVALID, sign_begin(CKM_ECDSA, data));
	GIVES(CKR_KEY_HANDLE_INVALID, sign_begin(CKM_ECDSA, ~0UL));
	GIVES(CKR_KEY_TYPE_INCONSISTENT, sign_begin(CKM_AES_CMAC, ec.private));
	GIVES(CKR_MECHANISM_INVALID, sign_begin(CKM_SHA256, ec.private));
	GIVES(CKR_MECHANISM_INVALID, sign_begin(~0UL, ec.private));
	GIVES(CKR_MECHANISM_PARAM_INVALID,
	      p11->C_SignInit(s, &(CK_MECHANISM) { CKM_ECDSA, message, 3 }, ec.private));
	GIVES(CKR_MECHANISM_PARAM_INVALID,
	      p11->C_SignInit(s, &(CK_MECHANISM) { CKM_ECDSA, NULL, 3 }, ec.private));
	GIVES(CKR_SESSION_HANDLE_INVALID,
	      p11->C_SignInit(~0UL, &(CK_MECHANISM) { .mechanism = CKM_ECDSA }, ec.private));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignUpdate(s, message, 1));
}

static void the_keys_attributes_decide(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_MECHANISM_TYPE one = CKM_ECDSA_SHA384;
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
				  A_BOOL(CKA_VERIFY, CK_FALSE) };
	CK_ATTRIBUTE private[] = { A_BYTES(CKA_ALLOWED_MECHANISMS, &one, sizeof one),
				   A_BOOL(CKA_TOKEN, CK_TRUE) };
	struct module_pair p;

	(void)state;
	OK(p11->C_GenerateKeyPair(s, &m, public, 2, private, 2, &p.public, &p.private));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED, verify_begin(CKM_ECDSA, p.public));
	GIVES(CKR_MECHANISM_INVALID, sign_begin(CKM_ECDSA, p.private));
	OK(sign_begin(CKM_ECDSA_SHA384, p.private));
	OK(p11->C_SignInit(s, NULL, 0));
	private[0].ulValueLen--;
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID,
	      p11->C_GenerateKeyPair(s, &m, public, 2, private, 2, &p.public, &p.private));
}

static void a_logout_ends_what_needs_the_key(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE u = module_user(&slot);
	struct module_pair p = module_ec(u, true, false);
	CK_MECHANISM m = { .mechanism = CKM_ECDSA_SHA256 };
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(p11->C_SignInit(u, &m, p.private));
	OK(p11->C_SignUpdate(u, message, 5));
	OK(p11->C_Logout(u));
	OK(module_login(u, CKU_USER, USER_PIN));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_SignFinal(u, sig, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_SignFinal(u, sig, &n));
	OK(p11->C_VerifyInit(u, &m, p.public));
	OK(p11->C_VerifyUpdate(u, message, 5));
	OK(p11->C_Logout(u));
	GIVES(CKR_SIGNATURE_INVALID, p11->C_VerifyFinal(u, sig, n));
	OK(p11->C_CloseSession(u));
}

static void destroyed_while_it_signs(void **state)
{
	struct module_pair p = module_ec(s, true, false);
	uint8_t sig[64];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(sign_begin(CKM_ECDSA_SHA256, p.private));
	OK(p11->C_DestroyObject(s, p.private));
	OK(p11->C_Sign(s, message, 5, sig, &n)); /* what has begun may end */
	GIVES(CKR_KEY_HANDLE_INVALID, sign_begin(CKM_ECDSA_SHA256, p.private));
}

static void altered_things_do_not_verify(void **state)
{
	uint8_t sig[256];
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(sign_begin(CKM_ECDSA_SHA256, ec.private));
	OK(p11->C_Sign(s, message, sizeof message, sig, &n));
	OK(verify_begin(CKM_ECDSA_SHA256, ec.public));
	GIVES(CKR_SIGNATURE_INVALID, p11->C_Verify(s, message, sizeof message - 1, sig, n));
	for (CK_ULONG i = 0; i < n; i += 7) {
		sig[i] ^= 0x20;
		OK(verify_begin(CKM_ECDSA_SHA256, ec.public));
		GIVES(CKR_SIGNATURE_INVALID, p11->C_Verify(s, message, sizeof message, sig, n));
		sig[i] ^= 0x20;
	}
	OK(verify_begin(CKM_ECDSA_SHA256, ec.public));
	GIVES(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(s, message, sizeof message, sig, n - 1));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(s, message, sizeof message, sig, n));
	OK(verify_begin(CKM_ECDSA_SHA256, ec.public));
	GIVES(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(s, message, sizeof message, sig, ~0UL));
	memset(sig, 0, sizeof sig);
	OK(verify_begin(CKM_ECDSA_SHA256, ec.public));
	GIVES(CKR_SIGNATURE_INVALID, p11->C_Verify(s, message, sizeof message, sig, 64));
	memset(sig, 0xff, sizeof sig);
	OK(verify_begin(CKM_SHA256_RSA_PKCS, rsa.public));
	GIVES(CKR_SIGNATURE_INVALID, p11->C_Verify(s, message, sizeof message, sig, 256));
	OK(verify_begin(CKM_SHA256_RSA_PKCS, rsa.public));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Verify(s, message, sizeof message, NULL, 256));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_VerifyFinal(s, sig, 256));
}

static void input_of_a_wrong_length(void **state)
{
	uint8_t sig[256], in[257] = { 0 };
	CK_ULONG n = sizeof sig;

	(void)state;
	OK(sign_begin(CKM_RSA_PKCS, rsa.private));
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Sign(s, in, 256 - 10, sig, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Sign(s, in, 20, sig, &n));
	OK(sign_begin(CKM_RSA_PKCS, rsa.private));
	OK(p11->C_Sign(s, in, 256 - 11, sig, &n));
	OK(verify_begin(CKM_RSA_PKCS, rsa.public));
	OK(p11->C_Verify(s, in, 256 - 11, sig, n));
}

static CK_RV sign_pss(CK_MECHANISM_TYPE type, CK_RSA_PKCS_PSS_PARAMS params, CK_ULONG len)
{
	CK_MECHANISM m = { type, &params, len };

	return p11->C_SignInit(s, &m, rsa.private);
}

static void pss_parameters(void **state)
{
	const CK_RSA_PKCS_PSS_PARAMS good = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
	CK_RSA_PKCS_PSS_PARAMS bad = good;
	uint8_t sig[256], hash[32] = { 1 };
	CK_ULONG n = sizeof sig;

	(void)state;
	GIVES(CKR_MECHANISM_PARAM_INVALID, sign_begin(CKM_SHA256_RSA_PKCS_PSS, rsa.private));
	GIVES(CKR_MECHANISM_PARAM_INVALID, sign_pss(CKM_SHA256_RSA_PKCS_PSS, good, 1));
	GIVES(CKR_MECHANISM_PARAM_INVALID, sign_pss(CKM_SHA384_RSA_PKCS_PSS, good, sizeof good));
	bad.mgf = 99;
	GIVES(CKR_MECHANISM_PARAM_INVALID, sign_pss(CKM_SHA256_RSA_PKCS_PSS, bad, sizeof bad));
	bad = good;
	bad.hashAlg = CKM_ECDSA;
	GIVES(CKR_MECHANISM_PARAM_INVALID, sign_pss(CKM_RSA_PKCS_PSS, bad, sizeof bad));
	bad = good;
	bad.sLen = ~0UL;
	GIVES(CKR_MECHANISM_PARAM_INVALID, sign_pss(CKM_RSA_PKCS_PSS, bad, sizeof bad));
	bad.sLen = 256; /* no room for it: seen when the key is used */
	if (sign_pss(CKM_RSA_PKCS_PSS, bad, sizeof bad) == CKR_OK)
		assert_true(p11->C_Sign(s, hash, sizeof hash, sig, &n) != CKR_OK);
	OK(sign_pss(CKM_RSA_PKCS_PSS, good, sizeof good));
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Sign(s, hash, 31, sig, &n));
	OK(sign_pss(CKM_RSA_PKCS_PSS, good, sizeof good));
	OK(p11->C_Sign(s, hash, sizeof hash, sig, &n));
	CK_RSA_PKCS_PSS_PARAMS other = good;

	other.sLen = 20;
	OK(p11->C_VerifyInit(s, &(CK_MECHANISM) { CKM_RSA_PKCS_PSS, &other, sizeof other },
			     rsa.public));
	GIVES(CKR_SIGNATURE_INVALID, p11->C_Verify(s, hash, sizeof hash, sig, n));
	other.sLen = 32;
	OK(p11->C_VerifyInit(s, &(CK_MECHANISM) { CKM_RSA_PKCS_PSS, &other, sizeof other },
			     rsa.public));
	OK(p11->C_Verify(s, hash, sizeof hash, sig, n));
}

static void digests(void **state)
{
	static const uint8_t abc[32] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	}; /* FIPS 180-2 B.1 */
	CK_MECHANISM m = { .mechanism = CKM_SHA256 };
	uint8_t out[64], in[] = "abc";
	CK_ULONG n = 0;

	(void)state;
	OK(p11->C_DigestInit(s, &m));
	OK(p11->C_Digest(s, in, 3, NULL, &n));
	assert_int_equal(n, 32);
	OK(p11->C_Digest(s, in, 3, out, &n));
	assert_memory_equal(out, abc, 32);
	OK(p11->C_DigestInit(s, &m));
	OK(p11->C_DigestUpdate(s, in, 1));
	OK(p11->C_DigestUpdate(s, NULL, 0));
	OK(p11->C_DigestUpdate(s, in + 1, 2));
	n = 5;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_DigestFinal(s, out, &n));
	n = 64;
	OK(p11->C_DigestFinal(s, out, &n));
	assert_int_equal(n, 32);
	assert_memory_equal(out, abc, 32);
	GIVES(CKR_MECHANISM_INVALID,
	      p11->C_DigestInit(s, &(CK_MECHANISM) { .mechanism = CKM_ECDSA }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_are_asked_for_first),
		cmocka_unit_test(one_step_or_parts_but_not_both),
		cmocka_unit_test(an_active_one_is_not_begun_again),
		cmocka_unit_test(wrong_beginnings),
		cmocka_unit_test(the_keys_attributes_decide),
		cmocka_unit_test(a_logout_ends_what_needs_the_key),
		cmocka_unit_test(destroyed_while_it_signs),
		cmocka_unit_test(altered_things_do_not_verify),
		cmocka_unit_test(input_of_a_wrong_length),
		cmocka_unit_test(pss_parameters),
		cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests_name("token operations", tests, setup, module_teardown);
}
