/*
 * test_provider_shown - with key-kinds = in-use a provider that openssl.cnf activates shows
 * libcrypto 3.0 its kinds of keys only where a key of a token is used, and every use of such a key
 * works all the same.
 *
 * With other releases of libcrypto all kinds are always there; what is used is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <pthread.h>

#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define PIN	 "pin = " TOKEN_KEYS_PIN "\n"
#define URI(key) "pkcs11:token=line1;object=" key
#define KINDS	 7

static OSSL_LIB_CTX *libctx;

static int set_up(void **state)
{
	(void)state;
	ERR_clear_error();
	libctx = token_keys_libctx_configured(PIN "key-kinds = in-use\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	token_keys_libctx_free(libctx);
	return 0;
}

static bool hides(void)
{
	return OpenSSL_version_num() < 0x30100000UL;
}

static void count(EVP_KEYMGMT *kind, void *arg)
{
	unsigned *n = arg;

	*n += strcmp(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(kind)), "inro") == 0;
}

static unsigned seen(void)
{
	unsigned n = 0;

	EVP_KEYMGMT_do_all_provided(libctx, count, &n);
	return n;
}

static void assert_seen(unsigned n)
{
	assert_int_equal(seen(), hides() ? n : seen());
}

/* Whose a kind is that a program fetches without a word about providers. */
static void assert_default_is_first(const char *name)
{
	EVP_KEYMGMT *kind = EVP_KEYMGMT_fetch(libctx, name, NULL);

	assert_non_null(kind);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(kind)), "default");
	EVP_KEYMGMT_free(kind);
}

/* libcrypto forgets what it has found when a provider comes. */
static void make_it_forget(void)
{
	OSSL_PROVIDER *p = OSSL_PROVIDER_load(libctx, "base");

	assert_non_null(p);
	OSSL_PROVIDER_unload(p);
}

static void must_sign(EVP_PKEY *key)
{
	unsigned char sig[512];
	size_t n = sizeof sig;
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestSign(c, sig, &n, (const unsigned char *)"data", 4), 1);
	assert_int_equal(EVP_MD_CTX_reset(c), 1);
	assert_int_equal(EVP_DigestVerifyInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestVerify(c, sig, n, (const unsigned char *)"data", 4), 1);
	EVP_MD_CTX_free(c);
}

static EVP_PKEY *load(const char *uri)
{
	EVP_PKEY *key = token_keys_load(libctx, uri);

	assert_non_null(key);
	return key;
}

/* The reference of a key, as a file has it. */
static BIO *reference(const char *uri)
{
	EVP_PKEY *key = load(uri);
	BIO *b = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), 1);
	EVP_PKEY_free(key);
	return b;
}

static EVP_PKEY *read_reference(BIO *from)
{
	char *text;
	long n = BIO_get_mem_data(from, &text);
	BIO *b = BIO_new_mem_buf(text, (int)n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(b, NULL, NULL, NULL, libctx, NULL);

	BIO_free(b);
	return key;
}

static EVP_PKEY *read_der(BIO *der)
{
	unsigned char *p;
	long n = BIO_get_mem_data(der, &p);
	const unsigned char *at = p;
	EVP_PKEY *key = d2i_AutoPrivateKey_ex(NULL, &at, n, libctx, NULL);

	ERR_clear_error();
	return key;
}

static void nothing_is_seen(void **state)
{
	EVP_KEYMGMT *kind;

	(void)state;
	assert_seen(0);
	kind = EVP_KEYMGMT_fetch(libctx, "EC", "provider=inro");
	assert_true(hides() == !kind);
	EVP_KEYMGMT_free(kind);
	assert_default_is_first("EC");
}

static void by_uri(void **state)
{
	static const char *const uris[] = { URI("ec"), URI("rsa"), URI("ec") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		EVP_PKEY *key = load(uris[i]);

		assert_true(EVP_PKEY_is_a(key, i == 1 ? "RSA" : "EC"));
		must_sign(key);
		assert_default_is_first(EVP_PKEY_get0_type_name(key));
		make_it_forget();
		must_sign(key);
		EVP_PKEY_free(key);
	}
	assert_seen(0);
}

static void *see(void *arg)
{
	*(unsigned *)arg = seen();
	return NULL;
}

static unsigned seen_elsewhere(void)
{
	unsigned n = KINDS;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, see, &n), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	return n;
}

/* What a key can't do leaves nothing shown.  The question whether it signs does, to this thread
 * until it signs; programs' plain names stay the others'. */
static void asked_in_vain(void **state)
{
	EVP_PKEY *key = load(URI("ec"));
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(EVP_PKEY_encrypt_init(c) <= 0);
		ERR_clear_error();
		assert_seen(0);
		assert_int_equal(EVP_PKEY_can_sign(key), 1);
		assert_seen(1);
		assert_default_is_first("EC");
		assert_true(!hides() || seen_elsewhere() == 0);
		must_sign(key);
		assert_seen(0);
	}
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(key);
}

static int see_in_child(void *arg)
{
	(void)arg;
	return (int)seen();
}

/* Other providers' kinds come first for programs, and from the second reference on the thread that
 * reads them sees ours. */
static void by_reference(void **state)
{
	BIO *ref = reference(URI("ec"));

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		EVP_PKEY *key = read_reference(ref);

		assert_non_null(key);
		assert_int_equal(ERR_peek_error(), 0);
		assert_true(EVP_PKEY_is_a(key, "EC"));
		must_sign(key);
		assert_default_is_first("EC");
		assert_seen(i < 1 ? 0 : 1);
		EVP_PKEY_free(key);
	}
	if (hides()) {
		assert_int_equal(seen_elsewhere(), 0);
		assert_int_equal(scratch_child(see_in_child, NULL), 0);
	}
	BIO_free(ref);
}

static EVP_PKEY *peer_of(const EVP_PKEY *key)
{
	EVP_PKEY *peer = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(libctx, "EC", NULL);

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_group_name(c, "P-256"), 1);
	assert_int_equal(EVP_PKEY_generate(c, &peer), 1);
	assert_int_equal(EVP_PKEY_parameters_eq(peer, key), 1);
	EVP_PKEY_CTX_free(c);
	return peer;
}

static void agree(EVP_PKEY *own, EVP_PKEY *peer, bool forget, unsigned char secret[32])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, own, NULL);
	size_t n = 32;

	assert_int_equal(EVP_PKEY_derive_init(c), 1);
	if (forget)
		make_it_forget();
	assert_int_equal(EVP_PKEY_derive_set_peer(c, peer), 1);
	assert_int_equal(EVP_PKEY_derive(c, secret, &n), 1);
	EVP_PKEY_CTX_free(c);
}

/* The other side's key is fetched for long after the operation was begun. */
static void agreements(void **state)
{
	EVP_PKEY *soft = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
	EVP_PKEY *key, *peer;
	unsigned char ours[32], theirs[32];

	(void)state;
	token_keys_import("agrees", 9, soft);
	key = load(URI("agrees") ";type=private");
	peer = peer_of(key);
	for (int forget = 0; forget < 2; forget++) {
		agree(key, peer, forget, ours);
		agree(peer, soft, false, theirs);
		assert_memory_equal(ours, theirs, sizeof ours);
	}
	assert_seen(0);
	EVP_PKEY_free(soft);
	EVP_PKEY_free(key);
	EVP_PKEY_free(peer);
}

static void decryption(void **state)
{
	EVP_PKEY *soft = EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)2048), *key;
	unsigned char box[256], out[256];
	size_t box_n = sizeof box, n = sizeof out;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, soft, NULL);

	(void)state;
	token_keys_import("decrypts", 10, soft);
	assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
	assert_int_equal(EVP_PKEY_encrypt(c, box, &box_n, (const unsigned char *)"data", 4), 1);
	EVP_PKEY_CTX_free(c);
	key = load(URI("decrypts") ";type=private");
	make_it_forget();
	c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	assert_int_equal(EVP_PKEY_decrypt_init(c), 1);
	assert_int_equal(EVP_PKEY_decrypt(c, out, &n, box, box_n), 1);
	assert_int_equal(n, 4);
	assert_memory_equal(out, "data", 4);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(key);
	EVP_PKEY_free(soft);
}

static void *read_and_sign(void *vref)
{
	for (int i = 0; i < 10; i++) {
		EVP_PKEY *key = read_reference(vref);

		if (!key)
			return vref;
		must_sign(key);
		EVP_PKEY_free(key);
		key = token_keys_load(libctx, URI("rsa"));
		if (!key)
			return vref;
		must_sign(key);
		EVP_PKEY_free(key);
	}
	return NULL;
}

static void by_many_threads(void **state)
{
	BIO *ref = reference(URI("ec"));
	pthread_t t[4];
	void *bad = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, read_and_sign, ref), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], &bad), 0);
		assert_null(bad);
	}
	BIO_free(ref);
}

/* What threads read while libcrypto forgets again and again what it has found. */
struct forgetful {
	BIO *pem, *der, *file;
	atomic_int readers;
};

static bool is_ours(const EVP_PKEY *key)
{
	return strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "inro") == 0;
}

static bool signs(EVP_PKEY *key, bool of_token)
{
	bool ok = key && (!of_token || is_ours(key));

	if (ok)
		must_sign(key);
	EVP_PKEY_free(key);
	return ok;
}

static void *read_all(void *vf)
{
	struct forgetful *f = vf;
	bool ok = true;

	for (int i = 0; ok && i < 10; i++)
		ok = signs(read_reference(f->pem), true) && signs(read_der(f->der), true) &&
		     signs(read_reference(f->file), false);
	atomic_fetch_sub(&f->readers, 1);
	return ok ? NULL : f;
}

/* A provider that has nothing: libcrypto 3.0 can't take leave of one with decoders while others
 * list them. */
static void forget_until_done(struct forgetful *f)
{
	while (atomic_load(&f->readers) > 0) {
		OSSL_PROVIDER *p = OSSL_PROVIDER_load(libctx, "null");

		assert_non_null(p);
		OSSL_PROVIDER_unload(p);
	}
}

static void by_threads_that_forget(void **state)
{
	EVP_PKEY *key = load(URI("ec")), *soft = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
	struct forgetful f = { reference(URI("ec")), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()),
			       3 };
	pthread_t t[3];
	void *bad = NULL;

	(void)state;
	assert_int_equal(i2d_PrivateKey_bio(f.der, key), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(f.file, soft, NULL, NULL, 0, NULL, NULL), 1);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, read_all, &f), 0);
	forget_until_done(&f);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], &bad), 0);
		assert_null(bad);
	}
	EVP_PKEY_free(soft);
	EVP_PKEY_free(key);
	BIO_free(f.pem);
	BIO_free(f.der);
	BIO_free(f.file);
}

/* What is said or not said so that programs can fetch kinds from us by name. */
static void by_setting(void **state)
{
	static const char *const settings[] = {
		PIN,
		PIN "key-kinds = always",
		PIN "key-kinds = in-use\nkeygen = pkcs11:token=line1;object=new",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		OSSL_LIB_CTX *kept = libctx;
		EVP_PKEY *key;

		libctx = token_keys_libctx_configured(settings[i]);
		assert_true(seen() >= KINDS);
		key = load(URI("ec"));
		must_sign(key);
		EVP_PKEY_free(key);
		token_keys_libctx_free(libctx);
		libctx = kept;
	}
}

/* A program that loads the provider itself wants it whole. */
static void loaded_by_hand(void **state)
{
	OSSL_LIB_CTX *kept = libctx;

	(void)state;
	libctx = token_keys_libctx("default", "inro");
	assert_true(seen() >= KINDS);
	token_keys_libctx_free(libctx);
	libctx = kept;
}

/* With or without algorithms by secret keys pairs do all they do, and the names are not ours. */
static void secret_keys(void **state)
{
	const struct {
		const char *settings;
		bool there;
	} rows[] = {
		{ PIN, true },
		{ PIN "secret-keys = yes", true },
		{ PIN "secret-keys = no", false },
		{ PIN "secret-keys = no\nkey-kinds = in-use", false },
		{ PIN "secret-keys = openssl", !hides() },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OSSL_LIB_CTX *kept = libctx;
		EVP_CIPHER *cipher;
		EVP_MAC *mac;
		EVP_PKEY *key;

		libctx = token_keys_libctx_configured(rows[i].settings);
		mac = EVP_MAC_fetch(libctx, "INRO-HMAC", NULL);
		cipher = EVP_CIPHER_fetch(libctx, "INRO-AES-256-CBC", NULL);
		assert_int_equal(mac != NULL, rows[i].there);
		assert_int_equal(cipher != NULL, rows[i].there);
		EVP_MAC_free(mac);
		EVP_CIPHER_free(cipher);
		key = load(URI("ec"));
		must_sign(key);
		EVP_PKEY_free(key);
		token_keys_libctx_free(libctx);
		libctx = kept;
	}
}

static EVP_PKEY *read_by_store(BIO *pem)
{
	char *text;
	long n = BIO_get_mem_data(pem, &text);
	EVP_PKEY *key = token_keys_load(libctx, scratch_file("reference.pem", text, (size_t)n));

	ERR_clear_error();
	return key;
}

static void is_read(EVP_PKEY *key, bool read)
{
	assert_int_equal(key != NULL, read);
	if (key)
		must_sign(key);
	EVP_PKEY_free(key);
}

/* With references = pem a program that reads a PEM file gets its key as ever, and those that would
 * need the decoder of DER an error. */
static void references(void **state)
{
	static const struct {
		const char *settings;
		bool all;
	} rows[] = {
		{ PIN, true },
		{ PIN "references = any", true },
		{ PIN "references = pem", false },
		{ PIN "references = pem\nkey-kinds = in-use\nsecret-keys = no", false },
	};
	EVP_PKEY *key = load(URI("ec"));
	BIO *pem = reference(URI("ec")), *der = BIO_new(BIO_s_mem());

	(void)state;
	assert_int_equal(i2d_PrivateKey_bio(der, key), 1);
	EVP_PKEY_free(key);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OSSL_LIB_CTX *kept = libctx;

		libctx = token_keys_libctx_configured(rows[i].settings);
		is_read(read_reference(pem), true);
		is_read(read_der(der), rows[i].all || !hides());
		is_read(read_by_store(pem), rows[i].all || !hides());
		is_read(token_keys_load(libctx, URI("rsa")), true);
		token_keys_libctx_free(libctx);
		libctx = kept;
	}
	BIO_free(pem);
	BIO_free(der);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_seen), TEST(by_uri),	     TEST(by_reference),
		TEST(agreements),      TEST(decryption),     TEST(by_many_threads),
		TEST(by_setting),      TEST(loaded_by_hand), TEST(secret_keys),
		TEST(asked_in_vain),   TEST(references),     TEST(by_threads_that_forget),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
