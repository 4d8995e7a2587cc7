/* The contract of a backend: keys wrapped to pairs, agreed on, derived. */
#include "tests/backend/fixture.h"

#include <string.h>

#include "pkcs11/token/skey.h"

#define RSA2048 3

static const uint8_t value[48] = "a value of a secret key, known to the test only";

static backend_key import(CK_KEY_TYPE type, struct bytes plain)
{
	return import_secret(secret_spec(type, 0), plain);
}

static backend_key generate(const struct key_spec *spec, struct buf *public)
{
	backend_key key = 0;

	assert_int_equal(ops->generate(token, spec, &key, public), INRO_OK);
	return key;
}

static const struct key_spec x25519 = { .kind = KEY_MONTGOMERY,
					.params = OCTETS("\x06\x03\x2b\x65\x6e") };

/* ---- wrapped to a pair ---- */

struct envelope {
	const char *name;
	const struct key_spec *pair;
	struct use_spec spec;
	bool long_keys; /* private keys fit in */
};

static const struct envelope envelopes[] = {
	{ "PKCS#1", &specs[RSA2048], { .mech = CKM_RSA_PKCS }, false },
	{ "OAEP SHA-1",
	  &specs[RSA2048],
	  { .mech = CKM_RSA_PKCS_OAEP, .digest = CKM_SHA_1, .mgf_digest = CKM_SHA_1 },
	  false },
	{ "OAEP SHA-256",
	  &specs[RSA2048],
	  { .mech = CKM_RSA_PKCS_OAEP,
	    .digest = CKM_SHA256,
	    .mgf_digest = CKM_SHA_1,
	    .label = OCTETS("label") },
	  false },
	{ "RSA-AES 256",
	  &specs[RSA2048],
	  { .mech = CKM_RSA_AES_KEY_WRAP,
	    .digest = CKM_SHA256,
	    .mgf_digest = CKM_SHA256,
	    .aes_bits = 256 },
	  true },
	{ "RSA-AES 128",
	  &specs[RSA2048],
	  { .mech = CKM_RSA_AES_KEY_WRAP,
	    .digest = CKM_SHA_1,
	    .mgf_digest = CKM_SHA_1,
	    .aes_bits = 128 },
	  true },
	{ "ECDH-AES P-256",
	  &specs[EC256],
	  { .mech = CKM_ECDH_AES_KEY_WRAP,
	    .kdf = CKD_SHA256_KDF,
	    .digest = CKM_SHA256,
	    .aes_bits = 256 },
	  true },
	{ "ECDH-AES P-521, shared data",
	  &specs[2],
	  { .mech = CKM_ECDH_AES_KEY_WRAP,
	    .kdf = CKD_SHA512_KDF,
	    .digest = CKM_SHA512,
	    .ad = OCTETS("shared"),
	    .aes_bits = 192 },
	  true },
	{ "ECDH-AES X25519, no KDF",
	  &x25519,
	  { .mech = CKM_ECDH_AES_KEY_WRAP, .kdf = CKD_NULL, .aes_bits = 128 },
	  true },
};

static void assert_wrapped(enum inro_err e)
{
	assert_int_equal(e, INRO_E_WRAPPED);
}

/* Every byte of a short blob, some of a long one. */
static void changed_blobs_are_one_answer(const struct envelope *x, backend_key by, struct buf *blob,
					 const struct key_spec *made)
{
	SCOPED(buf) none = { 0 };
	backend_key key = 0;

	for (size_t i = 0; i < blob->n; i += 17) {
		blob->p[i] ^= 1;
		/* PKCS#1 v1.5 gives a message that has another length, most of the time */
		if (x->spec.mech != CKM_RSA_PKCS)
			assert_wrapped(ops->unwrap(token, by, &x->spec, buf_bytes(blob), made, &key,
						   &none));
		blob->p[i] ^= 1;
	}
	for (size_t n = 0; n < blob->n; n += 31)
		assert_wrapped(
			ops->unwrap(token, by, &x->spec, BYTES(blob->p, n), made, &key, &none));
	assert_int_equal(key, 0);
}

static void wrap_a_secret(const struct envelope *x, backend_key by, struct bytes public,
			  bool by_spki)
{
	const struct key_spec made = secret_spec(CKK_AES, 32), other = secret_spec(CKK_AES, 16);
	const struct wrap_key to = { .key = by_spki ? 0 : by,
				     .spki = by_spki ? public : BYTES_NONE };
	backend_key target = import(CKK_AES, BYTES(value, 32)), back = 0;
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) none = { 0 };

	assert_int_equal(ops->wrap(token, &to, &x->spec, target, &blob), INRO_OK);
	assert_int_equal(ops->unwrap(token, by, &x->spec, buf_bytes(&blob), &made, &back, &none),
			 INRO_OK);
	assert_value(back, BYTES(value, 32));
	ops->unload(token, back);
	back = 0;
	assert_wrapped(ops->unwrap(token, by, &x->spec, buf_bytes(&blob), &other, &back, &none));
	assert_wrapped(
		ops->unwrap(token, by, &x->spec, buf_bytes(&blob), &specs[EC256], &back, &none));
	changed_blobs_are_one_answer(x, by, &blob, &made);
	ops->unload(token, target);
}

static void wrap_a_private_key(const struct envelope *x, backend_key by)
{
	backend_key pair = load(token, EC256), back = 0;
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) public = { 0 };
	enum inro_err e = ops->wrap(token, &(struct wrap_key) { .key = by }, &x->spec, pair, &blob);

	if (keys_stay) {
		assert_int_equal(e, INRO_E_KEY_UNEXTRACTABLE);
		assert_int_equal(blob.n, 0);
		ops->unload(token, pair);
		return;
	}
	assert_int_equal(e, x->long_keys ? INRO_OK : e);
	assert_true(e == INRO_OK || (e == INRO_E_KEY_SIZE && blob.n == 0));
	if (!e) {
		assert_int_equal(ops->unwrap(token, by, &x->spec, buf_bytes(&blob), &specs[EC256],
					     &back, &public),
				 INRO_OK);
		assert_true(bytes_equal(buf_bytes(&public), buf_bytes(&spki[EC256])));
	}
	ops->unload(token, pair);
	ops->unload(token, back);
}

static void test_wrapped_to_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
		SCOPED(buf) public = { 0 };
		backend_key by = generate(envelopes[i].pair, &public);

		print_message("%s\n", envelopes[i].name);
		wrap_a_secret(&envelopes[i], by, buf_bytes(&public), false);
		wrap_a_secret(&envelopes[i], by, buf_bytes(&public), true);
		wrap_a_private_key(&envelopes[i], by);
		ops->unload(token, by);
	}
}

static void test_wrapping_refuses(void **state)
{
	backend_key rsa = load(token, RSA2048), ec = load(token, EC256),
		    target = import(CKK_GENERIC_SECRET, BYTES(value, 48));
	struct use_spec spec = { .mech = CKM_RSA_AES_KEY_WRAP,
				 .digest = CKM_SHA256,
				 .mgf_digest = CKM_SHA256,
				 .aes_bits = 256 };
	SCOPED(buf) blob = { 0 };

	(void)state;
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = ec }, &spec, target, &blob),
			 INRO_E_KEY_TYPE);
	spec.aes_bits = 100;
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = rsa }, &spec, target, &blob),
			 INRO_E_MECHANISM_PARAM);
	spec.mech = CKM_RSA_X_509;
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = rsa }, &spec, target, &blob),
			 INRO_E_MECHANISM);
	spec.mech = CKM_ECDH_AES_KEY_WRAP;
	assert_int_equal(ops->wrap(token, &(struct wrap_key) { .key = rsa }, &spec, target, &blob),
			 INRO_E_KEY_TYPE);
	assert_int_equal(blob.n, 0);
	ops->unload(token, rsa);
	ops->unload(token, ec);
	ops->unload(token, target);
}

/* ---- agreed on ---- */

static struct bytes point_of(const struct buf *public)
{
	struct key_parts parts;

	assert_int_equal(keyder_read_spki(buf_bytes(public), &parts), INRO_OK);
	return parts.point;
}

static void assert_same_value(backend_key a, backend_key b)
{
	SCOPED(secret) x = { 0 };

	assert_int_equal(ops->reveal(token, a, &x), INRO_OK);
	assert_value(b, secret_bytes(&x));
}

static void agree(const struct key_spec *pair, struct use_spec spec, size_t n)
{
	const struct key_spec made = secret_spec(CKK_GENERIC_SECRET, n);
	struct use_spec other = spec;
	SCOPED(buf) my_public = { 0 };
	SCOPED(buf) their_public = { 0 };
	backend_key mine = generate(pair, &my_public), theirs = generate(pair, &their_public), a, b;

	spec.peer = point_of(&their_public);
	other.peer = point_of(&my_public);
	assert_int_equal(ops->derive(token, mine, &spec, &made, 1, &a), INRO_OK);
	assert_int_equal(ops->derive(token, theirs, &other, &made, 1, &b), INRO_OK);
	assert_same_value(a, b);
	other.peer = BYTES("\x04\x01\x02", 3);
	assert_int_equal(ops->derive(token, theirs, &other, &made, 1, &b), INRO_E_PUBLIC_KEY);
	ops->unload(token, mine);
	ops->unload(token, theirs);
	ops->unload(token, a);
	ops->unload(token, b);
}

static void test_agreement(void **state)
{
	const struct use_spec null = { .mech = CKM_ECDH1_DERIVE, .kdf = CKD_NULL };
	const struct use_spec kdf = { .mech = CKM_ECDH1_COFACTOR_DERIVE,
				      .kdf = CKD_SHA256_KDF,
				      .digest = CKM_SHA256,
				      .ad = OCTETS("shared") };

	(void)state;
	for (size_t i = EC256; i < RSA2048; i++) {
		agree(&specs[i], null, 0);
		agree(&specs[i], null, 20);
		agree(&specs[i], kdf, 100);
	}
	agree(&x25519, null, 32);
	agree(&x25519,
	      (struct use_spec) {
		      .mech = CKM_ECDH1_DERIVE, .kdf = CKD_SHA512_KDF, .digest = CKM_SHA512 },
	      64);
}

/* RFC 7748 6.1; without a KDF bytes are taken off the leading end. */
static void test_agreement_is_cut_in_front(void **state)
{
	static const uint8_t alice[] = {
		0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e,
		0x04, 0x22, 0x04, 0x20, 0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d,
		0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87,
		0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
	};
	static const uint8_t bob[] = {
		0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61,
		0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78,
		0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f,
	};
	static const uint8_t shared[] = {
		0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b,
		0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1,
		0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42,
	};
	const struct use_spec spec = { .mech = CKM_ECDH1_DERIVE,
				       .kdf = CKD_NULL,
				       .peer = BYTES(bob, sizeof bob) };
	const struct key_spec whole = secret_spec(CKK_GENERIC_SECRET, 0),
			      part = secret_spec(CKK_AES, 16), more = secret_spec(CKK_AES_XTS, 64);
	SCOPED(buf) public = { 0 };
	backend_key mine = 0, made = 0;

	(void)state;
	assert_int_equal(ops->import(token, &x25519, BYTES(alice, sizeof alice), &mine, &public),
			 INRO_OK);
	assert_int_equal(ops->derive(token, mine, &spec, &whole, 1, &made), INRO_OK);
	assert_value(made, BYTES(shared, 32));
	ops->unload(token, made);
	assert_int_equal(ops->derive(token, mine, &spec, &part, 1, &made), INRO_OK);
	assert_value(made, BYTES(shared + 16, 16));
	ops->unload(token, made);
	made = 0;
	assert_int_equal(ops->derive(token, mine, &spec, &more, 1, &made), INRO_E_KEY_SIZE);
	assert_int_equal(made, 0);
	ops->unload(token, mine);
}

/* ---- derived ---- */

/* RFC 5869 A.1 */
static void test_hkdf(void **state)
{
	static const uint8_t ikm[22] = { 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11,
					 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11 };
	const struct use_spec spec = {
		.mech = CKM_HKDF_DERIVE,
		.digest = CKM_SHA256,
		.kdf = HKDF_BOTH,
		.iv = OCTETS("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"),
		.ad = OCTETS("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9")
	};
	const struct key_spec made = secret_spec(CKK_GENERIC_SECRET, 42),
			      open = secret_spec(CKK_GENERIC_SECRET, 0),
			      aes = secret_spec(CKK_AES, 42);
	backend_key base = import(CKK_HKDF, BYTES(ikm, sizeof ikm)), key = 0;

	(void)state;
	assert_int_equal(ops->derive(token, base, &spec, &made, 1, &key), INRO_OK);
	assert_value(key, BYTES("\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a\x90\x43\x4f\x64\xd0\x36\x2f\x2a"
				"\x2d\x2d\x0a\x90\xcf\x1a\x5a\x4c\x5d\xb0\x2d\x56\xec\xc4\xc5\xbf"
				"\x34\x00\x72\x08\xd5\xb8\x87\x18\x58\x65",
				42));
	ops->unload(token, key);
	key = 0;
	assert_int_equal(ops->derive(token, base, &spec, &open, 1, &key),
			 INRO_E_TEMPLATE_INCOMPLETE);
	assert_int_equal(ops->derive(token, base, &spec, &aes, 1, &key), INRO_E_KEY_SIZE);
	assert_int_equal(key, 0);
	ops->unload(token, base);
}

static void test_concatenation(void **state)
{
	backend_key a = import(CKK_GENERIC_SECRET, BYTES(value, 16)),
		    b = import(CKK_GENERIC_SECRET, BYTES(value + 16, 16)),
		    pair = load(token, EC256), made = 0;
	const struct key_spec whole = secret_spec(CKK_GENERIC_SECRET, 0),
			      part = secret_spec(CKK_AES, 16), aes = secret_spec(CKK_AES, 32);
	struct use_spec spec = { .mech = CKM_CONCATENATE_BASE_AND_KEY, .other = b };

	(void)state;
	assert_int_equal(ops->derive(token, a, &spec, &whole, 1, &made), INRO_OK);
	assert_value(made, BYTES(value, 32));
	ops->unload(token, made);
	assert_int_equal(ops->derive(token, a, &spec, &aes, 1, &made), INRO_OK);
	assert_value(made, BYTES(value, 32));
	ops->unload(token, made);
	assert_int_equal(ops->derive(token, a, &spec, &part, 1, &made), INRO_E_KEY_SIZE);
	spec.other = pair;
	assert_int_equal(ops->derive(token, a, &spec, &whole, 1, &made), INRO_E_KEY_TYPE);
	spec.other = 12345;
	assert_int_equal(ops->derive(token, a, &spec, &whole, 1, &made), INRO_E_KEY_HANDLE);
	spec.other = b;
	assert_int_equal(ops->derive(token, pair, &spec, &whole, 1, &made), INRO_E_KEY_TYPE);
	ops->unload(token, a);
	ops->unload(token, b);
	ops->unload(token, pair);
}

/* u32 counter, label, length of all keys or of all blocks in bits. */
static void counter_mode(bool segments, struct buf *ret)
{
	const uint8_t counter[] = { 1 /* KDF_COUNTER */, 32, 0 };
	const uint8_t length[] = { 2 /* KDF_LENGTH */, 32, 0, segments };

	buf_add(ret, BYTES(counter, sizeof counter));
	buf_add_u8(ret, 3 /* KDF_BYTES */);
	buf_add_field(ret, bytes_of("label"));
	buf_add(ret, BYTES(length, sizeof length));
}

/* Block i of the PRF by hand: HMAC-SHA-256 of the fields. */
static void prf_block(backend_key base, uint8_t i, uint32_t bits, uint8_t out[32])
{
	const struct use_spec hmac = { .mech = CKM_SHA256_HMAC };
	SCOPED(buf) in = { 0 };
	size_t n;

	buf_add_u32(&in, i);
	buf_add_str(&in, "label");
	buf_add_u32(&in, bits);
	assert_int_equal(ops->use(token, &(struct use) { base, USE_SIGN, &hmac }, buf_bytes(&in),
				  (struct room) { out, 32 }, &n),
			 INRO_OK);
}

/* The example of PKCS#11 3.2 6.42.7: 48 bytes and 16 from three blocks of 32; each key begins with
 * a block of its own, and the length is 512 or 768 bits. */
static void test_several_keys(void **state)
{
	const struct key_spec made[] = { secret_spec(CKK_GENERIC_SECRET, 48),
					 secret_spec(CKK_AES, 16) };
	const struct key_spec bad[] = { made[0], secret_spec(CKK_AES, 17) };
	backend_key base = import(CKK_GENERIC_SECRET, BYTES(value, 32)), keys[2] = { 0 };

	(void)state;
	for (int segments = 0; segments < 2; segments++) {
		SCOPED(buf) fields = { 0 };
		struct use_spec spec = { .mech = CKM_SP800_108_COUNTER_KDF, .digest = CKM_SHA256 };
		uint8_t blocks[96];

		counter_mode(segments, &fields);
		spec.label = buf_bytes(&fields);
		for (uint8_t i = 0; i < 3; i++)
			prf_block(base, i + 1, segments ? 768 : 512, blocks + 32 * i);
		assert_int_equal(ops->derive(token, base, &spec, made, 2, keys), INRO_OK);
		assert_value(keys[0], BYTES(blocks, 48));
		assert_value(keys[1], BYTES(blocks + 64, 16));
		ops->unload(token, keys[0]);
		ops->unload(token, keys[1]);
		assert_int_equal(ops->derive(token, base, &spec, bad, 2, keys), INRO_E_KEY_SIZE);
		assert_int_equal(ops->derive(token, base, &spec, made, 0, keys), INRO_E_ARG);
	}
	ops->unload(token, base);
}

static void test_derive_refuses(void **state)
{
	const struct use_spec kdf = { .mech = CKM_HKDF_DERIVE,
				      .digest = CKM_SHA256,
				      .kdf = HKDF_BOTH },
			      ecdh = { .mech = CKM_ECDH1_DERIVE, .kdf = CKD_NULL },
			      kem = { .mech = CKM_ML_KEM }, gcm = { .mech = CKM_AES_GCM };
	const struct key_spec aes = secret_spec(CKK_AES, 16);
	backend_key secret = import(CKK_GENERIC_SECRET, BYTES(value, 32)),
		    pair = load(token, EC256), made = 0;
	struct backend *locked = open_token(SERIAL);
	SCOPED(buf) out = { 0 };

	(void)state;
	assert_int_equal(ops->derive(token, pair, &kdf, &aes, 1, &made), INRO_E_KEY_TYPE);
	assert_int_equal(ops->derive(token, secret, &ecdh, &aes, 1, &made), INRO_E_KEY_TYPE);
	assert_int_equal(ops->derive(token, secret, &gcm, &aes, 1, &made), INRO_E_MECHANISM);
	assert_int_equal(ops->derive(token, 0, &kdf, &aes, 1, &made), INRO_E_KEY_HANDLE);
	assert_int_equal(ops->derive(token, secret, &kdf, &specs[EC256], 1, &made),
			 INRO_E_TEMPLATE_INCONSISTENT);
	assert_int_equal(ops->derive(locked, 1, &kdf, &aes, 1, &made), INRO_E_LOGIN);
	assert_int_equal(ops->encapsulate(locked, buf_bytes(&spki[EC256]), &kem, &aes, &out, &made),
			 INRO_E_LOGIN);
	assert_int_equal(ops->decapsulate(locked, 1, &kem, BYTES(value, 32), &aes, &made),
			 INRO_E_LOGIN);
	assert_int_not_equal(
		ops->encapsulate(token, buf_bytes(&spki[EC256]), &kem, &aes, &out, &made), INRO_OK);
	assert_int_not_equal(ops->decapsulate(token, secret, &kem, BYTES(value, 32), &aes, &made),
			     INRO_OK);
	assert_int_equal(made, 0);
	assert_int_equal(out.n, 0);
	ops->close(locked);
	ops->unload(token, secret);
	ops->unload(token, pair);
}

/* ---- encrypted to a pair ---- */

static void test_decrypt_with_a_private_key(void **state)
{
	const struct use_spec oaep = { .mech = CKM_RSA_PKCS_OAEP,
				       .digest = CKM_SHA256,
				       .mgf_digest = CKM_SHA256 };
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	backend_key key = load(token, RSA2048);
	uint8_t cipher[512], plain[512];
	size_t n, m;

	(void)state;
	assert_int_equal(pkey_from_spki(buf_bytes(&spki[RSA2048]), &public), INRO_OK);
	assert_int_equal(pkey_encrypt(public, &oaep, MESSAGE, (struct room) { cipher, 512 }, &n),
			 INRO_OK);
	assert_int_equal(ops->use(token, &(struct use) { key, USE_DECRYPT, &oaep },
				  BYTES(cipher, n), (struct room) { plain, 512 }, &m),
			 INRO_OK);
	assert_true(bytes_equal(BYTES(plain, m), MESSAGE));
	cipher[5] ^= 1;
	assert_int_equal(ops->use(token, &(struct use) { key, USE_DECRYPT, &oaep },
				  BYTES(cipher, n), (struct room) { plain, 512 }, &m),
			 INRO_E_CIPHERTEXT);
	ops->unload(token, key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrapped_to_pairs),
		cmocka_unit_test(test_wrapping_refuses),
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_agreement_is_cut_in_front),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_concatenation),
		cmocka_unit_test(test_several_keys),
		cmocka_unit_test(test_derive_refuses),
		cmocka_unit_test(test_decrypt_with_a_private_key),
	};

	return run_for_every_backend(tests, ARRAY_LEN(tests), RSA2048 + 1);
}
