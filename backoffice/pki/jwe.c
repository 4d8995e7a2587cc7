/* jwe - JWE compact; see envelope.h. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/envelope.h"

#define CEK	  32
#define NONCE	  12
#define TAG	  16
#define FIELD_MAX 66

static void free_pctx(EVP_PKEY_CTX **c)
{
	EVP_PKEY_CTX_free(*c);
}

static void free_kdf(EVP_KDF_CTX **k)
{
	EVP_KDF_CTX_free(*k);
}

static void free_ctx(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

/* RFC 4648 5, without padding. */
static void add_base64url(struct buf *out, struct bytes in)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < in.n; i++) {
		bits = bits << 8 | in.p[i];
		for (have += 8; have >= 6; have -= 6)
			buf_add_u8(out, (uint8_t)digits[bits >> (have - 6) & 63]);
		bits &= (1u << have) - 1;
	}
	if (have)
		buf_add_u8(out, (uint8_t)digits[bits << (6 - have) & 63]);
}

/* ---- to an RSA key ---- */

static enum inro_err wrap_rsa(EVP_PKEY *key, struct bytes cek, struct buf *ret)
{
	AUTO(free_pctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(crypt_libctx(), key, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *out = buf_extend(ret, n);

	if (!out)
		return buf_err(ret);
	if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, "SHA256", NULL) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, "SHA256", NULL) != 1 ||
	    EVP_PKEY_encrypt(ctx, out, &n, cek.p, cek.n) != 1)
		return crypt_err("RSA-OAEP");
	return INRO_OK;
}

/* ---- to an EC key ---- */

static const struct curve {
	const char *group, *crv;
	size_t octets;
} curves[] = {
	{ "prime256v1", "P-256", 32 },
	{ "secp384r1", "P-384", 48 },
	{ "secp521r1", "P-521", 66 },
};

static const struct curve *curve_of(EVP_PKEY *key)
{
	char name[64];
	size_t n;

	if (EVP_PKEY_get_group_name(key, name, sizeof name, &n) != 1)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (!strcmp(curves[i].group, name))
			return &curves[i];
	return NULL;
}

static enum inro_err agree(EVP_PKEY *own, EVP_PKEY *other, struct secret *ret)
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

/* RFC 7518 4.6.2: Concat KDF for a key of 256 bits, no party information. */
static enum inro_err concat_kdf(struct bytes z, const char *alg, uint8_t out[static CEK])
{
	SCOPED(buf) info = { 0 };
	EVP_KDF *kdf = EVP_KDF_fetch(crypt_libctx(), "SSKDF", NULL);
	AUTO(free_kdf) EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[4];
	char sha256[] = "SHA256";

	EVP_KDF_free(kdf);
	buf_add_field(&info, bytes_of(alg));
	buf_add_u32(&info, 0);
	buf_add_u32(&info, 0);
	buf_add_u32(&info, CEK * 8);
	if (buf_err(&info))
		return buf_err(&info);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0);
	params[1] =
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.p, z.n);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.p, info.n);
	params[3] = OSSL_PARAM_construct_end();
	if (!ctx || EVP_KDF_derive(ctx, out, CEK, params) != 1)
		return crypt_err("Concat KDF");
	return INRO_OK;
}

/* The header's "epk" (RFC 7518 4.6.1.1). */
static enum inro_err add_epk(EVP_PKEY *own, const struct curve *curve, struct buf *header)
{
	uint8_t point[1 + 2 * FIELD_MAX];
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
					    sizeof point, &n) != 1 ||
	    n != 1 + 2 * curve->octets)
		return crypt_err("an ephemeral key");
	buf_addf(header, ",\"epk\":{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"", curve->crv);
	add_base64url(header, BYTES(point + 1, curve->octets));
	buf_add_str(header, "\",\"y\":\"");
	add_base64url(header, BYTES(point + 1 + curve->octets, curve->octets));
	buf_add_str(header, "\"}");
	return buf_err(header);
}

static enum inro_err wrap_ec(EVP_PKEY *key, struct bytes cek, struct buf *header, struct buf *ret)
{
	const struct curve *curve = curve_of(key);
	AUTO(envelope_free_key) EVP_PKEY *own = NULL;
	SCOPED(secret) z = { 0 };
	uint8_t kek[CEK];
	enum inro_err e;

	if (!curve)
		return err_set(INRO_E_KEY_TYPE, "a JWE is for keys on P-256, P-384 and P-521");
	own = EVP_PKEY_Q_keygen(crypt_libctx(), NULL, "EC", curve->group);
	if (!own)
		return crypt_err("an ephemeral key");
	e = add_epk(own, curve, header);
	if (!e)
		e = agree(own, key, &z);
	if (!e)
		e = concat_kdf(secret_bytes(&z), "ECDH-ES+A256KW", kek);
	if (!e)
		e = envelope_aes_wrap(BYTES(kek, sizeof kek), cek, ret);
	wipe(kek, sizeof kek);
	return e;
}

/* ---- the whole ---- */

/* AES-256-GCM, RFC 7518 5.3: ".nonce.ciphertext.tag" appended to what is there already. */
static enum inro_err add_content(struct bytes cek, struct bytes aad, struct bytes key,
				 struct buf *out)
{
	AUTO(free_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(crypt_libctx(), "AES-256-GCM", NULL);
	SCOPED(secret) sealed = { 0 };
	uint8_t nonce[NONCE], tag[TAG];
	int n = 0, last = 0;
	enum inro_err e = random_fill(nonce, sizeof nonce);
	bool good;

	if (!e)
		e = secret_new(key.n + TAG, &sealed);
	good = !e && ctx && EVP_EncryptInit_ex2(ctx, cipher, cek.p, nonce, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) == 1 &&
	       EVP_EncryptUpdate(ctx, sealed.p, &n, key.p, (int)key.n) == 1 &&
	       EVP_EncryptFinal_ex(ctx, sealed.p + n, &last) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1;
	EVP_CIPHER_free(cipher);
	if (!good)
		return e ? e : crypt_err("AES-GCM");
	buf_add_u8(out, '.');
	add_base64url(out, BYTES(nonce, sizeof nonce));
	buf_add_u8(out, '.');
	add_base64url(out, BYTES(sealed.p, key.n));
	buf_add_u8(out, '.');
	add_base64url(out, BYTES(tag, sizeof tag));
	return buf_err(out);
}

static enum inro_err wrap_cek(EVP_PKEY *key, struct bytes cek, struct buf *header, struct buf *ret)
{
	int type = key ? EVP_PKEY_get_base_id(key) : 0;

	if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
		return err_set(INRO_E_KEY_TYPE, "keys are enveloped to certificates with RSA or EC "
						"keys");
	buf_addf(header, "{\"alg\":\"%s\",\"enc\":\"A256GCM\"",
		 type == EVP_PKEY_RSA ? "RSA-OAEP-256" : "ECDH-ES+A256KW");
	return type == EVP_PKEY_RSA ? wrap_rsa(key, cek, ret) : wrap_ec(key, cek, header, ret);
}

enum inro_err envelope_jwe(struct bytes cert, const char *kid, struct bytes key, struct buf *ret)
{
	AUTO(envelope_free_key) EVP_PKEY *to = envelope_key(cert);
	SCOPED(buf) header = { 0 };
	SCOPED(buf) wrapped = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(buf) aad = { 0 };
	SCOPED(secret) cek = { 0 };
	enum inro_err e = secret_random(CEK, &cek);

	if (!e)
		e = wrap_cek(to, secret_bytes(&cek), &header, &wrapped);
	if (e)
		return e;
	buf_addf(&header, ",\"kid\":\"%s\"}", kid);
	add_base64url(&aad, buf_bytes(&header));
	buf_add(&text, buf_bytes(&aad));
	buf_add_u8(&text, '.');
	add_base64url(&text, buf_bytes(&wrapped));
	e = buf_err(&aad);
	if (!e)
		e = add_content(secret_bytes(&cek), buf_bytes(&aad), key, &text);
	if (e)
		return e;
	buf_add(ret, buf_bytes(&text));
	return buf_err(ret);
}
