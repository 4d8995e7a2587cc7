/*
 * exchange - OSSL_OP_KEYEXCH: ECDH, X25519 and X448 with a token key.
 *
 * 1. The token gives the raw shared secret; a KDF over it (X9.63, as CMS asks for) is computed
 *    here, so that it does not depend on what the token has.
 * 2. Settings and the check of the peer's key are libcrypto's own, on the public half (model.h).
 */
#include "provider/agree.h"
#include "provider/model.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

struct exchange {
	struct model model; /* first: the model's functions take an exchange as well */
	EVP_PKEY *peer;
};

static void *newctx(void *vprov)
{
	struct exchange *x = calloc(1, sizeof *x);

	shown_end();
	if (!x)
		return NULL;
	x->model.prov = vprov;
	shown_agreement(vprov, 1);
	return x;
}

static void freectx(void *vctx)
{
	struct exchange *x = vctx;

	if (!x)
		return;
	shown_agreement(x->model.prov, -1);
	model_clear(&x->model);
	EVP_PKEY_free(x->peer);
	free(x);
}

static void *dupctx(void *vctx)
{
	const struct exchange *from = vctx;
	struct exchange *to = calloc(1, sizeof *to);

	if (!to || !model_copy(&from->model, &to->model)) {
		free(to);
		return NULL;
	}
	if (from->peer && EVP_PKEY_up_ref(from->peer))
		to->peer = from->peer;
	shown_agreement(to->model.prov, 1);
	return to;
}

static int init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	struct exchange *x = vctx;
	int ok = model_start(&x->model, vkey, true, EVP_PKEY_derive_init_ex, params);

	if (ok != 1)
		return 0; /* what is less, libcrypto takes for success here */
	EVP_PKEY_free(x->peer);
	x->peer = NULL;
	return 1;
}

/* The program's libcrypto has checked the point; here it is whether the two keys fit. */
static int set_peer(void *vctx, void *vpeer)
{
	struct exchange *x = vctx;
	const struct key *peer = vpeer;
	EVP_PKEY *pkey = peer ? peer->pkey : NULL; /* once: another thread may put another one there (key.h) */

	if (!x->model.ctx || !pkey)
		return 0;
	if (EVP_PKEY_derive_set_peer_ex(x->model.ctx, pkey, 0) != 1)
		return prov_raise(x->model.prov,
				  err_set(INRO_E_PUBLIC_KEY,
					  "the other side's key is of another kind or curve"));
	if (!EVP_PKEY_up_ref(pkey))
		return 0;
	EVP_PKEY_free(x->peer);
	x->peer = pkey;
	return 1;
}

static bool has_settings(const struct exchange *x)
{
	return EVP_PKEY_is_a(x->model.key->pkey, "EC");
}

/* What the program has set; X25519 and X448 have nothing to set. */
struct settings {
	int cofactor;
	char kdf[32], digest[64];
	size_t n;
	struct bytes ukm;
};

static enum inro_err read_settings(const struct exchange *x, struct settings *ret)
{
	struct settings s = { 0 };
	void *ukm = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, &s.cofactor),
		OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, s.kdf, sizeof s.kdf),
		OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, s.digest,
						 sizeof s.digest),
		OSSL_PARAM_construct_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, &s.n),
		OSSL_PARAM_construct_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, &ukm, 0),
		OSSL_PARAM_construct_end(),
	};

	if (has_settings(x) && EVP_PKEY_CTX_get_params(x->model.ctx, params) != 1)
		return below_failed("reading the settings of the key agreement");
	s.ukm = BYTES(ukm, ukm ? params[4].return_size : 0);
	*ret = s;
	return INRO_OK;
}

static enum inro_err raw_secret(const struct exchange *x, const struct settings *set,
				struct secret *ret)
{
	const struct agree a = {
		.object = x->model.key->object,
		.key = x->model.key->pkey,
		.cofactor = set->cofactor == 1,
	};

	return agree_by_token(&a, x->peer, ret);
}

/* The length of the secret without a KDF: of a field element (RFC 5480, RFC 7748). */
static enum inro_err raw_size(const struct exchange *x, size_t *ret)
{
	if (!has_settings(x)) {
		*ret = (size_t)EVP_PKEY_get_size(x->model.key->pkey);
		return INRO_OK;
	}
	return EVP_PKEY_derive(x->model.ctx, NULL, ret) == 1
		       ? INRO_OK
		       : below_failed("the key agreement's length");
}

static enum inro_err x963(const struct exchange *x, const struct settings *set,
			  const struct secret *raw, uint8_t *out)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)(uintptr_t)set->digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, raw->p, raw->n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
						  (void *)(uintptr_t)set->ukm.p, set->ukm.n),
		OSSL_PARAM_construct_end(),
	};
	OSSL_LIB_CTX *libctx;
	EVP_KDF *kdf;
	EVP_KDF_CTX *ctx;
	bool ok;
	enum inro_err e = below_libctx(&x->model.prov->below, &libctx);

	if (e)
		return e;
	kdf = EVP_KDF_fetch(libctx, OSSL_KDF_NAME_X963KDF, NULL);
	ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	ok = ctx && EVP_KDF_derive(ctx, out, set->n, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? INRO_OK : below_failed("X9.63's key derivation");
}

static enum inro_err derive_key(const struct exchange *x, const struct settings *set, uint8_t *out,
				size_t room, size_t *n)
{
	SCOPED(secret) raw = { 0 };
	enum inro_err e;

	if (out && room < set->n)
		return err_set(INRO_E_TOO_SMALL, "the derived key needs room for %zu bytes",
			       set->n);
	if (out) {
		e = raw_secret(x, set, &raw);
		if (!e)
			e = x963(x, set, &raw, out);
		if (e)
			return e;
	}
	*n = set->n;
	return INRO_OK;
}

/* As libcrypto does it: what does not fit of an ECDH secret is cut off, of X25519's refused. */
static enum inro_err derive_raw(const struct exchange *x, const struct settings *set, uint8_t *out,
				size_t room, size_t *n)
{
	SCOPED(secret) raw = { 0 };
	size_t size = 0;
	enum inro_err e = raw_size(x, &size);

	if (e)
		return e;
	if (out && room < size && !has_settings(x))
		return err_set(INRO_E_TOO_SMALL, "the secret needs room for %zu bytes", size);
	if (out) {
		e = raw_secret(x, set, &raw);
		if (!e && raw.n != size)
			e = err_set(INRO_E_TOKEN, "the token's secret has %zu bytes, not %zu",
				    raw.n, size);
		if (e)
			return e;
		size = room < size ? room : size;
		memcpy(out, raw.p, size);
	}
	*n = size;
	return INRO_OK;
}

static enum inro_err derive_by_token(const struct exchange *x, uint8_t *out, size_t room, size_t *n)
{
	struct settings set;
	enum inro_err e;

	e = read_settings(x, &set);
	if (e)
		return e;
	if (!x->peer && (out || !*set.kdf)) /* the length after a KDF is what was set */
		return err_set(INRO_E_STATE, "the other side's key was not given");
	return (*set.kdf ? derive_key : derive_raw)(x, &set, out, room, n);
}

static int derive(void *vctx, unsigned char *out, size_t *n, size_t room)
{
	struct exchange *x = vctx;
	enum inro_err e;

	if (!x->model.ctx)
		return 0;
	if (!model_is_token(&x->model)) {
		*n = room;
		return EVP_PKEY_derive(x->model.ctx, out, n);
	}
	e = derive_by_token(x, out, room, n);
	return e ? prov_raise(x->model.prov, e) : 1;
}

static const OSSL_PARAM *gettable_ctx_params(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
		OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
		OSSL_PARAM_DEFN(OSSL_EXCHANGE_PARAM_KDF_UKM, OSSL_PARAM_OCTET_PTR, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return model_gettable(vctx, table);
}

static const OSSL_PARAM *settable_ctx_params(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
		OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return model_settable(vctx, table);
}

static const OSSL_PARAM *xdh_gettable(void *vctx, void *vprov)
{
	(void)vprov;
	return model_gettable(vctx, NULL);
}

#define EXCHANGE                                                                                   \
	ENTRY(OSSL_FUNC_KEYEXCH_NEWCTX, newctx), ENTRY(OSSL_FUNC_KEYEXCH_FREECTX, freectx),        \
		ENTRY(OSSL_FUNC_KEYEXCH_DUPCTX, dupctx), ENTRY(OSSL_FUNC_KEYEXCH_INIT, init),      \
		ENTRY(OSSL_FUNC_KEYEXCH_SET_PEER, set_peer), ENTRY(OSSL_FUNC_KEYEXCH_DERIVE, derive)

static const OSSL_DISPATCH ecdh_functions[] = {
	EXCHANGE,
	ENTRY(OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, model_set),
	ENTRY(OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, settable_ctx_params),
	ENTRY(OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, model_get),
	ENTRY(OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, gettable_ctx_params),
	ENTRY_END,
};
/* A program that sets something for X25519 or X448 is told that there is nothing to set; it may ask, from 3.4 on. */
static const OSSL_DISPATCH xdh_functions[] = {
	EXCHANGE,
	ENTRY(OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, model_get),
	ENTRY(OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, xdh_gettable),
	ENTRY_END,
};

const OSSL_ALGORITHM exchange_algorithms[] = {
	{ "INRO-ECDH", PROV_PROPERTIES, ecdh_functions, "ECDH by a token" },
	{ "INRO-XDH", PROV_PROPERTIES, xdh_functions, "X25519 and X448 by a token" },
	{ NULL, NULL, NULL, NULL },
};
