/* test_provider_loss - what a token loses and refuses in the middle: handles, sessions, PINs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>

#include <openssl/decoder.h>
#include <openssl/err.h>

#include "base/cryptoki/reference.h"
#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define PIN "?pin-value=" TOKEN_KEYS_PIN
#define EC  "pkcs11:token=line1;object=ec" PIN

#define THREADS 4

static struct tap *tap;
static CK_FUNCTION_LIST *functions; /* as another user of the module in this process has them */
static OSSL_LIB_CTX *libctx;

/* The knobs are cleared, all but the number of open sessions. */
static int set_up(void **state)
{
	(void)state;
	tap->sign_init_times = 0;
	tap->sign_init_every = 0;
	tap->context_login = CKR_OK;
	tap->always_authenticate = false;
	tap->unreadable_once_made = tap->has_twins = false;
	libctx = token_keys_libctx("default", "inro");
	return 0;
}

/* Whatever was lost: in the end every session is closed. */
static int tear_down(void **state)
{
	(void)state;
	token_keys_libctx_free(libctx);
	ERR_clear_error();
	return tap->open == 0 ? 0 : -1;
}

/* The sessions are good: they are used on, and only the object is looked for again. */
static void handle_lost(void **state)
{
	static const CK_RV losses[] = { CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID,
					CKR_USER_NOT_LOGGED_IN };
	EVP_PKEY *key = token_keys_load(libctx, EC);
	int open, searches, logins;

	(void)state;
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	open = tap->open;
	logins = tap->logins;
	for (size_t i = 0; i < 30; i++) {
		searches = tap->searches;
		tap->sign_init = losses[i % ARRAY_LEN(losses)];
		tap->sign_init_times = 1;
		assert_true(token_keys_sign(libctx, key));
		assert_int_equal(tap->searches, searches + 1);
		assert_int_equal(tap->open, open);
	}
	assert_int_equal(tap->logins, logins); /* the login is still there: no PIN is sent */
	EVP_PKEY_free(key);
}

static void sessions_lost(void **state)
{
	static const CK_RV losses[] = { CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,
					CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT };
	EVP_PKEY *key = token_keys_load(libctx, EC);
	int open;

	(void)state;
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	open = tap->open;
	for (size_t i = 0; i < 30; i++) {
		tap->sign_init = losses[i % ARRAY_LEN(losses)];
		tap->sign_init_times = 1;
		assert_true(token_keys_sign(libctx, key));
		assert_int_equal(tap->open, open);
	}
	tap->sign_init_times = 2; /* one more try, not more */
	assert_false(token_keys_sign(libctx, key));
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
}

static void *sign_many(void *key)
{
	for (int i = 0; i < 200; i++)
		token_keys_sign(libctx, key);
	return NULL;
}

/* Pools are given up while other threads are in them; tear_down() finds what stays open. */
static void sessions_lost_beside_threads(void **state)
{
	EVP_PKEY *key = token_keys_load(libctx, EC);
	pthread_t t[4];

	(void)state;
	assert_non_null(key);
	tap->sign_init = CKR_SESSION_CLOSED;
	tap->sign_init_every = 7;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, sign_many, key), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	tap->sign_init_every = 0;
	assert_true(token_keys_sign(libctx, key));
	assert_in_range(tap->open, 2, 1 + ARRAY_LEN(t));
	EVP_PKEY_free(key);
}

/* As when the token was taken out and put back. */
static void lose_all_sessions(void)
{
	CK_SLOT_ID slots[16];
	CK_ULONG n = ARRAY_LEN(slots);
	CK_TOKEN_INFO info;

	assert_int_equal(functions->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	for (CK_ULONG i = 0; i < n; i++)
		if (functions->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    memcmp(info.label, "line1 ", 6) == 0)
			assert_int_equal(functions->C_CloseAllSessions(slots[i]), CKR_OK);
}

/* The login went with the sessions, and no key had to be used to notice. */
static void loaded_after_a_loss(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		EVP_PKEY *key = token_keys_load(libctx, EC);

		assert_non_null(key);
		lose_all_sessions();
		EVP_PKEY_free(key);
	}
}

static void *each_signs(void *key)
{
	intptr_t failed = 0;

	for (int i = 0; i < 15; i++)
		failed += !token_keys_sign(libctx, key);
	return (void *)failed;
}

static void all_sign_well(EVP_PKEY *key, bool lose_meanwhile)
{
	pthread_t t[THREADS];
	void *failed;

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, each_signs, key), 0);
	if (lose_meanwhile)
		lose_all_sessions();
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(t[i], &failed), 0);
		assert_ptr_equal(failed, NULL);
	}
}

/* One loss, and each thread meets it at another point of its way: all recover.  Not every module
 * bears that sessions are closed under those who use them. */
static void threads_recover(void **state)
{
	EVP_PKEY *key;

	(void)state;
	NEEDS("threads-lose");
	key = token_keys_load(libctx, EC);
	assert_non_null(key);
	for (int i = 0; i < 12; i++) {
		bool meanwhile = chosen_is_ours() && i % 2;

		if (!meanwhile)
			lose_all_sessions();
		all_sign_well(key, meanwhile);
	}
	EVP_PKEY_free(key);
}

static void confirmed_at_each_use(void **state)
{
	EVP_PKEY *key;
	int before = tap->context_logins;

	(void)state;
	tap->always_authenticate = true;
	key = token_keys_load(libctx, EC);
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	assert_true(token_keys_sign(libctx, key));
	assert_int_equal(tap->context_logins, before + 2);
	EVP_PKEY_free(key);
}

/* One wrong try is one wrong try, however many signatures are asked for. */
static void refused_use_is_not_tried_again(void **state)
{
	EVP_PKEY *key;
	int before = tap->context_logins;

	(void)state;
	tap->always_authenticate = true;
	tap->context_login = CKR_PIN_INCORRECT;
	key = token_keys_load(libctx, EC);
	assert_non_null(key);
	assert_false(token_keys_sign(libctx, key));
	assert_true(token_keys_error_says("wrong PIN for token 'line1'"));
	for (int i = 0; i < 5; i++) {
		assert_false(token_keys_sign(libctx, key));
		assert_true(token_keys_error_says("refused this PIN before"));
	}
	/* A new pool knows it as well. */
	tap->sign_init = CKR_SESSION_CLOSED;
	tap->sign_init_times = 1;
	assert_false(token_keys_sign(libctx, key));
	assert_int_equal(tap->context_logins, before + 1);
	EVP_PKEY_free(key);
}

static void missing_pin_is_said(void **state)
{
	EVP_PKEY *key;

	(void)state;
	tap->always_authenticate = true;
	assert_int_equal(setenv("INRO_PIN", TOKEN_KEYS_PIN, 1), 0);
	key = token_keys_load(libctx, "pkcs11:token=line1;object=ec");
	assert_int_equal(unsetenv("INRO_PIN"), 0);
	assert_non_null(key);
	assert_false(token_keys_sign(libctx, key));
	assert_true(token_keys_error_says("needs its PIN"));
	EVP_PKEY_free(key);
}

/* A second key of that name: neither is taken for the one that was asked for. */
static void found_twice(void **state)
{
	EVP_PKEY *key;

	(void)state;
	token_keys_add("twin", 7);
	key = token_keys_load(libctx, "pkcs11:token=line1;object=twin" PIN);
	assert_non_null(key);
	token_keys_add("twin", 7);
	tap->sign_init = CKR_KEY_HANDLE_INVALID;
	tap->sign_init_times = 1;
	assert_false(token_keys_sign(libctx, key));
	assert_true(token_keys_error_says("another key of that label and id"));
	EVP_PKEY_free(key);
}

/* However many tokens there are, the one that shows the key is found. */
static void found_in_a_crowd(void **state)
{
	EVP_PKEY *key;

	(void)state;
	tap->crowd = 70;
	key = token_keys_load(libctx, "pkcs11:object=ec" PIN);
	tap->crowd = 0;
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
}

/* What a reference with this URI gives; NULL when it is refused. */
static EVP_PKEY *referred(const char *uri, int selection)
{
	SCOPED(buf) der = { 0 };
	EVP_PKEY *key = NULL;
	OSSL_DECODER_CTX *c =
		OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, selection, libctx, NULL);
	const unsigned char *at;
	size_t n;

	reference_write(uri, &der);
	at = der.p;
	n = der.n;
	if (!OSSL_DECODER_from_data(c, &at, &n))
		assert_null(key);
	OSSL_DECODER_CTX_free(c);
	return key;
}

static void reference_of_a_public_key(void **state)
{
	static const char *const uris[] = {
		"pkcs11:token=line1;object=ec;type=public",
		"pkcs11:token=line1;object=lone;type=public" PIN, /* has a private object only */
	};

	(void)state;
	NEEDS("lone-ec");
	token_keys_add_lone("lone", 8);
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		EVP_PKEY *key = referred(uris[i], EVP_PKEY_PUBLIC_KEY);

		assert_non_null(key);
		assert_int_equal(EVP_PKEY_get_bits(key), 256);
		assert_false(token_keys_sign(libctx, key));
		assert_int_equal(i2d_PrivateKey(key, NULL), -1);
		EVP_PKEY_free(key);
		ERR_clear_error();
	}
}

static void reference_to_several(void **state)
{
	(void)state;
	assert_null(referred("pkcs11:token=line1;type=public", EVP_PKEY_PUBLIC_KEY));
	assert_true(token_keys_error_says("public keys match; name one of: pkcs11:"));
	assert_null(referred("pkcs11:token=line1;type=private" PIN, EVP_PKEY_KEYPAIR));
	assert_true(token_keys_error_says("private keys match; name one of: pkcs11:"));
}

/* As written by this version, by an older one without the serial, and for another token. */
static void reference_and_serial(void **state)
{
	EVP_PKEY *key =
		referred("pkcs11:token=line1;id=%01;object=ec;type=private" PIN, EVP_PKEY_KEYPAIR);

	(void)state;
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
	assert_null(referred("pkcs11:serial=0000;token=line1;id=%01;object=ec;type=private" PIN,
			     EVP_PKEY_KEYPAIR));
	assert_true(token_keys_error_says("no token as the URI describes it"));
}

static EVP_PKEY *make(const char *uri)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "EC", "provider=inro");
	EVP_PKEY *key = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("group", (char *)(uintptr_t) "P-256", 0),
		OSSL_PARAM_construct_utf8_string("pkcs11_uri", (char *)(uintptr_t)uri, 0),
		OSSL_PARAM_construct_end(),
	};

	assert_non_null(ctx);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
	if (EVP_PKEY_generate(ctx, &key) != 1)
		assert_null(key);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* A pair that can't be handed on is deleted: the name is free for the next try. */
static void no_orphans(void **state)
{
	const char *uri = "pkcs11:token=line1;object=orphan" PIN;
	EVP_PKEY *key;

	(void)state;
	NEEDS("more-keys");
	tap->pairs = 0;
	tap->destroyed = 0;
	tap->unreadable_once_made = true;
	assert_null(make(uri));
	assert_true(token_keys_error_says("making a key in a token"));
	assert_int_equal(tap->pairs, 1);
	assert_int_equal(tap->destroyed, 2);
	tap->unreadable_once_made = false;
	key = make(uri);
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
	assert_null(make(uri));
	assert_true(token_keys_error_says("has a key of that label already"));
	assert_int_equal(tap->pairs, 2);
	assert_int_equal(tap->destroyed, 2);
}

/* Two programs look whether a name is free, and then both make a key of it: ours gives way. */
static void made_by_another_meanwhile(void **state)
{
	const char *uri = "pkcs11:token=line1;object=wanted-by-two" PIN;
	EVP_PKEY *key;

	(void)state;
	NEEDS("more-keys");
	tap->pairs = 0;
	tap->destroyed = 0;
	tap->has_twins = true;
	assert_null(make(uri));
	tap->has_twins = false;
	assert_true(token_keys_error_says("has a key of that label already"));
	assert_int_equal(tap->pairs, 1);
	assert_int_equal(tap->destroyed, 2);
	key = token_keys_load(libctx, uri);
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(handle_lost),
		TEST(sessions_lost),
		TEST(sessions_lost_beside_threads),
		TEST(loaded_after_a_loss),
		TEST(threads_recover),
		TEST(confirmed_at_each_use),
		TEST(refused_use_is_not_tried_again),
		TEST(missing_pin_is_said),
		TEST(found_in_a_crowd),
		TEST(found_twice),
		TEST(reference_of_a_public_key),
		TEST(reference_to_several),
		TEST(reference_and_serial),
		TEST(no_orphans),
		TEST(made_by_another_meanwhile),
	};

	token_keys_make();
	tap = token_keys_tap(&functions);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
