/* Sessions and logins of the module: states, rules between them, the order of checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

static CK_STATE state_of(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO info;

	OK(p11->C_GetSessionInfo(s, &info));
	return info.state;
}

static void states_follow_the_login(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE ro = module_open(slot, false), rw = module_open(slot, true);

	(void)state;
	assert_int_equal(state_of(ro), CKS_RO_PUBLIC_SESSION);
	assert_int_equal(state_of(rw), CKS_RW_PUBLIC_SESSION);
	OK(module_login(ro, CKU_USER, USER_PIN));
	assert_int_equal(state_of(ro), CKS_RO_USER_FUNCTIONS);
	assert_int_equal(state_of(rw), CKS_RW_USER_FUNCTIONS);
	GIVES(CKR_USER_ALREADY_LOGGED_IN, module_login(rw, CKU_USER, USER_PIN));
	GIVES(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, module_login(rw, CKU_SO, SO_PIN));
	OK(p11->C_Logout(rw));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(rw));
	GIVES(CKR_SESSION_READ_ONLY_EXISTS, module_login(rw, CKU_SO, SO_PIN));
	OK(p11->C_CloseSession(ro));
	OK(module_login(rw, CKU_SO, SO_PIN));
	assert_int_equal(state_of(rw), CKS_RW_SO_FUNCTIONS);
	GIVES(CKR_SESSION_READ_WRITE_SO_EXISTS,
	      p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &ro));
	GIVES(CKR_USER_TYPE_INVALID, module_login(rw, 7, USER_PIN));
	OK(p11->C_CloseAllSessions(slot));
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_CloseSession(rw));
}

static void the_last_session_takes_the_login_with_it(void **state)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE a = module_user(&slot), b = module_open(slot, false);

	(void)state;
	OK(p11->C_CloseSession(a));
	assert_int_equal(state_of(b), CKS_RO_USER_FUNCTIONS);
	OK(p11->C_CloseSession(b));
	b = module_open(slot, true);
	assert_int_equal(state_of(b), CKS_RW_PUBLIC_SESSION);
	OK(module_login(b, CKU_USER, USER_PIN));
	OK(p11->C_CloseAllSessions(slot));
	b = module_open(slot, true);
	assert_int_equal(state_of(b), CKS_RW_PUBLIC_SESSION);
	OK(p11->C_CloseSession(b));
}

static void handles_are_never_used_again(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE last = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		CK_SESSION_HANDLE s = module_open(slot, i & 1);

		assert_true(s > last);
		last = s;
		OK(p11->C_CloseSession(s));
		GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_CloseSession(s));
	}
}

static void counts_are_shown(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE ro = module_open(slot, false), rw = module_open(slot, true);
	CK_TOKEN_INFO info = module_info(slot);

	(void)state;
	assert_int_equal(info.ulSessionCount, 2);
	assert_int_equal(info.ulRwSessionCount, 1);
	OK(p11->C_CloseSession(ro));
	OK(p11->C_CloseSession(rw));
	info = module_info(slot);
	assert_int_equal(info.ulSessionCount, 0);
	assert_int_equal(info.ulRwSessionCount, 0);
}

static void read_only_sessions_write_nothing_into_the_token(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE ro = module_open(slot, false);
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_OBJECT_HANDLE o = 0;

	(void)state;
	GIVES(CKR_SESSION_READ_ONLY, p11->C_CreateObject(ro, data, 2, &o));
	data[1] = (CK_ATTRIBUTE)A_BOOL(CKA_PRIVATE, CK_TRUE);
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_CreateObject(ro, data, 2, &o));
	OK(p11->C_CreateObject(ro, data, 1, &o));
	GIVES(CKR_SESSION_READ_ONLY,
	      p11->C_SetPIN(ro, module_pin(USER_PIN), 6, module_pin("1234"), 4));
	OK(p11->C_CloseAllSessions(slot));
}

static void the_empty_slot_can_be_looked_at(void **state)
{
	CK_SLOT_ID list[256], empty;
	CK_MECHANISM_TYPE mechs[256];
	CK_MECHANISM_INFO m;
	CK_SESSION_HANDLE s;
	CK_TOKEN_INFO info;
	CK_ULONG n = ARRAY_LEN(list), n_mechs = ARRAY_LEN(mechs);

	(void)state;
	OK(p11->C_GetSlotList(CK_FALSE, list, &n));
	empty = list[n - 1];
	info = module_info(empty);
	assert_int_equal(info.flags & CKF_TOKEN_INITIALIZED, 0);
	OK(p11->C_GetMechanismList(empty, mechs, &n_mechs));
	assert_true(n_mechs > 20);
	OK(p11->C_GetMechanismInfo(empty, mechs[0], &m));
	GIVES(CKR_TOKEN_NOT_RECOGNIZED,
	      p11->C_OpenSession(empty, CKF_SERIAL_SESSION, NULL, NULL, &s));
	OK(p11->C_CloseAllSessions(empty));
	GIVES(CKR_SLOT_ID_INVALID, p11->C_GetTokenInfo(empty + 1, &info));
	GIVES(CKR_SLOT_ID_INVALID, p11->C_GetTokenInfo(0, &info));
	GIVES(CKR_SLOT_ID_INVALID, p11->C_GetTokenInfo(~0UL, &info));
	n = 0;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetSlotList(CK_TRUE, list, &n));
	assert_true(n >= 1);
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetSlotList(CK_TRUE, list, NULL));
}

static void flags_that_are_not_known_are_not_the_sessions(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s;
	CK_SESSION_INFO info;

	(void)state;
	OK(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | 0x1 | 0x10000000, NULL, NULL, &s));
	OK(p11->C_GetSessionInfo(s, &info));
	assert_int_equal(info.flags, CKF_SERIAL_SESSION);
	assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
	OK(p11->C_CloseSession(s));
}

static void arguments_are_checked_in_order(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, false);

	(void)state;
	GIVES(CKR_SESSION_PARALLEL_NOT_SUPPORTED, p11->C_OpenSession(slot, 0, NULL, NULL, &s));
	GIVES(CKR_SESSION_ASYNC_NOT_SUPPORTED,
	      p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, NULL, NULL, &s));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_Login(~0UL, 99, NULL, 0));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Login(s, CKU_USER, NULL, 6));
	GIVES(CKR_PIN_INCORRECT, p11->C_Login(s, CKU_USER, module_pin(USER_PIN), ~0UL));
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_GetSessionInfo(0, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetSessionInfo(s, NULL));
	GIVES(CKR_FUNCTION_NOT_PARALLEL, p11->C_GetFunctionStatus(s));
	GIVES(CKR_FUNCTION_NOT_PARALLEL, p11->C_CancelFunction(s));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, module_login(s, CKU_CONTEXT_SPECIFIC, USER_PIN));
	GIVES(CKR_PIN_INCORRECT,
	      p11_3->C_LoginUser(s, CKU_USER, module_pin(USER_PIN), 6, module_pin("ann"), 3));
	OK(p11_3->C_LoginUser(s, CKU_USER, module_pin(USER_PIN), 6, NULL, 0));
	OK(p11_3->C_SessionCancel(s, CKF_SIGN | CKF_FIND_OBJECTS));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_DigestKey(s, 0));
	GIVES(CKR_ARGUMENTS_BAD, p11_3->C_MessageSignInit(s, NULL, 0));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED, p11_32->C_AsyncGetID(s, NULL, NULL));
	OK(p11->C_CloseAllSessions(slot));
}

static void starting_twice_and_wrongly(void **state)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	int reserved;
	CK_INFO info;

	(void)state;
	GIVES(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(&args));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Finalize(&reserved));
	OK(p11->C_Finalize(NULL));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_GetInfo(&info));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_CloseSession(1));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_DigestKey(1, 1));
	GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_GetTokenInfo(1, NULL));
	args.pReserved = &reserved;
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Initialize(&args));
	args = (CK_C_INITIALIZE_ARGS) { .flags = CKF_OS_LOCKING_OK,
					.CreateMutex = (CK_CREATEMUTEX)1 };
	GIVES(CKR_ARGUMENTS_BAD, p11->C_Initialize(&args));
	args = (CK_C_INITIALIZE_ARGS) { .CreateMutex = (CK_CREATEMUTEX)1,
					.DestroyMutex = (CK_DESTROYMUTEX)1,
					.LockMutex = (CK_LOCKMUTEX)1,
					.UnlockMutex = (CK_UNLOCKMUTEX)1 };
	GIVES(CKR_CANT_LOCK, p11->C_Initialize(&args));
	for (int i = 0; i < 3; i++) {
		OK(p11->C_Initialize(NULL));
		OK(p11->C_GetInfo(&info));
		OK(p11->C_Finalize(NULL));
	}
	OK(p11->C_Initialize(NULL));
	OK(p11->C_GetInfo(&info));
	assert_int_equal(info.cryptokiVersion.major, 3);
}

static void many_sessions_are_closed_quickly(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s;

	(void)state;
	for (int i = 0; i < 65536; i++)
		s = module_open(slot, false);
	GIVES(CKR_SESSION_COUNT, p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s));
	OK(p11->C_CloseAllSessions(slot));
	s = module_open(slot, false);
	OK(p11->C_CloseSession(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_follow_the_login),
		cmocka_unit_test(the_last_session_takes_the_login_with_it),
		cmocka_unit_test(handles_are_never_used_again),
		cmocka_unit_test(counts_are_shown),
		cmocka_unit_test(read_only_sessions_write_nothing_into_the_token),
		cmocka_unit_test(the_empty_slot_can_be_looked_at),
		cmocka_unit_test(flags_that_are_not_known_are_not_the_sessions),
		cmocka_unit_test(arguments_are_checked_in_order),
		cmocka_unit_test(starting_twice_and_wrongly),
		cmocka_unit_test(many_sessions_are_closed_quickly),
	};

	return cmocka_run_group_tests_name("token sessions", tests, module_setup, module_teardown);
}
