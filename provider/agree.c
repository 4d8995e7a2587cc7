/* agree - see agree.h. */
#include "provider/agree.h"

#include <openssl/core_names.h>

#include "provider/below.h"

#define POINT_UNCOMPRESSED 4

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

enum inro_err agree_public(const EVP_PKEY *key, struct buf *b)
{
	unsigned char *public = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key((EVP_PKEY *)(uintptr_t)key, &public);

	if (n == 0)
		return below_failed("reading a public key");
	buf_add(b, BYTES(public, n));
	OPENSSL_free(public);
	return buf_err(b);
}

static bool is_zero(const struct secret *s)
{
	uint8_t any = 0;

	for (size_t i = 0; i < s->n; i++)
		any |= s->p[i];
	return any == 0;
}

/* A field element (RFC 5480, RFC 7748): a token that leaves out its leading zeros agrees with nobody else. */
static bool has_length(const struct agree *a, const struct buf *public, size_t n)
{
	if (!EVP_PKEY_is_a(a->key, "EC"))
		return n == public->n;
	return n == (public->p[0] == POINT_UNCOMPRESSED ? (public->n - 1) / 2 : public->n - 1);
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
	if (!e && !has_length(a, &public, secret.n))
		e = err_set(INRO_E_TOKEN, "the token gave a secret of %zu bytes", secret.n);
	if (!e && !EVP_PKEY_is_a(a->key, "EC") && is_zero(&secret))
		e = err_set(INRO_E_PUBLIC_KEY, "the other side's key is a point with which every key agrees on zero");
	if (e)
		return e;
	*ret = secret;
	secret = (struct secret) { 0 };
	return INRO_OK;
}
