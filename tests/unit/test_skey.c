/* skey: counters that end, what is refused, wrapping, and a libcrypto before 3.0.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/own.h"
#include "tests/lib/skeys.h"

#define MAX 1024

/* ---- counters ---- */

struct reach {
	struct use_spec spec;
	CK_KEY_TYPE type;
	const char *iv;
	size_t most;
};

static void test_counters_do_not_come_round(void **state)
{
	static const struct reach rows[] = {
		{ { .mech = CKM_AES_CTR, .counter_bits = 4 },
		  CKK_AES,
		  "000000000000000000000000000000fe",
		  2 * 16 },
		{ { .mech = CKM_AES_CTR, .counter_bits = 12 },
		  CKK_AES,
		  "00000000000000000000000000000fff",
		  16 },
		{ { .mech = CKM_AES_CTR, .counter_bits = 64 },
		  CKK_AES,
		  "0000000000000000fffffffffffffffe",
		  2 * 16 },
		{ { .mech = CKM_AES_CTR, .counter_bits = 128 },
		  CKK_AES,
		  "fffffffffffffffffffffffffffffffd",
		  3 * 16 },
		{ { .mech = CKM_CHACHA20, .counter_bits = 32 },
		  CKK_CHACHA20,
		  "feffffff000000000000000000000000",
		  2 * 64 },
		{ { .mech = CKM_CHACHA20, .counter_bits = 64 },
		  CKK_CHACHA20,
		  "feffffffffffffff0000000000000000",
		  2 * 64 },
	};
	static const uint8_t in[MAX], key[32] = { 3 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct key_spec type = { .kind = KEY_SECRET, .key_type = rows[i].type };
		AUTO(skey_unref_ptr) struct skey *k = NULL;
		struct use_spec spec = rows[i].spec;
		struct skey_op *op = NULL;
		uint8_t iv[16], out[MAX];
		size_t n;

		spec.iv = BYTES(iv, skeys_unhex(rows[i].iv, iv, sizeof iv));
		assert_int_equal(skey_new(&type, BYTES(key, 32), &k), INRO_OK);
		assert_int_equal(skey_use(k, USE_ENCRYPT, &spec, BYTES(in, rows[i].most),
					  (struct room) { out, MAX }, &n),
				 INRO_OK);
		assert_int_equal(skey_use(k, USE_ENCRYPT, &spec, BYTES(in, rows[i].most + 1),
					  (struct room) { out, MAX }, &n),
				 INRO_E_DATA_LENGTH);
		assert_int_equal(skey_begin(k, USE_DECRYPT, &spec, &op), INRO_OK);
		assert_int_equal(
			skey_step(op, BYTES(in, rows[i].most), (struct room) { out, MAX }, &n),
			INRO_OK);
		assert_int_equal(skey_step(op, BYTES(in, 1), (struct room) { out, MAX }, &n),
				 INRO_E_DATA_LENGTH);
		assert_int_equal(skey_last(op, (struct room) { out, MAX }, &n), INRO_E_STATE);
		skey_op_free(op);
	}
}

/* The 32-bit half of a 64-bit counter carries into the other. */
static void test_wide_chacha_counter(void **state)
{
	static const uint8_t in[256], key[32] = { 3 };
	const struct key_spec type = { .kind = KEY_SECRET, .key_type = CKK_CHACHA20 };
	AUTO(skey_unref_ptr) struct skey *k = NULL;
	uint8_t iv[16] = { 0xff, 0xff, 0xff, 0xff }, whole[256], part[64];
	struct use_spec spec = { .mech = CKM_CHACHA20, .counter_bits = 64, .iv = BYTES(iv, 16) };
	size_t n;

	(void)state;
	assert_int_equal(skey_new(&type, BYTES(key, 32), &k), INRO_OK);
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &spec, BYTES(in, 256), (struct room) { whole, 256 }, &n),
		INRO_OK);
	memset(iv, 0, sizeof iv);
	iv[4] = 1;
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &spec, BYTES(in, 64), (struct room) { part, 64 }, &n),
		INRO_OK);
	assert_memory_equal(part, whole + 64, 64);
}

/* ---- refused ---- */

static void test_sizes(void **state)
{
	struct key_spec spec = { .kind = KEY_SECRET, .key_type = CKK_AES };
	static const uint8_t value[64];
	struct skey *k = NULL;

	(void)state;
	for (size_t n = 0; n <= 64; n++)
		assert_int_equal(skey_check_size(CKK_AES, n),
				 n == 16 || n == 24 || n == 32 ? INRO_OK : INRO_E_KEY_SIZE);
	assert_int_equal(skey_check_size(CKK_GENERIC_SECRET, 0), INRO_E_KEY_SIZE);
	assert_int_equal(skey_check_size(CKK_GENERIC_SECRET, 1), INRO_OK);
	assert_int_equal(skey_check_size(CKK_GENERIC_SECRET, 1 << 20), INRO_E_KEY_SIZE);
	assert_int_equal(skey_check_size(CKK_RSA, 32), INRO_E_KEY_TYPE);
	assert_int_equal(skey_check_size(CKK_DES, 8), INRO_E_KEY_TYPE);
	assert_int_equal(skey_new(&spec, BYTES(value, 17), &k), INRO_E_KEY_SIZE);
	assert_int_equal(skey_generate(&spec, &k), INRO_E_KEY_SIZE);
	spec.n = 16;
	assert_int_equal(skey_new(&spec, BYTES(value, 32), &k), INRO_E_KEY_SIZE);
	spec = (struct key_spec) { .kind = KEY_SECRET, .key_type = CKK_AES_XTS };
	assert_int_equal(skey_new(&spec, BYTES(value, 64), &k), INRO_E_ATTR_VALUE);
	assert_null(k);
}

static void test_wrong_parameters(void **state)
{
	static const uint8_t iv[200];
	static const struct use_spec bad[] = {
		{ .mech = CKM_AES_CBC },
		{ .mech = CKM_AES_CBC, .iv = { iv, 15 } },
		{ .mech = CKM_AES_ECB, .iv = { iv, 16 } },
		{ .mech = CKM_AES_CTR, .iv = { iv, 16 } },
		{ .mech = CKM_AES_CTR, .iv = { iv, 16 }, .counter_bits = 129 },
		{ .mech = CKM_AES_GCM },
		{ .mech = CKM_AES_GCM, .iv = { iv, 129 } },
		{ .mech = CKM_AES_GCM, .iv = { iv, 12 }, .tag_n = 11 },
		{ .mech = CKM_AES_GCM, .iv = { iv, 12 }, .tag_n = 17 },
		{ .mech = CKM_AES_CCM, .iv = { iv, 6 } },
		{ .mech = CKM_AES_CCM, .iv = { iv, 14 } },
		{ .mech = CKM_AES_CCM, .iv = { iv, 13 }, .tag_n = 5 },
		{ .mech = CKM_AES_CCM, .iv = { iv, 13 }, .tag_n = 2 },
		{ .mech = CKM_AES_KEY_WRAP, .iv = { iv, 4 } },
		{ .mech = CKM_AES_KEY_WRAP_KWP, .iv = { iv, 8 } },
	};
	AUTO(skey_unref_ptr) struct skey *k = skeys_aes();
	struct skey_op *op = NULL;
	uint8_t out[64];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(skey_use(k, USE_ENCRYPT, &bad[i], BYTES(iv, 16),
					  (struct room) { out, sizeof out }, &n),
				 INRO_E_MECHANISM_PARAM);
		assert_int_equal(skey_begin(k, USE_ENCRYPT, &bad[i], &op), INRO_E_MECHANISM_PARAM);
		assert_null(op);
	}
}

static void test_wrong_uses(void **state)
{
	static const uint8_t iv[16];
	AUTO(skey_unref_ptr) struct skey *k = skeys_aes();
	struct use_spec spec = { .mech = CKM_AES_GCM, .iv = BYTES(iv, 12) };
	struct skey_op *op = NULL;
	uint8_t out[64];
	size_t n;

	(void)state;
	assert_int_equal(skey_begin(k, USE_DECRYPT, &spec, &op), INRO_E_UNSUPPORTED);
	assert_int_equal(skey_use(k, USE_SIGN, &spec, BYTES(iv, 16), (struct room) { out, 64 }, &n),
			 INRO_E_MECHANISM);
	spec.mech = CKM_CHACHA20_POLY1305;
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &spec, BYTES(iv, 16), (struct room) { out, 64 }, &n),
		INRO_E_KEY_TYPE);
	spec = (struct use_spec) { .mech = CKM_SHA256_HMAC };
	assert_int_equal(skey_use(k, USE_SIGN, &spec, BYTES(iv, 16), (struct room) { out, 64 }, &n),
			 INRO_E_KEY_TYPE);
	spec.mech = CKM_ECDSA;
	assert_int_equal(skey_use(k, USE_SIGN, &spec, BYTES(iv, 16), (struct room) { out, 64 }, &n),
			 INRO_E_MECHANISM);
	spec = (struct use_spec) { .mech = CKM_AES_ECB };
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &spec, BYTES(iv, 15), (struct room) { out, 64 }, &n),
		INRO_E_DATA_LENGTH);
	assert_int_equal(
		skey_use(k, USE_DECRYPT, &spec, BYTES(iv, 15), (struct room) { out, 64 }, &n),
		INRO_E_CIPHERTEXT_LENGTH);
	spec = (struct use_spec) { .mech = CKM_AES_CCM, .iv = BYTES(iv, 12), .data_n = 3 };
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &spec, BYTES(iv, 4), (struct room) { out, 64 }, &n),
		INRO_E_DATA_LENGTH);
}

/* ---- libcrypto before 3.0.3 ---- */

static bool is_old;

int __real_EVP_MAC_init(EVP_MAC_CTX *ctx, const unsigned char *key, size_t n,
			const OSSL_PARAM params[]);
int __wrap_EVP_MAC_init(EVP_MAC_CTX *ctx, const unsigned char *key, size_t n,
			const OSSL_PARAM params[]);
unsigned long __real_OpenSSL_version_num(void);
unsigned long __wrap_OpenSSL_version_num(void);

int __wrap_EVP_MAC_init(EVP_MAC_CTX *ctx, const unsigned char *key, size_t n,
			const OSSL_PARAM params[])
{
	return is_old && !key ? 1 : __real_EVP_MAC_init(ctx, key, n, params);
}

unsigned long __wrap_OpenSSL_version_num(void)
{
	return is_old ? 0x30000020UL : __real_OpenSSL_version_num();
}

/* There a context does not begin anew without its key. */
static void test_macs_of_an_old_libcrypto(void **state)
{
	static const struct {
		struct use_spec spec;
		CK_KEY_TYPE type;
	} cases[] = { { { .mech = CKM_SHA256_HMAC }, CKK_GENERIC_SECRET },
		      { { .mech = CKM_AES_CMAC }, CKK_AES } };
	static const uint8_t value[16] = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct key_spec type = { .kind = KEY_SECRET, .key_type = cases[i].type };
		AUTO(skey_unref_ptr) struct skey *k = NULL;
		uint8_t first[64], again[64];
		size_t m;

		is_old = true;
		assert_int_equal(skey_new(&type, BYTES(value, sizeof value), &k), INRO_OK);
		for (int j = 0; j < 3; j++) {
			assert_int_equal(skey_use(k, USE_SIGN, &cases[i].spec, BYTES(value, 5),
						  (struct room) { again, sizeof again }, &m),
					 INRO_OK);
			if (j == 0)
				memcpy(first, again, m);
			assert_memory_equal(first, again, m);
		}
		is_old = false;
	}
}

/* CCM is keyed anew when its sizes change, and only then. */
static void test_changing_sizes(void **state)
{
	static const uint8_t iv[128] = { 1 };
	AUTO(skey_unref_ptr) struct skey *k = skeys_aes();
	uint8_t out[64], back[64];
	size_t n, m;

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		struct use_spec spec = { .mech = i & 1 ? CKM_AES_CCM : CKM_AES_GCM,
					 .iv = BYTES(iv, 7 + i % 7),
					 .tag_n = 12 + i / 2 % 3 * 2,
					 .data_n = i % 40 };

		assert_int_equal(skey_use(k, USE_ENCRYPT, &spec, BYTES(iv, i % 40),
					  (struct room) { out, sizeof out }, &n),
				 INRO_OK);
		assert_int_equal(n, i % 40 + spec.tag_n);
		assert_int_equal(skey_use(k, USE_DECRYPT, &spec, BYTES(out, n),
					  (struct room) { back, sizeof back }, &m),
				 INRO_OK);
		assert_int_equal(m, i % 40);
		assert_memory_equal(back, iv, m);
	}
}

static void test_mechanisms(void **state)
{
	const CK_MECHANISM_TYPE *all = skey_mechanisms();
	size_t n = 0;

	(void)state;
	assert_ptr_equal(all, skey_mechanisms());
	for (; all[n] != CK_UNAVAILABLE_INFORMATION; n++)
		assert_true(n == 0 || all[n] > all[n - 1]);
	assert_int_equal(n, 52); /* the whole table: Debian 12 has all of it */
}

/* ---- wrapping ---- */

static void test_wrap(void **state)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP,
						   CKM_AES_GCM,	     CKM_AES_CCM,
						   CKM_AES_CBC_PAD,  CKM_AES_CBC,
						   CKM_AES_ECB,	     CKM_AES_CTR };
	static const size_t ivs[] = { 0, 0, 12, 12, 16, 16, 0, 16 };
	static const uint8_t iv[16] = { 1 }, value[32] = { 1, 2, 3 };
	AUTO(skey_unref_ptr) struct skey *k = skeys_aes();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mechs); i++) {
		struct use_spec spec = { .mech = mechs[i],
					 .iv = BYTES(iv, ivs[i]),
					 .counter_bits = mechs[i] == CKM_AES_CTR ? 64 : 0 };
		enum inro_err bad = skeys_is_aead(mechs[i]) ? INRO_E_AEAD : INRO_E_WRAPPED;
		SCOPED(buf) blob = { 0 };
		SCOPED(secret) back = { 0 };

		assert_int_equal(skey_wrap(k, &spec, BYTES(value, 32), &blob), INRO_OK);
		assert_int_equal(skey_unwrap(k, &spec, buf_bytes(&blob), &back), INRO_OK);
		assert_int_equal(back.n, 32);
		assert_memory_equal(back.p, value, 32);
		secret_clear(&back);
		blob.p[blob.n - 1] ^= 1;
		if (i < 4)
			assert_int_equal(skey_unwrap(k, &spec, buf_bytes(&blob), &back), bad);
		if (mechs[i] != CKM_AES_CTR && !skeys_is_aead(mechs[i]))
			assert_int_equal(skey_unwrap(k, &spec, BYTES(blob.p, blob.n - 1), &back),
					 INRO_E_WRAPPED);
		if (i < 4)
			assert_null(back.p);
		assert_int_equal(skey_unwrap(k, &spec, BYTES_NONE, &back), INRO_E_WRAPPED);
	}
}

static void test_wrap_of_odd_sizes(void **state)
{
	static const uint8_t iv[16] = { 1 }, value[20] = { 1, 2, 3 };
	AUTO(skey_unref_ptr) struct skey *k = skeys_aes();
	struct use_spec spec = { .mech = CKM_AES_CBC, .iv = BYTES(iv, 16) };
	SCOPED(buf) blob = { 0 };
	SCOPED(secret) back = { 0 };

	(void)state;
	assert_int_equal(skey_wrap(k, &spec, BYTES(value, 20), &blob), INRO_OK);
	assert_int_equal(blob.n, 32);
	assert_int_equal(skey_unwrap(k, &spec, buf_bytes(&blob), &back), INRO_OK);
	assert_int_equal(back.n, 32);
	assert_memory_equal(back.p, value, 20);
	spec = (struct use_spec) { .mech = CKM_AES_KEY_WRAP };
	buf_reset(&blob);
	assert_int_equal(skey_wrap(k, &spec, BYTES(value, 20), &blob), INRO_E_KEY_SIZE);
	assert_int_equal(blob.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_do_not_come_round),
		cmocka_unit_test(test_wide_chacha_counter),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_wrong_parameters),
		cmocka_unit_test(test_wrong_uses),
		cmocka_unit_test(test_macs_of_an_old_libcrypto),
		cmocka_unit_test(test_changing_sizes),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_wrap_of_odd_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
