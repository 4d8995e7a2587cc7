/* test_process - the process knows its number, its children theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
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

/* A program whose file another one has taken the place of, and one whose file is gone. */
static int is_at(const char *path)
{
	AUTO(free_chars) char *before = process_program();
	AUTO(free_chars) char *moved = NULL;
	AUTO(free_chars) char *gone = NULL;

	if (!before || strcmp(before, path) != 0 || file_write("another", 0755, bytes_of("#!/bin/true\n")) != INRO_OK ||
	    rename("another", path) != 0)
		return 1;
	moved = process_program();
	if (unlink(path) != 0)
		return 2;
	gone = process_program();
	return moved && gone && strcmp(moved, path) == 0 && strcmp(gone, path) == 0 ? 0 : 3;
}

static void a_program_is_where_it_began(void **state)
{
	AUTO(free_chars) char *self = process_program();
	AUTO(free_chars) char *here = realpath(".", NULL);
	char path[600];
	SCOPED(buf) program = { 0 };
	int status = -1;
	pid_t child;

	(void)state;
	assert_non_null(self);
	assert_non_null(here);
	snprintf(path, sizeof path, "%s/test_process.copy", here);
	assert_int_equal(file_read_regular(self, (size_t)1 << 30, &program), INRO_OK);
	assert_int_equal(file_write(path, 0755, buf_bytes(&program)), INRO_OK);
	child = fork();
	if (child == 0) {
		execl(path, path, path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return is_at(argv[1]);

	const struct CMUnitTest tests[] = { cmocka_unit_test(every_generation_has_its_own),
					    cmocka_unit_test(a_program_is_where_it_began) };

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
