/* The list of mechanisms, and what old programs need of it; test_conformance_mech walks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

#define MOST 256

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static CK_MECHANISM_TYPE list[MOST];
static CK_ULONG n_list;

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	n_list = MOST;
	return p11->C_GetMechanismList(slot, list, &n_list) != CKR_OK;
}

static CK_MECHANISM_INFO info_of(CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_INFO info;

	OK(p11->C_GetMechanismInfo(slot, type, &info));
	return info;
}

static void the_list_is_sorted_and_unique(void **state)
{
	CK_MECHANISM_INFO info;
	CK_ULONG n = 0;

	(void)state;
	OK(p11->C_GetMechanismList(slot, NULL, &n));
	assert_int_equal(n, n_list);
	n--;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetMechanismList(slot, list, &n));
	assert_int_equal(n, n_list);
	for (CK_ULONG i = 1; i < n_list; i++)
		assert_true(list[i - 1] < list[i]);
	GIVES(CKR_MECHANISM_INVALID, p11->C_GetMechanismInfo(slot, CKM_DES3_CBC, &info));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetMechanismInfo(slot, CKM_ECDSA, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetMechanismList(slot, NULL, NULL));
}

static void what_is_expected_is_listed(void **state)
{
	static const CK_MECHANISM_TYPE expected[] = {
		CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS,     CKM_SHA256_RSA_PKCS,
		CKM_SHA512_RSA_PKCS,	   CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
		CKM_EC_KEY_PAIR_GEN,	   CKM_ECDSA,	     CKM_ECDSA_SHA256,
		CKM_ECDSA_SHA384,	   CKM_SHA256,	     CKM_SHA512,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_true(info_of(expected[i]).flags != 0);
}

/* Stock programs still make and check SHA-1 signatures; what is hashed outside fits. */
static void old_signatures_verify(void **state)
{
	static const uint8_t prefix[] = {
		0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 14, 3, 2, 26, 5, 0, 4, 20
	};
	struct module_pair rsa = module_rsa(s, 2048, false, false);
	struct module_pair ec = module_ec(s, false, false);
	uint8_t info[sizeof prefix + 20], sig[256], in[] = "old";
	CK_MECHANISM sha1 = { .mechanism = CKM_SHA_1 };
	CK_ULONG n = 20;

	(void)state;
	memcpy(info, prefix, sizeof prefix);
	OK(p11->C_DigestInit(s, &sha1));
	OK(p11->C_Digest(s, in, 3, info + sizeof prefix, &n));
	OK(p11->C_SignInit(s, &(CK_MECHANISM) { .mechanism = CKM_RSA_PKCS }, rsa.private));
	n = sizeof sig;
	OK(p11->C_Sign(s, info, sizeof info, sig, &n));
	OK(p11->C_VerifyInit(s, &(CK_MECHANISM) { .mechanism = CKM_SHA1_RSA_PKCS }, rsa.public));
	OK(p11->C_Verify(s, in, 3, sig, n));
	OK(p11->C_SignInit(s, &(CK_MECHANISM) { .mechanism = CKM_ECDSA }, ec.private));
	n = sizeof sig;
	OK(p11->C_Sign(s, info + sizeof prefix, 20, sig, &n));
	OK(p11->C_VerifyInit(s, &(CK_MECHANISM) { .mechanism = CKM_ECDSA_SHA1 }, ec.public));
	OK(p11->C_Verify(s, in, 3, sig, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_sorted_and_unique),
		cmocka_unit_test(what_is_expected_is_listed),
		cmocka_unit_test(old_signatures_verify),
	};

	return cmocka_run_group_tests_name("token mechanisms", tests, setup, module_teardown);
}
