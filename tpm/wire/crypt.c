/* crypt - hashes, HMACs and AES-CFB. */
#include "tpm/wire/crypt.h"

#include <openssl/core_names.h>

#include "tpm/wire/crypt_fetch.h"

#define IV_SIZE 16

/* What a spare context is keyed with while it waits: nobody's key. */
static const uint8_t nobodys_key[32];

/* ---- hashes ---- */

static bool digest_parts(EVP_MD_CTX *ctx, const EVP_MD *md, const struct bytes *parts, size_t n,
			 uint8_t *out)
{
	bool ok = EVP_DigestInit_ex(ctx, md, NULL) > 0;

	for (size_t i = 0; ok && i < n; i++)
		ok = !parts[i].n || EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) > 0;
	return ok && EVP_DigestFinal_ex(ctx, out, NULL) > 0;
}

/* Begun anew first, because what it worked out stays in it. */
static void digest_give_back(struct fetched_hash *h, EVP_MD_CTX *ctx)
{
	if (!ctx || EVP_DigestInit_ex(ctx, h->md, NULL) <= 0 || !spare_give(&h->digests, ctx))
		EVP_MD_CTX_free(ctx);
}

enum inro_err crypt_hash(TPM2_ALG_ID hash, const struct bytes *parts, size_t n, TPM2B_DIGEST *ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	TPM2B_DIGEST d;
	struct fetched_hash *h;
	EVP_MD_CTX *ctx;
	enum inro_err e = fetched_hash(hash, &h);

	if (e)
		return e;
	ctx = spare_take(&h->digests);
	if (!ctx)
		ctx = EVP_MD_CTX_new();
	d.size = (UINT16)h->size;
	if (ctx && digest_parts(ctx, h->md, parts, n, d.buffer))
		*ret = d;
	else
		e = libcrypto_err("hashing");
	digest_give_back(h, ctx);
	wipe(&d, sizeof d);
	return e;
}

/* ---- HMACs ---- */

static bool mac_set_hash(EVP_MAC_CTX *ctx, const struct fetched_hash *h)
{
	char name[16];
	OSSL_PARAM params[2];

	OPENSSL_strlcpy(name, h->name, sizeof name);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	return EVP_MAC_CTX_set_params(ctx, params) > 0;
}

static EVP_MAC_CTX *mac_new(const struct fetched_hash *h)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(h->hmac);

	if (ctx && mac_set_hash(ctx, h))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static bool mac_key(EVP_MAC_CTX *ctx, struct bytes key)
{
	/* no pointer would mean the key before */
	return EVP_MAC_init(ctx, key.n ? key.p : nobodys_key, key.n, NULL) > 0;
}

static bool mac_parts(EVP_MAC_CTX *ctx, struct bytes key, const struct bytes *parts, size_t n,
		      TPM2B_DIGEST *out)
{
	size_t size = 0;
	bool ok = mac_key(ctx, key);

	for (size_t i = 0; ok && i < n; i++)
		ok = !parts[i].n || EVP_MAC_update(ctx, parts[i].p, parts[i].n) > 0;
	ok = ok && EVP_MAC_final(ctx, out->buffer, &size, sizeof out->buffer) > 0;
	out->size = (UINT16)size;
	return ok;
}

static void mac_give_back(struct fetched_hash *h, EVP_MAC_CTX *ctx)
{
	if (!ctx || !mac_key(ctx, BYTES(nobodys_key, sizeof nobodys_key)) ||
	    !spare_give(&h->macs, ctx))
		EVP_MAC_CTX_free(ctx);
}

enum inro_err crypt_hmac(TPM2_ALG_ID hash, struct bytes key, const struct bytes *parts, size_t n,
			 TPM2B_DIGEST *ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	TPM2B_DIGEST d;
	struct fetched_hash *h;
	EVP_MAC_CTX *ctx;
	enum inro_err e = fetched_hash(hash, &h);

	if (e)
		return e;
	ctx = spare_take(&h->macs);
	if (!ctx)
		ctx = mac_new(h);
	if (ctx && mac_parts(ctx, key, parts, n, &d))
		*ret = d;
	else
		e = libcrypto_err("working out a HMAC");
	mac_give_back(h, ctx);
	wipe(&d, sizeof d);
	return e;
}

/* ---- AES-CFB ---- */

static bool cipher_run(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, bool encrypt,
		       struct bytes key, struct bytes iv, uint8_t *data, size_t n)
{
	int done = 0;

	return EVP_CipherInit_ex2(ctx, cipher, key.p, iv.p, encrypt, NULL) > 0 &&
	       EVP_CipherUpdate(ctx, data, &done, data, (int)n) > 0 && (size_t)done == n;
}

static void cipher_give_back(struct fetched_cipher *c, EVP_CIPHER_CTX *ctx)
{
	if (!ctx || EVP_CipherInit_ex2(ctx, c->cipher, nobodys_key, nobodys_key, 1, NULL) <= 0 ||
	    !spare_give(&c->spares, ctx))
		EVP_CIPHER_CTX_free(ctx);
}

enum inro_err crypt_cfb(struct bytes key, struct bytes iv, bool encrypt, uint8_t *data, size_t n)
{
	KEEP_LIBCRYPTO_ERRORS();
	struct fetched_cipher *c;
	EVP_CIPHER_CTX *ctx;
	enum inro_err e = fetched_cipher(key.n, &c);

	if (e)
		return e;
	if (iv.n != IV_SIZE || n > BUF_MAX)
		return err_set(INRO_E_ARG, "AES-CFB takes an IV of 16 bytes and a bounded text");
	if (!n)
		return INRO_OK;
	ctx = spare_take(&c->spares);
	if (!ctx)
		ctx = EVP_CIPHER_CTX_new();
	if (!ctx || !cipher_run(ctx, c->cipher, encrypt, key, iv, data, n))
		e = libcrypto_err("AES-CFB");
	cipher_give_back(c, ctx);
	return e;
}
