/*
 * What the provider costs the start of programs that use no token key.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_provider_start [ROUNDS]
 *
 * 1. A program is started again and again, in turns with an openssl.cnf that activates the default
 *    provider and with one that activates ours as well.  It is this program, told what to do.
 * 2. Told are medians: of the processor time that the kernel counts for the child, and of the time
 *    until it has ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/own.h"
#include "tests/bench/bench.h"
#include "tests/lib/scratch.h"

#define ROUNDS_MAX 4096

static int do_nothing(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) ? 0 : 1;
}

static int do_digest(void)
{
	unsigned char out[EVP_MAX_MD_SIZE];

	return EVP_Digest("abc", 3, out, NULL, EVP_sha256(), NULL) ? 0 : 1;
}

static const struct program {
	const char *option, *name;
	int (*run)(void);
} programs[] = {
	{ "--nothing", "reads openssl.cnf, no more", do_nothing },
	{ "--digest", "makes a digest", do_digest },
};

/* Its exit status; a provider that should be there and is not would cost nothing. */
static int run_program(const char *option, bool with)
{
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		if (strcmp(programs[i].option, option) == 0)
			return programs[i].run() || OSSL_PROVIDER_available(NULL, "inro") != with;
	return -1;
}

static const char *config(const char *name, bool with)
{
	char text[8192];
	int n = snprintf(text, sizeof text,
			 "openssl_conf = init\n[init]\nproviders = all\n[all]\ndefault = theirs\n%s"
			 "[theirs]\nactivate = 1\n[ours]\nmodule = %s/lib/inro.so\nactivate = 1\n",
			 with ? "inro = ours\n" : "", getenv("INRO_TEST_BUILD"));

	bench_need(n > 0 && (size_t)n < sizeof text, "an openssl.cnf");
	return scratch_file(name, text, (size_t)n);
}

static double microseconds(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

/* Runs it once; its microseconds of the processor and of the clock. */
static void once(const char *option, bool with, const char *cnf, double *ret_cpu, double *ret_time)
{
	uint64_t start = bench_ns(CLOCK_MONOTONIC);
	struct rusage used;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		setenv("OPENSSL_CONF", cnf, 1);
		execl("/proc/self/exe", "bench_provider_start", option, with ? "with" : "without",
		      (char *)NULL);
		_exit(127);
	}
	bench_need(pid > 0 && wait4(pid, &status, 0, &used) == pid && status == 0, option);
	*ret_cpu = microseconds(used.ru_utime) + microseconds(used.ru_stime);
	*ret_time = (double)(bench_ns(CLOCK_MONOTONIC) - start) / 1e3;
}

static void compare(const struct program *p, unsigned rounds)
{
	static double cpu[2][ROUNDS_MAX], time[2][ROUNDS_MAX];
	const char *cnf[2] = { config("without.cnf", false), config("with.cnf", true) };
	double c[2], t[2];

	for (unsigned r = 0; r < rounds; r++)
		for (unsigned i = 0; i < 2; i++)
			once(p->option, i == 1, cnf[i], &cpu[i][r], &time[i][r]);
	for (unsigned i = 0; i < 2; i++) {
		c[i] = bench_median(cpu[i], rounds) / 1e3;
		t[i] = bench_median(time[i], rounds) / 1e3;
	}
	printf("%-28s CPU %.2f ms, with the provider %.2f ms: %+.2f ms; by the clock %.2f, %.2f: "
	       "%+.2f ms (bar +1)\n",
	       p->name, c[0], c[1], c[1] - c[0], t[0], t[1], t[1] - t[0]);
}

int main(int argc, char **argv)
{
	int done = argc > 2 ? run_program(argv[1], strcmp(argv[2], "with") == 0) : -1;
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 300;

	if (done >= 0)
		return done;
	bench_need(rounds > 0 && rounds <= ROUNDS_MAX, "1 to 4096 rounds: this number of them");
	bench_print_machine();
	for (size_t i = 0; i < ARRAY_LEN(programs); i++)
		compare(&programs[i], rounds);
	return 0;
}
