/*
 * test_provider_odd - modules that are not as one would wish: each row of a table is an oddity and
 * what the provider does all the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <pthread.h>

#include "base/own.h"
#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define PIN "?pin-value=" TOKEN_KEYS_PIN
#define EC  "pkcs11:token=line1;object=ec" PIN

static struct tap *tap;
static CK_FUNCTION_LIST *stranger; /* another user of the module in this process */

static EVP_PKEY *make(OSSL_LIB_CTX *libctx, const char *uri)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "EC", "provider=inro");
	EVP_PKEY *key = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("group", (char *)(uintptr_t) "P-256", 0),
		OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t)uri, 0),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
	if (EVP_PKEY_generate(ctx, &key) != 1)
		assert_null(key);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void *sign_some(void *arg)
{
	for (int i = 0; i < 20; i++)
		if (!token_keys_sign(NULL, arg)) {
			ERR_print_errors_fp(stderr); /* a thread's own */
			return arg;
		}
	return NULL;
}

static void four_threads_sign(EVP_PKEY *key)
{
	pthread_t t[4];
	void *bad = NULL;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, sign_some, key), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], &bad), 0);
		assert_null(bad);
	}
}

/* What any key does, with threads, and a new one beside it; loaded before and after. */
static void all_works(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
	static int made;
	char uri[128];
	EVP_PKEY *another;

	assert_true(token_keys_sign(NULL, key));
	four_threads_sign(key);
	snprintf(uri, sizeof uri, "pkcs11:token=line1;object=odd-%d" PIN, ++made);
	another = make(libctx, uri);
	assert_non_null(another);
	assert_true(token_keys_sign(NULL, another));
	assert_true(token_keys_sign(NULL, key));
	EVP_PKEY_free(another);
	another = token_keys_load(libctx, uri);
	assert_non_null(another);
	assert_true(token_keys_sign(NULL, another));
	EVP_PKEY_free(another);
}

static void one_session(void)
{
	tap->most_sessions = tap->open + 1;
}

static void two_sessions(void)
{
	tap->most_sessions = tap->open + 2;
}

static void logs_out(void)
{
	tap->logs_out = true;
}

static void without_public_key_info(void)
{
	tap->no_public_key_info = true;
}

static void with_bare_points(void)
{
	tap->no_public_key_info = true;
	tap->bare_point = true;
}

static const struct odd {
	const char *name;
	void (*make_so)(void);
} oddities[] = {
	{ "one session only", one_session },
	{ "two sessions only", two_sessions },
	{ "a closed session logs the others out", logs_out },
	{ "no CKA_PUBLIC_KEY_INFO", without_public_key_info },
	{ "CKA_EC_POINT without OCTET STRING", with_bare_points },
};

static void odd_but_works(void **state)
{
	const struct odd *o = *state;
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY *key;

	o->make_so();
	key = token_keys_load(libctx, EC);
	assert_non_null(key);
	all_works(libctx, key);
	EVP_PKEY_free(key);
	token_keys_libctx_free(libctx);
}

static int set_right(void **state)
{
	(void)state;
	tap->most_sessions = 0;
	tap->logs_out = false;
	tap->no_public_key_info = tap->bare_point = false;
	tap->sign_init_times = 0;
	tap->longer = 0;
	tap->keypad = NULL;
	tap->keypad_gives = CKR_OK;
	ERR_clear_error();
	return 0;
}

/* Who makes sessions anew finds that another thread has the only one. */
static void loses_its_one_session(void **state)
{
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY *key;

	(void)state;
	one_session();
	key = token_keys_load(libctx, EC);
	assert_non_null(key);
	for (int i = 0; i < 20; i++) {
		tap->sign_init = CKR_SESSION_CLOSED;
		tap->sign_init_times = 1;
		four_threads_sign(key);
	}
	EVP_PKEY_free(key);
	token_keys_libctx_free(libctx);
}

/* Errors that come once, and what a second try makes of them. */
static void fails_once(void **state)
{
	static const struct {
		CK_RV rv;
		bool again;
	} rows[] = {
		{ CKR_DEVICE_ERROR, true },	      { CKR_SESSION_CLOSED, true },
		{ CKR_SESSION_HANDLE_INVALID, true }, { CKR_USER_NOT_LOGGED_IN, true },
		{ CKR_TOKEN_NOT_PRESENT, true },      { CKR_DEVICE_REMOVED, true },
		{ CKR_OBJECT_HANDLE_INVALID, true },  { CKR_FUNCTION_FAILED, false },
		{ CKR_DEVICE_MEMORY, false },	      { CKR_KEY_FUNCTION_NOT_PERMITTED, false },
	};
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY *key = token_keys_load(libctx, EC);

	(void)state;
	assert_non_null(key);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		tap->sign_init = rows[i].rv;
		tap->sign_init_times = 1;
		assert_int_equal(token_keys_sign(NULL, key), rows[i].again);
		assert_true(token_keys_sign(NULL, key));
	}
	EVP_PKEY_free(key);
	token_keys_libctx_free(libctx);
}

/* As when two libraries of a program use one module, and one of them is done with it. */
static void finalised_by_a_stranger(void **state)
{
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
	EVP_PKEY *key = token_keys_load(libctx, EC);

	(void)state;
	assert_non_null(key);
	assert_int_equal(stranger->C_Finalize(NULL), CKR_OK);
	assert_true(token_keys_sign(NULL, key));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(stranger->C_Finalize(NULL), CKR_OK);
		if (!chosen_can("finalised-threads"))
			assert_true(token_keys_sign(NULL, key));
		four_threads_sign(key);
	}
	assert_int_equal(stranger->C_Finalize(NULL), CKR_OK);
	EVP_PKEY_free(key);
	key = token_keys_load(libctx, EC);
	assert_non_null(key);
	assert_true(token_keys_sign(NULL, key));
	EVP_PKEY_free(key);
	token_keys_libctx_free(libctx);
}

/* The PIN is typed at the device: no program is asked for it, and what it offers is not handed on.
 * One that is not typed, or is wrong, is asked for once a load. */
static void with_a_keypad(void **state)
{
	static const char *const uris[] = { "pkcs11:token=line1;object=ec", EC };
	static const CK_RV failures[] = { CKR_FUNCTION_CANCELED, CKR_PIN_INCORRECT };

	(void)state;
	tap->keypad = TOKEN_KEYS_PIN;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");
		EVP_PKEY *key = NULL;

		for (size_t k = 0; k < ARRAY_LEN(failures); k++) {
			tap->keypad_gives = failures[k];
			tap->logins = 0;
			assert_null(token_keys_load(libctx, uris[i]));
			assert_int_equal(tap->logins, 1);
		}
		tap->keypad_gives = CKR_OK;
		key = token_keys_load(libctx, uris[i]);
		assert_non_null(key);
		assert_int_equal(tap->logins, 2);
		assert_true(token_keys_sign(NULL, key));
		EVP_PKEY_free(key);
		token_keys_libctx_free(libctx);
	}
}

static void signs_too_much(OSSL_LIB_CTX *libctx, const char *uri)
{
	EVP_PKEY *key = token_keys_load(libctx, uri);

	assert_non_null(key);
	for (tap->longer = 1; tap->longer < 8; tap->longer++) {
		ERR_clear_error();
		assert_false(token_keys_sign(NULL, key));
		assert_true(token_keys_error_says("room for"));
	}
	tap->longer = 0;
	assert_true(token_keys_sign(NULL, key));
	EVP_PKEY_free(key);
}

/* Without padding, where what is shorter than the room goes to its end. */
static void decrypts_too_much(OSSL_LIB_CTX *libctx, int padding)
{
	unsigned char in[256] = { 1 }, memory[512];
	EVP_PKEY *key = token_keys_load(libctx, "pkcs11:token=line1;object=odd-rsa" PIN);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	size_t n = 256;

	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	memset(memory, 0x5a, sizeof memory);
	tap->longer = 100;
	assert_int_not_equal(EVP_PKEY_decrypt(ctx, memory + 128, &n, in, sizeof in), 1);
	for (size_t i = 0; i < 128; i++)
		assert_true(memory[i] == 0x5a && memory[384 + i] == 0x5a);
	tap->longer = 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

/* A length that is more than the room is no length. */
static void says_more_than_there_is_room_for(void **state)
{
	OSSL_LIB_CTX *libctx = token_keys_libctx("default", "inro");

	(void)state;
	signs_too_much(libctx, EC);
	signs_too_much(libctx, "pkcs11:token=line1;object=rsa" PIN);
	if (chosen_can("secret-keys")) {
		EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);

		token_keys_import("odd-rsa", 0x51, key);
		EVP_PKEY_free(key);
		decrypts_too_much(libctx, RSA_NO_PADDING);
		decrypts_too_much(libctx, RSA_PKCS1_PADDING);
	}
	token_keys_libctx_free(libctx);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(oddities) + 5];
	size_t n = 0;

	token_keys_make();
	tap = token_keys_tap(&stranger);
	for (; n < ARRAY_LEN(oddities); n++)
		tests[n] = (struct CMUnitTest) { .name = oddities[n].name,
						 .test_func = odd_but_works,
						 .teardown_func = set_right,
						 .initial_state = (void *)(uintptr_t)&oddities[n] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(loses_its_one_session, set_right);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(fails_once, set_right);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(with_a_keypad, set_right);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_teardown(says_more_than_there_is_room_for,
								  set_right);
	tests[n++] =
		(struct CMUnitTest)cmocka_unit_test_teardown(finalised_by_a_stranger, set_right);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
