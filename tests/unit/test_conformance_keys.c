/* PKCS#11 3.2 4.9, 4.10, 5.18, 6.3: what a key says of its history, however it came to be; keys
 * with wrong templates; encodings of curves, points and signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tests/lib/moving.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	return 0;
}

/* ---- histories ---- */

struct history {
	bool local, always_sensitive, never_extractable;
	CK_MECHANISM_TYPE by; /* CK_UNAVAILABLE_INFORMATION: none made it */
};

static void must_say(CK_OBJECT_HANDLE key, struct history h, unsigned flags)
{
	MUST(module_bool(s, key, CKA_LOCAL) == h.local);
	MUST(module_bool(s, key, CKA_ALWAYS_SENSITIVE) == h.always_sensitive);
	MUST(module_bool(s, key, CKA_NEVER_EXTRACTABLE) == h.never_extractable);
	MUST(module_bool(s, key, CKA_SENSITIVE) == ((flags & M_SENSITIVE) != 0));
	MUST(module_bool(s, key, CKA_EXTRACTABLE) == ((flags & M_EXTRACTABLE) != 0));
	MUST(module_ulong(s, key, CKA_KEY_GEN_MECHANISM) == h.by);
}

static CK_OBJECT_HANDLE made(unsigned flags)
{
	CK_OBJECT_HANDLE key = moving_aes(s, flags, 32);

	must_say(key,
		 (struct history) { true, flags & M_SENSITIVE, !(flags & M_EXTRACTABLE),
				    CKM_AES_KEY_GEN },
		 flags);
	return key;
}

static const struct history brought = { false, false, false, CK_UNAVAILABLE_INFORMATION };

static void imported(unsigned flags)
{
	static const CK_BYTE value[32] = { 7 };
	CK_OBJECT_HANDLE key;

	OK(moving_import(s, flags, CKK_AES, value, sizeof value, &key));
	must_say(key, brought, flags);
}

static void unwrapped(unsigned flags)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key;
	struct blob b;

	OK(moving_wrap(s, &moving_kwp, by, moving_aes(s, M_OPEN, 32), &b));
	OK(moving_unwrap(s, &moving_kwp, by, &b, flags, CKK_AES, &key));
	must_say(key, brought, flags);
}

/* 5.18.5: as sensitive as the base always was. */
static void derived(unsigned base_flags, unsigned flags)
{
	CK_BYTE more[] = "sixteen and more";
	CK_KEY_DERIVATION_STRING_DATA data = { more, 16 };
	CK_MECHANISM m = { CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof data };
	CK_OBJECT_HANDLE base = moving_generic(s, base_flags | M_DERIVE, 16), key;
	struct history h = { false, flags & M_SENSITIVE && base_flags & M_SENSITIVE,
			     !(flags & M_EXTRACTABLE) && !(base_flags & M_EXTRACTABLE),
			     CK_UNAVAILABLE_INFORMATION };

	OK(moving_derive(s, &m, base, flags, CKK_GENERIC_SECRET, 0, &key));
	must_say(key, h, flags);
}

/* A copy and a change have the history of what was. */
static void copied(unsigned flags)
{
	CK_OBJECT_HANDLE key = made(flags), copy;
	struct history h = { true, flags & M_SENSITIVE, !(flags & M_EXTRACTABLE), CKM_AES_KEY_GEN };
	unsigned stricter = M_SENSITIVE;

	OK(moving_copy(s, key, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "copy"), &copy));
	must_say(copy, h, flags);
	OK(module_set(s, copy, (CK_ATTRIBUTE)A_BOOL(CKA_SENSITIVE, CK_TRUE)));
	OK(module_set(s, copy, (CK_ATTRIBUTE)A_BOOL(CKA_EXTRACTABLE, CK_FALSE)));
	must_say(copy, h, stricter);
	must_say(key, h, flags);
}

static void every_way_into_the_token(void **state)
{
	static const unsigned all[] = { 0, M_SENSITIVE, M_EXTRACTABLE,
					M_SENSITIVE | M_EXTRACTABLE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		made(all[i]);
		made(all[i] | M_TOKEN);
		imported(all[i]);
		unwrapped(all[i]);
		copied(all[i]);
		copied(all[i] | M_TOKEN);
		derived(M_EXTRACTABLE, all[i]);
	}
	derived(M_SENSITIVE, M_SENSITIVE);
}

static void a_pair_tells_its_history(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
		CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
		CK_ATTRIBUTE private[] = { A_BOOL(CKA_SENSITIVE, i & 1),
					   A_BOOL(CKA_EXTRACTABLE, i / 2 == 1) };
		struct module_pair p;

		OK(p11->C_GenerateKeyPair(s, &m, public, 1, private, 2, &p.public, &p.private));
		must_say(p.private,
			 (struct history) { true, i & 1, i / 2 == 0, CKM_EC_KEY_PAIR_GEN },
			 (i & 1 ? M_SENSITIVE : 0) | (i / 2 ? M_EXTRACTABLE : 0));
		MUST(module_bool(s, p.public, CKA_LOCAL));
		MUST(module_ulong(s, p.public, CKA_KEY_GEN_MECHANISM) == CKM_EC_KEY_PAIR_GEN);
	}
}

/* 4.1.1: nobody writes what the token says of a key's history. */
static void nobody_tells_a_history(void **state)
{
	static const CK_ATTRIBUTE_TYPE own[] = { CKA_LOCAL, CKA_ALWAYS_SENSITIVE,
						 CKA_NEVER_EXTRACTABLE };
	CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_BBOOL value = CK_TRUE;
	CK_OBJECT_HANDLE o, key = made(M_SENSITIVE);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		CK_ATTRIBUTE t[] = { { own[i], &value, 1 }, A_ULONG(CKA_VALUE_LEN, 32) };
		CK_ATTRIBUTE c[] = { { own[i], &value, 1 },
				     A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
				     A_ULONG(CKA_KEY_TYPE, CKK_AES),
				     A_BYTES(CKA_VALUE, "0123456789abcdef", 16) };

		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_GenerateKey(s, &gen, t, 2, &o));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CreateObject(s, c, 4, &o));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_CopyObject(s, key, t, 1, &o));
		GIVES(CKR_ATTRIBUTE_READ_ONLY, p11->C_SetAttributeValue(s, key, t, 1));
	}
}

/* ---- templates of keys ---- */

static void a_template_must_agree_with_the_mechanism(void **state)
{
	CK_MECHANISM aes = { CKM_AES_KEY_GEN, NULL, 0 }, ec = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_MECHANISM with = { CKM_AES_KEY_GEN, &aes, 4 };
	CK_ATTRIBUTE n = A_ULONG(CKA_VALUE_LEN, 32);
	CK_ATTRIBUTE wrong[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
				 A_ULONG(CKA_KEY_TYPE, CKK_DES3), A_ULONG(CKA_KEY_TYPE, CKK_RSA) };
	CK_ATTRIBUTE curve = A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256);
	CK_OBJECT_HANDLE a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CK_ATTRIBUTE t[] = { wrong[i], n }, u[] = { wrong[i], curve };

		GIVES(CKR_TEMPLATE_INCONSISTENT, p11->C_GenerateKey(s, &aes, t, 2, &a));
		if (i == 1)
			continue;
		GIVES(CKR_TEMPLATE_INCONSISTENT,
		      p11->C_GenerateKeyPair(s, &ec, u, 2, NULL, 0, &a, &b));
		GIVES(CKR_TEMPLATE_INCONSISTENT,
		      p11->C_GenerateKeyPair(s, &ec, &curve, 1, &wrong[i], 1, &a, &b));
	}
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_GenerateKey(s, &with, &n, 1, &a));
	GIVES(CKR_MECHANISM_INVALID, p11->C_GenerateKey(s, &ec, &n, 1, &a));
	GIVES(CKR_MECHANISM_INVALID, p11->C_GenerateKeyPair(s, &aes, &curve, 1, NULL, 0, &a, &b));
}

static void no_key_of_a_wrong_size(void **state)
{
	static const CK_ULONG sizes[] = { 0, 1, 15, 17, 33, ULONG_BIT(40), ~0UL };
	CK_MECHANISM aes = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_MECHANISM generic = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_MECHANISM rsa = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_OBJECT_HANDLE a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CK_ATTRIBUTE t = { CKA_VALUE_LEN, (void *)(uintptr_t)&sizes[i], sizeof sizes[i] };
		CK_RV rv = p11->C_GenerateKey(s, &aes, &t, 1, &a);

		MUST(rv == CKR_KEY_SIZE_RANGE || rv == CKR_ATTRIBUTE_VALUE_INVALID);
		t.type = CKA_MODULUS_BITS;
		rv = p11->C_GenerateKeyPair(s, &rsa, &t, 1, NULL, 0, &a, &b);
		MUST(rv == CKR_KEY_SIZE_RANGE || rv == CKR_ATTRIBUTE_VALUE_INVALID);
		if (sizes[i] > 0 && sizes[i] < 100)
			continue;
		t.type = CKA_VALUE_LEN;
		rv = p11->C_GenerateKey(s, &generic, &t, 1, &a);
		MUST(rv == CKR_KEY_SIZE_RANGE || rv == CKR_ATTRIBUTE_VALUE_INVALID);
	}
}

/* ---- encodings ---- */

static const struct curve {
	const char *params; /* DER: an OID or a name */
	CK_ULONG params_n;
	CK_MECHANISM_TYPE maker, signer;
	CK_ULONG point_n, sig_n;
} curves[] = {
#define DER(s) s, sizeof(s) - 1
	{ DER("\x06\x05\x2b\x81\x04\x00\x21"), CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 57, 56 },
	{ DER("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 65, 64 },
	{ DER("\x06\x05\x2b\x81\x04\x00\x0a"), CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 65, 64 },
	{ DER("\x06\x05\x2b\x81\x04\x00\x22"), CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 97, 96 },
	{ DER("\x06\x05\x2b\x81\x04\x00\x23"), CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 133, 132 },
	{ DER("\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07"), CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 65,
	  64 },
	{ DER("\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0d"), CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 129,
	  128 },
	{ DER("\x06\x03\x2b\x65\x70"), CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, 32, 64 },
	{ DER("\x13\x0c"
	      "edwards25519"),
	  CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, 32, 64 },
	{ DER("\x06\x03\x2b\x65\x71"), CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, 57, 114 },
	{ DER("\x13\x0a"
	      "edwards448"),
	  CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, 57, 114 },
	{ DER("\x06\x03\x2b\x65\x6e"), CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, 32, 0 },
	{ DER("\x13\x0a"
	      "curve25519"),
	  CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, 32, 0 },
	{ DER("\x06\x03\x2b\x65\x6f"), CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, 56, 0 },
	{ DER("\x13\x08"
	      "curve448"),
	  CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, 56, 0 },
};

/* 6.3.3, 6.3.5: CKA_EC_POINT is a DER OCTET STRING, of 04 x y on a curve of Weierstrass. */
static void check_point(const struct curve *c, CK_OBJECT_HANDLE key)
{
	CK_BYTE p[160];
	CK_ULONG n = module_bytes(s, key, CKA_EC_POINT, p, sizeof p);
	CK_ULONG head = c->point_n >= 128 ? 3 : 2;

	assert_int_equal(n, head + c->point_n);
	assert_int_equal(p[0], 4);
	assert_int_equal(p[head - 1], c->point_n);
	if (c->maker == CKM_EC_KEY_PAIR_GEN)
		assert_int_equal(p[head], 4);
}

static void check_signature(const struct curve *c, struct module_pair p)
{
	CK_MECHANISM m = { c->signer, NULL, 0 };
	CK_BYTE hash[32] = { 1, 2, 3 }, sig[256];
	CK_ULONG n = sizeof sig;

	OK(p11->C_SignInit(s, &m, p.private));
	OK(p11->C_Sign(s, hash, sizeof hash, sig, &n));
	assert_int_equal(n, c->sig_n);
	OK(p11->C_VerifyInit(s, &m, p.public));
	OK(p11->C_Verify(s, hash, sizeof hash, sig, n));
}

/* Parameters that are no curve here. */
static void no_curve(CK_MECHANISM *m, CK_ATTRIBUTE *params)
{
	CK_OBJECT_HANDLE a, b;
	CK_RV rv = p11->C_GenerateKeyPair(s, m, params, 1, NULL, 0, &a, &b);

	MUST(rv == CKR_CURVE_NOT_SUPPORTED || rv == CKR_ATTRIBUTE_VALUE_INVALID);
}

static void every_curve_by_oid_and_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		const struct curve *c = &curves[i];
		CK_MECHANISM m = { c->maker, NULL, 0 };
		CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, c->params, c->params_n) };
		struct module_pair p = { 0 };
		CK_BYTE a[32], b[32];
		CK_ULONG n;

		OK(p11->C_GenerateKeyPair(s, &m, public, 1, NULL, 0, &p.public, &p.private));
		check_point(c, p.public);
		n = module_bytes(s, p.public, CKA_EC_PARAMS, a, sizeof a);
		assert_int_equal(module_bytes(s, p.private, CKA_EC_PARAMS, b, sizeof b), n);
		assert_memory_equal(a, b, n);
		if (c->signer)
			check_signature(c, p);
		public[0].ulValueLen--;
		no_curve(&m, &public[0]);
	}
}

/* Of another kind of curve, with bytes behind, none at all. */
static void curves_that_are_none(void **state)
{
	static const struct {
		const char *params;
		CK_ULONG n;
	} rows[] = {
		{ DER("\x06\x03\x2b\x65\x70") },
		{ DER("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x7f") },
		{ DER("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x00") },
		{ DER("\x06\x08\x2a") },
		{ DER("\x06\x00") },
		{ DER("") },
		{ DER("\x05\x00") },
	};
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CK_ATTRIBUTE t = A_BYTES(CKA_EC_PARAMS, rows[i].params, rows[i].n);

		no_curve(&m, &t);
	}
}

/* 6.3.1: r and s side by side, of one length: DER or a length between is none. */
static void signatures_of_other_forms(void **state)
{
	struct module_pair p = module_ec(s, false, false);
	CK_MECHANISM m = { CKM_ECDSA, NULL, 0 };
	CK_BYTE hash[32] = { 9 }, sig[80] = { 0x30, 0x44, 2, 0x20 };
	static const CK_ULONG lengths[] = { 0, 1, 63, 65, 66, 72, 80, ULONG_BIT(40), ~0UL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		OK(p11->C_VerifyInit(s, &m, p.public));
		GIVES(CKR_SIGNATURE_LEN_RANGE,
		      p11->C_Verify(s, hash, sizeof hash, sig, lengths[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_into_the_token),
		cmocka_unit_test(a_pair_tells_its_history),
		cmocka_unit_test(nobody_tells_a_history),
		cmocka_unit_test(a_template_must_agree_with_the_mechanism),
		cmocka_unit_test(no_key_of_a_wrong_size),
		cmocka_unit_test(every_curve_by_oid_and_by_name),
		cmocka_unit_test(curves_that_are_none),
		cmocka_unit_test(signatures_of_other_forms),
	};

	return cmocka_run_group_tests_name("conformance: keys", tests, setup, module_teardown);
}
