/*
 * What whole calls of the module cost (Init and operation together) against libcrypto with contexts
 * that are set up once, and what a second thread brings.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_module [SECONDS A CASE]
 *
 * One line a call: microseconds of CPU of both (medians of turns) and the median of their ratios.
 * Then a line a signature: operations a second of two threads to those of one, of the module and of
 * libcrypto in the same turns.  A machine that does something else gives no one two processors'
 * worth, so libcrypto's figure is what the module's is to be read against; "CPU" is what an
 * operation costs with two threads to what it costs with one.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "tests/bench/calls.h"

#define THREADS 2

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;

/* ---- one thread ---- */

static void print_call(const struct call *call, struct caller *c, double seconds)
{
	struct bench_ratio r = bench_in_turn((struct bench_side) { call->ours, c },
					     (struct bench_side) { call->raw, c }, seconds);

	if (call->raw)
		printf("%-30s %8.2f us   libcrypto %8.2f us   ratio %.3f\n", call->name,
		       r.ours / 1e3, r.raw / 1e3, r.ratio);
	else
		printf("%-30s %8.3f us\n", call->name, r.ours / 1e3);
}

/* ---- two ---- */

struct worker {
	struct caller at;
	void (*run)(void *at);
	atomic_bool *stop;
	uint64_t done, cpu_ns;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t start = bench_ns(CLOCK_THREAD_CPUTIME_ID);

	for (w->done = 0; !atomic_load_explicit(w->stop, memory_order_relaxed); w->done++)
		w->run(&w->at);
	w->cpu_ns = bench_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	return NULL;
}

struct speed {
	double a_second, cpu_ns;
};

static struct speed run_threads(struct worker *w, size_t n, bool raw, double seconds)
{
	struct timespec rest = { 0, (long)(seconds * 1e9) };
	pthread_t threads[THREADS];
	atomic_bool stop = false;
	uint64_t start = bench_ns(CLOCK_MONOTONIC);
	double done = 0, cpu = 0;

	for (size_t i = 0; i < n; i++) {
		w[i].run = raw ? w[i].at.call->raw : w[i].at.call->ours;
		w[i].stop = &stop;
		bench_need(!pthread_create(&threads[i], NULL, work, &w[i]), "a thread");
	}
	nanosleep(&rest, NULL);
	atomic_store(&stop, true);
	for (size_t i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		done += (double)w[i].done;
		cpu += (double)w[i].cpu_ns;
	}
	return (struct speed) { done * 1e9 / (double)(bench_ns(CLOCK_MONOTONIC) - start),
				cpu / (done + 1) };
}

/* [raw]: the gain of two threads over one, and the cost of an operation with them. */
static void one_round(struct worker *w, double seconds, double gain[2], double cost[2])
{
	for (int raw = 0; raw < 2; raw++) {
		struct speed one = run_threads(w, 1, raw, seconds);
		struct speed two = run_threads(w, THREADS, raw, seconds);

		gain[raw] = two.a_second / one.a_second;
		cost[raw] = two.cpu_ns / one.cpu_ns;
	}
}

static void print_threads(const struct call *call, CK_OBJECT_HANDLE key, EVP_PKEY *raw_key,
			  double seconds)
{
	static struct worker w[THREADS];
	double gain[2][64], cost[2][64], g[2], k[2];
	size_t rounds = 0, most = seconds > 1 ? 21 : 1;

	for (size_t i = 0; i < THREADS; i++)
		caller_open(&w[i].at, call, slot, key, raw_key);
	for (; rounds < most; rounds++) {
		one_round(w, seconds > 1 ? 0.08 : 0.01, g, k);
		for (int raw = 0; raw < 2; raw++) {
			gain[raw][rounds] = g[raw];
			cost[raw][rounds] = k[raw];
		}
	}
	printf("%-30s two threads x %.2f (CPU x %.2f)   libcrypto x %.2f (CPU x %.2f)\n",
	       call->name, bench_median(gain[0], rounds), bench_median(cost[0], rounds),
	       bench_median(gain[1], rounds), bench_median(cost[1], rounds));
	for (size_t i = 0; i < THREADS; i++)
		caller_close(&w[i].at);
}

static void measure(const struct call *call, double seconds)
{
	static struct caller c;
	CK_OBJECT_HANDLE key = call->key ? call->key(session) : 0;
	EVP_PKEY *raw_key = call->raw_key ? call->raw_key() : NULL;

	caller_open(&c, call, slot, key, raw_key);
	print_call(call, &c, seconds);
	caller_close(&c);
	if (call->signs)
		print_threads(call, key, raw_key, seconds);
	EVP_PKEY_free(raw_key);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;

	module_load();
	OK(p11->C_Initialize(&(CK_C_INITIALIZE_ARGS) { .flags = CKF_OS_LOCKING_OK }));
	session = module_user(&slot);
	bench_print_machine();
	for (size_t i = 0; i < calls_n; i++)
		measure(&calls[i], seconds);
	OK(p11->C_Finalize(NULL));
	return 0;
}
