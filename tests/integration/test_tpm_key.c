/* Pairs in a TPM: what they do, against the same key in software; how they come and stay. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/twins.h"

#define OCTETS(s)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}
#define SIG_N 512

static const struct key_spec rsa = { .kind = KEY_RSA, .bits = 2048 };
static const struct key_spec curves[] = {
	{ .kind = KEY_EC, .params = OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	{ .kind = KEY_EC, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x22") },
	{ .kind = KEY_EC, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x23") },
};
#define P256 (&curves[0])

static const struct use_spec ecdsa = { .mech = CKM_ECDSA };

static struct tkey *make(const struct key_spec *spec)
{
	struct tkey *k = NULL;

	assert_int_equal(tkey_generate(tpm, tpm_caps.can, spec, &k), INRO_OK);
	return k;
}

static enum inro_err use(struct tkey *k, enum key_use u, const struct use_spec *spec,
			 struct bytes in, uint8_t *out, size_t *n)
{
	const struct use what = { .use = u, .spec = spec };

	return tkey_use(k, &what, in, (struct room) { out, SIG_N }, n);
}

static struct pkey *public_of(const struct tkey *k)
{
	SCOPED(buf) spki = { 0 };
	struct pkey *p = NULL;

	assert_int_equal(tkey_spki(k, &spki), INRO_OK);
	assert_int_equal(pkey_from_spki(buf_bytes(&spki), &p), INRO_OK);
	return p;
}

static void assert_signs(struct tkey *k)
{
	AUTO(pkey_unref_ptr) struct pkey *p = public_of(k);
	const struct use_spec spec = { .mech = tkey_kind(k) == KEY_RSA ? CKM_SHA256_RSA_PKCS
								       : CKM_ECDSA_SHA256 };
	uint8_t sig[SIG_N];
	size_t n = 0;

	assert_int_equal(use(k, USE_SIGN, &spec, twins_data(100), sig, &n), INRO_OK);
	assert_int_equal(pkey_verify(p, &spec, twins_data(100), BYTES(sig, n)), INRO_OK);
}

/* ---- RSA as in software ---- */

#define PSS(m, h, g, s)                                                                            \
	{                                                                                          \
		.mech = (m), .digest = (h), .mgf_digest = (g), .salt_len = (s)                     \
	}

static const struct use_spec rsa_signs[] = {
	{ .mech = CKM_RSA_PKCS },
	{ .mech = CKM_RSA_X_509 },
	{ .mech = CKM_SHA1_RSA_PKCS },
	{ .mech = CKM_SHA224_RSA_PKCS },
	{ .mech = CKM_SHA256_RSA_PKCS },
	{ .mech = CKM_SHA384_RSA_PKCS },
	{ .mech = CKM_SHA512_RSA_PKCS },
	{ .mech = CKM_SHA3_256_RSA_PKCS },
	{ .mech = CKM_ECDSA },
	{ .mech = CKM_RSA_PKCS_OAEP },
	{ .mech = CKM_AES_CBC },
	PSS(CKM_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA256, 32),
	PSS(CKM_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA256, 0),
	PSS(CKM_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA512, 222),
	PSS(CKM_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA512, 223),
	PSS(CKM_RSA_PKCS_PSS, CKM_SHA_1, CKM_SHA384, 7),
	PSS(CKM_RSA_PKCS_PSS, CKM_SHA512, CKM_SHA_1, 64),
	PSS(CKM_RSA_PKCS_PSS, CKM_AES_CBC, CKM_SHA_1, 64),
	PSS(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA256, 32),
	PSS(CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKM_SHA256, 20),
	PSS(CKM_SHA512_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA256, 20),
};

static const size_t lengths[] = { 0, 1, 19, 20, 32, 51, 64, 65, 245, 246, 256, 257, 4000 };

static void test_rsa_signs(void **state)
{
	struct twins t = twins_make(&rsa);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rsa_signs); i++)
		for (size_t j = 0; j < ARRAY_LEN(lengths); j++) {
			struct bytes in = twins_data(lengths[j]);

			(void)twins_use(&t, USE_SIGN, &rsa_signs[i], in, SIG_N);
			(void)twins_use(&t, USE_SIGN, &rsa_signs[i], in, 255);
			(void)twins_use(&t, USE_SIGN_RECOVER, &rsa_signs[i], in, 256);
		}
	twins_clear(&t);
}

static void test_rsa_numbers(void **state)
{
	static const struct use_spec raw = { .mech = CKM_RSA_X_509 };
	struct twins t = twins_make(&rsa);
	uint8_t number[256];

	(void)state;
	memset(number, 0xff, sizeof number);
	assert_int_equal(twins_use(&t, USE_SIGN, &raw, BYTES(number, 256), SIG_N),
			 INRO_E_DATA_INVALID);
	assert_int_equal(twins_use(&t, USE_DECRYPT, &raw, BYTES(number, 256), SIG_N),
			 INRO_E_CIPHERTEXT);
	memset(number, 0, sizeof number);
	assert_int_equal(twins_use(&t, USE_DECRYPT, &raw, BYTES(number, 256), SIG_N), INRO_OK);
	number[255] = 1;
	assert_int_equal(twins_use(&t, USE_SIGN, &raw, BYTES(number, 256), SIG_N), INRO_OK);
	twins_clear(&t);
}

/* ---- decryption ---- */

static const struct use_spec ciphers[] = {
	{ .mech = CKM_RSA_PKCS },
	{ .mech = CKM_RSA_X_509 },
	{ .mech = CKM_RSA_PKCS_OAEP, .digest = CKM_SHA_1, .mgf_digest = CKM_SHA_1 },
	{ .mech = CKM_RSA_PKCS_OAEP, .digest = CKM_SHA256, .mgf_digest = CKM_SHA256 },
	{ .mech = CKM_RSA_PKCS_OAEP, .digest = CKM_SHA512, .mgf_digest = CKM_SHA512 },
	{ .mech = CKM_RSA_PKCS_OAEP, .digest = CKM_SHA224, .mgf_digest = CKM_SHA224 },
	{ .mech = CKM_RSA_PKCS_OAEP, .digest = CKM_SHA256, .mgf_digest = CKM_SHA_1 },
	{ .mech = CKM_RSA_PKCS_OAEP,
	  .digest = CKM_SHA256,
	  .mgf_digest = CKM_SHA256,
	  .label = OCTETS("label") },
	{ .mech = CKM_RSA_PKCS_OAEP,
	  .digest = CKM_SHA256,
	  .mgf_digest = CKM_SHA256,
	  .label = OCTETS("label\0") },
	{ .mech = CKM_RSA_PKCS_OAEP,
	  .digest = CKM_SHA256,
	  .mgf_digest = CKM_SHA256,
	  .label = OCTETS("in\0side\0") },
};

static const size_t texts[] = { 0, 1, 16, 62, 120 };

static void assert_decrypts(const struct twins *t, const struct use_spec *spec, struct bytes text)
{
	uint8_t cipher[SIG_N];
	size_t n = 0;

	assert_int_equal(pkey_encrypt(t->soft->pair, spec, text,
				      (struct room) { cipher, sizeof cipher }, &n),
			 INRO_OK);
	assert_int_equal(twins_use(t, USE_DECRYPT, spec, BYTES(cipher, n), SIG_N), INRO_OK);
	if (text.n)
		assert_int_equal(twins_use(t, USE_DECRYPT, spec, BYTES(cipher, n), text.n - 1),
				 INRO_E_TOO_SMALL);
	assert_int_equal(twins_use(t, USE_DECRYPT, spec, BYTES(cipher, n - 1), SIG_N),
			 INRO_E_CIPHERTEXT_LENGTH);
}

static void test_rsa_decrypts(void **state)
{
	struct twins t = twins_make(&rsa);
	const struct use_spec none = { .mech = CKM_RSA_PKCS_OAEP };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		for (size_t j = 0; j < ARRAY_LEN(texts); j++)
			assert_decrypts(&t, &ciphers[i], twins_data(texts[j]));
	assert_int_equal(twins_use(&t, USE_DECRYPT, &none, twins_data(256), SIG_N),
			 INRO_E_MECHANISM_PARAM);
	assert_int_equal(twins_use(&t, USE_DECRYPT, &rsa_signs[4], twins_data(256), SIG_N),
			 INRO_E_MECHANISM);
	(void)twins_use(&t, USE_ENCRYPT, &ciphers[0], twins_data(100), SIG_N);
	(void)twins_use(&t, USE_ENCRYPT, &ciphers[0], twins_data(246), SIG_N);
	(void)twins_use(&t, USE_DERIVE, &ciphers[0], twins_data(100), SIG_N);
	twins_clear(&t);
}

static void test_rsa_3072(void **state)
{
	static const struct key_spec spec = { .kind = KEY_RSA, .bits = 3072 };
	struct twins t;

	(void)state;
	assert_true(tpm_caps.can & CAP_RSA_3072);
	t = twins_make(&spec);
	for (size_t i = 0; i < ARRAY_LEN(rsa_signs); i++)
		(void)twins_use(&t, USE_SIGN, &rsa_signs[i], twins_data(32), SIG_N);
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		assert_decrypts(&t, &ciphers[i], twins_data(100));
	twins_clear(&t);
}

/* A ciphertext for another use of this key, and one that is nothing. */
static void test_wrong_padding(void **state)
{
	struct twins t = twins_make(&rsa);
	uint8_t cipher[SIG_N];
	size_t n = 0;

	(void)state;
	assert_int_equal(pkey_encrypt(t.soft->pair, &ciphers[0], twins_data(20),
				      (struct room) { cipher, sizeof cipher }, &n),
			 INRO_OK);
	for (size_t i = 2; i < ARRAY_LEN(ciphers); i++)
		assert_int_equal(twins_use(&t, USE_DECRYPT, &ciphers[i], BYTES(cipher, n), SIG_N),
				 INRO_E_CIPHERTEXT);
	twins_clear(&t);
}

static void test_200_bad_ciphertexts(void **state)
{
	AUTO(tkey_unref_ptr) struct tkey *k = make(&rsa);
	uint8_t bad[256], out[SIG_N], again[SIG_N];
	size_t n = 0, m = 0;

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		const struct use_spec *spec = &ciphers[i % ARRAY_LEN(ciphers)];
		enum inro_err e;

		assert_int_equal(random_fill(bad, sizeof bad), INRO_OK);
		bad[0] &= 0x7f;
		e = use(k, USE_DECRYPT, spec, BYTES(bad, sizeof bad), out, &n);
		assert_int_equal(e, spec->mech == CKM_RSA_PKCS_OAEP ? INRO_E_CIPHERTEXT : INRO_OK);
		if (spec->mech != CKM_RSA_PKCS)
			continue;
		/* implicit rejection: a message, and the same one again */
		assert_int_equal(use(k, USE_DECRYPT, spec, BYTES(bad, sizeof bad), again, &m),
				 INRO_OK);
		assert_int_equal(m, n);
		assert_true(n <= 245);
		assert_memory_equal(out, again, n);
	}
	assert_signs(k);
}

/* ---- curves as in software ---- */

static const CK_MECHANISM_TYPE ec_mechs[] = {
	CKM_ECDSA,	  CKM_ECDSA_SHA1,     CKM_ECDSA_SHA224, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384,
	CKM_ECDSA_SHA512, CKM_ECDSA_SHA3_256, CKM_RSA_PKCS,	CKM_EDDSA
};

static void test_ec_signs(void **state)
{
	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
		struct twins t = twins_make(&curves[c]);

		for (size_t i = 0; i < ARRAY_LEN(ec_mechs); i++)
			for (size_t j = 0; j < ARRAY_LEN(lengths); j++) {
				const struct use_spec spec = { .mech = ec_mechs[i] };

				(void)twins_use(&t, USE_SIGN, &spec, twins_data(lengths[j]), SIG_N);
			}
		(void)twins_use(&t, USE_SIGN, &ecdsa, twins_data(32), 63);
		(void)twins_use(&t, USE_DECRYPT, &ciphers[0], twins_data(256), SIG_N);
		(void)twins_use(&t, USE_ENCRYPT, &ciphers[0], twins_data(25), SIG_N);
		twins_clear(&t);
	}
}

/* A digest of zeros, and one above the order, as numbers are. */
static void test_ec_odd_digests(void **state)
{
	struct twins t = twins_make(P256);
	uint8_t digest[64];

	(void)state;
	memset(digest, 0xff, sizeof digest);
	for (size_t n = 1; n <= sizeof digest; n += 9)
		assert_int_equal(twins_use(&t, USE_SIGN, &ecdsa, BYTES(digest, n), SIG_N), INRO_OK);
	memset(digest, 0, sizeof digest);
	assert_int_equal(twins_use(&t, USE_SIGN, &ecdsa, BYTES(digest, 32), SIG_N), INRO_OK);
	twins_clear(&t);
}

static void assert_agrees(const struct twins *t, struct bytes peer, enum inro_err expected)
{
	SCOPED(secret) soft = { 0 };
	SCOPED(secret) hard = { 0 };

	assert_int_equal(pkey_agree(t->soft->pair, peer, &soft), expected);
	assert_int_equal(tkey_agree(t->hard, peer, &hard), expected);
	assert_true(expected || secret_equal(secret_bytes(&soft), secret_bytes(&hard)));
}

static void agree_on(const struct key_spec *spec, const struct key_spec *other_spec)
{
	AUTO(pkey_unref_ptr) struct pkey *peer = NULL;
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) wrapped = { 0 };
	SCOPED(buf) off = { 0 };
	struct key_parts parts;
	struct twins t = twins_make(spec);
	enum inro_err expected = spec == other_spec ? INRO_OK : INRO_E_PUBLIC_KEY;

	assert_int_equal(pkey_generate(other_spec, &peer), INRO_OK);
	assert_int_equal(pkey_spki(peer, &spki), INRO_OK);
	assert_int_equal(keyder_read_spki(buf_bytes(&spki), &parts), INRO_OK);
	keyder_wrap_point(parts.point, &wrapped);
	buf_add(&off, parts.point);
	off.p[off.n - 1] ^= 1;
	assert_agrees(&t, parts.point, expected);
	assert_agrees(&t, buf_bytes(&wrapped), expected);
	assert_agrees(&t, buf_bytes(&off), INRO_E_PUBLIC_KEY);
	assert_agrees(&t, BYTES("", 1), INRO_E_PUBLIC_KEY);
	assert_agrees(&t, BYTES_NONE, INRO_E_PUBLIC_KEY);
	twins_clear(&t);
}

static void test_agreement(void **state)
{
	AUTO(tkey_unref_ptr) struct tkey *k = make(&rsa);
	SCOPED(secret) none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		agree_on(&curves[i], &curves[i]);
	agree_on(&curves[0], &curves[1]);
	assert_int_equal(tkey_agree(k, BYTES_NONE, &none), INRO_E_KEY_TYPE);
}

/* ---- made, kept, moved in ---- */

static const struct key_spec makes[] = {
	{ .kind = KEY_RSA, .bits = 2048 },
	{ .kind = KEY_EC, .params = OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	{ .kind = KEY_EC, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x22") },
	{ .kind = KEY_EC, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x23") },
	{ .kind = KEY_EC,
	  .params = OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
	  .duplicable = true },
};

static struct tkey *written_and_read(const struct tkey *k)
{
	SCOPED(buf) content = { .secret = true };
	struct tkey *again = NULL;

	assert_int_equal(tkey_write(k, &content), INRO_OK);
	assert_int_equal(tkey_read(tpm, tpm_caps.can, buf_bytes(&content), &again), INRO_OK);
	return again;
}

static void test_made_and_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		AUTO(tkey_unref_ptr) struct tkey *k = make(&makes[i]);
		AUTO(tkey_unref_ptr) struct tkey *again = written_and_read(k);

		assert_int_equal(tkey_kind(again), makes[i].kind);
		assert_int_equal(tkey_type(again), makes[i].kind == KEY_RSA ? CKK_RSA : CKK_EC);
		assert_int_equal(tkey_size(again), 0);
		assert_true(bytes_equal(tkey_name(k), tkey_name(again)));
		assert_true(bytes_equal(tkey_auth(k), tkey_auth(again)));
		assert_signs(k);
		assert_signs(again);
	}
}

/* What a TPM says of a key that was made there, moved in, or may be moved on. */
static void test_attributes(void **state)
{
	static const TPMA_OBJECT fixed = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT;
	static const TPMA_OBJECT made = TPMA_OBJECT_SENSITIVEDATAORIGIN;
	AUTO(tkey_unref_ptr) struct tkey *k = make(&makes[1]), *movable = make(&makes[4]);
	struct twins t = twins_make(P256);
	const struct {
		struct tkey *k;
		TPMA_OBJECT has;
	} rows[] = { { k, fixed | made }, { movable, made }, { t.hard, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes pub = buf_bytes(&resident_blob(tkey_resident(rows[i].k))->pub);
		TPM2B_PUBLIC p;

		assert_int_equal(wire_read_public(&pub, &p), INRO_OK);
		assert_int_equal(p.publicArea.objectAttributes & (fixed | made), rows[i].has);
		assert_true(p.publicArea.objectAttributes & TPMA_OBJECT_NODA);
		assert_int_equal(p.publicArea.authPolicy.size, rows[i].k == movable ? 32 : 0);
	}
	twins_clear(&t);
}

static void test_damaged_content(void **state)
{
	AUTO(tkey_unref_ptr) struct tkey *k = make(P256);
	SCOPED(buf) content = { .secret = true };
	struct tkey *none = NULL;

	(void)state;
	assert_int_equal(tkey_write(k, &content), INRO_OK);
	for (size_t n = 0; n < content.n; n++)
		assert_int_equal(tkey_read(tpm, tpm_caps.can, BYTES(content.p, n), &none),
				 INRO_E_DAMAGED);
	buf_add_u8(&content, 0);
	assert_int_equal(tkey_read(tpm, tpm_caps.can, buf_bytes(&content), &none), INRO_E_DAMAGED);
	buf_truncate(&content, content.n - 1);
	for (size_t i = 0; i < content.n; i++) {
		enum inro_err e;

		content.p[i] ^= 0x81;
		e = tkey_read(tpm, tpm_caps.can, buf_bytes(&content), &none);
		content.p[i] ^= 0x81;
		assert_true(!e || e == INRO_E_DAMAGED || (i == 0 && e == INRO_E_VERSION));
		tkey_unref(none);
		none = NULL;
	}
}

/* A blob that was changed does not load; the token goes on. */
static void test_changed_blob(void **state)
{
	AUTO(tkey_unref_ptr) struct tkey *k = make(P256), *changed = NULL;
	SCOPED(buf) content = { .secret = true };
	uint8_t sig[SIG_N];
	size_t n;

	(void)state;
	assert_int_equal(tkey_write(k, &content), INRO_OK);
	content.p[content.n - 1] ^= 1;
	assert_int_equal(tkey_read(tpm, tpm_caps.can, buf_bytes(&content), &changed), INRO_OK);
	assert_int_not_equal(use(changed, USE_SIGN, &ecdsa, twins_data(32), sig, &n), INRO_OK);
	assert_signs(k);
}

static enum inro_err import(const struct key_spec *as, const struct key_spec *of)
{
	AUTO(tkey_unref_ptr) struct tkey *k = NULL;
	AUTO(anykey_unref_ptr) struct anykey *soft = NULL;
	SCOPED(secret) plain = { 0 };

	assert_int_equal(anykey_generate(of, &soft), INRO_OK);
	assert_int_equal(anykey_plain(soft, &plain), INRO_OK);
	return tkey_import(tpm, tpm_caps.can, as, secret_bytes(&plain), &k);
}

static void test_what_does_not_come_in(void **state)
{
	static const struct key_spec ed = { .kind = KEY_EDWARDS,
					    .params = OCTETS("\x06\x03\x2b\x65\x70") };
	static const struct key_spec odd = { .kind = KEY_RSA,
					     .bits = 2048,
					     .params = OCTETS("\x01\x00\x03") };
	static const struct key_spec brainpool = {
		.kind = KEY_EC, .params = OCTETS("\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07")
	};
	struct key_spec open = *P256;
	struct tkey *none = NULL;

	(void)state;
	assert_int_equal(import(&ed, &ed), INRO_E_UNSUPPORTED);
	assert_int_equal(import(&odd, &odd), INRO_E_UNSUPPORTED);
	assert_int_equal(import(&rsa, P256), INRO_E_ATTR_VALUE);
	assert_int_equal(import(&brainpool, &brainpool), INRO_E_UNSUPPORTED);
	open.extractable = true;
	assert_int_equal(import(&open, P256), INRO_E_UNSUPPORTED);
	assert_int_equal(tkey_import(tpm, tpm_caps.can, &rsa, twins_data(100), &none),
			 INRO_E_SYNTAX);
	assert_int_equal(tkey_generate(tpm, tpm_caps.can, &odd, &none), INRO_E_UNSUPPORTED);
	assert_int_equal(tkey_generate(tpm, tpm_caps.can, &ed, &none), INRO_E_UNSUPPORTED);
	assert_int_equal(tkey_generate(tpm, tpm_caps.can, &brainpool, &none), INRO_E_UNSUPPORTED);
	assert_int_equal(tkey_generate(tpm, 0, P256, &none), INRO_E_UNSUPPORTED);
}

static void test_adopted(void **state)
{
	static const struct key_spec any = { 0 };
	AUTO(tkey_unref_ptr) struct tkey *k = make(P256), *mine = NULL;
	const struct blob *b = resident_blob(tkey_resident(k));
	struct tkey *none = NULL;

	(void)state;
	assert_int_equal(tkey_adopt(tpm, tpm_caps.can, &any, b, tkey_auth(k), &mine), INRO_OK);
	assert_true(bytes_equal(tkey_name(k), tkey_name(mine)));
	assert_false(bytes_equal(tkey_auth(k), tkey_auth(mine)));
	assert_signs(mine);
	assert_signs(k);
	assert_int_equal(tkey_adopt(tpm, tpm_caps.can, &rsa, b, tkey_auth(k), &none),
			 INRO_E_ATTR_VALUE);
	assert_int_not_equal(tkey_adopt(tpm, tpm_caps.can, &any, b, bytes_of("wrong"), &none),
			     INRO_OK);
	assert_signs(k);
}

/* ---- what it costs ---- */

static uint64_t cost(struct tkey *k, enum key_use u, const struct use_spec *spec, struct bytes in)
{
	uint64_t before = tpm_count(tpm);
	uint8_t out[SIG_N];
	size_t n = 0;

	assert_int_equal(use(k, u, spec, in, out, &n), INRO_OK);
	return tpm_count(tpm) - before;
}

static void test_commands(void **state)
{
	static const struct use_spec pss = PSS(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA256, 9);
	AUTO(tkey_unref_ptr) struct tkey *ec = make(P256), *r = make(&rsa);
	SCOPED(secret) z = { 0 };
	SCOPED(buf) spki = { 0 };
	struct key_parts parts;
	uint64_t before;

	(void)state;
	assert_signs(ec);
	assert_signs(r);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(cost(ec, USE_SIGN, &ecdsa, twins_data(32)), 1);
		assert_int_equal(cost(r, USE_SIGN, &rsa_signs[4], twins_data(99)), 1);
		assert_int_equal(cost(r, USE_SIGN, &pss, twins_data(99)), 1);
		assert_int_equal(cost(r, USE_DECRYPT, &ciphers[0], twins_data(256)), 1);
	}
	assert_int_equal(tkey_spki(ec, &spki), INRO_OK);
	assert_int_equal(keyder_read_spki(buf_bytes(&spki), &parts), INRO_OK);
	before = tpm_count(tpm);
	assert_int_equal(tkey_agree(ec, parts.point, &z), INRO_OK);
	assert_int_equal(tpm_count(tpm) - before, 1);
}

/* Load and Sign, when nothing else is in the TPM. */
static void test_first_use(void **state)
{
	AUTO(tkey_unref_ptr) struct tkey *k = make(P256), *again = written_and_read(k);

	(void)state;
	assert_int_equal(cost(again, USE_SIGN, &ecdsa, twins_data(32)), 2);
	assert_int_equal(cost(again, USE_SIGN, &ecdsa, twins_data(32)), 1);
}

static void test_more_keys_than_slots(void **state)
{
	struct tkey *keys[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		keys[i] = make(P256);
	for (size_t round = 0; round < 3; round++)
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			assert_signs(keys[i]);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		tkey_unref(keys[i]);
}

#define THREADS 4
#define EACH	20

static void *sign_many(void *arg)
{
	struct tkey *k = arg;
	uint8_t sig[SIG_N];
	size_t n, good = 0;

	for (size_t i = 0; i < EACH; i++)
		good += use(k, USE_SIGN, &ecdsa, twins_data(32), sig, &n) == INRO_OK;
	return (void *)good;
}

static void test_threads(void **state)
{
	AUTO(tkey_unref_ptr) struct tkey *k = make(P256);
	pthread_t threads[THREADS];

	(void)state;
	(void)twins_data(1);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, k), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *good = NULL;

		assert_int_equal(pthread_join(threads[i], &good), 0);
		assert_int_equal((size_t)good, EACH);
	}
}

/* ---- the tables ---- */

static void test_what_it_can(void **state)
{
	static const struct key_spec aes = { .kind = KEY_SECRET, .key_type = CKK_AES, .n = 32 };
	static const struct key_spec mac = { .kind = KEY_SECRET,
					     .key_type = CKK_SHA256_HMAC,
					     .n = 32 };
	static const struct key_spec any = { .kind = KEY_SECRET,
					     .key_type = CKK_GENERIC_SECRET,
					     .n = 20 };
	const uint32_t all = ~0u;

	(void)state;
	assert_true(tkey_can_do(all, &rsa, CKM_RSA_PKCS_PSS, USE_SIGN));
	assert_false(tkey_can_do(all, &rsa, CKM_ECDSA, USE_SIGN));
	assert_true(tkey_can_do(all, P256, CKM_ECDH1_DERIVE, USE_DERIVE));
	assert_true(tkey_can_do(all, P256, CKM_EC_KEY_PAIR_GEN, USE_GENERATE_PAIR));
	assert_true(tkey_can_do(all, &aes, CKM_AES_CTR, USE_ENCRYPT));
	assert_false(tkey_can_do(all & ~(uint32_t)CAP_CTR, &aes, CKM_AES_CTR, USE_ENCRYPT));
	assert_false(tkey_can_do(all, &aes, CKM_AES_GCM, USE_ENCRYPT));
	assert_false(tkey_can_do(all, &aes, CKM_AES_CTR, USE_WRAP));
	assert_true(tkey_can_do(all, &mac, CKM_SHA256_HMAC_GENERAL, USE_VERIFY));
	assert_false(tkey_can_do(all, &mac, CKM_SHA512_HMAC, USE_SIGN));
	assert_true(tkey_can_do(all, &any, CKM_SHA512_HMAC, USE_SIGN));
	assert_false(tkey_can_do(all, &any, CKM_SHA224_HMAC, USE_SIGN));
	assert_true(tkey_can_hold(all, &any));
	assert_false(tkey_can_make(all, &any));
	assert_false(tkey_can_hold(all & ~(uint32_t)CAP_SHA256, P256));
	assert_false(tkey_can_hold(all & ~(uint32_t)CAP_AES_256, &aes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsa_signs),     cmocka_unit_test(test_rsa_numbers),
		cmocka_unit_test(test_rsa_decrypts),  cmocka_unit_test(test_rsa_3072),
		cmocka_unit_test(test_wrong_padding), cmocka_unit_test(test_200_bad_ciphertexts),
		cmocka_unit_test(test_ec_signs),      cmocka_unit_test(test_ec_odd_digests),
		cmocka_unit_test(test_agreement),     cmocka_unit_test(test_made_and_kept),
		cmocka_unit_test(test_attributes),    cmocka_unit_test(test_damaged_content),
		cmocka_unit_test(test_changed_blob),  cmocka_unit_test(test_what_does_not_come_in),
		cmocka_unit_test(test_adopted),	      cmocka_unit_test(test_commands),
		cmocka_unit_test(test_first_use),     cmocka_unit_test(test_more_keys_than_slots),
		cmocka_unit_test(test_threads),	      cmocka_unit_test(test_what_it_can),
	};

	return run_on_every_tpm(tests, ARRAY_LEN(tests));
}
