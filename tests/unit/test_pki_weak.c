/* test_pki_weak - keys that others can find: made weak and seen, good ones not; lists of known
 * keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/evp.h>

#include "backoffice/pki/blocklist.h"
#include "backoffice/pki/lint.h"
#include "backoffice/pki/weak.h"
#include "base/der.h"
#include "base/file.h"
#include "tests/lib/judge.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define BITS	    2048

#define LIT(s) BYTES((const uint8_t *)(s), sizeof(s) - 1)

/* An RSA key of this modulus; the octets live until the next call. */
static struct pubkey key_of(const BIGNUM *n)
{
	static uint8_t octets[BITS / 4];
	struct pubkey k = { .type = PKI_RSA, .bits = (unsigned)BN_num_bits(n) };
	int len = BN_bn2bin(n, octets);

	k.modulus = BYTES(octets, (size_t)len);
	k.exponent = LIT("\x01\0\x01");
	return k;
}

static bool is_prime(unsigned n)
{
	for (unsigned q = 2; q * q <= n; q++)
		if (n % q == 0)
			return false;
	return n > 1;
}

static void test_tables(void **state)
{
	unsigned prime, order;
	size_t at = 0;

	(void)state;
	for (unsigned p = 3; p <= 167; p++) {
		unsigned n = 1;

		if (!is_prime(p))
			continue;
		for (unsigned x = 65537 % p; x != 1; x = x * (65537 % p) % p)
			n++;
		if (n == p - 1)
			continue;
		assert_true(weak_roca_at(at++, &prime, &order));
		assert_int_equal(prime, p);
		assert_int_equal(order, n);
	}
	assert_false(weak_roca_at(at, &prime, &order));
	for (unsigned p = 3; p < 800; p++)
		if (is_prime(p))
			assert_int_equal(weak_has_factor(p), p < 752);
}

static void test_good(void **state)
{
	EVP_PKEY *made = judge_key("rsa:2048");
	BIGNUM *n = NULL;
	struct pubkey k;

	(void)state;
	assert_int_equal(EVP_PKEY_get_bn_param(made, "n", &n), 1);
	k = key_of(n);
	assert_true(weak_exponent_holds(&k) && weak_factors_hold(&k) && weak_roca_holds(&k) &&
		    weak_close_holds(&k) && weak_order_holds(&k));
	BN_free(n);
	EVP_PKEY_free(made);
}

static void test_exponent(void **state)
{
	struct pubkey k = { .type = PKI_RSA, .modulus = LIT("\xff"), .exponent = LIT("\xff\xff") };

	(void)state;
	assert_false(weak_exponent_holds(&k));
	k.exponent = LIT("\x03");
	assert_false(weak_exponent_holds(&k));
	k.exponent = LIT("\x01\0\x01");
	assert_true(weak_exponent_holds(&k));
}

static void test_factors(void **state)
{
	static const BN_ULONG factors[] = { 3, 5, 167, 173, 743, 751 };
	BIGNUM *p = BN_new(), *n = BN_new();
	struct pubkey last;

	(void)state;
	assert_int_equal(BN_generate_prime_ex(p, 512, 0, NULL, NULL, NULL), 1);
	for (size_t i = 0; i < ARRAY_LEN(factors); i++) {
		struct pubkey k;

		BN_copy(n, p);
		BN_mul_word(n, factors[i]);
		k = key_of(n);
		assert_false(weak_factors_hold(&k));
	}
	BN_copy(n, p);
	BN_mul_word(n, 757);
	last = key_of(n);
	assert_true(weak_factors_hold(&last));
	BN_free(p);
	BN_free(n);
}

/* k * M + (65537^a mod M), as the library made its primes; M: the product of the primes to 167. */
static void add_roca(BIGNUM *n, const BIGNUM *m, BN_CTX *ctx)
{
	BIGNUM *a = BN_new(), *x = BN_new(), *base = BN_new();

	BN_rand(a, 60, -1, 0);
	BN_set_word(base, 65537);
	assert_int_equal(BN_mod_exp(x, base, a, m, ctx), 1);
	BN_rand(a, 800, 0, 0);
	BN_mul(a, a, m, ctx);
	BN_add(a, a, x);
	BN_mul(n, n, a, ctx);
	BN_free(a);
	BN_free(x);
	BN_free(base);
}

static void test_roca(void **state)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *m = BN_new(), *n = BN_new();
	struct pubkey k;

	(void)state;
	BN_one(m);
	for (unsigned p = 2; p <= 167; p++)
		if (is_prime(p))
			BN_mul_word(m, p);
	for (int i = 0; i < 32; i++) {
		BN_one(n);
		add_roca(n, m, ctx);
		add_roca(n, m, ctx);
		k = key_of(n);
		assert_false(weak_roca_holds(&k));
		BN_add_word(n, 2);
		k = key_of(n);
		assert_true(weak_roca_holds(&k));
	}
	BN_free(m);
	BN_free(n);
	BN_CTX_free(ctx);
}

/* (a - d)(a + d), for a d of so many bits. */
static bool close_holds(int bits)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *a = BN_new(), *d = BN_new();
	struct pubkey k;
	bool holds;

	BN_rand(a, BITS / 2, 1, 0);
	BN_rand(d, bits, 0, 0);
	BN_sqr(a, a, ctx);
	BN_sqr(d, d, ctx);
	BN_sub(a, a, d);
	k = key_of(a);
	holds = weak_close_holds(&k);
	BN_free(a);
	BN_free(d);
	BN_CTX_free(ctx);
	return holds;
}

static void test_close(void **state)
{
	BIGNUM *p = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	struct pubkey k;

	(void)state;
	for (int bits = 1; bits <= 514; bits += 57)
		assert_false(close_holds(bits));
	assert_true(close_holds(560));
	assert_true(close_holds(1000));
	BN_rand(p, BITS / 2, 1, 1);
	BN_sqr(p, p, ctx);
	k = key_of(p);
	assert_false(weak_close_holds(&k));
	BN_free(p);
	BN_CTX_free(ctx);
}

static void test_small_order(void **state)
{
	uint8_t octets[32] = { 0 };
	struct pubkey k = { .type = PKI_ED25519, .key_bits = BYTES(octets, sizeof octets) };

	(void)state;
	assert_false(weak_order_holds(&k));
	octets[31] = 0x80;
	assert_false(weak_order_holds(&k));
	memset(octets, 0xff, sizeof octets);
	for (unsigned low = 0xec; low <= 0xee; low++) {
		octets[0] = (uint8_t)low;
		assert_false(weak_order_holds(&k));
	}
	octets[0] = 9;
	assert_true(weak_order_holds(&k));
	k.type = PKI_X25519;
	memset(octets, 0, sizeof octets);
	assert_true(weak_order_holds(&k));
}

/* ---- lists ---- */

static enum inro_err check(const char *text, const struct pubkey *k)
{
	struct blocklist *b = NULL;
	const char *path = scratch_path("list");
	enum inro_err e;

	OK(file_write(path, 0600, bytes_of(text)));
	e = blocklist_read(path, &b);
	if (!e)
		e = blocklist_check(b, k);
	blocklist_free(b);
	return e;
}

/* The same numbers as id-RSASSA-PSS. */
static void as_pss(const struct pubkey *k, struct buf *ret)
{
	size_t seq = der_begin(ret, DER_SEQUENCE), id = der_begin(ret, DER_SEQUENCE);

	der_add(ret, DER_OID, pki_key_type(PKI_RSA_PSS)->algorithm);
	der_end(ret, id);
	der_add_bits(ret, k->key_bits);
	der_end(ret, seq);
	OK(buf_err(ret));
}

static void test_lists(void **state)
{
	EVP_PKEY *made = judge_key("rsa:2048"), *ec = judge_key("P-256");
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) ec_spki = { 0 };
	SCOPED(buf) pss = { 0 };
	SCOPED(buf) line = { 0 };
	struct pubkey k, other;
	uint8_t hash[EVP_MAX_MD_SIZE];
	char text[640], *hex;
	BIGNUM *n = NULL;

	(void)state;
	judge_spki(made, &spki);
	judge_spki(ec, &ec_spki);
	OK(pubkey_read(buf_bytes(&spki), &k));
	OK(pubkey_read(buf_bytes(&ec_spki), &other));
	assert_int_equal(EVP_PKEY_get_bn_param(made, "n", &n), 1);
	hex = BN_bn2hex(n);
	snprintf(text, sizeof text, "Modulus=%s\n", hex);
	EVP_Digest(text, strlen(text), hash, NULL, EVP_sha1(), NULL);
	buf_add_str(&line, "# known\n\n00005890bc78bcbee3ca\n");
	buf_add_hex(&line, BYTES(hash + 10, 10));
	buf_add_str(&line, "\r\nffff5890bc78bcbee3ca\n");
	buf_add_u8(&line, 0);
	FAILS(INRO_E_POLICY, check((char *)line.p, &k));
	OK(check((char *)line.p, &other));
	OK(check("", &k));
	OK(check("00005890bc78bcbee3ca", &k));
	buf_reset(&line);
	EVP_Digest(ec_spki.p, ec_spki.n, hash, NULL, EVP_sha256(), NULL);
	buf_add_hex(&line, BYTES(hash, 32));
	buf_add_u8(&line, 0);
	FAILS(INRO_E_POLICY, check((char *)line.p, &other));
	OK(check((char *)line.p, &k));
	buf_reset(&line);
	EVP_Digest(spki.p, spki.n, hash, NULL, EVP_sha256(), NULL);
	buf_add_hex(&line, BYTES(hash, 32));
	buf_add_u8(&line, 0);
	as_pss(&k, &pss);
	OK(pubkey_read(buf_bytes(&pss), &other));
	assert_int_equal(other.type, PKI_RSA_PSS);
	FAILS(INRO_E_POLICY, check((char *)line.p, &k));
	FAILS(INRO_E_POLICY, check((char *)line.p, &other));
	buf_reset(&line); /* by the name that such a key has itself */
	EVP_Digest(pss.p, pss.n, hash, NULL, EVP_sha256(), NULL);
	buf_add_hex(&line, BYTES(hash, 32));
	buf_add_u8(&line, 0);
	FAILS(INRO_E_POLICY, check((char *)line.p, &other));
	FAILS(INRO_E_SYNTAX, check("# a\nnonsense\n", &k));
	assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "line 2"));
	FAILS(INRO_E_SYNTAX, check("00005890bc78bcbee3cg\n", &k));
	FAILS(INRO_E_SYNTAX, check("00005890bc78bcbee3c\n", &k));
	OK(blocklist_check(NULL, &k));
	OPENSSL_free(hex);
	BN_free(n);
	EVP_PKEY_free(made);
	EVP_PKEY_free(ec);
}

/* Each rule has its row in the document. */
static void test_rules_documented(void **state)
{
	char path[4096];
	SCOPED(buf) page = { 0 };
	size_t rows = 0;
	const char *at;

	(void)state;
	snprintf(path, sizeof path, "%s/docs/profiles.md", getenv("INRO_TEST_SOURCE"));
	OK(file_read(path, 1 << 20, &page));
	buf_add_u8(&page, 0);
	for (size_t i = 0; lint_rule_at(i); i++, rows++) {
		const struct lint_rule *r = lint_rule_at(i);
		char row[512];

		snprintf(row, sizeof row, "\n| `%s` | %s | %s |\n", r->name, r->section, r->wrong);
		if (!strstr((char *)page.p, row))
			fail_msg("docs/profiles.md lacks:%s", row);
	}
	at = strstr((char *)page.p, "| rule | from |");
	assert_non_null(at);
	at = strchr(strchr(at, '\n') + 1, '\n');
	for (; at[1] == '|'; at = strchr(at + 1, '\n'))
		rows--;
	assert_int_equal(rows, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_exponent),
		cmocka_unit_test(test_factors),
		cmocka_unit_test(test_roca),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_small_order),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_rules_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
