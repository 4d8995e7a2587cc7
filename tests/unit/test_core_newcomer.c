/* test_core_newcomer - a device and its first certificate in one transaction: both, or neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/newcomer.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/tally.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static int setup(void **state)
{
	return office_setup(state, "newcomer");
}

static long long count(const char *table)
{
	char sql[192];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	return office_ask(office_db, sql);
}

struct asked {
	const char *id, *ca, *profile, *group;
	bool other_key;
	const char *request_id;
};

static enum inro_err ask(struct core *c, const struct asked *a, struct psk_new *psk,
			 struct newcomer *n, struct cred *ret)
{
	const struct device_fields fields = { .name = "A new one", .group = a->group };
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = a->ca ? a->ca : "issuing",
				  .profile = a->profile ? a->profile : "tls-client",
				  .device = a->id,
				  .request_id = a->request_id };
	EVP_PKEY *own = a->other_key ? office_key("P-256") : NULL;
	enum inro_err e;

	office_csr(own ? own : office_ec, a->id, &csr);
	EVP_PKEY_free(own);
	r.csr = buf_bytes(&csr);
	n->fields = &fields;
	n->psk = psk;
	e = cred_issue_newcomer(c, &r, n, ret);
	n->fields = NULL;
	return e;
}

static void test_both(void **state)
{
	SCOPED(newcomer) n = { 0 };
	SCOPED(newcomer) second = { 0 };
	SCOPED(psk_new) psk = { 0 };
	SCOPED(cred) cert = { 0 };
	SCOPED(device) d = { 0 };

	OK(ask(*state, &(struct asked) { .id = "press-1" }, &psk, &n, &cert));
	assert_int_equal(n.made.state, DEVICE_ACTIVE);
	assert_string_equal(n.made.name, "A new one");
	assert_string_equal(cert.device_id, "press-1");
	assert_int_equal(cert.rec.device, n.made.id);
	OK(device_get(*state, "press-1", &d));
	assert_int_equal(d.id, n.made.id);
	assert_int_equal(d.state, DEVICE_ACTIVE);
	OK(psk_verify(*state, "press-1", secret_bytes(&psk.value)));
	/* The row is written once; what happened to it is on record as if it had been moved. */
	assert_int_equal(count("event WHERE action = 'device.add' AND subject = 'device:press-1'"), 1);
	assert_int_equal(count("event WHERE action = 'device.activate' AND subject = 'device:press-1'"), 1);
	cred_clear(&cert);
	OK(ask(*state, &(struct asked) { .id = "press-2", .other_key = true }, NULL, &second, &cert));
	OK(tally_check(*state));
}

static const struct {
	struct asked asked;
	enum inro_err error;
} refused[] = {
	{ { .id = "there", .other_key = true }, INRO_E_EXISTS },
	{ { .id = "new", .ca = "none", .other_key = true }, INRO_E_NOT_FOUND },
	{ { .id = "new", .profile = "none", .other_key = true }, INRO_E_NOT_FOUND },
	{ { .id = "new", .group = "none", .other_key = true }, INRO_E_NOT_FOUND },
	{ { .id = "new", .group = "careful", .other_key = true }, INRO_E_STATE },
	{ { .id = "new", .group = "rsa", .other_key = true }, INRO_E_POLICY },
	{ { .id = "new", .request_id = "r", .other_key = true }, INRO_E_ARG },
	{ { .id = "not an id", .other_key = true }, INRO_E_ARG },
	{ { .id = "new" }, INRO_E_POLICY }, /* the key of "there" */
};

static void test_neither(void **state)
{
	SCOPED(newcomer) there = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) rsa = { 0 };
	long long creds, events;
	char now[128];

	OK(ask(*state, &(struct asked) { .id = "there" }, NULL, &there, &first));
	OK(group_add(*state, "careful", "{\"approve\": true}", &g));
	OK(group_add(*state, "rsa", "{\"key_types\": [\"rsa-3072\"]}", &rsa));
	creds = count("credential");
	events = count("event");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		SCOPED(newcomer) n = { 0 };
		SCOPED(cred) cert = { 0 };
		SCOPED(psk_new) psk = { 0 };

		FAILS(refused[i].error, ask(*state, &refused[i].asked, &psk, &n, &cert));
		/* one question: to PostgreSQL each is a process */
		snprintf(now, sizeof now,
			 "event WHERE (SELECT count(*) FROM credential) = %lld AND (SELECT count(*) FROM device) = 1", creds);
		assert_int_equal(count(now), events + 1 + (long long)i);
	}
	OK(tally_check(*state));
}

/* What fails behind the device, in the transaction, takes it along. */
static void test_undone(void **state)
{
	SCOPED(newcomer) n = { 0 };
	SCOPED(newcomer) again = { 0 };
	SCOPED(cred) cert = { 0 };

	office_trigger(office_db, "no_cert", "BEFORE INSERT ON credential",
		       office_on_postgres() ? "RAISE EXCEPTION 'no'" : "SELECT RAISE(ABORT, 'no')");
	assert_int_not_equal(ask(*state, &(struct asked) { .id = "press-1" }, NULL, &n, &cert), INRO_OK);
	office_trigger_drop(office_db, "no_cert");
	assert_int_equal(count("device"), 0);
	OK(ask(*state, &(struct asked) { .id = "press-1" }, NULL, &again, &cert));
	OK(tally_check(*state));
}

/* An auditor does neither; an operator both. */
static void test_roles(void **state)
{
	struct core_options o = office_options();
	SCOPED(newcomer) n = { 0 };
	SCOPED(newcomer) good = { 0 };
	SCOPED(cred) cert = { 0 };
	struct core *by;

	(void)state;
	o.role = ROLE_AUDITOR;
	by = office_open_as(office_db, o);
	FAILS(INRO_E_ACCESS, ask(by, &(struct asked) { .id = "press-1" }, NULL, &n, &cert));
	core_close(by);
	o.role = ROLE_OPERATOR;
	by = office_open_as(office_db, o);
	OK(ask(by, &(struct asked) { .id = "press-1" }, NULL, &good, &cert));
	core_close(by);
}

/* ---- many at once ---- */

#define MANY 5

struct many {
	struct newcomer_row rows[MANY];
	struct device_fields fields;
	struct psk_new psk;
	struct buf csrs[MANY];
	char ids[MANY][16];
};

/* m-0 and so on, each with a key of its own; the first gets a pre-shared key. */
static void make_many(struct many *m)
{
	m->fields.name = "One of many";
	for (size_t i = 0; i < MANY; i++) {
		EVP_PKEY *key = office_key("P-256");

		snprintf(m->ids[i], sizeof m->ids[i], "m-%zu", i);
		office_csr(key, m->ids[i], &m->csrs[i]);
		EVP_PKEY_free(key);
		m->rows[i].request = (struct cred_request) {
			.csr = buf_bytes(&m->csrs[i]), .ca = "issuing", .profile = "tls-client", .device = m->ids[i]
		};
		m->rows[i].newcomer = (struct newcomer) { .fields = &m->fields, .psk = i ? NULL : &m->psk };
	}
}

static void many_clear(struct many *m)
{
	for (size_t i = 0; i < MANY; i++) {
		newcomer_row_clear(&m->rows[i]);
		buf_clear(&m->csrs[i]);
	}
	psk_new_clear(&m->psk);
}

static size_t done(const struct many *m)
{
	size_t n = 0;

	for (size_t i = 0; i < MANY; i++)
		n += m->rows[i].done;
	return n;
}

static void test_many(void **state)
{
	SCOPED(many) m = { 0 };
	SCOPED(device) d = { 0 };

	make_many(&m);
	cred_issue_newcomers(*state, m.rows, MANY);
	assert_int_equal(done(&m), MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_string_equal(m.rows[i].cert.device_id, m.ids[i]);
		assert_int_equal(m.rows[i].cert.rec.device, m.rows[i].newcomer.made.id);
		assert_int_equal(m.rows[i].newcomer.made.state, DEVICE_ACTIVE);
		assert_int_equal(office_verify(*state, "issuing", &m.rows[i].cert.rec.cert, BYTES_NONE), X509_V_OK);
	}
	OK(psk_verify(*state, "m-0", secret_bytes(&m.psk.value)));
	OK(device_get(*state, "m-4", &d));
	assert_string_equal(d.name, "One of many");
	assert_int_equal(count("event WHERE action = 'device.activate'"), MANY);
	assert_int_equal(count("credential WHERE kind = 'certificate' AND device IS NOT NULL"), MANY);
	OK(tally_check(*state));
}

static void without_certificate(struct many *m)
{
	for (size_t i = 0; i < MANY; i++)
		m->rows[i].request = (struct cred_request) { .device = m->ids[i] };
}

static void test_many_bare(void **state)
{
	SCOPED(many) m = { 0 };
	long long creds = count("credential");

	make_many(&m);
	without_certificate(&m);
	cred_issue_newcomers(*state, m.rows, MANY);
	assert_int_equal(done(&m), MANY);
	assert_int_equal(m.rows[1].newcomer.made.state, DEVICE_REGISTERED);
	assert_int_equal(count("credential"), creds + 1); /* the pre-shared key */
	OK(tally_check(*state));
}

/* Nothing has come of what something speaks against, not even an event; all others are done. */
static void test_many_some(void **state)
{
	const struct device_fields careful = { .group = "careful" };
	SCOPED(device_group) g = { 0 };
	SCOPED(many) m = { 0 };
	long long events;

	OK(group_add(*state, "careful", "{\"approve\": true}", &g));
	office_add_device(*state, "m-1", NULL);
	make_many(&m);
	m.rows[2].request.csr = bytes_of("no request");
	m.rows[3].newcomer.fields = &careful;
	events = count("event WHERE outcome = 'refused'");
	cred_issue_newcomers(*state, m.rows, MANY);
	assert_int_equal(done(&m), 2);
	assert_true(m.rows[0].done && m.rows[4].done);
	assert_int_equal(count("device"), 3);
	assert_int_equal(count("event WHERE outcome = 'refused'"), events);
	OK(tally_check(*state));
}

/* One transaction: what fails in it at the last takes all with it. */
static void test_many_undone(void **state)
{
	SCOPED(many) m = { 0 };
	SCOPED(many) again = { 0 };
	long long creds = count("credential"), events = count("event");

	office_trigger(office_db, "no_last", "BEFORE INSERT ON device",
		       office_on_postgres() ? "IF NEW.device_id = 'm-4' THEN RAISE EXCEPTION 'no'; END IF"
					    : "SELECT RAISE(ABORT, 'no') WHERE NEW.device_id = 'm-4'");
	make_many(&m);
	cred_issue_newcomers(*state, m.rows, MANY);
	office_trigger_drop(office_db, "no_last");
	assert_int_equal(done(&m), 0);
	assert_int_equal(count("device"), 0);
	assert_int_equal(count("credential"), creds);
	assert_int_equal(count("event"), events);
	OK(tally_check(*state));
	make_many(&again);
	cred_issue_newcomers(*state, again.rows, MANY);
	assert_int_equal(done(&again), MANY);
}

/* The second of a key, and the second of an id, are seen in the transaction at the latest. */
static void test_many_twins(void **state)
{
	SCOPED(many) key = { 0 };
	SCOPED(many) id = { 0 };

	make_many(&key);
	for (size_t i = 3; i < MANY; i++) {
		buf_reset(&key.csrs[i]);
		office_csr(office_ec, key.ids[i], &key.csrs[i]);
		key.rows[i].request.csr = buf_bytes(&key.csrs[i]);
	}
	cred_issue_newcomers(*state, key.rows, MANY);
	assert_int_equal(done(&key), 0);
	make_many(&id);
	id.rows[3].request.device = "m-2";
	buf_reset(&id.csrs[3]);
	office_csr(office_ec, "m-2", &id.csrs[3]);
	id.rows[3].request.csr = buf_bytes(&id.csrs[3]);
	cred_issue_newcomers(*state, id.rows, MANY);
	assert_int_equal(done(&id), 0);
	assert_int_equal(count("device"), 0);
	OK(tally_check(*state));
}

enum inro_err __real_core_write_alone(struct core *c, core_work_fn *work, void *arg);
enum inro_err __wrap_core_write_alone(struct core *c, core_work_fn *work, void *arg);

static bool lost; /* the answer to the next one, which is done */

enum inro_err __wrap_core_write_alone(struct core *c, core_work_fn *work, void *arg)
{
	enum inro_err e = __real_core_write_alone(c, work, arg);

	if (e != INRO_OK || !lost)
		return e;
	lost = false;
	return err_set(INRO_E_IO, "the connection was lost while it was being committed");
}

/* Where nobody knows whether the commit was, that is said of all it was for, and of no others. */
static void test_many_unsure(void **state)
{
	SCOPED(many) m = { 0 };

	office_add_device(*state, "m-1", NULL);
	make_many(&m);
	lost = true;
	cred_issue_newcomers(*state, m.rows, MANY);
	assert_false(lost);
	assert_int_equal(done(&m), 0);
	assert_int_equal(count("device"), MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(m.rows[i].unsure, i != 1);
	newcomer_row_clear(&m.rows[0]);
	assert_false(m.rows[0].unsure);
}

/* What failed before the commit can be tried again. */
static enum inro_err fail_there(struct core *c, void *arg)
{
	(void)c;
	(void)arg;
	return err_set(INRO_E_IO, "a read failed");
}

static void test_many_not_begun(void **state)
{
	SCOPED(many) m = { 0 };

	make_many(&m);
	core_expect(*state, fail_there, NULL);
	cred_issue_newcomers(*state, m.rows, MANY);
	core_expect(*state, NULL, NULL);
	assert_int_equal(done(&m), 0);
	assert_int_equal(count("device"), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_false(m.rows[i].unsure);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_both), T(test_neither), T(test_undone), T(test_roles),
					    T(test_many), T(test_many_bare), T(test_many_some), T(test_many_undone),
					    T(test_many_twins), T(test_many_unsure), T(test_many_not_begun) };

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
