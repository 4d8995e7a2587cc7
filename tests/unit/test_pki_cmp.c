/* test_pki_cmp - CMP's messages: requests and MACs that libcrypto made are read, what is written is read again, and what
 * is cut, changed or too much is refused. */
#include <openssl/crmf.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/pki/cmp_ask.h"
#include "backoffice/pki/crmf.h"
#include "base/der.h"
#include "tests/lib/judge.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static const struct bytes nobody = BYTES_LIT("\xa4\x02\x30\x00");

/* ---- requests ---- */

/* A CertReqMsg by libcrypto; proof: as OSSL_CRMF_POPO_... */
static void request(EVP_PKEY *key, const char *cn, int proof, struct buf *ret)
{
	OSSL_CRMF_MSG *m = OSSL_CRMF_MSG_new();
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;
	int n;

	assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn,
					       -1, -1, 0));
	assert_int_equal(OSSL_CRMF_CERTTEMPLATE_fill(OSSL_CRMF_MSG_get0_tmpl(m), key, name, NULL, NULL),
			 1);
	assert_int_equal(OSSL_CRMF_MSG_set_certReqId(m, 0), 1);
	assert_int_equal(OSSL_CRMF_MSG_create_popo(proof, m, key, EVP_sha256(), NULL, NULL), 1);
	n = i2d_OSSL_CRMF_MSG(m, &der);
	assert_true(n > 0);
	buf_reset(ret);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	X509_NAME_free(name);
	OSSL_CRMF_MSG_free(m);
}

static void test_requests(void **state)
{
	static const char *const types[] = { "P-256", "P-384", "rsa:2048" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		EVP_PKEY *key = judge_key(types[i]);
		SCOPED(buf) der = { 0 };
		SCOPED(buf) spki = { 0 };
		SCOPED(csr) csr = { 0 };
		struct crmf_facts facts;

		request(key, "dev", OSSL_CRMF_POPO_SIGNATURE, &der);
		OK(crmf_read(buf_bytes(&der), &csr));
		OK(csr_verify(&csr));
		judge_spki(key, &spki);
		assert_true(bytes_equal(csr.key.spki, buf_bytes(&spki)));
		assert_non_null(memmem(csr.subject.p, csr.subject.n, "dev", 3));
		OK(crmf_read_facts(buf_bytes(&der), &facts));
		assert_int_equal(facts.id, 0);
		assert_int_equal(facts.old_serial.n, 0);
		EVP_PKEY_free(key);
	}
}

static void test_no_proof(void **state)
{
	EVP_PKEY *key = judge_key("P-256");
	SCOPED(buf) der = { 0 };
	SCOPED(csr) csr = { 0 };

	(void)state;
	request(key, "dev", OSSL_CRMF_POPO_NONE, &der);
	FAILS(INRO_E_UNSUPPORTED, crmf_read(buf_bytes(&der), &csr));
	request(key, "dev", OSSL_CRMF_POPO_RAVERIFIED, &der);
	FAILS(INRO_E_UNSUPPORTED, crmf_read(buf_bytes(&der), &csr));
	EVP_PKEY_free(key);
}

/* Each octet changed, and each length: refused, or another request whose proof is wrong. */
static void test_changed_requests(void **state)
{
	EVP_PKEY *key = judge_key("P-256");
	SCOPED(buf) der = { 0 };

	(void)state;
	request(key, "dev", OSSL_CRMF_POPO_SIGNATURE, &der);
	for (size_t i = 0; i < der.n; i++) {
		SCOPED(csr) changed = { 0 };
		SCOPED(csr) cut = { 0 };

		assert_int_not_equal(crmf_read(BYTES(der.p, i), &cut), INRO_OK);
		der.p[i] ^= 0x21;
		if (crmf_read(buf_bytes(&der), &changed) == INRO_OK)
			assert_int_not_equal(csr_verify(&changed), INRO_OK);
		der.p[i] ^= 0x21;
	}
	ERR_clear_error();
	EVP_PKEY_free(key);
}

/* ---- MACs ---- */

static const struct bytes sha1_mac = BYTES_LIT("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x08\x01\x02"),
			  sha256_mac = BYTES_LIT("\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09"),
			  md5_mac = BYTES_LIT("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x08\x01\x01");

static void mac_by_libcrypto(int rounds, int mac, struct buf *ret_alg, struct buf *ret)
{
	OSSL_CRMF_PBMPARAMETER *p = OSSL_CRMF_pbmp_new(NULL, 16, NID_sha256, (size_t)rounds, mac);
	unsigned char *der = NULL, *out = NULL;
	size_t n = 0, seq;
	int octets = i2d_OSSL_CRMF_PBMPARAMETER(p, &der);

	assert_int_equal(OSSL_CRMF_pbm_new(NULL, NULL, p, (const unsigned char *)"message", 7,
					   (const unsigned char *)"secret", 6, &out, &n),
			 1);
	seq = der_begin(ret_alg, DER_SEQUENCE);
	der_add_oid(ret_alg, "1.2.840.113533.7.66.13");
	buf_add(ret_alg, BYTES(der, (size_t)octets));
	der_end(ret_alg, seq);
	buf_add(ret, BYTES(out, n));
	OPENSSL_free(der);
	OPENSSL_free(out);
	OSSL_CRMF_PBMPARAMETER_free(p);
}

static void test_macs(void **state)
{
	static const int macs[] = { NID_hmac_sha1, NID_hmacWithSHA256 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
		SCOPED(buf) alg = { 0 };
		SCOPED(buf) want = { 0 };
		SCOPED(buf) again = { 0 };
		uint8_t mac[CMP_MAC_MAX];
		struct cmp_pbm p;
		size_t n;

		mac_by_libcrypto(500, macs[i], &alg, &want);
		assert_true(cmp_is_pbm(buf_bytes(&alg)));
		OK(cmp_pbm_read(buf_bytes(&alg), &p));
		OK(cmp_pbm_mac(&p, bytes_of("secret"), bytes_of("message"), mac, &n));
		assert_true(bytes_equal(BYTES(mac, n), buf_bytes(&want)));
		cmp_pbm_add(&again, &p);
		OK(cmp_pbm_read(buf_bytes(&again), &p));
		OK(cmp_pbm_mac(&p, bytes_of("secret"), bytes_of("message"), mac, &n));
		assert_true(bytes_equal(BYTES(mac, n), buf_bytes(&want)));
	}
}

static void test_macs_that_are_refused(void **state)
{
	static const uint8_t salt[200];
	const struct cmp_pbm wrong[] = {
		{ BYTES(salt, 16), PKI_SHA256, CMP_PBM_ROUNDS_MAX + 1, sha256_mac },
		{ BYTES(salt, 16), PKI_SHA256, 0, sha256_mac },
		{ BYTES(salt, 4), PKI_SHA256, 500, sha256_mac },
		{ BYTES(salt, 200), PKI_SHA256, 500, sha1_mac },
		{ BYTES(salt, 16), PKI_SHA256, 500, md5_mac },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		SCOPED(buf) alg = { 0 };
		struct cmp_pbm p;

		cmp_pbm_add(&alg, &wrong[i]);
		FAILS(INRO_E_UNSUPPORTED, cmp_pbm_read(buf_bytes(&alg), &p));
	}
}

/* ---- messages ---- */

static void message(const struct cmp_head *h, struct bytes body, struct bytes protection, struct buf *ret)
{
	const struct bytes cert = BYTES_LIT("\x30\x03\x02\x01\x05");
	SCOPED(buf) head = { 0 };

	cmp_add_head(&head, h);
	buf_reset(ret);
	cmp_add_message(ret, buf_bytes(&head), body, protection, &cert, 1);
	OK(buf_err(ret));
}

static struct cmp_head head(void)
{
	return (struct cmp_head) { .version = 2,
				   .sender = nobody,
				   .recipient = nobody,
				   .time = 1790000000,
				   .algorithm = sha1_mac,
				   .sender_kid = bytes_of("dev"),
				   .id = bytes_of("0123456789abcdef"),
				   .sender_nonce = bytes_of("fedcba9876543210"),
				   .recip_nonce = bytes_of("0000000000000000"),
				   .implicit_confirm = true };
}

static void test_written_is_read(void **state)
{
	const struct cmp_head h = head();
	SCOPED(buf) body = { 0 };
	SCOPED(buf) der = { 0 };
	struct cmp_message m;

	(void)state;
	cmp_add_error(&body, CMP_FAIL_BAD_TIME, "late");
	message(&h, buf_bytes(&body), bytes_of("mac"), &der);
	OK(cmp_read(buf_bytes(&der), &m));
	assert_int_equal(m.version, 2);
	assert_int_equal(m.time, h.time);
	assert_int_equal(m.type, CMP_ERROR);
	assert_true(m.implicit_confirm);
	assert_true(bytes_equal(m.id, h.id));
	assert_true(bytes_equal(m.sender_kid, h.sender_kid));
	assert_true(bytes_equal(m.sender_nonce, h.sender_nonce));
	assert_true(bytes_equal(m.recip_nonce, h.recip_nonce));
	assert_true(bytes_equal(m.algorithm, h.algorithm));
	assert_true(bytes_equal(m.protection, bytes_of("mac")));
	assert_true(bytes_equal(m.body_whole, buf_bytes(&body)));
	assert_int_equal(m.n_certs, 1);
}

static void test_changed_messages(void **state)
{
	const struct cmp_head h = head();
	SCOPED(buf) body = { 0 };
	SCOPED(buf) der = { 0 };
	struct cmp_message m;

	(void)state;
	cmp_add_poll(&body, 0, 60);
	message(&h, buf_bytes(&body), bytes_of("mac"), &der);
	for (size_t i = 0; i < der.n; i++) {
		assert_int_not_equal(cmp_read(BYTES(der.p, i), &m), INRO_OK);
		der.p[i] ^= 0x80;
		(void)!cmp_read(buf_bytes(&der), &m); /* and nothing worse */
		der.p[i] ^= 0x80;
	}
}

static void test_bounds(void **state)
{
	static const uint8_t zeros[CMP_MAX + 1];
	struct cmp_head h = head();
	SCOPED(buf) body = { 0 };
	SCOPED(buf) der = { 0 };
	struct cmp_message m;
	struct bytes one;

	(void)state;
	FAILS(INRO_E_TOO_BIG, cmp_read(BYTES(zeros, sizeof zeros), &m));
	cmp_add_confirmed(&body);
	h.id = BYTES(zeros, CMP_ID_MAX + 1);
	message(&h, buf_bytes(&body), bytes_of("mac"), &der);
	FAILS(INRO_E_TOO_BIG, cmp_read(buf_bytes(&der), &m));
	h = head();
	h.sender_nonce = BYTES(zeros, CMP_NONCE_MAX + 1);
	message(&h, buf_bytes(&body), bytes_of("mac"), &der);
	FAILS(INRO_E_TOO_BIG, cmp_read(buf_bytes(&der), &m));
	/* A protection and no algorithm, or the reverse. */
	h = head();
	message(&h, buf_bytes(&body), BYTES_NONE, &der);
	FAILS(INRO_E_SYNTAX, cmp_read(buf_bytes(&der), &m));
	h.algorithm = BYTES_NONE;
	message(&h, buf_bytes(&body), bytes_of("mac"), &der);
	FAILS(INRO_E_SYNTAX, cmp_read(buf_bytes(&der), &m));
	/* One thing at a time. */
	FAILS(INRO_E_UNSUPPORTED, cmp_only_one((struct bytes)BYTES_LIT("\x30\x00"), &one));
	FAILS(INRO_E_UNSUPPORTED, cmp_only_one((struct bytes)BYTES_LIT("\x30\x04\x30\x00\x30\x00"), &one));
	OK(cmp_only_one((struct bytes)BYTES_LIT("\x30\x02\x30\x00"), &one));
}

/* ---- what the one who asks reads ---- */

/* What is in the tag of a body. */
static struct bytes in_tag(const struct buf *body)
{
	struct bytes in = buf_bytes(body);
	struct der d;

	OK(der_next(&in, &d));
	assert_int_equal(in.n, 0);
	return d.value;
}

static void test_answers_are_read(void **state)
{
	const struct bytes cert = BYTES_LIT("\x30\x03\x02\x01\x07");
	const struct cmp_answer good = { .type = CMP_CP, .request = -1, .fail = CMP_FAIL_NONE, .cert = cert, .ca = cert };
	const struct cmp_answer bad = {
		.type = CMP_CP, .status = CMP_REJECTION, .fail = CMP_FAIL_ID_IN_USE, .text = "not today"
	};
	SCOPED(buf) a = { 0 };
	SCOPED(buf) b = { 0 };
	struct cmp_came came;
	struct bytes body;

	(void)state;
	cmp_add_answer(&a, &good);
	OK(cmp_read_answer(in_tag(&a), &came));
	assert_int_equal(came.request, -1);
	assert_int_equal(came.said.status, CMP_ACCEPTED);
	assert_true(bytes_equal(came.cert, cert));
	cmp_add_answer(&b, &bad);
	OK(cmp_read_answer(in_tag(&b), &came));
	assert_int_equal(came.said.status, CMP_REJECTION);
	assert_int_equal(came.said.fails, 1u << CMP_FAIL_ID_IN_USE);
	assert_true(bytes_is(came.said.text, "not today"));
	assert_int_equal(came.cert.n, 0);
	body = in_tag(&a);
	for (size_t n = 0; n < body.n; n++)
		assert_int_not_equal(cmp_read_answer(BYTES(body.p, n), &came), INRO_OK);
}

/* A server reads what is written here, and its answer is read here. */
static void test_revocations_are_read(void **state)
{
	static const struct bytes issuer = BYTES_LIT("\x30\x00");
	static const struct bytes serial = BYTES_LIT("\x80\x01");
	static const struct bytes reason =
		BYTES_LIT("\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x04");
	SCOPED(buf) b = { 0 };
	SCOPED(buf) a = { 0 };
	struct bytes one, in, template, got_issuer, got_serial, body;
	struct cmp_said said;

	(void)state;
	cmp_add_revocation(&b, issuer, serial, 4);
	OK(cmp_only_one(in_tag(&b), &one));
	OK(der_only(one, DER_SEQUENCE, &in));
	OK(der_take(&in, DER_SEQUENCE, &template));
	OK(crmf_read_id(template, &got_issuer, &got_serial));
	assert_true(bytes_equal(got_issuer, issuer));
	assert_true(bytes_equal(got_serial, serial));
	assert_true(bytes_equal(in, reason));
	cmp_add_revoked(&a, CMP_REJECTION, CMP_FAIL_CERT_REVOKED, "long ago");
	body = in_tag(&a);
	OK(cmp_read_revoked(body, &said));
	assert_int_equal(said.fails, 1u << CMP_FAIL_CERT_REVOKED);
	assert_true(bytes_is(said.text, "long ago"));
	for (size_t n = 0; n < body.n; n++)
		assert_int_not_equal(cmp_read_revoked(BYTES(body.p, n), &said), INRO_OK);
}

static void test_errors_and_polls_are_read(void **state)
{
	SCOPED(buf) error = { 0 };
	SCOPED(buf) poll = { 0 };
	struct cmp_said said;
	int64_t request = 0, after = 0;
	struct bytes body;

	(void)state;
	cmp_add_error(&error, CMP_FAIL_NOT_AUTHORIZED, "no");
	OK(cmp_read_error(in_tag(&error), &said));
	assert_int_equal(said.fails, 1u << CMP_FAIL_NOT_AUTHORIZED);
	body = in_tag(&error);
	for (size_t n = 0; n < body.n; n++)
		assert_int_not_equal(cmp_read_error(BYTES(body.p, n), &said), INRO_OK);
	cmp_add_poll(&poll, -1, 77);
	OK(cmp_read_poll(in_tag(&poll), &request, &after));
	assert_int_equal(request, -1);
	assert_int_equal(after, 77);
	body = in_tag(&poll);
	for (size_t n = 0; n < body.n; n++)
		assert_int_not_equal(cmp_read_poll(BYTES(body.p, n), &request, &after), INRO_OK);
}

/* A server reads what is written here. */
static void test_confirmation_is_read(void **state)
{
	const struct cmp_confirmation c = { .hash = BYTES_LIT("0123456789abcdef"), .request = -1, .rejected = true };
	struct cmp_confirmation got;
	SCOPED(buf) b = { 0 };
	struct bytes one;

	(void)state;
	cmp_add_confirm(&b, &c);
	OK(cmp_only_one(in_tag(&b), &one));
	OK(cmp_read_confirmation(one, &got));
	assert_true(bytes_equal(got.hash, c.hash));
	assert_true(got.rejected);
	assert_int_equal(got.request, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_no_proof),
		cmocka_unit_test(test_changed_requests),
		cmocka_unit_test(test_macs),
		cmocka_unit_test(test_macs_that_are_refused),
		cmocka_unit_test(test_written_is_read),
		cmocka_unit_test(test_changed_messages),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_answers_are_read),
		cmocka_unit_test(test_revocations_are_read),
		cmocka_unit_test(test_errors_and_polls_are_read),
		cmocka_unit_test(test_confirmation_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
