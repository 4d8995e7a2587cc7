/*
 * bench - what the benchmarks share: clocks, medians, and two things measured in turn.
 *
 * The machine is never ours alone.  So a thing and its reference run in turns of a few
 * milliseconds, by CPU time where nothing waits, and what is told is the median of the turns.
 */
#ifndef INRO_TESTS_BENCH_BENCH_H
#define INRO_TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

uint64_t bench_ns(clockid_t clock);
/* Sorts v. */
double bench_median(double *v, size_t n);
/* Ends the program with what went wrong. */
void bench_need(bool good, const char *what);
/* The processors and the load, for what is printed to mean something later. */
void bench_print_machine(void);

/* One of two things that are compared: a call of run(arg) is one of it. */
struct bench_side {
	void (*run)(void *arg);
	void *arg;
};

/* Nanoseconds of one, and the median of the turns' ratios. */
struct bench_ratio {
	double ours, raw, ratio;
};

/* Alternates turns of both for so long, at least one of each; raw.run may be NULL. */
struct bench_ratio bench_in_turn(struct bench_side ours, struct bench_side raw, double seconds);

#endif
