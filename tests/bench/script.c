/* script - see script.h. */
#include "tests/bench/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "backoffice/store/pg.h"
#include "tests/bench/bench.h"
#include "tests/lib/office.h"
#include "tests/lib/postgres.h"

struct script {
	sqlite3 *db; /* NULL: */
	struct pg pg;
};

struct spent spent_now(void)
{
	return (struct spent) { (double)bench_ns(CLOCK_MONOTONIC) / 1e9,
				(double)bench_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9,
				office_on_postgres() ? postgres_cpu() : 0 };
}

struct spent spent_since(struct spent from)
{
	struct spent t = spent_now();

	return (struct spent) { t.wall - from.wall, t.cpu - from.cpu, t.server - from.server };
}

void spent_add(struct spent *to, struct spent more)
{
	to->wall += more.wall;
	to->cpu += more.cpu;
	to->server += more.server;
}

void script_settle(void)
{
	if (office_on_postgres())
		postgres_usual();
}

static void write_one(struct buf *ret, char what, long number, long *id)
{
	bool pg = office_on_postgres();

	if (what == '#')
		buf_addf(ret, "%ld", number);
	else if (what == '%' && pg)
		buf_addf(ret, "'\\x%064d'", 0);
	else if (what == '%')
		buf_add_str(ret, "zeroblob(32)");
	else if (what == '@' && pg)
		buf_add_str(ret, "id, ");
	else if (what == '&' && pg)
		buf_addf(ret, "%ld, ", ++*id);
}

void script_write(struct buf *ret, const char *each, long number, long *id)
{
	for (size_t n; *each; each += n + (each[n] != 0)) {
		n = strcspn(each, "#%@&");
		buf_add(ret, BYTES(each, n));
		if (each[n])
			write_one(ret, each[n], number, id);
	}
}

static void ok(enum inro_err e)
{
	bench_need(e == INRO_OK, err_detail(e));
}

struct script *script_open(const char *url)
{
	struct script *s = calloc(1, sizeof *s);

	bench_need(s, "memory");
	if (office_on_postgres())
		ok(pg_open(&s->pg, url));
	else
		bench_need(sqlite3_open(url + strlen("sqlite:"), &s->db) == SQLITE_OK, "opening a database");
	if (s->db)
		script_run(s, "PRAGMA journal_mode = wal; PRAGMA synchronous = full");
	return s;
}

long script_number(struct script *s, const char *sql)
{
	char text[32] = "";
	sqlite3_stmt *st = NULL;
	long n;

	if (!s->db) {
		ok(pg_ask(&s->pg, sql, text, sizeof text));
		return strtol(text, NULL, 10);
	}
	bench_need(sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW, sql);
	n = (long)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

void script_run(struct script *s, const char *sql)
{
	if (s->db)
		bench_need(sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(s->db));
	else
		ok(pg_script(&s->pg, sql));
}

void script_close(struct script *s)
{
	sqlite3_close(s->db);
	if (!s->db)
		pg_close(&s->pg);
	free(s);
}
