/* test_tpm_crypt - the host's side of the TPM's cryptography against published vectors and itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "tpm/wire/crypt.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_cfb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
