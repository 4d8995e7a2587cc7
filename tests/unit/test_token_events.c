/* Slot events: a token made, removed or initialised anew here or elsewhere; each told once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

static CK_RV next_event(CK_SLOT_ID *slot)
{
	return p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, slot, NULL);
}

static void expect_event(CK_SLOT_ID want)
{
	CK_SLOT_ID slot = 0;

	OK(next_event(&slot));
	MUST(slot == want);
}

static void expect_none(void)
{
	CK_SLOT_ID slot = 7;

	GIVES(CKR_NO_EVENT, next_event(&slot));
	MUST(slot == 7);
}

static int make(void *label)
{
	OK(p11->C_Initialize(NULL));
	(void)module_token(label);
	OK(p11->C_Finalize(NULL));
	return 0;
}

static int remove_it(void *slot)
{
	OK(p11->C_Initialize(NULL));
	OK(p11_admin->destroy(*(CK_SLOT_ID *)slot, module_text(SO_PIN)));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static int init_anew(void *slot)
{
	CK_UTF8CHAR label[33] = "anew                            ";

	OK(p11->C_Initialize(NULL));
	OK(p11->C_InitToken(*(CK_SLOT_ID *)slot, module_pin(SO_PIN), 8, label));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void what_others_do_is_an_event(void **state)
{
	char label[] = "by another";
	CK_SLOT_ID list[64];
	CK_ULONG n = ARRAY_LEN(list);

	(void)state;
	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	CK_SLOT_ID slot = list[n - 1];

	expect_none();
	assert_int_equal(scratch_child(make, label), 0);
	n = ARRAY_LEN(list);
	OK(p11->C_GetSlotList(CK_TRUE, list, &n)); /* looking takes no event away */
	expect_event(slot);
	expect_none();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(scratch_child(init_anew, &slot), 0);
		expect_event(slot);
		expect_none();
	}
	assert_int_equal(scratch_child(remove_it, &slot), 0);
	expect_event(slot);
	expect_none();
}

static void what_we_do_is_one_too(void **state)
{
	CK_UTF8CHAR label[33] = "ours                            ";
	CK_SLOT_ID a = module_token(NULL), b = module_token(NULL);

	(void)state;
	expect_event(a);
	expect_event(b);
	expect_none();
	OK(p11->C_InitToken(a, module_pin(SO_PIN), 8, label));
	expect_event(a);
	OK(p11_admin->destroy(b, module_text(SO_PIN)));
	expect_event(b);
	expect_none();
	/* using one is none */
	CK_SESSION_HANDLE s = module_open(a, true);

	OK(module_login(s, CKU_SO, SO_PIN));
	OK(p11->C_InitPIN(s, module_pin(USER_PIN), 6));
	OK(p11->C_CloseSession(s));
	expect_none();
}

static void a_new_start_knows_of_none(void **state)
{
	(void)state;
	(void)module_token(NULL);
	OK(p11->C_Finalize(NULL));
	OK(p11->C_Initialize(NULL));
	expect_none();
}

static void its_arguments(void **state)
{
	CK_SLOT_ID slot;
	int reserved;

	(void)state;
	GIVES(CKR_ARGUMENTS_BAD, p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, &reserved));
}

/* ---- waiting ---- */

struct waiting {
	CK_SLOT_ID slot;
	CK_RV rv;
};

static void *wait_for_one(void *arg)
{
	struct waiting *w = arg;

	w->rv = p11->C_WaitForSlotEvent(0, &w->slot, NULL);
	return NULL;
}

static void nap(long ms)
{
	nanosleep(&(struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static void who_waits_is_told(void **state)
{
	char label[] = "waited for";
	struct waiting w = { 0 };
	pthread_t thread;
	size_t files = scratch_entries("/proc/self/fd");
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		nap(300);
		_exit(make(label));
	}
	pthread_create(&thread, NULL, wait_for_one, &w);
	pthread_join(thread, NULL);
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(w.rv, CKR_OK);
	assert_true(w.slot > 0);
	expect_none();
	assert_int_equal(scratch_entries("/proc/self/fd"), files);
}

static void the_end_ends_it(void **state)
{
	struct waiting w[2] = { 0 };
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, wait_for_one, &w[i]);
	nap(100);
	OK(p11->C_Finalize(NULL));
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(w[i].rv, CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	OK(p11->C_Initialize(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_do_is_an_event),
		cmocka_unit_test(what_we_do_is_one_too),
		cmocka_unit_test(a_new_start_knows_of_none),
		cmocka_unit_test(its_arguments),
		cmocka_unit_test(who_waits_is_told),
		cmocka_unit_test(the_end_ends_it),
	};

	return cmocka_run_group_tests_name("slot events", tests, module_setup, module_teardown);
}
