/*
 * How a process may end with the module in it: in each order of libcrypto's own end, C_Finalize and
 * the module's unloading its exit status is its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"

#define MINE 7 /* the status that each ends with */

static CK_SESSION_HANDLE s;
static struct module_pair pair;

static void start(void)
{
	uint8_t sig[64];

	MUST(module_setup(NULL) == 0);
	s = module_user(NULL);
	pair = module_ec(s, false, false);
	OK(module_sign(s, pair.private, sig));
}

static void finalize_at_exit(void)
{
	p11->C_Finalize(NULL);
}

static void without_finalize(void)
{
	start();
}

static void with_finalize(void)
{
	start();
	OK(p11->C_Finalize(NULL));
}

/* Handlers run backwards: this one after libcrypto's. */
static void finalize_after_libcrypto(void)
{
	atexit(finalize_at_exit);
	start();
}

static void finalize_before_libcrypto(void)
{
	start();
	atexit(finalize_at_exit);
}

static void libcrypto_ended_by_hand(void)
{
	start();
	OPENSSL_cleanup();
	p11->C_Finalize(NULL);
}

static void used_after_libcrypto(void)
{
	uint8_t sig[64];

	start();
	OPENSSL_cleanup();
	MUST(module_sign(s, pair.private, sig) != CKR_OK || true);
}

static void unloaded(void)
{
	start();
	OK(p11->C_Finalize(NULL));
	MUST(dlclose(module_handle()) == 0);
}

static void unloaded_without_finalize(void)
{
	start();
	MUST(dlclose(module_handle()) == 0);
}

static pthread_t another;

static atomic_bool is_out;

static void *sign_for_ever(void *unused)
{
	uint8_t sig[64];

	(void)unused;
	while (module_sign(s, pair.private, sig) == CKR_OK)
		;
	atomic_store(&is_out, true);
	return NULL;
}

static void a_thread_is_signing(void)
{
	start();
	MUST(pthread_create(&another, NULL, sign_for_ever, NULL) == 0);
	usleep(20000);
}

static void join_another(void)
{
	pthread_join(another, NULL);
}

/* Handlers run backwards: this one after libcrypto's. */
static void a_thread_is_joined(void)
{
	atexit(join_another);
	a_thread_is_signing();
}

/* Registered last, this is called first when libcrypto ends: the module doesn't know of it yet. */
static void before_the_module(void)
{
	usleep(300000);
	if (atomic_load(&is_out))
		_exit(98);
}

static void a_thread_sees_it_first(void)
{
	a_thread_is_signing();
	MUST(OPENSSL_atexit(before_the_module) == 1);
}

static void *wait_for_event(void *unused)
{
	CK_SLOT_ID slot;

	p11->C_WaitForSlotEvent(0, &slot, NULL);
	return unused;
}

/* Nobody waits for who waits himself. */
static void a_thread_is_waiting(void)
{
	alarm(60);
	start();
	MUST(pthread_create(&another, NULL, wait_for_event, NULL) == 0);
	usleep(20000);
	alarm(1);
}

/* Nor does C_Finalize, which makes him come back, behind libcrypto's end. */
static void finalized_beside_a_waiter(void)
{
	atexit(finalize_at_exit);
	a_thread_is_waiting();
}

static const struct {
	const char *name;
	void (*run)(void);
	bool busy; /* what is in use then is nobody's leak */
	bool timed; /* within a second, which a busy machine may take for itself */
} endings[] = {
	{ "without C_Finalize", without_finalize, false, false },
	{ "after C_Finalize", with_finalize, false, false },
	{ "C_Finalize after libcrypto's end", finalize_after_libcrypto, false, false },
	{ "C_Finalize before libcrypto's end", finalize_before_libcrypto, false, false },
	{ "OPENSSL_cleanup, then C_Finalize", libcrypto_ended_by_hand, false, false },
	{ "C_Sign after OPENSSL_cleanup", used_after_libcrypto, false, false },
	{ "unloaded", unloaded, false, false },
	{ "unloaded without C_Finalize", unloaded_without_finalize, false, false },
	{ "while a thread is signing", a_thread_is_signing, true, false },
	{ "a signing thread joined after libcrypto's end", a_thread_is_joined, true, false },
	{ "a signing thread sees it before the module", a_thread_sees_it_first, true, false },
	{ "while a thread waits for a slot's event", a_thread_is_waiting, true, true },
	{ "C_Finalize after that", finalized_beside_a_waiter, true, true },
};

static int status_of(const char *ending, bool busy)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(60);
		if (busy)
			setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl("/proc/self/exe", "test_token_exit", ending, (char *)NULL);
		_exit(99);
	}
	MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void every_ending(void **state)
{
	char number[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		snprintf(number, sizeof number, "%zu", i);
		int status = status_of(number, endings[i].busy);

		for (int again = 0; again < 3 && endings[i].timed && status == 256 + SIGALRM; again++)
			status = status_of(number, endings[i].busy);
		if (status != MINE)
			fail_msg("%s: status %d, not %d", endings[i].name, status, MINE);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_ending) };

	if (argc == 1)
		return cmocka_run_group_tests_name("the end of a process", tests, NULL, NULL);
	endings[strtoul(argv[1], NULL, 10) % ARRAY_LEN(endings)].run();
	exit(MINE);
}
