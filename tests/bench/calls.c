/* calls - the table of them, and both sides of each. */
#include "tests/bench/calls.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/own.h"

#define SALT 32

static void check(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		module_expect(CKR_OK, rv, what, __FILE__, __LINE__);
}

/* ---- keys ---- */

static CK_OBJECT_HANDLE p256_key(CK_SESSION_HANDLE s)
{
	return module_ec(s, true, false).private;
}

static CK_OBJECT_HANDLE rsa_key(CK_SESSION_HANDLE s)
{
	return module_rsa(s, 2048, true, false).private;
}

static CK_OBJECT_HANDLE ed25519_key(CK_SESSION_HANDLE s)
{
	static const uint8_t oid[] = { 6, 3, 0x2b, 0x65, 0x70 };
	CK_MECHANISM m = { .mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, oid, sizeof oid) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_BOOL(CKA_SIGN, CK_TRUE) };
	CK_OBJECT_HANDLE a, b;

	OK(p11->C_GenerateKeyPair(s, &m, public, 1, private, 2, &a, &b));
	return b;
}

static CK_OBJECT_HANDLE secret_key(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE mech,
				   CK_ATTRIBUTE_TYPE use)
{
	CK_MECHANISM m = { .mechanism = mech };
	CK_ATTRIBUTE t[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_ULONG(CKA_VALUE_LEN, 32),
			     A_BOOL(use, CK_TRUE) };
	CK_OBJECT_HANDLE key;

	OK(p11->C_GenerateKey(s, &m, t, ARRAY_LEN(t), &key));
	return key;
}

static CK_OBJECT_HANDLE aes_key(CK_SESSION_HANDLE s)
{
	return secret_key(s, CKM_AES_KEY_GEN, CKA_ENCRYPT);
}

static CK_OBJECT_HANDLE hmac_key(CK_SESSION_HANDLE s)
{
	return secret_key(s, CKM_GENERIC_SECRET_KEY_GEN, CKA_SIGN);
}

static EVP_PKEY *raw_p256(void)
{
	return EVP_EC_gen("P-256");
}

static EVP_PKEY *raw_rsa(void)
{
	return EVP_RSA_gen(2048);
}

static EVP_PKEY *raw_ed25519(void)
{
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/* ---- ours ---- */

static void sign_by(struct caller *c, CK_MECHANISM *m)
{
	CK_ULONG n = sizeof c->out;

	check(p11->C_SignInit(c->session, m, c->key), "C_SignInit");
	check(p11->C_Sign(c->session, c->in, c->call->n, c->out, &n), "C_Sign");
}

static void our_signature(void *at)
{
	struct caller *c = at;

	sign_by(c, &(CK_MECHANISM) { .mechanism = c->call->mech });
}

static void our_pss(void *at)
{
	CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, SALT };
	struct caller *c = at;

	sign_by(c, &(CK_MECHANISM) { c->call->mech, &pss, sizeof pss });
}

static void our_gcm(void *at)
{
	struct caller *c = at;
	CK_GCM_PARAMS gcm = { c->iv, sizeof c->iv, 8 * sizeof c->iv, NULL, 0, 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &gcm, sizeof gcm };
	CK_ULONG n = sizeof c->out;

	c->iv[0]++;
	check(p11->C_EncryptInit(c->session, &m, c->key), "C_EncryptInit");
	check(p11->C_Encrypt(c->session, c->in, c->call->n, c->out, &n), "C_Encrypt");
}

static void our_random(void *at)
{
	struct caller *c = at;

	check(p11->C_GenerateRandom(c->session, c->out, c->call->n), "C_GenerateRandom");
}

static void our_session(void *at)
{
	const struct caller *c = at;
	CK_SESSION_HANDLE s;

	check(p11->C_OpenSession(c->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s),
	      "C_OpenSession");
	check(p11->C_CloseSession(s), "C_CloseSession");
}

static void our_attributes(void *at)
{
	struct caller *c = at;
	uint8_t label[64], id[64];
	CK_ATTRIBUTE t[] = { { CKA_LABEL, label, sizeof label }, { CKA_ID, id, sizeof id } };

	check(p11->C_GetAttributeValue(c->session, c->key, t, 2), "C_GetAttributeValue");
}

/* ---- libcrypto's ---- */

static void raw_signature(void *at)
{
	struct caller *c = at;
	size_t n = sizeof c->out;

	bench_need(EVP_PKEY_sign(c->sign, c->out, &n, c->in, c->call->n) == 1, "EVP_PKEY_sign");
}

static void raw_hashed(void *at)
{
	struct caller *c = at;
	uint8_t hash[32];
	size_t n = sizeof c->out;

	bench_need(EVP_DigestInit_ex2(c->md, NULL, NULL) == 1 &&
			   EVP_DigestUpdate(c->md, c->in, c->call->n) == 1 &&
			   EVP_DigestFinal_ex(c->md, hash, NULL) == 1 &&
			   EVP_PKEY_sign(c->sign, c->out, &n, hash, sizeof hash) == 1,
		   "EVP_PKEY_sign");
}

static void raw_ed25519_signature(void *at)
{
	struct caller *c = at;
	size_t n = sizeof c->out;

	bench_need(EVP_DigestSign(c->digest_sign, c->out, &n, c->in, c->call->n) == 1,
		   "EVP_DigestSign");
}

static void raw_gcm(void *at)
{
	struct caller *c = at;
	int n, last;

	c->iv[0]++;
	bench_need(EVP_EncryptInit_ex2(c->cipher, NULL, NULL, c->iv, NULL) == 1 &&
			   EVP_EncryptUpdate(c->cipher, c->out, &n, c->in, (int)c->call->n) == 1 &&
			   EVP_EncryptFinal_ex(c->cipher, c->out + n, &last) == 1 &&
			   EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_GET_TAG, 16, c->out + n) ==
				   1,
		   "EVP_Encrypt");
}

static void raw_hmac(void *at)
{
	struct caller *c = at;
	size_t n;

	bench_need(EVP_MAC_init(c->mac, NULL, 0, NULL) == 1 &&
			   EVP_MAC_update(c->mac, c->in, c->call->n) == 1 &&
			   EVP_MAC_final(c->mac, c->out, &n, sizeof c->out) == 1,
		   "EVP_MAC");
}

static void raw_random(void *at)
{
	struct caller *c = at;

	bench_need(RAND_bytes(c->out, (int)c->call->n) == 1, "RAND_bytes");
}

const struct call calls[] = {
	{ "P-256", CKM_ECDSA, 32, true, p256_key, raw_p256, our_signature, raw_signature },
	{ "Ed25519", CKM_EDDSA, 64, true, ed25519_key, raw_ed25519, our_signature,
	  raw_ed25519_signature },
	{ "RSA-2048 PKCS#1 SHA-256", CKM_SHA256_RSA_PKCS, 64, true, rsa_key, raw_rsa, our_signature,
	  raw_hashed },
	{ "RSA-2048 PSS SHA-256", CKM_SHA256_RSA_PKCS_PSS, 64, true, rsa_key, raw_rsa, our_pss,
	  raw_hashed },
	{ "HMAC-SHA-256 64 B", CKM_SHA256_HMAC, 64, false, hmac_key, NULL, our_signature,
	  raw_hmac },
	{ "AES-256-GCM 64 B", CKM_AES_GCM, 64, false, aes_key, NULL, our_gcm, raw_gcm },
	{ "AES-256-GCM 16 KiB", CKM_AES_GCM, 16384, false, aes_key, NULL, our_gcm, raw_gcm },
	{ "C_GenerateRandom 32 B", 0, 32, false, NULL, NULL, our_random, raw_random },
	{ "C_GetAttributeValue label, id", 0, 0, false, p256_key, NULL, our_attributes, NULL },
	{ "C_OpenSession, C_CloseSession", 0, 0, false, NULL, NULL, our_session, NULL },
};
const size_t calls_n = ARRAY_LEN(calls);

/* ---- contexts ---- */

static void open_rsa(struct caller *c)
{
	bool pss = c->call->mech == CKM_SHA256_RSA_PKCS_PSS;

	c->md = EVP_MD_CTX_new();
	bench_need(c->md && EVP_DigestInit_ex2(c->md, EVP_sha256(), NULL) == 1 &&
			   EVP_PKEY_CTX_set_rsa_padding(c->sign, pss ? RSA_PKCS1_PSS_PADDING
								     : RSA_PKCS1_PADDING) == 1 &&
			   EVP_PKEY_CTX_set_signature_md(c->sign, EVP_sha256()) == 1,
		   "preparing RSA");
	if (pss)
		bench_need(EVP_PKEY_CTX_set_rsa_pss_saltlen(c->sign, SALT) == 1, "the salt");
}

static void open_signature(struct caller *c, EVP_PKEY *key)
{
	if (c->call->mech == CKM_EDDSA) {
		c->digest_sign = EVP_MD_CTX_new();
		bench_need(c->digest_sign &&
				   EVP_DigestSignInit(c->digest_sign, NULL, NULL, NULL, key) == 1,
			   "preparing Ed25519");
		return;
	}
	c->sign = EVP_PKEY_CTX_new(key, NULL);
	bench_need(c->sign && EVP_PKEY_sign_init(c->sign) == 1, "preparing a signature");
	if (c->call->mech != CKM_ECDSA)
		open_rsa(c);
}

static void open_hmac(struct caller *c)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]) { "SHA2-256" }, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	c->mac = EVP_MAC_CTX_new(mac);
	bench_need(c->mac && EVP_MAC_init(c->mac, c->in, 32, params) == 1, "preparing HMAC");
	EVP_MAC_free(mac);
}

static void open_gcm(struct caller *c)
{
	EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);

	c->cipher = EVP_CIPHER_CTX_new();
	bench_need(c->cipher && EVP_EncryptInit_ex2(c->cipher, gcm, c->in, c->iv, NULL) == 1,
		   "preparing GCM");
	EVP_CIPHER_free(gcm);
}

void caller_open(struct caller *c, const struct call *call, CK_SLOT_ID slot, CK_OBJECT_HANDLE key,
		 EVP_PKEY *raw_key)
{
	*c = (struct caller) { .call = call, .slot = slot, .key = key };
	c->session = module_open(slot, true);
	memset(c->in, 0x5a, sizeof c->in);
	if (raw_key)
		open_signature(c, raw_key);
	else if (call->mech == CKM_SHA256_HMAC)
		open_hmac(c);
	else if (call->mech == CKM_AES_GCM)
		open_gcm(c);
}

void caller_close(struct caller *c)
{
	OK(p11->C_CloseSession(c->session));
	EVP_PKEY_CTX_free(c->sign);
	EVP_MD_CTX_free(c->digest_sign);
	EVP_MD_CTX_free(c->md);
	EVP_CIPHER_CTX_free(c->cipher);
	EVP_MAC_CTX_free(c->mac);
}
