/* test_core_anchor - trust anchors of devices: words, keys, serial numbers, shared ones, devices that come again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/device.h"
#include "backoffice/core/group.h"
#include "backoffice/core/setting.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static int setup(void **state)
{
	static unsigned n;
	char db[32];

	snprintf(db, sizeof db, "anchor-%u.db", n++);
	*state = office_open(db);
	return 0;
}

static int teardown(void **state)
{
	core_close(*state);
	return 0;
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

	office_add_device(c, "first", &f);
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
	a = (struct device_anchor) { .kind = ANCHOR_KEY, .value = bytes_of("0nonsense") };
	FAILS(INRO_E_SYNTAX, device_add(c, "second", &f, &d));
	assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "neither a public key nor a certificate"));
	OK(device_delete(c, "first", NULL, &n));
	a = serial_anchor("Acme:SN-0017");
	office_add_device(c, "second", &f);
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
	office_add_device(c, "sold", &f);
	assert_before(c, "sold", "");
	OK(device_delete(c, "sold", NULL, &n));
	office_add_device(c, "sold", &f); /* the same id again is no news */
	assert_before(c, "sold", "");
	OK(device_delete(c, "sold", NULL, &n));
	FAILS(INRO_E_POLICY, device_add(c, "resold", &in_group, &d));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "'sold'"));
	assert_int_equal(office_said(c, "\"anchor_before\":\"sold\""), 0);
	office_add_device(c, "resold", &f);
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
	office_add_device(c, "d-1", &f);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_anchors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anchor_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_anchor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_anchors, setup, teardown),
		cmocka_unit_test(test_anchor_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
