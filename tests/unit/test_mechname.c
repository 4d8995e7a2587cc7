/* test_mechname - the tables of names: in order, each number and name once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/cryptoki/mechname.h"
#include "base/cryptoki/mechtable.h"

static const struct {
	const char *prefix;
	size_t least;
	const char *(*name)(CK_ULONG value);
} kinds[CRYPTOKI_KIND__MAX] = {
	[CRYPTOKI_CLASS] = { "CKO_", 12, cryptoki_class_name },
	[CRYPTOKI_KEY_TYPE] = { "CKK_", 66, cryptoki_key_type_name },
	[CRYPTOKI_ATTR] = { "CKA_", 148, cryptoki_attr_name },
	[CRYPTOKI_MECH] = { "CKM_", 463, cryptoki_mech_name },
};

static void walk(size_t kind)
{
	size_t n;
	const struct cryptoki_name *rows = cryptoki_names((enum cryptoki_kind)kind, &n);

	assert_true(n >= kinds[kind].least);
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || rows[i].value > rows[i - 1].value);
		assert_int_equal(strncmp(rows[i].name, kinds[kind].prefix, 4), 0);
		assert_string_equal(kinds[kind].name(rows[i].value), rows[i].name);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(rows[j].name, rows[i].name);
	}
}

static void test_sorted_and_unique(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < CRYPTOKI_KIND__MAX; kind++)
		walk(kind);
}

static void test_what_is_unknown(void **state)
{
	(void)state;
	assert_null(cryptoki_mech_name(CKM_VENDOR_DEFINED | 1));
	assert_null(cryptoki_attr_name(5));
	assert_null(cryptoki_class_name(12));
	assert_null(cryptoki_key_type_name(6));
	assert_null(cryptoki_rv_name(4));
}

static void test_some_names(void **state)
{
	(void)state;
	assert_string_equal(cryptoki_mech_name(0x1087), "CKM_AES_GCM");
	assert_string_equal(cryptoki_mech_name(0), "CKM_RSA_PKCS_KEY_PAIR_GEN");
	assert_string_equal(cryptoki_mech_name(CKM_ECDSA_KEY_PAIR_GEN), "CKM_EC_KEY_PAIR_GEN");
	assert_string_equal(cryptoki_mech_name(0x403a), "CKM_PUB_KEY_FROM_PRIV_KEY");
	assert_string_equal(cryptoki_attr_name(0x40000211), "CKA_WRAP_TEMPLATE");
	assert_string_equal(cryptoki_attr_name(3), "CKA_LABEL");
	assert_string_equal(cryptoki_class_name(11), "CKO_TRUST");
	assert_string_equal(cryptoki_key_type_name(3), "CKK_EC");
	assert_string_equal(cryptoki_rv_name(0x1b8), "CKR_PIN_TOO_WEAK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted_and_unique),
		cmocka_unit_test(test_what_is_unknown),
		cmocka_unit_test(test_some_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
