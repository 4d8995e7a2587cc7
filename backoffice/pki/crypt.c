#include "backoffice/pki/crypt.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>

#include "base/log.h"

static struct {
	pthread_once_t once;
	OSSL_LIB_CTX *libctx;
	EVP_MD *md[PKI_HASH__MAX];
} shared = { .once = PTHREAD_ONCE_INIT };

static void shared_open(void)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

	if (!ctx || !OSSL_PROVIDER_load(ctx, "default")) {
		OSSL_LIB_CTX_free(ctx);
		return;
	}
	for (int h = PKI_HASH_NONE + 1; h < PKI_HASH__MAX; h++)
		shared.md[h] = EVP_MD_fetch(ctx, pki_hash_name((enum pki_hash)h), NULL);
	shared.libctx = ctx;
}

OSSL_LIB_CTX *crypt_libctx(void)
{
	pthread_once(&shared.once, shared_open);
	return shared.libctx;
}

const EVP_MD *crypt_md(enum pki_hash h)
{
	return crypt_libctx() && h < PKI_HASH__MAX ? shared.md[h] : NULL;
}

enum inro_err crypt_err(const char *what)
{
	unsigned long code = ERR_get_error();
	char text[256];

	ERR_error_string_n(code, text, sizeof text);
	ERR_clear_error();
	log_debug("%s: %s", what, text);
	return err_set(INRO_E_CRYPTO, "%s: %s", what, code ? text : "libcrypto gave no reason");
}
