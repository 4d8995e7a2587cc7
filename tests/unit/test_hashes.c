/* hashes: each row is found by both of its names, its length stands where a DigestInfo says it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cryptoki/hashes.h"
#include "base/der.h"

static const CK_MECHANISM_TYPE all[] = {
	CKM_MD5,	CKM_SHA_1,	CKM_SHA224,   CKM_SHA256,   CKM_SHA384,	  CKM_SHA512,
	CKM_SHA512_224, CKM_SHA512_256, CKM_SHA3_224, CKM_SHA3_256, CKM_SHA3_384, CKM_SHA3_512,
};

static void each_is_found_by_both_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct ck_hash *h = ck_hash_find(all[i]);

		assert_non_null(h);
		assert_int_equal(h->mech, all[i]);
		assert_ptr_equal(ck_hash_of_mgf(h->mgf), h->mgf ? h : NULL);
	}
	assert_null(ck_hash_find(0));
	assert_null(ck_hash_find(CKM_RSA_PKCS));
	assert_null(ck_hash_of_mgf(0));
	assert_null(ck_hash_of_mgf(99));
}

/* RFC 8017 9.2: SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }. */
static void each_makes_a_digest_info(void **state)
{
	static const uint8_t value[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct ck_hash *h = ck_hash_find(all[i]);
		SCOPED(buf) der = { 0 };
		struct bytes info, algorithm, oid, octets;

		buf_add(&der, h->digest_info);
		buf_add(&der, BYTES(value, h->size));
		assert_int_equal(der_only(buf_bytes(&der), DER_SEQUENCE, &info), INRO_OK);
		assert_int_equal(der_take(&info, DER_SEQUENCE, &algorithm), INRO_OK);
		assert_int_equal(der_take_whole(&algorithm, DER_OID, &oid), INRO_OK);
		assert_true(bytes_equal(oid, h->oid));
		assert_int_equal(der_only(algorithm, DER_NULL, &algorithm), INRO_OK);
		assert_int_equal(der_only(info, DER_OCTET_STRING, &octets), INRO_OK);
		assert_int_equal(octets.n, h->size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_by_both_names),
		cmocka_unit_test(each_makes_a_digest_info),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
