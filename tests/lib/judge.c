#include "tests/lib/judge.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/profile.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static EVP_PKEY *rsa_pss_key(int bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *judge_key(const char *type)
{
	EVP_PKEY *key;

	if (!strncmp(type, "rsa:", 4))
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(type + 4, NULL, 10));
	else if (!strncmp(type, "rsa-pss:", 8))
		key = rsa_pss_key((int)strtol(type + 8, NULL, 10));
	else if (!strncmp(type, "ED", 2) || !strncmp(type, "SLH-", 4) || !strncmp(type, "ML-", 3))
		key = EVP_PKEY_Q_keygen(NULL, NULL, type);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
	assert_non_null(key);
	return key;
}

void judge_spki(EVP_PKEY *key, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	OK(buf_err(ret));
}

void judge_sign(EVP_PKEY *key, const struct pki_sig *sig, struct bytes message, struct buf *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	static unsigned char out[49856]; /* SLH-DSA at its longest */
	size_t n = sizeof out;

	assert_int_equal(
		EVP_DigestSignInit_ex(ctx, &pctx, pki_hash_name(sig->hash), NULL, NULL, key, NULL),
		1);
	if (sig->scheme == PKI_SIGN_PSS) {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
	}
	assert_int_equal(EVP_DigestSign(ctx, out, &n, message.p, message.n), 1);
	EVP_MD_CTX_free(ctx);
	buf_add(ret, BYTES(out, n));
	OK(buf_err(ret));
}

void judge_name(const char *text, struct buf *ret)
{
	OK(dn_parse(text, NULL, ret));
}

enum inro_err judge_issue(const struct issue *in, EVP_PKEY *signer, struct buf *ret_der)
{
	SCOPED(issued) issued = { 0 };
	SCOPED(buf) signature = { 0 };
	enum inro_err e = issue_tbs(in, &issued);

	if (e != INRO_OK)
		return e;
	judge_sign(signer, issued.sig, buf_bytes(&issued.tbs), &signature);
	return pki_signed(buf_bytes(&issued.tbs), issued.sig, buf_bytes(&signature), ret_der);
}

void judge_ca_make(const char *key_type, const char *subject, const struct judge_ca *issuer,
		   int64_t now, struct judge_ca *ret)
{
	SCOPED(profile) profile = { 0 };
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) name = { 0 };
	SCOPED(buf) der = { 0 };
	uint8_t serial[CERT_SERIAL_OCTETS];
	struct pubkey pub;
	struct issue in = { .profile = &profile,
			    .issuer = issuer ? &issuer->cert : NULL,
			    .key = &pub,
			    .serial = BYTES(serial, sizeof serial),
			    .now = now,
			    .path_len = EXT_PATH_LEN_NONE };

	ret->key = judge_key(key_type);
	judge_spki(ret->key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &pub));
	OK(profile_builtin(issuer ? "sub-ca" : "root-ca", &profile));
	OK(cert_serial(serial));
	judge_name(subject, &name);
	in.subject = buf_bytes(&name);
	OK(judge_issue(&in, issuer ? issuer->key : ret->key, &der));
	OK(cert_read(buf_bytes(&der), &ret->cert));
	OK(cert_verify(&ret->cert, issuer ? &issuer->cert.key : &ret->cert.key));
}

void judge_ca_clear(struct judge_ca *ca)
{
	EVP_PKEY_free(ca->key);
	cert_clear(&ca->cert);
}

static void assert_same(struct bytes der, int n, unsigned char *again)
{
	assert_int_equal(n, der.n);
	assert_memory_equal(again, der.p, der.n);
	OPENSSL_free(again);
}

X509 *judge_x509(struct bytes der)
{
	const unsigned char *p = der.p;
	unsigned char *again = NULL;
	int n;
	X509 *x = d2i_X509(NULL, &p, (long)der.n);

	assert_non_null(x);
	assert_ptr_equal(p, der.p + der.n);
	assert_int_not_equal(X509_get_extension_flags(x) & EXFLAG_INVALID, EXFLAG_INVALID);
	/* libcrypto keeps the signed part as it came: let it encode that anew */
	i2d_re_X509_tbs(x, NULL);
	n = i2d_X509(x, &again);
	assert_same(der, n, again);
	return x;
}

X509_REQ *judge_req(struct bytes der)
{
	const unsigned char *p = der.p;
	unsigned char *again = NULL;
	int n;
	X509_REQ *r = d2i_X509_REQ(NULL, &p, (long)der.n);

	assert_non_null(r);
	assert_ptr_equal(p, der.p + der.n);
	i2d_re_X509_REQ_tbs(r, NULL);
	n = i2d_X509_REQ(r, &again);
	assert_same(der, n, again);
	return r;
}

X509_CRL *judge_crl(struct bytes der)
{
	const unsigned char *p = der.p;
	unsigned char *again = NULL;
	int n;
	X509_CRL *c = d2i_X509_CRL(NULL, &p, (long)der.n);

	assert_non_null(c);
	assert_ptr_equal(p, der.p + der.n);
	i2d_re_X509_CRL_tbs(c, NULL);
	n = i2d_X509_CRL(c, &again);
	assert_same(der, n, again);
	return c;
}

static void push(STACK_OF(X509) * stack, struct bytes der)
{
	if (der.n)
		assert_true(sk_X509_push(stack, judge_x509(der)) > 0);
}

int judge_verify(X509 *leaf, struct bytes root, struct bytes intermediate, X509_CRL *crl,
		 int64_t now)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509 *anchor = judge_x509(root);
	int error;

	push(untrusted, intermediate);
	assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
	if (crl)
		assert_int_equal(X509_STORE_add_crl(store, crl), 1);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, untrusted), 1);
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | (crl ? X509_V_FLAG_CRL_CHECK : 0));
	X509_STORE_CTX_set_time(ctx, 0, (time_t)now);
	error = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	sk_X509_pop_free(untrusted, X509_free);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(anchor);
	return error;
}
