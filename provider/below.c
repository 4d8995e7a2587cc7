/* below - see below.h. */
#include "provider/below.h"

#include <stdlib.h>
#include <strings.h>

#include <openssl/err.h>

#include "base/log.h"

struct below_ctx {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *standard;
};

/* clang-format off */
static const struct digest digests[BELOW_DIGESTS] = {
	{ { "SHA2-256", "SHA256", "SHA-256", "2.16.840.1.101.3.4.2.1" }, CKM_SHA256 },
	{ { "SHA2-384", "SHA384", "SHA-384", "2.16.840.1.101.3.4.2.2" }, CKM_SHA384 },
	{ { "SHA2-512", "SHA512", "SHA-512", "2.16.840.1.101.3.4.2.3" }, CKM_SHA512 },
	{ { "SHA2-224", "SHA224", "SHA-224", "2.16.840.1.101.3.4.2.4" }, CKM_SHA224 },
	{ { "SHA1", "SHA-1", "SSL3-SHA1", "1.3.14.3.2.26" }, CKM_SHA_1 },
	{ { "MD5-SHA1" }, 0 }, /* TLS 1.0 and 1.1: bare */
	{ { "MD5", "SSL3-MD5", "1.2.840.113549.2.5" }, CKM_MD5 },
	{ { "SHA2-512/224", "SHA512-224", "SHA-512/224", "2.16.840.1.101.3.4.2.5" }, CKM_SHA512_224 },
	{ { "SHA2-512/256", "SHA512-256", "SHA-512/256", "2.16.840.1.101.3.4.2.6" }, CKM_SHA512_256 },
	{ { "SHA3-224", "2.16.840.1.101.3.4.2.7" }, CKM_SHA3_224 },
	{ { "SHA3-256", "2.16.840.1.101.3.4.2.8" }, CKM_SHA3_256 },
	{ { "SHA3-384", "2.16.840.1.101.3.4.2.9" }, CKM_SHA3_384 },
	{ { "SHA3-512", "2.16.840.1.101.3.4.2.10" }, CKM_SHA3_512 },
};
/* clang-format on */

enum inro_err below_failed(const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	log_debug("below the provider: %s: %s", what, reason ? reason : "no reason given");
	return err_set(INRO_E_CRYPTO, "%s failed: %s", what, reason ? reason : "no reason given");
}

static void ctx_free(struct below_ctx *c)
{
	if (!c)
		return;
	OSSL_PROVIDER_unload(c->standard);
	OSSL_LIB_CTX_free(c->libctx);
	free(c);
}

static enum inro_err ctx_new(struct below_ctx **ret)
{
	struct below_ctx *c = calloc(1, sizeof *c);

	if (!c)
		return INRO_E_NO_MEMORY;
	c->libctx = OSSL_LIB_CTX_new();
	if (c->libctx)
		c->standard = OSSL_PROVIDER_load(c->libctx, "default");
	if (!c->standard) {
		OSSL_LIB_CTX_free(c->libctx);
		free(c);
		return below_failed("loading libcrypto's default provider");
	}
	*ret = c;
	return INRO_OK;
}

static enum inro_err ctx_get(struct below *b, struct below_ctx **ret)
{
	struct below_ctx *c = atomic_load_explicit(&b->ctx, memory_order_acquire), *none = NULL;
	enum inro_err e;

	if (c) {
		*ret = c;
		return INRO_OK;
	}
	e = ctx_new(&c);
	if (e)
		return e;
	if (!atomic_compare_exchange_strong(&b->ctx, &none, c)) {
		ctx_free(c); /* another thread was first */
		c = none;
	}
	*ret = c;
	return INRO_OK;
}

enum inro_err below_libctx(struct below *b, OSSL_LIB_CTX **ret)
{
	struct below_ctx *c;
	enum inro_err e = ctx_get(b, &c);

	if (!e)
		*ret = c->libctx;
	return e;
}

enum inro_err below_capabilities(struct below *b, const char *capability, OSSL_CALLBACK *callback,
				 void *arg, int *ret_ok)
{
	struct below_ctx *c;
	enum inro_err e = ctx_get(b, &c);

	if (!e)
		*ret_ok = OSSL_PROVIDER_get_capabilities(c->standard, capability, callback, arg);
	return e;
}

static bool digest_has_name(const struct digest *d, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(d->names) && d->names[i]; i++)
		if (strcasecmp(d->names[i], name) == 0)
			return true;
	return false;
}

const struct digest *digest_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(digests); i++)
		if (digest_has_name(&digests[i], name))
			return &digests[i];
	return NULL;
}

const struct digest *digest_of(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(digests); i++)
		if (digests[i].mech == mech)
			return &digests[i];
	return NULL;
}

static enum inro_err fetch(struct below *b, const char *name, EVP_MD **ret)
{
	OSSL_LIB_CTX *libctx;
	enum inro_err e = below_libctx(b, &libctx);

	if (e)
		return e;
	*ret = EVP_MD_fetch(libctx, name, NULL);
	return *ret ? INRO_OK : err_set(INRO_E_UNSUPPORTED, "libcrypto has no digest '%s'", name);
}

enum inro_err below_digest(struct below *b, const char *name, EVP_MD **ret_md,
			   const struct digest **ret_row)
{
	const struct digest *row = digest_named(name);
	_Atomic(EVP_MD *) *kept = row ? &b->md[row - digests] : NULL;
	EVP_MD *md = kept ? atomic_load_explicit(kept, memory_order_acquire) : NULL, *none = NULL;
	enum inro_err e = INRO_OK;

	if (!md)
		e = fetch(b, row ? row->names[0] : name, &md);
	else if (!EVP_MD_up_ref(md))
		e = INRO_E_CRYPTO;
	if (e)
		return e;
	/* Kept for the next; the reference that is kept is one more. */
	if (kept && !atomic_load(kept) && EVP_MD_up_ref(md) &&
	    !atomic_compare_exchange_strong(kept, &none, md))
		EVP_MD_free(md);
	*ret_md = md;
	*ret_row = row;
	return INRO_OK;
}

void below_clear(struct below *b)
{
	for (size_t i = 0; i < ARRAY_LEN(b->md); i++)
		EVP_MD_free(atomic_exchange(&b->md[i], NULL));
	ctx_free(atomic_exchange(&b->ctx, NULL));
}
