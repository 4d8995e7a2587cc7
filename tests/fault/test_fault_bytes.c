/*
 * A token's file with one byte changed, for every byte of it: it may be refused; it never ends the
 * program, never gives a key another policy, never shows a secret.
 *
 * Without a login every byte (of those that are zero, a sample); with one, which costs a derivation
 * from the PIN, as many as the time allows.  INRO_TEST_THOROUGH does them all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/victim.h"

#define WORKERS	   2
#define ZERO_STEP  61  /* of the bytes that are zero, every so many-th */
#define LOGINS	   120 /* with a login, about so many */
#define FIRST_SLOT 500000

static const uint8_t flips[] = { 0x01, 0xff };

/* What the workers tell. */
static struct told {
	size_t at, done, opened;
} * told;

static bool thorough(void)
{
	const char *all = getenv("INRO_TEST_THOROUGH");

	return all && *all == '1';
}

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	victim_make();
	told = mmap(NULL, WORKERS * sizeof *told, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return told == MAP_FAILED;
}

struct plan {
	bool login;
	size_t step; /* of the places that are tried at all, every so many-th */
};

/* Two files are never of one slot: a process that has seen one does not look for another. */
static void try_one(struct told *t, const struct plan *plan, size_t at, uint8_t flip)
{
	CK_SLOT_ID slot = FIRST_SLOT + 2 * (CK_SLOT_ID)at + (CK_SLOT_ID)((flip & 2) / 2);
	const char *path;

	t->at = at;
	t->done++;
	victim_file[at] ^= flip;
	path = victim_write(slot, victim_file, victim_n);
	t->opened += victim_look(slot, plan->login);
	unlink(path);
	victim_file[at] ^= flip;
}

static bool is_place(size_t at)
{
	return thorough() || victim_file[at] != 0 || at % ZERO_STEP == 0;
}

static void work(const struct plan *plan, size_t mine)
{
	size_t n = 0;

	OK(p11->C_Initialize(NULL));
	for (size_t at = 0; at < victim_n; at++) {
		if (!is_place(at) || n++ % (plan->step * WORKERS) != mine * plan->step)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(flips); i++)
			try_one(&told[mine], plan, at, flips[i]);
	}
	OK(p11->C_Finalize(NULL));
}

/* How many files were opened. */
static size_t run(const struct plan *plan)
{
	pid_t pids[WORKERS];
	size_t opened = 0;
	int status;

	memset(told, 0, WORKERS * sizeof *told);
	for (size_t i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			signal(SIGSEGV, SIG_DFL); /* cmocka's would go on with the next test */
			work(plan, i);
			_exit(0);
		}
	}
	for (size_t i = 0; i < WORKERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		if (status != 0)
			fail_msg("status 0x%x with byte %zu changed", (unsigned)status, told[i].at);
		print_message("%zu files, %zu opened\n", told[i].done, told[i].opened);
		opened += told[i].opened;
	}
	return opened;
}

static void every_byte(void **state)
{
	(void)state;
	assert_true(run(&(const struct plan) { .step = 1 }) > 100);
}

static size_t places(void)
{
	size_t n = 0;

	for (size_t at = 0; at < victim_n; at++)
		n += is_place(at);
	return n;
}

static void with_the_user_logged_in(void **state)
{
	size_t step = thorough() ? 1 : 2 * places() / LOGINS + 1;

	(void)state;
	assert_true(run(&(const struct plan) { .login = true, .step = step }) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte),
		cmocka_unit_test(with_the_user_logged_in),
	};

	return cmocka_run_group_tests_name("bytes of the store", tests, setup, module_teardown);
}
