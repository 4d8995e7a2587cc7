/*
 * kem - OSSL_OP_KEM: the opening by a token; encapsulation is libcrypto's, from the public half
 * (model.h).
 *
 * 1. RSASVE (NIST SP 800-56B 7.2.1): the secret is the RSA decryption itself, without padding.
 * 2. ML-KEM (FIPS 203), from OpenSSL 3.5 on: C_DecapsulateKey of PKCS#11 3.2.  A ciphertext that is
 *    not the key's opens as another secret, and nothing tells the two apart.
 */
#include "provider/model.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

static int encapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return model_start(vctx, vkey, false, EVP_PKEY_encapsulate_init, params);
}

/* The model of a token key has no private half, which some of libcrypto's algorithms ask for. */
static int decapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	const struct model *m = vctx;
	const struct key *key = vkey ? vkey : m->key;

	return model_start(
		vctx, vkey, true,
		key && key->object ? EVP_PKEY_encapsulate_init : EVP_PKEY_decapsulate_init, params);
}

static int encapsulate(void *vctx, unsigned char *out, size_t *n, unsigned char *secret,
		       size_t *secret_n)
{
	struct model *m = vctx;

	return m->ctx ? EVP_PKEY_encapsulate(m->ctx, out, n, secret, secret_n) : 0;
}

/* An opening: what goes in, and the room for the secret, whose length is known. */
struct job {
	struct object *object;
	struct bytes in;
	uint8_t *out;
	size_t n;
};

static enum inro_err open_rsasve(const struct job *j)
{
	return object_decrypt_raw(j->object, j->in, j->out, j->n);
}

static enum inro_err open_ml_kem(const struct job *j)
{
	CK_MECHANISM mech = { .mechanism = CKM_ML_KEM };
	SCOPED(secret) value = { 0 };
	enum inro_err e = object_decapsulate(j->object, &mech, j->in, &value);

	if (!e && value.n != j->n)
		e = err_set(INRO_E_TOKEN, "the token took %zu bytes out of an ML-KEM ciphertext",
			    value.n);
	if (!e)
		memcpy(j->out, value.p, value.n);
	return e;
}

static const struct {
	CK_KEY_TYPE type;
	enum inro_err (*open)(const struct job *j);
} kems[] = {
	{ CKK_RSA, open_rsasve },
	{ CKK_ML_KEM, open_ml_kem },
};

static enum inro_err decapsulate_by_token(struct model *m, struct bytes in, uint8_t *out, size_t *n)
{
	struct job j = { .object = m->key->object, .in = in, .out = out };
	size_t in_n = 0;

	if (EVP_PKEY_encapsulate(m->ctx, NULL, &in_n, NULL, &j.n) != 1)
		return below_failed("reading the length of the secret");
	if (out && *n < j.n)
		return err_set(INRO_E_TOO_SMALL, "the secret needs room for %zu bytes", j.n);
	if (out && in.n != in_n)
		return err_set(INRO_E_CIPHERTEXT_LENGTH,
			       "%zu bytes are no ciphertext for this key: it takes %zu", in.n,
			       in_n);
	*n = j.n;
	if (!out)
		return INRO_OK;
	for (size_t i = 0; i < ARRAY_LEN(kems); i++)
		if (kems[i].type == m->key->type->type)
			return kems[i].open(&j);
	return err_set(INRO_E_UNSUPPORTED, "keys of type %s open nothing", m->key->type->name);
}

static int decapsulate(void *vctx, unsigned char *out, size_t *n, const unsigned char *in,
		       size_t in_n)
{
	struct model *m = vctx;
	enum inro_err e;

	if (!m->ctx)
		return 0;
	if (!model_is_token(m))
		return EVP_PKEY_decapsulate(m->ctx, out, n, in, in_n);
	e = decapsulate_by_token(m, BYTES(in, in_n), out, n);
	return e ? prov_raise(m->prov, e) : 1;
}

static const OSSL_PARAM *settable_ctx_params(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_KEM_PARAM_OPERATION, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vctx;
	(void)vprov;
	return table;
}

static const OSSL_DISPATCH functions[] = {
	ENTRY(OSSL_FUNC_KEM_NEWCTX, model_new),
	ENTRY(OSSL_FUNC_KEM_FREECTX, model_free),
	ENTRY(OSSL_FUNC_KEM_DUPCTX, model_dup),
	ENTRY(OSSL_FUNC_KEM_ENCAPSULATE_INIT, encapsulate_init),
	ENTRY(OSSL_FUNC_KEM_ENCAPSULATE, encapsulate),
	ENTRY(OSSL_FUNC_KEM_DECAPSULATE_INIT, decapsulate_init),
	ENTRY(OSSL_FUNC_KEM_DECAPSULATE, decapsulate),
	ENTRY(OSSL_FUNC_KEM_SET_CTX_PARAMS, model_set),
	ENTRY(OSSL_FUNC_KEM_SETTABLE_CTX_PARAMS, settable_ctx_params),
	ENTRY_END,
};

#define ROW_RSA                                                                                    \
	{                                                                                          \
		"INRO-RSA", PROV_PROPERTIES, functions, "RSASVE by a token"                        \
	}

const OSSL_ALGORITHM kem_algorithms[] = {
	ROW_RSA,
	{ NULL, NULL, NULL, NULL },
};
const OSSL_ALGORITHM kem_algorithms_35[] = {
	ROW_RSA,
	{ "INRO-ML-KEM", PROV_PROPERTIES, functions, "ML-KEM by a token" },
	{ NULL, NULL, NULL, NULL },
};
