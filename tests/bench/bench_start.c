/*
 * How long the module takes from nothing to a first signature, and for a session opened and closed,
 * by the number of keys in the token and of tokens in the home.
 *
 *   INRO_TEST_BUILD=build/check build/check/tests/bench_start [KEYS [TOKENS]]
 *
 * A cold start is a process of its own: C_Initialize, find the token by its label, open, log in,
 * find a key by its label, sign.  The PIN's KDF is told apart from the rest.  Medians.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define COLD_RUNS 9
#define SESSIONS  20000
#define LABEL	  "bench"

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	return v[n / 2];
}

static void add_keys(CK_SESSION_HANDLE s, int from, int n)
{
	for (int i = from; i < n; i++) {
		CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
		char label[32];

		snprintf(label, sizeof label, "key-%d", i);
		CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
					  A_BOOL(CKA_TOKEN, CK_TRUE) };
		CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE),
					   A_BYTES(CKA_LABEL, label, strlen(label)) };
		CK_OBJECT_HANDLE a, b;

		OK(p11->C_GenerateKeyPair(s, &m, public, 2, private, 2, &a, &b));
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
	printf("%-34s %9.2f ms besides %6.1f ms of login\n", what, median(rest, COLD_RUNS) / 1e3,
	       median(login, COLD_RUNS) / 1e3);
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

static void with_keys(CK_SLOT_ID slot, int from, int n)
{
	char what[64];
	CK_SESSION_HANDLE s = module_open(slot, true);

	OK(module_login(s, CKU_USER, USER_PIN));
	add_keys(s, from, n);
	snprintf(what, sizeof what, "%d keys", n);
	measure_sessions(slot, what);
	OK(p11->C_CloseSession(s));
	OK(p11->C_Finalize(NULL));
	measure_cold(what);
	OK(p11->C_Initialize(NULL));
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
	int keys = argc > 1 ? atoi(argv[1]) : 10000, tokens = argc > 2 ? atoi(argv[2]) : 10000;

	module_load();
	OK(p11->C_Initialize(NULL));
	CK_SLOT_ID slot = module_token(LABEL);

	with_keys(slot, 0, 10);
	with_keys(slot, 10, keys);
	OK(p11->C_Finalize(NULL));
	with_tokens(slot, tokens);
	return 0;
}
