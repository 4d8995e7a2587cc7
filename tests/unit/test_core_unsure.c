/* test_core_unsure - a commit whose answer is lost: what may be on record has its key; lists of an earlier key, for
 * what comes on record later; and what another does between the checks and the transaction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/job.h"
#include "backoffice/core/provision.h"
#include "base/clock.h"
#include "base/cryptoki/cryptoki.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

enum inro_err __real_core_write(struct core *c, core_work_fn *work, void *arg);
enum inro_err __wrap_core_write(struct core *c, core_work_fn *work, void *arg);

static bool lost; /* the answer to the next one, which is done */
static bool away; /* the database, for the next one, which is not */

/* What somebody else does just before the next one. */
static void (*meanwhile)(struct core *other);
static struct core *somebody;

enum inro_err __wrap_core_write(struct core *c, core_work_fn *work, void *arg)
{
	void (*first)(struct core *other) = meanwhile;
	enum inro_err e;

	meanwhile = NULL;
	if (first)
		first(somebody);
	if (away) {
		away = false;
		return err_set(INRO_E_IO, "the database is away");
	}
	e = __real_core_write(c, work, arg);
	if (e != INRO_OK || !lost)
		return e;
	lost = false;
	return err_set(INRO_E_IO, "the connection was lost while it was being committed");
}

enum inro_err __real_ca_load(struct core *c, const char *name, struct ca *ret);
enum inro_err __wrap_ca_load(struct core *c, const char *name, struct ca *ret);

static int busy_at; /* which one from now on finds the database away; 0: none */

enum inro_err __wrap_ca_load(struct core *c, const char *name, struct ca *ret)
{
	if (busy_at && --busy_at == 0)
		return err_set(INRO_E_BUSY, "the database is away");
	return __real_ca_load(c, name, ret);
}

static int setup(void **state)
{
	return office_setup(state, "unsure");
}

static void assert_works(struct core *c, const char *ca, size_t keys)
{
	SCOPED(buf) der = { 0 };
	struct crl_info info;

	assert_false(lost);
	assert_int_equal(office_count("line", CKO_PRIVATE_KEY), keys);
	OK(ca_crl(c, ca, 0, &der, &info));
}

static void test_ca(void **state)
{
	const struct ca_request r = { .name = "new", .subject = "CN=New", .token = "line", .label = office_label };
	const struct ca_rollover next = { .name = "new", .token = "line" };
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	SCOPED(ca_view) v = { 0 };

	lost = true;
	FAILS(INRO_E_IO, ca_create(*state, &r, &v));
	assert_works(*state, "new", keys + 1);
	lost = true;
	FAILS(INRO_E_IO, ca_rollover(*state, &next, &v));
	assert_works(*state, "new", keys + 2);
	assert_int_equal(office_ask(office_db, "SELECT max(generation) FROM ca"), 2);
}

static void test_device(void **state)
{
	const struct provision_request p = {
		.device = "dev-1", .token = "line", .ca = "issuing", .profile = "tls-client", .label = office_label
	};
	const struct cred_renewal how = { .new_key = true };
	size_t keys = office_count("line", CKO_PRIVATE_KEY);
	SCOPED(device) d = { 0 };
	SCOPED(provision_result) cut = { 0 };
	SCOPED(provision_result) done = { 0 };
	SCOPED(cred) out = { 0 };
	char ref[32];

	OK(device_add(*state, "dev-1", NULL, &d));
	lost = true;
	FAILS(INRO_E_IO, device_provision(*state, &p, &cut));
	OK(device_provision(*state, &p, &done)); /* goes on from there */
	assert_works(*state, "issuing", keys + 1);
	snprintf(ref, sizeof ref, "id:%lld", (long long)done.cert.rec.id);
	lost = true;
	FAILS(INRO_E_IO, cred_renew(*state, ref, &how, &out));
	assert_works(*state, "issuing", keys + 2);
}

/* A CA that an earlier key of ours certified, on record long after. */
static void test_comes_later(void **state)
{
	const struct ca_request plant = {
		.name = "plant", .subject = "CN=Plant", .token = "line", .label = office_label, .external = true
	};
	const struct ca_rollover next = { .name = "root", .token = "line" };
	struct cred_request r = { .ca = "root", .profile = "sub-ca" };
	struct ca_activation in = { 0 };
	char sql[160];
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) rolled = { 0 };
	SCOPED(ca_view) done = { 0 };
	SCOPED(cred) made = { 0 };

	OK(ca_create(*state, &plant, &v));
	r.csr = blob_bytes(&v.rec.csr);
	OK(ca_certify(*state, &r, &made));
	OK(ca_rollover(*state, &next, &rolled));
	snprintf(sql, sizeof sql, "UPDATE credential SET fingerprint = NULL WHERE id = %lld", (long long)made.rec.id);
	office_sql(office_db, sql);
	snprintf(sql, sizeof sql, "UPDATE credential SET serial = key_hash WHERE id = %lld", (long long)made.rec.id);
	office_sql(office_db, sql);
	snprintf(sql, sizeof sql, "UPDATE ca_generation SET needed_until = %lld", (long long)clock_now() + 100);
	office_sql(office_db, sql);
	in.cert = blob_bytes(&made.rec.cert);
	OK(ca_activate(*state, "plant", &in, &done));
	assert_int_equal(office_ask(office_db, "SELECT needed_until FROM ca_generation"), made.rec.not_after);
}

static enum inro_err activate_while(struct core *c, const char *name, const struct blob *csr,
				    void (*what)(struct core *other))
{
	const struct cred_request r = { .ca = "root", .profile = "sub-ca", .csr = blob_bytes(csr) };
	SCOPED(cred) made = { 0 };
	SCOPED(ca_view) done = { 0 };
	struct ca_activation in = { 0 };
	enum inro_err e;

	OK(ca_certify(c, &r, &made));
	in.cert = blob_bytes(&made.rec.cert);
	somebody = office_open(office_db);
	meanwhile = what;
	e = ca_activate(c, name, &in, &done);
	assert_null(meanwhile);
	core_close(somebody);
	return e;
}

static void create_plant(struct core *c, const char *suffix, struct ca_view *ret)
{
	char label[64];
	const struct ca_request r = {
		.name = "plant", .subject = "CN=Plant", .token = "line", .label = label, .external = true
	};

	snprintf(label, sizeof label, "%s-%s", office_label, suffix);
	OK(ca_create(c, &r, ret));
}

static void roll_plant(struct core *c, const char *suffix)
{
	char label[64];
	const struct ca_rollover r = { .name = "plant", .token = "line", .label = label, .external = true };
	SCOPED(ca_view) v = { 0 };

	snprintf(label, sizeof label, "%s-%s", office_label, suffix);
	OK(ca_rollover(c, &r, &v));
}

/* The row may get the number of the one that is gone. */
static void plant_anew(struct core *c)
{
	SCOPED(ca_view) v = { 0 };

	office_sql(office_db, "DELETE FROM ca WHERE name = 'plant'");
	create_plant(c, "again", &v);
}

static void next_anew(struct core *c)
{
	SCOPED(ca_view) v = { 0 };

	OK(ca_move(c, "plant", VERB_CANCEL, NULL, &v));
	roll_plant(c, "next-again");
}

static void next_request(struct core *c, struct blob *ret)
{
	SCOPED(ca_keys) keys = { 0 };

	OK(ca_keys(c, "plant", &keys));
	for (size_t i = 0; i < keys.n; i++)
		if (keys.items[i].rec.csr.n && !keys.items[i].rec.cert.n)
			OK(blob_set(ret, blob_bytes(&keys.items[i].rec.csr)));
	assert_int_not_equal(ret->n, 0);
}

/* The certificate of a key that was given up meanwhile is not recorded for the one that waits now. */
static void test_activated_meanwhile(void **state)
{
	struct core *c = *state;
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) now = { 0 };
	SCOPED(blob) csr = { 0 };

	create_plant(c, "first", &v);
	FAILS(INRO_E_STATE, activate_while(c, "plant", &v.rec.csr, plant_anew));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "waits for another certificate meanwhile"));
	OK(ca_get(c, "plant", &now));
	assert_int_equal(now.rec.state, CA_PENDING);
	OK(activate_while(c, "plant", &now.rec.csr, NULL));
	roll_plant(c, "next");
	next_request(c, &csr);
	FAILS(INRO_E_STATE, activate_while(c, "plant", &csr, next_anew));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "waits for another certificate meanwhile"));
	assert_int_equal(office_ask(office_db, "SELECT max(generation) FROM ca"), 1);
	blob_clear(&csr);
	next_request(c, &csr);
	OK(activate_while(c, "plant", &csr, NULL));
	assert_int_equal(office_ask(office_db, "SELECT max(generation) FROM ca"), 2);
}

static bool cancel_and_go(void *job)
{
	SCOPED(job) now = { 0 };

	OK(job_cancel(somebody, *(const int64_t *)job, "enough", &now));
	away = true;
	return false;
}

/* It is cancelled, and no word of it can be written behind that: nobody gave up on a PIN. */
static void test_cancelled_and_away(void **state)
{
	struct core *c = *state;
	const struct job_arg all = { "where", "" };
	SCOPED(job) made = { 0 };
	SCOPED(job) ran = { 0 };
	const struct job_watch w = { .ends = cancel_and_go, .arg = &made.id };

	office_add_device(c, "dev-c", NULL);
	OK(job_start(c, &(const struct job_order) { "disable", &all, 1 }, &made));
	somebody = office_open(office_db);
	FAILS(INRO_E_CANCELLED, job_run(c, made.id, &w, &ran));
	assert_non_null(strstr(err_detail(INRO_E_CANCELLED), "was cancelled"));
	away = false;
	core_close(somebody);
}

/* A database that goes while a list gets its number: the work is done again, by the key that it was begun with. */
static void test_away_for_a_moment(void **state)
{
	struct core *c = *state;
	int begun;

	for (begun = 1; begun < 20; begun++) {
		SCOPED(buf) der = { 0 };
		struct crl_info info;
		enum inro_err e;

		busy_at = begun;
		e = ca_crl(c, "issuing", 0, &der, &info);
		if (e != INRO_OK)
			assert_int_equal(e, INRO_E_BUSY); /* outside a transaction nothing is tried again */
		if (busy_at)
			break;
	}
	busy_at = 0;
	assert_in_range(begun, 3, 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ca, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_device, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_comes_later, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_activated_meanwhile, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_cancelled_and_away, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_away_for_a_moment, setup, office_teardown),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
