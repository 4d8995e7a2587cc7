/*
 * tls_lib - see tls_lib.h.
 *
 * 1. Ours is a provider by name only: what it offers is the usual one's, of a library context below,
 * and is given that one's own context.  Both are the process's and stay.
 * 2. Looking for the kinds of keys, libcrypto 3.0 goes through all that a context has ever found, also its
 * ciphers and digests: there are those that the server has a use for.
 */
#include "backoffice/fetch/tls_lib.h"

#include "backoffice/fetch/tls_curve.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define NAME   "for-tls"
#define CURVES "EC"

/* Words in the names of what TLS has no use for; a name ends with ':' when others follow, as those of decoders don't.
 * Keys that don't sign, or not in TLS, are in no certificate that a connection is made with. */
static const char *const no_signers[] = { "DH", "X25519", "X448", "SM2", NULL };
/* First names of what the server's suites need (http/tls.c), and what goes with them: CBC for tickets, ECB and CTR for
 * random numbers, SHA1 for the thumbprint that libcrypto makes of a certificate. */
static const char *const ciphers[] = { "AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305",
				       "AES-256-CBC", "AES-128-ECB", "AES-256-ECB",
				       "AES-128-CTR", "AES-256-CTR", NULL };
static const char *const digests[] = { "SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512", NULL };
static const char *const macs[] = { "HMAC", NULL };
static const char *const kdfs[] = { "HKDF", "TLS13-KDF", "TLS1-PRF", NULL };
static const char *const no_exchanges[] = { "HKDF", "SCRYPT", "TLS1-PRF", NULL };
static const char *const no_signatures[] = { "CMAC", "POLY1305", "SIPHASH", "SM2", NULL }; /* HMAC: of a resumption */
static const char *const no_keys[] = { "DHX:",	  "SM2:", "TLS1-PRF", "HKDF", "SCRYPT",
				       "SIPHASH", "CMAC", "POLY1305", NULL };

/* Operations that have less here. */
static struct few {
	int operation;
	const char *properties[2]; /* that each has; NULL: any */
	const char *const *only, *const *without; /* NULL: any, none */
	OSSL_ALGORITHM *list; /* the last has no name */
} fewer[] = {
	{ OSSL_OP_DECODER, { "input=der", "structure=SubjectPublicKeyInfo" }, NULL, no_signers, NULL },
	{ OSSL_OP_CIPHER, { NULL }, ciphers, NULL, NULL },
	{ OSSL_OP_DIGEST, { NULL }, digests, NULL, NULL },
	{ OSSL_OP_MAC, { NULL }, macs, NULL, NULL },
	{ OSSL_OP_KDF, { NULL }, kdfs, NULL, NULL },
	{ OSSL_OP_KEYMGMT, { NULL }, NULL, no_keys, NULL },
	{ OSSL_OP_KEYEXCH, { NULL }, NULL, no_exchanges, NULL },
	{ OSSL_OP_SIGNATURE, { NULL }, NULL, no_signatures, NULL },
};

static struct {
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *usual;
	bool named; /* ours is found there, where that is needed */
} below;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool is_one_of(const char *const *list, const char *names)
{
	size_t n = strcspn(names, ":");

	for (; *list; list++)
		if (strlen(*list) == n && memcmp(*list, names, n) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct few *f, const OSSL_ALGORITHM *a)
{
	for (size_t i = 0; i < ARRAY_LEN(f->properties) && f->properties[i]; i++)
		if (!strstr(a->property_definition, f->properties[i]))
			return false;
	if (f->only && !is_one_of(f->only, a->algorithm_names))
		return false;
	for (const char *const *word = f->without; word && *word; word++)
		if (strstr(a->algorithm_names, *word))
			return false;
	return true;
}

static void make_few(struct few *f)
{
	int no_cache = 0;
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(below.usual, f->operation, &no_cache);
	size_t n = 0, few = 0;

	while (all && all[n].algorithm_names)
		n++;
	f->list = calloc(n + 1, sizeof *f->list);
	for (size_t i = 0; f->list && i < n; i++)
		if (is_wanted(f, &all[i]))
			f->list[few++] = all[i];
}

static struct few *few_of(int operation)
{
	for (size_t i = 0; i < ARRAY_LEN(fewer); i++)
		if (fewer[i].operation == operation)
			return &fewer[i];
	return NULL;
}

static OSSL_ALGORITHM *for_curves(struct few *f)
{
	size_t n = strlen(CURVES);

	for (OSSL_ALGORITHM *a = f->list; a && a->algorithm_names; a++)
		if (strncmp(a->algorithm_names, CURVES, n) == 0 && strchr(":", a->algorithm_names[n]))
			return a;
	return NULL;
}

static void make_curves(const OSSL_DISPATCH *core)
{
	OSSL_ALGORITHM *decoder = for_curves(few_of(OSSL_OP_DECODER));
	const OSSL_ALGORITHM *keymgmt = for_curves(few_of(OSSL_OP_KEYMGMT));
	void *provider = OSSL_PROVIDER_get0_provider_ctx(below.usual);

	if (decoder && keymgmt)
		decoder->implementation = tls_curve_decoder(&(struct tls_curve_from) {
			core, decoder->implementation, keymgmt->implementation, provider });
}

/* With the first context: what libcrypto gives a provider is the same for each. */
static void make_curves_once(const OSSL_DISPATCH *core)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool made;

	pthread_mutex_lock(&lock);
	if (!made)
		make_curves(core);
	made = true;
	pthread_mutex_unlock(&lock);
}

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
	(void)ctx;
	for (size_t i = 0; i < ARRAY_LEN(fewer); i++)
		if (fewer[i].operation == operation) {
			*no_cache = 0;
			return fewer[i].list;
		}
	return OSSL_PROVIDER_query_operation(below.usual, operation, no_cache);
}

static int capabilities(void *ctx, const char *which, OSSL_CALLBACK *fn, void *arg)
{
	(void)ctx;
	return OSSL_PROVIDER_get_capabilities(below.usual, which, fn, arg);
}

static int begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *from,
		 const OSSL_DISPATCH **ret, void **ret_ctx)
{
	static const OSSL_DISPATCH ours[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))capabilities },
		{ 0, NULL },
	};

	(void)handle;
	make_curves_once(from);
	*ret = ours;
	*ret_ctx = OSSL_PROVIDER_get0_provider_ctx(below.usual);
	return 1;
}

static bool is_ready(void)
{
	bool all = below.usual != NULL;

	for (size_t i = 0; i < ARRAY_LEN(fewer); i++)
		all = all && fewer[i].list;
	return all;
}

/* The random numbers of libcrypto 3.5 take their cipher from the provider that they are of, by its name, and look for it
 * in the usual one's context.  3.0 does without. */
static bool is_found_below(void)
{
	if (OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 4)
		return true;
	return OSSL_PROVIDER_add_builtin(below.lib, NAME, begin) == 1 &&
	       OSSL_PROVIDER_load(below.lib, NAME) != NULL;
}

static void make_below(void)
{
	below.lib = OSSL_LIB_CTX_new();
	below.usual = below.lib ? OSSL_PROVIDER_load(below.lib, "default") : NULL;
	for (size_t i = 0; below.usual && i < ARRAY_LEN(fewer); i++)
		make_few(&fewer[i]);
	below.named = is_ready() && is_found_below();
}

OSSL_LIB_CTX *tls_lib_new(OSSL_PROVIDER **ret)
{
	OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();

	pthread_once(&once, make_below);
	if (lib && below.named &&
	    OSSL_PROVIDER_add_builtin(lib, NAME, begin) == 1 &&
	    (*ret = OSSL_PROVIDER_load(lib, NAME)))
		return lib;
	OSSL_LIB_CTX_free(lib);
	return NULL;
}
