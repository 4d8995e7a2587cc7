/* keys: numbers, reuse of slots, keys in use while they are dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pkcs11/soft/keys.h"

#define MANY 1000

static struct pkey *some_key(void)
{
	static const uint8_t p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	const struct key_spec spec = { .kind = KEY_EC, .params = { p256, sizeof p256 } };
	struct pkey *key = NULL;

	assert_int_equal(pkey_generate(&spec, &key), INRO_OK);
	return key;
}

static void test_numbers(void **state)
{
	AUTO(pkey_unref_ptr) struct pkey *key = some_key();
	backend_key ids[MANY], again;
	struct pkey *got = NULL;
	struct keys t;

	(void)state;
	assert_int_equal(keys_init(&t), INRO_OK);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(keys_add(&t, pkey_ref(key), &ids[i]), INRO_OK);
		assert_true(i == 0 || ids[i] > ids[i - 1]);
	}
	for (size_t i = 0; i < MANY; i += 2)
		keys_drop(&t, ids[i]);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(keys_get(&t, ids[i], &got), i % 2 ? INRO_OK : INRO_E_KEY_HANDLE);
		if (i % 2)
			pkey_unref(got);
	}
	for (size_t i = 0; i < MANY; i += 2) {
		assert_int_equal(keys_add(&t, pkey_ref(key), &again), INRO_OK);
		assert_true(again > ids[MANY - 1]);
	}
	keys_drop_all(&t);
	assert_int_equal(keys_get(&t, ids[1], &got), INRO_E_KEY_HANDLE);
	assert_int_equal(keys_get(&t, again, &got), INRO_E_KEY_HANDLE);
	assert_int_equal(keys_add(&t, pkey_ref(key), &ids[0]), INRO_OK);
	assert_true(ids[0] > again);
	keys_free(&t);
}

static void test_in_use_while_dropped(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	struct pkey *got = NULL;
	struct keys t;
	backend_key id;
	uint8_t sig[64];
	size_t n;

	(void)state;
	assert_int_equal(keys_init(&t), INRO_OK);
	assert_int_equal(keys_add(&t, some_key(), &id), INRO_OK);
	assert_int_equal(keys_get(&t, id, &got), INRO_OK);
	keys_drop(&t, id);
	keys_free(&t);
	assert_int_equal(pkey_sign(got, &spec, bytes_of("x"), sig, sizeof sig, &n), INRO_OK);
	pkey_unref(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_in_use_while_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
