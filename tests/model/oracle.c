/* oracle - libcrypto's own answers. */
#include "tests/model/model.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

static const uint8_t iv[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 1 };

#define TAG 16

/* ---- parameters ---- */

CK_MECHANISM oracle_mechanism(const struct mech_row *m)
{
	static CK_GCM_PARAMS gcm;
	static CK_AES_CTR_PARAMS ctr;
	void *at = (void *)(uintptr_t)iv;

	gcm = (CK_GCM_PARAMS) { .pIv = at, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 8 * TAG };
	ctr = (CK_AES_CTR_PARAMS) { .ulCounterBits = 128 };
	memcpy(ctr.cb, iv, sizeof iv);
	if (m->type == CKM_AES_GCM)
		return (CK_MECHANISM) { m->type, &gcm, sizeof gcm };
	if (m->type == CKM_AES_CTR)
		return (CK_MECHANISM) { m->type, &ctr, sizeof ctr };
	if (m->type == CKM_AES_CBC || m->type == CKM_AES_CBC_PAD)
		return (CK_MECHANISM) { m->type, at, sizeof iv };
	return (CK_MECHANISM) { m->type, NULL, 0 };
}

/* ---- hashes and MACs ---- */

static void make_hash(const struct mech_row *m, const uint8_t *in, size_t n, uint8_t *out)
{
	unsigned len = 0;

	MUST(EVP_Digest(in, n, out, &len, m->type == CKM_SHA512 ? EVP_sha512() : EVP_sha256(), NULL));
}

static void make_mac(const struct mech_row *m, const struct material *k, const uint8_t *in, size_t n,
		     uint8_t *out)
{
	static const char *const ciphers[] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC" };
	bool cmac = m->type == CKM_AES_CMAC;
	size_t len = 0;

	MUST(EVP_Q_mac(NULL, cmac ? "CMAC" : "HMAC", NULL, cmac ? ciphers[k->n / 8 - 2] : "SHA256",
		       NULL, k->value, k->n, in, n, out, 64, &len));
}

/* ---- ciphers ---- */

static const EVP_CIPHER *cipher_of(const struct mech_row *m, size_t n)
{
	const struct {
		CK_MECHANISM_TYPE type;
		const EVP_CIPHER *of[3];
	} rows[] = {
		{ CKM_AES_ECB, { EVP_aes_128_ecb(), EVP_aes_192_ecb(), EVP_aes_256_ecb() } },
		{ CKM_AES_CBC, { EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc() } },
		{ CKM_AES_CBC_PAD, { EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc() } },
		{ CKM_AES_CTR, { EVP_aes_128_ctr(), EVP_aes_192_ctr(), EVP_aes_256_ctr() } },
		{ CKM_AES_GCM, { EVP_aes_128_gcm(), EVP_aes_192_gcm(), EVP_aes_256_gcm() } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].type == m->type)
			return rows[i].of[n / 8 - 2];
	return NULL;
}

static bool in_blocks(const struct mech_row *m, bool decrypt)
{
	return m->type == CKM_AES_ECB || m->type == CKM_AES_CBC ||
	       (decrypt && m->type == CKM_AES_CBC_PAD);
}

/* The form of the input. */
static CK_RV check_length(const struct mech_row *m, bool decrypt, size_t n)
{
	CK_RV bad = decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;

	if (in_blocks(m, decrypt) && n % 16 != 0)
		return bad;
	if (decrypt && m->type == CKM_AES_CBC_PAD && n == 0)
		return bad;
	return decrypt && m->type == CKM_AES_GCM && n < TAG ? bad : CKR_OK;
}

static CK_RV run_cipher(const struct mech_row *m, bool decrypt, const struct material *k,
			const uint8_t *in, size_t n, uint8_t *out, size_t *ret_n)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool gcm = m->type == CKM_AES_GCM, good;
	int len = 0, last = 0;
	size_t text = decrypt && gcm ? n - TAG : n;

	MUST(EVP_CipherInit_ex(c, cipher_of(m, k->n), NULL, k->value, iv, !decrypt));
	EVP_CIPHER_CTX_set_padding(c, m->type == CKM_AES_CBC_PAD);
	if (decrypt && gcm)
		MUST(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG,
					 (void *)(uintptr_t)(in + text)));
	good = (text == 0 || EVP_CipherUpdate(c, out, &len, in, (int)text)) &&
	       EVP_CipherFinal_ex(c, out + len, &last);
	len += last;
	if (good && gcm && !decrypt) {
		MUST(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, out + len));
		len += TAG;
	}
	EVP_CIPHER_CTX_free(c);
	*ret_n = (size_t)len;
	return good ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
}

/* ---- signatures ---- */

static int as_der(const uint8_t *sig, uint8_t **ret)
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	int n;

	*ret = NULL;
	MUST(ECDSA_SIG_set0(s, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)));
	n = i2d_ECDSA_SIG(s, ret);
	ECDSA_SIG_free(s);
	return n;
}

/* What is signed: the hash, or what is given as one. */
static void signed_part(const struct mech_row *m, const uint8_t *in, size_t n, uint8_t *hash,
			size_t *ret_n)
{
	*ret_n = m->whole ? n : 32;
	if (m->whole)
		memcpy(hash, in, n);
	else
		MUST(EVP_Digest(in, n, hash, NULL, EVP_sha256(), NULL));
}

bool oracle_verify(const struct mech_row *m, const struct material *k, const uint8_t *in, size_t n,
		   const uint8_t *sig)
{
	uint8_t hash[INPUT_MAX], *der;
	int der_n = as_der(sig, &der);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->pkey, NULL);
	bool good;

	signed_part(m, in, n, hash, &n);
	MUST(EVP_PKEY_verify_init(c) > 0);
	good = EVP_PKEY_verify(c, der, (size_t)der_n, hash, n) == 1;
	EVP_PKEY_CTX_free(c);
	OPENSSL_free(der);
	return good;
}

static void make_signature(const struct mech_row *m, const struct material *k, const uint8_t *in,
			   size_t n, uint8_t *out)
{
	uint8_t hash[INPUT_MAX], der[80];
	const uint8_t *p = der;
	size_t der_n = sizeof der;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->pkey, NULL);
	ECDSA_SIG *s;

	signed_part(m, in, n, hash, &n);
	MUST(EVP_PKEY_sign_init(c) > 0 && EVP_PKEY_sign(c, der, &der_n, hash, n) > 0);
	s = d2i_ECDSA_SIG(NULL, &p, (long)der_n);
	BN_bn2binpad(ECDSA_SIG_get0_r(s), out, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(s), out + 32, 32);
	ECDSA_SIG_free(s);
	EVP_PKEY_CTX_free(c);
}

CK_RV oracle_make(const struct mech_row *m, enum slot slot, const struct material *k, const uint8_t *in,
		  size_t n, uint8_t *out, size_t *ret_n)
{
	bool decrypt = slot == S_DECRYPT;
	CK_RV rv;

	*ret_n = m->out;
	if (slot == S_DIGEST)
		make_hash(m, in, n, out);
	else if (m->kind == K_EC_PRIVATE)
		make_signature(m, k, in, n, out);
	else if (m->out)
		make_mac(m, k, in, n, out);
	if (m->out)
		return CKR_OK;
	rv = check_length(m, decrypt, n);
	return rv || !k->known ? rv : run_cipher(m, decrypt, k, in, n, out, ret_n);
}

/* ---- pairs ---- */

static const char group[] = "prime256v1";

void *oracle_new_pair(uint8_t ret_private[32], uint8_t ret_point[67])
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	BIGNUM *d = NULL;
	size_t n = 0;

	MUST(k && EVP_PKEY_get_bn_param(k, OSSL_PKEY_PARAM_PRIV_KEY, &d));
	BN_bn2binpad(d, ret_private, 32);
	BN_free(d);
	ret_point[0] = 4;
	ret_point[1] = 65;
	MUST(EVP_PKEY_get_octet_string_param(k, OSSL_PKEY_PARAM_PUB_KEY, ret_point + 2, 65, &n) &&
	     n == 65);
	return k;
}

void *oracle_public(const uint8_t point[67])
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *k = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						 (char *)(uintptr_t)group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
						  (void *)(uintptr_t)(point + 2), 65),
		OSSL_PARAM_construct_end(),
	};

	MUST(EVP_PKEY_fromdata_init(c) > 0);
	MUST(EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params) > 0);
	EVP_PKEY_CTX_free(c);
	return k;
}

void oracle_free(void *pkey)
{
	EVP_PKEY_free(pkey);
}
