/* test_forkgate - a fork waits for whoever is inside but not for ever, passes nest, and a child
 * finds the gate open. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/forkgate.h"
#include "base/own.h"
#include "tests/lib/scratch.h"

static atomic_int inside;

static void *visit(void *arg)
{
	SCOPED(fork_pass) pass = fork_pass_take();
	SCOPED(fork_pass) nested = fork_pass_take();

	inside = 1;
	usleep(50 * 1000);
	inside = 2;
	return arg;
}

static int look(void *arg)
{
	(void)arg;
	alarm(20);
	fork_gate_enter();
	fork_gate_leave();
	return inside;
}

static void test_fork_waits(void **state)
{
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, visit, NULL), 0);
	while (inside == 0)
		usleep(100);
	assert_int_equal(scratch_child(look, NULL), 2);
	pthread_join(t, NULL);
}

static void test_open_again(void **state)
{
	(void)state;
	fork_gate_enter();
	fork_gate_enter();
	fork_gate_leave();
	fork_gate_leave();
	assert_int_equal(scratch_child(look, NULL), 2);
}

/* An application that takes its lock in a fork handler of its own, older than ours. */
static pthread_mutex_t app = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool app_watches, app_stops;
static atomic_int visits;

static void app_lock(void)
{
	if (app_watches)
		pthread_mutex_lock(&app);
}

static void app_unlock(void)
{
	if (app_watches)
		pthread_mutex_unlock(&app);
}

/* Calls us with that lock held. */
static void *app_thread(void *arg)
{
	while (!app_stops) {
		pthread_mutex_lock(&app);
		usleep(1000); /* a fork begins most likely now */
		fork_gate_enter();
		usleep(10);
		fork_gate_leave();
		visits++;
		pthread_mutex_unlock(&app);
		usleep(10);
	}
	return arg;
}

static void test_lock_of_the_application(void **state)
{
	pthread_t t;

	(void)state;
	alarm(120);
	app_stops = false;
	inside = 2;
	app_watches = true;
	assert_int_equal(pthread_create(&t, NULL, app_thread, NULL), 0);
	while (visits == 0)
		usleep(100);
	for (int i = 0; i < 10; i++)
		assert_int_equal(scratch_child(look, NULL), 2);
	app_stops = true;
	pthread_join(t, NULL);
	app_watches = false;
	alarm(0);
	/* and the gate keeps forks out as before */
	inside = 0;
	test_fork_waits(state);
}

/* Someone stays inside for ever: a fork goes ahead all the same. */
static void *stay(void *arg)
{
	fork_gate_enter();
	inside = 1;
	while (!app_stops)
		usleep(100);
	fork_gate_leave();
	return arg;
}

static void test_fork_goes_ahead(void **state)
{
	pthread_t t;

	(void)state;
	inside = 0;
	app_stops = false;
	assert_int_equal(pthread_create(&t, NULL, stay, NULL), 0);
	while (inside == 0)
		usleep(100);
	alarm(60);
	assert_int_equal(scratch_child(look, NULL), 1);
	alarm(0);
	app_stops = true;
	pthread_join(t, NULL);
}

/* Out of three levels: a fork by another thread does not wait; back in, it does. */
static atomic_int step;

static void *step_out(void *arg)
{
	fork_gate_enter();
	fork_gate_enter();
	fork_gate_enter();
	unsigned depth = fork_gate_step_out();

	step = 1;
	while (step == 1)
		usleep(100);
	fork_gate_step_in(depth);
	fork_gate_leave();
	fork_gate_leave();
	inside = 1;
	usleep(50 * 1000);
	inside = 2;
	fork_gate_leave();
	return arg;
}

static void test_step_out(void **state)
{
	pthread_t t;

	(void)state;
	inside = 7;
	assert_int_equal(pthread_create(&t, NULL, step_out, NULL), 0);
	while (step == 0)
		usleep(100);
	assert_int_equal(scratch_child(look, NULL), 7);
	step = 2;
	while (inside == 7)
		usleep(100);
	assert_int_equal(scratch_child(look, NULL), 2);
	pthread_join(t, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_waits),
		cmocka_unit_test(test_open_again),
		cmocka_unit_test(test_step_out),
		cmocka_unit_test(test_fork_goes_ahead),
		cmocka_unit_test(test_lock_of_the_application),
	};

	(void)pthread_atfork(app_lock, app_unlock, app_unlock);

	return cmocka_run_group_tests(tests, NULL, NULL);
}
