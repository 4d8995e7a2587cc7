/* test_core_reply - what was answered to a request with a key is answered again, and never done twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/reply.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static char db[32];

static int setup(void **state)
{
	const struct core_who who = { .tenant = 1, .actor = "inro", .role = ROLE_ADMIN };
	static unsigned n;
	struct core *c;

	snprintf(db, sizeof db, "reply-%u.db", n++);
	c = office_open(db);
	OK(core_become(c, &who));
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	clock_set_test(0);
	return 0;
}

static void begin(struct core *c, uint8_t mark, int64_t status, struct reply *ret)
{
	uint8_t hash[32] = { mark };
	enum inro_err e;

	reply_clear(ret);
	e = reply_begin(c, BYTES(hash, 32), BYTES(hash, 32), ret);
	if (e != INRO_OK)
		fail_msg("key %d is not begun: %s", mark, err_detail(e));
	assert_int_equal(ret->status, status);
}

static enum inro_err make(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };

	return device_add(c, id, NULL, &d);
}

/* Cut off before it changed anything it is done again, after that never. */
static void test_cut_off(void **state)
{
	struct core *c = *state;
	SCOPED(reply) r = { 0 };
	SCOPED(reply) again = { 0 };
	uint8_t hash[32] = { 1 };

	begin(c, 1, 0, &r);
	assert_int_equal(reply_begin(c, BYTES(hash, 32), BYTES(hash, 32), &again), INRO_E_BUSY);
	office_sql(db, "UPDATE reply SET created_ms = created_ms - 61000");
	begin(c, 1, 0, &again);
	/* who was thought to be gone goes on: nothing of his is done */
	reply_bind(c, &r);
	assert_int_equal(make(c, "cut-1"), INRO_E_STATE);
	reply_bind(c, &again);
	OK(make(c, "cut-1"));
	OK(make(c, "cut-2")); /* of the same request */
	reply_bind(c, NULL);
	office_sql(db, "UPDATE reply SET created_ms = created_ms - 61000");
	begin(c, 1, REPLY_BEGUN, &again);
	assert_int_equal(office_ask(db, "SELECT count(*) FROM device WHERE device_id LIKE 'cut-%'"), 2);
	/* a refusal is no beginning, and what was refused may be tried again */
	begin(c, 2, 0, &r);
	reply_bind(c, &r);
	assert_int_equal(make(c, "cut-1"), INRO_E_EXISTS);
	reply_bind(c, NULL);
	office_sql(db, "UPDATE reply SET created_ms = created_ms - 61000");
	begin(c, 2, 0, &again);
	reply_bind(c, &again);
	OK(make(c, "cut-3"));
	reply_bind(c, NULL);
	OK(reply_end(c, &again, 201, "application/json", bytes_of("{}")));
	/* who comes back late changes nothing of that */
	OK(reply_drop(c, &r));
	OK(reply_end(c, &r, 500, "text/plain", bytes_of("late")));
	begin(c, 2, 201, &again);
	assert_true(bytes_equal(blob_bytes(&again.body), bytes_of("{}")));
}

/* Only what has changed nothing is forgotten when it fails. */
static void test_failed(void **state)
{
	struct core *c = *state;
	SCOPED(reply) r = { 0 };
	SCOPED(reply) again = { 0 };

	begin(c, 1, 0, &r);
	OK(reply_drop(c, &r));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM reply"), 0);
	OK(reply_end(c, &r, 201, "application/json", bytes_of("{}")));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM reply"), 0);
	begin(c, 1, 0, &r);
	reply_bind(c, &r);
	OK(make(c, "failed-1"));
	reply_bind(c, NULL);
	OK(reply_drop(c, &r));
	office_sql(db, "UPDATE reply SET created_ms = created_ms - 61000");
	begin(c, 1, REPLY_BEGUN, &again);
}

static void test_purge_replies(void **state)
{
	static const uint8_t hash[32] = { 1 };
	struct core *c = *state;
	SCOPED(reply) r = { 0 };
	SCOPED(reply) again = { 0 };

	OK(reply_begin(c, BYTES(hash, 32), BYTES(hash, 32), &r));
	OK(reply_end(c, &r, 201, "application/json", bytes_of("{}")));
	OK(reply_purge(c));
	OK(reply_begin(c, BYTES(hash, 32), BYTES(hash, 32), &again));
	assert_int_equal(again.status, 201);
	clock_set_test(clock_now() + 2 * 86400);
	OK(reply_purge(c));
	assert_int_equal(office_ask(db, "SELECT count(*) FROM reply"), 0);
}

/* What a clock that was ahead has noted is nobody's answer for long, and stops nobody. */
static void test_clock_was_ahead(void **state)
{
	static const uint8_t hash[32] = { 1 }, other[32] = { 2 };
	struct core *c = *state;
	int64_t now = clock_now();
	SCOPED(reply) r = { 0 };
	SCOPED(reply) cut_off = { 0 };
	SCOPED(reply) again = { 0 };

	clock_set_test(now + 400 * 86400);
	OK(reply_begin(c, BYTES(hash, 32), BYTES(hash, 32), &r));
	OK(reply_end(c, &r, 201, "application/json", bytes_of("{}")));
	clock_set_test(now + 7200);
	OK(reply_begin(c, BYTES(other, 32), BYTES(other, 32), &cut_off));
	clock_set_test(now);
	begin(c, 1, 0, &again);
	begin(c, 2, 0, &again);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_cut_off), T(test_failed), T(test_purge_replies),
					    T(test_clock_was_ahead) };

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
