/*
 * What a durable change of a token costs against one commit of SQLite itself (WAL, FULL: one
 * transaction of two rows, as a key pair is), the two in turn call by call, in one folder; and how
 * many processes at once make their pairs while another looks on.
 *
 *   INRO_TEST_BUILD=build/release build/check/tests/bench_store [CHANGES]
 *
 * One line a change: medians in microseconds, of the clock (the disk is waited for) and of CPU.
 * The floor of a pair is a commit and a libcrypto key pair.  A disk that is busy with others'
 * writes makes the medians leap: the ratio is that of one run and means little below 200 changes.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/own.h"
#include "tests/bench/bench.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define MOST	  10000
#define PROCESSES 4
#define BODY	  700 /* bytes of a private key's row */

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE made[MOST];

/* ---- the floor ---- */

static sqlite3 *floor_db;
static sqlite3_stmt *floor_insert;

static void floor_do(const char *sql)
{
	bench_need(sqlite3_exec(floor_db, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

static void floor_open(const char *path)
{
	bench_need(sqlite3_open(path, &floor_db) == SQLITE_OK, "sqlite3_open");
	sqlite3_busy_timeout(floor_db, 60000);
	floor_do("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "CREATE TABLE IF NOT EXISTS o(h INTEGER PRIMARY KEY, cls INT, id BLOB,"
		 " label BLOB, body BLOB);"
		 "CREATE INDEX IF NOT EXISTS o_id ON o(id);"
		 "CREATE INDEX IF NOT EXISTS o_label ON o(label)");
	bench_need(sqlite3_prepare_v2(floor_db,
				      "INSERT INTO o(cls, id, label, body) VALUES(?, ?, ?, ?)", -1,
				      &floor_insert, NULL) == SQLITE_OK,
		   "sqlite3_prepare");
}

static void floor_commit(int n)
{
	static const uint8_t body[BODY] = { 1 };
	char id[32];
	int id_n = snprintf(id, sizeof id, "id-%08d", n);

	floor_do("BEGIN IMMEDIATE");
	for (int class = 2; class <= 3; class ++) {
		sqlite3_bind_int(floor_insert, 1, class);
		sqlite3_bind_blob(floor_insert, 2, id, id_n, SQLITE_STATIC);
		sqlite3_bind_blob(floor_insert, 3, id, id_n, SQLITE_STATIC);
		sqlite3_bind_blob(floor_insert, 4, body, sizeof body, SQLITE_STATIC);
		bench_need(sqlite3_step(floor_insert) == SQLITE_DONE, "an insert");
		sqlite3_reset(floor_insert);
	}
	floor_do("COMMIT");
}

static void floor_pair(int n)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	bench_need(key != NULL, "a key pair");
	EVP_PKEY_free(key);
	floor_commit(n);
}

static void floor_close(void)
{
	sqlite3_finalize(floor_insert);
	sqlite3_close(floor_db);
}

/* ---- the token's ---- */

static void make_pair(int n)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	char id[32];
	size_t id_n = (size_t)snprintf(id, sizeof id, "id-%08d", n);
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
				  A_BOOL(CKA_TOKEN, CK_TRUE), A_BYTES(CKA_ID, id, id_n),
				  A_TEXT(CKA_LABEL, "pair") };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_BYTES(CKA_ID, id, id_n),
				   A_TEXT(CKA_LABEL, "pair") };
	CK_OBJECT_HANDLE a, b;

	OK(p11->C_GenerateKeyPair(session, &m, public, 4, private, 3, &a, &b));
}

static void create(int n)
{
	uint8_t value[32] = { (uint8_t)n, (uint8_t)(n >> 8), 1 };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
			     A_BOOL(CKA_TOKEN, CK_TRUE),	 A_BOOL(CKA_ENCRYPT, CK_TRUE),
			     A_TEXT(CKA_LABEL, "created"),	 A_BYTES(CKA_VALUE, value, 32) };

	OK(p11->C_CreateObject(session, t, ARRAY_LEN(t), &made[n]));
}

static void destroy(int n)
{
	OK(p11->C_DestroyObject(session, made[n]));
}

static const struct {
	const char *name;
	void (*ours)(int n), (*floor)(int n);
} changes[] = {
	{ "C_GenerateKeyPair P-256", make_pair, floor_pair },
	{ "C_CreateObject", create, floor_commit },
	{ "C_DestroyObject", destroy, floor_commit },
};

static void timed(void (*run)(int), int n, double *ret_us, double *ret_cpu_us)
{
	uint64_t cpu = bench_ns(CLOCK_THREAD_CPUTIME_ID), start = bench_ns(CLOCK_MONOTONIC);

	run(n);
	*ret_us = (double)(bench_ns(CLOCK_MONOTONIC) - start) / 1e3;
	*ret_cpu_us = (double)(bench_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / 1e3;
}

static void measure(size_t row, int n)
{
	static double us[2][MOST], cpu[2][MOST];
	double ours, raw;

	for (int i = 0; i < n; i++) {
		timed(changes[row].ours, i, &us[0][i], &cpu[0][i]);
		timed(changes[row].floor, i, &us[1][i], &cpu[1][i]);
	}
	ours = bench_median(us[0], (size_t)n);
	raw = bench_median(us[1], (size_t)n);
	printf("%-24s %8.1f us (CPU %6.1f)   floor %8.1f us (CPU %6.1f)   ratio %.2f\n",
	       changes[row].name, ours, bench_median(cpu[0], (size_t)n), raw,
	       bench_median(cpu[1], (size_t)n), ours / raw);
}

/* ---- many processes ---- */

static const char *floor_path;

static void open_token(void)
{
	OK(p11->C_Initialize(NULL));
	session = module_open(slot, true);
	OK(module_login(session, CKU_USER, USER_PIN));
}

static void say(int fd)
{
	bench_need(write(fd, "", 1) == 1, "telling");
}

static void hear(int fd)
{
	char c;

	bench_need(read(fd, &c, 1) == 1, "hearing");
}

/* Each tells that it is ready, waits for the word and then makes its own. */
static void writer(const int ends[2], int ready, bool floor, int n)
{
	if (floor)
		floor_open(floor_path);
	else
		open_token();
	say(ready);
	hear(ends[0]);
	for (int i = 0; i < n; i++)
		(floor ? floor_pair : make_pair)(i);
	_exit(0);
}

/* Pairs a second of all together. */
static double all_write(bool floor, int n)
{
	int go[2], ready[2], status, failed = 0;
	uint64_t start;

	bench_need(pipe(go) == 0 && pipe(ready) == 0, "pipes");
	fflush(stdout);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0)
			writer(go, ready[1], floor, n);
	}
	close(ready[1]);
	for (int i = 0; i < PROCESSES; i++)
		hear(ready[0]);
	start = bench_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < PROCESSES; i++)
		say(go[1]);
	for (int i = 0; i < PROCESSES; i++) {
		wait(&status);
		failed += status != 0;
	}
	bench_need(failed == 0, "a writer");
	return PROCESSES * n * 1e9 / (double)(bench_ns(CLOCK_MONOTONIC) - start);
}

/* The observer is this process: its session was there before the first write. */
static void measure_processes(int n)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_TEXT(CKA_LABEL, "pair") };
	CK_ULONG before = module_find(session, like, 2, NULL);
	double ours = all_write(false, n), raw = all_write(true, n);
	CK_ULONG seen = module_find(session, like, 2, NULL) - before;

	printf("%d processes, %d pairs each  %6.1f a second   floor %6.1f   ratio %.2f   seen "
	       "%lu\n",
	       PROCESSES, n, ours, raw, ours / raw, seen);
	MUST(seen == (CK_ULONG)(PROCESSES * n));
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 300;

	bench_need(n > 0 && n <= MOST, "the number of changes");
	module_load();
	OK(p11->C_Initialize(NULL));
	session = module_user(&slot);
	floor_path = strdup(scratch_path("floor.db"));
	floor_open(floor_path);
	bench_print_machine();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		measure(i, n);
	floor_close();
	measure_processes(n);
	OK(p11->C_Finalize(NULL));
	return 0;
}
