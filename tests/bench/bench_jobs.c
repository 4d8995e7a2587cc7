/*
 * What jobs over a whole fleet cost (fleet.h: each device has a certificate and an AES key): disable,
 * enable, delete (which revokes) and rekey, for which the requests with the new keys lie in a folder.
 *
 *   build/check/tests/bench_jobs [DEVICES [moves|rekey]]
 *
 * A line a job: seconds by the clock and of CPU, and microseconds of CPU a device.  The same rows are then written
 * by a bare SQL script to a copy of the same database, 500 devices a transaction, an event beside each row, but no
 * checks, counts or hashes: the ratio is to be 3 at most.  A rekey verifies and signs beside that; its bar is 60 s for
 * 100 000, that of the others 10 s.  With INRO_TEST_DB=postgres all of it is in PostgreSQL, with the settings that it is
 * installed with; of its server the CPU time is told beside ours, and a rekey has no script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/job.h"
#include "tests/bench/bench.h"
#include "tests/bench/fleet.h"
#include "tests/bench/script.h"
#include "tests/lib/office.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#define LOT 500

static long devices = 2000;

static void ok(enum inro_err e, const char *what)
{
	if (e != INRO_OK)
		fprintf(stderr, "%s: ", err_detail(e));
	bench_need(e == INRO_OK, what);
}

/* ---- ours ---- */

static struct spent run_job(const char *db, const char *kind, const struct job_arg *args,
			      size_t n_args, long rows)
{
	const struct job_order order = { kind, args, n_args };
	struct core *c = office_open(db);
	SCOPED(job) made = { 0 };
	SCOPED(job) done = { 0 };
	struct spent t = spent_now();

	ok(job_start(c, &order, &made), kind);
	ok(job_run(c, made.id, NULL, &done), kind);
	t = spent_since(t);
	if (done.done != rows || done.failed)
		fprintf(stderr, "%lld done, %lld failed of %ld: ", (long long)done.done,
			(long long)done.failed, rows);
	bench_need(done.done == rows && !done.failed, kind);
	core_close(c);
	return t;
}

/* ---- the same rows by a script ---- */

/* Statements for one device (script.h). */
#define EVENT(action)                                                                              \
	"INSERT INTO event (@tenant, at_ms, actor, action, subject, outcome, detail, hash) VALUES " \
	"(&1, 1, 'bench', '" action "', 'device:dev-#', 'done', "                                   \
	"'{\"from\":\"active\",\"to\":\"disabled\"}', %);\n"

static const char disable_sql[] =
	"UPDATE device SET state = 'disabled', updated_ms = 1 WHERE id = #;\n" //
	EVENT("device.disable");
static const char enable_sql[] =
	"UPDATE device SET state = 'active', updated_ms = 1 WHERE id = #;\n" //
	EVENT("device.enable");
static const char delete_sql[] =
	"UPDATE device SET state = 'deleted', name = name || '.1795281769846', deleted_ms = 1, "
	"updated_ms = 1 WHERE id = #;\n"
	"UPDATE credential SET state = 'revoked', revoked_at = 1, reason = 5, listed_at = 1, "
	"updated_ms = 1 WHERE device = #;\n" //
	EVENT("device.delete") EVENT("certificate.revoke") EVENT("key.revoke");
static const char rekey_sql[] =
	"UPDATE credential SET state = 'superseded', grace_until = 1, updated_ms = 1 WHERE device "
	"= # AND kind = 'certificate';\n"
	"INSERT INTO credential (tenant, kind, state, device, ca, profile, subject, key_uri, "
	"serial, fingerprint, key_hash, cert, not_before, not_after, replaces, reason, algorithm, "
	"signature, request_id, created_ms, updated_ms) SELECT 1, 'certificate', 'active', device, "
	"ca, profile, subject, '', randomblob(16), randomblob(32), randomblob(32), cert, 1, "
	"1800000000, id, 0, algorithm, signature, 'job:1:#', 1, 1 FROM credential WHERE device "
	"= # AND kind = 'certificate';\n" //
	EVENT("certificate.supersede") EVENT("certificate.issue");

static void lot_sql(const char *each, long from, long to, long *id, struct buf *ret)
{
	buf_reset(ret);
	buf_add_str(ret, "BEGIN;\n");
	for (long i = from; i <= to; i++)
		script_write(ret, each, i, id);
	buf_add_str(ret, "COMMIT;\n");
	buf_add_u8(ret, 0);
	ok(buf_err(ret), "a script");
}

static struct spent run_script(const char *url, const char *each)
{
	static struct buf sql;
	struct spent t = { 0 }, from;
	struct script *s = script_open(url);
	long id = script_number(s, "SELECT max(id) FROM event");

	for (long i = 1; i <= devices; i += LOT) {
		lot_sql(each, i, i + LOT - 1 < devices ? i + LOT - 1 : devices, &id, &sql);
		from = spent_now();
		script_run(s, (const char *)sql.p);
		spent_add(&t, spent_since(from));
	}
	script_close(s);
	buf_clear(&sql);
	return t;
}

/* ---- one beside the other ---- */

struct pair {
	const char *what, *sql;
	double bar; /* seconds by the clock, of 100 000 */
	const char *where;
};

static const struct pair pairs[] = {
	{ "disable", disable_sql, 10, "state=active" },
	{ "enable", enable_sql, 10, "state=disabled" },
	{ "delete", delete_sql, 10, "state=active" },
	{ "rekey", rekey_sql, 60, "profile=tls-client" },
};

/* What the server spends is a part of it. */
static double cpu_of(struct spent t)
{
	return t.cpu + t.server;
}

static void print_ours(const struct pair *p, struct spent us)
{
	printf("%-8s %8.2f s by the clock (at most %.2f), %7.2f s of CPU, %6.1f us a device", p->what, us.wall,
	       p->bar * (double)devices / 1e5, us.cpu, us.cpu * 1e6 / (double)devices);
	if (office_on_postgres())
		printf(", and %.1f of the server's", us.server * 1e6 / (double)devices);
	printf("\n");
	fflush(stdout);
}

static void print_theirs(struct spent us, struct spent them)
{
	printf("%-8s %8.2f s by the clock and %.2f s of CPU by a bare script: ratio %.2f by the "
	       "clock, %.2f by CPU (at most 3)\n",
	       "", them.wall, cpu_of(them), us.wall / them.wall, cpu_of(us) / cpu_of(them));
	fflush(stdout);
}

/* Its URL; nobody has the database open. */
static const char *keep_copy(const char *db)
{
	char command[1400];

	if (office_on_postgres()) {
		postgres_sql("postgres", "DROP DATABASE IF EXISTS db_copy");
		snprintf(command, sizeof command, "CREATE DATABASE db_copy TEMPLATE db_%s", db);
		postgres_sql("postgres", command);
	} else {
		snprintf(command, sizeof command, "cp '%s' '%s'", office_url(db) + strlen("sqlite:"),
			 scratch_path("copy"));
		bench_need(system(command) == 0, "copying the database");
	}
	return office_url("copy");
}

/* `args` has conditions first. */
static void do_both(const char *db, const struct pair *p, const struct job_arg *args,
		    size_t n_args, long rows)
{
	const char *copy = p->sql ? keep_copy(db) : NULL;
	struct spent us = run_job(db, p->what, args, n_args, rows);

	print_ours(p, us);
	if (copy)
		print_theirs(us, run_script(copy, p->sql));
}

/* A fleet in which every device may do everything. */
static void make_fleet(const char *db)
{
	const struct job_arg all = { "where", "state=disabled" };
	struct core *c = office_open(db);

	office_make_cas(c, db);
	fleet_make(c, devices);
	core_close(c);
	run_job(db, "enable", &all, 1, (devices + 15) / 16);
}

static void move_them(void)
{
	make_fleet("moved");
	for (size_t i = 0; i < 3; i++) {
		const struct job_arg where = { "where", pairs[i].where };

		do_both("moved", &pairs[i], &where, 1, devices);
	}
}

static void make_requests(void)
{
	bench_need(mkdir(scratch_path("requests"), 0700) == 0, "a folder");
	for (long i = 0; i < devices; i++) {
		EVP_PKEY *key = office_key("P-256");
		SCOPED(buf) der = { 0 };
		char id[32], file[64];

		snprintf(id, sizeof id, "dev-%08ld", i);
		snprintf(file, sizeof file, "requests/%s.csr", id);
		office_csr(key, id, &der);
		scratch_file(file, der.p, der.n);
		EVP_PKEY_free(key);
	}
}

/* One more row: the certificate that the fleet's are made from has no key at hand.  Those of each
 * 365th device end the moment that they are made. */
static void rekey_them(void)
{
	char in[600], out[600];
	const struct pair rekey = { pairs[3].what, office_on_postgres() ? NULL : pairs[3].sql, pairs[3].bar, pairs[3].where };
	const struct job_arg args[] = { { "where", rekey.where },
					{ "csr-dir", in },
					{ "out-dir", out } };

	make_fleet("rekeyed");
	make_requests();
	sleep(2); /* until they have ended */
	snprintf(in, sizeof in, "%s", scratch_path("requests"));
	snprintf(out, sizeof out, "%s", scratch_path("out"));
	do_both("rekeyed", &rekey, args, ARRAY_LEN(args),
		devices + 1 - (devices + 364) / 365);
}

int main(int argc, char **argv)
{
	const char *only = argc > 2 ? argv[2] : NULL;

	devices = argc > 1 ? strtol(argv[1], NULL, 10) : devices;
	bench_need(devices > 0 && (!only || strcmp(only, "moves") == 0 || strcmp(only, "rekey") == 0),
		   "usage: bench_jobs [DEVICES [moves|rekey]]");
	script_settle();
	office_tokens();
	bench_print_machine();
	printf("%ld devices\n", devices);
	if (!only || strcmp(only, "moves") == 0)
		move_them();
	if (!only || strcmp(only, "rekey") == 0)
		rekey_them();
	return 0;
}
