/* test_pki_own - what a profile adds of its own: extensions by OID, variables, PSS signatures; as
 * libcrypto reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "backoffice/pki/issue.h"
#include "tests/lib/judge.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define NOW   INT64_C(1900000000)
#define HEAD  "[profile]\nname = own\n[validity]\nperiod = 30d\n[key]\ntypes = ec-p256\n"
#define USES  "[usage]\nkey_usage = digitalSignature\n"

static struct judge_ca root, rsa_root;
static EVP_PKEY *ec;

static int setup(void **state)
{
	(void)state;
	judge_ca_make("P-256", "/O=Example/CN=Root", NULL, NOW - 86400, &root);
	judge_ca_make("rsa:3072", "/O=Example/CN=RSA Root", NULL, NOW - 86400, &rsa_root);
	ec = judge_key("P-256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	judge_ca_clear(&root);
	judge_ca_clear(&rsa_root);
	EVP_PKEY_free(ec);
	return 0;
}

static const struct dn_var attrs[] = { { "line", "7" }, { "Halle", "\xe5\x8d\xb0" } };
static const struct dn_vars device = {
	.device_id = "pump-1",
	.device_serial = "SN/7,O=x",
	.device_mac = "02:00:00:00:00:01",
	.device_ip = "192.0.2.7",
	.device_group = "plant/hall3",
	.attrs = attrs,
	.attrs_n = ARRAY_LEN(attrs),
};

static enum inro_err issue(const char *text, const struct judge_ca *ca, struct buf *ret)
{
	SCOPED(profile) p = { 0 };
	SCOPED(buf) spki = { 0 };
	struct pubkey pub;
	uint8_t serial[CERT_SERIAL_OCTETS];
	struct issue in = { .profile = &p,
			    .issuer = &ca->cert,
			    .key = &pub,
			    .vars = device,
			    .serial = BYTES(serial, sizeof serial),
			    .now = NOW,
			    .path_len = EXT_PATH_LEN_NONE };

	OK(profile_read(bytes_of(text), "own.ini", &p));
	judge_spki(ec, &spki);
	OK(pubkey_read(buf_bytes(&spki), &pub));
	OK(cert_serial(serial));
	return judge_issue(&in, ca->key, ret);
}

/* The value of an extension in hexadecimal digits, and whether it is critical. */
static void assert_ext(X509 *x, const char *oid, bool critical, const char *hex)
{
	ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *ext = X509_get_ext(x, X509_get_ext_by_OBJ(x, o, -1));
	SCOPED(buf) text = { 0 };

	assert_non_null(ext);
	assert_int_equal(X509_EXTENSION_get_critical(ext), critical);
	buf_add_hex(&text, BYTES(ASN1_STRING_get0_data(X509_EXTENSION_get_data(ext)),
				 (size_t)ASN1_STRING_length(X509_EXTENSION_get_data(ext))));
	buf_add_u8(&text, 0);
	assert_string_equal((char *)text.p, hex);
	ASN1_OBJECT_free(o);
}

static const struct {
	const char *value, *hex;
	bool critical;
} values[] = {
	{ "DER:3003020105", "3003020105", false },
	{ "critical, NULL:", "0500", true },
	{ "UTF8:${device.attr.Halle} ${device.attr.line}", "0c05e58db02037", false },
	{ "critical,IA5:${device.group}", "160b706c616e742f68616c6c33", true },
	{ "PRINTABLE:pump", "130470756d70", false },
	{ "OCTETS:00ff", "040200ff", false },
	{ "INTEGER:-1", "0201ff", false },
	{ "INTEGER:300", "0202012c", false },
	{ "BOOLEAN:yes", "0101ff", false },
	{ "BOOLEAN:no", "010100", false },
	{ "OID:1.3.6.1.4.1.99999.1",
	  "06092b0601040186"
	  "8d1f01",
	  false },
	{ "OIDS:1.2.3 2.5.4.3", "300906022a030603550403", false },
};

static void test_extensions(void **state)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) der = { 0 };
	X509 *x;

	(void)state;
	buf_add_str(&text, HEAD USES "[subject]\ndefault = CN=${device.id}\n[extensions]\n");
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		buf_addf(&text, "1.3.6.1.4.1.99999.%zu = %s\n", i, values[i].value);
	buf_add_u8(&text, 0);
	OK(issue((char *)text.p, &root, &der));
	x = judge_x509(buf_bytes(&der));
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		char oid[40];

		snprintf(oid, sizeof oid, "1.3.6.1.4.1.99999.%zu", i);
		assert_ext(x, oid, values[i].critical, values[i].hex);
	}
	X509_free(x);
}

static void test_variable_without_value(void **state)
{
	SCOPED(buf) der = { 0 };

	(void)state;
	assert_int_equal(issue(HEAD USES "[subject]\ndefault = CN=x\n[extensions]\n1.2.3.4 = "
					 "UTF8:${device.attr.nix}\n",
			       &root, &der),
			 INRO_E_POLICY);
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "1.2.3.4 by profile own"));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "${device.attr.nix}"));
}

/* A value adds no part to a name; a default without a value is left out. */
static void test_variables(void **state)
{
	SCOPED(buf) der = { 0 };
	char name[256];
	GENERAL_NAMES *names;
	X509 *x;

	(void)state;
	OK(issue(HEAD USES "[subject]\nallowed = CN serialNumber OU\n"
			   "default = CN=${device.id},serialNumber=${device.attr.line},"
			   "OU=${device.serial}\n"
			   "[san]\nallowed = DNS IP URI\ndefault = IP:${device.ip} "
			   "URI:urn:mac:${device.mac} DNS:${device.hostname}\n",
		 &root, &der));
	x = judge_x509(buf_bytes(&der));
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 3);
	assert_int_equal(X509_NAME_get_text_by_NID(X509_get_subject_name(x),
						   NID_organizationalUnitName, name, sizeof name),
			 8);
	assert_string_equal(name, "SN/7,O=x");
	names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 2);
	GENERAL_NAMES_free(names);
	X509_free(x);
}

static void test_pss(void **state)
{
	static const struct {
		const char *hash;
		int nid, salt;
	} rows[] = { { "auto", NID_sha256, 32 },
		     { "sha384", NID_sha384, 48 },
		     { "sha512", NID_sha512, 64 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) der = { 0 };
		char text[256];
		int nid, key, bits;
		uint32_t flags;
		X509 *x;

		snprintf(text, sizeof text,
			 HEAD "padding = pss\nhash = %s\n" USES
			      "[subject]\ndefault = CN=${device.id}\n",
			 rows[i].hash);
		OK(issue(text, &rsa_root, &der));
		x = judge_x509(buf_bytes(&der));
		assert_int_equal(X509_get_signature_nid(x), NID_rsassaPss);
		assert_int_equal(X509_get_signature_info(x, &nid, &key, &bits, &flags), 1);
		assert_int_equal(nid, rows[i].nid);
		assert_int_equal(X509_verify(x, rsa_root.key), 1);
		X509_free(x);
	}
}

/* A CA's key of another kind signs as it can. */
static void test_pss_by_ec(void **state)
{
	SCOPED(buf) der = { 0 };
	X509 *x;

	(void)state;
	OK(issue(HEAD "padding = pss\n" USES "[subject]\ndefault = CN=x\n", &root, &der));
	x = judge_x509(buf_bytes(&der));
	assert_int_equal(X509_get_signature_nid(x), NID_ecdsa_with_SHA256);
	X509_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extensions), cmocka_unit_test(test_variable_without_value),
		cmocka_unit_test(test_variables),  cmocka_unit_test(test_pss),
		cmocka_unit_test(test_pss_by_ec),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
