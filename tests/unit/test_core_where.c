/* test_core_where - searches of devices: conditions, orders, cursors, pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/where.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static char db[32];

static int setup(void **state)
{
	static unsigned n;

	snprintf(db, sizeof db, "where-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static void fill(struct core *c)
{
	static const char *const groups[] = { NULL, "a", "a/b" };
	char id[16], name[32], mac[18];

	office_add_group(c, "a", NULL);
	office_add_group(c, "a/b", NULL);
	for (int i = 0; i < 60; i++) {
		const struct device_fields f = { .group = groups[i % 3],
						 .name = name,
						 .mac = mac,
						 .ip = i == 3	? "2001:DB8:0::A"
						       : i == 4 ? "::FFFF:1.2.3.4"
								: NULL,
						 .os = i % 2 ? "Windows CE" : "Linux",
						 .serial = i % 5 ? NULL : "17" };

		snprintf(id, sizeof id, "dev-%02d", 59 - i);
		snprintf(name, sizeof name, "%s %d", i < 30 ? "pump" : "プレス", i / 2);
		snprintf(mac, sizeof mac, "00:11:22:33:44:%02x", i);
		office_add_device(c, id, &f);
	}
}

/* Pages of this size until there is no more; how many rows they had. */
static size_t search(struct core *c, const char *where, const char *sort, size_t limit)
{
	struct device_search s = { .where = where, .sort = sort, .limit = limit };
	AUTO(free_chars) char *cursor = NULL;
	char last[256] = "";
	size_t seen = 0;

	do {
		SCOPED(device_found) found = { 0 };

		s.after = cursor;
		OK(device_search(c, &s, &found));
		assert_true(found.n <= limit);
		seen += found.n;
		for (size_t i = 0; i < found.n; i++) {
			if (sort)
				assert_true(strcmp(last, found.items[i].name) <= 0);
			snprintf(last, sizeof last, "%s", found.items[i].name);
		}
		free(cursor);
		cursor = found.next;
		found.next = NULL;
	} while (cursor);
	return seen;
}

/* How many a search has by being counted in the database. */
static size_t counted(struct core *c, const char *text)
{
	const struct store_cond live = { .field = "state", .op = STORE_NE, .number = DEVICE_DELETED };
	SCOPED(where) w = { 0 };
	int64_t n = 0;

	OK(where_parse(c, &where_devices, text, &w));
	if (!where_has(&w, "state") && !where_has(&w, "deleted_ms"))
		OK(where_add(&w, live));
	OK(where_count(c, &w, &n));
	return (size_t)n;
}

static const struct {
	const char *where;
	size_t n;
} searches[] = {
	{ "", 59 },
	{ NULL, 59 },
	{ "group=a", 20 },
	{ "group=a/b", 19 },
	{ "group^=a", 39 },
	{ "group=", 20 },
	{ "group!=", 39 },
	{ "group!=a", 39 },
	{ "group=a state=registered", 19 },
	{ "group=a state=disabled", 1 },
	{ "state=deleted", 1 },
	{ "state!=disabled", 59 }, /* what names states has the deleted ones too */
	{ "name^=pump", 30 },
	{ "name^=プレ", 29 },
	{ "  name^=pump   os=Linux ", 15 },
	{ "os=\"Windows CE\"", 29 },
	{ "os!=\"Windows CE\" name^=\"pump 1\"", 6 },
	{ "id=dev-07", 1 },
	{ "id>=dev-50", 10 },
	{ "id<dev-50 mac^=00:11", 49 },
	{ "mac=00:11:22:33:44:03", 1 },
	{ "mac=00-11-22-33-44-0A", 1 },
	{ "id<dev-50 mac^=00-11", 49 },
	{ "ip=2001:0DB8:0:0::a", 1 },
	{ "ip=::ffff:102:304", 1 },
	{ "serial=17", 12 },
	{ "serial=17 group=a", 4 },
	{ "serial=", 47 },
	{ "serial!=", 12 },
	{ "serial!=17", 47 },
	{ "serial<2", 12 }, /* none is not the least */
	{ "group!=a serial!=17", 31 },
	{ "created>=-1d", 59 },
	{ "created<-1d", 0 },
	{ "created<2w created>=2026-01-01", 59 },
	{ "deleted>=-1d", 1 },
	{ "anchor=none", 59 },
	{ "name=\"'; DROP TABLE device; --\"", 0 },
	{ "name^=%", 0 },
};

/* Bounds that no search by words has, but what is added in code may. */
static void test_bounds(void **state)
{
	static const struct {
		enum store_op op;
		size_t n;
	} bounds[] = { { STORE_LE, 11 }, { STORE_GT, 49 }, { STORE_LT, 10 }, { STORE_GE, 50 } };
	struct core *c = *state;

	fill(c);
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		const struct store_cond cond = { .field = "device_id",
						 .op = bounds[i].op,
						 .text = "dev-10" };
		const struct where_page page = { .limit = 100 };
		SCOPED(where) w = { 0 };
		AUTO(free_chars) char *next = NULL;
		void *items = NULL;
		size_t n = 0;

		OK(where_parse(c, &where_devices, NULL, &w));
		OK(where_add(&w, cond));
		OK(where_find(c, &w, &page, &items, &n, &next));
		assert_int_equal(n, bounds[i].n);
		list_free(&device_type, items, n);
	}
}

static void test_search(void **state)
{
	static const size_t limits[] = { 1, 7, 59, 60, 1000 };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	size_t n;

	fill(c);
	OK(device_switch(c, "dev-58", VERB_DISABLE, NULL, &d)); /* in a */
	OK(device_delete(c, "dev-00", NULL, &n));
	for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
		n = counted(c, searches[i].where);
		if (n != searches[i].n)
			fail_msg("'%s' counts %zu, not %zu", searches[i].where, n, searches[i].n);
		for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
			n = search(c, searches[i].where, NULL, limits[k]);
			if (n != searches[i].n)
				fail_msg("'%s' by %zu found %zu, not %zu", searches[i].where,
					 limits[k], n, searches[i].n);
		}
	}
	assert_int_equal(search(c, "os=Linux", "name", 4), 30);
	assert_int_equal(search(c, "name^=pump group=a", "name", 3), 10);
}

static void test_bad_searches(void **state)
{
	static const struct {
		const char *where, *says;
	} bad[] = {
		{ "colour=red", "host, os" },	  { "=x", "fields" },
		{ "name", "behind 'name'" },	  { "name~x", "fields" },
		{ "name>x", "behind 'name'" },	  { "state=alive", "registered, active" },
		{ "state<active", "= and !=" },	  { "state^=active", "= and !=" },
		{ "group<a", "=, != and ^=" },	  { "group=nobody", "nobody" },
		{ "group^=nobody", "nobody" },	  { "group=a b", "" },
		{ "created=1d", "< and >=" },	  { "created<1y", "2026" },
		{ "created<2026-02-31", "2026" }, { "created<2026-13-01", "2026" }, { "created<99999999999999999999d", "2026" },
		{ "name=\"open", "quote" },	  { "name=\"a\"b", "quote" },
		{ "created<\" 1d\"", "2026" },	  { "created<+1d", "2026" },
		{ "created<\" 2026-02-01\"", "2026" },
		{ "name=\xff", "UTF-8" },
	};
	struct device_search s = { 0 };
	struct core *c = *state;
	SCOPED(device_found) found = { 0 };
	char many[STORE_COND_MAX * 8 + 1] = "";

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		enum inro_err e;

		s.where = bad[i].where;
		e = device_search(c, &s, &found);
		assert_int_not_equal(e, INRO_OK);
		if (i && !strstr(err_detail(e), bad[i].says))
			fail_msg("'%s' is refused with '%s'", bad[i].where, err_detail(e));
	}
	for (int i = 0; i < STORE_COND_MAX; i++)
		strcat(many, "name!=a ");
	s.where = many;
	FAILS(INRO_E_TOO_BIG, device_search(c, &s, &found));
	s = (struct device_search) { .sort = "os" };
	FAILS(INRO_E_ARG, device_search(c, &s, &found));
	s = (struct device_search) { .limit = PAGE_MAX + 1 };
	FAILS(INRO_E_ARG, device_search(c, &s, &found));
}

/* Digits that are no number of 63 bits are not taken for the greatest one. */
static void test_numbers(void **state)
{
	static const char *const bad[] = { "id=9223372036854775808", "id<99999999999999999999", "id=-1", "id=+1", "id=\"\t1\"",
					   "id=", "id=1x" };
	struct core *c = *state;
	SCOPED(where) good = { 0 };

	OK(where_parse(c, &where_events, "id<9223372036854775807", &good));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		SCOPED(where) w = { 0 };
		enum inro_err e = where_parse(c, &where_events, bad[i], &w);

		if (e != INRO_E_ARG || !strstr(err_detail(e), "0 to 9223372036854775807"))
			fail_msg("%s: %s", bad[i], err_detail(e));
	}
}

/* As where.c writes one. */
static char *forged(const char *order, struct bytes text, uint64_t number, uint64_t id)
{
	SCOPED(buf) raw = { 0 };
	SCOPED(buf) hex = { 0 };

	buf_add_field(&raw, bytes_of(order));
	buf_add_field(&raw, text);
	buf_add_u64(&raw, number);
	buf_add_u64(&raw, id);
	buf_add_hex(&hex, buf_bytes(&raw));
	return buf_take_str(&hex);
}

/* No database sees what can't be in one. */
static void test_forged_cursors(void **state)
{
	static const struct {
		struct bytes text;
		uint64_t number, id;
		bool good;
	} rows[] = {
		{ BYTES_LIT("name"), 0, 1, true },
		{ BYTES_LIT("\xff"), 0, 1, false },
		{ BYTES_LIT("n\xc3"), 0, 1, false },
		{ BYTES_LIT("a\0b"), 0, 1, false },
		{ BYTES_LIT("a\nb"), 0, 1, true },
		{ BYTES_LIT("a\0"), 0, 1, false },
		{ BYTES_LIT("name"), 0, 0, false },
		{ BYTES_LIT("name"), 0, UINT64_MAX, false },
		{ BYTES_LIT("name"), UINT64_MAX, INT64_MAX, true }, /* no number is in this order's places */
	};
	struct core *c = *state;

	fill(c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(free_chars) char *cursor = forged("name", rows[i].text, rows[i].number, rows[i].id);
		const struct device_search s = { .limit = 3, .sort = "name", .after = cursor };
		SCOPED(device_found) found = { 0 };
		enum inro_err e = device_search(c, &s, &found);

		if (e != (rows[i].good ? INRO_OK : INRO_E_ARG))
			fail_msg("row %zu: %s", i, err_detail(e));
	}
}

/* What ended before 1970 has its place, too. */
static void test_place_before_1970(void **state)
{
	struct core *c = *state;
	AUTO(free_chars) char *cursor = forged("not_after", BYTES_NONE, (uint64_t)INT64_C(-86400), 1);
	const struct cred_search s = { .limit = 3, .where = "state=active", .sort = "expires", .after = cursor };
	SCOPED(cred_found) found = { 0 };

	OK(cred_search(c, &s, &found));
}

static void test_cursors(void **state)
{
	static const char *const bad[] = { "x", "00", "ff", "000000000000000000", "\xff" };
	struct core *c = *state;
	struct device_search s = { .limit = 3 };
	SCOPED(device_found) first = { 0 };
	SCOPED(device_found) other = { 0 };
	char *huge = malloc(65537);

	fill(c);
	OK(device_search(c, &s, &first));
	assert_int_equal(first.n, 3);
	assert_non_null(first.next);
	s.sort = "name"; /* a cursor of another order */
	s.after = first.next;
	FAILS(INRO_E_ARG, device_search(c, &s, &other));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		s.after = bad[i];
		FAILS(INRO_E_ARG, device_search(c, &s, &other));
	}
	assert_non_null(huge);
	memset(huge, '0', 65536);
	huge[65536] = 0;
	s.after = huge;
	FAILS(INRO_E_ARG, device_search(c, &s, &other));
	free(huge);
}

/* More rows than one page looks at, none of which is wanted. */
static void test_short_pages(void **state)
{
	struct device_search s = { .where = "os=Solaris" };
	struct core *c = *state;
	SCOPED(device_found) found = { 0 };
	char sql[400];

	office_add_device(c, "d", &(struct device_fields) { .os = "Linux" });
	for (int i = 0; i < 12; i++) {
		snprintf(sql, sizeof sql,
			 "INSERT INTO device (id, tenant, device_id, name, ip, mac, hostname, os, "
			 "state, created_ms, updated_ms) SELECT id + (SELECT max(id) FROM device), "
			 "tenant, device_id || '-%d', name, ip, mac, hostname, os, state, "
			 "created_ms, updated_ms FROM device",
			 i);
		office_sql(db, sql);
	}
	OK(device_search(c, &s, &found));
	assert_int_equal(found.n, 0);
	assert_non_null(found.next);
	assert_int_equal(search(c, "os=Solaris", NULL, 50), 0);
	assert_int_equal(search(c, "os=Linux", NULL, 1000), 4096);
}

/* By what an owner calls his own: texts, numbers, true and false. */
static void test_attributes(void **state)
{
	static const char *const attrs[] = { "{\"line\":\"B12\",\"hot\":true}", "{\"line\":7}",
					     "{\"line\":\"B1\"}", NULL };
	static const struct {
		const char *where;
		int64_t n;
	} asked[] = {
		{ "attr.line=B12", 1 },	  { "attr.line^=B1", 2 },  { "attr.line=7", 1 },
		{ "attr.hot=true", 1 },	  { "attr.line!=B12", 3 }, { "attr.line=", 1 },
		{ "attr.line!=", 3 },	  { "attr.lin=B12", 0 },   { "attr.line=b12", 0 },
		{ "attr.a.b=c", 0 },	  { "attr.line^=B attr.hot=true", 1 },
		{ "name=d0 attr.line=B12", 1 },
	};
	static const char *const bad[] = { "attr=B12", "attr.=B12", "attr.line<8", "attr.line", "attrs=x" };
	struct core *c = *state;
	char name[4];

	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		snprintf(name, sizeof name, "d%zu", i);
		office_add_device(c, name, &(struct device_fields) { .name = name, .attrs = attrs[i] });
	}
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		SCOPED(where) w = { 0 };
		int64_t n = -1;

		OK(where_parse(c, &where_devices, asked[i].where, &w));
		OK(where_count(c, &w, &n));
		if (n != asked[i].n || (int64_t)search(c, asked[i].where, NULL, 2) != n)
			fail_msg("'%s' finds %lld", asked[i].where, (long long)n);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		SCOPED(where) w = { 0 };

		FAILS(INRO_E_ARG, where_parse(c, &where_devices, bad[i], &w));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_search, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_searches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cursors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_cursors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_place_before_1970, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_pages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
