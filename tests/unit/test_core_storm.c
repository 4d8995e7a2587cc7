/*
 * test_core_storm - many processes on one database that fails them: no serial and no number of a
 * list twice, no update lost, nothing done twice.
 *
 * What disturbs them is, on PostgreSQL, a server that is killed and started anew; on SQLite another
 * program that holds the database for a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/bulk.h"
#include "backoffice/core/device.h"
#include "backoffice/core/import.h"
#include "backoffice/core/tally.h"
#include "backoffice/store/store.h"
#include "tests/lib/office.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define PROCESSES    4
#define EACH	     8 /* of what each process does; PROCESSES * EACH attributes fit a device */
#define DISTURBANCES 3
#define ROWS	     2600
#define CSRS	     120

static const char *db;
static char
	url[600]; /* of db, as the children have it: a server that is away can't be asked for one */
static int64_t (*numbers)[EACH]; /* of revocation lists, written by the children */

static int group_setup(void **state)
{
	(void)state;
	office_tokens();
	numbers = mmap(NULL, sizeof *numbers * PROCESSES, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(numbers != MAP_FAILED);
	return 0;
}

static void make(const char *name)
{
	struct core *c;

	db = name;
	snprintf(url, sizeof url, "%s", office_url(db));
	c = office_open(db);
	office_make_cas(c, name);
	core_close(c);
}

static void nap(long ms)
{
	nanosleep(&(struct timespec) { .tv_nsec = ms * 1000000 }, NULL);
}

static void hold_it(long ms)
{
	struct store *s;

	OK(store_open(url, &s));
	OK(store_begin(s, STORE_WRITE));
	nap(ms);
	store_rollback(s);
	store_close(s);
}

static void disturb(void)
{
	for (int i = 0; i < DISTURBANCES; i++) {
		nap(120);
		if (office_on_postgres())
			postgres_crash();
		else
			hold_it(200);
	}
}

/* The children end well, whatever happens meanwhile. */
static void storm(int (*child)(int which), int n)
{
	pid_t pids[PROCESSES];

	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(child(i));
	}
	disturb();
	for (int i = 0; i < n; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static int tell(enum inro_err e, const char *what)
{
	if (e != INRO_OK)
		fprintf(stderr, "%s: %s\n", what, err_detail(e));
	return e != INRO_OK;
}

/* In a child.  Opening does not wait for a server that is away. */
static struct core *open_patiently(void)
{
	struct core_options o = office_options();
	struct core *c = NULL;
	enum inro_err e = INRO_E_BUSY;

	o.db = url;
	for (int i = 0; (e == INRO_E_BUSY || e == INRO_E_IO) && i < 600; i++) {
		if (i)
			nap(50);
		e = core_open(&o, &c);
	}
	if (tell(e, "core_open"))
		_exit(1);
	return c;
}

/* A list is made of one view; who was disturbed in that asks again. */
static enum inro_err make_list(struct core *c, int64_t *ret)
{
	enum inro_err e = INRO_E_BUSY;

	for (int i = 0; e == INRO_E_BUSY && i < 10; i++) {
		SCOPED(buf) crl = { 0 };
		struct crl_info info = { 0 };

		e = ca_crl(c, "issuing", 0, &crl, &info);
		*ret = info.number;
	}
	return e;
}

static struct buf csr;

/* Told to try again, as a server that is away for longer than the core waits tells it.  What was
 * done by the call before is there already. */
static enum inro_err add_patiently(struct core *c, const char *id)
{
	enum inro_err e = INRO_E_BUSY;

	for (int i = 0; e == INRO_E_BUSY && i < 10; i++) {
		SCOPED(device) added = { 0 };

		e = device_add(c, id, NULL, &added);
		if (e == INRO_E_EXISTS && i > 0)
			e = INRO_OK;
	}
	return e;
}

/* By the request's id it is one certificate all the same. */
static enum inro_err issue_patiently(struct core *c, const struct cred_request *r)
{
	enum inro_err e = INRO_E_BUSY;

	for (int i = 0; e == INRO_E_BUSY && i < 10; i++) {
		SCOPED(cred) cred = { 0 };

		e = cred_issue(c, r, &cred);
	}
	return e;
}

static enum inro_err update_patiently(struct core *c, const struct device_fields *f)
{
	enum inro_err e = INRO_E_BUSY;

	for (int i = 0; e == INRO_E_BUSY && i < 10; i++) {
		SCOPED(device) common = { 0 };

		e = device_update(c, "common", f, &common);
	}
	return e;
}

static int do_each(struct core *c, int which, int i)
{
	char id[32], attrs[32];
	const struct cred_request r = {
		.csr = buf_bytes(&csr), .ca = "issuing", .profile = "tls-client", .request_id = id
	};
	const struct device_fields f = { .attrs = attrs };
	int failed;

	snprintf(id, sizeof id, "own-%d-%d", which, i);
	snprintf(attrs, sizeof attrs, "{\"k%d-%d\":%d}", which, i, i);
	failed = tell(add_patiently(c, id), "device_add");
	failed += tell(update_patiently(c, &f), "device_update");
	failed += tell(issue_patiently(c, &r), "cred_issue");
	failed += tell(make_list(c, &numbers[which][i]), "ca_crl");
	return failed;
}

static int storming(int which)
{
	struct core *c = open_patiently();
	int failed = 0;

	for (int i = 0; i < EACH; i++)
		failed += do_each(c, which, i);
	core_close(c);
	return failed != 0;
}

static void audit_is_whole(struct core *c)
{
	struct audit_report r = { 0 };

	if (audit_verify(c, &r) != INRO_OK)
		fail_msg("event %lld %s", (long long)r.broken, r.what);
	OK(tally_check(c));
}

static void check_numbers(void)
{
	const int64_t *all = numbers[0];

	for (int i = 0; i < PROCESSES * EACH; i++) {
		assert_true(all[i] > 0);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(all[i], all[j]);
	}
}

static size_t count_of(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void test_storm(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(device) common = { 0 };
	SCOPED(device) made = { 0 };
	struct core *c;

	(void)state;
	make("storm.db");
	office_csr(key, "x", &csr);
	c = office_open(db);
	OK(device_add(c, "common", NULL, &made));
	core_close(c);
	storm(storming, PROCESSES);
	c = office_open(db);
	OK(device_get(c, "common", &common));
	assert_int_equal(count_of(common.attrs, ':'), PROCESSES * EACH);
	check_numbers();
	assert_int_equal(office_ask(db, "SELECT count(*) FROM device"), PROCESSES * EACH + 1);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential WHERE own_ca IS NULL"),
			 PROCESSES * EACH);
	assert_int_equal(office_ask(db, "SELECT count(DISTINCT serial) FROM credential"),
			 office_ask(db, "SELECT count(*) FROM credential"));
	audit_is_whole(c);
	core_close(c);
	buf_clear(&csr);
	EVP_PKEY_free(key);
}

static FILE *rows_of(long n)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	fputs("id,name\n", f);
	for (long i = 0; i < n; i++)
		fprintf(f, "row-%06ld,name %ld\n", i, i);
	rewind(f);
	return f;
}

static int importing(int which)
{
	const struct import_options o = { 0 };
	struct core *c = open_patiently();
	struct import_report r;
	FILE *f = rows_of(ROWS);
	enum inro_err e = import_devices(c, f, &o, &r);

	(void)which;
	fclose(f);
	core_close(c);
	return tell(e, "import_devices") || r.counts[IMPORT_ADDED] != ROWS;
}

static void test_disturbed_import(void **state)
{
	struct core *c;

	(void)state;
	make("import.db");
	storm(importing, 1);
	c = office_open(db);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM device"), ROWS);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'device.add'"),
			 ROWS);
	audit_is_whole(c);
	core_close(c);
}

static struct buf requests[CSRS];

static int issue_rows(struct cred_bulk *bulk, size_t from, size_t n)
{
	struct bulk_row rows[CSRS] = { 0 };
	int failed;

	for (size_t i = 0; i < n; i++)
		rows[i].csr = buf_bytes(&requests[from + i]);
	failed = tell(cred_bulk_issue(bulk, rows, n), "cred_bulk_issue");
	for (size_t i = 0; i < n; i++) {
		failed += rows[i].error != INRO_OK;
		bulk_row_clear(&rows[i]);
	}
	return failed;
}

static int issuing(int which)
{
	static const struct bulk_order order = { .ca = "issuing", .profile = "tls-client" };
	struct core *c = open_patiently();
	struct cred_bulk *bulk = NULL;
	int failed = tell(cred_bulk_open(c, &order, &bulk), "cred_bulk_open");

	(void)which;
	for (size_t i = 0; !failed && i < CSRS; i += 10) {
		failed += issue_rows(bulk, i, 10);
		nap(40);
	}
	cred_bulk_close(bulk);
	core_close(c);
	return failed != 0;
}

static void test_disturbed_issue(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	struct core *c;

	(void)state;
	make("issue.db");
	for (int i = 0; i < CSRS; i++) {
		char cn[16];

		snprintf(cn, sizeof cn, "dev-%d", i);
		office_csr(key, cn, &requests[i]);
	}
	storm(issuing, 1);
	c = office_open(db);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential WHERE own_ca IS NULL"),
			 CSRS);
	/* and those of the two CAs */
	assert_int_equal(
		office_ask(db, "SELECT count(*) FROM event WHERE action = 'certificate.issue'"),
		CSRS + 2);
	audit_is_whole(c);
	core_close(c);
	for (int i = 0; i < CSRS; i++)
		buf_clear(&requests[i]);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_disturbed_import),
		cmocka_unit_test(test_disturbed_issue),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
