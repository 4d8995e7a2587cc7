/*
 * mech_message - parameters of one message: CK_GCM_MESSAGE_PARAMS, CK_CCM_MESSAGE_PARAMS,
 * CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS (PKCS#11 3.2 6.13.4, 6.63); a key that is wrapped with
 * associated data is one, too (5.18.6, 6.13.4).
 */
#include "pkcs11/token/mech_private.h"

static enum inro_err read_gcm(struct bytes param, struct mech_message *ret)
{
	CK_GCM_MESSAGE_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	if (e)
		return e;
	if (p.ulTagBits < 8 * MIN_GCM_TAG || p.ulTagBits > 128 || p.ulTagBits % 8)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a GCM tag of %lu bits; %d to 128 in steps of 8 can be", p.ulTagBits,
			       8 * MIN_GCM_TAG);
	*ret = (struct mech_message) { .nonce = p.pIv,
				       .nonce_n = p.ulIvLen,
				       .fixed_bits = p.ulIvFixedBits,
				       .generator = p.ivGenerator,
				       .tag = p.pTag,
				       .tag_n = p.ulTagBits / 8 };
	return INRO_OK;
}

static enum inro_err read_ccm(struct bytes param, struct mech_message *ret)
{
	CK_CCM_MESSAGE_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	if (e)
		return e;
	if (p.ulMACLen < 8 || p.ulMACLen > 16 || p.ulMACLen % 2)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a CCM MAC of %lu bytes; 8 to 16, even, can be", p.ulMACLen);
	*ret = (struct mech_message) { .nonce = p.pNonce,
				       .nonce_n = p.ulNonceLen,
				       .fixed_bits = p.ulNonceFixedBits,
				       .generator = p.nonceGenerator,
				       .tag = p.pMAC,
				       .tag_n = p.ulMACLen,
				       .data_n = p.ulDataLen };
	return INRO_OK;
}

static enum inro_err read_poly1305(struct bytes param, struct mech_message *ret)
{
	CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	if (!e)
		*ret = (struct mech_message) {
			.nonce = p.pNonce, .nonce_n = p.ulNonceLen, .tag = p.pTag, .tag_n = 16
		};
	return e;
}

/* ---- as the parameter of C_WrapKey, with the associated data in it ---- */

/* Cryptoki knows no const. */
static CK_BYTE *data_of(struct bytes ad)
{
	return (CK_BYTE *)(uintptr_t)ad.p;
}

static enum inro_err seal_gcm(const struct mech_message *p, struct bytes ad, enum key_use use,
			      struct mech_use *u)
{
	const CK_GCM_WRAP_PARAMS w = { .pIv = p->nonce,
				       .ulIvLen = p->nonce_n,
				       .ulIvFixedBits = p->fixed_bits,
				       .ivGenerator = p->generator,
				       .pAAD = data_of(ad),
				       .ulAADLen = ad.n,
				       .ulTagBits = p->tag_n * 8 };

	return mech_par_gcm(BYTES(&w, sizeof w), use, u);
}

static enum inro_err seal_ccm(const struct mech_message *p, struct bytes ad, enum key_use use,
			      struct mech_use *u)
{
	const CK_CCM_WRAP_PARAMS w = { .ulDataLen = p->data_n,
				       .pNonce = p->nonce,
				       .ulNonceLen = p->nonce_n,
				       .ulNonceFixedBits = p->fixed_bits,
				       .nonceGenerator = p->generator,
				       .pAAD = data_of(ad),
				       .ulAADLen = ad.n,
				       .ulMACLen = p->tag_n };

	return mech_par_ccm(BYTES(&w, sizeof w), use, u);
}

static enum inro_err seal_poly1305(const struct mech_message *p, struct bytes ad, enum key_use use,
				   struct mech_use *u)
{
	const CK_SALSA20_CHACHA20_POLY1305_PARAMS w = { .pNonce = p->nonce,
							.ulNonceLen = p->nonce_n,
							.pAAD = data_of(ad),
							.ulAADLen = ad.n };

	return mech_par_poly1305(BYTES(&w, sizeof w), use, u);
}

static const struct kind {
	CK_MECHANISM_TYPE type;
	size_t param_n, nonce_min, nonce_max;
	enum inro_err (*read)(struct bytes param, struct mech_message *ret);
	enum inro_err (*seal)(const struct mech_message *p, struct bytes ad, enum key_use use,
			      struct mech_use *u);
} kinds[] = {
	{ CKM_AES_GCM, sizeof(CK_GCM_MESSAGE_PARAMS), 1, MECH_MAX_NONCE, read_gcm, seal_gcm },
	{ CKM_AES_CCM, sizeof(CK_CCM_MESSAGE_PARAMS), 7, 13, read_ccm, seal_ccm },
	{ CKM_CHACHA20_POLY1305, sizeof(CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS), 12, 12,
	  read_poly1305, seal_poly1305 },
};

static const struct kind *find_kind(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i].type == type)
			return &kinds[i];
	}
	return NULL;
}

enum inro_err mech_open_message(const CK_MECHANISM *mechanism, enum key_use use,
				const CK_MECHANISM_TYPE *backend, struct mech_use *ret)
{
	const struct kind *kind = mechanism ? find_kind(mechanism->mechanism) : NULL;
	const struct mech *m = kind ? mech_find(kind->type) : NULL;

	mech_use_clear(ret);
	if (!m || !(m->uses & use) || !mech_offered(m, backend))
		return err_set(INRO_E_MECHANISM, "the mechanism is not offered for messages");
	if (mechanism->ulParameterLen != 0 &&
	    (!mechanism->pParameter || mechanism->ulParameterLen != kind->param_n))
		return err_set(INRO_E_MECHANISM_PARAM,
			       "the parameter is that of a message, %zu bytes, or none",
			       kind->param_n);
	ret->mech = m;
	ret->spec.mech = m->type;
	return INRO_OK;
}

enum inro_err mech_message_read(const struct mech *m, struct bytes param, struct mech_message *ret)
{
	const struct kind *kind = find_kind(m->type);
	struct mech_message p;
	enum inro_err e;

	if (!kind || (param.n > 0 && !param.p))
		return err_set(INRO_E_MECHANISM_PARAM, "a message needs its parameter");
	e = kind->read(param, &p);
	if (e)
		return e;
	if (!p.nonce || p.nonce_n < kind->nonce_min || p.nonce_n > kind->nonce_max || !p.tag)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "a message needs room for its nonce, %zu to %zu bytes, and its tag",
			       kind->nonce_min, kind->nonce_max);
	*ret = p;
	return INRO_OK;
}

static enum inro_err seal_with(const struct mech_sealing *what, struct mech_use *u,
			       struct room *ret_tag)
{
	struct bytes param = BYTES(what->mechanism->pParameter, what->mechanism->ulParameterLen);
	struct mech_message p;
	enum inro_err e = mech_message_read(u->mech, param, &p);

	if (!e)
		e = find_kind(u->mech->type)->seal(&p, what->ad, what->use, u);
	if (!e)
		*ret_tag = (struct room) { p.tag, p.tag_n };
	return e;
}

enum inro_err mech_open_sealing(const struct mech_sealing *what, const CK_MECHANISM_TYPE *backend,
				struct mech_use *ret, struct room *ret_tag)
{
	enum inro_err e = INRO_OK;

	if (!find_kind(what->mechanism->mechanism))
		e = err_set(INRO_E_MECHANISM, "mechanism 0x%lx takes no associated data",
			    what->mechanism->mechanism);
	if (!e && what->ad.n > MECH_MAX_AD)
		e = err_set(INRO_E_DATA_LENGTH, "at most %zu bytes of associated data can be",
			    MECH_MAX_AD);
	if (!e)
		e = mech_open_message(what->mechanism, what->use, backend, ret);
	if (!e) {
		e = seal_with(what, ret, ret_tag);
		if (e)
			mech_use_clear(ret);
	}
	return e;
}
