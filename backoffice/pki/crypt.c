#include "backoffice/pki/crypt.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"

static struct {
	pthread_once_t once;
	OSSL_LIB_CTX *libctx;
	EVP_MD *md[PKI_HASH__MAX], *sha1;
	_Atomic(EVP_PKEY *) curve[PKI_KEY__MAX]; /* parameters alone; made when first asked for */
} shared = { .once = PTHREAD_ONCE_INIT };

/* NULL for what is no EC curve, or one that libcrypto does not know. */
static EVP_PKEY *make_curve(OSSL_LIB_CTX *libctx, enum pki_key key)
{
	const struct pki_key_type *t = pki_key_type(key);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
				       (char *)(uintptr_t)(t ? t->group : NULL), 0),
		OSSL_PARAM_END,
	};
	EVP_PKEY *curve = NULL;
	EVP_PKEY_CTX *ctx;

	if (!t || t->family != PKI_EC)
		return NULL;
	params[0].data_size = strlen(t->group);
	ctx = EVP_PKEY_CTX_new_from_name(libctx, "EC", NULL);
	if (ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
	    EVP_PKEY_fromdata(ctx, &curve, EVP_PKEY_KEY_PARAMETERS, params) <= 0)
		curve = NULL;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return curve;
}

static void shared_open(void)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

	if (!ctx || !OSSL_PROVIDER_load(ctx, "default")) {
		OSSL_LIB_CTX_free(ctx);
		return;
	}
	for (int h = PKI_HASH_NONE + 1; h < PKI_HASH__MAX; h++)
		shared.md[h] = EVP_MD_fetch(ctx, pki_hash_name((enum pki_hash)h), NULL);
	shared.sha1 = EVP_MD_fetch(ctx, "sha1", NULL);
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

const EVP_MD *crypt_sha1(void)
{
	return crypt_libctx() ? shared.sha1 : NULL;
}

EVP_PKEY *crypt_group(enum pki_key key)
{
	EVP_PKEY *made, *first = NULL;

	if (!crypt_libctx() || key >= PKI_KEY__MAX)
		return NULL;
	made = atomic_load(&shared.curve[key]);
	if (made)
		return made;
	made = make_curve(shared.libctx, key);
	if (!made || atomic_compare_exchange_strong(&shared.curve[key], &first, made))
		return made;
	EVP_PKEY_free(made); /* another thread was faster */
	return first;
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
