/*
 * test_provider_renew - a program that renews its key by itself, as OPC UA servers do: it makes one
 * by EVP_RSA_gen() or EVP_EC_gen(), hands it on as DER, reads that again and goes on with it.  With
 * the setting `keygen` all of that is done with a key in a token, and the program does not notice.
 *
 * The program is this one, started anew with a configuration: it knows OpenSSL's default context
 * only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/scratch.h"
#include "tests/lib/token_keys.h"

#define DER_MAX 2000

struct der {
	unsigned char p[DER_MAX];
	int n;
};

static void need_at(bool ok, int line)
{
	if (ok)
		return;
	fprintf(stderr, "line %d\n", line);
	ERR_print_errors_fp(stderr);
	_exit(1);
}

#define NEED(x) need_at(x, __LINE__)

static void written(EVP_PKEY *key, struct der *ret)
{
	unsigned char *at = ret->p;

	ret->n = i2d_PrivateKey(key, NULL);
	NEED(ret->n > 0 && ret->n < DER_MAX);
	NEED(i2d_PrivateKey(key, &at) == ret->n);
}

static bool is_reference(const struct der *d)
{
	return memmem(d->p, (size_t)d->n, "pkcs11:", 7) != NULL;
}

static EVP_PKEY *read_as_der(const struct der *d)
{
	const unsigned char *at = d->p;
	BIO *bio = BIO_new_mem_buf(d->p, d->n);
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, d->n), *again = d2i_PrivateKey_bio(bio, NULL);

	NEED(key && again && EVP_PKEY_eq(key, again) == 1);
	EVP_PKEY_free(again);
	BIO_free(bio);
	return key;
}

static EVP_PKEY *through_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *again;

	NEED(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	again = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	NEED(again && EVP_PKEY_eq(key, again) == 1);
	BIO_free(bio);
	return again;
}

static void requests(EVP_PKEY *key)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *public;

	NEED(req && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1);
	NEED(X509_REQ_set_pubkey(req, key) == 1);
	NEED(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	public = X509_REQ_get_pubkey(req);
	NEED(public && X509_REQ_verify(req, public) == 1);
	EVP_PKEY_free(public);
	X509_REQ_free(req);
}

/* OAEP with nothing said about digests. */
static void decrypts(EVP_PKEY *key)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	unsigned char box[256], out[256];
	size_t box_n = sizeof box, n = sizeof out;

	NEED(EVP_PKEY_get_size(key) == 256);
	NEED(EVP_PKEY_encrypt_init(c) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1);
	NEED(EVP_PKEY_encrypt(c, box, &box_n, (const unsigned char *)"nonce", 5) == 1);
	NEED(EVP_PKEY_decrypt_init(c) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1);
	NEED(EVP_PKEY_decrypt(c, out, &n, box, box_n) == 1 && n == 5 && !memcmp(out, "nonce", 5));
	EVP_PKEY_CTX_free(c);
}

static void renews(EVP_PKEY *made)
{
	struct der der;
	EVP_PKEY *key, *again;

	NEED(made != NULL);
	written(made, &der);
	NEED(is_reference(&der) && der.n < 400);
	EVP_PKEY_free(made);
	key = read_as_der(&der);
	again = through_pem(key);
	requests(again);
	if (EVP_PKEY_is_a(again, "RSA"))
		decrypts(again);
	EVP_PKEY_free(again);
	EVP_PKEY_free(key);
}

static int program(void)
{
	struct der der;
	EVP_PKEY *own;

	alarm(90);
	renews(EVP_RSA_gen(2048));
	renews(EVP_EC_gen("P-256"));
	own = EVP_PKEY_Q_keygen(NULL, "provider=default", "EC", "P-256");
	NEED(own != NULL);
	written(own, &der);
	NEED(!is_reference(&der));
	requests(own);
	EVP_PKEY_free(own);
	return 0;
}

static void write_config(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f,
		"openssl_conf = i\n[i]\nproviders = p\nalg_section = a\n"
		"[a]\ndefault_properties = ?provider=inro\n"
		"[p]\ndefault = d\ninro = s\n[d]\nactivate = 1\n"
		"[s]\nactivate = 1\nmodule = %s/lib/inro.so\npin = " TOKEN_KEYS_PIN "\n"
		"keygen = pkcs11:token=line1;object=own\n",
		getenv("INRO_TEST_BUILD"));
	assert_int_equal(fclose(f), 0);
}

static void renewed_in_the_token(void **state)
{
	const char *conf = scratch_path("renew.cnf");
	pid_t child;
	int status = 0;

	(void)state;
	write_config(conf);
	assert_int_equal(setenv("OPENSSL_CONF", conf, 1), 0);
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "test_provider_renew", "program", (char *)NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(renewed_in_the_token) };

	(void)argv;
	if (argc > 1)
		return program();
	token_keys_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
