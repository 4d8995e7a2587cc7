/* PINs of a token: tries counted before they are made, locked, unblocked, changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define TRIES	   10
#define USER_FLAGS (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)
#define SO_FLAGS   (CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED)

static CK_ULONG tries_left(CK_SLOT_ID slot, CK_USER_TYPE user)
{
	struct inro_token_status st;

	OK(p11_admin->status(slot, &st));
	return user == CKU_SO ? st.tries_left_so : st.tries_left_user;
}

static CK_FLAGS pin_flags(CK_SLOT_ID slot)
{
	return module_info(slot).flags & (USER_FLAGS | SO_FLAGS);
}

static CK_RV set_pin(CK_SESSION_HANDLE s, const char *old, const char *new)
{
	return p11->C_SetPIN(s, module_pin(old), strlen(old), module_pin(new), strlen(new));
}

static void ten_wrong_ones_lock_this_token_only(void **state)
{
	CK_SLOT_ID slot = module_token(NULL), other = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true), s2 = module_open(other, false);

	(void)state;
	assert_int_equal(pin_flags(slot), 0);
	for (CK_ULONG i = 1; i <= TRIES; i++) {
		GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, "654321"));
		assert_int_equal(tries_left(slot, CKU_USER), TRIES - i);
		assert_int_equal(pin_flags(slot),
				 i == TRIES	  ? CKF_USER_PIN_LOCKED
				 : i == TRIES - 1 ? CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY
						  : CKF_USER_PIN_COUNT_LOW);
	}
	GIVES(CKR_PIN_LOCKED, module_login(s, CKU_USER, USER_PIN));
	GIVES(CKR_PIN_LOCKED, set_pin(s, USER_PIN, "222222"));
	assert_int_equal(pin_flags(other), 0);
	OK(module_login(s2, CKU_USER, USER_PIN));
	/* the security officer unblocks it */
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11->C_InitPIN(s, module_pin("222222"), 6));
	assert_int_equal(pin_flags(slot), 0);
	OK(p11->C_Logout(s));
	GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, USER_PIN));
	OK(module_login(s, CKU_USER, "222222"));
	assert_int_equal(tries_left(slot, CKU_USER), TRIES);
	OK(p11->C_CloseSession(s));
	OK(p11->C_CloseSession(s2));
}

static void the_officer_is_locked_out_too(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true);
	CK_UTF8CHAR label[32];

	(void)state;
	memset(label, ' ', sizeof label);
	for (int i = 0; i < TRIES; i++)
		GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_SO, "00000000"));
	assert_int_equal(pin_flags(slot), CKF_SO_PIN_LOCKED);
	GIVES(CKR_PIN_LOCKED, module_login(s, CKU_SO, SO_PIN));
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(p11->C_CloseSession(s));
	GIVES(CKR_PIN_LOCKED, p11->C_InitToken(slot, module_pin(SO_PIN), 8, label));
	GIVES(CKR_PIN_LOCKED, p11_admin->destroy(slot, module_text(SO_PIN)));
}

static void a_right_one_gives_all_tries_back(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true);

	(void)state;
	GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, "0000"));
	GIVES(CKR_PIN_INCORRECT, set_pin(s, "0001", "4444"));
	assert_int_equal(tries_left(slot, CKU_USER), TRIES - 2);
	assert_int_equal(tries_left(slot, CKU_SO), TRIES);
	OK(module_login(s, CKU_USER, USER_PIN));
	assert_int_equal(tries_left(slot, CKU_USER), TRIES);
	OK(p11->C_CloseSession(s));
}

static void user_and_officer_change_theirs(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true);
	struct module_pair p;
	uint8_t sig[64];

	(void)state;
	OK(module_login(s, CKU_USER, USER_PIN));
	p = module_ec(s, true, false);
	OK(set_pin(s, USER_PIN, "9999"));
	OK(module_sign(s, p.private, sig)); /* the login goes on */
	OK(p11->C_Logout(s));
	GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, USER_PIN));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(set_pin(s, SO_PIN, "so-pin-\xc3\xa9"));
	OK(p11->C_Logout(s));
	GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_SO, SO_PIN));
	OK(module_login(s, CKU_SO, "so-pin-\xc3\xa9"));
	OK(p11->C_Logout(s));
	OK(set_pin(s, "9999", USER_PIN)); /* nobody logged in: the user's */
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(module_verify(s, p.public, sig));
	CK_ATTRIBUTE mine[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };

	assert_int_equal(module_find(s, mine, 1, &p.private), 1);
	OK(module_sign(s, p.private, sig));
	OK(p11->C_CloseSession(s));
}

static void forms_that_no_pin_has(void **state)
{
	static const char *const bad[] = { "\xff\xfe\xfd\xfc", "ab\xc3(cd",
					   "\xed\xa0\x80zz" };
	char longest[256];
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true);

	(void)state;
	memset(longest, 'x', sizeof longest);
	GIVES(CKR_PIN_LEN_RANGE, set_pin(s, USER_PIN, "123"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		GIVES(CKR_PIN_INVALID, set_pin(s, USER_PIN, bad[i]));
	GIVES(CKR_PIN_LEN_RANGE,
	      p11->C_SetPIN(s, module_pin(USER_PIN), 6, module_pin(longest), 256));
	GIVES(CKR_PIN_INVALID,
	      p11->C_SetPIN(s, module_pin(USER_PIN), 6, module_pin("1234\0"), 5));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_SetPIN(s, NULL, 6, module_pin("1234"), 4));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_SetPIN(s, module_pin(USER_PIN), 6, NULL, 4));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_InitPIN(s, module_pin("1234"), 4));
	assert_int_equal(tries_left(slot, CKU_USER), TRIES);
	OK(p11->C_SetPIN(s, module_pin(USER_PIN), 6, module_pin(longest), 255));
	OK(p11->C_Login(s, CKU_USER, module_pin(longest), 255));
	OK(p11->C_CloseSession(s));
}

static void without_a_user_pin_there_is_no_user(void **state)
{
	CK_SLOT_ID list[256];
	CK_ULONG n = ARRAY_LEN(list);
	CK_UTF8CHAR label[33] = "fresh                           ";
	CK_SESSION_HANDLE s;

	(void)state;
	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	CK_SLOT_ID slot = list[n - 1];

	OK(p11->C_InitToken(slot, module_pin(SO_PIN), 8, label));
	assert_int_equal(module_info(slot).flags &
				 (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED),
			 CKF_TOKEN_INITIALIZED);
	s = module_open(slot, true);
	GIVES(CKR_USER_PIN_NOT_INITIALIZED, module_login(s, CKU_USER, USER_PIN));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11->C_InitPIN(s, module_pin(USER_PIN), 6));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(p11->C_CloseSession(s));
}

/* ---- other processes ---- */

static void try_for_ever(CK_SLOT_ID slot)
{
	CK_SESSION_HANDLE s;

	OK(p11->C_Initialize(NULL));
	s = module_open(slot, false);
	for (;;)
		GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, "0000"));
}

/* Killed in the middle of a try: that try is gone all the same. */
static void a_try_is_counted_before_it_is_made(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_ULONG before, after;
	int status;

	(void)state;
	before = tries_left(slot, CKU_USER);
	pid_t pid = fork();

	if (pid == 0)
		try_for_ever(slot);
	while ((after = tries_left(slot, CKU_USER)) == before)
		nanosleep(&(struct timespec) { .tv_nsec = 300000 }, NULL);
	kill(pid, SIGKILL); /* the first scrypt is still at work */
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(after, before - 1);
	assert_int_equal(tries_left(slot, CKU_USER), after);
}

static int three_wrong(void *slot)
{
	CK_SESSION_HANDLE s;

	OK(p11->C_Initialize(NULL));
	s = module_open(*(CK_SLOT_ID *)slot, false);
	for (int i = 0; i < 3; i++)
		GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, "0000"));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void processes_share_the_counter(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	pid_t pids[2];
	int status;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(three_wrong(&slot));
	}
	for (int i = 0; i < 2; i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(tries_left(slot, CKU_USER), TRIES - 6);
	assert_int_equal(pin_flags(slot), CKF_USER_PIN_COUNT_LOW);
}

static int log_in(CK_SLOT_ID slot)
{
	CK_SESSION_HANDLE s;

	OK(p11->C_Initialize(NULL));
	s = module_open(slot, false);
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(p11->C_Finalize(NULL));
	return 0;
}

/* Twice as many as there are tries, all of them right: none is locked out. */
static void right_ones_at_once_lock_nothing(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	pid_t pids[2 * TRIES];
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(log_in(slot));
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(tries_left(slot, CKU_USER), TRIES);
}

static int change_user_pin(void *slot)
{
	CK_SESSION_HANDLE s;

	OK(p11->C_Initialize(NULL));
	s = module_open(*(CK_SLOT_ID *)slot, true);
	OK(set_pin(s, USER_PIN, "new-pin"));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void a_change_elsewhere_counts_here(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true);

	(void)state;
	assert_int_equal(scratch_child(change_user_pin, &slot), 0);
	GIVES(CKR_PIN_INCORRECT, module_login(s, CKU_USER, USER_PIN));
	OK(module_login(s, CKU_USER, "new-pin"));
	OK(p11->C_CloseSession(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_wrong_ones_lock_this_token_only),
		cmocka_unit_test(the_officer_is_locked_out_too),
		cmocka_unit_test(a_right_one_gives_all_tries_back),
		cmocka_unit_test(user_and_officer_change_theirs),
		cmocka_unit_test(forms_that_no_pin_has),
		cmocka_unit_test(without_a_user_pin_there_is_no_user),
		cmocka_unit_test(a_try_is_counted_before_it_is_made),
		cmocka_unit_test(processes_share_the_counter),
		cmocka_unit_test(right_ones_at_once_lock_nothing),
		cmocka_unit_test(a_change_elsewhere_counts_here),
	};

	return cmocka_run_group_tests_name("token PINs", tests, module_setup, module_teardown);
}
