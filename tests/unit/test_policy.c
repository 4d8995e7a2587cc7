/* The rules of moving keys, as functions over attributes and roles. */
#include "pkcs11/token/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/cryptoki/admin.h"

#define T(x) CKA_##x, 1
#define F(x) CKA_##x, 0

static void set_flag(struct attrs *a, CK_ATTRIBUTE_TYPE type, bool value)
{
	assert_int_equal(attrs_set_bool(a, type, value), INRO_OK);
}

static void set_number(struct attrs *a, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	assert_int_equal(attrs_set_ulong(a, type, value), INRO_OK);
}

static struct attrs aes(CK_ULONG n)
{
	struct attrs a = { 0 };

	set_number(&a, CKA_CLASS, CKO_SECRET_KEY);
	set_number(&a, CKA_KEY_TYPE, CKK_AES);
	set_number(&a, CKA_VALUE_LEN, n);
	return a;
}

/* A sensitive key that may leave wrapped. */
static struct attrs target(CK_ULONG n)
{
	struct attrs a = aes(n);

	set_flag(&a, CKA_SENSITIVE, true);
	set_flag(&a, CKA_EXTRACTABLE, true);
	return a;
}

/* A key that was generated for moving others. */
static struct attrs mover(CK_ULONG n)
{
	struct attrs a = aes(n);

	set_flag(&a, CKA_SENSITIVE, true);
	set_flag(&a, CKA_EXTRACTABLE, false);
	set_flag(&a, CKA_LOCAL, true);
	set_flag(&a, CKA_ALWAYS_SENSITIVE, true);
	set_flag(&a, CKA_NEVER_EXTRACTABLE, true);
	set_flag(&a, CKA_WRAP, true);
	set_flag(&a, CKA_UNWRAP, true);
	assert_int_equal(policy_set_born(&a), INRO_OK);
	return a;
}

static enum inro_err wrap(const struct attrs *by, const struct attrs *key, CK_MECHANISM_TYPE mech,
			  bool own_nonce, struct role_claim *ret)
{
	return policy_wrap(
		&(struct policy_wrapping) {
			.mech = mech, .own_nonce = own_nonce, .by = by, .key = key },
		ret);
}

static void test_mover_wraps_sensitive(void **state)
{
	SCOPED(attrs) by = mover(32);
	SCOPED(attrs) key = target(32);
	struct role_claim claim;

	(void)state;
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP_KWP, false, &claim), INRO_OK);
	assert_int_equal(claim.add, ROLE_WRAPPED_SECRET);
	assert_int_equal(claim.forbid, ROLE_UNWRAPPED_OPEN | ROLE_LOOSE | ROLE_WRAPPED_PRIVATE |
					       ROLE_UNWRAPPED_PRIVATE);
	set_flag(&key, CKA_WRAP_WITH_TRUSTED, true);
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim),
			 INRO_E_KEY_NOT_WRAPPABLE);
	set_flag(&by, CKA_TRUSTED, true);
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim), INRO_OK);
	assert_int_equal(claim.add, ROLE_WRAPPED_SECRET | ROLE_WRAPPED_BOUND);
	set_flag(&by, CKA_EXTRACTABLE, true); /* what can leave has twins, trusted or not */
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim),
			 INRO_E_KEY_NOT_WRAPPABLE);
}

/* One flag of the wrapping key at a time. */
static void test_who_wraps_sensitive(void **state)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		bool value;
	} wrong[] = {
		{ T(ENCRYPT) },
		{ T(DECRYPT) },
		{ T(SIGN) },
		{ T(DERIVE) },
		{ F(LOCAL) },
		{ T(EXTRACTABLE) },
		{ F(ALWAYS_SENSITIVE) },
		{ F(NEVER_EXTRACTABLE) },
		{ F(INRO_MOVER) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		SCOPED(attrs) by = mover(32);
		SCOPED(attrs) key = target(16);
		struct role_claim claim;

		set_flag(&by, wrong[i].type, wrong[i].value);
		assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim),
				 INRO_E_KEY_NOT_WRAPPABLE);
		set_flag(&key, CKA_SENSITIVE, false);
		assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim), INRO_OK);
		assert_int_equal(claim.add, 0);
	}
}

/* The SO's word stands for where a key comes from, not for what else it does. */
static void test_trusted(void **state)
{
	SCOPED(attrs) by = aes(32);
	SCOPED(attrs) key = target(32);
	struct role_claim claim;

	(void)state;
	set_flag(&by, CKA_WRAP, true);
	assert_int_equal(policy_set_born(&by), INRO_OK);
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim),
			 INRO_E_KEY_NOT_WRAPPABLE);
	set_flag(&by, CKA_TRUSTED, true);
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim), INRO_OK);
	set_flag(&by, CKA_DECRYPT, true);
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim),
			 INRO_E_KEY_NOT_WRAPPABLE);
}

static void test_mechanism(void **state)
{
	static const struct {
		CK_MECHANISM_TYPE type;
		bool own, good;
	} cases[] = {
		{ CKM_AES_KEY_WRAP, false, true },
		{ CKM_AES_KEY_WRAP_KWP, false, true },
		{ CKM_AES_GCM, false, false },
		{ CKM_AES_GCM, true, true },
		{ CKM_AES_CCM, false, false },
		{ CKM_AES_CCM, true, true },
		{ CKM_CHACHA20_POLY1305, false, false },
		{ CKM_CHACHA20_POLY1305, true, true },
		{ CKM_AES_CBC, true, false },
		{ CKM_AES_CBC_PAD, true, false },
		{ CKM_AES_ECB, true, false },
		{ CKM_AES_CTR, true, false },
		{ CKM_RSA_PKCS, true, false },
		{ CKM_RSA_X_509, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		SCOPED(attrs) by = mover(32);
		SCOPED(attrs) key = target(32);
		struct role_claim claim;

		assert_int_equal(wrap(&by, &key, cases[i].type, cases[i].own, &claim),
				 cases[i].good ? INRO_OK : INRO_E_KEY_NOT_WRAPPABLE);
		set_flag(&key, CKA_SENSITIVE, false);
		assert_int_equal(wrap(&by, &key, cases[i].type, cases[i].own, &claim), INRO_OK);
		assert_int_equal(claim.forbid, cases[i].good ? 0 : ROLES_WRAPPED);
	}
}

static void test_strength(void **state)
{
	static const struct {
		CK_ULONG by, key;
		enum inro_err want;
	} cases[] = { { 16, 16, INRO_OK },
		      { 16, 24, INRO_E_WRAPPING_KEY_SIZE },
		      { 24, 32, INRO_E_WRAPPING_KEY_SIZE },
		      { 32, 64, INRO_OK } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		SCOPED(attrs) by = mover(cases[i].by);
		SCOPED(attrs) key = target(cases[i].key);
		struct role_claim claim;

		set_number(&key, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
		assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim), cases[i].want);
	}
}

static void test_rsa_strength(void **state)
{
	static const uint8_t modulus[512] = { 0x80 };
	SCOPED(attrs) key = { 0 };

	(void)state;
	set_number(&key, CKA_CLASS, CKO_PRIVATE_KEY);
	set_number(&key, CKA_KEY_TYPE, CKK_RSA);
	assert_int_equal(attrs_set(&key, CKA_MODULUS, BYTES(modulus, 256)), INRO_OK);
	assert_int_equal(policy_strength(&key), 112);
	assert_int_equal(attrs_set(&key, CKA_MODULUS, BYTES(modulus, 384)), INRO_OK);
	assert_int_equal(policy_strength(&key), 128);
	assert_int_equal(attrs_set(&key, CKA_MODULUS, BYTES(modulus, 512)), INRO_OK);
	assert_int_equal(policy_strength(&key), 128);
}

static void test_set_strength(void **state)
{
	static const struct {
		CK_KEY_TYPE type;
		CK_ULONG set;
		unsigned bits;
	} rows[] = {
		{ CKK_ML_KEM, CKP_ML_KEM_768, 192 },
		{ CKK_ML_DSA, CKP_ML_DSA_44, 128 },
		{ CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F, 192 },
		{ CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S, 256 },
		{ CKK_ML_KEM, 0x77, 256 }, /* not known: the strongest */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(attrs) key = { 0 };

		set_number(&key, CKA_KEY_TYPE, rows[i].type);
		set_number(&key, CKA_PARAMETER_SET, rows[i].set);
		assert_int_equal(policy_strength(&key), rows[i].bits);
	}
}

static void test_curve_strength(void **state)
{
	static const uint8_t p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	static const uint8_t x25519[] = { 6, 3, 0x2b, 0x65, 0x6e };
	/* SP 800-57: 256 to 383 bits are 128 */
	static const uint8_t p320[] = { 6, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 9 };
	SCOPED(attrs) key = { 0 };

	(void)state;
	set_number(&key, CKA_KEY_TYPE, CKK_EC);
	assert_int_equal(attrs_set(&key, CKA_EC_PARAMS, BYTES(p256, sizeof p256)), INRO_OK);
	assert_int_equal(policy_strength(&key), 128);
	assert_int_equal(attrs_set(&key, CKA_EC_PARAMS, BYTES(p320, sizeof p320)), INRO_OK);
	assert_int_equal(policy_strength(&key), 128);
	set_number(&key, CKA_KEY_TYPE, CKK_EC_MONTGOMERY);
	assert_int_equal(attrs_set(&key, CKA_EC_PARAMS, BYTES(x25519, sizeof x25519)), INRO_OK);
	assert_int_equal(policy_strength(&key), 128);
}

/* A public key wraps sensitive ones only while its private half is here and held to the same. */
static void test_public(void **state)
{
	static const uint8_t modulus[384] = { 0x80 };
	SCOPED(attrs) by = { 0 };
	SCOPED(attrs) half = mover(16);
	SCOPED(attrs) key = target(16);
	struct policy_wrapping w = { .mech = CKM_RSA_PKCS_OAEP, .by = &by, .key = &key };
	struct role_claim claim;

	(void)state;
	set_number(&by, CKA_CLASS, CKO_PUBLIC_KEY);
	set_number(&by, CKA_KEY_TYPE, CKK_RSA);
	assert_int_equal(attrs_set(&by, CKA_MODULUS, BYTES(modulus, sizeof modulus)), INRO_OK);
	set_flag(&by, CKA_LOCAL, true);
	set_flag(&by, CKA_ENCRYPT, true); /* anybody can */
	assert_int_equal(policy_wrap(&w, &claim), INRO_E_KEY_NOT_WRAPPABLE);
	w.half = &half;
	assert_int_equal(policy_wrap(&w, &claim), INRO_OK);
	set_flag(&by, CKA_LOCAL, false);
	assert_int_equal(policy_wrap(&w, &claim), INRO_E_KEY_NOT_WRAPPABLE);
	set_flag(&by, CKA_TRUSTED, true);
	assert_int_equal(policy_wrap(&w, &claim), INRO_OK);
	set_flag(&half, CKA_DECRYPT, true);
	assert_int_equal(policy_wrap(&w, &claim), INRO_E_KEY_NOT_WRAPPABLE);
}

static void test_targets(void **state)
{
	SCOPED(attrs) by = mover(32);
	SCOPED(attrs) key = target(32);
	struct role_claim claim;

	(void)state;
	set_flag(&key, CKA_EXTRACTABLE, false);
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim),
			 INRO_E_KEY_UNEXTRACTABLE);
	set_flag(&key, CKA_EXTRACTABLE, true);
	set_number(&key, CKA_CLASS, CKO_PUBLIC_KEY);
	assert_int_equal(wrap(&by, &key, CKM_AES_KEY_WRAP, false, &claim),
			 INRO_E_KEY_NOT_WRAPPABLE);
}

/* What may go to another TPM is as good as readable. */
static void test_duplicable(void **state)
{
	SCOPED(attrs) by = mover(32);
	SCOPED(attrs) base = target(32);
	SCOPED(attrs) made = target(32);
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE leaves = { CKA_INRO_DUPLICABLE, &yes, sizeof yes };
	struct role_claim claim;

	(void)state;
	set_flag(&made, CKA_INRO_DUPLICABLE, true);
	policy_unwrap(&(struct policy_unwrapping) { CKM_AES_KEY_WRAP, &by, &made }, &claim);
	assert_int_equal(claim.forbid, ROLES_WRAPPED);
	assert_int_equal(claim.add, ROLE_UNWRAPPED_SECRET | ROLE_UNWRAPPED_OPEN);
	assert_int_equal(policy_inherit(&base, (struct template) { &leaves, 1 }, &made),
			 INRO_E_TEMPLATE_INCONSISTENT);
	assert_int_equal(policy_inherit(&base, (struct template) { 0 }, &made), INRO_OK);
	assert_false(attrs_bool(&made, CKA_INRO_DUPLICABLE, true));
	set_flag(&base, CKA_SENSITIVE, false);
	assert_int_equal(policy_inherit(&base, (struct template) { &leaves, 1 }, &made), INRO_OK);
}

static struct role_claim unwrap(const struct attrs *by, CK_OBJECT_CLASS class, bool sensitive,
				CK_MECHANISM_TYPE mech)
{
	SCOPED(attrs) made = target(32);
	struct role_claim claim;

	set_number(&made, CKA_CLASS, class);
	set_flag(&made, CKA_SENSITIVE, sensitive);
	policy_unwrap(&(struct policy_unwrapping) { .mech = mech, .by = by, .made = &made },
		      &claim);
	return claim;
}

static void test_unwrap(void **state)
{
	SCOPED(attrs) by = mover(32);
	SCOPED(attrs) other = mover(32);
	struct role_claim claim;

	(void)state;
	claim = unwrap(&by, CKO_SECRET_KEY, true, CKM_AES_KEY_WRAP);
	assert_int_equal(claim.forbid, ROLE_WRAPPED_PRIVATE);
	assert_int_equal(claim.add, ROLE_UNWRAPPED_SECRET);
	claim = unwrap(&by, CKO_PRIVATE_KEY, true, CKM_AES_KEY_WRAP);
	assert_int_equal(claim.forbid, ROLE_WRAPPED_SECRET);
	assert_int_equal(claim.add, ROLE_UNWRAPPED_PRIVATE);
	claim = unwrap(&by, CKO_SECRET_KEY, false, CKM_AES_KEY_WRAP);
	assert_int_equal(claim.forbid, ROLES_WRAPPED);
	assert_int_equal(claim.add, ROLE_UNWRAPPED_SECRET | ROLE_UNWRAPPED_OPEN);
	claim = unwrap(&by, CKO_SECRET_KEY, true, CKM_AES_CTR);
	assert_int_equal(claim.forbid, ROLES_WRAPPED);
	assert_int_equal(claim.add, ROLE_UNWRAPPED_SECRET | ROLE_LOOSE);
	set_flag(&other, CKA_INRO_MOVER, false);
	claim = unwrap(&other, CKO_SECRET_KEY, false, CKM_AES_CBC_PAD);
	assert_int_equal(claim.forbid, ROLES_WRAPPED);
	assert_int_equal(claim.add, 0);
}

static void test_bind(void **state)
{
	SCOPED(attrs) made = target(32);
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE asks[] = { { CKA_WRAP_WITH_TRUSTED, &no, sizeof no } };
	struct template t = { asks, 1 };

	(void)state;
	assert_int_equal(policy_bind(ROLE_WRAPPED_SECRET, t, &made), INRO_OK);
	assert_false(attrs_bool(&made, CKA_WRAP_WITH_TRUSTED, false));
	assert_int_equal(policy_bind(ROLE_WRAPPED_BOUND, t, &made), INRO_E_TEMPLATE_INCONSISTENT);
	assert_int_equal(policy_bind(ROLE_WRAPPED_BOUND, (struct template) { 0 }, &made), INRO_OK);
	assert_true(attrs_bool(&made, CKA_WRAP_WITH_TRUSTED, false));
}

static void test_inherit(void **state)
{
	SCOPED(attrs) base = target(32);
	SCOPED(attrs) made = aes(16);
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	CK_ATTRIBUTE opens[] = { { CKA_SENSITIVE, &no, sizeof no } };
	CK_ATTRIBUTE leaves[] = { { CKA_EXTRACTABLE, &yes, sizeof yes } };

	(void)state;
	set_flag(&made, CKA_EXTRACTABLE, true);
	assert_int_equal(policy_inherit(&base, (struct template) { opens, 1 }, &made),
			 INRO_E_TEMPLATE_INCONSISTENT);
	assert_int_equal(policy_inherit(&base, (struct template) { leaves, 1 }, &made), INRO_OK);
	assert_true(attrs_bool(&made, CKA_SENSITIVE, false));
	assert_false(attrs_bool(&made, CKA_ALWAYS_SENSITIVE, true));
	set_flag(&base, CKA_EXTRACTABLE, false);
	assert_int_equal(policy_inherit(&base, (struct template) { leaves, 1 }, &made),
			 INRO_E_TEMPLATE_INCONSISTENT);
	assert_int_equal(policy_inherit(&base, (struct template) { 0 }, &made), INRO_OK);
	assert_false(attrs_bool(&made, CKA_EXTRACTABLE, true));
	assert_int_equal(policy_floor(&base), 16);
	set_flag(&base, CKA_SENSITIVE, false);
	assert_int_equal(policy_floor(&base), 16);
	set_flag(&base, CKA_EXTRACTABLE, true);
	assert_int_equal(policy_floor(&base), 0);
}

/* A true history is inherited as it is: both flags, from both bases. */
static void test_history(void **state)
{
	SCOPED(attrs) clean = mover(32);
	SCOPED(attrs) once_open = target(32);
	SCOPED(attrs) made = aes(32);

	(void)state;
	assert_int_equal(policy_inherit(&clean, (struct template) { 0 }, &made), INRO_OK);
	assert_true(attrs_bool(&made, CKA_ALWAYS_SENSITIVE, false));
	assert_true(attrs_bool(&made, CKA_NEVER_EXTRACTABLE, false));
	assert_int_equal(policy_inherit(&once_open, (struct template) { 0 }, &made), INRO_OK);
	assert_false(attrs_bool(&made, CKA_ALWAYS_SENSITIVE, true));
	assert_false(attrs_bool(&made, CKA_NEVER_EXTRACTABLE, true));
}

static void test_use(void **state)
{
	static const enum key_use refused[] = { USE_SIGN,   USE_ENCRYPT,      USE_DECRYPT,
						USE_DERIVE, USE_SIGN_RECOVER, USE_DECAPSULATE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_int_equal(policy_use(ROLE_WRAPPED_SECRET, refused[i]), INRO_E_KEY_USE);
		assert_int_equal(policy_use(ROLE_WRAPPED_PRIVATE, refused[i]), INRO_E_KEY_USE);
		assert_int_equal(policy_use(ROLE_UNWRAPPED_OPEN, refused[i]), INRO_OK);
	}
	assert_int_equal(policy_use(ROLE_WRAPPED_SECRET, USE_WRAP), INRO_OK);
	assert_int_equal(policy_use(ROLE_WRAPPED_SECRET, USE_UNWRAP), INRO_OK);
}

static void test_strict(void **state)
{
	SCOPED(attrs) good = mover(32);
	SCOPED(attrs) open = aes(32);
	SCOPED(attrs) brought = mover(32);

	(void)state;
	assert_int_equal(policy_strict(&good), INRO_OK);
	set_flag(&good, CKA_DECRYPT, true);
	assert_int_equal(policy_strict(&good), INRO_E_TEMPLATE_INCONSISTENT);
	set_flag(&open, CKA_EXTRACTABLE, true);
	assert_int_equal(policy_strict(&open), INRO_E_TEMPLATE_INCONSISTENT);
	set_flag(&open, CKA_SENSITIVE, true);
	assert_int_equal(policy_strict(&open), INRO_OK);
	assert_int_equal(policy_strict_new(&open), INRO_OK);
	set_flag(&open, CKA_INRO_DUPLICABLE, true);
	assert_int_equal(policy_strict_new(&open), INRO_E_TEMPLATE_INCONSISTENT);
	assert_int_equal(policy_strict(&open), INRO_OK); /* it may be there */
	assert_int_equal(policy_strict_new(&good), INRO_E_TEMPLATE_INCONSISTENT);
	set_flag(&brought, CKA_LOCAL, false);
	assert_int_equal(policy_strict(&brought), INRO_E_TEMPLATE_INCONSISTENT);
	set_flag(&brought, CKA_TRUSTED, true);
	assert_int_equal(policy_strict(&brought), INRO_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mover_wraps_sensitive),
		cmocka_unit_test(test_who_wraps_sensitive),
		cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_mechanism),
		cmocka_unit_test(test_strength),
		cmocka_unit_test(test_rsa_strength),
		cmocka_unit_test(test_set_strength),
		cmocka_unit_test(test_curve_strength),
		cmocka_unit_test(test_public),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_unwrap),
		cmocka_unit_test(test_duplicable),
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_use),
		cmocka_unit_test(test_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
