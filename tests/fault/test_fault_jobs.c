/*
 * kill -9 in the middle of jobs of every kind.
 *
 * A child does a job and tells after each lot how far it is; it is killed at a random moment, and
 * so is each one that resumes the job, until one comes to the end.  Then each row was done once: by
 * the events, by the counts that are kept, and by the records.  INRO_TEST_THOROUGH does 100 rounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/job.h"
#include "backoffice/core/tally.h"
#include "base/clock.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)  assert_int_equal(x, INRO_OK)
#define ROWS   2000
#define KILLS  4 /* of one job; the next run is let go to its end */
#define ROUNDS 100

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

static const struct kind {
	int64_t (*start)(struct core *c);
	const char *action; /* an event of it for each row */
	const char *count;  /* so many are so in the end: ROWS */
} kinds[] = {
	{ start_register, "device.add", "device/registered" },
	{ start_update, "device.update", "device/registered" },
	{ start_disable, "device.disable", "device/disabled" },
	{ start_enable, "device.enable", "device/active" },
	{ start_delete, "device.delete", "device/deleted" },
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

/* The greatest place that was told before it ended; *ret_done: it came to its end by itself. */
static int64_t killed_after(int64_t id, int64_t us, bool *ret_done)
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
	*ret_done = WIFEXITED(status);
	if (*ret_done)
		assert_int_equal(WEXITSTATUS(status), 0);
	return most;
}

static void check_rows(const struct kind *k, int64_t id)
{
	struct core *c = office_open(db);
	struct audit_report report;
	SCOPED(job) j = { 0 };
	char sql[200];
	int64_t n;

	OK(job_get(c, id, &j));
	assert_int_equal(j.state, JOB_DONE);
	assert_int_equal(j.done, ROWS);
	assert_int_equal(j.same + j.failed, 0);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE action = '%s'", k->action);
	assert_int_equal(office_ask(db, sql), ROWS);
	snprintf(sql, sizeof sql, "SELECT count(DISTINCT subject) FROM event WHERE action = '%s'",
		 k->action);
	assert_int_equal(office_ask(db, sql), ROWS);
	OK(tally_get(c, k->count, &n));
	assert_int_equal(n, ROWS);
	OK(tally_check(c));
	OK(audit_verify(c, &report));
	core_close(c);
}

/* What was told is on record. */
static void check_told(int64_t id, int64_t told)
{
	struct core *c = office_open(db);
	SCOPED(job) j = { 0 };

	OK(job_get(c, id, &j));
	assert_true(j.done >= told);
	core_close(c);
}

static void one_round(const struct kind *k, unsigned seed)
{
	static unsigned n;
	int64_t id, since, took;
	struct core *c;
	bool done = false;

	snprintf(db, sizeof db, "jobs-%u.db", n++);
	c = office_open(db);
	since = clock_monotonic_ms();
	id = k->start(c);
	took = (clock_monotonic_ms() - since) * 1000 + 20000;
	core_close(c);
	srand(seed);
	for (int i = 0; i < KILLS && !done; i++)
		check_told(id, killed_after(id, rand() % took, &done));
	if (!done)
		killed_after(id, -1, &done);
	assert_true(done);
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

	return cmocka_run_group_tests(tests, NULL, NULL);
}
