/* The contract of a backend: secret keys. */
#include "tests/backend/fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/cryptoki/admin.h"
#include "pkcs11/token/skey.h"

#define MOST 1200

static const uint8_t ramp[64] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
				  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
				  32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
				  48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63 };

static struct key_spec spec_of(CK_KEY_TYPE type, size_t n)
{
	return (struct key_spec) { .kind = KEY_SECRET, .key_type = type, .n = n };
}

static backend_key import(CK_KEY_TYPE type, size_t n)
{
	const struct key_spec spec = spec_of(type, n);
	SCOPED(buf) none = { 0 };
	backend_key key = 0;

	assert_int_equal(ops->import(token, &spec, BYTES(ramp, n), &key, &none), INRO_OK);
	assert_int_equal(none.n, 0);
	return key;
}

static void assert_value(backend_key key, struct bytes value)
{
	SCOPED(secret) plain = { 0 };

	assert_int_equal(ops->reveal(token, key, &plain), INRO_OK);
	assert_true(bytes_equal(secret_bytes(&plain), value));
}

/* ---- made, kept, known again ---- */

struct size {
	CK_KEY_TYPE type;
	size_t n;
};

static const struct size sizes[] = {
	{ CKK_AES, 16 },	   { CKK_AES, 24 },
	{ CKK_AES, 32 },	   { CKK_AES_XTS, 32 },
	{ CKK_AES_XTS, 64 },	   { CKK_CHACHA20, 32 },
	{ CKK_GENERIC_SECRET, 1 }, { CKK_GENERIC_SECRET, 64 },
	{ CKK_SHA256_HMAC, 32 },   { CKK_HKDF, 48 },
};

static void test_generate(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct key_spec spec = spec_of(sizes[i].type, sizes[i].n);
		SCOPED(secret) one = { 0 };
		SCOPED(secret) two = { 0 };
		SCOPED(buf) none = { 0 };
		backend_key a, b;

		assert_int_equal(ops->generate(token, &spec, &a, &none), INRO_OK);
		assert_int_equal(ops->generate(token, &spec, &b, &none), INRO_OK);
		assert_int_equal(none.n, 0);
		assert_int_equal(ops->reveal(token, a, &one), INRO_OK);
		assert_int_equal(ops->reveal(token, b, &two), INRO_OK);
		assert_int_equal(one.n, sizes[i].n);
		assert_true(sizes[i].n < 16 ||
			    !bytes_equal(secret_bytes(&one), secret_bytes(&two)));
		ops->unload(token, a);
		ops->unload(token, b);
	}
}

static void test_seal_and_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		backend_key key = import(sizes[i].type, sizes[i].n), again = 0, bad = 0;
		SCOPED(buf) blob = { 0 };
		SCOPED(secret) plain = { 0 };
		size_t n;

		assert_int_equal(ops->seal_key(token, key, AD, &blob), INRO_OK);
		ops->unload(token, key);
		assert_int_equal(ops->load(token, buf_bytes(&blob), OTHER_AD, &bad),
				 INRO_E_DAMAGED);
		assert_int_equal(ops->unseal(token, buf_bytes(&blob), AD, &plain), INRO_E_DAMAGED);
		for (n = 0; n < blob.n; n++)
			assert_int_equal(ops->load(token, BYTES(blob.p, n), AD, &bad),
					 INRO_E_DAMAGED);
		for (n = 0; n < blob.n; n++) {
			blob.p[n] ^= 4;
			assert_int_equal(ops->load(token, buf_bytes(&blob), AD, &bad),
					 INRO_E_DAMAGED);
			blob.p[n] ^= 4;
		}
		assert_int_equal(bad, 0);
		assert_int_equal(ops->load(token, buf_bytes(&blob), AD, &again), INRO_OK);
		assert_value(again, BYTES(ramp, sizes[i].n));
		ops->unload(token, again);
	}
}

static void test_refused(void **state)
{
	static const struct size bad[] = { { CKK_AES, 15 },
					   { CKK_AES, 33 },
					   { CKK_CHACHA20, 16 },
					   { CKK_AES_XTS, 48 },
					   { CKK_GENERIC_SECRET, 0 } };
	SCOPED(buf) none = { 0 };
	backend_key key = 0;
	struct key_spec spec;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		spec = spec_of(bad[i].type, bad[i].n);
		assert_int_equal(ops->generate(token, &spec, &key, &none), INRO_E_KEY_SIZE);
		assert_int_equal(ops->import(token, &spec, BYTES(ramp, bad[i].n), &key, &none),
				 INRO_E_KEY_SIZE);
	}
	spec = spec_of(CKK_AES, 16);
	assert_int_equal(ops->import(token, &spec, BYTES(ramp, 32), &key, &none), INRO_E_KEY_SIZE);
	spec = spec_of(CKK_RSA, 32);
	assert_int_equal(ops->generate(token, &spec, &key, &none), INRO_E_KEY_TYPE);
	assert_int_equal(ops->import(token, &spec, BYTES(ramp, 32), &key, &none), INRO_E_KEY_TYPE);
	spec = (struct key_spec) { .kind = KEY_EC };
	assert_int_not_equal(ops->import(token, &spec, BYTES(ramp, 32), &key, &none), INRO_OK);
	assert_int_equal(key, 0);
	assert_int_equal(none.n, 0);
}

static void test_family(void **state)
{
	backend_key aes = import(CKK_AES, 32), generic = import(CKK_GENERIC_SECRET, 32),
		    other = import(CKK_AES, 16), pair, made, copy;
	uint8_t a[BACKEND_FAMILY], b[BACKEND_FAMILY], c[BACKEND_FAMILY];
	const struct key_spec spec = spec_of(CKK_AES, 32);
	SCOPED(secret) plain = { 0 };
	SCOPED(buf) public = { 0 };
	SCOPED(buf) none = { 0 };

	(void)state;
	make_pair(EC256, &plain, &public);
	assert_int_equal(ops->import(token, &specs[EC256], secret_bytes(&plain), &pair, &public),
			 INRO_OK);
	assert_int_equal(ops->family(token, aes, a), INRO_OK);
	assert_int_equal(ops->family(token, generic, b), INRO_OK);
	assert_memory_equal(a, b, sizeof a);
	assert_int_equal(ops->family(token, other, c), INRO_OK);
	assert_memory_not_equal(a, c, sizeof a);
	assert_int_equal(ops->family(token, pair, b), INRO_OK);
	assert_int_equal(ops->import(token, &specs[EC256], secret_bytes(&plain), &copy, &public),
			 INRO_OK);
	assert_int_equal(ops->family(token, copy, c), INRO_OK);
	assert_memory_equal(b, c, sizeof b);
	assert_int_equal(ops->generate(token, &spec, &made, &none), INRO_OK);
	assert_int_equal(ops->family(token, made, c), INRO_OK);
	assert_memory_not_equal(a, c, sizeof a);
	assert_int_equal(ops->family(token, made + 1, c), INRO_E_KEY_HANDLE);
	ops->unload(token, aes);
	ops->unload(token, generic);
	ops->unload(token, other);
	ops->unload(token, pair);
	ops->unload(token, copy);
	ops->unload(token, made);
}

/* It belongs to the token: another one's says nothing about the value. */
static void test_family_of_another_token(void **state)
{
	struct backend *b = open_token(SERIAL);
	const struct key_spec spec = spec_of(CKK_AES, 32);
	SCOPED(buf) none = { 0 };
	backend_key here = import(CKK_AES, 32), there;
	uint8_t a[BACKEND_FAMILY], c[BACKEND_FAMILY];

	(void)state;
	assert_int_equal(ops->init(b), INRO_OK);
	assert_int_equal(ops->import(b, &spec, BYTES(ramp, 32), &there, &none), INRO_OK);
	assert_int_equal(ops->family(token, here, a), INRO_OK);
	assert_int_equal(ops->family(b, there, c), INRO_OK);
	assert_memory_not_equal(a, c, sizeof a);
	ops->unload(token, here);
	ops->close(b);
}

/* ---- every mechanism ---- */

struct doing {
	CK_MECHANISM_TYPE mech;
	enum key_use use; /* USE_SIGN, USE_ENCRYPT, USE_DECRYPT: old data only */
	struct size least, most;
	size_t iv_n, ad_n;
	CK_ULONG tag_n, counter_bits;
	size_t unit; /* bytes that an input is a multiple of */
	size_t least_n;
	bool whole; /* AEAD: decrypts in one step only */
};

#define AES_SIZES                                                                                  \
	{ CKK_AES, 16 },                                                                           \
	{                                                                                          \
		CKK_AES, 32                                                                        \
	}
#define TWINE_SIZES                                                                                \
	{ CKK_INRO_TWINE, 10 },                                                                    \
	{                                                                                          \
		CKK_INRO_TWINE, 16                                                                 \
	}
#define HMAC_ROWS(name, key, n)                                                                    \
	{ CKM_##name##_HMAC, USE_SIGN, { CKK_GENERIC_SECRET, 1 }, { key, 50 }, .unit = 1 },        \
	{                                                                                          \
		CKM_##name##_HMAC_GENERAL, USE_SIGN, { CKK_GENERIC_SECRET, 1 }, { key, 64 },       \
			.tag_n = (n) / 2, .unit = 1                                                \
	}

static const struct doing doings[] = {
	HMAC_ROWS(SHA_1, CKK_SHA_1_HMAC, 20),
	HMAC_ROWS(SHA224, CKK_SHA224_HMAC, 28),
	HMAC_ROWS(SHA256, CKK_SHA256_HMAC, 32),
	HMAC_ROWS(SHA384, CKK_SHA384_HMAC, 48),
	HMAC_ROWS(SHA512, CKK_SHA512_HMAC, 64),
	HMAC_ROWS(SHA512_224, CKK_SHA512_224_HMAC, 28),
	HMAC_ROWS(SHA512_256, CKK_SHA512_256_HMAC, 32),
	HMAC_ROWS(SHA3_224, CKK_SHA3_224_HMAC, 28),
	HMAC_ROWS(SHA3_256, CKK_SHA3_256_HMAC, 32),
	HMAC_ROWS(SHA3_384, CKK_SHA3_384_HMAC, 48),
	HMAC_ROWS(SHA3_512, CKK_SHA3_512_HMAC, 64),
	HMAC_ROWS(BLAKE2B_512, CKK_BLAKE2B_512_HMAC, 64),
	{ CKM_AES_CMAC, USE_SIGN, AES_SIZES, .unit = 1 },
	{ CKM_AES_CMAC_GENERAL, USE_SIGN, AES_SIZES, .tag_n = 8, .unit = 1 },
	{ CKM_AES_GMAC, USE_SIGN, AES_SIZES, .iv_n = 12, .unit = 1 },
	{ CKM_AES_ECB, USE_ENCRYPT, AES_SIZES, .unit = 16 },
	{ CKM_AES_CBC, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 16 },
	{ CKM_AES_CBC_PAD, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CTR, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .counter_bits = 32, .unit = 1 },
	{ CKM_AES_OFB, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CFB1, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CFB8, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CFB128, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1 },
	{ CKM_AES_CTS, USE_ENCRYPT, AES_SIZES, .iv_n = 16, .unit = 1, .least_n = 16 },
	{ CKM_AES_XTS,
	  USE_ENCRYPT,
	  { CKK_AES_XTS, 32 },
	  { CKK_AES_XTS, 64 },
	  .iv_n = 16,
	  .unit = 1,
	  .least_n = 16 },
	{ CKM_AES_GCM, USE_ENCRYPT, AES_SIZES, .iv_n = 12, .ad_n = 20, .unit = 1, .whole = true },
	{ CKM_AES_CCM, USE_ENCRYPT, AES_SIZES, .iv_n = 12, .ad_n = 20, .tag_n = 12, .unit = 1,
	  .whole = true },
	{ CKM_AES_KEY_WRAP, USE_ENCRYPT, AES_SIZES, .unit = 8, .least_n = 16 },
	{ CKM_AES_KEY_WRAP_KWP, USE_ENCRYPT, AES_SIZES, .unit = 1, .least_n = 1 },
	{ CKM_INRO_TWINE_ECB, USE_ENCRYPT, TWINE_SIZES, .unit = 8 },
	{ CKM_INRO_TWINE_CBC, USE_ENCRYPT, TWINE_SIZES, .iv_n = 8, .unit = 8 },
	{ CKM_INRO_TWINE_CBC_PAD, USE_ENCRYPT, TWINE_SIZES, .iv_n = 8, .unit = 1 },
	{ CKM_INRO_TWINE_CTR, USE_ENCRYPT, TWINE_SIZES, .iv_n = 8, .counter_bits = 32, .unit = 1 },
	{ CKM_INRO_TWINE_CMAC, USE_SIGN, TWINE_SIZES, .unit = 1 },
	{ CKM_INRO_TWINE_CMAC_GENERAL, USE_SIGN, TWINE_SIZES, .tag_n = 4, .unit = 1 },
	{ CKM_CHACHA20,
	  USE_ENCRYPT,
	  { CKK_CHACHA20, 32 },
	  { CKK_CHACHA20, 32 },
	  .iv_n = 16,
	  .counter_bits = 64,
	  .unit = 1 },
	{ CKM_CHACHA20_POLY1305,
	  USE_ENCRYPT,
	  { CKK_CHACHA20, 32 },
	  { CKK_CHACHA20, 32 },
	  .iv_n = 12,
	  .ad_n = 5,
	  .unit = 1,
	  .whole = true },
	{ CKM_DES3_ECB, USE_DECRYPT, { CKK_DES3, 24 }, { CKK_DES3, 24 }, .unit = 8 },
	{ CKM_DES3_CBC, USE_DECRYPT, { CKK_DES3, 24 }, { CKK_DES3, 24 }, .iv_n = 8, .unit = 8 },
	{ CKM_DES3_CBC_PAD, USE_DECRYPT, { CKK_DES3, 24 }, { CKK_DES3, 24 }, .iv_n = 8, .unit = 8 },
};

static const struct doing *doing_find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(doings); i++)
		if (doings[i].mech == mech)
			return &doings[i];
	return NULL;
}

static struct use_spec use_spec_of(const struct doing *d, size_t n)
{
	return (struct use_spec) { .mech = d->mech,
				   .iv = BYTES(ramp + 1, d->iv_n),
				   .ad = BYTES(ramp + 9, d->ad_n),
				   .tag_n = d->tag_n,
				   .counter_bits = d->counter_bits,
				   .data_n = d->mech == CKM_AES_CCM ? n : 0 };
}

/* What came out of one whole input. */
struct outcome {
	uint8_t p[MOST + 32];
	size_t n;
	enum inro_err e;
};

static void in_one(const struct use *what, struct bytes in, struct outcome *ret)
{
	ret->n = 0;
	ret->e = ops->use(token, what, in, (struct room) { ret->p, sizeof ret->p }, &ret->n);
}

static void in_parts(const struct use *what, struct bytes in, size_t part, struct outcome *ret)
{
	backend_op op = 0;
	size_t n = 0;

	ret->n = 0;
	ret->e = ops->op_begin(token, what, &op);
	while (!ret->e && in.n) {
		size_t some = in.n < part ? in.n : part;

		ret->e =
			ops->op_step(token, op, BYTES(in.p, some),
				     (struct room) { ret->p + ret->n, sizeof ret->p - ret->n }, &n);
		ret->n += ret->e ? 0 : n;
		in = BYTES(in.p + some, in.n - some);
	}
	if (!ret->e)
		ret->e = ops->op_last(
			token, op, (struct room) { ret->p + ret->n, sizeof ret->p - ret->n }, &n);
	ret->n += ret->e ? 0 : n;
	ops->op_end(token, op);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->e, b->e);
	if (a->e)
		return;
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->p, b->p, a->n);
}

static void parts_are_one_step(const struct use *what, struct bytes in, const struct outcome *whole)
{
	static const size_t parts[] = { 1, 7, 16, 40, MOST };
	static struct outcome o;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		in_parts(what, in, parts[i], &o);
		assert_same(&o, whole);
	}
}

/* Input and output in the same place (PKCS#11 3.2 5.9.2, 5.9.3), at once and in parts. */
static void same_place(const struct use *what, struct bytes in, const struct outcome *want)
{
	static const size_t parts[] = { 5, 16, 27 };
	uint8_t place[MOST + 32];
	backend_op op;
	size_t n, total;

	memcpy(place, in.p, in.n);
	assert_int_equal(ops->use(token, what, BYTES(place, in.n),
				  (struct room) { place, sizeof place }, &n),
			 INRO_OK);
	assert_int_equal(n, want->n);
	assert_memory_equal(place, want->p, n);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (ops->op_begin(token, what, &op) != INRO_OK)
			return;
		total = 0;
		for (size_t at = 0; at < in.n; at += parts[i]) {
			size_t some = in.n - at < parts[i] ? in.n - at : parts[i];

			memcpy(place, in.p + at, some);
			assert_int_equal(ops->op_step(token, op, BYTES(place, some),
						      (struct room) { place, sizeof place }, &n),
					 INRO_OK);
			assert_memory_equal(place, want->p + total, n);
			total += n;
		}
		ops->op_end(token, op);
	}
}

static void there_and_back(const struct doing *d, backend_key key, size_t n)
{
	static uint8_t in[MOST];
	static struct outcome there, back;
	const struct use_spec spec = use_spec_of(d, n);
	struct use what = { key, d->use, &spec };
	bool fits = n % d->unit == 0 && n >= d->least_n;

	memset(in, (int)n, sizeof in);
	in_one(&what, BYTES(in, n), &there);
	if (d->use == USE_DECRYPT) {
		assert_true(!there.e || !fits || d->mech == CKM_DES3_CBC_PAD);
		return;
	}
	assert_int_equal(there.e, fits ? INRO_OK : INRO_E_DATA_LENGTH);
	parts_are_one_step(&what, BYTES(in, n), &there);
	if (there.e || d->use == USE_SIGN)
		return;
	same_place(&what, BYTES(in, n), &there);
	what.use = USE_DECRYPT;
	in_one(&what, BYTES(there.p, there.n), &back);
	assert_int_equal(back.e, INRO_OK);
	assert_int_equal(back.n, n);
	assert_memory_equal(back.p, in, n);
	same_place(&what, BYTES(there.p, there.n), &back);
	if (!d->whole)
		parts_are_one_step(&what, BYTES(there.p, there.n), &back);
}

static void every_size(const struct doing *d, struct size size)
{
	static const size_t lengths[] = { 0, 1, 8, 15, 16, 17, 24, 48, 63, 64, 160, MOST - 48 };
	backend_key key = import(size.type, size.n);

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		there_and_back(d, key, lengths[i]);
	ops->unload(token, key);
}

static void test_every_mechanism(void **state)
{
	size_t done = 0;

	(void)state;
	for (const CK_MECHANISM_TYPE *m = skey_mechanisms(); *m != CK_UNAVAILABLE_INFORMATION;
	     m++) {
		const struct doing *d = doing_find(*m);

		assert_non_null(d); /* a mechanism without a row here */
		every_size(d, d->least);
		every_size(d, d->most);
		done++;
	}
	assert_int_equal(done, ARRAY_LEN(doings));
}

static void test_secret_mechanisms_are_listed(void **state)
{
	const CK_MECHANISM_TYPE *all = ops->mechanisms(token);

	(void)state;
	for (const CK_MECHANISM_TYPE *m = skey_mechanisms(); *m != CK_UNAVAILABLE_INFORMATION;
	     m++) {
		while (*all < *m)
			all++;
		assert_int_equal(*all, *m);
	}
}

static void test_wrong_keys(void **state)
{
	backend_key aes = import(CKK_AES, 16), pair = load(token, EC256);
	static struct outcome o;
	backend_op op = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(doings); i++) {
		const struct use_spec spec = use_spec_of(&doings[i], 16);
		struct use what = { pair, doings[i].use, &spec };

		in_one(&what, BYTES(ramp, 16), &o);
		assert_true(o.e == INRO_E_MECHANISM || o.e == INRO_E_KEY_TYPE ||
			    o.e == INRO_E_UNSUPPORTED);
		what.key = aes;
		in_one(&what, BYTES(ramp, 16), &o);
		if (doings[i].least.type != CKK_AES) {
			assert_int_equal(o.e, INRO_E_KEY_TYPE);
			assert_int_equal(ops->op_begin(token, &what, &op), INRO_E_KEY_TYPE);
		}
		what.use = USE_VERIFY;
		in_one(&what, BYTES(ramp, 16), &o);
		assert_int_equal(o.e, INRO_E_MECHANISM);
	}
	assert_int_equal(op, 0);
	ops->unload(token, aes);
	ops->unload(token, pair);
}

static void test_nothing_before_the_tag(void **state)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_GCM, CKM_AES_CCM,
						   CKM_CHACHA20_POLY1305 };
	static struct outcome there, back;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mechs); i++) {
		const struct doing *d = doing_find(mechs[i]);
		const struct use_spec spec = use_spec_of(d, 40);
		backend_key key = import(d->most.type, d->most.n);
		struct use what = { key, USE_ENCRYPT, &spec };
		backend_op op = 0;

		in_one(&what, BYTES(ramp, 40), &there);
		what.use = USE_DECRYPT;
		for (size_t at = 0; at < there.n; at++) {
			there.p[at] ^= 0x10;
			memset(back.p, 0x77, sizeof back.p);
			in_one(&what, BYTES(there.p, there.n), &back);
			assert_int_equal(back.e, INRO_E_AEAD);
			for (size_t j = 0; j < 64; j++)
				assert_int_equal(back.p[j], 0x77);
			there.p[at] ^= 0x10;
		}
		assert_int_equal(ops->op_begin(token, &what, &op), INRO_E_UNSUPPORTED);
		ops->unload(token, key);
	}
}

/* ---- in parts ---- */

static void test_parts_of_a_signature(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	backend_key key = load(token, EC256);
	const struct use what = { key, USE_SIGN, &spec };
	static struct outcome o;

	(void)state;
	assert_int_equal(pkey_from_spki(buf_bytes(&spki[EC256]), &public), INRO_OK);
	in_parts(&what, BYTES(ramp, 50), 7, &o);
	assert_int_equal(o.e, INRO_OK);
	assert_int_equal(pkey_verify(public, &spec, BYTES(ramp, 50), BYTES(o.p, o.n)), INRO_OK);
	ops->unload(token, key);
}

static void test_operations_outlive_their_key_and_not_the_lock(void **state)
{
	const struct use_spec spec = { .mech = CKM_AES_CBC, .iv = BYTES(ramp, 16) };
	struct backend *b = open_token(SERIAL);
	const struct key_spec aes = spec_of(CKK_AES, 16);
	SCOPED(buf) none = { 0 };
	uint8_t out[64];
	backend_key key;
	backend_op one, two, three;
	size_t n;

	(void)state;
	unlock(b);
	assert_int_equal(ops->generate(b, &aes, &key, &none), INRO_OK);
	assert_int_equal(ops->op_begin(b, &(struct use) { key, USE_ENCRYPT, &spec }, &one),
			 INRO_OK);
	assert_int_equal(ops->op_begin(b, &(struct use) { key, USE_ENCRYPT, &spec }, &two),
			 INRO_OK);
	assert_true(one != two && one && two);
	ops->unload(b, key);
	assert_int_equal(ops->op_step(b, one, BYTES(ramp, 16), (struct room) { out, 64 }, &n),
			 INRO_OK);
	assert_int_equal(n, 16);
	assert_int_equal(ops->op_last(b, one, (struct room) { out, 64 }, &n), INRO_OK);
	assert_int_equal(n, 0);
	ops->op_end(b, one);
	ops->op_end(b, one);
	assert_int_not_equal(ops->op_step(b, one, BYTES(ramp, 16), (struct room) { out, 64 }, &n),
			     INRO_OK);
	ops->lock(b);
	assert_int_not_equal(ops->op_step(b, two, BYTES(ramp, 16), (struct room) { out, 64 }, &n),
			     INRO_OK);
	assert_int_not_equal(ops->op_last(b, two, (struct room) { out, 64 }, &n), INRO_OK);
	unlock(b);
	assert_int_equal(ops->op_begin(b, &(struct use) { key, USE_ENCRYPT, &spec }, &three),
			 INRO_E_KEY_HANDLE);
	ops->close(b);
}

static void test_locked(void **state)
{
	struct backend *b = open_token(SERIAL);
	const struct key_spec aes = spec_of(CKK_AES, 16);
	const struct use_spec kw = { .mech = CKM_AES_KEY_WRAP };
	SCOPED(buf) out = { 0 };
	uint8_t family[BACKEND_FAMILY];
	backend_key key = 0;

	(void)state;
	assert_int_equal(ops->generate(b, &aes, &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->import(b, &aes, BYTES(ramp, 16), &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->unwrap(b, 1, &kw, BYTES(ramp, 24), &aes, &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->family(b, 1, family), INRO_E_KEY_HANDLE);
	assert_int_equal(key, 0);
	ops->close(b);
}

/* ---- wrapping ---- */

static void test_wrap_under_secret_keys(void **state)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP,
						   CKM_AES_GCM,	     CKM_AES_CCM,
						   CKM_AES_CBC_PAD,  CKM_AES_CBC,
						   CKM_AES_ECB,	     CKM_CHACHA20_POLY1305 };
	backend_key target = import(CKK_AES, 32), made;
	const struct key_spec aes = spec_of(CKK_AES, 0), small = spec_of(CKK_AES, 16),
			      pair = { .kind = KEY_EC };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mechs); i++) {
		const struct doing *d = doing_find(mechs[i]);
		const struct use_spec spec = use_spec_of(d, 0);
		backend_key by = import(d->most.type, d->most.n);
		SCOPED(buf) blob = { 0 };
		SCOPED(buf) public = { 0 };
		enum inro_err bad = d->whole ? INRO_E_AEAD : INRO_E_WRAPPED;

		assert_int_equal(
			ops->wrap(token, &(struct wrap_key) { .key = by }, &spec, target, &blob),
			INRO_OK);
		assert_int_equal(
			ops->unwrap(token, by, &spec, buf_bytes(&blob), &aes, &made, &public),
			INRO_OK);
		assert_value(made, BYTES(ramp, 32));
		ops->unload(token, made);
		made = 0;
		assert_int_equal(
			ops->unwrap(token, by, &spec, buf_bytes(&blob), &small, &made, &public),
			INRO_E_WRAPPED);
		assert_int_equal(
			ops->unwrap(token, by, &spec, buf_bytes(&blob), &pair, &made, &public),
			INRO_E_WRAPPED);
		for (size_t n = 0; n < blob.n; n += 8)
			assert_int_not_equal(ops->unwrap(token, by, &spec, BYTES(blob.p, n), &small,
							 &made, &public) == INRO_OK &&
						     n != 16 && n != 24,
					     true);
		if (mechs[i] != CKM_AES_CBC && mechs[i] != CKM_AES_ECB) {
			blob.p[blob.n - 1] ^= 1;
			assert_int_equal(ops->unwrap(token, by, &spec, buf_bytes(&blob), &aes,
						     &made, &public),
					 bad);
		}
		assert_int_equal(public.n, 0);
		ops->unload(token, made);
		ops->unload(token, by);
	}
	ops->unload(token, target);
}

/* What has no padding of its own is filled up, and cut to the length that is asked for. */
static void test_wrap_with_zeros(void **state)
{
	const struct use_spec spec = { .mech = CKM_AES_CBC, .iv = BYTES(ramp, 16) };
	const struct key_spec right = spec_of(CKK_GENERIC_SECRET, 20),
			      wrong = spec_of(CKK_GENERIC_SECRET, 19);
	backend_key by = import(CKK_AES, 16), target = import(CKK_GENERIC_SECRET, 20), made = 0;
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) none = { 0 };

	(void)state;
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &spec, target, &blob),
			 INRO_OK);
	assert_int_equal(blob.n, 32);
	assert_int_equal(ops->unwrap(token, by, &spec, buf_bytes(&blob), &wrong, &made, &none),
			 INRO_E_WRAPPED);
	assert_int_equal(ops->unwrap(token, by, &spec, buf_bytes(&blob), &right, &made, &none),
			 INRO_OK);
	assert_value(made, BYTES(ramp, 20));
	ops->unload(token, by);
	ops->unload(token, target);
	ops->unload(token, made);
}

static void test_wrap_private_keys(void **state)
{
	const struct use_spec kwp = { .mech = CKM_AES_KEY_WRAP_KWP },
			      cbc = { .mech = CKM_AES_CBC, .iv = BYTES(ramp, 16) };
	const struct key_spec aes = spec_of(CKK_AES, 0), rsa = { .kind = KEY_RSA };
	struct key_spec open = specs[EC256];
	backend_key by = import(CKK_AES, 32), pair, made = 0;
	SCOPED(secret) plain = { 0 };
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) want = { 0 };
	SCOPED(buf) public = { 0 };

	(void)state;
	open.extractable = true;
	make_pair(EC256, &plain, &public);
	assert_int_equal(ops->import(token, &open, secret_bytes(&plain), &pair, &want), INRO_OK);
	buf_reset(&public);
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &kwp, pair, &blob),
			 INRO_OK);
	assert_int_equal(ops->unwrap(token, by, &kwp, buf_bytes(&blob), &rsa, &made, &public),
			 INRO_E_WRAPPED);
	assert_int_equal(ops->unwrap(token, by, &kwp, buf_bytes(&blob), &aes, &made, &public),
			 INRO_E_WRAPPED);
	assert_int_equal(public.n, 0);
	assert_int_equal(
		ops->unwrap(token, by, &kwp, buf_bytes(&blob), &specs[EC256], &made, &public),
		INRO_OK);
	assert_true(bytes_equal(buf_bytes(&public), buf_bytes(&want)));
	buf_reset(&blob);
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &cbc, pair, &blob),
			 INRO_E_KEY_NOT_WRAPPABLE);
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = by }, &kwp, 0, &blob),
			 INRO_E_KEY_HANDLE);
	assert_int_equal(blob.n, 0);
	ops->unload(token, by);
	ops->unload(token, pair);
	ops->unload(token, made);
}

/* ---- threads ---- */

static backend_key shared;
static atomic_bool failed;

static void *use_shared(void *arg)
{
	static const CK_MECHANISM_TYPE mechs[] = { CKM_AES_GCM, CKM_AES_CMAC, CKM_AES_CBC_PAD,
						   CKM_AES_CTR, CKM_AES_CCM };
	const struct doing *d = doing_find(mechs[(size_t)(uintptr_t)arg % ARRAY_LEN(mechs)]);
	const struct use_spec spec = use_spec_of(d, 32);
	const struct use what = { shared, d->use, &spec };
	uint8_t first[64], out[64];
	size_t n, m = 0;

	for (int i = 0; i < 3000; i++) {
		if (ops->use(token, &what, BYTES(ramp, 32), (struct room) { out, 64 }, &n) ||
		    (i && (n != m || memcmp(first, out, n) != 0)))
			atomic_store(&failed, true);
		memcpy(first, out, n);
		m = n;
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[10];

	(void)state;
	shared = import(CKK_AES, 32);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, use_shared, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_false(atomic_load(&failed));
	ops->unload(token, shared);
}

/* generate() is the one call that may be running while lock() and unlock() come. */
#define LIVES 4
static struct backend *troubled;
static atomic_ullong newest;
static atomic_bool enough;

static void *keep_generating(void *arg)
{
	const struct key_spec aes = spec_of(CKK_AES, 32);

	while (!atomic_load(&enough)) {
		SCOPED(buf) none = { 0 };
		backend_key key = 0;
		enum inro_err e = ops->generate(troubled, &aes, &key, &none);

		if (e && e != INRO_E_LOGIN)
			return arg;
		if (!e)
			atomic_store(&newest, key);
		ops->unload(troubled, key);
	}
	return NULL;
}

static void test_generating_while_it_is_locked(void **state)
{
	pthread_t thread;
	void *bad = NULL;
	SCOPED(secret) value = { 0 };

	(void)state;
	atomic_store(&enough, false);
	troubled = open_token(SERIAL);
	assert_int_equal(pthread_create(&thread, NULL, keep_generating, &failed), 0);
	for (int i = 0; i < LIVES; i++) {
		backend_key before = atomic_load(&newest);

		unlock(troubled);
		while (atomic_load(&newest) == before)
			sched_yield();
		ops->lock(troubled);
		assert_int_equal(ops->reveal(troubled, atomic_load(&newest), &value),
				 INRO_E_KEY_HANDLE);
	}
	atomic_store(&enough, true);
	pthread_join(thread, &bad);
	assert_null(bad);
	ops->close(troubled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_seal_and_load),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_family),
		cmocka_unit_test(test_family_of_another_token),
		cmocka_unit_test(test_every_mechanism),
		cmocka_unit_test(test_secret_mechanisms_are_listed),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_nothing_before_the_tag),
		cmocka_unit_test(test_parts_of_a_signature),
		cmocka_unit_test(test_operations_outlive_their_key_and_not_the_lock),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_wrap_under_secret_keys),
		cmocka_unit_test(test_wrap_with_zeros),
		cmocka_unit_test(test_wrap_private_keys),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_generating_while_it_is_locked),
	};

	return run_for_every_backend(tests, ARRAY_LEN(tests), 1);
}
