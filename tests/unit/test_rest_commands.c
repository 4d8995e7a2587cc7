/* test_rest_commands - what the commands can do the network's API can, or docs/http-api.md says why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/rest/rows.h"
#include "base/file.h"
#include "tools/cmd.h"

/* The section with what isn't offered; each command stands in it as `noun verb`. */
#define SECTION "\n## What the commands have alone\n"

static struct buf page;
static const char *section;

static int setup(void **state)
{
	char path[4096];

	(void)state;
	snprintf(path, sizeof path, "%s/docs/http-api.md", getenv("INRO_TEST_SOURCE"));
	if (file_read(path, 1 << 20, &page) != INRO_OK)
		return -1;
	buf_add_u8(&page, 0);
	section = strstr((const char *)page.p, SECTION);
	return section && !buf_err(&page) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_clear(&page);
	return 0;
}

/* Named there, or all of its noun as `noun`. */
static bool is_named(const char *noun, const char *verb)
{
	char one[96], all[64];

	snprintf(one, sizeof one, "`%s %s`", noun, verb);
	snprintf(all, sizeof all, "`%s`", noun);
	return strstr(section, one) || strstr(section, all);
}

static void test_offered(void **state)
{
	size_t gaps = 0;

	(void)state;
	for (const struct cmd_noun *n = cmd_nouns; n->name; n++)
		for (const struct cmd_verb *v = n->verbs; v->name; v++) {
			char command[96];

			snprintf(command, sizeof command, "%s %s", n->name, v->name);
			if (!rest_row_of(command) == is_named(n->name, v->name))
				continue;
			print_error("'%s' is %s\n", command,
				    rest_row_of(command) ? "offered, and said not to be"
							 : "neither offered nor said not to be");
			gaps++;
		}
	assert_int_equal(gaps, 0);
}

static bool is_command(const char *name)
{
	char command[96];

	for (const struct cmd_noun *n = cmd_nouns; n->name; n++) {
		if (strcmp(n->name, name) == 0)
			return true;
		for (const struct cmd_verb *v = n->verbs; v->name; v++) {
			snprintf(command, sizeof command, "%s %s", n->name, v->name);
			if (strcmp(command, name) == 0)
				return true;
		}
	}
	return false;
}

/* What is in the table's first column is a command: none stays there that is gone. */
static void test_named(void **state)
{
	(void)state;
	for (const char *row = strstr(section, "\n| `"); row; row = strstr(row + 1, "\n| `")) {
		const char *end = strchr(row + 3, '|');
		char name[96];

		for (const char *at = strchr(row, '`'); at && at < end; at = strchr(strchr(at + 1, '`') + 1, '`')) {
			snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "`"), at + 1);
			if (!is_command(name))
				fail_msg("docs/http-api.md speaks of '%s', which is no command", name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offered),
		cmocka_unit_test(test_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
