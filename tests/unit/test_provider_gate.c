/* test_provider_gate - who is inside, in a thread, and in a child that it forks there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "provider/gate.h"
#include "tests/lib/scratch.h"

/* It goes on where its parent was inside: it has to come in for itself. */
static int forked_inside(void *arg)
{
	(void)arg;
	if (!gate_is_open())
		return 1;
	if (gate_enter() != INRO_OK || gate_is_open())
		return 2;
	gate_leave();
	if (!gate_is_open())
		return 3;
	gate_leave(); /* its parent's */
	return gate_is_open() ? 0 : 4;
}

static void test_fork_inside(void **state)
{
	(void)state;
	assert_true(gate_is_open());
	assert_int_equal(gate_enter(), INRO_OK);
	assert_int_equal(gate_enter(), INRO_OK);
	assert_int_equal(scratch_child(forked_inside, NULL), 0);
	gate_leave();
	assert_false(gate_is_open());
	gate_leave();
	assert_true(gate_is_open());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
