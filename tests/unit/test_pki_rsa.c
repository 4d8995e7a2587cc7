/* RSA keys: numbers that are none, parameters, the hash that a key of PSS is bound to, and which key it is. */
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/der.h"
#include "tests/lib/judge.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* ---- rsaEncryption ---- */

static void rsa_spki(struct bytes modulus, struct bytes exponent, struct buf *ret)
{
	size_t spki = der_begin(ret, DER_SEQUENCE), part = der_begin(ret, DER_SEQUENCE);

	der_add_oid(ret, "1.2.840.113549.1.1.1");
	der_add(ret, DER_NULL, BYTES_NONE);
	der_end(ret, part);
	part = der_begin(ret, DER_BIT_STRING);
	buf_add_u8(ret, 0);
	size_t key = der_begin(ret, DER_SEQUENCE);
	der_add_unsigned(ret, modulus);
	der_add_unsigned(ret, exponent);
	der_end(ret, key);
	der_end(ret, part);
	der_end(ret, spki);
	OK(buf_err(ret));
}

static void test_rsa_sanity(void **state)
{
	static const uint8_t one[] = { 1 }, two[] = { 2 }, three[] = { 3 }, f4[] = { 1, 0, 1 };
	static const uint8_t long_e[] = { 1, 0, 0, 0, 1 };
	uint8_t n[2049];
	const struct {
		size_t octets;
		struct bytes e;
		uint8_t last;
		enum inro_err err;
	} rows[] = {
		{ 256, BYTES(f4, 3), 1, INRO_OK },
		{ 256, BYTES(three, 1), 1, INRO_OK },
		{ 2048, BYTES(f4, 3), 1, INRO_OK },
		{ 2049, BYTES(f4, 3), 1, INRO_E_POLICY },
		{ 127, BYTES(f4, 3), 1, INRO_E_POLICY },
		{ 1, BYTES(f4, 3), 1, INRO_E_POLICY },
		{ 256, BYTES(one, 1), 1, INRO_E_POLICY },
		{ 256, BYTES(two, 1), 1, INRO_E_POLICY },
		{ 256, BYTES_NONE, 1, INRO_E_POLICY }, /* zero */
		{ 256, BYTES(long_e, 5), 1, INRO_E_POLICY },
		{ 256, BYTES(f4, 3), 2, INRO_E_POLICY },
	};

	(void)state;
	memset(n, 0xaa, sizeof n);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) spki = { 0 };
		struct pubkey k;

		n[rows[i].octets - 1] = rows[i].last;
		rsa_spki(BYTES(n, rows[i].octets), rows[i].e, &spki);
		assert_int_equal(pubkey_read(buf_bytes(&spki), &k), rows[i].err);
		n[rows[i].octets - 1] = 0xaa;
	}
}

/* RFC 3279 2.3.1: the NULL is there, or the SPKI would go into a certificate without it. */
static void test_rsa_without_null(void **state)
{
	EVP_PKEY *key = judge_key("rsa:2048");
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) bare = { 0 };
	struct bytes seq, algorithm, oid;
	struct pubkey k;
	size_t outer, inner;

	(void)state;
	judge_spki(key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &k));
	OK(der_only(buf_bytes(&spki), DER_SEQUENCE, &seq));
	OK(der_take(&seq, DER_SEQUENCE, &algorithm));
	OK(der_take(&algorithm, DER_OID, &oid));
	outer = der_begin(&bare, DER_SEQUENCE);
	inner = der_begin(&bare, DER_SEQUENCE);
	der_add(&bare, DER_OID, oid);
	der_end(&bare, inner);
	buf_add(&bare, seq);
	der_end(&bare, outer);
	OK(buf_err(&bare));
	assert_int_equal(pubkey_read(buf_bytes(&bare), &k), INRO_E_SYNTAX);
	assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "NULL"));
	EVP_PKEY_free(key);
}

/* ---- id-RSASSA-PSS ---- */

/* id-RSASSA-PSS bound to a hash: read with its bounds, refused where they are broken or make no sense. */
static void test_bound_pss(void **state)
{
	static const struct {
		const char *digest, *mask;
		int salt;
		enum pki_hash only;
		enum inro_err e;
	} rows[] = {
		{ "SHA256", "SHA256", 32, PKI_SHA256, INRO_OK },
		{ "SHA384", "SHA384", 20, PKI_SHA384, INRO_OK },
		{ "SHA256", "SHA512", 32, PKI_HASH_NONE, INRO_E_UNSUPPORTED },
		{ "SHA256", "SHA256", 33, PKI_HASH_NONE, INRO_E_UNSUPPORTED },
		{ "SHA1", "SHA1", 20, PKI_HASH_NONE, INRO_E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
		EVP_PKEY *key = NULL;
		SCOPED(buf) spki = { 0 };
		SCOPED(buf) signature = { 0 };
		const struct pki_sig *sig, *other;
		struct pubkey k = { 0 };

		assert_true(EVP_PKEY_keygen_init(ctx) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, rows[i].digest, NULL) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, rows[i].mask) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, rows[i].salt) > 0);
		assert_true(EVP_PKEY_generate(ctx, &key) > 0);
		judge_spki(key, &spki);
		assert_int_equal(pubkey_read(buf_bytes(&spki), &k), rows[i].e);
		if (rows[i].e == INRO_OK) {
			assert_int_equal(k.only, rows[i].only);
			OK(pubkey_sig(&k, PKI_HASH_NONE, &sig));
			assert_int_equal(sig->hash, rows[i].only);
			OK(pubkey_sig_pss(&k, rows[i].only, &other));
			assert_ptr_equal(other, sig);
			assert_int_equal(pubkey_sig(&k, PKI_SHA512, &other), INRO_E_KEY_TYPE);
			assert_int_equal(pubkey_sig_pss(&k, PKI_SHA512, &other), INRO_E_KEY_TYPE);
			judge_sign(key, sig, bytes_of("text"), &signature);
			OK(pubkey_verify(&k, sig, bytes_of("text"), buf_bytes(&signature)));
			OK(pki_sig_for(PKI_RSA_PSS, PKI_SHA512, &other));
			assert_int_equal(pubkey_verify(&k, other, bytes_of("text"),
						       buf_bytes(&signature)),
					 INRO_E_KEY_TYPE);
		}
		EVP_PKEY_free(key);
		EVP_PKEY_CTX_free(ctx);
	}
}

/* SubjectPublicKeyInfo of these numbers, by this AlgorithmIdentifier. */
static void with_algorithm(const struct pubkey *k, struct bytes algorithm, struct buf *ret)
{
	size_t seq = der_begin(ret, DER_SEQUENCE);

	buf_add(ret, algorithm);
	der_add_bits(ret, k->key_bits);
	der_end(ret, seq);
	OK(buf_err(ret));
}

/* An RSA key is the same one whatever it signs by; its hash is that of rsaEncryption. */
static void check_form(const struct pubkey *rsa, struct bytes algorithm, enum pki_hash only)
{
	SCOPED(buf) form = { 0 };
	uint8_t print[PKI_DIGEST_MAX], hash[PKI_DIGEST_MAX];
	struct pubkey k;

	with_algorithm(rsa, algorithm, &form);
	OK(pubkey_read(buf_bytes(&form), &k));
	assert_int_equal(k.type, PKI_RSA_PSS);
	assert_int_equal(k.only, only);
	OK(pki_digest(PKI_SHA256, rsa->spki, hash));
	OK(pubkey_print(&k, print));
	assert_memory_equal(print, hash, PUBKEY_PRINT);
	OK(pubkey_print(rsa, print));
	assert_memory_equal(print, hash, PUBKEY_PRINT);
	assert_true(pubkey_same(&k, rsa) && pubkey_same(rsa, &k));
}

static void test_one_key(void **state)
{
	static const struct bytes pss = BYTES_LIT("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a");
	SCOPED(buf) one = { 0 };
	SCOPED(buf) two = { 0 };
	SCOPED(buf) three = { 0 };
	EVP_PKEY *made[] = { judge_key("rsa:2048"), judge_key("rsa:2048"), judge_key("P-256") };
	const struct pki_sig *bound;
	struct pubkey rsa, other, p256;

	(void)state;
	judge_spki(made[0], &one);
	judge_spki(made[1], &two);
	judge_spki(made[2], &three);
	OK(pubkey_read(buf_bytes(&one), &rsa));
	OK(pubkey_read(buf_bytes(&two), &other));
	OK(pubkey_read(buf_bytes(&three), &p256));
	OK(pki_sig_for(PKI_RSA_PSS, PKI_SHA384, &bound));
	check_form(&rsa, pss, PKI_HASH_NONE);
	check_form(&rsa, bound->identifier, PKI_SHA384);
	assert_true(pubkey_same(&p256, &p256));
	assert_false(pubkey_same(&p256, &rsa));
	assert_false(pubkey_same(&rsa, &other));
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		EVP_PKEY_free(made[i]);
}

/* No byte of the parameters of PSS can be left out or follow. */
static void test_pss_parameters_cut(void **state)
{
	const struct pki_sig *sig, *found;
	uint8_t id[128];

	(void)state;
	OK(pki_sig_for(PKI_RSA_PSS, PKI_SHA256, &sig));
	memcpy(id, sig->identifier.p, sig->identifier.n);
	for (size_t n = 0; n < sig->identifier.n; n++)
		assert_int_not_equal(pki_sig_find(BYTES(id, n), &found), INRO_OK);
	for (size_t i = 0; i + 1 < sig->identifier.n; i++) {
		id[i] ^= 0x40;
		assert_int_not_equal(pki_sig_find(BYTES(id, sig->identifier.n), &found), INRO_OK);
		id[i] ^= 0x40;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsa_sanity),
		cmocka_unit_test(test_rsa_without_null),
		cmocka_unit_test(test_bound_pss),
		cmocka_unit_test(test_one_key),
		cmocka_unit_test(test_pss_parameters_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
