/*
 * kem - OSSL_OP_KEM: RSASVE (NIST SP 800-56B 7.2.1), the opening by a token.
 *
 * The secret is the RSA decryption itself, without padding.  Encapsulation is libcrypto's, from
 * the public half (model.h).
 */
#include "provider/model.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

static int encapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return model_start(vctx, vkey, false, EVP_PKEY_encapsulate_init, params);
}

static int decapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return model_start(vctx, vkey, true, EVP_PKEY_decapsulate_init, params);
}

static int encapsulate(void *vctx, unsigned char *out, size_t *n, unsigned char *secret,
		       size_t *secret_n)
{
	struct model *m = vctx;

	return m->ctx && EVP_PKEY_encapsulate(m->ctx, out, n, secret, secret_n) == 1;
}

static enum inro_err decapsulate_by_token(struct model *m, struct bytes in, uint8_t *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_X_509 };
	size_t size = (size_t)EVP_PKEY_get_size(m->key->pkey), got = size;
	enum inro_err e;

	if (out && *n < size)
		return err_set(INRO_E_TOO_SMALL, "the secret needs room for %zu bytes", size);
	if (out && in.n != size)
		return err_set(INRO_E_CIPHERTEXT_LENGTH,
			       "%zu bytes are no RSASVE ciphertext of a "
			       "key of %zu",
			       in.n, size);
	if (out) {
		e = object_decrypt(m->key->object, &mech, in, out, &got);
		if (e)
			return e;
		memmove(out + (size - got), out, got);
		memset(out, 0, size - got);
	}
	*n = size;
	return INRO_OK;
}

static int decapsulate(void *vctx, unsigned char *out, size_t *n, const unsigned char *in,
		       size_t in_n)
{
	struct model *m = vctx;
	enum inro_err e;

	if (!m->ctx)
		return 0;
	if (!model_is_token(m))
		return EVP_PKEY_decapsulate(m->ctx, out, n, in, in_n) == 1;
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

const OSSL_ALGORITHM kem_algorithms[] = {
	{ "INRO-RSA", PROV_PROPERTIES, functions, "RSASVE by a token" },
	{ NULL, NULL, NULL, NULL },
};
