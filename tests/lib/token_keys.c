/* token_keys - see token_keys.h. */
#include "tests/lib/token_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/provider.h>
#include <openssl/store.h>

#include "tests/lib/scratch.h"

#define TEXT(s) ((struct inro_text) { (s), sizeof(s) - 1 })

static struct ck_module *module;
static CK_SLOT_ID slot;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "token_keys: %s\n", what);
	exit(1);
}

static void open_module(void)
{
	char path[4096];

	need(setenv("INRO_HOME", scratch_dir(), 1) == 0, "no environment");
	snprintf(path, sizeof path, "%s/lib/inro-pkcs11.so", getenv("INRO_TEST_BUILD"));
	need(setenv("INRO_MODULE", path, 1) == 0, "no environment");
	need(ck_module_open(path, &module) == INRO_OK, path);
}

/* The public object. */
static CK_OBJECT_HANDLE make_pair(CK_SESSION_HANDLE s, const struct token_pair *p)
{
	CK_FUNCTION_LIST *f = ck_module_functions(module);
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE id = p->id;
	CK_MECHANISM mech = { .mechanism = p->maker };
	CK_OBJECT_HANDLE public, private;
	CK_ATTRIBUTE common[] = {
		{ CKA_LABEL, (void *)(uintptr_t)p->label, strlen(p->label) },
		{ CKA_ID, &id, 1 },
		{ CKA_TOKEN, &yes, 1 },
	};
	CK_ATTRIBUTE for_public[5], for_private[6];
	CK_ULONG n = 3;

	memcpy(for_public, common, sizeof common);
	memcpy(for_private, common, sizeof common);
	for_public[3] = p->kind;
	for_public[4] = (CK_ATTRIBUTE) { p->public_use, &yes, 1 };
	for_private[n++] = (CK_ATTRIBUTE) { CKA_PRIVATE, &yes, 1 };
	for_private[n++] = (CK_ATTRIBUTE) { p->use, &yes, 1 };
	if (p->more.ulValueLen)
		for_private[n++] = p->more;
	need(f->C_GenerateKeyPair(s, &mech, for_public, p->public_use ? 5 : 4, for_private, n,
				  &public, &private) == CKR_OK,
	     p->label);
	return public;
}

static CK_SESSION_HANDLE log_in(void)
{
	CK_SESSION_HANDLE s = CK_INVALID_HANDLE;

	need(ck_session_open(module, slot, true, &s) == INRO_OK, "no session");
	need(ck_login(module, s, CKU_USER, bytes_of(TOKEN_KEYS_PIN)) == INRO_OK, "no login");
	return s;
}

static CK_OBJECT_HANDLE make_ec(CK_SESSION_HANDLE s, const char *label, CK_BYTE id)
{
	static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	const struct token_pair p = { .label = label,
				      .id = id,
				      .maker = CKM_EC_KEY_PAIR_GEN,
				      .kind = { CKA_EC_PARAMS, p256, sizeof p256 },
				      .use = CKA_SIGN,
				      .public_use = CKA_VERIFY };

	return make_pair(s, &p);
}

void token_keys_add_pair(const struct token_pair *pair)
{
	CK_SESSION_HANDLE s = log_in();

	make_pair(s, pair);
	ck_session_close(module, s);
}

void token_keys_add(const char *label, CK_BYTE id)
{
	CK_SESSION_HANDLE s = log_in();

	make_ec(s, label, id);
	ck_session_close(module, s);
}

void token_keys_add_lone(const char *label, CK_BYTE id)
{
	CK_SESSION_HANDLE s = log_in();
	CK_OBJECT_HANDLE public = make_ec(s, label, id);

	need(ck_module_functions(module)->C_DestroyObject(s, public) == CKR_OK, "not destroyed");
	ck_session_close(module, s);
}

void token_keys_make(void)
{
	static CK_ULONG bits = 2048;
	static const struct token_pair rsa = { .label = "rsa",
					       .id = 2,
					       .maker = CKM_RSA_PKCS_KEY_PAIR_GEN,
					       .kind = { CKA_MODULUS_BITS, &bits, sizeof bits },
					       .use = CKA_SIGN,
					       .public_use = CKA_VERIFY };
	struct inro_new_token t = { .label = TEXT("line1"),
				    .so_pin = TEXT("87654321"),
				    .user_pin = TEXT(TOKEN_KEYS_PIN) };
	CK_SESSION_HANDLE s;

	open_module();
	need(ck_module_admin(module)->create(&t, &slot) == CKR_OK, "no token");
	s = log_in();
	make_ec(s, "ec", 1);
	make_pair(s, &rsa);
	ck_session_close(module, s); /* the last one: the login ends with it */
}

/* OSSL_LIB_CTX_free() leaves alone what OSSL_PROVIDER_load() gave. */
static struct loaded {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *providers[2];
} contexts[8];

/* An empty place, or the context's own. */
static struct loaded *place_of(const OSSL_LIB_CTX *libctx)
{
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++)
		if (contexts[i].libctx == libctx)
			return &contexts[i];
	return NULL;
}

OSSL_LIB_CTX *token_keys_libctx(const char *first, const char *second)
{
	OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
	struct loaded *l = place_of(NULL);
	char path[4096];

	need(l != NULL, "too many contexts");
	snprintf(path, sizeof path, "%s/lib", getenv("INRO_TEST_BUILD"));
	need(libctx && OSSL_PROVIDER_set_default_search_path(libctx, path), "no context");
	*l = (struct loaded) { .libctx = libctx };
	l->providers[0] = OSSL_PROVIDER_load(libctx, first);
	l->providers[1] = second ? OSSL_PROVIDER_load(libctx, second) : NULL;
	need(l->providers[0] && (!second || l->providers[1]), "no provider");
	return libctx;
}

void token_keys_libctx_free(OSSL_LIB_CTX *libctx)
{
	struct loaded *l = place_of(libctx);

	for (size_t k = 0; k < 2; k++)
		if (l->providers[k])
			OSSL_PROVIDER_unload(l->providers[k]);
	*l = (struct loaded) { 0 };
	OSSL_LIB_CTX_free(libctx);
}

EVP_PKEY *token_keys_load(OSSL_LIB_CTX *libctx, const char *uri)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	OSSL_STORE_INFO *info = NULL;
	EVP_PKEY *pkey = NULL;

	if (!store)
		return NULL;
	OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	while (!pkey && !OSSL_STORE_eof(store)) {
		info = OSSL_STORE_load(store);
		if (info)
			pkey = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	return pkey;
}

CK_ULONG token_keys_tries_left(void)
{
	struct inro_token_status *st = calloc(1, sizeof *st);
	CK_ULONG left;

	need(st && ck_module_admin(module)->status(slot, st) == CKR_OK, "no status");
	left = st->tries_left_user;
	free(st);
	return left;
}
