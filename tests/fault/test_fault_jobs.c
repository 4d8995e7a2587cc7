/*
 * Jobs of every kind that are cut off in the middle: by kill -9, by a disk that is full, a folder
 * that can't be written, a token that is taken away or locked, a PostgreSQL that is restarted.
 *
 * A child does a job and tells after each lot how far it is; what befalls it does so at a random
 * moment or behind the first lot, until one comes to the end.  Then each row was done once: by the
 * events, the counts that are kept, the records, the files and the keys.  INRO_TEST_THOROUGH does
 * 100 rounds of kills, and all kinds of jobs with each of the others.  On PostgreSQL: kills of some kinds, restarts.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/core/job.h"
#include "backoffice/core/job/job_kinds.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/tally.h"
#include "base/clock.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#define OK(x)	 assert_int_equal(x, INRO_OK)
#define ROWS	 1200
#define CERTS	 520
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

static int64_t start_retire(struct core *c)
{
	const struct job_arg args[] = { { "where", "profile=tls-client state=revoked" },
					{ "why", "gone" } };

	issued(c);
	does(c, "revoke", "where", "profile=tls-client");
	return start_with(c, "retire", args, ARRAY_LEN(args));
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
	char letter;
	const char *name;
	int64_t (*start)(struct core *c);
	int64_t rows;
	const char *are[2]; /* statements that give the number of rows in the end */
	const char *files;  /* a folder with so many; NULL: none */
} kinds[] = {
	{ 'a', "register", start_register, ROWS, { EVENTS("device.add"), SUBJECTS("device.add") }, NULL },
	{ 'i', "issue", start_issue, CERTS, { CERTS_THAT("state = 'active'"), CERTS_THAT("id > 0") }, "out" },
	{ 'u', "update", start_update, ROWS, { EVENTS("device.update"), SUBJECTS("device.update") }, NULL },
	{ 'k', "rekey", start_rekey, CERTS,
	  { CERTS_THAT("state = 'active'"), CERTS_THAT("state = 'superseded'") }, "newer" },
	{ 'd', "disable", start_disable, ROWS, { EVENTS("device.disable"), SUBJECTS("device.disable") }, NULL },
	{ 'r', "revoke", start_revoke, CERTS,
	  { EVENTS("certificate.revoke"), CERTS_THAT("state = 'revoked'") }, NULL },
	{ 'w', "retire", start_retire, CERTS,
	  { EVENTS("certificate.retire"), CERTS_THAT("state = 'retired'") }, NULL },
	{ 'e', "enable", start_enable, ROWS, { EVENTS("device.enable"), SUBJECTS("device.enable") }, NULL },
	{ 'x', "export", start_export, CERTS, { CERTS_THAT("id > 0"), CERTS_THAT("id > 0") }, "all" },
	{ 'q', "delete", start_delete, ROWS, { EVENTS("device.delete"), SUBJECTS("device.delete") }, NULL },
	{ 'n', "renew", start_renew, IN_TOKEN,
	  { CERTS_THAT("state = 'active'"), CERTS_THAT("state = 'superseded'") }, NULL },
	{ 't', "rekey", start_rekey_in_token, IN_TOKEN,
	  { CERTS_THAT("state = 'active'"), CERTS_THAT("state = 'superseded'") }, NULL },
};

/* ---- a child at work ---- */

static void (*befalls)(void); /* the child, behind its first lot; NULL: nothing */

static void tell(void *arg, const struct job *j)
{
	int64_t rows = job_rows(j);

	if (write(*(int *)arg, &rows, sizeof rows) != sizeof rows)
		_exit(3);
	if (befalls)
		befalls();
	befalls = NULL;
}

static void child(int64_t id, int fd)
{
	const struct job_watch w = { .told = tell, .arg = &fd };
	struct core *c = office_open(db);
	SCOPED(job) j = { 0 };
	enum inro_err e = job_run(c, id, &w, &j);

	if (e != INRO_OK)
		fprintf(stderr, "the job: %s\n", err_detail(e));
	_exit(e == INRO_OK ? 0 : 2);
}

static void nap(int64_t us)
{
	const struct timespec t = { us / 1000000, (long)(us % 1000000 * 1000) };

	nanosleep(&t, NULL);
}

struct running {
	pid_t pid;
	int in;
};

static struct running run_child(int64_t id)
{
	struct running r;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	r.pid = fork();
	assert_true(r.pid >= 0);
	if (r.pid == 0)
		child(id, ends[1]);
	close(ends[1]);
	r.in = ends[0];
	return r;
}

/* What was told is on record.  Whether the job came to its end, which also one can whose child was
 * killed. */
static bool check_told(int64_t id, int64_t told)
{
	struct core *c = office_open(db);
	SCOPED(job) j = { 0 };

	OK(job_get(c, id, &j));
	assert_true(job_rows(&j) >= told);
	assert_int_equal(j.failed, 0);
	core_close(c);
	return j.state == JOB_DONE;
}

/* *ret_status as waitpid() has it. */
static bool has_ended(int64_t id, const struct running *r, int *ret_status)
{
	int64_t rows, most = 0;

	while (read(r->in, &rows, sizeof rows) == sizeof rows)
		most = rows;
	close(r->in);
	assert_int_equal(waitpid(r->pid, ret_status, 0), r->pid);
	return check_told(id, most);
}

static bool killed_after(int64_t id, int64_t us)
{
	struct running r = run_child(id);
	int status;
	bool done;

	nap(us);
	kill(r.pid, SIGKILL);
	done = has_ended(id, &r, &status);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return done;
}

static void let_go(int64_t id)
{
	struct running r = run_child(id);
	int status;

	assert_true(has_ended(id, &r, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void check_rows(const struct kind *k, int64_t id)
{
	struct core *c = office_open(db);
	struct audit_report report;
	SCOPED(job) j = { 0 };

	OK(job_get(c, id, &j));
	assert_int_equal(j.state, JOB_DONE);
	assert_int_equal(j.done + j.same, k->rows);
	assert_int_equal(j.total, k->rows);
	assert_int_equal(j.failed, 0);
	for (size_t i = 0; i < ARRAY_LEN(k->are); i++)
		assert_int_equal(office_ask(db, k->are[i]), k->rows);
	if (k->files)
		assert_int_equal(files_in(k->files), k->rows);
	OK(tally_check(c));
	OK(audit_verify(c, &report));
	core_close(c);
}

/* The job of a round, ready to be done; *ret_us: about how long it takes. */
static int64_t ready(const struct kind *k, int64_t *ret_us)
{
	static unsigned n;
	int64_t id, since = clock_monotonic_ms();
	struct core *c;

	snprintf(db, sizeof db, "jobs-%u", n++);
	c = office_open(db);
	id = k->start(c);
	core_close(c);
	*ret_us = (clock_monotonic_ms() - since) * 700 + 20000;
	return id;
}

static void test_every_kind_is_here(void **state)
{
	(void)state;
	for (size_t i = 0; job_kinds[i]; i++) {
		size_t at = 0;

		while (at < ARRAY_LEN(kinds) && strcmp(kinds[at].name, job_kinds[i]->name) != 0)
			at++;
		if (at == ARRAY_LEN(kinds))
			fail_msg("nothing befalls a job '%s'", job_kinds[i]->name);
	}
}

/* ---- kill -9 ---- */

static void one_round(const struct kind *k, unsigned seed)
{
	int64_t took, id = ready(k, &took);
	bool done = false;

	srand(seed);
	for (int i = 0; i < KILLS && !done; i++)
		done = killed_after(id, rand() % took);
	if (!done)
		let_go(id);
	check_rows(k, id);
}

static void test_kills(void **state)
{
	unsigned rounds = getenv("INRO_TEST_THOROUGH") ? ROUNDS : ARRAY_LEN(kinds);
	unsigned seed = (unsigned)clock_monotonic_ms();

	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		if (rounds < ROUNDS && office_on_postgres() && !strchr("iqt", kinds[i].letter))
			continue;
		print_message("round %u, seed %u\n", i, seed + i);
		one_round(&kinds[i % ARRAY_LEN(kinds)], seed + i);
	}
}

/* ---- what else befalls a job: it may end well, or stops and can be resumed ---- */

static void befallen(const struct kind *k, void (*what)(void), void (*put_right)(void))
{
	int64_t took, id = ready(k, &took);
	struct running r;
	int status;
	bool done;

	befalls = what;
	r = run_child(id);
	befalls = NULL;
	done = has_ended(id, &r, &status);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), done ? 0 : 2);
	if (put_right)
		put_right();
	if (!done)
		let_go(id);
	check_rows(k, id);
}

/* Every kind, or those of one of a few. */
static void each_kind(const char *few, void (*what)(void), void (*put_right)(void))
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!getenv("INRO_TEST_THOROUGH") && !strchr(few, kinds[i].letter))
			continue;
		print_message("kind %c\n", kinds[i].letter);
		befallen(&kinds[i], what, put_right);
	}
}

static void limit(int what, rlim_t to)
{
	const struct rlimit r = { to, to };

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit((__rlimit_resource_t)what, &r), 0);
}

/* Of the database and of tokens, beyond their first 16 KiB. */
static void disk_is_full(void)
{
	limit(RLIMIT_FSIZE, 16384);
}

static void test_full_disk(void **state)
{
	(void)state;
	each_kind("akt", disk_is_full, NULL);
}

/* No file more can be opened, in no folder. */
static void no_more_files(void)
{
	limit(RLIMIT_NOFILE, 3);
}

static void test_no_files(void **state)
{
	(void)state;
	each_kind("i", no_more_files, NULL);
}

static char *tokens(const char *ending)
{
	static char rooms[2][512];
	static unsigned next;
	char *path = rooms[next++ % 2];

	snprintf(path, sizeof rooms[0], "%s/tokens%s", scratch_dir(), ending);
	return path;
}

static void take_tokens(void)
{
	if (rename(tokens(""), tokens(".away")) != 0)
		_exit(4);
}

static void put_tokens_back(void)
{
	assert_int_equal(rename(tokens(".away"), tokens("")), 0);
}

static void test_token_away(void **state)
{
	size_t keys = office_count("line", CKO_PRIVATE_KEY);

	(void)state;
	each_kind("it", take_tokens, put_tokens_back);
	/* Two for each device: no key was made and forgotten. */
	if (!getenv("INRO_TEST_THOROUGH"))
		assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys + 2 * IN_TOKEN);
}

static int lock_pins(void *arg)
{
	(void)arg;
	office_lock("ca");
	office_lock("line");
	return 0;
}

static int unlock_pins(void *arg)
{
	(void)arg;
	office_unlock("ca");
	office_unlock("line");
	return 0;
}

static void tokens_lock(void)
{
	if (scratch_child(lock_pins, NULL) != 0)
		_exit(4);
}

static void tokens_unlock(void)
{
	assert_int_equal(scratch_child(unlock_pins, NULL), 0);
}

static void tokens_lock_and_die(void)
{
	tokens_lock();
	raise(SIGKILL);
}

/* Who is logged in stays so; who comes after him is refused, and nothing is done. */
static void test_token_locked(void **state)
{
	const struct kind *k = &kinds[1];
	int64_t took, id;
	struct running r;
	int status;

	(void)state;
	each_kind("t", tokens_lock, tokens_unlock);
	id = ready(k, &took);
	befalls = tokens_lock_and_die;
	r = run_child(id);
	befalls = NULL;
	assert_false(has_ended(id, &r, &status));
	r = run_child(id);
	assert_false(has_ended(id, &r, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	tokens_unlock();
	let_go(id);
	check_rows(k, id);
}

/* ---- PostgreSQL ---- */

static void server_restarts(const struct kind *k)
{
	int64_t took, id = ready(k, &took);
	struct running r;
	int status;
	bool done = false;

	for (int i = 0; i < 2 && !done; i++) {
		r = run_child(id);
		nap(rand() % took);
		postgres_crash();
		done = has_ended(id, &r, &status);
		assert_true(WIFEXITED(status));
	}
	if (!done)
		let_go(id);
	check_rows(k, id);
}

static void test_server_restarts(void **state)
{
	bool all = getenv("INRO_TEST_THOROUGH");

	(void)state;
	srand((unsigned)clock_monotonic_ms());
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (all || strchr("aikt", kinds[i].letter))
			server_restarts(&kinds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_is_here),
		cmocka_unit_test(test_kills),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_token_away),
		cmocka_unit_test(test_token_locked),
	};
	const struct CMUnitTest of_postgres[] = {
		cmocka_unit_test(test_kills),
		cmocka_unit_test(test_server_restarts),
	};

	if (office_on_postgres() && postgres_installed())
		postgres_durable();
	office_tokens();
	if (office_on_postgres())
		return cmocka_run_group_tests(of_postgres, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
