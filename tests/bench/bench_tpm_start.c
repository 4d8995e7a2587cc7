/*
 * How long a token in the embedded TPM takes from nothing to a first signature, with many keys in
 * it, beyond what the TPM itself takes.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_tpm_start [KEYS [RUNS]]
 *
 * A cold start is a process of its own: C_Initialize, open, log in, find a key by its label, sign.
 * The TPM is in that process: the two functions of libtpms that work (MainInit and Process) are
 * timed where the module calls them.  What those took, the reference, all the rest, and its parts,
 * each as the median and the fastest; the rest should be 8 ms at most.  C_Login writes the count of
 * tries to the disk, twice: what the disk takes for that is in the rest.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/bench/bench.h"
#include "tests/lib/tpmtoken.h"

#define RUNS_MAX 99

enum part { ALL, TPM_START, TPM_COMMANDS, OPEN, LOGIN, FIND, SIGN, PARTS };

static double ms[PARTS]; /* of this process */
static unsigned commands;

/* The processor's time of this process, or the one on the wall. */
static clockid_t clock_used = CLOCK_MONOTONIC;

static double now_ms(void)
{
	return (double)bench_ns(clock_used) / 1e6;
}

/* ---- between the module and libtpms ---- */

typedef uint32_t init_fn(void);
typedef uint32_t process_fn(unsigned char **response, uint32_t *n, uint32_t *cap,
			    unsigned char *command, uint32_t command_n);

static init_fn *real_init;
static process_fn *real_process;

static uint32_t timed_init(void)
{
	double start = now_ms();
	uint32_t r = real_init();

	ms[TPM_START] += now_ms() - start;
	return r;
}

static uint32_t timed_process(unsigned char **response, uint32_t *n, uint32_t *cap,
			      unsigned char *command, uint32_t command_n)
{
	double start = now_ms();
	uint32_t r = real_process(response, n, cap, command, command_n);

	ms[TPM_COMMANDS] += now_ms() - start;
	commands++;
	return r;
}

typedef void *dlsym_fn(void *handle, const char *name);

static dlsym_fn *real_dlsym(void)
{
	static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5" };
	void *found = NULL;
	dlsym_fn *f;

	for (size_t i = 0; !found && i < ARRAY_LEN(versions); i++)
		found = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
	bench_need(found != NULL, "the C library's dlsym");
	memcpy(&f, &found, sizeof f);
	return f;
}

/* Takes the C library's place. */
__attribute__((visibility("default"))) void *dlsym(void *restrict handle, const char *restrict name)
{
	void *found = real_dlsym()(handle, name), *ours = found;

	if (found && strcmp(name, "TPMLIB_MainInit") == 0) {
		memcpy(&real_init, &found, sizeof found);
		memcpy(&ours, &(init_fn *) { timed_init }, sizeof ours);
	} else if (found && strcmp(name, "TPMLIB_Process") == 0) {
		memcpy(&real_process, &found, sizeof found);
		memcpy(&ours, &(process_fn *) { timed_process }, sizeof ours);
	}
	return ours;
}

/* ---- the token ---- */

static void add_key(CK_SESSION_HANDLE s, int i)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	char label[32];

	snprintf(label, sizeof label, "key-%d", i);
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
				  A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE),
				   A_BYTES(CKA_LABEL, label, strlen(label)),
				   A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM) };
	CK_OBJECT_HANDLE a, b;

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private), &a,
				  &b));
}

static CK_SLOT_ID make_token(int keys)
{
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE s;

	OK(p11->C_Initialize(NULL));
	s = tpmtoken_start("libtpms:", &slot);
	for (int i = 0; i < keys; i++)
		add_key(s, i);
	OK(p11->C_Finalize(NULL));
	return slot;
}

/* ---- a start ---- */

static double lap(double *since)
{
	double now = now_ms(), took = now - *since;

	*since = now;
	return took;
}

static void cold_start(CK_SLOT_ID slot)
{
	CK_ATTRIBUTE mine[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_TEXT(CKA_LABEL, "key-7") };
	CK_OBJECT_HANDLE key = 0;
	uint8_t sig[64];
	double start = now_ms(), at = start;

	OK(p11->C_Initialize(NULL));
	CK_SESSION_HANDLE s = module_open(slot, false);

	ms[OPEN] = lap(&at);
	OK(module_login(s, CKU_USER, USER_PIN));
	ms[LOGIN] = lap(&at);
	MUST(module_find(s, mine, 2, &key) == 1);
	ms[FIND] = lap(&at);
	OK(module_sign(s, key, sig));
	ms[SIGN] = lap(&at);
	ms[ALL] = at - start;
	OK(p11->C_Finalize(NULL));
}

struct told {
	CK_SLOT_ID slot;
	double ms[PARTS];
	unsigned commands;
};

/* With keys: a token of so many is made; else a start of that slot is timed. */
static struct told in_a_child(int keys, CK_SLOT_ID slot)
{
	struct told t = { .slot = slot };
	int ends[2], status;

	bench_need(pipe(ends) == 0, "a pipe");
	fflush(stdout);
	if (fork() == 0) {
		if (keys)
			t.slot = make_token(keys);
		else
			cold_start(slot);
		memcpy(t.ms, ms, sizeof ms);
		t.commands = commands;
		_exit(write(ends[1], &t, sizeof t) != sizeof t);
	}
	bench_need(read(ends[0], &t, sizeof t) == sizeof t, "a child");
	wait(&status);
	close(ends[0]);
	close(ends[1]);
	return t;
}

static double column[PARTS + 1][RUNS_MAX];
static unsigned last_commands;

static void measure(CK_SLOT_ID slot, int runs)
{
	for (int i = 0; i < runs; i++) {
		struct told t = in_a_child(0, slot);

		for (int p = 0; p < PARTS; p++)
			column[p][i] = t.ms[p];
		column[PARTS][i] = t.ms[ALL] - t.ms[TPM_START] - t.ms[TPM_COMMANDS];
		last_commands = t.commands;
	}
}

static void print(const char *what, int part, int runs)
{
	double median = bench_median(column[part], (size_t)runs); /* sorts them */

	printf("  %-40s %7.2f %7.2f\n", what, median, column[part][0]);
}

static void print_all(int runs)
{
	print("in all", ALL, runs);
	print("the TPM: MainInit", TPM_START, runs);
	print("the TPM: its commands", TPM_COMMANDS, runs);
	print("C_Initialize, C_OpenSession", OPEN, runs);
	print("C_Login, with the TPM", LOGIN, runs);
	print("C_FindObjects", FIND, runs);
	print("C_Sign, with the TPM", SIGN, runs);
	print("beyond the TPM (8 at most)", PARTS, runs);
}

int main(int argc, char **argv)
{
	int keys = argc > 1 ? atoi(argv[1]) : 100, runs = argc > 2 ? atoi(argv[2]) : 21;

	bench_need(keys >= 8 && runs > 0 && runs <= RUNS_MAX, "8 keys or more, 1 to 99 runs");
	module_load();
	bench_print_machine();
	CK_SLOT_ID slot = in_a_child(keys, 0).slot;

	measure(slot, runs);
	printf("cold start, %d keys in the token, %u commands: ms, median and fastest\n", keys,
	       last_commands);
	print_all(runs);
	clock_used = CLOCK_PROCESS_CPUTIME_ID;
	measure(slot, runs);
	printf("the same by the processor's time: the disk and other programs don't count\n");
	print_all(runs);
	return 0;
}
