/* test_tpm_cmd - the commands of a TPM itself and of its keys, each once on a real TPM, what it does checked by
 * libcrypto. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <cmocka.h>

#include "tests/lib/tpmplace.h"
#include "tpm/wire/policy.h"

#define OK(x)	assert_int_equal(x, INRO_OK)
#define TEXT(s) BYTES(s, sizeof(s) - 1)

static const struct bytes auth = BYTES_LIT("an auth of a key");

static struct bytes of(const TPM2B_DIGEST *d)
{
	return BYTES(d->buffer, d->size);
}

static EVP_PKEY *pkey_of(const TPM2B_PUBLIC *pub)
{
	SCOPED(buf) spki = { 0 };
	const uint8_t *p;
	EVP_PKEY *key;

	OK(crypt_spki(&pub->publicArea, &spki));
	p = spki.p;
	key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	assert_non_null(key);
	return key;
}

/* ---- the TPM itself ---- */

static void test_random(void **state)
{
	uint8_t a[100] = { 0 }, b[100] = { 0 };

	(void)state;
	OK(cmd_random(tpm, a, sizeof a));
	OK(cmd_random(tpm, b, sizeof b));
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a + 64, (uint8_t[36]) { 0 }, 36);
}

static void test_startup(void **state)
{
	(void)state;
	OK(cmd_startup(tpm)); /* it was: fine */
}

static void test_capability(void **state)
{
	TPMS_CAPABILITY_DATA got;

	(void)state;
	OK(cmd_capability(tpm, TPM2_CAP_HANDLES, (uint32_t)TPM2_HT_PERSISTENT << TPM2_HR_SHIFT, 8,
			  &got));
	assert_int_equal(got.data.handles.count, 1);
	assert_int_equal(got.data.handles.handle[0], 0x81000001);
}

static void test_pcrs(void **state)
{
	TPML_PCR_SELECTION which, none;
	TPM2B_DIGEST got, want;
	uint8_t zeros[20 * 2 + 32 * 11] = { 0 };
	struct bytes all = BYTES(zeros, sizeof zeros);

	(void)state;
	OK(policy_read_pcrs(TEXT("sha1:0,9+sha256:0,1,2,3,4,5,6,7,8,10,11"), &which));
	OK(cmd_pcr_read(tpm, &which, &got));
	OK(crypt_hash(TPM2_ALG_SHA256, &all, 1, &want));
	assert_true(bytes_equal(of(&got), of(&want)));
	none = (TPML_PCR_SELECTION) {
		.count = 1,
		.pcrSelections = { { .hash = TPM2_ALG_SM3_256,
				     .sizeofSelect = 3,
				     .pcrSelect = { 1 } } },
	};
	assert_int_not_equal(cmd_pcr_read(tpm, &none, &got), INRO_OK);
}

/* ---- keys ---- */

static void sign_with(const TPMT_PUBLIC *template, TPM2_ALG_ID scheme, TPM2_ALG_ID hash)
{
	const struct bytes message = TEXT("what is to be signed");
	TPMT_SIG_SCHEME how = { .scheme = scheme, .details.any.hashAlg = hash };
	TPMT_SIGNATURE sig;
	TPM2B_DIGEST digest;
	struct tpmkey k;

	tpmkeys_make(tpm, template, auth, BYTES_NONE, &k);
	OK(crypt_hash(hash, &message, 1, &digest));
	OK(cmd_sign(tpm, &k.ref, auth, of(&digest), &how, &sig));
	OK(crypt_verify(&k.pub.publicArea, message, &sig));
	assert_int_equal(crypt_verify(&k.pub.publicArea, TEXT("another"), &sig), INRO_E_SIGNATURE);
	tpmkeys_drop(tpm, &k);
}

static void test_sign(void **state)
{
	const TPMA_OBJECT signs = TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT;
	TPMT_PUBLIC p256 = tpmkeys_ecc(TPM2_ECC_NIST_P256, signs);
	TPMT_PUBLIC p384 = tpmkeys_ecc(TPM2_ECC_NIST_P384, signs);
	TPMT_PUBLIC rsa = tpmkeys_rsa(signs | TPMA_OBJECT_DECRYPT);

	(void)state;
	sign_with(&p256, TPM2_ALG_ECDSA, TPM2_ALG_SHA256);
	sign_with(&p384, TPM2_ALG_ECDSA, TPM2_ALG_SHA384);
	sign_with(&rsa, TPM2_ALG_RSASSA, TPM2_ALG_SHA256);
	sign_with(&rsa, TPM2_ALG_RSAPSS, TPM2_ALG_SHA512);
}

static void test_wrong_auth(void **state)
{
	TPMT_PUBLIC p256 = tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT);
	const TPMT_SIG_SCHEME how = { .scheme = TPM2_ALG_ECDSA,
				      .details.any.hashAlg = TPM2_ALG_SHA256 };
	const uint8_t digest[32] = { 1 };
	TPMT_SIGNATURE sig;
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &p256, auth, BYTES_NONE, &k);
	assert_int_not_equal(
		cmd_sign(tpm, &k.ref, TEXT("another auth"), BYTES(digest, 32), &how, &sig),
		INRO_OK);
	assert_int_equal(rc_plain(tpm_last_rc()), TPM2_RC_BAD_AUTH);
	blob_clear(&k.blob); /* whoever doubts a handle lets everything go */
}

static EVP_PKEY_CTX *encryption_to(EVP_PKEY *key, int padding)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	assert_non_null(ctx);
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	return ctx;
}

static void encrypt_to(const struct tpmkey *k, int padding, struct bytes in, uint8_t out[256])
{
	EVP_PKEY *key = pkey_of(&k->pub);
	EVP_PKEY_CTX *ctx = encryption_to(key, padding);
	size_t n = 256;

	if (padding == RSA_PKCS1_OAEP_PADDING) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
		assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup("label"), 6),
				 1);
	}
	assert_int_equal(EVP_PKEY_encrypt(ctx, out, &n, in.p, in.n), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static void test_rsa_decrypt(void **state)
{
	TPMT_PUBLIC rsa = tpmkeys_rsa(TPMKEYS_MADE | TPMA_OBJECT_DECRYPT);
	const struct bytes plain = TEXT("a small secret"), oaep_label = BYTES("label", 6);
	const TPMT_RSA_DECRYPT pkcs1 = { .scheme = TPM2_ALG_RSAES };
	const TPMT_RSA_DECRYPT oaep = { .scheme = TPM2_ALG_OAEP,
					.details.oaep.hashAlg = TPM2_ALG_SHA256 };
	SCOPED(secret) a = { 0 };
	SCOPED(secret) b = { 0 };
	SCOPED(secret) c = { 0 };
	uint8_t in[256];
	const struct rsa_ciphertext by_pkcs1 = { .octets = BYTES(in, 256), .scheme = &pkcs1 };
	const struct rsa_ciphertext by_oaep = { BYTES(in, 256), &oaep, oaep_label };
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &rsa, auth, BYTES_NONE, &k);
	encrypt_to(&k, RSA_PKCS1_PADDING, plain, in);
	OK(cmd_rsa_decrypt(tpm, &k.ref, auth, &by_pkcs1, &a));
	assert_true(secret_equal(secret_bytes(&a), plain));
	encrypt_to(&k, RSA_PKCS1_OAEP_PADDING, plain, in);
	OK(cmd_rsa_decrypt(tpm, &k.ref, auth, &by_oaep, &b));
	assert_true(secret_equal(secret_bytes(&b), plain));
	/* What is not for this key is the sender's fault, and the TPM is as well as before. */
	assert_int_equal(cmd_rsa_decrypt(tpm, &k.ref, auth, &by_pkcs1, &c), INRO_E_CIPHERTEXT);
	OK(cmd_rsa_decrypt(tpm, &k.ref, auth, &by_oaep, &c));
	tpmkeys_drop(tpm, &k);
}

static void agree(EVP_PKEY *mine, EVP_PKEY *peer, uint8_t out[32])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mine, NULL);
	size_t n = 32;

	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, out, &n), 1);
	EVP_PKEY_CTX_free(ctx);
}

static void test_zgen(void **state)
{
	TPMT_PUBLIC p256 = tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_DECRYPT);
	EVP_PKEY *mine = EVP_EC_gen("P-256"), *theirs;
	uint8_t point[65], want[32];
	size_t n;
	TPMS_ECC_POINT peer = { .x.size = 32, .y.size = 32 }, got;
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &p256, auth, BYTES_NONE, &k);
	theirs = pkey_of(&k.pub);
	agree(mine, theirs, want);
	assert_int_equal(EVP_PKEY_get_octet_string_param(mine, "pub", point, sizeof point, &n), 1);
	memcpy(peer.x.buffer, point + 1, 32);
	memcpy(peer.y.buffer, point + 33, 32);
	OK(cmd_ecdh_zgen(tpm, &k.ref, auth, &peer, &got));
	assert_int_equal(got.x.size, 32);
	assert_memory_equal(got.x.buffer, want, 32);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(theirs);
	tpmkeys_drop(tpm, &k);
}

static void test_hmac(void **state)
{
	static const uint8_t message[1024] = { 1, 2, 3 };
	const struct bytes value = TEXT("the value of a key of 32 bytes..");
	const struct bytes once = BYTES(message, sizeof message), twice[] = { once, once };
	TPMT_PUBLIC hmac = tpmkeys_hmac(TPMKEYS_GIVEN);
	TPM2B_DIGEST got, want;
	uint32_t sequence;
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &hmac, auth, value, &k);
	OK(cmd_hmac(tpm, &k.ref, auth, TPM2_ALG_SHA384, once, &got));
	OK(crypt_hmac(TPM2_ALG_SHA384, value, &once, 1, &want));
	assert_true(bytes_equal(of(&got), of(&want)));
	OK(cmd_hmac_start(tpm, &k.ref, auth, TEXT("of the sequence"), TPM2_ALG_SHA256, &sequence));
	OK(cmd_sequence_update(tpm, sequence, TEXT("of the sequence"), once));
	OK(cmd_sequence_complete(tpm, sequence, TEXT("of the sequence"), once, &got));
	OK(crypt_hmac(TPM2_ALG_SHA256, value, twice, 2, &want));
	assert_true(bytes_equal(of(&got), of(&want)));
	tpmkeys_drop(tpm, &k);
}

static void cipher(const char *name, struct bytes key, const uint8_t iv[16], struct bytes in,
		   uint8_t *out)
{
	EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	assert_int_equal(EVP_EncryptInit_ex2(ctx, c, key.p, iv, NULL), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, out, &n, in.p, (int)in.n), 1);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(c);
}

/* In two steps there, so that the chaining value is what counts; back in one. */
static void cipher_with(const struct tpmkey *k, TPM2_ALG_ID mode, const char *name,
			struct bytes key)
{
	static const uint8_t in[1024] = "a long text that is to be hidden";
	uint8_t got[1024], want[1024];
	struct cipher_step step = { .mode = mode,
				    .in = BYTES(in, 512),
				    .iv = { 0xff, 0xff, 3 },
				    .out = got,
				    .cap = sizeof got };
	const struct cipher_step start = step;
	size_t n;

	memset(step.iv + 15, 0xff, 1); /* CTR carries */
	cipher(name, key, step.iv, BYTES(in, 1024), want);
	OK(cmd_encrypt_decrypt(tpm, &k->ref, auth, &step, &n));
	assert_int_equal(n, 512);
	step.in = BYTES(in + 512, 512);
	step.out = got + 512;
	step.cap = 512;
	OK(cmd_encrypt_decrypt(tpm, &k->ref, auth, &step, &n));
	assert_memory_equal(got, want, 1024);
	step = start;
	memset(step.iv + 15, 0xff, 1);
	step.decrypt = true;
	step.in = BYTES(want, 1024);
	OK(cmd_encrypt_decrypt(tpm, &k->ref, auth, &step, &n));
	assert_int_equal(n, 1024);
	assert_memory_equal(got, in, 1024);
	step.cap = 1023;
	assert_int_equal(cmd_encrypt_decrypt(tpm, &k->ref, auth, &step, &n), INRO_E_TOO_SMALL);
}

static void test_encrypt(void **state)
{
	const struct bytes key = TEXT("16 octets of key");
	const struct {
		TPM2_ALG_ID mode;
		const char *name;
	} modes[] = { { TPM2_ALG_CBC, "AES-128-CBC" },
		      { TPM2_ALG_CFB, "AES-128-CFB" },
		      { TPM2_ALG_CTR, "AES-128-CTR" },
		      { TPM2_ALG_ECB, "AES-128-ECB" } };
	TPMT_PUBLIC aes = tpmkeys_aes(128, TPMKEYS_GIVEN);
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &aes, auth, key, &k);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		cipher_with(&k, modes[i].mode, modes[i].name, key);
	tpmkeys_drop(tpm, &k);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tpmplace_enter, tpmplace_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_random),
		TEST(test_startup),
		TEST(test_capability),
		TEST(test_pcrs),
		TEST(test_sign),
		TEST(test_wrong_auth),
		TEST(test_rsa_decrypt),
		TEST(test_zgen),
		TEST(test_hmac),
		TEST(test_encrypt),
	};

	return cmocka_run_group_tests(tests, tpmplace_begin, tpmplace_end);
}
