/* test_client - modules: found, shared, initialised once, again after a fork, and not by us. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/fake_load.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static void test_open_and_close(void **state)
{
	struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);

	(void)state;
	assert_int_equal(f->initialized, 1);
	assert_int_equal(f->initialize_flags, CKF_OS_LOCKING_OK);
	assert_string_equal(ck_module_path(m), fake_path(FAKE_PLAIN));
	assert_int_equal(ck_module_functions(m)->version.major, 2);
	assert_null(ck_module_admin(m));
	OK(ck_module_enter(m));
	assert_int_equal(f->initialized, 1);
	ck_module_close(m);
	assert_int_equal(f->finalized, 1);
	ck_module_close(NULL);
	f = fake_open(FAKE_PLAIN, &m);
	assert_int_equal(f->initialized, 1);
	ck_module_close_ptr(&m);
	assert_null(m);
}

static void test_vendor_interface(void **state)
{
	struct ck_module *m = NULL;

	(void)state;
	fake_open(FAKE_OURS, &m);
	assert_non_null(ck_module_admin(m));
	assert_int_equal(ck_module_admin(m)->version.major, 1);
	ck_module_close(m);
}

static void test_shared(void **state)
{
	struct ck_module *a = NULL, *b = NULL, *other = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &a);
	const char *link = scratch_path("link.so");

	(void)state;
	assert_int_equal(symlink(fake_path(FAKE_PLAIN), link), 0);
	OK(ck_module_open(link, &b));
	assert_ptr_equal(a, b);
	fake_open(FAKE_OURS, &other);
	assert_ptr_not_equal(a, other);
	assert_int_equal(f->initialized, 1);
	ck_module_close(a);
	assert_int_equal(f->finalized, 0);
	OK(ck_module_enter(b));
	ck_module_close(b);
	assert_int_equal(f->finalized, 1);
	ck_module_close(other);
}

static void test_initialised_by_another(void **state)
{
	struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	CK_FUNCTION_LIST *functions = ck_module_functions(m);

	(void)state;
	ck_module_close(m);
	assert_int_equal(functions->C_Initialize(NULL), CKR_OK);
	assert_int_equal(f->initialized, 2);
	OK(ck_module_open(fake_path(FAKE_PLAIN), &m));
	ck_module_close(m);
	assert_int_equal(f->finalized, 1); /* only the first time, which was ours */
	assert_int_equal(functions->C_Finalize(NULL), CKR_OK);
}

static void test_initialize_fails(void **state)
{
	struct fake *f = fake_reset(FAKE_PLAIN);
	struct ck_module *m = NULL;

	(void)state;
	f->initialize = CKR_DEVICE_ERROR;
	assert_int_equal(ck_module_open(fake_path(FAKE_PLAIN), &m), INRO_E_TOKEN);
	assert_non_null(strstr(err_detail(INRO_E_TOKEN), "CKR_DEVICE_ERROR"));
	assert_non_null(strstr(err_detail(INRO_E_TOKEN), FAKE_PLAIN));
	assert_null(m);
	f->initialize = CKR_CANT_LOCK;
	assert_int_equal(ck_module_open(fake_path(FAKE_PLAIN), &m), INRO_E_CONFIG);
	f->initialize = CKR_OK;
	OK(ck_module_open(fake_path(FAKE_PLAIN), &m));
	ck_module_close(m);
}

static void test_not_a_module(void **state)
{
	struct ck_module *m = NULL;

	(void)state;
	assert_int_equal(ck_module_open(scratch_path("none.so"), &m), INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "none.so"));
	assert_int_equal(ck_module_open(scratch_file("text.so", "text", 4), &m), INRO_E_CONFIG);
	assert_int_equal(ck_module_open("libm.so.6", &m), INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "not a Cryptoki module"));
	assert_null(m);
}

static void test_module_from_environment(void **state)
{
	struct ck_module *m = NULL;

	(void)state;
	fake_reset(FAKE_PLAIN);
	setenv("INRO_MODULE", fake_path(FAKE_PLAIN), 1);
	OK(ck_module_open(NULL, &m));
	assert_string_equal(ck_module_path(m), fake_path(FAKE_PLAIN));
	ck_module_close(m);
	OK(ck_module_open("", &m));
	ck_module_close(m);
	unsetenv("INRO_MODULE");
}

struct forked {
	struct ck_module *m;
	struct fake *f;
	uint64_t generation;
};

static int enter_in_child(void *arg)
{
	struct forked *c = arg;
	CK_SESSION_HANDLE session;

	c->f->initialize = CKR_CRYPTOKI_ALREADY_INITIALIZED; /* as a module that forks unawares */
	if (ck_module_enter(c->m) != INRO_OK || ck_module_generation(c->m) == c->generation)
		return 1;
	c->generation = ck_module_generation(c->m);
	if (ck_module_enter(c->m) != INRO_OK || ck_module_generation(c->m) != c->generation)
		return 2;
	if (ck_session_open(c->m, 0, false, &session) != INRO_OK)
		return 3;
	ck_module_close(c->m);
	return c->f->finalized ? 4 : 0;
}

static int child_that_never_enters(void *arg)
{
	struct forked *c = arg;

	ck_module_close(c->m);
	return c->f->finalized;
}

static int child_of_child(void *arg)
{
	struct forked *c = arg;

	c->f->initialize = CKR_CRYPTOKI_ALREADY_INITIALIZED;
	if (ck_module_enter(c->m) != INRO_OK)
		return 1;
	c->generation = ck_module_generation(c->m);
	return scratch_child(enter_in_child, c);
}

static void test_fork(void **state)
{
	struct forked c = { 0 };

	(void)state;
	c.f = fake_open(FAKE_PLAIN, &c.m);
	c.generation = ck_module_generation(c.m);
	assert_int_equal(scratch_child(enter_in_child, &c), 0);
	assert_int_equal(scratch_child(child_that_never_enters, &c), 0);
	assert_int_equal(scratch_child(child_of_child, &c), 0);
	OK(ck_module_enter(c.m));
	assert_int_equal(ck_module_generation(c.m), c.generation);
	ck_module_close(c.m);
	assert_int_equal(c.f->finalized, 1);
}

static int child_whose_module_fails(void *arg)
{
	struct forked *c = arg;

	c->f->initialize = CKR_DEVICE_ERROR;
	if (ck_module_enter(c->m) != INRO_E_TOKEN)
		return 1;
	if (ck_session_open(c->m, 0, false, &(CK_SESSION_HANDLE) { 0 }) != INRO_E_TOKEN)
		return 2;
	c->f->initialize = CKR_CRYPTOKI_ALREADY_INITIALIZED;
	return ck_module_enter(c->m) == INRO_OK ? 0 : 3;
}

static void test_fork_and_failure(void **state)
{
	struct forked c = { 0 };

	(void)state;
	c.f = fake_open(FAKE_PLAIN, &c.m);
	assert_int_equal(scratch_child(child_whose_module_fails, &c), 0);
	ck_module_close(c.m);
}

static atomic_bool enough;

static void *open_and_close(void *arg)
{
	struct ck_module *m = NULL;

	for (int i = 0; i < 2000 || !enough; i++) {
		if (ck_module_open(arg, &m) != INRO_OK || ck_module_enter(m) != INRO_OK)
			return arg;
		ck_module_close(m);
	}
	return NULL;
}

static int open_in_child(void *arg)
{
	struct ck_module *m = NULL;

	alarm(20); /* a lock that a thread of the parent held would hold us for ever */
	if (ck_module_open(arg, &m) != INRO_OK || ck_module_enter(m) != INRO_OK)
		return 1;
	ck_module_close(m);
	return 0;
}

static void test_threads_and_forks(void **state)
{
	struct fake *f = fake_reset(FAKE_PLAIN);
	char path[4096];
	pthread_t t[3];
	void *failed[3];
	int bad = 0;

	(void)state;
	if (!SCRATCH_BUSY_FORKS)
		skip();
	snprintf(path, sizeof path, "%s", fake_path(FAKE_PLAIN));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, open_and_close, path), 0);
	for (int i = 0; i < 50 && !bad; i++)
		bad = scratch_child(open_in_child, path);
	enough = true;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], &failed[i]);
	assert_int_equal(bad, 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_null(failed[i]);
	assert_true(f->initialized > 0);
	assert_int_equal(f->initialized, f->finalized);
}

static void *sessions_many(void *arg)
{
	CK_SESSION_HANDLE session;

	for (int i = 0; i < 2000; i++) {
		if (ck_session_open(arg, 0, false, &session) != INRO_OK)
			return arg;
		ck_session_close(arg, session);
	}
	return NULL;
}

/* tpm2-pkcs11 gives two threads that open at once the same session. */
static void test_sessions_one_at_a_time(void **state)
{
	struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	pthread_t t[4];
	void *failed;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, sessions_many, m), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(f->sessions_at_once, 1);
	ck_module_close(m);
}

/* ---- modules that take their time to start, or ask for modules meanwhile ---- */

static bool hurry; /* nobody naps, and the clock goes on */
static _Atomic int64_t napped_ns;

int64_t __real_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void);

int64_t __wrap_clock_monotonic_ms(void)
{
	return __real_clock_monotonic_ms() + napped_ns / 1000000;
}

int __real_nanosleep(const struct timespec *nap, struct timespec *left);
int __wrap_nanosleep(const struct timespec *nap, struct timespec *left);

int __wrap_nanosleep(const struct timespec *nap, struct timespec *left)
{
	if (!hurry)
		return __real_nanosleep(nap, left);
	napped_ns += nap->tv_nsec;
	return 0;
}

static enum inro_err asked; /* what came of a question from within C_Initialize */

static void *open_it(void *file)
{
	struct ck_module *m = NULL;

	asked = ck_module_open(fake_path(file), &m);
	ck_module_close(m);
	return NULL;
}

static void in_another_thread(void *file)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, open_it, file), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
}

static void ask_for_another(void)
{
	char file[] = FAKE_OURS;

	in_another_thread(file);
}

static void ask_for_itself(void)
{
	char file[] = FAKE_PLAIN;

	open_it(file);
}

static void ask_for_itself_by_a_thread(void)
{
	char file[] = FAKE_PLAIN;

	in_another_thread(file);
}

/* One that does not come back keeps nobody from the others; who asks for it is told in the end,
 * which lets it come back where it waits for him. */
static void test_asked_while_it_starts(void **state)
{
	static const struct {
		void (*ask)(void);
		enum inro_err gives;
		int most_seconds;
	} rows[] = {
		{ ask_for_another, INRO_OK, 0 },
		{ ask_for_itself, INRO_E_STATE, 0 },
		{ ask_for_itself_by_a_thread, INRO_E_BUSY, 60 },
	};

	(void)state;
	fake_reset(FAKE_OURS);
	alarm(120);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake *f = fake_reset(FAKE_PLAIN);
		struct ck_module *m = NULL;

		hurry = true;
		napped_ns = 0;
		f->in_initialize = rows[i].ask;
		OK(ck_module_open(fake_path(FAKE_PLAIN), &m));
		hurry = false;
		assert_int_equal(asked, rows[i].gives);
		assert_in_range(napped_ns / 1000000000, 0, rows[i].most_seconds);
		assert_int_equal(f->initialized, 1);
		f->in_initialize = NULL;
		ck_module_close(m);
		assert_int_equal(f->finalized, 1);
	}
	alarm(0);
}

static struct ck_module *opening;

static void *close_one(void *unused)
{
	ck_session_close(opening, 100);
	return unused;
}

static void close_by_a_thread(void)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, close_one, NULL), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
}

static void close_by_itself(void)
{
	close_one(NULL);
}

/* A session that is given back while the module does not come back is not lost for that. */
static void test_closed_while_one_opens(void **state)
{
	CK_SESSION_HANDLE s;
	struct fake *f = fake_open(FAKE_PLAIN, &opening);

	(void)state;
	alarm(120);
	hurry = true;
	f->in_open = close_by_a_thread;
	OK(ck_session_open(opening, 0, false, &s));
	assert_int_equal(f->closed, 1);
	f->in_open = close_by_itself;
	OK(ck_session_open(opening, 0, false, &s));
	assert_int_equal(f->closed, 1);
	hurry = false;
	f->in_open = NULL;
	ck_session_close(opening, s);
	assert_int_equal(f->closed, 2);
	alarm(0);
	ck_module_close(opening);
}

/* A module that gives a number again: who had it lost it, and closes nothing of who has it now. */
static void test_a_number_given_again(void **state)
{
	CK_SESSION_HANDLE first, again;
	struct fake *f = fake_open(FAKE_PLAIN, &opening);

	(void)state;
	OK(ck_session_open_by(opening, 1, 0, false, &first));
	OK(ck_session_open_by(opening, 2, 0, false, &again));
	assert_int_equal(first, again);
	ck_sessions_close_by(opening, 1, &first, 1);
	assert_int_equal(f->closed, 0);
	ck_sessions_close_by(opening, 2, &again, 1);
	assert_int_equal(f->closed, 1);
	OK(ck_session_open_by(opening, 1, 0, false, &first));
	OK(ck_session_open(opening, 0, false, &again));
	ck_sessions_close_by(opening, 1, &first, 1);
	assert_int_equal(f->closed, 1);
	ck_session_close(opening, again);
	assert_int_equal(f->closed, 2);
	ck_module_close(opening);
}

static void *close_many(void *unused)
{
	CK_SESSION_HANDLE list[65];

	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		list[i] = 200 + i;
	ck_sessions_close_by(opening, 1, list, ARRAY_LEN(list));
	return unused;
}

static void close_many_by_a_thread(void)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, close_many, NULL), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
}

/* However many there are, a module that does not come back is waited for once. */
static void test_many_closed_while_one_opens(void **state)
{
	CK_SESSION_HANDLE s;
	struct fake *f = fake_open(FAKE_PLAIN, &opening);

	(void)state;
	alarm(120);
	napped_ns = 0;
	hurry = true;
	f->in_open = close_many_by_a_thread;
	OK(ck_session_open(opening, 0, false, &s));
	hurry = false;
	f->in_open = NULL;
	assert_int_equal(f->closed, 65);
	assert_in_range(napped_ns / 1000000000, 50, 70);
	ck_session_close(opening, s);
	alarm(0);
	ck_module_close(opening);
}

static void test_err(void **state)
{
	struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_OURS, &m);

	(void)state;
	OK(ck_err(m, CKR_OK, "C_Sign"));
	assert_int_equal(ck_err(m, CKR_KEY_HANDLE_INVALID, "C_Sign"), INRO_E_KEY_HANDLE);
	assert_string_equal(err_detail(INRO_E_KEY_HANDLE),
			    "no such key (C_Sign: CKR_KEY_HANDLE_INVALID)");
	f->words = "the disk of token 'line1' is full";
	assert_int_equal(ck_err(m, CKR_DEVICE_MEMORY, "C_CreateObject"), INRO_E_FULL);
	assert_string_equal(err_detail(INRO_E_FULL), "the disk of token 'line1' is full");
	ck_module_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_and_close),
		cmocka_unit_test(test_vendor_interface),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_initialised_by_another),
		cmocka_unit_test(test_initialize_fails),
		cmocka_unit_test(test_not_a_module),
		cmocka_unit_test(test_module_from_environment),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_fork_and_failure),
		cmocka_unit_test(test_threads_and_forks),
		cmocka_unit_test(test_sessions_one_at_a_time),
		cmocka_unit_test(test_asked_while_it_starts),
		cmocka_unit_test(test_closed_while_one_opens),
		cmocka_unit_test(test_a_number_given_again),
		cmocka_unit_test(test_many_closed_while_one_opens),
		cmocka_unit_test(test_err),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
