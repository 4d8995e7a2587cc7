/*
 * test_core_writers - threads that write at the same moment: in one transaction, and yet each change
 * for itself.
 *
 * A change that waits until the others have come makes sure that they are together.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/reply.h"
#include "backoffice/core/tally.h"
#include "backoffice/core/tenant.h"
#include "backoffice/core/writers.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define THREADS 6
#define EACH	12

/* ---- what befalls a transaction that is about to be committed ---- */

static atomic_int flushes;
static _Atomic(enum inro_err) next_flush; /* what comes of the next one, once */

enum inro_err __real_audit_flush(struct core *c);
enum inro_err __wrap_audit_flush(struct core *c);

enum inro_err __wrap_audit_flush(struct core *c)
{
	enum inro_err e = atomic_exchange(&next_flush, INRO_OK);

	atomic_fetch_add(&flushes, 1);
	return e == INRO_OK ? __real_audit_flush(c) : err_set(e, "the disk is gone, for the test");
}

/* ---- threads that do something at once ---- */

static struct writers *writers;

static struct core *open_one(const char *db, const char *tenant)
{
	struct core_options o = office_options();

	o.writers = writers;
	o.tenant = tenant;
	return office_open_as(db, o);
}

struct task {
	struct core *c;
	enum inro_err (*run)(struct task *j);
	const char *id; /* of a device */
	enum inro_err error;
	char why[ERR_DETAIL_MAX];
	pthread_t thread;
};

static void *do_job(void *arg)
{
	struct task *j = arg;

	j->error = j->run(j);
	if (j->error != INRO_OK)
		snprintf(j->why, sizeof j->why, "%s", err_detail(j->error));
	return NULL;
}

static uint64_t waiting(void)
{
	struct writers_stats s;

	writers_stats(writers, &s);
	return s.waiting;
}

static atomic_bool held;

struct hold {
	struct core *c;
	size_t n; /* how many come behind it */
	pthread_t thread;
};

static enum inro_err until_all_wait(struct core *c, void *arg)
{
	const struct hold *h = arg;

	(void)c;
	held = true;
	while (waiting() < h->n)
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	return INRO_OK;
}

static void *hold(void *arg)
{
	struct hold *h = arg;

	return core_write(h->c, until_all_wait, h) == INRO_OK ? h : NULL;
}

/* Each job's change comes while another is being made. */
static void together(struct core *c, struct task *jobs, size_t n)
{
	struct hold h = { .c = c, .n = n };
	void *good = NULL;

	held = false;
	assert_int_equal(pthread_create(&h.thread, NULL, hold, &h), 0);
	while (!held)
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&jobs[i].thread, NULL, do_job, &jobs[i]), 0);
	pthread_join(h.thread, &good);
	for (size_t i = 0; i < n; i++)
		pthread_join(jobs[i].thread, NULL);
	assert_non_null(good);
	assert_int_equal(waiting(), 0);
}

static enum inro_err add(struct task *j)
{
	SCOPED(device) d = { 0 };

	return device_add(j->c, j->id, &(struct device_fields) { 0 }, &d);
}

static bool is_there(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };

	return device_get(c, id, &d) == INRO_OK;
}

static int64_t refusals(struct core *c, const char *id)
{
	char subject[80];
	const struct audit_filter f = { .subject = subject };
	SCOPED(event_list) l = { 0 };
	int64_t n = 0;

	snprintf(subject, sizeof subject, "device:%s", id);
	OK(audit_find(c, &f, NULL, &l));
	for (size_t i = 0; i < l.n; i++)
		n += l.items[i].outcome == EVENT_REFUSED;
	return n;
}

static void all_is_well(struct core *c)
{
	struct audit_report r = { 0 };

	OK(audit_verify(c, &r));
	assert_int_equal(r.broken, 0);
	OK(tally_check(c));
}

/* ---- */

static const char *const ids[THREADS] = { "a", "b", "c", "d", "e", "f" };

struct room {
	struct core *c; /* who looks */
	struct task jobs[THREADS];
};

static void room_open(struct room *r, const char *db)
{
	*r = (struct room) { 0 };
	core_close(office_open(db));
	OK(writers_open(office_url(db), &writers));
	r->c = open_one(db, NULL);
	for (size_t i = 0; i < THREADS; i++)
		r->jobs[i] = (struct task) { .c = open_one(db, NULL), .run = add, .id = ids[i] };
}

static void room_clear(struct room *r)
{
	all_is_well(r->c);
	for (size_t i = 0; i < THREADS; i++)
		core_close(r->jobs[i].c);
	core_close(r->c);
	writers_close(writers);
	writers = NULL;
}

static void test_one_commit_for_all(void **state)
{
	struct writers_stats before, after;
	struct room r;
	int tries = getenv("INRO_TEST_TWICE") ? 2 : 1, flushed;

	(void)state;
	room_open(&r, "one");
	writers_stats(writers, &before);
	flushed = flushes;
	together(r.c, r.jobs, THREADS);
	writers_stats(writers, &after);
	assert_int_equal(flushes - flushed, 2 * tries); /* who held them up, and they */
	assert_int_equal(after.changes - before.changes, THREADS + 1);
	assert_int_equal(after.turns - before.turns, 2);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(r.jobs[i].error, INRO_OK);
		assert_true(is_there(r.c, ids[i]));
		assert_int_equal(refusals(r.c, ids[i]), 0);
	}
	room_clear(&r);
}

static enum inro_err no_more(struct core *c, void *arg)
{
	(void)c;
	(void)arg;
	return err_set(INRO_E_STATE, "it was changed meanwhile");
}

static enum inro_err add_as_it_was(struct task *j)
{
	enum inro_err e;

	core_expect(j->c, no_more, NULL);
	e = add(j);
	core_expect(j->c, NULL, NULL);
	return e;
}

static void test_refused_alone(void **state)
{
	SCOPED(device) there = { 0 };
	struct room r;

	(void)state;
	room_open(&r, "mixed");
	OK(device_add(r.c, "b", &(struct device_fields) { 0 }, &there));
	r.jobs[3].run = add_as_it_was;
	r.jobs[4].id = "a"; /* as the first: one of them is late */
	together(r.c, r.jobs, THREADS);
	assert_int_equal(r.jobs[1].error, INRO_E_EXISTS);
	assert_string_equal(r.jobs[1].why, "there is a device 'b' already");
	assert_int_equal(r.jobs[3].error, INRO_E_STATE);
	assert_string_equal(r.jobs[3].why, "it was changed meanwhile");
	assert_int_equal(r.jobs[0].error + r.jobs[4].error, INRO_E_EXISTS);
	assert_int_equal(r.jobs[2].error, INRO_OK);
	assert_int_equal(r.jobs[5].error, INRO_OK);
	assert_true(is_there(r.c, "a") && is_there(r.c, "c") && is_there(r.c, "f"));
	assert_false(is_there(r.c, "d"));
	assert_int_equal(refusals(r.c, "a"), 1);
	assert_int_equal(refusals(r.c, "b"), 1);
	assert_int_equal(refusals(r.c, "c"), 0);
	assert_int_equal(refusals(r.c, "d"), 1);
	room_clear(&r);
}

/* Of who writes for a device that was disabled meanwhile. */
static void test_who_may_no_more(void **state)
{
	SCOPED(device) d = { 0 };
	struct core_who who = { .role = ROLE_DEVICE, .actor = "device:gone" };
	struct room r;

	(void)state;
	room_open(&r, "roles");
	OK(device_add(r.c, "gone", &(struct device_fields) { 0 }, &d));
	who.tenant = d.tenant;
	who.device = d.id;
	device_clear(&d);
	OK(device_switch(r.c, "gone", VERB_DISABLE, "lost", &d));
	OK(core_become(r.jobs[2].c, &who));
	r.jobs[2].c->role = ROLE_OPERATOR; /* as core_own() does */
	together(r.c, r.jobs, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(r.jobs[i].error, i == 2 ? INRO_E_ACCESS : INRO_OK);
	assert_false(is_there(r.c, "c"));
	room_clear(&r);
}

static enum inro_err fail_one(struct core *c, void *arg)
{
	(void)c;
	(void)arg;
	return err_set(INRO_E_NO_MEMORY, "no memory, for the test");
}

static enum inro_err fails(struct task *j)
{
	return core_write(j->c, fail_one, NULL);
}

/* What is no refusal might have hurt the transaction: each goes by itself then. */
static void test_failure_alone(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, "memory");
	r.jobs[2].run = fails;
	together(r.c, r.jobs, THREADS);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(r.jobs[i].error, i == 2 ? INRO_E_NO_MEMORY : INRO_OK);
		assert_int_equal(is_there(r.c, ids[i]), i != 2);
	}
	assert_string_equal(r.jobs[2].why, "no memory, for the test");
	room_clear(&r);
}

static enum inro_err break_it(struct core *c, void *arg)
{
	(void)c;
	(void)arg;
	atomic_store(&next_flush, INRO_E_IO);
	return INRO_OK;
}

static enum inro_err break_commit(struct task *j)
{
	return core_write(j->c, break_it, NULL);
}

static void test_commit_fails_for_all(void **state)
{
	struct room r;

	(void)state;
	if (getenv("INRO_TEST_TWICE"))
		skip(); /* there the commit fails in its own way */
	room_open(&r, "broken");
	r.jobs[0].run = break_commit;
	together(r.c, r.jobs, THREADS);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(r.jobs[i].error, INRO_E_IO);
		assert_string_equal(r.jobs[i].why, "the disk is gone, for the test");
		assert_false(is_there(r.c, ids[i]));
	}
	room_clear(&r);
}

static atomic_int runs;

static enum inro_err once_busy(struct core *c, void *arg)
{
	(void)c;
	(void)arg;
	if (atomic_fetch_add(&runs, 1) == 0)
		atomic_store(&next_flush, INRO_E_BUSY);
	return INRO_OK;
}

static enum inro_err busy(struct task *j)
{
	return core_write(j->c, once_busy, NULL);
}

static void test_conflict_is_tried_again(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, "busy");
	runs = 0;
	r.jobs[5].run = busy;
	together(r.c, r.jobs, THREADS);
	assert_true(runs >= 2);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(r.jobs[i].error, INRO_OK);
		assert_int_equal(is_there(r.c, ids[i]), i != 5);
	}
	room_clear(&r);
}

static enum inro_err at_work(struct core *c, void *arg)
{
	(void)c;
	(void)arg;
	return err_set(INRO_E_BUSY, "somebody is at it, for the test");
}

static enum inro_err always_busy(struct task *j)
{
	return core_write(j->c, at_work, NULL);
}

static void test_busy_alone(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, "always");
	r.jobs[2].run = always_busy;
	together(r.c, r.jobs, THREADS);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(r.jobs[i].error, i == 2 ? INRO_E_BUSY : INRO_OK);
		assert_int_equal(is_there(r.c, ids[i]), i != 2);
	}
	assert_string_equal(r.jobs[2].why, "somebody is at it, for the test");
	room_clear(&r);
}

static enum inro_err begin_request(struct task *j)
{
	static const uint8_t hash[32] = { 1 };
	SCOPED(reply) mine = { 0 };

	return reply_begin(j->c, BYTES(hash, 32), BYTES(hash, 32), &mine);
}

static void test_same_request_at_once(void **state)
{
	struct writers_stats before, after;
	struct room r;
	int tries = getenv("INRO_TEST_TWICE") ? 2 : 1, flushed;

	(void)state;
	room_open(&r, "same");
	r.jobs[1].run = r.jobs[4].run = begin_request;
	writers_stats(writers, &before);
	flushed = flushes;
	together(r.c, r.jobs, THREADS);
	writers_stats(writers, &after);
	assert_int_equal(flushes - flushed, 2 * tries); /* it is no reason to do all again */
	assert_int_equal(after.turns - before.turns, 2);
	assert_int_equal(r.jobs[1].error + r.jobs[4].error, INRO_E_BUSY);
	for (size_t i = 0; i < THREADS; i++)
		if (i != 1 && i != 4)
			assert_int_equal(r.jobs[i].error, INRO_OK);
	room_clear(&r);
}

static void test_tenants(void **state)
{
	SCOPED(tenant) other = { 0 };
	struct room r;

	(void)state;
	room_open(&r, "tenants");
	OK(tenant_add(r.c, "other", &other));
	for (size_t i = 1; i < THREADS; i += 2) {
		core_close(r.jobs[i].c);
		r.jobs[i].c = open_one("tenants", "other");
		r.jobs[i].id = ids[i - 1]; /* the same id, and another device */
	}
	together(r.c, r.jobs, THREADS);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(r.jobs[i].error, INRO_OK);
		assert_true(is_there(r.jobs[i].c, r.jobs[i].id));
	}
	assert_false(is_there(r.jobs[1].c, "b"));
	OK(tally_check(r.jobs[1].c));
	room_clear(&r);
}

static enum inro_err nothing(struct core *c, void *arg)
{
	(void)c;
	(void)arg;
	return INRO_OK;
}

static enum inro_err write_inside(struct core *c, void *arg)
{
	*(enum inro_err *)arg = core_write(c, nothing, NULL);
	return INRO_OK;
}

static void test_no_change_in_a_change(void **state)
{
	enum inro_err inside = INRO_OK;
	struct room r;

	(void)state;
	room_open(&r, "inside");
	OK(core_write(r.c, write_inside, &inside));
	assert_int_equal(inside, INRO_E_STATE);
	room_clear(&r);
}

static enum inro_err savepoints(struct core *c, void *arg)
{
	enum inro_err e = core_savepoint(c);

	(void)arg;
	return e == INRO_OK ? core_release(c) : e;
}

static enum inro_err by_itself(struct task *j)
{
	return core_write_alone(j->c, savepoints, NULL);
}

static void test_what_goes_alone(void **state)
{
	struct room r;

	(void)state;
	room_open(&r, "alone");
	r.jobs[1].run = r.jobs[4].run = by_itself;
	together(r.c, r.jobs, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(r.jobs[i].error, INRO_OK);
	room_clear(&r);
}

/* ---- what it is for ---- */

static void issue_one(struct core *c, const char *device, struct buf *serials)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cert = { 0 };
	struct cred_request q = { .ca = "issuing", .profile = "tls-client", .device = device };
	EVP_PKEY *key = office_key("P-256");

	office_csr(key, device, &csr);
	EVP_PKEY_free(key);
	q.csr = buf_bytes(&csr);
	OK(cred_issue(c, &q, &cert));
	buf_add_hex(serials, blob_bytes(&cert.rec.serial));
}

static enum inro_err enrol_many(struct task *j)
{
	for (int i = 0; i < EACH; i++) {
		SCOPED(device) d = { 0 };
		SCOPED(buf) serials = { 0 };
		char id[32];

		snprintf(id, sizeof id, "%s-%d", j->id, i);
		OK(device_add(j->c, id, &(struct device_fields) { 0 }, &d));
		issue_one(j->c, id, &serials);
		assert_true(serials.n > 0);
	}
	return INRO_OK;
}

static void test_many(void **state)
{
	struct room r;
	int64_t n = 0;

	(void)state;
	room_open(&r, "many");
	office_make_cas(r.c, "many");
	for (size_t i = 0; i < THREADS; i++)
		r.jobs[i].run = enrol_many;
	together(r.c, r.jobs, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(r.jobs[i].error, INRO_OK);
	OK(cred_count(r.c, CRED_CERTIFICATE, CRED_ACTIVE, &n));
	assert_int_equal(n, THREADS * EACH + 2);
	room_clear(&r);
}

static int group_setup(void **state)
{
	(void)state;
	office_tokens();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_commit_for_all),
		cmocka_unit_test(test_refused_alone),
		cmocka_unit_test(test_who_may_no_more),
		cmocka_unit_test(test_failure_alone),
		cmocka_unit_test(test_commit_fails_for_all),
		cmocka_unit_test(test_conflict_is_tried_again),
		cmocka_unit_test(test_busy_alone),
		cmocka_unit_test(test_same_request_at_once),
		cmocka_unit_test(test_tenants),
		cmocka_unit_test(test_no_change_in_a_change),
		cmocka_unit_test(test_what_goes_alone),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
