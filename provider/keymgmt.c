/*
 * keymgmt - OSSL_OP_KEYMGMT: keys of every kind in key_types, of a token or in software (key.h).
 *
 * 1. Everything public is answered from the public half, without the token.
 * 2. The export of a private part of a token key is refused before the callback is called.
 * 3. The operations have private names, so that no default fetch finds them.
 */
#include "provider/keygen.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

static void free_key(void *vkey)
{
	key_free(vkey);
}

static void *load(const void *reference, size_t size)
{
	struct key_carrier *carrier = (struct key_carrier *)(uintptr_t)reference;
	struct key *k;

	if (size != sizeof *carrier ||
	    memcmp(carrier->mark, KEY_CARRIER_MARK, sizeof carrier->mark) != 0)
		return NULL;
	k = carrier->key;
	carrier->key = NULL;
	return k;
}

/* libcrypto asks about keys that have a kind and nothing in them yet. */
static bool is_empty(const struct key *k)
{
	return !k || !k->pkey;
}

static int has(const void *vkey, int selection)
{
	const struct key *k = vkey;
	int parts = OSSL_KEYMGMT_SELECT_KEYPAIR;

	if (is_empty(k))
		return 0;
	if (k->type->has_group)
		parts |= OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS;
	parts &= selection;
	return (k->has & parts) == parts;
}

static int match(const void *va, const void *vb, int selection)
{
	const struct key *a = va, *b = vb;

	if (is_empty(a) || is_empty(b) || a->type != b->type)
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_KEYPAIR)
		return EVP_PKEY_eq(a->pkey, b->pkey) == 1;
	if (selection & OSSL_KEYMGMT_SELECT_ALL_PARAMETERS)
		return !a->type->has_group || EVP_PKEY_parameters_eq(a->pkey, b->pkey) == 1;
	return 1;
}

/* Runs one of libcrypto's checks on the key below. */
static int check(const struct key *k, int (*how)(EVP_PKEY_CTX *))
{
	OSSL_LIB_CTX *libctx;
	EVP_PKEY_CTX *ctx;
	int ok;

	if (below_libctx(&k->prov->below, &libctx))
		return 0;
	ctx = EVP_PKEY_CTX_new_from_pkey(libctx, k->pkey, NULL);
	ok = ctx && how(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* A token vouches for its private part: only the public half is looked at. */
static int validate(const void *vkey, int selection, int quick)
{
	const struct key *k = vkey;

	if (!has(k, selection))
		return 0;
	if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
		return !k->type->has_group || check(k, EVP_PKEY_param_check);
	if (!k->object && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return check(k, EVP_PKEY_pairwise_check);
	return check(k, quick ? EVP_PKEY_public_check_quick : EVP_PKEY_public_check);
}

/* A post-quantum key may come as the seed that it is grown from; its public half then comes with
 * it. */
static bool has_private_part(const struct key_type *type, const OSSL_PARAM params[])
{
	return OSSL_PARAM_locate_const(params, type->private_part) ||
	       OSSL_PARAM_locate_const(params, KEY_SEED);
}

static bool has_public_part(const struct key_type *type, const OSSL_PARAM params[])
{
	return OSSL_PARAM_locate_const(params, type->public_part) ||
	       OSSL_PARAM_locate_const(params, KEY_SEED);
}

static int import(void *vkey, int selection, const OSSL_PARAM params[])
{
	struct key *k = vkey;
	OSSL_LIB_CTX *libctx;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;
	enum inro_err e = below_libctx(&k->prov->below, &libctx);

	if (e)
		return prov_raise(k->prov, e);
	ctx = EVP_PKEY_CTX_new_from_name(libctx, k->type->name, NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, selection, (OSSL_PARAM *)(uintptr_t)params) != 1) {
		EVP_PKEY_CTX_free(ctx);
		return 0;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(k->pkey);
	k->pkey = pkey;
	k->has = OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
	if (has_public_part(k->type, params))
		k->has |= OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && has_private_part(k->type, params))
		k->has |= OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
	return 1;
}

/* More than any kind has. */
#define PUBLIC_PARAMS 8

/* How a program wants points to be written, where it is not the usual way. */
static const OSSL_PARAM *format_asked_for(const OSSL_PARAM all[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(all, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT);
	const char *format = NULL;

	if (!p || !OSSL_PARAM_get_utf8_string_ptr(p, &format) || !format)
		return NULL;
	return strcmp(format, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) == 0 ? NULL : p;
}

/* The parameters that a public key of this kind consists of, and no others: a group by its name
 * only, so that nobody writes an explicit curve. */
static int export_public(const struct key *k, OSSL_CALLBACK *callback, void *arg)
{
	OSSL_PARAM *all = NULL, chosen[PUBLIC_PARAMS];
	const OSSL_PARAM *format;
	size_t n = 0;
	int ok;

	if (EVP_PKEY_todata(k->pkey, EVP_PKEY_PUBLIC_KEY, &all) != 1)
		return 0;
	for (const OSSL_PARAM *p = k->type->public_params; p->key; p++) {
		const OSSL_PARAM *found = OSSL_PARAM_locate_const(all, p->key);

		if (found)
			chosen[n++] = *found;
	}
	format = format_asked_for(all);
	if (format)
		chosen[n++] = *format;
	chosen[n] = OSSL_PARAM_construct_end();
	ok = callback(chosen, arg);
	OSSL_PARAM_free(all);
	return ok;
}

static int export(void *vkey, int selection, OSSL_CALLBACK *callback, void *arg)
{
	const struct key *k = vkey;

	if (is_empty(k))
		return 0;
	if (!k->object)
		return EVP_PKEY_export(k->pkey, selection, callback, arg);
	/* Of parameters that a kind does not have, libcrypto makes a key with nothing in it, which its
	 * own encoders of text then read. */
	if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR) && !k->type->has_group)
		return 0;
	/* A point without its curve is nothing, to libcrypto either. */
	if (!(selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) && k->type->has_group)
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
		return prov_raise(k->prov, err_set(INRO_E_KEY_UNEXTRACTABLE,
						   "the private part of %s stays in its token",
						   object_reference(k->object)));
	return export_public(k, callback, arg);
}

static const OSSL_PARAM *types_for(const struct key_type *type, int selection)
{
	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? type->all_params : type->public_params;
}

static int get_params(void *vkey, OSSL_PARAM params[])
{
	const struct key *k = vkey;

	return is_empty(k) || EVP_PKEY_get_params(k->pkey, params) == 1;
}

/* The point stays as the token has it, and the curve is written by its name (export_public). */
static int set_of_token(struct key *k, const OSSL_PARAM params[])
{
	const OSSL_PARAM *encoding = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_EC_ENCODING);
	const char *name = NULL;

	if (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY))
		return prov_raise(k->prov, err_set(INRO_E_STATE, "the public half of a token's key can't be changed"));
	if (k->type->has_group && encoding && OSSL_PARAM_get_utf8_string_ptr(encoding, &name) && name &&
	    strcmp(name, OSSL_PKEY_EC_ENCODING_EXPLICIT) == 0)
		return prov_raise(k->prov, err_set(INRO_E_UNSUPPORTED,
						   "the curve of a token's key is written by its name, not by its parameters"));
	return key_set(k, params) == 1;
}

static int set_params(void *vkey, const OSSL_PARAM params[])
{
	struct key *k = vkey;

	if (!params || !params->key)
		return 1;
	if (is_empty(k))
		return 0;
	if (k->object)
		return set_of_token(k, params);
	if (EVP_PKEY_set_params(k->pkey, (OSSL_PARAM *)(uintptr_t)params) != 1)
		return 0;
	if (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY))
		k->has |= OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
	return 1;
}

/* The group alone, for a peer's key that is filled in afterwards. */
static EVP_PKEY *copy_group(const EVP_PKEY *from)
{
	EVP_PKEY *pkey = EVP_PKEY_new();

	if (pkey && EVP_PKEY_copy_parameters(pkey, from) == 1)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

static EVP_PKEY *copy_pkey(const struct key *k, int selection)
{
	if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
		return copy_group(k->pkey);
	if (k->object)
		return key_share(k);
	return EVP_PKEY_dup(k->pkey);
}

static void *duplicate(const void *vkey, int selection)
{
	const struct key *k = vkey;
	struct key *copy;

	if (!k)
		return NULL;
	copy = key_new(k->prov, k->type);
	if (!copy || !k->pkey)
		return copy;
	copy->pkey = copy_pkey(k, selection);
	if (!copy->pkey) {
		key_free(copy);
		return NULL;
	}
	copy->has = k->has & (selection | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS);
	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
		copy->object = object_share(k->object);
	return copy;
}

static const char *name_for_operation(const struct key_type *type, int operation)
{
	switch (operation) {
	case OSSL_OP_SIGNATURE:
		return type->signature;
	case OSSL_OP_KEYEXCH:
		return type->exchange;
	case OSSL_OP_ASYM_CIPHER:
		return type->cipher;
	case OSSL_OP_KEM:
		return OpenSSL_version_num() >= type->kem_since ? type->kem : NULL;
	default:
		return NULL;
	}
}

/* Where there is no such operation none is set up, and nothing would end what is begun. */
static const char *operation_name(const struct key_type *type, int operation)
{
	const char *name = name_for_operation(type, operation);

	if (name)
		shown_begin(type);
	return name;
}

/* What libcrypto's own keys of the kind have: its table, which is there as long as libcrypto is. */
static const OSSL_PARAM *params_below(struct prov *p, const struct key_type *type,
				      const OSSL_PARAM *(*list)(const EVP_KEYMGMT *))
{
	static const OSSL_PARAM none[] = { OSSL_PARAM_END };
	OSSL_LIB_CTX *libctx;
	EVP_KEYMGMT *kind = below_libctx(&p->below, &libctx) ? NULL : EVP_KEYMGMT_fetch(libctx, type->name, NULL);
	const OSSL_PARAM *found = kind ? list(kind) : NULL;

	EVP_KEYMGMT_free(kind);
	return found ? found : none;
}

/* The functions that are not told whose kind they speak of, and the table, for each kind. */
#define KEYMGMT(kind, name, aliases)                                                               \
	static void *kind##_new(void *vprov)                                                       \
	{                                                                                          \
		return key_new(vprov, &key_types[KEY_TYPE_##kind]);                                \
	}                                                                                          \
	static const OSSL_PARAM *kind##_types(int selection)                                       \
	{                                                                                          \
		return types_for(&key_types[KEY_TYPE_##kind], selection);                          \
	}                                                                                          \
	static const OSSL_PARAM *kind##_gettable(void *vprov)                                      \
	{                                                                                          \
		return params_below(vprov, &key_types[KEY_TYPE_##kind],                            \
				    EVP_KEYMGMT_gettable_params);                                  \
	}                                                                                          \
	static const OSSL_PARAM *kind##_settable(void *vprov)                                      \
	{                                                                                          \
		return params_below(vprov, &key_types[KEY_TYPE_##kind],                            \
				    EVP_KEYMGMT_settable_params);                                  \
	}                                                                                          \
	static const char *kind##_operation_name(int operation)                                    \
	{                                                                                          \
		return operation_name(&key_types[KEY_TYPE_##kind], operation);                     \
	}                                                                                          \
	static void *kind##_gen_init(void *vprov, int selection, const OSSL_PARAM params[])        \
	{                                                                                          \
		return keygen_init(vprov, &key_types[KEY_TYPE_##kind], selection, params);         \
	}                                                                                          \
	static const OSSL_DISPATCH kind##_functions[] = {                                          \
		ENTRY(OSSL_FUNC_KEYMGMT_NEW, kind##_new),                                          \
		ENTRY(OSSL_FUNC_KEYMGMT_FREE, free_key),                                           \
		ENTRY(OSSL_FUNC_KEYMGMT_LOAD, load),                                               \
		ENTRY(OSSL_FUNC_KEYMGMT_HAS, has),                                                 \
		ENTRY(OSSL_FUNC_KEYMGMT_MATCH, match),                                             \
		ENTRY(OSSL_FUNC_KEYMGMT_VALIDATE, validate),                                       \
		ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, import),                                           \
		ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, kind##_types),                               \
		ENTRY(OSSL_FUNC_KEYMGMT_EXPORT, export),                                           \
		ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, kind##_types),                               \
		ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),                                   \
		ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, kind##_gettable),                         \
		ENTRY(OSSL_FUNC_KEYMGMT_SET_PARAMS, set_params),                                   \
		ENTRY(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, kind##_settable),                         \
		ENTRY(OSSL_FUNC_KEYMGMT_DUP, duplicate),                                           \
		ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, kind##_operation_name),              \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_INIT, kind##_gen_init),                                \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, keygen_set_template),                    \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, keygen_set_params),                        \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, keygen_settable_params),              \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN, keygen_run),                                          \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, keygen_cleanup),                              \
		ENTRY_END,                                                                         \
	};

KEY_TYPES_30(KEYMGMT)
KEY_TYPES_35(KEYMGMT)

#define ROW(kind, name, aliases) { name ":" aliases, PROV_PROPERTIES, kind##_functions, name },
#define ROW_END                                                                                    \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}

const OSSL_ALGORITHM keymgmt_algorithms[] = { KEY_TYPES_30(ROW) ROW_END };
const OSSL_ALGORITHM keymgmt_algorithms_35[] = { KEY_TYPES_30(ROW) KEY_TYPES_35(ROW) ROW_END };
