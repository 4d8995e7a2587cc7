/* The border's table: no code of ours but success reads as success. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "pkcs11/api/api.h"

static void every_code_has_its_value(void **state)
{
	(void)state;
	for (int e = 0; e < INRO_E__MAX; e++) {
		if (e == INRO_OK)
			assert_int_equal(rv_of((enum inro_err)e), CKR_OK);
		else if (rv_of((enum inro_err)e) == CKR_OK)
			fail_msg("%s reads as success", err_name((enum inro_err)e));
	}
	assert_int_equal(rv_of(INRO_E__MAX), CKR_GENERAL_ERROR);
	assert_int_equal(rv_of((enum inro_err) - 1), CKR_GENERAL_ERROR);
}

/* What is no token can be told from what can't be read now. */
static void damage_is_not_trouble(void **state)
{
	static const enum inro_err trouble[] = { INRO_E_IO, INRO_E_FULL, INRO_E_ACCESS, INRO_E_BUSY,
						 INRO_E_NO_MEMORY };

	(void)state;
	assert_int_equal(rv_of(INRO_E_TOKEN_UNKNOWN), CKR_TOKEN_NOT_RECOGNIZED);
	for (size_t i = 0; i < ARRAY_LEN(trouble); i++)
		assert_int_not_equal(rv_of(trouble[i]), CKR_TOKEN_NOT_RECOGNIZED);
}

static void the_latest_failure_is_told(void **state)
{
	(void)state;
	assert_int_equal(rv_of(err_set(INRO_E_SLOT, "there is no slot 7")), CKR_SLOT_ID_INVALID);
	assert_string_equal(api_last_error(), "there is no slot 7");
	assert_int_equal(rv_of(INRO_OK), CKR_OK);
	assert_string_equal(api_last_error(), "there is no slot 7");
}

static void fields_are_padded(void **state)
{
	CK_UTF8CHAR field[8];

	(void)state;
	api_pad(field, sizeof field, bytes_of("abc"));
	assert_memory_equal(field, "abc     ", 8);
	api_pad(field, sizeof field, bytes_of("abcdefghij"));
	assert_memory_equal(field, "abcdefgh", 8);
	api_pad(field, sizeof field, BYTES_NONE);
	assert_memory_equal(field, "        ", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_value),
		cmocka_unit_test(damage_is_not_trouble),
		cmocka_unit_test(the_latest_failure_is_told),
		cmocka_unit_test(fields_are_padded),
	};

	return cmocka_run_group_tests_name("return values", tests, NULL, NULL);
}
