/* PINs of a token that are tried at once, and what others do in the process meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/raw_sql.h"

#define TRIES  10
#define ROUNDS 40 /* of something that has to happen within a tenth of a second */

static CK_ULONG tries_left(CK_SLOT_ID slot, CK_USER_TYPE user)
{
	struct inro_token_status st;

	OK(p11_admin->status(slot, &st));
	return user == CKU_SO ? st.tries_left_so : st.tries_left_user;
}

/* ---- counting ---- */

static CK_SLOT_ID guessed;
static atomic_uint n_wrong, n_locked, n_other; /* asserts belong to the main thread */

static void *guess(void *unused)
{
	CK_SESSION_HANDLE s = 0;
	char pin[] = "00000";

	if (p11->C_OpenSession(guessed, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK)
		atomic_fetch_add(&n_other, 1);
	for (int i = 0; i < 3; i++) {
		CK_RV rv = p11->C_Login(s, CKU_USER, module_pin(pin), sizeof pin - 1);

		atomic_fetch_add(rv == CKR_PIN_INCORRECT ? &n_wrong : rv == CKR_PIN_LOCKED ? &n_locked : &n_other, 1);
	}
	return unused;
}

static void guess_at_once(void)
{
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, guess, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static int guess_elsewhere(void)
{
	OK(p11->C_Initialize(NULL));
	guess_at_once();
	OK(p11->C_Finalize(NULL));
	return n_other ? 99 : (int)n_wrong;
}

/* More than there are tries, by the threads of two processes: each that was wrong has cost one. */
static void every_guess_counts(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	guessed = module_token(NULL);
	pid = fork();
	if (pid == 0)
		_exit(guess_elsewhere());
	guess_at_once();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(n_other, 0);
	assert_int_equal(n_wrong + (unsigned)WEXITSTATUS(status), TRIES);
	assert_int_equal(n_wrong + n_locked, 12);
	assert_int_equal(tries_left(guessed, CKU_USER), 0);
}

/* ---- meanwhile ---- */

struct login {
	CK_SESSION_HANDLE session;
	CK_USER_TYPE user;
	const char *pin;
	CK_RV rv;
	atomic_bool done;
};

static void *log_in(void *arg)
{
	struct login *l = arg;

	l->rv = module_login(l->session, l->user, l->pin);
	atomic_store(&l->done, true);
	return NULL;
}

/* Whether `meanwhile` was done while the PIN was tried: its try was taken and nothing had come of it. */
static bool during(struct login *l, CK_SLOT_ID slot, bool (*meanwhile)(CK_SLOT_ID slot))
{
	pthread_t thread;
	bool in_time = false;

	atomic_store(&l->done, false);
	assert_int_equal(pthread_create(&thread, NULL, log_in, l), 0);
	while (!atomic_load(&l->done) && !in_time)
		if (tries_left(slot, l->user) < TRIES)
			in_time = meanwhile(slot);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return in_time;
}

/* Until it was in time. */
static void once_during(struct login *l, CK_SLOT_ID slot, bool (*meanwhile)(CK_SLOT_ID slot), CK_RV want)
{
	for (int i = 0; i < ROUNDS; i++) {
		bool in_time = during(l, slot, meanwhile);

		if (in_time && l->rv == want)
			return;
		if (l->rv == CKR_OK)
			OK(p11->C_Logout(l->session));
	}
	fail_msg("not in %d logins: the last gave 0x%lx", ROUNDS, l->rv);
}

static bool use_the_token(CK_SLOT_ID slot)
{
	CK_SESSION_HANDLE s = module_open(slot, true);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_LABEL, "meanwhile"), A_TEXT(CKA_VALUE, "x") };
	CK_MECHANISM digest = { .mechanism = CKM_SHA256 };
	CK_OBJECT_HANDLE o;

	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	assert_int_equal(module_find(s, t, 2, NULL), 1);
	OK(p11->C_DigestInit(s, &digest));
	OK(p11->C_DestroyObject(s, o));
	OK(p11->C_CloseSession(s));
	return tries_left(slot, CKU_USER) < TRIES; /* the login is at it still */
}

static void others_are_served(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	struct login l = { .session = module_open(slot, true), .user = CKU_USER, .pin = USER_PIN };

	(void)state;
	once_during(&l, slot, use_the_token, CKR_OK);
	assert_int_equal(tries_left(slot, CKU_USER), TRIES);
	OK(p11->C_CloseSession(l.session));
}

static CK_SESSION_HANDLE read_only;

static bool open_read_only(CK_SLOT_ID slot)
{
	return p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &read_only) == CKR_OK;
}

/* What makes the login impossible comes while the PIN is tried: it is not said whether that is right, and it costs
 * nothing.  A wrong one is not told either. */
static void what_comes_between_costs_no_try(void **state)
{
	static const char *const pins[] = { SO_PIN, "00000000" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pins); i++) {
		CK_SLOT_ID slot = module_token(NULL);
		struct login l = { .session = module_open(slot, true), .user = CKU_SO, .pin = pins[i] };

		if (i == 0) {
			once_during(&l, slot, open_read_only, CKR_SESSION_READ_ONLY_EXISTS);
		} else { /* one that is late is counted, so there is one round */
			bool in_time = during(&l, slot, open_read_only);

			if (!in_time || l.rv == CKR_PIN_INCORRECT)
				continue;
			GIVES(CKR_SESSION_READ_ONLY_EXISTS, l.rv);
		}
		assert_int_equal(tries_left(slot, CKU_SO), TRIES);
		OK(p11->C_CloseSession(read_only));
		OK(module_login(l.session, CKU_SO, SO_PIN));
		OK(p11->C_CloseSession(l.session));
	}
}

static bool exchange_the_record(CK_SLOT_ID slot)
{
	raw_sql(module_token_file(slot), "UPDATE token SET auth_user = CAST(auth_user || x'00' AS BLOB)");
	return true;
}

/* The record that the PIN opens is not the one that is there any more. */
static void a_record_that_changed_opens_nothing(void **state)
{
	CK_SLOT_ID slot = module_token(NULL);
	struct login l = { .session = module_open(slot, true), .user = CKU_USER, .pin = USER_PIN };
	CK_SESSION_INFO info;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		bool in_time = during(&l, slot, exchange_the_record);

		raw_sql(module_token_file(slot), "UPDATE token SET auth_user = substr(auth_user, 1, 69)");
		if (in_time && l.rv != CKR_OK)
			break;
		OK(p11->C_Logout(l.session));
	}
	GIVES(CKR_PIN_INCORRECT, l.rv);
	OK(p11->C_GetSessionInfo(l.session, &info));
	assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
	assert_int_equal(tries_left(slot, CKU_USER), TRIES - 1);
	OK(module_login(l.session, CKU_USER, USER_PIN));
	OK(p11->C_CloseSession(l.session));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_guess_counts),
		cmocka_unit_test(others_are_served),
		cmocka_unit_test(what_comes_between_costs_no_try),
		cmocka_unit_test(a_record_that_changed_opens_nothing),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
