/*
 * What it costs to register devices from a CSV file, against the same rows by a bare SQL script:
 * same columns and indexes, 500 rows a transaction, each a row with an event beside it, but no
 * checks, no chain of hashes, no counts.
 *
 *   build/check/tests/bench_registry [DEVICES]
 *
 * One line a side: milliseconds of CPU time and devices a CPU-second; and their ratio, which is to
 * be 3 at most.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "backoffice/core/batch.h"
#include "backoffice/core/import.h"
#include "tests/bench/bench.h"
#include "tests/lib/scratch.h"

#define OK(x) bench_need((x) == INRO_OK, #x)

static double cpu_ms(void)
{
	return (double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e6;
}

static struct core *open_core(const char *db)
{
	struct core_options o = { .actor = "bench", .role = ROLE_ADMIN };
	struct core *c = NULL;
	char url[4200];

	snprintf(url, sizeof url, "sqlite:%s", scratch_path(db));
	o.db = url;
	OK(core_open(&o, &c));
	return c;
}

static void write_csv(FILE *f, long n)
{
	fputs("id,name,ip,mac,host,os\n", f);
	for (long i = 0; i < n; i++)
		fprintf(f,
			"%010lx,device "
			"%ld,10.%ld.%ld.%ld,00:11:22:%02lx:%02lx:%02lx,host-%ld,Linux\n",
			i, i, i >> 16 & 255, i >> 8 & 255, i & 255, i >> 16 & 255, i >> 8 & 255,
			i & 255, i);
}

static void write_sql(FILE *f, long n)
{
	for (long i = 0; i < n; i++) {
		fputs(i % BATCH_MAX == 0 ? "BEGIN IMMEDIATE;\n" : "", f);
		fprintf(f,
			"INSERT INTO device (tenant, device_id, name, ip, mac, hostname, os, "
			"state, "
			"created_ms, updated_ms) VALUES (1, '%010lx', 'device %ld', "
			"'10.%ld.%ld.%ld', "
			"'00:11:22:%02lx:%02lx:%02lx', 'host-%ld', 'Linux', 'registered', 1, 1);\n",
			i, i, i >> 16 & 255, i >> 8 & 255, i & 255, i >> 16 & 255, i >> 8 & 255,
			i & 255, i);
		fprintf(f,
			"INSERT INTO event (tenant, at_ms, actor, action, subject, outcome, "
			"detail, hash) "
			"VALUES (1, 1, 'bench', 'device.add', 'device:%010lx', 'done', "
			"'{\"name\":\"device "
			"%ld\",\"os\":\"Linux\"}', zeroblob(32));\n",
			i, i);
		fputs(i % BATCH_MAX == BATCH_MAX - 1 || i == n - 1 ? "COMMIT;\n" : "", f);
	}
}

static double run_import(FILE *csv, long n)
{
	const struct import_options o = { 0 };
	struct core *c = open_core("ours.db");
	struct import_report r;
	double from = cpu_ms();

	OK(import_devices(c, csv, &o, &r));
	from = cpu_ms() - from;
	bench_need(r.counts[IMPORT_ADDED] == n, "adding every row");
	core_close(c);
	return from;
}

static double run_script(char *sql)
{
	sqlite3 *db = NULL;
	double from;

	core_close(open_core("raw.db")); /* the tables */
	bench_need(sqlite3_open(scratch_path("raw.db"), &db) == SQLITE_OK, "opening");
	bench_need(sqlite3_exec(db, "PRAGMA journal_mode = wal; PRAGMA synchronous = full", NULL,
				NULL, NULL) == SQLITE_OK,
		   "settings");
	from = cpu_ms();
	bench_need(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "the script");
	from = cpu_ms() - from;
	sqlite3_close(db);
	return from;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
	char *csv = NULL, *sql = NULL;
	size_t csv_n = 0, sql_n = 0;
	FILE *f = open_memstream(&csv, &csv_n);
	double ours, raw;

	bench_need(f && n > 0, "memory");
	write_csv(f, n);
	fclose(f);
	f = open_memstream(&sql, &sql_n);
	bench_need(f, "memory");
	write_sql(f, n);
	fclose(f);
	raw = run_script(sql);
	f = fmemopen(csv, csv_n, "r");
	bench_need(f, "memory");
	ours = run_import(f, n);
	fclose(f);
	bench_print_machine();
	printf("import      %9.0f ms, %7.0f devices a CPU-second\n", ours, (double)n * 1e3 / ours);
	printf("bare script %9.0f ms, %7.0f devices a CPU-second\n", raw, (double)n * 1e3 / raw);
	printf("ratio       %9.2f (at most 3)\n", ours / raw);
	free(csv);
	free(sql);
	return 0;
}
