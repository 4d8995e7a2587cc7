/* Questions about certificates and answers to them, judged by libcrypto. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/ocsp.h>

#include "backoffice/pki/ocsp.h"
#include "base/der.h"
#include "tests/lib/judge.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define HOUR	    3600

static int64_t now;

static const uint8_t serials[][4] = { "\x01\x02\x03\x04", "\x80\x00\x00\x01", "\x7f\xff\xff\xff" };

/* A CA, and a key that it lets answer in its place. */
struct side {
	struct judge_ca ca;
	EVP_PKEY *key;
	struct cert signer;
	const struct pki_sig *sig;
};

static const char *const key_types[] = { "P-256", "rsa:3072", "ED25519" };
static struct side sides[ARRAY_LEN(key_types)];

static void make_signer(const char *key_type, struct side *s)
{
	SCOPED(profile) profile = { 0 };
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) name = { 0 };
	SCOPED(buf) der = { 0 };
	struct pubkey pub;
	uint8_t serial[CERT_SERIAL_OCTETS];
	struct issue in = { .profile = &profile,
			    .issuer = &s->ca.cert,
			    .key = &pub,
			    .serial = BYTES(serial, sizeof serial),
			    .now = now,
			    .path_len = EXT_PATH_LEN_NONE };

	s->key = judge_key(key_type);
	judge_spki(s->key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &pub));
	OK(profile_builtin("ocsp-signer", &profile));
	OK(cert_serial(serial));
	judge_name("/O=Example/CN=Answers", &name);
	in.subject = buf_bytes(&name);
	OK(judge_issue(&in, s->ca.key, &der));
	OK(cert_read(buf_bytes(&der), &s->signer));
	OK(pki_sig_for(s->signer.key.type, PKI_HASH_NONE, &s->sig));
}

static int setup(void **state)
{
	(void)state;
	now = time(NULL);
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++) {
		judge_ca_make(key_types[i], "/O=Example/CN=Root", NULL, now - HOUR, &sides[i].ca);
		make_signer(key_types[i], &sides[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++) {
		judge_ca_clear(&sides[i].ca);
		EVP_PKEY_free(sides[i].key);
		cert_clear(&sides[i].signer);
	}
	return 0;
}

/* ---- libcrypto asks ---- */

static OCSP_CERTID *id_of(const struct side *s, const EVP_MD *md, size_t which)
{
	X509 *x = judge_x509(buf_bytes(&s->ca.cert.der));
	BIGNUM *bn = BN_bin2bn(serials[which], sizeof serials[which], NULL);
	ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(bn, NULL);
	OCSP_CERTID *id = OCSP_cert_id_new(md, X509_get_subject_name(x), X509_get0_pubkey_bitstr(x),
					   serial);

	assert_non_null(id);
	ASN1_INTEGER_free(serial);
	BN_free(bn);
	X509_free(x);
	return id;
}

static void encode(OCSP_REQUEST *req, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_OCSP_REQUEST(req, &der);

	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	OK(buf_err(ret));
}

static OCSP_REQUEST *ask(const struct side *s, const EVP_MD *md, size_t n)
{
	OCSP_REQUEST *req = OCSP_REQUEST_new();

	for (size_t i = 0; i < n; i++)
		assert_non_null(OCSP_request_add0_id(req, id_of(s, md, i)));
	return req;
}

static void sign(const struct side *s, EVP_PKEY *key, struct bytes certs,
		 const struct ocsp_answer *a, struct buf *ret)
{
	SCOPED(buf) tbs = { 0 };
	SCOPED(buf) signature = { 0 };
	SCOPED(buf) is_signed = { 0 };

	OK(ocsp_tbs(a, &tbs));
	judge_sign(key, s->sig, buf_bytes(&tbs), &signature);
	OK(ocsp_signed(buf_bytes(&tbs), s->sig, buf_bytes(&signature), &is_signed));
	OK(ocsp_whole(buf_bytes(&is_signed), certs, ret));
}

static OCSP_BASICRESP *judge_response(struct bytes der)
{
	const unsigned char *p = der.p;
	unsigned char *again = NULL;
	OCSP_RESPONSE *resp = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	OCSP_BASICRESP *basic;

	assert_non_null(resp);
	assert_ptr_equal(p, der.p + der.n);
	assert_int_equal(i2d_OCSP_RESPONSE(resp, &again), der.n);
	assert_memory_equal(again, der.p, der.n);
	OPENSSL_free(again);
	assert_int_equal(OCSP_response_status(resp), OCSP_RESPONSE_STATUS_SUCCESSFUL);
	basic = OCSP_response_get1_basic(resp);
	assert_non_null(basic);
	OCSP_RESPONSE_free(resp);
	return basic;
}

static void assert_signed_under(OCSP_BASICRESP *basic, const struct side *s)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *known = sk_X509_new_null();
	X509 *root = judge_x509(buf_bytes(&s->ca.cert.der));

	assert_int_equal(sk_X509_push(known, root), 1);
	assert_int_equal(X509_STORE_add_cert(store, root), 1);
	assert_int_equal(OCSP_basic_verify(basic, known, store, 0), 1);
	X509_STORE_free(store);
	sk_X509_pop_free(known, X509_free);
}

/* ---- three certificates, three states ---- */

static const struct ocsp_single states[] = {
	{ .status = OCSP_GOOD },
	{ .status = OCSP_REVOKED, .reason = CRL_HOLD },
	{ .status = OCSP_UNKNOWN },
};

static void assert_state(OCSP_BASICRESP *basic, const struct side *s, const EVP_MD *md, size_t i)
{
	OCSP_CERTID *id = id_of(s, md, i);
	ASN1_GENERALIZEDTIME *revoked = NULL, *this = NULL, *next = NULL;
	int status, reason;
	struct tm tm;

	assert_int_equal(OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &this, &next),
			 1);
	assert_int_equal(status, states[i].status);
	assert_int_equal(OCSP_check_validity(this, next, 5, -1), 1);
	if (status == V_OCSP_CERTSTATUS_REVOKED) {
		assert_int_equal(reason, CRL_HOLD);
		assert_int_equal(ASN1_TIME_to_tm(revoked, &tm), 1);
		assert_int_equal(timegm(&tm), now - 60);
	}
	OCSP_CERTID_free(id);
}

struct way {
	const EVP_MD *(*md)(void);
	bool by_name, delegated, nonce;
};

static void one_way(const struct side *s, const struct way *w)
{
	OCSP_REQUEST *req = ask(s, w->md(), ARRAY_LEN(states));
	const struct cert *signer = w->delegated ? &s->signer : &s->ca.cert;
	struct ocsp_single singles[ARRAY_LEN(states)];
	SCOPED(buf) der = { 0 };
	SCOPED(buf) responder = { 0 };
	SCOPED(buf) certs = { 0 };
	SCOPED(buf) out = { 0 };
	struct ocsp_request r;
	struct ocsp_names names;
	struct ocsp_answer a = { .this_update = now,
				 .next_update = now + HOUR,
				 .singles = singles,
				 .n = ARRAY_LEN(states) };
	OCSP_BASICRESP *basic;

	if (w->nonce)
		assert_int_equal(OCSP_request_add1_nonce(req, NULL, 32), 1);
	encode(req, &der);
	OK(ocsp_request_read(buf_bytes(&der), &r));
	assert_int_equal(r.n, a.n);
	OK(ocsp_names_of(&s->ca.cert, &names));
	for (size_t i = 0; i < r.n; i++) {
		assert_true(ocsp_is_of(&r.asked[i], &names));
		assert_true(bytes_equal(r.asked[i].serial, BYTES(serials[i], sizeof serials[i])));
		singles[i] = states[i];
		singles[i].cert_id = r.asked[i].whole;
		singles[i].revoked_at = now - 60;
	}
	a.nonce = r.nonce;
	OK(ocsp_add_responder(&responder, signer, w->by_name));
	a.responder = buf_bytes(&responder);
	if (w->delegated)
		ocsp_add_certs(&certs, buf_bytes(&s->signer.der));
	sign(s, w->delegated ? s->key : s->ca.key, buf_bytes(&certs), &a, &out);
	basic = judge_response(buf_bytes(&out));
	assert_signed_under(basic, s);
	for (size_t i = 0; i < a.n; i++)
		assert_state(basic, s, w->md(), i);
	/* 1: both have it and it is the same; 2: neither has. */
	assert_int_equal(OCSP_check_nonce(req, basic), w->nonce ? 1 : 2);
	OCSP_BASICRESP_free(basic);
	OCSP_REQUEST_free(req);
}

static void test_answers(void **state)
{
	static const struct way ways[] = {
		{ EVP_sha1, false, true, true },    { EVP_sha1, true, true, false },
		{ EVP_sha256, false, true, false }, { EVP_sha256, true, false, true },
		{ EVP_sha1, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sides); i++)
		for (size_t k = 0; k < ARRAY_LEN(ways); k++)
			one_way(&sides[i], &ways[k]);
}

/* Reason, invalidity date and archive cutoff, where there are any. */
static void test_extensions(void **state)
{
	const struct side *s = &sides[0];
	OCSP_CERTID *id = id_of(s, EVP_sha1(), 0);
	unsigned char *der = NULL;
	int n = i2d_OCSP_CERTID(id, &der);
	const struct ocsp_single plain = { .cert_id = BYTES(der, (size_t)n),
					   .status = OCSP_REVOKED,
					   .revoked_at = now - 9,
					   .invalid_since = now - HOUR,
					   .cutoff = now - 2 * HOUR };
	SCOPED(buf) responder = { 0 };
	SCOPED(buf) out = { 0 };
	struct ocsp_answer a = { .this_update = now, .next_update = now + 9, .singles = &plain, .n = 1 };
	OCSP_BASICRESP *basic;
	OCSP_SINGLERESP *one;
	ASN1_GENERALIZEDTIME *at;
	struct tm tm;
	int reason;

	(void)state;
	OK(ocsp_add_responder(&responder, &s->ca.cert, false));
	a.responder = buf_bytes(&responder);
	sign(s, s->ca.key, BYTES_NONE, &a, &out);
	basic = judge_response(buf_bytes(&out));
	one = OCSP_resp_get0(basic, 0);
	assert_int_equal(OCSP_single_get0_status(one, &reason, NULL, NULL, NULL),
			 V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(reason, -1); /* unspecified is not written */
	at = OCSP_SINGLERESP_get1_ext_d2i(one, NID_id_pkix_OCSP_archiveCutoff, NULL, NULL);
	assert_non_null(at);
	assert_int_equal(ASN1_TIME_to_tm(at, &tm), 1);
	assert_int_equal(timegm(&tm), plain.cutoff);
	ASN1_GENERALIZEDTIME_free(at);
	at = OCSP_SINGLERESP_get1_ext_d2i(one, NID_invalidity_date, NULL, NULL);
	assert_non_null(at);
	ASN1_GENERALIZEDTIME_free(at);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	OPENSSL_free(der);
}

static void test_refusals(void **state)
{
	static const enum ocsp_refusal whys[] = { OCSP_MALFORMED, OCSP_INTERNAL, OCSP_TRY_LATER,
						  OCSP_UNAUTHORIZED };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
		SCOPED(buf) out = { 0 };
		const unsigned char *p;
		OCSP_RESPONSE *r;

		ocsp_add_refusal(&out, whys[i]);
		p = out.p;
		r = d2i_OCSP_RESPONSE(NULL, &p, (long)out.n);
		assert_non_null(r);
		assert_int_equal(OCSP_response_status(r), whys[i]);
		OCSP_RESPONSE_free(r);
	}
}

/* A CertID as it would be asked for again is the one that was asked for. */
static void test_same_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(serials); i++) {
		OCSP_REQUEST *req = ask(&sides[1], i ? EVP_sha256() : EVP_sha1(), i + 1);
		SCOPED(buf) der = { 0 };
		SCOPED(buf) again = { 0 };
		struct ocsp_names names;
		struct ocsp_request r;

		encode(req, &der);
		OK(ocsp_request_read(buf_bytes(&der), &r));
		OK(ocsp_names_of(&sides[1].ca.cert, &names));
		ocsp_add_cert_id(&again, &names, &r.asked[i]);
		assert_true(bytes_equal(buf_bytes(&again), r.asked[i].whole));
		assert_true(ocsp_is_of(&r.asked[i], &names));
		OK(ocsp_names_of(&sides[0].ca.cert, &names));
		assert_false(ocsp_is_of(&r.asked[i], &names));
		OCSP_REQUEST_free(req);
	}
}

/* ---- what is no question ---- */

static void add_nonce(OCSP_REQUEST *req, int n)
{
	unsigned char octets[OCSP_NONCE_MAX + 1] = { 7 };

	assert_int_equal(OCSP_request_add1_nonce(req, octets, n), 1);
}

static enum inro_err read_it(OCSP_REQUEST *req)
{
	static struct ocsp_request r;
	SCOPED(buf) der = { 0 };

	encode(req, &der);
	OCSP_REQUEST_free(req);
	return ocsp_request_read(buf_bytes(&der), &r);
}

static void test_bounds(void **state)
{
	static const struct {
		int nonce;
		enum inro_err e;
	} nonces[] = { { 1, INRO_OK },
		       { OCSP_NONCE_MAX, INRO_OK },
		       { OCSP_NONCE_MAX + 1, INRO_E_SYNTAX } };
	OCSP_REQUEST *req = OCSP_REQUEST_new();

	(void)state;
	FAILS(INRO_E_SYNTAX, read_it(ask(&sides[0], EVP_sha1(), 0)));
	for (size_t i = 0; i < ARRAY_LEN(nonces); i++) {
		OCSP_REQUEST *r = ask(&sides[0], EVP_sha1(), 1);

		add_nonce(r, nonces[i].nonce);
		FAILS(nonces[i].e, read_it(r));
	}
	for (size_t i = 0; i < OCSP_ASKED_MAX; i++)
		OCSP_request_add0_id(req, id_of(&sides[0], EVP_sha1(), 0));
	OK(read_it(req));
	req = OCSP_REQUEST_new();
	for (size_t i = 0; i <= OCSP_ASKED_MAX; i++)
		OCSP_request_add0_id(req, id_of(&sides[0], EVP_sha1(), 0));
	FAILS(INRO_E_TOO_BIG, read_it(req));
	/* another hash is read, and nobody's */
	OK(read_it(ask(&sides[0], EVP_sha384(), 1)));
}

static void test_critical(void **state)
{
	OCSP_REQUEST *req = ask(&sides[0], EVP_sha1(), 1);
	X509_EXTENSION *x = NULL;
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	(void)state;
	assert_int_equal(ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05\x00", 2), 1);
	x = X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_CrlID, 1, value);
	assert_int_equal(OCSP_REQUEST_add_ext(req, x, -1), 1);
	X509_EXTENSION_free(x);
	ASN1_OCTET_STRING_free(value);
	FAILS(INRO_E_UNSUPPORTED, read_it(req));
}

/* With a signature and a name, which nobody looks at. */
static void test_signed_request(void **state)
{
	const struct side *s = &sides[0];
	OCSP_REQUEST *req = ask(s, EVP_sha1(), 1);
	X509 *x = judge_x509(buf_bytes(&s->signer.der));

	(void)state;
	assert_int_equal(OCSP_request_sign(req, x, s->key, EVP_sha256(), NULL, 0), 1);
	X509_free(x);
	OK(read_it(req));
}

/* Cut off anywhere, or one octet changed: an error, or a question within its own bounds. */
static void test_broken(void **state)
{
	OCSP_REQUEST *req = ask(&sides[0], EVP_sha256(), 2);
	SCOPED(buf) der = { 0 };
	struct ocsp_request r;

	(void)state;
	add_nonce(req, 16);
	encode(req, &der);
	for (size_t n = 0; n < der.n; n++)
		assert_int_not_equal(ocsp_request_read(BYTES(der.p, n), &r), INRO_OK);
	for (size_t i = 0; i < der.n * 8; i++) {
		der.p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (ocsp_request_read(buf_bytes(&der), &r) == INRO_OK)
			assert_true(r.n >= 1 && r.n <= 2 && r.nonce.n <= OCSP_NONCE_MAX);
		der.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	OK(ocsp_request_read(buf_bytes(&der), &r));
	buf_add_u8(&der, 0);
	FAILS(INRO_E_SYNTAX, ocsp_request_read(buf_bytes(&der), &r));
	OCSP_REQUEST_free(req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),	  cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_same_id),
		cmocka_unit_test(test_bounds),	  cmocka_unit_test(test_critical),
		cmocka_unit_test(test_signed_request), cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
