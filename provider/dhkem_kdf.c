/* dhkem_kdf - see dhkem_kdf.h. */
#include "provider/dhkem_kdf.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/secret.h"
#include "provider/below.h"

static const struct dhkem kems[] = {
	{ "prime256v1", 0x0010, "SHA256", 32, 65, 32 }, { "secp384r1", 0x0011, "SHA384", 48, 97, 48 },
	{ "secp521r1", 0x0012, "SHA512", 66, 133, 64 }, { "X25519", 0x0020, "SHA256", 32, 32, 32 },
	{ "X448", 0x0021, "SHA512", 56, 56, 64 },
};

const struct dhkem *dhkem_of(const EVP_PKEY *key)
{
	char group[64] = "";
	const char *name = EVP_PKEY_get0_type_name(key);

	if (EVP_PKEY_is_a(key, "EC"))
		name = EVP_PKEY_get_group_name(key, group, sizeof group, NULL) ? group : NULL;
	for (size_t i = 0; name && i < ARRAY_LEN(kems); i++)
		if (strcmp(kems[i].group, name) == 0)
			return &kems[i];
	return NULL;
}

static enum inro_err hkdf(OSSL_LIB_CTX *libctx, const struct dhkem *k, int mode, const struct buf *key,
			  const struct buf *info, struct secret *ret)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)k->digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key->p, key->n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info->p, info->n),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(libctx, OSSL_KDF_NAME_HKDF, NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool ok = ctx && EVP_KDF_derive(ctx, ret->p, ret->n, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? INRO_OK : below_failed("HKDF");
}

/* What each input is begun with: the version, and the KEM as the suite that it is of. */
static void add_label(struct buf *b, const struct dhkem *k, const char *label)
{
	buf_add_str(b, "HPKE-v1KEM");
	buf_add_u8(b, (uint8_t)(k->id >> 8));
	buf_add_u8(b, (uint8_t)k->id);
	buf_add_str(b, label);
}

/* The digest of each KEM is as long as its secret. */
static enum inro_err extract(OSSL_LIB_CTX *libctx, const struct dhkem *k, struct bytes shared, struct secret *ret)
{
	SCOPED(buf) key = { .secret = true };
	const struct buf none = { 0 };
	enum inro_err e;

	add_label(&key, k, "eae_prk");
	buf_add(&key, shared);
	e = buf_err(&key);
	return e ? e : hkdf(libctx, k, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, &key, &none, ret);
}

static enum inro_err expand(OSSL_LIB_CTX *libctx, const struct dhkem *k, const struct secret *prk,
			    struct bytes context, struct secret *ret)
{
	SCOPED(buf) info = { 0 };
	const struct buf key = { .p = prk->p, .n = prk->n };
	enum inro_err e;

	buf_add_u8(&info, 0);
	buf_add_u8(&info, (uint8_t)k->secret);
	add_label(&info, k, "shared_secret");
	buf_add(&info, context);
	e = buf_err(&info);
	return e ? e : hkdf(libctx, k, EVP_KDF_HKDF_MODE_EXPAND_ONLY, &key, &info, ret);
}

enum inro_err dhkem_derive(OSSL_LIB_CTX *libctx, const struct dhkem *k, struct bytes shared, struct bytes context,
			   uint8_t *out)
{
	SCOPED(secret) prk = { 0 };
	SCOPED(secret) secret = { 0 };
	enum inro_err e = secret_new(k->secret, &prk);

	if (!e)
		e = secret_new(k->secret, &secret);
	if (!e)
		e = extract(libctx, k, shared, &prk);
	if (!e)
		e = expand(libctx, k, &prk, context, &secret);
	if (!e)
		memcpy(out, secret.p, secret.n);
	return e;
}
