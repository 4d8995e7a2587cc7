/*
 * test_provider_shown - a provider that openssl.cnf activates shows libcrypto 3.0 its kinds of keys
 * only where a key of a token is used, and every use of such a key works all the same.  So does,
 * without the setting key-kinds = in-use, what fetches kinds from us by name.
 *
 * With other releases of libcrypto all kinds are always there; what is used is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
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
static const char *settings = PIN;
static bool in_use; /* is what they say */

static int set_up(void **state)
{
	(void)state;
	ERR_clear_error();
	libctx = token_keys_libctx_configured(settings);
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

/* Under a name that no test has given before. */
static EVP_PKEY *import_and_load(const char *what, EVP_PKEY *soft)
{
	static CK_BYTE n;
	CK_BYTE id = (CK_BYTE)((in_use ? 40 : 20) + ++n);
	char label[32], uri[128];

	snprintf(label, sizeof label, "%s-%u", what, id);
	token_keys_import(label, id, soft);
	snprintf(uri, sizeof uri, URI("%s;type=private"), label);
	return load(uri);
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

static void is_from(const char *name, const char *properties, const char *provider)
{
	EVP_KEYMGMT *kind = EVP_KEYMGMT_fetch(libctx, name, properties);

	assert_non_null(kind);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(kind)), provider);
	EVP_KEYMGMT_free(kind);
}

static const char *const kinds[KINDS] = { "RSA",   "RSA-PSS", "EC",  "ED25519",
					  "ED448", "X25519",  "X448" };

static void all_are_found(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		is_from(kinds[i], "provider=inro", "inro");
		is_from(kinds[i], "?provider=inro", "inro");
	}
}

/* A program that has read a key or a certificate finds all by name, and they stay hidden. */
static void found_by_name(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_seen(0);
		all_are_found();
		is_from("EC", NULL, "default");
		assert_seen(0);
		make_it_forget();
	}
}

/* One that fetches by name before anything else finds them too: then they are shown. */
static void found_by_name_first(void **state)
{
	(void)state;
	is_from("ED448", "?provider=inro", "inro");
	all_are_found();
	is_from("ED448", NULL, "default");
	assert_true(seen() >= KINDS);
}

static void found_by_name_after_forgetting(void **state)
{
	(void)state;
	assert_seen(0);
	make_it_forget();
	is_from("RSA", "?provider=inro", "inro");
	all_are_found();
	is_from("RSA", NULL, "default");
}

/* What is fetched without a word about providers is nobody's reason to show anything. */
static void others_are_fetched(void **state)
{
	(void)state;
	assert_seen(0);
	for (size_t i = 0; i < KINDS; i++)
		is_from(kinds[i], NULL, "default");
	assert_null(EVP_KEYMGMT_fetch(libctx, "no such kind", NULL));
	assert_seen(0);
}

static void preferred(void **state)
{
	(void)state;
	assert_seen(0);
	assert_int_equal(EVP_set_default_properties(libctx, "?provider=inro"), 1);
	for (size_t i = 0; i < KINDS; i++)
		is_from(kinds[i], NULL, "inro");
}

/* libcrypto remembers 500 fetches, and then forgets half of them. */
static void forgotten_by_halves(void **state)
{
	(void)state;
	assert_seen(0);
	for (int i = 0; i < 1200; i++) {
		char properties[32];

		snprintf(properties, sizeof properties, "?n%d=yes", i);
		is_from("EC", properties, "default");
		if (i % 40 == 0)
			assert_true(seen() <= KINDS);
	}
	all_are_found();
	is_from("EC", NULL, "default");
}

static void *find_first(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < KINDS; i++) {
		EVP_KEYMGMT *kind = EVP_KEYMGMT_fetch(libctx, kinds[i], "?provider=inro");
		const char *of =
			kind ? OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(kind)) : "";
		bool ours = strcmp(of, "inro") == 0;

		EVP_KEYMGMT_free(kind);
		if (!ours)
			return libctx;
		seen();
	}
	return NULL;
}

static void found_by_many_threads(void **state)
{
	pthread_t t[4];
	void *bad = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, find_first, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], &bad), 0);
		assert_null(bad);
	}
}

/* Where a program says so, a key is made in the token and nowhere else. */
static void made_by_name(void **state)
{
	static const char *const by[] = { "provider=inro", "?provider=inro" };

	(void)state;
	assert_seen(0);
	for (size_t i = 0; i < ARRAY_LEN(by); i++) {
		char uri[] = URI("made-N");
		EVP_PKEY *key = NULL;
		EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(libctx, "EC", by[i]);
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string("group", (char[]) { "P-256" }, 0),
			OSSL_PARAM_construct_utf8_string("pkcs11_uri", uri, 0),
			OSSL_PARAM_construct_end(),
		};

		uri[strlen(uri) - 1] = (char)('0' + i);
		assert_int_equal(EVP_PKEY_keygen_init(c), 1);
		assert_int_equal(EVP_PKEY_CTX_set_params(c, params), 1);
		assert_int_equal(EVP_PKEY_generate(c, &key), 1);
		EVP_PKEY_CTX_free(c);
		EVP_PKEY_free(key);
		key = load(uri);
		must_sign(key);
		EVP_PKEY_free(key);
	}
	assert_seen(0);
}

/* Nobody else has kinds: then files and certificates need ours. */
static void alone(void **state)
{
	OSSL_LIB_CTX *kept = libctx;
	char text[512];
	int n = snprintf(text, sizeof text,
			 "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
			 "inro = token\n[token]\nmodule = %s/lib/inro.so\nactivate = 1\n",
			 getenv("INRO_TEST_BUILD"));

	(void)state;
	libctx = OSSL_LIB_CTX_new();
	assert_int_equal(
		OSSL_LIB_CTX_load_config(libctx, scratch_file("alone.cnf", text, (size_t)n)), 1);
	assert_true(seen() >= KINDS);
	is_from("EC", NULL, "inro");
	OSSL_LIB_CTX_free(libctx);
	libctx = kept;
}

/* A program of TLS makes its contexts first. */
static void with_tls(void **state)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL);

	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		is_from(kinds[i], NULL, "default");
	assert_seen(0);
	all_are_found();
	assert_seen(0);
	EVP_CIPHER_free(cipher);
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
	EVP_PKEY *soft, *key, *peer;
	unsigned char ours[32], theirs[32];

	(void)state;
	assert_seen(0);
	soft = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
	key = import_and_load("agrees", soft);
	peer = peer_of(key);
	for (int forget = 0; forget < 2; forget++) {
		agree(key, peer, forget, ours);
		agree(peer, soft, false, theirs);
		assert_memory_equal(ours, theirs, sizeof ours);
		if (!forget || in_use)
			assert_seen(0);
	}
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
	assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
	assert_int_equal(EVP_PKEY_encrypt(c, box, &box_n, (const unsigned char *)"data", 4), 1);
	EVP_PKEY_CTX_free(c);
	key = import_and_load("decrypts", soft);
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

/* What is said or not said so that programs can fetch kinds from us by name. */
static void by_setting(void **state)
{
	static const char *const rows[] = {
		PIN "keygen = pkcs11:token=line1;object=new",
		PIN "key-kinds = always",
		PIN "key-kinds = in-use\nkeygen = pkcs11:token=line1;object=new",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OSSL_LIB_CTX *kept = libctx;
		EVP_PKEY *key;

		libctx = token_keys_libctx_configured(rows[i]);
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
	static const struct {
		const char *settings;
		bool there;
	} rows[] = {
		{ PIN, true },
		{ PIN "secret-keys = yes", true },
		{ PIN "secret-keys = no", false },
		{ PIN "secret-keys = no\nkey-kinds = in-use", false },
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static int hidden(void *arg)
{
	const struct CMUnitTest tests[] = {
		TEST(by_uri),	  TEST(by_reference),	 TEST(agreements),
		TEST(decryption), TEST(by_many_threads), TEST(nothing_is_seen),
		TEST(by_setting), TEST(loaded_by_hand),	 TEST(secret_keys),
	};

	(void)arg;
	settings = PIN "key-kinds = in-use\n";
	in_use = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

static int found(void *arg)
{
	const struct CMUnitTest tests[] = {
		TEST(found_by_name),
		TEST(found_by_name_first),
		TEST(others_are_fetched),
		TEST(found_by_name_after_forgetting),
		TEST(preferred),
		TEST(forgotten_by_halves),
		TEST(found_by_many_threads),
		TEST(made_by_name),
		TEST(alone),
		TEST(with_tls),
		TEST(by_uri),
		TEST(by_reference),
		TEST(agreements),
		TEST(decryption),
		TEST(by_many_threads),
	};

	(void)arg;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Each by a process of its own, for what a thread has read it is shown for good. */
int main(void)
{
	token_keys_make();
	return scratch_child(found, NULL) + scratch_child(hidden, NULL);
}
