/* C_DeriveKey: every mechanism, known answers, several keys at once, what a result may be; and
 * C_EncapsulateKey as far as this libcrypto has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/moving.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

static int each_setup(void **state)
{
	(void)state;
	s = module_user(&slot);
	return 0;
}

static int each_teardown(void **state)
{
	(void)state;
	return p11->C_CloseAllSessions(slot) != CKR_OK;
}

static void must_be(CK_OBJECT_HANDLE key, const void *want, CK_ULONG n)
{
	CK_BYTE value[256];
	CK_RV rv;

	assert_int_equal(moving_value(s, key, value, sizeof value, &rv), n);
	assert_memory_equal(value, want, n);
}

static CK_OBJECT_HANDLE bring(const void *value, CK_ULONG n)
{
	CK_OBJECT_HANDLE key;

	OK(moving_import(s, M_OPEN | M_DERIVE | M_SIGN, CKK_GENERIC_SECRET, value, n, &key));
	return key;
}

/* ---- HKDF: RFC 5869 A.1 ---- */

static const CK_BYTE rfc_ikm[22] = { 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb,
				     0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb, 0xb };
static const char rfc_salt[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c";
static const char rfc_info[] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9";
static const char rfc_prk[] = "\x07\x77\x09\x36\x2c\x2e\x32\xdf\x0d\xdc\x3f\x0d\xc4\x7b\xba\x63"
			      "\x90\xb6\xc7\x3b\xb5\x0f\x9c\x31\x22\xec\x84\x4a\xd7\xc2\xb3\xe5";
static const char rfc_okm[] = "\x3c\xb2\x5f\x25\xfa\xac\xd5\x7a\x90\x43\x4f\x64\xd0\x36\x2f\x2a"
			      "\x2d\x2d\x0a\x90\xcf\x1a\x5a\x4c\x5d\xb0\x2d\x56\xec\xc4\xc5\xbf"
			      "\x34\x00\x72\x08\xd5\xb8\x87\x18\x58\x65";

static CK_HKDF_PARAMS hkdf(bool extract, bool expand)
{
	return (CK_HKDF_PARAMS) { .bExtract = extract,
				  .bExpand = expand,
				  .prfHashMechanism = CKM_SHA256,
				  .ulSaltType = CKF_HKDF_SALT_DATA,
				  .pSalt = (CK_BYTE *)(uintptr_t)rfc_salt,
				  .ulSaltLen = sizeof rfc_salt - 1,
				  .pInfo = (CK_BYTE *)(uintptr_t)rfc_info,
				  .ulInfoLen = sizeof rfc_info - 1 };
}

static void hkdf_gives_the_rfcs_answers(void **state)
{
	CK_HKDF_PARAMS p = hkdf(true, true);
	CK_MECHANISM m = { CKM_HKDF_DERIVE, &p, sizeof p };
	CK_OBJECT_HANDLE ikm = bring(rfc_ikm, sizeof rfc_ikm), prk, okm;

	(void)state;
	OK(moving_derive(s, &m, ikm, M_OPEN, CKK_GENERIC_SECRET, 42, &okm));
	must_be(okm, rfc_okm, 42);
	p = hkdf(true, false);
	OK(moving_derive(s, &m, ikm, M_OPEN | M_DERIVE, CKK_GENERIC_SECRET, 0, &prk));
	must_be(prk, rfc_prk, 32);
	GIVES(CKR_KEY_SIZE_RANGE, moving_derive(s, &m, ikm, M_OPEN, CKK_GENERIC_SECRET, 31, &okm));
	p = hkdf(false, true);
	OK(moving_derive(s, &m, prk, M_OPEN, CKK_GENERIC_SECRET, 42, &okm));
	must_be(okm, rfc_okm, 42);
	GIVES(CKR_TEMPLATE_INCOMPLETE,
	      moving_derive(s, &m, prk, M_OPEN, CKK_GENERIC_SECRET, 0, &okm));
}

static void hkdf_takes_its_salt_from_a_key(void **state)
{
	CK_HKDF_PARAMS p = hkdf(true, true);
	CK_MECHANISM m = { CKM_HKDF_DERIVE, &p, sizeof p };
	CK_OBJECT_HANDLE ikm = bring(rfc_ikm, sizeof rfc_ikm), okm, salt;

	(void)state;
	p.ulSaltType = CKF_HKDF_SALT_KEY;
	p.hSaltKey = bring(rfc_salt, sizeof rfc_salt - 1);
	OK(moving_derive(s, &m, ikm, M_OPEN, CKK_GENERIC_SECRET, 42, &okm));
	must_be(okm, rfc_okm, 42);
	/* a salt that is sensitive makes the result so */
	OK(moving_import(s, M_SENSITIVE | M_DERIVE, CKK_GENERIC_SECRET, rfc_salt,
			 sizeof rfc_salt - 1, &salt));
	p.hSaltKey = salt;
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_derive(s, &m, ikm, M_OPEN, CKK_GENERIC_SECRET, 42, &okm));
	p.hSaltKey = 0x7fffffff;
	GIVES(CKR_KEY_HANDLE_INVALID,
	      moving_derive(s, &m, ikm, M_OPEN, CKK_GENERIC_SECRET, 42, &okm));
}

static void hkdf_makes_data_of_a_readable_key(void **state)
{
	CK_HKDF_PARAMS p = hkdf(true, true);
	CK_MECHANISM m = { CKM_HKDF_DATA, &p, sizeof p };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_ULONG(CKA_VALUE_LEN, 42) };
	CK_OBJECT_HANDLE data = 0;

	(void)state;
	OK(p11->C_DeriveKey(s, &m, bring(rfc_ikm, sizeof rfc_ikm), t, ARRAY_LEN(t), &data));
	MUST(module_ulong(s, data, CKA_CLASS) == CKO_DATA);
	must_be(data, rfc_okm, 42);
}

/* ---- SP 800-108, checked with the token's own HMAC ---- */

static void mac_of(CK_OBJECT_HANDLE key, CK_BYTE *in, CK_ULONG n, CK_BYTE ret[32])
{
	CK_MECHANISM m = { CKM_SHA256_HMAC, NULL, 0 };
	CK_ULONG out = 32;

	OK(p11->C_SignInit(s, &m, key));
	OK(p11->C_Sign(s, in, n, ret, &out));
}

static CK_SP800_108_COUNTER_FORMAT counter = { .ulWidthInBits = 32 };
static CK_BYTE fixed[] = "label";
static CK_PRF_DATA_PARAM fields[] = {
	{ CK_SP800_108_ITERATION_VARIABLE, &counter, sizeof counter },
	{ CK_SP800_108_BYTE_ARRAY, fixed, sizeof fixed },
};
static CK_SP800_108_KDF_PARAMS kdf = { .prfType = CKM_SHA256_HMAC,
				       .ulNumberOfDataParams = ARRAY_LEN(fields),
				       .pDataParams = fields };

static void counter_mode_is_hmac_over_a_counter(void **state)
{
	CK_MECHANISM m = { CKM_SP800_108_COUNTER_KDF, &kdf, sizeof kdf };
	CK_OBJECT_HANDLE base = bring(rfc_prk, 32), key;
	CK_BYTE in[4 + sizeof fixed] = { 0, 0, 0, 1 }, want[64];

	(void)state;
	memcpy(in + 4, fixed, sizeof fixed);
	mac_of(base, in, sizeof in, want);
	in[3] = 2;
	mac_of(base, in, sizeof in, want + 32);
	OK(moving_derive(s, &m, base, M_OPEN, CKK_GENERIC_SECRET, 48, &key));
	must_be(key, want, 48);
	OK(moving_derive(s, &m, base, M_OPEN | M_ENCRYPT, CKK_AES, 16, &key));
	must_be(key, want, 16);
}

static CK_RV derive_two(CK_OBJECT_HANDLE base, unsigned flags, CK_ULONG n, CK_ULONG more_n,
			CK_OBJECT_HANDLE ret[2])
{
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
					   A_ULONG(CKA_VALUE_LEN, more_n) };
	CK_DERIVED_KEY more = { t, 2 + moving_template(flags, t + 2), &ret[1] };
	CK_SP800_108_KDF_PARAMS p = kdf;
	CK_MECHANISM m = { CKM_SP800_108_COUNTER_KDF, &p, sizeof p };

	p.ulAdditionalDerivedKeys = 1;
	p.pAdditionalDerivedKeys = &more;
	return moving_derive(s, &m, base, flags, CKK_GENERIC_SECRET, n, &ret[0]);
}

static CK_ULONG count_secret_keys(void)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY) };

	return module_find(s, like, 1, NULL);
}

static void several_keys_are_made_all_or_none(void **state)
{
	CK_MECHANISM m = { CKM_SP800_108_COUNTER_KDF, &kdf, sizeof kdf };
	CK_OBJECT_HANDLE base = bring(rfc_prk, 32), whole, two[2] = { 0 };
	CK_BYTE value[64];
	CK_ULONG before;
	CK_RV rv;

	(void)state;
	OK(moving_derive(s, &m, base, M_OPEN, CKK_GENERIC_SECRET, 64, &whole));
	OK(derive_two(base, M_OPEN, 16, 32, two));
	MUST(moving_value(s, whole, value, sizeof value, &rv) == 64);
	must_be(two[0], value, 16);
	must_be(two[1], value + 32, 32); /* each begins with a block */
	before = count_secret_keys();
	GIVES(CKR_KEY_SIZE_RANGE, derive_two(base, M_OPEN, 16, 0, two));
	assert_int_equal(count_secret_keys(), before);
	OK(derive_two(base, M_OPEN | M_TOKEN, 16, 16, two));
	MUST(module_bool(s, two[1], CKA_TOKEN));
}

/* By its handle; the other's is as it was. */
static void the_template_at_fault_is_named(void **state)
{
	CK_OBJECT_HANDLE base = bring(rfc_prk, 32), two[2] = { 7, 8 };

	(void)state;
	GIVES(CKR_KEY_SIZE_RANGE, derive_two(base, M_OPEN, 16, 0, two));
	assert_int_equal(two[0], 7);
	assert_int_equal(two[1], CK_INVALID_HANDLE);
	two[1] = 8;
	GIVES(CKR_TEMPLATE_INCOMPLETE, derive_two(base, M_OPEN, 0, 16, two));
	assert_int_equal(two[0], CK_INVALID_HANDLE);
	assert_int_equal(two[1], 8);
	two[0] = 7;
	GIVES(CKR_KEY_HANDLE_INVALID, derive_two(0, M_OPEN, 16, 0, two));
	assert_int_equal(two[0], 7);
	assert_int_equal(two[1], 8);
}

/* The second key is no way to the first one's last byte. */
static void several_keys_are_no_slices(void **state)
{
	CK_OBJECT_HANDLE base, two[2];

	(void)state;
	OK(moving_import(s, M_SENSITIVE | M_DERIVE, CKK_GENERIC_SECRET, rfc_prk, 32, &base));
	GIVES(CKR_KEY_SIZE_RANGE, derive_two(base, M_SENSITIVE, 31, 1, two));
	OK(derive_two(base, M_SENSITIVE, 16, 16, two));
}

/* ---- concatenation ---- */

static void joined_keys_are_whole(void **state)
{
	CK_BYTE tail[] = { 9, 9 };
	CK_KEY_DERIVATION_STRING_DATA data = { tail, sizeof tail };
	CK_OBJECT_HANDLE a = bring("0123456789abcdef", 16), b = bring("ABCDEFGHIJKLMNOP", 16), key;
	CK_MECHANISM keys = { CKM_CONCATENATE_BASE_AND_KEY, &b, sizeof b };
	CK_MECHANISM behind = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	CK_MECHANISM before = { CKM_CONCATENATE_DATA_AND_BASE, &data, sizeof data };

	(void)state;
	OK(moving_derive(s, &keys, a, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	must_be(key, "0123456789abcdefABCDEFGHIJKLMNOP", 32);
	OK(moving_derive(s, &keys, a, M_OPEN | M_ENCRYPT, CKK_AES, 0, &key));
	OK(moving_derive(s, &behind, a, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	must_be(key, "0123456789abcdef\x09\x09", 18);
	OK(moving_derive(s, &before, a, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	must_be(key,
		"\x09\x09"
		"0123456789abcdef",
		18);
	GIVES(CKR_KEY_SIZE_RANGE, moving_derive(s, &keys, a, M_OPEN, CKK_GENERIC_SECRET, 31, &key));
	GIVES(CKR_KEY_SIZE_RANGE, moving_derive(s, &keys, a, M_OPEN, CKK_AES, 16, &key));
}

static void joined_keys_are_as_sensitive_as_either(void **state)
{
	CK_OBJECT_HANDLE a = bring("0123456789abcdef", 16), b, key;

	(void)state;
	OK(moving_import(s, M_SENSITIVE | M_DERIVE | M_EXTRACTABLE, CKK_GENERIC_SECRET,
			 "ABCDEFGHIJKLMNOP", 16, &b));
	CK_MECHANISM m = { CKM_CONCATENATE_BASE_AND_KEY, &b, sizeof b };

	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_derive(s, &m, a, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	OK(moving_derive(s, &m, a, M_SENSITIVE | M_EXTRACTABLE, CKK_GENERIC_SECRET, 0, &key));
	MUST(!module_bool(s, key, CKA_ALWAYS_SENSITIVE));
	MUST(!module_bool(s, key, CKA_NEVER_EXTRACTABLE));
	MUST(!module_bool(s, key, CKA_LOCAL));
	OK(moving_import(s, M_SENSITIVE | M_EXTRACTABLE, CKK_GENERIC_SECRET, "ABCDEFGHIJKLMNOP", 16,
			 &b));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      moving_derive(s, &m, a, M_SENSITIVE, CKK_GENERIC_SECRET, 0, &key));
}

/* ---- key agreement ---- */

static struct module_pair agreeing(CK_MECHANISM_TYPE gen, const CK_BYTE *params, CK_ULONG n)
{
	CK_MECHANISM m = { gen, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, params, n) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_DERIVE, CK_TRUE) };
	struct module_pair p = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, public, 1, private, 1, &p.public, &p.private));
	return p;
}

/* p: what goes with the peer's point. */
static CK_RV agree_by(CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE peer, CK_ECDH1_DERIVE_PARAMS p,
		      CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	CK_BYTE point[256];
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };

	p.pPublicData = point;
	p.ulPublicDataLen = module_bytes(s, peer, CKA_EC_POINT, point, sizeof point);
	return moving_derive(s, &m, private, M_OPEN, CKK_GENERIC_SECRET, n, ret);
}

static CK_RV agree(CK_OBJECT_HANDLE private, CK_OBJECT_HANDLE peer, CK_ULONG how, CK_ULONG n,
		   CK_OBJECT_HANDLE *ret)
{
	return agree_by(private, peer, (CK_ECDH1_DERIVE_PARAMS) { .kdf = how }, n, ret);
}

static const CK_BYTE x25519[] = { 0x13, 10, 'c', 'u', 'r', 'v', 'e', '2', '5', '5', '1', '9' };

static void both_sides_agree(void **state)
{
	struct module_pair p256a = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);
	struct module_pair p256b = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);
	struct module_pair xa = agreeing(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, x25519, sizeof x25519);
	struct module_pair xb = agreeing(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, x25519, sizeof x25519);
	struct {
		struct module_pair a, b;
	} pairs[] = { { p256a, p256b }, { xa, xb } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CK_OBJECT_HANDLE one, two;
		CK_BYTE z[32];
		CK_RV rv;

		OK(agree(pairs[i].a.private, pairs[i].b.public, CKD_NULL, 0, &one));
		OK(agree(pairs[i].b.private, pairs[i].a.public, CKD_NULL, 0, &two));
		MUST(moving_value(s, one, z, sizeof z, &rv) == 32);
		must_be(two, z, 32);
		OK(agree(pairs[i].a.private, pairs[i].b.public, CKD_NULL, 16, &one));
		must_be(one, z + 16, 16); /* cut at the leading end (6.3.20) */
		GIVES(CKR_KEY_SIZE_RANGE,
		      agree(pairs[i].a.private, pairs[i].b.public, CKD_NULL, 15, &one));
		GIVES(CKR_KEY_SIZE_RANGE,
		      agree(pairs[i].a.private, pairs[i].b.public, CKD_NULL, 33, &one));
	}
}

/* X9.63 with SHA-256: H(Z || 00000001). */
static void the_kdf_hashes_what_was_agreed(void **state)
{
	struct module_pair a = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);
	struct module_pair b = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);
	CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
	CK_BYTE in[36] = { [35] = 1 }, want[32];
	CK_ULONG n = sizeof want;
	CK_OBJECT_HANDLE z, key;
	CK_RV rv;

	(void)state;
	OK(agree(a.private, b.public, CKD_NULL, 0, &z));
	MUST(moving_value(s, z, in, 32, &rv) == 32);
	OK(p11->C_DigestInit(s, &sha));
	OK(p11->C_Digest(s, in, sizeof in, want, &n));
	OK(agree(a.private, b.public, CKD_SHA256_KDF, 32, &key));
	must_be(key, want, 32);
	memmove(in + 4, in, 32); /* SP 800-56C: H(00000001 || Z) */
	memcpy(in, "\0\0\0\1", 4);
	OK(p11->C_DigestInit(s, &sha));
	OK(p11->C_Digest(s, in, sizeof in, want, &n));
	OK(agree(a.private, b.public, CKD_SHA256_KDF_SP800, 32, &key));
	must_be(key, want, 32);
}

/* SP 800-56C: H(00000001 || Z || SharedInfo) || H(00000002 || Z || SharedInfo), cut. */
static void the_kdf_goes_on_and_takes_what_both_know(void **state)
{
	struct module_pair a = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);
	struct module_pair b = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);
	CK_BYTE in[4 + 32 + sizeof fixed] = { 0 }, want[64];
	CK_ECDH1_DERIVE_PARAMS p = { .kdf = CKD_SHA256_KDF_SP800,
				     .ulSharedDataLen = sizeof fixed,
				     .pSharedData = fixed };
	CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
	CK_OBJECT_HANDLE z, key;
	CK_RV rv;

	(void)state;
	OK(agree(a.private, b.public, CKD_NULL, 0, &z));
	MUST(moving_value(s, z, in + 4, 32, &rv) == 32);
	memcpy(in + 36, fixed, sizeof fixed);
	for (CK_BYTE i = 0; i < 2; i++) {
		CK_ULONG n = 32;

		in[3] = (CK_BYTE)(i + 1);
		OK(p11->C_DigestInit(s, &sha));
		OK(p11->C_Digest(s, in, sizeof in, want + 32 * i, &n));
	}
	OK(agree_by(a.private, b.public, p, 48, &key));
	must_be(key, want, 48);
}

static void a_point_of_another_group_is_refused(void **state)
{
	struct module_pair a = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);
	struct module_pair b = agreeing(CKM_EC_KEY_PAIR_GEN, module_p384, sizeof module_p384);
	CK_BYTE point[67], infinity[] = { 0 };
	CK_ECDH1_DERIVE_PARAMS p = { .kdf = CKD_NULL, .pPublicData = point };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
	CK_OBJECT_HANDLE key;

	(void)state;
	assert_int_not_equal(agree(a.private, b.public, CKD_NULL, 0, &key), CKR_OK);
	p.ulPublicDataLen = module_bytes(s, a.public, CKA_EC_POINT, point, sizeof point);
	point[p.ulPublicDataLen - 1] ^= 1; /* off the curve */
	assert_int_not_equal(moving_derive(s, &m, a.private, M_OPEN, CKK_GENERIC_SECRET, 0, &key),
			     CKR_OK);
	p.pPublicData = infinity;
	p.ulPublicDataLen = 1;
	assert_int_not_equal(moving_derive(s, &m, a.private, M_OPEN, CKK_GENERIC_SECRET, 0, &key),
			     CKR_OK);
}

static void derive_template_is_kept(void **state)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE inner = { CKA_SENSITIVE, &yes, sizeof yes };
	CK_MECHANISM gen = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_BYTE tail = 1;
	CK_KEY_DERIVATION_STRING_DATA data = { &tail, 1 };
	CK_MECHANISM m = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_VALUE_LEN, 32),
					   A_BYTES(CKA_DERIVE_TEMPLATE, &inner, sizeof inner) };
	CK_OBJECT_HANDLE base = 0, key = 0;

	(void)state;
	OK(p11->C_GenerateKey(s, &gen, t, 2 + moving_template(M_OPEN | M_DERIVE, t + 2), &base));
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_derive(s, &m, base, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	OK(p11->C_DeriveKey(s, &m, base, NULL, 0, &key));
	MUST(module_bool(s, key, CKA_SENSITIVE));
	MUST(module_ulong(s, key, CKA_KEY_TYPE) == CKK_GENERIC_SECRET);
}

static void each_argument_has_its_code(void **state)
{
	CK_BYTE tail = 1;
	CK_KEY_DERIVATION_STRING_DATA data = { &tail, 1 };
	CK_MECHANISM m = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	CK_MECHANISM nothing = { CKM_CONCATENATE_BASE_AND_DATA, NULL, 0 };
	CK_OBJECT_HANDLE base = bring(rfc_prk, 32), no_use, key;
	struct module_pair ec = agreeing(CKM_EC_KEY_PAIR_GEN, module_p256, sizeof module_p256);

	(void)state;
	OK(moving_import(s, M_OPEN, CKK_GENERIC_SECRET, rfc_prk, 32, &no_use));
	GIVES(CKR_KEY_HANDLE_INVALID, moving_derive(s, &m, 0, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	GIVES(CKR_KEY_TYPE_INCONSISTENT,
	      moving_derive(s, &m, ec.private, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      moving_derive(s, &m, no_use, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	GIVES(CKR_MECHANISM_PARAM_INVALID,
	      moving_derive(s, &nothing, base, M_OPEN, CKK_GENERIC_SECRET, 0, &key));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_DeriveKey(s, NULL, base, NULL, 0, &key));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_DeriveKey(s, &m, base, NULL, 0, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_DeriveKey(s, &m, base, NULL, 1, &key));
}

/* ---- ML-KEM ---- */

static bool offered(CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_INFO info;

	return p11->C_GetMechanismInfo(slot, type, &info) == CKR_OK;
}

static void without_ml_kem_it_is_refused(void **state)
{
	struct ck_functions_3_2 *f = moving_3_2();
	CK_MECHANISM m = { CKM_ML_KEM, NULL, 0 };
	CK_BYTE c[2048] = { 0 };
	CK_ULONG n = sizeof c;
	CK_OBJECT_HANDLE key;

	(void)state;
	if (offered(CKM_ML_KEM))
		return;
	GIVES(CKR_MECHANISM_INVALID, f->C_EncapsulateKey(s, &m, 1, NULL, 0, c, &n, &key));
	GIVES(CKR_MECHANISM_INVALID, f->C_DecapsulateKey(s, &m, 1, NULL, 0, c, n, &key));
	GIVES(CKR_ARGUMENTS_BAD, f->C_EncapsulateKey(s, NULL, 1, NULL, 0, c, &n, &key));
	GIVES(CKR_ARGUMENTS_BAD, f->C_DecapsulateKey(s, &m, 1, NULL, 0, NULL, n, &key));
}

static void ml_kem_round(CK_ULONG set, CK_ULONG want)
{
	struct ck_functions_3_2 *f = moving_3_2();
	CK_MECHANISM gen = { CKM_ML_KEM_KEY_PAIR_GEN, NULL, 0 }, m = { CKM_ML_KEM, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_PARAMETER_SET, set),
				  A_BOOL(CKA_ENCAPSULATE, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_DECAPSULATE, CK_TRUE) };
	CK_ATTRIBUTE t[MOVING_MAX];
	CK_ULONG t_n = moving_template(M_OPEN, t), n = 0;
	CK_OBJECT_HANDLE pub = 0, priv = 0, one = 0, two = 0;
	CK_BYTE c[2048], z[32];
	CK_RV rv;

	OK(p11->C_GenerateKeyPair(s, &gen, public, 2, private, 1, &pub, &priv));
	OK(f->C_EncapsulateKey(s, &m, pub, t, t_n, NULL, &n, &one));
	assert_int_equal(n, want);
	n = 8;
	GIVES(CKR_BUFFER_TOO_SMALL, f->C_EncapsulateKey(s, &m, pub, t, t_n, c, &n, &one));
	n = sizeof c;
	OK(f->C_EncapsulateKey(s, &m, pub, t, t_n, c, &n, &one));
	OK(f->C_DecapsulateKey(s, &m, priv, t, t_n, c, n, &two));
	MUST(moving_value(s, one, z, sizeof z, &rv) == 32);
	must_be(two, z, 32);
	GIVES(CKR_WRAPPED_KEY_LEN_RANGE, f->C_DecapsulateKey(s, &m, priv, t, t_n, c, n - 1, &two));
}

static void ml_kem_goes_there_and_back(void **state)
{
	(void)state;
	if (!offered(CKM_ML_KEM))
		skip();
	ml_kem_round(CKP_ML_KEM_512, 768);
	ml_kem_round(CKP_ML_KEM_768, 1088);
	ml_kem_round(CKP_ML_KEM_1024, 1568);
}

/* Every mechanism that is listed is tried above. */
static void nothing_else_is_listed(void **state)
{
	static const CK_MECHANISM_TYPE tried[] = {
		CKM_HKDF_DERIVE,
		CKM_HKDF_DATA,
		CKM_SP800_108_COUNTER_KDF,
		CKM_SP800_108_FEEDBACK_KDF,
		CKM_CONCATENATE_BASE_AND_KEY,
		CKM_CONCATENATE_BASE_AND_DATA,
		CKM_CONCATENATE_DATA_AND_BASE,
		CKM_ECDH1_DERIVE,
		CKM_ECDH1_COFACTOR_DERIVE,
	};
	CK_MECHANISM_TYPE all[512];
	CK_ULONG n = ARRAY_LEN(all);

	(void)state;
	OK(p11->C_GetMechanismList(slot, all, &n));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_MECHANISM_INFO info;
		bool known = false;

		OK(p11->C_GetMechanismInfo(slot, all[i], &info));
		for (size_t k = 0; k < ARRAY_LEN(tried); k++)
			known = known || tried[k] == all[i];
		if ((info.flags & CKF_DERIVE) && !known)
			print_error("mechanism 0x%lx derives and is not tried here\n", all[i]);
		assert_true(known || !(info.flags & CKF_DERIVE));
	}
}

/* K(i) = HMAC(K(i-1) || counter || label), K(0) the IV. */
static void feedback_mode_chains(void **state)
{
	CK_PRF_DATA_PARAM chain[] = { { CK_SP800_108_ITERATION_VARIABLE, NULL, 0 },
				      { CK_SP800_108_COUNTER, &counter, sizeof counter },
				      { CK_SP800_108_BYTE_ARRAY, fixed, sizeof fixed } };
	CK_BYTE in[32 + 4 + sizeof fixed] = { 5, 5 }, want[64];
	CK_SP800_108_FEEDBACK_KDF_PARAMS p = { .prfType = CKM_SHA256_HMAC,
					       .ulNumberOfDataParams = ARRAY_LEN(chain),
					       .pDataParams = chain,
					       .ulIVLen = 32 };
	CK_MECHANISM m = { CKM_SP800_108_FEEDBACK_KDF, &p, sizeof p };
	CK_OBJECT_HANDLE base = bring(rfc_prk, 32), key;
	CK_BYTE first[32] = { 5, 5 };

	(void)state;
	p.pIV = first;
	in[35] = 1;
	memcpy(in + 36, fixed, sizeof fixed);
	mac_of(base, in, sizeof in, want);
	memcpy(in, want, 32);
	in[35] = 2;
	mac_of(base, in, sizeof in, want + 32);
	OK(moving_derive(s, &m, base, M_OPEN, CKK_GENERIC_SECRET, 64, &key));
	must_be(key, want, 64);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(hkdf_gives_the_rfcs_answers),
		CASE(hkdf_takes_its_salt_from_a_key),
		CASE(hkdf_makes_data_of_a_readable_key),
		CASE(counter_mode_is_hmac_over_a_counter),
		CASE(feedback_mode_chains),
		CASE(several_keys_are_made_all_or_none),
		CASE(the_template_at_fault_is_named),
		CASE(several_keys_are_no_slices),
		CASE(joined_keys_are_whole),
		CASE(joined_keys_are_as_sensitive_as_either),
		CASE(both_sides_agree),
		CASE(the_kdf_hashes_what_was_agreed),
		CASE(the_kdf_goes_on_and_takes_what_both_know),
		CASE(a_point_of_another_group_is_refused),
		CASE(derive_template_is_kept),
		CASE(each_argument_has_its_code),
		CASE(without_ml_kem_it_is_refused),
		CASE(ml_kem_goes_there_and_back),
		CASE(nothing_else_is_listed),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
