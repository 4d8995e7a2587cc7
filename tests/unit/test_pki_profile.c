/* Profiles: every field read and written back, each nonsense refused, documents and files compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/ext.h"
#include "backoffice/pki/profile.h"
#include "backoffice/pki/san.h"
#include "base/file.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define HEAD "[profile]\nname = p\n[validity]\nperiod = 1y\n[key]\ntypes = ec-p256 rsa\n"

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
	assert_int_equal(p.key_types, 1u << PKI_EC_P256 | 1u << PKI_RSA);
	assert_int_equal(p.rsa_min, 2048);
	assert_int_equal(p.hash, PKI_HASH_NONE);
	assert_int_equal(p.path_len, EXT_PATH_LEN_NONE);
	assert_int_equal(p.san_allowed, 0);
	assert_false(p.ca);
	assert_null(p.subject_default);
	assert_null(p.crl_url);
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
			 "[extensions]\ncrl_url = http://x/${ca.name}\nocsp_nocheck = yes\n"),
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
					     "devid",	   "ocsp-signer", "code-signing" };
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),	 cmocka_unit_test(test_most),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_builtins), cmocka_unit_test(test_files),
		cmocka_unit_test(test_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
