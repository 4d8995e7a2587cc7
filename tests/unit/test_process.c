/* test_process - the process knows its number, its children theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

/* 0 when it and a child of its own are right. */
static int right(int deep)
{
	int status = 0;

	if (process_id() != getpid() || process_id() != getpid())
		return 1;
	if (deep == 0)
		return 0;
	pid_t child = fork();

	if (child == 0)
		_exit(right(deep - 1));
	waitpid(child, &status, 0);
	return status != 0 || process_id() != getpid();
}

static void every_generation_has_its_own(void **state)
{
	(void)state;
	assert_int_equal(right(3), 0);
	assert_int_equal(process_id(), getpid());
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_generation_has_its_own) };

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
