/* signature - OSSL_OP_SIGNATURE: see signature.h. */
#include "provider/signature.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "provider/sign_whole.h"

static void *signature_new(struct prov *p, const struct signature_type *type)
{
	struct signature *s = calloc(1, sizeof *s);

	shown_end();
	if (s) {
		s->prov = p;
		s->type = type;
	}
	return s;
}

static void *rsa_newctx(void *vprov, const char *properties)
{
	(void)properties;
	return signature_new(vprov, &signature_rsa);
}

static void *ecdsa_newctx(void *vprov, const char *properties)
{
	(void)properties;
	return signature_new(vprov, &signature_ecdsa);
}

static void freectx(void *vsig)
{
	struct signature *s = vsig;

	if (!s)
		return;
	EVP_MD_CTX_free(s->hash);
	EVP_PKEY_CTX_free(s->model);
	EVP_MD_free(s->md);
	free(s);
}

static bool copy_parts(const struct signature *from, struct signature *to)
{
	if (to->md && !EVP_MD_up_ref(to->md)) {
		to->md = NULL;
		return false;
	}
	if (from->hash) {
		to->hash = EVP_MD_CTX_new();
		if (!to->hash || !EVP_MD_CTX_copy_ex(to->hash, from->hash))
			return false;
	}
	if (from->model) {
		to->model = EVP_PKEY_CTX_dup(from->model);
		if (!to->model)
			return false;
	}
	return true;
}

static void *dupctx(void *vsig)
{
	const struct signature *from = vsig;
	struct signature *to = malloc(sizeof *to);

	if (!to)
		return NULL;
	*to = *from;
	to->hash = NULL;
	to->model = NULL;
	to->copied = true;
	if (copy_parts(from, to))
		return to;
	freectx(to);
	return NULL;
}

static enum inro_err may_set_digest(const struct signature *s, const char *name)
{
	if (strlen(name) >= sizeof s->md_name)
		return err_set(INRO_E_ARG, "the digest's name is too long");
	if (s->digesting && !(s->md && EVP_MD_is_a(s->md, name)))
		return err_set(INRO_E_STATE, "the digest is set and can't be changed to %s now", name);
	return INRO_OK;
}

static enum inro_err set_digest(struct signature *s, const char *name)
{
	EVP_MD *md;
	const struct digest *row;
	enum inro_err e = may_set_digest(s, name);

	if (e || s->digesting)
		return e;
	e = below_digest(&s->prov->below, name, &md, &row);
	if (e)
		return e;
	EVP_MD_free(s->md);
	s->md = md;
	s->row = row;
	OPENSSL_strlcpy(s->md_name, name, sizeof s->md_name);
	return INRO_OK;
}

/* Where the program names none there may be one all the same: a key of RSA-PSS is bound to one, and
 * PSS starts with SHA-1 (RFC 8017 A.2.3). */
static enum inro_err take_model_digest(struct signature *s, EVP_PKEY_CTX *model)
{
	char name[64] = "";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, name, sizeof name),
		OSSL_PARAM_construct_end(),
	};

	if (s->md || EVP_PKEY_CTX_get_params(model, params) != 1 || !*name)
		return INRO_OK;
	return set_digest(s, name);
}

/* We have no row of it: libcrypto knows whether signatures are made of it. */
static bool is_strange(const char *digest)
{
	return digest && !digest_named(digest);
}

/* Of ECDSA by libcrypto 3.2 and later. */
#define NONCE_TYPE  "nonce-type"
#define NONCE_SINCE 0x30200000UL

/* What only a model keeps. */
static bool needs_model(const struct signature *s, const OSSL_PARAM params[])
{
	return s->type->has_settings || s->model ||
	       (!s->key->object && OSSL_PARAM_locate_const(params, NONCE_TYPE));
}

/* A token chooses the number of a signature itself. */
static enum inro_err may_set_nonce(const struct signature *s, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, NONCE_TYPE);
	unsigned type = 0;

	if (!p || !s->key->object || s->key->type->type != CKK_EC || s->use != SIGNATURE_SIGN ||
	    (OSSL_PARAM_get_uint(p, &type) && type == 0))
		return INRO_OK;
	return err_set(INRO_E_UNSUPPORTED, "a token signs by random numbers: no other nonce-type is offered");
}

/* The model has the last word: what it refuses changes nothing here. */
static enum inro_err set_all(struct signature *s, const char *digest, const OSSL_PARAM params[])
{
	EVP_PKEY_CTX *model;
	enum inro_err e = may_set_nonce(s, params);

	if (!e && digest)
		e = may_set_digest(s, digest);
	if (!e && (needs_model(s, params) || is_strange(digest))) {
		e = signature_model(s, &model);
		if (!e && EVP_PKEY_CTX_set_params(model, (OSSL_PARAM *)(uintptr_t)params) != 1)
			e = below_failed("setting up the signature");
		if (!e && !digest)
			e = take_model_digest(s, model);
	}
	return e || !digest ? e : set_digest(s, digest);
}

/* No parameters are some, too: by them a key of RSA-PSS gets its digest. */
static int set_ctx_params(void *vsig, const OSSL_PARAM params[])
{
	struct signature *s = vsig;
	const OSSL_PARAM *p;
	const char *name = NULL;
	enum inro_err e;

	if (!params)
		return 1;
	if (!s->key)
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p && (!OSSL_PARAM_get_utf8_string_ptr(p, &name) || !name))
		return 0;
	e = set_all(s, name, params);
	return e ? prov_raise(s->prov, e) : 1;
}

/* libcrypto 3.0 looks for a copy's where it was copied from, until the digest is set, which may be its own choice. */
static int identifier_anew(EVP_PKEY_CTX *model)
{
	char name[64] = "";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, name, sizeof name),
		OSSL_PARAM_construct_end(),
	};

	if (EVP_PKEY_CTX_get_params(model, params) != 1 || !*name)
		return 1;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, name, 0);
	return EVP_PKEY_CTX_set_params(model, params);
}

static int get_ctx_params(void *vsig, OSSL_PARAM params[])
{
	struct signature *s = vsig;
	EVP_PKEY_CTX *model;
	enum inro_err e;

	if (!params || !params->key)
		return 1;
	if (!s->key)
		return 0;
	e = signature_model(s, &model);
	if (e)
		return prov_raise(s->prov, e);
	if (s->copied && OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID) &&
	    identifier_anew(model) != 1)
		return 0;
	return EVP_PKEY_CTX_get_params(model, params) == 1;
}

/* clang-format off */
#define DIGEST	      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0)
#define DIGEST_SIZE   OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL)
#define PROPERTIES    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0)
#define RSA_SETTINGS  OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0), \
		      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0), \
		      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0), \
		      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0)
#define NONCE	      OSSL_PARAM_uint(NONCE_TYPE, NULL)

/* What may be set at all, and what while data is digested already: the digest may not. */
static const OSSL_PARAM rsa_all[] = { DIGEST, PROPERTIES, RSA_SETTINGS, OSSL_PARAM_END };
static const OSSL_PARAM rsa_fixed[] = { RSA_SETTINGS, OSSL_PARAM_END };
static const OSSL_PARAM ecdsa_all[] = { DIGEST, DIGEST_SIZE, PROPERTIES, OSSL_PARAM_END };
static const OSSL_PARAM ecdsa_fixed[] = { DIGEST_SIZE, OSSL_PARAM_END };
static const OSSL_PARAM ecdsa_all_32[] = { DIGEST, DIGEST_SIZE, PROPERTIES, NONCE, OSSL_PARAM_END };
static const OSSL_PARAM ecdsa_fixed_32[] = { DIGEST_SIZE, NONCE, OSSL_PARAM_END };
/* clang-format on */

static const OSSL_PARAM *rsa_settable(void *vsig, void *vprov)
{
	const struct signature *s = vsig;

	(void)vprov;
	return s && s->digesting ? rsa_fixed : rsa_all;
}

static const OSSL_PARAM *ecdsa_settable(void *vsig, void *vprov)
{
	const struct signature *s = vsig;
	const bool has_nonce = OpenSSL_version_num() >= NONCE_SINCE;

	(void)vprov;
	if (s && s->digesting)
		return has_nonce ? ecdsa_fixed_32 : ecdsa_fixed;
	return has_nonce ? ecdsa_all_32 : ecdsa_all;
}

/* As libcrypto's own operation has it in this version; this list, where none is set up. */
static const OSSL_PARAM *gettable(struct signature *s, const OSSL_PARAM otherwise[])
{
	EVP_PKEY_CTX *model;

	if (!s || !s->key || signature_model(s, &model) != INRO_OK)
		return otherwise;
	return EVP_PKEY_CTX_gettable_params(model);
}

static const OSSL_PARAM *rsa_gettable(void *vsig, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return gettable(vsig, table);
}

static const OSSL_PARAM *ecdsa_gettable(void *vsig, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return gettable(vsig, table);
}

/* A key of RSA-PSS starts with a padding of its own, and may be bound to a digest.  One that we have no row of may be
 * none for signatures. */
static int take_key_settings(struct signature *s)
{
	EVP_PKEY_CTX *model;
	enum inro_err e;

	if (s->key->type != &key_types[KEY_TYPE_rsa_pss] && !(s->md && !s->row))
		return 1;
	e = signature_model(s, &model);
	if (!e)
		e = take_model_digest(s, model);
	return e ? prov_raise(s->prov, e) : 1;
}

/* A context may be set up again for another operation; libcrypto may leave the key out then. */
static int init(struct signature *s, struct key *key, enum signature_use use,
		const OSSL_PARAM params[])
{
	if (!key)
		key = s->key;
	if (!key || !key->pkey)
		return prov_raise(s->prov, err_set(INRO_E_ARG, "a signature needs a key"));
	if (use == SIGNATURE_SIGN && !(key->has & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return prov_raise(s->prov, err_set(INRO_E_KEY_USE,
						   "a public key can't sign: name the private "
						   "key with type=private"));
	EVP_PKEY_CTX_free(s->model);
	s->model = NULL;
	s->key = key;
	s->use = use;
	s->digesting = false;
	return take_key_settings(s) && set_ctx_params(s, params);
}

static int sign_init(void *vsig, void *vkey, const OSSL_PARAM params[])
{
	return init(vsig, vkey, SIGNATURE_SIGN, params);
}

static int verify_init(void *vsig, void *vkey, const OSSL_PARAM params[])
{
	return init(vsig, vkey, SIGNATURE_VERIFY, params);
}

static int verify_recover_init(void *vsig, void *vkey, const OSSL_PARAM params[])
{
	return init(vsig, vkey, SIGNATURE_RECOVER, params);
}

/* libcrypto's own signature of a software key. */
static enum inro_err sign_software(struct signature *s, struct bytes input, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *model;
	enum inro_err e = signature_model(s, &model);

	if (e)
		return e;
	return EVP_PKEY_sign(model, out, n, input.p, input.n) == 1 ? INRO_OK
								   : below_failed("the signature");
}

static int sign(void *vsig, unsigned char *out, size_t *n, size_t room, const unsigned char *input,
		size_t input_n)
{
	struct signature *s = vsig;
	size_t most = (size_t)EVP_PKEY_get_size(s->key->pkey), done = room;
	enum inro_err e;

	if (!out) {
		*n = most;
		return 1;
	}
	if (room < most)
		e = err_set(INRO_E_TOO_SMALL, "a signature needs room for %zu bytes", most);
	else if (s->digesting || !s->md || input_n == (size_t)EVP_MD_get_size(s->md))
		e = (s->key->object ? s->type->sign : sign_software)(s, BYTES(input, input_n), out,
								     &done);
	else
		e = err_set(INRO_E_DATA_LENGTH, "a digest of %zu bytes is not %s", input_n,
			    EVP_MD_get0_name(s->md));
	if (e)
		return prov_raise(s->prov, e);
	*n = done;
	return 1;
}

static int verify(void *vsig, const unsigned char *sig, size_t n, const unsigned char *input,
		  size_t input_n)
{
	struct signature *s = vsig;
	EVP_PKEY_CTX *model;
	enum inro_err e = signature_model(s, &model);

	/* below 0: it is no signature at all */
	return e ? prov_raise(s->prov, e) : EVP_PKEY_verify(model, sig, n, input, input_n);
}

static int verify_recover(void *vsig, unsigned char *out, size_t *n, size_t room,
			  const unsigned char *sig, size_t sig_n)
{
	struct signature *s = vsig;
	EVP_PKEY_CTX *model;
	enum inro_err e = signature_model(s, &model);

	if (e)
		return prov_raise(s->prov, e);
	*n = room;
	return EVP_PKEY_verify_recover(model, out, n, sig, sig_n);
}

static int digest_init(struct signature *s, const char *name, struct key *key,
		       enum signature_use use, const OSSL_PARAM params[])
{
	enum inro_err e = INRO_OK;

	s->digesting = false;
	if (name && *name && !(s->md && EVP_MD_is_a(s->md, name))) /* else it keeps the name that it has */
		e = set_digest(s, name);
	if (e)
		return prov_raise(s->prov, e);
	if (!init(s, key, use, params))
		return 0;
	if (!s->md)
		return prov_raise(s->prov, err_set(INRO_E_ARG, "the signature needs a digest"));
	if (!s->hash)
		s->hash = EVP_MD_CTX_new();
	s->digesting = true;
	return s->hash && EVP_DigestInit_ex2(s->hash, s->md, NULL);
}

static int digest_sign_init(void *vsig, const char *name, void *vkey, const OSSL_PARAM params[])
{
	return digest_init(vsig, name, vkey, SIGNATURE_SIGN, params);
}

static int digest_verify_init(void *vsig, const char *name, void *vkey, const OSSL_PARAM params[])
{
	return digest_init(vsig, name, vkey, SIGNATURE_VERIFY, params);
}

static int digest_update(void *vsig, const unsigned char *data, size_t n)
{
	struct signature *s = vsig;

	return s->hash && EVP_DigestUpdate(s->hash, data, n);
}

static int digest_sign_final(void *vsig, unsigned char *out, size_t *n, size_t room)
{
	struct signature *s = vsig;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_n = 0;

	if (out && (!s->hash || !EVP_DigestFinal_ex(s->hash, digest, &digest_n)))
		return 0;
	return sign(s, out, n, room, digest, digest_n);
}

static int digest_verify_final(void *vsig, const unsigned char *sig, size_t n)
{
	struct signature *s = vsig;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_n = 0;

	if (!s->hash || !EVP_DigestFinal_ex(s->hash, digest, &digest_n))
		return 0;
	return verify(s, sig, n, digest, digest_n);
}

#define RECOVER                                                                                    \
	ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT, verify_recover_init),                       \
		ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER, verify_recover)

#define SIGNATURE(kind)                                                                            \
	ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, kind##_newctx),                                          \
		ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, freectx),                                       \
		ENTRY(OSSL_FUNC_SIGNATURE_DUPCTX, dupctx),                                         \
		ENTRY(OSSL_FUNC_SIGNATURE_SIGN_INIT, sign_init),                                   \
		ENTRY(OSSL_FUNC_SIGNATURE_SIGN, sign),                                             \
		ENTRY(OSSL_FUNC_SIGNATURE_VERIFY_INIT, verify_init),                               \
		ENTRY(OSSL_FUNC_SIGNATURE_VERIFY, verify),                                         \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),                     \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, digest_update),                      \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, digest_sign_final),                   \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, digest_verify_init),                 \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, digest_update),                    \
		ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, digest_verify_final),               \
		ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_ctx_params),                         \
		ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, kind##_settable),                   \
		ENTRY(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, get_ctx_params),                         \
		ENTRY(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, kind##_gettable), ENTRY_END

static const OSSL_DISPATCH rsa_functions[] = { RECOVER, SIGNATURE(rsa) };
static const OSSL_DISPATCH ecdsa_functions[] = { SIGNATURE(ecdsa) };

#define ROW_RSA                                                                                    \
	{                                                                                          \
		"INRO-RSA", PROV_PROPERTIES, rsa_functions, "RSA by a token"                       \
	}
#define ROW_ECDSA                                                                                  \
	{                                                                                          \
		"INRO-ECDSA", PROV_PROPERTIES, ecdsa_functions, "ECDSA by a token"                 \
	}
#define ROW_END                                                                                    \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}

const OSSL_ALGORITHM signature_algorithms[] = {
	ROW_RSA,
	ROW_ECDSA,
	{ "INRO-EDDSA", PROV_PROPERTIES, whole_eddsa, "EdDSA by a token" },
	ROW_END,
};
const OSSL_ALGORITHM signature_algorithms_35[] = {
	ROW_RSA,
	ROW_ECDSA,
	{ "INRO-EDDSA", PROV_PROPERTIES, whole_eddsa_35, "EdDSA by a token" },
	{ "INRO-ML-DSA", PROV_PROPERTIES, whole_ml_dsa_35, "ML-DSA by a token" },
	{ "INRO-SLH-DSA", PROV_PROPERTIES, whole_slh_dsa_35, "SLH-DSA by a token" },
	ROW_END,
};
