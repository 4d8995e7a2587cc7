/* Profiles: every field read and written back, each nonsense refused, documents and files compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/ext.h"
#include "backoffice/pki/extval.h"
#include "backoffice/pki/profile.h"
#include "backoffice/pki/san.h"
#include "base/file.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define HEAD "[profile]\nname = p\n[validity]\nperiod = 1y\n[key]\ntypes = ec-p256 rsa\n"

#define CA_HEAD HEAD "[usage]\nkey_usage = keyCertSign\n[constraints]\nca = yes\n[extensions]\n"

static enum inro_err read_text(const char *text)
{
	SCOPED(profile) p = { 0 };

	return profile_read(bytes_of(text), "p.ini", &p);
}

static void test_least(void **state)
{
	SCOPED(profile) p = { 0 };

	(void)state;
	OK(profile_read(bytes_of(HEAD), "p.ini", &p));
	assert_string_equal(p.name, "p");
	assert_null(p.title);
	assert_int_equal(p.seconds, 365 * 86400);
	assert_int_equal(p.backdate_minutes, 5);
	assert_int_equal(p.beyond_ca, PROFILE_BEYOND_CUT);
	assert_int_equal(p.key_types, PKI_KEY_BIT(PKI_EC_P256) | PKI_KEY_BIT(PKI_RSA));
	assert_int_equal(p.rsa_min, 2048);
	assert_int_equal(p.hash, PKI_HASH_NONE);
	assert_int_equal(p.path_len, EXT_PATH_LEN_NONE);
	assert_int_equal(p.san_allowed, 0);
	assert_false(p.ca);
	assert_null(p.subject_default);
	assert_null(p.crl_url);
	assert_int_equal(p.padding, 0);
	assert_int_equal(p.exts.n, 0);
	assert_true(p.reuse_key && !p.approve);
	assert_int_equal(p.overlap, 0);
}

static void test_most(void **state)
{
	SCOPED(profile) p = { 0 };

	(void)state;
	OK(profile_read(
		bytes_of("[profile]\nname = all-1\ntitle = 日本 all\n"
			 "[validity]\nperiod = 36h\nbackdate = 0\nbeyond_ca = refuse\n"
			 "[key]\ntypes = rsa\nrsa_min = 3072\nrsa_max = 8192\nhash = sha384\n"
			 "[subject]\nallowed = CN organizationName UID\nrequired = CN UID\n"
			 "default = UID=1,CN=${device.id}\nsource = profile\n"
			 "bind = CN UID\n"
			 "[san]\nallowed = URI dns ip\nrequired = URI DNS|IP\n"
			 "default = URI:urn:${device.id} DNS:${device.id}\nwildcard = yes\n"
			 "[usage]\nkey_usage = digitalSignature\n"
			 "key_usage_rsa = keyEncipherment\nkey_usage_ec = keyAgreement\n"
			 "extended = OCSPSigning clientAuth\nextended_critical = yes\n"
			 "[extensions]\ncrl_url = http://x/${ca.name}\nocsp_url = ${device.attr.at}\n"
			 "issuer_url = ${device.attr.at}/ca\nocsp_nocheck = yes\n"
			 "1.2.3.4 = critical, UTF8:${device.attr.line} in\n1.2.3.4 = + "
			 "${device.group}\n"
			 "1.2.3.5 = DER:0500\n"
			 "[issuing]\napprove = yes\n[renewal]\nreuse_key = no\noverlap = 7d\n"),
		"p.ini", &p));
	assert_int_equal(p.seconds, 36 * 3600);
	assert_int_equal(p.beyond_ca, PROFILE_BEYOND_REFUSE);
	assert_int_equal(p.rsa_max, 8192);
	assert_int_equal(p.hash, PKI_SHA384);
	assert_int_equal(p.subject_source, 1);
	assert_int_equal(p.subject_bind, p.subject_required);
	assert_true(p.san_wildcard && p.extended_critical && p.ocsp_nocheck);
	assert_int_equal(p.san_allowed, 1 << SAN_URI | 1 << SAN_DNS | 1 << SAN_IP);
	assert_int_equal(p.san_required.n, 2);
	assert_int_equal(p.san_required.bits[0], 1 << SAN_URI);
	assert_int_equal(p.san_required.bits[1], 1 << SAN_DNS | 1 << SAN_IP);
	assert_int_equal(p.extended, EKU_OCSP_SIGNING | EKU_CLIENT_AUTH);
	assert_int_equal(p.key_usage_ec, USAGE_KEY_AGREEMENT);
	assert_true(p.approve && !p.reuse_key);
	assert_int_equal(p.overlap, 7 * 86400);
	assert_int_equal(p.exts.n, 2);
	assert_string_equal(p.exts.items[0].value,
			    "critical, UTF8:${device.attr.line} in ${device.group}");
	assert_true(profile_mentions(&p, "${device.group}") &&
		    profile_mentions(&p, "${device.attr."));
	assert_false(profile_mentions(&p, "${device.mac}"));
}

static const struct {
	const char *text, *says;
} refused[] = {
	{ "", "[profile] name is missing" },
	{ "[profile]\nname = p\n", "[validity] period is missing" },
	{ HEAD "[nix]\na = b\n", "[nix] a: no profile has that" },
	{ HEAD "[key]\nsize = 1\n", "[key] size: no profile has that" },
	{ HEAD "[key]\nrsa_min = 2048\nrsa_min = 3072\n", "given twice" },
	{ HEAD "nonsense\n", "p.ini, line 7" },
	{ "[profile]\nname = P\n", "[profile] name = P" },
	{ "[profile]\nname = ../p\n", "not a-z" },
	{ "[profile]\nname =\n", "not a-z" },
	{ HEAD "[validity]\nbackdate = -1\n", "not minutes" },
	{ HEAD "[validity]\nbackdate = 1441\n", "not minutes" },
	{ HEAD "[validity]\nbeyond_ca = maybe\n", "not cut, refuse or allow" },
	{ "[profile]\nname = p\n[validity]\nperiod = 10x\n", "period = 10x: not NUMBERy" },
	{ "[profile]\nname = p\n[validity]\nperiod = 0d\n", "period" },
	{ "[profile]\nname = p\n[validity]\nperiod = 1001y\n", "period" },
	{ "[profile]\nname = p\n[validity]\nperiod = 99999999999999999999d\n", "period" },
	{ "[profile]\nname = p\n[validity]\nperiod = d\n", "period" },
	{ "[profile]\nname = p\n[validity]\nperiod = 1 y\n", "period" },
	{ "[profile]\nname = p\n[validity]\nperiod = 1y\n[key]\ntypes =\n", "there is none" },
	{ "[profile]\nname = p\n[validity]\nperiod = 1y\n[key]\ntypes = dsa\n", "types = dsa" },
	{ HEAD "[key]\nrsa_min = 1024\n", "rsa_min = 1024" },
	{ HEAD "[key]\nrsa_min = 4096\nrsa_max = 3072\n", "rsa_min is above rsa_max" },
	{ HEAD "[key]\nhash = md5\n", "hash = md5" },
	{ HEAD "[subject]\nallowed = CN CN\n", "allowed = CN CN" },
	{ HEAD "[subject]\nallowed = XX\n", "allowed = XX" },
	{ HEAD "[subject]\nrequired = title\n", "what is required is not allowed" },
	{ HEAD "[subject]\nsource = profile\n", "needs a default" },
	{ HEAD "[subject]\nsource = me\n", "source = me" },
	{ HEAD "[subject]\ndefault = CN=${device.nix}\n", "default is not a name" },
	{ HEAD "[subject]\nbind = yes\n", "bind = yes: not attribute types" },
	{ HEAD "[subject]\nbind = CN UID\n", "what is bound is not allowed" },
	{ HEAD "[san]\nrequired = DNS\n", "what is required is not allowed" },
	{ HEAD "[san]\nallowed = DNS\nrequired = DNS|\n", "required = DNS|" },
	{ HEAD "[san]\nallowed = DNS\nrequired = DNS DNS DNS DNS DNS DNS DNS DNS DNS\n",
	  "required =" },
	{ HEAD "[san]\nallowed = other\n", "allowed = other" },
	{ HEAD "[san]\nallowed = DNS\ndefault = ${device.id}\n", "[san] default" },
	{ HEAD "[san]\nallowed = DNS\ndefault = URI:urn:x\n", "[san] default" },
	{ HEAD "[usage]\nkey_usage = signing\n", "key_usage = signing" },
	{ HEAD "[usage]\nkey_usage = keyEncipherment\n", "key_usage_rsa" },
	{ HEAD "[usage]\nkey_usage_rsa = keyAgreement\n", "key_usage_ec" },
	{ HEAD "[usage]\nkey_usage = keyCertSign\n", "go together" },
	{ HEAD "[constraints]\nca = yes\n", "go together" },
	{ HEAD "[constraints]\npath_len = 1\n", "path_len is for a CA" },
	{ HEAD "[constraints]\npath_len = 256\n", "path_len = 256" },
	{ HEAD "[extensions]\nocsp_nocheck = yes\n", "OCSPSigning" },
	{ HEAD "[extensions]\ncrl_url = http://x/${ca.nix}\n", "crl_url: there is no value here for ${ca.nix}" },
	{ HEAD "[extensions]\ncrl_url = http://x/${ca.name}-${shard}\n", "crl_url: there is no value here for ${shard}" },
	{ HEAD "[extensions]\nocsp_url = http://x/${ca.name\n", "ocsp_url: there is no value" },
	{ HEAD "[extensions]\nissuer_url = not a uri\n", "issuer_url: " },
	{ HEAD "[key]\npadding = oaep\n", "not pkcs1 or pss" },
	{ HEAD "[renewal]\noverlap = forever\n", "overlap = forever" },
	{ HEAD "[renewal]\noverlap = 0d\n", "overlap = 0d" },
	{ HEAD "[subject]\ndefault = CN=${device.attr}\n", "default is not a name" },
	{ HEAD "[extensions]\nOID = NULL:\n", "OID = NULL:" },
	{ HEAD "[extensions]\n1.2.3 = 05\n", "begins with one of DER:, UTF8:" },
	{ HEAD "[extensions]\n1.2.3 = DER:\n", "hexadecimal" },
	{ HEAD "[extensions]\n1.2.3 = DER:050\n", "hexadecimal" },
	{ HEAD "[extensions]\n1.2.3 = DER:05000500\n", "not one DER element" },
	{ HEAD "[extensions]\n1.2.3 = DER:0501\n", "not one DER element" },
	{ HEAD "[extensions]\n1.2.3 = UTF8:${device.nix}\n", "${device.nix}" },
	{ HEAD "[extensions]\n1.2.3 = IA5:\xc3\xa4\n", "IA5" },
	{ HEAD "[extensions]\n1.2.3 = PRINTABLE:a*b\n", "PRINTABLE" },
	{ HEAD "[extensions]\n1.2.3 = INTEGER:1x\n", "number" },
	{ HEAD "[extensions]\n1.2.3 = INTEGER:\n", "number" },
	{ HEAD "[extensions]\n1.2.3 = INTEGER:\t1\n", "-9223372036854775808 to 9223372036854775807" },
	{ HEAD "[extensions]\n1.2.3 = INTEGER:+1\n", "digits alone" },
	{ HEAD "[extensions]\n1.2.3 = INTEGER:9223372036854775808\n", "to 9223372036854775807" },
	{ HEAD "[extensions]\n1.2.3 = BOOLEAN:true\n", "yes or no" },
	{ HEAD "[extensions]\n1.2.3 = NULL:1\n", "NULL has no value" },
	{ HEAD "[extensions]\n1.2.3 = OID:1.99999\n", "no OID" },
	{ HEAD "[extensions]\n1.2.3 = OIDS:\n", "without an OID" },
	{ HEAD "[extensions]\n1..3 = NULL:\n", "no OID" },
	{ HEAD "[extensions]\n9.9 = NULL:\n", "no OID" },
	{ HEAD "[extensions]\n1.2.3 = NULL:\n1.2.3 = NULL:\n", "given twice" },
	{ HEAD "[extensions]\n1.2.3 = + 05\n", "begins with one of" },
	{ HEAD "[extensions]\n2.5.29.15 = DER:03020780\n", "Inro writes this one itself" },
	{ HEAD "[extensions]\n2.5.29.17 = DER:3000\n", "Inro writes this one itself" },
	{ HEAD "[extensions]\n2.5.29.20 = DER:020101\n", "Inro writes this one itself" },
	{ HEAD "[extensions]\n2.5.29.36 = critical, DER:3003800100\n", "only a CA's" },
	{ HEAD "[extensions]\n2.5.29.54 = critical, INTEGER:0\n", "only a CA's" },
	{ CA_HEAD "2.5.29.30 = DER:3007a0053003820161\n", "must be critical" },
	{ CA_HEAD "2.5.29.36 = DER:3003800100\n", "must be critical" },
	{ CA_HEAD "2.5.29.54 = INTEGER:0\n", "must be critical" },
	{ HEAD "[extensions]\n2.5.29.46 = critical, DER:3000\n", "must not be critical" },
	{ HEAD "[extensions]\n2.5.29.9 = critical, DER:3000\n", "must not be critical" },
	{ HEAD "[extensions]\n1.3.6.1.5.5.7.1.11 = critical, DER:3000\n", "must not be critical" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_int_equal(read_text(refused[i].text), INRO_E_CONFIG);
		if (!strstr(err_detail(INRO_E_CONFIG), refused[i].says))
			fail_msg("'%s' is not in '%s'", refused[i].says, err_detail(INRO_E_CONFIG));
		assert_non_null(strstr(err_detail(INRO_E_CONFIG), "p.ini"));
	}
}

/* By the rules of then: what was taken before some of these goes on. */
static void test_on_record(void **state)
{
	static const struct {
		const char *text;
		enum inro_err code;
	} rows[] = {
		{ HEAD "[extensions]\n2.5.29.54 = critical, INTEGER:0\n", INRO_OK },
		{ CA_HEAD "2.5.29.30 = DER:3007a0053003820161\n", INRO_OK },
		{ HEAD "[extensions]\n2.5.29.9 = critical, DER:3000\n", INRO_OK },
		{ HEAD "[extensions]\ncrl_url = http://x/${ca.nix}\n", INRO_OK },
		{ HEAD "[extensions]\n2.5.29.36 = critical, DER:3003800100\n", INRO_E_CONFIG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(profile) p = { 0 };

		assert_int_equal(profile_read_record(bytes_of(rows[i].text), "p.ini", &p), rows[i].code);
	}
}

static void test_too_many_extensions(void **state)
{
	SCOPED(buf) text = { 0 };

	(void)state;
	buf_add_str(&text, HEAD "[extensions]\n");
	for (int i = 0; i <= PROFILE_EXTS; i++)
		buf_addf(&text, "1.2.3.%d = NULL:\n", i);
	buf_add_u8(&text, 0);
	assert_int_equal(read_text((char *)text.p), INRO_E_TOO_BIG);
}

static void test_too_long(void **state)
{
	char *text = malloc(PROFILE_MAX + 2);

	(void)state;
	memset(text, '\n', PROFILE_MAX + 1);
	text[PROFILE_MAX + 1] = '\0';
	assert_int_equal(read_text(text), INRO_E_TOO_BIG);
	free(text);
}

/* The profile as a file again, with every field written out. */
static void write_out(const struct profile *p, struct buf *out)
{
	const char *section = "";

	for (size_t i = 0; profile_field_at(i); i++) {
		const struct profile_field *f = profile_field_at(i);

		if (strcmp(section, f->section) != 0)
			buf_addf(out, "[%s]\n", f->section);
		section = f->section;
		buf_addf(out, "%s = ", f->key);
		profile_field_text(p, i, out);
		buf_add_u8(out, '\n');
	}
	OK(buf_err(out));
}

static void test_builtins(void **state)
{
	static const char *const names[] = { "root-ca",	   "sub-ca",	  "tls-server",
					     "tls-client", "mqtt-client", "opcua-application",
					     "devid",	   "ocsp-signer", "ra-signer",
					     "code-signing" };
	size_t n = 0;

	(void)state;
	for (; profile_builtin_at(n); n++) {
		SCOPED(profile) p = { 0 };
		SCOPED(profile) again = { 0 };
		SCOPED(buf) text = { 0 };
		SCOPED(buf) second = { 0 };

		assert_true(n < ARRAY_LEN(names));
		assert_string_equal(profile_builtin_at(n), names[n]);
		OK(profile_builtin(names[n], &p));
		assert_string_equal(p.name, names[n]);
		assert_non_null(p.title);
		write_out(&p, &text);
		OK(profile_read(buf_bytes(&text), "again", &again));
		write_out(&again, &second);
		assert_true(bytes_equal(buf_bytes(&text), buf_bytes(&second)));
	}
	assert_int_equal(n, ARRAY_LEN(names));
	assert_null(profile_builtin_text("nix"));
	SCOPED(profile) none = { 0 };
	assert_int_equal(profile_builtin("nix", &none), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "opcua-application"));
}

static void read_source(const char *path, struct buf *ret)
{
	const char *source = getenv("INRO_TEST_SOURCE");
	AUTO(free_chars) char *whole = file_join(source ? source : ".", path);

	OK(file_read(whole, (size_t)1 << 20, ret));
}

/* What is compiled in is what the files in the tree, which are installed, say. */
static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; profile_builtin_at(i); i++) {
		SCOPED(buf) file = { 0 };
		char path[128];

		snprintf(path, sizeof path, "backoffice/pki/profiles/%s.ini",
			 profile_builtin_at(i));
		read_source(path, &file);
		assert_true(
			bytes_is(buf_bytes(&file), profile_builtin_text(profile_builtin_at(i))));
	}
}

/* A row of the page's table for every field, and a line for every built-in profile. */
static void test_document(void **state)
{
	SCOPED(buf) page = { 0 };
	size_t rows = 0;
	const char *at;

	(void)state;
	read_source("docs/profiles.md", &page);
	buf_add_u8(&page, 0);
	for (size_t i = 0; profile_field_at(i); i++) {
		const struct profile_field *f = profile_field_at(i);
		SCOPED(buf) row = { 0 };
		const char *initial = !f->initial   ? "(must be given)"
				      : *f->initial ? f->initial
						    : "–";

		buf_addf(&row, "| `[%s]` `%s` | ", f->section, f->key);
		for (const char *c = f->values; *c; c++)
			buf_addf(&row, *c == '|' ? "\\|" : "%c", *c);
		buf_addf(&row, " | %s | %s |\n", initial, f->help);
		buf_add_u8(&row, 0);
		if (!strstr((char *)page.p, (char *)row.p))
			fail_msg("docs/profiles.md lacks: %s", (char *)row.p);
	}
	for (at = (char *)page.p; (at = strstr(at, "\n| `[")); at++)
		rows++;
	for (size_t i = 0; profile_field_at(i); i++)
		rows--;
	assert_int_equal(rows, 0);
	for (size_t i = 0; profile_builtin_at(i); i++) {
		char word[64];

		snprintf(word, sizeof word, "\n| `%s` |", profile_builtin_at(i));
		assert_non_null(strstr((char *)page.p, word));
	}
}

/* Every type of an extension's value. */
static void test_types_documented(void **state)
{
	SCOPED(buf) page = { 0 };
	const char *help;

	(void)state;
	read_source("docs/profiles.md", &page);
	buf_add_u8(&page, 0);
	for (size_t i = 0; extval_type_at(i, &help); i++) {
		char row[128];

		snprintf(row, sizeof row, "\n| `%s` | %s |\n", extval_type_at(i, &help), help);
		if (!strstr((char *)page.p, row))
			fail_msg("docs/profiles.md lacks:%s", row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_most),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_builtins),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_on_record),
		cmocka_unit_test(test_too_many_extensions),
		cmocka_unit_test(test_types_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
