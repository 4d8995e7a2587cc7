/*
 * test_provider_hostile - programs that ask for whatever can be asked for: parameters of any type
 * and size, each form of each encoder, each search of the store, copies at each stage, and threads
 * in two library contexts beside one that comes and goes.
 *
 * Nothing crashes, no private part comes out, and what is asked for properly works afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/store.h>
#include <pthread.h>

#include "base/own.h"
#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define PIN	 "?pin-value=" TOKEN_KEYS_PIN
#define EC	 "pkcs11:token=line1;object=ec" PIN
#define RSA_URI	 "pkcs11:token=line1;object=rsa" PIN
#define THREADS	 8
#define MESSAGE	 ((const unsigned char *)"the message")
#define MESSAGE_N 11
#define SECRET	 ((const unsigned char *)"secret")

static OSSL_LIB_CTX *libctx;
static EVP_PKEY *keys[2]; /* EC, RSA */

/* ---- parameters ---- */

static unsigned char bytes[512];

/* A value of each type and of odd sizes, for a name. */
static OSSL_PARAM oddity(const char *name, unsigned which, bool *ret_last)
{
	static void *pointer;
	const OSSL_PARAM all[] = {
		{ name, OSSL_PARAM_INTEGER, bytes, 1, 0 },
		{ name, OSSL_PARAM_INTEGER, bytes, sizeof(int), 0 },
		{ name, OSSL_PARAM_INTEGER, bytes, 64, 0 },
		{ name, OSSL_PARAM_UNSIGNED_INTEGER, bytes, sizeof(size_t), 0 },
		{ name, OSSL_PARAM_UNSIGNED_INTEGER, bytes, 3, 0 },
		{ name, OSSL_PARAM_REAL, bytes, sizeof(double), 0 },
		{ name, OSSL_PARAM_UTF8_STRING, bytes, 0, 0 },
		{ name, OSSL_PARAM_UTF8_STRING, bytes, 400, 0 },
		{ name, OSSL_PARAM_OCTET_STRING, bytes, 0, 0 },
		{ name, OSSL_PARAM_OCTET_STRING, bytes, 400, 0 },
		{ name, OSSL_PARAM_OCTET_STRING, NULL, 0, 0 },
		{ name, OSSL_PARAM_UTF8_STRING, NULL, 0, 0 },
		{ name, OSSL_PARAM_UTF8_PTR, &pointer, sizeof pointer, 0 },
		{ name, OSSL_PARAM_OCTET_PTR, &pointer, sizeof pointer, 0 },
		{ name, 77, bytes, 4, 0 },
	};
	unsigned last = (unsigned)ARRAY_LEN(all) - 1;

	pointer = bytes;
	memset(bytes, which % 2 ? 0x7f : 0, sizeof bytes - 1); /* each text has an end */
	*ret_last = which >= last;
	return all[which > last ? last : which];
}

typedef int take_params(void *what, OSSL_PARAM params[]);

static void each_oddity(const OSSL_PARAM *table, take_params *take, void *what)
{
	for (; table && table->key; table++) {
		bool last = false;

		for (unsigned i = 0; !last; i++) {
			OSSL_PARAM params[] = { oddity(table->key, i, &last),
						OSSL_PARAM_construct_end() };

			(void)take(what, params);
		}
	}
	ERR_clear_error();
}

static int set_of_operation(void *c, OSSL_PARAM params[])
{
	return EVP_PKEY_CTX_set_params(c, params);
}

static int get_of_operation(void *c, OSSL_PARAM params[])
{
	return EVP_PKEY_CTX_get_params(c, params);
}

static int get_of_key(void *key, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(key, params);
}

static int set_of_key(void *key, OSSL_PARAM params[])
{
	return EVP_PKEY_set_params(key, params);
}

static int (*const inits[])(EVP_PKEY_CTX *) = {
	EVP_PKEY_sign_init,    EVP_PKEY_verify_init,	  EVP_PKEY_verify_recover_init,
	EVP_PKEY_encrypt_init, EVP_PKEY_decrypt_init,	  EVP_PKEY_derive_init,
	EVP_PKEY_keygen_init,
};

static void odd_parameters(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		for (size_t i = 0; i < ARRAY_LEN(inits); i++) {
			EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, keys[k], NULL);

			if (inits[i](c) == 1) {
				each_oddity(EVP_PKEY_CTX_settable_params(c), set_of_operation, c);
				each_oddity(EVP_PKEY_CTX_gettable_params(c), get_of_operation, c);
			}
			EVP_PKEY_CTX_free(c);
		}
		each_oddity(EVP_PKEY_gettable_params(keys[k]), get_of_key, keys[k]);
		each_oddity(EVP_PKEY_settable_params(keys[k]), set_of_key, keys[k]);
		assert_true(token_keys_sign(libctx, keys[k]));
	}
}

static int set_of_cipher(void *c, OSSL_PARAM params[])
{
	return EVP_CIPHER_CTX_set_params(c, params);
}

static int get_of_cipher(void *c, OSSL_PARAM params[])
{
	return EVP_CIPHER_CTX_get_params(c, params);
}

static int set_of_mac(void *c, OSSL_PARAM params[])
{
	return EVP_MAC_CTX_set_params(c, params);
}

static int get_of_mac(void *c, OSSL_PARAM params[])
{
	return EVP_MAC_CTX_get_params(c, params);
}

/* By a key of the token, or where that has none by none; either way, at each stage. */
static void odd_parameters_of_ciphers(void **state)
{
	static const char *const names[] = { "INRO-AES-256-GCM", "INRO-AES-256-CCM",
					     "INRO-AES-256-CBC", "INRO-AES-256-CTR" };
	char uri[] = "pkcs11:token=line1;object=hostile" PIN;
	const OSSL_PARAM key[] = { OSSL_PARAM_construct_utf8_string("pkcs11_uri", uri, 0),
				   OSSL_PARAM_construct_end() };
	bool has_key = chosen_can("secret-keys");

	(void)state;
	if (has_key)
		token_keys_import_secret("hostile", 0x71, CKK_AES, BYTES(bytes, 32));
	for (size_t i = 0; i < 2 * ARRAY_LEN(names); i++) {
		EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, names[i / 2], NULL);
		EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new(), *copy = EVP_CIPHER_CTX_new();
		int n = 0;

		assert_non_null(cipher);
		if (has_key)
			assert_true(EVP_CipherInit_ex2(c, cipher, NULL, bytes, i % 2, key));
		else
			assert_false(EVP_EncryptInit_ex2(c, cipher, bytes, bytes, NULL));
		each_oddity(EVP_CIPHER_CTX_settable_params(c), set_of_cipher, c);
		each_oddity(EVP_CIPHER_CTX_gettable_params(c), get_of_cipher, c);
		(void)EVP_CIPHER_CTX_copy(copy, c);
		(void)EVP_CipherUpdate(copy, bytes, &n, MESSAGE, MESSAGE_N);
		each_oddity(EVP_CIPHER_CTX_settable_params(copy), set_of_cipher, copy);
		(void)EVP_CIPHER_CTX_copy(c, copy);
		(void)EVP_CipherFinal_ex(copy, bytes, &n);
		each_oddity(EVP_CIPHER_CTX_gettable_params(copy), get_of_cipher, copy);
		(void)EVP_CipherFinal_ex(c, bytes, &n);
		EVP_CIPHER_CTX_free(c);
		EVP_CIPHER_CTX_free(copy);
		EVP_CIPHER_free(cipher);
		ERR_clear_error();
	}
}

static void odd_parameters_of_macs(void **state)
{
	static const char *const names[] = { "INRO-HMAC", "INRO-CMAC" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		EVP_MAC *mac = EVP_MAC_fetch(libctx, names[i], NULL);
		EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac), *copy;
		size_t n = 0;

		assert_non_null(c);
		each_oddity(EVP_MAC_CTX_settable_params(c), set_of_mac, c);
		each_oddity(EVP_MAC_CTX_gettable_params(c), get_of_mac, c);
		copy = EVP_MAC_CTX_dup(c);
		assert_false(EVP_MAC_init(copy, NULL, 0, NULL));
		(void)EVP_MAC_update(copy, MESSAGE, MESSAGE_N);
		assert_false(EVP_MAC_final(copy, bytes, &n, sizeof bytes));
		EVP_MAC_CTX_free(copy);
		EVP_MAC_CTX_free(c);
		EVP_MAC_free(mac);
		ERR_clear_error();
	}
}

/* ---- copies ---- */

static void signs_well(EVP_PKEY_CTX *c, EVP_PKEY *key)
{
	EVP_PKEY_CTX *v = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	unsigned char digest[32] = { 1 }, sig[512];
	size_t n = sizeof sig;

	assert_int_equal(EVP_PKEY_sign(c, sig, &n, digest, sizeof digest), 1);
	assert_int_equal(EVP_PKEY_verify_init(v), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(v, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_verify(v, sig, n, digest, sizeof digest), 1);
	EVP_PKEY_CTX_free(v);
}

/* The copy's origin is gone before the copy is used; `stage` says how far it had come. */
static void copy_at(EVP_PKEY *key, int stage)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL), *copy;

	if (stage > 0)
		assert_int_equal(EVP_PKEY_sign_init(c), 1);
	if (stage > 1)
		assert_int_equal(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
	if (stage > 2)
		signs_well(c, key);
	copy = EVP_PKEY_CTX_dup(c);
	assert_non_null(copy);
	EVP_PKEY_CTX_free(c);
	if (stage < 1)
		assert_int_equal(EVP_PKEY_sign_init(copy), 1);
	if (stage < 2)
		assert_int_equal(EVP_PKEY_CTX_set_signature_md(copy, EVP_sha256()), 1);
	signs_well(copy, key);
	c = EVP_PKEY_CTX_dup(copy);
	assert_non_null(c);
	EVP_PKEY_CTX_free(copy);
	signs_well(c, key);
	EVP_PKEY_CTX_free(c);
}

/* A stream that is copied before, in and after it; the copies end it, in pieces of any size. */
static void copy_stream_at(EVP_PKEY *key, size_t piece, int stage)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
	unsigned char sig[512];
	size_t n = sizeof sig, from = stage > 1 ? piece : 0;

	if (stage > 0)
		assert_int_equal(EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL), 1);
	if (stage > 1)
		assert_int_equal(EVP_DigestSignUpdate(c, bytes, piece), 1);
	if (stage > 2)
		assert_int_equal(EVP_DigestSignFinal(c, NULL, &n), 1);
	if (stage > 0) {
		assert_int_equal(EVP_MD_CTX_copy_ex(copy, c), 1);
	} else {
		(void)EVP_MD_CTX_copy_ex(copy, c);
		assert_int_equal(EVP_DigestSignInit_ex(copy, NULL, "SHA256", libctx, NULL, key, NULL),
				 1);
	}
	EVP_MD_CTX_free(c);
	for (; from < 300; from += piece)
		assert_int_equal(EVP_DigestSignUpdate(copy, bytes, piece), 1);
	n = sizeof sig;
	assert_int_equal(EVP_DigestSignFinal(copy, sig, &n), 1);
	c = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL), 1);
	for (size_t done = 0; done < from; done += piece)
		assert_int_equal(EVP_DigestVerifyUpdate(c, bytes, piece), 1);
	assert_int_equal(EVP_DigestVerifyFinal(c, sig, n), 1);
	EVP_MD_CTX_free(copy);
	EVP_MD_CTX_free(c);
}

static void copies_at_each_stage(void **state)
{
	static const size_t pieces[] = { 1, 64, 65, 300 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		for (int stage = 0; stage < 4; stage++) {
			copy_at(keys[k], stage);
			for (size_t p = 0; p < ARRAY_LEN(pieces); p++)
				copy_stream_at(keys[k], pieces[p], stage);
		}
	ERR_clear_error();
}

/* ---- encoders ---- */

/* What is written is never a private key to libcrypto alone. */
static void check_written(const unsigned char *data, size_t n)
{
	OSSL_LIB_CTX *plain = token_keys_libctx("default", NULL);
	EVP_PKEY *key = NULL;
	OSSL_DECODER_CTX *d = OSSL_DECODER_CTX_new_for_pkey(&key, NULL, NULL, NULL,
							    EVP_PKEY_KEYPAIR, plain, NULL);
	unsigned char *at = NULL;

	(void)OSSL_DECODER_CTX_set_passphrase(d, SECRET, 6);
	if (OSSL_DECODER_from_data(d, &data, &n) && key)
		assert_true(i2d_PrivateKey(key, &at) <= 0);
	OPENSSL_free(at);
	EVP_PKEY_free(key);
	OSSL_DECODER_CTX_free(d);
	token_keys_libctx_free(plain);
}

static void write_as(EVP_PKEY *key, int selection, const char *output, const char *structure,
		     const char *cipher)
{
	OSSL_ENCODER_CTX *c =
		OSSL_ENCODER_CTX_new_for_pkey(key, selection, output, structure, NULL);
	unsigned char *data = NULL;
	size_t n = 0;

	if (c)
		(void)OSSL_ENCODER_CTX_set_passphrase(c, SECRET, 6);
	if (c && cipher)
		(void)OSSL_ENCODER_CTX_set_cipher(c, cipher, NULL);
	if (c && OSSL_ENCODER_to_data(c, &data, &n) == 1 && n)
		check_written(data, n);
	OPENSSL_free(data);
	OSSL_ENCODER_CTX_free(c);
}

static void each_encoder(void **state)
{
	static const int selections[] = { 0,
					  OSSL_KEYMGMT_SELECT_PRIVATE_KEY,
					  EVP_PKEY_KEY_PARAMETERS,
					  EVP_PKEY_PUBLIC_KEY,
					  EVP_PKEY_KEYPAIR,
					  0x7fffffff };
	static const char *const outputs[] = { "PEM", "DER", "TEXT", "MSBLOB", "none", NULL };
	static const char *const structures[] = { NULL,
						  "type-specific",
						  "PrivateKeyInfo",
						  "EncryptedPrivateKeyInfo",
						  "SubjectPublicKeyInfo",
						  "pkcs1",
						  "rsa",
						  "EC",
						  "X9.62",
						  "none" };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		for (size_t s = 0; s < ARRAY_LEN(selections); s++)
			for (size_t o = 0; o < ARRAY_LEN(outputs); o++)
				for (size_t t = 0; t < ARRAY_LEN(structures); t++) {
					write_as(keys[k], selections[s], outputs[o], structures[t], NULL);
					/* of others libcrypto's own ask at the terminal */
					if (selections[s] & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
						write_as(keys[k], selections[s], outputs[o],
							 structures[t], "AES-256-CBC");
				}
	ERR_clear_error();
}

/* ---- the store ---- */

static unsigned all_found(const char *uri, int expect, OSSL_STORE_SEARCH *search)
{
	OSSL_STORE_CTX *c = OSSL_STORE_open_ex(uri, libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	unsigned n = 0;

	if (!c)
		return 0;
	if (expect)
		(void)OSSL_STORE_expect(c, expect);
	if (search)
		(void)OSSL_STORE_find(c, search);
	for (int turn = 0; turn < 1000 && !OSSL_STORE_eof(c); turn++) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(c);

		assert_true(info || OSSL_STORE_error(c) || OSSL_STORE_eof(c));
		n += info != NULL;
		OSSL_STORE_INFO_free(info);
	}
	assert_true(OSSL_STORE_eof(c));
	OSSL_STORE_close(c);
	ERR_clear_error();
	return n;
}

/* OSSL_STORE_error() says so, and the end comes at the next load, which says nothing more. */
static bool fails_once(const char *uri)
{
	OSSL_STORE_CTX *c = OSSL_STORE_open_ex(uri, libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	bool once = !OSSL_STORE_load(c) && OSSL_STORE_error(c) && ERR_peek_error() && !OSSL_STORE_eof(c);

	ERR_clear_error();
	once = once && !OSSL_STORE_load(c) && !ERR_peek_error() && OSSL_STORE_eof(c);
	OSSL_STORE_close(c);
	return once;
}

static void each_search(void **state)
{
	static const char *const uris[] = { EC,
					    "pkcs11:",
					    "pkcs11:token=line1" PIN,
					    "pkcs11:token=line1;type=public",
					    "pkcs11:token=line1;type=cert",
					    "pkcs11:token=line1;type=secret-key" PIN,
					    "pkcs11:token=line1;object=none" PIN,
					    "pkcs11:token=none",
					    "pkcs11:object=%",
					    "pkcs11:token=line1;id=%zz" };
	X509_NAME *name = X509_NAME_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	OSSL_STORE_SEARCH *searches[] = {
		NULL,
		OSSL_STORE_SEARCH_by_name(name),
		OSSL_STORE_SEARCH_by_issuer_serial(name, serial),
		OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha1(), bytes, 20),
		OSSL_STORE_SEARCH_by_alias("ec"),
	};

	(void)state;
	assert_true(ASN1_INTEGER_set(serial, 7));
	for (size_t u = 0; u < ARRAY_LEN(uris); u++)
		for (int expect = -1; expect < 9; expect++)
			for (size_t i = 0; i < ARRAY_LEN(searches); i++)
				(void)all_found(uris[u], expect, searches[i]);
	assert_int_equal(all_found(EC, OSSL_STORE_INFO_PKEY, NULL), 1);
	assert_true(fails_once("pkcs11:token=line1;object=none" PIN));
	assert_true(fails_once("pkcs11:token=none"));
	assert_true(fails_once("pkcs11:object=%"));
	for (size_t i = 0; i < ARRAY_LEN(searches); i++)
		OSSL_STORE_SEARCH_free(searches[i]);
	X509_NAME_free(name);
	ASN1_INTEGER_free(serial);
}

/* Given with the URI, before anything of the store is there. */
static void open_with(OSSL_PARAM param)
{
	const OSSL_PARAM params[] = { param, OSSL_PARAM_construct_end() };
	OSSL_STORE_CTX *c = OSSL_STORE_open_ex(EC, libctx, "provider=inro", NULL, NULL, params, NULL, NULL);

	assert_non_null(c);
	for (int turn = 0; turn < 10 && !OSSL_STORE_eof(c); turn++)
		OSSL_STORE_INFO_free(OSSL_STORE_load(c));
	assert_true(OSSL_STORE_eof(c));
	OSSL_STORE_close(c);
	ERR_clear_error();
}

static void odd_parameters_of_a_store(void **state)
{
	static const char *const names[] = { OSSL_STORE_PARAM_SUBJECT, OSSL_STORE_PARAM_ISSUER,
					     OSSL_STORE_PARAM_SERIAL,  OSSL_STORE_PARAM_ALIAS,
					     OSSL_STORE_PARAM_DIGEST,  OSSL_STORE_PARAM_PROPERTIES,
					     OSSL_STORE_PARAM_EXPECT,  OSSL_STORE_PARAM_FINGERPRINT,
					     "no such" };
	static const unsigned types[] = { OSSL_PARAM_INTEGER,	   OSSL_PARAM_UNSIGNED_INTEGER,
					  OSSL_PARAM_UTF8_STRING,  OSSL_PARAM_OCTET_STRING,
					  OSSL_PARAM_UTF8_PTR,	   OSSL_PARAM_OCTET_PTR };
	static void *nowhere;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		bool last = false;

		for (unsigned i = 0; !last; i++)
			open_with(oddity(names[k], i, &last));
		for (size_t t = 0; t < ARRAY_LEN(types); t++) {
			bool pointer = types[t] == OSSL_PARAM_UTF8_PTR || types[t] == OSSL_PARAM_OCTET_PTR;

			open_with((OSSL_PARAM) { names[k], types[t], pointer ? &nowhere : NULL, 8, 0 });
		}
	}
	assert_int_equal(all_found(EC, 0, NULL), 2);
}

/* ---- threads, two contexts, and one that comes and goes ---- */

static OSSL_LIB_CTX *contexts[2];
static atomic_bool enough;
static atomic_int bad;

static void *use_both(void *arg)
{
	size_t which = (size_t)(uintptr_t)arg;

	for (int i = 0; i < 12; i++, which++) {
		OSSL_LIB_CTX *lc = contexts[which % 2];
		EVP_PKEY *key = token_keys_load(lc, which % 3 ? EC : RSA_URI);
		EVP_PKEY *copy = key ? EVP_PKEY_dup(key) : NULL;

		bad += !copy || !token_keys_sign(lc, key);
		EVP_PKEY_free(key);
		bad += !copy || !token_keys_sign(lc, copy);
		EVP_PKEY_free(copy);
	}
	ERR_clear_error();
	return NULL;
}

static void *come_and_go(void *arg)
{
	while (!enough) {
		OSSL_LIB_CTX *lc = token_keys_libctx_configured("");
		EVP_PKEY *key = token_keys_load(lc, EC);

		bad += !key || !token_keys_sign(lc, key);
		EVP_PKEY_free(key);
		token_keys_libctx_free(lc);
	}
	ERR_clear_error();
	return arg;
}

static void threads_in_two_contexts(void **state)
{
	pthread_t t[THREADS], other;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++)
		contexts[i] = token_keys_libctx_configured("");
	assert_int_equal(pthread_create(&other, NULL, come_and_go, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, use_both, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	enough = true;
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(bad, 0);
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++)
		token_keys_libctx_free(contexts[i]);
}

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("default", "inro");
	keys[0] = token_keys_load(libctx, EC);
	keys[1] = token_keys_load(libctx, RSA_URI);
	return keys[0] && keys[1] ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(keys[0]);
	EVP_PKEY_free(keys[1]);
	token_keys_libctx_free(libctx);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_parameters),
		cmocka_unit_test(odd_parameters_of_ciphers),
		cmocka_unit_test(odd_parameters_of_macs),
		cmocka_unit_test(copies_at_each_stage),
		cmocka_unit_test(each_encoder),
		cmocka_unit_test(each_search),
		cmocka_unit_test(odd_parameters_of_a_store),
		cmocka_unit_test(threads_in_two_contexts),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
