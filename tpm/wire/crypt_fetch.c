/* crypt_fetch - what is fetched from libcrypto, once for each of its contexts. */
#include "tpm/wire/crypt_fetch.h"

#include <stdlib.h>

#include <openssl/core_names.h>

#include "tpm/wire/crypt_private.h"

static const struct hash {
	TPM2_ALG_ID id;
	const char *name;
	size_t size;
} hashes[FETCH_HASHES] = {
	{ .id = TPM2_ALG_SHA1, .name = "SHA1", .size = TPM2_SHA1_DIGEST_SIZE },
	{ .id = TPM2_ALG_SHA256, .name = "SHA2-256", .size = TPM2_SHA256_DIGEST_SIZE },
	{ .id = TPM2_ALG_SHA384, .name = "SHA2-384", .size = TPM2_SHA384_DIGEST_SIZE },
	{ .id = TPM2_ALG_SHA512, .name = "SHA2-512", .size = TPM2_SHA512_DIGEST_SIZE },
};

static const struct cipher {
	size_t key;
	const char *name;
} ciphers[FETCH_CIPHERS] = {
	{ .key = 16, .name = "AES-128-CFB" },
	{ .key = 32, .name = "AES-256-CFB" },
};

/* -1 for others */
static int hash_find(TPM2_ALG_ID hash)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].id == hash)
			return (int)i;
	return -1;
}

/* ---- contexts that wait for their next use ---- */

void *spare_take(struct spares *s)
{
	void *x = NULL;

	for (size_t i = 0; !x && i < FETCH_SPARES; i++)
		x = atomic_exchange(&s->at[i], NULL);
	return x;
}

/* False when there are enough: the caller frees it. */
bool spare_give(struct spares *s, void *x)
{
	for (size_t i = 0; i < FETCH_SPARES; i++) {
		void *none = NULL;

		if (atomic_compare_exchange_strong(&s->at[i], &none, x))
			return true;
	}
	return false;
}

/* ---- what was fetched from one context ---- */

static _Atomic(struct fetched *) all_fetched;
static enum inro_err (*_Atomic context_getter)(OSSL_LIB_CTX **ret);

void crypt_use(enum inro_err (*context)(OSSL_LIB_CTX **ret))
{
	atomic_store(&context_getter, context);
}

static EVP_PKEY_CTX *(*_Atomic key_ctx_maker)(OSSL_LIB_CTX *, const char *);

void crypt_use_keys(EVP_PKEY_CTX *(*key_ctx)(OSSL_LIB_CTX *, const char *))
{
	atomic_store(&key_ctx_maker, key_ctx);
}

EVP_PKEY_CTX *crypt_key_ctx(OSSL_LIB_CTX *lib, const char *algorithm)
{
	EVP_PKEY_CTX *(*make)(OSSL_LIB_CTX *, const char *) = atomic_load(&key_ctx_maker);

	return make ? make(lib, algorithm) : EVP_PKEY_CTX_new_from_name(lib, algorithm, NULL);
}

enum inro_err crypt_context(OSSL_LIB_CTX **ret)
{
	enum inro_err (*get)(OSSL_LIB_CTX **) = atomic_load(&context_getter);

	if (get)
		return get(ret);
	*ret = NULL;
	return libcrypto_alive();
}

static void fetched_free(struct fetched *f)
{
	EVP_MAC_free(f->hmac);
	for (size_t i = 0; i < FETCH_HASHES; i++)
		EVP_MD_free(f->hash[i].md);
	for (size_t i = 0; i < FETCH_CIPHERS; i++)
		EVP_CIPHER_free(f->cipher[i].cipher);
	free(f);
}

/* A hash that this libcrypto is built without is left out: it is not offered then. */
static bool fetch_all(struct fetched *f)
{
	bool ok = true;

	f->hmac = EVP_MAC_fetch(f->ctx, OSSL_MAC_NAME_HMAC, NULL);
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		f->hash[i].md = EVP_MD_fetch(f->ctx, hashes[i].name, NULL);
		f->hash[i].size = hashes[i].size;
		f->hash[i].hmac = f->hmac;
		f->hash[i].name = hashes[i].name;
	}
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
		f->cipher[i].cipher = EVP_CIPHER_fetch(f->ctx, ciphers[i].name, NULL);
		ok &= f->cipher[i].cipher != NULL;
	}
	return ok && f->hmac && f->hash[hash_find(TPM2_ALG_SHA256)].md;
}

static enum inro_err fetched_new(OSSL_LIB_CTX *ctx, struct fetched **ret)
{
	struct fetched *f = calloc(1, sizeof *f);
	enum inro_err e;

	if (!f)
		return INRO_E_NO_MEMORY;
	f->ctx = ctx;
	if (!fetch_all(f)) {
		e = libcrypto_err("fetching what is needed to speak with a TPM");
		fetched_free(f);
		return e;
	}
	*ret = f;
	return INRO_OK;
}

static struct fetched *fetched_find(struct fetched *from, const OSSL_LIB_CTX *ctx)
{
	while (from && from->ctx != ctx)
		from = from->next;
	return from;
}

/* Threads that come first together may each put one in; all but the latest are found no more, and
 * stay as all do: what uses a context lives as long as the process. */
enum inro_err fetched_get(struct fetched **ret)
{
	OSSL_LIB_CTX *ctx;
	struct fetched *head = atomic_load_explicit(&all_fetched, memory_order_acquire), *f = NULL;
	enum inro_err e = crypt_context(&ctx);

	if (e)
		return e;
	*ret = fetched_find(head, ctx);
	if (*ret)
		return INRO_OK;
	e = fetched_new(ctx, &f);
	if (e)
		return e;
	f->next = head;
	while (!atomic_compare_exchange_weak(&all_fetched, &f->next, f))
		;
	*ret = f;
	return INRO_OK;
}

/* ---- hashes ---- */

size_t crypt_hash_size(TPM2_ALG_ID hash)
{
	int i = hash_find(hash);

	return i < 0 ? 0 : hashes[i].size;
}

const char *crypt_hash_name(TPM2_ALG_ID hash)
{
	int i = hash_find(hash);

	return i < 0 ? NULL : hashes[i].name;
}

enum inro_err fetched_hash(TPM2_ALG_ID hash, struct fetched_hash **ret)
{
	int i = hash_find(hash);
	struct fetched *f;
	enum inro_err e = i < 0 ? INRO_E_UNSUPPORTED : fetched_get(&f);

	if (!e && !f->hash[i].md)
		e = INRO_E_UNSUPPORTED;
	if (!e)
		*ret = &f->hash[i];
	return e == INRO_E_UNSUPPORTED
		       ? err_set(e, "the TPM's hash algorithm 0x%04x is not offered here", hash)
		       : e;
}

enum inro_err fetched_cipher(size_t key, struct fetched_cipher **ret)
{
	struct fetched *f;
	enum inro_err e = fetched_get(&f);

	for (size_t i = 0; !e && i < ARRAY_LEN(ciphers); i++)
		if (ciphers[i].key == key) {
			*ret = &f->cipher[i];
			return INRO_OK;
		}
	if (e)
		return e;
	return err_set(INRO_E_ARG, "AES-CFB takes no key of %zu bytes", key);
}

enum inro_err crypt_hash_md(TPM2_ALG_ID hash, const EVP_MD **ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	struct fetched_hash *h;
	enum inro_err e = fetched_hash(hash, &h);

	if (!e)
		*ret = h->md;
	return e;
}
