/*
 * Many who want one TPM at once: processes, threads, children that are forked meanwhile, more keys
 * than there are places for.  No call fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tpmtoken.h"

#ifdef __SANITIZE_ADDRESS__
#define TURNS  10
#define FORKS  10
#define KEYS   20
#define ROUNDS 1
#else
#define TURNS  40
#define FORKS  50
#define KEYS   100
#define ROUNDS 3
#endif
#define THREADS 3

/* The thread sanitizer ends a child of a process with threads that makes one itself. */
#ifdef __SANITIZE_THREAD__
#define MAY_FORK false
#else
#define MAY_FORK SCRATCH_BUSY_FORKS
#endif

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static struct module_pair pair;

/* A token with a key, and nothing of it open in this process. */
static void prepare(void)
{
	module_load();
	OK(p11->C_Initialize(NULL));
	s = tpmtoken_start(tpmcase_tcti(), &slot);
	pair = tpmtoken_pair(s);
}

static struct module_pair find(CK_SESSION_HANDLE mine)
{
	struct module_pair p = { 0 };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
				   A_BOOL(CKA_TOKEN, CK_TRUE) };

	MUST(module_find(mine, public, 2, &p.public) >= 1);
	MUST(module_find(mine, private, 2, &p.private) >= 1);
	return p;
}

/* ---- processes ---- */

/* Some only sign, some log in again and again, some make keys. */
static int work(void *arg)
{
	const int number = *(const int *)arg;
	CK_SESSION_HANDLE mine;

	OK(p11->C_Initialize(NULL));
	mine = tpmtoken_user(slot);
	for (int i = 0; i < TURNS; i++) {
		if (number % 3 == 1) {
			OK(p11->C_Logout(mine));
			OK(module_login(mine, CKU_USER, USER_PIN));
		}
		if (number % 3 == 2)
			tpmtoken_use(mine, module_ec(mine, false, false));
		tpmtoken_use(mine, find(mine));
	}
	OK(p11->C_Finalize(NULL));
	return 0;
}

static pid_t run(int number)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0) {
		alarm(200);
		_exit(work(&number));
	}
	return pid;
}

static void processes(int n)
{
	int status;

	prepare();
	OK(p11->C_Finalize(NULL));
	for (int i = 0; i < n; i++)
		run(i);
	for (int i = 0; i < n; i++) {
		MUST(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

static void two_processes(void **state)
{
	(void)state;
	processes(2);
}

static void eight_processes(void **state)
{
	(void)state;
	processes(8);
}

/* ---- forks while a thread signs ---- */

static atomic_bool stop;

static void *sign_on(void *arg)
{
	CK_SESSION_HANDLE mine = module_open(slot, false);
	unsigned *n = arg;

	while (!atomic_load(&stop)) {
		tpmtoken_use(mine, pair);
		++*n;
	}
	OK(p11->C_CloseSession(mine));
	return NULL;
}

static int be_a_child(void *arg)
{
	CK_SESSION_HANDLE mine;

	(void)arg;
	alarm(60);
	OK(p11->C_Initialize(NULL));
	mine = tpmtoken_user(slot);
	tpmtoken_use(mine, find(mine));
	OK(p11->C_Finalize(NULL));
	return 0;
}

static void forks(void **state)
{
	pthread_t thread;
	unsigned signatures = 0;

	(void)state;
	if (!MAY_FORK)
		skip();
	prepare();
	atomic_store(&stop, false);
	MUST(pthread_create(&thread, NULL, sign_on, &signatures) == 0);
	for (int i = 0; i < FORKS; i++) {
		assert_int_equal(scratch_child(be_a_child, NULL), 0);
		tpmtoken_use(s, pair);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_true(signatures > 0);
	OK(p11->C_Finalize(NULL));
}

/* ---- more keys than places ---- */

static struct module_pair keys[KEYS];

/* Every thread goes another way round. */
static void *use_all(void *arg)
{
	const int stride = *(const int *)arg;
	CK_SESSION_HANDLE mine = module_open(slot, false);

	for (int i = 0; i < ROUNDS * KEYS; i++)
		tpmtoken_use(mine, keys[i * stride % KEYS]);
	OK(p11->C_CloseSession(mine));
	return NULL;
}

static void many_keys(void **state)
{
	static const int strides[THREADS] = { 1, 7, 13 };
	pthread_t threads[THREADS];

	(void)state;
	prepare();
	for (int i = 0; i < KEYS; i++)
		keys[i] = tpmtoken_pair(s);
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, use_all, (void *)(uintptr_t)&strides[i]) ==
		     0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	OK(p11->C_Finalize(NULL));
	if (tpmcase)
		assert_int_equal(swtpm_count(tpmcase, SWTPM_TRANSIENT), 0);
}

#define BOTH(f)                                                                                    \
	cmocka_unit_test_setup_teardown(f, tpmcase_on_swtpm, tpmcase_end),                         \
		cmocka_unit_test_setup_teardown(f, tpmcase_embedded, tpmcase_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(two_processes),
		BOTH(eight_processes),
		BOTH(forks),
		BOTH(many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
