/* table: numbers, reuse of slots, keys in use while they are dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"
#include "pkcs11/soft/anykey.h"
#include "pkcs11/soft/table.h"

#define MANY 1000

static void ref(void *item)
{
	(void)anykey_ref(item);
}

static void unref(void *item)
{
	anykey_unref(item);
}

static const struct table_kind kind = { .ref = ref, .unref = unref };

static struct anykey *some_key(void)
{
	static const uint8_t p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	const struct key_spec spec = { .kind = KEY_EC, .params = { p256, sizeof p256 } };
	struct anykey *key = NULL;

	assert_int_equal(anykey_generate(&spec, &key), INRO_OK);
	return key;
}

static void test_numbers(void **state)
{
	AUTO(anykey_unref_ptr) struct anykey *key = some_key();
	backend_key ids[MANY], again;
	struct anykey *got = NULL;
	struct table t;

	(void)state;
	assert_int_equal(table_init(&t, &kind), INRO_OK);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(table_add(&t, anykey_ref(key), &ids[i]), INRO_OK);
		assert_true(i == 0 || ids[i] > ids[i - 1]);
	}
	for (size_t i = 0; i < MANY; i += 2)
		table_drop(&t, ids[i]);
	for (size_t i = 0; i < MANY; i++) {
		got = table_get(&t, ids[i]);
		assert_true((got != NULL) == (i % 2 == 1));
		if (i % 2)
			anykey_unref(got);
	}
	for (size_t i = 0; i < MANY; i += 2) {
		assert_int_equal(table_add(&t, anykey_ref(key), &again), INRO_OK);
		assert_true(again > ids[MANY - 1]);
	}
	table_drop_all(&t);
	assert_null(table_get(&t, ids[1]));
	assert_null(table_get(&t, again));
	assert_int_equal(table_add(&t, anykey_ref(key), &ids[0]), INRO_OK);
	assert_true(ids[0] > again);
	table_free(&t);
}

static void test_in_use_while_dropped(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	struct anykey *got = NULL;
	struct table t;
	backend_key id;
	uint8_t sig[64];
	size_t n;

	(void)state;
	assert_int_equal(table_init(&t, &kind), INRO_OK);
	assert_int_equal(table_add(&t, some_key(), &id), INRO_OK);
	got = table_get(&t, id);
	assert_non_null(got);
	table_drop(&t, id);
	table_free(&t);
	assert_int_equal(pkey_sign(got->pair, &spec, bytes_of("x"), sig, sizeof sig, &n), INRO_OK);
	anykey_unref(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_in_use_while_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
