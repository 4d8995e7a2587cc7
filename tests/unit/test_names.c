/* test_names - the table of return values: in order, named once, and none maps to nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/cryptoki/internal.h"

static void test_sorted_and_unique(void **state)
{
	CK_RV rv = 0, before = 0;
	enum inro_err e;
	const char *name;
	size_t n = 0;

	(void)state;
	for (; (name = ck_rv_row(n, &rv, &e)); n++) {
		assert_true(n == 0 || rv > before);
		assert_int_equal(strncmp(name, "CKR_", 4), 0);
		assert_string_equal(ck_rv_name(rv), name);
		assert_true(e >= INRO_OK && e < INRO_E__MAX);
		assert_int_equal(e == INRO_OK, rv == CKR_OK);
		assert_int_equal(ck_rv_err(rv), e);
		before = rv;
	}
	assert_true(n > 90);
}

static void test_some_names(void **state)
{
	(void)state;
	assert_string_equal(ck_rv_name(CKR_OK), "CKR_OK");
	assert_string_equal(ck_rv_name(CKR_PIN_INCORRECT), "CKR_PIN_INCORRECT");
	assert_string_equal(ck_rv_name(CKR_UNWRAPPING_KEY_HANDLE_INVALID),
			    "CKR_UNWRAPPING_KEY_HANDLE_INVALID");
	assert_string_equal(ck_rv_name(0x80000001UL), "CKR_0x80000001");
	assert_string_equal(ck_rv_name(4), "CKR_0x00000004");
	assert_int_equal(ck_rv_err(CKR_PIN_INCORRECT), INRO_E_PIN_WRONG);
	assert_int_equal(ck_rv_err(CKR_USER_NOT_LOGGED_IN), INRO_E_LOGIN);
	assert_int_equal(ck_rv_err(0x80000001UL), INRO_E_TOKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted_and_unique),
		cmocka_unit_test(test_some_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
