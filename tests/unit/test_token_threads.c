/* Threads in the module: many in one token at once, a C_Finalize among them, a logout while a key is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define THREADS 8
#define ROUNDS	60

static CK_SLOT_ID slot;
static atomic_int wrong; /* asserts belong to the main thread */
static atomic_int done;
static atomic_bool stop;

static void note(bool good)
{
	if (!good)
		atomic_fetch_add(&wrong, 1);
}

/* What a thread may meet when another has logged out. */
static bool ok_or_out(CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_KEY_HANDLE_INVALID ||
	       rv == CKR_OBJECT_HANDLE_INVALID;
}

static CK_SESSION_HANDLE open_session(void)
{
	CK_SESSION_HANDLE s = 0;

	note(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s) ==
	     CKR_OK);
	return s;
}

static CK_ULONG find_all(CK_SESSION_HANDLE s, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *one)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, class), A_TEXT(CKA_LABEL, "shared") };
	CK_ULONG n = 0;

	note(p11->C_FindObjectsInit(s, like, 2) == CKR_OK);
	note(p11->C_FindObjects(s, one, 1, &n) == CKR_OK);
	note(p11->C_FindObjectsFinal(s) == CKR_OK);
	return n;
}

static void sign_once(CK_SESSION_HANDLE s)
{
	CK_OBJECT_HANDLE key, pub;
	uint8_t sig[64];
	CK_RV rv;

	if (find_all(s, CKO_PRIVATE_KEY, &key) == 0)
		return; /* logged out just now */
	rv = module_sign(s, key, sig);
	note(ok_or_out(rv));
	if (rv != CKR_OK)
		return;
	note(find_all(s, CKO_PUBLIC_KEY, &pub) == 1);
	note(module_verify(s, pub, sig) == CKR_OK);
	atomic_fetch_add(&done, 1);
}

static void *signer(void *unused)
{
	CK_SESSION_HANDLE s = open_session();

	for (int i = 0; i < ROUNDS; i++)
		sign_once(s);
	note(p11->C_CloseSession(s) == CKR_OK);
	return unused;
}

static void *maker(void *unused)
{
	for (int i = 0; i < ROUNDS / 4; i++) {
		CK_SESSION_HANDLE s = open_session();
		CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, i & 1),
					A_TEXT(CKA_VALUE, "a value that has its own memory") };
		CK_OBJECT_HANDLE o = 0, copy = 0;

		note(p11->C_CreateObject(s, data, 3, &o) == CKR_OK);
		note(module_set(s, o, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "made")) == CKR_OK);
		note(p11->C_CopyObject(s, o, NULL, 0, &copy) == CKR_OK);
		note(p11->C_DestroyObject(s, o) == CKR_OK);
		note(p11->C_DestroyObject(s, copy) == CKR_OK);
		note(p11->C_CloseSession(s) == CKR_OK);
	}
	return unused;
}

static void *comer_and_goer(void *unused)
{
	CK_SESSION_HANDLE s = open_session();

	for (int i = 0; i < 6; i++) {
		CK_RV rv = p11->C_Logout(s);

		note(rv == CKR_OK || rv == CKR_USER_NOT_LOGGED_IN);
		rv = module_login(s, CKU_USER, USER_PIN);
		note(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
	}
	note(p11->C_CloseSession(s) == CKR_OK);
	return unused;
}

static void *finder(void *unused)
{
	CK_SESSION_HANDLE s = open_session();

	for (int i = 0; i < ROUNDS * 4; i++) {
		CK_OBJECT_HANDLE pub = 0;
		uint8_t id[16];

		note(find_all(s, CKO_PUBLIC_KEY, &pub) == 1);
		CK_ATTRIBUTE a = { CKA_ID, id, sizeof id };

		note(p11->C_GetAttributeValue(s, pub, &a, 1) == CKR_OK);
	}
	note(p11->C_CloseSession(s) == CKR_OK);
	return unused;
}

static void run(void *(*const jobs[])(void *), size_t n)
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, jobs[i], NULL), 0);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&wrong), 0);
}

static CK_SESSION_HANDLE shared_pair(void)
{
	CK_SESSION_HANDLE s = module_user(&slot);
	struct module_pair p = module_ec(s, true, false);

	OK(module_set(s, p.public, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "shared")));
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "shared")));
	return s;
}

static void all_at_once(void **state)
{
	static void *(*const jobs[THREADS])(void *) = { signer, signer, signer, maker,
							maker,	finder, finder, signer };
	CK_SESSION_HANDLE s = shared_pair();

	(void)state;
	atomic_store(&done, 0);
	run(jobs, THREADS);
	assert_int_equal(atomic_load(&done), 4 * ROUNDS);
	OK(p11->C_CloseSession(s));
}

static void with_logins_that_come_and_go(void **state)
{
	static void *(*const jobs[THREADS])(void *) = { signer, signer,		maker,
							finder, comer_and_goer, comer_and_goer,
							signer, finder };
	CK_SESSION_HANDLE s = shared_pair();

	(void)state;
	run(jobs, THREADS);
	OK(p11->C_CloseSession(s));
}

static CK_SESSION_HANDLE the_one;

static void *shares_a_session(void *unused)
{
	uint8_t out[32];

	for (int i = 0; i < ROUNDS * 10; i++) {
		CK_MECHANISM m = { .mechanism = CKM_SHA256 };
		CK_ULONG n = sizeof out;
		CK_RV rv = p11->C_DigestInit(the_one, &m);

		note(rv == CKR_OK || rv == CKR_OPERATION_ACTIVE);
		rv = p11->C_Digest(the_one, out, sizeof out, out, &n);
		note(rv == CKR_OK || rv == CKR_OPERATION_NOT_INITIALIZED);
	}
	return unused;
}

static void one_session_for_all(void **state)
{
	static void *(*const jobs[THREADS])(void *) = { shares_a_session, shares_a_session,
							shares_a_session, shares_a_session };

	(void)state;
	the_one = shared_pair();
	run(jobs, 4);
	OK(p11->C_CloseSession(the_one));
}

static void *works_until_the_end(void *unused)
{
	CK_RV rv = CKR_OK;

	while (rv != CKR_CRYPTOKI_NOT_INITIALIZED && !atomic_load(&stop)) {
		CK_SESSION_HANDLE s;
		CK_TOKEN_INFO info;
		CK_BYTE some[8];

		rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s);
		p11->C_GenerateRandom(s, some, sizeof some);
		p11->C_FindObjectsInit(s, NULL, 0);
		p11->C_GetTokenInfo(slot, &info);
		p11->C_CloseSession(s);
	}
	note(!atomic_load(&stop));
	return unused;
}

static void the_end_comes_while_all_are_inside(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < ARRAY_LEN(threads); i++)
			assert_int_equal(
				pthread_create(&threads[i], NULL, works_until_the_end, NULL), 0);
		nanosleep(&(struct timespec) { .tv_nsec = 2000000 + round * 100000 }, NULL);
		OK(p11->C_Finalize(NULL));
		for (size_t i = 0; i < ARRAY_LEN(threads); i++)
			pthread_join(threads[i], NULL);
		OK(p11->C_Initialize(NULL));
	}
	assert_int_equal(atomic_load(&wrong), 0);
}

static void *begins_and_ends(void *unused)
{
	for (int i = 0; i < 300; i++) {
		CK_RV rv = p11->C_Initialize(NULL);

		note(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
		rv = p11->C_Finalize(NULL);
		note(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	return unused;
}

/* But for the slot in which one can be made. */
static CK_ULONG tokens_there(void)
{
	CK_SLOT_ID all[64];
	CK_ULONG n = ARRAY_LEN(all), made = 0;

	OK(p11->C_Initialize(NULL));
	OK(p11->C_GetSlotList(CK_TRUE, all, &n));
	for (CK_ULONG i = 0; i < n; i++)
		made += (module_info(all[i]).flags & CKF_TOKEN_INITIALIZED) != 0;
	OK(p11->C_Finalize(NULL));
	return made;
}

/* What one begins another ends at once: afterwards no home is kept but the one that is in force then. */
static void beginnings_and_ends_at_once(void **state)
{
	static void *(*const jobs[THREADS])(void *) = { begins_and_ends, begins_and_ends, begins_and_ends,
							begins_and_ends };
	AUTO(free_chars) char *home = strdup(getenv("INRO_HOME"));

	(void)state;
	OK(p11->C_Finalize(NULL));
	run(jobs, 4);
	assert_int_equal(setenv("INRO_HOME", scratch_path("another"), 1), 0);
	assert_int_equal(tokens_there(), 0);
	assert_int_equal(setenv("INRO_HOME", home, 1), 0);
	assert_in_range(tokens_there(), 1, 1000);
	OK(p11->C_Initialize(NULL));
}

struct making {
	CK_SESSION_HANDLE session;
	atomic_int state; /* 0: not begun, 1: begun, 2: done */
	CK_RV rv;
	CK_OBJECT_HANDLE a, b;
};

static void *make_slowly(void *arg)
{
	struct making *m = arg;
	CK_MECHANISM rsa = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE bits[] = { A_ULONG(CKA_MODULUS_BITS, 4096) };

	atomic_store(&m->state, 1);
	m->rv = p11->C_GenerateKeyPair(m->session, &rsa, bits, 1, NULL, 0, &m->a, &m->b);
	atomic_store(&m->state, 2);
	return NULL;
}

/* It does not wait for the making, and the key that comes too late is none.  The making may be
 * faster than the logout: then the key was there, and the logout took it. */
static void a_logout_does_not_wait_for_a_key(void **state)
{
	CK_SLOT_ID mine = module_token(NULL);
	struct making m = { .session = module_open(mine, true) };
	CK_SESSION_HANDLE other = module_open(mine, true);
	int late = 0;

	(void)state;
	for (int i = 0; i < 5 && !late; i++) {
		pthread_t thread;

		OK(module_login(other, CKU_USER, USER_PIN));
		atomic_store(&m.state, 0);
		assert_int_equal(pthread_create(&thread, NULL, make_slowly, &m), 0);
		while (atomic_load(&m.state) == 0)
			nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
		nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
		OK(p11->C_Logout(other));
		late = atomic_load(&m.state) == 1;
		OK(module_login(other, CKU_USER, USER_PIN)); /* of a later time: no help */
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(m.rv == CKR_OK || m.rv == CKR_USER_NOT_LOGGED_IN);
		late = late && m.rv != CKR_OK;
		if (m.rv == CKR_OK)
			GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(other, m.b));
		OK(p11->C_Logout(other));
	}
	assert_true(late);
	OK(p11->C_CloseAllSessions(mine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(with_logins_that_come_and_go),
		cmocka_unit_test(one_session_for_all),
		cmocka_unit_test(the_end_comes_while_all_are_inside),
		cmocka_unit_test(beginnings_and_ends_at_once),
		cmocka_unit_test(a_logout_does_not_wait_for_a_key),
	};

	return cmocka_run_group_tests_name("token threads", tests, module_setup, module_teardown);
}
