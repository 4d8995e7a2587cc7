/* seal: a published AES-GCM vector, the blob's layout, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "pkcs11/soft/seal.h"

static uint8_t master[32];

static int fill_master(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof master; i++)
		master[i] = (uint8_t)i;
	return 0;
}

static struct bytes from_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_int_equal(hex_decode(bytes_of(hex), out, cap, &n), INRO_OK);
	return BYTES(out, n);
}

/* "The Galois/Counter Mode of Operation", McGrew and Viega, test case 16. */
static void test_gcm_vector(void **state)
{
	uint8_t k[44], p[60], a[20], c[76];
	struct bytes key = from_hex("feffe9928665731c6d6a8f9467308308"
				    "feffe9928665731c6d6a8f9467308308"
				    "cafebabefacedbaddecaf888",
				    k, sizeof k);
	struct bytes plain = from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d"
				      "8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
				      "ba637b39",
				      p, sizeof p);
	struct bytes ad = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", a, sizeof a);
	struct bytes box = from_hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd"
				    "2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
				    "bcc9f662"
				    "76fc6ece0f4e1768cddf8853bb2d551b",
				    c, sizeof c);
	SCOPED(buf) made = { 0 };
	SCOPED(secret) opened = { 0 };

	(void)state;
	assert_int_equal(aead_close(key, plain, ad, &made), INRO_OK);
	assert_true(bytes_equal(buf_bytes(&made), box));
	assert_int_equal(aead_open(key, box, ad, &opened), INRO_OK);
	assert_true(bytes_equal(secret_bytes(&opened), plain));
}

/* Blobs made by an independent implementation of docs/key-hierarchy.md. */
static void test_layout_is_kept(void **state)
{
	static const char *const blobs[SEAL_KIND__MAX] = {
		[SEAL_DATA] = "01404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			      "2965b1d233ac4b64aec48ddb170a03fc3b1448c0354c0708f163",
		[SEAL_PRIVATE_KEY] =
			"01404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			"a081e0aff8bb471826492d1dc54d6677804585f63ff1e38c5acc",
		[SEAL_SECRET_KEY] =
			"01404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			"85d73e06d62bbe835048c7c3101ffa7cc4019c294f5652697a1f",
		[SEAL_TPM_KEY] =
			"01404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			"7cd4c14d0bb05893b7e6cde331941bebe49e12f70d15c8736d6f",
		[SEAL_PIN_GUARD] =
			"01404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			"5ffb7ed49c631239644914e8f8298ecc6561c785875071d32695",
	};

	(void)state;
	for (size_t kind = 0; kind < SEAL_KIND__MAX; kind++) {
		SCOPED(secret) plain = { 0 };
		uint8_t raw[SEAL_OVERHEAD + 10];

		assert_int_equal(seal_open(BYTES(master, 32), (enum seal_kind)kind,
					   from_hex(blobs[kind], raw, sizeof raw),
					   bytes_of("associated"), &plain),
				 INRO_OK);
		assert_true(bytes_is(secret_bytes(&plain), "plain text"));
	}
}

static void test_family(void **state)
{
	uint8_t raw[SEAL_FAMILY], made[SEAL_FAMILY], other[SEAL_FAMILY];
	struct bytes family = from_hex("74455824c3cd03a326d0ac2fb22b5925"
				       "83fc89bd06095eed19bb5c3340c73aa2",
				       raw, sizeof raw);

	(void)state;
	assert_int_equal(seal_family(BYTES(master, 32), bytes_of("plain text"), made), INRO_OK);
	assert_true(bytes_equal(BYTES(made, sizeof made), family));
	assert_int_equal(seal_family(BYTES(master, 32), bytes_of("plain texT"), other), INRO_OK);
	assert_memory_not_equal(made, other, sizeof made);
}

static void test_bounds(void **state)
{
	static uint8_t large[SEAL_MAX_PLAIN + 1];
	SCOPED(buf) blob = { 0 };
	SCOPED(secret) plain = { 0 };
	struct bytes key = BYTES(master, 32);

	(void)state;
	assert_int_equal(seal_close(key, SEAL_DATA, BYTES(large, sizeof large), BYTES_NONE, &blob),
			 INRO_E_TOO_BIG);
	assert_int_equal(blob.n, 0);
	assert_int_equal(
		seal_close(key, SEAL_DATA, BYTES(large, SEAL_MAX_PLAIN), BYTES_NONE, &blob),
		INRO_OK);
	assert_int_equal(blob.n, SEAL_MAX_PLAIN + SEAL_OVERHEAD);
	assert_int_equal(seal_open(key, SEAL_DATA, buf_bytes(&blob), BYTES_NONE, &plain), INRO_OK);
	assert_int_equal(plain.n, SEAL_MAX_PLAIN);
}

/* A full buffer leaves no half blob behind. */
static void test_no_room(void **state)
{
	SCOPED(buf) out = { .max = 20 };

	(void)state;
	buf_add_str(&out, "0123456789");
	assert_int_not_equal(
		seal_close(BYTES(master, 32), SEAL_DATA, bytes_of("plain"), BYTES_NONE, &out),
		INRO_OK);
	assert_int_equal(out.n, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcm_vector), cmocka_unit_test(test_layout_is_kept),
		cmocka_unit_test(test_family),	   cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, fill_master, NULL);
}
