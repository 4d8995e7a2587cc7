/* test_core_lease - work that one process at a time does, by two cores and by processes that are
 * killed; and the table of duties. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/duty.h"
#include "backoffice/core/lease.h"
#include "backoffice/core/setting.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define LONG_MS	    60000

static char db[40];

static int setup(void **state)
{
	static unsigned n;

	snprintf(db, sizeof db, "lease-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static bool take(struct core *c, const char *name, const char *holder, int64_t ms)
{
	bool mine = false;

	OK(lease_take(c, name, holder, ms, &mine));
	return mine;
}

static void test_one_has_it(void **state)
{
	struct core *other = office_open(db);

	assert_true(take(*state, "a", "one", LONG_MS));
	assert_false(take(other, "a", "two", LONG_MS));
	assert_true(take(*state, "a", "one", LONG_MS)); /* longer */
	assert_true(take(other, "b", "two", LONG_MS));
	/* who does not have it gives nothing up */
	OK(lease_leave(other, "a", "two", 0));
	assert_false(take(other, "a", "two", LONG_MS));
	core_close(other);
}

static void test_left(void **state)
{
	struct core *other = office_open(db);
	int64_t left = -1;

	OK(lease_left(*state, "a", &left));
	assert_int_equal(left, 0);
	assert_true(take(*state, "a", "one", LONG_MS));
	FAILS(INRO_E_ARG, lease_leave(*state, "a", "one", LEASE_LONGEST_MS + 1));
	OK(lease_leave(*state, "a", "one", LONG_MS));
	OK(lease_left(other, "a", &left));
	assert_in_range(left, 1, LONG_MS);
	/* nobody's, and not due */
	assert_false(take(other, "a", "two", LONG_MS));
	assert_false(take(*state, "a", "one", LONG_MS));
	assert_true(take(*state, "b", "one", LONG_MS));
	OK(lease_leave(*state, "b", "one", 0));
	assert_true(take(other, "b", "two", LONG_MS));
	core_close(other);
}

static void test_time_ends_it(void **state)
{
	struct core *other = office_open(db);

	assert_true(take(*state, "a", "one", 150));
	assert_false(take(other, "a", "two", LONG_MS));
	pause_ms(200);
	assert_true(take(other, "a", "two", LONG_MS));
	/* the first one comes back late */
	assert_false(take(*state, "a", "one", LONG_MS));
	OK(lease_leave(*state, "a", "one", 0));
	assert_false(take(*state, "a", "one", LONG_MS));
	core_close(other);
}

static void test_names(void **state)
{
	char holder[LEASE_HOLDER_MAX + 1], another[LEASE_HOLDER_MAX + 1], name[256];
	bool mine;

	OK(lease_holder(holder));
	OK(lease_holder(another)); /* of another thread, in the same millisecond */
	assert_string_not_equal(holder, another);
	assert_true(lease_holder_lives(holder));
	assert_true(lease_holder_lives("another-machine/1/1"));
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = 0;
	FAILS(INRO_E_TOO_BIG, lease_take(*state, name, holder, 1, &mine));
}

/* ---- processes ---- */

/* Takes it, says so, and stays; "X": somebody has it. */
static void hold(int out, const char *name, int64_t ms)
{
	struct core *c = office_open(db);
	char holder[LEASE_HOLDER_MAX + 1];
	bool mine = false;

	if (lease_holder(holder) != INRO_OK || lease_take(c, name, holder, ms, &mine) != INRO_OK)
		_exit(1);
	if (write(out, mine ? "+" : "X", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t holder_process(const char *name, int64_t ms, char *ret)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		hold(ends[1], name, ms);
	close(ends[1]);
	assert_int_equal(read(ends[0], ret, 1), 1);
	close(ends[0]);
	return pid;
}

static void end_process(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void test_killed(void **state)
{
	int64_t start;
	char said, second;
	pid_t pid = holder_process("work", 700, &said), other;

	assert_int_equal(said, '+');
	start = clock_monotonic_ms();
	other = holder_process("work", 700, &second);
	assert_int_equal(second, 'X');
	end_process(other);
	end_process(pid);
	while (!take(*state, "work", "follower", LONG_MS)) {
		assert_true(clock_monotonic_ms() - start < 5000);
		pause_ms(20);
	}
}

/* Each of so many is taken by one of those who want them all. */
#define WANTED 40
static int want_all(void)
{
	struct core *c = office_open(db);
	char holder[LEASE_HOLDER_MAX + 1], name[16];
	int got = 0;

	if (lease_holder(holder) != INRO_OK)
		_exit(255);
	for (int i = 0; i < WANTED; i++) {
		bool mine = false;

		snprintf(name, sizeof name, "w%d", i);
		if (lease_take(c, name, holder, LONG_MS, &mine) != INRO_OK)
			_exit(255);
		got += mine;
	}
	core_close(c);
	return got;
}

static void test_race(void **state)
{
	pid_t pids[3];
	int got = 0, status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(want_all());
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		got += WEXITSTATUS(status);
	}
	assert_int_equal(got, WANTED);
}

/* ---- duties ---- */

static void count_done(void *arg, const char *duty, enum inro_err e)
{
	assert_non_null(duty);
	OK(e);
	++*(int *)arg;
}

static int tick(struct core *c, enum duty_lane lane)
{
	int64_t wait = 0;
	int done = 0;

	const struct duty_watch watch = { .told = count_done, .arg = &done };

	OK(duty_tick(c, lane, &watch, &wait));
	assert_in_range(wait, 1, LONG_MS);
	return done;
}

static int duties_of(enum duty_lane lane)
{
	int n = 0;

	for (const struct duty *d = duties; d->name; d++) {
		/* or neither: what has leases of its own (jobs) */
		assert_true(!d->lease_ms || (d->every_ms > 0 && d->again_ms > 0));
		assert_true(d->lease_ms <= LEASE_LONGEST_MS && d->every_ms <= LEASE_LONGEST_MS && d->again_ms <= LEASE_LONGEST_MS);
		assert_non_null(d->run);
		n += d->lane == lane;
	}
	return n;
}

static void test_duties(void **state)
{
	struct core *other = office_open(db);
	struct core_options o = office_options();
	struct core *operator;
	int64_t wait;

	o.role = ROLE_OPERATOR;
	operator = office_open_as(db, o);
	FAILS(INRO_E_ACCESS, duty_tick(operator, DUTY_QUICK, NULL, &wait));
	core_close(operator);
	/* once, by whoever comes first */
	assert_int_equal(tick(*state, DUTY_QUICK), duties_of(DUTY_QUICK));
	assert_int_equal(tick(other, DUTY_QUICK), 0);
	assert_int_equal(tick(*state, DUTY_QUICK), 0);
	assert_int_equal(tick(other, DUTY_LONG), duties_of(DUTY_LONG));
	core_close(other);
}

/* Due, and nobody has said by which key: nothing to do, no refusal each minute. */
static void test_no_key_signs(void **state)
{
	int run = 0;

	OK(setting_change(*state, "audit.every", "1", 0));
	for (const struct duty *d = duties; d->name; d++) {
		if (strcmp(d->name, "audit-mark") != 0)
			continue;
		OK(d->run(*state));
		run++;
	}
	assert_int_equal(run, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_has_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_race, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duties, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_key_signs, setup, teardown),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
