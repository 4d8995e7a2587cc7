/* test_core_made_key - keys that are made for a device: what they are wrapped for opens them, by libcrypto alone. */
#include <openssl/cms.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/device.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/group.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/symkey.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/san.h"
#include "base/der.h"
#include "tests/lib/enrolling.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static struct enrolling who;
static struct core *c;
static struct device *const dev = &who.dev, *const other = &who.other;

static int setup(void **state)
{
	(void)state;
	enrolling_open("made", &who);
	c = who.c;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	enrolling_close(&who);
	return 0;
}

static void make_signer(void)
{
	SCOPED(provision_result) p = { 0 };
	SCOPED(device) d = { 0 };
	char key[60];
	struct provision_request r = { .device = "ra",
				       .token = "line",
				       .label = key,
				       .ca = "issuing",
				       .profile = SIGNER_PROFILE };

	snprintf(key, sizeof key, "%s-ra", who.name);
	OK(device_add(c, "ra", NULL, &d));
	OK(device_provision(c, &r, &p));
}

/* A private key that is that of the certificate. */
static void fits(struct bytes pkcs8, const struct cred *cred)
{
	const unsigned char *at = pkcs8.p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.n);
	EVP_PKEY *key = EVP_PKCS82PKEY(info);
	X509 *x = office_x509(&cred->rec.cert);

	assert_non_null(key);
	assert_int_equal(X509_check_private_key(x, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	PKCS8_PRIV_KEY_INFO_free(info);
}

/* SignedData as it came out of the envelope: libcrypto reads it with a ContentInfo around it. */
static void check_signed(struct bytes signed_data, const struct cred *cred)
{
	SCOPED(buf) whole = { 0 };
	size_t seq = der_begin(&whole, DER_SEQUENCE);
	const unsigned char *at;
	CMS_ContentInfo *cms;
	BIO *out = BIO_new(BIO_s_mem());
	struct bytes package, key;
	char *p;
	long n;

	der_add_oid(&whole, "1.2.840.113549.1.7.2");
	der_add(&whole, DER_CONTEXT_CONSTRUCTED, signed_data);
	der_end(&whole, seq);
	OK(buf_err(&whole));
	at = whole.p;
	cms = d2i_CMS_ContentInfo(NULL, &at, (long)whole.n);
	assert_non_null(cms);
	assert_int_equal(CMS_verify(cms, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY), 1);
	n = BIO_get_mem_data(out, &p);
	package = BYTES(p, (size_t)n);
	OK(der_take(&package, DER_SEQUENCE, &key));
	assert_int_equal(package.n, 0);
	fits(key, cred);
	BIO_free(out);
	CMS_ContentInfo_free(cms);
}

static CMS_ContentInfo *envelope(const struct enrol_given *g)
{
	const unsigned char *at = g->key.p;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)g->key.n);

	assert_false(g->plain);
	assert_non_null(cms);
	return cms;
}

static void open_envelope(CMS_ContentInfo *cms, const struct cred *cred)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	assert_int_equal(CMS_decrypt(cms, NULL, NULL, NULL, out, CMS_BINARY), 1);
	n = BIO_get_mem_data(out, &p);
	check_signed(BYTES(p, (size_t)n), cred);
	BIO_free(out);
	CMS_ContentInfo_free(cms);
}

static void test_key_to_a_certificate(void **state)
{
	static const char *const types[] = { "P-256", "rsa:2048" };

	(void)state;
	make_signer();
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		EVP_PKEY *key = office_key(types[i]);
		SCOPED(buf) csr = { 0 };
		SCOPED(cred) mine = { 0 };
		SCOPED(enrol_given) g = { 0 };
		SCOPED(cert) cert = { 0 };
		struct enrol in;
		CMS_ContentInfo *cms;

		enrolling_request(key, "CN", "dev", NULL, BYTES_NONE, &csr);
		in = enrolling_of(&who, dev, &csr);
		OK(enrol_issue(c, &in, &mine));
		OK(cert_read(blob_bytes(&mine.rec.cert), &cert));
		enrolling_request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.54", cert.ext.ski, &csr);
		in = enrolling_of(&who, dev, &csr);
		OK(enrol_generate(c, &in, &g));
		cms = envelope(&g);
		assert_int_equal(CMS_decrypt_set1_pkey(cms, key, NULL), 1);
		open_envelope(cms, &g.cred);
		/* Somebody else's certificate is none of the device's. */
		enrolling_request(office_ec, "CN", "other", "1.2.840.113549.1.9.16.2.54", cert.ext.ski, &csr);
		in = enrolling_of(&who, other, &csr);
		enrol_given_clear(&g);
		FAILS(INRO_E_NOT_FOUND, enrol_generate(c, &in, &g));
		EVP_PKEY_free(key);
	}
}

static void make_secret(const char *type, struct symkey *ret)
{
	OK(symkey_issue(c, &(struct symkey_request) { .device = "dev", .type = type }, ret));
}

static void test_key_under_a_symmetric_one(void **state)
{
	const struct seal_key_request r = { .token = "line" };
	AUTO(free_chars) char *uri = NULL;
	SCOPED(symkey) k = { 0 };
	SCOPED(symkey) mac = { 0 };
	SCOPED(symkey) out = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) value = { 0 };
	SCOPED(enrol_given) g = { 0 };
	struct enrol in;
	CMS_ContentInfo *cms;
	char id[24];

	(void)state;
	make_signer();
	OK(seal_key_set(c, &r, &uri));
	make_secret("aes-256", &k);
	make_secret("hmac-256", &mac);
	OK(symkey_deliver(c, (snprintf(id, sizeof id, "%lld", (long long)k.rec.id), id),
			  &(struct symkey_delivery) { .form = SYMKEY_RAW }, &out, &value));
	enrolling_request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.37", blob_bytes(&k.rec.serial), &csr);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_generate(c, &in, &g));
	cms = envelope(&g);
	assert_int_equal(CMS_decrypt_set1_key(cms, value.p, value.n, k.rec.serial.p, k.rec.serial.n), 1);
	open_envelope(cms, &g.cred);
	enrol_given_clear(&g);
	/* By its id as text; a key that is no AES key; another device's; none. */
	enrolling_request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.37", bytes_of(id), &csr);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_generate(c, &in, &g));
	enrol_given_clear(&g);
	enrolling_request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.37", blob_bytes(&mac.rec.serial), &csr);
	in = enrolling_of(&who, dev, &csr);
	FAILS(INRO_E_KEY_TYPE, enrol_generate(c, &in, &g));
	enrolling_request(office_ec, "CN", "other", "1.2.840.113549.1.9.16.2.37", bytes_of(id), &csr);
	in = enrolling_of(&who, other, &csr);
	FAILS(INRO_E_NOT_FOUND, enrol_generate(c, &in, &g));
}

static void test_key_in_the_clear(void **state)
{
	SCOPED(device_group) grp = { 0 };
	SCOPED(device) plain = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(enrol_given) g = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	FAILS(INRO_E_POLICY, enrol_generate(c, &in, &g));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "plain_keys"));
	OK(group_add(c, "weak", "{\"plain_keys\": true}", &grp));
	enrolling_device(c, "plain", "weak", &plain);
	enrolling_request(office_ec, "CN", "plain", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, &plain, &csr);
	OK(enrol_generate(c, &in, &g));
	assert_true(g.plain);
	fits(buf_bytes(&g.key), &g.cred);
}

/* Nobody signs for the CA: then no key is made. */
static void test_no_signer(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) mine = { 0 };
	SCOPED(enrol_given) g = { 0 };
	SCOPED(cert) cert = { 0 };
	struct enrol in;

	(void)state;
	enrolling_request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = enrolling_of(&who, dev, &csr);
	OK(enrol_issue(c, &in, &mine));
	OK(cert_read(blob_bytes(&mine.rec.cert), &cert));
	enrolling_request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.54", cert.ext.ski, &csr);
	in = enrolling_of(&who, dev, &csr);
	FAILS(INRO_E_CONFIG, enrol_generate(c, &in, &g));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "nobody signs messages for CA 'issuing' yet"));
}

/* A key that is made here has the names that the device may have, and no others. */
static void test_key_and_foreign_names(void **state)
{
	SCOPED(device_group) grp = { 0 };
	SCOPED(device) plain = { 0 };
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) sans = { 0 };
	SCOPED(buf) subject = { 0 };
	SCOPED(enrol_given) g = { 0 };
	const struct pki_key_kind *kind;
	struct csr_plan plan = { 0 };
	struct enrol in;

	(void)state;
	OK(group_add(c, "weak", "{\"plain_keys\": true}", &grp));
	enrolling_device(c, "plain", "weak", &plain);
	OK(pki_key_kind_find("ec-p256", &kind));
	OK(bundle_key(kind, &pkcs8));
	OK(dn_parse("CN=plain", NULL, &subject));
	OK(san_add(&sans, "DNS:bank.example"));
	plan.subject = buf_bytes(&subject);
	plan.sans = buf_bytes(&sans);
	OK(bundle_csr(secret_bytes(&pkcs8), &plan, &csr));
	in = enrolling_of(&who, &plain, &csr);
	FAILS(INRO_E_POLICY, enrol_generate(c, &in, &g));
}

/* ---- a copy that is kept ---- */

static char kept[24];
static bool ends; /* the copy, while somebody types the PIN of the token that seals */

static enum inro_err destroyed_meanwhile(void *arg, const char *token, struct secret *ret)
{
	SCOPED(buf) evidence = { 0 };
	SCOPED(cred) cred = { 0 };

	(void)arg;
	(void)token;
	if (ends)
		OK(cred_destroy(c, kept, "meanwhile", &evidence, &cred));
	ends = false;
	return secret_copy(bytes_of(OFFICE_PIN), ret);
}

static void keep_one(void)
{
	const struct cred_request r = { .ca = "issuing", .profile = "tls-client", .device = "dev" };
	SCOPED(secret) key = { 0 };
	SCOPED(cred) made = { 0 };
	SCOPED(cred) retired = { 0 };

	OK(cred_issue_central(c, &r, &(struct cred_central) { .keep = true }, &key, &made));
	snprintf(kept, sizeof kept, "%lld", (long long)made.rec.id);
	OK(cred_revoke(c, kept, &(struct cred_revocation) { 0 }, &retired));
	cred_clear(&retired);
	OK(cred_retire(c, kept, NULL, NULL, &retired));
}

/* No copy goes out after it was stated that there is none. */
static void test_kept_key_destroyed_meanwhile(void **state)
{
	const struct seal_key_request r = { .token = "line" };
	AUTO(free_chars) char *uri = NULL;
	struct core_options o = office_options();
	struct core *slow;
	SCOPED(secret) key = { 0 };
	SCOPED(cred) cred = { 0 };
	char db[60];

	(void)state;
	OK(seal_key_set(c, &r, &uri));
	keep_one();
	OK(cred_kept_key(c, kept, 0, &key, &cred));
	fits(secret_bytes(&key), &cred);
	secret_clear(&key);
	cred_clear(&cred);
	o.ask_pin = destroyed_meanwhile;
	snprintf(db, sizeof db, "%s.db", who.name);
	slow = office_open_as(db, o);
	ends = true;
	FAILS(INRO_E_STATE, cred_kept_key(slow, kept, 0, &key, &cred));
	assert_false(ends); /* the PIN was asked for */
	core_close(slow);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_key_to_a_certificate),
		T(test_key_under_a_symmetric_one),
		T(test_key_in_the_clear),
		T(test_no_signer),
		T(test_kept_key_destroyed_meanwhile),
		T(test_key_and_foreign_names),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
