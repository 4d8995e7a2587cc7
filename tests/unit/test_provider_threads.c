/*
 * test_provider_threads - threads that load keys, sign and let go of them, while other processes
 * change the token's PIN, delete the token and make a new one.
 *
 * Built for the thread sanitizer as well (tools/check).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define THREADS 8
#define URI	"pkcs11:token=line1;object=ec"

static OSSL_LIB_CTX *libctx;
static unsigned char *reference; /* DER */
static int reference_n;

static EVP_PKEY *by_reference(void)
{
	const unsigned char *at = reference;

	return d2i_AutoPrivateKey_ex(NULL, &at, reference_n, libctx, NULL);
}

static atomic_bool stop;
static atomic_int good, bad, unexplained;

static void once(bool from_reference)
{
	EVP_PKEY *key = from_reference ? by_reference() : token_keys_load(libctx, URI);
	EVP_PKEY *copy = key ? EVP_PKEY_dup(key) : NULL;

	if (copy && token_keys_sign(libctx, key) && token_keys_sign(libctx, copy))
		good++;
	else
		bad++;
	if (!copy && ERR_peek_error() == 0)
		unexplained++;
	EVP_PKEY_free(key);
	EVP_PKEY_free(copy);
	ERR_clear_error();
}

static void *keep_going(void *arg)
{
	size_t which = (size_t)(uintptr_t)arg;

	while (!stop)
		once(which++ % 2);
	return NULL;
}

/* Waits until each thread has probably begun and ended something; at most for a minute. */
static void let_them(int more)
{
	int before = good + bad;

	for (int i = 0; i < 60000 && good + bad < before + more; i++)
		usleep(1000);
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

static void start(pthread_t t[THREADS])
{
	stop = false;
	good = bad = unexplained = 0;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, keep_going, (void *)(uintptr_t)i), 0);
}

static void finish(pthread_t t[THREADS])
{
	stop = true;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(unexplained, 0);
}

static void keys_come_and_go(void **state)
{
	pthread_t t[THREADS];

	(void)state;
	start(t);
	let_them(20 * THREADS);
	finish(t);
	assert_int_equal(bad, 0);
}

/* Who is logged in stays so; the new PIN is needed by the next process. */
static void the_pin_changes(void **state)
{
	pthread_t t[THREADS];

	(void)state;
	start(t);
	let_them(2 * THREADS);
	inro("token pin change line1");
	let_them(4 * THREADS);
	finish(t);
	assert_int_equal(bad, 0);
}

/* Whatever fails meanwhile fails with a reason; the token of that name that comes after is used. */
static void the_token_goes(void **state)
{
	pthread_t t[THREADS];
	EVP_PKEY *key;

	(void)state;
	start(t);
	let_them(2 * THREADS);
	inro("token delete line1");
	let_them(2 * THREADS);
	inro("token create line1");
	inro("key generate --token line1 --label ec");
	let_them(2 * THREADS);
	finish(t);
	assert_true(good > 0);
	assert_null(by_reference()); /* it names the old one, by its serial number */
	key = token_keys_load(libctx, URI);
	assert_non_null(key);
	assert_true(token_keys_sign(libctx, key));
	EVP_PKEY_free(key);
	ERR_clear_error();
}

/* ---- settings of one key that all use ---- */

static void *keep_using(void *arg)
{
	EVP_PKEY *key = arg, *copy;
	unsigned char *der = NULL;

	while (!stop) {
		copy = EVP_PKEY_dup(key);
		if (token_keys_sign(libctx, key) && copy && token_keys_sign(libctx, copy) &&
		    EVP_PKEY_eq(key, copy) == 1 && i2d_PUBKEY(copy, &der) > 0)
			good++;
		else
			bad++;
		OPENSSL_free(der);
		der = NULL;
		EVP_PKEY_free(copy);
	}
	return NULL;
}

static bool set_format(EVP_PKEY *key, const char *format)
{
	return EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, format) == 1;
}

/* Of the key itself, and of a duplicate, which is another key from then on. */
static void *keep_setting(void *arg)
{
	static const char *const formats[] = { "compressed", "uncompressed", "hybrid" };
	EVP_PKEY *key = arg;

	for (size_t i = 0; !stop; i++) {
		EVP_PKEY *copy = EVP_PKEY_dup(key);

		if (!set_format(key, formats[i % 3]) || !copy || !set_format(copy, formats[(i + 1) % 3]))
			bad++;
		EVP_PKEY_free(copy);
	}
	return NULL;
}

static void settings_change(void **state)
{
	pthread_t t[THREADS];

	(void)state;
	for (int round = 0; round < 5; round++) {
		EVP_PKEY *key = token_keys_load(libctx, URI);

		assert_non_null(key);
		stop = false;
		good = bad = unexplained = 0;
		for (size_t i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&t[i], NULL, i < 2 ? keep_setting : keep_using, key), 0);
		let_them(10 * THREADS);
		finish(t);
		assert_int_equal(bad, 0);
		assert_true(token_keys_sign(libctx, key));
		EVP_PKEY_free(key);
	}
}

static size_t point_size(EVP_PKEY *key)
{
	size_t n = 0;

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, NULL, 0, &n), 1);
	return n;
}

/* What is set of a duplicate is not set of the key, nor the other way round, before and after the first change. */
static void duplicates_are_apart(void **state)
{
	EVP_PKEY *a = token_keys_load(libctx, URI), *b = EVP_PKEY_dup(a), *c;

	(void)state;
	assert_true(set_format(a, "compressed"));
	assert_int_equal(point_size(a), 33);
	assert_int_equal(point_size(b), 65);
	c = EVP_PKEY_dup(a);
	assert_true(set_format(a, "uncompressed"));
	assert_int_equal(point_size(c), 33);
	assert_true(set_format(c, "uncompressed") && set_format(c, "compressed"));
	assert_int_equal(point_size(a), 65);
	assert_int_equal(point_size(c), 33);
	assert_false(set_format(a, "no such format"));
	assert_int_equal(point_size(a), 65);
	assert_true(token_keys_sign(libctx, a) && token_keys_sign(libctx, c));
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
	EVP_PKEY_free(c);
	ERR_clear_error();
}

static int set_up(void **state)
{
	EVP_PKEY *key;

	(void)state;
	/* The PIN before and after each change; the command's own is the same. */
	assert_int_equal(setenv("INRO_PIN", TOKEN_KEYS_PIN, 1), 0);
	assert_int_equal(setenv("INRO_NEW_PIN", TOKEN_KEYS_PIN "7", 1), 0);
	assert_int_equal(setenv("INRO_SO_PIN", "87654321", 1), 0);
	libctx = token_keys_libctx("default", "inro");
	key = token_keys_load(libctx, URI);
	assert_non_null(key);
	reference_n = i2d_PrivateKey(key, &reference);
	EVP_PKEY_free(key);
	return reference_n > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	OPENSSL_free(reference);
	token_keys_libctx_free(libctx);
	return 0;
}

/* The thread sanitizer of gcc 12 calls a library's atexit() functions at the end of the process,
 * also when the library is gone by then. */
static void keep_the_provider(void)
{
#ifdef __SANITIZE_THREAD__
	char path[4096];

	snprintf(path, sizeof path, "%s/lib/inro.so", getenv("INRO_TEST_BUILD"));
	if (!dlopen(path, RTLD_NOW | RTLD_NODELETE))
		exit(1);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_and_go),
		cmocka_unit_test(settings_change),
		cmocka_unit_test(duplicates_are_apart),
		cmocka_unit_test(the_pin_changes),
		cmocka_unit_test(the_token_goes),
	};

	keep_the_provider();
	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
