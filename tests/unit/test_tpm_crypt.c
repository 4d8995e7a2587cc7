/* test_tpm_crypt - the host's side of the TPM's cryptography against published vectors and itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "base/own.h"
#include "tpm/wire/crypt.h"
#include "tests/lib/params.h"

static struct bytes unhex(const char *text, uint8_t *out, size_t cap)
{
	size_t n;

	assert_int_equal(hex_decode(bytes_of(text), out, cap, &n), INRO_OK);
	return BYTES(out, n);
}

static void is_hex(struct bytes x, const char *text)
{
	uint8_t room[512];
	struct bytes want = unhex(text, room, sizeof room);

	assert_int_equal(x.n, want.n);
	assert_memory_equal(x.p, want.p, want.n);
}

static void test_hash(void **state)
{
	struct bytes abc[] = { BYTES_LIT("a"), BYTES_LIT(""), BYTES_LIT("bc") };
	TPM2B_DIGEST d;

	(void)state;
	for (int again = 0; again < 3; again++) {
		assert_int_equal(crypt_hash(TPM2_ALG_SHA256, abc, 3, &d), INRO_OK);
		is_hex(BYTES(d.buffer, d.size),
		       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	}
	assert_int_equal(crypt_hash(TPM2_ALG_SM3_256, abc, 3, &d), INRO_E_UNSUPPORTED);
}

/* RFC 4231, cases 1, 2 and 6 */
static void test_hmac(void **state)
{
	uint8_t k1[20], k6[131];
	struct bytes hi = BYTES_LIT("Hi There"), jefe = BYTES_LIT("Jefe");
	struct bytes what[] = { BYTES_LIT("what do ya want "), BYTES_LIT("for nothing?") };
	struct bytes large = BYTES_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
	TPM2B_DIGEST d;

	(void)state;
	memset(k1, 0x0b, sizeof k1);
	memset(k6, 0xaa, sizeof k6);
	assert_int_equal(crypt_hmac(TPM2_ALG_SHA256, BYTES(k1, 20), &hi, 1, &d), INRO_OK);
	is_hex(BYTES(d.buffer, d.size),
	       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_int_equal(crypt_hmac(TPM2_ALG_SHA256, jefe, what, 2, &d), INRO_OK);
	is_hex(BYTES(d.buffer, d.size),
	       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_int_equal(crypt_hmac(TPM2_ALG_SHA256, BYTES(k6, 131), &large, 1, &d), INRO_OK);
	is_hex(BYTES(d.buffer, d.size),
	       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	/* no key at all: HMAC-SHA-256("", "") */
	assert_int_equal(crypt_hmac(TPM2_ALG_SHA256, BYTES_NONE, NULL, 0, &d), INRO_OK);
	is_hex(BYTES(d.buffer, d.size),
	       "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* NIST SP 800-38A, F.3.13, F.3.14, F.3.17 */
static void test_cfb(void **state)
{
	static const char plain[] =
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
	uint8_t k[32], iv[16], data[32];
	struct bytes key = unhex("2b7e151628aed2a6abf7158809cf4f3c", k, sizeof k);
	struct bytes start = unhex("000102030405060708090a0b0c0d0e0f", iv, sizeof iv);

	(void)state;
	unhex(plain, data, sizeof data);
	assert_int_equal(crypt_cfb(key, start, true, data, 32), INRO_OK);
	is_hex(BYTES(data, 32), "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b");
	assert_int_equal(crypt_cfb(key, start, false, data, 32), INRO_OK);
	is_hex(BYTES(data, 32), plain);
	key = unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", k,
		    sizeof k);
	assert_int_equal(crypt_cfb(key, start, true, data, 32), INRO_OK);
	is_hex(BYTES(data, 32), "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b");
	/* in parts of no whole block */
	assert_int_equal(crypt_cfb(key, start, false, data, 5), INRO_OK);
	is_hex(BYTES(data, 5), "6bc1bee22e");
	assert_int_equal(crypt_cfb(BYTES(k, 24), start, true, data, 32), INRO_E_ARG);
	assert_int_equal(crypt_cfb(key, BYTES(iv, 15), true, data, 32), INRO_E_ARG);
}

/* ---- key derivation, libcrypto's own KDFs being the judges ---- */

#define KDF_MAX 200

static const struct {
	TPM2_ALG_ID id;
	const char *name;
} hashes[] = {
	{ TPM2_ALG_SHA1, "SHA1" },
	{ TPM2_ALG_SHA256, "SHA256" },
	{ TPM2_ALG_SHA384, "SHA384" },
	{ TPM2_ALG_SHA512, "SHA512" },
};

static void judge_kdf(const char *kdf, OSSL_PARAM *params, size_t n, uint8_t *out)
{
	EVP_KDF *k = EVP_KDF_fetch(NULL, kdf, NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(k);

	assert_true(EVP_KDF_derive(ctx, out, n, params) > 0);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(k);
}

static const struct bytes key = BYTES_LIT("a key of no certain length"), u = BYTES_LIT("party u"),
			  v = BYTES_LIT("v");

static void kdfa_is(size_t hash, size_t n)
{
	SCOPED(buf) context = { 0 };
	uint8_t out[KDF_MAX], want[KDF_MAX];
	OSSL_PARAM params[] = {
		params_text(OSSL_KDF_PARAM_MODE, "counter"),
		params_text(OSSL_KDF_PARAM_MAC, "HMAC"),
		params_text(OSSL_KDF_PARAM_DIGEST, hashes[hash].name),
		params_octets(OSSL_KDF_PARAM_KEY, key),
		params_octets(OSSL_KDF_PARAM_SALT, bytes_of("STORAGE")),
		params_octets(OSSL_KDF_PARAM_INFO, params_joined(&context, u, v, BYTES_NONE)),
		OSSL_PARAM_construct_end(),
	};

	judge_kdf("KBKDF", params, n, want);
	assert_int_equal(crypt_kdfa(&(struct crypt_kdf) { hashes[hash].id, key, "STORAGE", u, v,
							  n * 8 },
				    out),
			 INRO_OK);
	assert_memory_equal(out, want, n);
}

static void kdfe_is(size_t hash, size_t n)
{
	SCOPED(buf) info = { 0 };
	uint8_t out[KDF_MAX], want[KDF_MAX];
	OSSL_PARAM params[] = {
		params_text(OSSL_KDF_PARAM_DIGEST, hashes[hash].name),
		params_octets(OSSL_KDF_PARAM_KEY, key),
		params_octets(OSSL_KDF_PARAM_INFO,
			      params_joined(&info, BYTES("DUPLICATE", 10), u, v)),
		OSSL_PARAM_construct_end(),
	};

	judge_kdf("SSKDF", params, n, want);
	assert_int_equal(crypt_kdfe(&(struct crypt_kdf) { hashes[hash].id, key, "DUPLICATE", u, v,
							  n * 8 },
				    out),
			 INRO_OK);
	assert_memory_equal(out, want, n);
}

static void test_kdf(void **state)
{
	static const size_t sizes[] = { 1, 16, 20, 31, 32, 33, 64, 65, 200 };
	const struct crypt_kdf odd = { TPM2_ALG_SHA256, key, "X", u, v, 12 };
	const struct crypt_kdf sm3 = { TPM2_ALG_SM3_256, key, "X", u, v, 16 };
	uint8_t out[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			kdfa_is(i, sizes[k]);
			kdfe_is(i, sizes[k]);
		}
	assert_int_equal(crypt_kdfa(&odd, out), INRO_E_ARG);
	assert_int_equal(crypt_kdfe(&sm3, out), INRO_E_UNSUPPORTED);
}

/* ---- contexts and threads ---- */

static OSSL_LIB_CTX *own;

static enum inro_err get_own(OSSL_LIB_CTX **ret)
{
	*ret = own;
	return INRO_OK;
}

static enum inro_err get_none(OSSL_LIB_CTX **ret)
{
	(void)ret;
	return err_set(INRO_E_CRYPTO, "there is none");
}

static void test_context(void **state)
{
	const EVP_MD *first, *second, *third;
	OSSL_LIB_CTX *in_use;

	(void)state;
	assert_int_equal(crypt_hash_md(TPM2_ALG_SHA256, &first), INRO_OK);
	own = OSSL_LIB_CTX_new();
	crypt_use(get_own);
	assert_int_equal(crypt_context(&in_use), INRO_OK);
	assert_ptr_equal(in_use, own);
	assert_int_equal(crypt_hash_md(TPM2_ALG_SHA256, &second), INRO_OK);
	assert_ptr_not_equal(first, second);
	test_hmac(state);
	test_cfb(state);
	crypt_use(get_none);
	assert_int_equal(crypt_hash_md(TPM2_ALG_SHA256, &third), INRO_E_CRYPTO);
	crypt_use(NULL);
	assert_int_equal(crypt_hash_md(TPM2_ALG_SHA256, &third), INRO_OK);
	assert_ptr_equal(first, third);
}

static void *work(void *arg)
{
	struct bytes mine = bytes_of(arg), part = BYTES_LIT("x");
	TPM2B_DIGEST first, d;
	size_t bad = 0;

	if (crypt_hmac(TPM2_ALG_SHA256, mine, &part, 1, &first))
		return arg;
	for (int i = 0; i < 2000; i++) {
		bad += crypt_hmac(TPM2_ALG_SHA256, mine, &part, 1, &d) != INRO_OK;
		bad += memcmp(d.buffer, first.buffer, 32) != 0;
		bad += crypt_hash(TPM2_ALG_SHA256, &mine, 1, &d) != INRO_OK;
	}
	return bad ? arg : NULL;
}

static void test_threads(void **state)
{
	static char names[8][8];
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		names[i][0] = (char)('a' + i);
		assert_int_equal(pthread_create(&threads[i], NULL, work, names[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		void *bad;

		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),	cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_cfb),	cmocka_unit_test(test_kdf),
		cmocka_unit_test(test_context), cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
