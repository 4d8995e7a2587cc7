/* Where a new key goes: a row each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/own.h"
#include "tpm/token/place.h"

#define ALL_CAPS                                                                                   \
	(CAP_RSA_2048 | CAP_RSA_3072 | CAP_P256 | CAP_P384 | CAP_HMAC | CAP_SHA1 | CAP_SHA256 |    \
	 CAP_SHA384 | CAP_SHA512 | CAP_AES_128 | CAP_AES_256 | CAP_ECB | CAP_CBC | CAP_CFB |       \
	 CAP_CTR)
#define P256	BYTES_LIT("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
#define ED25519 BYTES_LIT("\x06\x03\x2b\x65\x70")
#define SIGNS	(USE_SIGN | USE_VERIFY)
#define CRYPTS	(USE_ENCRYPT | USE_DECRYPT)

static const CK_MECHANISM_TYPE only_pss[] = { CKM_SHA256_RSA_PKCS_PSS };
static const CK_MECHANISM_TYPE only_gcm[] = { CKM_AES_GCM };
static const CK_MECHANISM_TYPE cbc_and_cmac[] = { CKM_AES_CBC, CKM_AES_CMAC };
static const CK_MECHANISM_TYPE agreement[] = { CKM_ECDH1_DERIVE, CKM_ECDSA_SHA256 };

#define RSA	 .kind = KEY_RSA, .key_type = CKK_RSA, .bits = 2048, .kept = true
#define EC	 .kind = KEY_EC, .key_type = CKK_EC, .params = P256
#define AES(use) .kind = KEY_SECRET, .key_type = CKK_AES, .n = 32, .uses = (use)
#define MAC(bytes, use)                                                                            \
	.kind = KEY_SECRET, .key_type = CKK_GENERIC_SECRET, .n = (bytes), .kept = true,            \
	.uses = (use)
#define KEPT	    .kept = true
#define ALLOW(list) .allowed = (list), .allowed_n = ARRAY_LEN(list)

static const struct {
	struct key_spec spec;
	enum place_born born;
	enum key_place want; /* PLACE_ANY: refused */
	enum key_place want_without_sealed;
} rows[] = {
	/* pairs */
	{ { EC, KEPT, .uses = USE_SIGN | USE_DERIVE }, PLACE_GENERATED, PLACE_TPM, PLACE_TPM },
	{ { EC, KEPT, .uses = USE_SIGN }, PLACE_IMPORTED, PLACE_TPM, PLACE_TPM },
	{ { EC, .uses = USE_SIGN }, PLACE_GENERATED, PLACE_TPM, PLACE_TPM },
	{ { EC, KEPT, .uses = USE_SIGN }, PLACE_UNWRAPPED, PLACE_TPM, PLACE_TPM },
	{ { RSA, .uses = USE_SIGN | USE_DECRYPT | USE_UNWRAP },
	  PLACE_GENERATED,
	  PLACE_TPM,
	  PLACE_TPM },
	{ { RSA, .uses = SIGNS | USE_ENCRYPT | USE_WRAP }, PLACE_GENERATED, PLACE_TPM, PLACE_TPM },
	{ { RSA, .uses = USE_SIGN, ALLOW(only_pss) }, PLACE_GENERATED, PLACE_TPM, PLACE_TPM },
	{ { EC, KEPT, .uses = USE_SIGN | USE_DERIVE, ALLOW(agreement) },
	  PLACE_GENERATED,
	  PLACE_TPM,
	  PLACE_TPM },
	{ { EC, KEPT, .uses = USE_SIGN, .extractable = true },
	  PLACE_GENERATED,
	  PLACE_TPM_SEALED,
	  PLACE_ANY },
	{ { .kind = KEY_EDWARDS, .params = ED25519, .uses = USE_SIGN, KEPT },
	  PLACE_GENERATED,
	  PLACE_TPM_SEALED,
	  PLACE_ANY },
	{ { .kind = KEY_ML_DSA, .set = 1, .uses = USE_SIGN, KEPT },
	  PLACE_GENERATED,
	  PLACE_TPM_SEALED,
	  PLACE_ANY },
	/* secret keys */
	{ { AES(CRYPTS), KEPT }, PLACE_GENERATED, PLACE_TPM, PLACE_TPM },
	{ { AES(CRYPTS) }, PLACE_GENERATED, PLACE_TPM_SEALED, PLACE_TPM },
	{ { AES(CRYPTS), KEPT }, PLACE_UNWRAPPED, PLACE_TPM_SEALED, PLACE_TPM },
	{ { AES(CRYPTS), KEPT }, PLACE_DERIVED, PLACE_TPM_SEALED, PLACE_TPM },
	{ { AES(CRYPTS | USE_WRAP), KEPT }, PLACE_GENERATED, PLACE_TPM_SEALED, PLACE_ANY },
	{ { AES(SIGNS), KEPT }, PLACE_GENERATED, PLACE_TPM_SEALED, PLACE_ANY },
	{ { AES(CRYPTS), KEPT, ALLOW(only_gcm) }, PLACE_GENERATED, PLACE_TPM_SEALED, PLACE_ANY },
	{ { AES(CRYPTS), KEPT, ALLOW(cbc_and_cmac) },
	  PLACE_GENERATED,
	  PLACE_TPM_SEALED,
	  PLACE_ANY },
	{ { MAC(32, SIGNS) }, PLACE_GENERATED, PLACE_TPM, PLACE_TPM },
	{ { MAC(20, SIGNS) }, PLACE_GENERATED, PLACE_TPM_SEALED, PLACE_ANY },
	{ { MAC(20, SIGNS) }, PLACE_IMPORTED, PLACE_TPM, PLACE_TPM },
	{ { MAC(32, SIGNS | USE_DERIVE) }, PLACE_GENERATED, PLACE_TPM_SEALED, PLACE_ANY },
	/* asked for */
	{ { EC, KEPT, .place = PLACE_TPM_SEALED }, PLACE_GENERATED, PLACE_TPM_SEALED, PLACE_ANY },
	{ { EC, KEPT, .place = PLACE_TPM }, PLACE_GENERATED, PLACE_TPM, PLACE_TPM },
	{ { EC, KEPT, .place = PLACE_SOFT }, PLACE_GENERATED, PLACE_ANY, PLACE_ANY },
	{ { EC, KEPT, .place = PLACE_TPM, .extractable = true },
	  PLACE_GENERATED,
	  PLACE_ANY,
	  PLACE_ANY },
	{ { AES(CRYPTS), .place = PLACE_TPM }, PLACE_DERIVED, PLACE_TPM, PLACE_TPM },
	{ { MAC(20, SIGNS), .place = PLACE_TPM }, PLACE_GENERATED, PLACE_ANY, PLACE_ANY },
};

static enum key_place chosen(const struct key_spec *spec, enum place_born born, bool no_sealed)
{
	const struct words w = { .caps.can = ALL_CAPS, .no_sealed = no_sealed };
	enum key_place place = PLACE_ANY;
	enum inro_err e = place_choose(&w, spec, born, &place);

	assert_true(e ? e == INRO_E_UNSUPPORTED && place == PLACE_ANY : place != PLACE_ANY);
	return place;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("row %zu\n", i);
		assert_int_equal(chosen(&rows[i].spec, rows[i].born, false), rows[i].want);
		assert_int_equal(chosen(&rows[i].spec, rows[i].born, true),
				 rows[i].want_without_sealed);
	}
}

/* A TPM that can nothing seals everything. */
static void test_nothing_without_caps(void **state)
{
	const struct words w = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum key_place place = PLACE_ANY;

		if (rows[i].spec.place != PLACE_ANY)
			continue;
		assert_int_equal(place_choose(&w, &rows[i].spec, rows[i].born, &place), INRO_OK);
		assert_int_equal(place, PLACE_TPM_SEALED);
	}
}

static bool has(const CK_MECHANISM_TYPE *list, CK_MECHANISM_TYPE mech)
{
	for (; *list != CK_UNAVAILABLE_INFORMATION; list++)
		if (*list == mech)
			return true;
	return false;
}

static void test_mechanisms(void **state)
{
	static const CK_MECHANISM_TYPE all[] = {
		CKM_RSA_PKCS_KEY_PAIR_GEN,
		CKM_RSA_PKCS,
		CKM_SHA256_RSA_PKCS,
		CKM_SHA256_HMAC,
		CKM_SHA3_256_HMAC,
		CKM_GENERIC_SECRET_KEY_GEN,
		CKM_EC_KEY_PAIR_GEN,
		CKM_ECDSA,
		CKM_ECDSA_SHA256,
		CKM_ECDH1_DERIVE,
		CKM_EC_EDWARDS_KEY_PAIR_GEN,
		CKM_EDDSA,
		CKM_AES_KEY_GEN,
		CKM_AES_CBC,
		CKM_AES_GCM,
		CKM_ML_DSA,
		CK_UNAVAILABLE_INFORMATION,
	};
	static const CK_MECHANISM_TYPE not_there[] = { CKM_SHA3_256_HMAC, CKM_EDDSA,
						       CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_AES_GCM,
						       CKM_ML_DSA };
	CK_MECHANISM_TYPE *list = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(place_mechanisms(ALL_CAPS, all, &list), INRO_OK);
	for (size_t i = 0; i < ARRAY_LEN(not_there); i++)
		assert_false(has(list, not_there[i]));
	while (list[n] != CK_UNAVAILABLE_INFORMATION)
		n++;
	assert_int_equal(n, ARRAY_LEN(all) - 1 - ARRAY_LEN(not_there));
	free(list);
	assert_int_equal(place_mechanisms(CAP_P256 | CAP_SHA256, all, &list), INRO_OK);
	assert_true(has(list, CKM_ECDSA));
	assert_false(has(list, CKM_RSA_PKCS));
	assert_false(has(list, CKM_AES_KEY_GEN));
	free(list);
}

/* From the table's bounds to what this TPM has. */
static void test_sizes(void **state)
{
	static const struct {
		uint32_t caps;
		CK_MECHANISM_TYPE mech;
		CK_ULONG from, to, min, max;
	} wanted[] = {
		{ ALL_CAPS | CAP_RSA_4096, CKM_RSA_PKCS, 1024, 16384, 2048, 4096 },
		{ CAP_RSA_2048 | CAP_SHA256, CKM_RSA_PKCS_KEY_PAIR_GEN, 1024, 4096, 2048, 2048 },
		{ CAP_RSA_2048 | CAP_RSA_3072, CKM_RSA_PKCS_OAEP, 1024, 4096, 2048, 3072 },
		{ ALL_CAPS | CAP_P521, CKM_ECDSA, 224, 521, 256, 521 },
		{ CAP_P256 | CAP_P384 | CAP_SHA256 | CAP_SHA384, CKM_ECDSA, 224, 521, 256, 384 },
		{ ALL_CAPS, CKM_AES_CBC, 16, 32, 16, 32 },
		{ ALL_CAPS & ~(uint32_t)CAP_AES_256, CKM_AES_KEY_GEN, 16, 32, 16, 16 },
		{ ALL_CAPS, CKM_SHA256_HMAC, 14, 16384, 14, 64 },
		{ ALL_CAPS, CKM_GENERIC_SECRET_KEY_GEN, 1, 16384, 32, 64 },
		{ ALL_CAPS, CKM_SHA512_KEY_GEN, 14, 16384, 32, 64 },
		{ ALL_CAPS, CKM_ML_DSA, 1312, 2592, 1312, 2592 }, /* not the TPM's */
		{ ALL_CAPS, CKM_TLS_MAC, 14, 16384, 14, 16384 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		CK_ULONG min = wanted[i].from, max = wanted[i].to;

		place_sizes(wanted[i].caps, wanted[i].mech, &min, &max);
		if (min != wanted[i].min || max != wanted[i].max)
			fail_msg("row %zu: %lu to %lu", i, min, max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nothing_without_caps),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
