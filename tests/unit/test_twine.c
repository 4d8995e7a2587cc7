/* test_twine - TWINE by the vectors of its paper, and as a cipher of a token: modes and CMAC
 * against what the block cipher says of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cryptoki/admin.h"
#include "pkcs11/token/skey.h"
#include "pkcs11/token/twine.h"

#define OK(x) assert_int_equal((x), INRO_OK)

static const uint8_t key[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
			       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
static const uint8_t plain[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

static const struct {
	size_t key_n;
	uint8_t out[TWINE_BLOCK];
} vectors[] = {
	{ 10, { 0x7c, 0x1f, 0x0f, 0x80, 0xb1, 0xdf, 0x9c, 0x28 } },
	{ 16, { 0x97, 0x9f, 0xf9, 0xb3, 0x79, 0xb5, 0xa9, 0xb8 } },
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct twine t;
		uint8_t out[TWINE_BLOCK];

		assert_true(twine_key(BYTES(key, vectors[i].key_n), &t));
		twine_encrypt(&t, plain, out);
		assert_memory_equal(out, vectors[i].out, sizeof out);
		twine_decrypt(&t, out, out);
		assert_memory_equal(out, plain, sizeof out);
	}
	for (size_t n = 0; n < sizeof key; n++)
		if (n != 10)
			assert_false(twine_key(BYTES(key, n), &(struct twine) { 0 }));
}

/* ---- in a token ---- */

static const uint8_t iv[] = { 9, 8, 7, 6, 5, 4, 0xff, 0xff };
static uint8_t text[64];

static struct skey *made(size_t n)
{
	const struct key_spec spec = { .kind = KEY_SECRET, .key_type = CKK_INRO_TWINE };
	struct skey *k;

	OK(skey_new(&spec, BYTES(key, n), &k));
	return k;
}

/* What a mode should give, from the block cipher alone. */
typedef void expect_fn(const struct twine *t, uint8_t out[sizeof text]);

static void expect_ecb(const struct twine *t, uint8_t *out)
{
	for (size_t i = 0; i < sizeof text; i += TWINE_BLOCK)
		twine_encrypt(t, text + i, out + i);
}

static void expect_cbc(const struct twine *t, uint8_t *out)
{
	uint8_t x[TWINE_BLOCK];

	memcpy(x, iv, sizeof x);
	for (size_t i = 0; i < sizeof text; i += TWINE_BLOCK) {
		for (size_t j = 0; j < TWINE_BLOCK; j++)
			x[j] ^= text[i + j];
		twine_encrypt(t, x, x);
		memcpy(out + i, x, sizeof x);
	}
}

static void expect_ctr(const struct twine *t, uint8_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < TWINE_BLOCK; i++)
		n = n << 8 | iv[i];
	for (size_t i = 0; i < sizeof text; i += TWINE_BLOCK, n++) {
		uint8_t x[TWINE_BLOCK];

		for (size_t j = 0; j < TWINE_BLOCK; j++)
			x[j] = (uint8_t)(n >> 8 * (TWINE_BLOCK - 1 - j));
		twine_encrypt(t, x, x);
		for (size_t j = 0; j < TWINE_BLOCK; j++)
			out[i + j] = text[i + j] ^ x[j];
	}
}

static const struct {
	CK_MECHANISM_TYPE mech;
	bool iv;
	CK_ULONG counter_bits;
	expect_fn *expect;
} modes[] = {
	{ CKM_INRO_TWINE_ECB, false, 0, expect_ecb },
	{ CKM_INRO_TWINE_CBC, true, 0, expect_cbc },
	{ CKM_INRO_TWINE_CTR, true, 64, expect_ctr },
};

static void run_in_parts(struct skey *k, enum key_use use, const struct use_spec *spec,
			 struct bytes in, size_t step, uint8_t *out)
{
	struct skey_op *op;
	size_t done = 0, n;

	OK(skey_begin(k, use, spec, &op));
	for (size_t at = 0; at < in.n; at += step) {
		size_t some = in.n - at < step ? in.n - at : step;

		OK(skey_step(op, BYTES(in.p + at, some), (struct room) { out + done, 128 - done },
			     &n));
		done += n;
	}
	OK(skey_last(op, (struct room) { out + done, 128 - done }, &n));
	skey_op_free(op);
	assert_int_equal(done + n, in.n);
}

static void check_mode(size_t row, size_t key_n)
{
	const struct use_spec spec = { .mech = modes[row].mech,
				       .iv = modes[row].iv ? BYTES(iv, sizeof iv) : BYTES_NONE,
				       .counter_bits = modes[row].counter_bits };
	struct skey *k = made(key_n);
	uint8_t want[sizeof text], out[128], back[128];
	struct twine t;
	size_t n;

	assert_true(twine_key(BYTES(key, key_n), &t));
	modes[row].expect(&t, want);
	OK(skey_use(k, USE_ENCRYPT, &spec, BYTES(text, sizeof text), (struct room) { out, 128 },
		    &n));
	assert_int_equal(n, sizeof want);
	assert_memory_equal(out, want, sizeof want);
	for (size_t step = 1; step < 20; step++) {
		run_in_parts(k, USE_ENCRYPT, &spec, BYTES(text, sizeof text), step, out);
		assert_memory_equal(out, want, sizeof want);
		run_in_parts(k, USE_DECRYPT, &spec, BYTES(want, sizeof want), step, back);
		assert_memory_equal(back, text, sizeof text);
	}
	skey_unref(k);
}

static void test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		for (size_t v = 0; v < ARRAY_LEN(vectors); v++)
			check_mode(i, vectors[v].key_n);
}

static void unpadded_in_parts(struct skey *k, const struct use_spec *spec, struct bytes in,
			      size_t len)
{
	for (size_t step = 1; step < 20; step++) {
		uint8_t back[64];
		struct skey_op *op;
		size_t done = 0, n;

		OK(skey_begin(k, USE_DECRYPT, spec, &op));
		for (size_t at = 0; at < in.n; at += step) {
			size_t some = in.n - at < step ? in.n - at : step;

			OK(skey_step(op, BYTES(in.p + at, some),
				     (struct room) { back + done, 64 - done }, &n));
			done += n;
		}
		OK(skey_last(op, (struct room) { back + done, 64 - done }, &n));
		skey_op_free(op);
		assert_int_equal(done + n, len);
		assert_memory_equal(back, text, len);
	}
}

static void test_padding(void **state)
{
	const struct use_spec spec = { .mech = CKM_INRO_TWINE_CBC_PAD, .iv = BYTES(iv, sizeof iv) };
	uint8_t other_iv[sizeof iv];
	const struct use_spec other = { .mech = CKM_INRO_TWINE_CBC_PAD,
					.iv = BYTES(other_iv, sizeof other_iv) };
	struct skey *k = made(16);

	(void)state;
	for (size_t len = 0; len <= 24; len++) {
		uint8_t out[64], back[64];
		size_t n, m;

		OK(skey_use(k, USE_ENCRYPT, &spec, BYTES(text, len), (struct room) { out, 64 },
			    &n));
		assert_int_equal(n, len / 8 * 8 + 8);
		OK(skey_use(k, USE_DECRYPT, &spec, BYTES(out, n), (struct room) { back, 64 }, &m));
		assert_int_equal(m, len);
		assert_memory_equal(back, text, len);
		unpadded_in_parts(k, &spec, BYTES(out, n), len);
		/* the last octet of the padding is another one */
		memcpy(other_iv, iv, sizeof iv);
		*(n > TWINE_BLOCK ? &out[n - TWINE_BLOCK - 1] : &other_iv[TWINE_BLOCK - 1]) ^= 1;
		assert_int_equal(skey_use(k, USE_DECRYPT, &other, BYTES(out, n),
					  (struct room) { back, 64 }, &m),
				 INRO_E_CIPHERTEXT);
	}
	skey_unref(k);
}

/* SP 800-38B 6.1 for a block of 64 bits: R is 0x1b. */
static void doubled(uint8_t x[TWINE_BLOCK])
{
	uint8_t top = x[0] >> 7;

	for (size_t i = 0; i < TWINE_BLOCK; i++)
		x[i] = (uint8_t)(x[i] << 1 | (i + 1 < TWINE_BLOCK ? x[i + 1] >> 7 : 0));
	x[TWINE_BLOCK - 1] ^= top ? 0x1b : 0;
}

static void cmac(const struct twine *t, struct bytes in, uint8_t x[TWINE_BLOCK])
{
	uint8_t sub[TWINE_BLOCK] = { 0 }, last[TWINE_BLOCK] = { 0 };
	size_t whole = in.n ? (in.n - 1) / TWINE_BLOCK : 0, left = in.n - whole * TWINE_BLOCK;

	twine_encrypt(t, sub, sub);
	doubled(sub);
	memcpy(last, in.p + whole * TWINE_BLOCK, left);
	if (left < TWINE_BLOCK) {
		doubled(sub);
		last[left] = 0x80;
	}
	memset(x, 0, TWINE_BLOCK);
	for (size_t i = 0; i <= whole; i++) {
		for (size_t j = 0; j < TWINE_BLOCK; j++)
			x[j] ^= i < whole ? in.p[i * TWINE_BLOCK + j] : last[j] ^ sub[j];
		twine_encrypt(t, x, x);
	}
}

static void test_cmac(void **state)
{
	const struct use_spec spec = { .mech = CKM_INRO_TWINE_CMAC };

	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(vectors); v++) {
		struct skey *k = made(vectors[v].key_n);
		struct twine t;

		assert_true(twine_key(BYTES(key, vectors[v].key_n), &t));
		for (size_t len = 0; len <= 33; len++) {
			uint8_t want[TWINE_BLOCK], out[TWINE_BLOCK];
			size_t n;

			cmac(&t, BYTES(text, len), want);
			OK(skey_use(k, USE_SIGN, &spec, BYTES(text, len),
				    (struct room) { out, sizeof out }, &n));
			assert_int_equal(n, sizeof out);
			assert_memory_equal(out, want, sizeof out);
		}
		skey_unref(k);
	}
}

static void test_refused(void **state)
{
	struct key_spec spec = { .kind = KEY_SECRET, .key_type = CKK_INRO_TWINE };
	struct use_spec use = { .mech = CKM_INRO_TWINE_CTR, .iv = BYTES(iv, sizeof iv) };
	struct skey *k = NULL;
	uint8_t out[64];
	size_t n;

	(void)state;
	for (size_t size = 1; size < 33; size++)
		if (size != 10 && size != 16)
			assert_int_equal(skey_new(&spec, BYTES(text, size), &k), INRO_E_KEY_SIZE);
	k = made(10);
	use.counter_bits = 65;
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &use, BYTES(text, 8), (struct room) { out, 64 }, &n),
		INRO_E_MECHANISM_PARAM);
	use.counter_bits = 1; /* of two blocks, at the second */
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &use, BYTES(text, 9), (struct room) { out, 64 }, &n),
		INRO_E_DATA_LENGTH);
	use.mech = CKM_AES_CBC;
	assert_int_equal(
		skey_use(k, USE_ENCRYPT, &use, BYTES(text, 8), (struct room) { out, 64 }, &n),
		INRO_E_KEY_TYPE);
	skey_unref(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_modes),
		cmocka_unit_test(test_padding), cmocka_unit_test(test_cmac),
		cmocka_unit_test(test_refused),
	};

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 37 + 11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
