/* test_tpm_crypt_key - public areas as libcrypto's keys: seeds that only their holders open,
 * signatures that only they make, Names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/own.h"
#include "tpm/wire/crypt.h"
#include "tests/lib/params.h"

static const struct {
	TPM2_ALG_ID id;
	const char *name;
} hashes[] = {
	{ TPM2_ALG_SHA1, "SHA1" },
	{ TPM2_ALG_SHA256, "SHA256" },
	{ TPM2_ALG_SHA384, "SHA384" },
	{ TPM2_ALG_SHA512, "SHA512" },
};

/* ---- key pairs, whose private halves the tests have in the TPM's stead ---- */

enum { RSA_2048, P224, P256, P384, P521, PAIRS };

static struct pair {
	const char *curve; /* NULL: RSA */
	TPM2_ECC_CURVE id;
	size_t field;
	EVP_PKEY *key;
	TPMT_PUBLIC pub;
} pairs[PAIRS] = {
	[P224] = { "P-224", TPM2_ECC_NIST_P224, 28, NULL, { 0 } },
	[P256] = { "P-256", TPM2_ECC_NIST_P256, 32, NULL, { 0 } },
	[P384] = { "P-384", TPM2_ECC_NIST_P384, 48, NULL, { 0 } },
	[P521] = { "P-521", TPM2_ECC_NIST_P521, 66, NULL, { 0 } },
};

static void spki_of(EVP_PKEY *pkey, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);

	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
}

static int make_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < PAIRS; i++) {
		SCOPED(buf) spki = { 0 };
		struct pair *p = &pairs[i];

		p->key = p->curve ? EVP_EC_gen(p->curve) : EVP_RSA_gen(2048);
		assert_non_null(p->key);
		spki_of(p->key, &spki);
		assert_int_equal(crypt_public_of_spki(buf_bytes(&spki), &p->pub), INRO_OK);
		p->pub.nameAlg = TPM2_ALG_SHA256;
	}
	return 0;
}

static int free_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < PAIRS; i++)
		EVP_PKEY_free(pairs[i].key);
	return 0;
}

static void test_spki(void **state)
{
	(void)state;
	assert_int_equal(pairs[RSA_2048].pub.type, TPM2_ALG_RSA);
	assert_int_equal(pairs[RSA_2048].pub.parameters.rsaDetail.keyBits, 2048);
	assert_int_equal(pairs[RSA_2048].pub.parameters.rsaDetail.exponent, 0);
	assert_int_equal(pairs[RSA_2048].pub.unique.rsa.size, 256);
	for (size_t i = 0; i < PAIRS; i++) {
		SCOPED(buf) want = { 0 };
		SCOPED(buf) got = { 0 };

		spki_of(pairs[i].key, &want);
		assert_int_equal(crypt_spki(&pairs[i].pub, &got), INRO_OK);
		assert_true(bytes_equal(buf_bytes(&want), buf_bytes(&got)));
		if (!pairs[i].curve)
			continue;
		assert_int_equal(pairs[i].pub.parameters.eccDetail.curveID, pairs[i].id);
		assert_int_equal(pairs[i].pub.unique.ecc.x.size, pairs[i].field);
		assert_int_equal(pairs[i].pub.unique.ecc.y.size, pairs[i].field);
	}
}

static void test_spki_refused(void **state)
{
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *koblitz = EVP_EC_gen("secp256k1");
	TPMT_PUBLIC pub = { .type = 0x7777 };
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) odd = { 0 };
	SCOPED(buf) curve = { 0 };

	(void)state;
	spki_of(ed, &odd);
	assert_int_equal(crypt_public_of_spki(buf_bytes(&odd), &pub), INRO_E_UNSUPPORTED);
	spki_of(koblitz, &curve);
	assert_int_equal(crypt_public_of_spki(buf_bytes(&curve), &pub), INRO_E_UNSUPPORTED);
	spki_of(pairs[P256].key, &spki);
	for (size_t n = 0; n < spki.n; n++)
		assert_int_equal(crypt_public_of_spki(BYTES(spki.p, n), &pub), INRO_E_SYNTAX);
	buf_add_u8(&spki, 0);
	assert_int_equal(crypt_public_of_spki(buf_bytes(&spki), &pub), INRO_E_SYNTAX);
	assert_int_equal(pub.type, 0x7777);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(koblitz);
}

static void test_bad_public(void **state)
{
	TPMT_PUBLIC pub = pairs[P256].pub;
	SCOPED(buf) spki = { 0 };

	(void)state;
	pub.unique.ecc.y.buffer[31] ^= 1; /* off the curve */
	assert_int_equal(crypt_spki(&pub, &spki), INRO_E_PUBLIC_KEY);
	pub = pairs[P256].pub;
	pub.unique.ecc.x.size = 33;
	assert_int_equal(crypt_spki(&pub, &spki), INRO_E_PUBLIC_KEY);
	pub.parameters.eccDetail.curveID = TPM2_ECC_BN_P256;
	assert_int_equal(crypt_spki(&pub, &spki), INRO_E_UNSUPPORTED);
	pub = pairs[RSA_2048].pub;
	pub.unique.rsa.size = 255;
	assert_int_equal(crypt_spki(&pub, &spki), INRO_E_PUBLIC_KEY);
	pub.type = TPM2_ALG_KEYEDHASH;
	assert_int_equal(crypt_spki(&pub, &spki), INRO_E_KEY_TYPE);
	assert_int_equal(spki.n, 0);
}

/* ---- seeds ---- */

static void opened_by_rsa(struct bytes encrypted, const char *hash, struct bytes seed)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pairs[RSA_2048].key, NULL);
	uint8_t out[256];
	size_t n = sizeof out;

	assert_true(EVP_PKEY_decrypt_init(ctx) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) > 0);
	assert_true(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("SECRET", 7), 7) > 0);
	assert_true(EVP_PKEY_decrypt(ctx, out, &n, encrypted.p, encrypted.n) > 0);
	assert_true(bytes_equal(BYTES(out, n), seed));
	EVP_PKEY_CTX_free(ctx);
}

static void test_seed_rsa(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		TPMT_PUBLIC to = pairs[RSA_2048].pub;
		SCOPED(secret) seed = { 0 };
		SCOPED(buf) encrypted = { 0 };

		to.nameAlg = hashes[i].id;
		assert_int_equal(crypt_seed(&to, "SECRET", &seed, &encrypted), INRO_OK);
		assert_int_equal(seed.n, crypt_hash_size(to.nameAlg));
		assert_int_equal(encrypted.n, 256);
		opened_by_rsa(buf_bytes(&encrypted), hashes[i].name, secret_bytes(&seed));
	}
}

static EVP_PKEY *ec_public(const char *curve, struct bytes x, struct bytes y)
{
	SCOPED(buf) point = { 0 };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *ret = NULL;
	OSSL_PARAM params[] = {
		params_text(OSSL_PKEY_PARAM_GROUP_NAME, curve),
		params_octets(OSSL_PKEY_PARAM_PUB_KEY, params_joined(&point, BYTES("\4", 1), x, y)),
		OSSL_PARAM_construct_end(),
	};

	assert_true(EVP_PKEY_fromdata_init(ctx) > 0);
	assert_true(EVP_PKEY_fromdata(ctx, &ret, EVP_PKEY_PUBLIC_KEY, params) > 0);
	EVP_PKEY_CTX_free(ctx);
	return ret;
}

static struct bytes agreed(EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t z[66])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
	size_t n = 66;

	assert_true(EVP_PKEY_derive_init(ctx) > 0);
	assert_true(EVP_PKEY_derive_set_peer(ctx, theirs) > 0);
	assert_true(EVP_PKEY_derive(ctx, z, &n) > 0);
	EVP_PKEY_CTX_free(ctx);
	return BYTES(z, n);
}

static void opened_by_ecc(const struct pair *p, struct bytes encrypted, struct bytes seed)
{
	const TPM2B_ECC_PARAMETER *own = &p->pub.unique.ecc.x;
	struct bytes x, y;
	EVP_PKEY *theirs;
	uint8_t z[66], out[32];

	assert_int_equal(wire_read_2b(&encrypted, 66, &x), INRO_OK);
	assert_int_equal(wire_read_2b(&encrypted, 66, &y), INRO_OK);
	assert_int_equal(wire_end(encrypted), INRO_OK);
	theirs = ec_public(p->curve, x, y);
	assert_int_equal(crypt_kdfe(&(struct crypt_kdf) { .hash = TPM2_ALG_SHA256,
							  .secret = agreed(p->key, theirs, z),
							  .label = "DUPLICATE",
							  .u = x,
							  .v = BYTES(own->buffer, own->size),
							  .bits = 256 },
				    out),
			 INRO_OK);
	assert_true(bytes_equal(BYTES(out, 32), seed));
	EVP_PKEY_free(theirs);
}

static void test_seed_ecc(void **state)
{
	(void)state;
	for (size_t i = P224; i < PAIRS; i++) {
		SCOPED(secret) seed = { 0 };
		SCOPED(secret) again = { 0 };
		SCOPED(buf) encrypted = { 0 };

		assert_int_equal(crypt_seed(&pairs[i].pub, "DUPLICATE", &seed, &encrypted),
				 INRO_OK);
		opened_by_ecc(&pairs[i], buf_bytes(&encrypted), secret_bytes(&seed));
		assert_int_equal(crypt_seed(&pairs[i].pub, "DUPLICATE", &again, &encrypted),
				 INRO_OK);
		assert_false(secret_equal(secret_bytes(&seed), secret_bytes(&again)));
	}
}

static void test_seed_refused(void **state)
{
	TPMT_PUBLIC to = pairs[P256].pub;
	SCOPED(secret) seed = { 0 };
	SCOPED(buf) encrypted = { 0 };

	(void)state;
	to.unique.ecc.x.buffer[0] ^= 1;
	assert_int_equal(crypt_seed(&to, "SECRET", &seed, &encrypted), INRO_E_PUBLIC_KEY);
	to = pairs[P256].pub;
	to.nameAlg = TPM2_ALG_SM3_256;
	assert_int_equal(crypt_seed(&to, "SECRET", &seed, &encrypted), INRO_E_UNSUPPORTED);
	assert_null(seed.p);
	assert_int_equal(encrypted.n, 0);
}

/* ---- signatures ---- */

static const struct bytes message = BYTES_LIT("what a TPM states");

static size_t sign(size_t pair, const char *hash, int padding, uint8_t out[512])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *inner;
	size_t n = 512;

	assert_true(EVP_DigestSignInit_ex(ctx, &inner, hash, NULL, NULL, pairs[pair].key, NULL) >
		    0);
	if (padding)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(inner, padding) > 0);
	assert_true(EVP_DigestSign(ctx, out, &n, message.p, message.n) > 0);
	EVP_MD_CTX_free(ctx);
	return n;
}

static TPMT_SIGNATURE rsa_signature(TPM2_ALG_ID alg, size_t hash, int padding)
{
	TPMT_SIGNATURE sig = { .sigAlg = alg };

	sig.signature.rsassa.hash = hashes[hash].id;
	sig.signature.rsassa.sig.size =
		(UINT16)sign(RSA_2048, hashes[hash].name, padding, sig.signature.rsassa.sig.buffer);
	return sig;
}

static void put_bn(const BIGNUM *x, TPM2B_ECC_PARAMETER *ret)
{
	ret->size = (UINT16)BN_bn2bin(x, ret->buffer);
}

static TPMT_SIGNATURE ecdsa_signature(size_t pair, size_t hash)
{
	TPMT_SIGNATURE sig = { .sigAlg = TPM2_ALG_ECDSA };
	uint8_t der[512];
	const unsigned char *p = der;
	ECDSA_SIG *read = d2i_ECDSA_SIG(NULL, &p, (long)sign(pair, hashes[hash].name, 0, der));

	sig.signature.ecdsa.hash = hashes[hash].id;
	put_bn(ECDSA_SIG_get0_r(read), &sig.signature.ecdsa.signatureR);
	put_bn(ECDSA_SIG_get0_s(read), &sig.signature.ecdsa.signatureS);
	ECDSA_SIG_free(read);
	return sig;
}

static void only_this(size_t pair, const TPMT_SIGNATURE *sig)
{
	const TPMT_PUBLIC *by = &pairs[pair].pub;
	TPMT_SIGNATURE other = *sig;

	assert_int_equal(crypt_verify(by, message, sig), INRO_OK);
	assert_int_equal(crypt_verify(by, bytes_of("what it does not"), sig), INRO_E_SIGNATURE);
	assert_int_equal(crypt_verify(by, BYTES_NONE, sig), INRO_E_SIGNATURE);
	other.signature.rsassa.sig.buffer[5] ^= 1; /* r's too */
	assert_int_equal(crypt_verify(by, message, &other), INRO_E_SIGNATURE);
	other = *sig;
	other.signature.rsassa.hash =
		sig->signature.rsassa.hash == TPM2_ALG_SHA256 ? TPM2_ALG_SHA512 : TPM2_ALG_SHA256;
	assert_int_equal(crypt_verify(by, message, &other), INRO_E_SIGNATURE);
	assert_int_equal(crypt_verify(&pairs[pair == P384 ? P256 : P384].pub, message, sig),
			 INRO_E_SIGNATURE);
}

static void test_verify(void **state)
{
	TPMT_SIGNATURE sig;

	(void)state;
	for (size_t hash = 1; hash < ARRAY_LEN(hashes); hash++) {
		sig = rsa_signature(TPM2_ALG_RSASSA, hash, RSA_PKCS1_PADDING);
		only_this(RSA_2048, &sig);
		sig = rsa_signature(TPM2_ALG_RSAPSS, hash, RSA_PKCS1_PSS_PADDING);
		only_this(RSA_2048, &sig);
		for (size_t i = P224; i < PAIRS; i++) {
			sig = ecdsa_signature(i, hash);
			only_this(i, &sig);
		}
	}
	sig.sigAlg = TPM2_ALG_ECSCHNORR;
	assert_int_equal(crypt_verify(&pairs[P521].pub, message, &sig), INRO_E_SIGNATURE);
	sig.sigAlg = TPM2_ALG_NULL;
	assert_int_equal(crypt_verify(&pairs[P521].pub, message, &sig), INRO_E_SIGNATURE);
	sig = rsa_signature(TPM2_ALG_RSASSA, 0, RSA_PKCS1_PADDING);
	assert_int_equal(crypt_verify(&pairs[RSA_2048].pub, message, &sig), INRO_E_UNSUPPORTED);
}

/* ---- Names ---- */

static void test_name(void **state)
{
	TPMT_PUBLIC pub = pairs[P256].pub;
	SCOPED(buf) area = { 0 };
	struct bytes content;
	TPM2B_DIGEST d;
	TPM2B_NAME name;

	(void)state;
	wire_add_public_area(&area, &pub);
	content = buf_bytes(&area);
	assert_int_equal(crypt_hash(TPM2_ALG_SHA256, &content, 1, &d), INRO_OK);
	assert_int_equal(crypt_name(&pub, &name), INRO_OK);
	assert_int_equal(name.size, 34);
	assert_memory_equal(name.name, "\0\13", 2);
	assert_memory_equal(name.name + 2, d.buffer, 32);
	pub.nameAlg = TPM2_ALG_NULL;
	assert_int_equal(crypt_name(&pub, &name), INRO_E_UNSUPPORTED);
	pub.type = TPM2_ALG_AES;
	assert_int_equal(crypt_name(&pub, &name), INRO_E_ARG);
}

/* ---- the application's errors ---- */

static void test_errors_kept(void **state)
{
	TPMT_PUBLIC bad = pairs[P256].pub;
	SCOPED(buf) spki = { 0 };

	(void)state;
	bad.unique.ecc.x.buffer[0] ^= 1;
	ERR_clear_error();
	assert_int_equal(crypt_spki(&bad, &spki), INRO_E_PUBLIC_KEY);
	assert_int_equal(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_USER, 7);
	assert_int_equal(crypt_spki(&bad, &spki), INRO_E_PUBLIC_KEY);
	assert_int_equal(crypt_public_of_spki(bytes_of("none"), &bad), INRO_E_SYNTAX);
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), 7);
	assert_int_equal(ERR_get_error(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spki),	    cmocka_unit_test(test_spki_refused),
		cmocka_unit_test(test_bad_public),  cmocka_unit_test(test_seed_rsa),
		cmocka_unit_test(test_seed_ecc),    cmocka_unit_test(test_seed_refused),
		cmocka_unit_test(test_verify),	    cmocka_unit_test(test_name),
		cmocka_unit_test(test_errors_kept),
	};

	return cmocka_run_group_tests(tests, make_pairs, free_pairs);
}
