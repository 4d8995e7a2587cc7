/*
 * keymgmt - OSSL_OP_KEYMGMT: RSA and EC keys, of a token or in software (key.h).
 *
 * 1. Everything public is answered from the public half, without the token.
 * 2. The export of a private part of a token key is refused before the callback is called.
 * 3. The signature operation has a private name, so that no default fetch finds it; the operations
 *    that are not ours keep their public names and work on software keys through export.
 */
#include "provider/keygen.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

/* clang-format off */
#define RSA_PUBLIC                                                                                 \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),                                             \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)
#define EC_PUBLIC                                                                                  \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),                               \
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0)
#define SIZES                                                                                      \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),                                                \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),                                       \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),                                            \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0)
#define RSA_PRIVATE                                                                                \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0),                                             \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, NULL, 0),                                       \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, NULL, 0),                                       \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, NULL, 0),                                     \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, NULL, 0),                                     \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL, 0)
#define EC_PRIVATE                                                                                 \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),                                          \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL)
#define EC_POINT                                                                                   \
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),                      \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, NULL, 0),                                          \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, NULL, 0)
/* clang-format on */

static const OSSL_PARAM rsa_public[] = { RSA_PUBLIC, OSSL_PARAM_END };
static const OSSL_PARAM rsa_all[] = { RSA_PUBLIC, RSA_PRIVATE, OSSL_PARAM_END };
static const OSSL_PARAM rsa_gettable[] = { SIZES, RSA_PUBLIC, RSA_PRIVATE, OSSL_PARAM_END };
static const OSSL_PARAM ec_public[] = { EC_PUBLIC, OSSL_PARAM_END };
static const OSSL_PARAM ec_all[] = { EC_PUBLIC, EC_PRIVATE, OSSL_PARAM_END };
static const OSSL_PARAM ec_gettable[] = { SIZES, EC_PUBLIC, EC_PRIVATE, EC_POINT, OSSL_PARAM_END };
static const OSSL_PARAM ec_settable[] = {
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
	OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
	OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, NULL),
	OSSL_PARAM_END,
};
static const OSSL_PARAM nothing[] = { OSSL_PARAM_END };

const struct key_type key_rsa = {
	.name = "RSA",
	.type = CKK_RSA,
	.public_part = OSSL_PKEY_PARAM_RSA_N,
	.private_part = OSSL_PKEY_PARAM_RSA_D,
	.signature = "INRO-RSA",
	.cipher = "RSA",
	.kem = "RSA",
	.public_params = rsa_public,
	.all_params = rsa_all,
	.gettable = rsa_gettable,
	.settable = nothing,
};

const struct key_type key_ec = {
	.name = "EC",
	.type = CKK_EC,
	.public_part = OSSL_PKEY_PARAM_PUB_KEY,
	.private_part = OSSL_PKEY_PARAM_PRIV_KEY,
	.signature = "INRO-ECDSA",
	.exchange = "ECDH",
	.public_params = ec_public,
	.all_params = ec_all,
	.gettable = ec_gettable,
	.settable = ec_settable,
};

static void *rsa_new(void *vprov)
{
	return key_new(vprov, &key_rsa);
}

static void *ec_new(void *vprov)
{
	return key_new(vprov, &key_ec);
}

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
	/* An EC key's parameters are its group; an RSA key has none to lack. */
	int parts = OSSL_KEYMGMT_SELECT_KEYPAIR;

	if (is_empty(k))
		return 0;
	if (k->type == &key_ec)
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
		return a->type == &key_rsa || EVP_PKEY_parameters_eq(a->pkey, b->pkey) == 1;
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
		return k->type == &key_rsa || check(k, EVP_PKEY_param_check);
	if (!k->object && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return check(k, EVP_PKEY_pairwise_check);
	return check(k, quick ? EVP_PKEY_public_check_quick : EVP_PKEY_public_check);
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
	if (OSSL_PARAM_locate_const(params, k->type->public_part))
		k->has |= OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) &&
	    OSSL_PARAM_locate_const(params, k->type->private_part))
		k->has |= OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
	return 1;
}

/* The parameters that a public key of this kind consists of, and no others: a group by its name
 * only, so that nobody writes an explicit curve. */
static int export_public(const struct key *k, OSSL_CALLBACK *callback, void *arg)
{
	OSSL_PARAM *all = NULL, chosen[4];
	size_t n = 0;
	int ok;

	if (EVP_PKEY_todata(k->pkey, EVP_PKEY_PUBLIC_KEY, &all) != 1)
		return 0;
	for (const OSSL_PARAM *p = k->type->public_params; p->key; p++) {
		const OSSL_PARAM *found = OSSL_PARAM_locate_const(all, p->key);

		if (found)
			chosen[n++] = *found;
	}
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

static const OSSL_PARAM *rsa_types(int selection)
{
	return types_for(&key_rsa, selection);
}

static const OSSL_PARAM *ec_types(int selection)
{
	return types_for(&key_ec, selection);
}

static int get_params(void *vkey, OSSL_PARAM params[])
{
	const struct key *k = vkey;

	return is_empty(k) || EVP_PKEY_get_params(k->pkey, params) == 1;
}

static const OSSL_PARAM *rsa_gettable_params(void *vprov)
{
	(void)vprov;
	return key_rsa.gettable;
}

static const OSSL_PARAM *ec_gettable_params(void *vprov)
{
	(void)vprov;
	return key_ec.gettable;
}

/* The public half of a token key is shared and stays as the token has it; how it is to be written
 * is no matter for a key that is exported by the name of its group. */
static int set_params(void *vkey, const OSSL_PARAM params[])
{
	struct key *k = vkey;

	if (!params || !params->key)
		return 1;
	if (is_empty(k))
		return 0;
	if (k->object)
		return !OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
	if (EVP_PKEY_set_params(k->pkey, (OSSL_PARAM *)(uintptr_t)params) != 1)
		return 0;
	if (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY))
		k->has |= OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
	return 1;
}

static const OSSL_PARAM *rsa_settable_params(void *vprov)
{
	(void)vprov;
	return key_rsa.settable;
}

static const OSSL_PARAM *ec_settable_params(void *vprov)
{
	(void)vprov;
	return key_ec.settable;
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
		return EVP_PKEY_up_ref(k->pkey) ? k->pkey : NULL;
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

static const char *operation_name(const struct key_type *type, int operation)
{
	switch (operation) {
	case OSSL_OP_SIGNATURE:
		return type->signature;
	case OSSL_OP_KEYEXCH:
		return type->exchange;
	case OSSL_OP_ASYM_CIPHER:
		return type->cipher;
	case OSSL_OP_KEM:
		return type->kem;
	default:
		return NULL;
	}
}

static const char *rsa_operation_name(int operation)
{
	return operation_name(&key_rsa, operation);
}

static const char *ec_operation_name(int operation)
{
	return operation_name(&key_ec, operation);
}

static void *rsa_gen_init(void *vprov, int selection, const OSSL_PARAM params[])
{
	return keygen_init(vprov, &key_rsa, selection, params);
}

static void *ec_gen_init(void *vprov, int selection, const OSSL_PARAM params[])
{
	return keygen_init(vprov, &key_ec, selection, params);
}

#define KEYMGMT(type)                                                                              \
	ENTRY(OSSL_FUNC_KEYMGMT_NEW, type##_new), ENTRY(OSSL_FUNC_KEYMGMT_FREE, free_key),         \
		ENTRY(OSSL_FUNC_KEYMGMT_LOAD, load), ENTRY(OSSL_FUNC_KEYMGMT_HAS, has),            \
		ENTRY(OSSL_FUNC_KEYMGMT_MATCH, match),                                             \
		ENTRY(OSSL_FUNC_KEYMGMT_VALIDATE, validate),                                       \
		ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, import),                                           \
		ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, type##_types),                               \
		ENTRY(OSSL_FUNC_KEYMGMT_EXPORT, export),                                           \
		ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, type##_types),                               \
		ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),                                   \
		ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, type##_gettable_params),                  \
		ENTRY(OSSL_FUNC_KEYMGMT_SET_PARAMS, set_params),                                   \
		ENTRY(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, type##_settable_params),                  \
		ENTRY(OSSL_FUNC_KEYMGMT_DUP, duplicate),                                           \
		ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, type##_operation_name),              \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_INIT, type##_gen_init),                                \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE, keygen_set_template),                    \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, keygen_set_params),                        \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, keygen_settable_params),              \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN, keygen_run),                                          \
		ENTRY(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, keygen_cleanup), ENTRY_END

static const OSSL_DISPATCH rsa_functions[] = { KEYMGMT(rsa) };
static const OSSL_DISPATCH ec_functions[] = { KEYMGMT(ec) };

/* No key is ever of this kind: libcrypto looks for decoders by the names of keymgmts, and this one
 * lets a single decoder stand for references to keys of every kind. */
static const OSSL_DISPATCH reference_functions[] = {
	ENTRY(OSSL_FUNC_KEYMGMT_LOAD, load),
	ENTRY(OSSL_FUNC_KEYMGMT_FREE, free_key),
	ENTRY(OSSL_FUNC_KEYMGMT_HAS, has),
	ENTRY_END,
};

const OSSL_ALGORITHM keymgmt_algorithms[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROV_PROPERTIES, rsa_functions, "RSA" },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", PROV_PROPERTIES, ec_functions, "EC" },
	{ KEY_REFERENCE_NAME, PROV_PROPERTIES, reference_functions, "references to token keys" },
	{ NULL, NULL, NULL, NULL },
};
