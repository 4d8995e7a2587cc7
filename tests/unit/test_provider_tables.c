/* test_provider_tables - digests and kinds of keys against libcrypto's own answers, references
 * against their format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/cryptoki/hashes.h"
#include "provider/below.h"
#include "provider/cipher.h"
#include "provider/key.h"
#include "provider/pss.h"
#include "base/cryptoki/reference.h"

static const char *const names[] = {
	"SHA1",		"SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512", "SHA2-512/224",
	"SHA2-512/256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", "MD5",
};

/* The prefix is what libcrypto's own encoder of DigestInfo puts before the value. */
static void digest_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const EVP_MD *md = EVP_get_digestbyname(names[i]);
		const struct digest *d = digest_named(names[i]);
		unsigned char value[EVP_MAX_MD_SIZE] = { 0 }, *der = NULL;
		X509_SIG *sig = X509_SIG_new();
		X509_ALGOR *algor;
		ASN1_OCTET_STRING *octets;
		struct bytes info;
		int n;

		if (!md)
			md = EVP_MD_fetch(NULL, names[i], NULL);
		assert_non_null(md);
		assert_non_null(d);
		assert_non_null(ck_hash_find(d->mech));
		info = ck_hash_find(d->mech)->digest_info;
		X509_SIG_getm(sig, &algor, &octets);
		X509_ALGOR_set0(algor, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL);
		assert_true(ASN1_OCTET_STRING_set(octets, value, EVP_MD_get_size(md)));
		n = i2d_X509_SIG(sig, &der);
		assert_int_equal((size_t)n, info.n + (size_t)EVP_MD_get_size(md));
		assert_memory_equal(der, info.p, info.n);
		OPENSSL_free(der);
		X509_SIG_free(sig);
	}
}

static void digest_names(void **state)
{
	(void)state;
	assert_ptr_equal(digest_named("sha256"), digest_named("SHA2-256"));
	assert_ptr_equal(digest_named("2.16.840.1.101.3.4.2.1"), digest_named("SHA-256"));
	assert_null(ck_hash_find(digest_named("MD5-SHA1")->mech));
	assert_null(digest_named("SM3"));
	assert_null(digest_named(""));
}

static void digests_are_kept(void **state)
{
	static struct below b; /* clang 14 takes no { 0 } for an _Atomic pointer */
	const struct digest *row;
	EVP_MD *first, *second;

	(void)state;
	assert_int_equal(below_digest(&b, "SHA256", &first, &row), INRO_OK);
	assert_ptr_equal(row, digest_named("SHA256"));
	assert_int_equal(below_digest(&b, "SHA-256", &second, &row), INRO_OK);
	assert_ptr_equal(first, second);
	EVP_MD_free(first);
	EVP_MD_free(second);
	assert_int_equal(below_digest(&b, "SM3", &first, &row), INRO_OK);
	assert_null(row);
	EVP_MD_free(first);
	assert_int_equal(below_digest(&b, "no-such", &first, &row), INRO_E_UNSUPPORTED);
	below_clear(&b);
}

/* As latchset's uri2pem.py writes pkcs11:object=k. */
static const uint8_t known[] = "\x30\x2c\x1a\x19"
			       "PKCS#11 Provider URI v1.0"
			       "\x0c\x0f"
			       "pkcs11:object=k";

static void reference_format(void **state)
{
	SCOPED(buf) der = { 0 };
	char *uri;

	(void)state;
	reference_write("pkcs11:object=k", &der);
	assert_int_equal(der.n, sizeof known - 1);
	assert_memory_equal(der.p, known, der.n);
	assert_true(reference_is(BYTES(known, REFERENCE_HEAD)));
	assert_int_equal(reference_read(buf_bytes(&der), &uri), INRO_OK);
	assert_string_equal(uri, "pkcs11:object=k");
	free(uri);
}

/* Whatever is cut off or changed, it is refused and nothing is read beyond. */
static void reference_damage(void **state)
{
	char *uri = NULL;

	(void)state;
	for (size_t n = 0; n < sizeof known - 1; n++)
		assert_int_equal(reference_read(BYTES(known, n), &uri), INRO_E_SYNTAX);
	for (size_t i = 0; i < 31; i++) {
		uint8_t other[sizeof known - 1];

		memcpy(other, known, sizeof other);
		other[i] ^= 0x04;
		assert_int_equal(reference_read(BYTES(other, sizeof other), &uri), INRO_E_SYNTAX);
	}
	assert_false(reference_is(BYTES_NONE));
	assert_false(reference_is(BYTES("0\x82\x01\x0a\x02\x82\x01\x01", 8)));
}

/* libcrypto tries every decoder on every PEM block and every DER that any program reads. */
static void one_decoder_for_each_form(void **state)
{
	const OSSL_ALGORITHM *tables[] = { decoder_algorithms_30, decoder_algorithms };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		size_t pem = 0, der = 0, n = 0;

		for (const OSSL_ALGORITHM *a = tables[i]; a->algorithm_names; a++, n++) {
			pem += strstr(a->property_definition, "input=pem") != NULL;
			der += strstr(a->property_definition, "input=der") != NULL;
		}
		assert_int_equal(pem, 1);
		assert_int_equal(der, 1);
		assert_int_equal(n, 2);
	}
}

/* The names that libcrypto's own provider has for each kind are ours too, and no other's: a name
 * that is two kinds' would make libcrypto refuse the whole provider. */
static void key_names(void **state)
{
#define NAMES(kind, name, aliases) { KEY_TYPE_##kind, name, aliases },
	static const struct {
		enum key_type_id id;
		const char *name, *aliases;
	} rows[] = { KEY_TYPES_30(NAMES) KEY_TYPES_35(NAMES) };
#undef NAMES

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), KEY_TYPE__MAX);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EVP_KEYMGMT *theirs = EVP_KEYMGMT_fetch(NULL, rows[i].name, NULL);
		char list[128], *rest = list, *name;

		assert_string_equal(key_types[rows[i].id].name, rows[i].name);
		assert_true(theirs || OpenSSL_version_num() < 0x30500000UL);
		snprintf(list, sizeof list, "%s", rows[i].aliases);
		while (theirs && (name = strsep(&rest, ":")))
			assert_true(EVP_KEYMGMT_is_a(theirs, name));
		EVP_KEYMGMT_free(theirs);
	}
}

static void key_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEY_TYPE__MAX; i++) {
		const struct key_type *t = &key_types[i];

		assert_non_null(OSSL_PARAM_locate_const(t->public_params, t->public_part));
		assert_null(OSSL_PARAM_locate_const(t->public_params, t->private_part));
		assert_non_null(OSSL_PARAM_locate_const(t->all_params, t->public_part));
		assert_non_null(OSSL_PARAM_locate_const(t->all_params, t->private_part));
		assert_true(t->signature || t->exchange || t->kem || t->cipher);
		/* No default fetch may find our signatures. */
		assert_true(!t->signature || strncmp(t->signature, "INRO-", 5) == 0);
	}
}

static void cipher_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < CIPHER__MAX; i++) {
		const struct cipher_mode *m = &cipher_modes[i];

		assert_int_not_equal(m->mech, 0);
		assert_int_not_equal(m->number, 0);
		assert_true(m->iv_min <= m->iv && m->iv <= m->iv_max);
		assert_true(m->iv_max <= CIPHER_IV_MAX && m->iv_told <= m->iv_max);
		assert_true(m->tag <= CIPHER_TAG);
		assert_int_equal(m->form == CIPHER_AEAD, m->tag > 0);
		assert_int_equal(m->form == CIPHER_AEAD, m->advance == NULL);
		/* An IV that stands alone as a parameter has one length. */
		assert_true(m->params || m->iv_min == m->iv_max);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(m->mech, cipher_modes[k].mech);
	}
}

/* What binds a new key to PSS is what a key is found to be bound by. */
static void pss_rows(void **state)
{
	static const char *const digests[] = { "SHA1",	   "SHA224",   "SHA256",
					       "SHA384",   "SHA512",   "SHA3-224",
					       "SHA3-256", "SHA3-384", "SHA3-512" };
	CK_MECHANISM_TYPE list[PSS_MECHS];

	(void)state;
	assert_true(pss_mechanisms(NULL, list) > 2);
	assert_int_equal(pss_mechanisms(digest_named("SHA512-256"), list), 0);
	assert_int_equal(pss_mechanisms(digest_named("MD5"), list), 0);
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		const struct digest *d = digest_named(digests[i]);

		assert_ptr_equal(digest_of(d->mech), d);
		assert_int_equal(pss_mechanisms(d, list), 2);
		assert_int_equal(list[0], CKM_RSA_PKCS_PSS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_prefixes),  cmocka_unit_test(digest_names),
		cmocka_unit_test(digests_are_kept), cmocka_unit_test(reference_format),
		cmocka_unit_test(reference_damage), cmocka_unit_test(key_names),
		cmocka_unit_test(key_rows),	    cmocka_unit_test(cipher_rows),
		cmocka_unit_test(pss_rows),	    cmocka_unit_test(one_decoder_for_each_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
