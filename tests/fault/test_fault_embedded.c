/*
 * The embedded TPM while memory, disk and files fail: at the first such moment, at the second, and
 * so on until a command gets through untouched.
 *
 * 1. A command says that it failed, or what it changed is on disk.
 * 2. What the TPM has in memory and what is on disk stay the same: a fresh process sees the same.
 * 3. Afterwards everything works, in the same process.  No file stays open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/shim.h"
#include "tests/lib/tpm_turns.h"
#include "tests/lib/scratch.h"

#define GOOD(x) assert_int_equal(x, TPM2_RC_SUCCESS)
#define MOST	2000

static const char *home;
static struct link *l;

/* A process that has everything open. */
static void go_on(void)
{
}

/* One that begins. */
static void begin_anew(void)
{
	link_free(l);
	l = turn_embedded(home);
}

/* One whose copy is older than what is on disk. */
static int increment_elsewhere(void *arg)
{
	struct link *own = turn_embedded(home);
	bool good = turn_increment(own) == TPM2_RC_SUCCESS;

	(void)arg;
	link_free(own);
	return !good;
}

static void fall_behind(void)
{
	assert_int_equal(scratch_child(increment_elsewhere, NULL), 0);
}

static void (*const situations[])(void) = { go_on, begin_anew, fall_behind };

static uint64_t count(void)
{
	uint64_t n;

	GOOD(turn_count(l, &n));
	return n;
}

static int same_count(void *expected)
{
	struct link *own = turn_embedded(home);
	uint64_t n;
	bool same = turn_count(own, &n) == TPM2_RC_SUCCESS && n == *(uint64_t *)expected;

	link_free(own);
	return !same;
}

/* After the last sync has failed the command may have been done. */
static void check_count(enum fault_kind kind, bool good, uint64_t before)
{
	uint64_t n = count();

	if (good || (kind == FAULT_SYNC && n != before))
		assert_int_equal(n, before + 1);
	else
		assert_int_equal(n, before);
	assert_int_equal(scratch_child(same_count, &n), 0);
}

/* Whether the n-th call was there to fail. */
static bool one_round(enum fault_kind kind, void (*situation)(void), unsigned nth, bool on)
{
	uint64_t before;
	bool good, hit;

	situation();
	before = count();
	situation();
	before += situation == fall_behind;
	fault_arm(kind, nth, on);
	good = turn_increment(l) == TPM2_RC_SUCCESS;
	hit = fault_disarm();
	if (!hit && !good)
		fail_msg("without a fault: %s", err_detail(turn_err));
	check_count(kind, good, before);
	GOOD(turn_random(l));
	GOOD(turn_increment(l));
	return hit;
}

static void all_rounds(enum fault_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(situations); i++) {
		unsigned n = 1;

		while (n < MOST && one_round(kind, situations[i], n, n % 2))
			n++;
		assert_true(n < MOST);
	}
}

static void test_faults(void **state)
{
	enum fault_kind kind = *(enum fault_kind *)*state;
	size_t files = scratch_entries("/proc/self/fd");

	all_rounds(kind);
	assert_int_equal(scratch_entries("/proc/self/fd"), files);
}

static int start_with_shim(char **argv)
{
	char path[512];

	snprintf(path, sizeof path, "%s/tests/libinrofault.so", getenv("INRO_TEST_BUILD"));
	setenv("LD_PRELOAD", path, 1);
	execv("/proc/self/exe", argv);
	perror(argv[0]);
	return 1;
}

int main(int argc, char **argv)
{
	static enum fault_kind kinds[] = { FAULT_MALLOC, FAULT_WRITE, FAULT_FULL,
					   FAULT_SYNC,	 FAULT_OPEN,  FAULT_RENAME };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_faults, &kinds[0]),
		cmocka_unit_test_prestate(test_faults, &kinds[1]),
		cmocka_unit_test_prestate(test_faults, &kinds[2]),
		cmocka_unit_test_prestate(test_faults, &kinds[3]),
		cmocka_unit_test_prestate(test_faults, &kinds[4]),
		cmocka_unit_test_prestate(test_faults, &kinds[5]),
	};

	(void)argc;
	if (!getenv("LD_PRELOAD"))
		return start_with_shim(argv);
	unsetenv("LD_PRELOAD");
	home = strdup(turn_home("home"));
	l = turn_with_counter(home);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
