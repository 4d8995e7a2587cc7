/*
 * ML-DSA, SLH-DSA and ML-KEM through the module, and the forms of EdDSA that a younger libcrypto
 * has: all of it with a libcrypto that can, refused in due form with one that can't. What is done
 * with such keys beside signing is in test_token_pq_keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <openssl/crypto.h>

#include "base/own.h"
#include "tests/lib/pq.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

static int setup(void **state)
{
	return pq_setup(state, &slot, &s);
}

/* ---- what is listed ---- */

static void mechanisms_are_listed_or_not(void **state)
{
	static const struct {
		CK_MECHANISM_TYPE type;
		CK_FLAGS flags;
		CK_ULONG min, max;
	} rows[] = {
		{ CKM_ML_KEM_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, 800, 1568 },
		{ CKM_ML_KEM, CKF_ENCAPSULATE | CKF_DECAPSULATE, 800, 1568 },
		{ CKM_ML_DSA_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, 1312, 2592 },
		{ CKM_ML_DSA, CKF_SIGN | CKF_VERIFY, 1312, 2592 },
		{ CKM_HASH_ML_DSA, CKF_SIGN | CKF_VERIFY, 1312, 2592 },
		{ CKM_HASH_ML_DSA_SHA256, CKF_SIGN | CKF_VERIFY, 1312, 2592 },
		{ CKM_SLH_DSA_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, 32, 64 },
		{ CKM_SLH_DSA, CKF_SIGN | CKF_VERIFY, 32, 64 },
		{ CKM_HASH_SLH_DSA_SHA3_512, CKF_SIGN | CKF_VERIFY, 32, 64 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CK_MECHANISM_INFO info;
		CK_RV rv = p11->C_GetMechanismInfo(slot, rows[i].type, &info);

		assert_int_equal(rv, pq_here() ? CKR_OK : CKR_MECHANISM_INVALID);
		if (!pq_here())
			continue;
		assert_int_equal(info.flags & rows[i].flags, rows[i].flags);
		assert_int_equal(info.ulMinKeySize, rows[i].min);
		assert_int_equal(info.ulMaxKeySize, rows[i].max);
	}
}

static void nothing_of_it_without_libcrypto(void **state)
{
	CK_MECHANISM kem = { .mechanism = CKM_ML_KEM }, ml = { .mechanism = CKM_ML_DSA };
	CK_BYTE value[1312] = { 1 };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, CKK_ML_DSA),
			     A_ULONG(CKA_PARAMETER_SET, CKP_ML_DSA_44),
			     A_BYTES(CKA_VALUE, value, sizeof value) };
	struct module_pair p = { 0 }, ec;
	CK_OBJECT_HANDLE o = 0;
	CK_ULONG n = sizeof value;

	(void)state;
	if (pq_here())
		skip();
	ec = module_ec(s, false, false);
	for (size_t i = 0; i < PQ_SETS; i++)
		GIVES(CKR_MECHANISM_INVALID, pq_generate(s, &pq_sets[i], false, false, &p));
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID, p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
	GIVES(CKR_MECHANISM_INVALID, p11->C_SignInit(s, &ml, ec.private));
	GIVES(CKR_MECHANISM_INVALID, p11->C_VerifyInit(s, &ml, ec.public));
	GIVES(CKR_MECHANISM_INVALID,
	      p11_32->C_EncapsulateKey(s, &kem, ec.public, NULL, 0, value, &n, &o));
	GIVES(CKR_MECHANISM_INVALID,
	      p11_32->C_DecapsulateKey(s, &kem, ec.private, NULL, 0, value, 768, &o));
	assert_int_equal(o, 0);
}

/* ---- every parameter set ---- */

static void every_set(void **state)
{
	(void)state;
	pq_only();
	for (size_t i = 0; i < PQ_SETS; i++) {
		struct module_pair p = pq_make(s, &pq_sets[i], false, false);

		pq_assert_made(s, &pq_sets[i], p);
		pq_assert_works(s, &pq_sets[i], p);
	}
}

/* ---- signatures ---- */

static void contexts_and_hedges(void **state)
{
	static CK_BYTE sig[PQ_MAX_SIG], again[PQ_MAX_SIG], context[256];

	(void)state;
	pq_only();
	for (size_t i = 0; i < 2; i++) {
		const struct pq_set *of = pq_usual[i];
		struct module_pair p = pq_make(s, of, false, false);
		CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_REQUIRED, context, 255 }, other = c;
		CK_MECHANISM m = pq_with(of->mech, &c, sizeof c);

		pq_sign_and_verify(s, m, p, of->out);
		pq_sign(s, m, p.private, sig, of->out);
		pq_sign(s, m, p.private, again, of->out);
		assert_memory_not_equal(sig, again, of->out);
		other.ulContextLen = 254;
		GIVES(CKR_SIGNATURE_INVALID,
		      pq_verify(s, pq_with(of->mech, &other, sizeof other), p.public, sig,
				 of->out));
		GIVES(CKR_SIGNATURE_INVALID,
		      pq_verify(s, pq_with(of->mech, NULL, 0), p.public, sig, of->out));
		c.hedgeVariant = CKH_DETERMINISTIC_REQUIRED;
		pq_sign(s, m, p.private, sig, of->out);
		pq_sign(s, m, p.private, again, of->out);
		assert_memory_equal(sig, again, of->out);
	}
}

static void signatures_in_parts(void **state)
{
	static CK_BYTE sig[PQ_MAX_SIG];

	(void)state;
	pq_only();
	for (size_t i = 0; i < 2; i++) {
		const struct pq_set *of = pq_usual[i];
		struct module_pair p = pq_make(s, of, false, false);
		CK_MECHANISM m = pq_with(of->mech, NULL, 0);
		CK_ULONG n = sizeof sig;

		OK(p11->C_SignInit(s, &m, p.private));
		OK(p11->C_SignUpdate(s, pq_message, 20));
		OK(p11->C_SignUpdate(s, pq_message + 20, PQ_MESSAGE_N - 20));
		OK(p11->C_SignFinal(s, sig, &n));
		assert_int_equal(n, of->out);
		OK(pq_verify(s, m, p.public, sig, n));
		OK(p11_32->C_VerifySignatureInit(s, &m, p.public, sig, n));
		OK(p11_32->C_VerifySignatureUpdate(s, pq_message, 5));
		OK(p11_32->C_VerifySignatureUpdate(s, pq_message + 5, PQ_MESSAGE_N - 5));
		OK(p11_32->C_VerifySignatureFinal(s));
		OK(p11_3->C_MessageSignInit(s, &m, p.private));
		n = sizeof sig;
		OK(p11_3->C_SignMessage(s, NULL, 0, pq_message, PQ_MESSAGE_N, sig, &n));
		OK(p11_3->C_MessageSignFinal(s));
		OK(pq_verify(s, m, p.public, sig, n));
	}
}

static const struct {
	CK_MECHANISM_TYPE hash, ml, slh;
} hashes[] = {
	{ CKM_SHA224, CKM_HASH_ML_DSA_SHA224, CKM_HASH_SLH_DSA_SHA224 },
	{ CKM_SHA256, CKM_HASH_ML_DSA_SHA256, CKM_HASH_SLH_DSA_SHA256 },
	{ CKM_SHA384, CKM_HASH_ML_DSA_SHA384, CKM_HASH_SLH_DSA_SHA384 },
	{ CKM_SHA512, CKM_HASH_ML_DSA_SHA512, CKM_HASH_SLH_DSA_SHA512 },
	{ CKM_SHA3_224, CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_SLH_DSA_SHA3_224 },
	{ CKM_SHA3_256, CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_SLH_DSA_SHA3_256 },
	{ CKM_SHA3_384, CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_384 },
	{ CKM_SHA3_512, CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_SLH_DSA_SHA3_512 },
};

/* A signature over the message verifies as one over its hash, and the other way round. */
static void hash_here_or_there(struct module_pair p, const struct pq_set *of,
			       CK_MECHANISM_TYPE hash, CK_MECHANISM_TYPE hashing)
{
	static CK_BYTE sig[PQ_MAX_SIG], context[] = "ctx";
	CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_PREFERRED, context, 3 };
	CK_HASH_SIGN_ADDITIONAL_CONTEXT h = { CKH_HEDGE_PREFERRED, context, 3, hash };
	CK_MECHANISM whole = pq_with(hashing, &c, sizeof c),
		     raw = pq_with(of->hashed, &h, sizeof h), md = pq_with(hash, NULL, 0);
	CK_BYTE digest[64];
	CK_ULONG n = sizeof sig, digest_n = sizeof digest;

	OK(p11->C_DigestInit(s, &md));
	OK(p11->C_Digest(s, pq_message, PQ_MESSAGE_N, digest, &digest_n));
	pq_sign_and_verify(s, whole, p, of->out);
	OK(p11->C_SignInit(s, &whole, p.private));
	OK(p11->C_SignUpdate(s, pq_message, 7));
	OK(p11->C_SignUpdate(s, pq_message + 7, PQ_MESSAGE_N - 7));
	OK(p11->C_SignFinal(s, sig, &n));
	OK(p11->C_VerifyInit(s, &raw, p.public));
	OK(p11->C_Verify(s, digest, digest_n, sig, n));
	OK(p11->C_SignInit(s, &raw, p.private));
	OK(p11->C_Sign(s, digest, digest_n, sig, &n));
	OK(pq_verify(s, whole, p.public, sig, n));
	OK(p11->C_SignInit(s, &raw, p.private));
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Sign(s, digest, digest_n - 1, sig, &n));
}

static void hash_forms(void **state)
{
	(void)state;
	pq_only();
	struct module_pair ml = pq_make(s, pq_dsa65, false, false),
			   slh = pq_make(s, pq_usual[1], false, false);

	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		hash_here_or_there(ml, pq_dsa65, hashes[i].hash, hashes[i].ml);
		if (i % 3 == 0)
			hash_here_or_there(slh, pq_usual[1], hashes[i].hash, hashes[i].slh);
	}
}

static void bad_parameters(void **state)
{
	CK_BYTE context[256] = { 0 };
	CK_SIGN_ADDITIONAL_CONTEXT bad[] = { { 3, context, 1 },
					     { CKH_HEDGE_PREFERRED, context, 256 },
					     { CKH_HEDGE_PREFERRED, NULL, 1 } };
	CK_HASH_SIGN_ADDITIONAL_CONTEXT no_hash[] = {
		{ CKH_HEDGE_PREFERRED, NULL, 0, CKM_SHA_1 },
		{ CKH_HEDGE_PREFERRED, NULL, 0, CKM_ML_DSA },
		{ CKH_HEDGE_PREFERRED, NULL, 0, 0 },
	};

	(void)state;
	pq_only();
	struct module_pair p = pq_make(s, pq_dsa65, false, false), ec = module_ec(s, false, false);
	CK_MECHANISM m;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		m = pq_with(CKM_ML_DSA, &bad[i], sizeof bad[i]);
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
		m.mechanism = CKM_HASH_ML_DSA_SHA256;
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_VerifyInit(s, &m, p.public));
	}
	m = pq_with(CKM_ML_DSA, &bad[0], sizeof bad[0] - 1);
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
	for (size_t i = 0; i < ARRAY_LEN(no_hash); i++) {
		m = pq_with(CKM_HASH_ML_DSA, &no_hash[i], sizeof no_hash[i]);
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
	}
	m = pq_with(CKM_HASH_ML_DSA, NULL, 0);
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
	m = pq_with(CKM_ML_DSA, NULL, 0);
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_SignInit(s, &m, ec.private));
	m = pq_with(CKM_SLH_DSA, NULL, 0);
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_VerifyInit(s, &m, p.public));
}

static void bad_templates(void **state)
{
	CK_ATTRIBUTE wrong[] = { A_ULONG(CKA_PARAMETER_SET, 0x77) };
	CK_ATTRIBUTE value[] = { A_ULONG(CKA_PARAMETER_SET, 2), A_TEXT(CKA_VALUE, "x") };
	struct module_pair p;

	(void)state;
	pq_only();
	for (size_t i = 0; i < PQ_USUAL; i++) {
		CK_MECHANISM m = pq_with(pq_usual[i]->maker, NULL, 0);

		GIVES(CKR_TEMPLATE_INCOMPLETE,
		      p11->C_GenerateKeyPair(s, &m, NULL, 0, NULL, 0, &p.public, &p.private));
		GIVES(CKR_PARAMETER_SET_NOT_SUPPORTED,
		      p11->C_GenerateKeyPair(s, &m, wrong, 1, NULL, 0, &p.public, &p.private));
		GIVES(CKR_ATTRIBUTE_READ_ONLY,
		      p11->C_GenerateKeyPair(s, &m, value, 2, NULL, 0, &p.public, &p.private));
	}
}

/* ---- EdDSA ---- */

static struct module_pair edwards(const CK_BYTE *params, CK_ULONG n)
{
	CK_MECHANISM m = pq_with(CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0);
	CK_ATTRIBUTE t[] = { A_BYTES(CKA_EC_PARAMS, params, n) };
	struct module_pair p = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, t, 1, NULL, 0, &p.public, &p.private));
	return p;
}

static void eddsa_in_all_forms(void **state)
{
	static const CK_BYTE ed25519[] = { 6, 3, 0x2b, 0x65, 0x70 },
			     ed448[] = { 6, 3, 0x2b, 0x65, 0x71 };
	static const struct {
		const CK_BYTE *params;
		CK_ULONG sig;
		bool prehash;
		const char *context; /* NULL: no parameter at all */
	} forms[] = {
		{ ed25519, 64, false, NULL }, { ed25519, 64, false, "c" },
		{ ed25519, 64, false, "" },   { ed25519, 64, true, "" },
		{ ed25519, 64, true, "c" },   { ed448, 114, false, NULL },
		{ ed448, 114, false, "" },    { ed448, 114, false, "c" },
		{ ed448, 114, true, "c" },
	};
	const bool forms_are_here = OpenSSL_version_num() >= 0x30200000UL;
	CK_BYTE sig[9][114] = { 0 };

	(void)state;
	struct module_pair p25519 = edwards(ed25519, 5), p448 = edwards(ed448, 5);

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct module_pair p = forms[i].params == ed448 ? p448 : p25519;
		const char *context = forms[i].context;
		CK_EDDSA_PARAMS c = { forms[i].prehash, context ? strlen(context) : 0,
				      module_pin(context ? context : "") };
		CK_MECHANISM m = context ? pq_with(CKM_EDDSA, &c, sizeof c) :
					   pq_with(CKM_EDDSA, NULL, 0);
		CK_ULONG n = sizeof sig[i];

		OK(p11->C_SignInit(s, &m, p.private));
		/* Ed25519ctx wants one; Ed448 with an empty one is there everywhere */
		if (context && i != 6 && (!forms_are_here || i == 2)) {
			GIVES(CKR_MECHANISM_PARAM_INVALID,
			      p11->C_Sign(s, pq_message, PQ_MESSAGE_N, sig[i], &n));
			continue;
		}
		OK(p11->C_Sign(s, pq_message, PQ_MESSAGE_N, sig[i], &n));
		assert_int_equal(n, forms[i].sig);
		for (int again = 0; again < 3; again++)
			pq_sign_and_verify(s, m, p, forms[i].sig);
		/* Ed448 with an empty context is Ed448, everything else differs */
		for (size_t j = 0; j < i; j++)
			assert_int_equal(memcmp(sig[i], sig[j], forms[i].sig) == 0,
					 i == 6 && j == 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mechanisms_are_listed_or_not),
		cmocka_unit_test(nothing_of_it_without_libcrypto),
		cmocka_unit_test(every_set),
		cmocka_unit_test(contexts_and_hedges),
		cmocka_unit_test(signatures_in_parts),
		cmocka_unit_test(hash_forms),
		cmocka_unit_test(bad_parameters),
		cmocka_unit_test(bad_templates),
		cmocka_unit_test(eddsa_in_all_forms),
	};

	return cmocka_run_group_tests_name("token: post-quantum signatures", tests, setup,
					   module_teardown);
}
