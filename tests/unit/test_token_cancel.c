/* Threads that pthread_cancel() ends while they are in the module: nothing stays locked, and
 * C_Finalize waits for none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define ROUNDS 60

/* A thread that is cancelled leaves frames without their end, which the address sanitizer of gcc 12 has marked in its stack
 * and then takes for the frames of the runtime itself; with this they are elsewhere. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=1";
}

static atomic_uint done;

/* A write with a sync, which are cancellation points. */
static void *make_objects(void *session)
{
	static CK_OBJECT_CLASS data = CKO_DATA;
	CK_ATTRIBUTE a[] = { A_BYTES(CKA_CLASS, &data, sizeof data), A_BOOL(CKA_TOKEN, CK_TRUE),
			     A_TEXT(CKA_LABEL, "one of many") };
	CK_OBJECT_HANDLE object;

	for (;;) {
		OK(p11->C_CreateObject(*(CK_SESSION_HANDLE *)session, a, 3, &object));
		atomic_fetch_add(&done, 1);
		pthread_testcancel(); /* what was made is acknowledged */
	}
	return NULL;
}

static void *wait_for_events(void *unused)
{
	CK_SLOT_ID slot;

	(void)unused;
	atomic_fetch_add(&done, 1);
	while (p11->C_WaitForSlotEvent(0, &slot, NULL) == CKR_OK)
		continue;
	return NULL;
}

static void cancel_one(void *(*work)(void *), void *arg, useconds_t after)
{
	unsigned before = atomic_load(&done);
	pthread_t t;
	void *end;

	assert_int_equal(pthread_create(&t, NULL, work, arg), 0);
	while (atomic_load(&done) == before)
		usleep(100);
	usleep(after);
	assert_int_equal(pthread_cancel(t), 0);
	assert_int_equal(pthread_join(t, &end), 0);
	assert_ptr_equal(end, PTHREAD_CANCELED);
}

static CK_ULONG objects(CK_SESSION_HANDLE s)
{
	static CK_OBJECT_HANDLE found[20000];
	CK_ULONG n = 0;

	OK(p11->C_FindObjectsInit(s, NULL, 0));
	OK(p11->C_FindObjects(s, found, 20000, &n));
	OK(p11->C_FindObjectsFinal(s));
	return n;
}

/* The session that it worked with serves the next one, and what was told to be there is there. */
static void test_while_it_writes(void **state)
{
	CK_SESSION_HANDLE s;
	CK_ULONG before;

	(void)state;
	alarm(120); /* a lock that stays held is told by its signal */
	OK(p11->C_Initialize(NULL));
	s = module_user(NULL);
	before = objects(s);
	atomic_store(&done, 0);
	srandom(5);
	for (int i = 0; i < ROUNDS; i++)
		cancel_one(make_objects, &s, (useconds_t)random() % 3000);
	assert_int_equal(objects(s), before + atomic_load(&done));
	OK(p11->C_Finalize(NULL));
	alarm(0);
}

/* Who waits for a slot's event can be cancelled: it may never come. */
static void test_while_it_waits(void **state)
{
	size_t before;

	(void)state;
	alarm(120);
	OK(p11->C_Initialize(NULL));
	before = scratch_entries("/proc/self/fd");
	for (int i = 0; i < 5; i++)
		cancel_one(wait_for_events, NULL, 20000);
	assert_int_equal(scratch_entries("/proc/self/fd"), before);
	OK(p11->C_Finalize(NULL));
	alarm(0);
}

/* What the caller has chosen is his own again when a function returns. */
static void test_the_state_stays(void **state)
{
	int was;

	(void)state;
	for (int want = PTHREAD_CANCEL_ENABLE;; want = PTHREAD_CANCEL_DISABLE) {
		assert_int_equal(pthread_setcancelstate(want, NULL), 0);
		OK(p11->C_Initialize(NULL));
		(void)module_open(module_token(NULL), true);
		GIVES(CKR_SESSION_HANDLE_INVALID, p11->C_CloseSession(12345));
		OK(p11->C_Finalize(NULL));
		GIVES(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
		assert_int_equal(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &was), 0);
		assert_int_equal(was, want);
		if (want == PTHREAD_CANCEL_DISABLE)
			return;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_while_it_writes),
		cmocka_unit_test(test_while_it_waits),
		cmocka_unit_test(test_the_state_stays),
	};

	module_load();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
