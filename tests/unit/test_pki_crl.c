/* Revocation lists and the algorithm tables, judged by libcrypto. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/crl.h"
#include "base/der.h"
#include "base/file.h"
#include "tests/lib/judge.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define NOW   INT64_C(1790000000)
#define DAY   INT64_C(86400)

static struct judge_ca root, rsa_root;

static int setup(void **state)
{
	(void)state;
	judge_ca_make("P-256", "/O=Example/CN=Root", NULL, NOW - DAY, &root);
	judge_ca_make("rsa:3072", "/O=Example/CN=RSA Root", NULL, NOW - DAY, &rsa_root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	judge_ca_clear(&root);
	judge_ca_clear(&rsa_root);
	return 0;
}

static void finish(struct crl *c, const struct judge_ca *ca, uint64_t number, struct buf *ret)
{
	const struct crl_head head = { .issuer = &ca->cert,
				       .number = number,
				       .this_update = NOW,
				       .next_update = NOW + 7 * DAY };
	SCOPED(buf) tbs = { 0 };
	SCOPED(buf) signature = { 0 };

	OK(crl_frame(c, &head));
	OK(crl_whole(c, &tbs));
	judge_sign(ca->key, c->sig, buf_bytes(&tbs), &signature);
	OK(crl_signed(c, buf_bytes(&signature)));
	OK(crl_whole(c, ret));
}

static int64_t unix_time(const ASN1_TIME *t)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
	return timegm(&tm);
}

static void assert_entry(X509_CRL *crl, size_t i, const struct crl_entry *e)
{
	X509_REVOKED *r = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), (int)i);
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_REVOKED_get0_serialNumber(r), NULL);
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
	ASN1_GENERALIZEDTIME *since = X509_REVOKED_get_ext_d2i(r, NID_invalidity_date, NULL, NULL);
	uint8_t octets[CERT_SERIAL_MAX];
	int n = BN_bn2bin(bn, octets);

	assert_true(bytes_equal(BYTES(octets, (size_t)n), e->serial));
	assert_int_equal(unix_time(X509_REVOKED_get0_revocationDate(r)), e->revoked_at);
	if (e->reason == CRL_UNSPECIFIED)
		assert_null(reason);
	else
		assert_int_equal(ASN1_ENUMERATED_get(reason), e->reason);
	if (e->invalid_since)
		assert_int_equal(unix_time(since), e->invalid_since);
	else
		assert_null(since);
	ASN1_ENUMERATED_free(reason);
	ASN1_GENERALIZEDTIME_free(since);
	BN_free(bn);
}

static void test_entries(void **state)
{
	static const struct crl_entry entries[] = {
		{ BYTES("\x01", 1), NOW - 10, CRL_UNSPECIFIED, 0 },
		{ BYTES("\x80\x01", 2), NOW - 20, CRL_KEY_COMPROMISE, NOW - 5 * DAY },
		{ BYTES("\x7f\x00\x00\x00\x00\x00\x00\x00\x00\x02", 10), NOW - 30, CRL_HOLD, 0 },
		{ BYTES("\x03", 1), NOW - 40, CRL_UNSPECIFIED, NOW - DAY },
		{ BYTES("\x04", 1), NOW - 50, CRL_AA_COMPROMISE, 0 },
	};
	const struct judge_ca *const cas[] = { &root, &rsa_root };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cas); k++) {
		SCOPED(crl) c = { 0 };
		SCOPED(buf) der = { 0 };
		ASN1_INTEGER *number;
		X509_CRL *crl;

		OK(crl_begin(&c, NULL));
		for (size_t i = 0; i < ARRAY_LEN(entries); i++)
			OK(crl_add(&c, &entries[i]));
		finish(&c, cas[k], 0x80000000000001, &der);
		crl = judge_crl(buf_bytes(&der));
		assert_int_equal(X509_CRL_verify(crl, cas[k]->key), 1);
		assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
		assert_int_equal(unix_time(X509_CRL_get0_lastUpdate(crl)), NOW);
		assert_int_equal(unix_time(X509_CRL_get0_nextUpdate(crl)), NOW + 7 * DAY);
		number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
		uint64_t value;
		assert_int_equal(ASN1_INTEGER_get_uint64(&value, number), 1);
		assert_int_equal(value, 0x80000000000001);
		ASN1_INTEGER_free(number);
		for (size_t i = 0; i < ARRAY_LEN(entries); i++)
			assert_entry(crl, i, &entries[i]);
		X509_CRL_free(crl);
	}
}

static void test_empty(void **state)
{
	SCOPED(crl) c = { 0 };
	SCOPED(buf) der = { 0 };
	X509_CRL *crl;
	X509 *leaf;

	(void)state;
	OK(crl_begin(&c, NULL));
	finish(&c, &root, 1, &der);
	crl = judge_crl(buf_bytes(&der));
	assert_null(X509_CRL_get_REVOKED(crl));
	leaf = judge_x509(buf_bytes(&root.cert.der));
	assert_int_equal(judge_verify(leaf, buf_bytes(&root.cert.der), BYTES_NONE, crl, NOW),
			 X509_V_OK);
	X509_free(leaf);
	X509_CRL_free(crl);
}

/* The chain check before, with and after the entry. */
static void test_revoked(void **state)
{
	struct judge_ca sub = { 0 };
	SCOPED(crl) c = { 0 };
	SCOPED(buf) der = { 0 };
	struct crl_entry e = { .revoked_at = NOW - 1, .reason = CRL_CA_COMPROMISE };
	X509_CRL *crl;
	X509 *leaf;

	(void)state;
	judge_ca_make("P-256", "CN=Sub", &root, NOW - DAY, &sub);
	leaf = judge_x509(buf_bytes(&sub.cert.der));
	OK(crl_begin(&c, NULL));
	finish(&c, &root, 1, &der);
	crl = judge_crl(buf_bytes(&der));
	assert_int_equal(judge_verify(leaf, buf_bytes(&root.cert.der), BYTES_NONE, crl, NOW),
			 X509_V_OK);
	assert_int_equal(
		judge_verify(leaf, buf_bytes(&root.cert.der), BYTES_NONE, crl, NOW + 8 * DAY),
		X509_V_ERR_CRL_HAS_EXPIRED);
	X509_CRL_free(crl);
	crl_clear(&c);
	OK(crl_begin(&c, NULL));
	e.serial = sub.cert.serial;
	OK(crl_add(&c, &e));
	buf_reset(&der);
	finish(&c, &root, 2, &der);
	crl = judge_crl(buf_bytes(&der));
	assert_int_equal(judge_verify(leaf, buf_bytes(&root.cert.der), BYTES_NONE, crl, NOW),
			 X509_V_ERR_CERT_REVOKED);
	X509_CRL_free(crl);
	X509_free(leaf);
	judge_ca_clear(&sub);
}

static void test_refused(void **state)
{
	struct crl_head head = { .issuer = &root.cert, .this_update = NOW, .next_update = NOW };
	struct crl_entry e = { .revoked_at = NOW };
	uint8_t serial[CERT_SERIAL_MAX + 1] = { 1 };
	SCOPED(crl) c = { 0 };
	struct cert no_lists = root.cert; /* a borrowing copy */

	(void)state;
	OK(crl_begin(&c, NULL));
	assert_int_equal(crl_add(&c, &e), INRO_E_ARG);
	e.serial = BYTES(serial, sizeof serial);
	assert_int_equal(crl_add(&c, &e), INRO_E_ARG);
	e.serial = BYTES(serial, 1);
	e.reason = (enum crl_reason)7;
	assert_int_equal(crl_add(&c, &e), INRO_E_ARG);
	e.reason = CRL_REASON__MAX;
	assert_int_equal(crl_add(&c, &e), INRO_E_ARG);
	assert_int_equal(c.n, 0);
	assert_int_equal(crl_frame(&c, &head), INRO_E_ARG);
	head.next_update = NOW + 1;
	no_lists.ext.key_usage = USAGE_KEY_CERT_SIGN;
	head.issuer = &no_lists;
	assert_int_equal(crl_frame(&c, &head), INRO_E_POLICY);
	assert_int_equal(c.before.n, 0);
	head = (struct crl_head) { &root.cert, 5, 5, NOW, NOW + 1, NULL, NULL, PKI_HASH_NONE };
	assert_int_equal(crl_frame(&c, &head), INRO_E_ARG); /* continues itself */
	head.base = 4;
	head.delta_url = "http://example.com/delta";
	assert_int_equal(crl_frame(&c, &head), INRO_E_ARG); /* a delta of a delta */
}

/* Lengths of one to four octets around the entries, and no entries at all. */
static void test_lengths(void **state)
{
	static const size_t counts[] = { 0, 1, 2, 4, 5, 1300, 1400 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
		SCOPED(crl) c = { 0 };
		SCOPED(buf) der = { 0 };
		X509_CRL *crl;

		OK(crl_begin(&c, NULL));
		for (size_t i = 0; i < counts[k]; i++) {
			uint8_t serial[2] = { (uint8_t)(1 + i / 256), (uint8_t)i };

			OK(crl_add(&c, &(struct crl_entry) { BYTES(serial, 2), NOW, CRL_SUPERSEDED,
							     NOW - DAY }));
		}
		finish(&c, &root, 1, &der);
		crl = judge_crl(buf_bytes(&der));
		assert_int_equal(X509_CRL_verify(crl, root.key), 1);
		assert_int_equal(counts[k] ? sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) : 0,
				 counts[k]);
		X509_CRL_free(crl);
	}
}

static void add_serials(struct crl *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t serial[20] = { 0x40, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };

		OK(crl_add(c, &(struct crl_entry) { BYTES(serial, sizeof serial), NOW + (int64_t)i,
						    CRL_SUPERSEDED, NOW }));
	}
}

/* What a list is saved as is what is pulled.  `expected`: the time that it was said to have, which is
 * NOW in the end; 0: nothing was said. */
static void check_saved(size_t n, const char *beside, const char *path, int64_t expected)
{
	const struct crl_head head = { .issuer = &root.cert,
				       .number = 1,
				       .this_update = expected,
				       .next_update = expected + 1 };
	SCOPED(crl) c = { 0 };
	SCOPED(buf) pulled = { 0 };
	SCOPED(buf) saved = { 0 };

	OK(crl_begin(&c, beside));
	if (expected)
		OK(crl_expect(&c, &head));
	add_serials(&c, n);
	finish(&c, &root, 1, &pulled);
	OK(crl_save(&c, path, 0644));
	OK(file_read(path, CRL_MAX, &saved));
	assert_int_equal(saved.n, pulled.n);
	assert_memory_equal(saved.p, pulled.p, saved.n);
	buf_reset(&pulled);
	OK(crl_whole(&c, &pulled));
	assert_int_equal(saved.n, pulled.n);
	assert_memory_equal(saved.p, pulled.p, saved.n);
}

static void test_saved(void **state)
{
	/* Lengths of one to four octets; what grows beyond three; what nearly does. */
	static const size_t counts[] = { 0, 1, 3, 5, 1300, 30000, 211800, 213000 };
	char path[600];

	(void)state;
	snprintf(path, sizeof path, "%s", scratch_path("saved.crl"));
	for (size_t k = 0; k < ARRAY_LEN(counts); k++)
		check_saved(counts[k], path, path, NOW);
	check_saved(30000, path, path, INT64_C(4000000000)); /* another kind of time */
	check_saved(30000, path, path, 0);
	check_saved(5, NULL, path, NOW);
	check_saved(5, "/proc/none", path, NOW);
	check_saved(5, path, scratch_path("elsewhere.crl"), NOW);
}

static void test_reasons(void **state)
{
	enum crl_reason r;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		const char *name = crl_reason_name(i);

		assert_int_equal(name != NULL, i < CRL_REASON__MAX && i != 7);
		if (!name)
			continue;
		OK(crl_reason_find(name, &r));
		assert_int_equal(r, i);
	}
	OK(crl_reason_find("KEYCOMPROMISE", &r));
	assert_int_equal(crl_reason_find("boredom", &r), INRO_E_ARG);
	assert_non_null(strstr(err_detail(INRO_E_ARG), "cessationOfOperation"));
}

static void test_many(void **state)
{
	enum { MANY = 100000 };
	SCOPED(crl) c = { 0 };
	SCOPED(buf) der = { 0 };
	X509_CRL *crl;

	(void)state;
	OK(crl_begin(&c, NULL));
	for (uint32_t i = 0; i < MANY; i++) {
		uint8_t serial[16] = { 0x40, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		struct crl_entry e = { BYTES(serial, sizeof serial), NOW, CRL_SUPERSEDED, 0 };

		OK(crl_add(&c, &e));
	}
	assert_true(c.octets / MANY <= 52);
	finish(&c, &root, 3, &der);
	crl = judge_crl(buf_bytes(&der));
	assert_int_equal(X509_CRL_verify(crl, root.key), 1);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), MANY);
	X509_CRL_free(crl);
}

/* ---- tables ---- */

static bool libcrypto_has(const char *algorithm)
{
	EVP_KEYMGMT *k = EVP_KEYMGMT_fetch(NULL, algorithm, NULL);

	EVP_KEYMGMT_free(k);
	return k;
}

/* By this key it is made and verified; by what does not fit the key it is not. */
static void check_signature_by(const struct pki_sig *s, const char *type)
{
	EVP_PKEY *key = judge_key(type);
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) signature = { 0 };
	struct pubkey pub;

	judge_spki(key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &pub));
	assert_true(pki_sig_fits(s, pub.type));
	judge_sign(key, s, bytes_of("text"), &signature);
	OK(pubkey_verify(&pub, s, bytes_of("text"), buf_bytes(&signature)));
	assert_int_equal(pubkey_verify(&pub, s, bytes_of("tex"), buf_bytes(&signature)),
			 INRO_E_SIGNATURE);
	for (size_t i = 0; pki_sig_at(i); i++)
		if (!pki_sig_fits(pki_sig_at(i), pub.type))
			assert_int_equal(pubkey_verify(&pub, pki_sig_at(i), bytes_of("text"),
						       buf_bytes(&signature)),
					 INRO_E_KEY_TYPE);
	EVP_PKEY_free(key);
}

/* A key of libcrypto's for each signature algorithm: of each curve, of RSA both. */
static void check_signature(const struct pki_sig *s)
{
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++) {
		const struct pki_key_type *t = pki_key_type((enum pki_key)k);

		if (!pki_sig_fits(s, t->id) || (t->octets && !libcrypto_has(t->group)))
			continue;
		check_signature_by(s, t->group ? t->group
				   : k == PKI_RSA_PSS ? "rsa-pss:2048" : "rsa:2048");
	}
}

/* What verified for one key says nothing of the next: by turns, after a wrong signature, after a
 * key that is no point. */
static void test_keys_by_turns(void **state)
{
	const struct pki_sig *s;
	struct {
		EVP_PKEY *key;
		struct buf spki, signature;
		struct pubkey pub;
	} one[2] = { 0 };
	uint8_t no_point[65] = { 4, 1 };
	struct pubkey bad;

	(void)state;
	OK(pki_sig_for(PKI_EC_P256, PKI_SHA256, &s));
	for (int i = 0; i < 2; i++) {
		one[i].key = judge_key("P-256");
		judge_spki(one[i].key, &one[i].spki);
		OK(pubkey_read(buf_bytes(&one[i].spki), &one[i].pub));
		judge_sign(one[i].key, s, bytes_of("text"), &one[i].signature);
	}
	bad = one[0].pub;
	bad.key_bits = BYTES(no_point, sizeof no_point);
	for (int i = 0; i < 8; i++) {
		struct bytes mine = buf_bytes(&one[i % 2].signature);
		struct bytes others = buf_bytes(&one[1 - i % 2].signature);
		const struct pubkey *pub = &one[i % 2].pub;

		if (i % 3 == 0)
			assert_int_equal(pubkey_verify(&bad, s, bytes_of("text"), mine),
					 INRO_E_SYNTAX);
		OK(pubkey_verify(pub, s, bytes_of("text"), mine));
		assert_int_equal(pubkey_verify(pub, s, bytes_of("text"), others), INRO_E_SIGNATURE);
		assert_int_equal(pubkey_verify(&bad, s, bytes_of("text"), mine), INRO_E_SYNTAX);
		OK(pubkey_verify(pub, s, bytes_of("text"), mine));
	}
	for (int i = 0; i < 2; i++) {
		EVP_PKEY_free(one[i].key);
		buf_clear(&one[i].spki);
		buf_clear(&one[i].signature);
	}
}

/* Each identifier is the one libcrypto writes. */
static void test_signature_algorithms(void **state)
{
	(void)state;
	for (size_t i = 0; pki_sig_at(i); i++) {
		const struct pki_sig *s = pki_sig_at(i), *found;
		const unsigned char *p = s->identifier.p;
		X509_ALGOR *a = d2i_X509_ALGOR(NULL, &p, (long)s->identifier.n);
		unsigned char *again = NULL;
		int nid;

		assert_non_null(a);
		assert_ptr_equal(p, s->identifier.p + s->identifier.n);
		assert_int_equal(i2d_X509_ALGOR(a, &again), s->identifier.n);
		assert_memory_equal(again, s->identifier.p, s->identifier.n);
		OPENSSL_free(again);
		nid = OBJ_obj2nid(a->algorithm);
		X509_ALGOR_free(a);
		OK(pki_sig_find(s->identifier, &found));
		assert_ptr_equal(found, s);
		if (nid == NID_undef) /* what this libcrypto can't do */
			continue;
		assert_string_equal(s->scheme == PKI_SIGN_PSS ? "rsassaPss" : OBJ_nid2ln(nid),
				    s->scheme == PKI_SIGN_PSS ? OBJ_nid2ln(nid) : s->name);
		check_signature(s);
	}
}

static void test_sloppy_rsa_identifier(void **state)
{
	static const uint8_t no_null[] = { 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
					   0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b };
	static const uint8_t sha1[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00 };
	const struct pki_sig *s;

	(void)state;
	OK(pki_sig_find(BYTES(no_null, sizeof no_null), &s));
	assert_string_equal(s->name, "sha256WithRSAEncryption");
	assert_int_equal(pki_sig_find(BYTES(sha1, sizeof sha1), &s), INRO_E_UNSUPPORTED);
	assert_non_null(strstr(err_detail(INRO_E_UNSUPPORTED), "sha1WithRSAEncryption"));
	for (size_t n = 0; n < sizeof sha1; n++)
		assert_int_not_equal(pki_sig_find(BYTES(sha1, n), &s), INRO_OK);
}

static void test_key_tables(void **state)
{
	const struct pki_key_kind *kind;
	const struct pki_sig *sig;

	(void)state;
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++) {
		const struct pki_key_type *t = pki_key_type((enum pki_key)k);

		assert_int_equal(t->id, k);
		if (!pki_key_signs(t->id)) {
			assert_int_equal(pki_sig_for(t->id, PKI_HASH_NONE, &sig), INRO_E_KEY_TYPE);
			continue;
		}
		OK(pki_sig_for(t->id, PKI_HASH_NONE, &sig));
		assert_true(pki_sig_fits(sig, t->id));
		for (int h = PKI_HASH_NONE + 1; h < PKI_HASH__MAX; h++) {
			OK(pki_sig_for(t->id, (enum pki_hash)h, &sig));
			assert_int_equal(sig->hash, t->octets ? PKI_HASH_NONE : h);
			assert_non_null(pki_hash_name((enum pki_hash)h));
		}
	}
	assert_null(pki_key_type(PKI_KEY_NONE));
	assert_null(pki_key_type(PKI_KEY__MAX));
	assert_int_equal(pki_sig_for(PKI_KEY_NONE, PKI_SHA256, &sig), INRO_E_KEY_TYPE);
	for (size_t i = 0; pki_key_kind_at(i); i++) {
		OK(pki_key_kind_find(pki_key_kind_at(i)->name, &kind));
		assert_ptr_equal(kind, pki_key_kind_at(i));
	}
	assert_int_equal(pki_key_kind_find("rsa-1024", &kind), INRO_E_UNSUPPORTED);
}

/* RFC 7093 section 2, method 1. */
static void test_key_id(void **state)
{
	SCOPED(buf) spki = { 0 };
	struct pubkey k;
	uint8_t id[PUBKEY_ID_OCTETS];
	unsigned char digest[32];

	(void)state;
	judge_spki(root.key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &k));
	OK(pubkey_id(&k, id));
	assert_int_equal(EVP_Digest(spki.p + spki.n - 65, 65, digest, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(id, digest, sizeof id);
	assert_true(bytes_equal(root.cert.ext.ski, BYTES(id, sizeof id)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_saved),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_signature_algorithms),
		cmocka_unit_test(test_keys_by_turns),
		cmocka_unit_test(test_sloppy_rsa_identifier),
		cmocka_unit_test(test_key_tables),
		cmocka_unit_test(test_key_id),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
