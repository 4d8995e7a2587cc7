/* tkey_can - the tables of what a TPM can hold and do. */
#include "tpm/token/tkey_private.h"

#include <openssl/obj_mac.h>

#include "base/own.h"

/* ---- hashes ---- */

static const struct thash {
	CK_MECHANISM_TYPE hash;
	TPM2_ALG_ID alg;
	size_t n;
	uint32_t cap;
} hashes[] = {
	{ CKM_SHA_1, TPM2_ALG_SHA1, 20, CAP_SHA1 },
	{ CKM_SHA256, TPM2_ALG_SHA256, 32, CAP_SHA256 },
	{ CKM_SHA384, TPM2_ALG_SHA384, 48, CAP_SHA384 },
	{ CKM_SHA512, TPM2_ALG_SHA512, 64, CAP_SHA512 },
};

TPM2_ALG_ID tkey_hash(uint32_t caps, CK_MECHANISM_TYPE hash)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].hash == hash && (caps & hashes[i].cap))
			return hashes[i].alg;
	return TPM2_ALG_NULL;
}

/* Not SHA-1: its name would be too short for an authValue of 32 bytes. */
TPM2_ALG_ID tkey_hmac_name(uint32_t caps, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (n >= TKEY_AUTH && hashes[i].n == n && (caps & hashes[i].cap))
			return hashes[i].alg;
	return TPM2_ALG_NULL;
}

/* ---- keys ---- */

static const struct tkey_curve curves[] = {
	{ NID_X9_62_prime256v1, TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 32, CAP_P256 | CAP_SHA256 },
	{ NID_secp384r1, TPM2_ECC_NIST_P384, TPM2_ALG_SHA384, 48, CAP_P384 | CAP_SHA384 },
	{ NID_secp521r1, TPM2_ECC_NIST_P521, TPM2_ALG_SHA512, 64, CAP_P521 | CAP_SHA512 },
};

const struct tkey_curve *tkey_curve_find(const struct curve *curve)
{
	for (size_t i = 0; curve->kind == KEY_EC && i < ARRAY_LEN(curves); i++)
		if (curves[i].nid == curve->nid)
			return &curves[i];
	return NULL;
}

static const struct {
	CK_ULONG bits; /* 0: not known yet */
	uint32_t cap;
} moduli[] = {
	{ 0, CAP_RSA_2048 },
	{ 2048, CAP_RSA_2048 },
	{ 3072, CAP_RSA_3072 },
	{ 4096, CAP_RSA_4096 },
};

static bool holds_rsa(uint32_t caps, const struct key_spec *spec)
{
	static const uint8_t f4[] = { 1, 0, 1 };

	if (spec->params.n && !bytes_equal(spec->params, BYTES(f4, sizeof f4)))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(moduli); i++)
		if (moduli[i].bits == spec->bits)
			return (caps & moduli[i].cap) != 0;
	return false;
}

static bool holds_ec(uint32_t caps, const struct key_spec *spec)
{
	const struct curve *curve = NULL;
	const struct tkey_curve *known;

	if (!spec->params.n) /* not known yet */
		return (caps & CAP_P256) != 0;
	if (curve_find(spec->params, &curve))
		return false;
	known = tkey_curve_find(curve);
	return known && (caps & known->caps) == known->caps;
}

static const CK_KEY_TYPE hmac_types[] = { CKK_GENERIC_SECRET, CKK_SHA_1_HMAC, CKK_SHA256_HMAC,
					  CKK_SHA384_HMAC, CKK_SHA512_HMAC };

bool tkey_is_hmac(CK_KEY_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(hmac_types); i++)
		if (hmac_types[i] == type)
			return true;
	return false;
}

static bool holds_secret(uint32_t caps, const struct key_spec *spec)
{
	if (tkey_is_hmac(spec->key_type))
		return (caps & CAP_HMAC) && spec->n <= TKEY_MAX_HMAC;
	if (spec->key_type != CKK_AES)
		return false;
	return (caps & CAP_AES_128 && (spec->n == 16 || !spec->n)) ||
	       (caps & CAP_AES_256 && spec->n == 32);
}

static bool (*const holds[KEY_KIND__MAX])(uint32_t caps, const struct key_spec *spec) = {
	[KEY_RSA] = holds_rsa,
	[KEY_EC] = holds_ec,
	[KEY_SECRET] = holds_secret,
};

bool tkey_can_hold(uint32_t caps, const struct key_spec *spec)
{
	return !spec->extractable && spec->kind < KEY_KIND__MAX && holds[spec->kind] &&
	       holds[spec->kind](caps, spec);
}

bool tkey_can_make(uint32_t caps, const struct key_spec *spec)
{
	TPM2_ALG_ID name;

	if (!tkey_can_hold(caps, spec))
		return false;
	if (spec->kind == KEY_EC)
		return spec->params.n != 0;
	if (spec->kind == KEY_RSA)
		return spec->bits != 0;
	if (!tkey_is_hmac(spec->key_type))
		return spec->n != 0;
	/* the policy for moving is made with SHA-256 */
	name = tkey_hmac_name(caps, spec->n);
	return name != TPM2_ALG_NULL && (!spec->duplicable || name == TPM2_ALG_SHA256);
}

/* ---- mechanisms ---- */

/* Of secret keys.  HMAC keys of type CKK_GENERIC_SECRET do them all. */
static const struct tmech {
	CK_MECHANISM_TYPE mech;
	CK_KEY_TYPE type;
	TPM2_ALG_ID alg;
	uint32_t caps;
} tmechs[] = {
	{ CKM_SHA_1_HMAC, CKK_SHA_1_HMAC, TPM2_ALG_SHA1, CAP_HMAC | CAP_SHA1 },
	{ CKM_SHA_1_HMAC_GENERAL, CKK_SHA_1_HMAC, TPM2_ALG_SHA1, CAP_HMAC | CAP_SHA1 },
	{ CKM_SHA256_HMAC, CKK_SHA256_HMAC, TPM2_ALG_SHA256, CAP_HMAC | CAP_SHA256 },
	{ CKM_SHA256_HMAC_GENERAL, CKK_SHA256_HMAC, TPM2_ALG_SHA256, CAP_HMAC | CAP_SHA256 },
	{ CKM_SHA384_HMAC, CKK_SHA384_HMAC, TPM2_ALG_SHA384, CAP_HMAC | CAP_SHA384 },
	{ CKM_SHA384_HMAC_GENERAL, CKK_SHA384_HMAC, TPM2_ALG_SHA384, CAP_HMAC | CAP_SHA384 },
	{ CKM_SHA512_HMAC, CKK_SHA512_HMAC, TPM2_ALG_SHA512, CAP_HMAC | CAP_SHA512 },
	{ CKM_SHA512_HMAC_GENERAL, CKK_SHA512_HMAC, TPM2_ALG_SHA512, CAP_HMAC | CAP_SHA512 },
	{ CKM_AES_ECB, CKK_AES, TPM2_ALG_ECB, CAP_ECB },
	{ CKM_AES_CBC, CKK_AES, TPM2_ALG_CBC, CAP_CBC },
	{ CKM_AES_CBC_PAD, CKK_AES, TPM2_ALG_CBC, CAP_CBC },
	{ CKM_AES_CTR, CKK_AES, TPM2_ALG_CTR, CAP_CTR },
	{ CKM_AES_CFB128, CKK_AES, TPM2_ALG_CFB, CAP_CFB },
};

static const struct tmech *tmech_find(uint32_t caps, CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(tmechs); i++)
		if (tmechs[i].mech == mech && (caps & tmechs[i].caps) == tmechs[i].caps)
			return &tmechs[i];
	return NULL;
}

TPM2_ALG_ID tkey_secret_alg(uint32_t caps, CK_MECHANISM_TYPE mech)
{
	const struct tmech *m = tmech_find(caps, mech);

	return m ? m->alg : TPM2_ALG_NULL;
}

static bool secret_does(uint32_t caps, const struct key_spec *spec, CK_MECHANISM_TYPE mech,
			enum key_use use)
{
	const struct tmech *m = tmech_find(caps, mech);
	bool aes = m && m->type == CKK_AES;

	if (!m || !(use & (aes ? USE_ENCRYPT | USE_DECRYPT : USE_SIGN | USE_VERIFY)))
		return false;
	return spec->key_type == m->type || (!aes && spec->key_type == CKK_GENERIC_SECRET);
}

static const struct {
	CK_MECHANISM_TYPE mech;
	enum key_kind kind;
	enum key_use use;
	CK_KEY_TYPE type; /* KEY_SECRET */
} makes[] = {
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, KEY_RSA, USE_GENERATE_PAIR, 0 },
	{ CKM_EC_KEY_PAIR_GEN, KEY_EC, USE_GENERATE_PAIR, 0 },
	{ CKM_AES_KEY_GEN, KEY_SECRET, USE_GENERATE, CKK_AES },
	{ CKM_GENERIC_SECRET_KEY_GEN, KEY_SECRET, USE_GENERATE, CKK_GENERIC_SECRET },
	{ CKM_SHA_1_KEY_GEN, KEY_SECRET, USE_GENERATE, CKK_SHA_1_HMAC },
	{ CKM_SHA256_KEY_GEN, KEY_SECRET, USE_GENERATE, CKK_SHA256_HMAC },
	{ CKM_SHA384_KEY_GEN, KEY_SECRET, USE_GENERATE, CKK_SHA384_HMAC },
	{ CKM_SHA512_KEY_GEN, KEY_SECRET, USE_GENERATE, CKK_SHA512_HMAC },
};

static bool is_made(uint32_t caps, const struct key_spec *spec, CK_MECHANISM_TYPE mech,
		    enum key_use use)
{
	for (size_t i = 0; i < ARRAY_LEN(makes); i++)
		if (makes[i].mech == mech && makes[i].use == use && makes[i].kind == spec->kind)
			return (spec->kind != KEY_SECRET || makes[i].type == spec->key_type) &&
			       tkey_can_make(caps, spec);
	return false;
}

bool tkey_can_do(uint32_t caps, const struct key_spec *spec, CK_MECHANISM_TYPE mech,
		 enum key_use use)
{
	if (use == USE_GENERATE || use == USE_GENERATE_PAIR)
		return is_made(caps, spec, mech, use);
	if (spec->kind == KEY_SECRET)
		return secret_does(caps, spec, mech, use);
	/* the TPM does the bare operation, everything around it is done here */
	return (spec->kind == KEY_RSA || spec->kind == KEY_EC) &&
	       pkey_mech_fits(mech, spec->kind, use);
}
