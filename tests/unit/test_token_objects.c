/* Objects of the module: defaults, one-way rules, what is shown, created, found, copied, refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/module.h"

#define UNKNOWN CK_UNAVAILABLE_INFORMATION
#define BIG	((CK_ULONG)1 << 20) /* the longest value */

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s; /* of the user, read-write */

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	return 0;
}

static void a_bare_private_key_is_safe(void **state)
{
	struct module_pair p = module_ec_curve(s, module_p256, sizeof module_p256);
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		CK_BBOOL value;
	} defaults[] = {
		{ CKA_TOKEN, CK_FALSE },
		{ CKA_PRIVATE, CK_TRUE },
		{ CKA_SENSITIVE, CK_TRUE },
		{ CKA_EXTRACTABLE, CK_FALSE },
		{ CKA_ALWAYS_SENSITIVE, CK_TRUE },
		{ CKA_NEVER_EXTRACTABLE, CK_TRUE },
		{ CKA_LOCAL, CK_TRUE },
		{ CKA_SIGN, CK_TRUE },
		{ CKA_DECRYPT, CK_FALSE },
		{ CKA_UNWRAP, CK_FALSE },
		{ CKA_DERIVE, CK_TRUE },
		{ CKA_MODIFIABLE, CK_TRUE },
		{ CKA_COPYABLE, CK_TRUE },
		{ CKA_DESTROYABLE, CK_TRUE },
		{ CKA_ALWAYS_AUTHENTICATE, CK_FALSE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		assert_int_equal(module_bool(s, p.private, defaults[i].type), defaults[i].value);
	assert_int_equal(module_ulong(s, p.private, CKA_KEY_GEN_MECHANISM), CKM_EC_KEY_PAIR_GEN);
	assert_int_equal(module_bool(s, p.public, CKA_PRIVATE), CK_FALSE);
	assert_int_equal(module_bool(s, p.public, CKA_VERIFY), CK_TRUE);
}

static void secrets_are_never_shown(void **state)
{
	struct module_pair ec = module_ec(s, true, false), rsa = module_rsa(s, 2048, false, false);
	static const CK_ATTRIBUTE_TYPE parts[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
						   CKA_PRIME_2,		 CKA_EXPONENT_1,
						   CKA_EXPONENT_2,	 CKA_COEFFICIENT };
	uint8_t room[512];

	(void)state;
	CK_ATTRIBUTE a = { CKA_VALUE, room, sizeof room };

	GIVES(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(s, ec.private, &a, 1));
	assert_true(a.ulValueLen == UNKNOWN);
	a = (CK_ATTRIBUTE) { CKA_VALUE, NULL, 0 };
	GIVES(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(s, ec.private, &a, 1));
	assert_true(a.ulValueLen == UNKNOWN);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		a = (CK_ATTRIBUTE) { parts[i], room, sizeof room };
		GIVES(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(s, rsa.private, &a, 1));
	}
	/* sensitive or not extractable: one is enough */
	struct module_pair open = module_ec(s, false, true);

	assert_int_equal(module_bytes(s, open.private, CKA_VALUE, room, sizeof room), 32);
	OK(module_set(s, open.private, (CK_ATTRIBUTE)A_BOOL(CKA_EXTRACTABLE, CK_FALSE)));
	a = (CK_ATTRIBUTE) { CKA_VALUE, room, sizeof room };
	GIVES(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(s, open.private, &a, 1));
	open = module_ec(s, true, true);
	OK(module_set(s, open.private, (CK_ATTRIBUTE)A_BOOL(CKA_SENSITIVE, CK_TRUE)));
	GIVES(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(s, open.private, &a, 1));
	/* and no search tells it by trial */
	CK_ATTRIBUTE like[] = { A_BYTES(CKA_VALUE, room, 32) };

	assert_int_equal(module_find(s, like, 1, NULL), 0);
}

static void what_can_be_given_is_and_the_rest_is_marked(void **state)
{
	struct module_pair p = module_ec(s, false, false);
	uint8_t point[80], small[2], value[32];
	CK_ATTRIBUTE a[] = {
		{ CKA_EC_POINT, point, sizeof point },
		{ CKA_VALUE, value, sizeof value },
		{ CKA_EC_PARAMS, small, sizeof small },
		{ CKA_MODULUS, value, sizeof value },
		{ CKA_EC_PARAMS, NULL, 0 },
	};

	(void)state;
	assert_true(p11->C_GetAttributeValue(s, p.private, a, ARRAY_LEN(a)) != CKR_OK);
	assert_int_equal(a[0].ulValueLen, 67);
	assert_true(a[1].ulValueLen == UNKNOWN);
	assert_true(a[2].ulValueLen == UNKNOWN);
	assert_true(a[3].ulValueLen == UNKNOWN);
	assert_int_equal(a[4].ulValueLen, sizeof module_p256);
	GIVES(CKR_BUFFER_TOO_SMALL,
	      p11->C_GetAttributeValue(s, p.private, &(CK_ATTRIBUTE) { CKA_EC_PARAMS, small, 2 },
				       1));
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID,
	      p11->C_GetAttributeValue(s, p.private, &(CK_ATTRIBUTE) { CKA_MODULUS, NULL, 0 }, 1));
}

static void one_way_rules_hold(void **state)
{
	struct module_pair p = module_ec(s, true, true);
	CK_OBJECT_HANDLE copy;
	CK_ATTRIBUTE back[] = { A_BOOL(CKA_SENSITIVE, CK_FALSE) };
	CK_ATTRIBUTE out[] = { A_BOOL(CKA_EXTRACTABLE, CK_TRUE) };
	CK_ATTRIBUTE both[] = { A_BOOL(CKA_SENSITIVE, CK_TRUE), A_BOOL(CKA_EXTRACTABLE, CK_FALSE) };

	(void)state;
	assert_int_equal(module_bool(s, p.private, CKA_ALWAYS_SENSITIVE), CK_FALSE);
	assert_int_equal(module_bool(s, p.private, CKA_NEVER_EXTRACTABLE), CK_FALSE);
	OK(p11->C_CopyObject(s, p.private, both, 2, &copy));
	assert_int_equal(module_bool(s, copy, CKA_SENSITIVE), CK_TRUE);
	assert_int_equal(module_bool(s, p.private, CKA_SENSITIVE), CK_FALSE);
	assert_int_equal(module_bool(s, copy, CKA_ALWAYS_SENSITIVE), CK_FALSE);
	assert_int_equal(module_bool(s, copy, CKA_NEVER_EXTRACTABLE), CK_FALSE);
	for (int i = 0; i < 2; i++) { /* the copy, then the original */
		CK_OBJECT_HANDLE o = i ? p.private : copy, other;

		if (i)
			OK(p11->C_SetAttributeValue(s, o, both, 2));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_SetAttributeValue(s, o, back, 1));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_SetAttributeValue(s, o, out, 1));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CopyObject(s, o, back, 1, &other));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CopyObject(s, o, out, 1, &other));
		GIVES(CKR_ATTRIBUTE_READ_ONLY,
		      p11->C_CopyObject(s, o, &(CK_ATTRIBUTE)A_BOOL(CKA_PRIVATE, CK_FALSE), 1,
					&other));
	}
	uint8_t sig[64];

	OK(module_sign(s, copy, sig));
	OK(module_verify(s, p.public, sig));
}

static void what_the_token_says_nobody_else_says(void **state)
{
	struct module_pair p = module_ec(s, true, false);
	static const CK_ATTRIBUTE_TYPE own[] = { CKA_LOCAL, CKA_ALWAYS_SENSITIVE,
						 CKA_NEVER_EXTRACTABLE };
	CK_BBOOL no = CK_FALSE;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		GIVES(CKR_ATTRIBUTE_READ_ONLY,
		      module_set(s, p.private, (CK_ATTRIBUTE) { own[i], &no, 1 }));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, p.private, (CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_DATA)));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_TOKEN, CK_FALSE)));
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID,
	      module_set(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_VERIFY, CK_FALSE)));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID,
	      module_set(s, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_SIGN, "yes")));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID,
	      module_set(s, p.private, (CK_ATTRIBUTE) { CKA_SIGN, &(CK_BBOOL) { 2 }, 1 }));
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_SIGN, CK_FALSE)));
	uint8_t sig[64];

	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED, module_sign(s, p.private, sig));
	/* a use is taken away, never given */
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_SIGN, CK_TRUE)));
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_UNWRAP, CK_TRUE)));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED, module_sign(s, p.private, sig));
}

static void flags_that_forbid(void **state)
{
	CK_ATTRIBUTE fixed[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
				 A_BOOL(CKA_MODIFIABLE, CK_FALSE), A_BOOL(CKA_COPYABLE, CK_FALSE),
				 A_BOOL(CKA_DESTROYABLE, CK_FALSE) };
	CK_OBJECT_HANDLE o, copy;

	(void)state;
	OK(p11->C_CreateObject(s, fixed, ARRAY_LEN(fixed), &o));
	GIVES(CKR_ACTION_PROHIBITED, module_set(s, o, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "x")));
	GIVES(CKR_ACTION_PROHIBITED, p11->C_CopyObject(s, o, NULL, 0, &copy));
	GIVES(CKR_ACTION_PROHIBITED, p11->C_DestroyObject(s, o));
}

/* ---- creating ---- */

static void an_rsa_key_from_its_parts(void **state)
{
	struct module_pair p = module_rsa(s, 2048, false, true);
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_MODULUS,		 CKA_PUBLIC_EXPONENT,
						   CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
						   CKA_PRIME_2,		 CKA_EXPONENT_1,
						   CKA_EXPONENT_2,	 CKA_COEFFICIENT };
	uint8_t room[ARRAY_LEN(types)][256], sig[256], data[] = "data";
	CK_ATTRIBUTE t[ARRAY_LEN(types) + 3] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
						 A_ULONG(CKA_KEY_TYPE, CKK_RSA),
						 A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_MECHANISM m = { .mechanism = CKM_SHA256_RSA_PKCS };
	CK_OBJECT_HANDLE o, pub;
	CK_ULONG n = sizeof sig;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		t[i + 3] = (CK_ATTRIBUTE) { types[i], room[i],
					    module_bytes(s, p.private, types[i], room[i], 256) };
	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	assert_int_equal(module_bool(s, o, CKA_LOCAL), CK_FALSE);
	assert_int_equal(module_bool(s, o, CKA_SENSITIVE), CK_TRUE);
	assert_int_equal(module_bool(s, o, CKA_ALWAYS_SENSITIVE), CK_FALSE);
	assert_int_equal(module_bool(s, o, CKA_NEVER_EXTRACTABLE), CK_FALSE);
	OK(p11->C_SignInit(s, &m, o));
	OK(p11->C_Sign(s, data, sizeof data, sig, &n));
	CK_ATTRIBUTE pt[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
			      t[3], t[4] };

	OK(p11->C_CreateObject(s, pt, ARRAY_LEN(pt), &pub));
	assert_int_equal(module_ulong(s, pub, CKA_MODULUS_BITS), 2048);
	OK(p11->C_VerifyInit(s, &m, pub));
	OK(p11->C_Verify(s, data, sizeof data, sig, n));
	/* parts that do not belong together, or are missing */
	room[3][5] ^= 1;
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, ARRAY_LEN(t) - 1, &o));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, pt, 3, &o));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, pt, 1, &o));
}

/* Modulus and exponents alone: the rest is what it was. */
static void an_rsa_key_from_its_exponents(void **state)
{
	struct module_pair p = module_rsa(s, 2048, false, true);
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_MODULUS,		CKA_PRIVATE_EXPONENT,
						   CKA_PUBLIC_EXPONENT, CKA_PRIME_1,
						   CKA_PRIME_2,		CKA_EXPONENT_1,
						   CKA_EXPONENT_2,	CKA_COEFFICIENT };
	uint8_t room[3][256], a[256], b[256];
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
			     A_ULONG(CKA_KEY_TYPE, CKK_RSA),
			     A_BOOL(CKA_SENSITIVE, CK_FALSE),
			     A_BOOL(CKA_EXTRACTABLE, CK_TRUE),
			     { 0 },
			     { 0 },
			     { 0 } };
	CK_OBJECT_HANDLE o;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		t[i + 4] = (CK_ATTRIBUTE) { types[i], room[i],
					    module_bytes(s, p.private, types[i], room[i], 256) };
	for (CK_ULONG n = 6; n <= 7; n++) {
		OK(p11->C_CreateObject(s, t, n, &o));
		for (size_t i = 0; i < ARRAY_LEN(types); i++) {
			CK_ULONG n_a = module_bytes(s, p.private, types[i], a, sizeof a);

			assert_int_equal(module_bytes(s, o, types[i], b, sizeof b), n_a);
			assert_memory_equal(a, b, n_a);
		}
	}
	room[1][100] ^= 1;
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, t, 7, &o));
	memset(room[1], 0, sizeof room[1]);
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, 7, &o));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, t, 5, &o));
}

static void an_ec_key_from_its_parts(void **state)
{
	struct module_pair p = module_ec(s, false, true);
	uint8_t value[32], point[80], spki[128], sig[64];
	CK_ULONG point_n = module_bytes(s, p.public, CKA_EC_POINT, point, sizeof point);
	CK_ULONG spki_n = module_bytes(s, p.public, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
	CK_OBJECT_HANDLE o, pub;

	(void)state;
	module_bytes(s, p.private, CKA_VALUE, value, sizeof value);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
			     A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
			     A_BYTES(CKA_VALUE, value, sizeof value),
			     A_BYTES(CKA_PUBLIC_KEY_INFO, spki, spki_n) };
	CK_ATTRIBUTE pt[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
			      A_TEXT(CKA_EC_PARAMS, "\x13\x0aprime256v1"),
			      A_BYTES(CKA_EC_POINT, point, point_n) };

	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	OK(module_sign(s, o, sig));
	OK(p11->C_CreateObject(s, pt, ARRAY_LEN(pt), &pub));
	OK(module_verify(s, pub, sig));
	pt[3] = (CK_ATTRIBUTE)A_BYTES(CKA_EC_POINT, point + 2, point_n - 2); /* not wrapped */
	OK(p11->C_CreateObject(s, pt, ARRAY_LEN(pt), &pub));
	OK(module_verify(s, pub, sig));
	spki[spki_n - 1] ^= 1;
	GIVES(CKR_TEMPLATE_INCONSISTENT, p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	point[point_n - 1] ^= 1; /* not on the curve */
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, pt, ARRAY_LEN(pt), &pub));
	memset(value, 0xff, sizeof value); /* not below the order */
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, 4, &o));
	pt[2] = (CK_ATTRIBUTE)A_TEXT(CKA_EC_PARAMS, "\x13\x05p1024");
	GIVES(CKR_CURVE_NOT_SUPPORTED, p11->C_CreateObject(s, pt, ARRAY_LEN(pt), &pub));
}

/* A certificate's shape with an issuer "i", a subject "s" and a P-256 key's bytes put in. */
static CK_ULONG certificate(CK_OBJECT_HANDLE public, uint8_t out[256])
{
	static const uint8_t head[] = { 2,   1,	   7, 0x30, 0, 0x30, 3, 0x31, 1,
					'i', 0x30, 0, 0x30, 3, 0x31, 1, 's' };
	uint8_t spki[128];
	CK_ULONG n = module_bytes(s, public, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
	uint8_t tbs = (uint8_t)(sizeof head + n);
	size_t at = 0;

	assert_true(tbs < 0x80 - 5);
	out[at++] = 0x30;
	out[at++] = (uint8_t)(2 + tbs);
	out[at++] = 0x30;
	out[at++] = tbs;
	memcpy(out + at, head, sizeof head);
	at += sizeof head;
	memcpy(out + at, spki, n);
	return at + n;
}

static void a_certificate_says_what_is_in_it(void **state)
{
	struct module_pair p = module_ec(s, true, false);
	uint8_t der[256], got[256], spki[128];
	CK_ULONG n = certificate(p.public, der);
	CK_ULONG spki_n = module_bytes(s, p.public, CKA_PUBLIC_KEY_INFO, spki, sizeof spki);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_CERTIFICATE),
			     A_ULONG(CKA_CERTIFICATE_TYPE, CKC_X_509), A_BYTES(CKA_VALUE, der, n),
			     A_BOOL(CKA_TOKEN, CK_TRUE), A_TEXT(CKA_ID, "cert-id") };
	CK_OBJECT_HANDLE o, found;

	(void)state;
	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	assert_int_equal(module_bytes(s, o, CKA_ISSUER, got, sizeof got), 5);
	assert_memory_equal(got, "\x30\x03\x31\x01i", 5);
	assert_int_equal(module_bytes(s, o, CKA_SUBJECT, got, sizeof got), 5);
	assert_memory_equal(got, "\x30\x03\x31\x01s", 5);
	assert_int_equal(module_bytes(s, o, CKA_SERIAL_NUMBER, got, sizeof got), 3);
	assert_memory_equal(got, "\x02\x01\x07", 3);
	assert_int_equal(module_bool(s, o, CKA_TRUSTED), CK_FALSE);
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_CERTIFICATE),
				A_BYTES(CKA_PUBLIC_KEY_INFO, spki, spki_n) };

	assert_int_equal(module_find(s, like, 2, &found), 1);
	assert_int_equal(found, o);
	/* a private one is found as well */
	CK_ATTRIBUTE more[] = { t[0], t[2], t[3], A_BOOL(CKA_PRIVATE, CK_TRUE) };

	OK(p11->C_CreateObject(s, more, ARRAY_LEN(more), &o));
	assert_int_equal(module_find(s, like, 2, NULL), 2);
	assert_int_equal(module_bytes(s, o, CKA_VALUE, got, sizeof got), n);
	assert_memory_equal(got, der, n);

	t[2].ulValueLen--;
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	/* the smallest thing with such a shape */
	t[2] = (CK_ATTRIBUTE)A_TEXT(CKA_VALUE, "\x30\x0e\x30\x0c\x02\x00\x30\x00\x30\x00\x30\x00"
					       "\x30\x00\x30\x00");
	p11->C_CreateObject(s, t, ARRAY_LEN(t), &o);
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      p11->C_CreateObject(
		      s, (CK_ATTRIBUTE[]) { t[0], more[1], A_BOOL(CKA_TRUSTED, CK_TRUE) }, 3, &o));
}

static void data_is_kept(void **state)
{
	uint8_t *big = calloc(1, BIG + 1), *got = malloc(BIG);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA),   A_BOOL(CKA_TOKEN, CK_TRUE),
			     A_BOOL(CKA_PRIVATE, CK_FALSE),  A_TEXT(CKA_LABEL, "a'; DROP TABLE"),
			     A_TEXT(CKA_APPLICATION, "app"), A_TEXT(CKA_OBJECT_ID, "\6\3\x2a\3\4"),
			     A_BYTES(CKA_VALUE, big, BIG) };
	CK_OBJECT_HANDLE o;
	CK_ULONG size = 0;

	(void)state;
	assert_true(big && got);
	big[77] = 7;
	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	assert_int_equal(module_bytes(s, o, CKA_VALUE, got, BIG), BIG);
	assert_memory_equal(got, big, BIG);
	assert_int_equal(module_find(s, &t[3], 1, NULL), 1);
	assert_int_equal(module_find(s, &t[4], 1, NULL), 1);
	OK(p11->C_GetObjectSize(s, o, &size));
	assert_true(size >= BIG);
	/* sealed with what is secret beside it, a little less is the most */
	t[2] = (CK_ATTRIBUTE)A_BOOL(CKA_PRIVATE, CK_TRUE);
	GIVES(CKR_DATA_LEN_RANGE, p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	t[6].ulValueLen = BIG - 1024;
	OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	assert_int_equal(module_bytes(s, o, CKA_VALUE, got, BIG), BIG - 1024);
	assert_memory_equal(got, big, BIG - 1024);
	t[6].ulValueLen = BIG + 1;
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	free(big);
	free(got);
}

/* ---- finding ---- */

static void every_attribute_finds(void **state)
{
	struct module_pair p = module_ec(s, true, false), q = module_ec(s, true, false);
	static const CK_ATTRIBUTE_TYPE of_one[] = { CKA_EC_POINT, CKA_PUBLIC_KEY_INFO };
	uint8_t room[128];

	(void)state;
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "idp")));
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "labelp")));
	OK(module_set(s, q.private, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "idq")));
	for (size_t i = 0; i < ARRAY_LEN(of_one); i++) {
		CK_ATTRIBUTE like[] = { A_BYTES(of_one[i], room,
						module_bytes(s, p.private, of_one[i], room, 128)),
					A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
		CK_OBJECT_HANDLE o;

		assert_int_equal(module_find(s, like, 1, NULL), 2); /* both halves */
		assert_int_equal(module_find(s, like, 2, &o), 1);
		assert_int_equal(o, p.private);
	}
	CK_ATTRIBUTE by[] = { A_TEXT(CKA_ID, "idp"),	     A_TEXT(CKA_LABEL, "labelp"),
			      A_ULONG(CKA_KEY_TYPE, CKK_EC), A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
			      A_BOOL(CKA_SIGN, CK_TRUE),     A_BOOL(CKA_TOKEN, CK_TRUE) };

	assert_int_equal(module_find(s, by, ARRAY_LEN(by), NULL), 1);
	assert_int_equal(module_find(s, by, 1, NULL), 1);
	assert_int_equal(module_find(s, by + 1, 1, NULL), 1);
	by[5] = (CK_ATTRIBUTE)A_BOOL(CKA_TOKEN, CK_FALSE);
	assert_int_equal(module_find(s, by, ARRAY_LEN(by), NULL), 0);
	by[5] = (CK_ATTRIBUTE)A_BOOL(CKA_SIGN, CK_FALSE);
	assert_int_equal(module_find(s, by, ARRAY_LEN(by), NULL), 0);
	by[5] = (CK_ATTRIBUTE)A_TEXT(CKA_ID, "another"); /* given twice, differently */
	assert_int_equal(module_find(s, by, ARRAY_LEN(by), NULL), 0);
	/* what is not there, has a wrong size or is empty finds nothing, or all that are empty */
	by[0] = (CK_ATTRIBUTE)A_TEXT(CKA_CLASS, "x");
	assert_int_equal(module_find(s, by, 1, NULL), 0);
	by[0] = (CK_ATTRIBUTE)A_TEXT(0x80001234UL, "x");
	assert_int_equal(module_find(s, by, 1, NULL), 0);
	by[0] = (CK_ATTRIBUTE)A_TEXT(CKA_EC_POINT, "\4\2xy");
	assert_int_equal(module_find(s, by, 1, NULL), 0);
	assert_true(module_find(s, &(CK_ATTRIBUTE) { CKA_ID, NULL, 0 }, 1, NULL) > 0);
}

static void a_search_is_settled_when_it_begins(void **state)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_LABEL, "settled") };
	CK_OBJECT_HANDLE o[3], got[8];
	CK_ULONG n;

	(void)state;
	for (int i = 0; i < 3; i++)
		OK(p11->C_CreateObject(s, t, 2, &o[i]));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjects(s, got, 8, &n));
	OK(p11->C_FindObjectsInit(s, t, 2));
	GIVES(CKR_OPERATION_ACTIVE, p11->C_FindObjectsInit(s, t, 2));
	OK(p11->C_FindObjects(s, got, 1, &n));
	assert_int_equal(n, 1);
	OK(p11->C_DestroyObject(s, o[1]));
	OK(p11->C_FindObjects(s, got + 1, 7, &n));
	assert_int_equal(n, 2);
	assert_memory_equal(got, o, sizeof o); /* in the order of their making */
	OK(p11->C_FindObjects(s, got, 8, &n));
	assert_int_equal(n, 0);
	OK(p11->C_FindObjectsFinal(s));
	GIVES(CKR_OPERATION_NOT_INITIALIZED, p11->C_FindObjectsFinal(s));
	CK_BBOOL b;

	GIVES(CKR_OBJECT_HANDLE_INVALID,
	      p11->C_GetAttributeValue(s, o[1], &(CK_ATTRIBUTE) { CKA_TOKEN, &b, 1 }, 1));
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(s, o[1]));
}

/* ---- who sees what ---- */

static void private_objects_are_the_users(void **state)
{
	CK_SLOT_ID other;
	CK_SESSION_HANDLE u = module_user(&other);
	struct module_pair p = module_ec(u, true, false), q = module_ec(u, false, false);
	CK_ATTRIBUTE any[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	CK_ULONG size;
	uint8_t sig[64];

	(void)state;
	assert_int_equal(module_find(u, any, 1, NULL), 2);
	OK(p11->C_Logout(u));
	assert_int_equal(module_find(u, NULL, 0, NULL), 2); /* the public halves */
	assert_int_equal(module_find(u, any, 1, NULL), 0);
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_GetObjectSize(u, p.private, &size));
	GIVES(CKR_KEY_HANDLE_INVALID, module_sign(u, p.private, sig));
	OK(p11->C_GetObjectSize(u, p.public, &size));
	/* the security officer sees no more than anybody */
	OK(module_login(u, CKU_SO, SO_PIN));
	assert_int_equal(module_find(u, any, 1, NULL), 0);
	GIVES(CKR_KEY_HANDLE_INVALID, module_sign(u, p.private, sig));
	OK(p11->C_Logout(u));
	OK(module_login(u, CKU_USER, USER_PIN));
	GIVES(CKR_KEY_HANDLE_INVALID,
	      module_sign(u, p.private, sig)); /* a dead handle stays dead */
	GIVES(CKR_KEY_HANDLE_INVALID, module_sign(u, q.private, sig));
	CK_OBJECT_HANDLE again;

	assert_int_equal(module_find(u, any, 1, &again), 1);
	assert_true(again > p.private);
	OK(module_sign(u, again, sig));
	OK(module_verify(u, p.public, sig));
	OK(p11->C_CloseSession(u));
}

static void the_officer_makes_and_uses_no_private_key(void **state)
{
	CK_SLOT_ID other = module_token(NULL);
	CK_SESSION_HANDLE u = module_open(other, true);
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_PRIVATE, CK_FALSE), A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_OBJECT_HANDLE a, b, same = 0;
	uint8_t sig[64];

	(void)state;
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_GenerateKeyPair(u, &m, public, 1, private, 2, &a, &b));
	OK(module_login(u, CKU_USER, USER_PIN));
	OK(p11->C_GenerateKeyPair(u, &m, public, 1, private, 2, &a, &b));
	OK(module_sign(u, b, sig));
	OK(p11->C_Logout(u));
	OK(module_login(u, CKU_SO, SO_PIN));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_GenerateKeyPair(u, &m, public, 1, private, 2, &a, &b));
	CK_ATTRIBUTE any[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };

	assert_int_equal(module_find(u, any, 1, &same), 1); /* CKA_PRIVATE false: all see it */
	assert_true(same == b); /* a logout ends the handles of private objects only */
	GIVES(CKR_USER_NOT_LOGGED_IN, module_sign(u, b, sig));
	GIVES(CKR_USER_NOT_LOGGED_IN, p11->C_CopyObject(u, b, NULL, 0, &a));
	OK(p11->C_Logout(u));
	OK(module_login(u, CKU_USER, USER_PIN));
	OK(module_sign(u, b, sig));
	OK(p11->C_CloseSession(u));
}

static void session_objects_go_with_their_session(void **state)
{
	CK_SESSION_HANDLE two = module_open(slot, false);
	struct module_pair p = module_ec(two, false, false);
	uint8_t sig[64];

	(void)state;
	OK(module_sign(s, p.private, sig)); /* another session may use it */
	OK(p11->C_CloseSession(two));
	GIVES(CKR_KEY_HANDLE_INVALID, module_sign(s, p.private, sig));
}

static void a_pair_is_whole_or_not_there(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
				  A_BOOL(CKA_TOKEN, CK_TRUE), A_TEXT(CKA_LABEL, "half") };
	CK_ATTRIBUTE wrong[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_TEXT(CKA_LABEL, "half"),
				 A_BOOL(CKA_LOCAL, CK_TRUE) };
	CK_OBJECT_HANDLE a = 0, b = 0;

	(void)state;
	GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_GenerateKeyPair(s, &m, public, 3, wrong, 3, &a, &b));
	wrong[2] = (CK_ATTRIBUTE)A_BYTES(CKA_PUBLIC_KEY_INFO, module_p256, 10);
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      p11->C_GenerateKeyPair(s, &m, public, 3, wrong, 3, &a, &b));
	wrong[2] = (CK_ATTRIBUTE)A_ULONG(CKA_KEY_TYPE, CKK_RSA);
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      p11->C_GenerateKeyPair(s, &m, public, 3, wrong, 3, &a, &b));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GenerateKeyPair(s, &m, public, 3, wrong, 2, &a, NULL));
	assert_int_equal(module_find(s, &public[2], 1, NULL), 0);
	assert_int_equal(a + b, 0);
	OK(p11->C_GenerateKeyPair(s, &m, public, 3, wrong, 2, &a, &b));
	assert_int_equal(module_find(s, &public[2], 1, NULL), 2);
}

/* ---- absurdities ---- */

static void absurd_arguments_change_nothing(void **state)
{
	CK_ULONG before = module_find(s, NULL, 0, NULL), n;
	CK_ATTRIBUTE huge[] = { A_ULONG(CKA_CLASS, CKO_DATA), { CKA_VALUE, &n, ~0UL } };
	CK_ATTRIBUTE null[] = { A_ULONG(CKA_CLASS, CKO_DATA), { CKA_VALUE, NULL, 5 } };
	CK_ATTRIBUTE twice[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_LABEL, "a"),
				 A_TEXT(CKA_LABEL, "a") };
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_OBJECT_HANDLE o, o2;

	(void)state;
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, huge, 2, &o));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, null, 2, &o));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_FindObjectsInit(s, null, 2));
	GIVES(CKR_TEMPLATE_INCONSISTENT, p11->C_CreateObject(s, twice, 3, &o));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CreateObject(s, null, ~0UL, &o));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CreateObject(s, NULL, 1, &o));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CreateObject(s, null, 1, NULL));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_CreateObject(s, NULL, 0, &o));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_FindObjectsInit(s, null, ~0UL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_FindObjectsInit(s, NULL, 1));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetAttributeValue(s, 1, NULL, 1));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetAttributeValue(s, 1, null, ~0UL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_SetAttributeValue(s, 1, null, ~0UL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CopyObject(s, 1, null, ~0UL, &o));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_CopyObject(s, 1, NULL, 0, NULL));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GetObjectSize(s, 1, NULL));
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_CopyObject(s, ~0UL, NULL, 0, &o));
	GIVES(CKR_OBJECT_HANDLE_INVALID, p11->C_DestroyObject(s, 0));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GenerateKeyPair(s, NULL, NULL, 0, NULL, 0, &o, &o2));
	GIVES(CKR_TEMPLATE_INCOMPLETE, p11->C_GenerateKeyPair(s, &m, NULL, 0, NULL, 0, &o, &o2));
	CK_ULONG sizes[] = { 0, 8, 1024, 16385, ULONG_BIT(40), ~0UL };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CK_ATTRIBUTE bits[] = { A_ULONG(CKA_MODULUS_BITS, sizes[i]) };

		GIVES(CKR_KEY_SIZE_RANGE, p11->C_GenerateKeyPair(s, &m, bits, 1, NULL, 0, &o, &o2));
	}
	CK_ATTRIBUTE even[] = { A_ULONG(CKA_MODULUS_BITS, 2048),
				A_TEXT(CKA_PUBLIC_EXPONENT, "\4") };

	assert_true(p11->C_GenerateKeyPair(s, &m, even, 2, NULL, 0, &o, &o2) != CKR_OK);
	m.mechanism = CKM_EC_KEY_PAIR_GEN;
	CK_ATTRIBUTE ec[] = { A_TEXT(CKA_EC_PARAMS, "\x06\x01\x01") };

	GIVES(CKR_CURVE_NOT_SUPPORTED, p11->C_GenerateKeyPair(s, &m, ec, 1, NULL, 0, &o, &o2));
	m.ulParameterLen = 3;
	assert_true(p11->C_GenerateKeyPair(s, &m, ec, 1, NULL, 0, &o, &o2) != CKR_OK);
	GIVES(CKR_ARGUMENTS_BAD, p11->C_GenerateRandom(s, NULL, 1));
	OK(p11->C_GenerateRandom(s, NULL, 0));
	OK(p11->C_SeedRandom(s, (CK_BYTE *)&n, 4));
	assert_int_equal(module_find(s, NULL, 0, NULL), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_private_key_is_safe),
		cmocka_unit_test(secrets_are_never_shown),
		cmocka_unit_test(what_can_be_given_is_and_the_rest_is_marked),
		cmocka_unit_test(one_way_rules_hold),
		cmocka_unit_test(what_the_token_says_nobody_else_says),
		cmocka_unit_test(flags_that_forbid),
		cmocka_unit_test(an_rsa_key_from_its_parts),
		cmocka_unit_test(an_rsa_key_from_its_exponents),
		cmocka_unit_test(an_ec_key_from_its_parts),
		cmocka_unit_test(a_certificate_says_what_is_in_it),
		cmocka_unit_test(data_is_kept),
		cmocka_unit_test(every_attribute_finds),
		cmocka_unit_test(a_search_is_settled_when_it_begins),
		cmocka_unit_test(private_objects_are_the_users),
		cmocka_unit_test(the_officer_makes_and_uses_no_private_key),
		cmocka_unit_test(session_objects_go_with_their_session),
		cmocka_unit_test(a_pair_is_whole_or_not_there),
		cmocka_unit_test(absurd_arguments_change_nothing),
	};

	return cmocka_run_group_tests_name("token objects", tests, setup, module_teardown);
}
