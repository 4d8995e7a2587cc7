/*
 * kill -9 in the middle of jobs of every kind.
 *
 * A child does a job and tells after each lot how far it is; it is killed at a random moment, and
 * so is each one that resumes the job, until one comes to the end.  Then each row was done once: by
 * the events, the counts that are kept, the records and the files.  INRO_TEST_THOROUGH does 100
 * rounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/core/job.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/tally.h"
#include "base/clock.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	 assert_int_equal(x, INRO_OK)
#define ROWS	 2000
#define CERTS	 700
#define IN_TOKEN 30
#define KILLS	 4 /* of one job; the next run is let go to its end */
#define ROUNDS	 100

static char db[32];

static enum inro_err start(struct core *c, const char *kind, const char *arg, const char *value,
			   int64_t *ret_id)
{
	const struct job_arg args[] = { { arg, value } };
	const struct job_order o = { kind, args, 1 };
	SCOPED(job) j = { 0 };
	enum inro_err e = job_start(c, &o, &j);

	*ret_id = j.id;
	return e;
}

static int64_t does(struct core *c, const char *kind, const char *arg, const char *value)
{
	SCOPED(job) j = { 0 };
	int64_t id;

	OK(start(c, kind, arg, value, &id));
	OK(job_run(c, id, NULL, &j));
	assert_int_equal(j.failed, 0);
	return id;
}

static const char *devices(void)
{
	SCOPED(buf) text = { 0 };

	buf_add_str(&text, "id,name\n");
	for (int i = 0; i < ROWS; i++)
		buf_addf(&text, "d%d,name %d\n", i, i);
	OK(buf_err(&text));
	return scratch_file("devices.csv", text.p, text.n);
}

/* ---- certificates ---- */

/* Good until the eighth call after this one. */
static const char *folder(const char *name)
{
	static char rooms[8][512];
	static unsigned next;
	char full[64], *path = rooms[next++ % ARRAY_LEN(rooms)];

	snprintf(full, sizeof full, "%s-%s", db, name);
	snprintf(path, sizeof rooms[0], "%s", scratch_path(full));
	mkdir(path, 0700);
	return path;
}

static int64_t files_in(const char *name)
{
	DIR *d = opendir(folder(name));
	struct dirent *entry;
	int64_t n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)))
		n += strstr(entry->d_name, ".pem") != NULL;
	closedir(d);
	return n;
}

static const char *requests(const char *dir)
{
	folder(dir);
	for (int i = 0; i < CERTS; i++) {
		SCOPED(buf) der = { 0 };
		EVP_PKEY *key = office_key("P-256");
		char cn[16], name[96];

		snprintf(cn, sizeof cn, "d%d", i);
		snprintf(name, sizeof name, "%s-%s/%s.csr", db, dir, cn);
		office_csr(key, cn, &der);
		scratch_file(name, der.p, der.n);
		EVP_PKEY_free(key);
	}
	return folder(dir);
}

static int64_t start_with(struct core *c, const char *kind, const struct job_arg *args, size_t n)
{
	const struct job_order o = { kind, args, n };
	SCOPED(job) j = { 0 };

	OK(job_start(c, &o, &j));
	return j.id;
}

static int64_t start_issue(struct core *c)
{
	const struct job_arg args[] = { { "csr-dir", requests("in") },
					{ "out-dir", folder("out") },
					{ "ca", "issuing" },
					{ "profile", "tls-client" },
					{ "devices", "yes" } };

	office_make_cas(c, db);
	does(c, "register", "in", devices());
	return start_with(c, "issue", args, ARRAY_LEN(args));
}

static void issued(struct core *c)
{
	SCOPED(job) j = { 0 };

	OK(job_run(c, start_issue(c), NULL, &j));
	assert_int_equal(j.done, CERTS);
}

static int64_t start_rekey(struct core *c)
{
	struct job_arg args[] = { { "where", "algorithm=ec-p256" },
				  { "csr-dir", NULL },
				  { "out-dir", NULL } };

	issued(c);
	args[1].value = requests("new");
	args[2].value = folder("newer");
	return start_with(c, "rekey", args, ARRAY_LEN(args));
}

static int64_t start_revoke(struct core *c)
{
	const struct job_arg arg = { "where", "profile=tls-client" };

	issued(c);
	return start_with(c, "revoke", &arg, 1);
}

static int64_t start_export(struct core *c)
{
	const struct job_arg args[] = { { "where", "" }, { "out-dir", folder("all") } };

	issued(c);
	return start_with(c, "export", args, ARRAY_LEN(args));
}

/* With keys in a token: the same ones, or others. */
static int64_t provisioned(struct core *c, const char *kind)
{
	const struct job_arg arg = { "where", "" };

	office_make_cas(c, db);
	for (int i = 0; i < IN_TOKEN; i++) {
		char id[48];
		const struct provision_request p = { .device = id,
						     .token = "line",
						     .ca = "issuing",
						     .profile = "tls-client",
						     .label = id };
		SCOPED(provision_result) r = { 0 };
		SCOPED(device) d = { 0 };

		snprintf(id, sizeof id, "t%d-%s", i, db);
		OK(device_add(c, id, NULL, &d));
		OK(device_provision(c, &p, &r));
	}
	return start_with(c, kind, &arg, 1);
}

static int64_t start_renew(struct core *c)
{
	return provisioned(c, "renew");
}

static int64_t start_rekey_in_token(struct core *c)
{
	return provisioned(c, "rekey");
}

/* ---- the kinds: what is there before, the job, what is said of each row once ---- */

static int64_t start_register(struct core *c)
{
	int64_t id;

	OK(start(c, "register", "in", devices(), &id));
	return id;
}

static int64_t start_update(struct core *c)
{
	SCOPED(buf) text = { 0 };
	int64_t id;

	does(c, "register", "in", devices());
	buf_add_str(&text, "id,name\n");
	for (int i = 0; i < ROWS; i++)
		buf_addf(&text, "d%d,new %d\n", i, i);
	OK(start(c, "update", "in", scratch_file("new.csv", text.p, text.n), &id));
	return id;
}

static int64_t start_disable(struct core *c)
{
	int64_t id;

	does(c, "register", "in", devices());
	OK(start(c, "disable", "where", "name^=name", &id));
	return id;
}

static int64_t start_enable(struct core *c)
{
	int64_t id;

	does(c, "register", "in", devices());
	does(c, "disable", "where", "");
	OK(start(c, "enable", "where", "state=disabled", &id));
	return id;
}

static int64_t start_delete(struct core *c)
{
	int64_t id;

	does(c, "register", "in", devices());
	OK(start(c, "delete", "where", "", &id));
	return id;
}

#define EVENTS(action)	 "SELECT count(*) FROM event WHERE action = '" action "'"
#define SUBJECTS(action) "SELECT count(DISTINCT subject) FROM event WHERE action = '" action "'"
#define CERTS_THAT(are)                                                                            \
	"SELECT count(DISTINCT serial) FROM credential WHERE own_ca IS NULL AND " are

static const struct kind {
	int64_t (*start)(struct core *c);
	int64_t rows;
	const char *are[2]; /* statements that give the number of rows in the end */
	const char *files;  /* a folder with so many; NULL: none */
} kinds[] = {
	{ start_register, ROWS, { EVENTS("device.add"), SUBJECTS("device.add") }, NULL },
	{ start_issue, CERTS, { CERTS_THAT("state = 'active'"), CERTS_THAT("id > 0") }, "out" },
	{ start_update, ROWS, { EVENTS("device.update"), SUBJECTS("device.update") }, NULL },
	{ start_rekey,
	  CERTS,
	  { CERTS_THAT("state = 'active'"), CERTS_THAT("state = 'superseded'") },
	  "newer" },
	{ start_disable, ROWS, { EVENTS("device.disable"), SUBJECTS("device.disable") }, NULL },
	{ start_revoke,
	  CERTS,
	  { EVENTS("certificate.revoke"), CERTS_THAT("state = 'revoked'") },
	  NULL },
	{ start_enable, ROWS, { EVENTS("device.enable"), SUBJECTS("device.enable") }, NULL },
	{ start_export, CERTS, { CERTS_THAT("id > 0"), CERTS_THAT("id > 0") }, "all" },
	{ start_delete, ROWS, { EVENTS("device.delete"), SUBJECTS("device.delete") }, NULL },
	{ start_renew,
	  IN_TOKEN,
	  { CERTS_THAT("state = 'active'"), CERTS_THAT("state = 'superseded'") },
	  NULL },
	{ start_rekey_in_token,
	  IN_TOKEN,
	  { CERTS_THAT("state = 'active'"), CERTS_THAT("state = 'superseded'") },
	  NULL },
};

/* ---- a child that is killed ---- */

static void tell(void *arg, const struct job *j)
{
	int64_t rows = j->done + j->same + j->failed;

	if (write(*(int *)arg, &rows, sizeof rows) != sizeof rows)
		_exit(3);
}

static void child(int64_t id, int fd)
{
	const struct job_watch w = { tell, &fd };
	struct core *c = office_open(db);
	SCOPED(job) j = { 0 };
	enum inro_err e = job_run(c, id, &w, &j);

	if (e != INRO_OK)
		fprintf(stderr, "the job: %s\n", err_detail(e));
	_exit(e == INRO_OK ? 0 : 2);
}

static void nap(int64_t us)
{
	const struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

/* The greatest place that was told before it ended, by itself or not. */
static int64_t killed_after(int64_t id, int64_t us)
{
	int64_t rows, most = 0;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(id, ends[1]);
	close(ends[1]);
	if (us >= 0) {
		nap(us);
		kill(pid, SIGKILL);
	}
	while (read(ends[0], &rows, sizeof rows) == sizeof rows)
		most = rows;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return most;
}

static void check_rows(const struct kind *k, int64_t id)
{
	struct core *c = office_open(db);
	struct audit_report report;
	SCOPED(job) j = { 0 };

	OK(job_get(c, id, &j));
	assert_int_equal(j.state, JOB_DONE);
	assert_int_equal(j.done + j.same, k->rows);
	assert_int_equal(j.failed, 0);
	for (size_t i = 0; i < ARRAY_LEN(k->are); i++)
		assert_int_equal(office_ask(db, k->are[i]), k->rows);
	if (k->files)
		assert_int_equal(files_in(k->files), k->rows);
	OK(tally_check(c));
	OK(audit_verify(c, &report));
	core_close(c);
}

/* What was told is on record.  Whether it came to its end, which also one can that was killed. */
static bool check_told(int64_t id, int64_t told)
{
	struct core *c = office_open(db);
	SCOPED(job) j = { 0 };

	OK(job_get(c, id, &j));
	assert_true(j.done + j.same >= told);
	core_close(c);
	return j.state == JOB_DONE;
}

static void one_round(const struct kind *k, unsigned seed)
{
	static unsigned n;
	int64_t id, since, took;
	struct core *c;
	bool done = false;

	snprintf(db, sizeof db, "jobs-%u", n++);
	c = office_open(db);
	since = clock_monotonic_ms();
	id = k->start(c);
	took = (clock_monotonic_ms() - since) * 700 + 20000;
	core_close(c);
	srand(seed);
	for (int i = 0; i < KILLS && !done; i++)
		done = check_told(id, killed_after(id, rand() % took));
	if (!done)
		killed_after(id, -1);
	check_rows(k, id);
}

static void test_kills(void **state)
{
	unsigned rounds = getenv("INRO_TEST_THOROUGH") ? ROUNDS : ARRAY_LEN(kinds);
	unsigned seed = (unsigned)clock_monotonic_ms();

	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		print_message("round %u, seed %u\n", i, seed + i);
		one_round(&kinds[i % ARRAY_LEN(kinds)], seed + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kills) };

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
