/* model - see model.h. */
#include "provider/model.h"

#include <stdlib.h>

void model_clear(struct model *m)
{
	EVP_PKEY_CTX_free(m->ctx);
	m->ctx = NULL;
	m->key = NULL;
}

bool model_copy(const struct model *from, struct model *to)
{
	struct model copy = *from;

	if (from->ctx) {
		copy.ctx = EVP_PKEY_CTX_dup(from->ctx);
		if (!copy.ctx)
			return false;
	}
	*to = copy;
	return true;
}

int model_start(struct model *m, struct key *key, bool private, model_init *init,
		const OSSL_PARAM params[])
{
	OSSL_LIB_CTX *libctx;
	EVP_PKEY_CTX *ctx;
	enum inro_err e;
	int ok;

	if (!key)
		key = m->key;
	if (!key || !key->pkey)
		return prov_raise(m->prov, err_set(INRO_E_ARG, "the operation needs a key"));
	if (private && !(key->has & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return prov_raise(m->prov,
				  err_set(INRO_E_KEY_USE, "this needs the private key: name it "
							  "with type=private"));
	e = below_libctx(&m->prov->below, &libctx);
	if (e)
		return prov_raise(m->prov, e);
	ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key->pkey, NULL);
	ok = ctx ? init(ctx, params) : 0;
	if (ok != 1) {
		EVP_PKEY_CTX_free(ctx);
		prov_raise(m->prov, below_failed("setting up the operation"));
		return ok < 0 ? ok : 0;
	}
	EVP_PKEY_CTX_free(m->ctx);
	m->ctx = ctx;
	m->key = key;
	return 1;
}

void *model_new(void *vprov)
{
	struct model *m = calloc(1, sizeof *m);

	shown_end();
	if (m)
		m->prov = vprov;
	return m;
}

void model_free(void *vmodel)
{
	if (vmodel)
		model_clear(vmodel);
	free(vmodel);
}

void *model_dup(void *vmodel)
{
	struct model *copy = malloc(sizeof *copy);

	if (copy && model_copy(vmodel, copy))
		return copy;
	free(copy);
	return NULL;
}

int model_set(void *vmodel, const OSSL_PARAM params[])
{
	struct model *m = vmodel;

	if (!params || !params->key)
		return 1;
	return m->ctx && EVP_PKEY_CTX_set_params(m->ctx, params) == 1;
}

int model_get(void *vmodel, OSSL_PARAM params[])
{
	struct model *m = vmodel;

	if (!params || !params->key)
		return 1;
	return m->ctx && EVP_PKEY_CTX_get_params(m->ctx, params) == 1;
}

const OSSL_PARAM *model_settable(const struct model *m, const OSSL_PARAM otherwise[])
{
	return m && m->ctx ? EVP_PKEY_CTX_settable_params(m->ctx) : otherwise;
}

const OSSL_PARAM *model_gettable(const struct model *m, const OSSL_PARAM otherwise[])
{
	return m && m->ctx ? EVP_PKEY_CTX_gettable_params(m->ctx) : otherwise;
}

bool model_is_token(const struct model *m)
{
	return m->key && m->key->object;
}
