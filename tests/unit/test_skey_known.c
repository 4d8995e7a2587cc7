/*
 * skey: known answers of the standards, in one step and in parts; paddings, and ciphertexts that
 * were changed.
 *
 * FIPS 197 and SP 800-38A appendix F (ECB CBC CFB OFB CTR), -38B (RFC 4493), -38C (RFC 3610 and its
 * own examples), -38D (the GCM specification's test cases), IEEE 1619 (XTS), RFC 3394, RFC 5649,
 * RFC 8439, RFC 4231; CTS from RFC 3962's text by the addendum's other order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/skeys.h"

#define MAX 1024

struct known {
	const char *name;
	struct use_spec spec;
	CK_KEY_TYPE type;
	const char *key, *iv, *ad, *plain, *cipher;
};

#define KEY128 "2b7e151628aed2a6abf7158809cf4f3c"
#define KEY192 "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
#define KEY256 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define IV128  "000102030405060708090a0b0c0d0e0f"
#define PLAIN                                                                                      \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                         \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_AD	"feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_PLAIN                                                                                  \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                         \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define CTS_PLAIN "4920776f756c64206c696b652074686520"
#define WRAPPED	  "00112233445566778899aabbccddeeff"

static const struct known knowns[] = {
	{ "AES-128-ECB",
	  { .mech = CKM_AES_ECB },
	  CKK_AES,
	  KEY128,
	  "",
	  "",
	  PLAIN,
	  "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
	  "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4" },
	{ "AES-256-ECB",
	  { .mech = CKM_AES_ECB },
	  CKK_AES,
	  KEY256,
	  "",
	  "",
	  PLAIN,
	  "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
	  "b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7" },
	{ "AES-128-CBC",
	  { .mech = CKM_AES_CBC },
	  CKK_AES,
	  KEY128,
	  IV128,
	  "",
	  PLAIN,
	  "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
	  "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7" },
	{ "AES-192-CBC",
	  { .mech = CKM_AES_CBC },
	  CKK_AES,
	  KEY192,
	  IV128,
	  "",
	  PLAIN,
	  "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
	  "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd" },
	{ "AES-256-CBC",
	  { .mech = CKM_AES_CBC },
	  CKK_AES,
	  KEY256,
	  IV128,
	  "",
	  PLAIN,
	  "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
	  "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b" },
	{ "AES-128-CFB8",
	  { .mech = CKM_AES_CFB8 },
	  CKK_AES,
	  KEY128,
	  IV128,
	  "",
	  "6bc1bee22e409f96e93d7e117393172aae2d",
	  "3b79424c9c0dd436bace9e0ed4586a4f32b9" },
	{ "AES-128-CFB1", { .mech = CKM_AES_CFB1 }, CKK_AES, KEY128, IV128, "", "6bc1", "68b3" },
	{ "AES-128-CFB128",
	  { .mech = CKM_AES_CFB128 },
	  CKK_AES,
	  KEY128,
	  IV128,
	  "",
	  PLAIN,
	  "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
	  "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6" },
	{ "AES-128-OFB",
	  { .mech = CKM_AES_OFB },
	  CKK_AES,
	  KEY128,
	  IV128,
	  "",
	  PLAIN,
	  "3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825"
	  "9740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e" },
	{ "AES-128-CTR",
	  { .mech = CKM_AES_CTR, .counter_bits = 128 },
	  CKK_AES,
	  KEY128,
	  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "",
	  PLAIN,
	  "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
	  "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee" },
	{ "AES-256-CTR",
	  { .mech = CKM_AES_CTR, .counter_bits = 32 },
	  CKK_AES,
	  KEY256,
	  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "",
	  PLAIN,
	  "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
	  "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6" },
	{ "GCM case 1",
	  { .mech = CKM_AES_GCM },
	  CKK_AES,
	  "00000000000000000000000000000000",
	  "000000000000000000000000",
	  "",
	  "",
	  "58e2fccefa7e3061367f1d57a4e7455a" },
	{ "GCM case 4",
	  { .mech = CKM_AES_GCM },
	  CKK_AES,
	  GCM_KEY,
	  "cafebabefacedbaddecaf888",
	  GCM_AD,
	  GCM_PLAIN,
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
	  "5bc94fbc3221a5db94fae95ae7121a47" },
	{ "GCM case 5",
	  { .mech = CKM_AES_GCM },
	  CKK_AES,
	  GCM_KEY,
	  "cafebabefacedbad",
	  GCM_AD,
	  GCM_PLAIN,
	  "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c7423"
	  "73806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598"
	  "3612d2e79e3b0785561be14aaca2fccb" },
	{ "GCM case 4, tag 12",
	  { .mech = CKM_AES_GCM, .tag_n = 12 },
	  CKK_AES,
	  GCM_KEY,
	  "cafebabefacedbaddecaf888",
	  GCM_AD,
	  GCM_PLAIN,
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
	  "5bc94fbc3221a5db94fae95a" },
	{ "CCM example 1",
	  { .mech = CKM_AES_CCM, .tag_n = 4, .data_n = 4 },
	  CKK_AES,
	  "404142434445464748494a4b4c4d4e4f",
	  "10111213141516",
	  "0001020304050607",
	  "20212223",
	  "7162015b4dac255d" },
	{ "CCM example 2",
	  { .mech = CKM_AES_CCM, .tag_n = 6, .data_n = 16 },
	  CKK_AES,
	  "404142434445464748494a4b4c4d4e4f",
	  "1011121314151617",
	  "000102030405060708090a0b0c0d0e0f",
	  "202122232425262728292a2b2c2d2e2f",
	  "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd" },
	{ "CCM RFC 3610 packet 1",
	  { .mech = CKM_AES_CCM, .tag_n = 8, .data_n = 23 },
	  CKK_AES,
	  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf",
	  "00000003020100a0a1a2a3a4a5",
	  "0001020304050607",
	  "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
	  "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0" },
	{ "XTS-128 vector 1",
	  { .mech = CKM_AES_XTS },
	  CKK_AES_XTS,
	  "1111111111111111111111111111111122222222222222222222222222222222",
	  "33333333330000000000000000000000",
	  "",
	  "4444444444444444444444444444444444444444444444444444444444444444",
	  "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0" },
	{ "XTS-128 vector 15",
	  { .mech = CKM_AES_XTS },
	  CKK_AES_XTS,
	  "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0",
	  "9a785634120000000000000000000000",
	  "",
	  "000102030405060708090a0b0c0d0e0f10",
	  "6c1625db4671522d3d7599601de7ca09ed" },
	{ "CTS 17 bytes",
	  { .mech = CKM_AES_CTS },
	  CKK_AES,
	  "636869636b656e207465726979616b69",
	  "00000000000000000000000000000000",
	  "",
	  CTS_PLAIN,
	  "97c6353568f2bf8cb4d8a580362da7ff7f" },
	{ "KW 128",
	  { .mech = CKM_AES_KEY_WRAP },
	  CKK_AES,
	  "000102030405060708090a0b0c0d0e0f",
	  "",
	  "",
	  WRAPPED,
	  "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5" },
	{ "KW 256",
	  { .mech = CKM_AES_KEY_WRAP },
	  CKK_AES,
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	  "",
	  "",
	  WRAPPED,
	  "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7" },
	{ "KWP 20 bytes",
	  { .mech = CKM_AES_KEY_WRAP_KWP },
	  CKK_AES,
	  "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
	  "",
	  "",
	  "c37b7e6492584340bed12207808941155068f738",
	  "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a" },
	{ "KWP 7 bytes",
	  { .mech = CKM_AES_KEY_WRAP_KWP },
	  CKK_AES,
	  "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
	  "",
	  "",
	  "466f7250617369",
	  "afbeb0f07dfbf5419200f2ccb50bb24f" },
	{ "ChaCha20",
	  { .mech = CKM_CHACHA20, .counter_bits = 32 },
	  CKK_CHACHA20,
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	  "01000000000000000000004a00000000",
	  "",
	  "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
	  "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
	  "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
	  "637265656e20776f756c642062652069742e",
	  "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
	  "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
	  "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
	  "5af90bbf74a35be6b40b8eedf2785e42874d" },
	{ "ChaCha20-Poly1305",
	  { .mech = CKM_CHACHA20_POLY1305 },
	  CKK_CHACHA20,
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	  "070000004041424344454647",
	  "50515253c0c1c2c3c4c5c6c7",
	  "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
	  "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
	  "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
	  "637265656e20776f756c642062652069742e",
	  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	  "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	  "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	  "3ff4def08e4b7a9de576d26586cec64b6116"
	  "1ae10b594f09e26a7e902ecbd0600691" },
};

static const struct known macs[] = {
	{ "CMAC empty",
	  { .mech = CKM_AES_CMAC },
	  CKK_AES,
	  KEY128,
	  "",
	  "",
	  "",
	  "bb1d6929e95937287fa37d129b756746" },
	{ "CMAC 40 bytes",
	  { .mech = CKM_AES_CMAC },
	  CKK_AES,
	  KEY128,
	  "",
	  "",
	  "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
	  "dfa66747de9ae63030ca32611497c827" },
	{ "CMAC 16 bytes, 4 of them",
	  { .mech = CKM_AES_CMAC_GENERAL, .tag_n = 4 },
	  CKK_AES,
	  KEY128,
	  "",
	  "",
	  "6bc1bee22e409f96e93d7e117393172a",
	  "070a16b4" },
	{ "GMAC",
	  { .mech = CKM_AES_GMAC },
	  CKK_AES,
	  "00000000000000000000000000000000",
	  "000000000000000000000000",
	  "",
	  "",
	  "58e2fccefa7e3061367f1d57a4e7455a" },
	{ "HMAC-SHA-1",
	  { .mech = CKM_SHA_1_HMAC },
	  CKK_SHA_1_HMAC,
	  "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	  "",
	  "",
	  "4869205468657265",
	  "b617318655057264e28bc0b6fb378c8ef146be00" },
	{ "HMAC-SHA-224",
	  { .mech = CKM_SHA224_HMAC },
	  CKK_SHA224_HMAC,
	  "4a656665",
	  "",
	  "",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44" },
	{ "HMAC-SHA-256",
	  { .mech = CKM_SHA256_HMAC },
	  CKK_GENERIC_SECRET,
	  "4a656665",
	  "",
	  "",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "HMAC-SHA-256 of 16",
	  { .mech = CKM_SHA256_HMAC_GENERAL, .tag_n = 16 },
	  CKK_GENERIC_SECRET,
	  "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
	  "",
	  "",
	  "546573742057697468205472756e636174696f6e",
	  "a3b6167473100ee06e0c796c2955552b" },
	{ "HMAC-SHA-384",
	  { .mech = CKM_SHA384_HMAC },
	  CKK_SHA384_HMAC,
	  "4a656665",
	  "",
	  "",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
	  "8e2240ca5e69e2c78b3239ecfab21649" },
	{ "HMAC-SHA-512",
	  { .mech = CKM_SHA512_HMAC },
	  CKK_SHA512_HMAC,
	  "4a656665",
	  "",
	  "",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
};

/* ---- one row ---- */

struct row {
	struct skey *k;
	struct use_spec spec;
	uint8_t key[64], iv[32], ad[64], plain[MAX], cipher[MAX];
	size_t plain_n, cipher_n;
};

static void open_row(const struct known *x, struct row *r)
{
	struct key_spec type = { .kind = KEY_SECRET, .key_type = x->type };
	size_t n = skeys_unhex(x->key, r->key, sizeof r->key);

	print_message("%s\n", x->name);
	assert_int_equal(skey_new(&type, BYTES(r->key, n), &r->k), INRO_OK);
	r->spec = x->spec;
	r->spec.iv = BYTES(r->iv, skeys_unhex(x->iv, r->iv, sizeof r->iv));
	r->spec.ad = BYTES(r->ad, skeys_unhex(x->ad, r->ad, sizeof r->ad));
	r->plain_n = skeys_unhex(x->plain, r->plain, MAX);
	r->cipher_n = skeys_unhex(x->cipher, r->cipher, MAX);
}

static void row_clear(struct row *r)
{
	skey_unref(r->k);
}

static void assert_gives(struct row *r, enum key_use use, struct bytes in, struct bytes want)
{
	uint8_t out[MAX];
	size_t n = 0;

	for (int i = 0; i < 3; i++) { /* a new context, and the same again */
		memset(out, 0x55, sizeof out);
		assert_int_equal(
			skey_use(r->k, use, &r->spec, in, (struct room) { out, want.n }, &n),
			INRO_OK);
		assert_int_equal(n, want.n);
		assert_memory_equal(out, want.p, n);
		assert_int_equal(out[n], 0x55);
	}
	if (!want.n)
		return;
	assert_int_equal(skey_use(r->k, use, &r->spec, in, (struct room) { out, want.n - 1 }, &n),
			 INRO_E_TOO_SMALL);
	assert_int_equal(n, want.n);
}

static void assert_gives_in_parts(struct row *r, enum key_use use, struct bytes in,
				  struct bytes want, size_t part)
{
	struct skey_op *op = NULL;
	uint8_t out[MAX + 64];
	size_t total = 0, n = 0;

	assert_int_equal(skey_begin(r->k, use, &r->spec, &op), INRO_OK);
	for (size_t at = 0; at < in.n; at += part) {
		size_t some = in.n - at < part ? in.n - at : part, most = skey_step_max(op, some);

		if (most)
			assert_int_equal(skey_step(op, BYTES(in.p + at, some),
						   (struct room) { out + total, most - 1 }, &n),
					 INRO_E_TOO_SMALL);
		assert_int_equal(skey_step(op, BYTES(in.p + at, some),
					   (struct room) { out + total, most }, &n),
				 INRO_OK);
		assert_true(n <= most);
		total += n;
	}
	if (want.n > total) {
		assert_int_equal(skey_last(op, (struct room) { out + total, 0 }, &n),
				 INRO_E_TOO_SMALL);
		assert_true(n >= want.n - total);
	}
	assert_int_equal(skey_last(op, (struct room) { out + total, sizeof out - total }, &n),
			 INRO_OK);
	assert_int_equal(total + n, want.n);
	assert_memory_equal(out, want.p, want.n);
	assert_int_equal(skey_last(op, (struct room) { out, sizeof out }, &n), INRO_E_STATE);
	skey_op_free(op);
}

static void test_known_answers(void **state)
{
	static const size_t parts[] = { 1, 5, 16, 17, MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(knowns); i++) {
		SCOPED(row) r = { 0 };
		struct bytes plain, cipher;

		open_row(&knowns[i], &r);
		plain = BYTES(r.plain, r.plain_n);
		cipher = BYTES(r.cipher, r.cipher_n);
		assert_gives(&r, USE_ENCRYPT, plain, cipher);
		assert_gives(&r, USE_DECRYPT, cipher, plain);
		for (size_t j = 0; j < ARRAY_LEN(parts); j++) {
			assert_gives_in_parts(&r, USE_ENCRYPT, plain, cipher, parts[j]);
			if (!skeys_is_aead(r.spec.mech))
				assert_gives_in_parts(&r, USE_DECRYPT, cipher, plain, parts[j]);
		}
	}
}

static void test_known_macs(void **state)
{
	static const size_t parts[] = { 1, 7, 16, MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
		SCOPED(row) r = { 0 };

		open_row(&macs[i], &r);
		assert_gives(&r, USE_SIGN, BYTES(r.plain, r.plain_n), BYTES(r.cipher, r.cipher_n));
		for (size_t j = 0; j < ARRAY_LEN(parts); j++)
			assert_gives_in_parts(&r, USE_SIGN, BYTES(r.plain, r.plain_n),
					      BYTES(r.cipher, r.cipher_n), parts[j]);
	}
}

/* 3DES decrypts, and makes nothing new. */
static void test_old_data(void **state)
{
	const struct known x = { "3DES",
				 { .mech = CKM_DES3_ECB },
				 CKK_DES3,
				 "0123456789abcdef23456789abcdef01456789abcdef0123",
				 "",
				 "",
				 "5468652071756663",
				 "a826fd8ce53b855f" };
	const struct key_spec type = { .kind = KEY_SECRET, .key_type = CKK_DES3, .n = 24 };
	SCOPED(row) r = { 0 };
	struct skey *made = NULL;
	uint8_t out[8];
	size_t n;

	(void)state;
	open_row(&x, &r);
	assert_gives(&r, USE_DECRYPT, BYTES(r.cipher, 8), BYTES(r.plain, 8));
	assert_int_equal(skey_use(r.k, USE_ENCRYPT, &r.spec, BYTES(r.plain, 8),
				  (struct room) { out, 8 }, &n),
			 INRO_E_MECHANISM);
	assert_int_equal(skey_generate(&type, &made), INRO_E_KEY_TYPE);
	assert_null(made);
}

/* ---- padding ---- */

static void test_padding_round_trip(void **state)
{
	static const uint8_t iv[16] = { 9 };
	struct row r = { .k = skeys_aes(),
			 .spec = { .mech = CKM_AES_CBC_PAD, .iv = BYTES(iv, 16) } };
	uint8_t in[70], out[96];
	size_t n;

	(void)state;
	memset(in, 7, sizeof in);
	for (size_t i = 0; i <= sizeof in; i++) {
		assert_int_equal(skey_use(r.k, USE_ENCRYPT, &r.spec, BYTES(in, i),
					  (struct room) { out, sizeof out }, &n),
				 INRO_OK);
		assert_int_equal(n, i / 16 * 16 + 16);
		assert_gives(&r, USE_DECRYPT, BYTES(out, n), BYTES(in, i));
		for (size_t part = 1; part < 40; part += 3) {
			assert_gives_in_parts(&r, USE_ENCRYPT, BYTES(in, i), BYTES(out, n), part);
			assert_gives_in_parts(&r, USE_DECRYPT, BYTES(out, n), BYTES(in, i), part);
		}
	}
	row_clear(&r);
}

/* Every last block by hand: exactly the well padded ones open. */
static void test_bad_padding(void **state)
{
	static const uint8_t iv[16] = { 9 };
	AUTO(skey_unref_ptr) struct skey *k = skeys_aes();
	const struct use_spec raw = { .mech = CKM_AES_CBC, .iv = BYTES(iv, 16) };
	const struct use_spec padded = { .mech = CKM_AES_CBC_PAD, .iv = BYTES(iv, 16) };
	uint8_t in[16], cipher[16], out[16];
	size_t n;

	(void)state;
	for (unsigned last = 0; last < 256; last++) {
		for (size_t wrong = 0; wrong < 16; wrong++) {
			bool good = last >= 1 && last <= 16 && wrong < 16 - last;
			enum inro_err e;

			memset(in, (int)last, sizeof in);
			in[wrong] ^= wrong == 15 ? 0 : 0x80;
			if (wrong == 15)
				good = last >= 1 && last <= 16;
			assert_int_equal(skey_use(k, USE_ENCRYPT, &raw, BYTES(in, 16),
						  (struct room) { cipher, 16 }, &n),
					 INRO_OK);
			memset(out, 0x55, sizeof out);
			e = skey_use(k, USE_DECRYPT, &padded, BYTES(cipher, 16),
				     (struct room) { out, 16 }, &n);
			assert_int_equal(e, good ? INRO_OK : INRO_E_CIPHERTEXT);
			assert_int_equal(good ? n : 16 - last, 16 - last);
			assert_int_equal(out[15], 0x55);
		}
	}
	assert_int_equal(
		skey_use(k, USE_DECRYPT, &padded, BYTES(cipher, 15), (struct room) { out, 16 }, &n),
		INRO_E_CIPHERTEXT_LENGTH);
	assert_int_equal(
		skey_use(k, USE_DECRYPT, &padded, BYTES_NONE, (struct room) { out, 16 }, &n),
		INRO_E_CIPHERTEXT_LENGTH);
}

/* ---- changed ciphertexts ---- */

static void test_changed_ciphertexts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(knowns); i++) {
		SCOPED(row) r = { 0 };
		uint8_t out[MAX], before[MAX];
		size_t n;
		bool aead = skeys_is_aead(knowns[i].spec.mech);

		if (!aead && knowns[i].spec.mech != CKM_AES_KEY_WRAP &&
		    knowns[i].spec.mech != CKM_AES_KEY_WRAP_KWP)
			continue;
		open_row(&knowns[i], &r);
		memset(out, 0x55, sizeof out);
		memset(before, 0x55, sizeof before);
		for (size_t at = 0; at < r.cipher_n; at++) {
			r.cipher[at] ^= 1;
			assert_int_equal(skey_use(r.k, USE_DECRYPT, &r.spec,
						  BYTES(r.cipher, r.cipher_n),
						  (struct room) { out, MAX }, &n),
					 aead ? INRO_E_AEAD : INRO_E_CIPHERTEXT);
			r.cipher[at] ^= 1;
			assert_memory_equal(out, before, MAX);
		}
		for (size_t at = 0; at < r.cipher_n; at++)
			assert_int_not_equal(skey_use(r.k, USE_DECRYPT, &r.spec,
						      BYTES(r.cipher, at),
						      (struct room) { out, MAX }, &n),
					     INRO_OK);
		assert_memory_equal(out, before, MAX);
		r.spec.ad = bytes_of("other");
		if (aead)
			assert_int_equal(skey_use(r.k, USE_DECRYPT, &r.spec,
						  BYTES(r.cipher, r.cipher_n),
						  (struct room) { out, MAX }, &n),
					 INRO_E_AEAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_known_macs),
		cmocka_unit_test(test_old_data),
		cmocka_unit_test(test_padding_round_trip),
		cmocka_unit_test(test_bad_padding),
		cmocka_unit_test(test_changed_ciphertexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
