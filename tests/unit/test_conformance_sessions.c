/* PKCS#11 3.2 5.5, 5.6: what may be done in every state of a session, by whom; logins, PINs,
 * tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

enum { NOBODY = 99 };

static CK_SLOT_ID slot;

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	slot = module_token("states");
	return 0;
}

static CK_SESSION_HANDLE session_of(CK_USER_TYPE who, bool rw)
{
	CK_SESSION_HANDLE s = module_open(slot, rw);

	if (who != NOBODY)
		OK(module_login(s, who, who == CKU_SO ? SO_PIN : USER_PIN));
	return s;
}

/* ---- what may be written ---- */

static const struct state {
	CK_USER_TYPE who;
	bool rw;
	CK_STATE state;
	/* public and private session objects, public and private token objects */
	CK_RV create[4];
	CK_RV set_pin, init_pin;
} states[] = {
	{ NOBODY,
	  false,
	  CKS_RO_PUBLIC_SESSION,
	  { CKR_OK, CKR_USER_NOT_LOGGED_IN, CKR_SESSION_READ_ONLY, CKR_SESSION_READ_ONLY },
	  CKR_SESSION_READ_ONLY,
	  CKR_USER_NOT_LOGGED_IN },
	{ NOBODY,
	  true,
	  CKS_RW_PUBLIC_SESSION,
	  { CKR_OK, CKR_USER_NOT_LOGGED_IN, CKR_OK, CKR_USER_NOT_LOGGED_IN },
	  CKR_OK,
	  CKR_USER_NOT_LOGGED_IN },
	{ CKU_USER,
	  false,
	  CKS_RO_USER_FUNCTIONS,
	  { CKR_OK, CKR_OK, CKR_SESSION_READ_ONLY, CKR_SESSION_READ_ONLY },
	  CKR_SESSION_READ_ONLY,
	  CKR_USER_NOT_LOGGED_IN },
	{ CKU_USER,
	  true,
	  CKS_RW_USER_FUNCTIONS,
	  { CKR_OK, CKR_OK, CKR_OK, CKR_OK },
	  CKR_OK,
	  CKR_USER_NOT_LOGGED_IN },
	{ CKU_SO,
	  true,
	  CKS_RW_SO_FUNCTIONS,
	  { CKR_OK, CKR_USER_NOT_LOGGED_IN, CKR_OK, CKR_USER_NOT_LOGGED_IN },
	  CKR_OK,
	  CKR_OK },
};

static void create_all(const struct state *e, CK_SESSION_HANDLE s)
{
	for (unsigned k = 0; k < 4; k++) {
		CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, k / 2 == 1),
				     A_BOOL(CKA_PRIVATE, k % 2 == 1) };
		CK_OBJECT_HANDLE o = 0;

		GIVES(e->create[k], p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
		if (e->create[k] == CKR_OK)
			OK(p11->C_DestroyObject(s, o));
	}
}

static void every_state_and_what_it_may(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		const struct state *e = &states[i];
		CK_SESSION_HANDLE s = session_of(e->who, e->rw);
		const char *pin = e->who == CKU_SO ? SO_PIN : USER_PIN;
		CK_SESSION_INFO info;

		OK(p11->C_GetSessionInfo(s, &info));
		assert_int_equal(info.state, e->state);
		assert_int_equal(info.slotID, slot);
		assert_int_equal(info.flags, CKF_SERIAL_SESSION | (e->rw ? CKF_RW_SESSION : 0));
		assert_int_equal(info.ulDeviceError, 0);
		create_all(e, s);
		GIVES(e->set_pin,
		      p11->C_SetPIN(s, module_pin(pin), strlen(pin), module_pin(pin), strlen(pin)));
		GIVES(e->init_pin, p11->C_InitPIN(s, module_pin(USER_PIN), strlen(USER_PIN)));
		OK(p11->C_CloseAllSessions(slot));
	}
}

/* ---- logins ---- */

static void every_login_in_every_state(void **state)
{
	static const struct {
		CK_USER_TYPE who, next;
		bool rw;
		CK_RV rv;
	} tries[] = {
		{ NOBODY, CKU_USER, false, CKR_OK },
		{ NOBODY, CKU_USER, true, CKR_OK },
		{ NOBODY, CKU_SO, false, CKR_SESSION_READ_ONLY_EXISTS },
		{ NOBODY, CKU_SO, true, CKR_OK },
		{ NOBODY, CKU_CONTEXT_SPECIFIC, true, CKR_OPERATION_NOT_INITIALIZED },
		{ NOBODY, 3, true, CKR_USER_TYPE_INVALID },
		{ NOBODY, ~0UL, true, CKR_USER_TYPE_INVALID },
		{ CKU_USER, CKU_USER, false, CKR_USER_ALREADY_LOGGED_IN },
		{ CKU_USER, CKU_USER, true, CKR_USER_ALREADY_LOGGED_IN },
		{ CKU_USER, CKU_SO, true, CKR_USER_ANOTHER_ALREADY_LOGGED_IN },
		{ CKU_USER, CKU_CONTEXT_SPECIFIC, true, CKR_OPERATION_NOT_INITIALIZED },
		{ CKU_SO, CKU_SO, true, CKR_USER_ALREADY_LOGGED_IN },
		{ CKU_SO, CKU_USER, true, CKR_USER_ANOTHER_ALREADY_LOGGED_IN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		CK_SESSION_HANDLE s = session_of(tries[i].who, tries[i].rw);

		GIVES(tries[i].rv,
		      module_login(s, tries[i].next, tries[i].next == CKU_SO ? SO_PIN : USER_PIN));
		OK(p11->C_CloseAllSessions(slot));
	}
}

/* A login counts for all sessions of the token, and so does the logout. */
static void a_login_is_the_tokens(void **state)
{
	CK_SESSION_HANDLE a = session_of(CKU_USER, true), b = module_open(slot, false), other;
	CK_SLOT_ID second = module_token(NULL);
	CK_SESSION_INFO info;

	(void)state;
	OK(p11->C_GetSessionInfo(b, &info));
	assert_int_equal(info.state, CKS_RO_USER_FUNCTIONS);
	other = module_open(second, true);
	OK(p11->C_GetSessionInfo(other, &info));
	assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(other));
	OK(p11->C_Logout(b));
	OK(p11->C_GetSessionInfo(a, &info));
	assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(a));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_Logout(b));
	OK(p11->C_CloseAllSessions(second));
	GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_Logout(other));
	OK(p11->C_GetSessionInfo(a, &info)); /* another slot's are still there */
	OK(p11->C_CloseAllSessions(slot));
}

/* 5.6.10: they are not found, their handles are dead; session objects are gone for good. */
static void a_logout_takes_private_objects(void **state)
{
	CK_SESSION_HANDLE s = session_of(CKU_USER, true);
	CK_ATTRIBUTE kept[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
				A_BOOL(CKA_PRIVATE, CK_TRUE), A_TEXT(CKA_LABEL, "kept") };
	CK_ATTRIBUTE lost[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_PRIVATE, CK_TRUE),
				A_TEXT(CKA_LABEL, "lost") };
	CK_ATTRIBUTE open[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_PRIVATE, CK_FALSE),
				A_TEXT(CKA_LABEL, "open") };
	CK_OBJECT_HANDLE a, b, c, again = 0;
	CK_ULONG size;

	(void)state;
	OK(p11->C_CreateObject(s, kept, ARRAY_LEN(kept), &a));
	OK(p11->C_CreateObject(s, lost, ARRAY_LEN(lost), &b));
	OK(p11->C_CreateObject(s, open, ARRAY_LEN(open), &c));
	OK(p11->C_Logout(s));
	for (int again_in = 0; again_in < 2; again_in++) {
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(s, b, &size));
		GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(s, b));
		assert_int_equal(module_find(s, &lost[2], 1, NULL), 0);
		OK(p11->C_GetObjectSize(s, c, &size));
		assert_int_equal(module_find(s, &kept[3], 1, &again), again_in);
		if (!again_in)
			OK(module_login(s, CKU_USER, USER_PIN));
	}
	OK(p11->C_GetObjectSize(s, again, &size));
	OK(p11->C_DestroyObject(s, again));
	assert_true(again != b && again != c);
	OK(p11->C_CloseAllSessions(slot));
}

/* ---- tokens ---- */

static void a_token_in_use_is_not_initialised_anew(void **state)
{
	CK_SLOT_ID mine = module_token("anew");
	CK_SESSION_HANDLE s = module_open(mine, false);
	CK_UTF8CHAR label[32];
	CK_TOKEN_INFO info;

	(void)state;
	memset(label, ' ', sizeof label);
	memcpy(label, "new", 3);
	GIVES(CKR_SESSION_EXISTS, p11->C_InitToken(mine, module_pin(SO_PIN), 8, label));
	OK(p11->C_CloseSession(s));
	GIVES(CKR_PIN_INCORRECT, p11->C_InitToken(mine, module_pin("87654320"), 8, label));
	info = module_info(mine);
	assert_true(info.flags & CKF_SO_PIN_COUNT_LOW);
	OK(p11->C_InitToken(mine, module_pin(SO_PIN), 8, label));
	info = module_info(mine);
	assert_memory_equal(info.label, label, sizeof label);
	assert_int_equal(info.flags & (CKF_USER_PIN_INITIALIZED | CKF_SO_PIN_COUNT_LOW), 0);
	s = module_open(mine, true);
	GIVES(CKR_USER_PIN_NOT_INITIALIZED, module_login(s, CKU_USER, USER_PIN));
	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11->C_InitPIN(s, module_pin(USER_PIN), strlen(USER_PIN)));
	OK(p11->C_CloseSession(s));
	info = module_info(mine);
	assert_true(info.flags & CKF_USER_PIN_INITIALIZED);
}

static CK_FLAGS after_wrong(CK_SLOT_ID mine, CK_USER_TYPE who, int wrong)
{
	CK_SESSION_HANDLE s = module_open(mine, true);

	for (int i = 0; i < wrong; i++)
		GIVES(CKR_PIN_INCORRECT, module_login(s, who, "99999999"));
	OK(p11->C_CloseSession(s));
	return module_info(mine).flags;
}

/* Of each the flags are set one after the other, and a success takes them away. */
static void flags_count_down_for_both(void **state)
{
	static const struct {
		CK_USER_TYPE who;
		CK_FLAGS low, final, locked;
	} rows[] = { { CKU_USER, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
		       CKF_USER_PIN_LOCKED },
		     { CKU_SO, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CK_SLOT_ID mine = module_token(NULL);
		CK_FLAGS all = rows[i].low | rows[i].final | rows[i].locked;
		CK_SESSION_HANDLE s;

		assert_int_equal(after_wrong(mine, rows[i].who, 0) & all, 0);
		assert_int_equal(after_wrong(mine, rows[i].who, 1) & all, rows[i].low);
		assert_int_equal(after_wrong(mine, rows[i].who, 8) & all,
				 rows[i].low | rows[i].final);
		s = module_open(mine, true);
		OK(module_login(s, rows[i].who, i ? SO_PIN : USER_PIN));
		OK(p11->C_CloseSession(s));
		assert_int_equal(module_info(mine).flags & all, 0);
	}
}

static void no_pin_is_huge(void **state)
{
	static const CK_ULONG sizes[] = { ~0UL, ~0UL - 1, ULONG_BIT(63), ULONG_BIT(32), 100000 };
	CK_SESSION_HANDLE s = module_open(slot, true);
	CK_UTF8CHAR *pin = module_pin(USER_PIN);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		GIVES(CKR_PIN_INCORRECT, p11->C_Login(s, CKU_USER, pin, sizes[i]));
		GIVES(CKR_ARGUMENTS_BAD, p11->C_Login(s, CKU_USER, NULL, sizes[i]));
		GIVES(CKR_PIN_LEN_RANGE, p11->C_SetPIN(s, pin, 6, pin, sizes[i]));
		GIVES(CKR_PIN_INCORRECT, p11->C_SetPIN(s, pin, sizes[i], pin, 6));
		/* a name that nothing could hold is no name */
		GIVES(sizes[i] >> ULONG_TOP ? CKR_ARGUMENTS_BAD : CKR_PIN_INCORRECT,
		      p11_3->C_LoginUser(s, CKU_USER, pin, 6, pin, sizes[i]));
	}
	OK(module_login(s, CKU_USER, USER_PIN)); /* what can't be a PIN counts for none */
	OK(p11->C_CloseAllSessions(slot));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_what_it_may),
		cmocka_unit_test(every_login_in_every_state),
		cmocka_unit_test(a_login_is_the_tokens),
		cmocka_unit_test(a_logout_takes_private_objects),
		cmocka_unit_test(a_token_in_use_is_not_initialised_anew),
		cmocka_unit_test(flags_count_down_for_both),
		cmocka_unit_test(no_pin_is_huge),
	};

	return cmocka_run_group_tests_name("conformance: sessions", tests, setup, module_teardown);
}
