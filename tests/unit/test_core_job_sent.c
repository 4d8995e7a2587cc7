/* test_core_job_sent - jobs that servers do: rows that are sent, left and taken over, in whose name, what they
 * give out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/account.h"
#include "backoffice/core/audit.h"
#include "backoffice/core/batch.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/job.h"
#include "backoffice/core/job/job_record.h"
#include "backoffice/core/network.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tally.h"
#include "backoffice/core/tenant.h"
#include "backoffice/pki/pem.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define ROWS	    1100

static char db[32];

static int setup(void **state)
{
	static unsigned n;

	snprintf(db, sizeof db, "sent-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static void add_rows(struct buf *text, int n)
{
	buf_add_str(text, "id,name,os\n");
	for (int i = 0; i < n; i++)
		buf_addf(text, "d%05d,device %d,x\n", i, i);
	OK(buf_err(text));
}

static int64_t ask(struct core *c, const char *kind, const char *format, struct bytes rows, bool waits)
{
	const struct job_order o = { kind, NULL, 0 };
	const struct job_sent s = { format, rows, waits };
	SCOPED(job) j = { 0 };

	OK(job_ask(c, &o, &s, &j));
	assert_int_equal(j.state, JOB_QUEUED);
	return j.id;
}

static void is_done(struct core *c, int64_t id, int64_t done, int64_t same, int64_t failed)
{
	SCOPED(job) j = { 0 };

	OK(job_get(c, id, &j));
	if (j.state != JOB_DONE || j.done != done || j.same != same || j.failed != failed)
		fail_msg("job is %s: %lld, %lld, %lld: %s", job_state_names[j.state], (long long)j.done,
			 (long long)j.same, (long long)j.failed, text_or_empty(j.said));
	assert_int_equal(j.total, done + same + failed);
}

static void whole(struct core *c)
{
	struct audit_report r;

	OK(audit_verify(c, &r));
	OK(tally_check(c));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM job_part"), 0);
}

/* In one piece and in many that end in the middle of rows; nothing is kept afterwards. */
static void test_rows(void **state)
{
	struct core *c = *state;
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	int64_t id;

	add_rows(&text, ROWS);
	id = ask(c, "register", "csv", buf_bytes(&text), false);
	OK(job_serve(c, NULL));
	is_done(c, id, ROWS, 0, 0);
	id = ask(c, "update", "csv", BYTES_NONE, true);
	for (size_t at = 0; at < text.n; at += 999) {
		size_t left = text.n - at;

		job_clear(&j);
		OK(job_send(c, id, BYTES(text.p + at, left < 999 ? left : 999), &j));
	}
	assert_int_equal(j.bytes, text.n);
	OK(job_serve(c, NULL)); /* it waits */
	job_clear(&j);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'job.want'"), 0);
	OK(job_want(c, id, &j));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'job.want'"), 1);
	OK(job_serve(c, NULL));
	is_done(c, id, 0, ROWS, 0);
	whole(c);
}

/* Longer than one piece of the table. */
static void test_long_rows(void **state)
{
	struct core *c = *state;
	SCOPED(buf) text = { 0 };
	SCOPED(job_error_list) l = { 0 };
	int64_t id;

	for (int i = 0; i < 40; i++) {
		buf_addf(&text, "{\"id\": \"l%d\", \"attrs\": {", i);
		for (int k = 0; k < 800; k++)
			buf_addf(&text, "%s\"key%d\": %d", k ? ", " : "", k, k);
		buf_addf(&text, "}%s\n", i == 39 ? "" : "}");
	}
	OK(buf_err(&text));
	assert_true(text.n > 256 << 10);
	id = ask(c, "register", "jsonl", buf_bytes(&text), false);
	OK(job_serve(c, NULL));
	OK(job_errors(c, id, NULL, &l));
	assert_true(l.n >= 1);
	assert_string_equal(l.items[l.n - 1].name, "line 40");
	is_done(c, id, 40 - (int64_t)l.n, 0, (int64_t)l.n);
	whole(c);
}

static bool after_a_lot(void *arg)
{
	return ++*(int *)arg > 2;
}

/* A server that ends leaves it to the next one, who goes on behind what is done. */
static void test_left(void **state)
{
	struct core *c = *state, *other = office_open(db);
	int asked = 0;
	const struct job_watch w = { .ends = after_a_lot, .arg = &asked };
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	int64_t id, done;

	add_rows(&text, ROWS);
	id = ask(c, "register", "csv", buf_bytes(&text), false);
	OK(job_serve(c, &w));
	OK(job_get(c, id, &j));
	assert_int_equal(j.state, JOB_RUNNING);
	assert_int_equal(j.done, 500);
	assert_true(!j.lease_by || !*j.lease_by);
	OK(duty_tick(other, DUTY_LONG, NULL, &done));
	is_done(c, id, ROWS, 0, 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'device.add'"), ROWS);
	core_close(other);
	whole(c);
}

/* Another one took it over, and left it: who had it writes nothing more. */
static void left_by_another(void *arg, const struct job *j)
{
	(void)j;
	if (!(*(int *)arg)++)
		office_sql(db, "UPDATE job SET lease_by = '', lease_until_ms = 0");
}

static void test_left_by_another(void **state)
{
	struct core *c = *state;
	int lots = 0;
	const struct job_watch w = { .told = left_by_another, .arg = &lots };
	SCOPED(buf) text = { 0 };
	int64_t id;

	add_rows(&text, ROWS);
	id = ask(c, "register", "csv", buf_bytes(&text), false);
	OK(job_serve(c, &w));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'device.add'"), 500);
	OK(job_serve(c, NULL));
	is_done(c, id, ROWS, 0, 0);
	whole(c);
}

/* What is looked at before others are done may be over when it is its turn. */
static void fail_the_next(void *arg, const struct job *j)
{
	(void)arg;
	office_sql(db, "UPDATE job SET state = 'failed', served = 0 WHERE state = 'queued'");
	assert_int_equal(j->id, 1);
}

static void test_seen_before(void **state)
{
	struct core *c = *state;
	const struct job_watch w = { .told = fail_the_next };
	SCOPED(buf) text = { 0 };
	long long n;

	add_rows(&text, 3);
	(void)ask(c, "register", "csv", buf_bytes(&text), false);
	(void)ask(c, "update", "csv", buf_bytes(&text), false);
	OK(job_serve(c, &w));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'job.start'"), 1);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM job WHERE state = 'failed'"), 1);
	/* It is refused without a word of it, too, where it is looked at just before. */
	n = office_ask(db, "SELECT count(*) FROM event");
	{
		SCOPED(job) j = { 0 };

		FAILS(INRO_E_STATE, job_run_found(c, 2, NULL, &j));
		OK(job_cancel(c, 2, NULL, &j));
	}
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event"), n + 1);
	whole(c);
}

/* The error that is told is the first one's, whatever comes behind it. */
static void test_errors_of_several(void **state)
{
	struct core *c = *state;
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	add_rows(&text, 3);
	for (int i = 0; i < 3; i++)
		(void)ask(c, "register", "csv", buf_bytes(&text), false);
	office_sql(db, "UPDATE job SET kind = 'fly' WHERE id = 1");
	office_sql(db, "UPDATE job SET kind = 'swim' WHERE id = 3");
	e = job_serve(c, NULL);
	assert_int_not_equal(e, INRO_OK);
	assert_non_null(strstr(err_detail(e), "'fly'"));
	assert_non_null(strstr(err_detail(e), "'swim'"));
	assert_true(strstr(err_detail(e), "'fly'") < strstr(err_detail(e), "'swim'"));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM job WHERE state = 'done'"), 1);
	office_sql(db, "UPDATE job SET kind = 'register'");
}

/* The lease within a lot: made longer, and lost when the job is cancelled. */
static void test_goes_on(void **state)
{
	struct core *c = *state;
	int asked = 0;
	const struct job_watch w = { .ends = after_a_lot, .arg = &asked };
	struct job_run r = { .c = c };
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	int64_t id;

	add_rows(&text, ROWS);
	id = ask(c, "register", "csv", buf_bytes(&text), false);
	OK(job_serve(c, &w));
	OK(job_get(c, id, &r.job));
	OK(job_goes_on(&r));
	assert_true(office_ask(db, "SELECT lease_until_ms FROM job") > 0);
	assert_int_equal(office_ask(db, "SELECT lease_until_ms FROM job"), r.job.lease_until_ms);
	OK(job_cancel(c, id, NULL, &j));
	OK(job_goes_on(&r)); /* it was looked at just now */
	r.look_ms = 0;
	FAILS(INRO_E_CANCELLED, job_goes_on(&r));
	job_run_clear(&r);
	whole(c);
}

static void cancel_it(void *arg, const struct job *j)
{
	SCOPED(job) now = { 0 };

	OK(job_cancel(arg, j->id, NULL, &now));
}

/* Cancelled, its rows are gone while they are read. */
static void test_cancelled(void **state)
{
	struct core *c = *state, *other = office_open(db);
	const struct job_watch w = { .told = cancel_it, .arg = other };
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	int64_t id;

	buf_add_str(&text, "id,name\n");
	for (int i = 0; i < ROWS; i++)
		buf_addf(&text, "d%05d,%0700d\n", i, i);
	OK(buf_err(&text));
	id = ask(c, "register", "csv", buf_bytes(&text), false);
	FAILS(INRO_E_CANCELLED, job_run(c, id, &w, &j));
	core_close(other);
	whole(c);
}

static void leased_elsewhere(struct core *c, int64_t ms)
{
	char sql[120];
	int64_t now;

	OK(store_now(c->store, &now));
	snprintf(sql, sizeof sql, "UPDATE job SET lease_by = 'elsewhere/1/1', lease_until_ms = %lld",
		 (long long)(now + ms));
	office_sql(db, sql);
}

/* Killed (its lease is of a process that is gone): the same.  A lease for longer than any is of a clock that was wrong. */
static void test_killed(void **state)
{
	struct core *c = *state;
	int asked = 0;
	const struct job_watch w = { .ends = after_a_lot, .arg = &asked };
	SCOPED(buf) text = { 0 };
	int64_t id;

	add_rows(&text, ROWS);
	id = ask(c, "register", "csv", buf_bytes(&text), false);
	OK(job_serve(c, &w));
	leased_elsewhere(c, 60000);
	OK(job_serve(c, NULL)); /* somebody else's */
	assert_int_equal(office_ask(db, "SELECT done FROM job"), 500);
	leased_elsewhere(c, -1);
	asked = 0;
	OK(job_serve(c, &w));
	assert_int_equal(office_ask(db, "SELECT done FROM job"), 1000);
	leased_elsewhere(c, INT64_C(1000) * 86400 * 400);
	OK(job_serve(c, NULL));
	is_done(c, id, ROWS, 0, 0);
	whole(c);
}

static void become(struct core *c, const char *name, int64_t account, enum role role)
{
	struct core_who who = { .tenant = 1, .role = role, .account = account };

	snprintf(who.actor, sizeof who.actor, "%s", name);
	OK(core_become(c, &who));
}

/* It is done in the name of who asked, while he may; and as no more than he asked as. */
static void test_whose(void **state)
{
	struct core *c = *state, *net = office_open(db);
	SCOPED(account) root = { 0 };
	SCOPED(account) alice = { 0 };
	SCOPED(account) off = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(buf) text = { 0 };
	int64_t id, wait;
	long long refused;

	OK(account_add(c, &((struct account_new) { .name = "root", .role = ROLE_ADMIN,
						   .password = bytes_of("correct horse battery") }), &root));
	OK(account_add(c, &((struct account_new) { .name = "alice", .role = ROLE_ADMIN,
						   .password = bytes_of("correct horse battery") }), &alice));
	add_rows(&text, 3);
	become(net, "alice", alice.id, ROLE_ADMIN);
	id = ask(net, "register", "csv", buf_bytes(&text), false);
	OK(duty_tick(c, DUTY_LONG, NULL, &wait));
	is_done(c, id, 3, 0, 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE actor = 'alice' "
					"AND action = 'device.add'"), 3);
	id = ask(net, "update", "csv", buf_bytes(&text), false);
	OK(account_move(c, "alice", VERB_DISABLE, 0, &off));
	OK(duty_tick(c, DUTY_LONG, NULL, &wait));
	OK(job_get(c, id, &j));
	assert_int_equal(j.state, JOB_QUEUED);
	assert_int_equal(j.done + j.same, 0);
	assert_non_null(strstr(text_or_empty(j.said), "alice"));
	/* said once, and not tried again and again */
	refused = office_ask(db, "SELECT count(*) FROM event");
	OK(duty_tick(c, DUTY_LONG, NULL, &wait));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event"), refused);
	/* somebody else may have it done, in his name */
	become(net, "root", root.id, ROLE_ADMIN);
	job_clear(&j);
	OK(job_want(net, id, &j));
	OK(duty_tick(c, DUTY_LONG, NULL, &wait));
	is_done(c, id, 0, 3, 0);
	core_close(net);
	whole(c);
}

static void disable_alice(void *arg, const struct job *j)
{
	SCOPED(account) off = { 0 };

	(void)j;
	OK(account_move(arg, "alice", VERB_DISABLE, 0, &off));
}

/* Who asked may no more while it is done: it is put aside at once. */
static void test_disabled(void **state)
{
	struct core *c = *state, *net = office_open(db), *other = office_open(db);
	const struct job_watch w = { .told = disable_alice, .arg = other };
	SCOPED(account) root = { 0 };
	SCOPED(account) alice = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	int64_t id;

	OK(account_add(c, &((struct account_new) { .name = "root", .role = ROLE_ADMIN,
						   .password = bytes_of("correct horse battery") }), &root));
	OK(account_add(c, &((struct account_new) { .name = "alice", .role = ROLE_ADMIN,
						   .password = bytes_of("correct horse battery") }), &alice));
	become(net, "alice", alice.id, ROLE_ADMIN);
	add_rows(&text, ROWS);
	id = ask(net, "register", "csv", buf_bytes(&text), true);
	/* Rows that another one sent would be done in her name. */
	become(net, "root", root.id, ROLE_ADMIN);
	FAILS(INRO_E_ACCESS, job_send(net, id, bytes_of("other,x,x\n"), &j));
	become(net, "alice", alice.id, ROLE_ADMIN);
	job_clear(&j);
	OK(job_send(net, id, bytes_of("more,x,x\n"), &j));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM event WHERE action = 'job.send' "
					"AND outcome = 'done'"), 1);
	job_clear(&j);
	OK(job_want(net, id, &j));
	OK(job_serve(c, &w));
	job_clear(&j);
	OK(job_get(c, id, &j));
	assert_int_equal(j.state, JOB_FAILED);
	assert_int_equal(j.done, 500);
	assert_int_equal(j.lease_until_ms + j.served, 0);
	assert_non_null(strstr(text_or_empty(j.said), "alice"));
	core_close(other);
	core_close(net);
}

/* Who visited another tenant as the administrator that he was may nothing there when he is less. */
static void test_visitor(void **state)
{
	struct core *c = *state, *net = office_open(db);
	SCOPED(account) root = { 0 };
	SCOPED(account) alice = { 0 };
	SCOPED(account) less = { 0 };
	SCOPED(tenant) there = { 0 };
	struct core_who who = { .role = ROLE_ADMIN, .actor = "default/alice" };
	SCOPED(buf) text = { 0 };
	int64_t wait;

	OK(account_add(c, &((struct account_new) { .name = "root", .role = ROLE_ADMIN,
						   .password = bytes_of("correct horse battery") }), &root));
	OK(account_add(c, &((struct account_new) { .name = "alice", .role = ROLE_ADMIN,
						   .password = bytes_of("correct horse battery") }), &alice));
	OK(tenant_add(c, "there", &there));
	add_rows(&text, 3);
	who.account = alice.id;
	who.tenant = there.id;
	OK(core_become(net, &who));
	(void)ask(net, "register", "csv", buf_bytes(&text), false);
	office_sql(db, "UPDATE job SET role = 'operator'"); /* as by a pass for less */
	OK(account_set_role(c, "alice", ROLE_OPERATOR, 0, &less));
	OK(duty_tick(c, DUTY_LONG, NULL, &wait));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM device"), 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM job WHERE state = 'queued' AND served = 0"), 1);
	core_close(net);
}

/* Files of a machine are not a server's; a value that looks like one is none. */
static void test_files(void **state)
{
	struct core *c = *state;
	struct job_arg in[] = { { "in", NULL } };
	const struct job_arg why[] = { { "where", "name=none" }, { "why", "in" } };
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	int64_t id;

	add_rows(&text, 3);
	in[0].value = scratch_file("rows.csv", text.p, text.n);
	OK(job_start(c, &((struct job_order) { "register", in, 1 }), &j));
	id = j.id;
	job_clear(&j);
	FAILS(INRO_E_STATE, job_want(c, id, &j));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "job resume"));
	office_sql(db, "UPDATE job SET state = 'running', lease_by = 'here/1/1'");
	OK(job_serve(c, NULL));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM job WHERE state = 'running'"), 1);
	job_clear(&j);
	OK(job_ask(c, &((struct job_order) { "disable", why, 2 }), &((struct job_sent) { 0 }), &j));
	OK(job_serve(c, NULL));
	is_done(c, j.id, 0, 0, 0);
}

static void test_room(void **state)
{
	struct core *c = *state;
	SCOPED(job) j = { 0 };
	int64_t id = ask(c, "register", "csv", bytes_of("id\n"), true);

	OK(setting_change(c, "job.megabytes", "1", 0));
	for (int i = 0; i < 3; i++) {
		job_clear(&j);
		OK(job_send(c, id, bytes_of("a\n"), &j));
	}
	job_clear(&j);
	FAILS(INRO_E_FULL, job_send(c, id, bytes_of("a\n"), &j));
	job_clear(&j);
	OK(job_cancel(c, id, NULL, &j));
	whole(c);
}

static void test_refused(void **state)
{
	static const struct {
		const char *kind, *format, *rows, *says;
	} rows[] = {
		{ "register", NULL, "", "needs --in" },
		{ "register", NULL, "id\n", "csv or jsonl" },
		{ "revoke", "csv", "id\n", "takes no rows" },
		{ "disable", NULL, "", "one of" },
		{ "issue", NULL, "", "needs --ca" },
		{ "export", NULL, "", "needs --where" },
	};
	struct core *c = *state;
	SCOPED(job) j = { 0 };
	int64_t id;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct job_order o = { rows[i].kind, NULL, 0 };
		const struct job_sent s = { rows[i].format, bytes_of(rows[i].rows), false };

		FAILS(INRO_E_ARG, job_ask(c, &o, &s, &j));
		if (!strstr(err_detail(INRO_E_ARG), rows[i].says))
			fail_msg("%s: %s", rows[i].kind, err_detail(INRO_E_ARG));
	}
	id = ask(c, "register", "csv", bytes_of("id\na\n"), false);
	FAILS(INRO_E_STATE, job_send(c, id, bytes_of("b\n"), &j));
	OK(job_serve(c, NULL));
	is_done(c, id, 1, 0, 0);
	job_clear(&j);
	FAILS(INRO_E_STATE, job_want(c, id, &j));
	job_clear(&j);
	FAILS(INRO_E_NOT_FOUND, job_want(c, 99, &j));
	/* A first row that names no columns stops it, and it is not tried again and again. */
	id = ask(c, "register", "csv", bytes_of("colour\nred\n"), false);
	assert_int_not_equal(job_serve(c, NULL), INRO_OK);
	job_clear(&j);
	OK(job_get(c, id, &j));
	assert_int_equal(j.state, JOB_FAILED);
	OK(job_serve(c, NULL));
	job_clear(&j);
	OK(job_cancel(c, id, NULL, &j));
	whole(c);
}

/* ---- certificates ---- */

static void add_request(struct buf *text, const char *id, bool pem)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) der = { 0 };
	SCOPED(buf) lines = { 0 };
	AUTO(free_chars) char *word = NULL;

	office_csr(key, id, &der);
	EVP_PKEY_free(key);
	pem_add(&lines, PEM_CSR, buf_bytes(&der));
	buf_addf(text, "{\"id\":\"%s\",\"csr\":\"", id);
	word = strndup((const char *)lines.p, lines.n);
	assert_non_null(word);
	for (char *line = strtok(word, "\n"); line; line = strtok(NULL, "\n"))
		if (pem || line[0] != '-')
			buf_addf(text, "%s%s", line, pem ? "\\n" : "");
	buf_add_str(text, "\"}\n");
}

static void gives(struct core *c, int64_t id, size_t n)
{
	SCOPED(job_result_list) l = { 0 };

	OK(job_results(c, id, NULL, &l));
	assert_int_equal(l.n, n);
	for (size_t i = 0; i < n; i++) {
		SCOPED(cred) cert = { 0 };
		char ref[32];

		snprintf(ref, sizeof ref, "id:%lld", (long long)l.items[i].credential);
		OK(cred_get(c, ref, &cert));
	}
}

static void test_certs(void **state)
{
	struct core *c = *state;
	const struct job_arg issue[] = { { "ca", "issuing" }, { "profile", "tls-client" } };
	const struct job_arg all[] = { { "where", "" } };
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	struct job_sent s = { .format = "jsonl" };

	office_make_cas(c, db);
	for (int i = 0; i < 3; i++) {
		SCOPED(device) d = { 0 };
		char id[16];

		snprintf(id, sizeof id, "c%d", i);
		OK(device_add(c, id, NULL, &d));
		add_request(&text, id, i != 1);
	}
	buf_add_str(&text, "{\"id\":\"c0\"}\n{\"id\":\"c0\",\"csr\":\"!\"}\nnothing\n");
	add_request(&text, "nobody", true);
	s.rows = buf_bytes(&text);
	OK(job_ask(c, &((struct job_order) { "issue", issue, 2 }), &s, &j));
	OK(job_serve(c, NULL));
	is_done(c, j.id, 3, 0, 4);
	gives(c, j.id, 3);
	/* Cut off before its place was written: nothing is issued again, and all is given out. */
	job_clear(&j);
	OK(job_ask(c, &((struct job_order) { "issue", issue, 2 }), &s, &j));
	OK(job_serve(c, NULL));
	is_done(c, j.id, 0, 3, 4);
	gives(c, j.id, 3);
	s = (struct job_sent) { 0 };
	job_clear(&j);
	OK(job_ask(c, &((struct job_order) { "export", all, 1 }), &s, &j));
	OK(job_serve(c, NULL));
	is_done(c, j.id, 3, 0, 0);
	gives(c, j.id, 3);
	/* A request is nothing that a device is registered with. */
	job_clear(&j);
	s = (struct job_sent) { .format = "jsonl", .rows = bytes_of("{\"id\":\"r\",\"csr\":\"AA==\"}\n") };
	OK(job_ask(c, &((struct job_order) { "register", NULL, 0 }), &s, &j));
	OK(job_serve(c, NULL));
	is_done(c, j.id, 0, 0, 1);
	whole(c);
}

/* One lot is issued while the next is read: each certificate is that of its row's device. */
static void test_certs_in_lots(void **state)
{
	struct core *c = *state;
	const struct job_arg issue[] = { { "ca", "issuing" }, { "profile", "tls-client" } };
	SCOPED(buf) devices = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(job) j = { 0 };
	struct job_sent s = { .format = "csv" };
	const int rows = 2 * BATCH_MAX + 10;

	office_make_cas(c, db);
	buf_add_str(&devices, "id\n");
	for (int i = 0; i < rows; i++) {
		char id[16];

		snprintf(id, sizeof id, "l%d", i);
		buf_addf(&devices, "%s\n", id);
		if (i % BATCH_MAX == 3)
			buf_add_str(&text, "{\"id\":\"l0\",\"csr\":\"!\"}\n");
		add_request(&text, id, true);
	}
	s.rows = buf_bytes(&devices);
	OK(job_ask(c, &((struct job_order) { "register", NULL, 0 }), &s, &j));
	OK(job_serve(c, NULL));
	is_done(c, j.id, rows, 0, 0);
	job_clear(&j);
	s = (struct job_sent) { .format = "jsonl", .rows = buf_bytes(&text) };
	OK(job_ask(c, &((struct job_order) { "issue", issue, 2 }), &s, &j));
	OK(job_serve(c, NULL));
	is_done(c, j.id, rows, 0, 3);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential c JOIN device d ON c.device = d.id "
					"WHERE c.subject = 'CN=' || d.device_id"),
			 rows);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM job_result r JOIN credential c ON r.credential = c.id"),
			 rows);
	whole(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_by_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_seen_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_of_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whose, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disabled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_visitor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certs_in_lots, setup, teardown),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
