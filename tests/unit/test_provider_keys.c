/* test_provider_keys - what libcrypto sees of a token key: sizes, names, comparison, references. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define EC   "pkcs11:token=line1;object=ec?pin-value=" TOKEN_KEYS_PIN
#define RSA_ "pkcs11:token=line1;object=rsa?pin-value=" TOKEN_KEYS_PIN

static OSSL_LIB_CTX *libctx;
static EVP_PKEY *ec, *rsa;

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("default", "inro");
	ec = token_keys_load(libctx, EC);
	rsa = token_keys_load(libctx, RSA_);
	return ec && rsa ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
	token_keys_libctx_free(libctx);
	return 0;
}

/* The public half as a key of the default provider. */
static EVP_PKEY *stranger(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = n > 0 ? d2i_PUBKEY_ex(NULL, &at, n, libctx, NULL) : NULL;

	OPENSSL_free(der);
	assert_non_null(public);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(public)), "default");
	return public;
}

static void answers(void **state)
{
	char text[64];
	unsigned char *point = NULL;

	(void)state;
	assert_int_equal(EVP_PKEY_get_base_id(rsa), EVP_PKEY_RSA);
	assert_int_equal(EVP_PKEY_get_size(rsa), 256);
	assert_int_equal(EVP_PKEY_get_bits(rsa), 2048);
	assert_int_equal(EVP_PKEY_get_security_bits(rsa), 112);
	assert_int_equal(EVP_PKEY_get_base_id(ec), EVP_PKEY_EC);
	assert_int_equal(EVP_PKEY_get_size(ec), 72);
	assert_int_equal(EVP_PKEY_get_bits(ec), 256);
	assert_int_equal(EVP_PKEY_get_security_bits(ec), 128);
	assert_true(EVP_PKEY_get_group_name(ec, text, sizeof text, NULL));
	assert_string_equal(text, "prime256v1");
	assert_int_equal(EVP_PKEY_get1_encoded_public_key(ec, &point), 65);
	assert_int_equal(point[0], POINT_CONVERSION_UNCOMPRESSED);
	OPENSSL_free(point);
	assert_true(EVP_PKEY_get_default_digest_name(ec, text, sizeof text) > 0);
	assert_string_equal(text, "SHA256");
	assert_true(EVP_PKEY_get_default_digest_name(rsa, text, sizeof text) > 0);
	assert_string_equal(text, "SHA256");
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(ec)), "inro");
}

static void compared_both_ways(void **state)
{
	EVP_PKEY *keys[] = { ec, rsa };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY *public = stranger(keys[i]);

		assert_int_equal(EVP_PKEY_eq(keys[i], public), 1);
		assert_int_equal(EVP_PKEY_eq(public, keys[i]), 1);
		assert_int_not_equal(EVP_PKEY_eq(public, keys[1 - i]), 1);
		assert_int_not_equal(EVP_PKEY_eq(keys[1 - i], public), 1);
		EVP_PKEY_free(public);
	}
	ERR_clear_error(); /* libcrypto reads on in a file only when its queue is empty */
}

static int count_call(const OSSL_PARAM params[], void *arg)
{
	(void)params;
	++*(int *)arg;
	return 1;
}

static int only_name_and_point(const OSSL_PARAM params[], void *arg)
{
	const OSSL_PARAM *p;

	for (p = params; p->key; p++)
		assert_true(strcmp(p->key, "group") == 0 || strcmp(p->key, "pub") == 0);
	*(long *)arg = p - params;
	return 1;
}

static void private_part_is_not_exported(void **state)
{
	EVP_PKEY *keys[] = { ec, rsa };
	OSSL_PARAM *params = NULL;
	BIGNUM *d = NULL;
	int calls = 0;
	long parts = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_false(EVP_PKEY_export(keys[i], EVP_PKEY_KEYPAIR, count_call, &calls));
		assert_int_equal(calls, 0);
		assert_false(EVP_PKEY_todata(keys[i], EVP_PKEY_KEYPAIR, &params));
		assert_false(EVP_PKEY_get_bn_param(keys[i], OSSL_PKEY_PARAM_RSA_D, &d));
		assert_false(EVP_PKEY_get_bn_param(keys[i], OSSL_PKEY_PARAM_PRIV_KEY, &d));
		assert_null(EVP_PKEY2PKCS8(keys[i]));
	}
	assert_true(EVP_PKEY_export(ec, EVP_PKEY_PUBLIC_KEY, only_name_and_point, &parts));
	assert_int_equal(parts, 2);
	ERR_clear_error();
}

/* As stacks do that keep keys as DER: i2d_PrivateKey, later d2i_AutoPrivateKey. */
static void der_reference(void **state)
{
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(ec, &der);
	const unsigned char *at = der;
	EVP_PKEY *again;

	(void)state;
	assert_in_range(n, 40, 200);
	assert_non_null(memmem(der, (size_t)n, "pkcs11:serial=", 14));
	assert_non_null(memmem(der, (size_t)n, ";token=line1;id=%01;object=ec;type=private", 42));
	assert_null(memmem(der, (size_t)n, TOKEN_KEYS_PIN, sizeof TOKEN_KEYS_PIN - 1));
	assert_int_equal(setenv("INRO_PIN", TOKEN_KEYS_PIN, 1), 0);
	again = d2i_AutoPrivateKey_ex(NULL, &at, n, libctx, NULL);
	assert_int_equal(unsetenv("INRO_PIN"), 0);
	assert_non_null(again);
	assert_int_equal(EVP_PKEY_eq(again, ec), 1);
	EVP_PKEY_free(again);
	OPENSSL_free(der);
}

static int no_passphrase(char *room, int size, int rwflag, void *asked)
{
	(void)room;
	(void)size;
	(void)rwflag;
	++*(int *)asked;
	return -1;
}

static void is_reference(BIO *file)
{
	char *text;
	long n = BIO_get_mem_data(file, &text);

	assert_in_range(n, 40, 1000);
	assert_memory_equal(text, "-----BEGIN PKCS#11 PROVIDER URI-----", 36);
	BIO_free(file);
}

static bool encodes(const char *form, const char *structure, BIO *out)
{
	OSSL_ENCODER_CTX *c =
		OSSL_ENCODER_CTX_new_for_pkey(rsa, OSSL_KEYMGMT_SELECT_ALL, form, structure, NULL);
	bool ok = OSSL_ENCODER_CTX_get_num_encoders(c) > 0 &&
		  OSSL_ENCODER_CTX_set_cipher(c, "AES-256-CBC", NULL) &&
		  OSSL_ENCODER_to_bio(c, out);

	OSSL_ENCODER_CTX_free(c);
	return ok;
}

static void refused_as_pkcs8(bool ok)
{
	const char *detail = "";

	assert_false(ok);
	ERR_peek_error_data(&detail, NULL);
	assert_non_null(strstr(detail, "stays in its token: no PKCS#8 or PKCS#12 is made of it"));
	ERR_clear_error();
}

/* A program that always encrypts what it writes: a reference is nothing to encrypt, and nobody is
 * asked for a passphrase.  What must be PKCS#8 is refused. */
static void written_with_a_cipher(void **state)
{
	const EVP_CIPHER *aes = EVP_aes_256_cbc();
	BIO *pem = BIO_new(BIO_s_mem()), *pkcs8 = BIO_new(BIO_s_mem());
	BIO *encoded = BIO_new(BIO_s_mem()), *der = BIO_new(BIO_s_mem());
	int asked = 0;

	(void)state;
	assert_true(PEM_write_bio_PrivateKey(pem, rsa, aes, NULL, 0, no_passphrase, &asked));
	is_reference(pem);
	assert_true(PEM_write_bio_PKCS8PrivateKey(pkcs8, ec, aes, NULL, 0, no_passphrase, &asked));
	is_reference(pkcs8);
	assert_true(encodes("PEM", "EncryptedPrivateKeyInfo", encoded));
	is_reference(encoded);
	refused_as_pkcs8(encodes("DER", "EncryptedPrivateKeyInfo", der));
	refused_as_pkcs8(i2d_PKCS8PrivateKey_bio(der, ec, aes, NULL, 0, no_passphrase, &asked) ==
			 1);
	refused_as_pkcs8(i2d_PKCS8PrivateKey_bio(der, ec, NULL, NULL, 0, NULL, NULL) == 1);
	assert_int_equal(BIO_pending(der), 0);
	assert_int_equal(asked, 0);
	BIO_free(der);
}

static void pem_reference_behind_others(void **state)
{
	BIO *file = BIO_new(BIO_s_mem());
	EVP_PKEY *public = stranger(rsa), *again;

	(void)state;
	assert_true(PEM_write_bio_PUBKEY(file, public));
	assert_true(BIO_puts(file, "some words\n-----BEGIN CERTIFICATE-----\n") > 0);
	assert_true(BIO_puts(file, "MAA=\n-----END CERTIFICATE-----\nwords\n") > 0);
	assert_true(PEM_write_bio_PrivateKey(file, rsa, NULL, NULL, 0, NULL, NULL));
	assert_true(BIO_puts(file,
			     "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n") > 0);
	assert_int_equal(setenv("INRO_PIN", TOKEN_KEYS_PIN, 1), 0);
	again = PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, libctx, NULL);
	assert_int_equal(unsetenv("INRO_PIN"), 0);
	assert_non_null(again);
	assert_int_equal(EVP_PKEY_eq(again, rsa), 1);
	EVP_PKEY_free(again);
	EVP_PKEY_free(public);
	BIO_free(file);
}

static void damaged_references(void **state)
{
	static const char *const bodies[] = {
		"",
		"MAA=",
		"!!!!",
		"ME4aGVBLQ1MjMTEgUHJvdmlkZXIgVVJJIHYxLjAM",
		/* the description, and "http://x" for a URI */
		"MCUaGVBLQ1MjMTEgUHJvdmlkZXIgVVJJIHYxLjAMCGh0dHA6Ly94",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		BIO *file = BIO_new(BIO_s_mem());

		BIO_printf(file,
			   "-----BEGIN PKCS#11 PROVIDER URI-----\n%s\n"
			   "-----END PKCS#11 PROVIDER URI-----\n",
			   bodies[i]);
		assert_null(PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, libctx, NULL));
		BIO_free(file);
	}
	ERR_clear_error();
}

static void duplicate_lives_alone(void **state)
{
	EVP_PKEY *copy = EVP_PKEY_dup(ec);

	(void)state;
	assert_non_null(copy);
	assert_int_equal(EVP_PKEY_eq(copy, ec), 1);
	EVP_PKEY_free(copy);
	assert_int_equal(EVP_PKEY_get_bits(ec), 256);
}

static void request_signed(void **state)
{
	EVP_PKEY *keys[] = { ec, rsa };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		X509_REQ *req = X509_REQ_new_ex(libctx, NULL);
		EVP_PKEY *public = stranger(keys[i]);

		assert_true(X509_REQ_set_version(req, X509_REQ_VERSION_1));
		assert_true(X509_REQ_set_pubkey(req, keys[i]));
		assert_true(X509_REQ_sign(req, keys[i], EVP_sha256()) > 0);
		assert_int_equal(X509_REQ_verify_ex(req, public, libctx, NULL), 1);
		assert_int_equal(X509_REQ_verify_ex(req, keys[i], libctx, NULL), 1);
		EVP_PKEY_free(public);
		X509_REQ_free(req);
	}
}

/* Both orders of loading: what is not of a token is made, kept and written as without us. */
static void software_keys_unharmed(void **state)
{
	static const char *const orders[][2] = { { "default", "inro" }, { "inro", "default" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		OSSL_LIB_CTX *lc = token_keys_libctx(orders[i][0], orders[i][1]);
		EVP_PKEY *key = EVP_PKEY_Q_keygen(lc, NULL, "EC", "P-256"), *again;
		unsigned char *der = NULL;
		int n = i2d_PrivateKey(key, &der);
		const unsigned char *at = der;

		assert_in_range(n, 100, 200);
		again = d2i_AutoPrivateKey_ex(NULL, &at, n, lc, NULL);
		assert_non_null(again);
		assert_int_equal(EVP_PKEY_eq(key, again), 1);
		assert_int_equal(EVP_PKEY_eq(again, key), 1);
		OPENSSL_free(der);
		EVP_PKEY_free(again);
		EVP_PKEY_free(key);
		token_keys_libctx_free(lc);
	}
}

/* One wrong try is one wrong try, however often the program asks. */
static void wrong_pin_is_tried_once(void **state)
{
	OSSL_LIB_CTX *lc;
	CK_ULONG before;

	(void)state;
	NEEDS("tries");
	lc = token_keys_libctx("default", "inro");
	before = token_keys_tries_left();
	for (int i = 0; i < 5; i++)
		assert_null(token_keys_load(lc, "pkcs11:token=line1;object=ec?pin-value=999999"));
	assert_int_equal(token_keys_tries_left(), before - 1);
	assert_non_null(strstr(ERR_reason_error_string(ERR_peek_last_error()), "PIN"));
	ERR_clear_error();
	token_keys_libctx_free(lc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(compared_both_ways),
		cmocka_unit_test(private_part_is_not_exported),
		cmocka_unit_test(der_reference),
		cmocka_unit_test(written_with_a_cipher),
		cmocka_unit_test(pem_reference_behind_others),
		cmocka_unit_test(damaged_references),
		cmocka_unit_test(duplicate_lives_alone),
		cmocka_unit_test(request_signed),
		cmocka_unit_test(software_keys_unharmed),
	};
	const struct CMUnitTest without_login[] = { cmocka_unit_test(wrong_pin_is_tried_once) };
	int failed;

	token_keys_make();
	failed = cmocka_run_group_tests(without_login, NULL, NULL);
	return failed + cmocka_run_group_tests(tests, set_up, tear_down);
}
