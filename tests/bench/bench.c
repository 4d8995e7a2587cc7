/* bench - clocks, medians, turns. */
#include "tests/bench/bench.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_NS	  2000000
#define TURNS_MAX 4096

/* The build that this program is from: BUILD of BUILD/tests/bench_x. */
static void build_of_this(char ret_build[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret_build, PATH_MAX - 1);

	bench_need(n > 0, "/proc/self/exe");
	ret_build[n] = 0;
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(ret_build, '/');

		bench_need(slash != NULL, "the folder of this program");
		*slash = 0;
	}
}

/* Started by hand, a benchmark measures its own build or the one that is named, from wherever it is
 * started: libcrypto and our provider open modules by full paths only. */
__attribute__((constructor)) static void find_build(void)
{
	const char *named = getenv("INRO_TEST_BUILD");
	char build[PATH_MAX];

	if (!named)
		build_of_this(build);
	else
		bench_need(realpath(named, build) != NULL, "the folder of INRO_TEST_BUILD");
	bench_need(setenv("INRO_TEST_BUILD", build, 1) == 0, "setenv");
}

uint64_t bench_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	return v[n / 2];
}

void bench_need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s failed\n", what);
	exit(1);
}

void bench_print_machine(void)
{
	double load[1] = { 0 };

	bench_need(getloadavg(load, 1) == 1, "getloadavg");
	printf("%ld processors, load %.1f\n", sysconf(_SC_NPROCESSORS_ONLN), load[0]);
}

/* Mean of one turn, in nanoseconds of this thread: what else runs does not count.  The clock is
 * asked every eighth time, it costs as much as the smallest things that are measured. */
static double turn(struct bench_side s)
{
	uint64_t start = bench_ns(CLOCK_THREAD_CPUTIME_ID), end = start;
	unsigned n = 0;

	for (; end - start < TURN_NS; end = bench_ns(CLOCK_THREAD_CPUTIME_ID), n += 8)
		for (int i = 0; i < 8; i++)
			s.run(s.arg);
	return (double)(end - start) / n;
}

struct bench_ratio bench_in_turn(struct bench_side ours, struct bench_side raw, double seconds)
{
	static double a[TURNS_MAX], b[TURNS_MAX], r[TURNS_MAX];
	uint64_t end = bench_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	size_t n = 0;

	do {
		a[n] = turn(ours);
		b[n] = raw.run ? turn(raw) : 0;
		r[n] = raw.run ? a[n] / b[n] : 0;
		n++;
	} while (n < TURNS_MAX && bench_ns(CLOCK_MONOTONIC) < end);
	return (struct bench_ratio) { bench_median(a, n), bench_median(b, n), bench_median(r, n) };
}
