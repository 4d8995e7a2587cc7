/* libctx - one libcrypto context a process, published once and never taken back. */
#include "pkcs11/token/libctx.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>

#include "base/own.h"
#include "base/process.h"
#include "pkcs11/token/ownalg.h"
#include "pkcs11/token/twine.h"

struct hash {
	CK_MECHANISM_TYPE mech;
	const char *name;
	size_t size;
};

/* Not all BLAKE2b lengths: libcrypto computes the longest only. */
static const struct hash hashes[] = {
	{ .mech = CKM_SHA_1, .name = "SHA1", .size = 20 },
	{ .mech = CKM_SHA224, .name = "SHA2-224", .size = 28 },
	{ .mech = CKM_SHA256, .name = "SHA2-256", .size = 32 },
	{ .mech = CKM_SHA384, .name = "SHA2-384", .size = 48 },
	{ .mech = CKM_SHA512, .name = "SHA2-512", .size = 64 },
	{ .mech = CKM_SHA512_224, .name = "SHA2-512/224", .size = 28 },
	{ .mech = CKM_SHA512_256, .name = "SHA2-512/256", .size = 32 },
	{ .mech = CKM_SHA3_224, .name = "SHA3-224", .size = 28 },
	{ .mech = CKM_SHA3_256, .name = "SHA3-256", .size = 32 },
	{ .mech = CKM_SHA3_384, .name = "SHA3-384", .size = 48 },
	{ .mech = CKM_SHA3_512, .name = "SHA3-512", .size = 64 },
	{ .mech = CKM_BLAKE2B_512, .name = "BLAKE2B-512", .size = 64 },
};

#define HASH_SHA256 2 /* the one that is needed for everything */

struct corner {
	pid_t pid;
	struct corner *before; /* the parent process's, so that leak checkers still find it */
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *provider, *keys, *twine;
	EVP_MD *md[ARRAY_LEN(hashes)];
	EVP_CIPHER *gcm;
	EVP_KDF *scrypt, *hkdf, *pbkdf2;
	EVP_MAC *hmac, *cmac;
};

static _Atomic(struct corner *) current;

static void corner_free(struct corner *c)
{
	for (size_t i = 0; i < ARRAY_LEN(c->md); i++)
		EVP_MD_free(c->md[i]);
	EVP_CIPHER_free(c->gcm);
	EVP_KDF_free(c->scrypt);
	EVP_KDF_free(c->hkdf);
	EVP_KDF_free(c->pbkdf2);
	EVP_MAC_free(c->hmac);
	EVP_MAC_free(c->cmac);
	if (c->twine)
		OSSL_PROVIDER_unload(c->twine);
	if (c->keys)
		OSSL_PROVIDER_unload(c->keys);
	if (c->provider)
		OSSL_PROVIDER_unload(c->provider);
	OSSL_LIB_CTX_free(c->ctx);
	free(c);
}

/* What a libcrypto may be built without is left out: libctx_md() says that it is not offered. */
static bool fetch_hashes(struct corner *c)
{
	KEEP_LIBCRYPTO_ERRORS();

	for (size_t i = 0; i < ARRAY_LEN(c->md); i++) {
		c->md[i] = EVP_MD_fetch(c->ctx, hashes[i].name, NULL);
		if (!c->md[i] && libcrypto_err("fetching a hash") == INRO_E_NO_MEMORY)
			return false;
	}
	return c->md[HASH_SHA256] != NULL;
}

static bool corner_fill(struct corner *c)
{
	c->pid = process_id();
	c->ctx = OSSL_LIB_CTX_new();
	c->provider = c->ctx ? OSSL_PROVIDER_load(c->ctx, "default") : NULL;
	if (!c->provider || !ownalg_load(c->ctx, c->provider, &c->keys) || !fetch_hashes(c))
		return false;
	c->twine = twine_load(c->ctx);
	c->gcm = EVP_CIPHER_fetch(c->ctx, "AES-256-GCM", NULL);
	c->scrypt = EVP_KDF_fetch(c->ctx, OSSL_KDF_NAME_SCRYPT, NULL);
	c->hkdf = EVP_KDF_fetch(c->ctx, OSSL_KDF_NAME_HKDF, NULL);
	c->pbkdf2 = EVP_KDF_fetch(c->ctx, OSSL_KDF_NAME_PBKDF2, NULL);
	c->hmac = EVP_MAC_fetch(c->ctx, OSSL_MAC_NAME_HMAC, NULL);
	c->cmac = EVP_MAC_fetch(c->ctx, OSSL_MAC_NAME_CMAC, NULL);
	return c->twine && c->gcm && c->scrypt && c->hkdf && c->pbkdf2 && c->hmac && c->cmac;
}

static enum inro_err corner_new(struct corner **ret)
{
	struct corner *c = calloc(1, sizeof *c);

	if (!c)
		return INRO_E_NO_MEMORY;
	if (!corner_fill(c)) {
		enum inro_err e = libcrypto_err("starting libcrypto's default provider");

		corner_free(c);
		return e;
	}
	*ret = c;
	return INRO_OK;
}

/* ---- the context ---- */

/* No lock: a mutex might be found held in a forked child.  Threads that come first together each
 * make one, and all but one give theirs up unused. */
static enum inro_err corner_get(struct corner **ret)
{
	struct corner *seen = atomic_load_explicit(&current, memory_order_acquire), *made = NULL;
	enum inro_err e;

	e = libcrypto_alive();
	if (e)
		return e;
	if (seen && seen->pid == process_id()) {
		*ret = seen;
		return INRO_OK;
	}
	e = corner_new(&made);
	if (e)
		return e;
	made->before = seen;
	if (!atomic_compare_exchange_strong(&current, &seen, made)) {
		corner_free(made);
		made = seen;
	}
	*ret = made;
	return INRO_OK;
}

enum inro_err libctx_get(OSSL_LIB_CTX **ret)
{
	struct corner *c;
	enum inro_err e = corner_get(&c);

	if (!e)
		*ret = c->ctx;
	return e;
}

static const struct hash *hash_find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].mech == mech)
			return &hashes[i];
	return NULL;
}

size_t libctx_md_size(CK_MECHANISM_TYPE hash)
{
	const struct hash *h = hash_find(hash);

	return h ? h->size : 0;
}

const char *libctx_md_name(CK_MECHANISM_TYPE hash)
{
	const struct hash *h = hash_find(hash);

	return h ? h->name : NULL;
}

enum inro_err libctx_md(CK_MECHANISM_TYPE hash, const EVP_MD **ret)
{
	const struct hash *h = hash_find(hash);
	struct corner *c;
	enum inro_err e;

	if (!h)
		return err_set(INRO_E_MECHANISM, "mechanism 0x%lx is not a hash offered here",
			       hash);
	e = corner_get(&c);
	if (!e && !c->md[h - hashes])
		e = err_set(INRO_E_MECHANISM, "this libcrypto has no %s", h->name);
	if (!e)
		*ret = c->md[h - hashes];
	return e;
}

enum inro_err libctx_aes_256_gcm(const EVP_CIPHER **ret)
{
	struct corner *c;
	enum inro_err e = corner_get(&c);

	if (!e)
		*ret = c->gcm;
	return e;
}

enum inro_err libctx_scrypt(EVP_KDF **ret)
{
	struct corner *c;
	enum inro_err e = corner_get(&c);

	if (!e)
		*ret = c->scrypt;
	return e;
}

enum inro_err libctx_hkdf(EVP_KDF **ret)
{
	struct corner *c;
	enum inro_err e = corner_get(&c);

	if (!e)
		*ret = c->hkdf;
	return e;
}

enum inro_err libctx_pbkdf2(EVP_KDF **ret)
{
	struct corner *c;
	enum inro_err e = corner_get(&c);

	if (!e)
		*ret = c->pbkdf2;
	return e;
}

enum inro_err libctx_hmac(EVP_MAC **ret)
{
	struct corner *c;
	enum inro_err e = corner_get(&c);

	if (!e)
		*ret = c->hmac;
	return e;
}

enum inro_err libctx_cmac(EVP_MAC **ret)
{
	struct corner *c;
	enum inro_err e = corner_get(&c);

	if (!e)
		*ret = c->cmac;
	return e;
}
