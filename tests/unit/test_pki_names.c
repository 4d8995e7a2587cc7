/* Names, alternative names and PEM: text to DER to text, each refusal, libcrypto's opinion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/san.h"
#include "backoffice/pki/text.h"
#include "base/der.h"
#include "tests/lib/judge.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const struct {
	const char *text, *rfc4514, *openssl;
} names[] = {
	{ "/O=Example/CN=Root", "CN=Root,O=Example", "O = Example, CN = Root" },
	{ "CN=Root,O=Example", "CN=Root,O=Example", "O = Example, CN = Root" },
	{ " CN = Root , O = Example Ltd ", "CN=Root,O=Example Ltd", "O = Example Ltd, CN = Root" },
	{ "commonName=Root", "CN=Root", "CN = Root" },
	{ "2.5.4.3=Root", "CN=Root", "CN = Root" },
	{ "/C=JP/ST=Tokyo/L=Minato/O=Example/OU=Line 1/CN=dev-1",
	  "CN=dev-1,OU=Line 1,O=Example,L=Minato,ST=Tokyo,C=JP",
	  "C = JP, ST = Tokyo, L = Minato, O = Example, OU = Line 1, CN = dev-1" },
	{ "CN=a\\,b", "CN=a\\,b", "CN = \"a,b\"" },
	{ "CN=a\\+b\\=c", "CN=a\\+b=c", "CN = \"a+b=c\"" },
	{ "CN=\\ a\\ ", "CN=\\ a\\ ", "CN = \" a \"" },
	{ "CN=\\#1", "CN=\\#1", "CN = \"#1\"" },
	{ "CN=caf\\C3\\A9", "CN=café", "CN = caf\\C3\\A9" },
	{ "CN=日本", "CN=日本", "CN = \\E6\\97\\A5\\E6\\9C\\AC" },
	{ "/CN=a\\/b", "CN=a/b", "CN = a/b" },
	{ "/CN=a,b", "CN=a\\,b", "CN = \"a,b\"" },
	{ "CN=\\\"q\\\"\\\\", "CN=\\\"q\\\"\\\\", "CN = \\\"q\\\"\\\\" },
	{ "emailAddress=a@example.com,DC=example,DC=com",
	  "emailAddress=a@example.com,DC=example,DC=com",
	  "DC = com, DC = example, emailAddress = a@example.com" },
	{ "serialNumber=00000000ad,UID=u,title=t,GN=g,SN=s,street=x 1,postalCode=1-2",
	  "serialNumber=00000000ad,UID=u,title=t,GN=g,SN=s,street=x 1,postalCode=1-2",
	  "postalCode = 1-2, street = x 1, SN = s, GN = g, title = t, UID = u, serialNumber = "
	  "00000000ad" },
	{ "", "", "" },
};

static void assert_openssl_name(struct bytes der, const char *expected)
{
	const unsigned char *p = der.p;
	X509_NAME *n = d2i_X509_NAME(NULL, &p, (long)der.n);
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_non_null(n);
	X509_NAME_print_ex(out, n, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_CTRL);
	len = BIO_get_mem_data(out, &text);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, (size_t)len);
	BIO_free(out);
	X509_NAME_free(n);
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		SCOPED(buf) der = { 0 };
		SCOPED(buf) again = { 0 };
		SCOPED(buf) text = { 0 };

		OK(dn_parse(names[i].text, NULL, &der));
		OK(dn_check(buf_bytes(&der)));
		OK(dn_text(buf_bytes(&der), &text));
		assert_true(bytes_is(buf_bytes(&text), names[i].rfc4514));
		assert_openssl_name(buf_bytes(&der), names[i].openssl);
		buf_add_u8(&text, 0);
		OK(dn_parse((const char *)text.p, NULL, &again));
		assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&again)));
	}
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *text;
	enum inro_err e;
} refused_names[] = {
	{ "Root", INRO_E_SYNTAX },
	{ "/", INRO_OK }, /* the empty name */
	{ "//CN=x", INRO_E_SYNTAX },
	{ "CN=a,", INRO_E_SYNTAX },
	{ "/CN=a/", INRO_E_SYNTAX },
	{ "CN=", INRO_E_TOO_BIG },
	{ "XX=a", INRO_E_UNSUPPORTED },
	{ "1.2.3=a", INRO_E_UNSUPPORTED },
	{ "CN=a+O=b", INRO_E_UNSUPPORTED },
	{ "/CN=a+O=b", INRO_E_UNSUPPORTED },
	{ "CN=#0c0161", INRO_E_UNSUPPORTED },
	{ "CN=\"a\"", INRO_E_SYNTAX },
	{ "CN=a;O=b", INRO_E_SYNTAX },
	{ "CN=<a>", INRO_E_SYNTAX },
	{ "CN=a\\", INRO_E_SYNTAX },
	{ "CN=a\\00b", INRO_E_SYNTAX },
	{ "CN=a\nb", INRO_E_SYNTAX },
	{ "CN=a\x7f", INRO_E_SYNTAX },
	{ "CN=a\\C2\\85", INRO_E_SYNTAX },	  /* a C1 control */
	{ "CN=\\C0\\AF", INRO_E_SYNTAX },	  /* overlong */
	{ "CN=\\ED\\A0\\80", INRO_E_SYNTAX },	  /* a surrogate */
	{ "CN=\\F4\\90\\80\\80", INRO_E_SYNTAX }, /* beyond U+10FFFF */
	{ "CN=\xff", INRO_E_SYNTAX },
	{ "CN=\xe6\x97", INRO_E_SYNTAX },
	{ "C=JPN", INRO_E_TOO_BIG },
	{ "C=J", INRO_E_TOO_BIG },
	{ "C=J1", INRO_E_SYNTAX },
	{ "C=é1", INRO_E_SYNTAX },
	{ "serialNumber=a_b", INRO_E_SYNTAX },
	{ "emailAddress=é@x", INRO_E_SYNTAX },
	{ "CN=" A64 "a", INRO_E_TOO_BIG },
	{ "CN=" A64, INRO_OK },
	{ "O=${device.id}", INRO_OK }, /* without variables that is only text */
};

static void test_refused_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused_names); i++) {
		SCOPED(buf) der = { 0 };

		buf_add_u8(&der, 0x55);
		assert_int_equal(dn_parse(refused_names[i].text, NULL, &der), refused_names[i].e);
		if (refused_names[i].e)
			assert_int_equal(der.n, 1);
	}
}

static void test_too_many_parts(void **state)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) der = { 0 };

	(void)state;
	for (int i = 0; i < DN_PARTS; i++)
		buf_add_str(&text, "/OU=x");
	buf_add_u8(&text, 0);
	OK(dn_parse((char *)text.p, NULL, &der));
	buf_truncate(&text, text.n - 1);
	buf_add(&text, BYTES("/OU=x", 6));
	buf_reset(&der);
	assert_int_equal(dn_parse((char *)text.p, NULL, &der), INRO_E_TOO_BIG);
	buf_reset(&text);
	for (int i = 0; i < 40; i++)
		buf_add_str(&text, "/SN=" A64 A64);
	buf_add_u8(&text, 0);
	assert_int_equal(dn_parse((char *)text.p, NULL, &der), INRO_E_TOO_BIG);
}

/* A value that comes from a device can't add parts to a name. */
static void test_variables(void **state)
{
	const struct dn_vars evil = { .device_id = "x,O=Evil/CN=y+UID=z",
				      .device_name = "Press 1" };
	const struct dn_vars none = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(buf) text = { 0 };

	(void)state;
	OK(dn_parse("CN=${device.id},OU=at ${device.name}!", &evil, &der));
	OK(dn_text(buf_bytes(&der), &text));
	assert_true(bytes_is(buf_bytes(&text), "CN=x\\,O=Evil/CN=y\\+UID=z,OU=at Press 1!"));
	buf_reset(&der);
	assert_int_equal(dn_parse("CN=${device.id}", &none, &der), INRO_E_NOT_FOUND);
	assert_int_equal(dn_parse("CN=${device.nix}", &evil, &der), INRO_E_NOT_FOUND);
	assert_int_equal(dn_parse("CN=${device.id", &evil, &der), INRO_E_NOT_FOUND);
	OK(dn_parse("CN=$5 {a}", &evil, &der));
}

static void test_type_table(void **state)
{
	(void)state;
	for (size_t i = 0; dn_type_at(i); i++) {
		const struct dn_type *t = dn_type_at(i);
		SCOPED(buf) oid = { 0 };

		der_add_oid(&oid, t->oid);
		OK(buf_err(&oid));
		assert_true(bytes_equal(BYTES(oid.p + 2, oid.n - 2), t->oid_der));
		assert_true(t->min >= 1 && t->min <= t->max);
		assert_ptr_equal(dn_type_find(bytes_of(t->name)), t);
		assert_ptr_equal(dn_type_find(bytes_of(t->long_name)), t);
		assert_int_not_equal(OBJ_txt2nid(t->oid), NID_undef);
		assert_true(i < 64); /* a profile has a bit for each */
	}
}

/* What others write: read for people, refused for a certificate of ours. */
static void test_foreign_names(void **state)
{
	static const uint8_t multi[] = { 0x30, 0x18, 0x31, 0x16, 0x30, 0x09, 0x06, 0x03, 0x55,
					 0x04, 0x03, 0x0c, 0x02, 'a',  'b',  0x30, 0x09, 0x06,
					 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x02, 'c',  'd' };
	static const uint8_t unknown[] = { 0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06,
					   0x03, 0x2a, 0x03, 0x04, 0x0c, 0x01, 'x' };
	static const uint8_t bmp[] = { 0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03,
				       0x55, 0x04, 0x03, 0x1e, 0x02, 0x00, 'x' };
	static const uint8_t empty_set[] = { 0x30, 0x02, 0x31, 0x00 };
	SCOPED(buf) text = { 0 };

	(void)state;
	OK(dn_text(BYTES(multi, sizeof multi), &text));
	assert_true(bytes_is(buf_bytes(&text), "CN=ab+O=cd"));
	assert_int_equal(dn_check(BYTES(multi, sizeof multi)), INRO_E_UNSUPPORTED);
	buf_reset(&text);
	OK(dn_text(BYTES(unknown, sizeof unknown), &text));
	assert_true(bytes_is(buf_bytes(&text), "1.2.3.4=#0c0178") ||
		    bytes_is(buf_bytes(&text), "1.2.3.4=#0c0178"));
	assert_int_equal(dn_check(BYTES(unknown, sizeof unknown)), INRO_E_UNSUPPORTED);
	buf_reset(&text);
	OK(dn_text(BYTES(bmp, sizeof bmp), &text));
	assert_true(bytes_is(buf_bytes(&text), "2.5.4.3=#1e020078"));
	assert_int_equal(dn_check(BYTES(bmp, sizeof bmp)), INRO_E_UNSUPPORTED);
	assert_int_equal(dn_check(BYTES(empty_set, sizeof empty_set)), INRO_E_SYNTAX);
	for (size_t n = 0; n < sizeof multi; n++)
		assert_int_not_equal(dn_check(BYTES(multi, n)), INRO_OK);
}

/* ---- alternative names ---- */

static const struct {
	const char *text, *out; /* out NULL: refused */
} sans[] = {
	{ "DNS:a.example", "DNS:a.example" },
	{ "dns:A-1.example", "DNS:A-1.example" },
	{ "DNS:*.example.com", "DNS:*.example.com" },
	{ "DNS:localhost", "DNS:localhost" },
	{ "DNS:xn--wgv71a.example", "DNS:xn--wgv71a.example" },
	{ "DNS:" A64, NULL },
	{ "DNS:", NULL },
	{ "DNS:a..b", NULL },
	{ "DNS:.a", NULL },
	{ "DNS:a.", NULL },
	{ "DNS:-a.b", NULL },
	{ "DNS:a_b.c", NULL },
	{ "DNS:*", NULL },
	{ "DNS:*.com", NULL },
	{ "DNS:a.*.com", NULL },
	{ "DNS:192.0.2.1", NULL },
	{ "DNS:日本.example", NULL },
	{ "IP:192.0.2.1", "IP:192.0.2.1" },
	{ "IP:2001:db8::1", "IP:2001:db8::1" },
	{ "IP:::ffff:192.0.2.1", "IP:::ffff:192.0.2.1" },
	{ "IP:192.0.2.256", NULL },
	{ "IP:192.0.2", NULL },
	{ "IP:192.0.2.1/24", NULL },
	{ "IP:fe80::1%eth0", NULL },
	{ "IP:", NULL },
	{ "URI:urn:example:dev-1", "URI:urn:example:dev-1" },
	{ "URI:opc.tcp://host:4840/a%20b", "URI:opc.tcp://host:4840/a%20b" },
	{ "URI:relative/path", NULL },
	{ "URI:urn:", NULL },
	{ "URI:1a:b", NULL },
	{ "URI:urn:a b", NULL },
	{ "URI:urn:%zz", NULL },
	{ "URI:urn:%2", NULL },
	{ "URI:urn:é", NULL },
	{ "URI:urn:\"", NULL },
	{ "email:a.b+c@example.com", "email:a.b+c@example.com" },
	{ "email:a@b@c", NULL },
	{ "email:@b", NULL },
	{ "email:a@", NULL },
	{ "email:.a@b", NULL },
	{ "email:a..b@c", NULL },
	{ "email:a b@c", NULL },
	{ "otherName:x", NULL },
	{ "example.com", NULL },
	{ ":x", NULL },
};

static bool libcrypto_says_same(struct bytes a, struct bytes b)
{
	const unsigned char *p = a.p, *q = b.p;
	X509_NAME *x = d2i_X509_NAME(NULL, &p, (long)a.n), *y = d2i_X509_NAME(NULL, &q, (long)b.n);
	bool same;

	assert_non_null(x);
	assert_non_null(y);
	same = X509_NAME_cmp(x, y) == 0;
	X509_NAME_free(x);
	X509_NAME_free(y);
	return same;
}

static void test_same_names(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "/O=Example/CN=Root", "/O=Example/CN=Root", true },
		{ "/O=Example/CN=Root", "/O=eXAMPLE/CN=ROOT", true },
		{ "/O=An Example/CN=Root", "/O=an   example/CN=\\ Root\\ ", true },
		{ "/CN=プレス", "/CN=プレス", true },
		{ "/CN=É", "/CN=é", false },
		{ "/O=Example/CN=Root", "/CN=Root/O=Example", false },
		{ "/O=Example/CN=Root", "/O=Example", false },
		{ "/O=Example", "/O=Example/CN=Root", false },
		{ "/CN=Root", "/O=Root", false },
		{ "/CN=Root", "/CN=Roots", false },
		{ "/CN=An Example", "/CN=AnExample", false },
		{ "/C=JP", "/C=jp", true },
		{ "", "", true },
		{ "", "/CN=Root", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		SCOPED(buf) a = { 0 };
		SCOPED(buf) b = { 0 };

		OK(dn_parse(pairs[i].a, NULL, &a));
		OK(dn_parse(pairs[i].b, NULL, &b));
		if (dn_same(buf_bytes(&a), buf_bytes(&b)) != pairs[i].same)
			fail_msg("'%s' and '%s'", pairs[i].a, pairs[i].b);
		assert_int_equal(libcrypto_says_same(buf_bytes(&a), buf_bytes(&b)), pairs[i].same);
	}
	assert_false(dn_same(BYTES("\x30\x01", 2), BYTES("\x30\x00", 2)));
}

static void test_sans(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sans); i++) {
		SCOPED(buf) names_der = { 0 };
		SCOPED(buf) text = { 0 };

		if (!sans[i].out) {
			assert_int_not_equal(san_add(&names_der, sans[i].text), INRO_OK);
			assert_int_equal(names_der.n, 0);
			continue;
		}
		OK(san_add(&names_der, sans[i].text));
		OK(san_add(&names_der, sans[i].text)); /* once is enough */
		OK(san_check(buf_bytes(&names_der)));
		OK(san_text(buf_bytes(&names_der), &text));
		assert_true(bytes_is(buf_bytes(&text), sans[i].out));
	}
}

static void test_san_list(void **state)
{
	SCOPED(buf) list = { 0 };
	SCOPED(buf) seq = { 0 };
	const unsigned char *p;
	GENERAL_NAMES *g;

	(void)state;
	OK(san_add(&list, "DNS:a.example"));
	OK(san_add(&list, "IP:192.0.2.1"));
	OK(san_add(&list, "URI:urn:x:y"));
	OK(san_add(&list, "email:a@b.example"));
	assert_int_equal(san_kinds(buf_bytes(&list)), 15);
	assert_false(san_has_wildcard(buf_bytes(&list)));
	der_add(&seq, DER_SEQUENCE, buf_bytes(&list));
	p = seq.p;
	g = d2i_GENERAL_NAMES(NULL, &p, (long)seq.n);
	assert_int_equal(sk_GENERAL_NAME_num(g), 4);
	assert_int_equal(sk_GENERAL_NAME_value(g, 0)->type, GEN_DNS);
	assert_int_equal(sk_GENERAL_NAME_value(g, 1)->type, GEN_IPADD);
	assert_int_equal(sk_GENERAL_NAME_value(g, 2)->type, GEN_URI);
	assert_int_equal(sk_GENERAL_NAME_value(g, 3)->type, GEN_EMAIL);
	GENERAL_NAMES_free(g);
	for (size_t n = 1; n < list.n; n++)
		if (san_check(BYTES(list.p, n)) == INRO_OK) /* between two names */
			assert_true(n == 11 || n == 17 || n == 26);
}

static void test_san_bounds(void **state)
{
	static const uint8_t nul[] = { 0x82, 0x03, 'a', 0, 'b' };
	static const uint8_t other[] = { 0xa0, 0x00 };
	static const uint8_t alien[] = { 0x0c, 0x01, 'a' };
	static const uint8_t ip5[] = { 0x87, 0x05, 1, 2, 3, 4, 5 };
	SCOPED(buf) list = { 0 };

	(void)state;
	assert_int_equal(san_check(BYTES(nul, sizeof nul)), INRO_E_SYNTAX);
	assert_int_equal(san_check(BYTES(other, sizeof other)), INRO_E_UNSUPPORTED);
	assert_int_equal(san_check(BYTES(alien, sizeof alien)), INRO_E_SYNTAX);
	assert_int_equal(san_check(BYTES(ip5, sizeof ip5)), INRO_E_SYNTAX);
	for (int i = 0; i <= SAN_MAX; i++) {
		char name[32];

		if (i == SAN_MAX)
			OK(san_check(buf_bytes(&list)));
		snprintf(name, sizeof name, "DNS:h%d.example", i);
		OK(san_add(&list, name));
	}
	assert_int_equal(san_check(buf_bytes(&list)), INRO_E_TOO_BIG);
}

/* ---- PEM ---- */

static void test_pem(void **state)
{
	uint8_t data[200];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n < sizeof data; n++) {
		SCOPED(buf) pem = { 0 };
		SCOPED(buf) der = { 0 };
		BIO *bio;
		char *name, *header;
		unsigned char *out;
		long out_n;
		struct bytes text;

		pem_add(&pem, "THING", BYTES(data, n));
		OK(buf_err(&pem));
		text = buf_bytes(&pem);
		OK(pem_next(&text, "THING", &der));
		assert_true(bytes_equal(buf_bytes(&der), BYTES(data, n)));
		if (n == 0)
			continue;
		bio = BIO_new_mem_buf(pem.p, (int)pem.n);
		assert_int_equal(PEM_read_bio(bio, &name, &header, &out, &out_n), 1);
		assert_true(bytes_equal(BYTES(out, (size_t)out_n), BYTES(data, n)));
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(out);
		BIO_free(bio);
	}
}

static const struct {
	const char *text;
	enum inro_err e;
} pems[] = {
	{ "-----BEGIN A-----\nAAAA\n-----END A-----\n", INRO_OK },
	{ "words\n-----BEGIN B-----\nx!\n-----END B-----\n-----BEGIN A-----\nAAAA\n-----END A-----",
	  INRO_OK },
	{ "-----BEGIN A-----\r\nAA\r\nAA\r\n-----END A-----\r\n", INRO_OK },
	{ "-----BEGIN A-----\nAAAAAAA\nA A\tAAAAAAAA\nAAAAAAA AA==\n-----END A-----\n", INRO_OK },
	{ "-----BEGIN A-----\nAAAAAAA\nA AAAAAAA*AAAA\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAAAAAA\xc3\xa9\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAAAA\n-----END B-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAAAA\n", INRO_E_SYNTAX },
	{ "-----BEGIN A\nAAAA\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAAA\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nA===\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAA==AAAA\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAA=A\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAB==\n-----END A-----\n", INRO_E_SYNTAX }, /* bits left over */
	{ "-----BEGIN A-----\nAA_A\n-----END A-----\n", INRO_E_SYNTAX },
	{ "-----BEGIN A-----\nAAAA\n-----END A----", INRO_E_SYNTAX },
	{ "-----BEGIN ", INRO_E_SYNTAX },
	{ "", INRO_E_NOT_FOUND },
};

static void test_broken_pem(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
		SCOPED(buf) der = { 0 };
		struct bytes text = bytes_of(pems[i].text);

		assert_int_equal(pem_next(&text, "A", &der), pems[i].e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	       cmocka_unit_test(test_refused_names),
		cmocka_unit_test(test_too_many_parts), cmocka_unit_test(test_variables),
		cmocka_unit_test(test_type_table),     cmocka_unit_test(test_foreign_names),
		cmocka_unit_test(test_sans),	       cmocka_unit_test(test_san_list),
		cmocka_unit_test(test_san_bounds),     cmocka_unit_test(test_pem),
		cmocka_unit_test(test_broken_pem),     cmocka_unit_test(test_same_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
