/* What public test suites for Cryptoki modules look at, where no other test of ours does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

#define NOWHERE ((CK_SESSION_HANDLE)0x7fffffff)

static CK_ATTRIBUTE note[] = {
	A_ULONG(CKA_CLASS, CKO_DATA),		A_BOOL(CKA_TOKEN, CK_FALSE),
	A_TEXT(CKA_APPLICATION, "conformance"), A_TEXT(CKA_VALUE, "\xde\xad\xbe\xef"),
	A_TEXT(CKA_LABEL, "the old"),
};

static CK_OBJECT_HANDLE make_note(CK_SESSION_HANDLE s)
{
	CK_OBJECT_HANDLE o;

	OK(p11->C_CreateObject(s, note, ARRAY_LEN(note), &o));
	return o;
}

static void a_session_object_without_a_login(void **state)
{
	CK_SESSION_HANDLE s = module_open(module_token(NULL), true);
	CK_OBJECT_HANDLE o = make_note(s), copy, other;
	uint8_t got[16];

	(void)state;
	OK(p11->C_CopyObject(s, o, NULL, 0, &copy));
	OK(module_set(s, o, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "the new one")));
	assert_int_equal(module_bytes(s, copy, CKA_LABEL, got, sizeof got), 7);
	assert_memory_equal(got, "the old", 7);
	OK(p11->C_CopyObject(s, o, &(CK_ATTRIBUTE)A_TEXT(CKA_VALUE, "\xfa\xce"), 1, &other));
	assert_int_equal(module_bytes(s, other, CKA_VALUE, got, sizeof got), 2);
	assert_int_equal(module_find(s, &note[2], 1, NULL), 3);
	OK(p11->C_DestroyObject(s, other));
	OK(p11->C_DestroyObject(s, copy));
	assert_int_equal(module_find(s, &note[2], 1, NULL), 1);
}

static void what_cannot_be_created_or_copied(void **state)
{
	CK_SESSION_HANDLE s = module_open(module_token(NULL), true);
	CK_OBJECT_HANDLE o = make_note(s), copy;
	CK_ATTRIBUTE class = A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY);

	(void)state;
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_CreateObject(NOWHERE, note, 4, &copy));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CreateObject(s, note, 4, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CreateObject(s, NULL, 4, &copy));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, note, 0, &copy));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, &note[3], 1, &copy));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CopyObject(s, o, note, 0, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CopyObject(s, o, NULL, 1, &copy));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CopyObject(s, o, &class, 1, &copy));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, o, class));
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(s, 0));
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_DestroyObject(NOWHERE, o));
}

static void attributes_that_are_and_are_not(void **state)
{
	CK_SESSION_HANDLE s = module_open(module_token(NULL), true);
	CK_OBJECT_HANDLE o = make_note(s);
	CK_ULONG class = 0, size;
	uint8_t room[8];
	CK_ATTRIBUTE two[] = { { CKA_CLASS, &class, sizeof class }, { 999, room, sizeof room } };
	CK_ATTRIBUTE label = { CKA_LABEL, room, 1 };

	(void)state;
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID, p11->C_GetAttributeValue(s, o, two, 2));
	assert_int_equal(class, CKO_DATA);
	assert_true(two[1].ulValueLen == (CK_ULONG)-1);
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetAttributeValue(s, o, &label, 1));
	assert_true(label.ulValueLen == (CK_ULONG)-1);
	/* the length that the failed call left behind */
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_SetAttributeValue(s, o, &label, 1));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetAttributeValue(s, o, NULL, 1));
	OK(p11->C_GetObjectSize(s, o, &size));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetObjectSize(s, o, NULL));
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(s, 0, &size));
}

static void searches(void **state)
{
	CK_SESSION_HANDLE s = module_open(module_token(NULL), true);
	CK_OBJECT_HANDLE found[40];
	CK_ULONG n, sum = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		make_note(s);
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjects(s, found, 1, &n));
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	GIVES(CKR_OPERATION_ACTIVE, p11->C_FindObjectsInit(s, NULL, 0));
	do {
		OK(p11->C_FindObjects(s, found, 2, &n));
		sum += n;
	} while (n);
	OK(p11->C_FindObjectsFinal(s));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjectsFinal(s));
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_FindObjects(s, found, ARRAY_LEN(found), &n));
	assert_int_equal(n, sum);
	OK(p11->C_FindObjects(s, found, ARRAY_LEN(found), &n));
	assert_int_equal(n, 0);
	OK(p11->C_FindObjectsFinal(s));
}

static void digests_and_random(void **state)
{
	CK_SESSION_HANDLE s = module_open(module_token(NULL), false);
	CK_MECHANISM sha = { CKM_SHA256, NULL, 0 }, bad = { CKM_SHA256, &sha, 1 };
	uint8_t hash[32];
	CK_ULONG n = 0;

	(void)state;
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_DigestInit(s, &bad));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestUpdate(s, hash, 1));
	OK(p11->C_DigestInit(s, &sha));
	GIVES(CKR_OPERATION_ACTIVE, p11->C_DigestInit(s, &sha));
	OK(p11->C_DigestFinal(s, NULL, &n));
	assert_int_equal(n, 32);
	n = 31;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_DigestFinal(s, hash, &n));
	assert_int_equal(n, 32);
	OK(p11->C_DigestFinal(s, hash, &n));
	assert_memory_equal(hash, "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14", 8); /* of nothing */
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GenerateRandom(s, NULL, 1));
	OK(p11->C_GenerateRandom(s, hash, 0));
	GIVES(CKR_SESSION_PARALLEL_NOT_SUPPORTED, p11->C_OpenSession(1, 0, NULL, NULL, &s));
}

/* No mechanism ends what is active (3.0); with nothing active it is a mistake, as it always was. */
static void no_mechanism(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_SHA256 };
	CK_SESSION_HANDLE s = module_user(NULL);

	(void)state;
	GIVES(CKR_ARGUMENTS_BAD, p11->C_DigestInit(s, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_SignInit(s, NULL, 1));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_EncryptInit(s, NULL, 1));
	OK(p11->C_DigestInit(s, &m));
	OK(p11->C_DigestInit(s, NULL));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestUpdate(s, (CK_BYTE[]) { 1 }, 1));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_DigestInit(s, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_mechanism),
		cmocka_unit_test(a_session_object_without_a_login),
		cmocka_unit_test(what_cannot_be_created_or_copied),
		cmocka_unit_test(attributes_that_are_and_are_not),
		cmocka_unit_test(searches),
		cmocka_unit_test(digests_and_random),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
