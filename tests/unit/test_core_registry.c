/* test_core_registry - groups and policies, tenants, trust anchors, attributes, counts. */
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
#include "backoffice/core/where.h"
#include "backoffice/store/store.h"
#include "tests/lib/office.h"
#include "tests/lib/scratch.h"

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

static void add_group(struct core *c, const char *path, const char *policy)
{
	SCOPED(device_group) g = { 0 };

	OK(group_add(c, path, policy, &g));
	assert_string_equal(g.path, path);
}

static void add_device(struct core *c, const char *id, const struct device_fields *f)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, f, &d));
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
	add_group(c, "plant", NULL);
	add_group(c, "plant/line1", "{\"renew_days\":3}");
	add_group(c, "plant2", NULL);
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

	add_group(c, "a", NULL);
	add_group(c, "a/b", NULL);
	add_group(c, "a/b/c", NULL);
	add_group(c, "a/bb", NULL);
	add_group(c, "z", NULL);
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

	add_group(c, "a", NULL);
	add_group(c, "a/b", NULL);
	FAILS(INRO_E_STATE, group_delete(c, "a", &g));
	add_device(c, "d", &in);
	FAILS(INRO_E_STATE, group_delete(c, "a/b", &g));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "1 devices"));
	OK(device_delete(c, "d", NULL, &n));
	OK(group_delete(c, "a/b", &g));
	OK(device_get(c, "d", &d));
	OK(device_group_path(c, &d, &path));
	assert_memory_equal(path, "a/b.", 4);
	for (int again = 0; again < 20; again++) { /* several of them in one millisecond */
		add_group(c, "a/b", NULL);
		device_group_clear(&g);
		OK(group_delete(c, "a/b", &g));
	}
	device_group_clear(&g);
	OK(group_delete(c, "a", &g));
	FAILS(INRO_E_NOT_FOUND, group_delete(c, "a", &g));
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
		{ "{\"ca\":\"\"}", "\"ca\"" },
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

static void test_policies_inherit(void **state)
{
	const struct device_fields in = { .group = "a/b" };
	struct core *c = *state;
	SCOPED(policy) p = { 0 };
	SCOPED(policy) none = { 0 };
	SCOPED(device) d = { 0 };

	add_group(c, "a",
		  "{\"renew_days\":5,\"ca\":\"issuing\",\"psk\":{\"length\":12,\"tries\":3}}");
	add_group(c, "a/b",
		  "{\"renew_days\":9,\"key_types\":[\"ec-p256\",\"rsa-2048\",\"rsa-5120\",\"aes-256\"],"
		  "\"psk\":{\"store\":\"hash\",\"length\":30}}");
	add_device(c, "d", &in);
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

	add_group(c, "a", NULL);
	add_group(c, "b", NULL);
	add_device(c, "d1", &a);
	add_device(c, "d2", &a);
	add_device(c, "d3", NULL);
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

	add_device(c, "00000000ad", &named);
	OK(device_delete(c, "00000000ad", NULL, &n));
	OK(device_get(c, "00000000ad", &d));
	snprintf(want, sizeof want, "device012.%lld", (long long)d.deleted_ms);
	assert_string_equal(d.name, want);
	assert_true(d.deleted_ms > 1500000000000);
	add_device(c, "00000000ad", &named);
	add_device(c, "x", NULL);
	OK(device_delete(c, "x", NULL, &n));
	OK(device_get(c, "x", &e));
	assert_memory_equal(e.name, "x.", 2);
}

static struct device_anchor serial_anchor(const char *text)
{
	return (struct device_anchor) { .kind = ANCHOR_SERIAL, .value = bytes_of(text) };
}

static void test_anchors(void **state)
{
	static const char *const fillers[] = {
		"ACME:unknown", "ACME:0000000",	    "ACME:To be filled by O.E.M.",
		"ACME: N/A ",	"x:Default string", "x:xxxxxxxx",
		"ACME:-",
	};
	static const char *const bad[] = { "", "ACME", ":1", " :17", "AC\nME:17", "A:\xff\xff" };
	struct device_anchor a = serial_anchor("Acme:SN-0017");
	struct device_fields f = { .anchor = &a };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	size_t n;

	add_device(c, "first", &f);
	a = serial_anchor("ACME: sn-0017 ");
	FAILS(INRO_E_EXISTS, device_add(c, "second", &f, &d));
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "'first'"));
	OK(device_update(c, "first", &f, &d));
	for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
		a = serial_anchor(fillers[i]);
		FAILS(INRO_E_POLICY, device_add(c, "second", &f, &d));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		a = serial_anchor(bad[i]);
		assert_int_not_equal(device_add(c, "second", &f, &d), INRO_OK);
	}
	OK(device_delete(c, "first", NULL, &n));
	a = serial_anchor("Acme:SN-0017");
	add_device(c, "second", &f);
	a = (struct device_anchor) { .kind = ANCHOR_NONE };
	device_clear(&d);
	OK(device_update(c, "second", &f, &d));
	assert_int_equal(d.anchor.n, 0);
}

static void assert_before(struct core *c, const char *id, const char *before)
{
	SCOPED(device) d = { 0 };
	char *found = NULL;

	OK(device_get(c, id, &d));
	OK(device_anchor_before(c, &d, &found));
	assert_string_equal(text_or_empty(found), before);
	free(found);
}

/* A device that was deleted comes again under another id: told, recorded, and refused where the policy says so. */
static void test_anchor_again(void **state)
{
	struct device_anchor a = serial_anchor("Acme:SN-4711"), other = serial_anchor("Acme:SN-4712");
	struct device_fields f = { .anchor = &a }, in_group = { .anchor = &a, .group = "strict" };
	struct core *c = *state;
	SCOPED(device_group) g = { 0 };
	SCOPED(device) d = { 0 };
	size_t n;

	OK(group_add(c, "strict", "{\"anchor_again\":false}", &g));
	add_device(c, "sold", &f);
	assert_before(c, "sold", "");
	OK(device_delete(c, "sold", NULL, &n));
	add_device(c, "sold", &f); /* the same id again is no news */
	assert_before(c, "sold", "");
	OK(device_delete(c, "sold", NULL, &n));
	FAILS(INRO_E_POLICY, device_add(c, "resold", &in_group, &d));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "'sold'"));
	assert_int_equal(office_said(c, "\"anchor_before\":\"sold\""), 0);
	add_device(c, "resold", &f);
	assert_before(c, "resold", "sold");
	assert_int_equal(office_said(c, "\"anchor_before\":\"sold\""), 1);
	/* what is there is not refused for a policy that came later, nor told again */
	OK(device_update(c, "resold", &(struct device_fields) { .group = "strict" }, &d));
	device_clear(&d);
	OK(device_update(c, "resold", &f, &d));
	device_clear(&d);
	f.anchor = &other;
	OK(device_update(c, "resold", &f, &d));
	device_clear(&d);
	assert_before(c, "resold", "");
	f.anchor = &a;
	FAILS(INRO_E_POLICY, device_update(c, "resold", &f, &d));
}

/* A key that many devices have. */
static void test_shared_anchor(void **state)
{
	static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	struct core *c = *state;
	struct device_anchor a;
	struct device_fields f = { .anchor = &a };
	SCOPED(device) d = { 0 };
	uint8_t room[ANCHOR_HASH];
	char text[80], two[140];

	FAILS(INRO_E_ARG, setting_change(c, "anchor.shared", "0011", 0));
	FAILS(INRO_E_ARG, setting_change(c, "anchor.shared", " ", 0));
	snprintf(two, sizeof two, "%064d %s", 7, hash);
	OK(setting_change(c, "anchor.shared", two, 0));
	snprintf(text, sizeof text, "key:%s", hash);
	OK(device_anchor_parse(text, room, &a));
	FAILS(INRO_E_POLICY, device_add(c, "d-1", &f, &d));
	OK(setting_change(c, "anchor.shared", NULL, 0));
	add_device(c, "d-1", &f);
}

static void test_key_anchors(void **state)
{
	static const uint8_t zero[ANCHOR_HASH];
	EVP_PKEY *key = office_key("P-256");
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	struct device_anchor a = { .kind = ANCHOR_EK, .store = ANCHOR_HARDWARE };
	struct device_fields f = { .anchor = &a };
	struct core *c = *state;
	SCOPED(device) d = { 0 };
	SCOPED(buf) text = { 0 };
	uint8_t room[ANCHOR_HASH];

	assert_true(n > 0);
	a.value = BYTES(der, (size_t)n);
	OK(device_add(c, "tpm", &f, &d));
	assert_int_equal(d.anchor_store, ANCHOR_HARDWARE);
	device_anchor_text(&d, &text);
	buf_add_u8(&text, 0);
	assert_memory_equal(text.p, "ek:", 3);
	OK(device_anchor_parse((const char *)text.p, room, &a));
	FAILS(INRO_E_EXISTS, device_add(c, "again", &f, &d));
	a = (struct device_anchor) { .kind = ANCHOR_KEY, .value = BYTES(der, (size_t)n) };
	FAILS(INRO_E_EXISTS, device_add(c, "again", &f, &d));
	a.value.n--;
	assert_int_not_equal(device_add(c, "again", &f, &d), INRO_OK);
	a = (struct device_anchor) { .kind = ANCHOR_KEY, .hashed = true, .value = BYTES(zero, 32) };
	FAILS(INRO_E_POLICY, device_add(c, "again", &f, &d));
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

static void test_anchor_words(void **state)
{
	static const char *const bad[] = { "",
					   "serial",
					   "tpm:x",
					   "key:",
					   "key:00",
					   "ek:zz",
					   ("key:0000000000000000000000000000000000000000000000000"
					    "00000000000000") };
	uint8_t room[ANCHOR_HASH];
	struct device_anchor a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		FAILS(INRO_E_ARG, device_anchor_parse(bad[i], room, &a));
	OK(device_anchor_parse("serial:A:1", room, &a));
	assert_int_equal(a.kind, ANCHOR_SERIAL);
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
	struct device_anchor a = serial_anchor(big);
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
	struct device_anchor a = serial_anchor("Acme:17");
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
	add_group(c, "g", NULL);
	add_device(c, "d", &f);
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
	add_group(other, "g", NULL);
	add_device(other, "d", &f); /* id and anchor too are each tenant's own */
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

/* ---- search ---- */

static void fill(struct core *c)
{
	static const char *const groups[] = { NULL, "a", "a/b" };
	char id[16], name[32], mac[18];

	add_group(c, "a", NULL);
	add_group(c, "a/b", NULL);
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
		add_device(c, id, &f);
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
	for (size_t i = 0; i < ARRAY_LEN(searches); i++)
		for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
			n = search(c, searches[i].where, NULL, limits[k]);
			if (n != searches[i].n)
				fail_msg("'%s' by %zu found %zu, not %zu", searches[i].where,
					 limits[k], n, searches[i].n);
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
		{ "created<2026-13-01", "2026" }, { "created<99999999999999999999d", "2026" },
		{ "name=\"open", "quote" },	  { "name=\"a\"b", "quote" },
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

	add_device(c, "d", &(struct device_fields) { .os = "Linux" });
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moving_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleting_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_policies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policies_inherit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anchors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anchor_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_anchor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_anchors, setup, teardown),
		cmocka_unit_test(test_anchor_words),
		cmocka_unit_test_setup_teardown(test_attrs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tenants_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_search, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_searches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cursors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_may, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
