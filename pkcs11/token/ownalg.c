/* ownalg - a provider that shows another one's tables under more names. */
#include "pkcs11/token/ownalg.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include "base/own.h"

#define PREFIX	 "INRO-"
#define MAX_NAME 48

static const int ops[] = { OSSL_OP_KEYMGMT, OSSL_OP_SIGNATURE, OSSL_OP_ASYM_CIPHER, OSSL_OP_KEYEXCH,
			   OSSL_OP_KEM };

struct table {
	OSSL_ALGORITHM *rows; /* ends with a row without names */
	char (*names)[MAX_NAME];
};

struct tables {
	struct table of[ARRAY_LEN(ops)];
};

/* The same for every context, because the default provider's are; made once, kept. */
static _Atomic(struct tables *) published;

static void tables_free(struct tables *t)
{
	for (size_t i = 0; t && i < ARRAY_LEN(ops); i++) {
		free(t->of[i].rows);
		free(t->of[i].names);
	}
	free(t);
}

/* "RSA:rsaEncryption:1.2.840.113549.1.1.1" is "INRO-RSA". */
static void own_name(char out[MAX_NAME], const char *names)
{
	snprintf(out, MAX_NAME, PREFIX "%.*s", (int)strcspn(names, ":"), names);
}

static bool table_fill(struct table *t, const OSSL_ALGORITHM *from, bool both)
{
	size_t n = 0;
	OSSL_ALGORITHM *next;

	while (from && from[n].algorithm_names)
		n++;
	t->rows = calloc(2 * n + 1, sizeof *t->rows);
	t->names = calloc(n + 1, sizeof *t->names);
	next = t->rows;
	if (!t->rows || !t->names)
		return false;
	for (size_t i = 0; i < n; i++) {
		own_name(t->names[i], from[i].algorithm_names);
		if (both)
			*next++ = from[i];
		*next = from[i];
		next++->algorithm_names = t->names[i];
	}
	return true;
}

static bool tables_publish(const OSSL_PROVIDER *standard)
{
	struct tables *t, *none = NULL;
	bool filled = true;

	if (atomic_load(&published))
		return true;
	t = calloc(1, sizeof *t);
	for (size_t i = 0; t && filled && i < ARRAY_LEN(ops); i++) {
		int no_cache = 0;

		filled = table_fill(&t->of[i],
				    OSSL_PROVIDER_query_operation(standard, ops[i], &no_cache),
				    ops[i] != OSSL_OP_KEYMGMT);
	}
	if (!t || !filled || !atomic_compare_exchange_strong(&published, &none, t))
		tables_free(t);
	return t && filled;
}

static const OSSL_ALGORITHM *query(void *provctx, int op, int *no_cache)
{
	const struct tables *t = atomic_load(&published);

	(void)provctx;
	*no_cache = 0;
	for (size_t i = 0; t && i < ARRAY_LEN(ops); i++)
		if (ops[i] == op)
			return t->of[i].rows;
	return NULL;
}

/* What the functions in the tables are called with: the standing of the provider they come from. */
static _Thread_local void *standing;

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		 void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ 0, NULL },
	};

	(void)handle;
	(void)in;
	*out = functions;
	*provctx = standing;
	return standing != NULL;
}

bool ownalg_load(OSSL_LIB_CTX *ctx, const OSSL_PROVIDER *standard, OSSL_PROVIDER **ret)
{
	OSSL_PROVIDER *p;

	if (!tables_publish(standard) || OSSL_PROVIDER_add_builtin(ctx, "inro-keys", start) != 1)
		return false;
	standing = OSSL_PROVIDER_get0_provider_ctx(standard);
	p = OSSL_PROVIDER_load(ctx, "inro-keys");
	standing = NULL;
	if (p)
		*ret = p;
	return p != NULL;
}

EVP_PKEY_CTX *ownalg_key_ctx(OSSL_LIB_CTX *ctx, const char *algorithm)
{
	char name[MAX_NAME];

	own_name(name, algorithm);
	return EVP_PKEY_CTX_new_from_name(ctx, name, NULL);
}
