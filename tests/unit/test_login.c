/* test_login - logging in, and what is said about the tries that are left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/fake_load.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

struct wrong {
	CK_RV rv;
	CK_USER_TYPE user;
	CK_FLAGS flags;
	enum inro_err err;
	const char *detail;
};

static const struct wrong by_flags[] = {
	{ CKR_PIN_INCORRECT, CKU_USER, 0, INRO_E_PIN_WRONG, "wrong PIN for token 'line1'" },
	{ CKR_PIN_INCORRECT, CKU_SO, 0, INRO_E_PIN_WRONG, "wrong SO PIN for token 'line1'" },
	{ CKR_PIN_INCORRECT, CKU_USER, CKF_USER_PIN_COUNT_LOW, INRO_E_PIN_WRONG,
	  "wrong PIN for token 'line1': few tries left" },
	{ CKR_PIN_INCORRECT, CKU_USER, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY,
	  INRO_E_PIN_WRONG, "wrong PIN for token 'line1': 1 try left" },
	{ CKR_PIN_INCORRECT, CKU_USER, CKF_USER_PIN_LOCKED, INRO_E_PIN_WRONG,
	  "wrong PIN for token 'line1'; it is locked now, unblock it with the SO PIN" },
	{ CKR_PIN_INCORRECT, CKU_SO, CKF_USER_PIN_LOCKED, INRO_E_PIN_WRONG,
	  "wrong SO PIN for token 'line1'" },
	{ CKR_PIN_INCORRECT, CKU_SO, CKF_SO_PIN_FINAL_TRY, INRO_E_PIN_WRONG,
	  "wrong SO PIN for token 'line1': 1 try left" },
	{ CKR_PIN_LOCKED, CKU_USER, CKF_USER_PIN_LOCKED, INRO_E_PIN_LOCKED,
	  "the PIN of token 'line1' is locked; unblock it with the SO PIN" },
	{ CKR_PIN_LOCKED, CKU_SO, CKF_SO_PIN_LOCKED, INRO_E_PIN_LOCKED,
	  "the SO PIN of token 'line1' is locked; 'inro token delete --force' can remove the token, nothing can unblock it" },
	{ CKR_PIN_LEN_RANGE, CKU_USER, 0, INRO_E_PIN_FORMAT,
	  "the PIN has a length or character that is not allowed (C_Login: CKR_PIN_LEN_RANGE)" },
	{ CKR_USER_PIN_NOT_INITIALIZED, CKU_USER, 0, INRO_E_PIN_MISSING,
	  "a PIN is needed (C_Login: CKR_USER_PIN_NOT_INITIALIZED)" },
};

static void test_login(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);

	(void)state;
	OK(ck_login(m, 100, CKU_USER, bytes_of("1234")));
	assert_string_equal(f->pin, "1234");
	assert_int_equal(f->user, CKU_USER);
	f->login = CKR_USER_ALREADY_LOGGED_IN;
	OK(ck_login(m, 100, CKU_SO, bytes_of("5678")));
	assert_int_equal(f->user, CKU_SO);
	f->login = CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
	assert_int_equal(ck_login(m, 100, CKU_SO, bytes_of("1")), INRO_E_ANOTHER_USER_LOGGED_IN);
}

static void test_refused(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(by_flags); i++) {
		const struct wrong *w = &by_flags[i];

		f->login = w->rv;
		f->token_flags[0] = CKF_TOKEN_INITIALIZED | w->flags;
		assert_int_equal(ck_login(m, 100, w->user, bytes_of("hush")), w->err);
		assert_string_equal(err_detail(w->err), w->detail);
	}
}

static void test_counted(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_OURS, &m);

	(void)state;
	f->login = CKR_PIN_INCORRECT;
	assert_int_equal(ck_login(m, 100, CKU_USER, bytes_of("hush")), INRO_E_PIN_WRONG);
	assert_string_equal(err_detail(INRO_E_PIN_WRONG),
			    "wrong PIN for token 'line1': 9 of 10 tries left");
	f->tries_left = 1;
	assert_int_equal(ck_login(m, 100, CKU_SO, bytes_of("hush")), INRO_E_PIN_WRONG);
	assert_string_equal(err_detail(INRO_E_PIN_WRONG),
			    "wrong SO PIN for token 'line1': 1 of 10 tries left");
	f->tries_left = 0;
	assert_int_equal(ck_login(m, 100, CKU_USER, bytes_of("hush")), INRO_E_PIN_WRONG);
	assert_non_null(strstr(err_detail(INRO_E_PIN_WRONG), "locked now"));
	f->token_info[0] = CKR_DEVICE_REMOVED;
	assert_int_equal(ck_login(m, 100, CKU_USER, bytes_of("hush")), INRO_E_PIN_WRONG);
	assert_null(strstr(err_detail(INRO_E_PIN_WRONG), "hush"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
