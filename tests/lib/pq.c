/* pq: see pq.h */
#include "tests/lib/pq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/own.h"

#define ML_DSA	CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKM_HASH_ML_DSA, CKK_ML_DSA
#define SLH_DSA CKM_SLH_DSA_KEY_PAIR_GEN, CKM_SLH_DSA, CKM_HASH_SLH_DSA, CKK_SLH_DSA
#define ML_KEM	CKM_ML_KEM_KEY_PAIR_GEN, CKM_ML_KEM, 0, CKK_ML_KEM

const struct pq_set pq_sets[] = {
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

const struct pq_set *const pq_usual[] = { &pq_sets[1], &pq_sets[3], &pq_sets[16] };
const struct pq_set *const pq_dsa65 = &pq_sets[1], *const pq_kem768 = &pq_sets[16];

bool pq_here(void)
{
	return OpenSSL_version_num() >= 0x30500000UL;
}

void pq_only(void)
{
	if (!pq_here())
		skip();
}

int pq_setup(void **state, CK_SLOT_ID *ret_slot, CK_SESSION_HANDLE *ret)
{
	if (module_setup(state))
		return 1;
	*ret = module_user(ret_slot);
	return getenv("INRO_PQ_DIR") && !pq_here();
}

/* ---- pairs ---- */

CK_RV pq_generate(CK_SESSION_HANDLE s, const struct pq_set *of, bool in_token, bool open,
		  struct module_pair *ret)
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

struct module_pair pq_make(CK_SESSION_HANDLE s, const struct pq_set *of, bool in_token, bool open)
{
	struct module_pair p = { 0 };

	OK(pq_generate(s, of, in_token, open, &p));
	return p;
}

void pq_assert_made(CK_SESSION_HANDLE s, const struct pq_set *of, struct module_pair p)
{
	CK_BYTE value[PQ_MAX_PART];
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

void pq_assert_works(CK_SESSION_HANDLE s, const struct pq_set *of, struct module_pair p)
{
	static CK_BYTE ciphertext[1568];
	CK_ULONG n = sizeof ciphertext;
	CK_OBJECT_HANDLE key;

	if (of->hashed) {
		pq_sign_and_verify(s, pq_with(of->mech, NULL, 0), p, of->out);
		return;
	}
	key = pq_encapsulated(s, p, ciphertext, &n);
	assert_int_equal(n, of->out);
	pq_assert_same(s, key, pq_decapsulated(s, p, ciphertext, n), true);
}

/* ---- signatures ---- */

CK_MECHANISM pq_with(CK_MECHANISM_TYPE type, void *param, CK_ULONG n)
{
	return (CK_MECHANISM) { type, param, n };
}

CK_BYTE pq_message[] = "thirty-two bytes, also as a hash";

void pq_sign(CK_SESSION_HANDLE s, CK_MECHANISM m, CK_OBJECT_HANDLE key, CK_BYTE *sig,
	     CK_ULONG want)
{
	CK_ULONG n = 0;

	OK(p11->C_SignInit(s, &m, key));
	OK(p11->C_Sign(s, pq_message, PQ_MESSAGE_N, NULL, &n));
	assert_int_equal(n, want);
	n = want - 1;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_Sign(s, pq_message, PQ_MESSAGE_N, sig, &n));
	n = want;
	OK(p11->C_Sign(s, pq_message, PQ_MESSAGE_N, sig, &n));
	assert_int_equal(n, want);
}

CK_RV pq_verify(CK_SESSION_HANDLE s, CK_MECHANISM m, CK_OBJECT_HANDLE key, CK_BYTE *sig,
		CK_ULONG n)
{
	OK(p11->C_VerifyInit(s, &m, key));
	return p11->C_Verify(s, pq_message, PQ_MESSAGE_N, sig, n);
}

void pq_sign_and_verify(CK_SESSION_HANDLE s, CK_MECHANISM m, struct module_pair p, CK_ULONG n)
{
	static CK_BYTE sig[PQ_MAX_SIG];

	pq_sign(s, m, p.private, sig, n);
	OK(pq_verify(s, m, p.public, sig, n));
	sig[n / 3] ^= 4;
	GIVES(CKR_SIGNATURE_INVALID, pq_verify(s, m, p.public, sig, n));
	GIVES(CKR_SIGNATURE_LEN_RANGE, pq_verify(s, m, p.public, sig, n - 1));
}

/* ---- secrets ---- */

CK_ATTRIBUTE pq_secret[] = { A_BOOL(CKA_SENSITIVE, false), A_BOOL(CKA_EXTRACTABLE, true),
			     A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET) };
CK_MECHANISM pq_kem = { .mechanism = CKM_ML_KEM };

CK_OBJECT_HANDLE pq_encapsulated(CK_SESSION_HANDLE s, struct module_pair p, CK_BYTE *ciphertext,
				 CK_ULONG *n)
{
	CK_OBJECT_HANDLE o = 0;

	OK(p11_32->C_EncapsulateKey(s, &pq_kem, p.public, pq_secret, PQ_SECRET, ciphertext, n, &o));
	return o;
}

CK_OBJECT_HANDLE pq_decapsulated(CK_SESSION_HANDLE s, struct module_pair p, CK_BYTE *ciphertext,
				 CK_ULONG n)
{
	CK_OBJECT_HANDLE o = 0;

	OK(p11_32->C_DecapsulateKey(s, &pq_kem, p.private, pq_secret, PQ_SECRET, ciphertext, n,
				    &o));
	return o;
}

void pq_assert_same(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE a, CK_OBJECT_HANDLE b, bool same)
{
	CK_BYTE x[64], y[64];
	CK_ULONG n = module_bytes(s, a, CKA_VALUE, x, sizeof x);

	assert_int_equal(module_bytes(s, b, CKA_VALUE, y, sizeof y), n);
	assert_int_equal(memcmp(x, y, n) == 0, same);
}
