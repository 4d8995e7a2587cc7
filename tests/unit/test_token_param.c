/* Parameters of mechanisms: what fits is flattened and owned, what can't be right is refused before
 * memory is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/kdf.h"
#include "pkcs11/token/mech.h"

#define MOST 1024

static CK_MECHANISM_TYPE all[MOST]; /* a backend that can do everything */

static int by_value(const void *a, const void *b)
{
	const CK_MECHANISM_TYPE *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int setup(void **state)
{
	const struct mech *m;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; (m = mech_at(i)) != NULL; i++)
		all[n++] = m->raw;
	qsort(all, n, sizeof *all, by_value);
	all[n] = CK_UNAVAILABLE_INFORMATION;
	return 0;
}

static enum inro_err open_with(CK_MECHANISM_TYPE type, enum key_use use, const void *p, size_t n)
{
	SCOPED(mech_use) u = { 0 };
	CK_MECHANISM m = { type, (void *)(uintptr_t)p, n };

	return mech_open(&m, use, all, &u);
}

static uint8_t some[4096];

/* Each row that takes a parameter refuses all sizes but its own; each that takes none, any. */
static void every_row_refuses_other_sizes(void **state)
{
	const struct mech *m;

	(void)state;
	memset(some, 0xff, sizeof some);
	for (size_t i = 0; (m = mech_at(i)) != NULL; i++) {
		for (unsigned bit = 1; bit <= USE_DECAPSULATE; bit <<= 1) {
			CK_MECHANISM over = { m->type, some, ~0UL };
			SCOPED(mech_use) u = { 0 };

			if (!(m->uses & bit) || !mech_offered(m, all))
				continue;
			for (size_t n = 1; n < 128; n++)
				if (open_with(m->type, bit, some, n) == INRO_OK)
					assert_true(n == 4 || n == 8 || n == 16);
			assert_int_equal(mech_open(&over, bit, all, &u), INRO_E_MECHANISM_PARAM);
			over.pParameter = NULL;
			over.ulParameterLen = 1;
			assert_int_equal(mech_open(&over, bit, all, &u), INRO_E_MECHANISM_PARAM);
		}
	}
}

static void a_use_that_is_not_offered(void **state)
{
	SCOPED(mech_use) u = { 0 };

	(void)state;
	assert_int_equal(open_with(CKM_AES_CBC, USE_SIGN, some, 16), INRO_E_MECHANISM);
	assert_int_equal(open_with(CKM_MD5, USE_DIGEST, NULL, 0), INRO_E_MECHANISM);
	assert_int_equal(open_with(CKM_DES3_CBC, USE_DECRYPT, some, 8), INRO_E_MECHANISM);
	assert_int_equal(mech_open(NULL, USE_SIGN, all, &u), INRO_E_ARG);
}

static void what_is_opened_owns_its_bytes(void **state)
{
	uint8_t iv[12], ad[2000];
	CK_GCM_PARAMS p = { iv, sizeof iv, 96, ad, sizeof ad, 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
	SCOPED(mech_use) big = { 0 };
	SCOPED(mech_use) small = { 0 };

	(void)state;
	memset(iv, 1, sizeof iv);
	memset(ad, 2, sizeof ad);
	assert_int_equal(mech_open(&m, USE_ENCRYPT, all, &big), INRO_OK);
	p.ulAADLen = 20;
	assert_int_equal(mech_open(&m, USE_ENCRYPT, all, &small), INRO_OK);
	assert_null(small.big.p); /* no memory for small ones */
	memset(iv, 9, sizeof iv);
	memset(ad, 9, sizeof ad);
	memset(&p, 9, sizeof p);
	assert_int_equal(big.spec.iv.n, 12);
	assert_int_equal(big.spec.iv.p[11], 1);
	assert_int_equal(big.spec.ad.n, 2000);
	assert_int_equal(big.spec.ad.p[1999], 2);
	assert_int_equal(small.spec.ad.n, 20);
	assert_int_equal(small.spec.ad.p[19], 2);
	assert_int_equal(small.spec.iv.p[0], 1);
	assert_int_equal(small.spec.tag_n, 16);
}

#define GCM(...)                                                                                   \
	open_with(CKM_AES_GCM, USE_ENCRYPT, &(CK_GCM_PARAMS) { __VA_ARGS__ }, sizeof(CK_GCM_PARAMS))

static void gcm(void **state)
{
	uint8_t iv[300] = { 0 };
	struct {
		void *iv;
		CK_ULONG n;
		void *ad;
		CK_ULONG ad_n, tag;
	} old = { iv, 12, NULL, 0, 128 };

	(void)state;
	assert_int_equal(GCM(iv, 12, 96, NULL, 0, 128), INRO_OK);
	assert_int_equal(GCM(iv, 12, 0, NULL, 0, 96), INRO_OK);
	assert_int_equal(GCM(iv, 12, 0, NULL, 0, 88), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 12, 0, NULL, 0, 127), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 12, 0, NULL, 0, 136), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 12, 0, NULL, 0, ~0UL), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 12, 95, NULL, 0, 128), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 0, 0, NULL, 0, 128), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(NULL, 12, 0, NULL, 0, 128), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 129, 0, NULL, 0, 128), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, ~0UL, 0, NULL, 0, 128), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 12, 0, NULL, 5, 128), INRO_E_MECHANISM_PARAM);
	assert_int_equal(GCM(iv, 12, 0, iv, ~0UL >> 1, 128), INRO_E_MECHANISM_PARAM);
	assert_int_equal(open_with(CKM_AES_GCM, USE_DECRYPT, &old, sizeof old), INRO_OK);
	old.tag = 0;
	assert_int_equal(open_with(CKM_AES_GCM, USE_DECRYPT, &old, sizeof old),
			 INRO_E_MECHANISM_PARAM);
}

#define CCM(...)                                                                                   \
	open_with(CKM_AES_CCM, USE_ENCRYPT, &(CK_CCM_PARAMS) { __VA_ARGS__ }, sizeof(CK_CCM_PARAMS))

static void ccm(void **state)
{
	uint8_t nonce[16] = { 0 };

	(void)state;
	assert_int_equal(CCM(100, nonce, 13, NULL, 0, 16), INRO_OK);
	assert_int_equal(CCM(100, nonce, 7, NULL, 0, 8), INRO_OK);
	assert_int_equal(CCM(65536, nonce, 13, NULL, 0, 16), INRO_E_MECHANISM_PARAM);
	assert_int_equal(CCM(~0UL, nonce, 7, NULL, 0, 16), INRO_E_MECHANISM_PARAM);
	assert_int_equal(CCM(100, nonce, 6, NULL, 0, 16), INRO_E_MECHANISM_PARAM);
	assert_int_equal(CCM(100, nonce, 14, NULL, 0, 16), INRO_E_MECHANISM_PARAM);
	assert_int_equal(CCM(100, nonce, 13, NULL, 0, 15), INRO_E_MECHANISM_PARAM);
	assert_int_equal(CCM(100, nonce, 13, NULL, 0, 4), INRO_E_MECHANISM_PARAM);
	assert_int_equal(CCM(100, NULL, 13, NULL, 0, 16), INRO_E_MECHANISM_PARAM);
}

static void counters(void **state)
{
	CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
	uint8_t block[8] = { 0 }, nonce[12] = { 0 };
	CK_CHACHA20_PARAMS p = { block, 32, nonce, 96 };
	SCOPED(mech_use) u = { 0 };

	(void)state;
	assert_int_equal(open_with(CKM_AES_CTR, USE_ENCRYPT, &ctr, sizeof ctr), INRO_OK);
	ctr.ulCounterBits = 0;
	assert_int_equal(open_with(CKM_AES_CTR, USE_ENCRYPT, &ctr, sizeof ctr),
			 INRO_E_MECHANISM_PARAM);
	ctr.ulCounterBits = 129;
	assert_int_equal(open_with(CKM_AES_CTR, USE_ENCRYPT, &ctr, sizeof ctr),
			 INRO_E_MECHANISM_PARAM);
	block[0] = 7;
	nonce[0] = 8;
	assert_int_equal(
		mech_open(&(CK_MECHANISM) { CKM_CHACHA20, &p, sizeof p }, USE_ENCRYPT, all, &u),
		INRO_OK);
	assert_int_equal(u.spec.iv.n, 16);
	assert_int_equal(u.spec.iv.p[0], 7);
	assert_int_equal(u.spec.iv.p[4], 8);
	p.blockCounterBits = 64;
	assert_int_equal(open_with(CKM_CHACHA20, USE_ENCRYPT, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.ulNonceBits = 64;
	assert_int_equal(open_with(CKM_CHACHA20, USE_ENCRYPT, &p, sizeof p), INRO_OK);
	p.pNonce = NULL;
	assert_int_equal(open_with(CKM_CHACHA20, USE_ENCRYPT, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
}

static void rsa(void **state)
{
	CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA_1, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_RSA_AES_KEY_WRAP_PARAMS wrap = { 256, &oaep };

	(void)state;
	assert_int_equal(open_with(CKM_RSA_PKCS_PSS, USE_SIGN, &pss, sizeof pss), INRO_OK);
	assert_int_equal(open_with(CKM_SHA384_RSA_PKCS_PSS, USE_SIGN, &pss, sizeof pss),
			 INRO_E_MECHANISM_PARAM);
	pss.sLen = ~0UL;
	assert_int_equal(open_with(CKM_RSA_PKCS_PSS, USE_SIGN, &pss, sizeof pss),
			 INRO_E_MECHANISM_PARAM);
	pss = (CK_RSA_PKCS_PSS_PARAMS) { CKM_SHA256, 99, 32 };
	assert_int_equal(open_with(CKM_RSA_PKCS_PSS, USE_SIGN, &pss, sizeof pss),
			 INRO_E_MECHANISM_PARAM);
	pss = (CK_RSA_PKCS_PSS_PARAMS) { CKM_MD5, CKG_MGF1_SHA1, 16 };
	assert_int_equal(open_with(CKM_RSA_PKCS_PSS, USE_SIGN, &pss, sizeof pss),
			 INRO_E_MECHANISM_PARAM);
	assert_int_equal(open_with(CKM_RSA_PKCS_OAEP, USE_ENCRYPT, &oaep, sizeof oaep), INRO_OK);
	assert_int_equal(open_with(CKM_RSA_AES_KEY_WRAP, USE_WRAP, &wrap, sizeof wrap), INRO_OK);
	wrap.ulAESKeyBits = 257;
	assert_int_equal(open_with(CKM_RSA_AES_KEY_WRAP, USE_WRAP, &wrap, sizeof wrap),
			 INRO_E_MECHANISM_PARAM);
	wrap = (CK_RSA_AES_KEY_WRAP_PARAMS) { 128, NULL };
	assert_int_equal(open_with(CKM_RSA_AES_KEY_WRAP, USE_WRAP, &wrap, sizeof wrap),
			 INRO_E_MECHANISM_PARAM);
	oaep.ulSourceDataLen = 4;
	assert_int_equal(open_with(CKM_RSA_PKCS_OAEP, USE_ENCRYPT, &oaep, sizeof oaep),
			 INRO_E_MECHANISM_PARAM);
	oaep.pSourceData = some;
	oaep.source = 0;
	assert_int_equal(open_with(CKM_RSA_PKCS_OAEP, USE_ENCRYPT, &oaep, sizeof oaep),
			 INRO_E_MECHANISM_PARAM);
	oaep.source = CKZ_DATA_SPECIFIED;
	oaep.ulSourceDataLen = ~0UL;
	assert_int_equal(open_with(CKM_RSA_PKCS_OAEP, USE_ENCRYPT, &oaep, sizeof oaep),
			 INRO_E_MECHANISM_PARAM);
}

/* The other's point comes bare or in an OCTET STRING. */
static void points(void **state)
{
	uint8_t point[69] = { 4, 65, 4, 1 }, montgomery[34] = { 4, 32, 4, 30 };
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, 67, point };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
	SCOPED(mech_use) wrapped = { 0 };
	SCOPED(mech_use) bare = { 0 };
	SCOPED(mech_use) x = { 0 };
	SCOPED(mech_use) odd = { 0 };

	(void)state;
	assert_int_equal(mech_open(&m, USE_DERIVE, all, &wrapped), INRO_OK);
	assert_int_equal(wrapped.spec.peer.n, 65);
	assert_int_equal(wrapped.spec.peer.p[1], 1);
	p.pPublicData = point + 2;
	p.ulPublicDataLen = 65;
	assert_int_equal(mech_open(&m, USE_DERIVE, all, &bare), INRO_OK);
	assert_int_equal(bare.spec.peer.n, 65);
	p.pPublicData = montgomery;
	p.ulPublicDataLen = 34;
	assert_int_equal(mech_open(&m, USE_DERIVE, all, &x), INRO_OK);
	assert_int_equal(x.spec.peer.n, 32);
	p.pPublicData = montgomery + 2;
	p.ulPublicDataLen = 32; /* happens to begin as an OCTET STRING of 30 would */
	assert_int_equal(mech_open(&m, USE_DERIVE, all, &odd), INRO_OK);
	assert_int_equal(odd.spec.peer.n, 32);
}

static void agreement(void **state)
{
	uint8_t point[65] = { 4 };
	CK_ECDH1_DERIVE_PARAMS p = { CKD_SHA256_KDF, 4, some, sizeof point, point };

	(void)state;
	assert_int_equal(open_with(CKM_ECDH1_DERIVE, USE_DERIVE, &p, sizeof p), INRO_OK);
	p.kdf = CKD_NULL; /* shared data that nothing takes */
	assert_int_equal(open_with(CKM_ECDH1_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.kdf = 0x77;
	assert_int_equal(open_with(CKM_ECDH1_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p = (CK_ECDH1_DERIVE_PARAMS) { CKD_NULL, 0, NULL, sizeof some, some };
	assert_int_equal(open_with(CKM_ECDH1_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.ulPublicDataLen = 0;
	assert_int_equal(open_with(CKM_ECDH1_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.ulPublicDataLen = ~0UL;
	assert_int_equal(open_with(CKM_ECDH1_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
}

static void hkdf(void **state)
{
	CK_HKDF_PARAMS p = { CK_TRUE, CK_TRUE,	 CKM_SHA256, CKF_HKDF_SALT_DATA, some, 8,
			     0,	      some + 16, 4 };
	SCOPED(mech_use) u = { 0 };
	SCOPED(mech_use) by_key = { 0 };
	CK_MECHANISM m = { CKM_HKDF_DERIVE, &p, sizeof p };

	(void)state;
	assert_int_equal(mech_open(&m, USE_DERIVE, all, &u), INRO_OK);
	assert_int_equal(u.spec.kdf, HKDF_BOTH);
	assert_int_equal(u.spec.iv.n, 8);
	assert_int_equal(u.spec.ad.n, 4);
	assert_int_equal(u.other, 0);
	p.ulSaltType = CKF_HKDF_SALT_KEY;
	assert_int_equal(open_with(CKM_HKDF_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.hSaltKey = 17;
	assert_int_equal(mech_open(&m, USE_DERIVE, all, &by_key), INRO_OK);
	assert_int_equal(by_key.other, 17);
	p.ulSaltType = 3;
	assert_int_equal(open_with(CKM_HKDF_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p = (CK_HKDF_PARAMS) { 0, 0, CKM_SHA256, CKF_HKDF_SALT_NULL, NULL, 0, 0, NULL, 0 };
	assert_int_equal(open_with(CKM_HKDF_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.bExpand = 2;
	assert_int_equal(open_with(CKM_HKDF_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.bExpand = CK_TRUE;
	p.pInfo = some;
	p.ulInfoLen = ~0UL;
	assert_int_equal(open_with(CKM_HKDF_DERIVE, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
}

static enum inro_err counter_with(CK_PRF_DATA_PARAM *fields, CK_ULONG n)
{
	CK_SP800_108_KDF_PARAMS p = { CKM_SHA256_HMAC, n, fields, 0, NULL };

	return open_with(CKM_SP800_108_COUNTER_KDF, USE_DERIVE, &p, sizeof p);
}

static void sp800_108(void **state)
{
	CK_SP800_108_COUNTER_FORMAT c = { CK_FALSE, 32 };
	CK_SP800_108_DKM_LENGTH_FORMAT l = { CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, CK_TRUE, 16 };
	CK_PRF_DATA_PARAM f[] = {
		{ CK_SP800_108_ITERATION_VARIABLE, &c, sizeof c },
		{ CK_SP800_108_BYTE_ARRAY, (void *)(uintptr_t) "label", 5 },
		{ CK_SP800_108_DKM_LENGTH, &l, sizeof l },
		{ CK_SP800_108_ITERATION_VARIABLE, &c, sizeof c },
	};
	static const uint8_t flat[] = { KDF_COUNTER, 32,  0,   KDF_BYTES, 0,	      0,  0, 5, 'l',
					'a',	     'b', 'e', 'l',	  KDF_LENGTH, 16, 1, 0 };
	CK_SP800_108_KDF_PARAMS p = { CKM_SHA256_HMAC, 3, f, 0, NULL };
	SCOPED(mech_use) u = { 0 };

	(void)state;
	assert_int_equal(mech_open(&(CK_MECHANISM) { CKM_SP800_108_COUNTER_KDF, &p, sizeof p },
				   USE_DERIVE, all, &u),
			 INRO_OK);
	assert_int_equal(u.spec.label.n, sizeof flat);
	assert_memory_equal(u.spec.label.p, flat, sizeof flat);
	assert_int_equal(counter_with(f, 4), INRO_E_MECHANISM_PARAM); /* two counters */
	assert_int_equal(counter_with(f + 1, 2), INRO_E_MECHANISM_PARAM);
	assert_int_equal(counter_with(f, ~0UL), INRO_E_MECHANISM_PARAM);
	assert_int_equal(counter_with(NULL, 3), INRO_E_MECHANISM_PARAM);
	c.ulWidthInBits = 33;
	assert_int_equal(counter_with(f, 3), INRO_E_MECHANISM_PARAM);
	c.ulWidthInBits = 8;
	l.dkmLengthMethod = 3;
	assert_int_equal(counter_with(f, 3), INRO_E_MECHANISM_PARAM);
	l.dkmLengthMethod = 2;
	f[1].type = CK_SP800_108_KEY_HANDLE;
	assert_int_equal(counter_with(f, 3), INRO_E_MECHANISM_PARAM);
	f[1].type = ~0UL;
	assert_int_equal(counter_with(f, 3), INRO_E_MECHANISM_PARAM);
	f[1] = (CK_PRF_DATA_PARAM) { CK_SP800_108_BYTE_ARRAY, NULL, 5 };
	assert_int_equal(counter_with(f, 3), INRO_E_MECHANISM_PARAM);
	p = (CK_SP800_108_KDF_PARAMS) { CKM_SHA256_HMAC, 1, f, ~0UL, NULL };
	assert_int_equal(open_with(CKM_SP800_108_COUNTER_KDF, USE_DERIVE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
}

/* Both forms of the parameter; a length that is neither a length nor a pointer. */
static void passwords(void **state)
{
	CK_ULONG n = 6;
	CK_PKCS5_PBKD2_PARAMS2 p = { .saltSource = CKZ_SALT_SPECIFIED,
				     .pSaltSourceData = some,
				     .ulSaltSourceDataLen = 8,
				     .iterations = 1000,
				     .prf = CKP_PKCS5_PBKD2_HMAC_SHA256,
				     .pPassword = (CK_UTF8CHAR *)(uintptr_t) "secret",
				     .ulPasswordLen = 6 };
	CK_MECHANISM m = { CKM_PKCS5_PBKD2, &p, sizeof p };
	SCOPED(mech_use) u = { 0 };
	SCOPED(mech_use) old = { 0 };

	(void)state;
	assert_int_equal(mech_open(&m, USE_GENERATE, all, &u), INRO_OK);
	assert_int_equal(u.password.n, 6);
	assert_memory_equal(u.password.p, "secret", 6);
	assert_true(u.big.secret);
	assert_int_equal(u.spec.digest, CKM_SHA256);
	assert_int_equal(u.spec.rounds, 1000);
	p.ulPasswordLen = (CK_ULONG)(uintptr_t)&n;
	assert_int_equal(mech_open(&m, USE_GENERATE, all, &old), INRO_OK);
	assert_memory_equal(old.password.p, "secret", 6);
	p.ulPasswordLen = ~0UL;
	assert_int_equal(open_with(m.mechanism, USE_GENERATE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.ulPasswordLen = 65536;
	assert_int_equal(open_with(m.mechanism, USE_GENERATE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	n = ~0UL;
	p.ulPasswordLen = (CK_ULONG)(uintptr_t)&n;
	assert_int_equal(open_with(m.mechanism, USE_GENERATE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.ulPasswordLen = 6;
	p.iterations = 0;
	assert_int_equal(open_with(m.mechanism, USE_GENERATE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.iterations = ~0UL;
	assert_int_equal(open_with(m.mechanism, USE_GENERATE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
	p.iterations = 1;
	p.prf = CKP_PKCS5_PBKD2_HMAC_GOSTR3411;
	assert_int_equal(open_with(m.mechanism, USE_GENERATE, &p, sizeof p),
			 INRO_E_MECHANISM_PARAM);
}

static void contexts(void **state)
{
	CK_EDDSA_PARAMS p = { CK_FALSE, 255, some };
	SCOPED(mech_use) u = { 0 };

	(void)state;
	assert_int_equal(open_with(CKM_EDDSA, USE_SIGN, NULL, 0), INRO_OK);
	assert_int_equal(mech_open(&(CK_MECHANISM) { CKM_EDDSA, &p, sizeof p }, USE_SIGN, all, &u),
			 INRO_OK);
	assert_true(u.spec.has_context);
	assert_int_equal(u.spec.ad.n, 255);
	p.ulContextDataLen = 256;
	assert_int_equal(open_with(CKM_EDDSA, USE_SIGN, &p, sizeof p), INRO_E_MECHANISM_PARAM);
	p = (CK_EDDSA_PARAMS) { 2, 0, NULL };
	assert_int_equal(open_with(CKM_EDDSA, USE_SIGN, &p, sizeof p), INRO_E_MECHANISM_PARAM);
	p = (CK_EDDSA_PARAMS) { CK_TRUE, 4, NULL };
	assert_int_equal(open_with(CKM_EDDSA, USE_SIGN, &p, sizeof p), INRO_E_MECHANISM_PARAM);
}

static void lengths_of_macs(void **state)
{
	CK_MAC_GENERAL_PARAMS n = 32;

	(void)state;
	assert_int_equal(open_with(CKM_SHA256_HMAC_GENERAL, USE_SIGN, &n, sizeof n), INRO_OK);
	n = 33;
	assert_int_equal(open_with(CKM_SHA256_HMAC_GENERAL, USE_SIGN, &n, sizeof n),
			 INRO_E_MECHANISM_PARAM);
	n = 3;
	assert_int_equal(open_with(CKM_SHA256_HMAC_GENERAL, USE_SIGN, &n, sizeof n),
			 INRO_E_MECHANISM_PARAM);
	n = 17;
	assert_int_equal(open_with(CKM_AES_CMAC_GENERAL, USE_SIGN, &n, sizeof n),
			 INRO_E_MECHANISM_PARAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_refuses_other_sizes),
		cmocka_unit_test(a_use_that_is_not_offered),
		cmocka_unit_test(what_is_opened_owns_its_bytes),
		cmocka_unit_test(gcm),
		cmocka_unit_test(ccm),
		cmocka_unit_test(counters),
		cmocka_unit_test(rsa),
		cmocka_unit_test(points),
		cmocka_unit_test(agreement),
		cmocka_unit_test(hkdf),
		cmocka_unit_test(sp800_108),
		cmocka_unit_test(passwords),
		cmocka_unit_test(contexts),
		cmocka_unit_test(lengths_of_macs),
	};

	return cmocka_run_group_tests_name("mechanism parameters", tests, setup, NULL);
}
