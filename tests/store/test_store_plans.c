/* test_store_plans - tables are counted for the server before many of their rows are asked for; see store_survey(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/store/store.h"
#include "tests/lib/postgres.h"
#include "tests/lib/stores.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define MANY  2000 /* more than 16 pages of them */

static bool is_postgres(const struct fixture *f)
{
	return strcmp(f->kind->name, "postgres") == 0;
}

static long long ask(const struct fixture *f, const char *sql)
{
	char name[32];

	snprintf(name, sizeof name, "store_%u", f->number);
	return postgres_sql(name, sql);
}

/* Devices that the server has counted, which counts for nobody else here; -1: it never did. */
static long long counted(const struct fixture *f)
{
	return ask(f, "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_stats WHERE tablename = 'device') THEN "
		      "(SELECT reltuples::bigint FROM pg_class WHERE relname = 'device') ELSE -1 END");
}

static void add_many(struct store *s, long from, long n)
{
	OK(store_begin(s, STORE_WRITE));
	store_defer(s);
	for (long i = from; i < from + n; i++) {
		char id[32];
		struct device d;

		snprintf(id, sizeof id, "dev-%ld", i);
		d = a_device(id);
		OK(store_insert(s, &d));
		device_clear(&d);
	}
	OK(store_commit(s));
}

static void test_counted(void **state)
{
	const struct fixture *f = *state;

	add_many(f->s, 0, MANY);
	if (is_postgres(f))
		assert_int_equal(counted(f), -1);
	store_survey(f->s);
	assert_int_equal(count_devices(f->s), MANY);
	if (!is_postgres(f))
		return;
	assert_int_equal(counted(f), MANY);
	assert_int_equal(ask(f, "SELECT count(*) FROM pg_stats WHERE tablename = 'tenant'"), 0);
}

/* What others have in the schema is theirs to count, however much it is. */
static void test_of_others(void **state)
{
	const struct fixture *f = *state;

	if (!is_postgres(f))
		return;
	(void)ask(f, "CREATE TABLE theirs AS SELECT i, 'of others' AS what FROM generate_series(1, 50000) i");
	add_many(f->s, 0, MANY);
	store_survey(f->s);
	assert_int_equal(counted(f), MANY);
	assert_int_equal(ask(f, "SELECT count(*) FROM pg_stats WHERE tablename = 'theirs'"), 0);
	(void)ask(f, "DROP TABLE theirs");
}

/* Not for each row more. */
static void test_grown(void **state)
{
	const struct fixture *f = *state;

	if (!is_postgres(f))
		return;
	add_many(f->s, 0, MANY);
	store_survey(f->s);
	add_many(f->s, MANY, MANY / 2);
	store_survey(f->s);
	assert_int_equal(counted(f), MANY);
	add_many(f->s, MANY * 2, MANY);
	store_survey(f->s);
	assert_int_equal(counted(f), MANY * 5 / 2);
}

/* Whoever writes much has no need to ask for it. */
static void test_written(void **state)
{
	const struct fixture *f = *state;

	add_many(f->s, 0, MANY);
	add_many(f->s, MANY, 1);
	if (is_postgres(f))
		assert_in_range(counted(f), MANY, MANY + 1);
}

/* The page of a search, as jobs walk them, is read by the index of numbers and not by all rows of the tenant. */
static void test_page(void **state)
{
	const struct fixture *f = *state;

	if (!is_postgres(f))
		return;
	add_many(f->s, 0, MANY * 2);
	store_survey(f->s);
	(void)ask(f, "CREATE FUNCTION plan(q TEXT) RETURNS BIGINT LANGUAGE plpgsql AS 'DECLARE line TEXT; sorts BIGINT := 0; "
		     "BEGIN FOR line IN EXECUTE ''EXPLAIN '' || q LOOP IF line LIKE ''%Sort%'' THEN sorts := sorts + 1; END IF; "
		     "END LOOP; RETURN sorts; END'");
	assert_int_equal(ask(f, "SELECT plan('SELECT * FROM device WHERE tenant = 1 AND id < 4001 AND id > 500 ORDER BY id "
				"LIMIT 501')"),
			 0);
}

static void test_in_transaction(void **state)
{
	const struct fixture *f = *state;
	SCOPED(device) d = { 0 };

	add_many(f->s, 0, MANY);
	OK(store_begin(f->s, STORE_READ));
	store_survey(f->s);
	OK(store_get(f->s, 1, &d));
	OK(store_commit(f->s));
	if (is_postgres(f))
		assert_int_equal(counted(f), -1);
}

/* Nobody is told, and the next question finds the server again. */
static void test_crash(void **state)
{
	const struct fixture *f = *state;

	if (!is_postgres(f))
		return;
	add_many(f->s, 0, MANY);
	postgres_crash();
	assert_int_equal(err_set(INRO_E_STATE, "what was said before"), INRO_E_STATE);
	store_survey(f->s);
	assert_string_equal(err_detail(INRO_E_STATE), "what was said before");
	assert_int_equal(count_devices(f->s), MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stores_setup, stores_teardown)
		TEST(test_counted), TEST(test_of_others), TEST(test_grown),	      TEST(test_written),
		TEST(test_page),    TEST(test_in_transaction), TEST(test_crash),
	};

	return stores_run(tests, ARRAY_LEN(tests));
}
