/* sign_rsa - RSA by a token: PKCS#1 v1.5, PSS and no padding, as the model says (signature.h). */
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

/* The token pads otherwise than the program wants: it is padded here. */
static enum inro_err sign_padded(struct signature *s, const char *mgf1, size_t salt,
				 struct bytes input, uint8_t *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_X_509 };
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
	return e ? e : object_sign(s->key->object, &mech, buf_bytes(&padded), out, n);
}

static bool is_about_mechanism(enum inro_err e)
{
	return e == INRO_E_MECHANISM || e == INRO_E_MECHANISM_PARAM;
}

static enum inro_err sign_pss(struct signature *s, const struct settings *set, struct bytes input,
			      uint8_t *out, size_t *n)
{
	const struct digest *mask = digest_named(set->mgf1);
	const struct ck_hash *mgf1 = mask ? ck_hash_find(mask->mech) : NULL;
	long salt = s->md ? salt_length(s, set->salt) : -1;
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_MECHANISM mech = { CKM_RSA_PKCS_PSS, &pss, sizeof pss };
	size_t room = *n;
	enum inro_err e;

	if (!s->row || !s->row->mech || !mgf1 || !mgf1->mgf)
		return err_set(INRO_E_UNSUPPORTED, "PSS with %s and MGF1 %s is not offered",
			       s->md ? EVP_MD_get0_name(s->md) : "no digest", set->mgf1);
	if (salt < 0)
		return err_set(INRO_E_KEY_SIZE, "the RSA key is too short for PSS with %s",
			       EVP_MD_get0_name(s->md));
	pss = (CK_RSA_PKCS_PSS_PARAMS) { s->row->mech, mgf1->mgf, (CK_ULONG)salt };
	e = object_sign(s->key->object, &mech, input, out, n);
	if (!is_about_mechanism(e) || s->key->type != &key_types[KEY_TYPE_rsa])
		return e;
	*n = room;
	return sign_padded(s, set->mgf1, (size_t)salt, input, out, n);
}

static enum inro_err sign_raw(struct signature *s, const struct settings *set, struct bytes input,
			      uint8_t *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_X_509 };

	(void)set;
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
	};
	struct settings set;
	enum inro_err e = read_settings(s, &set);

	if (e)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(paddings); i++)
		if (paddings[i].padding == set.padding)
			return paddings[i].sign(s, &set, input, out, n);
	return err_set(INRO_E_UNSUPPORTED, "token keys sign with PKCS#1 v1.5, PSS or no padding");
}

const struct signature_type signature_rsa = { .has_settings = true, .sign = sign };
