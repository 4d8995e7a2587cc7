/* Certificates read: every rule of lint can be broken, and damaged, foreign and odd ones are seen for what they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/lint.h"
#include "backoffice/pki/pem.h"
#include "base/der.h"
#include "tests/lib/wish.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define NOW   WISH_NOW
#define DAY   INT64_C(86400)

static struct judge_ca root, issuing, rsa_root;
static EVP_PKEY *ec;

static int setup(void **state)
{
	(void)state;
	judge_ca_make("P-384", "/O=Example/CN=Root", NULL, NOW - DAY, &root);
	judge_ca_make("P-256", "/O=Example/CN=Issuing", &root, NOW - DAY, &issuing);
	judge_ca_make("rsa:3072", "/O=Example/CN=RSA Root", NULL, NOW - DAY, &rsa_root);
	ec = judge_key("P-256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	judge_ca_clear(&root);
	judge_ca_clear(&issuing);
	judge_ca_clear(&rsa_root);
	EVP_PKEY_free(ec);
	return 0;
}

/* ---- lint: every rule can be broken ---- */

static void break_serial(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->serial.n = 7;
}

static void break_order(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->not_after = c->not_before;
}

static void break_begin(struct cert *c, struct cert *issuer)
{
	issuer->not_before = c->not_before + 1;
}

static void break_issuer(struct cert *c, struct cert *issuer)
{
	(void)c;
	issuer->subject = root.cert.subject;
}

static void break_issuer_ca(struct cert *c, struct cert *issuer)
{
	(void)c;
	issuer->ext.ca = false;
}

static const uint8_t no_name[] = { 0x30, 0 };

static void break_subject(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->subject = BYTES(no_name, 2);
}

static void break_leaf_name(struct cert *c, struct cert *issuer)
{
	c->subject = issuer->subject;
}

static void break_ca_subject(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->subject = BYTES(no_name, 2);
	c->ext.sans = bytes_of("\x82\x01x");
	c->ext.sans_critical = true;
	c->ext.ca = true;
}

static void break_ca_usage(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.key_usage |= USAGE_KEY_CERT_SIGN;
}

static void break_ca_critical(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.ca = true;
	c->ext.key_usage = USAGE_KEY_CERT_SIGN;
	c->ext.key_usage_critical = false;
}

static void break_path(struct cert *c, struct cert *issuer)
{
	c->ext.ca = true;
	c->ext.key_usage = USAGE_KEY_CERT_SIGN;
	issuer->ext.path_len = 0;
}

static void break_usage(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.key_usage |= USAGE_KEY_ENCIPHERMENT;
}

static void break_algorithm(struct cert *c, struct cert *issuer)
{
	(void)c;
	issuer->key.type = PKI_RSA;
}

static void break_names(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.sans = bytes_of("\x82\x01_");
}

static void break_ski(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.ski = BYTES_NONE;
}

static void break_aki(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.aki = BYTES_NONE;
}

static void break_critical(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.unknown_critical = 1;
}

#define LIT(s) BYTES((const uint8_t *)(s), sizeof(s) - 1)

/* C=DEU */
static void break_subject_form(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->subject = LIT("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x06\x13\x03"
			       "DEU");
}

static void break_key_id(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.key_id_critical = true;
}

static void break_purposes(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.key_usage = USAGE_NON_REPUDIATION;
}

static void break_time_stamping(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->ext.eku |= EKU_TIME_STAMPING;
}

/* An RSA key of this modulus, for which nothing else of the certificate is wrong. */
static void be_rsa(struct cert *c, struct bytes modulus, struct bytes exponent)
{
	c->key.type = PKI_RSA;
	c->key.bits = (unsigned)modulus.n * 8;
	c->key.modulus = modulus;
	c->key.exponent = exponent;
}

static const struct bytes f4 = BYTES_LIT("\x01\0\x01");

/* 2^127 - 1, a prime. */
static void break_exponent(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	be_rsa(c, LIT("\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	       LIT("\x03"));
}

/* 2^64 - 1 = 3 * 5 * 17 * ... */
static void break_factors(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	be_rsa(c, LIT("\xff\xff\xff\xff\xff\xff\xff\xff"), f4);
}

/* 65537^3 */
static void break_roca(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	be_rsa(c, LIT("\x01\0\x03\0\x03\0\x01"), f4);
}

/* 1000003 * 1000033 */
static void break_close(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	be_rsa(c, LIT("\xe8\xd6\xca\x61\x63"), f4);
}

/* 2^127 - 1 again */
static void break_size(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	be_rsa(c, LIT("\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), f4);
	c->key.bits = 1024;
}

static void break_order_of_point(struct cert *c, struct cert *issuer)
{
	(void)issuer;
	c->key.type = PKI_ED25519;
	c->key.key_bits = LIT("\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				    "\0\0\0\0\0\0\0\x80");
}

static const struct {
	const char *rule;
	void (*spoil)(struct cert *c, struct cert *issuer);
} breaks[] = {
	{ "serial", break_serial },	    { "validity-order", break_order },
	{ "validity-begin", break_begin },  { "issuer-name", break_issuer },
	{ "issuer-ca", break_issuer_ca },   { "subject", break_subject },
	{ "leaf-name", break_leaf_name },   { "ca-subject", break_ca_subject },
	{ "ca-key-usage", break_ca_usage }, { "ca-critical", break_ca_critical },
	{ "path-length", break_path },	    { "key-usage-key", break_usage },
	{ "algorithm", break_algorithm },   { "names", break_names },
	{ "subject-key-id", break_ski },    { "issuer-key-id", break_aki },
	{ "critical", break_critical },
	{ "subject-form", break_subject_form },
	{ "key-id-critical", break_key_id },
	{ "purposes", break_purposes },
	{ "time-stamping", break_time_stamping },
	{ "rsa-exponent", break_exponent },
	{ "rsa-factors", break_factors },
	{ "rsa-roca", break_roca },
	{ "rsa-close-primes", break_close },
	{ "ed25519-order", break_order_of_point },
	{ "rsa-size", break_size },
};

static void test_lint(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(cert) c = { 0 };
	size_t rules = 0;

	(void)state;
	wish_for(&w, "tls-client", ec, &issuing, "CN=x");
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	OK(lint(&c, &issuing.cert));
	OK(lint(&root.cert, NULL));
	while (lint_rule_at(rules))
		rules++;
	assert_int_equal(rules, ARRAY_LEN(breaks));
	for (size_t i = 0; i < rules; i++) {
		struct cert spoiled = c, issuer = issuing.cert; /* borrowing copies */
		char named[40];

		assert_string_equal(lint_rule_at(i)->name, breaks[i].rule);
		breaks[i].spoil(&spoiled, &issuer);
		assert_int_equal(lint(&spoiled, &issuer), INRO_E_POLICY);
		snprintf(named, sizeof named, "(%s,", breaks[i].rule);
		if (!strstr(err_detail(INRO_E_POLICY), named))
			fail_msg("%s: %s", breaks[i].rule, err_detail(INRO_E_POLICY));
	}
}

/* ---- reading certificates ---- */

static enum inro_err read_copy(struct bytes der, size_t n)
{
	SCOPED(cert) c = { 0 };
	uint8_t *copy = malloc(n ? n : 1);
	enum inro_err e;

	memcpy(copy, der.p, n);
	e = cert_read(BYTES(copy, n), &c);
	if (!e)
		e = cert_verify(&c, &issuing.cert.key);
	free(copy);
	return e;
}

static void test_reading(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(buf) pem = { 0 };
	SCOPED(cert) c = { 0 };
	SCOPED(cert) again = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];

	(void)state;
	wish_for(&w, "opcua-application", ec, &issuing, "CN=dev-1");
	w.in.vars.device_id = "dev-1";
	OK(wish_issue(&w, &der));
	OK(cert_read(buf_bytes(&der), &c));
	assert_false(c.self_issued);
	assert_true(root.cert.self_issued);
	assert_true(bytes_equal(c.serial, w.in.serial));
	assert_true(bytes_equal(c.issuer, issuing.cert.subject));
	OK(pki_digest(PKI_SHA256, buf_bytes(&der), digest));
	assert_memory_equal(digest, c.fingerprint, CERT_FINGERPRINT);
	assert_int_equal(cert_check_ca(&c), INRO_E_POLICY);
	OK(cert_check_ca(&root.cert));
	assert_int_equal(cert_verify(&c, &root.cert.key), INRO_E_SIGNATURE);
	assert_int_equal(cert_verify(&c, &rsa_root.cert.key), INRO_E_KEY_TYPE);
	buf_add_str(&pem, "Certificate:\n");
	pem_add(&pem, PEM_CERT, buf_bytes(&der));
	pem_add(&pem, PEM_CERT, buf_bytes(&root.cert.der));
	OK(cert_read(buf_bytes(&pem), &again));
	assert_true(bytes_equal(buf_bytes(&again.der), buf_bytes(&der)));
	for (size_t n = 0; n < der.n; n++) {
		assert_int_not_equal(read_copy(buf_bytes(&der), n), INRO_OK);
		der.p[n] ^= 0x41;
		assert_int_not_equal(read_copy(buf_bytes(&der), der.n), INRO_OK);
		der.p[n] ^= 0x41;
	}
	OK(read_copy(buf_bytes(&der), der.n));
}

/* A certificate that has another one's PEM in it, as a name or a text of an extension, is not that other one. */
static void test_pem_inside(void **state)
{
	SCOPED(buf) pem = { 0 };
	SCOPED(buf) outer = { 0 };
	SCOPED(buf) read = { 0 };
	SCOPED(cert) c = { 0 };
	size_t mark = der_begin(&outer, DER_SEQUENCE);

	(void)state;
	pem_add(&pem, PEM_CERT, buf_bytes(&root.cert.der));
	der_add(&outer, DER_UTF8_STRING, buf_bytes(&pem));
	der_end(&outer, mark);
	assert_true(pem_is(buf_bytes(&pem)));
	assert_false(pem_is(buf_bytes(&outer)));
	OK(pem_or_der(buf_bytes(&outer), PEM_CERT, CERT_MAX, "certificate", &read));
	assert_true(bytes_equal(buf_bytes(&read), buf_bytes(&outer)));
	assert_int_equal(cert_read(buf_bytes(&outer), &c), INRO_E_SYNTAX);
	/* What begins like DER and is none may be text before a block. */
	buf_reset(&outer);
	buf_add_str(&outer, "0. the root\n");
	buf_add(&outer, buf_bytes(&pem));
	OK(cert_read(buf_bytes(&outer), &c));
}

static enum inro_err complete_copy(const struct cert *read, struct bytes der)
{
	struct cert c = *read;
	enum inro_err e = cert_complete(&c, der);

	return e ? e : cert_verify(&c, &issuing.cert.key);
}

/* Where only what is around the TBSCertificate is read, it is as when all is. */
static void test_completing(void **state)
{
	SCOPED(wish) w = { 0 };
	SCOPED(issued) issued = { 0 };
	SCOPED(buf) signature = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(cert) all = { 0 };
	struct cert c;

	(void)state;
	wish_for(&w, "opcua-application", ec, &issuing, "CN=dev-1");
	w.in.vars.device_id = "dev-1";
	OK(issue_tbs(&w.in, &issued));
	judge_sign(w.signer, issued.sig, buf_bytes(&issued.tbs), &signature);
	OK(pki_signed(buf_bytes(&issued.tbs), issued.sig, buf_bytes(&signature), &der));
	OK(cert_read(buf_bytes(&der), &all));
	c = issued.read;
	OK(cert_complete(&c, buf_bytes(&der)));
	assert_memory_equal(c.fingerprint, all.fingerprint, CERT_FINGERPRINT);
	assert_true(bytes_equal(c.signature, all.signature) && bytes_equal(c.serial, all.serial));
	assert_true(bytes_equal(c.key.spki, all.key.spki) && c.sig == all.sig);
	assert_true(c.not_before == all.not_before && c.not_after == all.not_after);
	for (size_t n = 0; n < der.n; n++) {
		assert_int_equal(complete_copy(&issued.read, BYTES(der.p, n)), INRO_E_SYNTAX);
		der.p[n] ^= 0x41;
		assert_int_not_equal(complete_copy(&issued.read, buf_bytes(&der)), INRO_OK);
		der.p[n] ^= 0x41;
	}
	OK(complete_copy(&issued.read, buf_bytes(&der)));
	assert_int_equal(cert_complete(&c, buf_bytes(&root.cert.der)), INRO_E_SYNTAX);
	buf_add_u8(&der, 0);
	assert_int_equal(cert_complete(&c, buf_bytes(&der)), INRO_E_SYNTAX);
}

/* What libcrypto makes without extensions, by version 1. */
static void test_foreign_certificates(void **state)
{
	X509 *x = X509_new();
	SCOPED(cert) c = { 0 };
	unsigned char *der = NULL;
	int n;

	(void)state;
	ASN1_INTEGER_set(X509_get_serialNumber(x), 5);
	X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &(time_t) { NOW });
	X509_time_adj_ex(X509_getm_notAfter(x), 40 * 365, 0, &(time_t) { NOW });
	X509_set_pubkey(x, ec);
	assert_true(X509_sign(x, ec, EVP_sha256()) > 0);
	n = i2d_X509(x, &der);
	OK(cert_read(BYTES(der, (size_t)n), &c));
	assert_int_equal(c.not_before, NOW);
	assert_int_equal(c.not_after, NOW + INT64_C(40) * 365 * DAY);
	assert_true(bytes_equal(c.serial, bytes_of("\x05")));
	assert_int_equal(cert_check_ca(&c), INRO_E_POLICY);
	OPENSSL_free(der);
	X509_free(x);
}

static void test_serials(void **state)
{
	uint8_t a[CERT_SERIAL_OCTETS], b[CERT_SERIAL_OCTETS];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		OK(cert_serial(a));
		OK(cert_serial(b));
		assert_true(a[0] >= 0x40 && a[0] < 0x80);
		assert_memory_not_equal(a, b, sizeof a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lint),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_pem_inside),
		cmocka_unit_test(test_completing),
		cmocka_unit_test(test_foreign_certificates),
		cmocka_unit_test(test_serials),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
