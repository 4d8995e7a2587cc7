/* keyfile - libcrypto's store over a file in memory. */
#include "tools/import/keyfile.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>

#include "backoffice/pki/crypt.h"
#include "tools/import/keyfile_parts.h"

/* ---- the library context ---- */

struct crypto {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *usual, *legacy;
};

static void crypto_clear(struct crypto *c)
{
	if (c->legacy)
		OSSL_PROVIDER_unload(c->legacy);
	if (c->usual)
		OSSL_PROVIDER_unload(c->usual);
	OSSL_LIB_CTX_free(c->ctx);
}

/* PKCS#12 files of older programs are under RC2; without the provider these alone are not read. */
static enum inro_err crypto_open(struct crypto *c)
{
	c->ctx = OSSL_LIB_CTX_new();
	c->usual = c->ctx ? OSSL_PROVIDER_load(c->ctx, "default") : NULL;
	c->legacy = c->usual ? OSSL_PROVIDER_load(c->ctx, "legacy") : NULL;
	ERR_clear_error();
	return c->usual ? INRO_OK : crypt_err("preparing to read a key file");
}

/* ---- the passphrase ---- */

static void asked_clear(struct asked *a)
{
	secret_clear(&a->passphrase);
}

enum inro_err asked_take(struct asked *a)
{
	if (!a->done)
		a->e = a->ask(a->arg, &a->passphrase);
	a->done = true;
	return a->e;
}

static int give_passphrase(char *room, int n, int writing, void *arg)
{
	struct asked *a = arg;

	(void)writing;
	if (asked_take(a) || n < 0 || a->passphrase.n > (size_t)n)
		return -1;
	if (a->passphrase.n)
		memcpy(room, a->passphrase.p, a->passphrase.n);
	return (int)a->passphrase.n;
}

/* ---- what is found ---- */

void keyfile_clear(struct keyfile *f)
{
	secret_clear(&f->pkcs8);
	for (size_t i = 0; i < f->n; i++)
		buf_clear(&f->certs[i].der);
	*f = (struct keyfile) { 0 };
}

static enum inro_err hash_bits(const X509_PUBKEY *key, uint8_t ret[static KEYFILE_ID_OCTETS])
{
	const unsigned char *bits = NULL;
	int n = 0;

	if (!X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, key) || n <= 0 ||
	    !EVP_Q_digest(crypt_libctx(), "SHA1", NULL, bits, (size_t)n, ret, NULL))
		return crypt_err("hashing a public key");
	return INRO_OK;
}

static enum inro_err id_of_key(EVP_PKEY *pkey, uint8_t ret[static KEYFILE_ID_OCTETS])
{
	X509_PUBKEY *key = NULL;
	enum inro_err e = INRO_OK;

	if (!X509_PUBKEY_set(&key, pkey))
		e = crypt_err("reading a public key");
	if (!e)
		e = hash_bits(key, ret);
	X509_PUBKEY_free(key);
	return e;
}

static enum inro_err encode_key(EVP_PKEY *pkey, struct secret *ret)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
	enum inro_err e = n > 0 ? secret_new((size_t)n, ret) : crypt_err("reading a private key");
	uint8_t *p = ret->p;

	if (!e && i2d_PKCS8_PRIV_KEY_INFO(info, &p) != n)
		e = crypt_err("encoding a private key");
	PKCS8_PRIV_KEY_INFO_free(info); /* wipes it */
	return e;
}

enum inro_err keyfile_add_key(EVP_PKEY *pkey, struct keyfile *f)
{
	enum inro_err e;

	if (f->pkcs8.n)
		return err_set(INRO_E_AMBIGUOUS,
			       "there is more than one private key; import them one by one");
	e = id_of_key(pkey, f->id);
	return e ? e : encode_key(pkey, &f->pkcs8);
}

static void name_cert(X509 *x, const char *name, struct keyfile_cert *c)
{
	if (name && *name)
		snprintf(c->name, sizeof c->name, "%s", name);
	else
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, c->name,
						sizeof c->name);
}

static bool has_cert(const struct keyfile *f, struct bytes der)
{
	for (size_t i = 0; i < f->n; i++)
		if (bytes_equal(buf_bytes(&f->certs[i].der), der))
			return true;
	return false;
}

static enum inro_err take_cert(X509 *x, struct bytes der, const char *name, struct keyfile *f)
{
	struct keyfile_cert *c = &f->certs[f->n];
	enum inro_err e;

	if (has_cert(f, der))
		return INRO_OK;
	if (f->n == KEYFILE_CERTS)
		return err_set(INRO_E_TOO_BIG, "there are more than %d certificates",
			       KEYFILE_CERTS);
	e = hash_bits(X509_get_X509_PUBKEY(x), c->id);
	if (e)
		return e;
	name_cert(x, name, c);
	buf_add(&c->der, der);
	f->n++;
	return buf_err(&c->der);
}

enum inro_err keyfile_add_cert(X509 *x, const char *name, struct keyfile *f)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	enum inro_err e = n > 0 ? take_cert(x, BYTES(der, (size_t)n), name, f)
				: crypt_err("reading a certificate");

	OPENSSL_free(der);
	return e;
}

static enum inro_err add_key(OSSL_STORE_INFO *info, struct keyfile *f)
{
	return keyfile_add_key(OSSL_STORE_INFO_get0_PKEY(info), f);
}

static enum inro_err add_cert(OSSL_STORE_INFO *info, struct keyfile *f)
{
	return keyfile_add_cert(OSSL_STORE_INFO_get0_CERT(info), NULL, f);
}

static const struct {
	int type;
	enum inro_err (*add)(OSSL_STORE_INFO *info, struct keyfile *f);
} kinds[] = {
	{ OSSL_STORE_INFO_PKEY, add_key },
	{ OSSL_STORE_INFO_CERT, add_cert },
};

static enum inro_err add(OSSL_STORE_INFO *info, struct keyfile *f)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (OSSL_STORE_INFO_get_type(info) == kinds[i].type)
			return kinds[i].add(info, f);
	return INRO_OK; /* parameters, public keys, CRLs */
}

/* ---- the store ---- */

static enum inro_err store_err(const struct asked *a)
{
	enum inro_err e = a->e;

	if (!e && a->done)
		e = err_set(INRO_E_PIN_WRONG,
			    "it can't be decrypted: the passphrase is another, or "
			    "its cipher is too old");
	if (!e)
		e = err_set(INRO_E_SYNTAX, "it is neither a private key (PKCS#8, PKCS#1, SEC1) nor "
					   "PKCS#12 nor a certificate, in PEM or DER");
	ERR_clear_error();
	return e;
}

static enum inro_err load_all(OSSL_STORE_CTX *store, const struct asked *a, struct keyfile *f)
{
	enum inro_err e = INRO_OK;

	while (!e && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info)
			e = add(info, f);
		else if (!OSSL_STORE_eof(store) || OSSL_STORE_error(store))
			e = store_err(a);
		OSSL_STORE_INFO_free(info);
	}
	if (!e && !f->pkcs8.n && !f->n)
		e = store_err(a);
	return e;
}

static enum inro_err read_store(struct bytes content, OSSL_LIB_CTX *ctx, struct asked *a,
				struct keyfile *f)
{
	BIO *bio = BIO_new_mem_buf(content.p, (int)content.n);
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_passphrase, 0);
	OSSL_STORE_CTX *store = NULL;
	enum inro_err e;

	if (bio && ui)
		store = OSSL_STORE_attach(bio, "file", ctx, NULL, ui, a, NULL, NULL, NULL);
	e = store ? load_all(store, a, f) : crypt_err("opening a key file");
	if (store)
		(void)OSSL_STORE_close(store);
	UI_destroy_method(ui);
	BIO_free(bio);
	ERR_clear_error();
	return e;
}

/* The key's own certificate goes to the front. */
static void sort_certs(struct keyfile *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->certs[i].of_key =
			f->pkcs8.n && memcmp(f->certs[i].id, f->id, KEYFILE_ID_OCTETS) == 0;
	for (size_t i = 1; i < f->n; i++) {
		struct keyfile_cert c = f->certs[i];

		if (!c.of_key || f->certs[0].of_key)
			continue;
		f->certs[i] = f->certs[0];
		f->certs[0] = c;
	}
}

enum inro_err keyfile_read(struct bytes content, keyfile_ask *ask, void *arg, struct keyfile *ret)
{
	SCOPED(crypto) crypto = { 0 };
	SCOPED(asked) asked = { .ask = ask, .arg = arg };
	bool done = false;
	enum inro_err e;

	if (!content.n || content.n > KEYFILE_MAX)
		return err_set(INRO_E_TOO_BIG, "it has %zu octets; 1 to %zu are taken", content.n,
			       KEYFILE_MAX);
	e = crypto_open(&crypto);
	if (!e)
		e = keyfile_read_p12(content, crypto.ctx, &asked, ret, &done);
	if (!e && !done)
		e = read_store(content, crypto.ctx, &asked, ret);
	sort_certs(ret);
	return e;
}
