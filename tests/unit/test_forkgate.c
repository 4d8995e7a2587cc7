/* test_forkgate - a fork waits for whoever is inside, passes nest, and a child finds the gate open.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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
	usleep(100 * 1000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_waits),
		cmocka_unit_test(test_open_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
