/*
 * test_core_enrol - what a device asks for itself: labels, the same request again, other devices'
 * names, renewals, keys that are made for it.  What is wrapped is opened here by libcrypto alone.
 */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/confirm.h"
#include "backoffice/core/device.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/group.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/symkey.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/crl.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"
#include "base/cryptoki/client.h"
#include "base/der.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define NOW	    INT64_C(1790000000)
#define DAY	    INT64_C(86400)

static struct core *c;
static char label[40]; /* of the CAs' keys */
static struct device dev, other;
static struct label tls;

static void add_device(const char *id, const char *group, struct device *ret)
{
	OK(device_add(c, id, &(struct device_fields) { .group = group }, ret));
}

static int setup(void **state)
{
	static unsigned n;
	SCOPED(device_group) g = { 0 };
	char db[48];

	(void)state;
	clock_set_test(NOW);
	snprintf(label, sizeof label, "enrol-%u", n++);
	snprintf(db, sizeof db, "%s.db", label);
	c = office_open(db);
	office_make_cas(c, label);
	OK(group_add(c, "line", "{\"profile\": \"mqtt-client\", \"ca\": \"issuing\"}", &g));
	add_device("dev", NULL, &dev);
	add_device("other", "line", &other);
	OK(label_for(c, "issuing", &dev, &tls));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	device_clear(&dev);
	device_clear(&other);
	core_close(c);
	clock_set_test(0);
	return 0;
}

/* ---- requests ---- */

static void set_name(X509_REQ *req, const char *type, const char *value)
{
	X509_NAME *name = X509_NAME_new();

	assert_true(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
					       (const unsigned char *)value, -1, -1, 0));
	assert_true(X509_REQ_set_subject_name(req, name));
	X509_NAME_free(name);
}

static void add_attr(X509_REQ *req, const char *oid, struct bytes value)
{
	ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);

	assert_true(X509_REQ_add1_attr_by_OBJ(req, type, V_ASN1_OCTET_STRING, value.p,
					      (int)value.n));
	ASN1_OBJECT_free(type);
}

/* type, value: of the subject; oid, id: an attribute (NULL: none). */
static void request(EVP_PKEY *key, const char *type, const char *value, const char *oid,
		    struct bytes id, struct buf *ret)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int n;

	set_name(req, type, value);
	if (oid)
		add_attr(req, oid, id);
	assert_true(X509_REQ_set_pubkey(req, key));
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	n = i2d_X509_REQ(req, &der);
	assert_true(n > 0);
	buf_reset(ret);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	X509_REQ_free(req);
}

static struct enrol of(const struct device *d, const struct buf *csr)
{
	return (struct enrol) { .label = &tls, .device = d, .csr = buf_bytes(csr) };
}

/* ---- labels ---- */

static void test_labels(void **state)
{
	struct label l;

	(void)state;
	OK(label_parse(c, "issuing", &l));
	assert_string_equal(l.ca, "issuing");
	assert_string_equal(l.profile, "");
	OK(label_parse(c, "issuing.tls-server", &l));
	assert_string_equal(l.ca, "issuing");
	assert_string_equal(l.profile, "tls-server");
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "issuing.nothing", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "nobody.tls-server", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "nobody", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "issuing.", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, ".tls-server", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "", &l));
	FAILS(INRO_E_NOT_FOUND, label_parse(c, "a b", &l));
}

static void test_labels_of_devices(void **state)
{
	struct label l;

	(void)state;
	OK(label_for(c, "issuing", &dev, &l));
	assert_string_equal(l.profile, "tls-client");
	OK(label_for(c, "root", &other, &l));
	assert_string_equal(l.ca, "root");
	assert_string_equal(l.profile, "mqtt-client");
	OK(label_for(c, "issuing.tls-server", &other, &l));
	assert_string_equal(l.profile, "tls-server");
	OK(label_for(c, NULL, &other, &l));
	assert_string_equal(l.ca, "issuing");
	FAILS(INRO_E_NOT_FOUND, label_for(c, NULL, &dev, &l));
	OK(label_for(c, "issuing", NULL, &l));
	assert_string_equal(l.profile, "tls-client");
}

/* A CA may be called as a CA with a profile would be: the whole name counts first. */
static void test_label_with_dots(void **state)
{
	SCOPED(ca_view) v = { 0 };
	char key[60];
	struct label l;

	(void)state;
	snprintf(key, sizeof key, "%s-dot", label);
	OK(ca_create(c, &(struct ca_request) { .name = "issuing.tls-server",
					       .subject = "CN=Dotted",
					       .token = "ca",
					       .label = key },
		     &v));
	OK(label_parse(c, "issuing.tls-server", &l));
	assert_string_equal(l.ca, "issuing.tls-server");
	OK(label_parse(c, "issuing.tls-server.tls-client", &l));
	assert_string_equal(l.ca, "issuing.tls-server");
	assert_string_equal(l.profile, "tls-client");
}

/* ---- first certificates ---- */

static void test_the_same_request_again(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	SCOPED(cred) third = { 0 };
	struct enrol in;

	(void)state;
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	OK(enrol_issue(c, &in, &first));
	assert_false(enrol_waits(&first));
	OK(enrol_issue(c, &in, &second));
	assert_int_equal(first.rec.id, second.rec.id);
	/* When its certificate has ended, it is a request for the next one. */
	clock_set_test(NOW + 400 * DAY);
	OK(enrol_issue(c, &in, &third));
	assert_int_not_equal(first.rec.id, third.rec.id);
}

static void test_a_revoked_one_is_not_given_again(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(cred) again = { 0 };
	char ref[32];
	struct enrol in;

	(void)state;
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	OK(enrol_issue(c, &in, &first));
	snprintf(ref, sizeof ref, "id:%lld", (long long)first.rec.id);
	OK(cred_revoke(c, ref, &(struct cred_revocation) { .reason = "superseded" }, &gone));
	FAILS(INRO_E_POLICY, enrol_issue(c, &in, &again));
}

static void test_another_devices_name(void **state)
{
	static const char *const types[] = { "CN", "serialNumber", "UID" };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cred = { 0 };
	struct enrol in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		request(office_ec, types[i], "other", NULL, BYTES_NONE, &csr);
		in = of(&dev, &csr);
		FAILS(INRO_E_POLICY, enrol_issue(c, &in, &cred));
		assert_non_null(strstr(err_detail(INRO_E_POLICY), "'other'"));
	}
	request(office_ec, "CN", "nobody", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	FAILS(INRO_E_POLICY, enrol_issue(c, &in, &cred)); /* by the profile's bind */
	buf_truncate(&csr, csr.n - 1);
	in = of(&dev, &csr);
	FAILS(INRO_E_SYNTAX, enrol_issue(c, &in, &cred));
}

/* Whoever asks again by a request that waits learns that; by one that was refused, that, for a day. */
static void test_waiting(void **state)
{
	static const char text[] = "[profile]\nname = slow\n[validity]\nperiod = 30d\n[key]\ntypes = "
				   "ec-p256\n[issuing]\napprove = yes\n";
	SCOPED(profile_version) v = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) asked = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(cred) refused = { 0 };
	SCOPED(cred) anew = { 0 };
	struct label slow;
	struct enrol in;
	char ref[32];

	(void)state;
	OK(profile_give(c, bytes_of(text), "slow.ini", PROFILE_NEW, &v));
	OK(label_for(c, "issuing.slow", &dev, &slow));
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	in.label = &slow;
	OK(enrol_issue(c, &in, &asked));
	assert_true(enrol_waits(&asked));
	OK(enrol_issue(c, &in, &again));
	assert_int_equal(asked.rec.id, again.rec.id);
	snprintf(ref, sizeof ref, "id:%lld", (long long)asked.rec.id);
	OK(cred_reject(c, ref, "no", &refused));
	cred_clear(&again);
	FAILS(INRO_E_POLICY, enrol_issue(c, &in, &again));
	clock_set_test(NOW + 2 * DAY);
	OK(enrol_issue(c, &in, &anew));
	assert_true(enrol_waits(&anew));
	assert_int_not_equal(asked.rec.id, anew.rec.id);
}

/* ---- what has to be confirmed ---- */

static void test_confirmed_in_time_or_not(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) kept = { 0 };
	SCOPED(cred) lost = { 0 };
	SCOPED(cred) now = { 0 };
	SCOPED(cred) none = { 0 };
	struct enrol in;

	(void)state;
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	in.confirm_by = NOW + 600;
	in.transaction = "cmp-i-01";
	OK(enrol_issue(c, &in, &kept));
	in.transaction = "cmp-i-02";
	OK(enrol_issue(c, &in, &lost));
	assert_int_not_equal(kept.rec.id, lost.rec.id);
	OK(confirm_find(c, "cmp-i-01", dev.id, &now));
	assert_int_equal(now.rec.id, kept.rec.id);
	FAILS(INRO_E_NOT_FOUND, confirm_find(c, "cmp-i-01", other.id, &none));
	FAILS(INRO_E_NOT_FOUND, confirm_find(c, "cmp-i-03", dev.id, &none));
	OK(confirm_done(c, &now));
	OK(confirm_done(c, &now));
	OK(confirm_sweep(c));
	clock_set_test(NOW + 601);
	OK(confirm_sweep(c));
	OK(confirm_sweep(c));
	cred_clear(&now);
	OK(confirm_find(c, "cmp-i-01", dev.id, &now));
	assert_int_equal(now.state, CRED_ACTIVE);
	cred_clear(&now);
	OK(confirm_find(c, "cmp-i-02", dev.id, &now));
	assert_int_equal(now.state, CRED_REVOKED);
	assert_int_equal(now.rec.reason, CRL_CESSATION);
}

/* It ended before anybody looked: nothing to revoke, and nothing that stops the sweep. */
static void test_expired_unconfirmed(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) lost = { 0 };
	SCOPED(cred) now = { 0 };
	struct enrol in;

	(void)state;
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	in.confirm_by = NOW + 600;
	in.transaction = "cmp-i-05";
	OK(enrol_issue(c, &in, &lost));
	clock_set_test(lost.rec.not_after + 1);
	OK(confirm_sweep(c));
	OK(confirm_find(c, "cmp-i-05", dev.id, &now));
	assert_int_equal(now.state, CRED_EXPIRED);
	assert_int_equal(now.rec.confirm_by, 0);
}

/* The same number for another key is another request. */
static void test_a_transaction_is_one_request(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) next = { 0 };
	SCOPED(cred) first = { 0 };
	SCOPED(cred) second = { 0 };
	struct enrol in;

	(void)state;
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	request(key, "CN", "dev", NULL, BYTES_NONE, &next);
	in = of(&dev, &csr);
	in.transaction = "cmp-i-09";
	OK(enrol_issue(c, &in, &first));
	in.csr = buf_bytes(&next);
	FAILS(INRO_E_EXISTS, enrol_issue(c, &in, &second));
	EVP_PKEY_free(key);
}

/* ---- renewals ---- */

static void test_renewal(void **state)
{
	EVP_PKEY *key = office_key("P-256");
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) next = { 0 };
	SCOPED(buf) named = { 0 };
	SCOPED(cred) old = { 0 };
	SCOPED(cred) new = { 0 };
	SCOPED(cred) again = { 0 };
	SCOPED(cred) none = { 0 };
	struct enrol in;

	(void)state;
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	request(key, "CN", "dev", NULL, BYTES_NONE, &next);
	request(key, "O", "Elsewhere", NULL, BYTES_NONE, &named);
	in = of(&dev, &csr);
	OK(enrol_issue(c, &in, &old));
	in = of(&dev, &named);
	FAILS(INRO_E_POLICY, enrol_renew(c, &in, blob_bytes(&old.rec.cert), &none));
	in = of(&other, &next);
	FAILS(INRO_E_POLICY, enrol_renew(c, &in, blob_bytes(&old.rec.cert), &none));
	in = of(&dev, &next);
	OK(enrol_renew(c, &in, blob_bytes(&old.rec.cert), &new));
	assert_int_equal(new.rec.replaces, old.rec.id);
	/* The answer was lost: the same again. */
	OK(enrol_renew(c, &in, blob_bytes(&old.rec.cert), &again));
	assert_int_equal(new.rec.id, again.rec.id);
	EVP_PKEY_free(key);
}

static void test_renewal_of_another_ca(void **state)
{
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) old = { 0 };
	SCOPED(cred) none = { 0 };
	struct label root;
	struct enrol in;

	(void)state;
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	OK(enrol_issue(c, &in, &old));
	OK(label_for(c, "root", &dev, &root));
	in.label = &root;
	FAILS(INRO_E_POLICY, enrol_renew(c, &in, blob_bytes(&old.rec.cert), &none));
}

/* ---- what is wanted ---- */

static void test_wanted(void **state)
{
	SCOPED(buf) mine = { 0 };
	SCOPED(buf) anybodys = { 0 };
	struct bytes seq;

	(void)state;
	OK(enrol_wanted(c, &tls, &dev, &mine));
	OK(der_only(buf_bytes(&mine), DER_SEQUENCE, &seq));
	assert_non_null(memmem(mine.p, mine.n, "\x0c\x03""dev", 5));
	OK(enrol_wanted(c, &tls, NULL, &anybodys));
	assert_null(memmem(anybodys.p, anybodys.n, "dev", 3));
}

/* ---- keys made here ---- */

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

	snprintf(key, sizeof key, "%s-ra", label);
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

		request(key, "CN", "dev", NULL, BYTES_NONE, &csr);
		in = of(&dev, &csr);
		OK(enrol_issue(c, &in, &mine));
		OK(cert_read(blob_bytes(&mine.rec.cert), &cert));
		request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.54", cert.ext.ski, &csr);
		in = of(&dev, &csr);
		OK(enrol_generate(c, &in, &g));
		cms = envelope(&g);
		assert_int_equal(CMS_decrypt_set1_pkey(cms, key, NULL), 1);
		open_envelope(cms, &g.cred);
		/* Somebody else's certificate is none of the device's. */
		request(office_ec, "CN", "other", "1.2.840.113549.1.9.16.2.54", cert.ext.ski, &csr);
		in = of(&other, &csr);
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
	request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.37", blob_bytes(&k.rec.serial), &csr);
	in = of(&dev, &csr);
	OK(enrol_generate(c, &in, &g));
	cms = envelope(&g);
	assert_int_equal(CMS_decrypt_set1_key(cms, value.p, value.n, k.rec.serial.p, k.rec.serial.n), 1);
	open_envelope(cms, &g.cred);
	enrol_given_clear(&g);
	/* By its id as text; a key that is no AES key; another device's; none. */
	request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.37", bytes_of(id), &csr);
	in = of(&dev, &csr);
	OK(enrol_generate(c, &in, &g));
	enrol_given_clear(&g);
	request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.37", blob_bytes(&mac.rec.serial), &csr);
	in = of(&dev, &csr);
	FAILS(INRO_E_KEY_TYPE, enrol_generate(c, &in, &g));
	request(office_ec, "CN", "other", "1.2.840.113549.1.9.16.2.37", bytes_of(id), &csr);
	in = of(&other, &csr);
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
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	FAILS(INRO_E_POLICY, enrol_generate(c, &in, &g));
	assert_non_null(strstr(err_detail(INRO_E_POLICY), "plain_keys"));
	OK(group_add(c, "weak", "{\"plain_keys\": true}", &grp));
	add_device("plain", "weak", &plain);
	request(office_ec, "CN", "plain", NULL, BYTES_NONE, &csr);
	in = of(&plain, &csr);
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
	request(office_ec, "CN", "dev", NULL, BYTES_NONE, &csr);
	in = of(&dev, &csr);
	OK(enrol_issue(c, &in, &mine));
	OK(cert_read(blob_bytes(&mine.rec.cert), &cert));
	request(office_ec, "CN", "dev", "1.2.840.113549.1.9.16.2.54", cert.ext.ski, &csr);
	in = of(&dev, &csr);
	FAILS(INRO_E_CONFIG, enrol_generate(c, &in, &g));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), SIGNER_PROFILE));
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
	add_device("plain", "weak", &plain);
	OK(pki_key_kind_find("ec-p256", &kind));
	OK(bundle_key(kind, &pkcs8));
	OK(dn_parse("CN=plain", NULL, &subject));
	OK(san_add(&sans, "DNS:bank.example"));
	plan.subject = buf_bytes(&subject);
	plan.sans = buf_bytes(&sans);
	OK(bundle_csr(secret_bytes(&pkcs8), &plan, &csr));
	in = of(&plain, &csr);
	FAILS(INRO_E_POLICY, enrol_generate(c, &in, &g));
}

/* ---- certificates of CAs ---- */

static void test_chain(void **state)
{
	SCOPED(chain) before = { 0 };
	SCOPED(chain) after = { 0 };
	SCOPED(ca_view) v = { 0 };
	char key[60];

	(void)state;
	OK(enrol_chain(c, "issuing", &before));
	assert_int_equal(before.n, 2);
	snprintf(key, sizeof key, "%s-next", label);
	OK(ca_rollover(c, &(struct ca_rollover) { .name = "root", .token = "ca", .label = key }, &v));
	/* issuing is under the old key: the chain, and what leads from either root to the other. */
	OK(enrol_chain(c, "root", &after));
	assert_int_equal(after.n, 4);
	FAILS(INRO_E_NOT_FOUND, enrol_chain(c, "nobody", &before));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_labels),
		T(test_labels_of_devices),
		T(test_label_with_dots),
		T(test_the_same_request_again),
		T(test_a_revoked_one_is_not_given_again),
		T(test_another_devices_name),
		T(test_waiting),
		T(test_confirmed_in_time_or_not),
		T(test_expired_unconfirmed),
		T(test_a_transaction_is_one_request),
		T(test_renewal),
		T(test_renewal_of_another_ca),
		T(test_wanted),
		T(test_key_to_a_certificate),
		T(test_key_under_a_symmetric_one),
		T(test_key_in_the_clear),
		T(test_no_signer),
		T(test_key_and_foreign_names),
		T(test_chain),
	};

	return cmocka_run_group_tests(tests, office_with_key, office_drop_key);
}
