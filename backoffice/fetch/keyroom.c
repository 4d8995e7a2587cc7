/* keyroom - see keyroom.h. */
#include "backoffice/fetch/keyroom.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/fetch/tls_lib.h"
#include "base/cryptoki/client.h"
#include "base/cryptoki/uri.h"
#include "base/file.h"

#define PROVIDER      "inro"
#define PROVIDER_FILE PROVIDER ".so"
#define KEY_MAX	      ((size_t)256 << 10) /* octets of its file */

struct keyroom {
	OSSL_LIB_CTX *lib;
	OSSL_LIB_CTX *tls; /* without our provider, by libcrypto's own (tls_lib.h) */
	OSSL_PROVIDER *usual, *ours, *for_tls;
	struct ck_module *held; /* NULL: none is installed, which a key in a file does not need */
};

enum inro_err keyroom_error(enum inro_err code, const char *what)
{
	unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();
	const char *data = NULL, *reason = ERR_reason_error_string(last);
	char why[160];
	int flags = 0;

	ERR_peek_last_error_data(&data, &flags);
	ERR_error_string_n(last ? last : first, why, sizeof why);
	if (!data || !(flags & ERR_TXT_STRING) || !*data)
		err_record(code, "%s: %s", what, reason ? reason : why);
	else if (ERR_SYSTEM_ERROR(last)) /* the data is what was tried */
		err_record(code, "%s: %s: %s", what, data, strerror(ERR_GET_REASON(last)));
	else
		err_record(code, "%s: %s", what, data);
	ERR_clear_error();
	return code;
}

/* ---- the provider ---- */

static bool has_provider(const char *dir)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof path, "%s/%s", dir, PROVIDER_FILE) < (int)sizeof path &&
	       access(path, R_OK) == 0;
}

/* Beside the program, in lib/ beside its folder, where OPENSSL_MODULES says, or where it is installed. */
static void provider_folder(char out[static PATH_MAX])
{
	char self[PATH_MAX] = "";
	const char *said = getenv("OPENSSL_MODULES");
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 8);

	snprintf(out, PATH_MAX, "%s", said ? said : INRO_OSSL_MODULE_DIR);
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

/* The first error says what the loader of libraries said, the last only the provider's name. */
static enum inro_err not_loaded(void)
{
	const char *why = NULL;
	int flags = 0;

	ERR_peek_error_data(&why, &flags);
	err_record(INRO_E_CONFIG,
		   "the provider " PROVIDER_FILE " can't be loaded, which a TLS key needs: is it installed, "
		   "or named by OPENSSL_MODULES: %s",
		   why && *why ? why : "libcrypto does not say why");
	ERR_clear_error();
	return INRO_E_CONFIG;
}

static enum inro_err load_providers(struct keyroom *r)
{
	char dir[PATH_MAX];

	provider_folder(dir);
	r->lib = OSSL_LIB_CTX_new();
	r->tls = tls_lib_new(&r->for_tls);
	if (!r->lib || !r->tls || OSSL_PROVIDER_set_default_search_path(r->lib, dir) != 1)
		return keyroom_error(INRO_E_CRYPTO, "libcrypto gives no context");
	r->usual = OSSL_PROVIDER_load(r->lib, "default");
	if (!r->usual)
		return keyroom_error(INRO_E_CRYPTO, "libcrypto gives no provider");
	ERR_clear_error();
	r->ours = OSSL_PROVIDER_load(r->lib, PROVIDER);
	return r->ours ? INRO_OK : not_loaded();
}

enum inro_err keyroom_open(struct keyroom **ret)
{
	struct keyroom *r = calloc(1, sizeof *r);
	enum inro_err e;

	if (!r)
		return err_set(INRO_E_NO_MEMORY, "no memory for a TLS key");
	/* Before the provider does: who is first finalises it. */
	if (ck_module_open(NULL, &r->held) != INRO_OK)
		err_reset();
	e = load_providers(r);
	if (e == INRO_OK)
		*ret = r;
	else
		keyroom_close(r);
	return e;
}

void keyroom_close(struct keyroom *r)
{
	if (!r)
		return;
	if (r->ours)
		OSSL_PROVIDER_unload(r->ours);
	if (r->usual)
		OSSL_PROVIDER_unload(r->usual);
	if (r->for_tls)
		OSSL_PROVIDER_unload(r->for_tls);
	OSSL_LIB_CTX_free(r->lib);
	OSSL_LIB_CTX_free(r->tls);
	ck_module_close(r->held);
	free(r);
}

void keyroom_close_ptr(struct keyroom **r)
{
	keyroom_close(*r);
	*r = NULL;
}

OSSL_LIB_CTX *keyroom_lib(const struct keyroom *r)
{
	return r->lib;
}

OSSL_LIB_CTX *keyroom_tls(const struct keyroom *r)
{
	return r->tls;
}

/* ---- a key ---- */

struct asking {
	const struct keyroom_pins *pins;
	char token[64];
	enum inro_err failed; /* what came of asking, which libcrypto forgets */
	char why[256];
};

static int ask(char *room, int size, int writing, void *arg)
{
	struct asking *a = arg;
	SCOPED(secret) pin = { 0 };

	(void)writing;
	a->failed = a->pins->ask(a->pins->arg, a->token, &pin);
	if (a->failed == INRO_OK && pin.n >= (size_t)size)
		a->failed = err_set(INRO_E_PIN_FORMAT, "a PIN has at most %d bytes", size - 1);
	if (a->failed != INRO_OK) {
		snprintf(a->why, sizeof a->why, "%s", err_detail(a->failed));
		return -1;
	}
	memcpy(room, pin.p, pin.n);
	return (int)pin.n;
}

static void name_token(struct asking *a, const char *uri, const char *what)
{
	SCOPED(p11_uri) u = { 0 };

	snprintf(a->token, sizeof a->token, "of %s", what);
	if (p11_uri_is(uri) && p11_uri_parse(uri, &u) == INRO_OK && u.token)
		snprintf(a->token, sizeof a->token, "%s", u.token);
}

/* In a file what stands before the key, a curve say, may be nothing that libcrypto reads. */
static EVP_PKEY *first_key(OSSL_STORE_CTX *store, bool in_file, const struct asking *a)
{
	EVP_PKEY *found = NULL;

	while (store && !found && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (!info && OSSL_STORE_error(store) && (!in_file || a->failed))
			break;
		if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			found = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	return found;
}

/* What is looked through for a key: of a file no more than a key can be. */
struct source {
	OSSL_STORE_CTX *store;
	BIO *bio; /* on `content` */
	struct buf content;
};

static void source_clear(struct source *s)
{
	OSSL_STORE_close(s->store);
	BIO_free(s->bio);
	buf_clear(&s->content);
}

static enum inro_err source_open(const struct keyroom *r, const char *uri, const UI_METHOD *ui,
				 struct asking *a, struct source *s)
{
	const char *path = NULL;
	enum inro_err e;

	if (p11_uri_is(uri)) {
		s->store = OSSL_STORE_open_ex(uri, r->lib, NULL, ui, a, NULL, NULL, NULL);
		return INRO_OK; /* libcrypto says why there is none */
	}
	e = file_uri_path(uri, &path);
	if (e == INRO_OK)
		e = file_read(path, KEY_MAX, &s->content);
	if (e)
		return e;
	s->bio = BIO_new_mem_buf(s->content.p, (int)s->content.n);
	if (s->bio)
		s->store = OSSL_STORE_attach(s->bio, "file", r->lib, NULL, ui, a, NULL, NULL, NULL);
	return INRO_OK;
}

static enum inro_err find_key(const struct keyroom *r, const char *uri, const UI_METHOD *ui,
			      struct asking *a, EVP_PKEY **ret)
{
	SCOPED(source) s = { .content.secret = true };
	enum inro_err e = source_open(r, uri, ui, a, &s);

	if (e)
		return e;
	if (s.store)
		OSSL_STORE_expect(s.store, OSSL_STORE_INFO_PKEY);
	*ret = first_key(s.store, s.bio != NULL, a);
	return *ret || a->failed || ERR_peek_last_error() ?
		       INRO_OK :
		       err_set(INRO_E_CONFIG, "there is no private key in it");
}

enum inro_err keyroom_key(const struct keyroom *r, const char *uri, const char *what,
			  const struct keyroom_pins *pins, EVP_PKEY **ret)
{
	struct asking a = { .pins = pins };
	UI_METHOD *ui = pins && pins->ask ? UI_UTIL_wrap_read_pem_callback(ask, 0) : NULL;
	EVP_PKEY *key = NULL;
	char why[96];
	enum inro_err e;

	ERR_clear_error();
	name_token(&a, uri, what);
	e = find_key(r, uri, ui, &a, &key);
	UI_destroy_method(ui);
	snprintf(why, sizeof why, "%s can't be opened", what);
	if (e)
		return err_set(INRO_E_CONFIG, "%s: %s", why, err_detail(e));
	if (!key && a.failed == INRO_OK)
		return keyroom_error(INRO_E_CONFIG, why);
	ERR_clear_error();
	if (!key)
		return err_set(INRO_E_CONFIG, "%s: %s", why, a.why);
	*ret = key;
	return INRO_OK;
}

/* ---- with a certificate ---- */

static X509 *next_cert(OSSL_LIB_CTX *lib, BIO *in)
{
	X509 *cert = X509_new_ex(lib, NULL);

	ERR_clear_error();
	if (cert && !PEM_read_bio_X509(in, &cert, NULL, NULL)) {
		X509_free(cert);
		cert = NULL;
	}
	return cert;
}

/* Was there no further one, rather than one that does not read? */
static bool is_end(void)
{
	unsigned long why = ERR_peek_last_error();

	return ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
}

static bool use_chain(SSL_CTX *ctx, OSSL_LIB_CTX *lib, struct bytes chain)
{
	BIO *in = BIO_new_mem_buf(chain.p, (int)chain.n);
	X509 *cert = in ? next_cert(lib, in) : NULL;
	bool good = cert && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (good && (cert = next_cert(lib, in)))
		if (SSL_CTX_add0_chain_cert(ctx, cert) != 1) {
			X509_free(cert);
			good = false;
		}
	good = good && is_end();
	BIO_free(in);
	ERR_clear_error();
	return good;
}

enum inro_err keyroom_use(SSL_CTX *ctx, OSSL_LIB_CTX *lib, struct bytes chain, EVP_PKEY *key,
			  const char *what)
{
	char why[96];

	if (!use_chain(ctx, lib, chain))
		return err_set(INRO_E_CONFIG, "%s, or one of those above it, is no PEM", what);
	snprintf(why, sizeof why, "%s is for another key", what);
	/* libssl takes a key of another kind than the certificate's, and then has neither. */
	return X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) == 1 &&
			       SSL_CTX_use_PrivateKey(ctx, key) == 1 ?
		       INRO_OK :
		       keyroom_error(INRO_E_CONFIG, why);
}
