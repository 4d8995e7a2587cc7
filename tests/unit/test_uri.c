/* test_uri - PKCS#11 URIs against RFC 7512: what is read, what is refused, what is matched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cryptoki/uri.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static void assert_prints(const struct p11_uri *u, const char *want)
{
	SCOPED(buf) out = { 0 };
	AUTO(free_chars) char *text = NULL;

	p11_uri_print(u, &out);
	text = buf_take_str(&out);
	assert_non_null(text);
	assert_string_equal(text, want);
}

static void assert_round(const char *in, const char *want)
{
	SCOPED(p11_uri) u = { 0 };
	SCOPED(p11_uri) copy = { 0 };

	OK(p11_uri_parse(in, &u));
	assert_prints(&u, want);
	OK(p11_uri_copy(&u, &copy));
	assert_prints(&copy, want);
}

static void test_every_attribute(void **state)
{
	SCOPED(p11_uri) u = { 0 };

	(void)state;
	OK(p11_uri_parse("pkcs11:token=T;manufacturer=M;serial=S;model=O;library-manufacturer=LM;"
			 "library-description=LD;library-version=3.12;slot-manufacturer=SM;"
			 "slot-description=SD;slot-id=7;object=B;id=%01%00;type=secret-key"
			 "?pin-source=P&module-name=N&module-path=/a/b.so",
			 &u));
	assert_string_equal(u.token, "T");
	assert_string_equal(u.manufacturer, "M");
	assert_string_equal(u.serial, "S");
	assert_string_equal(u.model, "O");
	assert_string_equal(u.library_manufacturer, "LM");
	assert_string_equal(u.library_description, "LD");
	assert_true(u.has_library_version);
	assert_int_equal(u.library_version.major, 3);
	assert_int_equal(u.library_version.minor, 12);
	assert_string_equal(u.slot_manufacturer, "SM");
	assert_string_equal(u.slot_description, "SD");
	assert_true(u.has_slot_id);
	assert_int_equal(u.slot_id, 7);
	assert_string_equal(u.object, "B");
	assert_true(u.has_id);
	assert_int_equal(u.id_n, 2);
	assert_memory_equal(u.id, "\1\0", 2);
	assert_int_equal(u.type, P11_SECRET_KEY);
	assert_string_equal(u.pin_source, "P");
	assert_string_equal(u.module_name, "N");
	assert_string_equal(u.module_path, "/a/b.so");
	assert_false(u.has_pin_value);
}

static void test_empty(void **state)
{
	SCOPED(p11_uri) u = { 0 };

	(void)state;
	OK(p11_uri_parse("pkcs11:", &u));
	assert_null(u.token);
	assert_false(u.has_id);
	assert_int_equal(u.type, P11_ANY);
	assert_prints(&u, "pkcs11:");
	p11_uri_clear(&u);
	OK(p11_uri_parse("pkcs11:token=;id=", &u));
	assert_string_equal(u.token, "");
	assert_true(u.has_id);
	assert_int_equal(u.id_n, 0);
	assert_prints(&u, "pkcs11:token=;id=");
	p11_uri_clear(&u);
	OK(p11_uri_parse("PkCs11:?", &u));
}

static void test_scheme(void **state)
{
	(void)state;
	assert_true(p11_uri_is("pkcs11:"));
	assert_true(p11_uri_is("PKCS11:token=a"));
	assert_false(p11_uri_is("pkcs11"));
	assert_false(p11_uri_is("file:pkcs11:"));
	assert_false(p11_uri_is(""));
	assert_false(p11_uri_is(NULL));
}

static void test_print(void **state)
{
	(void)state;
	assert_round("pkcs11:type=private;object=a;token=t",
		     "pkcs11:token=t;object=a;type=private");
	assert_round("pkcs11:token=My%20token%3b%2Fx", "pkcs11:token=My%20token%3B%2Fx");
	assert_round("pkcs11:token=a&b=c", "pkcs11:token=a%26b%3Dc");
	assert_round("pkcs11:object=%E5%8D%B0%e7%b1%a0", "pkcs11:object=%E5%8D%B0%E7%B1%A0");
	assert_round("pkcs11:id=ab", "pkcs11:id=%61%62");
	assert_round("pkcs11:id=%00%ff", "pkcs11:id=%00%FF");
	assert_round("pkcs11:library-version=3", "pkcs11:library-version=3.0");
	assert_round("pkcs11:slot-id=0012", "pkcs11:slot-id=12");
	assert_round("pkcs11:?pin-source=file:/a?b|c&vendor-x=1",
		     "pkcs11:?pin-source=file:/a%3Fb%7Cc");
	assert_round("pkcs11:token=a?x=1&x=2&module-name=p11", "pkcs11:token=a?module-name=p11");
}

struct refused {
	const char *uri;
	enum inro_err err;
	const char *word; /* in the detail */
};

static const struct refused refusals[] = {
	{ "", INRO_E_SYNTAX, "pkcs11:" },
	{ "pkcs12:token=a", INRO_E_SYNTAX, "pkcs11:" },
	{ "pkcs11:token", INRO_E_SYNTAX, "NAME=VALUE" },
	{ "pkcs11:=a", INRO_E_SYNTAX, "NAME=VALUE" },
	{ "pkcs11:;token=a", INRO_E_SYNTAX, "NAME=VALUE" },
	{ "pkcs11:token=a;", INRO_E_SYNTAX, "NAME=VALUE" },
	{ "pkcs11:token=a?&pin-source=b", INRO_E_SYNTAX, "NAME=VALUE" },
	{ "pkcs11:to ken=a", INRO_E_SYNTAX, "NAME=VALUE" },
	{ "pkcs11:token=a;token=a", INRO_E_SYNTAX, "twice" },
	{ "pkcs11:id=%01;id=%01", INRO_E_SYNTAX, "twice" },
	{ "pkcs11:?pin-source=a&pin-source=b", INRO_E_SYNTAX, "twice" },
	{ "pkcs11:vendor-x=1", INRO_E_SYNTAX, "vendor-x" },
	{ "pkcs11:Token=a", INRO_E_SYNTAX, "Token" },
	{ "pkcs11:pin-source=a", INRO_E_SYNTAX, "pin-source" },
	{ "pkcs11:token=a b", INRO_E_SYNTAX, "token" },
	{ "pkcs11:token=a/b", INRO_E_SYNTAX, "token" },
	{ "pkcs11:token=a#b", INRO_E_SYNTAX, "token" },
	{ "pkcs11:token=\xe5\x8d\xb0", INRO_E_SYNTAX, "token" },
	{ "pkcs11:token=%", INRO_E_SYNTAX, "hex" },
	{ "pkcs11:token=%2", INRO_E_SYNTAX, "hex" },
	{ "pkcs11:token=%2g", INRO_E_SYNTAX, "hex" },
	{ "pkcs11:token=a%00", INRO_E_SYNTAX, "zero" },
	{ "pkcs11:?pin-source=%00", INRO_E_SYNTAX, "zero" },
	{ "pkcs11:?pin-value=1%00", INRO_E_SYNTAX, "zero" },
	{ "pkcs11:?pin-source=a;b", INRO_E_SYNTAX, "pin-source" },
	{ "pkcs11:?pin-source=a&pin-value=b", INRO_E_SYNTAX, "both" },
	{ "pkcs11:type=Private", INRO_E_SYNTAX, "type" },
	{ "pkcs11:type=", INRO_E_SYNTAX, "type" },
	{ "pkcs11:library-version=", INRO_E_SYNTAX, "library-version" },
	{ "pkcs11:library-version=1.", INRO_E_SYNTAX, "library-version" },
	{ "pkcs11:library-version=.1", INRO_E_SYNTAX, "library-version" },
	{ "pkcs11:library-version=1.2.3", INRO_E_SYNTAX, "library-version" },
	{ "pkcs11:library-version=256", INRO_E_TOO_BIG, "library-version" },
	{ "pkcs11:slot-id=-1", INRO_E_SYNTAX, "slot-id" },
	{ "pkcs11:slot-id=0x1", INRO_E_SYNTAX, "slot-id" },
	{ "pkcs11:slot-id=18446744073709551616", INRO_E_TOO_BIG, "slot-id" },
	{ "pkcs11:slot-id=99999999999999999999", INRO_E_TOO_BIG, "slot-id" },
	{ "pkcs11:token=123456789012345678901234567890123", INRO_E_TOO_BIG, "token" },
	{ "pkcs11:serial=12345678901234567", INRO_E_TOO_BIG, "serial" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refused *r = &refusals[i];
		struct p11_uri u = { .slot_id = 99 };
		enum inro_err e = p11_uri_parse(r->uri, &u);

		if (e != r->err || !strstr(err_detail(e), r->word))
			fail_msg("%s: %s: %s", r->uri, err_name(e), err_detail(e));
		assert_int_equal(u.slot_id, 99); /* nothing is written on failure */
		assert_null(u.token);
	}
}

static void test_length_bound(void **state)
{
	char text[P11_URI_MAX + 16];
	SCOPED(p11_uri) u = { 0 };

	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text, "pkcs11:object=", 14);
	text[P11_URI_MAX] = '\0';
	OK(p11_uri_parse(text, &u));
	assert_int_equal(strlen(u.object), P11_URI_MAX - 14);
	text[P11_URI_MAX] = 'a';
	text[P11_URI_MAX + 1] = '\0';
	assert_int_equal(p11_uri_parse(text, &u), INRO_E_TOO_BIG);
}

static void test_pin_is_not_told(void **state)
{
	SCOPED(p11_uri) u = { 0 };
	SCOPED(p11_uri) copy = { 0 };
	SCOPED(secret) pin = { 0 };

	(void)state;
	OK(p11_uri_parse("pkcs11:token=a?pin-value=12%2034", &u));
	OK(p11_uri_copy(&u, &copy));
	assert_prints(&copy, "pkcs11:token=a");
	OK(p11_uri_pin(&copy, &pin));
	assert_true(bytes_is(secret_bytes(&pin), "12 34"));
	assert_int_equal(p11_uri_parse("pkcs11:token=a?pin-value=hush%hush", &copy), INRO_E_SYNTAX);
	assert_null(strstr(err_detail(INRO_E_SYNTAX), "hush"));
	assert_int_equal(p11_uri_parse("pkcs11:token=a?pin-value=hush hush", &copy), INRO_E_SYNTAX);
	assert_null(strstr(err_detail(INRO_E_SYNTAX), "hush"));
}

static void assert_pin(const char *source, const char *want)
{
	struct p11_uri u = { 0 };
	SCOPED(secret) pin = { 0 };
	char room[600];

	snprintf(room, sizeof room, "%s", source);
	u.pin_source = room;
	OK(p11_uri_pin(&u, &pin));
	assert_true(bytes_is(secret_bytes(&pin), want));
}

static void test_pin_source(void **state)
{
	const char *path = scratch_file("pin", "1234 5678\nmore\n", 15);
	static const char *const before[] = { "", "file:", "FILE:", "file://", "file://localhost",
					      "file://LocalHost" };
	char source[600];
	struct p11_uri u = { 0 };
	SCOPED(secret) pin = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		snprintf(source, sizeof source, "%s%s", before[i], path);
		assert_pin(source, "1234 5678");
	}
	assert_int_equal(p11_uri_pin(&u, &pin), INRO_E_PIN_MISSING);
	snprintf(source, sizeof source, "|cat %s", path);
	u.pin_source = source;
	assert_int_equal(p11_uri_pin(&u, &pin), INRO_E_UNSUPPORTED);
	snprintf(source, sizeof source, "%s", scratch_path("nowhere"));
	assert_int_equal(p11_uri_pin(&u, &pin), INRO_E_NOT_FOUND);
	assert_null(pin.p);
}

static void test_pin_source_elsewhere(void **state)
{
	const char *path = NULL;

	(void)state;
	assert_int_equal(p11_pin_path("file://etc/pin", &path), INRO_E_UNSUPPORTED);
	assert_non_null(strstr(err_detail(INRO_E_UNSUPPORTED), "'etc' in file://etc/pin is a host"));
	assert_int_equal(p11_pin_path("file:", &path), INRO_E_ARG);
	assert_null(path);
	OK(p11_pin_path("file:pin", &path));
	assert_string_equal(path, "pin");
	OK(p11_pin_path("//not/a/uri", &path));
	assert_string_equal(path, "//not/a/uri");
}

static void pad(CK_UTF8CHAR *field, size_t n, const char *text)
{
	memset(field, ' ', n);
	memcpy(field, text, strlen(text));
}

#define PAD(field, text) pad(field, sizeof(field), text)

static bool token_matches(const char *text, const CK_TOKEN_INFO *info)
{
	SCOPED(p11_uri) u = { 0 };

	OK(p11_uri_parse(text, &u));
	return p11_uri_matches_token(&u, info);
}

static void test_match_token(void **state)
{
	CK_TOKEN_INFO info;

	(void)state;
	PAD(info.label, "line 1");
	PAD(info.manufacturerID, "Inro");
	PAD(info.model, "0123456789abcdef");
	memset(info.serialNumber, 0, sizeof info.serialNumber);
	memcpy(info.serialNumber, "77", 2);
	assert_true(token_matches("pkcs11:", &info));
	assert_true(token_matches("pkcs11:token=line%201", &info));
	assert_true(token_matches("pkcs11:token=line%201%20", &info));
	assert_false(token_matches("pkcs11:token=line", &info));
	assert_false(token_matches("pkcs11:token=line%2010", &info));
	assert_false(token_matches("pkcs11:token=", &info));
	assert_true(token_matches("pkcs11:model=0123456789abcdef;serial=77", &info));
	assert_false(token_matches("pkcs11:token=line%201;serial=78", &info));
	assert_false(token_matches("pkcs11:token=line%201;manufacturer=inro", &info));
	memset(info.label, ' ', sizeof info.label);
	assert_true(token_matches("pkcs11:token=", &info));
}

static void test_match_slot_and_library(void **state)
{
	SCOPED(p11_uri) u = { 0 };
	CK_SLOT_INFO slot;
	CK_INFO info;

	(void)state;
	PAD(slot.slotDescription, "a slot");
	PAD(slot.manufacturerID, "Inro");
	PAD(info.libraryDescription, "lib");
	PAD(info.manufacturerID, "Inro");
	info.libraryVersion = (CK_VERSION) { 1, 2 };
	OK(p11_uri_parse("pkcs11:slot-id=3;slot-description=a%20slot;library-version=1.2;"
			 "library-description=lib;library-manufacturer=Inro;slot-manufacturer=Inro",
			 &u));
	assert_true(p11_uri_matches_slot(&u, 3, &slot));
	assert_false(p11_uri_matches_slot(&u, 4, &slot));
	assert_true(p11_uri_matches_library(&u, &info));
	info.libraryVersion.minor = 3;
	assert_false(p11_uri_matches_library(&u, &info));
	slot.slotDescription[0] = 'b';
	assert_false(p11_uri_matches_slot(&u, 3, &slot));
}

static void test_template(void **state)
{
	SCOPED(p11_uri) u = { 0 };
	CK_ATTRIBUTE t[3];
	CK_OBJECT_CLASS class;

	(void)state;
	assert_int_equal(p11_uri_template(&u, t, &class), 0);
	OK(p11_uri_parse("pkcs11:object=x;id=%00;type=cert", &u));
	assert_int_equal(p11_uri_template(&u, t, &class), 3);
	assert_int_equal(class, CKO_CERTIFICATE);
	assert_int_equal(t[0].type, CKA_CLASS);
	assert_ptr_equal(t[0].pValue, &class);
	assert_int_equal(t[1].type, CKA_ID);
	assert_int_equal(t[1].ulValueLen, 1);
	assert_int_equal(t[2].type, CKA_LABEL);
	assert_int_equal(t[2].ulValueLen, 1);
}

static void test_class(void **state)
{
	(void)state;
	assert_int_equal(p11_uri_class(P11_PUBLIC), CKO_PUBLIC_KEY);
	assert_int_equal(p11_uri_class(P11_PRIVATE), CKO_PRIVATE_KEY);
	assert_int_equal(p11_uri_class(P11_SECRET_KEY), CKO_SECRET_KEY);
	assert_int_equal(p11_uri_class(P11_DATA), CKO_DATA);
	assert_true(p11_uri_class(P11_ANY) == CK_UNAVAILABLE_INFORMATION);
	assert_true(p11_uri_class(P11_TYPE__MAX) == CK_UNAVAILABLE_INFORMATION);
}

static void test_field_text(void **state)
{
	CK_UTF8CHAR field[8];
	char out[9];

	(void)state;
	PAD(field, "a b");
	p11_field_text(field, sizeof field, out, sizeof out);
	assert_string_equal(out, "a b");
	PAD(field, "12345678");
	p11_field_text(field, sizeof field, out, sizeof out);
	assert_string_equal(out, "12345678");
	PAD(field, "");
	p11_field_text(field, sizeof field, out, sizeof out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_attribute),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_scheme),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_length_bound),
		cmocka_unit_test(test_pin_is_not_told),
		cmocka_unit_test(test_pin_source),
		cmocka_unit_test(test_pin_source_elsewhere),
		cmocka_unit_test(test_match_token),
		cmocka_unit_test(test_match_slot_and_library),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_field_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
