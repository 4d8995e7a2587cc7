/* Items worked on before their turn: each once, all seen by who waits, no thread left. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/ahead.h"
#include "base/bytes.h"
#include "tests/lib/scratch.h"

#define N 400

struct items {
	unsigned done[N]; /* how often */
	_Atomic unsigned begun;
	unsigned slow; /* this one takes a while */
};

static void item(void *arg, size_t i)
{
	struct items *t = arg;

	t->begun++;
	if (i == t->slow)
		usleep(20000);
	t->done[i]++;
}

/* One that was joined may be seen for a moment more; a sanitizer has one of its own. */
static bool are_gone(size_t before)
{
	for (int tries = 0; tries < 500 && scratch_entries("/proc/self/task") > before; tries++)
		usleep(10000);
	return scratch_entries("/proc/self/task") <= before;
}

static int warm_up(void **state)
{
	SCOPED(ahead) a;
	struct items t = { .slow = 0 };

	(void)state;
	ahead_begin(&a, item, &t, 2);
	ahead_run(&a);
	ahead_wait(&a, 1);
	return 0;
}

static void take_all(struct ahead *a, const struct items *t)
{
	for (size_t i = 0; i < N; i++) {
		ahead_wait(a, i);
		assert_int_equal(t->done[i], 1);
	}
	assert_int_equal(t->begun, N);
}

static void test_in_turn(void **state)
{
	size_t before = scratch_entries("/proc/self/task");

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct items t = { .slow = round * 20 };
		SCOPED(ahead) a;

		ahead_begin(&a, item, &t, N);
		ahead_run(&a);
		take_all(&a, &t);
	}
	assert_true(are_gone(before));
}

static void test_alone(void **state)
{
	struct items t = { .slow = N };
	SCOPED(ahead) a;

	(void)state;
	ahead_begin(&a, item, &t, N);
	ahead_wait(&a, 0);
	ahead_wait(&a, 1);
	assert_int_equal(t.begun, 2); /* none before it is waited for */
	ahead_wait(&a, N + 5);
	take_all(&a, &t);
}

/* What nobody waits for is not waited for. */
static void test_left(void **state)
{
	size_t before = scratch_entries("/proc/self/task");
	struct items t = { .slow = N };

	(void)state;
	for (size_t taken = 0; taken < 40; taken++) {
		SCOPED(ahead) a;

		t = (struct items) { .slow = (unsigned)taken };
		ahead_begin(&a, item, &t, N);
		ahead_run(&a);
		for (size_t i = 0; i < taken; i++)
			ahead_wait(&a, i);
	}
	assert_true(are_gone(before));
	struct ahead never = { 0 };
	SCOPED(ahead) none;

	ahead_clear(&never);
	ahead_begin(&none, item, &t, 0);
	ahead_run(&none);
	ahead_wait(&none, 0);
}

static void test_one_processor(void **state)
{
	cpu_set_t all, one;
	struct items t = { .slow = 3 };

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	SCOPED(ahead) a;

	ahead_begin(&a, item, &t, N);
	ahead_run(&a);
	assert_int_equal(a.threads_n, 0);
	take_all(&a, &t);
	assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void judge(void *arg, size_t i)
{
	struct verdict *v = arg;

	verdict_keep(&v[i], i % 2 ? err_set(INRO_E_POLICY, "item %zu", i) : INRO_OK);
}

static void test_words(void **state)
{
	SCOPED(ahead) a;
	struct verdict v[N] = { 0 };
	char words[32];

	(void)state;
	ahead_begin(&a, judge, v, N);
	ahead_run(&a);
	for (size_t i = 0; i < N; i++) {
		ahead_wait(&a, i);
		(void)err_set(INRO_E_IO, "something else");
		assert_int_equal(verdict_say(&v[i]), i % 2 ? INRO_E_POLICY : INRO_OK);
		snprintf(words, sizeof words, "item %zu", i);
		if (i % 2)
			assert_string_equal(err_detail(INRO_E_POLICY), words);
		verdict_clear(&v[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_one_processor),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, warm_up, NULL);
}
