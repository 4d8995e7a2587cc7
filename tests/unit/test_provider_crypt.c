/* test_provider_crypt - decryption by token keys, beside the same keys in software. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define URI(label) "pkcs11:token=line1;object=" label "?pin-value=" TOKEN_KEYS_PIN

/* soft: of the default provider alone; token: the same key, imported. */
static OSSL_LIB_CTX *libctx, *plain;
static struct pair {
	EVP_PKEY *soft, *token;
} rsa;

static const unsigned char message[] = "0123456789abcdef0123456789abcdef";

static int load(struct pair *p, const char *label, CK_BYTE id, EVP_PKEY *key)
{
	char uri[128];

	snprintf(uri, sizeof uri, "pkcs11:token=line1;object=%s?pin-value=" TOKEN_KEYS_PIN, label);
	p->soft = key;
	token_keys_import(label, id, key);
	p->token = token_keys_load(libctx, uri);
	return p->soft && p->token ? 0 : -1;
}

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("default", "inro");
	plain = token_keys_libctx("default", NULL);
	return load(&rsa, "crypt-rsa", 0x11, EVP_PKEY_Q_keygen(plain, NULL, "RSA", (size_t)2048));
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa.soft);
	EVP_PKEY_free(rsa.token);
	token_keys_libctx_free(plain);
	token_keys_libctx_free(libctx);
	return 0;
}

/* A way to encrypt, set by numbers or by names, in this order or the other. */
struct way {
	int padding;
	const char *padding_name, *digest, *mgf1, *label;
};

static const struct way ways[] = {
	{ RSA_PKCS1_PADDING, "pkcs1", NULL, NULL, NULL },
	{ RSA_PKCS1_OAEP_PADDING, "oaep", NULL, NULL, NULL },
	{ RSA_PKCS1_OAEP_PADDING, "oaep", "SHA1", NULL, NULL },
	{ RSA_PKCS1_OAEP_PADDING, "oaep", "SHA256", NULL, NULL },
	{ RSA_PKCS1_OAEP_PADDING, "oaep", "SHA2-256", "SHA-1", NULL },
	{ RSA_PKCS1_OAEP_PADDING, "oaep", NULL, "SHA256", NULL },
	{ RSA_PKCS1_OAEP_PADDING, "oaep", "SHA384", "SHA512", "some label" },
	{ RSA_PKCS1_OAEP_PADDING, "oaep", NULL, NULL, "some label" },
};

static bool set_by_numbers(EVP_PKEY_CTX *c, const struct way *w)
{
	void *label = w->label ? OPENSSL_strdup(w->label) : NULL;

	return EVP_PKEY_CTX_set_rsa_padding(c, w->padding) > 0 &&
	       (!w->digest || EVP_PKEY_CTX_set_rsa_oaep_md_name(c, w->digest, NULL) > 0) &&
	       (!w->mgf1 || EVP_PKEY_CTX_set_rsa_mgf1_md_name(c, w->mgf1, NULL) > 0) &&
	       (!label || EVP_PKEY_CTX_set0_rsa_oaep_label(c, label, (int)strlen(w->label)) > 0);
}

/* The label and the digests come before the padding that they belong to. */
static size_t name_params(const struct way *w, OSSL_PARAM params[5])
{
	const struct {
		const char *name, *value;
	} texts[] = {
		{ OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, w->mgf1 },
		{ OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, w->digest },
		{ OSSL_ASYM_CIPHER_PARAM_PAD_MODE, w->padding_name },
	};
	size_t n = 0;

	if (w->label)
		params[n++] = OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL,
								(void *)(uintptr_t)w->label,
								strlen(w->label));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].value)
			params[n++] = OSSL_PARAM_construct_utf8_string(
				texts[i].name, (char *)(uintptr_t)texts[i].value, 0);
	params[n] = OSSL_PARAM_construct_end();
	return n;
}

static bool set_by_names(EVP_PKEY_CTX *c, const struct way *w)
{
	OSSL_PARAM params[5];

	return name_params(w, params) > 0 && EVP_PKEY_CTX_set_params(c, params) == 1;
}

static EVP_PKEY_CTX *context(EVP_PKEY *key)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(key == rsa.soft ? plain : libctx, key, NULL);

	assert_non_null(c);
	return c;
}

static size_t encrypt(EVP_PKEY *key, const struct way *w, unsigned char box[256])
{
	EVP_PKEY_CTX *c = context(key);
	size_t n = 256;

	assert_true(EVP_PKEY_encrypt_init(c) > 0);
	assert_true(set_by_numbers(c, w));
	assert_true(EVP_PKEY_encrypt(c, box, &n, message, sizeof message) > 0);
	EVP_PKEY_CTX_free(c);
	return n;
}

static void opens(EVP_PKEY_CTX *c, const unsigned char *box, size_t box_n)
{
	unsigned char out[600];
	size_t n = 0;

	assert_true(EVP_PKEY_decrypt(c, NULL, &n, box, box_n) > 0);
	assert_int_equal(n, 256);
	n = 255;
	assert_false(EVP_PKEY_decrypt(c, out, &n, box, box_n) > 0);
	ERR_clear_error();
	n = sizeof out; /* more than needed */
	assert_true(EVP_PKEY_decrypt(c, out, &n, box, box_n) > 0);
	assert_int_equal(n, sizeof message);
	assert_memory_equal(out, message, n);
}

/* What was encrypted by either side, opened by the token, once as it is and once as a copy. */
static void decrypts(const struct way *w, bool (*set)(EVP_PKEY_CTX *, const struct way *))
{
	EVP_PKEY *from[] = { rsa.soft, rsa.token };
	EVP_PKEY_CTX *c = context(rsa.token), *copy;
	unsigned char box[256];

	assert_true(EVP_PKEY_decrypt_init(c) > 0);
	assert_true(set(c, w));
	copy = EVP_PKEY_CTX_dup(c);
	assert_non_null(copy);
	for (size_t i = 0; i < 2; i++) {
		size_t n = encrypt(from[i], w, box);

		opens(c, box, n);
		opens(copy, box, n);
	}
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_CTX_free(copy);
}

/* PKCS#1 v1.5, and OAEP as RFC 8017 has it by default. */
#define WAYS_EVERYWHERE 3

static void every_padding(void **state)
{
	size_t n = chosen_can("oaep-sha256") ? ARRAY_LEN(ways) : WAYS_EVERYWHERE;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		decrypts(&ways[i], set_by_numbers);
		decrypts(&ways[i], set_by_names);
	}
}

/* A ciphertext whose number has zeros in front, which its sender has cut off (JOSE and XML libraries do). */
static size_t cut_ciphertext(const struct way *w, unsigned char box[256])
{
	size_t cut = 0;

	for (int i = 0; i < 20000 && box[0]; i++)
		assert_int_equal(encrypt(rsa.soft, w, box), 256);
	while (box[cut] == 0)
		cut++;
	assert_in_range(cut, 1, 255);
	memmove(box, box + cut, 256 - cut);
	return 256 - cut;
}

static void without_zeros_in_front(void **state)
{
	EVP_PKEY *keys[] = { rsa.soft, rsa.token };

	(void)state;
	for (size_t w = 0; w < 2; w++) {
		unsigned char box[256] = { 1 };
		size_t n = cut_ciphertext(&ways[w], box);

		for (size_t i = 0; i < 2; i++) {
			EVP_PKEY_CTX *c = context(keys[i]);

			assert_true(EVP_PKEY_decrypt_init(c) > 0);
			assert_true(set_by_numbers(c, &ways[w]));
			opens(c, box, n);
			EVP_PKEY_CTX_free(c);
		}
	}
}

static void settings_are_told(void **state)
{
	EVP_PKEY *keys[] = { rsa.soft, rsa.token };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY_CTX *c = context(keys[i]);
		char name[64] = "";
		unsigned char *label = NULL;
		int padding = 0;

		assert_true(EVP_PKEY_decrypt_init(c) > 0);
		assert_true(EVP_PKEY_CTX_get_rsa_padding(c, &padding) > 0);
		assert_int_equal(padding, RSA_PKCS1_PADDING);
		assert_true(set_by_names(c, &ways[6]));
		assert_true(EVP_PKEY_CTX_get_rsa_padding(c, &padding) > 0);
		assert_int_equal(padding, RSA_PKCS1_OAEP_PADDING);
		assert_true(EVP_PKEY_CTX_get_rsa_oaep_md_name(c, name, sizeof name) > 0);
		assert_string_equal(name, "SHA2-384");
		assert_true(EVP_PKEY_CTX_get_rsa_mgf1_md_name(c, name, sizeof name) > 0);
		assert_string_equal(name, "SHA2-512");
		assert_int_equal(EVP_PKEY_CTX_get0_rsa_oaep_label(c, &label), 10);
		assert_memory_equal(label, "some label", 10);
		EVP_PKEY_CTX_free(c);
	}
}

/* What the number is decrypted to, all of it; 0: it was refused. */
static size_t decrypt_number(EVP_PKEY *key, const unsigned char *box, size_t box_n, unsigned char out[256])
{
	EVP_PKEY_CTX *c = context(key);
	size_t n = 256;

	assert_true(EVP_PKEY_decrypt_init(c) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING) > 0);
	if (EVP_PKEY_decrypt(c, out, &n, box, box_n) <= 0)
		n = 0;
	ERR_clear_error();
	EVP_PKEY_CTX_free(c);
	return n;
}

static void without_padding(void **state)
{
	EVP_PKEY_CTX *c = context(rsa.token);
	unsigned char block[256] = { 0 }, box[256], out[256];
	size_t n = sizeof out;

	(void)state;
	block[255] = 7; /* zeros in front are kept */
	assert_true(EVP_PKEY_encrypt_init(c) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING) > 0);
	assert_true(EVP_PKEY_encrypt(c, box, &n, block, sizeof block) > 0);
	assert_int_equal(decrypt_number(rsa.token, box, sizeof box, out), sizeof block);
	assert_memory_equal(out, block, sizeof block);
	EVP_PKEY_CTX_free(c);
}

/* A number of any length is what it is for the file's key, up to the modulus. */
static void numbers_of_any_length(void **state)
{
	static const size_t sizes[] = { 1, 2, 100, 255, 256, 257 };
	unsigned char box[257], out[2][256];

	(void)state;
	memset(box, 0x5a, sizeof box);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = decrypt_number(rsa.soft, box, sizes[i], out[0]);

		assert_int_equal(n, sizes[i] > 256 ? 0 : 256);
		assert_int_equal(decrypt_number(rsa.token, box, sizes[i], out[1]), n);
		assert_memory_equal(out[0], out[1], n);
	}
	assert_int_equal(decrypt_number(rsa.token, box, 0, out[1]), 0); /* as libcrypto does from 3.5.9 on */
}

/* No padding of PKCS#1 in it: the token gives something, the same each time, and never says so. */
static void bad_pkcs1_is_no_oracle(void **state)
{
	EVP_PKEY_CTX *c = context(rsa.token);
	unsigned char box[256], out[2][256];
	size_t n[2];

	(void)state;
	if (!chosen_can("implicit-rejection")) {
		EVP_PKEY_CTX_free(c);
		skip();
	}
	assert_true(EVP_PKEY_decrypt_init(c) > 0);
	for (int i = 0; i < 8; i++) {
		encrypt(rsa.soft, &ways[1], box);
		for (int k = 0; k < 2; k++) {
			n[k] = sizeof out[k];
			assert_true(EVP_PKEY_decrypt(c, out[k], &n[k], box, sizeof box) > 0);
		}
		assert_int_equal(n[0], n[1]);
		assert_memory_equal(out[0], out[1], n[0]);
		assert_true(n[0] != sizeof message || memcmp(out[0], message, n[0]) != 0);
	}
	assert_int_equal(ERR_peek_error(), 0);
	EVP_PKEY_CTX_free(c);
}

/* One error for every wrong OAEP block, be it the hash, the label or the numbers. */
static void bad_oaep_is_refused(void **state)
{
	static const struct way others[] = {
		{ RSA_PKCS1_PADDING, "pkcs1", NULL, NULL, NULL },
		{ RSA_PKCS1_OAEP_PADDING, "oaep", "SHA256", NULL, NULL },
		{ RSA_PKCS1_OAEP_PADDING, "oaep", NULL, "SHA256", NULL },
		{ RSA_PKCS1_OAEP_PADDING, "oaep", NULL, NULL, "label" },
	};
	EVP_PKEY_CTX *c = context(rsa.token);
	unsigned char box[256], out[256];

	(void)state;
	assert_true(EVP_PKEY_decrypt_init(c) > 0);
	assert_true(set_by_numbers(c, &ways[1]));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const char *said = "";
		size_t n = sizeof out;

		encrypt(rsa.soft, &others[i], box);
		assert_false(EVP_PKEY_decrypt(c, out, &n, box, sizeof box) > 0);
		ERR_peek_last_error_data(&said, NULL);
		assert_non_null(strstr(said, "can't be decrypted"));
		ERR_clear_error();
	}
	/* and the key is well */
	opens(c, box, encrypt(rsa.soft, &ways[1], box));
	EVP_PKEY_CTX_free(c);
}

struct tls {
	unsigned said, other; /* versions; other 0: not set */
	unsigned char first, second;
	size_t n;
	bool taken;
};

static size_t tls_box(const struct tls *t, unsigned char secret[64], unsigned char box[256])
{
	EVP_PKEY_CTX *c = context(rsa.soft);
	size_t n = 256;

	memset(secret, 'S', 64);
	secret[0] = t->first;
	secret[1] = t->second;
	assert_true(EVP_PKEY_encrypt_init(c) > 0);
	assert_true(EVP_PKEY_encrypt(c, box, &n, secret, t->n) > 0);
	EVP_PKEY_CTX_free(c);
	return n;
}

/* As libssl does it. */
static void tls_opens(EVP_PKEY *key, const struct tls *t)
{
	EVP_PKEY_CTX *c = context(key);
	unsigned char box[256], secret[64], out[256], again[256];
	size_t box_n = tls_box(t, secret, box), n = sizeof out;
	unsigned said = t->said, other = t->other;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &said),
		OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &other),
		OSSL_PARAM_construct_end(),
	};

	if (!other)
		params[1] = params[2];
	assert_true(EVP_PKEY_decrypt_init(c) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_WITH_TLS_PADDING) > 0);
	assert_true(EVP_PKEY_CTX_set_params(c, params) == 1);
	assert_true(EVP_PKEY_decrypt(c, NULL, &n, box, box_n) > 0);
	assert_int_equal(n, SSL_MAX_MASTER_KEY_LENGTH);
	assert_true(EVP_PKEY_decrypt(c, out, &n, box, box_n) > 0);
	assert_int_equal(n, SSL_MAX_MASTER_KEY_LENGTH);
	assert_int_equal(memcmp(out, secret, n) == 0, t->taken);
	assert_true(EVP_PKEY_decrypt(c, again, &n, box, box_n) > 0);
	assert_int_equal(memcmp(out, again, n) == 0, t->taken); /* else random each time */
	EVP_PKEY_CTX_free(c);
}

static void tls_secrets(void **state)
{
	static const struct tls rows[] = {
		{ 0x0303, 0, 3, 3, 48, true },	    { 0x0303, 0, 3, 1, 48, false },
		{ 0x0303, 0, 2, 3, 48, false },	    { 0x0304, 0x0303, 3, 3, 48, true },
		{ 0x0304, 0x0303, 3, 4, 48, true }, { 0x0304, 0x0303, 3, 2, 48, false },
		{ 0x0303, 0, 3, 3, 47, false },	    { 0x0303, 0, 3, 3, 49, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		tls_opens(rsa.soft, &rows[i]);
		tls_opens(rsa.token, &rows[i]);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void tls_needs_a_version(void **state)
{
	EVP_PKEY_CTX *c = context(rsa.token);
	unsigned char box[256], out[256];
	size_t n = 47, box_n = encrypt(rsa.soft, &ways[0], box);

	(void)state;
	assert_true(EVP_PKEY_decrypt_init(c) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_WITH_TLS_PADDING) > 0);
	assert_false(EVP_PKEY_decrypt(c, out, &n, box, box_n) > 0);
	n = sizeof out;
	assert_false(EVP_PKEY_decrypt(c, out, &n, box, box_n) > 0);
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
}

static void rsasve(void **state)
{
	EVP_PKEY_CTX *c = context(rsa.token);
	unsigned char box[256], secret[256], out[256];
	size_t box_n = sizeof box, secret_n = sizeof secret, n = 0;

	(void)state;
	assert_true(EVP_PKEY_encapsulate_init(c, NULL) > 0);
	assert_true(EVP_PKEY_CTX_set_kem_op(c, "RSASVE") > 0);
	assert_true(EVP_PKEY_encapsulate(c, box, &box_n, secret, &secret_n) > 0);
	assert_true(EVP_PKEY_decapsulate_init(c, NULL) > 0);
	assert_true(EVP_PKEY_CTX_set_kem_op(c, "RSASVE") > 0);
	assert_true(EVP_PKEY_decapsulate(c, NULL, &n, box, box_n) > 0);
	assert_int_equal(n, 256);
	assert_true(EVP_PKEY_decapsulate(c, out, &n, box, box_n) > 0);
	assert_int_equal(n, secret_n);
	assert_memory_equal(out, secret, n);
	assert_false(EVP_PKEY_decapsulate(c, out, &n, box, box_n - 1) > 0);
	n = 255;
	assert_false(EVP_PKEY_decapsulate(c, out, &n, box, box_n) > 0);
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
}

/* Keys of a program whose "RSA" is ours work whole. */
static void software_keys(void **state)
{
	OSSL_LIB_CTX *lc = token_keys_libctx("inro", "default");
	EVP_PKEY *key = EVP_PKEY_Q_keygen(lc, NULL, "RSA", (size_t)2048);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(lc, key, NULL);
	unsigned char box[256], out[256];
	size_t box_n = sizeof box, n = sizeof out;

	(void)state;
	assert_true(EVP_PKEY_encrypt_init(c) > 0 && set_by_names(c, &ways[6]));
	assert_true(EVP_PKEY_encrypt(c, box, &box_n, message, sizeof message) > 0);
	assert_true(EVP_PKEY_decrypt_init(c) > 0 && set_by_numbers(c, &ways[6]));
	assert_true(EVP_PKEY_decrypt(c, out, &n, box, box_n) > 0);
	assert_int_equal(n, sizeof message);
	assert_memory_equal(out, message, n);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(key);
	token_keys_libctx_free(lc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_padding),
		cmocka_unit_test(settings_are_told),
		cmocka_unit_test(without_padding),
		cmocka_unit_test(numbers_of_any_length),
		cmocka_unit_test(without_zeros_in_front),
		cmocka_unit_test(bad_pkcs1_is_no_oracle),
		cmocka_unit_test(bad_oaep_is_refused),
		cmocka_unit_test(tls_secrets),
		cmocka_unit_test(tls_needs_a_version),
		cmocka_unit_test(rsasve),
		cmocka_unit_test(software_keys),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
