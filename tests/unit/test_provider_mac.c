/* test_provider_mac - HMAC and CMAC by secret keys of a token, beside libcrypto's with the same
 * keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "tests/lib/chosen.h"
#include "tests/lib/token_keys.h"

#define URI(label) "pkcs11:token=line1;object=" label "?pin-value=" TOKEN_KEYS_PIN

static OSSL_LIB_CTX *libctx;
static const unsigned char secret[] = "0123456789abcdef0123456789abcdef";
static const unsigned char data[] = "what is authenticated, in more than one part";

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("inro", "default");
	token_keys_import_secret("mac", 0x21, CKK_GENERIC_SECRET, BYTES(secret, 32));
	token_keys_import_secret("aes", 0x22, CKK_AES, BYTES(secret, 32));
	token_keys_import_secret("twins", 0x23, CKK_GENERIC_SECRET, BYTES(secret, 32));
	token_keys_import_secret("twins", 0x24, CKK_GENERIC_SECRET, BYTES(secret, 32));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	token_keys_libctx_free(libctx);
	return 0;
}

struct row {
	const char *name, *ours; /* libcrypto's name and the token's */
	const char *parameter, *value;
	const char *uri;
};

static const struct row rows[] = {
	{ "HMAC", "INRO-HMAC", "digest", "SHA1", URI("mac") },
	{ "HMAC", "INRO-HMAC", "digest", "SHA2-224", URI("mac") },
	{ "HMAC", "INRO-HMAC", "digest", "SHA256", URI("mac") },
	{ "CMAC", "INRO-CMAC", "cipher", "AES-256-CBC", URI("aes") },
	{ "HMAC", "INRO-HMAC", "digest", "SHA-384", URI("mac") },
	{ "HMAC", "INRO-HMAC", "digest", "SHA512", URI("mac") },
	{ "HMAC", "INRO-HMAC", "digest", "SHA512-256", URI("mac") },
	{ "HMAC", "INRO-HMAC", "digest", "SHA3-256", URI("mac") },
};

#define ROWS_EVERYWHERE 4

static EVP_MAC_CTX *context(const char *name)
{
	EVP_MAC *mac = EVP_MAC_fetch(libctx, name, NULL);
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac);
	assert_non_null(c);
	return c;
}

static EVP_MAC_CTX *start(const struct row *r, bool ours)
{
	EVP_MAC_CTX *c = context(ours ? r->ours : r->name);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(r->parameter, (char *)(uintptr_t)r->value, 0),
		OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t)r->uri, 0),
		OSSL_PARAM_construct_end(),
	};

	if (!ours)
		params[1] = params[2];
	assert_true(EVP_MAC_init(c, ours ? NULL : secret, ours ? 0 : 32, params));
	return c;
}

static size_t finish(EVP_MAC_CTX *c, unsigned char out[64])
{
	size_t n = 0, size = EVP_MAC_CTX_get_mac_size(c);

	assert_true(EVP_MAC_update(c, data + 7, sizeof data - 7));
	assert_true(EVP_MAC_final(c, NULL, &n, 0));
	assert_int_equal(n, size);
	assert_false(EVP_MAC_final(c, out, &n, size - 1));
	assert_true(EVP_MAC_final(c, out, &n, 64));
	assert_int_equal(n, size);
	EVP_MAC_CTX_free(c);
	return n;
}

/* In two parts, and once more with a copy made in between. */
static void as_libcrypto_does(void **state)
{
	size_t rows_n = chosen_can("more-macs") ? ARRAY_LEN(rows) : ROWS_EVERYWHERE;

	(void)state;
	for (size_t i = 0; i < rows_n; i++) {
		EVP_MAC_CTX *c[3] = { start(&rows[i], false), start(&rows[i], true) };
		unsigned char out[3][64];
		size_t n[3];

		for (int k = 0; k < 2; k++)
			assert_true(EVP_MAC_update(c[k], data, 7));
		c[2] = EVP_MAC_CTX_dup(c[1]);
		assert_non_null(c[2]);
		for (int k = 0; k < 3; k++)
			n[k] = finish(c[k], out[k]);
		assert_int_equal(n[0], n[1]);
		assert_int_equal(n[0], n[2]);
		assert_memory_equal(out[0], out[1], n[0]);
		assert_memory_equal(out[0], out[2], n[0]);
	}
	ERR_clear_error();
}

/* A second message with the same key and digest, as programs do that keep the context. */
static void started_again(void **state)
{
	EVP_MAC_CTX *c = start(&rows[2], true);
	unsigned char out[2][32];
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(EVP_MAC_init(c, NULL, 0, NULL));
		assert_true(EVP_MAC_update(c, data, sizeof data));
		assert_true(EVP_MAC_final(c, out[i], &n, sizeof out[i]));
	}
	assert_memory_equal(out[0], out[1], n);
	EVP_MAC_CTX_free(c);
}

/* Even where our provider is named first, the public names are libcrypto's own. */
static void names_are_private(void **state)
{
	static const char *const names[] = { "HMAC", "CMAC" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		EVP_MAC *mac = EVP_MAC_fetch(libctx, names[i], "?provider=inro");

		assert_non_null(mac);
		assert_string_equal(OSSL_PROVIDER_get0_name(EVP_MAC_get0_provider(mac)), "default");
		EVP_MAC_free(mac);
	}
}

static bool set_text(EVP_MAC_CTX *c, const char *name, const char *value)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)value, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(c, params) == 1;
}

static void what_is_refused(void **state)
{
	static const char *const uris[] = {
		URI("none"),
		URI("twins"),
		URI("ec"),
		"pkcs11:token=other;object=mac",
		"mac",
		("pkcs11:token=line1;object=mac;type=private?pin-value=" TOKEN_KEYS_PIN),
	};
	EVP_MAC_CTX *c = context("INRO-HMAC");

	(void)state;
	assert_false(EVP_MAC_init(c, NULL, 0, NULL)); /* no key */
	for (size_t i = 0; i < ARRAY_LEN(uris); i++)
		assert_false(set_text(c, "pkcs11_uri", uris[i]));
	assert_true(set_text(c, "pkcs11_uri", URI("mac")));
	assert_false(EVP_MAC_init(c, NULL, 0, NULL)); /* no digest */
	assert_false(set_text(c, "digest", "MD5-SHA1"));
	assert_false(set_text(c, "digest", "none"));
	assert_true(set_text(c, "digest", "SHA256"));
	assert_false(EVP_MAC_init(c, secret, 32, NULL)); /* a key that is not the token's */
	assert_true(EVP_MAC_init(c, NULL, 0, NULL));
	EVP_MAC_CTX_free(c);
	ERR_clear_error();
}

/* Who passes over that a part did not fit gets no MAC of the others. */
static void what_does_not_fit(void **state)
{
	EVP_MAC_CTX *c = start(&rows[2], true), *copy;
	unsigned char *much = calloc(1, BUF_MAX + 1), out[32];
	size_t n = 0;

	(void)state;
	assert_non_null(much);
	assert_true(EVP_MAC_update(c, data, sizeof data));
	assert_false(EVP_MAC_update(c, much, BUF_MAX + 1));
	assert_false(EVP_MAC_update(c, data, sizeof data));
	copy = EVP_MAC_CTX_dup(c);
	assert_null(copy);
	assert_false(EVP_MAC_final(c, out, &n, sizeof out));
	assert_true(EVP_MAC_init(c, NULL, 0, NULL));
	assert_true(EVP_MAC_update(c, data, sizeof data));
	assert_true(EVP_MAC_final(c, out, &n, sizeof out));
	EVP_MAC_CTX_free(c);
	free(much);
	ERR_clear_error();
}

static void twins_are_named(void **state)
{
	EVP_MAC_CTX *c = context("INRO-HMAC");

	(void)state;
	assert_false(set_text(c, "pkcs11_uri", URI("twins")));
	assert_true(token_keys_error_says("2 secret keys match; name one of: pkcs11:"));
	assert_false(set_text(c, "pkcs11_uri", URI("twins")));
	assert_true(token_keys_error_says("id=%24;object=twins;type=secret-key"));
	EVP_MAC_CTX_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_libcrypto_does),
		cmocka_unit_test(started_again),
		cmocka_unit_test(names_are_private),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(what_does_not_fit),
		cmocka_unit_test(twins_are_named),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
