/* Every kind of object through the module: made, read by another process, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define UNKNOWN CK_UNAVAILABLE_INFORMATION
#define MOST	64

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s; /* of the user, read-write */

static const uint8_t ed25519[] = { 6, 3, 0x2b, 0x65, 0x70 };
static const uint8_t x25519[] = { 6, 3, 0x2b, 0x65, 0x6e };

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	return 0;
}

static CK_RV generate(CK_MECHANISM_TYPE type, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	CK_MECHANISM m = { type, NULL, 0 };

	return p11->C_GenerateKey(s, &m, t, n, ret);
}

static CK_OBJECT_HANDLE aes(CK_ATTRIBUTE more)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, 16), more };
	CK_OBJECT_HANDLE o = 0;

	OK(generate(CKM_AES_KEY_GEN, t, more.type == UNKNOWN ? 1 : 2, &o));
	return o;
}

static const CK_ATTRIBUTE nothing = { UNKNOWN, NULL, 0 };

/* ---- secret keys ---- */

static const struct {
	CK_MECHANISM_TYPE mech;
	CK_KEY_TYPE type;
	CK_ULONG n; /* 0: the type has one size */
	CK_ATTRIBUTE_TYPE uses[3];
} makers[] = {
	{ CKM_AES_KEY_GEN, CKK_AES, 32, { CKA_ENCRYPT, CKA_DECRYPT, CKA_DECRYPT } },
	{ CKM_AES_XTS_KEY_GEN, CKK_AES_XTS, 64, { CKA_ENCRYPT, CKA_DECRYPT, CKA_DECRYPT } },
	{ CKM_CHACHA20_KEY_GEN, CKK_CHACHA20, 0, { CKA_ENCRYPT, CKA_DECRYPT, CKA_DECRYPT } },
	{ CKM_GENERIC_SECRET_KEY_GEN,
	  CKK_GENERIC_SECRET,
	  20,
	  { CKA_SIGN, CKA_VERIFY, CKA_VERIFY } },
	{ CKM_HKDF_KEY_GEN, CKK_HKDF, 32, { CKA_DERIVE, CKA_DERIVE, CKA_DERIVE } },
	{ CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC, 32, { CKA_SIGN, CKA_VERIFY, CKA_VERIFY } },
	{ CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC, 64, { CKA_SIGN, CKA_VERIFY, CKA_VERIFY } },
	{ CKM_BLAKE2B_512_KEY_GEN, CKK_BLAKE2B_512_HMAC, 64, { CKA_SIGN, CKA_VERIFY, CKA_VERIFY } },
};

static void check_uses(CK_OBJECT_HANDLE o, const CK_ATTRIBUTE_TYPE want[3])
{
	static const CK_ATTRIBUTE_TYPE uses[] = { CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,  CKA_VERIFY,
						  CKA_WRAP,    CKA_UNWRAP,  CKA_DERIVE };

	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		assert_int_equal(module_bool(s, o, uses[i]),
				 uses[i] == want[0] || uses[i] == want[1] || uses[i] == want[2]);
}

static void a_bare_secret_key_is_safe_and_does_what_it_is_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, makers[i].n) };
		CK_OBJECT_HANDLE o;

		OK(generate(makers[i].mech, t, makers[i].n ? 1 : 0, &o));
		assert_int_equal(module_ulong(s, o, CKA_CLASS), CKO_SECRET_KEY);
		assert_int_equal(module_ulong(s, o, CKA_KEY_TYPE), makers[i].type);
		assert_int_equal(module_ulong(s, o, CKA_VALUE_LEN), makers[i].n ? makers[i].n : 32);
		assert_int_equal(module_ulong(s, o, CKA_KEY_GEN_MECHANISM), makers[i].mech);
		assert_true(module_bool(s, o, CKA_PRIVATE));
		assert_true(module_bool(s, o, CKA_SENSITIVE));
		assert_true(module_bool(s, o, CKA_ALWAYS_SENSITIVE));
		assert_true(module_bool(s, o, CKA_NEVER_EXTRACTABLE));
		assert_true(module_bool(s, o, CKA_LOCAL));
		assert_false(module_bool(s, o, CKA_EXTRACTABLE));
		assert_false(module_bool(s, o, CKA_TRUSTED));
		check_uses(o, makers[i].uses);
		CK_ATTRIBUTE value = { CKA_VALUE, NULL, 0 };

		GIVES(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(s, o, &value, 1));
		assert_int_equal(value.ulValueLen, UNKNOWN);
		OK(p11->C_DestroyObject(s, o));
	}
}

static void a_use_that_is_asked_for_is_the_only_one(void **state)
{
	CK_OBJECT_HANDLE o = aes((CK_ATTRIBUTE)A_BOOL(CKA_WRAP, CK_TRUE));

	(void)state;
	check_uses(o, (const CK_ATTRIBUTE_TYPE[]) { CKA_WRAP, CKA_WRAP, CKA_WRAP });
	o = aes((CK_ATTRIBUTE)A_BOOL(CKA_SIGN, CK_FALSE));
	check_uses(o, (const CK_ATTRIBUTE_TYPE[]) { CKA_ENCRYPT, CKA_DECRYPT, CKA_DECRYPT });
}

static void secret_keys_that_are_not_made(void **state)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, 16), nothing };
	CK_OBJECT_HANDLE o;
	static const CK_ULONG bad[] = { 1, 15, 17, 33, ULONG_BIT(32), ~0UL };

	(void)state;
	GIVES(CKR_TEMPLATE_INCOMPLETE, generate(CKM_AES_KEY_GEN, NULL, 0, &o));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		GIVES(CKR_KEY_SIZE_RANGE,
		      generate(CKM_AES_KEY_GEN, (CK_ATTRIBUTE[]) { A_ULONG(CKA_VALUE_LEN, bad[i]) },
			       1, &o));
	t[1] = (CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY);
	GIVES(CKR_TEMPLATE_INCONSISTENT, generate(CKM_AES_KEY_GEN, t, 2, &o));
	t[1] = (CK_ATTRIBUTE)A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
	GIVES(CKR_TEMPLATE_INCONSISTENT, generate(CKM_AES_KEY_GEN, t, 2, &o));
	t[1] = (CK_ATTRIBUTE)A_TEXT(CKA_VALUE, "0123456789abcdef");
	GIVES(CKR_ATTRIBUTE_READ_ONLY, generate(CKM_AES_KEY_GEN, t, 2, &o));
	t[1] = (CK_ATTRIBUTE)A_BOOL(CKA_LOCAL, CK_TRUE);
	GIVES(CKR_ATTRIBUTE_READ_ONLY, generate(CKM_AES_KEY_GEN, t, 2, &o));
	t[1] = (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_TRUE);
	GIVES(CKR_ATTRIBUTE_READ_ONLY, generate(CKM_AES_KEY_GEN, t, 2, &o));
	t[1] = (CK_ATTRIBUTE)A_BOOL(CKA_MODULUS, CK_TRUE);
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID, generate(CKM_AES_KEY_GEN, t, 2, &o));
	GIVES(CKR_MECHANISM_INVALID, generate(CKM_EC_KEY_PAIR_GEN, t, 1, &o));
	GIVES(CKR_MECHANISM_INVALID, generate(CKM_AES_ECB, t, 1, &o));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GenerateKey(s, NULL, t, 1, &o));
	GIVES(CKR_ARGUMENTS_BAD, generate(CKM_AES_KEY_GEN, t, 1, NULL));
	GIVES(CKR_ARGUMENTS_BAD, generate(CKM_AES_KEY_GEN, NULL, 1, &o));
}

/* FIPS 197 C.1's key; the check value is the start of AES(0), worked out with openssl enc. */
static const uint8_t key_bytes[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t key_check[3] = { 0xc6, 0xa1, 0x3b };

static void a_key_that_was_brought(void **state)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
			     A_BYTES(CKA_VALUE, key_bytes, 16),	 A_BOOL(CKA_SENSITIVE, CK_FALSE),
			     A_BOOL(CKA_EXTRACTABLE, CK_TRUE),	 nothing };
	uint8_t got[64];
	CK_OBJECT_HANDLE o;

	(void)state;
	OK(p11->C_CreateObject(s, t, 5, &o));
	assert_false(module_bool(s, o, CKA_LOCAL));
	assert_false(module_bool(s, o, CKA_ALWAYS_SENSITIVE));
	assert_false(module_bool(s, o, CKA_NEVER_EXTRACTABLE));
	assert_int_equal(module_ulong(s, o, CKA_KEY_GEN_MECHANISM), UNKNOWN);
	assert_int_equal(module_ulong(s, o, CKA_VALUE_LEN), 16);
	assert_int_equal(module_bytes(s, o, CKA_VALUE, got, sizeof got), 16);
	assert_memory_equal(got, key_bytes, 16);
	assert_int_equal(module_bytes(s, o, CKA_CHECK_VALUE, got, sizeof got), 3);
	assert_memory_equal(got, key_check, 3);
	/* once sensitive, for ever */
	OK(module_set(s, o, (CK_ATTRIBUTE)A_BOOL(CKA_SENSITIVE, CK_TRUE)));
	GIVES(CKR_ATTRIBUTE_SENSITIVE,
	      p11->C_GetAttributeValue(s, o, &(CK_ATTRIBUTE) { CKA_VALUE, got, sizeof got }, 1));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, o, (CK_ATTRIBUTE)A_BOOL(CKA_SENSITIVE, CK_FALSE)));
	t[5] = (CK_ATTRIBUTE)A_ULONG(CKA_VALUE_LEN, 16);
	OK(p11->C_CreateObject(s, t, 6, &o));
	t[5] = (CK_ATTRIBUTE)A_ULONG(CKA_VALUE_LEN, 24);
	assert_int_not_equal(p11->C_CreateObject(s, t, 6, &o), CKR_OK);
	t[5] = (CK_ATTRIBUTE)A_BYTES(CKA_CHECK_VALUE, key_check, 3);
	OK(p11->C_CreateObject(s, t, 6, &o));
	t[5] = (CK_ATTRIBUTE)A_TEXT(CKA_CHECK_VALUE, "no!");
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, 6, &o));
	t[2].ulValueLen = 15;
	assert_int_not_equal(p11->C_CreateObject(s, t, 5, &o), CKR_OK);
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, t, 2, &o));
}

/* What would let a short secret be guessed is not told, and no search compares values. */
static void no_value_is_told_by_another_way(void **state)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
			     A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
			     A_BYTES(CKA_VALUE, key_bytes, 16), A_TEXT(CKA_LABEL, "not told") };
	CK_ATTRIBUTE check = { CKA_CHECK_VALUE, NULL, 0 };
	CK_OBJECT_HANDLE o;

	(void)state;
	OK(p11->C_CreateObject(s, t, 4, &o));
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID, p11->C_GetAttributeValue(s, o, &check, 1));
	assert_int_equal(module_find(s, &t[2], 2, NULL), 0);
	assert_int_equal(module_find(s, &t[3], 1, NULL), 1);
}

static void uses_are_taken_away_and_not_given(void **state)
{
	static const CK_ATTRIBUTE_TYPE uses[] = { CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP,
						  CKA_DERIVE };
	CK_OBJECT_HANDLE o = aes(nothing), copy;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		CK_ATTRIBUTE give[] = { A_BOOL(uses[i], CK_TRUE) };

		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_SetAttributeValue(s, o, give, 1));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CopyObject(s, o, give, 1, &copy));
	}
	OK(p11->C_SetAttributeValue(s, o, NULL, 0));
	OK(p11->C_CopyObject(s, o, (CK_ATTRIBUTE[]) { A_BOOL(CKA_DECRYPT, CK_FALSE) }, 1, &copy));
	assert_false(module_bool(s, copy, CKA_DECRYPT));
	assert_true(module_bool(s, o, CKA_DECRYPT));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, copy, (CK_ATTRIBUTE)A_BOOL(CKA_DECRYPT, CK_TRUE)));
	OK(module_set(s, o, (CK_ATTRIBUTE)A_BOOL(CKA_ENCRYPT, CK_FALSE)));
	check_uses(o, (const CK_ATTRIBUTE_TYPE[]) { CKA_DECRYPT, CKA_DECRYPT, CKA_DECRYPT });
}

static void flags_of_an_object_only_fall(void **state)
{
	static const CK_ATTRIBUTE_TYPE flags[] = { CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE };
	CK_OBJECT_HANDLE o = aes(nothing), copy, again;

	(void)state;
	OK(p11->C_CopyObject(s, o, (CK_ATTRIBUTE[]) { A_BOOL(CKA_MODIFIABLE, CK_FALSE) }, 1,
			     &copy));
	GIVES(CKR_ACTION_PROHIBITED, module_set(s, copy, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "x")));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		CK_ATTRIBUTE no[] = { A_BOOL(flags[i], CK_FALSE) };
		CK_ATTRIBUTE yes[] = { A_BOOL(flags[i], CK_TRUE) };

		OK(p11->C_CopyObject(s, o, no, 1, &copy));
		assert_int_not_equal(p11->C_CopyObject(s, copy, yes, 1, &again), CKR_OK);
	}
	GIVES(CKR_ACTION_PROHIBITED, p11->C_DestroyObject(s, copy));
}

/* ---- templates in templates ---- */

static void a_template_comes_back_in_three_steps(void **state)
{
	CK_MECHANISM_TYPE allowed[] = { CKM_AES_GCM };
	CK_ATTRIBUTE inner[] = { A_BOOL(CKA_SENSITIVE, CK_TRUE), A_TEXT(CKA_LABEL, "unwrapped"),
				 A_ULONG(CKA_KEY_TYPE, CKK_AES),
				 A_BYTES(CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed) };
	CK_OBJECT_HANDLE o = aes((CK_ATTRIBUTE)A_BYTES(CKA_UNWRAP_TEMPLATE, inner, sizeof inner));
	CK_ATTRIBUTE outer = { CKA_UNWRAP_TEMPLATE, NULL, 0 };
	CK_ATTRIBUTE got[4] = { 0 };
	uint8_t room[4][16];

	(void)state;
	OK(p11->C_GetAttributeValue(s, o, &outer, 1));
	assert_int_equal(outer.ulValueLen, sizeof got);
	outer = (CK_ATTRIBUTE) { CKA_UNWRAP_TEMPLATE, got, sizeof got };
	OK(p11->C_GetAttributeValue(s, o, &outer, 1));
	for (size_t i = 0; i < 4; i++) {
		assert_true(got[i].ulValueLen > 0 && got[i].ulValueLen <= 16);
		assert_true(i == 0 || got[i].type > got[i - 1].type);
		got[i].pValue = room[i];
	}
	OK(p11->C_GetAttributeValue(s, o, &outer, 1));
	assert_int_equal(got[0].type, CKA_LABEL);
	assert_memory_equal(room[0], "unwrapped", 9);
	assert_int_equal(got[3].type, CKA_ALLOWED_MECHANISMS);
	assert_memory_equal(room[3], allowed, sizeof allowed);
	got[0].ulValueLen = 8;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetAttributeValue(s, o, &outer, 1));
	assert_int_equal(got[0].ulValueLen, UNKNOWN);
	outer.ulValueLen = sizeof got - 1;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetAttributeValue(s, o, &outer, 1));
	assert_int_equal(outer.ulValueLen, UNKNOWN);
	/* found by its content, in whatever order that is given */
	CK_ATTRIBUTE turned[] = { inner[3], inner[2], inner[1], inner[0] };

	assert_int_equal(
		module_find(
			s, (CK_ATTRIBUTE[]) { A_BYTES(CKA_UNWRAP_TEMPLATE, turned, sizeof turned) },
			1, NULL),
		1);
}

static CK_RV with_template(CK_ATTRIBUTE *inner, CK_ULONG bytes)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, 16), A_BYTES(CKA_WRAP_TEMPLATE, inner, bytes) };
	CK_OBJECT_HANDLE o;

	return generate(CKM_AES_KEY_GEN, t, 2, &o);
}

static void templates_that_are_traps(void **state)
{
	static CK_ATTRIBUTE many[65];
	CK_ATTRIBUTE bad[] = {
		{ CKA_LABEL, NULL, 5 },
		{ CKA_LABEL, (void *)1, ~0UL },
		{ CKA_LABEL, (void *)1, 1UL << 20 },
		A_TEXT(CKA_VALUE, "secret"),
		{ CKA_WRAP_TEMPLATE, many, sizeof *many },
		{ CKA_UNWRAP_TEMPLATE, NULL, 0 },
		A_TEXT(CKA_SENSITIVE, "yes"),
		A_TEXT(CKA_KEY_TYPE, "x"),
		A_TEXT(0x80001234, "x"),
		A_TEXT(0x40000000, "x"),
	};
	CK_ATTRIBUTE twice[] = { A_BOOL(CKA_SIGN, CK_TRUE), A_BOOL(CKA_SIGN, CK_TRUE) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		GIVES(CKR_ATTRIBUTE_VALUE_INVALID, with_template(&bad[i], sizeof bad[i]));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, with_template(twice, sizeof twice));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, with_template(twice, sizeof twice - 1));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, with_template(twice, 1));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (CK_ATTRIBUTE) { i, NULL, 0 };
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, with_template(many, sizeof many));
	OK(with_template(NULL, 0));
	OK(with_template(twice, sizeof *twice));
}

/* ---- pairs ---- */

static const struct {
	CK_MECHANISM_TYPE mech;
	CK_KEY_TYPE type;
	const uint8_t *params;
	CK_ULONG params_n, value_n;
	CK_ATTRIBUTE_TYPE use;
} curves[] = {
	{ CKM_EC_KEY_PAIR_GEN, CKK_EC, module_p256, sizeof module_p256, 32, CKA_SIGN },
	{ CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, ed25519, sizeof ed25519, 32, CKA_SIGN },
	{ CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKK_EC_MONTGOMERY, x25519, sizeof x25519, 32,
	  CKA_DERIVE },
};

static void pairs_of_every_curve_go_out_and_come_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		CK_ATTRIBUTE pub[] = { A_BYTES(CKA_EC_PARAMS, curves[i].params,
					       curves[i].params_n) };
		CK_ATTRIBUTE open[] = { A_BOOL(CKA_SENSITIVE, CK_FALSE),
					A_BOOL(CKA_EXTRACTABLE, CK_TRUE) };
		CK_MECHANISM m = { curves[i].mech, NULL, 0 };
		uint8_t value[64], point[80], again[80];
		CK_OBJECT_HANDLE a, b;

		OK(p11->C_GenerateKeyPair(s, &m, pub, 1, open, 2, &a, &b));
		assert_int_equal(module_ulong(s, b, CKA_KEY_TYPE), curves[i].type);
		assert_true(module_bool(s, b, curves[i].use));
		assert_false(module_bool(s, b, CKA_UNWRAP));
		CK_ULONG n = module_bytes(s, b, CKA_VALUE, value, sizeof value);
		CK_ULONG point_n = module_bytes(s, a, CKA_EC_POINT, point, sizeof point);
		CK_ATTRIBUTE back[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
					A_ULONG(CKA_KEY_TYPE, curves[i].type), pub[0],
					A_BYTES(CKA_VALUE, value, n) };

		assert_int_equal(n, curves[i].value_n);
		OK(p11->C_CreateObject(s, back, 4, &b));
		assert_int_equal(module_bytes(s, b, CKA_EC_POINT, again, sizeof again), point_n);
		assert_memory_equal(point, again, point_n);
		assert_false(module_bool(s, b, CKA_LOCAL));
		/* a value of another curve, and none */
		back[3].ulValueLen = 5;
		if (curves[i].type != CKK_EC)
			assert_int_not_equal(p11->C_CreateObject(s, back, 4, &b), CKR_OK);
		back[3].ulValueLen = 0;
		assert_int_not_equal(p11->C_CreateObject(s, back, 4, &b), CKR_OK);
		GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, back, 3, &b));
	}
}

static void a_curve_of_another_type_is_none(void **state)
{
	CK_OBJECT_HANDLE a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		size_t other = (i + 1) % ARRAY_LEN(curves);
		CK_MECHANISM m = { curves[i].mech, NULL, 0 };
		CK_ATTRIBUTE pub[] = { A_BYTES(CKA_EC_PARAMS, curves[other].params,
					       curves[other].params_n) };

		assert_int_not_equal(p11->C_GenerateKeyPair(s, &m, pub, 1, NULL, 0, &a, &b),
				     CKR_OK);
	}
}

/* As SunPKCS11 makes them when its configuration says nothing. */
static void bare_pairs_do_what_their_type_is_for(void **state)
{
	static const CK_ATTRIBUTE_TYPE uses[] = { CKA_SIGN,   CKA_SIGN_RECOVER, CKA_DECRYPT,
						  CKA_UNWRAP, CKA_DERIVE,	CKA_DECAPSULATE };
	static const CK_BBOOL rsa[] = { 1, 1, 1, 0, 0, 0 }, ec[] = { 1, 0, 0, 0, 1, 0 };
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE bits[] = { A_ULONG(CKA_MODULUS_BITS, 2048) };
	CK_ATTRIBUTE unwraps[] = { A_BOOL(CKA_UNWRAP, CK_TRUE) };
	CK_ATTRIBUTE p256[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_OBJECT_HANDLE a, b;

	(void)state;
	OK(p11->C_GenerateKeyPair(s, &m, bits, 1, NULL, 0, &a, &b));
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		assert_int_equal(module_bool(s, b, uses[i]), rsa[i]);
	assert_true(module_bool(s, a, CKA_ENCRYPT));
	assert_true(module_bool(s, a, CKA_VERIFY_RECOVER));
	OK(p11->C_GenerateKeyPair(s, &m, bits, 1, unwraps, 1, &a, &b));
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		assert_int_equal(module_bool(s, b, uses[i]), uses[i] == CKA_UNWRAP);
	m.mechanism = CKM_EC_KEY_PAIR_GEN;
	OK(p11->C_GenerateKeyPair(s, &m, p256, 1, NULL, 0, &a, &b));
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		assert_int_equal(module_bool(s, b, uses[i]), ec[i]);
}

static void a_private_key_may_ask_for_the_pin_each_time(void **state)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE pub[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE priv[] = { A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_TRUE),
				A_BOOL(CKA_PRIVATE, CK_FALSE) };
	CK_OBJECT_HANDLE a, b;

	(void)state;
	GIVES(CKR_TEMPLATE_INCONSISTENT, p11->C_GenerateKeyPair(s, &m, pub, 1, priv, 2, &a, &b));
	OK(p11->C_GenerateKeyPair(s, &m, pub, 1, priv, 1, &a, &b));
	assert_true(module_bool(s, b, CKA_ALWAYS_AUTHENTICATE));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, b, (CK_ATTRIBUTE)A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_FALSE)));
}

/* ---- the token's own ---- */

static void profiles_and_mechanisms_are_objects(void **state)
{
	CK_ATTRIBUTE profile[] = { A_ULONG(CKA_CLASS, CKO_PROFILE),
				   A_ULONG(CKA_PROFILE_ID, 1 /* baseline */) };
	CK_ATTRIBUTE mechanism[] = { A_ULONG(CKA_CLASS, CKO_MECHANISM),
				     A_ULONG(CKA_MECHANISM_TYPE, CKM_ECDSA) };
	CK_ULONG all = module_find(s, NULL, 0, NULL), listed;
	CK_OBJECT_HANDLE o, again, copy;

	(void)state;
	assert_int_equal(module_find(s, profile, 2, &o), 1);
	assert_int_equal(module_find(s, &profile[1], 1, &again), 1);
	assert_int_equal(o, again);
	assert_int_equal(module_ulong(s, o, CKA_PROFILE_ID), 1);
	GIVES(CKR_ACTION_PROHIBITED, p11->C_DestroyObject(s, o));
	GIVES(CKR_ACTION_PROHIBITED, module_set(s, o, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "mine")));
	GIVES(CKR_ACTION_PROHIBITED, p11->C_CopyObject(s, o, NULL, 0, &copy));
	GIVES(CKR_KEY_HANDLE_INVALID,
	      p11->C_SignInit(s, &(CK_MECHANISM) { CKM_ECDSA, NULL, 0 }, o));
	assert_int_equal(module_find(s, mechanism, 2, &o), 1);
	OK(p11->C_GetMechanismList(slot, NULL, &listed));
	assert_int_equal(module_find(s, mechanism, 1, NULL), listed);
	assert_int_equal(module_find(s, NULL, 0, NULL), all);
	GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CreateObject(s, profile, 2, &o));
	assert_int_not_equal(p11->C_CreateObject(s, profile, 1, &o), CKR_OK);
}

/* ---- what is not a key ---- */

static void trust_certificates_by_url_and_domain_parameters(void **state)
{
	CK_ATTRIBUTE url[] = { A_ULONG(CKA_CLASS, CKO_CERTIFICATE),
			       A_TEXT(CKA_SUBJECT, "subject"),
			       A_TEXT(CKA_URL, "https://example.org/c.der"),
			       A_TEXT(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, "12345678901234567890"),
			       A_TEXT(CKA_HASH_OF_ISSUER_PUBLIC_KEY, "12345678901234567890"),
			       A_ULONG(CKA_CERTIFICATE_CATEGORY, 4) };
	CK_ATTRIBUTE trust[] = { A_ULONG(CKA_CLASS, 11 /* CKO_TRUST */), A_TEXT(CKA_ISSUER, "i"),
				 A_TEXT(CKA_SERIAL_NUMBER, "1"),
				 A_TEXT(CKA_HASH_OF_CERTIFICATE, "h"),
				 A_ULONG(CKA_TRUST_SERVER_AUTH, 2) };
	CK_ATTRIBUTE domain[] = { A_ULONG(CKA_CLASS, CKO_DOMAIN_PARAMETERS),
				  A_ULONG(CKA_KEY_TYPE, CKK_EC),
				  A_BYTES(CKA_EC_PARAMS, module_p384, sizeof module_p384) };
	CK_OBJECT_HANDLE o;

	(void)state;
	OK(p11->C_CreateObject(s, url, 5, &o));
	assert_int_equal(module_ulong(s, o, CKA_NAME_HASH_ALGORITHM), CKM_SHA_1);
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, url, 6, &o));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, url, 4, &o));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, url, 2, &o));
	OK(p11->C_CreateObject(s, trust, 5, &o));
	assert_int_equal(module_ulong(s, o, CKA_TRUST_CLIENT_AUTH), 0);
	OK(module_set(s, o, (CK_ATTRIBUTE)A_ULONG(CKA_TRUST_CLIENT_AUTH, 3)));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID,
	      module_set(s, o, (CK_ATTRIBUTE)A_ULONG(CKA_TRUST_CLIENT_AUTH, 5)));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, trust, 3, &o));
	OK(p11->C_CreateObject(s, domain, 3, &o));
	assert_false(module_bool(s, o, CKA_LOCAL));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, domain, 2, &o));
	domain[2] = (CK_ATTRIBUTE)A_TEXT(CKA_EC_PARAMS, "\x06\x01\x01");
	GIVES(CKR_CURVE_NOT_SUPPORTED, p11->C_CreateObject(s, domain, 3, &o));
}

/* ---- the security officer ---- */

static void trust_is_the_officers(void **state)
{
	CK_SLOT_ID mine = module_token(NULL);
	CK_SESSION_HANDLE user = module_open(mine, true);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, 16), A_BOOL(CKA_TOKEN, CK_TRUE),
			     A_BOOL(CKA_PRIVATE, CK_FALSE), A_BOOL(CKA_WRAP, CK_TRUE),
			     A_TEXT(CKA_LABEL, "wraps") };
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_OBJECT_HANDLE o;

	(void)state;
	OK(module_login(user, CKU_USER, USER_PIN));
	OK(p11->C_GenerateKey(user, &m, t, 5, &o));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(user, o, (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_TRUE)));
	OK(p11->C_Logout(user));
	OK(module_login(user, CKU_SO, SO_PIN));
	assert_int_equal(module_find(user, &t[4], 1, &o), 1);
	OK(module_set(user, o, (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_TRUE)));
	OK(module_set(user, o, (CK_ATTRIBUTE)A_BOOL(CKA_UNWRAP, CK_TRUE)));
	OK(p11->C_Logout(user));
	OK(module_login(user, CKU_USER, USER_PIN));
	assert_int_equal(module_find(user, &t[4], 1, &o), 1);
	assert_true(module_bool(user, o, CKA_TRUSTED));
	assert_true(module_bool(user, o, CKA_UNWRAP));
	OK(module_set(user, o, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "still opens")));
	OK(module_set(user, o, (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_FALSE)));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(user, o, (CK_ATTRIBUTE)A_BOOL(CKA_TRUSTED, CK_TRUE)));
	OK(p11->C_CloseSession(user));
}

/* ---- another process reads what was kept ---- */

static CK_ULONG kept;

static void keep(CK_OBJECT_HANDLE o)
{
	CK_ATTRIBUTE t[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_TEXT(CKA_LABEL, "kept") };
	CK_OBJECT_HANDLE copy;

	OK(p11->C_CopyObject(s, o, t, 2, &copy));
	kept++;
}

/* A sum of everything that can be read of the kept objects, by their unique identifiers. */
static CK_ULONG sum_of(CK_SESSION_HANDLE session)
{
	static const CK_ATTRIBUTE_TYPE types[] = {
		CKA_CLASS,  CKA_KEY_TYPE,	CKA_VALUE_LEN,	 CKA_UNIQUE_ID,
		CKA_VALUE,  CKA_EC_POINT,	CKA_EC_PARAMS,	 CKA_SENSITIVE,
		CKA_DERIVE, CKA_LOCAL,		CKA_CHECK_VALUE, CKA_DECAPSULATE,
		CKA_URL,    CKA_ISSUER,		CKA_TRUSTED,	 CKA_MODULUS,
		CKA_WRAP,   CKA_UNWRAP_TEMPLATE
	};
	CK_OBJECT_HANDLE found[MOST];
	CK_ATTRIBUTE like[] = { A_TEXT(CKA_LABEL, "kept") };
	CK_ULONG n, sum = 0;

	OK(p11->C_FindObjectsInit(session, like, 1));
	OK(p11->C_FindObjects(session, found, MOST, &n));
	OK(p11->C_FindObjectsFinal(session));
	MUST(n == kept);
	for (CK_ULONG i = 0; i < n; i++) {
		for (size_t j = 0; j < ARRAY_LEN(types); j++) {
			uint8_t room[512] = { 0 };
			CK_ATTRIBUTE a = { types[j], room, sizeof room };
			CK_RV rv = p11->C_GetAttributeValue(session, found[i], &a, 1);

			sum = sum * 31 + rv + a.ulValueLen;
			for (size_t k = 0; !(types[j] & CKF_ARRAY_ATTRIBUTE) && k < sizeof room;
			     k++)
				sum = sum * 31 + room[k];
		}
	}
	return sum;
}

static int read_them(void *sum)
{
	CK_SESSION_HANDLE mine;

	OK(p11->C_Initialize(NULL));
	mine = module_open(slot, true);
	OK(module_login(mine, CKU_USER, USER_PIN));
	MUST(sum_of(mine) == *(CK_ULONG *)sum);
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void another_process_reads_the_same(void **state)
{
	CK_OBJECT_HANDLE all[256];
	CK_ULONG n, sum;

	(void)state;
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_FindObjects(s, all, 256, &n));
	OK(p11->C_FindObjectsFinal(s));
	for (CK_ULONG i = 0; i < n && kept < MOST; i++) {
		CK_BBOOL may = CK_FALSE;

		OK(p11->C_GetAttributeValue(s, all[i], &(CK_ATTRIBUTE) { CKA_COPYABLE, &may, 1 },
					    1));
		if (may)
			keep(all[i]);
	}
	assert_true(kept > 20);
	sum = sum_of(s);
	assert_int_equal(scratch_child(read_them, &sum), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_secret_key_is_safe_and_does_what_it_is_for),
		cmocka_unit_test(a_use_that_is_asked_for_is_the_only_one),
		cmocka_unit_test(secret_keys_that_are_not_made),
		cmocka_unit_test(a_key_that_was_brought),
		cmocka_unit_test(no_value_is_told_by_another_way),
		cmocka_unit_test(uses_are_taken_away_and_not_given),
		cmocka_unit_test(flags_of_an_object_only_fall),
		cmocka_unit_test(a_template_comes_back_in_three_steps),
		cmocka_unit_test(templates_that_are_traps),
		cmocka_unit_test(pairs_of_every_curve_go_out_and_come_in),
		cmocka_unit_test(a_curve_of_another_type_is_none),
		cmocka_unit_test(bare_pairs_do_what_their_type_is_for),
		cmocka_unit_test(a_private_key_may_ask_for_the_pin_each_time),
		cmocka_unit_test(profiles_and_mechanisms_are_objects),
		cmocka_unit_test(trust_certificates_by_url_and_domain_parameters),
		cmocka_unit_test(trust_is_the_officers),
		cmocka_unit_test(another_process_reads_the_same),
	};

	return cmocka_run_group_tests_name("token kinds", tests, setup, module_teardown);
}
