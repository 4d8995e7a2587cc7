/* People of a token: named users, PINs that must be changed, their form, the program that asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define TRIES	 10
#define LABEL_32 "a label of thirty-two characters"

static CK_RV log_in_as(CK_SESSION_HANDLE s, CK_USER_TYPE type, const char *name, const char *pin)
{
	return p11_3->C_LoginUser(s, type, module_pin(pin), strlen(pin), module_pin(name),
				  strlen(name));
}

static CK_RV set_pin(CK_SESSION_HANDLE s, const char *old, const char *new)
{
	return p11->C_SetPIN(s, module_pin(old), strlen(old), module_pin(new), strlen(new));
}

static struct inro_user person(const char *name, const char *pin)
{
	return (struct inro_user) { .name = module_text(name),
				    .type = CKU_USER,
				    .pin = module_text(pin) };
}

/* A token with a key pair and the user "ann". */
static CK_SESSION_HANDLE token_with_ann(CK_SLOT_ID *slot)
{
	CK_SESSION_HANDLE s = module_user(slot);
	struct inro_user ann = person("ann", "annas pin");

	(void)module_ec(s, true, false);
	OK(p11->C_Logout(s));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11_admin->user_add(s, &ann));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_add(s, &ann));
	GIVES(CKR_ACTION_PROHIBITED, p11_admin->user_add(s, &ann));
	OK(p11->C_Logout(s));
	return s;
}

static void expect_to_sign(CK_SESSION_HANDLE s)
{
	CK_ATTRIBUTE mine[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	CK_OBJECT_HANDLE key = 0;
	uint8_t sig[64];

	MUST(module_find(s, mine, 1, &key) == 1);
	OK(module_sign(s, key, sig));
}

static void named_users_use_the_same_keys(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);
	CK_SESSION_INFO info;

	(void)state;
	OK(log_in_as(s, CKU_USER, "ann", "annas pin"));
	OK(p11->C_GetSessionInfo(s, &info));
	assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
	expect_to_sign(s);
	GIVES(CKR_USER_ALREADY_LOGGED_IN, log_in_as(s, CKU_USER, "ann", "annas pin"));
	GIVES(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, module_login(s, CKU_USER, USER_PIN));
	OK(set_pin(s, "annas pin", "another"));
	OK(p11->C_Logout(s));
	GIVES(CKR_PIN_INCORRECT, log_in_as(s, CKU_USER, "ann", "annas pin"));
	GIVES(CKR_PIN_INCORRECT, log_in_as(s, CKU_USER, "bob", "another"));
	GIVES(CKR_PIN_INCORRECT, log_in_as(s, CKU_SO, "ann", "another"));
	OK(log_in_as(s, CKU_USER, "ann", "another"));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_USER, USER_PIN)); /* the user's own is as it was */
	OK(p11->C_CloseSession(s));
}

static void named_officers_are_officers(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);
	struct inro_user eve = person("eve", "eves pin");
	struct inro_user_status list[4];
	CK_ULONG n = 0;

	(void)state;
	eve.type = CKU_SO;
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_add(s, &eve));
	OK(p11->C_Logout(s));
	OK(log_in_as(s, CKU_SO, "eve", "eves pin"));
	OK(p11->C_InitPIN(s, module_pin("999999"), 6));
	OK(p11->C_Logout(s));
	OK(module_login(s, CKU_USER, "999999"));
	OK(p11->C_Logout(s));
	OK(p11_admin->user_list(slot, NULL, &n));
	assert_int_equal(n, 2);
	GIVES(CKR_BUFFER_TOO_SMALL, p11_admin->user_list(slot, list, &(CK_ULONG) { 1 }));
	OK(p11_admin->user_list(slot, list, &n));
	assert_string_equal(list[0].name, "ann");
	assert_string_equal(list[1].name, "eve");
	assert_int_equal(list[1].type, CKU_SO);
	OK(p11->C_CloseSession(s));
}

static void start_with(const char *settings);

/* Where nothing can be counted on disk one's right PIN gives another no more tries. */
static void each_has_tries_of_his_own_to_read(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);

	(void)state;
	start_with("[token]\nread-only = yes\n");
	s = module_open(slot, false);
	for (int i = 0; i < TRIES; i++) {
		GIVES(CKR_PIN_INCORRECT, log_in_as(s, CKU_USER, "ann", "nope"));
		OK(module_login(s, CKU_USER, USER_PIN));
		OK(p11->C_Logout(s));
	}
	GIVES(CKR_PIN_LOCKED, log_in_as(s, CKU_USER, "ann", "annas pin"));
	OK(module_login(s, CKU_USER, USER_PIN));
	start_with("");
}

static void each_has_tries_of_his_own(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);
	struct inro_user ann = person("ann", "new annas");
	struct inro_user_status st;
	CK_ULONG n = 1;

	(void)state;
	for (int i = 0; i < TRIES; i++)
		GIVES(CKR_PIN_INCORRECT, log_in_as(s, CKU_USER, "ann", "nope"));
	GIVES(CKR_PIN_LOCKED, log_in_as(s, CKU_USER, "ann", "annas pin"));
	OK(p11_admin->user_list(slot, &st, &n));
	assert_int_equal(st.tries_left, 0);
	assert_int_equal(module_info(slot).flags & CKF_USER_PIN_LOCKED, 0);
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_pin(s, &ann));
	OK(p11->C_Logout(s));
	OK(log_in_as(s, CKU_USER, "ann", "new annas"));
	OK(p11->C_CloseSession(s));
}

/* What is said is what can be done: a named officer gets a new PIN from the other one. */
static void a_locked_officer_is_told_what_to_do(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);
	struct inro_user eve = person("eve", "eves pin");

	(void)state;
	eve.type = CKU_SO;
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_add(s, &eve));
	OK(p11->C_Logout(s));
	for (int i = 0; i < TRIES; i++)
		GIVES(CKR_PIN_INCORRECT, log_in_as(s, CKU_SO, "eve", "nope"));
	GIVES(CKR_PIN_LOCKED, log_in_as(s, CKU_SO, "eve", "eves pin"));
	assert_null(strstr(p11_admin->last_error(), "delete"));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_pin(s, &eve));
	OK(p11->C_Logout(s));
	OK(log_in_as(s, CKU_SO, "eve", "eves pin"));
	OK(p11->C_CloseSession(s));
}

static int remove_ann(void *slot)
{
	OK(p11->C_Initialize(NULL));
	CK_SESSION_HANDLE s = module_open(*(CK_SLOT_ID *)slot, true);

	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_delete(s, module_text("ann")));
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->user_delete(s, module_text("ann")));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void who_is_removed_is_logged_out(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);
	CK_ATTRIBUTE mine[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };

	(void)state;
	OK(log_in_as(s, CKU_USER, "ann", "annas pin"));
	assert_int_equal(scratch_child(remove_ann, &slot), 0);
	nanosleep(&(struct timespec) { .tv_nsec = 20000000 }, NULL);
	assert_int_equal(module_find(s, mine, 1, NULL), 0);
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(s));
	GIVES(CKR_PIN_INCORRECT, log_in_as(s, CKU_USER, "ann", "annas pin"));
	OK(p11->C_CloseSession(s));
}

static void names_have_a_form(void **state)
{
	static const char too_long[] = "a name of more than sixty-four bytes, which nobody has: "
				       "for it would not fit";
	static const char *const bad[] = { "", "a\nb", "\xff", too_long };
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);

	(void)state;
	OK(module_login(s, CKU_SO, SO_PIN));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct inro_user u = person(bad[i], "123456");

		GIVES(CKR_ARGUMENTS_BAD, p11_admin->user_add(s, &u));
	}
	OK(p11->C_CloseSession(s));
}

/* ---- PINs that must be changed ---- */

static void a_first_pin_is_changed_first(void **state)
{
	struct inro_new_token t = { .label = module_text("first pin"),
				    .so_pin = module_text(SO_PIN),
				    .user_pin = module_text(USER_PIN) };
	CK_OBJECT_HANDLE found;
	CK_SESSION_INFO info;
	CK_SLOT_ID slot;
	CK_ULONG n;

	(void)state;
	OK(p11_admin->create_first(&t, CK_TRUE, &slot));
	assert_true(module_info(slot).flags & CKF_USER_PIN_TO_BE_CHANGED);
	CK_SESSION_HANDLE s = module_open(slot, true);

	GIVES(CKR_PIN_TOO_WEAK, set_pin(s, USER_PIN, USER_PIN)); /* nor by who is nobody yet */
	assert_true(module_info(slot).flags & CKF_USER_PIN_TO_BE_CHANGED);
	OK(module_login(s, CKU_USER, USER_PIN));
	OK(p11->C_GetSessionInfo(s, &info));
	assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
	GIVES(CKR_PIN_EXPIRED, p11->C_FindObjectsInit(s, NULL, 0));
	GIVES(CKR_PIN_EXPIRED, p11->C_FindObjects(s, &found, 1, &n));
	GIVES(CKR_PIN_TOO_WEAK, set_pin(s, USER_PIN, USER_PIN));
	GIVES(CKR_PIN_INCORRECT, set_pin(s, "000000", "444444"));
	OK(set_pin(s, USER_PIN, "444444"));
	assert_false(module_info(slot).flags & CKF_USER_PIN_TO_BE_CHANGED);
	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_FindObjectsFinal(s));
	OK(p11->C_CloseSession(s));
}

static void the_officer_can_ask_for_a_change(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);
	struct inro_user user = { .type = CKU_USER,
				  .pin = module_text("555555"),
				  .change_pin = CK_TRUE };

	(void)state;
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11_admin->user_pin(s, &user));
	OK(p11->C_Logout(s));
	assert_true(module_info(slot).flags & CKF_USER_PIN_TO_BE_CHANGED);
	OK(module_login(s, CKU_USER, "555555"));
	GIVES(CKR_PIN_EXPIRED, p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_Logout(s));
	OK(p11->C_FindObjectsInit(s, NULL, 0)); /* nobody's session */
	OK(p11->C_FindObjectsFinal(s));
	OK(set_pin(s, "555555", "666666")); /* without a login, too */
	OK(module_login(s, CKU_USER, "666666"));
	expect_to_sign(s);
	OK(p11->C_CloseSession(s));
}

/* ---- settings ---- */

static void start_with(const char *settings)
{
	OK(p11->C_Finalize(NULL));
	setenv("INRO_CONFIG", scratch_file("inro.conf", settings, strlen(settings)), 1);
	OK(p11->C_Initialize(NULL));
}

static void pins_have_a_form(void **state)
{
	static const struct {
		const char *pin;
		CK_RV rv;
	} rows[] = { { "Abc12", CKR_PIN_LEN_RANGE },   { "Abcdef123456X", CKR_PIN_LEN_RANGE },
		     { "abcdef1", CKR_PIN_TOO_WEAK },  { "abcdefgh", CKR_PIN_TOO_WEAK },
		     { "12345678", CKR_PIN_TOO_WEAK }, { "Abcdef1", CKR_OK },
		     { "abcdef1!", CKR_OK },	       { "abc1\xc3\xa9xx", CKR_OK } };
	CK_SLOT_ID slot = module_token(NULL);

	(void)state;
	start_with("[token]\npin-min = 6\npin-max = 12\npin-classes = 3\n");
	CK_TOKEN_INFO info = module_info(slot);
	CK_SESSION_HANDLE s = module_open(slot, true);
	const char *now = USER_PIN;

	assert_int_equal(info.ulMinPinLen, 6);
	assert_int_equal(info.ulMaxPinLen, 12);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		GIVES(rows[i].rv, set_pin(s, now, rows[i].pin));
		if (rows[i].rv == CKR_OK)
			now = rows[i].pin;
	}
	OK(module_login(s, CKU_USER, now));
	OK(p11->C_CloseSession(s));
	start_with("");
}

static const char *helper(const char *script, mode_t mode)
{
	const char *path = scratch_file("ask", script, strlen(script));

	chmod(path, mode);
	return path;
}

static void use_helper(const char *script)
{
	char settings[4200];

	snprintf(settings, sizeof settings, "[token]\npin-helper = %s\n", helper(script, 0700));
	start_with(settings);
}

static void a_program_asks_for_the_pin(void **state)
{
	static const char asks[] =
		"#!/bin/sh\n"
		"test \"$INRO_ASK_TOKEN\" = asked || exit 3\n"
		"test -z \"$INRO_PIN\" || exit 4\n"
		"for fd in 3 4 5 6 7 8 9; do (: <&$fd) 2>/dev/null && exit 5; done\n"
		"case $INRO_ASK-$INRO_ASK_USER in\n"
		"login-user|old-user) echo 123456;; new-user) echo 777777;;\n"
		"login-so) echo 87654321;; login-ann) echo annas pin;; *) exit 6;; esac\n";
	CK_SLOT_ID slot = module_token("asked");

	(void)state;
	setenv("INRO_PIN", "not to be seen", 1);
	use_helper(asks);
	assert_true(module_info(slot).flags & CKF_PROTECTED_AUTHENTICATION_PATH);
	CK_SESSION_HANDLE s = module_open(slot, true);

	OK(p11->C_Login(s, CKU_USER, NULL, 0));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Login(s, CKU_USER, NULL, 4));
	OK(p11->C_Logout(s));
	OK(p11->C_SetPIN(s, NULL, 0, NULL, 0));
	OK(module_login(s, CKU_USER, "777777"));
	OK(p11->C_Logout(s));
	OK(p11->C_Login(s, CKU_SO, NULL, 0));
	OK(p11->C_InitPIN(s, NULL, 0));
	OK(p11->C_CloseSession(s));
	unsetenv("INRO_PIN");
	start_with("");
	s = module_open(slot, true);
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Login(s, CKU_USER, NULL, 0));
	assert_false(module_info(slot).flags & CKF_PROTECTED_AUTHENTICATION_PATH);
	OK(p11->C_CloseSession(s));
}

/* By his name, also where he is the one who is logged in. */
static void a_program_is_told_whose_pin_it_is(void **state)
{
	static const char asks[] = "#!/bin/sh\n"
				   "case $INRO_ASK-$INRO_ASK_USER in\n"
				   "login-ann|old-ann) echo annas pin;; new-ann) echo annas new pin;; *) exit 6;; esac\n";
	CK_MECHANISM make = { CKM_EC_KEY_PAIR_GEN, NULL, 0 }, sign = { CKM_ECDSA, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_SIGN, CK_TRUE), A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_TRUE) };
	CK_OBJECT_HANDLE a, key;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s = token_with_ann(&slot);

	(void)state;
	OK(p11->C_CloseSession(s));
	use_helper(asks);
	s = module_open(slot, true);
	OK(p11_3->C_LoginUser(s, CKU_USER, NULL, 0, module_pin("ann"), 3));
	OK(p11->C_GenerateKeyPair(s, &make, public, ARRAY_LEN(public), private, ARRAY_LEN(private), &a, &key));
	OK(p11->C_SignInit(s, &sign, key));
	OK(p11->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
	OK(p11->C_SetPIN(s, NULL, 0, NULL, 0));
	OK(p11->C_Logout(s));
	OK(log_in_as(s, CKU_USER, "ann", "annas new pin"));
	OK(p11->C_CloseSession(s));
	start_with("");
}

/* Who would be refused whatever he says is not asked. */
static void a_program_does_not_ask_for_nothing(void **state)
{
	char asks[600], asked[400];
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s;

	(void)state;
	snprintf(asked, sizeof asked, "%s", scratch_path("was.asked"));
	snprintf(asks, sizeof asks, "#!/bin/sh\n>'%s'\necho 123456\n", asked);
	use_helper(asks);
	s = module_open(slot, false);
	GIVES(CKR_USER_TYPE_INVALID, p11->C_Login(s, 77, NULL, 0));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
	GIVES(CKR_SESSION_READ_ONLY_EXISTS, p11->C_Login(s, CKU_SO, NULL, 0));
	OK(module_login(s, CKU_USER, USER_PIN));
	GIVES(CKR_USER_ALREADY_LOGGED_IN, p11->C_Login(s, CKU_USER, NULL, 0));
	GIVES(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, p11->C_Login(s, CKU_SO, NULL, 0));
	GIVES(CKR_SESSION_EXISTS, p11->C_InitToken(slot, NULL, 0, module_pin(LABEL_32)));
	assert_int_not_equal(access(asked, F_OK), 0);
	OK(p11->C_Logout(s));
	OK(p11->C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(access(asked, F_OK), 0);
	start_with("");
}

static void a_program_that_asks_can_fail(void **state)
{
	static const char *const scripts[] = {
		"#!/bin/sh\nexit 1\n",
		"#!/bin/sh\necho 123456; exit 1\n",
		"#!/bin/sh\nprintf 123456\n",
		"#!/bin/sh\necho\n",
		"#!/bin/sh\nhead -c 5000 /dev/zero | tr '\\0' x; echo\n",
		"#!/bin/sh\nkill -9 $$\n",
	};
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		use_helper(scripts[i]);
		s = module_open(slot, false);
		GIVES(CKR_FUNCTION_CANCELED, p11->C_Login(s, CKU_USER, NULL, 0));
	}
	helper("#!/bin/sh\necho 123456\n", 0722);
	GIVES(CKR_GENERAL_ERROR, p11->C_Login(s, CKU_USER, NULL, 0));
	unlink(scratch_path("ask"));
	GIVES(CKR_GENERAL_ERROR, p11->C_Login(s, CKU_USER, NULL, 0));
	start_with("");
}

/* A host that reaps every child itself takes the status away, not the PIN. */
static void a_host_that_reaps_is_no_harm(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);

	(void)state;
	use_helper("#!/bin/sh\necho 123456\n");
	void (*before)(int) = signal(SIGCHLD, SIG_IGN);
	CK_SESSION_HANDLE s = module_open(slot, false);

	OK(p11->C_Login(s, CKU_USER, NULL, 0));
	signal(SIGCHLD, before);
	OK(p11->C_CloseSession(s));
	start_with("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named_users_use_the_same_keys),
		cmocka_unit_test(named_officers_are_officers),
		cmocka_unit_test(each_has_tries_of_his_own),
		cmocka_unit_test(each_has_tries_of_his_own_to_read),
		cmocka_unit_test(a_locked_officer_is_told_what_to_do),
		cmocka_unit_test(who_is_removed_is_logged_out),
		cmocka_unit_test(names_have_a_form),
		cmocka_unit_test(a_first_pin_is_changed_first),
		cmocka_unit_test(the_officer_can_ask_for_a_change),
		cmocka_unit_test(pins_have_a_form),
		cmocka_unit_test(a_program_asks_for_the_pin),
		cmocka_unit_test(a_program_is_told_whose_pin_it_is),
		cmocka_unit_test(a_program_does_not_ask_for_nothing),
		cmocka_unit_test(a_program_that_asks_can_fail),
		cmocka_unit_test(a_host_that_reaps_is_no_harm),
	};

	return cmocka_run_group_tests_name("people of a token", tests, module_setup,
					   module_teardown);
}
