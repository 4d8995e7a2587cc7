/*
 * How long the module takes from nothing to a first signature, for a session opened and closed and
 * for a search, by the number of keys in the token and of tokens in the home; and what memory a
 * process has taken that has found and used every key.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_start [TOKENS [KEYS ...]]
 *
 * A cold start is a process of its own: C_Initialize, find the token by its label, open, log in,
 * find a key by its label, sign.  The PIN's KDF is told apart from the rest.  Medians.  The memory
 * is what is resident beyond what a program has that uses libcrypto itself; "shared" is of it what
 * is mapped from files: the text of libraries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/own.h"
#include "tests/bench/bench.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define COLD_RUNS 9
#define SESSIONS  20000
#define SEARCHES  2001
#define KEYS_MOST 200000
#define LABEL	  "bench"

static double now_us(void)
{
	return (double)bench_ns(CLOCK_MONOTONIC) / 1e3;
}

/* While keys are only filled in nothing waits for the disk: these take the C library's place. */
static bool filling;

__attribute__((visibility("default"))) int fsync(int fd)
{
	return filling ? 0 : (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
	return filling ? 0 : (int)syscall(SYS_fdatasync, fd);
}

static void add_keys(CK_SESSION_HANDLE s, int from, int n)
{
	for (int i = from; i < n; i++) {
		CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
		char label[32];

		snprintf(label, sizeof label, "key-%d", i);
		CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
					  A_BOOL(CKA_TOKEN, CK_TRUE),
					  A_BYTES(CKA_ID, label, strlen(label)) };
		CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE),
					   A_BYTES(CKA_LABEL, label, strlen(label)),
					   A_BYTES(CKA_ID, label, strlen(label)) };
		CK_OBJECT_HANDLE a, b;

		OK(p11->C_GenerateKeyPair(s, &m, public, 3, private, 3, &a, &b));
	}
}

static CK_SLOT_ID find_token(void)
{
	CK_ULONG n = 0;

	OK(p11->C_GetSlotList(CK_TRUE, NULL, &n));
	CK_SLOT_ID *list = calloc(n, sizeof *list);

	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	CK_SLOT_ID found = list[0];

	free(list);
	MUST(memcmp(module_info(found).label, LABEL, strlen(LABEL)) == 0);
	return found;
}

/* In a process of its own: all but the login, and the login. */
static void cold_start(double out[2])
{
	CK_ATTRIBUTE mine[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_TEXT(CKA_LABEL, "key-7") };
	CK_OBJECT_HANDLE key = 0;
	uint8_t sig[64];
	double start = now_us();

	OK(p11->C_Initialize(NULL));
	CK_SESSION_HANDLE s = module_open(find_token(), false);
	double login = now_us();

	OK(module_login(s, CKU_USER, USER_PIN));
	out[1] = now_us() - login;
	MUST(module_find(s, mine, 2, &key) == 1);
	OK(module_sign(s, key, sig));
	out[0] = now_us() - start - out[1];
	OK(p11->C_Finalize(NULL));
}

static void measure_cold(const char *what)
{
	double rest[COLD_RUNS], login[COLD_RUNS], got[2];

	for (int i = 0; i < COLD_RUNS; i++) {
		int ends[2];

		MUST(pipe(ends) == 0);
		if (fork() == 0) {
			cold_start(got);
			_exit(write(ends[1], got, sizeof got) != sizeof got);
		}
		MUST(read(ends[0], got, sizeof got) == sizeof got);
		wait(NULL);
		close(ends[0]);
		close(ends[1]);
		rest[i] = got[0];
		login[i] = got[1];
	}
	printf("%-34s %9.2f ms besides %6.1f ms of login\n", what,
	       bench_median(rest, COLD_RUNS) / 1e3, bench_median(login, COLD_RUNS) / 1e3);
}

static void measure_sessions(CK_SLOT_ID slot, const char *what)
{
	CK_SESSION_HANDLE s = module_open(slot, false);
	double best = 1e9;

	for (int round = 0; round < 9; round++) {
		double start = now_us();

		for (int i = 0; i < SESSIONS; i++) {
			CK_SESSION_HANDLE one = module_open(slot, false);

			OK(p11->C_CloseSession(one));
		}
		double each = (now_us() - start) / SESSIONS;

		best = each < best ? each : best;
	}
	printf("%-34s %9.3f us open and close\n", what, best);
	OK(p11->C_CloseSession(s));
}

/* ---- finding ---- */

static void time_search(CK_SESSION_HANDLE s, CK_ATTRIBUTE *like, const char *by)
{
	static double us[SEARCHES];

	for (int i = 0; i < SEARCHES; i++) {
		double start = now_us();

		MUST(module_find(s, like, 2, NULL) == 1);
		us[i] = now_us() - start;
	}
	printf("  found by %-12s %9.1f us\n", by, bench_median(us, SEARCHES));
}

static void measure_search(CK_SESSION_HANDLE s)
{
	uint8_t point[80];
	CK_ATTRIBUTE label[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_TEXT(CKA_LABEL, "key-7") };
	CK_ATTRIBUTE id[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_TEXT(CKA_ID, "key-7") };
	CK_OBJECT_HANDLE public = 0;

	MUST(module_find(s, id, 2, &public) == 1);
	CK_ULONG n = module_bytes(s, public, CKA_EC_POINT, point, sizeof point);
	CK_ATTRIBUTE key[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY),
			       A_BYTES(CKA_EC_POINT, point, n) };

	time_search(s, id, "id");
	time_search(s, label, "label");
	time_search(s, key, "public key");
}

static void with_keys(CK_SLOT_ID slot, int from, int n)
{
	char what[64];
	CK_SESSION_HANDLE s = module_open(slot, true);

	OK(module_login(s, CKU_USER, USER_PIN));
	filling = true;
	add_keys(s, from, n);
	filling = false;
	snprintf(what, sizeof what, "%d keys", n);
	measure_sessions(slot, what);
	measure_search(s);
	OK(p11->C_CloseSession(s));
	OK(p11->C_Finalize(NULL));
	measure_cold(what);
	OK(p11->C_Initialize(NULL));
}

/* ---- memory ---- */

static long resident_kb(const char *which)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "re");

	bench_need(f != NULL, "/proc/self/status");
	while (kb < 0 && fgets(line, sizeof line, f)) {
		if (strncmp(line, which, strlen(which)) == 0)
			kb = strtol(line + strlen(which), NULL, 10);
	}
	fclose(f);
	return kb;
}

static long host_all, host_shared;

static void print_memory(const char *what)
{
	printf("  %-22s %6.2f MB, of it shared %.2f\n", what,
	       (double)(resident_kb("VmRSS:") - host_all) / 1e3,
	       (double)(resident_kb("RssFile:") - host_shared) / 1e3);
}

static CK_OBJECT_HANDLE every[KEYS_MOST];

static void use_every_key(void)
{
	CK_ATTRIBUTE like = A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY);
	CK_ULONG n = 0;
	uint8_t sig[64];

	OK(p11->C_Initialize(NULL));
	CK_SESSION_HANDLE s = module_open(find_token(), false);

	OK(module_login(s, CKU_USER, USER_PIN));
	print_memory("memory, logged in");
	OK(p11->C_FindObjectsInit(s, &like, 1));
	OK(p11->C_FindObjects(s, every, KEYS_MOST, &n));
	OK(p11->C_FindObjectsFinal(s));
	print_memory("memory, all found");
	for (CK_ULONG i = 0; i < n; i++)
		OK(module_sign(s, every[i], sig));
	print_memory("memory, all used");
	OK(p11->C_Finalize(NULL));
}

/* A process from before the module was loaded: it waits for each word to look again. */
static void look_at_memory(int word)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char c;

	bench_need(key != NULL, "a key pair");
	memset(every, 1, sizeof every);
	if (read(word, &c, 1) == 1) {
		host_all = resident_kb("VmRSS:");
		host_shared = resident_kb("RssFile:");
		module_load();
		use_every_key();
		fflush(stdout);
	}
	EVP_PKEY_free(key);
	_exit(0);
}

static int memory_begin(void)
{
	int ends[2];

	scratch_dir();
	bench_need(pipe(ends) == 0, "a pipe");
	fflush(stdout);
	if (fork() == 0) {
		close(ends[1]);
		look_at_memory(ends[0]);
	}
	close(ends[0]);
	return ends[1];
}

static void memory_end(int word)
{
	int status;

	fflush(stdout);
	bench_need(write(word, "", 1) == 1, "a word");
	close(word);
	bench_need(wait(&status) > 0 && status == 0, "the process that looks at memory");
}

/* One file under many names: slots are counted by their names. */
static void with_tokens(CK_SLOT_ID slot, int n)
{
	char first[512], what[64];

	snprintf(first, sizeof first, "%s", module_token_file(slot));
	for (int i = 1; i < n; i++)
		MUST(link(first, module_token_file(slot + (CK_SLOT_ID)i)) == 0);
	snprintf(what, sizeof what, "%d tokens in the home", n);
	measure_cold(what);
}

int main(int argc, char **argv)
{
	int tokens = argc > 1 ? atoi(argv[1]) : 10000, at = 0;
	const char *usual[] = { "10", "10000" };
	const char *const *keys = argc > 2 ? (const char *const *)argv + 2 : usual;
	int steps = argc > 2 ? argc - 2 : (int)ARRAY_LEN(usual);
	int word = memory_begin();

	module_load();
	OK(p11->C_Initialize(NULL));
	bench_print_machine();
	CK_SLOT_ID slot = module_token(LABEL);

	for (int i = 0; i < steps; i++) {
		int n = atoi(keys[i]);

		bench_need(n > at && n >= 10 && n <= KEYS_MOST, "a rising number of keys");
		with_keys(slot, at, n);
		at = n;
	}
	OK(p11->C_Finalize(NULL));
	memory_end(word);
	with_tokens(slot, tokens);
	return 0;
}
