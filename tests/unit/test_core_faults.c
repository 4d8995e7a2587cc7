/* test_core_faults - two processes at once, and processes that die in the middle. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/store/store.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define EACH	    100
#define KILL_ROUNDS 10

static const char *db;

static int group_setup(void **state)
{
	(void)state;
	office_tokens();
	return 0;
}

static void make(const char *name)
{
	struct core *c;

	db = name;
	c = office_open(db);
	office_make_cas(c, name);
	core_close(c);
}

static enum inro_err issue(struct core *c, struct bytes csr, struct cred *ret)
{
	const struct cred_request r = { .csr = csr, .ca = "issuing", .profile = "tls-client" };

	return cred_issue(c, &r, ret);
}

/* A child's work: n certificates with a list between them, then an end without a goodbye. */
static int issue_many(void *arg)
{
	const struct buf *csr = arg;
	struct core *c = office_open(db);
	int failed = 0;

	for (int i = 0; i < EACH; i++) {
		SCOPED(cred) cred = { 0 };
		SCOPED(buf) crl = { 0 };
		struct crl_info info;

		failed += issue(c, buf_bytes(csr), &cred) != INRO_OK;
		if (i % 20 == 0)
			failed += ca_crl(c, "issuing", 0, &crl, &info) != INRO_OK;
	}
	core_close(c);
	return failed ? 1 : 0;
}

static void audit_is_whole(struct core *c)
{
	struct audit_report r = { 0 };

	if (audit_verify(c, &r) != INRO_OK)
		fail_msg("event %lld %s", (long long)r.broken, r.what);
}

static void test_two_processes(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	pid_t pids[2];
	struct core *c;

	(void)state;
	make("two.db");
	office_csr(key, "x", &csr);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(issue_many(&csr));
	}
	for (int i = 0; i < 2; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	c = office_open(db);
	audit_is_whole(c);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential WHERE own_ca IS NULL"),
			 2 * EACH);
	assert_int_equal(office_ask(db, "SELECT count(DISTINCT hex(serial)) FROM credential "
					"WHERE own_ca IS NULL"),
			 2 * EACH);
	assert_int_equal(office_ask(db, "SELECT crl_number FROM ca WHERE name = 'issuing'"), 10);
	core_close(c);
	EVP_PKEY_free(key);
}

struct victim {
	struct bytes csr;
	int out; /* ids of what was given out, one after the other */
};

static void issue_until_killed(const struct victim *v)
{
	struct core *c = office_open(db);

	for (;;) {
		SCOPED(cred) cred = { 0 };

		if (issue(c, v->csr, &cred) != INRO_OK ||
		    write(v->out, &cred.rec.id, sizeof cred.rec.id) != sizeof cred.rec.id)
			_exit(1);
	}
}

static bool next_id(int in, int64_t *ret)
{
	return read(in, ret, sizeof *ret) == sizeof *ret;
}

/* What left the back office is in it. */
static void all_there(struct core *c, int in, int64_t first)
{
	int64_t id = first;

	do {
		SCOPED(cred) cred = { 0 };
		char ref[32];

		snprintf(ref, sizeof ref, "id:%lld", (long long)id);
		OK(cred_get(c, ref, &cred));
		assert_int_equal(cred.state, CRED_ACTIVE);
	} while (next_id(in, &id));
}

static void kill_round(struct victim *v, int round)
{
	const struct timespec after = { .tv_nsec = 1000000 + round * 1300000 };
	int ends[2], status;
	int64_t first = 0;
	struct core *c;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	v->out = ends[1];
	pid = fork();
	if (pid == 0)
		issue_until_killed(v);
	close(ends[1]);
	/* Past its login: a process that is killed while its PIN is tried has used up a try. */
	assert_true(next_id(ends[0], &first));
	nanosleep(&after, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	c = office_open(db);
	all_there(c, ends[0], first);
	audit_is_whole(c);
	core_close(c);
	close(ends[0]);
}

static void test_killed_while_issuing(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	struct victim v = { 0 };
	struct store *s;
	char url[600];

	(void)state;
	make("killed.db");
	office_csr(key, "x", &csr);
	v.csr = buf_bytes(&csr);
	for (int i = 0; i < KILL_ROUNDS; i++)
		kill_round(&v, i);
	/* Each certificate has its event and each event its certificate. */
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential"),
			 office_ask(db, "SELECT count(*) FROM event WHERE action = "
					"'certificate.issue' AND outcome = 'done'"));
	snprintf(url, sizeof url, "%s", office_url(db));
	OK(store_open(url, &s));
	OK(store_check(s));
	store_close(s);
	EVP_PKEY_free(key);
}

/* Chance on demand: while it is armed, the next 16 octets drawn are these. */
static int fixed_draws;

ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
	if (fixed_draws == 0 || n != 16)
		return __real_getrandom(p, n, flags);
	fixed_draws--;
	memset(p, 0x5a, n);
	return (ssize_t)n;
}

/* Drawn again when it is taken, but not for ever. */
static void test_a_serial_drawn_twice(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) one = { 0 };
	SCOPED(cred) two = { 0 };
	SCOPED(cred) none = { 0 };
	struct core *c;

	(void)state;
	make("drawn.db");
	office_csr(key, "x", &csr);
	c = office_open(db);
	fixed_draws = 1;
	OK(issue(c, buf_bytes(&csr), &one));
	assert_int_equal(fixed_draws, 0);
	fixed_draws = 2;
	OK(issue(c, buf_bytes(&csr), &two));
	assert_int_equal(fixed_draws, 0);
	assert_false(bytes_equal(blob_bytes(&one.rec.serial), blob_bytes(&two.rec.serial)));
	fixed_draws = 100;
	assert_int_equal(issue(c, buf_bytes(&csr), &none), INRO_E_EXISTS);
	fixed_draws = 0;
	audit_is_whole(c);
	core_close(c);
	EVP_PKEY_free(key);
}

/* The constraint itself, behind the core's back. */
static void test_a_taken_serial_is_refused(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) one = { 0 };
	SCOPED(credential) twin = { 0 };
	char url[600];
	struct store *s;
	struct core *c;

	(void)state;
	make("serial.db");
	office_csr(key, "x", &csr);
	c = office_open(db);
	OK(issue(c, buf_bytes(&csr), &one));
	snprintf(url, sizeof url, "%s", office_url(db));
	OK(store_open(url, &s));
	OK(store_get(s, one.rec.id, &twin));
	twin.id = 0;
	blob_clear(&twin.fingerprint);
	OK(store_begin(s, STORE_WRITE));
	assert_int_equal(store_insert(s, &twin), INRO_E_EXISTS);
	store_close(s);
	core_close(c);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_processes),
		cmocka_unit_test(test_killed_while_issuing),
		cmocka_unit_test(test_a_serial_drawn_twice),
		cmocka_unit_test(test_a_taken_serial_is_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
