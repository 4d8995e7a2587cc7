/* test_pki_bundle - certificates as PKCS#7: octet for octet what libcrypto makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "backoffice/pki/bundle.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define CERTS 3

static X509 *certs[CERTS];
static struct buf ders[CERTS];

static X509 *make_cert(EVP_PKEY *key, long serial)
{
	X509 *x = X509_new();

	assert_true(X509_set_version(x, X509_VERSION_3));
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(x), serial));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
	assert_true(X509_set_pubkey(x, key));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static int make_all(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	(void)state;
	for (size_t i = 0; i < CERTS; i++) {
		unsigned char *der = NULL;
		int n;

		certs[i] = make_cert(key, 100 - (long)i); /* not in the order of a SET */
		n = i2d_X509(certs[i], &der);
		assert_true(n > 0);
		buf_add(&ders[i], BYTES(der, (size_t)n));
		OPENSSL_free(der);
	}
	EVP_PKEY_free(key);
	return 0;
}

static int drop_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < CERTS; i++) {
		X509_free(certs[i]);
		buf_clear(&ders[i]);
	}
	return 0;
}

static void by_libcrypto(size_t n, struct buf *ret)
{
	PKCS7 *p7 = PKCS7_new();
	unsigned char *der = NULL;
	int size;

	assert_true(PKCS7_set_type(p7, NID_pkcs7_signed) && PKCS7_content_new(p7, NID_pkcs7_data) &&
		    PKCS7_set_detached(p7, 1));
	for (size_t i = 0; i < n; i++)
		assert_true(PKCS7_add_certificate(p7, certs[i]));
	size = i2d_PKCS7(p7, &der);
	assert_true(size > 0);
	buf_add(ret, BYTES(der, (size_t)size));
	OPENSSL_free(der);
	PKCS7_free(p7);
}

static void test_same_as_libcrypto(void **state)
{
	(void)state;
	for (size_t n = 0; n <= CERTS; n++) {
		SCOPED(buf) ours = { 0 };
		SCOPED(buf) theirs = { 0 };
		struct bytes list[CERTS] = { 0 };

		for (size_t i = 0; i < n; i++)
			list[i] = buf_bytes(&ders[i]);
		OK(bundle_pkcs7(list, n, &ours));
		by_libcrypto(n, &theirs);
		assert_true(bytes_equal(buf_bytes(&ours), buf_bytes(&theirs)));
	}
}

static void test_no_certificate(void **state)
{
	const struct bytes cut = { ders[0].p, ders[0].n - 1 };
	SCOPED(buf) none = { 0 };

	(void)state;
	assert_int_not_equal(bundle_pkcs7(&cut, 1, &none), INRO_OK);
	assert_int_not_equal(bundle_pkcs7(&BYTES("no DER", 6), 1, &none), INRO_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_libcrypto),
		cmocka_unit_test(test_no_certificate),
	};

	return cmocka_run_group_tests(tests, make_all, drop_all);
}
