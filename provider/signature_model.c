/*
 * signature_model - libcrypto's own signature operation on the public half (signature.h).
 *
 * Making one costs libcrypto more than all else that a token's signature takes beside the token
 * itself.  So a key keeps what it was first asked for, as it was made, and each operation has a copy
 * of it.  What is kept stays unchanged until the key's end: any number of threads copy it.
 *
 * The one that was made is what is kept, and never a copy: in libcrypto 3.0 a copy's identifier of the
 * algorithm lies in the one it was copied from.
 */
#include "provider/signature.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

struct key_model {
	enum signature_use use;
	char md_name[SIGNATURE_NAME]; /* empty: none was named */
	EVP_PKEY_CTX *ctx;
};

static void model_drop(struct key_model *m)
{
	if (!m)
		return;
	EVP_PKEY_CTX_free(m->ctx);
	free(m);
}

void signature_models_free(struct key *k)
{
	for (size_t i = 0; i < KEY_MODELS; i++)
		model_drop(atomic_load(&k->models[i]));
}

static int start(const struct signature *s, EVP_PKEY_CTX *ctx)
{
	static int (*const starts[])(EVP_PKEY_CTX *) = {
		[SIGNATURE_VERIFY] = EVP_PKEY_verify_init,
		[SIGNATURE_SIGN] = EVP_PKEY_sign_init,
		[SIGNATURE_RECOVER] = EVP_PKEY_verify_recover_init,
	};
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	char name[SIGNATURE_NAME];

	if (starts[s->use](ctx) != 1)
		return 0;
	if (!s->md)
		return 1;
	OPENSSL_strlcpy(name, s->md_name, sizeof name);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, name, 0);
	return EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

static enum inro_err make(const struct signature *s, EVP_PKEY_CTX **ret)
{
	OSSL_LIB_CTX *libctx;
	EVP_PKEY_CTX *ctx;
	enum inro_err e = below_libctx(&s->prov->below, &libctx);

	if (e)
		return e;
	ctx = EVP_PKEY_CTX_new_from_pkey(libctx, s->key->pkey, NULL);
	if (!ctx || !start(s, ctx)) {
		EVP_PKEY_CTX_free(ctx);
		return below_failed("setting up the signature");
	}
	*ret = ctx;
	return INRO_OK;
}

/* What was set up by another name of the digest would answer with that one. */
static const struct key_model *find(const struct signature *s)
{
	for (size_t i = 0; i < KEY_MODELS; i++) {
		const struct key_model *m =
			atomic_load_explicit(&s->key->models[i], memory_order_acquire);

		if (m && m->use == s->use && strcmp(m->md_name, s->md_name) == 0)
			return m;
	}
	return NULL;
}

/* ctx is the key's from now on, where there is room for it. */
static bool keep(const struct signature *s, EVP_PKEY_CTX *ctx)
{
	struct key_model *m = calloc(1, sizeof *m);

	if (!m)
		return false;
	m->use = s->use;
	m->ctx = ctx;
	memcpy(m->md_name, s->md_name, sizeof m->md_name);
	for (size_t i = 0; i < KEY_MODELS; i++) {
		struct key_model *none = NULL;

		if (atomic_compare_exchange_strong(&s->key->models[i], &none, m))
			return true;
	}
	m->ctx = NULL;
	model_drop(m);
	return false;
}

static enum inro_err make_or_copy(const struct signature *s, EVP_PKEY_CTX **ret)
{
	const struct key_model *kept = find(s);
	EVP_PKEY_CTX *made = NULL;
	enum inro_err e = kept ? INRO_OK : make(s, &made);

	if (e)
		return e;
	if (made && !(s->key->object && keep(s, made))) {
		*ret = made;
		return INRO_OK;
	}
	*ret = EVP_PKEY_CTX_dup(made ? made : kept->ctx);
	return *ret ? INRO_OK : below_failed("copying what is set up for a signature");
}

enum inro_err signature_model(struct signature *s, EVP_PKEY_CTX **ret)
{
	enum inro_err e = s->model ? INRO_OK : make_or_copy(s, &s->model);

	if (!e)
		*ret = s->model;
	return e;
}
