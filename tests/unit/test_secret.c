/* test_secret - secrets are wiped, kept out of core dumps and empty in a forked child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/secret.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static void test_new(void **state)
{
	SCOPED(secret) s = { 0 };

	(void)state;
	OK(secret_new(10000, &s));
	assert_int_equal(s.n, 10000);
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(s.p[i], 0);
	secret_clear(&s);
	assert_null(s.p);
	assert_int_equal(s.n, 0);
	secret_clear(&s);
	OK(secret_new(0, &s));
	assert_int_equal(secret_bytes(&s).n, 0);
	OK(secret_new((size_t)16 << 20, &s));
	secret_clear(&s);
	assert_int_equal(secret_new(((size_t)16 << 20) + 1, &s), INRO_E_TOO_BIG);
	assert_int_equal(secret_new(SIZE_MAX, &s), INRO_E_TOO_BIG);
}

static void test_copy_and_shrink(void **state)
{
	SCOPED(secret) s = { 0 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	OK(secret_copy(BYTES("12345678", 8), &s));
	secret_shrink(&s, 9);
	assert_int_equal(s.n, 8);
	secret_shrink(&s, 4);
	assert_true(bytes_is(secret_bytes(&s), "1234"));
	assert_memory_equal(s.p + 4, "\0\0\0\0", 4); /* still ours, and wiped */
	secret_shrink(&s, 0);
	assert_null(s.p);
	OK(secret_new(3 * page, &s));
	memset(s.p, 1, s.n);
	secret_shrink(&s, page + 1);
	assert_int_equal(s.p[page], 1);
	assert_int_equal(s.p[2 * page - 1], 0);
	secret_shrink(&s, page);
	assert_int_equal(s.p[page - 1], 1);
	secret_clear(&s);
	OK(secret_copy(BYTES_NONE, &s));
	assert_int_equal(s.n, 0);
}

/* The VmFlags of the mapping that p is in. */
static void flags_of(const void *p, char *out, size_t cap)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long from, to, at = (unsigned long)p;
	int inside = 0;

	*out = '\0';
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = at >= from && at < to;
		if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(out, cap, "%s", line);
	}
	fclose(f);
}

static void test_not_dumped(void **state)
{
	SCOPED(secret) s = { 0 };
	char flags[512];

	(void)state;
	OK(secret_copy(BYTES("secret", 6), &s));
	flags_of(s.p, flags, sizeof flags);
	assert_non_null(strstr(flags, " dd")); /* not in a core dump */
	assert_non_null(strstr(flags, " wf")); /* wiped on fork */
}

static int all_zero(void *arg)
{
	struct secret *s = arg;

	for (size_t i = 0; i < s->n; i++)
		if (s->p[i])
			return 1;
	return 0;
}

static void test_empty_in_a_child(void **state)
{
	SCOPED(secret) s = { 0 };

	(void)state;
	OK(secret_copy(BYTES("secret", 6), &s));
	assert_int_equal(scratch_child(all_zero, &s), 0);
	assert_true(bytes_is(secret_bytes(&s), "secret"));
	secret_keep_on_fork(&s);
	assert_int_equal(scratch_child(all_zero, &s), 1);
}

static void test_random(void **state)
{
	SCOPED(secret) a = { 0 };
	SCOPED(secret) b = { 0 };
	uint8_t big[4096] = { 0 };
	size_t zeros = 0;

	(void)state;
	OK(secret_random(32, &a));
	OK(secret_random(32, &b));
	assert_int_equal(a.n, 32);
	assert_false(secret_equal(secret_bytes(&a), secret_bytes(&b)));
	OK(random_fill(big, sizeof big));
	for (size_t i = 0; i < sizeof big; i++)
		zeros += big[i] == 0;
	assert_true(zeros < 100);
	OK(random_fill(big, 0));
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(secret_equal(BYTES("abc", 3), BYTES("abc", 3)));
	assert_true(secret_equal(BYTES_NONE, BYTES("", 0)));
	assert_false(secret_equal(BYTES("abc", 3), BYTES("abd", 3)));
	assert_false(secret_equal(BYTES("abc", 3), BYTES("ab", 2)));
	assert_false(secret_equal(BYTES("\0\0", 2), BYTES("\0", 1)));
}

static void test_wipe(void **state)
{
	char text[] = "text";

	(void)state;
	wipe(text, sizeof text);
	assert_memory_equal(text, "\0\0\0\0", 5);
	wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),	   cmocka_unit_test(test_copy_and_shrink),
		cmocka_unit_test(test_not_dumped), cmocka_unit_test(test_empty_in_a_child),
		cmocka_unit_test(test_random),	   cmocka_unit_test(test_equal),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
