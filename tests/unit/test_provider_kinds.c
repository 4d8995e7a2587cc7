/*
 * test_provider_kinds - every kind of key in a token beside the same public half with libcrypto's
 * own provider: sizes, names, comparison, export, signatures, requests; and software keys of every
 * kind when our provider is named first.
 *
 * The post-quantum kinds are there with a libcrypto 3.5 only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define SIG_MAX 49856

static CK_ULONG bits2048 = 2048;
static CK_MECHANISM_TYPE only_pss[] = { CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS };
static CK_MECHANISM_TYPE pss_of_two[] = { CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
					  CKM_SHA384_RSA_PKCS_PSS };
static CK_BYTE p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static CK_BYTE p521[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 };
static CK_BYTE ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
static CK_BYTE ed448[] = { 0x06, 0x03, 0x2b, 0x65, 0x71 };
static CK_BYTE x25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x6e };
static CK_BYTE x448[] = { 0x06, 0x03, 0x2b, 0x65, 0x6f };
static CK_ULONG sets[] = { 0, 1, 2, 3 };

/* clang-format off */
#define CURVE(oid) { CKA_EC_PARAMS, oid, sizeof oid }
#define SET(n) { CKA_PARAMETER_SET, &sets[n], sizeof sets[n] }
#define EDWARDS CKM_EC_EDWARDS_KEY_PAIR_GEN
#define MONTGOMERY CKM_EC_MONTGOMERY_KEY_PAIR_GEN
#define SIGNS CKA_SIGN, CKA_VERIFY
#define OPENS CKA_DECAPSULATE, CKA_ENCAPSULATE
static const struct token_pair pairs[] = {
	{ "EC", 10, CKM_EC_KEY_PAIR_GEN, CURVE(p384), SIGNS, { 0 } },
	{ "EC", 11, CKM_EC_KEY_PAIR_GEN, CURVE(p521), SIGNS, { 0 } },
	{ "RSA-PSS", 12, CKM_RSA_PKCS_KEY_PAIR_GEN, { CKA_MODULUS_BITS, &bits2048, sizeof bits2048 },
	  SIGNS, { CKA_ALLOWED_MECHANISMS, only_pss, sizeof only_pss } },
	{ "RSA-PSS", 17, CKM_RSA_PKCS_KEY_PAIR_GEN, { CKA_MODULUS_BITS, &bits2048, sizeof bits2048 },
	  SIGNS, { CKA_ALLOWED_MECHANISMS, pss_of_two, sizeof pss_of_two } },
	{ "ED25519", 13, EDWARDS, CURVE(ed25519), SIGNS, { 0 } },
	{ "ED448", 14, EDWARDS, CURVE(ed448), SIGNS, { 0 } },
	{ "X25519", 15, MONTGOMERY, CURVE(x25519), CKA_DERIVE, 0, { 0 } },
	{ "X448", 16, MONTGOMERY, CURVE(x448), CKA_DERIVE, 0, { 0 } },
	{ "ML-DSA-44", 20, CKM_ML_DSA_KEY_PAIR_GEN, SET(1), SIGNS, { 0 } },
	{ "ML-DSA-65", 21, CKM_ML_DSA_KEY_PAIR_GEN, SET(2), SIGNS, { 0 } },
	{ "ML-DSA-87", 22, CKM_ML_DSA_KEY_PAIR_GEN, SET(3), SIGNS, { 0 } },
	{ "ML-KEM-512", 23, CKM_ML_KEM_KEY_PAIR_GEN, SET(1), OPENS, { 0 } },
	{ "ML-KEM-768", 24, CKM_ML_KEM_KEY_PAIR_GEN, SET(2), OPENS, { 0 } },
	{ "ML-KEM-1024", 25, CKM_ML_KEM_KEY_PAIR_GEN, SET(3), OPENS, { 0 } },
	{ "SLH-DSA-SHA2-128s", 26, CKM_SLH_DSA_KEY_PAIR_GEN, SET(1), SIGNS, { 0 } },
	{ "SLH-DSA-SHA2-128f", 27, CKM_SLH_DSA_KEY_PAIR_GEN, SET(3), SIGNS, { 0 } },
};
/* clang-format on */
#define PQ_FIRST 20

/* A pair, and its public half as a key of libcrypto's own provider. */
struct kind {
	const struct token_pair *pair;
	EVP_PKEY *key, *public;
};

static OSSL_LIB_CTX *libctx;
static struct kind kinds[ARRAY_LEN(pairs)];
static size_t kinds_n;
static unsigned char sig[SIG_MAX];
static const unsigned char message[] = "the message itself, not a digest of it";

static bool has_pq(void)
{
	return OpenSSL_version_num() >= 0x30500000UL;
}

/* libcrypto knows the kind, and the module makes it. */
static bool is_there(const struct token_pair *pair)
{
	if (pair->id >= PQ_FIRST)
		return has_pq() && chosen_can("post-quantum");
	return pair->maker != MONTGOMERY || chosen_can("x25519");
}

static bool can_sign(const struct kind *k)
{
	return k->pair->use == CKA_SIGN;
}

static EVP_PKEY *stranger(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = n > 0 ? d2i_PUBKEY_ex(NULL, &at, n, libctx, NULL) : NULL;

	OPENSSL_free(der);
	return public;
}

static bool add_kind(const struct token_pair *pair)
{
	struct kind *k = &kinds[kinds_n++];
	char uri[128];

	snprintf(uri, sizeof uri, "pkcs11:token=line1;id=%%%02x;type=private?pin-value=%s",
		 pair->id, TOKEN_KEYS_PIN);
	k->pair = pair;
	k->key = token_keys_load(libctx, uri);
	k->public = k->key ? stranger(k->key) : NULL;
	if (!k->public)
		fprintf(stderr, "%s can't be had\n", pair->label);
	return k->public != NULL;
}

static int set_up(void **state)
{
	bool ok = true;

	(void)state;
	libctx = token_keys_libctx("default", "inro");
	for (size_t i = 0; ok && i < ARRAY_LEN(pairs); i++)
		if (is_there(&pairs[i]))
			ok = add_kind(&pairs[i]);
	return ok ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_n; i++) {
		EVP_PKEY_free(kinds[i].key);
		EVP_PKEY_free(kinds[i].public);
	}
	token_keys_libctx_free(libctx);
	return 0;
}

static void encoded_public_keys_agree(const struct kind *k)
{
	unsigned char *ours = NULL, *theirs = NULL;
	size_t n;

	n = EVP_PKEY_get1_encoded_public_key(k->public, &theirs);
	assert_int_equal(n, EVP_PKEY_get1_encoded_public_key(k->key, &ours));
	if (n)
		assert_memory_equal(ours, theirs, n);
	OPENSSL_free(ours);
	OPENSSL_free(theirs);
}

/* Of a public half alone, libcrypto's own provider says just what we say of the token's key. */
static void answers_are_libcryptos(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_n; i++) {
		const struct kind *k = &kinds[i];
		char ours[64] = "", theirs[64] = "";

		assert_true(EVP_PKEY_is_a(k->key, k->pair->label));
		assert_int_equal(EVP_PKEY_get_id(k->key), EVP_PKEY_get_id(k->public));
		assert_int_equal(EVP_PKEY_get_size(k->key), EVP_PKEY_get_size(k->public));
		assert_int_equal(EVP_PKEY_get_bits(k->key), EVP_PKEY_get_bits(k->public));
		assert_int_equal(EVP_PKEY_get_security_bits(k->key),
				 EVP_PKEY_get_security_bits(k->public));
		assert_int_equal(
			EVP_PKEY_get_default_digest_name(k->key, ours, sizeof ours),
			EVP_PKEY_get_default_digest_name(k->public, theirs, sizeof theirs));
		assert_string_equal(ours, theirs);
		assert_int_equal(EVP_PKEY_get_group_name(k->key, ours, sizeof ours, NULL),
				 EVP_PKEY_get_group_name(k->public, theirs, sizeof theirs, NULL));
		assert_string_equal(ours, theirs);
		encoded_public_keys_agree(k);
	}
	ERR_clear_error();
}

static void compared_with_strangers(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_n; i++)
		for (size_t j = 0; j < kinds_n; j++) {
			assert_int_equal(EVP_PKEY_eq(kinds[i].key, kinds[j].public) == 1, i == j);
			assert_int_equal(EVP_PKEY_eq(kinds[j].public, kinds[i].key) == 1, i == j);
		}
	ERR_clear_error();
}

static int count_call(const OSSL_PARAM params[], void *arg)
{
	(void)params;
	++*(int *)arg;
	return 1;
}

static void private_parts_stay(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_n; i++) {
		unsigned char raw[64];
		size_t n = sizeof raw;
		int calls = 0;

		assert_false(EVP_PKEY_export(kinds[i].key, EVP_PKEY_KEYPAIR, count_call, &calls));
		assert_int_equal(calls, 0);
		assert_true(EVP_PKEY_export(kinds[i].key, EVP_PKEY_PUBLIC_KEY, count_call, &calls));
		assert_int_equal(calls, 1);
		assert_false(EVP_PKEY_get_raw_private_key(kinds[i].key, raw, &n));
		assert_null(EVP_PKEY2PKCS8(kinds[i].key));
	}
	ERR_clear_error();
}

static size_t sign_with(EVP_PKEY *key, const OSSL_PARAM *params)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = 0;
	bool ok = EVP_DigestSignInit_ex(c, NULL, NULL, libctx, NULL, key, params) == 1 &&
		  EVP_DigestSign(c, NULL, &n, message, sizeof message) == 1 &&
		  n == (size_t)EVP_PKEY_get_size(key) &&
		  EVP_DigestSign(c, sig, &n, message, sizeof message) == 1;

	EVP_MD_CTX_free(c);
	return ok ? n : 0;
}

static bool verifies(EVP_PKEY *key, size_t n, const OSSL_PARAM *params)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit_ex(c, NULL, NULL, libctx, NULL, key, params) == 1 &&
		  EVP_DigestVerify(c, sig, n, message, sizeof message) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

/* Nothing set: each kind by its default digest, or by none where it takes none. */
static void signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_n; i++) {
		size_t n = can_sign(&kinds[i]) ? sign_with(kinds[i].key, NULL) : 0;

		assert_int_equal(n > 0, can_sign(&kinds[i]));
		assert_int_equal(verifies(kinds[i].public, n, NULL), n > 0);
		assert_int_equal(verifies(kinds[i].key, n, NULL), n > 0);
		sig[n / 2] ^= 1;
		assert_false(verifies(kinds[i].public, n, NULL));
		assert_false(verifies(kinds[i].key, n, NULL));
	}
	ERR_clear_error();
}

#define CIPHERTEXT_MAX 1600

static bool encapsulates(EVP_PKEY *key, unsigned char *out, size_t *n, unsigned char secret[32])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	size_t secret_n = 32;
	bool ok = EVP_PKEY_encapsulate_init(c, NULL) == 1 &&
		  EVP_PKEY_encapsulate(c, out, n, secret, &secret_n) == 1 && secret_n == 32;

	EVP_PKEY_CTX_free(c);
	return ok;
}

static bool decapsulates(EVP_PKEY *key, const unsigned char *in, size_t n, unsigned char secret[32],
			 size_t room)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	size_t wanted = 0;
	bool ok = EVP_PKEY_decapsulate_init(c, NULL) == 1 &&
		  EVP_PKEY_decapsulate(c, NULL, &wanted, in, n) == 1 && wanted == 32 &&
		  EVP_PKEY_decapsulate(c, secret, &room, in, n) == 1 && room == 32;

	EVP_PKEY_CTX_free(c);
	return ok;
}

/* Encapsulated by libcrypto's own key and by ours, opened by the token.  A ciphertext that was
 * touched opens as something else, one of another length not at all. */
static void encapsulated_secrets(void **state)
{
	unsigned char text[CIPHERTEXT_MAX], sent[32], opened[32], again[32];

	(void)state;
	for (size_t i = 0; i < kinds_n; i++) {
		const struct kind *k = &kinds[i];

		for (int ours = 0; k->pair->use == CKA_DECAPSULATE && ours < 2; ours++) {
			size_t n = sizeof text;

			assert_true(encapsulates(ours ? k->key : k->public, text, &n, sent));
			assert_true(decapsulates(k->key, text, n, opened, 32));
			assert_memory_equal(opened, sent, 32);
			assert_false(decapsulates(k->key, text, n - 1, opened, 32));
			assert_false(decapsulates(k->key, text, n, opened, 31));
			assert_false(decapsulates(k->public, text, n, opened, 32));
			text[n / 2] ^= 1;
			assert_true(decapsulates(k->key, text, n, opened, 32));
			assert_memory_not_equal(opened, sent, 32);
			assert_true(decapsulates(k->key, text, n, again, 32));
			assert_memory_equal(opened, again, 32);
		}
	}
	ERR_clear_error();
}

/* As in a handshake: the key is made in software, by our provider's own name for the kind. */
static void software_encapsulation(EVP_PKEY *key)
{
	unsigned char text[CIPHERTEXT_MAX], sent[32], opened[32];
	size_t n = sizeof text;

	assert_true(encapsulates(key, text, &n, sent));
	assert_true(decapsulates(key, text, n, opened, 32));
	assert_memory_equal(opened, sent, 32);
}

static void requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_n; i++) {
		X509_REQ *ours = X509_REQ_new_ex(libctx, NULL);
		const X509_ALGOR *algorithm;

		if (can_sign(&kinds[i])) {
			assert_true(X509_REQ_set_version(ours, X509_REQ_VERSION_1));
			assert_true(X509_REQ_set_pubkey(ours, kinds[i].key));
			assert_true(X509_REQ_sign(ours, kinds[i].key, NULL) > 0);
			assert_int_equal(X509_REQ_verify_ex(ours, kinds[i].public, libctx, NULL),
					 1);
			X509_REQ_get0_signature(ours, NULL, &algorithm);
			assert_int_not_equal(OBJ_obj2nid(algorithm->algorithm), NID_undef);
		}
		X509_REQ_free(ours);
	}
}

static const struct kind *kind_of(const char *name)
{
	for (size_t i = 0; i < kinds_n; i++)
		if (strcmp(kinds[i].pair->label, name) == 0)
			return &kinds[i];
	return NULL;
}

/* EdDSA takes no digest and no stream; a copy of the context signs the same. */
static void eddsa_forms(void **state)
{
	const struct kind *k = kind_of("ED25519");
	EVP_MD_CTX *c = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
	unsigned char first[64];
	size_t n = sizeof first;

	(void)state;
	assert_false(EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, k->key, NULL));
	EVP_MD_CTX_reset(c);
	assert_true(EVP_DigestSignInit_ex(c, NULL, NULL, libctx, NULL, k->key, NULL));
	assert_false(EVP_DigestSignUpdate(c, message, 1));
	assert_true(EVP_MD_CTX_copy_ex(copy, c));
	assert_true(EVP_DigestSign(c, first, &n, message, sizeof message));
	n = sizeof sig;
	assert_true(EVP_DigestSign(copy, sig, &n, message, sizeof message));
	assert_int_equal(n, 64);
	assert_memory_equal(first, sig, 64);
	EVP_MD_CTX_free(c);
	EVP_MD_CTX_free(copy);
	ERR_clear_error();
}

static void no_room(void **state)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = 63;

	(void)state;
	assert_true(
		EVP_DigestSignInit_ex(c, NULL, NULL, libctx, NULL, kind_of("ED25519")->key, NULL));
	assert_false(EVP_DigestSign(c, sig, &n, message, sizeof message));
	EVP_MD_CTX_free(c);
	ERR_clear_error();
}

struct setting {
	const char *kind, *name, *text; /* text, or */
	int number;
	bool good; /* with a libcrypto that knows it */
};

static void with_setting(const struct setting *t)
{
	const struct kind *k = kind_of(t->kind);
	bool octets = strcmp(t->name, "context-string") == 0;
	int number = t->number;
	char text[300] = "";
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_int(t->name, &number),
				 OSSL_PARAM_construct_end() };
	size_t n;

	if (!k)
		return; /* libcrypto is too old for the kind */
	if (t->text)
		snprintf(text, sizeof text, "%s", t->text);
	if (octets)
		params[0] = OSSL_PARAM_construct_octet_string(t->name, text, strlen(text));
	else if (t->text)
		params[0] = OSSL_PARAM_construct_utf8_string(t->name, text, 0);
	n = sign_with(k->key, params);
	assert_int_equal(n > 0, t->good);
	if (n) {
		assert_true(verifies(k->public, n, params));
		assert_int_equal(verifies(k->public, n, NULL), !octets || !*text);
	}
}

static void settings(void **state)
{
	static const struct setting rows[] = {
		{ "ED25519", "instance", "Ed448", 0, false },
		{ "ED25519", "instance", "nonsense", 0, false },
		{ "ML-DSA-65", "context-string", "what for", 0, true },
		{ "ML-DSA-65", "context-string", "", 0, true },
		{ "ML-DSA-65", "deterministic", NULL, 1, true },
		{ "ML-DSA-65", "message-encoding", NULL, 1, true },
		{ "ML-DSA-65", "message-encoding", NULL, 0, false },
		{ "ML-DSA-65", "mu", NULL, 0, true },
		{ "ML-DSA-65", "mu", NULL, 1, false },
		{ "SLH-DSA-SHA2-128f", "context-string", "what for", 0, true },
		{ "SLH-DSA-SHA2-128f", "deterministic", NULL, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		with_setting(&rows[i]);
	ERR_clear_error();
}

/* The forms of EdDSA that libcrypto has from 3.2 on. */
static void eddsa_instances(void **state)
{
	static const struct setting rows[] = {
		{ "ED25519", "instance", "Ed25519", 0, true },
		{ "ED25519", "context-string", "what for", 0, false }, /* that is another instance */
		{ "ED448", "instance", "Ed448", 0, true },
		{ "ED448", "context-string", "what for", 0, true },
	};
	const struct kind *k = kind_of("ED25519");
	char ph[] = "Ed25519ph", with[] = "Ed25519ctx", what_for[] = "what for";
	OSSL_PARAM params[3] = { OSSL_PARAM_construct_utf8_string("instance", ph, 0),
				 OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	size_t n;

	(void)state;
	if (OpenSSL_version_num() < 0x30200000UL)
		skip();
	NEEDS("eddsa-params");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		with_setting(&rows[i]);
	n = sign_with(k->key, params);
	assert_int_equal(n, 64);
	assert_true(verifies(k->public, n, params));
	assert_false(verifies(k->public, n, NULL));
	params[0] = OSSL_PARAM_construct_utf8_string("instance", with, 0);
	params[1] = OSSL_PARAM_construct_octet_string("context-string", what_for, strlen(what_for));
	n = sign_with(k->key, params);
	assert_int_equal(n, 64);
	assert_true(verifies(k->public, n, params));
	params[0] = OSSL_PARAM_construct_utf8_string("instance", ph, 0);
	assert_false(verifies(k->public, n, params));
	ERR_clear_error();
}

/* 0 where it is not even begun, -1 where it is refused then. */
static int by_digest(EVP_PKEY *key, size_t *n, const OSSL_PARAM *params, bool signing)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL), *copy = NULL;
	unsigned char digest[64];
	int rc = signing ? EVP_PKEY_sign_init_ex(c, params) : EVP_PKEY_verify_init_ex(c, params);

	assert_int_equal(EVP_Q_digest(libctx, "SHA512", NULL, message, sizeof message, digest, NULL), 1);
	if (rc == 1)
		copy = EVP_PKEY_CTX_dup(c);
	if (copy && signing)
		rc = EVP_PKEY_sign(copy, sig, n, digest, sizeof digest) == 1 ? 1 : -1;
	else if (copy)
		rc = EVP_PKEY_verify(copy, sig, *n, digest, sizeof digest) == 1 ? 1 : -1;
	EVP_PKEY_CTX_free(copy);
	EVP_PKEY_CTX_free(c);
	return rc;
}

/* From 3.5 on an operation may begin with the digest: as far as with a key in a file, where it is not the token's
 * private half that signs. */
static void eddsa_by_digest(void **state)
{
	const struct kind *k = kind_of("ED25519");
	EVP_PKEY *soft;
	char ph[] = "Ed25519ph";
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_utf8_string("instance", ph, 0),
				 OSSL_PARAM_construct_end() };
	size_t n = sizeof sig;

	(void)state;
	if (OpenSSL_version_num() < 0x30500000UL)
		skip();
	soft = EVP_PKEY_Q_keygen(libctx, "provider=inro", "ED25519"); /* ours, in memory */
	assert_non_null(soft);
	assert_int_equal(by_digest(soft, &n, params, true), 1);
	assert_int_equal(by_digest(soft, &n, params, false), 1);
	assert_int_equal(by_digest(soft, &n, NULL, true), -1);
	EVP_PKEY_free(soft);
	ERR_clear_error();
	assert_int_equal(by_digest(k->key, &n, NULL, true), -1);
	assert_true(token_keys_error_says("a token signs messages by EdDSA, and no digests of them"));
	NEEDS("eddsa-params");
	n = sign_with(k->key, params);
	assert_int_equal(n, 64);
	assert_int_equal(by_digest(k->public, &n, params, false), 1);
	assert_int_equal(by_digest(k->key, &n, params, false), 1);
	sig[5] ^= 1;
	assert_int_equal(by_digest(k->key, &n, params, false), -1);
	ERR_clear_error();
}

/* A key of RSA-PSS signs with nothing else, and says so before the token is asked. */
static void pss_only_key(void **state)
{
	const struct kind *k = kind_of("RSA-PSS");
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, k->key, NULL);
	int padding = 0;

	(void)state;
	assert_int_equal(EVP_PKEY_sign_init(c), 1);
	assert_true(EVP_PKEY_CTX_get_rsa_padding(c, &padding) > 0);
	assert_int_equal(padding, RSA_PKCS1_PSS_PADDING);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) <= 0);
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
}

static const struct kind *kind_with_id(CK_BYTE id)
{
	for (size_t i = 0; i < kinds_n; i++)
		if (kinds[i].pair->id == id)
			return &kinds[i];
	return NULL;
}

static bool signs_with(EVP_PKEY *key, const char *digest, int salt)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings = NULL;
	size_t n = sizeof sig;
	bool ok = EVP_DigestSignInit_ex(c, &settings, digest, libctx, NULL, key, NULL) == 1 &&
		  (salt < 0 || EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, salt) > 0) &&
		  EVP_DigestSign(c, sig, &n, message, sizeof message) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

static bool prints(EVP_PKEY *key, const char *text)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *all = NULL;
	bool found;

	assert_true(EVP_PKEY_print_public(out, key, 0, NULL) > 0);
	assert_true(BIO_write(out, "", 1) == 1);
	assert_true(BIO_get_mem_data(out, &all) > 0);
	found = strstr(all, text) != NULL;
	BIO_free(out);
	return found;
}

/* One hash among the allowed mechanisms binds the key as RSASSA-PSS-params do, two do not. */
static void bound_pss_key(void **state)
{
	const struct kind *bound = kind_with_id(12), *two = kind_with_id(17);

	(void)state;
	assert_true(signs_with(bound->key, "SHA256", -1));
	assert_true(signs_with(bound->key, NULL, 32));
	assert_false(signs_with(bound->key, "SHA384", -1));
	assert_false(signs_with(bound->key, "SHA256", 20));
	assert_true(prints(bound->public, "Minimum Salt Length: 32"));
	assert_true(prints(bound->key, "Minimum Salt Length: 32"));
	assert_true(signs_with(two->key, "SHA384", -1));
	assert_true(signs_with(two->key, "SHA256", 20));
	assert_true(prints(two->public, "No PSS parameter restrictions"));
	ERR_clear_error();
}

static EVP_PKEY *make_software(OSSL_LIB_CTX *lc, const char *name)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(lc, name, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	if (strcmp(name, "EC") == 0)
		assert_int_equal(EVP_PKEY_CTX_set_group_name(c, "P-384"), 1);
	assert_int_equal(EVP_PKEY_generate(c, &key), 1);
	EVP_PKEY_CTX_free(c);
	return key;
}

/* Our provider first, so that "ED25519" is fetched from it: a key is made, used, written and read
 * as without us. */
static void software_keys(void **state)
{
	OSSL_LIB_CTX *lc = token_keys_libctx("inro", "default"), *kept = libctx;

	(void)state;
	libctx = lc;
	for (size_t i = 1; i < kinds_n; i++) { /* EC is there once */
		EVP_PKEY *key = make_software(lc, kinds[i].pair->label), *again;
		unsigned char *der = NULL;
		int n = i2d_PrivateKey(key, &der);
		const unsigned char *at = der;

		assert_true(n > 32);
		again = d2i_AutoPrivateKey_ex(NULL, &at, n, lc, NULL);
		assert_non_null(again);
		assert_int_equal(EVP_PKEY_eq(key, again), 1);
		if (can_sign(&kinds[i]))
			assert_true(verifies(again, sign_with(key, NULL), NULL));
		if (kinds[i].pair->use == CKA_DECAPSULATE)
			software_encapsulation(again);
		OPENSSL_free(der);
		EVP_PKEY_free(again);
		EVP_PKEY_free(key);
	}
	libctx = kept;
	token_keys_libctx_free(lc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_libcryptos),
		cmocka_unit_test(compared_with_strangers),
		cmocka_unit_test(private_parts_stay),
		cmocka_unit_test(signatures),
		cmocka_unit_test(encapsulated_secrets),
		cmocka_unit_test(requests),
		cmocka_unit_test(eddsa_forms),
		cmocka_unit_test(no_room),
		cmocka_unit_test(settings),
		cmocka_unit_test(eddsa_instances), cmocka_unit_test(eddsa_by_digest),
		cmocka_unit_test(pss_only_key),
		cmocka_unit_test(bound_pss_key),
		cmocka_unit_test(software_keys),
	};

	token_keys_make();
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (is_there(&pairs[i]))
			token_keys_add_pair(&pairs[i]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
