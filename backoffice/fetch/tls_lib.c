/*
 * tls_lib - see tls_lib.h.
 *
 * 1. Ours is a provider by name only: what it offers is the usual one's, of a library context below,
 * and is given that one's own context.  Both are the process's and stay.
 */
#include "backoffice/fetch/tls_lib.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME "for-tls"

static struct {
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *usual;
	OSSL_ALGORITHM *decoders; /* the few; the last has no name */
} below;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool reads_keys_of_certs(const OSSL_ALGORITHM *a)
{
	return strstr(a->property_definition, "input=der") &&
	       strstr(a->property_definition, "structure=SubjectPublicKeyInfo");
}

static void make_below(void)
{
	OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *usual = lib ? OSSL_PROVIDER_load(lib, "default") : NULL;
	const OSSL_ALGORITHM *all = NULL;
	size_t n = 0;
	int no_cache = 0;

	if (usual)
		all = OSSL_PROVIDER_query_operation(usual, OSSL_OP_DECODER, &no_cache);
	while (all && all[n].algorithm_names)
		n++;
	below.decoders = calloc(n + 1, sizeof *below.decoders);
	for (size_t i = 0, few = 0; below.decoders && i < n; i++)
		if (reads_keys_of_certs(&all[i]))
			below.decoders[few++] = all[i];
	below.lib = lib;
	below.usual = usual;
}

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
	(void)ctx;
	if (operation != OSSL_OP_DECODER)
		return OSSL_PROVIDER_query_operation(below.usual, operation, no_cache);
	*no_cache = 0;
	return below.decoders;
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
	(void)from;
	*ret = ours;
	*ret_ctx = OSSL_PROVIDER_get0_provider_ctx(below.usual);
	return 1;
}

OSSL_LIB_CTX *tls_lib_new(OSSL_PROVIDER **ret)
{
	OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();

	pthread_once(&once, make_below);
	if (lib && below.usual && below.decoders &&
	    OSSL_PROVIDER_add_builtin(lib, NAME, begin) == 1 &&
	    (*ret = OSSL_PROVIDER_load(lib, NAME)))
		return lib;
	OSSL_LIB_CTX_free(lib);
	return NULL;
}
