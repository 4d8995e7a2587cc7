/* test_core_registry - groups and policies, tenants, attributes, counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/tally.h"
#include "backoffice/core/tenant.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static char db[32];

static int setup(void **state)
{
	static unsigned n;

	snprintf(db, sizeof db, "registry-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
}

static int64_t counted(struct core *c, const char *name)
{
	int64_t n = -1;

	OK(tally_get(c, name, &n));
	return n;
}

static void test_groups(void **state)
{
	static const char *const bad[] = { "",
					   "/",
					   "a/",
					   "/a",
					   "a//b",
					   "a b",
					   "a/..",
					   "a'b",
					   "a\nb",
					   "プレス",
					   "a/b/c/d/e/f/g/h/i" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(group_list) l = { 0 };
	char longest[GROUP_PATH_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		FAILS(INRO_E_ARG, group_add(c, bad[i], NULL, &g));
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = 0;
	FAILS(INRO_E_TOO_BIG, group_add(c, longest, NULL, &g));
	FAILS(INRO_E_NOT_FOUND, group_add(c, "plant/line1", NULL, &g));
	office_add_group(c, "plant", NULL);
	office_add_group(c, "plant/line1", "{\"renew_days\":3}");
	office_add_group(c, "plant2", NULL);
	FAILS(INRO_E_EXISTS, group_add(c, "plant/line1", NULL, &g));
	OK(group_get(c, "plant/line1", &g));
	assert_string_equal(g.name, "line1");
	assert_string_equal(g.policy, "{\"renew_days\":3}");
	OK(group_find(c, "plant", NULL, &l));
	assert_int_equal(l.n, 2);
}

static void test_moving_groups(void **state)
{
	const struct group_change into_itself = { .path = "a/b/x" };
	const struct group_change taken = { .path = "z" };
	const struct group_change away = { .path = "z/b2" };
	const struct group_change nowhere = { .path = "nobody/b" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(device_group) inner = { 0 };

	office_add_group(c, "a", NULL);
	office_add_group(c, "a/b", NULL);
	office_add_group(c, "a/b/c", NULL);
	office_add_group(c, "a/bb", NULL);
	office_add_group(c, "z", NULL);
	FAILS(INRO_E_ARG, group_update(c, "a/b", &into_itself, &g));
	FAILS(INRO_E_EXISTS, group_update(c, "a/b", &taken, &g));
	FAILS(INRO_E_NOT_FOUND, group_update(c, "a/b", &nowhere, &g));
	OK(group_update(c, "a/b", &away, &g));
	assert_string_equal(g.path, "z/b2");
	OK(group_get(c, "z/b2/c", &inner));
	device_group_clear(&inner);
	FAILS(INRO_E_NOT_FOUND, group_get(c, "a/b/c", &inner));
	OK(group_get(c, "a/bb", &inner));
}

static void test_deleting_groups(void **state)
{
	const struct device_fields in = { .group = "a/b" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(device) d = { 0 };
	AUTO(free_chars) char *path = NULL;
	size_t n;

	office_add_group(c, "a", NULL);
	office_add_group(c, "a/b", NULL);
	FAILS(INRO_E_STATE, group_delete(c, "a", &g));
	office_add_device(c, "d", &in);
	FAILS(INRO_E_STATE, group_delete(c, "a/b", &g));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "1 device and"));
	OK(device_delete(c, "d", NULL, &n));
	OK(group_delete(c, "a/b", &g));
	OK(device_get(c, "d", &d));
	OK(device_group_path(c, &d, &path));
	assert_memory_equal(path, "a/b.", 4);
	for (int again = 0; again < 20; again++) { /* several of them in one millisecond */
		office_add_group(c, "a/b", NULL);
		device_group_clear(&g);
		OK(group_delete(c, "a/b", &g));
	}
	device_group_clear(&g);
	OK(group_delete(c, "a", &g));
	FAILS(INRO_E_NOT_FOUND, group_delete(c, "a", &g));
}

/* What is beneath it is found by the path and one character more. */
static void test_longest_group(void **state)
{
	struct core *c = *state;
	char path[GROUP_PATH_MAX + 1], above[GROUP_PATH_MAX + 1];
	const struct group_change moved = { .path = "a" };
	SCOPED(device_group) g = { 0 };
	SCOPED(group_list) l = { 0 };

	memset(path, 'x', sizeof path);
	path[GROUP_PATH_MAX] = 0;
	for (size_t n = GROUP_NAME_MAX; n < GROUP_PATH_MAX; n += GROUP_NAME_MAX + 1) {
		path[n] = '/';
		snprintf(above, sizeof above, "%.*s", (int)n, path);
		office_add_group(c, above, NULL);
	}
	office_add_group(c, path, NULL);
	OK(group_find(c, path, NULL, &l));
	assert_int_equal(l.n, 1);
	OK(group_update(c, path, &moved, &g));
	device_group_clear(&g);
	office_add_group(c, path, NULL);
	OK(group_delete(c, path, &g));
}

static void test_bad_policies(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "JSON" },
		{ "[]", "object" },
		{ "{", "JSON" },
		{ "{\"renew\":1}", "\"renew\"" },
		{ "{\"psk\":{\"len\":9}}", "\"len\"" },
		{ "{\"psk\":[]}", "\"psk\"" },
		{ "{\"renew_days\":\"3\"}", "\"renew_days\"" },
		{ "{\"renew_days\":-1}", "0 to 36500" },
		{ "{\"renew_days\":1e3}", "\"renew_days\"" },
		{ "{\"approve\":1}", "\"approve\"" },
		{ "{\"ca\":\"\"}", "\"ca\" is a text that is not empty" },
		{ "{\"ca\":\"a\\u0000b\"}", "" },
		{ "{\"key_types\":\"ec-p256\"}", "\"key_types\"" },
		{ "{\"key_types\":[1]}", "\"key_types\"" },
		{ "{\"key_types\":[\"ec-p256\",\"p-256\"]}", "'p-256'" },
		{ "{\"key_types\":[\"rsa\"]}", "'rsa'" },
		{ "{\"key_types\":[\"rsa-512\"]}", "'rsa-512'" },
		{ "{\"key_types\":[\"rsa-2048 \"]}", "'rsa-2048 '" },
		{ "{\"key_types\":[\"rsa-+2048\"]}", "'rsa-+2048'" },
		{ "{\"key_types\":[\"AES-128\"]}", "'AES-128'" },
		{ "{\"psk\":{\"store\":\"clear\"}}", "sealed" },
		{ "{\"psk\":{\"length\":7}}", "\"psk\": the policy's \"length\" is a number from 8 to 128" },
		{ "{\"psk\":{\"alphabet\":7}}", "\"psk\": the policy's \"alphabet\" is a text" },
		{ "{\"psk\":{\"alphabet\":\"abcDEF123\"}}", "10 to 94 different" },
		{ "{\"psk\":{\"alphabet\":\"aaaaaaaaaaB1\"}}", "10 to 94 different" },
		{ "{\"psk\":{\"alphabet\":\"abcd EFGH1234\"}}", "without blanks" },
		{ "{\"psk\":{\"alphabet\":\"\u3042\u3044abcdEFGH1234\"}}", "printable ASCII" },
		{ "{\"ca\":\"a\",\"ca\":\"b\"}", "JSON" },
	};
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	char *huge = calloc(1, POLICY_MAX + 2);

	assert_non_null(huge);
	memset(huge, ' ', POLICY_MAX + 1);
	FAILS(INRO_E_TOO_BIG, group_add(c, "g", huge, &g));
	memset(huge, '[', POLICY_MAX);
	huge[POLICY_MAX] = 0;
	FAILS(INRO_E_SYNTAX, group_add(c, "g", huge, &g));
	free(huge);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		enum inro_err e = group_add(c, "g", bad[i].text, &g);

		assert_int_not_equal(e, INRO_OK);
		if (!strstr(err_detail(e), bad[i].says))
			fail_msg("'%s' is refused with '%s'", bad[i].text, err_detail(e));
	}
	FAILS(INRO_E_NOT_FOUND, group_get(c, "g", &g));
}

/* A name that is none is seen when the policy is given, not by the first device that asks. */
static void test_policies_name(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "{\"ca\":\"isuing\"}", "no CA 'isuing'" },
		{ "{\"ca\":\"is/uing\"}", "\"ca\"" },
		{ "{\"ca\":\"issuing\",\"profile\":\"tls-clint\"}", "'tls-clint'" },
		{ "{\"profiles\":[\"tls-client\",\"mqtt-clint\"]}", "'mqtt-clint'" },
	};
	static const char good[] = "{\"ca\":\"issuing\",\"profile\":\"tls-client\",\"profiles\":[\"mqtt-client\"]}";
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };

	office_make_cas(c, "named");
	office_add_group(c, "a", good);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct group_change change = { .policy = bad[i].text };

		FAILS(INRO_E_ARG, group_add(c, "b", bad[i].text, &g));
		assert_non_null(strstr(err_detail(INRO_E_ARG), bad[i].says));
		FAILS(INRO_E_ARG, group_update(c, "a", &change, &g));
		assert_non_null(strstr(err_detail(INRO_E_ARG), bad[i].says));
		FAILS(INRO_E_ARG, setting_change(c, "policy", bad[i].text, 0));
		assert_non_null(strstr(err_detail(INRO_E_ARG), bad[i].says));
	}
	FAILS(INRO_E_NOT_FOUND, group_get(c, "b", &g));
	OK(group_get(c, "a", &g));
	assert_non_null(strstr(g.policy, "mqtt-client"));
	OK(setting_change(c, "policy", good, 0));
}

static void test_policies_inherit(void **state)
{
	const struct device_fields in = { .group = "a/b" };
	struct core *c = *state;
	SCOPED(policy) p = { 0 };
	SCOPED(policy) none = { 0 };
	SCOPED(device) d = { 0 };

	office_make_cas(c, "inherit");
	office_add_group(c, "a",
		  "{\"renew_days\":5,\"ca\":\"issuing\",\"psk\":{\"length\":12,\"tries\":3}}");
	office_add_group(c, "a/b",
		  "{\"renew_days\":9,\"key_types\":[\"ec-p256\",\"rsa-2048\",\"rsa-5120\",\"aes-256\"],"
		  "\"psk\":{\"store\":\"hash\",\"length\":30}}");
	office_add_device(c, "d", &in);
	OK(device_get(c, "d", &d));
	OK(policy_of_device(c, &d, &p));
	assert_int_equal(p.renew_days, 9);
	assert_string_equal(p.ca, "issuing");
	assert_null(p.profile);
	assert_int_equal(p.key_types.n, 4);
	assert_string_equal(p.key_types.items[1], "rsa-2048");
	assert_int_equal(p.psk.length, 30);
	assert_int_equal(p.psk.tries, 3);
	assert_true(p.psk.hashed);
	office_sql(db, "INSERT INTO setting (id, tenant, name, value) VALUES "
		       "(1000, 1, 'policy', '{\"renew_days\":77,\"approve\":true}')");
	OK(policy_of_group(c, 0, &none));
	assert_int_equal(none.renew_days, 77);
	assert_true(none.approve);
	assert_false(none.psk.hashed);
	assert_true(strlen(none.psk.alphabet) > 40);
	assert_null(strpbrk(none.psk.alphabet, "0O1lI"));
}

static void test_counts(void **state)
{
	const struct device_fields a = { .group = "a" }, b = { .group = "b" },
				   none = { .group = "" };
	const struct device_fields bad = { .group = "c" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(device) d = { 0 };
	size_t n;
	int64_t in;

	office_add_group(c, "a", NULL);
	office_add_group(c, "b", NULL);
	office_add_device(c, "d1", &a);
	office_add_device(c, "d2", &a);
	office_add_device(c, "d3", NULL);
	assert_int_equal(counted(c, "device/registered"), 3);
	FAILS(INRO_E_NOT_FOUND, device_update(c, "d1", &bad, &d));
	OK(device_update(c, "d1", &b, &d));
	device_clear(&d);
	OK(device_update(c, "d2", &none, &d));
	device_clear(&d);
	OK(device_switch(c, "d1", VERB_DISABLE, NULL, &d));
	OK(device_delete(c, "d3", NULL, &n));
	assert_int_equal(counted(c, "device/registered"), 1);
	assert_int_equal(counted(c, "device/disabled"), 1);
	assert_int_equal(counted(c, "device/deleted"), 1);
	OK(group_get(c, "b", &g));
	OK(group_count(c, &g, DEVICE_DISABLED, &in));
	assert_int_equal(in, 1);
	OK(tally_check(c));
	office_sql(db, "UPDATE device SET state = 'active' WHERE device_id = 'd1'");
	FAILS(INRO_E_DAMAGED, tally_check(c));
	assert_non_null(strstr(err_detail(INRO_E_DAMAGED), "device/active"));
}

static void test_deleted_names(void **state)
{
	const struct device_fields named = { .name = "device012" };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(device) e = { 0 };
	char want[64];
	size_t n;

	office_add_device(c, "00000000ad", &named);
	OK(device_delete(c, "00000000ad", NULL, &n));
	OK(device_get(c, "00000000ad", &d));
	snprintf(want, sizeof want, "device012.%lld", (long long)d.deleted_ms);
	assert_string_equal(d.name, want);
	assert_true(d.deleted_ms > 1500000000000);
	office_add_device(c, "00000000ad", &named);
	office_add_device(c, "x", NULL);
	OK(device_delete(c, "x", NULL, &n));
	OK(device_get(c, "x", &e));
	assert_memory_equal(e.name, "x.", 2);
}

static void test_attrs(void **state)
{
	struct device_fields f = { .attrs = "{\"b\":\"プレス\",\"a\":1,\"c\":true}" };
	static const char *const bad[] = { "x",
					   "[]",
					   "{\"a\":{}}",
					   "{\"a\":[]}",
					   "{\"\":1}",
					   "{\"a\":\"\\u0000\"}",
					   "{\"a\\n\":1}",
					   "{\"a\":\"\\u0007\"}",
					   "{\"a\":1,\"a\":2}" };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	char many[1024] = "{";

	OK(device_add(c, "d", &f, &d));
	assert_string_equal(d.attrs, "{\"a\":1,\"b\":\"プレス\",\"c\":true}");
	device_clear(&d);
	f.attrs = "{\"a\":null,\"nothing\":null,\"d\":\"'; DROP TABLE device; --\"}";
	OK(device_update(c, "d", &f, &d));
	assert_string_equal(d.attrs,
			    "{\"b\":\"プレス\",\"c\":true,\"d\":\"'; DROP TABLE device; --\"}");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f.attrs = bad[i];
		assert_int_not_equal(device_update(c, "d", &f, &d), INRO_OK);
	}
	for (int i = 0; i < DEVICE_ATTRS_COUNT + 1; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "%s\"k%d\":%d",
			 i ? "," : "", i, i);
	strcat(many, "}");
	f.attrs = many;
	FAILS(INRO_E_TOO_BIG, device_add(c, "e", &f, &d));
}

/* What a long field does everywhere that one can be given. */
static void test_long_fields(void **state)
{
	struct core *c = *state;
	char *big = malloc(65537);
	SCOPED(device) d = { 0 };
	SCOPED(device_group) g = { 0 };
	SCOPED(tenant) t = { 0 };

	assert_non_null(big);
	memset(big, 'a', 65536);
	big[65536] = 0;
	struct device_anchor a = { .kind = ANCHOR_SERIAL, .value = bytes_of(big) };
	const struct device_fields f[] = {
		{ .name = big },  { .serial = big }, { .group = big },
		{ .attrs = big }, { .ip = big },     { .mac = big },
		{ .anchor = &a }, { .os = big },     { .hostname = big }
	};
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		assert_int_not_equal(device_add(c, "d", &f[i], &d), INRO_OK);
	assert_int_not_equal(device_add(c, big, NULL, &d), INRO_OK);
	assert_int_not_equal(group_add(c, big, NULL, &g), INRO_OK);
	assert_int_not_equal(tenant_add(c, big, &t), INRO_OK);
	assert_int_equal(counted(c, "device/registered"), 0);
	free(big);
}

static struct core *open_tenant(const char *name)
{
	struct core_options o = office_options();

	o.tenant = name;
	return office_open_as(db, o);
}

/* Nothing of one tenant is seen, found or changed by another. */
static void test_tenants_apart(void **state)
{
	struct device_anchor a = { .kind = ANCHOR_SERIAL, .value = bytes_of("Acme:17") };
	const struct device_fields f = { .group = "g", .serial = "17", .anchor = &a };
	const struct device_fields rename = { .name = "mine" };
	const struct group_change policy = { .policy = "{}" };
	struct core *c = *state, *other;
	SCOPED(tenant) t = { 0 };
	SCOPED(device) d = { 0 };
	SCOPED(device_group) g = { 0 };
	SCOPED(device_found) found = { 0 };
	SCOPED(group_list) groups = { 0 };
	SCOPED(event_list) events = { 0 };
	SCOPED(cred_found) creds = { 0 };
	SCOPED(ca_list) cas = { 0 };
	SCOPED(tenant_list) tenants = { 0 };
	size_t n;

	OK(tenant_add(c, "acme", &t));
	office_add_group(c, "g", NULL);
	office_add_device(c, "d", &f);
	other = open_tenant("acme");
	FAILS(INRO_E_NOT_FOUND, device_get(other, "d", &d));
	FAILS(INRO_E_NOT_FOUND, device_update(other, "d", &rename, &d));
	FAILS(INRO_E_NOT_FOUND, device_switch(other, "d", VERB_DISABLE, NULL, &d));
	FAILS(INRO_E_NOT_FOUND, device_delete(other, "d", NULL, &n));
	FAILS(INRO_E_NOT_FOUND, group_get(other, "g", &g));
	FAILS(INRO_E_NOT_FOUND, group_update(other, "g", &policy, &g));
	FAILS(INRO_E_NOT_FOUND, group_delete(other, "g", &g));
	FAILS(INRO_E_NOT_FOUND, device_add(other, "d", &f, &d)); /* the group */
	OK(group_find(other, NULL, NULL, &groups));
	OK(cred_search(other, &(struct cred_search) { 0 }, &creds));
	OK(ca_find(other, NULL, &cas));
	OK(device_search(other, &(struct device_search) { .filter.with_deleted = true }, &found));
	assert_int_equal(found.n, 0);
	assert_int_equal(groups.n + creds.n + cas.n, 0);
	assert_int_equal(counted(other, "device/registered"), 0);
	OK(audit_find(other,
		      &(struct audit_filter) { .subject = "device:d", .action = "device.add" },
		      NULL, &events));
	for (size_t i = 0; i < events.n; i++)
		assert_int_equal(events.items[i].tenant, t.id);
	office_add_group(other, "g", NULL);
	office_add_device(other, "d", &f); /* id and anchor too are each tenant's own */
	OK(tenant_find(other, NULL, &tenants));
	assert_int_equal(tenants.n, 1);
	tenant_clear(&t);
	FAILS(INRO_E_NOT_FOUND, tenant_get(other, "default", &t));
	FAILS(INRO_E_ACCESS, tenant_add(other, "third", &t));
	FAILS(INRO_E_EXISTS, tenant_add(c, "acme", &t));
	core_close(other);
}

static void test_who_may(void **state)
{
	struct core_options o = office_options();
	SCOPED(device_group) g = { 0 };
	SCOPED(tenant) t = { 0 };
	struct core *c;

	(void)state;
	o.role = ROLE_OPERATOR;
	c = office_open_as(db, o);
	FAILS(INRO_E_ACCESS, group_add(c, "g", NULL, &g));
	FAILS(INRO_E_ACCESS, tenant_add(c, "t", &t));
	core_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moving_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleting_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_longest_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_policies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policies_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policies_inherit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tenants_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_may, setup, teardown),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
