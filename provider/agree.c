/* agree - see agree.h. */
#include "provider/agree.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "provider/below.h"

/* Of curves whose cofactor is 1 both mechanisms are the same, and every token has the plain one. */
static CK_MECHANISM_TYPE mechanism(const struct agree *a)
{
	BIGNUM *cofactor = NULL;
	bool plain = !a->cofactor ||
		     !EVP_PKEY_get_bn_param(a->key, OSSL_PKEY_PARAM_EC_COFACTOR, &cofactor) ||
		     BN_is_one(cofactor);

	BN_free(cofactor);
	return plain ? CKM_ECDH1_DERIVE : CKM_ECDH1_COFACTOR_DERIVE;
}

static bool add_number(const EVP_PKEY *key, const char *param, size_t n, struct buf *b)
{
	BIGNUM *x = NULL;
	uint8_t *room = EVP_PKEY_get_bn_param(key, param, &x) == 1 ? buf_extend(b, n) : NULL;
	bool ok = room && BN_bn2binpad(x, room, (int)n) == (int)n;

	BN_free(x);
	return ok;
}

static size_t field_size(const EVP_PKEY *key)
{
	BIGNUM *p = NULL;
	size_t n = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_P, &p) == 1 ? (size_t)BN_num_bytes(p) : 0;

	BN_free(p);
	return n;
}

static bool add_point(const EVP_PKEY *key, struct buf *b)
{
	const size_t n = field_size(key);

	buf_add_u8(b, POINT_CONVERSION_UNCOMPRESSED);
	return n > 0 && add_number(key, OSSL_PKEY_PARAM_EC_PUB_X, n, b) && add_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, n, b);
}

static bool add_raw(const EVP_PKEY *key, struct buf *b)
{
	size_t n = 0;
	uint8_t *room = EVP_PKEY_get_raw_public_key(key, NULL, &n) == 1 ? buf_extend(b, n) : NULL;

	return room && EVP_PKEY_get_raw_public_key(key, room, &n) == 1;
}

enum inro_err agree_public(const EVP_PKEY *key, struct buf *b)
{
	return (EVP_PKEY_is_a(key, "EC") ? add_point : add_raw)(key, b) ? buf_err(b)
									: below_failed("reading a public key");
}

static bool is_zero(const struct secret *s)
{
	uint8_t any = 0;

	for (size_t i = 0; i < s->n; i++)
		any |= s->p[i];
	return any == 0;
}

enum inro_err agree_by_token(const struct agree *a, const EVP_PKEY *peer, struct secret *ret)
{
	SCOPED(secret) secret = { 0 };
	SCOPED(buf) public = { 0 };
	CK_ECDH1_DERIVE_PARAMS params = { .kdf = CKD_NULL };
	CK_MECHANISM mech = { mechanism(a), &params, sizeof params };
	enum inro_err e = agree_public(peer, &public);

	if (e)
		return e;
	params.pPublicData = public.p;
	params.ulPublicDataLen = public.n;
	e = object_derive(a->object, &mech, &secret);
	if (!e && !EVP_PKEY_is_a(a->key, "EC") && is_zero(&secret))
		e = err_set(INRO_E_PUBLIC_KEY, "the other side's key is a point with which every key agrees on zero");
	if (e)
		return e;
	*ret = secret;
	secret = (struct secret) { 0 };
	return INRO_OK;
}
