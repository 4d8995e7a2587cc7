/* test_core_job_again - a job that renews and goes on: what it hands out again, and whose the ids of its rows are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/job.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/provision.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define LOT	    25		  /* as keys in a token are renewed */
#define THREE	    (2 * LOT + 3) /* of them */

static char db[32];

/* t0 and t1 have their keys in a token. */
static void name_of(int i, char ret[static 24])
{
	snprintf(ret, 24, "t%d-%s", i, strchr(db, '-') + 1);
}

static void provision(struct core *c, int i)
{
	char id[24];
	const struct provision_request p = {
		.device = id, .token = "line", .ca = "issuing", .profile = "tls-client", .label = id
	};
	SCOPED(device) d = { 0 };
	SCOPED(provision_result) r = { 0 };

	name_of(i, id);
	OK(device_add(c, id, NULL, &d));
	OK(device_provision(c, &p, &r));
}

static int setup(void **state)
{
	static unsigned n;
	struct core *c;

	snprintf(db, sizeof db, "again-%u", n++);
	*state = c = office_open(db);
	office_make_cas(c, db);
	for (int i = 0; i < 2; i++)
		provision(c, i);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

/* What the job writes; good until the next call. */
static const char *out_dir(void)
{
	static char path[512];
	char name[48];

	snprintf(name, sizeof name, "%s-renewed", db);
	snprintf(path, sizeof path, "%s", scratch_path(name));
	mkdir(path, 0700);
	return path;
}

static const char *file_of(int i)
{
	char id[24], name[96];

	name_of(i, id);
	snprintf(name, sizeof name, "%s-renewed/%s.pem", db, id);
	return scratch_path(name);
}

static bool handed_out(int i)
{
	return access(file_of(i), F_OK) == 0;
}

static bool take_away(void *path)
{
	assert_int_equal(rmdir(path), 0);
	return false;
}

/* Renews t0 and t1 by a job that fails before it hands out; what becomes of them then; and goes on. */
static void hand_out_after(struct core *c, void (*then)(struct core *c))
{
	const char *out = out_dir();
	const struct job_arg args[] = { { "where", "device.id^=t" }, { "out-dir", out } };
	const struct job_order o = { "renew", args, ARRAY_LEN(args) };
	const struct job_watch watch = { .ends = take_away, .arg = (void *)(uintptr_t)out };
	SCOPED(job) made = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(job) done = { 0 };
	enum inro_err e;

	OK(job_start(c, &o, &made));
	assert_int_not_equal(job_run(c, made.id, &watch, &j), INRO_OK);
	assert_int_equal(j.done, 2);
	then(c);
	out_dir();
	e = job_run(c, made.id, NULL, &done);
	if (e != INRO_OK)
		fail_msg("%s", err_detail(e));
	assert_int_equal(done.state, JOB_DONE);
	assert_int_equal(done.done, 2);
}

/* That of t0 or t1 which is in use. */
static void present(struct core *c, int i, struct cred *ret)
{
	const enum cred_state active = CRED_ACTIVE;
	char id[24];
	const struct cred_search s = { .filter = { .device = id, .state = &active } };
	SCOPED(cred_found) f = { 0 };

	name_of(i, id);
	OK(cred_search(c, &s, &f));
	assert_int_equal(f.n, 1);
	*ret = f.items[0];
	f.n = 0;
}

static void t0_says(struct core *c, const char *uri)
{
	SCOPED(cred) t0 = { 0 };
	char sql[256];

	present(c, 0, &t0);
	snprintf(sql, sizeof sql, "UPDATE credential SET key_uri = '%s' WHERE id = %lld", uri,
		 (long long)t0.rec.id);
	office_sql(db, sql);
}

static void names_t1(struct core *c)
{
	SCOPED(cred) t1 = { 0 };

	present(c, 1, &t1);
	t0_says(c, t1.rec.key_uri);
}

static void names_many(struct core *c)
{
	t0_says(c, "pkcs11:token=line");
}

static void names_nothing(struct core *c)
{
	t0_says(c, "pkcs11:token=line;%");
}

/* Where a key is may have been said by others: one URI that is of no use leaves the job to the other rows. */
static void test_hands_out_again(void **state)
{
	void (*const says[])(struct core *c) = { names_t1, names_many, names_nothing };
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		char place[300];
		SCOPED(cred) t0 = { 0 };

		present(c, 0, &t0);
		snprintf(place, sizeof place, "%s", t0.rec.key_uri);
		hand_out_after(c, says[i]);
		assert_true(handed_out(0));
		assert_true(handed_out(1));
		t0_says(c, place);
		for (int k = 0; k < 2; k++)
			unlink(file_of(k));
	}
}

static void renew_t0(struct core *c)
{
	const struct cred_renewal plain = { 0 };
	SCOPED(cred) t0 = { 0 };
	SCOPED(cred) next = { 0 };
	char ref[32];

	present(c, 0, &t0);
	snprintf(ref, sizeof ref, "id:%lld", (long long)t0.rec.id);
	OK(cred_renew(c, ref, &plain, &next));
}

/* What was renewed since is in the token, and stays there. */
static void test_hands_out_nothing_old(void **state)
{
	struct core *c = *state;
	AUTO(token_close_ptr) struct token *t = NULL;
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	SCOPED(p11_uri) u = { 0 };
	SCOPED(cred) t0 = { 0 };
	SCOPED(buf) der = { 0 };

	hand_out_after(c, renew_t0);
	assert_false(handed_out(0));
	assert_true(handed_out(1));
	present(c, 0, &t0);
	OK(p11_uri_parse(t0.rec.key_uri, &u));
	OK(token_open(&u, bytes_of(OFFICE_PIN), &t));
	OK(token_key_find(t, &u, &k));
	OK(token_cert_find(t, token_key_id(k), &der));
	assert_true(bytes_equal(buf_bytes(&der), blob_bytes(&t0.rec.cert)));
}

static char held[32];

static void hold_t0(struct core *c)
{
	SCOPED(cred) t0 = { 0 };
	SCOPED(cred) out = { 0 };

	present(c, 0, &t0);
	snprintf(held, sizeof held, "id:%lld", (long long)t0.rec.id);
	OK(cred_move(c, held, VERB_HOLD, NULL, &out));
}

/* What is held may be released, and nobody would hand it out then. */
static void test_hands_out_what_is_held(void **state)
{
	struct core *c = *state;
	SCOPED(cred) out = { 0 };

	hand_out_after(c, hold_t0);
	assert_true(handed_out(0));
	assert_true(handed_out(1));
	OK(cred_move(c, held, VERB_RELEASE, NULL, &out));
}

/* What is on record under such an id from before is given again. */
static void test_id_from_before(void **state)
{
	struct cred_request r = { .ca = "issuing", .profile = "tls-client", .request_id = "one" };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) again = { 0 };
	EVP_PKEY *key = office_key("P-256");

	office_csr(key, "x", &csr);
	r.csr = buf_bytes(&csr);
	OK(cred_issue(*state, &r, &first));
	office_sql(db, "UPDATE credential SET request_id = 'job:7:pump' WHERE request_id = 'one'");
	r.request_id = "job:7:pump";
	OK(cred_issue(*state, &r, &again));
	assert_int_equal(again.rec.id, first.rec.id);
	EVP_PKEY_free(key);
}

/* Who could have the ids of a job's rows before it comes to them would keep others from their certificates. */
static void test_ids_of_jobs(void **state)
{
	static const struct {
		const char *id;
		enum inro_err e;
	} rows[] = { { "job:1:2", INRO_E_ARG }, { "job:1:", INRO_E_ARG }, { "job::x", INRO_E_ARG },
		     { "job:1", INRO_OK },	{ "jobs:1:2", INRO_OK },  { "job", INRO_OK } };
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) csr = { 0 };
		SCOPED(cred) cred = { 0 };
		EVP_PKEY *key = office_key("P-256");
		struct cred_request r = {
			.ca = "issuing", .profile = "tls-client", .request_id = rows[i].id
		};

		office_csr(key, "x", &csr);
		r.csr = buf_bytes(&csr);
		FAILS(rows[i].e, cred_issue(c, &r, &cred));
		EVP_PKEY_free(key);
	}
}

/* A folder that fails for a lot stops the job before the next is recorded: who goes on finds it all. */
static void test_lots(void **state)
{
	struct core *c = *state;
	const char *out = out_dir();
	const struct job_arg args[] = { { "where", "device.id^=t" }, { "out-dir", out } };
	const struct job_order o = { "renew", args, ARRAY_LEN(args) };
	const struct job_watch watch = { .ends = take_away, .arg = (void *)(uintptr_t)out };
	SCOPED(job) made = { 0 };
	SCOPED(job) j = { 0 };
	SCOPED(job) done = { 0 };

	for (int i = 2; i < THREE; i++)
		provision(c, i);
	OK(job_start(c, &o, &made));
	assert_int_not_equal(job_run(c, made.id, &watch, &j), INRO_OK);
	assert_int_equal(j.state, JOB_FAILED);
	assert_int_equal(j.done, LOT);
	out_dir();
	OK(job_run(c, made.id, NULL, &done));
	assert_int_equal(done.state, JOB_DONE);
	assert_int_equal(done.done, THREE);
	for (int i = 0; i < THREE; i++)
		assert_true(handed_out(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hands_out_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hands_out_nothing_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids_of_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hands_out_what_is_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_id_from_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lots, setup, teardown),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
