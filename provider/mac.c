/*
 * mac - OSSL_OP_MAC: HMAC and CMAC by a secret key of a token.
 *
 * 1. The names are private ones, INRO-HMAC and INRO-CMAC: no program gets them unasked.
 * 2. The key is named by the parameter pkcs11_uri, or from OpenSSL 3.5 on an EVP_SKEY; its value is
 *    never here.
 * 3. The message is kept until the end and goes to the token at once: a copy, a fork or a lost
 *    session in between does no harm.  It may have 64 MiB.
 */
#include "provider/secret_key.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/cryptoki/hashes.h"

#define CMAC_SIZE 16

struct mac {
	struct prov *prov;
	bool by_hash;		/* HMAC, else CMAC */
	CK_MECHANISM_TYPE mech; /* 0: not known yet */
	size_t size;
	struct object *key; /* NULL: none yet */
	struct buf message;
};

static void *mac_new(struct prov *p, bool by_hash)
{
	struct mac *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->prov = p;
	m->by_hash = by_hash;
	m->mech = by_hash ? 0 : CKM_AES_CMAC;
	m->size = by_hash ? 0 : CMAC_SIZE;
	return m;
}

static void *hmac_newctx(void *vprov)
{
	return mac_new(vprov, true);
}

static void *cmac_newctx(void *vprov)
{
	return mac_new(vprov, false);
}

static void freectx(void *vmac)
{
	struct mac *m = vmac;

	if (!m)
		return;
	object_free(m->key);
	buf_clear(&m->message);
	free(m);
}

static void *dupctx(void *vmac)
{
	const struct mac *from = vmac;
	struct mac *to = mac_new(from->prov, from->by_hash);

	if (!to)
		return NULL;
	to->mech = from->mech;
	to->size = from->size;
	to->key = object_share(from->key);
	buf_add(&to->message, buf_bytes(&from->message));
	if (buf_err(&from->message) == INRO_OK && buf_err(&to->message) == INRO_OK)
		return to;
	freectx(to);
	return NULL;
}

static const struct {
	CK_MECHANISM_TYPE hash, mech;
} hmacs[] = {
	{ CKM_SHA_1, CKM_SHA_1_HMAC },		 { CKM_SHA224, CKM_SHA224_HMAC },
	{ CKM_SHA256, CKM_SHA256_HMAC },	 { CKM_SHA384, CKM_SHA384_HMAC },
	{ CKM_SHA512, CKM_SHA512_HMAC },	 { CKM_SHA512_224, CKM_SHA512_224_HMAC },
	{ CKM_SHA512_256, CKM_SHA512_256_HMAC }, { CKM_SHA3_224, CKM_SHA3_224_HMAC },
	{ CKM_SHA3_256, CKM_SHA3_256_HMAC },	 { CKM_SHA3_384, CKM_SHA3_384_HMAC },
	{ CKM_SHA3_512, CKM_SHA3_512_HMAC },
};

static enum inro_err set_digest(struct mac *m, const char *name)
{
	const struct digest *d = digest_named(name);
	const struct ck_hash *hash = d ? ck_hash_find(d->mech) : NULL;

	for (size_t i = 0; hash && i < ARRAY_LEN(hmacs); i++)
		if (hmacs[i].hash == hash->mech) {
			m->mech = hmacs[i].mech;
			m->size = hash->size;
			return INRO_OK;
		}
	return err_set(INRO_E_UNSUPPORTED, "HMAC with %s is not offered", name);
}

static int set_ctx_params(void *vmac, const OSSL_PARAM params[])
{
	struct mac *m = vmac;
	const OSSL_PARAM *digest;
	const char *text = NULL;
	enum inro_err e = INRO_OK;

	if (!params)
		return 1;
	digest = m->by_hash ? OSSL_PARAM_locate_const(params, OSSL_MAC_PARAM_DIGEST) : NULL;
	if (digest && OSSL_PARAM_get_utf8_string_ptr(digest, &text) && text)
		e = set_digest(m, text);
	else if (digest)
		e = err_set(INRO_E_ARG, "the name of the digest is no text");
	if (!e)
		e = secret_key_set(m->prov, params, &m->key);
	return e ? prov_raise(m->prov, e) : 1;
}

static int get_ctx_params(void *vmac, OSSL_PARAM params[])
{
	const struct mac *m = vmac;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_MAC_PARAM_SIZE);

	return !p || OSSL_PARAM_set_size_t(p, m->size);
}

static enum inro_err check_ready(const struct mac *m)
{
	if (!m->key)
		return err_set(INRO_E_ARG, "the key is one of a token: give its URI in "
					   "the parameter " SECRET_KEY_URI);
	if (!m->mech)
		return err_set(INRO_E_ARG, "HMAC needs a digest");
	return m->by_hash ? INRO_OK : secret_key_fits(m->key, CKK_AES, 0, "INRO-CMAC");
}

static int init(void *vmac, const unsigned char *key, size_t key_n, const OSSL_PARAM params[])
{
	struct mac *m = vmac;
	enum inro_err e;

	(void)key_n;
	buf_reset(&m->message);
	if (!set_ctx_params(m, params))
		return 0;
	if (key)
		e = err_set(
			INRO_E_ARG,
			"the key is one of a token: give its URI in the parameter " SECRET_KEY_URI);
	else
		e = check_ready(m);
	return e ? prov_raise(m->prov, e) : 1;
}

static int init_skey(void *vmac, void *vkey, const OSSL_PARAM params[])
{
	struct mac *m = vmac;

	if (vkey) {
		object_free(m->key);
		m->key = object_share(vkey);
	}
	return init(m, NULL, 0, params);
}

static int update(void *vmac, const unsigned char *data, size_t n)
{
	struct mac *m = vmac;
	enum inro_err e;

	buf_add(&m->message, BYTES(data, n));
	e = buf_err(&m->message);
	return e ? prov_raise(m->prov, e) : 1;
}

static int final(void *vmac, unsigned char *out, size_t *n, size_t room)
{
	struct mac *m = vmac;
	CK_MECHANISM mech = { .mechanism = m->mech };
	size_t done = room;
	enum inro_err e;

	if (!m->key)
		return 0;
	e = buf_err(&m->message); /* of a message that did not fit there is no part to authenticate */
	if (!e)
		e = object_sign(m->key, &mech, buf_bytes(&m->message), out, &done);
	if (e)
		return prov_raise(m->prov, e);
	*n = done;
	return 1;
}

static const OSSL_PARAM *gettable_ctx_params(void *vmac, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, NULL),
		OSSL_PARAM_END,
	};

	(void)vmac;
	(void)vprov;
	return table;
}

static const OSSL_PARAM *settable_ctx_params(void *vmac, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(SECRET_KEY_URI, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vmac;
	(void)vprov;
	return table;
}

#define MAC(kind)                                                                                  \
	{                                                                                          \
		ENTRY(OSSL_FUNC_MAC_NEWCTX, kind##_newctx), ENTRY(OSSL_FUNC_MAC_FREECTX, freectx), \
			ENTRY(OSSL_FUNC_MAC_DUPCTX, dupctx), ENTRY(OSSL_FUNC_MAC_INIT, init),      \
			ENTRY(OSSL_FUNC_MAC_INIT_SKEY, init_skey),                                 \
			ENTRY(OSSL_FUNC_MAC_UPDATE, update), ENTRY(OSSL_FUNC_MAC_FINAL, final),    \
			ENTRY(OSSL_FUNC_MAC_GET_CTX_PARAMS, get_ctx_params),                       \
			ENTRY(OSSL_FUNC_MAC_GETTABLE_CTX_PARAMS, gettable_ctx_params),             \
			ENTRY(OSSL_FUNC_MAC_SET_CTX_PARAMS, set_ctx_params),                       \
			ENTRY(OSSL_FUNC_MAC_SETTABLE_CTX_PARAMS, settable_ctx_params), ENTRY_END   \
	}

static const OSSL_DISPATCH hmac_functions[] = MAC(hmac);
static const OSSL_DISPATCH cmac_functions[] = MAC(cmac);

const OSSL_ALGORITHM mac_algorithms[] = {
	{ "INRO-HMAC", PROV_PROPERTIES, hmac_functions, "HMAC by a token" },
	{ "INRO-CMAC", PROV_PROPERTIES, cmac_functions, "AES-CMAC by a token" },
	{ NULL, NULL, NULL, NULL },
};
