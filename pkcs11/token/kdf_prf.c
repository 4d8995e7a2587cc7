/* kdf_prf - EVP_MAC; every run is a copy of the keyed context, because what EVP_MAC_init() without
 * a key does differs between versions of libcrypto. */
#include "pkcs11/token/kdf_prf.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "pkcs11/token/libctx.h"

#define AES_BLOCK 16

static const struct {
	CK_MECHANISM_TYPE hmac, hash;
} hmacs[] = {
	{ CKM_SHA_1_HMAC, CKM_SHA_1 },		 { CKM_SHA224_HMAC, CKM_SHA224 },
	{ CKM_SHA256_HMAC, CKM_SHA256 },	 { CKM_SHA384_HMAC, CKM_SHA384 },
	{ CKM_SHA512_HMAC, CKM_SHA512 },	 { CKM_SHA512_224_HMAC, CKM_SHA512_224 },
	{ CKM_SHA512_256_HMAC, CKM_SHA512_256 }, { CKM_SHA3_224_HMAC, CKM_SHA3_224 },
	{ CKM_SHA3_256_HMAC, CKM_SHA3_256 },	 { CKM_SHA3_384_HMAC, CKM_SHA3_384 },
	{ CKM_SHA3_512_HMAC, CKM_SHA3_512 },	 { CKM_BLAKE2B_512_HMAC, CKM_BLAKE2B_512 },
};

static const struct {
	size_t n;
	const char *name;
} ciphers[] = { { 16, "AES-128-CBC" }, { 24, "AES-192-CBC" }, { 32, "AES-256-CBC" } };

static CK_MECHANISM_TYPE hash_of(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(hmacs); i++)
		if (hmacs[i].hmac == mech)
			return hmacs[i].hash;
	return mech;
}

size_t prf_size(CK_MECHANISM_TYPE mech)
{
	return mech == CKM_AES_CMAC ? AES_BLOCK : libctx_md_size(hash_of(mech));
}

/* Which MAC, and with which hash or cipher. */
static enum inro_err choose(CK_MECHANISM_TYPE mech, size_t key_n, EVP_MAC **ret,
			    OSSL_PARAM *ret_param)
{
	const char *hash = libctx_md_name(hash_of(mech));

	if (mech != CKM_AES_CMAC && !hash)
		return err_set(INRO_E_MECHANISM_PARAM, "0x%lx is no pseudo-random function here",
			       mech);
	/* OSSL_PARAM has no const; the names are only read */
	if (hash) {
		*ret_param = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
							      (char *)(uintptr_t)hash, 0);
		return libctx_hmac(ret);
	}
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
		if (ciphers[i].n != key_n)
			continue;
		*ret_param = OSSL_PARAM_construct_utf8_string(
			OSSL_MAC_PARAM_CIPHER, (char *)(uintptr_t)ciphers[i].name, 0);
		return libctx_cmac(ret);
	}
	return err_set(INRO_E_KEY_SIZE, "an AES key has 16, 24 or 32 bytes, not %zu", key_n);
}

enum inro_err prf_open(CK_MECHANISM_TYPE mech, struct bytes key, struct prf *ret)
{
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	struct prf p = { .n = prf_size(mech) };
	EVP_MAC *mac;
	enum inro_err e = choose(mech, key.n, &mac, params);

	if (e)
		return e;
	p.keyed = EVP_MAC_CTX_new(mac);
	/* an empty key is one, no pointer would be none */
	if (!p.keyed ||
	    EVP_MAC_init(p.keyed, key.n ? key.p : (const uint8_t *)"", key.n, params) != 1) {
		e = libcrypto_err("keying a MAC");
		prf_clear(&p);
		return e;
	}
	*ret = p;
	return INRO_OK;
}

void prf_clear(struct prf *p)
{
	EVP_MAC_CTX_free(p->running);
	EVP_MAC_CTX_free(p->keyed);
	*p = (struct prf) { 0 };
}

enum inro_err prf_start(struct prf *p)
{
	EVP_MAC_CTX_free(p->running);
	p->running = EVP_MAC_CTX_dup(p->keyed);
	return p->running ? INRO_OK : libcrypto_err("starting a MAC");
}

enum inro_err prf_add(struct prf *p, struct bytes x)
{
	return x.n == 0 || EVP_MAC_update(p->running, x.p, x.n) == 1 ? INRO_OK
								     : libcrypto_err("a MAC");
}

enum inro_err prf_end(struct prf *p, uint8_t *out)
{
	size_t n = 0;
	bool done = EVP_MAC_final(p->running, out, &n, p->n) == 1 && n == p->n;

	EVP_MAC_CTX_free(p->running);
	p->running = NULL;
	return done ? INRO_OK : libcrypto_err("finishing a MAC");
}
