/*
 * mech_param - parameters of signatures, ciphers and MACs.
 *
 * The structures are copied first: what is checked is what is used, whatever another thread of the
 * application does with its memory meanwhile.
 */
#include <string.h>

#include "base/cryptoki/admin.h"
#include "base/secret.h"
#include "base/cryptoki/hashes.h"
#include "pkcs11/token/keyder.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/mech_private.h"
#include "pkcs11/token/pkey.h"

#define MIN_TAG_BITS	(8 * MIN_GCM_TAG)
#define MAX_TAG_BITS	128
#define MAX_CONTEXT	255 /* RFC 8032, FIPS 204, FIPS 205 */
#define MAX_CCM_MESSAGE ((CK_ULONG)64 << 20)

enum inro_err mech_struct(struct bytes param, void *ret, size_t n)
{
	if (param.n != n)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "the mechanism's parameter has %zu bytes, not %zu", n, param.n);
	memcpy(ret, param.p, n);
	return INRO_OK;
}

enum inro_err mech_bytes(const void *p, CK_ULONG n, size_t min, size_t max, struct bytes *ret)
{
	if (n < min || n > max)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a part of the mechanism's parameter has %lu bytes; %zu to %zu can "
			       "be",
			       n, min, max);
	if (n > 0 && !p)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a part of the mechanism's parameter has a length but no value");
	*ret = BYTES(p, n);
	return INRO_OK;
}

static enum inro_err keep_one(struct mech_use *u, struct bytes from, struct bytes *ret)
{
	enum inro_err e = mech_room(u, from.n);

	if (!e)
		*ret = mech_keep(u, from);
	return e;
}

enum inro_err mech_par_none(struct bytes param, enum key_use use, struct mech_use *u)
{
	(void)use;
	if (param.n != 0)
		return err_set(INRO_E_MECHANISM_PARAM, "mechanism 0x%lx takes no parameter",
			       u->mech->type);
	return INRO_OK;
}

/* ---- RSA ---- */

static enum inro_err find_hash(CK_MECHANISM_TYPE hash, CK_RSA_PKCS_MGF_TYPE mgf, struct mech_use *u)
{
	const struct ck_hash *mask = ck_hash_of_mgf(mgf);

	if (libctx_md_size(hash) == 0)
		return err_set(INRO_E_MECHANISM_PARAM, "hash 0x%lx is not offered", hash);
	if (!mask || libctx_md_size(mask->mech) == 0)
		return err_set(INRO_E_MECHANISM_PARAM, "mask function 0x%lx is not offered", mgf);
	u->spec.digest = hash;
	u->spec.mgf_digest = mask->mech;
	return INRO_OK;
}

/* CK_RSA_PKCS_PSS_PARAMS; the hash in it must be the mechanism's if that has one. */
enum inro_err mech_par_pss(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_RSA_PKCS_PSS_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e)
		e = find_hash(p.hashAlg, p.mgf, u);
	if (e)
		return e;
	if (u->mech->digest != 0 && u->mech->digest != p.hashAlg)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "PSS hash 0x%lx does not fit mechanism 0x%lx", p.hashAlg,
			       u->mech->type);
	if (p.sLen > RSA_MAX_BITS / 8)
		return err_set(INRO_E_MECHANISM_PARAM, "a PSS salt of %lu bytes is too long",
			       p.sLen);
	u->spec.salt_len = p.sLen;
	return INRO_OK;
}

enum inro_err mech_oaep(const CK_RSA_PKCS_OAEP_PARAMS *p, struct mech_use *u)
{
	struct bytes label = BYTES_NONE;
	enum inro_err e = find_hash(p->hashAlg, p->mgf, u);

	if (!e)
		e = mech_bytes(p->pSourceData, p->ulSourceDataLen, 0, MECH_MAX_FIELD, &label);
	if (!e && p->source != CKZ_DATA_SPECIFIED && (p->source != 0 || label.n > 0))
		e = err_set(INRO_E_MECHANISM_PARAM, "OAEP label source 0x%lx is not known",
			    p->source);
	return e ? e : keep_one(u, label, &u->spec.label);
}

enum inro_err mech_par_oaep(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_RSA_PKCS_OAEP_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	return e ? e : mech_oaep(&p, u);
}

/* ---- signatures with a context ---- */

/* Without a parameter plain Ed25519; with one, Ed25519ctx or ph (6.3.16). */
enum inro_err mech_par_eddsa(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_EDDSA_PARAMS p;
	struct bytes context;
	enum inro_err e;

	(void)use;
	if (param.n == 0)
		return INRO_OK;
	e = mech_struct(param, &p, sizeof p);
	if (!e && p.phFlag > CK_TRUE)
		e = err_set(INRO_E_MECHANISM_PARAM, "phFlag is neither true nor false");
	if (!e)
		e = mech_bytes(p.pContextData, p.ulContextDataLen, 0, MAX_CONTEXT, &context);
	if (e)
		return e;
	u->spec.prehash = p.phFlag;
	u->spec.has_context = true;
	return keep_one(u, context, &u->spec.ad);
}

static enum inro_err keep_context(const CK_SIGN_ADDITIONAL_CONTEXT *p, struct mech_use *u)
{
	struct bytes context;
	enum inro_err e = mech_bytes(p->pContext, p->ulContextLen, 0, MAX_CONTEXT, &context);

	if (!e && p->hedgeVariant > CKH_DETERMINISTIC_REQUIRED)
		e = err_set(INRO_E_MECHANISM_PARAM, "hedge variant 0x%lx is not known",
			    p->hedgeVariant);
	if (e)
		return e;
	u->spec.deterministic = p->hedgeVariant == CKH_DETERMINISTIC_REQUIRED;
	return keep_one(u, context, &u->spec.ad);
}

/* ML-DSA, SLH-DSA (6.67, 6.68): absent means hedged, without a context. */
enum inro_err mech_par_context(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_SIGN_ADDITIONAL_CONTEXT p;
	enum inro_err e;

	(void)use;
	u->spec.digest = u->mech->digest;
	if (param.n == 0)
		return INRO_OK;
	e = mech_struct(param, &p, sizeof p);
	return e ? e : keep_context(&p, u);
}

/* The input is a hash, made by the one that is named. */
enum inro_err mech_par_hash_context(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_HASH_SIGN_ADDITIONAL_CONTEXT p;
	CK_SIGN_ADDITIONAL_CONTEXT same;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e && !pkey_hash_is_named(p.hash))
		e = err_set(INRO_E_MECHANISM_PARAM, "hash 0x%lx is not one to sign with", p.hash);
	if (e)
		return e;
	u->spec.digest = p.hash;
	same = (CK_SIGN_ADDITIONAL_CONTEXT) { p.hedgeVariant, p.pContext, p.ulContextLen };
	return keep_context(&same, u);
}

/* ---- MACs ---- */

#define BLOCK	16
#define BLOCK_8 8

static const struct {
	CK_MECHANISM_TYPE mac, digest;
} hmacs[] = {
	{ CKM_SHA_1_HMAC, CKM_SHA_1 },
	{ CKM_SHA224_HMAC, CKM_SHA224 },
	{ CKM_SHA256_HMAC, CKM_SHA256 },
	{ CKM_SHA384_HMAC, CKM_SHA384 },
	{ CKM_SHA512_HMAC, CKM_SHA512 },
	{ CKM_SHA512_224_HMAC, CKM_SHA512_224 },
	{ CKM_SHA512_256_HMAC, CKM_SHA512_256 },
	{ CKM_SHA3_224_HMAC, CKM_SHA3_224 },
	{ CKM_SHA3_256_HMAC, CKM_SHA3_256 },
	{ CKM_SHA3_384_HMAC, CKM_SHA3_384 },
	{ CKM_SHA3_512_HMAC, CKM_SHA3_512 },
	{ CKM_BLAKE2B_160_HMAC, CKM_BLAKE2B_160 },
	{ CKM_BLAKE2B_256_HMAC, CKM_BLAKE2B_256 },
	{ CKM_BLAKE2B_384_HMAC, CKM_BLAKE2B_384 },
	{ CKM_BLAKE2B_512_HMAC, CKM_BLAKE2B_512 },
};

size_t mech_mac_size(CK_MECHANISM_TYPE mac)
{
	if (mac == CKM_AES_CMAC || mac == CKM_AES_GMAC)
		return BLOCK;
	if (mac == CKM_INRO_TWINE_CMAC)
		return BLOCK_8;
	for (size_t i = 0; i < ARRAY_LEN(hmacs); i++) {
		if (hmacs[i].mac == mac)
			return libctx_md_size(hmacs[i].digest);
	}
	return 0;
}

/* CK_MAC_GENERAL_PARAMS: the MAC's first bytes.  At least four: SP 800-107 5.3.5. */
enum inro_err mech_par_mac_n(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_MAC_GENERAL_PARAMS n;
	size_t whole = mech_mac_size(u->mech->raw);
	enum inro_err e = mech_struct(param, &n, sizeof n);

	(void)use;
	if (!e && (n < MIN_MAC || n > whole))
		e = err_set(INRO_E_MECHANISM_PARAM, "a MAC of %lu bytes; %d to %zu can be", n,
			    MIN_MAC, whole);
	if (!e)
		u->spec.tag_n = n;
	return e;
}

/* ---- ciphers ---- */

static enum inro_err keep_iv(struct bytes param, size_t n, struct mech_use *u)
{
	struct bytes iv;
	enum inro_err e = mech_bytes(param.p, param.n, n, n, &iv);

	return e ? e : keep_one(u, iv, &u->spec.iv);
}

enum inro_err mech_par_iv16(struct bytes param, enum key_use use, struct mech_use *u)
{
	(void)use;
	return keep_iv(param, 16, u);
}

enum inro_err mech_par_iv8(struct bytes param, enum key_use use, struct mech_use *u)
{
	(void)use;
	return keep_iv(param, 8, u);
}

/* KW and KWP: the initial value of the standard, or another (6.13.9). */
enum inro_err mech_par_kw(struct bytes param, enum key_use use, struct mech_use *u)
{
	(void)use;
	return param.n == 0 ? INRO_OK : keep_iv(param, 8, u);
}

enum inro_err mech_par_kwp(struct bytes param, enum key_use use, struct mech_use *u)
{
	(void)use;
	return param.n == 0 ? INRO_OK : keep_iv(param, 4, u);
}

static enum inro_err keep_counter(CK_ULONG bits, struct bytes block, struct mech_use *u)
{
	if (bits == 0 || bits > 8 * block.n)
		return err_set(INRO_E_MECHANISM_PARAM, "a counter of %lu bits; 1 to %zu can be",
			       bits, 8 * block.n);
	u->spec.counter_bits = bits;
	return keep_iv(block, block.n, u);
}

enum inro_err mech_par_ctr(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_AES_CTR_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	return e ? e : keep_counter(p.ulCounterBits, BYTES(p.cb, sizeof p.cb), u);
}

enum inro_err mech_par_ctr8(struct bytes param, enum key_use use, struct mech_use *u)
{
	struct inro_twine_ctr_params p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	return e ? e : keep_counter(p.ulCounterBits, BYTES(p.cb, sizeof p.cb), u);
}

/* What the three structures of an AEAD have in common. */
struct aead {
	CK_BYTE *nonce;
	CK_ULONG nonce_n, fixed_bits;
	CK_GENERATOR_FUNCTION generator;
	const CK_BYTE *ad;
	CK_ULONG ad_n;
	size_t nonce_min, nonce_max;
};

/* The generators of a nonce leave the leading bits alone that are said to be fixed.  There is one
 * wrapping a call, so that what is new each time is random for all of them.  It is made in our own
 * room and then shown: another thread of the caller's may be writing to his. */
static enum inro_err make_nonce(const struct aead *a, struct bytes at, struct mech_use *u)
{
	CK_ULONG fixed = a->fixed_bits;
	uint8_t *p = (uint8_t *)(uintptr_t)at.p;
	uint8_t last = 0;

	if (a->generator > CKG_GENERATE_RANDOM || fixed > at.n * 8 || at.n * 8 - fixed < 64)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "nonce generator 0x%lx with %lu of %zu bits fixed is not offered",
			       a->generator, fixed, at.n * 8);
	if (fixed % 8)
		last = p[fixed / 8];
	enum inro_err e = random_fill(p + fixed / 8, at.n - fixed / 8);

	if (e)
		return e;
	if (fixed % 8) {
		uint8_t keep = (uint8_t)(0xff << (8 - fixed % 8));

		p[fixed / 8] = (uint8_t)((last & keep) | (p[fixed / 8] & ~keep));
	}
	u->fresh_bits = at.n * 8 - fixed;
	memcpy(a->nonce, p, at.n);
	return INRO_OK;
}

static enum inro_err keep_aead(const struct aead *a, enum key_use use, struct mech_use *u)
{
	struct bytes nonce, ad;
	enum inro_err e = mech_bytes(a->nonce, a->nonce_n, a->nonce_min, a->nonce_max, &nonce);

	if (!e)
		e = mech_bytes(a->ad, a->ad_n, 0, MECH_MAX_AD, &ad);
	if (!e)
		e = mech_room(u, nonce.n + ad.n);
	if (e)
		return e;
	u->spec.iv = mech_keep(u, nonce);
	u->spec.ad = mech_keep(u, ad);
	if (a->generator != CKG_NO_GENERATE && use == USE_WRAP)
		return make_nonce(a, u->spec.iv, u);
	return INRO_OK;
}

static enum inro_err gcm_tag(CK_ULONG bits, struct mech_use *u)
{
	if (bits < MIN_TAG_BITS || bits > MAX_TAG_BITS || bits % 8 != 0)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a GCM tag of %lu bits; %d to %d in steps of 8 can be", bits,
			       MIN_TAG_BITS, MAX_TAG_BITS);
	u->spec.tag_n = bits / 8;
	return INRO_OK;
}

/* CK_GCM_PARAMS as it was before 2.40's errata: without ulIvBits. */
struct old_gcm {
	CK_BYTE *iv;
	CK_ULONG iv_n;
	CK_BYTE *ad;
	CK_ULONG ad_n, tag_bits;
};

static enum inro_err gcm_old(struct bytes param, enum key_use use, struct mech_use *u)
{
	struct old_gcm p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	if (!e)
		e = gcm_tag(p.tag_bits, u);
	if (e)
		return e;
	return keep_aead(&(struct aead) { .nonce = p.iv,
					  .nonce_n = p.iv_n,
					  .ad = p.ad,
					  .ad_n = p.ad_n,
					  .nonce_min = 1,
					  .nonce_max = MECH_MAX_NONCE },
			 use, u);
}

static enum inro_err gcm_wrap(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_GCM_WRAP_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	if (!e)
		e = gcm_tag(p.ulTagBits, u);
	if (e)
		return e;
	return keep_aead(&(struct aead) { .nonce = p.pIv,
					  .nonce_n = p.ulIvLen,
					  .fixed_bits = p.ulIvFixedBits,
					  .generator = p.ivGenerator,
					  .ad = p.pAAD,
					  .ad_n = p.ulAADLen,
					  .nonce_min = 1,
					  .nonce_max = MECH_MAX_NONCE },
			 use, u);
}

/* CK_GCM_PARAMS (6.13.4).  ulIvBits says the same as ulIvLen, and many leave it 0. */
enum inro_err mech_par_gcm(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_GCM_PARAMS p;
	enum inro_err e;

	if (param.n == sizeof(struct old_gcm))
		return gcm_old(param, use, u);
	if (param.n == sizeof(CK_GCM_WRAP_PARAMS) && (use & (USE_WRAP | USE_UNWRAP)))
		return gcm_wrap(param, use, u);
	e = mech_struct(param, &p, sizeof p);
	if (!e && p.ulIvBits != 0 && p.ulIvBits / 8 != p.ulIvLen)
		e = err_set(INRO_E_MECHANISM_PARAM, "an IV of %lu bits in %lu bytes", p.ulIvBits,
			    p.ulIvLen);
	if (!e)
		e = gcm_tag(p.ulTagBits, u);
	if (e)
		return e;
	return keep_aead(&(struct aead) { .nonce = p.pIv,
					  .nonce_n = p.ulIvLen,
					  .ad = p.pAAD,
					  .ad_n = p.ulAADLen,
					  .nonce_min = 1,
					  .nonce_max = MECH_MAX_NONCE },
			 use, u);
}

/* The message is what GCM calls associated data (6.13.5). */
enum inro_err mech_par_gmac(struct bytes param, enum key_use use, struct mech_use *u)
{
	enum inro_err e = mech_par_gcm(param, use, u);

	if (!e && u->spec.ad.n > 0)
		e = err_set(INRO_E_MECHANISM_PARAM, "GMAC has its data in the call, not in pAAD");
	return e;
}

static enum inro_err ccm(CK_ULONG data_n, CK_ULONG tag_n, const struct aead *a, enum key_use use,
			 struct mech_use *u)
{
	CK_ULONG length_n;

	if (a->nonce_n < 7 || a->nonce_n > 13)
		return err_set(INRO_E_MECHANISM_PARAM, "a CCM nonce of %lu bytes; 7 to 13 can be",
			       a->nonce_n);
	if (tag_n < 8 || tag_n > 16 || tag_n % 2)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a CCM MAC of %lu bytes; 8 to 16, even, can be", tag_n);
	length_n = 15 - a->nonce_n;
	if (data_n > MAX_CCM_MESSAGE || (length_n < 8 && data_n >> (8 * length_n) != 0))
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a message of %lu bytes is too long for CCM with this nonce",
			       data_n);
	u->spec.data_n = data_n;
	u->spec.tag_n = tag_n;
	return keep_aead(a, use, u);
}

static enum inro_err ccm_wrap(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_CCM_WRAP_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	if (e)
		return e;
	return ccm(p.ulDataLen, p.ulMACLen,
		   &(struct aead) { .nonce = p.pNonce,
				    .nonce_n = p.ulNonceLen,
				    .fixed_bits = p.ulNonceFixedBits,
				    .generator = p.nonceGenerator,
				    .ad = p.pAAD,
				    .ad_n = p.ulAADLen,
				    .nonce_min = 7,
				    .nonce_max = 13 },
		   use, u);
}

enum inro_err mech_par_ccm(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_CCM_PARAMS p;
	enum inro_err e;

	if (param.n == sizeof(CK_CCM_WRAP_PARAMS) && (use & (USE_WRAP | USE_UNWRAP)))
		return ccm_wrap(param, use, u);
	e = mech_struct(param, &p, sizeof p);
	if (e)
		return e;
	return ccm(p.ulDataLen, p.ulMACLen,
		   &(struct aead) { .nonce = p.pNonce,
				    .nonce_n = p.ulNonceLen,
				    .ad = p.pAAD,
				    .ad_n = p.ulAADLen,
				    .nonce_min = 7,
				    .nonce_max = 13 },
		   use, u);
}

/* CK_CHACHA20_PARAMS: the block counter and the nonce, one behind the other, fill 16 bytes. */
enum inro_err mech_par_chacha(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_CHACHA20_PARAMS p;
	struct bytes counter, nonce;
	uint8_t iv[16];
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e && !(p.blockCounterBits == 32 && p.ulNonceBits == 96) &&
	    !(p.blockCounterBits == 64 && p.ulNonceBits == 64))
		e = err_set(INRO_E_MECHANISM_PARAM,
			    "ChaCha20 has a counter of 32 bits and a nonce of 96, or 64 and 64");
	if (!e)
		e = mech_bytes(p.pBlockCounter, p.blockCounterBits / 8, 4, 8, &counter);
	if (!e)
		e = mech_bytes(p.pNonce, p.ulNonceBits / 8, 8, 12, &nonce);
	if (e)
		return e;
	u->spec.counter_bits = p.blockCounterBits;
	memcpy(iv, counter.p, counter.n);
	memcpy(iv + counter.n, nonce.p, nonce.n);
	return keep_iv(BYTES(iv, sizeof iv), sizeof iv, u);
}

enum inro_err mech_par_poly1305(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_SALSA20_CHACHA20_POLY1305_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	if (e)
		return e;
	u->spec.tag_n = 16;
	return keep_aead(&(struct aead) { .nonce = p.pNonce,
					  .nonce_n = p.ulNonceLen,
					  .ad = p.pAAD,
					  .ad_n = p.ulAADLen,
					  .nonce_min = 12,
					  .nonce_max = 12 },
			 use, u);
}
