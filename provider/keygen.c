/* keygen - see keygen.h. */
#include "provider/keygen.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

struct keygen {
	struct prov *prov;
	const struct key_type *type;
	int selection;
	OSSL_LIB_CTX *libctx;
	EVP_PKEY_CTX *ctx;
	OSSL_CALLBACK *progress;
	void *arg;
};

static int start(const struct keygen *g)
{
	return g->ctx &&
	       (g->selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? EVP_PKEY_keygen_init(g->ctx)
							   : EVP_PKEY_paramgen_init(g->ctx)) == 1;
}

void *keygen_init(struct prov *p, const struct key_type *type, int selection,
		  const OSSL_PARAM params[])
{
	struct keygen *g = calloc(1, sizeof *g);
	enum inro_err e = g ? below_libctx(&p->below, &g->libctx) : INRO_E_NO_MEMORY;

	if (e) {
		free(g);
		prov_raise(p, e);
		return NULL;
	}
	g->prov = p;
	g->type = type;
	g->selection = selection;
	g->ctx = EVP_PKEY_CTX_new_from_name(g->libctx, type->name, NULL);
	if (!start(g) || !keygen_set_params(g, params)) {
		keygen_cleanup(g);
		return NULL;
	}
	return g;
}

int keygen_set_template(void *vgen, void *vkey)
{
	struct keygen *g = vgen;
	const struct key *k = vkey;

	if (!k || !k->pkey)
		return 0;
	EVP_PKEY_CTX_free(g->ctx);
	g->ctx = EVP_PKEY_CTX_new_from_pkey(g->libctx, k->pkey, NULL);
	return start(g);
}

int keygen_set_params(void *vgen, const OSSL_PARAM params[])
{
	const struct keygen *g = vgen;

	return !params || !params->key || EVP_PKEY_CTX_set_params(g->ctx, params) == 1;
}

const OSSL_PARAM *keygen_settable_params(void *vgen, void *vprov)
{
	const struct keygen *g = vgen;

	(void)vprov;
	return EVP_PKEY_CTX_settable_params(g->ctx);
}

static int tell_progress(EVP_PKEY_CTX *ctx)
{
	struct keygen *g = EVP_PKEY_CTX_get_app_data(ctx);
	int potential = EVP_PKEY_CTX_get_keygen_info(ctx, 0);
	int iteration = EVP_PKEY_CTX_get_keygen_info(ctx, 1);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_GEN_PARAM_POTENTIAL, &potential),
		OSSL_PARAM_construct_int(OSSL_GEN_PARAM_ITERATION, &iteration),
		OSSL_PARAM_construct_end(),
	};

	return g->progress(params, g->arg);
}

void *keygen_run(void *vgen, OSSL_CALLBACK *progress, void *arg)
{
	struct keygen *g = vgen;
	struct key *k = key_new(g->prov, g->type);

	if (!k)
		return NULL;
	g->progress = progress;
	g->arg = arg;
	EVP_PKEY_CTX_set_app_data(g->ctx, g);
	if (progress)
		EVP_PKEY_CTX_set_cb(g->ctx, tell_progress);
	if (EVP_PKEY_generate(g->ctx, &k->pkey) != 1) {
		key_free(k);
		return NULL;
	}
	k->has = g->selection | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
	return k;
}

void keygen_cleanup(void *vgen)
{
	struct keygen *g = vgen;

	EVP_PKEY_CTX_free(g->ctx);
	free(g);
}
