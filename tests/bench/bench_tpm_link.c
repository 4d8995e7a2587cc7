/*
 * What the link to the embedded TPM adds to a command: a turn and the command, against the
 * library's bare TPMLIB_Process of the same TPM, the two in turn within one run.
 *
 *   build/check/tests/bench_tpm_link [SECONDS A CASE]
 *
 * One line a case: microseconds of each and the median of the turns' ratios.  Below: what a write
 * costs (it is on disk before it is answered), and beginning anew after another process changed the
 * state.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_library.h>

#include "tests/bench/bench.h"
#include "tests/lib/tpm_turns.h"
#include "tests/lib/scratch.h"

#define WRITES 64

typedef TPM_RESULT process_fn(unsigned char **response, uint32_t *n, uint32_t *cap,
			      unsigned char *command, uint32_t command_n);

static struct link *l;
static struct buf command;
static process_fn *process;

static void by_link(void *arg)
{
	SCOPED(buf) response = { 0 };
	uint64_t epoch;

	(void)arg;
	bench_need(link_begin(l, &epoch) == INRO_OK, "link_begin");
	bench_need(link_talk(l, buf_bytes(&command), false, &response) == INRO_OK, "link_talk");
	link_end(l);
	bench_need(response.p[8] == 0 && response.p[9] == 0, "the command");
}

/* The library reads the command where it lies and may change it there. */
static void bare(void *arg)
{
	static unsigned char *response, input[LINK_BYTES];
	static uint32_t n, cap;

	(void)arg;
	memcpy(input, command.p, command.n);
	bench_need(process(&response, &n, &cap, input, (uint32_t)command.n) == 0, "TPMLIB_Process");
	bench_need(response[8] == 0 && response[9] == 0, "the bare command");
}

static void compare(const char *name, double seconds)
{
	const struct bench_side ours = { by_link, NULL }, raw = { bare, NULL };
	struct bench_ratio r = bench_in_turn(ours, raw, seconds);

	printf("%-22s link %9.2f us   bare %9.2f us   ratio %.4f\n", name, r.ours / 1e3,
	       r.raw / 1e3, r.ratio);
}

static double us_since(uint64_t start)
{
	return (double)(bench_ns(CLOCK_MONOTONIC) - start) / 1e3;
}

static void time_writes(void)
{
	double took[WRITES];

	for (size_t i = 0; i < WRITES; i++) {
		uint64_t start = bench_ns(CLOCK_MONOTONIC);

		bench_need(turn_increment(l) == 0, "NV_Increment");
		took[i] = us_since(start);
	}
	printf("%-22s link %9.2f us, synced\n", "NV_Increment", bench_median(took, WRITES));
}

static void time_new_epochs(const char *home)
{
	struct link *other = turn_embedded(home);
	double took[WRITES];

	for (size_t i = 0; i < WRITES; i++) {
		bench_need(turn_increment(other) == 0, "NV_Increment of another");

		uint64_t start = bench_ns(CLOCK_MONOTONIC);

		bench_need(turn_random(l) == 0, "GetRandom");
		took[i] = us_since(start);
	}
	printf("%-22s link %9.2f us, with GetRandom\n", "a new epoch", bench_median(took, WRITES));
	link_free(other);
}

static void set_up(const char *home)
{
	void *found, *library = dlopen("libtpms.so.0", RTLD_NOW);

	bench_need(library != NULL, "dlopen");
	found = dlsym(library, "TPMLIB_Process");
	memcpy(&process, &found, sizeof process);
	bench_need(process != NULL, "TPMLIB_Process");
	l = turn_with_counter(home);
}

int main(int argc, char **argv)
{
	const char *home = turn_home("home");
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
	uint32_t key;

	bench_print_machine();
	set_up(home);
	bench_need(turn_ecc_primary(l, &key) == 0, "the key");
	turn_sign_bytes(key, &command);
	compare("Sign P-256", seconds);
	buf_reset(&command);
	turn_bytes(
		&(struct turn_command) { .code = TPM2_CC_GetRandom, .params = BYTES("\0\x10", 2) },
		&command);
	compare("GetRandom", seconds);
	time_writes();
	time_new_epochs(home);
	buf_clear(&command);
	link_free(l);
	return 0;
}
