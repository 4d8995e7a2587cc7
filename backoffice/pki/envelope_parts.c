/* envelope_parts - see envelope_parts.h; and the envelope that a token opens in one call. */
#include "backoffice/pki/envelope_parts.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#define FIELD_MAX 66

static void free_pctx(EVP_PKEY_CTX **c)
{
	EVP_PKEY_CTX_free(*c);
}

static void free_kdf(EVP_KDF_CTX **k)
{
	EVP_KDF_CTX_free(*k);
}

enum inro_err envelope_oaep(EVP_PKEY *rsa, struct bytes plain, struct buf *ret)
{
	AUTO(free_pctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(crypt_libctx(), rsa, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(rsa);
	uint8_t *out = buf_extend(ret, n);

	if (!out)
		return buf_err(ret);
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, "SHA256", NULL) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, "SHA256", NULL) != 1 ||
	    EVP_PKEY_encrypt(ctx, out, &n, plain.p, plain.n) != 1)
		return crypt_err("RSA-OAEP");
	return INRO_OK;
}

enum inro_err envelope_ephemeral(EVP_PKEY *like, EVP_PKEY **ret)
{
	AUTO(free_pctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(crypt_libctx(), like, NULL);

	*ret = NULL;
	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_keygen(ctx, ret) != 1)
		return crypt_err("an ephemeral key");
	return INRO_OK;
}

enum inro_err envelope_point(EVP_PKEY *own, struct buf *ret)
{
	uint8_t point[1 + 2 * FIELD_MAX];
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
					    sizeof point, &n) != 1)
		return crypt_err("an ephemeral key");
	buf_add(ret, BYTES(point, n));
	return buf_err(ret);
}

enum inro_err envelope_agree(EVP_PKEY *own, EVP_PKEY *other, struct secret *ret)
{
	AUTO(free_pctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(crypt_libctx(), own, NULL);
	SCOPED(secret) z = { 0 };
	size_t n = FIELD_MAX;
	enum inro_err e = secret_new(FIELD_MAX, &z);

	if (e)
		return e;
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, other) != 1 ||
	    EVP_PKEY_derive(ctx, z.p, &n) != 1)
		return crypt_err("ECDH");
	secret_shrink(&z, n);
	*ret = z;
	z = (struct secret) { 0 };
	return INRO_OK;
}

enum inro_err envelope_kdf(const char *name, struct bytes z, struct bytes info,
			   uint8_t out[static ENVELOPE_KEK])
{
	EVP_KDF *kdf = EVP_KDF_fetch(crypt_libctx(), name, NULL);
	AUTO(free_kdf) EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[4], *p = params;
	char sha256[] = "SHA256";

	EVP_KDF_free(kdf);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.p, z.n);
	if (info.n)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
							 (void *)(uintptr_t)info.p, info.n);
	*p = OSSL_PARAM_construct_end();
	if (!ctx || EVP_KDF_derive(ctx, out, ENVELOPE_KEK, params) != 1)
		return crypt_err(name);
	return INRO_OK;
}

/* ---- for one call of C_UnwrapKey ---- */

static enum inro_err wrap_rsa(EVP_PKEY *to, struct bytes key, struct buf *ret)
{
	SCOPED(secret) kek = { 0 };
	enum inro_err e = secret_random(ENVELOPE_KEK, &kek);

	if (!e)
		e = envelope_oaep(to, secret_bytes(&kek), ret);
	return e ? e : envelope_aes_kwp(secret_bytes(&kek), key, ret);
}

static enum inro_err wrap_agreed(EVP_PKEY *to, struct bytes key, struct buf *ret)
{
	AUTO(envelope_free_key) EVP_PKEY *own = NULL;
	SCOPED(secret) z = { 0 };
	uint8_t kek[ENVELOPE_KEK];
	enum inro_err e = envelope_ephemeral(to, &own);

	if (!e)
		e = envelope_point(own, ret);
	if (!e)
		e = envelope_agree(own, to, &z);
	if (!e)
		e = envelope_kdf("X963KDF", secret_bytes(&z), BYTES_NONE, kek);
	if (!e)
		e = envelope_aes_kwp(BYTES(kek, sizeof kek), key, ret);
	wipe(kek, sizeof kek);
	return e;
}

enum inro_err envelope_pkcs11(struct bytes cert, struct bytes key, struct buf *ret)
{
	AUTO(envelope_free_key) EVP_PKEY *to = envelope_key(cert);
	int type = to ? EVP_PKEY_get_base_id(to) : 0;
	size_t before = ret->n;
	enum inro_err e;

	if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
		return err_set(INRO_E_KEY_TYPE, "keys are enveloped to certificates with RSA or EC "
						"keys");
	e = type == EVP_PKEY_RSA ? wrap_rsa(to, key, ret) : wrap_agreed(to, key, ret);
	if (e)
		buf_truncate(ret, before);
	return e;
}
