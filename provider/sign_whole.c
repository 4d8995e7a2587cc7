/* sign_whole - see sign_whole.h. */
#include "provider/sign_whole.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include "base/der.h"

/* What headers before 3.5 don't name. */
#define PARAM_INSTANCE		 "instance"
#define PARAM_CONTEXT		 "context-string"
#define PARAM_DETERMINISTIC	 "deterministic"
#define PARAM_ENCODING		 "message-encoding"
#define PARAM_MU		 "mu"
#define PARAM_ENTROPY		 "test-entropy"
#define FUNC_SIGN_MESSAGE_INIT	 27
#define FUNC_VERIFY_MESSAGE_INIT 30

#define CONTEXT_MAX 255

struct whole;

struct whole_type {
	const char *name;
	/* The settings as the mechanism's parameter. */
	enum inro_err (*parameter)(struct whole *w, CK_MECHANISM *mech);
	CK_MECHANISM_TYPE mech;
	const OSSL_PARAM *settable;
};

struct whole {
	struct prov *prov;
	const struct whole_type *type;
	struct key *key;	 /* borrowed, as signature.h says */
	EVP_MD_CTX *model;	 /* neither this nor the next: the token signs */
	EVP_PKEY_CTX *by_digest; /* the model where the input is a digest */
	EVP_PKEY_CTX *settings;	 /* of whichever there is */
	bool has_digest;	 /* the input is the message's digest (Ed25519ph, Ed448ph) */
	bool prehash, has_context, deterministic; /* the first two: by the instance of EdDSA */
	uint8_t context[CONTEXT_MAX];
	size_t context_n;
	union {
		CK_EDDSA_PARAMS eddsa;
		CK_SIGN_ADDITIONAL_CONTEXT context;
	} param;
};

static enum inro_err eddsa_parameter(struct whole *w, CK_MECHANISM *mech)
{
	bool plain = w->key->type == &key_types[KEY_TYPE_ed25519] && !w->prehash && !w->has_context;

	/* With a context it would be another signature (RFC 8032, 5.1). */
	if (plain && w->context_n)
		return err_set(INRO_E_ARG, "Ed25519 has no context: set the instance Ed25519ctx or Ed25519ph");
	/* Plain Ed25519 has none; Ed448 always has one (PKCS#11 3.2, 6.3.16). */
	if (plain)
		return INRO_OK;
	w->param.eddsa =
		(CK_EDDSA_PARAMS) { w->prehash ? CK_TRUE : CK_FALSE, w->context_n, w->context };
	mech->pParameter = &w->param.eddsa;
	mech->ulParameterLen = sizeof w->param.eddsa;
	return INRO_OK;
}

static enum inro_err context_parameter(struct whole *w, CK_MECHANISM *mech)
{
	CK_HEDGE_TYPE hedge = w->deterministic ? CKH_DETERMINISTIC_REQUIRED : CKH_HEDGE_PREFERRED;

	if (!w->context_n && !w->deterministic)
		return INRO_OK;
	w->param.context = (CK_SIGN_ADDITIONAL_CONTEXT) { hedge, w->context, w->context_n };
	mech->pParameter = &w->param.context;
	mech->ulParameterLen = sizeof w->param.context;
	return INRO_OK;
}

static const OSSL_PARAM eddsa_settable[] = {
	OSSL_PARAM_utf8_string(PARAM_INSTANCE, NULL, 0),
	OSSL_PARAM_octet_string(PARAM_CONTEXT, NULL, 0),
	OSSL_PARAM_END,
};
static const OSSL_PARAM pq_settable[] = {
	OSSL_PARAM_octet_string(PARAM_CONTEXT, NULL, 0),
	OSSL_PARAM_int(PARAM_DETERMINISTIC, NULL),
	OSSL_PARAM_int(PARAM_ENCODING, NULL),
	OSSL_PARAM_int(PARAM_MU, NULL),
	OSSL_PARAM_octet_string(PARAM_ENTROPY, NULL, 0),
	OSSL_PARAM_END,
};

static const struct whole_type eddsa = { "EdDSA", eddsa_parameter, CKM_EDDSA, eddsa_settable };
static const struct whole_type ml_dsa = { "ML-DSA", context_parameter, CKM_ML_DSA, pq_settable };
static const struct whole_type slh_dsa = { "SLH-DSA", context_parameter, CKM_SLH_DSA, pq_settable };

static void *whole_new(struct prov *p, const struct whole_type *type)
{
	struct whole *w = calloc(1, sizeof *w);

	shown_end();
	if (w) {
		w->prov = p;
		w->type = type;
	}
	return w;
}

static void *eddsa_newctx(void *vprov, const char *properties)
{
	(void)properties;
	return whole_new(vprov, &eddsa);
}

static void *ml_dsa_newctx(void *vprov, const char *properties)
{
	(void)properties;
	return whole_new(vprov, &ml_dsa);
}

static void *slh_dsa_newctx(void *vprov, const char *properties)
{
	(void)properties;
	return whole_new(vprov, &slh_dsa);
}

static void freectx(void *vwhole)
{
	struct whole *w = vwhole;

	if (!w)
		return;
	EVP_MD_CTX_free(w->model);
	EVP_PKEY_CTX_free(w->by_digest);
	free(w);
}

static bool copy_model(const struct whole *from, struct whole *to)
{
	if (from->by_digest)
		to->settings = to->by_digest = EVP_PKEY_CTX_dup(from->by_digest);
	if (from->model) {
		to->model = EVP_MD_CTX_new();
		if (!to->model || !EVP_MD_CTX_copy_ex(to->model, from->model))
			return false;
		to->settings = EVP_MD_CTX_get_pkey_ctx(to->model);
	}
	return to->settings || !from->settings;
}

static void *dupctx(void *vwhole)
{
	const struct whole *from = vwhole;
	struct whole *to = malloc(sizeof *to);

	if (!to)
		return NULL;
	*to = *from;
	to->model = NULL;
	to->by_digest = to->settings = NULL;
	if (copy_model(from, to))
		return to;
	freectx(to);
	return NULL;
}

/* ---- settings of a token's signature ---- */

static enum inro_err set_instance(struct whole *w, const OSSL_PARAM *p)
{
	static const struct {
		const char *name;
		enum key_type_id kind;
		bool prehash, context;
	} instances[] = {
		{ "Ed25519", KEY_TYPE_ed25519, false, false },
		{ "Ed25519ctx", KEY_TYPE_ed25519, false, true },
		{ "Ed25519ph", KEY_TYPE_ed25519, true, false },
		{ "Ed448", KEY_TYPE_ed448, false, false },
		{ "Ed448ph", KEY_TYPE_ed448, true, false },
	};
	const char *name = NULL;

	if (!OSSL_PARAM_get_utf8_string_ptr(p, &name) || !name)
		return err_set(INRO_E_ARG, "the instance of EdDSA is no text");
	for (size_t i = 0; i < ARRAY_LEN(instances); i++) {
		if (strcasecmp(instances[i].name, name) != 0 ||
		    w->key->type != &key_types[instances[i].kind])
			continue;
		w->prehash = instances[i].prehash;
		w->has_context = instances[i].context;
		return INRO_OK;
	}
	return err_set(INRO_E_UNSUPPORTED, "%s keys have no instance '%s'", w->key->type->name,
		       name);
}

static enum inro_err set_context(struct whole *w, const OSSL_PARAM *p)
{
	const void *context = NULL;
	size_t n = 0;

	if (!OSSL_PARAM_get_octet_string_ptr(p, &context, &n) || n > CONTEXT_MAX)
		return err_set(INRO_E_TOO_BIG, "a context string has at most %d bytes",
			       CONTEXT_MAX);
	if (n)
		memcpy(w->context, context, n);
	w->context_n = n;
	return INRO_OK;
}

static enum inro_err set_deterministic(struct whole *w, const OSSL_PARAM *p)
{
	int value = 0;

	if (!OSSL_PARAM_get_int(p, &value))
		return err_set(INRO_E_ARG, "%s is no number", p->key);
	w->deterministic = value != 0;
	return INRO_OK;
}

static enum inro_err must_be_pure(struct whole *w, const OSSL_PARAM *p)
{
	int value = 0;

	(void)w;
	if (OSSL_PARAM_get_int(p, &value) && value == 1)
		return INRO_OK;
	return err_set(INRO_E_UNSUPPORTED,
		       "a token encodes the message itself: %s 0 is not offered", p->key);
}

static enum inro_err must_be_off(struct whole *w, const OSSL_PARAM *p)
{
	int value = 1;

	(void)w;
	if (p->data_type != OSSL_PARAM_OCTET_STRING && OSSL_PARAM_get_int(p, &value) && value == 0)
		return INRO_OK;
	return err_set(INRO_E_UNSUPPORTED, "a token has no setting '%s'", p->key);
}

static enum inro_err set_for_token(struct whole *w, const OSSL_PARAM params[])
{
	static const struct {
		const char *name;
		enum inro_err (*set)(struct whole *w, const OSSL_PARAM *p);
	} settings[] = {
		{ PARAM_INSTANCE, set_instance },
		{ PARAM_CONTEXT, set_context },
		{ PARAM_DETERMINISTIC, set_deterministic },
		{ PARAM_ENCODING, must_be_pure },
		{ PARAM_MU, must_be_off },
		{ PARAM_ENTROPY, must_be_off },
	};
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < ARRAY_LEN(settings); i++) {
		const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, settings[i].name);

		if (p)
			e = settings[i].set(w, p);
	}
	return e;
}

static int set_ctx_params(void *vwhole, const OSSL_PARAM params[])
{
	struct whole *w = vwhole;
	enum inro_err e;

	if (!params || !params->key)
		return 1;
	if (!w->key)
		return 0;
	if (w->settings)
		return EVP_PKEY_CTX_set_params(w->settings, params) == 1;
	e = set_for_token(w, params);
	return e ? prov_raise(w->prov, e) : 1;
}

static const OSSL_PARAM *settable_ctx_params(void *vwhole, void *vprov)
{
	const struct whole *w = vwhole;

	(void)vprov;
	return w ? w->type->settable : pq_settable;
}

/* For these kinds it is the one in the public key (RFC 8410 3 and 6, RFC 9881, RFC 9909). */
static enum inro_err algorithm_id(const struct key *k, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);
	struct bytes spki, id;
	enum inro_err e;

	if (n <= 0)
		return below_failed("writing the public half of the key");
	e = der_only(BYTES(der, (size_t)n), DER_SEQUENCE, &spki);
	if (!e)
		e = der_take_whole(&spki, DER_SEQUENCE, &id);
	if (!e)
		buf_add(ret, id);
	OPENSSL_free(der);
	return e ? e : buf_err(ret);
}

static int get_ctx_params(void *vwhole, OSSL_PARAM params[])
{
	struct whole *w = vwhole;
	OSSL_PARAM *p =
		params ? OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID) : NULL;
	SCOPED(buf) id = { 0 };
	enum inro_err e;

	if (!p)
		return 1;
	if (!w->key)
		return 0;
	e = algorithm_id(w->key, &id);
	return e ? prov_raise(w->prov, e) : OSSL_PARAM_set_octet_string(p, id.p, id.n);
}

static const OSSL_PARAM *gettable_ctx_params(void *vwhole, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vwhole;
	(void)vprov;
	return table;
}

/* ---- the operation ---- */

/* libcrypto's own operation on the key below. */
static enum inro_err make_model(struct whole *w, bool signing, const OSSL_PARAM params[])
{
	int (*init)(EVP_MD_CTX *, EVP_PKEY_CTX **, const char *, OSSL_LIB_CTX *, const char *,
		    EVP_PKEY *, const OSSL_PARAM *) =
		signing ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex;
	OSSL_LIB_CTX *libctx;
	enum inro_err e = below_libctx(&w->prov->below, &libctx);

	if (e)
		return e;
	w->model = EVP_MD_CTX_new();
	if (!w->model)
		return INRO_E_NO_MEMORY;
	w->settings = NULL;
	if (init(w->model, &w->settings, NULL, libctx, NULL, w->key->pkey, params) != 1)
		return below_failed("setting up the signature");
	return INRO_OK;
}

static enum inro_err make_model_by_digest(struct whole *w, bool signing, const OSSL_PARAM params[])
{
	int (*init)(EVP_PKEY_CTX *, const OSSL_PARAM *) =
		signing ? EVP_PKEY_sign_init_ex : EVP_PKEY_verify_init_ex;
	OSSL_LIB_CTX *libctx;
	enum inro_err e = below_libctx(&w->prov->below, &libctx);

	if (e)
		return e;
	w->settings = w->by_digest = EVP_PKEY_CTX_new_from_pkey(libctx, w->key->pkey, NULL);
	if (!w->by_digest || init(w->by_digest, params) != 1)
		return below_failed("setting up the signature");
	return INRO_OK;
}

static enum inro_err may_start(const struct key *key, bool signing)
{
	if (!key || !key->pkey)
		return err_set(INRO_E_ARG, "a signature needs a key");
	if (signing && !(key->has & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return err_set(INRO_E_KEY_USE, "a public key can't sign: name the private key with "
					       "type=private");
	return INRO_OK;
}

typedef enum inro_err model_maker(struct whole *w, bool signing, const OSSL_PARAM params[]);

static enum inro_err start(struct whole *w, struct key *key, bool signing, model_maker *make,
			   const OSSL_PARAM params[])
{
	enum inro_err e;

	if (!key)
		key = w->key;
	e = may_start(key, signing);
	if (e)
		return e;
	EVP_MD_CTX_free(w->model);
	EVP_PKEY_CTX_free(w->by_digest);
	*w = (struct whole) { .prov = w->prov,
			      .type = w->type,
			      .key = key,
			      .has_digest = make == make_model_by_digest };
	if (!signing || !key->object)
		return make(w, signing, params);
	return params ? set_for_token(w, params) : INRO_OK;
}

static int init(struct whole *w, struct key *key, bool signing, const OSSL_PARAM params[])
{
	enum inro_err e = start(w, key, signing, make_model, params);

	return e ? prov_raise(w->prov, e) : 1;
}

static int init_by_digest(struct whole *w, struct key *key, bool signing, const OSSL_PARAM params[])
{
	enum inro_err e = start(w, key, signing, make_model_by_digest, params);

	return e ? prov_raise(w->prov, e) : 1;
}

static int digest_init(struct whole *w, const char *digest, struct key *key, bool signing,
		       const OSSL_PARAM params[])
{
	if (digest && *digest)
		return prov_raise(w->prov, err_set(INRO_E_ARG, "%s takes no digest: leave it out",
						   w->type->name));
	return init(w, key, signing, params);
}

static int digest_sign_init(void *vwhole, const char *digest, void *vkey, const OSSL_PARAM params[])
{
	return digest_init(vwhole, digest, vkey, true, params);
}

static int digest_verify_init(void *vwhole, const char *digest, void *vkey,
			      const OSSL_PARAM params[])
{
	return digest_init(vwhole, digest, vkey, false, params);
}

static int message_sign_init(void *vwhole, void *vkey, const OSSL_PARAM params[])
{
	return init(vwhole, vkey, true, params);
}

static int message_verify_init(void *vwhole, void *vkey, const OSSL_PARAM params[])
{
	return init(vwhole, vkey, false, params);
}

static int sign_init(void *vwhole, void *vkey, const OSSL_PARAM params[])
{
	return init_by_digest(vwhole, vkey, true, params);
}

static int verify_init(void *vwhole, void *vkey, const OSSL_PARAM params[])
{
	return init_by_digest(vwhole, vkey, false, params);
}

static enum inro_err sign_by(struct whole *w, struct bytes message, unsigned char *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = w->type->mech };
	enum inro_err e;

	if (w->model)
		return EVP_DigestSign(w->model, out, n, message.p, message.n) == 1
			       ? INRO_OK
			       : below_failed("the signature");
	if (w->by_digest)
		return EVP_PKEY_sign(w->by_digest, out, n, message.p, message.n) == 1
			       ? INRO_OK
			       : below_failed("the signature");
	if (w->has_digest)
		return err_set(INRO_E_UNSUPPORTED, "a token signs messages by %s, and no digests of them",
			       w->type->name);
	e = w->type->parameter(w, &mech);
	return e ? e : object_sign(w->key->object, &mech, message, out, n);
}

static int sign(void *vwhole, unsigned char *out, size_t *n, size_t room,
		const unsigned char *message, size_t message_n)
{
	struct whole *w = vwhole;
	size_t size, done = room;
	enum inro_err e;

	if (!w->key)
		return 0;
	size = (size_t)EVP_PKEY_get_size(w->key->pkey);
	if (!out) {
		*n = size;
		return 1;
	}
	if (room < size)
		e = err_set(INRO_E_TOO_SMALL, "a signature needs room for %zu bytes", size);
	else
		e = sign_by(w, BYTES(message, message_n), out, &done);
	if (e)
		return prov_raise(w->prov, e);
	*n = done;
	return 1;
}

static int verify(void *vwhole, const unsigned char *sig, size_t n, const unsigned char *message,
		  size_t message_n)
{
	struct whole *w = vwhole;

	if (w->by_digest)
		return EVP_PKEY_verify(w->by_digest, sig, n, message, message_n);
	return w->model ? EVP_DigestVerify(w->model, sig, n, message, message_n) : 0;
}

#define WHOLE(kind)                                                                                \
	ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, kind##_newctx),                                          \
		ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, freectx),                                       \
		ENTRY(OSSL_FUNC_SIGNATURE_DUPCTX, dupctx),                                         \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),                     \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),                                      \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, digest_verify_init),                 \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, verify),                                  \
		ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_ctx_params),                         \
		ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable_ctx_params),               \
		ENTRY(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, get_ctx_params),                         \
		ENTRY(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, gettable_ctx_params)
/* Before 3.4 a libcrypto takes SIGN for half of a pair that begins with SIGN_INIT, and refuses the
 * whole table. */
#define WHOLE_MESSAGE                                                                              \
	ENTRY(FUNC_SIGN_MESSAGE_INIT, message_sign_init), ENTRY(OSSL_FUNC_SIGNATURE_SIGN, sign),   \
		ENTRY(FUNC_VERIFY_MESSAGE_INIT, message_verify_init),                              \
		ENTRY(OSSL_FUNC_SIGNATURE_VERIFY, verify), ENTRY_END

const OSSL_DISPATCH whole_eddsa[] = { WHOLE(eddsa), ENTRY_END };
/* EdDSA alone signs a digest, too. */
const OSSL_DISPATCH whole_eddsa_35[] = { WHOLE(eddsa),
					 ENTRY(OSSL_FUNC_SIGNATURE_SIGN_INIT, sign_init),
					 ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_INIT, verify_init),
					 WHOLE_MESSAGE };
const OSSL_DISPATCH whole_ml_dsa_35[] = { WHOLE(ml_dsa), WHOLE_MESSAGE };
const OSSL_DISPATCH whole_slh_dsa_35[] = { WHOLE(slh_dsa), WHOLE_MESSAGE };
