/* envelope - AES key wrap and CMS; see envelope.h. */
#include "backoffice/pki/envelope_parts.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>

#define BLOCK 8

static void free_ctx(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

static void free_cipher(EVP_CIPHER **c)
{
	EVP_CIPHER_free(*c);
}

static void free_x509(X509 **x)
{
	X509_free(*x);
}

static void free_cms(CMS_ContentInfo **c)
{
	CMS_ContentInfo_free(*c);
}

static void free_bio(BIO **b)
{
	BIO_free(*b);
}

void envelope_free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static enum inro_err wrap(struct bytes kek, bool pad, struct bytes key, struct buf *ret)
{
	AUTO(free_cipher) EVP_CIPHER *cipher = NULL;
	AUTO(free_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	char name[32];
	uint8_t *out;
	int n = 0, tail = 0;

	snprintf(name, sizeof name, "AES-%zu-WRAP%s", kek.n * 8, pad ? "-PAD" : "");
	cipher = EVP_CIPHER_fetch(crypt_libctx(), name, NULL);
	if (!ctx || !cipher)
		return err_set(INRO_E_KEY_SIZE, "a key of %zu octets wraps no other", kek.n);
	out = buf_extend(ret, key.n + 3 * BLOCK);
	if (!out)
		return buf_err(ret);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_EncryptInit_ex2(ctx, cipher, kek.p, NULL, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, out, &n, key.p, (int)key.n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, out + n, &tail) != 1) {
		buf_truncate(ret, ret->n - key.n - 3 * BLOCK);
		return crypt_err("AES key wrap");
	}
	buf_truncate(ret, ret->n - key.n - 3 * BLOCK + (size_t)(n + tail));
	return INRO_OK;
}

enum inro_err envelope_aes_wrap(struct bytes kek, struct bytes key, struct buf *ret)
{
	return wrap(kek, key.n % BLOCK != 0 || key.n < 2 * BLOCK, key, ret);
}

enum inro_err envelope_aes_kwp(struct bytes kek, struct bytes key, struct buf *ret)
{
	return wrap(kek, true, key, ret);
}

static X509 *read_cert(struct bytes der)
{
	X509 *x = X509_new_ex(crypt_libctx(), NULL);
	const unsigned char *p = der.p;

	if (x && d2i_X509(&x, &p, (long)der.n))
		return x;
	return NULL; /* d2i has freed it */
}

EVP_PKEY *envelope_key(struct bytes cert)
{
	AUTO(free_x509) X509 *x = read_cert(cert);

	return x ? X509_get_pubkey(x) : NULL;
}

static bool choose(CMS_RecipientInfo *r, const char *sha256)
{
	EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(r);

	if (!ctx)
		return false;
	if (CMS_RecipientInfo_type(r) == CMS_RECIPINFO_TRANS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, sha256, NULL) == 1;
	return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, crypt_md(PKI_SHA256)) == 1;
}

static enum inro_err seal(CMS_ContentInfo *cms, struct bytes key, struct buf *ret)
{
	AUTO(free_bio) BIO *in = BIO_new_mem_buf(key.p, (int)key.n);
	unsigned char *der = NULL;
	int n;

	if (!in || CMS_final(cms, in, NULL, CMS_BINARY) != 1)
		return crypt_err("CMS");
	n = i2d_CMS_ContentInfo(cms, &der);
	if (n <= 0)
		return crypt_err("CMS");
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	return buf_err(ret);
}

/* An envelope for nobody yet. */
static CMS_ContentInfo *begin(bool authenticated)
{
	AUTO(free_cipher)
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(crypt_libctx(),
					      authenticated ? "AES-256-GCM" : "AES-256-CBC", NULL);

	return CMS_encrypt_ex(NULL, NULL, cipher, CMS_PARTIAL | CMS_BINARY, crypt_libctx(), NULL);
}

static enum inro_err add_cert(CMS_ContentInfo *cms, struct bytes cert)
{
	AUTO(free_x509) X509 *x = read_cert(cert);
	CMS_RecipientInfo *r;
	int type = x ? EVP_PKEY_get_base_id(X509_get0_pubkey(x)) : 0;

	if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
		return err_set(INRO_E_KEY_TYPE, "keys are enveloped to certificates with RSA or EC "
						"keys");
	r = cms ? CMS_add1_recipient_cert(cms, x, CMS_KEY_PARAM) : NULL;
	if (!r || !choose(r, "SHA256"))
		return crypt_err("CMS");
	return INRO_OK;
}

enum inro_err envelope_cms(struct bytes cert, bool authenticated, struct bytes key, struct buf *ret)
{
	AUTO(free_cms) CMS_ContentInfo *cms = begin(authenticated);
	enum inro_err e = add_cert(cms, cert);

	return e == INRO_OK ? seal(cms, key, ret) : e;
}

static enum inro_err seal_signed(CMS_ContentInfo *cms, struct bytes signed_data, struct buf *ret)
{
	if (CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_signed)) != 1)
		return crypt_err("CMS");
	return seal(cms, signed_data, ret);
}

enum inro_err envelope_signed(struct bytes cert, struct bytes signed_data, struct buf *ret)
{
	AUTO(free_cms) CMS_ContentInfo *cms = begin(false);
	enum inro_err e = add_cert(cms, cert);

	return e == INRO_OK ? seal_signed(cms, signed_data, ret) : e;
}

/* libcrypto takes both over when it succeeds. */
static bool add_kek(CMS_ContentInfo *cms, struct bytes kek, struct bytes id)
{
	unsigned char *key = OPENSSL_memdup(kek.p, kek.n), *name = OPENSSL_memdup(id.p, id.n);

	if (key && name &&
	    CMS_add0_recipient_key(cms, NID_undef, key, kek.n, name, id.n, NULL, NULL, NULL))
		return true;
	OPENSSL_clear_free(key, kek.n);
	OPENSSL_free(name);
	return false;
}

enum inro_err envelope_signed_kek(struct bytes kek, struct bytes id, struct bytes signed_data,
				  struct buf *ret)
{
	AUTO(free_cms) CMS_ContentInfo *cms = begin(false);

	if (!cms || !kek.n || !id.n || !add_kek(cms, kek, id))
		return crypt_err("CMS under a symmetric key");
	return seal_signed(cms, signed_data, ret);
}
