/* token_keys - see token_keys.h. */
#include "tests/lib/token_keys.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#include "tests/lib/chosen.h"
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

static void choose_module(void)
{
	need(setenv("INRO_HOME", scratch_dir(), 1) == 0, "no environment");
	need(setenv("INRO_MODULE", chosen_module(), 1) == 0, "no environment");
}

static void open_module(void)
{
	const char *path = getenv("INRO_MODULE");

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

void token_keys_add_many(int from, int to)
{
	CK_SESSION_HANDLE s = log_in();

	for (int i = from; i < to; i++) {
		char label[24];

		snprintf(label, sizeof label, "key-%d", i);
		make_ec(s, label, (CK_BYTE)i);
	}
	ck_session_close(module, s);
}

void token_keys_add_lone(const char *label, CK_BYTE id)
{
	CK_SESSION_HANDLE s = log_in();
	CK_OBJECT_HANDLE public = make_ec(s, label, id);

	need(ck_module_functions(module)->C_DestroyObject(s, public) == CKR_OK, "not destroyed");
	ck_session_close(module, s);
}

/* What an imported key consists of; the values lie in `room`. */
struct parts {
	CK_ATTRIBUTE list[16];
	CK_ULONG n;
	CK_BYTE room[4096];
	size_t used;
};

static void put(struct parts *p, CK_ATTRIBUTE_TYPE type, const void *value, size_t n)
{
	need(p->n < ARRAY_LEN(p->list) && n <= sizeof p->room - p->used, "no room");
	memcpy(p->room + p->used, value, n);
	p->list[p->n++] = (CK_ATTRIBUTE) { type, p->room + p->used, n };
	p->used += n;
}

static void put_number(struct parts *p, CK_ATTRIBUTE_TYPE type, EVP_PKEY *key, const char *name)
{
	unsigned char value[512];
	BIGNUM *number = NULL;

	need(EVP_PKEY_get_bn_param(key, name, &number), name);
	put(p, type, value, (size_t)BN_bn2bin(number, value));
	BN_free(number);
}

static void put_rsa_numbers(struct parts *p, EVP_PKEY *key)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		const char *name;
	} rows[] = {
		{ CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N },
		{ CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E },
		{ CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D },
		{ CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1 },
		{ CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2 },
		{ CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2 },
		{ CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		put_number(p, rows[i].type, key, rows[i].name);
}

static void put_rsa(struct parts *p, EVP_PKEY *key)
{
	CK_MECHANISM_TYPE allowed[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP, CKM_RSA_X_509 };
	CK_BBOOL yes = CK_TRUE;

	put_rsa_numbers(p, key);
	put(p, CKA_DECRYPT, &yes, 1);
	put(p, CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed);
}

static void put_curve(struct parts *p, EVP_PKEY *key)
{
	unsigned char der[64], *at = der;
	ASN1_OBJECT *oid;
	char name[64];
	int n;

	need(EVP_PKEY_get_group_name(key, name, sizeof name, NULL), "no group");
	oid = OBJ_txt2obj(name, 0);
	n = i2d_ASN1_OBJECT(oid, &at);
	ASN1_OBJECT_free(oid);
	need(n > 0, name);
	put(p, CKA_EC_PARAMS, der, (size_t)n);
}

static void put_ec(struct parts *p, EVP_PKEY *key)
{
	CK_BBOOL yes = CK_TRUE;

	put_curve(p, key);
	put_number(p, CKA_VALUE, key, OSSL_PKEY_PARAM_PRIV_KEY);
	put(p, CKA_DERIVE, &yes, 1);
}

static void put_point(struct parts *p, EVP_PKEY *key)
{
	unsigned char point[160], *der = NULL;
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	size_t n = 0;

	need(octets && EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
						       sizeof point, &n),
	     "no point");
	need(ASN1_OCTET_STRING_set(octets, point, (int)n), "no memory");
	n = (size_t)i2d_ASN1_OCTET_STRING(octets, &der);
	put(p, CKA_EC_POINT, der, n);
	OPENSSL_free(der);
	ASN1_OCTET_STRING_free(octets);
}

static struct parts *start_import(const char *label, CK_BYTE id, CK_OBJECT_CLASS class,
				  CK_KEY_TYPE type)
{
	struct parts *p = calloc(1, sizeof *p);
	CK_BBOOL yes = CK_TRUE;

	need(p != NULL, "no memory");
	put(p, CKA_CLASS, &class, sizeof class);
	put(p, CKA_KEY_TYPE, &type, sizeof type);
	put(p, CKA_TOKEN, &yes, 1);
	put(p, CKA_LABEL, label, strlen(label));
	put(p, CKA_ID, &id, 1);
	return p;
}

static void finish_import(struct parts *p)
{
	CK_SESSION_HANDLE s = log_in();
	CK_OBJECT_HANDLE object;

	need(ck_module_functions(module)->C_CreateObject(s, p->list, p->n, &object) == CKR_OK,
	     "no import");
	free(p);
	ck_session_close(module, s);
}

static void import_public_ec(const char *label, CK_BYTE id, EVP_PKEY *key)
{
	struct parts *p = start_import(label, id, CKO_PUBLIC_KEY, CKK_EC);

	put_curve(p, key);
	put_point(p, key);
	finish_import(p);
}

void token_keys_import(const char *label, CK_BYTE id, EVP_PKEY *key)
{
	bool is_rsa = EVP_PKEY_is_a(key, "RSA");
	struct parts *p = start_import(label, id, CKO_PRIVATE_KEY, is_rsa ? CKK_RSA : CKK_EC);

	(is_rsa ? put_rsa : put_ec)(p, key);
	finish_import(p);
	if (!is_rsa && !chosen_can("lone-ec"))
		import_public_ec(label, id, key);
}

/* Ed25519 and the like: the kind's own OID stands for the curve. */
static void put_string_key(struct parts *p, EVP_PKEY *key)
{
	unsigned char der[64], *at = der, value[64];
	size_t n = sizeof value;
	int curve = i2d_ASN1_OBJECT(OBJ_nid2obj(EVP_PKEY_get_base_id(key)), &at);

	need(curve > 0 && EVP_PKEY_get_raw_private_key(key, value, &n) == 1, "no value");
	put(p, CKA_EC_PARAMS, der, (size_t)curve);
	put(p, CKA_VALUE, value, n);
	OPENSSL_cleanse(value, sizeof value);
}

static void put_ec_value(struct parts *p, EVP_PKEY *key)
{
	put_curve(p, key);
	put_number(p, CKA_VALUE, key, OSSL_PKEY_PARAM_PRIV_KEY);
}

/* What keys of a kind are made of, and what they are for. */
static const struct import_kind {
	const char *name;
	CK_KEY_TYPE type;
	void (*put)(struct parts *p, EVP_PKEY *key);
	CK_ATTRIBUTE_TYPE uses[2];
} import_kinds[] = {
	{ "RSA", CKK_RSA, put_rsa_numbers, { CKA_SIGN, CKA_DECRYPT } },
	{ "RSA-PSS", CKK_RSA, put_rsa_numbers, { CKA_SIGN } },
	{ "EC", CKK_EC, put_ec_value, { CKA_SIGN, CKA_DERIVE } },
	{ "ED25519", CKK_EC_EDWARDS, put_string_key, { CKA_SIGN } },
	{ "ED448", CKK_EC_EDWARDS, put_string_key, { CKA_SIGN } },
	{ "X25519", CKK_EC_MONTGOMERY, put_string_key, { CKA_DERIVE } },
	{ "X448", CKK_EC_MONTGOMERY, put_string_key, { CKA_DERIVE } },
};

static const struct import_kind *kind_of(const EVP_PKEY *key)
{
	for (size_t i = 0; i < ARRAY_LEN(import_kinds); i++)
		if (EVP_PKEY_is_a(key, import_kinds[i].name))
			return &import_kinds[i];
	need(false, "a key of no kind");
	return NULL;
}

void token_keys_import_whole(const struct token_import *import)
{
	const struct import_kind *kind = kind_of(import->key);
	struct parts *p = start_import(import->label, import->id, CKO_PRIVATE_KEY, kind->type);
	CK_BBOOL yes = CK_TRUE;

	kind->put(p, import->key);
	for (size_t i = 0; i < ARRAY_LEN(kind->uses) && kind->uses[i]; i++)
		put(p, kind->uses[i], &yes, 1);
	if (import->mechs_n)
		put(p, CKA_ALLOWED_MECHANISMS, import->mechs, import->mechs_n * sizeof *import->mechs);
	finish_import(p);
}

void token_keys_import_secret(const char *label, CK_BYTE id, CK_KEY_TYPE type, struct bytes value)
{
	struct parts *p = start_import(label, id, CKO_SECRET_KEY, type);
	CK_BBOOL yes = CK_TRUE;

	put(p, CKA_VALUE, value.p, value.n);
	put(p, CKA_SIGN, &yes, 1);
	if (type == CKK_AES) {
		put(p, CKA_ENCRYPT, &yes, 1);
		put(p, CKA_DECRYPT, &yes, 1);
	}
	finish_import(p);
}

static void make_token(void)
{
	struct inro_new_token t = { .label = TEXT("line1"),
				    .so_pin = TEXT("87654321"),
				    .user_pin = TEXT(TOKEN_KEYS_PIN) };
	const char *tpm = getenv("INRO_TEST_TPM");
	char config[300];

	if (tpm && (strcmp(tpm, "libtpms") == 0 || strncmp(tpm, "swtpm:", 6) == 0)) {
		t.backend = TEXT("tpm");
		t.config.n = (CK_ULONG)snprintf(config, sizeof config, "tcti=%s%s\n", tpm,
						strchr(tpm, ':') ? "" : ":");
		t.config.p = config;
	}
	need(ck_module_admin(module)->create(&t, &slot) == CKR_OK, "no token");
}

static void find_token(void)
{
	struct p11_uri uri = { .token = (char *)(uintptr_t) "line1" };
	struct ck_token made;

	need(ck_token_one(module, &uri, &made) == INRO_OK, "the new token is not there");
	slot = made.slot;
}

/* By Cryptoki's own means, in the slot that is empty. */
static int make_foreign_token(void *arg)
{
	static CK_UTF8CHAR label[33] = "line1                           ", so_pin[] = "87654321",
			   pin[] = TOKEN_KEYS_PIN;
	CK_SLOT_ID slots[16];
	CK_ULONG n = ARRAY_LEN(slots);
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE s;

	(void)arg;
	open_module();
	f = ck_module_functions(module);
	need(f->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK && n > 0, "no slot");
	need(f->C_InitToken(slots[n - 1], so_pin, sizeof so_pin - 1, label) == CKR_OK, "no token");
	find_token();
	need(ck_session_open(module, slot, true, &s) == INRO_OK, "no session");
	need(ck_login(module, s, CKU_SO, bytes_of("87654321")) == INRO_OK, "no login of the SO");
	need(f->C_InitPIN(s, pin, sizeof pin - 1) == CKR_OK, "no PIN");
	ck_session_close(module, s);
	ck_module_close(module);
	return 0;
}

static void make_first_rsa(CK_SESSION_HANDLE s)
{
	static CK_ULONG bits = 2048;
	static const struct token_pair rsa = { .label = "rsa",
					       .id = 2,
					       .maker = CKM_RSA_PKCS_KEY_PAIR_GEN,
					       .kind = { CKA_MODULUS_BITS, &bits, sizeof bits },
					       .use = CKA_SIGN,
					       .public_use = CKA_VERIFY };

	make_pair(s, &rsa);
}

static void make_first_ec(CK_SESSION_HANDLE s)
{
	make_ec(s, "ec", 1);
}

static void (*const first_keys[])(CK_SESSION_HANDLE s) = { make_first_ec, make_first_rsa };

static int make_first_key(void *arg)
{
	CK_SESSION_HANDLE s;

	open_module();
	find_token();
	s = log_in();
	first_keys[*(size_t *)arg](s);
	ck_session_close(module, s);
	ck_module_close(module);
	return 0;
}

/* Each by a process of its own: tpm2-pkcs11 leaves in the TPM what it makes. */
static void make_by_others(void)
{
	need(scratch_child(make_foreign_token, NULL) == 0, "no token");
	chosen_made();
	for (size_t i = 0; i < ARRAY_LEN(first_keys); i++) {
		need(scratch_child(make_first_key, &i) == 0, "no key");
		chosen_made();
	}
	open_module();
	find_token();
}

static void make_by_ours(void)
{
	CK_SESSION_HANDLE s;

	open_module();
	make_token();
	s = log_in();
	for (size_t i = 0; i < ARRAY_LEN(first_keys); i++)
		first_keys[i](s);
	ck_session_close(module, s); /* the last one: the login ends with it */
}

void token_keys_make(void)
{
	choose_module();
	(chosen_is_ours() ? make_by_ours : make_by_others)();
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

/* What follows the line of the section in the file. */
static const char *read_machine_settings(void)
{
	static const char section[] = "\n[inro_provider]\n";
	static char text[4096];
	char path[4096];
	const char *at;
	FILE *f;

	snprintf(path, sizeof path, "%s/share/openssl-inro-machine.cnf", getenv("INRO_TEST_BUILD"));
	f = fopen(path, "r");
	need(f, path);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	at = strstr(text, section);
	need(at, "openssl-inro-machine.cnf has no settings");
	return at + strlen(section);
}

const char *token_keys_machine_settings(void)
{
	const char *other = getenv("INRO_BENCH_SETTINGS");

	return other ? other : read_machine_settings();
}

OSSL_LIB_CTX *token_keys_libctx_configured(const char *settings)
{
	OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
	struct loaded *l = place_of(NULL);
	char text[8192];
	int n = snprintf(text, sizeof text,
			 "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
			 "default = standard\ninro = token\n[standard]\nactivate = 1\n[token]\n"
			 "module = %s/lib/inro.so\nactivate = 1\n%s\n",
			 getenv("INRO_TEST_BUILD"), settings);

	need(l != NULL, "too many contexts");
	need(libctx && n > 0 && (size_t)n < sizeof text &&
		     OSSL_LIB_CTX_load_config(
			     libctx, scratch_file("openssl-test.cnf", text, (size_t)n)) == 1,
	     "no configured context");
	*l = (struct loaded) { .libctx = libctx };
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

bool token_keys_sign(OSSL_LIB_CTX *libctx, EVP_PKEY *key)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char sig[512];
	size_t n = sizeof sig;
	bool ok = EVP_DigestSignInit_ex(c, NULL, "SHA256", libctx, NULL, key, NULL) == 1 &&
		  EVP_DigestSign(c, sig, &n, (const unsigned char *)"data", 4) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

bool token_keys_error_says(const char *words)
{
	const char *detail = "";
	char first[500] = "";
	bool has = false;

	/* libcrypto 3.5 has its own word last */
	while (ERR_get_error_all(NULL, NULL, NULL, &detail, NULL)) {
		has |= strstr(detail, words) != NULL;
		if (!*first)
			snprintf(first, sizeof first, "%s", detail);
	}
	if (!has)
		fprintf(stderr, "'%s' does not say '%s'\n", first, words);
	return has;
}

struct tap *token_keys_tap(CK_FUNCTION_LIST **ret_functions)
{
	CK_C_GetFunctionList get = NULL;
	char path[4096];
	struct tap *tap;
	void *tapped;

	snprintf(path, sizeof path, "%s/tests/tap-p11.so", getenv("INRO_TEST_BUILD"));
	need(setenv("INRO_TAPPED", getenv("INRO_MODULE"), 1) == 0 &&
		     setenv("INRO_MODULE", path, 1) == 0,
	     "no environment");
	tapped = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	need(tapped, path);
	tap = dlsym(tapped, "tap");
	*(void **)&get = dlsym(tapped, "C_GetFunctionList");
	need(tap && get && get(ret_functions) == CKR_OK, "no functions");
	return tap;
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
