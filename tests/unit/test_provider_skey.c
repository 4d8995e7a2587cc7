/* test_provider_skey - secret keys of a token as EVP_SKEY, which OpenSSL has from 3.5 on.  The
 * functions are looked up at run time: what was built with older headers runs there as well. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "tests/lib/token_keys.h"

#define URI(label) "pkcs11:token=line1;object=" label "?pin-value=" TOKEN_KEYS_PIN
#define SELECT_ALL 3

struct skey; /* EVP_SKEY */

static struct {
	struct skey *(*import)(OSSL_LIB_CTX *, const char *name, const char *properties,
			       int selection, const OSSL_PARAM *);
	struct skey *(*generate)(OSSL_LIB_CTX *, const char *name, const char *properties,
				 const OSSL_PARAM *);
	int (*export)(const struct skey *, int selection, OSSL_CALLBACK *, void *);
	const char *(*get0_key_id)(const struct skey *);
	void (*free)(struct skey *);
	int (*cipher_init)(EVP_CIPHER_CTX *, const EVP_CIPHER *, struct skey *,
			   const unsigned char *iv, size_t iv_n, int enc, const OSSL_PARAM *);
	int (*mac_init)(EVP_MAC_CTX *, struct skey *, const OSSL_PARAM *);
} f;

static OSSL_LIB_CTX *libctx;
static const unsigned char secret[] = "0123456789abcdef0123456789ABCDEF";
static const unsigned char iv[] = "fedcba9876543210";
static const unsigned char data[] = "what is enciphered and authenticated";

static bool look_up(void)
{
	*(void **)&f.import = dlsym(RTLD_DEFAULT, "EVP_SKEY_import");
	*(void **)&f.generate = dlsym(RTLD_DEFAULT, "EVP_SKEY_generate");
	*(void **)&f.export = dlsym(RTLD_DEFAULT, "EVP_SKEY_export");
	*(void **)&f.get0_key_id = dlsym(RTLD_DEFAULT, "EVP_SKEY_get0_key_id");
	*(void **)&f.free = dlsym(RTLD_DEFAULT, "EVP_SKEY_free");
	*(void **)&f.cipher_init = dlsym(RTLD_DEFAULT, "EVP_CipherInit_SKEY");
	*(void **)&f.mac_init = dlsym(RTLD_DEFAULT, "EVP_MAC_init_SKEY");
	return f.import && f.generate && f.export && f.get0_key_id && f.free && f.cipher_init &&
	       f.mac_init;
}

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("inro", "default");
	token_keys_import_secret("aes", 0x21, CKK_AES, BYTES(secret, 32));
	token_keys_import_secret("mac", 0x22, CKK_GENERIC_SECRET, BYTES(secret, 32));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	token_keys_libctx_free(libctx);
	return 0;
}

static struct skey *import(const char *name, const char *uri)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t)uri, 0),
		OSSL_PARAM_construct_end(),
	};

	return f.import(libctx, name, NULL, SELECT_ALL, uri ? params : params + 1);
}

static size_t encipher(const char *name, struct skey *key, unsigned char out[64])
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, name, NULL);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;

	assert_non_null(cipher);
	if (key)
		assert_true(f.cipher_init(c, cipher, key, iv, 16, 1, NULL));
	else
		assert_true(EVP_EncryptInit_ex2(c, cipher, secret, iv, NULL));
	EVP_CIPHER_free(cipher);
	assert_true(EVP_EncryptUpdate(c, out, &n, data, sizeof data));
	assert_true(EVP_EncryptFinal_ex(c, out + n, &last));
	EVP_CIPHER_CTX_free(c);
	return (size_t)n + (size_t)last;
}

static void ciphers(void **state)
{
	struct skey *key = import("INRO-AES", URI("aes"));
	unsigned char ours[64], theirs[64];
	size_t n;

	(void)state;
	assert_non_null(key);
	n = encipher("INRO-AES-256-CBC", key, ours);
	assert_int_equal(n, encipher("AES-256-CBC", NULL, theirs));
	assert_memory_equal(ours, theirs, n);
	f.free(key);
}

static size_t authenticate(const char *name, struct skey *key, const char *parameter,
			   const char *value, unsigned char out[64])
{
	EVP_MAC *mac = EVP_MAC_fetch(libctx, name, NULL);
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(parameter, (char *)(uintptr_t)value, 0),
		OSSL_PARAM_construct_end(),
	};
	size_t n = 0;

	EVP_MAC_free(mac);
	if (key)
		assert_true(f.mac_init(c, key, params));
	else
		assert_true(EVP_MAC_init(c, secret, 32, params));
	assert_true(EVP_MAC_update(c, data, sizeof data));
	assert_true(EVP_MAC_final(c, out, &n, 64));
	EVP_MAC_CTX_free(c);
	return n;
}

static void macs(void **state)
{
	static const struct {
		const char *kind, *uri, *ours, *theirs, *parameter, *value;
	} rows[] = {
		{ "INRO-GENERIC-SECRET", URI("mac"), "INRO-HMAC", "HMAC", "digest", "SHA256" },
		{ "INRO-AES", URI("aes"), "INRO-CMAC", "CMAC", "cipher", "AES-256-CBC" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct skey *key = import(rows[i].kind, rows[i].uri);
		unsigned char ours[64], theirs[64];
		size_t n;

		assert_non_null(key);
		n = authenticate(rows[i].ours, key, rows[i].parameter, rows[i].value, ours);
		assert_int_equal(n, authenticate(rows[i].theirs, NULL, rows[i].parameter,
						 rows[i].value, theirs));
		assert_memory_equal(ours, theirs, n);
		f.free(key);
	}
}

static int count_call(const OSSL_PARAM params[], void *arg)
{
	(void)params;
	++*(int *)arg;
	return 1;
}

static void values_stay(void **state)
{
	struct skey *key = import("INRO-AES", URI("aes"));
	int calls = 0;
	const char *id;

	(void)state;
	id = f.get0_key_id(key);
	assert_non_null(id);
	assert_non_null(strstr(id, "object=aes"));
	assert_null(strstr(id, TOKEN_KEYS_PIN));
	assert_int_equal(f.export(key, SELECT_ALL, count_call, &calls), 0);
	assert_int_equal(calls, 0);
	f.free(key);
	ERR_clear_error();
}

static void what_is_refused(void **state)
{
	EVP_CIPHER *small = EVP_CIPHER_fetch(libctx, "INRO-AES-128-CBC", NULL);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	struct skey *key = import("INRO-AES", URI("aes"));

	(void)state;
	assert_null(import("INRO-AES", NULL));
	assert_null(import("INRO-AES", URI("none")));
	assert_null(import("INRO-AES", URI("mac")));
	assert_null(import("INRO-AES", URI("ec")));
	assert_null(import("INRO-AES", "nonsense"));
	assert_null(import("INRO-GENERIC-SECRET", URI("aes")));
	assert_int_not_equal(f.cipher_init(c, small, key, iv, 16, 1, NULL), 1); /* 32 bytes */
	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_free(small);
	f.free(key);
	ERR_clear_error();
}

static struct skey *make(const char *name, const char *uri, size_t n)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t)uri, 0),
		OSSL_PARAM_construct_size_t("key-length", &n),
		OSSL_PARAM_construct_end(),
	};

	return f.generate(libctx, name, NULL, uri ? params : params + 1);
}

/* Made in the token: there it is found again, and what one of the two enciphers is the other's. */
static void made_in_the_token(void **state)
{
	struct skey *made = make("INRO-AES", URI("made"), 16),
		    *found = import("INRO-AES", URI("made"));
	unsigned char first[64], second[64];

	(void)state;
	assert_non_null(made);
	assert_non_null(found);
	assert_int_equal(encipher("INRO-AES-128-CBC", made, first), 48);
	assert_int_equal(encipher("INRO-AES-128-CBC", found, second), 48);
	assert_memory_equal(first, second, 48);
	f.free(made);
	f.free(found);
	made = make("INRO-GENERIC-SECRET", URI("made2"), 48);
	assert_non_null(made);
	assert_int_equal(authenticate("INRO-HMAC", made, "digest", "SHA384", first), 48);
	f.free(made);
}

static void not_made(void **state)
{
	(void)state;
	assert_null(make("INRO-AES", URI("aes"), 16)); /* there is one of that name */
	assert_null(make("INRO-AES", URI("ec"), 16));
	assert_null(make("INRO-AES", NULL, 16));
	assert_null(make("INRO-AES", URI("odd"), 15));
	assert_null(make("INRO-AES", URI("odd"), 0));
	assert_null(make("INRO-AES", "pkcs11:token=line1?pin-value=" TOKEN_KEYS_PIN, 16));
	assert_null(make("INRO-AES", "pkcs11:token=line1;object=odd;type=private", 16));
	assert_null(make("INRO-AES", "pkcs11:token=none;object=odd", 16));
	assert_null(import("INRO-AES", URI("odd")));
	ERR_clear_error();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ciphers),	     cmocka_unit_test(macs),
		cmocka_unit_test(values_stay),	     cmocka_unit_test(what_is_refused),
		cmocka_unit_test(made_in_the_token), cmocka_unit_test(not_made),
	};

	if (!look_up())
		return 77; /* libcrypto is older */
	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
