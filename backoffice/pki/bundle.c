/* bundle - see bundle.h. */
#include "backoffice/pki/bundle.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "backoffice/pki/envelope.h"
#include "base/der.h"

/* RFC 5652 4 and 5.1 */
#define OID_DATA	"1.2.840.113549.1.7.1"
#define OID_SIGNED_DATA "1.2.840.113549.1.7.2"

/* ---- the key ---- */

/* EVP_PKEY_Q_keygen() knows no other name of RSA. */
static EVP_PKEY *generate_pss(OSSL_LIB_CTX *libctx, unsigned bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0 ||
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) <= 0 ||
	    EVP_PKEY_generate(ctx, &key) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *generate(const struct pki_key_kind *kind)
{
	const struct pki_key_type *t = pki_key_type(kind->type);
	OSSL_LIB_CTX *ctx = crypt_libctx();

	if (t->family == PKI_RSA_KEYS)
		return EVP_PKEY_Q_keygen(ctx, NULL, "RSA", (size_t)kind->bits);
	if (t->family == PKI_RSA_PSS_KEYS)
		return generate_pss(ctx, kind->bits);
	if (t->family == PKI_EC)
		return EVP_PKEY_Q_keygen(ctx, NULL, "EC", t->group);
	return EVP_PKEY_Q_keygen(ctx, NULL, t->group);
}

static enum inro_err to_pkcs8(const EVP_PKEY *key, struct secret *ret)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
	enum inro_err e = n > 0 ? secret_new((size_t)n, ret) : crypt_err("a new key");
	unsigned char *at = ret->p;

	if (e == INRO_OK)
		i2d_PKCS8_PRIV_KEY_INFO(info, &at);
	PKCS8_PRIV_KEY_INFO_free(info);
	return e;
}

enum inro_err bundle_key(const struct pki_key_kind *kind, struct secret *ret)
{
	AUTO(envelope_free_key) EVP_PKEY *key = generate(kind);

	if (key)
		return to_pkcs8(key, ret);
	ERR_clear_error();
	return err_set(INRO_E_UNSUPPORTED, "this libcrypto makes no %s keys", kind->name);
}

static enum inro_err read_key(struct bytes pkcs8, EVP_PKEY **ret)
{
	const unsigned char *at = pkcs8.p;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.n);

	*ret = info ? EVP_PKCS82PKEY_ex(info, crypt_libctx(), NULL) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	return *ret ? INRO_OK : crypt_err("a key that was made here");
}

/* ---- its request ---- */

static enum inro_err sign(EVP_PKEY *key, const struct pki_sig *sig, struct bytes message,
			  struct buf *ret)
{
	const char *md = sig->hash == PKI_HASH_NONE ? NULL : pki_hash_name(sig->hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *to = buf_extend(ret, n);
	bool done = ctx && to &&
		    EVP_DigestSignInit_ex(ctx, &pctx, md, crypt_libctx(), NULL, key, NULL) > 0 &&
		    (sig->scheme != PKI_SIGN_PSS ||
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0) &&
		    EVP_DigestSign(ctx, to, &n, message.p, message.n) > 0;

	EVP_MD_CTX_free(ctx);
	if (!done)
		return crypt_err("a request's signature");
	buf_truncate(ret, n);
	return buf_err(ret);
}

/* What an i2d function gave. */
static enum inro_err add_der(unsigned char *der, int n, const char *what, struct buf *ret)
{
	if (n <= 0)
		return crypt_err(what);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	return buf_err(ret);
}

static enum inro_err spki_of(EVP_PKEY *key, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	return add_der(der, n, "a new key's public half", ret);
}

static enum inro_err sig_of(struct bytes spki, const struct pki_sig **ret)
{
	struct pubkey pub;
	enum inro_err e = pubkey_read(spki, &pub);

	return e == INRO_OK ? pubkey_sig(&pub, PKI_HASH_NONE, ret) : e;
}

enum inro_err bundle_csr(struct bytes pkcs8, const struct csr_plan *plan, struct buf *ret)
{
	struct csr_plan whole = *plan;
	const struct pki_sig *sig = NULL;
	AUTO(envelope_free_key) EVP_PKEY *key = NULL;
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) info = { 0 };
	SCOPED(buf) signature = { 0 };
	enum inro_err e = read_key(pkcs8, &key);

	if (e == INRO_OK)
		e = spki_of(key, &spki);
	whole.spki = buf_bytes(&spki);
	if (e == INRO_OK)
		e = sig_of(whole.spki, &sig);
	if (e == INRO_OK)
		e = csr_info(&whole, &info);
	if (e == INRO_OK)
		e = sign(key, sig, buf_bytes(&info), &signature);
	return e == INRO_OK ? pki_signed(buf_bytes(&info), sig, buf_bytes(&signature), ret) : e;
}

/* ---- certificates ---- */

static X509 *read_cert(struct bytes der)
{
	const unsigned char *at = der.p;
	X509 *x = X509_new_ex(crypt_libctx(), NULL);

	if (x && !d2i_X509(&x, &at, (long)der.n))
		x = NULL; /* d2i_X509() freed it */
	return x;
}

/* From the first one on; NULL when one can't be read. */
static STACK_OF(X509) *read_certs(const struct bytes *certs, size_t n)
{
	STACK_OF(X509) *list = sk_X509_new_null();

	for (size_t i = 0; list && i < n; i++) {
		X509 *x = read_cert(certs[i]);

		if (x && sk_X509_push(list, x) > 0)
			continue;
		X509_free(x);
		sk_X509_pop_free(list, X509_free);
		list = NULL;
	}
	return list;
}

static enum inro_err add_certs(const struct bytes *certs, size_t n, struct buf *ret)
{
	enum inro_err e = INRO_OK;
	size_t list;

	if (!n)
		return e;
	list = der_begin(ret, DER_EXPLICIT(0));
	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		struct bytes content;

		e = der_only(certs[i], DER_SEQUENCE, &content);
		buf_add(ret, certs[i]);
	}
	der_end(ret, list);
	return e == INRO_OK ? e : err_context(e, "a certificate for a PKCS#7");
}

enum inro_err bundle_pkcs7(const struct bytes *certs, size_t n, struct buf *ret)
{
	size_t info = der_begin(ret, DER_SEQUENCE), explicit, data, content;
	enum inro_err e;

	der_add_oid(ret, OID_SIGNED_DATA);
	explicit = der_begin(ret, DER_EXPLICIT(0));
	data = der_begin(ret, DER_SEQUENCE);
	der_add_int(ret, 1);
	der_add(ret, DER_SET, BYTES_NONE); /* digests */
	content = der_begin(ret, DER_SEQUENCE);
	der_add_oid(ret, OID_DATA);
	der_end(ret, content);
	e = add_certs(certs, n, ret);
	der_add(ret, DER_SET, BYTES_NONE); /* signers */
	der_end(ret, data);
	der_end(ret, explicit);
	der_end(ret, info);
	return e == INRO_OK ? buf_err(ret) : e;
}

/* ---- PKCS#12 ---- */

static enum inro_err add_p12(PKCS12 *p12, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_PKCS12(p12, &der);

	return add_der(der, n, "a PKCS#12", ret);
}

/* The password as a C string: libcrypto wants one. */
static enum inro_err password_of(struct bytes password, struct secret *ret)
{
	enum inro_err e;

	if (password.n < BUNDLE_PASSWORD_MIN || memchr(password.p, 0, password.n))
		return err_set(INRO_E_PIN_FORMAT, "a PKCS#12's password has %d characters at least",
			       BUNDLE_PASSWORD_MIN);
	e = secret_new(password.n + 1, ret);
	if (e != INRO_OK)
		return e;
	memcpy(ret->p, password.p, password.n);
	ret->p[password.n] = 0;
	return INRO_OK;
}

static PKCS12 *make_p12(const struct bundle_p12 *in, const char *password, EVP_PKEY *key,
			STACK_OF(X509) *certs)
{
	X509 *own = sk_X509_shift(certs);
	PKCS12 *p12 = PKCS12_create_ex(password, in->name, key, own, certs, NID_aes_256_cbc,
				       NID_aes_256_cbc, BUNDLE_ROUNDS, -1, 0, crypt_libctx(), NULL);

	X509_free(own);
	if (p12 && PKCS12_set_mac(p12, password, -1, NULL, 0, BUNDLE_ROUNDS,
				  crypt_md(PKI_SHA256)) > 0)
		return p12;
	PKCS12_free(p12);
	return NULL;
}

enum inro_err bundle_p12(const struct bundle_p12 *in, struct buf *ret)
{
	AUTO(envelope_free_key) EVP_PKEY *key = NULL;
	SCOPED(secret) password = { 0 };
	STACK_OF(X509) *certs = NULL;
	PKCS12 *p12 = NULL;
	enum inro_err e = password_of(in->password, &password);

	if (e == INRO_OK)
		e = read_key(in->pkcs8, &key);
	if (e != INRO_OK)
		return e;
	certs = read_certs(in->certs, in->n);
	if (certs && in->n)
		p12 = make_p12(in, (const char *)password.p, key, certs);
	e = p12 ? add_p12(p12, ret) : crypt_err("a PKCS#12");
	PKCS12_free(p12);
	sk_X509_pop_free(certs, X509_free);
	return e;
}
