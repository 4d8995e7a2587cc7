/* test_core_job_certs - jobs about certificates: issued from a folder, renewed, given new keys,
 * revoked, written out; keys that are given, in a token, elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/x509.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/batch.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/folder.h"
#include "backoffice/core/job.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/tally.h"
#include "base/clock.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DEVICES	    6 /* d0 to d5; t0 and t1 have their keys in a token */

static char db[32];

static void add_device(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, NULL, &d));
}

static void provision(struct core *c, int i)
{
	SCOPED(provision_result) r = { 0 };
	char id[24];
	const struct provision_request p = {
		.device = id, .token = "line", .ca = "issuing", .profile = "tls-client", .label = id
	};

	snprintf(id, sizeof id, "t%d-%s", i, strchr(db, '-') + 1);
	add_device(c, id);
	OK(device_provision(c, &p, &r));
}

static int setup(void **state)
{
	static unsigned n;
	struct core *c;

	snprintf(db, sizeof db, "certs-%u", n++);
	*state = c = office_open(db);
	office_make_cas(c, db);
	for (int i = 0; i < DEVICES; i++) {
		char id[16];

		snprintf(id, sizeof id, "d%d", i);
		add_device(c, id);
	}
	for (int i = 0; i < 2; i++)
		provision(c, i);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

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

/* A request of each of d<from> to d<to - 1>, all by one key. */
static EVP_PKEY *requests(const char *dir, int from, int to)
{
	EVP_PKEY *key = NULL;

	folder(dir);
	for (int i = from; i < to; i++) {
		SCOPED(buf) der = { 0 };
		char cn[16], name[96];

		EVP_PKEY_free(key);
		key = office_key("P-256");
		snprintf(cn, sizeof cn, "d%d", i);
		snprintf(name, sizeof name, "%s-%s/%s.csr", db, dir, cn);
		office_csr(key, cn, &der);
		scratch_file(name, der.p, der.n);
	}
	return key;
}

static bool written(const char *dir, const char *stem)
{
	char name[96];

	snprintf(name, sizeof name, "%s-%s/%s.pem", db, dir, stem);
	return access(scratch_path(name), F_OK) == 0;
}

static void does(struct core *c, const char *kind, const struct job_arg *args, size_t n,
		 int64_t done, int64_t same, int64_t failed)
{
	const struct job_order o = { kind, args, n };
	SCOPED(job) j = { 0 };
	SCOPED(job) made = { 0 };
	struct audit_report r;
	enum inro_err e = job_start(c, &o, &made);

	if (e == INRO_OK)
		e = job_run(c, made.id, NULL, &j);
	if (e != INRO_OK)
		fail_msg("%s: %s", kind, err_detail(e));
	if (j.done != done || j.same != same || j.failed != failed)
		fail_msg("%s: %lld done, %lld same, %lld failed", kind, (long long)j.done,
			 (long long)j.same, (long long)j.failed);
	OK(audit_verify(c, &r));
	OK(tally_check(c));
}

static void issues(struct core *c, int64_t done, int64_t same, int64_t failed)
{
	const struct job_arg args[] = { { "csr-dir", folder("in") },
					{ "out-dir", folder("out") },
					{ "ca", "issuing" },
					{ "profile", "tls-client" },
					{ "devices", "yes" } };

	does(c, "issue", args, ARRAY_LEN(args), done, same, failed);
}

static long long active(const char *where)
{
	char sql[300];

	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM credential WHERE state = 'active' AND kind = 'certificate' "
		 "AND own_ca IS NULL AND %s",
		 where);
	return office_ask(db, sql);
}

static void test_issue(void **state)
{
	struct core *c = *state;

	EVP_PKEY_free(requests("in", 0, DEVICES));
	scratch_file("certs-0-in/junk.csr", "junk", 4);
	assert_int_equal(mkfifo(scratch_path("certs-0-in/pipe.csr"), 0600), 0);
	issues(c, DEVICES, 0, 2);
	issues(c, 0, DEVICES, 2);
	assert_int_equal(active("true"), DEVICES + 2);
	for (int i = 0; i < DEVICES; i++) {
		char stem[16];

		snprintf(stem, sizeof stem, "d%d", i);
		assert_true(written("out", stem));
	}
	assert_false(written("out", "junk"));
}

static bool ends_soon(void *arg)
{
	return --*(int *)arg < 0;
}

/* Three lots, with requests that are none in each; left behind the first, while the second was read. */
static void test_issue_lots(void **state)
{
	struct core *c = *state;
	const struct job_arg args[] = { { "csr-dir", folder("in") },
					{ "out-dir", folder("out") },
					{ "ca", "issuing" },
					{ "profile", "tls-client" } };
	const int rows = 2 * BATCH_MAX + 10;
	int lots = 1;
	const struct job_watch w = { .ends = ends_soon, .arg = &lots };
	SCOPED(job) made = { 0 };
	SCOPED(job) left = { 0 };
	SCOPED(job) j = { 0 };
	char name[96];

	EVP_PKEY_free(requests("in", 1, rows - 3));
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "%s-in/d%d-pipe.csr", db, i * (rows / 10));
		assert_int_equal(mkfifo(scratch_path(name), 0600), 0);
	}
	OK(job_start(c, &(const struct job_order) { "issue", args, ARRAY_LEN(args) }, &made));
	OK(job_run(c, made.id, &w, &left));
	assert_int_equal(left.state, JOB_RUNNING);
	assert_int_equal(left.done + left.failed, BATCH_MAX);
	OK(job_run(c, made.id, NULL, &j));
	assert_int_equal(j.state, JOB_DONE);
	assert_int_equal(j.done, rows - 4);
	assert_int_equal(j.failed, 4);
	assert_int_equal(j.same, 0);
	assert_int_equal(active("true"), rows - 4 + 2);
	assert_true(written("out", "d1") && written("out", "d999") && written("out", "d500"));
}

/* Two files with the same octets: one certificate, under both names, also of a job that was stopped
 * and goes on. */
static void test_issue_twice(void **state)
{
	struct core *c = *state;
	const struct job_arg args[] = { { "csr-dir", folder("in") },
					{ "out-dir", folder("out") },
					{ "ca", "issuing" },
					{ "profile", "tls-client" } };
	SCOPED(job) made = { 0 };
	SCOPED(job) stopped = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(buf) der = { 0 };
	EVP_PKEY *key = requests("in", 0, 3);
	char copy[96];

	office_csr(key, "d9", &der);
	EVP_PKEY_free(key);
	for (int i = 0; i < 2; i++) {
		snprintf(copy, sizeof copy, "%s-in/d%d.csr", db, 8 + i);
		scratch_file(copy, der.p, der.n);
	}
	OK(job_start(c, &(const struct job_order) { "issue", args, ARRAY_LEN(args) }, &made));
	office_trigger(db, "stop", "BEFORE INSERT ON credential",
		       "INSERT INTO no_such_table VALUES (1)");
	clock_set_test(clock_now() + 100);
	assert_int_not_equal(job_run(c, made.id, NULL, &stopped), INRO_OK);
	assert_false(written("out", "d0") || written("out", "d8"));
	office_trigger_drop(db, "stop");
	OK(job_run(c, made.id, NULL, &j));
	assert_int_equal(j.done, 4);
	assert_int_equal(j.same, 1);
	assert_int_equal(j.failed, 0);
	does(c, "issue", args, ARRAY_LEN(args), 0, 5, 0);
	clock_set_test(0);
	assert_int_equal(active("true"), 4 + 2);
	assert_true(written("out", "d8") && written("out", "d9"));
}

/* A run that was killed between two files of one name goes on with the second. */
static void test_issue_between_twins(void **state)
{
	struct core *c = *state;
	const struct job_arg args[] = { { "csr-dir", folder("in") },
					{ "out-dir", folder("out") },
					{ "ca", "issuing" },
					{ "profile", "tls-client" } };
	SCOPED(job) made = { 0 };
	SCOPED(job) j = { 0 };
	char name[96];

	EVP_PKEY_free(requests("in", 0, 2));
	snprintf(name, sizeof name, "%s-in/d0.pem", db);
	scratch_file(name, "x", 1);
	OK(job_start(c, &(const struct job_order) { "issue", args, ARRAY_LEN(args) }, &made));
	office_sql(db, "UPDATE job SET cursor = 'd0/d0.csr', failed = 1");
	OK(job_run(c, made.id, NULL, &j));
	assert_int_equal(j.done, 1);
	assert_int_equal(j.failed, 2);
	assert_int_equal(j.total, 3);
}

static void put_file(const char *name, struct bytes content)
{
	char path[128];

	snprintf(path, sizeof path, "%s-in/%s", db, name);
	scratch_file(path, content.p, content.n);
}

/* Names in the letters of another system: the job's place is a text of the database all the same, and found again. */
static void test_issue_odd_names(void **state)
{
	struct core *c = *state;
	static const char *const odd[] = { "\x83%41 \x83\x8c.csr", "\x84.csr" };
	const struct job_arg args[] = { { "csr-dir", folder("in") },
					{ "out-dir", folder("out") },
					{ "ca", "issuing" },
					{ "profile", "tls-client" } };
	EVP_PKEY *key = office_key("P-256");
	int lots = 1;
	const struct job_watch w = { .ends = ends_soon, .arg = &lots };
	SCOPED(job) made = { 0 };
	SCOPED(job) left = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(buf) der = { 0 };

	office_csr(key, "x", &der);
	EVP_PKEY_free(key);
	for (int i = 0; i < BATCH_MAX - 1; i++) {
		char name[24];

		snprintf(name, sizeof name, "a%03d.csr", i);
		put_file(name, bytes_of("junk"));
	}
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		put_file(odd[i], buf_bytes(&der));
	OK(job_start(c, &(const struct job_order) { "issue", args, ARRAY_LEN(args) }, &made));
	OK(job_run(c, made.id, &w, &left));
	assert_int_equal(left.done, 1);
	for (const char *s = left.cursor; *s; s++)
		assert_in_range(*s, '!', '~');
	OK(job_run(c, made.id, NULL, &j));
	assert_int_equal(j.state, JOB_DONE);
	assert_int_equal(j.failed, BATCH_MAX - 1);
	assert_int_equal(j.done + j.same, 2);
	assert_true(written("out", "\x84"));
}

/* What two runs have under way in one folder is apart; what a killed one left goes. */
static void test_one_folder(void **state)
{
	const char *out = folder("out");
	char host[65] = "", left[256], others[300];
	SCOPED(buf) der = { 0 };
	int fd[2];

	(void)state;
	gethostname(host, sizeof host - 1);
	snprintf(left, sizeof left, "%s/.inro-under-way-%s-4194305-7", out, host); /* > PID_MAX */
	snprintf(others, sizeof others, "%s/.inro-under-way-elsewhere-4194305-7", out);
	assert_int_equal(symlink("x", left), 0);
	assert_int_equal(symlink("x", others), 0);
	for (int i = 0; i < 2; i++)
		OK(folder_open(out, &fd[i]));
	assert_int_not_equal(access(left, F_OK), 0);
	assert_int_equal(unlink(left), -1);
	assert_int_equal(unlink(others), 0);
	buf_add_str(&der, "not empty");
	for (int i = 0; i < 2; i++) {
		OK(folder_write(fd[i], "a", buf_bytes(&der)));
		close(fd[i]);
	}
	assert_true(written("out", "a"));
}

static void test_rekey(void **state)
{
	struct core *c = *state;
	const struct job_arg args[] = { { "where", "algorithm=ec-p256" },
					{ "csr-dir", folder("new") },
					{ "out-dir", folder("newer") } };
	const struct cred_search due = { .filter = { .due_days = 1 } };
	SCOPED(cred_found) f = { 0 };
	size_t keys = office_count("line", 3 /* CKO_PRIVATE_KEY */);

	EVP_PKEY_free(requests("in", 0, DEVICES));
	issues(c, DEVICES, 0, 0);
	EVP_PKEY_free(requests("new", 0, 3));
	scratch_file("certs-1-new/d3.csr", "junk", 4);
	/* d0 to d2 by request, d3's is bad, d4 and d5 are told, t0 and t1 in their token. */
	does(c, "rekey", args, ARRAY_LEN(args), 7, 0, 1);
	assert_true(written("newer", "d2"));
	assert_false(written("newer", "d4"));
	assert_int_equal(office_count("line", 3), keys + 2);
	assert_int_equal(active("wanted_at IS NOT NULL"), 2);
	assert_int_equal(office_ask(db, "SELECT wanted FROM job WHERE kind = 'rekey'"), 2);
	assert_int_equal(active("true"), DEVICES + 2);
	assert_int_equal(
		office_ask(db, "SELECT count(*) FROM credential WHERE state = 'superseded'"), 5);
	OK(cred_search(c, &due, &f));
	assert_int_equal(f.n, 2);
	assert_int_equal(f.items[0].due, CRED_DUE_WANTED);
	/* The same requests have keys that are to be replaced by now. */
	does(c, "rekey", args, ARRAY_LEN(args), 2, 2, 4);
	assert_int_equal(office_count("line", 3), keys + 4);
}

/* Two requests by one key, in one lot: the record can't know the first one yet. */
static void test_rekey_one_key(void **state)
{
	struct core *c = *state;
	const struct job_arg args[] = { { "where", "device.id^=d" }, { "csr-dir", folder("new") } };
	EVP_PKEY *key;

	EVP_PKEY_free(requests("in", 0, 2));
	issues(c, 2, 0, 0);
	key = requests("new", 0, 1);
	for (int i = 0; i < 2; i++) {
		SCOPED(buf) der = { 0 };
		char cn[16], name[96];

		snprintf(cn, sizeof cn, "d%d", i);
		snprintf(name, sizeof name, "%s-new/%s.csr", db, cn);
		office_csr(key, cn, &der);
		scratch_file(name, der.p, der.n);
	}
	EVP_PKEY_free(key);
	does(c, "rekey", args, ARRAY_LEN(args), 1, 0, 1);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM job_error WHERE why LIKE '%same key%'"), 1);
	does(c, "rekey", args, ARRAY_LEN(args), 0, 0, 2);
}

static void give_profile(struct core *c, const char *name, const char *reuse)
{
	SCOPED(profile_version) v = { 0 };
	char text[256];

	snprintf(text, sizeof text,
		 "[profile]\nname = %s\n[validity]\nperiod = 7d\n[key]\ntypes = ec-p256\n[usage]\n"
		 "key_usage = digitalSignature\n[renewal]\nreuse_key = %s\n",
		 name, reuse);
	OK(profile_give(c, bytes_of(text), "test.ini", PROFILE_NEW, &v));
}

static void issue_by(struct core *c, const char *profile, const char *device)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	EVP_PKEY *key = office_key("P-256");
	struct cred_request r = { .ca = "issuing", .profile = profile, .device = device };

	office_csr(key, device, &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(c, &r, &cred));
	EVP_PKEY_free(key);
}

/* A device's certificates find one request; who of them wants a key of its own has it only as the first. */
static void test_one_request_for_two(void **state)
{
	struct core *c = *state;
	static const struct {
		const char *first, *second;
		int done;
	} rows[] = {
		{ "own", "own", 1 },
		{ "shared", "own", 1 },
		{ "own", "shared", 2 },
		{ "shared", "shared", 2 },
	};

	give_profile(c, "own", "no");
	give_profile(c, "shared", "yes");
	EVP_PKEY_free(requests("new", 0, ARRAY_LEN(rows)));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char where[] = "device.id=d0", *device = strchr(where, '=') + 1;
		const struct job_arg args[] = { { "where", where }, { "csr-dir", folder("new") } };

		device[1] += (char)i;
		issue_by(c, rows[i].first, device);
		issue_by(c, rows[i].second, device);
		does(c, "rekey", args, ARRAY_LEN(args), rows[i].done, 0, 2 - rows[i].done);
	}
}

/* More profiles in one lot than are kept ready from one lot to the next. */
static void test_rekey_many_profiles(void **state)
{
	struct core *c = *state;
	const struct job_arg args[] = { { "where", "device.id^=d" }, { "csr-dir", folder("new") } };

	for (int i = 0; i < 20; i++) {
		char profile[16], device[16];

		snprintf(profile, sizeof profile, "p%d", i);
		snprintf(device, sizeof device, "d%d", i);
		give_profile(c, profile, "yes");
		if (i >= DEVICES)
			add_device(c, device);
		issue_by(c, profile, device);
	}
	EVP_PKEY_free(requests("new", 0, 20));
	does(c, "rekey", args, ARRAY_LEN(args), 20, 0, 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential n JOIN credential o ON "
					"n.replaces = o.id WHERE n.profile = o.profile AND "
					"n.device = o.device AND n.ca = o.ca AND n.state = 'active'"),
			 20);
}

/* Behind the URIs of the keys in the token as they are recorded. */
static void name_module(const char *query)
{
	char sql[1400];

	snprintf(sql, sizeof sql,
		 "UPDATE credential SET key_uri = key_uri || '%s' WHERE state = 'active' AND own_ca IS "
		 "NULL AND key_uri LIKE 'pkcs11:%%'",
		 query);
	office_sql(db, sql);
}

/* It may have been said over the network, before that was refused. */
static void test_module_of_a_record(void **state)
{
	struct core *c = *state;
	const struct job_arg mine = { "where", "device.id^=t" };
	SCOPED(cred_found) f = { 0 };
	SCOPED(cred) cred = { 0 };
	const struct cred_search first = { .where = "kind=certificate device.id^=t" };
	const struct cred_renewal plain = { .days = 1 };
	char ref[32], query[1100];

	name_module("?module-path=/nowhere/evil.so");
	does(c, "renew", &mine, 1, 0, 0, 2);
	assert_int_equal(
		office_ask(db, "SELECT count(*) FROM job_error WHERE why LIKE '%/nowhere/evil.so%'"), 2);
	OK(cred_search(c, &first, &f));
	assert_int_equal(f.n, 2);
	snprintf(ref, sizeof ref, "id:%lld", (long long)f.items[0].rec.id);
	FAILS(INRO_E_POLICY, cred_renew(c, ref, &plain, &cred));
	/* That of this installation it may name. */
	office_sql(db, "UPDATE credential SET key_uri = replace(key_uri, '?module-path=/nowhere/evil.so', '')");
	snprintf(query, sizeof query, "?module-path=%s", getenv("INRO_MODULE"));
	name_module(query);
	does(c, "renew", &mine, 1, 2, 0, 0);
}

static void test_renew_revoke_export(void **state)
{
	struct core *c = *state;
	const struct job_arg mine = { "where", "device.id^=t" };
	const struct job_arg gone[] = { { "where", "state=superseded" },
					{ "reason", "superseded" },
					{ "why", "replaced" } };
	const struct job_arg out[] = { { "where", "" }, { "out-dir", folder("all") } };
	size_t keys = office_count("line", 3);

	does(c, "renew", &mine, 1, 2, 0, 0);
	assert_int_equal(office_count("line", 3), keys);
	assert_int_equal(active("true"), 2);
	does(c, "revoke", gone, ARRAY_LEN(gone), 2, 0, 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential WHERE state = 'revoked' "
					"AND reason = 4"),
			 2);
	does(c, "export", out, ARRAY_LEN(out), 2, 0, 0);
	does(c, "revoke", &mine, 1, 2, 0, 0);
	does(c, "export", out, ARRAY_LEN(out), 0, 0, 0);
}

static bool take_away(void *path)
{
	assert_int_equal(rmdir(path), 0);
	return false;
}

/* What fails behind the record stops the job, which says so: it is not under way for good.  Who goes on writes what is
 * missing. */
static void test_out_dir_gone(void **state)
{
	struct core *c = *state;
	const char *out = folder("renewed");
	const struct job_arg args[] = { { "where", "device.id^=t" }, { "out-dir", out } };
	const struct job_order o = { "renew", args, ARRAY_LEN(args) };
	const struct job_watch watch = { .ends = take_away, .arg = (void *)(uintptr_t)out };
	SCOPED(job) made = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(job) now = { 0 };
	char stem[32];

	OK(job_start(c, &o, &made));
	assert_int_not_equal(job_run(c, made.id, &watch, &j), INRO_OK);
	OK(job_get(c, made.id, &now));
	assert_int_equal(now.state, JOB_FAILED);
	assert_true(*text_or_empty(now.said));
	assert_int_equal(now.done, 2);
	folder("renewed");
	job_clear(&j);
	OK(job_run(c, made.id, NULL, &j));
	assert_int_equal(j.state, JOB_DONE);
	assert_int_equal(j.done, 2);
	snprintf(stem, sizeof stem, "t0-%s", strchr(db, '-') + 1);
	assert_true(written("renewed", stem));
}

/* Of a renewal with an overlap: retired when that is over, not before, and once. */
static void test_retire(void **state)
{
	struct core *c = *state;
	const struct job_arg mine = { "where", "device.id^=t" };
	const struct job_arg all[] = { { "where", "" }, { "why", "overlap over" } };
	const struct job_arg named = { "where", "state=active device.id^=t" };
	const struct job_arg gone = { "where", "state=revoked" };

	does(c, "renew", &mine, 1, 2, 0, 0);
	does(c, "retire", all, ARRAY_LEN(all), 0, 0, 0);
	office_sql(db, "UPDATE credential SET grace_until = 1 WHERE state = 'superseded' "
		       "AND id = (SELECT max(id) FROM credential WHERE state = 'superseded')");
	does(c, "retire", all, ARRAY_LEN(all), 1, 0, 0);
	does(c, "retire", all, ARRAY_LEN(all), 0, 0, 0);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM credential WHERE state = 'retired' "
					"AND reason = 4 AND listed_at > 0"),
			 1);
	assert_int_equal(
		office_ask(db, "SELECT count(*) FROM credential WHERE state = 'superseded'"), 1);
	office_sql(db, "UPDATE credential SET grace_until = 1 WHERE state = 'superseded'");
	does(c, "retire", all, ARRAY_LEN(all), 1, 0, 0);
	/* What is in use is not retired by whoever names it. */
	does(c, "retire", &named, 1, 0, 0, 2);
	does(c, "revoke", &mine, 1, 2, 0, 0);
	does(c, "retire", &gone, 1, 2, 0, 0);
}

/* A token that is locked stops the job; it goes on when it is open. */
static void test_no_pin(void **state)
{
	struct core *c = *state;
	const struct job_arg args[] = { { "where", "device.id^=t" } };
	const struct job_order o = { "rekey", args, 1 };
	SCOPED(job) made = { 0 };
	SCOPED(job) j = { 0 };
	const char *pin = office_pin;
	struct core *locked;

	OK(job_start(c, &o, &made));
	office_pin = NULL;
	locked = office_open(db);
	assert_int_not_equal(job_run(locked, made.id, NULL, &j), INRO_OK);
	assert_int_equal(j.state, JOB_FAILED);
	assert_non_null(j.said);
	assert_int_equal(j.done + j.failed, 0);
	core_close(locked);
	office_pin = pin;
	job_clear(&j);
	OK(job_run(c, made.id, NULL, &j));
	assert_int_equal(j.done, 2);
}

static enum inro_err gives_up(void *arg, const char *token, struct secret *ret)
{
	(void)arg;
	(void)ret;
	return err_set(INRO_E_CANCELLED, "nobody types the PIN of '%s'", token);
}

/* Whoever is asked for a PIN gives up: that is no cancelled job, and no bad row. */
static void test_pin_given_up(void **state)
{
	struct core *c = *state, *other;
	const struct job_arg args[] = { { "where", "device.id^=t" } };
	const struct job_order o = { "rekey", args, 1 };
	struct core_options options = office_options();
	SCOPED(job) made = { 0 };
	SCOPED(job) j = { 0 };

	OK(job_start(c, &o, &made));
	options.ask_pin = gives_up;
	other = office_open_as(db, options);
	FAILS(INRO_E_PIN_MISSING, job_run(other, made.id, NULL, &j));
	assert_non_null(strstr(err_detail(INRO_E_PIN_MISSING), "'inro job resume"));
	assert_int_equal(j.state, JOB_FAILED);
	assert_non_null(strstr(j.said, "nobody types"));
	assert_int_equal(j.done + j.failed, 0);
	core_close(other);
	job_clear(&j);
	OK(job_run(c, made.id, NULL, &j)); /* and nobody has to wait for a lease */
	assert_int_equal(j.done, 2);
}

static void test_refused(void **state)
{
	static const struct {
		const char *kind;
		struct job_arg args[4];
		const char *says;
	} rows[] = {
		{ "issue", { { "ca", "issuing" }, { "profile", "tls-client" } }, "needs --csr-dir" },
		{ "revoke", { { "where", "" }, { "reason", "certificateHold" } }, "for good" },
		{ "revoke", { { "where", "" }, { "reason", "boredom" } }, "boredom" },
		{ "rekey", { { "where", "" }, { "type", "rot13" } }, "rot13" },
		{ "renew", { { "where", "" }, { "type", "ec-p256" } }, "takes no --type" },
		{ "renew", { { "where", "" }, { "days", "0" } }, "--days" },
		{ "renew", { { "where", "" }, { "csr-dir", "/nowhere/at/all" } }, "No such file" },
		{ "export", { { "where", "colour=red" }, { "out-dir", "/tmp" } }, "fields" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = 0;
		SCOPED(job) j = { 0 };
		enum inro_err e;

		while (n < 4 && rows[i].args[n].name)
			n++;
		e = job_start(*state, &((struct job_order) { rows[i].kind, rows[i].args, n }), &j);
		assert_int_not_equal(e, INRO_OK);
		if (!strstr(err_detail(e), rows[i].says))
			fail_msg("%s: %s", rows[i].kind, err_detail(e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_issue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rekey, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rekey_one_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_request_for_two, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rekey_many_profiles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_module_of_a_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renew_revoke_export, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_dir_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retire, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pin_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_issue_lots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_issue_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_issue_between_twins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_issue_odd_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_folder, setup, teardown),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
