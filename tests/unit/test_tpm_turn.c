/* test_tpm_turn - one thread at a time, in the order in which they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <cmocka.h>

#include "tpm/talk/turn.h"

#define THREADS 8
#define EACH	2000

static struct turn turn;
static int inside, order[THREADS];
static size_t served;
static unsigned long sum;

static int begin(void **state)
{
	(void)state;
	turn_init(&turn);
	inside = 0;
	served = 0;
	sum = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	turn_clear(&turn);
	return 0;
}

static void *add_many(void *arg)
{
	for (int i = 0; i < EACH; i++) {
		turn_take(&turn);
		inside++;
		sum += inside == 1;
		inside--;
		turn_give(&turn);
	}
	return arg;
}

static void test_alone(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(sum, THREADS * EACH);
	assert_false(turn.taken);
}

static void *come(void *arg)
{
	turn_take(&turn);
	order[served++] = *(int *)arg;
	turn_give(&turn);
	return NULL;
}

/* Who waits last: another one, when one more has come. */
static const struct turn_waiter *last_waiter(void)
{
	const struct turn_waiter *last;

	pthread_mutex_lock(&turn.lock);
	last = turn.last;
	pthread_mutex_unlock(&turn.lock);
	return last;
}

static void test_order(void **state)
{
	const struct turn_waiter *before = NULL;
	pthread_t threads[THREADS];
	int numbers[THREADS];

	(void)state;
	turn_take(&turn);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, come, &numbers[i]), 0);
		while (last_waiter() == before)
			sched_yield();
		before = last_waiter();
	}
	turn_give(&turn);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(order[i], i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_order, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
