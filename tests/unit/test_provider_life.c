/* test_provider_life - how long keys, contexts and providers live, in which order they go, and what
 * is left of a key when its token is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define PIN  "?pin-value=" TOKEN_KEYS_PIN
#define EC   "pkcs11:token=line1;object=ec" PIN
#define RSA_ "pkcs11:token=line1;object=rsa" PIN

static const unsigned char data[] = "what is signed";

static bool signs(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char sig[256];
	size_t n = sizeof sig;
	bool ok = EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL) == 1 &&
		  EVP_DigestSign(c, sig, &n, data, sizeof data) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

static EVP_PKEY *stranger(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = n > 0 ? d2i_PUBKEY_ex(NULL, &at, n, libctx, NULL) : NULL;

	OPENSSL_free(der);
	assert_non_null(public);
	return public;
}

/* As a stack does that decodes its key once a policy and once a connection. */
static void a_thousand_alive(void **state)
{
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY **keys = calloc(1000, sizeof(EVP_PKEY *));

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		keys[i] = token_keys_load(libctx, EC);
		assert_non_null(keys[i]);
	}
	for (size_t i = 0; i < 1000; i += 37)
		assert_true(signs(libctx, keys[i]));
	for (size_t i = 0; i < 1000; i += 2)
		EVP_PKEY_free(keys[i]);
	assert_true(signs(libctx, keys[999]));
	for (size_t i = 1; i < 1000; i += 2)
		EVP_PKEY_free(keys[i]);
	free(keys);
	token_keys_libctx_free(libctx);
}

/* By the command, in a process of its own. */
static void inro(const char *arguments)
{
	char command[4096];

	snprintf(command, sizeof command, "'%s/bin/inro' %s >/dev/null", getenv("INRO_TEST_BUILD"),
		 arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* A TPM has three places: more keys than that, and many EVP_PKEYs of each, take turns. */
static void a_thousand_of_a_tpm(void **state)
{
	static const char *const makers[] = {
		"token create tpm1 --backend tpm --tcti libtpms:",
		"key generate --token tpm1 --label k0",
		"key generate --token tpm1 --label k1",
		"key generate --token tpm1 --label k2",
		"key generate --token tpm1 --label k3",
		"key generate --token tpm1 --label k4",
	};
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY **keys = calloc(1000, sizeof(EVP_PKEY *));
	char uri[] = "pkcs11:token=tpm1;object=k0;type=private" PIN;

	(void)state;
	assert_int_equal(setenv("INRO_PIN", TOKEN_KEYS_PIN, 1), 0);
	assert_int_equal(setenv("INRO_SO_PIN", "87654321", 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(makers); i++)
		inro(makers[i]);
	assert_int_equal(unsetenv("INRO_PIN"), 0);
	for (size_t i = 0; i < 1000; i++) {
		*(strstr(uri, "=k") + 2) = (char)('0' + i % 5);
		keys[i] = token_keys_load(libctx, uri);
		assert_non_null(keys[i]);
	}
	for (size_t i = 0; i < 1000; i += 49)
		assert_true(signs(libctx, keys[i]));
	for (size_t i = 0; i < 1000; i++)
		EVP_PKEY_free(keys[i]);
	free(keys);
	token_keys_libctx_free(libctx);
}

/* Each context has a provider of its own; a key of one works beside those of the other. */
static void two_contexts(void **state)
{
	OSSL_LIB_CTX *a = token_keys_libctx("default", "inro");
	OSSL_LIB_CTX *b = token_keys_libctx("default", "inro");
	EVP_PKEY *in_a = token_keys_load(a, EC), *in_b = token_keys_load(b, EC);

	(void)state;
	assert_non_null(in_a);
	assert_non_null(in_b);
	assert_int_equal(EVP_PKEY_eq(in_a, in_b), 1);
	assert_int_equal(EVP_PKEY_eq(in_b, in_a), 1);
	assert_true(signs(a, in_a) && signs(b, in_b));
	EVP_PKEY_free(in_a);
	token_keys_libctx_free(a);
	assert_true(signs(b, in_b));
	EVP_PKEY_free(in_b);
	token_keys_libctx_free(b);
}

static OSSL_LIB_CTX *bare_context(void)
{
	OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
	char path[4096];

	snprintf(path, sizeof path, "%s/lib", getenv("INRO_TEST_BUILD"));
	assert_int_equal(OSSL_PROVIDER_set_default_search_path(libctx, path), 1);
	return libctx;
}

static OSSL_PROVIDER *load(OSSL_LIB_CTX *libctx, const char *name)
{
	OSSL_PROVIDER *p = OSSL_PROVIDER_load(libctx, name);

	assert_non_null(p);
	return p;
}

static void loaded_twice_and_again(void **state)
{
	OSSL_LIB_CTX *libctx = bare_context();
	OSSL_PROVIDER *standard = load(libctx, "default");

	(void)state;
	for (int i = 0; i < 5; i++) {
		OSSL_PROVIDER *first = load(libctx, "inro"), *second = load(libctx, "inro");
		EVP_PKEY *key = token_keys_load(libctx, EC);

		assert_non_null(key);
		assert_int_equal(OSSL_PROVIDER_unload(first), 1);
		assert_true(signs(libctx, key));
		EVP_PKEY_free(key);
		assert_int_equal(OSSL_PROVIDER_unload(second), 1);
		assert_null(token_keys_load(libctx, EC));
		ERR_clear_error();
	}
	OSSL_PROVIDER_unload(standard);
	OSSL_LIB_CTX_free(libctx);
}

/* What is alive keeps what it stands on. */
static void unloaded_while_keys_are_alive(void **state)
{
	OSSL_LIB_CTX *libctx = bare_context();
	OSSL_PROVIDER *standard = load(libctx, "default"), *inro = load(libctx, "inro");
	EVP_PKEY *key = token_keys_load(libctx, EC), *copy;
	unsigned char sig[80], digest[32] = { 0 };
	size_t n = sizeof sig;
	EVP_PKEY_CTX *begun = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);

	(void)state;
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_sign_init(begun), 1);
	assert_int_equal(OSSL_PROVIDER_unload(inro), 1);
	assert_int_equal(EVP_PKEY_sign(begun, sig, &n, digest, sizeof digest), 1);
	assert_int_equal(EVP_PKEY_get_bits(key), 256);
	copy = EVP_PKEY_dup(key);
	assert_non_null(copy);
	EVP_PKEY_free(copy);
	EVP_PKEY_CTX_free(begun);
	EVP_PKEY_free(key);
	OSSL_PROVIDER_unload(standard);
	OSSL_LIB_CTX_free(libctx);
	ERR_clear_error();
}

/* Whatever is asked about the public half needs no token: it may be deleted by then. */
static void what_is_known_without_the_token(EVP_PKEY *key, EVP_PKEY *public)
{
	OSSL_PARAM *params = NULL;
	unsigned char *point = NULL;
	char text[64];

	assert_int_equal(EVP_PKEY_eq(key, public), 1);
	assert_int_equal(EVP_PKEY_eq(public, key), 1);
	assert_int_equal(EVP_PKEY_get_size(key), EVP_PKEY_get_size(public));
	assert_true(EVP_PKEY_get_default_digest_name(key, text, sizeof text) > 0);
	assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
	OSSL_PARAM_free(params);
	assert_int_not_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 1);
	if (EVP_PKEY_is_a(key, "EC")) {
		assert_int_equal(EVP_PKEY_get1_encoded_public_key(key, &point), 65);
		OPENSSL_free(point);
	}
	/* has(PRIVATE): libcrypto writes the key where there is one. */
	assert_true(i2d_PrivateKey(key, NULL) > 0);
}

static void move_tokens(const char *from, const char *to)
{
	char a[512], b[512];

	snprintf(a, sizeof a, "%s/%s", scratch_dir(), from);
	snprintf(b, sizeof b, "%s/%s", scratch_dir(), to);
	assert_int_equal(rename(a, b), 0);
}

static void after_the_token_is_gone(void **state)
{
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY *keys[] = { token_keys_load(libctx, EC), token_keys_load(libctx, RSA_) };

	(void)state;
	move_tokens("tokens", "elsewhere");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		EVP_PKEY *public = stranger(libctx, keys[i]);

		what_is_known_without_the_token(keys[i], public);
		EVP_PKEY_free(public);
	}
	move_tokens("elsewhere", "tokens");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		assert_true(signs(libctx, keys[i]));
		EVP_PKEY_free(keys[i]);
	}
	ERR_clear_error();
	token_keys_libctx_free(libctx);
}

/* As a stack does that takes a key as DER, writes it as PEM, and reads that. */
static void round_trips(void **state)
{
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY *keys[] = { token_keys_load(libctx, EC), token_keys_load(libctx, RSA_) };

	(void)state;
	assert_int_equal(setenv("INRO_PIN", TOKEN_KEYS_PIN, 1), 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		BIO *der = BIO_new(BIO_s_mem()), *pem = BIO_new(BIO_s_mem());
		EVP_PKEY *from_der, *from_pem;

		assert_int_equal(i2d_PrivateKey_bio(der, keys[i]), 1);
		from_der = d2i_PrivateKey_ex_bio(der, NULL, libctx, NULL);
		assert_non_null(from_der);
		assert_int_equal(PEM_write_bio_PrivateKey(pem, from_der, NULL, NULL, 0, NULL, NULL),
				 1);
		from_pem = PEM_read_bio_PrivateKey_ex(pem, NULL, NULL, NULL, libctx, NULL);
		assert_non_null(from_pem);
		assert_int_equal(EVP_PKEY_eq(from_pem, keys[i]), 1);
		assert_int_equal(i2d_PrivateKey(from_pem, NULL), i2d_PrivateKey(keys[i], NULL));
		assert_true(signs(libctx, from_pem));
		EVP_PKEY_free(from_der);
		EVP_PKEY_free(from_pem);
		EVP_PKEY_free(keys[i]);
		BIO_free(der);
		BIO_free(pem);
	}
	assert_int_equal(unsetenv("INRO_PIN"), 0);
	token_keys_libctx_free(libctx);
}

static OSSL_LIB_CTX *asking;
static int asked;

static int child_loads(void *arg)
{
	EVP_PKEY *key = token_keys_load(asking, EC);

	(void)arg;
	alarm(90);
	return key && signs(asking, key) ? 0 : 1;
}

/* The program's answer to a prompt; it may well start a program for it. */
static int answer(UI *ui, UI_STRING *prompt)
{
	if (UI_get_string_type(prompt) != UIT_PROMPT)
		return 1;
	asked++;
	assert_int_equal(scratch_child(child_loads, NULL), 0);
	return UI_set_result(ui, prompt, TOKEN_KEYS_PIN) == 0;
}

static void asked_at_the_load_and_free_to_fork(void **state)
{
	UI_METHOD *method = UI_create_method("test");
	OSSL_STORE_CTX *store;
	OSSL_STORE_INFO *info;

	(void)state;
	asking = token_keys_libctx("default", "inro");
	asked = 0;
	assert_int_equal(UI_method_set_reader(method, answer), 0);
	store = OSSL_STORE_open_ex("pkcs11:token=line1;object=ec;type=private", asking, NULL,
				   method, NULL, NULL, NULL, NULL);
	assert_non_null(store);
	assert_int_equal(asked, 0);
	info = OSSL_STORE_load(store);
	assert_non_null(info);
	assert_int_equal(asked, 1);
	assert_true(signs(asking, OSSL_STORE_INFO_get0_PKEY(info)));
	OSSL_STORE_INFO_free(info);
	OSSL_STORE_close(store);
	UI_destroy_method(method);
	token_keys_libctx_free(asking);
}

/* A program of somebody who may not read the tokens, or has none: its own keys are not disturbed,
 * and what it asks of the token fails with a reason. */
static int a_strangers_program(void *arg)
{
	const char *home = arg;
	OSSL_LIB_CTX *libctx;
	EVP_PKEY *own;
	bool ok;

	alarm(90);
	libctx = token_keys_libctx("default", "inro"); /* whose file he may not read either */
	if (setenv("INRO_HOME", home, 1) != 0)
		return 1;
	if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 2;
	own = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
	ok = own && signs(libctx, own);
	EVP_PKEY_free(own);
	if (!ok)
		return 3;
	if (token_keys_load(libctx, EC) || ERR_peek_error() == 0)
		return 4;
	ERR_clear_error();
	own = EVP_PKEY_Q_keygen(libctx, "provider=inro", "EC", "P-256");
	ok = own && signs(libctx, own);
	EVP_PKEY_free(own);
	token_keys_libctx_free(libctx);
	return ok ? 0 : 5;
}

static void who_may_not_read_is_not_disturbed(void **state)
{
	char missing[512];

	(void)state;
	snprintf(missing, sizeof missing, "%s/no/such/folder", scratch_dir());
	assert_int_equal(scratch_child(a_strangers_program, missing), 0);
	assert_int_equal(chmod(scratch_dir(), 0700), 0);
	assert_int_equal(scratch_child(a_strangers_program, (void *)(uintptr_t)scratch_dir()), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_alive),
		cmocka_unit_test(a_thousand_of_a_tpm),
		cmocka_unit_test(two_contexts),
		cmocka_unit_test(loaded_twice_and_again),
		cmocka_unit_test(unloaded_while_keys_are_alive),
		cmocka_unit_test(after_the_token_is_gone),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(asked_at_the_load_and_free_to_fork),
		cmocka_unit_test(who_may_not_read_is_not_disturbed),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
