/* test_provider_sign - signatures by a token key: settings, streams, copies, threads, forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tests/lib/chosen.h"
#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define EC   "pkcs11:token=line1;object=ec?pin-value=" TOKEN_KEYS_PIN
#define RSA_ "pkcs11:token=line1;object=rsa?pin-value=" TOKEN_KEYS_PIN

static OSSL_LIB_CTX *libctx;
static EVP_PKEY *ec, *rsa, *ec_public, *rsa_public;
static const unsigned char data[] = "what is signed, and more than one block of it: "
				    "0123456789012345678901234567890123456789012345678901234567890";

static EVP_PKEY *stranger(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	const unsigned char *at = der;
	EVP_PKEY *public = n > 0 ? d2i_PUBKEY_ex(NULL, &at, n, libctx, NULL) : NULL;

	OPENSSL_free(der);
	return public;
}

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("default", "inro");
	ec = token_keys_load(libctx, EC);
	rsa = token_keys_load(libctx, RSA_);
	if (!ec || !rsa)
		return -1;
	ec_public = stranger(ec);
	rsa_public = stranger(rsa);
	return ec_public && rsa_public ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec_public);
	EVP_PKEY_free(rsa_public);
	token_keys_libctx_free(libctx);
	return 0;
}

static bool signs(EVP_PKEY *key, EVP_PKEY *public, const char *digest)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new(), *v = EVP_MD_CTX_new();
	unsigned char sig[512];
	size_t n = sizeof sig;
	bool ok = EVP_DigestSignInit_ex(c, NULL, digest, libctx, NULL, key, NULL) == 1 &&
		  EVP_DigestSign(c, sig, &n, data, sizeof data) == 1 &&
		  EVP_DigestVerifyInit_ex(v, NULL, digest, libctx, NULL, public, NULL) == 1 &&
		  EVP_DigestVerify(v, sig, n, data, sizeof data) == 1;

	EVP_MD_CTX_free(c);
	EVP_MD_CTX_free(v);
	return ok;
}

static void digests(void **state)
{
	static const char *const names[] = {
		NULL, "SHA1", "SHA2-256", "SHA-384", "SHA512", "SHA224"
	};
	size_t n = ARRAY_LEN(names) - !chosen_can("sha224");

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(signs(ec, ec_public, names[i]));
		assert_true(signs(rsa, rsa_public, names[i]));
	}
	assert_false(signs(ec, ec_public, "no-such-digest"));
	ERR_clear_error();
}

/* In pieces, with a copy taken on the way: both signatures are good. */
static void streams_and_copies(void **state)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new(), *v = EVP_MD_CTX_new();
	unsigned char sig[2][72];
	size_t n[2] = { 0 };

	(void)state;
	assert_true(EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, ec, NULL));
	assert_true(EVP_DigestSignUpdate(c, data, 7));
	assert_true(EVP_MD_CTX_copy_ex(copy, c));
	for (int i = 0; i < 2; i++) {
		EVP_MD_CTX *x = i ? copy : c;

		assert_true(EVP_DigestSignUpdate(x, data + 7, sizeof data - 7));
		assert_true(EVP_DigestSignFinal(x, NULL, &n[i]));
		assert_int_equal(n[i], 72);
		assert_true(EVP_DigestSignFinal(x, sig[i], &n[i]));
		assert_true(
			EVP_DigestVerifyInit_ex(v, NULL, "SHA256", libctx, NULL, ec_public, NULL));
		assert_int_equal(EVP_DigestVerify(v, sig[i], n[i], data, sizeof data), 1);
		assert_true(EVP_MD_CTX_reset(v));
	}
	EVP_MD_CTX_free(c);
	EVP_MD_CTX_free(copy);
	EVP_MD_CTX_free(v);
}

static bool identifier_is(EVP_MD_CTX *c, struct bytes want)
{
	unsigned char id[64];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, id, sizeof id),
		OSSL_PARAM_construct_end(),
	};

	return EVP_PKEY_CTX_get_params(EVP_MD_CTX_get_pkey_ctx(c), params) == 1 &&
	       bytes_equal(BYTES(id, params[0].return_size), want);
}

/* The identifier of the algorithm, as X509_sign() asks for it: each time, and of a copy whose first is no more. */
static void identifiers(void **state)
{
	static const unsigned char ecdsa_sha256[] = { 0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48,
						      0xce, 0x3d, 4, 3, 2 };
	static const unsigned char rsa_sha256[] = { 0x30, 0x0d, 6, 9,    0x2a, 0x86, 0x48, 0x86,
						    0xf7, 0x0d, 1, 1, 0x0b, 5,	  0 };
	const struct {
		EVP_PKEY *key;
		struct bytes id;
	} rows[] = { { ec, BYTES(ecdsa_sha256, sizeof ecdsa_sha256) },
		     { rsa, BYTES(rsa_sha256, sizeof rsa_sha256) } };

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_LEN(rows); i++) {
		EVP_MD_CTX *c = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
		EVP_PKEY *key = rows[i % ARRAY_LEN(rows)].key;
		struct bytes want = rows[i % ARRAY_LEN(rows)].id;
		void *taken[64];

		assert_true(EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL));
		assert_true(identifier_is(c, want));
		assert_true(EVP_MD_CTX_copy_ex(copy, c));
		EVP_MD_CTX_free(c);
		for (size_t k = 0; k < ARRAY_LEN(taken); k++)
			taken[k] = memset(OPENSSL_malloc(16 + 16 * k), 0x5a, 16 + 16 * k);
		assert_true(identifier_is(copy, want));
		for (size_t k = 0; k < ARRAY_LEN(taken); k++)
			OPENSSL_free(taken[k]);
		EVP_MD_CTX_free(copy);
	}
}

struct pss {
	bool by_name; /* settings as text, else as numbers */
	const char *salt_name;
	int salt;
	int found; /* by a verifier that reads the length from the signature */
};

static void pss_with(const struct pss *p)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new(), *v = EVP_MD_CTX_new();
	EVP_PKEY_CTX *k = NULL;
	unsigned char sig[256];
	size_t n = sizeof sig;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, (char[]) { "pss" },
						 0),
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN,
						 (char *)(uintptr_t)p->salt_name, 0),
		OSSL_PARAM_construct_end(),
	};

	/* libssl's way is numbers after the start; text may come with it. */
	assert_true(EVP_DigestSignInit_ex(c, &k, "SHA256", libctx, NULL, rsa,
					  p->by_name ? params : NULL));
	if (!p->by_name) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(k, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(k, p->salt) > 0);
	}
	assert_true(EVP_DigestSign(c, sig, &n, data, sizeof data));
	assert_true(EVP_DigestVerifyInit_ex(v, &k, "SHA256", libctx, NULL, rsa_public, NULL));
	assert_true(EVP_PKEY_CTX_set_rsa_padding(k, RSA_PKCS1_PSS_PADDING) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(k, p->found) > 0);
	assert_int_equal(EVP_DigestVerify(v, sig, n, data, sizeof data), 1);
	EVP_MD_CTX_free(c);
	EVP_MD_CTX_free(v);
}

static void pss_settings(void **state)
{
	static const struct pss rows[] = {
		{ true, "digest", 0, 32 },
		{ true, "max", 0, 222 },
		{ true, "auto", 0, 222 },
		{ true, "20", 0, 20 },
		{ false, NULL, RSA_PSS_SALTLEN_DIGEST, 32 },
		{ false, NULL, RSA_PSS_SALTLEN_MAX, 222 },
		{ false, NULL, RSA_PSS_SALTLEN_AUTO, 222 },
		{ false, NULL, 0, 0 },
		{ false, NULL, 33, 33 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		pss_with(&rows[i]);
		/* what was set ended with the operation */
		assert_true(signs(rsa, rsa_public, i % 2 ? "SHA256" : "SHA384"));
	}
}

/* Settings of a digest's signature; without a digest it is the one that the padding brings. */
struct padded {
	int padding;
	const char *digest, *mgf1;
	size_t n; /* bytes of the digest */
	bool padding_first;
};

static EVP_PKEY_CTX *padded_with(const struct padded *p, EVP_PKEY *key, int (*start)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);

	assert_int_equal(start(c), 1);
	if (p->padding_first)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(c, p->padding) > 0);
	if (p->digest)
		assert_true(EVP_PKEY_CTX_set_signature_md(c, EVP_get_digestbyname(p->digest)) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(c, p->padding) > 0);
	if (p->mgf1)
		assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(c, EVP_get_digestbyname(p->mgf1)) > 0);
	return c;
}

/* Ours signs without padding only by keys that say so. */
static EVP_PKEY *unpadded_key(void)
{
	static CK_ULONG bits = 2048;
	static CK_MECHANISM_TYPE mechs[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_RSA_X_509 };
	static const struct token_pair pair = {
		"unpadded",	    0x31,
		CKM_RSA_PKCS_KEY_PAIR_GEN, { CKA_MODULUS_BITS, &bits, sizeof bits },
		CKA_SIGN,	    CKA_VERIFY,
		{ CKA_ALLOWED_MECHANISMS, mechs, sizeof mechs },
	};

	if (!chosen_is_ours())
		return EVP_PKEY_up_ref(rsa) ? rsa : NULL;
	token_keys_add_pair(&pair);
	return token_keys_load(libctx, "pkcs11:token=line1;object=unpadded?pin-value=" TOKEN_KEYS_PIN);
}

static void unpadded_is_refused(const struct padded *p)
{
	unsigned char digest[64] = { 0 }, sig[256];
	size_t n = sizeof sig;
	EVP_PKEY_CTX *c;

	if (!chosen_is_ours())
		return;
	c = padded_with(p, rsa, EVP_PKEY_sign_init);
	assert_int_not_equal(EVP_PKEY_sign(c, sig, &n, digest, p->n), 1);
	assert_true(token_keys_error_says("not allowed to sign without padding"));
	EVP_PKEY_CTX_free(c);
}

/* What libcrypto does with a key in a file, also where Cryptoki has no mechanism or number for it. */
static void paddings(void **state)
{
	static const struct padded rows[] = {
		{ RSA_PKCS1_PSS_PADDING, NULL, NULL, 20, false },
		{ RSA_PKCS1_PSS_PADDING, "SHA256", NULL, 32, true },
		{ RSA_PKCS1_PSS_PADDING, "SHA512-256", NULL, 32, false },
		{ RSA_PKCS1_PSS_PADDING, "SHA256", "SHA512-224", 32, false },
		{ RSA_PKCS1_PSS_PADDING, "RIPEMD160", NULL, 20, false },
		{ RSA_X931_PADDING, "SHA1", NULL, 20, false },
		{ RSA_X931_PADDING, "SHA256", NULL, 32, false },
		{ RSA_X931_PADDING, "SHA512", NULL, 64, false },
	};

	EVP_PKEY *key = unpadded_key(), *public = key ? stranger(key) : NULL;

	(void)state;
	assert_non_null(public);
	unpadded_is_refused(&rows[2]);
	unpadded_is_refused(&rows[5]);
	for (size_t i = 0; i < 4 * ARRAY_LEN(rows); i++) {
		const struct padded *p = &rows[i % ARRAY_LEN(rows)];
		EVP_PKEY_CTX *c = padded_with(p, key, EVP_PKEY_sign_init);
		EVP_PKEY_CTX *v = padded_with(p, public, EVP_PKEY_verify_init);
		unsigned char digest[64], sig[256];
		size_t n = sizeof sig;

		memset(digest, (int)i, sizeof digest);
		assert_int_equal(EVP_PKEY_sign(c, sig, &n, digest, p->n), 1);
		assert_int_equal(n, sizeof sig);
		assert_int_equal(EVP_PKEY_verify(v, sig, n, digest, p->n), 1);
		EVP_PKEY_CTX_free(c);
		EVP_PKEY_CTX_free(v);
	}
	EVP_PKEY_free(public);
	EVP_PKEY_free(key);
}

static size_t recovered(EVP_PKEY *key, int padding, const unsigned char s[256],
			unsigned char out[256])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	size_t n = 0;
	bool ok = EVP_PKEY_verify_recover_init(c) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(c, padding) > 0 &&
		  EVP_PKEY_verify_recover(c, NULL, &n, s, 256) == 1 && n == 256 &&
		  EVP_PKEY_verify_recover(c, out, &n, s, 256) == 1;

	EVP_PKEY_CTX_free(c);
	return ok ? n : 0;
}

/* What was signed comes out again, by the token's key as by its public half. */
static void recovery(void **state)
{
	static const unsigned char said[] = "not a digest";
	unsigned char s[256], ours[256], theirs[256];
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, rsa, NULL);
	size_t n = sizeof s;

	(void)state;
	assert_int_equal(EVP_PKEY_sign_init(c), 1);
	assert_int_equal(EVP_PKEY_sign(c, s, &n, said, sizeof said), 1);
	assert_int_equal(recovered(rsa, RSA_PKCS1_PADDING, s, ours), sizeof said);
	assert_memory_equal(ours, said, sizeof said);
	assert_int_equal(recovered(rsa, RSA_NO_PADDING, s, ours), 256);
	assert_int_equal(recovered(rsa_public, RSA_NO_PADDING, s, theirs), 256);
	assert_memory_equal(ours, theirs, 256);
	s[255] ^= 1;
	assert_int_equal(recovered(rsa, RSA_PKCS1_PADDING, s, ours), 0);
	EVP_PKEY_CTX_free(c);
	c = EVP_PKEY_CTX_new_from_pkey(libctx, ec, NULL);
	assert_int_not_equal(EVP_PKEY_verify_recover_init(c), 1);
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
}

static void wrong_lengths(void **state)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, rsa, NULL);
	unsigned char sig[256];
	size_t n = sizeof sig;

	(void)state;
	assert_true(EVP_PKEY_sign_init(c) > 0);
	assert_true(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) > 0);
	assert_false(EVP_PKEY_sign(c, sig, &n, data, 31) > 0);
	n = 255;
	assert_false(EVP_PKEY_sign(c, sig, &n, data, 32) > 0);
	n = sizeof sig;
	assert_true(EVP_PKEY_sign(c, sig, &n, data, 32) > 0);
	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
}

static void *sign_many(void *arg)
{
	atomic_int *bad = arg;

	for (int i = 0; i < 100; i++)
		if (!signs(i % 8 ? ec : rsa, i % 8 ? ec_public : rsa_public, "SHA256"))
			++*bad;
	return NULL;
}

static bool pss_is_set(EVP_PKEY_CTX *k, int salt)
{
	return EVP_PKEY_CTX_set_rsa_padding(k, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(k, salt) > 0;
}

static bool signs_pss(EVP_PKEY *key, int salt)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new(), *v = EVP_MD_CTX_new();
	EVP_PKEY_CTX *k = NULL;
	unsigned char sig[256];
	size_t n = sizeof sig;
	bool ok = EVP_DigestSignInit_ex(c, &k, "SHA256", libctx, NULL, key, NULL) == 1 &&
		  pss_is_set(k, salt) && EVP_DigestSign(c, sig, &n, data, sizeof data) == 1 &&
		  EVP_DigestVerifyInit_ex(v, &k, "SHA256", libctx, NULL, rsa_public, NULL) == 1 &&
		  pss_is_set(k, salt) && EVP_DigestVerify(v, sig, n, data, sizeof data) == 1;

	EVP_MD_CTX_free(c);
	EVP_MD_CTX_free(v);
	return ok;
}

struct pss_signer {
	EVP_PKEY *key;
	int salt, bad;
};

static void *sign_many_pss(void *arg)
{
	struct pss_signer *s = arg;

	for (int i = 0; i < 25; i++)
		if (!signs_pss(s->key, s->salt)) {
			++s->bad;
			ERR_print_errors_fp(stderr);
		}
	return NULL;
}

/* The first of them makes what the key keeps of a signature's settings; each has its own copy. */
static void threads_with_settings(void **state)
{
	struct pss_signer s[4];
	pthread_t t[4];
	EVP_PKEY *fresh = token_keys_load(libctx, RSA_);

	(void)state;
	assert_non_null(fresh);
	for (int i = 0; i < 4; i++) {
		s[i] = (struct pss_signer) { .key = fresh, .salt = 8 * i };
		assert_int_equal(pthread_create(&t[i], NULL, sign_many_pss, &s[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(s[i].bad, 0);
	EVP_PKEY_free(fresh);
}

static void threads(void **state)
{
	pthread_t t[4];
	atomic_int bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, sign_many, &bad), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(bad, 0);
}

static int child_signs(void *arg)
{
	(void)arg;
	alarm(90); /* a child that hangs is found out */
	return signs(ec, ec_public, "SHA256") && signs(rsa, rsa_public, "SHA256") ? 0 : 1;
}

static void forks(void **state)
{
	(void)state;
	NEEDS("two-programs");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(scratch_child(child_signs, NULL), 0);
		assert_true(signs(ec, ec_public, "SHA256"));
	}
}

static int child_signs_with(void *key)
{
	alarm(90);
	return signs(key, ec_public, "SHA256") ? 0 : 1;
}

/* As a daemon's worker, which has nothing of its parent's environment. */
static int bare_child_signs(void *key)
{
	clearenv();
	return child_signs_with(key);
}

#define NEED(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			return __LINE__ % 250 + 1;                                                 \
	} while (0)

/* In a child, where nobody is logged in yet.  One that can reach a PIN itself tries that. */
static int log_in_and_fork(void *arg)
{
	OSSL_LIB_CTX *other = token_keys_libctx("default", "inro");
	EVP_PKEY *key;

	(void)arg;
	setenv("INRO_PIN", TOKEN_KEYS_PIN, 1);
	key = token_keys_load(other, "pkcs11:token=line1;object=ec");
	NEED(key);
	NEED(scratch_child(bare_child_signs, key) == 0);
	setenv("INRO_PIN", "654321", 1);
	NEED(scratch_child(child_signs_with, key) == 1);
	NEED(scratch_child(bare_child_signs, key) == 0);
	EVP_PKEY_free(key);
	token_keys_libctx_free(other);
	return 0;
}

/* Where the PIN came from is out of a child's reach: it has the one that its parent logged in with.
 */
static void forks_without_environment(void **state)
{
	(void)state;
	NEEDS("fork-login");
	NEEDS("two-programs");
	assert_int_equal(scratch_child(log_in_and_fork, NULL), 0);
}

#ifndef __SANITIZE_ADDRESS__
static atomic_bool busy;

static void *keep_signing(void *arg)
{
	atomic_int *bad = arg;

	while (busy)
		if (!signs(ec, ec_public, "SHA256"))
			++*bad;
	return NULL;
}

static int child_signs_raw(void *arg)
{
	EVP_PKEY_CTX *c = arg;
	unsigned char sig[72];
	size_t n = sizeof sig;

	alarm(90);
	return EVP_PKEY_sign(c, sig, &n, data, 32) > 0 ? 0 : 1;
}

/* Children of a process whose other threads sign: libcrypto's own locks are out of the child's way
 * because the operation is set up before. */
static void forks_of_a_busy_process(void **state)
{
	EVP_PKEY_CTX *c;
	pthread_t t[2];
	atomic_int bad = 0;

	(void)state;
	NEEDS("busy-forks");
	NEEDS("two-programs");
	c = EVP_PKEY_CTX_new_from_pkey(libctx, ec, NULL);
	assert_true(EVP_PKEY_sign_init(c) > 0);
	busy = true;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, keep_signing, &bad), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(scratch_child(child_signs_raw, c), 0);
	busy = false;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(bad, 0);
	EVP_PKEY_CTX_free(c);
}
#endif

/* 1: sets it and signs twice, the same; 0: signs otherwise each time; -1: it can't be set. */
static int signs_by_nonce_type(EVP_PKEY *key, EVP_PKEY *public, unsigned type)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL), *v;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_uint("nonce-type", &type), OSSL_PARAM_construct_end() };
	unsigned char sig[2][100];
	size_t n[2] = { sizeof sig[0], sizeof sig[1] };
	bool set;

	assert_int_equal(EVP_PKEY_sign_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
	set = EVP_PKEY_CTX_set_params(c, params) == 1;
	v = EVP_PKEY_CTX_new_from_pkey(libctx, public, NULL);
	assert_int_equal(EVP_PKEY_verify_init(v), 1);
	assert_int_equal(EVP_PKEY_CTX_set_params(v, params), 1); /* what is verified was signed somehow */
	for (size_t i = 0; set && i < 2; i++) {
		assert_int_equal(EVP_PKEY_sign(c, sig[i], &n[i], data, 32), 1);
		assert_int_equal(EVP_PKEY_verify(v, sig[i], n[i], data, 32), 1);
	}
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_CTX_free(v);
	return set ? n[0] == n[1] && memcmp(sig[0], sig[1], n[0]) == 0 : -1;
}

/* Deterministic ECDSA, of libcrypto 3.2 and later: a key in a file has it, a token refuses it and says why. */
static void nonce_types(void **state)
{
	EVP_PKEY *soft = EVP_PKEY_Q_keygen(libctx, "provider=default", "EC", "P-256");
	EVP_PKEY *ours = EVP_PKEY_Q_keygen(libctx, "provider=inro", "EC", "P-256"); /* in memory */
	const bool has_it = OpenSSL_version_num() >= 0x30200000UL;

	(void)state;
	assert_int_equal(signs_by_nonce_type(ec, ec_public, 0), 0);
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(signs_by_nonce_type(soft, soft, 1), has_it);
	assert_int_equal(signs_by_nonce_type(ours, ours, 1), has_it);
	assert_int_equal(signs_by_nonce_type(ec, ec_public, 1), -1);
	assert_true(token_keys_error_says("no other nonce-type is offered"));
	assert_int_equal(signs_by_nonce_type(ec, ec, 0), 0); /* the key is well, and verifies too */
	EVP_PKEY_free(soft);
	EVP_PKEY_free(ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests),
		cmocka_unit_test(streams_and_copies),
		cmocka_unit_test(identifiers),
		cmocka_unit_test(pss_settings),
		cmocka_unit_test(paddings),
		cmocka_unit_test(recovery),
		cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(nonce_types),
		cmocka_unit_test(threads),
		cmocka_unit_test(threads_with_settings),
		cmocka_unit_test(forks),
		cmocka_unit_test(forks_without_environment),
#ifndef __SANITIZE_ADDRESS__ /* its allocator's locks are not released in a forked child */
		cmocka_unit_test(forks_of_a_busy_process),
#endif
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
