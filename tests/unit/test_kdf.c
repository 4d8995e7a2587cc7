/* kdf: published vectors of every derivation, every kind of field, and the refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "pkcs11/token/kdf.h"

#define OCTETS(s) BYTES(s, sizeof(s) - 1)
#define ROOM	  256

struct hex {
	uint8_t p[ROOM];
	size_t n;
};

static struct bytes unhex(const char *text, struct hex *room)
{
	room->n = 0;
	if (text && *text)
		assert_int_equal(hex_decode(bytes_of(text), room->p, ROOM, &room->n), INRO_OK);
	return BYTES(room->p, room->n);
}

static void expect(const struct use_spec *spec, struct bytes base, struct bytes other,
		   const char *wanted)
{
	SCOPED(secret) out = { 0 };
	struct hex room;
	struct bytes want = unhex(wanted, &room);

	assert_int_equal(secret_new(want.n, &out), INRO_OK);
	assert_int_equal(kdf_derive(spec, base, other, &out), INRO_OK);
	assert_memory_equal(out.p, want.p, want.n);
}

static void refuse(const struct use_spec *spec, struct bytes base, struct bytes other, size_t n,
		   enum inro_err e)
{
	SCOPED(secret) out = { 0 };

	assert_int_equal(secret_new(n, &out), INRO_OK);
	assert_int_equal(kdf_derive(spec, base, other, &out), e);
	for (size_t i = 0; i < out.n; i++)
		assert_int_equal(out.p[i], 0);
}

/* ---- HKDF: RFC 5869 A.1, A.2, A.3, A.7 ---- */

static const struct {
	CK_MECHANISM_TYPE hash;
	const char *key, *salt, *info, *prk, *out;
} hkdfs[] = {
	{ CKM_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
	  "f0f1f2f3f4f5f6f7f8f9",
	  "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
	{ CKM_SHA256,
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
	  "2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b"
	  "8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadb"
	  "dcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
	  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
	  "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ CKM_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
	{ CKM_SHA_1, "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "", "",
	  "2adccada18779e7c2077ad2eb19d3f3e731385dd",
	  "2c91117204d745f3500d636a62f64f0ab3bae548aa53d423b0d1f27ebba6f5e5673a081d70cce7acfc48" },
};

static void test_hkdf(void **state)
{
	struct hex key, salt, info, prk;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hkdfs); i++) {
		struct use_spec spec = { .mech = CKM_HKDF_DERIVE,
					 .digest = hkdfs[i].hash,
					 .kdf = HKDF_BOTH,
					 .iv = unhex(hkdfs[i].salt, &salt),
					 .ad = unhex(hkdfs[i].info, &info) };
		struct bytes base = unhex(hkdfs[i].key, &key);

		expect(&spec, base, BYTES_NONE, hkdfs[i].out);
		spec.kdf = HKDF_EXTRACT;
		expect(&spec, base, BYTES_NONE, hkdfs[i].prk);
		if (spec.iv.n) { /* the same salt as a key */
			struct use_spec keyed = spec;

			keyed.iv = BYTES_NONE;
			keyed.other = 7;
			expect(&keyed, base, spec.iv, hkdfs[i].prk);
		}
		spec.kdf = HKDF_EXPAND;
		expect(&spec, unhex(hkdfs[i].prk, &prk), BYTES_NONE, hkdfs[i].out);
	}
}

static void test_hkdf_sizes(void **state)
{
	struct use_spec spec = { .mech = CKM_HKDF_DERIVE, .digest = CKM_SHA256, .kdf = HKDF_BOTH };
	SCOPED(secret) longest = { 0 };
	size_t fixed = 9, max = 9;

	(void)state;
	assert_int_equal(kdf_size(&spec, OCTETS("k"), BYTES_NONE, &fixed, &max), INRO_OK);
	assert_int_equal(fixed, 0);
	assert_int_equal(max, 255 * 32);
	assert_int_equal(secret_new(max, &longest), INRO_OK);
	assert_int_equal(kdf_derive(&spec, OCTETS("k"), BYTES_NONE, &longest), INRO_OK);
	refuse(&spec, OCTETS("k"), BYTES_NONE, max + 1, INRO_E_KEY_SIZE);
	refuse(&spec, OCTETS("k"), BYTES_NONE, 0, INRO_E_KEY_SIZE);
	spec.kdf = HKDF_EXTRACT;
	assert_int_equal(kdf_size(&spec, OCTETS("k"), BYTES_NONE, &fixed, &max), INRO_OK);
	assert_int_equal(fixed, 32);
	refuse(&spec, OCTETS("k"), BYTES_NONE, 31, INRO_E_KEY_SIZE);
	refuse(&spec, OCTETS("k"), BYTES_NONE, 33, INRO_E_KEY_SIZE);
	spec.kdf = 0;
	refuse(&spec, OCTETS("k"), BYTES_NONE, 32, INRO_E_MECHANISM_PARAM);
	spec = (struct use_spec) { .mech = CKM_HKDF_DERIVE, .digest = CKM_MD5, .kdf = HKDF_BOTH };
	refuse(&spec, OCTETS("k"), BYTES_NONE, 16, INRO_E_MECHANISM_PARAM);
}

/* ---- SP 800-108 ---- */

#define FIXED                                                                                      \
	"01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d" \
	"0315bb2911d80a0e8aba17f3b413faac"
#define KEY "dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0"

static void add_counter(struct buf *b, uint8_t bits, bool little)
{
	buf_add_u8(b, KDF_COUNTER);
	buf_add_u8(b, bits);
	buf_add_u8(b, little);
}

static void add_length(struct buf *b, uint8_t bits, bool little, bool segments)
{
	buf_add_u8(b, KDF_LENGTH);
	buf_add_u8(b, bits);
	buf_add_u8(b, little);
	buf_add_u8(b, segments);
}

static void add_bytes(struct buf *b, struct bytes x)
{
	buf_add_u8(b, KDF_BYTES);
	buf_add_field(b, x);
}

/* CAVP: HMAC_SHA256 with a counter of 32 bits, CMAC_AES128 with one of 8, both before the rest. */
static void test_counter(void **state)
{
	SCOPED(buf) b = { 0 };
	struct hex key, fixed;
	struct use_spec spec = { .mech = CKM_SP800_108_COUNTER_KDF, .digest = CKM_SHA256 };

	(void)state;
	add_counter(&b, 32, false);
	add_bytes(&b, unhex(FIXED, &fixed));
	spec.label = buf_bytes(&b);
	expect(&spec, unhex(KEY, &key), BYTES_NONE, "10621342bfb0fd40046c0e29f2cfdbf0");
	spec.digest = CKM_SHA256_HMAC;
	expect(&spec, unhex(KEY, &key), BYTES_NONE, "10621342bfb0fd40046c0e29f2cfdbf0");

	buf_reset(&b);
	add_counter(&b, 8, false);
	add_bytes(&b, unhex("c16e6e02c5a3dcc8d78b9ac1306877761310455b4e41469951d9e6c2245a064b33fd8c"
			    "3b01203a7824485bf0a64060c4648b707d2607935699316ea5",
			    &fixed));
	spec.label = buf_bytes(&b);
	spec.digest = CKM_AES_CMAC;
	expect(&spec, unhex("dff1e50ac0b69dc40f1051d46c2b069c", &key), BYTES_NONE,
	       "8be8f0869b3c0ba97b71863d1b9f7813");
	refuse(&spec, OCTETS("fifteen bytes.."), BYTES_NONE, 16, INRO_E_KEY_SIZE);
}

/* Computed by hand with another HMAC: label, 0, a little-endian counter, context, length of all
 * segments. */
static void test_fields_in_any_order(void **state)
{
	SCOPED(buf) b = { 0 };
	struct hex key;
	struct use_spec spec = { .mech = CKM_SP800_108_COUNTER_KDF, .digest = CKM_SHA512 };

	(void)state;
	add_bytes(&b, OCTETS("label\0"));
	add_counter(&b, 16, true);
	add_bytes(&b, OCTETS("ctx"));
	add_length(&b, 32, false, true);
	spec.label = buf_bytes(&b);
	expect(&spec, unhex(KEY, &key), BYTES_NONE,
	       "eb28c002d5cdf6ee8e9f24e6c9a335f119108bd0bda151bb298d1a1cc7a9dbbb2395aac0055a4a2742"
	       "884a43e4500f99366efd7990449ae5b668b0f7f970fc0f3e8512009b03b088b553c41fdc9d27e1");
}

static void test_feedback(void **state)
{
	SCOPED(buf) b = { 0 };
	struct hex key, fixed, iv;
	struct use_spec spec = { .mech = CKM_SP800_108_FEEDBACK_KDF, .digest = CKM_SHA256 };
	struct bytes base = unhex(KEY, &key);

	(void)state;
	buf_add_u8(&b, KDF_FEEDBACK);
	add_counter(&b, 8, false);
	add_bytes(&b, unhex(FIXED, &fixed));
	spec.label = buf_bytes(&b);
	spec.iv = unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", &iv);
	expect(&spec, base, BYTES_NONE,
	       "232bcded851cbb3e7e378512f02117189efb546a128aa09ebfa1d93ec15ee0fdcd5846e4c1391ff717"
	       "259da0bca5b823");
	/* without an IV and a counter, with the length of the keys */
	buf_reset(&b);
	buf_add_u8(&b, KDF_FEEDBACK);
	add_bytes(&b, unhex(FIXED, &fixed));
	add_length(&b, 24, false, false);
	spec.label = buf_bytes(&b);
	spec.iv = BYTES_NONE;
	expect(&spec, base, BYTES_NONE,
	       "7bbb1bb30fa8cc9fccbe0a27626c5416e8f55f0e6369be9f35f859665ccb2cd1e026f091a6105d8fa3"
	       "bebd0e3e9c37b2");
}

static void test_fields_refused(void **state)
{
	SCOPED(buf) b = { 0 };
	SCOPED(secret) most = { 0 };
	struct use_spec spec = { .mech = CKM_SP800_108_COUNTER_KDF, .digest = CKM_SHA256 };

	(void)state;
	/* 256 blocks do not fit a counter of 8 bits, 255 do */
	add_counter(&b, 8, false);
	spec.label = buf_bytes(&b);
	assert_int_equal(secret_new((size_t)255 * 32, &most), INRO_OK);
	assert_int_equal(kdf_derive(&spec, OCTETS("key"), BYTES_NONE, &most), INRO_OK);
	{
		SCOPED(secret) more = { 0 };

		assert_int_equal(secret_new((size_t)255 * 32 + 1, &more), INRO_OK);
		assert_int_equal(kdf_derive(&spec, OCTETS("key"), BYTES_NONE, &more),
				 INRO_E_MECHANISM_PARAM);
	}
	/* nor 256 bits a length of 8 */
	buf_reset(&b);
	add_length(&b, 8, false, false);
	spec.label = buf_bytes(&b);
	refuse(&spec, OCTETS("key"), BYTES_NONE, 32, INRO_E_MECHANISM_PARAM);
	/* widths, feedback where there is none, and what can't be read */
	for (uint8_t bits = 0; bits < 60; bits++) {
		bool good = bits == 8 || bits == 16 || bits == 24 || bits == 32;
		SCOPED(secret) out = { 0 };

		buf_reset(&b);
		add_counter(&b, bits, false);
		spec.label = buf_bytes(&b);
		assert_int_equal(secret_new(16, &out), INRO_OK);
		assert_int_equal(kdf_derive(&spec, OCTETS("key"), BYTES_NONE, &out),
				 good ? INRO_OK : INRO_E_MECHANISM_PARAM);
	}
	spec.label = OCTETS("\x04");
	refuse(&spec, OCTETS("key"), BYTES_NONE, 16, INRO_E_MECHANISM_PARAM);
	spec.label = OCTETS("\x00");
	refuse(&spec, OCTETS("key"), BYTES_NONE, 16, INRO_E_MECHANISM_PARAM);
	spec.label = OCTETS("\x05");
	refuse(&spec, OCTETS("key"), BYTES_NONE, 16, INRO_E_MECHANISM_PARAM);
	spec.label = OCTETS("\x01\x08");
	refuse(&spec, OCTETS("key"), BYTES_NONE, 16, INRO_E_MECHANISM_PARAM);
	spec.label = OCTETS("\x03\x00\x00\x00\x09short");
	refuse(&spec, OCTETS("key"), BYTES_NONE, 16, INRO_E_MECHANISM_PARAM);
}

/* ---- PBKDF2: RFC 6070, RFC 7914 11 ---- */

static void test_pbkdf2(void **state)
{
	struct use_spec spec = {
		.mech = CKM_PKCS5_PBKD2, .digest = CKM_SHA_1, .rounds = 1, .iv = OCTETS("salt")
	};

	(void)state;
	expect(&spec, OCTETS("password"), BYTES_NONE, "0c60c80f961f0e71f3a9b524af6012062fe037a6");
	spec.rounds = 2;
	expect(&spec, OCTETS("password"), BYTES_NONE, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
	spec.rounds = 4096;
	expect(&spec, OCTETS("password"), BYTES_NONE, "4b007901b765489abead49d926f721d065a429c1");
	spec.iv = OCTETS("saltSALTsaltSALTsaltSALTsaltSALTsalt");
	expect(&spec, OCTETS("passwordPASSWORDpassword"), BYTES_NONE,
	       "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
	spec = (struct use_spec) {
		.mech = CKM_PKCS5_PBKD2, .digest = CKM_SHA256, .rounds = 1, .iv = OCTETS("salt")
	};
	expect(&spec, OCTETS("passwd"), BYTES_NONE,
	       "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b64599"
	       "1664b39d77ef317c71b845b1e30bd509112041d3a19783");
	spec.rounds = 80000;
	spec.iv = OCTETS("NaCl");
	expect(&spec, OCTETS("Password"), BYTES_NONE,
	       "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549a"
	       "db841b51c9b3176a272bdebba1d078478f62b397f33c8d");
	spec.rounds = 0;
	refuse(&spec, OCTETS("p"), BYTES_NONE, 16, INRO_E_MECHANISM_PARAM);
}

/* An empty password is one. */
static void test_pbkdf2_of_nothing(void **state)
{
	const struct use_spec spec = {
		.mech = CKM_PKCS5_PBKD2, .digest = CKM_SHA256, .rounds = 1, .iv = OCTETS("salt")
	};
	SCOPED(secret) out = { 0 };

	(void)state;
	assert_int_equal(secret_new(32, &out), INRO_OK);
	assert_int_equal(kdf_derive(&spec, BYTES_NONE, BYTES_NONE, &out), INRO_OK);
}

/* ---- X9.63 (CAVP ANSX963_2001), SP 800-56C ---- */

static void expect_x963(CK_ULONG kdf, const char *z, const char *info, const char *wanted)
{
	SCOPED(secret) out = { 0 };
	struct hex a, b, c;
	struct bytes want = unhex(wanted, &c);
	const struct use_spec spec = { .kdf = kdf, .ad = unhex(info, &b) };

	assert_int_equal(secret_new(want.n, &out), INRO_OK);
	assert_int_equal(kdf_x963(&spec, unhex(z, &a), &out), INRO_OK);
	assert_memory_equal(out.p, want.p, want.n);
}

#define Z "22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d"

static void test_x963(void **state)
{
	(void)state;
	expect_x963(CKD_SHA1_KDF, "1c7d7b5f0597b03d06a018466ed1a93e30ed4b04dc64ccdd", "",
		    "bf71dffd8f4d99223936beb46fee8ccc");
	expect_x963(CKD_SHA256_KDF, "96c05619d56c328ab95fe84b18264b08725b85e33fd34f08", "",
		    "443024c3dae66b95e6f5670601558f71");
	expect_x963(CKD_SHA256_KDF, Z, "75eef81aa3041e33b80971203d2c0c52",
		    "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e52a13d9c7c6fc8"
		    "78c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485500c90c3af8b487872d04685d14c"
		    "8d1dc8d7fa08beb0ce0ababc11f0bd496269142d43525a78e5bc79a17f59676a5706dc54d54d4d"
		    "1f0bd7e386128ec26afc21");
	expect_x963(CKD_SHA256_KDF_SP800, Z, "75eef81aa3041e33b80971203d2c0c52",
		    "ad4165a7ef7095799b522968a45098f4692c32d99988070fa816b89e9650f9e65075d98af77fef"
		    "99b945cf9a73924f1a");
	expect_x963(CKD_NULL, Z, "", "fbee04aa57c7af7d");
	expect_x963(CKD_NULL, Z, "", Z);
}

static void test_x963_refused(void **state)
{
	SCOPED(secret) out = { 0 };
	struct use_spec spec = { .kdf = CKD_NULL };

	(void)state;
	assert_int_equal(secret_new(25, &out), INRO_OK);
	assert_int_equal(kdf_x963(&spec, OCTETS("twenty-four bytes or so."), &out),
			 INRO_E_KEY_SIZE);
	spec.kdf = CKD_BLAKE2B_256_KDF;
	assert_int_equal(kdf_x963(&spec, OCTETS("z"), &out), INRO_E_MECHANISM_PARAM);
	spec.kdf = CKD_SHA256_KDF;
	spec.digest = CKM_SHA512;
	assert_int_equal(kdf_x963(&spec, OCTETS("z"), &out), INRO_E_MECHANISM_PARAM);
	spec.digest = CKM_SHA256;
	assert_int_equal(kdf_x963(&spec, OCTETS("z"), &out), INRO_OK);
}

/* ---- concatenation ---- */

static void test_concatenation(void **state)
{
	struct use_spec spec = { .mech = CKM_CONCATENATE_BASE_AND_KEY, .other = 1 };
	size_t fixed, max;

	(void)state;
	expect(&spec, OCTETS("\x01\x02"), OCTETS("\x03\x04\x05"), "0102030405");
	assert_int_equal(kdf_size(&spec, OCTETS("ab"), OCTETS("cde"), &fixed, &max), INRO_OK);
	assert_int_equal(fixed, 5);
	assert_int_equal(max, 5);
	refuse(&spec, OCTETS("ab"), OCTETS("cde"), 4, INRO_E_KEY_SIZE); /* a slice of it */
	refuse(&spec, OCTETS("ab"), BYTES_NONE, 2, INRO_E_MECHANISM_PARAM);
	spec = (struct use_spec) { .mech = CKM_CONCATENATE_BASE_AND_DATA,
				   .label = OCTETS("\x08\x09") };
	expect(&spec, OCTETS("\x01\x02"), BYTES_NONE, "01020809");
	spec.mech = CKM_CONCATENATE_DATA_AND_BASE;
	expect(&spec, OCTETS("\x01\x02"), BYTES_NONE, "08090102");
	spec.mech = CKM_XOR_BASE_AND_DATA;
	refuse(&spec, OCTETS("\x01\x02"), BYTES_NONE, 2, INRO_E_MECHANISM);
}

static void test_mechanisms(void **state)
{
	const CK_MECHANISM_TYPE *m = kdf_mechanisms();
	size_t fixed, max;

	(void)state;
	for (; *m != CK_UNAVAILABLE_INFORMATION; m++) {
		const struct use_spec spec = { .mech = *m,
					       .digest = CKM_SHA256,
					       .kdf = HKDF_BOTH,
					       .rounds = 1,
					       .label = OCTETS("l") };

		assert_true(m[0] < m[1]);
		assert_int_equal(kdf_size(&spec, OCTETS("a"), OCTETS("b"), &fixed, &max), INRO_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hkdf),	      cmocka_unit_test(test_hkdf_sizes),
		cmocka_unit_test(test_counter),	      cmocka_unit_test(test_fields_in_any_order),
		cmocka_unit_test(test_feedback),      cmocka_unit_test(test_fields_refused),
		cmocka_unit_test(test_pbkdf2),	      cmocka_unit_test(test_pbkdf2_of_nothing),
		cmocka_unit_test(test_x963),	      cmocka_unit_test(test_x963_refused),
		cmocka_unit_test(test_concatenation), cmocka_unit_test(test_mechanisms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
