/* test_provider_agree - key agreement by token keys, beside the same keys in software. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define URI(label) "pkcs11:token=line1;object=" label "?pin-value=" TOKEN_KEYS_PIN

/* soft: of the default provider alone; token: the same key, imported. */
static OSSL_LIB_CTX *libctx, *plain;
static struct pair {
	EVP_PKEY *soft, *token;
} p256, p384, p521;
static EVP_PKEY *sign_only;

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
	sign_only = token_keys_load(libctx, URI("ec"));
	return load(&p256, "agree-p256", 0x12, EVP_PKEY_Q_keygen(plain, NULL, "EC", "P-256")) |
	       load(&p384, "agree-p384", 0x13, EVP_PKEY_Q_keygen(plain, NULL, "EC", "P-384")) |
	       load(&p521, "agree-p521", 0x14, EVP_PKEY_Q_keygen(plain, NULL, "EC", "P-521"));
}

static int tear_down(void **state)
{
	struct pair *pairs[] = { &p256, &p384, &p521 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		EVP_PKEY_free(pairs[i]->soft);
		EVP_PKEY_free(pairs[i]->token);
	}
	EVP_PKEY_free(sign_only);
	token_keys_libctx_free(plain);
	token_keys_libctx_free(libctx);
	return 0;
}

static EVP_PKEY_CTX *agreement(EVP_PKEY *key, EVP_PKEY *peer)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);

	assert_true(EVP_PKEY_derive_init(c) > 0);
	assert_true(EVP_PKEY_derive_set_peer(c, peer) > 0);
	return c;
}

/* Both orders: whose key is in the token and whose in software makes no difference. */
static void ecdh(void **state)
{
	const struct {
		struct pair *pair;
		const char *curve;
		size_t size;
	} rows[] = { { &p256, "P-256", 32 }, { &p384, "P-384", 48 }, { &p521, "P-521", 66 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EVP_PKEY *peer = EVP_PKEY_Q_keygen(plain, NULL, "EC", rows[i].curve);
		EVP_PKEY_CTX *a = agreement(rows[i].pair->token, peer), *copy = EVP_PKEY_CTX_dup(a);
		EVP_PKEY_CTX *b = agreement(peer, rows[i].pair->soft);
		unsigned char x[100], y[100];
		size_t n = 0, m = sizeof y;

		EVP_PKEY_free(peer); /* the agreement holds what it needs */
		assert_true(EVP_PKEY_derive(a, NULL, &n) > 0);
		assert_int_equal(n, rows[i].size);
		n = sizeof x;
		assert_true(EVP_PKEY_derive(a, x, &n) > 0);
		assert_true(EVP_PKEY_derive(b, y, &m) > 0);
		assert_int_equal(n, rows[i].size);
		assert_int_equal(m, n);
		assert_memory_equal(x, y, n);
		m = 8; /* cut off, as libcrypto does it */
		assert_true(EVP_PKEY_derive(copy, y, &m) > 0);
		assert_int_equal(m, 8);
		assert_memory_equal(x, y, m);
		EVP_PKEY_CTX_free(a);
		EVP_PKEY_CTX_free(b);
		EVP_PKEY_CTX_free(copy);
	}
}

struct kdf_row {
	int cofactor;
	const char *digest;
	const char *ukm;
	int n;
};

static void set_kdf(EVP_PKEY_CTX *c, const struct kdf_row *r)
{
	void *ukm = r->ukm ? OPENSSL_strdup(r->ukm) : NULL;

	assert_true(EVP_PKEY_CTX_set_ecdh_cofactor_mode(c, r->cofactor) > 0);
	assert_true(EVP_PKEY_CTX_set_ecdh_kdf_type(c, EVP_PKEY_ECDH_KDF_X9_63) > 0);
	assert_true(EVP_PKEY_CTX_set_ecdh_kdf_md(c, EVP_get_digestbyname(r->digest)) > 0);
	assert_true(EVP_PKEY_CTX_set_ecdh_kdf_outlen(c, r->n) > 0);
	if (ukm)
		assert_true(EVP_PKEY_CTX_set0_ecdh_kdf_ukm(c, ukm, (int)strlen(r->ukm)) > 0);
}

static void ecdh_with_kdf(void **state)
{
	static const struct kdf_row rows[] = {
		{ -1, "SHA1", NULL, 16 },
		{ 0, "SHA256", "some ukm", 32 },
		{ 1, "SHA384", "some ukm", 100 },
	};
	EVP_PKEY *peer = EVP_PKEY_Q_keygen(plain, NULL, "EC", "P-256");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EVP_PKEY *keys[] = { p256.soft, p256.token };
		unsigned char out[2][100];

		for (size_t k = 0; k < 2; k++) {
			EVP_PKEY_CTX *c = agreement(keys[k], peer);
			size_t n = 0;

			set_kdf(c, &rows[i]);
			assert_true(EVP_PKEY_derive(c, NULL, &n) > 0);
			assert_int_equal(n, rows[i].n);
			n--;
			assert_false(EVP_PKEY_derive(c, out[k], &n) > 0);
			n = sizeof out[k];
			assert_true(EVP_PKEY_derive(c, out[k], &n) > 0);
			assert_int_equal(n, rows[i].n);
			EVP_PKEY_CTX_free(c);
		}
		assert_memory_equal(out[0], out[1], (size_t)rows[i].n);
	}
	EVP_PKEY_free(peer);
	ERR_clear_error();
}

static void wrong_peers(void **state)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, p256.token, NULL);
	EVP_PKEY *rsa = EVP_PKEY_Q_keygen(plain, NULL, "RSA", (size_t)2048);
	unsigned char out[66];
	size_t n = sizeof out;

	(void)state;
	assert_true(EVP_PKEY_derive_init(c) > 0);
	assert_false(EVP_PKEY_derive(c, out, &n) > 0); /* none yet */
	assert_false(EVP_PKEY_derive_set_peer(c, p384.soft) > 0);
	assert_false(EVP_PKEY_derive_set_peer(c, rsa) > 0);
	assert_false(EVP_PKEY_derive(c, out, &n) > 0);
	assert_true(EVP_PKEY_derive_set_peer(c, p256.soft) > 0);
	assert_true(EVP_PKEY_derive(c, out, &n) > 0);
	EVP_PKEY_free(rsa);
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
}

static CK_BYTE x25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x6e };
static CK_BYTE x448[] = { 0x06, 0x03, 0x2b, 0x65, 0x6f };
static const struct token_pair montgomery_pairs[] = {
	{ "X25519",
	  0x15,
	  CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
	  { CKA_EC_PARAMS, x25519, sizeof x25519 },
	  CKA_DERIVE,
	  0,
	  { 0 } },
	{ "X448",
	  0x16,
	  CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
	  { CKA_EC_PARAMS, x448, sizeof x448 },
	  CKA_DERIVE,
	  0,
	  { 0 } },
};

/* The public half, as the other side has it. */
static EVP_PKEY *public_of(EVP_PKEY *key)
{
	unsigned char raw[64];
	size_t n = sizeof raw;

	assert_true(EVP_PKEY_get_raw_public_key(key, raw, &n));
	return EVP_PKEY_new_raw_public_key_ex(plain, EVP_PKEY_get0_type_name(key), NULL, raw, n);
}

static void montgomery_with(EVP_PKEY *key, size_t size)
{
	EVP_PKEY *peer = EVP_PKEY_Q_keygen(plain, NULL, EVP_PKEY_get0_type_name(key));
	EVP_PKEY *public = public_of(key);
	EVP_PKEY_CTX *a = agreement(key, peer), *b = agreement(peer, public);
	unsigned char x[56], y[56];
	size_t n = 0, m = sizeof y;

	assert_true(EVP_PKEY_derive(a, NULL, &n) > 0);
	assert_int_equal(n, size);
	n = size - 1; /* refused here, where ECDH would cut it off */
	assert_false(EVP_PKEY_derive(a, x, &n) > 0);
	n = sizeof x;
	assert_true(EVP_PKEY_derive(a, x, &n) > 0);
	assert_true(EVP_PKEY_derive(b, y, &m) > 0);
	assert_int_equal(n, size);
	assert_int_equal(m, size);
	assert_memory_equal(x, y, size);
	assert_false(EVP_PKEY_derive_set_peer(a, p256.soft) > 0);
	EVP_PKEY_CTX_free(a);
	EVP_PKEY_CTX_free(b);
	EVP_PKEY_free(public);
	EVP_PKEY_free(peer);
}

static void montgomery(void **state)
{
	static const size_t sizes[] = { 32, 56 };

	(void)state;
	NEEDS("x25519");
	for (size_t i = 0; i < ARRAY_LEN(montgomery_pairs); i++) {
		char uri[128];
		EVP_PKEY *key;

		snprintf(uri, sizeof uri, "pkcs11:token=line1;object=%s?pin-value=" TOKEN_KEYS_PIN,
			 montgomery_pairs[i].label);
		token_keys_add_pair(&montgomery_pairs[i]);
		key = token_keys_load(libctx, uri);
		assert_non_null(key);
		montgomery_with(key, sizes[i]);
		EVP_PKEY_free(key);
	}
	ERR_clear_error();
}

/* The attributes of the key say no: the error has its name. */
static void key_that_may_not(void **state)
{
	EVP_PKEY_CTX *c = agreement(sign_only, p256.soft);
	const char *said = "";
	unsigned char out[32];
	size_t n = sizeof out;

	(void)state;
	assert_false(EVP_PKEY_derive(c, out, &n) > 0);
	ERR_peek_last_error_data(&said, NULL);
	assert_non_null(strstr(said, "object=ec"));
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
}

/* Keys of a program whose "EC" is ours work whole. */
static void software_keys(void **state)
{
	OSSL_LIB_CTX *lc = token_keys_libctx("inro", "default");
	EVP_PKEY *ec = EVP_PKEY_Q_keygen(lc, NULL, "EC", "P-256");
	EVP_PKEY_CTX *a = EVP_PKEY_CTX_new_from_pkey(lc, ec, NULL), *b = agreement(p256.token, ec);
	unsigned char out[2][32];
	size_t n = sizeof out[0], m = sizeof out[1];

	(void)state;
	assert_true(EVP_PKEY_derive_init(a) > 0 && EVP_PKEY_derive_set_peer(a, p256.soft) > 0);
	assert_true(EVP_PKEY_derive(a, out[0], &n) > 0 && EVP_PKEY_derive(b, out[1], &m) > 0);
	assert_int_equal(n, 32);
	assert_int_equal(m, 32);
	assert_memory_equal(out[0], out[1], 32);
	EVP_PKEY_CTX_free(a);
	EVP_PKEY_CTX_free(b);
	EVP_PKEY_free(ec);
	token_keys_libctx_free(lc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecdh),
		cmocka_unit_test(ecdh_with_kdf),
		cmocka_unit_test(wrong_peers),
		cmocka_unit_test(montgomery),
		cmocka_unit_test(key_that_may_not),
		cmocka_unit_test(software_keys),
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
