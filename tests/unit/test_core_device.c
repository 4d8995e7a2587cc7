/* test_core_device - the registry: what is taken, what is refused, what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/address.h"
#include "backoffice/core/device.h"
#include "backoffice/core/upkeep.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static const char *const odd_texts[] = {
	"'; DROP TABLE device; --",
	"プレス機一号",
	"\"quoted\" \\ back",
	"%_",
	"?1",
	"é́ß",
	"𝕏 印籠",
};

static int setup(void **state)
{
	static unsigned n;
	char db[32];

	snprintf(db, sizeof db, "device-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static void add(struct core *c, const char *id)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, NULL, &d));
	assert_string_equal(d.device_id, id);
	assert_int_equal(d.state, DEVICE_REGISTERED);
}

static void test_fields(void **state)
{
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(odd_texts); i++) {
		const struct device_fields f = { .name = odd_texts[i],
						 .ip = "2001:db8::7",
						 .mac = "00-1A-2b-33-44-55",
						 .hostname = odd_texts[i],
						 .os = odd_texts[i] };
		SCOPED(device) d = { 0 };
		SCOPED(device) back = { 0 };
		char id[16];

		snprintf(id, sizeof id, "dev-%zu", i);
		OK(device_add(c, id, &f, &d));
		OK(device_get(c, id, &back));
		assert_string_equal(back.name, odd_texts[i]);
		assert_string_equal(back.ip, "2001:db8::7");
		assert_string_equal(back.mac, "00:1a:2b:33:44:55");
		assert_string_equal(back.hostname, odd_texts[i]);
		assert_string_equal(back.os, odd_texts[i]);
		assert_true(back.created_ms > 0);
	}
}

static void test_addresses(void **state)
{
	static const struct device_fields bad[] = {
		{ .ip = "192.0.2.300" },	{ .ip = "192.0.2" },
		{ .ip = "2001:db8::g" },	{ .ip = "host" },
		{ .mac = "00:11:22:33:44" },	{ .mac = "00:11:22:33:44:5g" },
		{ .mac = "00:11-22:33:44:55" }, { .mac = "00112233445" },
	};
	const struct device_fields good = { .ip = "192.0.2.7", .mac = "00:11:22:33:44:55" };
	const struct device_fields none = { .ip = "", .mac = "" };
	struct core *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		SCOPED(device) d = { 0 };

		FAILS(INRO_E_ARG, device_add(c, "dev-1", &bad[i], &d));
	}
	SCOPED(device) d = { 0 };
	SCOPED(device) after = { 0 };
	OK(device_add(c, "dev-1", &good, &d));
	OK(device_update(c, "dev-1", &none, &after));
}

/* What an address counts as (address.h). */
static void test_networks(void **state)
{
	static const char *const rows[][2] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "64:ff9b::192.0.2.7", "192.0.2.7" },
		{ "64:ff9b::1:c000:207", "64:ff9b::/64" },
		{ "2001:db8::7", "2001:db8::/64" },
		{ "2001:DB8:0:1:2:3:4:5", "2001:db8:0:1::/64" },
		{ "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64" },
		{ "::1", "::/64" },
		{ "", "" },
		{ "unix", "unix" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff::/64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char net[ADDRESS_MAX];

		address_network(rows[i][0], net);
		assert_string_equal(net, rows[i][1]);
	}
}

static void test_ids(void **state)
{
	static const char *const good[] = { "a", "00000000ad", "A.b_c:d-e",
					    ("0123456789012345678901234567890123456789"
					     "012345678901234567890123") };
	static const char *const bad[] = { "",
					   "a b",
					   "a/b",
					   "a'b",
					   "..",
					   ".",
					   "プレス",
					   "a\nb",
					   ("0123456789012345678901234567890123456789"
					    "0123456789012345678901234") };
	struct core *c = *state;
	SCOPED(device) d = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		add(c, good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		FAILS(INRO_E_ARG, device_add(c, bad[i], NULL, &d));
		FAILS(INRO_E_ARG, device_get(c, bad[i], &d));
	}
	FAILS(INRO_E_ARG, device_add(c, NULL, NULL, &d));
}

static void test_bad_fields(void **state)
{
	static const char *const bad[] = { "a\nb",     "\x1b[31m",     "\xff",
					   "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					   "\xe3\x81", "\xc2\x85",     "\x7f" };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	char longest[DEVICE_FIELD_MAX + 2];
	struct device_fields f = { .name = longest };

	memset(longest, 'x', sizeof longest);
	longest[DEVICE_FIELD_MAX + 1] = 0;
	FAILS(INRO_E_TOO_BIG, device_add(c, "d", &f, &d));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f = (struct device_fields) { .os = bad[i] };
		FAILS(INRO_E_ARG, device_add(c, "d", &f, &d));
	}
	FAILS(INRO_E_NOT_FOUND, device_get(c, "d", &d));
	longest[DEVICE_FIELD_MAX] = 0;
	f = (struct device_fields) { .name = longest };
	OK(device_add(c, "d", &f, &d));
}

static void test_update_keeps_what_is_not_given(void **state)
{
	const struct device_fields f = { .name = "Press 1", .os = "Debian" };
	const struct device_fields g = { .name = "Press 2", .ip = "192.0.2.1" };
	const struct device_fields none = { .name = "" };
	struct core *c = *state;
	SCOPED(device) d = { 0 };

	OK(device_add(c, "d", &f, &d));
	device_clear(&d);
	OK(device_update(c, "d", &g, &d));
	assert_string_equal(d.name, "Press 2");
	assert_string_equal(d.os, "Debian");
	assert_string_equal(d.ip, "192.0.2.1");
	device_clear(&d);
	OK(device_update(c, "d", &none, &d));
	assert_null(d.name);
	FAILS(INRO_E_NOT_FOUND, device_update(c, "nobody", &g, &d));
}

static void test_states(void **state)
{
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	size_t n = 99;

	add(c, "d");
	OK(device_switch(c, "d", VERB_DISABLE, "stolen?", &d));
	assert_int_equal(d.state, DEVICE_DISABLED);
	FAILS(INRO_E_STATE, device_switch(c, "d", VERB_DISABLE, NULL, &d));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "device enable, inro device delete"));
	device_clear(&d);
	OK(device_switch(c, "d", VERB_ENABLE, NULL, &d));
	assert_int_equal(d.state, DEVICE_ACTIVE);
	FAILS(INRO_E_ARG, device_switch(c, "d", VERB_DELETE, NULL, &d));
	OK(device_delete(c, "d", "scrapped", &n));
	assert_int_equal(n, 0);
	FAILS(INRO_E_NOT_FOUND, device_switch(c, "d", VERB_ENABLE, NULL, &d));
	FAILS(INRO_E_NOT_FOUND, device_delete(c, "d", NULL, &n));
	device_clear(&d);
	OK(device_get(c, "d", &d));
	assert_int_equal(d.state, DEVICE_DELETED);
}

static void test_an_id_again(void **state)
{
	const struct device_search all = { .filter.with_deleted = true };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(device_found) l = { 0 };
	size_t n;

	add(c, "d");
	FAILS(INRO_E_EXISTS, device_add(c, "d", NULL, &d));
	OK(device_delete(c, "d", NULL, &n));
	add(c, "d");
	OK(device_get(c, "d", &d));
	assert_int_equal(d.state, DEVICE_REGISTERED);
	OK(device_search(c, &all, &l));
	assert_int_equal(l.n, 2);
}

static size_t found(struct core *c, struct device_filter filter)
{
	SCOPED(device_found) l = { 0 };

	OK(device_search(c, &(struct device_search) { .filter = filter }, &l));
	assert_null(l.next);
	return l.n;
}

static size_t walked(struct core *c, size_t limit)
{
	char *after = NULL;
	size_t seen = 0;

	do {
		SCOPED(device_found) l = { 0 };

		OK(device_search(c, &(struct device_search) { .after = after, .limit = limit }, &l));
		assert_true(l.n <= limit);
		seen += l.n;
		free(after);
		after = l.next;
		l.next = NULL;
	} while (after);
	return seen;
}

static void test_lists(void **state)
{
	const enum device_state disabled = DEVICE_DISABLED;
	const struct device_search too_many = { .limit = PAGE_MAX + 1 };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(device_found) l = { 0 };
	char id[16];

	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "%s-%d", i < 5 ? "a" : "b", i);
		add(c, id);
	}
	OK(device_switch(c, "a-1", VERB_DISABLE, NULL, &d));
	assert_int_equal(walked(c, 4), 10);
	assert_int_equal(found(c, (struct device_filter) { .id_prefix = "a-" }), 5);
	assert_int_equal(found(c, (struct device_filter) { .state = &disabled }), 1);
	assert_int_equal(found(c, (struct device_filter) { .id_prefix = "%" }), 0);
	FAILS(INRO_E_ARG, device_search(c, &too_many, &l));
}

static void test_roles(void **state)
{
	struct core_options o = office_options();
	SCOPED(event_list) events = { 0 };
	const struct audit_filter refused = { .action = "device.add" };
	SCOPED(device) d = { 0 };
	struct core *c;

	(void)state;
	o.role = ROLE_AUDITOR;
	o.actor = "監査";
	c = office_open_as("roles.db", o);
	FAILS(INRO_E_ACCESS, device_add(c, "d", NULL, &d));
	assert_non_null(strstr(err_detail(INRO_E_ACCESS), "operator"));
	OK(audit_find(c, &refused, NULL, &events));
	assert_int_equal(events.n, 1);
	assert_int_equal(events.items[0].outcome, EVENT_REFUSED);
	assert_string_equal(events.items[0].actor, "監査");
	FAILS(INRO_E_ACCESS, device_update(c, "\xff\n", NULL, &d));
	assert_int_equal(
		office_ask("roles.db", "SELECT count(*) FROM event WHERE subject = 'device:?'"), 1);
	/* what is of the whole database as well, and not whereto: that may have a password */
	FAILS(INRO_E_ACCESS, upkeep_copy(c, "sqlite:secret", &(struct upkeep) { 0 }, &(struct upkeep_report) { 0 }));
	assert_int_equal(office_ask("roles.db", "SELECT count(*) FROM event WHERE action = 'db.copy' AND "
						"subject = 'database:another'"),
			 1);
	core_close(c);
}

static void test_opening(void **state)
{
	struct core_options o = office_options();
	struct core *c = NULL;

	(void)state;
	o.tenant = "nobody";
	o.db = "sqlite:/dev/null/x";
	assert_int_not_equal(core_open(&o, &c), INRO_OK);
	assert_null(c);
	{
		char url[4200];

		snprintf(url, sizeof url, "%s", office_url("opening.db"));
		o.db = url;
		FAILS(INRO_E_NOT_FOUND, core_open(&o, &c));
		o.tenant = NULL;
		o.actor = "two\nlines";
		FAILS(INRO_E_ARG, core_open(&o, &c));
		o.actor = NULL;
		OK(core_open(&o, &c));
		core_close(c);
	}
	core_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test(test_networks),
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_update_keeps_what_is_not_given, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_id_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
