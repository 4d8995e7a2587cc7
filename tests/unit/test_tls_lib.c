/* test_tls_lib - what is not decoded is all there: certificates of each kind of key, groups, both versions of TLS. */
#include "backoffice/fetch/tls_lib.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/http/http.h"
#include "base/bytes.h"

static const struct kind {
	const char *type, *detail;
	bool hashes;
} kinds[] = {
	{ "EC", "P-256", true }, { "EC", "P-384", true },  { "EC", "P-521", true },
	{ "RSA", NULL, true },	 { "RSA-PSS", NULL, true },  { "ED25519", NULL, false }, { "ED448", NULL, false },
};

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

static struct identity identities[ARRAY_LEN(kinds)];
static OSSL_LIB_CTX *lib;
static OSSL_PROVIDER *provider;

static EVP_PKEY *make_pss(const char *type)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *make_key(const struct kind *k)
{
	if (!strcmp(k->type, "RSA-PSS")) /* which 3.0 has no short way for */
		return make_pss(k->type);
	if (!strcmp(k->type, "RSA"))
		return EVP_PKEY_Q_keygen(NULL, NULL, k->type, (size_t)2048);
	return k->detail ? EVP_PKEY_Q_keygen(NULL, NULL, k->type, k->detail)
			 : EVP_PKEY_Q_keygen(NULL, NULL, k->type);
}

static void make_cert(const struct kind *k, EVP_PKEY *key, struct identity *ret)
{
	X509_NAME *name;

	ret->key = key;
	ret->cert = X509_new();
	assert_true(ret->key && ret->cert);
	name = X509_get_subject_name(ret->cert);
	X509_gmtime_adj(X509_getm_notBefore(ret->cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(ret->cert), 3600);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const void *)"d", -1, -1,
						    0), 1);
	X509_set_issuer_name(ret->cert, name);
	assert_int_equal(X509_set_pubkey(ret->cert, ret->key), 1);
	assert_true(X509_sign(ret->cert, ret->key, k->hashes ? EVP_sha256() : NULL) > 0);
}

static void make_identity(const struct kind *k, struct identity *ret)
{
	make_cert(k, make_key(k), ret);
}

static int setup(void **state)
{
	(void)state;
	lib = tls_lib_new(&provider);
	assert_non_null(lib);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		make_identity(&kinds[i], &identities[i]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		EVP_PKEY_free(identities[i].key);
		X509_free(identities[i].cert);
	}
	OSSL_PROVIDER_unload(provider);
	OSSL_LIB_CTX_free(lib);
	return 0;
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		X509 *read = X509_new_ex(lib, NULL);
		unsigned char *der = NULL;
		const unsigned char *at;
		int n = i2d_X509(identities[i].cert, &der);

		at = der;
		assert_non_null(d2i_X509(&read, &at, n));
		assert_non_null(X509_get0_pubkey(read));
		assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(read), identities[i].key), 1);
		assert_int_equal(X509_verify(read, X509_get0_pubkey(read)), 1);
		X509_free(read);
		OPENSSL_free(der);
	}
}

/* Its key, read by the context for TLS; NULL: there is none. */
static EVP_PKEY *key_in(const uint8_t *der, int n)
{
	X509 *read = X509_new_ex(lib, NULL);
	EVP_PKEY *key;

	assert_non_null(d2i_X509(&read, &der, n));
	key = X509_get0_pubkey(read);
	if (key)
		EVP_PKEY_up_ref(key);
	X509_free(read);
	ERR_clear_error();
	return key;
}

/* The curves of the first three kinds: what is not on one is no key. */
static void test_off_curve(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(identities[i].cert);
		unsigned char *der = NULL, *at;
		int n = i2d_X509(identities[i].cert, &der);

		at = memmem(der, (size_t)n, point->data, (size_t)point->length);
		assert_non_null(at);
		at[point->length - 1] ^= 1;
		assert_null(key_in(der, n));
		OPENSSL_free(der);
	}
}

static void test_compressed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct identity one;
		unsigned char *der = NULL;
		EVP_PKEY *key, *short_key = make_key(&kinds[i]);
		int n;

		assert_int_equal(EVP_PKEY_set_utf8_string_param(short_key,
				 OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), 1);
		make_cert(&kinds[i], short_key, &one);
		n = i2d_X509(one.cert, &der);
		key = key_in(der, n);
		assert_non_null(key);
		assert_int_equal(EVP_PKEY_eq(key, short_key), 1);
		EVP_PKEY_free(key);
		EVP_PKEY_free(short_key);
		X509_free(one.cert);
		OPENSSL_free(der);
	}
}

static int take_any(X509_STORE_CTX *x, void *arg)
{
	(void)x;
	(void)arg;
	return 1;
}

static SSL_CTX *end_of(OSSL_LIB_CTX *of, const SSL_METHOD *how, const struct identity *who,
		       const char *groups, int version)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(of, NULL, how);
	char list[32];

	snprintf(list, sizeof list, "%s", groups);
	assert_non_null(ctx);
	SSL_CTX_set_security_level(ctx, 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
	assert_int_equal(SSL_CTX_use_certificate(ctx, who->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, who->key), 1);
	assert_int_equal(SSL_CTX_set1_groups_list(ctx, list), 1);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	return ctx;
}

static void shake_hands(SSL *server, SSL *client)
{
	BIO *one, *other;

	assert_int_equal(BIO_new_bio_pair(&one, 65536, &other, 65536), 1);
	SSL_set_bio(server, one, one);
	SSL_set_bio(client, other, other);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 10 && !(SSL_is_init_finished(server) && SSL_is_init_finished(client)); i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	assert_true(SSL_is_init_finished(server) && SSL_is_init_finished(client));
}

static void connects(const struct identity *server, const struct identity *client,
		     const char *groups, int version)
{
	SSL_CTX *here = end_of(lib, TLS_server_method(), server, groups, version);
	SSL_CTX *there = end_of(NULL, TLS_client_method(), client, groups, version);
	SSL *s = SSL_new(here), *c = SSL_new(there);
	X509 *seen;

	shake_hands(s, c);
	seen = SSL_get1_peer_certificate(s);
	assert_non_null(seen);
	assert_int_equal(X509_cmp(seen, client->cert), 0);
	X509_free(seen);
	SSL_free(s);
	SSL_free(c);
	SSL_CTX_free(here);
	SSL_CTX_free(there);
}

static void test_handshakes(void **state)
{
	static const char *const groups[] = { "X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		connects(&identities[0], &identities[i], "X25519", TLS1_3_VERSION);
		connects(&identities[i], &identities[0], "P-256", TLS1_3_VERSION);
		connects(&identities[0], &identities[i], "P-256:P-384:P-521", TLS1_2_VERSION);
	}
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		connects(&identities[0], &identities[3], groups[i], TLS1_3_VERSION);
}

/* The suites of a server whose context is of that library, in their order. */
static size_t suites_of(OSSL_LIB_CTX *of, const char *ret[], size_t max)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(of, NULL, TLS_server_method());
	STACK_OF(SSL_CIPHER) *list;
	size_t n = 0;

	assert_non_null(ctx);
	assert_int_equal(http_tls_prepare(ctx, true), INRO_OK);
	list = SSL_CTX_get_ciphers(ctx);
	for (; n < (size_t)sk_SSL_CIPHER_num(list) && n < max; n++)
		ret[n] = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, (int)n)); /* static */
	SSL_CTX_free(ctx);
	return n;
}

static void test_suites(void **state)
{
	const char *here[64], *there[64];
	size_t n = suites_of(lib, here, ARRAY_LEN(here));

	(void)state;
	assert_int_equal(n, 9); /* three of TLS 1.3, six of TLS 1.2 */
	assert_int_equal(n, suites_of(NULL, there, ARRAY_LEN(there)));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(here[i], there[i]);
}

/* With the suite alone, on a connection and on the one that is resumed with its ticket. */
static void resumes(const char *suite)
{
	SSL_CTX *here = SSL_CTX_new_ex(lib, NULL, TLS_server_method());
	SSL_CTX *there = SSL_CTX_new(TLS_client_method());
	bool old = strncmp(suite, "TLS_", 4) != 0;
	SSL_SESSION *session = NULL;
	size_t key = strstr(suite, "RSA") ? 3 : 0;

	assert_true(here && there);
	assert_int_equal(SSL_CTX_use_certificate(here, identities[key].cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(here, identities[key].key), 1);
	assert_int_equal(http_tls_prepare(here, false), INRO_OK);
	assert_int_equal(SSL_CTX_set_max_proto_version(there, old ? TLS1_2_VERSION : TLS1_3_VERSION), 1);
	assert_int_equal(old ? SSL_CTX_set_cipher_list(there, suite) : SSL_CTX_set_ciphersuites(there, suite), 1);
	for (int i = 0; i < 2; i++) {
		SSL *s = SSL_new(here), *c = SSL_new(there);
		char text[4];

		assert_int_equal(SSL_set_session(c, session), 1);
		shake_hands(s, c);
		assert_int_equal(SSL_session_reused(s), i);
		assert_string_equal(SSL_get_cipher_name(s), suite);
		assert_int_equal(SSL_write(s, "text", 4), 4);
		assert_int_equal(SSL_read(c, text, sizeof text), 4);
		assert_memory_equal(text, "text", 4);
		SSL_SESSION_free(session);
		session = SSL_get1_session(c);
		SSL_shutdown(c);
		SSL_free(s);
		SSL_free(c);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(here);
	SSL_CTX_free(there);
}

static void test_resumption(void **state)
{
	const char *suites[64];
	size_t n = suites_of(lib, suites, ARRAY_LEN(suites));

	(void)state;
	for (size_t i = 0; i < n; i++)
		resumes(suites[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_off_curve),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_resumption),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
