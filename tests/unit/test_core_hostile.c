/* test_core_hostile - hostile requests: each refused by one clear error, nothing changed but the
 * audit, alone and among good ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/bulk.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/profile_store.h"
#include "tests/lib/hostile.h"
#include "tests/lib/office.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define DB    "hostile.db"

static struct core *c;

static int setup(void **state)
{
	SCOPED(profile_version) v = { 0 };

	(void)state;
	office_tokens();
	c = office_open(DB);
	office_make_cas(c, "hostile");
	OK(profile_give(c, bytes_of(hostile_profile), "open.ini", PROFILE_NEW, &v));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_close(c);
	return 0;
}

static long long certificates(void)
{
	return office_ask(DB, "SELECT count(*) FROM credential");
}

static long long events(const char *outcome)
{
	char sql[128];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE outcome = '%s'", outcome);
	return office_ask(DB, sql);
}

static bool as_expected(const struct hostile *h, enum inro_err e, const char *detail)
{
	if (e == h->e && (!e || strstr(detail, h->says)))
		return true;
	print_error("%s: %s (%s)\n", h->name, err_name(e), e ? detail : "");
	return false;
}

static void test_each(void **state)
{
	const struct hostile *h;
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; (h = hostile_at(i)); i++) {
		struct cred_request r = { .ca = "issuing", .profile = "open" };
		long long had = certificates(), done = events("done"), refused = events("refused");
		SCOPED(buf) csr = { 0 };
		SCOPED(cred) cred = { 0 };
		enum inro_err e;

		h->make(h, &csr);
		r.csr = buf_bytes(&csr);
		e = cred_issue(c, &r, &cred);
		wrong += !as_expected(h, e, err_detail(e));
		assert_int_equal(certificates(), had + (e == INRO_OK));
		assert_int_equal(events("done"), done + (e == INRO_OK));
		assert_int_equal(events("refused"), refused + (e != INRO_OK));
		if (e == INRO_OK)
			assert_int_equal(office_verify(c, "issuing", &cred.rec.cert, BYTES_NONE),
					 0);
		else
			assert_true(strlen(err_detail(e)) > 0 && strlen(err_detail(e)) < 512);
	}
	assert_int_equal(wrong, 0);
}

static void test_all_in_one_run(void **state)
{
	const struct bulk_order order = { .ca = "issuing", .profile = "open" };
	AUTO(cred_bulk_close_ptr) struct cred_bulk *bulk = NULL;
	static struct bulk_row rows[BULK_MAX];
	static struct buf csrs[BULK_MAX];
	long long had = certificates();
	size_t n = 0, good = 0, wrong = 0;

	(void)state;
	for (; hostile_at(n); n++) {
		const struct hostile *h = hostile_at(n);

		h->make(h, &csrs[n]);
		rows[n] = (struct bulk_row) { .csr = buf_bytes(&csrs[n]), .name = h->name };
	}
	OK(cred_bulk_open(c, &order, &bulk));
	OK(cred_bulk_issue(bulk, rows, n));
	for (size_t i = 0; i < n; i++) {
		wrong += !as_expected(hostile_at(i), rows[i].error, rows[i].why ? rows[i].why : "");
		good += rows[i].error == INRO_OK;
		bulk_row_clear(&rows[i]);
		buf_clear(&csrs[i]);
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(certificates(), had + (long long)good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_all_in_one_run),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
