/* Keys of TLS in files: what is taken, and how much of it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/fetch/keyroom.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static struct keyroom *room;
static EVP_PKEY *made;
static unsigned n_asked;

static enum inro_err give(void *arg, const char *token, struct secret *ret)
{
	(void)token;
	n_asked++;
	return secret_copy(bytes_of(arg), ret);
}

static enum inro_err read_by(const char *uri, const char *passphrase, EVP_PKEY **ret)
{
	const struct keyroom_pins pins = { give, (void *)(uintptr_t)passphrase };

	return keyroom_key(room, uri, "the key", passphrase ? &pins : NULL, ret);
}

static void expect(const char *uri, const char *passphrase)
{
	EVP_PKEY *k = NULL;

	OK(read_by(uri, passphrase, &k));
	assert_int_equal(EVP_PKEY_eq(k, made), 1);
	EVP_PKEY_free(k);
}

static void refuse(const char *uri, const char *words)
{
	EVP_PKEY *k = NULL;

	assert_int_equal(read_by(uri, NULL, &k), INRO_E_CONFIG);
	assert_null(k);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "the key can't be opened: "));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), words));
}

/* In a file of its own; after `front` octets of other text. */
static const char *key_file(const char *name, size_t front, const char *passphrase)
{
	static char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s", scratch_path(name));
	f = fopen(path, "w");
	assert_non_null(f);
	for (size_t i = 0; i < front; i++)
		fputc('\n', f);
	assert_int_equal(PEM_write_PKCS8PrivateKey(f, made, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
						   passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
			 1);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void a_file_has_many_names(void **state)
{
	const char *path = key_file("key.pem", 0, NULL);
	char uri[4200];

	(void)state;
	expect(path, NULL);
	snprintf(uri, sizeof uri, "file:%s", path);
	expect(uri, NULL);
	snprintf(uri, sizeof uri, "FILE://localhost%s", path);
	expect(uri, NULL);
	snprintf(uri, sizeof uri, "file://%s", path);
	expect(uri, NULL);
	refuse("file:/nothing/there", "/nothing/there");
	refuse("file://elsewhere/key.pem", "'elsewhere' in file://elsewhere/key.pem is a host");
	refuse("file:", "names no file");
	path = key_file("a%20key.pem", 0, NULL);
	snprintf(uri, sizeof uri, "file://localhost%s", path);
	expect(uri, NULL);
}

static void a_passphrase_is_asked_for_once(void **state)
{
	const char *path = key_file("sealed.pem", 0, "opens it");

	(void)state;
	expect(path, "opens it");
	assert_int_equal(n_asked, 1);
}

/* A file that has no end, or is no key's, is not read to the end of the memory. */
static void no_more_is_read_than_a_key(void **state)
{
	const char *path = key_file("large.pem", 300 << 10, NULL);

	(void)state;
	refuse(path, "large.pem");
	refuse("/dev/zero", "/dev/zero");
	expect(key_file("front.pem", 200 << 10, NULL), NULL);
}

/* openssl ecparam -genkey writes the curve first. */
static void a_curve_before_the_key(void **state)
{
	static const char curve[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
	const char *path = scratch_file("curve.pem", curve, sizeof curve - 1);
	FILE *f;

	(void)state;
	refuse(path, "");
	f = fopen(path, "a");
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, made, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
	expect(path, NULL);
	refuse(scratch_file("words.txt", "no key\n", 7), "there is no private key in it");
}

static int start(void **state)
{
	(void)state;
	setenv("INRO_HOME", scratch_dir(), 1);
	OK(keyroom_open(&room));
	made = EVP_EC_gen("P-256");
	return made ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	EVP_PKEY_free(made);
	keyroom_close(room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_has_many_names),
		cmocka_unit_test(a_curve_before_the_key),
		cmocka_unit_test(a_passphrase_is_asked_for_once),
		cmocka_unit_test(no_more_is_read_than_a_key),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
