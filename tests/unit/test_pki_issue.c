/* Certificates by each profile: what libcrypto sees in them, and what is refused before a
 * signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/san.h"
#include "tests/lib/wish.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define NOW   WISH_NOW
#define DAY   INT64_C(86400)

static struct judge_ca root, issuing, rsa_root;
static EVP_PKEY *ec, *rsa;

static int setup(void **state)
{
	(void)state;
	judge_ca_make("P-384", "/O=Example/CN=Root", NULL, NOW - DAY, &root);
	judge_ca_make("P-256", "/O=Example/CN=Issuing", &root, NOW - DAY, &issuing);
	judge_ca_make("rsa:3072", "/O=Example/CN=RSA Root", NULL, NOW - DAY, &rsa_root);
	ec = judge_key("P-256");
	rsa = judge_key("rsa:2048");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	judge_ca_clear(&root);
	judge_ca_clear(&issuing);
	judge_ca_clear(&rsa_root);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
	return 0;
}

static void assert_refused(struct wish *w, const char *says)
{
	SCOPED(buf) der = { 0 };

	assert_int_equal(wish_issue(w, &der), INRO_E_POLICY);
	assert_int_equal(der.n, 0);
	if (!strstr(err_detail(INRO_E_POLICY), says))
		fail_msg("'%s' is not in '%s'", says, err_detail(INRO_E_POLICY));
}

/* ---- each profile, EC and RSA ---- */

#define SIGN	  KU_DIGITAL_SIGNATURE
#define SIGN_RSA  (SIGN | KU_KEY_ENCIPHERMENT)
#define OPCUA	  (SIGN | KU_NON_REPUDIATION)
#define OPCUA_RSA (OPCUA | KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT)
#define CA_USE	  (KU_KEY_CERT_SIGN | KU_CRL_SIGN)

static const struct {
	const char *profile;
	unsigned usage[2];
	unsigned extended;
	int purpose; /* X509_PURPOSE_… that it must fit; 0 none */
	int64_t seconds;
} leaves[] = {
	{ "tls-server", { SIGN, SIGN_RSA }, XKU_SSL_SERVER, X509_PURPOSE_SSL_SERVER, 397 * DAY },
	{ "tls-client", { SIGN, SIGN_RSA }, XKU_SSL_CLIENT, X509_PURPOSE_SSL_CLIENT, 397 * DAY },
	{ "mqtt-client", { SIGN, SIGN_RSA }, XKU_SSL_CLIENT, X509_PURPOSE_SSL_CLIENT, 397 * DAY },
	{ "opcua-application",
	  { OPCUA, OPCUA_RSA },
	  XKU_SSL_SERVER | XKU_SSL_CLIENT,
	  X509_PURPOSE_SSL_SERVER,
	  730 * DAY },
	{ "devid", { SIGN, SIGN }, 0, X509_PURPOSE_SSL_CLIENT, 0 },
	{ "ocsp-signer", { SIGN, SIGN }, XKU_OCSP_SIGN, X509_PURPOSE_OCSP_HELPER, 30 * DAY },
	{ "ra-signer", { SIGN, SIGN }, 0, 0, 397 * DAY },
	{ "code-signing", { SIGN, SIGN }, XKU_CODE_SIGN, 0, 1095 * DAY },
};

static int64_t unix_time(const ASN1_TIME *t)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
	return timegm(&tm);
}

static void assert_leaf(const struct wish *w, size_t row, int use, struct bytes der)
{
	X509 *x = judge_x509(der);
	const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(x);
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);
	unsigned char *serial = NULL;
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	int64_t end = leaves[row].seconds ? NOW + leaves[row].seconds : CERT_FOREVER;
	int n = BN_num_bytes(bn);

	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_int_equal(X509_verify(x, w->signer), 1);
	assert_int_equal(X509_get_key_usage(x), leaves[row].usage[use]);
	assert_int_equal(leaves[row].extended ? X509_get_extended_key_usage(x) : 0,
			 leaves[row].extended);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(ski->length, PUBKEY_ID_OCTETS);
	assert_true(bytes_equal(BYTES(aki->data, (size_t)aki->length), issuing.cert.ext.ski));
	assert_int_equal(unix_time(X509_get0_notAfter(x)), end);
	assert_int_equal(unix_time(X509_get0_notBefore(x)),
			 NOW - w->profile.backdate_minutes * INT64_C(60));
	serial = malloc((size_t)n);
	BN_bn2bin(bn, serial);
	assert_true(bytes_equal(BYTES(serial, (size_t)n), w->in.serial));
	if (leaves[row].purpose)
		assert_int_equal(X509_check_purpose(x, leaves[row].purpose, 0), 1);
	assert_int_equal(
		judge_verify(x, buf_bytes(&root.cert.der), buf_bytes(&issuing.cert.der), NULL, NOW),
		X509_V_OK);
	free(serial);
	BN_free(bn);
	X509_free(x);
}

static void test_leaves(void **state)
{
	EVP_PKEY *big = judge_key("rsa:3072");
	EVP_PKEY *const keys[] = { ec, big };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
		for (int use = 0; use < 2; use++) {
			SCOPED(wish) w = { 0 };
			SCOPED(buf) der = { 0 };

			wish_for(&w, leaves[i].profile, keys[use], &issuing, "");
			w.in.vars.device_id = "dev-0001";
			if (!w.profile.subject_default) {
				buf_reset(&w.subject);
				judge_name("CN=signer", &w.subject);
				w.in.subject = buf_bytes(&w.subject);
			}
			OK(wish_issue(&w, &der));
			assert_leaf(&w, i, use, buf_bytes(&der));
		}
	EVP_PKEY_free(big);
}

static void assert_extension(X509 *x, int nid, const char *text)
{
	int at = X509_get_ext_by_NID(x, nid, -1);
	BIO *out = BIO_new(BIO_s_mem());
	char *got;
	long n;

	assert_true(at >= 0);
	assert_int_equal(X509V3_EXT_print(out, X509_get_ext(x, at), 0, 0), 1);
	n = BIO_get_mem_data(out, &got);
	while (n > 0 && got[n - 1] == '\n')
		n--; /* OpenSSL 3.5 ends some with a line feed */
	if (n != (long)strlen(text) || memcmp(got, text, (size_t)n) != 0)
		fail_msg("'%.*s' is not '%s'", (int)n, got, text);
	BIO_free(out);
}

/* OPC 10000-6, 6.2.2: both kinds of names, all usages. */
static void test_opcua(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	X509 *x;

	(void)state;
	wish_for(&w, "opcua-application", rsa, &issuing, "/O=Example/CN=Press");
	wish_san(&w, "URI:urn:press.example:PLC:1");
	wish_san(&w, "IP:192.0.2.7");
	OK(wish_issue(&w, &der));
	x = judge_x509(buf_bytes(&der));
	assert_extension(x, NID_subject_alt_name,
			 "URI:urn:press.example:PLC:1, IP Address:192.0.2.7");
	assert_extension(x, NID_basic_constraints, "CA:FALSE");
	X509_free(x);
	wish_clear(&w);
	/* for a device, the name that is missing is filled in */
	buf_reset(&der);
	wish_for(&w, "opcua-application", rsa, &issuing, "/O=Example/CN=dev-7");
	w.in.vars.device_id = "dev-7";
	wish_san(&w, "URI:urn:press.example:PLC:1");
	w.in.granted = w.in.sans;
	OK(wish_issue(&w, &der));
	x = judge_x509(buf_bytes(&der));
	assert_extension(x, NID_subject_alt_name, "URI:urn:press.example:PLC:1, DNS:dev-7");
	X509_free(x);
	w.in.vars.device_id = NULL;
	assert_refused(&w, "DNS or IP");
}

static void test_cas(void **state)
{
	X509 *r = judge_x509(buf_bytes(&root.cert.der)),
	     *i = judge_x509(buf_bytes(&issuing.cert.der));

	(void)state;
	assert_int_equal(X509_verify(r, root.key), 1);
	assert_int_equal(X509_verify(i, root.key), 1);
	assert_int_equal(X509_check_ca(r), 1);
	assert_int_equal(X509_check_ca(i), 1);
	assert_int_equal(X509_get_pathlen(r), -1);
	assert_int_equal(X509_get_pathlen(i), 0);
	assert_int_equal(X509_get_key_usage(r), CA_USE);
	assert_true(X509_get_extension_flags(r) & EXFLAG_SS);
	assert_int_equal(X509_get_signature_nid(r), NID_ecdsa_with_SHA384);
	assert_int_equal(X509_get_signature_nid(i), NID_ecdsa_with_SHA384);
	assert_int_equal(judge_verify(i, buf_bytes(&root.cert.der), BYTES_NONE, NULL, NOW),
			 X509_V_OK);
	X509_free(r);
	X509_free(i);
}

static void test_rsa_ca(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	X509 *x;

	(void)state;
	wish_for(&w, "tls-client", ec, &rsa_root, "CN=x");
	OK(wish_issue(&w, &der));
	x = judge_x509(buf_bytes(&der));
	assert_int_equal(X509_get_signature_nid(x), NID_sha256WithRSAEncryption);
	assert_int_equal(X509_verify(x, rsa_root.key), 1);
	assert_int_equal(judge_verify(x, buf_bytes(&rsa_root.cert.der), BYTES_NONE, NULL, NOW),
			 X509_V_OK);
	X509_free(x);
}

static void test_addresses(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	X509 *x;

	(void)state;
	wish_for(&w, "tls-client", ec, &issuing, "CN=x");
	w.in.vars.ca_name = "issuing";
	w.in.crl_url = "http://pki.example/crl/${ca.name}.crl";
	w.in.ocsp_url = "http://pki.example/ocsp/${ca.name}";
	w.in.issuer_url = "http://pki.example/${ca.name}.cer";
	OK(wish_issue(&w, &der));
	x = judge_x509(buf_bytes(&der));
	assert_extension(x, NID_crl_distribution_points,
			 "Full Name:\n  URI:http://pki.example/crl/issuing.crl");
	assert_extension(x, NID_info_access,
			 "OCSP - URI:http://pki.example/ocsp/issuing\n"
			 "CA Issuers - URI:http://pki.example/issuing.cer");
	X509_free(x);
	w.in.crl_url = "not a uri";
	buf_reset(&der);
	assert_int_equal(wish_issue(&w, &der), INRO_E_SYNTAX);
}

static void test_empty_subject(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	X509 *x;

	(void)state;
	wish_for(&w, "tls-server", ec, &issuing, "");
	free(w.profile.subject_default);
	w.profile.subject_default = NULL;
	wish_san(&w, "DNS:a.example");
	assert_refused(&w, "CN");
	w.profile.subject_required = 0;
	OK(wish_issue(&w, &der));
	x = judge_x509(buf_bytes(&der));
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
	assert_int_equal(X509_EXTENSION_get_critical(
				 X509_get_ext(x, X509_get_ext_by_NID(x, NID_subject_alt_name, -1))),
			 1);
	assert_int_equal(
		judge_verify(x, buf_bytes(&root.cert.der), buf_bytes(&issuing.cert.der), NULL, NOW),
		X509_V_OK);
	X509_free(x);
	w.in.sans = BYTES_NONE;
	w.profile.san_required.n = 0;
	assert_refused(&w, "the subject is empty");
}

/* ---- what the profile forbids ---- */

static void test_key_rules(void **state)
{
	EVP_PKEY *small = judge_key("rsa:1024"), *p521 = judge_key("P-521");
	SCOPED(wish) w = { 0 };

	(void)state;
	wish_for(&w, "tls-client", small, &issuing, "CN=x");
	assert_refused(&w, "RSA keys of 2048 to 4096 bits, not 1024");
	wish_clear(&w);
	wish_for(&w, "code-signing", rsa, &issuing, "CN=x");
	assert_refused(&w, "3072");
	wish_clear(&w);
	wish_for(&w, "mqtt-client", p521, &issuing, "CN=x");
	assert_refused(&w, "ec-p521");
	EVP_PKEY_free(small);
	EVP_PKEY_free(p521);
}

static void test_subject_rules(void **state)
{
	static const struct {
		const char *profile, *subject, *device, *says;
	} rows[] = {
		{ "tls-client", "/O=Example", NULL, "wants a subject with CN" },
		{ "tls-client", "/CN=x/title=Boss", NULL, "allows no title" },
		{ "tls-client", "/CN=dev-2", "dev-1", "'dev-1' as CN" },
		{ "tls-client", "/O=Example", "dev-1", "wants a subject with CN" },
		{ "devid", "/CN=dev-1", "dev-1", "serialNumber" },
		{ "devid", "/CN=dev-1/serialNumber=dev-2", "dev-1", "'dev-1' as serialNumber" },
		{ "tls-client", "/CN=dev-1/CN=dev-2", "dev-1", "more than one CN" },
		{ "tls-client", "/CN=dev-2/CN=dev-1", "dev-1", "more than one CN" },
		{ "tls-client", "/CN=dev-1/CN=dev-1", NULL, "more than one CN" },
		{ "tls-client", "/CN=dev-1/serialNumber=dev-2", "dev-1",
		  "'dev-1' as serialNumber" },
		{ "tls-client", "/CN=dev-1/UID=dev-2", "dev-1", "'dev-1' as UID" },
		{ "tls-client", "/CN=dev-1/emailAddress=a@b.example", "dev-1", "as emailAddress" },
		{ "tls-server", "/CN=dev-2", "dev-1", "'dev-1' as CN" },
		{ "mqtt-client", "/CN=dev-2", "dev-1", "'dev-1' as CN" },
		{ "opcua-application", "/CN=dev-2", "dev-1", "'dev-1' as CN" },
		{ "tls-client", "/O=Example/CN=Issuing", NULL, "the CA's own name" },
		{ "tls-client", "/O=EXAMPLE/CN=issuing", NULL, "the CA's own name" },
		{ "mqtt-client", "/C=JP/CN=x", NULL, "allows no C " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(wish) w = { 0 };

		wish_for(&w, rows[i].profile, ec, &issuing, rows[i].subject);
		w.in.vars.device_id = rows[i].device;
		assert_refused(&w, rows[i].says);
	}
}

/* Units and domains may stand below their like; what is bound may be there when it is the id. */
static void test_subjects_that_hold(void **state)
{
	static const struct {
		const char *profile, *subject;
	} rows[] = {
		{ "tls-client", "/OU=a/OU=b/CN=dev-1" },
		{ "tls-client", "/CN=dev-1/serialNumber=dev-1/UID=dev-1" },
		{ "opcua-application", "/DC=example/DC=line/CN=dev-1" },
		{ "devid", "/O=Example/serialNumber=dev-1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(wish) w = { 0 };
		SCOPED(buf) der = { 0 };

		wish_for(&w, rows[i].profile, ec, &issuing, rows[i].subject);
		w.in.vars.device_id = "dev-1";
		OK(wish_issue(&w, &der));
	}
}

/* A device gets its own names: granted ones and the profile's for it, whatever it asks for. */
static void test_names_of_a_device(void **state)
{
	static const struct {
		const char *profile, *name;
		bool good;
	} rows[] = {
		{ "tls-client", "DNS:dev-2", false },
		{ "tls-client", "URI:urn:dev-2", false },
		{ "tls-client", "IP:192.0.2.2", false },
		{ "tls-client", "email:boss@example.com", false },
		{ "tls-client", "DNS:press.example", true },
		{ "tls-client", "DNS:Press.Example", true },
		{ "tls-client", "IP:192.0.2.1", true },
		{ "tls-server", "DNS:dev-1", true },
		{ "tls-server", "DNS:*.press.example", false },
		{ "opcua-application", "URI:urn:dev-1", true },
		{ "opcua-application", "URI:urn:dev-2", false },
		{ "devid", "URI:urn:dev-1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(wish) w = { 0 };
		SCOPED(buf) granted = { 0 };
		SCOPED(buf) der = { 0 };

		wish_for(&w, rows[i].profile, ec, &issuing, "/CN=dev-1/serialNumber=dev-1");
		if (!strncmp(rows[i].profile, "opc", 3)) {
			buf_reset(&w.subject);
			judge_name("/CN=dev-1", &w.subject);
			w.in.subject = buf_bytes(&w.subject);
		}
		OK(san_add(&granted, "DNS:press.example"));
		OK(san_add(&granted, "IP:192.0.2.1"));
		wish_san(&w, rows[i].name);
		w.in.granted = buf_bytes(&granted);
		w.in.vars.device_id = "dev-1";
		if (rows[i].good) {
			OK(wish_issue(&w, &der));
			continue;
		}
		assert_refused(&w, rows[i].name);
		assert_refused(&w, "DNS:press.example, IP:192.0.2.1");
	}
}

/* The default has a variable, and there is no device. */
static void test_no_subject(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };

	(void)state;
	wish_for(&w, "tls-client", ec, &issuing, "");
	assert_int_equal(wish_issue(&w, &der), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "${device.id}"));
}

static void test_fixed_subject(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(cert) c = { 0 };

	(void)state;
	wish_for(&w, "tls-client", ec, &issuing, "CN=whatever");
	w.profile.subject_source = 1;
	w.in.vars.device_id = "dev-1";
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	OK(dn_text(c.subject, &text));
	assert_true(bytes_is(buf_bytes(&text), "CN=dev-1"));
}

static void test_name_rules(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };

	(void)state;
	wish_for(&w, "mqtt-client", ec, &issuing, "CN=x");
	wish_san(&w, "IP:192.0.2.1");
	assert_refused(&w, "no alternative name of kind IP");
	wish_clear(&w);
	wish_for(&w, "tls-client", ec, &issuing, "CN=x");
	wish_san(&w, "DNS:*.example.com");
	assert_refused(&w, "wildcard");
	wish_clear(&w);
	/* nor by what a device's record says where a default has a variable */
	wish_for(&w, "tls-client", ec, &issuing, "CN=x");
	free(w.profile.san_default);
	w.profile.san_default = strdup("DNS:${device.attr.host}");
	w.in.vars.any_attr = "*.example.com";
	assert_refused(&w, "wildcard");
	w.in.vars.any_attr = "a.example.com";
	OK(wish_issue(&w, &der));
	wish_clear(&w);
	wish_for(&w, "tls-server", ec, &issuing, "CN=x");
	assert_refused(&w, "DNS or IP");
	wish_san(&w, "DNS:*.example.com");
	OK(wish_issue(&w, &der));
}

/* ---- time ---- */

static void test_beyond_the_ca(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(cert) c = { 0 };

	(void)state;
	wish_for(&w, "tls-client", ec, &issuing, "CN=x");
	w.in.now = issuing.cert.not_after - 10 * DAY;
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	assert_int_equal(c.not_after, issuing.cert.not_after);
	w.profile.beyond_ca = PROFILE_BEYOND_REFUSE;
	assert_refused(&w, "longer than the CA");
	w.in.not_after = issuing.cert.not_after - DAY;
	buf_reset(&der);
	cert_clear(&c);
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	assert_int_equal(c.not_after, issuing.cert.not_after - DAY);
	w.in.now = issuing.cert.not_after + 1;
	w.in.not_after = 0;
	assert_refused(&w, "the CA's certificate expired");
	w.in.now = issuing.cert.not_before - 1;
	assert_refused(&w, "not valid before");
	w.in.now = NOW;
	w.in.not_after = NOW;
	assert_refused(&w, "expired already");
}

static void test_begin_not_before_the_ca(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(cert) c = { 0 };

	(void)state;
	wish_for(&w, "tls-client", ec, &issuing, "CN=x");
	w.in.now = issuing.cert.not_before + 1;
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	assert_int_equal(c.not_before, issuing.cert.not_before);
}

/* ---- CAs below CAs ---- */

static void test_path_length(void **state)
{
	struct judge_ca below = { 0 };
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(cert) c = { 0 };

	(void)state;
	wish_for(&w, "sub-ca", ec, &issuing, "CN=below");
	assert_refused(&w, "path length");
	wish_clear(&w);
	/* root with room for one: the profile's 0 fits under it, its own larger wish is cut */
	judge_ca_make("P-256", "CN=Two", &root, NOW - DAY, &below);
	below.cert.ext.path_len = 2;
	wish_for(&w, "sub-ca", ec, &below, "CN=below");
	w.profile.path_len = 7;
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	assert_int_equal(c.ext.path_len, 1);
	cert_clear(&c);
	buf_reset(&der);
	w.profile.path_len = EXT_PATH_LEN_NONE;
	w.in.path_len = 0;
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	assert_int_equal(c.ext.path_len, 0);
	judge_ca_clear(&below);
}

/* From a root down: what each says, and what there is then. */
static void test_bounds(void **state)
{
	static const struct {
		bool root;
		int own, cas;
		unsigned eku, purposes;
	} rows[] = {
		{ true, EXT_PATH_LEN_NONE, EXT_PATH_LEN_NONE, 0, ~0u },
		{ false, EXT_PATH_LEN_NONE, EXT_PATH_LEN_NONE, EKU_ANY | EKU_OTHER, ~0u },
		{ false, 3, 3, EKU_SERVER_AUTH | EKU_CLIENT_AUTH, EKU_SERVER_AUTH | EKU_CLIENT_AUTH },
		{ true, EXT_PATH_LEN_NONE, 3, 0, EKU_SERVER_AUTH | EKU_CLIENT_AUTH },
		{ false, EXT_PATH_LEN_NONE, 2, EKU_CLIENT_AUTH | EKU_CODE_SIGNING, EKU_CLIENT_AUTH },
		{ false, 7, 1, 0, EKU_CLIENT_AUTH },
		{ false, EXT_PATH_LEN_NONE, 0, EKU_OTHER, 0 },
		{ false, EXT_PATH_LEN_NONE, 0, EKU_CLIENT_AUTH, 0 },
	};
	const struct bounds all = bounds_none();
	struct bounds b = all;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cert ca = { .self_issued = rows[i].root,
					 .ext = { .path_len = rows[i].own, .has_eku = rows[i].eku, .eku = rows[i].eku } };

		bounds_add(&b, &ca);
		assert_int_equal(b.cas, rows[i].cas);
		assert_int_equal(b.purposes, all.purposes & rows[i].purposes);
	}
}

/* What the issuer's own certificate does not say, and one above it does. */
static void test_bounds_from_above(void **state)
{
	struct bounds b = bounds_none();
	struct judge_ca below = { 0 };
	SCOPED(wish) ca = { 0 };
	SCOPED(wish) leaf = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(cert) c = { 0 };

	(void)state;
	judge_ca_make("P-256", "CN=Two", &root, NOW - DAY, &below);
	below.cert.ext.path_len = EXT_PATH_LEN_NONE;
	wish_for(&ca, "sub-ca", ec, &below, "CN=below");
	ca.profile.path_len = EXT_PATH_LEN_NONE;
	ca.in.bounds = &b;
	b.cas = 0;
	assert_refused(&ca, "path length");
	b.cas = 5;
	OK(wish_issue(&ca, &der));
	OK(cert_read(buf_bytes(&der), &c));
	assert_int_equal(c.ext.path_len, 4);
	wish_for(&leaf, "tls-client", ec, &below, "CN=x");
	leaf.in.bounds = &b;
	b.cas = 0; /* of CAs alone */
	b.purposes = EKU_SERVER_AUTH | EKU_CODE_SIGNING;
	assert_refused(&leaf, "clientAuth");
	b.purposes |= EKU_CLIENT_AUTH;
	buf_reset(&der);
	OK(wish_issue(&leaf, &der));
	leaf.in.bounds = NULL;
	below.cert.ext.has_eku = true;
	below.cert.ext.eku = EKU_SERVER_AUTH;
	assert_refused(&leaf, "clientAuth");
	judge_ca_clear(&below);
}

static void test_issuer_that_is_none(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(wish) self = { 0 };
	SCOPED(buf) der = { 0 };
	struct judge_ca leaf = { 0 };

	(void)state;
	wish_for(&w, "tls-client", ec, &issuing, "CN=x");
	OK(wish_issue(&w, &der));
	leaf.key = ec;
	OK(cert_read(buf_bytes(&der), &leaf.cert));
	wish_clear(&w);
	wish_for(&w, "tls-client", rsa, &leaf, "CN=y");
	assert_refused(&w, "not a CA");
	wish_for(&self, "tls-client", ec, NULL, "CN=x");
	assert_refused(&self, "self-signed");
	cert_clear(&leaf.cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_opcua),
		cmocka_unit_test(test_cas),
		cmocka_unit_test(test_rsa_ca),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_empty_subject),
		cmocka_unit_test(test_key_rules),
		cmocka_unit_test(test_subject_rules),
		cmocka_unit_test(test_subjects_that_hold),
		cmocka_unit_test(test_names_of_a_device),
		cmocka_unit_test(test_no_subject),
		cmocka_unit_test(test_fixed_subject),
		cmocka_unit_test(test_name_rules),
		cmocka_unit_test(test_beyond_the_ca),
		cmocka_unit_test(test_begin_not_before_the_ca),
		cmocka_unit_test(test_path_length),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_bounds_from_above),
		cmocka_unit_test(test_issuer_that_is_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
