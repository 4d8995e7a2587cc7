/* mech - the table, and the parameters that can be in it. */
#include "pkcs11/token/mech.h"

#include <string.h>

#include "pkcs11/token/keyder.h"
#include "pkcs11/token/libctx.h"

#define BOTH	(USE_SIGN | USE_VERIFY)
#define EC_FORM (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)
#define RSA	KEY_RSA, BOTH, RSA_MIN_BITS, RSA_MAX_BITS, 0
#define RSA_OLD KEY_RSA, USE_VERIFY, RSA_MIN_BITS, RSA_MAX_BITS, 0
#define EC	KEY_EC, BOTH, EC_MIN_BITS, EC_MAX_BITS, EC_FORM
#define EC_OLD	KEY_EC, USE_VERIFY, EC_MIN_BITS, EC_MAX_BITS, EC_FORM
#define DIGEST	KEY_NONE, USE_DIGEST, 0, 0, 0

#define EC_MIN_BITS 256
#define EC_MAX_BITS 521

static mech_param_fn par_none, par_pss;

/* SHA-1 signatures are verified, for what was signed long ago, and no longer made. */
static const struct mech mechs[] = {
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, 0, CKM_RSA_PKCS, KEY_RSA, USE_GENERATE_PAIR, RSA_MIN_BITS,
	  RSA_MAX_BITS, 0, par_none },
	{ CKM_RSA_PKCS, 0, CKM_RSA_PKCS, RSA, par_none },
	{ CKM_SHA1_RSA_PKCS, CKM_SHA_1, CKM_RSA_PKCS, RSA_OLD, par_none },
	{ CKM_RSA_PKCS_PSS, 0, CKM_RSA_PKCS_PSS, RSA, par_pss },
	{ CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKM_RSA_PKCS_PSS, RSA_OLD, par_pss },
	{ CKM_SHA256_RSA_PKCS, CKM_SHA256, CKM_RSA_PKCS, RSA, par_none },
	{ CKM_SHA384_RSA_PKCS, CKM_SHA384, CKM_RSA_PKCS, RSA, par_none },
	{ CKM_SHA512_RSA_PKCS, CKM_SHA512, CKM_RSA_PKCS, RSA, par_none },
	{ CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKM_RSA_PKCS_PSS, RSA, par_pss },
	{ CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKM_RSA_PKCS_PSS, RSA, par_pss },
	{ CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKM_RSA_PKCS_PSS, RSA, par_pss },
	{ CKM_SHA224_RSA_PKCS, CKM_SHA224, CKM_RSA_PKCS, RSA, par_none },
	{ CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKM_RSA_PKCS_PSS, RSA, par_pss },
	{ CKM_SHA_1, CKM_SHA_1, 0, DIGEST, par_none },
	{ CKM_SHA256, CKM_SHA256, 0, DIGEST, par_none },
	{ CKM_SHA224, CKM_SHA224, 0, DIGEST, par_none },
	{ CKM_SHA384, CKM_SHA384, 0, DIGEST, par_none },
	{ CKM_SHA512, CKM_SHA512, 0, DIGEST, par_none },
	{ CKM_EC_KEY_PAIR_GEN, 0, CKM_ECDSA, KEY_EC, USE_GENERATE_PAIR, EC_MIN_BITS, EC_MAX_BITS,
	  EC_FORM, par_none },
	{ CKM_ECDSA, 0, CKM_ECDSA, EC, par_none },
	{ CKM_ECDSA_SHA1, CKM_SHA_1, CKM_ECDSA, EC_OLD, par_none },
	{ CKM_ECDSA_SHA224, CKM_SHA224, CKM_ECDSA, EC, par_none },
	{ CKM_ECDSA_SHA256, CKM_SHA256, CKM_ECDSA, EC, par_none },
	{ CKM_ECDSA_SHA384, CKM_SHA384, CKM_ECDSA, EC, par_none },
	{ CKM_ECDSA_SHA512, CKM_SHA512, CKM_ECDSA, EC, par_none },
};

static const struct {
	unsigned use;
	CK_FLAGS flag;
} use_flags[] = {
	{ USE_SIGN, CKF_SIGN },	      { USE_VERIFY, CKF_VERIFY },
	{ USE_ENCRYPT, CKF_ENCRYPT }, { USE_DECRYPT, CKF_DECRYPT },
	{ USE_DERIVE, CKF_DERIVE },   { USE_WRAP, CKF_WRAP },
	{ USE_UNWRAP, CKF_UNWRAP },   { USE_GENERATE, CKF_GENERATE },
	{ USE_DIGEST, CKF_DIGEST },   { USE_GENERATE_PAIR, CKF_GENERATE_KEY_PAIR },
};

static const struct {
	CK_RSA_PKCS_MGF_TYPE mgf;
	CK_MECHANISM_TYPE digest;
} mgfs[] = {
	{ CKG_MGF1_SHA1, CKM_SHA_1 },	 { CKG_MGF1_SHA224, CKM_SHA224 },
	{ CKG_MGF1_SHA256, CKM_SHA256 }, { CKG_MGF1_SHA384, CKM_SHA384 },
	{ CKG_MGF1_SHA512, CKM_SHA512 },
};

static enum inro_err par_none(const struct mech *m, struct bytes param, struct use_spec *ret)
{
	if (param.n != 0)
		return err_set(INRO_E_MECHANISM_PARAM, "mechanism 0x%lx takes no parameter",
			       m->type);
	*ret = (struct use_spec) { .mech = m->type };
	return INRO_OK;
}

static CK_MECHANISM_TYPE mgf_digest(CK_RSA_PKCS_MGF_TYPE mgf)
{
	for (size_t i = 0; i < ARRAY_LEN(mgfs); i++) {
		if (mgfs[i].mgf == mgf)
			return mgfs[i].digest;
	}
	return 0;
}

/* CK_RSA_PKCS_PSS_PARAMS; the hash in it must be the mechanism's if that has one. */
static enum inro_err par_pss(const struct mech *m, struct bytes param, struct use_spec *ret)
{
	CK_RSA_PKCS_PSS_PARAMS p;

	if (param.n != sizeof p)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "PSS needs CK_RSA_PKCS_PSS_PARAMS, got "
			       "%zu bytes",
			       param.n);
	memcpy(&p, param.p, sizeof p);
	if (libctx_md_size(p.hashAlg) == 0 || (m->digest != 0 && m->digest != p.hashAlg))
		return err_set(INRO_E_MECHANISM_PARAM,
			       "PSS hash 0x%lx does not fit mechanism "
			       "0x%lx",
			       p.hashAlg, m->type);
	if (mgf_digest(p.mgf) == 0)
		return err_set(INRO_E_MECHANISM_PARAM, "PSS mask function 0x%lx is not known",
			       p.mgf);
	if (p.sLen > RSA_MAX_BITS / 8)
		return err_set(INRO_E_MECHANISM_PARAM, "a PSS salt of %lu bytes is too long",
			       p.sLen);
	*ret = (struct use_spec) { .mech = m->type,
				   .digest = p.hashAlg,
				   .mgf_digest = mgf_digest(p.mgf),
				   .salt_len = p.sLen };
	return INRO_OK;
}

const struct mech *mech_at(size_t i)
{
	return i < ARRAY_LEN(mechs) ? &mechs[i] : NULL;
}

const struct mech *mech_find(CK_MECHANISM_TYPE type)
{
	size_t low = 0, high = ARRAY_LEN(mechs);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (mechs[mid].type == type)
			return &mechs[mid];
		if (mechs[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool mech_offered(const struct mech *m, const CK_MECHANISM_TYPE *backend)
{
	if (m->raw == 0)
		return true;
	while (*backend < m->raw)
		backend++;
	return *backend == m->raw;
}

CK_FLAGS mech_flags(const struct mech *m)
{
	CK_FLAGS flags = m->flags;

	for (size_t i = 0; i < ARRAY_LEN(use_flags); i++) {
		if (m->uses & use_flags[i].use)
			flags |= use_flags[i].flag;
	}
	return flags;
}

enum inro_err mech_open(CK_MECHANISM_TYPE type, struct bytes param, enum key_use use,
			const CK_MECHANISM_TYPE *backend, const struct mech **ret,
			struct use_spec *ret_spec)
{
	const struct mech *m = mech_find(type);
	struct use_spec spec;

	if (!m || !(m->uses & use) || !mech_offered(m, backend))
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx is not offered for this", type);
	enum inro_err e = m->param(m, param, &spec);

	if (e)
		return e;
	*ret = m;
	*ret_spec = spec;
	return INRO_OK;
}
