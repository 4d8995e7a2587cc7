/* test_core_errand - what devices are asked to do: once while it is open, theirs alone to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/device.h"
#include "backoffice/core/errand.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/network.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static char db[32];

static int setup(void **state)
{
	static unsigned n;
	struct core *c;
	char id[16];

	snprintf(db, sizeof db, "errand-%u.db", n++);
	c = office_open(db);
	for (int i = 1; i <= 3; i++) {
		SCOPED(device) d = { 0 };

		snprintf(id, sizeof id, "dev-%d", i);
		OK(device_add(c, id, NULL, &d));
	}
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static int64_t send_one(struct core *c, const char *device, enum errand_verb verb, const char *name)
{
	SCOPED(errand) e = { 0 };

	OK(errand_add(c, device, verb, name, &e));
	assert_int_equal(e.state, ERRAND_OPEN);
	return e.id;
}

static void be_device(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };
	struct core_who who = { .role = ROLE_DEVICE };

	OK(device_get(c, id, &d));
	who.tenant = d.tenant;
	who.device = d.id;
	snprintf(who.actor, sizeof who.actor, "device:%s", id);
	OK(core_become(c, &who));
}

static size_t open_of(struct core *c, const char *device)
{
	SCOPED(errand_list) l = { 0 };

	OK(errand_find(c, device, true, NULL, &l));
	return l.n;
}

static void once_while_open(void **state)
{
	struct core *c = *state;
	int64_t first = send_one(c, "dev-1", ERRAND_RUN, "hello");
	SCOPED(errand) e = { 0 };

	assert_int_equal(send_one(c, "dev-1", ERRAND_RUN, "hello"), first);
	assert_int_not_equal(send_one(c, "dev-1", ERRAND_RUN, "other"), first);
	assert_int_not_equal(send_one(c, "dev-2", ERRAND_RUN, "hello"), first);
	assert_int_equal(open_of(c, "dev-1"), 2);
	OK(errand_cancel(c, first, &e));
	assert_int_equal(e.state, ERRAND_CANCELLED);
	assert_int_not_equal(send_one(c, "dev-1", ERRAND_RUN, "hello"), first);
	assert_true(office_ask(db, "SELECT count(*) FROM event WHERE action = 'device.errand'") == 4);
}

static void refused(void **state)
{
	struct core *c = *state;
	struct errand e = { 0 };

	assert_int_equal(errand_add(c, "nobody", ERRAND_RENEW, NULL, &e), INRO_E_NOT_FOUND);
	assert_int_equal(errand_add(c, "dev-1", ERRAND_RENEW, "name", &e), INRO_E_ARG);
	assert_int_equal(errand_add(c, "dev-1", ERRAND_RUN, NULL, &e), INRO_E_ARG);
	assert_int_equal(errand_add(c, "dev-1", ERRAND_RUN, "rm -rf /", &e), INRO_E_ARG);
	assert_int_equal(errand_add(c, "dev-1", ERRAND_VERB__MAX, NULL, &e), INRO_E_ARG);
	assert_int_equal(errand_cancel(c, 4711, &e), INRO_E_NOT_FOUND);
	/* nobody ends what a device is to do but the device */
	assert_int_equal(errand_end(c, send_one(c, "dev-1", ERRAND_RENEW, NULL), true, "", &e),
			 INRO_E_ACCESS);
	assert_int_equal(open_of(c, NULL), 1);
}

static void by_search(void **state)
{
	struct core *c = *state;
	size_t n;

	OK(errand_add_where(c, "id=dev-1", ERRAND_RENEW, NULL, &n));
	assert_int_equal(n, 1);
	OK(errand_add_where(c, "", ERRAND_RENEW, NULL, &n));
	assert_int_equal(n, 3);
	assert_int_equal(open_of(c, NULL), 3);
	assert_int_equal(errand_add_where(c, "no such words", ERRAND_RENEW, NULL, &n), INRO_E_ARG);
}

static void ended_by_its_device(void **state)
{
	struct core *c = *state;
	int64_t mine = send_one(c, "dev-1", ERRAND_RENEW, NULL);
	int64_t others = send_one(c, "dev-2", ERRAND_RENEW, NULL);
	SCOPED(errand_list) l = { 0 };
	struct errand e = { 0 };

	be_device(c, "dev-1");
	OK(errand_own(c, &l));
	assert_int_equal(l.n, 1);
	assert_int_equal(l.items[0].id, mine);
	assert_int_equal(errand_end(c, others, true, "", &e), INRO_E_NOT_FOUND);
	assert_int_equal(errand_end(c, mine, true, "a\nb", &e), INRO_E_ARG);
	OK(errand_end(c, mine, false, "it did not work", &e));
	assert_int_equal(e.state, ERRAND_FAILED);
	assert_string_equal(e.answer, "it did not work");
	errand_clear(&e);
	OK(errand_end(c, mine, false, "again", &e)); /* an answer that was lost */
	assert_string_equal(e.answer, "it did not work");
	errand_clear(&e);
	assert_int_equal(errand_end(c, mine, true, "", &e), INRO_E_STATE);
	assert_int_equal(errand_add(c, "dev-1", ERRAND_RENEW, NULL, &e), INRO_E_ACCESS);
}

/* What waits is handed out in parts: the oldest first, the others when those are ended. */
static void many_open(void **state)
{
	struct core *c = *state;
	SCOPED(errand_list) first = { 0 };
	SCOPED(errand_list) then = { 0 };
	struct errand e = { 0 };
	char name[16];
	int64_t oldest = 0;

	for (int i = 0; i <= ERRANDS_OWN_MAX; i++) {
		int64_t id;

		snprintf(name, sizeof name, "run-%d", i);
		id = send_one(c, "dev-1", ERRAND_RUN, name);
		oldest = i ? oldest : id;
	}
	be_device(c, "dev-1");
	OK(errand_own(c, &first));
	assert_int_equal(first.n, ERRANDS_OWN_MAX);
	assert_int_equal(first.items[0].id, oldest);
	assert_int_not_equal(first.next, 0);
	OK(errand_end(c, oldest, true, "", &e));
	errand_clear(&e);
	OK(errand_own(c, &then));
	assert_int_equal(then.n, ERRANDS_OWN_MAX);
	assert_int_not_equal(then.items[0].id, oldest);
	assert_int_equal(then.next, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(once_while_open, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(by_search, setup, teardown),
		cmocka_unit_test_setup_teardown(ended_by_its_device, setup, teardown),
		cmocka_unit_test_setup_teardown(many_open, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
