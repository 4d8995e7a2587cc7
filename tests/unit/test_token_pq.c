/*
 * ML-DSA, SLH-DSA and ML-KEM through the module, and the forms of EdDSA that a younger libcrypto
 * has: all of it with a libcrypto that can, refused in due form with one that can't.
 *
 * With INRO_PQ_DIR, the folder of interop/test_interop_debian13.sh, keys, signatures and secrets
 * are exchanged with the openssl program: what is missing there is a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/own.h"
#include "tests/lib/module.h"

#define MAX_PART 4896
#define MAX_SIG	 49856
#define SHARED	 32

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static bool pq, eddsa_forms; /* what this libcrypto has */

struct set {
	CK_MECHANISM_TYPE maker, mech, hashed; /* hashed: 0 for none */
	CK_KEY_TYPE type;
	CK_ULONG set, public, private, seed, out;
	const char *name; /* of openssl */
};

#define ML_DSA	CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKM_HASH_ML_DSA, CKK_ML_DSA
#define SLH_DSA CKM_SLH_DSA_KEY_PAIR_GEN, CKM_SLH_DSA, CKM_HASH_SLH_DSA, CKK_SLH_DSA
#define ML_KEM	CKM_ML_KEM_KEY_PAIR_GEN, CKM_ML_KEM, 0, CKK_ML_KEM

/* The sizes of FIPS 203, 204, 205. */
static const struct set sets[] = {
	{ ML_DSA, CKP_ML_DSA_44, 1312, 2560, 32, 2420, "ML-DSA-44" },
	{ ML_DSA, CKP_ML_DSA_65, 1952, 4032, 32, 3309, "ML-DSA-65" },
	{ ML_DSA, CKP_ML_DSA_87, 2592, 4896, 32, 4627, "ML-DSA-87" },
	{ SLH_DSA, CKP_SLH_DSA_SHA2_128F, 32, 64, 0, 17088, "SLH-DSA-SHA2-128f" },
	{ SLH_DSA, CKP_SLH_DSA_SHA2_128S, 32, 64, 0, 7856, "SLH-DSA-SHA2-128s" },
	{ SLH_DSA, CKP_SLH_DSA_SHAKE_128F, 32, 64, 0, 17088, "SLH-DSA-SHAKE-128f" },
	{ SLH_DSA, CKP_SLH_DSA_SHAKE_128S, 32, 64, 0, 7856, "SLH-DSA-SHAKE-128s" },
	{ SLH_DSA, CKP_SLH_DSA_SHA2_192F, 48, 96, 0, 35664, "SLH-DSA-SHA2-192f" },
	{ SLH_DSA, CKP_SLH_DSA_SHA2_192S, 48, 96, 0, 16224, "SLH-DSA-SHA2-192s" },
	{ SLH_DSA, CKP_SLH_DSA_SHAKE_192F, 48, 96, 0, 35664, "SLH-DSA-SHAKE-192f" },
	{ SLH_DSA, CKP_SLH_DSA_SHAKE_192S, 48, 96, 0, 16224, "SLH-DSA-SHAKE-192s" },
	{ SLH_DSA, CKP_SLH_DSA_SHA2_256F, 64, 128, 0, 49856, "SLH-DSA-SHA2-256f" },
	{ SLH_DSA, CKP_SLH_DSA_SHA2_256S, 64, 128, 0, 29792, "SLH-DSA-SHA2-256s" },
	{ SLH_DSA, CKP_SLH_DSA_SHAKE_256F, 64, 128, 0, 49856, "SLH-DSA-SHAKE-256f" },
	{ SLH_DSA, CKP_SLH_DSA_SHAKE_256S, 64, 128, 0, 29792, "SLH-DSA-SHAKE-256s" },
	{ ML_KEM, CKP_ML_KEM_512, 800, 1632, 64, 768, "ML-KEM-512" },
	{ ML_KEM, CKP_ML_KEM_768, 1184, 2400, 64, 1088, "ML-KEM-768" },
	{ ML_KEM, CKP_ML_KEM_1024, 1568, 3168, 64, 1568, "ML-KEM-1024" },
};

/* One of each type that is no slower than needed. */
static const struct set *const usual[] = { &sets[1], &sets[3], &sets[16] };
static const struct set *const dsa65 = &sets[1], *const kem768 = &sets[16];

static int setup(void **state)
{
	unsigned long version = OpenSSL_version_num();

	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	pq = version >= 0x30500000UL;
	eddsa_forms = version >= 0x30200000UL;
	return getenv("INRO_PQ_DIR") && !pq;
}

static void only_with_pq(void)
{
	if (!pq)
		skip();
}

/* ---- pairs ---- */

static CK_RV generate(const struct set *of, bool in_token, bool open, struct module_pair *ret)
{
	CK_MECHANISM m = { .mechanism = of->maker };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_PARAMETER_SET, of->set), A_BOOL(CKA_TOKEN, in_token),
				  A_BYTES(CKA_LABEL, of->name, strlen(of->name)) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, in_token), A_BOOL(CKA_SENSITIVE, !open),
				   A_BOOL(CKA_EXTRACTABLE, open),
				   A_BYTES(CKA_LABEL, of->name, strlen(of->name)) };

	return p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private),
				      &ret->public, &ret->private);
}

static struct module_pair make(const struct set *of, bool in_token, bool open)
{
	struct module_pair p = { 0 };

	OK(generate(of, in_token, open, &p));
	return p;
}

static CK_MECHANISM with(CK_MECHANISM_TYPE type, void *param, CK_ULONG n)
{
	return (CK_MECHANISM) { type, param, n };
}

static CK_BYTE message[] = "thirty-two bytes, also as a hash";
#define MESSAGE_N 32

static void sign(CK_MECHANISM m, CK_OBJECT_HANDLE key, CK_BYTE *sig, CK_ULONG want)
{
	CK_ULONG n = 0;

	OK(p11->C_SignInit(s, &m, key));
	OK(p11->C_Sign(s, message, MESSAGE_N, NULL, &n));
	assert_int_equal(n, want);
	n = want - 1;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_Sign(s, message, MESSAGE_N, sig, &n));
	n = want;
	OK(p11->C_Sign(s, message, MESSAGE_N, sig, &n));
	assert_int_equal(n, want);
}

static CK_RV verify(CK_MECHANISM m, CK_OBJECT_HANDLE key, CK_BYTE *sig, CK_ULONG n)
{
	OK(p11->C_VerifyInit(s, &m, key));
	return p11->C_Verify(s, message, MESSAGE_N, sig, n);
}

static void sign_and_verify(CK_MECHANISM m, struct module_pair p, CK_ULONG n)
{
	static CK_BYTE sig[MAX_SIG];

	sign(m, p.private, sig, n);
	OK(verify(m, p.public, sig, n));
	sig[n / 3] ^= 4;
	GIVES(CKR_SIGNATURE_INVALID, verify(m, p.public, sig, n));
	GIVES(CKR_SIGNATURE_LEN_RANGE, verify(m, p.public, sig, n - 1));
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

		assert_int_equal(rv, pq ? CKR_OK : CKR_MECHANISM_INVALID);
		if (!pq)
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
	if (pq)
		skip();
	ec = module_ec(s, false, false);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		GIVES(CKR_MECHANISM_INVALID, generate(&sets[i], false, false, &p));
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

static void look_at(const struct set *of, struct module_pair p)
{
	CK_BYTE value[MAX_PART];
	CK_ATTRIBUTE private = { CKA_VALUE, value, sizeof value };
	CK_ATTRIBUTE seed = { CKA_SEED, value, sizeof value };

	assert_int_equal(module_ulong(s, p.public, CKA_KEY_TYPE), of->type);
	assert_int_equal(module_ulong(s, p.public, CKA_PARAMETER_SET), of->set);
	assert_int_equal(module_ulong(s, p.private, CKA_PARAMETER_SET), of->set);
	assert_int_equal(module_ulong(s, p.private, CKA_KEY_GEN_MECHANISM), of->maker);
	assert_true(module_bool(s, p.private, CKA_LOCAL));
	assert_int_equal(module_bytes(s, p.public, CKA_VALUE, value, sizeof value), of->public);
	GIVES(CKR_ATTRIBUTE_SENSITIVE, p11->C_GetAttributeValue(s, p.private, &private, 1));
	GIVES(of->seed ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID,
	      p11->C_GetAttributeValue(s, p.private, &seed, 1));
}

static CK_OBJECT_HANDLE encapsulated(struct module_pair p, CK_BYTE *ciphertext, CK_ULONG *n);
static CK_OBJECT_HANDLE decapsulated(struct module_pair p, CK_BYTE *ciphertext, CK_ULONG n);

static void assert_same_value(CK_OBJECT_HANDLE a, CK_OBJECT_HANDLE b, bool same)
{
	CK_BYTE x[64], y[64];
	CK_ULONG n = module_bytes(s, a, CKA_VALUE, x, sizeof x);

	assert_int_equal(module_bytes(s, b, CKA_VALUE, y, sizeof y), n);
	assert_int_equal(memcmp(x, y, n) == 0, same);
}

static void every_set(void **state)
{
	static CK_BYTE ciphertext[1568];

	(void)state;
	only_with_pq();
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		const struct set *of = &sets[i];
		struct module_pair p = make(of, false, false);
		CK_ULONG n = sizeof ciphertext;

		look_at(of, p);
		if (of->hashed) {
			sign_and_verify(with(of->mech, NULL, 0), p, of->out);
			continue;
		}
		CK_OBJECT_HANDLE key = encapsulated(p, ciphertext, &n);

		assert_int_equal(n, of->out);
		assert_same_value(key, decapsulated(p, ciphertext, n), true);
	}
}

/* ---- signatures ---- */

static void contexts_and_hedges(void **state)
{
	static CK_BYTE sig[MAX_SIG], again[MAX_SIG], context[256];

	(void)state;
	only_with_pq();
	for (size_t i = 0; i < 2; i++) {
		const struct set *of = usual[i];
		struct module_pair p = make(of, false, false);
		CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_REQUIRED, context, 255 }, other = c;
		CK_MECHANISM m = with(of->mech, &c, sizeof c);

		sign_and_verify(m, p, of->out);
		sign(m, p.private, sig, of->out);
		sign(m, p.private, again, of->out);
		assert_memory_not_equal(sig, again, of->out);
		other.ulContextLen = 254;
		GIVES(CKR_SIGNATURE_INVALID,
		      verify(with(of->mech, &other, sizeof other), p.public, sig, of->out));
		GIVES(CKR_SIGNATURE_INVALID,
		      verify(with(of->mech, NULL, 0), p.public, sig, of->out));
		c.hedgeVariant = CKH_DETERMINISTIC_REQUIRED;
		sign(m, p.private, sig, of->out);
		sign(m, p.private, again, of->out);
		assert_memory_equal(sig, again, of->out);
	}
}

static void signatures_in_parts(void **state)
{
	static CK_BYTE sig[MAX_SIG];

	(void)state;
	only_with_pq();
	for (size_t i = 0; i < 2; i++) {
		const struct set *of = usual[i];
		struct module_pair p = make(of, false, false);
		CK_MECHANISM m = with(of->mech, NULL, 0);
		CK_ULONG n = sizeof sig;

		OK(p11->C_SignInit(s, &m, p.private));
		OK(p11->C_SignUpdate(s, message, 20));
		OK(p11->C_SignUpdate(s, message + 20, MESSAGE_N - 20));
		OK(p11->C_SignFinal(s, sig, &n));
		assert_int_equal(n, of->out);
		OK(verify(m, p.public, sig, n));
		OK(p11_32->C_VerifySignatureInit(s, &m, p.public, sig, n));
		OK(p11_32->C_VerifySignatureUpdate(s, message, 5));
		OK(p11_32->C_VerifySignatureUpdate(s, message + 5, MESSAGE_N - 5));
		OK(p11_32->C_VerifySignatureFinal(s));
		OK(p11_3->C_MessageSignInit(s, &m, p.private));
		n = sizeof sig;
		OK(p11_3->C_SignMessage(s, NULL, 0, message, MESSAGE_N, sig, &n));
		OK(p11_3->C_MessageSignFinal(s));
		OK(verify(m, p.public, sig, n));
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
static void hash_here_or_there(struct module_pair p, const struct set *of, CK_MECHANISM_TYPE hash,
			       CK_MECHANISM_TYPE hashing)
{
	static CK_BYTE sig[MAX_SIG], context[] = "ctx";
	CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_PREFERRED, context, 3 };
	CK_HASH_SIGN_ADDITIONAL_CONTEXT h = { CKH_HEDGE_PREFERRED, context, 3, hash };
	CK_MECHANISM whole = with(hashing, &c, sizeof c), raw = with(of->hashed, &h, sizeof h),
		     md = with(hash, NULL, 0);
	CK_BYTE digest[64];
	CK_ULONG n = sizeof sig, digest_n = sizeof digest;

	OK(p11->C_DigestInit(s, &md));
	OK(p11->C_Digest(s, message, MESSAGE_N, digest, &digest_n));
	sign_and_verify(whole, p, of->out);
	OK(p11->C_SignInit(s, &whole, p.private));
	OK(p11->C_SignUpdate(s, message, 7));
	OK(p11->C_SignUpdate(s, message + 7, MESSAGE_N - 7));
	OK(p11->C_SignFinal(s, sig, &n));
	OK(p11->C_VerifyInit(s, &raw, p.public));
	OK(p11->C_Verify(s, digest, digest_n, sig, n));
	OK(p11->C_SignInit(s, &raw, p.private));
	OK(p11->C_Sign(s, digest, digest_n, sig, &n));
	OK(verify(whole, p.public, sig, n));
	OK(p11->C_SignInit(s, &raw, p.private));
	GIVES(CKR_DATA_LEN_RANGE, p11->C_Sign(s, digest, digest_n - 1, sig, &n));
}

static void hash_forms(void **state)
{
	(void)state;
	only_with_pq();
	struct module_pair ml = make(dsa65, false, false), slh = make(usual[1], false, false);

	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		hash_here_or_there(ml, dsa65, hashes[i].hash, hashes[i].ml);
		if (i % 3 == 0)
			hash_here_or_there(slh, usual[1], hashes[i].hash, hashes[i].slh);
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
	only_with_pq();
	struct module_pair p = make(dsa65, false, false), ec = module_ec(s, false, false);
	CK_MECHANISM m;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		m = with(CKM_ML_DSA, &bad[i], sizeof bad[i]);
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
		m.mechanism = CKM_HASH_ML_DSA_SHA256;
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_VerifyInit(s, &m, p.public));
	}
	m = with(CKM_ML_DSA, &bad[0], sizeof bad[0] - 1);
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
	for (size_t i = 0; i < ARRAY_LEN(no_hash); i++) {
		m = with(CKM_HASH_ML_DSA, &no_hash[i], sizeof no_hash[i]);
		GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
	}
	m = with(CKM_HASH_ML_DSA, NULL, 0);
	GIVES(CKR_MECHANISM_PARAM_INVALID, p11->C_SignInit(s, &m, p.private));
	m = with(CKM_ML_DSA, NULL, 0);
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_SignInit(s, &m, ec.private));
	m = with(CKM_SLH_DSA, NULL, 0);
	GIVES(CKR_KEY_TYPE_INCONSISTENT, p11->C_VerifyInit(s, &m, p.public));
}

static void bad_templates(void **state)
{
	CK_ATTRIBUTE wrong[] = { A_ULONG(CKA_PARAMETER_SET, 0x77) };
	CK_ATTRIBUTE value[] = { A_ULONG(CKA_PARAMETER_SET, 2), A_TEXT(CKA_VALUE, "x") };
	struct module_pair p;

	(void)state;
	only_with_pq();
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		CK_MECHANISM m = with(usual[i]->maker, NULL, 0);

		GIVES(CKR_TEMPLATE_INCOMPLETE,
		      p11->C_GenerateKeyPair(s, &m, NULL, 0, NULL, 0, &p.public, &p.private));
		GIVES(CKR_PARAMETER_SET_NOT_SUPPORTED,
		      p11->C_GenerateKeyPair(s, &m, wrong, 1, NULL, 0, &p.public, &p.private));
		GIVES(CKR_ATTRIBUTE_READ_ONLY,
		      p11->C_GenerateKeyPair(s, &m, value, 2, NULL, 0, &p.public, &p.private));
	}
}

/* ---- in and out ---- */

struct parts {
	CK_BYTE public[2592], value[MAX_PART], seed[64];
	CK_ULONG seed_n;
};

static CK_RV bring(const struct set *of, struct parts *x, bool seed, bool value,
		   CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[8] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, of->type),
			      A_ULONG(CKA_PARAMETER_SET, of->set), A_BOOL(CKA_SENSITIVE, false),
			      A_BOOL(CKA_EXTRACTABLE, true) };
	CK_ULONG n = 5;

	if (seed)
		t[n++] = (CK_ATTRIBUTE)A_BYTES(CKA_SEED, x->seed, x->seed_n);
	if (value)
		t[n++] = (CK_ATTRIBUTE)A_BYTES(CKA_VALUE, x->value, of->private);
	return p11->C_CreateObject(s, t, n, ret);
}

static CK_RV bring_public(const struct set *of, struct parts *x, CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, of->type),
			     A_ULONG(CKA_PARAMETER_SET, of->set),
			     A_BYTES(CKA_VALUE, x->public, n) };

	return p11->C_CreateObject(s, t, ARRAY_LEN(t), ret);
}

static void works(const struct set *of, struct module_pair p)
{
	static CK_BYTE ciphertext[1568];
	CK_ULONG n = sizeof ciphertext;

	if (of->hashed) {
		sign_and_verify(with(of->mech, NULL, 0), p, of->out);
		return;
	}
	CK_OBJECT_HANDLE key = encapsulated(p, ciphertext, &n);

	assert_same_value(key, decapsulated(p, ciphertext, n), true);
}

static void read_parts(const struct set *of, struct module_pair p, struct parts *x)
{
	x->seed_n = of->seed;
	assert_int_equal(module_bytes(s, p.public, CKA_VALUE, x->public, sizeof x->public),
			 of->public);
	assert_int_equal(module_bytes(s, p.private, CKA_VALUE, x->value, sizeof x->value),
			 of->private);
	if (of->seed)
		assert_int_equal(module_bytes(s, p.private, CKA_SEED, x->seed, sizeof x->seed),
				 of->seed);
}

static void readable_keys_go_out_and_in(void **state)
{
	static struct parts x;

	(void)state;
	only_with_pq();
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const struct set *of = usual[i];
		struct module_pair p = make(of, false, true), back;

		read_parts(of, p, &x);
		OK(bring_public(of, &x, of->public, &back.public));
		for (int form = of->seed ? 1 : 2; form <= (of->seed ? 3 : 2); form++) {
			OK(bring(of, &x, form & 1, form & 2, &back.private));
			works(of, back);
			assert_false(module_bool(s, back.private, CKA_LOCAL));
		}
	}
}

static void keys_that_do_not_fit_are_refused(void **state)
{
	static struct parts x;
	CK_OBJECT_HANDLE o = 0;

	(void)state;
	only_with_pq();
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const struct set *of = usual[i];
		struct set shorter = *of, other = *of;

		read_parts(of, make(of, false, true), &x);
		GIVES(CKR_TEMPLATE_INCOMPLETE, bring(of, &x, false, false, &o));
		GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring_public(of, &x, of->public - 1, &o));
		shorter.private --;
		GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(&shorter, &x, false, true, &o));
		other.set = 0x77;
		GIVES(CKR_PARAMETER_SET_NOT_SUPPORTED, bring(&other, &x, false, true, &o));
		x.seed[0] ^= 1;
		if (of->seed)
			GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(of, &x, true, true, &o));
		x.seed_n--;
		if (of->seed)
			GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(of, &x, true, false, &o));
		x.value[of->private - 1] ^= 1; /* SLH-DSA: the root; ML-KEM: only a wrong answer */
		if (of->type == CKK_SLH_DSA)
			GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(of, &x, false, true, &o));
		assert_int_equal(o, 0);
	}
}

static void wrapped_keys_come_back(void **state)
{
	static CK_BYTE blob[2 * MAX_PART];
	CK_MECHANISM kwp = with(CKM_AES_KEY_WRAP_KWP, NULL, 0),
		     aes = with(CKM_AES_KEY_GEN, NULL, 0);
	CK_ATTRIBUTE wrapping[] = { A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_WRAP, true),
				    A_BOOL(CKA_UNWRAP, true) };
	CK_OBJECT_HANDLE by;

	(void)state;
	only_with_pq();
	OK(p11->C_GenerateKey(s, &aes, wrapping, ARRAY_LEN(wrapping), &by));
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const struct set *of = usual[i];
		struct module_pair p = make(of, false, true);
		CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
				     A_ULONG(CKA_KEY_TYPE, of->type), A_BOOL(CKA_SENSITIVE, false),
				     A_BOOL(CKA_EXTRACTABLE, true) };
		CK_ULONG n = sizeof blob;

		OK(p11->C_WrapKey(s, &kwp, by, p.private, blob, &n));
		OK(p11->C_UnwrapKey(s, &kwp, by, blob, n, t, ARRAY_LEN(t), &p.private));
		assert_int_equal(module_ulong(s, p.private, CKA_PARAMETER_SET), of->set);
		works(of, p);
		t[1] = (CK_ATTRIBUTE)A_ULONG(CKA_KEY_TYPE, CKK_RSA);
		GIVES(CKR_WRAPPED_KEY_INVALID,
		      p11->C_UnwrapKey(s, &kwp, by, blob, n, t, ARRAY_LEN(t), &p.private));
	}
}

/* ---- ML-KEM ---- */

static CK_ATTRIBUTE shared[] = { A_BOOL(CKA_SENSITIVE, false), A_BOOL(CKA_EXTRACTABLE, true),
				 A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET) };
static CK_MECHANISM kem = { .mechanism = CKM_ML_KEM };

static CK_OBJECT_HANDLE encapsulated(struct module_pair p, CK_BYTE *ciphertext, CK_ULONG *n)
{
	CK_OBJECT_HANDLE o = 0;

	OK(p11_32->C_EncapsulateKey(s, &kem, p.public, shared, ARRAY_LEN(shared), ciphertext, n,
				    &o));
	return o;
}

static CK_OBJECT_HANDLE decapsulated(struct module_pair p, CK_BYTE *ciphertext, CK_ULONG n)
{
	CK_OBJECT_HANDLE o = 0;

	OK(p11_32->C_DecapsulateKey(s, &kem, p.private, shared, ARRAY_LEN(shared), ciphertext, n,
				    &o));
	return o;
}

static void encapsulation_has_its_answers(void **state)
{
	CK_BYTE ciphertext[1088 + 1];
	CK_ULONG n = 0;
	CK_OBJECT_HANDLE one, two, o = 0;

	(void)state;
	only_with_pq();
	struct module_pair p = make(kem768, false, false);

	OK(p11_32->C_EncapsulateKey(s, &kem, p.public, NULL, 0, NULL, &n, &o));
	assert_int_equal(n, 1088);
	n--;
	GIVES(CKR_BUFFER_TOO_SMALL,
	      p11_32->C_EncapsulateKey(s, &kem, p.public, NULL, 0, ciphertext, &n, &o));
	n = sizeof ciphertext;
	one = encapsulated(p, ciphertext, &n);
	assert_int_equal(n, 1088);
	assert_false(module_bool(s, one, CKA_LOCAL));
	assert_int_equal(module_ulong(s, one, CKA_VALUE_LEN), SHARED);
	ciphertext[9] ^= 1;
	two = decapsulated(p, ciphertext, n);
	assert_same_value(one, two, false);
	GIVES(CKR_WRAPPED_KEY_LEN_RANGE,
	      p11_32->C_DecapsulateKey(s, &kem, p.private, shared, 3, ciphertext, n - 1, &o));
	GIVES(CKR_WRAPPED_KEY_LEN_RANGE,
	      p11_32->C_DecapsulateKey(s, &kem, p.private, shared, 3, ciphertext, n + 1, &o));
	OK(module_set(s, p.public, (CK_ATTRIBUTE)A_BOOL(CKA_ENCAPSULATE, false)));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      p11_32->C_EncapsulateKey(s, &kem, p.public, NULL, 0, ciphertext, &n, &o));
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_DECAPSULATE, false)));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      p11_32->C_DecapsulateKey(s, &kem, p.private, NULL, 0, ciphertext, n, &o));
}

/* Both ends make a key that is not seen, and use it. */
static void encapsulated_keys_work(void **state)
{
	CK_ATTRIBUTE aes[] = { A_ULONG(CKA_KEY_TYPE, CKK_AES), A_ULONG(CKA_VALUE_LEN, 16),
			       A_BOOL(CKA_ENCRYPT, true), A_BOOL(CKA_DECRYPT, true) };
	CK_MECHANISM ecb = with(CKM_AES_ECB, NULL, 0);
	CK_BYTE ciphertext[1088], in[16] = "sixteen bytes..", out[16], back[16];
	CK_ULONG n = sizeof ciphertext, out_n = sizeof out, back_n = sizeof back;
	CK_OBJECT_HANDLE one, two;

	(void)state;
	only_with_pq();
	struct module_pair p = make(kem768, false, false);

	OK(p11_32->C_EncapsulateKey(s, &kem, p.public, aes, ARRAY_LEN(aes), ciphertext, &n, &one));
	OK(p11_32->C_DecapsulateKey(s, &kem, p.private, aes, ARRAY_LEN(aes), ciphertext, n, &two));
	assert_true(module_bool(s, one, CKA_SENSITIVE));
	assert_int_equal(module_ulong(s, two, CKA_VALUE_LEN), 16);
	OK(p11->C_EncryptInit(s, &ecb, one));
	OK(p11->C_Encrypt(s, in, sizeof in, out, &out_n));
	OK(p11->C_DecryptInit(s, &ecb, two));
	OK(p11->C_Decrypt(s, out, out_n, back, &back_n));
	assert_memory_equal(in, back, sizeof in);
}

/* ---- on disk ---- */

static void write_file(const char *name, const char *what, const CK_BYTE *p, CK_ULONG n);

/* For a look at it with another libcrypto. */
static void leave_token(void)
{
	static CK_BYTE whole[1 << 20];
	FILE *f = fopen(module_token_file(slot), "rb");
	size_t n;

	assert_non_null(f);
	n = fread(whole, 1, sizeof whole, f);
	fclose(f);
	assert_true(n > 0 && n < sizeof whole);
	write_file("old", "token", whole, n);
}

static void keys_outlive_the_module(void **state)
{
	(void)state;
	only_with_pq();
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		make(usual[i], true, false);
	module_ec(s, true, false);
	OK(p11->C_Finalize(NULL));
	if (getenv("INRO_PQ_DIR"))
		leave_token();
	OK(p11->C_Initialize(NULL));
	s = module_open(slot, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const struct set *of = usual[i];
		CK_BYTE value[2592];
		CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
					A_BYTES(CKA_LABEL, of->name, strlen(of->name)) };
		struct module_pair p;

		assert_int_equal(module_find(s, like, 2, &p.private), 1);
		like[0] = (CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY);
		assert_int_equal(module_find(s, like, 2, &p.public), 1);
		look_at(of, p);
		works(of, p);
		like[1] = (CK_ATTRIBUTE)A_BYTES(
			CKA_VALUE, value,
			module_bytes(s, p.public, CKA_VALUE, value, sizeof value));
		assert_int_equal(module_find(s, like, 2, &p.public), 1);
	}
}

/* ---- EdDSA ---- */

static struct module_pair edwards(const CK_BYTE *params, CK_ULONG n)
{
	CK_MECHANISM m = with(CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0);
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
	CK_BYTE sig[9][114] = { 0 };

	(void)state;
	struct module_pair p25519 = edwards(ed25519, 5), p448 = edwards(ed448, 5);

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct module_pair p = forms[i].params == ed448 ? p448 : p25519;
		const char *context = forms[i].context;
		CK_EDDSA_PARAMS c = { forms[i].prehash, context ? strlen(context) : 0,
				      module_pin(context ? context : "") };
		CK_MECHANISM m = context ? with(CKM_EDDSA, &c, sizeof c) : with(CKM_EDDSA, NULL, 0);
		CK_ULONG n = sizeof sig[i];

		OK(p11->C_SignInit(s, &m, p.private));
		/* Ed25519ctx wants one; Ed448 with an empty one is there everywhere */
		if (context && i != 6 && (!eddsa_forms || i == 2)) {
			GIVES(CKR_MECHANISM_PARAM_INVALID,
			      p11->C_Sign(s, message, MESSAGE_N, sig[i], &n));
			continue;
		}
		OK(p11->C_Sign(s, message, MESSAGE_N, sig[i], &n));
		assert_int_equal(n, forms[i].sig);
		for (int again = 0; again < 3; again++)
			sign_and_verify(m, p, forms[i].sig);
		/* Ed448 with an empty context is Ed448, everything else differs */
		for (size_t j = 0; j < i; j++)
			assert_int_equal(memcmp(sig[i], sig[j], forms[i].sig) == 0,
					 i == 6 && j == 5);
	}
}

/* ---- with the openssl program ---- */

static CK_ULONG read_file(const char *name, const char *what, CK_BYTE *out, size_t cap)
{
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/%s.%s", getenv("INRO_PQ_DIR"), name, what);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(out, 1, cap, f);
	fclose(f);
	return n;
}

static void write_file(const char *name, const char *what, const CK_BYTE *p, CK_ULONG n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s.%s", getenv("INRO_PQ_DIR"), name, what);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* RFC 9881, 9909, 9935: the expanded key is at the end, the seed before its four bytes of header;
 * a public key is the end of its SubjectPublicKeyInfo. */
static struct module_pair take_theirs(const struct set *of)
{
	static struct parts x;
	static CK_BYTE der[2 * MAX_PART];
	CK_ULONG n = read_file(of->name, "theirs.p8", der, sizeof der);
	struct module_pair p;

	assert_true(n > of->private + of->seed);
	memcpy(x.value, der + n - of->private, of->private);
	memcpy(x.seed, der + n - of->private - 4 - of->seed, of->seed);
	x.seed_n = of->seed;
	OK(bring(of, &x, of->seed != 0, true, &p.private));
	n = read_file(of->name, "theirs.spki", der, sizeof der);
	memcpy(x.public, der + n - of->public, of->public);
	OK(bring_public(of, &x, of->public, &p.public));
	assert_int_equal(module_bytes(s, p.private, CKA_PUBLIC_KEY_INFO, x.value, sizeof x.value),
			 n);
	assert_memory_equal(x.value, der, n);
	return p;
}

static void give_ours(const struct set *of, struct module_pair p)
{
	static CK_BYTE out[MAX_SIG], context[] = "ctx";
	CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_PREFERRED, context, 3 };
	CK_HASH_SIGN_ADDITIONAL_CONTEXT h = { CKH_HEDGE_PREFERRED, context, 3, CKM_SHA3_256 };
	CK_ULONG n = module_bytes(s, p.public, CKA_PUBLIC_KEY_INFO, out, sizeof out);

	write_file(of->name, "ours.spki", out, n);
	if (!of->hashed)
		return;
	sign(with(of->mech, &c, sizeof c), p.private, out, of->out);
	write_file(of->name, "ours.sig", out, of->out);
	sign(with(of->hashed, &h, sizeof h), p.private, out,
	     of->out); /* of the message as a hash */
	write_file(of->name, "ours.hashsig", out, of->out);
}

/* What they signed or encapsulated for their key. */
static void check_theirs(const struct set *of, struct module_pair p)
{
	static CK_BYTE in[MAX_SIG];
	CK_BYTE want[SHARED], got[SHARED], context[] = "ctx";
	CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_PREFERRED, context, 3 };
	CK_HASH_SIGN_ADDITIONAL_CONTEXT h = { CKH_HEDGE_PREFERRED, context, 3, CKM_SHA3_256 };
	CK_ULONG n;

	if (of->hashed) {
		n = read_file(of->name, "theirs.sig", in, sizeof in);
		OK(verify(with(of->mech, &c, sizeof c), p.public, in, n));
		n = read_file(of->name, "theirs.hashsig", in, sizeof in);
		OK(verify(with(of->hashed, &h, sizeof h), p.public, in, n));
		return;
	}
	n = read_file(of->name, "theirs.ciphertext", in, sizeof in);
	module_bytes(s, decapsulated(p, in, n), CKA_VALUE, got, sizeof got);
	assert_int_equal(read_file(of->name, "theirs.secret", want, sizeof want), SHARED);
	assert_memory_equal(got, want, SHARED);
	n = sizeof in; /* and for them to open */
	module_bytes(s, encapsulated(p, in, &n), CKA_VALUE, got, sizeof got);
	write_file(of->name, "ours.ciphertext", in, n);
	write_file(of->name, "ours.secret", got, SHARED);
}

static void openssl_agrees(void **state)
{
	(void)state;
	if (!getenv("INRO_PQ_DIR"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		give_ours(usual[i], make(usual[i], false, false));
		check_theirs(usual[i], take_theirs(usual[i]));
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
		cmocka_unit_test(readable_keys_go_out_and_in),
		cmocka_unit_test(keys_that_do_not_fit_are_refused),
		cmocka_unit_test(wrapped_keys_come_back),
		cmocka_unit_test(encapsulation_has_its_answers),
		cmocka_unit_test(encapsulated_keys_work),
		cmocka_unit_test(keys_outlive_the_module),
		cmocka_unit_test(eddsa_in_all_forms),
		cmocka_unit_test(openssl_agrees),
	};

	return cmocka_run_group_tests_name("token: post-quantum keys", tests, setup,
					   module_teardown);
}
