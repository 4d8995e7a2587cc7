/*
 * What it costs to register devices from a CSV file, against the same rows by a bare SQL script:
 * same columns and indexes, 500 rows a transaction, each a row with an event beside it, but no
 * checks, no chain of hashes, no counts.
 *
 *   build/check/tests/bench_registry [DEVICES]
 *
 * One line a side: milliseconds of CPU time and devices a CPU-second; and their ratio, which is to
 * be 3 at most.  With INRO_TEST_DB=postgres both are in PostgreSQL, whose server's time is a part of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backoffice/core/batch.h"
#include "backoffice/core/import.h"
#include "tests/bench/bench.h"
#include "tests/bench/script.h"
#include "tests/lib/office.h"

#define OK(x) bench_need((x) == INRO_OK, #x)

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

static void write_row(struct buf *sql, long i, long *devices, long *events)
{
	SCOPED(buf) row = { 0 };

	buf_addf(&row,
		 "INSERT INTO device (@tenant, device_id, name, ip, mac, hostname, os, state, created_ms, updated_ms) "
		 "VALUES (&1, '%010lx', 'device %ld', '10.%ld.%ld.%ld', '00:11:22:%02lx:%02lx:%02lx', 'host-%ld', "
		 "'Linux', 'registered', 1, 1);\n",
		 i, i, i >> 16 & 255, i >> 8 & 255, i & 255, i >> 16 & 255, i >> 8 & 255, i & 255, i);
	buf_add_u8(&row, 0);
	OK(buf_err(&row));
	script_write(sql, (const char *)row.p, i, devices);
	buf_reset(&row);
	buf_addf(&row,
		 "INSERT INTO event (@tenant, at_ms, actor, action, subject, outcome, detail, hash) VALUES "
		 "(&1, 1, 'bench', 'device.add', 'device:%010lx', 'done', "
		 "'{\"name\":\"device %ld\",\"os\":\"Linux\"}', %%);\n",
		 i, i);
	buf_add_u8(&row, 0);
	OK(buf_err(&row));
	script_write(sql, (const char *)row.p, i, events);
}

static struct spent run_import(FILE *csv, long n)
{
	const struct import_options o = { 0 };
	struct core *c = office_open("ours.db");
	struct import_report r;
	struct spent t = spent_now();

	OK(import_devices(c, csv, &o, &r));
	t = spent_since(t);
	bench_need(r.counts[IMPORT_ADDED] == n, "adding every row");
	core_close(c);
	return t;
}

static struct spent run_script(long n)
{
	static struct buf sql;
	long devices = 0, events = 0;
	struct spent t = { 0 }, from;
	struct script *s;

	core_close(office_open("raw.db")); /* the tables */
	s = script_open(office_url("raw.db"));
	for (long i = 0; i < n;) {
		buf_reset(&sql);
		buf_add_str(&sql, "BEGIN;\n");
		do
			write_row(&sql, i, &devices, &events);
		while (++i % BATCH_MAX && i < n);
		buf_add_str(&sql, "COMMIT;\n");
		buf_add_u8(&sql, 0);
		OK(buf_err(&sql));
		from = spent_now();
		script_run(s, (const char *)sql.p);
		spent_add(&t, spent_since(from));
	}
	script_close(s);
	buf_clear(&sql);
	return t;
}

static void print_side(const char *what, struct spent t, long n)
{
	printf("%-11s %9.0f ms, %7.0f devices a CPU-second, %.1f us of CPU each", what, (t.cpu + t.server) * 1e3,
	       (double)n / (t.cpu + t.server), t.cpu * 1e6 / (double)n);
	if (office_on_postgres())
		printf(" and %.1f of the server's", t.server * 1e6 / (double)n);
	printf("; %.2f s by the clock\n", t.wall);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
	char *csv = NULL;
	size_t csv_n = 0;
	FILE *f = open_memstream(&csv, &csv_n);
	struct spent ours, raw;

	bench_need(f && n > 0, "memory");
	write_csv(f, n);
	fclose(f);
	script_settle();
	office_tokens();
	raw = run_script(n);
	f = fmemopen(csv, csv_n, "r");
	bench_need(f, "memory");
	ours = run_import(f, n);
	fclose(f);
	bench_print_machine();
	print_side("import", ours, n);
	print_side("bare script", raw, n);
	printf("ratio       %9.2f by CPU, %.2f by the clock (at most 3)\n", (ours.cpu + ours.server) / (raw.cpu + raw.server),
	       ours.wall / raw.wall);
	free(csv);
	return 0;
}
