/* sign_rsa - RSA by a token: PKCS#1 v1.5, PSS, X9.31 and no padding, as the model says (signature.h). */
#include "provider/signature.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "base/cryptoki/hashes.h"
#include "provider/pss_pad.h"

/* What the program has set. */
struct settings {
	int padding, salt;
	char mgf1[64];
};

static enum inro_err read_settings(struct signature *s, struct settings *ret)
{
	EVP_PKEY_CTX *model = NULL;
	struct settings r = { .padding = RSA_PKCS1_PADDING };
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &r.padding),
		OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &r.salt),
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, r.mgf1,
						 sizeof r.mgf1),
		OSSL_PARAM_construct_end(),
	};
	enum inro_err e;

	/* Nothing was set: as libcrypto starts. */
	if (!s->model) {
		*ret = r;
		return INRO_OK;
	}
	e = signature_model(s, &model);
	if (e)
		return e;
	/* Salt and MGF1 have a value with PSS only. */
	if (EVP_PKEY_CTX_get_params(model, (OSSL_PARAM[]) { params[0], params[3] }) != 1 ||
	    (r.padding == RSA_PKCS1_PSS_PADDING && EVP_PKEY_CTX_get_params(model, params) != 1))
		return below_failed("reading the signature's settings");
	*ret = r;
	return INRO_OK;
}

static enum inro_err sign_pkcs1(struct signature *s, const struct settings *set, struct bytes input,
				uint8_t *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_PKCS };
	uint8_t info[32 + EVP_MAX_MD_SIZE];
	const struct ck_hash *hash = s->row ? ck_hash_find(s->row->mech) : NULL;
	struct bytes prefix = hash ? hash->digest_info : BYTES_NONE;

	(void)set;
	if (!s->md)
		return object_sign(s->key->object, &mech, input, out, n);
	if (!s->row || input.n > EVP_MAX_MD_SIZE)
		return err_set(INRO_E_UNSUPPORTED, "PKCS#1 v1.5 with %s is not offered",
			       EVP_MD_get0_name(s->md));
	if (prefix.n)
		memcpy(info, prefix.p, prefix.n);
	memcpy(info + prefix.n, input.p, input.n);
	return object_sign(s->key->object, &mech, BYTES(info, prefix.n + input.n), out, n);
}

/* The length in bytes that one of libcrypto's names for it stands for. */
static long salt_length(const struct signature *s, int salt)
{
	int digest = EVP_MD_get_size(s->md);
	/* What remains of the encoded message beside digest, salt and two octets (RFC 8017 9.1.1).
	 */
	int most = (EVP_PKEY_get_bits(s->key->pkey) + 6) / 8 - digest - 2;

	switch (salt) {
	case RSA_PSS_SALTLEN_DIGEST:
		return digest;
	case RSA_PSS_SALTLEN_AUTO:
	case RSA_PSS_SALTLEN_MAX:
		return most;
	case -4: /* RSA_PSS_SALTLEN_AUTO_DIGEST_MAX, from 3.1 on */
		return digest < most ? digest : most;
	default:
		return salt;
	}
}

static bool is_about_mechanism(enum inro_err e)
{
	return e == INRO_E_MECHANISM || e == INRO_E_MECHANISM_PARAM;
}

/* What was padded here. */
static enum inro_err sign_unpadded(struct signature *s, struct bytes padded, const char *padding,
				   uint8_t *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_X_509 };
	enum inro_err e = object_sign(s->key->object, &mech, padded, out, n);

	if (!is_about_mechanism(e))
		return e;
	return err_set(INRO_E_UNSUPPORTED,
		       "%s is not offered: the token has no mechanism for it, and key %s is not "
		       "allowed to sign without padding (CKM_RSA_X_509)",
		       padding, object_reference(s->key->object));
}

/* The token pads otherwise than the program wants: it is padded here. */
static enum inro_err sign_padded(struct signature *s, const char *mgf1, size_t salt,
				 struct bytes input, uint8_t *out, size_t *n)
{
	SCOPED(buf) padded = { 0 };
	struct pss_shape shape = { .md = s->md,
				   .salt = salt,
				   .bits = (size_t)EVP_PKEY_get_bits(s->key->pkey) };
	size_t size = (size_t)EVP_PKEY_get_size(s->key->pkey);
	OSSL_LIB_CTX *libctx;
	EVP_MD *mask;
	enum inro_err e = below_libctx(&s->key->prov->below, &libctx);

	if (e)
		return e;
	if (!buf_extend(&padded, size))
		return buf_err(&padded);
	mask = EVP_MD_fetch(libctx, mgf1, NULL);
	shape.mgf1 = mask;
	e = mask ? pss_pad(&shape, input, padded.p) : below_failed("fetching MGF1's digest");
	EVP_MD_free(mask);
	return e ? e : sign_unpadded(s, buf_bytes(&padded), "PSS with these digests and this salt", out, n);
}

/* INRO_E_MECHANISM, too, where Cryptoki has no number for a digest. */
static enum inro_err sign_pss_by_token(struct signature *s, const char *mgf1_name, CK_ULONG salt,
				       struct bytes input, uint8_t *out, size_t *n)
{
	const struct digest *mask = digest_named(mgf1_name);
	const struct ck_hash *mgf1 = mask ? ck_hash_find(mask->mech) : NULL;
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_MECHANISM mech = { CKM_RSA_PKCS_PSS, &pss, sizeof pss };

	if (!s->row || !s->row->mech || !mgf1 || !mgf1->mgf)
		return err_set(INRO_E_MECHANISM, "PSS with %s and MGF1 %s is not offered",
			       EVP_MD_get0_name(s->md), mgf1_name);
	pss = (CK_RSA_PKCS_PSS_PARAMS) { s->row->mech, mgf1->mgf, salt };
	return object_sign(s->key->object, &mech, input, out, n);
}

static enum inro_err sign_pss(struct signature *s, const struct settings *set, struct bytes input,
			      uint8_t *out, size_t *n)
{
	long salt = s->md ? salt_length(s, set->salt) : 0;
	size_t room = *n;
	enum inro_err e;

	if (!s->md) /* of a key of RSA-PSS that is bound to none */
		return err_set(INRO_E_ARG, "PSS needs a digest: name one");
	if (salt < 0)
		return err_set(INRO_E_KEY_SIZE, "the RSA key is too short for PSS with %s",
			       EVP_MD_get0_name(s->md));
	e = sign_pss_by_token(s, set->mgf1, (CK_ULONG)salt, input, out, n);
	if (!is_about_mechanism(e) || s->key->type != &key_types[KEY_TYPE_rsa])
		return e;
	*n = room;
	return sign_padded(s, set->mgf1, (size_t)salt, input, out, n);
}

/* What stands for the digest's kind behind it in X9.31 (ISO/IEC 10118). */
static uint8_t x931_number(const struct digest *row)
{
	static const struct {
		CK_MECHANISM_TYPE mech;
		uint8_t number;
	} rows[] = {
		{ CKM_SHA_1, 0x33 }, { CKM_SHA256, 0x34 }, { CKM_SHA384, 0x36 }, { CKM_SHA512, 0x35 }
	};

	for (size_t i = 0; row && i < ARRAY_LEN(rows); i++)
		if (rows[i].mech == row->mech)
			return rows[i].number;
	return 0;
}

/* Of the signature and what it lacks to the modulus X9.31 takes the smaller. */
static enum inro_err take_smaller(const struct signature *s, uint8_t *sig, size_t n)
{
	BIGNUM *modulus = NULL, *is = BN_bin2bn(sig, (int)n, NULL), *other = BN_new();
	bool ok = is && other &&
		  EVP_PKEY_get_bn_param(s->key->pkey, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
		  BN_sub(other, modulus, is) == 1 && !BN_is_negative(other) &&
		  BN_bn2binpad(BN_cmp(is, other) > 0 ? other : is, sig, (int)n) == (int)n;

	BN_free(other);
	BN_free(is);
	BN_free(modulus);
	return ok ? INRO_OK : below_failed("a signature of X9.31");
}

/* 6B BB .. BB BA, digest, number, CC: no token is asked for a mechanism that hardly one has. */
static enum inro_err sign_x931(struct signature *s, const struct settings *set, struct bytes input,
			       uint8_t *out, size_t *n)
{
	SCOPED(buf) padded = { 0 };
	size_t size = (size_t)EVP_PKEY_get_size(s->key->pkey);
	uint8_t number = x931_number(s->row), *p;
	enum inro_err e;

	(void)set;
	if (!number || input.n + 4 > size)
		return err_set(INRO_E_UNSUPPORTED, "X9.31 with %s is not offered",
			       s->md ? EVP_MD_get0_name(s->md) : "no digest");
	p = buf_extend(&padded, size);
	if (!p)
		return buf_err(&padded);
	memset(p, 0xbb, size);
	p[0] = 0x6b;
	p[size - input.n - 3] = 0xba;
	memcpy(p + size - input.n - 2, input.p, input.n);
	p[size - 2] = number;
	p[size - 1] = 0xcc;
	e = sign_unpadded(s, buf_bytes(&padded), "X9.31", out, n);
	return e ? e : take_smaller(s, out, *n);
}

static enum inro_err sign_raw(struct signature *s, const struct settings *set, struct bytes input,
			      uint8_t *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_X_509 };
	size_t size = (size_t)EVP_PKEY_get_size(s->key->pkey);

	(void)set;
	if (input.n != size) /* a token would take fewer, and zeros before them */
		return err_set(INRO_E_DATA_LENGTH, "without padding %zu bytes are signed, not %zu", size, input.n);
	return object_sign(s->key->object, &mech, input, out, n);
}

static enum inro_err sign(struct signature *s, struct bytes input, uint8_t *out, size_t *n)
{
	static const struct {
		int padding;
		enum inro_err (*sign)(struct signature *s, const struct settings *set,
				      struct bytes input, uint8_t *out, size_t *n);
	} paddings[] = {
		{ RSA_PKCS1_PADDING, sign_pkcs1 },
		{ RSA_PKCS1_PSS_PADDING, sign_pss },
		{ RSA_NO_PADDING, sign_raw },
		{ RSA_X931_PADDING, sign_x931 },
	};
	struct settings set;
	enum inro_err e = read_settings(s, &set);

	if (e)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(paddings); i++)
		if (paddings[i].padding == set.padding)
			return paddings[i].sign(s, &set, input, out, n);
	return err_set(INRO_E_UNSUPPORTED, "token keys sign with PKCS#1 v1.5, PSS, X9.31 or no padding");
}

const struct signature_type signature_rsa = { .has_settings = true, .sign = sign };
