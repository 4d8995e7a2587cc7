/* jwe - JWE compact; see envelope.h. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/envelope_parts.h"

#define CEK	  32
#define NONCE	  12
#define TAG	  16
#define FIELD_MAX 66

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

/* RFC 7518 4.6.2: Concat KDF for a key of 256 bits, no party information. */
static enum inro_err concat_kdf(struct bytes z, const char *alg, uint8_t out[static ENVELOPE_KEK])
{
	SCOPED(buf) info = { 0 };
	enum inro_err e;

	buf_add_field(&info, bytes_of(alg));
	buf_add_u32(&info, 0);
	buf_add_u32(&info, 0);
	buf_add_u32(&info, ENVELOPE_KEK * 8);
	e = buf_err(&info);
	return e ? e : envelope_kdf("SSKDF", z, buf_bytes(&info), out);
}

/* The header's "epk" (RFC 7518 4.6.1.1). */
static enum inro_err add_epk(EVP_PKEY *own, const struct curve *curve, struct buf *header)
{
	SCOPED(buf) encoded = { 0 };
	const uint8_t *point;
	enum inro_err e = envelope_point(own, &encoded);

	if (!e && encoded.n != 1 + 2 * curve->octets)
		e = err_set(INRO_E_CRYPTO, "an ephemeral key of %zu octets", encoded.n);
	if (e)
		return e;
	point = encoded.p;
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
	uint8_t kek[ENVELOPE_KEK];
	enum inro_err e;

	if (!curve)
		return err_set(INRO_E_KEY_TYPE, "a JWE is for keys on P-256, P-384 and P-521");
	e = envelope_ephemeral(key, &own);
	if (!e)
		e = add_epk(own, curve, header);
	if (!e)
		e = envelope_agree(own, key, &z);
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
	return type == EVP_PKEY_RSA ? envelope_oaep(key, cek, ret) : wrap_ec(key, cek, header, ret);
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
