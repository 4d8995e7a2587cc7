/* PKCS#11 3.2 5.4, 5.19, 3.6: starting and stopping, lists of functions, interfaces, what is said
 * of the library; and what every function answers when it may not be called at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/calls.h"

#define CALL_FN(list, name, args, code)                                                            \
	static CK_RV call_##name(CK_SESSION_HANDLE s)                                              \
	{                                                                                          \
		return list->name args;                                                            \
	}
CALLS(CALL_FN)

#define CALL_ROW(list, name, args, code) { #name, call_##name, code },
static const struct call calls[] = { CALLS(CALL_ROW) };

static void must_give(CK_RV want, const struct call *c, CK_SESSION_HANDLE s)
{
	CK_RV got = c->fn(s);

	if (got != want)
		fail_msg("%s gives 0x%lx, not 0x%lx", c->name, got, want);
}

/* ---- lists and interfaces ---- */

typedef CK_RV get_interface_fn(CK_UTF8CHAR *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS);
typedef CK_RV get_interfaces_fn(CK_INTERFACE *, CK_ULONG *);

static void symbol(const char *name, void *ret_fn)
{
	void *p = dlsym(module_handle(), name);

	assert_non_null(p);
	memcpy(ret_fn, &p, sizeof p);
}

/* The version, then functions. */
static size_t functions_of(size_t size)
{
	return (size - offsetof(CK_FUNCTION_LIST, C_Initialize)) / sizeof(void *);
}

static void no_gap_in(const void *list, size_t size)
{
	const uint8_t *at = (const uint8_t *)list + offsetof(CK_FUNCTION_LIST, C_Initialize);

	for (size_t i = 0; i < functions_of(size); i++) {
		void *fn;

		memcpy(&fn, at + i * sizeof fn, sizeof fn);
		if (!fn)
			fail_msg("function %zu of %zu is NULL", i, functions_of(size));
	}
}

static const CK_VERSION *list_of(CK_VERSION *version)
{
	CK_INTERFACE *found = NULL;

	OK(p11_3->C_GetInterface(module_pin("PKCS 11"), version, &found, 0));
	return found->pFunctionList;
}

static void every_list_is_full(void **state)
{
	static const struct {
		CK_VERSION version;
		size_t size;
	} lists[] = { { { 2, 40 }, sizeof(CK_FUNCTION_LIST) },
		      { { 3, 0 }, sizeof(struct ck_functions_3_0) },
		      { { 3, 2 }, sizeof(struct ck_functions_3_2) } };
	size_t head = offsetof(CK_FUNCTION_LIST, C_Initialize);

	(void)state;
	assert_int_equal(functions_of(sizeof(struct ck_functions_3_2)),
			 ARRAY_LEN(calls) + CALLS_WITHOUT_SESSION);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		CK_VERSION v = lists[i].version;
		const CK_VERSION *list = list_of(&v);

		assert_memory_equal(list, &v, sizeof v);
		no_gap_in(list, lists[i].size);
		/* each is the head of the next */
		assert_memory_equal((const uint8_t *)list + head, (const uint8_t *)p11_32 + head,
				    lists[i].size - head);
	}
}

/* As a program has one that is linked with libp11-kit: the module's list does not lead here. */
__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	(void)list;
	return CKR_GENERAL_ERROR;
}

static void the_function_list_is_2_40(void **state)
{
	CK_RV (*get)(CK_FUNCTION_LIST **);
	CK_FUNCTION_LIST *list = NULL, *again = NULL;

	(void)state;
	symbol("C_GetFunctionList", &get);
	GIVES(CKR_ARGUMENTS_BAD, get(NULL));
	OK(get(&list));
	assert_int_equal(list->version.major, 2);
	assert_int_equal(list->version.minor, 40);
	OK(list->C_GetFunctionList(&again));
	assert_ptr_equal(list, again);
	OK(p11->C_GetFunctionList(&again));
	assert_ptr_equal(list, again);
}

static const struct asked {
	const char *name; /* NULL: any */
	int major, minor; /* -1: any */
	CK_FLAGS flags;
	int got_major, got_minor; /* -1: there is none */
} asked[] = {
	{ NULL, -1, 0, 0, 3, 2 },
	{ NULL, -1, 0, CKF_INTERFACE_FORK_SAFE, 3, 2 },
	{ NULL, -1, 0, 2, -1, 0 },
	{ NULL, -1, 0, ~0UL, -1, 0 },
	{ NULL, 2, 40, 0, 2, 40 },
	{ NULL, 3, 0, 0, 3, 0 },
	{ NULL, 3, 2, CKF_INTERFACE_FORK_SAFE, 3, 2 },
	{ NULL, 9, 9, 0, -1, 0 },
	{ "PKCS 11", -1, 0, 0, 3, 2 },
	{ "PKCS 11", -1, 0, CKF_INTERFACE_FORK_SAFE, 3, 2 },
	{ "PKCS 11", -1, 0, 2, -1, 0 },
	{ "PKCS 11", 2, 40, 0, 2, 40 },
	{ "PKCS 11", 2, 40, CKF_INTERFACE_FORK_SAFE, 2, 40 },
	{ "PKCS 11", 3, 0, 0, 3, 0 },
	{ "PKCS 11", 3, 2, 0, 3, 2 },
	{ "PKCS 11", 2, 20, 0, -1, 0 },
	{ "PKCS 11", 3, 9, 0, -1, 0 },
	{ "PKCS 11", 0, 0, 0, -1, 0 },
	{ "PKCS 1", -1, 0, 0, -1, 0 },
	{ "pkcs 11", -1, 0, 0, -1, 0 },
	{ "", -1, 0, 0, -1, 0 },
	{ INRO_ADMIN_INTERFACE, 3, 2, 0, -1, 0 },
};

static void ask(const struct asked *a, get_interface_fn *get)
{
	CK_VERSION v = { (unsigned char)a->major, (unsigned char)a->minor };
	CK_UTF8CHAR *name = a->name ? module_pin(a->name) : NULL;
	CK_INTERFACE *found = NULL;
	CK_RV rv = get(name, a->major < 0 ? NULL : &v, &found, a->flags);

	if (a->got_major < 0) {
		assert_int_equal(rv, CKR_ARGUMENTS_BAD);
		assert_null(found);
		return;
	}
	assert_int_equal(rv, CKR_OK);
	assert_string_equal((const char *)found->pInterfaceName, "PKCS 11");
	assert_int_equal(((const CK_VERSION *)found->pFunctionList)->major, a->got_major);
	assert_int_equal(((const CK_VERSION *)found->pFunctionList)->minor, a->got_minor);
}

static void interfaces_by_name_version_and_flags(void **state)
{
	get_interface_fn *get;

	(void)state;
	symbol("C_GetInterface", &get);
	GIVES(CKR_ARGUMENTS_BAD, get(NULL, NULL, NULL, 0));
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		ask(&asked[i], get);
		ask(&asked[i], p11_3->C_GetInterface);
	}
}

static void the_list_of_interfaces_has_lengths(void **state)
{
	CK_INTERFACE list[16], *one;
	CK_ULONG n = 99, room;
	get_interfaces_fn *get;

	(void)state;
	symbol("C_GetInterfaceList", &get);
	GIVES(CKR_ARGUMENTS_BAD, get(NULL, NULL));
	GIVES(CKR_ARGUMENTS_BAD, get(list, NULL));
	OK(get(NULL, &n));
	assert_in_range(n, 3, ARRAY_LEN(list));
	room = n - 1;
	GIVES(CKR_BUFFER_TOO_SMALL, get(list, &room));
	assert_int_equal(room, n);
	OK(get(list, &room));
	room = ARRAY_LEN(list);
	OK(p11_3->C_GetInterfaceList(list, &room));
	assert_int_equal(room, n);
	for (CK_ULONG i = 0; i < n; i++) {
		CK_VERSION v;

		memcpy(&v, list[i].pFunctionList, sizeof v);
		OK(p11_3->C_GetInterface(list[i].pInterfaceName, &v, &one, list[i].flags));
		assert_ptr_equal(one->pFunctionList, list[i].pFunctionList);
		assert_true(list[i].flags & CKF_INTERFACE_FORK_SAFE); /* tested: children_... */
	}
}

/* A wrapper may write into what it was given, and others still get the right list. */
static void interfaces_are_there_before_initialize(void **state)
{
	CK_ULONG n = 0;

	(void)state;
	OK(p11->C_Finalize(NULL));
	OK(p11_3->C_GetInterfaceList(NULL, &n));
	list_of(NULL);
	OK(p11->C_Initialize(NULL));
}

/* ---- what the library says of itself ---- */

static void padded(const CK_UTF8CHAR *field, size_t n)
{
	MUST(field[0] != ' ' && field[n - 1] == ' ');
	for (size_t i = 0; i < n; i++)
		MUST(field[i] >= 0x20 && field[i] < 0x7f);
}

static void info_is_blank_padded(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_TOKEN_INFO token = module_info(slot);
	CK_SLOT_INFO info;
	CK_INFO library;

	(void)state;
	OK(p11->C_GetInfo(&library));
	padded(library.manufacturerID, sizeof library.manufacturerID);
	padded(library.libraryDescription, sizeof library.libraryDescription);
	assert_int_equal(library.cryptokiVersion.major, 3);
	assert_int_equal(library.cryptokiVersion.minor, 2);
	assert_int_equal(library.flags, 0);
	OK(p11->C_GetSlotInfo(slot, &info));
	padded(info.slotDescription, sizeof info.slotDescription);
	padded(info.manufacturerID, sizeof info.manufacturerID);
	assert_int_equal(info.flags, CKF_TOKEN_PRESENT);
	padded(token.label, sizeof token.label);
	padded(token.manufacturerID, sizeof token.manufacturerID);
	padded(token.model, sizeof token.model);
	for (size_t i = 0; i < sizeof token.serialNumber; i++)
		MUST(token.serialNumber[i] >= 0x20 && token.serialNumber[i] < 0x7f);
	for (size_t i = 0; i < sizeof token.utcTime; i++) /* CKF_CLOCK_ON_TOKEN is not set */
		MUST(token.utcTime[i] == ' ');
	assert_int_equal(token.flags & CKF_CLOCK_ON_TOKEN, 0);
	assert_int_equal(token.flags & CKF_DUAL_CRYPTO_OPERATIONS, CKF_DUAL_CRYPTO_OPERATIONS);
}

/* ---- C_Initialize ---- */

static CK_RV create_mutex(void **mutex)
{
	*mutex = NULL;
	return CKR_OK;
}

static CK_RV use_mutex(void *mutex)
{
	(void)mutex;
	return CKR_OK;
}

static CK_RV start_with(unsigned callbacks, CK_FLAGS flags, void *reserved)
{
	CK_C_INITIALIZE_ARGS a = { .CreateMutex = callbacks & 1 ? create_mutex : NULL,
				   .DestroyMutex = callbacks & 2 ? use_mutex : NULL,
				   .LockMutex = callbacks & 4 ? use_mutex : NULL,
				   .UnlockMutex = callbacks & 8 ? use_mutex : NULL,
				   .flags = flags,
				   .pReserved = reserved };
	CK_RV rv = p11->C_Initialize(&a);

	if (rv == CKR_OK)
		OK(p11->C_Finalize(NULL));
	return rv;
}

/* 5.4.1: all four callbacks or none; without CKF_OS_LOCKING_OK they would have to be used. */
static void all_mutex_callbacks_or_none(void **state)
{
	static const CK_FLAGS flags[] = { 0, CKF_OS_LOCKING_OK, CKF_LIBRARY_CANT_CREATE_OS_THREADS,
					  CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK };
	int something;

	(void)state;
	OK(p11->C_Finalize(NULL));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		OK(start_with(0, flags[i], NULL));
		for (unsigned some = 1; some < 15; some++)
			GIVES(CKR_ARGUMENTS_BAD, start_with(some, flags[i], NULL));
		GIVES(flags[i] & CKF_OS_LOCKING_OK ? CKR_OK : CKR_CANT_LOCK,
		      start_with(15, flags[i], NULL));
		GIVES(CKR_ARGUMENTS_BAD, start_with(0, flags[i], &something));
		GIVES(CKR_ARGUMENTS_BAD, start_with(15, flags[i], &something));
	}
	OK(p11->C_Initialize(NULL));
}

/* ---- every function ---- */

static void without_session(CK_RV rv)
{
	CK_SLOT_ID slots[4];
	CK_ULONG n = 4;
	CK_INFO info;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_MECHANISM_TYPE mechs[4];
	CK_MECHANISM_INFO mech;
	CK_UTF8CHAR label[32];
	CK_SESSION_HANDLE s;

	memset(label, ' ', sizeof label);
	GIVES(rv, p11->C_Finalize(NULL));
	GIVES(rv, p11->C_GetInfo(&info));
	GIVES(rv, p11->C_GetInfo(NULL));
	GIVES(rv, p11->C_GetSlotList(CK_TRUE, slots, &n));
	GIVES(rv, p11->C_GetSlotList(CK_TRUE, NULL, NULL));
	GIVES(rv, p11->C_GetSlotInfo(1, &slot));
	GIVES(rv, p11->C_GetTokenInfo(1, &token));
	GIVES(rv, p11->C_GetMechanismList(1, mechs, &n));
	GIVES(rv, p11->C_GetMechanismInfo(1, CKM_SHA256, &mech));
	GIVES(rv, p11->C_InitToken(1, label, 4, label));
	GIVES(rv, p11->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &s));
	GIVES(rv, p11->C_CloseAllSessions(1));
	GIVES(rv, p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, slots, NULL));
	GIVES(rv, p11->C_WaitForSlotEvent(0, NULL, NULL));
}

static void before_initialize_every_function_says_so(void **state)
{
	(void)state;
	OK(p11->C_Finalize(NULL));
	without_session(CKR_CRYPTOKI_NOT_INITIALIZED);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		must_give(CKR_CRYPTOKI_NOT_INITIALIZED, &calls[i], 0);
		must_give(CKR_CRYPTOKI_NOT_INITIALIZED, &calls[i], 1);
	}
	OK(p11->C_Initialize(NULL));
}

/* 5.1.2: the same after fork(), in children of children, until they start for themselves. */
static int child(int deep)
{
	CK_SESSION_HANDLE s;
	int status = 0;
	pid_t pid;

	without_session(CKR_CRYPTOKI_NOT_INITIALIZED);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		MUST(calls[i].fn(1) == CKR_CRYPTOKI_NOT_INITIALIZED);
	OK(p11->C_Initialize(NULL));
	s = module_open(1, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	module_ec(s, false, false);
	if (deep == 0)
		return 0;
	pid = fork();
	if (pid == 0)
		_exit(child(deep - 1));
	MUST(waitpid(pid, &status, 0) == pid);
	module_ec(s, false, false); /* undisturbed */
	OK(p11->C_Finalize(NULL));
	return status == 0 ? 0 : 1;
}

static void in_children_every_function_says_so(void **state)
{
	CK_SESSION_HANDLE s = module_user(NULL);
	struct module_pair p = module_ec(s, false, false);
	uint8_t sig[64];
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(child(3));
	MUST(waitpid(pid, &status, 0) == pid);
	assert_int_equal(status, 0);
	OK(module_sign(s, p.private, sig));
	OK(p11->C_CloseSession(s));
}

static void a_wrong_session_is_named_first(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE closed = module_open(slot, true);
	const CK_SESSION_HANDLE wrong[] = { 0, ~0UL, closed, closed + 1, ULONG_BIT(63) };

	(void)state;
	OK(p11->C_CloseSession(closed));
	for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
		for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
			bool async = strncmp(calls[i].name, "C_Async", 7) == 0;

			must_give(async ? CKR_FUNCTION_NOT_SUPPORTED : CKR_SESSION_HANDLE_INVALID,
				  &calls[i], wrong[k]);
		}
	}
}

static void without_arguments_every_function_has_its_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		CK_SLOT_ID slot;
		CK_SESSION_HANDLE s;
		static CK_SLOT_ID same;

		if (!same) {
			s = module_user(&slot);
			same = slot;
		} else {
			s = module_open(same, true);
			OK(module_login(s, CKU_USER, USER_PIN));
		}
		must_give(calls[i].code, &calls[i], s);
		OK(p11->C_CloseAllSessions(same));
	}
}

static void without_session_and_arguments(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s;

	(void)state;
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetInfo(NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetSlotList(CK_FALSE, NULL, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetSlotInfo(slot, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetTokenInfo(slot, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetMechanismList(slot, NULL, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetMechanismInfo(slot, CKM_SHA256, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_InitToken(slot, NULL, 0, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
	GIVES(CKR_SESSION_PARALLEL_NOT_SUPPORTED,
	      p11->C_OpenSession(slot, CKF_RW_SESSION, NULL, NULL, &s));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, &slot));
	GIVES(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(NULL));
}

static void a_wrong_slot_is_named(void **state)
{
	static const CK_SLOT_ID wrong[] = { 0, 9999999, ~0UL, ~0UL - 1, ULONG_BIT(63) };
	CK_MECHANISM_INFO mech;
	CK_TOKEN_INFO token;
	CK_SLOT_INFO info;
	CK_SESSION_HANDLE s;
	CK_UTF8CHAR label[32] = { 0 };
	CK_ULONG n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CK_SLOT_ID w = wrong[i];

		GIVES(CKR_SLOT_ID_INVALID, p11->C_GetSlotInfo(w, &info));
		GIVES(CKR_SLOT_ID_INVALID, p11->C_GetTokenInfo(w, &token));
		GIVES(CKR_SLOT_ID_INVALID, p11->C_GetMechanismList(w, NULL, &n));
		GIVES(CKR_SLOT_ID_INVALID, p11->C_GetMechanismInfo(w, CKM_SHA256, &mech));
		GIVES(CKR_SLOT_ID_INVALID, p11->C_InitToken(w, label, 8, label));
		GIVES(CKR_SLOT_ID_INVALID,
		      p11->C_OpenSession(w, CKF_SERIAL_SESSION, NULL, NULL, &s));
		GIVES(CKR_SLOT_ID_INVALID, p11->C_CloseAllSessions(w));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_list_is_full),
		cmocka_unit_test(the_function_list_is_2_40),
		cmocka_unit_test(interfaces_by_name_version_and_flags),
		cmocka_unit_test(the_list_of_interfaces_has_lengths),
		cmocka_unit_test(interfaces_are_there_before_initialize),
		cmocka_unit_test(info_is_blank_padded),
		cmocka_unit_test(all_mutex_callbacks_or_none),
		cmocka_unit_test(before_initialize_every_function_says_so),
		cmocka_unit_test(in_children_every_function_says_so),
		cmocka_unit_test(a_wrong_session_is_named_first),
		cmocka_unit_test(without_arguments_every_function_has_its_code),
		cmocka_unit_test(without_session_and_arguments),
		cmocka_unit_test(a_wrong_slot_is_named),
	};

	return cmocka_run_group_tests_name("conformance: general", tests, module_setup,
					   module_teardown);
}
