/*
 * tls_key - the key with which the server proves who it is, in a file or in a token.
 *
 * 1. The provider is loaded into a library context of its own: what the process does elsewhere with
 *    libcrypto is not changed by it.
 * 2. The key stays where it is; a signature in a handshake is made by its token.
 */
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/serve/parts.h"
#include "base/cryptoki/uri.h"

#define PROVIDER      "inro"
#define PROVIDER_FILE "inro.so"

struct tls_key {
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *usual, *ours;
	EVP_PKEY *pkey;
	const struct serve_options *o;
	char token[64];
};

/* libcrypto's own words for what went wrong last. */
static enum inro_err crypto_error(enum inro_err code, const char *what)
{
	unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
	const char *data = NULL;
	char why[160];
	int flags = 0;

	ERR_peek_last_error_data(&data, &flags);
	ERR_error_string_n(last ? last : first, why, sizeof why);
	if (data && flags & ERR_TXT_STRING && *data)
		err_record(code, "%s: %s", what, data);
	else
		err_record(code, "%s: %s", what, why);
	ERR_clear_error();
	return code;
}

static bool has_provider(const char *dir)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof path, "%s/%s", dir, PROVIDER_FILE) < (int)sizeof path &&
	       access(path, R_OK) == 0;
}

/* Beside the program, in lib/ beside its folder, or where it is installed. */
static void provider_folder(char out[static PATH_MAX])
{
	char self[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 8);

	snprintf(out, PATH_MAX, "%s", INRO_OSSL_MODULE_DIR);
	for (int up = 0; n > 0 && up < 2; up++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			return;
		strcpy(slash, up ? "/lib" : "");
		if (has_provider(self)) {
			snprintf(out, PATH_MAX, "%s", self);
			return;
		}
		*slash = '\0';
	}
}

static enum inro_err load_providers(struct tls_key *k)
{
	char dir[PATH_MAX];

	provider_folder(dir);
	k->lib = OSSL_LIB_CTX_new();
	if (!k->lib || OSSL_PROVIDER_set_default_search_path(k->lib, dir) != 1)
		return crypto_error(INRO_E_CRYPTO, "libcrypto gives no context");
	k->usual = OSSL_PROVIDER_load(k->lib, "default");
	k->ours = k->usual ? OSSL_PROVIDER_load(k->lib, PROVIDER) : NULL;
	if (!k->ours)
		return crypto_error(INRO_E_CONFIG, "the provider " PROVIDER_FILE
						   " can't be loaded, which the TLS key needs");
	return INRO_OK;
}

/* libcrypto's question for a PIN or passphrase. */
static int ask(char *room, int size, int writing, void *arg)
{
	struct tls_key *k = arg;
	SCOPED(secret) pin = { 0 };

	(void)writing;
	if (!k->o->ask_pin || k->o->ask_pin(k->o->ask_arg, k->token, &pin) != INRO_OK ||
	    pin.n >= (size_t)size)
		return -1;
	memcpy(room, pin.p, pin.n);
	return (int)pin.n;
}

static void name_token(struct tls_key *k)
{
	SCOPED(p11_uri) uri = { 0 };

	snprintf(k->token, sizeof k->token, "of the TLS key");
	if (p11_uri_is(k->o->tls_key) && p11_uri_parse(k->o->tls_key, &uri) == INRO_OK && uri.token)
		snprintf(k->token, sizeof k->token, "%s", uri.token);
}

static EVP_PKEY *first_key(OSSL_STORE_CTX *store)
{
	EVP_PKEY *found = NULL;

	while (store && !found && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (!info && OSSL_STORE_error(store))
			break;
		if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			found = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	return found;
}

static enum inro_err load_key(struct tls_key *k)
{
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(ask, 0);
	OSSL_STORE_CTX *store;

	ERR_clear_error();
	name_token(k);
	store = OSSL_STORE_open_ex(k->o->tls_key, k->lib, NULL, ui, k, NULL, NULL, NULL);
	if (store)
		OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	k->pkey = first_key(store);
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	if (!k->pkey)
		return crypto_error(INRO_E_CONFIG, "the TLS key can't be opened");
	ERR_clear_error();
	return INRO_OK;
}

enum inro_err tls_key_open(const struct serve_options *o, struct tls_key **ret)
{
	struct tls_key *k = calloc(1, sizeof *k);
	enum inro_err e;

	if (!k)
		return err_set(INRO_E_NO_MEMORY, "no memory for the TLS key");
	k->o = o;
	e = load_providers(k);
	if (e == INRO_OK)
		e = load_key(k);
	if (e == INRO_OK)
		*ret = k;
	else
		tls_key_free(k);
	return e;
}

void tls_key_free(struct tls_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	if (k->ours)
		OSSL_PROVIDER_unload(k->ours);
	if (k->usual)
		OSSL_PROVIDER_unload(k->usual);
	OSSL_LIB_CTX_free(k->lib);
	free(k);
}

/* ---- with a certificate ---- */

static X509 *next_cert(struct tls_key *k, BIO *in)
{
	X509 *cert = X509_new_ex(k->lib, NULL);

	if (cert && !PEM_read_bio_X509(in, &cert, NULL, NULL)) {
		X509_free(cert);
		cert = NULL;
	}
	return cert;
}

static bool use_chain(struct tls_key *k, SSL_CTX *ctx, BIO *in)
{
	X509 *cert = next_cert(k, in);
	bool good = cert && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (good && (cert = next_cert(k, in)))
		if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
			X509_free(cert);
			good = false;
		}
	ERR_clear_error();
	return good;
}

enum inro_err tls_key_context(struct tls_key *k, struct bytes chain, bool client_certs, SSL_CTX **ret)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(k->lib, NULL, TLS_server_method());
	BIO *in = BIO_new_mem_buf(chain.p, (int)chain.n);
	enum inro_err e = INRO_OK;

	if (!ctx || !in)
		e = crypto_error(INRO_E_CRYPTO, "libssl gives no context");
	if (e == INRO_OK && !use_chain(k, ctx, in))
		e = err_set(INRO_E_CONFIG, "the TLS certificate is no PEM");
	if (e == INRO_OK && SSL_CTX_use_PrivateKey(ctx, k->pkey) != 1)
		e = crypto_error(INRO_E_CONFIG, "the TLS certificate is for another key");
	if (e == INRO_OK)
		e = http_tls_prepare(ctx, client_certs);
	BIO_free(in);
	if (e == INRO_OK)
		*ret = ctx;
	else
		SSL_CTX_free(ctx);
	return e;
}

/* ---- a request for one ---- */

static void san_text(struct buf *out, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s%s", i ? "," : "",
			 strspn(names[i], "0123456789.") == strlen(names[i]) || strchr(names[i], ':')
				 ? "IP:"
				 : "DNS:",
			 names[i]);
	buf_add_u8(out, 0);
}

static bool add_sans(X509_REQ *req, const char *sans)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, sans);
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	bool good = ext && list && sk_X509_EXTENSION_push(list, ext) > 0;

	if (!good)
		X509_EXTENSION_free(ext);
	good = good && X509_REQ_add_extensions(req, list) == 1;
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return good;
}

static const EVP_MD *digest_for(EVP_PKEY *pkey)
{
	return EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448") ? NULL : EVP_sha256();
}

static bool fill_request(struct tls_key *k, X509_REQ *req, const char *name, const char *sans)
{
	X509_NAME *dn = X509_REQ_get_subject_name(req);

	return X509_NAME_add_entry_by_txt(dn, "CN", MBSTRING_UTF8, (const void *)name, -1, -1, 0) == 1 &&
	       X509_REQ_set_pubkey(req, k->pkey) == 1 && add_sans(req, sans) &&
	       X509_REQ_sign(req, k->pkey, digest_for(k->pkey)) > 0;
}

static bool put_der(const X509_REQ *req, struct buf *ret)
{
	int n = i2d_X509_REQ(req, NULL);
	uint8_t *out = n > 0 ? buf_extend(ret, (size_t)n) : NULL;

	return out && i2d_X509_REQ(req, &out) == n;
}

enum inro_err tls_key_request(struct tls_key *k, const char *const *names, size_t n, struct buf *ret)
{
	X509_REQ *req = X509_REQ_new_ex(k->lib, NULL);
	SCOPED(buf) sans = { 0 };
	bool good;

	san_text(&sans, names, n);
	good = req && !buf_err(&sans) && fill_request(k, req, names[0], (const char *)sans.p) &&
	       put_der(req, ret);
	X509_REQ_free(req);
	return good ? INRO_OK : crypto_error(INRO_E_CRYPTO, "the TLS key can't sign a request");
}
