/* Every mechanism that is listed works, with every flag, at its smallest and largest key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

#define MOST 256

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static CK_MECHANISM_TYPE list[MOST];
static CK_ULONG n_list;

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	n_list = MOST;
	return p11->C_GetMechanismList(slot, list, &n_list) != CKR_OK;
}

static CK_MECHANISM_INFO info_of(CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_INFO info;

	OK(p11->C_GetMechanismInfo(slot, type, &info));
	return info;
}

static void the_list_is_sorted_and_unique(void **state)
{
	CK_MECHANISM_INFO info;
	CK_ULONG n = 0;

	(void)state;
	OK(p11->C_GetMechanismList(slot, NULL, &n));
	assert_int_equal(n, n_list);
	n--;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetMechanismList(slot, list, &n));
	assert_int_equal(n, n_list);
	for (CK_ULONG i = 1; i < n_list; i++)
		assert_true(list[i - 1] < list[i]);
	GIVES(CKR_MECHANISM_INVALID, p11->C_GetMechanismInfo(slot, CKM_DES3_CBC, &info));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetMechanismInfo(slot, CKM_ECDSA, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetMechanismList(slot, NULL, NULL));
}

static void what_is_expected_is_listed(void **state)
{
	static const CK_MECHANISM_TYPE expected[] = {
		CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS,     CKM_SHA256_RSA_PKCS,
		CKM_SHA512_RSA_PKCS,	   CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
		CKM_EC_KEY_PAIR_GEN,	   CKM_ECDSA,	     CKM_ECDSA_SHA256,
		CKM_ECDSA_SHA384,	   CKM_SHA256,	     CKM_SHA512,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_true(info_of(expected[i]).flags != 0);
}

/* ---- every one at work ---- */

static const struct {
	CK_MECHANISM_TYPE type, digest;
	bool pss;
} hashed[] = {
	{ CKM_RSA_PKCS_PSS, CKM_SHA256, true },
	{ CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, true },
	{ CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, true },
	{ CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, true },
	{ CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, true },
	{ CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, true },
	{ CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, true },
	{ CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, true },
	{ CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, true },
	{ CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, true },
};

static const struct {
	CK_MECHANISM_TYPE digest;
	CK_RSA_PKCS_MGF_TYPE mgf;
	CK_ULONG n;
} sizes[] = {
	{ CKM_SHA_1, CKG_MGF1_SHA1, 20 },
	{ CKM_SHA224, CKG_MGF1_SHA224, 28 },
	{ CKM_SHA256, CKG_MGF1_SHA256, 32 },
	{ CKM_SHA384, CKG_MGF1_SHA384, 48 },
	{ CKM_SHA512, CKG_MGF1_SHA512, 64 },
	{ CKM_SHA3_224, CKG_MGF1_SHA3_224, 28 },
	{ CKM_SHA3_256, CKG_MGF1_SHA3_256, 32 },
	{ CKM_SHA3_384, CKG_MGF1_SHA3_384, 48 },
	{ CKM_SHA3_512, CKG_MGF1_SHA3_512, 64 },
	{ CKM_SHA512_224, 0, 28 },
	{ CKM_SHA512_256, 0, 32 },
	{ CKM_BLAKE2B_512, 0, 64 },
};

static CK_RSA_PKCS_PSS_PARAMS pss_of(CK_MECHANISM_TYPE digest)
{
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		if (sizes[i].digest == digest)
			return (CK_RSA_PKCS_PSS_PARAMS) { digest, sizes[i].mgf, sizes[i].n };
	return (CK_RSA_PKCS_PSS_PARAMS) { CKM_SHA256, CKG_MGF1_SHA256, 32 };
}

static CK_MECHANISM mechanism(CK_MECHANISM_TYPE type, CK_RSA_PKCS_PSS_PARAMS *room)
{
	for (size_t i = 0; i < ARRAY_LEN(hashed); i++) {
		if (hashed[i].type == type) {
			*room = pss_of(hashed[i].digest);
			return (CK_MECHANISM) { type, room, sizeof *room };
		}
	}
	return (CK_MECHANISM) { .mechanism = type };
}

static void try_pair(CK_MECHANISM_TYPE type, CK_FLAGS flags, struct module_pair p)
{
	CK_RSA_PKCS_PSS_PARAMS room;
	CK_MECHANISM m = mechanism(type, &room);
	uint8_t in[32] = "thirty-two bytes, also as a hash", sig[512] = { 0 };
	CK_ULONG n = sizeof sig;

	if (flags & CKF_SIGN) {
		OK(p11->C_SignInit(s, &m, p.private));
		OK(p11->C_Sign(s, in, sizeof in, sig, &n));
		OK(p11->C_VerifyInit(s, &m, p.public));
		OK(p11->C_Verify(s, in, sizeof in, sig, n));
		sig[n / 2] ^= 1;
	} else {
		GIVES(CKR_MECHANISM_INVALID, p11->C_SignInit(s, &m, p.private));
	}
	OK(p11->C_VerifyInit(s, &m, p.public));
	CK_RV rv = p11->C_Verify(s, in, sizeof in, sig, n);

	MUST(rv == CKR_SIGNATURE_INVALID || rv == CKR_SIGNATURE_LEN_RANGE);
}

/* For another type of key, or only for keys that allow it by name. */
static bool apart(CK_MECHANISM_TYPE type)
{
	bool pq = type >= CKM_ML_KEM_KEY_PAIR_GEN && type <= CKM_HASH_SLH_DSA_SHAKE256;

	return pq || type == CKM_EDDSA || type == CKM_RSA_X_509;
}

static void try_all(CK_MECHANISM_TYPE generator, struct module_pair p)
{
	CK_KEY_TYPE type = module_ulong(s, p.private, CKA_KEY_TYPE);
	bool is_ec;

	assert_int_equal(module_ulong(s, p.private, CKA_KEY_GEN_MECHANISM), generator);
	for (CK_ULONG i = 0; i < n_list; i++) {
		CK_MECHANISM_INFO info = info_of(list[i]);

		is_ec = (info.flags & CKF_EC_NAMEDCURVE) != 0;
		if ((info.flags & (CKF_SIGN | CKF_VERIFY)) == 0 || is_ec != (type == CKK_EC) ||
		    apart(list[i]))
			continue;
		if (is_ec ? list[i] == CKM_EDDSA
			  : list[i] == CKM_RSA_X_509 || list[i] > CKM_SHA224_RSA_PKCS_PSS)
			continue;
		MUST(info.flags & CKF_VERIFY);
		try_pair(list[i], info.flags, p);
	}
}

static void rsa_of_both_ends(void **state)
{
	CK_MECHANISM_INFO info = info_of(CKM_RSA_PKCS_KEY_PAIR_GEN);

	(void)state;
	assert_true(info.flags & CKF_GENERATE_KEY_PAIR);
	try_all(CKM_RSA_PKCS_KEY_PAIR_GEN, module_rsa(s, info.ulMinKeySize, false, false));
	try_all(CKM_RSA_PKCS_KEY_PAIR_GEN, module_rsa(s, info.ulMaxKeySize, false, false));
}

static void ec_of_every_size(void **state)
{
	CK_MECHANISM_INFO info = info_of(CKM_EC_KEY_PAIR_GEN);

	(void)state;
	assert_true(info.flags & CKF_GENERATE_KEY_PAIR);
	assert_int_equal(info.ulMinKeySize, 224);
	assert_int_equal(info.ulMaxKeySize, 521);
	try_all(CKM_EC_KEY_PAIR_GEN, module_ec_curve(s, module_p256, sizeof module_p256));
	try_all(CKM_EC_KEY_PAIR_GEN, module_ec_curve(s, module_p384, sizeof module_p384));
	try_all(CKM_EC_KEY_PAIR_GEN, module_ec_curve(s, module_p521, sizeof module_p521));
}

static void digests_of_all_sizes(void **state)
{
	uint8_t out[64];
	size_t seen = 0;

	(void)state;
	for (CK_ULONG i = 0; i < n_list; i++) {
		CK_MECHANISM m = { .mechanism = list[i] };
		CK_ULONG n = sizeof out;

		if (!(info_of(list[i]).flags & CKF_DIGEST))
			continue;
		OK(p11->C_DigestInit(s, &m));
		OK(p11->C_Digest(s, out, 3, out, &n));
		seen++;
	}
	assert_true(seen >= ARRAY_LEN(sizes));
}

/* Stock programs still make and check SHA-1 signatures; what is hashed outside fits. */
static void old_signatures_verify(void **state)
{
	static const uint8_t prefix[] = {
		0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 14, 3, 2, 26, 5, 0, 4, 20
	};
	struct module_pair rsa = module_rsa(s, 2048, false, false);
	struct module_pair ec = module_ec(s, false, false);
	uint8_t info[sizeof prefix + 20], sig[256], in[] = "old";
	CK_MECHANISM sha1 = { .mechanism = CKM_SHA_1 };
	CK_ULONG n = 20;

	(void)state;
	memcpy(info, prefix, sizeof prefix);
	OK(p11->C_DigestInit(s, &sha1));
	OK(p11->C_Digest(s, in, 3, info + sizeof prefix, &n));
	OK(p11->C_SignInit(s, &(CK_MECHANISM) { .mechanism = CKM_RSA_PKCS }, rsa.private));
	n = sizeof sig;
	OK(p11->C_Sign(s, info, sizeof info, sig, &n));
	OK(p11->C_VerifyInit(s, &(CK_MECHANISM) { .mechanism = CKM_SHA1_RSA_PKCS }, rsa.public));
	OK(p11->C_Verify(s, in, 3, sig, n));
	OK(p11->C_SignInit(s, &(CK_MECHANISM) { .mechanism = CKM_ECDSA }, ec.private));
	n = sizeof sig;
	OK(p11->C_Sign(s, info + sizeof prefix, 20, sig, &n));
	OK(p11->C_VerifyInit(s, &(CK_MECHANISM) { .mechanism = CKM_ECDSA_SHA1 }, ec.public));
	OK(p11->C_Verify(s, in, 3, sig, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_sorted_and_unique),
		cmocka_unit_test(what_is_expected_is_listed),
		cmocka_unit_test(rsa_of_both_ends),
		cmocka_unit_test(ec_of_every_size),
		cmocka_unit_test(digests_of_all_sizes),
		cmocka_unit_test(old_signatures_verify),
	};

	return cmocka_run_group_tests_name("token mechanisms", tests, setup, module_teardown);
}
