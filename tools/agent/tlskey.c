/* tlskey - see tlskey.h. */
#include "tools/agent/tlskey.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

#define PROVIDER      "inro"
#define PROVIDER_FILE PROVIDER ".so"

/* "BUILD/bin/inro" has its provider in "BUILD/lib"; an installed one has it where libcrypto looks. */
static void look_beside(void)
{
	AUTO(free_chars) char *self = realpath("/proc/self/exe", NULL);
	AUTO(free_chars) char *dir = NULL;
	AUTO(free_chars) char *file = NULL;
	char *slash = self ? strrchr(self, '/') : NULL;

	if (!slash || getenv("OPENSSL_MODULES"))
		return;
	*slash = 0;
	if (asprintf(&dir, "%s/../lib", self) < 0 ||
	    asprintf(&file, "%s/" PROVIDER_FILE, dir) < 0 || access(file, R_OK) != 0)
		return;
	OSSL_PROVIDER_set_default_search_path(NULL, dir);
}

static OSSL_PROVIDER *ours, *usual;

void tlskey_end(void)
{
	if (ours)
		OSSL_PROVIDER_unload(ours);
	if (usual)
		OSSL_PROVIDER_unload(usual);
	ours = usual = NULL;
}

static enum inro_err load_provider(void)
{
	if (usual)
		return INRO_OK;
	tlskey_end();
	look_beside();
	ours = OSSL_PROVIDER_load(NULL, PROVIDER);
	usual = ours ? OSSL_PROVIDER_load(NULL, "default") : NULL;
	if (!usual)
		return err_set(INRO_E_CONFIG,
			       "OpenSSL's provider '" PROVIDER "' can't be loaded (%s); is it "
			       "installed?",
			       ERR_reason_error_string(ERR_peek_last_error()));
	return INRO_OK;
}

static enum inro_err said(enum inro_err e, const char *what)
{
	const char *data = NULL;
	int flags = 0;
	unsigned long first = ERR_peek_error_all(NULL, NULL, NULL, &data, &flags);
	const char *reason = ERR_reason_error_string(first);

	e = err_set(e, "%s: %s%s%s", what, reason ? reason : "no reason given",
		    flags & ERR_TXT_STRING && *data ? ": " : "",
		    flags & ERR_TXT_STRING ? data : "");
	ERR_clear_error();
	return e;
}

static EVP_PKEY *open_key(const char *uri)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	while (store && !key && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (!info)
			break;
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	return key;
}

enum inro_err tlskey_use(SSL_CTX *ctx, const char *cert, const char *key_uri)
{
	EVP_PKEY *key;
	enum inro_err e = load_provider();

	if (e != INRO_OK)
		return e;
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return said(INRO_E_CONFIG, cert);
	key = open_key(key_uri);
	if (!key)
		return said(INRO_E_NOT_FOUND, "the certificate's key");
	e = SSL_CTX_use_PrivateKey(ctx, key) == 1 ? INRO_OK :
						     said(INRO_E_CONFIG, "the certificate's key");
	EVP_PKEY_free(key);
	return e;
}
