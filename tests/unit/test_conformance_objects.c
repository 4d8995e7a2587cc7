/* PKCS#11 3.2 5.7, 4: templates that are empty, huge, doubled or wrong, wherever one is taken;
 * searches in every order; attributes read in all their ways; handles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/moving.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE note, secret, wrapper;
static struct module_pair pair;

static int setup(void **state)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_LABEL, "note"),
			     A_TEXT(CKA_VALUE, "what is noted") };

	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	pair = module_ec(s, false, true);
	secret = moving_generic(s, M_OPEN | M_DERIVE, 32);
	wrapper = moving_aes(s, M_MOVER, 32);
	return p11->C_CreateObject(s, t, ARRAY_LEN(t), &note) != CKR_OK;
}

/* ---- every function that takes a template ---- */

static CK_RV create(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_OBJECT_HANDLE o;

	return p11->C_CreateObject(s, t, n, &o);
}

static CK_RV copy(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_OBJECT_HANDLE o;

	return p11->C_CopyObject(s, note, t, n, &o);
}

static CK_RV change(CK_ATTRIBUTE *t, CK_ULONG n)
{
	return p11->C_SetAttributeValue(s, note, t, n);
}

static CK_RV find(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_RV rv = p11->C_FindObjectsInit(s, t, n);

	if (rv == CKR_OK)
		OK(p11->C_FindObjectsFinal(s));
	return rv;
}

static CK_RV generate(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_OBJECT_HANDLE o;

	return p11->C_GenerateKey(s, &m, t, n, &o);
}

static CK_RV generate_public(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_OBJECT_HANDLE a, b;

	return p11->C_GenerateKeyPair(s, &m, t, n, NULL, 0, &a, &b);
}

static CK_RV generate_private(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_OBJECT_HANDLE a, b;

	return p11->C_GenerateKeyPair(s, &m, public, 1, t, n, &a, &b);
}

static CK_RV unwrap(CK_ATTRIBUTE *t, CK_ULONG n)
{
	static struct blob b;
	CK_OBJECT_HANDLE o;

	if (b.n == 0)
		OK(moving_wrap(s, &moving_kwp, wrapper, secret, &b));
	return p11->C_UnwrapKey(s, &moving_kwp, wrapper, b.p, b.n, t, n, &o);
}

static CK_RV derive(CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_BYTE more[] = "more";
	CK_KEY_DERIVATION_STRING_DATA data = { more, 4 };
	CK_MECHANISM m = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	CK_OBJECT_HANDLE o;

	return p11->C_DeriveKey(s, &m, secret, t, n, &o);
}

static CK_RV read(CK_ATTRIBUTE *t, CK_ULONG n)
{
	return p11->C_GetAttributeValue(s, note, t, n);
}

static const struct taker {
	const char *name;
	CK_RV (*fn)(CK_ATTRIBUTE *t, CK_ULONG n);
	CK_RV empty; /* an empty template */
	bool reads;  /* the values are room */
} takers[] = {
	{ "create", create, CKR_TEMPLATE_INCOMPLETE, false },
	{ "copy", copy, CKR_OK, false },
	{ "change", change, CKR_OK, false },
	{ "find", find, CKR_OK, false },
	{ "generate", generate, CKR_TEMPLATE_INCOMPLETE, false },
	{ "public half", generate_public, CKR_TEMPLATE_INCOMPLETE, false },
	{ "private half", generate_private, CKR_OK, false },
	{ "unwrap", unwrap, CKR_TEMPLATE_INCOMPLETE, false },
	{ "derive", derive, CKR_OK, false },
	{ "read", read, CKR_OK, true },
};

static CK_ULONG count_all(void)
{
	return module_find(s, NULL, 0, NULL);
}

static void one_of(CK_RV a, CK_RV b, CK_RV got, const struct taker *k, const char *what)
{
	if (got != a && got != b)
		fail_msg("%s with %s gives 0x%lx, not 0x%lx or 0x%lx", k->name, what, got, a, b);
}

static void empty_templates(void **state)
{
	CK_ATTRIBUTE some = A_TEXT(CKA_LABEL, "unread");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
		one_of(takers[i].empty, takers[i].empty, takers[i].fn(NULL, 0), &takers[i],
		       "nothing");
		one_of(takers[i].empty, takers[i].empty, takers[i].fn(&some, 0), &takers[i],
		       "no attribute");
	}
}

/* Refused before memory is taken or anything behind the first attribute is looked at. */
static void absurd_counts(void **state)
{
	static const CK_ULONG counts[] = { ~0UL,      ~0UL - 1,	 ULONG_BIT(63),
					   ULONG_BIT(60), ULONG_BIT(40), 1UL << 31 };
	CK_ATTRIBUTE one = A_TEXT(CKA_LABEL, "one");
	CK_ULONG before = count_all();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
		const struct taker *k = &takers[i];

		one_of(CKR_ARGUMENTS_BAD, CKR_ARGUMENTS_BAD, k->fn(NULL, 1), k, "NULL");
		for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
			one_of(CKR_ARGUMENTS_BAD, CKR_TEMPLATE_INCONSISTENT, k->fn(&one, counts[c]),
			       k, "an absurd count");
			one_of(CKR_ARGUMENTS_BAD, CKR_ARGUMENTS_BAD, k->fn(NULL, counts[c]), k,
			       "NULL and an absurd count");
		}
	}
	assert_int_equal(count_all(), before);
}

static void absurd_lengths(void **state)
{
	static const CK_ULONG lengths[] = { ~0UL, ~0UL - 1, ULONG_BIT(63), ULONG_BIT(40), 1UL << 31 };
	CK_BYTE value[4] = { 0 };
	CK_ULONG before = count_all();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
		const struct taker *k = &takers[i];

		if (k->reads)
			continue;
		for (size_t c = 0; c < ARRAY_LEN(lengths); c++) {
			CK_ATTRIBUTE huge = { CKA_LABEL, value, lengths[c] };
			CK_ATTRIBUTE none = { CKA_LABEL, NULL, lengths[c] };

			one_of(CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD, k->fn(&huge, 1), k,
			       "an absurd length");
			one_of(CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD, k->fn(&none, 1), k,
			       "NULL and an absurd length");
		}
	}
	assert_int_equal(count_all(), before);
}

static void wrong_attributes(void **state)
{
	CK_ATTRIBUTE vendor = A_ULONG(CKA_VENDOR_DEFINED | 0x77777, 1);
	CK_ATTRIBUTE unknown = A_ULONG(0x3ffff, 1);
	CK_ATTRIBUTE twice[] = { A_TEXT(CKA_LABEL, "a"), A_TEXT(CKA_LABEL, "b") };
	CK_ATTRIBUTE short_bool = A_BYTES(CKA_TOKEN, "", 0);
	CK_ULONG before = count_all();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
		const struct taker *k = &takers[i];
		CK_RV type = k->fn == find ? CKR_OK : CKR_ATTRIBUTE_TYPE_INVALID;

		if (k->fn == create) { /* which class must be known before */
			CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), vendor };

			GIVES(CKR_ATTRIBUTE_TYPE_INVALID, create(t, 2));
			continue;
		}
		one_of(type, CKR_TEMPLATE_INCOMPLETE, k->fn(&vendor, 1), k, "a vendor's");
		one_of(type, CKR_TEMPLATE_INCOMPLETE, k->fn(&unknown, 1), k, "an unknown one");
		if (k->reads)
			continue;
		one_of(k->fn == find ? CKR_OK : CKR_TEMPLATE_INCONSISTENT, CKR_TEMPLATE_INCOMPLETE,
		       k->fn(twice, 2), k, "one twice");
		if (k->fn != change && k->fn != find)
			one_of(CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCOMPLETE,
			       k->fn(&short_bool, 1), k, "an empty boolean");
	}
	assert_int_equal(count_all(), before);
}

/* Those that the token has by itself, and those that it has not. */
static void classes_that_nobody_makes(void **state)
{
	static const CK_OBJECT_CLASS none[] = {
		CKO_VALIDATION,		CKO_PROFILE, CKO_MECHANISM, CKO_HW_FEATURE, CKO_OTP_KEY,
		CKO_VENDOR_DEFINED | 1, ~0UL
	};
	CK_ATTRIBUTE validation = A_ULONG(CKA_CLASS, CKO_VALIDATION);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, none[i]), A_TEXT(CKA_LABEL, "x") };
		CK_RV rv = create(t, 2);

		if (rv != CKR_ATTRIBUTE_VALUE_INVALID)
			fail_msg("class 0x%lx: 0x%lx", none[i], rv);
	}
	assert_int_equal(module_find(s, &validation, 1, NULL), 0);
}

/* ---- reading ---- */

/* 5.7.5: each attribute is done, whatever came of the others; the lengths say what. */
static void each_attribute_is_read_for_itself(void **state)
{
	CK_BYTE exact[4], large[64], small[3], no[64];
	CK_ATTRIBUTE t[] = {
		{ CKA_LABEL, NULL, 77 },
		{ CKA_LABEL, exact, 4 },
		{ CKA_LABEL, large, sizeof large },
		{ CKA_LABEL, small, 3 },
		{ CKA_LABEL, small, 0 },
		{ CKA_MODULUS, no, sizeof no },
		{ CKA_VALUE, large, sizeof large },
		{ CKA_APPLICATION, no, sizeof no },
		{ ~0UL, no, sizeof no },
	};

	(void)state;
	memset(no, 0x5a, sizeof no);
	memset(small, 0x5a, sizeof small);
	MUST(read(t, ARRAY_LEN(t)) != CKR_OK);
	assert_int_equal(t[0].ulValueLen, 4);
	assert_int_equal(t[1].ulValueLen, 4);
	assert_memory_equal(exact, "note", 4);
	assert_int_equal(t[2].ulValueLen, 4);
	assert_true(t[3].ulValueLen == CK_UNAVAILABLE_INFORMATION);
	assert_true(t[4].ulValueLen == CK_UNAVAILABLE_INFORMATION);
	assert_true(t[5].ulValueLen == CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(t[6].ulValueLen, 13);
	assert_memory_equal(large, "what is noted", 13);
	assert_int_equal(t[7].ulValueLen, 0); /* there, and empty */
	assert_true(t[8].ulValueLen == CK_UNAVAILABLE_INFORMATION);
	for (size_t i = 0; i < sizeof no; i++)
		assert_int_equal(no[i], 0x5a);
	assert_int_equal(small[0], 0x5a);
	GIVES(CKR_BUFFER_TOO_SMALL, read(&(CK_ATTRIBUTE) { CKA_LABEL, small, 3 }, 1));
	OK(read(&(CK_ATTRIBUTE) { CKA_LABEL, large, ~0UL - 1 }, 1)); /* room is room */
}

/* ---- searching ---- */

static void searches_in_every_order(void **state)
{
	CK_OBJECT_HANDLE some[4];
	CK_ULONG n = 99, all = count_all();

	(void)state;
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjects(s, some, 4, &n));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjectsFinal(s));
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	GIVES(CKR_OPERATION_ACTIVE, p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_FindObjects(s, NULL, 0, &n));
	assert_int_equal(n, 0);
	OK(p11->C_FindObjects(s, some, 1, &n));
	assert_int_equal(n, 1);
	OK(p11->C_FindObjects(s, some, 4, &n));
	assert_int_equal(n, all - 1 < 4 ? all - 1 : 4);
	while (n > 0)
		OK(p11->C_FindObjects(s, some, 4, &n));
	OK(p11->C_FindObjects(s, some, 4, &n));
	assert_int_equal(n, 0);
	OK(p11->C_FindObjectsFinal(s));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjectsFinal(s));
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11_3->C_SessionCancel(s, CKF_FIND_OBJECTS));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjects(s, some, 4, &n));
	OK(p11_3->C_SessionCancel(s, CKF_FIND_OBJECTS)); /* nothing to cancel */
}

/* Beside other operations, and each session its own. */
static void searches_beside_others(void **state)
{
	CK_SESSION_HANDLE other = module_open(slot, false);
	CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
	CK_OBJECT_HANDLE o;
	CK_BYTE hash[32];
	CK_ULONG n = 0;

	(void)state;
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_DigestInit(s, &m));
	OK(p11->C_FindObjectsInit(other, NULL, 0));
	OK(p11->C_FindObjects(s, &o, 1, &n));
	assert_int_equal(n, 1);
	OK(p11->C_FindObjectsFinal(s));
	OK(p11->C_FindObjects(other, &o, 1, &n));
	assert_int_equal(n, 1);
	OK(p11->C_CloseSession(other));
	n = sizeof hash;
	OK(p11->C_DigestFinal(s, hash, &n));
}

/* ---- handles ---- */

static void object_handles_are_never_used_again(void **state)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_FALSE) };
	CK_OBJECT_HANDLE seen[64], o = 0;
	CK_BBOOL token;
	CK_ULONG size;

	(void)state;
	t[1].pValue = &token;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		token = i % 3 == 0;
		OK(p11->C_CreateObject(s, t, 2, &o));
		assert_true(o != CK_INVALID_HANDLE);
		for (size_t k = 0; k < i; k++)
			assert_true(seen[k] != o);
		seen[i] = o;
		OK(p11->C_DestroyObject(s, o));
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(s, o));
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(s, seen[i], &size));
}

/* In every function that takes one. */
static void wrong_object_handles(void **state)
{
	static const CK_OBJECT_HANDLE wrong[] = { 0, ~0UL, ULONG_BIT(63), 12345678 };
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "x");
	CK_OBJECT_HANDLE o;
	CK_ULONG n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CK_OBJECT_HANDLE w = wrong[i];

		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_CopyObject(s, w, &label, 1, &o));
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(s, w));
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(s, w, &n));
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_GetAttributeValue(s, w, &label, 1));
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_SetAttributeValue(s, w, &label, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_templates),
		cmocka_unit_test(absurd_counts),
		cmocka_unit_test(absurd_lengths),
		cmocka_unit_test(wrong_attributes),
		cmocka_unit_test(classes_that_nobody_makes),
		cmocka_unit_test(each_attribute_is_read_for_itself),
		cmocka_unit_test(searches_in_every_order),
		cmocka_unit_test(searches_beside_others),
		cmocka_unit_test(object_handles_are_never_used_again),
		cmocka_unit_test(wrong_object_handles),
	};

	return cmocka_run_group_tests_name("conformance: objects", tests, setup, module_teardown);
}
